/*
 * GeoJSON (RFC 7946): longitude before latitude, and null for a record without
 * a place. The other members of the record are the feature's properties.
 */
#include "format/format.h"

#include "base/text.h"

void geojson_begin(const struct query *query, struct text *text)
{
    (void)query;
    text_append(text, "{\"type\":\"FeatureCollection\",\"features\":[");
}

static void append_slice(struct text *text, struct slice slice)
{
    text_append_bytes(text, slice.bytes, slice.length);
}

void geojson_record(const struct query *query, struct slice record, bool is_first,
                    struct text *text)
{
    const struct slice location = slice_member(record, "location");
    const char *separator = "{";
    const char *at = record.bytes;
    struct slice_member member;

    (void)query;
    text_append_format(text, "%s{\"type\":\"Feature\",\"id\":", is_first ? "" : ",");
    append_slice(text, slice_member(record, "id"));
    text_append(text, ",\"geometry\":");
    if (location.length == 0) {
        text_append(text, "null");
    } else {
        text_append(text, "{\"type\":\"Point\",\"coordinates\":[");
        append_slice(text, slice_member(location, "lon"));
        text_append_char(text, ',');
        append_slice(text, slice_member(location, "lat"));
        text_append(text, "]}");
    }
    text_append(text, ",\"properties\":");
    while (slice_next_member(&at, &member)) {
        if (slice_equals(member.name, "location") || slice_equals(member.name, "id"))
            continue;
        text_append_format(text, "%s\"", separator);
        append_slice(text, member.name);
        text_append(text, "\":");
        append_slice(text, member.value);
        separator = ",";
    }
    text_append(text, separator[0] == '{' ? "{}}" : "}}");
}

void geojson_end(const struct query *query, struct text *text)
{
    (void)query;
    text_append(text, "]}");
}
