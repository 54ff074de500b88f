#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One block serves an ordinary request; larger wishes get a block of their own size. */
#define BLOCK_BYTES (16 * 1024)
#define FORMATTED_BYTES 512 /* what is longer is formatted twice */

struct arena_block {
    struct arena_block *next;
    size_t used_bytes;
    size_t size_bytes;
    alignas(max_align_t) unsigned char bytes[];
};

void arena_init(struct arena *arena, size_t max_bytes)
{
    *arena = (struct arena){.max_bytes = max_bytes};
}

void arena_deinit(struct arena *arena)
{
    struct arena_block *block = arena->blocks;

    while (block != NULL) {
        struct arena_block *next = block->next;

        free(block);
        block = next;
    }
    *arena = (struct arena){.max_bytes = arena->max_bytes};
}

bool arena_failed(const struct arena *arena)
{
    return arena->failed;
}

static void *arena_fail(struct arena *arena)
{
    arena->failed = true;
    return NULL;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    const size_t alignment = alignof(max_align_t);
    struct arena_block *block = arena->blocks;
    size_t rounded;
    void *result;

    if (size_bytes == 0)
        size_bytes = 1;
    if (__builtin_add_overflow(size_bytes, alignment - 1, &rounded))
        return arena_fail(arena);
    rounded &= ~(alignment - 1);
    if (rounded > arena->max_bytes - arena->used_bytes)
        return arena_fail(arena);

    if (block == NULL || rounded > block->size_bytes - block->used_bytes) {
        size_t block_bytes = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;

        block = malloc(sizeof(*block) + block_bytes);
        if (block == NULL)
            return arena_fail(arena);
        *block = (struct arena_block){.next = arena->blocks, .size_bytes = block_bytes};
        arena->blocks = block;
    }
    result = block->bytes + block->used_bytes;
    block->used_bytes += rounded;
    arena->used_bytes += rounded;
    memset(result, 0, rounded);
    return result;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t item_bytes)
{
    size_t size_bytes;

    if (__builtin_mul_overflow(count, item_bytes, &size_bytes))
        return arena_fail(arena);
    return arena_alloc(arena, size_bytes);
}

char *arena_copy_bytes(struct arena *arena, const char *bytes, size_t size_bytes)
{
    size_t with_end;
    char *copy;

    if (__builtin_add_overflow(size_bytes, (size_t)1, &with_end))
        return arena_fail(arena);
    copy = arena_alloc(arena, with_end);
    if (copy != NULL && size_bytes > 0)
        memcpy(copy, bytes, size_bytes);
    return copy;
}

char *arena_copy(struct arena *arena, const char *text)
{
    if (text == NULL)
        return NULL;
    return arena_copy_bytes(arena, text, strlen(text));
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    char shortly[FORMATTED_BYTES];
    va_list arguments;
    int length;
    char *result;

    va_start(arguments, format);
    length = vsnprintf(shortly, sizeof(shortly), format, arguments);
    va_end(arguments);
    if (length < 0)
        return arena_fail(arena);
    if ((size_t)length < sizeof(shortly))
        return arena_copy_bytes(arena, shortly, (size_t)length);

    result = arena_alloc(arena, (size_t)length + 1);
    if (result == NULL)
        return NULL;
    va_start(arguments, format);
    (void)vsnprintf(result, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return result;
}
