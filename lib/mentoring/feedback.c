#include "mentoring/feedback.h"

#include "base/arena.h"
#include "base/fault.h"
#include "db/db.h"
#include "db/time.h"

#include <errno.h>

enum { SIDE, MOMENT, SATISFACTION, USEFULNESS, RELATIONSHIP, WOULD_REPEAT, GIVEN_AT };
static const struct db_query LIST = {
    .name = "feedback_list",
    .sql = "select side, moment, satisfaction, usefulness, relationship, would_repeat::text, "
           "to_char(given_at" DB_RFC3339 " "
           "from mentoring.feedback where pair_id = $1::uuid order by moment desc, side limit 4",
    .param_count = 1,
};
static const struct db_query GIVE = {
    .name = "feedback_give",
    .sql =
        "insert into mentoring.feedback "
        "(pair_id, side, moment, satisfaction, usefulness, relationship, would_repeat) "
        "values ($1::uuid, $2, $3, $4::integer, $5::integer, $6::integer, $7::boolean) "
        "on conflict (pair_id, side, moment) do update set satisfaction = excluded.satisfaction, "
        "usefulness = excluded.usefulness, relationship = excluded.relationship, "
        "would_repeat = excluded.would_repeat, given_at = date_trunc('milliseconds', now())",
    .param_count = 7,
};

int feedback_list(struct db *db, struct arena *arena, const char *pair_id,
                  struct feedback ret_feedback[FEEDBACK_MAX], size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &LIST, (const char *const[]){pair_id}, &rows);

    if (r != 0)
        return r;
    for (size_t i = 0; i < db_rows_count(rows) && i < FEEDBACK_MAX; i++)
        ret_feedback[i] = (struct feedback){
            .side = arena_copy(arena, db_rows_text(rows, i, SIDE)),
            .moment = arena_copy(arena, db_rows_text(rows, i, MOMENT)),
            .satisfaction = arena_copy(arena, db_rows_text(rows, i, SATISFACTION)),
            .usefulness = arena_copy(arena, db_rows_text(rows, i, USEFULNESS)),
            .relationship = arena_copy(arena, db_rows_text(rows, i, RELATIONSHIP)),
            .would_repeat = arena_copy(arena, db_rows_text(rows, i, WOULD_REPEAT)),
            .given_at = arena_copy(arena, db_rows_text(rows, i, GIVEN_AT)),
        };
    *ret_count = db_rows_count(rows);
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int feedback_give(struct db *db, const char *pair_id, const struct feedback *feedback)
{
    return db_run(db, &GIVE,
                  (const char *const[]){pair_id, feedback->side, feedback->moment,
                                        feedback->satisfaction, feedback->usefulness,
                                        feedback->relationship, feedback->would_repeat},
                  NULL);
}
