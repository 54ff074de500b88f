#include "coverage/impact.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "base/fault.h"
#include "coverage/profiles.h"
#include "db/db.h"

#include <errno.h>
#include <stdint.h>
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

struct indicator {
    const char *name; /* NULL: a free place */
    size_t practices;
};

struct tally {
    struct arena *arena;
    struct indicator *places; /* by hash of the name */
    size_t count;
    bool is_cut; /* there are more than can be told apart */
};

static struct indicator *place_of(const struct tally *tally, const char *name, size_t length)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    size_t at;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
    for (at = hash & (IMPACT_PLACES - 1); tally->places[at].name != NULL;
         at = (at + 1) & (IMPACT_PLACES - 1)) {
        const char *known = tally->places[at].name;

        if (strncmp(known, name, length) == 0 && known[length] == '\0')
            break;
    }
    return &tally->places[at];
}

static void count_one(struct tally *tally, const char *name, size_t length)
{
    struct indicator *indicator = place_of(tally, name, length);

    if (indicator->name == NULL) {
        if (tally->count * 2 == IMPACT_PLACES) {
            tally->is_cut = true;
            return;
        }
        indicator->name = arena_copy_bytes(tally->arena, name, length);
        if (indicator->name == NULL)
            return; /* the arena remembers */
        tally->count++;
    }
    indicator->practices++;
}

static void count_all(void *data, const char *indicators)
{
    for (const char *at = indicators; *at != '\0';) {
        const size_t length = strcspn(at, " ");

        count_one(data, at, length);
        at += length + (at[length] == ' ' ? 1 : 0);
    }
}

/* Those that most practices report come first, free places last. */
static int compare(const void *left, const void *right)
{
    const struct indicator *a = left, *b = right;

    if (a->practices != b->practices)
        return a->practices > b->practices ? -1 : 1;
    return a->name == NULL || b->name == NULL ? 0 : strcmp(a->name, b->name);
}

static int fetch_indicators(struct profiles *profiles, struct arena *arena,
                            const struct impact_query *query, json_t **ret_json)
{
    struct tally tally = {.arena = arena,
                          .places =
                              arena_alloc_array(arena, IMPACT_PLACES, sizeof(struct indicator))};
    json_t *list = json_array();
    json_int_t practices;
    int failed = 0;

    if (tally.places == NULL || list == NULL) {
        json_decref(list);
        return fault_raise(-ENOMEM);
    }
    practices = (json_int_t)profiles_survey(profiles, query->country, count_all, &tally);
    qsort(tally.places, IMPACT_PLACES, sizeof(tally.places[0]), compare);
    tally.is_cut = tally.is_cut || tally.count > IMPACT_INDICATORS_MAX;
    for (size_t i = 0; i < tally.count && i < IMPACT_INDICATORS_MAX && failed == 0; i++)
        failed |= json_array_append_new(list, json_pack("{s:s, s:I}", "indicator",
                                                        tally.places[i].name, "practices",
                                                        (json_int_t)tally.places[i].practices));
    *ret_json = json_pack("{s:I, s:O, s:b}", "practices", practices, "indicators", list, "is_cut",
                          tally.is_cut ? 1 : 0);
    json_decref(list);
    if (failed == 0 && *ret_json != NULL && !arena_failed(arena))
        return 0;
    json_decref(*ret_json);
    *ret_json = NULL;
    return fault_raise(-ENOMEM);
}

/* --- the figures of one ------------------------------------------------------------------------
 */

/* Of all that report it, those that changed last: a thousand practices and one more, of their
 * figures a thousand and one more: that one is not shown, it says that there are more. */
static const struct db_query FIGURES = {
    .name = "impact_figures",
    .sql =
        "with found as materialized (select t.id, row_number() over (order by "
        "t.updated_at desc, t.id desc) as place from published.practices_terms t "
        "where t.term = 'impact.indicator=' || $1 and ($2::text is null or t.country = $2) "
        "order by t.updated_at desc, t.id desc limit 1001), "
        "figures as materialized (select found.id, found.place, i.value, i.n "
        "from found join published.practices_documents d on d.id = found.id "
        "cross join lateral json_array_elements(d.document::json->'impact') "
        "with ordinality as i(value, n) where i.value->>'indicator' = $1 "
        "and ($3::text is null or i.value->>'method_family' = $3) "
        "order by found.place, i.n limit 1001), "
        "shown as (select f.id, f.value from figures f order by f.place, f.n limit 1000), "
        "told as (select s.value->>'unit' as unit, coalesce(s.value->>'period_from', '') || '/' "
        "|| coalesce(s.value->>'period_until', '') as between_them, s.value->>'period' as period, "
        "s.value->>'value' as value, p.id, p.slug, json_build_object('practice', "
        "json_build_object('id', p.id, 'slug', p.slug, 'title', p.title), 'country', p.country, "
        "'figure', s.value) as figure from shown s join published.practices p on p.id = s.id) "
        "select t.unit, t.between_them, t.period, t.value, t.id, t.figure, "
        "(select count(*) from found) > 1000 or (select count(*) from figures) > 1000 "
        "from (values (1)) one left join told t on true "
        "order by 1, 2, 3 nulls first, t.value::numeric desc, t.slug",
    .param_count = 3,
    .plan = DB_PLAN_CUSTOM, /* with a country through the index that has it */
};
enum { UNIT, BETWEEN, PERIOD, VALUE, PRACTICE, FIGURE, CUT };

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

static int fill_units(const struct db_rows *rows, size_t count, const char *indicator,
                      json_t *units)
{
    int r = 0;

    for (size_t i = 0, end; i < count && r == 0; i = end) {
        json_t *unit = json_object();

        end = i + 1;
        while (end < count && is_same(db_rows_text(rows, i, UNIT), db_rows_text(rows, end, UNIT)))
            end++;
        r = unit == NULL ? fault_raise(-ENOMEM) : fill_unit(rows, i, end, indicator, unit);
        if (r == 0 && json_array_append(units, unit) != 0)
            r = fault_raise(-ENOMEM);
        json_decref(unit);
    }
    return r;
}

static int fetch_figures(struct profiles *profiles, struct db *db, const struct impact_query *query,
                         json_t **ret_json)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    json_t *units = json_array();
    size_t count;
    int r =
        units == NULL
            ? fault_raise(-ENOMEM)
            : db_run(db, &FIGURES,
                     (const char *const[]){query->indicator, query->country, query->method_family},
                     &rows);

    if (r != 0) {
        json_decref(units);
        return r;
    }
    /* Without a figure there is one row, which says whether there are more. */
    count = db_rows_text(rows, 0, PRACTICE) == NULL ? 0 : db_rows_count(rows);
    r = fill_units(rows, count, query->indicator, units);
    if (r == 0) {
        *ret_json =
            json_pack("{s:s, s:I, s:I, s:b, s:O}", "indicator", query->indicator, "practices",
                      (json_int_t)profiles_survey(profiles, query->country, NULL, NULL),
                      "reporting", (json_int_t)count_distinct(rows, 0, count), "is_cut",
                      db_rows_text(rows, 0, CUT)[0] == 't' ? 1 : 0, "units", units);
        r = *ret_json == NULL ? fault_raise(-ENOMEM) : 0;
    }
    json_decref(units);
    return r;
}

int impact_fetch(struct profiles *profiles, struct db *db, struct arena *arena,
                 const struct impact_query *query, json_t **ret_json)
{
    return query->indicator == NULL ? fetch_indicators(profiles, arena, query, ret_json)
                                    : fetch_figures(profiles, db, query, ret_json);
}
