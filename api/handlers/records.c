/*
 * Lists, related lists, single records and batches of the catalogue. The
 * contract says which resources there are and what may be asked of them; here
 * is only what HTTP adds.
 */
#include "handlers/handlers.h"

#include "application.h"
#include "auth/caller.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/contract.h"
#include "contract/schema.h"
#include "db/db.h"
#include "editing.h"
#include "format/format.h"
#include "format/stream.h"
#include "memo.h"
#include "present.h"
#include "record/page.h"
#include "record/read.h"
#include "reply.h"
#include "request.h"
#include "settings.h"
#include "writing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- what all of them need -------------------------------------------------------------------- */

static int reply_unknown_resource(struct request *request, struct reply *reply, const char *name)
{
    const struct contract *contract = request->application->contract;
    const char *nearest =
        text_nearest(name, contract_resource_paths(contract), contract_resource_count(contract));
    const char *detail =
        nearest == NULL ? "There is no such resource; / lists them all."
                        : arena_format(request->arena,
                                       "There is no such resource; did you mean /v1/%s?", nearest);

    return reply_problem_code(request, reply, "not-found", detail);
}

static uint64_t bit_of(const struct resource *resource)
{
    return (uint64_t)1 << resource->index;
}

/* The resources whose changes can change the answer. */
static uint64_t rests_on(const struct query *query)
{
    uint64_t resources = bit_of(query->resource);

    if (query->related != NULL)
        resources |= bit_of(query->related);
    for (size_t i = 0; i < query->include_count; i++)
        resources |=
            bit_of(query->includes[i].relation != NULL ? query->includes[i].relation->target
                                                       : query->includes[i].referrer);
    return resources;
}

/* The address of a record; NULL when the arena is full. */
static const char *address_of(const struct request *request, const struct resource *resource,
                              const char *name)
{
    return arena_format(request->arena, "%s/v1/%s/%s", request->application->settings->base_url,
                        resource->path, name);
}

/* To the same under the present slug: @list, when it is one that belongs to the record, and all
 * that was asked of it. */
static int reply_moved(struct request *request, struct reply *reply,
                       const struct resource *resource, const char *slug,
                       const struct resource *list)
{
    const char *query = request->raw_query;
    const char *address = address_of(request, resource, slug);

    if (address != NULL)
        address = arena_format(request->arena, "%s%s%s%s%s", address, list == NULL ? "" : "/",
                               list == NULL ? "" : list->path, query[0] == '\0' ? "" : "?", query);
    if (address == NULL)
        return fault_raise(-ENOMEM);
    reply->status = 308;
    reply->cache = REPLY_CACHE_PUBLIC;
    return reply_header(reply, "Location", address);
}

static int reply_record_gone(struct request *request, struct reply *reply,
                             const struct resource *resource, const struct read *read)
{
    return reply_gone(request, reply, read->deleted_at,
                      read->replaced_by == NULL ? NULL
                                                : address_of(request, resource, read->replaced_by));
}

/* @r: what read_fetch() said of a record that is not there */
static int reply_absent(struct request *request, struct reply *reply,
                        const struct resource *resource, const struct resource *list,
                        const struct read *read, int r)
{
    if (r == READ_MOVED)
        return reply_moved(request, reply, resource, read->slug, list);
    if (r == READ_GONE)
        return reply_record_gone(request, reply, resource, read);
    return reply_problem_code(request, reply, "not-found",
                              "There is no record with this id or slug.");
}

/* --- lists -------------------------------------------------------------------------------------
 */

struct list {
    const struct resource *resource;
    const struct resource *related;
    const char *related_to;
    const char *as_of; /* of the query, once it is read */
};

static long read_stream(void *data, char *buffer, size_t size_bytes)
{
    return stream_read(data, buffer, size_bytes);
}

static void free_stream(void *data)
{
    stream_free(data);
}

/* The record that the list belongs to is not there: was it ever? */
static int reply_parent_absent(struct request *request, struct reply *reply,
                               const struct list *list)
{
    const struct application *application = request->application;
    struct query *query = arena_alloc(request->arena, sizeof(*query));
    struct db *db = NULL;
    struct read read;
    int r;

    if (query == NULL)
        return fault_raise(-ENOMEM);
    query->resource = list->related;
    query->as_of = list->as_of;
    r = db_lease(application->pool, &db);
    if (r != 0)
        return r > 0 ? reply_database(request, reply, r) : r;
    r = read_fetch(query, list->related_to, db, request->arena, &read);
    db_release(db);
    if (r == 0 || r == READ_NOT_FOUND || r == READ_MOVED || r == READ_GONE)
        r = reply_absent(request, reply, list->related, list->resource, &read, r);
    else if (r > 0)
        r = reply_database(request, reply, r);
    read_deinit(&read);
    return r;
}

static int reply_page_failed(struct request *request, struct reply *reply, const struct list *list,
                             struct problem *problem, int r)
{
    if (r == PAGE_INVALID)
        return reply_problem(request, reply, problem);
    if (r == PAGE_NOT_FOUND)
        return reply_parent_absent(request, reply, list);
    if (r > 0)
        return reply_database(request, reply, r);
    return r;
}

static int reply_format(struct request *request, struct reply *reply, const struct list *list,
                        const struct query *query, const struct format *format)
{
    const char *disposition;

    reply->content_type = format->content_type;
    present_public(reply);
    reply->cache = query_ages(query) ? REPLY_CACHE_AGING : reply->cache;
    if (format->extension == NULL)
        return 0;
    disposition = arena_format(request->arena, "attachment; filename=\"%s.%s\"",
                               list->resource->path, format->extension);
    if (disposition == NULL)
        return fault_raise(-ENOMEM);
    return reply_header(reply, "Content-Disposition", disposition);
}

/* The whole list, as it is made. */
static int reply_stream(struct request *request, struct reply *reply, const struct list *list,
                        const struct asked *asked, const struct query *query,
                        const struct format *format, struct problem *problem)
{
    const struct application *application = request->application;
    struct stream *stream = NULL;
    int r = stream_new(&(struct stream_request){.contract = application->contract,
                                                .resource = list->resource,
                                                .related = list->related,
                                                .related_to = list->related_to,
                                                .pairs = asked->pairs,
                                                .pair_count = asked->pair_count,
                                                .languages = asked->languages,
                                                .language_count = asked->language_count,
                                                .format = format,
                                                .keys = &application->cursor_keys,
                                                .pool = application->pool},
                       request->arena, problem, &stream);

    if (r != 0)
        return reply_page_failed(request, reply, list, problem, r);
    reply->stream =
        (struct reply_stream){.data = stream, .read = read_stream, .free_data = free_stream};
    return reply_format(request, reply, list, query, format);
}

static void append_page(const struct page *page, const struct format *format,
                        struct request *request, struct reply *reply)
{
    struct text shown;

    if (format->record == NULL) {
        page_append_json(page, request->arena, &reply->body);
        return;
    }
    text_init(&shown, REPLY_BYTES_MAX);
    format->begin(page->query, &reply->body);
    for (size_t i = 0; i < page->count; i++) {
        text_clear(&shown);
        view_append(&page->view, &page->items[i], request->arena, &shown);
        format->record(page->query, (struct slice){shown.bytes, shown.length}, i == 0,
                       &reply->body);
    }
    format->end(page->query, &reply->body);
    if (text_failed(&shown))
        reply->body.failed = true;
    text_deinit(&shown);
}

static int reply_page(struct request *request, struct reply *reply, const struct list *list,
                      const struct query *query, const struct format *format,
                      const struct memo_key *key, struct problem *problem)
{
    const struct application *application = request->application;
    const uint64_t resources = rests_on(query);
    const uint64_t generation = memo_generation(application->memo, resources);
    struct db *db = NULL;
    struct page page;
    int r = db_lease(application->pool, &db);

    if (r != 0)
        return r > 0 ? reply_database(request, reply, r) : r;
    r = page_fetch(query, &application->cursor_keys, db, request->arena, problem, &page);
    db_release(db);
    if (r == 0)
        r = present_etag(request, reply, query_ages(query) ? NULL : key, resources, generation,
                         page_etag(&page, present_variant(request), request->arena));
    if (r == 0)
        r = reply_format(request, reply, list, query, format);
    if (r == 0)
        r = present_page_links(request, query->as_of == NULL ? list->resource : NULL, page.next,
                               page.previous, reply);
    if (r == 0) {
        append_page(&page, format, request, reply);
        reply->content_language = page_languages(&page, request->arena);
    }
    page_deinit(&page);
    return r == 0 ? 0 : reply_page_failed(request, reply, list, problem, r);
}

/* Lists of an earlier time are given as JSON alone. True: answered. */
static bool refuse_format_of_past(struct request *request, struct reply *reply,
                                  struct problem *problem, int *ret_result)
{
    if (request_parameter(request, "format") == NULL)
        return !present_accepts_json(request, reply, ret_result);
    problem_set(problem, "invalid-parameter", NULL);
    problem_add(problem, request->arena, NULL, "format", "not-with-as-of",
                "as_of goes with json alone");
    *ret_result = reply_problem(request, reply, problem);
    return true;
}

/* A calendar is always whole: of a page nobody could be told what has left it. True: answered. */
static bool refuse_page(struct request *request, struct reply *reply, const struct format *format,
                        struct problem *problem, int *ret_result)
{
    static const char *const NAMES[] = {"limit", "cursor"};

    problem_set(problem, "invalid-parameter", NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        if (request_parameter(request, NAMES[i]) != NULL)
            problem_add(problem, request->arena, NULL, NAMES[i], "not-with-format",
                        "%s is always the whole list, and goes without %s", format->name, NAMES[i]);
    *ret_result = reply_problem(request, reply, problem);
    return true;
}

static int reply_list(struct request *request, struct reply *reply, struct list *list)
{
    const struct memo_key key = present_key(request);
    struct asked *asked = arena_alloc(request->arena, sizeof(*asked));
    struct query *query = arena_alloc(request->arena, sizeof(*query));
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));
    const struct format *format;
    int r = 0;

    if (asked == NULL || query == NULL || problem == NULL)
        return fault_raise(-ENOMEM);
    if (present_remembered(request, reply, &key))
        return 0;
    format = present_format(request, list->resource, reply, &r);
    if (format == NULL)
        return r;
    present_read(request, asked);
    if (!query_parse(request->application->contract, list->resource, QUERY_LIST, asked->pairs,
                     asked->pair_count, asked->languages, asked->language_count, request->arena,
                     problem, query))
        return reply_problem(request, reply, problem);
    query->related = list->related;
    query->related_to = list->related_to;
    list->as_of = query->as_of;
    if (query->as_of != NULL && format->record != NULL) {
        if (refuse_format_of_past(request, reply, problem, &r))
            return r;
        format = format_find("json");
    }
    if (format->is_whole && query->is_page && refuse_page(request, reply, format, problem, &r))
        return r;
    format_complete(format, query);
    if (format->record != NULL && !query->is_page)
        return reply_stream(request, reply, list, asked, query, format, problem);
    return reply_page(request, reply, list, query, format, &key, problem);
}

/* GET /v1/{resource}: 200 records; 304; 400 invalid-parameter, invalid-cursor; 406 */
int handle_records_list(struct request *request, struct reply *reply)
{
    const char *name = request_segment(request, "resource");
    struct list list = {.resource = contract_resource_find(request->application->contract, name)};

    if (list.resource == NULL)
        return reply_unknown_resource(request, reply, name);
    return reply_list(request, reply, &list);
}

static bool is_referrer(const struct resource *target, const struct resource *resource)
{
    for (size_t i = 0; i < target->referrer_count; i++)
        if (target->referrers[i] == resource)
            return true;
    return false;
}

/* GET /v1/{resource}/{id}/{related}: as the list of {related}; 404 not-found */
int handle_records_related(struct request *request, struct reply *reply)
{
    const struct contract *contract = request->application->contract;
    const char *name = request_segment(request, "resource");
    const char *related = request_segment(request, "related");
    struct list list = {.resource = contract_resource_find(contract, related),
                        .related = contract_resource_find(contract, name),
                        .related_to = request_segment(request, "id")};

    if (list.related == NULL)
        return reply_unknown_resource(request, reply, name);
    if (list.resource == NULL || !is_referrer(list.related, list.resource))
        return reply_problem_code(request, reply, "not-found",
                                  "No list of this name belongs to a record of this resource; its "
                                  "links name those that do.");
    return reply_list(request, reply, &list);
}

/* --- one record
 * ------------------------------------------------------------------------------------ */

/* As it was: where it is now, too (RFC 5829). */
static int reply_past_links(struct request *request, struct reply *reply,
                            const struct resource *resource, const struct read *read)
{
    const char *self = present_address(request);
    const char *address = address_of(request, resource, read->item.id);
    const char *link =
        self == NULL || address == NULL
            ? NULL
            : arena_format(request->arena,
                           "<%s>; rel=\"self\", <%s>; rel=\"latest-version\", <%s/v1/%s>; "
                           "rel=\"collection\"",
                           self, address, request->application->settings->base_url, resource->path);

    return link == NULL ? fault_raise(-ENOMEM) : reply_header(reply, "Link", link);
}

static int reply_record_links(struct request *request, struct reply *reply,
                              const struct resource *resource, const struct read *read)
{
    const char *address = address_of(request, resource, read->slug);
    const char *link =
        address == NULL
            ? NULL
            : arena_format(request->arena,
                           "<%s>; rel=\"canonical\", <%s/v1/%s>; "
                           "rel=\"collection\"%s%s%s",
                           address, request->application->settings->base_url, resource->path,
                           resource->calendar ? ", <" : "", resource->calendar ? address : "",
                           resource->calendar
                               ? "?format=ics>; rel=\"alternate\"; type=\"text/calendar\""
                               : "");

    return link == NULL ? fault_raise(-ENOMEM) : reply_header(reply, "Link", link);
}

static int look_at_copy(struct writing *writing)
{
    struct edit_record record;
    int r = editing_look(writing, EDITING_DELETED_IS_GONE, &record);

    if (r == 0) {
        editing_effect(writing, &record, "working-copy.read");
        r = editing_show(writing, &record, 200);
    }
    edit_deinit(&record);
    return r;
}

/* What is not public is shown to who may edit it, as it is being edited. @r: see reply_absent() */
static int reply_copy_or_absent(struct request *request, struct reply *reply,
                                const struct resource *resource, const struct read *read, int r)
{
    const struct caller *caller = &request->caller;

    if (r != READ_MOVED && caller_has_scope(caller, "read") &&
        (caller_is_partner(caller) || caller_is_editor(caller))) {
        int looked = writing_look(request, reply, look_at_copy);

        if (looked != 0 || (reply->status != 404 && reply->status != 410))
            return looked;
    }
    return reply_absent(request, reply, resource, NULL, read, r);
}

/* The record, or a calendar of it. */
static void append_record(struct request *request, struct reply *reply, const struct read *read,
                          const struct format *format, const struct db_rows *left)
{
    struct text shown;

    if (format->record == NULL) {
        view_append(&read->view, &read->item, request->arena, &reply->body);
        return;
    }
    text_init(&shown, REPLY_BYTES_MAX);
    view_append(&read->view, &read->item, request->arena, &shown);
    format->begin(read->view.query, &reply->body);
    format->record(read->view.query, (struct slice){shown.bytes, shown.length}, true, &reply->body);
    for (size_t row = 0; left != NULL && row < db_rows_count(left); row++)
        format->gone(read->view.query,
                     (struct slice){db_rows_text(left, row, 0), db_rows_bytes(left, row, 0)},
                     &reply->body);
    format->end(read->view.query, &reply->body);
    if (text_failed(&shown))
        reply->body.failed = true;
    text_deinit(&shown);
}

/* The record; and for a calendar what has left it. */
static int fetch_record(struct request *request, struct query *query, const struct format *format,
                        struct read *read, struct db_rows **ret_left)
{
    struct db *db = NULL;
    int r = db_lease(request->application->pool, &db);

    if (r == 0)
        r = read_fetch(query, request_segment(request, "id"), db, request->arena, read);
    if (r == 0 && format->gone != NULL) {
        query->ids = &read->item.id;
        query->id_count = 1;
        r = page_gone(query, db, request->arena, ret_left);
    }
    db_release(db);
    return r;
}

static int reply_record(struct request *request, struct reply *reply, struct query *query,
                        const struct format *format, const struct memo_key *key)
{
    const struct application *application = request->application;
    const uint64_t resources = rests_on(query);
    const uint64_t generation = memo_generation(application->memo, resources);
    CLEANUP(db_rows_freep) struct db_rows *left = NULL;
    struct read read = {0};
    int r = fetch_record(request, query, format, &read, &left);

    if (r == READ_NOT_FOUND || r == READ_MOVED || r == READ_GONE) {
        r = reply_copy_or_absent(request, reply, query->resource, &read, r);
    } else if (r > 0) {
        r = reply_database(request, reply, r);
    } else if (r == 0) {
        const char *etag = read_etag(&read, present_variant(request), request->arena);

        /* Other bytes of the same record under the same address have another tag. */
        if (format->record != NULL && etag != NULL)
            etag = arena_format(request->arena, "%s.%s", etag, format->name);
        r = present_etag(request, reply, query_ages(query) ? NULL : key, resources, generation,
                         etag);
        if (r == 0)
            r = query->as_of == NULL ? reply_record_links(request, reply, query->resource, &read)
                                     : reply_past_links(request, reply, query->resource, &read);
        if (r == 0) {
            reply->content_type = format->content_type;
            /* What time makes of a record has no time of its own: the ETag tells all. */
            reply->last_modified = query_ages(query) ? 0 : read.updated_at;
            reply->content_language = view_languages(&read.view, &read.item, request->arena);
            present_public(reply);
            reply->cache = query_ages(query) ? REPLY_CACHE_AGING : reply->cache;
            append_record(request, reply, &read, format, left);
        }
    }
    read_deinit(&read);
    return r;
}

/* JSON, or a calendar of what has dates for one. NULL: answered. */
static const struct format *record_format(struct request *request, const struct resource *resource,
                                          struct reply *reply, int *ret_result)
{
    const struct format *json = format_find("json");

    if (!resource->calendar)
        return present_accepts_json(request, reply, ret_result) ? json : NULL;
    if (request_parameter(request, "as_of") == NULL)
        return present_record_format(request, resource, reply, ret_result);
    if (request_parameter(request, "format") == NULL)
        return present_accepts_json(request, reply, ret_result) ? json : NULL;
    if (strcmp(request_parameter(request, "format"), "json") == 0)
        return json;
    *ret_result =
        reply_problem_code(request, reply, "invalid-parameter", "as_of goes with json alone.");
    return NULL;
}

/* format= is understood already, where there is a choice. */
static void leave_out_format(struct asked *asked, const struct resource *resource)
{
    size_t count = 0;

    for (size_t i = 0; i < asked->pair_count; i++)
        if (!resource->calendar || strcmp(asked->pairs[i].name, "format") != 0)
            asked->pairs[count++] = asked->pairs[i];
    asked->pair_count = count;
}

/* GET /v1/{resource}/{id}: 200 the record, or for who may edit it what is not public yet; 304;
 * 308 under another slug; 404; 410 gone */
int handle_record_read(struct request *request, struct reply *reply)
{
    const char *name = request_segment(request, "resource");
    const struct resource *resource = contract_resource_find(request->application->contract, name);
    const struct memo_key key = present_key(request);
    struct asked *asked = arena_alloc(request->arena, sizeof(*asked));
    struct query *query = arena_alloc(request->arena, sizeof(*query));
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));
    const struct format *format;
    int r = 0;

    if (asked == NULL || query == NULL || problem == NULL)
        return fault_raise(-ENOMEM);
    if (resource == NULL)
        return reply_unknown_resource(request, reply, name);
    if (present_remembered(request, reply, &key))
        return 0;
    format = record_format(request, resource, reply, &r);
    if (format == NULL)
        return r;
    present_read(request, asked);
    leave_out_format(asked, resource);
    if (!query_parse(request->application->contract, resource, QUERY_READ, asked->pairs,
                     asked->pair_count, asked->languages, asked->language_count, request->arena,
                     problem, query))
        return reply_problem(request, reply, problem);
    format_complete(format, query);
    return reply_record(request, reply, query, format, &key);
}

/* --- batches
 * ----------------------------------------------------------------------------------------- */

/* POST /v1/{resource}/batch-get: 200 what has become of copies; 422 validation-failed */
int handle_records_batch(struct request *request, struct reply *reply)
{
    const struct application *application = request->application;
    const char *name = request_segment(request, "resource");
    const struct resource *resource = contract_resource_find(application->contract, name);
    struct asked *asked = arena_alloc(request->arena, sizeof(*asked));
    struct query *query = arena_alloc(request->arena, sizeof(*query));
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));
    struct db *db = NULL;
    int r;

    if (asked == NULL || query == NULL || problem == NULL)
        return fault_raise(-ENOMEM);
    if (resource == NULL)
        return reply_unknown_resource(request, reply, name);
    if (!present_accepts_json(request, reply, &r))
        return r;
    present_read(request, asked);
    if (!query_parse(application->contract, resource, QUERY_BATCH, asked->pairs, asked->pair_count,
                     asked->languages, asked->language_count, request->arena, problem, query))
        return reply_problem(request, reply, problem);
    problem_set(problem, "validation-failed", NULL);
    if (!schema_check(contract_request(application->contract, "BatchRequest"), request->body, "",
                      request->arena, problem))
        return reply_problem(request, reply, problem);

    r = db_lease(application->pool, &db);
    if (r != 0)
        return r > 0 ? reply_database(request, reply, r) : r;
    r = read_batch(query, request->body, db, request->arena, &reply->body);
    db_release(db);
    if (r > 0)
        return reply_database(request, reply, r);
    reply->content_type = "application/json";
    return r;
}
