#pragma once
/*
 * Known tokens
 *
 * What verified tokens came to, by a keyed hash of their texts: a bounded
 * memory that forgets the one that ends first when a place is needed. An entry
 * is fresh for as long as its look at the database is recent, and of the present
 * generation: a notification begins a new one.
 */
#include "auth/bearer.h"
#include "base/annotate.h"

#include <stdint.h>

#define KNOWN_HASH_BYTES 32

struct known;

/* Return: 0; a fault. */
MUST_CHECK int known_new(struct known **ret_known);
/* Takes NULL. */
void known_free(struct known *known);
void known_hash(const struct known *known, const char *token,
                unsigned char ret_hash[KNOWN_HASH_BYTES]);

enum known_state {
    KNOWN_NOT,
    KNOWN_FRESH,
    KNOWN_STALE /* the database has to be asked again */
};
/* How old a look at the database may be. */
struct known_age {
    uint64_t soft_ms; /* beyond it one thread of those that use the token looks again */
    uint64_t hard_ms; /* beyond it, all */
};
/*
 * known_find()
 * @now_ms:     monotonic
 * @now:        seconds since 1970
 * @ret_bearer: filled unless it is KNOWN_NOT
 */
enum known_state known_find(struct known *known, const unsigned char hash[KNOWN_HASH_BYTES],
                            const struct known_age *age, uint64_t now_ms, int64_t now,
                            struct bearer *ret_bearer);

/* The present generation: to be asked before the database is, and told with what it said. */
uint64_t known_generation(const struct known *known);
/* Everything is stale from now on. */
void known_begin_generation(struct known *known);
/* @checked_ms: when the database was asked, or earlier */
void known_keep(struct known *known, const unsigned char hash[KNOWN_HASH_BYTES],
                const struct bearer *bearer, uint64_t generation, uint64_t checked_ms);
void known_forget(struct known *known, const unsigned char hash[KNOWN_HASH_BYTES]);
unsigned known_count(const struct known *known);
