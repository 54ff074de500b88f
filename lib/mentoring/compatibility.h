#pragma once
/*
 * Compatibility
 *
 * How well a mentor suits a mentee, taken apart: a value between 0 and 1000
 * for each component, weighed into one score, and the hard criteria that rule
 * the two out, whatever their score. Whole numbers alone, so that a score is
 * the same on every machine. Knows no SQL, no JSON and no HTTP.
 *
 * Components, each in thousandths:
 *   language      what the weaker of the two speaks of the language they share best
 *   sector        1000 with a sector in common; 500 where one works in no particular one
 *   skills        the share of the mentee's skills that the mentor has
 *   goals         the share of the mentee's goals that the mentor helps with
 *   availability  common parts of the week, of COMPATIBILITY_PARTS_PLENTY
 *   distance      from 1000 in the same area to 0 at the programme's reach; at least 500 where
 *                 both can meet remotely
 *   capacity      the share of the mentor's places that are free
 *   load          1000 for a mentor without a pair, 250 less for each
 * What one of the two has not told counts 500 and says so, but for languages: two people of whom
 * it is not known that they can talk are not brought together.
 *
 * The score is the mean of the values, weighed, in millionths, rounded down.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum compatibility_component {
    COMPATIBILITY_LANGUAGE,
    COMPATIBILITY_SECTOR,
    COMPATIBILITY_SKILLS,
    COMPATIBILITY_GOALS,
    COMPATIBILITY_AVAILABILITY,
    COMPATIBILITY_DISTANCE,
    COMPATIBILITY_CAPACITY,
    COMPATIBILITY_LOAD,
    COMPATIBILITY_COMPONENTS
};

/* What rules a pair out, in the order in which they are told. */
enum compatibility_criterion {
    CRITERION_LANGUAGE, /* no language in common */
    CRITERION_LEVEL,    /* one in common, but below the programme's level */
    CRITERION_FORMAT,   /* one meets in person only, the other remotely only */
    CRITERION_DISTANCE, /* farther apart than the programme allows */
    CRITERION_TIME,     /* too few common parts of the week */
    CRITERION_SECTOR,   /* the programme wants a sector in common */
    CRITERION_SKILLS,   /* the programme wants a skill in common */
    CRITERION_AGE,      /* the mentor's band does not reach the programme's age, or is unknown */
    CRITERION_CAPACITY, /* no free place */
    CRITERION_PAIRED,   /* the mentee has a pair already */
    CRITERION_EARLIER,  /* these two have had a pair that one side declined or left */
    CRITERION_SELF,     /* one person in both parts */
    CRITERIA
};

/* Levels of the Common European Framework of Reference; a mother tongue is above them. */
enum language_level {
    LEVEL_UNKNOWN,
    LEVEL_A1,
    LEVEL_A2,
    LEVEL_B1,
    LEVEL_B2,
    LEVEL_C1,
    LEVEL_C2,
    LEVEL_NATIVE
};

enum { FORMAT_IN_PERSON = 1, FORMAT_REMOTE = 2 };

#define COMPATIBILITY_VALUE_MAX 1000
#define COMPATIBILITY_SCORE_MAX 1000000
#define COMPATIBILITY_WEIGHT_MAX 100
#define COMPATIBILITY_PARTS_PLENTY 6 /* common parts of a week beyond which more are no better */
#define COMPATIBILITY_DAYS 7
#define COMPATIBILITY_DAY_PARTS 3      /* morning, afternoon, evening */
#define COMPATIBILITY_REACH_KM 50      /* an hour by train */
#define COMPATIBILITY_IN_PERSON_KM 100 /* beyond it nobody travels twice a month */
#define COMPATIBILITY_AREA_KM 30       /* the same area: a city with its suburbs, or a few cells */

struct person_language {
    uint32_t term; /* BCP 47 tag */
    enum language_level level;
};

/* A list of terms: ascending, each once. */
struct person_terms {
    const uint32_t *terms;
    size_t count;
};

/* A mentor or a mentee. Arrays are borrowed; numbers are those of one struct terms. */
struct person {
    const struct person_language *languages; /* ascending by term, each once */
    size_t language_count;
    struct person_terms sectors, skills, goals;
    bool is_any_sector; /* at home in no particular one: no sector rules out, none is shared */
    uint32_t times;     /* bit (weekday from Monday) * 3 + part; 0: unknown */
    unsigned formats;   /* FORMAT_… or-ed; 0: unknown, so either */
    unsigned age_most;  /* the last year of the band (age.h); 0: unknown */
    bool has_area;
    int32_t latitude_e6, longitude_e6; /* centre of the coarse cell, in millionths of a degree */
    uint32_t capacity, load;           /* of a mentor: places, and those that are taken */
};

struct compatibility_rules {
    uint16_t weights[COMPATIBILITY_COMPONENTS]; /* 0 … COMPATIBILITY_WEIGHT_MAX, not all 0 */
    enum language_level level_min;
    unsigned reach_km;        /* where the value of distance has fallen to 0; above 0 */
    unsigned distance_km_max; /* of pairs that can meet in person only */
    unsigned mentor_age_min;  /* 0: any */
    bool is_time_needed, is_sector_needed, is_skill_needed;
    bool is_area_needed; /* distance_km_max holds for whoever could meet remotely, too */
};

struct compatibility_part {
    uint16_t value;   /* 0 … COMPATIBILITY_VALUE_MAX */
    const char *code; /* why: a constant in kebab-case */
};

struct compatibility {
    int32_t score; /* 0 … COMPATIBILITY_SCORE_MAX: also where a criterion fails, as it would be */
    unsigned failed; /* bit 1 << criterion; 0: the pair is possible */
    struct compatibility_part parts[COMPATIBILITY_COMPONENTS];
    /* What it rests on, for words. */
    uint32_t language; /* the one they share best; 0: none */
    enum language_level level;
    uint32_t sector;      /* the first in common; 0: none */
    uint32_t times;       /* in common */
    unsigned formats;     /* in common */
    int64_t distance_m;   /* -1: unknown */
    size_t skills, goals; /* of the mentee's, those that the mentor has, too */
};

/* The rules of a programme that says nothing of its own. */
struct compatibility_rules compatibility_rules_default(void);
/* Are the weights in range, and one of them above 0? */
MUST_CHECK bool compatibility_weights_are_valid(const struct compatibility_rules *rules);

/*
 * compatibility_judge() - how a mentor suits a mentee
 * @barred: 1 << CRITERION_PAIRED, _EARLIER or _SELF, or-ed: what is known of the two beside their
 *          profiles
 */
void compatibility_judge(const struct compatibility_rules *rules, const struct person *mentor,
                         const struct person *mentee, unsigned barred,
                         struct compatibility *ret_compatibility);

/*
 * Metres between two places: equirectangular on the sphere of the mean radius (IUGG, 6371.0088 km),
 * which for the distances that matter here, below 200 km, is within half a percent.
 */
int64_t compatibility_distance_m(int32_t latitude1_e6, int32_t longitude1_e6, int32_t latitude2_e6,
                                 int32_t longitude2_e6);

/* "language"; "no-common-language"; "B1": constants. */
const char *compatibility_component_name(enum compatibility_component component);
const char *compatibility_criterion_code(enum compatibility_criterion criterion);
const char *language_level_name(enum language_level level);
/* False for a name that is none. "native" is one. */
MUST_CHECK bool language_level_of(const char *name, enum language_level *ret_level);
