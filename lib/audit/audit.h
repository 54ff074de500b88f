#pragma once
/*
 * Audit
 *
 * Who did what, when, to which version: one entry for every write and for
 * every reading of what is not public, written in the same transaction and
 * chained by hashes. Ids and names of properties, never values. The chain is
 * kept by the database (audit.append()); who acts is taken from the transaction
 * (caller_begin()), so nobody can write in another's name.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct text;

struct audit_entry {
    const char *action;            /* "record.create", "working-copy.read", "client.disable" */
    const char *resource;          /* "practices"; NULL: of none */
    const char *record_id;         /* of the record, client, proposal …; NULL: none */
    long version;                  /* 0: none */
    const char *const *properties; /* names of what was changed; may be NULL */
    size_t property_count;
};

/*
 * audit_append() - in the caller's transaction
 * Return: 0; a db outcome; a fault: the transaction must not be committed.
 */
MUST_CHECK int audit_append(struct db *db, const struct audit_entry *entry);
/* The same, with the next statement. Return: as db_queue(). */
MUST_CHECK int audit_queue(struct db *db, const struct audit_entry *entry);

/*
 * audit_queue_all() - entries of one transaction that carries out several requests of one caller
 * @entries: @count of them, of one action and resource, each with a record
 * @requests: borrowed; the request id of each
 * Return: as db_queue().
 */
MUST_CHECK int audit_queue_all(struct db *db, const struct audit_entry *entries,
                               const char *const *requests, size_t count);

/*
 * audit_append_all() - one entry for each of @ids, in the caller's transaction
 * @ids:      borrowed; "{id,id}"
 * @versions: borrowed; "{1,3}", one for each; NULL: none
 * Return: as audit_append().
 */
MUST_CHECK int audit_append_all(struct db *db, const char *action, const char *resource,
                                const char *ids, const char *versions);

/*
 * Upkeep: as the server itself (caller_service()) or as the system.
 */
#define AUDIT_DAYS_MIN 90 /* younger entries are kept whoever asks: the database sees to it */

/*
 * audit_prune() - age: removes entries from the beginnings of the chains, in the caller's
 * transaction
 * @days:        how old they are; fewer than AUDIT_DAYS_MIN count as that
 * @entries_max: at most; who writes to the log waits for the end of the transaction
 * Leaves an entry of its own when it removed any. Return: 0; a db outcome; a fault.
 */
MUST_CHECK int audit_prune(struct db *db, uint32_t days, uint32_t entries_max,
                           uint64_t *ret_removed);

#define AUDIT_ROOT_BYTES 65 /* 64 hexadecimal digits */

/* How far all chains had come. Whoever keeps the root elsewhere can tell that nothing before it
 * was lost, cut off or rewritten since. */
struct audit_seal {
    uint64_t number; /* 0: none was taken, the last being too young */
    bool is_new;     /* false: nothing has happened since this one */
    char root[AUDIT_ROOT_BYTES];
};

/* In the caller's transaction. Return: 0; a db outcome; a fault. */
MUST_CHECK int audit_seal(struct db *db, uint32_t older_than_hours, struct audit_seal *ret_seal);

/* Is it 64 hexadecimal digits? */
bool audit_is_root(const char *text);

struct audit_verdict {
    uint64_t entries;
    uint64_t chains; /* that have entries */
    uint64_t faults; /* as many as there are; no more than AUDIT_FAULTS_SHOWN are told */
};
#define AUDIT_FAULTS_SHOWN 100

/*
 * audit_verify() - walk every chain, and hold it against the seals
 * @roots:  borrowed; @root_count roots of seals that were kept elsewhere
 * @faults: a line for each, with its end: "chain 5, entry 17: it is not what was written"
 * Outside a transaction. Return: 0, also with faults; a db outcome; a fault.
 */
MUST_CHECK int audit_verify(struct db *db, const char *const *roots, size_t root_count,
                            struct text *faults, struct audit_verdict *ret_verdict);
