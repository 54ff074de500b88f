#pragma once
/*
 * Outside issuers
 *
 * Who else may say who somebody is: read from a file at start, checked as a
 * whole. Their keys are fetched in the background, every ten minutes, and when a
 * token names one that is not known, at most every thirty seconds; the last
 * good ones are used for a day. What their tokens come to is told by the file:
 * it maps their names of roles and organisations to ours, and what it does not
 * map nobody has.
 */
#include "auth/bearer.h"
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct issuers;
struct token_claims;
struct token_issuer;

#define ISSUERS_MAX 16
#define ISSUERS_FILE_BYTES_MAX (256 * 1024)

enum issuers_outcome { ISSUERS_INVALID = 200 };

/*
 * issuers_read()
 * @path:   "": there are none
 * @ours:   our own issuer, which nobody else may be
 * @errors: a line for each fault, with its place in the file
 * Return: 0; ISSUERS_INVALID; a fault.
 */
MUST_CHECK int issuers_read(const char *path, const char *ours, FILE *errors,
                            struct issuers **ret_issuers);
struct issuers_pace {
    uint64_t refresh_ms;   /* between two fetches */
    uint64_t retry_ms;     /* after one that failed, and when a token names an unknown key */
    uint64_t last_good_ms; /* how long keys are used while none can be fetched */
};
extern const struct issuers_pace ISSUERS_PACE;
/* Fetch from now on, in a thread. @pace: copied. Return: 0; a fault. */
MUST_CHECK int issuers_start(struct issuers *issuers, const struct issuers_pace *pace);
/* Stops the thread. Takes NULL. */
void issuers_free(struct issuers *issuers);

size_t issuers_count(const struct issuers *issuers);
/*
 * issuers_get()
 * @ret_issuer: its keys are owned by the caller, token_keys_unref()
 * Return: how many attempts to fetch them had ended; 0: none yet.
 */
uint64_t issuers_get(struct issuers *issuers, size_t index, struct token_issuer *ret_issuer);

enum issuers_state {
    ISSUERS_NOTHING_NEW, /* these are its keys */
    ISSUERS_NEW_KEYS,    /* look again */
    ISSUERS_NO_KEYS      /* they could never be had, or not for a day */
};
/*
 * issuers_await() - a token names a key that is not known: waits for newer ones, two seconds at
 * most
 * @seen: what issuers_get() has returned with those: newer ones may have come since
 */
enum issuers_state issuers_await(struct issuers *issuers, size_t index, uint64_t seen);

/*
 * issuers_bearer() - what a verified token comes to
 * Return: 0; BEARER_INVALID with a constant in @reterr_reason.
 */
MUST_CHECK int issuers_bearer(const struct issuers *issuers, size_t index,
                              const struct token_claims *claims,
                              const unsigned char key[BEARER_KEY_BYTES], struct bearer *ret_bearer,
                              const char **reterr_reason);

struct issuers_figures {
    uint64_t fetches, failures;
};
void issuers_figures(const struct issuers *issuers, struct issuers_figures *ret_figures);
