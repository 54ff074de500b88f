#pragma once
/*
 * Assignment
 *
 * Who gets whom, for many at once, so that the whole is best: each row (a
 * mentee) gets at most one column (a mentor), each column at most as many rows
 * as it has places, forbidden pairs are left out, and the sum of the scores is
 * the greatest that there is. Not greedy: a mentee may get her second best
 * mentor because somebody else has no other.
 *
 * Method: successive shortest augmenting paths with dual prices, one row at a
 * time (R. Jonker, A. Volgenant: A shortest augmenting path algorithm for dense
 * and sparse linear assignment problems, Computing 38, 1987), in the form for
 * columns with several places, which are not expanded (J. Kennington, Z. Wang:
 * A shortest augmenting path algorithm for the semi-assignment problem,
 * Operations Research 40, 1992). Whole numbers alone, so there is no epsilon.
 * At most rows² × columns steps, and the memory of the matrix once more in
 * 64 bits; no recursion.
 *
 * Proof of the optimum: prices u ≥ 0 of rows and v ≥ 0 of columns with
 * u + v ≥ weight for each allowed pair, equal for the pairs that were made, u = 0 for a row that
 * got nothing and v = 0 for a column with a place left. Who holds such prices need not trust the
 * method; assignment_prove() looks.
 *
 * Ties: of two assignments of the same sum, the one whose pairs have the greater sum of numbers
 * that follow from the two ids of each pair alone, as if by lot. So the result is the same
 * in whatever order people come, nobody is favoured for having come first, and a tie is decided
 * again as it was before. (Where even these sums are equal, rows and columns are taken in the order
 * of their ids.)
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stdint.h>

#define ASSIGNMENT_FORBIDDEN (-1)
#define ASSIGNMENT_SCORE_MAX 1000000
#define ASSIGNMENT_NONE UINT32_MAX
#define ASSIGNMENT_ID_BYTES 16

enum assignment_outcome {
    ASSIGNMENT_TOO_LARGE = 1 /* beyond the limits of base/limits.h */
};

enum assignment_objective {
    ASSIGNMENT_BEST_TOTAL, /* the greatest sum; a pair of score 0 is better than none */
    ASSIGNMENT_MOST_PAIRS  /* the greatest sum of those with the most pairs */
};

struct assignment_id {
    unsigned char bytes[ASSIGNMENT_ID_BYTES];
};

/* Everything is borrowed. */
struct assignment_task {
    uint32_t row_count, column_count;
    const struct assignment_id *row_ids, *column_ids; /* each once */
    const uint32_t *places;                           /* of each column */
    const int32_t *scores; /* row by row: 0 … ASSIGNMENT_SCORE_MAX, or ASSIGNMENT_FORBIDDEN */
    enum assignment_objective objective;
};

struct assignment_work; /* prices and paths */

struct assignment {
    uint32_t *columns; /* of each row; ASSIGNMENT_NONE */
    uint32_t pair_count;
    int64_t total; /* sum of the scores */
    struct assignment_work *work;
};

/*
 * assignment_solve() - find the best assignment
 * @task: borrowed until assignment_deinit()
 * @ret_assignment: owned, assignment_deinit()
 *
 * Return: 0; ASSIGNMENT_TOO_LARGE; a fault.
 */
MUST_CHECK int assignment_solve(const struct assignment_task *task,
                                struct assignment *ret_assignment);
/* Takes a zeroed one, too. */
void assignment_deinit(struct assignment *assignment);

/* Do the prices prove that the assignment is the best? One look at each pair. */
MUST_CHECK bool assignment_prove(const struct assignment *assignment);

/* What is lost when one row gets another column and all others are assigned anew, at best. */
struct assignment_loss {
    int64_t total;      /* by so much the sum of the scores falls */
    int32_t pairs;      /* so many pairs fewer; below 0: more */
    uint32_t displaced; /* rows, beside this one, that get something else or nothing */
};

/*
 * assignment_loss_of() - what it would cost to give @row the column @column
 * @row, @column: an allowed pair that was not made; the column has places
 * Exact: the shortest path on which the others make room.
 */
void assignment_loss_of(const struct assignment *assignment, uint32_t row, uint32_t column,
                        struct assignment_loss *ret_loss);
