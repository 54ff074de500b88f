#pragma once
/*
 * Proposals
 *
 * Corrections of published records that anybody may propose: a merge patch and
 * a word to the editors, and apart from them, when the sender wishes it, how to
 * be reached. The only module that knows the columns of both tables. Everything
 * runs in the caller's transaction (caller_begin()); who may read and decide is
 * what the policies say.
 */
#include "base/annotate.h"
#include "base/uuid.h"

#include <jansson.h>
#include <stdbool.h>

struct arena;
struct db;
struct text;

#define PROPOSAL_CODE_BYTES 23 /* 128 bits in base64url, and the end */

enum proposal_outcome {
    PROPOSAL_NOT_FOUND = 500,
    PROPOSAL_TOO_MANY /* as many as can wait for this record */
};

/* All borrowed; NULL where there is none. */
struct proposal_draft {
    const char *resource;
    const char *record_id;
    long base_version;
    const json_t *patch;
    const char *message;
    const char *name, *email; /* of the sender */
};

/* What the sender is told. */
struct proposal_receipt {
    char id[UUID_TEXT_BYTES];
    char code[PROPOSAL_CODE_BYTES]; /* kept as a hash alone */
};

/*
 * proposal_add() - a new one
 * Return: 0; PROPOSAL_TOO_MANY; a db outcome; a fault.
 */
MUST_CHECK int proposal_add(struct db *db, const struct proposal_draft *draft,
                            struct proposal_receipt *ret_receipt);

/* Texts in the arena; NULL where there is none. */
struct proposal {
    const char *id;
    const char *resource;
    const char *record_id;
    long base_version;
    json_t *patch; /* owned: proposal_deinit() */
    const char *message;
    const char *state; /* open, accepted, declined */
    const char *reason;
    const char *created_at, *decided_at; /* RFC 3339 */
    const char *name, *email;
};

/*
 * proposal_find() - one by its id, locked until the transaction ends
 * @id: borrowed; any text
 * Return: 0; PROPOSAL_NOT_FOUND, also for who may not know of it; a db outcome; a fault.
 * Release with proposal_deinit() whatever the result.
 */
MUST_CHECK int proposal_find(struct db *db, const char *id, struct arena *arena,
                             struct proposal *ret_proposal);
void proposal_deinit(struct proposal *proposal);

/*
 * proposal_decide() - it is accepted or declined, and its state and times say so
 * @reason: borrowed; NULL: none
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int proposal_decide(struct db *db, struct proposal *proposal, bool is_accepted,
                               const char *reason, struct arena *arena);

/*
 * proposal_erase() - forget how to reach the sender
 * @id:   borrowed; any text
 * @code: borrowed; that of the receipt. NULL: by who may see it, an editor
 * @ret_erased: was there something to forget? Nobody is told.
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int proposal_erase(struct db *db, const char *id, const char *code, bool *ret_erased);

/*
 * proposal_append_json() - for editors
 * @slug, @title: borrowed; of the record
 */
void proposal_append_json(const struct proposal *proposal, const char *slug, const char *title,
                          bool dry_run, struct text *text);
