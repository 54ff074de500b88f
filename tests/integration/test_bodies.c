/*
 * What is taken as a body, and what is refused before anything is made of it.
 * The client of these tests already holds each reply against the contract and against what holds
 * for all of them (support/contract.h).
 */
#include "base/annotate.h"
#include "base/limits.h"
#include "base/text.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/server.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(bodies, .fini = test_ends_without_leaks, .timeout = 300);

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
Test(bodies, a_body_is_json_by_its_type_or_not_taken)
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
        expect_problem(response, 415, "unsupported-media-type", ROWS[i].header);
        cr_assert_str_eq(response_header(response, "Accept"), "application/json");
    }
}

/* Checks H8. */
Test(bodies, a_coded_body_is_never_inflated)
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

        expect_problem(response, 415, "unsupported-media-type", HEADERS[i]);
        cr_assert_str_eq(response_header(response, "Accept-Encoding"), "identity");
    }
}

/* Checks V1, V2, V3. */
Test(bodies, a_body_that_is_no_json_is_refused_without_being_quoted)
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

        expect_problem(response, 400, "invalid-json", ROWS[i].why);
        cr_assert_null(strstr(response->body, "canary"), "%s: %s", ROWS[i].why, response->body);
    }
    cr_assert_eq(test_server_log_lines("canary"), 0);
}

/* Checks V4. */
Test(bodies, a_body_that_is_deep_or_has_many_values_is_refused_before_it_is_parsed)
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
        expect_problem(response, ROWS[i].status, ROWS[i].code, ROWS[i].item);
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
        expect_problem(response, count < JSON_VALUES_MAX ? 422 : 400,
                       count < JSON_VALUES_MAX ? "validation-failed" : "invalid-json", "values");
        text_deinit(&body);
    }
}

/* Checks V5, V6, V13. */
Test(bodies, a_batch_that_is_json_and_wrong_is_told_where)
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

        expect_problem(response, 422, "validation-failed", ROWS[i].why);
        cr_assert(json_is_string(response_at(response, "/errors/0/pointer")), "%s: %s", ROWS[i].why,
                  response->body);
    }
}

/* Checks R1, R3. */
Test(bodies, a_body_has_its_greatest_length_and_not_a_byte_more)
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
                expect_problem(response, 413, "content-too-large", "too large");
                cr_assert_str_eq(response_header(response, "Connection"), "close");
            }
        }
        free(body);
    }
}
