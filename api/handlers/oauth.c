/*
 * Signing in
 *
 * The token endpoint of RFC 6749 for programs (client credentials), revocation
 * by RFC 7009, and the two documents by which others find and check our
 * tokens. Errors are problems like all others, and bear the members of RFC 6749
 * as well, so that any OAuth library understands them.
 */
#include "handlers/handlers.h"

#include "application.h"
#include "auth/auth.h"
#include "base/arena.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"
#include "checks.h"
#include "contract/contract.h"
#include "identity.h"
#include "present.h"
#include "reply.h"
#include "request.h"
#include "settings.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define CHALLENGE "Basic realm=\"express-api\", charset=\"UTF-8\""

/* Who asks for a token. */
struct credentials {
    const char *id;
    const char *secret;
};

enum credentials_outcome { CREDENTIALS_ABSENT = 1, CREDENTIALS_MALFORMED, CREDENTIALS_TWICE };

/* --- errors ------------------------------------------------------------------------------- */

static int refuse(struct request *request, struct reply *reply, const char *code,
                  const char *oauth_error, const char *detail)
{
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));
    int r;

    if (problem == NULL)
        return fault_raise(-ENOMEM);
    problem_set(problem, code, detail);
    problem->oauth_error = oauth_error;
    r = reply_problem(request, reply, problem);
    if (r == 0 && problem->status == 401)
        r = reply_header(reply, "WWW-Authenticate", CHALLENGE);
    return r;
}

static int refuse_client(struct request *request, struct reply *reply, const char *detail)
{
    return refuse(request, reply, "invalid-client", "invalid_client", detail);
}

static int refuse_request(struct request *request, struct reply *reply, const char *detail)
{
    return refuse(request, reply, "invalid-form", "invalid_request", detail);
}

/* What lib/auth did not do. */
static int refuse_outcome(struct request *request, struct reply *reply,
                          const struct credentials *credentials, int outcome)
{
    switch (outcome) {
    case AUTH_INVALID_CLIENT:
        identity_attempt_failed(request, credentials->id);
        return refuse_client(request, reply, NULL);
    case AUTH_INVALID_SCOPE:
        return refuse(request, reply, "invalid-scope", "invalid_scope", NULL);
    case AUTH_BUSY:
        return reply_problem_code(request, reply, "overloaded", NULL);
    case AUTH_NO_KEY:
        return reply_problem_code(request, reply, "keys-unavailable",
                                  "There is no key to sign with at the moment.");
    default:
        return outcome > 0 ? reply_database(request, reply, outcome) : fault_fold(outcome);
    }
}

/* --- who signs in ------------------------------------------------------------------------- */

/* Of the header, or of the form; never of both. */
static int read_credentials(struct request *request, struct credentials *ret_credentials)
{
    const char *header = request_header(request, "Authorization");
    const char *id = request_form(request, "client_id");
    const char *secret = request_form(request, "client_secret");
    struct credentials credentials = {.id = id, .secret = secret};

    if (header == NULL) {
        if (id == NULL && secret == NULL)
            return CREDENTIALS_ABSENT;
        *ret_credentials = credentials;
        return id == NULL || secret == NULL ? CREDENTIALS_MALFORMED : 0;
    }
    if (!identity_basic(request->arena, header, &credentials.id, &credentials.secret))
        return CREDENTIALS_MALFORMED;
    if (secret != NULL || (id != NULL && strcmp(id, credentials.id) != 0))
        return CREDENTIALS_TWICE;
    *ret_credentials = credentials;
    return 0;
}

/* One spelling: attempts are counted by it, and the client that a token names is compared with it.
 */
static const char *id_in_lower_case(struct arena *arena, const char *id)
{
    char lower[UUID_TEXT_BYTES];

    if (!uuid_is_valid(id))
        return id;
    uuid_make_lower(id, lower);
    return arena_copy(arena, lower);
}

/* Return: 0; CHECK_ANSWERED; a fault. */
static int take_credentials(struct request *request, struct reply *reply,
                            struct credentials *ret_credentials)
{
    int r = read_credentials(request, ret_credentials);

    switch (r) {
    case 0:
        ret_credentials->id = id_in_lower_case(request->arena, ret_credentials->id);
        if (ret_credentials->id == NULL)
            return fault_raise(-ENOMEM);
        return identity_attempt_allowed(request, reply, ret_credentials->id);
    case CREDENTIALS_ABSENT:
        r = refuse_client(request, reply,
                          "Identifier and secret of the client are missing: send them by HTTP "
                          "Basic, or as client_id and client_secret in the form.");
        break;
    case CREDENTIALS_MALFORMED:
        r = refuse_client(request, reply, "Identifier and secret of the client cannot be read.");
        break;
    case CREDENTIALS_TWICE:
        r = refuse_request(request, reply,
                           "Send the secret by HTTP Basic or in the form, not both.");
        break;
    default:
        break;
    }
    return r == 0 ? CHECK_ANSWERED : fault_fold(r);
}

/* --- the token endpoint ------------------------------------------------------------------- */

static int reply_issued(struct reply *reply, const struct auth_issued *issued)
{
    struct text *text = &reply->body;

    text_append(text, "{\"access_token\":");
    text_append_json(text, issued->token);
    text_append_format(
        text, ",\"token_type\":\"Bearer\",\"expires_in\":%u,\"scope\":", issued->expires_in_s);
    text_append_json(text, issued->scope);
    text_append_char(text, '}');
    reply->content_type = "application/json";
    return reply_header(reply, "Pragma", "no-cache"); /* RFC 6749 section 5.1 */
}

/* POST /v1/oauth/token: 200 a token; 400 invalid-form, invalid-scope, unsupported-grant-type;
 * 401 invalid-client; 429 too-many-attempts */
int handle_oauth_token(struct request *request, struct reply *reply)
{
    const char *grant = request_form(request, "grant_type");
    struct credentials credentials;
    struct auth_issued issued;
    int r = 0;

    if (!present_takes(request, NULL, reply, &r))
        return r;
    if (grant == NULL)
        return refuse_request(request, reply, "The parameter grant_type is missing.");
    if (strcmp(grant, "client_credentials") != 0)
        return refuse(request, reply, "unsupported-grant-type", "unsupported_grant_type", NULL);
    r = take_credentials(request, reply, &credentials);
    if (r != 0)
        return r == CHECK_ANSWERED ? 0 : r;
    r = auth_issue_client_token(request->application->auth, request->arena, credentials.id,
                                credentials.secret, request_form(request, "scope"), request->id,
                                &issued);
    if (r != 0)
        return refuse_outcome(request, reply, &credentials, r);
    return reply_issued(reply, &issued);
}

/* --- revocation --------------------------------------------------------------------------- */

/* RFC 7009 has no body in the answer; whether there was such a token is not told. */
static int revoke(struct request *request, struct reply *reply, const char *token,
                  const char *client_id)
{
    int r = auth_revoke(request->application->auth, token, client_id, request->id);

    return r > 0 ? reply_database(request, reply, r) : r;
}

/* POST /v1/oauth/revoke: 200 nothing; 400 invalid-form; 401 invalid-client */
int handle_oauth_revoke(struct request *request, struct reply *reply)
{
    const char *token = request_form(request, "token");
    const char *bearer = identity_bearer(request);
    struct credentials credentials;
    int r = 0;

    if (!present_takes(request, NULL, reply, &r))
        return r;
    if (token == NULL)
        return refuse_request(request, reply, "The parameter token is missing.");
    if (bearer != NULL && strcmp(bearer, token) != 0)
        return refuse_request(request, reply,
                              "Who signs in with a token may revoke this token alone.");
    if (bearer != NULL)
        return revoke(request, reply, token, NULL);
    r = take_credentials(request, reply, &credentials);
    if (r != 0)
        return r == CHECK_ANSWERED ? 0 : r;
    r = auth_authenticate_client(request->application->auth, credentials.id, credentials.secret);
    if (r != 0)
        return refuse_outcome(request, reply, &credentials, r);
    return revoke(request, reply, token, credentials.id);
}

/* --- what others need to know ------------------------------------------------------------- */

static int finish_public(struct request *request, struct reply *reply, const char *content_type)
{
    char text[DIGEST_TEXT_BYTES];
    struct digest digest;

    digest_init(&digest);
    digest_bytes(&digest, reply->body.bytes, reply->body.length);
    reply->etag = arena_copy(request->arena, digest_finish(&digest, text));
    reply->content_type = content_type;
    reply->cache = REPLY_CACHE_PUBLIC;
    return reply->etag == NULL ? fault_raise(-ENOMEM) : 0;
}

/* GET /.well-known/jwks.json: 200 the keys that our tokens are checked with; 503 keys-unavailable
 */
int handle_jwks(struct request *request, struct reply *reply)
{
    struct auth *auth = request->application->auth;
    struct auth_figures figures;
    const char *keys;
    int r = 0;

    if (!present_takes(request, NULL, reply, &r) || !present_accepts_json(request, reply, &r))
        return r;
    auth_figures(auth, &figures);
    if (figures.keys == 0) /* not known yet: none at all would be believed, and kept */
        return reply_problem_code(request, reply, "keys-unavailable",
                                  "The keys have not been read yet.");
    keys = auth_jwks(auth, request->arena);
    if (keys == NULL)
        return fault_raise(-ENOMEM);
    text_append(&reply->body, keys);
    return finish_public(request, reply, "application/json");
}

static void append_scopes(const struct contract *contract, struct text *text)
{
    text_append(text, ",\"scopes_supported\":[\"read\",\"write\"");
    for (size_t i = 0; i < contract_resource_count(contract); i++)
        text_append_format(text, ",\"write:%s\"", contract_resource(contract, i)->path);
    text_append(text, ",\"review\",\"admin\"]");
}

/* GET /.well-known/oauth-authorization-server: 200 where and how to sign in (RFC 8414) */
int handle_oauth_metadata(struct request *request, struct reply *reply)
{
    static const char METHODS[] = "[\"client_secret_basic\",\"client_secret_post\"]";
    const char *base = request->application->settings->base_url;
    struct text *text = &reply->body;
    int r = 0;

    if (!present_takes(request, NULL, reply, &r) || !present_accepts_json(request, reply, &r))
        return r;
    text_append(text, "{\"issuer\":");
    text_append_json(text, base[0] == '\0' ? AUTH_ISSUER_DEFAULT : base);
    text_append_format(text,
                       ",\"token_endpoint\":\"%s/v1/oauth/token\",\"revocation_endpoint\":"
                       "\"%s/v1/oauth/revoke\",\"jwks_uri\":\"%s/.well-known/jwks.json\"",
                       base, base, base);
    append_scopes(request->application->contract, text);
    text_append_format(text,
                       ",\"response_types_supported\":[],\"grant_types_supported\":"
                       "[\"client_credentials\"],\"token_endpoint_auth_methods_supported\":%s,"
                       "\"revocation_endpoint_auth_methods_supported\":%s}",
                       METHODS, METHODS);
    return finish_public(request, reply, "application/json");
}
