#include "handlers/handlers.h"

#include "application.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/problem.h"
#include "contract/contract.h"
#include "db/db.h"
#include "memo.h"
#include "present.h"
#include "record/page.h"
#include "record/search.h"
#include "reply.h"
#include "request.h"

#include <errno.h>

static uint64_t rests_on(const struct search *search)
{
    uint64_t resources = 0;

    for (size_t i = 0; i < search->resource_count; i++)
        resources |= (uint64_t)1 << search->resources[i]->index;
    return resources;
}

static int reply_matches(struct request *request, struct reply *reply, const struct search *search,
                         const struct memo_key *key, struct problem *problem)
{
    const struct application *application = request->application;
    const uint64_t resources = rests_on(search);
    const uint64_t generation = memo_generation(application->memo, resources);
    struct db *db = NULL;
    struct search_result result;
    int r = db_lease(application->pool, &db);

    if (r != 0)
        return r > 0 ? reply_database(request, reply, r) : r;
    r = search_fetch(search, &application->cursor_keys, db, request->arena, problem, &result);
    db_release(db);
    if (r == 0)
        r = present_etag(request, reply, key, resources, generation,
                         search_etag(&result, present_variant(request), request->arena));
    if (r == 0)
        r = present_page_links(request, NULL, result.next, result.previous, reply);
    if (r == 0) {
        reply->content_type = "application/json";
        present_public(reply);
        search_append_json(search, &result, request->arena, &reply->body);
    }
    search_deinit(&result);
    if (r == PAGE_INVALID)
        return reply_problem(request, reply, problem);
    return r > 0 ? reply_database(request, reply, r) : r;
}

/* GET /v1/search: 200 matches; 304; 400 invalid-parameter, invalid-cursor */
int handle_search(struct request *request, struct reply *reply)
{
    const struct memo_key key = present_key(request);
    struct asked *asked = arena_alloc(request->arena, sizeof(*asked));
    struct search *search = arena_alloc(request->arena, sizeof(*search));
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));
    int r;

    if (asked == NULL || search == NULL || problem == NULL)
        return fault_raise(-ENOMEM);
    if (present_remembered(request, reply, &key))
        return 0;
    if (!present_accepts_json(request, reply, &r))
        return r;
    present_read(request, asked);
    if (!search_parse(request->application->contract, asked->pairs, asked->pair_count,
                      asked->languages, asked->language_count, request->arena, problem, search))
        return reply_problem(request, reply, problem);
    return reply_matches(request, reply, search, &key, problem);
}
