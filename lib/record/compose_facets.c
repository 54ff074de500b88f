/*
 * How often each value occurs among the records that are asked for.
 */
#include "record/compose_internal.h"

#include "record/model.h"

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
    struct compose_listing listing;

    text_append(&statement->sql, "select p.id");
    if (compose_find_listing(statement, query, without, &listing) && listing.term != NULL)
        compose_listed(statement, query, &listing);
    else
        compose_matches(statement, query, without, point);
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
    struct compose_listing listing;

    if (!compose_find_listing(statement, query, facet, &listing) || listing.term != NULL)
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
    struct compose_listing listing;

    (void)compose_find_listing(statement, query, facet, &listing);
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
                           statement_add_value(statement, listing.country));
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
    point = compose_add_point(statement, query, true);
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
