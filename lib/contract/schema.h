#pragma once
/*
 * JSON Schema
 *
 * Compiles schemas of draft 2020-12, as far as OpenAPI 3.1 documents use it,
 * into validators, and reports every fault of a document at once, each with
 * its JSON Pointer. Compiling refuses what it does not know, by name: a
 * keyword that is silently ignored would be a hole in every check.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct problem;
struct schema;
struct schema_set;

/*
 * A set holds one root document and every schema reached in it by $ref
 * (local "#/…" pointers, $id, $anchor, and $dynamicRef as far as the public
 * test suite's 2020-12 files ask for what we claim to support).
 *
 * schema_set_new() - @root: borrowed, must outlive the set.
 * Return: 0; a fault.
 */
MUST_CHECK int schema_set_new(const json_t *root, struct schema_set **ret_set);
void schema_set_free(struct schema_set *set);
/*
 * Take unknown keywords and formats for annotations, as JSON Schema itself
 * does: for the public test suite and other people's schemas, never for ours.
 */
void schema_set_tolerate_unknown(struct schema_set *set);

enum schema_outcome { SCHEMA_UNSUPPORTED = 1, SCHEMA_INVALID };

/*
 * schema_compile() - the validator of the schema at @pointer in the root
 * @pointer:      borrowed; JSON Pointer such as "/components/schemas/Practice", "" for the root
 * @ret_schema:   borrowed from the set, lives as long as it
 * @reterr_what:  owned (free()); where and why, when the result is > 0
 *
 * Every schema reached is compiled now, once, and constant afterwards: compile
 * all before the first thread checks. A failed call leaves the set as it was.
 *
 * Return: 0; SCHEMA_UNSUPPORTED (an unknown keyword or format: named);
 * SCHEMA_INVALID (a malformed schema or a dead reference: named); a fault.
 */
MUST_CHECK int schema_compile(struct schema_set *set, const char *pointer,
                              const struct schema **ret_schema, char **reterr_what);

/* Is @value of this format of ours ("date-time", "date", "uuid", …)? @format is a known one. */
bool schema_format_is(const char *format, const char *value);

/*
 * schema_check() - does @value obey @schema?
 * @value:   borrowed
 * @prefix:  borrowed; stands before every pointer: "" for the value itself
 * @arena:   borrowed; the texts of the faults live in it; may be NULL with @problem
 * @problem: borrowed; each fault is added with problem_add(): the pointer to
 *           the value at fault below @prefix, a kebab-case code ("required",
 *           "unknown-member", "wrong-type", "too-long", "too-short",
 *           "pattern", "not-allowed" for enum and const, "too-small",
 *           "too-large", "format", "duplicate-items", "too-many-items",
 *           "too-few-items", "too-many-members", "too-few-members", "not-a-multiple",
 *           "not-matched" for anyOf/oneOf/not, "too-deep" for what meets our
 *           own limits), and a sentence that says what is expected (for an enum: the nearest
 *           value; for an unknown member: the nearest name). May be NULL when only
 *           the answer counts.
 * Lengths count characters, not bytes. Recursion is bounded by the depth of @value and by a limit.
 *
 * Return: true when valid.
 */
bool schema_check(const struct schema *schema, const json_t *value, const char *prefix,
                  struct arena *arena, struct problem *problem);
