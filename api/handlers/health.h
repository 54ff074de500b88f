#pragma once
/*
 * Health and metrics: the routes of the admin listener. They name parts and
 * their state, never hosts or versions.
 */
#include "routes.h"

#include <stddef.h>

extern const struct route HEALTH_ROUTES[];
extern const size_t HEALTH_ROUTE_COUNT;
