#include "mentoring/erasure.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/uuid.h"
#include "db/db.h"
#include "db/time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_BYTES 24
#define INTERVAL_BYTES 32
/* As many may be due at once in a small programme, and a tenth of all in a large one: more is a
 * clock that is wrong, or a setting that somebody should look at first. */
#define DUE_MIN 20
#define DUE_PART 10

static const struct db_query RUN = {
    .name = "erasure_run",
    .sql = "select receipt, null, null, null, to_char(erased_at" DB_RFC3339 ", audit_id "
           "from mentoring.erase($1::uuid, $2::mentoring.participant_kind)",
    .param_count = 2,
};
static const struct db_query GONE = {
    .name = "erasure_gone",
    .sql = "select receipt, null, null, null, to_char(erased_at" DB_RFC3339 ", null "
           "from mentoring.gone($1::uuid, $2::mentoring.participant_kind)",
    .param_count = 2,
};
static const struct db_query RECEIPT = {
    .name = "erasure_receipt",
    .sql = "select $1::uuid, null, kind, cause, to_char(erased_at" DB_RFC3339 ", null "
           "from mentoring.receipt($1::uuid)",
    .param_count = 1,
};
static const struct db_query LIST = {
    .name = "erasure_list",
    .sql = "select receipt, participant_id, kind, cause, to_char(erased_at" DB_RFC3339 ", null "
           "from mentoring.erasures_since($1::timestamptz)",
    .param_count = 1,
};
static const struct db_query AGAIN = {
    .name = "erasure_again",
    .sql = "select mentoring.erase_again($1::uuid, $2::uuid, $3::mentoring.participant_kind, $4, "
           "$5::timestamptz)",
    .param_count = 5,
};
static const struct db_query FORGET = {
    .name = "erasure_forget_askers",
    .sql = "select mentoring.forget_askers($1::integer)",
    .param_count = 1,
};
static const struct db_query EXPIRE = {
    .name = "erasure_expire",
    .sql = "select due, erased from mentoring.expire($1::interval, $2::integer, $3::integer)",
    .param_count = 3,
};
static const struct db_query PEOPLE = {
    .name = "erasure_people",
    .sql = "select mentoring.people()",
};

static void read_erasure(const struct db_rows *rows, size_t row, struct arena *arena,
                         struct erasure *ret)
{
    enum { RECEIPT_ID, PARTICIPANT, KIND, CAUSE, AT, AUDIT_ID };

    *ret = (struct erasure){
        .receipt = arena_copy(arena, db_rows_text(rows, row, RECEIPT_ID)),
        .participant_id = arena_copy(arena, db_rows_text(rows, row, PARTICIPANT)),
        .kind = arena_copy(arena, db_rows_text(rows, row, KIND)),
        .cause = arena_copy(arena, db_rows_text(rows, row, CAUSE)),
        .erased_at = arena_copy(arena, db_rows_text(rows, row, AT)),
        .audit_id = arena_copy(arena, db_rows_text(rows, row, AUDIT_ID)),
    };
}

static int one(struct db *db, struct arena *arena, const struct db_query *query, const char *id,
               const char *kind, struct erasure *ret_erasure)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r;

    if (!uuid_is_valid(id))
        return ERASURE_NOT_FOUND;
    r = db_run(db, query, (const char *const[]){id, kind}, &rows);
    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return ERASURE_NOT_FOUND;
    read_erasure(rows, 0, arena, ret_erasure);
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int erasure_run(struct db *db, struct arena *arena, enum participant_kind kind, const char *id,
                struct erasure *ret_erasure)
{
    return one(db, arena, &RUN, id, participant_kind_name(kind), ret_erasure);
}

int erasure_gone(struct db *db, struct arena *arena, enum participant_kind kind, const char *id,
                 struct erasure *ret_erasure)
{
    return one(db, arena, &GONE, id, participant_kind_name(kind), ret_erasure);
}

int erasure_receipt(struct db *db, struct arena *arena, const char *receipt,
                    struct erasure *ret_erasure)
{
    return one(db, arena, &RECEIPT, receipt, NULL, ret_erasure);
}

/* --- upkeep --------------------------------------------------------------------------------- */

int erasure_list(struct db *db, struct arena *arena, const char *since,
                 struct erasure **ret_erasures, size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct erasure *list;
    int r = db_run(db, &LIST, (const char *const[]){since}, &rows);

    if (r != 0)
        return r;
    *ret_count = db_rows_count(rows);
    list = arena_alloc_array(arena, *ret_count + 1, sizeof(*list));
    for (size_t i = 0; i < *ret_count && list != NULL; i++)
        read_erasure(rows, i, arena, &list[i]);
    *ret_erasures = list;
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int erasure_again(struct db *db, const struct erasure *erasure, bool *ret_found)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &AGAIN,
                   (const char *const[]){erasure->receipt, erasure->participant_id, erasure->kind,
                                         erasure->cause, erasure->erased_at},
                   &rows);

    if (r == 0)
        *ret_found = strcmp(db_rows_text(rows, 0, 0), "t") == 0;
    return r;
}

static uint64_t count_at(const struct db_rows *rows, int column)
{
    const char *text = db_rows_text(rows, 0, column);
    int64_t count = 0;

    return text != NULL && num_parse_i64(text, 0, INT64_MAX, &count) ? (uint64_t)count : 0;
}

int erasure_forget_askers(struct db *db, uint32_t rows_max, uint64_t *ret_forgotten)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char most[NUMBER_BYTES];
    int r;

    (void)snprintf(most, sizeof(most), "%" PRIu32, rows_max);
    r = db_run(db, &FORGET, (const char *const[]){most}, &rows);
    if (r == 0)
        *ret_forgotten = count_at(rows, 0);
    return r;
}

/* How many may be due. */
static int find_bound(struct db *db, uint64_t *ret_bound)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &PEOPLE, NULL, &rows);

    if (r != 0)
        return r;
    *ret_bound = count_at(rows, 0) / DUE_PART;
    if (*ret_bound < DUE_MIN)
        *ret_bound = DUE_MIN;
    if (*ret_bound >= INT32_MAX)
        *ret_bound = INT32_MAX - 1;
    return 0;
}

int erasure_expire(struct db *db, const struct erasure_bounds *bounds,
                   struct erasure_figures *ret_figures)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char age[INTERVAL_BYTES], most[NUMBER_BYTES], due_max[NUMBER_BYTES];
    uint64_t bound = bounds->due_max;
    int r = bounds->due_max == 0 ? find_bound(db, &bound) : 0;

    if (r != 0)
        return r;
    (void)snprintf(age, sizeof(age), "%" PRIu32 " days", bounds->days);
    (void)snprintf(most, sizeof(most), "%" PRIu32, bounds->rows_max);
    (void)snprintf(due_max, sizeof(due_max), "%" PRIu64, bound);
    r = db_run(db, &EXPIRE, (const char *const[]){age, most, due_max}, &rows);
    if (r != 0)
        return r;
    ret_figures->due = count_at(rows, 0);
    ret_figures->erased = count_at(rows, 1);
    ret_figures->is_held = ret_figures->due > bound;
    return 0;
}
