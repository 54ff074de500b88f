#include "coverage/place.h"

#include "base/arena.h"
#include "base/fault.h"
#include "coverage/arrays.h"
#include "db/db.h"

#include <errno.h>
#include <math.h>

#define EARTH_RADIUS_KM 6371.0088 /* mean radius, IUGG; as the read model has it */

static const char *point_of(const struct place *place, struct arena *arena)
{
    const double radians = acos(-1.0) / 180.0;
    const double lat = place->lat * radians, lon = place->lon * radians;

    return arena_format(arena, "(%.9f,%.9f,%.9f)", EARTH_RADIUS_KM * cos(lat) * cos(lon),
                        EARTH_RADIUS_KM * cos(lat) * sin(lon), EARTH_RADIUS_KM * sin(lat));
}

/* The straight line below an arc; the same as the lists' (compose_place.c), to the last digit. */
static const char *chord_of(const struct place *place, struct arena *arena)
{
    const double angle = fmin(place->radius_km / EARTH_RADIUS_KM, acos(-1.0));

    return arena_format(arena, "%.9f", 2 * EARTH_RADIUS_KM * sin(angle / 2));
}

static const char *terms_of(const struct place *place, struct arena *arena)
{
    const char *terms[2]; /* the main one first */

    if (place->city != NULL) {
        terms[0] = arena_format(arena, "city=%s", place->city);
        terms[1] = arena_format(arena, "cities=%s", place->city);
    } else {
        terms[0] = arena_format(arena, "country=%s", place->country);
        terms[1] = arena_format(arena, "countries=%s", place->country);
    }
    return terms[0] == NULL || terms[1] == NULL ? NULL : array_of_texts(arena, terms, 2);
}

int place_values(const struct place *place, struct arena *arena, const char *ret_values[2])
{
    switch (place->kind) {
    case PLACE_NAMED:
        ret_values[0] = terms_of(place, arena);
        ret_values[1] = place->city == NULL ? NULL : place->country;
        break;
    case PLACE_AROUND:
        ret_values[0] = point_of(place, arena);
        ret_values[1] = chord_of(place, arena);
        break;
    case PLACE_MEMBERS:
        ret_values[0] = place->organisations;
        ret_values[1] = place->country;
        break;
    case PLACE_KINDS:
        return fault_raise(-EINVAL);
    }
    return arena_failed(arena) || ret_values[0] == NULL ? fault_raise(-ENOMEM) : 0;
}

#define COUNTRIES_OF(place, table, kinds)                                                          \
    "select r.country from (" place(table, kinds) ") there "                                       \
                                                  "join published." table " r on r.id = there.id"
#define OF_PRACTICES(place) COUNTRIES_OF(place, "practices", "'organisations@'")
#define OF_ORGANISATIONS(place) COUNTRIES_OF(place, "organisations", "'organisations@'")
#define MOST                                                                                       \
    ") x where x.country is not null group by x.country order by count(*) desc, x.country limit 1"
#define BOTH(place) OF_PRACTICES(place) " union all " OF_ORGANISATIONS(place)
#define COUNTRY(place) "select x.country from (" BOTH(place) MOST
static const struct db_query COUNTRIES[] = {
    [PLACE_NAMED] = {.name = "place_country_named",
                     .sql = COUNTRY(PLACE_OF_NAME),
                     .param_count = 2},
    [PLACE_AROUND] = {.name = "place_country_around",
                      .sql = COUNTRY(PLACE_OF_POINT),
                      .param_count = 2},
};

int place_country(struct db *db, struct arena *arena, const struct place *place,
                  const char **ret_country)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *values[2];
    int r;

    *ret_country = place->country;
    if (place->country != NULL || place->kind == PLACE_MEMBERS)
        return 0;
    r = place_values(place, arena, values);
    if (r == 0)
        r = db_run(db, &COUNTRIES[place->kind], values, &rows);
    if (r != 0 || db_rows_count(rows) == 0)
        return r;
    *ret_country = arena_copy(arena, db_rows_text(rows, 0, 0));
    return *ret_country == NULL ? fault_raise(-ENOMEM) : 0;
}
