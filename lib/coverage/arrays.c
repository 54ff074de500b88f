#include "coverage/arrays.h"

#include "base/arena.h"
#include "base/limits.h"
#include "base/text.h"

void array_append(struct text *literal, const char *item)
{
    text_append_char(literal, literal->length == 0 ? '{' : ',');
    if (item == NULL) {
        text_append(literal, "NULL");
        return;
    }
    text_append_char(literal, '"');
    for (const char *at = item; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            text_append_char(literal, '\\');
        text_append_char(literal, *at);
    }
    text_append_char(literal, '"');
}

const char *array_of_texts(struct arena *arena, const char *const *items, size_t count)
{
    struct text literal;
    const char *result;

    text_init(&literal, REPLY_BYTES_MAX);
    if (count == 0)
        text_append_char(&literal, '{');
    for (size_t i = 0; i < count; i++)
        array_append(&literal, items[i]);
    text_append_char(&literal, '}');
    result = text_failed(&literal) ? NULL : arena_copy_bytes(arena, literal.bytes, literal.length);
    text_deinit(&literal);
    return result;
}
