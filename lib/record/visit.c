#include "record/visit.h"

#include "base/fault.h"
#include "base/text.h"
#include "contract/contract.h"

#include <errno.h>

#define POINTER_BYTES_MAX 1024

struct visit {
    record_visitor visit;
    void *data;
    struct text pointer;
};

static int visit_object(struct visit *visit, const struct property *properties, size_t count,
                        json_t *object);

static int visit_value(struct visit *visit, const struct property *property, json_t *value,
                       json_t **ret_replacement)
{
    if (property->kind == PROPERTY_OBJECT)
        return visit_object(visit, property->members, property->member_count, value);
    return visit->visit(visit->data, property, visit->pointer.bytes, value, ret_replacement);
}

static void leave(struct visit *visit, size_t length)
{
    visit->pointer.length = length;
    visit->pointer.bytes[length] = '\0';
}

static int visit_array(struct visit *visit, const struct property *property, json_t *array)
{
    const size_t length = visit->pointer.length;
    json_t *item;
    size_t i;

    json_array_foreach (array, i, item) {
        json_t *replacement = NULL;
        int r;

        text_append_format(&visit->pointer, "/%zu", i);
        r = visit_value(visit, property, item, &replacement);
        leave(visit, length);
        if (r != 0)
            return r;
        if (replacement != NULL && json_array_set_new(array, i, replacement) != 0)
            return fault_raise(-ENOMEM);
    }
    return 0;
}

static int visit_object(struct visit *visit, const struct property *properties, size_t count,
                        json_t *object)
{
    const size_t length = visit->pointer.length;

    for (size_t i = 0; i < count; i++) {
        const struct property *property = &properties[i];
        json_t *value = json_object_get(object, property->name);
        json_t *replacement = NULL;
        int r;

        if (property->is_computed || value == NULL)
            continue;
        text_append_format(&visit->pointer, "/%s", property->name);
        if (property->is_array)
            r = visit_array(visit, property, value);
        else
            r = visit_value(visit, property, value, &replacement);
        leave(visit, length);
        if (r != 0)
            return r;
        if (replacement != NULL && json_object_set_new(object, property->name, replacement) != 0)
            return fault_raise(-ENOMEM);
    }
    return 0;
}

int record_visit(const struct resource *resource, json_t *record, const char *pointer,
                 record_visitor visitor, void *data)
{
    struct visit visit = {.visit = visitor, .data = data};
    int r;

    text_init(&visit.pointer, POINTER_BYTES_MAX);
    text_append(&visit.pointer, pointer);
    r = text_failed(&visit.pointer)
            ? fault_raise(-ENOMEM)
            : visit_object(&visit, resource->properties, resource->property_count, record);
    text_deinit(&visit.pointer);
    return r;
}
