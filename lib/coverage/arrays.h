#pragma once
/* Array literals for parameters of statements: {"a","b"}. */
#include <stddef.h>

struct arena;
struct text;

/* In the arena; NULL when it is full. @items may hold any text, NULL for SQL null. */
const char *array_of_texts(struct arena *arena, const char *const *items, size_t count);
/* One more item of a literal that is being made; begin with an empty text, end with "}". */
void array_append(struct text *literal, const char *item);
