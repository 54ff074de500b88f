#pragma once
/*
 * Goal
 *
 * What a pair works towards, as coded terms. The only module that knows the
 * columns of mentoring.goal; as meeting.h.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;

#define GOALS_MAX 100 /* of one pair, in one answer: a goal is a term, and each comes once */

enum goal_outcome { GOAL_NOT_FOUND = 560 };

/* Texts in the arena. */
struct goal {
    const char *id;
    const char *term;
    const char *state;    /* open, reached, dropped */
    const char *progress; /* 0 to 100 */
    long version;
    const char *created_at;
    const char *updated_at;
};

MUST_CHECK int goal_get(struct db *db, struct arena *arena, const char *pair_id, const char *id,
                        bool lock, struct goal *ret_goal);
/* Oldest first, GOALS_MAX at most. */
MUST_CHECK int goal_list(struct db *db, struct arena *arena, const char *pair_id,
                         struct goal **ret_goals, size_t *ret_count);
/* @ret_id: arena */
MUST_CHECK int goal_add(struct db *db, struct arena *arena, const char *pair_id, const char *term,
                        const char *progress, const char **ret_id);
/* @goal: state and progress are looked at. */
MUST_CHECK int goal_change(struct db *db, const struct goal *goal);
