#pragma once
/*
 * Content, shared between content.c (checking, comparing), content_rules.c (what properties say
 * together) and content_text.c (letters and times).
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;
struct problem;
struct resource;

#define CONTENT_TIME_BYTES 25 /* 2026-02-01T10:00:00.000Z */

/*
 * Has a text a character that no text may have? Controls but line breaks and tabs,
 * and the marks that turn the direction of writing, with which a text can be made to read as
 * another one than it is. A name (@is_name) is one line.
 */
bool content_has_forbidden(const char *text, bool is_name, uint32_t *ret_character);

enum content_time { CONTENT_TIME_BEYOND = 1, CONTENT_TIME_NONE };
/*
 * content_time_in_utc() - RFC 3339 text as it is kept, cut to the millisecond
 * Return: 0; CONTENT_TIME_BEYOND (before the year 1 or after 9999 in UTC); CONTENT_TIME_NONE.
 */
MUST_CHECK int content_time_in_utc(const char *text, char ret_time[CONTENT_TIME_BYTES]);

/* Tells every fault of properties that do not go together, of data that need not obey the schema.
 */
void content_check_rules(const struct resource *resource, const json_t *data, const char *pointer,
                         struct arena *arena, struct problem *problem);
