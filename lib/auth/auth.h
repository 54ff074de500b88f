#pragma once
/*
 * Authentication
 *
 * From the text of a bearer token to the caller it stands for, and from a
 * client's secret to a token. What was verified once is remembered by the hash
 * of its text; whether it still holds is asked of the database anew after each
 * notification on channel express_identity, after four seconds, and every second
 * while nobody listens: a revocation is obeyed by every node within five.
 *
 * Threads may call at once. The functions lease connections of the private
 * pool themselves: call them while holding none.
 */
#include "auth/caller.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct arena;
struct auth;
struct db_pool;

#define AUTH_TOKEN_BYTES_MAX 8192 /* longer ones are not looked at */
#define AUTH_TOKEN_SECONDS_MAX 3600

/* Beyond the outcomes of the database, which mean 503. */
enum auth_outcome {
    AUTH_INVALID_TOKEN = 100, /* 401 invalid_token */
    AUTH_INVALID_CLIENT,      /* unknown, disabled, or not its secret: 401 invalid_client */
    AUTH_INVALID_SCOPE,       /* it has none of the scopes it asks for: 400 invalid_scope */
    AUTH_BUSY,                /* too many secrets are being checked: 503 */
    AUTH_NO_KEY,              /* no key to sign with, or to check with, is at hand: 503 */
    AUTH_INVALID_ISSUERS      /* of auth_new() alone */
};

struct auth_settings {
    const char *issuer;       /* of our tokens, and their audience: EXPRESS_BASE_URL, or
                                 AUTH_ISSUER_DEFAULT when that is empty */
    const char *secret;       /* EXPRESS_SECRET: seals the signing keys, makes pseudonyms */
    bool secret_is_random;    /* then the signing key stays in memory and ends with the process */
    const char *issuers_file; /* EXPRESS_ISSUERS; "": none */
    const char *database_url; /* for the listener, which works as express_writer */
    struct db_pool *pool;     /* borrowed; private, of role express_writer */
};
#define AUTH_ISSUER_DEFAULT "http://localhost"

/*
 * auth_new() - read the outside issuers, start listening and refreshing
 * @errors: receives a line for each fault of the issuers' file
 *
 * A database that is away is waited for: until then, whoever signs in hears that.
 * The texts of @settings must outlive @ret_auth. Call after the signals are
 * blocked that must not end in its threads.
 *
 * Return: 0; AUTH_INVALID_ISSUERS, told on @errors; a fault.
 */
MUST_CHECK int auth_new(const struct auth_settings *settings, FILE *errors, struct auth **ret_auth);
/* Stops its threads. Nobody may be calling it any more. Takes NULL. */
void auth_free(struct auth *auth);

/*
 * auth_identify() - who bears this token
 * @token:         borrowed; what stood behind "Bearer "
 * @ret_caller:    set only when the result is 0
 * @reterr_reason: a constant for the log, set with AUTH_INVALID_TOKEN: "signature", "expired"
 *
 * Return: 0; AUTH_INVALID_TOKEN; AUTH_NO_KEY: those of its issuer could not be had; a db outcome
 * (503); a fault.
 */
MUST_CHECK int auth_identify(struct auth *auth, const char *token, struct caller *ret_caller,
                             const char **reterr_reason);

/*
 * auth_pseudonym() - what a person is called here who signs in with a token of this subject
 * @issuer: borrowed; of the token; NULL: this server
 */
void auth_pseudonym(const struct auth *auth, const char *issuer, const char *subject,
                    char ret_pseudonym[CALLER_SUBJECT_BYTES]);

/*
 * auth_remembers() - was this token verified before?
 * By whoever has failed too often: what is known already costs nothing, and is never held up. It
 * may be revoked since: auth_identify() tells.
 */
MUST_CHECK bool auth_remembers(struct auth *auth, const char *token);

struct auth_issued {
    const char *token; /* arena */
    const char *scope; /* arena; what was granted */
    unsigned expires_in_s;
};
/*
 * auth_issue_client_token() - the grant "client_credentials"
 * @client_id:  borrowed; anything
 * @secret:     borrowed; anything
 * @scope:      borrowed; NULL or "": all that the client has. Scopes it does not have are left out
 * @request_id: borrowed; for the audit log
 *
 * Takes the time of one Argon2id computation whoever asks. Return: 0; AUTH_INVALID_CLIENT,
 * _SCOPE, AUTH_BUSY, AUTH_NO_KEY; a db outcome; a fault.
 */
MUST_CHECK int auth_issue_client_token(struct auth *auth, struct arena *arena,
                                       const char *client_id, const char *secret, const char *scope,
                                       const char *request_id, struct auth_issued *ret_issued);
/*
 * auth_authenticate_client() - for /v1/oauth/revoke: is it this client?
 * Return: 0; AUTH_INVALID_CLIENT; AUTH_BUSY; a db outcome; a fault.
 */
MUST_CHECK int auth_authenticate_client(struct auth *auth, const char *client_id,
                                        const char *secret);
/*
 * auth_revoke() - end a token before its time
 * @token:     borrowed; anything: what is no token of ours needs no revoking (RFC 7009, 2.2)
 * @client_id: borrowed; the client it must have been issued to; NULL: any
 *
 * Return: 0, also when there was nothing to revoke; AUTH_NO_KEY; a db outcome; a fault.
 */
MUST_CHECK int auth_revoke(struct auth *auth, const char *token, const char *client_id,
                           const char *request_id);

/*
 * auth_jwks() - RFC 7517: the public halves of all our keys that are not expired
 * Return: arena text, JSON; NULL when the arena is full.
 */
const char *auth_jwks(struct auth *auth, struct arena *arena);

/* For metrics. */
struct auth_figures {
    bool is_listening;
    uint64_t identified, refused, remembered; /* tokens; remembered: found in memory */
    uint64_t rechecks, key_loads, key_load_failures, fetches, fetch_failures;
    unsigned keys, issuers, entries;
};
void auth_figures(struct auth *auth, struct auth_figures *ret_figures);
