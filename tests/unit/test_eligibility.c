#include "financing/eligibility.h"

#include "base/annotate.h"
#include "financing/cities.h"
#include "financing/offers.h"
#include "financing/rates.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(eligibility, .fini = test_ends_without_leaks);

#define FRANCE ((uint16_t)('F' & 0x1F) | (uint16_t)('R' & 0x1F) << 5)
#define BELGIUM ((uint16_t)('B' & 0x1F) | (uint16_t)('E' & 0x1F) << 5)
#define NOW 1000

static const uint16_t IN_FRANCE[] = {FRANCE}, IN_BOTH[] = {BELGIUM, FRANCE};
static const struct rate RATES[] = {{{"SEK"}, 1148200000}, {{"GBP"}, 84210000}};

static struct offer offer(void)
{
    return (struct offer){.id = "1",
                          .slug = "an-offer",
                          .minimum_age = -1,
                          .maximum_age = -1,
                          .minimum_units = -1,
                          .maximum_units = -1};
}

static struct profile profile(void)
{
    return (struct profile){
        .age = -1, .amount_units = -1, .rates = RATES, .rate_count = 2, .now = NOW};
}

static struct finding found(const struct offer *offer, const struct profile *profile,
                            enum criterion criterion)
{
    struct evaluation evaluation;

    cr_assert(eligibility_evaluate(offer, profile, &evaluation));
    return evaluation.findings[criterion];
}

static void expect(const struct offer *offer, const struct profile *profile,
                   enum criterion criterion, enum verdict verdict, enum reason reason,
                   const char *why)
{
    const struct finding finding = found(offer, profile, criterion);

    cr_expect(finding.verdict == verdict && finding.reason == reason, "%s: %s, %s", why,
              verdict_name(finding.verdict), reason_name(finding.reason));
}

Test(eligibility, of_a_list_of_codes_one_that_is_shared_is_enough)
{
    static const struct {
        uint64_t stated, told;
        bool open_to_all;
        enum verdict verdict;
        enum reason reason;
        const char *why;
    } ROWS[] = {
        {0x6, 0x2, false, VERDICT_YES, REASON_MET, "one of two"},
        {0x6, 0x9, false, VERDICT_NO, REASON_NOT_MET, "none of them"},
        {0x6, 0, false, VERDICT_UNKNOWN, REASON_NOT_TOLD, "the profile says nothing"},
        {0, 0x9, false, VERDICT_UNKNOWN, REASON_NOT_STATED, "silence is not permission"},
        {0, 0, false, VERDICT_UNKNOWN, REASON_NONE, "nobody speaks of it"},
        {0, 0, true, VERDICT_YES, REASON_OPEN_TO_ALL, "the offer says so itself"},
        {0x6, 0x9, true, VERDICT_YES, REASON_OPEN_TO_ALL, "whom it names, it names beside all"},
        {UINT64_C(1) << 63, UINT64_C(1) << 63, false, VERDICT_YES, REASON_MET, "the last bit"},
    };
    static const enum criterion SETS[] = {
        CRITERION_TARGET_GROUPS, CRITERION_GENDER, CRITERION_RESIDENCE_STATUS, CRITERION_LEGAL_FORM,
        CRITERION_STAGE,         CRITERION_SECTOR, CRITERION_PURPOSE};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        for (size_t j = 0; j < ARRAY_LENGTH(SETS); j++) {
            struct offer of = offer();
            struct profile who = profile();

            of.sets[SETS[j]] = ROWS[i].stated;
            who.sets[SETS[j]] = ROWS[i].told;
            of.open_to_all = ROWS[i].open_to_all ? 1u << SETS[j] : 0;
            /* Who is silent about gender has no condition there. */
            expect(&of, &who, SETS[j], ROWS[i].verdict,
                   SETS[j] == CRITERION_GENDER && ROWS[i].reason == REASON_NOT_STATED
                       ? REASON_NONE
                       : ROWS[i].reason,
                   ROWS[i].why);
        }
}

Test(eligibility, what_may_be_so_without_being_told_is_left_open)
{
    struct offer of = offer();
    struct profile who = profile();

    of.sets[CRITERION_TARGET_GROUPS] = 0x6;
    who.sets[CRITERION_TARGET_GROUPS] = 0x1;
    who.open[CRITERION_TARGET_GROUPS] = 0x8;
    expect(&of, &who, CRITERION_TARGET_GROUPS, VERDICT_NO, REASON_NOT_MET, "another is open");
    who.open[CRITERION_TARGET_GROUPS] = 0x4;
    expect(&of, &who, CRITERION_TARGET_GROUPS, VERDICT_UNKNOWN, REASON_NOT_TOLD, "this is open");
    who.sets[CRITERION_TARGET_GROUPS] = 0x2;
    expect(&of, &who, CRITERION_TARGET_GROUPS, VERDICT_YES, REASON_MET, "one is told");
    who.sets[CRITERION_TARGET_GROUPS] = 0;
    of.of_any = 1u << CRITERION_TARGET_GROUPS;
    expect(&of, &who, CRITERION_TARGET_GROUPS, VERDICT_YES, REASON_MET, "for everybody");
}

Test(eligibility, an_age_lies_within_the_bounds_that_are_stated_both_included)
{
    static const struct {
        int least, most, age;
        enum verdict verdict;
        enum reason reason;
    } ROWS[] = {
        {18, 30, 17, VERDICT_NO, REASON_NOT_MET},
        {18, 30, 18, VERDICT_YES, REASON_MET},
        {18, 30, 30, VERDICT_YES, REASON_MET},
        {18, 30, 31, VERDICT_NO, REASON_NOT_MET},
        {50, -1, 80, VERDICT_YES, REASON_MET},
        {-1, 25, 0, VERDICT_YES, REASON_MET},
        {18, 30, -1, VERDICT_UNKNOWN, REASON_NOT_TOLD},
        {-1, -1, 18, VERDICT_UNKNOWN, REASON_NOT_STATED},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct offer of = offer();
        struct profile who = profile();

        of.minimum_age = ROWS[i].least;
        of.maximum_age = ROWS[i].most;
        who.age = ROWS[i].age;
        expect(&of, &who, CRITERION_AGE, ROWS[i].verdict, ROWS[i].reason, "age");
    }
}

Test(eligibility, a_sum_is_held_against_the_offer_in_its_currency)
{
    static const struct {
        int64_t least, most, asked;
        struct currency in, asked_in;
        enum verdict verdict;
        enum reason reason;
        const char *why;
    } ROWS[] = {
        {100000, 500000, 300000, {"EUR"}, {"EUR"}, VERDICT_YES, REASON_MET, "within"},
        {100000, 500000, 99999, {"EUR"}, {"EUR"}, VERDICT_NO, REASON_BELOW_MINIMUM, "too little"},
        {100000, 500000, 500001, {"EUR"}, {"EUR"}, VERDICT_UNKNOWN, REASON_ABOVE_MAXIMUM, "a part"},
        {100000, -1, 300000, {"EUR"}, {"EUR"}, VERDICT_UNKNOWN, REASON_NO_MAXIMUM, "how much?"},
        {-1, 500000, 1, {"EUR"}, {"EUR"}, VERDICT_YES, REASON_MET, "one bound"},
        {-1, 500000, 5741000, {"EUR"}, {"SEK"}, VERDICT_YES, REASON_MET, "just within"},
        {-1, 500000, 5741100, {"EUR"}, {"SEK"}, VERDICT_UNKNOWN, REASON_ABOVE_MAXIMUM, "above"},
        {-1, 500000, 40000, {"SEK"}, {"GBP"}, VERDICT_UNKNOWN, REASON_ABOVE_MAXIMUM, "by the euro"},
        {-1, 500000, 1, {"EUR"}, {"CHF"}, VERDICT_UNKNOWN, REASON_NO_RATE, "not wrong, unknown"},
        {-1, 500000, 1, {"CHF"}, {"EUR"}, VERDICT_UNKNOWN, REASON_NO_RATE, "either way"},
        {-1, 500000, 1, {"CHF"}, {"CHF"}, VERDICT_YES, REASON_MET, "the same needs no rate"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct offer of = offer();
        struct profile who = profile();

        of.minimum_units = ROWS[i].least;
        of.maximum_units = ROWS[i].most;
        of.currency = ROWS[i].in;
        who.amount_units = ROWS[i].asked;
        who.currency = ROWS[i].asked_in;
        expect(&of, &who, CRITERION_AMOUNT, ROWS[i].verdict, ROWS[i].reason, ROWS[i].why);
    }
}

Test(eligibility, half_a_cent_goes_to_the_even_one_and_what_does_not_fit_is_unknown)
{
    static const struct rate EVEN[] = {{{"SEK"}, 200000000}};
    static const struct currency EURO = {"EUR"}, SEK = {"SEK"};
    int64_t units;

    cr_assert(eligibility_convert(EVEN, 1, 1, &SEK, &EURO, &units));
    cr_assert_eq(units, 0);
    cr_assert(eligibility_convert(EVEN, 1, 3, &SEK, &EURO, &units));
    cr_assert_eq(units, 2);
    cr_assert(eligibility_convert(EVEN, 1, INT64_MAX, &SEK, &EURO, &units));
    cr_assert_eq(units, INT64_MAX / 2 + 1);
    cr_assert_not(eligibility_convert(EVEN, 1, INT64_MAX, &EURO, &SEK, &units));
}

Test(eligibility, a_sum_has_the_decimals_of_its_currency)
{
    static const struct rate AT[] = {{{"JPY"}, 16000000000}, {{"KWD"}, 33300000}};
    static const struct currency EURO = {"EUR"}, YEN = {"JPY"}, DINAR = {"KWD"};
    int64_t units;

    cr_assert(eligibility_convert(AT, 2, 1003, &EURO, &YEN, &units));
    cr_assert_eq(units, 1605, "10.03 euros are 1604.8 yen");
    cr_assert(eligibility_convert(AT, 2, 1605, &YEN, &EURO, &units));
    cr_assert_eq(units, 1003);
    cr_assert(eligibility_convert(AT, 2, 10000, &EURO, &DINAR, &units));
    cr_assert_eq(units, 33300);
    cr_assert(eligibility_convert(AT, 2, 33300, &DINAR, &YEN, &units));
    cr_assert_eq(units, 16000);
    cr_assert(eligibility_convert(AT, 2, 1000000000000000, &YEN, &DINAR, &units));
    cr_assert_eq(units, 2081250000000000);
}

Test(eligibility, a_place_a_law_and_a_legal_form_have_reasons_of_their_own)
{
    struct offer of = offer();
    struct profile who = profile();

    of.countries = IN_BOTH;
    of.country_count = 2;
    expect(&of, &who, CRITERION_COUNTRY, VERDICT_UNKNOWN, REASON_NOT_TOLD, "country");
    who.country = FRANCE;
    expect(&of, &who, CRITERION_COUNTRY, VERDICT_YES, REASON_MET, "one of two countries");
    of.countries = IN_FRANCE;
    of.country_count = 1;
    who.country = BELGIUM;
    expect(&of, &who, CRITERION_COUNTRY, VERDICT_NO, REASON_NOT_MET, "another country");

    of.sets[CRITERION_LEGAL_FORM] = 1;
    who.is_unfounded = true;
    expect(&of, &who, CRITERION_LEGAL_FORM, VERDICT_UNKNOWN, REASON_TO_BE_FOUNDED, "not yet");

    expect(&of, &who, CRITERION_LEGAL_BASIS, VERDICT_UNKNOWN, REASON_NONE, "no law");
    of.has_law = true;
    expect(&of, &who, CRITERION_LEGAL_BASIS, VERDICT_UNKNOWN, REASON_LAW_REACH_UNKNOWN, "EU");
    of.law_country = FRANCE;
    expect(&of, &who, CRITERION_LEGAL_BASIS, VERDICT_NO, REASON_LAW_ELSEWHERE, "of France");
    of.law_country = BELGIUM;
    expect(&of, &who, CRITERION_LEGAL_BASIS, VERDICT_YES, REASON_LAW_HOLDS, "of Belgium");
    of.in_words = 1u << CRITERION_RESIDENCE_STATUS;
    expect(&of, &who, CRITERION_RESIDENCE_STATUS, VERDICT_UNKNOWN, REASON_IN_WORDS, "in words");
}

Test(eligibility, a_city_is_another_one_only_where_it_lies_elsewhere)
{
    struct offer of = offer();
    struct profile who = profile();

    of.city = city_of("Liège");
    expect(&of, &who, CRITERION_CITY, VERDICT_UNKNOWN, REASON_NOT_TOLD, "not told");
    who.city = city_of("Luik");
    expect(&of, &who, CRITERION_CITY, VERDICT_YES, REASON_MET, "in Dutch");
    who.city = city_of("LIEGE ");
    expect(&of, &who, CRITERION_CITY, VERDICT_YES, REASON_MET, "without its accent");
    who.city = city_of("Seraing");
    expect(&of, &who, CRITERION_CITY, VERDICT_UNKNOWN, REASON_CITY_NOT_KNOWN, "where is it?");
    who.spots[0] = (struct spot){50.5987, 5.5106, 0.6347};
    who.spot_count = 1;
    expect(&of, &who, CRITERION_CITY, VERDICT_UNKNOWN, REASON_CITY_NOT_KNOWN, "where is this?");
    of.is_placed = true;
    of.latitude = 50.633;
    of.longitude = 5.58;
    expect(&of, &who, CRITERION_CITY, VERDICT_UNKNOWN, REASON_CITY_NEARBY, "six kilometres");
    who.spots[0] = (struct spot){50.847, 4.352, 0.6314};
    expect(&of, &who, CRITERION_CITY, VERDICT_NO, REASON_NOT_MET, "ninety");
    who.spots[1] = (struct spot){50.64, -354.43, 0.6342};
    who.spot_count = 2;
    expect(&of, &who, CRITERION_CITY, VERDICT_UNKNOWN, REASON_CITY_NEARBY, "one of two");
}

Test(eligibility, what_is_said_in_words_is_never_taken_for_fulfilled)
{
    struct evaluation evaluation;
    struct offer of = offer();
    struct profile who = profile();

    who.country = BELGIUM;
    who.sets[CRITERION_SECTOR] = 0x2;
    of.in_words = 1u << CRITERION_SECTOR | 1u << CRITERION_LEGAL_BASIS;
    of.countries = IN_BOTH;
    of.country_count = 2;
    cr_assert(eligibility_evaluate(&of, &who, &evaluation));
    cr_assert_eq(evaluation.as_stated, VERDICT_UNKNOWN);
    expect(&of, &who, CRITERION_SECTOR, VERDICT_UNKNOWN, REASON_IN_WORDS, "themes alone");
    of.sets[CRITERION_SECTOR] = 0x6;
    expect(&of, &who, CRITERION_SECTOR, VERDICT_UNKNOWN, REASON_IN_WORDS, "themes as well");
    of.sets[CRITERION_SECTOR] = 0x4;
    expect(&of, &who, CRITERION_SECTOR, VERDICT_NO, REASON_NOT_MET, "another sector");
    expect(&of, &who, CRITERION_LEGAL_BASIS, VERDICT_UNKNOWN, REASON_IN_WORDS, "a condition");
    of.has_law = true;
    of.law_country = BELGIUM;
    expect(&of, &who, CRITERION_LEGAL_BASIS, VERDICT_UNKNOWN, REASON_IN_WORDS, "and a law");
    of.law_country = FRANCE;
    expect(&of, &who, CRITERION_LEGAL_BASIS, VERDICT_NO, REASON_LAW_ELSEWHERE, "elsewhere");
}

Test(eligibility, an_offer_can_say_of_every_criterion_that_it_is_open_to_all)
{
    struct profile who = profile();

    for (int i = 0; i < CRITERION_COUNT; i++) {
        struct offer of = offer();

        of.open_to_all = 1u << i;
        expect(&of, &who, (enum criterion)i, VERDICT_YES, REASON_OPEN_TO_ALL,
               criterion_name((enum criterion)i));
    }
}

Test(eligibility, an_offer_is_what_its_dates_make_of_it_at_the_moment)
{
    static const struct offer_moment MOMENTS[] = {{INT64_MIN, 500, OFFER_UPCOMING, 1500},
                                                  {500, 1500, OFFER_OPEN, 1500},
                                                  {1500, INT64_MAX, OFFER_CLOSED, INT64_MAX}};
    struct evaluation evaluation;
    struct offer of = offer();
    struct profile who = profile();

    of.moments = MOMENTS;
    of.moment_count = 3;
    expect(&of, &who, CRITERION_OPEN, VERDICT_YES, REASON_MET, "open");
    who.now = 499;
    expect(&of, &who, CRITERION_OPEN, VERDICT_YES, REASON_OPENS_LATER, "upcoming");
    who.now = 1500;
    cr_assert_not(eligibility_evaluate(&of, &who, &evaluation), "closed for good");
    of.recurs = true;
    expect(&of, &who, CRITERION_OPEN, VERDICT_UNKNOWN, REASON_CLOSED_RECURS, "comes again");
    of.moment_count = 0;
    expect(&of, &who, CRITERION_OPEN, VERDICT_UNKNOWN, REASON_NOT_STATED, "no dates");
}

Test(eligibility, one_no_decides_and_one_unknown_leaves_open)
{
    struct evaluation evaluation;
    struct offer of = offer();
    struct profile who = profile();

    of.open_to_all = 1u << CRITERION_TARGET_GROUPS;
    cr_assert(eligibility_evaluate(&of, &who, &evaluation));
    cr_assert_eq(evaluation.verdict, VERDICT_UNKNOWN, "whether it is open is not stated");
    cr_assert_eq(evaluation.as_stated, VERDICT_YES);
    of.minimum_age = 18;
    cr_assert(eligibility_evaluate(&of, &who, &evaluation));
    cr_assert_eq(evaluation.as_stated, VERDICT_UNKNOWN);
    cr_assert_eq(evaluation.not_told, 1);
    who.age = 17;
    cr_assert(eligibility_evaluate(&of, &who, &evaluation));
    cr_assert_eq(evaluation.verdict, VERDICT_NO);
    cr_assert_eq(evaluation.as_stated, VERDICT_NO);
}

Test(eligibility, the_order_is_that_of_the_contract)
{
    struct offer offers[6];
    /* Each comes before the next for one reason alone. */
    struct evaluation in_order[] = {
        {.verdict = VERDICT_YES, .as_stated = VERDICT_YES},
        {.verdict = VERDICT_UNKNOWN, .as_stated = VERDICT_YES, .met = 1},
        {.verdict = VERDICT_UNKNOWN, .as_stated = VERDICT_UNKNOWN, .met = 5},
        {.verdict = VERDICT_UNKNOWN,
         .as_stated = VERDICT_UNKNOWN,
         .met = 4,
         .not_told = 1,
         .closes_at = 10},
        {.verdict = VERDICT_UNKNOWN,
         .as_stated = VERDICT_UNKNOWN,
         .met = 4,
         .not_told = 1,
         .closes_at = 20},
        {.verdict = VERDICT_UNKNOWN,
         .as_stated = VERDICT_UNKNOWN,
         .met = 4,
         .not_told = 1,
         .closes_at = 20},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(in_order); i++) {
        offers[i] = offer();
        offers[i].slug = i == 5 ? "b" : "a";
        in_order[i].offer = &offers[i];
    }
    for (size_t i = 0; i + 1 < ARRAY_LENGTH(in_order); i++) {
        cr_expect_lt(eligibility_compare(&in_order[i], &in_order[i + 1]), 0, "%zu", i);
        cr_expect_gt(eligibility_compare(&in_order[i + 1], &in_order[i]), 0, "%zu", i);
    }
}

/* How alike, by the only other one; and why. */
static unsigned likeness(const struct offer *one, const struct offer *other, unsigned *reasons)
{
    struct alike best[ALIKE_MAX];
    struct traits traits;

    eligibility_traits(other, &traits);
    if (eligibility_alike(one, &traits, 1, best) == 0)
        return 0;
    cr_assert_eq(best[0].offer, other);
    *reasons = best[0].reasons;
    return best[0].points;
}

Test(eligibility, what_is_alike_is_elsewhere_and_shares_something)
{
    struct offer one = offer(), other = offer();
    unsigned reasons;

    one.instrument = other.instrument = 3;
    cr_assert_eq(likeness(&one, &other, &reasons), 0, "wherever");
    one.countries = other.countries = IN_FRANCE;
    one.country_count = 1;
    cr_assert_eq(likeness(&one, &other, &reasons), 2, "in France and wherever");
    other.country_count = 1;
    cr_assert_eq(likeness(&one, &other, &reasons), 0, "the same place");
    other.city = 7;
    cr_assert_eq(likeness(&one, &other, &reasons), 2);
    cr_assert_eq(reasons, LIKE_INSTRUMENT);
    one.sets[CRITERION_TARGET_GROUPS] = 0x7;
    other.sets[CRITERION_TARGET_GROUPS] = 0x6;
    other.instrument = 4;
    cr_assert_eq(likeness(&one, &other, &reasons), 2);
    cr_assert_eq(reasons, LIKE_TARGET_GROUPS);
    one.sets[CRITERION_STAGE] = other.sets[CRITERION_STAGE] = UINT64_C(1) << 63;
    one.sets[CRITERION_PURPOSE] = other.sets[CRITERION_PURPOSE] = 0x1;
    other.sets[CRITERION_SECTOR] = 0x1;
    cr_assert_eq(likeness(&one, &other, &reasons), 4);
    cr_assert_eq(reasons, LIKE_TARGET_GROUPS | LIKE_STAGE | LIKE_PURPOSE);
    cr_assert_eq(likeness(&one, &one, &reasons), 0);
}

Test(eligibility, of_many_that_are_alike_the_most_alike_come_first)
{
    static const uint64_t GROUPS[] = {0x1, 0x3, 0x0, 0x7, 0x3, 0x1, 0x3, 0xF};
    static const size_t ORDER[] = {3, 7, 1};
    struct offer offers[ARRAY_LENGTH(GROUPS)], one = offer();
    struct traits traits[ARRAY_LENGTH(GROUPS)];
    struct alike best[ALIKE_MAX];

    one.instrument = 1;
    one.sets[CRITERION_TARGET_GROUPS] = 0x7;
    for (size_t i = 0; i < ARRAY_LENGTH(GROUPS); i++) {
        offers[i] = offer();
        offers[i].city = i + 1;
        offers[i].sets[CRITERION_TARGET_GROUPS] = GROUPS[i];
        eligibility_traits(&offers[i], &traits[i]);
    }
    cr_assert_eq(eligibility_alike(&one, traits, ARRAY_LENGTH(GROUPS), best), ALIKE_MAX);
    for (size_t i = 0; i < ALIKE_MAX; i++)
        cr_expect_eq(best[i].offer, &offers[ORDER[i]], "%zu", i);
    cr_assert_eq(eligibility_alike(&one, traits, 1, best), 1);
    cr_assert_eq(eligibility_alike(&one, &traits[2], 1, best), 0);
}

Test(eligibility, every_reason_and_question_has_words_in_both_languages)
{
    for (int i = 0; i < CRITERION_COUNT; i++)
        for (int french = 0; french < 2; french++) {
            for (int j = 1; j < REASON_COUNT; j++)
                cr_assert_neq(reason_words((enum criterion)i, (enum reason)j, french)[0], '\0');
            if (i != CRITERION_OPEN)
                cr_assert_neq(criterion_question((enum criterion)i, french)[0], '\0');
        }
}

Test(eligibility, sums_and_rates_are_read_without_a_floating_point)
{
    static const struct {
        const char *text;
        int64_t units;
        unsigned decimals;
    } SUMS[] = {{"0", 0, 2},
                {"1388.40", 138840, 2},
                {"7.5", 750, 2},
                {"0.005", 0, 2},
                {"0.015", 2, 2},
                {"0.0051", 1, 2},
                {"0.0250", 2, 2},
                {"999999999999999.9999", 100000000000000000, 2},
                {"99999999999999999999", -1, 2},
                {"0.5", 0, 0},
                {"1.5", 2, 0},
                {"1200", 1200, 0},
                {"1.2345", 1234, 3},
                {"999999999999999.9999", 1000000000000000000, 3}};
    static const struct {
        const char *text;
        int64_t rate;
    } RATES_READ[] = {{"1", 100000000}, {"11.4820", 1148200000}, {"0.000000001", 0}, {"-1", 0},
                      {"1e3", 0},       {"99999999999999", 0}};

    for (size_t i = 0; i < ARRAY_LENGTH(SUMS); i++)
        cr_expect_eq(offers_units(SUMS[i].text, strlen(SUMS[i].text), SUMS[i].decimals),
                     SUMS[i].units, "%s", SUMS[i].text);
    for (size_t i = 0; i < ARRAY_LENGTH(RATES_READ); i++)
        cr_expect_eq(rates_parse(RATES_READ[i].text), RATES_READ[i].rate, "%s", RATES_READ[i].text);
}

Test(eligibility, a_city_is_known_whatever_its_case_and_accents)
{
    static const char *const SAME[][2] = {{"Liège", "LIEGE"},
                                          {"Saint-Étienne", "saint etienne"},
                                          {"Łódź", "lodz"},
                                          {" Malmö ", "malmo"},
                                          {"København", "kobenhavn"},
                                          {"Bruxelles", "Brussel"},
                                          {"BRUSSELS", "Bruxelles-Capitale"},
                                          {"Wien", "Vienna"},
                                          {"Αθήνα", "Athens"},
                                          {"Genève", "Genf"}};

    for (size_t i = 0; i < ARRAY_LENGTH(SAME); i++)
        cr_expect_eq(city_of(SAME[i][0]), city_of(SAME[i][1]), "%s", SAME[i][0]);
    cr_assert_neq(city_of("Αθήνα"), city_of("Афины"));
    cr_assert_neq(city_of("Lyon"), city_of("Lyons"));
    cr_assert_neq(city_of("Wien"), city_of("Vienne"));
}
