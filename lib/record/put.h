#pragma once
/*
 * Putting records
 *
 * The one way in which records come into the catalogue: checked against the
 * contract, relations resolved, stored, entered in the change log and
 * rendered, all of them or none.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;
struct model;
struct problem;
struct resource;

struct put_draft {
    const struct resource *resource;
    json_t *data;        /* borrowed; relations in it are replaced by ids */
    const char *pointer; /* prefix of what is reported: "/12", "practices.json/12" */
    /* Set by put_records(): */
    const char *id; /* in the arena */
    const char *slug;
    bool is_new;
    bool is_public; /* it is already */
    bool is_unchanged;
    bool is_touched;             /* somebody changed it since it was imported last */
    long version;                /* that it gets when it is stored */
    const char *stored_slug;     /* of what it replaces; NULL: none */
    const char *stored_digest;   /* of what is public, or was last; NULL: none */
    const char *imported_digest; /* of what was imported last; NULL: nothing was */
};

struct put_options {
    const char *source; /* recorded as source.name, with the slug as source.external_id, where a
                           draft names no source of its own; may be NULL */
    bool overwrite;     /* also what somebody changed since it was imported */
};

struct put_summary {
    size_t created;
    size_t updated;
    size_t unchanged;
};

enum put_outcome { PUT_INVALID = 100 }; /* beyond the outcomes of the database */

/*
 * put_records() - publish records, found again by their slug, an earlier one, or their source
 * @db:      in a transaction of the caller, who commits; it acts as the system
 * @options: borrowed
 * @problem: receives every fault of every draft (validation-failed)
 *
 * A record that reads as it does here, or as it did when it was imported last, is left alone,
 * whatever has happened to it since: same version, no entry in the change log. One that reads
 * otherwise, and was changed by somebody since, or waits for an editor with a change, or was
 * deleted, is a fault (changed-since-import), unless options->overwrite: then
 * it is published as it is imported, and what was is in its history.
 *
 * Return: 0; PUT_INVALID: nothing may be committed; a db outcome; a fault.
 */
MUST_CHECK int put_records(const struct model *model, struct db *db, struct put_draft *drafts,
                           size_t count, const struct put_options *options, struct arena *arena,
                           struct problem *problem, struct put_summary *ret_summary);
