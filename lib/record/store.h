#pragma once
/*
 * Storing
 *
 * The tables of a resource, filled for records whose row in catalogue.record is there.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct db;
struct model_store;

/*
 * store_fill() - the rows of records and of their lists, queued
 * @items:   borrowed; what the statements of model_store take
 * @are_new: none of them is there yet; else their lists are emptied first
 * @data:    borrowed; @count records, to leave out the lists that none of them has; NULL: they may
 *           have all
 * Return: as db_queue().
 */
MUST_CHECK int store_fill(const struct model_store *store, struct db *db, const char *items,
                          bool are_new, const json_t *const *data, size_t count);
