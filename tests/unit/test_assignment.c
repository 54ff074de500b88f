#include "mentoring/assignment.h"

#include "base/limits.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(assignment, .fini = test_ends_without_leaks, .timeout = 300);

#define SMALL_ROWS 5
#define SMALL_COLUMNS 4
#define SMALL_CASES 6000

/* A task with its arrays. */
struct sample {
    struct assignment_task task;
    struct assignment_id *row_ids, *column_ids;
    uint32_t *places;
    int32_t *scores;
};

static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static uint32_t below(uint64_t *seed, uint32_t bound)
{
    return (uint32_t)((draw(seed) >> 16) % bound);
}

static struct sample sample_new(uint32_t rows, uint32_t columns)
{
    struct sample sample = {
        .row_ids = calloc(rows + 1, sizeof(*sample.row_ids)),
        .column_ids = calloc(columns + 1, sizeof(*sample.column_ids)),
        .places = calloc(columns + 1, sizeof(*sample.places)),
        .scores = calloc((size_t)rows * columns + 1, sizeof(*sample.scores)),
    };

    cr_assert(sample.row_ids != NULL && sample.column_ids != NULL && sample.places != NULL &&
              sample.scores != NULL);
    sample.task = (struct assignment_task){
        .row_count = rows,
        .column_count = columns,
        .row_ids = sample.row_ids,
        .column_ids = sample.column_ids,
        .places = sample.places,
        .scores = sample.scores,
    };
    return sample;
}

static void sample_free(struct sample *sample)
{
    free(sample->row_ids);
    free(sample->column_ids);
    free(sample->places);
    free(sample->scores);
}

static void draw_ids(struct assignment_id *ids, uint32_t count, uint64_t *seed)
{
    for (uint32_t i = 0; i < count; i++)
        for (size_t byte = 0; byte < sizeof(ids[i].bytes); byte++)
            ids[i].bytes[byte] = (unsigned char)draw(seed);
}

/* Scores below @range: few make many ties. One pair in @forbidden_of is forbidden. */
static struct sample sample_draw(uint32_t rows, uint32_t columns, uint32_t places, uint32_t range,
                                 uint32_t forbidden_of, uint64_t *seed)
{
    struct sample sample = sample_new(rows, columns);

    draw_ids(sample.row_ids, rows, seed);
    draw_ids(sample.column_ids, columns, seed);
    for (uint32_t c = 0; c < columns; c++)
        sample.places[c] = below(seed, places + 1);
    for (size_t i = 0; i < (size_t)rows * columns; i++)
        sample.scores[i] =
            below(seed, forbidden_of) == 0 ? ASSIGNMENT_FORBIDDEN : (int32_t)below(seed, range);
    return sample;
}

static struct sample small_sample(uint64_t *seed)
{
    static const uint32_t RANGES[] = {1, 2, 5, 100, ASSIGNMENT_SCORE_MAX + 1};
    const uint32_t rows = below(seed, SMALL_ROWS + 1);
    const uint32_t columns = below(seed, SMALL_COLUMNS + 1);
    struct sample sample =
        sample_draw(rows, columns, 2, RANGES[below(seed, 5)], 2 + below(seed, 6), seed);

    if (below(seed, 2) == 0)
        sample.task.objective = ASSIGNMENT_MOST_PAIRS;
    return sample;
}

/* --- every assignment there is ---------------------------------------------------------------- */

struct best {
    int64_t value; /* of what is sought */
    int64_t total;
    int32_t pairs;
};

static int64_t value_of(const struct assignment_task *task, int64_t total, int32_t pairs)
{
    const int64_t pair =
        task->objective == ASSIGNMENT_MOST_PAIRS ? INT64_C(100) * ASSIGNMENT_SCORE_MAX : 1;

    return total + pair * pairs;
}

/* Counts through all choices, each row any column or none; @fixed_row must have @fixed_column. */
static struct best try_all(const struct assignment_task *task, uint32_t fixed_row,
                           uint32_t fixed_column)
{
    uint32_t choices[SMALL_ROWS] = {0};
    struct best best = {.value = -1};
    bool is_over = false;

    while (!is_over) {
        uint32_t used[SMALL_COLUMNS + 1] = {0};
        struct best now = {0};
        bool fits = fixed_row == ASSIGNMENT_NONE || choices[fixed_row] == fixed_column;

        for (uint32_t row = 0; row < task->row_count; row++) {
            const uint32_t column = choices[row];

            if (column == task->column_count)
                continue;
            if (task->scores[row * task->column_count + column] == ASSIGNMENT_FORBIDDEN ||
                ++used[column] > task->places[column])
                fits = false;
            now.total += task->scores[row * task->column_count + column];
            now.pairs++;
        }
        now.value = value_of(task, now.total, now.pairs);
        if (fits && now.value > best.value)
            best = now;
        is_over = true;
        for (uint32_t row = 0; row < task->row_count && is_over; row++) {
            is_over = choices[row] == task->column_count;
            choices[row] = is_over ? 0 : choices[row] + 1;
        }
    }
    return best;
}

static void check_places(const struct assignment_task *task, const struct assignment *assignment)
{
    uint32_t *used = calloc(task->column_count + 1, sizeof(*used));
    int64_t total = 0;
    uint32_t pairs = 0;

    cr_assert(used != NULL);
    for (uint32_t row = 0; row < task->row_count; row++) {
        const uint32_t column = assignment->columns[row];

        if (column == ASSIGNMENT_NONE)
            continue;
        cr_assert(column < task->column_count);
        cr_assert(++used[column] <= task->places[column]);
        cr_assert(task->scores[(size_t)row * task->column_count + column] >= 0);
        total += task->scores[(size_t)row * task->column_count + column];
        pairs++;
    }
    cr_assert_eq(total, assignment->total);
    cr_assert_eq(pairs, assignment->pair_count);
    free(used);
}

Test(assignment, is_the_best_of_all_that_there_are)
{
    uint64_t seed = 20250701;

    for (int i = 0; i < SMALL_CASES; i++) {
        struct sample sample = small_sample(&seed);
        struct assignment assignment;
        struct best best = try_all(&sample.task, ASSIGNMENT_NONE, 0);

        cr_assert_eq(assignment_solve(&sample.task, &assignment), 0);
        check_places(&sample.task, &assignment);
        cr_assert_eq(value_of(&sample.task, assignment.total, (int32_t)assignment.pair_count),
                     best.value, "case %d", i);
        cr_assert(assignment_prove(&assignment), "case %d", i);
        assignment_deinit(&assignment);
        sample_free(&sample);
    }
}

/* What is lost by another choice, against the best of all assignments that have it. */
static void check_losses(const struct assignment_task *task, const struct assignment *assignment)
{
    const int64_t value = value_of(task, assignment->total, (int32_t)assignment->pair_count);

    for (uint32_t row = 0; row < task->row_count; row++)
        for (uint32_t column = 0; column < task->column_count; column++) {
            struct assignment_loss loss;

            if (task->scores[row * task->column_count + column] == ASSIGNMENT_FORBIDDEN ||
                assignment->columns[row] == column || task->places[column] == 0)
                continue;
            assignment_loss_of(assignment, row, column, &loss);
            cr_assert_eq(value_of(task, loss.total, loss.pairs),
                         value - try_all(task, row, column).value, "row %u column %u", row, column);
            cr_assert(loss.displaced < task->row_count);
        }
}

Test(assignment, tells_exactly_what_another_choice_would_cost)
{
    uint64_t seed = 77;

    for (int i = 0; i < SMALL_CASES / 6; i++) {
        struct sample sample = small_sample(&seed);
        struct assignment assignment;

        cr_assert_eq(assignment_solve(&sample.task, &assignment), 0);
        check_losses(&sample.task, &assignment);
        cr_assert(assignment_prove(&assignment), "looking changes nothing");
        assignment_deinit(&assignment);
        sample_free(&sample);
    }
}

/* --- order ---------------------------------------------------------------------------------------
 */

static void shuffle(uint32_t *order, uint32_t count, uint64_t *seed)
{
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        const uint32_t j = below(seed, i);
        const uint32_t kept = order[i - 1];

        order[i - 1] = order[j];
        order[j] = kept;
    }
}

static struct sample shuffled(const struct sample *sample, const uint32_t *rows,
                              const uint32_t *columns)
{
    const uint32_t row_count = sample->task.row_count;
    const uint32_t column_count = sample->task.column_count;
    struct sample other = sample_new(row_count, column_count);

    for (uint32_t r = 0; r < row_count; r++)
        other.row_ids[r] = sample->row_ids[rows[r]];
    for (uint32_t c = 0; c < column_count; c++) {
        other.column_ids[c] = sample->column_ids[columns[c]];
        other.places[c] = sample->places[columns[c]];
    }
    for (uint32_t r = 0; r < row_count; r++)
        for (uint32_t c = 0; c < column_count; c++)
            other.scores[r * column_count + c] =
                sample->scores[rows[r] * column_count + columns[c]];
    return other;
}

Test(assignment, is_the_same_in_whatever_order_people_come)
{
    uint32_t rows[40];
    uint32_t columns[30];
    uint64_t seed = 5;

    for (int i = 0; i < 200; i++) {
        /* Three scores in all: nearly everything is a tie. */
        struct sample sample = sample_draw(40, 30, 3, 3, 4, &seed);
        struct assignment first;
        struct assignment second;
        struct sample other;

        shuffle(rows, 40, &seed);
        shuffle(columns, 30, &seed);
        other = shuffled(&sample, rows, columns);
        cr_assert_eq(assignment_solve(&sample.task, &first), 0);
        cr_assert_eq(assignment_solve(&other.task, &second), 0);
        for (uint32_t r = 0; r < 40; r++) {
            const uint32_t column = second.columns[r];

            cr_assert_eq(first.columns[rows[r]],
                         column == ASSIGNMENT_NONE ? column : columns[column]);
        }
        assignment_deinit(&first);
        assignment_deinit(&second);
        sample_free(&sample);
        sample_free(&other);
    }
}

Test(assignment, a_tie_is_not_decided_by_who_came_first)
{
    uint32_t first_came = 0;

    /* Two mentees who suit one mentor equally, with ids in the order in which they came. */
    for (unsigned char i = 0; i < 200; i++) {
        struct sample sample = sample_new(2, 1);
        struct assignment assignment;

        sample.row_ids[0].bytes[0] = i;
        sample.row_ids[1].bytes[0] = i;
        sample.row_ids[1].bytes[1] = 1;
        sample.places[0] = 1;
        cr_assert_eq(assignment_solve(&sample.task, &assignment), 0);
        cr_assert_eq(assignment.pair_count, 1);
        first_came += assignment.columns[0] == 0;
        assignment_deinit(&assignment);
        sample_free(&sample);
    }
    cr_assert(first_came > 60 && first_came < 140, "%u of 200", first_came);
}

/* --- many, by another method --------------------------------------------------------------------
 */

#define NOTHING (INT64_MAX / 4)

/* What a place that moves from column to column costs at least; index columns: to have nothing. */
static int64_t *exchange_costs(const struct assignment_task *task,
                               const struct assignment *assignment)
{
    const uint32_t n = task->column_count + 1;
    int64_t *costs = malloc((size_t)n * n * sizeof(*costs));
    uint32_t *used = calloc(n, sizeof(*used));

    cr_assert(costs != NULL && used != NULL);
    for (size_t i = 0; i < (size_t)n * n; i++)
        costs[i] = NOTHING;
    for (uint32_t row = 0; row < task->row_count; row++) {
        const int32_t *scores = &task->scores[(size_t)row * task->column_count];
        const uint32_t from =
            assignment->columns[row] == ASSIGNMENT_NONE ? n - 1 : assignment->columns[row];
        const int64_t have = from == n - 1 ? 0 : value_of(task, scores[from], 1);

        used[from]++;
        if (have < costs[(size_t)from * n + n - 1])
            costs[(size_t)from * n + n - 1] = have;
        for (uint32_t c = 0; c < n - 1; c++)
            if (scores[c] >= 0 && have - value_of(task, scores[c], 1) < costs[(size_t)from * n + c])
                costs[(size_t)from * n + c] = have - value_of(task, scores[c], 1);
    }
    for (uint32_t c = 0; c < n - 1; c++)
        if (used[c] < task->places[c]) /* a free place is left by nobody */
            costs[(size_t)c * n + n - 1] =
                costs[(size_t)c * n + n - 1] < 0 ? costs[(size_t)c * n + n - 1] : 0;
    free(used);
    return costs;
}

/*
 * An assignment is the best exactly when no exchange in a circle gains anything (M. Klein: A primal
 * method for minimal cost flows, Management Science 14, 1967). Looked for with Bellman and Ford.
 */
static bool gains_in_a_circle(const struct assignment_task *task,
                              const struct assignment *assignment)
{
    const uint32_t n = task->column_count + 1;
    int64_t *costs = exchange_costs(task, assignment);
    int64_t *distances = calloc(n, sizeof(*distances));
    bool changed = true;
    uint32_t rounds = 0;

    cr_assert(distances != NULL);
    for (; changed && rounds <= n; rounds++) {
        changed = false;
        for (uint32_t from = 0; from < n; from++)
            for (uint32_t to = 0; to < n; to++)
                if (costs[(size_t)from * n + to] < NOTHING &&
                    distances[from] + costs[(size_t)from * n + to] < distances[to]) {
                    distances[to] = distances[from] + costs[(size_t)from * n + to];
                    changed = true;
                }
    }
    free(costs);
    free(distances);
    return changed;
}

static void check_many(struct sample *sample, const char *why)
{
    struct assignment assignment;

    for (int objective = ASSIGNMENT_BEST_TOTAL; objective <= ASSIGNMENT_MOST_PAIRS; objective++) {
        sample->task.objective = (enum assignment_objective)objective;
        cr_assert_eq(assignment_solve(&sample->task, &assignment), 0);
        check_places(&sample->task, &assignment);
        cr_assert(assignment_prove(&assignment), "%s", why);
        cr_assert_not(gains_in_a_circle(&sample->task, &assignment), "%s", why);
        assignment_deinit(&assignment);
    }
    sample_free(sample);
}

Test(assignment, of_many_is_the_best_by_another_method_too)
{
    static const struct {
        const char *why;
        uint32_t rows, columns, places, range, forbidden_of;
    } CASES[] = {
        {"as many as places", 500, 500, 2, ASSIGNMENT_SCORE_MAX + 1, 10},
        {"too few places", 500, 200, 1, ASSIGNMENT_SCORE_MAX + 1, 10},
        {"too many places", 100, 500, 4, ASSIGNMENT_SCORE_MAX + 1, 10},
        {"ties everywhere", 300, 300, 2, 4, 4},
        {"little is allowed", 500, 500, 2, 1000, 2},
        {"one column has room for all", 200, 1, 300, 50, 10},
        {"the greatest cohort", 2000, 2000, 2, ASSIGNMENT_SCORE_MAX + 1, 20},
    };
    uint64_t seed = 4711;

    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct sample sample = sample_draw(CASES[i].rows, CASES[i].columns, CASES[i].places,
                                           CASES[i].range, CASES[i].forbidden_of, &seed);

        check_many(&sample, CASES[i].why);
    }
}

/* The score of a pair as a product: the shape on which augmenting paths are longest. */
Test(assignment, of_many_who_all_want_the_same_is_the_best)
{
    struct sample sample = sample_new(400, 400);
    uint64_t seed = 12;

    draw_ids(sample.row_ids, 400, &seed);
    draw_ids(sample.column_ids, 400, &seed);
    for (uint32_t r = 0; r < 400; r++) {
        sample.places[r] = 1;
        for (uint32_t c = 0; c < 400; c++)
            sample.scores[r * 400 + c] = (int32_t)((r + 1) * (c + 1));
    }
    check_many(&sample, "products");
}

Test(assignment, the_other_method_finds_a_planted_mistake)
{
    uint64_t seed = 3;
    struct sample sample = sample_draw(30, 30, 2, 1000, 5, &seed);
    struct assignment assignment;
    uint32_t row = 0;

    cr_assert_eq(assignment_solve(&sample.task, &assignment), 0);
    cr_assert_not(gains_in_a_circle(&sample.task, &assignment));
    while (assignment.columns[row] == ASSIGNMENT_NONE)
        row++;
    assignment.columns[row] = ASSIGNMENT_NONE;
    cr_assert(gains_in_a_circle(&sample.task, &assignment));
    assignment_deinit(&assignment);
    sample_free(&sample);
}

/* --- limits ----------------------------------------------------------------------------------- */

Test(assignment, nobody_and_nothing_are_assigned)
{
    static const uint32_t SIZES[][2] = {{0, 0}, {0, 3}, {3, 0}};

    for (size_t i = 0; i < 3; i++) {
        struct sample sample = sample_new(SIZES[i][0], SIZES[i][1]);
        struct assignment assignment;
        uint64_t seed = 9;

        draw_ids(sample.row_ids, SIZES[i][0], &seed);
        draw_ids(sample.column_ids, SIZES[i][1], &seed);
        cr_assert_eq(assignment_solve(&sample.task, &assignment), 0);
        cr_assert_eq(assignment.pair_count, 0);
        for (uint32_t row = 0; row < SIZES[i][0]; row++)
            cr_assert_eq(assignment.columns[row], ASSIGNMENT_NONE);
        cr_assert(assignment_prove(&assignment));
        assignment_deinit(&assignment);
        sample_free(&sample);
    }
}

Test(assignment, more_than_the_limit_is_refused_before_anything_is_read)
{
    static const uint32_t SIZES[][2] = {
        {COHORT_PERSONS_MAX + 1, 1}, {1, COHORT_PERSONS_MAX + 1}, {2001, 2000}};
    struct assignment assignment = {.total = 7};

    for (size_t i = 0; i < 3; i++) {
        const struct assignment_task task = {.row_count = SIZES[i][0], .column_count = SIZES[i][1]};

        cr_assert_eq(assignment_solve(&task, &assignment), ASSIGNMENT_TOO_LARGE);
        cr_assert_eq(assignment.total, 7);
    }
}
