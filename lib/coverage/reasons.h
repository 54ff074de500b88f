#pragma once
/*
 * Reasons
 *
 * Why two practices are alike, or why one may fit a place: a code for programs, words for people,
 * and the points that it gave, so that a ranking can be checked by hand.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum reason_side {
    REASON_BOTH, /* two practices */
    REASON_PLACE /* a practice, and what the place already does */
};

/* Points with one decimal, as they are shown: 100 × @part / @whole. 0 when @whole is. */
double reason_points(int64_t part, int64_t whole);

/*
 * reason_of_term() - that a term of the read model, "sectors=catering", is shared
 * Return: a new reference; NULL: out of memory.
 */
json_t *reason_of_term(const char *term, enum reason_side side, double points);
json_t *reason_of(const char *code, double points, const char *words);
