#include "mentoring/compatibility.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "mentoring/terms.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(compatibility, .fini = test_ends_without_leaks);

enum { FR = 1, AR, TI };
enum { FOOD = 10, TEXTILE };
enum { BOOKKEEPING = 20, SELLING, COOKING };
enum { MONDAY_MORNING = 1 << 0, MONDAY_EVENING = 1 << 2, SUNDAY_EVENING = 1 << 20 };

static const struct person_language FRENCH_AND_ARABIC[] = {{FR, LEVEL_B1}, {AR, LEVEL_NATIVE}};
static const struct person_language FRENCH[] = {{FR, LEVEL_NATIVE}};
static const struct person_language LITTLE_FRENCH[] = {{FR, LEVEL_A1}};
static const struct person_language TIGRINYA[] = {{TI, LEVEL_NATIVE}};
static const uint32_t FOOD_ONLY[] = {FOOD};
static const uint32_t TEXTILE_ONLY[] = {TEXTILE};
static const uint32_t TWO_SKILLS[] = {BOOKKEEPING, SELLING};
static const uint32_t ONE_OF_THEM[] = {SELLING, COOKING};

/* Brussels and Liège are 89 km apart. */
static struct person mentor_of(void)
{
    return (struct person){
        .languages = FRENCH,
        .language_count = 1,
        .sectors = {FOOD_ONLY, 1},
        .skills = {ONE_OF_THEM, 2},
        .goals = {ONE_OF_THEM, 2},
        .times = MONDAY_MORNING | MONDAY_EVENING | SUNDAY_EVENING,
        .formats = FORMAT_IN_PERSON,
        .age_most = 64,
        .has_area = true,
        .latitude_e6 = 50850000,
        .longitude_e6 = 4350000,
        .capacity = 2,
        .load = 1,
    };
}

static struct person mentee_of(void)
{
    return (struct person){
        .languages = FRENCH_AND_ARABIC,
        .language_count = 2,
        .sectors = {FOOD_ONLY, 1},
        .skills = {TWO_SKILLS, 2},
        .goals = {TWO_SKILLS, 2},
        .times = MONDAY_MORNING | SUNDAY_EVENING,
        .formats = FORMAT_IN_PERSON | FORMAT_REMOTE,
        .has_area = true,
        .latitude_e6 = 50850000,
        .longitude_e6 = 4350000,
    };
}

static struct compatibility judge(const struct compatibility_rules *rules,
                                  const struct person *mentor, const struct person *mentee)
{
    const struct compatibility_rules usual = compatibility_rules_default();
    struct compatibility judged;

    compatibility_judge(rules == NULL ? &usual : rules, mentor, mentee, 0, &judged);
    return judged;
}

static void check_part(const struct compatibility *judged, enum compatibility_component component,
                       int value, const char *code)
{
    cr_assert_eq(judged->parts[component].value, value, "%s is %d",
                 compatibility_component_name(component), judged->parts[component].value);
    cr_assert_str_eq(judged->parts[component].code, code);
}

Test(compatibility, a_score_is_taken_apart)
{
    const struct person mentor = mentor_of();
    const struct person mentee = mentee_of();
    const struct compatibility judged = judge(NULL, &mentor, &mentee);

    cr_assert_eq(judged.failed, 0);
    check_part(&judged, COMPATIBILITY_LANGUAGE, 600, "common-language");
    check_part(&judged, COMPATIBILITY_SECTOR, 1000, "same-sector");
    check_part(&judged, COMPATIBILITY_SKILLS, 500, "some-skills");
    check_part(&judged, COMPATIBILITY_GOALS, 500, "some-goals");
    check_part(&judged, COMPATIBILITY_AVAILABILITY, 333, "some-time");
    check_part(&judged, COMPATIBILITY_DISTANCE, 1000, "near");
    check_part(&judged, COMPATIBILITY_CAPACITY, 500, "some-places-free");
    check_part(&judged, COMPATIBILITY_LOAD, 750, "some-pairs");
    cr_assert_eq(judged.language, FR);
    cr_assert_eq(judged.level, LEVEL_B1);
    cr_assert_eq(judged.sector, FOOD);
    cr_assert_eq(judged.times, MONDAY_MORNING | SUNDAY_EVENING);
    cr_assert_eq(judged.skills, 1);
    /* (25*600 + 20*1000 + 15*500 + 10*500 + 15*333 + 10*1000 + 3*500 + 2*750) / 100 */
    cr_assert_eq(judged.score, 654950);
}

Test(compatibility, weights_decide_and_nothing_else_does)
{
    const struct person mentor = mentor_of();
    const struct person mentee = mentee_of();
    struct compatibility_rules rules = compatibility_rules_default();

    for (int component = 0; component < COMPATIBILITY_COMPONENTS; component++) {
        struct compatibility judged;

        for (int i = 0; i < COMPATIBILITY_COMPONENTS; i++)
            rules.weights[i] = i == component ? 7 : 0;
        judged = judge(&rules, &mentor, &mentee);
        cr_assert_eq(judged.score, judged.parts[component].value * 1000);
    }
}

Test(compatibility, weights_are_in_range_and_not_all_nothing)
{
    struct compatibility_rules rules = compatibility_rules_default();

    cr_assert(compatibility_weights_are_valid(&rules));
    rules.weights[0] = COMPATIBILITY_WEIGHT_MAX + 1;
    cr_assert_not(compatibility_weights_are_valid(&rules));
    for (int i = 0; i < COMPATIBILITY_COMPONENTS; i++)
        rules.weights[i] = 0;
    cr_assert_not(compatibility_weights_are_valid(&rules));
    rules.weights[COMPATIBILITY_LOAD] = 1;
    cr_assert(compatibility_weights_are_valid(&rules));
}

/* --- what rules a pair out -------------------------------------------------------------------- */

static void speak_otherwise(struct compatibility_rules *rules, struct person *mentor,
                            struct person *mentee)
{
    (void)rules;
    (void)mentor;
    mentee->languages = TIGRINYA;
    mentee->language_count = 1;
}

static void speak_nothing(struct compatibility_rules *rules, struct person *mentor,
                          struct person *mentee)
{
    (void)rules;
    (void)mentor;
    mentee->language_count = 0;
}

static void speak_little(struct compatibility_rules *rules, struct person *mentor,
                         struct person *mentee)
{
    (void)rules;
    (void)mentor;
    mentee->languages = LITTLE_FRENCH;
    mentee->language_count = 1;
}

static void meet_otherwise(struct compatibility_rules *rules, struct person *mentor,
                           struct person *mentee)
{
    (void)rules;
    (void)mentor;
    mentee->formats = FORMAT_REMOTE;
}

static void live_far_away(struct compatibility_rules *rules, struct person *mentor,
                          struct person *mentee)
{
    (void)mentor;
    rules->distance_km_max = 88;
    mentee->latitude_e6 = 50633000;
    mentee->longitude_e6 = 5567000;
}

static void live_nowhere_near(struct compatibility_rules *rules, struct person *mentor,
                              struct person *mentee)
{
    rules->is_area_needed = true;
    rules->distance_km_max = COMPATIBILITY_AREA_KM;
    mentor->formats = mentee->formats = FORMAT_REMOTE;
    mentee->longitude_e6 += 1000000;
}

static void live_who_knows_where(struct compatibility_rules *rules, struct person *mentor,
                                 struct person *mentee)
{
    rules->is_area_needed = true;
    mentor->has_area = mentee->has_area = false;
}

static void know_other_things(struct compatibility_rules *rules, struct person *mentor,
                              struct person *mentee)
{
    (void)mentee;
    rules->is_skill_needed = true;
    mentor->skills.count = 0;
}

static void have_no_time(struct compatibility_rules *rules, struct person *mentor,
                         struct person *mentee)
{
    rules->is_time_needed = true;
    mentor->times = MONDAY_EVENING;
    mentee->times = MONDAY_MORNING;
}

static void do_other_work(struct compatibility_rules *rules, struct person *mentor,
                          struct person *mentee)
{
    (void)mentor;
    rules->is_sector_needed = true;
    mentee->sectors = (struct person_terms){TEXTILE_ONLY, 1};
}

static void be_too_young(struct compatibility_rules *rules, struct person *mentor,
                         struct person *mentee)
{
    (void)mentee;
    rules->mentor_age_min = 50;
    mentor->age_most = 49;
}

static void be_of_no_known_age(struct compatibility_rules *rules, struct person *mentor,
                               struct person *mentee)
{
    (void)mentee;
    rules->mentor_age_min = 50;
    mentor->age_most = 0;
}

static void be_full(struct compatibility_rules *rules, struct person *mentor, struct person *mentee)
{
    (void)rules;
    (void)mentee;
    mentor->load = 2;
}

static void have_no_places(struct compatibility_rules *rules, struct person *mentor,
                           struct person *mentee)
{
    (void)rules;
    (void)mentee;
    mentor->load = 0;
    mentor->capacity = 0;
}

Test(compatibility, each_hard_criterion_fails_alone_and_bears_its_code)
{
    static const struct {
        void (*change)(struct compatibility_rules *rules, struct person *mentor,
                       struct person *mentee);
        enum compatibility_criterion criterion;
        const char *code;
    } ROWS[] = {
        {speak_otherwise, CRITERION_LANGUAGE, "no-common-language"},
        {speak_nothing, CRITERION_LANGUAGE, "no-common-language"},
        {speak_little, CRITERION_LEVEL, "level-too-low"},
        {meet_otherwise, CRITERION_FORMAT, "no-common-format"},
        {live_far_away, CRITERION_DISTANCE, "too-far"},
        {live_nowhere_near, CRITERION_DISTANCE, "too-far"},
        {live_who_knows_where, CRITERION_DISTANCE, "too-far"},
        {know_other_things, CRITERION_SKILLS, "no-common-skill"},
        {have_no_time, CRITERION_TIME, "no-common-time"},
        {do_other_work, CRITERION_SECTOR, "other-sector"},
        {be_too_young, CRITERION_AGE, "mentor-too-young"},
        {be_of_no_known_age, CRITERION_AGE, "mentor-too-young"},
        {be_full, CRITERION_CAPACITY, "no-free-place"},
        {have_no_places, CRITERION_CAPACITY, "no-free-place"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct compatibility_rules rules = compatibility_rules_default();
        struct person mentor = mentor_of();
        struct person mentee = mentee_of();
        struct compatibility judged;

        ROWS[i].change(&rules, &mentor, &mentee);
        judged = judge(&rules, &mentor, &mentee);
        cr_assert_eq(judged.failed, 1U << ROWS[i].criterion, "row %zu", i);
        cr_assert_str_eq(compatibility_criterion_code(ROWS[i].criterion), ROWS[i].code);
        cr_assert(judged.score >= 0 && judged.score <= COMPATIBILITY_SCORE_MAX);
    }
}

Test(compatibility, what_is_known_beside_the_profiles_rules_out_too)
{
    const struct compatibility_rules rules = compatibility_rules_default();
    const struct person mentor = mentor_of();
    const struct person mentee = mentee_of();
    struct compatibility judged;

    compatibility_judge(&rules, &mentor, &mentee, 1U << CRITERION_EARLIER, &judged);
    cr_assert_eq(judged.failed, 1U << CRITERION_EARLIER);
}

Test(compatibility, what_nobody_told_counts_half_and_rules_nothing_out)
{
    struct compatibility_rules rules = compatibility_rules_default();
    struct person mentor = mentor_of();
    struct person mentee = mentee_of();
    struct compatibility judged;

    rules.distance_km_max = 10;
    mentor.formats = 0;
    mentee.formats = FORMAT_IN_PERSON;
    mentee.has_area = false;
    mentee.times = 0;
    mentee.sectors.count = mentee.skills.count = mentee.goals.count = 0;
    judged = judge(&rules, &mentor, &mentee);
    cr_assert_eq(judged.failed, 0);
    for (int i = COMPATIBILITY_SECTOR; i <= COMPATIBILITY_DISTANCE; i++)
        check_part(&judged, (enum compatibility_component)i, 500, "unknown");
}

Test(compatibility, who_works_in_no_particular_sector_fits_every_one_a_little)
{
    struct compatibility_rules rules = compatibility_rules_default();
    struct person mentor = mentor_of();
    const struct person mentee = mentee_of();
    struct compatibility judged;

    rules.is_sector_needed = true;
    mentor.sectors.count = 0;
    mentor.is_any_sector = true;
    judged = judge(&rules, &mentor, &mentee);
    cr_assert_eq(judged.failed, 0);
    check_part(&judged, COMPATIBILITY_SECTOR, 500, "any-sector");
}

/* --- distance --------------------------------------------------------------------------------- */

static double haversine_m(double latitude1, double longitude1, double latitude2, double longitude2)
{
    const double radian = acos(-1) / 180;
    const double north = sin((latitude2 - latitude1) * radian / 2);
    const double east = sin((longitude2 - longitude1) * radian / 2);

    return 2 * 6371008.8 *
           asin(sqrt(north * north +
                     cos(latitude1 * radian) * cos(latitude2 * radian) * east * east));
}

Test(compatibility, a_distance_is_that_on_the_sphere)
{
    srand(11);
    for (int i = 0; i < 20000; i++) {
        const int32_t latitude = rand() % 130000000 - 65000000;
        const int32_t longitude = rand() % 360000000 - 180000000;
        const int32_t other_latitude = latitude + rand() % 1200000 - 600000;
        const int32_t moved = longitude + rand() % 2000000 - 1000000;
        const int32_t other_longitude = moved > 180000000    ? moved - 360000000
                                        : moved < -180000000 ? moved + 360000000
                                                             : moved;
        const double expected = haversine_m(latitude / 1e6, longitude / 1e6, other_latitude / 1e6,
                                            other_longitude / 1e6);
        const int64_t found =
            compatibility_distance_m(latitude, longitude, other_latitude, other_longitude);

        cr_assert(fabs((double)found - expected) <= expected / 200 + 2, "%lld m, not %.0f m",
                  (long long)found, expected);
    }
}

Test(compatibility, a_distance_is_as_long_back_and_none_at_home)
{
    cr_assert_eq(compatibility_distance_m(50850000, 4350000, 50850000, 4350000), 0);
    cr_assert_eq(compatibility_distance_m(50850000, 4350000, 50633000, 5567000),
                 compatibility_distance_m(50633000, 5567000, 50850000, 4350000));
    cr_assert(compatibility_distance_m(90000000, 0, -90000000, 180000000) > 20000000);
}

Test(compatibility, distance_counts_less_where_both_can_meet_remotely)
{
    const struct {
        unsigned mentor, mentee;
        int32_t longitude_e6;
        int value;
        const char *code;
    } rows[] = {
        {FORMAT_IN_PERSON, FORMAT_IN_PERSON, 4350000, 1000, "near"},
        {FORMAT_IN_PERSON, FORMAT_IN_PERSON, 4850000, 297, "within-reach"},
        {FORMAT_IN_PERSON, FORMAT_IN_PERSON, 5850000, 0, "out-of-reach"},
        {FORMAT_IN_PERSON | FORMAT_REMOTE, 0, 4350000, 1000, "near"},
        {FORMAT_IN_PERSON | FORMAT_REMOTE, 0, 5850000, 500, "remote"},
        {FORMAT_REMOTE, 0, 4350000, 500, "remote"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct person mentor = mentor_of();
        struct person mentee = mentee_of();
        struct compatibility judged;

        mentor.formats = rows[i].mentor;
        mentee.formats = rows[i].mentee;
        mentee.longitude_e6 = rows[i].longitude_e6;
        judged = judge(NULL, &mentor, &mentee);
        check_part(&judged, COMPATIBILITY_DISTANCE, rows[i].value, rows[i].code);
    }
}

/* --- names
 * ---------------------------------------------------------------------------------------- */

Test(compatibility, levels_are_read_as_they_are_written)
{
    for (int i = LEVEL_A1; i <= LEVEL_NATIVE; i++) {
        enum language_level level = LEVEL_UNKNOWN;

        cr_assert(language_level_of(language_level_name((enum language_level)i), &level));
        cr_assert_eq((int)level, i);
    }
    cr_assert_not(language_level_of("unknown", &(enum language_level){0}));
    cr_assert_not(language_level_of("b1", &(enum language_level){0}));
}

Test(compatibility, terms_are_equal_when_their_texts_are)
{
    struct arena arena;
    struct terms terms;
    uint32_t numbers[1000];
    char text[16];

    arena_init(&arena, 1024 * 1024);
    cr_assert_eq(terms_init(&terms, &arena), 0);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 1000; i++) {
            uint32_t number;

            (void)snprintf(text, sizeof(text), "term-%d", i);
            cr_assert_eq(terms_add(&terms, text, &number), 0);
            cr_assert_neq(number, TERM_NONE);
            if (round == 0)
                numbers[i] = number;
            cr_assert_eq(number, numbers[i]);
            cr_assert_str_eq(terms_text(&terms, number), text);
        }
    cr_assert_eq(terms.count, 1000);
    cr_assert_null(terms_text(&terms, TERM_NONE));
    arena_deinit(&arena);
}

Test(compatibility, terms_tell_that_the_arena_is_full_and_take_no_room_for_what_they_have)
{
    static const char TEXT[] = "one, two, and whatever comes behind";
    struct arena arena;
    struct terms terms;
    uint32_t one, again;
    size_t used;
    int r = 0;

    arena_init(&arena, 16);
    cr_assert_eq(terms_init(&terms, &arena), TERMS_FULL);
    arena_deinit(&arena);
    arena_init(&arena, 64 * 1024);
    cr_assert_eq(terms_init(&terms, &arena), 0);
    cr_assert_eq(terms_add(&terms, "one", &one), 0);
    used = arena.used_bytes;
    cr_assert_eq(terms_add_bytes(&terms, TEXT, 3, &again), 0);
    cr_assert_eq(one, again);
    cr_assert_eq(arena.used_bytes, used);
    cr_assert_eq(terms_add_bytes(&terms, TEXT, 8, &again), 0);
    cr_assert_str_eq(terms_text(&terms, again), "one, two");
    for (int i = 0; i < 100000 && r == 0; i++) {
        char text[16];

        (void)snprintf(text, sizeof(text), "term-%d", i);
        r = terms_add(&terms, text, &again);
    }
    cr_assert_eq(r, TERMS_FULL);
    arena_deinit(&arena);
}
