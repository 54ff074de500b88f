/* What the service says of itself: its description, its contract, its errors. */
#include "base/text.h"
#include "support/contract.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/records.h"
#include "support/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 1024
#define FILE_BYTES_MAX (16 * 1024 * 1024)
#define BODY_BYTES_OVER (128 * 1024) /* more than any path takes */

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(service, .fini = test_ends_without_leaks, .timeout = 120);

static struct response *ask(const char *method, const char *path, const char *header)
{
    return http_send(method, path, (const char *const[]){header, NULL}, NULL, 0);
}

static void check_type(const struct response *response, const char *type, const char *why)
{
    const char *given = response_header(response, "Content-Type");

    cr_expect(given != NULL && strncmp(given, type, strlen(type)) == 0, "%s: %s", why,
              given == NULL ? "no type" : given);
}

/* ---- / ---- */

Test(service, the_description_names_the_service_and_leads_to_everything)
{
    CLEANUP(response_freep) struct response *response = http_get("/");
    json_auto_t *contract = json_load_file(getenv("EXPRESS_CONTRACT_JSON"), 0, NULL);
    const json_t *resource;
    const char *name;
    json_t *link;
    char path[PATH_BYTES];
    size_t i, lists = 0;

    cr_assert_str_eq(response_text_at(response, "/name"),
                     record_text(json_object_get(contract, "info"), "title"));
    cr_assert_str_eq(response_text_at(response, "/version"),
                     record_text(json_object_get(contract, "info"), "version"));
    json_object_foreach (json_object_get(response->json, "links"), name, link) {
        /* The search alone needs to be told what to look for. */
        (void)snprintf(path, sizeof(path), "%s%s", json_string_value(link),
                       strcmp(name, "search") == 0 ? "?q=liege" : "");
        CLEANUP(response_freep) struct response *target = http_get(path);

        /* Nobody gets a token by GET, but there is something at that address. */
        cr_expect_eq(target->status, strcmp(name, "token") == 0 ? 405 : 200, "%s: %d", path,
                     target->status);
    }
    json_array_foreach (response_at(response, "/resources"), i, resource) {
        (void)snprintf(path, sizeof(path), "/paths/~1v1~1%s/get", record_text(resource, "name"));
        cr_expect_not_null(test_json_at(contract, path), "%s", path);
        (void)snprintf(path, sizeof(path), "%s?limit=1", record_text(resource, "href"));
        CLEANUP(response_freep) struct response *list = http_get(path);

        cr_expect_eq(list->status, 200, "%s", path);
        lists++;
    }
    lists -= json_array_size(test_json_at(contract, "/components/schemas/ResourceName/enum"));
    cr_assert_eq(lists, 0, "the description has every resource of the contract, and no other");
    cr_assert_not_null(strstr(response_header(response, "Link"), "rel=\"service-desc\""));
    cr_assert_not_null(strstr(response_header(response, "Link"), "rel=\"api-catalog\""));
}

/* ---- the contract ---- */

/* A file of the build beside the bundled contract; owned. */
static char *read_file(const char *extension, size_t *ret_bytes)
{
    const char *json = getenv("EXPRESS_CONTRACT_JSON");
    char path[PATH_BYTES], *bytes = malloc(FILE_BYTES_MAX);
    FILE *file;

    (void)snprintf(path, sizeof(path), "%.*s%s", (int)(strlen(json) - strlen(".json")), json,
                   extension);
    file = fopen(path, "rb");
    cr_assert(file != NULL && bytes != NULL, "%s", path);
    *ret_bytes = fread(bytes, 1, FILE_BYTES_MAX, file);
    (void)fclose(file); /* only read */
    return bytes;
}

Test(service, the_contract_is_the_one_that_the_server_was_built_with)
{
    static const struct {
        const char *path;
        const char *extension;
        const char *type;
    } ROWS[] = {
        {"/openapi.json", ".json", "application/json"},
        {"/openapi.yaml", ".yaml", "application/yaml"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        size_t size_bytes;
        char *expected = read_file(ROWS[i].extension, &size_bytes), line[PATH_BYTES];
        CLEANUP(response_freep) struct response *response = http_get(ROWS[i].path);

        cr_assert_eq(response->status, 200);
        check_type(response, ROWS[i].type, ROWS[i].path);
        cr_assert_eq(response->body_bytes, size_bytes);
        cr_assert_eq(memcmp(response->body, expected, size_bytes), 0, "%s", ROWS[i].path);
        cr_assert_not_null(strstr(response_header(response, "Cache-Control"), "public"));
        (void)snprintf(line, sizeof(line), "If-None-Match: %s", response_header(response, "ETag"));
        CLEANUP(response_freep) struct response *again = ask("GET", ROWS[i].path, line);
        cr_expect_eq(again->status, 304, "%s", ROWS[i].path);
        CLEANUP(response_freep)
        struct response *coded = ask("GET", ROWS[i].path, "Accept-Encoding: br");
        cr_expect_str_eq(response_header(coded, "Content-Encoding"), "br");
        cr_expect_lt(coded->body_bytes, size_bytes / 8, "%zu", coded->body_bytes);
        free(expected);
    }
}

/* The text behind the next "key: " of a YAML document, without quotes. */
static const char *skip_to(const char *at, const char *key)
{
    at = strstr(at, key);
    cr_assert_not_null(at, "no %s", key);
    return at + strlen(key);
}

Test(service, both_spellings_of_the_contract_have_the_same_paths_and_schemas)
{
    CLEANUP(response_freep) struct response *json = http_get("/openapi.json");
    CLEANUP(response_freep) struct response *yaml = http_get("/openapi.yaml");
    const char *const groups[] = {"schemas", "parameters", "headers", "responses"};
    const char *name, *at = yaml->body;
    json_t *value, *document;

    document = json_loadb(json->body, json->body_bytes, 0, NULL);
    cr_assert_eq(strncmp(yaml->body, "openapi: 3.1.0\n", 15), 0);
    (void)skip_to(yaml->body, "\n  version: ");
    /* In the same order: each is looked for behind the one before. */
    json_object_foreach (json_object_get(document, "paths"), name, value) {
        char line[PATH_BYTES];

        (void)snprintf(line, sizeof(line), "\n  %s:\n", name);
        at = skip_to(at, line);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(groups); i++) {
        char line[PATH_BYTES];

        (void)snprintf(line, sizeof(line), "\n  %s:", groups[i]);
        at = skip_to(at, line);
        json_object_foreach (json_object_get(json_object_get(document, "components"), groups[i]),
                             name, value) {
            (void)snprintf(line, sizeof(line), "\n    %s:", name);
            at = skip_to(at, line);
        }
    }
    json_decref(document);
}

/* ---- problems ---- */

static void append_escaped(struct text *text, const char *plain)
{
    for (; *plain != '\0'; plain++) {
        if (*plain == '<')
            text_append(text, "&lt;");
        else if (*plain == '&')
            text_append(text, "&amp;");
        else
            text_append_char(text, *plain);
    }
}

static void check_page(const char *path, const json_t *kind)
{
    static const char *const MEMBERS[] = {"title", "explanation", "mend"};
    CLEANUP(response_freep) struct response *page = ask("GET", path, "Accept: text/html");

    cr_expect_eq(page->status, 200, "%s", path);
    check_type(page, "text/html; charset=utf-8", path);
    cr_expect_eq(strncmp(page->body, "<!doctype html>\n<html lang=\"en\">", 31), 0, "%s", path);
    for (size_t i = 0; i < ARRAY_LENGTH(MEMBERS); i++) {
        struct text text;

        text_init(&text, PATH_BYTES);
        append_escaped(&text, record_text(kind, MEMBERS[i]));
        cr_expect_not_null(strstr(page->body, text.bytes), "%s lacks its %s", path, MEMBERS[i]);
        text_deinit(&text);
    }
}

Test(service, every_problem_has_a_page_for_machines_and_one_for_people)
{
    CLEANUP(response_freep) struct response *list = http_get("/problems");
    CLEANUP(response_freep)
    struct response *people = ask("GET", "/problems", "Accept: text/html");
    json_auto_t *codes = json_object();
    const json_t *kind;
    char wanted[PATH_BYTES];
    size_t i;

    check_type(list, "application/json", "/problems");
    check_type(people, "text/html; charset=utf-8", "/problems");
    cr_assert_gt(json_array_size(response_at(list, "/data")), 20);
    json_array_foreach (response_at(list, "/data"), i, kind) {
        const char *path = record_text(kind, "type"), *code = record_text(kind, "code");
        CLEANUP(response_freep) struct response *page = http_get(path);

        cr_expect_null(json_object_get(codes, code), "%s twice", code);
        (void)json_object_set_new(codes, code, json_true());
        (void)snprintf(wanted, sizeof(wanted), "/problems/%s", code);
        cr_expect_str_eq(path, wanted);
        cr_expect_eq(page->status, 200, "%s", path);
        cr_expect(json_equal(response_json(page), kind), "%s: %s", path, page->body);
        check_page(path, kind);
        (void)snprintf(wanted, sizeof(wanted), "<a href=\"/problems/%s\">", code);
        cr_expect_not_null(strstr(people->body, wanted), "%s", code);
    }
}

static char *long_text(const char *before, size_t count, const char *after)
{
    struct text text;
    size_t length;

    text_init(&text, FILE_BYTES_MAX);
    text_append(&text, before);
    for (size_t i = 0; i < count; i++)
        text_append_char(&text, 'a');
    text_append(&text, after);
    return text_steal(&text, &length);
}

/* The reply is the problem that its page describes. */
static void check_problem(struct response *response, const char *code, int status, const char *why)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "/problems/%s", code);
    CLEANUP(response_freep) struct response *page = http_get(path);

    cr_expect_eq(response->status, status, "%s: %d: %.300s", why, response->status, response->body);
    check_type(response, "application/problem+json", why);
    cr_expect_str_eq(response_text_at(response, "/type"), path, "%s", why);
    cr_expect_eq(page->status, 200, "%s", path);
    cr_expect_eq(json_integer_value(response_at(page, "/status")), status, "%s", path);
    cr_expect_str_eq(response_text_at(response, "/title"), response_text_at(page, "/title"), "%s",
                     why);
    cr_expect_str_eq(response_text_at(response, "/request_id"),
                     response_header(response, "X-Request-Id"), "%s", why);
}

/* Not held against the contract: faults that any request may have, it names for no path. */
static struct response *send_plain(const char *method, const char *path, const char *const *headers,
                                   const char *body)
{
    struct response *response;
    struct text url;

    text_init(&url, FILE_BYTES_MAX);
    text_append_format(&url, "%s%s", getenv("API_URL"), path);
    response =
        http_send_unchecked(method, url.bytes, headers, body, body == NULL ? 0 : strlen(body));
    text_deinit(&url);
    return response;
}

Test(service, every_problem_that_a_client_can_cause_is_the_one_its_page_describes)
{
    static const struct {
        const char *code;
        int status;
        const char *method;
        const char *path;
        const char *header;
        const char *body;
    } ROWS[] = {
        {"ambiguous-header", 400, "GET", "/", NULL, NULL},
        {"credentials-in-url", 400, "GET", "/v1/practices?access_token=x", NULL, NULL},
        {"invalid-cursor", 400, "GET", "/v1/practices?cursor=x", NULL, NULL},
        {"invalid-json", 400, "POST", "/v1/practices/batch-get", "Content-Type: application/json",
         "{"},
        {"invalid-parameter", 400, "GET", "/v1/practices?limit=x", NULL, NULL},
        {"invalid-path", 400, "GET", "/v1//practices", NULL, NULL},
        {"not-found", 404, "GET", "/v1/practices/no-such-practice", NULL, NULL},
        {"method-not-allowed", 405, "DELETE", "/v1/practices", NULL, NULL},
        {"method-not-allowed", 405, "GET", "/v1/practices/batch-get", NULL, NULL},
        {"method-not-allowed", 405, "POST", "/", NULL, NULL},
        {"not-acceptable", 406, "GET", "/v1/practices", "Accept: text/html", NULL},
        {"not-acceptable", 406, "GET", "/openapi.json", "Accept: application/yaml", NULL},
        {"not-acceptable", 406, "GET", "/problems", "Accept: text/csv", NULL},
        {"gone", 410, "GET", "/v1/practices/service-gone", NULL, NULL},
        {"precondition-failed", 412, "GET", "/", "If-Match: \"x\"", NULL},
        {"unsupported-media-type", 415, "POST", "/v1/practices/batch-get",
         "Content-Type: text/plain", "{}"},
        {"expectation-failed", 417, "GET", "/", "Expect: miracles", NULL},
        {"validation-failed", 422, "POST", "/v1/practices/batch-get",
         "Content-Type: application/json", "{}"},
        {"not-implemented", 501, "BREW", "/", NULL, NULL},
    };
    char *long_path = long_text("/v1/practices?q=", 9000, "");
    char *long_body = long_text("{\"ids\":[\"", BODY_BYTES_OVER, "\"]}");

    test_database_run("insert into published.gone (resource, id, slug) values ('practices', "
                      "'00000000-0000-7000-8000-000000000001', 'service-gone')");
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const char *const one[] = {ROWS[i].header, NULL};
        const char *const two[] = {"Authorization: a", "Authorization: b", NULL};
        const bool twice = strcmp(ROWS[i].code, "ambiguous-header") == 0;
        CLEANUP(response_freep)
        struct response *response =
            send_plain(ROWS[i].method, ROWS[i].path, twice ? two : one, ROWS[i].body);

        check_problem(response, ROWS[i].code, ROWS[i].status, ROWS[i].path);
    }
    CLEANUP(response_freep) struct response *address = send_plain("GET", long_path, NULL, NULL);
    check_problem(address, "uri-too-long", 414, "a long query");
    CLEANUP(response_freep)
    struct response *body =
        send_plain("POST", "/v1/practices/batch-get",
                   (const char *const[]){"Content-Type: application/json", NULL}, long_body);
    check_problem(body, "content-too-large", 413, "a long body");
    free(long_path);
    free(long_body);
}

Test(service, a_method_that_a_path_does_not_have_is_answered_with_those_that_it_has)
{
    static const struct {
        const char *method;
        const char *path;
        const char *allowed;
    } ROWS[] = {
        {"DELETE", "/v1/practices", "GET, HEAD, POST, OPTIONS"},
        {"POST", "/v1/practices/magdas-hotel", "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"},
        {"GET", "/v1/oauth/token", "POST, OPTIONS"},
        {"PUT", "/v1/clients/01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02", "GET, HEAD, PATCH, OPTIONS"},
        {"GET", "/v1/practices/batch-get", "POST, OPTIONS"},
        {"PATCH", "/openapi.json", "GET, HEAD, OPTIONS"},
        {"POST", "/problems/gone", "GET, HEAD, OPTIONS"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = ask(ROWS[i].method, ROWS[i].path, NULL);
        CLEANUP(response_freep) struct response *options = ask("OPTIONS", ROWS[i].path, NULL);

        cr_expect_eq(response->status, 405, "%s %s: %d", ROWS[i].method, ROWS[i].path,
                     response->status);
        cr_expect_str_eq(
            response_header(response, "Allow") == NULL ? "" : response_header(response, "Allow"),
            ROWS[i].allowed, "%s %s", ROWS[i].method, ROWS[i].path);
        cr_expect_eq(options->status, 204, "%s: %d", ROWS[i].path, options->status);
    }
}

/* ---- RFC 9727 ---- */

Test(service, the_catalogue_of_apis_leads_to_the_contract)
{
    CLEANUP(response_freep) struct response *response = http_get("/.well-known/api-catalog");
    CLEANUP(response_freep)
    struct response *head = ask("HEAD", "/.well-known/api-catalog", NULL);
    CLEANUP(response_freep)
    struct response *plain = ask("GET", "/.well-known/api-catalog", "Accept: application/json");
    const json_t *links = response_at(response, "/linkset/0"), *link;
    static const char *const RELATIONS[] = {"service-desc", "service-meta"};
    size_t i;

    check_type(response, "application/linkset+json", "the catalogue");
    cr_assert_not_null(strstr(response_header(response, "Content-Type"),
                              "profile=\"https://www.rfc-editor.org/info/rfc9727\""));
    cr_assert_not_null(strstr(response_header(head, "Link"), "rel=\"api-catalog\""));
    cr_assert_eq(plain->status, 200);
    for (size_t r = 0; r < ARRAY_LENGTH(RELATIONS); r++)
        json_array_foreach (json_object_get(links, RELATIONS[r]), i, link) {
            CLEANUP(response_freep) struct response *target = http_get(record_text(link, "href"));

            cr_expect_eq(target->status, 200, "%s", record_text(link, "href"));
            check_type(target, record_text(link, "type"), record_text(link, "href"));
        }
    cr_assert_eq(json_array_size(json_object_get(links, "service-desc")), 2);
}

/* ---- what is not there ---- */

Test(service, paths_about_the_service_take_no_parameters)
{
    static const char *const PATHS[] = {"/",         "/openapi.json",  "/openapi.yaml",
                                        "/problems", "/problems/gone", "/.well-known/api-catalog"};
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        (void)snprintf(path, sizeof(path), "%s?one=1&two", PATHS[i]);
        CLEANUP(response_freep) struct response *response = http_get(path);

        check_problem(response, "invalid-parameter", 400, path);
        cr_expect_str_eq(response_text_at(response, "/errors/0/parameter"), "one", "%s", path);
        cr_expect_str_eq(response_text_at(response, "/errors/1/parameter"), "two", "%s", path);
    }
}

/* Checks H1. */
Test(service, paths_that_do_not_exist_are_not_found)
{
    static const char *const PATHS[] = {
        "/v1",
        "/v1/",
        "/v2/practices",
        "/practices",
        "/V1/practices",
        "/openapi",
        "/openapi.json/",
        "/openapi.xml",
        "/problems/",
        "/problems/x",
        "/problems/gone/more",
        "/.well-known/",
        "/.well-known",
        "/favicon.ico",
        "/index.html",
        "/.env",
        "/metrics",
        "/healthz",
        "/readyz",
        "/v1/practices/",
        "/v1/nothing",
        "/robots.txt",
        "/v1/practices/a/b/c/d",
        "/v1/search/more",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        CLEANUP(response_freep) struct response *response = http_get(PATHS[i]);
        CLEANUP(response_freep) struct response *head = ask("HEAD", PATHS[i], NULL);

        check_problem(response, "not-found", 404, PATHS[i]);
        cr_expect_str_eq(response_text_at(response, "/instance"), PATHS[i]);
        cr_expect_eq(head->status, 404, "%s", PATHS[i]);
    }
}

/* Checks H3. */
Test(service, head_tells_what_get_would)
{
    static const char *const PATHS[] = {"/",         "/openapi.json",  "/openapi.yaml",
                                        "/problems", "/problems/gone", "/.well-known/api-catalog"};
    static const char *const HEADERS[] = {"Content-Type", "ETag", "Cache-Control",
                                          "Vary",         "Link", "Content-Length"};

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        CLEANUP(response_freep) struct response *get = http_get(PATHS[i]);
        CLEANUP(response_freep) struct response *head = ask("HEAD", PATHS[i], NULL);

        cr_expect_eq(head->status, 200, "%s", PATHS[i]);
        for (size_t j = 0; j < ARRAY_LENGTH(HEADERS); j++) {
            const char *one = response_header(get, HEADERS[j]);
            const char *other = response_header(head, HEADERS[j]);

            cr_expect_str_eq(other == NULL ? "" : other, one == NULL ? "" : one, "%s of %s",
                             HEADERS[j], PATHS[i]);
        }
    }
}
