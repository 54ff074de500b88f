#pragma once
/*
 * Outcome
 *
 * What became of the mentee: at the end of the pair, three and six months after
 * it. The only module that knows the columns of mentoring.outcome; as meeting.h.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;

#define OUTCOMES_MAX 15 /* of a pair: three moments, five codes */

/* Texts in the arena. */
struct outcome {
    const char *moment; /* end, months_3, months_6 */
    const char *code;   /* job, training, business_created, other, none */
    const char *noted_at;
};

MUST_CHECK int outcome_list(struct db *db, struct arena *arena, const char *pair_id,
                            struct outcome ret_outcomes[OUTCOMES_MAX], size_t *ret_count);
/* @ret_new: false: it was noted before */
MUST_CHECK int outcome_note(struct db *db, const char *pair_id, const char *moment,
                            const char *code, bool *ret_new);
/* @ret_removed: false: there is none */
MUST_CHECK int outcome_remove(struct db *db, const char *pair_id, const char *moment,
                              const char *code, bool *ret_removed);
