/*
 * Who comes while a transaction of its caller is under way waits until that ends, or until enough
 * have come for another one beside it: fewer and larger ones cost less, and while one waits for the
 * disk the other works. The first that waits leads the next one and takes the
 * others along; it works on what belongs to their threads, which sleep meanwhile.
 * A transaction is of one caller: row-level security, the history and the audit log
 * take from it who acts.
 */
#include "creating.h"

#include "application.h"
#include "audit/audit.h"
#include "auth/caller.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/problem.h"
#include "contract/contract.h"
#include "db/db.h"
#include "editing.h"
#include "idempotency.h"
#include "present.h"
#include "record/edit_batch.h"
#include "reply.h"
#include "request.h"
#include "writing.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ACTION "record.create"

/* Less than what a request waits for a lock by itself (command_serve.c): then it is for itself. */
#define LOCK_MS "100"

static const struct db_query HURRY = {
    .name = "creating_hurry",
    .sql = "select set_config('lock_timeout', '" LOCK_MS "', true)",
};

enum state {
    STATE_WAITS, /* in the list of those that do: may leave it */
    STATE_GOES,  /* along with one that leads */
    STATE_LEADS,
    STATE_DONE,
};

/* A request; lives on its thread's stack. */
struct create {
    struct request *request;
    struct problem problem;
    const struct resource *resource;
    struct idempotency_key key;
    struct edit_draft draft;
    pthread_cond_t turn;
    enum state state;
    int outcome; /* once done: 0: kept; CREATING_ALONE; a db outcome; a fault */
    struct create *next;
    struct create *batch[CREATES_TOGETHER_MAX]; /* of one that leads: itself first */
    size_t batch_count;
};

struct creating {
    pthread_mutex_t lock;
    pthread_condattr_t monotonic;
    uint32_t wait_ms;       /* for others of the caller */
    struct create *waiting; /* in the order in which they came */
    struct create *leading;
    struct creating_figures figures;
};

int creating_new(uint32_t wait_ms, struct creating **ret_creating)
{
    struct creating *creating = calloc(1, sizeof(*creating));

    if (creating == NULL)
        return fault_raise(-ENOMEM);
    creating->wait_ms = wait_ms;
    if (pthread_mutex_init(&creating->lock, NULL) + pthread_condattr_init(&creating->monotonic) +
            pthread_condattr_setclock(&creating->monotonic, CLOCK_MONOTONIC) !=
        0) {
        free(creating);
        return fault_raise(-ENOMEM);
    }
    *ret_creating = creating;
    return 0;
}

void creating_free(struct creating *creating)
{
    if (creating == NULL)
        return;
    (void)pthread_condattr_destroy(&creating->monotonic);
    (void)pthread_mutex_destroy(&creating->lock);
    free(creating);
}

void creating_figures(struct creating *creating, struct creating_figures *ret_figures)
{
    (void)pthread_mutex_lock(&creating->lock);
    *ret_figures = creating->figures;
    for (const struct create *one = creating->waiting; one != NULL; one = one->next)
        ret_figures->waiting++;
    (void)pthread_mutex_unlock(&creating->lock);
}

/* --- who goes with whom -------------------------------------------------------------------------
 */

/* All that the database is told of a caller, and what it writes to. */
static bool are_alike(const struct create *left, const struct create *right)
{
    const struct caller *a = &left->request->caller;
    const struct caller *b = &right->request->caller;

    return left->resource == right->resource && a->role == b->role &&
           strcmp(a->organisation_id, b->organisation_id) == 0 &&
           strcmp(a->client_id, b->client_id) == 0 && strcmp(a->subject, b->subject) == 0 &&
           strcmp(a->name, b->name) == 0;
}

static size_t count_alike(const struct create *list, const struct create *one)
{
    size_t count = 0;

    for (; list != NULL; list = list->next)
        count += are_alike(list, one);
    return count;
}

static void append(struct create **list, struct create *one)
{
    while (*list != NULL)
        list = &(*list)->next;
    one->next = NULL;
    *list = one;
}

static void take_out(struct create **list, const struct create *one)
{
    while (*list != one)
        list = &(*list)->next;
    *list = one->next;
}

/* Of two with one key the second hears what came of the first. */
static bool has_key(struct create *const *batch, size_t count, const struct create *one)
{
    for (size_t i = 0; i < count && one->key.text != NULL; i++)
        if (batch[i]->key.text != NULL && strcmp(batch[i]->key.text, one->key.text) == 0)
            return true;
    return false;
}

/* Now it leads, and those that wait and may go with it do. */
static void promote(struct creating *creating, struct create *leader)
{
    struct create **at = &creating->waiting;
    size_t bytes = leader->request->body_bytes;

    append(&creating->leading, leader);
    leader->state = STATE_LEADS;
    leader->batch[leader->batch_count++] = leader;
    while (*at != NULL && leader->batch_count < CREATES_TOGETHER_MAX) {
        struct create *one = *at;

        if (!are_alike(one, leader) || has_key(leader->batch, leader->batch_count, one) ||
            bytes + one->request->body_bytes > CREATES_BYTES_MAX) {
            at = &one->next;
            continue;
        }
        bytes += one->request->body_bytes;
        leader->batch[leader->batch_count++] = one;
        one->state = STATE_GOES;
        *at = one->next;
    }
}

/* May another transaction begin for as many as wait? If none is under way, for one. */
static bool may_lead(const struct creating *creating, const struct create *one, size_t waiting)
{
    const size_t led = count_alike(creating->leading, one);

    return waiting > 0 && (led == 0 || (led < CREATES_LED_MAX && waiting >= CREATES_BESIDE_MIN));
}

/* When one ends, its place goes to the first that waited for it. */
static void pass_on(struct creating *creating, struct create *leader)
{
    struct create *next = creating->waiting;

    take_out(&creating->leading, leader);
    if (!may_lead(creating, leader, count_alike(next, leader)))
        return;
    while (!are_alike(next, leader))
        next = next->next;
    take_out(&creating->waiting, next);
    promote(creating, next);
    (void)pthread_cond_signal(&next->turn);
}

/* --- the transaction ---------------------------------------------------------------------------
 */

static int queue_keys(struct db *db, struct create *const *batch, size_t count,
                      struct db_rows **ret_rows)
{
    const struct idempotency_key *keys[CREATES_TOGETHER_MAX];
    const char *ids[CREATES_TOGETHER_MAX];
    size_t claims = 0;

    for (size_t i = 0; i < count; i++) {
        if (batch[i]->key.text == NULL)
            continue;
        keys[claims] = &batch[i]->key;
        ids[claims++] = batch[i]->draft.record.id;
    }
    return claims == 0 ? 0 : idempotency_claim_all(db, keys, ids, claims, ret_rows);
}

static bool are_claimed(struct create *const *batch, size_t count, const struct db_rows *rows)
{
    size_t claims = 0;

    for (size_t i = 0; i < count; i++)
        claims += batch[i]->key.text != NULL;
    return claims == 0 || db_rows_affected(rows) == claims;
}

static int queue_audit(struct db *db, struct create *const *batch, size_t count)
{
    struct audit_entry entries[CREATES_TOGETHER_MAX];
    const char *requests[CREATES_TOGETHER_MAX];

    for (size_t i = 0; i < count; i++) {
        const struct edit_record *record = &batch[i]->draft.record;

        entries[i] = (struct audit_entry){.action = ACTION,
                                          .resource = record->resource->path,
                                          .record_id = record->id,
                                          .version = 1,
                                          .properties = record->changed,
                                          .property_count = record->changed_count};
        requests[i] = batch[i]->request->id;
    }
    return audit_queue_all(db, entries, requests, count);
}

static int store(struct db *db, struct edit_batch *together, struct create *const *batch,
                 size_t count)
{
    CLEANUP(db_rows_freep) struct db_rows *claimed = NULL;
    int r = caller_queue_begin(db, &batch[0]->request->caller, batch[0]->request->id);

    if (r == 0)
        r = db_queue(db, &HURRY, NULL, NULL);
    if (r == 0)
        r = queue_keys(db, batch, count, &claimed);
    if (r == 0)
        r = edit_batch_look(together);
    if (r == 0 && !are_claimed(batch, count, claimed))
        r = EDIT_ALONE;
    if (r == 0)
        r = edit_batch_store(together);
    if (r == 0)
        r = queue_audit(db, batch, count);
    return r;
}

/*
 * What each is told as it is; with the rest it is tried once more by itself, as nothing of it was
 * kept. What may be the doing of one of several is no answer to the others.
 */
static int judge(int r, bool is_of_several)
{
    switch (r) {
    case DB_TIMEOUT:
        return is_of_several ? CREATING_ALONE : r;
    case DB_UNAVAILABLE:
    case DB_BUSY:
    case DB_OUTCOME_UNKNOWN:
    case DB_READ_ONLY:
        return r;
    default:
        return r > 0 || (r < 0 && is_of_several) ? CREATING_ALONE : r;
    }
}

static int carry_out(struct create *const *batch, size_t count)
{
    struct request *request = batch[0]->request;
    struct problem problem = {0};
    struct edit_draft *drafts[CREATES_TOGETHER_MAX];
    struct edit_batch together = {.edit = batch[0]->draft.edit, .drafts = drafts, .count = count};
    struct db *db = NULL;
    bool is_committing = false;
    int r = db_lease(request->application->private_pool, &db);

    if (r != 0)
        return judge(r, false);
    for (size_t i = 0; i < count; i++) {
        /* Else somebody's record would become another's. */
        if (!are_alike(batch[i], batch[0]))
            abort();
        drafts[i] = &batch[i]->draft;
    }
    together.edit.db = db;
    together.edit.problem = &problem;
    r = store(db, &together, batch, count);
    is_committing = r == 0;
    if (is_committing)
        r = db_commit(db);
    r = r == DB_UNAVAILABLE && db_may_begin_again(db) ? CREATING_ALONE
                                                      : judge(r, count > 1 && !is_committing);
    db_release(db); /* with a rollback, unless all went well */
    if (r == 0)
        r = edit_batch_take(&together);
    edit_batch_deinit(&together);
    return r;
}

static void lead(struct creating *creating, struct create *leader)
{
    const int outcome = carry_out(leader->batch, leader->batch_count);

    (void)pthread_mutex_lock(&creating->lock);
    pass_on(creating, leader);
    creating->figures.created += outcome == 0 ? leader->batch_count : 0;
    creating->figures.transactions += outcome == 0;
    for (size_t i = 0; i < leader->batch_count; i++) {
        leader->batch[i]->outcome = outcome;
        leader->batch[i]->state = STATE_DONE;
        (void)pthread_cond_signal(&leader->batch[i]->turn);
    }
    (void)pthread_mutex_unlock(&creating->lock);
}

static void give_up(struct creating *creating, struct create *create)
{
    take_out(&creating->waiting, create);
    create->outcome = CREATING_ALONE;
    create->state = STATE_DONE;
}

/* Until it leads, or somebody has done it; with the lock held. Who waits for too long goes
 * by itself: the one before it may be held up by something that is its own. */
static void await(struct creating *creating, struct create *create)
{
    const uint64_t until_ms = clock_monotonic_ms() + creating->wait_ms;
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};

    while (create->state == STATE_WAITS || create->state == STATE_GOES) {
        /* Who goes along with a transaction waits for its end, which has a deadline. */
        if (create->state == STATE_GOES)
            (void)pthread_cond_wait(&create->turn, &creating->lock);
        else if (pthread_cond_timedwait(&create->turn, &creating->lock, &until) != ETIMEDOUT ||
                 create->state != STATE_WAITS)
            continue;
        else
            give_up(creating, create);
    }
}

static int run(struct creating *creating, struct create *create)
{
    if (pthread_cond_init(&create->turn, &creating->monotonic) != 0)
        return fault_raise(-ENOMEM);
    (void)pthread_mutex_lock(&creating->lock);
    if (may_lead(creating, create, 1 + count_alike(creating->waiting, create))) {
        promote(creating, create);
    } else {
        create->state = STATE_WAITS;
        append(&creating->waiting, create);
    }
    await(creating, create);
    (void)pthread_mutex_unlock(&creating->lock);
    if (create->state == STATE_LEADS)
        lead(creating, create);
    (void)pthread_cond_destroy(&create->turn);
    return create->outcome;
}

/* --- a request ---------------------------------------------------------------------------------
 */

/* All that needs no database. Return: 0; CREATING_ALONE: somebody has to tell what is wrong; … */
static int prepare(struct create *create, struct reply *reply)
{
    struct request *request = create->request;
    const struct application *application = request->application;
    const struct edit edit = {.model = application->model,
                              .arena = request->arena,
                              .caller = &request->caller,
                              .problem = &create->problem};
    int r = 0;

    create->resource =
        contract_resource_find(application->contract, request_segment(request, "resource"));
    if (create->resource == NULL || request->body == NULL || request->parameter_count > 0)
        return CREATING_ALONE;
    if (!present_accepts_json(request, reply, &r))
        return CREATING_ALONE;
    r = idempotency_read(request, &create->key);
    if (r == 0)
        r = edit_draft_init(&edit, create->resource, request->body, &create->draft);
    return r > 0 ? CREATING_ALONE : r;
}

static int answer(struct create *create, struct reply *reply)
{
    struct writing writing = {
        .request = create->request, .reply = reply, .problem = &create->problem};

    if (create->outcome > 0 && create->outcome != CREATING_ALONE)
        return reply_database(create->request, reply, create->outcome);
    return create->outcome == 0 ? editing_show_draft(&writing, &create->draft) : create->outcome;
}

int creating_try(struct request *request, struct reply *reply)
{
    struct create create = {.request = request};
    int r = prepare(&create, reply);

    if (r == 0)
        r = run(request->application->creating, &create);
    if (r != CREATING_ALONE && r >= 0)
        r = answer(&create, reply);
    edit_draft_deinit(&create.draft);
    return r;
}
