#include "format/format.h"

#include "base/annotate.h"

#include <string.h>

const struct format FORMATS[] = {
    {.name = "json", .media_type = "application/json", .content_type = "application/json"},
    {.name = "ndjson",
     .media_type = "application/x-ndjson",
     .content_type = "application/x-ndjson",
     .begin = ndjson_begin,
     .record = ndjson_record,
     .end = ndjson_end},
    {.name = "csv",
     .media_type = "text/csv",
     .content_type = "text/csv; charset=utf-8; header=present",
     .extension = "csv",
     .begin = csv_begin,
     .record = csv_record,
     .end = csv_end},
    {.name = "geojson",
     .media_type = "application/geo+json",
     .content_type = "application/geo+json",
     .needs_location = true,
     .begin = geojson_begin,
     .record = geojson_record,
     .end = geojson_end},
    {.name = "ics",
     .media_type = "text/calendar",
     .content_type = "text/calendar; charset=utf-8",
     .extension = "ics",
     .needs_calendar = true,
     .is_whole = true,
     .begin = ics_begin,
     .record = ics_record,
     .gone = ics_gone,
     .end = ics_end},
};
const size_t FORMAT_COUNT = ARRAY_LENGTH(FORMATS);

const struct format *format_find(const char *name)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++)
        if (strcmp(FORMATS[i].name, name) == 0)
            return &FORMATS[i];
    return NULL;
}

bool format_is_offered(const struct format *format, const struct resource *resource)
{
    return (!format->needs_location || resource->location != NULL) &&
           (!format->needs_calendar || resource->calendar);
}

void format_complete(const struct format *format, struct query *query)
{
    if (format->needs_location && query->field_count > 0 && query->field_count < FIELDS_MAX)
        query->fields[query->field_count++] = query->resource->location;
    if (format->needs_calendar)
        query->field_count = 0; /* an event is made of what there is */
}
