#pragma once
/*
 * Safety
 *
 * Settings that are fine on one's own machine and unsafe where others can reach
 * the server: as soon as it listens to more than this machine, it refuses to
 * start with them unless EXPRESS_ALLOW_UNSAFE names them.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct settings;

struct hazard {
    const char *setting; /* "EXPRESS_RATE_LIMIT" */
    const char *danger;  /* "anybody may ask without end" */
    const char *mend;    /* "set a number of requests per second" */
    bool is_allowed;     /* by EXPRESS_ALLOW_UNSAFE */
};
#define HAZARDS_MAX 8

/* Fills @ret_hazards, whose texts are constants. Return: how many there are. */
size_t safety_find(const struct settings *settings, struct hazard ret_hazards[HAZARDS_MAX]);

enum safety_outcome { SAFETY_REFUSED = 1 };
/*
 * safety_judge() - before serving
 * Says on @errors each hazard, with how to mend it, when one is not allowed; else logs a warning
 * of each. Return: 0; SAFETY_REFUSED.
 */
MUST_CHECK int safety_judge(const struct settings *settings, FILE *errors);
/* For people who look at the settings. Return: as safety_judge(). */
int safety_print(const struct settings *settings, FILE *file);
