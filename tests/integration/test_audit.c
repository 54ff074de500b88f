/* The audit log over HTTP: what is in it, who may read it, and that nothing goes without it. */
#include "base/annotate.h"
#include "base/text.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/server.h"
#include "support/tokens.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(audit, .fini = test_ends_without_leaks, .timeout = 300);

#define AUDIT "/v1/audit"
#define PATH_BYTES 4096
#define UNKNOWN_ID "00000000-0000-4000-8000-000000000001"

static struct response *read_log(const char *query)
{
    char path[PATH_BYTES];

    cr_assert_lt(snprintf(path, sizeof(path), AUDIT "%s", query), (int)sizeof(path));
    return http_as(token_for("admin", NULL), "GET", path, NULL, NULL);
}

static size_t count_of(const char *sql)
{
    char *value = test_database_value(sql);
    size_t count = (size_t)strtoul(value == NULL ? "0" : value, NULL, 10);

    free(value);
    return count;
}

/* --- who may read it ------------------------------------------------------------------------ */

/* Checks A1. */
Test(audit, administrators_alone_read_the_log)
{
    static const char *const ROLES[] = {"participant", "partner", "coordinator", "editor"};
    CLEANUP(response_freep) struct response *nobody = http_as(NULL, "GET", AUDIT, NULL, NULL);
    CLEANUP(response_freep) struct response *admin = read_log("");
    CLEANUP(response_freep)
    struct response *narrow =
        http_as(token_with_scopes("admin", NULL, "read write review"), "GET", AUDIT, NULL, NULL);

    cr_assert_eq(nobody->status, 401);
    for (size_t i = 0; i < ARRAY_LENGTH(ROLES); i++) {
        CLEANUP(response_freep)
        struct response *response =
            http_as(token_for(ROLES[i], "univerbal"), "GET", AUDIT, NULL, NULL);

        cr_assert_eq(response->status, 403, "%s", ROLES[i]);
        cr_assert_str_eq(response_text_at(response, "/type"), "/problems/forbidden", "%s",
                         ROLES[i]);
    }
    cr_assert_eq(narrow->status, 403);
    cr_assert_str_eq(response_text_at(narrow, "/type"), "/problems/insufficient-scope");
    cr_assert_eq(admin->status, 200, "%s", admin->body);
    cr_assert_str_eq(response_header(admin, "Cache-Control"), "no-store");
}

Test(audit, who_reads_the_log_is_in_it)
{
    static const char *const HEADERS[] = {"X-Request-Id: audit-who-reads", NULL};
    CLEANUP(response_freep)
    struct response *first = http_as(token_for("admin", NULL), "GET", AUDIT, HEADERS, NULL);
    char *line;

    cr_assert_eq(first->status, 200);
    line = test_database_value("select string_agg(concat_ws(' ', action, role, resource, record_id,"
                               " properties), ',') from audit.entry "
                               "where request_id = 'audit-who-reads'");
    cr_assert_str_eq(line, "audit.read admin", "one entry, and no more in it");
    free(line);
    cr_assert_null(strstr(first->body, "audit-who-reads"), "what is read comes before it");
}

/* --- what it shows -----------------------------------------------------------------------------
 */

/* Entries of this test alone: of a record that no other test knows. */
static void make_entries(const char *record, int count)
{
    char sql[1024];

    (void)snprintf(sql, sizeof(sql),
                   "set express.role = 'editor'; set express.client = '%s'; "
                   "set express.request = 'made-by-test'; "
                   "select audit.append(case when i %% 2 = 0 then 'record.publish' else "
                   "'working-copy.read' end, 'practices', '%s', i, case when i = 1 then "
                   "array['title', 'summary'] end) from generate_series(1, %d) i",
                   UNKNOWN_ID, record, count);
    test_database_run(sql);
}

Test(audit, an_entry_shows_ids_and_names_of_properties)
{
    static const char RECORD[] = "00000000-0000-4000-8000-0000000000e1";
    CLEANUP(response_freep) struct response *response = NULL;

    make_entries(RECORD, 1);
    response = read_log("?record=00000000-0000-4000-8000-0000000000e1");
    cr_assert_eq(response->status, 200, "%s", response->body);
    cr_assert_eq(json_array_size(response_at(response, "/data")), 1);
    cr_assert_str_eq(response_text_at(response, "/data/0/action"), "working-copy.read");
    cr_assert_str_eq(response_text_at(response, "/data/0/role"), "editor");
    cr_assert_str_eq(response_text_at(response, "/data/0/client_id"), UNKNOWN_ID);
    cr_assert_str_eq(response_text_at(response, "/data/0/resource"), "practices");
    cr_assert_str_eq(response_text_at(response, "/data/0/record_id"), RECORD);
    cr_assert_str_eq(response_text_at(response, "/data/0/request_id"), "made-by-test");
    cr_assert_eq(json_integer_value(response_at(response, "/data/0/version")), 1);
    cr_assert_str_eq(response_text_at(response, "/data/0/properties/1"), "summary");
    cr_assert(json_is_null(response_at(response, "/page/next")));
}

Test(audit, pages_show_each_entry_once_the_newest_first)
{
    char query[PATH_BYTES] = "";
    char cursor[2000] = "";
    size_t seen = 0;
    int pages = 0;

    make_entries("00000000-0000-4000-8000-0000000000e2", 25);
    do {
        CLEANUP(response_freep) struct response *response = NULL;
        const json_t *entry;
        const json_t *next;
        size_t i;

        cr_assert_lt(snprintf(query, sizeof(query),
                              "?record=00000000-0000-4000-8000-0000000000e2&limit=10%s%s",
                              cursor[0] == '\0' ? "" : "&cursor=", cursor),
                     (int)sizeof(query));
        response = read_log(query);
        cr_assert_eq(response->status, 200, "%s", response->body);
        json_array_foreach (response_at(response, "/data"), i, entry) {
            cr_assert_eq(json_integer_value(json_object_get(entry, "version")), 25 - (int)seen,
                         "entry %zu", seen);
            seen++;
        }
        next = response_at(response, "/page/next");
        (void)snprintf(cursor, sizeof(cursor), "%s",
                       json_is_string(next) ? json_string_value(next) : "");
        cr_assert_eq(strstr(response_header(response, "Link"), "rel=\"next\"") != NULL,
                     cursor[0] != '\0');
        pages++;
    } while (cursor[0] != '\0');
    cr_assert_eq(seen, 25);
    cr_assert_eq(pages, 3);
}

Test(audit, filters_find_what_they_say)
{
    static const struct {
        const char *query;
        size_t count;
    } ROWS[] = {
        {"", 4},
        {"&action=record.publish", 2},
        {"&action=record.publish,working-copy.read", 4},
        {"&action=record.archive", 0},
        {"&client=" UNKNOWN_ID, 4},
        {"&client=00000000-0000-4000-8000-000000000002", 0},
        {"&role=editor", 4},
        {"&role=admin,editor", 4},
        {"&role=system", 0},
        {"&after=2020-01-01", 4},
        {"&after=2020-01-01T00:00:00Z&before=2999-12-31T23:59:59.5%2B02:00", 4},
        {"&before=2020-01-01", 0},
        {"&after=2999-01-01", 0},
    };

    make_entries("00000000-0000-4000-8000-0000000000E3", 4);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char query[PATH_BYTES];

        (void)snprintf(query, sizeof(query), "?record=00000000-0000-4000-8000-0000000000e3%s",
                       ROWS[i].query);
        response = read_log(query);
        cr_assert_eq(response->status, 200, "%s: %s", ROWS[i].query, response->body);
        cr_assert_eq(json_array_size(response_at(response, "/data")), ROWS[i].count, "%s",
                     ROWS[i].query);
    }
}

/* Checks V13, V14, V15, Z12, Z24. */
Test(audit, what_does_not_fit_is_refused_by_name)
{
    static const struct {
        const char *query, *parameter;
    } ROWS[] = {
        {"?client=x", "client"},
        {"?client=", "client"},
        {"?record=urn:uuid:" UNKNOWN_ID, "record"},
        {"?action=Record", "action"},
        {"?action=record.publish,", "action"},
        {"?action=a..b", "action"},
        {"?role=boss", "role"},
        {"?role=editor,", "role"},
        {"?after=yesterday", "after"},
        {"?after=2026-02-30", "after"},
        {"?after=2026-01-01T00:00:00", "after"},
        {"?before=0000-01-01", "before"},
        {"?before=2026-01-01T00:00:00%2B20:00", "before"},
        {"?limit=0", "limit"},
        {"?limit=101", "limit"},
        {"?limit=ten", "limit"},
        {"?role=editor&role=admin", "role"},
        {"?subject=x", "subject"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = read_log(ROWS[i].query);

        cr_assert_eq(response->status, 400, "%s: %d", ROWS[i].query, response->status);
        cr_assert_str_eq(response_text_at(response, "/type"), "/problems/invalid-parameter", "%s",
                         ROWS[i].query);
        cr_assert_str_eq(response_text_at(response, "/errors/0/parameter"), ROWS[i].parameter, "%s",
                         ROWS[i].query);
    }
}

/* Checks V15, Z24. */
Test(audit, a_cursor_fits_who_got_it_and_the_filters_it_was_got_with)
{
    CLEANUP(response_freep) struct response *page = NULL, *other = NULL, *list = NULL;
    char query[PATH_BYTES];
    const char *next;

    make_entries("00000000-0000-4000-8000-0000000000e4", 3);
    page = read_log("?record=00000000-0000-4000-8000-0000000000e4&limit=1");
    next = response_text_at(page, "/page/next");
    (void)snprintf(query, sizeof(query),
                   "?record=00000000-0000-4000-8000-0000000000e4&role=editor&cursor=%s", next);
    other = read_log(query);
    cr_assert_eq(other->status, 400);
    cr_assert_str_eq(response_text_at(other, "/type"), "/problems/invalid-cursor");
    (void)snprintf(query, sizeof(query), "/v1/practices?cursor=%s", next);
    list = http_get(query);
    cr_assert_eq(list->status, 400);
    for (size_t i = 0; i < strlen(next); i += 7) {
        CLEANUP(response_freep) struct response *forged = NULL;
        int length =
            snprintf(query, sizeof(query), "?record=00000000-0000-4000-8000-0000000000e4&cursor=");

        (void)snprintf(query + length, sizeof(query) - (size_t)length, "%s", next);
        query[(size_t)length + i] = next[i] == 'A' ? 'B' : 'A';
        forged = read_log(query);
        cr_assert_eq(forged->status, 400, "character %zu: %d", i, forged->status);
    }
}

/* --- nothing goes without it --------------------------------------------------------------------
 */

/* Answers 500, which no contract declares. */
static struct response *send_to_fail(const char *method, const char *path, const char *body)
{
    char authorization[PATH_BYTES];
    char url[PATH_BYTES];

    (void)snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s",
                   token_for("admin", NULL));
    (void)snprintf(url, sizeof(url), "%s%s", getenv("API_URL"), path);
    return http_send_unchecked(method, url,
                               (const char *const[]){authorization, "X-Request-Id: audit-must-fail",
                                                     "Content-Type: application/json", NULL},
                               body, body == NULL ? 0 : strlen(body));
}

/* Checks P12. */
Test(audit, what_cannot_be_noted_is_not_done)
{
    CLEANUP(response_freep) struct response *made = NULL, *read = NULL, *listed = NULL;

    test_database_run("alter table audit.entry add constraint fails_for_test "
                      "check (request_id is distinct from 'audit-must-fail') not valid");
    made = send_to_fail("POST", "/v1/clients",
                        "{\"name\":\"Never\",\"role\":\"partner\","
                        "\"organisation\":\"univerbal\"}");
    read = send_to_fail("GET", AUDIT, NULL);
    listed = send_to_fail("GET", "/v1/clients", NULL);
    test_database_run("alter table audit.entry drop constraint fails_for_test");
    cr_assert_eq(made->status, 500, "%s", made->body);
    cr_assert_eq(read->status, 500, "%s", read->body);
    cr_assert_eq(listed->status, 500, "%s", listed->body);
    cr_assert_null(strstr(read->body, "chain"), "nothing of what was read is shown");
    cr_assert_eq(count_of("select count(*) from identity.client where name = 'Never'"), 0);
}
