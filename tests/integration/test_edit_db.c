/*
 * Editing, below HTTP: the engine on a connection like the server's, as the role
 * express_writer, on behalf of callers of every kind. What a handler might forget to
 * check is left out here on purpose, so that it is seen what the engine and the
 * policies of the database make of it.
 */
#include "auth/caller.h"
#include "base/arena.h"
#include "base/embedded.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "contract/schema.h"
#include "db/db.h"
#include "record/edit.h"
#include "record/model.h"
#include "support/database.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(edit_db, .fini = test_ends_without_leaks, .timeout = 120);

#define SQL_BYTES 2048
#define JSON_BYTES (1024 * 1024)
#define ARENA_BYTES (32u * 1024 * 1024)

/* --- one database for all tests, a copy of the founding catalogue ------------------------------
 */

static char database_name[64];

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    char *what = NULL;
    char *url;

    (void)tests;
    (void)snprintf(database_name, sizeof(database_name), "edit_%ld", (long)getpid());
    if (!test_database_copy(database_name, &what)) {
        (void)printf("Bail out! %s\n", what);
        (void)fflush(stdout);
        _exit(1);
    }
    url = test_database_url(database_name);
    (void)setenv("API_DATABASE_URL", url, 1);
    free(url);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    char *what = NULL;

    (void)stats;
    if (!test_database_drop(database_name, &what))
        (void)fprintf(stderr, "%s\n", what);
    free(what);
}

/* --- a workshop: contract, model, connections ----------------------------------------------------
 */

struct workshop {
    struct contract *contract;
    struct model *model;
    struct db_pool *pool;
    char organisations[2][UUID_TEXT_BYTES]; /* A and B of the tests */
};

static void value_of(char *value, size_t size, const char *format, ...) PRINTF_LIKE(3, 4);
static void value_of(char *value, size_t size, const char *format, ...)
{
    char sql[SQL_BYTES];
    va_list arguments;
    char *found;

    va_start(arguments, format);
    cr_assert_lt(vsnprintf(sql, sizeof(sql), format, arguments), (int)sizeof(sql));
    va_end(arguments);
    found = test_database_value(sql);
    (void)snprintf(value, size, "%s", found == NULL ? "(null)" : found);
    free(found);
}

/* What the database holds, seen by its superuser. */
#define expect_value(expected, ...)                                                                \
    do {                                                                                           \
        char value_[SQL_BYTES];                                                                    \
        value_of(value_, sizeof(value_), __VA_ARGS__);                                             \
        cr_expect_str_eq(value_, expected, "%s instead of %s", value_, expected);                  \
    } while (0)

static struct workshop open_workshop(void)
{
    struct workshop workshop = {0};
    const struct db_pool_settings settings = {
        .url = getenv("API_DATABASE_URL"),
        .role = "express_writer",
        .application = "express-test",
        .size = 8,
        .waiters_max = 8,
        .wait_ms = 1000,
        .statement_ms = 5000,
        .lock_ms = 500,
        .statements_max = 200,
    };
    char *what = NULL;

    cr_assert_eq(contract_new((const char *)EMBEDDED_OPENAPI_JSON.bytes,
                              EMBEDDED_OPENAPI_JSON.size_bytes, &workshop.contract, &what),
                 0);
    cr_assert_eq(model_new(workshop.contract, &workshop.model), 0);
    cr_assert_eq(db_pool_new(&settings, &workshop.pool), 0);
    for (int i = 0; i < 2; i++)
        value_of(workshop.organisations[i], UUID_TEXT_BYTES,
                 "select id from catalogue.record where resource = 'organisations' "
                 "order by slug offset %d limit 1",
                 i);
    return workshop;
}

static void close_workshop(struct workshop *workshop)
{
    db_pool_free(workshop->pool);
    model_free(workshop->model);
    contract_free(workshop->contract);
}

/* --- a session: one transaction of one caller
 * ------------------------------------------------------ */

struct session {
    struct workshop *workshop;
    struct db *db;
    struct arena arena;
    struct problem problem;
    struct caller caller;
    struct edit edit;
    struct edit_record record;
    struct text json;
};

static struct caller caller_of(const struct workshop *workshop, enum caller_role role,
                               int organisation)
{
    struct caller caller = {.role = role, .name = "test"};

    if (organisation >= 0)
        (void)snprintf(caller.organisation_id, sizeof(caller.organisation_id), "%s",
                       workshop->organisations[organisation]);
    (void)snprintf(caller.scopes, sizeof(caller.scopes), "%s", caller_role_scopes(role));
    return caller;
}

/* Initialised in place: its parts point to one another. */
static void session_begin(struct session *session, struct workshop *workshop, enum caller_role role,
                          int organisation)
{
    *session = (struct session){.workshop = workshop};
    arena_init(&session->arena, ARENA_BYTES);
    text_init(&session->json, JSON_BYTES);
    session->caller = caller_of(workshop, role, organisation);
    cr_assert_eq(db_lease(workshop->pool, &session->db), 0);
    cr_assert_eq(caller_begin(session->db, &session->caller, "test"), 0);
    session->edit = (struct edit){.model = workshop->model,
                                  .db = session->db,
                                  .arena = &session->arena,
                                  .caller = &session->caller,
                                  .problem = &session->problem};
}

static void session_drop(struct session *session)
{
    edit_deinit(&session->record);
    db_release(session->db);
    text_deinit(&session->json);
    arena_deinit(&session->arena);
}

static const char *told(struct session *session)
{
    const struct problem *problem = &session->problem;

    text_clear(&session->json);
    text_append_format(&session->json, "%s %s; %s %s", problem->code, problem->detail,
                       db_sqlstate(session->db), db_constraint(session->db));
    for (size_t i = 0; i < problem->error_count && i < FAULTS_MAX; i++)
        text_append_format(&session->json, "\n%s %s: %s", problem->errors[i].pointer,
                           problem->errors[i].code, problem->errors[i].detail);
    return session->json.bytes;
}

static void must_at(struct session *session, int r, int line)
{
    if (r != 0)
        cr_assert_fail("line %d: %d %s", line, r, told(session));
}
#define must(session, r) must_at(session, r, __LINE__)

static void session_end(struct session *session)
{
    must(session, db_commit(session->db));
    session_drop(session);
}

static const struct resource *resource_of(const struct session *session, const char *path)
{
    const struct resource *resource = contract_resource_find(session->workshop->contract, path);

    cr_assert_not_null(resource);
    return resource;
}

static json_t *json_of(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

    cr_assert_not_null(json, "%s: %s", text, error.text);
    return json;
}

static int create(struct session *session, const char *path, const char *json)
{
    json_auto_t *data = json_of(json);

    edit_deinit(&session->record);
    return edit_create(&session->edit, resource_of(session, path), data, &session->record);
}

static int find(struct session *session, const char *path, const char *name)
{
    edit_deinit(&session->record);
    return edit_find(&session->edit, resource_of(session, path), name, &session->record);
}

static int patch(struct session *session, const char *json)
{
    json_auto_t *merge = json_of(json);

    return edit_patch(&session->edit, &session->record, merge);
}

static int replace(struct session *session, const char *json)
{
    json_auto_t *data = json_of(json);

    return edit_replace(&session->edit, &session->record, data);
}

/* The working copy as it is shown, which obeys the contract; until the session ends. */
static json_t *shown(struct session *session)
{
    struct problem problem = {0};
    json_t *json;

    text_clear(&session->json);
    must(session, edit_append_json(&session->edit, &session->record, false, &session->json));
    json = json_of(session->json.bytes);
    if (!schema_check(session->record.resource->schema, json, "", &session->arena, &problem))
        cr_assert_fail("%s: %s %s", session->json.bytes, problem.errors[0].pointer,
                       problem.errors[0].detail);
    return json;
}

static bool has_error(const struct session *session, const char *pointer, const char *code)
{
    for (size_t i = 0; i < session->problem.error_count && i < FAULTS_MAX; i++)
        if (strcmp(session->problem.errors[i].pointer, pointer) == 0 &&
            strcmp(session->problem.errors[i].code, code) == 0)
            return true;
    return false;
}

/* A practice of an organisation, committed in one transaction by its partner; its id. */
static void make_draft(struct workshop *workshop, int organisation, const char *title,
                       char ret_id[UUID_TEXT_BYTES])
{
    struct session session;
    char json[SQL_BYTES];

    session_begin(&session, workshop, CALLER_PARTNER, organisation);
    (void)snprintf(json, sizeof(json), "{\"title\": \"%s\", \"summary\": \"A test.\"}", title);
    must(&session, create(&session, "practices", json));
    (void)snprintf(ret_id, UUID_TEXT_BYTES, "%s", session.record.id);
    session_end(&session);
}

/* One step by somebody, committed. */
static void take(struct workshop *workshop, enum caller_role role, int organisation,
                 const char *path, const char *name, enum edit_step step)
{
    struct session session;

    session_begin(&session, workshop, role, organisation);
    must(&session, find(&session, path, name));
    must(&session, edit_take(&session.edit, &session.record, step, "Because."));
    session_end(&session);
}

static void make_public(struct workshop *workshop, int organisation, const char *title,
                        char ret_id[UUID_TEXT_BYTES])
{
    make_draft(workshop, organisation, title, ret_id);
    take(workshop, CALLER_PARTNER, organisation, "practices", ret_id, EDIT_SUBMIT);
    take(workshop, CALLER_EDITOR, -1, "practices", ret_id, EDIT_PUBLISH);
}

/* --- creating
 * -------------------------------------------------------------------------------------- */

Test(edit_db, a_partner_creates_a_draft_that_nobody_else_sees)
{
    struct workshop workshop = open_workshop();
    struct session session;
    char id[UUID_TEXT_BYTES];
    json_auto_t *copy = NULL;

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, create(&session, "practices",
                          "{\"title\": \"Café für Alle\", \"summary\": \"Coffee.\", "
                          "\"organisations\": [\"anvita\"], "
                          "\"location\": {\"lat\": 52.5, \"lon\": 13.25}}"));
    (void)snprintf(id, sizeof(id), "%s", session.record.id);
    cr_expect_str_eq(session.record.slug, "cafe-fur-alle");
    cr_expect_str_eq(session.record.status, "draft");
    cr_expect_eq(session.record.version, 1);
    cr_expect_str_eq(session.record.owner_id, workshop.organisations[0]);
    copy = shown(&session);
    session_end(&session);

    expect_value("draft 1 1 (null)",
                 "select concat_ws(' ', status, version, latest, "
                 "coalesce(first_published_at::text, '(null)')) from catalogue.record "
                 "where id = '%s'",
                 id);
    expect_value("create partner {language,location,organisations,owner,slug,summary,title}",
                 "select concat_ws(' ', action, role, changed) from catalogue.version "
                 "where record_id = '%s'",
                 id);
    expect_value("0", "select count(*) from catalogue.change where record_id = '%s'", id);
    expect_value("0", "select count(*) from published.practices where id = '%s'", id);

    session_begin(&session, &workshop, CALLER_PARTNER, 1);
    cr_expect_eq(find(&session, "practices", id), EDIT_NOT_FOUND);
    cr_expect_eq(find(&session, "practices", "cafe-fur-alle"), EDIT_NOT_FOUND);
    session_drop(&session);
    session_begin(&session, &workshop, CALLER_ANONYMOUS, -1);
    cr_expect_eq(edit_look(&session.edit, resource_of(&session, "practices"), id, &session.record),
                 EDIT_NOT_FOUND);
    session_drop(&session);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, find(&session, "practices", id));
    session_drop(&session);
    close_workshop(&workshop);
}

/* Checks V5, V6, Z5. */
Test(edit_db, every_fault_is_told_at_once_by_its_pointer)
{
    struct workshop workshop = open_workshop();
    struct session session;

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    cr_expect_eq(create(&session, "practices",
                        "{\"title\": 7, \"id\": \"01997b2c-9a40-7c13-8f5e-2b6d1c0e4a71\", "
                        "\"version\": 3, \"status\": \"published\", \"sumary\": \"x\", "
                        "\"links\": {}, \"languages_count\": 3000000000, "
                        "\"organisations\": [\"anvit\"], "
                        "\"translations\": [{\"language\": \"fr\", \"property\": \"country\", "
                        "\"text\": \"x\", \"origin\": \"author\"}]}"),
                 EDIT_INVALID);
    cr_expect_str_eq(session.problem.code, "validation-failed");
    cr_expect(has_error(&session, "/title", "wrong-type"));
    cr_expect(has_error(&session, "/id", "read-only"));
    cr_expect(has_error(&session, "/version", "read-only"));
    cr_expect(has_error(&session, "/status", "read-only"));
    cr_expect(has_error(&session, "/links", "read-only"));
    cr_expect(has_error(&session, "/sumary", "unknown-member"));
    cr_expect(has_error(&session, "/summary", "required"));
    cr_expect(has_error(&session, "/languages_count", "too-large"));
    cr_expect(has_error(&session, "/organisations/0", "unknown-reference"));
    cr_expect(has_error(&session, "/translations/0/property", "not-translatable"));
    cr_expect_eq(session.problem.error_count, 10, "%s", told(&session));
    session_drop(&session);
    close_workshop(&workshop);
}

/* --- the way to publication
 * ------------------------------------------------------------------------ */

Test(edit_db, a_record_goes_its_way_to_the_public_and_its_history_tells)
{
    struct workshop workshop = open_workshop();
    struct session session;
    char id[UUID_TEXT_BYTES];

    make_public(&workshop, 0, "On its way", id);
    expect_value("published 3 3",
                 "select concat_ws(' ', status, version, latest) from "
                 "catalogue.record where id = '%s'",
                 id);
    expect_value("create submit publish",
                 "select string_agg(action, ' ' order by version) from "
                 "catalogue.version where record_id = '%s'",
                 id);
    expect_value("created 3",
                 "select string_agg(kind || ' ' || version, ', ') from "
                 "catalogue.change where record_id = '%s'",
                 id);
    expect_value("on-its-way", "select slug from published.practices_documents where id = '%s'",
                 id);

    /* An editor's change is public at once, a partner's waits. */
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, find(&session, "practices", "on-its-way"));
    must(&session, patch(&session, "{\"summary\": \"By an editor.\", \"slug\": \"its-way\"}"));
    cr_expect_eq(session.record.version, 4);
    cr_expect_eq(session.record.live_version, 4);
    cr_expect_eq(session.record.changed_count, 2);
    session_end(&session);
    expect_value("By an editor.", "select document::json->>'summary' from "
                                  "published.practices_documents where slug = 'its-way'");
    expect_value("on-its-way", "select slug from published.moved where id = '%s'", id);

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, find(&session, "practices", "on-its-way"));
    must(&session, patch(&session, "{\"summary\": \"By a partner.\"}"));
    cr_expect_str_eq(session.record.status, "published");
    cr_expect_str_eq(session.record.review, "in_review");
    cr_expect_eq(session.record.live_version, 4);
    json_decref(shown(&session));
    session_end(&session);
    expect_value("By an editor. 4",
                 "select (document::json->>'summary') || ' ' || "
                 "(document::json->>'version') from published.practices_documents "
                 "where slug = 'its-way'");

    take(&workshop, CALLER_EDITOR, -1, "practices", id, EDIT_RETURN);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, find(&session, "practices", id));
    cr_expect_str_eq(session.record.review, "returned");
    cr_expect_str_eq(session.record.reason, "Because.");
    cr_expect_null(session.record.public_etag);
    json_decref(shown(&session));
    session_end(&session);
    take(&workshop, CALLER_PARTNER, 0, "practices", id, EDIT_SUBMIT);
    take(&workshop, CALLER_EDITOR, -1, "practices", id, EDIT_PUBLISH);
    expect_value("By a partner. 8",
                 "select (document::json->>'summary') || ' ' || "
                 "(document::json->>'version') from published.practices_documents "
                 "where slug = 'its-way'");
    take(&workshop, CALLER_EDITOR, -1, "practices", id, EDIT_ARCHIVE);
    expect_value("0", "select count(*) from published.practices where id = '%s'", id);
    expect_value("its-way", "select slug from published.gone where id = '%s'", id);
    expect_value("created updated updated deleted",
                 "select string_agg(kind, ' ' order by seq) "
                 "from catalogue.change where record_id = '%s'",
                 id);
    close_workshop(&workshop);
}

Test(edit_db, replacing_leaves_nothing_of_what_was)
{
    struct workshop workshop = open_workshop();
    struct session session;
    char id[UUID_TEXT_BYTES];

    make_draft(&workshop, 0, "To be replaced", id);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, find(&session, "practices", id));
    must(&session, patch(&session, "{\"countries\": [\"DE\"], \"web_links\": "
                                   "[{\"url\": \"https://example.org/\", \"label\": \"x\"}], "
                                   "\"organisations\": [\"anvita\"]}"));
    must(&session, replace(&session, "{\"title\": \"Replaced\", \"summary\": \"Anew.\"}"));
    cr_expect_str_eq(session.record.slug, "to-be-replaced");
    json_decref(shown(&session));
    session_end(&session);
    expect_value("0 0",
                 "select concat_ws(' ', (select count(*) from catalogue.practices_web_links "
                 "where record_id = '%s'), (select count(*) from catalogue.practices_organisations "
                 "where record_id = '%s'))",
                 id, id);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, find(&session, "practices", id));
    must(&session, replace(&session, "{\"title\": \"Replaced\", \"summary\": \"Anew.\"}"));
    cr_expect(session.record.is_unchanged);
    session_end(&session);
    expect_value("3", "select max(version) from catalogue.version where record_id = '%s'", id);
    close_workshop(&workshop);
}
