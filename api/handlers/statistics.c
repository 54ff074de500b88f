/*
 * Statistics for the public: what was published, and nothing else. Neither the
 * body, nor its ETag, nor the time it takes depends on anything that has
 * happened since the publication.
 */
#include "handlers/handlers.h"

#include "application.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "computed.h"
#include "db/db.h"
#include "mentoring/statistics.h"
#include "present.h"
#include "reply.h"
#include "request.h"

#include <errno.h>

#define YEAR_MIN 2000
#define YEAR_MAX 9999

static int refuse_year(struct request *request, struct reply *reply)
{
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));

    if (problem == NULL)
        return fault_raise(-ENOMEM);
    problem_set(problem, "invalid-parameter", NULL);
    problem_add(problem, request->arena, NULL, "year", "out-of-range",
                "the value is a year from 2000 on");
    return reply_problem(request, reply, problem);
}

static int fill(struct request *request, struct reply *reply, const char *year)
{
    struct db *db = NULL;
    int r = db_lease(request->application->pool, &db);

    if (r != 0)
        return r;
    text_append(&reply->body, "{\"data\":[");
    r = statistics_list(db, year, &reply->body);
    db_release(db);
    text_append(&reply->body,
                "],\"meta\":{\"people_min\":10,\"rounded_to\":5,\"published_from\":\"07-01\"}}");
    return r;
}

/* GET /v1/statistics/mentoring: 200 the publications; 304; 400; 406 */
int handle_mentoring_statistics(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"year", NULL};
    static const enum computed_form FORMS[] = {COMPUTED_JSON};
    const char *year = request_parameter(request, "year");
    enum computed_form form;
    uint32_t number;
    int r = 0;

    if (!present_takes(request, KNOWN, reply, &r) ||
        !computed_form(request, reply, FORMS, 1, &form, &r))
        return r;
    if (year != NULL && !num_parse_u32(year, YEAR_MIN, YEAR_MAX, &number))
        return refuse_year(request, reply);
    r = fill(request, reply, year);
    if (r != 0)
        return r > 0 ? reply_database(request, reply, r) : r;
    return computed_public(request, reply, form);
}
