#pragma once
/*
 * Rendering
 *
 * Makes what public reading works on from what is stored. Runs in the
 * transaction of the write, so that both become visible at once.
 */
#include "base/annotate.h"

#include <stddef.h>

struct arena;
struct db;
struct model;
struct resource;

/*
 * render_records() - render these
 * @ids: borrowed; @count UUIDs of @resource
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int render_records(const struct model *model, struct db *db,
                              const struct resource *resource, const char *const *ids,
                              size_t count);

/*
 * render_dependents() - render the other records that show these
 *
 * They get a change of kind "rendered" in the change log, because their
 * documents changed; their versions stay. Call it when everything that the
 * transaction changes has its own row in the change log.
 *
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int render_dependents(const struct model *model, struct db *db,
                                 const struct resource *resource, const char *const *ids,
                                 size_t count);

/* The same for one record, also when its dependents were rendered before in this transaction. */
MUST_CHECK int render_holders_of(const struct model *model, struct db *db,
                                 const struct resource *resource, const char *id);

/* Every record of a resource; for a read model that was made anew. */
MUST_CHECK int render_all(const struct model *model, struct db *db,
                          const struct resource *resource);
