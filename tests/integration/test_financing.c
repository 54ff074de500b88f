/*
 * Who could have which financing offer: a profile, and what each offer asks of it.
 */
#include "base/annotate.h"
#include "db/db.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/offers.h"
#include "support/server.h"
#include "support/sql.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(financing, .fini = test_ends_without_leaks, .timeout = 120);

#define PATH_BYTES 512

Test(financing, a_newcomer_in_brussels_sees_what_she_could_have_and_why)
{
    CLEANUP(response_freep)
    struct response *response =
        offer_match("{\"country\":\"BE\",\"city\":\"Brussels\",\"target_groups\":[\"refugees\"],"
                    "\"age\":34,\"legal_form\":\"not_yet\",\"stage\":\"start_up\",\"sector\":"
                    "\"catering\",\"limit\":100}");
    const json_t *microstart = offer_matched(response, "microstart-microcredit");
    const json_t *paris = offer_matched(response, "paris-public-orders");
    const json_t *law = offer_matched(response, "reserved-contracts-directive-2014-24-eu");
    const json_t *counts = response_at(response, "/counts");
    size_t total = (size_t)json_integer_value(response_at(response, "/page/total"));

    cr_assert_str_eq(response_header(response, "Cache-Control"), "no-store");
    cr_assert_null(response_header(response, "ETag"));
    cr_assert_not_null(microstart);
    cr_assert_str_eq(offer_finding(microstart, "city"), "yes met");
    cr_assert_str_eq(offer_finding(microstart, "target_groups"), "yes open_to_all");
    cr_assert_str_eq(offer_finding(microstart, "age"), "unknown not_stated");
    cr_assert_str_eq(offer_finding(microstart, "gender"), "", "nobody speaks of it");
    cr_assert_str_eq(json_string_value(json_object_get(microstart, "verdict")), "unknown");
    cr_assert_not_null(paris);
    cr_assert_str_eq(offer_finding(paris, "country"), "no not_met");
    cr_assert_str_eq(offer_finding(paris, "legal_form"), "unknown to_be_founded");
    cr_assert_str_eq(json_string_value(json_object_get(paris, "verdict")), "no");
    cr_assert_gt(json_array_size(json_object_get(paris, "similar")), 0);
    cr_assert_null(json_object_get(microstart, "similar"));
    cr_assert_not_null(law);
    cr_assert_str_eq(offer_finding(law, "legal_basis"), "unknown law_reach_unknown");
    cr_assert_not_null(json_object_get(json_object_get(law, "offer"), "legal_basis"));
    cr_assert_null(offer_matched(response, "erasmus-plus-ka2-insert-pro-migrants"), "it is closed");
    cr_assert_eq(total, (size_t)(json_integer_value(json_object_get(counts, "yes")) +
                                 json_integer_value(json_object_get(counts, "unknown")) +
                                 json_integer_value(json_object_get(counts, "no"))));
}

Test(financing, a_city_is_the_same_in_every_language_and_no_name_excludes_anybody)
{
    static const struct {
        const char *city, *microstart, *liege;
    } ROWS[] = {
        {"Bruxelles", "yes met", "no not_met"},
        {"brussel", "yes met", "no not_met"},
        {"Lüttich", "no not_met", "yes met"},
        {"Oudergem", "unknown city_not_known", "unknown city_not_known"},
        {"Saint-Josse", "unknown city_nearby", "no not_met"},
    };
    char *written =
        offer_publish("In another language", "{\"country\":\"BE\",\"city\":\"Bruxelles\","
                                             "\"location\":{\"lat\":50.85,\"lon\":4.35}}");
    char *part =
        offer_publish("In a part of the town", "{\"country\":\"BE\",\"city\":\"Saint-Josse\","
                                               "\"location\":{\"lat\":50.854,\"lon\":4.37}}");

    response_free(offer_match_with("{\"country\":\"BE\",\"limit\":100}", part));
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char profile[PATH_BYTES];
        CLEANUP(response_freep) struct response *response = NULL;

        (void)snprintf(profile, sizeof(profile),
                       "{\"country\":\"BE\",\"city\":\"%s\",\"limit\":100}", ROWS[i].city);
        response = offer_match_with(profile, written);
        cr_expect_str_eq(offer_finding(offer_matched(response, "microstart-microcredit"), "city"),
                         ROWS[i].microstart, "%s", ROWS[i].city);
        cr_expect_str_eq(offer_finding(offer_matched(response, written), "city"),
                         ROWS[i].microstart, "%s", ROWS[i].city);
        cr_expect_str_eq(offer_finding(offer_matched(response, "sada-settlement-support"), "city"),
                         ROWS[i].liege, "%s", ROWS[i].city);
    }
    free(written);
    free(part);
}

Test(financing, what_is_not_told_is_asked_for_and_its_answer_decides)
{
    char *slug = offer_publish("For the young of one city",
                               "{\"country\":\"MT\",\"city\":\"Valletta\",\"eligibility\":{"
                               "\"maximum_age\":29,\"target_groups\":[\"newcomers\"]},"
                               "\"activity_status\":\"open\"}");
    CLEANUP(response_freep)
    struct response *response = offer_match_with(
        "{\"country\":\"MT\",\"city\":\"valletta\",\"target_groups\":[\"newcomers\"],"
        "\"limit\":100}",
        slug);
    CLEANUP(response_freep)
    struct response *young =
        offer_match("{\"country\":\"MT\",\"city\":\"valletta\",\"target_groups\":"
                    "[\"newcomers\"],\"age\":29,\"limit\":1}");
    CLEANUP(response_freep)
    struct response *old =
        offer_match("{\"country\":\"MT\",\"city\":\"valletta\",\"target_groups\":"
                    "[\"newcomers\"],\"age\":30,\"verdicts\":[\"yes\"]}");
    const json_t *entry;
    bool is_asked = false;
    size_t i, j;

    cr_assert_str_eq(offer_finding(offer_matched(response, slug), "age"), "unknown not_told");
    json_array_foreach (response_at(response, "/missing"), i, entry) {
        const json_t *listed;

        if (strcmp(json_string_value(json_object_get(entry, "criterion")), "age") == 0)
            json_array_foreach (json_object_get(entry, "offers"), j, listed)
                is_asked = is_asked || strcmp(json_string_value(listed), slug) == 0;
    }
    cr_assert(is_asked);
    cr_assert_str_eq(response_text_at(young, "/data/0/offer/slug"), slug);
    cr_assert_str_eq(response_text_at(young, "/data/0/verdict"), "yes");
    cr_assert_null(offer_matched(old, slug));
    cr_assert_eq(json_array_size(response_at(old, "/data")), 0);
    free(slug);
}

/* What is found of a profile that says this, in an offer that is for no other @wanted. */
static void expect_finding(const char *property, const char *wanted, const char *told,
                           const char *criterion, const char *verdict, const char *why)
{
    char profile[PATH_BYTES], more[PATH_BYTES];
    CLEANUP(response_freep) struct response *response = NULL;
    char *slug;

    (void)snprintf(more, sizeof(more),
                   "{\"country\":\"MT\",\"activity_status\":\"open\",\"eligibility\":{"
                   "\"%s\":[\"%s\"]}}",
                   property, wanted);
    (void)snprintf(profile, sizeof(profile), "{\"country\":\"MT\",\"limit\":100,%s}", told);
    slug = offer_publish("Whom it is for", more);
    response = offer_match_with(profile, slug);
    cr_expect_str_eq(offer_finding(offer_matched(response, slug), criterion), verdict, "%s: %s %s",
                     why, more, profile);
    offer_step(writer_editor(), slug, "archive");
    free(slug);
}

Test(financing, nobody_is_excluded_by_what_they_did_not_say)
{
    static const struct {
        const char *groups, *told, *verdict, *why;
    } ROWS[] = {
        {"refugees", "\"target_groups\":[\"refugees\"]", "yes met", "the same"},
        {"migrants", "\"target_groups\":[\"newcomers\"]", "yes met", "a wider one"},
        {"young_migrants", "\"target_groups\":[\"unaccompanied_minors\"]", "yes met", "wider"},
        {"refugees", "\"target_groups\":[\"students\"]", "no not_met", "others"},
        {"refugees", "\"target_groups\":[\"migrants\"]", "unknown not_told", "a narrower one"},
        {"unaccompanied_minors", "\"target_groups\":[\"migrants\"]", "unknown not_told", "two on"},
        {"young_migrants", "\"target_groups\":[\"refugees\"]", "unknown not_told", "beside it"},
        {"asylum_seekers", "\"target_groups\":[\"refugees\"]", "no not_met", "one status"},
        {"entrepreneurs", "\"residence_status\":\"recognised_refugee\"", "unknown not_told",
         "a status alone"},
        {"asylum_seekers", "\"residence_status\":\"recognised_refugee\"", "no not_met", "another"},
        {"jobseekers", "\"target_groups\":[\"refugees\"]", "unknown not_told", "may be both"},
        {"people_with_disabilities", "\"target_groups\":[\"refugees\"]", "unknown not_told", "as"},
        {"migrant_women", "\"target_groups\":[\"refugees\"]", "unknown not_told", "may be one"},
        {"migrant_women", "\"target_groups\":[\"refugees\"],\"gender\":\"male\"", "no not_met",
         "is none"},
        {"migrant_women", "\"target_groups\":[\"refugees\"],\"gender\":\"female\"", "yes met",
         "is one"},
        {"undocumented_migrants", "\"residence_status\":\"undocumented\"", "yes met", "as status"},
        {"residents", "\"target_groups\":[\"students\"]", "yes met", "whoever lives there"},
        {"residents", "\"age\":20", "yes met", "whoever it is"},
        {"trade_unions", "\"target_groups\":[\"refugees\"]", "no not_met", "no person"},
    };
    static const struct {
        const char *sector, *told, *verdict, *why;
    } SECTORS[] = {
        {"multi_sector", "\"sector\":\"catering\"", "yes met", "whatever it is"},
        {"catering", "\"sector\":\"multi_sector\"", "unknown not_told", "may be that"},
        {"catering", "\"sector\":\"textile\"", "no not_met", "another"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        expect_finding("target_groups", ROWS[i].groups, ROWS[i].told, "target_groups",
                       ROWS[i].verdict, ROWS[i].why);
    for (size_t i = 0; i < ARRAY_LENGTH(SECTORS); i++)
        expect_finding("sectors", SECTORS[i].sector, SECTORS[i].told, "sector", SECTORS[i].verdict,
                       SECTORS[i].why);
}

Test(financing, words_are_told_to_be_read_and_openness_is_taken_at_its_word)
{
    char *words = offer_publish("Conditions in words",
                                "{\"country\":\"MT\",\"activity_status\":\"open\",\"eligibility\":{"
                                "\"themes\":[\"boats\"],\"legal_condition\":\"with a licence\"}}");
    char *open =
        offer_publish("Open to all", "{\"country\":\"MT\",\"eligibility\":{\"open_to_all\":["
                                     "\"open\",\"legal_basis\"]}}");
    CLEANUP(response_freep)
    struct response *first = offer_match_with("{\"country\":\"MT\",\"limit\":100}", words);
    CLEANUP(response_freep)
    struct response *second = offer_match_with("{\"country\":\"MT\",\"limit\":100}", open);
    const json_t *item = offer_matched(first, words);

    cr_assert_str_eq(offer_finding(item, "sector"), "unknown in_words");
    cr_assert_str_eq(offer_finding(item, "legal_basis"), "unknown in_words");
    cr_assert_str_eq(json_string_value(json_object_get(item, "as_stated")), "unknown");
    item = offer_matched(second, open);
    cr_assert_str_eq(offer_finding(item, "open"), "yes open_to_all");
    cr_assert_str_eq(offer_finding(item, "legal_basis"), "yes open_to_all");
    cr_assert_str_eq(json_string_value(json_object_get(item, "verdict")), "yes");
    free(words);
    free(open);
}

/* Until the server has heard that an offer was published, or withdrawn. */
static void wait_for_match(const char *slug, bool is_expected)
{
    bool is_there = !is_expected;

    for (unsigned waited = 0; is_there != is_expected; waited += PAUSE_MS) {
        CLEANUP(response_freep) struct response *response = offer_match("{\"limit\":100}");

        cr_assert_lt(waited, WAIT_MS_MAX);
        is_there = offer_matched(response, slug) != NULL;
        if (is_there != is_expected)
            pause_shortly();
    }
}

Test(financing, matches_follow_what_is_published_and_withdrawn)
{
    CLEANUP(response_freep) struct response *before = offer_match("{\"limit\":100}");
    char *slug = offer_publish("New on the list", "{}");

    cr_assert_eq(before->status, 200);
    wait_for_match(slug, true);
    offer_step(writer_editor(), slug, "archive");
    wait_for_match(slug, false);
    free(slug);
}

/* Do the pages show what the whole does before and after? They do once nobody writes. */
static bool pages_are_one_list(void)
{
    static const char PROFILE[] = "{\"country\":\"MT\",\"limit\":%d,\"offset\":%d}";
    char profile[PATH_BYTES];
    json_auto_t *pages = json_array();
    json_t *whole[2];
    bool is_same;

    (void)snprintf(profile, sizeof(profile), PROFILE, 39, 0);
    for (int i = 0; i < 2; i++) {
        CLEANUP(response_freep) struct response *response = offer_match(profile);

        whole[i] = json_deep_copy(response_at(response, "/data"));
        for (int offset = 0; i == 0 && offset < 39; offset += 13) {
            CLEANUP(response_freep) struct response *part = NULL;
            char page[PATH_BYTES];

            (void)snprintf(page, sizeof(page), PROFILE, 13, offset);
            part = offer_match(page);
            cr_assert_eq(json_array_extend(pages, (json_t *)(uintptr_t)response_at(part, "/data")),
                         0);
        }
    }
    /* What others publish meanwhile they may take back meanwhile, too. */
    is_same = json_equal(whole[0], whole[1]) == 1 && json_equal(whole[0], pages) == 1;
    json_decref(whole[0]);
    json_decref(whole[1]);
    return is_same;
}

Test(financing, pages_of_matches_are_one_list_and_words_are_those_asked_for)
{
    CLEANUP(response_freep)
    struct response *french =
        http_send("POST", "/v1/financing-offers/match",
                  (const char *const[]){"Content-Type: application/json",
                                        "Accept-Language: fr-BE, en;q=0.5", NULL},
                  "{\"limit\":99}", strlen("{\"limit\":99}"));

    cr_assert_str_eq(response_header(french, "Content-Language"), "fr");
    cr_assert_not_null(strstr(french->body, "L'offre"));
    for (unsigned waited = 0; !pages_are_one_list(); waited += PAUSE_MS)
        cr_assert_lt(waited, WAIT_MS_MAX);
}

Test(financing, a_profile_with_faults_is_refused_with_all_of_them)
{
    CLEANUP(response_freep)
    struct response *response = offer_match("{\"country\":\"Belgium\",\"age\":-1,\"name\":\"x\","
                                            "\"limit\":101,\"amount\":{\"amount\":\"1\"}}");

    expect_problem(response, 422, "validation-failed", "five faults");
    expect_error(response, "/country", "not-allowed", "country");
    expect_error(response, "/age", "too-small", "age");
    expect_error(response, "/limit", "too-large", "limit");
    expect_error(response, "/amount/currency", "required", "currency");
    cr_assert_geq(json_array_size(response_at(response, "/errors")), 5);
}

/* Checks P1. */
Test(financing, nothing_of_a_profile_is_kept_or_logged)
{
    static const char CANARY[] = "canarytown-7f3a9";
    static const char SEARCH[] =
        "select coalesce(string_agg(place, ' '), '') from (select format('%I.%I', n.nspname, "
        "c.relname) as place, query_to_xml(format('select 1 from %I.%I x where x::text ~ "
        "''canarytown|73915846207'' limit 1', n.nspname, c.relname), false, true, '')::text as "
        "found "
        "from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and "
        "n.nspname not in ('pg_catalog', 'information_schema')) looked where found <> ''";
    /* tools/lib/database.sh: it lies beside the data. */
    static const char DATABASE_LOG[] =
        "select (log ~ 'ready to accept connections') || ' ' || (log ~ 'canarytown|73915846207') "
        "from (select convert_from(pg_read_binary_file(current_setting('data_directory') || "
        "'/../log'), 'LATIN1') as log) read";
    struct db_pool *pool = NULL;
    struct db *db = NULL;
    CLEANUP(response_freep)
    struct response *valid = offer_match(
        "{\"city\":\"canarytown-7f3a9\",\"country\":\"BE\",\"residence_status\":"
        "\"undocumented\",\"amount\":{\"amount\":\"73915846207.57\",\"currency\":\"EUR\"}}");
    CLEANUP(response_freep)
    struct response *invalid =
        offer_match("{\"city\":\"canarytown-7f3a9\",\"age\":\"canarytown-7f3a9\"}");
    CLEANUP(response_freep)
    struct response *malformed = offer_match("{\"city\":\"canarytown-7f3a9\"");
    CLEANUP(response_freep) struct response *metrics = NULL;
    char url[PATH_BYTES];

    expect_status(valid, 200, "valid");
    expect_status(invalid, 422, "invalid");
    expect_status(malformed, 400, "malformed");
    cr_assert_null(strstr(valid->body, CANARY));
    cr_assert_eq(test_server_log_lines("canarytown"), 0);
    cr_assert_eq(test_server_log_lines("73915846207"), 0);
    cr_assert_eq(test_server_log_lines("undocumented"), 0);
    (void)snprintf(url, sizeof(url), "%s/metrics", getenv("API_ADMIN_URL"));
    metrics = http_send_unchecked("GET", url, NULL, NULL, 0);
    cr_assert_eq(metrics->status, 200);
    cr_assert_null(strstr(metrics->body, "canarytown"));
    pool = sql_pool(NULL, NULL);
    cr_assert_eq(db_lease(pool, &db), 0);
    cr_expect_str_eq(sql_value_of(db, SEARCH, ""), "");
    cr_expect_str_eq(sql_value_of(db, DATABASE_LOG, ""), "true false", "its log, without us");
    db_release(db);
    db_pool_free(pool);
}
