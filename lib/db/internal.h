#pragma once
/*
 * Database internals
 *
 * What the files of lib/db share and nobody else may include.
 *
 *   target.c       where to connect and how: the options, opening, back-off
 *   wire.c         waiting for libpq with a deadline
 *   statements.c   the prepared statements of one connection
 *   connection.c   one connection: what its failures mean, when it must go
 *   run.c          statements with parameters
 *   queue.c        several of them in one flight
 *   transaction.c  begin, commit, rollback
 *   pool.c         leases
 *
 * libpq's types are named by their tags here, so that only .c files that call
 * it include its header.
 */
#include "db/db.h"

struct db_target;
struct pg_conn;
struct pg_result;

#define DB_CONNECT_MS 2000     /* libpq's smallest connect_timeout; a healthy server needs 10 ms */
#define DB_GRACE_MS 1000       /* after statement_timeout, before we give the connection up */
#define DB_CHECK_MS 500        /* for the answer to a health check */
#define DB_SQLSTATE_BYTES 6    /* five characters and the end */
#define DB_CONSTRAINT_BYTES 64 /* PostgreSQL's NAMEDATALEN */
#define DB_MESSAGE_BYTES 512
#define DB_STATEMENT_NAME_BYTES 16
#define DB_CALL_NAME_BYTES 24 /* "text_" and 16 digits */
#define DB_QUEUE_MAX 48       /* a create of a record with all its lists has half as many */

/* ---- target.c ---- */

/* The texts of @settings are copied. Return: 0; a fault: -EINVAL for a bad url or role. */
MUST_CHECK int db_target_new(const struct db_pool_settings *settings,
                             struct db_target **ret_target);
void db_target_free(struct db_target *target);

/*
 * db_target_open() - one connection, ready for statements, within DB_CONNECT_MS
 * @turn:   which of several hosts comes first, modulo their number
 * @ret_pg: owned by the caller, PQfinish()
 *
 * Return: 0; DB_TIMEOUT, when another turn may do better; DB_UNAVAILABLE; a fault.
 */
MUST_CHECK int db_target_open(const struct db_target *target, unsigned turn,
                              struct pg_conn **ret_pg);

/* How long to stay away after so many failures in a row: doubling, up to a second, half of it
 * chance. */
unsigned db_backoff_ms(unsigned failures);

/* ---- wire.c ---- */

/* Waits for the socket. @deadline_ms: monotonic, 0 for none. Return: 0; DB_TIMEOUT; DB_UNAVAILABLE.
 */
MUST_CHECK int db_wire_poll(int socket, short events, uint64_t deadline_ms, short *ret_revents);
/* The next PGresult, or NULL at the end of a statement. Return: as db_wire_poll(). */
MUST_CHECK int db_wire_result(struct pg_conn *pg, uint64_t deadline_ms,
                              struct pg_result **ret_result);
/* A statement without parameters or rows. Return: 0; an outcome; -EPROTO, not logged. */
MUST_CHECK int db_wire_command(struct pg_conn *pg, const char *sql, uint64_t deadline_ms);

/* ---- statements.c ---- */

/* What is to be run: a struct db_query, or a text composed for the call. */
struct db_call {
    const struct db_query *query; /* NULL for a text */
    const char *sql;
    size_t length; /* of @sql, texts only */
    uint64_t hash;
    enum db_plan plan;
    int param_count;
    const char *const *values;
};

struct db_statement {
    const struct db_query *query; /* NULL for a text */
    const char *sql;              /* the query's own, or @copy */
    char *copy;                   /* owned, of a text; else NULL */
    size_t length;
    uint64_t hash;
    unsigned serial; /* makes its name on the server */
    bool marks_session;
    struct db_statement *bucket_next, *newer, *older;
};

/* Least recently used first out; nothing is allocated for a statement that is known. */
struct db_statements {
    struct db_statement *items;    /* all, allocated once */
    struct db_statement **buckets; /* chains by hash */
    struct db_statement *newest, *oldest, *unused;
    size_t bucket_mask;
    unsigned last_serial;
};

MUST_CHECK int db_statements_init(struct db_statements *statements, unsigned max);
void db_statements_deinit(struct db_statements *statements);
/* Forgets all: the connection they were prepared on is gone. */
void db_statements_clear(struct db_statements *statements);
/* Fills query or sql, length and hash of @call. */
void db_call_init(struct db_call *call, const struct db_query *query, const char *sql);
/* NULL when not known; otherwise it becomes the most recently used. */
struct db_statement *db_statements_find(struct db_statements *statements,
                                        const struct db_call *call);
/* The one that must go before another fits; NULL while there is room. */
struct db_statement *db_statements_victim(const struct db_statements *statements);
void db_statements_remove(struct db_statements *statements, struct db_statement *statement);
/* Remembers what was prepared under @serial. Return: 0; a fault. */
MUST_CHECK int db_statements_add(struct db_statements *statements, const struct db_call *call,
                                 unsigned serial);
void db_statement_name(char ret_name[DB_STATEMENT_NAME_BYTES], unsigned serial);

/* ---- queue.c ---- */

/* A statement on its way. */
struct db_waiting {
    const struct db_query *query; /* NULL for a text */
    uint64_t hash;
    struct db_statement *prepared; /* its PREPARE travels before it; NULL: it is known */
    struct db_rows **ret_rows;     /* borrowed; may be NULL */
    struct pg_result *result;      /* owned, until the flight is back */
};

/* For the log: the query's own name, or one made of the text's hash. */
const char *db_call_name(const struct db_query *query, uint64_t hash,
                         char buffer[DB_CALL_NAME_BYTES]);
/* As db_queue(). */
MUST_CHECK int db_queue_call(struct db *db, const struct db_call *call, struct db_rows **ret_rows);
/*
 * COMMIT, with all that waits.
 * @ret_tag: receives the command tag of COMMIT
 */
MUST_CHECK int db_queue_commit(struct db *db, char ret_tag[DB_STATEMENT_NAME_BYTES]);

/* Before a rollback: nobody asks any more what becomes of what waits. */
void db_forget_queue(struct db *db);

/* ---- run.c ---- */

/* One statement by itself: db_run() without what waits. */
MUST_CHECK int db_run_call(struct db *db, const struct db_call *call, struct db_rows **ret_rows);

/* ---- connection.c ---- */

struct db {
    struct db_pool *pool;
    struct db *next;       /* in one of the pool's lists */
    struct pg_conn *pg;    /* owned; NULL when there is no connection */
    uint64_t retire_ms;    /* when the connection has served long enough */
    uint64_t used_ms;      /* when it was given back */
    unsigned statement_ms; /* of the pool's settings */
    bool in_transaction;
    bool session_marked;        /* something outlives the transaction: not for the next lease */
    bool reuses_statement;      /* the statement being run was prepared by an earlier call */
    bool warned;                /* the server sent a WARNING since we last looked */
    enum db_plan plan;          /* plan_cache_mode, as the server has it now */
    enum db_plan plan_at_begin; /* what a rollback takes it back to */
    struct db_waiting queue[DB_QUEUE_MAX];
    unsigned queue_count;
    bool begins;          /* the flight that is being made has BEGIN in it */
    bool may_begin_again; /* it was lost, and nothing but that flight has been tried */
    struct db_statements statements;
    uint64_t statement_count, lost_count, timeout_count; /* of this lease */
    char sqlstate[DB_SQLSTATE_BYTES];
    char constraint[DB_CONSTRAINT_BYTES];
    char message[DB_MESSAGE_BYTES];
};

/* Takes over @pg, just opened. */
void db_adopt(struct db *db, struct pg_conn *pg, uint64_t retire_ms);
/* Closes the connection; the lease stays, and with it a transaction that can only be rolled back.
 */
void db_drop(struct db *db);
/* Closes the connection unless it answers. */
void db_check(struct db *db);
/* Has the server sent something while nobody asked? Then it usually said good-bye. */
bool db_has_news(const struct db *db);
void db_forget_failure(struct db *db);
/* The pool's own part of a lease: after a loss, may a session be replaced by a fresh one? */
bool db_may_reconnect(const struct db *db);
/* When our patience with a statement sent now ends; 0: never. */
uint64_t db_deadline_ms(const struct db *db);
/* Counts, logs and closes after a loss or a missed deadline. Return: @outcome. */
int db_give_up(struct db *db, const char *name, int outcome);
/*
 * All results of one statement, to its end, and what they mean.
 * @name:       borrowed; for the log
 * @ret_result: the last one, or the first that failed; owned by the caller,
 *              PQclear(), also after an outcome; may be NULL
 */
MUST_CHECK int db_collect(struct db *db, const char *name, uint64_t deadline_ms,
                          struct pg_result **ret_result);
/*
 * One simple query, without retry.
 * @ret_tag: receives the command tag; may be NULL
 */
MUST_CHECK int db_command(struct db *db, const char *name, const char *sql, bool commits,
                          char ret_tag[DB_STATEMENT_NAME_BYTES]);

/* ---- rows.c ---- */

/* Steals @result. Return: 0; a fault. */
MUST_CHECK int db_rows_new(struct pg_result *result, struct db_rows **ret_rows);

/* ---- pool.c ---- */

/* Return: 0; DB_UNAVAILABLE, at once while backing off; a fault. */
MUST_CHECK int db_pool_connect(struct db *db);
void db_pool_note_closed(struct db_pool *pool);
