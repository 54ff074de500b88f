#pragma once
/*
 * Pools
 *
 * Pools of lib/db on the scratch PostgreSQL itself, for the tests of that layer: short waits, and
 * no server in between. Each test works in a table of its process, public.test_db_{pid}.
 */
#include "base/annotate.h"
#include "db/db.h"

/* Two connections; a statement has a second, a lock 150 ms. */
extern const struct db_pool_settings POOLS_SETTINGS;

/* Borrowed. */
const char *pools_url(void);
/* @settings: without a url, with that one. Owned, db_pool_free(). */
struct db_pool *pools_open(struct db_pool_settings settings);
/* One that must be had; give back with db_release(). */
struct db *pools_lease(struct db_pool *pool);
/* The same, waiting until the back-off is over: two seconds at most. */
struct db *pools_lease_again(struct db_pool *pool);

/* One statement made by a format. Return: as db_run_text(). */
PRINTF_LIKE(2, 3) int pools_run(struct db *db, const char *format, ...);
/* The same, to travel with the next one. Return: as db_queue_text(). */
PRINTF_LIKE(3, 4)
int pools_queue(struct db *db, struct db_rows **ret_rows, const char *format, ...);
/* The first value of the only row; until the next call of this thread. */
const char *pools_value(struct db *db, const char *sql);
/* Ends a backend, and waits until it is gone: by its id, or that of a connection in use. */
void pools_terminate(struct db *by, const char *pid);
void pools_kill(struct db *by, struct db *db);

void pools_make_table(struct db *db);
/* The name of its primary key, which is that of an index too: not two tables have the same. */
const char *pools_key(void);
void pools_drop_table(struct db *db);
