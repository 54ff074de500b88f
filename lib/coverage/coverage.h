#pragma once
/*
 * Coverage
 *
 * For each step of the value chain: what there is of each resource in a place, how fresh it is,
 * and the steps that nothing covers. What covers a step is said in steps.h.
 */
#include "base/annotate.h"
#include "coverage/steps.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct db;
struct place;
struct profiles;
struct text;

#define COVERAGE_EXAMPLES 5 /* records named in each cell; its link leads to all */

struct coverage_example {
    const char *id;
    const char *slug; /* NULL: gone since it was counted */
    const char *title;
    int64_t rank; /* the greater, the earlier */
};

struct coverage_cell {
    uint32_t count;    /* records that are active */
    uint32_t idle;     /* beside them: planned, interrupted, over */
    uint32_t stale;    /* of the active ones: should be checked again */
    uint32_t beside;   /* of both, active and idle: their main place is another one */
    int64_t newest_us; /* last checked or changed, since 1970; 0 without records */
    int64_t oldest_us;
    struct coverage_example examples[COVERAGE_EXAMPLES];
    size_t example_count;
};

enum coverage_state { COVERAGE_GAP, COVERAGE_STALE, COVERAGE_COVERED };

struct coverage {
    struct coverage_cell cells[STEPS_COUNT][COLUMNS_COUNT];
};

/* A record, as it counts. */
struct coverage_record {
    enum step_column column;
    const char *id;
    unsigned steps; /* a bit for each that it covers */
    int64_t looked_us;
    bool is_stale;
    bool is_idle;
    const char *organisations; /* their ids, separated by spaces */
    bool is_beside;            /* the place is one of several, and not its main one */
};

/*
 * Counting: begin, add each record once, end. Pure; texts are copied into the arena.
 * Return of coverage_end(): 0; a fault when memory was short.
 */
struct coverage_count;
MUST_CHECK int coverage_begin(struct arena *arena, struct coverage_count **ret);
void coverage_add(struct coverage_count *count, const struct coverage_record *record);
MUST_CHECK int coverage_end(struct coverage_count *count, struct coverage *ret);

/*
 * coverage_fetch()
 * @profiles: where practices are looked up; refreshed by the caller
 * @ret: its texts are in the arena
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int coverage_fetch(struct db *db, struct profiles *profiles, struct arena *arena,
                              const struct place *place, struct coverage *ret);

/* A step without one active record is a gap; one whose records should all be checked again is
 * stale. Organisations do not count: they are those behind the records. */
enum coverage_state coverage_state(const struct coverage *coverage, size_t step);
const char *coverage_state_name(enum coverage_state state);

/*
 * coverage_json() - {"step", "state", "resources": […]} for each step
 * @link: makes the address of the list of a cell's records whose main place it is, or of those
 *        @beside, whose main place it is not; the two have no record in common. NULL: no filter
 *        says that.
 * Return: a new reference; NULL: out of memory.
 */
typedef const char *coverage_link(void *data, const struct step_source *source, bool beside);
json_t *coverage_json(const struct coverage *coverage, coverage_link *link, void *data);
/* A line for each cell (RFC 4180). */
void coverage_csv(const struct coverage *coverage, struct text *csv);
/* A row for each step, a column for each resource, the numbers in them. */
void coverage_svg(const struct coverage *coverage, const char *title, struct text *svg);
