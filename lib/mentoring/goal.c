#include "mentoring/goal.h"

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
    "g.id, g.term, g.state, g.progress, g.version, to_char(g.created_at" DB_RFC3339                \
    ", to_char(g.updated_at" DB_RFC3339
enum { ID, TERM, STATE, PROGRESS, VERSION, CREATED_AT, UPDATED_AT };
#define ONE                                                                                        \
    "select " COLUMNS " from mentoring.goal g where g.pair_id = $1::uuid and g.id = $2::uuid"
static const struct db_query GET = {
    .name = "goal_get",
    .sql = ONE,
    .param_count = 2,
};
static const struct db_query LOCK = {
    .name = "goal_lock",
    .sql = ONE " for no key update",
    .param_count = 2,
};
static const struct db_query LIST = {
    .name = "goal_list",
    .sql = "select " COLUMNS " from mentoring.goal g where g.pair_id = $1::uuid "
           "order by g.created_at, g.id limit $2::integer",
    .param_count = 2,
};
static const struct db_query ADD = {
    .name = "goal_add",
    .sql = "insert into mentoring.goal (id, pair_id, term, progress) "
           "values ($1::uuid, $2::uuid, $3, coalesce($4::integer, 0))",
    .param_count = 4,
};
static const struct db_query CHANGE = {
    .name = "goal_change",
    .sql = "update mentoring.goal set state = $2, progress = $3::integer, version = version + 1, "
           "updated_at = date_trunc('milliseconds', now()) where id = $1::uuid",
    .param_count = 3,
};

static int read_goal(const struct db_rows *rows, size_t row, struct arena *arena,
                     struct goal *ret_goal)
{
    int64_t version;

    if (!num_parse_i64(db_rows_text(rows, row, VERSION), 1, INT32_MAX, &version))
        return fault_raise(-EPROTO);
    *ret_goal = (struct goal){
        .id = arena_copy(arena, db_rows_text(rows, row, ID)),
        .term = arena_copy(arena, db_rows_text(rows, row, TERM)),
        .state = arena_copy(arena, db_rows_text(rows, row, STATE)),
        .progress = arena_copy(arena, db_rows_text(rows, row, PROGRESS)),
        .version = (long)version,
        .created_at = arena_copy(arena, db_rows_text(rows, row, CREATED_AT)),
        .updated_at = arena_copy(arena, db_rows_text(rows, row, UPDATED_AT)),
    };
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int goal_get(struct db *db, struct arena *arena, const char *pair_id, const char *id, bool lock,
             struct goal *ret_goal)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r;

    if (!uuid_is_valid(id))
        return GOAL_NOT_FOUND;
    r = db_run(db, lock ? &LOCK : &GET, (const char *const[]){pair_id, id}, &rows);
    if (r != 0)
        return r;
    return db_rows_count(rows) == 0 ? GOAL_NOT_FOUND : read_goal(rows, 0, arena, ret_goal);
}

int goal_list(struct db *db, struct arena *arena, const char *pair_id, struct goal **ret_goals,
              size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct goal *goals = arena_alloc_array(arena, GOALS_MAX, sizeof(*goals));
    char limit[NUMBER_BYTES];
    int r;

    if (goals == NULL)
        return fault_raise(-ENOMEM);
    (void)snprintf(limit, sizeof(limit), "%d", GOALS_MAX);
    r = db_run(db, &LIST, (const char *const[]){pair_id, limit}, &rows);
    for (size_t i = 0; r == 0 && i < db_rows_count(rows); i++)
        r = read_goal(rows, i, arena, &goals[i]);
    if (r != 0)
        return r;
    *ret_goals = goals;
    *ret_count = db_rows_count(rows);
    return 0;
}

int goal_add(struct db *db, struct arena *arena, const char *pair_id, const char *term,
             const char *progress, const char **ret_id)
{
    char *id = arena_alloc(arena, UUID_TEXT_BYTES);

    if (id == NULL)
        return fault_raise(-ENOMEM);
    uuid_make_v4(id);
    *ret_id = id;
    return db_run(db, &ADD, (const char *const[]){id, pair_id, term, progress}, NULL);
}

int goal_change(struct db *db, const struct goal *goal)
{
    return db_run(db, &CHANGE, (const char *const[]){goal->id, goal->state, goal->progress}, NULL);
}
