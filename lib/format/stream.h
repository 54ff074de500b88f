#pragma once
/*
 * Stream
 *
 * A whole list in one format, made while it is sent: batch after batch, each
 * found behind the cursor of the one before, so that neither memory nor a
 * transaction grows with the list and a slow reader holds no connection. What
 * changes meanwhile is seen or not, as between two pages.
 */
#include "base/annotate.h"
#include "record/cursor.h"
#include "record/query.h"

struct db_pool;
struct format;
struct problem;
struct stream;

struct stream_request {
    const struct contract *contract;
    const struct resource *resource;
    const struct resource *related; /* with related_to: only what refers to that record; or NULL */
    const char *related_to;
    const struct query_pair *pairs; /* copied */
    size_t pair_count;
    const char *const *languages; /* copied */
    size_t language_count;
    const struct format *format;
    const struct cursor_keys *keys;
    struct db_pool *pool;
};

/*
 * stream_new() - start a stream; its first batch is fetched
 * @problem: as of page_fetch()
 * @arena:   borrowed; the problem's texts are made in it
 * Return: 0; PAGE_INVALID; PAGE_NOT_FOUND; a db outcome; a fault.
 */
MUST_CHECK int stream_new(const struct stream_request *request, struct arena *arena,
                          struct problem *problem, struct stream **ret_stream);
void stream_free(struct stream *stream);

/* Return: bytes written to @buffer; 0 at the end; a fault: what was sent is not whole. */
long stream_read(struct stream *stream, char *buffer, size_t size_bytes);
