/*
 * Every parameter of every list, asked with values made to break something: encodings, SQL,
 * control characters, extremes, floods. The answer is 400 with the parameter's name, or what
 * the words literally mean; never an error of ours, and never a list that was not filtered.
 */
#include "base/limits.h"
#include "base/text.h"
#include "contract/contract.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0", "EXPRESS_STATEMENT_TIMEOUT_MS=60000")
SERVER_AFTER_TESTS()

/* Each test ends by asking for something ordinary. */
static void check_alive(void)
{
    CLEANUP(response_freep) struct response *response = http_get("/v1/practices?limit=1");
    CLEANUP(response_freep) struct response *metrics = NULL;
    char url[200];

    cr_assert_eq(response->status, 200);
    (void)snprintf(url, sizeof(url), "%s/metrics", getenv("API_ADMIN_URL"));
    metrics = http_send_unchecked("GET", url, NULL, NULL, 0);
    cr_assert_null(strstr(metrics->body, "status=\"5xx\""), "something was answered with 5xx");
    test_ends_without_leaks();
}

TestSuite(hostile, .fini = check_alive, .timeout = 300);

static struct response *ask(const char *path, const char *name, const char *value)
{
    struct text text;
    struct response *response;

    text_init(&text, 64 * 1024);
    text_append_format(&text, "%s?%s=%s", path, name, value);
    response = http_get(text.bytes);
    text_deinit(&text);
    return response;
}

static void check_code(struct response *response, int status, const char *code, const char *why)
{
    char type[100];

    cr_assert_eq(response->status, status, "%s: %d %.300s", why, response->status, response->body);
    (void)snprintf(type, sizeof(type), "/problems/%s", code);
    cr_assert_str_eq(response_text_at(response, "/type"), type, "%s", why);
}

static void check_refused(struct response *response, const char *name, const char *value)
{
    cr_assert_eq(response->status, 400, "%s=%s: %d %.200s", name, value, response->status,
                 response->body);
    if (name[0] != '\0')
        cr_assert_str_eq(response_text_at(response, "/errors/0/parameter"), name, "%s=%s: %s", name,
                         value, response->body);
}

static void check_empty(struct response *response, const char *name, const char *value)
{
    cr_assert_eq(response->status, 200, "%s=%s: %d %.200s", name, value, response->status,
                 response->body);
    cr_assert_eq(json_array_size(response_at(response, "/data")), 0,
                 "%s=%s is a list that was not filtered", name, value);
}

/* What is no text is refused before anything else is looked at. */
static const char *const NO_TEXT[] = {
    "",          "%00",    "a%00b", "%C0%80", "%FF", "%C3",    "%ED%A0%80", "%F5%80%80%80",
    "%E2%28%A1", "%zz",    "%",     "a%2",    "%0a", "%0d%0a", "%1b%5B31m", "%7f",
    "%u0041",    "%25%00", ",",     "a,",     ",a",  "a,,b",
};

/* What is text, and nothing more. */
static const char *const ONLY_TEXT[] = {
    "%27%20or%201%3D1%20--",
    "%27%3B%20drop%20table%20catalogue.record%3B%20--",
    "%22%3B%20select%20pg_sleep(10)%3B%20--",
    "%24%24%3B%20select%201%3B%20%24%24",
    "%5C",
    "%5C%27",
    "%25",
    "%25%25",
    "_",
    "%7B%7D",
    "%7Ba%7D",
    "(select%20current_user)",
    "null",
    "NULL",
    "undefined",
    "..%2F..%2Fetc%2Fpasswd",
    "%E2%80%AE",
    "%EF%BB%BF",
    "%F0%9F%98%80",
    "%25s%25n%25p",
    "%3Cscript%3E",
    "%7B%7B7*7%7D%7D",
    "$1",
    "1e999",
    "NaN",
    "Infinity",
    "0x41",
    "1%20or%201",
    "2021-02-30",
    "%2D%2D",
    "*",
    "a%26b%3Dc",
    "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
};

static bool is_open(const struct filter *filter)
{
    return filter->property->values == NULL && filter->property->kind == PROPERTY_TEXT;
}

static void check_filter(const char *path, const struct filter *filter, size_t from, size_t step)
{
    for (size_t i = from % ARRAY_LENGTH(NO_TEXT); i < ARRAY_LENGTH(NO_TEXT); i += step) {
        CLEANUP(response_freep) struct response *response = ask(path, filter->name, NO_TEXT[i]);

        check_refused(response, filter->name, NO_TEXT[i]);
    }
    for (size_t i = from % step; i < ARRAY_LENGTH(ONLY_TEXT); i += step) {
        CLEANUP(response_freep) struct response *response = ask(path, filter->name, ONLY_TEXT[i]);

        if (is_open(filter))
            check_empty(response, filter->name, ONLY_TEXT[i]);
        else
            check_refused(response, filter->name, ONLY_TEXT[i]);
    }
}

/* All values on one resource; on each of the others every value, but each on other filters. */
static void check_resource(size_t index)
{
    const struct resource *resource = contract_resource(list_contract(), index);
    /* Networks have properties of nearly every kind. */
    const size_t step = strcmp(resource->path, "networks") == 0 ? 1 : 13;
    char path[100];

    (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
    for (size_t i = 0; i < resource->filter_count; i++)
        check_filter(path, &resource->filters[i], index + i, step);
}

/* Checks V17, V18, Z12. */
Test(hostile, values_that_break_filters_elsewhere_are_refused_or_literal_here_in_one_half)
{
    for (size_t i = 0; i < contract_resource_count(list_contract()); i += 2)
        check_resource(i);
}

/* Checks V17, V18, Z12. */
Test(hostile, values_that_break_filters_elsewhere_are_refused_or_literal_here_in_the_other_half)
{
    for (size_t i = 1; i < contract_resource_count(list_contract()); i += 2)
        check_resource(i);
}

/* Checks V17. Whatever was in them, the statements above changed nothing. */
Test(hostile, no_value_reaches_the_database_as_sql)
{
    static const char COUNT[] = "select count(*) from catalogue.record";
    char *before = test_database_value(COUNT), *after;
    static const char *const NAMES[] = {
        "slug", "title", "city", "q", "source.external_id", "organisations", "aliases"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(ONLY_TEXT); j++) {
            CLEANUP(response_freep)
            struct response *response = ask("/v1/practices", NAMES[i], ONLY_TEXT[j]);

            cr_assert(response->status == 200 || response->status == 400, "%s=%s: %d", NAMES[i],
                      ONLY_TEXT[j], response->status);
        }
    }
    after = test_database_value(COUNT);
    cr_assert_str_eq(before, after);
    free(before);
    free(after);
}

/* Checks V7. The columns are narrower than what is taken from outside. */
Test(hostile, numbers_at_the_ends_of_their_range_are_compared_and_never_overflow)
{
    static const char *const HUGE_NUMBERS[] = {"2147483647", "2147483648", "9223372036854775807",
                                               "999999999999999999"};
    static const char *const TINY_NUMBERS[] = {"-2147483648", "-2147483649",
                                               "-9223372036854775808"};
    size_t count = 0;

    for (size_t i = 0; i < contract_resource_count(list_contract()); i++) {
        const struct resource *resource = contract_resource(list_contract(), i);
        char path[100];

        (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
        for (size_t j = 0; j < resource->filter_count; j++) {
            const struct filter *filter = &resource->filters[j];
            enum property_kind kind = filter->property->kind;

            if (filter->property->values != NULL ||
                (kind != PROPERTY_INTEGER && kind != PROPERTY_NUMBER && kind != PROPERTY_DECIMAL))
                continue;
            count++;
            for (size_t k = 0; k < ARRAY_LENGTH(HUGE_NUMBERS); k++) {
                CLEANUP(response_freep)
                struct response *response = ask(path, filter->name, HUGE_NUMBERS[k]);

                if (filter->operator== FILTER_MAX)
                    cr_assert_eq(response->status, 200, "%s?%s=%s", path, filter->name,
                                 HUGE_NUMBERS[k]);
                else
                    check_empty(response, filter->name, HUGE_NUMBERS[k]);
            }
            for (size_t k = 0; k < ARRAY_LENGTH(TINY_NUMBERS); k++) {
                CLEANUP(response_freep)
                struct response *response = ask(path, filter->name, TINY_NUMBERS[k]);

                if (filter->operator== FILTER_MIN)
                    cr_assert_eq(response->status, 200, "%s?%s=%s", path, filter->name,
                                 TINY_NUMBERS[k]);
                else
                    check_empty(response, filter->name, TINY_NUMBERS[k]);
            }
            if (kind == PROPERTY_DECIMAL || kind == PROPERTY_NUMBER) {
                CLEANUP(response_freep)
                struct response *response =
                    ask(path, filter->name, "123456789012345.123456789012345");

                cr_assert_eq(response->status, 200, "%s: %s", filter->name, response->body);
            }
        }
    }
    cr_assert_gt(count, 20);
}

/* Checks V12. */
Test(hostile, dates_at_the_ends_of_the_calendar_are_compared)
{
    static const char *const DATES[] = {"0001-01-01", "9999-12-31", "1582-10-10", "2000-02-29"};
    static const char *const TIMES[] = {"0001-01-01T00:00:00Z",
                                        "9999-12-31T23:59:59.999999Z",
                                        "0001-01-01T00:00:00%2B14:00",
                                        "9999-12-31T23:59:59-14:00",
                                        "0001-01-01",
                                        "9999-12-31"};

    for (size_t i = 0; i < contract_resource_count(list_contract()); i++) {
        const struct resource *resource = contract_resource(list_contract(), i);
        char path[100];

        (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
        for (size_t j = 0; j < resource->filter_count; j++) {
            const struct filter *filter = &resource->filters[j];
            enum property_kind kind = filter->property->kind;
            bool is_time = kind == PROPERTY_TIME;

            if (!is_time && kind != PROPERTY_DATE && kind != PROPERTY_PARTIAL_DATE)
                continue;
            if (is_time && i > 1)
                continue; /* every record has the same ones */
            for (size_t k = 0; k < (is_time ? ARRAY_LENGTH(TIMES) : ARRAY_LENGTH(DATES)); k++) {
                CLEANUP(response_freep)
                struct response *response = ask(path, filter->name, is_time ? TIMES[k] : DATES[k]);

                cr_assert_eq(response->status, 200, "%s?%s=%s: %s", path, filter->name,
                             is_time ? TIMES[k] : DATES[k], response->body);
            }
        }
    }
}

/* Checks V14. And the parameters that every list has. */
Test(hostile, the_parameters_of_pages_take_nothing_but_what_they_mean)
{
    static const char *const NAMES[] = {"limit",  "cursor",    "sort",    "count",
                                        "fields", "facets",    "include", "near",
                                        "bbox",   "radius_km", "ids",     "highlights"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(NO_TEXT); j++) {
            CLEANUP(response_freep)
            struct response *response = ask("/v1/practices", NAMES[i], NO_TEXT[j]);

            cr_assert_eq(response->status, 400, "%s=%s: %d", NAMES[i], NO_TEXT[j],
                         response->status);
        }
        for (size_t j = 0; j < ARRAY_LENGTH(ONLY_TEXT); j++) {
            CLEANUP(response_freep)
            struct response *response = ask("/v1/practices", NAMES[i], ONLY_TEXT[j]);

            cr_assert_eq(response->status, 400, "%s=%s: %d", NAMES[i], ONLY_TEXT[j],
                         response->status);
        }
    }
    for (size_t i = 0; i < ARRAY_LENGTH(ONLY_TEXT); i++) {
        CLEANUP(response_freep)
        struct response *format = ask("/v1/practices", "format", ONLY_TEXT[i]);
        CLEANUP(response_freep) struct response *lang = ask("/v1/practices", "lang", ONLY_TEXT[i]);

        cr_assert_eq(format->status, 406, "format=%s: %d", ONLY_TEXT[i], format->status);
        cr_assert(lang->status == 200 || lang->status == 400, "lang=%s: %d", ONLY_TEXT[i],
                  lang->status);
    }
}

/* Checks Z12, Z13. */
Test(hostile, names_that_are_no_parameters_are_refused_and_not_passed_over)
{
    static const char *const NAMES[] = {
        "%27",         "%22",       "a%5B%5D",  "__proto__",  "constructor", "%24where",
        "%00",         "%FF",       "%C0%80",   "country%00", "Country",     "country%20",
        "%20country",  "country.",  ".country", "country..x", "order",       "page",
        "offset",      "per_page",  "filter",   "where",      "select",      "owner_id",
        "source_name", "record_id", "status",   "version",    "description", "%F0%9F%98%80",
        "not.country",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        CLEANUP(response_freep) struct response *response = ask("/v1/practices", NAMES[i], "FR");

        check_code(response, 400, "invalid-parameter", NAMES[i]);
    }
}

Test(hostile, a_read_takes_nothing_but_what_shapes_it)
{
    CLEANUP(response_freep) struct response *list = http_get("/v1/practices?limit=1");
    static const char *const NAMES[] = {"country", "limit", "q", "sort", "a"};
    char path[300];

    (void)snprintf(path, sizeof(path), "/v1/practices/%s", response_text_at(list, "/data/0/slug"));
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        CLEANUP(response_freep) struct response *response = ask(path, NAMES[i], "1");

        check_refused(response, NAMES[i], "1");
    }
    for (size_t i = 0; i < ARRAY_LENGTH(NO_TEXT); i++) {
        CLEANUP(response_freep) struct response *fields = ask(path, "fields", NO_TEXT[i]);
        CLEANUP(response_freep) struct response *include = ask(path, "include", NO_TEXT[i]);
        CLEANUP(response_freep) struct response *lang = ask(path, "lang", NO_TEXT[i]);

        check_refused(fields, "fields", NO_TEXT[i]);
        check_refused(include, "include", NO_TEXT[i]);
        check_refused(lang, "lang", NO_TEXT[i]);
    }
}

/* Checks Z2, Z4, V17. In paths. */
Test(hostile, a_segment_of_a_path_is_only_a_name)
{
    static const char *const FORMS[] = {"/v1/practices/", "/v1/organisations/", "/v1/",
                                        "/problems/"};

    for (size_t i = 0; i < ARRAY_LENGTH(FORMS); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(ONLY_TEXT); j++) {
            CLEANUP(response_freep) struct response *response = NULL;
            char path[300];

            (void)snprintf(path, sizeof(path), "%s%s%s", FORMS[i], ONLY_TEXT[j],
                           i == 1 ? "/practices" : "");
            response = http_get(path);
            cr_assert(response->status == 404 || response->status == 400, "%s: %d", path,
                      response->status);
        }
    }
}

/* --- search ----------------------------------------------------------------------------- */

/* Checks V16. */
Test(hostile, a_search_is_words_whatever_they_look_like)
{
    static const char *const WORDS[] = {
        "%25",
        "_",
        "%5C",
        "%5C%5C",
        "%22",
        "%22%22",
        "%22a",
        "a%22",
        "'",
        "''",
        "-",
        "--",
        "-a",
        "-%22a%20b%22",
        "or",
        "or%20or%20or",
        "OR%20a",
        "a%20or",
        "a%20or%20or%20b",
        "%26",
        "|",
        "!",
        "!!a",
        "a%20%26%20b",
        "a%7Cb",
        "(",
        ")",
        "((((((((((",
        "a:*",
        ":*",
        "a:A",
        "%3C-%3E",
        "a%3C-%3Eb",
        ".*",
        "(a%2B)%2B%24",
        "%5Ba-z%5D",
        "%E2%80%8B",
        "%EF%BB%BF",
        "%F0%9F%98%80",
        "%D8%A7%D9%84%D9%84%D8%A7%D8%AC%D8%A6%D9%8A%D9%86",
        "%E1%89%B5%E1%8C%8D%E1%88%AD%E1%8A%9B",
        "a%20a%20a%20a%20a%20a%20a%20a%20a%20a%20a%20a%20a%20a%20a%20a%20a%20a%20a%20a",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "the%20and%20of",
        "%CC%81%CC%81%CC%81%CC%81%CC%81",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(WORDS); i++) {
        CLEANUP(response_freep) struct response *list = ask("/v1/practices", "q", WORDS[i]);
        CLEANUP(response_freep)
        struct response *marked =
            ask("/v1/practices?highlights=true&count=exact&facets=country", "", "");
        CLEANUP(response_freep) struct response *all = ask("/v1/search", "q", WORDS[i]);

        cr_assert(list->status == 200 || list->status == 400, "q=%s: %d", WORDS[i], list->status);
        cr_assert(all->status == 200 || all->status == 400, "q=%s: %d", WORDS[i], all->status);
        cr_assert_eq(marked->status, 400);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(WORDS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char path[600];

        (void)snprintf(path, sizeof(path),
                       "/v1/organisations?highlights=true&count=exact&facets=country&q=%s",
                       WORDS[i]);
        response = http_get(path);
        cr_assert(response->status == 200 || response->status == 400, "%s: %d", path,
                  response->status);
    }
}

/* Checks V16. */
Test(hostile, a_search_of_too_many_characters_is_refused)
{
    struct text text;

    text_init(&text, 20000);
    for (int i = 0; i < 1000; i++)
        text_append(&text, "a+or+");
    {
        CLEANUP(response_freep) struct response *list = ask("/v1/practices", "q", text.bytes);
        CLEANUP(response_freep) struct response *all = ask("/v1/search", "q", text.bytes);

        check_refused(list, "q", "1000 or");
        check_refused(all, "q", "1000 or");
    }
    text_deinit(&text);
}

/* --- cursors ------------------------------------------------------------------------- */

static void next_cursor(const char *path, char ret_cursor[CURSOR_BYTES_MAX])
{
    CLEANUP(response_freep) struct response *response = http_get(path);
    const json_t *next = response_at(response, "/page/next");
    const char *at;

    cr_assert(json_is_string(next), "%s has no next page: %.300s", path, response->body);
    at = strstr(json_string_value(next), "cursor=");
    (void)snprintf(ret_cursor, CURSOR_BYTES_MAX, "%s",
                   at == NULL ? json_string_value(next) : at + strlen("cursor="));
    ret_cursor[strcspn(ret_cursor, "&")] = '\0';
}

/* Checks V15, Z24. */
Test(hostile, a_cursor_that_was_touched_or_belongs_elsewhere_is_refused)
{
    char cursor[CURSOR_BYTES_MAX], changed[CURSOR_BYTES_MAX + 16];
    CLEANUP(response_freep) struct response *good = NULL;
    size_t length;
    static const char *const ELSEWHERE[] = {
        "/v1/networks?limit=2",
        "/v1/practices?country=FR&limit=2",
        "/v1/practices?sort=title",
        "/v1/practices?sort=updated_at",
        "/v1/practices?q=women",
        "/v1/practices?near=48.5,2.3",
        "/v1/practices?bbox=-10,35,30,60",
        "/v1/practices?sort=-updated_at,title",
    };

    next_cursor("/v1/practices?limit=2", cursor);
    length = strlen(cursor);
    good = ask("/v1/practices", "cursor", cursor);
    cr_assert_eq(good->status, 200);
    for (size_t i = 0; i < length; i += 3) {
        CLEANUP(response_freep) struct response *response = NULL;

        (void)snprintf(changed, sizeof(changed), "%s", cursor);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        response = ask("/v1/practices", "cursor", changed);
        check_code(response, 400, "invalid-cursor", "one character changed");
    }
    for (size_t i = 1; i < length; i += 17) {
        CLEANUP(response_freep) struct response *response = NULL;

        (void)snprintf(changed, sizeof(changed), "%.*s", (int)i, cursor);
        response = ask("/v1/practices", "cursor", changed);
        check_code(response, 400, "invalid-cursor", "cut");
        response_freep(&response);
        (void)snprintf(changed, sizeof(changed), "%s%.*s", cursor, (int)(1 + i % 9), "AAAAAAAAAA");
        response = ask("/v1/practices", "cursor", changed);
        check_code(response, 400, "invalid-cursor", "lengthened");
    }
    for (size_t i = 0; i < ARRAY_LENGTH(ELSEWHERE); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char path[CURSOR_BYTES_MAX + 200];

        (void)snprintf(path, sizeof(path), "%s&cursor=%s", ELSEWHERE[i], cursor);
        response = http_get(path);
        check_code(response, 400, "invalid-cursor", ELSEWHERE[i]);
    }
}

/* Checks V15. */
Test(hostile, a_cursor_of_another_server_is_refused)
{
    char cursor[CURSOR_BYTES_MAX];
    struct test_server other;
    char *what = NULL;
    char *url = strdup(getenv("API_URL"));

    next_cursor("/v1/practices?limit=2", cursor);
    if (!test_server_start(&other,
                           (const char *const[]){"EXPRESS_RATE_LIMIT=0",
                                                 "EXPRESS_SECRET=another-secret-of-another-server-"
                                                 "of-64-characters-in-all-0123456",
                                                 NULL},
                           &what))
        cr_assert_fail("%s", what);
    {
        CLEANUP(response_freep) struct response *response = NULL;
        char path[CURSOR_BYTES_MAX + 200];

        (void)snprintf(path, sizeof(path), "%s/v1/practices?cursor=%s", other.url, cursor);
        response = http_send_unchecked("GET", path, NULL, NULL, 0);
        check_code(response, 400, "invalid-cursor", "another secret");
    }
    if (!test_server_stop(&other, &what))
        cr_assert_fail("%s", what);
    free(url);
}

/* --- how much ---------------------------------------------------------------------------- */

Test(hostile, as_many_parameters_as_are_taken_work_and_one_more_does_not)
{
    struct text text;

    text_init(&text, 10000);
    text_append(&text, "/v1/practices?limit=1");
    for (int i = 1; i < QUERY_PARAMETERS_MAX; i++)
        text_append(&text, "&countries=FR");
    {
        CLEANUP(response_freep) struct response *most = http_get(text.bytes);
        CLEANUP(response_freep) struct response *more = NULL;

        cr_assert_eq(most->status, 200, "%s", most->body);
        text_append(&text, "&countries=FR");
        more = http_get(text.bytes);
        check_code(more, 400, "invalid-parameter", "one more");
        cr_assert_str_eq(response_text_at(more, "/errors/0/code"), "too-many-parameters");
    }
    for (int i = 0; i < 200; i++)
        text_append(&text, "&a=b");
    {
        CLEANUP(response_freep) struct response *many = http_get(text.bytes);

        check_code(many, 400, "invalid-parameter", "200 more");
    }
    text_clear(&text);
    text_append(&text, "GET /v1/practices?");
    for (int i = 0; i < 2000; i++)
        text_append(&text, "a=b&");
    text_append(&text, "a=b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    {
        /* More than the memory of a connection holds: the library gives up on it. */
        CLEANUP(response_freep)
        struct response *flood = http_raw(text.bytes, text.length, 30000);

        cr_assert(flood->closed && (flood->status == 0 || flood->status >= 400), "%d",
                  flood->status);
    }
    text_deinit(&text);
}

Test(hostile, every_condition_at_once_is_one_statement_that_works)
{
    for (size_t i = 0; i < contract_resource_count(list_contract()); i++) {
        const struct resource *resource = contract_resource(list_contract(), i);
        CLEANUP(response_freep) struct response *response = NULL;
        size_t count = 0;
        struct text text;

        text_init(&text, QUERY_BYTES_MAX);
        text_append_format(&text, "/v1/%s?count=exact", resource->path);
        for (size_t j = 0; j < resource->filter_count && count < QUERY_PARAMETERS_MAX - 1; j++) {
            const struct filter *filter = &resource->filters[j];

            if (filter->property->kind == PROPERTY_RELATION ||
                text.length + strlen(filter->name) + 60 > QUERY_BYTES_MAX)
                continue; /* an unknown record would be refused */
            text_append_format(&text, "&%s=", filter->name);
            if (filter->property->values != NULL)
                text_append(&text, filter->property->values[0]);
            else if (filter->property->kind == PROPERTY_BOOLEAN)
                text_append(&text, "true");
            else if (filter->property->kind == PROPERTY_UUID)
                text_append(&text, "01a20102-28e0-7051-a78d-40e12e1670b1");
            else if (filter->property->kind == PROPERTY_TEXT)
                text_append(&text, "a,b,not.c");
            else if (filter->property->kind == PROPERTY_TIME ||
                     filter->property->kind == PROPERTY_DATE)
                text_append(&text, "2024-02-29");
            else
                text_append(&text, "2024");
            count++;
        }
        response = http_get(text.bytes);
        cr_assert_eq(response->status, 200, "%s: %d %.500s", resource->path, response->status,
                     response->body);
        cr_assert_eq(json_array_size(response_at(response, "/data")), 0);
        text_deinit(&text);
    }
}

Test(hostile, a_hundred_values_are_taken_and_one_more_is_not)
{
    static const char *const NAMES[] = {"country", "city", "slug", "ids", "countries"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        struct text text;

        text_init(&text, 64 * 1024);
        for (int j = 0; j < FILTER_VALUES_MAX; j++)
            text_append_format(&text, "%s%s", j == 0 ? "" : ",",
                               i == 3 ? "01a20102-28e0-7051-a78d-40e12e1670b1" : "FR");
        {
            CLEANUP(response_freep)
            struct response *most = ask("/v1/practices", NAMES[i], text.bytes);
            CLEANUP(response_freep) struct response *more = NULL;

            cr_assert_eq(most->status, 200, "%s: %d %.300s", NAMES[i], most->status, most->body);
            text_append(&text, i == 3 ? ",01a20102-28e0-7051-a78d-40e12e1670b1" : ",FR");
            more = ask("/v1/practices", NAMES[i], text.bytes);
            check_refused(more, NAMES[i], "101 values");
            cr_assert_str_eq(response_text_at(more, "/errors/0/code"), "too-many-values");
        }
        text_deinit(&text);
    }
}

Test(hostile, a_value_of_any_length_is_answered)
{
    static const struct {
        size_t count;
        int status;
    } ROWS[] = {{1200, 200}, {1201, 400}, {5000, 400}, {8100, 400}, {10000, 414}};
    static const char *const NAMES[] = {"city", "title", "slug"};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(NAMES); j++) {
            CLEANUP(response_freep) struct response *response = NULL;
            char *value = malloc(ROWS[i].count + 1);

            memset(value, 'a', ROWS[i].count);
            value[ROWS[i].count] = '\0';
            response = ask("/v1/practices", NAMES[j], value);
            cr_assert_eq(response->status, ROWS[i].status, "%s of %zu: %d", NAMES[j], ROWS[i].count,
                         response->status);
            free(value);
        }
    }
}

/* Checks Z12. */
Test(hostile, a_parameter_twice_is_never_half_obeyed)
{
    static const char *const QUERIES[] = {
        "limit=1&limit=2",
        "country=FR&country=DE",
        "country=FR&%63ountry=DE",
        "sort=title&sort=city",
        "q=a&q=b",
        "near=1,2&near=3,4",
        "bbox=1,2,3,4&bbox=1,2,3,4",
        "fields=title&fields=city",
        "count=exact&count=none",
        "lang=fr&lang=de",
        "cursor=a&cursor=b",
        "ids=a&ids=b",
        "facets=country&facets=city",
        "include=organisations&include=projects",
        "highlights=true&highlights=false&q=a",
        "radius_km=1&radius_km=2&near=1,2",
        "started_on_after=2020&started_on_after=2021",
        "format=csv&format=json",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(QUERIES); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char path[300];

        (void)snprintf(path, sizeof(path), "/v1/practices?%s", QUERIES[i]);
        response = http_get(path);
        cr_assert_eq(response->status, 400, "%s: %d", path, response->status);
    }
}

/* --- everything that is offered ---------------------------------------------------------- */

Test(hostile, every_order_facet_and_relation_that_is_offered_works)
{
    for (size_t i = 0; i < contract_resource_count(list_contract()); i++) {
        const struct resource *resource = contract_resource(list_contract(), i);
        char path[100];

        (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
        for (size_t j = 0; j < resource->leaf_count; j++) {
            const struct property *leaf = resource->leaves[j];

            if (leaf->sortable && !leaf->in_array) {
                CLEANUP(response_freep)
                struct response *up = ask(path, "limit=3&sort", leaf->path);
                char down_value[200];
                CLEANUP(response_freep) struct response *down = NULL;

                (void)snprintf(down_value, sizeof(down_value), "-%s", leaf->path);
                down = ask(path, "limit=3&sort", down_value);
                cr_assert_eq(up->status, 200, "%s?sort=%s", path, leaf->path);
                cr_assert_eq(down->status, 200, "%s?sort=-%s", path, leaf->path);
            }
            if (leaf->facet) {
                CLEANUP(response_freep)
                struct response *facet = ask(path, "limit=1&facets", leaf->path);

                cr_assert_eq(facet->status, 200, "%s?facets=%s", path, leaf->path);
            }
            if (leaf->includable) {
                CLEANUP(response_freep)
                struct response *include = ask(path, "limit=1&include", leaf->path);

                cr_assert_eq(include->status, 200, "%s?include=%s", path, leaf->path);
            }
        }
        for (size_t j = 0; j < resource->referrer_count; j++) {
            CLEANUP(response_freep)
            struct response *include = ask(path, "limit=1&include", resource->referrers[j]->table);

            cr_assert_eq(include->status, 200, "%s?include=%s", path,
                         resource->referrers[j]->table);
        }
    }
}

/* Checks R10. */
Test(hostile, the_widest_places_work_on_every_resource_that_has_one)
{
    static const char *const QUERIES[] = {
        "near=90,180",
        "near=-90,-180&radius_km=20040",
        "near=0,0&radius_km=0.001",
        "near=48.85,2.35&radius_km=20040&sort=-distance&count=exact",
        "bbox=-180,-90,180,90",
        "bbox=179.999,-90,-179.999,90",
        "bbox=180,0,-180,0",
        "bbox=2,48,2,48",
        "near=89.9999999,0&radius_km=100",
        "near=0,180&radius_km=500&bbox=170,-10,-170,10",
        "near=-0,-0",
    };

    for (size_t i = 0; i < contract_resource_count(list_contract()); i++) {
        const struct resource *resource = contract_resource(list_contract(), i);

        for (size_t j = 0; resource->location != NULL && j < ARRAY_LENGTH(QUERIES); j++) {
            CLEANUP(response_freep) struct response *response = NULL;
            char path[300];

            (void)snprintf(path, sizeof(path), "/v1/%s?limit=1&%s", resource->path, QUERIES[j]);
            response = http_get(path);
            cr_assert_eq(response->status, 200, "%s: %d %s", path, response->status,
                         response->body);
        }
    }
}
