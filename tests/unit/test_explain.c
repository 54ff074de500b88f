#include "mentoring/explain.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "base/text.h"
#include "mentoring/match.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

TestSuite(explain, .fini = test_ends_without_leaks);

/* One mentor and one mentee, of whom nothing is told but what each test adds. */
struct meeting {
    struct arena arena;
    struct match_person mentor, mentee;
    struct match_pool pool;
    uint32_t fr, food, selling;
};

static void begin(struct meeting *meeting)
{
    static const char *const NAMES[] = {"fr", "food", "selling"};
    uint32_t *const terms[] = {&meeting->fr, &meeting->food, &meeting->selling};

    arena_init(&meeting->arena, 64 * 1024);
    meeting->mentor = (struct match_person){.id = "mentor", .person = {.capacity = 1}};
    meeting->mentee = (struct match_person){.id = "mentee", .subject = 1};
    meeting->pool = (struct match_pool){.arena = &meeting->arena,
                                        .rules = compatibility_rules_default(),
                                        .mentors = &meeting->mentor,
                                        .mentees = &meeting->mentee,
                                        .mentor_count = 1,
                                        .mentee_count = 1};
    cr_assert_eq(terms_init(&meeting->pool.terms, &meeting->arena), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        cr_assert_eq(terms_add(&meeting->pool.terms, NAMES[i], terms[i]), 0);
}

/* What would make the pair possible where @code rules it out. */
static void expect_words(const struct meeting *meeting, const char *code, const char *words)
{
    struct match_candidate candidate = {.mentor = 0};
    const json_t *failure;
    const char *found = NULL;
    json_t *shown;
    struct text text;
    size_t i;

    text_init(&text, 16 * 1024);
    match_judge(&meeting->pool, 0, 0, &candidate.judged);
    explain_candidate(&meeting->pool, 0, &candidate, &text);
    cr_assert_not(text_failed(&text));
    shown = json_loads(text.bytes, 0, NULL);
    cr_assert_not_null(shown, "%s", text.bytes);
    json_array_foreach (json_object_get(shown, "failed"), i, failure)
        if (strcmp(json_string_value(json_object_get(failure, "code")), code) == 0)
            found = json_string_value(json_object_get(failure, "possible_if"));
    if (words == NULL)
        cr_assert_null(found, "%s: %s", code, found);
    else
        cr_assert_str_eq(found == NULL ? "nothing" : found, words, "%s: %s", code, found);
    json_decref(shown);
    text_deinit(&text);
}

enum { NOBODY, MENTOR, MENTEE, BOTH };

Test(explain, whoever_has_named_nothing_is_the_one_to_name_something)
{
    static const struct {
        int tells;
        const char *language, *sector, *skill;
    } ROWS[] = {
        {NOBODY, "Both name a language, and it is the same one.",
         "Both name a sector, and it is the same one.",
         "Both name a skill, and it is the same one."},
        {MENTOR, "The mentee names a language of the mentor: fr.",
         "The mentee names a sector of the mentor: food.",
         "The mentee names a skill of the mentor: selling."},
        {MENTEE, "The mentor names a language of the mentee: fr.",
         "The mentor names a sector of the mentee: food.",
         "The mentor names a skill of the mentee: selling."},
        {BOTH, NULL, NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct meeting meeting;

        begin(&meeting);
        meeting.pool.rules.is_sector_needed = true;
        meeting.pool.rules.is_skill_needed = true;

        const struct person_language fr = {meeting.fr, LEVEL_C1};
        const struct person told = {.languages = &fr,
                                    .language_count = 1,
                                    .sectors = {&meeting.food, 1},
                                    .skills = {&meeting.selling, 1},
                                    .capacity = 1};

        if (ROWS[i].tells == MENTOR || ROWS[i].tells == BOTH)
            meeting.mentor.person = told;
        if (ROWS[i].tells == MENTEE || ROWS[i].tells == BOTH)
            meeting.mentee.person = told;
        expect_words(&meeting, "no-common-language", ROWS[i].language);
        expect_words(&meeting, "other-sector", ROWS[i].sector);
        expect_words(&meeting, "no-common-skill", ROWS[i].skill);
        arena_deinit(&meeting.arena);
    }
}

Test(explain, two_who_have_named_different_things_need_one_in_common)
{
    struct meeting meeting;

    begin(&meeting);
    meeting.pool.rules.is_sector_needed = true;
    meeting.pool.rules.is_skill_needed = true;
    meeting.mentor.person.sectors = (struct person_terms){&meeting.selling, 1};
    meeting.mentor.person.skills = (struct person_terms){&meeting.food, 1};
    meeting.mentee.person.sectors = (struct person_terms){&meeting.food, 1};
    meeting.mentee.person.skills = (struct person_terms){&meeting.selling, 1};
    expect_words(&meeting, "other-sector", "The mentor knows a sector of the mentee: food.");
    expect_words(&meeting, "no-common-skill", "The mentor has a skill of the mentee: selling.");
    arena_deinit(&meeting.arena);
}

Test(explain, what_is_said_of_an_age_can_come_true)
{
    static const struct {
        unsigned most;
        const char *words;
    } ROWS[] = {{0, "The mentor names an age band that reaches 40."},
                {34, "The mentor comes into an age band that reaches 40."},
                {49, NULL}};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct meeting meeting;

        begin(&meeting);
        meeting.pool.rules.mentor_age_min = 40;
        meeting.mentor.person.age_most = ROWS[i].most;
        expect_words(&meeting, "mentor-too-young", ROWS[i].words);
        arena_deinit(&meeting.arena);
    }
}
