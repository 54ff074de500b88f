#pragma once
/*
 * Composing, shared between compose.c (pages, totals), compose_filters.c (which
 * rows), compose_place.c, compose_order.c (order, and where a page goes on),
 * compose_ranking.c (search), compose_facets.c and compose_statement.c (text and
 * values). In all of it p is the row of the narrow table; what cannot be
 * composed for want of memory is seen by statement_failed() at the end.
 */
#include "record/compose.h"

#define EARTH_RADIUS_KM 6371.0088 /* as in catalogue.position_on_earth() */

void statement_init(struct statement *statement, struct arena *arena);
/* The number of the parameter that holds @value. */
int statement_add_value(struct statement *statement, const char *value);
/* A PostgreSQL array literal of strings, in the arena. */
const char *statement_array(struct statement *statement, const char *const *items, size_t count);

/* --- which rows --- */

/* "sectors=textile": a value as the table of terms has it. */
const char *compose_term(struct statement *statement, const struct property *property,
                         const char *value);
/* The term of the records that refer to query->related_to. */
const char *compose_related_term(struct statement *statement, const struct query *query);
/* " and …" for what is asked of p, but for the filters of the property @without (may be NULL).
 * @point: see compose_add_point(). */
void compose_conditions(struct statement *statement, const struct query *query,
                        const struct property *without, int point);
/* " and …" for the records that refer to query->related_to. */
void compose_related(struct statement *statement, const struct query *query);
/* " from … where …": all conditions but those of order and page. */
void compose_matches(struct statement *statement, const struct query *query,
                     const struct property *without, int point);

/*
 * The common listing: one term (or the records related to one), perhaps one
 * country, and nothing else. Newest first it is one range of one index.
 */
struct compose_listing {
    const char *term;
    const char *country;
};
/* @without: its filters are passed over; may be NULL. */
bool compose_find_listing(struct statement *statement, const struct query *query,
                          const struct property *without, struct compose_listing *listing);
/* " from … where …": the rows p of a listing that has a term. */
void compose_listed(struct statement *statement, const struct query *query,
                    const struct compose_listing *listing);

/* The number of the parameter with the point of near=; 0: the statement needs none. PostgreSQL
 * refuses a parameter that the statement does not use: counting needs it only for a radius. */
int compose_add_point(struct statement *statement, const struct query *query, bool counting);
/* " and …" for near with a radius, and for a box. */
void compose_place(struct statement *statement, const struct query *query, int point);

/* --- in which order --- */

/* The SQL of a sort value, over the aliases of the inner query. */
const char *compose_sort_value(struct statement *statement, const struct query_sort *sort,
                               int point);
/* Do rows go down in this key, in the direction that is read? */
bool compose_goes_down(const struct query_sort *sort, bool backward);
/* " order by …"; @id: the expression that breaks ties. */
void compose_order(struct statement *statement, const struct query *query, bool backward,
                   const char *const *expressions, const char *id);
/* " and …": rows strictly beyond the cursor. */
void compose_beyond(struct statement *statement, const struct query *query,
                    const struct cursor *cursor, const char *const *expressions,
                    const char *id_expression);
