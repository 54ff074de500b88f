#include "support/conditions.h"

#include "base/num.h"
#include "base/text.h"
#include "support/lists.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_BYTES_MAX (64 * 1024)

/* --- what a filter means, computed from the records ---------------------------------------- */

/* The first or last day that a date known in part can mean; of a time, its first or last moment. */
static void widen(const char *date, bool last, char ret_date[32])
{
    static const char *const LAST_DAYS[] = {"31", "28", "31", "30", "31", "30",
                                            "31", "31", "30", "31", "30", "31"};
    const size_t length = strlen(date);
    uint32_t year, month;
    char part[5];

    (void)snprintf(ret_date, 32, "%s", date);
    if (length == 4)
        (void)snprintf(ret_date, 32, "%s-%s", date, last ? "12-31" : "01-01");
    if (length != 7)
        return;
    (void)snprintf(part, sizeof(part), "%.4s", date);
    cr_assert(num_parse_u32(part, 0, 9999, &year));
    (void)snprintf(part, sizeof(part), "%.2s", date + 5);
    cr_assert(num_parse_u32(part, 1, 12, &month));
    (void)snprintf(ret_date, 32, "%s-%s", date,
                   !last ? "01"
                   : month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
                       ? "29"
                       : LAST_DAYS[month - 1]);
}

static bool is_within(const struct filter *filter, const char *value, const char *bound)
{
    const bool lower = filter->operator== FILTER_MIN || filter->operator== FILTER_AFTER;
    char date[32], limit[32];
    int order;

    if (filter->operator== FILTER_MIN || filter->operator== FILTER_MAX) {
        const double number = strtod(value, NULL), other = strtod(bound, NULL);

        return lower ? number >= other : number <= other;
    }
    if (filter->property->kind == PROPERTY_TIME) {
        /* A day means all of it: compared by its days, a time lies within its own. */
        order = strncmp(value, bound, strlen(bound));
        return lower ? order >= 0 : order <= 0;
    }
    widen(value, !lower, date);
    widen(bound, !lower, limit);
    order = strcmp(date, limit);
    return lower ? order >= 0 : order <= 0;
}

static bool is_equal(const struct property *property, const json_t *value, const char *asked)
{
    char *text;
    bool equal;

    if (property->kind == PROPERTY_RELATION)
        return strcmp(json_string_value(json_object_get(value, "slug")), asked) == 0 ||
               strcmp(json_string_value(json_object_get(value, "id")), asked) == 0;
    text = list_value_text(value);
    if (property->kind == PROPERTY_NUMBER || property->kind == PROPERTY_DECIMAL)
        equal = strtod(text, NULL) == strtod(asked, NULL);
    else
        equal = strcmp(text, asked) == 0;
    free(text);
    return equal;
}

bool condition_holds(const struct condition *condition, const json_t *record)
{
    const struct filter *filter = condition->filter;
    json_auto_t *values = list_values(record, filter->property->path);
    bool found = false;
    json_t *value;
    size_t i;

    json_array_foreach (values, i, value) {
        for (size_t j = 0; j < condition->value_count && !found; j++) {
            if (filter->operator== FILTER_EQUAL) {
                found = is_equal(filter->property, value, condition->values[j]);
            } else {
                char *text = list_value_text(value);

                found = is_within(filter, text, condition->values[j]);
                free(text);
            }
        }
    }
    return found != condition->negated;
}

void condition_add(struct text *query, const struct condition *condition)
{
    struct text value;

    text_init(&value, QUERY_BYTES_MAX);
    if (condition->negated)
        text_append(&value, "not.");
    for (size_t i = 0; i < condition->value_count; i++)
        list_value_add(&value, condition->values[i]);
    list_query_add(query, condition->filter->name, value.bytes);
    text_deinit(&value);
}

/* --- values that the records have ----------------------------------------------------------- */

static int compare_frequency(const void *left, const void *right)
{
    const json_t *const *a = left, *const *b = right;
    const json_int_t more = json_integer_value(json_array_get(*b, 2)),
                     less = json_integer_value(json_array_get(*a, 2));

    return (more > less) - (more < less);
}

json_t *condition_values(const json_t *records, const struct property *property)
{
    const json_t *record;
    json_auto_t *found = json_object();
    json_t *sorted = json_array(), *entry, **entries;
    const char *text;
    size_t i, count = 0;

    json_array_foreach (records, i, record) {
        json_auto_t *values = list_values(record, property->path);
        json_t *value;
        size_t j;

        json_array_foreach (values, j, value) {
            char *key = list_value_text(value);

            entry = json_object_get(found, key);
            if (entry == NULL) {
                entry = json_pack("[s,O?,i]", key, json_object_get(value, "id"), 0);
                list_must(json_object_set_new(found, key, entry) == 0);
            }
            list_must(json_integer_set(json_array_get(entry, 2),
                                       json_integer_value(json_array_get(entry, 2)) + 1) == 0);
            free(key);
        }
    }
    entries = calloc(json_object_size(found) + 1, sizeof(json_t *));
    cr_assert_not_null(entries);
    json_object_foreach (found, text, entry)
        entries[count++] = entry;
    if (count > 0)
        qsort(entries, count, sizeof(json_t *), compare_frequency);
    for (i = 0; i < count; i++)
        list_must(json_array_append(sorted, entries[i]) == 0);
    free(entries);
    return sorted;
}
