#pragma once
/*
 * Place
 *
 * What a coverage is asked of: a country, a city, what lies around a point, or the organisations
 * of a network.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;

enum place_kind { PLACE_NAMED, PLACE_AROUND, PLACE_MEMBERS, PLACE_KINDS };

struct place {
    enum place_kind kind;
    const char *country; /* ISO 3166-1, or NULL */
    const char *city;    /* or NULL */
    double lat, lon;     /* of PLACE_AROUND */
    double radius_km;
    const char *organisations; /* of PLACE_MEMBERS: array literal of their ids */
};

/* The first two parameters of all statements of a place. Return: 0; a fault. */
MUST_CHECK int place_values(const struct place *place, struct arena *arena,
                            const char *ret_values[2]);

/*
 * place_country() - the country that most practices and organisations there are in
 * @ret_country: in the arena; NULL: none is there
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int place_country(struct db *db, struct arena *arena, const struct place *place,
                             const char **ret_country);

/*
 * PLACE_…(table, kinds) - the ids of the records there, as SQL
 * @table: of the read model; @kinds: the prefixes of the terms that name its organisations
 *
 * beside: the place is one of several of the record, and not its main one.
 */
#define PLACE_OF_NAME(table, kinds)                                                                \
    "select t.id, not bool_or(t.term = ($1::text[])[1]) as beside from published." table           \
    "_terms t where t.term = any($1::text[]) and ($2::text is null or t.country = $2) "            \
    "group by t.id"
#define PLACE_OF_POINT(table, kinds)                                                               \
    "select x.id, false as beside from published." table " x where "                               \
    "x.position operator(extensions.<@) extensions.cube_enlarge($1::extensions.cube, "             \
    "$2::float8, 3) and (x.position operator(extensions.<->) $1::extensions.cube) <= $2::float8"
#define PLACE_OF_MEMBERS(table, kinds)                                                             \
    "select distinct t.id, false as beside from published." table "_terms t "                      \
    "where t.term = any(array("                                                                    \
    "select k.kind || o.id from unnest($1::text[]) as o(id) cross join unnest(array[" kinds "]) "  \
    "as k(kind))) and ($2::text is null or t.country = $2)"
/* Records without a location are around no point. */
#define PLACE_NOWHERE(table, kinds)                                                                \
    "select null::uuid as id, false as beside "                                                    \
    "where $1::extensions.cube is null and $2::float8 is null"
