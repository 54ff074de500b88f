/*
 * What practices, organisations, networks and places have in common, and what they lack, over
 * the founding catalogue and a small world of its own: a town in which mentoring is missing, and
 * three networks that name each other in a ring.
 */
#include "base/annotate.h"
#include "base/text.h"
#include "coverage/profiles.h"
#include "coverage/steps.h"
#include "db/db.h"
#include "support/database.h"
#include "support/holds.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/records.h"
#include "support/sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

RECORDS_BEFORE_TESTS("territory", "EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

static void ready(void);

TestSuite(territory, .init = ready, .fini = test_ends_without_leaks, .timeout = 120);

#define JSON_BYTES 4096
#define TOWN "/v1/coverage?city=Testville"
#define RADAR "/v1/assessment-tools/t-radar/score"

static json_t *get(const char *path)
{
    CLEANUP(response_freep) struct response *response = http_get(path);

    cr_assert_eq(response->status, 200, "%s: %s", path, response->body);
    return json_deep_copy(response_json(response));
}

static json_t *at(json_t *json, const char *name)
{
    json_t *value = json_object_get(json, name);

    cr_assert_not_null(value, "%s is missing", name);
    return value;
}

static double number_at(json_t *json, const char *name)
{
    return json_number_value(at(json, name));
}

static const char *text_at(json_t *json, const char *name)
{
    return json_string_value(at(json, name));
}

static json_t *with(json_t *list, const char *name, const char *value)
{
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item)
        if (strcmp(record_text(item, name), value) == 0)
            return item;
    return NULL;
}

/* An XML parser of somebody else reads the drawing; its title comes back. */
static void expect_drawing(const char *svg, const char *title)
{
    static const char PARSE[] =
        "import sys, xml.etree.ElementTree as t; r = t.parse(sys.argv[1]).getroot(); "
        "n = '{http://www.w3.org/2000/svg}'; assert r.tag == n + 'svg'; "
        "assert r.get('role') == 'img'; assert r.find(n + 'desc').text; "
        "assert not list(r.iter(n + 'script')); sys.stdout.write(r.find(n + 'title').text)";
    char path[] = "/tmp/express-svg-XXXXXX", command[1024], said[256] = "";
    const int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w"), *parser;

    cr_assert_not_null(file);
    cr_assert_geq(fputs(svg, file), 0);
    cr_assert_eq(fclose(file), 0);
    (void)snprintf(command, sizeof(command), "python3 -c \"%s\" %s", PARSE, path);
    parser = popen(command, "r");
    cr_assert_not_null(parser);
    cr_assert_not_null(fgets(said, sizeof(said), parser));
    cr_assert_eq(pclose(parser), 0);
    cr_assert_str_eq(said, title);
    (void)remove(path);
}

/* --- coverage ----------------------------------------------------------------------------------
 */

/* The ids of all records that a list shows, into @seen; none may be there already. */
static void add_list(const char *address, json_t *seen)
{
    const char *path = strstr(address, "/v1/"), *query = strchr(path, '?');
    char *list = strndup(path, (size_t)(query - path));
    json_t *ids = list_ids(list, query + 1, 100), *id;
    size_t i;

    json_array_foreach (ids, i, id) {
        const char *text = json_string_value(id);

        cr_assert_null(json_object_get(seen, text), "%s is in two lists: %s", text, address);
        json_object_set_new(seen, text, json_true());
    }
    json_decref(ids);
    free(list);
}

/* Whoever follows the links of a cell finds what it counts, all of it, and nothing else. */
static void check_lists(json_t *cell, const char *place, const char *step)
{
    json_t *href = json_object_get(cell, "href"), *hrefs = json_object_get(cell, "hrefs"), *item;
    const double counted = number_at(cell, "count") + number_at(cell, "idle");
    json_auto_t *seen = json_object();
    size_t i;

    cr_assert(href == NULL || hrefs == NULL);
    if (href == NULL && hrefs == NULL) {
        cr_assert(strcmp(text_at(cell, "resource"), "organisations") == 0 || counted < 0.5,
                  "%s, %s: %s", place, step, text_at(cell, "resource"));
        return;
    }
    if (href != NULL)
        add_list(json_string_value(href), seen);
    json_array_foreach (hrefs, i, item)
        add_list(json_string_value(item), seen);
    cr_assert_eq(json_object_size(seen), (size_t)(counted + 0.5), "%s, %s: %s counts %f, not %zu",
                 place, step, text_at(cell, "resource"), counted, json_object_size(seen));
    json_array_foreach (at(cell, "records"), i, item)
        cr_assert_not_null(json_object_get(seen, text_at(item, "id")), "%s: %s", place,
                           text_at(item, "slug"));
}

static void check_cells(json_t *answer, const char *place)
{
    json_t *step, *cell;
    size_t i, j;

    json_array_foreach (at(answer, "steps"), i, step) {
        double count = 0;

        cr_assert_str_eq(text_at(step, "step"), STEPS[i]);
        json_array_foreach (at(step, "resources"), j, cell) {
            if (strcmp(text_at(cell, "resource"), "organisations") != 0)
                count += number_at(cell, "count");
            check_lists(cell, place, STEPS[i]);
            cr_assert_leq(number_at(cell, "stale"), number_at(cell, "count"));
        }
        cr_assert_eq(strcmp(text_at(step, "state"), "gap") == 0, count < 0.5, "%s %s", place,
                     STEPS[i]);
        cr_assert_eq(with(at(answer, "gaps"), "step", STEPS[i]) != NULL, count < 0.5);
    }
}

static double mentoring_of(json_t *answer)
{
    json_t *step = with(at(answer, "steps"), "step", "mentoring");

    return number_at(with(at(step, "resources"), "resource", "practices"), "count");
}

/* Places that are the main one of some records, and one of several of others; a city whose name
 * means something to filters; and a point from which a hand's breadth makes a difference. */
Test(territory, each_cell_counts_what_its_lists_show)
{
    static const struct {
        const char *place;
        double mentoring; /* practices; -1: as many as there are */
    } ROWS[] = {{"country=BE", -1},
                {"country=NO", -1},
                {"country=SE", -1},
                {"country=MT", -1},
                {"city=Li%C3%A8ge", -1},
                {"city=Lyon&country=FR", -1},
                {"city=Bothville", 2},
                {"city=Sideville", 2},
                {"city=Sideville&country=MT", 1},
                {"city=not.a%20city%2C%20or%20two", 1},
                {"near=50.633,5.58&radius_km=20", -1},
                {"near=50.633,5.58", -1},
                {"near=0,114.1234566&radius_km=0.001", 1}};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char path[128];
        json_t *answer;

        (void)snprintf(path, sizeof(path), "/v1/coverage?%s", ROWS[i].place);
        answer = get(path);
        check_cells(answer, ROWS[i].place);
        if (ROWS[i].mentoring >= 0)
            cr_assert_float_eq(mentoring_of(answer), ROWS[i].mentoring, 0.1, "%s", ROWS[i].place);
        json_decref(answer);
    }
}

static bool has_all_members(json_t *example, json_t *answer)
{
    const char *name;
    json_t *value;

    json_object_foreach (example, name, value)
        if (json_object_get(answer, name) == NULL)
            return false;
    return json_object_size(example) > 0;
}

/* An example says nothing that an answer cannot say, and names what was asked about. */
Test(territory, examples_of_coverages_could_be_answers)
{
    static const struct {
        const char *path, *asked, *place;
    } ROWS[] = {{"/v1/coverage", "/v1/coverage?country=BE&city=Li%C3%A8ge", "city"},
                {"/v1/networks/{id}/coverage", "/v1/networks/unionmigrantnet/coverage?country=BE",
                 "network"}};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_t *example = NULL, *answer = get(ROWS[i].asked), *cell;

        cr_assert_eq(json_unpack((json_t *)(uintptr_t)contract_document(list_contract()),
                                 "{s:{s:{s:{s:{s:{s:{s:{s:o}}}}}}}}", "paths", ROWS[i].path, "get",
                                 "responses", "200", "content", "application/json", "example",
                                 &example),
                     0);
        cr_assert_not_null(json_object_get(at(example, "place"), ROWS[i].place));
        cr_assert(has_all_members(at(example, "place"), at(answer, "place")), "%s", ROWS[i].path);
        cell = json_array_get(at(json_array_get(at(example, "steps"), 0), "resources"), 0);
        cr_assert(has_all_members(
                      cell, with(at(with(at(answer, "steps"), "step", "mentoring"), "resources"),
                                 "resource", "practices")),
                  "%s", ROWS[i].path);
        json_decref(answer);
    }
}

/* By the calendar alone, without anybody's word: one is past, one is to come, one is rolling. */
Test(territory, offers_that_are_not_open_by_their_dates_cover_nothing)
{
    json_t *answer = get("/v1/coverage?city=Offerton");
    json_t *step = with(at(answer, "steps"), "step", "financing");
    json_t *cell = with(at(step, "resources"), "resource", "financing-offers");

    cr_assert_float_eq(number_at(cell, "count"), 1, 0.1);
    cr_assert_float_eq(number_at(cell, "idle"), 2, 0.1);
    cr_assert_str_eq(text_at(json_array_get(at(cell, "records"), 0), "slug"), "t-offer-rolling");
    json_decref(answer);
    answer = get("/v1/coverage?city=Pastville");
    cr_assert_str_eq(text_at(with(at(answer, "steps"), "step", "financing"), "state"), "gap");
    json_decref(answer);
}

/* The points of a candidate are the sum of those of its reasons, all rounded to a tenth. */
static void check_points(json_t *candidate)
{
    const double rounding = 0.05 * (double)(json_array_size(at(candidate, "reasons")) + 1);
    double sum = 0;
    json_t *reason;
    size_t i;

    json_array_foreach (at(candidate, "reasons"), i, reason) {
        sum += number_at(reason, "points");
        cr_assert_str_not_empty(text_at(reason, "words"));
    }
    cr_assert_float_eq(number_at(candidate, "points"), sum, rounding + 1e-6, "%f, not %f",
                       number_at(candidate, "points"), sum);
}

/* What is shared counts its part of sixty points, not a little more or less. */
static void check_shares(json_t *answer)
{
    json_t *term, *gap, *candidate, *reason;
    double whole = 0;
    size_t i, j, k;

    json_array_foreach (at(answer, "profile"), i, term)
        whole += number_at(term, "weight");
    json_array_foreach (at(answer, "gaps"), i, gap)
        json_array_foreach (at(gap, "candidates"), j, candidate)
            json_array_foreach (at(candidate, "reasons"), k, reason) {
                if (json_object_get(reason, "property") == NULL)
                    continue;
                term = with(at(answer, "profile"), "value", text_at(reason, "value"));
                cr_assert_float_eq(number_at(reason, "points"),
                                   60 * number_at(term, "weight") / whole, 0.05 + 1e-6, "%s",
                                   text_at(reason, "value"));
            }
}

Test(territory, points_for_what_is_shared_are_parts_of_sixty)
{
    static const char *const PLACES[] = {TOWN, "/v1/coverage?city=Lyon",
                                         "/v1/coverage?city=Li%C3%A8ge", "/v1/coverage?country=NO",
                                         "/v1/networks/t-ring-a/coverage?distance=3"};

    for (size_t i = 0; i < ARRAY_LENGTH(PLACES); i++) {
        json_t *answer = get(PLACES[i]);

        check_shares(answer);
        json_decref(answer);
    }
}

Test(territory, a_gap_is_filled_by_what_works_elsewhere_and_says_why)
{
    static const char *const EXPECTED[] = {"t-best", "t-home", "t-law"};
    json_t *answer = get(TOWN);
    json_t *gap = with(at(answer, "gaps"), "step", "mentoring"), *candidates;

    cr_assert_str_eq(text_at(at(answer, "place"), "law_of"), "MT");
    cr_assert_not_null(gap, "who mentored has ended");
    cr_assert_null(with(at(answer, "gaps"), "step", "training"));
    candidates = at(gap, "candidates");
    for (size_t i = 0; i < ARRAY_LENGTH(EXPECTED); i++) {
        json_t *candidate = json_array_get(candidates, i);

        cr_assert_str_eq(text_at(at(candidate, "practice"), "slug"), EXPECTED[i]);
        check_points(candidate);
    }
    /* All that the town does, and nothing beside it: 60 and 15 points. */
    cr_assert_float_eq(number_at(json_array_get(candidates, 0), "points"), 75, 1e-6);
    cr_assert_not_null(
        with(at(json_array_get(candidates, 0), "reasons"), "code", "adopted_elsewhere"));
    cr_assert_not_null(
        with(at(json_array_get(candidates, 0), "reasons"), "code", "conditions_stated"));
    cr_assert_not_null(with(at(json_array_get(candidates, 1), "reasons"), "code", "same_country"));
    cr_assert_not_null(
        with(at(json_array_get(candidates, 2), "reasons"), "code", "legal_basis_missing"));
    cr_assert_str_eq(
        text_at(json_array_get(at(json_array_get(candidates, 2), "legal_bases"), 0), "law"),
        "missing");
    for (size_t i = 0; i < json_array_size(candidates); i++)
        cr_assert_str_neq(text_at(at(json_array_get(candidates, i), "practice"), "slug"), "t-idle");
    json_decref(answer);
}

Test(territory, where_nothing_is_done_everything_is_a_gap)
{
    json_t *answer = get("/v1/coverage?city=Nowhere%20At%20All"), *gap;
    size_t i;

    cr_assert_eq(json_array_size(at(answer, "gaps")), STEPS_COUNT);
    cr_assert_eq(json_array_size(at(answer, "profile")), 0);
    json_array_foreach (at(answer, "gaps"), i, gap)
        cr_assert_leq(json_array_size(at(gap, "candidates")), 5);
    json_decref(answer);
}

Test(territory, a_coverage_is_a_table_and_a_drawing_too)
{
    static const char *const SVG[] = {"Accept: image/svg+xml", NULL};
    CLEANUP(response_freep) struct response *csv = http_get(TOWN "&format=csv");
    CLEANUP(response_freep) struct response *svg = http_send("GET", TOWN, SVG, NULL, 0);
    CLEANUP(response_freep) struct response *none = http_get(TOWN "&format=pdf");

    cr_assert_eq(csv->status, 200);
    cr_assert_str_eq(response_header(csv, "Content-Type"), "text/csv; charset=utf-8");
    cr_assert_not_null(strstr(csv->body, "mentoring,gap,practices,0,1,0,,\r\n"), "%s", csv->body);
    cr_assert_eq(svg->status, 200);
    expect_drawing(svg->body, "Coverage of Testville");
    cr_assert_eq(none->status, 406);
}

Test(territory, a_copy_at_hand_is_told_from_a_new_one)
{
    int status = 200;

    /* Tests beside this one publish, now and then between the two. */
    for (unsigned i = 0; i < 20 && status == 200; i++) {
        CLEANUP(response_freep) struct response *first = http_get(TOWN), *again = NULL;
        char header[128];

        (void)snprintf(header, sizeof(header), "If-None-Match: %s", response_header(first, "ETag"));
        again = http_get_with(TOWN, header);
        status = again->status;
        /* It changes with time alone: nothing past may be shown while a new one is fetched. */
        cr_assert_str_eq(response_header(first, "Cache-Control"), "public, max-age=60");
    }
    cr_assert_eq(status, 304);
}

Test(territory, networks_in_a_ring_are_walked_once_and_past_members_do_not_count)
{
    static const unsigned ORGANISATIONS[] = {1, 3, 3, 3};

    for (unsigned i = 0; i < ARRAY_LENGTH(ORGANISATIONS); i++) {
        char path[64];
        json_t *answer;

        (void)snprintf(path, sizeof(path), "/v1/networks/t-ring-a/coverage?distance=%u", i);
        answer = get(path);
        cr_assert_float_eq(number_at(at(answer, "place"), "organisations"), ORGANISATIONS[i], 0.1,
                           "%s", path);
        cr_assert_eq(json_array_size(at(at(answer, "place"), "networks")), i == 0 ? 1 : 3);
        cr_assert_eq(with(at(answer, "gaps"), "step", "mentoring") != NULL, i == 0, "%s", path);
        json_decref(answer);
    }
}

/* --- similar practices -------------------------------------------------------------------------
 */

/* A scan over all terms in SQL, with the weights that the answer states. */
static void append_scan(struct text *sql, json_t *terms)
{
    json_t *term;
    size_t i;

    text_append(sql,
                "select string_agg(slug, ' ' order by weight desc, updated_at desc, id desc) "
                "from (select p.slug, p.id, p.updated_at, sum(a.weight) as weight from (values ");
    json_array_foreach (terms, i, term)
        text_append_format(sql, "%s('%s=%s', %d)", i == 0 ? "" : ", ", text_at(term, "property"),
                           text_at(term, "value"), (int)number_at(term, "weight"));
    text_append(sql, ") a(term, weight) join published.practices_terms t on t.term = a.term "
                     "join published.practices p on p.id = t.id where p.slug <> '");
}

Test(territory, similar_practices_are_exactly_those_of_a_scan_over_all)
{
    static const char *const SLUGS[] = {"univerbal", "diomcoop", "magdas-hotel", "kodiko",
                                        "green-cantine"};
    struct db_pool *pool = sql_pool("express_public", NULL);
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(SLUGS); i++) {
        char path[128];
        json_t *answer, *match;
        struct text sql, found;
        size_t j;

        (void)snprintf(path, sizeof(path), "/v1/practices/%s/similar?limit=15", SLUGS[i]);
        answer = get(path);
        text_init(&sql, JSON_BYTES * 4);
        text_init(&found, JSON_BYTES);
        append_scan(&sql, at(answer, "terms"));
        text_append_format(&sql, "%s' group by 1, 2, 3 order by 4 desc, 3 desc, 2 desc limit 15) f",
                           SLUGS[i]);
        json_array_foreach (at(answer, "data"), j, match) {
            text_append_format(&found, "%s%s", j == 0 ? "" : " ",
                               text_at(at(match, "practice"), "slug"));
            check_points(match);
            cr_assert_leq(number_at(match, "points"), 100);
        }
        cr_assert_str_eq(found.bytes, sql_value_of(db, sql.bytes, ""), "%s", SLUGS[i]);
        text_deinit(&sql);
        text_deinit(&found);
        json_decref(answer);
    }
    db_release(db);
    db_pool_free(pool);
}

static bool is_similar(const char *slug)
{
    json_t *answer = get("/v1/practices/t-here/similar?limit=100"), *match;
    bool found = false;
    size_t i;

    json_array_foreach (at(answer, "data"), i, match)
        found = found || strcmp(text_at(at(match, "practice"), "slug"), slug) == 0;
    json_decref(answer);
    return found;
}

static void wait_until(bool (*is_there)(const char *slug), const char *slug, bool expected)
{
    for (unsigned i = 0; i < 200; i++) {
        if (is_there(slug) == expected)
            return;
        (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    cr_assert_fail("%s: still %s", slug, expected ? "missing" : "there");
}

/* The server has taken over what was imported. */
static void ready(void)
{
    records_ready();
    wait_until(is_similar, "t-best", true);
}

Test(territory, what_is_published_or_withdrawn_is_seen_in_a_moment)
{
    json_auto_t *records =
        json_pack("{s:[{s:s,s:s,s:s,s:[s],s:[s]}]}", "practices", "slug", "t-late", "title",
                  "What came later", "summary", "Of the tests.", "target_groups", "street_vendors",
                  "sectors", "textile");
    struct db_pool *pool = sql_pool("express_writer", "express.role=system");
    struct db *db = NULL;

    list_import_well(records);
    wait_until(is_similar, "t-late", true);
    cr_assert_eq(db_lease(pool, &db), 0);
    cr_assert_eq(sql_run(db, "delete from published.practices where slug = 't-late'"), 0);
    cr_assert_eq(sql_run(db, "insert into catalogue.change (resource, record_id, version, kind) "
                             "select 'practices', id, 2, 'deleted' from catalogue.record "
                             "where slug = 't-late'"),
                 0);
    wait_until(is_similar, "t-late", false);
    db_release(db);
    db_pool_free(pool);
}

/* For a gap there, with an adoption among the reasons. */
static bool is_recommended_for(const char *place, const char *step, const char *slug)
{
    json_t *answer = get(place), *candidate;
    bool found = false;
    size_t i;

    json_array_foreach (at(with(at(answer, "gaps"), "step", step), "candidates"), i, candidate) {
        const bool is_told = json_array_size(at(candidate, "adoptions")) > 0;

        if (strcmp(text_at(at(candidate, "practice"), "slug"), slug) != 0)
            continue;
        found = with(at(candidate, "reasons"), "code", "adopted_elsewhere") != NULL;
        cr_assert_eq(is_told, found);
    }
    json_decref(answer);
    return found;
}

static bool is_recommended(const char *slug)
{
    return is_recommended_for("/v1/coverage?city=Pastville", "financing", slug);
}

/* It was taken to the town, by the town: elsewhere that speaks for it, there it says nothing. */
Test(territory, an_adoption_in_the_place_itself_is_no_evidence_from_elsewhere)
{
    cr_assert(is_recommended_for("/v1/coverage?city=Pastville", "mentoring", "t-home"));
    cr_assert_not(is_recommended_for(TOWN, "mentoring", "t-home"));
    cr_assert_not(is_recommended_for("/v1/coverage?near=35.9,14.4", "mentoring", "t-home"));
    cr_assert_not(
        is_recommended_for("/v1/networks/t-ring-a/coverage?distance=0", "mentoring", "t-home"));
}

/* Nothing but an adoption speaks for it, as long as there is one. */
Test(territory, what_speaks_for_a_practice_is_seen_to_come_and_go)
{
    json_auto_t *records =
        json_pack("{s:[{s:s,s:s,s:s,s:[s],s:s}], s:[{s:s,s:s,s:s,s:s,s:s}]}", "practices", "slug",
                  "t-funds", "title", "What others took over", "summary", "Of the tests.",
                  "value_chain_steps", "financing", "country", "IS", "adoptions", "slug", "t-taken",
                  "title", "Taken over", "practice", "t-funds", "country", "SE", "result", "works");
    struct db_pool *pool = sql_pool("express_writer", "express.role=system");
    struct db *db = NULL;

    list_import_well(records);
    wait_until(is_recommended, "t-funds", true);
    cr_assert_eq(db_lease(pool, &db), 0);
    cr_assert_eq(sql_run(db, "delete from published.adoptions where slug = 't-taken'"), 0);
    cr_assert_eq(sql_run(db, "insert into catalogue.change (resource, record_id, version, kind) "
                             "select 'adoptions', id, 2, 'deleted' from catalogue.record "
                             "where slug = 't-taken'"),
                 0);
    wait_until(is_recommended, "t-funds", false);
    db_release(db);
    db_pool_free(pool);
}

/* No look for changes comes to its end from now on. */
static int hold_changes(struct hold *hold)
{
    return hold_begin(hold, "lock table catalogue.change in access exclusive mode");
}

/* Asks for @path until the look for what has changed waits for the lock of @backend. */
static struct http_pending *ask_until_blocked(struct hold *hold, int backend, const char *path)
{
    struct http_pending *pending = NULL;

    /* Without news from the database it looks once a second. */
    while (pending == NULL || http_is_done(pending)) {
        if (pending != NULL)
            response_free(http_end(pending));
        pending = http_begin("GET", path, NULL, NULL);
        hold_wait_blocked(hold, backend, pending);
    }
    return pending;
}

/* Which readers have a connection while @pending waits? Others have an end, it has none. NULL:
 * it had waited for too long before anybody could look. */
static char *readers_beside(const struct http_pending *pending)
{
    static const char READERS[] =
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and application_name like 'express-api%' and state = 'idle in transaction'";
    char *readers = NULL;

    while (readers == NULL || strcmp(readers, "0") != 0) {
        char *now = test_database_value(READERS);

        if (http_is_done(pending)) {
            free(now);
            break; /* it was asked too late */
        }
        free(readers);
        readers = now;
    }
    return readers;
}

Test(territory, who_waits_for_what_has_changed_keeps_no_connection_from_readers)
{
    static const char *const PATHS[] = {"/v1/practices/t-here/similar",
                                        "/v1/organisations/t-town/partners", TOWN};
    struct hold hold;

    hold_open(&hold, "t-town");
    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        char *readers = NULL;

        while (readers == NULL) {
            const int backend = hold_changes(&hold);
            struct http_pending *pending = ask_until_blocked(&hold, backend, PATHS[i]);

            readers = readers_beside(pending);
            hold_end(&hold);
            response_free(http_end(pending));
        }
        cr_assert_str_eq(readers, "0", "%s", PATHS[i]);
        free(readers);
    }
    hold_close(&hold);
}

/* The log of changes cannot be read for longer than the server waits: what is known still helps. */
Test(territory, what_is_in_memory_is_served_while_changes_cannot_be_asked_for)
{
    static const char *const PATHS[] = {"/v1/practices/t-here/similar",
                                        "/v1/organisations/t-town/partners", TOWN};
    const size_t before = test_server_log_lines("event=profiles.refresh ");
    struct hold hold;

    hold_open(&hold, "t-town");
    (void)hold_changes(&hold);
    for (size_t i = 0; test_server_log_lines("event=profiles.refresh ") < before + 2; i++) {
        CLEANUP(response_freep)
        struct response *response = http_get(PATHS[i % ARRAY_LENGTH(PATHS)]);

        cr_assert_eq(response->status, 200, "%s", response->body);
    }
    hold_end(&hold);
    hold_close(&hold);
}

/* How many statements it takes to look for what has changed. */
static uint64_t statements_of_a_look(struct db_pool *pool, struct profiles *profiles,
                                     uint64_t generation)
{
    struct db_pool_figures before, after;

    db_pool_figures(pool, &before);
    cr_assert_eq(profiles_refresh(profiles, generation), 0);
    db_pool_figures(pool, &after);
    return after.statements - before.statements;
}

/* Somebody writes for a long time; what others have changed meanwhile is not fetched again and
 * again. */
Test(territory, what_was_taken_over_beside_an_open_transaction_is_not_taken_over_again)
{
    struct db_pool *pool = sql_pool("express_writer", "express.role=system");
    struct profiles *profiles = NULL;
    uint64_t generation = 1, with_changes, least = UINT64_MAX;
    struct hold hold;

    cr_assert_eq(profiles_new(pool, &profiles), 0);
    cr_assert_eq(profiles_refresh(profiles, generation++), 0);
    hold_open(&hold, "t-town");
    (void)hold_begin(&hold, "select pg_current_xact_id()");
    test_database_run("insert into catalogue.change (resource, record_id, version, kind) "
                      "select 'practices', id, 1, 'rendered' from catalogue.record "
                      "where slug = 't-here'");
    with_changes = statements_of_a_look(pool, profiles, generation++);
    /* Tests beside this one change practices, too, now and then. */
    for (unsigned i = 0; i < 100 && least >= with_changes; i++) {
        const uint64_t count = statements_of_a_look(pool, profiles, generation++);

        least = count < least ? count : least;
    }
    cr_assert_lt(least, with_changes);
    hold_end(&hold);
    hold_close(&hold);
    profiles_free(profiles);
    db_pool_free(pool);
}

/* --- partners and ways -------------------------------------------------------------------------
 */

Test(territory, partners_are_others_that_do_the_like)
{
    json_t *answer = get("/v1/organisations/t-town/partners?limit=20"), *partner;
    double before = 101;
    size_t i;

    cr_assert_not_null(
        with(at(json_array_get(at(answer, "data"), 0), "reasons"), "value", "street_vendors"));
    json_array_foreach (at(answer, "data"), i, partner) {
        cr_assert_str_neq(text_at(at(partner, "organisation"), "slug"), "t-town");
        cr_assert_leq(number_at(partner, "points"), before);
        before = number_at(partner, "points");
        check_points(partner);
    }
    json_decref(answer);
}

/* Of one network, and of none any more. */
Test(territory, partners_share_the_networks_of_today)
{
    json_t *answer = get("/v1/organisations/t-town/partners?limit=100"), *partner;
    unsigned found = 0;
    size_t i;

    json_array_foreach (at(answer, "data"), i, partner) {
        const char *slug = text_at(at(partner, "organisation"), "slug");
        const bool is_fellow = strcmp(slug, "t-fellow") == 0;

        if (!is_fellow && strcmp(slug, "t-alone") != 0)
            continue;
        found++;
        cr_assert_eq(json_is_true(at(partner, "shares_network")), is_fellow, "%s", slug);
    }
    cr_assert_eq(found, 2);
    json_decref(answer);
}

static double length_of(const char *from, const char *to, const char *more)
{
    char path[256];
    json_t *answer;
    double length;

    (void)snprintf(path, sizeof(path), "/v1/organisations/%s/network-paths?to=%s%s", from, to,
                   more);
    answer = get(path);
    length = json_object_get(answer, "length") == NULL ? -1 : number_at(answer, "length");
    cr_assert_eq(json_array_size(at(answer, "paths")) == 0, length < 0, "%s", path);
    json_decref(answer);
    return length;
}

Test(territory, ways_lead_through_networks_that_work_together_and_back_again)
{
    static const struct {
        const char *from, *to, *more;
        double length;
    } ROWS[] = {{"t-town", "t-elsewhere", "", 3},
                {"t-elsewhere", "t-town", "", 3},
                {"t-town", "t-third", "&through=networks", 3},
                {"t-town", "t-town", "", 0},
                {"t-town", "t-third", "&through=projects", -1},
                {"t-town", "univerbal", "", -1},
                {"etuc", "citub", "&through=networks", 2},
                {"citub", "etuc", "&through=networks,projects&limit=10", 2}};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_assert_float_eq(length_of(ROWS[i].from, ROWS[i].to, ROWS[i].more), ROWS[i].length, 0.1,
                           "%s to %s%s", ROWS[i].from, ROWS[i].to, ROWS[i].more);
}

static bool is_cut(const char *path, const char *etag_of)
{
    CLEANUP(response_freep) struct response *response = http_get(path), *other = NULL;
    bool cut = json_is_true(response_at(response, "/is_cut"));

    cr_assert_eq(response->status, 200, "%s", response->body);
    other = http_get(etag_of);
    cr_assert_str_eq(response_header(response, "ETag"), response_header(other, "ETag"));
    return cut;
}

/* One practice of the hub has more organisations behind it than are followed. */
Test(territory, ways_say_when_connections_were_left_out_and_are_the_same_each_time)
{
    static const char WAY[] = "/v1/organisations/t-hub/network-paths?to=t-elsewhere";
    char *id = test_database_value("select upper(id::text) from catalogue.record "
                                   "where slug = 't-elsewhere'");
    char by_id[128];

    (void)snprintf(by_id, sizeof(by_id), "/v1/organisations/t-hub/network-paths?to=%s", id);
    free(id);
    cr_assert_not(is_cut(WAY, by_id));
    test_database_run(
        "insert into published.practices_terms "
        "select p.id, 'organisations@' || md5(n::text)::uuid, p.country, p.updated_at "
        "from published.practices p cross join generate_series(1, 1000) n "
        "where p.slug = 't-hub-does'");
    cr_assert(is_cut(WAY, by_id));
    cr_assert_not(is_cut("/v1/organisations/t-hub/network-paths?to=t-elsewhere&through=networks",
                         "/v1/organisations/t-hub/network-paths?through=networks&to=t-elsewhere"));
}

/* --- impact ------------------------------------------------------------------------------------
 */

Test(territory, figures_are_added_up_only_where_they_may_be)
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
Test(territory, figures_are_cut_where_there_are_more_and_indicators_are_counted_exactly)
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

Test(territory, answers_become_scores_and_a_radar_and_are_kept_by_nobody)
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
    expect_drawing(svg->body, "A radar <of> tests & more");
    cr_assert_eq(test_server_log_lines("4.321987"), 0, "answers are in the log");
}

Test(territory, all_faults_of_answers_are_told_at_once)
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

/* --- what is refused ---------------------------------------------------------------------------
 */

Test(territory, parameters_that_say_nothing_are_refused_by_name)
{
    static const struct {
        const char *path, *parameter;
        int status;
    } ROWS[] = {
        {"/v1/coverage", "country", 400},
        {"/v1/coverage?country=XX", "country", 400},
        {"/v1/coverage?country=fr", "country", 400},
        {"/v1/coverage?near=91,0", "near", 400},
        {"/v1/coverage?near=1", "near", 400},
        {"/v1/coverage?near=1,1&country=FR", "near", 400},
        {"/v1/coverage?near=1,1&radius_km=0", "radius_km", 400},
        {"/v1/coverage?country=FR&radius_km=5", "radius_km", 400},
        {"/v1/coverage?contry=FR", "contry", 400},
        {"/v1/networks/t-ring-a/coverage?distance=4", "distance", 400},
        {"/v1/networks/t-ring-a/coverage?near=1,1", "near", 400},
        {"/v1/networks/no-such-network/coverage", NULL, 404},
        {"/v1/practices/t-here/similar?limit=0", "limit", 400},
        {"/v1/practices/no-such-practice/similar", NULL, 404},
        {"/v1/organisations/t-town/network-paths", "to", 400},
        {"/v1/organisations/t-town/network-paths?to=no-such", "to", 400},
        {"/v1/organisations/t-town/network-paths?to=etuc&through=rivers", "through", 400},
        {"/v1/organisations/t-town/network-paths?to=etuc&through=networks,networks", "through",
         400},
        {"/v1/organisations/t-town/partners?limit=101", "limit", 400},
        {"/v1/impact?indicator=A%20B", "indicator", 400},
        {"/v1/impact?country=ZZ", "country", 400},
        {"/v1/impact?method_family=indicators", "method_family", 400},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = http_get(ROWS[i].path);

        cr_assert_eq(response->status, ROWS[i].status, "%s: %s", ROWS[i].path, response->body);
        if (ROWS[i].parameter != NULL)
            cr_assert_str_eq(response_text_at(response, "/errors/0/parameter"), ROWS[i].parameter,
                             "%s", ROWS[i].path);
    }
}
