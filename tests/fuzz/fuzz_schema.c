#include "contract/schema.h"

#include "base/arena.h"
#include "base/problem.h"

#include <assert.h>
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/*
 * The input is one or two JSON texts. The first is a value, checked against a
 * schema that uses every keyword; the second, or else the first, is a schema,
 * compiled and used on that value. Silent and loud checks must agree, and a
 * refusal must give a reason.
 */

#define ARENA_BYTES_MAX (8 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char EVERY_KEYWORD[] =
    "{\"$id\":\"https://example.org/all\",\"$defs\":{"
    "\"text\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":8,\"pattern\":\"^[a-z\\\\s]+$\"},"
    "\"tree\":{\"$anchor\":\"tree\",\"$dynamicAnchor\":\"node\",\"type\":[\"object\",\"null\"],"
    "\"properties\":{\"children\":{\"items\":{\"$dynamicRef\":\"#node\"}}},"
    "\"unevaluatedProperties\":false}},"
    "\"properties\":{\"text\":{\"$ref\":\"#/$defs/text\"},\"tree\":{\"$ref\":\"#tree\"},"
    "\"number\":{\"minimum\":-5,\"maximum\":100.5,\"exclusiveMinimum\":-6,"
    "\"exclusiveMaximum\":101,\"multipleOf\":0.5},"
    "\"colour\":{\"enum\":[\"red\",\"green\",7,{\"a\":[1]}]},\"one\":{\"const\":1.0},"
    "\"list\":{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":[\"integer\",\"array\","
    "\"object\"]},\"contains\":{\"type\":\"integer\"},\"minContains\":1,\"maxContains\":3,"
    "\"minItems\":1,\"maxItems\":6,\"uniqueItems\":true},"
    "\"rest\":{\"contains\":{\"const\":1},\"anyOf\":[{\"prefixItems\":[true]},{\"minItems\":3}],"
    "\"unevaluatedItems\":{\"type\":\"null\"}},"
    "\"date\":{\"format\":\"date\"},\"time\":{\"format\":\"date-time\"},"
    "\"partial\":{\"format\":\"partial-date\"},\"id\":{\"format\":\"uuid\"},"
    "\"link\":{\"format\":\"uri\"},\"path\":{\"format\":\"uri-reference\"},"
    "\"amount\":{\"format\":\"decimal\"},\"language\":{\"format\":\"language-tag\"},"
    "\"email\":{\"format\":\"email\"},\"pointer\":{\"format\":\"json-pointer\"}},"
    "\"patternProperties\":{\"^x_\":{\"not\":{\"type\":\"null\"}}},\"propertyNames\":{"
    "\"maxLength\":20},\"additionalProperties\":false,\"minProperties\":1,\"maxProperties\":12,"
    "\"dependentRequired\":{\"date\":[\"time\"]},\"dependentSchemas\":{\"one\":{\"required\":["
    "\"text\"]}},\"allOf\":[{\"if\":{\"required\":[\"list\"]},\"then\":{\"required\":[\"rest\"]},"
    "\"else\":{\"maxProperties\":9}}],\"oneOf\":[{\"required\":[\"text\"]},{\"required\":["
    "\"number\"]}]}";

static void check_both_ways(const struct schema *schema, const json_t *value)
{
    static struct problem problem;
    struct arena arena;
    bool silent = schema_check(schema, value, "", NULL, NULL);
    bool loud;

    arena_init(&arena, ARENA_BYTES_MAX);
    problem.error_count = 0;
    loud = schema_check(schema, value, "/at", &arena, &problem);
    assert(loud == silent);
    assert(loud == (problem.error_count == 0));
    arena_deinit(&arena);
}

static void compile_and_check(const json_t *root, const json_t *value, bool is_tolerant)
{
    struct schema_set *set = NULL;
    const struct schema *schema = NULL;
    char *what = NULL;
    int r = schema_set_new(root, &set);

    assert(r == 0);
    if (is_tolerant)
        schema_set_tolerate_unknown(set);
    r = schema_compile(set, "", &schema, &what);
    assert((r > 0) == (what != NULL));
    if (r == 0)
        check_both_ways(schema, value);
    free(what);
    schema_set_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_t *every_root; /* kept for the whole run */
    static struct schema_set *every_set;
    static const struct schema *every_keyword;
    const char *bytes = (const char *)data;
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK;
    json_error_t error;
    json_auto_t *value = NULL;
    json_auto_t *root = NULL;

    if (every_keyword == NULL) {
        char *what = NULL;
        int r;

        every_root = json_loads(EVERY_KEYWORD, 0, NULL);
        assert(every_root != NULL);
        r = schema_set_new(every_root, &every_set);
        assert(r == 0);
        r = schema_compile(every_set, "", &every_keyword, &what);
        assert(r == 0);
    }
    value = json_loadb(bytes, size, flags, &error);
    if (value == NULL)
        return 0;
    check_both_ways(every_keyword, value);
    if (error.position > 0 && (size_t)error.position < size)
        root = json_loadb(bytes + error.position, size - (size_t)error.position, flags, NULL);
    if (root == NULL)
        root = json_incref(value);
    compile_and_check(root, value, false);
    compile_and_check(root, value, true);
    return 0;
}
