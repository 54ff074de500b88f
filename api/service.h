#pragma once
/*
 * Service
 *
 * What the HTTP layer keeps for as long as it runs, shared by all its threads;
 * each member guards itself.
 */
#include "address.h"

#include <stdatomic.h>
#include <stdbool.h>

struct application;
struct rate;
struct metrics;
struct sizes;

struct service {
    struct application *application; /* borrowed */
    struct rate *rate;               /* NULL: no rate limit, and none of failed attempts */
    struct rate *token_failures;     /* by address: tokens that did not verify */
    struct rate *secret_failures;    /* by address: secrets that were wrong */
    struct rate *client_failures;    /* the same by the client's id */
    struct metrics *metrics;
    struct sizes *sizes;
    bool has_trusted_proxy;
    struct address trusted_proxy; /* its X-Forwarded-For counts */
    atomic_bool draining;         /* about to stop: not ready, and every answer closes */
};
