#pragma once
/*
 * Formats
 *
 * Other dresses of a list. Each takes one shown record after the other, as
 * JSON text, so that a list of any length needs the memory of one record. A
 * new format is a row in format.c with three functions, and one more where it
 * tells what has left the list.
 */
#include "record/query.h"
#include "record/slice.h"

#include <stdbool.h>
#include <stddef.h>

struct text;

struct format {
    const char *name;         /* of format= */
    const char *media_type;   /* of Accept */
    const char *content_type; /* as sent */
    const char *extension;    /* of a downloaded file; NULL: shown in place */
    bool needs_location;
    bool needs_calendar;
    bool is_whole; /* never a page: it tells what has left the list, and a page has no such thing */
    void (*begin)(const struct query *query, struct text *text);
    void (*record)(const struct query *query, struct slice record, bool is_first,
                   struct text *text);
    /* What has left the list, of one record; NULL: is not told. @left: see page_gone() */
    void (*gone)(const struct query *query, struct slice left, struct text *text);
    void (*end)(const struct query *query, struct text *text);
};

/* JSON comes first; it has no functions, because its pages are more than their records. */
extern const struct format FORMATS[];
extern const size_t FORMAT_COUNT;

/* Has the resource what the format shows? */
bool format_is_offered(const struct format *format, const struct resource *resource);
/* NULL when there is none. */
const struct format *format_find(const char *name);
/* Adds to the fields asked for what the format cannot do without. */
void format_complete(const struct format *format, struct query *query);

void csv_begin(const struct query *query, struct text *text);
void csv_record(const struct query *query, struct slice record, bool is_first, struct text *text);
void csv_end(const struct query *query, struct text *text);

void geojson_begin(const struct query *query, struct text *text);
void geojson_record(const struct query *query, struct slice record, bool is_first,
                    struct text *text);
void geojson_end(const struct query *query, struct text *text);

void ics_begin(const struct query *query, struct text *text);
void ics_record(const struct query *query, struct slice record, bool is_first, struct text *text);
void ics_gone(const struct query *query, struct slice left, struct text *text);
void ics_end(const struct query *query, struct text *text);

void ndjson_begin(const struct query *query, struct text *text);
void ndjson_record(const struct query *query, struct slice record, bool is_first,
                   struct text *text);
void ndjson_end(const struct query *query, struct text *text);
