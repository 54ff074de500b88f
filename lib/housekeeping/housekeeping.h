#pragma once
/*
 * Housekeeping
 *
 * What has served its time is removed: idempotency keys after a day, revoked
 * tokens when they would have expired, how to reach who proposed a correction
 * 30 days after the decision, people of mentoring with whom nothing has
 * happened for long, entries of the audit log by age. What is due is done:
 * proposed pairs expire, planned meetings become overdue, the statistics of a
 * year are published. Once a day the audit log is sealed. In small transactions as the server
 * itself (caller_service()), each under a lock that one node at a time can have. Each node's own is
 * the file that remembers erasures (mentoring/ledger.h), which it keeps up with the database; where
 * the file knows of erasures that the database has forgotten, or cannot be read, nobody is erased
 * by age and no statistics are published: both would be of people who should not be there.
 */
#include "audit/audit.h"
#include "base/annotate.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct db_pool;

enum housekeeping_kind {
    HOUSEKEEPING_IDEMPOTENCY_KEYS,
    HOUSEKEEPING_REVOKED_TOKENS,
    HOUSEKEEPING_PROPOSAL_CONTACTS,
    HOUSEKEEPING_ERASURE_ASKERS, /* who asked for an erasure, a day later */
    HOUSEKEEPING_PARTICIPANTS,
    HOUSEKEEPING_AUDIT_ENTRIES,
    HOUSEKEEPING_KINDS
};

/* "idempotency_keys"; a constant. */
const char *housekeeping_kind_name(enum housekeeping_kind kind);

enum housekeeping_due {
    HOUSEKEEPING_EXPIRED_PAIRS,
    HOUSEKEEPING_OVERDUE_MEETINGS,
    HOUSEKEEPING_STATISTICS,
    HOUSEKEEPING_DUES
};

/* "expired_pairs"; a constant. */
const char *housekeeping_due_name(enum housekeeping_due due);

struct housekeeping_settings {
    uint32_t audit_days;     /* how old entries of the audit log become: AUDIT_DAYS_MIN or more */
    uint32_t retention_days; /* without anything happening with a participant; 0: for ever */
    uint32_t retention_max;  /* when more are due than this, nobody is erased; 0: as
                                erasure_expire() finds right */
    const char *erasure_ledger; /* borrowed; path; "": none */
};

struct housekeeping_figures {
    uint64_t removed[HOUSEKEEPING_KINDS];
    uint64_t due[HOUSEKEEPING_DUES]; /* was done */
    uint64_t held;    /* people who are due and were left, because they are too many; at least */
    uint64_t missing; /* erasures of the ledger that the database does not know */
    struct audit_seal seal; /* is_new: taken in this round */
    bool is_elsewhere;      /* another node was at it: this one has left it to that */
};

/*
 * housekeeping_run() - one round
 * @pool:        borrowed; of role express_writer
 * @settings:    borrowed
 * @stop:        borrowed; looked at between the transactions: true ends the round
 * @ret_figures: filled also after a failure, with what was done until then
 *
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int housekeeping_run(struct db_pool *pool, const struct housekeeping_settings *settings,
                                const atomic_bool *stop, struct housekeeping_figures *ret_figures);
