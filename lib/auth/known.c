/*
 * Sets of four places, chosen by the hash: no lists to keep in order, and
 * nothing allocated after start. The hash has a key that is made at start, so
 * nobody can choose tokens that fall into one set.
 */
#include "auth/known.h"

#include "base/fault.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SETS 1024
#define PLACES 4
#define CLAIM_MS 1000 /* how long one thread may take to look at the database for the others */

struct entry {
    unsigned char hash[KNOWN_HASH_BYTES];
    bool is_used;
    uint64_t generation;
    uint64_t checked_ms;
    _Atomic uint64_t claimed_ms; /* by whoever looks again; under the reading lock, too */
    struct bearer bearer;
};

struct known {
    unsigned char key[crypto_generichash_KEYBYTES];
    _Atomic uint64_t generation;
    atomic_uint count;
    pthread_rwlock_t lock; /* over the entries */
    struct entry entries[SETS][PLACES];
};

int known_new(struct known **ret_known)
{
    struct known *known = calloc(1, sizeof(*known)); /* pages come with their use */

    if (known == NULL)
        return fault_raise(-ENOMEM);
    if (pthread_rwlock_init(&known->lock, NULL) != 0) {
        free(known);
        return fault_raise(-ENOMEM);
    }
    randombytes_buf(known->key, sizeof(known->key));
    atomic_init(&known->generation, 1);
    *ret_known = known;
    return 0;
}

void known_free(struct known *known)
{
    if (known == NULL)
        return;
    (void)pthread_rwlock_destroy(&known->lock);
    free(known);
}

void known_hash(const struct known *known, const char *token,
                unsigned char ret_hash[KNOWN_HASH_BYTES])
{
    (void)crypto_generichash(ret_hash, KNOWN_HASH_BYTES, (const unsigned char *)token,
                             strlen(token), known->key, sizeof(known->key));
}

static struct entry *set_of(struct known *known, const unsigned char *hash)
{
    return known->entries[((unsigned)hash[0] << 8 | hash[1]) % SETS];
}

static struct entry *find(struct known *known, const unsigned char *hash)
{
    struct entry *set = set_of(known, hash);

    for (size_t i = 0; i < PLACES; i++) {
        if (set[i].is_used && memcmp(set[i].hash, hash, KNOWN_HASH_BYTES) == 0)
            return &set[i];
    }
    return NULL;
}

static void lock_for_reading(struct known *known)
{
    int r = pthread_rwlock_rdlock(&known->lock);

    assert(r == 0);
}

static void lock_for_writing(struct known *known)
{
    int r = pthread_rwlock_wrlock(&known->lock);

    assert(r == 0);
}

static void unlock(struct known *known)
{
    int r = pthread_rwlock_unlock(&known->lock);

    assert(r == 0);
}

/* Is this thread the one that looks again for all? */
static bool claim(struct entry *entry, uint64_t now_ms)
{
    uint64_t claimed_ms = atomic_load(&entry->claimed_ms);

    return claimed_ms + CLAIM_MS <= now_ms &&
           atomic_compare_exchange_strong(&entry->claimed_ms, &claimed_ms, now_ms);
}

static bool is_fresh(struct entry *entry, uint64_t generation, const struct known_age *age,
                     uint64_t now_ms)
{
    const uint64_t age_ms = now_ms > entry->checked_ms ? now_ms - entry->checked_ms : 0;

    if (entry->generation != generation || age_ms >= age->hard_ms)
        return false;
    return age_ms < age->soft_ms || !claim(entry, now_ms);
}

enum known_state known_find(struct known *known, const unsigned char hash[KNOWN_HASH_BYTES],
                            const struct known_age *age, uint64_t now_ms, int64_t now,
                            struct bearer *ret_bearer)
{
    enum known_state state = KNOWN_NOT;
    struct entry *entry;

    lock_for_reading(known);
    entry = find(known, hash);
    if (entry != NULL && entry->bearer.expires_at + TOKEN_LEEWAY_S > now) {
        state = is_fresh(entry, known_generation(known), age, now_ms) ? KNOWN_FRESH : KNOWN_STALE;
        *ret_bearer = entry->bearer;
    }
    unlock(known);
    return state;
}

uint64_t known_generation(const struct known *known)
{
    return atomic_load(&known->generation);
}

void known_begin_generation(struct known *known)
{
    atomic_fetch_add(&known->generation, 1);
}

/* An unused place, or the one whose token ends first. */
static struct entry *make_room(struct known *known, const unsigned char *hash)
{
    struct entry *set = set_of(known, hash);
    struct entry *place = &set[0];

    for (size_t i = 0; i < PLACES; i++) {
        if (!set[i].is_used)
            return &set[i];
        if (set[i].bearer.expires_at < place->bearer.expires_at)
            place = &set[i];
    }
    return place;
}

void known_keep(struct known *known, const unsigned char hash[KNOWN_HASH_BYTES],
                const struct bearer *bearer, uint64_t generation, uint64_t checked_ms)
{
    struct entry *entry;

    lock_for_writing(known);
    entry = find(known, hash);
    if (entry == NULL)
        entry = make_room(known, hash);
    if (!entry->is_used)
        atomic_fetch_add(&known->count, 1);
    /* Another thread may have asked later, and been quicker. */
    if (!entry->is_used || memcmp(entry->hash, hash, KNOWN_HASH_BYTES) != 0 ||
        entry->checked_ms <= checked_ms) {
        memcpy(entry->hash, hash, KNOWN_HASH_BYTES);
        entry->is_used = true;
        entry->generation = generation;
        entry->checked_ms = checked_ms;
        atomic_store(&entry->claimed_ms, 0);
        entry->bearer = *bearer;
    }
    unlock(known);
}

void known_forget(struct known *known, const unsigned char hash[KNOWN_HASH_BYTES])
{
    struct entry *entry;

    lock_for_writing(known);
    entry = find(known, hash);
    if (entry != NULL) {
        entry->is_used = false;
        atomic_fetch_sub(&known->count, 1);
    }
    unlock(known);
}

unsigned known_count(const struct known *known)
{
    return atomic_load(&known->count);
}
