#include "routes.h"

#include "base/annotate.h"
#include "handlers/handlers.h"

const struct route ROUTES[] = {
    {METHOD_GET, "/", "service.describe", ACCESS_PUBLIC, BODY_NONE, handle_service_describe},
    {METHOD_GET, "/openapi.json", "contract.json", ACCESS_PUBLIC, BODY_NONE, handle_contract_json},
    {METHOD_GET, "/openapi.yaml", "contract.yaml", ACCESS_PUBLIC, BODY_NONE, handle_contract_yaml},
    {METHOD_GET, "/problems", "problems.list", ACCESS_PUBLIC, BODY_NONE, handle_problems_list},
    {METHOD_GET, "/problems/{code}", "problems.read", ACCESS_PUBLIC, BODY_NONE,
     handle_problem_read},
    {METHOD_GET, "/.well-known/api-catalog", "api-catalog", ACCESS_PUBLIC, BODY_NONE,
     handle_api_catalog},
    {METHOD_GET, "/v1/audit", "audit.list", ACCESS_ADMIN, BODY_NONE, handle_audit_list},
    {METHOD_GET, "/.well-known/jwks.json", "jwks", ACCESS_PUBLIC, BODY_NONE, handle_jwks},
    {METHOD_GET, "/.well-known/oauth-authorization-server", "oauth.metadata", ACCESS_PUBLIC,
     BODY_NONE, handle_oauth_metadata},
    {METHOD_POST, "/v1/oauth/token", "oauth.token", ACCESS_SIGN_IN, BODY_FORM, handle_oauth_token},
    {METHOD_POST, "/v1/oauth/revoke", "oauth.revoke", ACCESS_SIGN_IN, BODY_FORM,
     handle_oauth_revoke},
    {METHOD_GET, "/v1/clients", "clients.list", ACCESS_ADMIN, BODY_NONE, handle_clients_list},
    {METHOD_POST, "/v1/clients", "clients.create", ACCESS_ADMIN, BODY_JSON, handle_client_create},
    {METHOD_GET, "/v1/clients/{id}", "clients.read", ACCESS_ADMIN, BODY_NONE, handle_client_read},
    {METHOD_PATCH, "/v1/clients/{id}", "clients.change", ACCESS_ADMIN, BODY_MERGE_PATCH,
     handle_client_change},
    {METHOD_POST, "/v1/clients/{id}/secrets", "clients.add-secret", ACCESS_ADMIN, BODY_NONE,
     handle_client_add_secret},
    {METHOD_DELETE, "/v1/clients/{id}/secrets/{slot}", "clients.remove-secret", ACCESS_ADMIN,
     BODY_NONE, handle_client_remove_secret},
    {METHOD_GET, "/v1/search", "search", ACCESS_PUBLIC, BODY_NONE, handle_search},
    {METHOD_GET, "/v1/{resource}", "records.list", ACCESS_PUBLIC, BODY_NONE, handle_records_list},
    {METHOD_POST, "/v1/{resource}/batch-get", "records.batch", ACCESS_PUBLIC, BODY_JSON,
     handle_records_batch},
    {METHOD_GET, "/v1/{resource}/{id}", "records.read", ACCESS_PUBLIC, BODY_NONE,
     handle_record_read},
    {METHOD_GET, "/v1/{resource}/{id}/{related}", "records.related", ACCESS_PUBLIC, BODY_NONE,
     handle_records_related},
};
const size_t ROUTE_COUNT = ARRAY_LENGTH(ROUTES);
