#include "record/put.h"

#include "base/arena.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "contract/schema.h"
#include "db/db.h"
#include "record/model.h"
#include "record/render.h"

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
#define DEFAULT_LANGUAGE "en"
#define DUMP_FLAGS (JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15))

/* Columns of RECORDS_FIND, in this order. */
enum { FOUND_SLUG, FOUND_ID, FOUND_VERSION, FOUND_DIGEST };
static const struct db_query RECORDS_FIND = {
    .name = "put_find",
    .sql = "select slug, id, version, digest from catalogue.record where resource = $1 and "
           "(slug = any($2::text[]) or id::text = any($2::text[])) order by slug collate \"C\"",
    .param_count = 2,
    .plan = DB_PLAN_CUSTOM,
};
static const struct db_query CHANGES_ADD = {
    .name = "put_changes_add",
    .sql = "insert into catalogue.change (resource, record_id, version, kind) "
           "select $1, (item->>'id')::uuid, (item->>'version')::integer, "
           "case item->>'version' when '1' then 'created' else 'updated' end "
           "from jsonb_array_elements($2::jsonb) as list(item)",
    .param_count = 2,
};
/* What is known by (resource, slug or id): in this call's drafts, or in the database. */
struct known {
    const struct resource *resource;
    const char *name;
    const char *id; /* "" while it is not known */
    struct known *next_unknown;
};

struct putter {
    const struct model *model;
    struct db *db;
    struct arena *arena;
    struct problem *problem;
    struct put_draft *drafts;
    size_t count;
    const char *source;
    void *known;           /* a tree of struct known, by tsearch() */
    struct known *unknown; /* those of them to be looked up */
    struct text pointer;
};

static int known_compare(const void *left, const void *right)
{
    const struct known *a = left;
    const struct known *b = right;

    if (a->resource != b->resource)
        return a->resource->index < b->resource->index ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int known_add(struct putter *putter, const struct resource *resource, const char *name,
                     const char *id)
{
    struct known *known = arena_alloc(putter->arena, sizeof(*known));

    if (known == NULL)
        return fault_raise(-ENOMEM);
    *known = (struct known){resource, name, id, putter->unknown};
    if (id[0] == '\0')
        putter->unknown = known;
    if (tsearch(known, &putter->known, known_compare) == NULL)
        return fault_raise(-ENOMEM);
    return 0;
}

static const char *known_find(struct putter *putter, const struct resource *resource,
                              const char *name)
{
    const struct known wanted = {.resource = resource, .name = name};
    void *const *found = tfind(&wanted, &putter->known, known_compare);
    const struct known *known = found == NULL ? NULL : *found;

    return known == NULL ? NULL : known->id;
}

static void forget_all(struct putter *putter)
{
    while (putter->known != NULL) {
        const struct known *first = *(void *const *)putter->known;

        (void)tdelete(first, &putter->known, known_compare);
    }
    putter->unknown = NULL;
}

/* --- checking --------------------------------------------------------------------------- */

static void check_translations(struct putter *putter, const struct put_draft *draft)
{
    const json_t *translations = json_object_get(draft->data, "translations");
    const json_t *translation;
    size_t i;

    json_array_foreach (translations, i, translation) {
        const char *name = json_string_value(json_object_get(translation, "property"));
        const struct property *property =
            name == NULL ? NULL : resource_leaf(draft->resource, name);
        char pointer[POINTER_BYTES_MAX];

        if (name == NULL || (property != NULL && property->translatable))
            continue;
        (void)snprintf(pointer, sizeof(pointer), "%s/translations/%zu/property", draft->pointer, i);
        problem_add(putter->problem, putter->arena, pointer, NULL, "not-translatable",
                    "'%s' is not a property of %s that can be translated", name,
                    draft->resource->path);
    }
}

/* A draft that is not valid goes on to the next checks, so that all its faults are told at once. */
static void check_drafts(struct putter *putter)
{
    for (size_t i = 0; i < putter->count; i++) {
        struct put_draft *draft = &putter->drafts[i];
        const json_t *slug = json_object_get(draft->data, "slug");
        char pointer[POINTER_BYTES_MAX];
        const bool valid = schema_check(draft->resource->write_schema, draft->data, draft->pointer,
                                        putter->arena, putter->problem);

        if (!valid && (!json_is_object(draft->data) || (slug != NULL && !json_is_string(slug))))
            continue;
        draft->slug = json_string_value(slug);
        (void)snprintf(pointer, sizeof(pointer), "%s/slug", draft->pointer);
        if (draft->slug == NULL)
            problem_add(putter->problem, putter->arena, pointer, NULL, "required",
                        "the slug is missing: the record is found again by it");
        else if (known_find(putter, draft->resource, draft->slug) != NULL)
            problem_add(putter->problem, putter->arena, pointer, NULL, "duplicate-slug",
                        "another record of %s in this import has the same slug",
                        draft->resource->path);
        else if (known_add(putter, draft->resource, draft->slug, "") != 0)
            return;
        check_translations(putter, draft);
    }
}

/* --- identity ---------------------------------------------------------------------------- */

static void append_array_item(struct text *list, const char *item)
{
    text_append(list, list->length == 0 ? "{" : ",");
    text_append_json(list, item); /* quotes and backslashes are escaped alike in both */
}

static int find_existing(struct putter *putter, const struct resource *resource, struct text *names,
                         struct db_rows **ret_rows)
{
    text_append_char(names, '}');
    if (text_failed(names))
        return fault_raise(-ENOMEM);
    return db_run(putter->db, &RECORDS_FIND, (const char *const[]){resource->path, names->bytes},
                  ret_rows);
}

/* The row of a slug, by bisection; the number of rows when there is none. */
static size_t row_of(const struct db_rows *rows, const char *slug)
{
    size_t low = 0;
    size_t high = db_rows_count(rows);

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(slug, db_rows_text(rows, middle, FOUND_SLUG));

        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return db_rows_count(rows);
}

/* The record that the draft replaces, or a new one. */
static void identify_draft(struct putter *putter, struct put_draft *draft,
                           const struct db_rows *rows)
{
    const size_t row = row_of(rows, draft->slug);
    char id[UUID_TEXT_BYTES];

    draft->is_new = row == db_rows_count(rows);
    if (draft->is_new) {
        uuid_make_v7(id);
        draft->id = arena_copy(putter->arena, id);
        draft->version = 1;
        return;
    }
    draft->id = arena_copy(putter->arena, db_rows_text(rows, row, FOUND_ID));
    draft->version = strtol(db_rows_text(rows, row, FOUND_VERSION), NULL, 10) + 1;
    draft->stored_digest = arena_copy(putter->arena, db_rows_text(rows, row, FOUND_DIGEST));
}

static int identify(struct putter *putter, const struct resource *resource)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct text slugs;
    int r = 0;

    text_init(&slugs, BATCH_BYTES_MAX);
    for (size_t i = 0; i < putter->count; i++)
        if (putter->drafts[i].resource == resource && putter->drafts[i].slug != NULL)
            append_array_item(&slugs, putter->drafts[i].slug);
    if (slugs.length > 0)
        r = find_existing(putter, resource, &slugs, &rows);
    text_deinit(&slugs);
    for (size_t i = 0; r == 0 && rows != NULL && i < putter->count; i++)
        if (putter->drafts[i].resource == resource && putter->drafts[i].slug != NULL)
            identify_draft(putter, &putter->drafts[i], rows);
    return r;
}

/* --- relations --------------------------------------------------------------------------- */

/* The slug or id by which a relation is written; NULL when it is neither. */
static const char *reference_name(const json_t *reference)
{
    const char *name = json_string_value(reference);

    if (name == NULL)
        name = json_string_value(json_object_get(reference, "id"));
    if (name == NULL)
        name = json_string_value(json_object_get(reference, "slug"));
    return name;
}

/* Called for every relation in a draft, to replace the value; @pointer is where it stands. */
typedef int (*reference_visitor)(struct putter *putter, const struct property *property,
                                 json_t *reference, json_t **ret_replacement);

static int visit_object(struct putter *putter, const struct property *properties, size_t count,
                        json_t *object, reference_visitor visit);

static int visit_value(struct putter *putter, const struct property *property, json_t *value,
                       json_t **ret_replacement, reference_visitor visit)
{
    if (property->kind == PROPERTY_RELATION)
        return visit(putter, property, value, ret_replacement);
    return visit_object(putter, property->members, property->member_count, value, visit);
}

static int visit_array(struct putter *putter, const struct property *property, json_t *array,
                       reference_visitor visit)
{
    const size_t length = putter->pointer.length;
    json_t *item;
    size_t i;

    json_array_foreach (array, i, item) {
        json_t *replacement = NULL;
        int r;

        text_append_format(&putter->pointer, "/%zu", i);
        r = visit_value(putter, property, item, &replacement, visit);
        putter->pointer.length = length;
        if (r != 0)
            return r;
        if (replacement != NULL && json_array_set_new(array, i, replacement) != 0)
            return fault_raise(-ENOMEM);
    }
    return 0;
}

static int visit_object(struct putter *putter, const struct property *properties, size_t count,
                        json_t *object, reference_visitor visit)
{
    const size_t length = putter->pointer.length;

    for (size_t i = 0; i < count; i++) {
        const struct property *property = &properties[i];
        json_t *value = json_object_get(object, property->name);
        json_t *replacement = NULL;
        int r;

        if (property->is_computed || value == NULL ||
            (property->kind != PROPERTY_RELATION && property->kind != PROPERTY_OBJECT))
            continue;
        text_append_format(&putter->pointer, "/%s", property->name);
        if (property->is_array)
            r = visit_array(putter, property, value, visit);
        else
            r = visit_value(putter, property, value, &replacement, visit);
        putter->pointer.length = length;
        if (r != 0)
            return r;
        if (replacement != NULL && json_object_set_new(object, property->name, replacement) != 0)
            return fault_raise(-ENOMEM);
    }
    return 0;
}

static int visit_all(struct putter *putter, reference_visitor visit)
{
    int r = 0;

    for (size_t i = 0; i < putter->count && r == 0; i++) {
        const struct put_draft *draft = &putter->drafts[i];

        text_clear(&putter->pointer);
        text_append(&putter->pointer, draft->pointer);
        r = visit_object(putter, draft->resource->properties, draft->resource->property_count,
                         draft->data, visit);
    }
    return r;
}

/* First round: note the names that are not known yet, as (resource, name) without id. */
static int note_unknown(struct putter *putter, const struct property *property, json_t *reference,
                        json_t **ret_replacement)
{
    const char *name = reference_name(reference);

    (void)ret_replacement;
    if (name == NULL || known_find(putter, property->target, name) != NULL)
        return 0;
    /* Copied: the second round frees the reference that it lies in. */
    name = arena_copy(putter->arena, name);
    return name == NULL ? fault_raise(-ENOMEM) : known_add(putter, property->target, name, "");
}

static int know_stored(struct putter *putter, const struct resource *resource)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct text names;
    int r = 0;

    text_init(&names, BATCH_BYTES_MAX);
    for (const struct known *known = putter->unknown; known != NULL; known = known->next_unknown)
        if (known->resource == resource)
            append_array_item(&names, known->name);
    if (names.length > 0)
        r = find_existing(putter, resource, &names, &rows);
    text_deinit(&names);
    for (size_t row = 0; r == 0 && rows != NULL && row < db_rows_count(rows); row++) {
        const char *const id = arena_copy(putter->arena, db_rows_text(rows, row, FOUND_ID));
        const char *const by[] = {db_rows_text(rows, row, FOUND_SLUG), id};

        for (size_t i = 0; i < ARRAY_LENGTH(by); i++) {
            const struct known wanted = {.resource = resource, .name = by[i]};
            void *const *found = tfind(&wanted, &putter->known, known_compare);

            if (found != NULL)
                ((struct known *)*found)->id = id;
        }
    }
    return r;
}

/* Second round: put the id in the place of each name; what is unknown still is a fault. */
static int replace_reference(struct putter *putter, const struct property *property,
                             json_t *reference, json_t **ret_replacement)
{
    const char *name = reference_name(reference);
    const char *id = name == NULL ? NULL : known_find(putter, property->target, name);

    if (name == NULL)
        return 0; /* the schema has told */
    if (id == NULL || id[0] == '\0') {
        putter->pointer.bytes[putter->pointer.length] = '\0';
        problem_add(putter->problem, putter->arena, putter->pointer.bytes, NULL,
                    "unknown-reference", "there is no record of %s with this slug or id",
                    property->target->path);
        return 0;
    }
    *ret_replacement = json_string(id);
    return *ret_replacement == NULL ? fault_raise(-ENOMEM) : 0;
}

static int resolve_references(struct putter *putter)
{
    const struct contract *contract = model_contract(putter->model);
    int r = 0;

    forget_all(putter);
    for (size_t i = 0; i < putter->count && r == 0; i++) {
        const struct put_draft *draft = &putter->drafts[i];

        if (draft->slug == NULL)
            continue;
        r = known_add(putter, draft->resource, draft->slug, draft->id);
        if (r == 0)
            r = known_add(putter, draft->resource, draft->id, draft->id);
    }
    if (r == 0)
        r = visit_all(putter, note_unknown);
    for (size_t i = 0; i < contract_resource_count(contract) && r == 0; i++)
        r = know_stored(putter, contract_resource(contract, i));
    if (r == 0)
        r = visit_all(putter, replace_reference);
    return r;
}

/* --- storing ----------------------------------------------------------------------------- */

/* What the record leaves unsaid: its language, and where it comes from. */
static int complete(struct putter *putter, struct put_draft *draft)
{
    json_t *source = json_object_get(draft->data, "source");

    if (json_object_get(draft->data, "language") == NULL &&
        json_object_set_new(draft->data, "language", json_string(DEFAULT_LANGUAGE)) != 0)
        return fault_raise(-ENOMEM);
    if (putter->source == NULL || json_object_get(source, "name") != NULL)
        return 0;
    if (source == NULL) {
        source = json_object();
        if (json_object_set_new(draft->data, "source", source) != 0)
            return fault_raise(-ENOMEM);
    }
    if (json_object_set_new(source, "name", json_string(putter->source)) != 0 ||
        json_object_set_new(source, "external_id", json_string(draft->slug)) != 0)
        return fault_raise(-ENOMEM);
    return 0;
}

/* A hash of what the record says, to leave alone what would not change. */
static const char *digest_of(struct arena *arena, const char *dump)
{
    struct digest digest;
    char text[DIGEST_TEXT_BYTES];

    digest_init(&digest);
    digest_text(&digest, dump);
    return arena_copy(arena, digest_finish(&digest, text));
}

struct batch {
    const struct resource *resource;
    struct text items; /* the jsonb array of the put statements */
    const char **ids;
    size_t count;
};

static int store(struct putter *putter, struct batch *batch)
{
    const struct model_resource *of = model_of(putter->model, batch->resource);
    int r = 0;

    if (batch->items.length == 0)
        return 0;
    text_append_char(&batch->items, ']');
    if (text_failed(&batch->items))
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < of->put_count && r == 0; i++)
        r = db_run_text(putter->db, of->put[i], DB_PLAN_GENERIC, 1,
                        (const char *const[]){batch->items.bytes}, NULL);
    if (r == 0)
        r = db_run(putter->db, &CHANGES_ADD,
                   (const char *const[]){batch->resource->path, batch->items.bytes}, NULL);
    text_clear(&batch->items);
    return r;
}

static void batch_add(struct batch *batch, const struct put_draft *draft, const char *dump,
                      const char *digest)
{
    text_append_format(&batch->items,
                       "%s{\"id\":\"%s\",\"slug\":\"%s\",\"version\":%ld,\"status\":\"published\","
                       "\"digest\":\"%s\",\"data\":",
                       batch->items.length == 0 ? "[" : ",", draft->id, draft->slug, draft->version,
                       digest);
    text_append(&batch->items, dump);
    text_append_char(&batch->items, '}');
    batch->ids[batch->count++] = draft->id;
}

static int put_resource(struct putter *putter, struct batch *batch, struct put_summary *summary)
{
    int r = 0;

    for (size_t i = 0; i < putter->count && r == 0; i++) {
        struct put_draft *draft = &putter->drafts[i];
        const char *digest;
        char *dump;

        if (draft->resource != batch->resource)
            continue;
        r = complete(putter, draft);
        if (r != 0)
            break;
        dump = json_dumps(draft->data, DUMP_FLAGS);
        digest = dump == NULL ? NULL : digest_of(putter->arena, dump);
        if (digest == NULL) {
            free(dump);
            return fault_raise(-ENOMEM);
        }
        draft->is_unchanged =
            draft->stored_digest != NULL && strcmp(draft->stored_digest, digest) == 0;
        if (draft->is_unchanged)
            summary->unchanged++;
        else if (draft->is_new)
            summary->created++;
        else
            summary->updated++;
        if (!draft->is_unchanged) {
            batch_add(batch, draft, dump, digest);
            if (batch->count % BATCH_RECORDS == 0)
                r = store(putter, batch);
        }
        free(dump);
    }
    if (r == 0)
        r = store(putter, batch);
    return r;
}

/* Store everything first, then render: documents show one another. */
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
    for (size_t i = 0; i < resource_count && r == 0; i++)
        r = render_records(putter->model, putter->db, batches[i].resource, batches[i].ids,
                           batches[i].count);
    for (size_t i = 0; i < resource_count && r == 0; i++)
        r = render_dependents(putter->model, putter->db, batches[i].resource, batches[i].ids,
                              batches[i].count);
    return r;
}

int put_records(const struct model *model, struct db *db, struct put_draft *drafts, size_t count,
                const char *source, struct arena *arena, struct problem *problem,
                struct put_summary *ret_summary)
{
    const struct contract *contract = model_contract(model);
    struct putter putter = {.model = model,
                            .db = db,
                            .arena = arena,
                            .problem = problem,
                            .drafts = drafts,
                            .count = count,
                            .source = source};
    struct put_summary summary = {0};
    int r = 0;

    assert(db_in_transaction(db));
    text_init(&putter.pointer, POINTER_BYTES_MAX);
    problem_set(problem, "validation-failed", NULL);
    check_drafts(&putter);
    for (size_t i = 0; i < contract_resource_count(contract) && r == 0; i++)
        r = identify(&putter, contract_resource(contract, i));
    if (r == 0)
        r = resolve_references(&putter);
    if (r == 0 && problem->error_count > 0)
        r = PUT_INVALID;
    if (r == 0)
        r = put_all(&putter, &summary);
    forget_all(&putter);
    text_deinit(&putter.pointer);
    if (r == 0 && arena_failed(arena))
        r = fault_raise(-ENOMEM);
    if (r == 0)
        *ret_summary = summary;
    return r;
}
