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
 *
 * Reading a document as JSON takes a tenth of a millisecond, looking for a value in
 * its text a twentieth of that. So a document in which the value does not occur at
 * all is not read: the value as JSON writes it, with its quotes.
 */
#include "record/compose_internal.h"

#include "base/arena.h"
#include "base/uuid.h"
#include "db/time.h"
#include "record/model.h"
#include "record/timed.h"

#include <string.h>

#define JSON_PATH_BYTES_MAX 512

#define OCCURRENCES_MAX 8 /* of so many values; more are looked for in the JSON alone */

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

/* The column of h that holds a property, too; NULL: the document alone has it. */
static const char *column_of(const struct property *property)
{
    if (strcmp(property->path, "slug") == 0)
        return "h.slug";
    return strcmp(property->path, "updated_at") == 0 ? "h.updated_at" : NULL;
}

/* "strpos(…) > 0 or …": does one of the values of the parameter @number, an array, occur? */
static void add_occurrence(struct statement *statement, int number, const char *type, size_t count)
{
    for (size_t i = 1; i <= count; i++)
        text_append_format(&statement->sql,
                           "%sstrpos(h.document, to_json(($%d::%s[])[%zu])::text) > 0",
                           i == 1 ? "" : " or ", number, type, i);
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

/* A relation to any of these, by their ids or slugs. @seeks: in the text first. */
static void add_relation(struct statement *statement, const struct property *property,
                         const char *const *names, size_t count, bool seeks)
{
    const char **ids = arena_alloc_array(statement->arena, count, sizeof(*ids));
    const char **slugs = arena_alloc_array(statement->arena, count, sizeof(*slugs));
    size_t id_count = 0;
    size_t slug_count = 0;
    int id_number, slug_number;

    if (ids == NULL || slugs == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        if (uuid_is_valid(names[i]))
            ids[id_count++] = names[i];
        else
            slugs[slug_count++] = names[i];
    id_number = statement_add_value(statement, statement_array(statement, ids, id_count));
    slug_number = statement_add_value(statement, statement_array(statement, slugs, slug_count));
    if (seeks && count <= OCCURRENCES_MAX) {
        text_append_char(&statement->sql, '(');
        add_occurrence(statement, id_number, "uuid", id_count);
        text_append(&statement->sql, id_count > 0 && slug_count > 0 ? " or " : "");
        add_occurrence(statement, slug_number, "text", slug_count);
        text_append(&statement->sql, ") and ");
    }
    text_append_format(
        &statement->sql,
        "jsonb_path_exists(d.document, '%s ? (@.\"id\" == $ids[*] || @.\"slug\" == $slugs[*])', "
        "jsonb_build_object('ids', to_jsonb($%d::uuid[]), 'slugs', to_jsonb($%d::text[])))",
        path_of(statement, property), id_number, slug_number);
}

/* A property whose values are JSON values as they are. */
static void add_equality(struct statement *statement, const struct property *property,
                         const char *const *values, size_t count, bool seeks)
{
    const int number = statement_add_value(statement, statement_array(statement, values, count));
    const char *type = value_type(property);
    const bool is_quoted = strcmp(type, "text") == 0 || strcmp(type, "uuid") == 0;

    if (seeks && is_quoted && count <= OCCURRENCES_MAX) {
        text_append_char(&statement->sql, '(');
        add_occurrence(statement, number, type, count);
        text_append(&statement->sql, ") and ");
    }
    text_append_format(&statement->sql,
                       "jsonb_path_exists(d.document, '%s ? (@ == $values[*])', "
                       "jsonb_build_object('values', to_jsonb($%d::%s[])))",
                       path_of(statement, property), number, type);
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

/* @expression within the bound that the condition sets. */
static void add_comparison(struct statement *statement, const struct query_condition *condition,
                           const char *expression)
{
    const struct property *property = condition->filter->property;
    const char *value = condition->values[0];
    const bool lower =
        condition->filter->operator== FILTER_MIN || condition->filter->operator== FILTER_AFTER;
    const char *comparison = lower ? ">=" : "<=";
    const int number = statement_add_value(statement, value);

    if (property->kind == PROPERTY_PARTIAL_DATE)
        text_append_format(&statement->sql, "published.%s(%s) %s published.%s($%d)",
                           lower ? "first_day" : "last_day", expression, comparison,
                           lower ? "first_day" : "last_day", number);
    else if (property->kind == PROPERTY_TIME && !lower && strlen(value) == 10)
        text_append_format(&statement->sql, "%s::timestamptz < $%d::timestamptz + interval '1 day'",
                           expression, number);
    else
        text_append_format(&statement->sql, "%s::%s %s $%d::%s", expression,
                           compared_type(property), comparison, number, compared_type(property));
}

static void add_column_condition(struct statement *statement,
                                 const struct query_condition *condition, const char *column)
{
    const char *type = model_sql_type(condition->filter->property);

    if (condition->filter->operator== FILTER_EQUAL)
        text_append_format(
            &statement->sql, "(%s = any($%d::%s[]))", column,
            statement_add_value(
                statement, statement_array(statement, condition->values, condition->value_count)),
            type);
    else
        add_comparison(statement, condition, column);
}

static void add_condition(struct statement *statement, const struct query_condition *condition)
{
    const struct property *property = condition->filter->property;
    const char *const *values = condition->values;
    const size_t count = condition->value_count;
    /* What time makes of a document does not occur in it. */
    const bool seeks = !condition->negated && !property->is_timed;

    text_append(&statement->sql, condition->negated ? " and not " : " and ");
    if (column_of(property) != NULL) {
        add_column_condition(statement, condition, column_of(property));
    } else if (condition->filter->operator!= FILTER_EQUAL) {
        begin_values(statement, property);
        add_comparison(statement, condition, "v");
        text_append_char(&statement->sql, ')');
    } else if (property->kind == PROPERTY_RELATION) {
        add_relation(statement, property, values, count, seeks);
    } else if (value_type(property) != NULL) {
        add_equality(statement, property, values, count, seeks);
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
    const bool by_id = uuid_is_valid(query->related_to);
    const char *separator = ") and (";

    text_append(&statement->sql, " and (");
    add_occurrence(
        statement,
        statement_add_value(statement, statement_array(statement, &query->related_to, 1)),
        by_id ? "uuid" : "text", 1);
    for (size_t i = 0; i < query->resource->leaf_count; i++) {
        const struct property *leaf = query->resource->leaves[i];

        if (!leaf->related || leaf->target != query->related)
            continue;
        text_append(&statement->sql, separator);
        add_relation(statement, leaf, &query->related_to, 1, false);
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

/* The parameter @number as a time. */
static const char *instant_of(struct statement *statement, int number)
{
    const char *instant = arena_format(statement->arena, "$%d::timestamptz", number);

    return instant == NULL ? "" : instant;
}

/* " from … where …": the rows of the resource, and their documents as of @instant. */
static void add_rows(struct statement *statement, const struct query *query, const char *instant)
{
    const int resource = statement_add_value(statement, query->resource->path);

    text_append(&statement->sql, " from published.history h cross join lateral (select ");
    timed_append_past_document(&statement->sql, query->resource, "h.document", instant);
    text_append_format(&statement->sql, "::jsonb as document offset 0) d where h.resource = $%d",
                       resource);
}

/* Those that follow from the facts alone, or those that time has a say in. */
static void add_filters(struct statement *statement, const struct query *query, bool timed)
{
    for (size_t i = 0; i < query->condition_count; i++)
        if (query->conditions[i].filter->property->is_timed == timed)
            add_condition(statement, &query->conditions[i]);
}

static void add_fixed_conditions(struct statement *statement, const struct query *query)
{
    add_filters(statement, query, false);
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

static void add_conditions(struct statement *statement, const struct query *query)
{
    add_fixed_conditions(statement, query);
    add_filters(statement, query, true);
}

/* What was public then, and matches. */
static void add_matches(struct statement *statement, const struct query *query)
{
    const int instant = statement_add_value(statement, query->as_of);

    add_rows(statement, query, instant_of(statement, instant));
    text_append_format(&statement->sql,
                       " and h.valid_from <= $%d::timestamptz and (h.valid_to is null or "
                       "h.valid_to > $%d::timestamptz)",
                       instant, instant);
    add_conditions(statement, query);
}

void compose_history_page(struct arena *arena, const struct query *query,
                          const struct cursor *cursor, struct statement *statement)
{
    static const char *const OUTER[] = {"k.updated_at"};
    const bool backward = cursor != NULL && cursor->backward;
    const char *limit;
    const char *instant;

    statement_init(statement, arena);
    limit = arena_format(arena, "%u", query->limit + 1);
    if (limit == NULL)
        return;
    instant = timed_has(query->resource)
                  ? instant_of(statement, statement_add_value(statement, query->as_of))
                  : "";
    text_append(&statement->sql, "select k.id, ");
    timed_append_past_etag(&statement->sql, query->resource, "k.etag", "k.document", instant);
    text_append(&statement->sql, ", ");
    timed_append_past_document(&statement->sql, query->resource, "k.document", instant);
    text_append_format(&statement->sql,
                       ", %s, null, null, null, "
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

/* --- what has left a list ------------------------------------------------------------------- */

#define LAST_OF(ALIAS) "(" ALIAS ".valid_to - interval '1 millisecond')"
/* h, which e names: by its key, so that no document is read that is not asked for. */
#define ITS_FORM                                                                                   \
    " cross join lateral (select f.* from published.history f where f.id = e.id and f.valid_from " \
    "= e.valid_from offset 0) h"

/* What q finds, in the texts that are searched. */
static void add_past_search(struct statement *statement, const struct query *query)
{
    const char *separator = "";

    if (query->search == NULL)
        return;
    text_append_format(&statement->sql,
                       " and exists (select from published.search_query($%d) q cross join lateral "
                       "(select jsonb_build_array(",
                       statement_add_value(statement, query->search));
    for (size_t i = 0; i < query->resource->leaf_count; i++) {
        const struct property *leaf = query->resource->leaves[i];

        if (leaf->search_weight == '\0' || leaf->kind == PROPERTY_RELATION)
            continue;
        text_append_format(&statement->sql, "%sjsonb_path_query_array(d.document, '%s')", separator,
                           path_of(statement, leaf));
        separator = ", ";
    }
    text_append(&statement->sql,
                ") as texts offset 0) w where (jsonb_to_tsvector('published.express', w.texts, "
                "'[\"string\"]') || coalesce(jsonb_to_tsvector(published.stemmer(d.document ->> "
                "'language'), "
                "w.texts, '[\"string\"]'), '') || coalesce(jsonb_to_tsvector('published.express', "
                "h.translations::jsonb, '[\"string\"]'), '')) @@ q.query)");
}

/* Where it was, along the ground (haversine formula) and within the box. */
static void add_past_place(struct statement *statement, const struct query *query)
{
    static const char LAT[] = "(d.document #>> '{location,lat}')::float8";
    static const char LON[] = "(d.document #>> '{location,lon}')::float8";

    if (query->has_near)
        text_append_format(&statement->sql, " and %s is not null", LAT);
    if (query->has_near && query->radius_km > 0) {
        const int lat =
            statement_add_value(statement, arena_format(statement->arena, "%.9f", query->lat));
        const int lon =
            statement_add_value(statement, arena_format(statement->arena, "%.9f", query->lon));
        const int radius = statement_add_value(
            statement, arena_format(statement->arena, "%.9f", query->radius_km));

        text_append_format(
            &statement->sql,
            " and 2 * %.4f * asin(sqrt(least(1, sind((%s - $%d::float8) / 2) ^ 2 + cosd(%s) * "
            "cosd($%d::float8) * sind((%s - $%d::float8) / 2) ^ 2))) <= $%d::float8",
            EARTH_RADIUS_KM, LAT, lat, LAT, lat, LON, lon, radius);
    }
    if (query->has_box) {
        const double bounds[] = {query->south, query->north, query->west, query->east};
        int numbers[ARRAY_LENGTH(bounds)];

        for (size_t i = 0; i < ARRAY_LENGTH(bounds); i++)
            numbers[i] =
                statement_add_value(statement, arena_format(statement->arena, "%.17g", bounds[i]));
        text_append_format(&statement->sql, " and %s between $%d::float8 and $%d::float8", LAT,
                           numbers[0], numbers[1]);
        text_append_format(&statement->sql,
                           query->west <= query->east
                               ? " and %s >= $%d::float8 and %s <= $%d::float8"
                               : " and (%s >= $%d::float8 or %s <= $%d::float8)",
                           LON, numbers[2], LON, numbers[3]);
    }
}

/*
 * Many forms end without that anything left: when records are rendered anew, or an offer whose last
 * deadline is past is changed. So what costs is done last, and for as few as can be:
 *
 * changed    the forms that ended in the last days because the record was changed or withdrawn, the
 *            latest: where much is changed, calendars remember less, and are no slower
 * ended      of these, where a date of theirs lay ahead, by their text
 * present    which of their records match now, by the tables that lists ask
 * candidate  those that match no more, or have other deadlines than they had
 * fitting    those of them that matched, as far as the facts go
 * found      and as far as time has a say in it, as of their last moment
 * heir       where it has: the forms that came next and matched when they came, so that nothing of
 *            theirs was called off, though time may have taken it out since
 */
static void add_candidates(struct statement *statement, const struct query *query)
{
    const int resource = statement_add_value(statement, query->resource->path);

    text_append_format(
        &statement->sql,
        "with changed as materialized (select h.id, h.valid_from from published.history h left "
        "join "
        "published.history later on later.id = h.id and later.valid_from = h.valid_to and "
        "later.updated_at = h.updated_at where h.resource = $%d and h.valid_to > now() - interval "
        "'%d days' and later.id is null",
        resource, GONE_DAYS);
    if (query->id_count > 0)
        text_append_format(&statement->sql, " and h.id = any($%d::uuid[])",
                           statement_add_value(
                               statement, statement_array(statement, query->ids, query->id_count)));
    text_append_format(
        &statement->sql,
        " order by h.valid_to desc limit %d), ended as materialized (select h.id, h.valid_from, "
        "h.valid_to, (h.document::json #> '{application,deadlines}')::text as dates from changed "
        "e" ITS_FORM " where exists (select from "
        "regexp_matches(h.document, '\"(?:date|starts_on|ends_on)\":\"([0-9]{4}-[0-9]{2}-[0-9]{2})"
        "\"', 'g') as m(found) where found[1] > to_char(h.valid_to - interval '2 days', "
        "'YYYY-MM-DD'))), present as materialized (select p.id",
        GONE_LOOKED_AT_MAX);
    compose_matches(statement, query, NULL, compose_add_point(statement, query, true));
    text_append_format(
        &statement->sql,
        " and p.id in (select id from ended)), candidate as materialized (select e.id, "
        "e.valid_from, e.dates, c.document as present from ended e left join (present join "
        "published.history c on c.id = present.id and c.valid_to is null) on present.id = e.id "
        "where present.id is null or (c.document::json #> '{application,deadlines}')::text is "
        "distinct from e.dates order by e.valid_to desc limit %d)",
        query->search == NULL ? GONE_LOOKED_AT_MAX : GONE_SEARCHED_MAX);
}

/* What was asked of the facts of h. */
static void add_past_facts(struct statement *statement, const struct query *query)
{
    text_append(&statement->sql, " cross join lateral (select h.document::jsonb as document offset "
                                 "0) d where true");
    add_fixed_conditions(statement, query);
    add_past_search(statement, query);
    add_past_place(statement, query);
}

static bool has_timed_filters(const struct query *query)
{
    for (size_t i = 0; i < query->condition_count; i++)
        if (query->conditions[i].filter->property->is_timed)
            return true;
    return false;
}

/* What time had a say in, as of @instant, SQL. */
static void add_past_times(struct statement *statement, const struct query *query,
                           const char *instant)
{
    if (!has_timed_filters(query))
        return;
    text_append(&statement->sql, " cross join lateral (select (");
    timed_append_past_document(&statement->sql, query->resource, "h.document", instant);
    text_append(&statement->sql, ")::jsonb as document offset 0) d where true");
    add_filters(statement, query, true);
}

/* Of forms with the same deadlines the last one is enough. */
static void add_found(struct statement *statement, const struct query *query)
{
    text_append(&statement->sql, ", fitting as materialized (select h.id, h.valid_to, h.document, "
                                 "e.dates, e.present from candidate e" ITS_FORM);
    add_past_facts(statement, query);
    text_append(&statement->sql, "), found as materialized (select h.* from fitting h");
    add_past_times(statement, query, LAST_OF("h"));
    text_append_format(&statement->sql,
                       "), last_forms as materialized (select * from (select distinct on (f.id, "
                       "f.dates) f.* from found f order by f.id, f.dates, f.valid_to desc) last "
                       "order by last.valid_to desc limit %d)",
                       GONE_MAX);
}

/* The forms that came next and were found when they came, whatever time made of them later. Where
 * time has no say, what was found then was found at its end, too. */
static void add_heirs(struct statement *statement, const struct query *query)
{
    text_append(&statement->sql, ", heir as materialized (select h.id, h.valid_from, h.valid_to, "
                                 "h.document from (select l.id, l.valid_to as valid_from from "
                                 "last_forms l) e" ITS_FORM);
    add_past_facts(statement, query);
    text_append(&statement->sql, "), inherited as materialized (select h.* from heir h");
    add_past_times(statement, query, "h.valid_from");
    text_append_char(&statement->sql, ')');
}

void compose_history_gone(struct arena *arena, const struct query *query,
                          struct statement *statement)
{
    statement_init(statement, arena);
    add_candidates(statement, query);
    add_found(statement, query);
    if (has_timed_filters(query))
        add_heirs(statement, query);
    text_append(
        &statement->sql,
        " select '{\"version\":' || coalesce((select c.document::json ->> 'version' from "
        "published.history c where c.id = h.id and c.valid_to is null), '0') || ',\"present\":' || "
        "coalesce(max(h.present), 'null') || ',\"left\":[' || string_agg(h.shown, ',' order by "
        "h.valid_to desc, h.is_heir) || ']}' from (select l.id, l.valid_to, l.present, false as "
        "is_heir, left(d.shown, -1) || ',\"ended_at\":\"' || to_char(l.valid_to" DB_RFC3339
        " || '\"}' as shown from last_forms l cross join lateral (select ");
    timed_append_past_document(&statement->sql, query->resource, "l.document", LAST_OF("l"));
    text_append(&statement->sql, " as shown offset 0) d");
    if (has_timed_filters(query))
        text_append(&statement->sql, " union all select i.id, coalesce(i.valid_to, 'infinity'), "
                                     "null, true, i.document from inherited i");
    text_append(&statement->sql, ") h group by h.id order by max(h.valid_to) desc");
}
