#include "coverage/profiles.h"

#include "base/annotate.h"
#include "coverage/evidence.h"
#include "coverage/impact.h"
#include "coverage/rarity.h"
#include "coverage/transfer.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(profiles, .fini = test_ends_without_leaks);

#define PRACTICES 3000
#define TERMS 24

static char ids[PRACTICES][PROFILES_ID_BYTES];
static uint32_t has[PRACTICES]; /* a bit for each term */
static int64_t updated[PRACTICES];
static char names[TERMS][32];

static uint32_t random_state = 12345;

static uint32_t below(uint32_t count)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % count;
}

static void name_all(void)
{
    for (unsigned i = 0; i < TERMS; i++)
        (void)snprintf(names[i], sizeof(names[i]), "%s=%u",
                       i % 3 == 0   ? "sectors"
                       : i % 3 == 1 ? "target_groups"
                                    : "value_chain_steps",
                       i);
    for (unsigned i = 0; i < PRACTICES; i++)
        (void)snprintf(ids[i], PROFILES_ID_BYTES, "01a20000-0000-7000-8000-%012x", i * 7919u);
}

/* Some have evidence, for them or against them. */
static const char *evidence_of(unsigned i)
{
    return i % 7 == 0 ? "500" : i % 11 == 0 ? "-70" : "";
}

static int64_t worth(const void *each, const char *evidence)
{
    return *(const int64_t *)each * strtol(evidence, NULL, 10);
}

static void put(struct profiles *profiles, unsigned i)
{
    char terms[TERMS * 34] = "";

    has[i] = 0;
    for (unsigned j = 0; j < TERMS; j++)
        if (below(j + 2) == 0) {
            has[i] |= 1u << j;
            (void)snprintf(terms + strlen(terms), sizeof(terms) - strlen(terms), "%s%s",
                           terms[0] == '\0' ? "" : " ", names[j]);
        }
    updated[i] = 1000 + below(5); /* many are equal */
    cr_assert_eq(profiles_put(profiles, &(struct profiles_item){.id = ids[i],
                                                                .country = i % 2 ? "FR" : "BE",
                                                                .terms = terms,
                                                                .organisations = "",
                                                                .evidence = evidence_of(i),
                                                                .indicators = "",
                                                                .updated_us = updated[i],
                                                                .looked_us = updated[i]}),
                 0);
}

struct expected {
    unsigned practice;
    int64_t weight;
};

static int compare(const void *left, const void *right)
{
    const struct expected *a = left, *b = right;

    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    if (updated[a->practice] != updated[b->practice])
        return updated[a->practice] > updated[b->practice] ? -1 : 1;
    return strcmp(ids[b->practice], ids[a->practice]);
}

static void expect_best(struct profiles *profiles, const struct profiles_query *query,
                        const unsigned *numbers, const bool *is_gone)
{
    static struct profiles_match matches[PROFILES_RANKED_MAX];
    static struct expected all[PRACTICES];
    const size_t count = profiles_rank(profiles, query, matches);
    size_t expected = 0;

    for (unsigned i = 0; i < PRACTICES; i++) {
        int64_t weight = 0;

        if (is_gone[i] || (query->except != NULL && strcmp(query->except, ids[i]) == 0))
            continue;
        for (size_t j = 0; j < query->term_count; j++)
            if ((has[i] >> numbers[j] & 1) != 0)
                weight += query->terms[j].weight;
        if (query->country != NULL && strcmp(query->country, i % 2 ? "FR" : "BE") == 0)
            weight += query->country_weight;
        if (query->bonus != NULL)
            weight += worth(query->data, evidence_of(i));
        if (query->step != NULL && (has[i] >> 2 & 1) == 0)
            continue;
        if (weight > 0)
            all[expected++] = (struct expected){.practice = i, .weight = weight};
    }
    qsort(all, expected, sizeof(all[0]), compare);
    cr_assert_eq(count, expected < query->limit ? expected : query->limit);
    for (size_t i = 0; i < count; i++) {
        cr_assert_str_eq(matches[i].id, ids[all[i].practice], "place %zu", i);
        cr_assert_eq(matches[i].weight, all[i].weight);
        for (size_t j = 0; j < query->term_count; j++)
            cr_assert_eq(matches[i].shared[j], (has[all[i].practice] >> numbers[j] & 1) != 0);
    }
}

/* Against a full sort of all, with practices that change and go meanwhile. */
Test(profiles, the_ranking_is_exactly_that_of_looking_at_all)
{
    struct profiles *profiles = NULL;
    bool is_gone[PRACTICES] = {false};

    name_all();
    cr_assert_eq(profiles_new_empty(&profiles), 0);
    for (unsigned i = 0; i < PRACTICES; i++)
        put(profiles, i);
    for (unsigned round = 0; round < 40; round++) {
        struct rarity_term terms[8];
        unsigned numbers[8];
        const size_t count = 1 + below(8);
        const int64_t each = 1 + round;

        for (size_t i = 0; i < count; i++) {
            numbers[i] = (unsigned)((i * 3 + round) % TERMS);
            terms[i] = (struct rarity_term){.term = names[numbers[i]]};
        }
        profiles_weigh(profiles, terms, count);
        expect_best(profiles,
                    &(struct profiles_query){.terms = terms,
                                             .term_count = count,
                                             .except = round % 2 ? ids[round] : NULL,
                                             .step = round % 3 == 0 ? names[2] : NULL,
                                             .country = round % 4 == 0 ? "FR" : NULL,
                                             .country_weight = 120,
                                             .bonus = round % 5 == 0 ? worth : NULL,
                                             .data = &each,
                                             .limit = 1 + below(PROFILES_RANKED_MAX)},
                    numbers, is_gone);
        for (unsigned i = 0; i < 20; i++) {
            const unsigned changed = below(PRACTICES);

            is_gone[changed] = i % 2 == 0;
            if (is_gone[changed])
                profiles_remove(profiles, ids[changed]);
            else
                put(profiles, changed);
        }
    }
    profiles_free(profiles);
}

Test(profiles, frequencies_follow_what_comes_and_goes)
{
    static const struct profiles_item ITEM = {.id = "01a20000-0000-7000-8000-000000000001",
                                              .country = "",
                                              .terms = "sectors=catering target_groups=refugees",
                                              .organisations = "",
                                              .evidence = "",
                                              .indicators = ""};
    struct rarity_term terms[] = {{.term = "sectors=catering"}, {.term = "sectors=care"}};
    struct profiles *profiles = NULL;

    cr_assert_eq(profiles_new_empty(&profiles), 0);
    cr_assert_eq(profiles_put(profiles, &ITEM), 0);
    cr_assert_eq(profiles_put(profiles, &ITEM), 0);
    profiles_weigh(profiles, terms, 2);
    cr_assert_eq(terms[0].frequency, 1);
    cr_assert_eq(terms[0].weight, 200);
    cr_assert_eq(terms[1].frequency, 0);
    cr_assert_eq(terms[1].weight, 0);
    profiles_remove(profiles, ITEM.id);
    profiles_remove(profiles, ITEM.id);
    profiles_weigh(profiles, terms, 1);
    cr_assert_eq(terms[0].frequency, 0);
    cr_assert_eq(profiles_count(profiles), 0);
    profiles_free(profiles);
}

/* However many an organisation has itself, all places are for those of others. */
Test(profiles, practices_of_one_organisation_leave_the_places_to_others)
{
    static const char OWN[] = "01a20000-0000-7000-9000-000000000001";
    static const char BOTH[] =
        "01a20000-0000-7000-9000-000000000002 01a20000-0000-7000-9000-000000000001";
    static const char OTHER[] = "01a20000-0000-7000-9000-000000000002";
    struct rarity_term terms[] = {{.term = "sectors=catering"}};
    static struct profiles_match matches[PROFILES_RANKED_MAX];
    struct profiles *profiles = NULL;
    struct profiles_query query = {
        .terms = terms, .term_count = 1, .others = OWN, .limit = PROFILES_RANKED_MAX};

    name_all();
    cr_assert_eq(profiles_new_empty(&profiles), 0);
    for (unsigned i = 0; i < 2 * PROFILES_RANKED_MAX + 3; i++)
        cr_assert_eq(profiles_put(profiles, &(struct profiles_item){.id = ids[i],
                                                                    .country = "",
                                                                    .terms = "sectors=catering",
                                                                    .organisations = i < 3   ? OTHER
                                                                                     : i % 2 ? OWN
                                                                                             : BOTH,
                                                                    .evidence = "",
                                                                    .indicators = "",
                                                                    .updated_us = i}),
                     0);
    profiles_weigh(profiles, terms, 1);
    cr_assert_eq(profiles_rank(profiles, &query, matches), 3);
    cr_assert_str_eq(matches[0].id, ids[2]);
    query.others = NULL;
    cr_assert_eq(profiles_rank(profiles, &query, matches), PROFILES_RANKED_MAX);
    profiles_free(profiles);
}

Test(profiles, a_rare_term_weighs_more_than_a_common_one)
{
    cr_assert_eq(rarity_weight(3, 100, 100), 300);
    cr_assert_eq(rarity_weight(1, 3, 1), 200);
    cr_assert_gt(rarity_weight(2, 1000, 1), rarity_weight(2, 1000, 2));
    cr_assert_eq(rarity_weight(2, 1000, 0), 0);
    cr_assert_eq(rarity_share("municipality_roles=none_stated"), 0);
    cr_assert_eq(rarity_share("municipality_roles=funding"), 2);
    cr_assert_eq(rarity_share("country=FR"), 0);
}

Test(profiles, the_terms_of_a_place_that_weigh_most_are_kept)
{
    struct rarity_term terms[20];
    uint32_t records[20];
    size_t count;

    for (unsigned i = 0; i < 20; i++) {
        terms[i] = (struct rarity_term){.term = "x", .weight = 100, .frequency = i};
        records[i] = i;
    }
    count = transfer_choose(terms, records, 20);
    cr_assert_eq(count, TRANSFER_PROFILE_TERMS);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(terms[i].frequency, 19 - i);
    cr_assert_eq(terms[0].weight, 100);
    cr_assert_eq(transfer_choose(terms, records, 0), 0);
}

Test(profiles, evidence_counts_the_best_adoption_and_the_worst_law)
{
    static const char *const KINDS[] = {"act", "decree"};
    static const char *const HERE[] = {"01a20000-0000-7000-8000-000000000007",
                                       "01a20000-0000-7000-8000-000000000009"};
    static const struct evidence_place FRANCE = {"FR", KINDS, 2, HERE, 2},
                                       NORWAY = {"NO", KINDS, 1, NULL, 0},
                                       UNKNOWN = {NULL, NULL, 0, NULL, 0};
#define OF(kind, number, value) kind "01a20000-0000-7000-8000-00000000000" #number "=" value
    static const struct {
        const struct evidence_place *place;
        const char *evidence;
        int points;
    } ROWS[] = {{&FRANCE, OF("a", 1, "trying"), 5},
                {&FRANCE, OF("a", 1, "trying") " " OF("a", 2, "works"), 15},
                {&FRANCE, OF("a", 1, "given_up"), 0},
                {&FRANCE, OF("l", 1, "FR//act"), 10},
                {&FRANCE, OF("l", 1, "/european/directive"), 10},
                {&NORWAY, OF("l", 1, "/european/directive"), 0},
                {&NORWAY, OF("l", 1, "/international/treaty"), 10},
                {&NORWAY, OF("l", 1, "FR//act"), -10},
                {&NORWAY, OF("l", 1, "FR/national/decree"), -20},
                {&UNKNOWN, OF("l", 1, "FR/national/decree"), 0},
                {&FRANCE, OF("l", 1, "FR//act") " " OF("l", 2, "BE//circular"), -20},
                {&FRANCE, OF("l", 1, "FR//act") " " OF("l", 2, "//circular"), 0},
                {&FRANCE, OF("a", 1, "partly") " " OF("l", 2, "BE//decree"), -2},
                {&FRANCE, OF("a", 7, "works") " " OF("a", 8, "trying"), 5},
                {&FRANCE, OF("a", 9, "works"), 0},
                {&FRANCE, "", 0},
                {&FRANCE, "a", 0}};
#undef OF

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_assert_eq(evidence_points(ROWS[i].place, ROWS[i].evidence), ROWS[i].points, "%s",
                     ROWS[i].evidence);
}

Test(profiles, what_must_not_be_added_up_is_not)
{
    static const struct {
        const char *indicator, *unit;
        bool may;
    } ROWS[] = {{"people_trained", "persons", true},
                {"municipal_grant", "EUR", true},
                {"jobs_created", "jobs", true},
                {"employment_rate", "percent", false},
                {"programme_duration", "months", false},
                {"regional_welcome_rank", "rank", false},
                {"annual_volunteer_compensation_ceiling", "EUR", false},
                {"age_minimum", "years", false},
                {"nationalities", "nationalities", false},
                {"cost_per_year", "EUR", false},
                {"people_trained", "eur", false}};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_assert_eq(impact_may_add(ROWS[i].indicator, ROWS[i].unit), ROWS[i].may, "%s in %s",
                     ROWS[i].indicator, ROWS[i].unit);
}
