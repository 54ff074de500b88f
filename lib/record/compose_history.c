/*
 * Lists as they were: the documents of that time are asked themselves, because
 * the read model holds the present alone. The index of changes is walked, newest
 * first, until the page is full; what few records match takes longest, and ends
 * at the latest with the time that a statement has.
 *
 * A filter is a constant path into the document, made from the contract, and its
 * values are parameters. Paths are lax: an array on the way is looked through, and
 * what a document of that time does not have is no error, but no match. A value is
 * compared as the filters of today compare it.
 */
#include "record/compose_internal.h"

#include "base/arena.h"
#include "base/uuid.h"

#include <string.h>

#define JSON_PATH_BYTES_MAX 512

/* h is a row of the history, d its document as jsonb. */
static const char *const UPDATED_AT[] = {"h.updated_at"};

/* $."members"."organisation"[*] */
static const char *path_of(struct statement *statement, const struct property *property)
{
    struct text path;
    const char *result;

    text_init(&path, JSON_PATH_BYTES_MAX);
    text_append(&path, "$.\"");
    for (const char *at = property->path; *at != '\0'; at++)
        if (*at == '.')
            text_append(&path, "\".\"");
        else
            text_append_char(&path, *at);
    text_append(&path, "\"[*]");
    result = text_failed(&path) ? "" : arena_copy_bytes(statement->arena, path.bytes, path.length);
    text_deinit(&path);
    return result == NULL ? "" : result;
}

/* --- equality ------------------------------------------------------------------------------ */

/* How the values of a filter become JSON values; NULL: they are not compared as such. */
static const char *value_type(const struct property *property)
{
    switch (property->kind) {
    case PROPERTY_TEXT:
    case PROPERTY_DATE:
    case PROPERTY_PARTIAL_DATE:
        return "text";
    case PROPERTY_UUID:
        return "uuid"; /* in lower case, however it was written */
    case PROPERTY_INTEGER:
        return "bigint";
    case PROPERTY_NUMBER:
        return "numeric";
    case PROPERTY_DOUBLE:
        return "double precision";
    case PROPERTY_BOOLEAN:
        return "boolean";
    case PROPERTY_DECIMAL:
    case PROPERTY_TIME:
    case PROPERTY_RELATION:
    case PROPERTY_OBJECT:
        break;
    }
    return NULL;
}

/* jsonb_path_exists(…): a relation to any of these, by their ids or slugs. */
static void add_relation(struct statement *statement, const struct property *property,
                         const char *const *names, size_t count)
{
    const char **ids = arena_alloc_array(statement->arena, count, sizeof(*ids));
    const char **slugs = arena_alloc_array(statement->arena, count, sizeof(*slugs));
    size_t id_count = 0;
    size_t slug_count = 0;

    if (ids == NULL || slugs == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        if (uuid_is_valid(names[i]))
            ids[id_count++] = names[i];
        else
            slugs[slug_count++] = names[i];
    text_append_format(
        &statement->sql,
        "jsonb_path_exists(d.document, '%s ? (@.\"id\" == $ids[*] || @.\"slug\" == $slugs[*])', "
        "jsonb_build_object('ids', to_jsonb($%d::uuid[]), 'slugs', to_jsonb($%d::text[])))",
        path_of(statement, property),
        statement_add_value(statement, statement_array(statement, ids, id_count)),
        statement_add_value(statement, statement_array(statement, slugs, slug_count)));
}

/* --- comparison in SQL --------------------------------------------------------------------- */

/*
 * A property may have had another type at that time: what does not look like a value of today's
 * is passed over, for a cast that fails would fail the list.
 */
static const char *guard_of(const struct property *property)
{
    switch (property->kind) {
    case PROPERTY_INTEGER:
    case PROPERTY_NUMBER:
    case PROPERTY_DOUBLE:
        return "@.type() == \"number\"";
    case PROPERTY_DECIMAL:
        return "@ like_regex \"^-?[0-9]+([.][0-9]+)?$\"";
    case PROPERTY_TIME:
        return "@ like_regex \"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9.]+Z$\"";
    case PROPERTY_DATE:
        return "@ like_regex \"^[0-9]{4}-[0-9]{2}-[0-9]{2}$\"";
    case PROPERTY_PARTIAL_DATE:
        return "@ like_regex \"^[0-9]{4}(-[0-9]{2}){0,2}$\"";
    case PROPERTY_TEXT:
    case PROPERTY_BOOLEAN:
    case PROPERTY_UUID:
    case PROPERTY_OBJECT:
    case PROPERTY_RELATION:
        break;
    }
    return "false";
}

static const char *compared_type(const struct property *property)
{
    switch (property->kind) {
    case PROPERTY_TIME:
        return "timestamptz";
    case PROPERTY_DATE:
        return "date";
    case PROPERTY_INTEGER:
    case PROPERTY_NUMBER:
    case PROPERTY_DOUBLE:
    case PROPERTY_DECIMAL:
        return "numeric";
    case PROPERTY_PARTIAL_DATE:
    case PROPERTY_TEXT:
    case PROPERTY_BOOLEAN:
    case PROPERTY_UUID:
    case PROPERTY_OBJECT:
    case PROPERTY_RELATION:
        break;
    }
    return "text";
}

/* exists (… where v: a value of the property, as text; the caller goes on and closes. */
static void begin_values(struct statement *statement, const struct property *property)
{
    text_append_format(&statement->sql,
                       "exists (select from (select found #>> '{}' as v from "
                       "jsonb_path_query(d.document, '%s ? (%s)') as listed(found) offset 0) "
                       "as listed where ",
                       path_of(statement, property), guard_of(property));
}

static void add_bound(struct statement *statement, const struct query_condition *condition)
{
    const struct property *property = condition->filter->property;
    const char *value = condition->values[0];
    const bool lower =
        condition->filter->operator== FILTER_MIN || condition->filter->operator== FILTER_AFTER;
    const char *comparison = lower ? ">=" : "<=";
    const int number = statement_add_value(statement, value);

    begin_values(statement, property);
    if (property->kind == PROPERTY_PARTIAL_DATE)
        text_append_format(&statement->sql, "published.%s(v) %s published.%s($%d))",
                           lower ? "first_day" : "last_day", comparison,
                           lower ? "first_day" : "last_day", number);
    else if (property->kind == PROPERTY_TIME && !lower && strlen(value) == 10)
        text_append_format(&statement->sql, "v::timestamptz < $%d::timestamptz + interval '1 day')",
                           number);
    else
        text_append_format(&statement->sql, "v::%s %s $%d::%s)", compared_type(property),
                           comparison, number, compared_type(property));
}

static void add_condition(struct statement *statement, const struct query_condition *condition)
{
    const struct property *property = condition->filter->property;
    const char *const *values = condition->values;
    const size_t count = condition->value_count;

    text_append(&statement->sql, condition->negated ? " and not " : " and ");
    if (condition->filter->operator!= FILTER_EQUAL) {
        add_bound(statement, condition);
    } else if (property->kind == PROPERTY_RELATION) {
        add_relation(statement, property, values, count);
    } else if (value_type(property) != NULL) {
        text_append_format(
            &statement->sql,
            "jsonb_path_exists(d.document, '%s ? (@ == $values[*])', "
            "jsonb_build_object('values', to_jsonb($%d::%s[])))",
            path_of(statement, property),
            statement_add_value(statement, statement_array(statement, values, count)),
            value_type(property));
    } else {
        begin_values(statement, property);
        text_append_format(
            &statement->sql, "v::%s = any($%d::%s[]))", compared_type(property),
            statement_add_value(statement, statement_array(statement, values, count)),
            compared_type(property));
    }
}

/* Records that refer to query->related_to by any of the properties that make them related. */
static void add_related(struct statement *statement, const struct query *query)
{
    const char *separator = " and (";

    for (size_t i = 0; i < query->resource->leaf_count; i++) {
        const struct property *leaf = query->resource->leaves[i];

        if (!leaf->related || leaf->target != query->related)
            continue;
        text_append(&statement->sql, separator);
        add_relation(statement, leaf, &query->related_to, 1);
        separator = " or ";
    }
    text_append_char(&statement->sql, ')');
}

static void add_freshness(struct statement *statement, const struct query *query)
{
    const struct property *due = resource_leaf(query->resource, VERIFY_DUE_PROPERTY);

    text_append(&statement->sql, query->freshness == FRESHNESS_STALE ? " and " : " and not ");
    begin_values(statement, due);
    text_append_format(&statement->sql, "v::timestamptz < $%d::timestamptz)",
                       statement_add_value(statement, query->stale_at));
}

/* " from … where …": what was public then, and matches. */
static void add_matches(struct statement *statement, const struct query *query)
{
    const int resource = statement_add_value(statement, query->resource->path);
    const int instant = statement_add_value(statement, query->as_of);

    text_append_format(&statement->sql,
                       " from published.history h cross join lateral (select h.document::jsonb as "
                       "document offset 0) d where h.resource = $%d and h.valid_from <= "
                       "$%d::timestamptz and (h.valid_to is null or h.valid_to > $%d::timestamptz)",
                       resource, instant, instant);
    for (size_t i = 0; i < query->condition_count; i++)
        add_condition(statement, &query->conditions[i]);
    if (query->id_count > 0)
        text_append_format(&statement->sql, " and h.id = any($%d::uuid[])",
                           statement_add_value(
                               statement, statement_array(statement, query->ids, query->id_count)));
    if (query->related != NULL)
        add_related(statement, query);
    if (query->freshness != FRESHNESS_ANY)
        add_freshness(statement, query);
    statement->plan = DB_PLAN_CUSTOM;
}

void compose_history_page(struct arena *arena, const struct query *query,
                          const struct cursor *cursor, struct statement *statement)
{
    static const char *const OUTER[] = {"k.updated_at"};
    const bool backward = cursor != NULL && cursor->backward;
    const char *limit;

    statement_init(statement, arena);
    limit = arena_format(arena, "%u", query->limit + 1);
    if (limit == NULL)
        return;
    text_append_format(&statement->sql,
                       "select k.id, k.etag, k.document, %s, null, null, null, "
                       "k.updated_at::text from (select h.id, h.etag, h.document, h.translations, "
                       "h.updated_at",
                       query->language_count > 0 || query->all_languages ? "k.translations"
                                                                         : "null");
    add_matches(statement, query);
    if (cursor != NULL)
        compose_beyond(statement, query, cursor, UPDATED_AT, "h.id");
    compose_order(statement, query, backward, UPDATED_AT, "h.id");
    text_append_format(&statement->sql, " limit $%d::integer) k",
                       statement_add_value(statement, limit));
    compose_order(statement, query, false, OUTER, "k.id");
}

void compose_history_count(struct arena *arena, const struct query *query, unsigned most,
                           struct statement *statement)
{
    statement_init(statement, arena);
    text_append(&statement->sql, "select count(*) from (select 1");
    add_matches(statement, query);
    if (most > 0)
        text_append_format(&statement->sql, " limit %u", most);
    text_append(&statement->sql, ") counted");
}
