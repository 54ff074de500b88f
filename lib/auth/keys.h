#pragma once
/*
 * Signing keys
 *
 * The keys of our own tokens: ES256, in table identity.signing_key, the private
 * half sealed with a key made from EXPRESS_SECRET, so that a copy of the database
 * cannot sign. The newest one that is not retired signs; all that are not
 * expired verify. The functions on the database work in the transaction the
 * caller holds, as service or system, and never commit.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct db;
struct token_keys;

#define KEYS_KID_BYTES 33 /* 24 random bytes in base64url, and the end */
#define KEYS_SEAL_BYTES 32
/* How long a retired key verifies: the longest life of a token, and clocks that differ. */
#define KEYS_OVERLAP_MINUTES 65

enum keys_outcome {                      /* beyond the outcomes of the database */
                    KEYS_NOT_FOUND = 140 /* or retired already */
};

struct keys_seal {
    unsigned char key[KEYS_SEAL_BYTES];
};
/* Other keys than those of the cursors come of the same secret. */
void keys_seal_derive(const char *secret, struct keys_seal *ret_seal);

/* What a node needs to sign. */
struct keys_signer {
    char kid[KEYS_KID_BYTES]; /* "": nothing to sign with */
    char *private_pem;        /* owned */
};
void keys_signer_deinit(struct keys_signer *signer);

/* A key in memory alone, for a process whose secret ends with it. Return: 0; a fault. */
MUST_CHECK int keys_make(struct keys_signer *ret_signer, struct token_keys **ret_keys);

/*
 * keys_load() - all keys that are not expired
 * @may_begin:   make the first key when there is none that can sign; two nodes make one
 * @ret_signer:  keys_signer_deinit(); its kid is "" when no key could be unsealed
 * @ret_keys:    owned, token_keys_unref()
 * @ret_foreign: how many keys newer than the signer were sealed with another secret, and so
 *               verify only
 *
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int keys_load(struct db *db, const struct keys_seal *seal, bool may_begin,
                         struct keys_signer *ret_signer, struct token_keys **ret_keys,
                         size_t *ret_foreign);
/* One more key, which signs from now on. Return: 0; a db outcome; a fault. */
MUST_CHECK int keys_add(struct db *db, const struct keys_seal *seal, char ret_kid[KEYS_KID_BYTES]);
/*
 * keys_retire() - sign no more with @kid, and verify for KEYS_OVERLAP_MINUTES yet
 * @ret_new_kid: the key made instead when no other was left; "": none had to be
 * Return: 0; KEYS_NOT_FOUND; a db outcome; a fault.
 */
MUST_CHECK int keys_retire(struct db *db, const struct keys_seal *seal, const char *kid,
                           char ret_new_kid[KEYS_KID_BYTES]);

struct keys_row { /* all texts in the arena */
    const char *kid;
    const char *created_at;
    const char *retired_at; /* NULL: it may sign */
    const char *expires_at; /* NULL: not set */
    bool is_expired;
    bool can_be_unsealed; /* with the secret at hand */
};
/* The newest first. */
MUST_CHECK int keys_list(struct db *db, const struct keys_seal *seal, struct arena *arena,
                         struct keys_row **ret_rows, size_t *ret_count);
