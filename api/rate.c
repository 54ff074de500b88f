/*
 * Rate limits
 *
 * A set-associative table: the key, hashed with a secret of the process so
 * that nobody can aim at a neighbour's set, chooses a set of four places. The
 * locks are striped over the sets. 16,384 places take 768 KiB.
 *
 * A token is worth the microseconds of the window, and a microsecond brings as
 * many of its parts as the quota: whole numbers, whatever quota and window are.
 */
#include "rate.h"

#include "base/fault.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SET_COUNT 4096
#define SET_PLACES 4
#define LOCK_COUNT 64
#define SECOND_US 1000000U
#define FNV_START 0xcbf29ce484222325U
#define FNV_PRIME 0x100000001b3U

struct bucket {
    struct rate_key key; /* of no kind: the place is free */
    uint64_t parts;      /* of tokens, at refilled_us */
    uint64_t refilled_us;
};

struct rate {
    uint64_t secret;
    uint64_t quota;
    uint64_t window_us;
    pthread_mutex_t locks[LOCK_COUNT];
    struct bucket buckets[SET_COUNT][SET_PLACES];
};

struct rate_key rate_key_of_address(const struct address *address)
{
    const struct address caller = address_of_caller(address);
    struct rate_key key = {.kind = RATE_ADDRESS};

    static_assert(sizeof(key.bytes) == sizeof(caller.bytes), "a key holds an address");
    memcpy(key.bytes, caller.bytes, sizeof(key.bytes));
    return key;
}

struct rate_key rate_key_of_text(const char *text)
{
    struct rate_key key = {.kind = RATE_TEXT};
    uint64_t halves[2] = {FNV_START, ~FNV_START};

    for (; *text != '\0'; text++) {
        halves[0] = (halves[0] ^ (unsigned char)*text) * FNV_PRIME;
        halves[1] = (halves[1] + (unsigned char)*text) * FNV_PRIME ^ halves[0] >> 29;
    }
    memcpy(key.bytes, halves, sizeof(key.bytes));
    return key;
}

int rate_new(uint32_t quota, uint32_t window_s, struct rate **ret_rate)
{
    struct rate *rate = calloc(1, sizeof(*rate));

    assert(quota > 0 && window_s > 0);
    if (rate == NULL)
        return fault_raise(-ENOMEM);
    if (getrandom(&rate->secret, sizeof(rate->secret), 0) != sizeof(rate->secret)) {
        free(rate);
        return fault_raise(-EIO);
    }
    rate->quota = quota;
    rate->window_us = (uint64_t)window_s * SECOND_US;
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

/* The finaliser of MurmurHash3, over both halves of the key. */
static uint64_t mix(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdU;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53U;
    return value ^ value >> 33;
}

static size_t set_of(const struct rate *rate, const struct rate_key *key)
{
    uint64_t halves[2];

    memcpy(halves, key->bytes, sizeof(halves));
    return (size_t)(mix(mix(halves[0] ^ rate->secret) ^ halves[1]) % SET_COUNT);
}

static void refill(const struct rate *rate, struct bucket *bucket, uint64_t now_us)
{
    uint64_t full = rate->quota * rate->window_us;
    uint64_t passed_us = now_us > bucket->refilled_us ? now_us - bucket->refilled_us : 0;

    /* A window fills any bucket, and keeps the product small. */
    if (passed_us >= rate->window_us || bucket->parts + passed_us * rate->quota >= full)
        bucket->parts = full;
    else
        bucket->parts += passed_us * rate->quota;
    if (now_us > bucket->refilled_us)
        bucket->refilled_us = now_us;
}

static bool is_same(const struct rate_key *left, const struct rate_key *right)
{
    return left->kind == right->kind && memcmp(left->bytes, right->bytes, sizeof(left->bytes)) == 0;
}

static struct bucket *find(struct bucket *set, const struct rate_key *key)
{
    for (size_t i = 0; i < SET_PLACES; i++) {
        if (is_same(&set[i].key, key))
            return &set[i];
    }
    return NULL;
}

/* A place for a newcomer: a free one, or that of whoever asked longest ago. */
static struct bucket *make_room(struct bucket *set)
{
    struct bucket *oldest = &set[0];

    for (size_t i = 0; i < SET_PLACES; i++) {
        if (set[i].key.kind == RATE_NONE)
            return &set[i];
        if (set[i].refilled_us < oldest->refilled_us)
            oldest = &set[i];
    }
    return oldest;
}

/* Until so many parts have come back, at least 1. */
static uint32_t seconds_until(const struct rate *rate, uint64_t parts)
{
    const uint64_t per_second = rate->quota * SECOND_US;
    const uint64_t seconds = (parts + per_second - 1) / per_second;

    return seconds == 0 ? 1 : (uint32_t)seconds;
}

static void describe(const struct rate *rate, const struct bucket *bucket, struct rate_state *state)
{
    const uint64_t missing = rate->quota * rate->window_us - bucket->parts;
    const uint64_t short_of_one =
        bucket->parts < rate->window_us ? rate->window_us - bucket->parts : 0;

    state->quota = (uint32_t)rate->quota;
    state->window_s = (uint32_t)(rate->window_us / SECOND_US);
    state->remaining = (uint32_t)(bucket->parts / rate->window_us);
    state->reset_s = seconds_until(rate, missing);
    state->retry_after_s = seconds_until(rate, short_of_one);
}

bool rate_take(struct rate *rate, const struct rate_key *key, uint64_t now_us,
               struct rate_state *ret_state)
{
    size_t set = set_of(rate, key);
    pthread_mutex_t *lock = &rate->locks[set % LOCK_COUNT];
    struct bucket *bucket;
    bool allowed;

    assert(key->kind != RATE_NONE);
    pthread_mutex_lock(lock);
    bucket = find(rate->buckets[set], key);
    if (bucket == NULL) {
        bucket = make_room(rate->buckets[set]);
        *bucket = (struct bucket){
            .key = *key, .parts = rate->quota * rate->window_us, .refilled_us = now_us};
    }
    refill(rate, bucket, now_us);
    allowed = bucket->parts >= rate->window_us;
    if (allowed)
        bucket->parts -= rate->window_us;
    describe(rate, bucket, ret_state);
    pthread_mutex_unlock(lock);
    return allowed;
}

bool rate_allows(struct rate *rate, const struct rate_key *key, uint64_t now_us,
                 struct rate_state *ret_state)
{
    size_t set = set_of(rate, key);
    pthread_mutex_t *lock = &rate->locks[set % LOCK_COUNT];
    struct bucket *bucket;
    bool allowed = true;

    pthread_mutex_lock(lock);
    bucket = find(rate->buckets[set], key);
    if (bucket != NULL) {
        refill(rate, bucket, now_us);
        allowed = bucket->parts >= rate->window_us;
        describe(rate, bucket, ret_state);
    }
    pthread_mutex_unlock(lock);
    return allowed;
}

void rate_charge(struct rate *rate, const struct rate_key *key, uint64_t now_us)
{
    struct rate_state state;
    const bool taken = rate_take(rate, key, now_us, &state);

    (void)taken; /* others may have been faster: then there is none left to take */
}

void rate_give_back(struct rate *rate, const struct rate_key *key, struct rate_state *state)
{
    size_t set = set_of(rate, key);
    pthread_mutex_t *lock = &rate->locks[set % LOCK_COUNT];
    struct bucket *bucket;

    pthread_mutex_lock(lock);
    bucket = find(rate->buckets[set], key);
    if (bucket != NULL) {
        bucket->parts += rate->window_us;
        if (bucket->parts > rate->quota * rate->window_us)
            bucket->parts = rate->quota * rate->window_us;
        describe(rate, bucket, state);
    }
    pthread_mutex_unlock(lock);
}
