/*
 * Letters and times.
 *
 * Composing letters takes the tables of Unicode, which PostgreSQL has (normalize());
 * they would be the only reason for one more library. Most texts need no look: those whose
 * every character is its own composed form, and cannot be part of another's.
 */
#include "record/content.h"

#include "record/content_internal.h"

#include "base/fault.h"
#include "db/db.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_query COMPOSE = {
    .name = "content_compose",
    .sql = "select normalize($1::text, NFC)",
    .param_count = 1,
};

struct range {
    uint32_t first;
    uint32_t last;
};

static bool is_within(uint32_t character, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return false;
}

/* The next character of valid UTF-8. */
static uint32_t next_character(const char **at)
{
    const unsigned char *bytes = (const unsigned char *)*at;
    const unsigned length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
    uint32_t character = length == 1 ? bytes[0] : bytes[0] & (0xFFu >> (length + 1));

    for (unsigned i = 1; i < length; i++)
        character = character << 6 | (bytes[i] & 0x3Fu);
    *at += length;
    return character;
}

bool content_has_forbidden(const char *text, bool is_name, uint32_t *ret_character)
{
    static const struct range FORBIDDEN[] = {
        {0x00, 0x08},     {0x0B, 0x0C},     {0x0E, 0x1F},     {0x7F, 0x9F},     {0x2028, 0x202E},
        {0x2066, 0x2069}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xFFFE, 0xFFFF},
    };

    while (*text != '\0') {
        const uint32_t character = next_character(&text);

        if (is_within(character, FORBIDDEN, ARRAY_LENGTH(FORBIDDEN)) ||
            (is_name && character < 0x20)) {
            *ret_character = character;
            return true;
        }
    }
    return false;
}

/* --- composing ---------------------------------------------------------------------------------
 */

/* May composing change a text with this character? Never no by mistake, now and then yes. */
static bool may_change(uint32_t character)
{
    /* Below U+0700: combining marks, and four characters that are always written otherwise. */
    static const struct range CHANGING[] = {
        {0x0300, 0x036F}, {0x0374, 0x0374}, {0x037E, 0x037E}, {0x0387, 0x0387}, {0x0483, 0x0487},
        {0x0591, 0x05C7}, {0x0610, 0x061A}, {0x064B, 0x065F}, {0x0670, 0x0670}, {0x06D6, 0x06ED},
    };
    /* From there on: Ethiopic, Latin, punctuation, currencies, arrows, symbols, ideographs,
       syllables of Korean, pictures. */
    static const struct range STAYING[] = {
        {0x1200, 0x135A}, {0x1E00, 0x1EFF}, {0x2002, 0x205E}, {0x20A0, 0x20C0},
        {0x2190, 0x22FF}, {0x2500, 0x27BF}, {0x3041, 0x3096}, {0x30A1, 0x30FA},
        {0x4E00, 0x9FFF}, {0xAC00, 0xD7A3}, {0xFE0E, 0xFE0F}, {0x1F300, 0x1FAFF},
    };

    if (character < 0x0700)
        return character >= 0x0300 && is_within(character, CHANGING, ARRAY_LENGTH(CHANGING));
    return !is_within(character, STAYING, ARRAY_LENGTH(STAYING));
}

static bool may_need_composing(const char *text)
{
    while (*text != '\0') {
        /* The first byte of what lies below U+0300. */
        if ((unsigned char)*text < 0xCC) {
            text++;
            continue;
        }
        if (may_change(next_character(&text)))
            return true;
    }
    return false;
}

/* Recursion is bounded: a body is read with at most JSON_DEPTH_MAX levels. */
bool content_is_composed(const json_t *data)
{
    void *at;
    const json_t *item;
    size_t i;

    if (json_is_string(data))
        return !may_need_composing(json_string_value(data));
    json_array_foreach (data, i, item)
        if (!content_is_composed(item))
            return false;
    at = json_object_iter((json_t *)(uintptr_t)data);
    for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)data, at))
        if (may_need_composing(json_object_iter_key(at)) ||
            !content_is_composed(json_object_iter_value(at)))
            return false;
    return true;
}

/* A text of JSON is composed as a whole: nothing that it is made of can be part of a letter. */
int content_compose(struct db *db, json_t **data)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char *dump;
    json_t *composed;
    int r;

    if (content_is_composed(*data))
        return 0;
    dump = json_dumps(*data, JSON_COMPACT | JSON_ENCODE_ANY);
    if (dump == NULL)
        return fault_raise(-ENOMEM);
    r = db_run(db, &COMPOSE, (const char *const[]){dump}, &rows);
    if (r == 0 && strcmp(db_rows_text(rows, 0, 0), dump) != 0) {
        composed = json_loads(db_rows_text(rows, 0, 0), JSON_DECODE_ANY, NULL);
        if (composed == NULL)
            r = fault_raise(-EPROTO);
        else
            json_decref(*data);
        if (composed != NULL)
            *data = composed;
    }
    free(dump);
    return r;
}

/* --- times -------------------------------------------------------------------------------------
 */

/* Days since 0000-03-01 of the calendar that has always been Gregorian, and back. */
static long days_of(long year, long month, long day)
{
    year -= month <= 2;
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * ((month + 9) % 12) + 2) / 5 +
           day - 1;
}

static void date_of(long days, long *ret_year, long *ret_month, long *ret_day)
{
    long year = days / 146097 * 400;
    long day = days % 146097;
    long month;
    long of_era;

    of_era = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * of_era + of_era / 4 - of_era / 100;
    month = (5 * day + 2) / 153;
    *ret_day = day - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = year + of_era + (*ret_month <= 2);
}

int content_time_in_utc(const char *text, char ret_time[CONTENT_TIME_BYTES])
{
    long year, month, day, hour, minute, second, days, seconds;
    long millisecond = 0, weight = 100;
    unsigned offset_hour = 0, offset_minute = 0;
    char buffer[80]; /* as many as the compiler can think of for six numbers */
    const char *at;

    if (strlen(text) < 20)
        return CONTENT_TIME_NONE;
    year = strtol(text, NULL, 10);
    month = strtol(text + 5, NULL, 10);
    day = strtol(text + 8, NULL, 10);
    hour = strtol(text + 11, NULL, 10);
    minute = strtol(text + 14, NULL, 10);
    second = strtol(text + 17, NULL, 10);
    at = text + 19;
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++, weight /= 10)
            millisecond += (*at - '0') * weight;
    if ((*at == '+' || *at == '-') && strlen(at) == 6) {
        offset_hour = (unsigned)(at[1] - '0') * 10 + (unsigned)(at[2] - '0');
        offset_minute = (unsigned)(at[4] - '0') * 10 + (unsigned)(at[5] - '0');
    } else if (*at != 'Z' && *at != 'z') {
        return CONTENT_TIME_NONE;
    }
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31)
        return CONTENT_TIME_NONE;

    seconds = hour * 3600 + minute * 60 + second;
    seconds += (*at == '-' ? 1 : -1) * (long)(offset_hour * 3600 + offset_minute * 60);
    days = days_of(year, month, day);
    days += seconds < 0 ? -1 : seconds / 86400;
    seconds = (seconds + 86400) % 86400;
    date_of(days, &year, &month, &day);
    if (year < 1 || year > 9999)
        return CONTENT_TIME_BEYOND;
    (void)snprintf(buffer, sizeof(buffer), "%04ld-%02ld-%02ldT%02ld:%02ld:%02ld.%03ldZ", year,
                   month, day, seconds / 3600, seconds / 60 % 60, seconds % 60, millisecond);
    memcpy(ret_time, buffer, CONTENT_TIME_BYTES - 1);
    ret_time[CONTENT_TIME_BYTES - 1] = '\0';
    return 0;
}
