#pragma once
/*
 * Bearers
 *
 * What the claims of a verified token come to: first on paper, then against the
 * database, which knows whether the token was revoked, its key removed, its
 * client disabled, its organisation deleted. The second step is repeated while
 * a token is used.
 */
#include "auth/caller.h"
#include "auth/keys.h"
#include "auth/token.h"

#include <stdint.h>

struct db;

#define BEARER_ID_BYTES 129
#define BEARER_KEY_BYTES 32
#define BEARER_ORGANISATION_BYTES 201

enum bearer_kind {
    BEARER_CLIENT,       /* role, scopes and organisation are the database's */
    BEARER_COMMAND_LINE, /* they are the token's, which we signed */
    BEARER_OUTSIDE       /* they are what an outside issuer's are mapped to */
};

struct bearer {
    enum bearer_kind kind;
    struct caller caller;             /* as of the last look at the database */
    char scopes[CALLER_SCOPES_BYTES]; /* what the token asks for; "" with a client: all it has */
    char organisation[BEARER_ORGANISATION_BYTES]; /* of an outside token: slug; "": none */
    char revocation_id[BEARER_ID_BYTES];
    char kid[KEYS_KID_BYTES]; /* the key must still be in the database; "": it never was */
    int64_t expires_at;       /* seconds since 1970 */
};

enum bearer_outcome { BEARER_INVALID = 180 };

/* A key for pseudonyms, of the same secret as others are. */
void bearer_key_derive(const char *secret, unsigned char ret_key[BEARER_KEY_BYTES]);

/* What the person whom @issuer calls @subject is called here. */
void bearer_pseudonym(const char *issuer, const char *subject,
                      const unsigned char key[BEARER_KEY_BYTES],
                      char ret_pseudonym[CALLER_SUBJECT_BYTES]);

/*
 * bearer_of_ours() - of a token that we have signed
 * @key: makes the pseudonym of its subject
 * Return: 0; BEARER_INVALID with a constant in @reterr_reason.
 */
MUST_CHECK int bearer_of_ours(const struct token_claims *claims, const char *issuer,
                              const unsigned char key[BEARER_KEY_BYTES], struct bearer *ret_bearer,
                              const char **reterr_reason);

/*
 * bearer_name() - pseudonym, name and revocation id of a bearer of an outside token
 * The id is made of issuer and jti, or of the whole payload without one: it can never be that
 * of another's token.
 */
void bearer_name(struct bearer *bearer, const struct token_claims *claims, const char *issuer,
                 const unsigned char key[BEARER_KEY_BYTES]);

/*
 * bearer_check() - does it still hold? In a transaction of caller_service()
 * @bearer: its caller becomes what the database says
 * Return: 0; BEARER_INVALID with a constant in @reterr_reason; a db outcome; a fault.
 */
MUST_CHECK int bearer_check(struct db *db, struct bearer *bearer, const char **reterr_reason);

/*
 * bearer_scopes_meet() - what both lists grant; "write" grants "write:practices"
 * Words are separated by spaces. What does not fit into @ret_scopes is left out.
 */
void bearer_scopes_meet(const char *some, const char *others, char ret_scopes[CALLER_SCOPES_BYTES]);
