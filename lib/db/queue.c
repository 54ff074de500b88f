/*
 * Several statements in one flight: libpq's pipeline, which is opened by the
 * first statement that is queued and closed when the flight is back.
 *
 * What libpq has been given lies in its buffer until then, so nothing is copied
 * here. A statement's PREPARE travels before it and is believed to succeed, for
 * the next one may be the same; what was not prepared after all is forgotten
 * when the flight is back. A DEALLOCATE or another plan_cache_mode does not
 * travel: before a statement that needs one, what waits is sent.
 */
#include "db/internal.h"

#include "base/fault.h"
#include "db/outcome.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>

static const struct db_query BEGIN = {
    .name = "begin",
    .sql = "begin isolation level read committed, read write",
};
static const struct db_query SAVEPOINT = {.name = "savepoint", .sql = "savepoint here"};
static const struct db_query COMMIT = {.name = "commit", .sql = "commit"};

const char *db_call_name(const struct db_query *query, uint64_t hash,
                         char buffer[DB_CALL_NAME_BYTES])
{
    if (query != NULL)
        return query->name;
    /* It always fits. */
    (void)snprintf(buffer, DB_CALL_NAME_BYTES, "text_%016llx", (unsigned long long)hash);
    return buffer;
}

static bool send_call(struct db *db, const struct db_call *call, const struct db_statement *known,
                      bool is_new)
{
    char name[DB_STATEMENT_NAME_BYTES];

    db_statement_name(name, known->serial);
    if (db->queue_count == 0 && PQenterPipelineMode(db->pg) != 1)
        return false;
    if (is_new && PQsendPrepare(db->pg, name, call->sql, 0, NULL) != 1)
        return false;
    return PQsendQueryPrepared(db->pg, name, call->param_count, call->values, NULL, NULL, 0) == 1;
}

/* All that waits is gone with the connection. */
static int give_up(struct db *db, const char *name, int outcome)
{
    db->queue_count = 0;
    return db_give_up(db, name, outcome);
}

static int enqueue(struct db *db, const struct db_call *call, bool is_control,
                   struct db_rows **ret_rows)
{
    struct db_statement *known = db_statements_find(&db->statements, call);
    const bool is_new = known == NULL;

    if (is_new) {
        int r = db_statements_add(&db->statements, call, db->statements.last_serial + 1);

        if (r != 0)
            return r;
        db->statements.last_serial++;
        known = db_statements_find(&db->statements, call);
    }
    if (known->marks_session && !is_control)
        db->session_marked = true;
    db->statement_count++;
    if (!send_call(db, call, known, is_new))
        return give_up(db, call->query == NULL ? "text" : call->query->name, DB_UNAVAILABLE);
    db->queue[db->queue_count++] = (struct db_waiting){.query = call->query,
                                                       .hash = call->hash,
                                                       .prepared = is_new ? known : NULL,
                                                       .ret_rows = ret_rows};
    return 0;
}

/* Can it wait, and be sent with the others? */
static bool may_travel(struct db *db, const struct db_call *call)
{
    return db->plan == call->plan && (db_statements_find(&db->statements, call) != NULL ||
                                      db_statements_victim(&db->statements) == NULL);
}

int db_queue_call(struct db *db, const struct db_call *call, struct db_rows **ret_rows)
{
    int r = 0;

    assert(call->param_count == 0 || call->values != NULL);
    if (!db->in_transaction)
        return db_run_call(db, call, ret_rows);
    if (db->pg == NULL)
        return DB_UNAVAILABLE;
    if (db->queue_count == DB_QUEUE_MAX || !may_travel(db, call))
        r = db_flush(db);
    if (r != 0)
        return r;
    if (!may_travel(db, call))
        return db_run_call(db, call, ret_rows);
    return enqueue(db, call, false, ret_rows);
}

/* ---- back again ---- */

static int collect_one(struct db *db, struct db_waiting *waiting, int before)
{
    char buffer[DB_CALL_NAME_BYTES];
    const char *name = db_call_name(waiting->query, waiting->hash, buffer);
    PGresult *prepared = NULL;
    int r = 0;

    db->reuses_statement = waiting->prepared == NULL;
    if (waiting->prepared != NULL) {
        r = db_collect(db, name, db_deadline_ms(db), &prepared);
        PQclear(prepared);
        /* With the connection, all of them are forgotten. */
        if (r != 0 && db->pg != NULL)
            db_statements_remove(&db->statements, waiting->prepared);
    }
    if (db->pg != NULL) {
        const int executed = db_collect(db, name, db_deadline_ms(db), &waiting->result);

        r = r != 0 ? r : executed;
    }
    return before != 0 ? before : r;
}

static int close_pipeline(struct db *db)
{
    PGresult *sync = NULL;
    int r = db_wire_result(db->pg, db_deadline_ms(db), &sync);

    if (r != 0)
        return db_give_up(db, "sync", r);
    if (PQresultStatus(sync) != PGRES_PIPELINE_SYNC || PQexitPipelineMode(db->pg) != 1) {
        db_drop(db);
        r = fault_raise(-EPROTO);
    }
    PQclear(sync);
    return r;
}

/* The results to those who asked for them, or to nobody. */
static int hand_out(struct db *db, unsigned count, int outcome)
{
    for (unsigned i = 0; i < count; i++) {
        struct db_waiting *waiting = &db->queue[i];

        if (outcome == 0 && waiting->ret_rows != NULL)
            outcome = db_rows_new(waiting->result, waiting->ret_rows);
        else
            PQclear(waiting->result);
    }
    return outcome;
}

/*
 * @commits: the last one is COMMIT
 * @ret_tag: of the last one; may be NULL
 */
static int fly(struct db *db, bool commits, char ret_tag[DB_STATEMENT_NAME_BYTES])
{
    const unsigned count = db->queue_count;
    unsigned failed_at = count;
    int outcome = 0;
    int r;

    db_forget_failure(db);
    if (PQpipelineSync(db->pg) != 1)
        outcome = db_give_up(db, "sync", DB_UNAVAILABLE);
    for (unsigned i = 0; i < count && db->pg != NULL; i++) {
        db->warned = false;
        outcome = collect_one(db, &db->queue[i], outcome);
        if (outcome != 0 && failed_at == count)
            failed_at = i;
    }
    /* What the server itself refused before it came to COMMIT cannot have been kept. */
    if (commits && (failed_at + 1 >= count || db->sqlstate[0] == '\0'))
        outcome = db_outcome_at_commit(outcome, db->pg == NULL, db->warned);
    if (db->pg != NULL) {
        r = close_pipeline(db);
        /* Once COMMIT has been answered, it does not matter what becomes of the connection. */
        outcome = outcome != 0 || commits ? outcome : r;
    }
    if (ret_tag != NULL && count > 0 && db->queue[count - 1].result != NULL)
        (void)snprintf(ret_tag, DB_STATEMENT_NAME_BYTES, "%s",
                       PQcmdStatus(db->queue[count - 1].result));
    /* BEGIN itself has not come through, or nobody has heard that it has. */
    db->may_begin_again =
        db->begins && outcome == DB_UNAVAILABLE && (failed_at == 0 || failed_at == count);
    db->begins = false;
    db->queue_count = 0;
    return hand_out(db, count, outcome);
}

int db_flush(struct db *db)
{
    return db->queue_count == 0 ? 0 : fly(db, false, NULL);
}

/* ---- transactions ---- */

int db_queue_begin(struct db *db)
{
    const bool may_begin_again = db_may_reconnect(db);
    struct db_call call;
    int r = 0;

    assert(!db->in_transaction && db->queue_count == 0);
    db_forget_failure(db);
    db->may_begin_again = false;
    if (db->pg == NULL)
        r = may_begin_again ? db_pool_connect(db) : DB_UNAVAILABLE;
    if (r != 0)
        return r;
    db_call_init(&call, &BEGIN, BEGIN.sql);
    if (!may_travel(db, &call))
        return db_begin(db);
    r = enqueue(db, &call, true, NULL);
    if (r != 0) {
        db->may_begin_again = may_begin_again && r == DB_UNAVAILABLE;
        return r;
    }
    db->in_transaction = true;
    db->plan_at_begin = db->plan;
    db->begins = may_begin_again;
    return 0;
}

bool db_may_begin_again(const struct db *db)
{
    return db->may_begin_again;
}

int db_queue_savepoint(struct db *db)
{
    struct db_call call;
    int r = 0;

    assert(db->in_transaction);
    if (db->pg == NULL)
        return DB_UNAVAILABLE;
    db_call_init(&call, &SAVEPOINT, SAVEPOINT.sql);
    if (db->queue_count == DB_QUEUE_MAX || !may_travel(db, &call))
        r = db_flush(db);
    if (r != 0)
        return r;
    return may_travel(db, &call) ? enqueue(db, &call, true, NULL)
                                 : db_command(db, SAVEPOINT.name, SAVEPOINT.sql, false, NULL);
}

int db_rollback_to_savepoint(struct db *db)
{
    assert(db->in_transaction && db->queue_count == 0);
    db_forget_failure(db);
    return db_command(db, "rollback_to", "rollback to savepoint here", false, NULL);
}

int db_queue_commit(struct db *db, char ret_tag[DB_STATEMENT_NAME_BYTES])
{
    struct db_call call;
    int r;

    db_call_init(&call, &COMMIT, COMMIT.sql);
    if (db->queue_count == DB_QUEUE_MAX || !may_travel(db, &call)) {
        r = db_flush(db);
        return r != 0 ? r : db_command(db, COMMIT.name, COMMIT.sql, true, ret_tag);
    }
    r = enqueue(db, &call, true, NULL);
    return r == 0 ? fly(db, true, ret_tag) : db_outcome_at_commit(r, db->pg == NULL, false);
}

void db_forget_queue(struct db *db)
{
    /* It cannot be taken back, and whoever asked for rows may be gone. */
    for (unsigned i = 0; i < db->queue_count; i++)
        db->queue[i].ret_rows = NULL;
    if (db_flush(db) != 0)
        db_forget_failure(db); /* it is rolled back in any case */
}
