#include "coverage/coverage.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "coverage/arrays.h"
#include "coverage/place.h"
#include "coverage/profiles.h"
#include "db/db.h"

#include <errno.h>
#include <string.h>

/*
 * The records of a resource in a place, a row each: $1 and $2 say where (place.h), $3 are the idle
 * states. Practices, of which there are most, are looked up in memory: of them only the ids.
 *
 * Lateral queries with offset 0 are look-ups of one record each: there are as many as the place
 * has records, and the planner cannot know that number, nor turn them into walks over whole tables.
 */
#define VALUE_OF(table, property)                                                                  \
    "coalesce((select substr(t.term, length('" property "=') + 1) from published." table           \
    "_terms t where t.id = x.id and t.term >= '" property "=' and t.term < '" property ">' "       \
    "limit 1), '')"
#define BEHIND(table, kind)                                                                        \
    "coalesce((select string_agg(substr(t.term, length('" kind                                     \
    "') + 1), ' ') from published." table "_terms t where t.id = x.id and t.term >= '" kind        \
    "' and t.term < '" kind "g'), '')"
#define IDLE(status, is_past)                                                                      \
    "coalesce(" status " = any($3::text[]), false) or coalesce(" is_past ", false)"
#define RECORDS(there, table, value, idle, behind)                                                 \
    "select x.id, " value ", "                                                                     \
    "(extract(epoch from coalesce(x.verified_at, x.updated_at)) * 1000000)::bigint, "              \
    "x.verify_due < now(), " idle ", " behind ", there.beside from (" there                        \
    ") there cross join lateral ("                                                                 \
    "select * from published." table " p where p.id = there.id offset 0) x"
enum { ID, VALUE, LOOKED, STALE, IDLES, ORGANISATIONS, BESIDE };

#define KINDS_OF(column, table, kinds, value, idle, behind, around)                                \
    {                                                                                              \
        column,                                                                                    \
        {                                                                                          \
            [PLACE_NAMED] = {"coverage_named_" table,                                              \
                             RECORDS(PLACE_OF_NAME(table, kinds), table, value, idle, behind), 3,  \
                             DB_PLAN_GENERIC},                                                     \
            [PLACE_AROUND] = {"coverage_around_" table,                                            \
                              RECORDS(around(table, kinds), table, value, idle, behind), 3,        \
                              DB_PLAN_GENERIC},                                                    \
            [PLACE_MEMBERS] = {                                                                    \
                "coverage_members_" table,                                                         \
                RECORDS(PLACE_OF_MEMBERS(table, kinds), table, value, idle, behind),               \
                3,                                                                                 \
                DB_PLAN_GENERIC                                                                    \
            }                                                                                      \
        }                                                                                          \
    }
#define STATUS "x.activity_status"
#define NEVER "false"
#define NO_STATUS "null::text"
#define NO_VALUE "''"
#define MADE "'organisations@'"
#define GIVEN "'provider@'"
#define MADE_BY(table) BEHIND(table, "organisations@")
#define GIVEN_BY(table) BEHIND(table, "provider@")
/* One can apply, or not, by the dates of an offer; where they say nothing, by its status. */
#define OFFER_IS_IDLE                                                                              \
    "coalesce((select n.application_status <> 'open' "                                             \
    "from published.financing_offers_timed(now()) n where n.id = x.id), " STATUS                   \
    " = any($3::text[]), false)"
#define EVENT_IS_PAST "coalesce(x.ends_on_last, x.starts_on_last) < current_date"

static const struct {
    enum step_column column;
    struct db_query queries[PLACE_KINDS];
} SOURCES[] = {
    KINDS_OF(COLUMN_ASSESSMENT_TOOLS, "assessment_tools", MADE,
             VALUE_OF("assessment_tools", "kind"), IDLE(NO_STATUS, NEVER),
             MADE_BY("assessment_tools"), PLACE_OF_POINT),
    KINDS_OF(COLUMN_TRAININGS, "trainings", MADE, NO_VALUE, IDLE(STATUS, NEVER),
             MADE_BY("trainings"), PLACE_OF_POINT),
    KINDS_OF(COLUMN_MENTORING_PROGRAMMES, "mentoring_programmes", MADE, NO_VALUE,
             IDLE(STATUS, NEVER), MADE_BY("mentoring_programmes"), PLACE_NOWHERE),
    KINDS_OF(COLUMN_CAMPAIGNS, "campaigns", MADE, NO_VALUE,
             IDLE(STATUS, "x.ended_on_last < current_date"), MADE_BY("campaigns"), PLACE_OF_POINT),
    KINDS_OF(COLUMN_NETWORKS, "networks", "'operator@'", NO_VALUE, IDLE(NO_STATUS, NEVER),
             BEHIND("networks", "operator@"), PLACE_NOWHERE),
    KINDS_OF(COLUMN_EVENTS, "events", MADE, NO_VALUE, IDLE(STATUS, EVENT_IS_PAST),
             MADE_BY("events"), PLACE_OF_POINT),
    KINDS_OF(COLUMN_PLACES, "places", MADE, NO_VALUE, IDLE(STATUS, NEVER), MADE_BY("places"),
             PLACE_OF_POINT),
    KINDS_OF(COLUMN_SERVICES, "services", GIVEN, VALUE_OF("services", "kind"), IDLE(STATUS, NEVER),
             GIVEN_BY("services"), PLACE_OF_POINT),
    KINDS_OF(COLUMN_FINANCING_OFFERS, "financing_offers", GIVEN ", 'partners@'", NO_VALUE,
             OFFER_IS_IDLE, GIVEN_BY("financing_offers"), PLACE_OF_POINT),
};
static const struct db_query PRACTICES[PLACE_KINDS] = {
    [PLACE_NAMED] = {"coverage_named_practices", PLACE_OF_NAME("practices", MADE), 2,
                     DB_PLAN_GENERIC},
    [PLACE_AROUND] = {"coverage_around_practices", PLACE_OF_POINT("practices", MADE), 2,
                      DB_PLAN_GENERIC},
    [PLACE_MEMBERS] = {"coverage_members_practices", PLACE_OF_MEMBERS("practices", MADE), 2,
                       DB_PLAN_GENERIC},
};

#define NAMES_OF(table, label)                                                                     \
    {                                                                                              \
        "coverage_names_" table,                                                                   \
            "select id, slug, " label " from published." table " where id = any($1::uuid[])", 1,   \
            DB_PLAN_GENERIC                                                                        \
    }
static const struct db_query NAMES[COLUMNS_COUNT] = {
    [COLUMN_ORGANISATIONS] = NAMES_OF("organisations", "name"),
    [COLUMN_PRACTICES] = NAMES_OF("practices", "title"),
    [COLUMN_ASSESSMENT_TOOLS] = NAMES_OF("assessment_tools", "title"),
    [COLUMN_TRAININGS] = NAMES_OF("trainings", "title"),
    [COLUMN_MENTORING_PROGRAMMES] = NAMES_OF("mentoring_programmes", "title"),
    [COLUMN_CAMPAIGNS] = NAMES_OF("campaigns", "title"),
    [COLUMN_NETWORKS] = NAMES_OF("networks", "name"),
    [COLUMN_EVENTS] = NAMES_OF("events", "title"),
    [COLUMN_PLACES] = NAMES_OF("places", "name"),
    [COLUMN_SERVICES] = NAMES_OF("services", "title"),
    [COLUMN_FINANCING_OFFERS] = NAMES_OF("financing_offers", "title"),
};

/* --- records -----------------------------------------------------------------------------------
 */

/* By the table of steps.h. */
static unsigned steps_of(enum step_column column, const char *value)
{
    unsigned steps = 0;

    for (size_t i = 0; i < STEP_SOURCE_COUNT; i++) {
        const struct step_source *source = &STEP_SOURCES[i];

        if (strcmp(source->resource, COLUMN_RESOURCES[column]) == 0 &&
            (source->value == NULL || strcmp(source->value, value) == 0))
            steps |= 1u << step_index(source->step);
    }
    return steps;
}

static int take_records(const struct db_rows *rows, enum step_column column,
                        struct coverage_count *count)
{
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        struct coverage_record record = {.column = column,
                                         .id = db_rows_text(rows, i, ID),
                                         .steps = steps_of(column, db_rows_text(rows, i, VALUE)),
                                         .is_stale = db_rows_text(rows, i, STALE)[0] == 't',
                                         .is_idle = db_rows_text(rows, i, IDLES)[0] == 't',
                                         .is_beside = db_rows_text(rows, i, BESIDE)[0] == 't',
                                         .organisations = db_rows_text(rows, i, ORGANISATIONS)};

        if (!num_parse_i64(db_rows_text(rows, i, LOOKED), INT64_MIN, INT64_MAX, &record.looked_us))
            return fault_raise(-EPROTO);
        coverage_add(count, &record);
    }
    return 0;
}

struct practices {
    const struct db_rows *rows; /* id, beside */
    struct coverage_count *count;
};

static void add_practice(void *data, const struct profiles_fact *fact)
{
    const struct practices *practices = data;

    coverage_add(practices->count,
                 &(struct coverage_record){
                     .column = COLUMN_PRACTICES,
                     .id = fact->id,
                     .steps = fact->steps,
                     .looked_us = fact->looked_us,
                     .is_stale = fact->is_stale,
                     .is_idle = fact->is_idle,
                     .is_beside = db_rows_text(practices->rows, fact->index, 1)[0] == 't',
                     .organisations = fact->organisations});
}

static int count_practices(struct db *db, struct profiles *profiles, struct arena *arena,
                           const struct db_query *query, const char *const *values,
                           struct coverage_count *count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char **ids;
    int r = db_run(db, query, values, &rows);

    if (r != 0)
        return r;
    ids = arena_alloc_array(arena, db_rows_count(rows) + 1, sizeof(*ids));
    if (ids == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < db_rows_count(rows); i++)
        ids[i] = db_rows_text(rows, i, 0);
    profiles_observe(profiles, ids, db_rows_count(rows), add_practice,
                     &(struct practices){.rows = rows, .count = count});
    return 0;
}

/* --- names -------------------------------------------------------------------------------------
 */

static void name_cell(struct coverage_cell *cell, const struct db_rows *rows, struct arena *arena)
{
    for (size_t i = 0; i < cell->example_count; i++)
        for (size_t j = 0; j < db_rows_count(rows); j++)
            if (strcmp(db_rows_text(rows, j, 0), cell->examples[i].id) == 0) {
                cell->examples[i].slug = arena_copy(arena, db_rows_text(rows, j, 1));
                cell->examples[i].title = arena_copy(arena, db_rows_text(rows, j, 2));
            }
}

static int name_column(struct db *db, struct arena *arena, struct coverage *coverage, size_t column)
{
    const char *ids[STEPS_COUNT * COVERAGE_EXAMPLES], *literal;
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    size_t count = 0;
    int r;

    for (size_t i = 0; i < STEPS_COUNT; i++)
        for (size_t j = 0; j < coverage->cells[i][column].example_count; j++)
            ids[count++] = coverage->cells[i][column].examples[j].id;
    if (count == 0)
        return 0;
    literal = array_of_texts(arena, ids, count);
    if (literal == NULL)
        return fault_raise(-ENOMEM);
    r = db_run(db, &NAMES[column], &literal, &rows);
    for (size_t i = 0; i < STEPS_COUNT && r == 0; i++)
        name_cell(&coverage->cells[i][column], rows, arena);
    if (r == 0 && arena_failed(arena))
        r = fault_raise(-ENOMEM);
    return r;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

int coverage_fetch(struct db *db, struct profiles *profiles, struct arena *arena,
                   const struct place *place, struct coverage *ret)
{
    struct coverage_count *count = NULL;
    const char *values[3];
    int r = place_values(place, arena, values);

    values[2] = array_of_texts(arena, IDLE_STATES, IDLE_STATE_COUNT);
    if (r == 0 && values[2] == NULL)
        r = fault_raise(-ENOMEM);
    if (r == 0)
        r = coverage_begin(arena, &count);
    if (r == 0)
        r = count_practices(db, profiles, arena, &PRACTICES[place->kind], values, count);
    for (size_t i = 0; i < ARRAY_LENGTH(SOURCES) && r == 0; i++) {
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;

        r = db_run(db, &SOURCES[i].queries[place->kind], values, &rows);
        if (r == 0)
            r = take_records(rows, SOURCES[i].column, count);
    }
    if (r == 0)
        r = coverage_end(count, ret);
    for (size_t i = 0; i < COLUMNS_COUNT && r == 0; i++)
        r = name_column(db, arena, ret, i);
    return r;
}

enum coverage_state coverage_state(const struct coverage *coverage, size_t step)
{
    uint64_t count = 0, stale = 0;

    for (size_t i = COLUMN_ORGANISATIONS + 1; i < COLUMNS_COUNT; i++) {
        count += coverage->cells[step][i].count;
        stale += coverage->cells[step][i].stale;
    }
    if (count == 0)
        return COVERAGE_GAP;
    return stale == count ? COVERAGE_STALE : COVERAGE_COVERED;
}

const char *coverage_state_name(enum coverage_state state)
{
    switch (state) {
    case COVERAGE_GAP:
        return "gap";
    case COVERAGE_STALE:
        return "stale";
    case COVERAGE_COVERED:
        break;
    }
    return "covered";
}
