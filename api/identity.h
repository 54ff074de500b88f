#pragma once
/*
 * Identity
 *
 * Who asks, and may they? The Authorization header becomes request->caller; bad
 * credentials are refused on every route, so that nobody takes what everybody
 * may see for what they may see. Then the route says which role and scope it
 * wants. Checks as in checks.h.
 */
#include "base/annotate.h"
#include "routes.h"

#include <stdbool.h>

struct arena;
struct caller;
struct exchange;
struct reply;
struct request;

/* Authorization, into request->caller: 401, 429 for too many failed attempts, 503. */
MUST_CHECK int check_identity(struct exchange *exchange);
/* Role and scope: 401 for nobody in particular, 403 forbidden, 403 insufficient-scope. */
MUST_CHECK int check_right(struct exchange *exchange);

enum identity_right { RIGHT_GIVEN, RIGHT_NOBODY, RIGHT_ROLE_MISSING, RIGHT_SCOPE_MISSING };
/* What check_right() goes by. @resource: of the path, or NULL. */
enum identity_right identity_right(enum route_access access, const struct caller *caller,
                                   const char *resource);

/*
 * identity_basic() - what stands behind "Basic", as RFC 6749 section 2.3.1 writes it
 * @value:      borrowed; of the Authorization header
 * @ret_id:     in @arena
 * @ret_secret: in @arena
 * Return: false when it is another scheme, or cannot be read.
 */
MUST_CHECK bool identity_basic(struct arena *arena, const char *value, const char **ret_id,
                               const char **ret_secret);
/* The token behind "Bearer", borrowed from the header; NULL when there is no such header. */
const char *identity_bearer(const struct request *request);

/*
 * Failed attempts to sign in at the token endpoint: those of an address and those with the id of
 * a client have buckets of their own, which fill slowly.
 * identity_attempt_allowed() comes before any costly work; identity_attempt_failed() after a
 * refusal. @client_id: borrowed; what was sent; NULL: none.
 *
 * Return: 0; CHECK_ANSWERED (checks.h): 429 is in the reply; a fault.
 */
MUST_CHECK int identity_attempt_allowed(struct request *request, struct reply *reply,
                                        const char *client_id);
void identity_attempt_failed(struct request *request, const char *client_id);
