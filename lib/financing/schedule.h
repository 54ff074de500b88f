#pragma once
/*
 * Schedule
 *
 * A public share that changes over time, computed for a budget. Money is whole minor units of its
 * currency, shares are whole ten-thousandths of a percent, to which a number of JSON is rounded
 * once: from there on nothing is a floating-point number.
 *
 * The budget is spread evenly over the months. What of it is public is rounded over the time from
 * the start, half to the even unit, and a month gets what that grew by: so every month is within
 * one unit of its exact share, and all of them together are the exact share of the whole, rounded
 * once (cumulative rounding).
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULE_MONTHS_MAX 600          /* fifty years */
#define SCHEDULE_POINTS_MAX 50           /* as the contract has it */
#define SCHEDULE_UNITS_MAX 1000000000000 /* ten milliards in cents: sums stay within 64 bits */
#define SHARE_WHOLE 1000000              /* 100 percent */

struct schedule_point {
    int from_month;  /* below 0: it is in force already */
    int until_month; /* -1: until the next point */
    bool is_linear;
    int32_t share;
};

struct schedule_period {
    int from_month, months;
    int32_t share;
    int64_t costs, public_money, own_money;
};

struct schedule {
    struct schedule_period periods[SCHEDULE_MONTHS_MAX];
    size_t count;
    int64_t public_money, own_money;
};

/* How many months to compute where nobody says: until the last share ends, or a year of it. */
int schedule_months(const struct schedule_point *points, size_t count);

/* The share in a month, by points that are in order of their months. */
int32_t schedule_share(const struct schedule_point *points, size_t count, int month);

/*
 * schedule_plan() - @months: 1 to SCHEDULE_MONTHS_MAX; @budget: 0 to SCHEDULE_UNITS_MAX
 * Months with the same share become one period.
 */
void schedule_plan(const struct schedule_point *points, size_t count, int months, int64_t budget,
                   struct schedule *ret_schedule);

/* --- sums --- */

/* Digits behind the point of a currency (ISO 4217). */
unsigned money_decimals(const char *currency);
/* "48000.00" in minor units; false: no such sum, more decimals than the currency, or too much. */
MUST_CHECK bool money_parse(const char *text, unsigned decimals, int64_t *ret_units);
#define MONEY_TEXT_BYTES 32
const char *money_text(int64_t units, unsigned decimals, char ret_text[MONEY_TEXT_BYTES]);
