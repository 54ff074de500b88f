#pragma once
/*
 * Memo
 *
 * ETags that are known to be current, so that a conditional request costs no
 * database work. What was remembered holds as long as no resource that it
 * rests on has changed: every resource has a generation that counts up with
 * each change the database tells of. While nothing is heard from the database,
 * nothing is remembered.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memo;

#define MEMO_KEY_BYTES 16
#define MEMO_ETAG_BYTES 32 /* with the terminating NUL */

struct memo_key {
    unsigned char bytes[MEMO_KEY_BYTES];
};

MUST_CHECK int memo_new(struct memo **ret_memo);
void memo_free(struct memo *memo);

/* The key of everything that decides an answer's bytes. @texts may hold NULL. */
struct memo_key memo_key(const char *const *texts, size_t count);

/* Is the answer's ETag known, and current? Then it is copied to @ret_etag. */
MUST_CHECK bool memo_find(struct memo *memo, const struct memo_key *key,
                          char ret_etag[MEMO_ETAG_BYTES]);

/*
 * memo_generation() - before reading: what the answer will rest on
 * @resources: bit i stands for the resource with index i
 */
uint64_t memo_generation(struct memo *memo, uint64_t resources);
/* After reading. An ETag that is too long is not kept. */
void memo_keep(struct memo *memo, const struct memo_key *key, uint64_t resources,
               uint64_t generation, const char *etag);

/* Are changes heard of? If not, a generation that is the same says nothing. */
bool memo_is_told(struct memo *memo);

/* From the listener: a resource changed; the connection came or went. */
void memo_resource_changed(struct memo *memo, unsigned resource_index);
void memo_listening(struct memo *memo, bool is_listening);
