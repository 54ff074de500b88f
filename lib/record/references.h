#pragma once
/*
 * References
 *
 * A relation is written as a slug, an id or an object that has one, and kept as
 * an id. Here they are found in a record, and names turned into ids: of the
 * records that are written together, or of those that the caller may see. What
 * it may not see is as unknown to it as what does not exist.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stddef.h>

struct arena;
struct db;
struct model;
struct problem;
struct resource;
struct text;

/* The slug or id by which a relation is written; NULL when it is neither. */
const char *reference_name(const json_t *reference);

/* A record whose relations are to be resolved. */
struct reference_holder {
    const struct resource *resource;
    json_t *record;      /* borrowed; relations in it are replaced by ids */
    const char *pointer; /* prefix of what is reported */
    /* What other holders may name it by, before it is stored; NULL: nothing. */
    const char *slug;
    const char *id;
    /* The record as it was: what it refers to is accepted, seen or not. May be NULL. */
    json_t *before;
};

/*
 * references_resolve()
 * @problem: receives a fault (unknown-reference) for each name that leads nowhere
 * Return: 0 also with faults; a db outcome; a fault.
 */
MUST_CHECK int references_resolve(const struct model *model, struct db *db,
                                  const struct reference_holder *holders, size_t count,
                                  struct arena *arena, struct problem *problem);

/* A PostgreSQL array in the making: {"a","b"}. reference_list_end() closes it. */
void reference_list_add(struct text *list, const char *item);
void reference_list_end(struct text *list);
