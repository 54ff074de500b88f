#pragma once
/*
 * Offers
 *
 * The published offers of this node, kept in memory as far as eligibility goes: some three hundred
 * bytes each. They are as current as the generation of the resources that they rest on; of what has
 * changed since, the changed records alone are read again.
 */
#include "base/annotate.h"
#include "financing/eligibility.h"

struct contract;
struct db_pool;
struct offer_set;
struct offers;

/* @contract: borrowed, must outlive the offers. Return: 0; a fault. */
MUST_CHECK int offers_new(const struct contract *contract, struct offers **ret_offers);
void offers_free(struct offers *offers);

/* What they are while they are held. */
struct offers_held {
    struct offer_set *set;            /* of offers.c alone */
    const struct offer *const *items; /* in order of their ids */
    size_t count;
    const struct currency *currencies; /* that any of them has a sum in */
    size_t currency_count;
};

/*
 * offers_hold() - the offers of now, unchanged until offers_release(), whoever comes meanwhile
 * @pool:       borrowed; for a refill, of which there is one at a time. Whoever waits for it has no
 *              connection, and calls without one.
 * @generation: of financing-offers and legal-bases together, taken before the call
 * @is_told:    whether changes are heard of; if not, all are compared with the database
 * Return: 0; a db outcome; a fault: nothing is held.
 */
MUST_CHECK int offers_hold(struct offers *offers, struct db_pool *pool, uint64_t generation,
                           bool is_told, struct offers_held *ret_held);
void offers_release(struct offers *offers, const struct offers_held *held);

/* The bits of a code, or 0, by the enumerations of the contract. */
uint64_t offers_bit(const struct offers *offers, enum criterion criterion, const char *code);
/* The code of a bit's place; NULL past the end. */
const char *offers_code(const struct offers *offers, enum criterion criterion, unsigned place);
/* "FR" as a number; 0 when these are no two letters. Of a language tag "fr-BE", its beginning. */
uint16_t offers_two_letters(const char *text, size_t length);
/* "1388.40" in units of so many decimals, half of one to the even one; -1 when it does not fit. */
int64_t offers_units(const char *text, size_t length, unsigned decimals);
