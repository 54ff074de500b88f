#pragma once
/*
 * Explaining matches
 *
 * What the matching came to, as JSON in codes and in words: ids, codes and
 * numbers, never how to reach somebody. A score is shown in points of 1 000.
 */
#include "base/annotate.h"

#include <stddef.h>
#include <stdint.h>

struct compatibility;
struct match_candidate;
struct match_cohort;
struct match_pool;
struct text;

/* {"language": 25, …} */
void explain_weights(const struct match_pool *pool, struct text *text);
/* One candidate for one mentee: {"mentor", "possible", "score", "parts", "failed"}. */
void explain_candidate(const struct match_pool *pool, uint32_t mentee,
                       const struct match_candidate *candidate, struct text *text);

/*
 * explain_assignment() - what one mentee got, and why
 * {"mentee", "mentor", "score", "parts", "alternative"}, or without a mentor {"mentee", "reason",
 * "failed", "alternative"}. The alternative is the mentor who would have suited her best of those
 * she did not get, when that is better than what she got, and what the whole would have lost.
 */
void explain_assignment(const struct match_cohort *cohort, uint32_t mentee, struct text *text);
