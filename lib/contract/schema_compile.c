#include "contract/schema.h"
#include "contract/schema_internal.h"

#include "base/fault.h"
#include "base/num.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Compiling is two cursors over one list, not recursion: the first reads the
 * keywords of each schema and appends the schemas within it, the second, when
 * the first has nothing left, follows the references, which may append more.
 * So a reference always finds every $id and $anchor that there is, and circles
 * need no care. A schema is known by the address of its JSON value: each is
 * compiled once, however often it is referred to.
 *
 * A failed schema_compile() takes back what it made: everything bears the
 * number of the call (its generation), and what bears the failed one is dropped.
 */

#define WHAT_BYTES_MAX 2048 /* of the text that says why a schema is refused */

/* --- Refusals ---------------------------------------------------------------- */

int schema_refuse(struct schema_compiler *compiler, int outcome, const char *format, ...)
{
    char sentence[1024];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(sentence, sizeof(sentence), format, arguments) < 0)
        sentence[0] = '\0';
    va_end(arguments);
    text_clear(&compiler->what);
    text_append_format(&compiler->what, "#%.512s",
                       compiler->schema != NULL ? compiler->schema->pointer : "");
    if (compiler->keyword != NULL)
        text_append_format(&compiler->what, "/%.100s", compiler->keyword);
    text_append_format(&compiler->what, ": %s", sentence);
    return outcome;
}

/* --- Schemas by the address of their source --------------------------------- */

static size_t table_slot(struct schema *const *table, size_t table_size, const json_t *source)
{
    uint64_t mixed = (uint64_t)(uintptr_t)source * UINT64_C(11400714819323198485);
    size_t slot = (size_t)(mixed >> 32) & (table_size - 1);

    while (table[slot] != NULL && table[slot]->source != source)
        slot = (slot + 1) & (table_size - 1);
    return slot;
}

/* A new table with what is in the list. */
static int table_build(struct schema_set *set, size_t table_size)
{
    struct schema **table = calloc(table_size, sizeof(*table));
    size_t count = 0;

    if (table == NULL)
        return fault_raise(-ENOMEM);
    for (struct schema *schema = set->first.next; schema != NULL; schema = schema->next) {
        if (!json_is_object(schema->source))
            continue;
        table[table_slot(table, table_size, schema->source)] = schema;
        count++;
    }
    free(set->table);
    set->table = table;
    set->table_size = table_size;
    set->table_count = count;
    return 0;
}

static struct schema *table_find(const struct schema_set *set, const json_t *source)
{
    return set->table[table_slot(set->table, set->table_size, source)];
}

/* --- JSON Pointers and addresses -------------------------------------------- */

static const char *pointer_child(struct arena *arena, const char *pointer, const char *keyword,
                                 const char *key)
{
    CLEANUP(text_deinit) struct text text = {0};

    if (key == NULL)
        return arena_format(arena, "%s/%s", pointer, keyword);
    text_init(&text, strlen(key) * 2 + 1);
    for (; *key != '\0'; key++) {
        if (*key == '~')
            text_append(&text, "~0");
        else if (*key == '/')
            text_append(&text, "~1");
        else
            text_append_char(&text, *key);
    }
    if (text_failed(&text))
        return NULL;
    return arena_format(arena, "%s/%s/%s", pointer, keyword, text.bytes);
}

/* ~1 and ~0 decoded in place. False when a "~" stands alone. */
static bool unescape_token(char *token)
{
    char *to = token;

    for (const char *from = token; *from != '\0'; from++) {
        if (*from != '~') {
            *to++ = *from;
            continue;
        }
        from++;
        if (*from != '0' && *from != '1')
            return false;
        *to++ = *from == '0' ? '~' : '/';
    }
    *to = '\0';
    return true;
}

static int hexadecimal(char character)
{
    static const char DIGITS[] = "0123456789abcdef";
    const char *found;

    if (character == '\0')
        return -1;
    if (character >= 'A' && character <= 'F')
        character = (char)(character | 0x20);
    found = strchr(DIGITS, character);
    return found == NULL ? -1 : (int)(found - DIGITS);
}

/* %xx decoded in place. False when malformed or an encoded NUL. */
static bool decode_percent(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        if (hexadecimal(from[1]) < 0 || hexadecimal(from[2]) < 0)
            return false;
        *to = (char)(hexadecimal(from[1]) * 16 + hexadecimal(from[2]));
        if (*to++ == '\0')
            return false;
        from += 2;
    }
    *to = '\0';
    return true;
}

static struct schema_resource *resource_of_root(const struct schema_set *set, const json_t *root)
{
    struct schema_resource *resource = set->resources;

    while (resource != NULL && resource->root != root)
        resource = resource->next;
    return resource;
}

static struct schema_resource *resource_of_uri(const struct schema_set *set, const char *uri)
{
    struct schema_resource *resource = set->resources;

    while (resource != NULL && strcmp(resource->uri, uri) != 0)
        resource = resource->next;
    return resource;
}

/*
 * The value at @pointer below *@resource, which becomes the innermost resource
 * on the way. NULL when nothing is there, or when the arena is full.
 */
static const json_t *follow_pointer(struct schema_set *set, const char *pointer,
                                    struct schema_resource **resource)
{
    const json_t *value = (*resource)->root;

    while (value != NULL && *pointer == '/') {
        size_t length = strcspn(pointer + 1, "/");
        char *token = arena_copy_bytes(&set->arena, pointer + 1, length);
        struct schema_resource *inner;
        uint32_t i;

        if (token == NULL || !unescape_token(token))
            return NULL;
        if (json_is_object(value))
            value = json_object_get(value, token);
        else if (json_is_array(value) && (token[0] != '0' || token[1] == '\0') &&
                 num_parse_u32(token, 0, UINT32_MAX, &i))
            value = json_array_get(value, i);
        else
            value = NULL;
        inner = resource_of_root(set, value);
        if (value != NULL && inner != NULL)
            *resource = inner;
        pointer += 1 + length;
    }
    return *pointer == '\0' ? value : NULL;
}

/* --- New schemas ------------------------------------------------------------- */

/* The resource that a schema with an $id begins. */
static int begin_resource(struct schema_compiler *compiler, const json_t *source,
                          const char *pointer, const char *id, struct schema_resource **resource)
{
    struct schema_set *set = compiler->set;
    struct schema_resource *inner = resource_of_root(set, source);
    struct schema_resource *other;
    const char *resolved = schema_uri_resolve(&set->arena, (*resource)->uri, id);
    char *uri;
    size_t length;

    if (resolved == NULL)
        return arena_failed(&set->arena)
                   ? fault_raise(-ENOMEM)
                   : schema_refuse(compiler, SCHEMA_INVALID, "the $id \"%.100s\" is too long", id);
    length = strcspn(resolved, "#");
    if (resolved[length] == '#' && resolved[length + 1] != '\0')
        return schema_refuse(compiler, SCHEMA_INVALID, "the $id \"%.100s\" has a fragment", id);
    uri = arena_copy_bytes(&set->arena, resolved, length);
    if (uri == NULL)
        return fault_raise(-ENOMEM);
    other = resource_of_uri(set, uri);
    if (other != NULL && other->root != source)
        return schema_refuse(compiler, SCHEMA_INVALID, "two schemas have the $id \"%.100s\"", uri);
    if (inner == NULL) {
        inner = arena_alloc(&set->arena, sizeof(*inner));
        if (inner == NULL)
            return fault_raise(-ENOMEM);
        *inner = (struct schema_resource){
            .pointer = pointer,
            .root = source,
            .generation = set->generation,
            .next = set->resources,
        };
        set->resources = inner;
    }
    inner->uri = uri;
    *resource = inner;
    return 0;
}

/* The schema of @source: the one there is, or a new one at the end of the list. */
static int enlist(struct schema_compiler *compiler, const json_t *source, const char *pointer,
                  struct schema_resource *resource, struct schema **ret_schema)
{
    struct schema_set *set = compiler->set;
    struct schema *schema;
    const json_t *id;
    int r;

    if (pointer == NULL)
        return fault_raise(-ENOMEM);
    if (!json_is_object(source) && !json_is_boolean(source))
        return schema_refuse(compiler, SCHEMA_INVALID,
                             "a schema is an object or a boolean, see #%.300s", pointer);
    if (json_is_object(source)) {
        schema = table_find(set, source);
        if (schema != NULL) {
            *ret_schema = schema;
            return 0;
        }
        id = json_object_get(source, "$id");
        if (json_is_string(id)) {
            r = begin_resource(compiler, source, pointer, json_string_value(id), &resource);
            if (r != 0)
                return r;
        }
    }
    schema = arena_alloc(&set->arena, sizeof(*schema));
    if (schema == NULL)
        return fault_raise(-ENOMEM);
    *schema = (struct schema){
        .source = source,
        .pointer = pointer,
        .resource = resource,
        .never = json_is_false(source),
        .generation = set->generation,
    };
    set->last->next = schema;
    set->last = schema;
    *ret_schema = schema;
    if (!json_is_object(source))
        return 0;
    if ((set->table_count + 1) * 2 > set->table_size)
        return table_build(set, set->table_size * 2);
    set->table[table_slot(set->table, set->table_size, source)] = schema;
    set->table_count++;
    return 0;
}

int schema_enlist_child(struct schema_compiler *compiler, const json_t *source, const char *key,
                        struct schema **ret_schema)
{
    const struct schema *schema = compiler->schema;

    return enlist(compiler, source,
                  pointer_child(&compiler->set->arena, schema->pointer, compiler->keyword, key),
                  schema->resource, ret_schema);
}

/* --- References --------------------------------------------------------------- */

static struct schema_anchor *find_anchor(const struct schema_resource *resource, const char *name)
{
    struct schema_anchor *anchor = resource->anchors;

    while (anchor != NULL && strcmp(anchor->name, name) != 0)
        anchor = anchor->next;
    return anchor;
}

/* @ret_anchor: NULL when @reference does not end in the name of an anchor. */
static int follow_reference(struct schema_compiler *compiler, const char *reference,
                            struct schema **ret_schema, const struct schema_anchor **ret_anchor)
{
    struct schema_set *set = compiler->set;
    const char *resolved =
        schema_uri_resolve(&set->arena, compiler->schema->resource->uri, reference);
    struct schema_resource *resource;
    const json_t *source;
    const char *pointer;
    char *uri;
    char *fragment;
    size_t length;

    if (resolved == NULL)
        return arena_failed(&set->arena)
                   ? fault_raise(-ENOMEM)
                   : schema_refuse(compiler, SCHEMA_INVALID, "\"%.100s\" is too long", reference);
    length = strcspn(resolved, "#");
    uri = arena_copy_bytes(&set->arena, resolved, length);
    fragment = arena_copy(&set->arena, resolved[length] == '#' ? resolved + length + 1 : "");
    if (uri == NULL || fragment == NULL)
        return fault_raise(-ENOMEM);
    *ret_anchor = NULL;
    resource = resource_of_uri(set, uri);
    if (resource == NULL || !decode_percent(fragment))
        return schema_refuse(compiler, SCHEMA_INVALID,
                             "\"%.200s\" leads to nothing in this document", reference);
    if (fragment[0] != '\0' && fragment[0] != '/') {
        *ret_anchor = find_anchor(resource, fragment);
        if (*ret_anchor == NULL)
            return schema_refuse(compiler, SCHEMA_INVALID, "\"%.200s\" leads to no anchor",
                                 reference);
        *ret_schema = (*ret_anchor)->schema;
        return 0;
    }
    pointer = arena_format(&set->arena, "%s%s", resource->pointer, fragment);
    source = follow_pointer(set, fragment, &resource);
    if (arena_failed(&set->arena))
        return fault_raise(-ENOMEM);
    if (source == NULL)
        return schema_refuse(compiler, SCHEMA_INVALID,
                             "\"%.200s\" leads to nothing in this document", reference);
    return enlist(compiler, source, pointer, resource, ret_schema);
}

static int compile_references(struct schema_compiler *compiler, struct schema *schema)
{
    const json_t *reference = json_object_get(schema->source, "$ref");
    const json_t *dynamic_reference = json_object_get(schema->source, "$dynamicRef");
    const struct schema_anchor *anchor;
    struct schema_logic *logic = schema->logic;
    int r;

    if (reference == NULL && dynamic_reference == NULL)
        return 0;
    assert(logic != NULL); /* the keyword was read, which made the part */
    compiler->schema = schema;
    if (reference != NULL) {
        compiler->keyword = "$ref";
        r = follow_reference(compiler, json_string_value(reference), &logic->reference, &anchor);
        if (r != 0)
            return r;
    }
    if (dynamic_reference != NULL) {
        compiler->keyword = "$dynamicRef";
        r = follow_reference(compiler, json_string_value(dynamic_reference),
                             &logic->dynamic_reference, &anchor);
        if (r != 0)
            return r;
        if (anchor != NULL && anchor->is_dynamic)
            logic->dynamic_name = anchor->name;
    }
    compiler->keyword = NULL;
    return 0;
}

/* --- The set ------------------------------------------------------------------- */

int schema_set_new(const json_t *root, struct schema_set **ret_set)
{
    struct schema_set *set = calloc(1, sizeof(*set));
    int r;

    if (set == NULL)
        return fault_raise(-ENOMEM);
    arena_init(&set->arena, SCHEMA_ARENA_BYTES_MAX);
    set->root = root;
    set->last = &set->first;
    set->root_resource = arena_alloc(&set->arena, sizeof(*set->root_resource));
    set->match_limits = pcre2_match_context_create(NULL);
    if (set->root_resource == NULL || set->match_limits == NULL) {
        schema_set_free(set);
        return fault_raise(-ENOMEM);
    }
    *set->root_resource = (struct schema_resource){.uri = "", .pointer = "", .root = root};
    set->resources = set->root_resource;
    /* These setters always return 0. */
    (void)pcre2_set_match_limit(set->match_limits, SCHEMA_MATCH_STEPS_MAX);
    (void)pcre2_set_depth_limit(set->match_limits, SCHEMA_MATCH_STEPS_MAX);
    (void)pcre2_set_heap_limit(set->match_limits, SCHEMA_MATCH_KIBIBYTES_MAX);
    r = table_build(set, 256);
    if (r != 0) {
        schema_set_free(set);
        return fault_fold(r);
    }
    *ret_set = set;
    return 0;
}

void schema_set_free(struct schema_set *set)
{
    if (set == NULL)
        return;
    for (struct schema_pattern *pattern = set->patterns; pattern != NULL; pattern = pattern->next)
        pcre2_code_free(pattern->code);
    pcre2_match_context_free(set->match_limits);
    free(set->table);
    arena_deinit(&set->arena);
    free(set);
}

void schema_set_tolerate_unknown(struct schema_set *set)
{
    set->tolerates_unknown = true;
}

/* Forget what this generation made; its memory stays in the arena until the set goes. */
static int take_back(struct schema_set *set, struct schema *last, const char *root_uri)
{
    struct schema_resource **resource = &set->resources;

    while (*resource != NULL) {
        struct schema_anchor **anchor = &(*resource)->anchors;

        if ((*resource)->generation == set->generation) {
            *resource = (*resource)->next;
            continue;
        }
        while (*anchor != NULL) {
            if ((*anchor)->schema->generation == set->generation)
                *anchor = (*anchor)->next;
            else
                anchor = &(*anchor)->next;
        }
        resource = &(*resource)->next;
    }
    set->root_resource->uri = root_uri;
    set->last = last;
    set->last->next = NULL;
    return table_build(set, set->table_size);
}

static int compile_all(struct schema_compiler *compiler, const char *pointer,
                       struct schema **ret_schema)
{
    struct schema_set *set = compiler->set;
    struct schema *read = set->last;
    struct schema *referred = set->last;
    struct schema_resource *resource = set->root_resource;
    const json_t *source = follow_pointer(set, pointer, &resource);
    int r;

    if (arena_failed(&set->arena))
        return fault_raise(-ENOMEM);
    if (source == NULL)
        return schema_refuse(compiler, SCHEMA_INVALID, "nothing is at \"%.200s\"", pointer);
    r = enlist(compiler, source, arena_copy(&set->arena, pointer), resource, ret_schema);
    while (r == 0 && referred->next != NULL) {
        if (read->next != NULL) {
            read = read->next;
            r = schema_compile_keywords(compiler, read);
        } else {
            referred = referred->next;
            r = compile_references(compiler, referred);
        }
    }
    return r;
}

int schema_compile(struct schema_set *set, const char *pointer, const struct schema **ret_schema,
                   char **reterr_what)
{
    struct schema_compiler compiler = {.set = set};
    struct schema *last = set->last;
    struct schema *schema = NULL;
    const char *root_uri = set->root_resource->uri;
    size_t length;
    int taken_back;
    int r;

    set->generation++;
    text_init(&compiler.what, WHAT_BYTES_MAX);
    r = compile_all(&compiler, pointer, &schema);
    if (r == 0) {
        *ret_schema = schema;
        text_deinit(&compiler.what);
        return 0;
    }
    taken_back = take_back(set, last, root_uri);
    if (taken_back < 0)
        r = taken_back;
    if (r > 0) {
        *reterr_what = text_steal(&compiler.what, &length);
        if (*reterr_what == NULL)
            r = fault_raise(-ENOMEM);
    }
    text_deinit(&compiler.what);
    return r;
}
