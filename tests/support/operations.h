#pragma once
/*
 * Operations
 *
 * What the contract offers, for tables that must have a row for each operation: of the many
 * that differ in the resource alone, one.
 */
#include <jansson.h>
#include <stdbool.h>

struct resource;

#define OPERATION_KEY_BYTES 200

struct operation {
    const char *method;              /* "patch", as the contract has it */
    const char *template;            /* "/v1/practices/{id}", "/v1/{resource}/{id}/submit" */
    const struct resource *resource; /* of the template; NULL: none, or {resource} */
    const json_t *item;              /* what the contract says of it */
};

/* @for_each: called for every operation, with @data. */
void operations_walk(void (*for_each)(const struct operation *operation, void *data), void *data);

/*
 * operation_key() - "PATCH /v1/{resource}/{id}"
 * @resource: whose name stands in place of {resource}; NULL: none's
 * A list of related records is "GET /v1/{resource}/{id}/{related}".
 */
void operation_key(const struct operation *operation, const struct resource *resource,
                   char ret_key[OPERATION_KEY_BYTES]);

/* Has it this one of the shared parameters, "dryRun"? */
bool operation_takes(const struct operation *operation, const char *parameter);
/* May anybody use it, without a token? */
bool operation_is_public(const struct operation *operation);
