#include "base/digest.h"

#include <string.h>

#define USED_BYTES 15 /* of the hash: a multiple of three fills its base64 */

void digest_init(struct digest *digest)
{
    /* Fails for sizes out of range alone, and this one is a constant in range. */
    (void)crypto_generichash_init(&digest->state, NULL, 0, crypto_generichash_BYTES_MIN);
}

void digest_bytes(struct digest *digest, const void *bytes, size_t size_bytes)
{
    (void)crypto_generichash_update(&digest->state, bytes, size_bytes);
}

void digest_text(struct digest *digest, const char *text)
{
    /* No text holds this byte, so nothing else can look like "none". */
    static const unsigned char NONE = 0xff;

    if (text == NULL)
        digest_bytes(digest, &NONE, 1);
    else
        digest_bytes(digest, text, strlen(text) + 1);
}

const char *digest_finish(struct digest *digest, char ret_text[DIGEST_TEXT_BYTES])
{
    unsigned char hash[crypto_generichash_BYTES_MIN];

    (void)crypto_generichash_final(&digest->state, hash, sizeof(hash));
    return sodium_bin2base64(ret_text, DIGEST_TEXT_BYTES, hash, USED_BYTES,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}
