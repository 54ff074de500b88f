/*
 * When a record is to be checked again, and which records are past that. Time is moved by
 * moving verify_due in the read model; once, it is waited for.
 */
#include "base/clock.h"
#include "base/text.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/program.h"
#include "support/samples.h"
#include "support/server.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_BYTES_MAX 4096
#define QUERY_BYTES_MAX 4096
#define WAIT_MS 20000

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

/* Every third record of these is due since yesterday; nothing else is, and none of the others. */
static const char *const AGED[] = {"practices", "financing-offers", "events"};

static const struct resource *resource_of(const char *path)
{
    return contract_resource_find(list_contract(), path);
}

static void age_some(void)
{
    sample_import_once();
    for (size_t i = 0; i < ARRAY_LENGTH(AGED); i++) {
        char sql[SQL_BYTES_MAX];

        (void)snprintf(
            sql, sizeof(sql),
            "update published.%s p set verify_due = date_trunc('day', now()) + case when "
            "n %% 3 = 0 then -1 else 10 end * interval '1 day' from (select id, "
            "row_number() over (order by slug) as n from published.%s) numbered where "
            "numbered.id = p.id",
            resource_of(AGED[i])->table, resource_of(AGED[i])->table);
        test_database_run(sql);
    }
}

TestSuite(freshness, .init = age_some, .fini = test_ends_without_leaks, .timeout = 120);

/* The ids that the database has under a condition, in the order of a list. Owned. */
static json_t *ids_where(const char *path, const char *condition)
{
    char sql[SQL_BYTES_MAX];
    char *text;
    json_t *ids;

    (void)snprintf(sql, sizeof(sql),
                   "select coalesce(json_agg(id order by updated_at desc, id desc), '[]') from "
                   "published.%s p where %s",
                   resource_of(path)->table, condition);
    text = test_database_value(sql);
    ids = json_loads(text, 0, NULL);
    free(text);
    cr_assert_not_null(ids);
    return ids;
}

static void expect(const char *resource, const char *query, const char *condition)
{
    json_auto_t *expected = ids_where(resource, condition);
    json_auto_t *ids = NULL;
    char path[128];

    (void)snprintf(path, sizeof(path), "/v1/%s", resource);
    ids = list_ids(path, query, 7);
    cr_assert(json_equal(ids, expected), "%s?%s gives %zu records in place of %zu, or others", path,
              query, json_array_size(ids), json_array_size(expected));
}

Test(freshness, every_record_is_due_when_its_resource_says_so)
{
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        char sql[SQL_BYTES_MAX];
        char *count;

        (void)snprintf(
            sql, sizeof(sql),
            "select count(*) || ' of ' || count(verified_at) from catalogue.record where "
            "resource = '%s' and verify_due <> coalesce(verified_at, updated_at) + "
            "interval '%u days'",
            resource->path, resource->verify_days);
        count = test_database_value(sql);
        cr_assert_str_eq(count, "0 of 0", "%s", resource->path);
        free(count);
    }
    {
        char *verified = test_database_value("select count(*) from catalogue.record where "
                                             "verified_at is not null");

        cr_assert_neq(strcmp(verified, "0"), 0, "no record was ever checked, not even the samples");
        free(verified);
    }
}

Test(freshness, a_record_shows_when_it_is_due)
{
    CLEANUP(response_freep) struct response *response = http_get("/v1/networks/sample-0");
    char *due = test_database_value(
        "select to_char(verify_due at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') from "
        "catalogue.record where resource = 'networks' and slug = 'sample-0'");

    cr_assert_str_eq(response_text_at(response, "/verify_due"), due);
    free(due);
}

Test(freshness, who_writes_a_record_does_not_say_when_it_is_due)
{
    json_auto_t *records =
        json_pack("{s:[{s:s,s:s,s:s,s:s}]}", "networks", "slug", "freshness", "name", "Freshness",
                  "summary", "About it.", "verify_due", "2099-01-01T00:00:00Z");
    struct program_result result;

    list_import(records, &result);
    cr_assert_eq(result.exit_code, 1);
    cr_assert_not_null(strstr(result.error, "/verify_due"), "%s", result.error);
    program_result_deinit(&result);
}

Test(freshness, stale_divides_a_list_into_what_is_due_and_what_is_not)
{
    static const char *const ROWS[][2] = {
        {"stale=true", "verify_due < now()"},
        {"stale=false", "verify_due >= now()"},
        {"stale=true&country=FR", "verify_due < now() and country = 'FR'"},
        {"stale=false&country=not.FR", "verify_due >= now() and country is distinct from 'FR'"},
        {"stale=true&slug=sample-0,sample-1",
         "verify_due < now() and slug in ('sample-0', 'sample-1')"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(AGED); i++)
        for (size_t j = 0; j < 2; j++)
            expect(AGED[i], ROWS[j][0], ROWS[j][1]);
    for (size_t j = 2; j < ARRAY_LENGTH(ROWS); j++)
        expect("practices", ROWS[j][0], ROWS[j][1]);
    for (size_t j = 0; j < 2; j++)
        expect("networks", ROWS[j][0], ROWS[j][1]);
}

Test(freshness, stale_goes_with_everything_that_a_list_takes)
{
    static const char *const QUERIES[] = {
        "q=sample&highlights=true",
        "near=50.8,4.4&radius_km=20000",
        "bbox=-180,-90,180,90",
        "sort=verify_due",
        "sort=-title",
        "facets=country,value_chain_steps",
        "include=organisations",
        "fields=verify_due",
        "lang=fr",
        "format=csv",
        "count=estimated",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(QUERIES); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char path[QUERY_BYTES_MAX];

        (void)snprintf(path, sizeof(path), "/v1/practices?stale=true&%s", QUERIES[i]);
        response = http_get(path);
        cr_assert_eq(response->status, 200, "%s: %s", path, response->body);
    }
}

Test(freshness, totals_and_facets_count_what_is_asked_for)
{
    char *expected = test_database_value("select count(*) from published.practices where "
                                         "verify_due < now()");
    char *belgian = test_database_value("select count(*) from published.practices where "
                                        "verify_due < now() and country = 'BE'");
    CLEANUP(response_freep)
    struct response *response =
        http_get("/v1/practices?stale=true&count=exact&facets=country&limit=1");
    const json_t *values = response_at(response, "/facets/country"), *value;
    char total[32];
    size_t i;

    (void)snprintf(total, sizeof(total), "%lld",
                   (long long)json_integer_value(response_at(response, "/page/total")));
    cr_assert_str_eq(total, expected);
    json_array_foreach (values, i, value) {
        if (strcmp(json_string_value(json_object_get(value, "value")), "BE") != 0)
            continue;
        (void)snprintf(total, sizeof(total), "%lld",
                       (long long)json_integer_value(json_object_get(value, "count")));
        cr_assert_str_eq(total, belgian);
    }
    free(expected);
    free(belgian);
}

Test(freshness, the_whole_list_comes_as_a_stream_too)
{
    char *expected = test_database_value("select count(*) from published.practices where "
                                         "verify_due < now()");
    CLEANUP(response_freep)
    struct response *response = http_get("/v1/practices?stale=true&format=ndjson");
    size_t lines = 0;
    char count[32];

    for (const char *at = response->body; *at != '\0'; at++)
        lines += *at == '\n';
    (void)snprintf(count, sizeof(count), "%zu", lines);
    cr_assert_str_eq(count, expected);
    free(expected);
}

Test(freshness, lists_of_related_records_take_it_too)
{
    CLEANUP(response_freep)
    struct response *all = http_get("/v1/practices/sample-0/events?fields=slug");
    CLEANUP(response_freep)
    struct response *stale = http_get("/v1/practices/sample-0/events?fields=slug&stale=true");
    CLEANUP(response_freep)
    struct response *fresh = http_get("/v1/practices/sample-0/events?fields=slug&stale=false");

    cr_assert_gt(json_array_size(response_at(all, "/data")), 0);
    cr_assert_eq(json_array_size(response_at(stale, "/data")) +
                     json_array_size(response_at(fresh, "/data")),
                 json_array_size(response_at(all, "/data")));
}

/* Checks V15. */
Test(freshness, a_cursor_of_what_is_stale_is_of_no_use_elsewhere)
{
    CLEANUP(response_freep) struct response *page = http_get("/v1/practices?stale=true&limit=2");
    CLEANUP(response_freep) struct response *response = NULL;
    char path[QUERY_BYTES_MAX];

    (void)snprintf(path, sizeof(path), "/v1/practices?stale=false&limit=2&cursor=%s",
                   response_text_at(page, "/page/next"));
    response = http_get(path);
    cr_assert_eq(response->status, 400);
    cr_assert_str_eq(response_text_at(response, "/type"), "/problems/invalid-cursor");
}

Test(freshness, a_value_that_is_neither_true_nor_false_is_refused)
{
    static const char *const VALUES[] = {"1", "yes", "TRUE", "not.true", "true,false", "%27"};

    for (size_t i = 0; i < ARRAY_LENGTH(VALUES); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char path[QUERY_BYTES_MAX];

        (void)snprintf(path, sizeof(path), "/v1/practices?stale=%s", VALUES[i]);
        response = http_get(path);
        cr_assert_eq(response->status, 400, "%s", path);
        cr_assert_str_eq(response_text_at(response, "/errors/0/parameter"), "stale");
    }
    {
        CLEANUP(response_freep)
        struct response *response = http_get("/v1/practices/sample-0?stale=true");

        cr_assert_eq(response->status, 400, "a single record is what it is");
    }
}

/* Nobody writes, and yet the answer changes: no copy of it is taken for the present one. */
Test(freshness, a_copy_is_current_until_something_becomes_stale)
{
    static const char PATH[] = "/v1/campaigns?stale=true&limit=5";
    const uint64_t deadline = clock_monotonic_ms() + WAIT_MS;
    char condition[256];
    size_t times = 0;

    test_database_run("update published.campaigns set verify_due = now() + case slug when "
                      "'sample-0' then interval '2 seconds' else interval '10 days' end");
    {
        CLEANUP(response_freep) struct response *response = http_get(PATH);

        cr_assert_eq(json_array_size(response_at(response, "/data")), 0);
        (void)snprintf(condition, sizeof(condition), "If-None-Match: %s",
                       response_header(response, "ETag"));
    }
    for (bool has_changed = false; !has_changed; times++) {
        CLEANUP(response_freep)
        struct response *response =
            http_send("GET", PATH, (const char *const[]){condition, NULL}, NULL, 0);

        has_changed = response->status == 200;
        cr_assert(has_changed || response->status == 304, "%d", response->status);
        cr_assert_lt(clock_monotonic_ms(), deadline, "it never becomes stale");
        if (has_changed)
            cr_assert_str_eq(response_text_at(response, "/data/0/slug"), "sample-0");
    }
    cr_assert_gt(times, 1, "the copy was never current");
}

Test(freshness, who_verifies_a_record_makes_it_fresh_again)
{
    static const char LIST[] = "/v1/assessment-tools?stale=true&slug=sample-1";
    CLEANUP(response_freep) struct response *before = NULL, *verified = NULL, *after = NULL;

    test_database_run("update published.assessment_tools set verify_due = now() - interval '1 day' "
                      "where slug = 'sample-1'");
    before = http_get(LIST);
    cr_assert_eq(json_array_size(response_at(before, "/data")), 1);
    verified = write_text(writer_editor(), "POST", "/v1/assessment-tools/sample-1/verify", NULL,
                          NULL, NULL);
    expect_status(verified, 200, "verified");
    after = http_get(LIST);
    cr_assert_eq(json_array_size(response_at(after, "/data")), 0);
    {
        char *due = test_database_value(
            "select verify_due - verified_at = interval '365 days' and verified_at > now() - "
            "interval '1 minute' from catalogue.record where resource = 'assessment-tools' and "
            "slug = 'sample-1'");

        cr_assert_str_eq(due, "t");
        free(due);
    }
}
