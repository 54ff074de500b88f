/*
 * Content. What is written is checked whole, whatever part of it was sent: the
 * faults of a patch point into the record that it would make.
 */
#include "record/edit_internal.h"

#include "auth/caller.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "db/db.h"
#include "record/content.h"
#include "record/model.h"
#include "record/references.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_query VERSION_DATA = {
    .name = "edit_version_data",
    .sql = "select v.data from catalogue.version v where v.record_id = $1::uuid "
           "and v.version <= $2::integer and v.data is not null "
           "and exists (select from catalogue.version w where w.record_id = $1::uuid "
           "and w.version = $2::integer) order by v.version desc limit 1",
    .param_count = 2,
};

/* --- checking ------------------------------------------------------------------------------------
 */

/* Which need not be said; of another's record they may propose a change, in which it stays the
 * other's. */
int edit_check_owner(const struct edit *edit, const struct edit_record *record, json_t *data)
{
    const char *owner = json_string_value(json_object_get(data, "owner"));

    if (!caller_is_partner(edit->caller))
        return 0;
    if (json_object_get(data, "owner") == NULL)
        return json_object_set_new(data, "owner", json_string(edit->caller->organisation_id)) == 0
                   ? 0
                   : fault_raise(-ENOMEM);
    if (owner != NULL && record->owner_id != NULL && strcmp(owner, record->owner_id) == 0)
        return 0;
    if (owner == NULL || strcmp(owner, edit->caller->organisation_id) != 0)
        problem_add(edit->problem, edit->arena, "/owner", NULL, "foreign-owner",
                    "records of another organisation are not yours to write: leave the owner out");
    return 0;
}

static int resolve(const struct edit *edit, const struct edit_record *record, json_t *data)
{
    const json_t *slug = json_object_get(data, "slug");
    const struct reference_holder holder = {.resource = record->resource,
                                            .record = data,
                                            .pointer = "",
                                            .slug = json_string_value(slug),
                                            .id = record->id,
                                            .before = record->data};

    return references_resolve(edit->model, edit->db, &holder, 1, edit->arena, edit->problem);
}

/* @ret_slugs: for a new record; NULL: it has one */
static int prepare(const struct edit *edit, const struct edit_record *record, json_t **data,
                   struct db_rows **ret_slugs)
{
    const struct resource *resource = record->resource;
    int r = content_compose(edit->db, data);

    if (edit->problem->error_count == 0)
        problem_set(edit->problem, "validation-failed", NULL);
    if (r == 0)
        r = content_check(resource, *data, "", edit->arena, edit->problem);
    if (r == 0 && ret_slugs != NULL && edit->problem->error_count == 0)
        r = edit_queue_slug(edit, record, *data, ret_slugs);
    if (r == 0)
        r = resolve(edit, record, *data);
    if (r == 0)
        r = db_flush(edit->db);
    if (r == 0 && json_is_object(*data))
        r = edit_check_owner(edit, record, *data);
    if (r == 0 && arena_failed(edit->arena))
        r = fault_raise(-ENOMEM);
    if (r == 0 && edit->problem->error_count > 0)
        return EDIT_INVALID;
    return r == 0 ? content_complete(resource, *data) : r;
}

int edit_prepare(const struct edit *edit, const struct edit_record *record, json_t **data)
{
    return prepare(edit, record, data, NULL);
}

/* --- creating ------------------------------------------------------------------------------------
 */

int edit_create(const struct edit *edit, const struct resource *resource, json_t *data,
                struct edit_record *ret_record)
{
    CLEANUP(db_rows_freep) struct db_rows *slugs = NULL;
    json_auto_t *content = NULL;
    char id[UUID_TEXT_BYTES];
    int r;

    *ret_record = (struct edit_record){.resource = resource};
    r = edit_may_write(edit, resource);
    if (r != 0)
        return r;
    uuid_make_v7(id);
    ret_record->id = arena_copy(edit->arena, id);
    content = json_deep_copy(data);
    if (ret_record->id == NULL || content == NULL)
        return fault_raise(-ENOMEM);
    r = prepare(edit, ret_record, &content, &slugs);
    if (r != 0)
        return r;
    ret_record->owner_id =
        arena_copy(edit->arena, json_string_value(json_object_get(content, "owner")));
    return edit_store_new(edit, ret_record, content, slugs);
}

/* --- changing ------------------------------------------------------------------------------------
 */

/* Is this what the working copy says already? */
static int compare(const struct edit_record *record, const json_t *data, bool *ret_same)
{
    char *before = content_dump(record->data);
    char *after = content_dump(data);
    const bool failed = before == NULL || after == NULL;

    *ret_same = !failed && strcmp(before, after) == 0;
    free(before);
    free(after);
    return failed ? fault_raise(-ENOMEM) : 0;
}

/* The state that a change of content leads to. */
static int choose_state(const struct edit *edit, const struct edit_record *record,
                        struct edit_change *change)
{
    change->status = record->status;
    change->is_live = true;
    if (record->deleted_at != NULL || strcmp(record->status, "archived") == 0) {
        if (strcmp(change->action, "restore") != 0)
            return edit_conflict(edit, "invalid-transition",
                                 "The record is archived: restore a version of it first, which "
                                 "makes it a draft.");
        change->status = "draft";
    } else if (edit_is_public(record) && !caller_is_editor(edit->caller)) {
        change->is_live = false;
        change->review = "in_review";
    }
    return 0;
}

/* @data: prepared already */
static int write_content(const struct edit *edit, struct edit_record *record, const char *action,
                         json_t *data)
{
    struct edit_change change = {.action = edit->action == NULL ? action : edit->action,
                                 .data = data};
    bool is_same;
    int r = choose_state(edit, record, &change);

    if (r == 0)
        r = compare(record, data, &is_same);
    if (r != 0)
        return r;
    if (is_same && record->deleted_at == NULL && strcmp(change.status, record->status) == 0) {
        record->is_unchanged = true;
        return 0;
    }
    r = edit_check_slug(edit, record, data);
    return r == 0 ? edit_store(edit, record, &change) : r;
}

/* What is not said of these stays: they are no part of what the record tells. */
static int keep_identity(const struct edit_record *record, json_t *data)
{
    static const char *const NAMES[] = {"slug", "owner"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        json_t *kept = json_object_get(record->data, NAMES[i]);

        if (kept != NULL && json_object_get(data, NAMES[i]) == NULL &&
            json_object_set(data, NAMES[i], kept) != 0)
            return fault_raise(-ENOMEM);
    }
    return 0;
}

int edit_replace(const struct edit *edit, struct edit_record *record, json_t *data)
{
    json_auto_t *content = json_deep_copy(data);
    int r;

    if (content == NULL)
        return fault_raise(-ENOMEM);
    r = json_is_object(content) ? keep_identity(record, content) : 0;
    if (r == 0)
        r = edit_prepare(edit, record, &content);
    return r == 0 ? write_content(edit, record, "update", content) : r;
}

/* Return: 0; EDIT_INVALID also for a patch that is none. */
static int apply_patch(const struct edit *edit, const struct edit_record *record,
                       const json_t *patch, json_t **ret_data)
{
    problem_set(edit->problem, "validation-failed", NULL);
    if (!json_is_object(patch)) {
        problem_add(edit->problem, edit->arena, "", NULL, "wrong-type",
                    "a merge patch of a record is an object");
        return EDIT_INVALID;
    }
    /* Also those that it takes away, which the patched record does not have. */
    content_check_read_only(record->resource, patch, "", edit->arena, edit->problem);
    *ret_data = content_patched(record->data, patch);
    if (*ret_data == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < record->resource->property_count; i++) {
        const struct property *property = &record->resource->properties[i];

        if (property->read_only || property->is_computed)
            (void)json_object_del(*ret_data, property->name); /* told above */
    }
    if (json_object_get(*ret_data, "slug") == NULL &&
        json_object_set_new(*ret_data, "slug", json_string(record->slug)) != 0)
        return fault_raise(-ENOMEM);
    return 0;
}

int edit_patch(const struct edit *edit, struct edit_record *record, const json_t *patch)
{
    json_auto_t *content = NULL;
    int r = apply_patch(edit, record, patch, &content);

    if (r == 0)
        r = edit_prepare(edit, record, &content);
    return r == 0 ? write_content(edit, record, "update", content) : r;
}

int edit_restore(const struct edit *edit, struct edit_record *record, long number)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    json_auto_t *content = NULL;
    char version[EDIT_NUMBER_BYTES];
    int r = edit_may_write(edit, record->resource);

    if (r != 0)
        return r;
    if (record->replaced_by != NULL && !caller_is_editor(edit->caller)) {
        problem_set(edit->problem, "forbidden",
                    "The record was merged into another one: an editor can bring it back.");
        return EDIT_FORBIDDEN;
    }
    (void)snprintf(version, sizeof(version), "%ld", number);
    r = db_run(edit->db, &VERSION_DATA, (const char *const[]){record->id, version}, &rows);
    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return EDIT_NOT_FOUND;
    content = json_loads(db_rows_text(rows, 0, 0), 0, NULL);
    if (content == NULL)
        return fault_raise(-EPROTO);
    r = edit_prepare(edit, record, &content);
    return r == 0 ? write_content(edit, record, "restore", content) : r;
}

/* --- trying
 * ---------------------------------------------------------------------------------------- */

static int find_public(const struct edit *edit, const struct resource *resource, const char *name,
                       struct edit_record *record)
{
    const int r = edit_look(edit, resource, name, record);

    /* What belongs to others is looked at, too, as long as it is public. */
    if (r != EDIT_FORBIDDEN && r != 0)
        return r;
    if (edit_is_public(record))
        return 0;
    /* Who may see it hears what the public hears. */
    edit_deinit(record);
    return edit_explain_absence(edit, resource, name, record);
}

int edit_try_patch(const struct edit *edit, const struct resource *resource, const char *name,
                   const json_t *patch, struct edit_record *ret_record)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    json_auto_t *content = NULL;
    json_t *live;
    int r = find_public(edit, resource, name, ret_record);

    if (r != 0)
        return r;
    r = db_run_text(edit->db, model_of(edit->model, resource)->content, DB_PLAN_GENERIC, 1,
                    &ret_record->id, &rows);
    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return EDIT_NOT_FOUND;
    live = json_loads(db_rows_text(rows, 0, 0), 0, NULL);
    if (live == NULL)
        return fault_raise(-EPROTO);
    edit_set_data(edit, ret_record, live);
    edit_set_version(ret_record, ret_record->live_version);
    r = apply_patch(edit, ret_record, patch, &content);
    if (r == 0)
        r = edit_prepare(edit, ret_record, &content);
    if (r == 0)
        edit_set_data(edit, ret_record, json_incref(content));
    return r;
}
