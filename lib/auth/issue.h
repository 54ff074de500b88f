#pragma once
/*
 * Issuing tokens of our own: what stands in them, in one place for the server
 * and the command line. No database.
 */
#include "base/annotate.h"

#include <stdint.h>

struct keys_signer;

#define ISSUE_ID_BYTES 23 /* 128 random bits in base64url, and the end */

struct issue {
    const char *issuer;       /* and the audience: they are for us */
    const char *client_id;    /* NULL: for a person, or a program without a client */
    const char *subject;      /* NULL: the client; without one, nobody in particular */
    const char *role;         /* NULL: the client's, as the database has it */
    const char *organisation; /* id; NULL: the client's, or none */
    const char *scope;
    unsigned life_s; /* 1..AUTH_TOKEN_SECONDS_MAX */
    int64_t now;     /* seconds since 1970 */
};

/*
 * issue_token()
 * @ret_text: owned, free()
 * @ret_id:   its jti
 * Return: 0; a fault.
 */
MUST_CHECK int issue_token(const struct issue *issue, const struct keys_signer *signer,
                           char **ret_text, char ret_id[ISSUE_ID_BYTES]);
