/*
 * What HTTP itself promises, on every path of the contract: methods, conditions, content
 * codings, negotiation, headers, bodies. The client of these tests already holds each
 * reply against the contract and against what holds for all of them (support/contract.h).
 */
#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "contract/contract.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/paths.h"
#include "support/server.h"
#include "support/tokens.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define BASE_URL "https://api.example.org"
#define TRIES_MAX 20
#define PATH_BYTES 512

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0", "EXPRESS_BASE_URL=" BASE_URL)
SERVER_AFTER_TESTS()

TestSuite(http, .fini = test_ends_without_leaks, .timeout = 300);

static struct response *get_with(const char *path, const char *header)
{
    return http_send("GET", path, (const char *const[]){header, NULL}, NULL, 0);
}

static struct response *send_bare(const char *method, const char *path)
{
    return http_send(method, path, NULL, NULL, 0);
}

static void check_problem(struct response *response, int status, const char *code, const char *why)
{
    char type[100];

    cr_assert_eq(response->status, status, "%s: %d %.300s", why, response->status, response->body);
    (void)snprintf(type, sizeof(type), "/problems/%s", code);
    cr_assert_str_eq(response_text_at(response, "/type"), type, "%s: %s", why, response->body);
}

static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; at != NULL && *at != '\0';) {
        size_t piece = strcspn(at, ", ");

        if (piece == length && strncmp(at, word, length) == 0)
            return true;
        at += piece;
        at += strspn(at, ", ");
    }
    return false;
}

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
        cr_assert_eq(has_word(allow, METHODS[i][0]),
                     json_object_get(place->item, METHODS[i][1]) != NULL, "%s: %s", place->path,
                     allow);
    cr_assert(has_word(allow, "OPTIONS"), "%s: %s", place->path, allow);
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
        response = send_bare(METHODS[i][0], place->path);
        check_problem(response, 405, "method-not-allowed", place->path);
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
        CLEANUP(response_freep) struct response *head = send_bare("HEAD", PATHS[i]);
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
    CLEANUP(response_freep) struct response *options = send_bare("OPTIONS", path);

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
            cr_assert(
                has_word(response_header(preflight, "Access-Control-Allow-Headers"), HEADERS[j]),
                "%s: %s", path, HEADERS[j]);
        cr_assert(
            num_parse_u32(response_header(preflight, "Access-Control-Max-Age"), 1, 600, &age));
        cr_assert(has_word(response_header(preflight, "Vary"), "Origin"), "%s", path);
    }
}

/* Checks H4. */
Test(http, options_tells_the_methods_of_every_path_and_lets_browsers_read_it)
{
    CLEANUP(response_freep) struct response *unknown = send_bare("OPTIONS", "/nothing");

    check_problem(unknown, 404, "not-found", "OPTIONS of nothing");
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

        check_problem(response, 404, "not-found", PATHS[i]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(METHODS); i++) {
        CLEANUP(response_freep) struct response *response = send_bare(METHODS[i], "/nothing");

        check_problem(response, 404, "not-found", METHODS[i]);
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

        check_problem(response, 501, "not-implemented", METHODS[i]);
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

    check_problem(parameter, 400, "invalid-parameter", "_method");
    for (size_t i = 0; i < ARRAY_LENGTH(HEADERS); i++) {
        CLEANUP(response_freep)
        struct response *response = get_with("/v1/practices?limit=1", HEADERS[i]);

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

        check_problem(response, ROWS[i].status, ROWS[i].code, ROWS[i].why);
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
        check_problem(response, 404, "not-found", path);
    }
}

/* Checks Z11. */
Test(http, a_parameter_with_the_name_of_a_path_segment_is_refused)
{
    CLEANUP(response_freep) struct response *list = http_get("/v1/practices?resource=networks");
    CLEANUP(response_freep) struct response *problem = http_get("/problems/not-found?code=gone");

    check_problem(list, 400, "invalid-parameter", "resource");
    check_problem(problem, 400, "invalid-parameter", "code");
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
        response = get_with("/nothing", header);
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
        response = get_with("/", header);
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
        struct response *response = send_bare(ROWS[i].method, ROWS[i].path);

        cr_assert_str_eq(response_header(response, "X-Content-Type-Options"), "nosniff");
        cr_assert_str_eq(response_header(response, "Referrer-Policy"), "no-referrer");
        cr_assert_str_eq(response_header(response, "Content-Security-Policy"),
                         "default-src 'none'; frame-ancestors 'none'");
        cr_assert_str_eq(response_header(response, "Access-Control-Allow-Origin"), "*");
        cr_assert_null(response_header(response, "Access-Control-Allow-Credentials"));
        cr_assert_null(response_header(response, "Set-Cookie"));
        cr_assert_null(response_header(response, "Server"));
        cr_assert(has_word(response_header(response, "Vary"), "Origin"), "%s", ROWS[i].path);
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
            CLEANUP(response_freep) struct response *response = get_with(PATHS[i], HEADERS[j]);
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

        check_problem(response, 400, "credentials-in-url", PATHS[i]);
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
    struct response *header = get_with("/", "Authorization: Bearer canary-of-a-header");
    CLEANUP(response_freep)
    struct response *body = http_post("/v1/practices/batch-get", "{\"canary-of-a-body\":1}");

    cr_assert_eq(search->status, 200);
    cr_assert_eq(path->status, 404);
    cr_assert_eq(header->status, 401);
    cr_assert_eq(body->status, 422);
    cr_assert_eq(test_server_log_lines("canary-of-a"), 0);
}

/* --- content codings ------------------------------------------------------------------ */

struct collected {
    struct text body;
};

static size_t collect(char *bytes, size_t size, size_t count, void *data)
{
    struct collected *collected = data;

    text_append_bytes(&collected->body, bytes, size * count);
    return text_failed(&collected->body) ? 0 : size * count;
}

/* What another implementation makes of a coded answer. Owned, free(). */
static char *decoded(const char *path, const char *coding)
{
    struct collected collected;
    CURL *curl = curl_easy_init();
    char url[PATH_BYTES + 64];
    size_t length = 0;

    text_init(&collected.body, 16 * 1024 * 1024);
    (void)snprintf(url, sizeof(url), "%s%s", getenv("API_URL"), path);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url); /* these fail only for want of memory */
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, coding);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &collected);
    cr_assert_eq(curl_easy_perform(curl), CURLE_OK, "%s of %s", coding, path);
    curl_easy_cleanup(curl);
    return text_steal(&collected.body, &length);
}

Test(http, every_coding_decodes_to_the_same_content_and_has_an_etag_of_its_own)
{
    static const char *const CODINGS[] = {"gzip", "br", "zstd"};
    static const char *const PATHS[] = {"/v1/practices", "/openapi.json", "/v1/search?q=women",
                                        "/problems"};

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        CLEANUP(response_freep) struct response *plain = http_get(PATHS[i]);
        char etags[ARRAY_LENGTH(CODINGS) + 1][200];

        cr_assert_null(response_header(plain, "Content-Encoding"));
        (void)snprintf(etags[0], sizeof(etags[0]), "%s", response_header(plain, "ETag"));
        cr_assert_eq(etags[0][0], '"', "strong: %s", etags[0]);
        for (size_t j = 0; j < ARRAY_LENGTH(CODINGS); j++) {
            CLEANUP(response_freep) struct response *coded = NULL;
            char header[100];
            char *body = decoded(PATHS[i], CODINGS[j]);

            (void)snprintf(header, sizeof(header), "Accept-Encoding: %s", CODINGS[j]);
            coded = get_with(PATHS[i], header);
            cr_assert_str_eq(response_header(coded, "Content-Encoding"), CODINGS[j]);
            cr_assert_lt(coded->body_bytes, plain->body_bytes);
            cr_assert(has_word(response_header(coded, "Vary"), "Accept-Encoding"));
            cr_assert_str_eq(body, plain->body, "%s of %s", CODINGS[j], PATHS[i]);
            (void)snprintf(etags[j + 1], sizeof(etags[j + 1]), "%s",
                           response_header(coded, "ETag"));
            cr_assert_eq(etags[j + 1][0], '"', "strong: %s", etags[j + 1]);
            for (size_t k = 0; k <= j; k++)
                cr_assert_str_neq(etags[j + 1], etags[k]);
            free(body);
        }
        cr_assert(has_word(response_header(plain, "Vary"), "Accept-Encoding"));
    }
}

Test(http, accept_encoding_is_obeyed_to_the_letter)
{
    static const struct {
        const char *header;
        int status;
        const char *coding; /* NULL: none */
        const char *why;
    } ROWS[] = {
        {"Accept-Encoding;", 200, NULL, "empty: none is wanted"},
        {"Accept-Encoding: identity", 200, NULL, "none is wanted"},
        {"Accept-Encoding: deflate", 200, NULL, "one that we have not"},
        {"Accept-Encoding: gzip;q=0", 200, NULL, "refused"},
        {"Accept-Encoding: gzip;q=0.1, br;q=0.2", 200, "br", "the better one"},
        {"Accept-Encoding: identity;q=0, gzip", 200, "gzip", "identity is refused"},
        {"Accept-Encoding: *;q=0, gzip", 200, "gzip", "all others are refused"},
        {"Accept-Encoding: identity;q=0", 406, NULL, "nothing is left"},
        {"Accept-Encoding: *;q=0", 406, NULL, "nothing is left"},
        {"Accept-Encoding: gzip;q=abc", 200, NULL, "malformed: passed over"},
        {"Accept-Encoding: GZIP", 200, "gzip", "case counts for nothing"},
        {"Accept-Encoding: x-gzip", 200, "gzip", "an old name"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = get_with("/v1/practices", ROWS[i].header);
        const char *coding = response_header(response, "Content-Encoding");

        cr_assert_eq(response->status, ROWS[i].status, "%s: %d", ROWS[i].why, response->status);
        if (ROWS[i].coding == NULL)
            cr_assert_null(coding, "%s", ROWS[i].why);
        else
            cr_assert_str_eq(coding, ROWS[i].coding, "%s", ROWS[i].why);
        if (ROWS[i].status == 406)
            check_problem(response, 406, "not-acceptable", ROWS[i].why);
    }
}

/* --- conditions --------------------------------------------------------------------------- */

static void check_not_modified(const struct response *whole, const struct response *response,
                               const char *why)
{
    static const char *const KEPT[] = {"ETag", "Cache-Control", "Vary"};
    const char *length = response_header(response, "Content-Length");

    cr_assert_eq(response->status, 304, "%s: %d", why, response->status);
    cr_assert_eq(response->body_bytes, 0, "%s", why);
    for (size_t i = 0; i < ARRAY_LENGTH(KEPT); i++)
        cr_assert_str_eq(response_header(response, KEPT[i]), response_header(whole, KEPT[i]), "%s",
                         why);
    cr_assert_null(response_header(response, "Content-Type"), "%s", why);
    cr_assert_null(response_header(response, "Content-Encoding"), "%s", why);
    /* RFC 9110 section 8.6: that of the 200, or none. */
    if (length != NULL)
        cr_assert_str_eq(length, response_header(whole, "Content-Length"), "%s", why);
}

/* Checks H20. */
Test(http, a_copy_that_is_current_is_not_sent_again)
{
    static const char *const CODINGS[] = {"Accept-Encoding: identity", "Accept-Encoding: gzip",
                                          "Accept-Encoding: br", "Accept-Encoding: zstd"};
    char record[PATH_FILLED_BYTES];
    const char *const paths[] = {"/v1/practices",
                                 record,
                                 "/v1/search?q=women",
                                 "/openapi.json",
                                 "/openapi.yaml",
                                 "/problems",
                                 "/",
                                 "/v1/practices?country=FR&facets=city&count=exact"};

    path_fill("/v1/practices/{id}", NULL, record);
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(CODINGS); j++) {
            CLEANUP(response_freep) struct response *whole = get_with(paths[i], CODINGS[j]);
            const char *etag = response_header(whole, "ETag");
            static const char *const FORMS[] = {
                "%s", "W/%s", "\"other\", %s", "%s, \"other\"", "W/\"a\",W/%s ,\"b\"", "*"};

            cr_assert_not_null(etag, "%s", paths[i]);
            for (size_t k = 0; k < ARRAY_LENGTH(FORMS); k++) {
                CLEANUP(response_freep) struct response *response = NULL;
                const char *mark = strstr(FORMS[k], "%s");
                char header[400];

                (void)snprintf(header, sizeof(header), "If-None-Match: %.*s%s%s",
                               (int)(mark == NULL ? strlen(FORMS[k]) : (size_t)(mark - FORMS[k])),
                               FORMS[k], mark == NULL ? "" : etag, mark == NULL ? "" : mark + 2);
                response = http_send("GET", paths[i],
                                     (const char *const[]){header, CODINGS[j], NULL}, NULL, 0);
                check_not_modified(whole, response, header);
            }
        }
    }
}

Test(http, a_copy_in_another_coding_is_current_too_and_keeps_its_name)
{
    CLEANUP(response_freep)
    struct response *coded = get_with("/v1/practices", "Accept-Encoding: gzip");
    CLEANUP(response_freep) struct response *response = NULL;
    char header[400];

    (void)snprintf(header, sizeof(header), "If-None-Match: %s", response_header(coded, "ETag"));
    response = get_with("/v1/practices", header);
    check_not_modified(coded, response, "the copy is coded, identity is asked for");
}

Test(http, a_copy_that_is_not_current_is_sent_anew)
{
    static const char *const HEADERS[] = {
        "If-None-Match: \"other\"",
        "If-None-Match: \"\"",
        "If-None-Match;",
        "If-None-Match: other",
        "If-None-Match: \"unclosed",
        "If-None-Match: W/",
        "If-None-Match: \"%s%n\"",
        "If-None-Match: ,,,,",
        "If-Modified-Since: nonsense",
        "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT",
        "If-Modified-Since: Fri, 31 Feb 2099 99:00:00 GMT",
        "If-Range: \"other\"",
        "Range: bytes=0-10",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(HEADERS); i++) {
        CLEANUP(response_freep) struct response *response = get_with("/v1/practices", HEADERS[i]);

        cr_assert_eq(response->status, 200, "%s: %d", HEADERS[i], response->status);
        cr_assert_gt(response->body_bytes, 1000);
    }
}

Test(http, without_an_etag_the_time_of_the_last_change_decides)
{
    char path[PATH_FILLED_BYTES], header[200], etag[200];
    CLEANUP(response_freep) struct response *whole = NULL, *same = NULL, *later = NULL;
    CLEANUP(response_freep) struct response *both = NULL;

    path_fill("/v1/practices/{id}", NULL, path);
    whole = http_get(path);
    cr_assert_not_null(response_header(whole, "Last-Modified"));
    (void)snprintf(header, sizeof(header), "If-Modified-Since: %s",
                   response_header(whole, "Last-Modified"));
    same = get_with(path, header);
    check_not_modified(whole, same, "the same time");
    later = get_with(path, "If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT");
    check_not_modified(whole, later, "a later time");
    (void)snprintf(etag, sizeof(etag), "If-None-Match: \"other\"");
    both = http_send("GET", path, (const char *const[]){header, etag, NULL}, NULL, 0);
    cr_assert_eq(both->status, 200, "the ETag counts where both are sent");
}

/* Checks H21. Of reading. */
Test(http, if_match_compares_strongly)
{
    CLEANUP(response_freep) struct response *whole = http_get("/v1/practices");
    const char *etag = response_header(whole, "ETag");
    char right[300], weak[300], list[300];
    const struct {
        const char *header;
        int status;
    } ROWS[] = {
        {right, 200}, {list, 200}, {"If-Match: *", 200}, {weak, 412}, {"If-Match: \"other\"", 412}};

    (void)snprintf(right, sizeof(right), "If-Match: %s", etag);
    (void)snprintf(weak, sizeof(weak), "If-Match: W/%s", etag);
    (void)snprintf(list, sizeof(list), "If-Match: \"a\", %s", etag);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = get_with("/v1/practices", ROWS[i].header);

        cr_assert_eq(response->status, ROWS[i].status, "%s: %d", ROWS[i].header, response->status);
    }
}

/* Checks Z23. */
Test(http, an_etag_opens_nothing_that_is_not_there)
{
    static const char *const HEADERS[] = {"If-None-Match: *", "If-Match: *", "If-Match: \"a\""};

    for (size_t i = 0; i < ARRAY_LENGTH(HEADERS); i++) {
        CLEANUP(response_freep)
        struct response *response = get_with("/v1/practices/no-such-record", HEADERS[i]);
        CLEANUP(response_freep)
        struct response *invalid = get_with("/v1/practices?limit=0", HEADERS[i]);

        check_problem(response, 404, "not-found", HEADERS[i]);
        check_problem(invalid, 400, "invalid-parameter", HEADERS[i]);
    }
}

/* The number behind a name in /metrics. */
static uint64_t metric(const char *name)
{
    CLEANUP(response_freep) struct response *response = NULL;
    char url[200];
    const char *at;

    (void)snprintf(url, sizeof(url), "%s/metrics", getenv("API_ADMIN_URL"));
    response = http_send_unchecked("GET", url, NULL, NULL, 0);
    cr_assert_eq(response->status, 200);
    for (at = response->body; at != NULL; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, name, strlen(name)) == 0 && at[strlen(name)] == ' ')
            return strtoull(at + strlen(name), NULL, 10);
    }
    cr_assert_fail("no %s in /metrics", name);
    return 0;
}

/* A conditional request; Return: the status, and the present ETag in @etag. */
static int ask_again(const char *path, char etag[200])
{
    CLEANUP(response_freep) struct response *response = NULL;
    char header[300];

    (void)snprintf(header, sizeof(header), "If-None-Match: %.199s", etag);
    response = get_with(path, header);
    (void)snprintf(etag, 200, "%s", response_header(response, "ETag"));
    return response->status;
}

static void import_title(const char *slug, const char *title)
{
    json_auto_t *records = json_pack("{s:[{s:s,s:s,s:s}]}", "practices", "slug", slug, "title",
                                     title, "summary", "Made by a test.");

    list_import_well(records);
}

/* Checks H20. On a server of its own, because it changes what others read. */
Test(http, a_304_costs_no_statement_and_ends_with_the_next_change)
{
    static const char *const PATHS[] = {"/v1/practices", "/v1/practices/a-changing-record",
                                        "/v1/search?q=changing"};
    char etags[ARRAY_LENGTH(PATHS)][200] = {""};
    struct test_server server;
    char *what = NULL;
    uint64_t before, deadline;

    if (!test_server_start(&server, (const char *const[]){"EXPRESS_RATE_LIMIT=0", NULL}, &what))
        cr_assert_fail("%s", what);
    test_server_use(&server);
    import_title("a-changing-record", "Changing for the first time");

    /* The server may still be about to hear of the import: until it knows the answers. */
    deadline = clock_monotonic_ms() + 30000;
    do {
        for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++)
            (void)ask_again(PATHS[i], etags[i]);
        before = metric("express_database_statements_total");
        for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++)
            (void)ask_again(PATHS[i], etags[i]);
    } while (metric("express_database_statements_total") != before &&
             clock_monotonic_ms() < deadline);

    before = metric("express_database_statements_total");
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++)
            cr_assert_eq(ask_again(PATHS[i], etags[i]), 304, "%s", PATHS[i]);
    cr_assert_eq(metric("express_database_statements_total"), before);

    for (int round = 0; round < 3; round++) {
        char title[100];

        (void)snprintf(title, sizeof(title), "Changing, round %d", round);
        import_title("a-changing-record", title);
        for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
            CLEANUP(response_freep) struct response *changed = NULL;

            deadline = clock_monotonic_ms() + 10000;
            while (ask_again(PATHS[i], etags[i]) == 304)
                cr_assert_lt(clock_monotonic_ms(), deadline, "%s is still the old one", PATHS[i]);
            changed = http_get(PATHS[i]);
            cr_assert_not_null(strstr(changed->body, title), "%s", PATHS[i]);
        }
    }
    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
}

/* --- negotiation ----------------------------------------------------------------------- */

/* Checks H7. */
Test(http, what_is_not_to_be_had_is_not_acceptable)
{
    static const struct {
        const char *path, *header;
        int status;
        const char *why;
    } ROWS[] = {
        {"/v1/practices", "Accept: text/html", 406, "a page"},
        {"/v1/practices", "Accept: */*;q=0", 406, "nothing at all"},
        {"/v1/practices", "Accept: application/json;q=0", 406, "anything but JSON is not said"},
        {"/v1/practices", "Accept: application/json;version=2", 406, "a parameter"},
        {"/v1/practices", "Accept: */*", 200, "anything"},
        {"/v1/practices", "Accept: application/*", 200, "a kind"},
        {"/v1/practices", "Accept: APPLICATION/JSON; q=0.5", 200, "in any case"},
        {"/v1/practices", "Accept: application/json;charset=utf-8", 200, "with its charset"},
        {"/v1/practices", "Accept: text/html, application/json;q=0.1", 200, "if need be"},
        {"/v1/practices", "Accept: text/csv", 200, "a table"},
        {"/v1/networks", "Accept: application/geo+json", 406, "networks have no place"},
        {"/v1/practices", "Accept: nonsense", 200, "malformed: as if absent"},
        {"/v1/practices", "Accept: ;;;,,,/", 200, "malformed: as if absent"},
        {"/v1/practices", "Accept;", 200, "empty: as if absent"},
        {"/v1/practices/batch-get", NULL, 405, "only to be posted to"},
        {"/openapi.json", "Accept: text/html", 406, "a page"},
        {"/openapi.yaml", "Accept: application/json", 406, "there is another path"},
        {"/problems", "Accept: text/html", 200, "a page"},
        {"/v1/search?q=a", "Accept: text/csv", 406, "JSON alone"},
        {"/v1/practices?format=xml", NULL, 406, "by name"},
        {"/v1/networks?format=geojson", NULL, 406, "by name"},
        {"/v1/practices?format=csv", "Accept: application/json", 200, "the name counts"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = ROWS[i].header == NULL ? http_get(ROWS[i].path)
                                                           : get_with(ROWS[i].path, ROWS[i].header);

        cr_assert_eq(response->status, ROWS[i].status, "%s, %s: %d", ROWS[i].path, ROWS[i].why,
                     response->status);
        if (ROWS[i].status == 406)
            check_problem(response, 406, "not-acceptable", ROWS[i].why);
    }
}

Test(http, a_header_of_two_hundred_members_changes_nothing)
{
    static const char *const NAMES[] = {"Accept", "Accept-Language", "Accept-Encoding",
                                        "If-None-Match"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        struct text header;

        text_init(&header, 20000);
        text_append_format(&header, "%s: ", NAMES[i]);
        for (int j = 0; j < 200; j++) {
            if (i == 0)
                text_append_format(&header, "application/x-%d;q=0.%d, ", j, j % 9 + 1);
            else if (i == 3)
                text_append_format(&header, "\"x%d\", ", j);
            else
                text_append_format(&header, "x%c%c;q=0.%d, ", 'a' + j / 20, 'a' + j % 20,
                                   j % 9 + 1);
        }
        text_append(&header, i == 3 ? "\"y\"" : i == 0 ? "*/*" : "*");
        response = get_with("/v1/practices?limit=1", header.bytes);
        cr_assert(response->status == 200 || (i == 0 && response->status == 406), "%s: %d",
                  NAMES[i], response->status);
        text_deinit(&header);
    }
}

/* Checks H27. */
Test(http, a_language_that_nobody_speaks_gives_the_records_own)
{
    static const char *const HEADERS[] = {
        "Accept-Language: xx-nonsense",
        "Accept-Language: ,;q=2,,,*;;q",
        "Accept-Language: %s%n",
        "Accept-Language: \xFF\xFE",
        "Accept-Language;",
        "Accept-Language: *;q=0",
        "Accept-Language: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    CLEANUP(response_freep) struct response *plain = http_get("/v1/practices?limit=3");

    for (size_t i = 0; i < ARRAY_LENGTH(HEADERS); i++) {
        CLEANUP(response_freep)
        struct response *response = get_with("/v1/practices?limit=3", HEADERS[i]);

        cr_assert_eq(response->status, 200, "%s", HEADERS[i]);
        cr_assert_str_eq(response->body, plain->body, "%s", HEADERS[i]);
        cr_assert_not_null(response_header(response, "Content-Language"), "%s", HEADERS[i]);
        cr_assert(has_word(response_header(response, "Vary"), "Accept-Language"));
    }
}

/* --- bodies ----------------------------------------------------------------------------- */

#define BATCH "/v1/practices/batch-get"
#define ID "01a20102-28e0-7051-a78d-40e12e1670b1"
#define GOOD_BODY "{\"ids\":[\"" ID "\"]}"

static struct response *post_with(const char *first, const char *second, const char *body,
                                  size_t body_bytes)
{
    return http_send("POST", BATCH, (const char *const[]){first, second, NULL}, body, body_bytes);
}

/* Checks H5. */
Test(http, a_body_is_json_by_its_type_or_not_taken)
{
    static const struct {
        const char *header;
        int status;
    } ROWS[] = {
        {"Content-Type: application/json", 200},
        {"Content-Type: APPLICATION/JSON", 200},
        {"Content-Type: application/json;charset=utf-8", 200},
        {"Content-Type: application/json; charset=\"UTF-8\"", 200},
        {"Content-Type:", 415}, /* libcurl leaves it out */
        {"Content-Type;", 415},
        {"Content-Type: text/plain", 415},
        {"Content-Type: text/plain; application/json", 415},
        {"Content-Type: application/jsonp", 415},
        {"Content-Type: application/problem+json", 415},
        {"Content-Type: application/merge-patch+json", 415},
        {"Content-Type: application/x-www-form-urlencoded", 415},
        {"Content-Type: multipart/form-data; boundary=x", 415},
        {"Content-Type: multipart/form-data", 415},
        {"Content-Type: application/json; charset=utf-16", 415},
        {"Content-Type: application/json;;", 415},
        {"Content-Type: application/json, text/plain", 415},
        {"Content-Type: %s%n", 415},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = post_with(ROWS[i].header, NULL, GOOD_BODY, strlen(GOOD_BODY));

        cr_assert_eq(response->status, ROWS[i].status, "%s: %d", ROWS[i].header, response->status);
        if (ROWS[i].status != 415)
            continue;
        check_problem(response, 415, "unsupported-media-type", ROWS[i].header);
        cr_assert_str_eq(response_header(response, "Accept"), "application/json");
    }
}

/* Checks H8. */
Test(http, a_coded_body_is_never_inflated)
{
    static const char *const HEADERS[] = {
        "Content-Encoding: gzip",     "Content-Encoding: deflate",        "Content-Encoding: br",
        "Content-Encoding: nonsense", "Content-Encoding: gzip, identity", "Content-Encoding: GZIP"};
    /* A gzip of nothing. */
    static const char GZIP[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0";
    CLEANUP(response_freep)
    struct response *identity =
        post_with("Content-Type: application/json", "Content-Encoding: identity", GOOD_BODY,
                  strlen(GOOD_BODY));

    cr_assert_eq(identity->status, 200);
    for (size_t i = 0; i < ARRAY_LENGTH(HEADERS); i++) {
        CLEANUP(response_freep)
        struct response *response =
            post_with("Content-Type: application/json", HEADERS[i], GZIP, sizeof(GZIP));

        check_problem(response, 415, "unsupported-media-type", HEADERS[i]);
        cr_assert_str_eq(response_header(response, "Accept-Encoding"), "identity");
    }
}

/* Checks V1, V2, V3. */
Test(http, a_body_that_is_no_json_is_refused_without_being_quoted)
{
#define ROW(text, why)                                                                             \
    {                                                                                              \
        text, sizeof(text) - 1, why                                                                \
    }
    static const struct {
        const char *bytes;
        size_t size_bytes;
        const char *why;
    } ROWS[] = {
        ROW("", "nothing"),
        ROW("   ", "spaces"),
        ROW("canary", "a word"),
        ROW("{", "an object that does not end"),
        ROW("{\"ids\":[\"canary\"}", "brackets crossed"),
        ROW("{\"ids\":[\"canary\"]", "cut"),
        ROW("{'ids':['canary']}", "apostrophes"),
        ROW("{\"ids\":[\"canary\",]}", "a comma at the end"),
        ROW("{\"ids\":[\"canary\"]} x", "something behind"),
        ROW("{\"ids\":[\"canary\"]}{}", "another object behind"),
        ROW("\xEF\xBB\xBF{\"ids\":[\"canary\"]}", "a byte order mark"),
        ROW("\"canary\"", "a text"),
        ROW("1", "a number"),
        ROW("null", "null"),
        ROW("{\"ids\":[],\"ids\":[\"canary\"]}", "a member twice"),
        ROW("{\"ids\":[],\"\\u0069ds\":[\"canary\"]}", "a member twice, once with an escape"),
        ROW("{\"ids\":[\"canary\\u0000\"]}", "an escaped NUL"),
        ROW("{\"ids\":[\"canary\0\"]}", "a raw NUL"),
        ROW("{\"ids\":[\"canary\"]}\0", "a NUL behind"),
        ROW("{\"ids\":[\"canary\\ud800\"]}", "half a pair of surrogates"),
        ROW("{\"ids\":[\"canary\\udc00\\ud800\"]}", "the halves swapped"),
        ROW("{\"ids\":[\"canary\xC0\x80\"]}", "an overlong NUL"),
        ROW("{\"ids\":[\"canary\xFF\"]}", "no UTF-8"),
        ROW("{\"ids\":[\"canary\n\"]}", "a raw line break"),
        ROW("{\"ids\":[\"canary\x1b\"]}", "a raw control byte"),
        ROW("{\"ids\":[NaN]}", "not a number"),
        ROW("{\"ids\":[1e400]}", "a number out of range"),
        ROW("{\"ids\":[99999999999999999999]}", "a number beyond 64 bits"),
        ROW("{\"ids\":[01]}", "a zero in front"),
        ROW("{\"ids\":[+1]}", "a plus sign"),
        ROW("{/* canary */\"ids\":[]}", "a comment"),
        ROW("ids=canary", "a form"),
        ROW("<ids>canary</ids>", "XML"),
    };
#undef ROW

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response =
            post_with("Content-Type: application/json", NULL, ROWS[i].bytes, ROWS[i].size_bytes);

        check_problem(response, 400, "invalid-json", ROWS[i].why);
        cr_assert_null(strstr(response->body, "canary"), "%s: %s", ROWS[i].why, response->body);
    }
    cr_assert_eq(test_server_log_lines("canary"), 0);
}

/* Checks V4. */
Test(http, a_body_that_is_deep_or_has_many_values_is_refused_before_it_is_parsed)
{
    static const struct {
        size_t count;
        const char *item, *behind;
        int status;
        const char *code;
    } ROWS[] = {
        {JSON_DEPTH_MAX, "[", "]", 422, "validation-failed"},
        {JSON_DEPTH_MAX + 1, "[", "]", 400, "invalid-json"},
        {2048, "[", "]", 400, "invalid-json"},
        {32768, "[", "]", 400, "invalid-json"},
        {JSON_DEPTH_MAX + 1, "{\"a\":", "", 400, "invalid-json"},
        {10000, "{\"a\":", "", 400, "invalid-json"},
        {65536, "[", "", 400, "invalid-json"},
    };
    struct text body;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;

        text_init(&body, BODY_BYTES_MAX);
        for (size_t j = 0; j < ROWS[i].count; j++)
            text_append(&body, ROWS[i].item);
        for (size_t j = 0; ROWS[i].behind[0] != '\0' && j < ROWS[i].count; j++)
            text_append(&body, ROWS[i].behind);
        cr_assert_not(text_failed(&body));
        response = post_with("Content-Type: application/json", NULL, body.bytes, body.length);
        check_problem(response, ROWS[i].status, ROWS[i].code, ROWS[i].item);
        text_deinit(&body);
    }
    for (size_t count = JSON_VALUES_MAX - 1; count <= JSON_VALUES_MAX; count++) {
        CLEANUP(response_freep) struct response *response = NULL;

        text_init(&body, BODY_BYTES_MAX);
        text_append(&body, "[");
        for (size_t j = 0; j < count; j++)
            text_append(&body, j == 0 ? "{}" : ",{}");
        text_append(&body, "]");
        response = post_with("Content-Type: application/json", NULL, body.bytes, body.length);
        check_problem(response, count < JSON_VALUES_MAX ? 422 : 400,
                      count < JSON_VALUES_MAX ? "validation-failed" : "invalid-json", "values");
        text_deinit(&body);
    }
}

/* Checks V5, V6, V13. */
Test(http, a_batch_that_is_json_and_wrong_is_told_where)
{
    static const struct {
        const char *body, *why;
    } ROWS[] = {
        {"[]", "no object"},
        {"{}", "nothing asked for"},
        {"{\"ids\":[]}", "no ids"},
        {"{\"ids\":null}", "null"},
        {"{\"ids\":\"" ID "\"}", "no array"},
        {"{\"ids\":[1]}", "a number"},
        {"{\"ids\":[\"a-slug\"]}", "a slug"},
        {"{\"ids\":[\"{" ID "}\"]}", "braces"},
        {"{\"ids\":[\"urn:uuid:" ID "\"]}", "a URN"},
        {"{\"ids\":[[\"" ID "\"]]}", "an array within"},
        {"{\"ids\":[\"" ID "\"],\"unknown\":1}", "an unknown member"},
        {"{\"ids\":[\"" ID "\"],\"__proto__\":{}}", "another one"},
        {"{\"ids\":[\"" ID "\"],\"items\":[{\"id\":\"" ID "\"}]}", "both"},
        {"{\"items\":[{}]}", "no id"},
        {"{\"items\":[{\"id\":\"" ID "\",\"etag\":1}]}", "an ETag that is a number"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = http_post(BATCH, ROWS[i].body);

        check_problem(response, 422, "validation-failed", ROWS[i].why);
        cr_assert(json_is_string(response_at(response, "/errors/0/pointer")), "%s: %s", ROWS[i].why,
                  response->body);
    }
}

/* Checks R1, R3. */
Test(http, a_body_has_its_greatest_length_and_not_a_byte_more)
{
    static const struct {
        size_t size_bytes;
        int status;
    } ROWS[] = {{BODY_BYTES_MAX - 1, 200},
                {BODY_BYTES_MAX, 200},
                {BODY_BYTES_MAX + 1, 413},
                {BODY_BYTES_MAX + 2, 413},
                {1024 * 1024, 413}};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char *body = malloc(ROWS[i].size_bytes);

        /* What is cut at the limit would still be good. */
        memset(body, ' ', ROWS[i].size_bytes);
        memcpy(body, GOOD_BODY, strlen(GOOD_BODY));
        for (int chunked = 0; chunked < 2; chunked++) {
            CLEANUP(response_freep)
            struct response *response = post_with(
                "Content-Type: application/json",
                chunked == 1 ? "Transfer-Encoding: chunked" : NULL, body, ROWS[i].size_bytes);

            cr_assert_eq(response->status, ROWS[i].status, "%zu bytes: %d", ROWS[i].size_bytes,
                         response->status);
            if (ROWS[i].status == 413) {
                check_problem(response, 413, "content-too-large", "too large");
                cr_assert_str_eq(response_header(response, "Connection"), "close");
            }
        }
        free(body);
    }
}

/* Checks H25. */
Test(http, ranges_are_not_served_and_change_nothing)
{
    CLEANUP(response_freep) struct response *plain = http_get("/v1/practices?format=csv");
    CLEANUP(response_freep)
    struct response *ranged = get_with("/v1/practices?format=csv",
                                       "Range: bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9");

    cr_assert_eq(ranged->status, 200);
    cr_assert_str_eq(ranged->body, plain->body);
    cr_assert_null(response_header(ranged, "Content-Range"));
}

/* Checks Z26, D1. */
Test(http, health_and_metrics_are_on_a_listener_of_their_own)
{
    static const char *const PATHS[] = {"/healthz", "/readyz", "/metrics"};

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        CLEANUP(response_freep) struct response *public = http_get(PATHS[i]);
        CLEANUP(response_freep) struct response *admin = NULL, *records = NULL;
        char url[200];

        check_problem(public, 404, "not-found", PATHS[i]);
        (void)snprintf(url, sizeof(url), "%s%s", getenv("API_ADMIN_URL"), PATHS[i]);
        admin = http_send_unchecked("GET", url, NULL, NULL, 0);
        cr_assert_eq(admin->status, 200, "%s", url);
        cr_assert_str_eq(response_header(admin, "Cache-Control"), "no-store");
        (void)snprintf(url, sizeof(url), "%s/v1/practices", getenv("API_ADMIN_URL"));
        records = http_send_unchecked("GET", url, NULL, NULL, 0);
        cr_assert_eq(records->status, 404);
    }
}
