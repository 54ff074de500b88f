#pragma once
/*
 * Overlap
 *
 * The practices that have most in common with what is asked, by the sum of the weights of the
 * terms that they share: always exactly the best ones, found without looking at all.
 *
 * Every term has a list of its practices. Lists that are short for their weight are walked first
 * ("early"), until what the others can add is so little that who is in none of the early ones
 * cannot be among the best; then only those are completed that can still get there (the threshold
 * idea of Fagin, Lotem and Naor 2003). Whether that held is checked with what was found, and
 * where it did not, every list is walked.
 */
#include "base/annotate.h"
#include "coverage/rarity.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct db;

#define OVERLAP_TERMS_MAX 160 /* a practice has at most 96 that count */

struct overlap_query {
    const struct rarity_term *terms; /* borrowed; weights above 0 */
    size_t term_count;
    const char *except;    /* id of a practice that is left out, or NULL */
    const char *step;      /* only practices with this term, "value_chain_steps=…", or NULL */
    const char *bonus_ids; /* array literal: practices that count more or less for another reason */
    const char *bonuses;   /* array literal: how much */
    uint32_t limit;
};

struct overlap_match {
    const char *id;
    const char *slug;
    const char *title;
    const char *country; /* or NULL */
    const char *city;    /* or NULL */
    int64_t weight;
};

/*
 * overlap_choose() - which lists are walked early
 * Pure. @ret_early: one for each term. Return: the most that the others can add.
 */
int64_t overlap_choose(const struct rarity_term *terms, size_t count, bool *ret_early);

/*
 * overlap_fetch() - the best, the newer first among equals
 * @ret_matches: in the arena
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int overlap_fetch(struct db *db, struct arena *arena, const struct overlap_query *query,
                             struct overlap_match **ret_matches, size_t *ret_count);
