/*
 * What an offer comes to in money: sums in other currencies, by rates that the operator brings, and
 * schedules, by which a share falls.
 */
#include "base/annotate.h"
#include "base/clock.h"
#include "db/db.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/offers.h"
#include "support/program.h"
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

TestSuite(sums, .fini = test_ends_without_leaks, .timeout = 120);

#define PATH_BYTES 512

/* --- sums --------------------------------------------------------------------------------------
 */

static struct program_result run_rates(const char *csv)
{
    char path[] = "/tmp/express-rates-XXXXXX";
    char database[1024];
    struct program_result result;

    cr_assert(program_write_file(path, csv));
    (void)snprintf(database, sizeof(database), "EXPRESS_DATABASE_URL=%s",
                   getenv("API_DATABASE_URL"));
    cr_assert(program_run((const char *const[]){"rates", "import", path, NULL},
                          (const char *const[]){database, NULL}, &result),
              "%s", result.error);
    (void)remove(path);
    return result;
}

Test(financing, sums_are_compared_by_the_rate_of_a_day_that_the_operator_brought)
{
    char *slug = offer_publish("An offer in forints",
                               "{\"minimum_amount\":{\"amount\":\"200000\",\"currency\":\"HUF\"},"
                               "\"maximum_amount\":{\"amount\":\"4000000\",\"currency\":\"HUF\"}}");
    static const char PROFILE[] =
        "{\"amount\":{\"amount\":\"5000\",\"currency\":\"EUR\"},\"limit\":100%s}";
    struct program_result result;
    char etag[64], profile[PATH_BYTES], past[PATH_BYTES], condition[PATH_BYTES], now[64];
    const json_t *item;

    {
        CLEANUP(response_freep)
        struct response *response = http_get(path_of("/v1/financing-offers/%s", slug));
        CLEANUP(response_freep) struct response *unknown = NULL;
        CLEANUP(response_freep) struct response *before_import = NULL;

        (void)snprintf(past, sizeof(past), "/v1/financing-offers/%s?as_of=%s", slug,
                       clock_wall_text(now, sizeof(now)));
        before_import = http_get(past);
        cr_assert_null(response_at(before_import, "/in_euro"));
        cr_assert_str_eq(response_header(before_import, "Cache-Control"), "public, max-age=60");
        (void)snprintf(condition, sizeof(condition), "If-None-Match: %s",
                       response_header(before_import, "ETag"));
        cr_assert_null(response_at(response, "/in_euro"), "no rate: unknown, not wrong");
        (void)snprintf(etag, sizeof(etag), "%s", response_header(response, "ETag"));
        (void)snprintf(profile, sizeof(profile), PROFILE, "");
        unknown = offer_match_with(profile, slug);
        cr_assert_str_eq(offer_finding(offer_matched(unknown, slug), "amount"), "unknown no_rate");
    }
    result = run_rates("rate,date,currency,source\n400,2025-01-02,HUF,\"A bank, \"\"first\"\"\"\n"
                       "\"500\",2026-01-02,HUF,A bank\r\n");
    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    program_result_deinit(&result);
    {
        CLEANUP(response_freep)
        struct response *response = http_get(path_of("/v1/financing-offers/%s", slug));

        cr_assert_str_eq(response_text_at(response, "/in_euro/maximum_amount"), "8000.00");
        cr_assert_str_eq(response_text_at(response, "/in_euro/rate"), "500");
        cr_assert_str_eq(response_text_at(response, "/in_euro/rate_date"), "2026-01-02");
        cr_assert_str_eq(response_text_at(response, "/in_euro/rate_source"), "A bank");
        cr_assert_str_neq(response_header(response, "ETag"), etag);
    }
    {
        CLEANUP(response_freep)
        struct response *then =
            http_send("GET", past, (const char *const[]){condition, NULL}, NULL, 0);

        expect_status(then, 200, "what a copy from before the import does not say");
        cr_assert_str_eq(response_text_at(then, "/in_euro/maximum_amount"), "8000.00");
    }
    cr_assert(
        offer_is_listed("in_euro.maximum_amount_min=8000&in_euro.minimum_amount_max=400", slug));
    cr_assert_not(offer_is_listed("in_euro.maximum_amount_min=8000.01", slug));
    {
        CLEANUP(response_freep) struct response *today = NULL;
        CLEANUP(response_freep) struct response *then = NULL;
        CLEANUP(response_freep) struct response *before = NULL;
        CLEANUP(response_freep) struct response *forints = NULL;
        CLEANUP(response_freep) struct response *yen = NULL;

        today = offer_match(profile);
        item = offer_matched(today, slug);
        cr_assert_str_eq(offer_finding(item, "amount"), "yes met");
        cr_assert_not_null(
            strstr(today->body, "\"compared\":{\"amount\":\"2500000.00\",\"currency\":\"HUF\"}"));
        cr_assert_not_null(strstr(today->body, "\"rates\":[{\"currency\":\"HUF\",\"rate\":\"500\","
                                               "\"date\":\"2026-01-02\",\"source\":\"A bank\"}]"));
        forints =
            offer_match("{\"amount\":{\"amount\":\"5000\",\"currency\":\"HUF\"},\"limit\":1}");
        cr_assert_eq(json_array_size(response_at(forints, "/rates")), 1, "each once");
        yen = offer_match("{\"amount\":{\"amount\":\"5000\",\"currency\":\"JPY\"},\"limit\":1}");
        cr_assert_eq(json_array_size(response_at(yen, "/rates")), 0, "none helped to compare");
        (void)snprintf(profile, sizeof(profile), PROFILE, ",\"rates_on\":\"2025-12-31\"");
        then = offer_match(profile);
        cr_assert_not_null(strstr(then->body, "\"source\":\"A bank, \\\"first\\\"\""));
        (void)snprintf(profile, sizeof(profile), PROFILE, ",\"rates_on\":\"2025-01-01\"");
        before = offer_match(profile);
        cr_assert_str_eq(offer_finding(offer_matched(before, slug), "amount"), "unknown no_rate");
    }
    free(slug);
}

Test(financing, half_a_cent_goes_to_the_even_one_in_the_database_too)
{
    static const char *const ROWS[][2] = {
        {"0.005", "0.00"}, {"0.015", "0.02"}, {"0.025", "0.02"},      {"0.0251", "0.03"},
        {"2.5", "2.50"},   {"7", "7.00"},     {"1234.565", "1234.56"}};
    struct db_pool *pool = sql_pool("express_public", NULL);
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_expect_str_eq(sql_value(db, "select published.to_cents(%s)", ROWS[i][0]), ROWS[i][1]);
    db_release(db);
    db_pool_free(pool);
}

Test(financing, a_file_of_rates_with_faults_changes_nothing_and_tells_them_all)
{
    struct program_result result =
        run_rates("date,currency,rate,source\n2026-02-30,XTS,1,A bank\n2026-02-28,EUR,1,A bank\n"
                  "2026-02-28,XTS,0,A bank\n2026-02-28,XTS,2,\n2026-02-28,XTS,2,A bank\n");

    cr_assert_neq(result.exit_code, 0);
    for (int line = 2; line <= 5; line++) {
        char told[16];

        (void)snprintf(told, sizeof(told), "line %d:", line);
        cr_assert_not_null(strstr(result.error, told), "%s", result.error);
    }
    program_result_deinit(&result);
    cr_assert_eq(count_rows("select count(*) from published.exchange_rate where currency = 'XTS'"),
                 0);
    result = run_rates("date,currency,rate\n");
    cr_assert_neq(result.exit_code, 0);
    program_result_deinit(&result);
    result = run_rates("");
    cr_assert_neq(result.exit_code, 0);
    program_result_deinit(&result);
}

/* --- schedules ---------------------------------------------------------------------------------
 */

Test(financing, the_subsidy_of_barcelona_falls_from_95_percent_to_40_and_on_to_none)
{
    CLEANUP(response_freep)
    struct response *response =
        http_get("/v1/financing-offers/barcelona-decreasing-subsidy/schedule?start=2017-03&"
                 "budget=72000.00");
    CLEANUP(response_freep)
    struct response *later =
        http_get("/v1/financing-offers/barcelona-decreasing-subsidy/schedule?start=2027-01-31&"
                 "budget=100000&months=48&currency=SEK");
    const json_t *periods = response_at(response, "/periods");
    const size_t count = json_array_size(periods);
    const json_t *last = json_array_get(periods, count - 1);

    expect_status(response, 200, "schedule");
    cr_assert_eq(count, 38);
    cr_assert_str_eq(response_text_at(response, "/periods/0/public_share_percent"), "95");
    cr_assert_str_eq(response_text_at(response, "/periods/0/public"), "950.00");
    cr_assert_str_eq(response_text_at(response, "/periods/36/public_share_percent"), "40");
    cr_assert_str_eq(response_text_at(response, "/periods/36/from"), "2020-03-01");
    cr_assert_str_eq(json_string_value(json_object_get(last, "public")), "0.00");
    cr_assert_str_eq(json_string_value(json_object_get(last, "from")), "2022-03-01");
    cr_assert_str_eq(json_string_value(json_object_get(last, "until")), "2023-02-28");
    cr_assert_eq(json_array_size(response_at(response, "/left_out")), 0);
    cr_assert_not_null(response_header(response, "ETag"));

    expect_status(later, 200, "schedule");
    cr_assert_str_eq(response_text_at(later, "/periods/0/until"), "2027-02-27");
    cr_assert_str_eq(response_text_at(later, "/left_out/0"), "2022-03 (target)");
    cr_assert_str_eq(response_text_at(later, "/budget/currency"), "SEK");
}

/* The only share of a period, and on which day it begins. */
static void expect_period(struct response *schedule, unsigned place, const char *share,
                          const char *from, const char *until)
{
    const json_t *period = json_array_get(response_at(schedule, "/periods"), place);

    cr_expect_str_eq(json_string_value(json_object_get(period, "public_share_percent")), share);
    cr_expect_str_eq(json_string_value(json_object_get(period, "from")), from);
    cr_expect_str_eq(json_string_value(json_object_get(period, "until")), until);
}

Test(financing, shares_of_the_calendar_are_in_force_from_their_day_on_and_before_the_start)
{
    char *slug =
        offer_publish("A share that falls by the calendar",
                      "{\"term_months\":60,\"schedule\":[{\"at\":\"long ago\",\"date\":\"2010-01\","
                      "\"public_share_percent\":99},{\"at\":\"since 2020\",\"date\":\"2020-01-01\","
                      "\"public_share_percent\":80},{\"at\":\"in spring\",\"date\":\"2027-03-15\","
                      "\"public_share_percent\":50}]}");
    CLEANUP(response_freep)
    struct response *before =
        http_get(path_of("/v1/financing-offers/%s/schedule?start=2027-01&budget=15000", slug));
    CLEANUP(response_freep)
    struct response *after =
        http_get(path_of("/v1/financing-offers/%s/schedule?start=2027-03-16&budget=12", slug));

    expect_status(before, 200, "before");
    cr_assert_eq(json_array_size(response_at(before, "/periods")), 2);
    expect_period(before, 0, "80", "2027-01-01", "2027-03-31");
    expect_period(before, 1, "50", "2027-04-01", "2028-03-31");
    cr_assert_str_eq(response_text_at(before, "/public"), "8400.00");
    cr_assert_eq(json_array_size(response_at(before, "/left_out")), 1);
    cr_assert_str_eq(response_text_at(before, "/left_out/0"), "long ago");
    expect_status(after, 200, "after");
    cr_assert_eq(json_integer_value(response_at(after, "/months")), 12, "not the term");
    expect_period(after, 0, "50", "2027-03-16", "2028-03-15");
    cr_assert_eq(json_array_size(response_at(after, "/left_out")), 2);
    free(slug);
}

Test(financing, a_schedule_that_cannot_be_computed_is_refused_with_the_reason)
{
    static const struct {
        const char *path;
        int status;
        const char *code;
    } ROWS[] = {
        {"microstart-microcredit/schedule?start=2027-01&budget=1", 404, "no-schedule"},
        {"no-such-offer/schedule?start=2027-01&budget=1", 404, "not-found"},
        {"barcelona-decreasing-subsidy/schedule", 400, "invalid-parameter"},
        {"barcelona-decreasing-subsidy/schedule?start=2027-13&budget=1", 400, "invalid-parameter"},
        {"barcelona-decreasing-subsidy/schedule?start=2027-01&budget=1.005", 400,
         "invalid-parameter"},
        {"barcelona-decreasing-subsidy/schedule?start=2027-01&budget=1&months=0", 400,
         "invalid-parameter"},
        {"barcelona-decreasing-subsidy/schedule?start=2027-01&budget=1&currency=eur", 400,
         "invalid-parameter"},
        {"barcelona-decreasing-subsidy/schedule?start=2027-01&budget=1&month=3", 400,
         "invalid-parameter"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = http_get(path_of("/v1/financing-offers/%s", ROWS[i].path));

        expect_problem(response, ROWS[i].status, ROWS[i].code, ROWS[i].path);
    }
}
