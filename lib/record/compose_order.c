/*
 * In which order, and where a page goes on. Unknown values come last in both directions.
 */
#include "record/compose_internal.h"

#include "base/arena.h"
#include "record/model.h"

const char *compose_sort_value(struct statement *statement, const struct query_sort *sort,
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
    return arena_format(statement->arena, "%s.%s", sort->property->is_timed ? "n" : "p",
                        model_column(statement->arena, sort->property));
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

bool compose_goes_down(const struct query_sort *sort, bool backward)
{
    return sort->descending != backward;
}

void compose_order(struct statement *statement, const struct query *query, bool backward,
                   const char *const *expressions, const char *id)
{
    text_append(&statement->sql, " order by ");
    for (size_t i = 0; i < query->sort_count; i++) {
        const struct query_sort *sort = &query->sorts[i];

        text_append_format(&statement->sql, "%s%s%s, ", expressions[i],
                           compose_goes_down(sort, backward) ? " desc" : "",
                           !may_be_unknown(sort) ? ""
                           : backward            ? " nulls first"
                                                 : " nulls last");
    }
    text_append_format(&statement->sql, "%s%s", id,
                       compose_goes_down(&query->sorts[0], backward) ? " desc" : "");
}

/* Rows strictly beyond the cursor in one key; unknown values come last when read forward. */
static void add_beyond(struct statement *statement, const struct query_sort *sort,
                       const char *expression, const char *value, int number, bool backward)
{
    const char *comparison = compose_goes_down(sort, backward) ? "<" : ">";

    if (value == NULL)
        text_append_format(&statement->sql, backward ? "%s is not null" : "false", expression);
    else if (may_be_unknown(sort) && !backward)
        text_append_format(&statement->sql, "(%s %s $%d::%s or %s is null)", expression, comparison,
                           number, sort_type(sort), expression);
    else
        text_append_format(&statement->sql, "%s %s $%d::%s", expression, comparison, number,
                           sort_type(sort));
}

void compose_beyond(struct statement *statement, const struct query *query,
                    const struct cursor *cursor, const char *const *expressions,
                    const char *id_expression)
{
    int numbers[SORT_KEYS_MAX];
    const char *id_comparison = compose_goes_down(&query->sorts[0], cursor->backward) ? "<" : ">";
    const int id = statement_add_value(statement, cursor->id);

    for (size_t i = 0; i < query->sort_count; i++)
        numbers[i] =
            cursor->values[i] == NULL ? 0 : statement_add_value(statement, cursor->values[i]);

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
