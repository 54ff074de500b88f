#pragma once
/*
 * Rarity
 *
 * How much it means that two practices have a term in common: the rarer the term, the more
 * (inverse document frequency, Spärck Jones 1972), and a target group more than a theme.
 *
 *   weight(term) = share(property) × 100 × log2(1 + practices / practices with the term)
 */
#include <stdint.h>

struct rarity_term {
    const char *term;   /* property=value, as the read model has it */
    int32_t weight;     /* 0: means nothing */
    uint32_t frequency; /* practices with it */
};

/* The share of a property, by a term of it; 0: two practices are not compared by it. */
unsigned rarity_share(const char *term);
/* The formula. */
int32_t rarity_weight(unsigned share, uint32_t practice_count, uint32_t frequency);
