/*
 * Counting: each record once into the cell of each of its steps, and each organisation behind it
 * once into theirs.
 */
#include "coverage/coverage.h"

#include "base/arena.h"
#include "base/fault.h"

#include <errno.h>
#include <string.h>

#define PLACES_MIN 4096 /* a power of two */
#define ID_LENGTH 36

/* What is behind the active records of the steps. */
struct organisation {
    char id[ID_LENGTH + 1];
    uint32_t counts[STEPS_COUNT];
    int64_t newest_us[STEPS_COUNT];
    int64_t oldest_us[STEPS_COUNT];
    unsigned fresh; /* a bit for each step with a record that is not stale */
};

struct coverage_count {
    struct arena *arena;
    struct coverage coverage;
    struct organisation **places; /* by hash of the id */
    size_t place_count, organisation_count;
};

int coverage_begin(struct arena *arena, struct coverage_count **ret)
{
    struct coverage_count *count = arena_alloc(arena, sizeof(*count));

    if (count == NULL)
        return fault_raise(-ENOMEM);
    count->arena = arena;
    count->place_count = PLACES_MIN;
    count->places = arena_alloc_array(arena, PLACES_MIN, sizeof(struct organisation *));
    *ret = count;
    return count->places == NULL ? fault_raise(-ENOMEM) : 0;
}

/* The better one first; among equals the lesser id. */
static bool comes_before(const struct coverage_example *left, const struct coverage_example *right)
{
    return left->rank != right->rank ? left->rank > right->rank : strcmp(left->id, right->id) < 0;
}

static void keep_example(struct arena *arena, struct coverage_cell *cell, const char *id,
                         int64_t rank)
{
    struct coverage_example example = {.id = id, .rank = rank};
    size_t place = cell->example_count;

    if (place == COVERAGE_EXAMPLES && !comes_before(&example, &cell->examples[place - 1]))
        return;
    example.id = arena_copy(arena, id);
    if (example.id == NULL)
        return; /* the arena remembers */
    if (place == COVERAGE_EXAMPLES)
        place--;
    else
        cell->example_count++;
    for (; place > 0 && comes_before(&example, &cell->examples[place - 1]); place--)
        cell->examples[place] = cell->examples[place - 1];
    cell->examples[place] = example;
}

static void spread(int64_t looked_us, int64_t *newest_us, int64_t *oldest_us)
{
    if (*newest_us == 0 || looked_us > *newest_us)
        *newest_us = looked_us;
    if (*oldest_us == 0 || looked_us < *oldest_us)
        *oldest_us = looked_us;
}

/* --- organisations -----------------------------------------------------------------------------
 */

static struct organisation **place_of(struct organisation **places, size_t count, const char *id)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    size_t at;

    for (size_t i = 0; i < ID_LENGTH; i++)
        hash = (hash ^ (unsigned char)id[i]) * UINT64_C(1099511628211);
    for (at = hash & (count - 1); places[at] != NULL; at = (at + 1) & (count - 1))
        if (memcmp(places[at]->id, id, ID_LENGTH) == 0)
            break;
    return &places[at];
}

static bool grow(struct coverage_count *count)
{
    struct organisation **places =
        arena_alloc_array(count->arena, count->place_count * 2, sizeof(struct organisation *));

    if (places == NULL)
        return false;
    for (size_t i = 0; i < count->place_count; i++)
        if (count->places[i] != NULL)
            *place_of(places, count->place_count * 2, count->places[i]->id) = count->places[i];
    count->places = places;
    count->place_count *= 2;
    return true;
}

static struct organisation *organisation_of(struct coverage_count *count, const char *id)
{
    struct organisation **place;

    if (count->organisation_count * 2 >= count->place_count && !grow(count))
        return NULL;
    place = place_of(count->places, count->place_count, id);
    if (*place == NULL) {
        *place = arena_alloc(count->arena, sizeof(**place));
        if (*place == NULL)
            return NULL;
        memcpy((*place)->id, id, ID_LENGTH);
        count->organisation_count++;
    }
    return *place;
}

static void add_organisations(struct coverage_count *count, const struct coverage_record *record)
{
    for (const char *at = record->organisations; strlen(at) >= ID_LENGTH;) {
        struct organisation *organisation = organisation_of(count, at);

        for (size_t i = 0; i < STEPS_COUNT && organisation != NULL; i++) {
            if ((record->steps >> i & 1) == 0)
                continue;
            organisation->counts[i]++;
            spread(record->looked_us, &organisation->newest_us[i], &organisation->oldest_us[i]);
            if (!record->is_stale)
                organisation->fresh |= 1u << i;
        }
        at += ID_LENGTH;
        at += *at == ' ' ? 1 : 0;
    }
}

/* --- records -----------------------------------------------------------------------------------
 */

void coverage_add(struct coverage_count *count, const struct coverage_record *record)
{
    for (size_t i = 0; i < STEPS_COUNT; i++) {
        struct coverage_cell *cell = &count->coverage.cells[i][record->column];

        if ((record->steps >> i & 1) == 0)
            continue;
        cell->beside += record->is_beside ? 1 : 0;
        if (record->is_idle) {
            cell->idle++;
            continue;
        }
        cell->count++;
        cell->stale += record->is_stale ? 1 : 0;
        spread(record->looked_us, &cell->newest_us, &cell->oldest_us);
        keep_example(count->arena, cell, record->id, record->looked_us);
    }
    if (!record->is_idle && record->steps != 0)
        add_organisations(count, record);
}

int coverage_end(struct coverage_count *count, struct coverage *ret)
{
    for (size_t i = 0; i < count->place_count; i++) {
        const struct organisation *organisation = count->places[i];

        for (size_t j = 0; j < STEPS_COUNT && organisation != NULL; j++) {
            struct coverage_cell *cell = &count->coverage.cells[j][COLUMN_ORGANISATIONS];

            if (organisation->counts[j] == 0)
                continue;
            cell->count++;
            cell->stale += (organisation->fresh >> j & 1) == 0 ? 1 : 0;
            spread(organisation->newest_us[j], &cell->newest_us, &cell->oldest_us);
            spread(organisation->oldest_us[j], &cell->newest_us, &cell->oldest_us);
            keep_example(count->arena, cell, organisation->id, organisation->counts[j]);
        }
    }
    *ret = count->coverage;
    return arena_failed(count->arena) ? fault_raise(-ENOMEM) : 0;
}
