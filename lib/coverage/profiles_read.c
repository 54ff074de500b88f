/*
 * Why in memory, and not in the database: the best of a ranking by many common terms cannot be
 * found without looking at most of what has them. In SQL that is a walk over index entries, ten
 * times slower than here over words of bits, which are exact all the same.
 */
#include "coverage/profiles_internal.h"

#include "base/clock.h"
#include "coverage/steps.h"

#include <stdio.h>
#include <string.h>

/* --- ranking -----------------------------------------------------------------------------------
 */

void profiles_weigh(struct profiles *profiles, struct rarity_term *terms, size_t count)
{
    (void)pthread_rwlock_rdlock(&profiles->lock);
    for (size_t i = 0; i < count; i++) {
        const int number =
            shelf_number_of(profiles->shelf, terms[i].term, strlen(terms[i].term), false);

        terms[i].frequency = number < 0 ? 0 : profiles->shelf->frequencies[number];
        terms[i].weight = rarity_weight(rarity_share(terms[i].term),
                                        (uint32_t)profiles->shelf->there_count, terms[i].frequency);
    }
    (void)pthread_rwlock_unlock(&profiles->lock);
}

struct ranked {
    const struct profile *profile;
    int64_t weight;
};

struct ranking {
    const struct profiles_query *query;
    int64_t weights[PROFILES_TERMS_MAX]; /* by number of the term */
    uint64_t wanted[WORDS];
    int step; /* its number, or -1 */
    const struct profile *except;
    struct ranked best[PROFILES_RANKED_MAX];
    size_t count;
};

static bool comes_before(const struct ranked *left, const struct ranked *right)
{
    if (left->weight != right->weight)
        return left->weight > right->weight;
    if (left->profile->updated_us != right->profile->updated_us)
        return left->profile->updated_us > right->profile->updated_us;
    return memcmp(left->profile->id, right->profile->id, ID_BYTES) > 0;
}

/* Ids of one length in a text of such ids: found is found. */
static bool is_behind(const struct profile *profile, const char *organisation)
{
    return organisation != NULL && strstr(profile->organisations, organisation) != NULL;
}

static void consider(struct ranking *ranking, const struct profile *profile, int64_t weight)
{
    const struct ranked ranked = {.profile = profile, .weight = weight};
    const size_t limit = ranking->query->limit;
    size_t place = ranking->count;

    if (weight <= 0 ||
        (ranking->count == limit && !comes_before(&ranked, &ranking->best[limit - 1])))
        return;
    if (is_behind(profile, ranking->query->others))
        return;
    if (ranking->count == limit)
        place = limit - 1;
    else
        ranking->count++;
    for (; place > 0 && comes_before(&ranked, &ranking->best[place - 1]); place--)
        ranking->best[place] = ranking->best[place - 1];
    ranking->best[place] = ranked;
}

static int64_t weight_of(const struct ranking *ranking, const struct profile *profile)
{
    const struct profiles_query *query = ranking->query;
    int64_t weight = 0;

    for (size_t i = 0; i < WORDS; i++)
        for (uint64_t both = profile->terms[i] & ranking->wanted[i]; both != 0; both &= both - 1)
            weight += ranking->weights[i * 64 + (size_t)__builtin_ctzll(both)];
    if (query->country != NULL && strcmp(query->country, profile->country) == 0)
        weight += query->country_weight;
    return weight;
}

static bool is_asked_for(const struct ranking *ranking, const struct profile *profile)
{
    return profile->is_there && profile != ranking->except &&
           (ranking->query->step == NULL ||
            (ranking->step >= 0 &&
             (profile->terms[ranking->step / 64] >> (ranking->step % 64) & 1) != 0));
}

static void prepare(struct shelf *shelf, const struct profiles_query *query,
                    struct ranking *ranking)
{
    *ranking = (struct ranking){.query = query, .step = -1};
    ranking->except = shelf_find(shelf, query->except);
    if (query->step != NULL)
        ranking->step = shelf_number_of(shelf, query->step, strlen(query->step), false);
    for (size_t i = 0; i < query->term_count; i++) {
        const char *term = query->terms[i].term;
        const int number = shelf_number_of(shelf, term, strlen(term), false);

        if (number < 0)
            continue;
        ranking->weights[number] = query->terms[i].weight;
        ranking->wanted[number / 64] |= UINT64_C(1) << (number % 64);
    }
}

static void walk(const struct shelf *shelf, struct ranking *ranking)
{
    const struct profiles_query *query = ranking->query;

    for (size_t i = 0; i < shelf->count; i++) {
        const struct profile *profile = &shelf->items[i];
        int64_t weight;

        if (!is_asked_for(ranking, profile))
            continue;
        weight = weight_of(ranking, profile);
        if (query->bonus != NULL && profile->evidence != NULL)
            weight += query->bonus(query->data, profile->evidence);
        consider(ranking, profile, weight);
    }
}

static void tell(struct shelf *shelf, const struct ranking *ranking, struct profiles_match *matches)
{
    const struct profiles_query *query = ranking->query;

    for (size_t i = 0; i < ranking->count; i++) {
        const struct profile *profile = ranking->best[i].profile;
        struct profiles_match *match = &matches[i];

        *match = (struct profiles_match){.weight = ranking->best[i].weight};
        shelf_write_id(profile->id, match->id);
        match->is_in_country =
            query->country != NULL && strcmp(query->country, profile->country) == 0;
        for (size_t j = 0; j < query->term_count; j++) {
            const char *term = query->terms[j].term;
            const int number = shelf_number_of(shelf, term, strlen(term), false);

            match->shared[j] =
                number >= 0 && (profile->terms[number / 64] >> (number % 64) & 1) != 0;
        }
    }
}

size_t profiles_rank(struct profiles *profiles, const struct profiles_query *query,
                     struct profiles_match *ret_matches)
{
    struct ranking ranking;

    (void)pthread_rwlock_rdlock(&profiles->lock);
    prepare(profiles->shelf, query, &ranking);
    walk(profiles->shelf, &ranking);
    tell(profiles->shelf, &ranking, ret_matches);
    (void)pthread_rwlock_unlock(&profiles->lock);
    return ranking.count;
}

/* --- facts -------------------------------------------------------------------------------------
 */

/* Bits of the steps, by the numbers of their terms. */
static void number_steps(struct shelf *shelf, int numbers[STEPS_COUNT])
{
    char term[TERM_BYTES];

    for (size_t i = 0; i < STEPS_COUNT; i++) {
        (void)snprintf(term, sizeof(term), "value_chain_steps=%s", STEPS[i]);
        numbers[i] = shelf_number_of(shelf, term, strlen(term), false);
    }
}

void profiles_observe(struct profiles *profiles, const char *const *ids, size_t count,
                      void (*see)(void *data, const struct profiles_fact *fact), void *data)
{
    const int64_t now_us = (int64_t)clock_wall_ms() * 1000;
    int numbers[STEPS_COUNT];

    (void)pthread_rwlock_rdlock(&profiles->lock);
    number_steps(profiles->shelf, numbers);
    for (size_t i = 0; i < count; i++) {
        const struct profile *profile = shelf_find(profiles->shelf, ids[i]);
        struct profiles_fact fact = {.id = ids[i], .index = i};

        if (profile == NULL || !profile->is_there)
            continue;
        for (size_t j = 0; j < STEPS_COUNT; j++)
            if (numbers[j] >= 0 && (profile->terms[numbers[j] / 64] >> (numbers[j] % 64) & 1) != 0)
                fact.steps |= 1u << j;
        fact.looked_us = profile->looked_us;
        fact.is_stale = profile->due_us < now_us;
        fact.is_idle = profile->is_idle || (profile->ended_us != 0 && profile->ended_us <= now_us);
        fact.organisations = profile->organisations;
        see(data, &fact);
    }
    (void)pthread_rwlock_unlock(&profiles->lock);
}

size_t profiles_survey(struct profiles *profiles, const char *country,
                       void (*see)(void *data, const char *indicators), void *data)
{
    size_t count = 0;

    (void)pthread_rwlock_rdlock(&profiles->lock);
    for (size_t i = 0; i < profiles->shelf->count; i++) {
        const struct profile *profile = &profiles->shelf->items[i];

        if (!profile->is_there || (country != NULL && strcmp(profile->country, country) != 0))
            continue;
        count++;
        if (see != NULL && profile->indicators != NULL)
            see(data, profile->indicators);
    }
    (void)pthread_rwlock_unlock(&profiles->lock);
    return count;
}
