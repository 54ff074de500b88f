#include "support/comparison.h"

#include "base/text.h"
#include "contract/contract.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define POINTER_BYTES_MAX 4096

/* A comparison on its way down. */
struct place {
    const struct comparison *comparison;
    struct text pointer;
};

static void compare_value(struct place *place, const struct property *property,
                          const json_t *written, const json_t *shown);

static void differ(const struct place *place, const char *what, const json_t *written,
                   const json_t *shown)
{
    char *before = json_dumps(written, JSON_ENCODE_ANY),
         *after = json_dumps(shown, JSON_ENCODE_ANY);

    cr_assert_fail("%s%s %s: %.300s was written, %.300s is shown", place->comparison->where,
                   place->pointer.bytes, what, before == NULL ? "nothing" : before,
                   after == NULL ? "nothing" : after);
}

static void leave(struct place *place, size_t length)
{
    place->pointer.length = length;
    place->pointer.bytes[length] = '\0';
}

/* Nothing more than was written, and nothing less. */
static void compare_members(struct place *place, const struct property *properties, size_t count,
                            const json_t *written, const json_t *shown)
{
    const size_t length = place->pointer.length;
    size_t known = 0;

    for (size_t i = 0; i < count; i++) {
        const json_t *before = json_object_get(written, properties[i].name);
        const json_t *after = json_object_get(shown, properties[i].name);

        text_append_format(&place->pointer, "/%s", properties[i].name);
        compare_value(place, &properties[i], before, after);
        leave(place, length);
        known += after != NULL;
    }
    if (known != json_object_size(shown))
        differ(place, "has members that are in no contract", written, shown);
}

static void compare_array(struct place *place, const struct property *property,
                          const json_t *written, const json_t *shown)
{
    const size_t length = place->pointer.length;
    struct property item = *property;
    size_t i;
    const json_t *before;

    if (json_array_size(written) != json_array_size(shown))
        differ(place, "has another number of items", written, shown);
    item.is_array = false;
    json_array_foreach (written, i, before) {
        text_append_format(&place->pointer, "/%zu", i);
        compare_value(place, &item, before, json_array_get(shown, i));
        leave(place, length);
    }
}

static bool is_same_reference(const struct place *place, const struct property *property,
                              const json_t *written, const json_t *shown)
{
    const struct comparison *comparison = place->comparison;
    const char *slug = json_string_value(written);
    const char *found = json_string_value(json_object_get(shown, "slug"));
    const json_t *title = json_object_get(shown, "title");

    if (slug == NULL || found == NULL || strcmp(slug, found) != 0 || json_object_size(shown) != 3 ||
        json_object_get(shown, "id") == NULL || title == NULL)
        return false;
    return comparison->target == NULL ||
           json_equal(title, json_object_get(comparison->target(property->target, slug),
                                             property->target->label->name)) != 0;
}

static bool is_same(const struct property *property, const json_t *written, const json_t *shown)
{
    if (property->kind == PROPERTY_DECIMAL)
        return json_is_string(shown) &&
               strtod(json_string_value(written), NULL) == strtod(json_string_value(shown), NULL);
    if (json_is_number(written))
        return json_is_number(shown) && json_number_value(written) == json_number_value(shown);
    return json_equal(written, shown) != 0;
}

static bool is_list_of_rows(const struct property *property)
{
    return property->is_array &&
           (property->kind == PROPERTY_OBJECT || property->kind == PROPERTY_RELATION);
}

static void compare_value(struct place *place, const struct property *property,
                          const json_t *written, const json_t *shown)
{
    if (is_list_of_rows(property) && json_array_size(written) == 0)
        written = NULL;
    if (written == NULL && shown == NULL)
        return;
    if (written == NULL || shown == NULL)
        differ(place, written == NULL ? "came from nowhere" : "is lost", written, shown);
    else if (property->is_array)
        compare_array(place, property, written, shown);
    else if (property->kind == PROPERTY_OBJECT)
        compare_members(place, property->members, property->member_count, written, shown);
    else if (property->kind == PROPERTY_RELATION
                 ? !is_same_reference(place, property, written, shown)
                 : !is_same(property, written, shown))
        differ(place, "is another value", written, shown);
}

void compare_property(const struct comparison *comparison, const struct property *property,
                      const json_t *written, const json_t *shown)
{
    struct place place = {.comparison = comparison};

    text_init(&place.pointer, POINTER_BYTES_MAX);
    text_append_format(&place.pointer, "/%s", property->name);
    compare_value(&place, property, written, shown);
    text_deinit(&place.pointer);
}

void compare_names(const struct comparison *comparison, const struct resource *resource,
                   const json_t *shown)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)shown, name, value)
        if (resource_property(resource, name) == NULL)
            cr_assert_fail("%s: %s is in no contract", comparison->where, name);
}
