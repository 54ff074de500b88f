#include "mentoring/pair.h"

#include "support/leaks.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(pair, .fini = test_ends_without_leaks);

/* The whole table as it is meant, a row for each state: who may make which move, by the first
 * letters of mentor, mentee (e), coordinator and service. */
static const struct {
    enum pair_state from;
    const char
        *moves[PAIR_MOVES]; /* accept decline withdraw expire start pause resume complete end */
} LIFE[] = {
    {PAIR_PROPOSED, {"mec", "mec", "cs", "s", "", "", "", "", ""}},
    {PAIR_ACCEPTED, {"", "mec", "cs", "s", "c", "", "", "", ""}},
    {PAIR_ACTIVE, {"", "", "", "", "", "mec", "", "c", "mecs"}},
    {PAIR_PAUSED, {"", "", "", "", "", "", "mec", "c", "mecs"}},
    {PAIR_COMPLETED, {"", "", "", "", "", "", "", "", ""}},
    {PAIR_ENDED_EARLY, {"", "", "", "", "", "", "", "", ""}},
    {PAIR_DECLINED, {"", "", "", "", "", "", "", "", ""}},
    {PAIR_WITHDRAWN, {"", "", "", "", "", "", "", "", ""}},
    {PAIR_EXPIRED, {"", "", "", "", "", "", "", "", ""}},
};

/* Checks V22. */
Test(pair, from_each_state_there_are_the_moves_that_are_meant_and_no_others)
{
    static const char ACTORS[PAIR_ACTORS] = {'m', 'e', 'c', 's'};

    for (size_t i = 0; i < PAIR_STATES; i++) {
        cr_assert_eq(LIFE[i].from, (enum pair_state)i);
        for (enum pair_move move = PAIR_ACCEPT; move < PAIR_MOVES; move++) {
            const struct pair_transition *transition = pair_transition(LIFE[i].from, move);
            const char *who = LIFE[i].moves[move];

            cr_assert_eq(transition != NULL, who[0] != '\0', "%s %s", pair_state_name(LIFE[i].from),
                         pair_move_name(move));
            for (enum pair_actor actor = PAIR_MENTOR; transition != NULL && actor < PAIR_ACTORS;
                 actor++)
                cr_assert_eq(pair_transition_is_for(transition, actor),
                             strchr(who, ACTORS[actor]) != NULL, "%s %s %s",
                             pair_state_name(LIFE[i].from), pair_move_name(move),
                             pair_actor_name(actor));
        }
    }
}

Test(pair, every_state_is_reached_and_a_move_has_the_same_reasons_from_everywhere)
{
    bool reached[PAIR_STATES] = {[PAIR_PROPOSED] = true};
    size_t count;
    const struct pair_transition *all = pair_transitions(&count);

    for (size_t i = 0; i < count; i++) {
        reached[all[i].to] = true;
        for (size_t j = 0; j < count; j++)
            if (all[i].move == all[j].move)
                cr_assert_eq(all[i].reasons, all[j].reasons, "%s", pair_move_name(all[i].move));
    }
    for (size_t i = 0; i < PAIR_STATES; i++)
        cr_assert(reached[i], "%s", pair_state_name((enum pair_state)i));
}

Test(pair, names_lead_there_and_back)
{
    enum pair_state state;
    enum pair_move move;

    for (size_t i = 0; i < PAIR_STATES; i++) {
        cr_assert(pair_state_of(pair_state_name((enum pair_state)i), &state));
        cr_assert_eq(state, (enum pair_state)i);
        cr_assert_str_eq(pair_state_names()[i], pair_state_name((enum pair_state)i));
    }
    for (size_t i = 0; i < PAIR_MOVES; i++) {
        cr_assert(pair_move_of(pair_move_name((enum pair_move)i), &move));
        cr_assert_eq(move, (enum pair_move)i);
    }
    for (size_t i = 0; i < PAIR_ACTORS; i++)
        cr_assert_eq(pair_actor_of(pair_actor_name((enum pair_actor)i)), (enum pair_actor)i);
    cr_assert_eq(pair_actor_of(NULL), PAIR_NOBODY);
    cr_assert_eq(pair_actor_of("partner"), PAIR_NOBODY);
    cr_assert_not(pair_state_of("Active", &state));
    cr_assert_not(pair_move_of("", &move));
}

Test(pair, a_side_acts_for_itself_and_accepts_once)
{
    struct pair pair = {.state = PAIR_PROPOSED, .caller = PAIR_MENTOR};

    cr_assert(pair_may(&pair, PAIR_ACCEPT, PAIR_MENTOR));
    cr_assert_not(pair_may(&pair, PAIR_ACCEPT, PAIR_MENTEE), "for the other side");
    cr_assert_not(pair_may(&pair, PAIR_ACCEPT, PAIR_NOBODY), "for nobody");
    cr_assert_not(pair_may(&pair, PAIR_WITHDRAW, PAIR_MENTOR), "for coordinators");
    pair.side_accepted_at[PAIR_MENTOR] = "2026-02-02T18:30:00.000Z";
    cr_assert_not(pair_may(&pair, PAIR_ACCEPT, PAIR_MENTOR), "twice");
    cr_assert(pair_may(&pair, PAIR_DECLINE, PAIR_MENTOR), "until the pair begins");
    pair.caller = PAIR_COORDINATOR;
    cr_assert(pair_may(&pair, PAIR_ACCEPT, PAIR_MENTEE));
    cr_assert_not(pair_may(&pair, PAIR_ACCEPT, PAIR_MENTOR), "twice");
    cr_assert(pair_may(&pair, PAIR_WITHDRAW, PAIR_NOBODY));
    cr_assert_not(pair_may(&pair, PAIR_START, PAIR_NOBODY), "one has not accepted");
    pair.caller = PAIR_NOBODY;
    cr_assert_not(pair_may(&pair, PAIR_DECLINE, PAIR_NOBODY), "who is nobody in it");
}

Test(pair, that_consent_was_withdrawn_is_said_by_nobody_but_the_service)
{
    cr_assert(pair_reason_is_said("other"));
    cr_assert_not(pair_reason_is_said("consent_withdrawn"));
}
