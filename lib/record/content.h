#pragma once
/*
 * Content
 *
 * What a record says, in the shape in which it is written, relations by id:
 * checked, brought into the one form in which it is kept, compared.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;
struct problem;
struct resource;

/* POST /v1/practices/batch-get is no record. */
#define RESERVED_SLUG "batch-get"

/*
 * content_check() - does @data obey the contract?
 * @data:    borrowed; read-only properties in it are told (read-only) and taken out
 * @pointer: borrowed; stands before every pointer
 * @problem: receives every fault: of the schema, of values that cannot be stored, of
 *           characters that no text may have
 * Return: 0 also with faults; a fault.
 */
MUST_CHECK int content_check(const struct resource *resource, json_t *data, const char *pointer,
                             struct arena *arena, struct problem *problem);

/* Tells each property of @patch, or of a record, that only the server sets. */
void content_check_read_only(const struct resource *resource, const json_t *data,
                             const char *pointer, struct arena *arena, struct problem *problem);

/*
 * content_compose() - letters in the one form that each has (Unicode, NFC)
 * What is decomposed is composed; PostgreSQL knows how, and is asked only when a text may need it.
 * @data: replaced by a new reference when anything was composed
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int content_compose(struct db *db, json_t **data);
/* False when content_compose() would have to ask. */
bool content_is_composed(const json_t *data);

/* The language, times in UTC to the millisecond, nothing that is empty. Valid data only.
 * Return: 0; a fault. */
MUST_CHECK int content_complete(const struct resource *resource, json_t *data);

#define CONTENT_DUMP_FLAGS                                                                         \
    (JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15) | JSON_ENCODE_ANY)
/* The one text that @data has, sorted and compact; owned, free(). NULL: out of memory. */
char *content_dump(const json_t *data);
/* A hash of that text; in the arena. NULL: out of memory. */
const char *content_digest(struct arena *arena, const char *dump);

/*
 * content_changed() - names of the properties at the top that differ, sorted
 * @before:    borrowed; NULL: there was nothing
 * @ret_names: in the arena
 * Return: 0; a fault.
 */
MUST_CHECK int content_changed(const json_t *before, const json_t *after, struct arena *arena,
                               const char *const **ret_names, size_t *ret_count);

/* RFC 7396: @target with @patch applied; a new reference. NULL: out of memory, or deeper than
 * JSON_DEPTH_MAX. Both are left as they are. */
json_t *content_patched(const json_t *target, const json_t *patch);
