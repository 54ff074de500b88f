#pragma once
/*
 * Pair store
 *
 * The only module that knows the columns of mentoring.pair and of its moves. It
 * works in the transaction of a caller (caller_begin()): which pairs there are is
 * the policies' matter, which moves the triggers'. It never commits, and writes
 * no audit entry but for lists.
 */
#include "base/annotate.h"
#include "mentoring/pair.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;

/* Beyond the outcomes of the database. */
enum pair_store_outcome {
    PAIR_STORE_NOT_FOUND = 520,    /* or not the caller's to see */
    PAIR_STORE_UNKNOWN_MENTOR,     /* likewise, or no mentor */
    PAIR_STORE_UNKNOWN_MENTEE,     /* likewise, or no mentee */
    PAIR_STORE_OTHER_PROGRAMME,    /* they are not of one programme */
    PAIR_STORE_ONESELF,            /* one person, twice */
    PAIR_STORE_UNAVAILABLE,        /* one of the two pauses, or does not agree to be matched */
    PAIR_STORE_CAPACITY_EXHAUSTED, /* the mentor has as many pairs as it can */
    PAIR_STORE_MENTEE_HAS_PAIR,
    PAIR_STORE_IMPOSSIBLE /* the database knows no such move */
};

enum pair_lock { PAIR_LOCK_NONE, PAIR_LOCK_SHARE, PAIR_LOCK_UPDATE };

/*
 * pair_store_get() - @id: any text
 * Return: 0; PAIR_STORE_NOT_FOUND; a db outcome; a fault.
 */
MUST_CHECK int pair_store_get(struct db *db, struct arena *arena, const char *id,
                              enum pair_lock lock, struct pair *ret_pair);

/* All borrowed; NULL: whatever it is. */
struct pair_filter {
    const char *programme; /* id or slug */
    const char *states;    /* separated by commas; checked */
    const char *mentor_id; /* checked for their shape */
    const char *mentee_id;
    bool is_due;          /* only those whose time is up */
    const char *after_at; /* proposed_at and id of the last one of the page before */
    const char *after_id;
    size_t limit; /* one more is looked for, to know whether there are more */
};
/*
 * pair_store_list() - the newest first
 * @is_coordinator: the caller's pairs are those of its organisation; else those it is in
 * @ret_pairs:      arena; up to @filter->limit + 1
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int pair_store_list(struct db *db, struct arena *arena, const struct pair_filter *filter,
                               bool is_coordinator, struct pair **ret_pairs, size_t *ret_count);
/* Each of them has been read by the caller: an audit entry for each. */
MUST_CHECK int pair_store_note_read(struct db *db, struct arena *arena, const struct pair *pairs,
                                    size_t count);

/*
 * pair_store_propose() - a new pair of the programme that both are of
 * @mentor_id, @mentee_id: checked for their shape
 * @ret_id:                arena
 * Return: 0; one of the outcomes above; a db outcome; a fault.
 */
MUST_CHECK int pair_store_propose(struct db *db, struct arena *arena, const char *mentor_id,
                                  const char *mentee_id, const char **ret_id);

struct pair_step {
    enum pair_move move;
    enum pair_actor side; /* on whose behalf; PAIR_NOBODY: nobody's in particular */
    const char *reason;   /* NULL: none */
};
/*
 * pair_store_move() - @pair: locked for update; pair_may() it
 * Return: 0; PAIR_STORE_IMPOSSIBLE; a db outcome; a fault.
 */
MUST_CHECK int pair_store_move(struct db *db, const struct pair *pair,
                               const struct pair_step *step);

struct pair_move_made {
    const char *version;
    const char *move; /* "propose" and the moves */
    const char *from; /* NULL: it began */
    const char *to;
    const char *actor;
    const char *side;   /* NULL: nobody's in particular */
    const char *reason; /* NULL: none, or that of the other side */
    const char *at;
};
/* The moves behind version @after (NULL: all), oldest first; up to @limit + 1. */
MUST_CHECK int pair_store_moves(struct db *db, struct arena *arena, const struct pair *pair,
                                const char *after, size_t limit, struct pair_move_made **ret_moves,
                                size_t *ret_count);
/* The last one; *ret_move is zeroed when there is none. */
MUST_CHECK int pair_store_last_move(struct db *db, struct arena *arena, const struct pair *pair,
                                    struct pair_move_made *ret_move);
