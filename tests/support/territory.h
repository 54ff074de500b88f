#pragma once
/*
 * Territory
 *
 * What the tests of coverages, comparisons, impact and scores share: the small world in
 * records/territory, and what is read from answers about it. Whatever goes wrong in here ends the
 * test.
 */
#include "base/annotate.h"
#include "support/http.h"
#include "support/records.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#define TOWN "/v1/coverage?city=Testville"

/* For .init of a suite: the server has taken over what was imported. */
void territory_ready(void);
/* Asks until the answer is @expected, for twenty seconds. */
void territory_wait_until(bool (*is_there)(const char *slug), const char *slug, bool expected);
/* Is this practice among those that are similar to t-here? */
bool territory_is_similar(const char *slug);
/* An XML parser of somebody else reads the drawing; its title comes back. */
void territory_expect_drawing(const char *svg, const char *title);
/* The points of a candidate are the sum of those of its reasons, all rounded to a tenth. */
void territory_check_points(json_t *candidate);

/* --- answers, taken apart --- */

/* Owned, json_decref(). */
static inline json_t *get(const char *path)
{
    CLEANUP(response_freep) struct response *response = http_get(path);

    cr_assert_eq(response->status, 200, "%s: %s", path, response->body);
    return json_deep_copy(response_json(response));
}

/* Borrowed; it must be there. */
static inline json_t *at(json_t *json, const char *name)
{
    json_t *value = json_object_get(json, name);

    cr_assert_not_null(value, "%s is missing", name);
    return value;
}

static inline double number_at(json_t *json, const char *name)
{
    return json_number_value(at(json, name));
}

static inline const char *text_at(json_t *json, const char *name)
{
    return json_string_value(at(json, name));
}

/* The item of @list whose member @name is @value; borrowed. NULL: there is none. */
static inline json_t *with(json_t *list, const char *name, const char *value)
{
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item)
        if (strcmp(record_text(item, name), value) == 0)
            return item;
    return NULL;
}
