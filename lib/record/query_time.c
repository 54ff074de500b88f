/*
 * Times and dates, and the instants that a list is asked about: as_of, and the
 * one by which a record is stale.
 */
#include "record/query_internal.h"

#include "base/arena.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define DATE_CHARACTERS 10 /* 2021-09-30 */
#define DAY_MS 86400000
#define MINUTE_MS 60000

static bool is_digits(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

bool query_is_partial_date(const char *text)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const size_t length = strlen(text);
    int year;
    int month;
    int day;
    int days;

    if ((length != 4 && length != 7 && length != 10) || !is_digits(text, 4))
        return false;
    year = (int)strtol(text, NULL, 10);
    if (year == 0)
        return false;
    if (length == 4)
        return true;
    if (text[4] != '-' || !is_digits(text + 5, 2))
        return false;
    month = (int)strtol(text + 5, NULL, 10);
    if (month < 1 || month > 12)
        return false;
    if (length == 7)
        return true;
    if (text[7] != '-' || !is_digits(text + 8, 2))
        return false;
    day = (int)strtol(text + 8, NULL, 10);
    days = DAYS[month - 1];
    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
        days++;
    return day >= 1 && day <= days;
}

bool query_is_time(const char *text)
{
    static const char SHAPE[] = "dddd-dd-ddTdd:dd:dd";
    char date[11];
    size_t i;

    if (strlen(text) == 10)
        return query_is_partial_date(text);
    for (i = 0; SHAPE[i] != '\0'; i++)
        if (SHAPE[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != SHAPE[i])
            return false;
    memcpy(date, text, 10);
    date[10] = '\0';
    if (!query_is_partial_date(date) || strtol(text + 11, NULL, 10) > 23 ||
        strtol(text + 14, NULL, 10) > 59 || strtol(text + 17, NULL, 10) > 59)
        return false;
    if (text[i] == '.') {
        size_t digits = strspn(text + i + 1, "0123456789");

        if (digits == 0 || digits > 6)
            return false;
        i += 1 + digits;
    }
    if (strcmp(text + i, "Z") == 0)
        return true;
    return (text[i] == '+' || text[i] == '-') && strlen(text + i) == 6 &&
           is_digits(text + i + 1, 2) && text[i + 3] == ':' && is_digits(text + i + 4, 2) &&
           strtol(text + i + 1, NULL, 10) <= 14 && strtol(text + i + 4, NULL, 10) <= 59;
}

/* --- instants ------------------------------------------------------------------------------ */

/* Days from 1970-01-01 to a day of the Gregorian calendar (H. Hinnant, days_from_civil). */
static int64_t days_of(const char *date)
{
    const int64_t month = strtol(date + 5, NULL, 10);
    const int64_t day = strtol(date + 8, NULL, 10);
    const int64_t year = strtol(date, NULL, 10) - (month <= 2 ? 1 : 0);
    const int64_t era = year / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* Milliseconds since 1970 of a time that query_is_time() takes; of a date, of its last one. */
static int64_t milliseconds_of(const char *time)
{
    const char *zone = strpbrk(time, "Z+");
    int64_t milliseconds = days_of(time) * DAY_MS;
    int64_t offset;

    if (strlen(time) == DATE_CHARACTERS)
        return milliseconds + DAY_MS - 1;
    if (zone == NULL)
        zone = strrchr(time, '-');
    milliseconds += strtol(time + 11, NULL, 10) * 60 * MINUTE_MS +
                    strtol(time + 14, NULL, 10) * MINUTE_MS + strtol(time + 17, NULL, 10) * 1000;
    for (size_t i = 20, worth = 100; time[19] == '.' && &time[i] < zone; i++, worth /= 10)
        milliseconds += (time[i] - '0') * (int64_t)worth;
    if (*zone == 'Z')
        return milliseconds;
    offset = (strtol(zone + 1, NULL, 10) * 60 + strtol(zone + 4, NULL, 10)) * MINUTE_MS;
    return *zone == '+' ? milliseconds - offset : milliseconds + offset;
}

void query_parse_as_of(struct query_parser *parser, const char *value)
{
    const bool is_day = strlen(value) == DATE_CHARACTERS;

    if (!query_is_time(value))
        query_refuse_value(parser, "as_of", value, "a time such as 2021-09-30T12:00:00Z, or a date",
                           NULL);
    else if (milliseconds_of(value) > (int64_t)clock_wall_ms())
        query_refuse(parser, "as_of", "in-the-future",
                     is_day ? "this day has not ended yet, in UTC; name an earlier one, or a time"
                            : "this time has not come yet");
    else
        parser->query->as_of =
            is_day ? arena_format(parser->arena, "%sT23:59:59.999Z", value) : value;
}

void query_parse_stale(struct query_parser *parser, const char *value)
{
    char now[CLOCK_TEXT_BYTES];

    if (strcmp(value, "true") == 0)
        parser->query->freshness = FRESHNESS_STALE;
    else if (strcmp(value, "false") == 0)
        parser->query->freshness = FRESHNESS_FRESH;
    else
        query_refuse_value(parser, "stale", value, "true or false", NULL);
    parser->query->stale_at = parser->query->as_of != NULL
                                  ? parser->query->as_of
                                  : arena_copy(parser->arena, clock_wall_text(now, sizeof(now)));
}

/*
 * What as_of does not go with, each by its name. The history keeps whole documents: what lists
 * leave out is left out when they are shown.
 */
void query_check_as_of(struct query_parser *parser)
{
    struct query *query = parser->query;
    const struct query_sort *sort = &query->sorts[0];
    const struct {
        const char *name;
        bool is_there;
    } refused[] = {
        {"q", query->search != NULL},
        {"highlights", query->highlights},
        {"near", query->has_near},
        {"bbox", query->has_box},
        {"facets", query->facet_count > 0},
        {"include", query->include_count > 0},
        {"count", query->count == COUNT_ESTIMATED},
        {"sort", query->sort_count > 1 ||
                     (query->sort_count == 1 && sort->kind == SORT_PROPERTY &&
                      (!sort->descending || strcmp(sort->property->path, "updated_at") != 0))},
    };

    if (query->as_of == NULL)
        return;
    query->without_detail = parser->scope == QUERY_LIST && query->field_count == 0;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
        if (refused[i].is_there)
            query_refuse(parser, refused[i].name, "not-with-as-of",
                         "as_of goes with filters, ids, fields, lang, limit, cursor, count=exact "
                         "and the order -updated_at alone");
}
