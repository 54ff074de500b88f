/*
 * Calendars (RFC 5545, RFC 7986): the deadlines of offers, and events. Written here, because the
 * format is a few lines and the streams take one record after the other, which a library that
 * builds the whole calendar does not.
 *
 * An event keeps its UID as long as its record, and for a deadline its key or else its day,
 * whatever becomes of the list around it. SEQUENCE is twice the version of the record, and one less
 * for what has left the calendar with it, so that any change counts, also that of coming back,
 * which takes no new version where time alone does it. Whole days are dates without a zone, as
 * everybody in the offer's place understands them; a time of day is given in UTC, which needs no
 * VTIMEZONE. What was called off, and what has left the calendar while it lay ahead, is CANCELLED,
 * so that calendars take it out; what had passed by then stays as it was.
 */
#include "format/format.h"

#include "base/day.h"
#include "base/text.h"
#include "contract/contract.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_OCTETS_MAX 75
#define VALUE_BYTES_MAX (64 * 1024)
#define STAMP_BYTES 24
#define UID_BYTES_MAX 128
#define DEADLINES_MAX 100 /* as the contract has it */

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

struct component {
    struct slice record;
    struct slice ended_at; /* of a form that has left the calendar; length 0: it is there */
    unsigned long sequence;
    char uid[UID_BYTES_MAX];
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

static void append_summary(struct text *text, const struct component *entry)
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

static unsigned long version_of(struct slice record)
{
    const struct slice version = slice_member(record, "version");
    unsigned long counted = 0;

    for (size_t i = 0; i < version.length && i < 9; i++)
        counted = counted * 10 + (unsigned long)(version.bytes[i] - '0');
    return counted;
}

static void append_sequence(struct text *text, const struct component *entry)
{
    char number[24];

    (void)snprintf(number, sizeof(number), "%lu", entry->sequence);
    append_line(text, "SEQUENCE", number);
}

static void append_entry(struct text *text, const struct component *entry)
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

struct deadline {
    struct slice item, time; /* from which it is past */
    char uid[UID_BYTES_MAX];
};

/* Both are times in UTC, written in the same way. */
static bool is_after(struct slice time, struct slice other)
{
    const size_t length = time.length < other.length ? time.length : other.length;

    return length > 0 && memcmp(time.bytes, other.bytes, length) > 0;
}

static bool is_listed(const struct deadline *deadlines, size_t count, const char *uid)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(deadlines[i].uid, uid) == 0)
            return true;
    return false;
}

/* By its key, or else its day; the contract refuses two of one name, and here they are numbered. */
static void name_deadline(struct deadline *deadline, const struct deadline *before, size_t count,
                          const char *id)
{
    char key[48], day[STAMP_BYTES];
    const bool has_key = slice_member(deadline->item, "key").length > 0;

    copy_text(slice_member(deadline->item, "key"), key, sizeof(key));
    (void)stamp_of(slice_member(deadline->item, "date"), day);
    (void)snprintf(deadline->uid, sizeof(deadline->uid), "%s.%s-%s@express", id,
                   has_key ? "deadline" : "on", has_key ? key : day);
    for (unsigned i = 2; is_listed(before, count, deadline->uid); i++)
        (void)snprintf(deadline->uid, sizeof(deadline->uid), "%s.%s-%s.%u@express", id,
                       has_key ? "deadline" : "on", has_key ? key : day, i);
}

/* Those of a record; without their moments where it has not been asked what time makes of it. */
static size_t read_deadlines(struct slice record, struct deadline deadlines[DEADLINES_MAX])
{
    const struct slice listed = slice_member(slice_member(record, "application"), "deadlines");
    const struct slice times = slice_member(record, "closing_times");
    const char *at = listed.bytes, *time_at = times.bytes;
    size_t count = 0;
    char id[40];

    copy_text(slice_member(record, "id"), id, sizeof(id));
    while (listed.length > 0 && count < DEADLINES_MAX &&
           slice_next_item(&at, &deadlines[count].item)) {
        deadlines[count].time = (struct slice){"", 0};
        if (times.length > 0)
            (void)slice_next_item(&time_at, &deadlines[count].time);
        name_deadline(&deadlines[count], deadlines, count, id);
        count++;
    }
    return count;
}

static void append_deadline(struct text *text, struct component *entry,
                            const struct deadline *deadline)
{
    const bool is_day = slice_member(deadline->item, "time").length == 0;
    char start[STAMP_BYTES];

    if (!is_day && deadline->time.length == 0)
        return;
    memcpy(entry->uid, deadline->uid, sizeof(entry->uid));
    entry->category = "DEADLINE";
    entry->start = stamp_of(is_day ? slice_member(deadline->item, "date") : deadline->time, start);
    entry->label = slice_member(deadline->item, "label");
    append_entry(text, entry);
}

static void append_deadlines(struct text *text, struct component *entry)
{
    const struct slice closed_since = slice_unquoted(slice_member(entry->record, "closed_since"));
    struct deadline deadlines[DEADLINES_MAX];
    const size_t count = read_deadlines(entry->record, deadlines);

    for (size_t i = 0; i < count; i++) {
        entry->is_cancelled =
            slice_equals(slice_member(deadlines[i].item, "cancelled"), "true") ||
            (closed_since.length > 0 && is_after(slice_unquoted(deadlines[i].time), closed_since));
        append_deadline(text, entry, &deadlines[i]);
    }
}

static int uid_compare(const void *left, const void *right)
{
    return strcmp(left, right);
}

/* Owned: by tsearch(), each name once. */
static void note_uid(void **seen, const char *uid)
{
    char *copy;

    if (tfind(uid, seen, uid_compare) != NULL)
        return;
    copy = strdup(uid);
    if (copy != NULL && tsearch(copy, seen, uid_compare) == NULL)
        free(copy); /* told once more than needed: clients take that */
}

static void forget_uids(void **seen)
{
    while (*seen != NULL) {
        char *first = *(char **)*seen;

        (void)tdelete(first, seen, uid_compare);
        free(first);
    }
}

/* Those that lay ahead when they left. What a later form has is @seen: that says what has become of
 * it. */
static void append_left_deadlines(struct text *text, struct component *entry, void **seen)
{
    const struct slice ended_at = slice_unquoted(entry->ended_at);
    struct deadline deadlines[DEADLINES_MAX];
    const size_t count = read_deadlines(entry->record, deadlines);

    for (size_t i = 0; i < count; i++) {
        if (ended_at.length > 0 && is_after(slice_unquoted(deadlines[i].time), ended_at) &&
            tfind(deadlines[i].uid, seen, uid_compare) == NULL)
            append_deadline(text, entry, &deadlines[i]);
        note_uid(seen, deadlines[i].uid);
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

static void append_event(struct text *text, struct component *entry)
{
    const struct slice status = slice_unquoted(slice_member(entry->record, "activity_status"));
    char start[STAMP_BYTES], end[STAMP_BYTES], id[40];
    struct day first, last;

    if (!read_day(slice_member(entry->record, "starts_on"), &first))
        return;
    if (!read_day(slice_member(entry->record, "ends_on"), &last))
        last = first;
    if (entry->ended_at.length > 0) {
        (void)snprintf(end, sizeof(end), "%04d-%02d-%02d", last.year, last.month, last.day);
        if (memcmp(end, slice_unquoted(entry->ended_at).bytes, strlen(end)) < 0)
            return; /* it was over when it left */
    }
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

static bool has_deadlines(const struct query *query)
{
    return resource_property(query->resource, "application") != NULL;
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
    struct component entry = {.record = record, .sequence = version_of(record) * 2};

    (void)is_first;
    if (has_deadlines(query))
        append_deadlines(text, &entry);
    else
        append_event(text, &entry);
}

void ics_gone(const struct query *query, struct slice left, struct text *text)
{
    const struct slice present = slice_member(left, "present");
    const struct slice forms = slice_member(left, "left");
    const unsigned long version = version_of(left);
    const char *at = forms.bytes;
    void *seen = NULL;
    struct slice form;

    if (has_deadlines(query) && present.bytes[0] == '{')
        append_left_deadlines(text, &(struct component){.record = present}, &seen);
    while (slice_next_item(&at, &form)) {
        const unsigned long last = version_of(form);
        struct component entry = {.record = form,
                                  .ended_at = slice_member(form, "ended_at"),
                                  .sequence = (last >= version ? last + 1 : version) * 2 - 1,
                                  .is_cancelled = true};

        if (has_deadlines(query))
            append_left_deadlines(text, &entry, &seen);
        else if (entry.ended_at.length > 0) /* else nothing left with it */
            append_event(text, &entry);
    }
    forget_uids(&seen);
}

void ics_end(const struct query *query, struct text *text)
{
    (void)query;
    append_line(text, "END", "VCALENDAR");
}
