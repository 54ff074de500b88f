/*
 * The statements of model_store take a list of records in any case. What is looked up
 * for one is looked up for all by the same statement, so that two flights do: one
 * before the records are complete, and one that stores them.
 */
#include "record/edit_batch.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "db/db.h"
#include "db/time.h"
#include "record/content.h"
#include "record/edit_internal.h"
#include "record/model.h"
#include "record/references.h"
#include "record/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_BYTES_MAX (8u * BODY_BYTES_MAX * CREATES_TOGETHER_MAX)

/* Columns of model_store.create. */
enum { STORED_ID, STORED_AT, STORED_VERIFY_DUE };

/* The first versions, of the same list as the records. */
static const struct db_query VERSIONS_ADD = {
    .name = "edit_versions_add",
    .sql = "insert into catalogue.version (record_id, version, action, status, data, digest, "
           "changed, client_id, role, at) select item.id, item.version, 'create', item.status, "
           "item.data, item.digest, item.changed, identity.acting_client(), "
           "identity.acting_role(), date_trunc('milliseconds', now()) "
           "from jsonb_to_recordset($1::jsonb) as item(id uuid, version integer, status text, "
           "digest text, data jsonb, changed text[])",
    .param_count = 1,
};

/* --- one of them -------------------------------------------------------------------------------
 */

int edit_draft_init(const struct edit *edit, const struct resource *resource, const json_t *data,
                    struct edit_draft *ret_draft)
{
    char id[UUID_TEXT_BYTES];
    int r;

    *ret_draft = (struct edit_draft){.edit = *edit, .record = {.resource = resource}};
    if (edit_may_write(edit, resource) != 0 || !content_is_composed(data))
        return EDIT_ALONE;
    uuid_make_v7(id);
    ret_draft->record.id = arena_copy(edit->arena, id);
    ret_draft->data = json_deep_copy(data);
    if (ret_draft->record.id == NULL || ret_draft->data == NULL)
        return fault_raise(-ENOMEM);
    r = content_check(resource, ret_draft->data, "", edit->arena, edit->problem);
    if (r == 0 && arena_failed(edit->arena))
        r = fault_raise(-ENOMEM);
    return r == 0 && edit->problem->error_count > 0 ? EDIT_ALONE : r;
}

void edit_draft_deinit(struct edit_draft *draft)
{
    edit_deinit(&draft->record);
    json_decref(draft->data);
    draft->data = NULL;
    free(draft->dump);
    draft->dump = NULL;
}

/* --- before they are stored --------------------------------------------------------------------
 */

static int queue_slugs(struct edit_batch *batch)
{
    struct text asked;
    int r;

    text_init(&asked, ITEMS_BYTES_MAX);
    for (size_t i = 0; i < batch->count; i++)
        edit_append_asked(&asked, i, &batch->drafts[i]->record, batch->drafts[i]->data);
    r = edit_queue_asked(&batch->edit, batch->drafts[0]->record.resource, &asked, &batch->slugs);
    text_deinit(&asked);
    return r;
}

static int resolve(struct edit_batch *batch)
{
    struct reference_holder *holders =
        arena_alloc_array(batch->edit.arena, batch->count, sizeof(*holders));

    if (holders == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < batch->count; i++) {
        const struct edit_draft *draft = batch->drafts[i];

        holders[i] = (struct reference_holder){
            .resource = draft->record.resource,
            .record = draft->data,
            .pointer = "",
            .slug = json_string_value(json_object_get(draft->data, "slug")),
            .id = draft->record.id,
        };
    }
    return references_resolve(batch->edit.model, batch->edit.db, holders, batch->count,
                              batch->edit.arena, batch->edit.problem);
}

static bool is_taken(const struct edit_batch *batch, size_t before, const char *slug)
{
    for (size_t i = 0; i < before; i++)
        if (batch->drafts[i]->record.live_slug != NULL &&
            strcmp(batch->drafts[i]->record.live_slug, slug) == 0)
            return true;
    return false;
}

/* Those who come at the same moment with the same name go on by chance. */
static int give_slugs(struct edit_batch *batch)
{
    if (db_rows_count(batch->slugs) != batch->count)
        return EDIT_ALONE;
    for (size_t row = 0; row < batch->count; row++) {
        const size_t place = strtoul(db_rows_text(batch->slugs, row, EDIT_SLUG_PLACE), NULL, 10);
        struct edit_draft *draft = batch->drafts[place];
        const char *slug = db_rows_text(batch->slugs, row, EDIT_SLUG_FREE);

        if (is_taken(batch, batch->count, slug)) {
            if (json_object_get(draft->data, "slug") != NULL)
                return EDIT_ALONE;
            slug = db_rows_text(batch->slugs, row, EDIT_SLUG_BY_CHANCE);
        }
        draft->record.live_slug = arena_copy(draft->edit.arena, slug);
        if (draft->record.live_slug == NULL)
            return fault_raise(-ENOMEM);
    }
    return 0;
}

/* What is stored of it: complete, and as text. */
static int complete(const struct edit *edit, struct edit_draft *draft)
{
    struct edit_record *record = &draft->record;
    const struct edit owning = {
        .arena = edit->arena, .caller = edit->caller, .problem = edit->problem};
    int r = edit_check_owner(&owning, record, draft->data);

    if (r == 0)
        r = content_complete(record->resource, draft->data);
    if (r == 0 && json_object_set_new(draft->data, "slug", json_string(record->live_slug)) != 0)
        r = fault_raise(-ENOMEM);
    if (r == 0)
        r = content_changed(NULL, draft->data, draft->edit.arena, &record->changed,
                            &record->changed_count);
    if (r != 0)
        return r;
    draft->dump = content_dump(draft->data);
    draft->digest = draft->dump == NULL ? NULL : content_digest(draft->edit.arena, draft->dump);
    record->owner_id =
        arena_copy(draft->edit.arena, json_string_value(json_object_get(draft->data, "owner")));
    return draft->digest == NULL || arena_failed(draft->edit.arena) ? fault_raise(-ENOMEM) : 0;
}

int edit_batch_look(struct edit_batch *batch)
{
    const struct problem *problem = batch->edit.problem;
    int r = queue_slugs(batch);

    if (r == 0)
        r = resolve(batch);
    if (r == 0)
        r = db_flush(batch->edit.db);
    if (r == 0 && problem->error_count > 0)
        r = EDIT_ALONE;
    if (r == 0)
        r = give_slugs(batch);
    for (size_t i = 0; i < batch->count && r == 0; i++)
        r = complete(&batch->edit, batch->drafts[i]);
    return r == 0 && problem->error_count > 0 ? EDIT_ALONE : r;
}

/* --- storing ------------------------------------------------------------------------------------
 */

/* What a statement of model_store takes of a record: for the others to parse it is a waste. */
struct part {
    const struct property *list; /* this one, and records that have it alone; NULL: no lists */
    bool is_common; /* else: what catalogue.record holds, or the resource's own table */
};

/* The property of the record that @property is, or is part of. */
static const struct property *top_of(const struct property *property)
{
    while (property->parent != NULL)
        property = property->parent;
    return property;
}

static bool is_in(const struct part *part, const struct property *property)
{
    return part->list != NULL ? property == top_of(part->list)
                              : property->table == NULL && property->is_common == part->is_common;
}

static int append_bytes(const char *bytes, size_t size_bytes, void *text)
{
    text_append_bytes(text, bytes, size_bytes);
    return 0;
}

/* {"title":"…"} */
static void append_data(struct text *items, const struct edit_draft *draft, const struct part *part)
{
    const struct resource *resource = draft->record.resource;
    char separator = '{';

    for (size_t i = 0; i < resource->property_count; i++) {
        const struct property *property = &resource->properties[i];
        const json_t *value =
            is_in(part, property) ? json_object_get(draft->data, property->name) : NULL;

        if (value == NULL)
            continue;
        text_append_format(items, "%c\"%s\":", separator, property->name);
        if (json_dump_callback(value, append_bytes, items, CONTENT_DUMP_FLAGS) != 0)
            items->failed = true;
        separator = ',';
    }
    text_append(items, separator == '{' ? "{}" : "}");
}

static void append_part(struct text *items, const struct edit_batch *batch, const struct part *part)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct edit_draft *draft = batch->drafts[i];
        const struct edit_record *record = &draft->record;

        if (part->list != NULL && store_value(part->list, draft->data) == NULL)
            continue;
        text_append_format(items, "%s{\"id\":\"%s\",", items->length == 0 ? "[" : ",", record->id);
        if (part->is_common)
            text_append_format(items,
                               "\"new\":true,\"slug\":\"%s\",\"version\":1,\"status\":"
                               "\"draft\",\"digest\":\"%s\",",
                               record->live_slug, draft->digest);
        text_append(items, "\"data\":");
        append_data(items, draft, part);
        text_append_char(items, '}');
    }
    text_append(items, items->length == 0 ? "" : "]");
}

/* Nothing is sent when none of the records has anything of the part. */
static int queue_part(struct edit_batch *batch, const char *sql, const struct part *part,
                      struct db_rows **ret_rows)
{
    struct text items;
    int r = 0;

    text_init(&items, ITEMS_BYTES_MAX);
    append_part(&items, batch, part);
    if (text_failed(&items))
        r = fault_raise(-ENOMEM);
    else if (items.length > 0)
        r = db_queue_text(batch->edit.db, sql, DB_PLAN_GENERIC, 1,
                          (const char *const[]){items.bytes}, ret_rows);
    text_deinit(&items);
    return r;
}

static void append_version(struct text *items, const struct edit_draft *draft)
{
    const struct edit_record *record = &draft->record;

    text_append_format(items,
                       "%s{\"id\":\"%s\",\"version\":1,\"status\":\"draft\",\"digest\":\"%s\","
                       "\"changed\":[",
                       items->length == 0 ? "[" : ",", record->id, draft->digest);
    for (size_t i = 0; i < record->changed_count; i++) {
        if (i > 0)
            text_append_char(items, ',');
        text_append_json(items, record->changed[i]);
    }
    text_append(items, "],\"data\":");
    text_append(items, draft->dump);
    text_append_char(items, '}');
}

static int queue_versions(struct edit_batch *batch)
{
    struct text items;
    int r;

    text_init(&items, ITEMS_BYTES_MAX);
    for (size_t i = 0; i < batch->count; i++)
        append_version(&items, batch->drafts[i]);
    text_append_char(&items, ']');
    r = text_failed(&items)
            ? fault_raise(-ENOMEM)
            : db_queue(batch->edit.db, &VERSIONS_ADD, (const char *const[]){items.bytes}, NULL);
    text_deinit(&items);
    return r;
}

static int queue_rows(struct edit_batch *batch, const struct resource *resource)
{
    const struct model_store *store = &model_of(batch->edit.model, resource)->store;
    int r = queue_part(batch, store->create, &(struct part){.is_common = true}, &batch->stored);

    if (r == 0)
        r = queue_part(batch, store->insert, &(struct part){.is_common = false}, NULL);
    for (size_t i = 0; i < store->list_count && r == 0; i++)
        r = queue_part(batch, store->lists[i].insert,
                       &(struct part){.list = store->lists[i].property}, NULL);
    return r == 0 ? queue_versions(batch) : r;
}

int edit_batch_store(struct edit_batch *batch)
{
    const struct resource *resource = batch->drafts[0]->record.resource;
    const size_t count = contract_resource_count(model_contract(batch->edit.model));
    int r;

    batch->heads = calloc(count, sizeof(struct db_rows *));
    if (batch->heads == NULL)
        return fault_raise(-ENOMEM);
    r = queue_rows(batch, resource);
    /* Now, not with COMMIT: from here on nobody deletes what they refer to. */
    if (r == 0 && edit_is_referring(resource))
        r = edit_queue_check(&batch->edit);
    return r == 0 ? edit_queue_heads(&batch->edit, batch->drafts, batch->count, batch->heads) : r;
}

static struct edit_draft *draft_of(const struct edit_batch *batch, const char *id)
{
    for (size_t i = 0; i < batch->count; i++)
        if (strcmp(batch->drafts[i]->record.id, id) == 0)
            return batch->drafts[i];
    return NULL;
}

int edit_batch_take(struct edit_batch *batch)
{
    int r = 0;

    for (size_t row = 0; row < db_rows_count(batch->stored) && r == 0; row++) {
        struct edit_draft *draft = draft_of(batch, db_rows_text(batch->stored, row, STORED_ID));
        struct edit_record *record;

        if (draft == NULL)
            return fault_raise(-EPROTO);
        record = &draft->record;
        record->created_at =
            arena_copy(draft->edit.arena, db_rows_text(batch->stored, row, STORED_AT));
        record->updated_at = record->created_at;
        record->verify_due =
            arena_copy(draft->edit.arena, db_rows_text(batch->stored, row, STORED_VERIFY_DUE));
        record->live_version = 1;
        record->status = "draft";
        edit_set_version(record, 1);
        edit_set_data(&draft->edit, record, json_incref(draft->data));
        r = edit_note_heads(batch->edit.model, draft, batch->heads);
    }
    return r;
}

void edit_batch_deinit(struct edit_batch *batch)
{
    const size_t count = contract_resource_count(model_contract(batch->edit.model));

    db_rows_freep(&batch->slugs);
    db_rows_freep(&batch->stored);
    for (size_t i = 0; batch->heads != NULL && i < count; i++)
        db_rows_free(batch->heads[i]);
    free(batch->heads);
    batch->heads = NULL;
}
