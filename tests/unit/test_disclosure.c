#include "mentoring/disclosure.h"

#include "base/annotate.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(disclosure, .fini = test_ends_without_leaks, .timeout = 300);

#define ROWS_MAX 4
#define CATEGORIES_MAX 3
#define FEW 3 /* in place of ten, so that all tables can be tried */
#define COUNT_MAX 9

struct sample {
    uint32_t counts[ROWS_MAX * CATEGORIES_MAX];
    struct disclosure_table table;
    enum disclosure_mark marks[ROWS_MAX];
    bool are_totals_shown;
};

static uint64_t seed = 20260701;

static uint32_t below(uint32_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 16) % bound);
}

static uint32_t cell(const struct sample *sample, size_t row, size_t category)
{
    return sample->counts[row * sample->table.category_count + category];
}

static uint32_t row_total(const struct sample *sample, size_t row)
{
    uint32_t total = 0;

    for (size_t c = 0; c < sample->table.category_count; c++)
        total += cell(sample, row, c);
    return total;
}

/* As they are published: each row has enough people, and so has each category of all rows. */
static void draw(struct sample *sample)
{
    const size_t rows = 1 + below(ROWS_MAX);
    const size_t categories = 2 + below(CATEGORIES_MAX - 1);
    bool fits;

    do {
        const uint32_t range = 2 + below(COUNT_MAX);

        fits = true;
        for (size_t i = 0; i < rows * categories; i++)
            sample->counts[i] = below(range);
        sample->table = (struct disclosure_table){.row_count = rows,
                                                  .category_count = categories,
                                                  .counts = sample->counts,
                                                  .people = sample->counts};
        for (size_t row = 0; row < rows; row++)
            fits = fits && row_total(sample, row) >= FEW;
        for (size_t c = 0; c < categories; c++) {
            uint32_t total = 0;

            for (size_t row = 0; row < rows; row++)
                total += cell(sample, row, c);
            fits = fits && total >= FEW;
        }
    } while (!fits);
    sample->are_totals_shown = disclosure_protect(&sample->table, FEW, sample->marks);
}

/* --- somebody who wants to know ----------------------------------------------------------------
 */

/* What a row can be: all ways to spread its total, of which those stay that its mark allows. */
struct guess {
    uint32_t cells[CATEGORIES_MAX];
};
struct guesses {
    struct guess guesses[2000];
    size_t count;
};

static bool is_allowed(const struct sample *sample, size_t row, const struct guess *guess)
{
    bool has_few = false;
    bool is_same = true;

    for (size_t c = 0; c < sample->table.category_count; c++) {
        has_few = has_few || guess->cells[c] < FEW;
        is_same = is_same && guess->cells[c] == cell(sample, row, c);
    }
    switch (sample->marks[row]) {
    case DISCLOSURE_SHOWN:
        return is_same;
    case DISCLOSURE_FEW:
        return has_few;
    case DISCLOSURE_PROTECTS:
        return !has_few;
    }
    return false;
}

static void guess_row(const struct sample *sample, size_t row, struct guesses *guesses)
{
    const uint32_t total = row_total(sample, row);
    const bool has_third = sample->table.category_count == 3;

    guesses->count = 0;
    for (uint32_t a = 0; a <= total; a++)
        for (uint32_t b = has_third ? 0 : total - a; a + b <= total; b++) {
            const struct guess guess = {{a, b, total - a - b}};

            if (is_allowed(sample, row, &guess)) {
                cr_assert(guesses->count < ARRAY_LENGTH(guesses->guesses));
                guesses->guesses[guesses->count++] = guess;
            }
        }
}

#define SUM_MAX (ROWS_MAX * CATEGORIES_MAX * COUNT_MAX)

/* Which sums of the first two categories all other rows can have together. */
struct reachable {
    bool sums[SUM_MAX + 1][SUM_MAX + 1];
};

static void add_row(const struct guesses *guesses, struct reachable *reachable)
{
    static struct reachable next;

    memset(&next, 0, sizeof(next));
    for (size_t a = 0; a <= SUM_MAX; a++)
        for (size_t b = 0; b <= SUM_MAX; b++)
            for (size_t i = 0; reachable->sums[a][b] && i < guesses->count; i++)
                next.sums[a + guesses->guesses[i].cells[0]][b + guesses->guesses[i].cells[1]] =
                    true;
    *reachable = next;
}

/* Every value that a cell can have in a table that fits all that is published. */
static void solve(const struct sample *sample, size_t row, size_t category, bool *possible)
{
    static struct guesses guesses;
    static struct reachable others;
    uint32_t totals[2] = {0, 0};

    memset(&others, 0, sizeof(others));
    others.sums[0][0] = true;
    for (size_t other = 0; other < sample->table.row_count; other++) {
        for (size_t c = 0; c < 2; c++)
            totals[c] += cell(sample, other, c);
        if (other == row)
            continue;
        guess_row(sample, other, &guesses);
        add_row(&guesses, &others);
    }
    guess_row(sample, row, &guesses);
    memset(possible, 0, (SUM_MAX + 1) * sizeof(*possible));
    for (size_t i = 0; i < guesses.count; i++) {
        const uint32_t *cells = guesses.guesses[i].cells;

        if (!sample->are_totals_shown || (cells[0] <= totals[0] && cells[1] <= totals[1] &&
                                          others.sums[totals[0] - cells[0]][totals[1] - cells[1]]))
            possible[cells[category]] = true;
    }
}

/* Checks P2. */
Test(disclosure, no_solving_of_all_sums_narrows_a_cell_of_few)
{
    static bool possible[SUM_MAX + 1];
    size_t withheld = 0;
    size_t shown = 0;
    struct sample sample;

    for (int i = 0; i < 6000; i++) {
        draw(&sample);
        for (size_t row = 0; row < sample.table.row_count; row++) {
            shown += sample.marks[row] == DISCLOSURE_SHOWN;
            for (size_t c = 0; c < sample.table.category_count; c++) {
                if (cell(&sample, row, c) >= FEW)
                    continue;
                cr_assert_eq(sample.marks[row], DISCLOSURE_FEW, "few people are not told of");
                withheld++;
                solve(&sample, row, c, possible);
                cr_assert(possible[cell(&sample, row, c)], "the truth is possible");
                for (uint32_t value = 0; value < FEW; value++)
                    cr_assert(possible[value], "case %d, row %zu: %u can be ruled out", i, row,
                              value);
            }
        }
    }
    cr_assert(withheld > 2000 && shown > 500, "%zu withheld, %zu shown", withheld, shown);
}

Test(disclosure, the_solver_finds_what_is_left_to_find)
{
    static bool possible[SUM_MAX + 1];
    struct sample sample = {.counts = {1, 7, 8, 9}};
    size_t count = 0;

    sample.table = (struct disclosure_table){2, 2, sample.counts, sample.counts};
    sample.marks[0] = DISCLOSURE_FEW; /* the second row should have been withheld, too */
    sample.are_totals_shown = true;
    solve(&sample, 0, 0, possible);
    for (size_t value = 0; value <= SUM_MAX; value++)
        count += possible[value];
    cr_assert_eq(count, 1);
    cr_assert(possible[1]);
}

/* --- what is withheld ------------------------------------------------------------------------- */

static void check_marks(size_t rows, const uint32_t *counts, const uint32_t *people,
                        bool is_possible, const char *marks)
{
    const struct disclosure_table table = {rows, 2, counts, people == NULL ? counts : people};
    enum disclosure_mark found[8];

    cr_assert_eq(disclosure_protect(&table, DISCLOSURE_PEOPLE_MIN, found), is_possible);
    for (size_t row = 0; row < rows; row++)
        cr_assert_eq("sfp"[found[row]], marks[row], "%s: row %zu is %c", marks, row,
                     "sfp"[found[row]]);
}

Test(disclosure, rows_are_withheld_as_few_as_need_be)
{
    check_marks(3, (const uint32_t[]){20, 30, 40, 50, 10, 10}, NULL, true, "sss");
    check_marks(3, (const uint32_t[]){9, 3, 80, 60, 20, 30}, NULL, true, "fsp");
    /* The second row leaves too little room above its own ten: a third is needed. */
    check_marks(3, (const uint32_t[]){3, 20, 11, 11, 40, 40}, NULL, true, "fpp");
    check_marks(2, (const uint32_t[]){3, 20, 11, 11}, NULL, false, "fp");
    /* Ten pairs of one mentor rest on one person. */
    check_marks(3, (const uint32_t[]){20, 30, 40, 50, 60, 70},
                (const uint32_t[]){20, 30, 1, 50, 60, 70}, true, "pfp");
}

Test(disclosure, what_is_told_is_rounded_to_the_nearest_five)
{
    static const uint32_t PAIRS[][2] = {{0, 0},  {2, 0},   {3, 5},  {7, 5},
                                        {8, 10}, {10, 10}, {13, 15}};

    for (size_t i = 0; i < ARRAY_LENGTH(PAIRS); i++)
        cr_assert_eq(disclosure_round(PAIRS[i][0]), PAIRS[i][1]);
    cr_assert_null(disclosure_reason(DISCLOSURE_SHOWN));
    cr_assert_str_eq(disclosure_reason(DISCLOSURE_FEW), "fewer-than-10");
    cr_assert_str_eq(disclosure_reason(DISCLOSURE_PROTECTS), "protects-another");
}
