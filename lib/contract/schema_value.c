#include "contract/schema_internal.h"

#include <float.h>
#include <math.h>
#include <string.h>

/*
 * Own equality instead of json_equal(): to JSON Schema 1 and 1.0 are the same
 * number, to jansson they are of two types. The functions that recurse are
 * called for values that schema_value_within_depth() has let pass, and for
 * values of the document itself, whose depth compiling has checked.
 */

#define INT64_LIMIT 9223372036854775808.0 /* 2^63: exact as a double, unlike INT64_MAX */

json_t *schema_value_mutable(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

bool schema_value_is_integer(const json_t *value)
{
    double real;

    if (json_is_integer(value))
        return true;
    if (!json_is_real(value))
        return false;
    real = json_real_value(value);
    return isfinite(real) && trunc(real) == real;
}

unsigned schema_value_types(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return SCHEMA_TYPE_NULL;
    case JSON_TRUE:
    case JSON_FALSE:
        return SCHEMA_TYPE_BOOLEAN;
    case JSON_INTEGER:
    case JSON_REAL:
        if (schema_value_is_integer(value))
            return SCHEMA_TYPE_NUMBER | SCHEMA_TYPE_INTEGER;
        return SCHEMA_TYPE_NUMBER;
    case JSON_STRING:
        return SCHEMA_TYPE_STRING;
    case JSON_ARRAY:
        return SCHEMA_TYPE_ARRAY;
    case JSON_OBJECT:
        return SCHEMA_TYPE_OBJECT;
    }
    return 0;
}

bool schema_value_within_depth(const json_t *value, unsigned depth_max)
{
    const char *key;
    json_t *item;
    size_t i;

    if (!json_is_array(value) && !json_is_object(value))
        return true;
    if (depth_max == 0)
        return false;
    json_array_foreach (value, i, item) {
        if (!schema_value_within_depth(item, depth_max - 1))
            return false;
    }
    json_object_foreach (schema_value_mutable(value), key, item) {
        if (!schema_value_within_depth(item, depth_max - 1))
            return false;
    }
    return true;
}

static int compare_integers(json_int_t left, json_int_t right)
{
    return (left > right) - (left < right);
}

static int compare_reals(double left, double right)
{
    return (left > right) - (left < right);
}

/* A double cannot hold every 64-bit integer, so compare whole parts as integers. */
static int compare_mixed(json_int_t left, double right)
{
    json_int_t whole;
    int result;

    if (right >= INT64_LIMIT)
        return -1;
    if (right < -INT64_LIMIT)
        return 1;
    whole = (json_int_t)right;
    result = compare_integers(left, whole);
    if (result != 0)
        return result;
    return compare_reals(0.0, right - (double)whole);
}

int schema_value_compare(const json_t *left, const json_t *right)
{
    if (json_is_integer(left) && json_is_integer(right))
        return compare_integers(json_integer_value(left), json_integer_value(right));
    if (json_is_integer(left))
        return compare_mixed(json_integer_value(left), json_real_value(right));
    if (json_is_integer(right))
        return -compare_mixed(json_integer_value(right), json_real_value(left));
    return compare_reals(json_real_value(left), json_real_value(right));
}

static bool equal_arrays(const json_t *left, const json_t *right)
{
    json_t *item;
    size_t i;

    if (json_array_size(left) != json_array_size(right))
        return false;
    json_array_foreach (left, i, item) {
        if (!schema_value_equal(item, json_array_get(right, i)))
            return false;
    }
    return true;
}

static bool equal_objects(const json_t *left, const json_t *right)
{
    const char *key;
    json_t *item;

    if (json_object_size(left) != json_object_size(right))
        return false;
    json_object_foreach (schema_value_mutable(left), key, item) {
        const json_t *other = json_object_get(right, key);

        if (other == NULL || !schema_value_equal(item, other))
            return false;
    }
    return true;
}

bool schema_value_equal(const json_t *left, const json_t *right)
{
    if (json_is_number(left) && json_is_number(right))
        return schema_value_compare(left, right) == 0;
    if (json_typeof(left) != json_typeof(right))
        return false;
    switch (json_typeof(left)) {
    case JSON_STRING:
        return json_string_length(left) == json_string_length(right) &&
               memcmp(json_string_value(left), json_string_value(right),
                      json_string_length(left)) == 0;
    case JSON_ARRAY:
        return equal_arrays(left, right);
    case JSON_OBJECT:
        return equal_objects(left, right);
    case JSON_NULL:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_INTEGER:
    case JSON_REAL:
        break;
    }
    return true;
}

/* FNV-1a, 64 bits. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size_bytes)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < size_bytes; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return hash;
}

uint64_t schema_value_hash(const json_t *value)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    unsigned char type = (unsigned char)json_typeof(value);
    uint64_t part;
    uint64_t sum = 0;
    double real;
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_number(value)) {
        /* Integers that share a double share a hash; adding 0.0 makes -0.0 the same as 0.0. */
        real = json_number_value(value) + 0.0;
        return hash_bytes(hash, &real, sizeof(real));
    }
    hash = hash_bytes(hash, &type, sizeof(type));
    if (json_is_string(value))
        return hash_bytes(hash, json_string_value(value), json_string_length(value));
    json_array_foreach (value, i, item) {
        part = schema_value_hash(item);
        hash = hash_bytes(hash, &part, sizeof(part));
    }
    /* Members have no order, so their hashes are added up. */
    json_object_foreach (schema_value_mutable(value), key, item) {
        part = schema_value_hash(item);
        sum += hash_bytes(part, key, strlen(key));
    }
    return hash_bytes(hash, &sum, sizeof(sum));
}

bool schema_value_is_multiple(const json_t *value, const json_t *divisor)
{
    double quotient;

    if (json_is_integer(value) && json_is_integer(divisor))
        return json_integer_value(value) % json_integer_value(divisor) == 0;
    quotient = json_number_value(value) / json_number_value(divisor);
    if (!isfinite(quotient))
        return fmod(json_number_value(value), json_number_value(divisor)) == 0.0;
    /* 0.0075 is a multiple of 0.0001, though neither is exact in binary: allow both roundings. */
    return fabs(quotient - nearbyint(quotient)) <= 4 * DBL_EPSILON * fabs(quotient);
}

size_t schema_value_characters(const json_t *string)
{
    const char *text = json_string_value(string);
    size_t size_bytes = json_string_length(string);
    size_t count = 0;

    for (size_t i = 0; i < size_bytes; i++)
        count += ((unsigned char)text[i] & 0xc0u) != 0x80u;
    return count;
}
