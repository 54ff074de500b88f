#pragma once
/*
 * JSON Schema, inside
 *
 * The compiled form and what the parts of the validator share; nobody else
 * includes it. schema_compile.c and schema_keyword.c build the tree,
 * schema_check.c walks it beside a value; schema_format.c, schema_pattern.c,
 * schema_uri.c and schema_value.c know texts, regular expressions, addresses
 * and JSON values.
 */
#include "base/annotate.h"
#include "base/arena.h"
#include "base/text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <jansson.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEMA_DEPTH_MAX 64      /* of a value: four times JSON_DEPTH_MAX, for a runaway only */
#define SCHEMA_FRAMES_MAX 400    /* schemas within schemas while checking: ends $ref circles */
#define SCHEMA_STEPS_MAX 2000000 /* schemas applied to one value: under a second */
#define SCHEMA_ARENA_BYTES_MAX (128 * 1024 * 1024) /* of one set; our contract takes a tenth */
#define SCHEMA_SCRATCH_BYTES_MAX (4 * 1024 * 1024) /* marks and hashes of one check */
#define SCHEMA_URI_BYTES_MAX 4096                  /* of an $id or a $ref */
#define SCHEMA_PATTERN_BYTES_MAX 8192              /* of a regular expression, translated */
#define SCHEMA_MATCH_STEPS_MAX 200000   /* of one match: milliseconds; ours take hundreds */
#define SCHEMA_MATCH_KIBIBYTES_MAX 4096 /* of heap for one match */

enum schema_type {
    SCHEMA_TYPE_NULL = 1 << 0,
    SCHEMA_TYPE_BOOLEAN = 1 << 1,
    SCHEMA_TYPE_INTEGER = 1 << 2,
    SCHEMA_TYPE_NUMBER = 1 << 3,
    SCHEMA_TYPE_STRING = 1 << 4,
    SCHEMA_TYPE_ARRAY = 1 << 5,
    SCHEMA_TYPE_OBJECT = 1 << 6
};

struct schema_pattern {
    const char *text; /* as the schema spells it */
    pcre2_code *code;
    pcre2_match_context *limits; /* of the set; only read while matching */
    struct schema_pattern *next; /* of the set: what schema_set_free() releases */
};

struct schema_member {
    const char *name;
    const struct schema_pattern *pattern; /* of patternProperties, where it replaces the name */
    struct schema *schema;
};

struct schema_list {
    struct schema **items;
    size_t count;
};

struct schema_names {
    const char **items;
    size_t count;
};

struct schema_dependency {
    const char *name;
    struct schema_names required;
    struct schema *schema; /* may be NULL */
};

struct schema_object {
    struct schema_member *properties; /* sorted by name, for bsearch() */
    size_t property_count;
    struct schema_names property_names; /* for the nearest name */
    struct schema_member *patterns;
    size_t pattern_count;
    struct schema *additional; /* the schemas may be NULL */
    struct schema *names;
    struct schema *unevaluated;
    struct schema_names required;
    struct schema_dependency *required_with; /* dependentRequired */
    size_t required_with_count;
    struct schema_dependency *schemas_with; /* dependentSchemas */
    size_t schemas_with_count;
    size_t min;
    size_t max;
};

struct schema_array {
    struct schema_list prefix;
    struct schema *items; /* the schemas may be NULL */
    struct schema *contains;
    struct schema *unevaluated;
    size_t min_contains;
    size_t max_contains;
    size_t min;
    size_t max;
    bool unique;
};

struct schema_format;

struct schema_string {
    size_t min;
    size_t max;
    const struct schema_pattern *pattern; /* may be NULL */
    const struct schema_format *format;   /* may be NULL */
};

/* Borrowed from the document; NULL where there is no such bound. */
struct schema_number {
    const json_t *min;
    const json_t *max;
    const json_t *above;
    const json_t *below;
    const json_t *multiple_of;
};

/* What applies other schemas to the same value. */
struct schema_logic {
    struct schema *reference;
    struct schema *dynamic_reference;
    const char *dynamic_name; /* NULL: dynamic_reference is an ordinary one */
    struct schema_list all;
    struct schema_list any;
    struct schema_list one;
    struct schema *negated;
    struct schema *condition;
    struct schema *consequence; /* then */
    struct schema *alternative; /* else */
};

struct schema_anchor {
    const char *name;
    struct schema *schema;
    bool is_dynamic;
    struct schema_anchor *next;
};

/* A part of the document with its own address: the root, and what has an $id. */
struct schema_resource {
    const char *uri;     /* absolute or relative, without fragment */
    const char *pointer; /* from the root of the document */
    const json_t *root;
    struct schema_anchor *anchors;
    unsigned generation;
    struct schema_resource *next;
};

struct schema {
    const json_t *source;
    const char *pointer; /* where it stands in the document */
    struct schema_resource *resource;
    bool never;                      /* the schema false */
    unsigned types;                  /* bits of enum schema_type; 0: any */
    const char *type_text;           /* "a string or null" */
    const json_t *values;            /* enum: an array; NULL when open */
    const char *value_text;          /* "one of …" */
    struct schema_names value_names; /* those values that are strings, for the nearest */
    const json_t *constant;          /* may be NULL */
    const char *constant_text;
    struct schema_object *object; /* NULL where no keyword speaks of the kind */
    struct schema_array *array;
    struct schema_string *string;
    struct schema_number *number;
    struct schema_logic *logic;
    unsigned generation; /* of the schema_compile() that made it */
    struct schema *next; /* in the order of making */
};

/* --- schema_compile.c and schema_keyword.c --------------------------------- */

struct schema_set {
    struct arena arena; /* everything compiled, except what PCRE2 allocates */
    const json_t *root;
    bool tolerates_unknown;
    struct schema_resource *root_resource;
    struct schema_resource *resources;
    struct schema_pattern *patterns;
    pcre2_match_context *match_limits;
    struct schema first; /* not a schema: what the list begins with */
    struct schema *last;
    struct schema **table; /* open addressing, by the address of the source */
    size_t table_size;     /* a power of two */
    size_t table_count;
    unsigned generation;
};

struct schema_compiler {
    struct schema_set *set;
    struct schema *schema; /* being compiled */
    const char *keyword;   /* being read */
    struct text what;
};

/* Sets what the caller of schema_compile() will read. Return: @outcome. */
int schema_refuse(struct schema_compiler *compiler, int outcome, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The schema @source within the current keyword, below @key when that is not NULL. */
MUST_CHECK int schema_enlist_child(struct schema_compiler *compiler, const json_t *source,
                                   const char *key, struct schema **ret_schema);

/* Read every keyword of @schema. Return: as schema_compile(). */
MUST_CHECK int schema_compile_keywords(struct schema_compiler *compiler, struct schema *schema);

/* --- schema_value.c: JSON values by the rules of JSON Schema (1 equals 1.0) --- */

/* jansson iterates over objects only through a mutable pointer; nothing is changed through it. */
json_t *schema_value_mutable(const json_t *value);
/* Bits of enum schema_type: an integer, and 1.0, is a number as well. */
unsigned schema_value_types(const json_t *value);
bool schema_value_is_integer(const json_t *value);
/* Is @value nested no deeper than @depth_max? */
bool schema_value_within_depth(const json_t *value, unsigned depth_max);
/* <0, 0, >0 like strcmp(); both are numbers. Exact between integers and reals. */
int schema_value_compare(const json_t *left, const json_t *right);
bool schema_value_equal(const json_t *left, const json_t *right);
/* Equal values have equal hashes. */
uint64_t schema_value_hash(const json_t *value);
/* Both are numbers, @divisor above 0. */
bool schema_value_is_multiple(const json_t *value, const json_t *divisor);
/* Unicode characters of a string. */
size_t schema_value_characters(const json_t *string);

/* --- schema_format.c ------------------------------------------------------- */

struct schema_format {
    const char *name;
    bool (*fits)(const char *text); /* NULL: an annotation */
    const char *expected;           /* "a date such as 2024-05-31" */
};
/* NULL when unknown. */
const struct schema_format *schema_format_find(const char *name);

/* --- schema_pattern.c ------------------------------------------------------ */

/*
 * schema_pattern_compile() - an ECMA-262 regular expression (flag u) for PCRE2
 * @ret_code:    owned: pcre2_code_free()
 * @reterr_why:  a constant, or @buffer, when the result is > 0
 *
 * Return: 0; SCHEMA_INVALID; a fault.
 */
MUST_CHECK int schema_pattern_compile(const char *pattern, pcre2_code **ret_code, char *buffer,
                                      size_t buffer_bytes, const char **reterr_why);

/* --- schema_uri.c ------------------------------------------------------------ */

struct schema_uri_span {
    const char *start; /* NULL when the part is absent */
    size_t length;
};

struct schema_uri {
    struct schema_uri_span scheme;
    struct schema_uri_span authority;
    struct schema_uri_span path; /* never absent */
    struct schema_uri_span query;
    struct schema_uri_span fragment;
};

/* Cut, not checked: any text has these parts (RFC 3986, appendix B). */
void schema_uri_split(const char *text, struct schema_uri *ret_uri);
/* Well-formed, with its characters and no user information; @absolute: with a scheme. */
bool schema_uri_is_valid(const char *text, bool absolute);
/* RFC 3986 section 5.2 into @arena, fragment kept. NULL when too long or the arena is full. */
const char *schema_uri_resolve(struct arena *arena, const char *base, const char *reference);
