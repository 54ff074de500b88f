/*
 * Working copies and versions, as records are read: in the order of the contract,
 * whatever order they were written in, and relations with the name of the other record. One that
 * the caller may not see is left out, as in what the public reads.
 */
#include "record/edit_batch.h"
#include "record/edit_internal.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "contract/contract.h"
#include "db/db.h"
#include "db/time.h"
#include "record/model.h"
#include "record/references.h"
#include "record/visit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(15))
#define LIST_BYTES_MAX (1024 * 1024)

/* Columns of model_resource.heads. */
enum { HEAD_ID, HEAD_SLUG, HEAD_LABEL };

static const struct db_query VERSION = {
    .name = "edit_version",
    .sql = "select v.status, v.review, to_char(v.at" DB_RFC3339 ", (select w.data from "
           "catalogue.version w where w.record_id = v.record_id and w.version <= v.version "
           "and w.data is not null order by w.version desc limit 1), v.reason "
           "from catalogue.version v where v.record_id = $1::uuid and v.version = $2::integer",
    .param_count = 2,
};

/* --- the names of other records ------------------------------------------------------------------
 */

struct head {
    const struct resource *resource;
    const char *id;
    const char *slug; /* NULL: not known, or not for the caller */
    const char *label;
};

struct edit_heads {
    struct arena *arena;
    struct head *items; /* sorted by id when all are found */
    size_t count;
    size_t capacity;
};

static int collect_head(void *data, const struct property *property, const char *pointer,
                        json_t *value, json_t **ret_replacement)
{
    struct edit_heads *heads = data;
    const char *id = json_string_value(value);

    (void)pointer;
    (void)ret_replacement;
    if (property->kind != PROPERTY_RELATION || id == NULL)
        return 0;
    if (heads->count == heads->capacity) {
        const size_t capacity = heads->capacity == 0 ? 16 : heads->capacity * 2;
        struct head *items = arena_alloc_array(heads->arena, capacity, sizeof(*items));

        if (items == NULL)
            return fault_raise(-ENOMEM);
        if (heads->count > 0)
            memcpy(items, heads->items, heads->count * sizeof(*items));
        heads->items = items;
        heads->capacity = capacity;
    }
    heads->items[heads->count++] = (struct head){.resource = property->target, .id = id};
    return 0;
}

static int compare_heads(const void *left, const void *right)
{
    const struct head *a = left;
    const struct head *b = right;

    return strcmp(a->id, b->id);
}

static const struct head *find_head(const struct edit_heads *heads, const char *id)
{
    const struct head wanted = {.id = id};

    return id == NULL || heads->count == 0
               ? NULL
               : bsearch(&wanted, heads->items, heads->count, sizeof(wanted), compare_heads);
}

/* The same record may be in the list more than once. */
static void note_head(struct edit_heads *heads, const struct db_rows *rows, size_t row)
{
    const char *id = db_rows_text(rows, row, HEAD_ID);
    const char *slug = arena_copy(heads->arena, db_rows_text(rows, row, HEAD_SLUG));
    const char *label = arena_copy(heads->arena, db_rows_text(rows, row, HEAD_LABEL));

    for (size_t i = 0; i < heads->count; i++) {
        if (strcmp(heads->items[i].id, id) == 0) {
            heads->items[i].slug = slug;
            heads->items[i].label = label;
        }
    }
}

static int queue_heads_of(const struct edit *edit, const struct resource *resource,
                          const struct edit_heads *heads, struct db_rows **ret_rows)
{
    struct text ids;
    int r = 0;

    text_init(&ids, LIST_BYTES_MAX);
    for (size_t i = 0; i < heads->count; i++)
        if (heads->items[i].resource == resource)
            reference_list_add(&ids, heads->items[i].id);
    if (ids.length > 0) {
        reference_list_end(&ids);
        r = text_failed(&ids)
                ? fault_raise(-ENOMEM)
                : db_queue_text(edit->db, model_of(edit->model, resource)->heads, DB_PLAN_GENERIC,
                                1, (const char *const[]){ids.bytes}, ret_rows);
    }
    text_deinit(&ids);
    return r;
}

static int queue_heads(const struct edit *edit, const struct edit_heads *heads,
                       struct db_rows **rows)
{
    const struct contract *contract = model_contract(edit->model);
    int r = 0;

    for (size_t i = 0; i < contract_resource_count(contract) && r == 0; i++)
        r = queue_heads_of(edit, contract_resource(contract, i), heads, &rows[i]);
    return r;
}

static void note_heads(const struct model *model, struct edit_heads *heads,
                       struct db_rows *const *rows)
{
    for (size_t i = 0; i < contract_resource_count(model_contract(model)); i++)
        for (size_t row = 0; rows[i] != NULL && row < db_rows_count(rows[i]); row++)
            note_head(heads, rows[i], row);
    if (heads->count > 0)
        qsort(heads->items, heads->count, sizeof(*heads->items), compare_heads);
}

/* Of all resources in one flight. */
static int fetch_heads(const struct edit *edit, const struct resource *resource, json_t *data,
                       struct edit_heads *heads)
{
    const size_t count = contract_resource_count(model_contract(edit->model));
    struct db_rows **rows = arena_alloc_array(edit->arena, count, sizeof(struct db_rows *));
    int r =
        rows == NULL ? fault_raise(-ENOMEM) : record_visit(resource, data, "", collect_head, heads);

    if (r != 0 || heads->count == 0)
        return r;
    for (size_t i = 0; i < count; i++)
        rows[i] = NULL;
    r = queue_heads(edit, heads, rows);
    if (r == 0)
        r = db_flush(edit->db);
    note_heads(edit->model, heads, rows);
    for (size_t i = 0; i < count; i++)
        db_rows_free(rows[i]);
    return r;
}

int edit_queue_heads(const struct edit *edit, struct edit_draft *const *drafts, size_t count,
                     struct db_rows **rows)
{
    struct edit_heads all = {.arena = edit->arena};
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++)
        r = record_visit(drafts[i]->record.resource, drafts[i]->data, "", collect_head, &all);
    return r == 0 ? queue_heads(edit, &all, rows) : r;
}

int edit_note_heads(const struct model *model, struct edit_draft *draft,
                    struct db_rows *const *rows)
{
    struct edit_heads *heads = arena_alloc(draft->edit.arena, sizeof(*heads));
    int r;

    if (heads == NULL)
        return fault_raise(-ENOMEM);
    *heads = (struct edit_heads){.arena = draft->edit.arena};
    r = record_visit(draft->record.resource, draft->data, "", collect_head, heads);
    note_heads(model, heads, rows);
    draft->heads = heads;
    return r == 0 && arena_failed(heads->arena) ? fault_raise(-ENOMEM) : r;
}

/* --- showing -------------------------------------------------------------------------------------
 */

static json_t *shown_object(const struct property *properties, size_t count, const json_t *object,
                            const struct edit_heads *heads);

/* A new reference; NULL: there is nothing to show. */
static json_t *shown_value(const struct property *property, json_t *value,
                           const struct edit_heads *heads)
{
    const struct head *head;

    if (property->kind == PROPERTY_OBJECT)
        return shown_object(property->members, property->member_count, value, heads);
    if (property->kind != PROPERTY_RELATION)
        return json_incref(value);
    head = find_head(heads, json_string_value(value));
    if (head == NULL || head->slug == NULL)
        return NULL;
    return json_pack("{s:s,s:s,s:s}", "id", head->id, "slug", head->slug, "title", head->label);
}

static json_t *shown_list(const struct property *property, const json_t *list,
                          const struct edit_heads *heads)
{
    json_t *shown = json_array();
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item) {
        json_t *value = shown_value(property, item, heads);

        if (value != NULL && json_array_append_new(shown, value) != 0) {
            json_decref(shown);
            return NULL;
        }
    }
    if (json_array_size(shown) == 0 && json_array_size(list) > 0) {
        json_decref(shown);
        return NULL;
    }
    return shown;
}

static int show_member(json_t *shown, const struct property *property, json_t *value,
                       const struct edit_heads *heads)
{
    json_t *of_it;

    if (value == NULL)
        return 0;
    of_it = property->is_array ? shown_list(property, value, heads)
                               : shown_value(property, value, heads);
    return of_it == NULL ? 0 : json_object_set_new(shown, property->name, of_it);
}

/* Recursion follows the contract, whose depth is bounded. */
static json_t *shown_object(const struct property *properties, size_t count, const json_t *object,
                            const struct edit_heads *heads)
{
    json_t *shown = json_object();

    for (size_t i = 0; i < count; i++) {
        if (show_member(shown, &properties[i], json_object_get(object, properties[i].name),
                        heads) != 0) {
            json_decref(shown);
            return NULL;
        }
    }
    return shown;
}

const char *edit_name(const struct edit_record *record)
{
    /* A slug that was never public may be that of several drafts. */
    return record->first_published_at == NULL ? record->id : record->live_slug;
}

static json_t *links_of(const struct edit_record *record)
{
    const char *path = record->resource->path;
    const char *name = edit_name(record);

    return json_pack("{s:o,s:o,s:o}", "self", json_sprintf("/v1/%s/%s", path, name), "working_copy",
                     json_sprintf("/v1/%s/%s/working-copy", path, name), "versions",
                     json_sprintf("/v1/%s/%s/versions", path, name));
}

static json_t *optional(const char *text)
{
    return text == NULL ? NULL : json_string(text);
}

/* What is not content, by name; NULL: the record has none. */
static json_t *shown_state(const struct edit_record *record, const char *name, bool dry_run)
{
    if (strcmp(name, ID_PROPERTY) == 0)
        return json_string(record->id);
    if (strcmp(name, "slug") == 0)
        return json_string(record->slug);
    if (strcmp(name, "status") == 0)
        return json_string(record->status);
    if (strcmp(name, "review") == 0)
        return optional(record->review);
    if (strcmp(name, "review_reason") == 0)
        return optional(record->reason);
    if (strcmp(name, "version") == 0)
        return json_integer(record->version);
    if (strcmp(name, "created_at") == 0)
        return json_string(record->created_at);
    if (strcmp(name, "updated_at") == 0)
        return json_string(record->updated_at);
    if (strcmp(name, "verify_due") == 0)
        return optional(record->verify_due);
    if (strcmp(name, "links") == 0)
        return links_of(record);
    if (strcmp(name, "meta") == 0 && dry_run)
        return json_pack("{s:b}", "dry_run", 1);
    return NULL;
}

static json_t *shown_record(const struct edit_record *record, bool dry_run,
                            const struct edit_heads *heads)
{
    json_t *shown = json_object();

    for (size_t i = 0; i < record->resource->property_count; i++) {
        const struct property *property = &record->resource->properties[i];
        json_t *state = shown_state(record, property->name, dry_run);
        int r = 0;

        if (state != NULL)
            r = json_object_set_new(shown, property->name, state);
        else if (!property->read_only && !property->is_computed)
            r = show_member(shown, property, json_object_get(record->data, property->name), heads);
        if (r != 0) {
            json_decref(shown);
            return NULL;
        }
    }
    return shown;
}

static int append_record(const struct edit_record *record, bool dry_run,
                         const struct edit_heads *heads, struct text *text)
{
    json_auto_t *shown = shown_record(record, dry_run, heads);
    char *dump = shown == NULL ? NULL : json_dumps(shown, SHOWN_FLAGS);

    if (dump == NULL || arena_failed(heads->arena)) {
        free(dump);
        return fault_raise(-ENOMEM);
    }
    text_append(text, dump);
    free(dump);
    return 0;
}

int edit_append_json(const struct edit *edit, const struct edit_record *record, bool dry_run,
                     struct text *text)
{
    struct edit_heads heads = {.arena = edit->arena};
    int r = fetch_heads(edit, record->resource, record->data, &heads);

    return r == 0 ? append_record(record, dry_run, &heads, text) : r;
}

int edit_append_draft(const struct edit_draft *draft, struct text *text)
{
    return append_record(&draft->record, false, draft->heads, text);
}

int edit_append_version(const struct edit *edit, const struct edit_record *record, long number,
                        struct text *text)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct edit_record version = *record;
    json_auto_t *data = NULL;
    char wanted[EDIT_NUMBER_BYTES];
    int r;

    (void)snprintf(wanted, sizeof(wanted), "%ld", number);
    r = db_run(edit->db, &VERSION, (const char *const[]){record->id, wanted}, &rows);
    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0 || db_rows_text(rows, 0, 3) == NULL)
        return EDIT_NOT_FOUND;
    data = json_loads(db_rows_text(rows, 0, 3), 0, NULL);
    if (data == NULL)
        return fault_raise(-EPROTO);
    version.status = db_rows_text(rows, 0, 0);
    version.review = db_rows_text(rows, 0, 1);
    version.updated_at = db_rows_text(rows, 0, 2);
    version.reason = db_rows_text(rows, 0, 4);
    version.version = number;
    version.data = data;
    version.slug = json_string_value(json_object_get(data, "slug"));
    if (version.slug == NULL)
        version.slug = record->live_slug;
    return edit_append_json(edit, &version, false, text);
}
