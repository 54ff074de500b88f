#include "routes.h"

#include "base/annotate.h"
#include "handlers/handlers.h"

const struct route ROUTES[] = {
    {METHOD_GET, "/", "service.describe", BODY_NONE, handle_service_describe},
    {METHOD_GET, "/openapi.json", "contract.json", BODY_NONE, handle_contract_json},
    {METHOD_GET, "/openapi.yaml", "contract.yaml", BODY_NONE, handle_contract_yaml},
    {METHOD_GET, "/problems", "problems.list", BODY_NONE, handle_problems_list},
    {METHOD_GET, "/problems/{code}", "problems.read", BODY_NONE, handle_problem_read},
    {METHOD_GET, "/.well-known/api-catalog", "api-catalog", BODY_NONE, handle_api_catalog},
    {METHOD_GET, "/v1/search", "search", BODY_NONE, handle_search},
    {METHOD_GET, "/v1/{resource}", "records.list", BODY_NONE, handle_records_list},
    {METHOD_POST, "/v1/{resource}/batch-get", "records.batch", BODY_JSON, handle_records_batch},
    {METHOD_GET, "/v1/{resource}/{id}", "records.read", BODY_NONE, handle_record_read},
    {METHOD_GET, "/v1/{resource}/{id}/{related}", "records.related", BODY_NONE,
     handle_records_related},
};
const size_t ROUTE_COUNT = ARRAY_LENGTH(ROUTES);
