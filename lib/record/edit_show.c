/*
 * Working copies and versions, as records are read: in the order of the contract,
 * whatever order they were written in, and relations with the name of the other record. One that
 * the caller may not see is left out, as in what the public reads.
 */
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

struct heads {
    struct arena *arena;
    struct head *items; /* sorted by id when all are found */
    size_t count;
    size_t capacity;
};

static int collect_head(void *data, const struct property *property, const char *pointer,
                        json_t *value, json_t **ret_replacement)
{
    struct heads *heads = data;
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

static const struct head *find_head(const struct heads *heads, const char *id)
{
    const struct head wanted = {.id = id};

    return id == NULL || heads->count == 0
               ? NULL
               : bsearch(&wanted, heads->items, heads->count, sizeof(wanted), compare_heads);
}

/* The same record may be in the list more than once. */
static void note_head(struct heads *heads, const struct db_rows *rows, size_t row)
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
                          const struct heads *heads, struct db_rows **ret_rows)
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

/* Of all resources in one flight. */
static int fetch_heads(const struct edit *edit, const struct resource *resource, json_t *data,
                       struct heads *heads)
{
    const struct contract *contract = model_contract(edit->model);
    const size_t count = contract_resource_count(contract);
    struct db_rows **rows = arena_alloc_array(edit->arena, count, sizeof(struct db_rows *));
    int r =
        rows == NULL ? fault_raise(-ENOMEM) : record_visit(resource, data, "", collect_head, heads);

    if (r != 0 || heads->count == 0)
        return r;
    for (size_t i = 0; i < count; i++)
        rows[i] = NULL;
    for (size_t i = 0; i < count && r == 0; i++)
        r = queue_heads_of(edit, contract_resource(contract, i), heads, &rows[i]);
    if (r == 0)
        r = db_flush(edit->db);
    for (size_t i = 0; i < count; i++) {
        for (size_t row = 0; rows[i] != NULL && row < db_rows_count(rows[i]); row++)
            note_head(heads, rows[i], row);
        db_rows_free(rows[i]);
    }
    qsort(heads->items, heads->count, sizeof(*heads->items), compare_heads);
    return r;
}

/* --- showing -------------------------------------------------------------------------------------
 */

static json_t *shown_object(const struct property *properties, size_t count, const json_t *object,
                            const struct heads *heads);

/* A new reference; NULL: there is nothing to show. */
static json_t *shown_value(const struct property *property, json_t *value,
                           const struct heads *heads)
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
                          const struct heads *heads)
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
                       const struct heads *heads)
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
                            const struct heads *heads)
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
                            const struct heads *heads)
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

int edit_append_json(const struct edit *edit, const struct edit_record *record, bool dry_run,
                     struct text *text)
{
    struct heads heads = {.arena = edit->arena};
    json_auto_t *shown = NULL;
    char *dump;
    int r = fetch_heads(edit, record->resource, record->data, &heads);

    if (r != 0)
        return r;
    shown = shown_record(record, dry_run, &heads);
    dump = shown == NULL ? NULL : json_dumps(shown, SHOWN_FLAGS);
    if (dump == NULL || arena_failed(edit->arena)) {
        free(dump);
        return fault_raise(-ENOMEM);
    }
    text_append(text, dump);
    free(dump);
    return 0;
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
