#include "assessment/score.h"

#include "assessment/radar.h"
#include "base/arena.h"
#include "base/limits.h"
#include "base/problem.h"
#include "base/text.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(score, .fini = test_ends_without_leaks);

static const char TOOL[] =
    "{\"axes\":[{\"code\":\"skills\",\"label\":\"Skills\",\"minimum\":1,\"maximum\":5,"
    "\"questions\":[{\"code\":\"q1\",\"text\":\"?\"},"
    "{\"code\":\"q2\",\"text\":\"?\",\"weight\":3},"
    "{\"code\":\"q3\",\"text\":\"?\",\"reversed\":true}]},"
    "{\"code\":\"network\",\"label\":\"Network\",\"minimum\":0,\"maximum\":10,\"weight\":2}],"
    "\"levels\":[{\"code\":\"high\",\"label\":\"High\",\"from_percent\":75},"
    "{\"code\":\"low\",\"label\":\"Low\",\"from_percent\":0},"
    "{\"code\":\"middle\",\"label\":\"Middle\",\"from_percent\":40}]}";

struct fixture {
    json_t *record, *request;
    struct arena arena;
    struct problem problem;
    struct score_tool tool;
    struct score score;
    bool is_scored;
};

static void run(struct fixture *fixture, const char *tool, const char *request)
{
    *fixture = (struct fixture){0};
    arena_init(&fixture->arena, 64 * 1024);
    fixture->record = json_loads(tool, 0, NULL);
    fixture->request = json_loads(request, 0, NULL);
    cr_assert(fixture->record != NULL && fixture->request != NULL);
    score_read_tool(fixture->record, &fixture->tool);
    fixture->is_scored = score_answers(&fixture->tool, fixture->request, &fixture->arena,
                                       &fixture->problem, &fixture->score);
}

static void end(struct fixture *fixture)
{
    json_decref(fixture->record);
    json_decref(fixture->request);
    arena_deinit(&fixture->arena);
}

Test(score, weights_and_reversed_questions_count_as_they_should)
{
    struct fixture of;

    run(&of, TOOL, "{\"answers\":{\"q1\":5,\"q2\":3,\"q3\":1,\"network\":10}}");
    cr_assert(of.is_scored);
    /* (5 + 3 × 3 + (1 + 5 - 1)) / 5 = 3.8; (3.8 - 1) / 4 = 70 % */
    cr_assert_float_eq(of.score.axes[0].score, 3.8, 1e-9);
    cr_assert_float_eq(of.score.axes[0].percent, 70, 1e-9);
    cr_assert_str_eq(of.score.axes[0].level->code, "middle");
    cr_assert_float_eq(of.score.axes[1].percent, 100, 1e-9);
    /* (70 + 2 × 100) / 3 */
    cr_assert_float_eq(of.score.percent, 90, 1e-9);
    cr_assert_str_eq(of.score.level->code, "high");
    cr_assert(of.score.is_complete);
    end(&of);
}

Test(score, the_ends_of_the_scale_are_nothing_and_all)
{
    struct fixture of;

    run(&of, TOOL, "{\"answers\":{\"q1\":1,\"q2\":1,\"q3\":5,\"network\":0}}");
    cr_assert_float_eq(of.score.percent, 0, 1e-9);
    cr_assert_str_eq(of.score.level->code, "low");
    end(&of);
    run(&of, TOOL, "{\"answers\":{\"q1\":5,\"q2\":5,\"q3\":1,\"network\":10}}");
    cr_assert_float_eq(of.score.percent, 100, 1e-9);
    end(&of);
}

Test(score, what_is_not_answered_does_not_count_and_is_told)
{
    struct fixture of;

    run(&of, TOOL, "{\"answers\":{\"q1\":3}}");
    cr_assert(of.is_scored);
    cr_assert_not(of.score.is_complete);
    cr_assert_eq(of.score.axes[0].answered, 1);
    cr_assert_float_eq(of.score.axes[0].percent, 50, 1e-9);
    cr_assert_not(of.score.axes[1].is_scored);
    cr_assert_float_eq(of.score.percent, 50, 1e-9);
    end(&of);
}

Test(score, every_fault_is_told_at_once_with_its_place)
{
    static const char *const POINTERS[] = {"/answers/q1", "/answers/q2", "/answers/qq3",
                                           "/answers/a~1b~0"};
    static const char *const CODES[] = {"too-large", "too-small", "unknown-member",
                                        "unknown-member"};
    struct fixture of;

    run(&of, TOOL, "{\"answers\":{\"q1\":6,\"q2\":0,\"qq3\":1,\"a/b~\":1}}");
    cr_assert_not(of.is_scored);
    cr_assert_eq(of.problem.error_count, 4);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_str_eq(of.problem.errors[i].pointer, POINTERS[i]);
        cr_assert_str_eq(of.problem.errors[i].code, CODES[i]);
    }
    end(&of);
}

/* Beyond the first ones nobody looks for what may have been meant: that takes a walk each. */
Test(score, thousands_of_unknown_answers_are_refused_without_as_many_searches)
{
    json_t *request = json_pack("{s:{}}", "answers");
    size_t suggested = 0;
    struct fixture of;
    char *text;

    for (unsigned i = 0; i < 2500; i++) {
        char code[16];

        (void)snprintf(code, sizeof(code), "network%u", i);
        cr_assert_eq(
            json_object_set_new(json_object_get(request, "answers"), code, json_integer(1)), 0);
    }
    text = json_dumps(request, 0);
    run(&of, TOOL, text);
    cr_assert_not(of.is_scored);
    cr_assert_eq(of.problem.error_count, 2500);
    for (size_t i = 0; i < FAULTS_MAX; i++) {
        cr_assert_str_eq(of.problem.errors[i].code, "unknown-member");
        suggested += strstr(of.problem.errors[i].detail, "'network'") != NULL ? 1 : 0;
    }
    cr_assert_eq(suggested, 20);
    end(&of);
    free(text);
    json_decref(request);
}

Test(score, an_answer_that_counts_on_two_scales_is_held_against_both)
{
    static const char TWO[] =
        "{\"axes\":[{\"code\":\"a\",\"label\":\"A\",\"minimum\":0,\"maximum\":10,"
        "\"questions\":[{\"code\":\"q\",\"text\":\"?\"}]},"
        "{\"code\":\"b\",\"label\":\"B\",\"minimum\":2,\"maximum\":5,"
        "\"questions\":[{\"code\":\"q\",\"text\":\"?\"}]}]}";
    static const char *const CODES[] = {"too-large", "too-small"};
    struct fixture of;

    for (unsigned i = 0; i < 2; i++) {
        run(&of, TWO, i == 0 ? "{\"answers\":{\"q\":10}}" : "{\"answers\":{\"q\":1}}");
        cr_assert_not(of.is_scored, "it would be more than all, or less than nothing");
        cr_assert_eq(of.problem.error_count, 1);
        cr_assert_str_eq(of.problem.errors[0].pointer, "/answers/q");
        cr_assert_str_eq(of.problem.errors[0].code, CODES[i]);
        end(&of);
    }
    run(&of, TWO, "{\"answers\":{\"q\":5}}");
    cr_assert(of.is_scored);
    cr_assert_float_eq(of.score.axes[0].percent, 50, 1e-9);
    cr_assert_float_eq(of.score.axes[1].percent, 100, 1e-9);
    end(&of);
}

Test(score, axes_without_a_scale_take_the_one_that_was_used)
{
    static const char PLAIN[] = "{\"axes\":[{\"code\":\"a\",\"label\":\"A\"}]}";
    struct fixture of;

    run(&of, PLAIN, "{\"answers\":{\"a\":2}}");
    cr_assert_not(of.is_scored);
    cr_assert_str_eq(of.problem.errors[0].pointer, "/scale");
    end(&of);
    run(&of, PLAIN, "{\"answers\":{\"a\":2},\"scale\":{\"minimum\":0,\"maximum\":4}}");
    cr_assert(of.is_scored);
    cr_assert_float_eq(of.score.percent, 50, 1e-9);
    cr_assert_null(of.score.level);
    end(&of);
    run(&of, PLAIN, "{\"answers\":{\"a\":9},\"scale\":{\"minimum\":0,\"maximum\":4}}");
    cr_assert_str_eq(of.problem.errors[0].code, "too-large");
    end(&of);
    run(&of, PLAIN, "{\"answers\":{\"a\":2},\"scale\":{\"minimum\":4,\"maximum\":4}}");
    cr_assert_str_eq(of.problem.errors[0].pointer, "/scale/maximum");
    end(&of);
    run(&of, "{}", "{\"answers\":{\"a\":2}}");
    cr_assert_not(of.is_scored);
    end(&of);
}

Test(score, a_radar_begins_at_the_top_and_goes_clockwise)
{
    const struct svg_point centre = {100, 100};
    static const struct {
        size_t axis;
        double percent, x, y;
    } ROWS[] = {{0, 100, 100, 50},
                {1, 100, 150, 100},
                {2, 50, 100, 125},
                {3, 100, 50, 100},
                {1, 0, 100, 100}};

    for (size_t i = 0; i < 5; i++) {
        const struct svg_point point = radar_point(centre, 50, ROWS[i].axis, 4, ROWS[i].percent);

        cr_assert_float_eq(point.x, ROWS[i].x, 1e-9);
        cr_assert_float_eq(point.y, ROWS[i].y, 1e-9);
    }
}

Test(score, a_radar_says_in_words_what_it_shows)
{
    struct fixture of;
    struct text svg;

    run(&of, TOOL, "{\"answers\":{\"q1\":5,\"q2\":3,\"q3\":1}}");
    text_init(&svg, 64 * 1024);
    radar_draw(&svg, "A <tool>", &of.tool, &of.score);
    cr_assert_not(text_failed(&svg));
    cr_assert_not_null(strstr(svg.bytes, "A &lt;tool&gt;"));
    cr_assert_not_null(strstr(svg.bytes, "3.8 of 1 to 5 (70 %), Middle"));
    cr_assert_not_null(strstr(svg.bytes, "not answered"));
    cr_assert_not_null(strstr(svg.bytes, "not everything was answered"));
    text_deinit(&svg);
    end(&of);
}
