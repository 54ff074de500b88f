/*
 * Which rows p of the narrow table are asked for: by their terms where a value
 * is one of several or open text, else by their columns.
 */
#include "record/compose_internal.h"

#include "base/arena.h"
#include "base/uuid.h"
#include "record/model.h"

#include <string.h>

#define TERMS_JOINED_MAX 3 /* planning 20 of them took 0.3 s, and 63 more than 2 s */

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
const char *compose_term(struct statement *statement, const struct property *property,
                         const char *value)
{
    if (property->kind == PROPERTY_RELATION)
        return reference_term(statement, "", property->path, value);
    return arena_format(statement->arena, "%s=%s", property->path, value);
}

const char *compose_related_term(struct statement *statement, const struct query *query)
{
    return reference_term(statement, "@", query->related->path, query->related_to);
}

static const char *const *terms_of(struct statement *statement,
                                   const struct query_condition *condition)
{
    const char **terms =
        arena_alloc_array(statement->arena, condition->value_count, sizeof(*terms));

    for (size_t i = 0; terms != NULL && i < condition->value_count; i++)
        terms[i] = compose_term(statement, condition->filter->property, condition->values[i]);
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
        statement_add_value(
            statement, one ? terms[0] : statement_array(statement, terms, condition->value_count)),
        one ? "" : "::text[])", joined ? "" : " offset 0");
    statement->plan = DB_PLAN_CUSTOM;
}

/* A timed property: of the row that the database makes of it now. */
static void add_timed_condition(struct statement *statement, const struct query *query,
                                const struct query_condition *condition)
{
    const struct property *property = condition->filter->property;
    const char *column = model_column(statement->arena, property);
    const char *type = model_sql_type(property);
    const char *comparison =
        condition->filter->operator== FILTER_MIN || condition->filter->operator== FILTER_AFTER
            ? ">="
            : "<=";

    if (column == NULL)
        return;
    text_append_format(&statement->sql,
                       " and %sexists (select from published.%s_timed(now()) n where n.id = p.id "
                       "and n.%s ",
                       condition->negated ? "not " : "", query->resource->table, column);
    if (condition->filter->operator== FILTER_EQUAL)
        text_append_format(
            &statement->sql, "= any($%d::%s[]))",
            statement_add_value(
                statement, statement_array(statement, condition->values, condition->value_count)),
            type);
    else
        text_append_format(&statement->sql, "%s $%d::%s)", comparison,
                           statement_add_value(statement, condition->values[0]), type);
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
                           statement_add_value(statement, condition->values[0]), type);
    else
        text_append_format(
            &statement->sql, "p.%s = any($%d::%s[])", column,
            statement_add_value(
                statement, statement_array(statement, condition->values, condition->value_count)),
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
                           statement_add_value(statement, value));
    } else if (property->kind == PROPERTY_TIME && !lower && strlen(value) == 10) {
        /* A bare date as an upper bound includes the day. */
        text_append_format(&statement->sql, " and p.%s < $%d::timestamptz + interval '1 day'",
                           column, statement_add_value(statement, value));
    } else {
        text_append_format(&statement->sql, " and p.%s %s $%d::%s", column, comparison,
                           statement_add_value(statement, value), model_sql_type(property));
    }
    statement->plan = DB_PLAN_CUSTOM;
}

void compose_conditions(struct statement *statement, const struct query *query,
                        const struct property *without, int point)
{
    for (size_t i = 0; i < query->condition_count; i++) {
        const struct query_condition *condition = &query->conditions[i];

        if (condition->filter->property == without)
            continue;
        if (condition->filter->property->is_timed)
            add_timed_condition(statement, query, condition);
        else if (condition->filter->operator!= FILTER_EQUAL)
            add_bound(statement, condition);
        else if (is_kept_as_column(condition->filter->property))
            add_column_condition(statement, condition);
        else
            add_term_condition(statement, query, condition);
    }
    if (query->id_count > 0)
        text_append_format(&statement->sql, " and p.id = any($%d::uuid[])",
                           statement_add_value(
                               statement, statement_array(statement, query->ids, query->id_count)));
    if (query->freshness != FRESHNESS_ANY)
        text_append_format(&statement->sql, " and p.verify_due %s $%d::timestamptz",
                           query->freshness == FRESHNESS_STALE ? "<" : ">=",
                           statement_add_value(statement, query->stale_at));
    compose_place(statement, query, point);
}

void compose_related(struct statement *statement, const struct query *query)
{
    if (query->related == NULL)
        return;
    text_append_format(&statement->sql,
                       " and exists (select from published.%s_terms x where x.id = p.id and x.term "
                       "= $%d)",
                       query->resource->table,
                       statement_add_value(statement, compose_related_term(statement, query)));
    statement->plan = DB_PLAN_CUSTOM;
}
