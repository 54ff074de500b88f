#pragma once
/*
 * base64url (RFC 4648, 5) with one spelling for each value: no padding, no
 * foreign bytes, no bits left over at the end.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

/* Buffer of the text of so many bytes, with its end. */
#define BASE64URL_BYTES(size_bytes) (((size_bytes) + 2) / 3 * 4 + 1)

/* @length bytes of @text into at most @max bytes. Return: false when it is no such text. */
MUST_CHECK bool base64url_decode(const char *text, size_t length, unsigned char *bytes, size_t max,
                                 size_t *ret_size_bytes);
/* Into @text, which is large enough. Returns @text. */
const char *base64url_encode(char *text, size_t text_bytes, const unsigned char *bytes,
                             size_t size_bytes);
