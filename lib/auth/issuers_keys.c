/*
 * One thread fetches for all issuers, one after the other: there are few, and
 * each is bounded by five seconds. A request that waits for a key waits for the
 * end of an attempt, and few may wait at once: their threads are the server's.
 */
#include "auth/issuers_internal.h"

#include "auth/jwks.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define AWAIT_MS 2000U
#define WAITERS_MAX 8
#define QUOTED_BYTES 160

const struct issuers_pace ISSUERS_PACE = {
    .refresh_ms = 10U * 60U * 1000U, .retry_ms = 30000, .last_good_ms = 24U * 60U * 60U * 1000U};

static void lock(struct issuers *issuers)
{
    int r = pthread_mutex_lock(&issuers->lock);

    assert(r == 0);
}

static void unlock(struct issuers *issuers)
{
    int r = pthread_mutex_unlock(&issuers->lock);

    assert(r == 0);
}

static struct timespec time_of(uint64_t ms)
{
    return (struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

bool issuers_read_file(const char *path, size_t max, struct text *text, const char **reterr_why)
{
    FILE *file = fopen(path, "re");
    char part[4096];
    size_t length = 1;
    bool whole;

    *reterr_why = "cannot be read";
    if (file == NULL)
        return false;
    while (length > 0 && text->length <= max) {
        length = fread(part, 1, sizeof(part), file);
        text_append_bytes(text, part, length);
    }
    whole = ferror(file) == 0;
    (void)fclose(file); /* only read */
    if (whole && (text->length > max || text_failed(text))) {
        *reterr_why = "is too large";
        return false;
    }
    return whole;
}

/* Return: NULL; why not. */
static const char *fetch(struct issuers *issuers, const struct issuer *issuer,
                         struct token_keys **ret_keys)
{
    const char *why = "out of memory";
    struct text text;
    bool done;

    text_init(&text, JWKS_BYTES_MAX + 1);
    done = issuer->uri != NULL ? issuers_curl_fetch(issuer->uri, &text, &issuers->stop, &why)
                               : issuers_read_file(issuer->file, JWKS_BYTES_MAX, &text, &why);
    if (done &&
        jwks_read(text.bytes, text.length, issuer->algorithms, issuer->name, ret_keys, &why) == 0)
        why = NULL;
    text_deinit(&text);
    return why;
}

static void tell(const struct issuer *issuer, const char *why, bool is_first)
{
    char quoted[QUOTED_BYTES];

    (void)log_quote(quoted, sizeof(quoted), issuer->name);
    if (why != NULL && is_first)
        log_error("auth.issuer_keys", "issuer=%s reason=\"%s\" effect=\"%s\"", quoted, why,
                  token_keys_count(issuer->known.keys) > 0 ? "the last good ones are used for a day"
                                                           : "nobody can sign in with it");
    else if (why == NULL && is_first)
        log_info("auth.issuer_keys", "issuer=%s keys=%zu", quoted,
                 token_keys_count(issuer->known.keys));
}

/* Without the lock while it fetches: only this thread writes what it reads. */
static void attempt(struct issuers *issuers, struct issuer *issuer)
{
    struct token_keys *keys = NULL;
    const char *why = fetch(issuers, issuer, &keys);
    struct issuer_keys *known = &issuer->known;
    const uint64_t now_ms = clock_monotonic_ms();
    bool is_first;

    if (atomic_load(&issuers->stop)) { /* cut short by us: it says nothing */
        token_keys_unref(keys);
        return;
    }
    atomic_fetch_add(why == NULL ? &issuers->fetches : &issuers->failures, 1);
    lock(issuers);
    is_first = known->failed != (why != NULL) || known->tried_ms == 0;
    known->failed = why != NULL;
    known->is_wanted = false;
    known->tried_ms = now_ms;
    known->turn++;
    if (why == NULL) {
        token_keys_unref(known->keys);
        known->keys = keys;
        known->fetched_ms = now_ms;
    } else if (known->fetched_ms != 0 && now_ms - known->fetched_ms >= issuers->pace.last_good_ms) {
        struct token_keys *none = token_keys_new(0);

        if (none != NULL) {
            token_keys_unref(known->keys);
            known->keys = none;
            known->fetched_ms = 0;
        }
    }
    tell(issuer, why, is_first);
    (void)pthread_cond_broadcast(&issuers->ended);
    unlock(issuers);
}

/* When the next attempt is due; under the lock. */
static uint64_t due_ms(const struct issuers *issuers, const struct issuer *issuer)
{
    const struct issuer_keys *known = &issuer->known;

    if (known->tried_ms == 0)
        return 0;
    return known->tried_ms +
           (known->is_wanted || known->failed ? issuers->pace.retry_ms : issuers->pace.refresh_ms);
}

/* The one to be fetched now; NULL: it is time to stop. */
static struct issuer *wait_for_next(struct issuers *issuers)
{
    struct issuer *next = NULL;

    lock(issuers);
    while (next == NULL && !atomic_load(&issuers->stop)) {
        struct issuer *first = &issuers->items[0];
        struct timespec until;

        for (size_t i = 1; i < issuers->count; i++) {
            if (due_ms(issuers, &issuers->items[i]) < due_ms(issuers, first))
                first = &issuers->items[i];
        }
        until = time_of(due_ms(issuers, first));
        if (due_ms(issuers, first) <= clock_monotonic_ms())
            next = first;
        else
            (void)pthread_cond_timedwait(&issuers->woken, &issuers->lock, &until);
    }
    if (atomic_load(&issuers->stop))
        next = NULL;
    unlock(issuers);
    return next;
}

static void *keep_fetching(void *data)
{
    struct issuers *issuers = data;
    struct issuer *issuer = wait_for_next(issuers);

    while (issuer != NULL) {
        attempt(issuers, issuer);
        issuer = wait_for_next(issuers);
    }
    return NULL;
}

void issuers_init_keys(struct issuers *issuers)
{
    pthread_condattr_t monotonic;
    int r = pthread_mutex_init(&issuers->lock, NULL) + pthread_condattr_init(&monotonic) +
            pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) +
            pthread_cond_init(&issuers->woken, &monotonic) +
            pthread_cond_init(&issuers->ended, &monotonic);

    assert(r == 0); /* glibc has no way to fail here */
    (void)pthread_condattr_destroy(&monotonic);
}

int issuers_start(struct issuers *issuers, const struct issuers_pace *pace)
{
    issuers->pace = *pace;
    if (issuers->count == 0)
        return 0;
    issuers->uses_curl = issuers_curl_begin();
    if (!issuers->uses_curl)
        return fault_raise(-ENOMEM);
    if (pthread_create(&issuers->thread, NULL, keep_fetching, issuers) != 0)
        return fault_raise(-EAGAIN);
    issuers->has_thread = true;
    return 0;
}

void issuers_stop(struct issuers *issuers)
{
    lock(issuers);
    atomic_store(&issuers->stop, true);
    (void)pthread_cond_signal(&issuers->woken);
    unlock(issuers);
    if (issuers->has_thread)
        (void)pthread_join(issuers->thread, NULL);
    if (issuers->uses_curl)
        issuers_curl_end();
    (void)pthread_cond_destroy(&issuers->woken);
    (void)pthread_cond_destroy(&issuers->ended);
    (void)pthread_mutex_destroy(&issuers->lock);
}

uint64_t issuers_get(struct issuers *issuers, size_t index, struct token_issuer *ret_issuer)
{
    struct issuer *issuer = &issuers->items[index];
    uint64_t turn;

    assert(index < issuers->count);
    lock(issuers);
    *ret_issuer = (struct token_issuer){.issuer = issuer->name,
                                        .audience = issuer->audience,
                                        .keys = token_keys_ref(issuer->known.keys)};
    turn = issuer->known.turn;
    unlock(issuers);
    return turn;
}

enum issuers_state issuers_await(struct issuers *issuers, size_t index, uint64_t seen)
{
    const uint64_t until_ms = clock_monotonic_ms() + AWAIT_MS;
    const struct timespec until = time_of(until_ms);
    struct issuer_keys *known = &issuers->items[index].known;
    enum issuers_state state = ISSUERS_NOTHING_NEW;
    int r = 0;

    lock(issuers);
    if (known->turn == seen) {
        known->is_wanted = true;
        (void)pthread_cond_signal(&issuers->woken);
    }
    /* Waiting helps only when the attempt begins soon enough to end. */
    if (known->turn == seen && due_ms(issuers, &issuers->items[index]) < until_ms &&
        issuers->waiting < WAITERS_MAX) {
        issuers->waiting++;
        while (r == 0 && known->turn == seen && !atomic_load(&issuers->stop))
            r = pthread_cond_timedwait(&issuers->ended, &issuers->lock, &until);
        issuers->waiting--;
    }
    if (known->fetched_ms == 0)
        state = ISSUERS_NO_KEYS;
    else if (known->turn != seen)
        state = ISSUERS_NEW_KEYS;
    unlock(issuers);
    return state;
}

void issuers_figures(const struct issuers *issuers, struct issuers_figures *ret_figures)
{
    *ret_figures = (struct issuers_figures){.fetches = atomic_load(&issuers->fetches),
                                            .failures = atomic_load(&issuers->failures)};
}
