/* One JSON object a line. */
#include "format/format.h"

#include "base/text.h"

void ndjson_begin(const struct query *query, struct text *text)
{
    (void)query;
    (void)text;
}

void ndjson_record(const struct query *query, struct slice record, bool is_first, struct text *text)
{
    (void)query;
    (void)is_first;
    text_append_bytes(text, record.bytes, record.length);
    text_append_char(text, '\n');
}

void ndjson_end(const struct query *query, struct text *text)
{
    (void)query;
    (void)text;
}
