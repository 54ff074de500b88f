/*
 * What HTTP itself promises, on every path of the contract: methods, paths, headers. What is sent
 * is in test_representations.c, what is taken in test_bodies.c. The client of these tests already
 * holds each reply against the contract and against what holds for all of them
 * (support/contract.h).
 */
#include "base/annotate.h"
#include "base/limits.h"
#include "base/num.h"
#include "contract/contract.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/paths.h"
#include "support/server.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define BASE_URL "https://api.example.org"
#define TRIES_MAX 20
#define PATH_BYTES 512

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0", "EXPRESS_BASE_URL=" BASE_URL)
SERVER_AFTER_TESTS()

TestSuite(http, .fini = test_ends_without_leaks, .timeout = 300);

/* --- every path of the contract ------------------------------------------------------------ */

struct place {
    const char *template, *path;
    const json_t *item; /* of the contract */
};

static void each_path(void (*check)(const struct place *place))
{
    const json_t *paths = json_object_get(contract_document(list_contract()), "paths");
    const char *template;
    json_t *item;
    size_t count = 0;

    json_object_foreach ((json_t *)(uintptr_t)paths, template, item) {
        char path[PATH_FILLED_BYTES];

        path_fill(template, item, path);
        check(&(struct place){.template = template, .path = path, .item = item});
        count++;
    }
    cr_assert_gt(count, 50);
}

static void check_allow(const struct place *place, const char *allow)
{
    static const char *const METHODS[][2] = {{"GET", "get"},     {"HEAD", "get"},
                                             {"POST", "post"},   {"PUT", "put"},
                                             {"PATCH", "patch"}, {"DELETE", "delete"}};

    for (size_t i = 0; i < ARRAY_LENGTH(METHODS); i++)
        cr_assert_eq(http_has_word(allow, METHODS[i][0]),
                     json_object_get(place->item, METHODS[i][1]) != NULL, "%s: %s", place->path,
                     allow);
    cr_assert(http_has_word(allow, "OPTIONS"), "%s: %s", place->path, allow);
}

static void check_other_methods(const struct place *place)
{
    static const char *const METHODS[][2] = {{"DELETE", "delete"},
                                             {"PUT", "put"},
                                             {"PATCH", "patch"},
                                             {"TRACE", "trace"},
                                             {"POST", "post"}};

    for (size_t i = 0; i < ARRAY_LENGTH(METHODS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;

        if (json_object_get(place->item, METHODS[i][1]) != NULL)
            continue;
        response = http_bare(METHODS[i][0], place->path);
        expect_problem(response, 405, "method-not-allowed", place->path);
        check_allow(place, response_header(response, "Allow"));
    }
}

/* Checks H2. */
Test(http, every_path_refuses_other_methods_and_names_those_it_has)
{
    each_path(check_other_methods);
}

static bool is_of_each_answer(const char *name)
{
    static const char *const NAMES[] = {"Date", "X-Request-Id", "traceparent"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        if (strcasecmp(NAMES[i], name) == 0)
            return true;
    return false;
}

/* Reading adds to what is read: an entry of the audit log. */
static bool tells_of_itself(const char *path)
{
    return strcmp(path, "/v1/audit") == 0 || strstr(path, "/subject-access") != NULL;
}

static void check_same_headers(const struct response *got, const struct response *head,
                               const char *path)
{
    cr_assert_eq(head->header_count, got->header_count, "%s: %zu headers, not %zu", path,
                 head->header_count, got->header_count);
    for (size_t i = 0; i < got->header_count; i++) {
        const char *name = got->headers[i].name;
        const char *value = response_header(head, name);

        cr_assert_not_null(value, "HEAD %s lacks %s", path, name);
        if (tells_of_itself(path) && strcasecmp(name, "Content-Length") == 0)
            continue;
        if (!is_of_each_answer(name))
            cr_assert_str_eq(value, got->headers[i].value, "%s of %s", name, path);
    }
}

static bool is_same_body(const struct response *one, const struct response *other)
{
    return one->body_bytes == other->body_bytes &&
           memcmp(one->body, other->body, one->body_bytes) == 0;
}

/* HEAD before and after the length of the body is known from a GET. Lists of what is being edited
 * change with what other tests do beside this one: then once more. Return: compared? */
static bool compare_head(const char *token, const char *path, const char *coding)
{
    const char *const headers[] = {coding, "X-Request-Id: of-all-requests", NULL};
    CLEANUP(response_freep) struct response *first = NULL, *got = NULL, *again = NULL;
    CLEANUP(response_freep) struct response *before = http_as(token, "GET", path, headers, NULL);

    first = http_as(token, "HEAD", path, headers, NULL);
    got = http_as(token, "GET", path, headers, NULL);
    again = http_as(token, "HEAD", path, headers, NULL);
    /* On a busy machine what is computed may be refused for a moment. */
    if (got->status == 503 || first->status == 503 || again->status == 503) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
        return false;
    }
    cr_assert_eq(got->status, 200, "%s: %.200s", path, got->body);
    cr_assert_eq(first->status, got->status, "%s", path);
    cr_assert_eq(first->body_bytes, 0);
    if (!tells_of_itself(path)) {
        CLEANUP(response_freep) struct response *after = http_as(token, "GET", path, headers, NULL);

        if (!is_same_body(before, got) || !is_same_body(got, after))
            return false;
    }
    check_same_headers(got, first, path);
    check_same_headers(got, again, path);
    return true;
}

static void check_head(const struct place *place)
{
    static const char *const CODINGS[] = {"Accept-Encoding: identity", "Accept-Encoding: gzip"};
    const char *token;

    if (json_object_get(place->item, "get") == NULL)
        return;
    token = path_reader(place->template, place->item);
    for (size_t i = 0; i < ARRAY_LENGTH(CODINGS); i++) {
        unsigned tries = 1;

        while (!compare_head(token, place->path, CODINGS[i]))
            cr_assert_lt(tries++, TRIES_MAX, "%s never stays the same", place->path);
    }
}

/* Checks H3. */
Test(http, head_is_get_without_the_body_on_every_path)
{
    each_path(check_head);
}

Test(http, head_of_an_error_is_that_of_get)
{
    static const char *const PATHS[] = {"/nothing", "/v1/practices?contry=FR",
                                        "/v1/practices/no-such-record", "/v1/a%00"};

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        const char *const headers[] = {"X-Request-Id: of-both-requests", NULL};
        CLEANUP(response_freep) struct response *got = NULL, *head = NULL;

        got = http_send("GET", PATHS[i], headers, NULL, 0);
        head = http_send("HEAD", PATHS[i], headers, NULL, 0);
        cr_assert_geq(got->status, 400);
        cr_assert_eq(head->status, got->status, "%s", PATHS[i]);
        check_same_headers(got, head, PATHS[i]);
    }
}

/* Checks H3. Of what is made while it is sent. */
Test(http, head_of_a_stream_knows_how_long_the_stream_would_be)
{
    static const char *const PATHS[] = {"/v1/practices?format=csv", "/v1/networks?format=ndjson",
                                        "/v1/places?format=geojson"};

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        CLEANUP(response_freep) struct response *got = http_get(PATHS[i]);
        CLEANUP(response_freep) struct response *head = http_bare("HEAD", PATHS[i]);
        uint32_t length;

        cr_assert_eq(got->status, 200);
        cr_assert_eq(head->status, 200);
        cr_assert(num_parse_u32(response_header(head, "Content-Length"), 1, UINT32_MAX, &length));
        cr_assert_eq(length, got->body_bytes, "%s: %u, not %zu", PATHS[i], length, got->body_bytes);
        cr_assert_str_eq(response_header(head, "Content-Type"),
                         response_header(got, "Content-Type"));
    }
}

static void check_options(const struct place *place)
{
    static const char *const ORIGINS[] = {"Origin: https://partner.example", "Origin: null",
                                          "Origin: https://api.example.org.evil.example"};
    static const char *const HEADERS[] = {"Authorization", "Content-Type", "Idempotency-Key",
                                          "If-Match"};
    const char *path = place->path;
    CLEANUP(response_freep) struct response *options = http_bare("OPTIONS", path);

    cr_assert_eq(options->status, 204, "%s: %d", path, options->status);
    check_allow(place, response_header(options, "Allow"));
    for (size_t i = 0; i < ARRAY_LENGTH(ORIGINS); i++) {
        const char *const headers[] = {ORIGINS[i], "Access-Control-Request-Method: POST",
                                       "Access-Control-Request-Headers: content-type", NULL};
        CLEANUP(response_freep)
        struct response *preflight = http_send("OPTIONS", path, headers, NULL, 0);
        uint32_t age;

        cr_assert_eq(preflight->status, 204, "%s", path);
        cr_assert_str_eq(response_header(preflight, "Access-Control-Allow-Origin"), "*");
        cr_assert_null(response_header(preflight, "Access-Control-Allow-Credentials"));
        check_allow(place, response_header(preflight, "Access-Control-Allow-Methods"));
        for (size_t j = 0; j < ARRAY_LENGTH(HEADERS); j++)
            cr_assert(http_has_word(response_header(preflight, "Access-Control-Allow-Headers"),
                                    HEADERS[j]),
                      "%s: %s", path, HEADERS[j]);
        cr_assert(
            num_parse_u32(response_header(preflight, "Access-Control-Max-Age"), 1, 600, &age));
        cr_assert(http_has_word(response_header(preflight, "Vary"), "Origin"), "%s", path);
    }
}

/* Checks H4. */
Test(http, options_tells_the_methods_of_every_path_and_lets_browsers_read_it)
{
    CLEANUP(response_freep) struct response *unknown = http_bare("OPTIONS", "/nothing");

    expect_problem(unknown, 404, "not-found", "OPTIONS of nothing");
    each_path(check_options);
}

/* --- methods and paths ------------------------------------------------------------------ */

/* Checks H1, H2. */
Test(http, an_unknown_path_is_not_found_whatever_the_method)
{
    static const char *const PATHS[] = {
        "/nothing",
        "/v1",
        "/v2/practices",
        "/v1/nothing",
        "/v1/practices/no",
        "/v1/nothing/x",
        "/v1/practices/a/b/c",
        "/healthz",
        "/readyz",
        "/metrics",
        "/debug",
        "/favicon.ico",
        "/problems/none",
        "/.well-known",
        "/openapi",
        "/v1/practices/x/pairs",
    };
    static const char *const METHODS[] = {"GET", "POST", "DELETE", "TRACE"};

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        CLEANUP(response_freep) struct response *response = http_get(PATHS[i]);

        expect_problem(response, 404, "not-found", PATHS[i]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(METHODS); i++) {
        CLEANUP(response_freep) struct response *response = http_bare(METHODS[i], "/nothing");

        expect_problem(response, 404, "not-found", METHODS[i]);
    }
}

/* Checks H2. */
Test(http, a_method_that_is_none_is_not_implemented)
{
    static const char *const METHODS[] = {"get", "FOO", "GETS", "PROPFIND", "PRI", "G%T"};

    for (size_t i = 0; i < ARRAY_LENGTH(METHODS); i++) {
        /* Not held against the contract, which knows them in lower case. */
        CLEANUP(response_freep)
        struct response *response =
            http_send_unchecked(METHODS[i], getenv("API_URL"), NULL, NULL, 0);

        expect_problem(response, 501, "not-implemented", METHODS[i]);
    }
}

/* Checks Z9. */
Test(http, no_header_and_no_parameter_overrides_method_or_path)
{
    static const char *const HEADERS[] = {
        "X-HTTP-Method-Override: DELETE", "X-HTTP-Method: PUT",
        "X-Method-Override: POST",        "X-Original-URL: /problems",
        "X-Rewrite-URL: /problems",       "X-Forwarded-Prefix: /problems",
    };
    CLEANUP(response_freep) struct response *plain = http_get("/v1/practices?limit=1");
    CLEANUP(response_freep) struct response *parameter = http_get("/v1/practices?_method=DELETE");

    expect_problem(parameter, 400, "invalid-parameter", "_method");
    for (size_t i = 0; i < ARRAY_LENGTH(HEADERS); i++) {
        CLEANUP(response_freep)
        struct response *response = http_get_with("/v1/practices?limit=1", HEADERS[i]);

        cr_assert_eq(response->status, 200, "%s", HEADERS[i]);
        cr_assert_str_eq(response->body, plain->body, "%s", HEADERS[i]);
    }
}

/* Checks Z10, V18. */
Test(http, tricks_with_paths_lead_nowhere)
{
    static const struct {
        const char *path;
        int status;
        const char *code, *why;
    } ROWS[] = {
        {"//v1/practices", 400, "invalid-path", "two slashes"},
        {"/v1//practices", 400, "invalid-path", "two slashes"},
        {"/v1/practices//", 400, "invalid-path", "two slashes at the end"},
        {"/v1/./practices", 400, "invalid-path", "a dot"},
        {"/v1/nothing/../practices", 400, "invalid-path", "two dots"},
        {"/v1/practices/..", 400, "invalid-path", "two dots at the end"},
        {"/v1/%2e%2e/v1/practices", 400, "invalid-path", "encoded dots"},
        {"/v1/%2E/practices", 400, "invalid-path", "an encoded dot"},
        {"/v1%2Fpractices", 400, "invalid-path", "an encoded slash"},
        {"/v1/practices%2f..%2fnetworks", 400, "invalid-path", "encoded slashes"},
        {"/v1/practices%5c..", 400, "invalid-path", "a backslash"},
        {"/v1/practices;a=b", 400, "invalid-path", "a parameter of a segment"},
        {"/v1/practices%3Ba=b", 400, "invalid-path", "an encoded one"},
        {"/v1/practices%00", 400, "invalid-path", "NUL at the end"},
        {"/v1/practices%00.json", 400, "invalid-path", "NUL before an ending"},
        {"/v1/%00practices", 400, "invalid-path", "NUL in front"},
        {"/v1/practices%zz", 400, "invalid-path", "no digits"},
        {"/v1/practices%2", 400, "invalid-path", "one digit"},
        {"/v1/practices%", 400, "invalid-path", "a percent sign alone"},
        {"/v1/%C0%80", 400, "invalid-path", "overlong NUL"},
        {"/v1/%c0%ae%c0%ae/practices", 400, "invalid-path", "overlong dots"},
        {"/v1/%FF", 400, "invalid-path", "no UTF-8"},
        {"/v1/%ED%A0%80", 400, "invalid-path", "a surrogate"},
        {"/v1/practices%0d%0aX-Injected:%20yes", 400, "invalid-path", "a line break"},
        {"/v1/practices/", 404, "not-found", "a slash at the end"},
        {"/V1/practices", 404, "not-found", "upper case"},
        {"/v1/Practices", 404, "not-found", "upper case"},
        {"/v1/PRACTICES", 404, "not-found", "upper case"},
        {"/v1/practices.json", 404, "not-found", "an ending"},
        {"/v1/pract+ices", 404, "not-found", "a plus sign is itself"},
        {"/v1/practices%20", 404, "not-found", "a space"},
        {"/v1/%EF%BD%90ractices", 404, "not-found", "a wide letter"},
        {"/v1/practices%252F", 404, "not-found", "encoded twice, decoded once"},
        {"/1/2/3/4/5/6/7/8/9/10", 400, "invalid-path", "too many segments"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = http_get(ROWS[i].path);

        expect_problem(response, ROWS[i].status, ROWS[i].code, ROWS[i].why);
        cr_assert_null(response_header(response, "X-Injected"));
    }
}

/* Checks V13. */
Test(http, an_id_is_found_in_either_case_and_what_is_no_id_is_a_slug_that_does_not_exist)
{
    CLEANUP(response_freep) struct response *list = http_get("/v1/practices?limit=1");
    CLEANUP(response_freep) struct response *upper = NULL;
    const char *id = response_text_at(list, "/data/0/id");
    char path[PATH_BYTES];
    const struct {
        const char *before, *behind;
        size_t length;
    } forms[] = {{"%7B", "%7D", 36}, {"urn:uuid:", "", 36}, {"", "0", 36}, {"", "", 35}};

    (void)snprintf(path, sizeof(path), "/v1/practices/%s", id);
    for (char *at = path + strlen("/v1/practices/"); *at != '\0'; at++)
        if (*at >= 'a' && *at <= 'f')
            *at = (char)(*at - 'a' + 'A');
    upper = http_get(path);
    cr_assert_eq(upper->status, 200, "%s: %d", path, upper->status);
    cr_assert_str_eq(response_text_at(upper, "/id"), id);
    for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
        CLEANUP(response_freep) struct response *response = NULL;

        (void)snprintf(path, sizeof(path), "/v1/practices/%s%.*s%s", forms[i].before,
                       (int)forms[i].length, id, forms[i].behind);
        response = http_get(path);
        expect_problem(response, 404, "not-found", path);
    }
}

/* Checks Z11. */
Test(http, a_parameter_with_the_name_of_a_path_segment_is_refused)
{
    CLEANUP(response_freep) struct response *list = http_get("/v1/practices?resource=networks");
    CLEANUP(response_freep) struct response *problem = http_get("/problems/not-found?code=gone");

    expect_problem(list, 400, "invalid-parameter", "resource");
    expect_problem(problem, 400, "invalid-parameter", "code");
}

/* --- headers of every answer --------------------------------------------------------------- */

/* Checks G4. */
Test(http, a_good_request_id_is_given_back_and_any_other_replaced)
{
    static const struct {
        const char *id;
        bool kept;
        const char *why;
    } ROWS[] = {
        {"12345678", true, "the shortest"},
        {"0123456789012345678901234567890123456789012345678901234567890123", true, "the longest"},
        {"a.b_c-D9", true, "every kind of character"},
        {"1234567", false, "too short"},
        {"01234567890123456789012345678901234567890123456789012345678901234", false, "too long"},
        {"has space", false, "a space"},
        {"quote\"quote", false, "a quote"},
        {"line=break level=error", false, "pairs of a log line"},
        {"\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4", false, "not ASCII"},
        {"%0a%0d%0a%0d", false, "percent signs"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char header[200];
        const char *id;

        (void)snprintf(header, sizeof(header), "X-Request-Id: %s", ROWS[i].id);
        response = http_get_with("/nothing", header);
        id = response_header(response, "X-Request-Id");
        if (ROWS[i].kept)
            cr_assert_str_eq(id, ROWS[i].id, "%s", ROWS[i].why);
        else
            cr_assert_eq(strlen(id), 36, "%s: %s", ROWS[i].why, id);
        cr_assert_str_eq(response_text_at(response, "/request_id"), id);
    }
}

Test(http, of_two_request_ids_neither_is_taken)
{
    const char *const headers[] = {"X-Request-Id: the-first-id", "x-request-id: the-second-id",
                                   NULL};
    CLEANUP(response_freep) struct response *response = http_send("GET", "/", headers, NULL, 0);

    cr_assert_eq(strlen(response_header(response, "X-Request-Id")), 36);
}

Test(http, a_trace_goes_on_where_it_is_well_formed)
{
    static const struct {
        const char *parent;
        bool kept;
    } ROWS[] = {
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false},
        {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false},
        {"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736", false},
        {"nonsense", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        const char *traceparent;
        char header[200];

        (void)snprintf(header, sizeof(header), "traceparent: %s", ROWS[i].parent);
        response = http_get_with("/", header);
        traceparent = response_header(response, "traceparent");
        cr_assert_eq(strlen(traceparent), 55, "%s", traceparent);
        cr_assert_eq(strncmp(traceparent, ROWS[i].parent, 36) == 0, ROWS[i].kept, "%s gives %s",
                     ROWS[i].parent, traceparent);
        cr_assert_neq(strncmp(traceparent + 36, "00f067aa0ba902b7", 16), 0, "our own span");
    }
}

/* Checks G3. */
Test(http, every_answer_bears_the_headers_that_protect)
{
    static const struct {
        const char *method, *path;
    } ROWS[] = {{"GET", "/"},
                {"GET", "/v1/practices"},
                {"GET", "/v1/practices?format=csv"},
                {"GET", "/openapi.yaml"},
                {"GET", "/nothing"},
                {"GET", "/v1/practices?limit=0"},
                {"POST", "/v1/practices/batch-get"},
                {"DELETE", "/"},
                {"OPTIONS", "/"}};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = http_bare(ROWS[i].method, ROWS[i].path);

        cr_assert_str_eq(response_header(response, "X-Content-Type-Options"), "nosniff");
        cr_assert_str_eq(response_header(response, "Referrer-Policy"), "no-referrer");
        cr_assert_str_eq(response_header(response, "Content-Security-Policy"),
                         "default-src 'none'; frame-ancestors 'none'");
        cr_assert_str_eq(response_header(response, "Access-Control-Allow-Origin"), "*");
        cr_assert_null(response_header(response, "Access-Control-Allow-Credentials"));
        cr_assert_null(response_header(response, "Set-Cookie"));
        cr_assert_null(response_header(response, "Server"));
        cr_assert(http_has_word(response_header(response, "Vary"), "Origin"), "%s", ROWS[i].path);
        cr_assert_not_null(response_header(response, "Access-Control-Expose-Headers"));
    }
}

/* Checks H23. */
Test(http, the_same_bytes_go_to_everyone_and_links_lead_to_the_configured_place)
{
    static const char *const HEADERS[] = {
        "Cookie: session=1",
        "Origin: https://partner.example",
        "Origin: null",
        "X-Forwarded-Host: evil.example",
        "X-Forwarded-Proto: gopher",
        "X-Forwarded-For: 203.0.113.9",
        "Forwarded: host=evil.example;proto=http",
        "Referer: https://evil.example/",
        "User-Agent: anything",
        "Host: evil.example",
        "Accept: application/json",
    };
    static const char *const PATHS[] = {"/v1/practices?limit=2&include=organisations", "/",
                                        "/v1/search?q=women&limit=2"};

    static const char *const ROLES[] = {"participant", "partner", "editor", "admin"};

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        CLEANUP(response_freep) struct response *plain = http_get(PATHS[i]);

        for (size_t j = 0; j < ARRAY_LENGTH(ROLES); j++) {
            CLEANUP(response_freep)
            struct response *response =
                http_as(token_for(ROLES[j], "univerbal"), "GET", PATHS[i], NULL, NULL);

            cr_assert_eq(response->status, 200, "%s", ROLES[j]);
            cr_assert_str_eq(response->body, plain->body, "%s", ROLES[j]);
            cr_assert_str_eq(response_header(response, "ETag"), response_header(plain, "ETag"),
                             "%s", ROLES[j]);
        }
        cr_assert_eq(plain->status, 200, "%s", PATHS[i]);
        cr_assert(strstr(plain->body, BASE_URL "/") != NULL ||
                      strstr(response_header(plain, "Link"), "<" BASE_URL "/") != NULL,
                  "%s", PATHS[i]);
        for (size_t j = 0; j < ARRAY_LENGTH(HEADERS); j++) {
            CLEANUP(response_freep) struct response *response = http_get_with(PATHS[i], HEADERS[j]);
            const char *link = response_header(response, "Link");

            cr_assert_eq(response->status, 200, "%s", HEADERS[j]);
            cr_assert_str_eq(response->body, plain->body, "%s", HEADERS[j]);
            cr_assert(link == NULL || strstr(link, "evil") == NULL, "%s", link);
            cr_assert_null(response_header(response, "Set-Cookie"), "%s", HEADERS[j]);
            if (strncmp(HEADERS[j], "Accept", 6) != 0)
                cr_assert_str_eq(response_header(response, "ETag"), response_header(plain, "ETag"),
                                 "%s", HEADERS[j]);
        }
    }
}

/* Checks A24, G5. */
Test(http, credentials_in_a_url_are_refused_and_appear_nowhere)
{
    static const char *const PATHS[] = {"/v1/practices?access_token=canary-secret-1",
                                        "/v1/practices?limit=1&token=canary-secret-2",
                                        "/v1/practices?api_key=canary-secret-3",
                                        "/v1/practices?%61ccess_token=canary-secret-4",
                                        "/?ACCESS_TOKEN=canary-secret-5",
                                        "/v1/practices?token=canary-secret-6&token=canary-secret"};

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        CLEANUP(response_freep) struct response *response = http_get(PATHS[i]);

        expect_problem(response, 400, "credentials-in-url", PATHS[i]);
        cr_assert_null(strstr(response->body, "canary"), "%s", response->body);
    }
    cr_assert_eq(test_server_log_lines("canary-secret"), 0);
}

/* Checks G5. */
Test(http, what_a_client_asks_for_is_not_written_down)
{
    CLEANUP(response_freep)
    struct response *search = http_get("/v1/practices?q=canary-of-a-search");
    CLEANUP(response_freep) struct response *path = http_get("/v1/practices/canary-of-a-path");
    CLEANUP(response_freep)
    struct response *header = http_get_with("/", "Authorization: Bearer canary-of-a-header");
    CLEANUP(response_freep)
    struct response *body = http_post("/v1/practices/batch-get", "{\"canary-of-a-body\":1}");

    cr_assert_eq(search->status, 200);
    cr_assert_eq(path->status, 404);
    cr_assert_eq(header->status, 401);
    cr_assert_eq(body->status, 422);
    cr_assert_eq(test_server_log_lines("canary-of-a"), 0);
}

/* Checks Z26, D1. */
Test(http, health_and_metrics_are_on_a_listener_of_their_own)
{
    static const char *const PATHS[] = {"/healthz", "/readyz", "/metrics"};

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        CLEANUP(response_freep) struct response *public = http_get(PATHS[i]);
        CLEANUP(response_freep) struct response *admin = NULL, *records = NULL;
        char url[200];

        expect_problem(public, 404, "not-found", PATHS[i]);
        (void)snprintf(url, sizeof(url), "%s%s", getenv("API_ADMIN_URL"), PATHS[i]);
        admin = http_send_unchecked("GET", url, NULL, NULL, 0);
        cr_assert_eq(admin->status, 200, "%s", url);
        cr_assert_str_eq(response_header(admin, "Cache-Control"), "no-store");
        (void)snprintf(url, sizeof(url), "%s/v1/practices", getenv("API_ADMIN_URL"));
        records = http_send_unchecked("GET", url, NULL, NULL, 0);
        cr_assert_eq(records->status, 404);
    }
}
