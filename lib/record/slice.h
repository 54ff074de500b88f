#pragma once
/*
 * Slices
 *
 * Walks the members of JSON texts that the engine rendered itself, without
 * parsing them: a document is cut and put together again as bytes. Only for
 * such texts: they are known to be valid and compact.
 */
#include <stdbool.h>
#include <stddef.h>

struct text;

struct slice {
    const char *bytes;
    size_t length;
};

struct slice_member {
    struct slice name; /* without quotes; our names need no escapes */
    struct slice value;
};

/*
 * slice_next_member() - the next member of an object, slice_next_item() the next of an array
 * @at: in: where the object or array begins, at first; out: where to go on
 * Return: false at the end.
 */
bool slice_next_member(const char **at, struct slice_member *ret_member);
bool slice_next_item(const char **at, struct slice *ret_item);

/* The value of a member; length 0 when there is none. */
struct slice slice_member(struct slice object, const char *name);
bool slice_equals(struct slice slice, const char *text);
/* A string value without its quotes (escapes stay as they are); else the slice itself. */
struct slice slice_unquoted(struct slice value);
/* The characters of a JSON string value (with its quotes), escapes resolved. */
void slice_append_decoded(struct slice value, struct text *text);
