#include "contract/schema.h"
#include "contract/schema_internal.h"

#include "base/fault.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What each keyword demands of the schema and leaves in its compiled form: one
 * row a keyword. What is in no row, and is no extension ("x-…"), is refused.
 */

#define LISTED_VALUES_MAX 12              /* of an enum, in a sentence */
#define LISTED_BYTES_MAX 240              /* of those values as JSON */
#define SIZE_VALUE_MAX 9007199254740991.0 /* 2^53 - 1: exact as a double */

/* Each reads @value into @slot, the place of its keyword in the compiled form. */

static int compile_annotation(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    (void)compiler;
    (void)value;
    (void)slot;
    return 0;
}

static int compile_text(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    (void)slot;
    if (!json_is_string(value))
        return schema_refuse(compiler, SCHEMA_INVALID, "must be a string");
    return 0;
}

/* A schema of another draft, read as one of ours, would mean something else. */
static int compile_dialect(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    static const char *const OURS[] = {
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2020-12/schema#",
        "https://spec.openapis.org/oas/3.1/dialect/base",
    };
    const char *dialect = json_string_value(value);

    (void)slot;
    if (dialect == NULL)
        return schema_refuse(compiler, SCHEMA_INVALID, "must be a string");
    for (size_t i = 0; i < ARRAY_LENGTH(OURS); i++) {
        if (strcmp(dialect, OURS[i]) == 0)
            return 0;
    }
    if (compiler->set->tolerates_unknown)
        return 0;
    return schema_refuse(compiler, SCHEMA_UNSUPPORTED, "the dialect \"%.100s\" is unknown",
                         dialect);
}

static int compile_size(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    size_t *size = slot;

    if (!schema_value_is_integer(value) || json_number_value(value) < 0 ||
        json_number_value(value) > SIZE_VALUE_MAX)
        return schema_refuse(compiler, SCHEMA_INVALID, "must be a whole number, 0 or more");
    *size = (size_t)json_number_value(value);
    return 0;
}

static int compile_bound(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    const json_t **bound = slot;

    if (!json_is_number(value))
        return schema_refuse(compiler, SCHEMA_INVALID, "must be a number");
    *bound = value;
    return 0;
}

static int compile_multiple(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    if (!json_is_number(value) || json_number_value(value) <= 0)
        return schema_refuse(compiler, SCHEMA_INVALID, "must be a number above 0");
    return compile_bound(compiler, value, slot);
}

static int compile_boolean(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    bool *flag = slot;

    if (!json_is_boolean(value))
        return schema_refuse(compiler, SCHEMA_INVALID, "must be true or false");
    *flag = json_is_true(value);
    return 0;
}

static int compile_schema(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    return schema_enlist_child(compiler, value, NULL, slot);
}

static int compile_list(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    struct schema_list *list = slot;
    json_t *item;
    size_t i;

    if (json_array_size(value) == 0)
        return schema_refuse(compiler, SCHEMA_INVALID, "must be an array with at least one schema");
    list->items =
        arena_alloc_array(&compiler->set->arena, json_array_size(value), sizeof(*list->items));
    if (list->items == NULL)
        return fault_raise(-ENOMEM);
    list->count = json_array_size(value);
    json_array_foreach (value, i, item) {
        char index[24];
        int r;

        (void)snprintf(index, sizeof(index), "%zu", i); /* 20 digits fit */
        r = schema_enlist_child(compiler, item, index, &list->items[i]);
        if (r != 0)
            return r;
    }
    return 0;
}

static int compile_names(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    struct schema_names *names = slot;
    json_t *item;
    size_t i;

    if (!json_is_array(value))
        return schema_refuse(compiler, SCHEMA_INVALID, "must be an array of names");
    names->items =
        arena_alloc_array(&compiler->set->arena, json_array_size(value), sizeof(*names->items));
    if (names->items == NULL)
        return fault_raise(-ENOMEM);
    names->count = json_array_size(value);
    json_array_foreach (value, i, item) {
        if (!json_is_string(item))
            return schema_refuse(compiler, SCHEMA_INVALID, "must be an array of names");
        names->items[i] = json_string_value(item);
    }
    return 0;
}

static int add_pattern(struct schema_compiler *compiler, const char *text,
                       const struct schema_pattern **ret_pattern)
{
    struct schema_set *set = compiler->set;
    struct schema_pattern *pattern = arena_alloc(&set->arena, sizeof(*pattern));
    char buffer[200];
    const char *why;
    int r;

    if (pattern == NULL)
        return fault_raise(-ENOMEM);
    *pattern = (struct schema_pattern){.text = text, .limits = set->match_limits};
    r = schema_pattern_compile(text, &pattern->code, buffer, sizeof(buffer), &why);
    if (r > 0)
        return schema_refuse(compiler, SCHEMA_INVALID,
                             "the regular expression \"%.200s\" is refused: %s", text, why);
    if (r < 0)
        return fault_fold(r);
    pattern->next = set->patterns;
    set->patterns = pattern;
    *ret_pattern = pattern;
    return 0;
}

static int compile_pattern(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    if (!json_is_string(value))
        return schema_refuse(compiler, SCHEMA_INVALID, "must be a regular expression");
    return add_pattern(compiler, json_string_value(value), slot);
}

static int compile_format(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    const struct schema_format **format = slot;

    if (!json_is_string(value))
        return schema_refuse(compiler, SCHEMA_INVALID, "must be the name of a format");
    *format = schema_format_find(json_string_value(value));
    if (*format == NULL && !compiler->set->tolerates_unknown)
        return schema_refuse(compiler, SCHEMA_UNSUPPORTED, "the format \"%.100s\" is unknown",
                             json_string_value(value));
    return 0;
}

static int compare_members(const void *left, const void *right)
{
    const struct schema_member *left_member = left;
    const struct schema_member *right_member = right;

    return strcmp(left_member->name, right_member->name);
}

/* The members of @value, a schema each; their names only, not their patterns. */
static int read_members(struct schema_compiler *compiler, const json_t *value,
                        struct schema_member **ret_members, size_t *ret_count)
{
    struct schema_member *members;
    const char *key;
    json_t *item;
    size_t count = 0;

    if (!json_is_object(value))
        return schema_refuse(compiler, SCHEMA_INVALID, "must be an object of schemas");
    members = arena_alloc_array(&compiler->set->arena, json_object_size(value), sizeof(*members));
    if (members == NULL)
        return fault_raise(-ENOMEM);
    json_object_foreach (schema_value_mutable(value), key, item) {
        int r;

        members[count].name = key;
        r = schema_enlist_child(compiler, item, key, &members[count].schema);
        if (r != 0)
            return r;
        count++;
    }
    *ret_members = members;
    *ret_count = count;
    return 0;
}

static int compile_definitions(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    struct schema_member *members;
    size_t count;

    (void)slot;
    return read_members(compiler, value, &members, &count);
}

static int compile_properties(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    struct schema_object *object = slot;
    struct schema_names *names = &object->property_names;
    int r;

    r = read_members(compiler, value, &object->properties, &object->property_count);
    if (r != 0)
        return r;
    qsort(object->properties, object->property_count, sizeof(*object->properties), compare_members);
    names->items =
        arena_alloc_array(&compiler->set->arena, object->property_count, sizeof(*names->items));
    if (names->items == NULL)
        return fault_raise(-ENOMEM);
    names->count = object->property_count;
    for (size_t i = 0; i < names->count; i++)
        names->items[i] = object->properties[i].name;
    return 0;
}

static int compile_pattern_properties(struct schema_compiler *compiler, const json_t *value,
                                      void *slot)
{
    struct schema_object *object = slot;
    int r;

    r = read_members(compiler, value, &object->patterns, &object->pattern_count);
    for (size_t i = 0; r == 0 && i < object->pattern_count; i++)
        r = add_pattern(compiler, object->patterns[i].name, &object->patterns[i].pattern);
    return r;
}

static int compile_dependent_required(struct schema_compiler *compiler, const json_t *value,
                                      void *slot)
{
    struct schema_object *object = slot;
    const char *key;
    json_t *item;

    if (!json_is_object(value))
        return schema_refuse(compiler, SCHEMA_INVALID, "must be an object of arrays of names");
    object->required_with = arena_alloc_array(&compiler->set->arena, json_object_size(value),
                                              sizeof(*object->required_with));
    if (object->required_with == NULL)
        return fault_raise(-ENOMEM);
    json_object_foreach (schema_value_mutable(value), key, item) {
        struct schema_dependency *dependency = &object->required_with[object->required_with_count];
        int r;

        dependency->name = key;
        r = compile_names(compiler, item, &dependency->required);
        if (r != 0)
            return r;
        object->required_with_count++;
    }
    return 0;
}

static int compile_dependent_schemas(struct schema_compiler *compiler, const json_t *value,
                                     void *slot)
{
    struct schema_object *object = slot;
    struct schema_member *members;
    size_t count;
    int r;

    r = read_members(compiler, value, &members, &count);
    if (r != 0)
        return r;
    object->schemas_with =
        arena_alloc_array(&compiler->set->arena, count, sizeof(*object->schemas_with));
    if (object->schemas_with == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < count; i++)
        object->schemas_with[i] =
            (struct schema_dependency){.name = members[i].name, .schema = members[i].schema};
    object->schemas_with_count = count;
    return 0;
}

/* "a string, a number or null" */
static const char *type_text(struct arena *arena, unsigned types)
{
    static const struct {
        unsigned type;
        const char *text;
    } TYPES[] = {
        {SCHEMA_TYPE_STRING, "a string"}, {SCHEMA_TYPE_INTEGER, "a whole number"},
        {SCHEMA_TYPE_NUMBER, "a number"}, {SCHEMA_TYPE_BOOLEAN, "true or false"},
        {SCHEMA_TYPE_ARRAY, "an array"},  {SCHEMA_TYPE_OBJECT, "an object"},
        {SCHEMA_TYPE_NULL, "null"},
    };
    const char *result = NULL;
    unsigned named = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(TYPES); i++) {
        if ((types & TYPES[i].type) == 0)
            continue;
        named |= TYPES[i].type;
        if (result == NULL)
            result = TYPES[i].text;
        else
            result = arena_format(arena, "%s%s%s", result, named == types ? " or " : ", ",
                                  TYPES[i].text);
        if (result == NULL)
            return NULL;
    }
    return result;
}

static unsigned type_of_name(const char *name)
{
    static const struct {
        const char *name;
        unsigned type;
    } TYPES[] = {
        {"null", SCHEMA_TYPE_NULL},       {"boolean", SCHEMA_TYPE_BOOLEAN},
        {"integer", SCHEMA_TYPE_INTEGER}, {"number", SCHEMA_TYPE_NUMBER},
        {"string", SCHEMA_TYPE_STRING},   {"array", SCHEMA_TYPE_ARRAY},
        {"object", SCHEMA_TYPE_OBJECT},
    };

    for (size_t i = 0; name != NULL && i < ARRAY_LENGTH(TYPES); i++) {
        if (strcmp(TYPES[i].name, name) == 0)
            return TYPES[i].type;
    }
    return 0;
}

static int compile_type(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    struct schema *schema = slot;
    size_t count = json_is_array(value) ? json_array_size(value) : 1;

    if (count == 0)
        return schema_refuse(compiler, SCHEMA_INVALID, "must name at least one type");
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        unsigned type = type_of_name(json_string_value(item));

        if (type == 0)
            return schema_refuse(
                compiler, SCHEMA_INVALID,
                "must be null, boolean, integer, number, string, array or object, or "
                "an array of them");
        schema->types |= type;
    }
    schema->type_text = type_text(&compiler->set->arena, schema->types);
    return schema->type_text != NULL ? 0 : fault_raise(-ENOMEM);
}

/* @value as JSON, unless it is longer than a sentence bears. */
static bool append_value(struct text *text, const json_t *value)
{
    char buffer[LISTED_BYTES_MAX];
    size_t size_bytes = json_dumpb(value, buffer, sizeof(buffer), JSON_COMPACT | JSON_ENCODE_ANY);

    if (size_bytes == 0 || size_bytes > sizeof(buffer))
        return false;
    text_append_bytes(text, buffer, size_bytes);
    return !text_failed(text);
}

static const char *value_list(struct arena *arena, const json_t *values)
{
    CLEANUP(text_deinit) struct text text = {0};
    size_t count = json_array_size(values);
    json_t *item;
    size_t i;

    text_init(&text, LISTED_BYTES_MAX);
    text_append(&text, count > 1 ? "one of " : "");
    json_array_foreach (values, i, item) {
        if (count > LISTED_VALUES_MAX || !append_value(&text, item))
            return arena_format(arena, "one of the %zu values that the contract lists", count);
        text_append(&text, i + 1 < count ? ", " : "");
    }
    if (text_failed(&text))
        return arena_format(arena, "one of the %zu values that the contract lists", count);
    return arena_copy(arena, text.bytes);
}

static int compile_enum(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    struct schema *schema = slot;
    struct arena *arena = &compiler->set->arena;
    json_t *item;
    size_t i;

    if (!json_is_array(value))
        return schema_refuse(compiler, SCHEMA_INVALID, "must be an array");
    if (!schema_value_within_depth(value, SCHEMA_DEPTH_MAX))
        return schema_refuse(compiler, SCHEMA_INVALID, "is nested too deeply");
    schema->values = value;
    schema->value_names.items =
        arena_alloc_array(arena, json_array_size(value), sizeof(*schema->value_names.items));
    schema->value_text = value_list(arena, value);
    if (schema->value_names.items == NULL || schema->value_text == NULL)
        return fault_raise(-ENOMEM);
    json_array_foreach (value, i, item) {
        if (json_is_string(item))
            schema->value_names.items[schema->value_names.count++] = json_string_value(item);
    }
    return 0;
}

static int compile_const(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    CLEANUP(text_deinit) struct text text = {0};
    struct schema *schema = slot;

    if (!schema_value_within_depth(value, SCHEMA_DEPTH_MAX))
        return schema_refuse(compiler, SCHEMA_INVALID, "is nested too deeply");
    schema->constant = value;
    text_init(&text, LISTED_BYTES_MAX);
    schema->constant_text = append_value(&text, value)
                                ? arena_copy(&compiler->set->arena, text.bytes)
                                : "the one that the contract states";
    return schema->constant_text != NULL ? 0 : fault_raise(-ENOMEM);
}

static int compile_anchor(struct schema_compiler *compiler, const json_t *value, void *slot)
{
    struct schema_resource *resource = compiler->schema->resource;
    const char *name = json_string_value(value);
    struct schema_anchor *anchor;
    size_t length;

    (void)slot;
    length = name == NULL ? 0
                          : strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                         "0123456789_.-");
    if (length == 0 || name[length] != '\0' || strchr("0123456789.-", name[0]) != NULL)
        return schema_refuse(compiler, SCHEMA_INVALID,
                             "must be a name of ASCII letters and digits");
    for (anchor = resource->anchors; anchor != NULL; anchor = anchor->next) {
        if (strcmp(anchor->name, name) == 0)
            return schema_refuse(compiler, SCHEMA_INVALID, "two anchors are named \"%.100s\"",
                                 name);
    }
    anchor = arena_alloc(&compiler->set->arena, sizeof(*anchor));
    if (anchor == NULL)
        return fault_raise(-ENOMEM);
    *anchor = (struct schema_anchor){
        .name = name,
        .schema = compiler->schema,
        .is_dynamic = strcmp(compiler->keyword, "$dynamicAnchor") == 0,
        .next = resource->anchors,
    };
    resource->anchors = anchor;
    return 0;
}

/* Where a keyword's compiled form lies: in the schema itself, or in one of its parts. */
enum part { PART_SCHEMA, PART_OBJECT, PART_ARRAY, PART_STRING, PART_NUMBER, PART_LOGIC };

struct keyword {
    const char *name;
    int (*compile)(struct schema_compiler *compiler, const json_t *value, void *slot);
    enum part part;
    size_t offset;
};

#define IN_OBJECT(member) PART_OBJECT, offsetof(struct schema_object, member)
#define IN_ARRAY(member) PART_ARRAY, offsetof(struct schema_array, member)
#define IN_STRING(member) PART_STRING, offsetof(struct schema_string, member)
#define IN_NUMBER(member) PART_NUMBER, offsetof(struct schema_number, member)
#define IN_LOGIC(member) PART_LOGIC, offsetof(struct schema_logic, member)
#define WHOLE_OBJECT PART_OBJECT, 0
#define WHOLE_SCHEMA PART_SCHEMA, 0

static const struct keyword KEYWORDS[] = {
    {"type", compile_type, WHOLE_SCHEMA},
    {"enum", compile_enum, WHOLE_SCHEMA},
    {"const", compile_const, WHOLE_SCHEMA},
    {"properties", compile_properties, WHOLE_OBJECT},
    {"required", compile_names, IN_OBJECT(required)},
    {"additionalProperties", compile_schema, IN_OBJECT(additional)},
    {"patternProperties", compile_pattern_properties, WHOLE_OBJECT},
    {"propertyNames", compile_schema, IN_OBJECT(names)},
    {"minProperties", compile_size, IN_OBJECT(min)},
    {"maxProperties", compile_size, IN_OBJECT(max)},
    {"dependentRequired", compile_dependent_required, WHOLE_OBJECT},
    {"dependentSchemas", compile_dependent_schemas, WHOLE_OBJECT},
    {"unevaluatedProperties", compile_schema, IN_OBJECT(unevaluated)},
    {"items", compile_schema, IN_ARRAY(items)},
    {"prefixItems", compile_list, IN_ARRAY(prefix)},
    {"contains", compile_schema, IN_ARRAY(contains)},
    {"minContains", compile_size, IN_ARRAY(min_contains)},
    {"maxContains", compile_size, IN_ARRAY(max_contains)},
    {"minItems", compile_size, IN_ARRAY(min)},
    {"maxItems", compile_size, IN_ARRAY(max)},
    {"uniqueItems", compile_boolean, IN_ARRAY(unique)},
    {"unevaluatedItems", compile_schema, IN_ARRAY(unevaluated)},
    {"minimum", compile_bound, IN_NUMBER(min)},
    {"maximum", compile_bound, IN_NUMBER(max)},
    {"exclusiveMinimum", compile_bound, IN_NUMBER(above)},
    {"exclusiveMaximum", compile_bound, IN_NUMBER(below)},
    {"multipleOf", compile_multiple, IN_NUMBER(multiple_of)},
    {"minLength", compile_size, IN_STRING(min)},
    {"maxLength", compile_size, IN_STRING(max)},
    {"pattern", compile_pattern, IN_STRING(pattern)},
    {"format", compile_format, IN_STRING(format)},
    {"allOf", compile_list, IN_LOGIC(all)},
    {"anyOf", compile_list, IN_LOGIC(any)},
    {"oneOf", compile_list, IN_LOGIC(one)},
    {"not", compile_schema, IN_LOGIC(negated)},
    {"if", compile_schema, IN_LOGIC(condition)},
    {"then", compile_schema, IN_LOGIC(consequence)},
    {"else", compile_schema, IN_LOGIC(alternative)},
    /* References are followed when every schema is enlisted; $id was read on enlisting. */
    {"$ref", compile_text, IN_LOGIC(reference)},
    {"$dynamicRef", compile_text, IN_LOGIC(dynamic_reference)},
    {"$id", compile_text, WHOLE_SCHEMA},
    {"$anchor", compile_anchor, WHOLE_SCHEMA},
    {"$dynamicAnchor", compile_anchor, WHOLE_SCHEMA},
    {"$defs", compile_definitions, WHOLE_SCHEMA},
    {"$schema", compile_dialect, WHOLE_SCHEMA},
    {"$comment", compile_annotation, WHOLE_SCHEMA},
    {"$vocabulary", compile_annotation, WHOLE_SCHEMA},
    {"title", compile_annotation, WHOLE_SCHEMA},
    {"description", compile_annotation, WHOLE_SCHEMA},
    {"default", compile_annotation, WHOLE_SCHEMA},
    {"example", compile_annotation, WHOLE_SCHEMA},
    {"examples", compile_annotation, WHOLE_SCHEMA},
    {"deprecated", compile_annotation, WHOLE_SCHEMA},
    {"readOnly", compile_annotation, WHOLE_SCHEMA},
    {"writeOnly", compile_annotation, WHOLE_SCHEMA},
    {"contentMediaType", compile_annotation, WHOLE_SCHEMA},
    {"contentEncoding", compile_annotation, WHOLE_SCHEMA},
    {"contentSchema", compile_annotation, WHOLE_SCHEMA},
    {"externalDocs", compile_annotation, WHOLE_SCHEMA},
    {"discriminator", compile_annotation, WHOLE_SCHEMA},
    {"xml", compile_annotation, WHOLE_SCHEMA},
};

static const struct keyword *keyword_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(KEYWORDS); i++) {
        if (strcmp(KEYWORDS[i].name, name) == 0)
            return &KEYWORDS[i];
    }
    return NULL;
}

/* The part of @schema, made on first use. NULL when the arena is full. */
static void *part_of(struct arena *arena, struct schema *schema, enum part part)
{
    switch (part) {
    case PART_SCHEMA:
        return schema;
    case PART_OBJECT:
        if (schema->object == NULL) {
            schema->object = arena_alloc(arena, sizeof(*schema->object));
            if (schema->object != NULL)
                schema->object->max = SIZE_MAX;
        }
        return schema->object;
    case PART_ARRAY:
        if (schema->array == NULL) {
            schema->array = arena_alloc(arena, sizeof(*schema->array));
            if (schema->array != NULL)
                *schema->array = (struct schema_array){
                    .min_contains = 1, .max_contains = SIZE_MAX, .max = SIZE_MAX};
        }
        return schema->array;
    case PART_STRING:
        if (schema->string == NULL) {
            schema->string = arena_alloc(arena, sizeof(*schema->string));
            if (schema->string != NULL)
                schema->string->max = SIZE_MAX;
        }
        return schema->string;
    case PART_NUMBER:
        if (schema->number == NULL)
            schema->number = arena_alloc(arena, sizeof(*schema->number));
        return schema->number;
    case PART_LOGIC:
        if (schema->logic == NULL)
            schema->logic = arena_alloc(arena, sizeof(*schema->logic));
        return schema->logic;
    }
    return NULL;
}

int schema_compile_keywords(struct schema_compiler *compiler, struct schema *schema)
{
    const char *key;
    json_t *value;

    if (!json_is_object(schema->source))
        return 0;
    compiler->schema = schema;
    json_object_foreach (schema_value_mutable(schema->source), key, value) {
        const struct keyword *keyword = keyword_find(key);
        char *part;
        int r;

        if (keyword == NULL && (strncmp(key, "x-", 2) == 0 || compiler->set->tolerates_unknown))
            continue;
        if (keyword == NULL)
            return schema_refuse(compiler, SCHEMA_UNSUPPORTED, "the keyword \"%.100s\" is unknown",
                                 key);
        part = part_of(&compiler->set->arena, schema, keyword->part);
        if (part == NULL)
            return fault_raise(-ENOMEM);
        compiler->keyword = keyword->name;
        r = keyword->compile(compiler, value, part + keyword->offset);
        if (r != 0)
            return r;
        compiler->keyword = NULL;
    }
    return 0;
}
