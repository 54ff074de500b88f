#pragma once
/* Days of the Gregorian calendar, without a time or a zone. */
#include "base/annotate.h"

#include <stdbool.h>

struct day {
    int year, month, day;
};
/* "2027-01-15", or with the first day of the month "2027-01". */
MUST_CHECK bool day_parse(const char *text, struct day *ret_day);
/* So many months later; the last day of a month that is too short. */
struct day day_add_months(struct day day, int months);
/* So many months after @from is @to, or the first such day behind it; below 0: before @from. */
int day_months_until(struct day from, struct day to);
struct day day_before(struct day day);
struct day day_after(struct day day);
