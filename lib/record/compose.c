/*
 * How a page is found (the figures are of 100 000 records):
 *
 * - One term, newest first: a range of the terms index gives the ids in order,
 *   and country comes from the same index. This is what listings ask most.
 * - Everything else walks the narrow table in the order of a sort index and
 *   checks the other conditions, or the planner starts from the rarest term;
 *   for that it must see the values (DB_PLAN_CUSTOM).
 * - Words: see compose_ranking.c.
 */
#include "record/compose_internal.h"

#include "base/arena.h"
#include "record/model.h"
#include "record/timed.h"

#include <string.h>

/* --- the inner query: ids and sort values --- */

static bool sorts_by_update(const struct query *query)
{
    return query->sort_count == 1 && query->sorts[0].kind == SORT_PROPERTY &&
           strcmp(query->sorts[0].property->path, "updated_at") == 0;
}

static bool is_one_term(const struct query_condition *condition)
{
    return condition->filter->operator== FILTER_EQUAL && !condition->negated &&
        condition->value_count == 1 && !condition->filter->property->is_timed &&
        model_is_term(condition->filter->property);
}

static bool is_country(const struct query *query, const struct query_condition *condition)
{
    return condition->filter->property == query->resource->country && is_one_term(condition);
}

bool compose_find_listing(struct statement *statement, const struct query *query,
                          const struct property *without, struct compose_listing *listing)
{
    const struct query_condition *term = NULL;

    *listing = (struct compose_listing){0};
    if (query->search != NULL || query->has_near || query->has_box || query->id_count > 0 ||
        query->freshness != FRESHNESS_ANY)
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
        listing->term = compose_related_term(statement, query);
    else if (term != NULL)
        listing->term = compose_term(statement, term->filter->property, term->values[0]);
    return true;
}

void compose_listed(struct statement *statement, const struct query *query,
                    const struct compose_listing *listing)
{
    text_append_format(&statement->sql, " from published.%s_terms p where p.term = $%d",
                       query->resource->table, statement_add_value(statement, listing->term));
    if (listing->country != NULL)
        text_append_format(&statement->sql, " and p.country = $%d",
                           statement_add_value(statement, listing->country));
}

static void add_listing(struct statement *statement, const struct query *query,
                        const struct compose_listing *listing, const struct cursor *cursor,
                        const char *limit)
{
    static const char *const EXPRESSIONS[] = {"p.updated_at"};
    const bool backward = cursor != NULL && cursor->backward;

    text_append(&statement->sql, "select p.id, p.updated_at as s0");
    compose_listed(statement, query, listing);
    if (cursor != NULL)
        compose_beyond(statement, query, cursor, EXPRESSIONS, "p.id");
    compose_order(statement, query, backward, EXPRESSIONS, "p.id");
    text_append_format(&statement->sql, " limit %s", limit);
}

/* The row n, where the order needs it. */
static void add_timed(struct statement *statement, const struct query *query)
{
    for (size_t i = 0; i < query->sort_count; i++)
        if (query->sorts[i].kind == SORT_PROPERTY && query->sorts[i].property->is_timed) {
            timed_append_join(&statement->sql, query->resource, "p");
            return;
        }
}

void compose_matches(struct statement *statement, const struct query *query,
                     const struct property *without, int point)
{
    const char *table = query->resource->table;

    if (query->search == NULL)
        text_append_format(&statement->sql, " from published.%s p", table);
    else
        text_append_format(&statement->sql,
                           " from published.search_query($%d) q join published.%s_search s on "
                           "s.vector @@ q.query join published.%s p on p.id = s.id",
                           statement_add_value(statement, query->search), table, table);
    add_timed(statement, query);
    text_append(&statement->sql, " where true");
    compose_related(statement, query);
    compose_conditions(statement, query, without, point);
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

    compose_related(statement, query);
    compose_conditions(statement, query, NULL, point);
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
                              .backward =
                                  by_relevance && !compose_goes_down(&query->sorts[0], backward)};

    if (by_relevance && cursor != NULL && cursor->values[0] != NULL) {
        const int rank = statement_add_value(statement, cursor->values[0]);
        const int id = statement_add_value(statement, cursor->id);

        ranking.beyond = arena_format(statement->arena, "($%d::float4, $%d::uuid)", rank, id);
    }
    if (ranking.conditions == NULL)
        return;
    text_append_format(&statement->sql,
                       "with q as materialized (select query, corrected from "
                       "published.search_query($%d)), ",
                       statement_add_value(statement, query->search));
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
        expressions[i] = compose_sort_value(statement, &query->sorts[i], point);
        if (expressions[i] == NULL)
            return;
        text_append_format(&statement->sql, ", %s as s%zu", expressions[i], i);
    }
    if (query->has_near)
        text_append_format(&statement->sql,
                           ", 2 * %.4f * asin(least(1, (p.position operator(extensions.<->) "
                           "$%d::extensions.cube) / (2 * %.4f))) as distance",
                           EARTH_RADIUS_KM, point, EARTH_RADIUS_KM);
    if (query->search != NULL) {
        text_append_format(&statement->sql,
                           ", q.corrected, q.query from (select id, rank from best union all "
                           "select id, rank from others) f join published.%s p on p.id = f.id "
                           "cross join q",
                           query->resource->table);
        add_timed(statement, query);
        text_append(&statement->sql, " where true");
    } else {
        compose_matches(statement, query, NULL, point);
    }
    if (cursor != NULL && !(query->search != NULL && sorts_by_relevance(query)))
        compose_beyond(statement, query, cursor, expressions, "p.id");
    compose_order(statement, query, backward, expressions, "p.id");
    text_append_format(&statement->sql, " limit %s", limit);
}

/* --- the statements --- */

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
    struct compose_listing listing;
    const char *outer[SORT_KEYS_MAX];
    static const char *const NAMES[SORT_KEYS_MAX] = {"k.s0", "k.s1", "k.s2", "k.s3"};
    int point;

    statement_init(statement, arena);
    limit = arena_format(statement->arena, "%u", query->limit + 1);
    limit = arena_format(statement->arena, "$%d::integer", statement_add_value(statement, limit));
    point = compose_add_point(statement, query, false);
    if (limit == NULL)
        return;

    text_append(&statement->sql, "select d.id, ");
    timed_append_etag(&statement->sql, query->resource, "d.etag");
    text_append(&statement->sql, ", ");
    timed_append_document(&statement->sql, query->resource,
                          query->field_count > 0 ? "d.document" : "coalesce(d.card, d.document)");
    text_append_format(&statement->sql, ", %s, %s, %s, ",
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
    if (sorts_by_update(query) && compose_find_listing(statement, query, NULL, &listing) &&
        listing.term != NULL)
        add_listing(statement, query, &listing, cursor, limit);
    else
        add_general(statement, query, cursor, point, limit);
    text_append_format(&statement->sql, ") k join published.%s_documents d on d.id = k.id",
                       query->resource->table);
    timed_append_join(&statement->sql, query->resource, "d");
    /* The page comes in its own order, whichever way it was read. */
    compose_order(statement, query, false, outer, "k.id");
}

void compose_count(struct arena *arena, const struct query *query, unsigned most,
                   struct statement *statement)
{
    struct compose_listing listing;
    int point;

    statement_init(statement, arena);
    text_append(&statement->sql, "select count(*) from (select 1");
    if (compose_find_listing(statement, query, NULL, &listing) && listing.term != NULL) {
        compose_listed(statement, query, &listing);
    } else {
        point = compose_add_point(statement, query, true);
        compose_matches(statement, query, NULL, point);
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
    point = compose_add_point(statement, query, true);
    compose_matches(statement, query, NULL, point);
}
