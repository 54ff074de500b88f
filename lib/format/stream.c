#include "format/stream.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/text.h"
#include "db/db.h"
#include "format/format.h"
#include "record/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_ARENA_BYTES (1024 * 1024)
#define BATCH_ARENA_BYTES (16u * 1024 * 1024)
#define BATCH_BYTES_MAX (16u * 1024 * 1024)

struct stream {
    const struct format *format;
    const struct cursor_keys *keys;
    struct db_pool *pool;
    struct arena query_arena; /* what the query points into */
    struct arena batch_arena; /* of one batch */
    struct query query;
    struct text pending; /* made, not sent yet */
    size_t sent_bytes;   /* of pending */
    struct text cursor;  /* where the next batch begins; empty: there is none */
    struct text shown;   /* one record */
    bool is_first;
};

static const char *copy_or_null(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_copy(arena, text);
}

/* The query, once more, in memory that lives as long as the stream. */
static int parse_again(struct stream *stream, const struct stream_request *request,
                       struct problem *problem)
{
    struct arena *arena = &stream->query_arena;
    struct query_pair *pairs = arena_alloc_array(arena, request->pair_count, sizeof(*pairs));
    const char **languages = arena_alloc_array(arena, request->language_count, sizeof(*languages));

    if (pairs == NULL || languages == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < request->pair_count; i++)
        pairs[i] = (struct query_pair){arena_copy(arena, request->pairs[i].name),
                                       arena_copy(arena, request->pairs[i].value)};
    for (size_t i = 0; i < request->language_count; i++)
        languages[i] = arena_copy(arena, request->languages[i]);
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    if (!query_parse(request->contract, request->resource, QUERY_LIST, pairs, request->pair_count,
                     languages, request->language_count, arena, problem, &stream->query))
        return PAGE_INVALID;
    stream->query.related = request->related;
    stream->query.related_to = copy_or_null(arena, request->related_to);
    stream->query.limit = STREAM_BATCH_ITEMS;
    stream->query.count = COUNT_NONE;
    stream->query.facet_count = 0;
    format_complete(stream->format, &stream->query);
    return 0;
}

static int fetch_batch(struct stream *stream, struct arena *arena, struct problem *problem)
{
    struct db *db = NULL;
    struct db_rows *gone = NULL;
    struct page page;
    int r = db_lease(stream->pool, &db);

    if (r != 0)
        return r;
    stream->query.cursor = stream->cursor.length == 0 ? NULL : stream->cursor.bytes;
    r = page_fetch(&stream->query, stream->keys, db, arena, problem, &page);
    if (r == 0 && page.next == NULL && stream->format->gone != NULL)
        r = page_gone(&stream->query, db, arena, &gone);
    /* Given back before the first byte is made: a slow reader must not hold it. */
    db_release(db);
    text_clear(&stream->pending);
    stream->sent_bytes = 0;
    if (r == 0 && stream->is_first)
        stream->format->begin(&stream->query, &stream->pending);
    for (size_t i = 0; r == 0 && i < page.count; i++) {
        text_clear(&stream->shown);
        view_append(&page.view, &page.items[i], arena, &stream->shown);
        stream->format->record(&stream->query,
                               (struct slice){stream->shown.bytes, stream->shown.length},
                               stream->is_first && i == 0, &stream->pending);
    }
    text_clear(&stream->cursor);
    for (size_t row = 0; gone != NULL && row < db_rows_count(gone); row++)
        stream->format->gone(
            &stream->query, (struct slice){db_rows_text(gone, row, 0), db_rows_bytes(gone, row, 0)},
            &stream->pending);
    db_rows_free(gone);
    if (r == 0 && page.next != NULL)
        text_append(&stream->cursor, page.next);
    else if (r == 0)
        stream->format->end(&stream->query, &stream->pending);
    if (page.count > 0)
        stream->is_first = false;
    page_deinit(&page);
    if (r == 0 && (text_failed(&stream->pending) || text_failed(&stream->shown) ||
                   text_failed(&stream->cursor) || arena_failed(arena)))
        r = fault_raise(-ENOMEM);
    return r;
}

int stream_new(const struct stream_request *request, struct arena *arena, struct problem *problem,
               struct stream **ret_stream)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    int r;

    if (stream == NULL)
        return fault_raise(-ENOMEM);
    stream->format = request->format;
    stream->keys = request->keys;
    stream->pool = request->pool;
    stream->is_first = true;
    arena_init(&stream->query_arena, QUERY_ARENA_BYTES);
    arena_init(&stream->batch_arena, BATCH_ARENA_BYTES);
    text_init(&stream->pending, BATCH_BYTES_MAX);
    text_init(&stream->cursor, CURSOR_BYTES_MAX);
    text_init(&stream->shown, BATCH_BYTES_MAX);
    r = parse_again(stream, request, problem);
    if (r == 0)
        r = fetch_batch(stream, arena, problem);
    if (r != 0) {
        stream_free(stream);
        return r;
    }
    *ret_stream = stream;
    return 0;
}

void stream_free(struct stream *stream)
{
    if (stream == NULL)
        return;
    text_deinit(&stream->pending);
    text_deinit(&stream->cursor);
    text_deinit(&stream->shown);
    arena_deinit(&stream->query_arena);
    arena_deinit(&stream->batch_arena);
    free(stream);
}

long stream_read(struct stream *stream, char *buffer, size_t size_bytes)
{
    size_t left = stream->pending.length - stream->sent_bytes;

    if (left == 0 && stream->cursor.length > 0) {
        struct problem problem = {0};
        int r;

        r = fetch_batch(stream, &stream->batch_arena, &problem);
        arena_deinit(&stream->batch_arena);
        if (r != 0)
            return r > 0 ? fault_raise(-EIO) : r;
        left = stream->pending.length;
    }
    if (left > size_bytes)
        left = size_bytes;
    memcpy(buffer, stream->pending.bytes + stream->sent_bytes, left);
    stream->sent_bytes += left;
    return (long)left;
}
