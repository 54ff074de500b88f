#pragma once
/*
 * Embedded files
 *
 * What the binary carries with it: the OpenAPI document and the migrations.
 * tools/embed.py writes the tables and the assembler file that holds the bytes.
 */
#include <stddef.h>

struct embedded_file {
    const char *name; /* without folder: "0001_schema.sql" */
    const unsigned char
        *bytes;        /* a NUL follows the last one, so that text can be read as a string */
    size_t size_bytes; /* without that NUL */
};

extern const struct embedded_file EMBEDDED_OPENAPI_JSON;
extern const struct embedded_file EMBEDDED_OPENAPI_YAML;
/* Sorted by name: the order in which they run. */
extern const struct embedded_file EMBEDDED_MIGRATIONS[];
extern const size_t EMBEDDED_MIGRATIONS_COUNT;
