#pragma once
/*
 * Forge
 *
 * Keys and tokens of any shape, the impossible ones too, by OpenSSL alone: what
 * the program makes of them is what is tested.
 */
#include <jansson.h>
#include <stddef.h>

enum forge_kind {
    FORGE_P256,
    FORGE_P384,
    FORGE_RSA_2048,
    FORGE_RSA_1024,
    FORGE_RSA_EXPONENT_3 /* of 2048 bits */
};

struct forge_key {
    enum forge_kind kind;
    void *pkey; /* OpenSSL's */
    char *private_pem, *public_pem;
    unsigned char *public_der;
    size_t public_der_bytes;
};
/* Failures end the test. */
struct forge_key forge_key_make(enum forge_kind kind);
void forge_key_deinit(struct forge_key *key);
/* The public half as a JSON Web Key with this kid. Owned, json_decref(). */
json_t *forge_key_to_jwk(const struct forge_key *key, const char *kid);

/* base64url of text. Owned, free(). */
char *forge_encode(const char *text);
/* header.payload.signature of the texts as they are, by this key's own algorithm. Owned, free(). */
char *forge_token(const struct forge_key *key, const char *header, const char *payload);
/* The same with HMAC-SHA256 and these bytes as its secret. */
char *forge_token_hmac(const void *secret, size_t secret_bytes, const char *header,
                       const char *payload);
