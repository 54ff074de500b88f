/*
 * Clients
 *
 * The programs that may sign in, for administrators. A secret is told once, in
 * the answer that makes it. There is no If-Match here: each member of a change
 * stands for itself, so that two changes at once can only be made one after the other.
 */
#include "handlers/handlers.h"

#include "application.h"
#include "audit/audit.h"
#include "auth/caller.h"
#include "auth/clients.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/contract.h"
#include "contract/schema.h"
#include "db/db.h"
#include "present.h"
#include "record/cursor.h"
#include "reply.h"
#include "request.h"
#include "settings.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#define RESOURCE "clients"

/* A change in a transaction of its own, by the one who signed in. */
struct work {
    struct request *request;
    struct reply *reply;
    struct problem problem;
    struct db *db;
    struct client client;
    char secret[CLIENT_SECRET_BYTES];
    int slot;
};

/* --- showing ------------------------------------------------------------------------------ */

static void append_time(struct text *text, const char *name, const char *time)
{
    if (time == NULL)
        return;
    text_append_format(text, ",\"%s\":", name);
    text_append_json(text, time);
}

static void append_scopes(struct text *text, const char *scopes)
{
    text_append_char(text, '[');
    for (const char *at = scopes; *at != '\0';) {
        const size_t length = strcspn(at, " ");

        if (at != scopes)
            text_append_char(text, ',');
        text_append_json_bytes(text, at, length);
        at += length;
        at += strspn(at, " ");
    }
    text_append_char(text, ']');
}

static void append_secrets(struct text *text, const struct client *client)
{
    text_append(text, ",\"secrets\":[");
    for (size_t i = 0; i < CLIENT_SECRETS_MAX && client->secrets[i].slot != 0; i++) {
        text_append_format(text, "%s{\"slot\":%d", i == 0 ? "" : ",", client->secrets[i].slot);
        append_time(text, "created_at", client->secrets[i].created_at);
        append_time(text, "last_used_at", client->secrets[i].last_used_at);
        text_append_char(text, '}');
    }
    text_append_char(text, ']');
}

static void append_client(const struct request *request, struct text *text,
                          const struct client *client, const char *secret)
{
    text_append_format(text, "{\"id\":\"%s\",\"name\":", client->id);
    text_append_json(text, client->name);
    text_append_format(text, ",\"organisation\":{\"id\":\"%s\"", client->organisation_id);
    if (client->organisation_slug != NULL) {
        text_append(text, ",\"slug\":");
        text_append_json(text, client->organisation_slug);
    }
    text_append_format(text, "},\"role\":\"%s\",\"scopes\":", caller_role_name(client->role));
    append_scopes(text, client->scopes);
    text_append_format(text, ",\"disabled\":%s", client->disabled_at == NULL ? "false" : "true");
    append_time(text, "disabled_at", client->disabled_at);
    append_time(text, "created_at", client->created_at);
    append_time(text, "last_used_at", client->last_used_at);
    append_secrets(text, client);
    if (secret != NULL) {
        text_append(text, ",\"secret\":");
        text_append_json(text, secret);
    }
    text_append_format(text, ",\"links\":{\"self\":\"%s/v1/clients/%s\"}}",
                       request->application->settings->base_url, client->id);
}

/* --- working ------------------------------------------------------------------------------ */

static int reply_invalid(struct work *work, const char *pointer, const char *code,
                         const char *detail)
{
    problem_set(&work->problem, "validation-failed", NULL);
    problem_add(&work->problem, work->request->arena, pointer, NULL, code, "%s", detail);
    return reply_problem(work->request, work->reply, &work->problem);
}

static int reply_outcome(struct work *work, int outcome)
{
    switch (outcome) {
    case CLIENTS_NOT_FOUND:
        return reply_problem_code(work->request, work->reply, "not-found", NULL);
    case CLIENTS_UNKNOWN_ORGANISATION:
        return reply_invalid(work, "/organisation", "unknown-record",
                             "there is no organisation of this id or slug");
    case CLIENTS_INVALID_SCOPE:
        return reply_invalid(work, "/scopes", "not-allowed",
                             "a client has scopes of its role: read; write, or write: and the name "
                             "of a resource; review; admin");
    case CLIENTS_SECRETS_FULL:
        return reply_problem_code(work->request, work->reply, "too-many-secrets", NULL);
    case CLIENTS_BUSY:
        return reply_problem_code(work->request, work->reply, "overloaded", NULL);
    case DB_FORBIDDEN:
        return reply_problem_code(work->request, work->reply, "forbidden", NULL);
    case DB_CHECK_VIOLATION:
        return reply_problem_code(work->request, work->reply, "validation-failed", NULL);
    default:
        return outcome > 0 ? reply_database(work->request, work->reply, outcome)
                           : fault_fold(outcome);
    }
}

static int note(const struct work *work, const char *action, const char *id,
                const char *const *properties, size_t property_count)
{
    const struct audit_entry entry = {.action = action,
                                      .resource = RESOURCE,
                                      .record_id = id,
                                      .properties = properties,
                                      .property_count = property_count};

    return audit_append(work->db, &entry);
}

/*
 * Lease, begin, @step, commit. @step answers nothing: its result becomes the answer, or 0 lets
 * the caller make one.
 */
static int work_run(struct work *work, int (*step)(struct work *work), bool *ret_is_done)
{
    const struct request *request = work->request;
    int r = db_lease(request->application->private_pool, &work->db);

    *ret_is_done = false;
    if (r == 0)
        r = caller_begin(work->db, &request->caller, request->id);
    if (r == 0)
        r = step(work);
    if (r == 0)
        r = db_commit(work->db);
    db_release(work->db); /* rolls back what was not committed */
    work->db = NULL;
    if (r != 0)
        return reply_outcome(work, r);
    *ret_is_done = true;
    return 0;
}

static struct work *work_new(struct request *request, struct reply *reply)
{
    struct work *work = arena_alloc(request->arena, sizeof(*work));

    if (work != NULL) {
        work->request = request;
        work->reply = reply;
    }
    return work;
}

/* The body by its schema; false: answered. */
static bool is_valid_body(struct work *work, const char *schema, int *ret_result)
{
    struct request *request = work->request;
    const struct schema *rule = contract_request(request->application->contract, schema);

    assert(rule != NULL);
    problem_set(&work->problem, "validation-failed", NULL);
    if (schema_check(rule, request->body, "", request->arena, &work->problem))
        return true;
    *ret_result = reply_problem(request, work->reply, &work->problem);
    return false;
}

static const char *body_text(const struct request *request, const char *name)
{
    return json_string_value(json_object_get(request->body, name));
}

/* ["read", "write"] as "read write"; NULL when absent, "" when null. */
static const char *body_scopes(struct request *request)
{
    const json_t *list = json_object_get(request->body, "scopes");
    const char *scopes = "";

    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < json_array_size(list) && scopes != NULL; i++)
        scopes = arena_format(request->arena, "%s%s%s", scopes, i == 0 ? "" : " ",
                              json_string_value(json_array_get(list, i)));
    return scopes;
}

/* The contract lists the roles, so that one is found. */
static enum caller_role body_role(const struct request *request)
{
    enum caller_role role = CALLER_PARTICIPANT;
    const bool found = caller_role_of(body_text(request, "role"), &role);

    assert(found);
    return role;
}

static int reply_client(struct work *work, const char *secret)
{
    append_client(work->request, &work->reply->body, &work->client, secret);
    sodium_memzero(work->secret, sizeof(work->secret));
    work->reply->content_type = "application/json";
    return 0;
}

/* --- the list ----------------------------------------------------------------------------- */

struct page {
    struct work work;
    const char *after;
    uint32_t limit;
    struct client *clients;
    size_t count;
};

/* Of no query of records: a cursor of theirs does not fit here. */
static void fingerprint(unsigned char ret_fingerprint[QUERY_FINGERPRINT_BYTES])
{
    static const char NAME[] = RESOURCE;

    (void)crypto_generichash(ret_fingerprint, QUERY_FINGERPRINT_BYTES, (const unsigned char *)NAME,
                             sizeof(NAME), NULL, 0); /* cannot fail for these sizes */
}

/* False: answered. */
static bool read_page(struct page *page, int *ret_result)
{
    struct request *request = page->work.request;
    struct reply *reply = page->work.reply;
    const char *limit = request_parameter(request, "limit");
    const char *text = request_parameter(request, "cursor");
    unsigned char print[QUERY_FINGERPRINT_BYTES];
    struct cursor cursor;

    page->limit = PAGE_ITEMS_DEFAULT;
    if (limit != NULL && !num_parse_u32(limit, 1, CLIENTS_PAGE_MAX, &page->limit)) {
        problem_set(&page->work.problem, "invalid-parameter", NULL);
        problem_add(&page->work.problem, request->arena, NULL, "limit", "out-of-range",
                    "this is a whole number from 1 to %d", CLIENTS_PAGE_MAX);
        *ret_result = reply_problem(request, reply, &page->work.problem);
        return false;
    }
    if (text == NULL)
        return true;
    fingerprint(print);
    if (!cursor_decode(&request->application->cursor_keys, text, print, request->arena, &cursor)) {
        *ret_result = reply_problem_code(request, reply, "invalid-cursor", NULL);
        return false;
    }
    page->after = cursor.id;
    return true;
}

static int list_step(struct work *work)
{
    struct page *page = (struct page *)work; /* its first member */
    int r = clients_list(work->db, work->request->arena, page->after, page->limit + 1,
                         &page->clients, &page->count);

    return r == 0 ? note(work, "client.list", NULL, NULL, 0) : r;
}

static int reply_page(struct page *page)
{
    struct request *request = page->work.request;
    struct text *text = &page->work.reply->body;
    const size_t shown = page->count > page->limit ? page->limit : page->count;
    const char *next = NULL;

    text_append(text, "{\"data\":[");
    for (size_t i = 0; i < shown; i++) {
        if (i > 0)
            text_append_char(text, ',');
        append_client(request, text, &page->clients[i], NULL);
    }
    if (page->count > shown) {
        const struct cursor cursor = {.id = page->clients[shown - 1].id};
        unsigned char print[QUERY_FINGERPRINT_BYTES];

        fingerprint(print);
        next = cursor_encode(&request->application->cursor_keys, &cursor, print, request->arena);
        if (next == NULL)
            return fault_raise(-ENOMEM);
    }
    text_append_format(text, "],\"page\":{\"limit\":%u,\"next\":", (unsigned)page->limit);
    if (next == NULL)
        text_append(text, "null");
    else
        text_append_json(text, next);
    text_append(text, ",\"previous\":null}}");
    page->work.reply->content_type = "application/json";
    return 0;
}

/* GET /v1/clients: 200 a page of clients */
int handle_clients_list(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"limit", "cursor", NULL};
    struct page *page = arena_alloc(request->arena, sizeof(*page));
    bool is_done;
    int r = 0;

    if (page == NULL)
        return fault_raise(-ENOMEM);
    page->work = (struct work){.request = request, .reply = reply};
    if (!present_accepts_json(request, reply, &r) || !present_takes(request, KNOWN, reply, &r) ||
        !read_page(page, &r))
        return r;
    r = work_run(&page->work, list_step, &is_done);
    return is_done ? reply_page(page) : r;
}

/* --- one client --------------------------------------------------------------------------- */

static int create_step(struct work *work)
{
    const struct client_draft draft = {.name = body_text(work->request, "name"),
                                       .organisation = body_text(work->request, "organisation"),
                                       .role = body_role(work->request),
                                       .scopes = body_scopes(work->request)};
    int r = clients_create(work->db, work->request->arena, &draft, &work->client, work->secret);

    return r == 0 ? note(work, "client.create", work->client.id, NULL, 0) : r;
}

/* POST /v1/clients: 201 the client with its secret; 422 validation-failed */
int handle_client_create(struct request *request, struct reply *reply)
{
    struct work *work = work_new(request, reply);
    bool is_done;
    int r = 0;

    if (work == NULL)
        return fault_raise(-ENOMEM);
    if (!present_accepts_json(request, reply, &r) || !present_takes(request, NULL, reply, &r) ||
        !is_valid_body(work, "NewClient", &r))
        return r;
    r = work_run(work, create_step, &is_done);
    if (!is_done)
        return r;
    reply->status = 201;
    r = reply_header(reply, "Location",
                     arena_format(request->arena, "%s/v1/clients/%s",
                                  request->application->settings->base_url, work->client.id));
    return r == 0 ? reply_client(work, work->secret) : r;
}

static int read_step(struct work *work)
{
    int r = clients_get(work->db, work->request->arena, request_segment(work->request, "id"),
                        &work->client);

    return r == 0 ? note(work, "client.read", work->client.id, NULL, 0) : r;
}

/* GET /v1/clients/{id}: 200 the client; 404 */
int handle_client_read(struct request *request, struct reply *reply)
{
    struct work *work = work_new(request, reply);
    bool is_done;
    int r = 0;

    if (work == NULL)
        return fault_raise(-ENOMEM);
    if (!present_accepts_json(request, reply, &r) || !present_takes(request, NULL, reply, &r))
        return r;
    r = work_run(work, read_step, &is_done);
    return is_done ? reply_client(work, NULL) : r;
}

static int change_step(struct work *work)
{
    static const char *const NAMES[] = {"name", "role", "scopes", "disabled"};
    struct request *request = work->request;
    const json_t *disabled = json_object_get(request->body, "disabled");
    const bool is_disabled = json_is_true(disabled);
    const bool has_role = json_object_get(request->body, "role") != NULL;
    const enum caller_role role = has_role ? body_role(request) : CALLER_PARTICIPANT;
    const struct client_change change = {.name = body_text(request, "name"),
                                         .disabled = disabled == NULL ? NULL : &is_disabled,
                                         .role = has_role ? &role : NULL,
                                         .scopes = body_scopes(request)};
    const char *changed[ARRAY_LENGTH(NAMES)];
    size_t count = 0;
    int r = clients_change(work->db, request->arena, request_segment(request, "id"), &change,
                           &work->client);

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        if (json_object_get(request->body, NAMES[i]) != NULL)
            changed[count++] = NAMES[i];
    return r == 0 ? note(work, "client.update", work->client.id, changed, count) : r;
}

/* PATCH /v1/clients/{id}: 200 the client as it is now; 404; 422 validation-failed */
int handle_client_change(struct request *request, struct reply *reply)
{
    struct work *work = work_new(request, reply);
    bool is_done;
    int r = 0;

    if (work == NULL)
        return fault_raise(-ENOMEM);
    if (!present_accepts_json(request, reply, &r) || !present_takes(request, NULL, reply, &r) ||
        !is_valid_body(work, "ClientChange", &r))
        return r;
    r = work_run(work, change_step, &is_done);
    return is_done ? reply_client(work, NULL) : r;
}

/* --- secrets ------------------------------------------------------------------------------ */

static int add_secret_step(struct work *work)
{
    struct arena *arena = work->request->arena;
    const char *id = request_segment(work->request, "id");
    int r = clients_add_secret(work->db, id, &work->slot, work->secret);

    if (r == 0)
        r = clients_get(work->db, arena, id, &work->client);
    return r == 0 ? note(work, "client.secret.create", work->client.id, NULL, 0) : r;
}

/* POST /v1/clients/{id}/secrets: 201 the client with the new secret; 404; 409 too-many-secrets */
int handle_client_add_secret(struct request *request, struct reply *reply)
{
    struct work *work = work_new(request, reply);
    bool is_done;
    int r = 0;

    if (work == NULL)
        return fault_raise(-ENOMEM);
    if (!present_accepts_json(request, reply, &r) || !present_takes(request, NULL, reply, &r))
        return r;
    r = work_run(work, add_secret_step, &is_done);
    if (!is_done)
        return r;
    reply->status = 201;
    r = reply_header(reply, "Location",
                     arena_format(request->arena, "%s/v1/clients/%s",
                                  request->application->settings->base_url, work->client.id));
    return r == 0 ? reply_client(work, work->secret) : r;
}

static int remove_secret_step(struct work *work)
{
    const char *id = request_segment(work->request, "id");
    int r = clients_remove_secret(work->db, id, work->slot);

    return r == 0 ? note(work, "client.secret.delete", id, NULL, 0) : r;
}

/* DELETE /v1/clients/{id}/secrets/{slot}: 204; 404 */
int handle_client_remove_secret(struct request *request, struct reply *reply)
{
    struct work *work = work_new(request, reply);
    uint32_t slot;
    bool is_done;
    int r = 0;

    if (work == NULL)
        return fault_raise(-ENOMEM);
    if (!present_takes(request, NULL, reply, &r))
        return r;
    if (!num_parse_u32(request_segment(request, "slot"), 1, CLIENT_SECRETS_MAX, &slot))
        return reply_problem_code(request, reply, "not-found", NULL);
    work->slot = (int)slot;
    r = work_run(work, remove_secret_step, &is_done);
    if (is_done)
        reply->status = 204;
    return r;
}
