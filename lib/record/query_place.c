/*
 * Places: near a point, within a box.
 */
#include "record/query_internal.h"

#include "base/arena.h"
#include "base/num.h"
#include "base/problem.h"

#define RADIUS_KM_MAX 20040.0 /* half way around the earth */

static bool parse_numbers(struct query_parser *parser, const char *parameter, const char *value,
                          size_t wanted, double *ret_numbers)
{
    size_t count = 0;
    const char *const *items = query_split(parser, parameter, value, wanted, &count);

    if (items == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!num_parse_double(items[i], -1e9, 1e9, &ret_numbers[i])) {
            query_refuse_value(parser, parameter, items[i], "a decimal number", NULL);
            return false;
        }
    if (count != wanted) {
        problem_add(parser->problem, parser->arena, NULL, parameter, "wrong-count",
                    "%zu numbers are needed, separated by commas", wanted);
        return false;
    }
    return true;
}

void query_parse_near(struct query_parser *parser, const char *value)
{
    double numbers[2];

    if (!parse_numbers(parser, "near", value, 2, numbers))
        return;
    if (numbers[0] < -90 || numbers[0] > 90 || numbers[1] < -180 || numbers[1] > 180) {
        query_refuse(parser, "near", "out-of-range",
                     "latitude comes first (-90 to 90), then longitude (-180 to 180)");
        return;
    }
    parser->query->has_near = true;
    parser->query->lat = numbers[0];
    parser->query->lon = numbers[1];
}

void query_parse_box(struct query_parser *parser, const char *value)
{
    double numbers[4];

    if (!parse_numbers(parser, "bbox", value, 4, numbers))
        return;
    if (numbers[0] < -180 || numbers[0] > 180 || numbers[2] < -180 || numbers[2] > 180 ||
        numbers[1] < -90 || numbers[3] > 90 || numbers[1] > numbers[3]) {
        query_refuse(
            parser, "bbox", "out-of-range",
            "the order is west,south,east,north: longitudes from -180 to 180, latitudes from "
            "-90 to 90, south not above north");
        return;
    }
    parser->query->has_box = true;
    parser->query->west = numbers[0];
    parser->query->south = numbers[1];
    parser->query->east = numbers[2];
    parser->query->north = numbers[3];
}

void query_parse_radius(struct query_parser *parser, const char *value)
{
    if (!num_parse_double(value, 0.001, RADIUS_KM_MAX, &parser->query->radius_km))
        query_refuse(parser, "radius_km", "out-of-range",
                     "radius_km is a number of kilometres, from 0.001 to 20040");
}
