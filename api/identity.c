/*
 * Identity
 *
 * Failed attempts are counted apart from requests: what is guessed at, and
 * what costs a computation, has slow buckets, and nobody else's request is
 * refused for them. Tokens that do not verify have a bucket for each address,
 * secrets one for each address and a larger one for each client's id, so that
 * no single address can shut a client out by failing in its name. A token that is
 * known already is never held up.
 */
#include "identity.h"

#include "application.h"
#include "auth/auth.h"
#include "auth/caller.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/problem.h"
#include "checks.h"
#include "contract/contract.h"
#include "exchange.h"
#include "metrics.h"
#include "rate.h"
#include "reply.h"
#include "request.h"
#include "restored.h"
#include "service.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>

#define AUTHENTICATE "WWW-Authenticate"

static int answered(int r)
{
    return r == 0 ? CHECK_ANSWERED : fault_fold(r);
}

/* --- credentials -------------------------------------------------------------------------- */

/* What stands behind a scheme in the Authorization header; NULL: another scheme, or nothing. */
static const char *behind_scheme(const char *value, const char *scheme)
{
    const size_t length = strlen(scheme);

    if (strncasecmp(value, scheme, length) != 0 || value[length] != ' ')
        return NULL;
    value += length;
    return value + strspn(value, " ");
}

/* The b64token of RFC 6750 section 2.1. */
static bool is_bearer_token(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789-._~+/");

    if (length == 0)
        return false;
    length += strspn(text + length, "=");
    return text[length] == '\0';
}

const char *identity_bearer(const struct request *request)
{
    const char *value = request_header(request, "Authorization");

    return value == NULL ? NULL : behind_scheme(value, "Bearer");
}

bool identity_basic(struct arena *arena, const char *value, const char **ret_id,
                    const char **ret_secret)
{
    const char *encoded = behind_scheme(value, "Basic");
    const size_t length = encoded == NULL ? 0 : strlen(encoded);
    char *text = length == 0 ? NULL : arena_alloc(arena, length);
    const char *colon, *id, *secret;
    size_t decoded;

    if (text == NULL || sodium_base642bin((unsigned char *)text, length, encoded, length, NULL,
                                          &decoded, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    colon = memchr(text, ':', decoded);
    if (colon == NULL)
        return false;
    /* Each half is form-encoded before the two are joined. */
    id = request_decode_component(arena, text, (size_t)(colon - text));
    secret = request_decode_component(arena, colon + 1, decoded - (size_t)(colon - text) - 1);
    if (id == NULL || secret == NULL)
        return false;
    *ret_id = id;
    *ret_secret = secret;
    return true;
}

static int refuse(struct exchange *exchange, const char *code, const char *detail,
                  const char *challenge)
{
    int r = reply_problem_code(&exchange->request, &exchange->reply, code, detail);

    if (r == 0)
        r = reply_header(&exchange->reply, AUTHENTICATE, challenge);
    return answered(r);
}

static int refuse_form(struct exchange *exchange)
{
    int r = check_rate(exchange); /* of the address */

    if (r != 0)
        return r;
    return refuse(exchange, "unauthenticated",
                  "The Authorization header must be 'Bearer' and one token.",
                  "Bearer error=\"invalid_request\"");
}

static int reply_too_many(struct request *request, struct reply *reply, uint32_t wait_s)
{
    int r = reply_problem_code(request, reply, "too-many-attempts", NULL);

    metrics_limited(request->service->metrics);
    if (r == 0)
        r = reply_header(reply, "Retry-After",
                         arena_format(request->arena, "%u", (unsigned)wait_s));
    return answered(r);
}

/* Once it was good: whoever sends it guesses nothing. */
static bool was_good(const char *reason)
{
    return strcmp(reason, "expired") == 0 || strcmp(reason, "revoked") == 0;
}

static int refuse_token(struct exchange *exchange, const struct rate_key *address,
                        const char *reason)
{
    const struct service *service = exchange->listener->service;
    int r = 0;

    log_info("auth.refused", "reason=%s", reason);
    if (was_good(reason))
        r = check_rate(exchange); /* of the address */
    else if (service->token_failures != NULL)
        rate_charge(service->token_failures, address, exchange->started_us);
    if (r != 0)
        return r;
    return refuse(exchange, "invalid-token",
                  strcmp(reason, "expired") == 0 ? "The token has expired." : NULL,
                  "Bearer error=\"invalid_token\"");
}

int check_identity(struct exchange *exchange)
{
    const char *value = request_header(&exchange->request, "Authorization");
    struct request *request = &exchange->request;
    struct service *service = exchange->listener->service;
    const char *token, *reason = "";
    struct rate_key address;
    struct rate_state state;
    int r;

    if (value == NULL || !exchange->listener->is_public)
        return 0;
    if (exchange->route->access == ACCESS_SIGN_IN && behind_scheme(value, "Basic") != NULL)
        return 0;
    token = behind_scheme(value, "Bearer");
    if (token == NULL || !is_bearer_token(token))
        return refuse_form(exchange);
    address = rate_key_of_address(&exchange->client);
    if (service->token_failures != NULL &&
        !rate_allows(service->token_failures, &address, exchange->started_us, &state) &&
        !auth_remembers(request->application->auth, token))
        return reply_too_many(request, &exchange->reply, state.retry_after_s);
    r = auth_identify(request->application->auth, token, &request->caller, &reason);
    if (r == AUTH_INVALID_TOKEN)
        return refuse_token(exchange, &address, reason);
    if (r == AUTH_NO_KEY)
        return answered(reply_problem_code(request, &exchange->reply, "keys-unavailable", NULL));
    if (r > 0)
        return answered(reply_database(request, &exchange->reply, r));
    return r;
}

/* --- rights ------------------------------------------------------------------------------- */

#define BIT(role) (1U << (role))
#define PARTICIPANT BIT(CALLER_PARTICIPANT)
#define COORDINATOR BIT(CALLER_COORDINATOR)
#define PARTNERS (BIT(CALLER_PARTNER) | COORDINATOR)
#define ADMIN BIT(CALLER_ADMIN)
#define EDITORS (BIT(CALLER_EDITOR) | ADMIN)

static const struct {
    unsigned roles; /* who may, beside nobody in particular; 0: anybody */
    const char *scope;
    const char *words; /* who may */
} RIGHTS[] = {
    [ACCESS_PUBLIC] = {0, NULL, NULL},
    [ACCESS_SIGN_IN] = {0, NULL, NULL},
    [ACCESS_SIGNED_IN] = {PARTICIPANT | PARTNERS | EDITORS, NULL, NULL},
    [ACCESS_READER] = {PARTNERS | EDITORS, "read", "partners, coordinators, editors and admins"},
    [ACCESS_WRITER] = {PARTNERS | EDITORS, "write", "partners, coordinators, editors and admins"},
    [ACCESS_REVIEWER] = {EDITORS, "review", "editors and admins"},
    [ACCESS_ADMIN] = {ADMIN, "admin", "admins"},
    [ACCESS_MENTORING] = {PARTICIPANT | COORDINATOR, "read", "participants and coordinators"},
    [ACCESS_MENTORING_WRITER] = {PARTICIPANT | COORDINATOR, "write",
                                 "participants and coordinators"},
    [ACCESS_PARTICIPANT] = {PARTICIPANT, "write", "participants"},
    [ACCESS_COORDINATOR] = {COORDINATOR, "write", "coordinators"},
    [ACCESS_ERASER] = {PARTICIPANT | COORDINATOR | ADMIN, "write",
                       "participants, coordinators and admins"},
};

enum identity_right identity_right(enum route_access access, const struct caller *caller,
                                   const char *resource)
{
    const char *scope = RIGHTS[access].scope;
    bool has_scope;

    if (RIGHTS[access].roles == 0)
        return RIGHT_GIVEN;
    if (caller->role == CALLER_ANONYMOUS)
        return RIGHT_NOBODY;
    if ((RIGHTS[access].roles & BIT(caller->role)) == 0)
        return RIGHT_ROLE_MISSING;
    if (scope == NULL)
        return RIGHT_GIVEN;
    has_scope = strcmp(scope, "write") == 0 && resource != NULL ? caller_may_write(caller, resource)
                                                                : caller_has_scope(caller, scope);
    return has_scope ? RIGHT_GIVEN : RIGHT_SCOPE_MISSING;
}

static int refuse_scope(struct exchange *exchange, const char *resource)
{
    const struct contract *contract = exchange->request.application->contract;
    const enum route_access access = exchange->route->access;
    const char *scope = RIGHTS[access].scope;
    struct arena *arena = &exchange->arena;

    /* The narrowest that does; a name that is none of ours is not repeated. */
    if (scope != NULL && strcmp(scope, "write") == 0 && resource != NULL &&
        (access != ACCESS_WRITER || contract_resource_find(contract, resource) != NULL))
        scope = arena_format(arena, "write:%s", resource);
    return refuse(exchange, "insufficient-scope",
                  arena_format(arena, "This needs the scope %s, which the token does not have.",
                               scope == NULL ? "" : scope),
                  arena_format(arena, "Bearer error=\"insufficient_scope\", scope=\"%s\"",
                               scope == NULL ? "" : scope));
}

/* The resource that a path is about: captured, or written out in the pattern of a route of
 * mentoring. NULL: none, or no memory, which comes out as a scope that is missing. */
static const char *resource_of(struct exchange *exchange)
{
    static const char BASE[] = "/v1/";
    const char *pattern = exchange->route->pattern;

    if (exchange->route->access < ACCESS_MENTORING)
        return request_segment(&exchange->request, "resource");
    if (strncmp(pattern, BASE, sizeof(BASE) - 1) != 0)
        return NULL;
    pattern += sizeof(BASE) - 1;
    return pattern[0] == '{' ? request_segment(&exchange->request, "resource")
                             : arena_copy_bytes(&exchange->arena, pattern, strcspn(pattern, "/"));
}

/* People who were erased are not served again by a backup. */
static int check_nobody_is_back(struct exchange *exchange)
{
    if (restored_is_clear(exchange->request.application->restored))
        return 0;
    return answered(
        reply_problem_code(&exchange->request, &exchange->reply, "erasures-missing", NULL));
}

int check_right(struct exchange *exchange)
{
    const enum route_access access = exchange->route->access;
    const char *resource = resource_of(exchange);

    switch (identity_right(access, &exchange->request.caller, resource)) {
    case RIGHT_GIVEN:
        return access >= ACCESS_MENTORING ? check_nobody_is_back(exchange) : 0;
    case RIGHT_NOBODY:
        return refuse(exchange, "unauthenticated", NULL, "Bearer");
    case RIGHT_ROLE_MISSING:
        return answered(reply_problem_code(
            &exchange->request, &exchange->reply, "forbidden",
            arena_format(&exchange->arena, "This is for %s.", RIGHTS[access].words)));
    case RIGHT_SCOPE_MISSING:
        return refuse_scope(exchange, resource);
    }
    return fault_raise(-EINVAL);
}

/* --- attempts ----------------------------------------------------------------------------- */

static struct rate_key key_of_sender(const struct request *request)
{
    struct address address = {0};

    if (!address_parse(request->client_address, &address))
        address = (struct address){0}; /* the unknown share one bucket */
    return rate_key_of_address(&address);
}

int identity_attempt_allowed(struct request *request, struct reply *reply, const char *client_id)
{
    const struct service *service = request->service;
    const uint64_t now_us = clock_monotonic_us();
    struct rate_key key = key_of_sender(request);
    struct rate_state state;

    if (service->secret_failures == NULL)
        return 0;
    if (!rate_allows(service->secret_failures, &key, now_us, &state))
        return reply_too_many(request, reply, state.retry_after_s);
    if (client_id == NULL)
        return 0;
    key = rate_key_of_text(client_id);
    if (!rate_allows(service->client_failures, &key, now_us, &state))
        return reply_too_many(request, reply, state.retry_after_s);
    return 0;
}

void identity_attempt_failed(struct request *request, const char *client_id)
{
    const struct service *service = request->service;
    const uint64_t now_us = clock_monotonic_us();
    struct rate_key key = key_of_sender(request);

    if (service->secret_failures == NULL)
        return;
    rate_charge(service->secret_failures, &key, now_us);
    if (client_id == NULL)
        return;
    key = rate_key_of_text(client_id);
    rate_charge(service->client_failures, &key, now_us);
}
