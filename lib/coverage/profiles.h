#pragma once
/*
 * Profiles
 *
 * What practices are compared by, of all published ones, in memory, so that comparing one with a
 * hundred thousand others takes a few milliseconds and no database. The same comparison in SQL
 * walks several hundred thousand rows of the table of terms.
 *
 * A practice takes PROFILES_ITEM_BYTES, 8 to be found by its id, 48 for the id of an organisation
 * behind it, and about as much for each adoption and legal basis and for its indicators; room that
 * is made for more can double the first two. That is 15 to 30 MB for a hundred thousand, and twice
 * as much for the moment in which all are loaded anew.
 *
 * It follows the log of changes, which has no gaps (catalogue.change: everything of transactions
 * whose end the last look did not see). Shared by all threads.
 */
#include "base/annotate.h"
#include "coverage/rarity.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db_pool;
struct profiles;

#define PROFILES_TERMS_MAX 256 /* that are told apart; the vocabularies have 90 */
#define PROFILES_ID_BYTES 37
#define PROFILES_ITEM_BYTES 112
#define PROFILES_RANKED_MAX 200

/*
 * profiles_new() - loads all in a thread of its own
 * @pool: borrowed; of the primary, so that what a change tells of can be seen
 * Return: 0; a fault.
 */
MUST_CHECK int profiles_new(struct db_pool *pool, struct profiles **ret_profiles);
void profiles_free(struct profiles *profiles);

/*
 * profiles_refresh() - take over what has changed
 * @generation: another one than last time when changes of practices have been heard of: then they
 *              are looked for at once, else once a second. How it counts is of no matter
 *
 * It may wait for the database: hold no connection meanwhile. Who comes while somebody else looks
 * takes what there is. So does everybody when the database cannot be asked, for as long as the last
 * look is PROFILES_AGE_S old at most, while one of them tries again each second.
 *
 * Return: 0; a db outcome; a fault.
 */
#define PROFILES_AGE_S 60 /* as long as a cache may keep an answer that was made of it */
MUST_CHECK int profiles_refresh(struct profiles *profiles, uint64_t generation);

/* Weight and frequency of terms; term is set, the rest is filled in. */
void profiles_weigh(struct profiles *profiles, struct rarity_term *terms, size_t count);

struct profiles_query {
    const struct rarity_term *terms; /* borrowed; at most PROFILES_TERMS_MAX */
    size_t term_count;
    const char *except;  /* id of a practice that is left out, or NULL */
    const char *others;  /* id of an organisation whose practices are left out, or NULL */
    const char *step;    /* only practices with this term, or NULL */
    const char *country; /* its practices get country_weight; or NULL */
    int32_t country_weight;
    /* what the evidence of a practice adds, or takes when below 0; NULL: nothing */
    int64_t (*bonus)(const void *data, const char *evidence);
    const void *data; /* for it */
    size_t limit;     /* 1 .. PROFILES_RANKED_MAX */
};

struct profiles_match {
    char id[PROFILES_ID_BYTES];
    int64_t weight;
    bool is_in_country;
    bool shared[PROFILES_TERMS_MAX]; /* by term of the query */
};

/*
 * profiles_rank() - exactly the best by the sum of the weights that they share, and above 0; the
 * newer first among equals, then the greater id
 * Return: how many.
 */
size_t profiles_rank(struct profiles *profiles, const struct profiles_query *query,
                     struct profiles_match *ret_matches);

/* What counts in a coverage; borrowed, while it is told. */
struct profiles_fact {
    const char *id;
    size_t index;   /* in what was asked for */
    unsigned steps; /* a bit for each of steps.h */
    int64_t looked_us;
    bool is_stale;
    bool is_idle;
    const char *organisations; /* their ids, separated by spaces */
};

/* Tells those of @ids that are known, in the order of @ids. Nobody may change meanwhile. */
void profiles_observe(struct profiles *profiles, const char *const *ids, size_t count,
                      void (*see)(void *data, const struct profiles_fact *fact), void *data);

/* --- without a database, for tests: a practice as it is now */
struct profiles_item {
    const char *id;
    const char *country;
    const char *terms;         /* separated by spaces */
    const char *organisations; /* ids, separated by spaces */
    const char *evidence;      /* evidence.h; "" for none */
    const char *indicators;    /* of impact, separated by spaces; "" for none */
    int64_t updated_us, looked_us, due_us;
    int64_t ended_us; /* from then on it is over; 0: nobody knows */
    bool is_idle;
};
MUST_CHECK int profiles_put(struct profiles *profiles, const struct profiles_item *item);
MUST_CHECK int profiles_new_empty(struct profiles **ret_profiles);
void profiles_remove(struct profiles *profiles, const char *id);
size_t profiles_count(struct profiles *profiles);

/*
 * profiles_survey() - how many practices there are
 * @country: of this one alone; or NULL
 * @see:     is told the indicators of impact of each that reports any, borrowed while it is told,
 *           separated by spaces; NULL: nobody asks
 */
size_t profiles_survey(struct profiles *profiles, const char *country,
                       void (*see)(void *data, const char *indicators), void *data);
