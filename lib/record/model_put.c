/*
 * Storing records: $1 is a jsonb array, one object a record:
 *
 *   {"id": uuid, "new": boolean, "slug": text, "version": n, "status": text, "digest": text,
 *    "action": text, "reason": text?, "changed": [text]?, "data": {...}}
 *
 * where data has passed the contract and every relation in it is an id. Without "changed",
 * what differs from the version before is found out. Times are kept to the
 * millisecond, as they are shown: what a reader sees is what a filter compares. One
 * statement a table stores them all; what a record no longer says is removed,
 * because its tables are emptied first and its columns are all set.
 *
 * Who writes is not said: the history takes it from the transaction.
 */
#include "record/model_internal.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

#define STATEMENT_BYTES_MAX (1024 * 1024)
#define EXPRESSION_BYTES_MAX 4096

const char *statements_copy(struct statements *statements, struct text *sql)
{
    char *copy = NULL;

    if (!text_failed(sql))
        copy = arena_copy_bytes(statements->arena, sql->bytes, sql->length);
    if (copy == NULL)
        statements->failed = true;
    text_clear(sql);
    return copy;
}

void statements_add(struct statements *statements, struct text *sql)
{
    const char *copy = statements_copy(statements, sql);

    if (statements->count < STATEMENTS_MAX)
        statements->sql[statements->count++] = copy;
    else
        statements->failed = true;
}

int statements_take(struct statements *statements, const char *const **ret_list, size_t *ret_count)
{
    const char **list =
        arena_alloc_array(statements->arena, statements->count, sizeof(*statements->sql));

    if (list == NULL || statements->failed)
        return fault_raise(-ENOMEM);
    memcpy(list, statements->sql, statements->count * sizeof(*list));
    *ret_list = list;
    *ret_count = statements->count;
    return 0;
}

/* The path of a property below the value @from, as a jsonb path literal: {source,section}. */
static void append_path(struct text *sql, const struct property *property,
                        const struct property *from)
{
    if (property->parent != NULL && property->parent != from) {
        append_path(sql, property->parent, from);
        text_append_char(sql, ',');
    }
    text_append(sql, property->name);
}

static const char *cast_of(const struct property *property)
{
    return property->kind == PROPERTY_PARTIAL_DATE ? "catalogue.partial_date"
           : property->kind == PROPERTY_INTEGER    ? "integer"
                                                   : model_sql_type(property);
}

/* The value of a column, taken out of the jsonb @source. */
static void append_value(struct text *sql, const struct property *property,
                         const struct property *from, const char *source)
{
    if (property->is_array) {
        text_append_format(sql, "case when %s #> '{", source);
        append_path(sql, property, from);
        text_append(sql, "}' is not null then array(select item");
        if (property->kind != PROPERTY_TEXT)
            text_append_format(sql, "::%s", cast_of(property));
        text_append_format(sql, " from jsonb_array_elements_text(%s #> '{", source);
        append_path(sql, property, from);
        text_append(sql, "}') with ordinality as list(item, n) order by n) end");
        return;
    }
    if (property->kind == PROPERTY_TIME)
        text_append(sql, "date_trunc('milliseconds', ");
    text_append_format(sql, "(%s #>> '{", source);
    append_path(sql, property, from);
    text_append(sql, "}')");
    if (property->kind != PROPERTY_TEXT)
        text_append_format(sql, "::%s", cast_of(property));
    if (property->kind == PROPERTY_TIME)
        text_append_char(sql, ')');
}

/* The columns that @properties keep in their table, nested objects included; arrays of objects are
 * not. */
typedef void (*column_visitor)(const struct property *property, void *data);

static void visit_columns(const struct property *properties, size_t count, bool common,
                          column_visitor visit, void *data)
{
    for (size_t i = 0; i < count; i++) {
        const struct property *property = &properties[i];

        if (property->is_computed || property->is_common != common)
            continue;
        if (property->kind == PROPERTY_OBJECT && !property->is_array)
            visit_columns(property->members, property->member_count, common, visit, data);
        else if (property->column != NULL)
            visit(property, data);
    }
}

struct column_writer {
    struct text *sql;
    const struct property
        *from; /* the array of objects whose members these are; NULL: the record */
    const char *source;
    const char *separator;
};

static void write_name(const struct property *property, void *data)
{
    struct column_writer *writer = data;

    text_append_format(writer->sql, "%s%s", writer->separator, property->column);
    writer->separator = ", ";
}

static void write_value(const struct property *property, void *data)
{
    struct column_writer *writer = data;

    text_append(writer->sql, writer->separator);
    append_value(writer->sql, property, writer->from, writer->source);
    writer->separator = ", ";
}

static void write_assignment(const struct property *property, void *data)
{
    struct column_writer *writer = data;

    text_append_format(writer->sql, "%s%s = excluded.%s", writer->separator, property->column,
                       property->column);
    writer->separator = ", ";
}

/* Set by the engine itself, from the envelope and the clock. */
static bool is_of_envelope(const struct property *property)
{
    return property->read_only || strcmp(property->path, "slug") == 0 ||
           strcmp(property->path, "language") == 0;
}

static void write_common_name(const struct property *property, void *data)
{
    if (!is_of_envelope(property))
        write_name(property, data);
}

static void write_common_value(const struct property *property, void *data)
{
    if (!is_of_envelope(property))
        write_value(property, data);
}

static void write_common_assignment(const struct property *property, void *data)
{
    struct column_writer *writer = data;

    if (is_of_envelope(property))
        return;
    text_append_format(writer->sql, ",\n%s = ", property->column);
    append_value(writer->sql, property, writer->from, writer->source);
}

#define NOW "date_trunc('milliseconds', now())"
#define TIME_FORMAT "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'"
#define SHOWN_TIME(expression) "to_char(" expression " at time zone 'UTC', " TIME_FORMAT ")"
#define FIRST_PUBLISHED "case item->>'status' when 'published' then " NOW " end"

/* When somebody should look again, from when somebody last did. */
static void append_verify_due(struct text *sql, const struct resource *resource)
{
    text_append_format(sql,
                       "coalesce(date_trunc('milliseconds', "
                       "(item->'data'->>'verified_at')::timestamptz), " NOW
                       ") + interval '%u days'",
                       resource->verify_days);
}

static void compose_add(struct text *sql, const struct resource *resource)
{
    struct column_writer writer = {.sql = sql, .separator = ", ", .source = "item->'data'"};

    text_append(sql, "insert into catalogue.record (id, resource, slug, status, language, version, "
                     "latest, latest_at, digest, created_at, updated_at, first_published_at, "
                     "verify_due");
    visit_columns(resource->properties, resource->property_count, true, write_common_name, &writer);
    text_append_format(sql,
                       ")\nselect (item->>'id')::uuid, '%s', item->>'slug', item->>'status', "
                       "item->'data'->>'language', (item->>'version')::integer, "
                       "(item->>'version')::integer, " NOW ", item->>'digest', " NOW ", " NOW
                       ", " FIRST_PUBLISHED ", ",
                       resource->path);
    append_verify_due(sql, resource);
    visit_columns(resource->properties, resource->property_count, true, write_common_value,
                  &writer);
    /* Who is left out has its slug or its source taken; a failure would not say whose. */
    text_append(sql, "\nfrom jsonb_array_elements($1::jsonb) as listed(item) "
                     "where (item->>'new')::boolean\non conflict do nothing returning id");
}

static void compose_change(struct text *sql, const struct resource *resource)
{
    struct column_writer writer = {.sql = sql, .source = "item->'data'"};

    text_append(sql, "update catalogue.record r set slug = item->>'slug', "
                     "status = item->>'status', review = null, "
                     "language = item->'data'->>'language', "
                     "version = (item->>'version')::integer, "
                     "latest = (item->>'version')::integer, latest_at = " NOW ", "
                     "waiting_since = case item->>'status' when 'in_review' then "
                     "coalesce(r.waiting_since, " NOW ") end, digest = item->>'digest', "
                     "updated_at = " NOW
                     ", first_published_at = coalesce(r.first_published_at, " FIRST_PUBLISHED
                     "), deleted_at = null, replaced_by = null, "
                     "verify_due = ");
    append_verify_due(sql, resource);
    visit_columns(resource->properties, resource->property_count, true, write_common_assignment,
                  &writer);
    text_append(sql, "\nfrom jsonb_array_elements($1::jsonb) as listed(item)\n"
                     "where r.id = (item->>'id')::uuid and not (item->>'new')::boolean");
}

static void compose_row(struct text *sql, const struct resource *resource)
{
    struct column_writer writer = {.sql = sql, .separator = ", ", .source = "item->'data'"};

    text_append_format(sql,
                       "with list as materialized (select item from "
                       "jsonb_array_elements($1::jsonb) as listed(item)),\n"
                       "stored_row as (insert into catalogue.%s (id",
                       resource->table);
    visit_columns(resource->properties, resource->property_count, false, write_name, &writer);
    text_append(sql, ")\nselect (item->>'id')::uuid");
    visit_columns(resource->properties, resource->property_count, false, write_value, &writer);
    text_append(sql, "\nfrom list\n"
                     "on conflict (id) do update set id = excluded.id");
    visit_columns(resource->properties, resource->property_count, false, write_assignment, &writer);
    text_append_char(sql, ')');
}

/* The two statements in the making. */
struct storing {
    struct text remove; /* empty: there is nothing to empty */
    struct text store;
};

static void compose_child(struct storing *storing, const struct property *property,
                          const struct property *outer)
{
    struct text *sql = &storing->store;
    struct column_writer writer = {
        .sql = sql, .separator = ", ", .source = "child.item", .from = property};
    const bool is_link = property->kind == PROPERTY_RELATION;

    /* What lies in the rows of an outer list goes with them. */
    if (outer == NULL) {
        text_append(&storing->remove,
                    storing->remove.length > 0
                        ? ",\n"
                        : "with list as materialized (select (item->>'id')::uuid as id from "
                          "jsonb_array_elements($1::jsonb) as listed(item)),\n");
        text_append_format(&storing->remove,
                           "removed_%s as (delete from catalogue.%s where record_id in (select id "
                           "from list))",
                           property->table, property->table);
    }

    text_append_format(sql, ",\nstored_%s as (insert into catalogue.%s (record_id, %sposition",
                       property->table, property->table, outer == NULL ? "" : "parent_position, ");
    if (is_link)
        text_append(sql, ", target_id");
    else
        visit_columns(property->members, property->member_count, property->is_common, write_name,
                      &writer);
    text_append_format(sql, ")\nselect (list.item->>'id')::uuid, %schild.n",
                       outer == NULL ? "" : "outer_child.n, ");
    if (is_link)
        text_append(sql, ", (child.item #>> '{}')::uuid");
    else
        visit_columns(property->members, property->member_count, property->is_common, write_value,
                      &writer);
    text_append(sql, "\nfrom list");
    if (outer != NULL) {
        text_append(sql, "\n  cross join jsonb_array_elements(list.item->'data' #> '{");
        append_path(sql, outer, NULL);
        text_append(sql, "}') with ordinality as outer_child(item, n)");
    }
    text_append_format(sql, "\n  cross join jsonb_array_elements(%s #> '{",
                       outer == NULL ? "list.item->'data'" : "outer_child.item");
    append_path(sql, property, outer);
    text_append(sql, "}') with ordinality as child(item, n))");
}

static void compose_children(struct storing *storing, const struct property *properties,
                             size_t count, const struct property *outer)
{
    for (size_t i = 0; i < count; i++) {
        const struct property *property = &properties[i];

        if (property->is_computed)
            continue;
        if (property->table != NULL)
            compose_child(storing, property, outer);
        if (property->kind == PROPERTY_OBJECT)
            compose_children(storing, property->members, property->member_count,
                             property->is_array ? property : outer);
    }
}

/* The record as it was before, and what is another now. */
static void compose_version(struct text *sql, const struct resource *resource)
{
    text_append(
        sql,
        ",\nstored_version as (insert into catalogue.version (record_id, version, action, status, "
        "data, digest, reason, client_id, role, at, changed)\n"
        "select (item->>'id')::uuid, (item->>'version')::integer, item->>'action', "
        "item->>'status', item->'data', item->>'digest', item->>'reason', "
        "identity.acting_client(), identity.acting_role(), " NOW ", case when item ? 'changed' "
        "then array(select jsonb_array_elements_text(item->'changed')) else array(\n"
        "  select coalesce(before.key, after.key) from jsonb_each(item->'data') after full join "
        "jsonb_each((select v.data from catalogue.version v where v.record_id = "
        "(item->>'id')::uuid and v.data is not null and not (item->>'new')::boolean "
        "order by v.version desc limit 1)) before "
        "on before.key = after.key where before.value is distinct from after.value order by 1) "
        "end\nfrom list)\nselect " SHOWN_TIME(NOW) ", ");
    text_append(sql, "to_char((");
    append_verify_due(sql, resource);
    text_append(sql, ") at time zone 'UTC', " TIME_FORMAT ") from list limit 1");
}

int compose_store(struct arena *arena, struct model_resource *of)
{
    const struct resource *resource = of->resource;
    struct statements statements = {.arena = arena};
    struct storing storing;
    struct text sql;

    text_init(&storing.remove, STATEMENT_BYTES_MAX);
    text_init(&storing.store, STATEMENT_BYTES_MAX);
    text_init(&sql, STATEMENT_BYTES_MAX);
    compose_add(&sql, resource);
    of->store.add = statements_copy(&statements, &sql);
    compose_change(&sql, resource);
    of->store.change = statements_copy(&statements, &sql);

    compose_row(&storing.store, resource);
    compose_children(&storing, resource->properties, resource->property_count, NULL);
    compose_version(&storing.store, resource);
    of->store.fill = statements_copy(&statements, &storing.store);
    if (storing.remove.length > 0) {
        text_append(&storing.remove, "\nselect");
        of->store.remove = statements_copy(&statements, &storing.remove);
    }
    text_deinit(&storing.remove);
    text_deinit(&storing.store);
    text_deinit(&sql);
    return statements.failed ? fault_raise(-ENOMEM) : 0;
}
