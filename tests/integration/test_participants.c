/* Mentors and mentees: what is known of them, by whom, and what their programmes want of them. */
#include "base/annotate.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/mentoring.h"
#include "support/server.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(participants, .fini = test_ends_without_leaks, .timeout = 300);

#define SQL_BYTES 1200
#define CONTACT "{\"channel\":\"email\",\"address\":\"canary-8e21@example.org\"}"
#define UNKNOWN_ID "9d2f3c70-5f2e-4b7a-8f0e-2f4b1c0e0000"
#define SIXTY_ONE "a_term_of_some_letters_more_than_sixty_which_is_nearly_a_story"
#define RICH                                                                                       \
    "{\"languages\":[{\"language\":\"fr\",\"level\":\"native\"},{\"language\":\"ar\",\"level\":"   \
    "\"B2\"}],\"sectors\":[\"catering\",\"digital\"],\"skills\":[\"book_keeping\","                \
    "\"http://data.europa.eu/esco/skill/8d3fc2f1\"],\"goals\":[\"start_business\"],"               \
    "\"formats\":[\"remote\"],\"availability\":{\"monday\":[\"morning\",\"evening\"],\"sunday\":"  \
    "[\"evening\"]},\"area\":{\"country\":\"BE\",\"lat\":50.8,\"lon\":-4.4},\"age_band\":"         \
    "\"50_64\"}"

static const char *address_of(const struct test_person *person, const char *behind)
{
    return path_of("/v1/%s/%s%s", person->path, person->id, behind);
}

/* The first value of a statement that ends in a comparison with @id. */
static void expect_value(const char *sql, const char *id, const char *expected)
{
    char text[SQL_BYTES];
    char *value;

    cr_assert_lt(snprintf(text, sizeof(text), "%s '%s'", sql, id), (int)sizeof(text));
    value = test_database_value(text);
    cr_expect_str_eq(value == NULL ? "" : value, expected, "%s: %s", sql, value);
    free(value);
}

/* --- what is stored and shown --------------------------------------------------------------- */

Test(participants, a_person_is_shown_as_it_was_written)
{
    char *programme = mentoring_programme("{\"mentor_capacity\":3}");
    json_auto_t *draft = mentoring_draft(programme, RICH);
    static const char *const SAME[] = {"languages", "sectors",      "skills", "goals",
                                       "formats",   "availability", "area",   "age_band"};
    CLEANUP(response_freep) struct response *made = NULL, *read = NULL;
    char id[40];

    (void)json_object_set_new(draft, "capacity", json_integer(3));
    made = write_as(mentoring_coordinator(), "POST", "/v1/mentors", NULL, NULL, draft);
    expect_status(made, 201, "a mentor");
    (void)snprintf(id, sizeof(id), "%s", response_text_at(made, "/id"));
    cr_assert_str_eq(response_header(made, "Location"), path_of("/v1/mentors/%s", id));
    cr_assert_str_eq(response_header(made, "Cache-Control"), "no-store");
    cr_assert_eq(id[14], '4', "a random id, which does not tell when it was made: %s", id);
    read = read_as(mentoring_coordinator(), path_of("/v1/mentors/%s", id));
    expect_status(read, 200, "the mentor");
    cr_assert_str_eq(read->body, made->body);
    cr_assert_str_eq(response_header(read, "ETag"), response_header(made, "ETag"));
    for (size_t i = 0; i < ARRAY_LENGTH(SAME); i++)
        cr_expect(json_equal(json_object_get(response_json(read), SAME[i]),
                             json_object_get(draft, SAME[i])),
                  "%s: %s", SAME[i], read->body);
    cr_expect_eq(json_integer_value(response_at(read, "/capacity")), 3);
    cr_expect_str_eq(response_text_at(read, "/status"), "available");
    cr_expect_str_eq(response_text_at(read, "/kind"), "mentor");
    cr_expect_null(response_at(read, "/subject"), "who signs in is not shown");
    expect_value("select availability from mentoring.participant where id =", id, "1048581");
    expect_value("select string_agg(purpose || version, ',' order by purpose) from "
                 "mentoring.consent where withdrawn_at is null and participant_id =",
                 id, "contact1,matching1,programme1,statistics1");
    free(programme);
}

/* Checks Z3, V5, V6. */
Test(participants, what_does_not_belong_there_is_refused_by_pointer)
{
    static const struct {
        const char *members;
        const char *pointer, *code;
    } ROWS[] = {
        {"{\"nationality\":\"x\"}", "/nationality", "unknown-member"},
        {"{\"religion\":\"x\"}", "/religion", "unknown-member"},
        {"{\"residence_status\":\"x\"}", "/residence_status", "unknown-member"},
        {"{\"name\":\"x\"}", "/name", "unknown-member"},
        {"{\"notes\":\"x\"}", "/notes", "unknown-member"},
        {"{\"id\":\"" UNKNOWN_ID "\"}", "/id", "unknown-member"},
        {"{\"version\":1}", "/version", "unknown-member"},
        {"{\"skills\":[\"speaks well of everybody\"]}", "/skills/0", "pattern"},
        {"{\"skills\":[\"" SIXTY_ONE "\"]}", "/skills/0", "too-long"},
        {"{\"skills\":[\"http_" SIXTY_ONE "\"]}", "/skills/0", "too-long"},
        {"{\"goals\":[\"whatever\"]}", "/goals/0", "not-allowed"},
        {"{\"age_band\":\"42\"}", "/age_band", "not-allowed"},
        {"{\"area\":{\"country\":\"BE\",\"lat\":50.85,\"lon\":4.4}}", "/area/lat", "too-precise"},
        {"{\"area\":{\"country\":\"BE\",\"lat\":50.8,\"lon\":4.3517}}", "/area/lon", "too-precise"},
        {"{\"area\":{\"country\":\"BE\",\"lat\":50.8}}", "/area/lon", "required"},
        {"{\"area\":{\"lat\":50.8,\"lon\":4.4}}", "/area/country", "required"},
        {"{\"availability\":{\"monday\":[\"night\"]}}", "/availability/monday/0", "not-allowed"},
        {"{\"availability\":{\"someday\":[\"morning\"]}}", "/availability/someday",
         "unknown-member"},
        {"{\"languages\":[]}", "/languages", "too-few-items"},
        {"{\"languages\":[{\"language\":\"fr\",\"level\":\"A1\"},{\"language\":\"fr\",\"level\":"
         "\"A2\"}]}",
         "/languages/1/language", "duplicate"},
        {"{\"formats\":[]}", "/formats", "too-few-items"},
        {"{\"consents\":[{\"purpose\":\"matching\",\"version\":\"1\"}]}", "/consents", "required"},
        {"{\"consents\":[{\"purpose\":\"programme\",\"version\":\"1\"},{\"purpose\":\"programme\","
         "\"version\":\"2\"}]}",
         "/consents/1/purpose", "duplicate"},
        {"{\"programme\":\"no-such-programme\"}", "/programme", "unknown-record"},
        {"{\"programme\":\"kodiko\"}", "/programme", "unknown-record"},
        {"{\"capacity\":3}", "/capacity", "too-large"},
    };
    char *programme = mentoring_programme(NULL);

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *draft = mentoring_draft(programme, ROWS[i].members);
        CLEANUP(response_freep)
        struct response *response =
            write_as(mentoring_coordinator(), "POST", "/v1/mentors", NULL, NULL, draft);

        expect_problem(response, 422, "validation-failed", ROWS[i].members);
        expect_error(response, ROWS[i].pointer, ROWS[i].code, ROWS[i].members);
    }
    expect_value("select count(*) from mentoring.participant where programme_id =", programme, "0");
    free(programme);
}

/* --- rules of the programme ----------------------------------------------------------------- */

#define RULES                                                                                      \
    "{\"mentor_capacity\":3,\"mentor_minimum_age\":50,\"intakes\":["                               \
    "{\"name\":\"past\",\"opens_on\":\"2020-01-01\",\"closes_on\":\"2020-02-01\"},"                \
    "{\"name\":\"open\",\"opens_on\":\"2020-01-01\",\"closes_on\":\"2999-01-01\"},"                \
    "{\"name\":\"small\",\"opens_on\":\"2020-01-01\",\"closes_on\":\"2999-01-01\",\"places\":2},"  \
    "{\"name\":\"to-come\",\"opens_on\":\"2998-01-01\",\"closes_on\":\"2999-01-01\"}]}"

Test(participants, a_programme_takes_whom_its_rules_allow)
{
    static const struct {
        const char *path, *members;
        const char *pointer, *code; /* NULL: taken */
    } ROWS[] = {
        {"mentors", "{\"age_band\":\"50_64\",\"capacity\":3}", NULL, NULL},
        {"mentors", "{\"age_band\":\"65_and_over\"}", NULL, NULL},
        {"mentors", "{\"age_band\":\"50_64\",\"intake\":\"past\"}", NULL, NULL},
        {"mentors", "{\"age_band\":\"35_49\"}", "/age_band", "not-allowed"},
        {"mentors", NULL, "/age_band", "required"},
        {"mentors", "{\"age_band\":\"50_64\",\"capacity\":4}", "/capacity", "too-large"},
        {"mentors", "{\"age_band\":\"50_64\",\"intake\":\"other\"}", "/intake", "unknown-value"},
        {"mentees", "{\"intake\":\"open\"}", NULL, NULL},
        {"mentors", "{\"age_band\":\"50_64\",\"intake\":\"to-come\"}", NULL, NULL},
        {"mentees", "{\"intake\":\"to-come\"}", "/intake", "intake-not-open"},
        {"mentors", "{\"age_band\":\"50_64\",\"intake\":\"small\"}", NULL, NULL},
        {"mentees", "{\"intake\":\"small\"}", NULL, NULL},
        {"mentees", "{\"intake\":\"small\"}", NULL, NULL},
        {"mentees", "{\"intake\":\"small\"}", "/intake", "intake-full"},
        {"mentees", "{\"intake\":\"past\"}", "/intake", "intake-closed"},
        {"mentees", "{\"intake\":\"other\"}", "/intake", "unknown-value"},
        {"mentees", "{\"age_band\":\"18_24\"}", NULL, NULL},
        {"mentees", "{\"capacity\":1}", "/capacity", "unknown-member"},
    };
    char *programme = mentoring_programme(RULES);

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *draft = mentoring_draft(programme, ROWS[i].members);
        CLEANUP(response_freep)
        struct response *response = write_as(mentoring_coordinator(), "POST",
                                             path_of("/v1/%s", ROWS[i].path), NULL, NULL, draft);

        expect_status(response, ROWS[i].pointer == NULL ? 201 : 422,
                      ROWS[i].members == NULL ? "nothing" : ROWS[i].members);
        if (ROWS[i].pointer != NULL)
            expect_error(response, ROWS[i].pointer, ROWS[i].code, ROWS[i].members);
    }
    free(programme);
}

/* --- changing ------------------------------------------------------------------------------- */

/* Checks V6. */
Test(participants, all_that_is_wrong_is_told_at_once_by_the_contract_and_by_the_programme)
{
    static const struct {
        const char *pointer, *code;
    } FAULTS[] = {
        {"/nationality", "unknown-member"}, {"/availability/monday/0", "wrong-type"},
        {"/area/lat", "too-precise"},       {"/languages/1/language", "duplicate"},
        {"/age_band", "required"},          {"/intake", "unknown-value"},
        {"/capacity", "too-large"},         {"/consents", "required"},
    };
    char *programme = mentoring_programme(RULES);
    struct test_person mentor;
    json_auto_t *draft = mentoring_draft(
        programme,
        "{\"nationality\":\"x\",\"availability\":{\"monday\":[7]},\"area\":{\"country\":"
        "\"BE\",\"lat\":50.85,\"lon\":4.4},\"languages\":[{\"language\":\"fr\",\"level\":"
        "\"A1\"},{\"language\":\"fr\",\"level\":\"A2\"}],\"intake\":\"other\",\"capacity\":99,"
        "\"consents\":[{\"purpose\":\"matching\",\"version\":\"1\"}]}");
    CLEANUP(response_freep)
    struct response *made =
        write_as(mentoring_coordinator(), "POST", "/v1/mentors", NULL, NULL, draft);

    expect_problem(made, 422, "validation-failed", "a mentor");
    for (size_t i = 0; i < ARRAY_LENGTH(FAULTS); i++)
        expect_error(made, FAULTS[i].pointer, FAULTS[i].code, "a mentor");
    cr_expect_eq(json_array_size(response_at(made, "/errors")), ARRAY_LENGTH(FAULTS), "%s",
                 made->body);
    mentoring_person("mentors", programme, "{\"age_band\":\"50_64\"}", &mentor);
    CLEANUP(response_freep)
    struct response *changed =
        write_text(mentor.token, "PATCH", address_of(&mentor, ""), "*", NULL,
                   "{\"name\":\"x\",\"formats\":[\"by_pigeon\"],\"age_band\":\"18_24\",\"area\":"
                   "{\"country\":\"BE\",\"lat\":1.234,\"lon\":2}}");

    expect_problem(changed, 422, "validation-failed", "a change");
    expect_error(changed, "/name", "unknown-member", "a change");
    expect_error(changed, "/formats/0", "not-allowed", "a change");
    expect_error(changed, "/age_band", "not-allowed", "a change");
    expect_error(changed, "/area/lat", "too-precise", "a change");
    cr_expect_eq(json_array_size(response_at(changed, "/errors")), 4, "%s", changed->body);
    free(programme);
}

Test(participants, a_programme_that_is_gone_has_no_intake)
{
    char *programme = mentoring_programme(RULES);
    struct test_person mentee;
    CLEANUP(response_freep) struct response *changed = NULL;

    mentoring_person("mentees", programme, "{\"intake\":\"open\"}", &mentee);
    test_database_run(
        path_of("update catalogue.record set deleted_at = now() where id = '%s'", programme));
    changed = write_text(mentee.token, "PATCH", address_of(&mentee, ""), "*", NULL,
                         "{\"intake\":\"small\"}");
    expect_problem(changed, 422, "validation-failed", "an intake of nothing");
    expect_error(changed, "/intake", "unknown-value", "an intake of nothing");
    free(programme);
}

/* As of all records: first whether it is what was seen, then what is to become of it. */
Test(participants, a_change_without_the_right_version_is_refused_before_its_body_is_read)
{
    static const char *const METHODS[] = {"PATCH", "PUT"};
    char *programme = mentoring_programme(NULL);
    struct test_person mentor;

    mentoring_person("mentors", programme, NULL, &mentor);
    for (size_t i = 0; i < ARRAY_LENGTH(METHODS); i++) {
        CLEANUP(response_freep)
        struct response *without = write_text(mentor.token, METHODS[i], address_of(&mentor, ""),
                                              NULL, NULL, "{\"name\":\"x\"}");
        CLEANUP(response_freep)
        struct response *stale = write_text(mentor.token, METHODS[i], address_of(&mentor, ""),
                                            "\"other\"", NULL, "{\"name\":\"x\"}");

        expect_problem(without, 428, "precondition-required", METHODS[i]);
        expect_problem(stale, 412, "precondition-failed", METHODS[i]);
    }
    free(programme);
}

/* Checks C1. */
Test(participants, a_change_is_a_merge_patch_of_what_was_read)
{
    char *programme = mentoring_programme(NULL);
    struct test_person mentor;
    const char *path;
    CLEANUP(response_freep)
    struct response *first = NULL, *second = NULL, *stale = NULL, *without = NULL, *wrong = NULL,
                    *whole = NULL;

    mentoring_person("mentors", programme, RICH, &mentor);
    path = address_of(&mentor, "");
    first = read_as(mentor.token, path);
    expect_status(first, 200, "a mentor reads what is known of it");
    without = write_text(mentor.token, "PATCH", path, NULL, NULL, "{\"status\":\"paused\"}");
    expect_problem(without, 428, "precondition-required", "without If-Match");
    second = write_text(mentor.token, "PATCH", path, response_header(first, "ETag"), NULL,
                        "{\"status\":\"paused\",\"availability\":{\"monday\":null,\"friday\":"
                        "[\"morning\"]},\"area\":null,\"skills\":null}");
    expect_status(second, 200, "the patch");
    cr_expect_null(response_at(second, "/availability/monday"));
    cr_expect_not_null(response_at(second, "/availability/friday"));
    cr_expect_not_null(response_at(second, "/availability/sunday"));
    cr_expect_null(response_at(second, "/area"));
    cr_expect_eq(json_array_size(response_at(second, "/skills")), 0);
    cr_expect_eq(json_array_size(response_at(second, "/languages")), 2);
    cr_expect_eq(json_integer_value(response_at(second, "/version")), 2);
    stale = write_text(mentor.token, "PATCH", path, response_header(first, "ETag"), NULL,
                       "{\"status\":\"available\"}");
    expect_problem(stale, 412, "precondition-failed", "what was read before");
    cr_expect_str_eq(response_header(stale, "ETag"), response_header(second, "ETag"));
    wrong = write_text(mentor.token, "PATCH", path, "*", NULL,
                       "{\"capacity\":9,\"area\":{\"country\":\"BE\",\"lat\":1.234,\"lon\":2}}");
    expect_error(wrong, "/area/lat", "too-precise", "a patch is held against the rules, too");
    whole = write_text(mentor.token, "PUT", path, response_header(second, "ETag"), NULL,
                       "{\"languages\":[{\"language\":\"fr\",\"level\":\"A1\"}],"
                       "\"formats\":[\"remote\"],\"capacity\":2}");
    expect_status(whole, 200, "the whole profile anew");
    cr_expect_str_eq(response_text_at(whole, "/status"), "available");
    cr_expect_null(response_at(whole, "/age_band"));
    cr_expect_null(response_at(whole, "/availability/friday"));
    cr_expect_eq(json_integer_value(response_at(whole, "/version")), 3);
    free(programme);
}

/* --- who may -------------------------------------------------------------------------------- */

/* Checks Z2, Z7, P14. */
Test(participants, people_are_their_coordinators_and_nobody_elses)
{
    static const char *const BEHIND[] = {"", "/contact", "/consents"};
    char *programme = mentoring_programme(NULL);
    struct test_person mentee, other;

    mentoring_person("mentees", programme, NULL, &mentee);
    mentoring_person("mentees", programme, NULL, &other);
    for (size_t i = 0; i < ARRAY_LENGTH(BEHIND); i++) {
        const char *path = address_of(&mentee, BEHIND[i]);
        const char *nowhere = path_of("/v1/mentees/" UNKNOWN_ID "%s", BEHIND[i]);
        const char *const strangers[] = {mentoring_other_coordinator(), other.token};
        const char *const others[] = {writer_partner(), writer_editor(), writer_admin()};

        for (size_t j = 0; j < ARRAY_LENGTH(strangers); j++) {
            CLEANUP(response_freep) struct response *response = read_as(strangers[j], path);
            CLEANUP(response_freep) struct response *unknown = read_as(strangers[j], nowhere);

            expect_problem(response, 404, "not-found", path);
            cr_expect_eq(response->body_bytes, unknown->body_bytes);
        }
        for (size_t j = 0; j < ARRAY_LENGTH(others); j++) {
            CLEANUP(response_freep) struct response *response = read_as(others[j], path);

            expect_problem(response, 403, "forbidden", path);
        }
    }
    CLEANUP(response_freep)
    struct response *as_mentor =
        read_as(mentoring_coordinator(), path_of("/v1/mentors/%s", mentee.id));
    CLEANUP(response_freep)
    struct response *changed =
        write_text(mentoring_other_coordinator(), "PATCH", address_of(&mentee, ""), "*", NULL,
                   "{\"status\":\"paused\"}");

    expect_problem(as_mentor, 404, "not-found", "a mentee is no mentor");
    expect_problem(changed, 404, "not-found", "a change of another's mentee");
    free(programme);
}

static size_t count_listed(const char *token, const char *path, const char *id)
{
    const char *first = path_of("%s%climit=2", path, strchr(path, '?') == NULL ? '?' : '&');
    const char *next = first;
    size_t count = 0, found = 0;

    while (next != NULL) {
        CLEANUP(response_freep) struct response *page = read_as(token, next);
        const json_t *item, *cursor;
        size_t i;

        expect_status(page, 200, next);
        cr_assert_null(response_at(page, "/page/total"), "a count of people is told to nobody");
        json_array_foreach (response_at(page, "/data"), i, item) {
            count++;
            if (strcmp(json_string_value(json_object_get(item, "id")), id) == 0)
                found++;
        }
        cursor = response_at(page, "/page/next");
        next =
            json_is_null(cursor) ? NULL : path_of("%s&cursor=%s", first, json_string_value(cursor));
    }
    cr_expect_leq(found, 1);
    return id[0] == '\0' ? count : found;
}

/* Checks P4, Z24. */
Test(participants, lists_go_page_by_page_and_show_what_the_filters_say)
{
    char *programme = mentoring_programme(RULES);
    struct test_person people[5];
    const char *path = path_of("/v1/mentees?programme=%s", programme);
    CLEANUP(response_freep) struct response *page = NULL, *foreign = NULL, *unknown = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(people); i++)
        mentoring_person("mentees", programme,
                         i == 4   ? "{\"status\":\"paused\"}"
                         : i == 3 ? "{\"intake\":\"open\"}"
                                  : NULL,
                         &people[i]);
    cr_expect_eq(count_listed(mentoring_coordinator(), path, ""), 5);
    cr_expect_eq(count_listed(mentoring_coordinator(), path, people[2].id), 1);
    cr_expect_eq(count_listed(mentoring_coordinator(), "/v1/mentees", people[2].id), 1);
    cr_expect_eq(count_listed(mentoring_coordinator(), path_of("%s&status=paused", path), ""), 1);
    cr_expect_eq(count_listed(mentoring_coordinator(), path_of("%s&intake=open", path), ""), 1);
    cr_expect_eq(count_listed(mentoring_other_coordinator(), "/v1/mentees", people[2].id), 0);
    cr_expect_eq(count_listed(people[1].token, "/v1/mentees", ""), 1);
    cr_expect_eq(count_listed(people[1].token, "/v1/mentees", people[1].id), 1);
    cr_expect_eq(count_listed(people[1].token, "/v1/mentors", ""), 0);
    page = read_as(mentoring_coordinator(), path_of("%s&limit=2", path));
    foreign = read_as(mentoring_other_coordinator(), path_of("/v1/mentees?limit=2&cursor=%s",
                                                             response_text_at(page, "/page/next")));
    expect_problem(foreign, 400, "invalid-cursor", "another's cursor");
    unknown = read_as(mentoring_other_coordinator(), path);
    expect_problem(unknown, 400, "invalid-parameter", "another's programme");
    free(programme);
}

/* --- contact and consents ------------------------------------------------------------------- */

Test(participants, a_contact_is_set_read_and_forgotten_apart_from_the_profile)
{
    char *programme = mentoring_programme(NULL);
    struct test_person mentor;
    const char *path;
    CLEANUP(response_freep)
    struct response *none = NULL, *set = NULL, *read = NULL, *gone = NULL, *bad = NULL,
                    *profile = NULL;

    mentoring_person("mentors", programme, NULL, &mentor);
    path = address_of(&mentor, "/contact");
    none = read_as(mentor.token, path);
    expect_problem(none, 404, "not-found", "nothing was said yet");
    bad = write_text(mentor.token, "PUT", path, NULL, NULL,
                     "{\"channel\":\"pigeon\",\"address\":\"\",\"name\":\"x\"}");
    expect_error(bad, "/channel", "not-allowed", "a channel that is none");
    expect_error(bad, "/name", "unknown-member", "a name");
    set = write_text(mentor.token, "PUT", path, NULL, NULL,
                     "{\"channel\":\"email\",\"address\":\"canary-8e21@example.org\"}");
    expect_status(set, 200, "the person sets it");
    read = read_as(mentoring_coordinator(), path);
    expect_status(read, 200, "the coordinator reads it");
    cr_expect_str_eq(response_text_at(read, "/address"), "canary-8e21@example.org");
    profile = read_as(mentoring_coordinator(), address_of(&mentor, ""));
    cr_expect_null(strstr(profile->body, "canary-8e21"));
    gone = write_as(mentoring_coordinator(), "DELETE", path, NULL, NULL, NULL);
    expect_status(gone, 204, "the coordinator forgets it");
    expect_value("select count(*) from mentoring.contact where participant_id =", mentor.id, "0");
    free(programme);
}

static struct response *consent(const struct test_person *person, const char *token,
                                const char *behind, const char *body)
{
    return write_text(token, "POST", address_of(person, behind), NULL, NULL, body);
}

Test(participants, new_words_take_the_place_of_old_ones_and_end_nothing)
{
    char *programme = mentoring_programme(NULL);
    struct test_person mentee;

    mentoring_person("mentees", programme, NULL, &mentee);
    CLEANUP(response_freep)
    struct response *given = consent(&mentee, mentee.token, "/consents",
                                     "{\"purpose\":\"programme\",\"version\":\"2\"}");
    CLEANUP(response_freep)
    struct response *same = consent(&mentee, mentee.token, "/consents",
                                    "{\"purpose\":\"programme\",\"version\":\"2\"}");
    CLEANUP(response_freep)
    struct response *list = read_as(mentoring_coordinator(), address_of(&mentee, "/consents"));

    expect_status(given, 201, "other words");
    expect_status(same, 201, "the same again");
    cr_expect_str_eq(given->body, same->body, "nothing new");
    expect_status(list, 200, "still in the programme");
    cr_expect_eq(json_array_size(response_at(list, "/data")), 5);
    expect_value("select count(*) from mentoring.consent where replaced and participant_id =",
                 mentee.id, "1");
    free(programme);
}

/* Checks P9. */
Test(participants, who_withdraws_is_seen_by_nobody_else_from_then_on)
{
    char *programme = mentoring_programme(NULL);
    struct test_person mentee;

    mentoring_person("mentees", programme, NULL, &mentee);
    CLEANUP(response_freep)
    struct response *reached =
        write_text(mentee.token, "PUT", address_of(&mentee, "/contact"), NULL, NULL, CONTACT);
    CLEANUP(response_freep)
    struct response *never = consent(&mentee, mentee.token, "/consents/statistic/withdraw", NULL);
    CLEANUP(response_freep)
    struct response *one = consent(&mentee, mentee.token, "/consents/statistics/withdraw", NULL);
    CLEANUP(response_freep)
    struct response *still = read_as(mentoring_coordinator(), address_of(&mentee, ""));
    CLEANUP(response_freep)
    struct response *all =
        consent(&mentee, mentoring_coordinator(), "/consents/programme/withdraw", NULL);
    CLEANUP(response_freep)
    struct response *coordinator = read_as(mentoring_coordinator(), address_of(&mentee, ""));
    CLEANUP(response_freep) struct response *own = read_as(mentee.token, address_of(&mentee, ""));
    CLEANUP(response_freep)
    struct response *again = consent(&mentee, mentee.token, "/consents/programme/withdraw", NULL);
    CLEANUP(response_freep)
    struct response *back = consent(&mentee, mentee.token, "/consents",
                                    "{\"purpose\":\"programme\",\"version\":\"2\"}");

    CLEANUP(response_freep)
    struct response *unreached =
        write_text(mentee.token, "PUT", address_of(&mentee, "/contact"), NULL, NULL, CONTACT);

    expect_status(reached, 200, "how to reach the mentee");
    expect_problem(unreached, 409, "participant-withdrawn", "nobody is to reach it any more");
    expect_value("select count(*) from mentoring.contact where participant_id =", mentee.id, "0");
    expect_problem(never, 404, "not-found", "a purpose that there is not");
    expect_status(one, 200, "to be counted no more");
    expect_status(still, 200, "that alone hides nobody");
    expect_status(all, 200, "to be in it no more");
    cr_expect_not_null(response_at(all, "/withdrawn_at"));
    expect_problem(coordinator, 404, "not-found", "the coordinator sees it no more");
    cr_expect_eq(count_listed(mentoring_coordinator(), "/v1/mentees", mentee.id), 0);
    expect_status(own, 200, "the person does");
    cr_expect_not_null(response_at(own, "/withdrawn_at"));
    expect_status(again, 200, "once more changes nothing");
    cr_expect_str_eq(response_text_at(again, "/withdrawn_at"),
                     response_text_at(all, "/withdrawn_at"));
    expect_problem(back, 409, "participant-withdrawn", "there is no way back");
    free(programme);
}

/* Checks P9, Z21. */
Test(participants, who_has_left_comes_back_anew_and_nobody_learns_that_they_were_there)
{
    char *programme = mentoring_programme(NULL);
    struct test_person before, after;

    mentoring_person("mentees", programme, NULL, &before);
    CLEANUP(response_freep)
    struct response *left = consent(&before, before.token, "/consents/programme/withdraw", NULL);
    const char *same = path_of("{\"subject\":\"%s\"}", before.subject);

    expect_status(left, 200, "the mentee leaves");
    mentoring_person("mentees", programme, same, &after);
    json_auto_t *draft = mentoring_draft(programme, same);
    CLEANUP(response_freep)
    struct response *twice =
        write_as(mentoring_coordinator(), "POST", "/v1/mentees", NULL, NULL, draft);
    CLEANUP(response_freep) struct response *own = read_as(after.token, address_of(&after, ""));
    CLEANUP(response_freep) struct response *old = read_as(after.token, address_of(&before, ""));

    cr_expect_str_neq(before.id, after.id);
    expect_problem(twice, 409, "participant-known", "once at a time");
    expect_status(own, 200, "who has come back");
    expect_status(old, 200, "what is still kept of before, to the person");
    expect_value("select e.subject = p.audit_id::text from audit.entry e "
                 "join mentoring.participant p on p.audit_id = e.record_id "
                 "where e.action = 'mentee.read' and p.id =",
                 after.id, "t");
    free(programme);
}

/* --- once ----------------------------------------------------------------------------------- */

/* Checks I1. */
Test(participants, somebody_comes_once_however_often_it_is_sent)
{
    char *programme = mentoring_programme(NULL);
    json_auto_t *draft = mentoring_draft(programme, "{\"subject\":\"the-same-person\"}");
    CLEANUP(response_freep)
    struct response *first =
        write_as(mentoring_coordinator(), "POST", "/v1/mentees", NULL, "come-once", draft);
    CLEANUP(response_freep)
    struct response *second =
        write_as(mentoring_coordinator(), "POST", "/v1/mentees", NULL, "come-once", draft);
    CLEANUP(response_freep)
    struct response *third =
        write_as(mentoring_coordinator(), "POST", "/v1/mentees", NULL, NULL, draft);

    expect_status(first, 201, "the first time");
    expect_status(second, 201, "the same again");
    cr_expect_str_eq(first->body, second->body);
    cr_expect_str_eq(response_header(second, "Idempotency-Replayed"), "true");
    expect_problem(third, 409, "participant-known", "without the key");
    free(programme);
}

Test(participants, a_rehearsal_leaves_nobody)
{
    char *programme = mentoring_programme(NULL);
    json_auto_t *draft = mentoring_draft(programme, NULL);
    CLEANUP(response_freep)
    struct response *response =
        write_as(mentoring_coordinator(), "POST", "/v1/mentors?dry_run=true", NULL, NULL, draft);

    expect_status(response, 201, "a rehearsal");
    cr_expect(json_is_true(response_at(response, "/meta/dry_run")));
    expect_value("select count(*) from mentoring.participant where programme_id =", programme, "0");
    free(programme);
}

/* --- the audit log -------------------------------------------------------------------------- */

/* Checks P6, P12. */
Test(participants, the_log_calls_a_person_by_a_name_that_it_has_nowhere_else)
{
    char *programme = mentoring_programme(NULL);
    struct test_person mentor;

    mentoring_person("mentors", programme, NULL, &mentor);
    CLEANUP(response_freep) struct response *read = read_as(mentor.token, address_of(&mentor, ""));

    expect_status(read, 200, "a person looks at itself");
    expect_value("select string_agg(e.action || ' ' || e.role || ' ' || "
                 "coalesce((e.subject = p.audit_id::text)::text, '-'), ', ' order by e.at) "
                 "from audit.entry e join mentoring.participant p on p.audit_id = e.record_id "
                 "where p.id =",
                 mentor.id, "mentor.create coordinator false, mentor.read participant true");
    expect_value("select count(*) from audit.entry e join mentoring.participant p "
                 "on e.record_id = p.id or e.subject = p.subject where p.id =",
                 mentor.id, "0");
    free(programme);
}
