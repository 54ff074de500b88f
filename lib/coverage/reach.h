#pragma once
/*
 * Reach
 *
 * The organisations of a network: its members of today and who runs it; and those of the networks
 * that it works with or belongs to, or that one of its members runs, and so on, step by step.
 * Networks that name each other in a circle are looked at once for each distance, so that it ends.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;

/* Is a member @m of a network's document one today? As SQL. */
#define REACH_IS_MEMBER(m)                                                                         \
    "(" m ".value->>'since' is null or published.first_day(" m ".value->>'since') <= "             \
    "current_date) and (" m ".value->>'until' is null or published.last_day(" m                    \
    ".value->>'until') >= current_date)"

#define REACH_DISTANCE_MAX 3
#define REACH_NETWORKS_MAX 200
#define REACH_ORGANISATIONS_MAX 1000

struct reach {
    json_t *networks;          /* owned: [{id, slug, title, distance}], the network itself first */
    const char *organisations; /* array literal of their ids, in the arena */
    size_t organisation_count;
    bool is_cut; /* there are more */
};

/*
 * reach_fetch()
 * @id:       borrowed; of a published network
 * @distance: 0 .. REACH_DISTANCE_MAX; 0 is the network alone
 * Return: 0; a db outcome; a fault. Release with reach_deinit(), whatever the result.
 */
MUST_CHECK int reach_fetch(struct db *db, struct arena *arena, const char *id, unsigned distance,
                           struct reach *ret);
void reach_deinit(struct reach *reach);
