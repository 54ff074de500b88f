#pragma once
/*
 * Pair
 *
 * A mentor and a mentee, from the proposal to the end: the states, the moves
 * between them, who makes which, and with which reasons. The database has the
 * same table, mentoring.transition, and holds every write to it; the contract
 * shows it to those who build on it. A test holds the three against each other.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

enum pair_state {
    PAIR_PROPOSED,
    PAIR_ACCEPTED,
    PAIR_ACTIVE,
    PAIR_PAUSED,
    PAIR_COMPLETED,
    PAIR_ENDED_EARLY,
    PAIR_DECLINED,
    PAIR_WITHDRAWN,
    PAIR_EXPIRED,
    PAIR_STATES
};
enum pair_move {
    PAIR_ACCEPT,
    PAIR_DECLINE,
    PAIR_WITHDRAW,
    PAIR_EXPIRE,
    PAIR_START,
    PAIR_PAUSE,
    PAIR_RESUME,
    PAIR_COMPLETE,
    PAIR_END,
    PAIR_MOVES
};
/* The two sides come first: pair_side_name(). */
enum pair_actor {
    PAIR_MENTOR,
    PAIR_MENTEE,
    PAIR_COORDINATOR,
    PAIR_SERVICE, /* the worker, and consent that was withdrawn */
    PAIR_ACTORS,
    PAIR_NOBODY = PAIR_ACTORS
};
#define PAIR_SIDES 2

struct pair_transition {
    enum pair_state from;
    enum pair_move move;
    enum pair_state to;         /* of accept: when both sides have */
    unsigned actors;            /* bit 1 << enum pair_actor */
    const char *const *reasons; /* NULL-terminated, one must be given; NULL: none is */
};

/* All there are; a constant. */
const struct pair_transition *pair_transitions(size_t *ret_count);
/* NULL: from there the move is not possible. */
const struct pair_transition *pair_transition(enum pair_state from, enum pair_move move);
bool pair_transition_is_for(const struct pair_transition *transition, enum pair_actor actor);
/* May @actor ever make it, whatever the state? */
bool pair_move_is_for(enum pair_move move, enum pair_actor actor);
/* May somebody give it as a reason who is not the service? */
bool pair_reason_is_said(const char *reason);

/* "ended_early"; constants. */
const char *pair_state_name(enum pair_state state);
const char *pair_move_name(enum pair_move move);
const char *pair_actor_name(enum pair_actor actor);
/* All names, PAIR_STATES of them. */
const char *const *pair_state_names(void);
MUST_CHECK bool pair_state_of(const char *name, enum pair_state *ret_state);
MUST_CHECK bool pair_move_of(const char *name, enum pair_move *ret_move);
/* PAIR_NOBODY for NULL and what is none. */
enum pair_actor pair_actor_of(const char *name);

/* All texts in the arena; times RFC 3339 UTC; NULL: there is none. */
struct pair {
    const char *id;
    const char *programme_id;
    const char *programme_slug;  /* NULL: it is not the caller's to see */
    const char *programme_title; /* likewise */
    enum pair_state state;
    long version;
    const char *score;                  /* for coordinators */
    const char *person_ids[PAIR_SIDES]; /* NULL: erased, or not the caller's to see any more */
    const char *proposed_at;
    const char *respond_by;
    const char *side_accepted_at[PAIR_SIDES];
    const char *accepted_at;
    const char *started_at;
    const char *due_at;
    const char *paused_at;
    const char *ended_at;
    const char *reason; /* between who gave it and the coordinator */
    const char *updated_at;
    enum pair_actor caller; /* what the caller is in it */
};

/* May the caller make this move now? @side: on whose behalf; PAIR_NOBODY: nobody's in particular */
bool pair_may(const struct pair *pair, enum pair_move move, enum pair_actor side);
