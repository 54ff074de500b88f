#pragma once
/*
 * Ledger
 *
 * The file that remembers erasures outside of the database, since a backup
 * brings back the person and forgets the erasure. A line for each, of ids that
 * lead to nobody: "RECEIPT PERSON mentor request 2026-03-02T09:30:00.000Z". It is
 * only ever added to, and each line is on the disk before it counts. Several
 * servers may share it.
 */
#include "base/annotate.h"
#include "mentoring/erasure.h"

#include <stddef.h>

struct arena;
struct db;

enum ledger_outcome {
    LEDGER_UNUSABLE = 550, /* it cannot be read or written: told in the log */
    LEDGER_DAMAGED         /* a line is none; which one is told in the log */
};

/*
 * ledger_read() - all of it; a file that there is not yet is an empty one
 * @path:         borrowed
 * @ret_erasures: arena; each once, the oldest first
 * Return: 0; LEDGER_UNUSABLE, _DAMAGED; a fault.
 */
MUST_CHECK int ledger_read(const char *path, struct arena *arena, struct erasure **ret_erasures,
                           size_t *ret_count);

/* Behind what there is, on the disk when this returns. Return: 0; LEDGER_UNUSABLE; a fault. */
MUST_CHECK int ledger_append(const char *path, const struct erasure *erasures, size_t count);

/*
 * ledger_meet() - what one of the two knows and the other does not
 * What the database knows alone is added to the file.
 * @db:          in a transaction of caller_service() or of the system
 * @ret_missing: arena; what the database does not know: it is to be done again
 * Return: 0; LEDGER_UNUSABLE, _DAMAGED; a db outcome; a fault.
 */
MUST_CHECK int ledger_meet(struct db *db, const char *path, struct arena *arena,
                           struct erasure **ret_missing, size_t *ret_count);
/* Only what the database has learnt since yesterday, now and then: from other servers, and where
 * the file could not be written at once. As above. */
MUST_CHECK int ledger_catch_up(struct db *db, const char *path, struct arena *arena);
