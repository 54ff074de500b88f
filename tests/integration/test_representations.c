/*
 * What is sent of a record or a list: content codings, conditions, negotiation.
 * The client of these tests already holds each reply against the contract and against what holds
 * for all of them (support/contract.h).
 */
#include "base/annotate.h"
#include "base/clock.h"
#include "base/text.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/paths.h"
#include "support/server.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 512

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(representations, .fini = test_ends_without_leaks, .timeout = 300);

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

Test(representations, every_coding_decodes_to_the_same_content_and_has_an_etag_of_its_own)
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
            coded = http_get_with(PATHS[i], header);
            cr_assert_str_eq(response_header(coded, "Content-Encoding"), CODINGS[j]);
            cr_assert_lt(coded->body_bytes, plain->body_bytes);
            cr_assert(http_has_word(response_header(coded, "Vary"), "Accept-Encoding"));
            cr_assert_str_eq(body, plain->body, "%s of %s", CODINGS[j], PATHS[i]);
            (void)snprintf(etags[j + 1], sizeof(etags[j + 1]), "%s",
                           response_header(coded, "ETag"));
            cr_assert_eq(etags[j + 1][0], '"', "strong: %s", etags[j + 1]);
            for (size_t k = 0; k <= j; k++)
                cr_assert_str_neq(etags[j + 1], etags[k]);
            free(body);
        }
        cr_assert(http_has_word(response_header(plain, "Vary"), "Accept-Encoding"));
    }
}

Test(representations, accept_encoding_is_obeyed_to_the_letter)
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
        struct response *response = http_get_with("/v1/practices", ROWS[i].header);
        const char *coding = response_header(response, "Content-Encoding");

        cr_assert_eq(response->status, ROWS[i].status, "%s: %d", ROWS[i].why, response->status);
        if (ROWS[i].coding == NULL)
            cr_assert_null(coding, "%s", ROWS[i].why);
        else
            cr_assert_str_eq(coding, ROWS[i].coding, "%s", ROWS[i].why);
        if (ROWS[i].status == 406)
            expect_problem(response, 406, "not-acceptable", ROWS[i].why);
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
Test(representations, a_copy_that_is_current_is_not_sent_again)
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
            CLEANUP(response_freep) struct response *whole = http_get_with(paths[i], CODINGS[j]);
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

Test(representations, a_copy_in_another_coding_is_current_too_and_keeps_its_name)
{
    CLEANUP(response_freep)
    struct response *coded = http_get_with("/v1/practices", "Accept-Encoding: gzip");
    CLEANUP(response_freep) struct response *response = NULL;
    char header[400];

    (void)snprintf(header, sizeof(header), "If-None-Match: %s", response_header(coded, "ETag"));
    response = http_get_with("/v1/practices", header);
    check_not_modified(coded, response, "the copy is coded, identity is asked for");
}

Test(representations, a_copy_that_is_not_current_is_sent_anew)
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
        CLEANUP(response_freep)
        struct response *response = http_get_with("/v1/practices", HEADERS[i]);

        cr_assert_eq(response->status, 200, "%s: %d", HEADERS[i], response->status);
        cr_assert_gt(response->body_bytes, 1000);
    }
}

Test(representations, without_an_etag_the_time_of_the_last_change_decides)
{
    char path[PATH_FILLED_BYTES], header[200], etag[200];
    CLEANUP(response_freep) struct response *whole = NULL, *same = NULL, *later = NULL;
    CLEANUP(response_freep) struct response *both = NULL;

    path_fill("/v1/practices/{id}", NULL, path);
    whole = http_get(path);
    cr_assert_not_null(response_header(whole, "Last-Modified"));
    (void)snprintf(header, sizeof(header), "If-Modified-Since: %s",
                   response_header(whole, "Last-Modified"));
    same = http_get_with(path, header);
    check_not_modified(whole, same, "the same time");
    later = http_get_with(path, "If-Modified-Since: Fri, 31 Dec 2100 23:59:59 GMT");
    check_not_modified(whole, later, "a later time");
    (void)snprintf(etag, sizeof(etag), "If-None-Match: \"other\"");
    both = http_send("GET", path, (const char *const[]){header, etag, NULL}, NULL, 0);
    cr_assert_eq(both->status, 200, "the ETag counts where both are sent");
}

/* Checks H21. Of reading. */
Test(representations, if_match_compares_strongly)
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
        struct response *response = http_get_with("/v1/practices", ROWS[i].header);

        cr_assert_eq(response->status, ROWS[i].status, "%s: %d", ROWS[i].header, response->status);
    }
}

/* Checks Z23. */
Test(representations, an_etag_opens_nothing_that_is_not_there)
{
    static const char *const HEADERS[] = {"If-None-Match: *", "If-Match: *", "If-Match: \"a\""};

    for (size_t i = 0; i < ARRAY_LENGTH(HEADERS); i++) {
        CLEANUP(response_freep)
        struct response *response = http_get_with("/v1/practices/no-such-record", HEADERS[i]);
        CLEANUP(response_freep)
        struct response *invalid = http_get_with("/v1/practices?limit=0", HEADERS[i]);

        expect_problem(response, 404, "not-found", HEADERS[i]);
        expect_problem(invalid, 400, "invalid-parameter", HEADERS[i]);
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
    response = http_get_with(path, header);
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
Test(representations, a_304_costs_no_statement_and_ends_with_the_next_change)
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
Test(representations, what_is_not_to_be_had_is_not_acceptable)
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
        struct response *response = ROWS[i].header == NULL
                                        ? http_get(ROWS[i].path)
                                        : http_get_with(ROWS[i].path, ROWS[i].header);

        cr_assert_eq(response->status, ROWS[i].status, "%s, %s: %d", ROWS[i].path, ROWS[i].why,
                     response->status);
        if (ROWS[i].status == 406)
            expect_problem(response, 406, "not-acceptable", ROWS[i].why);
    }
}

Test(representations, a_header_of_two_hundred_members_changes_nothing)
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
        response = http_get_with("/v1/practices?limit=1", header.bytes);
        cr_assert(response->status == 200 || (i == 0 && response->status == 406), "%s: %d",
                  NAMES[i], response->status);
        text_deinit(&header);
    }
}

/* Checks H27. */
Test(representations, a_language_that_nobody_speaks_gives_the_records_own)
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
        struct response *response = http_get_with("/v1/practices?limit=3", HEADERS[i]);

        cr_assert_eq(response->status, 200, "%s", HEADERS[i]);
        cr_assert_str_eq(response->body, plain->body, "%s", HEADERS[i]);
        cr_assert_not_null(response_header(response, "Content-Language"), "%s", HEADERS[i]);
        cr_assert(http_has_word(response_header(response, "Vary"), "Accept-Language"));
    }
}

/* Checks H25. */
Test(representations, ranges_are_not_served_and_change_nothing)
{
    CLEANUP(response_freep) struct response *plain = http_get("/v1/practices?format=csv");
    CLEANUP(response_freep)
    struct response *ranged = http_get_with("/v1/practices?format=csv",
                                            "Range: bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9");

    cr_assert_eq(ranged->status, 200);
    cr_assert_str_eq(ranged->body, plain->body);
    cr_assert_null(response_header(ranged, "Content-Range"));
}
