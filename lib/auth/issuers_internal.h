#pragma once
/*
 * Outside issuers, inside
 *
 *   issuers.c       the file, checked; what tokens come to
 *   issuers_keys.c  their keys: fetching, keeping, waiting
 *   issuers_curl.c  one fetch over HTTP
 */
#include "auth/caller.h"
#include "auth/issuers.h"
#include "auth/token.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

struct text;

struct issuer_keys { /* guarded by the lock of all */
    struct token_keys *keys;
    uint64_t fetched_ms; /* monotonic; when they were had last; 0: never */
    uint64_t tried_ms;   /* 0: never */
    uint64_t turn;       /* counts the attempts that ended */
    bool is_wanted;      /* a token names one that is not known */
    bool failed;         /* the last attempt */
};

struct issuer { /* texts borrowed from the file's JSON */
    const char *name, *audience;
    const char *uri, *file; /* one of them */
    unsigned algorithms;    /* a bit each */
    const json_t *role_claim, *organisation_claim;
    json_t *role_map, *organisation_map; /* borrowed; NULL: none */
    struct issuer_keys known;
};

struct issuers {
    json_t *file; /* owned; what the texts point into */
    size_t count;
    struct issuer items[ISSUERS_MAX];

    struct issuers_pace pace; /* unchanged after start */
    pthread_mutex_t lock;     /* over the keys and @stop */
    pthread_cond_t woken;     /* the thread */
    pthread_cond_t ended;     /* an attempt */
    unsigned waiting;
    pthread_t thread;
    bool has_thread;
    atomic_bool stop;
    bool uses_curl;
    atomic_uint_fast64_t fetches, failures;
};

/* A file of at most @max bytes. Return: false with a constant in @reterr_why. */
MUST_CHECK bool issuers_read_file(const char *path, size_t max, struct text *text,
                                  const char **reterr_why);
/* Is it https, or http to this machine? */
bool issuers_is_fetchable(const char *uri);
void issuers_init_keys(struct issuers *issuers);
void issuers_stop(struct issuers *issuers);

MUST_CHECK bool issuers_curl_begin(void);
void issuers_curl_end(void);
/*
 * issuers_curl_fetch() - JWKS_BYTES_MAX at most, five seconds at most, no redirects
 * @text: empty; receives the body
 * @stop: ends it before its time
 * Return: false with a constant in @reterr_why.
 */
MUST_CHECK bool issuers_curl_fetch(const char *uri, struct text *text, const atomic_bool *stop,
                                   const char **reterr_why);
