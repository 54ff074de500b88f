#pragma once
/*
 * Record model, shared between model.c (tables), model_put.c (storing),
 * model_json.c (records as JSON), model_lookups.c (finding them again), model_render.c
 * (rendering), model_history.c (what was public before) and
 * model_install.c (installing, comparing).
 */
#include "base/annotate.h"
#include "record/model.h"

struct arena;
struct text;

/* --- records as JSON, model_json.c --- */

enum model_shape {
    MODEL_SHOWN,   /* relations as {id, slug, title}, of published records alone */
    MODEL_BY_SLUG, /* as it is written, relations by slug, whatever their status */
    MODEL_BY_ID    /* as it is written, relations by id */
};
/* The alias of the row that holds a property: t the resource, r the record, c1, c2 children. */
struct model_row {
    const char *alias;
    const char *common_alias;
    unsigned depth; /* of arrays of objects around it */
    enum model_shape shape;
};
const char *model_alias(const struct property *property, const struct model_row *row);
/* The JSON value of a property, as an SQL expression. */
void model_append_json(struct text *sql, const struct property *property,
                       const struct model_row *row);
/* Is a leaf kept in a table of its own, or in that of a list around it? */
bool model_is_below_table(const struct property *leaf);

/* --- composing --- */

/* Each fills its members of @of with SQL that lives in @arena. Return: 0; a fault. */
MUST_CHECK int compose_store(struct arena *arena, struct model_resource *of);
MUST_CHECK int compose_render(struct arena *arena, struct model_resource *of);
MUST_CHECK int compose_lookups(struct arena *arena, struct model_resource *of);
bool model_keeps(const struct property *property);

/* A growing list of statements, for compose_…(). */
#define STATEMENTS_MAX 64
struct statements {
    struct arena *arena;
    const char *sql[STATEMENTS_MAX];
    size_t count;
    bool failed;
};
/* Copies @sql into the arena and clears it for the next statement. A failure sticks. */
const char *statements_copy(struct statements *statements, struct text *sql);
/* The same, into the list. */
void statements_add(struct statements *statements, struct text *sql);
/* Return: 0 with the list copied into the arena; a fault. */
MUST_CHECK int statements_take(struct statements *statements, const char *const **ret_list,
                               size_t *ret_count);
/* Adds what keeps the history of what is public, once the documents are rendered. */
void compose_history(struct statements *statements, struct text *sql,
                     const struct resource *resource);
