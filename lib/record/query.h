#pragma once
/*
 * Query
 *
 * What a reader asked of one resource, read from parameters and checked
 * against the contract. Every parameter is understood or refused, by name and
 * with the nearest one that exists; nothing is ignored.
 */
#include "base/annotate.h"
#include "base/limits.h"
#include "contract/contract.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct problem;

#define CONDITIONS_MAX QUERY_PARAMETERS_MAX
#define INCLUDES_MAX 10
#define FACETS_MAX 10
#define LANGUAGES_MAX 10
#define FIELDS_MAX 100

struct query_pair {
    const char *name;
    const char *value;
};

/* One filter: any of the values (or none of them, when negated). */
struct query_condition {
    const struct filter *filter;
    bool negated;
    const char *const *values;
    size_t value_count;
};

enum query_sort_kind { SORT_PROPERTY, SORT_RELEVANCE, SORT_DISTANCE };
struct query_sort {
    enum query_sort_kind kind;
    const struct property *property; /* of SORT_PROPERTY */
    bool descending;
};

/* Whether it is time to check again if the record is true. */
enum query_freshness { FRESHNESS_ANY, FRESHNESS_STALE, FRESHNESS_FRESH };

enum query_count { COUNT_NONE, COUNT_ESTIMATED, COUNT_EXACT };

/* What is embedded: the targets of a relation, or the records that refer to this one. */
struct query_include {
    const char *name;
    const struct property *relation; /* at the top, or in an array of objects there; or NULL */
    const struct resource *referrer; /* else this */
};

struct query {
    const struct resource *resource;

    struct query_condition conditions[CONDITIONS_MAX];
    size_t condition_count;
    const struct resource *related; /* only records that refer to @related_to, a record of it */
    const char *related_to;         /* id or slug */
    const char *const *ids;         /* only these; ids or slugs are not told apart: ids */
    size_t id_count;
    const char *search;
    bool highlights;
    bool has_near;
    double lat, lon;
    double radius_km; /* 0: no bound */
    bool has_box;
    double west, south, east, north; /* west > east: across the antimeridian */
    const char *as_of;               /* an RFC 3339 time: what was public then; NULL: what is now */
    enum query_freshness freshness;
    const char *stale_at; /* as of when, where freshness is asked for */

    struct query_sort sorts[SORT_KEYS_MAX];
    size_t sort_count; /* at least 1 */
    uint32_t limit;
    const char *cursor; /* as sent; NULL: from the beginning */
    bool is_page;       /* limit or cursor was given */

    enum query_count count;
    const struct property *fields[FIELDS_MAX];
    size_t field_count;  /* 0: all */
    bool without_detail; /* of all, not those that lists leave out: documents hold them, too */
    struct query_include includes[INCLUDES_MAX];
    size_t include_count;
    const struct property *facets[FACETS_MAX];
    size_t facet_count;
    const char *languages[LANGUAGES_MAX]; /* wanted, best first; the record's own is always last */
    size_t language_count;
    bool all_languages;
};

/* Is this property always shown, whatever fields= says? Its id, slug and name. */
bool query_always_shows(const struct query *query, const struct property *property);

/*
 * Does what matches, or what it shows, change without anybody writing a record: with time, or with
 * exchange rates, which may be brought in for the past as well?
 */
bool query_ages(const struct query *query);

/* Which parameters are understood. */
enum query_scope {
    QUERY_LIST, /* all */
    QUERY_READ, /* of a single record: fields, include, lang, as_of */
    QUERY_BATCH /* of records by their ids: fields, include, lang */
};

/*
 * query_parse() - read and check parameters
 * @pairs:     borrowed, as @ret_query points into them
 * @languages: borrowed; wanted by the reader in general, best first; lang= overrides
 * @problem:   receives every fault (invalid-parameter)
 *
 * "format" of a list is accepted and left to the caller.
 *
 * Return: true; false with the faults in @problem.
 */
MUST_CHECK bool query_parse(const struct contract *contract, const struct resource *resource,
                            enum query_scope scope, const struct query_pair *pairs, size_t count,
                            const char *const *languages, size_t language_count,
                            struct arena *arena, struct problem *problem, struct query *ret_query);

/*
 * query_fingerprint() - a hash of what decides which records come in which
 * order: resource, filters, search, place, sort. A cursor made under one
 * fingerprint is refused under another.
 */
#define QUERY_FINGERPRINT_BYTES 16
void query_fingerprint(const struct query *query, unsigned char ret_hash[QUERY_FINGERPRINT_BYTES]);
