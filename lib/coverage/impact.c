#include "coverage/impact.h"

#include "base/annotate.h"
#include "base/fault.h"
#include "db/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Things, events and money can be added; years, ranks, percents and kinds cannot. */
static const char *const UNITS[] = {"persons",       "jobs",        "awards",       "documents",
                                    "events",        "meetings",    "cooperatives", "enterprises",
                                    "organisations", "initiatives", "applications", "trainings",
                                    "pairs",         "hours",       "visits",       "contacts"};
static const char *const BOUNDS[] = {"_rate",    "_share",   "_rank",     "_minimum", "_maximum",
                                     "_ceiling", "_average", "_duration", "_per_year"};

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

bool impact_may_add(const char *indicator, const char *unit)
{
    const bool is_currency = strlen(unit) == 3 && strspn(unit, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
    bool is_countable = is_currency;

    for (size_t i = 0; i < ARRAY_LENGTH(BOUNDS); i++)
        if (ends_in(indicator, BOUNDS[i]))
            return false;
    for (size_t i = 0; i < ARRAY_LENGTH(UNITS) && !is_countable; i++)
        is_countable = strcmp(UNITS[i], unit) == 0;
    return is_countable;
}

/* --- which indicators there are ----------------------------------------------------------------
 */

static const struct db_query INDICATORS = {
    .name = "impact_indicators",
    .sql = "select substr(t.term, 18), count(*) from published.practices_terms t "
           "where t.term >= 'impact.indicator=' and t.term < 'impact.indicator>' "
           "and ($1::text is null or t.country = $1) group by t.term order by 2 desc, 1 limit 500",
    .param_count = 1,
};
static const struct db_query PRACTICES = {
    .name = "impact_practices",
    .sql = "select count(*) from published.practices p where $1::text is null or p.country = $1",
    .param_count = 1,
};

static int count_practices(struct db *db, const char *country, json_int_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const int r = db_run(db, &PRACTICES, &country, &rows);

    if (r == 0)
        *ret_count = strtoll(db_rows_text(rows, 0, 0), NULL, 10);
    return r;
}

static int fetch_indicators(struct db *db, const struct impact_query *query, json_t **ret_json)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    json_t *list = NULL;
    json_int_t practices = 0;
    int r = count_practices(db, query->country, &practices);

    if (r == 0)
        r = db_run(db, &INDICATORS, &query->country, &rows);
    if (r != 0)
        return r;
    list = json_array();
    for (size_t i = 0; i < db_rows_count(rows) && r == 0; i++)
        if (json_array_append_new(
                list, json_pack("{s:s, s:I}", "indicator", db_rows_text(rows, i, 0), "practices",
                                (json_int_t)strtoll(db_rows_text(rows, i, 1), NULL, 10))) != 0)
            r = fault_raise(-ENOMEM);
    if (r == 0) {
        *ret_json = json_pack("{s:I, s:O}", "practices", practices, "indicators", list);
        r = *ret_json == NULL ? fault_raise(-ENOMEM) : 0;
    }
    json_decref(list);
    return r;
}

/* --- the figures of one ------------------------------------------------------------------------
 */

static const struct db_query FIGURES = {
    .name = "impact_figures",
    .sql = "select i.value->>'unit', coalesce(i.value->>'period_from', '') || '/' || "
           "coalesce(i.value->>'period_until', ''), i.value->>'period', i.value->>'value', p.id, "
           "json_build_object('practice', json_build_object('id', p.id, 'slug', p.slug, "
           "'title', p.title), 'country', p.country, 'figure', i.value) "
           "from (select t.id from published.practices_terms t "
           "where t.term = 'impact.indicator=' || $1 and ($2::text is null or t.country = $2) "
           "order by t.updated_at desc, t.id desc limit 1000) found "
           "join published.practices p on p.id = found.id "
           "join published.practices_documents d on d.id = found.id "
           "cross join lateral json_array_elements(d.document::json->'impact') i "
           "where i.value->>'indicator' = $1 "
           "and ($3::text is null or i.value->>'method_family' = $3) "
           "order by 1, 2, 3 nulls first, (i.value->>'value')::numeric desc, p.slug limit 1000",
    .param_count = 3,
};
enum { UNIT, BETWEEN, PERIOD, VALUE, PRACTICE, FIGURE };

static bool is_same(const char *left, const char *right)
{
    return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

/* Figures say what time they are about by their bounds, or else in words; two that say nothing
 * need not be about the same. */
static bool is_same_period(const struct db_rows *rows, size_t i, size_t j)
{
    if (strcmp(db_rows_text(rows, i, BETWEEN), db_rows_text(rows, j, BETWEEN)) != 0)
        return false;
    return strcmp(db_rows_text(rows, i, BETWEEN), "/") != 0 ||
           (db_rows_text(rows, i, PERIOD) != NULL &&
            is_same(db_rows_text(rows, i, PERIOD), db_rows_text(rows, j, PERIOD)));
}

static size_t count_distinct(const struct db_rows *rows, size_t first, size_t end)
{
    size_t count = 0;

    for (size_t i = first; i < end; i++) {
        bool is_known = false;

        for (size_t j = first; j < i && !is_known; j++)
            is_known =
                strcmp(db_rows_text(rows, i, PRACTICE), db_rows_text(rows, j, PRACTICE)) == 0;
        count += is_known ? 0 : 1;
    }
    return count;
}

/* The sums of a unit: one for each period that two practices or more tell of. */
static int add_sums(const struct db_rows *rows, size_t first, size_t end, json_t *sums)
{
    for (size_t i = first; i < end;) {
        const char *between = db_rows_text(rows, i, BETWEEN);
        double sum = 0;
        size_t j = i;

        for (; j < end && is_same_period(rows, i, j); j++)
            sum += strtod(db_rows_text(rows, j, VALUE), NULL);
        if (j == i)
            j++;
        else if (count_distinct(rows, i, j) > 1 &&
                 json_array_append_new(
                     sums,
                     json_pack("{s:s*, s:f, s:I, s:I}", "period",
                               strcmp(between, "/") != 0 ? between : db_rows_text(rows, i, PERIOD),
                               "sum", sum, "figures", (json_int_t)(j - i), "practices",
                               (json_int_t)count_distinct(rows, i, j))) != 0)
            return fault_raise(-ENOMEM);
        i = j;
    }
    return 0;
}

static int fill_unit(const struct db_rows *rows, size_t first, size_t end, const char *indicator,
                     json_t *json)
{
    json_t *figures = json_array(), *sums = json_array();
    const bool may_add = impact_may_add(indicator, db_rows_text(rows, first, UNIT));
    double least = strtod(db_rows_text(rows, first, VALUE), NULL), most = least;
    int r = figures == NULL || sums == NULL ? fault_raise(-ENOMEM) : 0;

    for (size_t i = first; i < end && r == 0; i++) {
        const double value = strtod(db_rows_text(rows, i, VALUE), NULL);

        least = value < least ? value : least;
        most = value > most ? value : most;
        if (json_array_append_new(figures, json_loads(db_rows_text(rows, i, FIGURE), 0, NULL)) != 0)
            r = fault_raise(-ENOMEM);
    }
    if (r == 0 && may_add)
        r = add_sums(rows, first, end, sums);
    if (r == 0 &&
        json_object_update_new(
            json, json_pack("{s:s, s:b, s:I, s:f, s:f, s:O, s:O}", "unit",
                            db_rows_text(rows, first, UNIT), "may_be_added", may_add ? 1 : 0,
                            "practices", (json_int_t)count_distinct(rows, first, end), "minimum",
                            least, "maximum", most, "sums", sums, "figures", figures)) != 0)
        r = fault_raise(-ENOMEM);
    json_decref(figures);
    json_decref(sums);
    return r;
}

static int fill_units(const struct db_rows *rows, const char *indicator, json_t *units)
{
    int r = 0;

    for (size_t i = 0, end; i < db_rows_count(rows) && r == 0; i = end) {
        json_t *unit = json_object();

        end = i + 1;
        while (end < db_rows_count(rows) &&
               is_same(db_rows_text(rows, i, UNIT), db_rows_text(rows, end, UNIT)))
            end++;
        r = unit == NULL ? fault_raise(-ENOMEM) : fill_unit(rows, i, end, indicator, unit);
        if (r == 0 && json_array_append(units, unit) != 0)
            r = fault_raise(-ENOMEM);
        json_decref(unit);
    }
    return r;
}

static int fetch_figures(struct db *db, const struct impact_query *query, json_t **ret_json)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    json_t *units = NULL;
    json_int_t practices = 0;
    int r = count_practices(db, query->country, &practices);

    if (r == 0)
        r = db_run(db, &FIGURES,
                   (const char *const[]){query->indicator, query->country, query->method_family},
                   &rows);
    if (r != 0)
        return r;
    units = json_array();
    r = units == NULL ? fault_raise(-ENOMEM) : fill_units(rows, query->indicator, units);
    if (r == 0) {
        *ret_json = json_pack("{s:s, s:I, s:I, s:b, s:O}", "indicator", query->indicator,
                              "practices", practices, "reporting",
                              (json_int_t)count_distinct(rows, 0, db_rows_count(rows)), "is_cut",
                              db_rows_count(rows) == IMPACT_FIGURES_MAX ? 1 : 0, "units", units);
        r = *ret_json == NULL ? fault_raise(-ENOMEM) : 0;
    }
    json_decref(units);
    return r;
}

int impact_fetch(struct db *db, const struct impact_query *query, json_t **ret_json)
{
    return query->indicator == NULL ? fetch_indicators(db, query, ret_json)
                                    : fetch_figures(db, query, ret_json);
}
