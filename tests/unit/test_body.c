#include "body.h"

#include "base/arena.h"
#include "base/limits.h"
#include "base/problem.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(body, .fini = test_ends_without_leaks);

/* Checks H5. */
Test(body, only_json_in_utf_8_is_a_json_type)
{
    static const struct {
        const char *type;
        bool is_json;
    } ROWS[] = {
        {"application/json", true},
        {"APPLICATION/JSON", true},
        {" application/json ", true},
        {"application/json;charset=utf-8", true},
        {"application/json ; charset=\"UTF-8\" ", true},
        {NULL, false},
        {"", false},
        {"text/plain", false},
        {"text/plain; application/json", false},
        {"application/json;", false},
        {"application/json;;", false},
        {"application/json; charset=utf-16", false},
        {"application/json; charset=utf-8; x=y", false},
        {"application/jsonx", false},
        {"application/merge-patch+json", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_assert_eq(body_is_type(ROWS[i].type, "application/json"), ROWS[i].is_json, "%s",
                     ROWS[i].type);
}

static int parse(const char *bytes, size_t size_bytes, struct arena *arena, struct problem *problem)
{
    json_auto_t *json = NULL;

    *problem = (struct problem){0};
    return body_parse(arena, bytes, size_bytes, &json, problem);
}

/* Checks V1, V2, V3. */
Test(body, bad_json_is_refused_with_a_position_and_without_the_input)
{
    static const struct {
        const char *bytes;
        size_t size_bytes;
        const char *detail;
    } ROWS[] = {
        {"", 0, "The body is empty."},
        {"{\"a\":secret}", 12, "The body is not valid JSON: line 1, column 11."},
        {"{\"a\":1", 6, "The body ends too early: line 1, column 6."},
        {"{}x", 3, "Something follows the JSON value: line 1, column 3."},
        {"\xEF\xBB\xBF{}", 5, "The body must be an object or an array."},
        {"\"secret\"", 8, "The body must be an object or an array."},
        {"{\"a\":1,\"\\u0061\":2}", 18, "An object has a member twice: line 1, column 15."},
        {"[\"\\u0000\"]", 10, "A string has a NUL character: line 1, column 9."},
        {"[\"\xFF\"]", 5, "The body is not UTF-8: line 1, column 2."},
        {"[1e400]", 7, "A number is out of range: line 1, column 6."},
        {"[\"\0\"]", 5, "The body is not valid JSON: line 1, column 2."},
        {"[1]\0", 4, "Something follows the JSON value: line 1, column 4."},
    };
    struct arena arena;
    struct problem problem;

    arena_init(&arena, 65536);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_assert_eq(parse(ROWS[i].bytes, ROWS[i].size_bytes, &arena, &problem), BODY_INVALID,
                     "row %zu", i);
        cr_assert_str_eq(problem.code, "invalid-json", "row %zu", i);
        cr_assert_null(strstr(problem.detail, "secret"), "row %zu: %s", i, problem.detail);
        cr_assert_str_eq(problem.detail, ROWS[i].detail, "row %zu: %s", i, problem.detail);
    }
    arena_deinit(&arena);
}

/* Checks V4. */
Test(body, depth_and_number_of_values_are_bounded_before_parsing)
{
    char *bytes = malloc(BODY_BYTES_MAX);
    struct arena arena;
    struct problem problem;
    size_t used = 0;

    arena_init(&arena, 65536);
    memset(bytes, '[', JSON_DEPTH_MAX + 1);
    memset(bytes + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    cr_assert_eq(parse(bytes, 2 * (JSON_DEPTH_MAX + 1), &arena, &problem), BODY_INVALID);
    cr_assert_eq(parse(bytes + 1, (size_t)2 * JSON_DEPTH_MAX, &arena, &problem), 0);

    /* The array itself counts; members' names do not. */
    bytes[used++] = '[';
    for (int i = 0; i < JSON_VALUES_MAX / 2; i++)
        used += (size_t)snprintf(bytes + used, 16, "%s{\"a\":1}", i == 0 ? "" : ",");
    bytes[used++] = ']';
    cr_assert_eq(parse(bytes, used, &arena, &problem), BODY_INVALID);
    cr_assert_str_eq(problem.detail, "The body has more than 5000 values.");
    memset(bytes + 1, ' ', 8);
    cr_assert_eq(parse(bytes, used, &arena, &problem), 0, "%s", problem.detail);
    free(bytes);
    arena_deinit(&arena);
}
