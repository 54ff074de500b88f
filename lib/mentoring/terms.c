#include "mentoring/terms.h"

#include "base/arena.h"
#include "base/fault.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define SLOTS_AT_FIRST 256 /* a power of two; at most half of them are used */

/* FNV-1a: short texts, and nobody gains by making them collide but slower matches of his own. */
static size_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037U;

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211U;
    return (size_t)(hash ^ (hash >> 32));
}

/* The slot of @text, or the empty one where it belongs. */
static size_t slot_of(const struct terms *terms, const char *text)
{
    size_t slot = hash_of(text) & (terms->slot_count - 1);

    while (terms->slots[slot] != TERM_NONE &&
           strcmp(terms->texts[terms->slots[slot] - 1], text) != 0)
        slot = (slot + 1) & (terms->slot_count - 1);
    return slot;
}

/* The old tables stay in the arena: together they are as large as the new ones. */
static int resize(struct terms *terms, size_t slot_count)
{
    const char **texts = arena_alloc_array(terms->arena, slot_count / 2, sizeof(*texts));
    uint32_t *slots = arena_alloc_array(terms->arena, slot_count, sizeof(*slots));

    if (texts == NULL || slots == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < terms->count; i++)
        texts[i] = terms->texts[i];
    terms->texts = texts;
    terms->slots = slots;
    terms->slot_count = slot_count;
    for (size_t i = 0; i < terms->count; i++)
        slots[slot_of(terms, texts[i])] = (uint32_t)i + 1;
    return 0;
}

int terms_init(struct terms *terms, struct arena *arena)
{
    *terms = (struct terms){.arena = arena};
    return resize(terms, SLOTS_AT_FIRST);
}

int terms_add(struct terms *terms, const char *text, uint32_t *ret_term)
{
    size_t slot = slot_of(terms, text);

    if (terms->slots[slot] == TERM_NONE) {
        if (terms->count == terms->slot_count / 2) {
            int r = resize(terms, terms->slot_count * 2);

            if (r != 0)
                return fault_fold(r);
            slot = slot_of(terms, text);
        }
        terms->texts[terms->count] = arena_copy(terms->arena, text);
        if (terms->texts[terms->count] == NULL)
            return fault_raise(-ENOMEM);
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
