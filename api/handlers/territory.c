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
#include "coverage/similar.h"
#include "db/db.h"
#include "memo.h"
#include "present.h"
#include "reply.h"
#include "request.h"

#include <errno.h>
#include <string.h>

static const enum computed_form JSON_ALONE[] = {COMPUTED_JSON};

/* Changes of practices that were heard of. */
static uint64_t generation_of(const struct application *application)
{
    const struct resource *practices = contract_resource_find(application->contract, "practices");

    return memo_generation(application->memo, (uint64_t)1 << practices->index);
}

static bool read_limit(struct request *request, struct reply *reply, uint32_t most,
                       uint32_t *ret_limit, int *ret_result)
{
    const char *value = request_parameter(request, "limit");
    struct problem *problem;

    if (value == NULL || num_parse_u32(value, 1, most, ret_limit))
        return true;
    problem = arena_alloc(request->arena, sizeof(*problem));
    if (problem == NULL) {
        *ret_result = fault_raise(-ENOMEM);
        return false;
    }
    problem_set(problem, "invalid-parameter", NULL);
    problem_add(problem, request->arena, NULL, "limit", "invalid-value",
                "this is a whole number from 1 to %u", (unsigned)most);
    *ret_result = reply_problem(request, reply, problem);
    return false;
}

/* Adds the record that the address names to an answer. */
static int name_record(json_t *json, const char *name, const json_t *record)
{
    static const char *const LABELS[] = {"title", "name"};
    const json_t *label = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(LABELS) && label == NULL; i++)
        label = json_object_get(record, LABELS[i]);
    return json_object_set_new(json, name,
                               json_pack("{s:O, s:O, s:O}", "id", json_object_get(record, "id"),
                                         "slug", json_object_get(record, "slug"), "title",
                                         label)) == 0
               ? 0
               : fault_raise(-ENOMEM);
}

/* --- similar practices -------------------------------------------------------------------------
 */

static int reply_similar(struct request *request, struct reply *reply, const json_t *record,
                         uint32_t limit)
{
    const struct application *application = request->application;
    struct db *db = NULL;
    json_t *json = NULL;
    int r = db_lease(application->pool, &db);

    if (r != 0)
        return r > 0 ? reply_database(request, reply, r) : r;
    r = similar_fetch(application->rarity, generation_of(application), db, request->arena,
                      json_string_value(json_object_get(record, "id")), limit, &json);
    db_release(db);
    if (r != 0)
        return r > 0 ? reply_database(request, reply, r) : r;
    r = name_record(json, "practice", record);
    if (r != 0) {
        json_decref(json);
        return r;
    }
    r = computed_json(reply, json);
    return r == 0 ? computed_public(request, reply, COMPUTED_JSON) : r;
}

/* GET /v1/practices/{id}/similar: 200 those that share most; 304; 308; 400; 404; 406; 410 */
int handle_practices_similar(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"limit", NULL};
    enum computed_form form;
    json_t *record = NULL;
    uint32_t limit = 10;
    int r = 0;

    if (!present_takes(request, KNOWN, reply, &r) ||
        !read_limit(request, reply, PAGE_ITEMS_MAX, &limit, &r) ||
        !computed_form(request, reply, JSON_ALONE, 1, &form, &r) ||
        !computed_record(request, reply, "practices", &record, &r))
        return r;
    r = reply_similar(request, reply, record, limit);
    json_decref(record);
    return r;
}
