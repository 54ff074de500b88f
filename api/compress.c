/*
 * Content codings
 *
 * Preferred in the order zstd, gzip, br: a page of 20 kB takes about 0.1 ms by
 * zstd or libdeflate and thrice that by brotli, while their sizes differ by a
 * tenth. A client that likes br best says so with a q-value and gets it.
 */
#include "compress.h"

#include "base/fault.h"
#include "negotiate.h"

#include <brotli/encode.h>
#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

#define GZIP_LEVEL 1
#define ZSTD_LEVEL 3
#define BROTLI_QUALITY 4
#define BROTLI_WINDOW_BITS 18 /* 256 KiB: our pages are smaller, and the state stays small */
#define STATES_KEPT 8         /* of each kind: more than run at once on the usual machine */

struct state_pool {
    void *states[STATES_KEPT];
    size_t count;
};

static pthread_mutex_t pool_lock = PTHREAD_MUTEX_INITIALIZER;
static struct state_pool gzip_pool, zstd_pool;

static const struct {
    const char *name;
    const char *etag_suffix;
} CODINGS[CODING_COUNT] = {
    [CODING_IDENTITY] = {"identity", ""},
    [CODING_GZIP] = {"gzip", "-gz"},
    [CODING_BROTLI] = {"br", "-br"},
    [CODING_ZSTD] = {"zstd", "-zst"},
};

const char *coding_name(enum coding coding)
{
    return CODINGS[coding].name;
}

const char *coding_etag_suffix(enum coding coding)
{
    return CODINGS[coding].etag_suffix;
}

int coding_choose(const char *accept_encoding, bool worthwhile, enum coding *ret_coding)
{
    static const char *const NAMES[] = {"zstd", "gzip", "br", "identity"};
    static const enum coding VALUES[] = {CODING_ZSTD, CODING_GZIP, CODING_BROTLI, CODING_IDENTITY};
    int best;

    if (accept_encoding == NULL ||
        (!worthwhile && negotiate_quality(NEGOTIATE_CODING, accept_encoding, "identity") > 0)) {
        *ret_coding = CODING_IDENTITY;
        return 0;
    }
    best = negotiate_best(NEGOTIATE_CODING, accept_encoding, NAMES, ARRAY_LENGTH(NAMES));
    if (best < 0)
        return CODING_NONE_ACCEPTABLE;
    *ret_coding = VALUES[best];
    return 0;
}

static void *pool_take(struct state_pool *pool)
{
    void *state = NULL;

    pthread_mutex_lock(&pool_lock);
    if (pool->count > 0)
        state = pool->states[--pool->count];
    pthread_mutex_unlock(&pool_lock);
    return state;
}

/* Stolen by the pool; NULL when it was, else the caller frees it. */
static void *pool_give(struct state_pool *pool, void *state)
{
    pthread_mutex_lock(&pool_lock);
    if (pool->count < STATES_KEPT) {
        pool->states[pool->count++] = state;
        state = NULL;
    }
    pthread_mutex_unlock(&pool_lock);
    return state;
}

static size_t compress_gzip(const char *bytes, size_t size_bytes, char *buffer, size_t room)
{
    struct libdeflate_compressor *state = pool_take(&gzip_pool);
    size_t written;

    if (state == NULL)
        state = libdeflate_alloc_compressor(GZIP_LEVEL);
    if (state == NULL)
        return 0;
    written = libdeflate_gzip_compress(state, bytes, size_bytes, buffer, room);
    libdeflate_free_compressor(pool_give(&gzip_pool, state));
    return written;
}

static size_t compress_zstd(const char *bytes, size_t size_bytes, char *buffer, size_t room)
{
    ZSTD_CCtx *state = pool_take(&zstd_pool);
    size_t written;

    if (state == NULL)
        state = ZSTD_createCCtx();
    if (state == NULL)
        return 0;
    written = ZSTD_compressCCtx(state, buffer, room, bytes, size_bytes, ZSTD_LEVEL);
    ZSTD_freeCCtx(pool_give(&zstd_pool, state));
    return ZSTD_isError(written) ? 0 : written;
}

static size_t compress_brotli(const char *bytes, size_t size_bytes, char *buffer, size_t room)
{
    size_t written = room;

    if (BrotliEncoderCompress(BROTLI_QUALITY, BROTLI_WINDOW_BITS, BROTLI_MODE_TEXT, size_bytes,
                              (const uint8_t *)bytes, &written, (uint8_t *)buffer) != BROTLI_TRUE)
        return 0;
    return written;
}

/* What any of the three can need at most: text only shrinks, but bytes may not. */
static size_t room_for(enum coding coding, size_t size_bytes)
{
    switch (coding) {
    case CODING_GZIP:
        return libdeflate_gzip_compress_bound(NULL, size_bytes);
    case CODING_ZSTD:
        return ZSTD_compressBound(size_bytes);
    case CODING_BROTLI:
        return BrotliEncoderMaxCompressedSize(size_bytes);
    case CODING_IDENTITY:
    case CODING_COUNT:
        break;
    }
    return 0;
}

int coding_compress(enum coding coding, const char *bytes, size_t size_bytes, char **ret_bytes,
                    size_t *ret_size_bytes)
{
    size_t room = room_for(coding, size_bytes);
    size_t written = 0;
    char *buffer;

    if (room == 0)
        return fault_raise(-EINVAL);
    buffer = malloc(room);
    if (buffer == NULL)
        return fault_raise(-ENOMEM);
    if (coding == CODING_GZIP)
        written = compress_gzip(bytes, size_bytes, buffer, room);
    else if (coding == CODING_ZSTD)
        written = compress_zstd(bytes, size_bytes, buffer, room);
    else
        written = compress_brotli(bytes, size_bytes, buffer, room);
    if (written == 0) {
        free(buffer);
        return fault_raise(-ENOMEM);
    }
    *ret_bytes = buffer;
    *ret_size_bytes = written;
    return 0;
}

void coding_deinit(void)
{
    pthread_mutex_lock(&pool_lock);
    while (gzip_pool.count > 0)
        libdeflate_free_compressor(gzip_pool.states[--gzip_pool.count]);
    while (zstd_pool.count > 0)
        ZSTD_freeCCtx(zstd_pool.states[--zstd_pool.count]);
    pthread_mutex_unlock(&pool_lock);
}
