/*
 * Deadlines of offers, and events, as calendars that somebody subscribes to: what they say, and
 * what they call off when an offer changes, leaves the filter or is gone.
 */
#include "base/annotate.h"
#include "base/clock.h"
#include "base/limits.h"
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
#include <time.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(calendars, .fini = test_ends_without_leaks, .timeout = 120);

#define PATH_BYTES 512

/* What somebody else's parser makes of a calendar; owned. Its lines are looked at here. */
static json_t *read_calendar(const struct response *response)
{
    char path[] = "/tmp/express-calendar-XXXXXX", command[PATH_BYTES * 2];
    FILE *file;
    json_t *calendar;

    expect_status(response, 200, "a calendar");
    cr_assert_str_eq(response_header(response, "Content-Type"), "text/calendar; charset=utf-8");
    for (const char *line = response->body; *line != '\0';) {
        const char *end = strstr(line, "\r\n");

        cr_assert_not_null(end, "a line without its end: %.80s", line);
        cr_assert_leq(end - line, 75, "%.80s", line);
        cr_assert_null(memchr(line, '\n', (size_t)(end - line)));
        line = end + 2;
    }
    cr_assert(program_write_file(path, response->body));
    (void)snprintf(command, sizeof(command), "%s/tests/support/read_calendar.py %s",
                   getenv("EXPRESS_SOURCE_DIR"), path);
    file = popen(command, "r");
    cr_assert_not_null(file);
    calendar = json_loadf(file, 0, NULL);
    cr_assert_eq(pclose(file), 0);
    (void)remove(path);
    cr_assert_not_null(calendar, "%s", response->body);
    cr_assert_str_eq(json_string_value(json_object_get(calendar, "version")), "2.0");
    return calendar;
}

/* Borrowed; NULL: it is not there. */
static const json_t *event_of(const json_t *calendar, const char *uid)
{
    const json_t *event;
    size_t i;

    json_array_foreach (json_object_get(calendar, "events"), i, event)
        if (strcmp(json_string_value(json_object_get(event, "uid")), uid) == 0)
            return event;
    return NULL;
}

static const char *event_text(const json_t *calendar, const char *uid, const char *member)
{
    return json_string_value(json_object_get(event_of(calendar, uid), member));
}

/* -1 when it is not there. */
static json_int_t sequence_of(const json_t *calendar, const char *uid)
{
    const json_t *event = event_of(calendar, uid);

    return event == NULL ? -1 : json_integer_value(json_object_get(event, "sequence"));
}

/* @name: "on-21060701", or "deadline-" and a key */
static void uid_of(const char *slug, const char *name, char uid[PATH_BYTES])
{
    CLEANUP(response_freep)
    struct response *response = http_get(path_of("/v1/financing-offers/%s", slug));

    (void)snprintf(uid, PATH_BYTES, "%s.%s@express", response_text_at(response, "/id"), name);
}

static json_t *calendar_of(const char *path)
{
    CLEANUP(response_freep) struct response *response = http_get(path);

    return read_calendar(response);
}

#define SPOKEN "Größe, Förderung; ein \\\\ Zeichen und viele Wörter, damit die Zeile "
#define FOLDED "lang genug wird für eine Faltung mitten in Ümläüten"

Test(financing, a_calendar_has_the_deadlines_of_a_filter_and_tells_what_is_called_off)
{
    char *slug = offer_publish(
        "A calendar",
        "{\"country\":\"CY\",\"website\":\"https://example.org/a?b=c,d;e\",\"summary\":\"" SPOKEN
            FOLDED
        "\\nzweite Zeile\",\"application\":{\"deadline_kind\":\"cut_offs\",\"time_zone\":"
        "\"Asia/Nicosia\",\"deadlines\":[{\"date\":\"2106-07-01\",\"label\":\"First, round\"},"
        "{\"date\":\"2106-12-01\",\"time\":\"17:00\"},{\"date\":\"2106-09-01\",\"cancelled\":"
        "true}]}}");
    char first[PATH_BYTES], second[PATH_BYTES], third[PATH_BYTES];
    json_int_t sequence;

    uid_of(slug, "on-21060701", first);
    uid_of(slug, "on-21061201", second);
    uid_of(slug, "on-21060901", third);
    {
        CLEANUP(response_freep)
        struct response *list = http_get("/v1/financing-offers?format=ics&country=CY&fields=id");
        CLEANUP(response_freep)
        struct response *alone = http_get(path_of("/v1/financing-offers/%s?format=ics", slug));
        CLEANUP(response_freep)
        struct response *json = http_get(path_of("/v1/financing-offers/%s", slug));
        json_auto_t *calendar = read_calendar(list);
        json_auto_t *same = read_calendar(alone);

        cr_assert(json_equal(json_object_get(calendar, "events"), json_object_get(same, "events")));
        cr_assert_eq(json_array_size(json_object_get(calendar, "events")), 3);
        cr_assert_str_eq(event_text(calendar, first, "start"), "21060701");
        cr_assert_str_eq(event_text(calendar, first, "summary"), "A calendar: First, round");
        cr_assert_str_eq(event_text(calendar, first, "description"),
                         "Größe, Förderung; ein \\ Zeichen und viele Wörter, damit die Zeile lang "
                         "genug wird für eine Faltung mitten in Ümläüten\nzweite Zeile");
        cr_assert_str_eq(event_text(calendar, first, "status"), "CONFIRMED");
        cr_assert_str_eq(event_text(calendar, second, "start"), "21061201T150000Z");
        cr_assert_str_eq(event_text(calendar, third, "status"), "CANCELLED");
        sequence = sequence_of(calendar, first);
        cr_assert_eq(sequence, 2 * json_integer_value(response_at(json, "/version")));
        cr_assert_str_neq(response_header(json, "ETag"), response_header(alone, "ETag"));
        cr_assert_not_null(strstr(response_header(json, "Link"), "text/calendar"));
        cr_assert_not_null(strstr(response_header(alone, "Vary"), "Accept"));
    }
    offer_step(writer_editor(), slug, "archive");
    {
        CLEANUP(response_freep)
        struct response *list = http_get("/v1/financing-offers?format=ics&country=CY");
        CLEANUP(response_freep)
        struct response *elsewhere = http_get("/v1/financing-offers?format=ics&country=LU");
        json_auto_t *calendar = read_calendar(list);
        json_auto_t *other = read_calendar(elsewhere);

        cr_assert_str_eq(event_text(calendar, first, "status"), "CANCELLED");
        cr_assert_str_eq(event_text(calendar, first, "start"), "21060701");
        cr_assert_gt(sequence_of(calendar, first), sequence);
        cr_assert_null(event_text(other, first, "status"));
    }
    free(slug);
}

#define DEADLINES(LIST)                                                                            \
    "{\"application\":{\"deadline_kind\":\"cut_offs\",\"time_zone\":\"UTC\",\"deadlines\":[" LIST  \
    "]}}"
#define SUMMER "{\"date\":\"2106-07-01\"}"
#define WINTER "{\"date\":\"2106-12-01\",\"key\":\"winter\"}"
#define LATER "{\"date\":\"2107-01-15\",\"key\":\"winter\"}"
#define SPRING "{\"date\":\"2106-03-01\"}"
#define PAST "{\"date\":\"2020-01-01\"}"

Test(financing, a_deadline_keeps_its_name_in_calendars_and_one_that_is_gone_is_called_off)
{
    static const struct {
        const char *list, *summer, *winter, *winter_start;
    } STEPS[] = {
        {DEADLINES(SPRING "," WINTER "," SUMMER), "CONFIRMED", "CONFIRMED", "21061201"},
        {DEADLINES(SPRING "," LATER "," SUMMER), "CONFIRMED", "CONFIRMED", "21070115"},
        {DEADLINES(SPRING "," LATER), "CANCELLED", "CONFIRMED", "21070115"},
        {DEADLINES(SPRING), "CANCELLED", "CANCELLED", "21070115"},
        {DEADLINES(SUMMER "," WINTER), "CONFIRMED", "CONFIRMED", "21061201"},
    };
    char *slug = offer_publish("A calendar that changes", DEADLINES(SUMMER "," WINTER));
    char summer[PATH_BYTES], winter[PATH_BYTES], alone[PATH_BYTES];
    json_int_t sequences[2] = {0, 0};

    (void)snprintf(alone, sizeof(alone), "/v1/financing-offers/%s?format=ics", slug);
    uid_of(slug, "on-21060701", summer);
    uid_of(slug, "deadline-winter", winter);
    for (size_t i = 0; i < ARRAY_LENGTH(STEPS); i++) {
        offer_change(slug, STEPS[i].list);
        for (size_t j = 0; j < 2; j++) {
            json_auto_t *calendar = calendar_of(j == 0 ? "/v1/financing-offers?format=ics" : alone);

            cr_assert_str_eq(event_text(calendar, summer, "status"), STEPS[i].summer, "%zu", i);
            cr_assert_str_eq(event_text(calendar, winter, "status"), STEPS[i].winter, "%zu", i);
            cr_assert_str_eq(event_text(calendar, winter, "start"), STEPS[i].winter_start);
            if (j == 0) {
                const json_int_t is_new[] = {sequence_of(calendar, summer),
                                             sequence_of(calendar, winter)};

                cr_assert(is_new[0] > sequences[0] && is_new[1] > sequences[1], "%zu", i);
                memcpy(sequences, is_new, sizeof(sequences));
            }
        }
    }
    free(slug);
}

Test(financing, whatever_leaves_the_filter_of_a_calendar_is_called_off_there)
{
    static const struct {
        const char *filter, *change;
    } ROWS[] = {
        {"country=MT", "{\"country\":\"LU\"}"},
        {"application_status=open", "{\"activity_status\":\"closed\"}"},
        {"application_status=open&title=not.Zanzibar", "{\"activity_status\":\"paused\"}"},
        {"q=velocipede", "{\"title\":\"About bicycles\"}"},
        {"near=35.9,14.5&radius_km=30", "{\"location\":{\"lat\":49.6,\"lon\":6.1}}"},
        {"near=35.9,14.5", "{\"location\":null}"},
        {"bbox=14,35,15,36", "{\"location\":{\"lat\":35.9,\"lon\":15.1}}"},
        {"eligibility.sectors=textile,crafts&closes_after=2100-01-01",
         "{\"eligibility\":{\"sectors\":[\"care\"]}}"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char *slug = offer_publish(
            "About a velocipede",
            "{\"country\":\"MT\",\"location\":{\"lat\":35.9,\"lon\":14.51},\"eligibility\":{"
            "\"sectors\":[\"crafts\"]},\"application\":{\"deadline_kind\":\"cut_offs\","
            "\"time_zone\":\"UTC\",\"deadlines\":[" PAST "," SUMMER "]}}");
        char path[PATH_BYTES], past[PATH_BYTES], summer[PATH_BYTES];
        json_t *before, *after;

        (void)snprintf(path, sizeof(path), "/v1/financing-offers?format=ics&%s", ROWS[i].filter);
        uid_of(slug, "on-20200101", past);
        uid_of(slug, "on-21060701", summer);
        before = calendar_of(path);
        offer_change(slug, ROWS[i].change);
        after = calendar_of(path);
        cr_expect_str_eq(event_text(before, summer, "status"), "CONFIRMED", "%s", path);
        cr_expect_str_eq(event_text(before, past, "status"), "CONFIRMED", "%s", path);
        cr_assert_not_null(event_text(after, summer, "status"), "%s", path);
        cr_expect_str_eq(event_text(after, summer, "status"), "CANCELLED", "%s", path);
        cr_expect_gt(sequence_of(after, summer), sequence_of(before, summer));
        cr_expect_null(event_text(after, past, "status"), "it held: %s", path);
        json_decref(before);
        json_decref(after);
        offer_step(writer_editor(), slug, "archive");
        free(slug);
    }
}

Test(financing, what_was_closed_by_hand_stays_called_off_and_what_was_over_stays)
{
    char *slug = offer_publish("Closed by hand", DEADLINES(PAST "," SUMMER));
    char past[PATH_BYTES], summer[PATH_BYTES], path[PATH_BYTES];
    static const char *const CHANGES[] = {"{\"activity_status\":\"closed\"}",
                                          "{\"summary\":\"Another word.\"}",
                                          "{\"activity_status\":\"paused\"}"};

    (void)snprintf(path, sizeof(path), "/v1/financing-offers/%s?format=ics", slug);
    uid_of(slug, "on-20200101", past);
    uid_of(slug, "on-21060701", summer);
    for (size_t i = 0; i < ARRAY_LENGTH(CHANGES); i++) {
        json_t *calendar;

        offer_change(slug, CHANGES[i]);
        calendar = calendar_of(path);
        cr_expect_str_eq(event_text(calendar, past, "status"), "CONFIRMED", "%zu", i);
        cr_expect_str_eq(event_text(calendar, summer, "status"), "CANCELLED", "%zu", i);
        json_decref(calendar);
    }
    {
        struct db_pool *pool = sql_pool(NULL, NULL);
        struct db *db = NULL;

        cr_assert_eq(db_lease(pool, &db), 0);
        cr_assert_str_eq(
            sql_value(db,
                      "select count(distinct m.closed_since) || ' ' || bool_and(m.closed_since < "
                      "r.updated_at) from published.financing_moment m join catalogue.record r on "
                      "r.id = m.id where r.slug = '%s' and r.resource = 'financing-offers'",
                      slug),
            "1 true");
        db_release(db);
        db_pool_free(pool);
    }
    offer_change(slug, "{\"activity_status\":\"open\"}");
    {
        json_auto_t *calendar = calendar_of(path);

        cr_expect_str_eq(event_text(calendar, summer, "status"), "CONFIRMED");
    }
    offer_step(writer_editor(), slug, "archive");
    {
        json_auto_t *calendar = calendar_of("/v1/financing-offers?format=ics");

        cr_expect_str_eq(event_text(calendar, summer, "status"), "CANCELLED");
        cr_expect_null(event_text(calendar, past, "status"));
    }
    free(slug);
}

/* "2026-11-22", so many days from today, in UTC. */
static const char *day_from_now(int days, char text[16])
{
    const time_t then = (time_t)(clock_wall_ms() / 1000) + (time_t)days * 86400;
    struct tm parts;

    cr_assert_not_null(gmtime_r(&then, &parts));
    cr_assert_gt(strftime(text, 16, "%Y-%m-%d", &parts), 0);
    return text;
}

/* As if the latest change had been made 12 days ago, and the record 60 days before. */
static void set_back(struct db *db, const char *slug)
{
    cr_assert_eq(sql_run(db,
                         "with latest as (select id, valid_from from published.history where slug "
                         "= '%s' and valid_to is null) update published.history h set valid_from = "
                         "case when h.valid_to is null then now() - interval '12 days' else "
                         "h.valid_from - interval '60 days' end, valid_to = case when h.valid_to = "
                         "l.valid_from then now() - interval '12 days' else h.valid_to - interval "
                         "'60 days' end from latest l where h.id = l.id",
                         slug),
                 0);
}

Test(financing, what_leaves_a_calendar_with_time_alone_is_not_called_off)
{
    static const struct {
        const char *filter;
        int opens, near, far;
    } ROWS[] = {
        {"days_left_max=14", -30, -5, 25},
        {"application_status=open", -30, -7, -5},
        {"application_status=upcoming", -3, 20, 25},
    };
    struct db_pool *pool = sql_pool(NULL, NULL);
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char body[PATH_BYTES], opens[16], near[16], far[16], uids[2][PATH_BYTES];
        char path[PATH_BYTES], *slug;

        (void)snprintf(path, sizeof(path), "/v1/financing-offers?format=ics&%s", ROWS[i].filter);
        (void)snprintf(body, sizeof(body),
                       "{\"application\":{\"deadline_kind\":\"cut_offs\",\"time_zone\":\"UTC\","
                       "\"opens_on\":\"%s\",\"deadlines\":[{\"date\":\"%s\",\"key\":\"near\"},"
                       "{\"date\":\"%s\",\"key\":\"far\"}]}}",
                       day_from_now(ROWS[i].opens, opens), day_from_now(ROWS[i].near, near),
                       day_from_now(ROWS[i].far, far));
        slug = offer_publish("As time goes by", body);
        uid_of(slug, "deadline-near", uids[0]);
        uid_of(slug, "deadline-far", uids[1]);
        offer_change(slug, "{\"summary\":\"In other words.\"}");
        set_back(db, slug);
        for (size_t edit = 0; edit < 2; edit++) {
            json_auto_t *calendar = NULL;

            if (edit > 0)
                offer_change(slug, "{\"summary\":\"In other words again.\"}");
            calendar = calendar_of(path);
            for (size_t uid = 0; uid < 2; uid++)
                cr_expect_null(event_text(calendar, uids[uid], "status"), "%s, edit %zu, %zu", path,
                               edit, uid);
        }
        offer_step(writer_editor(), slug, "archive");
        free(slug);
    }
    db_release(db);
    db_pool_free(pool);
}

Test(financing, what_is_called_off_can_come_back_with_time_alone)
{
    char body[2][PATH_BYTES], day[16], uid[PATH_BYTES];
    json_int_t version;
    char *slug;

    for (size_t i = 0; i < 2; i++)
        (void)snprintf(body[i], sizeof(body[i]),
                       "{\"application\":{\"deadline_kind\":\"cut_offs\",\"time_zone\":\"UTC\","
                       "\"deadlines\":[{\"date\":\"%s\",\"key\":\"moved\"}]}}",
                       day_from_now(i == 0 ? 5 : 40, day));
    slug = offer_publish("To be moved", body[0]);
    uid_of(slug, "deadline-moved", uid);
    offer_change(slug, body[1]);
    {
        CLEANUP(response_freep)
        struct response *json = http_get(path_of("/v1/financing-offers/%s", slug));
        json_auto_t *calendar = calendar_of("/v1/financing-offers?format=ics&days_left_max=14");

        version = json_integer_value(response_at(json, "/version"));
        cr_assert_str_eq(event_text(calendar, uid, "status"), "CANCELLED");
        cr_assert_lt(sequence_of(calendar, uid), 2 * version, "CONFIRMED comes after it");
        cr_assert_gt(sequence_of(calendar, uid), 2 * (version - 1));
    }
    offer_step(writer_editor(), slug, "archive");
    free(slug);
}

Test(financing, whoever_changes_much_makes_calendars_remember_less_and_not_fail)
{
    struct db_pool *pool = sql_pool(NULL, NULL);
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    /* The oldest cannot be read: whoever looks at it fails. */
    cr_assert_eq(
        sql_run(db,
                "insert into published.history (resource, id, valid_from, valid_to, slug, "
                "etag, updated_at, document) select 'financing-offers', "
                "gen_random_uuid(), now() - interval '89 days', now() - interval '80 days' "
                "- n * interval '1 second', 'much-changed-' || n, 'e', now(), case when n "
                "> %d then '{\"date\":\"2999-01-01\"' else '{}' end from "
                "generate_series(1, %d) n",
                GONE_LOOKED_AT_MAX, GONE_LOOKED_AT_MAX + 1),
        0);
    json_decref(calendar_of("/v1/financing-offers?format=ics"));
    cr_assert_eq(sql_run(db, "delete from published.history where slug like 'much-changed-%%'"), 0);
    db_release(db);
    db_pool_free(pool);
}

Test(financing, a_calendar_is_never_a_page)
{
    CLEANUP(response_freep)
    struct response *page = http_get("/v1/financing-offers?format=ics&limit=10");
    CLEANUP(response_freep) struct response *list = http_get("/v1/financing-offers?limit=10");

    expect_problem(page, 400, "invalid-parameter", "a page");
    cr_assert_null(strstr(response_header(list, "Link"), "format=ics"));
}

Test(financing, events_have_a_calendar_too_and_what_has_no_dates_has_none)
{
    CLEANUP(response_freep)
    struct response *events = http_send(
        "GET", "/v1/events", (const char *const[]){"Accept: text/calendar", NULL}, NULL, 0);
    CLEANUP(response_freep) struct response *practices = http_get("/v1/practices?format=ics");
    CLEANUP(response_freep)
    struct response *practice = http_get("/v1/practices/diomcoop?format=ics");
    CLEANUP(response_freep)
    struct response *past = http_get("/v1/financing-offers/microstart-microcredit?format=ics&as_of="
                                     "2026-01-01T00:00:00Z");
    CLEANUP(response_freep)
    struct response *none = http_get("/v1/financing-offers/microstart-microcredit?format=csv");
    json_auto_t *calendar = read_calendar(events);

    cr_assert_gt(json_array_size(json_object_get(calendar, "events")), 3);
    expect_problem(practices, 406, "not-acceptable", "practices");
    expect_problem(practice, 400, "invalid-parameter", "a practice");
    expect_problem(past, 400, "invalid-parameter", "the past");
    expect_problem(none, 406, "not-acceptable", "csv of one record");
}
