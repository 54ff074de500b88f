/*
 * Places are points on a sphere (see catalogue.position_on_earth()): straight distances order
 * them as distances along the ground do.
 */
#include "record/compose_internal.h"

#include "base/arena.h"

#include <math.h>

/* The point on the sphere, as extensions.cube reads it. */
static const char *point_of(struct statement *statement, double lat, double lon)
{
    const double radians = acos(-1.0) / 180.0;

    return arena_format(statement->arena, "(%.9f,%.9f,%.9f)",
                        EARTH_RADIUS_KM * cos(lat * radians) * cos(lon * radians),
                        EARTH_RADIUS_KM * cos(lat * radians) * sin(lon * radians),
                        EARTH_RADIUS_KM * sin(lat * radians));
}

/* The straight line below an arc. Half way around the earth there is nothing farther away. */
static double chord_km(double arc_km)
{
    const double angle = arc_km / EARTH_RADIUS_KM;

    return angle >= acos(-1.0) ? 2 * EARTH_RADIUS_KM + 1 : 2 * EARTH_RADIUS_KM * sin(angle / 2);
}

void compose_place(struct statement *statement, const struct query *query, int point)
{
    if (query->has_near && query->radius_km > 0) {
        const char *chord = arena_format(statement->arena, "%.9f", chord_km(query->radius_km));
        const int bound = statement_add_value(statement, chord);

        text_append_format(
            &statement->sql,
            " and p.position operator(extensions.<@) extensions.cube_enlarge($%d::extensions.cube, "
            "$%d::float8, 3) and (p.position operator(extensions.<->) $%d::extensions.cube) <= "
            "$%d::float8",
            point, bound, point, bound);
    } else if (query->has_near) {
        text_append(&statement->sql, " and p.position is not null");
    }
    if (query->has_box) {
        const int west =
            statement_add_value(statement, arena_format(statement->arena, "%.17g", query->west));
        const int south =
            statement_add_value(statement, arena_format(statement->arena, "%.17g", query->south));
        const int east =
            statement_add_value(statement, arena_format(statement->arena, "%.17g", query->east));
        const int north =
            statement_add_value(statement, arena_format(statement->arena, "%.17g", query->north));

        text_append_format(&statement->sql,
                           " and p.location_lat between $%d::float8 and $%d::float8", south, north);
        text_append_format(&statement->sql,
                           query->west <= query->east
                               ? " and p.location_lon between $%d::float8 and $%d::float8"
                               : " and (p.location_lon >= $%d::float8 or p.location_lon <= "
                                 "$%d::float8)",
                           west, east);
        statement->plan = DB_PLAN_CUSTOM;
    }
}

int compose_add_point(struct statement *statement, const struct query *query, bool counting)
{
    if (!query->has_near || (counting && query->radius_km <= 0))
        return 0;
    return statement_add_value(statement, point_of(statement, query->lat, query->lon));
}
