#include "mentoring/disclosure.h"

#include "base/annotate.h"

#include <assert.h>

static uint32_t count_of(const struct disclosure_table *table, size_t row, size_t category)
{
    return table->counts[row * table->category_count + category];
}

static uint64_t total_of(const struct disclosure_table *table, size_t row)
{
    uint64_t total = 0;

    for (size_t c = 0; c < table->category_count; c++)
        total += count_of(table, row, c);
    return total;
}

static bool has_few(const struct disclosure_table *table, size_t row, uint32_t people_min)
{
    for (size_t c = 0; c < table->category_count; c++)
        if (table->people[row * table->category_count + c] < people_min)
            return true;
    return false;
}

static uint64_t smaller(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* The category that shows a row of few people to be one: the smallest. */
static size_t witness_of(const struct disclosure_table *table, size_t row)
{
    size_t witness = 0;

    for (size_t c = 1; c < table->category_count; c++)
        if (count_of(table, row, c) < count_of(table, row, witness))
            witness = c;
    return witness;
}

/* How many the other rows that are withheld can have fewer in one category and more in another, and
 * each of them stays what its mark says. */
static uint64_t room_of(const struct disclosure_table *table, uint32_t people_min,
                        const enum disclosure_mark *marks, size_t but_row, size_t fewer,
                        size_t more)
{
    uint64_t room = 0;

    for (size_t row = 0; row < table->row_count; row++) {
        const uint32_t count = count_of(table, row, fewer);

        if (row == but_row || marks[row] == DISCLOSURE_SHOWN)
            continue;
        if (marks[row] == DISCLOSURE_PROTECTS) {
            room += count - people_min; /* people are at most as many as the count */
        } else if (witness_of(table, row) == more) {
            const uint32_t least = count_of(table, row, more);

            room += smaller(count, least + 1 < people_min ? people_min - 1 - least : 0);
        } else {
            room += count;
        }
    }
    return room;
}

/* Could the cell be any number from 0 to people_min - 1? */
static bool is_open(const struct disclosure_table *table, uint32_t people_min,
                    const enum disclosure_mark *marks, size_t row, size_t category)
{
    const uint32_t count = count_of(table, row, category);
    const uint32_t up = count + 1 < people_min ? people_min - 1 - count : 0;
    bool can_rise = false;
    bool can_fall = false;

    for (size_t c = 0; c < table->category_count; c++) {
        if (c == category)
            continue;
        can_rise = can_rise || (count_of(table, row, c) >= up &&
                                room_of(table, people_min, marks, row, category, c) >= up);
        can_fall = can_fall || room_of(table, people_min, marks, row, c, category) >= count;
    }
    return can_rise && can_fall;
}

static bool are_protected(const struct disclosure_table *table, uint32_t people_min,
                          const enum disclosure_mark *marks)
{
    for (size_t row = 0; row < table->row_count; row++)
        for (size_t c = 0; marks[row] == DISCLOSURE_FEW && c < table->category_count; c++)
            if (table->people[row * table->category_count + c] < people_min &&
                !is_open(table, people_min, marks, row, c))
                return false;
    return true;
}

/* The smallest row that is shown, of equal ones the first; row_count: none is. */
static size_t smallest_shown(const struct disclosure_table *table,
                             const enum disclosure_mark *marks)
{
    size_t smallest = table->row_count;

    for (size_t row = 0; row < table->row_count; row++)
        if (marks[row] == DISCLOSURE_SHOWN &&
            (smallest == table->row_count || total_of(table, row) < total_of(table, smallest)))
            smallest = row;
    return smallest;
}

bool disclosure_protect(const struct disclosure_table *table, uint32_t people_min,
                        enum disclosure_mark *ret_marks)
{
    for (size_t row = 0; row < table->row_count; row++)
        ret_marks[row] = has_few(table, row, people_min) ? DISCLOSURE_FEW : DISCLOSURE_SHOWN;
    while (!are_protected(table, people_min, ret_marks)) {
        const size_t row = smallest_shown(table, ret_marks);

        if (row == table->row_count)
            return false;
        ret_marks[row] = DISCLOSURE_PROTECTS;
    }
    return true;
}

const char *disclosure_reason(enum disclosure_mark mark)
{
    static const char *const REASONS[] = {[DISCLOSURE_SHOWN] = NULL,
                                          [DISCLOSURE_FEW] = "fewer-than-10",
                                          [DISCLOSURE_PROTECTS] = "protects-another"};

    assert((size_t)mark < ARRAY_LENGTH(REASONS));
    return REASONS[mark];
}

uint32_t disclosure_round(uint32_t count)
{
    return (count + DISCLOSURE_BASE / 2) / DISCLOSURE_BASE * DISCLOSURE_BASE;
}
