#include "auth/shallow.h"
#include "auth/token.h"
#include "support/forge.h"

#include <assert.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1800000000
#define ISSUER "https://api.example.org"
#define HEADER "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"JWT\"}"

static struct forge_key pair;
static struct token_issuer issuer = {.issuer = ISSUER, .audience = ISSUER, .is_ours = true};

static void begin(void)
{
    const char *why = "";

    assert(sodium_init() >= 0);
    pair = forge_key_make(FORGE_P256);
    issuer.keys = token_keys_new(1);
    assert(issuer.keys != NULL);
    assert(token_keys_add_pem(issuer.keys, "k", TOKEN_ES256, pair.public_pem, 0, &why) == 0);
}

/* Whatever is taken holds what everybody relies on. */
static int verify(const char *text)
{
    struct token_claims claims = {0};
    const char *reason = "";
    size_t index = 7;
    int r = token_verify(&issuer, 1, NOW, text, &claims, &reason, &index);

    if (r != 0) {
        assert((r == TOKEN_INVALID || r == TOKEN_UNKNOWN_KEY) && reason[0] != '\0');
        assert(claims.payload == NULL);
        return r;
    }
    assert(index == 0 && claims.issuer == 0 && strcmp(claims.kid, "k") == 0);
    assert(claims.subject[0] != '\0' && claims.id[0] != '\0');
    assert(claims.expires_at + TOKEN_LEEWAY_S > NOW && claims.issued_at <= NOW + TOKEN_LEEWAY_S);
    assert(claims.expires_at - claims.issued_at <= TOKEN_LIFE_S_MAX);
    token_claims_deinit(&claims);
    return 0;
}

/* Anybody can send any text; nobody without our key makes one that passes. */
static void verify_as_it_is(const char *text)
{
    assert(verify(text) != 0);
}

/* Header and payload of our own key's, whatever stands in them. */
static void verify_as_signed(const char *text)
{
    const char *end = strchr(text, '\n');
    char *token, *header;

    token = forge_token(&pair, HEADER, text);
    (void)verify(token);
    free(token);
    if (end == NULL)
        return;
    header = strndup(text, (size_t)(end - text));
    assert(header != NULL);
    token = forge_token(&pair, header, end + 1);
    (void)verify(token);
    free(token);
    free(header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (pair.pkey == NULL)
        begin();
    text = strndup((const char *)data, size);
    assert(text != NULL);
    (void)shallow_check((const char *)data, size);
    verify_as_it_is(text);
    verify_as_signed(text);
    free(text);
    return 0;
}
