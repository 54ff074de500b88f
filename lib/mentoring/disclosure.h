#pragma once
/*
 * Disclosure
 *
 * What may be told of a table of counts, so that nothing follows about few
 * people: neither from a cell, nor from what the published sums leave over for
 * a cell that is not told.
 *
 * A table has rows (countries), and in each row the people fall into categories
 * (completed, ended early). The total of each row is known to everybody, and
 * so are the totals of the categories over all rows; each of them rests on
 * enough people, which the caller sees to by putting small rows together.
 *
 *  - Primary: a row in which any category rests on fewer than `people_min` people is withheld,
 *    with all its categories: so within a row no difference gives one away.
 *  - Secondary: further rows are withheld, the smallest first, until the sums leave room. The
 *    cells that are withheld make a full table of which only the margins are known. A cell in it
 *    can be larger or smaller without any margin changing when its row exchanges people with other
 *    rows: as many fewer in one category as more in another. The rule is that for each cell of few
 *    people such exchanges reach every number from 0 to people_min - 1, in which each row stays
 * what it is said to be: one withheld to protect another has only large cells, and one of few
 * people keeps its smallest cell below people_min. So what the marks tell helps nobody either.
 * (That bounds on withheld cells have to be looked at, and not the number of cells withheld in a
 * row: L. Cox, Suppression methodology and statistical disclosure control, JASA 75, 1980; A.
 * Hundepool et al., Statistical Disclosure Control, 2012, chapter 4. Exchanges along which margins
 * stay: the basic moves of P. Diaconis and B. Sturmfels, Annals of Statistics 26, 1998.)
 *
 * Counts that are told are rounded to a multiple of DISCLOSURE_BASE, the nearest, which only adds
 * to what is not known: the rules hold against somebody who has the exact sums.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISCLOSURE_PEOPLE_MIN 10
#define DISCLOSURE_BASE 5

enum disclosure_mark {
    DISCLOSURE_SHOWN,
    DISCLOSURE_FEW,     /* a category of it rests on fewer people than may be told of */
    DISCLOSURE_PROTECTS /* withheld so that another is not found by subtraction */
};

struct disclosure_table {
    size_t row_count, category_count;
    const uint32_t *counts; /* row by row */
    const uint32_t *people; /* on how many people each rests: at most the count */
};

/*
 * disclosure_protect() - which rows are withheld
 * @ret_marks: one for each row
 * Return: true; false: no choice of rows protects all cells while the totals of the categories are
 * known. Then all rows are withheld, and these totals must not be told either.
 */
MUST_CHECK bool disclosure_protect(const struct disclosure_table *table, uint32_t people_min,
                                   enum disclosure_mark *ret_marks);

/* "fewer-than-10", "protects-another"; NULL for what is shown. */
const char *disclosure_reason(enum disclosure_mark mark);
uint32_t disclosure_round(uint32_t count);
