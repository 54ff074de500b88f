#pragma once
/*
 * Eligibility
 *
 * Whether somebody may have an offer, criterion by criterion: yes, no or unknown, and why. Plain
 * structs and no clock, SQL or HTTP, so that ten thousand offers take a few milliseconds.
 *
 * What an offer does not state is not unrestricted: such a criterion is unknown, unless the offer
 * says itself that it is open to all in it. What the profile does not tell is unknown, too. Of a
 * criterion of which neither says anything there is no word in the answer; nor of gender where the
 * offer alone says nothing, because what only some may have is stated.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which they are shown; as EligibilityCriterion of the contract. */
enum criterion {
    CRITERION_OPEN,
    CRITERION_COUNTRY,
    CRITERION_CITY,
    CRITERION_TARGET_GROUPS,
    CRITERION_AGE,
    CRITERION_GENDER,
    CRITERION_RESIDENCE_STATUS,
    CRITERION_LEGAL_FORM,
    CRITERION_STAGE,
    CRITERION_SECTOR,
    CRITERION_PURPOSE,
    CRITERION_AMOUNT,
    CRITERION_LANGUAGES,
    CRITERION_LEGAL_BASIS
};
#define CRITERION_COUNT 14

enum verdict { VERDICT_NO, VERDICT_UNKNOWN, VERDICT_YES };

enum reason {
    REASON_NONE, /* neither told nor stated: not shown */
    REASON_MET,
    REASON_NOT_MET,
    REASON_NOT_TOLD,
    REASON_NOT_STATED,
    REASON_OPEN_TO_ALL,
    REASON_OPENS_LATER,
    REASON_CLOSED_RECURS,
    REASON_CITY_NOT_KNOWN,
    REASON_CITY_NEARBY,
    REASON_TO_BE_FOUNDED,
    REASON_BELOW_MINIMUM,
    REASON_ABOVE_MAXIMUM,
    REASON_NO_MAXIMUM,
    REASON_NO_RATE,
    REASON_LAW_ELSEWHERE,
    REASON_LAW_HOLDS,
    REASON_LAW_REACH_UNKNOWN,
    REASON_IN_WORDS
};
#define REASON_COUNT 19

enum offer_status { OFFER_STATUS_UNKNOWN, OFFER_UPCOMING, OFFER_OPEN, OFFER_CLOSED };

/* A span of time; seconds since 1970. */
struct offer_moment {
    int64_t from, until;
    enum offer_status status;
    int64_t closes_at; /* INT64_MAX: no deadline */
};

/* "EUR"; empty: none. */
struct currency {
    char code[4];
};

/*
 * An offer as far as it counts here. Sets are bits by the place of a code in its enumeration in the
 * contract; 0 states nothing. Borrowed members belong to who made it.
 */
struct offer {
    const char *id, *slug;
    uint64_t sets[CRITERION_COUNT];
    uint32_t open_to_all;      /* bits by criterion */
    uint32_t of_any;           /* the same: stated, and fulfilled by everybody */
    uint32_t in_words;         /* the same: stated in words */
    const uint16_t *countries; /* codes as offers_two_letters() packs them */
    size_t country_count;
    const uint16_t *languages; /* the same of primary subtags */
    size_t language_count;
    uint64_t city; /* as cities.h has it; 0: none */
    bool is_placed;
    double latitude, longitude;           /* in degrees, when it is placed */
    int minimum_age, maximum_age;         /* -1: not stated */
    int64_t minimum_units, maximum_units; /* of the currency, minor; -1: not stated */
    struct currency currency;
    bool recurs;
    bool has_law;
    uint16_t law_country; /* 0: not of one country */
    unsigned instrument;  /* place in its enumeration */
    const struct offer_moment *moments;
    size_t moment_count;
};

/* So many of the currency are one euro, in hundred-millionths. */
struct rate {
    struct currency currency;
    int64_t per_euro;
};

/* Where a city of the name that was told lies. */
struct spot {
    double latitude, longitude;
    double narrowing; /* of a degree of longitude there: the cosine of the latitude */
};
#define SPOTS_MAX 8 /* cities of one name */

struct profile {
    uint16_t country;
    uint64_t city; /* 0: not told */
    struct spot spots[SPOTS_MAX];
    size_t spot_count; /* 0: it is not known where it lies */
    uint64_t sets[CRITERION_COUNT];
    uint64_t open[CRITERION_COUNT]; /* codes that may be hers, too, without being told */
    bool is_unfounded;              /* legal form: not yet */
    int age;                        /* -1: not told */
    int64_t amount_units;           /* -1: not told */
    struct currency currency;
    const uint16_t *languages;
    size_t language_count;
    const struct rate *rates; /* borrowed; without the euro */
    size_t rate_count;
    int64_t now;
};

struct finding {
    enum verdict verdict;
    enum reason reason;
};

struct evaluation {
    const struct offer *offer;
    struct finding findings[CRITERION_COUNT];
    enum verdict verdict;   /* of all criteria together */
    enum verdict as_stated; /* of those alone that the offer states */
    enum offer_status status;
    int64_t closes_at;
    unsigned met, not_told, not_stated;
};

/* Return: false: the offer is closed and does not come again, so nobody may have it. */
bool eligibility_evaluate(const struct offer *offer, const struct profile *profile,
                          struct evaluation *ret_evaluation);

/*
 * eligibility_compare() - the order of the answer, for qsort()
 *
 * Yes before unknown before no; within that, by what the offer states; then most criteria met,
 * fewest that only the profile leaves open, fewest that the offer leaves open, the deadline that
 * comes first, the slug.
 */
int eligibility_compare(const void *left, const void *right);

/* --- what is alike ---
 *
 * Two points for the same instrument, and one for each group, stage, sector and purpose that both
 * state. Offers of the same country and city are no others; nor are, among those that name no
 * country, those of the same city or of none.
 */
enum {
    LIKE_INSTRUMENT = 1,
    LIKE_TARGET_GROUPS = 2,
    LIKE_STAGE = 4,
    LIKE_SECTOR = 8,
    LIKE_PURPOSE = 16
};
#define LIKE_SET_COUNT 4
#define ALIKE_MAX 3

/* What of an offer is compared, side by side: each that is shown is held against all. */
struct traits {
    const struct offer *offer;
    uint64_t sets[LIKE_SET_COUNT];
    unsigned instrument;
};

struct alike {
    const struct offer *offer;
    unsigned points, reasons;
};

void eligibility_traits(const struct offer *offer, struct traits *ret_traits);
/*
 * eligibility_alike() - which offers elsewhere are most like @offer
 * @others:   borrowed; may have @offer itself
 * @ret_best: most points first, then as they stand in @others
 * Return: how many there are.
 */
size_t eligibility_alike(const struct offer *offer, const struct traits *others, size_t count,
                         struct alike ret_best[ALIKE_MAX]);

/*
 * eligibility_convert() - a sum in another currency, by the rates, both in their minor units (ISO
 * 4217); half of one goes to the even one
 * Return: false: there is no rate, or it does not fit.
 */
bool eligibility_convert(const struct rate *rates, size_t rate_count, int64_t units,
                         const struct currency *from, const struct currency *to,
                         int64_t *ret_units);

/* Names as the contract and the answer have them; and a sentence, in English or French. */
const char *criterion_name(enum criterion criterion);
const char *verdict_name(enum verdict verdict);
const char *reason_name(enum reason reason);
const char *reason_words(enum criterion criterion, enum reason reason, bool in_french);
/* What to ask who has not told it. */
const char *criterion_question(enum criterion criterion, bool in_french);
