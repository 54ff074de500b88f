/*
 * Filters: values that a property can have, by its kind.
 */
#include "record/query_internal.h"

#include "base/num.h"
#include "base/text.h"
#include "base/uuid.h"

#include <stdlib.h>
#include <string.h>

#define VALUE_BYTES_MAX 1200 /* 300 characters, the longest text that can be asked for */

static bool check_value(struct query_parser *parser, const struct filter *filter, const char *value)
{
    const struct property *property = filter->property;
    const char *expected = NULL;
    int64_t integer;

    if (strlen(value) > VALUE_BYTES_MAX) {
        query_refuse(parser, filter->name, "too-long", "the value is too long");
        return false;
    }
    if (property->values != NULL) {
        for (size_t i = 0; i < property->value_count; i++)
            if (strcmp(property->values[i], value) == 0)
                return true;
        query_refuse_value(parser, filter->name, value, "one of its values",
                           text_nearest(value, property->values, property->value_count));
        return false;
    }
    switch (property->kind) {
    case PROPERTY_BOOLEAN:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            expected = "true or false";
        break;
    case PROPERTY_INTEGER:
        if (!num_parse_i64(value, INT64_MIN, INT64_MAX, &integer))
            expected = "a whole number";
        break;
    case PROPERTY_NUMBER:
    case PROPERTY_DOUBLE:
    case PROPERTY_DECIMAL:
        if (!num_is_decimal(value))
            expected = "a number";
        break;
    case PROPERTY_UUID:
        if (!uuid_is_valid(value))
            expected = "a UUID";
        break;
    case PROPERTY_DATE:
        if (strlen(value) != 10 || !query_is_partial_date(value))
            expected = "a date such as 2021-09-30";
        break;
    case PROPERTY_PARTIAL_DATE:
        if (!query_is_partial_date(value))
            expected = "a year, month or day such as 2021, 2021-09 or 2021-09-30";
        break;
    case PROPERTY_TIME:
        if (!query_is_time(value))
            expected = "a time such as 2021-09-30T12:00:00Z, or a date";
        break;
    case PROPERTY_TEXT:
    case PROPERTY_RELATION:
    case PROPERTY_OBJECT:
        break;
    }
    if (expected == NULL)
        return true;
    query_refuse_value(parser, filter->name, value, expected, NULL);
    return false;
}

void query_parse_filter(struct query_parser *parser, const struct filter *filter, const char *value)
{
    struct query *query = parser->query;
    struct query_condition *condition = &query->conditions[query->condition_count];
    bool valid = true;

    *condition = (struct query_condition){.filter = filter};
    if (strncmp(value, "not.", 4) == 0) {
        condition->negated = true;
        value += 4;
    }
    if (filter->operator!= FILTER_EQUAL && condition->negated) {
        query_refuse(parser, filter->name, "not-allowed", "'not.' goes with equality alone");
        return;
    }
    condition->values = query_split(parser, filter->name, value,
                                    filter->operator== FILTER_EQUAL ? FILTER_VALUES_MAX : 1,
                                    &condition->value_count);
    if (condition->values == NULL)
        return;
    for (size_t i = 0; i < condition->value_count; i++)
        valid = check_value(parser, filter, condition->values[i]) && valid;
    if (!valid)
        return;
    if (!filter->property->in_array || filter->operator!= FILTER_EQUAL)
        for (size_t i = 0; i < query->condition_count; i++)
            if (query->conditions[i].filter == filter && !condition->negated &&
                !query->conditions[i].negated) {
                query_refuse(
                    parser, filter->name, "repeated",
                    "a record has one value of this property, so it cannot have two at once; "
                    "separate values that may be either with a comma");
                return;
            }
    query->condition_count++;
}
