#pragma once
/*
 * Reading one record, and several by their ids.
 */
#include "base/annotate.h"
#include "record/query.h"
#include "record/view.h"

#include <jansson.h>
#include <stdint.h>

struct arena;
struct db;
struct db_rows;
struct text;

enum read_outcome {
    READ_NOT_FOUND = 100,
    READ_MOVED, /* under its present slug: read->slug */
    READ_GONE   /* read->deleted_at and read->replaced_by tell */
};

struct read {
    struct view_item item;
    struct view view;
    const char *slug;
    int64_t updated_at; /* seconds since 1970 */
    const char *deleted_at;
    const char *replaced_by; /* slug or id of the record that took its place, or NULL */
    struct db_rows *rows;
    struct db_rows *more_rows;
};

/*
 * read_fetch() - one record by id or slug; as it was, with query->as_of
 * @query:    borrowed, must outlive @ret_read: fields, include, languages
 * @ret_read: release with read_deinit(), whatever the result
 * Return: 0; READ_NOT_FOUND; READ_MOVED; READ_GONE; a db outcome; a fault.
 */
MUST_CHECK int read_fetch(const struct query *query, const char *name, struct db *db,
                          struct arena *arena, struct read *ret_read);
void read_deinit(struct read *read);

/*
 * read_etag() - the ETag of the record as it is shown
 * The stored one when nothing is changed, so that it equals the ETag of lists
 * and of batch-get; else one that tells @variant and what is embedded apart.
 */
const char *read_etag(const struct read *read, const char *variant, struct arena *arena);

/*
 * read_batch() - what has become of copies
 * @request: borrowed; {"ids": […]} or {"items": [{"id", "etag"}]}, valid by the contract
 * Appends {"data", "unchanged", "missing", "gone"}.
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int read_batch(const struct query *query, const json_t *request, struct db *db,
                          struct arena *arena, struct text *text);
