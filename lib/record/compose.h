#pragma once
/*
 * Composing
 *
 * Turns a checked query into one SQL statement over the read model. Every
 * piece of SQL is a constant or comes from the contract; every value is a
 * parameter. The same query always gives the same text, so that it is prepared
 * once per connection.
 */
#include "base/annotate.h"
#include "base/text.h"
#include "db/db.h"
#include "record/cursor.h"
#include "record/query.h"

#define PARAMETERS_MAX 128

struct statement {
    struct arena *arena;
    struct text sql; /* deinitialise with text_deinit() */
    const char *values[PARAMETERS_MAX];
    int count;
    enum db_plan plan;
    unsigned term_conditions; /* how many were added */
};

/* Columns of compose_page(), then the sort values, each as text, in order. */
enum {
    PAGE_ID,
    PAGE_ETAG,
    PAGE_DOCUMENT,
    PAGE_TRANSLATIONS,
    PAGE_DISTANCE,   /* metres above ground along the earth, or null */
    PAGE_CORRECTED,  /* how the search was understood, or null */
    PAGE_HIGHLIGHTS, /* JSON object, or null */
    PAGE_SORT_VALUES
};

/*
 * All of them fill @ret_statement, whose values live in @arena; the caller
 * looks at statement_failed() and releases the text with text_deinit().
 */
/* @cursor: NULL for the first page. One row more than the limit is asked for. */
void compose_page(struct arena *arena, const struct query *query, const struct cursor *cursor,
                  struct statement *ret_statement);
/* One row, one column: how many match. @most: stop counting there; 0: count all. */
void compose_count(struct arena *arena, const struct query *query, unsigned most,
                   struct statement *ret_statement);
/* The same of the list as it was at query->as_of. */
void compose_history_page(struct arena *arena, const struct query *query,
                          const struct cursor *cursor, struct statement *ret_statement);
void compose_history_count(struct arena *arena, const struct query *query, unsigned most,
                           struct statement *ret_statement);
/* One column: what the list has lost in the last days; see page_gone(). */
void compose_history_gone(struct arena *arena, const struct query *query,
                          struct statement *ret_statement);
/* EXPLAIN (format json) of the query without its page. */
void compose_estimate(struct arena *arena, const struct query *query,
                      struct statement *ret_statement);
/* Rows: facet path, value, count, title of a relation's record or null. */
void compose_facets(struct arena *arena, const struct query *query,
                    struct statement *ret_statement);

/*
 * compose_ranking() - the matches of a search as two common table expressions
 *
 * Appends "best as (…), others as (…)", of id and rank, which need a q with the
 * query before them. Best are the records whose title and summary have all
 * words; their ranks lie above 1. The others have words in longer texts, and
 * are looked for only where best leaves room.
 */
struct ranking {
    const char *table;
    const char *conditions; /* " and …" about the row p; "": none */
    const char *beyond;     /* "(rank, id)" of a cursor, or NULL */
    const char *limit;      /* so many, in order of rank; NULL: all that are ranked, in none */
    bool backward;          /* the lowest first */
};
void compose_ranking(struct text *sql, const struct ranking *ranking);

bool statement_failed(const struct statement *statement);
