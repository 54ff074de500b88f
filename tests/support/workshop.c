#include "support/workshop.h"

#include "base/embedded.h"
#include "contract/contract.h"
#include "contract/schema.h"
#include "record/model.h"
#include "support/database.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SQL_BYTES 4096
#define JSON_BYTES (1024 * 1024)
#define ARENA_BYTES (32u * 1024 * 1024)

static char database_name[64];

void workshop_before_all(void)
{
    char *what = NULL;
    char *url;

    (void)snprintf(database_name, sizeof(database_name), "workshop_%ld", (long)getpid());
    if (!test_database_copy(database_name, &what)) {
        (void)printf("Bail out! %s\n", what);
        (void)fflush(stdout);
        _exit(1);
    }
    url = test_database_url(database_name);
    (void)setenv("API_DATABASE_URL", url, 1);
    free(url);
}

void workshop_after_all(void)
{
    char *what = NULL;

    if (!test_database_drop(database_name, &what))
        (void)fprintf(stderr, "%s\n", what);
    free(what);
}

const char *workshop_value(const char *format, ...)
{
    static _Thread_local char value[SQL_BYTES];
    char sql[SQL_BYTES];
    va_list arguments;
    char *found;

    va_start(arguments, format);
    cr_assert_lt(vsnprintf(sql, sizeof(sql), format, arguments), (int)sizeof(sql));
    va_end(arguments);
    found = test_database_value(sql);
    (void)snprintf(value, sizeof(value), "%s", found == NULL ? "(null)" : found);
    free(found);
    return value;
}

struct workshop workshop_open(void)
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
    for (int i = 0; i < WORKSHOP_ORGANISATIONS; i++)
        (void)snprintf(workshop.organisations[i], UUID_TEXT_BYTES, "%s",
                       workshop_value("select id from catalogue.record where resource = "
                                      "'organisations' and deleted_at is null "
                                      "order by created_at, slug offset %d limit 1",
                                      i));
    return workshop;
}

void workshop_close(struct workshop *workshop)
{
    db_pool_free(workshop->pool);
    model_free(workshop->model);
    contract_free(workshop->contract);
}

/* --- sessions
 * -------------------------------------------------------------------------------------- */

void session_begin(struct session *session, struct workshop *workshop, enum caller_role role,
                   int organisation)
{
    *session = (struct session){.workshop = workshop};
    arena_init(&session->arena, ARENA_BYTES);
    text_init(&session->json, JSON_BYTES);
    session->caller = (struct caller){.role = role, .name = "test"};
    if (organisation >= 0)
        (void)snprintf(session->caller.organisation_id, UUID_TEXT_BYTES, "%s",
                       workshop->organisations[organisation]);
    (void)snprintf(session->caller.scopes, CALLER_SCOPES_BYTES, "%s", caller_role_scopes(role));
    cr_assert_eq(db_lease(workshop->pool, &session->db), 0);
    cr_assert_eq(caller_begin(session->db, &session->caller, "test"), 0);
    session->edit = (struct edit){.model = workshop->model,
                                  .db = session->db,
                                  .arena = &session->arena,
                                  .caller = &session->caller,
                                  .problem = &session->problem};
}

void session_drop(struct session *session)
{
    edit_deinit(&session->record);
    db_release(session->db);
    text_deinit(&session->json);
    arena_deinit(&session->arena);
}

void session_commit(struct session *session)
{
    must(session, db_commit(session->db));
    session_drop(session);
}

static const char *plain(const char *text)
{
    return text == NULL ? "" : text;
}

const char *session_told(struct session *session)
{
    const struct problem *problem = &session->problem;

    text_clear(&session->json);
    text_append_format(&session->json, "%s %s; %s %s", plain(problem->code), plain(problem->detail),
                       db_sqlstate(session->db), db_constraint(session->db));
    for (size_t i = 0; i < problem->error_count && i < FAULTS_MAX; i++)
        text_append_format(&session->json, "\n%s %s: %s", plain(problem->errors[i].pointer),
                           problem->errors[i].code, problem->errors[i].detail);
    return session->json.bytes;
}

bool session_has_error(const struct session *session, const char *pointer, const char *code)
{
    for (size_t i = 0; i < session->problem.error_count && i < FAULTS_MAX; i++)
        if (strcmp(plain(session->problem.errors[i].pointer), plain(pointer)) == 0 &&
            strcmp(session->problem.errors[i].code, code) == 0)
            return true;
    return false;
}

void session_must(struct session *session, int r, const char *file, int line)
{
    if (r != 0)
        cr_assert_fail("%s:%d: %d %s", file, line, r, session_told(session));
}

const struct resource *session_resource(const struct session *session, const char *path)
{
    const struct resource *resource = contract_resource_find(session->workshop->contract, path);

    cr_assert_not_null(resource);
    return resource;
}

static json_t *json_of(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

    if (json == NULL)
        cr_assert_fail("%s: %s", text, error.text);
    return json;
}

/* What is told belongs to the last call. */
static void forget(struct session *session)
{
    session->problem = (struct problem){0};
}

int session_create(struct session *session, const char *path, const char *json)
{
    json_auto_t *data = json_of(json);

    forget(session);
    edit_deinit(&session->record);
    return edit_create(&session->edit, session_resource(session, path), data, &session->record);
}

int session_find(struct session *session, const char *path, const char *name)
{
    forget(session);
    edit_deinit(&session->record);
    return edit_find(&session->edit, session_resource(session, path), name, &session->record);
}

int session_patch(struct session *session, const char *json)
{
    json_auto_t *patch = json_of(json);

    forget(session);
    return edit_patch(&session->edit, &session->record, patch);
}

int session_replace(struct session *session, const char *json)
{
    json_auto_t *data = json_of(json);

    forget(session);
    return edit_replace(&session->edit, &session->record, data);
}

json_t *session_shown(struct session *session)
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

const char *session_shows(struct session *session, const char *path)
{
    json_auto_t *whole = session_shown(session);
    const json_t *at = whole;
    char *dump;

    while (*path != '\0' && at != NULL) {
        char name[64];
        const size_t length = strcspn(path, ".");

        (void)snprintf(name, sizeof(name), "%.*s", (int)length, path);
        at = json_is_array(at) ? json_array_get(at, strtoul(name, NULL, 10))
                               : json_object_get(at, name);
        path += length + (path[length] == '.');
    }
    text_clear(&session->json);
    if (json_is_string(at)) {
        text_append(&session->json, json_string_value(at));
    } else if (at != NULL) {
        dump = json_dumps(at, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
        text_append(&session->json, dump);
        free(dump);
    }
    return session->json.bytes;
}

/* --- whole sessions
 * ---------------------------------------------------------------------------------- */

void workshop_draft(struct workshop *workshop, int organisation, const char *title,
                    const char *json, char ret_id[UUID_TEXT_BYTES])
{
    struct session session;
    char data[SQL_BYTES];

    session_begin(&session, workshop, CALLER_PARTNER, organisation);
    (void)snprintf(data, sizeof(data), "{\"title\": \"%s\", \"summary\": \"A test.\"%s}", title,
                   json);
    must(&session, session_create(&session, "practices", data));
    (void)snprintf(ret_id, UUID_TEXT_BYTES, "%s", session.record.id);
    session_commit(&session);
}

void workshop_take(struct workshop *workshop, enum caller_role role, int organisation,
                   const char *id, enum edit_step step)
{
    struct session session;

    session_begin(&session, workshop, role, organisation);
    must(&session, session_find(&session, "practices", id));
    must(&session, edit_take(&session.edit, &session.record, step, "Because."));
    session_commit(&session);
}

void workshop_publish(struct workshop *workshop, int organisation, const char *title,
                      const char *json, char ret_id[UUID_TEXT_BYTES])
{
    workshop_draft(workshop, organisation, title, json, ret_id);
    workshop_take(workshop, CALLER_PARTNER, organisation, ret_id, EDIT_SUBMIT);
    workshop_take(workshop, CALLER_EDITOR, -1, ret_id, EDIT_PUBLISH);
}

void workshop_patch(struct workshop *workshop, enum caller_role role, int organisation,
                    const char *id, const char *json)
{
    struct session session;

    session_begin(&session, workshop, role, organisation);
    must(&session, session_find(&session, "practices", id));
    must(&session, session_patch(&session, json));
    session_commit(&session);
}
