#include "auth/known.h"

#include "support/leaks.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define NOW 1800000000

static struct known *known;
static const struct known_age AGE = {3000, 4000};

static void begin(void)
{
    cr_assert(sodium_init() >= 0);
    cr_assert_eq(known_new(&known), 0);
}

static void end(void)
{
    known_free(known);
    test_ends_without_leaks();
}

TestSuite(known, .init = begin, .fini = end);

static struct bearer somebody(const char *name, int64_t expires_at)
{
    struct bearer bearer = {.kind = BEARER_CLIENT, .expires_at = expires_at};

    bearer.caller.role = CALLER_EDITOR;
    (void)snprintf(bearer.caller.name, sizeof(bearer.caller.name), "%s", name);
    return bearer;
}

static void keep(const char *token, int64_t expires_at, uint64_t checked_ms)
{
    const struct bearer bearer = somebody(token, expires_at);
    unsigned char hash[KNOWN_HASH_BYTES];

    known_hash(known, token, hash);
    known_keep(known, hash, &bearer, known_generation(known), checked_ms);
}

static enum known_state state_of(const char *token, uint64_t now_ms, int64_t now)
{
    unsigned char hash[KNOWN_HASH_BYTES];
    struct bearer bearer;
    enum known_state state;

    known_hash(known, token, hash);
    state = known_find(known, hash, &AGE, now_ms, now, &bearer);
    if (state != KNOWN_NOT)
        cr_assert_str_eq(bearer.caller.name, token);
    return state;
}

Test(known, a_token_is_known_once_it_was_kept_and_until_it_is_forgotten)
{
    unsigned char hash[KNOWN_HASH_BYTES];

    cr_assert_eq(state_of("one", 0, NOW), KNOWN_NOT);
    keep("one", NOW + 100, 0);
    cr_assert_eq(state_of("one", 0, NOW), KNOWN_FRESH);
    cr_assert_eq(state_of("another", 0, NOW), KNOWN_NOT);
    cr_assert_eq(known_count(known), 1);
    keep("one", NOW + 100, 5);
    cr_assert_eq(known_count(known), 1);
    known_hash(known, "one", hash);
    known_forget(known, hash);
    known_forget(known, hash);
    cr_assert_eq(state_of("one", 0, NOW), KNOWN_NOT);
    cr_assert_eq(known_count(known), 0);
}

/* Checks A12. */
Test(known, a_token_that_has_ended_is_known_no_more)
{
    keep("one", NOW, 0);
    cr_assert_eq(state_of("one", 0, NOW + 59), KNOWN_FRESH);
    cr_assert_eq(state_of("one", 0, NOW + 60), KNOWN_NOT);
}

/* Checks A20. */
Test(known, a_new_generation_makes_everything_stale)
{
    const struct bearer bearer = somebody("one", NOW + 100);
    unsigned char hash[KNOWN_HASH_BYTES];
    const uint64_t before = known_generation(known);

    keep("one", NOW + 100, 0);
    known_begin_generation(known);
    cr_assert_eq(state_of("one", 0, NOW), KNOWN_STALE);
    /* The database was asked before the notification: its answer may be the old one. */
    known_hash(known, "one", hash);
    known_keep(known, hash, &bearer, before, 1);
    cr_assert_eq(state_of("one", 1, NOW), KNOWN_STALE);
    keep("one", NOW + 100, 2);
    cr_assert_eq(state_of("one", 2, NOW), KNOWN_FRESH);
}

/* Checks A20. */
Test(known, one_looks_again_for_all_before_all_must)
{
    keep("one", NOW + 100, 10000);
    cr_assert_eq(state_of("one", 12999, NOW), KNOWN_FRESH);
    cr_assert_eq(state_of("one", 13000, NOW), KNOWN_STALE, "the first one looks");
    cr_assert_eq(state_of("one", 13001, NOW), KNOWN_FRESH, "the others need not");
    cr_assert_eq(state_of("one", 13999, NOW), KNOWN_FRESH);
    cr_assert_eq(state_of("one", 14000, NOW), KNOWN_STALE, "it did not come back");
    cr_assert_eq(state_of("one", 14000, NOW), KNOWN_STALE);
    keep("one", NOW + 100, 14000);
    cr_assert_eq(state_of("one", 14001, NOW), KNOWN_FRESH);
    cr_assert_eq(state_of("one", 13000, NOW), KNOWN_FRESH, "a clock that another thread read");
}

Test(known, an_older_answer_does_not_replace_a_newer_one)
{
    keep("one", NOW + 100, 10000);
    keep("one", NOW + 100, 7000);
    cr_assert_eq(state_of("one", 12000, NOW), KNOWN_FRESH);
}

Test(known, memory_is_bounded_and_forgets_what_ends_first)
{
    char token[32];
    size_t found = 0;

    for (int i = 0; i < 20000; i++) {
        (void)snprintf(token, sizeof(token), "token %d", i);
        keep(token, NOW + 100 + i, 0);
    }
    cr_assert_leq(known_count(known), 4096);
    cr_assert_geq(known_count(known), 4000);
    cr_assert_eq(state_of("token 0", 0, NOW), KNOWN_NOT);
    cr_assert_eq(state_of("token 19999", 0, NOW), KNOWN_FRESH);
    for (int i = 18000; i < 20000; i++) {
        (void)snprintf(token, sizeof(token), "token %d", i);
        found += state_of(token, 0, NOW) == KNOWN_FRESH;
    }
    cr_assert_geq(found, 1900);
}
