#include "mentoring/outcome.h"

#include "base/arena.h"
#include "base/fault.h"
#include "db/db.h"
#include "db/time.h"

#include <errno.h>

enum { MOMENT, CODE, NOTED_AT };
static const struct db_query LIST = {
    .name = "outcome_list",
    .sql = "select moment, code, "
           "to_char(noted_at" DB_RFC3339 " "
           "from mentoring.outcome where pair_id = $1::uuid order by moment, code limit 15",
    .param_count = 1,
};
static const struct db_query NOTE = {
    .name = "outcome_note",
    .sql = "insert into mentoring.outcome (pair_id, moment, code) values ($1::uuid, $2, $3) "
           "on conflict (pair_id, moment, code) do nothing",
    .param_count = 3,
};
static const struct db_query REMOVE = {
    .name = "outcome_remove",
    .sql = "delete from mentoring.outcome "
           "where pair_id = $1::uuid and moment = $2 and code = $3",
    .param_count = 3,
};

int outcome_list(struct db *db, struct arena *arena, const char *pair_id,
                 struct outcome ret_outcomes[OUTCOMES_MAX], size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &LIST, (const char *const[]){pair_id}, &rows);

    if (r != 0)
        return r;
    for (size_t i = 0; i < db_rows_count(rows) && i < OUTCOMES_MAX; i++)
        ret_outcomes[i] =
            (struct outcome){.moment = arena_copy(arena, db_rows_text(rows, i, MOMENT)),
                             .code = arena_copy(arena, db_rows_text(rows, i, CODE)),
                             .noted_at = arena_copy(arena, db_rows_text(rows, i, NOTED_AT))};
    *ret_count = db_rows_count(rows);
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int outcome_note(struct db *db, const char *pair_id, const char *moment, const char *code,
                 bool *ret_new)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &NOTE, (const char *const[]){pair_id, moment, code}, &rows);

    if (r == 0)
        *ret_new = db_rows_affected(rows) > 0;
    return r;
}

int outcome_remove(struct db *db, const char *pair_id, const char *moment, const char *code,
                   bool *ret_removed)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &REMOVE, (const char *const[]){pair_id, moment, code}, &rows);

    if (r == 0)
        *ret_removed = db_rows_affected(rows) > 0;
    return r;
}
