#pragma once
/*
 * Rate limits
 *
 * A token bucket for each key – the address of a client (IPv6: each /64), or
 * a text that names who signed in – in a table of fixed size: with more keys
 * than places the one that asked longest ago is forgotten, which only ever
 * gives tokens, never takes them.
 */
#include "address.h"
#include "base/annotate.h"

#include <stdbool.h>
#include <stdint.h>

struct rate;

enum rate_kind { RATE_NONE, RATE_ADDRESS, RATE_TEXT };

struct rate_key {
    enum rate_kind kind; /* keys of two kinds are never the same */
    unsigned char bytes[16];
};

struct rate_state {
    uint32_t quota;         /* requests in a window, and the most at once */
    uint32_t window_s;      /* in which an empty bucket fills again */
    uint32_t remaining;     /* whole requests left now */
    uint32_t reset_s;       /* until the bucket is full again, at least 1 */
    uint32_t retry_after_s; /* until one request is allowed, at least 1; when refused */
};

struct rate_key rate_key_of_address(const struct address *address);
/* A name that we gave, such as "client:…": who can choose it can share a bucket. */
struct rate_key rate_key_of_text(const char *text);

/* rate_new() - @quota: requests, 1 or more, each @window_s seconds. Return: 0; a fault. */
MUST_CHECK int rate_new(uint32_t quota, uint32_t window_s, struct rate **ret_rate);
void rate_free(struct rate *rate); /* takes NULL */

/* rate_take() - may @key have one more request at @now_us (monotonic)? */
MUST_CHECK bool rate_take(struct rate *rate, const struct rate_key *key, uint64_t now_us,
                          struct rate_state *ret_state);
/* Takes one where there is one: what was asked for before, with rate_allows(). */
void rate_charge(struct rate *rate, const struct rate_key *key, uint64_t now_us);
/* The same as rate_take() without taking it; @ret_state is set when the result is false. */
MUST_CHECK bool rate_allows(struct rate *rate, const struct rate_key *key, uint64_t now_us,
                            struct rate_state *ret_state);
/* The request cost nothing after all (304). */
void rate_give_back(struct rate *rate, const struct rate_key *key, struct rate_state *state);
