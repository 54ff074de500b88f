#include "mentoring/terms.h"

#include "base/arena.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define SLOTS_AT_FIRST 256 /* a power of two; at most half of them are used */

/* FNV-1a: short texts, and nobody gains by making them collide but slower matches of his own. */
static size_t hash_of(const char *bytes, size_t length)
{
    uint64_t hash = 14695981039346656037U;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211U;
    return (size_t)(hash ^ (hash >> 32));
}

static bool is_text(const char *text, const char *bytes, size_t length)
{
    return strncmp(text, bytes, length) == 0 && text[length] == '\0';
}

/* The slot of a text, or the empty one where it belongs. */
static size_t slot_of(const struct terms *terms, const char *bytes, size_t length)
{
    size_t slot = hash_of(bytes, length) & (terms->slot_count - 1);

    while (terms->slots[slot] != TERM_NONE &&
           !is_text(terms->texts[terms->slots[slot] - 1], bytes, length))
        slot = (slot + 1) & (terms->slot_count - 1);
    return slot;
}

/* The old tables stay in the arena: together they are as large as the new ones. */
static int resize(struct terms *terms, size_t slot_count)
{
    const char **texts = arena_alloc_array(terms->arena, slot_count / 2, sizeof(*texts));
    uint32_t *slots = arena_alloc_array(terms->arena, slot_count, sizeof(*slots));

    if (texts == NULL || slots == NULL)
        return TERMS_FULL;
    for (size_t i = 0; i < terms->count; i++)
        texts[i] = terms->texts[i];
    terms->texts = texts;
    terms->slots = slots;
    terms->slot_count = slot_count;
    for (size_t i = 0; i < terms->count; i++)
        slots[slot_of(terms, texts[i], strlen(texts[i]))] = (uint32_t)i + 1;
    return 0;
}

int terms_init(struct terms *terms, struct arena *arena)
{
    *terms = (struct terms){.arena = arena};
    return resize(terms, SLOTS_AT_FIRST);
}

int terms_add(struct terms *terms, const char *text, uint32_t *ret_term)
{
    return terms_add_bytes(terms, text, strlen(text), ret_term);
}

int terms_add_bytes(struct terms *terms, const char *bytes, size_t length, uint32_t *ret_term)
{
    size_t slot = slot_of(terms, bytes, length);

    if (terms->slots[slot] == TERM_NONE) {
        if (terms->count == terms->slot_count / 2) {
            int r = resize(terms, terms->slot_count * 2);

            if (r != 0)
                return r;
            slot = slot_of(terms, bytes, length);
        }
        terms->texts[terms->count] = arena_copy_bytes(terms->arena, bytes, length);
        if (terms->texts[terms->count] == NULL)
            return TERMS_FULL;
        terms->slots[slot] = (uint32_t)++terms->count;
    }
    *ret_term = terms->slots[slot];
    return 0;
}

const char *terms_text(const struct terms *terms, uint32_t term)
{
    assert(term <= terms->count);
    return term == TERM_NONE ? NULL : terms->texts[term - 1];
}
