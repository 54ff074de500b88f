#include "mentoring/due.h"

#include "db/db.h"

#include <stdio.h>

#define NUMBER_BYTES 16

/* The state before is that of the row that was locked. */
static const struct db_query EXPIRE = {
    .name = "due_expire",
    .sql = "with late as materialized ("
           "select p.id, p.state from mentoring.pair p "
           "where p.state in ('proposed', 'accepted') and p.respond_by < now() "
           "order by p.respond_by limit $1::integer for no key update skip locked) "
           "update mentoring.pair p set state = 'expired', version = p.version + 1, "
           "reason = 'no_answer', ended_at = date_trunc('milliseconds', clock_timestamp()), "
           "updated_at = date_trunc('milliseconds', clock_timestamp()) "
           "from late where late.id = p.id "
           "returning p.id, late.state",
    .param_count = 1,
};
/* What the update above did is seen by the next statement, not by its own. */
static const struct db_query NOTE = {
    .name = "due_note",
    .sql = "insert into mentoring.pair_move "
           "(pair_id, version, move, from_state, to_state, actor, reason, at) "
           "select p.id, p.version, 'expire', $2, p.state, 'service', p.reason, p.updated_at "
           "from mentoring.pair p where p.id = $1::uuid "
           "returning audit.append('pair.expire', 'mentoring-pairs', pair_id, version, null)",
    .param_count = 2,
};
static const struct db_query MARK = {
    .name = "due_mark",
    .sql = "with late as materialized ("
           "select m.id from mentoring.meeting m "
           "where m.state = 'planned' and m.overdue_since is null and m.answer_by < now() "
           "order by m.answer_by limit $1::integer for no key update skip locked) "
           "update mentoring.meeting m set overdue_since = m.answer_by, version = m.version + 1, "
           "updated_at = date_trunc('milliseconds', now()) from late where late.id = m.id "
           "returning audit.append('meeting.overdue', 'meetings', m.id, m.version, null)",
    .param_count = 1,
};

int due_expire_pairs(struct db *db, uint32_t limit, uint64_t *ret_done)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char text[NUMBER_BYTES];
    int r;

    (void)snprintf(text, sizeof(text), "%u", (unsigned)limit);
    r = db_run(db, &EXPIRE, (const char *const[]){text}, &rows);
    for (size_t i = 0; r == 0 && i < db_rows_count(rows); i++)
        r = db_run(db, &NOTE,
                   (const char *const[]){db_rows_text(rows, i, 0), db_rows_text(rows, i, 1)}, NULL);
    if (r == 0)
        *ret_done = db_rows_count(rows);
    return r;
}

int due_mark_meetings(struct db *db, uint32_t limit, uint64_t *ret_done)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char text[NUMBER_BYTES];
    int r;

    (void)snprintf(text, sizeof(text), "%u", (unsigned)limit);
    r = db_run(db, &MARK, (const char *const[]){text}, &rows);
    if (r == 0)
        *ret_done = db_rows_count(rows);
    return r;
}
