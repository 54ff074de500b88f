/*
 * Everything is checked before anything is stored, in one look at the database a
 * resource; then everything is stored before anything is rendered, because
 * documents show one another.
 */
#include "record/put.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "db/db.h"
#include "record/addresses.h"
#include "record/content.h"
#include "record/model.h"
#include "record/references.h"
#include "record/render.h"
#include "record/store.h"

#include <assert.h>
#include <errno.h>
#include <search.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_RECORDS 500
#define BATCH_BYTES_MAX (256u * 1024 * 1024)
#define POINTER_BYTES_MAX 1024

/*
 * What is stored under these slugs, or was. A draft of somebody is nothing that an import
 * replaces: it was never public. Columns of both queries in this order.
 */
enum {
    FOUND_NAME, /* the slug asked for, or the index of the draft */
    FOUND_ID,
    FOUND_SLUG,
    FOUND_VERSION,
    FOUND_PUBLIC,
    FOUND_DIGEST,
    FOUND_IMPORTED, /* digest of what was imported last */
    FOUND_TOUCHED
};
#define STORED                                                                                     \
    "r.id, r.slug, r.latest, r.status = 'published' and r.deleted_at is null, r.digest, "          \
    "imported.digest, imported.version is distinct from r.latest"
#define IMPORTED                                                                                   \
    "left join lateral (select v.version, v.digest from catalogue.version v "                      \
    "where v.record_id = r.id and v.action = 'import' order by v.version desc limit 1) imported "  \
    "on true "
static const struct db_query FIND_BY_SLUG = {
    .name = "put_find_by_slug",
    .sql = "select distinct on (named.name collate \"C\") named.name, " STORED
           " from (select r.slug as name, r.id, 0 as place from catalogue.record r "
           "where r.resource = $1 and r.slug = any($2::text[]) "
           "and r.first_published_at is not null "
           "union all select h.old_slug, h.record_id, 1 from catalogue.slug_history h "
           "where h.resource = $1 and h.old_slug = any($2::text[])) named "
           "join catalogue.record r on r.id = named.id " IMPORTED
           "order by named.name collate \"C\", named.place",
    .param_count = 2,
    .plan = DB_PLAN_CUSTOM,
};
static const struct db_query FIND_BY_SOURCE = {
    .name = "put_find_by_source",
    .sql = "select asked.draft, " STORED " from jsonb_to_recordset($2::jsonb) as "
           "asked(draft integer, name text, external_id text) "
           "join catalogue.record r on r.resource = $1 and r.source_name = asked.name "
           "and r.source_external_id = asked.external_id "
           "and r.first_published_at is not null " IMPORTED "order by asked.draft",
    .param_count = 2,
    .plan = DB_PLAN_CUSTOM,
};
/* The records as they are from now on, with what is another than it was. */
static const struct db_query VERSIONS_ADD = {
    .name = "put_versions_add",
    .sql = "with list as materialized (select item, (item->>'id')::uuid as id, "
           "(item->>'new')::boolean as is_new from jsonb_array_elements($1::jsonb) as "
           "listed(item))\n"
           "insert into catalogue.version (record_id, version, action, status, data, digest, "
           "client_id, role, at, changed)\n"
           "select list.id, (item->>'version')::integer, 'import', item->>'status', "
           "item->'data', item->>'digest', identity.acting_client(), identity.acting_role(), "
           "date_trunc('milliseconds', now()), array(\n"
           "  select coalesce(before.key, after.key) from jsonb_each(item->'data') after full join "
           "jsonb_each((select v.data from catalogue.version v where v.record_id = "
           "list.id and v.data is not null and not list.is_new "
           "order by v.version desc limit 1)) before on before.key = after.key "
           "where before.value is distinct from after.value order by 1)\n"
           "from list",
    .param_count = 1,
};
static const struct db_query CHANGES_ADD = {
    .name = "put_changes_add",
    .sql = "insert into catalogue.change (resource, record_id, version, kind) "
           "select $1, (item->>'id')::uuid, (item->>'version')::integer, item->>'change' "
           "from jsonb_array_elements($2::jsonb) as list(item)",
    .param_count = 2,
};

struct putter {
    const struct model *model;
    struct db *db;
    struct arena *arena;
    struct problem *problem;
    const struct put_options *options;
    struct put_draft *drafts;
    size_t count;
    void *slugs; /* a tree of drafts by resource and slug, by tsearch() */
};

/* --- checking --------------------------------------------------------------------------- */

static int slug_compare(const void *left, const void *right)
{
    const struct put_draft *a = left;
    const struct put_draft *b = right;

    if (a->resource != b->resource)
        return a->resource->index < b->resource->index ? -1 : 1;
    return strcmp(a->slug, b->slug);
}

static void forget_slugs(struct putter *putter)
{
    while (putter->slugs != NULL) {
        const struct put_draft *first = *(void *const *)putter->slugs;

        (void)tdelete(first, &putter->slugs, slug_compare);
    }
}

static void add_slug_fault(struct putter *putter, const struct put_draft *draft, const char *code,
                           const char *detail)
{
    char pointer[POINTER_BYTES_MAX];

    (void)snprintf(pointer, sizeof(pointer), "%s/slug", draft->pointer);
    problem_add(putter->problem, putter->arena, pointer, NULL, code, "%s", detail);
}

/* A draft that is not valid goes on to the next checks, so that all its faults are told at once. */
static int check_drafts(struct putter *putter)
{
    for (size_t i = 0; i < putter->count; i++) {
        struct put_draft *draft = &putter->drafts[i];
        const json_t *slug = json_object_get(draft->data, "slug");
        int r = content_check(draft->resource, draft->data, draft->pointer, putter->arena,
                              putter->problem);

        if (r != 0)
            return r;
        if (!json_is_object(draft->data) || (slug != NULL && !json_is_string(slug)))
            continue;
        draft->slug = json_string_value(slug);
        if (draft->slug == NULL)
            add_slug_fault(putter, draft, "required",
                           "the slug is missing: the record is found again by it");
        else if (tfind(draft, &putter->slugs, slug_compare) != NULL)
            add_slug_fault(putter, draft, "duplicate-slug",
                           "another record in this import has the same slug");
        else if (tsearch(draft, &putter->slugs, slug_compare) == NULL)
            return fault_raise(-ENOMEM);
    }
    return 0;
}

/* --- identity ---------------------------------------------------------------------------- */

/* The row of a slug, by bisection; the number of rows when there is none. */
static size_t row_of(const struct db_rows *rows, const char *slug)
{
    size_t low = 0;
    size_t high = db_rows_count(rows);

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(slug, db_rows_text(rows, middle, FOUND_NAME));

        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return db_rows_count(rows);
}

static void identify_as(struct putter *putter, struct put_draft *draft, const struct db_rows *rows,
                        size_t row)
{
    draft->id = arena_copy(putter->arena, db_rows_text(rows, row, FOUND_ID));
    draft->version = strtol(db_rows_text(rows, row, FOUND_VERSION), NULL, 10) + 1;
    draft->stored_slug = arena_copy(putter->arena, db_rows_text(rows, row, FOUND_SLUG));
    draft->is_public = db_rows_text(rows, row, FOUND_PUBLIC)[0] == 't';
    draft->stored_digest = arena_copy(putter->arena, db_rows_text(rows, row, FOUND_DIGEST));
    draft->imported_digest = arena_copy(putter->arena, db_rows_text(rows, row, FOUND_IMPORTED));
    draft->is_touched = db_rows_text(rows, row, FOUND_TOUCHED)[0] == 't';
}

static int identify_by_slug(struct putter *putter, const struct resource *resource)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct text slugs;
    int r = 0;

    text_init(&slugs, BATCH_BYTES_MAX);
    for (size_t i = 0; i < putter->count; i++)
        if (putter->drafts[i].resource == resource && putter->drafts[i].slug != NULL)
            reference_list_add(&slugs, putter->drafts[i].slug);
    if (slugs.length > 0) {
        reference_list_end(&slugs);
        r = text_failed(&slugs) ? fault_raise(-ENOMEM)
                                : db_run(putter->db, &FIND_BY_SLUG,
                                         (const char *const[]){resource->path, slugs.bytes}, &rows);
    }
    text_deinit(&slugs);
    for (size_t i = 0; r == 0 && rows != NULL && i < putter->count; i++) {
        struct put_draft *draft = &putter->drafts[i];
        size_t row;

        if (draft->resource != resource || draft->slug == NULL)
            continue;
        row = row_of(rows, draft->slug);
        if (row < db_rows_count(rows))
            identify_as(putter, draft, rows, row);
    }
    return r;
}

/* [{"draft", "name", "external_id"}] of those that no slug has led to anything. */
static void append_sources(struct putter *putter, const struct resource *resource,
                           struct text *sources)
{
    for (size_t i = 0; i < putter->count; i++) {
        const struct put_draft *draft = &putter->drafts[i];
        const json_t *source = json_object_get(draft->data, "source");
        const char *name = json_string_value(json_object_get(source, "name"));
        const char *external_id = json_string_value(json_object_get(source, "external_id"));

        if (draft->resource != resource || draft->id != NULL || name == NULL || external_id == NULL)
            continue;
        text_append_format(sources, "%s{\"draft\":%zu,\"name\":", sources->length == 0 ? "[" : ",",
                           i);
        text_append_json(sources, name);
        text_append(sources, ",\"external_id\":");
        text_append_json(sources, external_id);
        text_append_char(sources, '}');
    }
}

/* A record with another slug than before is known by where it comes from. */
static int identify_by_source(struct putter *putter, const struct resource *resource)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct text sources;
    int r = 0;

    text_init(&sources, BATCH_BYTES_MAX);
    append_sources(putter, resource, &sources);
    if (sources.length > 0) {
        text_append_char(&sources, ']');
        r = text_failed(&sources)
                ? fault_raise(-ENOMEM)
                : db_run(putter->db, &FIND_BY_SOURCE,
                         (const char *const[]){resource->path, sources.bytes}, &rows);
    }
    text_deinit(&sources);
    for (size_t row = 0; r == 0 && rows != NULL && row < db_rows_count(rows); row++) {
        struct put_draft *draft =
            &putter->drafts[strtoul(db_rows_text(rows, row, FOUND_NAME), NULL, 10)];

        if (draft->id == NULL)
            identify_as(putter, draft, rows, row);
    }
    return r;
}

static int id_compare(const void *left, const void *right)
{
    const struct put_draft *a = left;
    const struct put_draft *b = right;

    return strcmp(a->id, b->id);
}

/* Two drafts may be one record: by its slug, and by an earlier one or its source. */
static int check_ids(struct putter *putter)
{
    void *ids = NULL;
    int r = 0;

    for (size_t i = 0; i < putter->count && r == 0; i++) {
        const struct put_draft *draft = &putter->drafts[i];

        if (draft->id == NULL || draft->is_new)
            continue;
        if (tfind(draft, &ids, id_compare) != NULL)
            add_slug_fault(putter, draft, "duplicate-slug",
                           "another record in this import is the same one by its slug, an earlier "
                           "slug or its source");
        else if (tsearch(draft, &ids, id_compare) == NULL)
            r = fault_raise(-ENOMEM);
    }
    while (ids != NULL) {
        const struct put_draft *first = *(void *const *)ids;

        (void)tdelete(first, &ids, id_compare);
    }
    return r;
}

static int identify(struct putter *putter)
{
    const struct contract *contract = model_contract(putter->model);
    int r = 0;

    for (size_t i = 0; i < contract_resource_count(contract) && r == 0; i++) {
        r = identify_by_slug(putter, contract_resource(contract, i));
        if (r == 0)
            r = identify_by_source(putter, contract_resource(contract, i));
    }
    for (size_t i = 0; i < putter->count && r == 0; i++) {
        struct put_draft *draft = &putter->drafts[i];
        char id[UUID_TEXT_BYTES];

        if (draft->slug == NULL || draft->id != NULL)
            continue;
        uuid_make_v7(id);
        draft->id = arena_copy(putter->arena, id);
        draft->version = 1;
        draft->is_new = true;
    }
    return r == 0 ? check_ids(putter) : r;
}

static int resolve_references(struct putter *putter)
{
    struct reference_holder *holders =
        arena_alloc_array(putter->arena, putter->count, sizeof(*holders));

    if (holders == NULL)
        return putter->count == 0 ? 0 : fault_raise(-ENOMEM);
    for (size_t i = 0; i < putter->count; i++) {
        const struct put_draft *draft = &putter->drafts[i];

        holders[i] = (struct reference_holder){.resource = draft->resource,
                                               .record = draft->data,
                                               .pointer = draft->pointer,
                                               .slug = draft->slug,
                                               .id = draft->id};
    }
    return references_resolve(putter->model, putter->db, holders, putter->count, putter->arena,
                              putter->problem);
}

/* --- storing ----------------------------------------------------------------------------- */

/* Where the record comes from, when it does not say so. */
static int add_source(const struct putter *putter, struct put_draft *draft)
{
    json_t *source = json_object_get(draft->data, "source");

    if (putter->options->source == NULL || json_object_get(source, "name") != NULL)
        return 0;
    if (source == NULL) {
        source = json_object();
        if (json_object_set_new(draft->data, "source", source) != 0)
            return fault_raise(-ENOMEM);
    }
    if (json_object_set_new(source, "name", json_string(putter->options->source)) != 0 ||
        json_object_set_new(source, "external_id", json_string(draft->slug)) != 0)
        return fault_raise(-ENOMEM);
    return 0;
}

struct batch {
    const struct resource *resource;
    struct text items; /* the jsonb array of the statements that store */
    size_t first;      /* draft of the first of them */
    size_t new_count;  /* of them */
    size_t old_count;
    const char **ids; /* of all that were stored, in all batches */
    size_t count;
};

static bool is_among(const struct db_rows *rows, const char *id)
{
    for (size_t row = 0; row < db_rows_count(rows); row++)
        if (strcmp(db_rows_text(rows, row, 0), id) == 0)
            return true;
    return false;
}

/* New records whose slug or source somebody else has were not added: say which. */
static int tell_taken(struct putter *putter, const struct batch *batch, const struct db_rows *added)
{
    for (size_t i = batch->first; i < putter->count; i++) {
        const struct put_draft *draft = &putter->drafts[i];

        if (draft->resource == batch->resource && draft->is_new && !is_among(added, draft->id))
            add_slug_fault(putter, draft, "taken",
                           "a draft of the same owner has this slug or this source, or another "
                           "record of this import has the same source");
        if (putter->problem->error_count >= FAULTS_MAX)
            break;
    }
    return PUT_INVALID;
}

static int store_rows(struct putter *putter, struct batch *batch)
{
    const struct model_store *store = &model_of(putter->model, batch->resource)->store;
    const char *const values[] = {batch->items.bytes};
    CLEANUP(db_rows_freep) struct db_rows *added = NULL;
    int r = 0;

    if (batch->new_count > 0)
        r = db_run_text(putter->db, store->add, DB_PLAN_GENERIC, 1, values, &added);
    if (r == 0 && added != NULL && db_rows_count(added) < batch->new_count)
        return tell_taken(putter, batch, added);
    if (r == 0 && batch->old_count > 0)
        r = db_run_text(putter->db, store->change, DB_PLAN_GENERIC, 1, values, NULL);
    if (r == 0)
        r = store_fill(store, putter->db, values[0], batch->old_count == 0, NULL);
    if (r == 0)
        r = db_queue(putter->db, &VERSIONS_ADD, values, NULL);
    if (r == 0)
        r = db_run(putter->db, &CHANGES_ADD,
                   (const char *const[]){batch->resource->path, values[0]}, NULL);
    return r;
}

/* @next: the draft after the last of the batch */
static int store(struct putter *putter, struct batch *batch, size_t next)
{
    int r = 0;

    if (batch->items.length > 0 && putter->problem->error_count == 0) {
        text_append_char(&batch->items, ']');
        r = text_failed(&batch->items) ? fault_raise(-ENOMEM) : store_rows(putter, batch);
    }
    text_clear(&batch->items);
    batch->new_count = 0;
    batch->old_count = 0;
    batch->first = next;
    return r;
}

static void batch_add(struct batch *batch, const struct put_draft *draft, const char *dump,
                      const char *digest)
{
    text_append_format(&batch->items,
                       "%s{\"id\":\"%s\",\"new\":%s,\"slug\":\"%s\",\"version\":%ld,"
                       "\"status\":\"published\",\"change\":\"%s\","
                       "\"digest\":\"%s\",\"data\":",
                       batch->items.length == 0 ? "[" : ",", draft->id,
                       draft->is_new ? "true" : "false", draft->slug, draft->version,
                       draft->is_public ? "updated" : "created", digest);
    text_append(&batch->items, dump);
    text_append_char(&batch->items, '}');
    if (draft->is_new)
        batch->new_count++;
    else
        batch->old_count++;
    batch->ids[batch->count++] = draft->id;
}

static bool is_same(const char *stored_digest, const char *digest)
{
    return stored_digest != NULL && strcmp(stored_digest, digest) == 0;
}

static int put_draft(struct putter *putter, struct batch *batch, struct put_draft *draft,
                     struct put_summary *summary)
{
    const char *digest;
    char *dump;
    int r = add_source(putter, draft);

    if (r == 0)
        r = content_complete(draft->resource, draft->data);
    if (r != 0)
        return r;
    dump = content_dump(draft->data);
    digest = dump == NULL ? NULL : content_digest(putter->arena, dump);
    if (digest == NULL) {
        free(dump);
        return fault_raise(-ENOMEM);
    }
    draft->is_unchanged =
        is_same(draft->imported_digest, digest) || is_same(draft->stored_digest, digest);
    if (draft->is_unchanged)
        summary->unchanged++;
    else if (draft->is_touched && !draft->is_new && !putter->options->overwrite)
        add_slug_fault(putter, draft, "changed-since-import",
                       "somebody changed this record since it was imported: leave it out, or "
                       "import with --overwrite");
    else if (draft->is_new)
        summary->created++;
    else
        summary->updated++;
    if (!draft->is_unchanged)
        batch_add(batch, draft, dump, digest);
    free(dump);
    return 0;
}

static int put_resource(struct putter *putter, struct batch *batch, struct put_summary *summary)
{
    int r = 0;

    for (size_t i = 0; i < putter->count && r == 0; i++) {
        if (putter->drafts[i].resource != batch->resource)
            continue;
        r = put_draft(putter, batch, &putter->drafts[i], summary);
        if (r == 0 && batch->new_count + batch->old_count == BATCH_RECORDS)
            r = store(putter, batch, i + 1);
    }
    if (r == 0)
        r = store(putter, batch, putter->count);
    return r;
}

/* New slugs, and what was gone and is back. */
static int keep_addresses(struct putter *putter)
{
    int r = 0;

    for (size_t i = 0; i < putter->count && r == 0; i++) {
        const struct put_draft *draft = &putter->drafts[i];

        if (draft->is_new || draft->is_unchanged)
            continue;
        if (strcmp(draft->stored_slug, draft->slug) != 0)
            r = addresses_move(putter->db, draft->resource, draft->id, draft->stored_slug,
                               draft->slug);
        if (r == 0 && !draft->is_public)
            r = addresses_open(putter->db, draft->resource, draft->id, draft->slug);
    }
    return r;
}

static int put_all(struct putter *putter, struct put_summary *summary)
{
    const struct contract *contract = model_contract(putter->model);
    const size_t resource_count = contract_resource_count(contract);
    struct batch *batches = arena_alloc_array(putter->arena, resource_count, sizeof(*batches));
    int r = batches == NULL ? fault_raise(-ENOMEM) : 0;

    for (size_t i = 0; i < resource_count && r == 0; i++) {
        batches[i].resource = contract_resource(contract, i);
        batches[i].ids = arena_alloc_array(putter->arena, putter->count, sizeof(char *));
        text_init(&batches[i].items, BATCH_BYTES_MAX);
        r = batches[i].ids == NULL ? fault_raise(-ENOMEM)
                                   : put_resource(putter, &batches[i], summary);
        text_deinit(&batches[i].items);
    }
    if (r == 0 && putter->problem->error_count > 0)
        return PUT_INVALID;
    if (r == 0)
        r = keep_addresses(putter);
    for (size_t i = 0; i < resource_count && r == 0; i++)
        r = render_records(putter->model, putter->db, batches[i].resource, batches[i].ids,
                           batches[i].count);
    for (size_t i = 0; i < resource_count && r == 0; i++)
        r = render_dependents(putter->model, putter->db, batches[i].resource, batches[i].ids,
                              batches[i].count);
    return r;
}

int put_records(const struct model *model, struct db *db, struct put_draft *drafts, size_t count,
                const struct put_options *options, struct arena *arena, struct problem *problem,
                struct put_summary *ret_summary)
{
    struct putter putter = {.model = model,
                            .db = db,
                            .arena = arena,
                            .problem = problem,
                            .options = options,
                            .drafts = drafts,
                            .count = count};
    struct put_summary summary = {0};
    int r;

    assert(db_in_transaction(db));
    problem_set(problem, "validation-failed", NULL);
    r = check_drafts(&putter);
    if (r == 0)
        r = identify(&putter);
    if (r == 0)
        r = resolve_references(&putter);
    if (r == 0 && problem->error_count > 0)
        r = PUT_INVALID;
    if (r == 0)
        r = put_all(&putter, &summary);
    forget_slugs(&putter);
    if (r == 0 && arena_failed(arena))
        r = fault_raise(-ENOMEM);
    if (r == 0)
        *ret_summary = summary;
    return r;
}
