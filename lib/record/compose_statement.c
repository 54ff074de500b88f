#include "record/compose_internal.h"

#include "base/arena.h"

#define STATEMENT_BYTES_MAX (256 * 1024)

void statement_init(struct statement *statement, struct arena *arena)
{
    *statement = (struct statement){.arena = arena, .plan = DB_PLAN_GENERIC};
    text_init(&statement->sql, STATEMENT_BYTES_MAX);
}

bool statement_failed(const struct statement *statement)
{
    return text_failed(&statement->sql) || arena_failed(statement->arena) ||
           statement->count > PARAMETERS_MAX;
}

int statement_add_value(struct statement *statement, const char *value)
{
    if (statement->count < PARAMETERS_MAX)
        statement->values[statement->count] = value;
    return ++statement->count;
}

const char *statement_array(struct statement *statement, const char *const *items, size_t count)
{
    struct text list;
    const char *result;

    text_init(&list, STATEMENT_BYTES_MAX);
    text_append_char(&list, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_append_char(&list, ',');
        text_append_char(&list, '"');
        for (const char *at = items[i]; *at != '\0'; at++) {
            if (*at == '"' || *at == '\\')
                text_append_char(&list, '\\');
            text_append_char(&list, *at);
        }
        text_append_char(&list, '"');
    }
    text_append_char(&list, '}');
    result = arena_copy_bytes(statement->arena, list.bytes, list.length);
    text_deinit(&list);
    return result;
}
