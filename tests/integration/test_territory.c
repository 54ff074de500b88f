/*
 * What a place and a network do and what they lack, over the founding catalogue and a small world
 * of its own: a town in which mentoring is missing, and three networks that name each other in a
 * ring. Beside it what is refused, here and in what the other files of territory ask.
 */
#include "base/annotate.h"
#include "coverage/steps.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/territory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

RECORDS_BEFORE_TESTS("territory", "EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(territory, .init = territory_ready, .fini = test_ends_without_leaks, .timeout = 120);

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
        territory_check_points(candidate);
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
    territory_expect_drawing(svg->body, "Coverage of Testville");
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
