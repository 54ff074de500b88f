/*
 * CSV (RFC 4180) for spreadsheets. The columns follow from the contract, so
 * that they are the same for every query of a resource: one for each property,
 * "source.section" for members of objects. Several values stand in one cell,
 * separated by "; "; a relation is its slug; a list of objects is JSON.
 *
 * Text that a spreadsheet would take for a formula gets an apostrophe in front
 * (OWASP, CSV injection): nothing in the catalogue may run in a reader's
 * office. Numbers keep their sign.
 */
#include "format/format.h"

#include "base/text.h"
#include "contract/contract.h"

#include <string.h>

#define CELL_BYTES_MAX (1024 * 1024)

static bool is_shown(const struct query *query, const struct property *property)
{
    if ((property->is_computed && !property->is_timed) ||
        strcmp(property->name, "translations") == 0)
        return false;
    if (query->field_count == 0)
        return !property->detail;
    if (query_always_shows(query, property))
        return true;
    for (size_t i = 0; i < query->field_count; i++)
        if (query->fields[i] == property)
            return true;
    return false;
}

static void append_cell(struct text *text, const struct text *cell, bool is_text)
{
    const bool is_formula = is_text && cell->length > 0 &&
                            (strchr("=+-@\t\r\n", cell->bytes[0]) != NULL ||
                             /* full-width forms that spreadsheets fold to the same */
                             strncmp(cell->bytes, "\xef\xbc\x9d", 3) == 0 ||
                             strncmp(cell->bytes, "\xef\xbc\x8b", 3) == 0 ||
                             strncmp(cell->bytes, "\xef\xbc\x8d", 3) == 0 ||
                             strncmp(cell->bytes, "\xef\xbc\xa0", 3) == 0);
    const bool is_quoted = is_formula || strpbrk(cell->bytes, ",\"\r\n") != NULL ||
                           cell->bytes[0] == ' ' || cell->bytes[0] == '\'';

    if (!is_quoted) {
        text_append_bytes(text, cell->bytes, cell->length);
        return;
    }
    text_append(text, is_formula ? "\"'" : "\"");
    for (const char *at = cell->bytes; *at != '\0'; at++) {
        if (*at == '"')
            text_append_char(text, '"');
        text_append_char(text, *at);
    }
    text_append_char(text, '"');
}

/* One value of a property: a relation by its slug, text without its quotes. */
static void append_value(struct text *cell, const struct property *property, struct slice value)
{
    const struct slice shown =
        property->kind == PROPERTY_RELATION ? slice_member(value, "slug") : value;

    if (shown.length > 0 && shown.bytes[0] == '"')
        slice_append_decoded(shown, cell);
    else
        text_append_bytes(cell, shown.bytes, shown.length);
}

static void append_property(struct text *text, const struct property *property, struct slice value)
{
    const bool is_text =
        property->is_array || property->kind == PROPERTY_TEXT || property->kind == PROPERTY_OBJECT;
    struct text cell;
    const char *at = value.bytes;
    const char *separator = "";
    struct slice item;

    text_init(&cell, CELL_BYTES_MAX);
    if (value.length > 0 && property->is_array && property->kind != PROPERTY_OBJECT) {
        while (slice_next_item(&at, &item)) {
            text_append(&cell, separator);
            append_value(&cell, property, item);
            separator = "; ";
        }
    } else if (value.length > 0 && property->kind == PROPERTY_OBJECT) {
        text_append_bytes(&cell, value.bytes, value.length);
    } else if (value.length > 0) {
        append_value(&cell, property, value);
    }
    append_cell(text, &cell, is_text);
    text_deinit(&cell);
}

static void append_names(struct text *text, const struct property *property, const char **separator)
{
    if (property->kind == PROPERTY_OBJECT && !property->is_array) {
        for (size_t i = 0; i < property->member_count; i++)
            append_names(text, &property->members[i], separator);
        return;
    }
    text_append_format(text, "%s%s", *separator, property->path);
    *separator = ",";
}

static void append_values(struct text *text, const struct property *property, struct slice holder,
                          const char **separator)
{
    const struct slice value = slice_member(holder, property->name);

    if (property->kind == PROPERTY_OBJECT && !property->is_array) {
        for (size_t i = 0; i < property->member_count; i++)
            append_values(text, &property->members[i], value, separator);
        return;
    }
    text_append(text, *separator);
    append_property(text, property, value);
    *separator = ",";
}

void csv_begin(const struct query *query, struct text *text)
{
    const char *separator = "";

    for (size_t i = 0; i < query->resource->property_count; i++)
        if (is_shown(query, &query->resource->properties[i]))
            append_names(text, &query->resource->properties[i], &separator);
    if (query->has_near)
        text_append_format(text, "%sdistance_km", separator);
    text_append(text, "\r\n");
}

void csv_record(const struct query *query, struct slice record, bool is_first, struct text *text)
{
    const char *separator = "";

    (void)is_first;
    for (size_t i = 0; i < query->resource->property_count; i++)
        if (is_shown(query, &query->resource->properties[i]))
            append_values(text, &query->resource->properties[i], record, &separator);
    if (query->has_near) {
        const struct slice distance = slice_member(record, "distance_km");

        text_append(text, separator);
        text_append_bytes(text, distance.bytes, distance.length);
    }
    text_append(text, "\r\n");
}

void csv_end(const struct query *query, struct text *text)
{
    (void)query;
    (void)text;
}
