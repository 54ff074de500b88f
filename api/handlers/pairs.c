/*
 * Pairs of mentors and mentees, and their moves.
 *
 * A move is judged in the order of all changes: whether there is such a pair,
 * whether If-Match means it as it is, what is wrong with the body, whether it is
 * possible. A move that was made already, by the same side and with the same reason, is
 * answered with the pair as it is, whatever If-Match says: the client has not
 * heard that it succeeded (RFC 9110 section 13.1.1 permits that).
 */
#include "handlers/handlers.h"

#include "auth/caller.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"
#include "listing.h"
#include "pairing.h"
#include "present.h"
#include "reply.h"
#include "request.h"
#include "writing.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

/* --- showing ------------------------------------------------------------------------------ */

static void append_words(struct text *text, const char *name, const char *const *words)
{
    const char *before = "";

    text_append_format(text, ",\"%s\":[", name);
    for (size_t i = 0; words[i] != NULL; i++) {
        if (!pair_reason_is_said(words[i]))
            continue;
        text_append(text, before);
        text_append_json(text, words[i]);
        before = ",";
    }
    text_append_char(text, ']');
}

/* On whose behalf the caller may make the move; false: it may not. */
static bool read_sides(const struct pair *pair, enum pair_move move,
                       const char *ret_sides[PAIR_SIDES + 1])
{
    size_t count = 0;

    for (enum pair_actor side = PAIR_MENTOR; side < PAIR_SIDES; side++)
        if (pair_may(pair, move, side) && pair_transition(pair->state, move)->actors & (1U << side))
            ret_sides[count++] = pair_actor_name(side);
    ret_sides[count] = NULL;
    return count > 0 || (pair->caller == PAIR_COORDINATOR && pair_may(pair, move, PAIR_NOBODY));
}

/* What the caller may do now. */
static void append_actions(struct text *text, const struct pair *pair)
{
    const char *before = "";

    text_append(text, ",\"actions\":[");
    for (enum pair_move move = PAIR_ACCEPT; move < PAIR_MOVES; move++) {
        const struct pair_transition *transition = pair_transition(pair->state, move);
        const char *sides[PAIR_SIDES + 1];

        if (transition == NULL || !read_sides(pair, move, sides))
            continue;
        text_append_format(text, "%s{\"move\":\"%s\"", before, pair_move_name(move));
        if (pair->caller == PAIR_COORDINATOR && sides[0] != NULL)
            append_words(text, "sides", sides);
        if (transition->reasons != NULL)
            append_words(text, "reasons", transition->reasons);
        text_append_char(text, '}');
        before = ",";
    }
    text_append_char(text, ']');
}

static void append_person(struct text *text, const struct writing *writing, const char *name,
                          const char *resource, const char *id)
{
    if (id == NULL)
        return;
    text_append_format(text, ",\"%s\":{\"id\":\"%s\",\"links\":{\"self\":", name, id);
    text_append_json(text, pairing_base_address(writing, resource, id));
    text_append(text, "}}");
}

static void append_links(struct text *text, const struct writing *writing, const struct pair *pair)
{
    static const char *const PARTS[] = {"moves", "meetings", "goals", "feedback", "outcomes"};
    const char *self = pairing_address(writing, pair->id, "");

    text_append(text, ",\"links\":{\"self\":");
    text_append_json(text, self);
    for (size_t i = 0; i < ARRAY_LENGTH(PARTS); i++)
        pairing_append(text, PARTS[i],
                       arena_format(writing->request->arena, "%s/%s", self, PARTS[i]));
    text_append_char(text, '}');
}

/* All but its last brace. */
static void append_pair(const struct writing *writing, const struct pair *pair)
{
    struct text *text = &writing->reply->body;

    text_append_format(text, "{\"id\":\"%s\",\"programme\":{\"id\":\"%s\"", pair->id,
                       pair->programme_id);
    pairing_append(text, "slug", pair->programme_slug);
    pairing_append(text, "title", pair->programme_title);
    text_append_format(text, "},\"state\":\"%s\",\"version\":%ld", pair_state_name(pair->state),
                       pair->version);
    if (pair->caller < PAIR_SIDES)
        pairing_append(text, "side", pair_actor_name(pair->caller));
    append_person(text, writing, "mentor", "mentors", pair->person_ids[PAIR_MENTOR]);
    append_person(text, writing, "mentee", "mentees", pair->person_ids[PAIR_MENTEE]);
    pairing_append_raw(text, "score", pair->score);
    pairing_append(text, "proposed_at", pair->proposed_at);
    pairing_append(text, "respond_by", pair->respond_by);
    pairing_append(text, "mentor_accepted_at", pair->side_accepted_at[PAIR_MENTOR]);
    pairing_append(text, "mentee_accepted_at", pair->side_accepted_at[PAIR_MENTEE]);
    pairing_append(text, "accepted_at", pair->accepted_at);
    pairing_append(text, "started_at", pair->started_at);
    pairing_append(text, "due_at", pair->due_at);
    pairing_append(text, "paused_at", pair->paused_at);
    pairing_append(text, "ended_at", pair->ended_at);
    pairing_append(text, "reason", pair->reason);
    pairing_append(text, "updated_at", pair->updated_at);
    append_actions(text, pair);
    append_links(text, writing, pair);
}

static int show(struct writing *writing, const struct pair *pair)
{
    append_pair(writing, pair);
    return pairing_end(writing, pair->version);
}

static int show_new(struct writing *writing, const char *id)
{
    struct pair pair;
    int r = pair_store_get(writing->db, writing->request->arena, id, PAIR_LOCK_NONE, &pair);

    if (r == PAIR_STORE_NOT_FOUND)
        return writing_refuse(writing, "not-found", NULL);
    if (r != 0)
        return r;
    pairing_note(writing, "pair.propose", PAIRING_RESOURCE, pair.id, pair.version);
    r = show(writing, &pair);
    return r == 0 ? pairing_created(writing, pairing_address(writing, pair.id, "")) : r;
}

/* --- reading ------------------------------------------------------------------------------ */

static int refuse_parameter(struct writing *writing, const char *name, const char *detail)
{
    problem_set(writing->problem, "invalid-parameter", NULL);
    problem_add(writing->problem, writing->request->arena, NULL, name, "unknown-value", "%s",
                detail);
    return writing_refuse_problem(writing, writing->problem);
}

static int read_id(struct writing *writing, const char *name, const char **ret_id)
{
    *ret_id = request_parameter(writing->request, name);
    return *ret_id == NULL || uuid_is_valid(*ret_id)
               ? 0
               : refuse_parameter(writing, name, "the value is the id of a person");
}

static int read_states(struct writing *writing, const char **ret_states)
{
    const char *const *words;
    size_t count;
    int r = listing_words(writing, "state", pair_state_names(), PAIR_STATES, &words, &count);

    *ret_states = request_parameter(writing->request, "state");
    return r;
}

static int read_due(struct writing *writing, bool *ret_due)
{
    const char *due = request_parameter(writing->request, "due");

    *ret_due = due != NULL && strcmp(due, "true") == 0;
    return due == NULL || *ret_due || strcmp(due, "false") == 0
               ? 0
               : refuse_parameter(writing, "due", "the value is true or false");
}

static int read_filter(struct writing *writing, const struct listing *listing,
                       struct pair_filter *ret_filter)
{
    struct pair_filter filter = {.programme = request_parameter(writing->request, "programme"),
                                 .limit = listing->limit};
    int r = listing_read_place(writing, listing, &filter.after_at, &filter.after_id);

    if (r == 0)
        r = read_states(writing, &filter.states);
    if (r == 0)
        r = read_id(writing, "mentor", &filter.mentor_id);
    if (r == 0)
        r = read_id(writing, "mentee", &filter.mentee_id);
    if (r == 0)
        r = read_due(writing, &filter.is_due);
    *ret_filter = filter;
    return r;
}

static int look_at_list(struct writing *writing)
{
    const bool is_coordinator = writing->request->caller.role == CALLER_COORDINATOR;
    struct pair_filter filter;
    struct listing listing;
    struct pair *pairs = NULL;
    size_t count = 0, shown;
    int r = listing_read(writing, &listing);

    if (r == 0)
        r = read_filter(writing, &listing, &filter);
    if (r == 0)
        r = pair_store_list(writing->db, writing->request->arena, &filter, is_coordinator, &pairs,
                            &count);
    if (r != 0)
        return r;
    shown = count > listing.limit ? listing.limit : count;
    r = pair_store_note_read(writing->db, writing->request->arena, pairs, shown);
    if (r != 0)
        return r;
    text_append(&writing->reply->body, "{\"data\":[");
    for (size_t i = 0; i < shown; i++) {
        if (i > 0)
            text_append_char(&writing->reply->body, ',');
        append_pair(writing, &pairs[i]);
        text_append_char(&writing->reply->body, '}');
    }
    text_append_char(&writing->reply->body, ']');
    pairing_note(writing, "pair.list", PAIRING_RESOURCE, NULL, 0);
    return listing_end(
        writing, &listing,
        count > shown ? listing_place(writing, pairs[shown - 1].proposed_at, pairs[shown - 1].id)
                      : NULL);
}

/* GET /v1/mentoring-pairs: 200 a page of pairs */
int handle_pairs_list(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"programme", "state", "mentor", "mentee",
                                        "due",       "limit", "cursor", NULL};
    int r = 0;

    return present_takes(request, KNOWN, reply, &r) ? writing_look(request, reply, look_at_list)
                                                    : r;
}

static int look_at_pair(struct writing *writing)
{
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_NONE, &pair);

    if (r != 0)
        return r;
    pairing_note(writing, "pair.read", PAIRING_RESOURCE, pair.id, pair.version);
    return show(writing, &pair);
}

/* GET /v1/mentoring-pairs/{id}: 200 the pair; 404 */
int handle_pair_read(struct request *request, struct reply *reply)
{
    int r = 0;

    return present_takes(request, NULL, reply, &r) ? writing_look(request, reply, look_at_pair) : r;
}

static void append_move(struct text *text, const struct pair_move_made *move)
{
    text_append_format(text, "{\"version\":%s", move->version);
    pairing_append(text, "move", move->move);
    pairing_append(text, "from", move->from);
    pairing_append(text, "to", move->to);
    pairing_append(text, "actor", move->actor);
    pairing_append(text, "side", move->side);
    pairing_append(text, "reason", move->reason);
    pairing_append(text, "at", move->at);
    text_append_char(text, '}');
}

static int look_at_moves(struct writing *writing)
{
    struct pair_move_made *moves = NULL;
    struct listing listing;
    struct pair pair;
    size_t count = 0, shown;
    int r = listing_read(writing, &listing);

    if (r == 0)
        r = pairing_find(writing, PAIR_LOCK_NONE, &pair);
    if (r == 0)
        r = pair_store_moves(writing->db, writing->request->arena, &pair, listing.after,
                             listing.limit, &moves, &count);
    if (r != 0)
        return r;
    shown = count > listing.limit ? listing.limit : count;
    text_append(&writing->reply->body, "{\"data\":[");
    for (size_t i = 0; i < shown; i++) {
        if (i > 0)
            text_append_char(&writing->reply->body, ',');
        append_move(&writing->reply->body, &moves[i]);
    }
    text_append_char(&writing->reply->body, ']');
    pairing_note(writing, "pair.moves", PAIRING_RESOURCE, pair.id, pair.version);
    return listing_end(writing, &listing, count > shown ? moves[shown - 1].version : NULL);
}

/* GET /v1/mentoring-pairs/{id}/moves: 200 a page of moves; 404 */
int handle_pair_moves(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"limit", "cursor", NULL};
    int r = 0;

    return present_takes(request, KNOWN, reply, &r) ? writing_look(request, reply, look_at_moves)
                                                    : r;
}

/* --- proposing ---------------------------------------------------------------------------- */

static int refuse_proposal(struct writing *writing, int r)
{
    switch (r) {
    case PAIR_STORE_UNKNOWN_MENTOR:
        return pairing_refuse_value(writing, "/mentor", "unknown-record",
                                    "there is no mentor of this id in your programmes");
    case PAIR_STORE_UNKNOWN_MENTEE:
        return pairing_refuse_value(writing, "/mentee", "unknown-record",
                                    "there is no mentee of this id in your programmes");
    case PAIR_STORE_OTHER_PROGRAMME:
        return pairing_refuse_value(writing, "/mentee", "not-allowed",
                                    "mentor and mentee are of one programme");
    case PAIR_STORE_ONESELF:
        return pairing_refuse_value(writing, "/mentee", "not-allowed",
                                    "nobody is the mentor of himself or herself");
    case PAIR_STORE_UNAVAILABLE:
        return writing_refuse(writing, "person-unavailable", NULL);
    case PAIR_STORE_CAPACITY_EXHAUSTED:
        return writing_refuse(writing, "capacity-exhausted", NULL);
    case PAIR_STORE_MENTEE_HAS_PAIR:
        return writing_refuse(writing, "mentee-has-pair", NULL);
    default:
        return r;
    }
}

static int propose(struct writing *writing)
{
    const char *id = NULL;
    int r = writing_check_body(writing, "NewPair");

    if (r == 0)
        r = refuse_proposal(writing, pair_store_propose(writing->db, writing->request->arena,
                                                        pairing_body_text(writing, "mentor"),
                                                        pairing_body_text(writing, "mentee"), &id));
    return r == 0 ? show_new(writing, id) : r;
}

static int propose_again(struct writing *writing)
{
    return show_new(writing, writing->effect.id);
}

/* POST /v1/mentoring-pairs: 201 the pair; 409 capacity-exhausted, mentee-has-pair,
 * person-unavailable; 422 */
int handle_pair_propose(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){propose, propose_again});
}

/* --- moving ------------------------------------------------------------------------------- */

static const char *action_of(enum pair_move move)
{
    static const char *const ACTIONS[PAIR_MOVES] = {
        [PAIR_ACCEPT] = "pair.accept",     [PAIR_DECLINE] = "pair.decline",
        [PAIR_WITHDRAW] = "pair.withdraw", [PAIR_EXPIRE] = "pair.expire",
        [PAIR_START] = "pair.start",       [PAIR_PAUSE] = "pair.pause",
        [PAIR_RESUME] = "pair.resume",     [PAIR_COMPLETE] = "pair.complete",
        [PAIR_END] = "pair.end",
    };

    return ACTIONS[move];
}

/* "The pair is paused; from there lead resume, complete, end." */
static int refuse_transition(struct writing *writing, const struct pair *pair)
{
    struct arena *arena = writing->request->arena;
    const char *detail = arena_format(arena, "The pair is %s", pair_state_name(pair->state));
    const char *before = "; from there lead ";

    for (enum pair_move move = PAIR_ACCEPT; move < PAIR_MOVES && detail != NULL; move++) {
        if (pair_transition(pair->state, move) == NULL || move == PAIR_EXPIRE)
            continue;
        detail = arena_format(arena, "%s%s%s", detail, before, pair_move_name(move));
        before = ", ";
    }
    detail = detail == NULL ? NULL : arena_format(arena, "%s.", detail);
    return detail == NULL ? fault_raise(-ENOMEM)
                          : writing_refuse(writing, "invalid-transition", detail);
}

/* Of any state that has the move: its reasons are the same in each. */
static const char *const *reasons_of(enum pair_move move)
{
    for (size_t i = 0; i < PAIR_STATES; i++) {
        const struct pair_transition *transition = pair_transition((enum pair_state)i, move);

        if (transition != NULL)
            return transition->reasons;
    }
    return NULL;
}

/* Of a request without a body, which is held against no schema, too. */
static void check_reason(struct writing *writing, const struct pair_step *step)
{
    if (reasons_of(step->move) != NULL && json_object_get(writing->body, "reason") == NULL)
        problem_add(writing->problem, writing->request->arena, "/reason", NULL, "required",
                    "to %s a pair needs a reason, one of those in the contract",
                    pair_move_name(step->move));
}

static void check_side(struct writing *writing, const struct pair *pair,
                       const struct pair_step *step)
{
    struct arena *arena = writing->request->arena;

    if (pair->caller < PAIR_SIDES && step->side != pair->caller)
        problem_add(writing->problem, arena, "/side", NULL, "not-allowed",
                    "you are the %s, and act for nobody else", pair_actor_name(pair->caller));
    else if (step->move == PAIR_ACCEPT && pair->caller >= PAIR_SIDES &&
             json_object_get(writing->body, "side") == NULL)
        problem_add(writing->problem, arena, "/side", NULL, "required",
                    "say for which side you accept: mentor or mentee");
}

/* What the request wants; what is wrong with it, all of it, is in @writing->problem. */
static struct pair_step read_step(struct writing *writing, const struct pair *pair,
                                  enum pair_move move)
{
    static const char *const SCHEMAS[PAIR_MOVES] = {
        [PAIR_ACCEPT] = "PairAcceptRequest",     [PAIR_DECLINE] = "PairDeclineRequest",
        [PAIR_WITHDRAW] = "PairWithdrawRequest", [PAIR_START] = "PairStartRequest",
        [PAIR_PAUSE] = "PairPauseRequest",       [PAIR_RESUME] = "PairResumeRequest",
        [PAIR_COMPLETE] = "PairCompleteRequest", [PAIR_END] = "PairEndRequest",
    };
    struct pair_step step = {.move = move,
                             .side = pair_actor_of(pairing_body_text(writing, "side")),
                             .reason = pairing_body_text(writing, "reason")};

    if (step.side >= PAIR_SIDES)
        step.side = pair->caller < PAIR_SIDES ? pair->caller : PAIR_NOBODY;
    problem_set(writing->problem, "validation-failed", NULL);
    check_reason(writing, &step);
    check_side(writing, pair, &step);
    if (writing->body != NULL)
        writing_tell_faults(writing, SCHEMAS[move]);
    return step;
}

static bool is_same_text(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

/* Was just this done already, and nothing since? */
static int is_made(struct writing *writing, const struct pair *pair, const struct pair_step *step,
                   bool *ret_made)
{
    struct pair_move_made last;
    int r;

    if (step->move == PAIR_ACCEPT) {
        *ret_made = (pair->state == PAIR_PROPOSED || pair->state == PAIR_ACCEPTED) &&
                    pair->side_accepted_at[step->side] != NULL;
        return 0;
    }
    r = pair_store_last_move(writing->db, writing->request->arena, pair, &last);
    *ret_made =
        r == 0 && is_same_text(last.move, pair_move_name(step->move)) &&
        is_same_text(last.actor, pair_actor_name(pair->caller)) &&
        is_same_text(last.reason, step->reason) &&
        is_same_text(last.side, step->side == PAIR_NOBODY ? NULL : pair_actor_name(step->side));
    return r;
}

static const char *take_etag(struct writing *writing, const struct pair *pair)
{
    append_pair(writing, pair);
    return pairing_take_etag(writing, pair->version);
}

static int make(struct writing *writing, const struct pair *pair, const struct pair_step *step)
{
    int r = pairing_match(writing, take_etag(writing, pair));

    if (r == 0 && writing->problem->error_count > 0)
        r = writing_refuse_problem(writing, writing->problem);
    if (r != 0)
        return r;
    if (!pair_may(pair, step->move, step->side))
        return refuse_transition(writing, pair);
    r = pair_store_move(writing->db, pair, step);
    return r == PAIR_STORE_IMPOSSIBLE ? refuse_transition(writing, pair) : r;
}

/* Of the path, which ends in it: each has a route of its own. */
static enum pair_move wanted_move(const struct request *request)
{
    enum pair_move move = PAIR_MOVES;
    const bool found = pair_move_of(strrchr(request->path, '/') + 1, &move);

    assert(found);
    return move;
}

static int move(struct writing *writing)
{
    const enum pair_move wanted = wanted_move(writing->request);
    struct pair_step step;
    struct pair pair;
    bool is_done = false;
    int r;

    r = pairing_find(writing, PAIR_LOCK_UPDATE, &pair);
    if (r == 0)
        r = pairing_needs_match(writing, take_etag(writing, &pair));
    if (r != 0)
        return r;
    step = read_step(writing, &pair, wanted);
    if (writing->problem->error_count == 0)
        r = is_made(writing, &pair, &step, &is_done);
    if (r == 0 && !is_done)
        r = make(writing, &pair, &step);
    if (r == 0)
        r = pairing_find(writing, PAIR_LOCK_NONE, &pair);
    if (r != 0)
        return r;
    pairing_note(writing, is_done ? "pair.read" : action_of(wanted), PAIRING_RESOURCE, pair.id,
                 pair.version);
    return show(writing, &pair);
}

/* POST /v1/mentoring-pairs/{id}/accept and the other moves: 200 the pair; 403; 404; 409
 * invalid-transition; 412; 422; 428 */
int handle_pair_move(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){move, look_at_pair});
}
