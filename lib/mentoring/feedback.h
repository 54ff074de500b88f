#pragma once
/*
 * Feedback
 *
 * How each side of a pair finds it, on scales from 1 to 5: between whoever gives
 * it and the coordinator. The only module that knows the columns of
 * mentoring.feedback; as meeting.h.
 */
#include "base/annotate.h"

#include <stddef.h>

struct arena;
struct db;

#define FEEDBACK_MAX 4 /* of a pair: two sides, two moments */

/* Texts in the arena; NULL: not said. */
struct feedback {
    const char *side;   /* mentor, mentee */
    const char *moment; /* middle, end */
    const char *satisfaction;
    const char *usefulness;
    const char *relationship;
    const char *would_repeat; /* true, false */
    const char *given_at;
};

/* What the caller may see of it: its own side's, or both. */
MUST_CHECK int feedback_list(struct db *db, struct arena *arena, const char *pair_id,
                             struct feedback ret_feedback[FEEDBACK_MAX], size_t *ret_count);
/* Instead of what the side has said at the moment before. @feedback->given_at is not looked at. */
MUST_CHECK int feedback_give(struct db *db, const char *pair_id, const struct feedback *feedback);
