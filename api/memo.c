/*
 * A table of fixed size, indexed by the key: a newer answer takes the place of
 * an older one. 32 768 places of 64 bytes hold what a partner site asks again
 * and again, and the memory is bounded by construction.
 *
 * The generations of the resources that an answer rests on are added up. Each
 * only ever grows, so that an equal sum means that none of them changed.
 */
#include "memo.h"

#include "base/fault.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 32768
#define LOCKS 64
#define RESOURCES 64

struct place {
    struct memo_key key;
    uint64_t resources; /* 0: empty */
    uint64_t generation;
    char etag[MEMO_ETAG_BYTES];
};

struct memo {
    atomic_bool is_listening;
    atomic_uint_least64_t generations[RESOURCES];
    pthread_mutex_t locks[LOCKS];
    struct place places[PLACES];
};

int memo_new(struct memo **ret_memo)
{
    struct memo *memo = calloc(1, sizeof(*memo));

    if (memo == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < LOCKS; i++)
        (void)pthread_mutex_init(&memo->locks[i], NULL);
    *ret_memo = memo;
    return 0;
}

void memo_free(struct memo *memo)
{
    if (memo == NULL)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        (void)pthread_mutex_destroy(&memo->locks[i]);
    free(memo);
}

struct memo_key memo_key(const char *const *texts, size_t count)
{
    crypto_generichash_state state;
    struct memo_key key;

    (void)crypto_generichash_init(&state, NULL, 0, MEMO_KEY_BYTES);
    for (size_t i = 0; i < count; i++) {
        /* What was not sent differs from what was sent empty. */
        const char *text = texts[i] == NULL ? "\x01" : texts[i];

        (void)crypto_generichash_update(&state, (const unsigned char *)text, strlen(text) + 1);
    }
    (void)crypto_generichash_final(&state, key.bytes, MEMO_KEY_BYTES);
    return key;
}

static size_t place_of(const struct memo_key *key)
{
    uint32_t start;

    memcpy(&start, key->bytes, sizeof(start));
    return start % PLACES;
}

uint64_t memo_generation(struct memo *memo, uint64_t resources)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < RESOURCES; i++)
        if ((resources >> i & 1) != 0)
            sum += atomic_load(&memo->generations[i]);
    return sum;
}

bool memo_find(struct memo *memo, const struct memo_key *key, char ret_etag[MEMO_ETAG_BYTES])
{
    const size_t index = place_of(key);
    struct place place;

    if (!atomic_load(&memo->is_listening))
        return false;
    (void)pthread_mutex_lock(&memo->locks[index % LOCKS]);
    place = memo->places[index];
    (void)pthread_mutex_unlock(&memo->locks[index % LOCKS]);

    if (place.resources == 0 || memcmp(&place.key, key, sizeof(*key)) != 0 ||
        place.generation != memo_generation(memo, place.resources))
        return false;
    memcpy(ret_etag, place.etag, MEMO_ETAG_BYTES);
    return true;
}

void memo_keep(struct memo *memo, const struct memo_key *key, uint64_t resources,
               uint64_t generation, const char *etag)
{
    const size_t index = place_of(key);
    const size_t length = strlen(etag);
    struct place place = {.key = *key, .resources = resources, .generation = generation};

    if (length >= MEMO_ETAG_BYTES || !atomic_load(&memo->is_listening))
        return;
    memcpy(place.etag, etag, length + 1);
    (void)pthread_mutex_lock(&memo->locks[index % LOCKS]);
    memo->places[index] = place;
    (void)pthread_mutex_unlock(&memo->locks[index % LOCKS]);
}

bool memo_is_told(struct memo *memo)
{
    return atomic_load(&memo->is_listening);
}

void memo_resource_changed(struct memo *memo, unsigned resource_index)
{
    if (resource_index < RESOURCES)
        (void)atomic_fetch_add(&memo->generations[resource_index], 1);
}

void memo_listening(struct memo *memo, bool is_listening)
{
    /* What happened while nothing was heard is unknown: everything counts as changed. */
    for (unsigned i = 0; i < RESOURCES; i++)
        memo_resource_changed(memo, i);
    atomic_store(&memo->is_listening, is_listening);
}
