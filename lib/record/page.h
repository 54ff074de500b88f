#pragma once
/*
 * Page
 *
 * One page of a list: found, counted and shown. Works on a connection of the
 * caller with statements that are complete in themselves, so that no
 * transaction is needed.
 */
#include "base/annotate.h"
#include "record/cursor.h"
#include "record/query.h"
#include "record/view.h"

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct db;
struct db_rows;
struct problem;
struct text;

struct page_facet_value {
    const struct property *property;
    const char *value;
    const char *count;
    const char *title; /* of a relation's record, or NULL */
};

struct page {
    const struct query *query;
    struct view_item *items; /* in the order asked for */
    size_t count;
    struct view view;
    const char *next; /* cursors, or NULL */
    const char *previous;
    bool has_total;
    bool total_is_estimate;
    uint64_t total;
    const struct page_facet_value *facets;
    size_t facet_value_count;
    const char *corrected; /* how the search was understood, or NULL */
    struct db_rows *rows;  /* what the items point into */
    struct db_rows *facet_rows;
};

enum page_outcome {
    PAGE_INVALID = 100, /* a cursor or reference that does not fit: told in the problem */
    PAGE_NOT_FOUND      /* the record that the list is related to does not exist */
};

/*
 * page_fetch() - fetch a page
 * @query:    borrowed, must outlive the page
 * @ret_page: release with page_deinit(), also after a failure
 * Return: 0; PAGE_INVALID; PAGE_NOT_FOUND; a db outcome; a fault.
 */
MUST_CHECK int page_fetch(const struct query *query, const struct cursor_keys *keys, struct db *db,
                          struct arena *arena, struct problem *problem, struct page *ret_page);
void page_deinit(struct page *page);

/*
 * page_gone() - what a list of records with dates has lost in the last days
 * A row for each record of which an earlier form matched until then, and the present one does not,
 * or has other dates: {"version": of what is public, 0: nothing; "present": the present form, null
 * unless it matches; "left": [the earlier forms, each with ended_at, the latest first]}. Among
 * them, without it, are forms that took the place of one and matched when they came.
 * @ret_rows: owned, db_rows_free(); NULL: none, because the query is of the past itself
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int page_gone(const struct query *query, struct db *db, struct arena *arena,
                         struct db_rows **ret_rows);

/*
 * page_etag() - a hash of everything the page shows
 * @variant: borrowed; what else decides the bytes: format, links
 * Return: text in the arena; NULL when it is full.
 */
const char *page_etag(const struct page *page, const char *variant, struct arena *arena);

/* The collection as JSON: data, page, facets, meta. */
void page_append_json(const struct page *page, struct arena *arena, struct text *text);

/* The languages of the page's records, the most frequent first, "en, fr"; in the arena. */
const char *page_languages(const struct page *page, struct arena *arena);
