#pragma once
/*
 * Annotations
 *
 * What the compiler is told about our functions and scopes, spelled once.
 */
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_index)                                                     \
    __attribute__((format(printf, format_index, first_index)))
/* Runs @function with a pointer to the variable when its scope ends. */
#define CLEANUP(function) __attribute__((cleanup(function)))
#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))
