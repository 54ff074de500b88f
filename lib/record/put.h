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
    bool is_unchanged;
    long version;              /* that it gets when it is stored */
    const char *stored_digest; /* of what it replaces; NULL: none */
};

struct put_summary {
    size_t created;
    size_t updated;
    size_t unchanged;
};

enum put_outcome { PUT_INVALID = 100 }; /* beyond the outcomes of the database */

/*
 * put_records() - create or replace records, found again by their slug
 * @db:      in a transaction of the caller, who commits
 * @source:  borrowed; recorded as source.name, with the slug as
 *           source.external_id, where a draft names no source of its own;
 *           may be NULL
 * @problem: receives every fault of every draft (validation-failed)
 *
 * A record that would not change is left alone: same version, no entry in the
 * change log.
 *
 * Return: 0; PUT_INVALID: nothing may be committed; a db outcome; a fault.
 */
MUST_CHECK int put_records(const struct model *model, struct db *db, struct put_draft *drafts,
                           size_t count, const char *source, struct arena *arena,
                           struct problem *problem, struct put_summary *ret_summary);
