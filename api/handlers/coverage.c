/* Who covers which step of the value chain where, what is missing, and who could show how. */
#include "handlers/handlers.h"

#include "application.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "computed.h"
#include "contract/contract.h"
#include "coverage/coverage.h"
#include "coverage/place.h"
#include "coverage/reach.h"
#include "coverage/transfer.h"
#include "db/db.h"
#include "present.h"
#include "reply.h"
#include "request.h"
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RADIUS_DEFAULT_KM 25.0
#define RADIUS_MAX_KM 1000.0
#define CITY_BYTES_MAX 480 /* 120 characters, as the contract has it */
#define LINK_BYTES_MAX 4096

struct asking {
    struct request *request;
    struct reply *reply;
    struct problem *problem;
    struct place place;
    const char *near, *radius; /* as they were written, or NULL */
    enum computed_form form;
    const json_t *network;
    struct reach reach;
};

/* --- parameters --------------------------------------------------------------------------------
 */

static void refuse(struct asking *asking, const char *name, const char *code, const char *expected)
{
    problem_add(asking->problem, asking->request->arena, NULL, name, code, "%s", expected);
}

static void read_country(struct asking *asking)
{
    const char *value = request_parameter(asking->request, "country");
    const struct resource *practices =
        contract_resource_find(asking->request->application->contract, "practices");

    if (value == NULL)
        return;
    for (size_t i = 0; i < practices->country->value_count; i++)
        if (strcmp(practices->country->values[i], value) == 0)
            asking->place.country = value;
    if (asking->place.country == NULL)
        refuse(asking, "country", "invalid-value",
               "this is a country as an ISO 3166-1 alpha-2 code, such as FR");
}

static void read_city(struct asking *asking)
{
    const char *value = request_parameter(asking->request, "city");

    if (value != NULL && (value[0] == '\0' || strlen(value) > CITY_BYTES_MAX))
        refuse(asking, "city", "invalid-value", "this is the name of a city or town");
    asking->place.city = value;
}

/* "50.633,5.58" */
static bool read_point(struct asking *asking, const char *value)
{
    const char *comma = strchr(value, ',');
    const char *lat =
        comma == NULL ? NULL
                      : arena_copy_bytes(asking->request->arena, value, (size_t)(comma - value));

    return lat != NULL && num_parse_double(lat, -90, 90, &asking->place.lat) &&
           num_parse_double(comma + 1, -180, 180, &asking->place.lon);
}

static void read_near(struct asking *asking)
{
    const char *near = request_parameter(asking->request, "near");
    const char *radius = request_parameter(asking->request, "radius_km");

    asking->near = near;
    asking->radius = radius;
    asking->place.radius_km = RADIUS_DEFAULT_KM;
    if (near == NULL) {
        if (radius != NULL)
            refuse(asking, "radius_km", "not-without-near", "this goes with near");
        return;
    }
    asking->place.kind = PLACE_AROUND;
    if (!read_point(asking, near))
        refuse(asking, "near", "invalid-value", "this is a point as latitude,longitude in degrees");
    if (radius != NULL && !num_parse_double(radius, 0.001, RADIUS_MAX_KM, &asking->place.radius_km))
        refuse(asking, "radius_km", "invalid-value", "this is a number of kilometres up to 1000");
    if (request_parameter(asking->request, "country") != NULL ||
        request_parameter(asking->request, "city") != NULL)
        refuse(asking, "near", "not-with-country", "near stands alone, without country and city");
}

/* True: go on. False: answered, or *ret_result is a fault. */
static bool begin(struct asking *asking, const char *const *known, int *ret_result)
{
    static const enum computed_form FORMS[] = {COMPUTED_JSON, COMPUTED_CSV, COMPUTED_SVG};

    if (!present_takes(asking->request, known, asking->reply, ret_result) ||
        !computed_form(asking->request, asking->reply, FORMS, ARRAY_LENGTH(FORMS), &asking->form,
                       ret_result))
        return false;
    asking->problem = arena_alloc(asking->request->arena, sizeof(*asking->problem));
    if (asking->problem != NULL)
        return true;
    *ret_result = fault_raise(-ENOMEM);
    return false;
}

static int refused(struct asking *asking)
{
    problem_set(asking->problem, "invalid-parameter", NULL);
    return reply_problem(asking->request, asking->reply, asking->problem);
}

/* --- links -------------------------------------------------------------------------------------
 */

static void append_values(struct text *link, const struct step_source *source)
{
    const char *separator = "";

    if (source->property == NULL)
        return;
    text_append_format(link, "&%s=", source->property);
    for (size_t i = 0; i < STEP_SOURCE_COUNT; i++)
        if (strcmp(STEP_SOURCES[i].resource, source->resource) == 0 &&
            strcmp(STEP_SOURCES[i].step, source->step) == 0) {
            text_append_format(link, "%s%s", separator, STEP_SOURCES[i].value);
            separator = ",";
        }
}

/* A comma would be two values, and "not." another question. */
static void append_city(struct text *link, const char *city)
{
    struct text escaped;

    text_init(&escaped, LINK_BYTES_MAX);
    if (strncmp(city, "not.", 4) == 0)
        text_append_char(&escaped, '\\');
    for (const char *at = city; *at != '\0'; at++) {
        if (*at == ',' || *at == '\\')
            text_append_char(&escaped, '\\');
        text_append_char(&escaped, *at);
    }
    text_append_uri(link, escaped.bytes);
    text_deinit(&escaped);
}

/* The very digits that were asked for: others may be another place. */
static bool append_around(struct text *link, const struct resource *resource,
                          const struct asking *asking)
{
    text_append_format(link, "near=%s&radius_km=", asking->near);
    if (asking->radius != NULL)
        text_append(link, asking->radius);
    else
        text_append_format(link, "%g", RADIUS_DEFAULT_KM);
    return resource->location != NULL;
}

static void append_name(struct text *link, const struct place *place)
{
    if (place->city != NULL)
        append_city(link, place->city);
    else
        text_append(link, place->country);
}

/* False: the resource has no such filter. */
static bool append_named(struct text *link, const struct resource *resource,
                         const struct place *place, bool beside)
{
    const char *one = place->city != NULL ? "city" : "country";
    const char *several = place->city != NULL ? "cities" : "countries";
    const bool has_one = resource_filter(resource, one) != NULL;

    if (place->city != NULL && place->country != NULL)
        text_append_format(link, "country=%s&", place->country);
    if (beside) {
        text_append_format(link, "%s=", several);
        append_name(link, place);
    }
    if (has_one) {
        text_append_format(link, beside ? "&%s=not." : "%s=", one);
        append_name(link, place);
    }
    return beside ? resource_filter(resource, several) != NULL : has_one;
}

/* The list of what a cell counts, or of that part of it which is @beside; NULL where no filter
 * says the same. */
static const char *link_of(void *data, const struct step_source *source, bool beside)
{
    const struct asking *asking = data;
    const struct application *application = asking->request->application;
    const struct resource *resource =
        contract_resource_find(application->contract, source->resource);
    struct text link;
    const char *result = NULL;
    bool says_it = asking->place.kind != PLACE_MEMBERS;

    text_init(&link, LINK_BYTES_MAX);
    text_append_format(&link, "%s/v1/%s?", application->settings->base_url, source->resource);
    if (asking->place.kind == PLACE_AROUND)
        says_it = !beside && append_around(&link, resource, asking);
    else if (says_it)
        says_it = append_named(&link, resource, &asking->place, beside);
    append_values(&link, source);
    if (says_it && !text_failed(&link))
        result = arena_copy_bytes(asking->request->arena, link.bytes, link.length);
    text_deinit(&link);
    return result;
}

/* --- the answer --------------------------------------------------------------------------------
 */

static const char *title_of(const struct asking *asking)
{
    const struct place *place = &asking->place;
    struct arena *arena = asking->request->arena;

    if (asking->network != NULL)
        return arena_format(arena, "Coverage of %s",
                            json_string_value(json_object_get(asking->network, "name")));
    if (place->kind == PLACE_AROUND)
        return arena_format(arena, "Coverage within %.9g km of %.9g, %.9g", place->radius_km,
                            place->lat, place->lon);
    if (place->city != NULL && place->country != NULL)
        return arena_format(arena, "Coverage of %s, %s", place->city, place->country);
    return arena_format(arena, "Coverage of %s",
                        place->city != NULL ? place->city : place->country);
}

static json_t *place_json(const struct asking *asking, const char *country)
{
    const struct place *place = &asking->place;
    json_t *json = json_pack("{s:s*, s:s*, s:s*}", "country", place->country, "city", place->city,
                             "law_of", country);
    int failed = json == NULL ? 1 : 0;

    if (failed == 0 && place->kind == PLACE_AROUND)
        failed |= json_object_update_new(json, json_pack("{s:{s:f, s:f}, s:f}", "near", "lat",
                                                         place->lat, "lon", place->lon, "radius_km",
                                                         place->radius_km));
    if (failed == 0 && asking->network != NULL)
        failed |= json_object_update_new(
            json,
            json_pack("{s:{s:O, s:O, s:O}, s:O, s:I, s:b}", "network", "id",
                      json_object_get(asking->network, "id"), "slug",
                      json_object_get(asking->network, "slug"), "title",
                      json_object_get(asking->network, "name"), "networks", asking->reach.networks,
                      "organisations", (json_int_t)asking->reach.organisation_count, "is_cut",
                      asking->reach.is_cut ? 1 : 0));
    if (failed == 0)
        return json;
    json_decref(json);
    return NULL;
}

static int reply_json(struct asking *asking, struct db *db, const struct coverage *coverage)
{
    const char *country = NULL;
    json_t *json = NULL;
    int r = place_country(db, asking->request->arena, &asking->place, &country);

    if (r == 0)
        r = transfer_fetch(asking->request->application->profiles, db, asking->request->arena,
                           &asking->place, country, coverage, &json);
    if (r != 0)
        return r;
    if (json_object_set_new(json, "place", place_json(asking, country)) != 0 ||
        json_object_set_new(json, "steps", coverage_json(coverage, link_of, asking)) != 0) {
        json_decref(json);
        return fault_raise(-ENOMEM);
    }
    return computed_json(asking->reply, json);
}

static int reply_drawn(struct asking *asking, const struct coverage *coverage)
{
    const char *title = title_of(asking);

    if (title == NULL)
        return fault_raise(-ENOMEM);
    if (asking->form == COMPUTED_SVG)
        coverage_svg(coverage, title, &asking->reply->body);
    else
        coverage_csv(coverage, &asking->reply->body);
    return text_failed(&asking->reply->body) ? fault_raise(-ENOMEM) : 0;
}

/* Practices as they are now, then a snapshot of all else. */
static int begin_reading(struct asking *asking, struct db **ret_db)
{
    int r = computed_refresh(asking->request);

    if (r == 0)
        r = db_lease(asking->request->application->pool, ret_db);
    return r == 0 ? db_begin_snapshot(*ret_db) : r;
}

/* On one snapshot, so that what is counted is what is named. */
static int answer(struct asking *asking, struct db *db)
{
    const struct application *application = asking->request->application;
    struct coverage *coverage = arena_alloc(asking->request->arena, sizeof(*coverage));
    int r;

    if (coverage == NULL)
        return fault_raise(-ENOMEM);
    r = coverage_fetch(db, application->profiles, asking->request->arena, &asking->place, coverage);
    if (r == 0)
        r = asking->form == COMPUTED_JSON ? reply_json(asking, db, coverage)
                                          : reply_drawn(asking, coverage);
    if (r == 0)
        r = computed_public(asking->request, asking->reply, asking->form);
    /* Offers close, events pass and records grow stale without anybody writing. */
    asking->reply->cache = r == 0 ? REPLY_CACHE_AGING : asking->reply->cache;
    return r;
}

static int finish(struct asking *asking, struct db *db, int r)
{
    db_release(db);
    return r > 0 ? reply_database(asking->request, asking->reply, r) : r;
}

/* GET /v1/coverage: 200 steps and gaps; 304; 400 invalid-parameter; 406 */
int handle_coverage(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"country", "city", "near", "radius_km", "format", NULL};
    struct asking asking = {.request = request, .reply = reply};
    struct db *db = NULL;
    int r = 0;

    if (!begin(&asking, KNOWN, &r))
        return r;
    read_country(&asking);
    read_city(&asking);
    read_near(&asking);
    if (asking.problem->error_count == 0 && asking.place.kind == PLACE_NAMED &&
        asking.place.country == NULL && asking.place.city == NULL)
        refuse(&asking, "country", "required", "say where: country, city, or near");
    if (asking.problem->error_count > 0)
        return refused(&asking);
    r = begin_reading(&asking, &db);
    if (r == 0)
        r = answer(&asking, db);
    return finish(&asking, db, r);
}

/* --- of a network ------------------------------------------------------------------------------
 */

static void read_distance(struct asking *asking, uint32_t *distance)
{
    const char *value = request_parameter(asking->request, "distance");

    if (value != NULL && !num_parse_u32(value, 0, REACH_DISTANCE_MAX, distance))
        refuse(asking, "distance", "invalid-value", "this is a whole number from 0 to 3");
}

static int answer_network(struct asking *asking, struct db *db, uint32_t distance)
{
    int r = reach_fetch(db, asking->request->arena,
                        json_string_value(json_object_get(asking->network, "id")), distance,
                        &asking->reach);

    asking->place.organisations = asking->reach.organisations;
    if (r == 0)
        r = answer(asking, db);
    reach_deinit(&asking->reach);
    return r;
}

/* GET /v1/networks/{id}/coverage: 200 steps and gaps; 304; 308; 400; 404; 406; 410 */
int handle_network_coverage(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"country", "distance", "format", NULL};
    struct asking asking = {.request = request, .reply = reply, .place.kind = PLACE_MEMBERS};
    uint32_t distance = 1;
    json_t *network = NULL;
    struct db *db = NULL;
    int r = 0;

    if (!begin(&asking, KNOWN, &r))
        return r;
    read_country(&asking);
    read_distance(&asking, &distance);
    if (asking.problem->error_count > 0)
        return refused(&asking);
    if (!computed_record(request, reply, "networks", &network, &r))
        return r;
    asking.network = network;
    r = begin_reading(&asking, &db);
    if (r == 0)
        r = answer_network(&asking, db, distance);
    json_decref(network);
    return finish(&asking, db, r);
}
