#include "coverage/transfer.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "coverage/arrays.h"
#include "coverage/coverage.h"
#include "coverage/place.h"
#include "coverage/profiles.h"
#include "coverage/transfer_internal.h"
#include "db/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- what the place does already ---------------------------------------------------------------
 */

#define TERMS_OF(place, table, kinds, condition)                                                   \
    "select v.term from (" place(table, kinds) ") there cross join lateral ("                      \
                                               "select t.term from published." table               \
                                               "_terms t where t.id = there.id and (" condition    \
                                               ") "                                                \
                                               "offset 0) v"
#define BETWEEN(prefix) "(t.term >= '" prefix "=' and t.term < '" prefix ">')"
#define GROUPS BETWEEN("target_groups")
#define GROUPS_AND_SECTORS GROUPS " or " BETWEEN("sectors")
#define ALL_THREE GROUPS_AND_SECTORS " or " BETWEEN("municipality_roles")
#define OF_PRACTICES(place) TERMS_OF(place, "practices", "'organisations@'", ALL_THREE)
#define OF_TRAININGS(place) TERMS_OF(place, "trainings", "'organisations@'", GROUPS_AND_SECTORS)
#define OF_SERVICES(place) TERMS_OF(place, "services", "'provider@'", GROUPS)
#define HELD                                                                                       \
    ") held where term <> 'municipality_roles=none_stated' group by term "                         \
    "order by count(*) desc, term limit 150"
#define UNITED(place) OF_PRACTICES(place) " union all " OF_TRAININGS(place) " union all "
#define PROFILE(place) "select term, count(*) from (" UNITED(place) OF_SERVICES(place) HELD
static const struct db_query PROFILE_OF[PLACE_KINDS] = {
    [PLACE_NAMED] = {.name = "transfer_profile_named",
                     .sql = PROFILE(PLACE_OF_NAME),
                     .param_count = 2},
    [PLACE_AROUND] = {.name = "transfer_profile_around",
                      .sql = PROFILE(PLACE_OF_POINT),
                      .param_count = 2},
    [PLACE_MEMBERS] = {.name = "transfer_profile_members",
                       .sql = PROFILE(PLACE_OF_MEMBERS),
                       .param_count = 2},
};
/* Which of $3 are there themselves, idle ones. */
#define THERE(place)                                                                               \
    "select there.id from (" place("practices",                                                    \
                                   "'organisations@'") ") there "                                  \
                                                       "where there.id = any($3::uuid[])"
static const struct db_query THERE_OF[PLACE_KINDS] = {
    [PLACE_NAMED] = {.name = "transfer_there_named", .sql = THERE(PLACE_OF_NAME), .param_count = 3},
    [PLACE_AROUND] = {.name = "transfer_there_around",
                      .sql = THERE(PLACE_OF_POINT),
                      .param_count = 3},
    [PLACE_MEMBERS] = {.name = "transfer_there_members",
                       .sql = THERE(PLACE_OF_MEMBERS),
                       .param_count = 3},
};

int transfer_law_points(enum transfer_law law)
{
    static const int POINTS[] = {
        [LAW_UNKNOWN] = 0, [LAW_HOLDS] = 10, [LAW_SIMILAR] = -10, [LAW_MISSING] = -20};

    return POINTS[law];
}

const char *transfer_law_name(enum transfer_law law)
{
    static const char *const NAMES[] = {[LAW_UNKNOWN] = "unknown",
                                        [LAW_HOLDS] = "holds",
                                        [LAW_SIMILAR] = "similar",
                                        [LAW_MISSING] = "missing"};

    return NAMES[law];
}

int transfer_adoption_points(const char *result)
{
    static const struct {
        const char *result;
        int points;
    } ROWS[] = {{"works", 15}, {"partly", 8}, {"trying", 5}};

    for (size_t i = 0; result != NULL && i < ARRAY_LENGTH(ROWS); i++)
        if (strcmp(ROWS[i].result, result) == 0)
            return ROWS[i].points;
    return 0;
}

size_t transfer_choose(struct rarity_term *terms, const uint32_t *records, size_t count)
{
    uint32_t most = 0;
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        most = records[i] > most ? records[i] : most;
    for (size_t i = 0; i < count; i++) {
        struct rarity_term term = terms[i];
        size_t place = kept;

        term.weight = (int32_t)((int64_t)term.weight * records[i] / most);
        if (term.weight == 0)
            continue;
        for (; place > 0 && terms[place - 1].weight < term.weight; place--)
            terms[place] = terms[place - 1];
        terms[place] = term;
        kept++;
    }
    return kept < TRANSFER_PROFILE_TERMS ? kept : TRANSFER_PROFILE_TERMS;
}

static int fetch_profile(struct transfer *transfer)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *values[2];
    uint32_t *records;
    size_t count;
    int r = place_values(transfer->place, transfer->arena, values);

    if (r == 0)
        r = db_run(transfer->db, &PROFILE_OF[transfer->place->kind], values, &rows);
    if (r != 0)
        return r;
    count = db_rows_count(rows);
    records = arena_alloc_array(transfer->arena, count + 1, sizeof(*records));
    transfer->terms = arena_alloc_array(transfer->arena, count + 2, sizeof(*transfer->terms));
    if (records == NULL || transfer->terms == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < count; i++) {
        transfer->terms[i].term = arena_copy(transfer->arena, db_rows_text(rows, i, 0));
        if (!num_parse_u32(db_rows_text(rows, i, 1), 0, UINT32_MAX, &records[i]))
            return fault_raise(-EPROTO);
    }
    if (arena_failed(transfer->arena))
        return fault_raise(-ENOMEM);
    profiles_weigh(transfer->profiles, transfer->terms, count);
    transfer->term_count = transfer_choose(transfer->terms, records, count);
    return 0;
}

/* --- what counts beside it ---------------------------------------------------------------------
 */

static int64_t bonus_of(const void *data, const char *evidence)
{
    const struct transfer *transfer = data;

    return evidence_points(&transfer->evidence, evidence) * transfer->point_weight;
}

/*
 * Terms weigh sixty times what they are told to weigh, so that a point, a sixtieth of them all, is
 * a whole number. A place that does nothing has points, too.
 */
static int weigh(struct transfer *transfer)
{
    transfer->scaled =
        arena_alloc_array(transfer->arena, transfer->term_count + 1, sizeof(*transfer->scaled));
    if (transfer->scaled == NULL)
        return fault_raise(-ENOMEM);
    transfer->point_weight = 0;
    for (size_t i = 0; i < transfer->term_count; i++) {
        transfer->point_weight += transfer->terms[i].weight;
        transfer->scaled[i] = transfer->terms[i];
        transfer->scaled[i].weight *= TRANSFER_OVERLAP_POINTS;
    }
    if (transfer->point_weight == 0)
        transfer->point_weight = 1;
    return 0;
}

/* --- ranking -----------------------------------------------------------------------------------
 */

/* Which of the matches are in the place themselves? They are idle, or would cover the step. */
static int find_there(struct transfer *transfer, const struct profiles_match *matches, size_t count,
                      struct db_rows **ret_rows)
{
    const char **ids = arena_alloc_array(transfer->arena, count + 1, sizeof(*ids));
    const char *values[3];
    int r;

    if (ids == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < count; i++)
        ids[i] = matches[i].id;
    r = place_values(transfer->place, transfer->arena, values);
    if (r != 0)
        return r;
    values[2] = array_of_texts(transfer->arena, ids, count);
    if (values[2] == NULL)
        return fault_raise(-ENOMEM);
    return db_run(transfer->db, &THERE_OF[transfer->place->kind], values, ret_rows);
}

static bool is_among(const struct db_rows *rows, const char *id)
{
    for (size_t i = 0; i < db_rows_count(rows); i++)
        if (strcmp(db_rows_text(rows, i, 0), id) == 0)
            return true;
    return false;
}

static int rank_gap(struct transfer *transfer, size_t step, struct profiles_match *matches)
{
    struct transfer_gap *gap = &transfer->gaps[transfer->gap_count++];
    CLEANUP(db_rows_freep) struct db_rows *there = NULL;
    const size_t count =
        profiles_rank(transfer->profiles,
                      &(struct profiles_query){.terms = transfer->scaled,
                                               .term_count = transfer->term_count,
                                               .step = transfer_step_term(step),
                                               .country = transfer->evidence.country,
                                               .country_weight = (int32_t)(TRANSFER_COUNTRY_POINTS *
                                                                           transfer->point_weight),
                                               .bonus = bonus_of,
                                               .data = transfer,
                                               .limit = PROFILES_RANKED_MAX},
                      matches);
    const int r = find_there(transfer, matches, count, &there);

    gap->step = step;
    for (size_t i = 0; r == 0 && i < count && gap->count < TRANSFER_CANDIDATES; i++)
        if (!is_among(there, matches[i].id))
            gap->candidates[gap->count++] = matches[i];
    return r;
}

static int rank(struct transfer *transfer, const struct coverage *coverage)
{
    struct profiles_match *matches =
        arena_alloc_array(transfer->arena, PROFILES_RANKED_MAX, sizeof(*matches));
    int r = matches == NULL ? fault_raise(-ENOMEM) : 0;

    for (size_t i = 0; i < STEPS_COUNT && r == 0; i++)
        if (coverage_state(coverage, i) == COVERAGE_GAP)
            r = rank_gap(transfer, i, matches);
    return r;
}

int transfer_fetch(struct profiles *profiles, struct db *db, struct arena *arena,
                   const struct place *place, const char *country, const struct coverage *coverage,
                   json_t **ret_json)
{
    struct transfer *transfer = arena_alloc(arena, sizeof(*transfer));
    bool has_gap = false;
    int r = 0;

    if (transfer == NULL)
        return fault_raise(-ENOMEM);
    *transfer = (struct transfer){.profiles = profiles, .db = db, .arena = arena, .place = place};
    for (size_t i = 0; i < STEPS_COUNT; i++)
        has_gap = has_gap || coverage_state(coverage, i) == COVERAGE_GAP;
    if (has_gap) {
        r = evidence_read_place(db, arena, place, country, &transfer->evidence);
        if (r == 0)
            r = fetch_profile(transfer);
        if (r == 0)
            r = weigh(transfer);
        if (r == 0)
            r = rank(transfer, coverage);
    }
    return r == 0 ? transfer_describe(transfer, ret_json) : r;
}
