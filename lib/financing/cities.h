#pragma once
/*
 * Cities
 *
 * A city has names in many languages. Here is which of them are one: by their letters, and by a
 * table of well-known ones. What it does not know is left to where places lie.
 */
#include <stdint.h>

/* A number for a city's name, whatever its case, accents and language. Never 0. */
uint64_t city_of(const char *name);
