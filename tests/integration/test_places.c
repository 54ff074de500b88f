/*
 * Records by where they are. The distances expected are computed here, by the
 * haversine formula, from the coordinates that the records show.
 */
#include "base/text.h"
#include "support/contract.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/records.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 512
#define EARTH_RADIUS_KM 6371.0088 /* mean radius, IUGG */
#define TOLERANCE_KM 0.01

RECORDS_BEFORE_TESTS("places", "EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(places, .init = records_ready, .fini = test_ends_without_leaks, .timeout = 120);

struct point {
    double lat;
    double lon;
};

static const struct point POINTS[] = {
    {50.633, 5.58}, {50.847, 4.352},  {0, 0},
    {90, 0},        {-90, 180},       {-16.5, 179.9},
    {-16.5, -180},  {-16.4, -179.95}, {48.20821, -163.62619},
    {0.00005, 0},
};

static double haversine_km(struct point a, struct point b)
{
    const double radians = acos(-1.0) / 180;
    const double lat = sin((b.lat - a.lat) * radians / 2), lon = sin((b.lon - a.lon) * radians / 2);
    const double h = lat * lat + cos(a.lat * radians) * cos(b.lat * radians) * lon * lon;

    return 2 * EARTH_RADIUS_KM * asin(fmin(1, sqrt(h)));
}

static bool read_point(const json_t *record, struct point *ret_point)
{
    const json_t *location = json_object_get(record, "location");

    if (location == NULL)
        return false;
    *ret_point = (struct point){json_number_value(json_object_get(location, "lat")),
                                json_number_value(json_object_get(location, "lon"))};
    return true;
}

static json_t *walk_near(const char *resource, struct point point, const char *more)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "/v1/%s?near=%.9f,%.9f%s", resource, point.lat, point.lon,
                   more);
    return records_walk(path, 100);
}

/* ---- near ---- */

Test(places, the_nearest_come_first_with_their_distance_and_those_without_a_place_never)
{
    static const char *const RESOURCES[] = {"practices", "organisations", "financing-offers"};

    for (size_t r = 0; r < ARRAY_LENGTH(RESOURCES); r++)
        for (size_t i = 0; i < ARRAY_LENGTH(POINTS); i++) {
            json_auto_t *found = walk_near(RESOURCES[r], POINTS[i], "");
            const json_t *record;
            struct point place;
            double before = -1;
            size_t located = 0, j;

            json_array_foreach (records_of(RESOURCES[r]), j, record)
                located += read_point(record, &place) ? 1 : 0;
            cr_assert_eq(json_array_size(found), located, "%s near point %zu: %zu of %zu",
                         RESOURCES[r], i, json_array_size(found), located);
            json_array_foreach (found, j, record) {
                const double distance = json_number_value(json_object_get(record, "distance_km"));

                cr_assert(read_point(record, &place));
                cr_expect(fabs(distance - haversine_km(POINTS[i], place)) < TOLERANCE_KM,
                          "%s is %.4f km from point %zu, not %.4f", record_text(record, "slug"),
                          haversine_km(POINTS[i], place), i, distance);
                cr_expect(distance >= before, "%s: %.4f km after %.4f", record_text(record, "slug"),
                          distance, before);
                before = distance;
            }
        }
}

Test(places, a_radius_holds_those_within_it_and_no_others)
{
    static const double RADII_KM[] = {0.001, 0.02, 1, 30, 300, 1113.5, 5000, 10007, 19000, 20040};
    char more[64];

    for (size_t i = 0; i < ARRAY_LENGTH(POINTS); i++)
        for (size_t r = 0; r < ARRAY_LENGTH(RADII_KM); r++) {
            (void)snprintf(more, sizeof(more), "&fields=slug&radius_km=%.6f", RADII_KM[r]);
            json_auto_t *found = walk_near("practices", POINTS[i], more);
            json_auto_t *slugs = records_pluck(found, "slug");
            const json_t *record;
            size_t j;

            json_array_foreach (records_of("practices"), j, record) {
                struct point place;
                const bool located = read_point(record, &place);
                const double distance = located ? haversine_km(POINTS[i], place) : 1e9;

                /* On the border both answers are right. */
                if (fabs(distance - RADII_KM[r]) < 1e-6)
                    continue;
                cr_expect_eq(records_contain(slugs, record_text(record, "slug")),
                             distance < RADII_KM[r], "%s at %.6f km, radius %.4f around point %zu",
                             record_text(record, "slug"), distance, RADII_KM[r], i);
            }
        }
}

Test(places, the_date_line_is_no_border_for_distances)
{
    json_auto_t *found = walk_near("practices", (struct point){-16.5, 179.95}, "&radius_km=50");

    cr_assert_eq(json_array_size(found), 4);
}

Test(places, distance_is_an_order_like_any_other)
{
    json_auto_t *nearest = walk_near("practices", POINTS[1], "");
    json_auto_t *asked = walk_near("practices", POINTS[1], "&sort=distance");
    json_auto_t *farthest = walk_near("practices", POINTS[1], "&sort=-distance");
    json_auto_t *by_title = walk_near("practices", POINTS[1], "&sort=title");
    json_auto_t *by_country = walk_near("practices", POINTS[1], "&sort=city,-distance");
    const size_t count = json_array_size(nearest);

    cr_assert(json_equal(nearest, asked), "distance is the order when near is given");
    cr_assert_eq(json_array_size(farthest), count);
    for (size_t i = 0; i < count; i++)
        cr_assert_str_eq(record_text(json_array_get(farthest, count - 1 - i), "id"),
                         record_text(json_array_get(nearest, i), "id"));
    cr_assert_eq(json_array_size(by_title), count);
    cr_assert_not_null(json_object_get(json_array_get(by_title, 0), "distance_km"));
    for (size_t i = 1; i < count; i++) {
        const json_t *one = json_array_get(by_country, i - 1), *two = json_array_get(by_country, i);

        if (strcmp(record_text(one, "city"), record_text(two, "city")) == 0)
            cr_assert_geq(json_number_value(json_object_get(one, "distance_km")),
                          json_number_value(json_object_get(two, "distance_km")));
    }
}

Test(places, pages_by_distance_show_every_record_once)
{
    /* Many records share the one point of their city: distance alone does not order them. */
    static const char *const QUERIES[] = {
        "/v1/practices?near=50.847,4.352",
        "/v1/practices?near=50.847,4.352&sort=-distance",
        "/v1/practices?near=50.847,4.352&radius_km=500",
        "/v1/practices?near=-16.5,180&country=FJ,GH",
        "/v1/organisations?near=50.633,5.58&sort=city,distance",
        "/v1/organisations?bbox=-10,35,30,60&sort=name",
        "/v1/organisations?bbox=-10,35,30,60",
        "/v1/practices?q=migrants&near=50.633,5.58",
        "/v1/practices?q=migrants&near=50.633,5.58&sort=relevance,distance",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(QUERIES); i++) {
        json_auto_t *whole = records_walk(QUERIES[i], 100);
        json_auto_t *pages = records_walk(QUERIES[i], 3);

        cr_expect_gt(json_array_size(whole), 3, "%s", QUERIES[i]);
        cr_expect(json_equal(whole, pages), "%s", QUERIES[i]);
    }
}

Test(places, the_distance_is_shown_with_near_alone_and_in_every_form)
{
    CLEANUP(response_freep) struct response *plain = http_get("/v1/practices?bbox=-1,-1,1,1");
    CLEANUP(response_freep)
    struct response *fields = http_get("/v1/practices?near=0,0&fields=country&limit=2");
    CLEANUP(response_freep)
    struct response *lines = http_get("/v1/practices?near=0,0&radius_km=1&format=ndjson");
    CLEANUP(response_freep)
    struct response *table = http_get("/v1/practices?near=0,0&radius_km=1&format=csv&fields=slug");
    CLEANUP(response_freep)
    struct response *map = http_get("/v1/practices?near=0,0&radius_km=1&format=geojson");

    cr_assert_not_null(response_at(plain, "/data/0"));
    cr_assert_null(response_at(plain, "/data/0/distance_km"));
    cr_assert_eq(json_number_value(response_at(fields, "/data/0/distance_km")), 0);
    cr_assert_float_eq(json_number_value(response_at(fields, "/data/1/distance_km")), 0.011, 1e-9);
    cr_assert_not_null(strstr(lines->body, "\"distance_km\":0.011"));
    cr_assert_eq(json_number_value(response_at(map, "/features/0/properties/distance_km")), 0);
    cr_assert_not_null(strstr(table->body, "distance_km\r\n"), "%s", table->body);
    cr_assert_not_null(strstr(table->body, ",0.011\r\n"), "%s", table->body);
}

/* ---- bbox ---- */

struct box {
    const char *why;
    double west, south, east, north;
};

static bool is_inside(const struct box *box, struct point point)
{
    if (point.lat < box->south || point.lat > box->north)
        return false;
    return box->west <= box->east ? point.lon >= box->west && point.lon <= box->east
                                  : point.lon >= box->west || point.lon <= box->east;
}

Test(places, a_box_holds_those_inside_it_its_borders_included)
{
    static const struct box BOXES[] = {
        {"Belgium and around", 2.5, 49.4, 6.5, 51.6},
        {"the world", -180, -90, 180, 90},
        {"a point", 0, 0, 0, 0},
        {"a line", -180, 0, 180, 0},
        {"nothing", 100, 10, 110, 20},
        {"across the date line", 179, -20, -179, -10},
        {"across the date line and around the world", 5.6, -90, 5.5, 90},
        {"up to the date line", 179, -20, 180, -10},
        {"from the date line", -180, -20, -179, -10},
        {"the date line alone, from the east", 180, -20, 180, -10},
        {"the northern cap", -180, 89, 180, 90},
        {"the northern cap, narrow", -10, 89.999, 10, 90},
        {"the southern cap", -180, -90, 180, -80},
        {"fine borders", -0.000000013, -0.123456789013, 0.00000001, 0.0001},
    };
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(BOXES); i++) {
        (void)snprintf(path, sizeof(path), "/v1/practices?fields=slug&bbox=%.12f,%.12f,%.12f,%.12f",
                       BOXES[i].west, BOXES[i].south, BOXES[i].east, BOXES[i].north);
        json_auto_t *found = records_walk(path, 100);
        json_auto_t *slugs = records_pluck(found, "slug");
        const json_t *record;
        size_t j;

        json_array_foreach (records_of("practices"), j, record) {
            struct point place;
            const bool expected = read_point(record, &place) && is_inside(&BOXES[i], place);

            cr_expect_eq(records_contain(slugs, record_text(record, "slug")), expected,
                         "%s: %s is %s it", BOXES[i].why, record_text(record, "slug"),
                         expected ? "not in" : "in");
        }
    }
}

Test(places, places_filters_words_and_counts_go_together)
{
    static const struct {
        const char *query;
        const char *country; /* of all that is found */
    } ROWS[] = {
        {"near=50.633,5.58&radius_km=400&country=BE", "BE"},
        {"bbox=-10,35,30,60&country=FR", "FR"},
        {"bbox=-10,35,30,60&near=50.633,5.58&country=FR", "FR"},
        {"bbox=-10,35,30,60&near=50.633,5.58&radius_km=1000&q=migrants&country=FR,BE", NULL},
    };
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        (void)snprintf(path, sizeof(path), "/v1/practices?%s&limit=100&count=exact&facets=country",
                       ROWS[i].query);
        CLEANUP(response_freep) struct response *response = http_get(path);
        const json_t *record;
        size_t counted = 0, j;

        cr_assert_gt(json_array_size(response_at(response, "/data")), 1, "%s", path);
        json_array_foreach (response_at(response, "/data"), j, record) {
            cr_expect(ROWS[i].country == NULL ||
                          strcmp(record_text(record, "country"), ROWS[i].country) == 0,
                      "%s finds %s", path, record_text(record, "slug"));
            cr_expect_not_null(json_object_get(record, "location"), "%s", path);
        }
        cr_expect_eq(json_integer_value(response_at(response, "/page/total")),
                     (json_int_t)json_array_size(response_at(response, "/data")), "%s", path);
        json_array_foreach (response_at(response, "/facets/country"), j, record)
            if (ROWS[i].country != NULL &&
                strcmp(record_text(record, "value"), ROWS[i].country) == 0)
                counted = (size_t)json_integer_value(json_object_get(record, "count"));
        cr_expect(ROWS[i].country == NULL ||
                      counted == json_array_size(response_at(response, "/data")),
                  "%s counts %zu", path, counted);
    }
}

/* ---- what is refused ---- */

/* Checks V8. */
Test(places, places_that_do_not_exist_are_refused)
{
    static const struct {
        const char *why;
        const char *query;
        const char *parameter;
    } ROWS[] = {
        {"too far north", "near=91,0", "near"},
        {"too far south", "near=-90.0001,0", "near"},
        {"too far east", "near=0,180.5", "near"},
        {"longitude before latitude", "near=151.2,-33.8", "near"},
        {"one number", "near=50", "near"},
        {"three numbers", "near=50,5,1", "near"},
        {"no number", "near=NaN,5", "near"},
        {"infinity", "near=Infinity,5", "near"},
        {"inf", "near=5,-inf", "near"},
        {"a number beyond all measure", "near=1e308,5", "near"},
        {"a number beyond doubles", "near=5,1e999", "near"},
        {"hexadecimal", "near=0x10,5", "near"},
        {"a decimal comma", "near=50;5", "near"},
        {"words", "near=Brussels", "near"},
        {"nothing", "near=", "near"},
        {"half of it", "near=50,", "near"},
        {"a space", "near=50,%205", "near"},
        {"twice", "near=50,5&near=51,5", "near"},
        {"a radius of nothing", "near=50,5&radius_km=0", "radius_km"},
        {"a radius below nothing", "near=50,5&radius_km=-1", "radius_km"},
        {"a radius around the world", "near=50,5&radius_km=20041", "radius_km"},
        {"a radius that is no number", "near=50,5&radius_km=nan", "radius_km"},
        {"a radius of words", "near=50,5&radius_km=far", "radius_km"},
        {"a radius beyond all measure", "near=50,5&radius_km=1e308", "radius_km"},
        {"a radius around nothing", "radius_km=10", "radius_km"},
        {"an order by distance from nothing", "sort=distance", "sort"},
        {"three corners", "bbox=1,2,3", "bbox"},
        {"five corners", "bbox=1,2,3,4,5", "bbox"},
        {"south above north", "bbox=0,10,10,0", "bbox"},
        {"latitudes first", "bbox=40,-100,50,100", "bbox"},
        {"too far west", "bbox=-181,0,10,10", "bbox"},
        {"too far north in a box", "bbox=0,0,10,90.1", "bbox"},
        {"no number in a box", "bbox=0,0,NaN,10", "bbox"},
        {"beyond all measure in a box", "bbox=0,0,1e308,10", "bbox"},
        {"an empty box", "bbox=", "bbox"},
        {"two boxes", "bbox=0,0,1,1&bbox=0,0,2,2", "bbox"},
        {"a filter by coordinate", "location=50,5", "location"},
    };
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        (void)snprintf(path, sizeof(path), "/v1/practices?%s", ROWS[i].query);
        CLEANUP(response_freep) struct response *response = http_get(path);

        cr_expect_eq(response->status, 400, "%s: %d", ROWS[i].why, response->status);
        if (response->status == 400)
            cr_expect_str_eq(response_text_at(response, "/errors/0/parameter"), ROWS[i].parameter,
                             "%s: %s", ROWS[i].why, response->body);
    }
}

Test(places, points_are_understood_in_every_plain_spelling)
{
    static const char *const POINTS_GOOD[] = {
        "0,0",           "-0,0",   "-0.0,-0.0",
        "00,000",        "90,180", "-90,-180",
        "50.6330,05.58", "50,5",   "50.633000000000001,5.5799999999999"};
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(POINTS_GOOD); i++) {
        (void)snprintf(path, sizeof(path), "/v1/practices?limit=1&near=%s", POINTS_GOOD[i]);
        CLEANUP(response_freep) struct response *response = http_get(path);

        cr_expect_eq(response->status, 200, "%s: %.300s", POINTS_GOOD[i], response->body);
    }
}

/* Does the contract offer this parameter at the list of a resource? */
static bool is_offered(const json_t *contract, const char *resource, const char *parameter)
{
    char pointer[PATH_BYTES], reference[PATH_BYTES];
    const json_t *each;
    size_t i;

    (void)snprintf(pointer, sizeof(pointer), "/paths/~1v1~1%s/get/parameters", resource);
    (void)snprintf(reference, sizeof(reference), "#/components/parameters/%s", parameter);
    json_array_foreach (test_json_at(contract, pointer), i, each)
        if (strcmp(record_text(each, "$ref"), reference) == 0)
            return true;
    return false;
}

Test(places, what_has_no_place_takes_no_parameter_of_places)
{
    static const struct {
        const char *parameter;
        const char *query;
    } ROWS[] = {
        {"near", "near=50,5"}, {"radius_km", "near=50,5&radius_km=10"}, {"bbox", "bbox=1,2,3,4"}};
    json_auto_t *contract = json_load_file(getenv("EXPRESS_CONTRACT_JSON"), 0, NULL);
    const json_t *resource;
    size_t r, placeless = 0;
    char path[PATH_BYTES];

    json_array_foreach (records_resources(), r, resource)
        for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
            const char *name = json_string_value(resource);
            const bool offered = is_offered(contract, name, ROWS[i].parameter);

            (void)snprintf(path, sizeof(path), "/v1/%s?limit=1&%s", name, ROWS[i].query);
            CLEANUP(response_freep) struct response *response = http_get(path);

            placeless += offered ? 0 : 1;
            cr_expect_eq(response->status, offered ? 200 : 400, "%s: %.300s", path, response->body);
            if (!offered)
                cr_expect_str_eq(response_text_at(response, "/errors/0/code"), "unknown-parameter",
                                 "%s", path);
        }
    cr_assert_gt(placeless, 0);
}
