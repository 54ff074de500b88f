#pragma once
/*
 * Impact
 *
 * The figures that practices report, side by side. Added up is only what may be: figures of the
 * same indicator in the same unit about the same period, where the unit counts things and the
 * indicator is neither a share nor a bound. Who took part in two practices is counted twice.
 *
 * How many practices there are, and what they report, is counted in memory (profiles.h).
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;
struct profiles;

#define IMPACT_INDICATORS_MAX 500 /* named: those that most practices report */
#define IMPACT_PLACES 8192 /* for counting them, a power of two; half of them are told apart */

struct impact_query {
    const char *indicator;     /* NULL: which indicators there are */
    const char *country;       /* or NULL */
    const char *method_family; /* or NULL */
};

/* May figures of this indicator in this unit be added up? */
bool impact_may_add(const char *indicator, const char *unit);

/*
 * impact_fetch()
 * @profiles: refreshed by the caller, who held no connection meanwhile
 * @ret_json: owned
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int impact_fetch(struct profiles *profiles, struct db *db, struct arena *arena,
                            const struct impact_query *query, json_t **ret_json);
