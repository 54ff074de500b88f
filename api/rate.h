#pragma once
/*
 * Rate limits
 *
 * A token bucket for each client address (IPv6: each /64), in a table of fixed
 * size: with more clients than places the one that asked longest ago is
 * forgotten, which only ever gives tokens, never takes them.
 */
#include "address.h"
#include "base/annotate.h"

#include <stdbool.h>
#include <stdint.h>

struct rate;

struct rate_state {
    uint32_t quota;         /* requests per second, and the most at once */
    uint32_t remaining;     /* whole requests left now */
    uint32_t reset_s;       /* until the bucket is full again, at least 1 */
    uint32_t retry_after_s; /* until one request is allowed, at least 1; when refused */
};

/* rate_new() - @per_second: 1 or more. Return: 0; a fault. */
MUST_CHECK int rate_new(uint32_t per_second, struct rate **ret_rate);
void rate_free(struct rate *rate); /* takes NULL */

/* rate_take() - may @client send one more request at @now_us (monotonic)? */
MUST_CHECK bool rate_take(struct rate *rate, const struct address *client, uint64_t now_us,
                          struct rate_state *ret_state);
/* The request cost nothing after all (304). */
void rate_give_back(struct rate *rate, const struct address *client, struct rate_state *state);
