/*
 * Rate limits
 *
 * A set-associative table: the address, hashed with a secret of the process so
 * that nobody can aim at a neighbour's set, chooses a set of four places. The
 * locks are striped over the sets. 16,384 places take 640 KiB.
 */
#include "rate.h"

#include "base/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SET_COUNT 4096
#define SET_PLACES 4
#define LOCK_COUNT 64
#define SECOND_US 1000000

struct bucket {
    struct address client;
    bool used;
    uint64_t micro_tokens; /* at refilled_us */
    uint64_t refilled_us;
};

struct rate {
    uint64_t secret;
    uint64_t quota;
    pthread_mutex_t locks[LOCK_COUNT];
    struct bucket buckets[SET_COUNT][SET_PLACES];
};

int rate_new(uint32_t per_second, struct rate **ret_rate)
{
    struct rate *rate = calloc(1, sizeof(*rate));

    if (rate == NULL)
        return fault_raise(-ENOMEM);
    if (getrandom(&rate->secret, sizeof(rate->secret), 0) != sizeof(rate->secret)) {
        free(rate);
        return fault_raise(-EIO);
    }
    rate->quota = per_second;
    for (size_t i = 0; i < LOCK_COUNT; i++)
        pthread_mutex_init(&rate->locks[i], NULL);
    *ret_rate = rate;
    return 0;
}

void rate_free(struct rate *rate)
{
    if (rate == NULL)
        return;
    for (size_t i = 0; i < LOCK_COUNT; i++)
        pthread_mutex_destroy(&rate->locks[i]);
    free(rate);
}

/* The finaliser of MurmurHash3, over both halves of the address. */
static uint64_t mix(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdU;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53U;
    return value ^ value >> 33;
}

static size_t set_of(const struct rate *rate, const struct address *client)
{
    uint64_t halves[2];

    memcpy(halves, client->bytes, sizeof(halves));
    return (size_t)(mix(mix(halves[0] ^ rate->secret) ^ halves[1]) % SET_COUNT);
}

static void refill(const struct rate *rate, struct bucket *bucket, uint64_t now_us)
{
    uint64_t full = rate->quota * SECOND_US;
    uint64_t passed_us = now_us > bucket->refilled_us ? now_us - bucket->refilled_us : 0;

    /* A second fills any bucket, and keeps the product small. */
    if (passed_us >= SECOND_US || bucket->micro_tokens + passed_us * rate->quota >= full)
        bucket->micro_tokens = full;
    else
        bucket->micro_tokens += passed_us * rate->quota;
    if (now_us > bucket->refilled_us)
        bucket->refilled_us = now_us;
}

static struct bucket *find(struct bucket *set, const struct address *client)
{
    for (size_t i = 0; i < SET_PLACES; i++) {
        if (set[i].used && address_equal(&set[i].client, client))
            return &set[i];
    }
    return NULL;
}

/* A place for a newcomer: a free one, or that of whoever asked longest ago. */
static struct bucket *make_room(struct bucket *set)
{
    struct bucket *oldest = &set[0];

    for (size_t i = 0; i < SET_PLACES; i++) {
        if (!set[i].used)
            return &set[i];
        if (set[i].refilled_us < oldest->refilled_us)
            oldest = &set[i];
    }
    return oldest;
}

static uint32_t seconds_up(uint64_t micro_tokens, uint64_t per_second)
{
    uint64_t seconds = (micro_tokens + per_second * SECOND_US - 1) / (per_second * SECOND_US);

    return seconds == 0 ? 1 : (uint32_t)seconds;
}

static void describe(const struct rate *rate, const struct bucket *bucket, struct rate_state *state)
{
    uint64_t missing = rate->quota * SECOND_US - bucket->micro_tokens;

    state->quota = (uint32_t)rate->quota;
    state->remaining = (uint32_t)(bucket->micro_tokens / SECOND_US);
    state->reset_s = seconds_up(missing, rate->quota);
    state->retry_after_s = 1; /* a bucket fills in a second, so one token comes sooner */
}

bool rate_take(struct rate *rate, const struct address *client, uint64_t now_us,
               struct rate_state *ret_state)
{
    struct address caller = address_of_caller(client);
    size_t set = set_of(rate, &caller);
    pthread_mutex_t *lock = &rate->locks[set % LOCK_COUNT];
    struct bucket *bucket;
    bool allowed;

    pthread_mutex_lock(lock);
    bucket = find(rate->buckets[set], &caller);
    if (bucket == NULL) {
        bucket = make_room(rate->buckets[set]);
        *bucket = (struct bucket){.client = caller,
                                  .used = true,
                                  .micro_tokens = rate->quota * SECOND_US,
                                  .refilled_us = now_us};
    }
    refill(rate, bucket, now_us);
    allowed = bucket->micro_tokens >= SECOND_US;
    if (allowed)
        bucket->micro_tokens -= SECOND_US;
    describe(rate, bucket, ret_state);
    pthread_mutex_unlock(lock);
    return allowed;
}

void rate_give_back(struct rate *rate, const struct address *client, struct rate_state *state)
{
    struct address caller = address_of_caller(client);
    size_t set = set_of(rate, &caller);
    pthread_mutex_t *lock = &rate->locks[set % LOCK_COUNT];
    struct bucket *bucket;

    pthread_mutex_lock(lock);
    bucket = find(rate->buckets[set], &caller);
    if (bucket != NULL) {
        bucket->micro_tokens += SECOND_US;
        if (bucket->micro_tokens > rate->quota * SECOND_US)
            bucket->micro_tokens = rate->quota * SECOND_US;
        describe(rate, bucket, state);
    }
    pthread_mutex_unlock(lock);
}
