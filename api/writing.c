/*
 * What is tried again: a serialisation failure, a deadlock, and a constraint
 * that a transaction beside us has come to break after the step had looked:
 * the other one has won and is over, and the step finds out what that means.
 * Not a lock that was not to be had in time: whoever holds it is slow, and
 * waiting once more would make two of it. And a connection that turns out to be
 * lost with its first flight: nothing has happened on it.
 */
#include "writing.h"

#include "application.h"
#include "audit/audit.h"
#include "auth/caller.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "contract/contract.h"
#include "contract/schema.h"
#include "db/db.h"
#include "idempotency.h"
#include "present.h"
#include "reply.h"
#include "request.h"

#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOCK_TIMEOUT "55P03"
#define RETRY_AFTER_S "1" /* the other request has a second left at most */

/* References are checked at the end of a transaction; with dry_run that never comes. */
static const struct db_query CHECK_NOW = {
    .name = "writing_check_now",
    .sql = "set constraints all immediate",
};

/* --- for steps ---------------------------------------------------------------------------- */

static int answered(int r)
{
    return r == 0 ? WRITING_ANSWERED : fault_fold(r);
}

int writing_refuse(struct writing *writing, const char *code, const char *detail)
{
    return answered(reply_problem_code(writing->request, writing->reply, code, detail));
}

int writing_refuse_problem(struct writing *writing, const struct problem *problem)
{
    return answered(reply_problem(writing->request, writing->reply, problem));
}

int writing_check_body(struct writing *writing, const char *schema)
{
    const struct contract *contract = writing->request->application->contract;

    problem_set(writing->problem, "validation-failed", NULL);
    if (schema_check(contract_request(contract, schema), writing->body, "", writing->request->arena,
                     writing->problem)) {
        *writing->problem = (struct problem){0};
        return 0;
    }
    return writing_refuse_problem(writing, writing->problem);
}

/* What was found at one place before is not found there once more. */
void writing_tell_faults(struct writing *writing, const char *schema)
{
    const struct contract *contract = writing->request->application->contract;
    struct arena *arena = writing->request->arena;
    struct problem more = {0};

    problem_set(writing->problem, "validation-failed", NULL);
    (void)schema_check(contract_request(contract, schema), writing->body, "", arena, &more);
    for (size_t i = 0; i < more.error_count && i < ARRAY_LENGTH(more.errors); i++) {
        const struct problem_error *error = &more.errors[i];

        if (error->pointer == NULL || !problem_tells(writing->problem, error->pointer))
            problem_add(writing->problem, arena, error->pointer, NULL, error->code, "%s",
                        error->detail == NULL ? "" : error->detail);
    }
}

/* --- before the transaction ----------------------------------------------------------------- */

static int read_parameters(struct writing *writing)
{
    static const char *const KNOWN[] = {"dry_run", NULL};
    struct request *request = writing->request;
    const char *dry_run = request_parameter(request, "dry_run");
    int r = 0;

    if (!present_takes(request, KNOWN, writing->reply, &r))
        return answered(r);
    writing->dry_run = dry_run != NULL && strcmp(dry_run, "true") == 0;
    if (dry_run == NULL || writing->dry_run || strcmp(dry_run, "false") == 0)
        return 0;
    problem_set(writing->problem, "invalid-parameter", NULL);
    problem_add(writing->problem, request->arena, NULL, "dry_run", "unknown-value",
                "the value is true or false");
    return writing_refuse_problem(writing, writing->problem);
}

static int prepare(struct writing *writing, const struct writing_step *step,
                   struct idempotency_key *ret_key)
{
    int r = 0;

    if (!present_accepts_json(writing->request, writing->reply, &r))
        return answered(r);
    r = read_parameters(writing);
    if (r != 0 || step->replay == NULL)
        return r;
    r = idempotency_read(writing->request, ret_key);
    return r == IDEMPOTENCY_INVALID ? writing_refuse(writing, "idempotency-key-invalid", NULL) : r;
}

/* --- in the transaction ---------------------------------------------------------------------- */

static int audit(struct writing *writing)
{
    const struct writing_effect *effect = &writing->effect;

    if (effect->action == NULL)
        return 0;
    return audit_queue(
        writing->db,
        &(struct audit_entry){.action = effect->action,
                              .resource = effect->resource,
                              .record_id = effect->audit_id == NULL ? effect->id : effect->audit_id,
                              .version = effect->version,
                              .properties = effect->properties,
                              .property_count = effect->property_count});
}

static int replay(struct writing *writing, const struct writing_step *step,
                  const struct idempotency_result *result)
{
    const char *id = arena_copy(writing->request->arena, result->record_id);
    int r;

    if (id == NULL)
        return fault_raise(-ENOMEM);
    writing->reply->status = result->status;
    writing->effect =
        (struct writing_effect){.id = id[0] == '\0' ? NULL : id, .version = result->version};
    r = step->replay(writing);
    if (r == 0)
        r = reply_header(writing->reply, "Idempotency-Replayed", "true");
    if (r != 0)
        return r;
    /* It was done before; now it is read, by nobody in particular without a trace: they see what
     * everybody may see, as often as they like. */
    writing->effect.action =
        writing->request->caller.role == CALLER_ANONYMOUS ? NULL : "request.replay";
    writing->effect.property_count = 0;
    return audit(writing);
}

/* A dry run leaves nothing but the entry that somebody has seen the answer; see replay(). */
static int note_dry_run(struct writing *writing)
{
    const struct request *request = writing->request;
    int r;

    db_rollback(writing->db);
    if (request->caller.role == CALLER_ANONYMOUS)
        return 0;
    r = caller_begin(writing->db, &request->caller, request->id);
    if (r != 0)
        return r;
    writing->effect = (struct writing_effect){.action = "request.dry-run",
                                              .resource = writing->effect.resource,
                                              .id = writing->effect.id,
                                              .audit_id = writing->effect.audit_id};
    r = audit(writing);
    return r == 0 ? db_commit(writing->db) : r;
}

static int keep(struct writing *writing, const struct idempotency_key *key)
{
    const struct writing_effect *effect = &writing->effect;
    struct idempotency_result result = {.status = writing->reply->status,
                                        .version = effect->version};

    (void)snprintf(result.record_id, sizeof(result.record_id), "%s",
                   effect->id == NULL ? "" : effect->id);
    return idempotency_keep(writing->db, key, &result);
}

static int refuse_key(struct writing *writing, int claimed)
{
    int r;

    if (claimed == IDEMPOTENCY_REUSED)
        return writing_refuse(writing, "idempotency-key-reuse", NULL);
    if (claimed != IDEMPOTENCY_IN_PROGRESS)
        return claimed;
    r = writing_refuse(writing, "idempotency-in-progress", NULL);
    return r == WRITING_ANSWERED
               ? answered(reply_header(writing->reply, "Retry-After", RETRY_AFTER_S))
               : r;
}

static int act(struct writing *writing, const struct writing_step *step,
               const struct idempotency_key *key)
{
    struct idempotency_result result;
    int r = key->text == NULL ? 0 : idempotency_claim(writing->db, key, &result);

    if (r == IDEMPOTENCY_KNOWN)
        return replay(writing, step, &result);
    if (r != 0)
        return refuse_key(writing, r);
    r = step->act(writing);
    if (r == 0)
        r = db_queue(writing->db, &CHECK_NOW, NULL, NULL);
    if (r == 0)
        r = audit(writing);
    if (r == 0 && key->text != NULL)
        r = keep(writing, key);
    /* What is kept goes with its COMMIT. */
    return r == 0 && writing->dry_run ? db_flush(writing->db) : r;
}

/* One transaction, from its beginning to its end. */
static int attempt(struct writing *writing, const struct writing_step *step,
                   const struct idempotency_key *key)
{
    const struct request *request = writing->request;
    json_auto_t *body = request->body == NULL ? NULL : json_deep_copy(request->body);
    int r;

    if (request->body != NULL && body == NULL)
        return fault_raise(-ENOMEM);
    reply_reset(writing->reply);
    *writing->problem = (struct problem){0};
    writing->effect = (struct writing_effect){0};
    writing->body = body;
    r = caller_queue_begin(writing->db, &request->caller, request->id);
    if (r == 0)
        r = act(writing, step, key);
    if (r == 0)
        r = writing->dry_run ? note_dry_run(writing) : db_commit(writing->db);
    writing->body = NULL;
    return r;
}

/* --- around it ---------------------------------------------------------------------------------
 */

static void pause_before(unsigned retry)
{
    const unsigned ms = 1 + randombytes_uniform((uint32_t)WRITE_PAUSE_MS_MAX << retry);
    const struct timespec time = {.tv_nsec = (long)ms * 1000000};

    (void)nanosleep(&time, NULL); /* woken early it is only shorter */
}

static bool is_worth_a_retry(const struct db *db, int r)
{
    return (r == DB_CONTENTION && strcmp(db_sqlstate(db), LOCK_TIMEOUT) != 0) ||
           r == DB_UNIQUE_VIOLATION || r == DB_FOREIGN_KEY_VIOLATION ||
           (r == DB_UNAVAILABLE && db_may_begin_again(db));
}

static int answer(struct writing *writing, int r)
{
    switch (r) {
    case 0:
    case WRITING_ANSWERED:
        return 0;
    case DB_FORBIDDEN:
        /* Somebody asked for what the checks before should have refused. */
        log_warn("write.forbidden", "action=%s",
                 writing->effect.action == NULL ? "-" : writing->effect.action);
        return reply_problem_code(writing->request, writing->reply, "forbidden", NULL);
    case DB_UNIQUE_VIOLATION:
    case DB_FOREIGN_KEY_VIOLATION:
        return reply_database(writing->request, writing->reply, DB_CONTENTION);
    default:
        return r > 0 ? reply_database(writing->request, writing->reply, r) : r;
    }
}

int writing_run(struct request *request, struct reply *reply, const struct writing_step *step)
{
    return writing_run_with(request, reply, step, NULL);
}

int writing_run_with(struct request *request, struct reply *reply, const struct writing_step *step,
                     void *data)
{
    struct idempotency_key key = {.text = NULL};
    struct writing writing = {.request = request,
                              .reply = reply,
                              .problem = arena_alloc(request->arena, sizeof(*writing.problem)),
                              .data = data};
    int r;

    if (writing.problem == NULL)
        return fault_raise(-ENOMEM);
    r = prepare(&writing, step, &key);
    if (r != 0)
        return answer(&writing, r);
    r = db_lease(request->application->private_pool, &writing.db);
    if (r != 0)
        return answer(&writing, r);
    r = attempt(&writing, step, &key);
    for (unsigned retry = 0; retry < WRITE_RETRIES_MAX && is_worth_a_retry(writing.db, r);
         retry++) {
        db_rollback(writing.db);
        pause_before(retry);
        r = attempt(&writing, step, &key);
    }
    db_release(writing.db); /* with a rollback, unless all went well and is meant to stay */
    return answer(&writing, r);
}

int writing_look(struct request *request, struct reply *reply, int (*look)(struct writing *writing))
{
    return writing_look_with(request, reply, look, NULL);
}

int writing_look_with(struct request *request, struct reply *reply,
                      int (*look)(struct writing *writing), void *data)
{
    struct writing writing = {.request = request,
                              .reply = reply,
                              .body = request->body,
                              .problem = arena_alloc(request->arena, sizeof(*writing.problem)),
                              .data = data};
    int r;

    if (writing.problem == NULL)
        return fault_raise(-ENOMEM);
    if (!present_accepts_json(request, reply, &r))
        return r;
    r = db_lease(request->application->private_pool, &writing.db);
    if (r != 0)
        return answer(&writing, r);
    r = caller_begin(writing.db, &request->caller, request->id);
    if (r == 0)
        r = look(&writing);
    if (r == 0)
        r = audit(&writing);
    if (r == 0)
        r = db_commit(writing.db);
    db_release(writing.db);
    return answer(&writing, r);
}
