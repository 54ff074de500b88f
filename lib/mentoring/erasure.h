#pragma once
/*
 * Erasure
 *
 * Taking a person out of everything, which the database does in one
 * transaction, and what is left of it: a receipt, and an entry in the ledger by
 * which it is done again after a backup has brought the person back. The only
 * module that calls the functions of schema mentoring for it.
 */
#include "base/annotate.h"
#include "base/uuid.h"
#include "mentoring/participant.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct db;

enum erasure_outcome { ERASURE_NOT_FOUND = 530 /* or not the caller's to see */ };

struct erasure { /* texts in an arena; NULL: not asked for */
    const char *receipt;
    const char *participant_id;
    const char *kind;  /* "mentor" */
    const char *cause; /* "request", "retention" */
    const char *erased_at;
    const char *audit_id; /* what the audit log called the person; NULL: it was erased before */
};

/* Each in the caller's transaction. Return: 0; ERASURE_NOT_FOUND; a db outcome; a fault. */

/* @id: any text. Asked again by the same caller within a day, it says the same. */
MUST_CHECK int erasure_run(struct db *db, struct arena *arena, enum participant_kind kind,
                           const char *id, struct erasure *ret_erasure);
/* Did this caller have the person erased, no longer than a day ago? */
MUST_CHECK int erasure_gone(struct db *db, struct arena *arena, enum participant_kind kind,
                            const char *id, struct erasure *ret_erasure);
/* What a receipt is for: kind, cause and time. @receipt: any text */
MUST_CHECK int erasure_receipt(struct db *db, struct arena *arena, const char *receipt,
                               struct erasure *ret_erasure);

/*
 * Upkeep: as the server itself (caller_service()) or as the system.
 */

/* @since: RFC 3339, or "-infinity". @ret_erasures: arena; the oldest first */
MUST_CHECK int erasure_list(struct db *db, struct arena *arena, const char *since,
                            struct erasure **ret_erasures, size_t *ret_count);
/* Once more, as the system. @ret_found: was there somebody? */
MUST_CHECK int erasure_again(struct db *db, const struct erasure *erasure, bool *ret_found);
/* Who asked for what is older than a day. */
MUST_CHECK int erasure_forget_askers(struct db *db, uint32_t rows_max, uint64_t *ret_forgotten);

struct erasure_bounds {
    uint32_t days;     /* without anything happening */
    uint32_t rows_max; /* erased at once */
    uint32_t due_max;  /* when more are due than this, nobody is; 0: a tenth of all, or 20 */
};
struct erasure_figures {
    uint64_t erased;
    uint64_t due; /* counted up to due_max and one more */
    bool is_held; /* more were due than can be meant */
};
/* Whom nothing has happened with for so long. */
MUST_CHECK int erasure_expire(struct db *db, const struct erasure_bounds *bounds,
                              struct erasure_figures *ret_figures);
