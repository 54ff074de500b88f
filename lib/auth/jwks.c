#include "auth/jwks.h"

#include "auth/shallow.h"
#include "auth/token.h"
#include "base/fault.h"
#include "base/log.h"

#include <errno.h>
#include <jansson.h>

#define QUOTED_BYTES 160

static int refuse(const char *why, const char **reterr_why)
{
    *reterr_why = why;
    return JWKS_INVALID;
}

static void tell_refused(const char *issuer, const json_t *jwk, const char *why)
{
    char issuer_text[QUOTED_BYTES], kid[QUOTED_BYTES];

    log_warn("auth.issuer_key_refused", "issuer=%s kid=%s reason=\"%s\"",
             log_quote(issuer_text, sizeof(issuer_text), issuer),
             log_quote(kid, sizeof(kid), json_string_value(json_object_get(jwk, "kid"))), why);
}

int jwks_read(const char *text, size_t length, unsigned algorithms, const char *issuer,
              struct token_keys **ret_keys, const char **reterr_why)
{
    json_auto_t *set = NULL;
    const json_t *list;
    struct token_keys *keys;
    int r = 0;

    if (length > JWKS_BYTES_MAX)
        return refuse("larger than 256 KiB", reterr_why);
    if (!shallow_check(text, length))
        return refuse("nested too deep", reterr_why);
    set = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    list = json_object_get(set, "keys");
    if (!json_is_array(list))
        return refuse("not a JSON Web Key Set", reterr_why);
    if (json_array_size(list) > TOKEN_KEYS_MAX)
        return refuse("more than 64 keys", reterr_why);
    keys = token_keys_new(json_array_size(list));
    if (keys == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; r >= 0 && i < json_array_size(list); i++) {
        const json_t *jwk = json_array_get(list, i);
        const char *why = "";

        r = token_keys_add_jwk(keys, jwk, algorithms, &why);
        if (r == TOKEN_UNUSABLE_KEY)
            tell_refused(issuer, jwk, why);
    }
    if (r < 0) {
        token_keys_unref(keys);
        return r;
    }
    *ret_keys = keys;
    return 0;
}
