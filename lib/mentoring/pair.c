#include "mentoring/pair.h"

#include <assert.h>
#include <string.h>

#define BY(actor) (1U << PAIR_##actor)
#define SIDES (BY(MENTOR) | BY(MENTEE))
#define EVERYBODY (SIDES | BY(COORDINATOR))

static const char CONSENT_WITHDRAWN[] = "consent_withdrawn"; /* the service's word alone */

static const char *const DECLINE_REASONS[] = {"no_time",       "not_a_fit", "too_far",
                                              "other_support", "other",     NULL};
static const char *const WITHDRAW_REASONS[] = {"mistake", "better_match",    "person_unavailable",
                                               "other",   CONSENT_WITHDRAWN, NULL};
static const char *const EXPIRE_REASONS[] = {"no_answer", NULL};
static const char *const PAUSE_REASONS[] = {"illness", "family", "work", "travel", "other", NULL};
static const char *const COMPLETE_REASONS[] = {"time_is_up", "goals_reached", NULL};
static const char *const END_REASONS[] = {"goals_reached",   "no_time",    "no_contact",
                                          "not_a_fit",       "moved_away", "other",
                                          CONSENT_WITHDRAWN, NULL};

static const struct pair_transition TRANSITIONS[] = {
    {PAIR_PROPOSED, PAIR_ACCEPT, PAIR_ACCEPTED, EVERYBODY, NULL},
    {PAIR_PROPOSED, PAIR_DECLINE, PAIR_DECLINED, EVERYBODY, DECLINE_REASONS},
    {PAIR_PROPOSED, PAIR_WITHDRAW, PAIR_WITHDRAWN, BY(COORDINATOR) | BY(SERVICE), WITHDRAW_REASONS},
    {PAIR_PROPOSED, PAIR_EXPIRE, PAIR_EXPIRED, BY(SERVICE), EXPIRE_REASONS},
    {PAIR_ACCEPTED, PAIR_DECLINE, PAIR_DECLINED, EVERYBODY, DECLINE_REASONS},
    {PAIR_ACCEPTED, PAIR_WITHDRAW, PAIR_WITHDRAWN, BY(COORDINATOR) | BY(SERVICE), WITHDRAW_REASONS},
    {PAIR_ACCEPTED, PAIR_EXPIRE, PAIR_EXPIRED, BY(SERVICE), EXPIRE_REASONS},
    {PAIR_ACCEPTED, PAIR_START, PAIR_ACTIVE, BY(COORDINATOR), NULL},
    {PAIR_ACTIVE, PAIR_PAUSE, PAIR_PAUSED, EVERYBODY, PAUSE_REASONS},
    {PAIR_ACTIVE, PAIR_COMPLETE, PAIR_COMPLETED, BY(COORDINATOR), COMPLETE_REASONS},
    {PAIR_ACTIVE, PAIR_END, PAIR_ENDED_EARLY, EVERYBODY | BY(SERVICE), END_REASONS},
    {PAIR_PAUSED, PAIR_RESUME, PAIR_ACTIVE, EVERYBODY, NULL},
    {PAIR_PAUSED, PAIR_COMPLETE, PAIR_COMPLETED, BY(COORDINATOR), COMPLETE_REASONS},
    {PAIR_PAUSED, PAIR_END, PAIR_ENDED_EARLY, EVERYBODY | BY(SERVICE), END_REASONS},
};

static const char *const STATE_NAMES[PAIR_STATES] = {
    [PAIR_PROPOSED] = "proposed",   [PAIR_ACCEPTED] = "accepted",
    [PAIR_ACTIVE] = "active",       [PAIR_PAUSED] = "paused",
    [PAIR_COMPLETED] = "completed", [PAIR_ENDED_EARLY] = "ended_early",
    [PAIR_DECLINED] = "declined",   [PAIR_WITHDRAWN] = "withdrawn",
    [PAIR_EXPIRED] = "expired",
};
static const char *const MOVE_NAMES[PAIR_MOVES] = {
    [PAIR_ACCEPT] = "accept", [PAIR_DECLINE] = "decline",   [PAIR_WITHDRAW] = "withdraw",
    [PAIR_EXPIRE] = "expire", [PAIR_START] = "start",       [PAIR_PAUSE] = "pause",
    [PAIR_RESUME] = "resume", [PAIR_COMPLETE] = "complete", [PAIR_END] = "end",
};
static const char *const ACTOR_NAMES[PAIR_ACTORS] = {
    [PAIR_MENTOR] = "mentor",
    [PAIR_MENTEE] = "mentee",
    [PAIR_COORDINATOR] = "coordinator",
    [PAIR_SERVICE] = "service",
};

const struct pair_transition *pair_transitions(size_t *ret_count)
{
    *ret_count = ARRAY_LENGTH(TRANSITIONS);
    return TRANSITIONS;
}

const struct pair_transition *pair_transition(enum pair_state from, enum pair_move move)
{
    for (size_t i = 0; i < ARRAY_LENGTH(TRANSITIONS); i++)
        if (TRANSITIONS[i].from == from && TRANSITIONS[i].move == move)
            return &TRANSITIONS[i];
    return NULL;
}

bool pair_transition_is_for(const struct pair_transition *transition, enum pair_actor actor)
{
    return actor != PAIR_NOBODY && (transition->actors & (1U << actor)) != 0;
}

bool pair_move_is_for(enum pair_move move, enum pair_actor actor)
{
    for (size_t i = 0; i < ARRAY_LENGTH(TRANSITIONS); i++)
        if (TRANSITIONS[i].move == move && pair_transition_is_for(&TRANSITIONS[i], actor))
            return true;
    return false;
}

bool pair_reason_is_said(const char *reason)
{
    return strcmp(reason, CONSENT_WITHDRAWN) != 0;
}

const char *pair_state_name(enum pair_state state)
{
    assert(state < PAIR_STATES);
    return STATE_NAMES[state];
}

const char *pair_move_name(enum pair_move move)
{
    assert(move < PAIR_MOVES);
    return MOVE_NAMES[move];
}

const char *pair_actor_name(enum pair_actor actor)
{
    assert(actor < PAIR_ACTORS);
    return ACTOR_NAMES[actor];
}

const char *const *pair_state_names(void)
{
    return STATE_NAMES;
}

bool pair_state_of(const char *name, enum pair_state *ret_state)
{
    for (size_t i = 0; i < PAIR_STATES; i++) {
        if (strcmp(STATE_NAMES[i], name) == 0) {
            *ret_state = (enum pair_state)i;
            return true;
        }
    }
    return false;
}

bool pair_move_of(const char *name, enum pair_move *ret_move)
{
    for (size_t i = 0; i < PAIR_MOVES; i++) {
        if (strcmp(MOVE_NAMES[i], name) == 0) {
            *ret_move = (enum pair_move)i;
            return true;
        }
    }
    return false;
}

enum pair_actor pair_actor_of(const char *name)
{
    for (size_t i = 0; name != NULL && i < PAIR_ACTORS; i++)
        if (strcmp(ACTOR_NAMES[i], name) == 0)
            return (enum pair_actor)i;
    return PAIR_NOBODY;
}

bool pair_may(const struct pair *pair, enum pair_move move, enum pair_actor side)
{
    const struct pair_transition *transition = pair_transition(pair->state, move);

    if (transition == NULL || !pair_transition_is_for(transition, pair->caller))
        return false;
    if (pair->caller < PAIR_SIDES && side != pair->caller)
        return false;
    return move != PAIR_ACCEPT || (side < PAIR_SIDES && pair->side_accepted_at[side] == NULL);
}
