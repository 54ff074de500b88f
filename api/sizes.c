/*
 * Sizes
 *
 * One word a place, written at once: the size in the low 25 bits, the rest of
 * the hash above it. A newcomer overwrites. With 2^16 places a foreign key is
 * taken for ours once in 2^55 times, and then a length is wrong that no client
 * reads; half a megabyte.
 */
#include "sizes.h"

#include "base/fault.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

#define PLACES 65536U
#define SIZE_BITS 25
#define SIZE_MASK ((UINT64_C(1) << SIZE_BITS) - 1)

struct sizes {
    uint64_t secret;
    _Atomic uint64_t places[PLACES];
};

int sizes_new(struct sizes **ret_sizes)
{
    struct sizes *sizes = calloc(1, sizeof(*sizes));

    if (sizes == NULL)
        return fault_raise(-ENOMEM);
    if (getrandom(&sizes->secret, sizeof(sizes->secret), 0) != sizeof(sizes->secret)) {
        free(sizes);
        return fault_raise(-EIO);
    }
    *ret_sizes = sizes;
    return 0;
}

void sizes_free(struct sizes *sizes)
{
    free(sizes);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    /* FNV-1a, the terminator included */
    do
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    while (*text++ != '\0');
    return hash;
}

uint64_t sizes_key(const struct sizes *sizes, const char *path, const char *query, const char *tag)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ sizes->secret;

    hash = hash_text(hash_text(hash_text(hash, path), query), tag);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    return hash ^ hash >> 33;
}

void sizes_put(struct sizes *sizes, uint64_t key, size_t size_bytes)
{
    if (size_bytes == 0 || size_bytes > SIZE_MASK)
        return;
    atomic_store_explicit(&sizes->places[key % PLACES], (key & ~SIZE_MASK) | size_bytes,
                          memory_order_relaxed);
}

bool sizes_get(struct sizes *sizes, uint64_t key, size_t *ret_size_bytes)
{
    uint64_t place = atomic_load_explicit(&sizes->places[key % PLACES], memory_order_relaxed);

    if (place == 0 || (place & ~SIZE_MASK) != (key & ~SIZE_MASK))
        return false;
    *ret_size_bytes = (size_t)(place & SIZE_MASK);
    return true;
}
