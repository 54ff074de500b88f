#pragma once
/*
 * Visiting a record
 *
 * Every value that a record holds, with the property that it belongs to and
 * the place where it stands. Recursion follows the contract, whose depth is
 * bounded, never the record: what the contract does not know is passed over, and so
 * is what has another shape than it says.
 */
#include "base/annotate.h"

#include <jansson.h>

struct property;
struct resource;

/*
 * Called for every value but objects, and for each item of a list.
 * @pointer:         JSON Pointer; until the call returns
 * @ret_replacement: a new value for its place, stolen; NULL: it stays
 * Return: 0; anything else ends the visit.
 */
typedef int (*record_visitor)(void *data, const struct property *property, const char *pointer,
                              json_t *value, json_t **ret_replacement);

/* @pointer: prefix of what @visit is told. Return: 0; what @visit returned; a fault. */
MUST_CHECK int record_visit(const struct resource *resource, json_t *record, const char *pointer,
                            record_visitor visit, void *data);
