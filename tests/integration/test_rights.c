/* Every role at every operation of the contract, held against the table of rights. */
#include "base/text.h"
#include "routes.h"
#include "support/contract.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/server.h"
#include "support/tokens.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROWS_MAX 200
#define COLUMNS 6
#define NAME_BYTES 100
#define PATH_BYTES 300
#define NOBODY "01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02"

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(rights, .fini = test_ends_without_leaks, .timeout = 600);

static const char *const ROLES[COLUMNS] = {NULL,          "participant", "partner",
                                           "coordinator", "editor",      "admin"};

struct row {
    char method[10];
    char path[NAME_BYTES];
    int statuses[COLUMNS];
    unsigned uses;
};

static struct row rows[ROWS_MAX];
static size_t row_count;

/* The next word of a line, which moves behind it. False at its end. */
static bool next_word(const char **line, char *ret_word, size_t size_bytes)
{
    const char *at = *line + strspn(*line, " \n");
    size_t length = strcspn(at, " \n");

    if (length == 0)
        return false;
    cr_assert_lt(length, size_bytes, "%s", *line);
    memcpy(ret_word, at, length);
    ret_word[length] = '\0';
    *line = at + length;
    return true;
}

static void read_rows(void)
{
    char path[PATH_BYTES], line[PATH_BYTES];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/tests/security/rights.txt",
                   getenv("EXPRESS_SOURCE_DIR"));
    file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    while (fgets(line, sizeof(line), file) != NULL) {
        struct row *row = &rows[row_count];
        const char *at = line;

        if (line[0] == '#' || !next_word(&at, row->method, sizeof(row->method)))
            continue;
        cr_assert(next_word(&at, row->path, sizeof(row->path)), "%s", line);
        for (size_t i = 0; i < COLUMNS; i++) {
            char word[10];

            cr_assert(next_word(&at, word, sizeof(word)), "%s", line);
            row->statuses[i] = (int)strtol(word, NULL, 10);
        }
        cr_assert_lt(++row_count, ROWS_MAX);
    }
    cr_assert_eq(fclose(file), 0);
}

static bool is_resource(const json_t *contract, const char *name, size_t length)
{
    const json_t *names = test_json_at(contract, "/components/schemas/ResourceName/enum"), *item;
    size_t i;

    json_array_foreach (names, i, item)
        if (json_string_length(item) == length &&
            strncmp(json_string_value(item), name, length) == 0)
            return true;
    return false;
}

/* Does a path of the contract fit that of a line? {resource} and {related} stand for each name. */
static bool fits(const json_t *contract, const char *line, const char *path)
{
    while (*line == '/' && *path == '/') {
        size_t wanted = strcspn(++line, "/"), given = strcspn(++path, "/");
        bool is_name =
            strncmp(line, "{resource}", wanted) == 0 || strncmp(line, "{related}", wanted) == 0;

        if ((wanted != given || strncmp(line, path, given) != 0) &&
            !(wanted > 0 && is_name && is_resource(contract, path, given)))
            return false;
        line += wanted;
        path += given;
    }
    return *line == '\0' && *path == '\0';
}

static struct row *find_row(const json_t *contract, const char *method, const char *path)
{
    for (size_t i = 0; i < row_count; i++)
        if (strcasecmp(rows[i].method, method) == 0 && fits(contract, rows[i].path, path))
            return &rows[i];
    return NULL;
}

/* A path of the contract, of something that does not exist. */
static void fill(const char *template, char ret_path[PATH_BYTES])
{
    static const char *const VALUES[][2] = {
        {"resource", "practices"}, {"version", "1"},      {"slot", "1"},
        {"purpose", "statistics"}, {"code", "not-found"}, {"id", NOBODY},
        {"meeting", NOBODY},       {"goal", NOBODY},      {"moment", "middle"}};
    struct text path;

    text_init(&path, PATH_BYTES);
    while (*template != '\0') {
        size_t length = strcspn(template, "{");

        text_append_bytes(&path, template, length);
        template += length;
        if (*template == '\0')
            break;
        length = strcspn(++template, "}");
        for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++)
            if (strlen(VALUES[i][0]) == length && strncmp(VALUES[i][0], template, length) == 0)
                text_append(&path, VALUES[i][1]);
        template += length + 1;
    }
    if (strcmp(path.bytes, "/v1/search") == 0)
        text_append(&path, "?q=women");
    (void)snprintf(ret_path, PATH_BYTES, "%s", path.bytes);
    text_deinit(&path);
}

/* The media type of the body that the operation takes; NULL: none. */
static const char *type_of_body(const json_t *contract, const json_t *operation)
{
    const json_t *body = json_object_get(operation, "requestBody");
    const char *reference = json_string_value(json_object_get(body, "$ref"));
    json_t *content;

    if (reference != NULL)
        body = test_json_at(contract, reference + 1);
    content = json_object_get(body, "content");
    return json_object_iter_key(json_object_iter(content));
}

static void check_operation(const json_t *contract, const char *method, const char *template,
                            const json_t *operation)
{
    struct row *row = find_row(contract, method, template);
    const char *type = type_of_body(contract, operation);
    bool is_form = type != NULL && strstr(type, "form") != NULL;
    char path[PATH_BYTES], verb[10], header[NAME_BYTES];

    cr_assert_not_null(row, "%s %s has no line in tests/security/rights.txt", method, template);
    row->uses++;
    fill(template, path);
    (void)snprintf(verb, sizeof(verb), "%s", row->method);
    (void)snprintf(header, sizeof(header), "Content-Type: %s", type == NULL ? "" : type);
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *token = ROLES[i] == NULL ? NULL : token_for(ROLES[i], "univerbal");
        CLEANUP(response_freep)
        struct response *response =
            http_as(token, verb, path, (const char *const[]){type == NULL ? NULL : header, NULL},
                    type == NULL ? NULL
                    : is_form    ? "x=y"
                                 : "{}");

        cr_expect_eq(response->status, row->statuses[i], "%s %s as %s: %d, not %d: %.200s", verb,
                     path, ROLES[i] == NULL ? "nobody" : ROLES[i], response->status,
                     row->statuses[i], response->body);
        if (row->statuses[i] == 401)
            cr_expect_str_eq(response_text_at(response, "/type"), "/problems/unauthenticated");
        if (row->statuses[i] == 403)
            cr_expect_str_eq(response_text_at(response, "/type"), "/problems/forbidden");
    }
}

/* Checks Z1. */
Test(rights, each_role_may_do_what_the_table_says_and_nothing_else)
{
    json_auto_t *contract = json_load_file(getenv("EXPRESS_CONTRACT_JSON"), 0, NULL);
    const char *template, *method;
    json_t *item, *operation;

    read_rows();
    cr_assert_not_null(contract);
    json_object_foreach (json_object_get(contract, "paths"), template, item)
        json_object_foreach (item, method, operation)
            check_operation(contract, method, template, operation);
    for (size_t i = 0; i < row_count; i++)
        cr_expect_gt(rows[i].uses, 0, "%s %s is no operation of the contract", rows[i].method,
                     rows[i].path);
}

/* What is served and not in the contract would be in nobody's sight. */
/* Checks Z1. */
Test(rights, every_route_has_a_line_in_the_table)
{
    static const char *const METHODS[] = {[METHOD_GET] = "GET",
                                          [METHOD_POST] = "POST",
                                          [METHOD_PUT] = "PUT",
                                          [METHOD_PATCH] = "PATCH",
                                          [METHOD_DELETE] = "DELETE"};

    read_rows();
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        bool is_there = false;

        for (size_t j = 0; j < row_count && !is_there; j++)
            is_there = strcmp(rows[j].method, METHODS[ROUTES[i].method]) == 0 &&
                       strcmp(rows[j].path, ROUTES[i].pattern) == 0;
        cr_expect(is_there, "%s %s", METHODS[ROUTES[i].method], ROUTES[i].pattern);
    }
}

static void check_same_for_all(const char *path)
{
    CLEANUP(response_freep) struct response *plain = http_get(path);

    cr_assert_eq(plain->status, 200, "%s", path);
    for (size_t i = 1; i < COLUMNS; i++) {
        CLEANUP(response_freep)
        struct response *response =
            http_as(token_for(ROLES[i], "univerbal"), "GET", path, NULL, NULL);

        cr_expect_eq(response->status, 200, "%s as %s", path, ROLES[i]);
        cr_expect_str_eq(response->body, plain->body, "%s as %s", path, ROLES[i]);
        cr_expect_str_eq(response_header(response, "ETag"), response_header(plain, "ETag"));
        cr_expect_str_eq(response_header(response, "Cache-Control"),
                         response_header(plain, "Cache-Control"));
    }
}

/* The client holds every private answer against the contract, which has no others. */
/* Checks Z6. */
Test(rights, a_public_address_shows_every_role_the_same_properties)
{
    json_auto_t *contract = json_load_file(getenv("EXPRESS_CONTRACT_JSON"), 0, NULL);
    const json_t *names = test_json_at(contract, "/components/schemas/ResourceName/enum"), *name;
    size_t i;

    json_array_foreach (names, i, name) {
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "/v1/%s?limit=2", json_string_value(name));
        check_same_for_all(path);
        CLEANUP(response_freep) struct response *list = http_get(path);

        (void)snprintf(path, sizeof(path), "/v1/%s/%s?lang=all", json_string_value(name),
                       response_text_at(list, "/data/0/slug"));
        check_same_for_all(path);
    }
}
