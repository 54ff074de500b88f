#include "handlers/health.h"

#include "application.h"
#include "base/fault.h"
#include "base/problem.h"
#include "db/db.h"
#include "housekeeper.h"
#include "metrics.h"
#include "reply.h"
#include "request.h"
#include "restored.h"
#include "service.h"

static const struct db_query PING = {
    .name = "health_ping",
    .sql = "select 1",
};

/* GET /healthz: 200 as long as the process answers at all */
static int handle_healthz(struct request *request, struct reply *reply)
{
    (void)request;
    reply->content_type = "application/json";
    text_append(&reply->body, "{\"status\":\"ok\"}");
    return 0;
}

/* A pool that is busy has a database behind it. */
static bool database_answers(struct db_pool *pool)
{
    struct db *db;
    int r;

    if (pool == NULL)
        return false;
    r = db_lease(pool, &db);
    if (r != 0)
        return r == DB_BUSY;
    r = db_run(db, &PING, NULL, NULL);
    db_release(db);
    return r == 0;
}

/* GET /readyz: 200 when requests can be served; 503 not-ready, 503 shutting-down */
static int handle_readyz(struct request *request, struct reply *reply)
{
    const struct application *application = request->application;
    bool has_contract = application->contract != NULL;
    bool has_database, is_clear;
    struct problem problem = {0};

    if (atomic_load_explicit(&request->service->draining, memory_order_relaxed))
        return reply_problem_code(request, reply, "shutting-down", NULL);
    has_database = database_answers(application->pool);
    is_clear =
        !has_database || application->restored == NULL || restored_is_clear(application->restored);
    if (has_database && has_contract && is_clear) {
        reply->content_type = "application/json";
        text_append(
            &reply->body,
            "{\"status\":\"ready\",\"components\":{\"contract\":\"ok\",\"database\":\"ok\"}}");
        return 0;
    }
    problem_set(&problem, "not-ready", NULL);
    if (!has_contract)
        problem_add(&problem, request->arena, NULL, NULL, "contract-missing",
                    "The contract is not loaded.");
    if (!has_database)
        problem_add(&problem, request->arena, NULL, NULL, "database-unavailable",
                    "The database does not answer.");
    if (!is_clear)
        problem_add(&problem, request->arena, NULL, NULL, "erasures-missing",
                    "The ledger knows erasures that the database does not: run "
                    "'express-api erasures replay'.");
    return reply_problem(request, reply, &problem);
}

/* GET /metrics: 200, the text format of Prometheus */
static int handle_metrics(struct request *request, struct reply *reply)
{
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_render(request->service->metrics, request->application, &reply->body);
    housekeeper_append_metrics(request->application->housekeeper, &reply->body);
    return 0;
}

const struct route HEALTH_ROUTES[] = {
    {METHOD_GET, "/healthz", "health", ACCESS_PUBLIC, BODY_NONE, handle_healthz},
    {METHOD_GET, "/readyz", "ready", ACCESS_PUBLIC, BODY_NONE, handle_readyz},
    {METHOD_GET, "/metrics", "metrics", ACCESS_PUBLIC, BODY_NONE, handle_metrics},
};
const size_t HEALTH_ROUTE_COUNT = ARRAY_LENGTH(HEALTH_ROUTES);
