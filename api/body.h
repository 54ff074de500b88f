#pragma once
/*
 * Body
 *
 * Reads a JSON body: type, size, shape before parsing, syntax. Anything wrong
 * becomes a problem that names a position and never quotes the input.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct problem;

/*
 * Is it the media type @type (in lower case), alone or with charset=utf-8? In any case; NULL: no.
 */
bool body_is_type(const char *content_type, const char *type);

/*
 * body_parse() - the JSON of a body
 * @arena:       borrowed; the problem's text is made in it
 * @ret_json:    owned by the caller (json_decref); an object or an array
 * @ret_problem: filled when the result is BODY_INVALID
 *
 * Return: 0; BODY_INVALID.
 */
enum body_outcome { BODY_INVALID = 1 };
MUST_CHECK int body_parse(struct arena *arena, const char *bytes, size_t size_bytes,
                          json_t **ret_json, struct problem *ret_problem);
