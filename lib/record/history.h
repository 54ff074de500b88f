#pragma once
/*
 * History
 *
 * What was public at an earlier time (query->as_of): published.history has a row
 * for each form that a record was public in, with when that began and ended.
 * Before the first row of a record nothing is known of it.
 */
#include "base/annotate.h"
#include "record/read.h"

struct arena;
struct db;

/*
 * history_fetch() - one record as it was
 * @query:    borrowed, must outlive @ret_read; with as_of
 * @name:     borrowed; its id, or any slug that it has or had
 * @ret_read: release with read_deinit(), whatever the result
 *
 * Return: 0; READ_MOVED: it had another slug then, or another record had its place;
 * READ_GONE: it was public before and not any more; READ_NOT_FOUND; a db outcome; a
 * fault.
 */
MUST_CHECK int history_fetch(const struct query *query, const char *name, struct db *db,
                             struct arena *arena, struct read *ret_read);

/* Was a record ever public under this id or slug? Return: 0; a db outcome; a fault. */
MUST_CHECK int history_knows(const struct resource *resource, const char *name, struct db *db,
                             bool *ret_known);
