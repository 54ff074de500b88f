#pragma once
/*
 * Audit list
 *
 * Entries of the audit log as JSON, the newest first, for administrators.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct db;
struct text;

/* Where a page ended; texts as PostgreSQL writes them. */
struct audit_place {
    const char *at;
    const char *chain;
    const char *position;
};

/* All borrowed and checked for their shape; NULL: whatever it is. */
struct audit_filter {
    const char *client_id;
    const char *record_id;
    const char *actions;             /* any of these, separated by commas */
    const char *roles;               /* the same */
    const char *after;               /* RFC 3339; from then on */
    const char *before;              /* until then */
    const struct audit_place *place; /* go on behind it */
    uint32_t limit;
};

/*
 * audit_list_append() - one page: objects separated by commas
 * @arena:     borrowed; @ret_next lives in it
 * @ret_next:  where this page ended, when there is more
 * @ret_more:  is there more?
 *
 * Return: 0; DB_CHECK_VIOLATION: a time that there is not; another db outcome; a fault.
 */
MUST_CHECK int audit_list_append(struct db *db, const struct audit_filter *filter,
                                 struct arena *arena, struct text *text,
                                 struct audit_place *ret_next, bool *ret_more);
