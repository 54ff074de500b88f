#pragma once
/*
 * Idempotency keys
 *
 * A POST that is sent again with the same key is carried out once. The key is
 * claimed in the transaction of the effect, before it, and what the answer is
 * made from is stored there, after it: key and effect are both kept or
 * neither. Two at once with one key meet at the unique index, where the second
 * waits for the end of the first.
 *
 * Stored is status, record and version, not the answer: it is rendered again
 * under what the caller may see by then. A key belongs to who sent it.
 */
#include "base/annotate.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>

struct db;
struct db_rows;
struct request;

#define IDEMPOTENCY_FINGERPRINT_BYTES 32
#define IDEMPOTENCY_HEX_BYTES (2 * IDEMPOTENCY_FINGERPRINT_BYTES + 1)

enum idempotency_outcome {
    IDEMPOTENCY_KNOWN = 300, /* carried out before: the result is there */
    IDEMPOTENCY_REUSED,      /* carried out before for another request */
    IDEMPOTENCY_IN_PROGRESS, /* the other one has not ended in time */
    IDEMPOTENCY_INVALID      /* the key is none */
};

/* What an answer is made from. */
struct idempotency_result {
    int status;
    char record_id[UUID_TEXT_BYTES]; /* or of a proposal, a client; "": none */
    long version;                    /* 0: none */
};

struct idempotency_key {
    const char *text; /* borrowed from the request; NULL: none was sent */
    char fingerprint[IDEMPOTENCY_HEX_BYTES];
};

/*
 * idempotency_read() - the key of a request, and what the request is known by again
 *
 * The fingerprint is of method, path, query and body; the body counts as the JSON that it is,
 * however it is spaced and ordered.
 *
 * Return: 0, also when there is none; IDEMPOTENCY_INVALID; a fault.
 */
MUST_CHECK int idempotency_read(const struct request *request, struct idempotency_key *ret_key);

/*
 * idempotency_claim() - the key is this transaction's
 * @db: in a transaction of caller_begin()
 *
 * Return: 0: go on; IDEMPOTENCY_KNOWN with @ret_result; IDEMPOTENCY_REUSED;
 * IDEMPOTENCY_IN_PROGRESS; a db outcome; a fault.
 */
MUST_CHECK int idempotency_claim(struct db *db, const struct idempotency_key *key,
                                 struct idempotency_result *ret_result);

/*
 * idempotency_is_known() - was the key used before, for this request or another?
 * For what is costly before its transaction begins. No promise: the claim decides.
 * @db: as above. Return: 0; a db outcome; a fault.
 */
MUST_CHECK int idempotency_is_known(struct db *db, const struct idempotency_key *key,
                                    bool *ret_known);

/* idempotency_keep() - what came of it, with the next statement. Return: as db_queue(). */
MUST_CHECK int idempotency_keep(struct db *db, const struct idempotency_key *key,
                                const struct idempotency_result *result);

/*
 * idempotency_claim_all() - keys of requests that one transaction carries out, with the next
 * statement
 * @keys:    borrowed; @count, of one caller and each another one; those without text are left out
 * @ids:     borrowed; the records that are created
 * @ret_rows: rows affected: as many as have a text, or another request came before
 * What comes of it is stored at once: 201, and the first version. Return: as db_queue().
 */
MUST_CHECK int idempotency_claim_all(struct db *db, const struct idempotency_key *const *keys,
                                     const char *const *ids, size_t count,
                                     struct db_rows **ret_rows);
