#include "base/text.h"
#include "record/slice.h"

#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(struct slice slice, const json_t *value);

static void compare_object(struct slice slice, const json_t *object)
{
    void *iterator = json_object_iter((json_t *)(uintptr_t)object);
    struct slice_member member;
    const char *at = slice.bytes;

    while (slice_next_member(&at, &member)) {
        struct text name;

        assert(iterator != NULL);
        text_init(&name, 16 * 1024 * 1024);
        slice_append_decoded((struct slice){member.name.bytes - 1, member.name.length + 2}, &name);
        assert(strcmp(name.bytes, json_object_iter_key(iterator)) == 0);
        text_deinit(&name);
        compare(member.value, json_object_iter_value(iterator));
        iterator = json_object_iter_next((json_t *)(uintptr_t)object, iterator);
    }
    assert(iterator == NULL);
}

static void compare_array(struct slice slice, const json_t *array)
{
    struct slice item;
    const char *at = slice.bytes;
    size_t count = 0;

    for (; slice_next_item(&at, &item); count++)
        compare(item, json_array_get(array, count));
    assert(count == json_array_size(array));
}

/* Recursion is bounded by the size of the input, which libFuzzer keeps small. */
static void compare(struct slice slice, const json_t *value)
{
    struct text text;
    char *dumped;

    if (json_is_object(value)) {
        compare_object(slice, value);
    } else if (json_is_array(value)) {
        compare_array(slice, value);
    } else if (json_is_string(value)) {
        text_init(&text, 16 * 1024 * 1024);
        slice_append_decoded(slice, &text);
        assert(text.length == json_string_length(value) &&
               memcmp(text.bytes, json_string_value(value), text.length) == 0);
        text_deinit(&text);
    } else {
        dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        assert(dumped != NULL && slice_equals(slice, dumped));
        free(dumped);
    }
}

/*
 * Slices are only ever taken of JSON that is valid and compact: whatever jansson reads is
 * written so, with and without escapes, and must then be read alike by both.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t FLAGS[] = {JSON_COMPACT, JSON_COMPACT | JSON_ENSURE_ASCII,
                                   JSON_COMPACT | JSON_ESCAPE_SLASH};
    json_auto_t *value =
        json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);

    for (size_t i = 0; value != NULL && i < sizeof(FLAGS) / sizeof(FLAGS[0]); i++) {
        char *dumped = json_dumps(value, FLAGS[i] | JSON_ENCODE_ANY);

        if (dumped == NULL)
            continue; /* deeper than jansson writes */
        compare((struct slice){dumped, strlen(dumped)}, value);
        free(dumped);
    }
    return 0;
}
