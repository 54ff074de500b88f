/*
 * How a page is found (the figures are of 100 000 records):
 *
 * - One term, newest first: a range of the terms index gives the ids in order,
 *   and country comes from the same index. This is what listings ask most.
 * - Everything else walks the narrow table in the order of a sort index and
 *   checks the other conditions, or the planner starts from the rarest term;
 *   for that it must see the values (DB_PLAN_CUSTOM).
 * - Words: records that have them in title and summary come first, ranked by
 *   these alone, found by an index of their own; the long texts are looked at
 *   only when these do not fill the page. Of both at most SEARCH_MATCHES_MAX
 *   are ranked: ranking all matches of a common word takes fifty times longer
 *   and nobody pages that far.
 */
#include "record/compose.h"

#include "base/arena.h"
#include "base/uuid.h"
#include "record/model.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define STATEMENT_BYTES_MAX (256 * 1024)
#define TERMS_JOINED_MAX 3        /* planning 20 of them took 0.3 s, and 63 more than 2 s */
#define EARTH_RADIUS_KM 6371.0088 /* as in catalogue.position_on_earth() */

static void statement_init(struct statement *statement, struct arena *arena)
{
    *statement = (struct statement){.arena = arena, .plan = DB_PLAN_GENERIC};
    text_init(&statement->sql, STATEMENT_BYTES_MAX);
}

bool statement_failed(const struct statement *statement)
{
    return text_failed(&statement->sql) || arena_failed(statement->arena) ||
           statement->count > PARAMETERS_MAX;
}

/* The number of the parameter that holds @value. */
static int parameter(struct statement *statement, const char *value)
{
    if (statement->count < PARAMETERS_MAX)
        statement->values[statement->count] = value;
    return ++statement->count;
}

/* A PostgreSQL array literal of strings. */
static const char *array_of(struct statement *statement, const char *const *items, size_t count)
{
    struct text list;
    const char *result;

    text_init(&list, STATEMENT_BYTES_MAX);
    text_append_char(&list, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_append_char(&list, ',');
        text_append_char(&list, '"');
        for (const char *at = items[i]; *at != '\0'; at++) {
            if (*at == '"' || *at == '\\')
                text_append_char(&list, '\\');
            text_append_char(&list, *at);
        }
        text_append_char(&list, '"');
    }
    text_append_char(&list, '}');
    result = arena_copy_bytes(statement->arena, list.bytes, list.length);
    text_deinit(&list);
    return result;
}

/* --- conditions ---------------------------------------------------------------------------- */

/* "organisations@" and an id, in lower case as it is stored, or "organisations=" and a slug. */
static const char *reference_term(struct statement *statement, const char *prefix, const char *path,
                                  const char *name)
{
    char id[UUID_TEXT_BYTES];

    if (!uuid_is_valid(name))
        return arena_format(statement->arena, "%s%s=%s", prefix, path, name);
    uuid_make_lower(name, id);
    return arena_format(statement->arena, "%s%s@%s", prefix, path, id);
}

/* "sectors=textile". */
static const char *term_of(struct statement *statement, const struct property *property,
                           const char *value)
{
    if (property->kind == PROPERTY_RELATION)
        return reference_term(statement, "", property->path, value);
    return arena_format(statement->arena, "%s=%s", property->path, value);
}

static const char *related_term(struct statement *statement, const struct query *query)
{
    return reference_term(statement, "@", query->related->path, query->related_to);
}

static const char *const *terms_of(struct statement *statement,
                                   const struct query_condition *condition)
{
    const char **terms =
        arena_alloc_array(statement->arena, condition->value_count, sizeof(*terms));

    for (size_t i = 0; terms != NULL && i < condition->value_count; i++)
        terms[i] = term_of(statement, condition->filter->property, condition->values[i]);
    return terms;
}

static bool is_kept_as_column(const struct property *property)
{
    return !property->in_array && property->kind != PROPERTY_RELATION;
}

static void add_term_condition(struct statement *statement, const struct query *query,
                               const struct query_condition *condition)
{
    const char *const *terms = terms_of(statement, condition);
    const bool one = condition->value_count == 1;
    /* The planner tries every order of what it may join: past a few it is told not to. */
    const bool joined = ++statement->term_conditions <= TERMS_JOINED_MAX;

    if (terms == NULL)
        return;
    text_append_format(
        &statement->sql,
        " and %sexists (select from published.%s_terms x where x.id = p.id and "
        "x.term = %s$%d%s%s)",
        condition->negated ? "not " : "", query->resource->table, one ? "" : "any(",
        parameter(statement, one ? terms[0] : array_of(statement, terms, condition->value_count)),
        one ? "" : "::text[])", joined ? "" : " offset 0");
    statement->plan = DB_PLAN_CUSTOM;
}

static void add_column_condition(struct statement *statement,
                                 const struct query_condition *condition)
{
    const struct property *property = condition->filter->property;
    const char *column = model_column(statement->arena, property);
    const char *type = model_sql_type(property);

    if (column == NULL)
        return;
    if (condition->negated)
        text_append(&statement->sql, " and not coalesce(");
    else
        text_append(&statement->sql, " and ");
    if (condition->value_count == 1)
        text_append_format(&statement->sql, "p.%s = $%d::%s", column,
                           parameter(statement, condition->values[0]), type);
    else
        text_append_format(
            &statement->sql, "p.%s = any($%d::%s[])", column,
            parameter(statement, array_of(statement, condition->values, condition->value_count)),
            type);
    if (condition->negated)
        text_append(&statement->sql, ", false)");
}

/*
 * Bounds take whole values: a date known only to the year lies after a bound
 * when its first day does, before it when its last day does.
 */
static void add_bound(struct statement *statement, const struct query_condition *condition)
{
    const struct property *property = condition->filter->property;
    const char *column = model_column(statement->arena, property);
    const char *value = condition->values[0];
    const bool lower =
        condition->filter->operator== FILTER_MIN || condition->filter->operator== FILTER_AFTER;
    const char *comparison = lower ? ">=" : "<=";

    if (column == NULL)
        return;
    if (property->kind == PROPERTY_PARTIAL_DATE) {
        text_append_format(&statement->sql, " and p.%s_%s %s published.%s($%d)", column,
                           lower ? "first" : "last", comparison, lower ? "first_day" : "last_day",
                           parameter(statement, value));
    } else if (property->kind == PROPERTY_TIME && !lower && strlen(value) == 10) {
        /* A bare date as an upper bound includes the day. */
        text_append_format(&statement->sql, " and p.%s < $%d::timestamptz + interval '1 day'",
                           column, parameter(statement, value));
    } else {
        text_append_format(&statement->sql, " and p.%s %s $%d::%s", column, comparison,
                           parameter(statement, value), model_sql_type(property));
    }
    statement->plan = DB_PLAN_CUSTOM;
}

/* The point on the sphere, as extensions.cube reads it. */
static const char *point_of(struct statement *statement, double lat, double lon)
{
    const double radians = acos(-1.0) / 180.0;

    return arena_format(statement->arena, "(%.9f,%.9f,%.9f)",
                        EARTH_RADIUS_KM * cos(lat * radians) * cos(lon * radians),
                        EARTH_RADIUS_KM * cos(lat * radians) * sin(lon * radians),
                        EARTH_RADIUS_KM * sin(lat * radians));
}

/* The straight line below an arc. Half way around the earth there is nothing farther away. */
static double chord_km(double arc_km)
{
    const double angle = arc_km / EARTH_RADIUS_KM;

    return angle >= acos(-1.0) ? 2 * EARTH_RADIUS_KM + 1 : 2 * EARTH_RADIUS_KM * sin(angle / 2);
}

static void add_place(struct statement *statement, const struct query *query, int point)
{
    if (query->has_near && query->radius_km > 0) {
        const char *chord = arena_format(statement->arena, "%.9f", chord_km(query->radius_km));
        const int bound = parameter(statement, chord);

        text_append_format(
            &statement->sql,
            " and p.position operator(extensions.<@) extensions.cube_enlarge($%d::extensions.cube, "
            "$%d::float8, 3) and (p.position operator(extensions.<->) $%d::extensions.cube) <= "
            "$%d::float8",
            point, bound, point, bound);
    } else if (query->has_near) {
        text_append(&statement->sql, " and p.position is not null");
    }
    if (query->has_box) {
        const int west = parameter(statement, arena_format(statement->arena, "%.17g", query->west));
        const int south =
            parameter(statement, arena_format(statement->arena, "%.17g", query->south));
        const int east = parameter(statement, arena_format(statement->arena, "%.17g", query->east));
        const int north =
            parameter(statement, arena_format(statement->arena, "%.17g", query->north));

        text_append_format(&statement->sql,
                           " and p.location_lat between $%d::float8 and $%d::float8", south, north);
        text_append_format(&statement->sql,
                           query->west <= query->east
                               ? " and p.location_lon between $%d::float8 and $%d::float8"
                               : " and (p.location_lon >= $%d::float8 or p.location_lon <= "
                                 "$%d::float8)",
                           west, east);
        statement->plan = DB_PLAN_CUSTOM;
    }
}

/* What is asked of p, but for the filters of the property @without (may be NULL). */
static void add_conditions(struct statement *statement, const struct query *query,
                           const struct property *without, int point)
{
    for (size_t i = 0; i < query->condition_count; i++) {
        const struct query_condition *condition = &query->conditions[i];

        if (condition->filter->property == without)
            continue;
        if (condition->filter->operator!= FILTER_EQUAL)
            add_bound(statement, condition);
        else if (is_kept_as_column(condition->filter->property))
            add_column_condition(statement, condition);
        else
            add_term_condition(statement, query, condition);
    }
    if (query->id_count > 0)
        text_append_format(&statement->sql, " and p.id = any($%d::uuid[])",
                           parameter(statement, array_of(statement, query->ids, query->id_count)));
    add_place(statement, query, point);
}

static void add_related(struct statement *statement, const struct query *query)
{
    if (query->related == NULL)
        return;
    text_append_format(&statement->sql,
                       " and exists (select from published.%s_terms x where x.id = p.id and x.term "
                       "= $%d)",
                       query->resource->table,
                       parameter(statement, related_term(statement, query)));
    statement->plan = DB_PLAN_CUSTOM;
}

/* --- order --------------------------------------------------------------------------------- */

/* The SQL of a sort value, over the aliases of the inner query. */
static const char *sort_expression(struct statement *statement, const struct query_sort *sort,
                                   int point)
{
    switch (sort->kind) {
    case SORT_RELEVANCE:
        return "f.rank";
    case SORT_DISTANCE:
        return arena_format(statement->arena,
                            "(p.position operator(extensions.<->) $%d::extensions.cube)", point);
    case SORT_PROPERTY:
        break;
    }
    return arena_format(statement->arena, "p.%s", model_column(statement->arena, sort->property));
}

static const char *sort_type(const struct query_sort *sort)
{
    switch (sort->kind) {
    case SORT_RELEVANCE:
        return "float4";
    case SORT_DISTANCE:
        return "float8";
    case SORT_PROPERTY:
        break;
    }
    return model_sql_type(sort->property);
}

static bool may_be_unknown(const struct query_sort *sort)
{
    return sort->kind == SORT_PROPERTY && !sort->property->required;
}

/* Do rows go down in this key, in the direction that is read? */
static bool goes_down(const struct query_sort *sort, bool backward)
{
    return sort->descending != backward;
}

static void add_order(struct statement *statement, const struct query *query, bool backward,
                      const char *const *expressions, const char *id)
{
    text_append(&statement->sql, " order by ");
    for (size_t i = 0; i < query->sort_count; i++) {
        const struct query_sort *sort = &query->sorts[i];

        text_append_format(&statement->sql, "%s%s%s, ", expressions[i],
                           goes_down(sort, backward) ? " desc" : "",
                           !may_be_unknown(sort) ? ""
                           : backward            ? " nulls first"
                                                 : " nulls last");
    }
    text_append_format(&statement->sql, "%s%s", id,
                       goes_down(&query->sorts[0], backward) ? " desc" : "");
}

/* Rows strictly beyond the cursor in one key; unknown values come last when read forward. */
static void add_beyond(struct statement *statement, const struct query_sort *sort,
                       const char *expression, const char *value, int number, bool backward)
{
    const char *comparison = goes_down(sort, backward) ? "<" : ">";

    if (value == NULL)
        text_append_format(&statement->sql, backward ? "%s is not null" : "false", expression);
    else if (may_be_unknown(sort) && !backward)
        text_append_format(&statement->sql, "(%s %s $%d::%s or %s is null)", expression, comparison,
                           number, sort_type(sort), expression);
    else
        text_append_format(&statement->sql, "%s %s $%d::%s", expression, comparison, number,
                           sort_type(sort));
}

static void add_cursor(struct statement *statement, const struct query *query,
                       const struct cursor *cursor, const char *const *expressions,
                       const char *id_expression)
{
    int numbers[SORT_KEYS_MAX];
    const char *id_comparison = goes_down(&query->sorts[0], cursor->backward) ? "<" : ">";
    const int id = parameter(statement, cursor->id);

    for (size_t i = 0; i < query->sort_count; i++)
        numbers[i] = cursor->values[i] == NULL ? 0 : parameter(statement, cursor->values[i]);

    if (query->sort_count == 1 && cursor->values[0] != NULL && !may_be_unknown(&query->sorts[0])) {
        text_append_format(&statement->sql, " and (%s, %s) %s ($%d::%s, $%d::uuid)", expressions[0],
                           id_expression, id_comparison, numbers[0], sort_type(&query->sorts[0]),
                           id);
        return;
    }
    text_append(&statement->sql, " and (");
    for (size_t i = 0; i <= query->sort_count; i++) {
        text_append(&statement->sql, i == 0 ? "(" : " or (");
        for (size_t j = 0; j < i; j++) {
            if (cursor->values[j] == NULL)
                text_append_format(&statement->sql, "%s is null and ", expressions[j]);
            else
                text_append_format(&statement->sql, "%s = $%d::%s and ", expressions[j], numbers[j],
                                   sort_type(&query->sorts[j]));
        }
        if (i < query->sort_count)
            add_beyond(statement, &query->sorts[i], expressions[i], cursor->values[i], numbers[i],
                       cursor->backward);
        else
            text_append_format(&statement->sql, "%s %s $%d::uuid", id_expression, id_comparison,
                               id);
        text_append_char(&statement->sql, ')');
    }
    text_append_char(&statement->sql, ')');
}

/* --- the inner query: ids and sort values ----------------------------------------------------- */

static bool sorts_by_update(const struct query *query)
{
    return query->sort_count == 1 && query->sorts[0].kind == SORT_PROPERTY &&
           strcmp(query->sorts[0].property->path, "updated_at") == 0;
}

static bool is_one_term(const struct query_condition *condition)
{
    return condition->filter->operator== FILTER_EQUAL && !condition->negated &&
        condition->value_count == 1 && model_is_term(condition->filter->property);
}

static bool is_country(const struct query *query, const struct query_condition *condition)
{
    return condition->filter->property == query->resource->country && is_one_term(condition);
}

/*
 * The common listing: one term (or the records related to one), perhaps one
 * country, and nothing else. Newest first it is one range of one index.
 */
struct listing {
    const char *term;
    const char *country;
};

/* @without: its filters are passed over; may be NULL. */
static bool find_listing(struct statement *statement, const struct query *query,
                         const struct property *without, struct listing *listing)
{
    const struct query_condition *term = NULL;

    *listing = (struct listing){0};
    if (query->search != NULL || query->has_near || query->has_box || query->id_count > 0)
        return false;
    for (size_t i = 0; i < query->condition_count; i++) {
        const struct query_condition *condition = &query->conditions[i];

        if (condition->filter->property == without)
            continue;
        if (!is_one_term(condition))
            return false;
        if (is_country(query, condition) && listing->country == NULL)
            listing->country = condition->values[0];
        else if (term == NULL)
            term = condition;
        else
            return false;
    }
    if (query->related != NULL && term != NULL)
        return false;
    if (query->related != NULL)
        listing->term = related_term(statement, query);
    else if (term != NULL)
        listing->term = term_of(statement, term->filter->property, term->values[0]);
    return true;
}

/* from … where: the rows p of a listing that has a term. */
static void add_listed(struct statement *statement, const struct query *query,
                       const struct listing *listing)
{
    text_append_format(&statement->sql, " from published.%s_terms p where p.term = $%d",
                       query->resource->table, parameter(statement, listing->term));
    if (listing->country != NULL)
        text_append_format(&statement->sql, " and p.country = $%d",
                           parameter(statement, listing->country));
}

static void add_listing(struct statement *statement, const struct query *query,
                        const struct listing *listing, const struct cursor *cursor,
                        const char *limit)
{
    static const char *const EXPRESSIONS[] = {"p.updated_at"};
    const bool backward = cursor != NULL && cursor->backward;

    text_append(&statement->sql, "select p.id, p.updated_at as s0");
    add_listed(statement, query, listing);
    if (cursor != NULL)
        add_cursor(statement, query, cursor, EXPRESSIONS, "p.id");
    add_order(statement, query, backward, EXPRESSIONS, "p.id");
    text_append_format(&statement->sql, " limit %s", limit);
}

/* from … where …, all conditions but those of order and page. */
static void add_matches(struct statement *statement, const struct query *query,
                        const struct property *without, int point)
{
    const char *table = query->resource->table;

    if (query->search == NULL)
        text_append_format(&statement->sql, " from published.%s p where true", table);
    else
        text_append_format(&statement->sql,
                           " from published.search_query($%d) q join published.%s_search s on "
                           "s.vector @@ q.query join published.%s p on p.id = s.id where true",
                           parameter(statement, query->search), table, table);
    add_related(statement, query);
    add_conditions(statement, query, without, point);
}

/* PostgreSQL refuses a parameter that the statement does not use: counting needs the point only for
 * a radius. */
static int add_point(struct statement *statement, const struct query *query, bool counting)
{
    if (!query->has_near || (counting && query->radius_km <= 0))
        return 0;
    return parameter(statement, point_of(statement, query->lat, query->lon));
}

/* --- ranking -----------------------------------------------------------------------------------
 */

static void append_ranked(struct text *sql, const struct ranking *ranking, const char *matches,
                          const char *rank, const char *gate)
{
    const char *direction = ranking->backward ? "asc" : "desc";

    text_append_format(sql,
                       "select m.id, %s as rank from (select s.id, s.brief, q.query from q, "
                       "published.%s_search s",
                       rank, ranking->table);
    if (ranking->conditions[0] != '\0')
        text_append_format(sql, " join published.%s p on p.id = s.id", ranking->table);
    text_append_format(sql, " where %s%s%s limit %d) m", matches, gate, ranking->conditions,
                       SEARCH_MATCHES_MAX);
    if (ranking->beyond != NULL)
        text_append_format(sql, " where (%s, m.id) %s %s", rank, ranking->backward ? ">" : "<",
                           ranking->beyond);
    if (ranking->limit != NULL)
        text_append_format(sql, " order by 2 %s, 1 %s limit %s", direction, direction,
                           ranking->limit);
}

void compose_ranking(struct text *sql, const struct ranking *ranking)
{
    char gate[96] = "";

    /* Read backward, the lowest come first. The limit is one of ours, "$1::integer": it fits. */
    if (ranking->limit == NULL)
        (void)snprintf(gate, sizeof(gate), " and (select count(*) from best) < %d",
                       SEARCH_MATCHES_MAX);
    else if (!ranking->backward)
        (void)snprintf(gate, sizeof(gate), " and (select count(*) from best) < %s", ranking->limit);
    text_append(sql, "best as materialized (");
    append_ranked(sql, ranking, "s.brief @@ q.query", "1::float4 + ts_rank(m.brief, m.query)", "");
    text_append(sql, "), others as (");
    append_ranked(sql, ranking, "s.vector @@ q.query and not s.brief @@ q.query",
                  "ts_rank(m.brief, m.query)", gate);
    text_append_char(sql, ')');
}

static bool sorts_by_relevance(const struct query *query)
{
    return query->sort_count == 1 && query->sorts[0].kind == SORT_RELEVANCE;
}

/* All conditions as text, to be said twice with the same parameters. */
static const char *conditions_of(struct statement *statement, const struct query *query, int point)
{
    const size_t start = statement->sql.length;
    const char *conditions;

    add_related(statement, query);
    add_conditions(statement, query, NULL, point);
    if (text_failed(&statement->sql))
        return NULL;
    conditions = arena_copy_bytes(statement->arena, statement->sql.bytes + start,
                                  statement->sql.length - start);
    statement->sql.length = start;
    statement->sql.bytes[start] = '\0';
    return conditions;
}

/* "with …, ": what is searched for, and the matches. */
static void add_ranking(struct statement *statement, const struct query *query,
                        const struct cursor *cursor, int point, const char *limit)
{
    const bool backward = cursor != NULL && cursor->backward;
    const bool by_relevance = sorts_by_relevance(query);
    struct ranking ranking = {.table = query->resource->table,
                              .conditions = conditions_of(statement, query, point),
                              .limit = by_relevance ? limit : NULL,
                              .backward = by_relevance && !goes_down(&query->sorts[0], backward)};

    if (by_relevance && cursor != NULL && cursor->values[0] != NULL) {
        const int rank = parameter(statement, cursor->values[0]);
        const int id = parameter(statement, cursor->id);

        ranking.beyond = arena_format(statement->arena, "($%d::float4, $%d::uuid)", rank, id);
    }
    if (ranking.conditions == NULL)
        return;
    text_append_format(&statement->sql,
                       "with q as materialized (select query, corrected from "
                       "published.search_query($%d)), ",
                       parameter(statement, query->search));
    compose_ranking(&statement->sql, &ranking);
    text_append_char(&statement->sql, ' ');
}

static void add_general(struct statement *statement, const struct query *query,
                        const struct cursor *cursor, int point, const char *limit)
{
    const bool backward = cursor != NULL && cursor->backward;
    const char *expressions[SORT_KEYS_MAX];

    if (query->search != NULL)
        add_ranking(statement, query, cursor, point, limit);
    text_append(&statement->sql, "select p.id");
    for (size_t i = 0; i < query->sort_count; i++) {
        expressions[i] = sort_expression(statement, &query->sorts[i], point);
        if (expressions[i] == NULL)
            return;
        text_append_format(&statement->sql, ", %s as s%zu", expressions[i], i);
    }
    if (query->has_near)
        text_append_format(&statement->sql,
                           ", 2 * %.4f * asin(least(1, (p.position operator(extensions.<->) "
                           "$%d::extensions.cube) / (2 * %.4f))) as distance",
                           EARTH_RADIUS_KM, point, EARTH_RADIUS_KM);
    if (query->search != NULL)
        text_append_format(&statement->sql,
                           ", q.corrected, q.query from (select id, rank from best union all "
                           "select id, rank from others) f join published.%s p on p.id = f.id "
                           "cross join q where true",
                           query->resource->table);
    else
        add_matches(statement, query, NULL, point);
    if (cursor != NULL && !(query->search != NULL && sorts_by_relevance(query)))
        add_cursor(statement, query, cursor, expressions, "p.id");
    add_order(statement, query, backward, expressions, "p.id");
    text_append_format(&statement->sql, " limit %s", limit);
}

/* --- the statements ----------------------------------------------------------------------------
 */

/* {"title": "…<mark>…"} of the searched texts at the top of the document. */
static void add_highlights(struct statement *statement, const struct query *query)
{
    const char *separator = "";

    text_append(&statement->sql, "(select json_strip_nulls(json_build_object(");
    for (size_t i = 0; i < query->resource->property_count; i++) {
        const struct property *property = &query->resource->properties[i];

        if (property->search_weight == '\0' || property->kind != PROPERTY_TEXT ||
            property->is_array || property->detail)
            continue;
        text_append_format(&statement->sql,
                           "%s'%s', published.highlighted(document, d.translations, '%s', k.query)",
                           separator, property->name, property->name);
        separator = ", ";
    }
    text_append(&statement->sql,
                "))::text from (select coalesce(d.card, d.document)::json as document) shown)");
}

void compose_page(struct arena *arena, const struct query *query, const struct cursor *cursor,
                  struct statement *statement)
{
    const char *limit;
    struct listing listing;
    const char *outer[SORT_KEYS_MAX];
    static const char *const NAMES[SORT_KEYS_MAX] = {"k.s0", "k.s1", "k.s2", "k.s3"};
    int point;

    statement_init(statement, arena);
    limit = arena_format(statement->arena, "%u", query->limit + 1);
    limit = arena_format(statement->arena, "$%d::integer", parameter(statement, limit));
    point = add_point(statement, query, false);
    if (limit == NULL)
        return;

    text_append_format(&statement->sql, "select d.id, d.etag, %s, %s, %s, %s, ",
                       query->field_count > 0 ? "d.document" : "coalesce(d.card, d.document)",
                       query->language_count > 0 || query->all_languages ? "d.translations"
                                                                         : "null",
                       query->has_near ? "round(k.distance::numeric, 3)" : "null",
                       query->search != NULL ? "k.corrected" : "null");
    if (query->highlights)
        add_highlights(statement, query);
    else
        text_append(&statement->sql, "null");
    for (size_t i = 0; i < query->sort_count; i++) {
        outer[i] = NAMES[i];
        text_append_format(&statement->sql, ", k.s%zu::text", i);
    }
    text_append(&statement->sql, " from (");
    if (sorts_by_update(query) && find_listing(statement, query, NULL, &listing) &&
        listing.term != NULL)
        add_listing(statement, query, &listing, cursor, limit);
    else
        add_general(statement, query, cursor, point, limit);
    text_append_format(&statement->sql, ") k join published.%s_documents d on d.id = k.id",
                       query->resource->table);
    /* The page comes in its own order, whichever way it was read. */
    add_order(statement, query, false, outer, "k.id");
}

void compose_count(struct arena *arena, const struct query *query, unsigned most,
                   struct statement *statement)
{
    struct listing listing;
    int point;

    statement_init(statement, arena);
    text_append(&statement->sql, "select count(*) from (select 1");
    if (find_listing(statement, query, NULL, &listing) && listing.term != NULL) {
        add_listed(statement, query, &listing);
    } else {
        point = add_point(statement, query, true);
        add_matches(statement, query, NULL, point);
    }
    if (most > 0)
        text_append_format(&statement->sql, " limit %u", most);
    text_append(&statement->sql, ") counted");
}

void compose_estimate(struct arena *arena, const struct query *query, struct statement *statement)
{
    int point;

    statement_init(statement, arena);
    statement->plan = DB_PLAN_CUSTOM;
    text_append(&statement->sql, "explain (format json) select 1");
    point = add_point(statement, query, true);
    add_matches(statement, query, NULL, point);
}

/* --- facets ------------------------------------------------------------------------------------
 */

static bool has_own_filter(const struct query *query, const struct property *property)
{
    for (size_t i = 0; i < query->condition_count; i++)
        if (query->conditions[i].filter->property == property)
            return true;
    return false;
}

/* The ids that count under all filters but those of @without. */
static void add_counted(struct statement *statement, const struct query *query,
                        const struct property *without, int point)
{
    struct listing listing;

    text_append(&statement->sql, "select p.id");
    if (find_listing(statement, query, without, &listing) && listing.term != NULL)
        add_listed(statement, query, &listing);
    else
        add_matches(statement, query, without, point);
}

/*
 * How the values of a facet are counted:
 *
 * - BY_VALUE: those of an enumeration, each as one range of the terms index,
 *   which tells countries apart;
 * - BY_RANGE: all terms of the property, when nothing is filtered;
 * - BY_RECORD: the terms of each record that counts; all facets without a
 *   filter of their own at once.
 */
enum counting { COUNT_BY_VALUE, COUNT_BY_RANGE, COUNT_BY_RECORD };

static enum counting counting_of(struct statement *statement, const struct query *query,
                                 const struct property *facet)
{
    struct listing listing;

    if (!find_listing(statement, query, facet, &listing) || listing.term != NULL)
        return COUNT_BY_RECORD;
    if (facet->values != NULL)
        return COUNT_BY_VALUE;
    return listing.country == NULL ? COUNT_BY_RANGE : COUNT_BY_RECORD;
}

static void add_range(struct statement *statement, const struct property *facet)
{
    text_append_format(&statement->sql, "t.term >= '%s=' and t.term < '%s>'", facet->path,
                       facet->path);
}

/* The values are words of the contract: the enumerations hold no quotes. */
static void add_count_by_value(struct statement *statement, const struct query *query,
                               const struct property *facet)
{
    struct listing listing;

    (void)find_listing(statement, query, facet, &listing);
    text_append(&statement->sql, "select listed.term, counted.records from unnest((array[");
    for (size_t i = 0; i < facet->value_count; i++)
        text_append_format(&statement->sql, "%s'%s=%s'", i == 0 ? "" : ", ", facet->path,
                           facet->values[i]);
    text_append_format(
        &statement->sql,
        "]) collate \"C\") as listed(term) cross join lateral (select count(*) as records from "
        "published.%s_terms t where t.term = listed.term",
        query->resource->table);
    if (listing.country != NULL)
        text_append_format(&statement->sql, " and t.country = $%d",
                           parameter(statement, listing.country));
    text_append(&statement->sql, ") counted where counted.records > 0");
}

static void add_count_by_record(struct statement *statement, const struct query *query,
                                const struct property *own, int point)
{
    const char *separator = "";

    text_append(&statement->sql, "select t.term, count(*) as records from (");
    add_counted(statement, query, own, point);
    text_append_format(&statement->sql, ") m join published.%s_terms t on t.id = m.id and (",
                       query->resource->table);
    for (size_t i = 0; i < query->facet_count; i++) {
        const struct property *facet = query->facets[i];

        if (own != NULL ? facet != own
                        : has_own_filter(query, facet) ||
                              counting_of(statement, query, facet) != COUNT_BY_RECORD)
            continue;
        text_append(&statement->sql, separator);
        add_range(statement, facet);
        separator = " or ";
    }
    text_append(&statement->sql, ") group by t.term");
}

/* The titles of the records that relations lead to; the terms hold their slugs. */
static void add_titles(struct statement *statement, const struct query *query)
{
    text_append(&statement->sql, "case f.facet");
    for (size_t i = 0; i < query->facet_count; i++) {
        const struct property *facet = query->facets[i];

        if (facet->kind == PROPERTY_RELATION)
            text_append_format(&statement->sql,
                               " when '%s' then (select target.%s from published.%s target where "
                               "target.slug = f.value collate \"und-x-icu\")",
                               facet->path, model_column(statement->arena, facet->target->label),
                               facet->target->table);
    }
    text_append(&statement->sql, " when '' then null end");
}

void compose_facets(struct arena *arena, const struct query *query, struct statement *statement)
{
    const char *separator = "";
    bool shared = false;
    int point;

    statement_init(statement, arena);
    point = add_point(statement, query, true);
    text_append(&statement->sql, "select f.facet, f.value, f.records, ");
    add_titles(statement, query);
    text_append(&statement->sql,
                " from (select c.facet, substr(c.term, length(c.facet) + 2) as value, c.records, "
                "row_number() over (partition by c.facet order by c.records desc, c.term) as place "
                "from (select split_part(term, '=', 1) as facet, term, records from (");
    /* Counts are made under the other filters: choosing a value must not hide its neighbours. */
    for (size_t i = 0; i < query->facet_count; i++) {
        const struct property *facet = query->facets[i];
        const enum counting counting = counting_of(statement, query, facet);
        const bool own = has_own_filter(query, facet);

        if (counting == COUNT_BY_RECORD && !own && shared)
            continue;
        text_append(&statement->sql, separator);
        separator = " union all ";
        switch (counting) {
        case COUNT_BY_VALUE:
            add_count_by_value(statement, query, facet);
            break;
        case COUNT_BY_RANGE:
            text_append_format(
                &statement->sql,
                "select t.term, count(*) as records from published.%s_terms t where ",
                query->resource->table);
            add_range(statement, facet);
            text_append(&statement->sql, " group by t.term");
            break;
        case COUNT_BY_RECORD:
            add_count_by_record(statement, query, own ? facet : NULL, point);
            shared = shared || !own;
            break;
        }
    }
    text_append_format(&statement->sql,
                       ") found) c) f where f.place <= %d order by f.records desc, f.value",
                       FACET_VALUES_MAX);
}
