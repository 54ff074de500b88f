#pragma once
/*
 * Comparing what is shown of a record with what was written
 *
 * Property by property, as the contract names them: values, lists, nested
 * objects, references. A difference ends the test and says where it is.
 */
#include "base/annotate.h"

#include <jansson.h>

struct property;
struct resource;

struct comparison {
    const char *where; /* "/v1/practices/univerbal", for the message */
    /* What a reference leads to, as that was written: its title must be shown. NULL: any title. */
    const json_t *(*target)(const struct resource *resource, const char *slug);
};

/* A list of rows that has none is the same as none. @written: relations by slug. Both may be NULL.
 */
void compare_property(const struct comparison *comparison, const struct property *property,
                      const json_t *written, const json_t *shown);
/* Nothing is shown that the contract does not know. */
void compare_names(const struct comparison *comparison, const struct resource *resource,
                   const json_t *shown);
