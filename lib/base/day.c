#include "base/day.h"

#include <stddef.h>
#include <string.h>

static int days_in(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
        return 29;
    return DAYS[month - 1];
}

static bool read_digits(const char *text, size_t count, int *ret_number)
{
    int number = 0;

    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
    }
    *ret_number = number;
    return true;
}

bool day_parse(const char *text, struct day *day)
{
    const size_t length = strlen(text);

    day->day = 1;
    if ((length != 7 && length != 10) || text[4] != '-' || !read_digits(text, 4, &day->year) ||
        !read_digits(text + 5, 2, &day->month) ||
        (length == 10 && (text[7] != '-' || !read_digits(text + 8, 2, &day->day))))
        return false;
    return day->year >= 1900 && day->year <= 2900 && day->month >= 1 && day->month <= 12 &&
           day->day >= 1 && day->day <= days_in(day->year, day->month);
}

struct day day_add_months(struct day day, int months)
{
    const int total = day.year * 12 + day.month - 1 + months;
    struct day later = {total / 12, total % 12 + 1, day.day};

    if (later.day > days_in(later.year, later.month))
        later.day = days_in(later.year, later.month);
    return later;
}

int day_months_until(struct day from, struct day to)
{
    const int months = (to.year - from.year) * 12 + to.month - from.month;

    return months + (day_add_months(from, months).day < to.day ? 1 : 0);
}

struct day day_before(struct day day)
{
    if (day.day > 1) {
        day.day--;
        return day;
    }
    day.day = 1;
    day = day_add_months(day, -1);
    day.day = days_in(day.year, day.month);
    return day;
}

struct day day_after(struct day day)
{
    if (day.day < days_in(day.year, day.month)) {
        day.day++;
        return day;
    }
    day.day = 1;
    return day_add_months(day, 1);
}
