/*
 * Locking and reading are one statement. When somebody else held the lock, it
 * sees the row of catalogue.record as it became, but everything else as it was when the
 * statement began: the content of a version too old. That shows in the number of
 * the last version, and then it is read once more, under the lock.
 */
#include "record/edit.h"

#include "auth/caller.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "db/db.h"
#include "db/time.h"
#include "record/edit_internal.h"
#include "record/model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DETAIL_BYTES_MAX 512

/* Columns of model_resource.find. */
enum {
    FOUND_ID,
    FOUND_SLUG,
    FOUND_STATUS,
    FOUND_REVIEW,
    FOUND_OWNER,
    FOUND_LIVE,
    FOUND_LATEST,
    FOUND_CREATED,
    FOUND_FIRST_PUBLISHED,
    FOUND_DELETED,
    FOUND_REPLACED_BY,
    FOUND_VERIFY_DUE,
    FOUND_VERSION, /* the last in the history */
    FOUND_UPDATED,
    FOUND_DATA,
    FOUND_REASON,
    FOUND_ETAG
};
/* The latest of what was public under this name and is not any more. */
static const struct db_query GONE = {
    .name = "edit_gone",
    .sql = "select g.id, g.slug, to_char(g.deleted_at" DB_RFC3339 ", (select s.slug from "
           "catalogue.record s where s.id = g.replaced_by) from published.gone g "
           "where g.resource = $1 and (g.slug = $2 or g.id = $3::uuid) "
           "order by g.deleted_at desc limit 1",
    .param_count = 3,
};

/* --- rights ------------------------------------------------------------------------------------
 */

static int forbid(const struct edit *edit, const char *detail)
{
    problem_set(edit->problem, "forbidden", detail);
    return EDIT_FORBIDDEN;
}

int edit_may_write(const struct edit *edit, const struct resource *resource)
{
    if (resource->admin_only && edit->caller->role != CALLER_ADMIN)
        return forbid(edit, "Records of this resource are written by administrators alone.");
    if (caller_is_editor(edit->caller))
        return 0;
    if (!caller_is_partner(edit->caller))
        return forbid(edit, "Records are written by partners and editors.");
    if (edit->caller->organisation_id[0] == '\0')
        return forbid(edit, "The client belongs to no organisation whose records it could write.");
    return 0;
}

int edit_may_review(const struct edit *edit)
{
    return caller_is_editor(edit->caller) ? 0 : forbid(edit, "This step is taken by editors.");
}

static bool is_own(const struct edit *edit, const struct edit_record *record)
{
    return caller_is_partner(edit->caller) && record->owner_id != NULL &&
           strcmp(record->owner_id, edit->caller->organisation_id) == 0;
}

bool edit_is_public(const struct edit_record *record)
{
    return record->deleted_at == NULL && strcmp(record->status, "published") == 0;
}

int edit_conflict(const struct edit *edit, const char *code, const char *format, ...)
{
    char detail[DETAIL_BYTES_MAX];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(detail, sizeof(detail), format, arguments) < 0)
        detail[0] = '\0';
    va_end(arguments);
    problem_set(edit->problem, code, arena_copy(edit->arena, detail));
    return EDIT_CONFLICT;
}

/* --- finding -----------------------------------------------------------------------------------
 */

void edit_etag(const char *id, long version, char ret_etag[EDIT_ETAG_BYTES])
{
    /* The first twelve digits of the id: 01997b2c-9a40 without its hyphen. */
    (void)snprintf(ret_etag, EDIT_ETAG_BYTES, "%ld-%.8s%.4s", version, id, id + 9);
}

void edit_set_version(struct edit_record *record, long version)
{
    record->version = version;
    edit_etag(record->id, version, record->etag);
}

void edit_set_data(const struct edit *edit, struct edit_record *record, json_t *data)
{
    const char *slug = json_string_value(json_object_get(data, "slug"));

    json_decref(record->data);
    record->data = data;
    record->slug = slug == NULL ? record->live_slug : arena_copy(edit->arena, slug);
}

static const char *text_at(const struct edit *edit, const struct db_rows *rows, int column)
{
    return arena_copy(edit->arena, db_rows_text(rows, 0, column));
}

static int read_record(const struct edit *edit, const struct resource *resource,
                       const struct db_rows *rows, struct edit_record *record)
{
    const char *data = db_rows_text(rows, 0, FOUND_DATA);
    json_t *content = NULL;

    *record = (struct edit_record){
        .resource = resource,
        .id = text_at(edit, rows, FOUND_ID),
        .live_slug = text_at(edit, rows, FOUND_SLUG),
        .status = text_at(edit, rows, FOUND_STATUS),
        .review = text_at(edit, rows, FOUND_REVIEW),
        .owner_id = text_at(edit, rows, FOUND_OWNER),
        .live_version = strtol(db_rows_text(rows, 0, FOUND_LIVE), NULL, 10),
        .reason = text_at(edit, rows, FOUND_REASON),
        .created_at = text_at(edit, rows, FOUND_CREATED),
        .updated_at = text_at(edit, rows, FOUND_UPDATED),
        .first_published_at = text_at(edit, rows, FOUND_FIRST_PUBLISHED),
        .deleted_at = text_at(edit, rows, FOUND_DELETED),
        .replaced_by = text_at(edit, rows, FOUND_REPLACED_BY),
        .verify_due = text_at(edit, rows, FOUND_VERIFY_DUE),
    };
    if (arena_failed(edit->arena))
        return fault_raise(-ENOMEM);
    edit_set_version(record, strtol(db_rows_text(rows, 0, FOUND_LATEST), NULL, 10));
    if (record->review == NULL)
        record->public_etag = text_at(edit, rows, FOUND_ETAG);
    if (data != NULL) {
        content = json_loads(data, 0, NULL);
        if (content == NULL)
            return fault_raise(-EPROTO);
    }
    edit_set_data(edit, record, content);
    return 0;
}

/* The last version is older than the row says: the row was changed while we waited for it. */
static bool is_outdated(const struct db_rows *rows)
{
    const char *version = db_rows_text(rows, 0, FOUND_VERSION);

    return version != NULL && strcmp(version, db_rows_text(rows, 0, FOUND_LATEST)) != 0;
}

static int fetch(const struct edit *edit, const char *sql, const char *name,
                 struct db_rows **ret_rows)
{
    const bool is_id = uuid_is_valid(name);
    const char *const values[] = {is_id ? name : NULL, is_id ? NULL : name};
    int r = db_run_text(edit->db, sql, DB_PLAN_GENERIC, ARRAY_LENGTH(values), values, ret_rows);

    if (r == 0 && db_rows_count(*ret_rows) == 1 && is_outdated(*ret_rows)) {
        db_rows_free(*ret_rows);
        *ret_rows = NULL;
        r = db_run_text(edit->db, sql, DB_PLAN_GENERIC, ARRAY_LENGTH(values), values, ret_rows);
    }
    return r;
}

int edit_explain_absence(const struct edit *edit, const struct resource *resource, const char *name,
                         struct edit_record *record)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(edit->db, &GONE,
                   (const char *const[]){resource->path, name, uuid_is_valid(name) ? name : NULL},
                   &rows);

    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return EDIT_NOT_FOUND;
    *record = (struct edit_record){.resource = resource,
                                   .id = text_at(edit, rows, 0),
                                   .slug = text_at(edit, rows, 1),
                                   .deleted_at = text_at(edit, rows, 2),
                                   .replaced_by = text_at(edit, rows, 3)};
    return arena_failed(edit->arena) ? fault_raise(-ENOMEM) : EDIT_GONE;
}

/* A record whose history is missing, as after a change by hand: what the tables hold. */
static int read_content(const struct edit *edit, struct edit_record *record)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    json_t *data;
    int r = db_run_text(edit->db, model_of(edit->model, record->resource)->content, DB_PLAN_GENERIC,
                        1, &record->id, &rows);

    if (r != 0)
        return r;
    data = db_rows_count(rows) == 0 ? json_object() : json_loads(db_rows_text(rows, 0, 0), 0, NULL);
    if (data == NULL)
        return fault_raise(-EPROTO);
    edit_set_data(edit, record, data);
    return 0;
}

static int look(const struct edit *edit, const struct resource *resource, const char *name,
                const char *sql, struct edit_record *record)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = fetch(edit, sql, name, &rows);

    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return EDIT_NOT_FOUND;
    r = read_record(edit, resource, rows, record);
    if (r != 0)
        return r;
    /* Of what it may not edit, it sees what everybody sees. */
    if (!caller_is_editor(edit->caller) && !is_own(edit, record))
        return forbid(edit, "The record belongs to another organisation.");
    if (record->deleted_at != NULL)
        return EDIT_GONE;
    return record->data == NULL ? read_content(edit, record) : 0;
}

int edit_look(const struct edit *edit, const struct resource *resource, const char *name,
              struct edit_record *ret_record)
{
    int r;

    *ret_record = (struct edit_record){0};
    r = look(edit, resource, name, model_of(edit->model, resource)->look, ret_record);
    return r == EDIT_NOT_FOUND ? edit_explain_absence(edit, resource, name, ret_record) : r;
}

int edit_find(const struct edit *edit, const struct resource *resource, const char *name,
              struct edit_record *ret_record)
{
    int r;

    *ret_record = (struct edit_record){0};
    r = edit_may_write(edit, resource);
    if (r == 0)
        r = look(edit, resource, name, model_of(edit->model, resource)->find, ret_record);
    if (r != EDIT_NOT_FOUND)
        return r;
    /* The policies lock for the caller what it may change, and nothing else. What it could
       change was made a moment ago: nothing was there when it asked. */
    r = edit_look(edit, resource, name, ret_record);
    return r == 0 ? EDIT_NOT_FOUND : r;
}

void edit_deinit(struct edit_record *record)
{
    json_decref(record->data);
    record->data = NULL;
}
