/*
 * Inside, rows and columns stand in the order of their ids, and a weight is
 * ((score + 1) << TIE_SHIFT) + lot, with the lot below 1 << LOT_BITS: the lots of
 * all pairs together stay below half of what one unit of score weighs, so they
 * decide between equal sums alone. The sizes leave room in 63 bits for a price
 * of most-pairs, which is above all scores together, and for a forbidden weight,
 * which lies beyond every price: so no step has to ask whether a pair is allowed.
 */
#include "mentoring/assignment.h"

#include "base/annotate.h"
#include "base/fault.h"
#include "base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LOT_BITS 13
#define TIE_SHIFT 26
#define ROWS_BITS 12
#define SCORE_BITS 20
#define FORBIDDEN_WEIGHT (-(INT64_C(1) << 59))
#define FAR INT64_MAX

_Static_assert(COHORT_PERSONS_MAX < (1 << ROWS_BITS), "lots and scores fit their bits");
_Static_assert(ASSIGNMENT_SCORE_MAX + 1 < (1 << SCORE_BITS), "scores fit their bits");
_Static_assert(LOT_BITS + ROWS_BITS < TIE_SHIFT, "all lots weigh less than half a score");
_Static_assert(ROWS_BITS + SCORE_BITS + TIE_SHIFT <= 58,
               "two prices together stay nearer than what is forbidden");

struct assignment_work {
    const struct assignment_task *task;
    uint32_t row_count, column_count;
    uint32_t *row_order, *column_order; /* here to the task */
    uint32_t *row_rank, *column_rank;   /* the task to here */
    int64_t *weights;                   /* row by row */
    int64_t *row_prices, *column_prices;
    uint32_t *mates;        /* the column of each row, or NONE */
    uint32_t *first, *next; /* the rows of each column, as a list */
    uint32_t *used;         /* places of each column */
    uint32_t *places;       /* of each column */
    uint32_t *entering;     /* of each column, the row without a mate that suits it best, or NONE */
    int64_t *distances;     /* of the search: to each column */
    uint32_t *before;       /* the row from which a column was reached */
    uint32_t *open, open_count;   /* columns that were not passed yet */
    uint32_t *passed, pass_count; /* those that were, in order */
};

/* Where a path ends. */
struct end {
    int64_t distance;
    uint32_t row;    /* the one that is left without; NONE */
    uint32_t column; /* the one with a free place; NONE */
};

/* --- beginning -------------------------------------------------------------------------------- */

/* splitmix64 (S. Vigna, public domain): every bit of the argument decides about every bit. */
static uint64_t mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
}

static uint64_t mix_id(const struct assignment_id *id)
{
    uint64_t halves[2] = {0, 0};

    for (size_t i = 0; i < ASSIGNMENT_ID_BYTES; i++)
        halves[i / 8] = halves[i / 8] << 8 | id->bytes[i];
    return mix(mix(halves[0]) ^ halves[1]);
}

struct ranked {
    const unsigned char *id;
    uint32_t index;
};

static int compare_ids(const void *one, const void *other)
{
    return memcmp(((const struct ranked *)one)->id, ((const struct ranked *)other)->id,
                  ASSIGNMENT_ID_BYTES);
}

static int order_ids(const struct assignment_id *ids, uint32_t count, uint32_t *order,
                     uint32_t *rank)
{
    struct ranked *ranked = calloc((size_t)count + 1, sizeof(*ranked));

    if (ranked == NULL)
        return fault_raise(-ENOMEM);
    for (uint32_t i = 0; i < count; i++)
        ranked[i] = (struct ranked){.id = ids[i].bytes, .index = i};
    qsort(ranked, count, sizeof(*ranked), compare_ids);
    for (uint32_t i = 0; i < count; i++) {
        assert(i == 0 || compare_ids(&ranked[i - 1], &ranked[i]) != 0);
        order[i] = ranked[i].index;
        rank[ranked[i].index] = i;
    }
    free(ranked);
    return 0;
}

static void *array(size_t count, size_t item_bytes, bool *failed)
{
    void *items = calloc(count + 1, item_bytes); /* never of no bytes */

    *failed = *failed || items == NULL;
    return items;
}

static int allocate(struct assignment_work *work)
{
    const size_t rows = work->row_count;
    const size_t columns = work->column_count;
    bool failed = false;

    work->row_order = array(rows, sizeof(*work->row_order), &failed);
    work->row_rank = array(rows, sizeof(*work->row_rank), &failed);
    work->row_prices = array(rows, sizeof(*work->row_prices), &failed);
    work->mates = array(rows, sizeof(*work->mates), &failed);
    work->next = array(rows, sizeof(*work->next), &failed);
    work->column_order = array(columns, sizeof(*work->column_order), &failed);
    work->column_rank = array(columns, sizeof(*work->column_rank), &failed);
    work->column_prices = array(columns, sizeof(*work->column_prices), &failed);
    work->first = array(columns, sizeof(*work->first), &failed);
    work->used = array(columns, sizeof(*work->used), &failed);
    work->places = array(columns, sizeof(*work->places), &failed);
    work->entering = array(columns, sizeof(*work->entering), &failed);
    work->distances = array(columns, sizeof(*work->distances), &failed);
    work->before = array(columns, sizeof(*work->before), &failed);
    work->open = array(columns, sizeof(*work->open), &failed);
    work->passed = array(columns, sizeof(*work->passed), &failed);
    work->weights = array(rows * columns, sizeof(*work->weights), &failed);
    return failed ? fault_raise(-ENOMEM) : 0;
}

static int64_t weight_of(int32_t score, uint64_t lot, int64_t bonus)
{
    if (score == ASSIGNMENT_FORBIDDEN)
        return FORBIDDEN_WEIGHT;
    assert(score >= 0 && score <= ASSIGNMENT_SCORE_MAX);
    return ((int64_t)(score + 1) << TIE_SHIFT) + (int64_t)(lot >> (64 - LOT_BITS)) + bonus;
}

static int weigh(struct assignment_work *work)
{
    const struct assignment_task *task = work->task;
    const int64_t bonus = task->objective == ASSIGNMENT_MOST_PAIRS
                              ? (int64_t)work->row_count << (SCORE_BITS + TIE_SHIFT)
                              : 0;
    uint64_t *lots = calloc((size_t)work->column_count + 1, sizeof(*lots));

    if (lots == NULL)
        return fault_raise(-ENOMEM);
    for (uint32_t c = 0; c < work->column_count; c++)
        lots[c] = mix_id(&task->column_ids[work->column_order[c]]);
    for (uint32_t r = 0; r < work->row_count; r++) {
        const uint32_t row = work->row_order[r];
        const uint64_t lot = mix_id(&task->row_ids[row]);
        const int32_t *scores = &task->scores[(size_t)row * work->column_count];
        int64_t *weights = &work->weights[(size_t)r * work->column_count];

        for (uint32_t c = 0; c < work->column_count; c++)
            weights[c] = work->places[c] == 0
                             ? FORBIDDEN_WEIGHT
                             : weight_of(scores[work->column_order[c]], mix(lot + lots[c]), bonus);
    }
    free(lots);
    return 0;
}

static int begin(struct assignment_work *work)
{
    const struct assignment_task *task = work->task;
    int r = allocate(work);

    if (r == 0)
        r = order_ids(task->row_ids, work->row_count, work->row_order, work->row_rank);
    if (r == 0)
        r = order_ids(task->column_ids, work->column_count, work->column_order, work->column_rank);
    if (r != 0)
        return fault_fold(r);
    for (uint32_t c = 0; c < work->column_count; c++) {
        work->first[c] = ASSIGNMENT_NONE;
        work->places[c] = task->places[work->column_order[c]];
    }
    for (uint32_t i = 0; i < work->row_count; i++)
        work->mates[i] = ASSIGNMENT_NONE;
    return weigh(work);
}

/* --- searching -------------------------------------------------------------------------------- */

static const int64_t *weights_of(const struct assignment_work *work, uint32_t row)
{
    return &work->weights[(size_t)row * work->column_count];
}

static void open_all(struct assignment_work *work)
{
    for (uint32_t c = 0; c < work->column_count; c++) {
        work->distances[c] = FAR;
        work->open[c] = c;
    }
    work->open_count = work->column_count;
    work->pass_count = 0;
}

/* Shortens the distances of what is open, by way of a row. */
static void reach(struct assignment_work *work, uint32_t row, int64_t distance)
{
    const int64_t *weights = weights_of(work, row);
    const int64_t base = distance + work->row_prices[row];

    for (uint32_t i = 0; i < work->open_count; i++) {
        const uint32_t column = work->open[i];
        const int64_t new_distance = base + work->column_prices[column] - weights[column];

        if (new_distance < work->distances[column]) {
            work->distances[column] = new_distance;
            work->before[column] = row;
        }
    }
}

/* Passes the nearest open column; false when none is nearer than @bound. */
static bool pass(struct assignment_work *work, int64_t bound, uint32_t *ret_column)
{
    uint32_t nearest = ASSIGNMENT_NONE;
    int64_t distance = bound;

    for (uint32_t i = 0; i < work->open_count; i++)
        if (work->distances[work->open[i]] < distance) {
            distance = work->distances[work->open[i]];
            nearest = i;
        }
    if (nearest == ASSIGNMENT_NONE)
        return false;
    *ret_column = work->open[nearest];
    work->open[nearest] = work->open[--work->open_count];
    work->passed[work->pass_count++] = *ret_column;
    return true;
}

/* Goes on from a column: its rows could leave it for another or for nothing, which ends a path, as
 * a free place does. */
static void leave_column(struct assignment_work *work, uint32_t column, struct end *end)
{
    const bool is_full = work->used[column] == work->places[column];
    const int64_t distance = work->distances[column];

    if (!is_full && distance < end->distance)
        *end = (struct end){.distance = distance, .row = ASSIGNMENT_NONE, .column = column};
    for (uint32_t row = work->first[column]; row != ASSIGNMENT_NONE; row = work->next[row]) {
        if (is_full && distance + work->row_prices[row] < end->distance)
            *end = (struct end){.distance = distance + work->row_prices[row],
                                .row = row,
                                .column = ASSIGNMENT_NONE};
        reach(work, row, distance);
    }
}

/* --- one more row -------------------------------------------------------------------------------
 */

static void join(struct assignment_work *work, uint32_t row, uint32_t column)
{
    work->mates[row] = column;
    work->next[row] = work->first[column];
    work->first[column] = row;
    work->used[column]++;
}

static void part(struct assignment_work *work, uint32_t row)
{
    const uint32_t column = work->mates[row];
    uint32_t *link = &work->first[column];

    while (*link != row)
        link = &work->next[*link];
    *link = work->next[row];
    work->used[column]--;
    work->mates[row] = ASSIGNMENT_NONE;
}

/* Prices after a search: what lies nearer than the end is worth so much more. */
static void price(struct assignment_work *work, uint32_t root, int64_t distance)
{
    work->row_prices[root] -= distance;
    for (uint32_t i = 0; i < work->pass_count; i++) {
        const uint32_t column = work->passed[i];
        const int64_t more = distance - work->distances[column];

        if (more <= 0)
            continue;
        work->column_prices[column] += more;
        for (uint32_t row = work->first[column]; row != ASSIGNMENT_NONE; row = work->next[row])
            work->row_prices[row] -= more;
    }
}

/* Back along the path from its end: each row goes where the path leads it. */
static void shift(struct assignment_work *work, uint32_t root, const struct end *end)
{
    uint32_t column = end->column;

    if (end->row != ASSIGNMENT_NONE && end->row != root) {
        column = work->mates[end->row];
        part(work, end->row);
    }
    while (column != ASSIGNMENT_NONE) {
        const uint32_t row = work->before[column];
        const uint32_t left = row == root ? ASSIGNMENT_NONE : work->mates[row];

        if (row != root)
            part(work, row);
        join(work, row, column);
        column = left;
    }
}

static void add_row(struct assignment_work *work, uint32_t root)
{
    const int64_t *weights = weights_of(work, root);
    struct end end = {.row = root, .column = ASSIGNMENT_NONE};
    int64_t most = 0;
    uint32_t column;

    for (uint32_t c = 0; c < work->column_count; c++)
        if (weights[c] - work->column_prices[c] > most)
            most = weights[c] - work->column_prices[c];
    work->row_prices[root] = most;
    end.distance = most; /* as good as nothing: to stay without */
    open_all(work);
    reach(work, root, 0);
    while (pass(work, end.distance, &column))
        if (work->used[column] < work->places[column])
            end = (struct end){
                .distance = work->distances[column], .row = ASSIGNMENT_NONE, .column = column};
        else
            leave_column(work, column, &end);
    price(work, root, end.distance);
    shift(work, root, &end);
}

static int64_t score_of(const struct assignment_work *work, uint32_t row, uint32_t column)
{
    return work->task
        ->scores[(size_t)work->row_order[row] * work->column_count + work->column_order[column]];
}

static void find_entering(struct assignment_work *work)
{
    for (uint32_t c = 0; c < work->column_count; c++)
        work->entering[c] = ASSIGNMENT_NONE;
    for (uint32_t row = 0; row < work->row_count; row++) {
        const int64_t *weights = weights_of(work, row);

        if (work->mates[row] != ASSIGNMENT_NONE)
            continue;
        for (uint32_t c = 0; c < work->column_count; c++) {
            const uint32_t other = work->entering[c];
            const int64_t least = other == ASSIGNMENT_NONE ? 0 : weights_of(work, other)[c];

            if (weights[c] > least)
                work->entering[c] = row;
        }
    }
}

static int add_rows(struct assignment *assignment)
{
    struct assignment_work *work = assignment->work;

    for (uint32_t row = 0; row < work->row_count; row++)
        add_row(work, row);
    find_entering(work);
    assignment->columns = calloc((size_t)work->row_count + 1, sizeof(*assignment->columns));
    if (assignment->columns == NULL)
        return fault_raise(-ENOMEM);
    for (uint32_t row = 0; row < work->row_count; row++) {
        const uint32_t column = work->mates[row];

        assignment->columns[work->row_order[row]] =
            column == ASSIGNMENT_NONE ? column : work->column_order[column];
        if (column == ASSIGNMENT_NONE)
            continue;
        assignment->pair_count++;
        assignment->total += score_of(work, row, column);
    }
    return 0;
}

int assignment_solve(const struct assignment_task *task, struct assignment *ret_assignment)
{
    struct assignment assignment = {0};
    int r;

    if (task->row_count > COHORT_PERSONS_MAX || task->column_count > COHORT_PERSONS_MAX ||
        (uint64_t)task->row_count * task->column_count > COHORT_PAIRS_MAX)
        return ASSIGNMENT_TOO_LARGE;
    assignment.work = calloc(1, sizeof(*assignment.work));
    if (assignment.work == NULL)
        return fault_raise(-ENOMEM);
    assignment.work->task = task;
    assignment.work->row_count = task->row_count;
    assignment.work->column_count = task->column_count;
    r = begin(assignment.work);
    if (r == 0)
        r = add_rows(&assignment);
    if (r == 0)
        *ret_assignment = assignment;
    else
        assignment_deinit(&assignment);
    return r;
}

void assignment_deinit(struct assignment *assignment)
{
    struct assignment_work *work = assignment->work;

    if (work != NULL) {
        void *const arrays[] = {
            work->row_order,    work->row_rank,    work->row_prices,    work->mates, work->next,
            work->column_order, work->column_rank, work->column_prices, work->first, work->used,
            work->places,       work->distances,   work->before,        work->open,  work->passed,
            work->weights,      work->entering,
        };

        for (size_t i = 0; i < ARRAY_LENGTH(arrays); i++)
            free(arrays[i]);
    }
    free(work);
    free(assignment->columns);
    *assignment = (struct assignment){0};
}

/* --- looking at it ---------------------------------------------------------------------------- */

bool assignment_prove(const struct assignment *assignment)
{
    const struct assignment_work *work = assignment->work;

    for (uint32_t row = 0; row < work->row_count; row++) {
        const int64_t *weights = weights_of(work, row);
        const uint32_t mate = work->mates[row];

        if (work->row_prices[row] < 0 || (mate == ASSIGNMENT_NONE && work->row_prices[row] != 0))
            return false;
        if (mate != ASSIGNMENT_NONE &&
            (weights[mate] < 0 ||
             work->row_prices[row] + work->column_prices[mate] != weights[mate]))
            return false;
        for (uint32_t c = 0; c < work->column_count; c++)
            if (work->row_prices[row] + work->column_prices[c] < weights[c])
                return false;
    }
    for (uint32_t c = 0; c < work->column_count; c++)
        if (work->column_prices[c] < 0 || work->used[c] > work->places[c] ||
            (work->used[c] < work->places[c] && work->column_prices[c] != 0))
            return false;
    return true;
}

/*
 * Nothing is a place, too: it is left by rows that had none and by free places, and reached by what
 * ends a path. From there each column is entered by the row without a mate that suits it best, or
 * keeps a place free.
 */
static void leave_nothing(struct assignment_work *work, int64_t distance)
{
    for (uint32_t i = 0; i < work->open_count; i++) {
        const uint32_t column = work->open[i];
        const uint32_t row = work->entering[column];
        const int64_t weight = row == ASSIGNMENT_NONE ? 0 : weights_of(work, row)[column];
        const int64_t new_distance = distance + work->column_prices[column] - weight;

        if (new_distance < work->distances[column]) {
            work->distances[column] = new_distance;
            work->before[column] = row;
        }
    }
}

/* The circle of exchanges that loses least: @row takes @column, and in the end somebody, or nobody,
 * takes what @row had. */
static void find_room(struct assignment_work *work, uint32_t row, uint32_t column,
                      struct end *ret_end)
{
    const uint32_t home = work->mates[row];
    bool is_through_nothing = false;
    uint32_t at = ASSIGNMENT_NONE;

    *ret_end = (struct end){.distance = FAR, .row = ASSIGNMENT_NONE, .column = ASSIGNMENT_NONE};
    open_all(work);
    work->distances[column] =
        work->row_prices[row] + work->column_prices[column] - weights_of(work, row)[column];
    work->before[column] = row;
    while (at != home || home == ASSIGNMENT_NONE) {
        if (pass(work, is_through_nothing ? FAR : ret_end->distance, &at)) {
            if (at != home)
                leave_column(work, at, ret_end);
            continue;
        }
        if (home == ASSIGNMENT_NONE)
            return;
        assert(!is_through_nothing); /* from nothing there is a way home */
        is_through_nothing = true;
        leave_nothing(work, ret_end->distance);
    }
}

/* A row goes from what it has to @column, or to nothing. */
static void count_move(const struct assignment_work *work, uint32_t row, uint32_t column,
                       struct assignment_loss *loss)
{
    if (work->mates[row] != ASSIGNMENT_NONE) {
        loss->total += score_of(work, row, work->mates[row]);
        loss->pairs++;
    }
    if (column != ASSIGNMENT_NONE) {
        loss->total -= score_of(work, row, column);
        loss->pairs--;
    }
    loss->displaced++;
}

void assignment_loss_of(const struct assignment *assignment, uint32_t row, uint32_t column,
                        struct assignment_loss *ret_loss)
{
    struct assignment_work *work = assignment->work;
    const uint32_t r = work->row_rank[row];
    const uint32_t c = work->column_rank[column];
    struct assignment_loss loss = {0};
    struct end end;
    uint32_t at = work->mates[r];
    uint32_t mover = ASSIGNMENT_NONE;

    assert(at != c && weights_of(work, r)[c] >= 0);
    find_room(work, r, c, &end);
    while (mover != r) {
        if (at == ASSIGNMENT_NONE) { /* nothing: whose path ended there? */
            mover = end.row;
            at = end.column;
            if (mover == ASSIGNMENT_NONE)
                continue;
        } else {
            mover = work->before[at];
        }
        if (mover != ASSIGNMENT_NONE)
            count_move(work, mover, at, &loss);
        at = mover == ASSIGNMENT_NONE ? mover : work->mates[mover]; /* a free place: nothing */
    }
    loss.displaced--; /* without the row itself */
    *ret_loss = loss;
}
