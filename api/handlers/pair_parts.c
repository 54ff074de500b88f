/* Goals, feedback and outcomes of a pair. */
#include "handlers/handlers.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "mentoring/feedback.h"
#include "mentoring/goal.h"
#include "mentoring/outcome.h"
#include "pairing.h"
#include "present.h"
#include "reply.h"
#include "request.h"
#include "writing.h"

#include <jansson.h>
#include <string.h>

/* A list that is whole in one answer. */
static void begin_list(struct writing *writing)
{
    text_append(&writing->reply->body, "{\"data\":[");
    writing->reply->content_type = "application/json";
}

static int look(struct request *request, struct reply *reply,
                int (*look_at)(struct writing *writing))
{
    int r = 0;

    return present_takes(request, NULL, reply, &r) ? writing_look(request, reply, look_at) : r;
}

/* --- goals -------------------------------------------------------------------------------- */

static const char *address_of(const struct writing *writing, const struct pair *pair,
                              const struct goal *goal)
{
    return pairing_address(writing, pair->id,
                           arena_format(writing->request->arena, "/goals/%s", goal->id));
}

/* All but its last brace. */
static void append_goal(const struct writing *writing, const struct pair *pair,
                        const struct goal *goal)
{
    struct text *text = &writing->reply->body;

    text_append_format(text, "{\"id\":\"%s\",\"pair\":\"%s\",\"state\":\"%s\",\"version\":%ld",
                       goal->id, pair->id, goal->state, goal->version);
    pairing_append(text, "term", goal->term);
    pairing_append_raw(text, "progress", goal->progress);
    pairing_append(text, "created_at", goal->created_at);
    pairing_append(text, "updated_at", goal->updated_at);
    text_append(text, ",\"links\":{\"self\":");
    text_append_json(text, address_of(writing, pair, goal));
    pairing_append(text, "pair", pairing_address(writing, pair->id, ""));
    text_append_char(text, '}');
}

static int show_goal(struct writing *writing, const struct pair *pair, const char *id,
                     const char *action)
{
    struct goal goal;
    int r = goal_get(writing->db, writing->request->arena, pair->id, id, false, &goal);

    if (r == GOAL_NOT_FOUND)
        return writing_refuse(writing, "not-found", NULL);
    if (r != 0)
        return r;
    pairing_note(writing, action, "goals", goal.id, goal.version);
    append_goal(writing, pair, &goal);
    return pairing_end(writing, goal.version);
}

static int look_at_goals(struct writing *writing)
{
    struct goal *goals = NULL;
    size_t count = 0;
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_NONE, &pair);

    if (r == 0)
        r = goal_list(writing->db, writing->request->arena, pair.id, &goals, &count);
    if (r != 0)
        return r;
    begin_list(writing);
    for (size_t i = 0; i < count; i++) {
        text_append(&writing->reply->body, i == 0 ? "" : ",");
        append_goal(writing, &pair, &goals[i]);
        text_append_char(&writing->reply->body, '}');
    }
    text_append(&writing->reply->body, "]}");
    pairing_note(writing, "goal.list", PAIRING_RESOURCE, pair.id, pair.version);
    return 0;
}

/* GET /v1/mentoring-pairs/{id}/goals: 200 the goals; 404 */
int handle_goals_list(struct request *request, struct reply *reply)
{
    return look(request, reply, look_at_goals);
}

static int look_at_goal(struct writing *writing)
{
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_NONE, &pair);

    return r == 0
               ? show_goal(writing, &pair, request_segment(writing->request, "goal"), "goal.read")
               : r;
}

/* GET /v1/mentoring-pairs/{id}/goals/{goal}: 200 the goal; 404 */
int handle_goal_read(struct request *request, struct reply *reply)
{
    return look(request, reply, look_at_goal);
}

static int show_new_goal(struct writing *writing, const struct pair *pair, const char *id)
{
    int r = show_goal(writing, pair, id, "goal.create");

    return r == 0 ? pairing_created(writing, address_of(writing, pair, &(struct goal){.id = id}))
                  : r;
}

static int add_goal(struct writing *writing)
{
    const char *id = NULL;
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_SHARE, &pair);

    if (r == 0)
        r = writing_check_body(writing, "NewGoal");
    if (r == 0)
        r = pairing_told(writing, goal_add(writing->db, writing->request->arena, pair.id,
                                           pairing_body_text(writing, "term"),
                                           pairing_body_raw(writing, "progress"), &id));
    return r == 0 ? show_new_goal(writing, &pair, id) : r;
}

static int add_goal_again(struct writing *writing)
{
    const char *id = writing->effect.id;
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_NONE, &pair);

    return r == 0 ? show_new_goal(writing, &pair, id) : r;
}

/* POST /v1/mentoring-pairs/{id}/goals: 201 the goal; 404; 409 pair-not-active; 422 */
int handle_goal_create(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){add_goal, add_goal_again});
}

/* What is reached is whole, whether the request says so or not. */
static void merge_goal(const struct writing *writing, struct goal *goal)
{
    if (pairing_body_text(writing, "state") != NULL)
        goal->state = pairing_body_text(writing, "state");
    if (pairing_body_raw(writing, "progress") != NULL)
        goal->progress = pairing_body_raw(writing, "progress");
    else if (strcmp(goal->state, "reached") == 0)
        goal->progress = "100";
}

static int change_goal(struct writing *writing)
{
    struct goal goal;
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_SHARE, &pair);

    if (r == 0)
        r = goal_get(writing->db, writing->request->arena, pair.id,
                     request_segment(writing->request, "goal"), true, &goal);
    if (r == GOAL_NOT_FOUND)
        return writing_refuse(writing, "not-found", NULL);
    if (r != 0)
        return r;
    append_goal(writing, &pair, &goal);
    r = pairing_match(writing, pairing_take_etag(writing, goal.version));
    if (r == 0)
        r = writing_check_body(writing, "GoalChange");
    if (r != 0)
        return r;
    merge_goal(writing, &goal);
    r = pairing_told(writing, goal_change(writing->db, &goal));
    return r == 0 ? show_goal(writing, &pair, goal.id, "goal.update") : r;
}

/* PATCH /v1/mentoring-pairs/{id}/goals/{goal}: 200 the goal; 404; 409 pair-not-active; 412; 422;
 * 428 */
int handle_goal_change(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){.act = change_goal});
}

/* --- feedback ----------------------------------------------------------------------------- */

static void append_feedback(const struct writing *writing, const struct feedback *feedback)
{
    struct text *text = &writing->reply->body;

    text_append_format(text, "{\"side\":\"%s\",\"moment\":\"%s\"", feedback->side,
                       feedback->moment);
    pairing_append_raw(text, "satisfaction", feedback->satisfaction);
    pairing_append_raw(text, "usefulness", feedback->usefulness);
    pairing_append_raw(text, "relationship", feedback->relationship);
    pairing_append_raw(text, "would_repeat", feedback->would_repeat);
    pairing_append(text, "given_at", feedback->given_at);
    pairing_append_meta(writing);
    text_append_char(text, '}');
}

static int look_at_feedback(struct writing *writing)
{
    struct feedback feedback[FEEDBACK_MAX];
    size_t count = 0;
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_NONE, &pair);

    if (r == 0)
        r = feedback_list(writing->db, writing->request->arena, pair.id, feedback, &count);
    if (r != 0)
        return r;
    begin_list(writing);
    for (size_t i = 0; i < count; i++) {
        text_append(&writing->reply->body, i == 0 ? "" : ",");
        append_feedback(writing, &feedback[i]);
    }
    text_append(&writing->reply->body, "]}");
    pairing_note(writing, "feedback.read", PAIRING_RESOURCE, pair.id, pair.version);
    return 0;
}

/* GET /v1/mentoring-pairs/{id}/feedback: 200 what the caller may see of it; 404 */
int handle_feedback_read(struct request *request, struct reply *reply)
{
    return look(request, reply, look_at_feedback);
}

static int show_feedback(struct writing *writing, const struct pair *pair, const char *moment)
{
    struct feedback feedback[FEEDBACK_MAX];
    size_t count = 0;
    int r = feedback_list(writing->db, writing->request->arena, pair->id, feedback, &count);

    for (size_t i = 0; r == 0 && i < count; i++)
        if (strcmp(feedback[i].moment, moment) == 0)
            append_feedback(writing, &feedback[i]);
    writing->reply->content_type = "application/json";
    pairing_note(writing, "feedback.give", PAIRING_RESOURCE, pair->id, pair->version);
    return r;
}

static int give_feedback(struct writing *writing)
{
    const char *moment = request_segment(writing->request, "moment");
    struct feedback feedback = {.moment = moment};
    struct pair pair;
    int r;

    if (strcmp(moment, "middle") != 0 && strcmp(moment, "end") != 0)
        return writing_refuse(writing, "not-found", NULL);
    r = pairing_find(writing, PAIR_LOCK_SHARE, &pair);
    if (r == 0 && pair.caller >= PAIR_SIDES) /* a participant's pair is one that it is in */
        return writing_refuse(writing, "forbidden", NULL);
    if (r == 0)
        r = writing_check_body(writing, "FeedbackRequest");
    if (r != 0)
        return r;
    feedback.side = pair_actor_name(pair.caller);
    feedback.satisfaction = pairing_body_raw(writing, "satisfaction");
    feedback.usefulness = pairing_body_raw(writing, "usefulness");
    feedback.relationship = pairing_body_raw(writing, "relationship");
    feedback.would_repeat = pairing_body_raw(writing, "would_repeat");
    r = pairing_told(writing, feedback_give(writing->db, pair.id, &feedback));
    return r == 0 ? show_feedback(writing, &pair, moment) : r;
}

/* PUT /v1/mentoring-pairs/{id}/feedback/{moment}: 200 what was said; 404; 409 not-due; 422 */
int handle_feedback_give(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){.act = give_feedback});
}

/* --- outcomes ----------------------------------------------------------------------------- */

static void append_outcome(const struct writing *writing, const struct outcome *outcome)
{
    struct text *text = &writing->reply->body;

    text_append_format(text, "{\"moment\":\"%s\",\"code\":\"%s\"", outcome->moment, outcome->code);
    pairing_append(text, "noted_at", outcome->noted_at);
    pairing_append_meta(writing);
    text_append_char(text, '}');
}

static int look_at_outcomes(struct writing *writing)
{
    struct outcome outcomes[OUTCOMES_MAX];
    size_t count = 0;
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_NONE, &pair);

    if (r == 0)
        r = outcome_list(writing->db, writing->request->arena, pair.id, outcomes, &count);
    if (r != 0)
        return r;
    begin_list(writing);
    for (size_t i = 0; i < count; i++) {
        text_append(&writing->reply->body, i == 0 ? "" : ",");
        append_outcome(writing, &outcomes[i]);
    }
    text_append(&writing->reply->body, "]}");
    pairing_note(writing, "outcome.list", PAIRING_RESOURCE, pair.id, pair.version);
    return 0;
}

/* GET /v1/mentoring-pairs/{id}/outcomes: 200 the outcomes; 404 */
int handle_outcomes_list(struct request *request, struct reply *reply)
{
    return look(request, reply, look_at_outcomes);
}

/* The outcome that the body names. */
static int show_outcome(struct writing *writing, const struct pair *pair, int status)
{
    const char *moment = pairing_body_text(writing, "moment");
    const char *code = pairing_body_text(writing, "code");
    struct outcome outcomes[OUTCOMES_MAX];
    size_t count = 0;
    int r = outcome_list(writing->db, writing->request->arena, pair->id, outcomes, &count);
    bool is_there = false;

    for (size_t i = 0; r == 0 && i < count; i++) {
        if (strcmp(outcomes[i].moment, moment) != 0 || strcmp(outcomes[i].code, code) != 0)
            continue;
        append_outcome(writing, &outcomes[i]);
        is_there = true;
    }
    if (r == 0 && !is_there) /* noted, removed, and the request sent again */
        return writing_refuse(writing, "not-found", NULL);
    writing->reply->content_type = "application/json";
    writing->reply->status = status;
    pairing_note(writing, "outcome.note", PAIRING_RESOURCE, pair->id, pair->version);
    return r;
}

static int note_outcome(struct writing *writing)
{
    bool is_new = false;
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_UPDATE, &pair);

    if (r == 0)
        r = writing_check_body(writing, "NewOutcome");
    if (r == 0)
        r = pairing_told(writing,
                         outcome_note(writing->db, pair.id, pairing_body_text(writing, "moment"),
                                      pairing_body_text(writing, "code"), &is_new));
    return r == 0 ? show_outcome(writing, &pair, is_new ? 201 : 200) : r;
}

static int note_outcome_again(struct writing *writing)
{
    const int status = writing->reply->status;
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_NONE, &pair);

    return r == 0 ? show_outcome(writing, &pair, status) : r;
}

/* POST /v1/mentoring-pairs/{id}/outcomes: 201 it is noted; 200 it was; 404; 409 not-due; 422 */
int handle_outcome_note(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){note_outcome, note_outcome_again});
}

static int remove_outcome(struct writing *writing)
{
    struct request *request = writing->request;
    bool is_removed = false;
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_UPDATE, &pair);

    if (r == 0)
        r = outcome_remove(writing->db, pair.id, request_segment(request, "moment"),
                           request_segment(request, "code"), &is_removed);
    if (r != 0)
        return r;
    if (!is_removed)
        return writing_refuse(writing, "not-found", NULL);
    pairing_note(writing, "outcome.remove", PAIRING_RESOURCE, pair.id, pair.version);
    writing->reply->status = 204;
    return 0;
}

/* DELETE /v1/mentoring-pairs/{id}/outcomes/{moment}/{code}: 204; 404 */
int handle_outcome_remove(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){.act = remove_outcome});
}
