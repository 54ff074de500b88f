#include "support/operations.h"

#include "base/annotate.h"
#include "base/text.h"
#include "contract/contract.h"
#include "support/lists.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const METHODS[] = {"get", "put", "post", "patch", "delete"};

/* Borrowed; read once in a process. */
static const json_t *document(void)
{
    static json_t *read;
    const char *path = getenv("EXPRESS_CONTRACT_JSON");

    if (read == NULL && path != NULL)
        read = json_load_file(path, 0, NULL);
    cr_assert_not_null(read, "EXPRESS_CONTRACT_JSON names no contract");
    return read;
}

/* The resource whose name is the word at @word, up to a slash or the end. */
static const struct resource *resource_at(const char *word)
{
    char name[OPERATION_KEY_BYTES];

    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "/"), word);
    return contract_resource_find(list_contract(), name);
}

void operations_walk(void (*for_each)(const struct operation *operation, void *data), void *data)
{
    const json_t *paths = json_object_get(document(), "paths");
    const char *template;
    json_t *item;

    json_object_foreach ((json_t *)(uintptr_t)paths, template, item) {
        for (size_t i = 0; i < ARRAY_LENGTH(METHODS); i++) {
            const struct operation operation = {
                .method = METHODS[i],
                .template = template,
                .resource = strncmp(template, "/v1/", 4) == 0 ? resource_at(template + 4) : NULL,
                .item = json_object_get(item, METHODS[i])};

            if (operation.item != NULL)
                for_each(&operation, data);
        }
    }
}

void operation_key(const struct operation *operation, const struct resource *resource,
                   char ret_key[OPERATION_KEY_BYTES])
{
    const char *rest = operation->template;
    struct text key;

    text_init(&key, OPERATION_KEY_BYTES);
    for (const char *at = operation->method; *at != '\0'; at++)
        text_append_char(&key, (char)(*at - 'a' + 'A'));
    text_append_char(&key, ' ');
    if (strncmp(rest, "/v1/", 4) == 0 &&
        (operation->resource != NULL || strncmp(rest + 4, "{resource}", 10) == 0)) {
        text_append_format(&key, "/v1/%s", resource == NULL ? "{resource}" : resource->path);
        rest += 4 + strcspn(rest + 4, "/");
        if (strncmp(rest, "/{id}/", 6) == 0 && resource_at(rest + 6) != NULL)
            rest = "/{id}/{related}";
    }
    text_append(&key, rest);
    cr_assert_not(text_failed(&key));
    (void)snprintf(ret_key, OPERATION_KEY_BYTES, "%s", key.bytes);
    text_deinit(&key);
}

bool operation_takes(const struct operation *operation, const char *parameter)
{
    const json_t *item;
    size_t i;

    json_array_foreach (json_object_get(operation->item, "parameters"), i, item) {
        const char *ref = json_string_value(json_object_get(item, "$ref"));

        if (ref != NULL && strcmp(strrchr(ref, '/') + 1, parameter) == 0)
            return true;
    }
    return false;
}

bool operation_is_public(const struct operation *operation)
{
    const json_t *choice;
    size_t i;

    json_array_foreach (json_object_get(operation->item, "security"), i, choice) {
        if (json_object_size(choice) == 0)
            return true;
    }
    return false;
}
