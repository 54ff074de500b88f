/*
 * Finding records again: as they are written, with what an edit starts from, and who refers to
 * them. What is seen is what the policies of the tables let the caller see.
 */
#include "record/model_internal.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "db/time.h"
#include "record/timed.h"

#include <errno.h>
#include <string.h>

#define STATEMENT_BYTES_MAX (1024 * 1024)

/* --- as it is written ---------------------------------------------------------------------- */

/* select … as document: what may be written, from rows t and r. */
static void append_written(struct text *sql, const struct resource *resource,
                           enum model_shape shape, bool with_id)
{
    const struct model_row row = {.alias = "t", .common_alias = "r", .shape = shape};
    const char *separator = "";

    text_append(sql, "select ");
    for (size_t i = 0; i < resource->property_count; i++) {
        const struct property *property = &resource->properties[i];

        if (property->is_computed ||
            (property->read_only && !(with_id && strcmp(property->name, ID_PROPERTY) == 0)))
            continue;
        text_append(sql, separator);
        model_append_json(sql, property, &row);
        text_append_format(sql, " as %s", property->name);
        separator = ", ";
    }
}

static void compose_export(struct text *sql, const struct resource *resource)
{
    text_append(sql, "select json_strip_nulls(row_to_json(document))::text from (");
    append_written(sql, resource, MODEL_BY_SLUG, true);
    text_append_format(sql,
                       " from catalogue.%s t join catalogue.record r on r.id = t.id "
                       "where r.status = 'published' and r.slug > $1 order by r.slug limit 500) "
                       "document",
                       resource->table);
}

static void compose_content(struct text *sql, const struct resource *resource)
{
    text_append(sql, "select (select json_strip_nulls(row_to_json(document)) from (");
    append_written(sql, resource, MODEL_BY_ID, false);
    text_append_format(sql,
                       ") document)::text from catalogue.%s t join catalogue.record r "
                       "on r.id = t.id where t.id = $1::uuid",
                       resource->table);
}

/* Who has no history gets one, that begins with what there is. */
static void compose_backfill(struct text *sql, const struct resource *resource)
{
    text_append(sql, "insert into catalogue.version (record_id, version, action, status, data, "
                     "digest, role, at)\nselect r.id, r.latest, 'import', r.status, "
                     "(select json_strip_nulls(row_to_json(document)) from (");
    append_written(sql, resource, MODEL_BY_ID, false);
    text_append_format(sql,
                       ") document)::jsonb, r.digest, identity.acting_role(), r.updated_at\n"
                       "from catalogue.%s t join catalogue.record r on r.id = t.id\n"
                       "where not exists (select from catalogue.version v where v.record_id = "
                       "r.id) order by r.id limit 1000",
                       resource->table);
}

/* --- what an edit starts from --------------------------------------------------------------------
 */

/*
 * By id $1, or by the slug $2: an own record before a public one before others, what is
 * there before what was deleted, and at last who had the slug once.
 */
#define CREATED_AT "to_char(r.created_at" DB_RFC3339
#define FIRST_PUBLISHED_AT "to_char(r.first_published_at" DB_RFC3339
#define DELETED_AT "to_char(r.deleted_at" DB_RFC3339
#define VERIFY_DUE "to_char(r.verify_due" DB_RFC3339
#define LATEST_AT "to_char(r.latest_at" DB_RFC3339

static void compose_find(struct text *sql, const struct resource *resource)
{
    text_append(sql, "select r.id, r.slug, r.status, r.review, r.owner_id, r.version, r.latest, ");
    text_append(sql, CREATED_AT ", " FIRST_PUBLISHED_AT ", " DELETED_AT ", ");
    text_append(sql, "(select s.slug from catalogue.record s where s.id = r.replaced_by), ");
    text_append(sql, VERIFY_DUE ", last.version, " LATEST_AT ", content.data, ");
    text_append(sql, "case when r.review = 'returned' or (r.status = 'draft' and r.deleted_at is "
                     "null) then (select v.reason from catalogue.version v where v.record_id = "
                     "r.id and v.action in ('submit', 'return', 'publish', 'archive', 'delete', "
                     "'restore', 'import') order by v.version desc limit 1) end, ");
    timed_append_etag(sql, resource, "d.etag");
    text_append(sql, "\nfrom catalogue.record r\n"
                     "left join lateral (select v.version from catalogue.version v where "
                     "v.record_id = r.id order by v.version desc limit 1) last on true\n"
                     "left join lateral (select v.data from catalogue.version v where "
                     "v.record_id = r.id and v.data is not null order by v.version desc limit 1) "
                     "content on true\n");
    text_append_format(sql, "left join published.%s_documents d on d.id = r.id", resource->table);
    timed_append_join(sql, resource, "r");
    text_append_format(
        sql,
        /* Of a subquery: an expression in its place would be asked of every row, because a
           policy lets through none but what it knows to give nothing away. */
        "\nwhere r.resource = '%s' and r.id = (select coalesce($1::uuid,\n"
        "(select c.id from catalogue.record c where c.resource = '%s' and "
        "c.slug = $2 order by c.deleted_at is not null, coalesce(c.owner_id = "
        "identity.acting_organisation(), false) desc, c.first_published_at is "
        "null, c.created_at desc limit 1),\n"
        "(select h.record_id from catalogue.slug_history h where h.resource = "
        "'%s' and h.old_slug = $2)))",
        resource->path, resource->path, resource->path);
}

static void compose_heads(struct text *sql, const struct resource *resource)
{
    text_append_format(sql,
                       "select r.id, r.slug, t.%s from catalogue.%s t join catalogue.record r "
                       "on r.id = t.id and r.deleted_at is null where t.id = any($1::uuid[]) "
                       /* Said of both: one does not follow from the other for a policy. */
                       "and r.id = any($1::uuid[])",
                       resource->label->column, resource->table);
}

static void compose_erase(struct text *sql, const struct resource *resource)
{
    text_append_format(sql, "delete from catalogue.%s where id = $1::uuid", resource->table);
}

/* --- who refers to whom ------------------------------------------------------------------ */

/* A select for each property of @holder by which it can refer to the records $1. */
static void append_holders(struct text *sql, const char *columns, const struct resource *holder,
                           const struct property *leaf, const char *condition)
{
    const struct property *at = leaf;

    text_append_format(sql, "%sselect ", sql->length == 0 ? "" : "\nunion ");
    text_append(sql, columns);
    if (columns[0] == '\0')
        text_append_format(
            sql, "r.resource, r.id, r.slug, r.status, r.latest, '%s' as property, h.", leaf->path);
    if (model_is_below_table(leaf)) {
        while (at->table == NULL)
            at = at->parent;
        if (columns[0] == '\0')
            text_append(sql, leaf->table != NULL ? "target_id" : leaf->column);
        text_append_format(sql,
                           " from catalogue.%s h join catalogue.record r on r.id = h.record_id and "
                           "r.resource = '%s' and %s where h.%s = any($1::uuid[])",
                           at->table, holder->path, condition,
                           leaf->table != NULL ? "target_id" : leaf->column);
        return;
    }
    if (columns[0] == '\0')
        text_append(sql, leaf->column);
    text_append_format(sql,
                       " from catalogue.%s h join catalogue.record r on r.id = h.id and "
                       "r.resource = '%s' and %s where h.%s = any($1::uuid[])",
                       leaf->is_common ? "record" : holder->table, holder->path, condition,
                       leaf->column);
}

static void append_all_holders(struct text *sql, const char *columns,
                               const struct resource *resource, const char *condition)
{
    for (size_t i = 0; i < resource->holder_count; i++) {
        const struct resource *holder = resource->holders[i];

        for (size_t j = 0; j < holder->leaf_count; j++)
            if (holder->leaves[j]->target == resource)
                append_holders(sql, columns, holder, holder->leaves[j], condition);
    }
}

/* Public ones, which show it. What this transaction changes itself is rendered anyway. */
static void compose_dependents(struct text *sql, const struct resource *resource)
{
    struct text found;

    text_init(&found, STATEMENT_BYTES_MAX);
    append_all_holders(&found, "r.resource, r.id", resource, "r.status = 'published'");
    if (found.length > 0)
        text_append_format(sql,
                           "select found.resource, found.id from (%s) found where not exists "
                           "(select from catalogue.change c where c.xid = pg_current_xact_id() "
                           "and c.record_id = found.id)",
                           found.bytes);
    text_deinit(&found);
}

int compose_lookups(struct arena *arena, struct model_resource *of)
{
    const struct resource *resource = of->resource;
    struct statements statements = {.arena = arena};
    struct text sql;

    text_init(&sql, STATEMENT_BYTES_MAX);
    compose_export(&sql, resource);
    of->export_batch = statements_copy(&statements, &sql);
    compose_content(&sql, resource);
    of->content = statements_copy(&statements, &sql);
    compose_backfill(&sql, resource);
    of->backfill = statements_copy(&statements, &sql);
    compose_find(&sql, resource);
    of->look = statements_copy(&statements, &sql);
    compose_find(&sql, resource);
    text_append(&sql, "\nfor update of r");
    of->find = statements_copy(&statements, &sql);
    compose_heads(&sql, resource);
    of->heads = statements_copy(&statements, &sql);
    compose_erase(&sql, resource);
    of->store.erase = statements_copy(&statements, &sql);
    if (resource->holder_count > 0) {
        compose_dependents(&sql, resource);
        of->dependents = statements_copy(&statements, &sql);
        append_all_holders(&sql, "", resource, "r.deleted_at is null");
        text_append(&sql, "\norder by 1, 2");
        of->holders = statements_copy(&statements, &sql);
    }
    text_deinit(&sql);
    return statements.failed ? fault_raise(-ENOMEM) : 0;
}
