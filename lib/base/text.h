#pragma once
/*
 * Text
 *
 * A growing buffer with a maximum. The first failure (full, out of memory)
 * sticks: later appends do nothing, and text_failed() is checked once at the
 * end. The content is always NUL-terminated, also when empty.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *bytes; /* never NULL after text_init() */
    size_t length;
    size_t capacity;
    size_t max_bytes;
    bool failed;
};

void text_init(struct text *text, size_t max_bytes);
void text_deinit(struct text *text); /* takes a zeroed struct, too */
void text_clear(struct text *text);  /* empty again, failure forgotten, memory kept */
bool text_failed(const struct text *text);

void text_append(struct text *text, const char *string);
void text_append_bytes(struct text *text, const char *bytes, size_t size_bytes);
void text_append_char(struct text *text, char character);
void text_append_format(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
/* A JSON string with its quotes; @string is valid UTF-8. */
void text_append_json(struct text *text, const char *string);
void text_append_json_bytes(struct text *text, const char *bytes, size_t size_bytes);
/* Percent-encoded for one query value or path segment (RFC 3986 unreserved kept). */
void text_append_uri(struct text *text, const char *string);

/* Hand the content over: the caller frees it with free(); the text is deinitialised. NULL if
 * failed. */
char *text_steal(struct text *text, size_t *ret_length);

/* Is [bytes, bytes + size) well-formed UTF-8 (RFC 3629), without NUL? */
bool text_is_utf8(const char *bytes, size_t size_bytes);

/*
 * text_nearest() - the candidate most like a misspelt word
 * @word:            borrowed
 * @candidates:      borrowed; @candidate_count strings
 *
 * Optimal string alignment distance (insert, delete, replace, swap), case
 * ignored; at most a third of the longer word may differ.
 *
 * Return: borrowed, one of @candidates; NULL when none is near.
 */
const char *text_nearest(const char *word, const char *const *candidates, size_t candidate_count);
