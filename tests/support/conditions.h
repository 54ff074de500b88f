#pragma once
/*
 * Conditions
 *
 * What a filter means, computed from the records themselves, to hold the lists
 * that the server gives against it.
 */
#include "contract/contract.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct text;

struct condition {
    const struct filter *filter;
    bool negated;
    const char *values[4]; /* as the record shows them; a relation by slug or id */
    size_t value_count;
};

bool condition_holds(const struct condition *condition, const json_t *record);
/* The condition as a parameter of a query, with '&' in front unless @query is empty. */
void condition_add(struct text *query, const struct condition *condition);
/*
 * condition_values() - what records have of a property, the most frequent first
 * Return: owned, json_decref(); [[text, id or null, count], …]
 */
json_t *condition_values(const json_t *records, const struct property *property);
