#pragma once
/*
 * Query, shared between query.c (which parameters there are, and those that
 * stand alone), query_filters.c, query_place.c, query_names.c (lists of names),
 * query_time.c and query_refuse.c (how a value is taken apart or refused).
 *
 * Each query_parse_…() reads one parameter into parser->query, or tells what is
 * wrong with it in parser->problem.
 */
#include "record/query.h"

#define NAMES_MAX 512
#define SHOWN_BYTES_MAX 80 /* of what the client sent, in a sentence about it */

struct query_parser {
    const struct contract *contract;
    struct arena *arena;
    struct problem *problem;
    struct query *query;
    enum query_scope scope;
};

void query_refuse(struct query_parser *parser, const char *parameter, const char *code,
                  const char *detail);
/* @expected: "a date", as in "'x' is not a date"; @nearest: what may have been meant, or NULL. */
void query_refuse_value(struct query_parser *parser, const char *parameter, const char *value,
                        const char *expected, const char *nearest);
/*
 * query_split() - the values between the commas
 * An empty item is refused, and so are more than @most. A backslash makes the character behind
 * it stand for itself.
 * Return: in the arena; NULL when refused.
 */
const char *const *query_split(struct query_parser *parser, const char *parameter,
                               const char *value, size_t most, size_t *ret_count);

void query_parse_filter(struct query_parser *parser, const struct filter *filter,
                        const char *value);

void query_parse_near(struct query_parser *parser, const char *value);
void query_parse_radius(struct query_parser *parser, const char *value);
void query_parse_box(struct query_parser *parser, const char *value);

/* @value: NULL for the order that lists have by themselves. */
void query_parse_sort(struct query_parser *parser, const char *value);
void query_parse_fields(struct query_parser *parser, const char *value);
void query_parse_include(struct query_parser *parser, const char *value);
void query_parse_facets(struct query_parser *parser, const char *value);
void query_parse_languages(struct query_parser *parser, const char *value);
void query_parse_ids(struct query_parser *parser, const char *value);

/* A year, a month or a day that exists. */
bool query_is_partial_date(const char *text);
/* A day, or an RFC 3339 time. */
bool query_is_time(const char *text);
void query_parse_as_of(struct query_parser *parser, const char *value);
/* After as_of: records are stale as of then. */
void query_parse_stale(struct query_parser *parser, const char *value);
/* At the end: refuses what as_of does not go with. */
void query_check_as_of(struct query_parser *parser);
