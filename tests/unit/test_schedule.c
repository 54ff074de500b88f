#include "financing/schedule.h"

#include "base/annotate.h"
#include "base/day.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(schedule, .fini = test_ends_without_leaks);

/* Barcelona: 95 percent falling to 40 over three years, and on to none. */
static const struct schedule_point FALLING[] = {
    {0, -1, true, 950000}, {36, -1, false, 400000}, {60, -1, false, 0}};

Test(schedule, a_share_falls_evenly_or_in_steps_and_ends_where_it_is_said)
{
    static const struct schedule_point STEPS[] = {
        {2, -1, false, 1000000}, {4, 6, false, 500000}, {8, -1, true, 10000}};
    static const struct schedule_point BEFORE[] = {{-6, -1, true, 900000}, {0, -1, false, 300000}};
    static const struct schedule_point UNDERWAY[] = {
        {-6, -1, true, 900000}, {6, 8, false, 300000}, {9, -1, false, 0}};
    static const struct {
        const struct schedule_point *points;
        int month;
        int32_t share;
    } ROWS[] = {
        {FALLING, 0, 950000},  {FALLING, 1, 934722},  {FALLING, 18, 675000}, {FALLING, 35, 415278},
        {FALLING, 36, 400000}, {FALLING, 59, 400000}, {FALLING, 60, 0},      {FALLING, 599, 0},
        {STEPS, 0, 0},         {STEPS, 1, 0},         {STEPS, 2, 1000000},   {STEPS, 3, 1000000},
        {STEPS, 4, 500000},    {STEPS, 5, 500000},    {STEPS, 6, 0},         {STEPS, 7, 0},
        {STEPS, 8, 10000},     {STEPS, 100, 10000},   {UNDERWAY, 0, 600000}, {UNDERWAY, 3, 450000},
        {UNDERWAY, 6, 300000}, {UNDERWAY, 8, 0},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_expect_eq(schedule_share(ROWS[i].points, 3, ROWS[i].month), ROWS[i].share, "%zu", i);
    cr_assert_eq(schedule_months(FALLING, 3), 72);
    cr_assert_eq(schedule_months(STEPS, 2), 6);
    cr_assert_eq(schedule_months(BEFORE, 2), 12);
}

Test(schedule, the_periods_sum_up_to_the_budget_exactly)
{
    static const int64_t BUDGETS[] = {
        0, 1, 7, 99, 100, 4800000, 4800001, 123456789, SCHEDULE_UNITS_MAX};
    static const int MONTHS[] = {1, 2, 7, 36, 72, 600};
    struct schedule schedule;

    for (size_t i = 0; i < ARRAY_LENGTH(BUDGETS); i++)
        for (size_t j = 0; j < ARRAY_LENGTH(MONTHS); j++) {
            int64_t costs = 0, public_money = 0, own = 0;
            int months = 0;

            schedule_plan(FALLING, 3, MONTHS[j], BUDGETS[i], &schedule);
            for (size_t k = 0; k < schedule.count; k++) {
                const struct schedule_period *period = &schedule.periods[k];

                cr_expect_eq(period->from_month, months);
                cr_expect_eq(period->costs, period->public_money + period->own_money);
                cr_expect(period->public_money >= 0 && period->own_money >= 0);
                months += period->months;
                costs += period->costs;
                public_money += period->public_money;
                own += period->own_money;
            }
            cr_expect_eq(months, MONTHS[j]);
            cr_expect_eq(costs, BUDGETS[i]);
            cr_expect_eq(public_money, schedule.public_money);
            cr_expect_eq(own, schedule.own_money);
        }
}

Test(schedule, public_money_is_rounded_over_the_time_to_the_even_unit)
{
    static const struct schedule_point HALF[] = {{0, -1, false, 500000}};
    struct schedule schedule;

    schedule_plan(HALF, 1, 1, 1, &schedule);
    cr_assert_eq(schedule.public_money, 0);
    schedule_plan(HALF, 1, 1, 3, &schedule);
    cr_assert_eq(schedule.public_money, 2);
    schedule_plan(HALF, 1, 3, 9, &schedule);
    cr_assert_eq(schedule.public_money, 4);
}

Test(schedule, sums_are_read_and_written_by_the_decimals_of_the_currency)
{
    static const struct {
        const char *text, *currency;
        bool is_valid;
        int64_t units;
        const char *shown;
    } ROWS[] = {
        {"48000.00", "EUR", true, 4800000, "48000.00"},
        {"48000", "EUR", true, 4800000, "48000.00"},
        {"0.5", "EUR", true, 50, "0.50"},
        {"500", "JPY", true, 500, "500"},
        {"1.234", "KWD", true, 1234, "1.234"},
        {"0.50", "JPY", false, 0, ""},
        {"1.234", "EUR", false, 0, ""},
        {"-1", "EUR", false, 0, ""},
        {"1.", "EUR", false, 0, ""},
        {".5", "EUR", false, 0, ""},
        {"", "EUR", false, 0, ""},
        {"1e3", "EUR", false, 0, ""},
        {"10000000000.01", "EUR", false, 0, ""},
        {"99999999999999999999", "EUR", false, 0, ""},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const unsigned decimals = money_decimals(ROWS[i].currency);
        char text[MONEY_TEXT_BYTES];
        int64_t units = -1;

        cr_expect_eq(money_parse(ROWS[i].text, decimals, &units), ROWS[i].is_valid, "%s",
                     ROWS[i].text);
        if (!ROWS[i].is_valid)
            continue;
        cr_expect_eq(units, ROWS[i].units, "%s", ROWS[i].text);
        cr_expect_str_eq(money_text(units, decimals, text), ROWS[i].shown);
    }
}

Test(schedule, months_are_those_of_the_calendar)
{
    static const struct {
        const char *from;
        int months;
        int year, month, day;
    } ROWS[] = {
        {"2027-01", 1, 2027, 2, 1},      {"2027-01-31", 1, 2027, 2, 28},
        {"2028-01-31", 1, 2028, 2, 29},  {"2027-12-15", 1, 2028, 1, 15},
        {"2000-02-29", 48, 2004, 2, 29}, {"2027-03-01", 600, 2077, 3, 1},
    };
    static const struct {
        const char *from, *to;
        int months;
    } UNTIL[] = {
        {"2027-01-01", "2027-01-01", 0},  {"2027-01-01", "2027-01-02", 1},
        {"2027-01-01", "2027-02-01", 1},  {"2027-01-15", "2027-02-14", 1},
        {"2027-01-15", "2027-02-16", 2},  {"2027-01-31", "2027-02-28", 1},
        {"2027-01-31", "2027-03-31", 2},  {"2027-01-01", "2026-12-31", 0},
        {"2027-01-01", "2026-12-01", -1}, {"2027-01-15", "2025-11-20", -13},
    };
    struct day day;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_assert(day_parse(ROWS[i].from, &day));
        day = day_add_months(day, ROWS[i].months);
        cr_expect(day.year == ROWS[i].year && day.month == ROWS[i].month && day.day == ROWS[i].day,
                  "%s", ROWS[i].from);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(UNTIL); i++) {
        struct day to;

        cr_assert(day_parse(UNTIL[i].from, &day) && day_parse(UNTIL[i].to, &to));
        cr_expect_eq(day_months_until(day, to), UNTIL[i].months, "%s %s", UNTIL[i].from,
                     UNTIL[i].to);
    }
    cr_assert(day_parse("2028-03-01", &day));
    day = day_before(day);
    cr_assert(day.month == 2 && day.day == 29);
    day = day_after(day);
    cr_assert(day.month == 3 && day.day == 1);
    cr_assert(day_parse("2028-01-01", &day));
    day = day_before(day);
    cr_assert(day.year == 2027 && day.month == 12 && day.day == 31);
    cr_assert_not(day_parse("2027-02-29", &day));
    cr_assert_not(day_parse("2027-13", &day));
    cr_assert_not(day_parse("2027", &day));
    cr_assert_not(day_parse("2027-1-1", &day));
    cr_assert_not(day_parse("2027-01-1x", &day));
}
