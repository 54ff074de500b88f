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

#include <jansson.h>
#include <stddef.h>

struct arena;
struct db;

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
