#include "record/render.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "db/db.h"
#include "record/model.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_BYTES_MAX (64u * 1024 * 1024)
#define BATCH_RECORDS 2000 /* rendered by one statement: bounds its memory */

static const struct db_query BATCH_NEXT = {
    .name = "render_batch_next",
    .sql = "select coalesce(array_agg(id), '{}'), max(id::text) from (select r.id from "
           "catalogue.record r where r.resource = $1 and r.status = 'published' and r.id > "
           "$2::uuid order by r.id limit 2000) as batch",
    .param_count = 2,
    .plan = DB_PLAN_CUSTOM,
};
/* Those that this transaction changes itself are in the log already. */
static const struct db_query CHANGES_ADD = {
    .name = "render_changes_add",
    .sql = "insert into catalogue.change (resource, record_id, version, kind) "
           "select r.resource, r.id, r.version, 'rendered' from catalogue.record r "
           "where r.id = any($1::uuid[]) and not exists (select from catalogue.change c "
           "where c.xid = pg_current_xact_id() and c.record_id = r.id)",
    .param_count = 1,
};
/* Columns of model_resource.dependents, and the first of holders. */
enum { HOLDER_RESOURCE, HOLDER_ID, HOLDER_SLUG, HOLDER_STATUS };

static int run_all(const struct model_resource *of, struct db *db, const char *ids)
{
    for (size_t i = 0; i < of->render_count; i++) {
        int r =
            db_run_text(db, of->render[i], DB_PLAN_GENERIC, 1, (const char *const[]){ids}, NULL);

        if (r != 0)
            return r;
    }
    return 0;
}

/* Render the rows (resource, id) that a query gave, resource by resource. @are_all: not all of them
 * are public; those that are, as their status says. */
static int render_holders(const struct model *model, struct db *db, const struct db_rows *rows,
                          bool are_all)
{
    const struct contract *contract = model_contract(model);
    struct text ids;
    int r = 0;

    text_init(&ids, IDS_BYTES_MAX);
    for (size_t i = 0; i < contract_resource_count(contract) && r == 0; i++) {
        const struct resource *resource = contract_resource(contract, i);

        text_clear(&ids);
        for (size_t row = 0; row < db_rows_count(rows); row++)
            if (strcmp(db_rows_text(rows, row, HOLDER_RESOURCE), resource->path) == 0 &&
                (!are_all || strcmp(db_rows_text(rows, row, HOLDER_STATUS), "published") == 0))
                text_append_format(&ids, "%s%s", ids.length == 0 ? "{" : ",",
                                   db_rows_text(rows, row, HOLDER_ID));
        if (ids.length == 0)
            continue;
        text_append_char(&ids, '}');
        if (text_failed(&ids))
            r = fault_raise(-ENOMEM);
        if (r == 0)
            r = run_all(model_of(model, resource), db, ids.bytes);
        if (r == 0)
            r = db_run(db, &CHANGES_ADD, (const char *const[]){ids.bytes}, NULL);
    }
    text_deinit(&ids);
    return r;
}

/* Call @use with the ids, as arrays of at most BATCH_RECORDS. */
static int in_batches(const char *const *ids, size_t count,
                      int (*use)(const struct model *model, struct db *db,
                                 const struct resource *resource, const char *list),
                      const struct model *model, struct db *db, const struct resource *resource)
{
    struct text list;
    int r = 0;

    text_init(&list, IDS_BYTES_MAX);
    for (size_t from = 0; from < count && r == 0; from += BATCH_RECORDS) {
        const size_t end = count - from > BATCH_RECORDS ? from + BATCH_RECORDS : count;

        text_clear(&list);
        for (size_t i = from; i < end; i++)
            text_append_format(&list, "%s%s", i == from ? "{" : ",", ids[i]);
        text_append_char(&list, '}');
        r = text_failed(&list) ? fault_raise(-ENOMEM) : use(model, db, resource, list.bytes);
    }
    text_deinit(&list);
    return r;
}

static int render_list(const struct model *model, struct db *db, const struct resource *resource,
                       const char *list)
{
    return run_all(model_of(model, resource), db, list);
}

static int render_dependents_of_list(const struct model *model, struct db *db,
                                     const struct resource *resource, const char *list)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run_text(db, model_of(model, resource)->dependents, DB_PLAN_CUSTOM, 1,
                        (const char *const[]){list}, &rows);

    if (r != 0)
        return r;
    return render_holders(model, db, rows, false);
}

int render_records(const struct model *model, struct db *db, const struct resource *resource,
                   const char *const *ids, size_t count)
{
    return in_batches(ids, count, render_list, model, db, resource);
}

int render_dependents(const struct model *model, struct db *db, const struct resource *resource,
                      const char *const *ids, size_t count)
{
    if (model_of(model, resource)->dependents == NULL)
        return 0;
    return in_batches(ids, count, render_dependents_of_list, model, db, resource);
}

int render_holders_of(const struct model *model, struct db *db, const struct resource *resource,
                      const char *id)
{
    const char *holders = model_of(model, resource)->holders;
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char list[UUID_TEXT_BYTES + 2];
    const char *const values[] = {list};
    int r;

    if (holders == NULL)
        return 0;
    (void)snprintf(list, sizeof(list), "{%s}", id);
    r = db_run_text(db, holders, DB_PLAN_GENERIC, ARRAY_LENGTH(values), values, &rows);
    return r == 0 ? render_holders(model, db, rows, true) : r;
}

int render_all(const struct model *model, struct db *db, const struct resource *resource)
{
    char after[UUID_TEXT_BYTES] = "00000000-0000-0000-0000-000000000000";

    for (;;) {
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
        int r = db_run(db, &BATCH_NEXT, (const char *const[]){resource->path, after}, &rows);

        if (r != 0)
            return r;
        if (db_rows_text(rows, 0, 1) == NULL)
            return 0;
        r = run_all(model_of(model, resource), db, db_rows_text(rows, 0, 0));
        if (r != 0)
            return r;
        (void)snprintf(after, sizeof(after), "%s", db_rows_text(rows, 0, 1));
    }
}
