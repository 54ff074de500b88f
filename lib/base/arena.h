#pragma once
/*
 * Arena
 *
 * Memory that lives until one reply is sent. Bounded: past its maximum every
 * allocation fails with NULL, and arena_failed() stays true, so that a caller
 * may build several things and check once.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used_bytes; /* of all blocks together */
    size_t max_bytes;
    bool failed;
};

/* A zeroed struct arena is valid and empty; nothing fits into it. */
void arena_init(struct arena *arena, size_t max_bytes);
void arena_deinit(struct arena *arena);
bool arena_failed(const struct arena *arena);

/* Zeroed memory, aligned for any type; NULL when the arena is full. */
void *arena_alloc(struct arena *arena, size_t size_bytes);
/* Zeroed array; NULL when full or when the product overflows. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t item_bytes);
/* NUL-terminated copies. @text may be NULL: then the result is NULL without failure. */
char *arena_copy(struct arena *arena, const char *text);
char *arena_copy_bytes(struct arena *arena, const char *bytes, size_t size_bytes);
char *arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
