#pragma once
/*
 * Similar practices
 *
 * Those that share most with one: steps, target groups, sectors, roles of the municipality, themes
 * of good practice, each weighed by how rare it is (rarity.h). 100 points are all that the
 * practice itself has: points = 100 × weight of what is shared / weight of what it has.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct db;
struct rarity;

/*
 * similar_fetch()
 * @id:      borrowed; of a published practice
 * @ret_json: owned, json_decref(): {"terms": […], "data": […]}
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int similar_fetch(struct rarity *rarity, uint64_t generation, struct db *db,
                             struct arena *arena, const char *id, uint32_t limit,
                             json_t **ret_json);

/* --- also for others that rank practices */

struct overlap_match;
struct rarity_term;

/*
 * similar_shared() - which of @terms each of @matches has
 * @ret_shared: in the arena; for match i and term j at [i * term_count + j]
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int similar_shared(struct db *db, struct arena *arena,
                              const struct overlap_match *matches, size_t match_count,
                              const struct rarity_term *terms, size_t term_count,
                              _Bool **ret_shared);
/* {"practice": {id, slug, title}, "country", "city", "points"}; NULL: out of memory. */
json_t *similar_match_json(const struct overlap_match *match, double points);
