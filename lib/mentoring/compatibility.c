#include "mentoring/compatibility.h"

#include "base/annotate.h"

#include <assert.h>
#include <string.h>

#define UNKNOWN_VALUE 500        /* neither for nor against */
#define REMOTE_VALUE 500         /* of any distance, where both can meet remotely */
#define LOAD_STEP 250            /* for each pair that a mentor has */
#define METRES_PER_DEGREE 111195 /* 6371008.8 m * pi / 180 */
#define DEGREE_E6 1000000
#define COSINE_ONE 65536

/* cos(0° … 90°) in 65536ths: the same on every machine, which libm's need not be. */
static const int32_t COSINES[91] = {
    65536, 65526, 65496, 65446, 65376, 65287, 65177, 65048, 64898, 64729, 64540, 64332, 64104,
    63856, 63589, 63303, 62997, 62672, 62328, 61966, 61584, 61183, 60764, 60326, 59870, 59396,
    58903, 58393, 57865, 57319, 56756, 56175, 55578, 54963, 54332, 53684, 53020, 52339, 51643,
    50931, 50203, 49461, 48703, 47930, 47143, 46341, 45525, 44695, 43852, 42995, 42126, 41243,
    40348, 39441, 38521, 37590, 36647, 35693, 34729, 33754, 32768, 31772, 30767, 29753, 28729,
    27697, 26656, 25607, 24550, 23486, 22415, 21336, 20252, 19161, 18064, 16962, 15855, 14742,
    13626, 12505, 11380, 10252, 9121,  7987,  6850,  5712,  4572,  3430,  2287,  1144,  0,
};

/* What a pair can do with the weaker one's level. Below B1 a talk needs help. */
static const uint16_t LEVEL_VALUES[] = {
    [LEVEL_UNKNOWN] = 0, [LEVEL_A1] = 100, [LEVEL_A2] = 300,  [LEVEL_B1] = 600,
    [LEVEL_B2] = 850,    [LEVEL_C1] = 950, [LEVEL_C2] = 1000, [LEVEL_NATIVE] = 1000,
};

static const char *const LEVEL_NAMES[] = {
    [LEVEL_UNKNOWN] = "unknown", [LEVEL_A1] = "A1", [LEVEL_A2] = "A2", [LEVEL_B1] = "B1",
    [LEVEL_B2] = "B2",           [LEVEL_C1] = "C1", [LEVEL_C2] = "C2", [LEVEL_NATIVE] = "native",
};

static const char *const COMPONENT_NAMES[COMPATIBILITY_COMPONENTS] = {
    [COMPATIBILITY_LANGUAGE] = "language",
    [COMPATIBILITY_SECTOR] = "sector",
    [COMPATIBILITY_SKILLS] = "skills",
    [COMPATIBILITY_GOALS] = "goals",
    [COMPATIBILITY_AVAILABILITY] = "availability",
    [COMPATIBILITY_DISTANCE] = "distance",
    [COMPATIBILITY_CAPACITY] = "capacity",
    [COMPATIBILITY_LOAD] = "load",
};

static const char *const CRITERION_CODES[CRITERIA] = {
    [CRITERION_LANGUAGE] = "no-common-language", [CRITERION_LEVEL] = "level-too-low",
    [CRITERION_FORMAT] = "no-common-format",     [CRITERION_DISTANCE] = "too-far",
    [CRITERION_TIME] = "no-common-time",         [CRITERION_SECTOR] = "other-sector",
    [CRITERION_SKILLS] = "no-common-skill",      [CRITERION_AGE] = "mentor-too-young",
    [CRITERION_CAPACITY] = "no-free-place",      [CRITERION_PAIRED] = "already-paired",
    [CRITERION_EARLIER] = "paired-before",       [CRITERION_SELF] = "same-person",
};

/* What language, sector, skills and goals weigh most follows what programmes ask for first; places
 * and load only decide between equals. */
static const uint16_t WEIGHTS[COMPATIBILITY_COMPONENTS] = {
    [COMPATIBILITY_LANGUAGE] = 25, [COMPATIBILITY_SECTOR] = 20,       [COMPATIBILITY_SKILLS] = 15,
    [COMPATIBILITY_GOALS] = 10,    [COMPATIBILITY_AVAILABILITY] = 15, [COMPATIBILITY_DISTANCE] = 10,
    [COMPATIBILITY_CAPACITY] = 3,  [COMPATIBILITY_LOAD] = 2,
};

const char *compatibility_component_name(enum compatibility_component component)
{
    return COMPONENT_NAMES[component];
}

const char *compatibility_criterion_code(enum compatibility_criterion criterion)
{
    return CRITERION_CODES[criterion];
}

const char *language_level_name(enum language_level level)
{
    return LEVEL_NAMES[level];
}

bool language_level_of(const char *name, enum language_level *ret_level)
{
    for (size_t i = LEVEL_A1; i < ARRAY_LENGTH(LEVEL_NAMES); i++)
        if (strcmp(LEVEL_NAMES[i], name) == 0) {
            *ret_level = (enum language_level)i;
            return true;
        }
    return false;
}

struct compatibility_rules compatibility_rules_default(void)
{
    struct compatibility_rules rules = {.level_min = LEVEL_A2,
                                        .reach_km = COMPATIBILITY_REACH_KM,
                                        .distance_km_max = COMPATIBILITY_IN_PERSON_KM};

    for (size_t i = 0; i < COMPATIBILITY_COMPONENTS; i++)
        rules.weights[i] = WEIGHTS[i];
    return rules;
}

bool compatibility_weights_are_valid(const struct compatibility_rules *rules)
{
    unsigned sum = 0;

    for (size_t i = 0; i < COMPATIBILITY_COMPONENTS; i++) {
        if (rules->weights[i] > COMPATIBILITY_WEIGHT_MAX)
            return false;
        sum += rules->weights[i];
    }
    return sum > 0;
}

/* --- distance ----------------------------------------------------------------------------- */

/* Of 0 … 90 degrees, in millionths. */
static int64_t cosine(int64_t latitude_e6)
{
    const int64_t degree = latitude_e6 / DEGREE_E6;
    const int64_t rest = latitude_e6 % DEGREE_E6;
    const int64_t next = degree < 90 ? COSINES[degree + 1] : COSINES[90];

    return COSINES[degree] + (next - COSINES[degree]) * rest / DEGREE_E6;
}

/* Newton's method on whole numbers, from a power of two above the root: it falls until it is the
 * root, rounded down. */
static int64_t square_root(int64_t square)
{
    int64_t root = 1;
    int64_t next;

    if (square < 2)
        return square;
    root <<= (65 - __builtin_clzll((unsigned long long)square)) / 2;
    for (next = (root + square / root) / 2; next < root; next = (root + square / root) / 2)
        root = next;
    return root;
}

int64_t compatibility_distance_m(int32_t latitude1_e6, int32_t longitude1_e6, int32_t latitude2_e6,
                                 int32_t longitude2_e6)
{
    int64_t middle = ((int64_t)latitude1_e6 + latitude2_e6) / 2;
    int64_t east = (int64_t)longitude1_e6 - longitude2_e6;
    int64_t north = ((int64_t)latitude1_e6 - latitude2_e6) * METRES_PER_DEGREE / DEGREE_E6;

    middle = middle < 0 ? -middle : middle;
    east = east < 0 ? -east : east;
    if (east > 180LL * DEGREE_E6) /* the shorter way crosses the date line */
        east = 360LL * DEGREE_E6 - east;
    east = east * METRES_PER_DEGREE / DEGREE_E6 * cosine(middle) / COSINE_ONE;
    return square_root(north * north + east * east);
}

/* --- components ------------------------------------------------------------------------------- */

static struct compatibility_part part(size_t value, const char *code)
{
    assert(value <= COMPATIBILITY_VALUE_MAX);
    return (struct compatibility_part){.value = (uint16_t)value, .code = code};
}

/* The language of which the weaker of the two speaks most; among equals the first. */
static void judge_language(const struct compatibility_rules *rules, const struct person *mentor,
                           const struct person *mentee, struct compatibility *judged)
{
    size_t i = 0;
    size_t j = 0;

    while (i < mentor->language_count && j < mentee->language_count) {
        const struct person_language *one = &mentor->languages[i];
        const struct person_language *other = &mentee->languages[j];

        if (one->term == other->term) {
            const enum language_level level = one->level < other->level ? one->level : other->level;

            if (judged->language == 0 || level > judged->level) {
                judged->language = one->term;
                judged->level = level;
            }
        }
        i += one->term <= other->term;
        j += other->term <= one->term;
    }
    if (judged->language == 0)
        judged->failed |= 1U << CRITERION_LANGUAGE;
    else if (judged->level < rules->level_min)
        judged->failed |= 1U << CRITERION_LEVEL;
    judged->parts[COMPATIBILITY_LANGUAGE] =
        part(LEVEL_VALUES[judged->level], mentor->language_count == 0 || mentee->language_count == 0
                                              ? "unknown"
                                          : judged->language == 0 ? "no-common-language"
                                                                  : "common-language");
}

/* How many terms two lists share; @ret_first the first of them, unless NULL. */
static size_t share(const struct person_terms *one, const struct person_terms *other,
                    uint32_t *ret_first)
{
    size_t count = 0;
    size_t i = 0;
    size_t j = 0;

    while (i < one->count && j < other->count) {
        const uint32_t a = one->terms[i];
        const uint32_t b = other->terms[j];

        if (a == b && count++ == 0 && ret_first != NULL)
            *ret_first = a;
        i += a <= b;
        j += b <= a;
    }
    return count;
}

static void judge_sector(const struct compatibility_rules *rules, const struct person *mentor,
                         const struct person *mentee, struct compatibility *judged)
{
    const size_t common = share(&mentor->sectors, &mentee->sectors, &judged->sector);
    const bool is_any = mentor->is_any_sector || mentee->is_any_sector;

    if (common == 0 && !is_any && rules->is_sector_needed)
        judged->failed |= 1U << CRITERION_SECTOR;
    judged->parts[COMPATIBILITY_SECTOR] = common > 0 ? part(COMPATIBILITY_VALUE_MAX, "same-sector")
                                          : is_any   ? part(UNKNOWN_VALUE, "any-sector")
                                          : mentor->sectors.count == 0 || mentee->sectors.count == 0
                                              ? part(UNKNOWN_VALUE, "unknown")
                                              : part(0, "other-sector");
}

static struct compatibility_part part_of_share(size_t common, const struct person_terms *mentor,
                                               const struct person_terms *mentee,
                                               const char *const codes[3])
{
    if (mentor->count == 0 || mentee->count == 0)
        return part(UNKNOWN_VALUE, "unknown");
    return part(common * COMPATIBILITY_VALUE_MAX / mentee->count,
                codes[common == 0              ? 0
                      : common < mentee->count ? 1
                                               : 2]);
}

static void judge_terms(const struct compatibility_rules *rules, const struct person *mentor,
                        const struct person *mentee, struct compatibility *judged)
{
    static const char *const SKILLS[3] = {"no-skill", "some-skills", "all-skills"};
    static const char *const GOALS[3] = {"no-goal", "some-goals", "all-goals"};

    judged->skills = share(&mentor->skills, &mentee->skills, NULL);
    judged->goals = share(&mentor->goals, &mentee->goals, NULL);
    if (rules->is_skill_needed && judged->skills == 0)
        judged->failed |= 1U << CRITERION_SKILLS;
    judged->parts[COMPATIBILITY_SKILLS] =
        part_of_share(judged->skills, &mentor->skills, &mentee->skills, SKILLS);
    judged->parts[COMPATIBILITY_GOALS] =
        part_of_share(judged->goals, &mentor->goals, &mentee->goals, GOALS);
}

static void judge_time(const struct compatibility_rules *rules, const struct person *mentor,
                       const struct person *mentee, struct compatibility *judged)
{
    unsigned common;

    judged->times = mentor->times & mentee->times;
    common = (unsigned)__builtin_popcount(judged->times);
    if (mentor->times == 0 || mentee->times == 0) {
        judged->parts[COMPATIBILITY_AVAILABILITY] = part(UNKNOWN_VALUE, "unknown");
        return;
    }
    if (rules->is_time_needed && common == 0)
        judged->failed |= 1U << CRITERION_TIME;
    judged->parts[COMPATIBILITY_AVAILABILITY] =
        common >= COMPATIBILITY_PARTS_PLENTY
            ? part(COMPATIBILITY_VALUE_MAX, "plenty-of-time")
            : part(common * COMPATIBILITY_VALUE_MAX / COMPATIBILITY_PARTS_PLENTY,
                   common == 0 ? "no-common-time" : "some-time");
}

static unsigned formats_of(const struct person *person)
{
    return person->formats == 0 ? FORMAT_IN_PERSON | FORMAT_REMOTE : person->formats;
}

/* Without a distance: 0 … 1000 by how far they would have to go. */
static size_t nearness(int64_t distance_m, unsigned reach_km)
{
    const int64_t reach_m = (int64_t)reach_km * 1000;

    if (distance_m < 0)
        return UNKNOWN_VALUE;
    return distance_m >= reach_m
               ? 0
               : (size_t)((reach_m - distance_m) * COMPATIBILITY_VALUE_MAX / reach_m);
}

static void judge_distance(const struct compatibility_rules *rules, const struct person *mentor,
                           const struct person *mentee, struct compatibility *judged)
{
    const size_t near = COMPATIBILITY_DISTANCE;
    size_t value;

    judged->formats = formats_of(mentor) & formats_of(mentee);
    judged->distance_m = mentor->has_area && mentee->has_area
                             ? compatibility_distance_m(mentor->latitude_e6, mentor->longitude_e6,
                                                        mentee->latitude_e6, mentee->longitude_e6)
                             : -1;
    if (judged->formats == 0)
        judged->failed |= 1U << CRITERION_FORMAT;
    value = nearness(judged->distance_m, rules->reach_km);
    if ((rules->is_area_needed || (judged->formats & FORMAT_REMOTE) == 0) &&
        judged->distance_m > (int64_t)rules->distance_km_max * 1000)
        judged->failed |= 1U << CRITERION_DISTANCE;
    if (rules->is_area_needed && judged->distance_m < 0)
        judged->failed |= 1U << CRITERION_DISTANCE;
    if ((judged->formats & FORMAT_REMOTE) != 0 &&
        ((judged->formats & FORMAT_IN_PERSON) == 0 || value <= REMOTE_VALUE)) {
        judged->parts[near] = part(REMOTE_VALUE, "remote");
        return;
    }
    judged->parts[near] = part(value, judged->distance_m < 0   ? "unknown"
                                      : value >= UNKNOWN_VALUE ? "near"
                                      : value > 0              ? "within-reach"
                                                               : "out-of-reach");
}

static void judge_places(const struct compatibility_rules *rules, const struct person *mentor,
                         struct compatibility *judged)
{
    const uint32_t load = mentor->load;
    const uint32_t taken = load < mentor->capacity ? load : mentor->capacity;
    const uint32_t busy =
        load < COMPATIBILITY_VALUE_MAX / LOAD_STEP ? load : COMPATIBILITY_VALUE_MAX / LOAD_STEP;

    if (rules->mentor_age_min > 0 && mentor->age_most < rules->mentor_age_min)
        judged->failed |= 1U << CRITERION_AGE;
    if (load >= mentor->capacity)
        judged->failed |= 1U << CRITERION_CAPACITY;
    judged->parts[COMPATIBILITY_CAPACITY] =
        mentor->capacity == 0
            ? part(0, "no-free-place")
            : part((size_t)(mentor->capacity - taken) * COMPATIBILITY_VALUE_MAX / mentor->capacity,
                   taken == 0                 ? "all-places-free"
                   : taken < mentor->capacity ? "some-places-free"
                                              : "no-free-place");
    judged->parts[COMPATIBILITY_LOAD] =
        part(COMPATIBILITY_VALUE_MAX - (size_t)busy * LOAD_STEP, load == 0  ? "no-pair-yet"
                                                                 : busy < 4 ? "some-pairs"
                                                                            : "many-pairs");
}

void compatibility_judge(const struct compatibility_rules *rules, const struct person *mentor,
                         const struct person *mentee, unsigned barred,
                         struct compatibility *ret_compatibility)
{
    struct compatibility judged = {.failed = barred};
    uint64_t sum = 0;
    uint64_t weights = 0;

    judge_language(rules, mentor, mentee, &judged);
    judge_sector(rules, mentor, mentee, &judged);
    judge_terms(rules, mentor, mentee, &judged);
    judge_time(rules, mentor, mentee, &judged);
    judge_distance(rules, mentor, mentee, &judged);
    judge_places(rules, mentor, &judged);
    for (size_t i = 0; i < COMPATIBILITY_COMPONENTS; i++) {
        sum += (uint64_t)rules->weights[i] * judged.parts[i].value;
        weights += rules->weights[i];
    }
    assert(weights > 0);
    judged.score = (int32_t)(sum * (COMPATIBILITY_SCORE_MAX / COMPATIBILITY_VALUE_MAX) / weights);
    *ret_compatibility = judged;
}
