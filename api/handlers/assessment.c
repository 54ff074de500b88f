/*
 * Scores of assessment tools: stateless. What was answered is about a person, so it is neither
 * kept nor logged nor cached, by nobody.
 */
#include "handlers/handlers.h"

#include "application.h"
#include "assessment/radar.h"
#include "assessment/score.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/text.h"
#include "computed.h"
#include "contract/contract.h"
#include "contract/schema.h"
#include "present.h"
#include "reply.h"
#include "request.h"

#include <errno.h>
#include <string.h>

static json_t *level_json(const struct score_level *level)
{
    return json_pack("{s:s, s:s, s:f}", "code", level->code, "label", level->label, "from_percent",
                     level->from_percent);
}

static json_t *axis_json(const struct score_axis *axis, const struct score_of_axis *of)
{
    json_t *json =
        json_pack("{s:s, s:s, s:f, s:f, s:I, s:I}", "code", axis->code, "label", axis->label,
                  "minimum", axis->minimum, "maximum", axis->maximum, "questions",
                  (json_int_t)axis->question_count, "answered", (json_int_t)of->answered);
    int failed = json == NULL ? 1 : 0;

    if (of->is_scored) {
        failed |= json_object_set_new(json, "score", json_real(of->score));
        failed |= json_object_set_new(json, "percent", json_real(of->percent));
    }
    if (of->level != NULL)
        failed |= json_object_set_new(json, "level", level_json(of->level));
    if (failed == 0)
        return json;
    json_decref(json);
    return NULL;
}

static json_t *score_json(const json_t *record, const struct score_tool *tool,
                          const struct score *score)
{
    json_t *axes = json_array();
    json_t *json = NULL;
    int failed = axes == NULL ? 1 : 0;

    for (size_t i = 0; i < tool->axis_count && failed == 0; i++)
        failed |= json_array_append_new(axes, axis_json(&tool->axes[i], &score->axes[i]));
    if (failed == 0)
        json = json_pack("{s:{s:O, s:O, s:O}, s:b, s:O}", "tool", "id",
                         json_object_get(record, "id"), "slug", json_object_get(record, "slug"),
                         "title", json_object_get(record, "title"), "complete",
                         score->is_complete ? 1 : 0, "axes", axes);
    json_decref(axes);
    if (json == NULL)
        return NULL;
    if (score->is_scored)
        failed |= json_object_set_new(json, "percent", json_real(score->percent));
    if (score->level != NULL)
        failed |= json_object_set_new(json, "level", level_json(score->level));
    if (failed == 0)
        return json;
    json_decref(json);
    return NULL;
}

static int reply_score(struct request *request, struct reply *reply, const json_t *record,
                       enum computed_form form)
{
    struct score_tool *tool = arena_alloc(request->arena, sizeof(*tool));
    struct score *score = arena_alloc(request->arena, sizeof(*score));
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));
    int r;

    if (tool == NULL || score == NULL || problem == NULL)
        return fault_raise(-ENOMEM);
    problem_set(problem, "validation-failed", NULL);
    if (!schema_check(contract_request(request->application->contract, "ScoreRequest"),
                      request->body, "", request->arena, problem))
        return reply_problem(request, reply, problem);
    score_read_tool(record, tool);
    if (!score_answers(tool, request->body, request->arena, problem, score))
        return reply_problem(request, reply, problem);
    if (form == COMPUTED_SVG) {
        radar_draw(&reply->body, json_string_value(json_object_get(record, "title")), tool, score);
        r = text_failed(&reply->body) ? fault_raise(-ENOMEM) : 0;
    } else {
        r = computed_json(reply, score_json(record, tool, score));
    }
    computed_private(reply, form);
    return r;
}

/* POST /v1/assessment-tools/{id}/score: 200 scores or a radar; 308; 404; 406; 410;
 * 422 validation-failed */
int handle_assessment_score(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"format", NULL};
    static const enum computed_form FORMS[] = {COMPUTED_JSON, COMPUTED_SVG};
    enum computed_form form;
    json_t *record = NULL;
    int r = 0;

    if (!present_takes(request, KNOWN, reply, &r) ||
        !computed_form(request, reply, FORMS, ARRAY_LENGTH(FORMS), &form, &r) ||
        !computed_record(request, reply, "assessment-tools", &record, &r))
        return r;
    r = reply_score(request, reply, record, form);
    json_decref(record);
    return r;
}
