/*
 * Body
 *
 * jansson needs up to 80 bytes for one of input ("{},{},…"), so depth and
 * number of values are counted over the raw bytes first. The count need only
 * be right for valid JSON: all else fails in the parser.
 */
#include "body.h"

#include "base/arena.h"
#include "base/limits.h"
#include "base/problem.h"

#include <string.h>
#include <strings.h>

struct shape {
    size_t depth, deepest;
    size_t values;
};

static const char *skip_spaces(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

bool body_is_type(const char *content_type, const char *type)
{
    static const char *const CHARSETS[] = {"charset=utf-8", "charset=\"utf-8\""};
    const char *at;

    if (content_type == NULL)
        return false;
    at = skip_spaces(content_type);
    if (strncasecmp(at, type, strlen(type)) != 0)
        return false;
    at = skip_spaces(at + strlen(type));
    if (*at == '\0')
        return true;
    if (*at != ';')
        return false;
    at = skip_spaces(at + 1);
    for (size_t i = 0; i < ARRAY_LENGTH(CHARSETS); i++) {
        size_t length = strlen(CHARSETS[i]);

        if (strncasecmp(at, CHARSETS[i], length) == 0 && *skip_spaces(at + length) == '\0')
            return true;
    }
    return false;
}

/* Past the string that begins at @at, to @end when it does not close. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\')
            at++;
    }
    return at < end ? at + 1 : end;
}

static bool is_scalar_character(char character)
{
    return strchr("{}[],:\" \t\r\n", character) == NULL || character == '\0';
}

static struct shape measure(const char *bytes, size_t size_bytes)
{
    struct shape shape = {0};
    const char *end = bytes + size_bytes;
    const char *at = bytes;

    while (at < end && shape.deepest <= JSON_DEPTH_MAX && shape.values <= JSON_VALUES_MAX) {
        if (*at == '"') {
            at = skip_string(at, end);
            shape.values++;
        } else if (is_scalar_character(*at)) {
            while (at < end && is_scalar_character(*at))
                at++;
            shape.values++;
        } else {
            if (*at == '{' || *at == '[') {
                shape.values++;
                if (++shape.depth > shape.deepest)
                    shape.deepest = shape.depth;
            } else if ((*at == '}' || *at == ']') && shape.depth > 0) {
                shape.depth--;
            } else if (*at == ':' && shape.values > 0) {
                shape.values--; /* the string before it was a member's name */
            }
            at++;
        }
    }
    return shape;
}

static bool is_container(const char *bytes, size_t size_bytes)
{
    size_t at = 0;

    while (at < size_bytes && bytes[at] != '\0' && strchr(" \t\r\n", bytes[at]) != NULL)
        at++;
    return at < size_bytes && (bytes[at] == '{' || bytes[at] == '[');
}

static void explain(struct arena *arena, const json_error_t *error, struct problem *problem)
{
    const char *what = "The body is not valid JSON";

    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        what = "An object has a member twice";
        break;
    case json_error_premature_end_of_input:
        what = "The body ends too early";
        break;
    case json_error_end_of_input_expected:
        what = "Something follows the JSON value";
        break;
    case json_error_invalid_utf8:
        what = "The body is not UTF-8";
        break;
    case json_error_null_character:
    case json_error_null_byte_in_key:
        what = "A string has a NUL character";
        break;
    case json_error_numeric_overflow:
        what = "A number is out of range";
        break;
    default:
        break;
    }
    problem_set(problem, "invalid-json",
                arena_format(arena, "%s: line %d, column %d.", what, error->line, error->column));
}

int body_parse(struct arena *arena, const char *bytes, size_t size_bytes, json_t **ret_json,
               struct problem *ret_problem)
{
    struct shape shape;
    json_error_t error;

    if (size_bytes == 0) {
        problem_set(ret_problem, "invalid-json", "The body is empty.");
        return BODY_INVALID;
    }
    if (!is_container(bytes, size_bytes)) {
        problem_set(ret_problem, "invalid-json", "The body must be an object or an array.");
        return BODY_INVALID;
    }
    shape = measure(bytes, size_bytes);
    if (shape.deepest > JSON_DEPTH_MAX) {
        problem_set(
            ret_problem, "invalid-json",
            arena_format(arena, "The body is nested deeper than %d levels.", JSON_DEPTH_MAX));
        return BODY_INVALID;
    }
    if (shape.values > JSON_VALUES_MAX) {
        problem_set(ret_problem, "invalid-json",
                    arena_format(arena, "The body has more than %d values.", JSON_VALUES_MAX));
        return BODY_INVALID;
    }
    *ret_json = json_loadb(bytes, size_bytes, JSON_REJECT_DUPLICATES, &error);
    if (*ret_json == NULL) {
        explain(arena, &error, ret_problem);
        return BODY_INVALID;
    }
    return 0;
}
