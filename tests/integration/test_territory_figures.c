/*
 * Figures: what practices report of their impact, added up where it may be, and the scores and the
 * radar of an assessment.
 */
#include "base/annotate.h"
#include "base/text.h"
#include "db/db.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/sql.h"
#include "support/territory.h"

#include <stdio.h>

RECORDS_BEFORE_TESTS("territory", "EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(territory_figures, .init = territory_ready, .fini = test_ends_without_leaks,
          .timeout = 120);

#define JSON_BYTES 4096
#define RADAR "/v1/assessment-tools/t-radar/score"

/* --- impact ------------------------------------------------------------------------------------
 */

Test(territory_figures, figures_are_added_up_only_where_they_may_be)
{
    json_t *answer = get("/v1/impact?indicator=test_jobs");
    json_t *jobs = with(at(answer, "units"), "unit", "jobs");
    json_t *percent = with(at(answer, "units"), "unit", "percent");

    cr_assert_float_eq(number_at(answer, "reporting"), 3, 0.1);
    cr_assert_eq(json_array_size(at(jobs, "figures")), 3);
    cr_assert_eq(json_array_size(at(jobs, "sums")), 1, "five jobs are of no stated time");
    cr_assert_float_eq(number_at(json_array_get(at(jobs, "sums"), 0), "sum"), 7, 1e-9);
    cr_assert_str_eq(text_at(json_array_get(at(jobs, "sums"), 0), "period"), "2020/2020");
    cr_assert_float_eq(number_at(jobs, "minimum"), 3, 1e-9);
    cr_assert_float_eq(number_at(jobs, "maximum"), 5, 1e-9);
    cr_assert(json_is_false(at(percent, "may_be_added")));
    cr_assert_eq(json_array_size(at(percent, "sums")), 0);
    json_decref(answer);
    answer = get("/v1/impact?indicator=test_jobs&country=NO&method_family=indicators");
    cr_assert_float_eq(number_at(answer, "reporting"), 1, 0.1);
    json_decref(answer);
    answer = get("/v1/impact");
    cr_assert_not_null(with(at(answer, "indicators"), "indicator", "test_jobs"));
    json_decref(answer);
}

static void expect_many(bool is_cut, size_t figures)
{
    json_t *answer = get("/v1/impact?indicator=test_many");
    json_t *jobs = with(at(answer, "units"), "unit", "jobs");

    cr_assert_eq(json_is_true(at(answer, "is_cut")), is_cut);
    cr_assert_eq(json_array_size(at(jobs, "figures")), figures);
    cr_assert_float_eq(number_at(jobs, "minimum"), 1, 1e-9, "the first ones are here");
    json_decref(answer);
    answer = get("/v1/impact?indicator=test_many&method_family=indicators");
    cr_assert_eq(json_array_size(at(answer, "units")), 0);
    cr_assert_not(json_is_true(at(answer, "is_cut")), "there is not one of this family");
    json_decref(answer);
}

/* As many figures as are shown, and one more. Indicators are counted in memory as in SQL. */
Test(territory_figures, figures_are_cut_where_there_are_more_and_indicators_are_counted_exactly)
{
    struct db_pool *pool = sql_pool("express_public", NULL);
    struct db *db = NULL;
    json_t *answer = get("/v1/impact?country=FR"), *item;
    struct text told;
    size_t i;

    text_init(&told, JSON_BYTES * 4);
    json_array_foreach (at(answer, "indicators"), i, item)
        text_append_format(&told, "%s%s %d", i == 0 ? "" : ", ", text_at(item, "indicator"),
                           (int)number_at(item, "practices"));
    cr_assert_gt(i, 5);
    json_decref(answer);
    cr_assert_eq(db_lease(pool, &db), 0);
    cr_assert_str_eq(
        told.bytes,
        sql_value_of(db,
                     "select string_agg(i || ' ' || n, ', ' order by n desc, i) from (select "
                     "substr(term, 18) as i, count(*) as n from published.practices_terms where "
                     "country = 'FR' and term like 'impact.indicator=%' group by 1) x",
                     ""));
    db_release(db);
    db_pool_free(pool);
    text_deinit(&told);
    for (i = 1000; i < 1002; i++) {
        char sql[700];

        (void)snprintf(sql, sizeof(sql),
                       "update published.practices_documents set document = jsonb_set("
                       "document::jsonb, '{impact}', (select jsonb_agg(jsonb_build_object("
                       "'indicator', 'test_many', 'value', n, 'unit', 'jobs')) from "
                       "generate_series(1, %zu) n))::text where slug = 't-hub-does'; "
                       "insert into published.practices_terms select id, "
                       "'impact.indicator=test_many', country, updated_at from "
                       "published.practices where slug = 't-hub-does' on conflict do nothing",
                       i);
        test_database_run(sql);
        expect_many(i > 1000, 1000);
    }
}

/* --- the radar ---------------------------------------------------------------------------------
 */

Test(territory_figures, answers_become_scores_and_a_radar_and_are_kept_by_nobody)
{
    static const char BODY[] = "{\"answers\":{\"q_one\":5,\"q_two\":1,\"network\":4.321987}}";
    static const char *const SVG[] = {"Accept: image/svg+xml", "Content-Type: application/json",
                                      NULL};
    CLEANUP(response_freep) struct response *json = http_post(RADAR, BODY);
    CLEANUP(response_freep)
    struct response *svg = http_send("POST", RADAR, SVG, BODY, strlen(BODY));

    cr_assert_eq(json->status, 200, "%s", json->body);
    cr_assert_str_eq(response_header(json, "Cache-Control"), "no-store");
    cr_assert_null(response_header(json, "ETag"));
    cr_assert_float_eq(json_number_value(response_at(json, "/axes/0/percent")), 100, 1e-9);
    cr_assert_str_eq(response_text_at(json, "/axes/0/level/code"), "high");
    cr_assert_null(response_at(json, "/axes/2/score"));
    cr_assert(json_is_false(response_at(json, "/complete")));
    cr_assert_eq(svg->status, 200);
    cr_assert_str_eq(response_header(svg, "Cache-Control"), "no-store");
    territory_expect_drawing(svg->body, "A radar <of> tests & more");
    cr_assert_eq(test_server_log_lines("4.321987"), 0, "answers are in the log");
}

Test(territory_figures, all_faults_of_answers_are_told_at_once)
{
    CLEANUP(response_freep)
    struct response *wrong =
        http_post(RADAR, "{\"answers\":{\"q_one\":9,\"q_too\":1,\"network\":-1}}");
    CLEANUP(response_freep) struct response *none = http_post(RADAR, "{}");
    CLEANUP(response_freep)
    struct response *unscaled =
        http_post("/v1/assessment-tools/skills-radar/score", "{\"answers\":{\"life_course\":1}}");

    cr_assert_eq(wrong->status, 422);
    cr_assert_eq(json_array_size(response_at(wrong, "/errors")), 3);
    cr_assert_str_eq(response_text_at(wrong, "/errors/0/pointer"), "/answers/q_one");
    cr_assert_not_null(strstr(response_text_at(wrong, "/errors/1/detail"), "q_two"));
    cr_assert_eq(none->status, 422);
    cr_assert_eq(unscaled->status, 422);
    cr_assert_str_eq(response_text_at(unscaled, "/errors/0/pointer"), "/scale");
}
