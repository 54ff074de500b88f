#include "base/problem.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "base/text.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

TestSuite(problem, .fini = test_ends_without_leaks);

/* "Send the header once." and more, ending as a sentence does. */
static bool is_prose(const char *text)
{
    size_t length = text == NULL ? 0 : strlen(text);

    return length > 20 && text[length - 1] == '.' && text[0] >= 'A' && text[0] <= 'Z';
}

Test(problem, every_kind_says_what_it_means_and_how_to_mend_it)
{
    size_t count;
    const struct problem_kind *kinds = problem_kinds(&count);

    cr_assert_geq(count, 20);
    for (size_t i = 0; i < count; i++) {
        const struct problem_kind *kind = &kinds[i];

        cr_assert(strspn(kind->code, "abcdefghijklmnopqrstuvwxyz-") == strlen(kind->code) &&
                      kind->code[0] != '\0',
                  "%s", kind->code);
        cr_assert(kind->status >= 400 && kind->status < 600, "%s", kind->code);
        cr_assert(kind->title[0] >= 'A' && kind->title[0] <= 'Z', "%s", kind->code);
        cr_assert(is_prose(kind->explanation), "%s", kind->code);
        cr_assert(is_prose(kind->mend), "%s", kind->code);
        cr_assert_eq(problem_kind_find(kind->code), kind, "%s is there twice", kind->code);
        cr_assert(i == 0 || kinds[i - 1].status <= kind->status, "%s is out of order", kind->code);
    }
    cr_assert_null(problem_kind_find("no-such-problem"));
    cr_assert_null(problem_kind_find(""));
}

Test(problem, what_is_mended_by_a_request_shows_one)
{
    static const char *const CODES[] = {"unauthenticated",       "invalid-token",
                                        "precondition-required", "precondition-failed",
                                        "validation-failed",     "idempotency-key-reuse",
                                        "outcome-unknown",       "insufficient-scope"};
    size_t shown = 0;
    size_t count;
    const struct problem_kind *kinds = problem_kinds(&count);

    for (size_t i = 0; i < ARRAY_LENGTH(CODES); i++) {
        cr_assert_not_null(problem_kind_find(CODES[i]), "%s", CODES[i]);
        cr_assert_not_null(problem_example(CODES[i]), "%s", CODES[i]);
        cr_assert_not_null(strstr(problem_example(CODES[i]), "$API"), "%s", CODES[i]);
    }
    for (size_t i = 0; i < count; i++)
        shown += problem_example(kinds[i].code) != NULL;
    cr_assert_geq(shown, ARRAY_LENGTH(CODES));
    cr_assert_null(problem_example("no-such-problem"));
}

Test(problem, every_kind_is_rendered_as_rfc_9457_says)
{
    size_t count;
    const struct problem_kind *kinds = problem_kinds(&count);

    for (size_t i = 0; i < count; i++) {
        struct problem problem = {0};
        json_auto_t *value = NULL;
        struct text text;
        char type[100];

        text_init(&text, 10000);
        problem_set(&problem, kinds[i].code, NULL);
        problem_render(&problem, NULL, NULL, &text);
        value = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
        cr_assert_not_null(value, "%s", text.bytes);
        (void)snprintf(type, sizeof(type), "/problems/%s", kinds[i].code);
        cr_assert_str_eq(json_string_value(json_object_get(value, "type")), type);
        cr_assert_str_eq(json_string_value(json_object_get(value, "title")), kinds[i].title);
        cr_assert_eq(json_integer_value(json_object_get(value, "status")), kinds[i].status);
        cr_assert_eq(json_object_size(value), 3, "nothing is there that was not said");
        text_deinit(&text);
    }
}

Test(problem, errors_name_their_place_and_appear_in_the_order_of_their_finding)
{
    struct problem problem = {0};
    json_auto_t *value = NULL;
    const json_t *errors;
    struct arena arena;
    struct text text;

    arena_init(&arena, 10000);
    text_init(&text, 10000);
    problem_add(&problem, &arena, "/members/0", NULL, "required", "%s is \"required\"", "name");
    problem_add(&problem, &arena, NULL, "limit", "out-of-range", "at most %d\n", 100);
    problem_add(&problem, &arena, NULL, NULL, "plain", "neither");
    problem_set(&problem, "validation-failed", "See \"errors\".");
    problem_render(&problem, "/v1/practices", "the-request", &text);
    value = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(value, "%s", text.bytes);
    cr_assert_str_eq(json_string_value(json_object_get(value, "detail")), "See \"errors\".");
    cr_assert_str_eq(json_string_value(json_object_get(value, "instance")), "/v1/practices");
    cr_assert_str_eq(json_string_value(json_object_get(value, "request_id")), "the-request");
    errors = json_object_get(value, "errors");
    cr_assert_eq(json_array_size(errors), 3);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(errors, 0), "pointer")),
                     "/members/0");
    cr_assert_null(json_object_get(json_array_get(errors, 0), "parameter"));
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(errors, 0), "detail")),
                     "name is \"required\"");
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(errors, 1), "parameter")),
                     "limit");
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(errors, 1), "code")),
                     "out-of-range");
    cr_assert_eq(json_object_size(json_array_get(errors, 2)), 2);
    text_deinit(&text);
    arena_deinit(&arena);
}

Test(problem, more_errors_than_it_holds_are_counted_and_not_kept)
{
    static struct problem problem;
    json_auto_t *value = NULL;
    struct arena arena;
    struct text text;

    arena_init(&arena, 1000000);
    text_init(&text, 1000000);
    for (int i = 0; i < FAULTS_MAX + 50; i++)
        problem_add(&problem, &arena, NULL, "p", "c", "error %d", i);
    cr_assert_eq(problem.error_count, FAULTS_MAX + 50);
    problem_set(&problem, "invalid-parameter", NULL);
    problem_render(&problem, NULL, NULL, &text);
    value = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_eq(json_array_size(json_object_get(value, "errors")), FAULTS_MAX);
    text_deinit(&text);
    arena_deinit(&arena);
}

Test(problem, a_detail_that_is_cut_within_a_character_leaves_the_answer_valid)
{
    for (size_t length = 500; length < 520; length++) {
        struct problem problem = {0};
        json_auto_t *value = NULL;
        struct arena arena;
        struct text text;
        char long_text[600];

        arena_init(&arena, 10000);
        text_init(&text, 10000);
        memset(long_text, 'a', sizeof(long_text));
        for (size_t i = length; i + 2 < sizeof(long_text); i += 2) {
            long_text[i] = '\xC3';
            long_text[i + 1] = '\xA4';
        }
        long_text[sizeof(long_text) - 2] = '\0';
        problem_add(&problem, &arena, NULL, "p", "c", "%s", long_text);
        problem_set(&problem, "invalid-parameter", NULL);
        problem_render(&problem, NULL, NULL, &text);
        value = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
        cr_assert_not_null(value, "%zu", length);
        text_deinit(&text);
        arena_deinit(&arena);
    }
}

Test(problem, a_full_arena_leaves_the_error_with_its_code_alone)
{
    struct problem problem = {0};
    json_auto_t *value = NULL;
    struct arena full = {0};
    struct text text;

    text_init(&text, 10000);
    problem_add(&problem, &full, NULL, "p", "c", "detail");
    problem_set(&problem, "invalid-parameter", NULL);
    problem_render(&problem, NULL, NULL, &text);
    value = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(value, "%s", text.bytes);
    text_deinit(&text);
}

Test(problem, an_error_of_signing_in_has_the_members_of_oauth_too)
{
    static const char *const DETAILS[] = {NULL, "The parameter grant_type is missing."};

    for (size_t i = 0; i < sizeof(DETAILS) / sizeof(DETAILS[0]); i++) {
        struct problem problem = {.oauth_error = "invalid_request"};
        json_auto_t *value = NULL;
        struct text text;

        text_init(&text, 10000);
        problem_set(&problem, "invalid-form", DETAILS[i]);
        problem_render(&problem, NULL, NULL, &text);
        value = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
        cr_assert_str_eq(json_string_value(json_object_get(value, "error")), "invalid_request");
        cr_assert_str_eq(json_string_value(json_object_get(value, "error_description")),
                         DETAILS[i] == NULL ? problem.title : DETAILS[i]);
        cr_assert_str_eq(json_string_value(json_object_get(value, "type")),
                         "/problems/invalid-form");
        text_deinit(&text);
    }
}
