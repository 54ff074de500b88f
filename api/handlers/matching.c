/*
 * Matching
 *
 * For the coordinator of a programme: mentors for one mentee, and mentors for
 * a whole intake. The second can take seconds. So it reads, lets go of its
 * connection, computes, and only then writes, if it is asked to, in one
 * transaction that first makes sure that nothing has changed meanwhile.
 */
#include "handlers/handlers.h"

#include "application.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"
#include "idempotency.h"
#include "mentoring/explain.h"
#include "mentoring/match.h"
#include "present.h"
#include "reply.h"
#include "request.h"
#include "writing.h"

#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define CANDIDATES_DEFAULT 20
#define ID_LIST_BYTES_MAX (COHORT_PERSONS_MAX * (UUID_TEXT_BYTES + 1) + 2)

/* --- what is asked for ------------------------------------------------------------------------ */

static int refuse_value(struct writing *writing, const char *pointer, const char *code,
                        const char *detail)
{
    problem_set(writing->problem, "validation-failed", NULL);
    problem_add(writing->problem, writing->request->arena, pointer, NULL, code, "%s", detail);
    return writing_refuse_problem(writing, writing->problem);
}

static int refuse(struct writing *writing, const struct match_selection *selection, int outcome)
{
    switch (outcome) {
    case MATCH_NOT_FOUND:
        return writing_refuse(writing, "not-found", NULL);
    case MATCH_UNKNOWN_MENTEE:
        return refuse_value(writing, selection->mentee != NULL ? "/mentee" : "/mentees",
                            "unknown-record",
                            "there is no such mentee in this programme who takes part in matching");
    case MATCH_TOO_MANY:
        return writing_refuse(writing, "cohort-too-large", NULL);
    case MATCH_CHANGED:
        return writing_refuse(writing, "basis-changed", NULL);
    default:
        return outcome;
    }
}

static const char *body_text(const struct writing *writing, const char *name)
{
    return json_string_value(json_object_get(writing->body, name));
}

/* An id as the database shows it; NULL: absent, or the arena is full. */
static const char *lower_id(struct arena *arena, const char *id)
{
    char *lower = id == NULL ? NULL : arena_alloc(arena, UUID_TEXT_BYTES);

    if (lower != NULL)
        uuid_make_lower(id, lower);
    return lower;
}

/* Those of the request in the place of the programme's; what it does not name stays. */
static int read_weights(struct writing *writing, struct match_pool *pool)
{
    const json_t *weights = json_object_get(writing->body, "weights");

    for (int i = 0; i < COMPATIBILITY_COMPONENTS; i++) {
        const json_t *weight =
            json_object_get(weights, compatibility_component_name((enum compatibility_component)i));

        if (weight != NULL)
            pool->rules.weights[i] = (uint16_t)json_integer_value(weight);
    }
    return compatibility_weights_are_valid(&pool->rules)
               ? 0
               : refuse_value(writing, "/weights", "out-of-range",
                              "at least one weight is greater than 0");
}

static const char *programme_of(const struct writing *writing)
{
    const char *id = request_segment(writing->request, "id");

    return uuid_is_valid(id) ? lower_id(writing->request->arena, id) : id;
}

/* --- one mentee ---------------------------------------------------------------------------------
 */

static int note_shown(struct writing *writing, const struct match_pool *pool,
                      const struct match_candidate *candidates, size_t count)
{
    const char *ids = "{";

    for (size_t i = 0; i < count && ids != NULL; i++)
        ids = arena_format(writing->request->arena, "%s%s%s", ids, i == 0 ? "" : ",",
                           pool->mentors[candidates[i].mentor].audit_id);
    if (ids != NULL)
        ids = arena_format(writing->request->arena, "%s}", ids);
    writing->effect = (struct writing_effect){
        .action = "mentee.match", .resource = "mentees", .id = pool->mentees[0].audit_id};
    return ids == NULL ? fault_raise(-ENOMEM) : match_note_shown(writing->db, ids);
}

static int show_candidates(struct writing *writing, const struct match_pool *pool, size_t limit)
{
    struct text *body = &writing->reply->body;
    const size_t count = pool->mentor_count < limit ? pool->mentor_count : limit;
    struct match_candidate *candidates;
    size_t possible = 0;
    int r = match_rank(pool, 0, &candidates);

    if (r != 0)
        return writing_refuse(writing, "cohort-too-large", NULL);
    for (size_t i = 0; i < pool->mentor_count; i++)
        possible += candidates[i].judged.failed == 0;
    text_append_format(body, "{\"mentee\":\"%s\",\"mentors\":%u,\"possible\":%zu,\"weights\":",
                       pool->mentees[0].id, pool->mentor_count, possible);
    explain_weights(pool, body);
    text_append(body, ",\"data\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_append_char(body, ',');
        explain_candidate(pool, 0, &candidates[i], body);
    }
    text_append(body, "]}");
    writing->reply->content_type = "application/json";
    return note_shown(writing, pool, candidates, count);
}

static int look_at_matches(struct writing *writing)
{
    const json_t *limit = json_object_get(writing->body, "limit");
    struct match_selection selection = {.programme = programme_of(writing)};
    struct match_pool pool;
    int r = writing_check_body(writing, "MatchRequest");

    if (r != 0)
        return r;
    selection.mentee = lower_id(writing->request->arena, body_text(writing, "mentee"));
    if (selection.mentee == NULL)
        return fault_raise(-ENOMEM);
    r = match_load(writing->db, writing->data, &selection, &pool);
    if (r != 0)
        return refuse(writing, &selection, r);
    r = read_weights(writing, &pool);
    return r == 0 ? show_candidates(writing, &pool,
                                    limit == NULL ? CANDIDATES_DEFAULT
                                                  : (size_t)json_integer_value(limit))
                  : r;
}

/* POST /v1/mentoring-programmes/{id}/matches: 200 candidates; 404; 422 */
int handle_programme_matches(struct request *request, struct reply *reply)
{
    struct arena people;
    int r = 0;

    if (!present_takes(request, NULL, reply, &r))
        return r;
    arena_init(&people, MATCH_ARENA_BYTES_MAX);
    r = writing_look_with(request, reply, look_at_matches, &people);
    arena_deinit(&people);
    return r;
}

/* --- an intake -------------------------------------------------------------------------------- */

struct cohort_work {
    struct arena people;
    struct match_selection selection;
    struct match_pool pool;
    struct match_cohort cohort;
    enum assignment_objective objective;
    int outcome; /* of reading */
    bool is_read, is_applied;
    bool is_answered; /* before, or its key is none: nothing is to be computed */
};

/* "{id,id}"; each id once, as the contract has it. */
static int read_mentees(struct writing *writing, struct match_selection *selection)
{
    const json_t *mentees = json_object_get(writing->body, "mentees");
    struct text list;
    const char *copy;

    if (mentees == NULL)
        return 0;
    text_init(&list, ID_LIST_BYTES_MAX);
    for (size_t i = 0; i < json_array_size(mentees); i++) {
        char id[UUID_TEXT_BYTES];

        uuid_make_lower(json_string_value(json_array_get(mentees, i)), id);
        if (list.length > 0 && strstr(list.bytes, id) != NULL)
            continue;
        text_append_char(&list, list.length == 0 ? '{' : ',');
        text_append(&list, id);
        selection->mentee_count++;
    }
    text_append_char(&list, '}');
    copy = text_failed(&list) ? NULL : arena_copy(writing->request->arena, list.bytes);
    text_deinit(&list);
    selection->mentees = copy;
    return copy == NULL ? fault_raise(-ENOMEM) : 0;
}

static int check_basis(struct writing *writing, const struct cohort_work *work)
{
    const char *wanted = body_text(writing, "basis");
    char basis[DIGEST_TEXT_BYTES];

    if (wanted == NULL || strcmp(wanted, match_basis(&work->pool, work->objective, basis)) == 0)
        return 0;
    return writing_refuse(writing, "basis-changed", NULL);
}

/* Does the key say by itself what the answer is? */
static int look_at_key(struct writing *writing, struct cohort_work *work)
{
    struct idempotency_key key = {.text = NULL};
    int r = idempotency_read(writing->request, &key);

    if (r == IDEMPOTENCY_INVALID)
        work->is_answered = true;
    if (r < 0)
        return r;
    /* In the moment between here and its claim the key can end: then the client asks again. */
    work->outcome = MATCH_CHANGED;
    return work->is_answered || key.text == NULL
               ? 0
               : idempotency_is_known(writing->db, &key, &work->is_answered);
}

static int look_at_cohort(struct writing *writing)
{
    struct cohort_work *work = writing->data;
    const char *objective = body_text(writing, "objective");
    const char *intake;
    int r = writing_check_body(writing, "CohortMatchRequest");

    if (r != 0)
        return r;
    intake = body_text(writing, "intake");
    work->selection =
        (struct match_selection){.programme = programme_of(writing), .intake = intake};
    work->objective = objective != NULL && strcmp(objective, "most_pairs") == 0
                          ? ASSIGNMENT_MOST_PAIRS
                          : ASSIGNMENT_BEST_TOTAL;
    work->is_applied = json_is_true(json_object_get(writing->body, "apply"));
    r = work->is_applied ? look_at_key(writing, work) : 0;
    if (r != 0 || work->is_answered)
        return r;
    r = read_mentees(writing, &work->selection);
    if (r != 0)
        return r;
    r = match_load(writing->db, &work->people, &work->selection, &work->pool);
    if (r != 0 && !work->is_applied)
        return refuse(writing, &work->selection, r);
    if (r < 0 || (r > 0 && r < MATCH_NOT_FOUND))
        return r;
    work->outcome = r;
    if (r == 0)
        r = read_weights(writing, &work->pool);
    else
        r = 0; /* told by apply(), unless it was done before: then it is said again */
    if (r == 0 && !work->is_applied)
        r = check_basis(writing, work);
    if (r != 0)
        return r;
    work->is_read = true;
    if (!work->is_applied)
        writing->effect = (struct writing_effect){.action = "cohort.match",
                                                  .resource = "mentoring-programmes",
                                                  .id = work->pool.programme_id};
    return work->outcome == 0 ? match_note_pool(writing->db, &work->pool) : 0;
}

static int show_cohort(const struct cohort_work *work, struct reply *reply)
{
    const struct assignment *assignment = &work->cohort.assignment;
    char basis[DIGEST_TEXT_BYTES];
    uint64_t places = 0;

    for (uint32_t i = 0; i < work->pool.mentor_count; i++)
        places += work->cohort.places[i];
    text_append_format(&reply->body,
                       "{\"programme\":\"%s\",\"objective\":\"%s\",\"basis\":\"%s\","
                       "\"mentees\":%u,\"mentors\":%u,\"places\":%llu,\"pairs\":%u,\"total\":"
                       "%lld.%03d,\"weights\":",
                       work->pool.programme_id,
                       work->objective == ASSIGNMENT_MOST_PAIRS ? "most_pairs" : "best_total",
                       match_basis(&work->pool, work->objective, basis), work->pool.mentee_count,
                       work->pool.mentor_count, (unsigned long long)places, assignment->pair_count,
                       (long long)(assignment->total / 1000), (int)(assignment->total % 1000));
    explain_weights(&work->pool, &reply->body);
    text_append(&reply->body, ",\"data\":[");
    for (uint32_t i = 0; i < work->pool.mentee_count; i++) {
        if (i > 0)
            text_append_char(&reply->body, ',');
        explain_assignment(&work->cohort, i, &reply->body);
    }
    text_append(&reply->body, "]}");
    reply->content_type = "application/json";
    return 0;
}

static void append_member(struct text *text, const char *name, const char *value)
{
    if (value != NULL)
        text_append_format(text, ",\"%s\":\"%s\"", name, value);
}

/* @note: of each in the audit log; NULL: it is noted */
static int show_proposals(struct writing *writing, const char *cohort_id, const char *note)
{
    struct text *body = &writing->reply->body;
    struct match_proposal *proposals;
    size_t count;
    int r = match_proposals(writing->db, writing->request->arena, cohort_id, &proposals, &count);

    if (r != 0)
        return r;
    text_append_format(body, "{\"id\":\"%s\",\"pairs\":%zu,\"data\":[", cohort_id, count);
    for (size_t i = 0; i < count; i++) {
        text_append_format(body, "%s{\"pair\":\"%s\"", i == 0 ? "" : ",", proposals[i].id);
        append_member(body, "mentee", proposals[i].mentee_id);
        append_member(body, "mentor", proposals[i].mentor_id);
        append_member(body, "state", proposals[i].state);
        append_member(body, "respond_by", proposals[i].respond_by);
        if (proposals[i].score != NULL)
            text_append_format(body, ",\"score\":%s", proposals[i].score);
        text_append_char(body, '}');
    }
    text_append_format(body, "]%s}", writing->dry_run ? ",\"meta\":{\"dry_run\":true}" : "");
    writing->reply->status = 201;
    writing->reply->content_type = "application/json";
    return note == NULL ? 0 : match_note_proposals(writing->db, note, proposals, count);
}

static int apply(struct writing *writing)
{
    const struct cohort_work *work = writing->data;
    char *id = arena_alloc(writing->request->arena, UUID_TEXT_BYTES);
    int r = work->outcome;

    if (id == NULL)
        return fault_raise(-ENOMEM);
    if (r == 0)
        r = check_basis(writing, work);
    if (r == WRITING_ANSWERED)
        return r;
    uuid_make_v4(id);
    if (r == 0)
        r = match_propose(writing->db, &work->cohort, &work->selection, id);
    if (r != 0)
        return refuse(writing, &work->selection, r);
    writing->effect =
        (struct writing_effect){.action = "cohort.propose", .resource = "cohorts", .id = id};
    return show_proposals(writing, id, NULL);
}

static int apply_again(struct writing *writing)
{
    return show_proposals(writing, writing->effect.id, "pair.read");
}

static const struct writing_step APPLY = {.act = apply, .replay = apply_again};

static int compute(struct request *request, struct reply *reply, struct cohort_work *work)
{
    int r = work->outcome;

    if (r == 0)
        r = match_cohort_solve(&work->pool, work->objective, &work->cohort);
    if (r == MATCH_TOO_MANY && !work->is_applied)
        return reply_problem_code(request, reply, "cohort-too-large", NULL);
    if (r < 0)
        return r;
    work->outcome = r;
    r = work->is_applied ? writing_run_with(request, reply, &APPLY, work)
                         : show_cohort(work, reply);
    match_cohort_deinit(&work->cohort);
    return r;
}

static int read_and_compute(struct request *request, struct reply *reply, struct cohort_work *work)
{
    static atomic_int running;
    bool is_large;
    int r = writing_look_with(request, reply, look_at_cohort, work);

    if (r == 0 && work->is_answered)
        return writing_run_with(request, reply, &APPLY, work);
    if (r != 0 || !work->is_read)
        return r;
    is_large = (uint64_t)work->pool.mentee_count * work->pool.mentor_count > COHORT_PAIRS_LARGE;
    if (is_large && atomic_fetch_add(&running, 1) >= COHORTS_LARGE_MAX)
        r = reply_problem_code(request, reply, "overloaded",
                               "Another large assignment is being computed: try again soon.");
    else
        r = compute(request, reply, work);
    if (is_large)
        atomic_fetch_sub(&running, 1);
    return r;
}

/*
 * POST /v1/mentoring-programmes/{id}/cohort-match: 200 the assignment; 201 the proposals of
 * it; 404; 409 basis-changed; 422 validation-failed, cohort-too-large; 503 overloaded
 */
int handle_programme_cohort_match(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"dry_run", NULL};
    struct cohort_work work = {.outcome = 0};
    int r = 0;

    if (!present_takes(request, KNOWN, reply, &r))
        return r;
    arena_init(&work.people, MATCH_ARENA_BYTES_MAX);
    r = read_and_compute(request, reply, &work);
    arena_deinit(&work.people);
    return r;
}
