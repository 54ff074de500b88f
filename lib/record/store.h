#pragma once
/*
 * Storing
 *
 * The tables of a resource, filled for records whose row in catalogue.record is there.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>

struct db;
struct model_store;
struct property;

/* The value of a list of @data, or the list around it; borrowed. NULL: the record has none. */
const json_t *store_value(const struct property *property, const json_t *data);

/*
 * store_fill() - the rows of records and of their lists, queued
 * @items:   borrowed; what the statements of model_store take
 * @are_new: none of them is there yet; else their lists are emptied first
 * @data:    borrowed; of the one record that it is, to leave out the lists that it has not; NULL:
 * of several
 * Return: as db_queue().
 */
MUST_CHECK int store_fill(const struct model_store *store, struct db *db, const char *items,
                          bool are_new, const json_t *data);
