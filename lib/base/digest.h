#pragma once
/*
 * Digest
 *
 * A hash over several texts (BLAKE2b), each told apart from its neighbours, as
 * the short text that ETags are made of.
 */
#include <sodium.h>
#include <stddef.h>

#define DIGEST_TEXT_BYTES 21 /* twenty characters, 120 bits, and the end */

struct digest {
    crypto_generichash_state state;
};

void digest_init(struct digest *digest);
/* NULL differs from the empty text. */
void digest_text(struct digest *digest, const char *text);
void digest_bytes(struct digest *digest, const void *bytes, size_t size_bytes);
/* base64url. Returns @ret_text. */
const char *digest_finish(struct digest *digest, char ret_text[DIGEST_TEXT_BYTES]);
