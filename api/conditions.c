#include "conditions.h"

#include <string.h>
#include <strings.h>

static bool tag_is(const char *bytes, size_t length, const char *etag, const char *suffix)
{
    size_t etag_length = strlen(etag);

    return length == etag_length + strlen(suffix) && memcmp(bytes, etag, etag_length) == 0 &&
           memcmp(bytes + etag_length, suffix, length - etag_length) == 0;
}

/* The coding whose tag [bytes, bytes + length) is; false: none of them. */
static bool coding_of(const char *bytes, size_t length, const char *etag, enum coding *ret_coding)
{
    for (int coding = CODING_IDENTITY; coding < CODING_COUNT; coding++) {
        if (tag_is(bytes, length, etag, coding_etag_suffix((enum coding)coding))) {
            *ret_coding = (enum coding)coding;
            return true;
        }
    }
    return false;
}

bool conditions_match(const char *list, const char *etag, bool strong, enum coding preferred,
                      enum coding *ret_coding)
{
    bool matched = false;
    enum coding found = preferred;
    const char *at = list;

    while (*at != '\0') {
        bool weak = false;
        const char *end;
        enum coding coding;

        at += strspn(at, " \t,");
        if (*at == '*') {
            matched = true;
            break;
        }
        if (at[0] == 'W' && at[1] == '/') {
            weak = true;
            at += 2;
        }
        end = *at == '"' ? strchr(at + 1, '"') : NULL;
        if (end == NULL)
            break; /* what is malformed matches nothing: the whole answer is always right */
        if (etag != NULL && !(weak && strong) &&
            coding_of(at + 1, (size_t)(end - at - 1), etag, &coding)) {
            if (!matched || coding == preferred)
                found = coding;
            matched = true;
        }
        at = end + 1;
    }
    if (matched && ret_coding != NULL)
        *ret_coding = found;
    return matched;
}

struct date {
    int year, month, day, hour, minute, second;
};

static bool read_number(const char **at, size_t digits, int *ret_number)
{
    int number = 0;

    for (size_t i = 0; i < digits; i++) {
        char digit = (*at)[i];

        if (digit < '0' || digit > '9')
            return false;
        number = number * 10 + (digit - '0');
    }
    *at += digits;
    *ret_number = number;
    return true;
}

static bool read_literal(const char **at, const char *literal)
{
    size_t length = strlen(literal);

    if (strncmp(*at, literal, length) != 0)
        return false;
    *at += length;
    return true;
}

static bool read_month(const char **at, int *ret_month)
{
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int month = 0; month < 12; month++) {
        if (strncmp(*at, MONTHS + 3 * month, 3) == 0) {
            *at += 3;
            *ret_month = month + 1;
            return true;
        }
    }
    return false;
}

static bool read_time(const char **at, struct date *date)
{
    return read_number(at, 2, &date->hour) && read_literal(at, ":") &&
           read_number(at, 2, &date->minute) && read_literal(at, ":") &&
           read_number(at, 2, &date->second);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool read_fixdate(const char *at, struct date *date)
{
    return read_literal(&at, ", ") && read_number(&at, 2, &date->day) && read_literal(&at, " ") &&
           read_month(&at, &date->month) && read_literal(&at, " ") &&
           read_number(&at, 4, &date->year) && read_literal(&at, " ") && read_time(&at, date) &&
           strcmp(at, " GMT") == 0;
}

/* Sunday, 06-Nov-94 08:49:37 GMT. Two digits of a year: such dates are past, so 70 is 1970. */
static bool read_rfc850(const char *at, struct date *date)
{
    if (!(read_literal(&at, ", ") && read_number(&at, 2, &date->day) && read_literal(&at, "-") &&
          read_month(&at, &date->month) && read_literal(&at, "-") &&
          read_number(&at, 2, &date->year) && read_literal(&at, " ") && read_time(&at, date) &&
          strcmp(at, " GMT") == 0))
        return false;
    date->year += date->year < 70 ? 2000 : 1900;
    return true;
}

/* Sun Nov  6 08:49:37 1994 */
static bool read_asctime(const char *at, struct date *date)
{
    return read_literal(&at, " ") && read_month(&at, &date->month) && read_literal(&at, " ") &&
           (read_literal(&at, " ") ? read_number(&at, 1, &date->day)
                                   : read_number(&at, 2, &date->day)) &&
           read_literal(&at, " ") && read_time(&at, date) && read_literal(&at, " ") &&
           read_number(&at, 4, &date->year) && *at == '\0';
}

/* Days from 1970-01-01 in the Gregorian calendar, the year taken to begin in March. */
static int64_t days_of(const struct date *date)
{
    int64_t year = date->month <= 2 ? date->year - 1 : date->year;
    int64_t era = year / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year =
        (153 * (date->month + (date->month > 2 ? -3 : 9)) + 2) / 5 + date->day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

bool conditions_date(const char *text, int64_t *ret_seconds)
{
    struct date date = {0};
    size_t day_name = strcspn(text, ", ");

    if (!read_fixdate(text + day_name, &date) && !read_rfc850(text + day_name, &date) &&
        !read_asctime(text + day_name, &date))
        return false;
    if (date.year < 1970 || date.month < 1 || date.day < 1 || date.day > 31 || date.hour > 23 ||
        date.minute > 59 || date.second > 60)
        return false;
    *ret_seconds = days_of(&date) * 86400 + date.hour * 3600 + date.minute * 60 + date.second;
    return true;
}
