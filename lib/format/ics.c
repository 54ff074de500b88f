/*
 * Calendars (RFC 5545, RFC 7986): the deadlines of offers, and events. Written here, because the
 * format is a few lines and the streams take one record after the other, which a library that
 * builds the whole calendar does not.
 *
 * An event keeps its UID as long as its record and its place in the list of deadlines; SEQUENCE is
 * the version of the record, so that any change counts. Whole days are dates without a zone, as
 * everybody in the offer's place understands them; a time of day is given in UTC, which needs no
 * VTIMEZONE. What was called off, or is public no longer, is CANCELLED, so that calendars take it
 * out.
 */
#include "format/format.h"

#include "base/day.h"
#include "base/text.h"
#include "contract/contract.h"

#include <stdio.h>
#include <string.h>

#define LINE_OCTETS_MAX 75
#define VALUE_BYTES_MAX (64 * 1024)
#define STAMP_BYTES 24

/* --- lines -------------------------------------------------------------------------------------
 */

/* A content line, folded where no character is split; @value is escaped already. */
static void append_line(struct text *text, const char *name, const char *value)
{
    struct text line;
    size_t column = 0;

    text_init(&line, VALUE_BYTES_MAX * 2);
    text_append_format(&line, "%s:%s", name, value);
    for (const char *at = line.bytes; *at != '\0';) {
        size_t octets = 1;

        while ((at[octets] & 0xC0) == 0x80)
            octets++;
        if (column + octets > LINE_OCTETS_MAX) {
            text_append(text, "\r\n ");
            column = 1;
        }
        text_append_bytes(text, at, octets);
        column += octets;
        at += octets;
    }
    text_append(text, "\r\n");
    text_deinit(&line);
}

/* Text as RFC 5545 section 3.3.11 has it; other controls have no place in it. */
static void append_text(struct text *value, const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if (*at == '\n')
            text_append(value, "\\n");
        else if (strchr("\\;,", *at) != NULL)
            text_append_format(value, "\\%c", *at);
        else if ((unsigned char)*at >= 0x20 && *at != 0x7F)
            text_append_char(value, *at);
}

/* The text of a JSON value, twice over: decoded, then escaped. */
static void append_decoded(struct text *value, struct slice json)
{
    struct text decoded;

    text_init(&decoded, VALUE_BYTES_MAX);
    if (json.length > 0)
        slice_append_decoded(json, &decoded);
    append_text(value, decoded.bytes);
    text_deinit(&decoded);
}

static void append_member(struct text *text, const char *name, struct slice json)
{
    struct text value;

    if (json.length == 0)
        return;
    text_init(&value, VALUE_BYTES_MAX);
    append_decoded(&value, json);
    append_line(text, name, value.bytes);
    text_deinit(&value);
}

/* "2027-03-31T15:00:00.000Z" as 20270331T150000Z, "2027-03-31" as 20270331. */
static const char *stamp_of(struct slice json, char stamp[STAMP_BYTES])
{
    const struct slice time = slice_unquoted(json);
    size_t length = 0;

    for (size_t i = 0; i < time.length && i < 19 && length + 2 < STAMP_BYTES; i++)
        if (time.bytes[i] != '-' && time.bytes[i] != ':')
            stamp[length++] = time.bytes[i];
    if (time.length > 10)
        stamp[length++] = 'Z';
    stamp[length] = '\0';
    return stamp;
}

/* --- events ------------------------------------------------------------------------------------
 */

struct entry {
    struct slice record;
    struct slice ended_at; /* of a record that is gone; length 0: it is there */
    char uid[80];
    const char *start; /* 20270331, or 20270331T150000Z */
    const char *end;   /* the same, or NULL */
    struct slice label;
    const char *category;
    bool is_cancelled, is_tentative;
};

/* Copies @json without its quotes; "" when it does not fit. */
static void copy_text(struct slice json, char *text, size_t size)
{
    const struct slice bare = slice_unquoted(json);

    text[0] = '\0';
    if (bare.length < size)
        (void)snprintf(text, size, "%.*s", (int)bare.length, bare.bytes);
}

static void append_summary(struct text *text, const struct entry *entry)
{
    struct text value;

    text_init(&value, VALUE_BYTES_MAX);
    append_decoded(&value, slice_member(entry->record, "title"));
    if (entry->label.length > 0) {
        text_append(&value, ": ");
        append_decoded(&value, entry->label);
    }
    append_line(text, "SUMMARY", value.bytes);
    text_deinit(&value);
}

static void append_place(struct text *text, struct slice record)
{
    const struct slice lat = slice_member(slice_member(record, "location"), "lat");
    const struct slice lon = slice_member(slice_member(record, "location"), "lon");
    char position[64];

    append_member(text, "LOCATION", slice_member(record, "city"));
    if (lat.length == 0 || lat.length + lon.length + 2 > sizeof(position))
        return;
    (void)snprintf(position, sizeof(position), "%.*s;%.*s", (int)lat.length, lat.bytes,
                   (int)lon.length, lon.bytes);
    append_line(text, "GEO", position);
}

/* A record that is gone has one change more than its last version. */
static void append_sequence(struct text *text, const struct entry *entry)
{
    const struct slice version = slice_member(entry->record, "version");
    unsigned long sequence = entry->ended_at.length > 0 ? 1 : 0;
    unsigned long counted = 0;
    char number[24];

    for (size_t i = 0; i < version.length && i < 10; i++)
        counted = counted * 10 + (unsigned long)(version.bytes[i] - '0');
    (void)snprintf(number, sizeof(number), "%lu", counted + sequence);
    append_line(text, "SEQUENCE", number);
}

static void append_entry(struct text *text, const struct entry *entry)
{
    const struct slice changed =
        entry->ended_at.length > 0 ? entry->ended_at : slice_member(entry->record, "updated_at");
    const bool is_day = strlen(entry->start) == 8;
    struct slice url = slice_member(entry->record, "website");
    char stamp[STAMP_BYTES];

    append_line(text, "BEGIN", "VEVENT");
    append_line(text, "UID", entry->uid);
    append_line(text, "DTSTAMP", stamp_of(changed, stamp));
    append_line(text, "LAST-MODIFIED", stamp);
    append_sequence(text, entry);
    append_line(text, is_day ? "DTSTART;VALUE=DATE" : "DTSTART", entry->start);
    if (entry->end != NULL)
        append_line(text, is_day ? "DTEND;VALUE=DATE" : "DTEND", entry->end);
    append_summary(text, entry);
    append_member(text, "DESCRIPTION", slice_member(entry->record, "summary"));
    append_place(text, entry->record);
    if (url.length > 0) {
        struct text address;

        text_init(&address, VALUE_BYTES_MAX);
        slice_append_decoded(url, &address);
        append_line(text, "URL", address.bytes);
        text_deinit(&address);
    }
    append_line(text, "CATEGORIES", entry->category);
    append_line(text, "STATUS",
                entry->is_cancelled   ? "CANCELLED"
                : entry->is_tentative ? "TENTATIVE"
                                      : "CONFIRMED");
    append_line(text, "TRANSP", "TRANSPARENT");
    append_line(text, "END", "VEVENT");
}

/* --- of offers ---------------------------------------------------------------------------------
 */

/* Did it lie ahead when the record was last changed? Closed by hand, it does not hold. Both are
 * times in UTC, written in the same way. */
static bool is_later(struct slice time, struct slice record)
{
    const struct slice changed = slice_member(record, "updated_at");
    const size_t length = time.length < changed.length ? time.length : changed.length;

    return length > 0 && memcmp(time.bytes, changed.bytes, length) > 0;
}

static void append_deadlines(struct text *text, struct entry *entry)
{
    const struct slice deadlines =
        slice_member(slice_member(entry->record, "application"), "deadlines");
    const struct slice times = slice_member(entry->record, "closing_times");
    const bool is_closed =
        slice_equals(slice_unquoted(slice_member(entry->record, "activity_status")), "closed");
    const char *at = deadlines.bytes, *time_at = times.bytes;
    struct slice deadline, time = {"", 0};
    char id[40];

    copy_text(slice_member(entry->record, "id"), id, sizeof(id));
    entry->category = "DEADLINE";
    for (unsigned i = 1; deadlines.length > 0 && slice_next_item(&at, &deadline); i++) {
        const bool is_day = slice_member(deadline, "time").length == 0;
        char start[STAMP_BYTES];

        if (times.length == 0 || !slice_next_item(&time_at, &time))
            time = (struct slice){"", 0};
        if (!is_day && time.length == 0)
            continue;
        (void)snprintf(entry->uid, sizeof(entry->uid), "%s.deadline-%u@express", id, i);
        entry->start = stamp_of(is_day ? slice_member(deadline, "date") : time, start);
        entry->label = slice_member(deadline, "label");
        entry->is_cancelled = entry->ended_at.length > 0 ||
                              slice_equals(slice_member(deadline, "cancelled"), "true") ||
                              (is_closed && is_later(time, entry->record));
        append_entry(text, entry);
    }
}

/* --- of events ---------------------------------------------------------------------------------
 */

/* A whole day; an event that is known to the month or year alone has no place in a calendar. */
static bool read_day(struct slice json, struct day *day)
{
    char date[16];

    copy_text(json, date, sizeof(date));
    return strlen(date) == 10 && day_parse(date, day);
}

static void append_event(struct text *text, struct entry *entry)
{
    const struct slice status = slice_unquoted(slice_member(entry->record, "activity_status"));
    char start[STAMP_BYTES], end[STAMP_BYTES], id[40];
    struct day first, last;

    if (!read_day(slice_member(entry->record, "starts_on"), &first))
        return;
    if (!read_day(slice_member(entry->record, "ends_on"), &last))
        last = first;
    last = day_after(last); /* the end is the first day without it */
    copy_text(slice_member(entry->record, "id"), id, sizeof(id));
    (void)snprintf(entry->uid, sizeof(entry->uid), "%s@express", id);
    (void)snprintf(start, sizeof(start), "%04d%02d%02d", first.year, first.month, first.day);
    (void)snprintf(end, sizeof(end), "%04d%02d%02d", last.year, last.month, last.day);
    entry->start = start;
    entry->end = end;
    entry->category = "EVENT";
    entry->is_cancelled = entry->ended_at.length > 0 || slice_equals(status, "cancelled");
    entry->is_tentative = slice_equals(status, "planned") || slice_equals(status, "postponed");
    append_entry(text, entry);
}

static void append_record(const struct query *query, struct entry *entry, struct text *text)
{
    if (resource_property(query->resource, "application") != NULL)
        append_deadlines(text, entry);
    else
        append_event(text, entry);
}

/* --- the calendar ------------------------------------------------------------------------------
 */

void ics_begin(const struct query *query, struct text *text)
{
    append_line(text, "BEGIN", "VCALENDAR");
    append_line(text, "VERSION", "2.0");
    append_line(text, "PRODID", "-//EXPRESS//express-api//EN");
    append_line(text, "CALSCALE", "GREGORIAN");
    append_line(text, "METHOD", "PUBLISH");
    append_line(text, "NAME", query->resource->title);
    append_line(text, "X-WR-CALNAME", query->resource->title);
    append_line(text, "REFRESH-INTERVAL;VALUE=DURATION", "PT12H");
}

void ics_record(const struct query *query, struct slice record, bool is_first, struct text *text)
{
    struct entry entry = {.record = record};

    (void)is_first;
    append_record(query, &entry, text);
}

void ics_gone(const struct query *query, struct slice record, struct text *text)
{
    struct entry entry = {.record = record, .ended_at = slice_member(record, "ended_at")};

    append_record(query, &entry, text);
}

void ics_end(const struct query *query, struct text *text)
{
    (void)query;
    append_line(text, "END", "VCALENDAR");
}
