/*
 * Running statements.
 *
 * A known statement is one round trip of bind and execute. A new one travels
 * with its PREPARE in one pipeline, together with the DEALLOCATE of the least
 * used and a change of plan_cache_mode where they are due; so the first use is
 * one round trip, too. Outside a transaction such a pipeline is a transaction
 * of its own, and its failure takes the SET back but neither PREPARE nor
 * DEALLOCATE: the book-keeping follows that.
 */
#include "db/internal.h"

#include "base/fault.h"
#include "db/outcome.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include <libpq-fe.h>

/* The pipeline of a statement's first use, or the one message of all later ones. */
struct step {
    struct db_statement *known;  /* NULL: to be prepared */
    struct db_statement *victim; /* to be deallocated first; NULL: none */
    unsigned serial;             /* of the statement to be prepared */
    bool switches_plan;
};

static bool send_call(PGconn *pg, const struct db_call *call, const struct step *step)
{
    bool pipelined = step->known == NULL || step->switches_plan;
    char name[DB_STATEMENT_NAME_BYTES];

    if (pipelined && PQenterPipelineMode(pg) != 1)
        return false;
    if (step->victim != NULL) {
        char deallocate[DB_STATEMENT_NAME_BYTES + 16];

        db_statement_name(name, step->victim->serial);
        (void)snprintf(deallocate, sizeof(deallocate), "deallocate %s", name);
        if (PQsendQueryParams(pg, deallocate, 0, NULL, NULL, NULL, NULL, 0) != 1)
            return false;
    }
    if (step->switches_plan) {
        const char *set = call->plan == DB_PLAN_CUSTOM ? "set plan_cache_mode = force_custom_plan"
                                                       : "set plan_cache_mode = force_generic_plan";

        if (PQsendQueryParams(pg, set, 0, NULL, NULL, NULL, NULL, 0) != 1)
            return false;
    }
    db_statement_name(name, step->known != NULL ? step->known->serial : step->serial);
    if (step->known == NULL && PQsendPrepare(pg, name, call->sql, 0, NULL) != 1)
        return false;
    if (PQsendQueryPrepared(pg, name, call->param_count, call->values, NULL, NULL, 0) != 1)
        return false;
    return !pipelined || PQpipelineSync(pg) == 1;
}

/* One of the steps before the last. Once one has failed, the rest is aborted and only drained. */
static int collect_step(struct db *db, const char *name, uint64_t deadline_ms, int before)
{
    PGresult *result = NULL;
    int r;

    if (db->pg == NULL)
        return before;
    r = db_collect(db, name, deadline_ms, &result);
    PQclear(result);
    return before != 0 ? before : r;
}

static int collect_pipeline(struct db *db, const struct db_call *call, const struct step *step,
                            const char *name, uint64_t deadline_ms, PGresult **ret_result)
{
    enum db_plan plan_before = db->plan;
    PGresult *sync = NULL;
    int outcome = 0;
    int r;

    if (step->victim != NULL) {
        outcome = collect_step(db, "deallocate", deadline_ms, outcome);
        if (outcome == 0)
            db_statements_remove(&db->statements, step->victim);
    }
    if (step->switches_plan) {
        outcome = collect_step(db, "set_plan", deadline_ms, outcome);
        if (outcome == 0)
            db->plan = call->plan;
    }
    if (step->known == NULL) {
        outcome = collect_step(db, name, deadline_ms, outcome);
        if (outcome == 0)
            outcome = db_statements_add(&db->statements, call, step->serial);
    }
    if (db->pg != NULL) {
        r = db_collect(db, name, deadline_ms, ret_result);
        outcome = outcome != 0 ? outcome : r;
    }
    if (db->pg == NULL)
        return outcome;

    if (outcome != 0 && !db->in_transaction)
        db->plan = plan_before;
    r = db_wire_result(db->pg, deadline_ms, &sync);
    if (r != 0)
        return db_give_up(db, name, r);
    if (PQresultStatus(sync) != PGRES_PIPELINE_SYNC || PQexitPipelineMode(db->pg) != 1) {
        db_drop(db);
        outcome = fault_raise(-EPROTO);
    }
    PQclear(sync);
    return outcome;
}

/* @name: for the log. @ret_result: owned by the caller, also after an outcome. */
static int run_once(struct db *db, const struct db_call *call, const char *name,
                    PGresult **ret_result)
{
    struct step step = {.known = db_statements_find(&db->statements, call)};
    bool commits = !db->in_transaction && !db_text_reads_only(call->sql);
    uint64_t deadline_ms = db_deadline_ms(db);
    int r;

    if (step.known == NULL) {
        step.victim = db_statements_victim(&db->statements);
        step.serial = ++db->statements.last_serial;
    }
    step.switches_plan = db->plan != call->plan;
    if (step.known != NULL ? step.known->marks_session : db_text_marks_session(call->sql))
        db->session_marked = true;

    db->statement_count++;
    db->reuses_statement = step.known != NULL;
    if (!send_call(db->pg, call, &step))
        r = db_give_up(db, name, DB_UNAVAILABLE);
    else if (step.known == NULL || step.switches_plan)
        r = collect_pipeline(db, call, &step, name, deadline_ms, ret_result);
    else
        r = db_collect(db, name, deadline_ms, ret_result);
    return commits ? db_outcome_at_commit(r, db->pg == NULL, db->warned) : r;
}

int db_run_call(struct db *db, const struct db_call *call, struct db_rows **ret_rows)
{
    bool may_retry = db_may_reconnect(db);
    char buffer[DB_CALL_NAME_BYTES];
    const char *name = db_call_name(call->query, call->hash, buffer);
    PGresult *result = NULL;
    int r = DB_UNAVAILABLE;

    assert(call->param_count == 0 || call->values != NULL);
    assert(db->queue_count == 0);
    db_forget_failure(db);
    if (db->pg != NULL)
        r = run_once(db, call, name, &result);
    if (r == DB_UNAVAILABLE && may_retry && db_text_reads_only(call->sql)) {
        PQclear(result);
        result = NULL;
        r = db_pool_connect(db);
        if (r == 0)
            r = run_once(db, call, name, &result);
    }

    if (r != 0 || ret_rows == NULL) {
        PQclear(result);
        return r;
    }
    return db_rows_new(result, ret_rows);
}

static void call_init(struct db_call *call, const struct db_query *query, const char *const *values)
{
    db_call_init(call, query, query->sql);
    call->plan = query->plan;
    call->param_count = query->param_count;
    call->values = values;
}

static void call_init_text(struct db_call *call, const char *sql, enum db_plan plan,
                           int param_count, const char *const *values)
{
    db_call_init(call, NULL, sql);
    call->plan = plan;
    call->param_count = param_count;
    call->values = values;
}

/* What waits goes along. */
static int run(struct db *db, const struct db_call *call, struct db_rows **ret_rows)
{
    int r;

    if (db->queue_count == 0)
        return db_run_call(db, call, ret_rows);
    r = db_queue_call(db, call, ret_rows);
    return r == 0 ? db_flush(db) : r;
}

int db_run(struct db *db, const struct db_query *query, const char *const *values,
           struct db_rows **ret_rows)
{
    struct db_call call;

    call_init(&call, query, values);
    return run(db, &call, ret_rows);
}

int db_run_text(struct db *db, const char *sql, enum db_plan plan, int param_count,
                const char *const *values, struct db_rows **ret_rows)
{
    struct db_call call;

    call_init_text(&call, sql, plan, param_count, values);
    return run(db, &call, ret_rows);
}

int db_queue(struct db *db, const struct db_query *query, const char *const *values,
             struct db_rows **ret_rows)
{
    struct db_call call;

    call_init(&call, query, values);
    return db_queue_call(db, &call, ret_rows);
}

int db_queue_text(struct db *db, const char *sql, enum db_plan plan, int param_count,
                  const char *const *values, struct db_rows **ret_rows)
{
    struct db_call call;

    call_init_text(&call, sql, plan, param_count, values);
    return db_queue_call(db, &call, ret_rows);
}
