#pragma once
/*
 * Meeting
 *
 * The meetings of a pair. The only module that knows the columns of
 * mentoring.meeting; like pair_store.h it works in the transaction of a caller.
 * When which may be added or changed, the database says: DB_CHECK_VIOLATION with
 * the name of the rule.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;

enum meeting_outcome { MEETING_NOT_FOUND = 540 }; /* beyond the outcomes of the database */

/* Texts in the arena; times RFC 3339 UTC; numbers as text; NULL: there is none. */
struct meeting {
    const char *id;
    const char *state; /* planned, held, missed, cancelled */
    long version;
    const char *starts_at;
    const char *duration_minutes;
    const char *format; /* in_person, remote */
    const char *reason;
    const char *answer_by;     /* until then somebody should say what became of it */
    const char *overdue_since; /* nobody has */
    const char *updated_at;
};

/* @pair_id: of a pair that is the caller's to see. @lock: for update */
MUST_CHECK int meeting_get(struct db *db, struct arena *arena, const char *pair_id, const char *id,
                           bool lock, struct meeting *ret_meeting);

struct meeting_filter {
    const char *states; /* separated by commas; checked; NULL: any */
    bool is_overdue;
    const char
        *after_start; /* place of the last one of the page before; NULL: from the beginning */
    const char *after_id;
    size_t limit;
};
/* By their beginnings; up to @filter->limit + 1. */
MUST_CHECK int meeting_list(struct db *db, struct arena *arena, const char *pair_id,
                            const struct meeting_filter *filter, struct meeting **ret_meetings,
                            size_t *ret_count);

/* How many of what the programme expects. Texts in the arena. */
struct meeting_progress {
    const char *held;
    const char *planned;
    const char *missed;
    const char *overdue;
    const char *expected; /* until today; NULL: the programme does not say, or it has not begun */
};
MUST_CHECK int meeting_progress(struct db *db, struct arena *arena, const char *pair_id,
                                struct meeting_progress *ret_progress);

/* @meeting: state, starts_at, duration_minutes, format and reason are looked at. @ret_id: arena */
MUST_CHECK int meeting_add(struct db *db, struct arena *arena, const char *pair_id,
                           const struct meeting *meeting, const char **ret_id);
/* The same members, of the meeting with @meeting->id, which is locked. */
MUST_CHECK int meeting_change(struct db *db, const struct meeting *meeting);
