/*
 * The keys of an outside issuer, fetched from a provider that behaves as told: a thread with
 * a socket of its own on this machine.
 */
#include "auth/issuers.h"
#include "auth/token.h"
#include "base/annotate.h"
#include "base/clock.h"
#include "base/text.h"
#include "support/forge.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LARGE_BYTES (10 * 1024 * 1024)

enum manner {
    MANNER_GOOD,
    MANNER_HTML,
    MANNER_REDIRECT,
    MANNER_ERROR,
    MANNER_LARGE,
    MANNER_ENDLESS, /* without a length */
    MANNER_SLOW,    /* a byte now and then */
    MANNER_CUT,     /* half of it */
    MANNER_CLOSED   /* no answer */
};

static struct {
    int socket;
    unsigned port;
    pthread_t thread;
    atomic_int manner;
    atomic_uint request_count;
    atomic_bool stop;
    pthread_mutex_t lock;
    char *set; /* owned, by @lock */
} provider = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct forge_key first_pair, second_pair;

/* --- the provider ------------------------------------------------------------------------ */

static bool send_all(int peer, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t sent = send(peer, bytes, length, MSG_NOSIGNAL);

        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static void answer_text(int peer, const char *status, const char *type, const char *body,
                        size_t told_bytes)
{
    char head[512];

    (void)snprintf(head, sizeof(head),
                   "HTTP/1.1 %s\r\nContent-Type: %s\r\nLocation: http://127.0.0.1:%u/elsewhere\r\n"
                   "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                   status, type, provider.port, told_bytes);
    if (send_all(peer, head, strlen(head)))
        (void)send_all(peer, body, strlen(body));
}

static void answer_drip(int peer)
{
    static const char HEAD[] = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";

    if (!send_all(peer, HEAD, strlen(HEAD)))
        return;
    while (!atomic_load(&provider.stop) && send_all(peer, " ", 1))
        (void)poll(NULL, 0, 50);
}

static void answer_flood(int peer, bool tells_length)
{
    static char filling[65536];
    size_t sent = 0;

    memset(filling, ' ', sizeof(filling) - 1);
    if (tells_length)
        answer_text(peer, "200 OK", "application/json", "{", LARGE_BYTES);
    else
        (void)send_all(peer, "HTTP/1.1 200 OK\r\n\r\n", 19);
    while (sent < LARGE_BYTES && !atomic_load(&provider.stop) &&
           send_all(peer, filling, sizeof(filling) - 1))
        sent += sizeof(filling) - 1;
}

static void answer(int peer)
{
    char request[4096];

    if (recv(peer, request, sizeof(request), 0) <= 0)
        return;
    atomic_fetch_add(&provider.request_count, 1);
    switch ((enum manner)atomic_load(&provider.manner)) {
    case MANNER_GOOD:
    case MANNER_CUT:
        (void)pthread_mutex_lock(&provider.lock);
        answer_text(peer, "200 OK", "application/json", provider.set,
                    strlen(provider.set) + (atomic_load(&provider.manner) == MANNER_CUT ? 100 : 0));
        (void)pthread_mutex_unlock(&provider.lock);
        break;
    case MANNER_HTML:
        answer_text(peer, "200 OK", "text/html", "<!doctype html>", 15);
        break;
    case MANNER_REDIRECT:
        answer_text(peer, "302 Found", "text/plain", "", 0);
        break;
    case MANNER_ERROR:
        answer_text(peer, "500 Oops", "application/json", "{\"keys\":[]}", 11);
        break;
    case MANNER_LARGE:
        answer_flood(peer, true);
        break;
    case MANNER_ENDLESS:
        answer_flood(peer, false);
        break;
    case MANNER_SLOW:
        answer_drip(peer);
        break;
    case MANNER_CLOSED:
        break;
    }
}

static void *provide(void *data)
{
    (void)data;
    while (!atomic_load(&provider.stop)) {
        struct pollfd waiting = {.fd = provider.socket, .events = POLLIN};
        int peer;

        if (poll(&waiting, 1, 50) <= 0)
            continue;
        peer = accept(provider.socket, NULL, NULL);
        if (peer < 0)
            continue;
        answer(peer);
        (void)close(peer);
    }
    return NULL;
}

/* The set has this key alone from now on. */
static void provide_key(const struct forge_key *pair, const char *kid)
{
    json_auto_t *set = json_pack("{s:[o]}", "keys", forge_key_to_jwk(pair, kid));
    char *text = json_dumps(set, 0);

    cr_assert_not_null(text);
    (void)pthread_mutex_lock(&provider.lock);
    free(provider.set);
    provider.set = text;
    (void)pthread_mutex_unlock(&provider.lock);
}

static void begin(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);

    cr_assert(sodium_init() >= 0);
    first_pair = forge_key_make(FORGE_P256);
    second_pair = forge_key_make(FORGE_P256);
    provide_key(&first_pair, "first");
    provider.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(provider.socket, 0);
    cr_assert_eq(bind(provider.socket, (const struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(provider.socket, 16), 0);
    cr_assert_eq(getsockname(provider.socket, (struct sockaddr *)&address, &length), 0);
    provider.port = ntohs(address.sin_port);
    cr_assert_eq(pthread_create(&provider.thread, NULL, provide, NULL), 0);
}

static void end(void)
{
    atomic_store(&provider.stop, true);
    cr_assert_eq(pthread_join(provider.thread, NULL), 0);
    (void)close(provider.socket);
    free(provider.set);
    forge_key_deinit(&first_pair);
    forge_key_deinit(&second_pair);
    test_ends_without_leaks();
}

TestSuite(provider, .init = begin, .fini = end, .timeout = 60);

/* --- who asks it ------------------------------------------------------------------------- */

static struct issuers *start(const struct issuers_pace *pace)
{
    struct issuers *issuers = NULL;
    char path[] = "/tmp/express-test-XXXXXX";
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_gt(dprintf(fd,
                         "[{\"issuer\": \"https://login.example.org\", \"audience\": \"express\", "
                         "\"jwks_uri\": \"http://127.0.0.1:%u/keys\", \"algorithms\": [\"ES256\"], "
                         "\"roles\": {\"claim\": \"roles\", \"map\": {\"e\": \"editor\"}}}]",
                         provider.port),
                 0);
    (void)close(fd);
    cr_assert_eq(issuers_read(path, "https://api.example.org", stderr, &issuers), 0);
    (void)unlink(path);
    cr_assert_eq(issuers_start(issuers, pace), 0);
    return issuers;
}

static bool has_key(struct issuers *issuers, const char *kid)
{
    struct token_issuer issuer;
    bool found;

    (void)issuers_get(issuers, 0, &issuer);
    found = token_keys_find(issuer.keys, kid) != NULL;
    token_keys_unref(issuer.keys);
    return found;
}

static struct issuers_figures figures_of(const struct issuers *issuers)
{
    struct issuers_figures figures;

    issuers_figures(issuers, &figures);
    return figures;
}

/* Return: false when it did not come to be in this time. */
static bool comes_to_have(struct issuers *issuers, const char *kid, bool expected, unsigned wait_ms)
{
    const uint64_t until_ms = clock_monotonic_ms() + wait_ms;

    while (has_key(issuers, kid) != expected) {
        if (clock_monotonic_ms() >= until_ms)
            return false;
        (void)poll(NULL, 0, 5);
    }
    return true;
}

/* Beyond the keys that are known now. */
static enum issuers_state await_newer(struct issuers *issuers)
{
    struct token_issuer issuer;
    const uint64_t seen = issuers_get(issuers, 0, &issuer);

    token_keys_unref(issuer.keys);
    return issuers_await(issuers, 0, seen);
}

/* Checks A7, A22. */
Test(provider, a_key_that_is_new_is_fetched_when_a_token_names_it)
{
    static const struct issuers_pace PACE = {60000, 100, 60000};
    struct issuers *issuers = start(&PACE);

    cr_assert_eq(issuers_await(issuers, 0, 0), ISSUERS_NEW_KEYS);
    cr_assert(has_key(issuers, "first"));
    cr_assert_eq(issuers_await(issuers, 0, 0), ISSUERS_NEW_KEYS, "who looked before they came");
    provide_key(&second_pair, "second");
    cr_assert_eq(await_newer(issuers), ISSUERS_NEW_KEYS);
    cr_assert(has_key(issuers, "second"));
    cr_assert_not(has_key(issuers, "first"));
    issuers_free(issuers);
}

/* Checks A7. */
Test(provider, tokens_with_unknown_keys_do_not_make_us_fetch_all_the_time)
{
    static const struct issuers_pace PACE = {600000, 30000, 600000};
    struct issuers *issuers = start(&PACE);
    uint64_t began_ms;

    cr_assert_eq(issuers_await(issuers, 0, 0), ISSUERS_NEW_KEYS);
    began_ms = clock_monotonic_ms();
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(await_newer(issuers), ISSUERS_NOTHING_NEW);
    cr_assert_lt(clock_monotonic_ms() - began_ms, 1000, "nobody is kept waiting");
    cr_assert_eq(atomic_load(&provider.request_count), 1);
    issuers_free(issuers);
}

/* Checks A22. */
Test(provider, keys_are_looked_at_again_in_the_background)
{
    static const struct issuers_pace PACE = {100, 100, 60000};
    struct issuers *issuers = start(&PACE);

    cr_assert(comes_to_have(issuers, "first", true, 5000));
    provide_key(&second_pair, "second");
    cr_assert(comes_to_have(issuers, "second", true, 5000));
    issuers_free(issuers);
}

/* Checks A21. */
Test(provider, keys_that_are_known_stay_whatever_the_provider_says)
{
    static const enum manner MANNERS[] = {MANNER_HTML,  MANNER_REDIRECT, MANNER_ERROR,
                                          MANNER_LARGE, MANNER_ENDLESS,  MANNER_CUT,
                                          MANNER_CLOSED};
    static const struct issuers_pace PACE = {50, 50, 60000};
    struct issuers *issuers = start(&PACE);

    cr_assert(comes_to_have(issuers, "first", true, 5000));
    provide_key(&second_pair, "second");
    for (size_t i = 0; i < ARRAY_LENGTH(MANNERS); i++) {
        const uint64_t until_ms = clock_monotonic_ms() + 10000;
        uint64_t failures;

        atomic_store(&provider.manner, (int)MANNERS[i]);
        failures = figures_of(issuers).failures;
        while (figures_of(issuers).failures < failures + 2) {
            cr_assert_lt(clock_monotonic_ms(), until_ms, "manner %zu is no failure", i);
            (void)poll(NULL, 0, 5);
        }
        cr_assert(has_key(issuers, "first"), "manner %zu", i);
        cr_assert_not(has_key(issuers, "second"), "manner %zu", i);
    }
    atomic_store(&provider.manner, MANNER_GOOD);
    cr_assert(comes_to_have(issuers, "second", true, 5000), "it recovers");
    issuers_free(issuers);
}

/* Checks A21. */
Test(provider, keys_are_used_for_a_time_only_when_none_can_be_fetched)
{
    static const struct issuers_pace PACE = {50, 50, 400};
    struct issuers *issuers = start(&PACE);

    cr_assert(comes_to_have(issuers, "first", true, 5000));
    atomic_store(&provider.manner, MANNER_ERROR);
    cr_assert(comes_to_have(issuers, "first", false, 5000));
    cr_assert_eq(await_newer(issuers), ISSUERS_NO_KEYS);
    atomic_store(&provider.manner, MANNER_GOOD);
    cr_assert(comes_to_have(issuers, "first", true, 5000));
    issuers_free(issuers);
}

/* Checks A21. */
Test(provider, a_slow_provider_is_given_up_after_five_seconds)
{
    static const struct issuers_pace PACE = {60000, 60000, 60000};
    struct issuers *issuers;
    uint64_t began_ms;

    atomic_store(&provider.manner, MANNER_SLOW);
    began_ms = clock_monotonic_ms();
    issuers = start(&PACE);
    cr_assert_eq(issuers_await(issuers, 0, 0), ISSUERS_NO_KEYS);
    cr_assert_lt(clock_monotonic_ms() - began_ms, 3000, "a request waits for two seconds at most");
    while (figures_of(issuers).failures == 0) {
        cr_assert_lt(clock_monotonic_ms() - began_ms, 7000);
        (void)poll(NULL, 0, 10);
    }
    cr_assert_geq(clock_monotonic_ms() - began_ms, 4000);
    issuers_free(issuers);
}

Test(provider, nobody_waits_for_a_fetch_at_a_stop)
{
    static const struct issuers_pace PACE = {60000, 60000, 60000};
    struct issuers *issuers;
    uint64_t began_ms;

    atomic_store(&provider.manner, MANNER_SLOW);
    issuers = start(&PACE);
    while (atomic_load(&provider.request_count) == 0)
        (void)poll(NULL, 0, 5);
    began_ms = clock_monotonic_ms();
    issuers_free(issuers);
    cr_assert_lt(clock_monotonic_ms() - began_ms, 2000);
}
