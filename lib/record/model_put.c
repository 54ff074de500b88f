/*
 * Storing records: $1 is a jsonb array, one object a record:
 *
 *   {"id": uuid, "new": boolean, "slug": text, "version": n, "status": text, "digest": text,
 *    "data": {...}}
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
#include "db/time.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STATEMENT_BYTES_MAX (1024 * 1024)
#define EXPRESSION_BYTES_MAX 4096
#define RECORD_COLUMN_BYTES 128

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

/* The property of the record that @property is part of; itself, mostly. */
static const struct property *top_of(const struct property *property)
{
    while (property->parent != NULL)
        property = property->parent;
    return property;
}

/* The same of a record, out of RECORD: no path has to be walked, and no array taken apart. */
static void append_record_value(struct text *sql, const struct property *property)
{
    const struct property *top = top_of(property);
    char source[RECORD_COLUMN_BYTES];

    (void)snprintf(source, sizeof(source), "record.\"%s\"", top->name);
    if (top != property)
        append_value(sql, property, top, source);
    else if (property->kind == PROPERTY_TIME)
        text_append_format(sql, "date_trunc('milliseconds', %s)", source);
    else
        text_append(sql, source);
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
    if (writer->from == NULL)
        append_record_value(writer->sql, property);
    else
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
#define RETURNED                                                                                   \
    "returning r.id, to_char(r.updated_at" DB_RFC3339 ", to_char(r.verify_due" DB_RFC3339
#define FIRST_PUBLISHED "case item->>'status' when 'published' then " NOW " end"

/* When somebody should look again, from when somebody last did. */
static void append_verify_due(struct text *sql, const struct resource *resource, const char *data)
{
    text_append_format(sql,
                       "coalesce(date_trunc('milliseconds', "
                       "(%s->>'verified_at')::timestamptz), " NOW ") + interval '%u days'",
                       data, resource->verify_days);
}

#define LISTED                                                                                     \
    "\nfrom jsonb_to_recordset($1::jsonb) as item(id uuid, \"new\" boolean, slug text, "           \
    "version integer, status text, digest text, data jsonb)"

static void write_definition(const struct property *property, void *data)
{
    struct column_writer *writer = data;

    text_append_format(writer->sql, "%s\"%s\" %s%s", writer->separator, property->name,
                       property->kind == PROPERTY_OBJECT ? "jsonb" : cast_of(property),
                       property->is_array ? "[]" : "");
    writer->separator = ", ";
}

static void write_common_definition(const struct property *property, void *data)
{
    if (!is_of_envelope(property))
        write_definition(property, data);
}

static void count_column(const struct property *property, void *data)
{
    size_t *count = data;

    if (!property->is_common || !is_of_envelope(property))
        (*count)++;
}

/* What is listed, with the properties that are columns, and the objects that hold some, as columns
 * of RECORD. */
static void append_records(struct text *sql, const struct resource *resource, bool common)
{
    struct column_writer writer = {.sql = sql, .separator = ""};

    text_append(sql, LISTED "\ncross join jsonb_to_record(item.data) as record(");
    for (size_t i = 0; i < resource->property_count; i++) {
        const struct property *property = &resource->properties[i];
        size_t count = 0;

        visit_columns(property, 1, common, count_column, &count);
        if (count > 0 && common)
            write_common_definition(property, &writer);
        else if (count > 0)
            write_definition(property, &writer);
    }
    text_append_char(sql, ')');
}

static void compose_add(struct text *sql, const struct resource *resource, bool are_several)
{
    struct column_writer writer = {.sql = sql, .separator = ", "};

    text_append(sql,
                "insert into catalogue.record as r (id, resource, slug, status, language, version, "
                "latest, latest_at, digest, created_at, updated_at, first_published_at, "
                "verify_due");
    visit_columns(resource->properties, resource->property_count, true, write_common_name, &writer);
    text_append_format(sql,
                       ")\nselect item.id, '%s', item.slug, item.status, "
                       "item.data->>'language', item.version, item.version, " NOW
                       ", item.digest, " NOW ", " NOW ", "
                       "case item.status when 'published' then " NOW " end, ",
                       resource->path);
    append_verify_due(sql, resource, "item.data");
    visit_columns(resource->properties, resource->property_count, true, write_common_value,
                  &writer);
    append_records(sql, resource, true);
    text_append(sql, "\nwhere item.\"new\"\n");
    /* Who is left out of several has its slug or its source taken; a failure would not say whose.
     */
    text_append(sql, are_several ? "on conflict do nothing " RETURNED : RETURNED);
}

static void compose_change(struct text *sql, const struct resource *resource)
{
    struct column_writer writer = {.sql = sql, .source = "item->'data'"};

    /* With the id as a column: a policy lets no cast be an index condition. */
    text_append(sql, "with list as materialized (select item, (item->>'id')::uuid as id, "
                     "(item->>'new')::boolean as is_new from jsonb_array_elements($1::jsonb) as "
                     "listed(item))\n"
                     "update catalogue.record r set slug = item->>'slug', "
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
    append_verify_due(sql, resource, "item->'data'");
    visit_columns(resource->properties, resource->property_count, true, write_common_assignment,
                  &writer);
    text_append(sql, "\nfrom list where r.id = list.id and not list.is_new " RETURNED);
}

static void compose_insert(struct text *sql, const struct resource *resource)
{
    struct column_writer writer = {.sql = sql, .separator = ", "};

    text_append_format(sql, "insert into catalogue.%s (id", resource->table);
    visit_columns(resource->properties, resource->property_count, false, write_name, &writer);
    text_append(sql, ")\nselect item.id");
    visit_columns(resource->properties, resource->property_count, false, write_value, &writer);
    append_records(sql, resource, false);
}

static void compose_put(struct text *sql, const struct resource *resource)
{
    struct column_writer writer = {.sql = sql, .separator = ", "};

    compose_insert(sql, resource);
    text_append(sql, "\non conflict (id) do update set id = excluded.id");
    visit_columns(resource->properties, resource->property_count, false, write_assignment, &writer);
}

/* What is composed for the lists of a resource. */
struct lists {
    struct statements *statements;
    struct text remove; /* empty: there is nothing to empty */
    struct model_list items[STATEMENTS_MAX];
    size_t count;
};

static void compose_list(struct lists *lists, const struct property *property,
                         const struct property *outer)
{
    const bool is_link = property->kind == PROPERTY_RELATION;
    struct column_writer writer = {.separator = ", ", .source = "child.item", .from = property};
    struct text sql;

    text_init(&sql, STATEMENT_BYTES_MAX);
    writer.sql = &sql;
    text_append_format(&sql, "insert into catalogue.%s (record_id, %sposition", property->table,
                       outer == NULL ? "" : "parent_position, ");
    if (is_link)
        text_append(&sql, ", target_id");
    else
        visit_columns(property->members, property->member_count, property->is_common, write_name,
                      &writer);
    text_append_format(&sql, ")\nselect item.id, %schild.n",
                       outer == NULL ? "" : "outer_child.n, ");
    if (is_link)
        text_append(&sql, ", (child.item #>> '{}')::uuid");
    else
        visit_columns(property->members, property->member_count, property->is_common, write_value,
                      &writer);
    text_append(&sql, LISTED);
    if (outer != NULL) {
        text_append(&sql, "\n  cross join jsonb_array_elements(item.data #> '{");
        append_path(&sql, outer, NULL);
        text_append(&sql, "}') with ordinality as outer_child(item, n)");
    }
    text_append_format(&sql, "\n  cross join jsonb_array_elements(%s #> '{",
                       outer == NULL ? "item.data" : "outer_child.item");
    append_path(&sql, property, outer);
    text_append(&sql, "}') with ordinality as child(item, n)");
    if (lists->count < ARRAY_LENGTH(lists->items))
        lists->items[lists->count++] =
            (struct model_list){property, statements_copy(lists->statements, &sql)};
    else
        lists->statements->failed = true;
    text_deinit(&sql);
}

/* What lies in the rows of an outer list goes with them. */
static void compose_removal(struct lists *lists, const struct property *property)
{
    text_append(&lists->remove,
                lists->remove.length > 0
                    ? ",\n"
                    : "with list as materialized (select (item->>'id')::uuid as id from "
                      "jsonb_array_elements($1::jsonb) as listed(item)),\n");
    text_append_format(&lists->remove,
                       "removed_%s as (delete from catalogue.%s where record_id in (select id "
                       "from list))",
                       property->table, property->table);
}

static void compose_lists(struct lists *lists, const struct property *properties, size_t count,
                          const struct property *outer)
{
    for (size_t i = 0; i < count; i++) {
        const struct property *property = &properties[i];

        if (property->is_computed)
            continue;
        if (property->table != NULL)
            compose_list(lists, property, outer);
        if (property->table != NULL && outer == NULL)
            compose_removal(lists, property);
        if (property->kind == PROPERTY_OBJECT)
            compose_lists(lists, property->members, property->member_count,
                          property->is_array ? property : outer);
    }
}

static void take_lists(struct arena *arena, struct lists *lists, struct model_store *store)
{
    struct model_list *items = arena_alloc_array(arena, lists->count, sizeof(*items));

    if (lists->remove.length > 0) {
        text_append(&lists->remove, "\nselect");
        store->remove = statements_copy(lists->statements, &lists->remove);
    }
    if (items == NULL) {
        lists->statements->failed = lists->statements->failed || lists->count > 0;
        return;
    }
    memcpy(items, lists->items, lists->count * sizeof(*items));
    store->lists = items;
    store->list_count = lists->count;
}

int compose_store(struct arena *arena, struct model_resource *of)
{
    const struct resource *resource = of->resource;
    struct statements statements = {.arena = arena};
    struct lists lists = {.statements = &statements};
    struct text sql;

    text_init(&sql, STATEMENT_BYTES_MAX);
    compose_add(&sql, resource, false);
    of->store.create = statements_copy(&statements, &sql);
    compose_add(&sql, resource, true);
    of->store.add = statements_copy(&statements, &sql);
    compose_change(&sql, resource);
    of->store.change = statements_copy(&statements, &sql);
    compose_insert(&sql, resource);
    of->store.insert = statements_copy(&statements, &sql);
    compose_put(&sql, resource);
    of->store.put = statements_copy(&statements, &sql);
    text_deinit(&sql);

    text_init(&lists.remove, STATEMENT_BYTES_MAX);
    compose_lists(&lists, resource->properties, resource->property_count, NULL);
    take_lists(arena, &lists, &of->store);
    text_deinit(&lists.remove);
    return statements.failed ? fault_raise(-ENOMEM) : 0;
}
