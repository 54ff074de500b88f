/*
 * Lists of words are kept as one text, as they come from the database and go
 * there: none of the words that the contract allows has a space in it.
 */
#include "mentoring/participant.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/problem.h"
#include "mentoring/age.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define TENTHS 10.0
#define DEGREES_MAX 180
/* What the nearest double of a number with one decimal, times ten, may be off. */
#define TENTHS_ERROR 1e-7

static const char *const KIND_NAMES[] = {
    [PARTICIPANT_MENTOR] = "mentor", [PARTICIPANT_MENTEE] = "mentee"};
static const char *const KIND_PATHS[] = {
    [PARTICIPANT_MENTOR] = "mentors", [PARTICIPANT_MENTEE] = "mentees"};
static const char *const DAYS[PARTICIPANT_DAYS] = {"monday", "tuesday",  "wednesday", "thursday",
                                                   "friday", "saturday", "sunday"};
static const char *const PARTS[PARTICIPANT_DAY_PARTS] = {"morning", "afternoon", "evening"};

const char *participant_kind_name(enum participant_kind kind)
{
    return KIND_NAMES[kind];
}

const char *participant_kind_path(enum participant_kind kind)
{
    return KIND_PATHS[kind];
}

/* --- reading: what the contract has refused already is passed over
 * -------------------------------------------------------------------------------- */

static const char *text_of(const json_t *body, const char *name, struct arena *arena)
{
    return arena_copy(arena, json_string_value(json_object_get(body, name)));
}

/* One fault for each place is enough. @detail: NULL when the arena is full */
static void tell(struct problem *problem, struct arena *arena, const char *pointer,
                 const char *code, const char *detail)
{
    if (pointer != NULL && detail != NULL && !problem_tells(problem, pointer))
        problem_add(problem, arena, pointer, NULL, code, "%s", detail);
}

static const char *words_of(const json_t *body, const char *name, struct arena *arena)
{
    const json_t *list = json_object_get(body, name), *word;
    const char *words = "";
    size_t i;

    if (json_array_size(list) > PARTICIPANT_WORDS_MAX)
        return words;
    json_array_foreach (list, i, word) {
        if (words != NULL && json_is_string(word) &&
            json_string_length(word) <= PARTICIPANT_WORD_BYTES)
            words = arena_format(arena, "%s%s%s", words, words[0] == '\0' ? "" : " ",
                                 json_string_value(word));
    }
    return words;
}

/* The contract knows one length for both, terms and addresses of ESCO. */
static void check_skills(const json_t *skills, struct arena *arena, struct problem *problem)
{
    const json_t *skill;
    size_t i;

    json_array_foreach (skills, i, skill)
        if (json_is_string(skill) && strchr(json_string_value(skill), ':') == NULL &&
            json_string_length(skill) > PARTICIPANT_TERM_BYTES)
            tell(problem, arena, arena_format(arena, "/skills/%zu", i), "too-long",
                 arena_format(arena, "a term has %d characters at most", PARTICIPANT_TERM_BYTES));
}

static uint32_t availability_of(const json_t *week)
{
    uint32_t mask = 0;

    for (size_t day = 0; day < PARTICIPANT_DAYS; day++) {
        const json_t *part;
        size_t i;

        json_array_foreach (json_object_get(week, DAYS[day]), i, part)
            for (size_t p = 0; p < PARTICIPANT_DAY_PARTS; p++)
                if (json_is_string(part) && strcmp(PARTS[p], json_string_value(part)) == 0)
                    mask |= (uint32_t)1 << (day * PARTICIPANT_DAY_PARTS + p);
    }
    return mask;
}

static void read_languages(const json_t *list, struct arena *arena, struct participant *participant,
                           struct problem *problem)
{
    const json_t *item;
    size_t i;

    participant->language_count = 0;
    json_array_foreach (list, i, item) {
        const char *language = text_of(item, "language", arena);

        for (size_t j = 0; j < participant->language_count && language != NULL; j++)
            if (strcmp(participant->languages[j].language, language) == 0)
                tell(problem, arena, arena_format(arena, "/languages/%zu/language", i), "duplicate",
                     "this language is there already");
        if (language == NULL)
            continue;
        if (participant->language_count == PARTICIPANT_LANGUAGES_MAX)
            return;
        participant->languages[participant->language_count++] =
            (struct participant_language){language, text_of(item, "level", arena)};
    }
}

/* Nothing is rounded: whoever sends a precise place must hear that it is not wanted here. */
static bool read_tenths(const json_t *area, const char *name, struct arena *arena, int *ret_tenths,
                        struct problem *problem)
{
    const double degrees = json_number_value(json_object_get(area, name));
    const double tenths = degrees * TENTHS;

    if (fabs(degrees) > DEGREES_MAX)
        return false; /* the contract has said so */
    if (fabs(tenths - round(tenths)) > TENTHS_ERROR) {
        tell(problem, arena, arena_format(arena, "/area/%s", name), "too-precise",
             "one decimal at most, which is an area of about ten kilometres: send the area and not "
             "the place");
        return false;
    }
    *ret_tenths = (int)lround(tenths);
    return true;
}

static void read_area(const json_t *area, struct arena *arena, struct participant *participant,
                      struct problem *problem)
{
    const bool has_lat = json_object_get(area, "lat") != NULL;
    const bool has_lon = json_object_get(area, "lon") != NULL;
    bool is_coarse;

    participant->area_country = area == NULL ? NULL : text_of(area, "country", arena);
    participant->has_place = false;
    if (has_lat != has_lon)
        tell(problem, arena, has_lat ? "/area/lon" : "/area/lat", "required",
             "latitude and longitude go together");
    if (!has_lat || !has_lon)
        return;
    is_coarse = read_tenths(area, "lat", arena, &participant->lat_tenths, problem);
    participant->has_place =
        read_tenths(area, "lon", arena, &participant->lon_tenths, problem) && is_coarse;
}

int participant_from_json(const json_t *body, struct arena *arena, struct participant *ret,
                          struct problem *problem)
{
    const size_t faults = problem->error_count;
    const json_t *capacity = json_object_get(body, "capacity");
    const char *status = text_of(body, "status", arena);

    ret->status = status == NULL ? "available" : status;
    read_languages(json_object_get(body, "languages"), arena, ret, problem);
    ret->sectors = words_of(body, "sectors", arena);
    ret->skills = words_of(body, "skills", arena);
    check_skills(json_object_get(body, "skills"), arena, problem);
    ret->goals = words_of(body, "goals", arena);
    ret->formats = words_of(body, "formats", arena);
    ret->availability = availability_of(json_object_get(body, "availability"));
    read_area(json_object_get(body, "area"), arena, ret, problem);
    ret->age_band = text_of(body, "age_band", arena);
    ret->intake = text_of(body, "intake", arena);
    ret->capacity = 0;
    if (ret->kind == PARTICIPANT_MENTOR)
        ret->capacity = capacity == NULL ? 1 : (unsigned)json_integer_value(capacity);
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    return problem->error_count > faults ? PARTICIPANT_INVALID : 0;
}

int participant_read_consents(const json_t *list, struct arena *arena,
                              struct participant_consent ret_consents[PARTICIPANT_CONSENTS_MAX],
                              size_t *ret_count, struct problem *problem)
{
    const size_t faults = problem->error_count;
    bool has_programme = false;
    const json_t *item;
    size_t i;

    *ret_count = 0;
    json_array_foreach (list, i, item) {
        const char *purpose = text_of(item, "purpose", arena);

        has_programme = has_programme || (purpose != NULL && strcmp(purpose, "programme") == 0);
        for (size_t j = 0; j < *ret_count && purpose != NULL; j++)
            if (strcmp(ret_consents[j].purpose, purpose) == 0)
                tell(problem, arena, arena_format(arena, "/consents/%zu/purpose", i), "duplicate",
                     "this purpose is there already");
        if (purpose != NULL && *ret_count < PARTICIPANT_CONSENTS_MAX)
            ret_consents[(*ret_count)++] = (struct participant_consent){
                .purpose = purpose, .version = text_of(item, "version", arena)};
    }
    if (!has_programme)
        tell(
            problem, arena, "/consents", "required",
            "nobody comes into a programme without their consent to it: the purpose 'programme' is "
            "missing");
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    return problem->error_count > faults ? PARTICIPANT_INVALID : 0;
}

/* --- rules ---------------------------------------------------------------------------------- */

static void check_mentor(const struct participant *mentor, const struct participant_rules *rules,
                         struct arena *arena, struct problem *problem)
{
    const char *age = arena_format(arena, "a mentor of this programme is at least %u years old",
                                   rules->mentor_minimum_age);

    if (mentor->capacity > rules->mentor_capacity)
        tell(problem, arena, "/capacity", "too-large",
             arena_format(arena, "a mentor of this programme is in %u pairs at once at most",
                          rules->mentor_capacity));
    if (rules->mentor_minimum_age == 0)
        return;
    if (mentor->age_band == NULL)
        tell(problem, arena, "/age_band", "required", age);
    else if (age_oldest(mentor->age_band) < rules->mentor_minimum_age)
        tell(problem, arena, "/age_band", "not-allowed", age);
}

/* Mentees begin together; mentors may be there before, and stay for the next. */
static void check_window(const json_t *intake, struct arena *arena, struct problem *problem)
{
    if (json_is_true(json_object_get(intake, "is_over")))
        tell(problem, arena, "/intake", "intake-closed",
             arena_format(arena, "this intake is over since %s",
                          json_string_value(json_object_get(intake, "closes_on"))));
    else if (json_is_true(json_object_get(intake, "is_ahead")))
        tell(problem, arena, "/intake", "intake-not-open",
             arena_format(arena, "this intake opens on %s",
                          json_string_value(json_object_get(intake, "opens_on"))));
    else if (json_is_true(json_object_get(intake, "is_full")))
        participant_tell_intake_full(arena, problem);
}

void participant_tell_intake_full(struct arena *arena, struct problem *problem)
{
    tell(problem, arena, "/intake", "intake-full", "all places of this intake are taken");
}

void participant_tell_intake_unknown(struct arena *arena, struct problem *problem)
{
    tell(problem, arena, "/intake", "unknown-value", "the programme has no intake of this name");
}

static void check_intake(const struct participant *participant, bool is_same,
                         const struct participant_rules *rules, struct arena *arena,
                         struct problem *problem)
{
    const json_t *intake;
    size_t i;

    json_array_foreach (rules->intakes, i, intake) {
        if (strcmp(json_string_value(json_object_get(intake, "name")), participant->intake) != 0)
            continue;
        if (participant->kind == PARTICIPANT_MENTEE && !is_same)
            check_window(intake, arena, problem);
        return;
    }
    if (!is_same)
        participant_tell_intake_unknown(arena, problem);
}

bool participant_obeys(const struct participant *participant, const struct participant *before,
                       const struct participant_rules *rules, struct arena *arena,
                       struct problem *problem)
{
    const size_t faults = problem->error_count;
    const bool is_same = before != NULL && before->intake != NULL && participant->intake != NULL &&
                         strcmp(before->intake, participant->intake) == 0;

    if (participant->kind == PARTICIPANT_MENTOR)
        check_mentor(participant, rules, arena, problem);
    if (participant->intake != NULL)
        check_intake(participant, is_same, rules, arena, problem);
    return problem->error_count == faults;
}

/* --- showing -------------------------------------------------------------------------------- */

static json_t *words_to_json(const char *words)
{
    json_t *list = json_array();

    while (*words != '\0') {
        const size_t length = strcspn(words, " ");

        if (json_array_append_new(list, json_stringn(words, length)) != 0) {
            json_decref(list);
            return NULL;
        }
        words += length;
        words += strspn(words, " ");
    }
    return list;
}

static json_t *languages_to_json(const struct participant *participant)
{
    json_t *list = json_array();

    for (size_t i = 0; i < participant->language_count; i++) {
        json_t *item = json_pack("{s:s,s:s}", "language", participant->languages[i].language,
                                 "level", participant->languages[i].level);

        if (json_array_append_new(list, item) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *week_to_json(uint32_t mask)
{
    json_t *week = json_object();

    for (size_t day = 0; day < PARTICIPANT_DAYS; day++) {
        json_t *parts = json_array();
        int r = 0;

        for (size_t p = 0; p < PARTICIPANT_DAY_PARTS; p++)
            if ((mask >> (day * PARTICIPANT_DAY_PARTS + p) & 1) != 0)
                r += json_array_append_new(parts, json_string(PARTS[p]));
        if (r == 0 && json_array_size(parts) > 0)
            r = json_object_set(week, DAYS[day], parts);
        json_decref(parts);
        if (r != 0) {
            json_decref(week);
            return NULL;
        }
    }
    return week;
}

static json_t *area_to_json(const struct participant *participant)
{
    if (participant->area_country == NULL)
        return NULL;
    if (!participant->has_place)
        return json_pack("{s:s}", "country", participant->area_country);
    return json_pack("{s:s,s:f,s:f}", "country", participant->area_country, "lat",
                     participant->lat_tenths / TENTHS, "lon", participant->lon_tenths / TENTHS);
}

json_t *participant_profile(const struct participant *participant)
{
    json_t *capacity =
        participant->capacity == 0 ? NULL : json_integer((json_int_t)participant->capacity);

    return json_pack(
        "{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o*,s:s*,s:s*,s:o*}", "status", participant->status,
        "languages", languages_to_json(participant), "sectors", words_to_json(participant->sectors),
        "skills", words_to_json(participant->skills), "goals", words_to_json(participant->goals),
        "formats", words_to_json(participant->formats), "availability",
        week_to_json(participant->availability), "area", area_to_json(participant), "age_band",
        participant->age_band, "intake", participant->intake, "capacity", capacity);
}

json_t *participant_to_json(const struct participant *participant)
{
    json_t *profile = participant_profile(participant);
    json_t *whole = json_pack("{s:s,s:s,s:{s:s,s:s*}}", "id", participant->id, "kind",
                              participant_kind_name(participant->kind), "programme", "id",
                              participant->programme_id, "slug", participant->programme_slug);
    json_t *rest = json_pack("{s:I,s:s,s:s,s:s*}", "version", (json_int_t)participant->version,
                             "created_at", participant->created_at, "updated_at",
                             participant->updated_at, "withdrawn_at", participant->withdrawn_at);
    const bool is_whole = profile != NULL && whole != NULL && rest != NULL &&
                          json_object_update(whole, profile) == 0 &&
                          json_object_update(whole, rest) == 0;

    json_decref(profile);
    json_decref(rest);
    if (is_whole)
        return whole;
    json_decref(whole);
    return NULL;
}

json_t *participant_consent_to_json(const struct participant_consent *consent)
{
    json_t *shown =
        json_pack("{s:s,s:s,s:s,s:s*}", "purpose", consent->purpose, "version", consent->version,
                  "given_at", consent->given_at, "withdrawn_at", consent->withdrawn_at);

    if (shown != NULL && consent->is_replaced &&
        json_object_set_new(shown, "replaced", json_true()) != 0) {
        json_decref(shown);
        return NULL;
    }
    return shown;
}
