#pragma once
/*
 * Tokens
 *
 * JSON Web Tokens (RFC 7519, RFC 8725) behind one guard: libjwt computes
 * signatures, and is handed nothing before its form, its header and its key
 * have passed our own checks; the algorithm is the key's, never the token's.
 * Times are seconds since 1970. No database, no network.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_BYTES_MAX 8192
#define TOKEN_KID_BYTES 129
#define TOKEN_LEEWAY_S 60
#define TOKEN_LIFE_S_MAX 3600
#define TOKEN_AUDIENCES_MAX 16
#define TOKEN_KEYS_MAX 64 /* of one issuer */

enum token_algorithm { TOKEN_ES256, TOKEN_RS256 };
/* "ES256"; a constant. */
const char *token_algorithm_name(enum token_algorithm algorithm);
MUST_CHECK bool token_algorithm_of(const char *name, enum token_algorithm *ret_algorithm);

/* A public key that was found strong enough. */
struct token_key {
    char kid[TOKEN_KID_BYTES];
    enum token_algorithm algorithm;
    char *pem; /* owned; SubjectPublicKeyInfo */
    size_t pem_bytes;
    size_t signature_bytes; /* what a signature by it has, exactly */
    int64_t expires_at;     /* 0: not told */
};

/* The keys of one issuer at one time; shared, unchanged once it is. */
struct token_keys;
/* @capacity: 0..TOKEN_KEYS_MAX. NULL when out of memory. */
struct token_keys *token_keys_new(size_t capacity);
struct token_keys *token_keys_ref(struct token_keys *keys);
/* Takes NULL. */
void token_keys_unref(struct token_keys *keys);
size_t token_keys_count(const struct token_keys *keys);
const struct token_key *token_keys_at(const struct token_keys *keys, size_t index);
const struct token_key *token_keys_find(const struct token_keys *keys, const char *kid);

/*
 * token_keys_add_pem() - before @keys is shared
 * @pem: borrowed; a public key
 * Return: 0; TOKEN_UNUSABLE_KEY with a constant in @reterr_why: a kid that is empty, too long or
 * there already, not a key of this algorithm, too weak, no room; a fault.
 */
MUST_CHECK int token_keys_add_pem(struct token_keys *keys, const char *kid,
                                  enum token_algorithm algorithm, const char *pem,
                                  int64_t expires_at, const char **reterr_why);
/*
 * token_keys_add_jwk() - the same from a JSON Web Key (RFC 7517)
 * @algorithms: which are allowed, a bit (1 << algorithm) each
 * Return: also TOKEN_FOREIGN_KEY: sound, perhaps, but for another purpose or algorithm.
 */
MUST_CHECK int token_keys_add_jwk(struct token_keys *keys, const json_t *jwk, unsigned algorithms,
                                  const char **reterr_why);
/* {"keys": […]} of those that are not expired. Owned, json_decref(); NULL: out of memory. */
json_t *token_keys_to_jwks(const struct token_keys *keys, int64_t now);

/* A P-256 key pair, as PEM. Both owned, free(). Return: 0; a fault. */
MUST_CHECK int token_make_key_pair(char **ret_private_pem, char **ret_public_pem);

/* Whose tokens we take. */
struct token_issuer {
    const char *issuer;
    const char *audience;
    bool is_ours;            /* its tokens name their end (jti) */
    struct token_keys *keys; /* borrowed for the time of the call */
};

struct token_claims {
    size_t issuer; /* index of its issuer */
    json_t *payload;
    const char *subject, *id; /* borrowed from @payload; @id may be NULL with outside issuers */
    char kid[TOKEN_KID_BYTES];
    int64_t issued_at, expires_at;
    unsigned char digest[32]; /* of the payload as it was sent */
};
void token_claims_deinit(struct token_claims *claims);

enum token_outcome {
    TOKEN_INVALID = 160,
    TOKEN_UNKNOWN_KEY,
    TOKEN_UNUSABLE_KEY,
    TOKEN_FOREIGN_KEY
};

/*
 * token_verify() - the guard
 * @issuers:       borrowed; with their keys
 * @now:           seconds since 1970
 * @text:          borrowed; anything
 * @ret_claims:    token_claims_deinit(); set only when the result is 0
 * @reterr_reason: a constant for the log: "form", "header", "algorithm", "key", "signature",
 *                 "claims", "audience", "expired", …
 * @reterr_issuer: index of the issuer, set with TOKEN_UNKNOWN_KEY: newer keys may help
 *
 * Return: 0; TOKEN_INVALID; TOKEN_UNKNOWN_KEY; a fault.
 */
MUST_CHECK int token_verify(const struct token_issuer *issuers, size_t issuer_count, int64_t now,
                            const char *text, struct token_claims *ret_claims,
                            const char **reterr_reason, size_t *reterr_issuer);

/*
 * token_sign() - ES256
 * @kid:         borrowed
 * @private_pem: borrowed
 * @claims:      borrowed; all of them
 * @ret_text:    owned, free()
 * Return: 0; a fault.
 */
MUST_CHECK int token_sign(const char *kid, const char *private_pem, const json_t *claims,
                          char **ret_text);
