#pragma once
/*
 * Transfer
 *
 * For each step that nothing in a place covers: practices elsewhere that are most likely to work
 * there, with the reasons. Out of 100 points
 *
 *   60  what the practice shares with what the place does already: target groups, sectors, roles
 *       of the municipality, weighed by rarity (rarity.h) and by how many records there have it
 *   15  somewhere else it was taken over and works; 8 when in part, 5 when it is being tried; what
 *       was taken to the place itself does not count
 *   15  it is in the same country
 *   10  the legal basis that it rests on holds there; 0 where none is known. 10 are taken when it
 *       does not hold but the country has a text of the same kind, 20 when it has none
 *
 * Which conditions must be given is told, and gives no points: only the place can judge them.
 */
#include "base/annotate.h"
#include "coverage/rarity.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct coverage;
struct db;
struct place;
struct profiles;

#define TRANSFER_OVERLAP_POINTS 60
#define TRANSFER_COUNTRY_POINTS 15
#define TRANSFER_CANDIDATES 5     /* for each gap */
#define TRANSFER_PROFILE_TERMS 12 /* of the place that weigh most */

enum transfer_law { LAW_UNKNOWN, LAW_HOLDS, LAW_SIMILAR, LAW_MISSING };
/* Points for a legal basis, and for how an adoption went: "works", or NULL for none. */
int transfer_law_points(enum transfer_law law);
int transfer_adoption_points(const char *result);
const char *transfer_law_name(enum transfer_law law);

/*
 * transfer_choose() - the terms of the place that weigh most
 * @terms:   weight and frequency are those of profiles_weigh(); rearranged
 * @records: records of the place with each
 * Pure: weight × records / most records, the heaviest TRANSFER_PROFILE_TERMS first. Return: how
 * many are left.
 */
size_t transfer_choose(struct rarity_term *terms, const uint32_t *records, size_t count);

/*
 * transfer_fetch()
 * @profiles: refreshed by the caller
 * @country:  the one whose law counts; NULL: unknown
 * @ret_json: owned: {"profile": […], "gaps": […]}
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int transfer_fetch(struct profiles *profiles, struct db *db, struct arena *arena,
                              const struct place *place, const char *country,
                              const struct coverage *coverage, json_t **ret_json);
