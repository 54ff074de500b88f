#pragma once
/*
 * Ledger
 *
 * The file that remembers outside of the database what a backup must not undo:
 * erasures, since it brings back the person and forgets the erasure, and which
 * years the public was told statistics of, since a second publication about the
 * same people would tell by its difference who came or went. A line for each:
 * "RECEIPT PERSON mentor request 2026-03-02T09:30:00.000Z", of ids that lead to
 * nobody; "statistics 2025 2026-07-01T00:00:45.120Z". It is only ever added to,
 * and each line is on the disk before it counts. Several servers may share it.
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

struct ledger {               /* in an arena */
    struct erasure *erasures; /* each once */
    size_t erasure_count;
    struct statistics_told *told; /* each year once */
    size_t told_count;
};

/*
 * ledger_read() - all of it; a file that there is not yet is an empty one
 * @path: borrowed
 * Return: 0; LEDGER_UNUSABLE, _DAMAGED; a fault.
 */
MUST_CHECK int ledger_read(const char *path, struct arena *arena, struct ledger *ret_ledger);

/* Behind what there is, on the disk when this returns. Return: 0; LEDGER_UNUSABLE; a fault. */
MUST_CHECK int ledger_append(const char *path, const struct ledger *ledger);

/*
 * ledger_meet() - what one of the two knows and the other does not
 * What the database knows alone is added to the file: it is of other servers, or could not be
 * written at once.
 * @db:          in a transaction of caller_service() or of the system
 * @ret_missing: what the database does not know: erasures that are to be done again, and years
 * whose statistics are not to be made again Return: 0; LEDGER_UNUSABLE, _DAMAGED; a db outcome; a
 * fault.
 */
MUST_CHECK int ledger_meet(struct db *db, const char *path, struct arena *arena,
                           struct ledger *ret_missing);
