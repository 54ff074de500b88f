/*
 * Financing offers: deadlines that pass by themselves, sums in other currencies, schedules, and who
 * could have which offer.
 */
#include "base/annotate.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"
#include "db/db.h"
#include "support/http.h"
#include "support/leaks.h"
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

TestSuite(financing, .fini = test_ends_without_leaks, .timeout = 120);

#define PATH_BYTES 512
#define WAIT_MS_MAX 20000
#define PAUSE_MS 50

/* --- what all of them need -------------------------------------------------------------------- */

static json_t *offer(const char *title, const char *more)
{
    json_auto_t *added = json_loads(more, 0, NULL);
    json_t *record = json_pack("{s:s, s:s, s:s}", "title", title, "instrument", "grant", "summary",
                               "An offer of the tests.");

    cr_assert(added != NULL && record != NULL, "%s", more);
    cr_assert_eq(json_object_update(record, added), 0);
    return record;
}

/* A draft; its slug, owned. */
static char *draft(const char *title, const char *more)
{
    json_auto_t *record = offer(title, more);
    CLEANUP(response_freep)
    struct response *response =
        write_as(writer_partner(), "POST", "/v1/financing-offers", NULL, NULL, record);
    char *slug;

    expect_status(response, 201, title);
    slug = strdup(response_text_at(response, "/slug"));
    cr_assert_not_null(slug);
    return slug;
}

static void step(const char *token, const char *slug, const char *name)
{
    CLEANUP(response_freep)
    struct response *copy = read_as(token, path_of("/v1/financing-offers/%s/working-copy", slug));
    CLEANUP(response_freep)
    struct response *response =
        write_as(token, "POST", path_of("/v1/financing-offers/%s/%s", slug, name),
                 response_header(copy, "ETag"), NULL, NULL);

    expect_status(response, 200, name);
}

static char *publish(const char *title, const char *more)
{
    char *slug = draft(title, more);

    step(writer_partner(), slug, "submit");
    step(writer_editor(), slug, "publish");
    return slug;
}

static bool is_listed(const char *filters, const char *slug)
{
    CLEANUP(response_freep)
    struct response *response =
        http_get(path_of("/v1/financing-offers?limit=100&fields=id&%s", filters));
    const json_t *record;
    size_t i;

    expect_status(response, 200, filters);
    json_array_foreach (response_at(response, "/data"), i, record)
        if (strcmp(json_string_value(json_object_get(record, "slug")), slug) == 0)
            return true;
    return false;
}

static struct response *match(const char *profile)
{
    return http_post("/v1/financing-offers/match", profile);
}

static const json_t *matched(struct response *response, const char *slug)
{
    const json_t *item;
    size_t i;

    expect_status(response, 200, slug);
    json_array_foreach (response_at(response, "/data"), i, item)
        if (strcmp(json_string_value(json_object_get(json_object_get(item, "offer"), "slug")),
                   slug) == 0)
            return item;
    return NULL;
}

static void pause_shortly(void)
{
    const struct timespec pause = {0, PAUSE_MS * 1000000L};

    (void)nanosleep(&pause, NULL);
}

/* The same, as soon as the server has heard of what was published. */
static struct response *match_with(const char *profile, const char *slug)
{
    for (unsigned waited = 0; waited < WAIT_MS_MAX; waited += PAUSE_MS) {
        struct response *response = match(profile);

        if (matched(response, slug) != NULL)
            return response;
        response_free(response);
        pause_shortly();
    }
    cr_assert_fail("%s is not matched", slug);
    return NULL;
}

/* "yes met" of a criterion; "" when it is not there. */
static const char *finding(const json_t *item, const char *criterion)
{
    static char text[64];
    const json_t *found;
    size_t i;

    json_array_foreach (json_object_get(item, "criteria"), i, found)
        if (strcmp(json_string_value(json_object_get(found, "criterion")), criterion) == 0) {
            (void)snprintf(text, sizeof(text), "%s %s",
                           json_string_value(json_object_get(found, "verdict")),
                           json_string_value(json_object_get(found, "reason")));
            return text;
        }
    return "";
}

/* --- deadlines ---------------------------------------------------------------------------------
 */

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
    slug = publish("An offer that closes soon", more);
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
    cr_assert(is_listed("application_status=open", slug));
    cr_assert_not(is_listed("application_status=not.open", slug));
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
    cr_assert_not(is_listed("application_status=open", slug));
    cr_assert(is_listed("application_status=closed", slug));
    free(slug);
}

Test(financing, offers_are_found_by_when_they_open_and_close)
{
    char *early = publish(
        "Closes early", "{\"application\":{\"deadline_kind\":\"single\",\"time_zone\":\"UTC\","
                        "\"opens_on\":\"2020-01-01\",\"deadlines\":[{\"date\":\"2101-01-15\"}]}}");
    char *late =
        publish("Closes late", "{\"application\":{\"deadline_kind\":\"cut_offs\",\"time_zone\":"
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
        cr_expect_eq(is_listed(ROWS[i].filters, early), ROWS[i].early, "%s", ROWS[i].filters);
        cr_expect_eq(is_listed(ROWS[i].filters, late), ROWS[i].late, "%s", ROWS[i].filters);
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
    char *hidden = draft("A draft with a deadline",
                         "{\"application\":{\"deadline_kind\":\"single\",\"time_zone\":\"UTC\","
                         "\"deadlines\":[{\"date\":\"2103-03-03\"}]}}");
    char *shown = publish("Published with a deadline",
                          "{\"application\":{\"deadline_kind\":\"single\",\"time_zone\":\"UTC\","
                          "\"deadlines\":[{\"date\":\"2104-04-04\"}]}}");
    CLEANUP(response_freep)
    struct response *copy =
        read_as(writer_partner(), path_of("/v1/financing-offers/%s/working-copy", shown));
    json_auto_t *patch =
        json_loads("{\"application\":{\"deadlines\":[{\"date\":\"2105-05-05\"}]}}", 0, NULL);
    CLEANUP(response_freep)
    struct response *changed =
        write_as(writer_partner(), "PATCH", path_of("/v1/financing-offers/%s", shown),
                 response_header(copy, "ETag"), NULL, patch);
    CLEANUP(response_freep) struct response *public = NULL;

    expect_status(changed, 200, "a change that waits");
    cr_assert_not(is_listed("closes=2103-03-03", hidden));
    cr_assert_not(is_listed("closes=2105-05-05", shown));
    cr_assert(is_listed("closes=2104-04-04", shown));
    public = http_get(path_of("/v1/financing-offers/%s", shown));
    cr_assert_null(strstr(public->body, "2105-05-05"));
    {
        CLEANUP(response_freep)
        struct response *response = match_with("{\"limit\":100}", shown);

        cr_assert_null(matched(response, hidden));
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
        json_auto_t *record = offer("Faulty", "{}");
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
    json_auto_t *faulty = offer("Faulty", FAULTY);
    json_auto_t *fitting = offer("Fitting", FITTING);
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

/* --- calendars ---------------------------------------------------------------------------------
 */

/* What somebody else's parser makes of a calendar; owned. Its lines are looked at here. */
static json_t *read_calendar(const struct response *response)
{
    char path[] = "/tmp/express-calendar-XXXXXX", command[PATH_BYTES * 2];
    const int descriptor = mkstemp(path);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
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
    cr_assert_not_null(file);
    cr_assert_geq(fputs(response->body, file), 0);
    cr_assert_eq(fclose(file), 0);
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

static const char *event_text(const json_t *calendar, const char *uid, const char *member)
{
    const json_t *event;
    size_t i;

    json_array_foreach (json_object_get(calendar, "events"), i, event)
        if (strcmp(json_string_value(json_object_get(event, "uid")), uid) == 0)
            return json_string_value(json_object_get(event, member));
    return NULL;
}

static json_int_t sequence_of(const json_t *calendar, const char *uid)
{
    const json_t *event;
    size_t i;

    json_array_foreach (json_object_get(calendar, "events"), i, event)
        if (strcmp(json_string_value(json_object_get(event, "uid")), uid) == 0)
            return json_integer_value(json_object_get(event, "sequence"));
    return -1;
}

/* @name: "on-21060701", or "deadline-" and a key */
static void uid_of(const char *slug, const char *name, char uid[PATH_BYTES])
{
    CLEANUP(response_freep)
    struct response *response = http_get(path_of("/v1/financing-offers/%s", slug));

    (void)snprintf(uid, PATH_BYTES, "%s.%s@express", response_text_at(response, "/id"), name);
}

/* Changes what is public. */
static void change(const char *slug, const char *patch)
{
    CLEANUP(response_freep)
    struct response *copy =
        read_as(writer_partner(), path_of("/v1/financing-offers/%s/working-copy", slug));
    json_auto_t *body = json_loads(patch, 0, NULL);
    CLEANUP(response_freep)
    struct response *response =
        write_as(writer_partner(), "PATCH", path_of("/v1/financing-offers/%s", slug),
                 response_header(copy, "ETag"), NULL, body);

    expect_status(response, 200, patch);
    step(writer_partner(), slug, "submit");
    step(writer_editor(), slug, "publish");
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
    char *slug = publish(
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
    step(writer_editor(), slug, "archive");
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
    char *slug = publish("A calendar that changes", DEADLINES(SUMMER "," WINTER));
    char summer[PATH_BYTES], winter[PATH_BYTES], alone[PATH_BYTES];
    json_int_t sequences[2] = {0, 0};

    (void)snprintf(alone, sizeof(alone), "/v1/financing-offers/%s?format=ics", slug);
    uid_of(slug, "on-21060701", summer);
    uid_of(slug, "deadline-winter", winter);
    for (size_t i = 0; i < ARRAY_LENGTH(STEPS); i++) {
        change(slug, STEPS[i].list);
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
        char *slug = publish(
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
        change(slug, ROWS[i].change);
        after = calendar_of(path);
        cr_expect_str_eq(event_text(before, summer, "status"), "CONFIRMED", "%s", path);
        cr_expect_str_eq(event_text(before, past, "status"), "CONFIRMED", "%s", path);
        cr_assert_not_null(event_text(after, summer, "status"), "%s", path);
        cr_expect_str_eq(event_text(after, summer, "status"), "CANCELLED", "%s", path);
        cr_expect_gt(sequence_of(after, summer), sequence_of(before, summer));
        cr_expect_null(event_text(after, past, "status"), "it held: %s", path);
        json_decref(before);
        json_decref(after);
        step(writer_editor(), slug, "archive");
        free(slug);
    }
}

Test(financing, what_was_closed_by_hand_stays_called_off_and_what_was_over_stays)
{
    char *slug = publish("Closed by hand", DEADLINES(PAST "," SUMMER));
    char past[PATH_BYTES], summer[PATH_BYTES], path[PATH_BYTES];
    static const char *const CHANGES[] = {"{\"activity_status\":\"closed\"}",
                                          "{\"summary\":\"Another word.\"}",
                                          "{\"activity_status\":\"paused\"}"};

    (void)snprintf(path, sizeof(path), "/v1/financing-offers/%s?format=ics", slug);
    uid_of(slug, "on-20200101", past);
    uid_of(slug, "on-21060701", summer);
    for (size_t i = 0; i < ARRAY_LENGTH(CHANGES); i++) {
        json_t *calendar;

        change(slug, CHANGES[i]);
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
    change(slug, "{\"activity_status\":\"open\"}");
    {
        json_auto_t *calendar = calendar_of(path);

        cr_expect_str_eq(event_text(calendar, summer, "status"), "CONFIRMED");
    }
    step(writer_editor(), slug, "archive");
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
        slug = publish("As time goes by", body);
        uid_of(slug, "deadline-near", uids[0]);
        uid_of(slug, "deadline-far", uids[1]);
        change(slug, "{\"summary\":\"In other words.\"}");
        set_back(db, slug);
        for (size_t edit = 0; edit < 2; edit++) {
            json_auto_t *calendar = NULL;

            if (edit > 0)
                change(slug, "{\"summary\":\"In other words again.\"}");
            calendar = calendar_of(path);
            for (size_t uid = 0; uid < 2; uid++)
                cr_expect_null(event_text(calendar, uids[uid], "status"), "%s, edit %zu, %zu", path,
                               edit, uid);
        }
        step(writer_editor(), slug, "archive");
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
    slug = publish("To be moved", body[0]);
    uid_of(slug, "deadline-moved", uid);
    change(slug, body[1]);
    {
        CLEANUP(response_freep)
        struct response *json = http_get(path_of("/v1/financing-offers/%s", slug));
        json_auto_t *calendar = calendar_of("/v1/financing-offers?format=ics&days_left_max=14");

        version = json_integer_value(response_at(json, "/version"));
        cr_assert_str_eq(event_text(calendar, uid, "status"), "CANCELLED");
        cr_assert_lt(sequence_of(calendar, uid), 2 * version, "CONFIRMED comes after it");
        cr_assert_gt(sequence_of(calendar, uid), 2 * (version - 1));
    }
    step(writer_editor(), slug, "archive");
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

/* --- sums --------------------------------------------------------------------------------------
 */

static struct program_result run_rates(const char *csv)
{
    char path[] = "/tmp/express-rates-XXXXXX";
    char database[1024];
    const int descriptor = mkstemp(path);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    struct program_result result;

    cr_assert_not_null(file);
    cr_assert_geq(fputs(csv, file), 0);
    cr_assert_eq(fclose(file), 0);
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
    char *slug = publish("An offer in forints",
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
        unknown = match_with(profile, slug);
        cr_assert_str_eq(finding(matched(unknown, slug), "amount"), "unknown no_rate");
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
    cr_assert(is_listed("in_euro.maximum_amount_min=8000&in_euro.minimum_amount_max=400", slug));
    cr_assert_not(is_listed("in_euro.maximum_amount_min=8000.01", slug));
    {
        CLEANUP(response_freep) struct response *today = NULL;
        CLEANUP(response_freep) struct response *then = NULL;
        CLEANUP(response_freep) struct response *before = NULL;
        CLEANUP(response_freep) struct response *forints = NULL;
        CLEANUP(response_freep) struct response *yen = NULL;

        today = match(profile);
        item = matched(today, slug);
        cr_assert_str_eq(finding(item, "amount"), "yes met");
        cr_assert_not_null(
            strstr(today->body, "\"compared\":{\"amount\":\"2500000.00\",\"currency\":\"HUF\"}"));
        cr_assert_not_null(strstr(today->body, "\"rates\":[{\"currency\":\"HUF\",\"rate\":\"500\","
                                               "\"date\":\"2026-01-02\",\"source\":\"A bank\"}]"));
        forints = match("{\"amount\":{\"amount\":\"5000\",\"currency\":\"HUF\"},\"limit\":1}");
        cr_assert_eq(json_array_size(response_at(forints, "/rates")), 1, "each once");
        yen = match("{\"amount\":{\"amount\":\"5000\",\"currency\":\"JPY\"},\"limit\":1}");
        cr_assert_eq(json_array_size(response_at(yen, "/rates")), 0, "none helped to compare");
        (void)snprintf(profile, sizeof(profile), PROFILE, ",\"rates_on\":\"2025-12-31\"");
        then = match(profile);
        cr_assert_not_null(strstr(then->body, "\"source\":\"A bank, \\\"first\\\"\""));
        (void)snprintf(profile, sizeof(profile), PROFILE, ",\"rates_on\":\"2025-01-01\"");
        before = match(profile);
        cr_assert_str_eq(finding(matched(before, slug), "amount"), "unknown no_rate");
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
        publish("A share that falls by the calendar",
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

/* --- matching ----------------------------------------------------------------------------------
 */

Test(financing, a_newcomer_in_brussels_sees_what_she_could_have_and_why)
{
    CLEANUP(response_freep)
    struct response *response =
        match("{\"country\":\"BE\",\"city\":\"Brussels\",\"target_groups\":[\"refugees\"],"
              "\"age\":34,\"legal_form\":\"not_yet\",\"stage\":\"start_up\",\"sector\":"
              "\"catering\",\"limit\":100}");
    const json_t *microstart = matched(response, "microstart-microcredit");
    const json_t *paris = matched(response, "paris-public-orders");
    const json_t *law = matched(response, "reserved-contracts-directive-2014-24-eu");
    const json_t *counts = response_at(response, "/counts");
    size_t total = (size_t)json_integer_value(response_at(response, "/page/total"));

    cr_assert_str_eq(response_header(response, "Cache-Control"), "no-store");
    cr_assert_null(response_header(response, "ETag"));
    cr_assert_not_null(microstart);
    cr_assert_str_eq(finding(microstart, "city"), "yes met");
    cr_assert_str_eq(finding(microstart, "target_groups"), "yes open_to_all");
    cr_assert_str_eq(finding(microstart, "age"), "unknown not_stated");
    cr_assert_str_eq(finding(microstart, "gender"), "", "nobody speaks of it");
    cr_assert_str_eq(json_string_value(json_object_get(microstart, "verdict")), "unknown");
    cr_assert_not_null(paris);
    cr_assert_str_eq(finding(paris, "country"), "no not_met");
    cr_assert_str_eq(finding(paris, "legal_form"), "unknown to_be_founded");
    cr_assert_str_eq(json_string_value(json_object_get(paris, "verdict")), "no");
    cr_assert_gt(json_array_size(json_object_get(paris, "similar")), 0);
    cr_assert_null(json_object_get(microstart, "similar"));
    cr_assert_not_null(law);
    cr_assert_str_eq(finding(law, "legal_basis"), "unknown law_reach_unknown");
    cr_assert_not_null(json_object_get(json_object_get(law, "offer"), "legal_basis"));
    cr_assert_null(matched(response, "erasmus-plus-ka2-insert-pro-migrants"), "it is closed");
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
    char *written = publish("In another language", "{\"country\":\"BE\",\"city\":\"Bruxelles\","
                                                   "\"location\":{\"lat\":50.85,\"lon\":4.35}}");
    char *part = publish("In a part of the town", "{\"country\":\"BE\",\"city\":\"Saint-Josse\","
                                                  "\"location\":{\"lat\":50.854,\"lon\":4.37}}");

    response_free(match_with("{\"country\":\"BE\",\"limit\":100}", part));
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char profile[PATH_BYTES];
        CLEANUP(response_freep) struct response *response = NULL;

        (void)snprintf(profile, sizeof(profile),
                       "{\"country\":\"BE\",\"city\":\"%s\",\"limit\":100}", ROWS[i].city);
        response = match_with(profile, written);
        cr_expect_str_eq(finding(matched(response, "microstart-microcredit"), "city"),
                         ROWS[i].microstart, "%s", ROWS[i].city);
        cr_expect_str_eq(finding(matched(response, written), "city"), ROWS[i].microstart, "%s",
                         ROWS[i].city);
        cr_expect_str_eq(finding(matched(response, "sada-settlement-support"), "city"),
                         ROWS[i].liege, "%s", ROWS[i].city);
    }
    free(written);
    free(part);
}

Test(financing, what_is_not_told_is_asked_for_and_its_answer_decides)
{
    char *slug = publish("For the young of one city",
                         "{\"country\":\"MT\",\"city\":\"Valletta\",\"eligibility\":{"
                         "\"maximum_age\":29,\"target_groups\":[\"newcomers\"]},"
                         "\"activity_status\":\"open\"}");
    CLEANUP(response_freep)
    struct response *response =
        match_with("{\"country\":\"MT\",\"city\":\"valletta\",\"target_groups\":[\"newcomers\"],"
                   "\"limit\":100}",
                   slug);
    CLEANUP(response_freep)
    struct response *young = match("{\"country\":\"MT\",\"city\":\"valletta\",\"target_groups\":"
                                   "[\"newcomers\"],\"age\":29,\"limit\":1}");
    CLEANUP(response_freep)
    struct response *old = match("{\"country\":\"MT\",\"city\":\"valletta\",\"target_groups\":"
                                 "[\"newcomers\"],\"age\":30,\"verdicts\":[\"yes\"]}");
    const json_t *entry;
    bool is_asked = false;
    size_t i, j;

    cr_assert_str_eq(finding(matched(response, slug), "age"), "unknown not_told");
    json_array_foreach (response_at(response, "/missing"), i, entry) {
        const json_t *listed;

        if (strcmp(json_string_value(json_object_get(entry, "criterion")), "age") == 0)
            json_array_foreach (json_object_get(entry, "offers"), j, listed)
                is_asked = is_asked || strcmp(json_string_value(listed), slug) == 0;
    }
    cr_assert(is_asked);
    cr_assert_str_eq(response_text_at(young, "/data/0/offer/slug"), slug);
    cr_assert_str_eq(response_text_at(young, "/data/0/verdict"), "yes");
    cr_assert_null(matched(old, slug));
    cr_assert_eq(json_array_size(response_at(old, "/data")), 0);
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
        const char *sector, *told, *verdict;
    } SECTORS[] = {
        {"multi_sector", "catering", "yes met"},
        {"catering", "multi_sector", "unknown not_told"},
        {"catering", "textile", "no not_met"},
    };
    char profile[PATH_BYTES], more[PATH_BYTES];
    char *slug;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS) + ARRAY_LENGTH(SECTORS); i++) {
        const size_t j = i - ARRAY_LENGTH(ROWS);
        const bool is_group = i < ARRAY_LENGTH(ROWS);
        CLEANUP(response_freep) struct response *response = NULL;

        (void)snprintf(more, sizeof(more),
                       "{\"country\":\"MT\",\"activity_status\":\"open\",\"eligibility\":{"
                       "\"%s\":[\"%s\"]}}",
                       is_group ? "target_groups" : "sectors",
                       is_group ? ROWS[i].groups : SECTORS[j].sector);
        (void)snprintf(profile, sizeof(profile),
                       is_group ? "{\"country\":\"MT\",\"limit\":100,%s}"
                                : "{\"country\":\"MT\",\"limit\":100,\"sector\":\"%s\"}",
                       is_group ? ROWS[i].told : SECTORS[j].told);
        slug = publish("Whom it is for", more);
        response = match_with(profile, slug);
        cr_expect_str_eq(finding(matched(response, slug), is_group ? "target_groups" : "sector"),
                         is_group ? ROWS[i].verdict : SECTORS[j].verdict, "%s %s", more, profile);
        step(writer_editor(), slug, "archive");
        free(slug);
    }
}

Test(financing, words_are_told_to_be_read_and_openness_is_taken_at_its_word)
{
    char *words = publish("Conditions in words",
                          "{\"country\":\"MT\",\"activity_status\":\"open\",\"eligibility\":{"
                          "\"themes\":[\"boats\"],\"legal_condition\":\"with a licence\"}}");
    char *open = publish("Open to all", "{\"country\":\"MT\",\"eligibility\":{\"open_to_all\":["
                                        "\"open\",\"legal_basis\"]}}");
    CLEANUP(response_freep)
    struct response *first = match_with("{\"country\":\"MT\",\"limit\":100}", words);
    CLEANUP(response_freep)
    struct response *second = match_with("{\"country\":\"MT\",\"limit\":100}", open);
    const json_t *item = matched(first, words);

    cr_assert_str_eq(finding(item, "sector"), "unknown in_words");
    cr_assert_str_eq(finding(item, "legal_basis"), "unknown in_words");
    cr_assert_str_eq(json_string_value(json_object_get(item, "as_stated")), "unknown");
    item = matched(second, open);
    cr_assert_str_eq(finding(item, "open"), "yes open_to_all");
    cr_assert_str_eq(finding(item, "legal_basis"), "yes open_to_all");
    cr_assert_str_eq(json_string_value(json_object_get(item, "verdict")), "yes");
    free(words);
    free(open);
}

Test(financing, matches_follow_what_is_published_and_withdrawn)
{
    CLEANUP(response_freep) struct response *before = match("{\"limit\":100}");
    char *slug = publish("New on the list", "{}");
    bool is_there = false;

    cr_assert_eq(before->status, 200);
    for (unsigned waited = 0; !is_there; waited += PAUSE_MS) {
        CLEANUP(response_freep) struct response *response = match("{\"limit\":100}");

        cr_assert_lt(waited, WAIT_MS_MAX);
        is_there = matched(response, slug) != NULL;
        if (!is_there)
            pause_shortly();
    }
    step(writer_editor(), slug, "archive");
    for (unsigned waited = 0; is_there; waited += PAUSE_MS) {
        CLEANUP(response_freep) struct response *response = match("{\"limit\":100}");

        cr_assert_lt(waited, WAIT_MS_MAX);
        is_there = matched(response, slug) != NULL;
        if (is_there)
            pause_shortly();
    }
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
        CLEANUP(response_freep) struct response *response = match(profile);

        whole[i] = json_deep_copy(response_at(response, "/data"));
        for (int offset = 0; i == 0 && offset < 39; offset += 13) {
            CLEANUP(response_freep) struct response *part = NULL;
            char page[PATH_BYTES];

            (void)snprintf(page, sizeof(page), PROFILE, 13, offset);
            part = match(page);
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
    struct response *response = match("{\"country\":\"Belgium\",\"age\":-1,\"name\":\"x\","
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
    struct response *valid =
        match("{\"city\":\"canarytown-7f3a9\",\"country\":\"BE\",\"residence_status\":"
              "\"undocumented\",\"amount\":{\"amount\":\"73915846207.57\",\"currency\":\"EUR\"}}");
    CLEANUP(response_freep)
    struct response *invalid =
        match("{\"city\":\"canarytown-7f3a9\",\"age\":\"canarytown-7f3a9\"}");
    CLEANUP(response_freep)
    struct response *malformed = match("{\"city\":\"canarytown-7f3a9\"");
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
