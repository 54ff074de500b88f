#pragma once
/*
 * View
 *
 * How a rendered document is shown: in which languages, with which members,
 * with which other records embedded. A document of which nothing is to be
 * changed is passed on as it is, byte for byte.
 */
#include "base/annotate.h"
#include "record/query.h"
#include "record/slice.h"

struct arena;
struct db;
struct db_rows;
struct digest;
struct text;

/* One record of a page, borrowed from the rows that it came in. */
struct view_item {
    const char *id;
    const char *etag;
    struct slice document;
    const char *translations; /* JSON array, or NULL */
    const char *distance_km;
    const char *highlights; /* JSON object, or NULL */
};

/* Records to embed, found for a whole page at once. */
struct view_embedded {
    const struct query_include *include;
    struct db_rows *rows; /* owned: parent id (of a referrer), id, etag, document, translations */
};

struct view {
    const struct query *query;
    struct view_embedded embedded[INCLUDES_MAX];
    size_t embedded_count;
};

/*
 * view_prepare() - fetch what is embedded into @items, one query for each include
 * Return: 0; a db outcome; a fault. Release with view_deinit(), also after a failure.
 */
MUST_CHECK int view_prepare(struct view *view, struct db *db, const struct query *query,
                            const struct view_item *items, size_t count);
void view_deinit(struct view *view);
/* Adds what is embedded to a digest: it changes what is shown as the records themselves do. */
void view_digest(const struct view *view, struct digest *digest);

/* Appends the document of @item as it is to be shown. */
void view_append(const struct view *view, const struct view_item *item, struct arena *arena,
                 struct text *text);

/* The languages that @item is shown in, best first, such as "fr, en"; in the arena. */
const char *view_languages(const struct view *view, const struct view_item *item,
                           struct arena *arena);
