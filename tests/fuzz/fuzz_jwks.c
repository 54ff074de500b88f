#include "auth/jwks.h"
#include "auth/token.h"
#include "base/log.h"

#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ANY (1U << TOKEN_ES256 | 1U << TOKEN_RS256)

/*
 * What we make of keys that were found good is the same when it is read again. OpenSSL looks for
 * factors of RSA numbers by chance: a number that is no key may pass once and then not.
 */
static void go_round(const struct token_keys *keys)
{
    json_t *set = token_keys_to_jwks(keys, 0);
    char *text = json_dumps(set, 0);
    struct token_keys *back = NULL;
    const char *why = "";

    assert(text != NULL);
    assert(jwks_read(text, strlen(text), ANY, "round", &back, &why) == 0);
    assert(token_keys_count(back) <= token_keys_count(keys));
    for (size_t i = 0; i < token_keys_count(keys); i++) {
        const struct token_key *key = token_keys_at(keys, i);
        const struct token_key *same = token_keys_find(back, key->kid);

        assert(same != NULL ? strcmp(key->pem, same->pem) == 0 : key->algorithm == TOKEN_RS256);
        assert(key->kid[0] != '\0' && key->pem_bytes == strlen(key->pem));
        assert(key->algorithm == TOKEN_ES256
                   ? key->signature_bytes == 64
                   : key->signature_bytes >= 256 && key->signature_bytes <= 1024);
    }
    token_keys_unref(back);
    free(text);
    json_decref(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct token_keys *keys = NULL;
    const char *why = "";

    log_set_level(LOG_LEVEL_ERROR);
    if (jwks_read((const char *)data, size, ANY, "fuzz", &keys, &why) != 0) {
        assert(keys == NULL && why[0] != '\0');
        return 0;
    }
    go_round(keys);
    token_keys_unref(keys);
    return 0;
}
