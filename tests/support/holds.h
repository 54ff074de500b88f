#pragma once
/*
 * Holds
 *
 * Places inside the transaction of a write where a test can hold it, look at what
 * others make of that, crash what it likes, and let it go: triggers that take an
 * advisory lock, which whoever tests has taken before. Held are transactions for
 * one organisation alone, so that tests beside this one go their way.
 *
 * A server whose writes are held needs EXPRESS_STATEMENT_TIMEOUT_MS=60000.
 */
#include "base/annotate.h"

#include <stdbool.h>

struct db;
struct db_pool;
struct http_pending;

enum hold_place {
    HOLD_BEFORE_KEY = 1,
    HOLD_AFTER_KEY,
    HOLD_BEFORE_RECORD, /* inserted or updated */
    HOLD_AFTER_RECORD,
    HOLD_BEFORE_VERSION,
    HOLD_AFTER_VERSION,
    HOLD_BEFORE_CHANGE, /* of the change log: when the public is concerned */
    HOLD_AFTER_CHANGE,
    HOLD_BEFORE_HISTORY, /* of what is public */
    HOLD_AFTER_HISTORY,
    HOLD_BEFORE_AUDIT,
    HOLD_AFTER_AUDIT,
    HOLD_BEFORE_RESULT, /* that the key is kept with; of what is created, with the key */
    HOLD_AFTER_RESULT,
    HOLD_AT_COMMIT, /* of a request that is noted */
    HOLD_PLACES
};

struct hold {
    struct db_pool *pool;
    struct db *db; /* a session of the superuser */
    int family;    /* of the organisation */
};

/* What the triggers are: for a hook before the tests, or after test_server_start(). */
extern const char HOLDS_SQL[];

/* "after the key"; a constant. */
const char *hold_name(enum hold_place place);

/* @organisation: borrowed; slug of whom the transactions work for. */
void hold_open(struct hold *hold, const char *organisation);
void hold_close(struct hold *hold);
/* From now on, transactions stop there. */
void hold_arm(struct hold *hold, enum hold_place place);
/* Waits until one has. Return: the process id of its backend. */
int hold_wait(struct hold *hold, enum hold_place place);
/* Waits until so many have. */
void hold_wait_several(struct hold *hold, enum hold_place place, int count);
/* Ends the backends of all that have, but this one. */
void hold_kill_others(struct hold *hold, enum hold_place place, int backend);
/* They go on. */
void hold_release(struct hold *hold, enum hold_place place);

/* Does something in a transaction of the superuser, and leaves it open. Return: its backend. */
int hold_begin(struct hold *hold, const char *sql);
/* Commits it. */
void hold_end(struct hold *hold);

/* Until somebody waits for a lock that this backend has; or, on a busy machine, until @pending,
 * which should, has waited for too long already and has its answer. */
void hold_wait_blocked(struct hold *hold, int backend, const struct http_pending *pending);
/* Until the backend is gone, or out of its transaction. */
void hold_wait_gone(struct hold *hold, int backend);
