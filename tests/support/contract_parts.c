#include "support/contract_parts.h"

#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PARTS_MAX 4096
#define KEYS 3
#define POINTER_BYTES_MAX 512

struct part {
    char *keys[KEYS];
    char *json;
    bool is_read;
};

static struct part parts[PARTS_MAX];
static size_t part_count;
static json_t *document;

static void must(bool is_so)
{
    if (!is_so)
        abort(); /* no memory, or a file that contract_parts.py did not write */
}

/* Owned; NULL when there is no such file. */
static char *read_whole(const char *path)
{
    FILE *file = fopen(path, "re");
    struct stat status;
    char *bytes = NULL;

    if (file == NULL)
        return NULL;
    if (fstat(fileno(file), &status) == 0 && (bytes = malloc((size_t)status.st_size + 1)) != NULL)
        bytes[fread(bytes, 1, (size_t)status.st_size, file)] = '\0';
    (void)fclose(file); /* only read */
    return bytes;
}

/* Borrowed; made when it is missing. */
static json_t *member(json_t *object, const char *key)
{
    if (json_object_get(object, key) == NULL)
        must(json_object_set_new(object, key, json_object()) == 0);
    return json_object_get(object, key);
}

/* Cuts off what stands before a delimiter, or all that is left; NULL when nothing is. */
static char *cut(char **rest, char delimiter)
{
    char *start = *rest, *end = start == NULL ? NULL : strchr(start, delimiter);

    *rest = end == NULL ? NULL : end + 1;
    if (end != NULL)
        *end = '\0';
    return start;
}

static void split(char *bytes)
{
    char *line, *rest = bytes;

    while ((line = cut(&rest, '\n')) != NULL && *line != '\0') {
        struct part *part = &parts[part_count++];

        must(part_count < PARTS_MAX);
        for (size_t i = 0; i < KEYS; i++)
            part->keys[i] = cut(&line, '\t');
        must(line != NULL);
        part->json = line;
        (void)member(member(document, part->keys[0]), part->keys[1]);
    }
}

bool contract_parts_open(struct text *faults, const json_t **ret_document)
{
    const char *path = getenv("EXPRESS_CONTRACT_PARTS");

    if (document == NULL) {
        /* Kept, with what points into it, until the process ends. */
        static char *bytes;

        bytes = path == NULL ? NULL : read_whole(path);
        if (bytes == NULL) {
            text_append(faults, "EXPRESS_CONTRACT_PARTS names no contract: run the tests with "
                                "tools/test\n");
            return false;
        }
        document = json_object();
        split(bytes);
    }
    *ret_document = document;
    return true;
}

/* The part in which a reference into this document ends: "#/components/schemas/Practice/…". */
static void read_reference(const char *reference)
{
    char pointer[POINTER_BYTES_MAX];
    char *keys[KEYS] = {NULL};
    char *rest = pointer;

    if (strncmp(reference, "#/", 2) != 0)
        return;
    must(snprintf(pointer, sizeof(pointer), "%s", reference + 2) < (int)sizeof(pointer));
    must(strchr(pointer, '~') == NULL); /* no name of a component has what must be escaped */
    for (size_t i = 0; i < KEYS; i++)
        keys[i] = cut(&rest, '/');
    must(keys[KEYS - 1] != NULL);
    contract_parts_read(keys[0], keys[1], keys[2]);
}

static void read_references(const json_t *value)
{
    const char *key;
    const json_t *inner;
    size_t i;

    if (json_is_object(value)) {
        json_object_foreach ((json_t *)(uintptr_t)value, key, inner) {
            if (strcmp(key, "$ref") == 0 && json_is_string(inner))
                read_reference(json_string_value(inner));
            else
                read_references(inner);
        }
    } else {
        json_array_foreach (value, i, inner)
            read_references(inner);
    }
}

void contract_parts_read(const char *top, const char *group, const char *name)
{
    for (size_t i = 0; i < part_count; i++) {
        struct part *part = &parts[i];
        json_t *value;

        if (part->is_read || strcmp(part->keys[2], name) != 0 ||
            strcmp(part->keys[1], group) != 0 || strcmp(part->keys[0], top) != 0)
            continue;
        part->is_read = true;
        value = json_loads(part->json, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        must(value != NULL);
        must(json_object_set_new(member(member(document, top), group), name, value) == 0);
        read_references(value);
        return;
    }
}
