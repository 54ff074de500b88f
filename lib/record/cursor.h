#pragma once
/*
 * Cursor
 *
 * Where a page ended: the sort values and id of its last record. Encrypted and
 * authenticated (XChaCha20-Poly1305), so that nobody can read or forge one,
 * and bound to the fingerprint of the query it was made under. The same place
 * always gives the same text: pages have ETags.
 */
#include "base/annotate.h"
#include "record/query.h"

#include <stdbool.h>

struct arena;

#define CURSOR_KEY_BYTES 32

struct cursor_keys {
    unsigned char seal[CURSOR_KEY_BYTES];
    unsigned char nonce[CURSOR_KEY_BYTES];
};

struct cursor {
    bool backward;                     /* the page before this place */
    const char *values[SORT_KEYS_MAX]; /* as PostgreSQL writes them; NULL for unknown */
    size_t value_count;
    const char *id;
};

/* Keys from a secret of any length. */
void cursor_keys_derive(const char *secret, struct cursor_keys *ret_keys);

/* Return: the text, in @arena; NULL when the arena is full. */
const char *cursor_encode(const struct cursor_keys *keys, const struct cursor *cursor,
                          const unsigned char fingerprint[QUERY_FINGERPRINT_BYTES],
                          struct arena *arena);

/* Return: false when it is not ours, was changed, or belongs to another query. */
MUST_CHECK bool cursor_decode(const struct cursor_keys *keys, const char *text,
                              const unsigned char fingerprint[QUERY_FINGERPRINT_BYTES],
                              struct arena *arena, struct cursor *ret_cursor);
