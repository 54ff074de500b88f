/*
 * What practices, organisations, networks and places have in common, and what they lack: computed
 * from what is public, the same for everyone.
 */
#include "handlers/handlers.h"

#include "application.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "computed.h"
#include "contract/contract.h"
#include "coverage/connect.h"
#include "coverage/impact.h"
#include "coverage/paths.h"
#include "coverage/similar.h"
#include "db/db.h"
#include "present.h"
#include "reply.h"
#include "request.h"

#include <errno.h>
#include <string.h>

static const enum computed_form JSON_ALONE[] = {COMPUTED_JSON};

/* One fault of a parameter. */
static int refuse(struct request *request, struct reply *reply, const char *name, const char *code,
                  const char *expected)
{
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));

    if (problem == NULL)
        return fault_raise(-ENOMEM);
    problem_set(problem, "invalid-parameter", NULL);
    problem_add(problem, request->arena, NULL, name, code, "%s", expected);
    return reply_problem(request, reply, problem);
}

static bool read_limit(struct request *request, struct reply *reply, uint32_t most,
                       uint32_t *ret_limit, int *ret_result)
{
    const char *value = request_parameter(request, "limit");

    if (value == NULL || num_parse_u32(value, 1, most, ret_limit))
        return true;
    *ret_result = refuse(request, reply, "limit", "invalid-value",
                         most == PAGE_ITEMS_MAX ? "this is a whole number from 1 to 100"
                                                : "this is a whole number from 1 to 10");
    return false;
}

/* The record that an address names, and under what an answer tells it. */
struct subject {
    const char *resource, *name;
    json_t *record; /* owned */
    bool ages;      /* the answer changes with time alone */
};

static int add_subject(const struct request *request, const struct subject *subject, json_t *json)
{
    const struct resource *resource =
        contract_resource_find(request->application->contract, subject->resource);
    const json_t *record = subject->record;

    return json_object_set_new(json, subject->name,
                               json_pack("{s:O, s:O, s:O}", "id", json_object_get(record, "id"),
                                         "slug", json_object_get(record, "slug"), "title",
                                         json_object_get(record, resource->label->name))) == 0
               ? 0
               : fault_raise(-ENOMEM);
}

/* What was computed for @subject, NULL: for nothing in particular. Steals @json. */
static int reply_computed(struct request *request, struct reply *reply,
                          const struct subject *subject, json_t *json, int r)
{
    if (r == 0 && subject != NULL)
        r = add_subject(request, subject, json);
    if (r != 0) {
        json_decref(json);
        return r > 0 ? reply_database(request, reply, r) : r;
    }
    r = computed_json(reply, json);
    if (r == 0)
        r = computed_public(request, reply, COMPUTED_JSON);
    if (r == 0 && subject != NULL && subject->ages)
        reply->cache = REPLY_CACHE_AGING;
    return r;
}

/* On one snapshot. Return: 0 with the lease; a db outcome; a fault. */
static int begin(struct request *request, struct db **ret_db)
{
    int r = db_lease(request->application->pool, ret_db);

    return r == 0 ? db_begin_snapshot(*ret_db) : r;
}

/* --- records ranked beside one -----------------------------------------------------------------
 */

typedef int ranking(struct profiles *profiles, struct db *db, struct arena *arena, const char *id,
                    size_t limit, json_t **ret_json);

/* Whoever waits for practices to be taken over keeps no connection from others. */
static int rank(struct request *request, ranking *fetch, const json_t *record, size_t limit,
                json_t **ret_json)
{
    struct db *db = NULL;
    int r = computed_refresh(request);

    if (r == 0)
        r = begin(request, &db);
    if (r == 0)
        r = fetch(request->application->profiles, db, request->arena,
                  json_string_value(json_object_get(record, "id")), limit, ret_json);
    db_release(db);
    return r;
}

static int reply_ranked(struct request *request, struct reply *reply, struct subject subject,
                        ranking *fetch)
{
    static const char *const KNOWN[] = {"limit", NULL};
    enum computed_form form;
    json_t *json = NULL;
    uint32_t limit = 10;
    int r = 0;

    if (!present_takes(request, KNOWN, reply, &r) ||
        !read_limit(request, reply, PAGE_ITEMS_MAX, &limit, &r) ||
        !computed_form(request, reply, JSON_ALONE, 1, &form, &r) ||
        !computed_record(request, reply, subject.resource, &subject.record, &r))
        return r;
    r = rank(request, fetch, subject.record, limit, &json);
    r = reply_computed(request, reply, &subject, json, r);
    json_decref(subject.record);
    return r;
}

/* GET /v1/practices/{id}/similar: 200 those that share most; 304; 308; 400; 404; 406; 410 */
int handle_practices_similar(struct request *request, struct reply *reply)
{
    return reply_ranked(request, reply,
                        (struct subject){.resource = "practices", .name = "practice"},
                        similar_fetch);
}

/* GET /v1/organisations/{id}/partners: 200 those that do the like; 304; 308; 400; 404; 406; 410 */
int handle_partners(struct request *request, struct reply *reply)
{
    return reply_ranked(request, reply,
                        (struct subject){.resource = "organisations",
                                         .name = "organisation",
                                         .ages = true}, /* memberships end by the calendar */
                        connect_partners);
}

/* --- ways between two organisations ------------------------------------------------------------
 */

static bool is_listed(const char *list, const char *name)
{
    const size_t length = strlen(name);

    for (const char *at = list; *at != '\0';) {
        const size_t item = strcspn(at, ",");

        if (item == length && strncmp(at, name, length) == 0)
            return true;
        at += item + (at[item] == ',' ? 1 : 0);
    }
    return false;
}

/* Nothing but what there is, each once. */
static bool read_through(const char *list, struct connect_query *query)
{
    size_t length = 0;

    query->by_networks = is_listed(list, "networks");
    query->by_projects = is_listed(list, "projects");
    query->by_practices = is_listed(list, "practices");
    length = (query->by_networks ? sizeof("networks") : 0) +
             (query->by_projects ? sizeof("projects") : 0) +
             (query->by_practices ? sizeof("practices") : 0);
    return length > 0 && strlen(list) == length - 1;
}

static int find_ways(struct request *request, struct reply *reply, const struct subject *subject,
                     struct connect_query *query)
{
    struct db *db = NULL;
    json_t *json = NULL;
    int r = begin(request, &db);

    query->from = json_string_value(json_object_get(subject->record, "id"));
    if (r == 0)
        r = connect_find(db, request->arena, request_parameter(request, "to"), &query->to);
    if (r == 0 && query->to != NULL)
        r = connect_paths(db, request->arena, query, &json);
    db_release(db);
    if (r == 0 && query->to == NULL)
        return refuse(request, reply, "to", "unknown-record",
                      "there is no organisation with this id or slug");
    return reply_computed(request, reply, subject, json, r);
}

/* GET /v1/organisations/{id}/network-paths: 200 the shortest ways; 304; 308; 400; 404; 406; 410 */
int handle_network_paths(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"to", "through", "limit", NULL};
    const char *through = request_parameter(request, "through");
    struct subject subject = {.resource = "organisations", .name = "from"};
    struct connect_query query = {0};
    enum computed_form form;
    uint32_t limit = 5;
    int r = 0;

    if (!present_takes(request, KNOWN, reply, &r) ||
        !read_limit(request, reply, PATHS_SHOWN_MAX, &limit, &r))
        return r;
    if (request_parameter(request, "to") == NULL)
        return refuse(request, reply, "to", "required", "this is the other organisation");
    if (!read_through(through == NULL ? "networks,projects,practices" : through, &query))
        return refuse(request, reply, "through", "invalid-value",
                      "this is a list of networks, projects, practices");
    if (!computed_form(request, reply, JSON_ALONE, 1, &form, &r) ||
        !computed_record(request, reply, subject.resource, &subject.record, &r))
        return r;
    query.limit = limit;
    r = find_ways(request, reply, &subject, &query);
    json_decref(subject.record);
    return r;
}

/* --- impact ------------------------------------------------------------------------------------
 */

static const struct property *member_of_impact(const struct request *request, const char *path)
{
    return resource_leaf(contract_resource_find(request->application->contract, "practices"), path);
}

static bool is_value(const struct property *property, const char *value)
{
    for (size_t i = 0; i < property->value_count; i++)
        if (strcmp(property->values[i], value) == 0)
            return true;
    return false;
}

static bool is_code(const char *value)
{
    return value[0] != '\0' && strlen(value) <= 80 &&
           value[strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* GET /v1/impact: 200 indicators, or the figures of one; 304; 400 invalid-parameter; 406 */
int handle_impact(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"indicator", "country", "method_family", NULL};
    const struct impact_query query = {.indicator = request_parameter(request, "indicator"),
                                       .country = request_parameter(request, "country"),
                                       .method_family =
                                           request_parameter(request, "method_family")};
    enum computed_form form;
    struct db *db = NULL;
    json_t *json = NULL;
    int r = 0;

    if (!present_takes(request, KNOWN, reply, &r) ||
        !computed_form(request, reply, JSON_ALONE, 1, &form, &r))
        return r;
    if (query.indicator != NULL && !is_code(query.indicator))
        return refuse(request, reply, "indicator", "invalid-value",
                      "this is a code such as people_trained");
    if (query.country != NULL && !is_value(member_of_impact(request, "country"), query.country))
        return refuse(request, reply, "country", "invalid-value",
                      "this is a country as an ISO 3166-1 alpha-2 code, such as FR");
    if (query.method_family != NULL &&
        (query.indicator == NULL ||
         !is_value(member_of_impact(request, "impact.method_family"), query.method_family)))
        return refuse(request, reply, "method_family", "invalid-value",
                      "this goes with indicator and is explaining_change, indicators, monetisation "
                      "or comparison_group");
    r = computed_refresh(request);
    if (r == 0)
        r = begin(request, &db);
    if (r == 0)
        r = impact_fetch(request->application->profiles, db, request->arena, &query, &json);
    db_release(db);
    return reply_computed(request, reply, NULL, json, r);
}
