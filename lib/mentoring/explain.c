#include "mentoring/explain.h"

#include "base/text.h"
#include "mentoring/match.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define EXAMPLES_MAX 3 /* parts of the week, terms: the first few say enough */

/* --- pieces
 * --------------------------------------------------------------------------------------- */

/* Millionths as points of 1 000 with three decimals; @score may be below 0. */
static void append_points(struct text *text, int64_t score)
{
    const int64_t size = score < 0 ? -score : score;

    text_append_format(text, "%s%" PRId64 ".%03d", score < 0 ? "-" : "", size / 1000,
                       (int)(size % 1000));
}

static void append_times(struct text *text, uint32_t times)
{
    static const char *const DAYS[COMPATIBILITY_DAYS] = {
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
    static const char *const PARTS[COMPATIBILITY_DAY_PARTS] = {"morning", "afternoon", "evening"};
    int shown = 0;

    for (unsigned i = 0; i < COMPATIBILITY_DAYS * COMPATIBILITY_DAY_PARTS; i++)
        if ((times >> i & 1U) != 0 && shown++ < EXAMPLES_MAX)
            text_append_format(text, "%s%s %s", shown == 1 ? "" : ", ",
                               DAYS[i / COMPATIBILITY_DAY_PARTS],
                               PARTS[i % COMPATIBILITY_DAY_PARTS]);
}

static void append_terms(struct text *text, const struct match_pool *pool,
                         const struct person_terms *terms)
{
    for (size_t i = 0; i < terms->count && i < EXAMPLES_MAX; i++)
        text_append_format(text, "%s%s", i == 0 ? "" : ", ",
                           terms_text(&pool->terms, terms->terms[i]));
}

static void append_languages(struct text *text, const struct match_pool *pool,
                             const struct person *person)
{
    for (size_t i = 0; i < person->language_count && i < EXAMPLES_MAX; i++)
        text_append_format(text, "%s%s", i == 0 ? "" : ", ",
                           terms_text(&pool->terms, person->languages[i].term));
}

/* --- parts of a score ---------------------------------------------------------------------------
 */

static void say_profile(const struct match_pool *pool, enum compatibility_component component,
                        const struct compatibility *judged, const struct person *mentee,
                        struct text *text)
{
    if (strcmp(judged->parts[component].code, "unknown") == 0)
        text_append_format(text,
                           "One of the two has not told %s: that counts neither for nor against.",
                           compatibility_component_name(component));
    else if (component == COMPATIBILITY_LANGUAGE && judged->language == TERM_NONE)
        text_append(text, "They have no language in common.");
    else if (component == COMPATIBILITY_LANGUAGE)
        text_append_format(text, "Both speak %s, the weaker of the two at level %s.",
                           terms_text(&pool->terms, judged->language),
                           language_level_name(judged->level));
    else if (strcmp(judged->parts[component].code, "any-sector") == 0)
        text_append(text, "One of the two works in no particular sector.");
    else if (component == COMPATIBILITY_SECTOR && judged->sector == TERM_NONE)
        text_append(text, "They work in different sectors.");
    else if (component == COMPATIBILITY_SECTOR)
        text_append_format(text, "Both know the sector %s.",
                           terms_text(&pool->terms, judged->sector));
    else if (component == COMPATIBILITY_SKILLS)
        text_append_format(text, "The mentor has %zu of the %zu skills of the mentee.",
                           judged->skills, mentee->skills.count);
    else
        text_append_format(text, "The mentor helps with %zu of the %zu goals of the mentee.",
                           judged->goals, mentee->goals.count);
}

static void say_meeting(enum compatibility_component component, const struct compatibility *judged,
                        struct text *text)
{
    const char *code = judged->parts[component].code;

    if (strcmp(code, "unknown") == 0) {
        text_append(text, "One of the two has not told: that counts neither for nor against.");
    } else if (component == COMPATIBILITY_AVAILABILITY && judged->times == 0) {
        text_append(text, "They have no part of the week in common.");
    } else if (component == COMPATIBILITY_AVAILABILITY) {
        text_append_format(text, "Parts of the week in common: %d, such as ",
                           __builtin_popcount(judged->times));
        append_times(text, judged->times);
        text_append_char(text, '.');
    } else if (strcmp(code, "remote") == 0) {
        text_append(text, "They can meet remotely, so that distance counts little.");
    } else if (judged->distance_m == 0) {
        text_append(text, "They live in the same area.");
    } else {
        text_append_format(text, "They live about %" PRId64 " km apart.",
                           (judged->distance_m + 500) / 1000);
    }
}

static void say_part(const struct match_pool *pool, enum compatibility_component component,
                     const struct compatibility *judged, const struct person *mentor,
                     const struct person *mentee, struct text *text)
{
    switch (component) {
    case COMPATIBILITY_LANGUAGE:
    case COMPATIBILITY_SECTOR:
    case COMPATIBILITY_SKILLS:
    case COMPATIBILITY_GOALS:
        say_profile(pool, component, judged, mentee, text);
        break;
    case COMPATIBILITY_AVAILABILITY:
    case COMPATIBILITY_DISTANCE:
        say_meeting(component, judged, text);
        break;
    case COMPATIBILITY_CAPACITY:
        text_append_format(text, "Free places of the mentor: %u of %u.",
                           mentor->load < mentor->capacity ? mentor->capacity - mentor->load : 0,
                           mentor->capacity);
        break;
    case COMPATIBILITY_LOAD:
        text_append_format(text, "Pairs that the mentor is in: %u.", mentor->load);
        break;
    case COMPATIBILITY_COMPONENTS:
        break;
    }
}

static void append_parts(const struct match_pool *pool, uint32_t mentor, uint32_t mentee,
                         const struct compatibility *judged, struct text *words, struct text *text)
{
    text_append(text, "\"parts\":[");
    for (int i = 0; i < COMPATIBILITY_COMPONENTS; i++) {
        const enum compatibility_component component = (enum compatibility_component)i;

        text_clear(words);
        say_part(pool, component, judged, &pool->mentors[mentor].person,
                 &pool->mentees[mentee].person, words);
        text_append_format(text,
                           "%s{\"component\":\"%s\",\"weight\":%u,\"value\":%u,\"code\":\"%s\","
                           "\"words\":",
                           i == 0 ? "" : ",", compatibility_component_name(component),
                           pool->rules.weights[i], judged->parts[i].value, judged->parts[i].code);
        text_append_json(text, words->bytes);
        text_append_char(text, '}');
    }
    text_append_char(text, ']');
}

/* --- what rules two people out, and what would make it possible ---------------------------------
 */

/* A list in which nothing is common; where one of the two has named nothing, that one could.
 * @verb: what the mentor would have to do with one of the mentee's. */
static void say_list(const struct match_pool *pool, const char *verb, const char *noun,
                     const struct person_terms *mentor, const struct person_terms *mentee,
                     struct text *text)
{
    if (mentor->count == 0 && mentee->count == 0) {
        text_append_format(text, "Both name a %s, and it is the same one.", noun);
        return;
    }
    if (mentee->count == 0)
        text_append_format(text, "The mentee names a %s of the mentor: ", noun);
    else
        text_append_format(
            text, "The mentor %s a %s of the mentee: ", mentor->count == 0 ? "names" : verb, noun);
    append_terms(text, pool, mentee->count == 0 ? mentor : mentee);
    text_append_char(text, '.');
}

static void say_language(const struct match_pool *pool, const struct person *mentor,
                         const struct person *mentee, struct text *text)
{
    if (mentor->language_count == 0 && mentee->language_count == 0) {
        text_append(text, "Both name a language, and it is the same one.");
        return;
    }
    text_append(text, mentee->language_count == 0 ? "The mentee names a language of the mentor: "
                      : mentor->language_count == 0
                          ? "The mentor names a language of the mentee: "
                          : "The mentor speaks a language of the mentee: ");
    append_languages(text, pool, mentee->language_count == 0 ? mentor : mentee);
    text_append_char(text, '.');
}

static void say_common(const struct match_pool *pool, enum compatibility_criterion criterion,
                       const struct compatibility *judged, const struct person *mentor,
                       const struct person *mentee, struct text *text)
{
    if (criterion == CRITERION_LANGUAGE) {
        say_language(pool, mentor, mentee, text);
    } else if (criterion == CRITERION_LEVEL) {
        text_append_format(text, "Both speak %s at level %s or better; now it is %s.",
                           terms_text(&pool->terms, judged->language),
                           language_level_name(pool->rules.level_min),
                           language_level_name(judged->level));
    } else if (criterion == CRITERION_SECTOR) {
        say_list(pool, "knows", "sector", &mentor->sectors, &mentee->sectors, text);
    } else if (criterion == CRITERION_SKILLS) {
        say_list(pool, "has", "skill", &mentor->skills, &mentee->skills, text);
    } else {
        text_append(text, "The mentee has time when the mentor has: ");
        append_times(text, mentor->times);
        text_append_char(text, '.');
    }
}

static void say_possible(const struct match_pool *pool, enum compatibility_criterion criterion,
                         const struct compatibility *judged, const struct person *mentor,
                         const struct person *mentee, struct text *text)
{
    switch (criterion) {
    case CRITERION_LANGUAGE:
    case CRITERION_LEVEL:
    case CRITERION_SECTOR:
    case CRITERION_SKILLS:
    case CRITERION_TIME:
        say_common(pool, criterion, judged, mentor, mentee, text);
        break;
    case CRITERION_FORMAT:
        text_append(text, (mentor->formats & FORMAT_REMOTE) != 0
                              ? "The mentee meets remotely, or the mentor in person."
                              : "The mentee meets in person, or the mentor remotely.");
        break;
    case CRITERION_DISTANCE:
        if (judged->distance_m < 0)
            text_append(text, "Both tell their area.");
        else
            text_append_format(text, "They live within %u km%s; now it is %" PRId64 " km.",
                               pool->rules.distance_km_max,
                               pool->rules.is_area_needed ? "" : ", or both meet remotely",
                               (judged->distance_m + 500) / 1000);
        break;
    case CRITERION_AGE:
        text_append_format(text, "The mentor %s an age band that reaches %u.",
                           mentor->age_most == 0 ? "names" : "comes into",
                           pool->rules.mentor_age_min);
        break;
    case CRITERION_CAPACITY:
        text_append(text,
                    "A pair of the mentor ends, or the mentor and the programme take one more.");
        break;
    case CRITERION_PAIRED:
        text_append(text, "The present pair of the mentee ends.");
        break;
    case CRITERION_EARLIER:
        text_append(text, "Both wish to try again, and the coordinator proposes them by name.");
        break;
    case CRITERION_SELF:
        text_append(text, "Never: nobody is a mentor of herself.");
        break;
    case CRITERIA:
        break;
    }
}

static void append_failed(const struct match_pool *pool, uint32_t mentor, uint32_t mentee,
                          const struct compatibility *judged, struct text *words, struct text *text)
{
    bool is_first = true;

    text_append(text, "\"failed\":[");
    for (int i = 0; i < CRITERIA; i++) {
        const enum compatibility_criterion criterion = (enum compatibility_criterion)i;

        if ((judged->failed >> i & 1U) == 0)
            continue;
        text_clear(words);
        say_possible(pool, criterion, judged, &pool->mentors[mentor].person,
                     &pool->mentees[mentee].person, words);
        text_append_format(text, "%s{\"code\":\"%s\",\"possible_if\":", is_first ? "" : ",",
                           compatibility_criterion_code(criterion));
        text_append_json(text, words->bytes);
        text_append_char(text, '}');
        is_first = false;
    }
    text_append_char(text, ']');
}

/* --- for callers
 * ---------------------------------------------------------------------------------- */

#define WORDS_BYTES_MAX 2000

void explain_weights(const struct match_pool *pool, struct text *text)
{
    for (int i = 0; i < COMPATIBILITY_COMPONENTS; i++)
        text_append_format(text, "%c\"%s\":%u", i == 0 ? '{' : ',',
                           compatibility_component_name((enum compatibility_component)i),
                           pool->rules.weights[i]);
    text_append_char(text, '}');
}

void explain_candidate(const struct match_pool *pool, uint32_t mentee,
                       const struct match_candidate *candidate, struct text *text)
{
    struct text words;

    text_init(&words, WORDS_BYTES_MAX);
    text_append_format(
        text, "{\"mentor\":\"%s\",\"possible\":%s,\"score\":", pool->mentors[candidate->mentor].id,
        candidate->judged.failed == 0 ? "true" : "false");
    append_points(text, candidate->judged.score);
    text_append_char(text, ',');
    append_parts(pool, candidate->mentor, mentee, &candidate->judged, &words, text);
    text_append_char(text, ',');
    append_failed(pool, candidate->mentor, mentee, &candidate->judged, &words, text);
    text_append_char(text, '}');
    text->failed = text->failed || text_failed(&words);
    text_deinit(&words);
}

/* The possible mentor who suits her best, beside the one she got; NONE: none is possible. */
static uint32_t best_other(const struct match_cohort *cohort, uint32_t mentee)
{
    const uint32_t count = cohort->pool->mentor_count;
    const int32_t *scores = &cohort->scores[(size_t)mentee * count];
    uint32_t best = ASSIGNMENT_NONE;

    for (uint32_t i = 0; i < count; i++)
        if (scores[i] >= 0 && cohort->places[i] > 0 && i != cohort->assignment.columns[mentee] &&
            (best == ASSIGNMENT_NONE || scores[i] > scores[best]))
            best = i;
    return best;
}

static void append_alternative(const struct match_cohort *cohort, uint32_t mentee, uint32_t other,
                               struct text *text)
{
    const int32_t score = cohort->scores[(size_t)mentee * cohort->pool->mentor_count + other];
    struct assignment_loss loss;

    assignment_loss_of(&cohort->assignment, mentee, other, &loss);
    text_append_format(
        text, ",\"alternative\":{\"mentor\":\"%s\",\"score\":", cohort->pool->mentors[other].id);
    append_points(text, score);
    text_append(text, ",\"loss\":");
    append_points(text, loss.total);
    text_append_format(text,
                       ",\"pairs_lost\":%d,\"displaced\":%u,\"code\":\"needed-more-elsewhere\","
                       "\"words\":\"Others need this mentor more: %u of them would get somebody "
                       "else or nobody, and all scores together would fall by ",
                       loss.pairs, loss.displaced, loss.displaced);
    append_points(text, loss.total);
    text_append(text, loss.pairs > 0 ? ", with fewer pairs.\"}" : ".\"}");
}

/* How many mentors are ruled out by what; one who fails in two ways is counted twice. */
static void append_counts(const struct match_cohort *cohort, uint32_t mentee, struct text *text)
{
    uint32_t counts[CRITERIA] = {0};
    bool is_first = true;

    for (uint32_t i = 0; i < cohort->pool->mentor_count; i++) {
        struct compatibility judged;

        match_judge(cohort->pool, i, mentee, &judged);
        for (int c = 0; c < CRITERIA; c++)
            counts[c] += judged.failed >> c & 1U;
    }
    text_append(text, ",\"failed\":[");
    for (int c = 0; c < CRITERIA; c++)
        if (counts[c] > 0) {
            text_append_format(text, "%s{\"code\":\"%s\",\"mentors\":%u}", is_first ? "" : ",",
                               compatibility_criterion_code((enum compatibility_criterion)c),
                               counts[c]);
            is_first = false;
        }
    text_append_char(text, ']');
}

void explain_assignment(const struct match_cohort *cohort, uint32_t mentee, struct text *text)
{
    const struct match_pool *pool = cohort->pool;
    const uint32_t mentor = cohort->assignment.columns[mentee];
    const int32_t *scores = &cohort->scores[(size_t)mentee * pool->mentor_count];
    const uint32_t other = best_other(cohort, mentee);

    text_append_format(text, "{\"mentee\":\"%s\"", pool->mentees[mentee].id);
    if (mentor == ASSIGNMENT_NONE) {
        text_append_format(text, ",\"reason\":\"%s\"",
                           other == ASSIGNMENT_NONE ? "no-possible-mentor"
                                                    : "needed-more-elsewhere");
        append_counts(cohort, mentee, text);
    } else {
        struct compatibility judged;
        struct text words;

        match_judge(pool, mentor, mentee, &judged);
        text_append_format(text, ",\"mentor\":\"%s\",\"score\":", pool->mentors[mentor].id);
        append_points(text, judged.score);
        text_append_char(text, ',');
        text_init(&words, WORDS_BYTES_MAX);
        append_parts(pool, mentor, mentee, &judged, &words, text);
        text->failed = text->failed || text_failed(&words);
        text_deinit(&words);
    }
    if (other != ASSIGNMENT_NONE && (mentor == ASSIGNMENT_NONE || scores[other] > scores[mentor]))
        append_alternative(cohort, mentee, other, text);
    text_append_char(text, '}');
}
