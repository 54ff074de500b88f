#pragma once
/*
 * Steps
 *
 * What counts as covering which step of the value chain: the one table that all of it follows.
 */
#include <stddef.h>

#define STEPS_COUNT 6
extern const char *const STEPS[STEPS_COUNT];       /* their codes, in the order of the chain */
extern const char *const STEP_TITLES[STEPS_COUNT]; /* in words */

/* The columns of a coverage: organisations behind the records of all other ones come first. */
enum step_column {
    COLUMN_ORGANISATIONS,
    COLUMN_PRACTICES,
    COLUMN_ASSESSMENT_TOOLS,
    COLUMN_TRAININGS,
    COLUMN_MENTORING_PROGRAMMES,
    COLUMN_CAMPAIGNS,
    COLUMN_NETWORKS,
    COLUMN_EVENTS,
    COLUMN_PLACES,
    COLUMN_SERVICES,
    COLUMN_FINANCING_OFFERS,
    COLUMNS_COUNT
};
extern const char *const COLUMN_RESOURCES[COLUMNS_COUNT]; /* paths of the resources */
extern const char *const COLUMN_TITLES[COLUMNS_COUNT];

/* Records of a resource, all of them or those with a value of a property, cover a step. */
struct step_source {
    const char *resource;
    const char *property; /* NULL: all */
    const char *value;
    const char *step;
};
extern const struct step_source STEP_SOURCES[];
extern const size_t STEP_SOURCE_COUNT;

/* Where it is planned, interrupted or over, nobody is helped: such an activity_status counts
 * apart. */
extern const char *const IDLE_STATES[];
extern const size_t IDLE_STATE_COUNT;

/* -1: none */
int step_index(const char *step);
int step_column_of(const char *resource);
/* The source by which the records of a column cover a step; NULL: they do not. The first one. */
const struct step_source *step_source_of(const char *resource, const char *step);
