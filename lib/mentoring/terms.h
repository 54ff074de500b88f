#pragma once
/*
 * Terms
 *
 * Codes of vocabularies and languages as small numbers, so that two people are
 * compared without comparing texts. A number is good within one table alone;
 * which one a code gets depends on what came before it, so nothing may depend
 * on more than whether two are equal.
 */
#include "base/annotate.h"

#include <stddef.h>
#include <stdint.h>

struct arena;

enum terms_outcome { TERMS_FULL = 1 /* the arena is */ };

#define TERM_NONE 0

struct terms {
    struct arena *arena; /* borrowed */
    const char **texts;  /* of number 1, 2, … at 0, 1, … */
    uint32_t *slots;     /* open addressing; 0: empty */
    size_t count, slot_count;
};

/* A table in @arena, which must outlive it. Return: 0; TERMS_FULL. */
MUST_CHECK int terms_init(struct terms *terms, struct arena *arena);
/* terms_add() - the number of @text (borrowed, copied when it is new). Return: 0; TERMS_FULL. */
MUST_CHECK int terms_add(struct terms *terms, const char *text, uint32_t *ret_term);
/* The same; @bytes: borrowed, @length of them, none of them 0. */
MUST_CHECK int terms_add_bytes(struct terms *terms, const char *bytes, size_t length,
                               uint32_t *ret_term);
/* The text of a number of this table; NULL for TERM_NONE. Lives as long as the arena. */
const char *terms_text(const struct terms *terms, uint32_t term);
