#pragma once
/*
 * Router
 *
 * Finds the row of a route table that a path and method mean. routes_match()
 * of routes.h is this over the public table.
 */
#include "base/annotate.h"

#include <stddef.h>

struct request;
struct route;

/*
 * router_match() - see routes_match(), for any table
 * @request: borrowed; path and method are read, segments are filled
 */
const struct route *router_match(const struct route *routes, size_t route_count,
                                 struct request *request, const char **ret_allow);
