#pragma once
/* How deep JSON from outside is nested, before a parser that calls itself for each level sees it.
 */
#include <stdbool.h>
#include <stddef.h>

#define SHALLOW_DEPTH_MAX 16 /* providers of identities nest to 4 */

/* Is it at most SHALLOW_DEPTH_MAX deep? Whether it is JSON at all the parser says. */
bool shallow_check(const char *json, size_t length);
