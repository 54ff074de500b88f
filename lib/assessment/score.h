#pragma once
/*
 * Scores of an assessment
 *
 * Answers to the questions of a tool become a score for each axis, in the units of its scale, the
 * share of the way from its least to its greatest value, and a level. Pure: nothing is read,
 * nothing is kept.
 *
 * The score of an axis is the weighted mean of its answers, where a reversed answer a counts as
 * minimum + maximum - a; the share over all is the weighted mean of the shares of the axes. Both
 * are the usual scoring of summated rating scales (Likert 1932). What is not answered does not
 * count, and is told.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct problem;

#define SCORE_AXES_MAX 50      /* as the contract */
#define SCORE_QUESTIONS_MAX 50 /* of an axis, as the contract */
#define SCORE_LEVELS_MAX 20

struct score_question {
    const char *code;
    double weight;
    bool reversed;
};

struct score_axis {
    const char *code;
    const char *label;
    double minimum, maximum; /* of its scale */
    bool has_scale;
    double weight;
    struct score_question questions[SCORE_QUESTIONS_MAX];
    size_t question_count; /* at least 1: without any, the axis itself */
};

struct score_level {
    const char *code;
    const char *label;
    double from_percent;
};

struct score_tool {
    struct score_axis axes[SCORE_AXES_MAX];
    size_t axis_count;
    struct score_level levels[SCORE_LEVELS_MAX]; /* rising */
    size_t level_count;
};

struct score_of_axis {
    size_t answered;
    bool is_scored; /* with an answer that weighs something */
    double score;
    double percent;
    const struct score_level *level; /* NULL: none is reached, or none is defined */
};

struct score {
    struct score_of_axis axes[SCORE_AXES_MAX];
    bool is_scored;
    bool is_complete; /* every question was answered */
    double percent;
    const struct score_level *level;
};

/*
 * score_read_tool() - the scales of an assessment tool, from its record
 * @record:   borrowed; must outlive @ret_tool
 */
void score_read_tool(const json_t *record, struct score_tool *ret_tool);

/*
 * score_answers() - scores of answers
 * @tool:    borrowed; the scale in the request completes axes that have none
 * @request: borrowed; {"answers": {code: number}, "scale": {"minimum", "maximum"}}, valid by the
 *           contract
 * @problem: receives every fault, by pointer: answers to what is not asked, beyond a scale that
 *           they count on (a question may be one of several axes), and scales that are missing
 * Return: true; false with the faults in @problem.
 */
MUST_CHECK bool score_answers(struct score_tool *tool, const json_t *request, struct arena *arena,
                              struct problem *problem, struct score *ret_score);
