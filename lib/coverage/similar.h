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

struct arena;
struct db;
struct profiles;
struct profiles_match;
struct rarity_term;

/*
 * similar_fetch()
 * @profiles: refreshed by the caller, who held no connection meanwhile
 * @id:       borrowed; of a published practice
 * @limit:    1 .. PROFILES_RANKED_MAX
 * @ret_json: owned, json_decref(): {"terms": […], "data": […]}
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int similar_fetch(struct profiles *profiles, struct db *db, struct arena *arena,
                             const char *id, size_t limit, json_t **ret_json);

/* --- also for others that rank practices */

#define SIMILAR_INDEX "index"
/*
 * similar_matches_json() - [{"practice": {id, slug, title}, "country", "city", "points"}]
 * In each also SIMILAR_INDEX, its place in @matches: to be taken out by similar_take_index().
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int similar_matches_json(struct db *db, struct arena *arena,
                                    const struct profiles_match *matches, size_t count,
                                    const double *points, json_t **ret_array);
size_t similar_take_index(json_t *match);
/* [{property, value, weight, practices}]; NULL: out of memory. */
json_t *similar_terms_json(const struct rarity_term *terms, size_t count);
