/*
 * Clients
 *
 * The programs that may sign in, for administrators. A secret is told once, in
 * the answer that makes it: an answer that is replayed does not have it, and one
 * of dry_run=true neither, because it opens nothing. There is no If-Match here:
 * each member of a change stands for itself, so that two changes at once are as
 * good as one after the other.
 */
#include "handlers/handlers.h"

#include "application.h"
#include "auth/caller.h"
#include "auth/clients.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "listing.h"
#include "present.h"
#include "reply.h"
#include "request.h"
#include "settings.h"
#include "writing.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#define RESOURCE "clients"

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

static void append_client(const struct writing *writing, const struct client *client,
                          const char *secret)
{
    struct text *text = &writing->reply->body;

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
    text_append_format(text, ",\"links\":{\"self\":\"%s/v1/clients/%s\"}%s}",
                       writing->request->application->settings->base_url, client->id,
                       writing->dry_run ? ",\"meta\":{\"dry_run\":true}" : "");
}

/* --- answering ---------------------------------------------------------------------------- */

static int refuse_value(struct writing *writing, const char *pointer, const char *code,
                        const char *detail)
{
    problem_set(writing->problem, "validation-failed", NULL);
    problem_add(writing->problem, writing->request->arena, pointer, NULL, code, "%s", detail);
    return writing_refuse_problem(writing, writing->problem);
}

/* What lib/auth did not do. Outcomes of the database are the frame's. */
static int refuse(struct writing *writing, int outcome)
{
    switch (outcome) {
    case CLIENTS_NOT_FOUND:
        return writing_refuse(writing, "not-found", NULL);
    case CLIENTS_UNKNOWN_ORGANISATION:
        return refuse_value(writing, "/organisation", "unknown-record",
                            "there is no organisation of this id or slug");
    case CLIENTS_INVALID_SCOPE:
        return refuse_value(writing, "/scopes", "not-allowed",
                            "a client has no more scopes than its role");
    case CLIENTS_SECRETS_FULL:
        return writing_refuse(writing, "too-many-secrets", NULL);
    case CLIENTS_BUSY:
        return writing_refuse(writing, "overloaded", NULL);
    default:
        return outcome;
    }
}

static void note(struct writing *writing, const char *action, const char *id)
{
    writing->effect = (struct writing_effect){.action = action, .resource = RESOURCE, .id = id};
}

/* The client, and its @secret unless that is nothing to keep. */
static int answer(struct writing *writing, const struct client *client, const char *secret)
{
    append_client(writing, client, writing->dry_run ? NULL : secret);
    writing->reply->content_type = "application/json";
    return 0;
}

static int answer_created(struct writing *writing, const struct client *client, const char *secret)
{
    const char *base = writing->request->application->settings->base_url;

    writing->reply->status = 201;
    (void)answer(writing, client, secret); /* it always succeeds: the body is checked at the end */
    return reply_header(
        writing->reply, "Location",
        arena_format(writing->request->arena, "%s/v1/clients/%s", base, client->id));
}

/* --- reading ------------------------------------------------------------------------------ */

static int look_at_list(struct writing *writing)
{
    struct client *clients;
    struct listing listing;
    size_t count, shown;
    int r = listing_read(writing, &listing);

    if (r == 0)
        r = clients_list(writing->db, writing->request->arena, listing.after, listing.limit + 1,
                         &clients, &count);
    if (r != 0)
        return r;
    shown = count > listing.limit ? listing.limit : count;
    text_append(&writing->reply->body, "{\"data\":[");
    for (size_t i = 0; i < shown; i++) {
        if (i > 0)
            text_append_char(&writing->reply->body, ',');
        append_client(writing, &clients[i], NULL);
    }
    text_append_char(&writing->reply->body, ']');
    note(writing, "client.list", NULL);
    return listing_end(writing, &listing, count > shown ? clients[shown - 1].id : NULL);
}

/* GET /v1/clients: 200 a page of clients */
int handle_clients_list(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"limit", "cursor", NULL};
    int r = 0;

    return present_takes(request, KNOWN, reply, &r) ? writing_look(request, reply, look_at_list)
                                                    : r;
}

static int look_at_client(struct writing *writing)
{
    struct request *request = writing->request;
    struct client client;
    int r = clients_get(writing->db, request->arena, request_segment(request, "id"), &client);

    if (r != 0)
        return refuse(writing, r);
    note(writing, "client.read", client.id);
    return answer(writing, &client, NULL);
}

/* GET /v1/clients/{id}: 200 the client; 404 */
int handle_client_read(struct request *request, struct reply *reply)
{
    int r = 0;

    return present_takes(request, NULL, reply, &r) ? writing_look(request, reply, look_at_client)
                                                   : r;
}

/* --- one client --------------------------------------------------------------------------- */

static const char *body_text(const struct writing *writing, const char *name)
{
    return json_string_value(json_object_get(writing->body, name));
}

/* ["read", "write"] as "read write"; NULL when absent, "" (all of the role) when null. */
static const char *body_scopes(const struct writing *writing)
{
    const json_t *list = json_object_get(writing->body, "scopes");
    const char *scopes = "";

    if (list == NULL)
        return NULL;
    for (size_t i = 0; i < json_array_size(list) && scopes != NULL; i++)
        scopes = arena_format(writing->request->arena, "%s%s%s", scopes, i == 0 ? "" : " ",
                              json_string_value(json_array_get(list, i)));
    return scopes;
}

/* The contract lists the roles, so that one is found. */
static enum caller_role body_role(const struct writing *writing)
{
    enum caller_role role = CALLER_PARTICIPANT;
    const bool found = caller_role_of(body_text(writing, "role"), &role);

    assert(found);
    return role;
}

static int create(struct writing *writing)
{
    char secret[CLIENT_SECRET_BYTES] = "";
    struct client client;
    int r = writing_check_body(writing, "NewClient");

    if (r != 0)
        return r;
    r = clients_create(writing->db, writing->request->arena,
                       &(struct client_draft){.name = body_text(writing, "name"),
                                              .organisation = body_text(writing, "organisation"),
                                              .role = body_role(writing),
                                              .scopes = body_scopes(writing)},
                       &client, secret);
    if (r != 0)
        return refuse(writing, r);
    note(writing, "client.create", client.id);
    r = answer_created(writing, &client, secret);
    sodium_memzero(secret, sizeof(secret));
    return r;
}

/* Also for a second secret: the client as it is now. */
static int create_again(struct writing *writing)
{
    struct client client;
    int r = clients_get(writing->db, writing->request->arena, writing->effect.id, &client);

    return r == 0 ? answer_created(writing, &client, NULL) : refuse(writing, r);
}

/* POST /v1/clients: 201 the client with its secret; 422 validation-failed */
int handle_client_create(struct request *request, struct reply *reply)
{
    static const struct writing_step STEP = {.act = create, .replay = create_again};

    return writing_run(request, reply, &STEP);
}

static int change(struct writing *writing)
{
    static const char *const NAMES[] = {"name", "role", "scopes", "disabled"};
    struct request *request = writing->request;
    const char *id = request_segment(request, "id");
    const json_t *disabled = json_object_get(writing->body, "disabled");
    const bool is_disabled = json_is_true(disabled);
    struct client_change wanted = {.disabled = disabled == NULL ? NULL : &is_disabled};
    const char **changed = arena_alloc_array(request->arena, ARRAY_LENGTH(NAMES), sizeof(*changed));
    enum caller_role role;
    struct client client;
    int r = changed == NULL ? fault_raise(-ENOMEM)
                            : clients_get(writing->db, request->arena, id, &client);

    if (r != 0)
        return refuse(writing, r);
    r = writing_check_body(writing, "ClientChange");
    if (r != 0)
        return r;
    wanted.name = body_text(writing, "name");
    wanted.scopes = body_scopes(writing);
    if (body_text(writing, "role") != NULL) {
        role = body_role(writing);
        wanted.role = &role;
    }
    r = clients_change(writing->db, request->arena, id, &wanted, &client);
    if (r != 0)
        return refuse(writing, r);
    note(writing, "client.update", client.id);
    writing->effect.properties = changed;
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        if (json_object_get(writing->body, NAMES[i]) != NULL)
            changed[writing->effect.property_count++] = NAMES[i];
    return answer(writing, &client, NULL);
}

/* PATCH /v1/clients/{id}: 200 the client as it is now; 404; 422 validation-failed */
int handle_client_change(struct request *request, struct reply *reply)
{
    static const struct writing_step STEP = {.act = change};

    return writing_run(request, reply, &STEP);
}

/* --- secrets ------------------------------------------------------------------------------ */

static int add_secret(struct writing *writing)
{
    const char *id = request_segment(writing->request, "id");
    char secret[CLIENT_SECRET_BYTES] = "";
    struct client client;
    int slot;
    int r = clients_add_secret(writing->db, id, &slot, secret);

    if (r == 0)
        r = clients_get(writing->db, writing->request->arena, id, &client);
    if (r != 0)
        return refuse(writing, r);
    note(writing, "client.secret.create", client.id);
    r = answer_created(writing, &client, secret);
    sodium_memzero(secret, sizeof(secret));
    return r;
}

/* POST /v1/clients/{id}/secrets: 201 the client with the new secret; 404; 409 too-many-secrets */
int handle_client_add_secret(struct request *request, struct reply *reply)
{
    static const struct writing_step STEP = {.act = add_secret, .replay = create_again};

    return writing_run(request, reply, &STEP);
}

static int remove_secret(struct writing *writing)
{
    const char *id = request_segment(writing->request, "id");
    uint32_t slot;
    int r;

    if (!num_parse_u32(request_segment(writing->request, "slot"), 1, CLIENT_SECRETS_MAX, &slot))
        return writing_refuse(writing, "not-found", NULL);
    r = clients_remove_secret(writing->db, id, (int)slot);
    if (r != 0)
        return refuse(writing, r);
    note(writing, "client.secret.delete", id);
    writing->reply->status = 204;
    return 0;
}

/* DELETE /v1/clients/{id}/secrets/{slot}: 204; 404 */
int handle_client_remove_secret(struct request *request, struct reply *reply)
{
    static const struct writing_step STEP = {.act = remove_secret};

    return writing_run(request, reply, &STEP);
}
