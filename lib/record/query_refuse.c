/*
 * What every parameter has in common: lists of values, and how one is refused.
 */
#include "record/query_internal.h"

#include "base/arena.h"
#include "base/problem.h"

#include <string.h>

void query_refuse(struct query_parser *parser, const char *parameter, const char *code,
                  const char *detail)
{
    problem_add(parser->problem, parser->arena, NULL, parameter, code, "%s", detail);
}

void query_refuse_value(struct query_parser *parser, const char *parameter, const char *value,
                        const char *expected, const char *nearest)
{
    /* A long value helps nobody, and cutting it could split a character. */
    if (strlen(value) > SHOWN_BYTES_MAX)
        value = "this value";
    if (nearest != NULL)
        problem_add(parser->problem, parser->arena, NULL, parameter, "unknown-value",
                    "'%s' is not %s; did you mean '%s'?", value, expected, nearest);
    else
        problem_add(parser->problem, parser->arena, NULL, parameter, "unknown-value",
                    "'%s' is not %s", value, expected);
}

/* Commas that no backslash stands before. */
static size_t count_commas(const char *value)
{
    size_t count = 0;

    for (; *value != '\0'; value++) {
        if (*value == '\\' && value[1] != '\0')
            value++;
        else if (*value == ',')
            count++;
    }
    return count;
}

/* Ends the item at @item, in place, its backslashes gone. Return: the next one; NULL: it was the
 * last. */
static char *cut_item(char *item)
{
    char *to = item;

    for (; *item != '\0' && *item != ','; item++) {
        if (*item == '\\' && item[1] != '\0')
            item++;
        *to++ = *item;
    }
    item = *item == ',' ? item + 1 : NULL;
    *to = '\0';
    return item;
}

const char *const *query_split(struct query_parser *parser, const char *parameter,
                               const char *value, size_t most, size_t *ret_count)
{
    const size_t count = count_commas(value) + 1;
    const char **items;
    size_t at = 0;
    char *copy;

    if (count > most) {
        problem_add(parser->problem, parser->arena, NULL, parameter, "too-many-values",
                    "at most %zu values are taken at once", most);
        return NULL;
    }
    items = arena_alloc_array(parser->arena, count, sizeof(*items));
    copy = arena_copy(parser->arena, value);
    if (items == NULL || copy == NULL) {
        query_refuse(parser, parameter, "too-long", "the request is too large");
        return NULL;
    }
    for (char *item = copy; item != NULL; at++) {
        items[at] = item;
        item = cut_item(item);
        if (items[at][0] == '\0') {
            query_refuse(parser, parameter, "empty-value",
                         "a value is empty; leave the parameter out, or give it a value");
            return NULL;
        }
    }
    *ret_count = count;
    return items;
}
