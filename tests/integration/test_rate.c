/* Limits: what a client may ask in a second, how it is told, and whose address counts. */
#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 60000

/* One a second: far slower than any machine asks. Each test has addresses of its own. */
SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=1", "EXPRESS_TRUSTED_PROXY=127.0.0.1")
SERVER_AFTER_TESTS()

TestSuite(rate, .fini = test_ends_without_leaks, .timeout = 300);

static struct response *get_as(const char *client, const char *path, const char *more)
{
    char header[200];

    (void)snprintf(header, sizeof(header), "X-Forwarded-For: %s", client);
    return http_send("GET", path, (const char *const[]){header, more, NULL}, NULL, 0);
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        count++;
    return count;
}

/* A hundred requests at once, the X-Forwarded-For of each made from @format and its number. */
static struct response *ask_at_once(void (*put_client)(struct text *text, int number))
{
    struct response *response;
    struct text text;

    text_init(&text, 64 * 1024);
    for (int i = 0; i < 100; i++) {
        text_append(&text, "GET /problems/gone HTTP/1.1\r\nHost: a\r\n");
        put_client(&text, i);
        text_append_format(&text, "%s\r\n", i == 99 ? "Connection: close\r\n" : "");
    }
    response = http_raw(text.bytes, text.length, WAIT_MS);
    cr_assert(response->closed);
    text_deinit(&text);
    return response;
}

/* Checks R11. */
Test(rate, every_answer_says_what_is_left)
{
    CLEANUP(response_freep) struct response *response = get_as("192.0.2.1", "/", NULL);

    cr_assert_eq(response->status, 200);
    cr_assert_str_eq(response_header(response, "RateLimit-Policy"), "\"default\";q=1;w=1");
    cr_assert_str_eq(response_header(response, "RateLimit"), "\"default\";r=0;t=1");
}

static void put_same(struct text *text, int number)
{
    (void)number;
    text_append(text, "X-Forwarded-For: 192.0.2.2\r\n");
}

/* Checks R11. */
Test(rate, who_asks_too_fast_is_told_to_wait_and_served_again_then)
{
    CLEANUP(response_freep) struct response *flood = ask_at_once(put_same);
    uint64_t deadline = clock_monotonic_ms() + WAIT_MS;

    cr_assert_geq(count_of(flood->body, "HTTP/1.1 200 "), 1);
    cr_assert_geq(count_of(flood->body, "HTTP/1.1 429 "), 50, "%zu",
                  count_of(flood->body, "HTTP/1.1 429 "));
    cr_assert_eq(count_of(flood->body, "\"type\":\"/problems/rate-limited\""),
                 count_of(flood->body, "HTTP/1.1 429 "));
    cr_assert_geq(count_of(flood->body, "Retry-After: "), count_of(flood->body, "HTTP/1.1 429 "));
    for (int status = 429; status != 200;) {
        CLEANUP(response_freep) struct response *response = get_as("192.0.2.2", "/", NULL);
        uint32_t seconds;

        status = response->status;
        if (status != 200) {
            cr_assert_eq(status, 429);
            cr_assert(num_parse_u32(response_header(response, "Retry-After"), 1, 2, &seconds));
            cr_assert_str_eq(response_text_at(response, "/type"), "/problems/rate-limited");
        }
        cr_assert_lt(clock_monotonic_ms(), deadline, "never again");
    }
}

Test(rate, what_a_copy_still_holds_costs_nothing)
{
    CLEANUP(response_freep) struct response *first = get_as("192.0.2.3", "/problems", NULL);
    uint64_t deadline = clock_monotonic_ms() + WAIT_MS;
    char header[300];
    int status = 0;

    cr_assert_eq(first->status, 200);
    (void)snprintf(header, sizeof(header), "If-None-Match: %s", response_header(first, "ETag"));
    while (status != 304) {
        CLEANUP(response_freep)
        struct response *response = get_as("192.0.2.3", "/problems", header);

        status = response->status;
        cr_assert(status == 304 || status == 429, "%d", status);
        cr_assert_lt(clock_monotonic_ms(), deadline);
    }
    for (int i = 0; i < 100; i++) {
        CLEANUP(response_freep)
        struct response *response = get_as("192.0.2.3", "/problems", header);

        cr_assert_eq(response->status, 304, "after %d: %d", i, response->status);
        cr_assert_str_eq(response_header(response, "RateLimit"), "\"default\";r=1;t=1");
    }
}

static void put_different(struct text *text, int number)
{
    text_append_format(text, "X-Forwarded-For: 198.51.100.%d\r\n", number);
}

static void put_different_before_the_same(struct text *text, int number)
{
    text_append_format(text, "X-Forwarded-For: 198.51.100.%d, 192.0.2.4\r\n", number);
}

static void put_different_headers_before_the_same(struct text *text, int number)
{
    text_append_format(text, "X-Forwarded-For: 198.51.100.%d\r\nX-Forwarded-For: 192.0.2.5\r\n",
                       number);
}

static void put_one_household(struct text *text, int number)
{
    text_append_format(text, "X-Forwarded-For: 2001:db8::%x:%x\r\n", number + 1, number);
}

static void put_households(struct text *text, int number)
{
    text_append_format(text, "X-Forwarded-For: 2001:db8:1:%x::1\r\n", number);
}

static void put_nonsense(struct text *text, int number)
{
    text_append_format(text, "X-Forwarded-For: nonsense-%d\r\n", number);
}

/* Checks R11. */
Test(rate, the_last_address_that_the_proxy_names_is_the_client)
{
    static const struct {
        void (*put_client)(struct text *text, int number);
        bool limited;
        const char *why;
    } ROWS[] = {
        {put_different, false, "a hundred clients"},
        {put_different_before_the_same, true, "what stands before it anybody can send"},
        {put_different_headers_before_the_same, true, "also in a header of its own"},
        {put_one_household, true, "addresses of one /64"},
        {put_households, false, "a hundred /64"},
        {put_nonsense, true, "no address: the proxy itself"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *flood = ask_at_once(ROWS[i].put_client);
        size_t refused = count_of(flood->body, "HTTP/1.1 429 ");

        if (ROWS[i].limited)
            cr_assert_geq(refused, 50, "%s: %zu", ROWS[i].why, refused);
        else
            cr_assert_eq(refused, 0, "%s: %zu", ROWS[i].why, refused);
    }
}

/* Checks R11. On a server without a proxy. */
Test(rate, without_a_trusted_proxy_nobody_can_pretend_to_be_another)
{
    struct test_server server;
    char *what = NULL;

    if (!test_server_start(
            &server,
            (const char *const[]){"EXPRESS_RATE_LIMIT=1", "EXPRESS_TRUSTED_PROXY=192.0.2.99", NULL},
            &what))
        cr_assert_fail("%s", what);
    test_server_use(&server);
    {
        CLEANUP(response_freep) struct response *flood = ask_at_once(put_different);
        size_t refused = count_of(flood->body, "HTTP/1.1 429 ");

        cr_assert_geq(refused, 50, "%zu", refused);
    }
    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
}

/* Checks R11. Health is not limited, whoever asks. */
Test(rate, the_listener_for_health_has_no_limit)
{
    char url[200];

    (void)snprintf(url, sizeof(url), "%s/healthz", getenv("API_ADMIN_URL"));
    for (int i = 0; i < 50; i++) {
        CLEANUP(response_freep)
        struct response *response = http_send_unchecked("GET", url, NULL, NULL, 0);

        cr_assert_eq(response->status, 200);
        cr_assert_null(response_header(response, "RateLimit"));
    }
}

/* P: the log says whence, not who */
Test(rate, addresses_are_cut_in_the_log)
{
    CLEANUP(response_freep) struct response *ipv4 = get_as("203.0.113.77", "/", NULL);
    CLEANUP(response_freep) struct response *ipv6 = get_as("2001:db8:aaaa:bbbb::77", "/", NULL);

    cr_assert_eq(ipv4->status, 200);
    cr_assert_eq(ipv6->status, 200);
    cr_assert_geq(test_server_log_lines("client=203.0.113.0 "), 1);
    cr_assert_geq(test_server_log_lines("client=2001:db8:aaaa:: "), 1);
    cr_assert_eq(test_server_log_lines("203.0.113.77"), 0);
    cr_assert_eq(test_server_log_lines("bbbb"), 0);
}
