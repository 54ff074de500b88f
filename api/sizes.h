#pragma once
/*
 * Sizes
 *
 * Remembers how long the body of a representation was, by its ETag. A 304 has
 * no body, yet the library always writes a Content-Length, which must then be
 * that of the 200 (RFC 9110 section 8.6); a handler that answers 304 from the
 * ETag alone never learns it.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sizes;

MUST_CHECK int sizes_new(struct sizes **ret_sizes); /* 0; a fault */
void sizes_free(struct sizes *sizes);               /* takes NULL */

/* Of a path, a query and a whole entity tag; parts are told apart. */
uint64_t sizes_key(const struct sizes *sizes, const char *path, const char *query, const char *tag);
void sizes_put(struct sizes *sizes, uint64_t key, size_t size_bytes);
MUST_CHECK bool sizes_get(struct sizes *sizes, uint64_t key, size_t *ret_size_bytes);
