#include "rate.h"

#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(rate, .fini = test_ends_without_leaks);

#define NOW_US 5000000

static struct rate_key client(const char *text)
{
    struct address address;

    cr_assert(address_parse(text, &address));
    return rate_key_of_address(&address);
}

static struct rate *new_rate(uint32_t per_second)
{
    struct rate *rate;

    cr_assert_eq(rate_new(per_second, 1, &rate), 0);
    return rate;
}

Test(rate, a_client_gets_its_quota_at_once_and_no_more)
{
    struct rate *rate = new_rate(3);
    struct rate_key one = client("192.0.2.1");
    struct rate_state state;

    for (uint32_t left = 3; left-- > 0;) {
        cr_assert(rate_take(rate, &one, NOW_US, &state));
        cr_assert_eq(state.remaining, left);
        cr_assert_eq(state.quota, 3);
        cr_assert_eq(state.reset_s, 1);
    }
    cr_assert_not(rate_take(rate, &one, NOW_US, &state));
    cr_assert_eq(state.remaining, 0);
    cr_assert_eq(state.retry_after_s, 1);
    rate_free(rate);
}

Test(rate, tokens_come_back_with_time_and_never_beyond_the_quota)
{
    struct rate *rate = new_rate(2);
    struct rate_key one = client("192.0.2.1");
    struct rate_state state;

    cr_assert(rate_take(rate, &one, NOW_US, &state));
    cr_assert(rate_take(rate, &one, NOW_US, &state));
    cr_assert_not(rate_take(rate, &one, NOW_US + 499999, &state));
    cr_assert(rate_take(rate, &one, NOW_US + 500000, &state));
    cr_assert_not(rate_take(rate, &one, NOW_US + 500000, &state));
    cr_assert(rate_take(rate, &one, NOW_US + 3600000000U, &state));
    cr_assert_eq(state.remaining, 1);
    rate_free(rate);
}

Test(rate, a_clock_that_goes_back_gives_nothing)
{
    struct rate *rate = new_rate(1);
    struct rate_key one = client("192.0.2.1");
    struct rate_state state;

    cr_assert(rate_take(rate, &one, NOW_US, &state));
    cr_assert_not(rate_take(rate, &one, NOW_US - 4000000, &state));
    cr_assert_not(rate_take(rate, &one, NOW_US, &state));
    rate_free(rate);
}

Test(rate, a_token_given_back_can_be_taken_again)
{
    struct rate *rate = new_rate(1);
    struct rate_key one = client("192.0.2.1");
    struct rate_state state;

    for (int i = 0; i < 10; i++) {
        cr_assert(rate_take(rate, &one, NOW_US, &state));
        rate_give_back(rate, &one, &state);
        cr_assert_eq(state.remaining, 1);
    }
    rate_give_back(rate, &one, &state);
    cr_assert_eq(state.remaining, 1, "a bucket never overflows");
    rate_free(rate);
}

Test(rate, clients_are_told_apart_by_address_and_ipv6_by_network)
{
    struct rate *rate = new_rate(1);
    struct rate_key one = client("192.0.2.1"), two = client("192.0.2.2");
    struct rate_key near = client("2001:db8:1:2::1"), same = client("2001:db8:1:2:ffff::1");
    struct rate_key far = client("2001:db8:1:3::1");
    struct rate_state state;

    cr_assert(rate_take(rate, &one, NOW_US, &state));
    cr_assert(rate_take(rate, &two, NOW_US, &state));
    cr_assert_not(rate_take(rate, &one, NOW_US, &state));
    cr_assert(rate_take(rate, &near, NOW_US, &state));
    cr_assert_not(rate_take(rate, &same, NOW_US, &state));
    cr_assert(rate_take(rate, &far, NOW_US, &state));
    rate_free(rate);
}

Test(rate, more_clients_than_places_are_served_in_bounded_memory)
{
    struct rate *rate = new_rate(1);
    struct rate_state state;
    char text[32];

    for (unsigned i = 0; i < 50000; i++) {
        struct rate_key next;

        (void)snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
        next = client(text);
        cr_assert(rate_take(rate, &next, NOW_US + i, &state), "%s", text);
    }
    rate_free(rate);
}

Test(rate, a_long_window_brings_tokens_back_slowly)
{
    struct rate_key one = client("192.0.2.1");
    struct rate_state state;
    struct rate *rate;

    cr_assert_eq(rate_new(10, 60, &rate), 0);
    for (int i = 0; i < 10; i++)
        cr_assert(rate_take(rate, &one, NOW_US, &state), "%d", i);
    cr_assert_not(rate_take(rate, &one, NOW_US, &state));
    cr_assert_eq(state.window_s, 60);
    cr_assert_eq(state.retry_after_s, 6);
    cr_assert_eq(state.reset_s, 60);
    cr_assert_not(rate_take(rate, &one, NOW_US + 5999999, &state));
    cr_assert_eq(state.retry_after_s, 1);
    cr_assert(rate_take(rate, &one, NOW_US + 6000000, &state));
    cr_assert_not(rate_take(rate, &one, NOW_US + 6000000, &state));
    rate_free(rate);
}

Test(rate, asking_whether_it_is_allowed_takes_nothing)
{
    struct rate *rate = new_rate(1);
    struct rate_key one = client("192.0.2.1");
    struct rate_state state;

    for (int i = 0; i < 3; i++)
        cr_assert(rate_allows(rate, &one, NOW_US, &state));
    cr_assert(rate_take(rate, &one, NOW_US, &state));
    cr_assert_not(rate_allows(rate, &one, NOW_US + 500000, &state));
    cr_assert_eq(state.retry_after_s, 1);
    cr_assert(rate_allows(rate, &one, NOW_US + 1000000, &state));
    rate_free(rate);
}

Test(rate, names_and_addresses_have_buckets_of_their_own)
{
    static const char *const NAMES[] = {"client:1", "client:2", "subject:1", "", "1", "11", "a"};
    struct rate_key keys[sizeof(NAMES) / sizeof(NAMES[0])], address = client("192.0.2.1");
    struct rate *rate = new_rate(1);
    struct rate_state state;

    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        keys[i] = rate_key_of_text(NAMES[i]);
        cr_assert(rate_take(rate, &keys[i], NOW_US, &state), "%s", NAMES[i]);
    }
    memcpy(address.bytes, keys[0].bytes, sizeof(address.bytes));
    cr_assert(rate_take(rate, &address, NOW_US, &state));
    cr_assert_not(rate_take(rate, &keys[0], NOW_US, &state));
    rate_free(rate);
}
