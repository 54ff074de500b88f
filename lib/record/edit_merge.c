/*
 * Two records into one. Whatever refers to the duplicate is written anew with the
 * survivor in its place: what the tables hold, and what waits for an editor. That
 * includes what belongs to an organisation, for the owner is a reference like any other.
 */
#include "record/edit_internal.h"

#include "auth/caller.h"
#include "base/arena.h"
#include "base/fault.h"
#include "contract/contract.h"
#include "db/db.h"
#include "record/addresses.h"
#include "record/model.h"
#include "record/visit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Columns of model_resource.holders, as far as they count here, and of WAITING. */
enum { HOLDER_RESOURCE, HOLDER_ID };

static const struct db_query TAKE_TURN = {
    .name = "edit_merge_turn",
    .sql = "select pg_advisory_xact_lock(hashtextextended('express.merge', 0))",
};
/* Changes that wait, and refer to it where the tables may not. */
static const struct db_query WAITING = {
    .name = "edit_merge_waiting",
    .sql = "select r.resource, r.id from catalogue.record r join lateral (select v.data from "
           "catalogue.version v where v.record_id = r.id and v.data is not null "
           "order by v.version desc limit 1) content on true where r.review is not null "
           "and content.data::text like '%' || $1 || '%' order by r.id",
    .param_count = 1,
};
/* What was deleted, and the programs of an organisation, go along, too. */
static const struct db_query OWN = {
    .name = "edit_merge_own",
    .sql = "update catalogue.record set owner_id = $2::uuid where owner_id = $1::uuid "
           "and deleted_at is not null",
    .param_count = 2,
};
static const struct db_query MOVE_CLIENTS = {
    .name = "edit_merge_clients",
    .sql = "select identity.move_clients($1::uuid, $2::uuid)",
    .param_count = 2,
};

/* --- replacing
 * ------------------------------------------------------------------------------------- */

struct merger {
    const struct edit *edit;
    const struct edit_record *duplicate;
    const struct edit_record *survivor;
};

static int replace_id(void *data, const struct property *property, const char *pointer,
                      json_t *value, json_t **ret_replacement)
{
    const struct merger *merger = data;
    const char *id = json_string_value(value);

    (void)pointer;
    if (property->kind != PROPERTY_RELATION || id == NULL || strcmp(id, merger->duplicate->id) != 0)
        return 0;
    *ret_replacement = json_string(merger->survivor->id);
    return *ret_replacement == NULL ? fault_raise(-ENOMEM) : 0;
}

static bool is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* The survivor stands in a list once, and does not refer to itself. */
static void drop_repeats(json_t *list, const char *survivor, bool is_itself)
{
    bool is_there = is_itself;

    for (size_t i = 0; i < json_array_size(list);) {
        const bool is_it = is_text(json_array_get(list, i), survivor);

        if (is_it && is_there)
            (void)json_array_remove(list, i); /* i is within the list */
        else
            i++;
        is_there = is_there || is_it;
    }
}

/* Recursion follows the contract, whose depth is bounded. */
static void tidy(const struct property *properties, size_t count, json_t *object,
                 const char *survivor, bool is_itself)
{
    for (size_t i = 0; i < count; i++) {
        const struct property *property = &properties[i];
        json_t *value = json_object_get(object, property->name);
        json_t *item;
        size_t at;

        if (property->kind == PROPERTY_RELATION && property->is_array)
            drop_repeats(value, survivor, is_itself);
        else if (property->kind == PROPERTY_RELATION && is_itself && is_text(value, survivor))
            (void)json_object_del(object, property->name); /* it is there */
        else if (property->kind == PROPERTY_OBJECT && property->is_array)
            json_array_foreach (value, at, item)
                tidy(property->members, property->member_count, item, survivor, is_itself);
        else if (property->kind == PROPERTY_OBJECT)
            tidy(property->members, property->member_count, value, survivor, is_itself);
    }
}

/* A copy of @data with the survivor in the duplicate's place. */
static int redirected(const struct merger *merger, const struct edit_record *holder,
                      const json_t *data, json_t **ret_data)
{
    json_t *copy = json_deep_copy(data);
    int r = copy == NULL
                ? fault_raise(-ENOMEM)
                : record_visit(holder->resource, copy, "", replace_id, (void *)(uintptr_t)merger);

    if (r != 0) {
        json_decref(copy);
        return r;
    }
    tidy(holder->resource->properties, holder->resource->property_count, copy, merger->survivor->id,
         strcmp(holder->id, merger->survivor->id) == 0);
    *ret_data = copy;
    return 0;
}

/* --- redirecting
 * ----------------------------------------------------------------------------------- */

static int store_redirected(const struct merger *merger, struct edit_record *holder,
                            const char *review, bool is_live)
{
    struct edit_change change = {
        .action = "redirect", .status = holder->status, .review = review, .is_live = is_live};
    json_auto_t *data = NULL;
    int r = redirected(merger, holder, holder->data, &data);

    if (r != 0 || json_equal(data, holder->data))
        return r;
    change.data = data;
    return edit_store(merger->edit, holder, &change);
}

/* What is public first, then the change of it that waits. */
static int redirect_both(const struct merger *merger, struct edit_record *holder)
{
    json_t *waiting = json_incref(holder->data);
    const char *review = holder->review;
    json_t *live = NULL;
    int r = edit_fetch_live(merger->edit, holder, &live);

    if (r == 0) {
        edit_set_data(merger->edit, holder, live);
        r = store_redirected(merger, holder, NULL, true);
    }
    if (r == 0) {
        const struct edit_change change = {
            .action = "redirect", .status = holder->status, .review = review, .data = waiting};
        json_auto_t *data = NULL;

        r = redirected(merger, holder, waiting, &data);
        /* Behind a new version of what is public it has to be the last one again. */
        if (r == 0) {
            struct edit_change again = change;

            again.data = data;
            r = edit_store(merger->edit, holder, &again);
        }
    }
    json_decref(waiting);
    return r;
}

static int redirect_holder(const struct merger *merger, const char *path, const char *id)
{
    const struct resource *resource =
        contract_resource_find(model_contract(merger->edit->model), path);
    struct edit_record holder;
    int r;

    if (strcmp(id, merger->duplicate->id) == 0)
        return 0;
    r = edit_find(merger->edit, resource, id, &holder);
    if (r == 0)
        r = holder.version == holder.live_version ? store_redirected(merger, &holder, NULL, true)
                                                  : redirect_both(merger, &holder);
    edit_deinit(&holder);
    return r == EDIT_GONE || r == EDIT_NOT_FOUND ? 0 : r;
}

/* A holder is there once for each property by which it refers. */
static int redirect_all(const struct merger *merger, const struct db_rows *rows)
{
    int r = 0;

    for (size_t row = 0; row < db_rows_count(rows) && r == 0; row++)
        if (row == 0 ||
            strcmp(db_rows_text(rows, row, HOLDER_ID), db_rows_text(rows, row - 1, HOLDER_ID)) != 0)
            r = redirect_holder(merger, db_rows_text(rows, row, HOLDER_RESOURCE),
                                db_rows_text(rows, row, HOLDER_ID));
    return r;
}

static int redirect(const struct merger *merger)
{
    const struct edit *edit = merger->edit;
    const char *holders = model_of(edit->model, merger->duplicate->resource)->holders;
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(db_rows_freep) struct db_rows *waiting = NULL;
    char list[64];
    const char *const values[] = {list};
    int r = 0;

    (void)snprintf(list, sizeof(list), "{%s}", merger->duplicate->id);
    if (holders != NULL)
        r = db_run_text(edit->db, holders, DB_PLAN_GENERIC, 1, values, &rows);
    if (r == 0 && rows != NULL)
        r = redirect_all(merger, rows);
    if (r == 0)
        r = db_run(edit->db, &WAITING, &merger->duplicate->id, &waiting);
    return r == 0 ? redirect_all(merger, waiting) : r;
}

/* --- merging
 * --------------------------------------------------------------------------------------- */

static int check(const struct edit *edit, const struct edit_record *duplicate,
                 const struct edit_record *survivor)
{
    int r = edit_may_review(edit);

    if (r == 0)
        r = edit_may_write(edit, duplicate->resource);
    if (r != 0)
        return r;
    if (duplicate->resource != survivor->resource)
        return edit_conflict(edit, "invalid-transition",
                             "Only records of the same resource can be merged.");
    if (strcmp(duplicate->id, survivor->id) == 0)
        return edit_conflict(edit, "invalid-transition", "A record cannot be merged into itself.");
    if (!edit_is_public(survivor))
        return edit_conflict(edit, "invalid-transition",
                             "The record that stays must be published; it is %s.",
                             survivor->status);
    return 0;
}

/* What was public once leads to the survivor from now on. */
static int lead_on(const struct edit *edit, const struct edit_record *duplicate, bool was_public,
                   const char *survivor)
{
    if (was_public)
        return edit_withdraw(edit, duplicate, survivor);
    if (duplicate->first_published_at == NULL)
        return 0;
    return addresses_close(edit->db, duplicate->resource, duplicate->id, duplicate->live_slug,
                           survivor);
}

int edit_merge_begin(const struct edit *edit)
{
    return db_run(edit->db, &TAKE_TURN, NULL, NULL);
}

int edit_merge(const struct edit *edit, struct edit_record *duplicate, struct edit_record *survivor)
{
    const struct merger merger = {edit, duplicate, survivor};
    const bool was_public = edit_is_public(duplicate);
    const char *const ids[] = {duplicate->id, survivor->id};
    struct edit_record again;
    int r = check(edit, duplicate, survivor);

    if (r == 0)
        r = redirect(&merger);
    if (r == 0)
        r = db_run(edit->db, &OWN, ids, NULL);
    if (r == 0)
        r = edit_remove(edit, duplicate, "merge", survivor->id);
    if (r == 0)
        r = db_run(edit->db, &MOVE_CLIENTS, ids, NULL);
    if (r == 0)
        r = edit_check_references(edit, duplicate->resource);
    if (r == 0)
        r = lead_on(edit, duplicate, was_public, survivor->id);
    if (r != 0)
        return edit_translate(edit, duplicate->resource, r);
    duplicate->replaced_by = survivor->live_slug;

    /* It may have referred to the duplicate itself. */
    r = edit_find(edit, survivor->resource, survivor->id, &again);
    if (r == 0) {
        edit_deinit(survivor);
        *survivor = again;
    }
    return r;
}
