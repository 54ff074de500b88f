/*
 * The steps to publication, and what else happens to a record as a whole. Which
 * step may be taken where is one table; the trigger on catalogue.record holds
 * whoever writes to the same.
 */
#include "record/edit_internal.h"

#include "auth/caller.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/contract.h"
#include "db/db.h"
#include "db/time.h"
#include "record/content.h"
#include "record/model.h"
#include "record/render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLDERS_NAMED_MAX 20
#define REASON_BYTES_MAX 8000 /* 2000 characters */
#define NOW "date_trunc('milliseconds', now())"

static const struct db_query LIVE_DATA = {
    .name = "edit_live_data",
    .sql = "select v.data from catalogue.version v where v.record_id = $1::uuid "
           "and v.version <= $2::integer and v.data is not null order by v.version desc limit 1",
    .param_count = 2,
};
/* In what is published, too; a change that waits goes on waiting, and says it as well. */
static const struct db_query VERIFY = {
    .name = "edit_verify",
    .sql = "with changed as (update catalogue.record r set latest = $2::integer, "
           "latest_at = " NOW ", "
           "version = case when r.version = r.latest then $2::integer else r.version end, "
           "updated_at = " NOW ", verified_at = $3::timestamptz, "
           "verify_due = $3::timestamptz + make_interval(days => $4::integer), "
           "digest = case when r.version = r.latest then $6 end where r.id = $1::uuid)\n"
           "insert into catalogue.version as v (record_id, version, action, status, review, data, "
           "digest, changed, client_id, role, at) values ($1::uuid, $2::integer, 'verify', $7, $8, "
           "$5::jsonb, $6, array['verified_at'], identity.acting_client(), "
           "identity.acting_role(), " NOW ") returning to_char(v.at" DB_RFC3339
           ", to_char(($3::timestamptz + make_interval(days => $4::integer))" DB_RFC3339,
    .param_count = 8,
};
/* The row stays, without what would hold on to others. */
static const struct db_query DELETE = {
    .name = "edit_delete",
    .sql = "with changed as (update catalogue.record r set status = 'draft', review = null, "
           "waiting_since = null, latest = $2::integer, latest_at = " NOW ", "
           "version = $2::integer, updated_at = " NOW ", "
           "deleted_at = " NOW ", replaced_by = $3::uuid, source_document_id = null "
           "where r.id = $1::uuid)\n"
           "insert into catalogue.version as v (record_id, version, action, status, changed, "
           "client_id, role, at) values ($1::uuid, $2::integer, $4, 'draft', '{}', "
           "identity.acting_client(), identity.acting_role(), " NOW ") "
           "returning to_char(v.at" DB_RFC3339,
    .param_count = 4,
};
/* Records that were deleted belong to nobody when their owner is deleted: editors see them still.
 */
static const struct db_query DISOWN = {
    .name = "edit_disown",
    .sql = "update catalogue.record set owner_id = null where owner_id = $1::uuid "
           "and deleted_at is not null",
    .param_count = 1,
};
/* Columns of model_resource.holders. */
enum { HOLDER_RESOURCE, HOLDER_ID, HOLDER_SLUG, HOLDER_STATUS, HOLDER_VERSION, HOLDER_PROPERTY };

/* --- steps ---------------------------------------------------------------------------------------
 */

struct transition {
    enum edit_step step;
    const char *status;
    const char *review; /* NULL: nothing waits */
    const char *to_status;
    const char *to_review;
    bool is_live;
};
static const struct transition TRANSITIONS[] = {
    {EDIT_SUBMIT, "draft", NULL, "in_review", NULL, true},
    {EDIT_SUBMIT, "published", "returned", "published", "in_review", false},
    {EDIT_PUBLISH, "in_review", NULL, "published", NULL, true},
    {EDIT_PUBLISH, "published", "in_review", "published", NULL, true},
    {EDIT_RETURN, "in_review", NULL, "draft", NULL, true},
    {EDIT_RETURN, "published", "in_review", "published", "returned", false},
    {EDIT_ARCHIVE, "published", NULL, "archived", NULL, true},
    {EDIT_ARCHIVE, "published", "in_review", "archived", NULL, true},
    {EDIT_ARCHIVE, "published", "returned", "archived", NULL, true},
};
static const struct {
    const char *action;
    const char *needs;
} STEPS[] = {
    [EDIT_SUBMIT] = {"submit", "Only a draft or a returned change can be submitted"},
    [EDIT_PUBLISH] = {"publish", "Only what is in review can be published"},
    [EDIT_RETURN] = {"return", "Only what is in review can be returned"},
    [EDIT_ARCHIVE] = {"archive", "Only what is published can be archived"},
};

static bool is_same(const char *left, const char *right)
{
    return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

static const struct transition *find_transition(const struct edit_record *record,
                                                enum edit_step step)
{
    for (size_t i = 0; i < ARRAY_LENGTH(TRANSITIONS); i++)
        if (TRANSITIONS[i].step == step && is_same(TRANSITIONS[i].status, record->status) &&
            is_same(TRANSITIONS[i].review, record->review))
            return &TRANSITIONS[i];
    return NULL;
}

/* "this record is published, and a change of it is in_review" */
static int tell_state(const struct edit *edit, const struct edit_record *record, const char *needs)
{
    return edit_conflict(edit, "invalid-transition", "%s; this record is %s%s%s.", needs,
                         record->status, record->review == NULL ? "" : ", and its change is ",
                         record->review == NULL ? "" : record->review);
}

static bool is_in_review(const struct edit_record *record)
{
    return is_same(record->status, "in_review") || is_same(record->review, "in_review");
}

/* What is published has to obey the contract as it is now, and to refer to what is there. */
static int check_again(const struct edit *edit, const struct edit_record *record)
{
    struct edit_record unknown = *record;
    json_auto_t *data = json_deep_copy(record->data);
    int r;

    if (data == NULL)
        return fault_raise(-ENOMEM);
    unknown.data = NULL;
    r = edit_prepare(edit, &unknown, &data);
    return r == 0 ? edit_check_public_slug(edit, record) : r;
}

int edit_fetch_live(const struct edit *edit, const struct edit_record *record, json_t **ret_data)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char version[EDIT_NUMBER_BYTES];
    int r;

    (void)snprintf(version, sizeof(version), "%ld", record->live_version);
    r = db_run(edit->db, &LIVE_DATA, (const char *const[]){record->id, version}, &rows);
    if (r != 0)
        return r;
    *ret_data = db_rows_count(rows) == 0 ? NULL : json_loads(db_rows_text(rows, 0, 0), 0, NULL);
    return *ret_data == NULL ? fault_raise(-EPROTO) : 0;
}

static int check_reason(const struct edit *edit, const char *reason)
{
    if (reason != NULL && reason[0] != '\0' && strlen(reason) <= REASON_BYTES_MAX)
        return 0;
    problem_set(edit->problem, "validation-failed", NULL);
    problem_add(edit->problem, edit->arena, "/reason", NULL, "required",
                "who submitted it needs to know what is to be mended");
    return EDIT_INVALID;
}

int edit_take(const struct edit *edit, struct edit_record *record, enum edit_step step,
              const char *reason)
{
    const struct transition *transition = find_transition(record, step);
    json_auto_t *live = NULL;
    struct edit_change change = {.action = STEPS[step].action};
    int r = step == EDIT_SUBMIT ? edit_may_write(edit, record->resource) : edit_may_review(edit);

    if (r != 0)
        return r;
    if (step == EDIT_SUBMIT && is_in_review(record)) {
        record->is_unchanged = true;
        return 0;
    }
    if (transition == NULL)
        return tell_state(edit, record, STEPS[step].needs);
    change.status = transition->to_status;
    change.review = transition->to_review;
    change.is_live = transition->is_live;
    if (step == EDIT_RETURN) {
        change.reason = reason;
        r = check_reason(edit, reason);
    } else if (step == EDIT_PUBLISH) {
        r = check_again(edit, record);
    } else if (step == EDIT_ARCHIVE && record->version != record->live_version) {
        /* What is archived is what was public, not what waited. */
        r = edit_fetch_live(edit, record, &live);
        change.data = live;
    }
    return r == 0 ? edit_store(edit, record, &change) : r;
}

/* --- verifying
 * ------------------------------------------------------------------------------------- */

static int store_verified(const struct edit *edit, const struct edit_record *record,
                          const char *time, const json_t *data, struct db_rows **ret_rows)
{
    char *dump = content_dump(data);
    const char *digest = dump == NULL ? NULL : content_digest(edit->arena, dump);
    char version[EDIT_NUMBER_BYTES];
    char days[EDIT_NUMBER_BYTES];
    int r;

    (void)snprintf(version, sizeof(version), "%ld", record->version + 1);
    (void)snprintf(days, sizeof(days), "%u", record->resource->verify_days);
    r = digest == NULL ? fault_raise(-ENOMEM)
                       : db_run(edit->db, &VERIFY,
                                (const char *const[]){record->id, version, time, days, dump, digest,
                                                      record->status, record->review},
                                ret_rows);
    free(dump);
    return r;
}

int edit_verify(const struct edit *edit, struct edit_record *record)
{
    static const char *const CHANGED[] = {"verified_at"};
    const bool is_waiting = record->version != record->live_version;
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    json_t *data;
    char time[CLOCK_TEXT_BYTES];
    int r = edit_may_write(edit, record->resource);

    if (r != 0)
        return r;
    if (is_same(record->status, "archived"))
        return tell_state(edit, record, "Nobody reads what is archived");
    data = json_deep_copy(record->data);
    if (json_object_set_new(data, "verified_at",
                            json_string(clock_wall_text(time, sizeof(time)))) != 0) {
        json_decref(data);
        return fault_raise(-ENOMEM);
    }
    edit_set_data(edit, record, data);
    r = store_verified(edit, record, time, data, &rows);
    if (r != 0)
        return edit_translate(edit, record->resource, r);
    edit_set_version(record, record->version + 1);
    if (!is_waiting)
        record->live_version = record->version;
    record->updated_at = arena_copy(edit->arena, db_rows_text(rows, 0, 0));
    record->verify_due = arena_copy(edit->arena, db_rows_text(rows, 0, 1));
    record->public_etag = NULL;
    record->changed = CHANGED;
    record->changed_count = ARRAY_LENGTH(CHANGED);
    if (arena_failed(edit->arena))
        return fault_raise(-ENOMEM);
    return edit_is_public(record) ? edit_show_public(edit, record, "updated", false) : 0;
}

/* --- deleting
 * -------------------------------------------------------------------------------------- */

static int tell_holders(const struct edit *edit, const struct edit_record *record,
                        const struct db_rows *rows)
{
    size_t count = 0;

    for (size_t row = 0; row < db_rows_count(rows); row++) {
        if (strcmp(db_rows_text(rows, row, HOLDER_ID), record->id) == 0)
            continue;
        if (count++ < HOLDERS_NAMED_MAX)
            problem_add(edit->problem, edit->arena, NULL, NULL, "referenced-by",
                        "/v1/%s/%s refers to it in %s", db_rows_text(rows, row, HOLDER_RESOURCE),
                        strcmp(db_rows_text(rows, row, HOLDER_STATUS), "published") == 0
                            ? db_rows_text(rows, row, HOLDER_SLUG)
                            : db_rows_text(rows, row, HOLDER_ID),
                        db_rows_text(rows, row, HOLDER_PROPERTY));
    }
    if (count == 0)
        return 0;
    return edit_conflict(edit, "still-referenced", "%zu references lead to this record%s.", count,
                         count > HOLDERS_NAMED_MAX ? "; some of them are named" : "");
}

static int check_holders(const struct edit *edit, const struct edit_record *record)
{
    const char *holders = model_of(edit->model, record->resource)->holders;
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char list[64];
    const char *const values[] = {list};
    int r;

    if (holders == NULL)
        return 0;
    (void)snprintf(list, sizeof(list), "{%s}", record->id);
    r = db_run_text(edit->db, holders, DB_PLAN_GENERIC, 1, values, &rows);
    return r == 0 ? tell_holders(edit, record, rows) : r;
}

int edit_remove(const struct edit *edit, struct edit_record *record, const char *action,
                const char *replaced_by)
{
    const struct model_store *store = &model_of(edit->model, record->resource)->store;
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char version[EDIT_NUMBER_BYTES];
    char item[64];
    const char *const items[] = {item};
    int r = 0;

    (void)snprintf(version, sizeof(version), "%ld", record->version + 1);
    (void)snprintf(item, sizeof(item), "[{\"id\":\"%s\"}]", record->id);
    r = db_run(edit->db, &DELETE, (const char *const[]){record->id, version, replaced_by, action},
               &rows);
    if (r == 0 && store->remove != NULL)
        r = db_run_text(edit->db, store->remove, DB_PLAN_GENERIC, 1, items, NULL);
    if (r == 0)
        r = db_run_text(edit->db, store->erase, DB_PLAN_GENERIC, 1, &record->id, NULL);
    if (r == 0 && caller_is_editor(edit->caller))
        r = db_run(edit->db, &DISOWN, &record->id, NULL);
    if (r != 0)
        return r;
    edit_set_version(record, record->version + 1);
    record->live_version = record->version;
    record->deleted_at = arena_copy(edit->arena, db_rows_text(rows, 0, 0));
    record->updated_at = record->deleted_at;
    record->status = "draft";
    record->review = NULL;
    record->public_etag = NULL;
    return arena_failed(edit->arena) ? fault_raise(-ENOMEM) : 0;
}

int edit_delete(const struct edit *edit, struct edit_record *record)
{
    const bool was_public = edit_is_public(record);
    int r = edit_may_write(edit, record->resource);

    if (r == 0)
        r = check_holders(edit, record);
    if (r == 0)
        r = edit_remove(edit, record, "delete", NULL);
    if (r == 0)
        r = db_run_text(edit->db, "set constraints all immediate", DB_PLAN_GENERIC, 0, NULL, NULL);
    /* The policies hide them from the caller, not from the database. */
    if (r == DB_FOREIGN_KEY_VIOLATION)
        return edit_conflict(edit, "still-referenced",
                             "Records that you may not see, as drafts of others, refer to it.");
    if (r == 0 && was_public)
        r = edit_withdraw(edit, record, NULL);
    return edit_translate(edit, record->resource, r);
}
