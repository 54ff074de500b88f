#pragma once
/*
 * Database
 *
 * A pool of leased connections to PostgreSQL, with our own deadline on every
 * statement: libpq is driven without blocking, and a connection that misses
 * its deadline is closed, never reused. The only module that includes
 * <libpq-fe.h>. A connection belongs to one thread at a time: the lease.
 *
 * What PostgreSQL reports becomes one of the outcomes below. Its texts are
 * never passed on or logged, because they quote rows; the SQLSTATE and the
 * name of the constraint are.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct db_pool;
struct db_rows;

enum db_outcome {
    DB_UNAVAILABLE = 1,  /* no connection, or lost: 503 */
    DB_BUSY,             /* no connection became free in time: 503 */
    DB_TIMEOUT,          /* the statement took too long: 503 */
    DB_CONTENTION,       /* serialisation, deadlock, lock wait: try again, then 503 */
    DB_OUTCOME_UNKNOWN,  /* lost or too late during COMMIT: 503, never "done" */
    DB_READ_ONLY,        /* a stale primary: 503 */
    DB_UNIQUE_VIOLATION, /* db_constraint() names it */
    DB_FOREIGN_KEY_VIOLATION,
    DB_CHECK_VIOLATION, /* also not-null, and values out of range: class 22 and 23 */
    DB_FORBIDDEN        /* 42501: a privilege or policy said no */
};

struct db_pool_settings {
    const char *url;         /* libpq URI or keyword string */
    const char *role;        /* set as the session's role, or NULL for the login role */
    const char *session;     /* a setting of every session, "express.role=system", or NULL */
    const char *application; /* application_name */
    unsigned size;           /* connections at most, 1..100 */
    unsigned waiters_max;    /* threads that may wait for one; more: DB_BUSY at once */
    unsigned wait_ms;        /* for a free connection */
    unsigned statement_ms;   /* statement_timeout; our own deadline is a second later. 0: none */
    unsigned lock_ms;        /* lock_timeout; 0: none */
    unsigned statements_max; /* prepared statements kept per connection, least used dropped */
};

/*
 * A statement known at compile time, or composed at start by lib/record.
 * `name` is unique per text. Prepared on first use on each connection.
 */
enum db_plan { DB_PLAN_GENERIC, DB_PLAN_CUSTOM }; /* how PostgreSQL plans it: plan_cache_mode */
struct db_query {
    const char *name;
    const char *sql;
    int param_count;
    enum db_plan plan;
};

/*
 * Does what travels by this connection string stay between the two? A socket or loopback of this
 * machine, or TLS with the certificate held against the host's name.
 */
bool db_url_is_protected(const char *url);

/* db_pool_new() connects nothing yet. Return: 0; a fault. */
MUST_CHECK int db_pool_new(const struct db_pool_settings *settings, struct db_pool **ret_pool);
/* Every lease must have been given back. Takes NULL. */
void db_pool_free(struct db_pool *pool);

struct db_pool_figures {
    unsigned open, leased, waiting;
    uint64_t leases, waits, busy, lost, timeouts, statements;
    uint64_t wait_us; /* of all waits together */
};
void db_pool_figures(struct db_pool *pool, struct db_pool_figures *ret_figures);

/* db_lease(): Return: 0; DB_BUSY; DB_UNAVAILABLE; a fault. Give back with db_release(). */
MUST_CHECK int db_lease(struct db_pool *pool, struct db **ret_db);
/* Rolls back what is open, then gives the connection back (or closes a broken one). Takes NULL. */
void db_release(struct db *db);
void db_releasep(struct db **db); /* for CLEANUP() */

/*
 * db_run() - one statement with text parameters
 * @values: borrowed; param_count strings, NULL for SQL null
 * @ret_rows: owned by the caller, db_rows_free(); may be NULL when no rows are wanted
 *
 * Return: 0; an outcome; a fault. A whole read-only statement outside a
 * transaction is tried once more on a fresh connection after a loss.
 */
MUST_CHECK int db_run(struct db *db, const struct db_query *query, const char *const *values,
                      struct db_rows **ret_rows);
/*
 * A text composed for this call, by lib/record alone, from constant parts.
 * Prepared under its hash like any other; @plan as in db_query.
 */
MUST_CHECK int db_run_text(struct db *db, const char *sql, enum db_plan plan, int param_count,
                           const char *const *values, struct db_rows **ret_rows);
/*
 * db_queue() - a statement that travels with the next ones
 *
 * For transactions: outside of one it is run at once. It is sent, and its outcome told, with the
 * db_run(), db_flush() or db_commit() that comes next: they go in one flight, which costs one wait
 * instead of one for each. PostgreSQL carries a flight out in order and leaves out all that comes
 * after a failure, COMMIT too; so the first failure is the outcome of the whole. A flight that
 * comes back with anything but 0 gives no rows at all.
 *
 * @values:   as in db_run(); not needed any more when this returns
 * @ret_rows: borrowed until the flight is back, and set by it, with 0 only; may be NULL
 *
 * Return: 0; an outcome or a fault where what was queued before had to be sent first.
 */
MUST_CHECK int db_queue(struct db *db, const struct db_query *query, const char *const *values,
                        struct db_rows **ret_rows);
MUST_CHECK int db_queue_text(struct db *db, const char *sql, enum db_plan plan, int param_count,
                             const char *const *values, struct db_rows **ret_rows);
/* Sends what waits, and waits for it. Return: 0, also when nothing waits; an outcome; a fault. */
MUST_CHECK int db_flush(struct db *db);

/* Several statements without parameters (migrations), in one simple query. */
MUST_CHECK int db_run_script(struct db *db, const char *sql);

MUST_CHECK int db_begin(struct db *db);          /* read committed, read write */
MUST_CHECK int db_begin_snapshot(struct db *db); /* repeatable read, read only */
/* db_begin() that travels with what comes next: where the connection turns out to be lost, that
 * hears DB_UNAVAILABLE, and db_may_begin_again() says that nothing of it can have happened. */
MUST_CHECK int db_queue_begin(struct db *db);
bool db_may_begin_again(const struct db *db);
/* A place in the transaction to go back to, when what is queued after it fails. Return: as
 * db_queue(); as db_run(). */
MUST_CHECK int db_queue_savepoint(struct db *db);
MUST_CHECK int db_rollback_to_savepoint(struct db *db);
/* Whatever the result, the transaction is over, and the next one may begin. */
MUST_CHECK int db_commit(struct db *db);
void db_rollback(struct db *db);
bool db_in_transaction(const struct db *db);

/* Of the last failure on this connection: "" if none. Valid until the next call. */
const char *db_sqlstate(const struct db *db);
const char *db_constraint(const struct db *db);
/* The server's primary message of the last failure, for the command line alone (migrate, check). */
const char *db_message(const struct db *db);

void db_rows_free(struct db_rows *rows);
void db_rows_freep(struct db_rows **rows);
size_t db_rows_count(const struct db_rows *rows);
/* Borrowed, lives as long as @rows; NULL for SQL null. */
const char *db_rows_text(const struct db_rows *rows, size_t row, int column);
size_t db_rows_bytes(const struct db_rows *rows, size_t row, int column);
/* Rows an INSERT, UPDATE or DELETE touched. */
size_t db_rows_affected(const struct db_rows *rows);

/*
 * Listening: a connection of its own, outside every pool.
 *
 * db_listener_run() blocks until *@stop is true (looked at every 200 ms),
 * calling @on_notify for each notification, and @on_state when the connection
 * comes (true: from now on nothing is missed) and goes (false: whatever was
 * cached must be forgotten). It reconnects by itself, with back-off and jitter.
 */
struct db_listener_settings {
    const char *url;
    const char *role;
    const char *channel;
    void *data; /* borrowed, handed to the callbacks */
    void (*on_notify)(void *data, const char *payload);
    void (*on_state)(void *data, bool connected);
};
void db_listener_run(const struct db_listener_settings *settings, const volatile bool *stop);
