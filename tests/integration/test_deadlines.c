/*
 * When an offer can be applied for: what time makes of its dates, by itself and in every zone, how
 * it is found by them, and what is checked of them.
 */
#include "base/annotate.h"
#include "base/text.h"
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
#include <time.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(deadlines, .fini = test_ends_without_leaks, .timeout = 120);

#define PATH_BYTES 512

Test(financing, what_time_makes_of_dates_is_right_in_every_zone)
{
    static const char BRUSSELS[] =
        "{\"application\":{\"deadline_kind\":\"cut_offs\",\"time_zone\":\"Europe/Brussels\","
        "\"opens_on\":\"2027-01-10\",\"deadlines\":[{\"date\":\"2027-03-28\",\"time\":\"02:30\"},"
        "{\"date\":\"2027-10-31\"},{\"date\":\"2027-06-01\",\"cancelled\":true}]}}";
    static const char AUCKLAND[] =
        "{\"application\":{\"deadline_kind\":\"single\",\"time_zone\":\"Pacific/Auckland\","
        "\"deadlines\":[{\"date\":\"2027-04-04\"}]}}";
    static const char TWICE[] =
        "{\"application\":{\"deadline_kind\":\"single\",\"time_zone\":\"Europe/Brussels\","
        "\"deadlines\":[{\"date\":\"2027-10-31\",\"time\":\"02:30\"}]}}";
    static const char ROLLING[] =
        "{\"application\":{\"deadline_kind\":\"rolling\",\"time_zone\":\"UTC\"}}";
    static const char CLOSED[] =
        "{\"activity_status\":\"paused\",\"application\":{\"deadline_kind\":\"rolling\","
        "\"time_zone\":\"UTC\"}}";
    static const char CALLED_OFF[] =
        "{\"application\":{\"deadline_kind\":\"single\",\"time_zone\":\"UTC\","
        "\"deadlines\":[{\"date\":\"2127-04-04\",\"cancelled\":true}]}}";
    static const struct {
        const char *document, *at, *status, *next, *days;
    } ROWS[] = {
        {BRUSSELS, "2027-01-09 22:59:59.999Z", "upcoming", "2027-03-28", "78"},
        {BRUSSELS, "2027-01-09 23:00:00Z", "open", "2027-03-28", "77"},
        {BRUSSELS, "2027-03-27 22:59:59Z", "open", "2027-03-28", "1"},
        {BRUSSELS, "2027-03-27 23:00:00Z", "open", "2027-03-28", "0"},
        /* 02:30 is not there that night: clocks go from 02:00 to 03:00. */
        {BRUSSELS, "2027-03-28 01:29:59Z", "open", "2027-03-28", "0"},
        {BRUSSELS, "2027-03-28 01:30:00Z", "open", "2027-10-31", "217"},
        {BRUSSELS, "2027-10-30 21:59:59Z", "open", "2027-10-31", "1"},
        {BRUSSELS, "2027-10-30 22:00:00Z", "open", "2027-10-31", "0"},
        /* The day has 25 hours. */
        {BRUSSELS, "2027-10-31 22:59:59Z", "open", "2027-10-31", "0"},
        {BRUSSELS, "2027-10-31 23:00:00Z", "closed", NULL, NULL},
        /* 02:30 is there twice that night: the later one counts, for whoever applies. */
        {TWICE, "2027-10-31 00:30:00Z", "open", "2027-10-31", "0"},
        {TWICE, "2027-10-31 01:29:59Z", "open", "2027-10-31", "0"},
        {TWICE, "2027-10-31 01:30:00Z", "closed", NULL, NULL},
        {AUCKLAND, "2027-04-04 11:59:59Z", "open", "2027-04-04", "0"},
        {AUCKLAND, "2027-04-04 12:00:00Z", "closed", NULL, NULL},
        {ROLLING, "1999-01-01 00:00:00Z", "open", NULL, NULL},
        {CLOSED, "2027-01-01 00:00:00Z", "closed", NULL, NULL},
        {CALLED_OFF, "2027-01-01 00:00:00Z", "closed", NULL, NULL},
        {"{\"activity_status\":\"planned\"}", "2027-01-01 00:00:00Z", "upcoming", NULL, NULL},
        {"{\"activity_status\":\"open\"}", "2027-01-01 00:00:00Z", "open", NULL, NULL},
        {"{\"title\":\"none of this\"}", "2027-01-01 00:00:00Z", NULL, NULL, NULL},
    };
    struct db_pool *pool = sql_pool("express_public", NULL);
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const char *members =
            sql_value(db, "select published.financing_offers_timed_then('%s', timestamptz '%s')",
                      ROWS[i].document, ROWS[i].at);
        struct text object;
        json_auto_t *shown = NULL;
        json_auto_t *expected = json_object();

        text_init(&object, 4096);
        text_append_format(&object, "{%s}", strcmp(members, "(null)") == 0 ? "" : members);
        shown = json_loads(object.bytes, 0, NULL);
        text_deinit(&object);
        cr_assert_not_null(shown, "%s", members);
        (void)json_object_del(shown, "closing_times");
        (void)json_object_del(shown, "closes_at");
        if (ROWS[i].status != NULL)
            (void)json_object_set_new(expected, "application_status", json_string(ROWS[i].status));
        if (ROWS[i].next != NULL)
            (void)json_object_set_new(expected, "next_deadline", json_string(ROWS[i].next));
        if (ROWS[i].days != NULL)
            (void)json_object_set_new(expected, "days_left",
                                      json_integer(strtol(ROWS[i].days, NULL, 10)));
        cr_expect(json_equal(shown, expected), "%s at %s: %s", ROWS[i].document, ROWS[i].at,
                  members);
    }
    db_release(db);
    db_pool_free(pool);
}

Test(financing, every_time_zone_of_the_contract_is_one_of_the_database)
{
    struct db_pool *pool = sql_pool(NULL, NULL);
    struct db *db = NULL;
    json_auto_t *contract = json_load_file(getenv("EXPRESS_CONTRACT_JSON"), 0, NULL);
    const json_t *zones = json_object_get(
        json_object_get(json_object_get(json_object_get(contract, "components"), "schemas"),
                        "TimeZone"),
        "enum");
    char *listed = json_dumps(zones, 0);

    cr_assert_eq(db_lease(pool, &db), 0);
    cr_assert_gt(json_array_size(zones), 300);
    cr_assert_str_eq(
        sql_value(db,
                  "select coalesce(string_agg(zone, ' '), '') from json_array_elements_text('%s') "
                  "as listed(zone) where zone not in (select name from pg_timezone_names)",
                  listed),
        "");
    free(listed);
    db_release(db);
    db_pool_free(pool);
}

/* {"application": …} with a deadline in so many seconds. */
static void closing_in(int seconds, char more[PATH_BYTES])
{
    const time_t at = time(NULL) + seconds;
    struct tm parts;
    char date[16], hour[16];

    cr_assert_not_null(gmtime_r(&at, &parts));
    cr_assert(strftime(date, sizeof(date), "%Y-%m-%d", &parts) > 0);
    cr_assert(strftime(hour, sizeof(hour), "%H:%M:%S", &parts) > 0);
    (void)snprintf(more, PATH_BYTES,
                   "{\"application\":{\"deadline_kind\":\"single\",\"time_zone\":\"UTC\","
                   "\"deadlines\":[{\"date\":\"%s\",\"time\":\"%s\",\"label\":\"The end\"}]}}",
                   date, hour);
}

Test(financing, an_offer_closes_by_its_date_and_nothing_that_was_kept_hides_it)
{
    char more[PATH_BYTES];
    char *slug;
    char condition[PATH_BYTES];
    json_int_t version = 0;
    bool is_closed = false;

    closing_in(3, more);
    slug = offer_publish("An offer that closes soon", more);
    {
        CLEANUP(response_freep)
        struct response *response = http_get(path_of("/v1/financing-offers/%s", slug));

        cr_assert_str_eq(response_text_at(response, "/application_status"), "open");
        cr_assert_eq(json_integer_value(response_at(response, "/days_left")), 0);
        version = json_integer_value(response_at(response, "/version"));
        cr_assert_str_eq(response_header(response, "Cache-Control"), "public, max-age=60");
        cr_assert_null(response_header(response, "Last-Modified"));
        (void)snprintf(condition, sizeof(condition), "If-None-Match: %s",
                       response_header(response, "ETag"));
    }
    cr_assert(offer_is_listed("application_status=open", slug));
    cr_assert_not(offer_is_listed("application_status=not.open", slug));
    for (unsigned waited = 0; !is_closed; waited += PAUSE_MS) {
        CLEANUP(response_freep)
        struct response *response = http_send("GET", path_of("/v1/financing-offers/%s", slug),
                                              (const char *const[]){condition, NULL}, NULL, 0);

        cr_assert_lt(waited, WAIT_MS_MAX);
        if (response->status == 304) {
            pause_shortly();
            continue;
        }
        cr_assert_str_eq(response_text_at(response, "/application_status"), "closed");
        cr_assert_eq(json_integer_value(response_at(response, "/version")), version);
        cr_assert_null(response_at(response, "/next_deadline"));
        is_closed = true;
    }
    cr_assert_not(offer_is_listed("application_status=open", slug));
    cr_assert(offer_is_listed("application_status=closed", slug));
    free(slug);
}

Test(financing, offers_are_found_by_when_they_open_and_close)
{
    char *early = offer_publish(
        "Closes early", "{\"application\":{\"deadline_kind\":\"single\",\"time_zone\":\"UTC\","
                        "\"opens_on\":\"2020-01-01\",\"deadlines\":[{\"date\":\"2101-01-15\"}]}}");
    char *late = offer_publish("Closes late",
                               "{\"application\":{\"deadline_kind\":\"cut_offs\",\"time_zone\":"
                               "\"Europe/Paris\",\"opens_on\":\"2100-01-01\",\"deadlines\":["
                               "{\"date\":\"2102-05-01\"},{\"date\":\"2102-02-01\"}]}}");
    static const struct {
        const char *filters;
        bool early, late;
    } ROWS[] = {
        {"closes_before=2101-06-01", true, false},
        {"closes_after=2101-01-15", true, true},
        {"closes_after=2102-02-02", false, false},
        {"closes_before=2102-02-01", true, true},
        {"opens_after=2099-01-01", false, true},
        {"opens_before=2020-01-01", true, false},
        {"application_status=upcoming", false, true},
        {"application_status=open,upcoming&closes=2102-02-01", false, true},
        {"days_left_min=1&sort=-next_deadline", true, true},
        {"days_left_max=1000", false, false},
        {"application.deadline_kind=cut_offs&sort=closes_at", false, true},
    };
    CLEANUP(response_freep) struct response *sorted = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_expect_eq(offer_is_listed(ROWS[i].filters, early), ROWS[i].early, "%s", ROWS[i].filters);
        cr_expect_eq(offer_is_listed(ROWS[i].filters, late), ROWS[i].late, "%s", ROWS[i].filters);
    }
    sorted = http_get("/v1/financing-offers?closes_after=2101-01-01&sort=next_deadline&limit=2"
                      "&closes_before=2102-12-31");
    cr_assert_str_eq(response_text_at(sorted, "/data/0/slug"), early);
    cr_assert_str_eq(response_text_at(sorted, "/data/1/next_deadline"), "2102-02-01");
    free(early);
    free(late);
}

/* Checks Z22. */
Test(financing, a_deadline_that_nobody_has_published_shows_nowhere)
{
    char *hidden =
        offer_draft("A draft with a deadline",
                    "{\"application\":{\"deadline_kind\":\"single\",\"time_zone\":\"UTC\","
                    "\"deadlines\":[{\"date\":\"2103-03-03\"}]}}");
    char *shown =
        offer_publish("Published with a deadline",
                      "{\"application\":{\"deadline_kind\":\"single\",\"time_zone\":\"UTC\","
                      "\"deadlines\":[{\"date\":\"2104-04-04\"}]}}");
    CLEANUP(response_freep) struct response *public = NULL;

    offer_propose(shown, "{\"application\":{\"deadlines\":[{\"date\":\"2105-05-05\"}]}}");
    cr_assert_not(offer_is_listed("closes=2103-03-03", hidden));
    cr_assert_not(offer_is_listed("closes=2105-05-05", shown));
    cr_assert(offer_is_listed("closes=2104-04-04", shown));
    public = http_get(path_of("/v1/financing-offers/%s", shown));
    cr_assert_null(strstr(public->body, "2105-05-05"));
    {
        CLEANUP(response_freep)
        struct response *response = offer_match_with("{\"limit\":100}", shown);

        cr_assert_null(offer_matched(response, hidden));
        cr_assert_null(strstr(response->body, "2105-05-05"));
    }
    free(hidden);
    free(shown);
}

Test(financing, the_facts_of_an_application_are_checked)
{
    static const struct {
        const char *application, *pointer, *code;
    } ROWS[] = {
        {"{\"deadline_kind\":\"single\",\"time_zone\":\"Europe/Brussel\"}",
         "/application/time_zone", "not-allowed"},
        {"{\"deadline_kind\":\"single\"}", "/application/time_zone", "required"},
        {"{\"deadline_kind\":\"single\",\"time_zone\":\"UTC\",\"deadlines\":[{\"date\":"
         "\"2027-02-29\"}]}",
         "/application/deadlines/0/date", "format"},
        {"{\"deadline_kind\":\"single\",\"time_zone\":\"UTC\",\"deadlines\":[{\"date\":"
         "\"2027-02-28\",\"time\":\"24:00\"}]}",
         "/application/deadlines/0/time", "pattern"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *record = offer_record("Faulty", "{}");
        CLEANUP(response_freep) struct response *response = NULL;

        cr_assert_eq(
            json_object_set_new(record, "application", json_loads(ROWS[i].application, 0, NULL)),
            0);
        response = write_as(writer_partner(), "POST", "/v1/financing-offers?dry_run=true", NULL,
                            NULL, record);
        expect_problem(response, 422, "validation-failed", ROWS[i].application);
        expect_error(response, ROWS[i].pointer, ROWS[i].code, ROWS[i].application);
    }
}

Test(financing, facts_that_do_not_go_together_are_told_all_at_once)
{
    static const char FAULTY[] =
        "{\"minimum_amount\":{\"amount\":\"1000.5\",\"currency\":\"EUR\"},\"maximum_amount\":{"
        "\"amount\":\"1000.49\",\"currency\":\"EUR\"},\"eligibility\":{\"minimum_age\":30,"
        "\"maximum_age\":29},\"schedule\":[{\"at\":\"start\",\"from_month\":0,\"until_month\":12},"
        "{\"at\":\"later\",\"from_month\":12,\"until_month\":12}],\"application\":{"
        "\"deadline_kind\":\"single\",\"time_zone\":\"UTC\",\"opens_on\":\"2030-01-01\","
        "\"deadlines\":[{\"date\":\"2029-12-31\"},{\"date\":\"2030-02-01\"},{\"date\":"
        "\"2030-02-01\",\"time\":\"12:00\"}]}}";
    static const char FITTING[] =
        "{\"minimum_amount\":{\"amount\":\"01000.50\",\"currency\":\"EUR\"},\"maximum_amount\":{"
        "\"amount\":\"1000.5\",\"currency\":\"EUR\"},\"eligibility\":{\"minimum_age\":30,"
        "\"maximum_age\":30},\"schedule\":[{\"at\":\"start\",\"from_month\":0,\"until_month\":1}],"
        "\"application\":{\"deadline_kind\":\"single\",\"time_zone\":\"UTC\",\"opens_on\":"
        "\"2030-02-01\",\"deadlines\":[{\"date\":\"2029-12-31\",\"cancelled\":true},{\"date\":"
        "\"2030-02-01\"},{\"date\":\"2030-02-01\",\"cancelled\":true,\"key\":\"noon\"}]}}";
    static const char *const FAULTS[][2] = {
        {"/maximum_amount/amount", "out-of-order"},
        {"/eligibility/maximum_age", "out-of-order"},
        {"/schedule/1/until_month", "out-of-order"},
        {"/application/deadlines/0/date", "out-of-order"},
        {"/application/deadlines/2", "duplicate-items"},
        {"/application/deadlines", "too-many-items"},
    };
    json_auto_t *faulty = offer_record("Faulty", FAULTY);
    json_auto_t *fitting = offer_record("Fitting", FITTING);
    CLEANUP(response_freep)
    struct response *refused =
        write_as(writer_partner(), "POST", "/v1/financing-offers?dry_run=true", NULL, NULL, faulty);
    CLEANUP(response_freep)
    struct response *taken = write_as(writer_partner(), "POST", "/v1/financing-offers?dry_run=true",
                                      NULL, NULL, fitting);

    expect_problem(refused, 422, "validation-failed", "faulty");
    for (size_t i = 0; i < ARRAY_LENGTH(FAULTS); i++)
        expect_error(refused, FAULTS[i][0], FAULTS[i][1], FAULTS[i][0]);
    cr_assert_eq(json_array_size(response_at(refused, "/errors")), ARRAY_LENGTH(FAULTS));
    cr_assert_lt(taken->status, 300, "%s", taken->body);
}
