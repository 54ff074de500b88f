#include "auth/issue.h"

#include "auth/base64url.h"
#include "auth/keys.h"
#include "auth/token.h"
#include "base/fault.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <sodium.h>

#define ID_RANDOM_BYTES 16

int issue_token(const struct issue *issue, const struct keys_signer *signer, char **ret_text,
                char ret_id[ISSUE_ID_BYTES])
{
    unsigned char random[ID_RANDOM_BYTES];
    json_auto_t *claims = NULL;
    const char *subject = issue->subject != NULL ? issue->subject : issue->client_id;

    assert(issue->life_s >= 1 && issue->life_s <= TOKEN_LIFE_S_MAX && signer->kid[0] != '\0');
    randombytes_buf(random, sizeof(random));
    (void)base64url_encode(ret_id, ISSUE_ID_BYTES, random, sizeof(random));
    /* "s*": left out where it is NULL. */
    claims = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s*, s:s*, s:s*}", "iss",
                       issue->issuer, "aud", issue->issuer, "sub",
                       subject != NULL ? subject : ret_id, "iat", (json_int_t)issue->now, "nbf",
                       (json_int_t)issue->now, "exp", (json_int_t)(issue->now + issue->life_s),
                       "jti", ret_id, "scope", issue->scope, "client_id", issue->client_id, "role",
                       issue->role, "organisation", issue->organisation);
    if (claims == NULL)
        return fault_raise(-ENOMEM);
    return token_sign(signer->kid, signer->private_pem, claims, ret_text);
}
