/* The programs that may sign in: who registers them, what is told of them, and what is not. */
#include "base/clock.h"
#include "base/text.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/server.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS "/v1/clients"
#define GRANT "grant_type=client_credentials"
#define SEEN_MS_MAX 5000
#define PATH_BYTES 200

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(clients, .fini = test_ends_without_leaks, .timeout = 300);

static struct response *as_admin(const char *method, const char *path, const char *body)
{
    return http_as(token_for("admin", NULL), method, path, NULL, body);
}

static const char *client_path(const struct test_client *client, const char *rest)
{
    static char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), CLIENTS "/%s%s", client->id, rest);
    return path;
}

static size_t count_of(const char *sql)
{
    char *value = test_database_value(sql);
    size_t count = (size_t)strtoul(value == NULL ? "0" : value, NULL, 10);

    free(value);
    return count;
}

/* Entries of the audit log about a client. */
static size_t audited(const struct test_client *client, const char *action)
{
    char sql[PATH_BYTES * 2];

    (void)snprintf(sql, sizeof(sql),
                   "select count(*) from audit.entry where action = '%s' and record_id = '%s' "
                   "and role = 'admin'",
                   action, client->id);
    return count_of(sql);
}

/* --- who may ------------------------------------------------------------------------------ */

Test(clients, administrators_alone_see_and_change_them)
{
    static const struct {
        const char *method, *path, *body;
    } ROWS[] = {
        {"GET", CLIENTS, NULL},
        {"POST", CLIENTS, "{}"},
        {"GET", CLIENTS "/01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02", NULL},
        {"PATCH", CLIENTS "/01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02", "{}"},
        {"POST", CLIENTS "/01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02/secrets", NULL},
        {"DELETE", CLIENTS "/01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02/secrets/1", NULL},
    };
    static const char *const ROLES[] = {"participant", "partner", "coordinator", "editor"};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *nobody = http_as(NULL, ROWS[i].method, ROWS[i].path, NULL, ROWS[i].body);

        expect_problem(nobody, 401, "unauthenticated", ROWS[i].path);
        cr_assert_str_eq(response_header(nobody, "WWW-Authenticate"), "Bearer");
        for (size_t j = 0; j < ARRAY_LENGTH(ROLES); j++) {
            CLEANUP(response_freep)
            struct response *response = http_as(token_for(ROLES[j], "univerbal"), ROWS[i].method,
                                                ROWS[i].path, NULL, ROWS[i].body);

            expect_problem(response, 403, "forbidden", ROLES[j]);
        }
    }
}

/* --- registering -------------------------------------------------------------------------- */

Test(clients, the_secret_is_told_once_and_kept_as_a_hash)
{
    CLEANUP(response_freep)
    struct response *made =
        as_admin("POST", CLIENTS,
                 "{\"name\":\"Website\",\"organisation\":\"univerbal\","
                 "\"role\":\"partner\",\"scopes\":[\"read\",\"write:practices\"]}");
    CLEANUP(response_freep) struct response *read = NULL, *listed = NULL;
    const char *secret;
    struct test_client client;

    cr_assert_eq(made->status, 201, "%s", made->body);
    secret = response_text_at(made, "/secret");
    (void)snprintf(client.id, sizeof(client.id), "%s", response_text_at(made, "/id"));
    cr_assert_str_eq(response_header(made, "Location"), client_path(&client, ""));
    cr_assert_str_eq(response_text_at(made, "/links/self"), client_path(&client, ""));
    cr_assert_str_eq(response_text_at(made, "/name"), "Website");
    cr_assert_str_eq(response_text_at(made, "/organisation/slug"), "univerbal");
    cr_assert_str_eq(response_text_at(made, "/scopes/1"), "write:practices");
    cr_assert(json_is_false(response_at(made, "/disabled")));

    read = as_admin("GET", client_path(&client, ""), NULL);
    listed = as_admin("GET", CLIENTS "?limit=100", NULL);
    cr_assert_eq(read->status, 200);
    cr_assert_null(response_at(read, "/secret"));
    cr_assert_null(strstr(read->body, secret));
    cr_assert_null(strstr(listed->body, secret));
    cr_assert_not_null(strstr(listed->body, client.id));
    cr_assert_eq(test_server_log_lines(secret), 0);
    cr_assert_eq(count_of("select count(*) from identity.client_secret "
                          "where hash not like '$argon2id$%'"),
                 0);
    cr_assert_eq(audited(&client, "client.create"), 1);
    cr_assert_eq(audited(&client, "client.read"), 1);
}

Test(clients, what_is_wrong_with_a_new_one_is_told_by_pointer)
{
    static const struct {
        const char *body, *pointer, *why;
    } ROWS[] = {
        {"{\"organisation\":\"univerbal\",\"role\":\"partner\"}", "/name", "no name"},
        {"{\"name\":\"\",\"organisation\":\"univerbal\",\"role\":\"partner\"}", "/name", "empty"},
        {"{\"name\":\"a\\u001b[2J\",\"organisation\":\"univerbal\",\"role\":\"partner\"}", "/name",
         "what a terminal would obey"},
        {"{\"name\":\"a\\u202eb\",\"organisation\":\"univerbal\",\"role\":\"partner\"}", "/name",
         "what reads as another name"},
        {"{\"name\":\"a\",\"organisation\":\"univerbal\",\"role\":\"service\"}", "/role",
         "a role that is the server's own"},
        {"{\"name\":\"a\",\"organisation\":\"nobody\",\"role\":\"partner\"}", "/organisation",
         "no such organisation"},
        {"{\"name\":\"a\",\"organisation\":\"univerbal\",\"role\":\"partner\","
         "\"scopes\":[\"review\"]}",
         "/scopes", "more than the role has"},
        {"{\"name\":\"a\",\"organisation\":\"univerbal\",\"role\":\"partner\",\"scopes\":[]}",
         "/scopes", "none"},
        {"{\"name\":\"a\",\"organisation\":\"univerbal\",\"role\":\"partner\","
         "\"scopes\":[\"write:Practices\"]}",
         "/scopes/0", "malformed"},
        {"{\"name\":\"a\",\"organisation\":\"univerbal\",\"role\":\"partner\",\"secret\":\"x\"}",
         "/secret", "a secret of one's own"},
        {"{\"name\":\"a\",\"organisation\":\"univerbal\",\"role\":\"partner\",\"id\":\"x\"}", "/id",
         "an id of one's own"},
    };
    size_t before = count_of("select count(*) from identity.client");

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = as_admin("POST", CLIENTS, ROWS[i].body);

        expect_problem(response, 422, "validation-failed", ROWS[i].why);
        cr_assert_str_eq(response_text_at(response, "/errors/0/pointer"), ROWS[i].pointer, "%s: %s",
                         ROWS[i].why, response->body);
    }
    cr_assert_leq(count_of("select count(*) from identity.client where name = 'a'"), 0);
    cr_assert_geq(count_of("select count(*) from identity.client"), before);
}

Test(clients, dry_run_registers_nobody_and_shows_no_secret)
{
    CLEANUP(response_freep)
    struct response *response =
        as_admin("POST", CLIENTS "?dry_run=true",
                 "{\"name\":\"Of no use\",\"organisation\":\"univerbal\",\"role\":\"partner\"}");

    cr_assert_eq(response->status, 201, "%s", response->body);
    cr_assert(json_is_true(response_at(response, "/meta/dry_run")));
    cr_assert_null(response_at(response, "/secret"));
    cr_assert_eq(count_of("select count(*) from identity.client where name = 'Of no use'"), 0);
}

Test(clients, a_repeated_request_registers_one_and_tells_its_secret_once)
{
    static const char *const KEY[] = {"Idempotency-Key: register-the-website", NULL};
    static const char BODY[] =
        "{\"name\":\"Once\",\"organisation\":\"univerbal\",\"role\":\"partner\"}";
    const char *token = token_for("admin", NULL);
    CLEANUP(response_freep) struct response *first = http_as(token, "POST", CLIENTS, KEY, BODY);
    CLEANUP(response_freep) struct response *again = http_as(token, "POST", CLIENTS, KEY, BODY);
    CLEANUP(response_freep)
    struct response *other = http_as(token, "POST", CLIENTS, KEY,
                                     "{\"name\":\"Twice\",\"organisation\":\"univerbal\","
                                     "\"role\":\"partner\"}");

    cr_assert_eq(first->status, 201, "%s", first->body);
    cr_assert_eq(again->status, 201, "%s", again->body);
    cr_assert_not_null(response_at(first, "/secret"));
    cr_assert_null(response_at(again, "/secret"));
    cr_assert_str_eq(response_header(again, "Idempotency-Replayed"), "true");
    cr_assert_str_eq(response_text_at(first, "/id"), response_text_at(again, "/id"));
    expect_problem(other, 422, "idempotency-key-reuse", "another client");
    cr_assert_eq(count_of("select count(*) from identity.client where name = 'Once'"), 1);
}

/* --- changing ----------------------------------------------------------------------------- */

Test(clients, name_role_and_scopes_are_changed_each_for_itself)
{
    CLEANUP(response_freep)
    struct response *named = NULL, *narrowed = NULL, *raised = NULL, *widened = NULL;
    struct test_client client;

    client_make("partner", "univerbal", NULL, &client);
    named = as_admin("PATCH", client_path(&client, ""), "{\"name\":\"Renamed\"}");
    cr_assert_eq(named->status, 200, "%s", named->body);
    cr_assert_str_eq(response_text_at(named, "/name"), "Renamed");
    cr_assert_eq(json_array_size(response_at(named, "/scopes")), 2);
    cr_assert_null(response_at(named, "/secret"));
    narrowed = as_admin("PATCH", client_path(&client, ""), "{\"scopes\":[\"read\"]}");
    cr_assert_eq(json_array_size(response_at(narrowed, "/scopes")), 1);
    cr_assert_str_eq(response_text_at(narrowed, "/name"), "Renamed");
    raised = as_admin("PATCH", client_path(&client, ""),
                      "{\"role\":\"editor\",\"scopes\":[\"read\",\"review\"]}");
    cr_assert_str_eq(response_text_at(raised, "/role"), "editor");
    cr_assert_str_eq(response_text_at(raised, "/scopes/1"), "review");
    widened = as_admin("PATCH", client_path(&client, ""), "{\"scopes\":null}");
    cr_assert_eq(json_array_size(response_at(widened, "/scopes")), 3, "%s", widened->body);
    cr_assert_eq(audited(&client, "client.update"), 4);
}

Test(clients, what_a_change_cannot_be_is_told_by_pointer)
{
    static const char *const ROWS[][2] = {
        {"{\"name\":null}", "/name"},
        {"{\"name\":\"two\\nlines\"}", "/name"},
        {"{\"role\":null}", "/role"},
        {"{\"disabled\":null}", "/disabled"},
        {"{\"disabled\":\"yes\"}", "/disabled"},
        {"{\"id\":\"x\"}", "/id"},
        {"{\"organisation\":\"caps\"}", "/organisation"},
        {"{\"scopes\":[\"admin\"]}", "/scopes"},
        {"{}", ""},
    };
    struct test_client client;

    client_make("partner", "univerbal", NULL, &client);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = as_admin("PATCH", client_path(&client, ""), ROWS[i][0]);

        expect_problem(response, 422, "validation-failed", ROWS[i][0]);
        cr_assert_str_eq(response_text_at(response, "/errors/0/pointer"), ROWS[i][1], "%s",
                         response->body);
    }
}

/* Checks H6. */
Test(clients, a_change_is_a_merge_patch_and_says_so_when_it_is_not)
{
    struct test_client client;

    client_make("partner", "univerbal", NULL, &client);
    CLEANUP(response_freep)
    struct response *typed =
        http_as(token_for("admin", NULL), "PATCH", client_path(&client, ""),
                (const char *const[]){"Content-Type: application/json", NULL}, "{\"name\":\"x\"}");
    CLEANUP(response_freep)
    struct response *list = as_admin("PATCH", client_path(&client, ""), "[]");

    expect_problem(typed, 415, "unsupported-media-type", "plain JSON");
    cr_assert_str_eq(response_header(typed, "Accept-Patch"), "application/merge-patch+json");
    expect_problem(list, 400, "invalid-json", "a list");
}

Test(clients, one_that_is_disabled_gets_no_token_and_has_none_any_more)
{
    CLEANUP(response_freep) struct response *disabled = NULL, *refused = NULL, *enabled = NULL;
    struct test_client client;
    uint64_t deadline;
    int status = 200;
    char *token;

    client_make("admin", "univerbal", NULL, &client);
    token = client_token(&client, NULL);
    disabled = as_admin("PATCH", client_path(&client, ""), "{\"disabled\":true}");
    deadline = clock_monotonic_ms() + SEEN_MS_MAX;
    cr_assert(json_is_true(response_at(disabled, "/disabled")));
    cr_assert_not_null(response_text_at(disabled, "/disabled_at"));
    while (status != 401) {
        CLEANUP(response_freep)
        struct response *response = http_as(token, "GET", CLIENTS, NULL, NULL);

        status = response->status;
        cr_assert_lt(clock_monotonic_ms(), deadline, "its token goes on working");
    }
    refused = http_form(&client, "/v1/oauth/token", GRANT);
    cr_assert_eq(refused->status, 401, "%s", refused->body);
    enabled = as_admin("PATCH", client_path(&client, ""), "{\"disabled\":false}");
    cr_assert_null(response_at(enabled, "/disabled_at"));
    free(client_token(&client, NULL));
    free(token);
}

/* --- secrets ------------------------------------------------------------------------------ */

Test(clients, a_client_has_two_secrets_at_most_and_each_can_be_removed)
{
    CLEANUP(response_freep)
    struct response *second = NULL, *third = NULL, *removed = NULL, *again = NULL, *replaced = NULL;
    struct test_client client;

    client_make("partner", "univerbal", NULL, &client);
    second = as_admin("POST", client_path(&client, "/secrets"), NULL);
    cr_assert_eq(second->status, 201, "%s", second->body);
    cr_assert_eq(json_array_size(response_at(second, "/secrets")), 2);
    cr_assert_str_neq(response_text_at(second, "/secret"), client.secret);
    third = as_admin("POST", client_path(&client, "/secrets"), NULL);
    expect_problem(third, 409, "too-many-secrets", "a third one");
    removed = as_admin("DELETE", client_path(&client, "/secrets/1"), NULL);
    cr_assert_eq(removed->status, 204, "%s", removed->body);
    again = as_admin("DELETE", client_path(&client, "/secrets/1"), NULL);
    expect_problem(again, 404, "not-found", "the same again");
    replaced = as_admin("POST", client_path(&client, "/secrets"), NULL);
    cr_assert_eq(replaced->status, 201, "%s", replaced->body);
    cr_assert_eq(audited(&client, "client.secret.create"), 2);
    cr_assert_eq(audited(&client, "client.secret.delete"), 1);
}

Test(clients, what_is_not_there_is_missing_in_the_same_words)
{
    static const struct {
        const char *method, *path, *body;
    } ROWS[] = {
        {"GET", CLIENTS "/01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02", NULL},
        {"GET", CLIENTS "/not-an-id", NULL},
        {"GET", CLIENTS "/%27--", NULL},
        {"PATCH", CLIENTS "/01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02", "{\"name\":\"x\"}"},
        {"POST", CLIENTS "/01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02/secrets", NULL},
        {"DELETE", CLIENTS "/01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02/secrets/1", NULL},
        {"DELETE", CLIENTS "/01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02/secrets/3", NULL},
        {"DELETE", CLIENTS "/01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02/secrets/x", NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = as_admin(ROWS[i].method, ROWS[i].path, ROWS[i].body);

        expect_problem(response, 404, "not-found", ROWS[i].path);
    }
}

/* --- the list ----------------------------------------------------------------------------- */

Test(clients, the_pages_of_the_list_have_each_client_once)
{
    size_t expected, seen = 0, pages = 0;
    char path[600] = CLIENTS "?limit=2";
    struct test_client client;
    char last[40] = "";

    for (int i = 0; i < 5; i++)
        client_make("participant", "univerbal", NULL, &client);
    expected = count_of("select count(*) from identity.client");
    for (const char *next = path; next != NULL; pages++) {
        CLEANUP(response_freep) struct response *page = as_admin("GET", path, NULL);
        const json_t *item;
        size_t i;

        cr_assert_eq(page->status, 200, "%s", page->body);
        json_array_foreach (response_at(page, "/data"), i, item) {
            const char *id = json_string_value(json_object_get(item, "id"));

            cr_assert_gt(strcmp(id, last), 0, "in order");
            (void)snprintf(last, sizeof(last), "%s", id);
            seen++;
        }
        next = json_string_value(response_at(page, "/page/next"));
        (void)snprintf(path, sizeof(path), CLIENTS "?limit=2&cursor=%s", next == NULL ? "" : next);
        cr_assert_lt(pages, 1000);
    }
    cr_assert_geq(seen, expected, "others may have come meanwhile");
    cr_assert_geq(pages, 3);
}

Test(clients, a_bad_page_is_refused)
{
    static const char *const ROWS[][2] = {
        {"?limit=0", "invalid-parameter"},         {"?limit=101", "invalid-parameter"},
        {"?cursor=abc", "invalid-cursor"},         {"?cursor=", "invalid-cursor"},
        {"?limit=1&limit=2", "invalid-parameter"}, {"?q=x", "invalid-parameter"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), CLIENTS "%s", ROWS[i][0]);
        response = as_admin("GET", path, NULL);
        expect_problem(response, 400, ROWS[i][1], ROWS[i][0]);
    }
}

/* Checks H9, H24. */
Test(clients, private_answers_are_neither_kept_nor_compressed)
{
    struct test_client client;
    CLEANUP(response_freep) struct response *list = NULL;
    CLEANUP(response_freep) struct response *refused = NULL;

    for (int i = 0; i < 4; i++)
        client_make("participant", "univerbal", NULL, &client);
    list = http_as(token_for("admin", NULL), "GET", CLIENTS "?limit=100",
                   (const char *const[]){"Accept-Encoding: gzip, br, zstd", NULL}, NULL);
    cr_assert_eq(list->status, 200);
    cr_assert_gt(list->body_bytes, 1024);
    cr_assert_null(response_header(list, "Content-Encoding"));
    cr_assert_str_eq(response_header(list, "Cache-Control"), "no-store");
    refused = http_as(token_for("admin", NULL), "GET", CLIENTS "?limit=100",
                      (const char *const[]){"Accept-Encoding: gzip, identity;q=0", NULL}, NULL);
    expect_problem(refused, 406, "not-acceptable", "compressed or not at all");

    CLEANUP(response_freep) struct response *nobody = http_get(CLIENTS "?limit=100");

    expect_problem(nobody, 401, "unauthenticated", "the same address, after that");
    cr_assert_str_eq(response_header(nobody, "Cache-Control"), "no-store");
}
