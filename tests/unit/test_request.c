#include "request.h"

#include "base/problem.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(request, .fini = test_ends_without_leaks);

static struct arena arena;
static struct request request;
static struct problem problem;

static void begin(void)
{
    arena_init(&arena, 1024 * 1024);
    request = (struct request){.arena = &arena};
    problem = (struct problem){0};
}

static void end(void)
{
    arena_deinit(&arena);
}

Test(request, a_clean_path_is_decoded, .init = begin, .fini = end)
{
    static const struct {
        const char *raw, *path, *why;
    } ROWS[] = {
        {"/", "/", "the root"},
        {"/v1/practices", "/v1/practices", "nothing to decode"},
        {"/v1/practices/", "/v1/practices/", "one slash at the end is the router's business"},
        {"/v1/%70ractices", "/v1/practices", "an encoded letter"},
        {"/v1/a+b", "/v1/a+b", "a plus stands for itself in a path"},
        {"/v1/a%20b", "/v1/a b", "an encoded space"},
        {"/v1/%C3%A4", "/v1/\xC3\xA4", "UTF-8"},
        {"/v1/...", "/v1/...", "three dots are a name"},
        {"/1/2/3/4/5/6/7/8", "/1/2/3/4/5/6/7/8", "as many segments as allowed"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_assert(request_decode_path(&request, ROWS[i].raw, &problem), "%s", ROWS[i].why);
        cr_assert_str_eq(request.path, ROWS[i].path, "%s", ROWS[i].why);
    }
}

/* Checks V18, Z10. */
Test(request, a_path_that_is_not_clean_is_refused, .init = begin, .fini = end)
{
    static const struct {
        const char *raw, *why;
    } ROWS[] = {
        {"", "nothing at all"},
        {"v1", "no slash at the start"},
        {"//", "two slashes"},
        {"/v1//x", "an empty segment"},
        {"/v1/x//", "two slashes at the end"},
        {"/.", "a dot"},
        {"/v1/../x", "two dots"},
        {"/v1/%2e%2E/x", "two encoded dots"},
        {"/v1/a%2Fb", "an encoded slash"},
        {"/v1/a\\b", "a backslash"},
        {"/v1/a%5cb", "an encoded backslash"},
        {"/v1/a;b=c", "a semicolon"},
        {"/v1/a%3Bb", "an encoded semicolon"},
        {"/v1/%00", "NUL"},
        {"/v1/%0d%0aX", "a line break"},
        {"/v1/%7f", "DEL"},
        {"/v1/a b", "a raw space"},
        {"/v1/%", "a percent sign alone"},
        {"/v1/%2", "one digit"},
        {"/v1/%zz", "no digits"},
        {"/v1/%C0%80", "overlong UTF-8"},
        {"/v1/%ED%A0%80", "a surrogate"},
        {"/v1/%FF", "no UTF-8"},
        {"/1/2/3/4/5/6/7/8/9", "too many segments"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        problem = (struct problem){0};
        cr_assert_not(request_decode_path(&request, ROWS[i].raw, &problem), "%s", ROWS[i].why);
        cr_assert_str_eq(problem.code, "invalid-path", "%s", ROWS[i].why);
        cr_assert_not_null(problem.detail, "%s", ROWS[i].why);
    }
}

Test(request, a_path_of_the_greatest_length_passes_and_one_more_does_not, .init = begin,
     .fini = end)
{
    char raw[PATH_BYTES_MAX + 2];

    memset(raw, 'a', sizeof(raw));
    raw[0] = '/';
    raw[PATH_BYTES_MAX + 1] = '\0';
    cr_assert_not(request_decode_path(&request, raw, &problem));
    raw[PATH_BYTES_MAX] = '\0';
    cr_assert(request_decode_path(&request, raw, &problem));
}

Test(request, a_query_is_split_decoded_and_kept_in_order, .init = begin, .fini = end)
{
    cr_assert(request_decode_query(&request, "a=1&b=x+y%20z&a=%C3%A4&c&d=&&e=f=g&", &problem));
    cr_assert_eq(request.parameter_count, 6);
    cr_assert_str_eq(request.parameters[0].name, "a");
    cr_assert_str_eq(request.parameters[0].value, "1");
    cr_assert_str_eq(request.parameters[1].value, "x y z");
    cr_assert_str_eq(request.parameters[2].name, "a");
    cr_assert_str_eq(request.parameters[2].value, "\xC3\xA4");
    cr_assert_str_eq(request.parameters[3].value, "", "no equals sign is an empty value");
    cr_assert_str_eq(request.parameters[4].value, "");
    cr_assert_str_eq(request.parameters[5].value, "f=g");
    cr_assert_str_eq(request_parameter(&request, "a"), "1");
    cr_assert_null(request_parameter(&request, "A"), "names are told apart by case");
}

/* Checks V18, Z12. */
Test(request, a_query_that_is_not_clean_is_refused_by_name, .init = begin, .fini = end)
{
    static const struct {
        const char *raw, *parameter, *code;
    } ROWS[] = {
        {"a=%00", "a", "control-character"}, {"a=%0a", "a", "control-character"},
        {"a=b c", "a", "control-character"}, {"a=%zz", "a", "malformed-encoding"},
        {"a=%", "a", "malformed-encoding"},  {"%4=1", NULL, "malformed-encoding"},
        {"a=%FF", "a", "invalid-utf-8"},     {"%C0%80=1", NULL, "invalid-utf-8"},
        {"=1", NULL, "empty-name"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        problem = (struct problem){0};
        cr_assert_not(request_decode_query(&request, ROWS[i].raw, &problem), "%s", ROWS[i].raw);
        cr_assert_str_eq(problem.code, "invalid-parameter", "%s", ROWS[i].raw);
        cr_assert_eq(problem.error_count, 1, "%s", ROWS[i].raw);
        cr_assert_str_eq(problem.errors[0].code, ROWS[i].code, "%s", ROWS[i].raw);
        if (ROWS[i].parameter == NULL)
            cr_assert_null(problem.errors[0].parameter, "%s", ROWS[i].raw);
        else
            cr_assert_str_eq(problem.errors[0].parameter, ROWS[i].parameter, "%s", ROWS[i].raw);
    }
}

Test(request, all_faults_of_a_query_are_told_at_once, .init = begin, .fini = end)
{
    cr_assert_not(request_decode_query(&request, "a=%00&b=1&c=%zz&=&d=%ff", &problem));
    cr_assert_eq(problem.error_count, 4);
    cr_assert_eq(request.parameter_count, 1);
}

Test(request, a_query_has_a_greatest_number_of_parameters, .init = begin, .fini = end)
{
    char raw[8 * (QUERY_PARAMETERS_MAX + 1)] = "";
    size_t used = 0;

    for (int i = 0; i < QUERY_PARAMETERS_MAX; i++)
        used += (size_t)snprintf(raw + used, sizeof(raw) - used, "p%d&", i);
    cr_assert(request_decode_query(&request, raw, &problem));
    cr_assert_eq(request.parameter_count, QUERY_PARAMETERS_MAX);
    (void)snprintf(raw + used, sizeof(raw) - used, "more");
    cr_assert_not(request_decode_query(&request, raw, &problem));
    cr_assert_str_eq(problem.errors[0].code, "too-many-parameters");
}

Test(request, a_full_arena_refuses_instead_of_cutting, .init = begin, .fini = end)
{
    struct arena full = {0};

    request.arena = &full;
    cr_assert_not(request_decode_path(&request, "/v1", &problem));
    cr_assert_not(request_decode_query(&request, "a=1", &problem));
}

Test(request, headers_are_found_in_any_case_and_repeated_ones_are_joined, .init = begin,
     .fini = end)
{
    static const struct request_header HEADERS[] = {
        {"Accept", "text/html"}, {"HOST", "example.org"}, {"accept", "text/csv"}};

    request.headers = HEADERS;
    request.header_count = ARRAY_LENGTH(HEADERS);
    cr_assert_str_eq(request_header(&request, "Host"), "example.org");
    cr_assert_str_eq(request_header(&request, "Accept"), "text/html, text/csv");
    cr_assert_null(request_header(&request, "Accept-Language"));
}

/* Names and values as the token endpoint sees them: "a=b, c=d". */
static void check_form(const char *raw, const char *expected, const char *why)
{
    char seen[200] = "";
    size_t used = 0;

    cr_assert(request_decode_form(&request, raw, strlen(raw), &problem), "%s", why);
    for (size_t i = 0; i < request.form_count; i++)
        used += (size_t)snprintf(seen + used, sizeof(seen) - used, "%s%s=%s", i == 0 ? "" : ", ",
                                 request.form[i].name, request.form[i].value);
    cr_assert_str_eq(seen, expected, "%s", why);
}

Test(request, a_clean_form_is_decoded, .init = begin, .fini = end)
{
    static const struct {
        const char *raw, *form, *why;
    } ROWS[] = {
        {"", "", "nothing"},
        {"a=b&c=d", "a=b, c=d", "two"},
        {"&&a=b&", "a=b", "empty pieces say nothing"},
        {"a=&b=1&c", "b=1", "without a value it is as if it were not sent"},
        {"scope=read+write%3Apractices", "scope=read write:practices", "a plus is a space"},
        {"a=b=c", "a=b=c", "the first equals sign ends the name"},
        {"n=%C3%A4\xC3\xB6", "n=\xC3\xA4\xC3\xB6", "UTF-8, encoded and raw"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        check_form(ROWS[i].raw, ROWS[i].form, ROWS[i].why);
}

Test(request, a_form_that_is_not_clean_is_refused_without_quoting_it, .init = begin, .fini = end)
{
    static const struct {
        const char *raw;
        size_t size_bytes;
        const char *why;
    } ROWS[] = {
        {"a=secret%", 9, "half an escape"},
        {"a=secret%zz", 11, "an escape that is none"},
        {"a=secret%00", 11, "an encoded NUL"},
        {"a=secret\0b", 10, "a NUL"},
        {"a=secret%FF", 11, "not UTF-8"},
        {"a=secret 1", 10, "a raw space"},
        {"=secret", 7, "no name"},
        {"a=secret&a=secret", 17, "twice"},
        {"a=1&b=1&c=1&d=1&e=1&f=1&g=1&h=1&i=1&j=1&k=1&l=1&m=1&n=1&o=1&p=1&q=secret", 73,
         "too many"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_assert_not(request_decode_form(&request, ROWS[i].raw, ROWS[i].size_bytes, &problem),
                      "%s", ROWS[i].why);
        cr_assert_str_eq(problem.code, "invalid-form", "%s", ROWS[i].why);
        cr_assert_null(strstr(problem.detail, "secret"), "%s", ROWS[i].why);
    }
}
