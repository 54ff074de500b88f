#include "coverage/rarity.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/num.h"
#include "db/db.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TERMS_MAX 512                 /* the vocabularies have a hundred */
#define AGE_US_MAX (600 * 1000000ull) /* also without a change: telling of one may fail */
#define PATIENCE 100                  /* counting takes at most a hundredth of the time */

struct counted {
    char term[RARITY_TERM_BYTES];
    uint32_t frequency;
};

struct rarity {
    pthread_mutex_t lock; /* over all that follows */
    struct counted terms[TERMS_MAX];
    size_t term_count;
    uint32_t practice_count;
    bool is_counted;
    uint64_t generation;
    uint64_t counted_us; /* when */
    uint64_t took_us;
};

/* What two practices are compared by, and how much it counts. */
static const struct {
    const char *prefix;
    unsigned share;
} SHARES[] = {{"value_chain_steps=", 3},
              {"target_groups=", 3},
              {"sectors=", 2},
              {"municipality_roles=", 2},
              {"good_practice_themes=", 1}};

static const struct db_query COUNT = {
    .name = "rarity_count",
    .sql = "select t.term, count(*), (select count(*) from published.practices) "
           "from published.practices_terms t "
           "where (t.term >= 'value_chain_steps=' and t.term < 'value_chain_steps>') "
           "or (t.term >= 'target_groups=' and t.term < 'target_groups>') "
           "or (t.term >= 'sectors=' and t.term < 'sectors>') "
           "or (t.term >= 'municipality_roles=' and t.term < 'municipality_roles>') "
           "or (t.term >= 'good_practice_themes=' and t.term < 'good_practice_themes>') "
           "group by t.term order by t.term collate \"C\"",
    .param_count = 0,
};

int rarity_new(struct rarity **ret_rarity)
{
    struct rarity *rarity = calloc(1, sizeof(*rarity));

    if (rarity == NULL)
        return fault_raise(-ENOMEM);
    if (pthread_mutex_init(&rarity->lock, NULL) != 0) {
        free(rarity);
        return fault_raise(-ENOMEM);
    }
    *ret_rarity = rarity;
    return 0;
}

void rarity_free(struct rarity *rarity)
{
    if (rarity == NULL)
        return;
    (void)pthread_mutex_destroy(&rarity->lock); /* nobody holds it any more */
    free(rarity);
}

unsigned rarity_share(const char *term)
{
    if (strcmp(term, "municipality_roles=none_stated") == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LENGTH(SHARES); i++)
        if (strncmp(term, SHARES[i].prefix, strlen(SHARES[i].prefix)) == 0)
            return SHARES[i].share;
    return 0;
}

int32_t rarity_weight(unsigned share, uint32_t practice_count, uint32_t frequency)
{
    if (frequency == 0)
        return 0;
    return (int32_t)lround(100.0 * share * log2(1 + (double)practice_count / (double)frequency));
}

static bool is_due(const struct rarity *rarity, uint64_t generation, uint64_t now_us)
{
    const uint64_t age_us = now_us - rarity->counted_us;

    if (!rarity->is_counted || age_us > AGE_US_MAX)
        return true;
    return generation != rarity->generation && age_us > PATIENCE * rarity->took_us;
}

static int count_terms(struct rarity *rarity, struct db *db, uint64_t generation)
{
    const uint64_t started_us = clock_monotonic_us();
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &COUNT, NULL, &rows);

    if (r != 0)
        return r;
    rarity->term_count = 0;
    rarity->practice_count = 0;
    for (size_t i = 0; i < db_rows_count(rows) && i < TERMS_MAX; i++) {
        struct counted *counted = &rarity->terms[rarity->term_count++];

        (void)snprintf(counted->term, sizeof(counted->term), "%s", db_rows_text(rows, i, 0));
        if (!num_parse_u32(db_rows_text(rows, i, 1), 0, UINT32_MAX, &counted->frequency) ||
            !num_parse_u32(db_rows_text(rows, i, 2), 0, UINT32_MAX, &rarity->practice_count))
            return fault_raise(-EPROTO);
    }
    rarity->is_counted = true;
    rarity->generation = generation;
    rarity->counted_us = clock_monotonic_us();
    rarity->took_us = rarity->counted_us - started_us;
    return 0;
}

static int compare_terms(const void *term, const void *counted)
{
    return strcmp(term, ((const struct counted *)counted)->term);
}

int rarity_weigh(struct rarity *rarity, struct db *db, uint64_t generation,
                 struct rarity_term *terms, size_t count)
{
    int r = 0;

    (void)pthread_mutex_lock(&rarity->lock);
    if (is_due(rarity, generation, clock_monotonic_us()))
        r = count_terms(rarity, db, generation);
    for (size_t i = 0; i < count && r == 0; i++) {
        const struct counted *found = bsearch(terms[i].term, rarity->terms, rarity->term_count,
                                              sizeof(rarity->terms[0]), compare_terms);

        terms[i].frequency = found == NULL ? 0 : found->frequency;
        terms[i].weight =
            rarity_weight(rarity_share(terms[i].term), rarity->practice_count, terms[i].frequency);
    }
    (void)pthread_mutex_unlock(&rarity->lock);
    return r;
}
