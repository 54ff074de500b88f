/*
 * Lists of what is edited, and of versions. Each is one statement that makes the
 * JSON as it is sent; the names of the records are in the tables of their resources,
 * so that those on the page are looked up by resource.
 */
#include "record/edit_internal.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "db/db.h"
#include "db/time.h"
#include "record/model.h"
#include "record/references.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_BYTES_MAX (64 * 1024)
#define SQL_BYTES_MAX (256 * 1024)

#define VERSION_AT "to_char(v.at" DB_RFC3339

static const struct db_query VERSIONS = {
    .name = "edit_versions",
    .sql = "select v.version, json_strip_nulls(json_build_object('version', v.version, 'action', "
           "v.action, 'status', v.status, 'review', v.review, 'at', " VERSION_AT ", "
           "'role', v.role, 'client', case when v.client_id is not null then "
           "json_build_object('id', v.client_id, 'name', c.name) end, "
           "'changed', coalesce(v.changed, '{}'), 'reason', v.reason)) "
           "from catalogue.version v left join identity.client c on c.id = v.client_id "
           "where v.record_id = $1::uuid and ($2::integer = 0 or v.version < $2::integer) "
           "order by v.version desc limit $3::integer",
    .param_count = 3,
};

/* Appends column 1 of the rows but the one too many, which tells that there is more. */
static bool append_rows(struct text *text, const struct db_rows *rows, unsigned limit)
{
    text_append_char(text, '[');
    for (size_t row = 0; row < db_rows_count(rows) && row < limit; row++) {
        if (row > 0)
            text_append_char(text, ',');
        text_append(text, db_rows_text(rows, row, 1));
    }
    text_append_char(text, ']');
    return db_rows_count(rows) > limit;
}

int edit_append_versions(const struct edit *edit, const struct edit_record *record, long before,
                         unsigned limit, struct text *text, long *ret_next)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char below[EDIT_NUMBER_BYTES];
    char count[EDIT_NUMBER_BYTES];
    int r;

    (void)snprintf(below, sizeof(below), "%ld", before);
    (void)snprintf(count, sizeof(count), "%u", limit + 1);
    r = db_run(edit->db, &VERSIONS, (const char *const[]){record->id, below, count}, &rows);
    if (r != 0)
        return r;
    *ret_next = 0;
    if (append_rows(text, rows, limit))
        *ret_next = strtol(db_rows_text(rows, limit - 1, 0), NULL, 10);
    return 0;
}

/* --- working copies and reviews
 * -------------------------------------------------------------------- */

/*
 * What both lists are asked with: $1 resources, $2 statuses or kinds, $3 the id of an owner and $4
 * its slug, $5 microseconds and $6 the id to go on behind, $7 how many. Columns: microseconds,
 * the JSON, the id.
 */
#define PARAMETERS 7
#define MICROSECONDS(column) "(extract(epoch from " column ") * 1000000)::bigint"
#define PLACE "(timestamptz 'epoch' + $5::bigint * interval '1 microsecond', $6::uuid)"
#define LATEST_AT "to_char(r.latest_at" DB_RFC3339
#define SINCE "to_char(w.since" DB_RFC3339
/* An address that leads to this record alone: a slug that was never public may be that of several
 * drafts. */
#define ADDRESS                                                                                    \
    "'/v1/' || r.resource || '/' || case when r.first_published_at is null then r.id::text "       \
    "else r.slug end"
#define CONTENT                                                                                    \
    "left join lateral (select v.data from catalogue.version v where v.record_id = r.id "          \
    "and v.data is not null order by v.version desc limit 1) content on true\n"

static const char WORKING_COPIES_FROM[] =
    ", 'status', r.status, 'review', r.review, 'version', r.latest, 'updated_at', " LATEST_AT
    ", 'links', json_build_object('self', " ADDRESS ", 'working_copy', " ADDRESS
    " || '/working-copy', 'versions', " ADDRESS " || '/versions'))), r.id\n"
    "from catalogue.record r\n" CONTENT "where r.deleted_at is null and (identity.acts_as_editor() "
    "or r.owner_id = identity.acting_organisation())\n"
    "and ($1::text[] is null or r.resource = any($1::text[]))\n"
    "and ($2::text[] is null or r.status = any($2::text[]))\n"
    "and ($5::bigint is null or (r.latest_at, r.id) < " PLACE ")\n";

/* Records and changes of records that wait. */
#define WAITING                                                                                    \
    "select r.id as record_id, r.id, null::uuid as proposal, r.waiting_since as since, "           \
    "case r.status when 'published' then 'change' else 'record' end as kind, "                     \
    "r.latest as version, case r.status when 'published' then array(select distinct name "         \
    "from catalogue.version v, unnest(v.changed) as listed(name) where v.record_id = r.id "        \
    "and v.version > r.version order by name) end as changed, "                                    \
    "(select v.client_id from catalogue.version v where v.record_id = r.id "                       \
    "and v.version = r.latest) as client_id "                                                      \
    "from catalogue.record r where r.waiting_since is not null and r.deleted_at is null"
#define PROPOSED                                                                                   \
    "select p.record_id, p.id, p.id, p.created_at, 'proposal', p.base_version, "                   \
    "array(select key from jsonb_object_keys(p.patch) as listed(key) order by key), null "         \
    "from catalogue.proposal p where p.state = 'open'"

static const char REVIEWS_FROM[] =
    ", 'kind', w.kind, 'version', w.version, 'changed', w.changed, 'client', "
    "case when w.client_id is not null then json_build_object('id', w.client_id, 'name', "
    "(select c.name from identity.client c where c.id = w.client_id)) end, 'since', " SINCE
    ", 'proposal', w.proposal, 'links', json_build_object('working_copy', " ADDRESS
    " || '/working-copy', 'versions', " ADDRESS " || '/versions', 'proposal', "
    "'/v1/proposals/' || w.proposal))), w.id\n"
    "from (" WAITING "\nunion all " PROPOSED ") w "
    "join catalogue.record r on r.id = w.record_id\n" CONTENT
    "where ($1::text[] is null or r.resource = any($1::text[]))\n"
    "and ($2::text[] is null or w.kind = any($2::text[]))\n"
    "and ($5::bigint is null or (w.since, w.id) > " PLACE ")\n";

/* What names the record, whatever its resource; and its owner. */
static void append_head(struct text *sql, const struct contract *contract)
{
    const struct resource *owners = contract_resource(contract, 0);

    text_append(sql, "json_strip_nulls(json_build_object('resource', r.resource, 'id', r.id, "
                     "'slug', coalesce(content.data->>'slug', r.slug), 'title', "
                     "content.data->>case r.resource");
    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);

        text_append_format(sql, " when '%s' then '%s'", resource->path, resource->label->name);
    }
    owners = resource_property(owners, "owner")->target;
    text_append_format(sql,
                       " end, 'owner', (select json_build_object('id', o.id, 'slug', o.slug, "
                       "'title', t.%s) from catalogue.record o join catalogue.%s t on t.id = o.id "
                       "where o.id = r.owner_id)",
                       owners->label->column, owners->table);
}

/* $3 and $4: an owner that is asked for and not there owns nothing. */
static void append_owner(struct text *sql, const struct contract *contract)
{
    const struct resource *any = contract_resource(contract, 0);

    text_append_format(sql,
                       "and (($3::uuid is null and $4::text is null) or r.owner_id = "
                       "coalesce($3::uuid, (select o.id from catalogue.record o "
                       "where o.resource = '%s' and o.slug = $4 and o.deleted_at is null "
                       "order by o.first_published_at is null limit 1)))\n",
                       resource_property(any, "owner")->target->path);
}

static const char *list_of(const char *const *items, size_t count, struct text *list)
{
    if (items == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        reference_list_add(list, items[i]);
    reference_list_end(list);
    return list->bytes;
}

/* "1795321234567890/01997b2c-…": where the page before ended. */
static bool split_place(const char *after, char ret_time[EDIT_NUMBER_BYTES], const char **ret_id)
{
    const size_t digits = strspn(after, "0123456789");

    if (digits == 0 || digits >= 18 || after[digits] != '/' || !uuid_is_valid(after + digits + 1))
        return false;
    (void)snprintf(ret_time, EDIT_NUMBER_BYTES, "%.*s", (int)digits, after);
    *ret_id = after + digits + 1;
    return true;
}

static int run_list(const struct edit *edit, const struct edit_list *list, const char *sql,
                    const char *const *kinds, size_t kind_count, struct db_rows **ret_rows)
{
    const bool is_id = list->owner != NULL && uuid_is_valid(list->owner);
    char time[EDIT_NUMBER_BYTES];
    char count[EDIT_NUMBER_BYTES];
    const char *id = NULL;
    struct text resources;
    struct text states;
    int r;

    if (list->after != NULL && !split_place(list->after, time, &id))
        return EDIT_NOT_FOUND;
    (void)snprintf(count, sizeof(count), "%u", list->limit + 1);
    text_init(&resources, LIST_BYTES_MAX);
    text_init(&states, LIST_BYTES_MAX);
    {
        const char *const values[PARAMETERS] = {
            list_of(list->resources, list->resource_count, &resources),
            list_of(kinds, kind_count, &states),
            is_id ? list->owner : NULL,
            is_id ? NULL : list->owner,
            id == NULL ? NULL : time,
            id,
            count,
        };

        r = text_failed(&resources) || text_failed(&states)
                ? fault_raise(-ENOMEM)
                : db_run_text(edit->db, sql, DB_PLAN_CUSTOM, PARAMETERS, values, ret_rows);
    }
    text_deinit(&resources);
    text_deinit(&states);
    return r;
}

/* @from: what the head goes on with; @order: of the rows. */
static int append_list(const struct edit *edit, const struct edit_list *list, const char *time,
                       const char *from, const char *order, const char *const *kinds,
                       size_t kind_count, struct text *text, const char **ret_next)
{
    const struct contract *contract = model_contract(edit->model);
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct text sql;
    int r;

    text_init(&sql, SQL_BYTES_MAX);
    text_append_format(&sql, "select %s, ", time);
    append_head(&sql, contract);
    text_append(&sql, from);
    append_owner(&sql, contract);
    text_append(&sql, order);
    r = text_failed(&sql) ? fault_raise(-ENOMEM)
                          : run_list(edit, list, sql.bytes, kinds, kind_count, &rows);
    text_deinit(&sql);
    if (r != 0)
        return r;
    *ret_next = NULL;
    if (append_rows(text, rows, list->limit)) {
        *ret_next = arena_format(edit->arena, "%s/%s", db_rows_text(rows, list->limit - 1, 0),
                                 db_rows_text(rows, list->limit - 1, 2));
        if (*ret_next == NULL)
            return fault_raise(-ENOMEM);
    }
    return 0;
}

int edit_append_working_copies(const struct edit *edit, const struct edit_list *list,
                               struct text *text, const char **ret_next)
{
    return append_list(edit, list, MICROSECONDS("r.latest_at"), WORKING_COPIES_FROM,
                       "order by r.latest_at desc, r.id desc limit $7::integer", list->statuses,
                       list->status_count, text, ret_next);
}

int edit_append_reviews(const struct edit *edit, const struct edit_list *list, struct text *text,
                        const char **ret_next)
{
    return append_list(edit, list, MICROSECONDS("w.since"), REVIEWS_FROM,
                       "order by w.since, w.id limit $7::integer", list->kinds, list->kind_count,
                       text, ret_next);
}
