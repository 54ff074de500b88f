#pragma once
/*
 * SQL
 *
 * Statements on the database of the server under test (API_DATABASE_URL), in the roles
 * that the server and the command line work in, through lib/db.
 */
#include "base/annotate.h"

struct db;
struct db_pool;

/*
 * sql_prepare() - run a file of tests/integration on the database, as its superuser
 * For a hook before the tests: what goes wrong is kept for records_ready().
 */
void sql_prepare(const char *file);

/* @role, @session: as in struct db_pool_settings. Owned, db_pool_free(). */
struct db_pool *sql_pool(const char *role, const char *session);

/* One statement made by a format. Return: as db_run_text(). */
PRINTF_LIKE(2, 3) int sql_run(struct db *db, const char *format, ...);
/* The first value of the only row; "(null)" for SQL null. Lives until the next call of this
 * thread. A failure ends the test. */
PRINTF_LIKE(2, 3) const char *sql_value(struct db *db, const char *format, ...);
/* The same of two parts, taken as they are. */
const char *sql_value_of(struct db *db, const char *head, const char *tail);
