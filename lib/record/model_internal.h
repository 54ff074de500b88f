#pragma once
/*
 * Record model, shared between model.c (tables), model_put.c (storing),
 * model_render.c (rendering), model_history.c (what was public before) and
 * model_install.c (installing, comparing).
 */
#include "base/annotate.h"
#include "record/model.h"

struct arena;

/* Each fills its members of @of with SQL that lives in @arena. Return: 0; a fault. */
MUST_CHECK int compose_store(struct arena *arena, struct model_resource *of);
MUST_CHECK int compose_render(struct arena *arena, struct model_resource *of);
bool model_keeps(const struct property *property);

/* A growing list of statements, for compose_…(). */
#define STATEMENTS_MAX 64
struct statements {
    struct arena *arena;
    const char *sql[STATEMENTS_MAX];
    size_t count;
    bool failed;
};
struct text;
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
