#include "mentoring/meeting.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/uuid.h"
#include "db/db.h"
#include "db/time.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#define NUMBER_BYTES 24
#define COLUMNS                                                                                    \
    "m.id, m.state, m.version, to_char(m.starts_at" DB_RFC3339                                     \
    ", m.duration_minutes, m.format, m.reason, to_char(m.answer_by" DB_RFC3339                     \
    ", to_char(m.overdue_since" DB_RFC3339 ", to_char(m.updated_at" DB_RFC3339
enum {
    MEETING_ID,
    MEETING_STATE,
    MEETING_VERSION,
    MEETING_STARTS_AT,
    MEETING_DURATION,
    MEETING_FORMAT,
    MEETING_REASON,
    MEETING_ANSWER_BY,
    MEETING_OVERDUE,
    MEETING_UPDATED_AT
};
#define ONE                                                                                        \
    "select " COLUMNS " from mentoring.meeting m where m.pair_id = $1::uuid and m.id = $2::uuid"
static const struct db_query GET = {
    .name = "meeting_get",
    .sql = ONE,
    .param_count = 2,
};
static const struct db_query LOCK = {
    .name = "meeting_lock",
    .sql = ONE " for no key update",
    .param_count = 2,
};
static const struct db_query LIST = {
    .name = "meeting_list",
    .sql = "select " COLUMNS " from mentoring.meeting m where m.pair_id = $1::uuid "
           "and ($2::text is null or m.state = any (string_to_array($2, ','))) "
           "and (not $3::boolean or m.overdue_since is not null) "
           "and ($4::timestamptz is null "
           "or (m.starts_at, m.id) > ($4::timestamptz, $5::uuid)) "
           "order by m.starts_at, m.id limit $6::integer",
    .param_count = 6,
};
/* A month is the twelfth of 365.25 days; what is expected stops with the pair. */
static const struct db_query PROGRESS = {
    .name = "meeting_progress",
    .sql = "select count(*) filter (where m.state = 'held'), "
           "count(*) filter (where m.state = 'planned'), "
           "count(*) filter (where m.state = 'missed'), "
           "count(*) filter (where m.overdue_since is not null), "
           "(select floor(extract(epoch from least(now(), p.due_at, p.ended_at) - p.started_at) "
           "/ (30.4375 * 86400) * g.meetings_per_month)::integer "
           "from mentoring.pair p join catalogue.mentoring_programmes g on g.id = p.programme_id "
           "where p.id = $1::uuid) "
           "from mentoring.meeting m where m.pair_id = $1::uuid",
    .param_count = 1,
};
static const struct db_query ADD = {
    .name = "meeting_add",
    .sql = "insert into mentoring.meeting "
           "(id, pair_id, state, starts_at, duration_minutes, format, reason) "
           "values ($1::uuid, $2::uuid, $3, date_trunc('milliseconds', $4::timestamptz), "
           "$5::integer, $6, $7)",
    .param_count = 7,
};
static const struct db_query CHANGE = {
    .name = "meeting_change",
    .sql = "update mentoring.meeting set state = $2, "
           "starts_at = date_trunc('milliseconds', $3::timestamptz), "
           "duration_minutes = $4::integer, format = $5, reason = $6, version = version + 1, "
           "updated_at = date_trunc('milliseconds', now()) where id = $1::uuid",
    .param_count = 6,
};

static int read_meeting(const struct db_rows *rows, size_t row, struct arena *arena,
                        struct meeting *ret_meeting)
{
    int64_t version;

    if (!num_parse_i64(db_rows_text(rows, row, MEETING_VERSION), 1, INT32_MAX, &version))
        return fault_raise(-EPROTO);
    *ret_meeting = (struct meeting){
        .id = arena_copy(arena, db_rows_text(rows, row, MEETING_ID)),
        .state = arena_copy(arena, db_rows_text(rows, row, MEETING_STATE)),
        .version = (long)version,
        .starts_at = arena_copy(arena, db_rows_text(rows, row, MEETING_STARTS_AT)),
        .duration_minutes = arena_copy(arena, db_rows_text(rows, row, MEETING_DURATION)),
        .format = arena_copy(arena, db_rows_text(rows, row, MEETING_FORMAT)),
        .reason = arena_copy(arena, db_rows_text(rows, row, MEETING_REASON)),
        .answer_by = arena_copy(arena, db_rows_text(rows, row, MEETING_ANSWER_BY)),
        .overdue_since = arena_copy(arena, db_rows_text(rows, row, MEETING_OVERDUE)),
        .updated_at = arena_copy(arena, db_rows_text(rows, row, MEETING_UPDATED_AT)),
    };
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int meeting_get(struct db *db, struct arena *arena, const char *pair_id, const char *id, bool lock,
                struct meeting *ret_meeting)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r;

    if (!uuid_is_valid(id))
        return MEETING_NOT_FOUND;
    r = db_run(db, lock ? &LOCK : &GET, (const char *const[]){pair_id, id}, &rows);
    if (r != 0)
        return r;
    return db_rows_count(rows) == 0 ? MEETING_NOT_FOUND : read_meeting(rows, 0, arena, ret_meeting);
}

int meeting_list(struct db *db, struct arena *arena, const char *pair_id,
                 const struct meeting_filter *filter, struct meeting **ret_meetings,
                 size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct meeting *meetings = arena_alloc_array(arena, filter->limit + 1, sizeof(*meetings));
    char limit[NUMBER_BYTES];
    const char *const values[] = {pair_id,
                                  filter->states,
                                  filter->is_overdue ? "true" : "false",
                                  filter->after_start,
                                  filter->after_id,
                                  limit};
    int r;

    if (meetings == NULL)
        return fault_raise(-ENOMEM);
    (void)snprintf(limit, sizeof(limit), "%zu", filter->limit + 1);
    r = db_run(db, &LIST, values, &rows);
    for (size_t i = 0; r == 0 && i < db_rows_count(rows); i++)
        r = read_meeting(rows, i, arena, &meetings[i]);
    if (r != 0)
        return r;
    *ret_meetings = meetings;
    *ret_count = db_rows_count(rows);
    return 0;
}

int meeting_progress(struct db *db, struct arena *arena, const char *pair_id,
                     struct meeting_progress *ret_progress)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &PROGRESS, (const char *const[]){pair_id}, &rows);

    if (r != 0)
        return r;
    *ret_progress = (struct meeting_progress){
        .held = arena_copy(arena, db_rows_text(rows, 0, 0)),
        .planned = arena_copy(arena, db_rows_text(rows, 0, 1)),
        .missed = arena_copy(arena, db_rows_text(rows, 0, 2)),
        .overdue = arena_copy(arena, db_rows_text(rows, 0, 3)),
        .expected = arena_copy(arena, db_rows_text(rows, 0, 4)),
    };
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int meeting_add(struct db *db, struct arena *arena, const char *pair_id,
                const struct meeting *meeting, const char **ret_id)
{
    char *id = arena_alloc(arena, UUID_TEXT_BYTES);

    if (id == NULL)
        return fault_raise(-ENOMEM);
    uuid_make_v4(id);
    *ret_id = id;
    return db_run(db, &ADD,
                  (const char *const[]){id, pair_id, meeting->state, meeting->starts_at,
                                        meeting->duration_minutes, meeting->format,
                                        meeting->reason},
                  NULL);
}

int meeting_change(struct db *db, const struct meeting *meeting)
{
    return db_run(db, &CHANGE,
                  (const char *const[]){meeting->id, meeting->state, meeting->starts_at,
                                        meeting->duration_minutes, meeting->format,
                                        meeting->reason},
                  NULL);
}
