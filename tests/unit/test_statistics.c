#include "mentoring/statistics.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "base/text.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(statistics, .fini = test_ends_without_leaks, .timeout = 300);

#define PAIRS_MAX 900
#define PEOPLE_MIN 10
#define ROUNDED_BY 2 /* at most, up or down */

static const char *const DIMENSIONS[] = {"country", "sector", "language"};
static const struct {
    const char *name;
    const char *categories[4];
} FAMILIES[] = {
    {"completion", {"completed", "ended_early"}},
    {"time_to_match", {"under_30_days", "30_to_89_days", "90_days_or_more"}},
    {"meetings", {"under_6", "6_to_11", "12_or_more"}},
    {"outcomes", {"business_created", "job", "training", "other_or_none"}},
};

static uint64_t seed = 20270701;

static uint32_t below(uint32_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)((seed >> 16) % bound);
}

/* The smaller of two draws: some values are frequent, others rare. */
static uint32_t skewed(uint32_t bound)
{
    const uint32_t one = below(bound);
    const uint32_t other = below(bound);

    return one < other ? one : other;
}

static size_t draw(struct statistics_pair *pairs)
{
    static const char *const VALUES[STATISTICS_DIMENSIONS][6] = {
        {"BE", "FR", "IT", "DE", "ES", "AT"},
        {"food", "textile", "several", "unknown", "care", "culture"},
        {"fr", "ar", "ti", "uk", "so", "ps"}};
    const size_t count = below(PAIRS_MAX);
    const uint32_t people = 1 + below(600);
    const uint32_t values = 1 + below(6);

    for (size_t i = 0; i < count; i++) {
        pairs[i].mentor = 1 + below(people);
        pairs[i].mentee = 1 + below(people);
        for (size_t d = 0; d < STATISTICS_DIMENSIONS; d++)
            pairs[i].values[d] = VALUES[d][skewed(values)];
        for (size_t f = 0; f < STATISTICS_FAMILIES; f++)
            pairs[i].categories[f] =
                (uint8_t)skewed((uint32_t)statistics_category_count((enum statistics_family)f));
    }
    return count;
}

static json_t *tell(struct statistics_pair *pairs, size_t count)
{
    struct arena arena;
    struct text text;
    json_t *json;

    arena_init(&arena, 8 * 1024 * 1024);
    text_init(&text, 1024 * 1024);
    text_append_char(&text, '{');
    cr_assert_eq(statistics_tell(&arena, pairs, count, &text), 0);
    text_append_char(&text, '}');
    json = json_loads(text.bytes, 0, NULL);
    cr_assert_not_null(json, "%s", text.bytes);
    text_deinit(&text);
    arena_deinit(&arena);
    return json;
}

/* --- counted again, the long way -------------------------------------------------------------- */

struct truth {
    uint32_t count, people;
};

static bool is_of(const struct statistics_pair *pair, const json_t *rows, const char *value,
                  size_t dimension)
{
    size_t i;
    const json_t *row;

    if (value == NULL)
        return true;
    if (strcmp(value, "all_others") != 0)
        return strcmp(pair->values[dimension], value) == 0;
    json_array_foreach (rows, i, row)
        if (strcmp(json_string_value(json_object_get(row, "value")), pair->values[dimension]) == 0)
            return false;
    return true;
}

static uint32_t distinct(const bool *seen)
{
    uint32_t count = 0;

    for (size_t i = 0; i <= 600; i++)
        count += seen[i];
    return count;
}

/* @category: SIZE_MAX: any. */
static struct truth recount(const struct statistics_pair *pairs, size_t count, const json_t *rows,
                            const char *value, size_t dimension, size_t family, size_t category)
{
    bool mentors[601] = {false};
    bool mentees[601] = {false};
    struct truth truth = {0};

    for (size_t i = 0; i < count; i++) {
        if (!is_of(&pairs[i], rows, value, dimension) ||
            (category != SIZE_MAX && pairs[i].categories[family] != category))
            continue;
        truth.count++;
        mentors[pairs[i].mentor] = true;
        mentees[pairs[i].mentee] = true;
    }
    truth.people = distinct(mentors) < distinct(mentees) ? distinct(mentors) : distinct(mentees);
    return truth;
}

static void check_number(const json_t *shown, struct truth truth)
{
    const int64_t number = json_integer_value(shown);

    cr_assert(json_is_integer(shown));
    cr_assert_geq(truth.people, PEOPLE_MIN, "%u people are told of", truth.people);
    cr_assert_geq(number, PEOPLE_MIN);
    cr_assert_eq(number % 5, 0);
    cr_assert(llabs(number - (int64_t)truth.count) <= ROUNDED_BY);
}

/* One row, or the whole (@value NULL): what is shown is true and rests on enough people. */
static size_t check_row(const struct statistics_pair *pairs, size_t count, const json_t *rows,
                        const json_t *row, size_t dimension)
{
    const char *value = json_string_value(json_object_get(row, "value"));
    size_t withheld = 0;

    check_number(json_object_get(row, "pairs"),
                 recount(pairs, count, rows, value, dimension, 0, SIZE_MAX));
    for (size_t f = 0; f < STATISTICS_FAMILIES; f++) {
        const json_t *family = json_object_get(row, FAMILIES[f].name);
        const char *reason = json_string_value(json_object_get(family, "suppressed"));
        bool has_few = false;

        for (size_t c = 0; c < statistics_category_count((enum statistics_family)f); c++) {
            const struct truth truth = recount(pairs, count, rows, value, dimension, f, c);

            has_few = has_few || truth.people < PEOPLE_MIN;
            if (reason == NULL)
                check_number(json_object_get(family, FAMILIES[f].categories[c]), truth);
        }
        withheld += reason != NULL;
        cr_assert_eq(has_few, reason != NULL && strcmp(reason, "fewer-than-10") == 0);
        cr_assert(reason == NULL || json_object_size(family) == 1);
    }
    return withheld;
}

/* --- somebody who has the exact sums ---------------------------------------------------------- */

struct solving {
    const struct statistics_pair *pairs;
    size_t count;
    const json_t *rows;
    size_t dimension, family;
};

static bool is_withheld(const json_t *row, size_t family, const char *reason)
{
    const char *found = json_string_value(
        json_object_get(json_object_get(row, FAMILIES[family].name), "suppressed"));

    return found != NULL && (reason == NULL || strcmp(found, reason) == 0);
}

/* What all withheld rows have together in a category, above what everybody knows of them: ten in
 * each cell of a row that only protects. The whole: SIZE_MAX. */
static int64_t left_over(const struct solving *solving, size_t category)
{
    const size_t categories = statistics_category_count((enum statistics_family)solving->family);
    int64_t sum = 0;
    const json_t *row;
    size_t i;

    json_array_foreach (solving->rows, i, row) {
        if (!is_withheld(row, solving->family, NULL))
            continue;
        sum += recount(solving->pairs, solving->count, solving->rows,
                       json_string_value(json_object_get(row, "value")), solving->dimension,
                       solving->family, category)
                   .count;
        if (is_withheld(row, solving->family, "protects-another"))
            sum -= PEOPLE_MIN * (category == SIZE_MAX ? (int64_t)categories : 1);
    }
    return sum;
}

/* Fréchet's bounds, which are another method than the one that decides what is withheld. */
static void try_to_solve(const struct solving *solving, const json_t *whole)
{
    const bool are_totals_known = !is_withheld(whole, solving->family, NULL);
    const int64_t sum = left_over(solving, SIZE_MAX);
    const json_t *row;
    size_t i;

    json_array_foreach (solving->rows, i, row) {
        const char *value = json_string_value(json_object_get(row, "value"));
        const int64_t total = recount(solving->pairs, solving->count, solving->rows, value,
                                      solving->dimension, 0, SIZE_MAX)
                                  .count;

        if (!is_withheld(row, solving->family, "fewer-than-10"))
            continue;
        for (size_t c = 0; c < statistics_category_count((enum statistics_family)solving->family);
             c++) {
            const struct truth truth = recount(solving->pairs, solving->count, solving->rows, value,
                                               solving->dimension, solving->family, c);
            const int64_t category = are_totals_known ? left_over(solving, c) : total;
            const int64_t least = are_totals_known ? total + category - sum : 0;
            const int64_t most = total < category ? total : category;

            if (truth.people < PEOPLE_MIN)
                cr_assert(least <= 0 && most >= PEOPLE_MIN - 1,
                          "%s: %s, %s is between %lld and %lld", value,
                          FAMILIES[solving->family].name, FAMILIES[solving->family].categories[c],
                          (long long)least, (long long)most);
        }
    }
}

/* Checks P2. */
Test(statistics, nothing_follows_about_few_people)
{
    static struct statistics_pair pairs[PAIRS_MAX];
    size_t publications = 0;
    size_t withheld = 0;

    for (int i = 0; i < 400; i++) {
        const size_t count = draw(pairs);
        json_auto_t *json = tell(pairs, count);
        const struct truth whole = recount(pairs, count, NULL, NULL, 0, 0, SIZE_MAX);

        if (whole.people < PEOPLE_MIN) {
            cr_assert_eq(json_object_size(json), 1);
            continue;
        }
        publications++;
        withheld += check_row(pairs, count, NULL, json, 0);
        for (size_t d = 0; d < STATISTICS_DIMENSIONS; d++) {
            const json_t *rows = json_object_get(json_object_get(json, "by"), DIMENSIONS[d]);
            const json_t *row;
            size_t j;

            json_array_foreach (rows, j, row)
                withheld += check_row(pairs, count, rows, row, d);
            for (size_t f = 0; f < STATISTICS_FAMILIES; f++)
                try_to_solve(&(struct solving){pairs, count, rows, d, f}, json);
        }
    }
    cr_assert(publications > 200 && withheld > 500, "%zu publications, %zu withheld", publications,
              withheld);
}

Test(statistics, the_order_of_pairs_changes_nothing)
{
    static struct statistics_pair pairs[PAIRS_MAX];

    for (int i = 0; i < 20; i++) {
        const size_t count = draw(pairs);
        json_auto_t *json = tell(pairs, count);
        json_t *other;

        for (size_t j = 0; j < count / 2; j++) {
            const struct statistics_pair kept = pairs[j];

            pairs[j] = pairs[count - 1 - j];
            pairs[count - 1 - j] = kept;
        }
        other = tell(pairs, count);
        cr_assert(json_equal(json, other));
        json_decref(other);
    }
}

Test(statistics, few_values_are_put_together_with_the_smallest_of_the_others)
{
    static struct statistics_pair pairs[100];
    json_t *rows;
    json_t *json;

    for (uint32_t i = 0; i < 100; i++)
        pairs[i] = (struct statistics_pair){.mentor = i + 1,
                                            .mentee = i + 1,
                                            .values = {i < 3    ? "AT"
                                                       : i < 18 ? "LU"
                                                       : i < 50 ? "FR"
                                                                : "BE",
                                                       "food", "fr"}};
    json = tell(pairs, 100);
    rows = json_object_get(json_object_get(json, "by"), "country");
    cr_assert_eq(json_array_size(rows), 3);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 0), "value")), "BE");
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 1), "value")), "FR");
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 2), "value")),
                     "all_others");
    cr_assert_eq(json_integer_value(json_object_get(json_array_get(rows, 2), "pairs")), 20);
    json_decref(json);
}

/* Of programme 1 there are nine mentees, of 2 nine mentors; 3 has enough, but not in each country.
 */
Test(statistics, a_programme_counts_where_enough_people_are_of_it)
{
    static struct statistics_pair pairs[100];
    static const struct {
        const char *country;
        int programmes;
    } ROWS[] = {{"BE", 1}, {"FR", 1}};
    json_t *rows, *json;

    for (uint32_t i = 0; i < 100; i++)
        pairs[i] = (struct statistics_pair){
            .mentor = i >= 10 && i < 20 ? 100 + i % 9 : i + 1,
            .mentee = i < 10 ? 1 + i % 9 : i + 1,
            .programme = i < 10   ? 1
                         : i < 20 ? 2
                         : i < 49 ? 3
                                  : 4 + i % 2,
            .values = {i < 60 ? "FR" : "BE", "food", "fr"},
        };
    for (uint32_t i = 60; i < 100; i++)
        pairs[i].programme = i < 65 ? 3 : 4;
    json = tell(pairs, 100);
    rows = json_object_get(json_object_get(json, "by"), "country");
    cr_assert_eq(json_integer_value(json_object_get(json, "programmes")), 2);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const json_t *row = json_array_get(rows, i);

        cr_assert_str_eq(json_string_value(json_object_get(row, "value")), ROWS[i].country);
        cr_assert_eq(json_integer_value(json_object_get(row, "programmes")), ROWS[i].programmes,
                     "%s", ROWS[i].country);
    }
    json_decref(json);
}

Test(statistics, an_arena_that_is_full_is_a_fault)
{
    static struct statistics_pair pairs[PAIRS_MAX];
    struct arena arena;
    struct text text;

    for (uint32_t i = 0; i < 100; i++)
        pairs[i] = (struct statistics_pair){i + 1, i + 1, 1, {"BE", "food", "fr"}, {0}};
    arena_init(&arena, 100);
    text_init(&text, 1000);
    cr_assert(statistics_tell(&arena, pairs, 100, &text) < 0);
    text_deinit(&text);
    arena_deinit(&arena);
}
