#include "auth/base64url.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

static bool is_digit(char character)
{
    return (character >= 'A' && character <= 'Z') || (character >= 'a' && character <= 'z') ||
           (character >= '0' && character <= '9') || character == '-' || character == '_';
}

bool base64url_decode(const char *text, size_t length, unsigned char *bytes, size_t max,
                      size_t *ret_size_bytes)
{
    /* libsodium takes some bytes above 127 for digits; bits left over it refuses itself. */
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(text[i]))
            return false;
    }
    return sodium_base642bin(bytes, max, text, length, NULL, ret_size_bytes, NULL, VARIANT) == 0;
}

const char *base64url_encode(char *text, size_t text_bytes, const unsigned char *bytes,
                             size_t size_bytes)
{
    assert(text_bytes >= sodium_base64_ENCODED_LEN(size_bytes, VARIANT));
    return sodium_bin2base64(text, text_bytes, bytes, size_bytes, VARIANT);
}
