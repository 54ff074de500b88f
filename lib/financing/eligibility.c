#include "financing/eligibility.h"

#include "financing/schedule.h"

#include <string.h>

#define RATE_ONE 100000000 /* of struct rate */
#define NEAR_DEGREES 0.18  /* of latitude: 20 kilometres */

static struct finding found(enum verdict verdict, enum reason reason)
{
    return (struct finding){verdict, reason};
}

static struct finding met(bool is_met)
{
    return is_met ? found(VERDICT_YES, REASON_MET) : found(VERDICT_NO, REASON_NOT_MET);
}

static bool is_open_to_all(const struct offer *offer, enum criterion criterion)
{
    return (offer->open_to_all >> criterion & 1) != 0;
}

static bool is_in_words(const struct offer *offer, enum criterion criterion)
{
    return (offer->in_words >> criterion & 1) != 0;
}

/*
 * What is the same for all criteria: one side, or both, says nothing.
 * Return: true: there is nothing more to judge.
 */
static bool is_settled(const struct offer *offer, enum criterion criterion, bool stated, bool told,
                       struct finding *finding)
{
    if (is_open_to_all(offer, criterion))
        *finding = found(VERDICT_YES, REASON_OPEN_TO_ALL);
    else if (stated && told)
        return false;
    else if (stated)
        *finding = found(VERDICT_UNKNOWN, REASON_NOT_TOLD);
    else if (told)
        *finding = found(VERDICT_UNKNOWN, REASON_NOT_STATED);
    else
        *finding = found(VERDICT_UNKNOWN, REASON_NONE);
    return true;
}

static bool is_among(const uint16_t *codes, size_t count, uint16_t code)
{
    for (size_t i = 0; i < count; i++)
        if (codes[i] == code)
            return true;
    return false;
}

static const struct offer_moment *moment_at(const struct offer *offer, int64_t now)
{
    for (size_t i = 0; i < offer->moment_count; i++)
        if (offer->moments[i].from <= now && now < offer->moments[i].until)
            return &offer->moments[i];
    return NULL;
}

/* Dates go before what the offer says of itself. */
static struct finding judge_open(const struct offer *offer, enum offer_status status)
{
    switch (status) {
    case OFFER_OPEN:
        return found(VERDICT_YES, REASON_MET);
    case OFFER_UPCOMING:
        return found(VERDICT_YES, REASON_OPENS_LATER);
    case OFFER_CLOSED:
        return offer->recurs ? found(VERDICT_UNKNOWN, REASON_CLOSED_RECURS)
                             : found(VERDICT_NO, REASON_NOT_MET);
    case OFFER_STATUS_UNKNOWN:
        break;
    }
    return is_open_to_all(offer, CRITERION_OPEN) ? found(VERDICT_YES, REASON_OPEN_TO_ALL)
                                                 : found(VERDICT_UNKNOWN, REASON_NOT_STATED);
}

static struct finding judge_country(const struct offer *offer, const struct profile *profile)
{
    struct finding finding;

    if (is_settled(offer, CRITERION_COUNTRY, offer->country_count > 0, profile->country != 0,
                   &finding))
        return finding;
    return met(is_among(offer->countries, offer->country_count, profile->country));
}

/* As the crow flies, on a map that is true around the spot: nothing else counts here. */
static bool is_near(const struct offer *offer, const struct spot *spot)
{
    const double north = offer->latitude - spot->latitude;
    double east = offer->longitude - spot->longitude;

    if (east > 180)
        east -= 360;
    else if (east < -180)
        east += 360;
    east *= spot->narrowing;
    return north * north + east * east <= NEAR_DEGREES * NEAR_DEGREES;
}

/*
 * Two names may be one city: it is another one only where it lies elsewhere. What lies near may be
 * a neighbour, or the same.
 */
static struct finding judge_city(const struct offer *offer, const struct profile *profile)
{
    struct finding finding;

    if (is_settled(offer, CRITERION_CITY, offer->city != 0, profile->city != 0, &finding))
        return finding;
    if (profile->city == offer->city)
        return found(VERDICT_YES, REASON_MET);
    if (!offer->is_placed || profile->spot_count == 0)
        return found(VERDICT_UNKNOWN, REASON_CITY_NOT_KNOWN);
    for (size_t i = 0; i < profile->spot_count; i++)
        if (is_near(offer, &profile->spots[i]))
            return found(VERDICT_UNKNOWN, REASON_CITY_NEARBY);
    return found(VERDICT_NO, REASON_NOT_MET);
}

static struct finding judge_set(const struct offer *offer, const struct profile *profile,
                                enum criterion criterion)
{
    const uint64_t stated = offer->sets[criterion], told = profile->sets[criterion];
    struct finding finding;

    if (stated == 0 && is_in_words(offer, criterion))
        return found(VERDICT_UNKNOWN, REASON_IN_WORDS);
    if ((offer->of_any >> criterion & 1) != 0)
        return found(VERDICT_YES, REASON_MET);
    if (is_settled(offer, criterion, stated != 0, told != 0, &finding))
        return finding;
    if ((stated & told) == 0 && (stated & profile->open[criterion]) != 0)
        return found(VERDICT_UNKNOWN, REASON_NOT_TOLD);
    return met((stated & told) != 0);
}

/* What some may have only is stated, so silence of the offer leaves nothing open. */
static struct finding judge_gender(const struct offer *offer, const struct profile *profile)
{
    const struct finding finding = judge_set(offer, profile, CRITERION_GENDER);

    return finding.reason == REASON_NOT_STATED ? found(VERDICT_UNKNOWN, REASON_NONE) : finding;
}

/* Themes in words narrow what the codes say: they are another condition. */
static struct finding judge_sector(const struct offer *offer, const struct profile *profile)
{
    const struct finding finding = judge_set(offer, profile, CRITERION_SECTOR);

    return finding.verdict == VERDICT_YES && is_in_words(offer, CRITERION_SECTOR)
               ? found(VERDICT_UNKNOWN, REASON_IN_WORDS)
               : finding;
}

static struct finding judge_legal_form(const struct offer *offer, const struct profile *profile)
{
    const bool stated = offer->sets[CRITERION_LEGAL_FORM] != 0;
    struct finding finding;

    if (!profile->is_unfounded)
        return judge_set(offer, profile, CRITERION_LEGAL_FORM);
    if (is_settled(offer, CRITERION_LEGAL_FORM, stated, true, &finding))
        return finding;
    return found(VERDICT_UNKNOWN, REASON_TO_BE_FOUNDED);
}

/* One bound is a whole statement: who sets a lowest age and no highest has said what counts. */
static struct finding judge_age(const struct offer *offer, const struct profile *profile)
{
    const bool stated = offer->minimum_age >= 0 || offer->maximum_age >= 0;
    struct finding finding;

    if (is_settled(offer, CRITERION_AGE, stated, profile->age >= 0, &finding))
        return finding;
    return met((offer->minimum_age < 0 || profile->age >= offer->minimum_age) &&
               (offer->maximum_age < 0 || profile->age <= offer->maximum_age));
}

static struct finding judge_amount(const struct offer *offer, const struct profile *profile)
{
    const bool stated = offer->minimum_units >= 0 || offer->maximum_units >= 0;
    struct finding finding;
    int64_t units;

    if (is_settled(offer, CRITERION_AMOUNT, stated, profile->amount_units >= 0, &finding))
        return finding;
    if (!eligibility_convert(profile->rates, profile->rate_count, profile->amount_units,
                             &profile->currency, &offer->currency, &units))
        return found(VERDICT_UNKNOWN, REASON_NO_RATE);
    if (offer->minimum_units >= 0 && units < offer->minimum_units)
        return found(VERDICT_NO, REASON_BELOW_MINIMUM);
    /* It may pay for a part: that is not for us to exclude. */
    if (offer->maximum_units >= 0 && units > offer->maximum_units)
        return found(VERDICT_UNKNOWN, REASON_ABOVE_MAXIMUM);
    if (offer->maximum_units < 0)
        return found(VERDICT_UNKNOWN, REASON_NO_MAXIMUM);
    return found(VERDICT_YES, REASON_MET);
}

static struct finding judge_languages(const struct offer *offer, const struct profile *profile)
{
    struct finding finding;
    bool any = false;

    if (is_settled(offer, CRITERION_LANGUAGES, offer->language_count > 0,
                   profile->language_count > 0, &finding))
        return finding;
    for (size_t i = 0; i < profile->language_count; i++)
        any = any || is_among(offer->languages, offer->language_count, profile->languages[i]);
    return met(any);
}

/* An offer that rests on a law is there only where the law holds. */
static struct finding judge_reach(const struct offer *offer, const struct profile *profile)
{
    if (is_open_to_all(offer, CRITERION_LEGAL_BASIS))
        return found(VERDICT_YES, REASON_OPEN_TO_ALL);
    if (!offer->has_law)
        return found(VERDICT_UNKNOWN, REASON_NONE);
    if (profile->country == 0)
        return found(VERDICT_UNKNOWN, REASON_NOT_TOLD);
    if (offer->law_country != 0)
        return offer->law_country == profile->country ? found(VERDICT_YES, REASON_LAW_HOLDS)
                                                      : found(VERDICT_NO, REASON_LAW_ELSEWHERE);
    /* A European act reaches no further than the states that took it over. */
    return found(VERDICT_UNKNOWN, REASON_LAW_REACH_UNKNOWN);
}

/* And what the law asks for is to be read where it is stated in words, where the law holds at all.
 */
static struct finding judge_law(const struct offer *offer, const struct profile *profile)
{
    const struct finding finding = judge_reach(offer, profile);

    return finding.verdict != VERDICT_NO && is_in_words(offer, CRITERION_LEGAL_BASIS)
               ? found(VERDICT_UNKNOWN, REASON_IN_WORDS)
               : finding;
}

static void sum_up(struct evaluation *evaluation)
{
    enum verdict all = VERDICT_YES, stated = VERDICT_YES;
    bool any = false;

    for (size_t i = 0; i < CRITERION_COUNT; i++) {
        const struct finding *finding = &evaluation->findings[i];

        if (finding->reason == REASON_NONE)
            continue;
        any = true;
        evaluation->met += finding->verdict == VERDICT_YES ? 1 : 0;
        evaluation->not_told += finding->reason == REASON_NOT_TOLD ? 1 : 0;
        evaluation->not_stated += finding->reason == REASON_NOT_STATED ? 1 : 0;
        if (finding->verdict < all)
            all = finding->verdict;
        if (finding->reason != REASON_NOT_STATED && finding->verdict < stated)
            stated = finding->verdict;
    }
    evaluation->verdict = any ? all : VERDICT_UNKNOWN;
    evaluation->as_stated = evaluation->met > 0 || stated == VERDICT_NO ? stated : VERDICT_UNKNOWN;
}

bool eligibility_evaluate(const struct offer *offer, const struct profile *profile,
                          struct evaluation *evaluation)
{
    static const enum criterion SETS[] = {CRITERION_TARGET_GROUPS, CRITERION_RESIDENCE_STATUS,
                                          CRITERION_STAGE, CRITERION_PURPOSE};
    const struct offer_moment *moment = moment_at(offer, profile->now);
    struct finding *findings = evaluation->findings;

    *evaluation = (struct evaluation){
        .offer = offer,
        .status = moment == NULL ? OFFER_STATUS_UNKNOWN : moment->status,
        .closes_at = moment == NULL ? INT64_MAX : moment->closes_at,
    };
    if (evaluation->status == OFFER_CLOSED && !offer->recurs)
        return false;
    findings[CRITERION_OPEN] = judge_open(offer, evaluation->status);
    findings[CRITERION_COUNTRY] = judge_country(offer, profile);
    findings[CRITERION_CITY] = judge_city(offer, profile);
    for (size_t i = 0; i < sizeof(SETS) / sizeof(SETS[0]); i++)
        findings[SETS[i]] = judge_set(offer, profile, SETS[i]);
    findings[CRITERION_GENDER] = judge_gender(offer, profile);
    findings[CRITERION_SECTOR] = judge_sector(offer, profile);
    findings[CRITERION_LEGAL_FORM] = judge_legal_form(offer, profile);
    findings[CRITERION_AGE] = judge_age(offer, profile);
    findings[CRITERION_AMOUNT] = judge_amount(offer, profile);
    findings[CRITERION_LANGUAGES] = judge_languages(offer, profile);
    findings[CRITERION_LEGAL_BASIS] = judge_law(offer, profile);
    sum_up(evaluation);
    return true;
}

/* --- order ------------------------------------------------------------------------------------ */

/* Below 0 when the left comes first. */
static int more_first(unsigned left, unsigned right)
{
    return (left < right) - (left > right);
}

int eligibility_compare(const void *left, const void *right)
{
    const struct evaluation *a = left, *b = right;
    int order = more_first(a->verdict, b->verdict);

    if (order == 0)
        order = more_first(a->as_stated, b->as_stated);
    if (order == 0)
        order = more_first(a->met, b->met);
    if (order == 0)
        order = more_first(b->not_told, a->not_told);
    if (order == 0)
        order = more_first(b->not_stated, a->not_stated);
    if (order == 0)
        order = (a->closes_at > b->closes_at) - (a->closes_at < b->closes_at);
    return order == 0 ? strcmp(a->offer->slug, b->offer->slug) : order;
}

static bool is_elsewhere(const struct offer *one, const struct offer *other)
{
    if (one->country_count == 0 && other->country_count == 0)
        return one->city != other->city;
    for (size_t i = 0; i < one->country_count; i++)
        if (is_among(other->countries, other->country_count, one->countries[i]))
            return one->city != other->city;
    return true;
}

static const enum criterion LIKE_SETS[LIKE_SET_COUNT] = {CRITERION_TARGET_GROUPS, CRITERION_STAGE,
                                                         CRITERION_SECTOR, CRITERION_PURPOSE};

void eligibility_traits(const struct offer *offer, struct traits *traits)
{
    *traits = (struct traits){.offer = offer, .instrument = offer->instrument};
    for (size_t i = 0; i < LIKE_SET_COUNT; i++)
        traits->sets[i] = offer->sets[LIKE_SETS[i]];
}

/* Most pairs share little: sets without anything in common are not counted. */
static unsigned points_of(const struct traits *one, const struct traits *other)
{
    unsigned points = one->instrument == other->instrument ? 2 : 0;

    for (size_t i = 0; i < LIKE_SET_COUNT; i++)
        for (uint64_t shared = one->sets[i] & other->sets[i]; shared != 0; shared &= shared - 1)
            points++;
    return points;
}

static unsigned reasons_of(const struct traits *one, const struct traits *other)
{
    unsigned reasons = one->instrument == other->instrument ? LIKE_INSTRUMENT : 0;

    for (unsigned i = 0; i < LIKE_SET_COUNT; i++)
        if ((one->sets[i] & other->sets[i]) != 0)
            reasons |= (unsigned)LIKE_TARGET_GROUPS << i;
    return reasons;
}

size_t eligibility_alike(const struct offer *offer, const struct traits *others, size_t count,
                         struct alike best[ALIKE_MAX])
{
    struct traits own;
    size_t found = 0;

    eligibility_traits(offer, &own);
    for (size_t i = 0; i < count; i++) {
        const unsigned points = points_of(&own, &others[i]);
        size_t place = found;

        if (points == 0 || (found == ALIKE_MAX && points <= best[found - 1].points) ||
            others[i].offer == offer || !is_elsewhere(offer, others[i].offer))
            continue;
        if (found < ALIKE_MAX)
            found++;
        else
            place--;
        for (; place > 0 && best[place - 1].points < points; place--)
            best[place] = best[place - 1];
        best[place] = (struct alike){
            .offer = others[i].offer, .points = points, .reasons = reasons_of(&own, &others[i])};
    }
    return found;
}

/* --- sums in other currencies ------------------------------------------------------------------
 */

static bool rate_of(const struct rate *rates, size_t count, const struct currency *currency,
                    int64_t *ret_rate)
{
    *ret_rate = RATE_ONE;
    if (strcmp(currency->code, "EUR") == 0)
        return true;
    for (size_t i = 0; i < count; i++)
        if (strcmp(rates[i].currency.code, currency->code) == 0) {
            *ret_rate = rates[i].per_euro;
            return true;
        }
    return false;
}

static int64_t power_of_ten(unsigned exponent)
{
    int64_t power = 1;

    while (exponent-- > 0)
        power *= 10;
    return power;
}

bool eligibility_convert(const struct rate *rates, size_t rate_count, int64_t units,
                         const struct currency *from, const struct currency *to, int64_t *ret_units)
{
    /* Sums have 18 digits, rates 19: their product fits into 128 bits alone. */
    __extension__ typedef __int128 wide;
    int64_t from_rate, to_rate;
    unsigned from_decimals, to_decimals;
    wide product, divisor, half;
    wide result, rest;

    if (strcmp(from->code, to->code) == 0) {
        *ret_units = units;
        return true;
    }
    if (!rate_of(rates, rate_count, from, &from_rate) || !rate_of(rates, rate_count, to, &to_rate))
        return false;
    from_decimals = money_decimals(from->code);
    to_decimals = money_decimals(to->code);
    product = (wide)units * to_rate;
    divisor = from_rate;
    if (to_decimals > from_decimals)
        product *= power_of_ten(to_decimals - from_decimals);
    else
        divisor *= power_of_ten(from_decimals - to_decimals);
    result = product / divisor;
    rest = product % divisor;
    half = rest * 2 - divisor;
    if (half > 0 || (half == 0 && result % 2 != 0))
        result++;
    if (result > INT64_MAX)
        return false;
    *ret_units = (int64_t)result;
    return true;
}
