#include "record/content.h"

#include "base/arena.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/problem.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "contract/schema.h"
#include "record/content_internal.h"
#include "record/visit.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POINTER_BYTES_MAX 1024
#define NUMBER_MAX 1e15 /* beyond it a number of 15 digits is no longer exact */
#define DEFAULT_LANGUAGE "en"

struct checker {
    struct arena *arena;
    struct problem *problem;
    const struct resource *resource;
};

/* --- checking ----------------------------------------------------------------------------------
 */

void content_check_read_only(const struct resource *resource, const json_t *data,
                             const char *pointer, struct arena *arena, struct problem *problem)
{
    for (size_t i = 0; i < resource->property_count; i++) {
        const struct property *property = &resource->properties[i];
        char where[POINTER_BYTES_MAX];

        if ((!property->read_only && !property->is_computed) ||
            json_object_get(data, property->name) == NULL)
            continue;
        (void)snprintf(where, sizeof(where), "%s/%s", pointer, property->name);
        problem_add(problem, arena, where, NULL, "read-only", "the server sets %s: leave it out",
                    property->name);
    }
}

static int take_out_read_only(const struct resource *resource, json_t *data)
{
    for (size_t i = 0; i < resource->property_count; i++) {
        const struct property *property = &resource->properties[i];

        if ((property->read_only || property->is_computed) &&
            json_object_get(data, property->name) != NULL &&
            json_object_del(data, property->name) != 0)
            return fault_raise(-EINVAL);
    }
    return 0;
}

static void check_text(const struct checker *checker, const struct property *property,
                       const char *pointer, const json_t *value)
{
    uint32_t found;

    if (content_has_forbidden(json_string_value(value), property == checker->resource->label,
                              &found))
        problem_add(checker->problem, checker->arena, pointer, NULL, "forbidden-character",
                    "U+%04X is in it: control characters, marks that turn the direction of writing "
                    "and what is no character are in no text",
                    (unsigned)found);
}

/* Has the schema told something about this value? */
static bool is_told(const struct checker *checker, const char *pointer)
{
    const struct problem *problem = checker->problem;

    for (size_t i = 0; i < problem->error_count && i < FAULTS_MAX; i++)
        if (problem->errors[i].pointer != NULL && strcmp(problem->errors[i].pointer, pointer) == 0)
            return true;
    return false;
}

/* What the schema lets pass and no column or no calendar takes. */
static int check_value(void *data, const struct property *property, const char *pointer,
                       json_t *value, json_t **ret_replacement)
{
    const struct checker *checker = data;
    char time[CONTENT_TIME_BYTES];

    (void)ret_replacement;
    if (is_told(checker, pointer))
        return 0;
    if (property->kind == PROPERTY_TEXT && json_is_string(value))
        check_text(checker, property, pointer, value);
    else if (property->kind == PROPERTY_INTEGER && json_is_real(value))
        problem_add(checker->problem, checker->arena, pointer, NULL, "wrong-type",
                    "a whole number is written without point and exponent");
    else if (property->kind == PROPERTY_INTEGER && json_is_integer(value) &&
             (json_integer_value(value) > INT32_MAX || json_integer_value(value) < -INT32_MAX))
        problem_add(checker->problem, checker->arena, pointer, NULL,
                    json_integer_value(value) > 0 ? "too-large" : "too-small",
                    "whole numbers are between -%d and %d", INT32_MAX, INT32_MAX);
    else if ((property->kind == PROPERTY_NUMBER || property->kind == PROPERTY_DOUBLE) &&
             json_is_number(value) && fabs(json_number_value(value)) > NUMBER_MAX)
        problem_add(checker->problem, checker->arena, pointer, NULL,
                    json_number_value(value) > 0 ? "too-large" : "too-small",
                    "numbers are kept with 15 digits");
    else if (property->kind == PROPERTY_TIME && json_is_string(value) &&
             content_time_in_utc(json_string_value(value), time) == CONTENT_TIME_BEYOND)
        problem_add(checker->problem, checker->arena, pointer, NULL, "format",
                    "it is beyond the years 1 to 9999 in UTC");
    return 0;
}

/* An id leads to a record before a slug does, and so does what the address of a list goes on with.
 */
static void check_slug(const struct checker *checker, const json_t *data, const char *prefix)
{
    const char *slug = json_string_value(json_object_get(data, "slug"));
    char pointer[POINTER_BYTES_MAX];

    if (slug == NULL || (!uuid_is_valid(slug) && strcmp(slug, RESERVED_SLUG) != 0))
        return;
    (void)snprintf(pointer, sizeof(pointer), "%s/slug", prefix);
    problem_add(checker->problem, checker->arena, pointer, NULL, "format",
                "this slug would lead nowhere: as an id and '" RESERVED_SLUG
                "' it means something else");
}

static bool is_same_text(const json_t *left, const json_t *right)
{
    static const char *const NAMES[] = {"language", "property"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        if (json_equal(json_object_get(left, NAMES[i]), json_object_get(right, NAMES[i])) == 0)
            return false;
    return true;
}

/* Of one text there is one translation into a language. */
static void check_repeated(const struct checker *checker, const json_t *translations, size_t at,
                           const char *prefix)
{
    char pointer[POINTER_BYTES_MAX];

    for (size_t i = 0; i < at; i++) {
        if (!is_same_text(json_array_get(translations, i), json_array_get(translations, at)))
            continue;
        (void)snprintf(pointer, sizeof(pointer), "%s/translations/%zu", prefix, at);
        problem_add(checker->problem, checker->arena, pointer, NULL, "duplicate-items",
                    "this property has a translation into this language already");
        return;
    }
}

static void check_translations(const struct checker *checker, const json_t *data,
                               const char *prefix)
{
    const json_t *translations = json_object_get(data, "translations");
    const json_t *translation;
    size_t i;

    json_array_foreach (translations, i, translation) {
        const char *name = json_string_value(json_object_get(translation, "property"));
        const struct property *property =
            name == NULL ? NULL : resource_leaf(checker->resource, name);
        char pointer[POINTER_BYTES_MAX];

        if (name != NULL)
            check_repeated(checker, translations, i, prefix);
        if (name == NULL || (property != NULL && property->translatable))
            continue;
        (void)snprintf(pointer, sizeof(pointer), "%s/translations/%zu/property", prefix, i);
        problem_add(checker->problem, checker->arena, pointer, NULL, "not-translatable",
                    "'%s' is not a property of %s that can be translated", name,
                    checker->resource->path);
    }
}

int content_check(const struct resource *resource, json_t *data, const char *pointer,
                  struct arena *arena, struct problem *problem)
{
    struct checker checker = {.arena = arena, .problem = problem, .resource = resource};
    int r;

    content_check_read_only(resource, data, pointer, arena, problem);
    r = take_out_read_only(resource, data);
    if (r != 0)
        return r;
    (void)schema_check(resource->write_schema, data, pointer, arena, problem);
    check_slug(&checker, data, pointer);
    check_translations(&checker, data, pointer);
    content_check_rules(resource, data, pointer, arena, problem);
    return record_visit(resource, data, pointer, check_value, &checker);
}

/* --- completing --------------------------------------------------------------------------------
 */

static int plain_value(void *data, const struct property *property, const char *pointer,
                       json_t *value, json_t **ret_replacement)
{
    char time[CONTENT_TIME_BYTES];

    (void)data;
    (void)pointer;
    if (property->kind == PROPERTY_TIME && json_is_string(value) &&
        content_time_in_utc(json_string_value(value), time) == 0)
        *ret_replacement = json_string(time);
    else if (json_is_real(value) && json_real_value(value) == 0.0)
        *ret_replacement = json_real(0.0); /* there is a zero below zero */
    else
        return 0;
    return *ret_replacement == NULL ? fault_raise(-ENOMEM) : 0;
}

static bool is_list_of_rows(const struct property *property)
{
    return property->is_array &&
           (property->kind == PROPERTY_OBJECT || property->kind == PROPERTY_RELATION);
}

/* An object or a list of rows without anything in it is what is absent. */
static int drop_empty(const struct property *properties, size_t count, json_t *object)
{
    for (size_t i = 0; i < count; i++) {
        const struct property *property = &properties[i];
        json_t *value = json_object_get(object, property->name);
        bool is_empty;
        int r = 0;

        if (value == NULL)
            continue;
        if (property->kind == PROPERTY_OBJECT && property->is_array) {
            size_t at;
            json_t *item;

            json_array_foreach (value, at, item) {
                r = drop_empty(property->members, property->member_count, item);
                if (r != 0)
                    return r;
            }
        } else if (property->kind == PROPERTY_OBJECT) {
            r = drop_empty(property->members, property->member_count, value);
        }
        is_empty = is_list_of_rows(property)
                       ? json_array_size(value) == 0
                       : property->kind == PROPERTY_OBJECT && json_object_size(value) == 0;
        if (r == 0 && is_empty && json_object_del(object, property->name) != 0)
            r = fault_raise(-EINVAL);
        if (r != 0)
            return r;
    }
    return 0;
}

int content_complete(const struct resource *resource, json_t *data)
{
    int r;

    if (json_object_get(data, "language") == NULL &&
        json_object_set_new(data, "language", json_string(DEFAULT_LANGUAGE)) != 0)
        return fault_raise(-ENOMEM);
    r = record_visit(resource, data, "", plain_value, NULL);
    if (r != 0)
        return r;
    return drop_empty(resource->properties, resource->property_count, data);
}

/* --- comparing ---------------------------------------------------------------------------------
 */

char *content_dump(const json_t *data)
{
    return json_dumps(data, CONTENT_DUMP_FLAGS);
}

const char *content_digest(struct arena *arena, const char *dump)
{
    struct digest digest;
    char text[DIGEST_TEXT_BYTES];

    digest_init(&digest);
    digest_text(&digest, dump);
    return arena_copy(arena, digest_finish(&digest, text));
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int values_differ(const json_t *before, const json_t *after, bool *ret_differ)
{
    char *old_dump;
    char *new_dump;

    *ret_differ = before == NULL || after == NULL;
    if (*ret_differ)
        return 0;
    old_dump = content_dump(before);
    new_dump = content_dump(after);
    if (old_dump != NULL && new_dump != NULL)
        *ret_differ = strcmp(old_dump, new_dump) != 0;
    free(old_dump);
    free(new_dump);
    return old_dump == NULL || new_dump == NULL ? fault_raise(-ENOMEM) : 0;
}

int content_changed(const json_t *before, const json_t *after, struct arena *arena,
                    const char *const **ret_names, size_t *ret_count)
{
    const json_t *const sides[] = {before, after};
    const char **names = arena_alloc_array(
        arena, json_object_size(before) + json_object_size(after) + 1, sizeof(*names));
    size_t count = 0;

    if (names == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < ARRAY_LENGTH(sides); i++) {
        void *at = json_object_iter((json_t *)(uintptr_t)sides[i]);

        for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)sides[i], at)) {
            const char *name = json_object_iter_key(at);
            bool differs;
            int r;

            /* What both have was compared on the first side. */
            if (i == 1 && json_object_get(before, name) != NULL)
                continue;
            r = values_differ(json_object_get(before, name), json_object_get(after, name),
                              &differs);
            if (r != 0)
                return r;
            if (differs)
                names[count++] = arena_copy(arena, name);
        }
    }
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    qsort(names, count, sizeof(*names), compare_names);
    *ret_names = names;
    *ret_count = count;
    return 0;
}

/* --- merge patch -------------------------------------------------------------------------------
 */

/* Recursion is bounded: a body is read with at most JSON_DEPTH_MAX levels. */
static json_t *patched(const json_t *target, const json_t *patch, unsigned depth)
{
    json_t *result;
    const char *name;
    json_t *value;

    if (!json_is_object(patch))
        return json_deep_copy(patch);
    if (depth > JSON_DEPTH_MAX)
        return NULL;
    result = json_is_object(target) ? json_copy((json_t *)(uintptr_t)target) : json_object();
    json_object_foreach ((json_t *)(uintptr_t)patch, name, value) {
        int r = 0;

        if (json_is_null(value))
            (void)json_object_del(result, name); /* also when it is not there */
        else
            r = json_object_set_new(result, name,
                                    patched(json_object_get(result, name), value, depth + 1));
        if (r != 0) {
            json_decref(result);
            return NULL;
        }
    }
    return result;
}

json_t *content_patched(const json_t *target, const json_t *patch)
{
    /* Shared parts are not written to: what is changed is replaced on the way down. */
    json_t *result = patched(target, patch, 0);
    json_t *whole = json_deep_copy(result);

    json_decref(result);
    return whole;
}
