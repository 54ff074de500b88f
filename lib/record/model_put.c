/*
 * Storing records: $1 is a jsonb array, one object a record:
 *
 *   {"id": uuid, "slug": text, "version": n, "status": text, "digest": text, "data": {...}}
 *
 * where data has passed the contract and every relation in it is an id. Times are kept to the
 * millisecond, as they are shown: what a reader sees is what a filter compares. One
 * statement a table stores them all; what a record no longer says is removed,
 * because its tables are emptied first and its columns are all set.
 */
#include "record/model_internal.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"

#include <errno.h>
#include <string.h>

#define STATEMENT_BYTES_MAX (1024 * 1024)
#define EXPRESSION_BYTES_MAX 4096

void statements_add(struct statements *statements, struct text *sql)
{
    char *copy = NULL;

    if (!text_failed(sql) && statements->count < STATEMENTS_MAX)
        copy = arena_copy_bytes(statements->arena, sql->bytes, sql->length);
    if (copy == NULL)
        statements->failed = true;
    else
        statements->sql[statements->count++] = copy;
    text_clear(sql);
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
    static const char *const NAMES[] = {"id",         "slug",       "status",  "version",
                                        "created_at", "updated_at", "language"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        if (strcmp(property->path, NAMES[i]) == 0)
            return true;
    return false;
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
    if (!is_of_envelope(property))
        write_assignment(property, data);
}

static void compose_record(struct text *sql, const struct resource *resource)
{
    struct column_writer writer = {.sql = sql, .separator = ", ", .source = "item->'data'"};

    text_append(sql, "with list as materialized (select item from "
                     "jsonb_array_elements($1::jsonb) as listed(item)),\n"
                     "stored_record as (insert into catalogue.record "
                     "(id, resource, slug, status, language, version, digest, "
                     "created_at, updated_at");
    visit_columns(resource->properties, resource->property_count, true, write_common_name, &writer);
    text_append_format(sql,
                       ")\nselect (item->>'id')::uuid, '%s', item->>'slug', item->>'status', "
                       "item->'data'->>'language', (item->>'version')::integer, item->>'digest', "
                       "date_trunc('milliseconds', now()), date_trunc('milliseconds', now())",
                       resource->path);
    visit_columns(resource->properties, resource->property_count, true, write_common_value,
                  &writer);
    text_append(sql, "\nfrom list\n"
                     "on conflict (id) do update set slug = excluded.slug, "
                     "status = excluded.status, language = excluded.language, "
                     "version = excluded.version, digest = excluded.digest, "
                     "updated_at = excluded.updated_at");
    visit_columns(resource->properties, resource->property_count, true, write_common_assignment,
                  &writer);
    text_append_char(sql, ')');
}

static void compose_row(struct text *sql, const struct resource *resource)
{
    struct column_writer writer = {.sql = sql, .separator = ", ", .source = "item->'data'"};

    text_append_format(sql, ",\nstored_row as (insert into catalogue.%s (id", resource->table);
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

int compose_put(struct arena *arena, struct model_resource *of)
{
    const struct resource *resource = of->resource;
    struct statements statements = {.arena = arena};
    struct storing storing;

    text_init(&storing.remove, STATEMENT_BYTES_MAX);
    text_init(&storing.store, STATEMENT_BYTES_MAX);
    compose_record(&storing.store, resource);
    compose_row(&storing.store, resource);
    compose_children(&storing, resource->properties, resource->property_count, NULL);
    text_append(&storing.store, "\nselect");
    if (storing.remove.length > 0) {
        text_append(&storing.remove, "\nselect");
        statements_add(&statements, &storing.remove);
    }
    statements_add(&statements, &storing.store);
    text_deinit(&storing.remove);
    text_deinit(&storing.store);
    return statements_take(&statements, &of->put, &of->put_count);
}
