#include "computed.h"

#include "application.h"
#include "base/arena.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/contract.h"
#include "coverage/profiles.h"
#include "db/db.h"
#include "memo.h"
#include "negotiate.h"
#include "present.h"
#include "record/read.h"
#include "reply.h"
#include "request.h"
#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FORMS_MAX 3
#define DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(12))

static const struct {
    const char *name; /* of format= */
    const char *media_type;
    const char *content_type;
} FORMS[] = {
    [COMPUTED_JSON] = {"json", "application/json", "application/json"},
    [COMPUTED_CSV] = {"csv", "text/csv", "text/csv; charset=utf-8"},
    [COMPUTED_SVG] = {"svg", "image/svg+xml", "image/svg+xml"},
};

/* --- the form ----------------------------------------------------------------------------------
 */

static int refuse_form(struct request *request, struct reply *reply,
                       const enum computed_form *forms, size_t count)
{
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));
    struct text list;
    int r;

    if (problem == NULL)
        return fault_raise(-ENOMEM);
    text_init(&list, 256);
    for (size_t i = 0; i < count; i++)
        text_append_format(&list, "%s%s (%s)", i == 0 ? "" : ", ", FORMS[forms[i]].name,
                           FORMS[forms[i]].media_type);
    problem_set(problem, "not-acceptable", "None of the formats of this answer was asked for.");
    problem_add(problem, request->arena, NULL,
                request_parameter(request, "format") == NULL ? "Accept" : "format",
                "unknown-format", "there are %s", list.bytes);
    text_deinit(&list);
    r = reply_problem(request, reply, problem);
    reply->vary_accept = true;
    return r;
}

bool computed_form(struct request *request, struct reply *reply, const enum computed_form *forms,
                   size_t count, enum computed_form *ret_form, int *ret_result)
{
    const char *named = request_parameter(request, "format");
    const char *types[FORMS_MAX];
    int best = -1;

    for (size_t i = 0; i < count; i++) {
        types[i] = FORMS[forms[i]].media_type;
        if (named != NULL && strcmp(named, FORMS[forms[i]].name) == 0)
            best = (int)i;
    }
    if (named == NULL)
        best = negotiate_best(NEGOTIATE_MEDIA, request_header(request, "Accept"), types, count);
    if (best < 0) {
        *ret_result = refuse_form(request, reply, forms, count);
        return false;
    }
    *ret_form = forms[best];
    return true;
}

/* --- the record --------------------------------------------------------------------------------
 */

/* The same address with the present slug in the place of the old one. */
static int reply_moved(struct request *request, struct reply *reply, const char *resource,
                       const char *slug)
{
    const char *name = request_segment(request, "id");
    const char *rest = request->path + strlen("/v1/") + strlen(resource) + 1 + strlen(name);
    const char *query = request->raw_query;
    const char *address =
        arena_format(request->arena, "%s/v1/%s/%s%s%s%s", request->application->settings->base_url,
                     resource, slug, rest, query[0] == '\0' ? "" : "?", query);

    if (address == NULL)
        return fault_raise(-ENOMEM);
    reply->status = 308;
    reply->cache = REPLY_CACHE_PUBLIC;
    return reply_header(reply, "Location", address);
}

static int reply_record_gone(struct request *request, struct reply *reply, const char *resource,
                             const struct read *read)
{
    const char *address = NULL;

    if (read->replaced_by != NULL) {
        address =
            arena_format(request->arena, "%s/v1/%s/%s", request->application->settings->base_url,
                         resource, read->replaced_by);
        if (address == NULL)
            return fault_raise(-ENOMEM);
    }
    return reply_gone(request, reply, read->deleted_at, address);
}

static int reply_absent(struct request *request, struct reply *reply, const char *resource,
                        const struct read *read, int r)
{
    if (r == READ_MOVED)
        return reply_moved(request, reply, resource, read->slug);
    if (r == READ_GONE)
        return reply_record_gone(request, reply, resource, read);
    if (r == READ_NOT_FOUND)
        return reply_problem_code(request, reply, "not-found",
                                  "There is no record with this id or slug.");
    return r > 0 ? reply_database(request, reply, r) : r;
}

static int load(const struct read *read, struct arena *arena, json_t **ret_record)
{
    struct text shown;

    text_init(&shown, REPLY_BYTES_MAX);
    view_append(&read->view, &read->item, arena, &shown);
    *ret_record = text_failed(&shown) ? NULL : json_loadb(shown.bytes, shown.length, 0, NULL);
    text_deinit(&shown);
    return *ret_record == NULL ? fault_raise(-ENOMEM) : 0;
}

bool computed_record(struct request *request, struct reply *reply, const char *resource,
                     json_t **ret_record, int *ret_result)
{
    const struct application *application = request->application;
    struct query *query = arena_alloc(request->arena, sizeof(*query));
    struct asked *asked = arena_alloc(request->arena, sizeof(*asked));
    struct db *db = NULL;
    struct read read;

    *ret_record = NULL;
    if (query == NULL || asked == NULL) {
        *ret_result = fault_raise(-ENOMEM);
        return false;
    }
    present_read(request, asked);
    query->resource = contract_resource_find(application->contract, resource);
    query->language_count = asked->language_count;
    for (size_t i = 0; i < asked->language_count; i++)
        query->languages[i] = asked->languages[i];
    *ret_result = db_lease(application->pool, &db);
    if (*ret_result != 0) {
        *ret_result = *ret_result > 0 ? reply_database(request, reply, *ret_result) : *ret_result;
        return false;
    }
    *ret_result = read_fetch(query, request_segment(request, "id"), db, request->arena, &read);
    db_release(db);
    if (*ret_result == 0)
        *ret_result = load(&read, request->arena, ret_record);
    else
        *ret_result = reply_absent(request, reply, resource, &read, *ret_result);
    read_deinit(&read);
    return *ret_record != NULL;
}

/* --- the answer --------------------------------------------------------------------------------
 */

int computed_refresh(const struct request *request)
{
    static const char *const RESOURCES[] = {"practices", "adoptions", "legal-bases"};
    const struct application *application = request->application;
    uint64_t resources = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(RESOURCES); i++)
        resources |=
            (uint64_t)1 << contract_resource_find(application->contract, RESOURCES[i])->index;
    return profiles_refresh(application->profiles, memo_generation(application->memo, resources));
}

int computed_json(struct reply *reply, json_t *json)
{
    char *dump = json == NULL ? NULL : json_dumps(json, DUMP_FLAGS);

    json_decref(json);
    if (dump == NULL)
        return fault_raise(-ENOMEM);
    text_append(&reply->body, dump);
    free(dump);
    return text_failed(&reply->body) ? fault_raise(-ENOMEM) : 0;
}

int computed_public(struct request *request, struct reply *reply, enum computed_form form)
{
    struct digest digest;
    char text[DIGEST_TEXT_BYTES];

    digest_init(&digest);
    digest_bytes(&digest, reply->body.bytes, reply->body.length);
    reply->etag = arena_copy(request->arena, digest_finish(&digest, text));
    reply->content_type = FORMS[form].content_type;
    present_public(reply);
    return reply->etag == NULL ? fault_raise(-ENOMEM) : 0;
}

void computed_private(struct reply *reply, enum computed_form form)
{
    reply->content_type = FORMS[form].content_type;
    reply->cache = REPLY_CACHE_NONE;
    reply->vary_accept = true;
}
