#include "assessment/score.h"

#include "base/arena.h"
#include "base/problem.h"
#include "base/text.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define POINTER_BYTES_MAX 256
#define SUGGESTIONS_MAX 20 /* of codes that may have been meant, in one problem */

/* --- the tool ----------------------------------------------------------------------------------
 */

static double number_of(const json_t *object, const char *name, double otherwise)
{
    const json_t *value = json_object_get(object, name);

    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

static void read_axis(const json_t *record, struct score_axis *axis)
{
    const json_t *question;
    size_t i;

    *axis = (struct score_axis){.code = text_of(record, "code"),
                                .label = text_of(record, "label"),
                                .weight = number_of(record, "weight", 1),
                                .minimum = number_of(record, "minimum", 0),
                                .maximum = number_of(record, "maximum", 0)};
    axis->has_scale = json_object_get(record, "minimum") != NULL &&
                      json_object_get(record, "maximum") != NULL && axis->minimum < axis->maximum;
    json_array_foreach (json_object_get(record, "questions"), i, question) {
        if (axis->question_count == SCORE_QUESTIONS_MAX)
            break;
        axis->questions[axis->question_count++] = (struct score_question){
            .code = text_of(question, "code"),
            .weight = number_of(question, "weight", 1),
            .reversed = json_is_true(json_object_get(question, "reversed"))};
    }
    if (axis->question_count == 0)
        axis->questions[axis->question_count++] =
            (struct score_question){.code = axis->code, .weight = 1};
}

static void add_level(const json_t *record, struct score_tool *tool)
{
    const struct score_level level = {.code = text_of(record, "code"),
                                      .label = text_of(record, "label"),
                                      .from_percent = number_of(record, "from_percent", 0)};
    size_t place = tool->level_count;

    if (place == SCORE_LEVELS_MAX)
        return;
    for (; place > 0 && tool->levels[place - 1].from_percent > level.from_percent; place--)
        tool->levels[place] = tool->levels[place - 1];
    tool->levels[place] = level;
    tool->level_count++;
}

void score_read_tool(const json_t *record, struct score_tool *ret_tool)
{
    const json_t *item;
    size_t i;

    ret_tool->axis_count = 0;
    ret_tool->level_count = 0;
    json_array_foreach (json_object_get(record, "axes"), i, item)
        if (ret_tool->axis_count < SCORE_AXES_MAX)
            read_axis(item, &ret_tool->axes[ret_tool->axis_count++]);
    json_array_foreach (json_object_get(record, "levels"), i, item)
        add_level(item, ret_tool);
}

/* --- the answers -------------------------------------------------------------------------------
 */

static bool asks(const struct score_axis *axis, const char *code)
{
    for (size_t i = 0; i < axis->question_count; i++)
        if (strcmp(axis->questions[i].code, code) == 0)
            return true;
    return false;
}

static const char *nearest_code(const struct score_tool *tool, const char *code)
{
    const char *codes[SCORE_AXES_MAX * 4];
    size_t count = 0;

    for (size_t i = 0; i < tool->axis_count; i++)
        for (size_t j = 0; j < tool->axes[i].question_count; j++)
            if (count < sizeof(codes) / sizeof(codes[0]))
                codes[count++] = tool->axes[i].questions[j].code;
    return text_nearest(code, codes, count);
}

static void tell_unknown(const struct score_tool *tool, const char *code, const char *pointer,
                         struct arena *arena, struct problem *problem)
{
    /* Each takes a walk over many codes: who has so many wrong has another tool in mind. */
    const char *nearest = problem->error_count < SUGGESTIONS_MAX ? nearest_code(tool, code) : NULL;

    problem_add(problem, arena, pointer, NULL, "unknown-member",
                "the tool asks nothing of this code%s%s%s",
                nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                nearest == NULL ? "" : "'?");
}

/* "/answers/a~1b" (RFC 6901) */
static void point_at(const char *code, char ret_pointer[POINTER_BYTES_MAX])
{
    struct text escaped;

    text_init(&escaped, POINTER_BYTES_MAX);
    text_append(&escaped, "/answers/");
    for (const char *at = code; *at != '\0'; at++)
        if (*at == '~' || *at == '/')
            text_append(&escaped, *at == '~' ? "~0" : "~1");
        else
            text_append_char(&escaped, *at);
    (void)snprintf(ret_pointer, POINTER_BYTES_MAX, "%s",
                   text_failed(&escaped) ? "/answers" : escaped.bytes);
    text_deinit(&escaped);
}

/* On every scale that it counts on: several axes may ask the same. */
static void check_answer(const struct score_tool *tool, const char *code, double answer,
                         struct arena *arena, struct problem *problem)
{
    char pointer[POINTER_BYTES_MAX];
    bool is_asked = false;

    point_at(code, pointer);
    for (size_t i = 0; i < tool->axis_count; i++) {
        const struct score_axis *axis = &tool->axes[i];

        if (!asks(axis, code))
            continue;
        is_asked = true;
        if (!axis->has_scale || (answer >= axis->minimum && answer <= axis->maximum))
            continue;
        if (answer < axis->minimum)
            problem_add(problem, arena, pointer, NULL, "too-small", "the scale begins at %g",
                        axis->minimum);
        else
            problem_add(problem, arena, pointer, NULL, "too-large", "the scale ends at %g",
                        axis->maximum);
        return;
    }
    if (!is_asked)
        tell_unknown(tool, code, pointer, arena, problem);
}

static void check_answers(const struct score_tool *tool, const json_t *answers, struct arena *arena,
                          struct problem *problem)
{
    const char *code;
    const json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)answers, code, value)
        check_answer(tool, code, json_number_value(value), arena, problem);
}

/* Axes without a scale take the one of the request. */
static void complete_scales(struct score_tool *tool, const json_t *scale, struct arena *arena,
                            struct problem *problem)
{
    const double minimum = number_of(scale, "minimum", 0), maximum = number_of(scale, "maximum", 0);
    bool is_missing = false;

    if (scale != NULL && minimum >= maximum) {
        problem_add(problem, arena, "/scale/maximum", NULL, "too-small",
                    "the greatest value is above the least one");
        return;
    }
    for (size_t i = 0; i < tool->axis_count; i++) {
        struct score_axis *axis = &tool->axes[i];

        if (axis->has_scale)
            continue;
        is_missing = is_missing || scale == NULL;
        axis->minimum = minimum;
        axis->maximum = maximum;
        axis->has_scale = scale != NULL;
    }
    if (is_missing)
        problem_add(problem, arena, "/scale", NULL, "required",
                    "the record of the tool states no scale for all of its axes: say which one "
                    "was used");
}

/* --- scores ------------------------------------------------------------------------------------
 */

static const struct score_level *level_of(const struct score_tool *tool, double percent)
{
    const struct score_level *level = NULL;

    for (size_t i = 0; i < tool->level_count; i++)
        if (percent >= tool->levels[i].from_percent)
            level = &tool->levels[i];
    return level;
}

/* To a tenth of a thousandth, so that 0.1 + 0.2 reaches a level at 0.3. */
static double rounded(double value)
{
    return round(value * 10000) / 10000;
}

static void score_axis(const struct score_tool *tool, const struct score_axis *axis,
                       const json_t *answers, struct score_of_axis *ret)
{
    double sum = 0, weight = 0;

    *ret = (struct score_of_axis){0};
    for (size_t i = 0; i < axis->question_count; i++) {
        const struct score_question *question = &axis->questions[i];
        const json_t *value = json_object_get(answers, question->code);
        const double answer = json_number_value(value);

        if (value == NULL)
            continue;
        ret->answered++;
        weight += question->weight;
        sum += question->weight *
               (question->reversed ? axis->minimum + axis->maximum - answer : answer);
    }
    if (weight <= 0)
        return;
    ret->is_scored = true;
    ret->score = rounded(sum / weight);
    ret->percent = rounded((sum / weight - axis->minimum) / (axis->maximum - axis->minimum) * 100);
    ret->level = level_of(tool, ret->percent);
}

bool score_answers(struct score_tool *tool, const json_t *request, struct arena *arena,
                   struct problem *problem, struct score *ret_score)
{
    const json_t *answers = json_object_get(request, "answers");
    double sum = 0, weight = 0;

    if (tool->axis_count == 0) {
        problem_add(problem, arena, "/answers", NULL, "not-allowed",
                    "the record of the tool names no axes, so there is nothing to score");
        return false;
    }
    complete_scales(tool, json_object_get(request, "scale"), arena, problem);
    check_answers(tool, answers, arena, problem);
    if (problem->error_count > 0)
        return false;
    *ret_score = (struct score){.is_complete = true};
    for (size_t i = 0; i < tool->axis_count; i++) {
        struct score_of_axis *of = &ret_score->axes[i];

        score_axis(tool, &tool->axes[i], answers, of);
        ret_score->is_complete =
            ret_score->is_complete && of->answered == tool->axes[i].question_count;
        if (!of->is_scored)
            continue;
        sum += tool->axes[i].weight * of->percent;
        weight += tool->axes[i].weight;
    }
    if (weight > 0) {
        ret_score->is_scored = true;
        ret_score->percent = rounded(sum / weight);
        ret_score->level = level_of(tool, ret_score->percent);
    }
    return true;
}
