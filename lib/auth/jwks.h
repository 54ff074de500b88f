#pragma once
/* JSON Web Key Sets (RFC 7517) of outside issuers: what of them can be used, within limits. */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

struct token_keys;

#define JWKS_BYTES_MAX (256 * 1024) /* sixty keys with their certificates have 150 KiB */

enum jwks_outcome { JWKS_INVALID = 220 };

/*
 * jwks_read()
 * @text, @length: borrowed; anything
 * @algorithms:    which this issuer may use, a bit (1 << token_algorithm) each
 * @issuer:        borrowed; for the log, where keys that are too weak are told
 * @ret_keys:      owned, token_keys_unref(); may be empty, as the set may
 * @reterr_why:    a constant
 *
 * Return: 0; JWKS_INVALID: not a set of at most TOKEN_KEYS_MAX keys; a fault.
 */
MUST_CHECK int jwks_read(const char *text, size_t length, unsigned algorithms, const char *issuer,
                         struct token_keys **ret_keys, const char **reterr_why);
