#include "financing/rates.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "db/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CURRENCIES_BYTES_MAX 4096
#define ROWS_BYTES_MAX (64u * 1024 * 1024)
#define COLUMN_COUNT 4
#define FIELD_BYTES_MAX 256
#define DECIMALS 8

static const struct db_query READ = {
    .name = "rates_read",
    .sql = "select c.currency, e.rate, e.date, e.source from unnest($1::text[]) as c(currency) "
           "cross join lateral published.euro_rate(c.currency, coalesce($2::date, "
           "(now() at time zone 'UTC')::date)) e where c.currency <> 'EUR' order by 1",
    .param_count = 2,
};
/* $1: [{"line", "date", "currency", "rate", "source"}]; of two lines for a day the last counts. */
static const struct db_query IMPORT = {
    .name = "rates_import",
    .sql = "insert into published.exchange_rate (currency, date, rate, source) "
           "select distinct on (currency, date) currency, date, rate, source "
           "from jsonb_to_recordset($1::jsonb) as listed(line integer, date date, currency text, "
           "rate numeric, source text) order by currency, date, line desc "
           "on conflict (currency, date) do update set rate = excluded.rate, "
           "source = excluded.source, imported_at = now() "
           "where (published.exchange_rate.rate, published.exchange_rate.source) is distinct from "
           "(excluded.rate, excluded.source)",
    .param_count = 1,
};

int64_t rates_parse(const char *text)
{
    int64_t value = 0;
    int decimals = -1;

    if (text[0] == '-' || !num_is_decimal(text))
        return 0;
    for (const char *at = text; *at != '\0' && decimals < DECIMALS; at++) {
        if (*at == '.') {
            decimals = 0;
            continue;
        }
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return 0;
        decimals += decimals >= 0 ? 1 : 0;
    }
    for (decimals = decimals < 0 ? 0 : decimals; decimals < DECIMALS; decimals++)
        if (__builtin_mul_overflow(value, 10, &value))
            return 0;
    return value;
}

int rates_read(struct db *db, struct arena *arena, const struct currency *currencies, size_t count,
               const char *day, struct rates *ret_rates)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct text list;
    int r;

    *ret_rates = (struct rates){0};
    text_init(&list, CURRENCIES_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        text_append_format(&list, "%s%s", i == 0 ? "{" : ",", currencies[i].code);
    text_append(&list, count == 0 ? "{}" : "}");
    r = text_failed(&list) ? fault_raise(-ENOMEM)
                           : db_run(db, &READ, (const char *const[]){list.bytes, day}, &rows);
    text_deinit(&list);
    if (r != 0)
        return r;
    ret_rates->rates = arena_alloc_array(arena, db_rows_count(rows) + 1, sizeof(struct rate));
    ret_rates->shown = arena_alloc_array(arena, db_rows_count(rows) + 1, sizeof(struct rate_shown));
    if (ret_rates->rates == NULL || ret_rates->shown == NULL)
        return fault_raise(-ENOMEM);
    for (size_t row = 0; row < db_rows_count(rows); row++) {
        struct rate *rate = &ret_rates->rates[ret_rates->count];
        struct rate_shown *shown = &ret_rates->shown[ret_rates->count];

        *shown = (struct rate_shown){arena_copy(arena, db_rows_text(rows, row, 0)),
                                     arena_copy(arena, db_rows_text(rows, row, 1)),
                                     arena_copy(arena, db_rows_text(rows, row, 2)),
                                     arena_copy(arena, db_rows_text(rows, row, 3))};
        if (arena_failed(arena))
            return fault_raise(-ENOMEM);
        memcpy(rate->currency.code, shown->currency, sizeof(rate->currency.code));
        rate->per_euro = rates_parse(shown->rate);
        ret_rates->count += rate->per_euro > 0 ? 1 : 0;
    }
    return 0;
}

/* --- importing ---------------------------------------------------------------------------------
 */

enum { COLUMN_DATE, COLUMN_CURRENCY, COLUMN_RATE, COLUMN_SOURCE };
static const char *const COLUMNS[COLUMN_COUNT] = {"date", "currency", "rate", "source"};

/* One field of a line; *@at goes behind its comma. False: it is too long, or its quotes are open.
 */
static bool take_field(const char **at, char field[FIELD_BYTES_MAX], bool *ret_more)
{
    const bool quoted = **at == '"';
    size_t length = 0;

    *at += quoted ? 1 : 0;
    for (;; (*at)++) {
        if (quoted && **at == '"' && (*at)[1] == '"')
            (*at)++;
        else if (quoted && **at == '"')
            break;
        else if (!quoted && strchr(",\r\n", **at) != NULL)
            break;
        if (**at == '\0' || length + 1 == FIELD_BYTES_MAX)
            return false;
        field[length++] = **at;
    }
    field[length] = '\0';
    *at += quoted ? 1 : 0;
    if (**at != '\0' && strchr(",\r\n", **at) == NULL)
        return false;
    *ret_more = **at == ',';
    *at += *ret_more ? 1 : 0;
    return true;
}

static bool is_currency(const char *text)
{
    return strlen(text) == 3 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3 &&
           strcmp(text, "EUR") != 0;
}

static bool is_date(const char *text)
{
    static const char DAYS[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *const digits = "0123456789";
    uint32_t year, month, day;
    char part[5] = "";

    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' || strspn(text, digits) != 4 ||
        strspn(text + 5, digits) != 2 || strspn(text + 8, digits) != 2)
        return false;
    memcpy(part, text, 4);
    if (!num_parse_u32(part, 1900, 2999, &year))
        return false;
    memcpy(part, text + 5, 2);
    part[2] = '\0';
    if (!num_parse_u32(part, 1, 12, &month) ||
        !num_parse_u32(text + 8, 1, (uint32_t)DAYS[month - 1], &day))
        return false;
    return month != 2 || day < 29 || (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
}

static void check_line(char fields[COLUMN_COUNT][FIELD_BYTES_MAX], unsigned line,
                       struct arena *arena, struct problem *problem)
{
    const char *pointer = arena_format(arena, "line %u", line);

    if (!is_date(fields[COLUMN_DATE]))
        problem_add(problem, arena, pointer, NULL, "format", "the date is none such as 2026-11-20");
    if (!is_currency(fields[COLUMN_CURRENCY]))
        problem_add(problem, arena, pointer, NULL, "format",
                    "the currency is no code of three capitals; the euro has no rate");
    if (rates_parse(fields[COLUMN_RATE]) == 0)
        problem_add(problem, arena, pointer, NULL, "format", "the rate is no number above 0");
    if (fields[COLUMN_SOURCE][0] == '\0' || strlen(fields[COLUMN_SOURCE]) > RATE_TEXT_BYTES_MAX ||
        !text_is_utf8(fields[COLUMN_SOURCE], strlen(fields[COLUMN_SOURCE])))
        problem_add(problem, arena, pointer, NULL, "required",
                    "the source is missing, longer than %d bytes, or not UTF-8",
                    RATE_TEXT_BYTES_MAX);
}

/* The fields of a line, in the order of the file. Return: how many; -1: they cannot be read. */
static int take_line(const char **at, char fields[COLUMN_COUNT][FIELD_BYTES_MAX])
{
    int count = 0;
    bool more = true;

    while (more) {
        if (count == COLUMN_COUNT || !take_field(at, fields[count], &more))
            return -1;
        count++;
    }
    *at += **at == '\r' ? 1 : 0;
    *at += **at == '\n' ? 1 : 0;
    return count;
}

/* Which column of the file is which of ours; false: one is missing. */
static bool read_header(const char **at, size_t ret_order[COLUMN_COUNT])
{
    char names[COLUMN_COUNT][FIELD_BYTES_MAX];
    unsigned found = 0;

    if (take_line(at, names) != COLUMN_COUNT)
        return false;
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        for (size_t j = 0; j < COLUMN_COUNT; j++)
            if (strcmp(names[i], COLUMNS[j]) == 0) {
                ret_order[i] = j;
                found |= 1u << j;
            }
    return found == (1u << COLUMN_COUNT) - 1;
}

static void append_row(struct text *rows, unsigned line, char fields[COLUMN_COUNT][FIELD_BYTES_MAX])
{
    text_append_format(rows, "%s{\"line\":%u", rows->length == 1 ? "" : ",", line);
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        text_append_format(rows, ",\"%s\":", COLUMNS[i]);
        text_append_json(rows, fields[i]);
    }
    text_append_char(rows, '}');
}

static size_t read_rows(const char *csv, struct arena *arena, struct problem *problem,
                        struct text *rows)
{
    const char *at = strncmp(csv, "\xEF\xBB\xBF", 3) == 0 ? csv + 3 : csv;
    size_t order[COLUMN_COUNT] = {0};
    size_t count = 0;

    if (!read_header(&at, order)) {
        problem_add(problem, arena, "line 1", NULL, "format",
                    "the columns are date, currency, rate and source");
        return 0;
    }
    for (unsigned line = 2; *at != '\0'; line++) {
        char taken[COLUMN_COUNT][FIELD_BYTES_MAX], fields[COLUMN_COUNT][FIELD_BYTES_MAX];

        if (take_line(&at, taken) != COLUMN_COUNT) {
            problem_add(problem, arena, arena_format(arena, "line %u", line), NULL, "format",
                        "the line has not four fields");
            return 0;
        }
        for (size_t i = 0; i < COLUMN_COUNT; i++)
            memcpy(fields[order[i]], taken[i], FIELD_BYTES_MAX);
        check_line(fields, line, arena, problem);
        if (problem->error_count == 0)
            append_row(rows, line, fields);
        count++;
    }
    return count;
}

int rates_import(struct db *db, const char *csv, struct arena *arena, struct problem *problem,
                 size_t *ret_count)
{
    struct text rows;
    size_t count;
    int r;

    text_init(&rows, ROWS_BYTES_MAX);
    text_append_char(&rows, '[');
    count = read_rows(csv, arena, problem, &rows);
    text_append_char(&rows, ']');
    if (problem->error_count > 0)
        r = RATES_INVALID;
    else if (text_failed(&rows) || arena_failed(arena))
        r = fault_raise(-ENOMEM);
    else
        r = db_run(db, &IMPORT, (const char *const[]){rows.bytes}, NULL);
    text_deinit(&rows);
    if (r == 0)
        *ret_count = count;
    return r;
}
