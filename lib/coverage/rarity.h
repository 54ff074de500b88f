#pragma once
/*
 * Rarity
 *
 * How much it means that two practices have a term in common: the rarer the term, the more
 * (inverse document frequency, Spärck Jones 1972), and a target group more than a theme.
 *
 *   weight(term) = share(property) × 100 × log2(1 + practices / practices with the term)
 *
 * How often each term is there is counted over all practices, now and then: counting takes at
 * most a hundredth of the time, and nothing is counted twice while nothing has changed. Shared by
 * all threads.
 */
#include "base/annotate.h"

#include <stddef.h>
#include <stdint.h>

struct db;
struct rarity;

#define RARITY_TERM_BYTES 96 /* "target_groups=women_far_from_employment" */

struct rarity_term {
    const char *term;   /* property=value, as the read model has it */
    int32_t weight;     /* 0: means nothing */
    uint32_t frequency; /* practices with it */
};

MUST_CHECK int rarity_new(struct rarity **ret_rarity);
void rarity_free(struct rarity *rarity);

/* The share of a property, by a term of it; 0: two practices are not compared by it. */
unsigned rarity_share(const char *term);
/* The formula; pure. */
int32_t rarity_weight(unsigned share, uint32_t practice_count, uint32_t frequency);

/*
 * rarity_weigh() - weight and frequency of terms
 * @generation: counts up with each change of practices, as far as it is known
 * @terms:      borrowed; term is set, the rest is filled in
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int rarity_weigh(struct rarity *rarity, struct db *db, uint64_t generation,
                            struct rarity_term *terms, size_t count);
