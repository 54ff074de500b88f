/*
 * The document is read once into structs that point into it. Two choices:
 *
 * - Where a property is stored follows from its type alone (see property_place),
 *   so that a new property needs a line in the contract and a column, nothing here.
 * - What is sent is judged by the schema that the document shows for it (…Write), which bundle.py
 *   derives from the one for reading: partners read what the server goes by.
 */
#include "contract/contract.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "contract/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONTRACT_BYTES_MAX (64u * 1024 * 1024)
#define VERIFY_DAYS_MAX 36500
#define NESTING_MAX 6 /* objects within a record; the deepest has 3 */

#define REQUESTS_MAX 128

struct body_schema {
    const char *name;
    const struct schema *schema;
};

struct contract {
    struct arena arena;
    json_t *document;
    struct schema_set *schemas;
    struct resource resources[RESOURCES_MAX];
    size_t resource_count;
    const char *paths[RESOURCES_MAX];
    const char *version;
    struct body_schema requests[REQUESTS_MAX];
    size_t request_count;
};

/* What was wrong, in one sentence; filled by the first that fails. */
struct compiler {
    struct contract *contract;
    struct text what;
};

static int compiler_refuse(struct compiler *compiler, const char *where, const char *what)
{
    text_append_format(&compiler->what, "%s: %s", where, what);
    return CONTRACT_INVALID;
}

/* Follow one local $ref, if there is one. */
static const json_t *resolve(const struct contract *contract, const json_t *schema)
{
    static const char PREFIX[] = "#/components/schemas/";
    const char *reference = json_string_value(json_object_get(schema, "$ref"));

    if (reference == NULL || strncmp(reference, PREFIX, sizeof(PREFIX) - 1) != 0)
        return schema;
    return json_object_get(
        json_object_get(json_object_get(contract->document, "components"), "schemas"),
        reference + sizeof(PREFIX) - 1);
}

/* A keyword of the property itself, or of the schema that it refers to. */
static const json_t *keyword(const struct contract *contract, const json_t *schema,
                             const char *name)
{
    const json_t *value = json_object_get(schema, name);

    if (value != NULL)
        return value;
    return json_object_get(resolve(contract, schema), name);
}

static bool flag(const struct contract *contract, const json_t *schema, const char *name)
{
    return json_is_true(keyword(contract, schema, name));
}

static const char *type_of(const struct contract *contract, const json_t *schema)
{
    const char *type = json_string_value(keyword(contract, schema, "type"));

    return type == NULL ? "" : type;
}

static bool kind_of_text(const char *format, enum property_kind *ret_kind)
{
    static const struct {
        const char *format;
        enum property_kind kind;
    } KINDS[] = {
        {"uuid", PROPERTY_UUID},          {"date", PROPERTY_DATE},
        {"date-time", PROPERTY_TIME},     {"partial-date", PROPERTY_PARTIAL_DATE},
        {"decimal", PROPERTY_DECIMAL},    {"", PROPERTY_TEXT},
        {"uri", PROPERTY_TEXT},           {"language-tag", PROPERTY_TEXT},
        {"uri-reference", PROPERTY_TEXT}, {"email", PROPERTY_TEXT},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(KINDS); i++) {
        if (strcmp(KINDS[i].format, format) == 0) {
            *ret_kind = KINDS[i].kind;
            return true;
        }
    }
    return false;
}

static int property_kind(struct compiler *compiler, const json_t *schema, const char *path,
                         enum property_kind *ret_kind)
{
    const struct contract *contract = compiler->contract;
    const char *type = type_of(contract, schema);
    const char *format = json_string_value(keyword(contract, schema, "format"));

    if (strcmp(type, "string") == 0) {
        if (!kind_of_text(format == NULL ? "" : format, ret_kind))
            return compiler_refuse(compiler, path, "has a format that cannot be stored");
        return 0;
    }
    if (strcmp(type, "integer") == 0)
        *ret_kind = PROPERTY_INTEGER;
    else if (strcmp(type, "number") == 0)
        *ret_kind =
            format != NULL && strcmp(format, "double") == 0 ? PROPERTY_DOUBLE : PROPERTY_NUMBER;
    else if (strcmp(type, "boolean") == 0)
        *ret_kind = PROPERTY_BOOLEAN;
    else if (strcmp(type, "object") == 0)
        *ret_kind = PROPERTY_OBJECT;
    else
        return compiler_refuse(compiler, path, "has no type that can be stored");
    return 0;
}

static int property_values(struct compiler *compiler, const json_t *schema,
                           struct property *property)
{
    const json_t *listed = keyword(compiler->contract, schema, "enum");
    struct arena *arena = &compiler->contract->arena;
    const char **values;
    size_t i;
    const json_t *value;

    if (!json_is_array(listed))
        return 0;
    values = arena_alloc_array(arena, json_array_size(listed), sizeof(*values));
    if (values == NULL)
        return fault_raise(-ENOMEM);
    json_array_foreach (listed, i, value) {
        if (json_is_string(value))
            values[i] = json_string_value(value);
        else
            values[i] = arena_format(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    }
    property->values = values;
    property->value_count = json_array_size(listed);
    return 0;
}

/* "source.other_documents" as an SQL name: "source_other_documents". */
static const char *sql_name(struct arena *arena, const char *path)
{
    char *name = arena_copy(arena, path);

    for (char *at = name; at != NULL && *at != '\0'; at++)
        if (*at == '.' || *at == '-')
            *at = '_';
    return name;
}

/* The nearest array of objects around a property; NULL when there is none. */
static const struct property *enclosing_table(const struct property *property)
{
    for (const struct property *at = property->parent; at != NULL; at = at->parent)
        if (at->is_array)
            return at;
    return NULL;
}

/*
 * Where a property is stored: an array of objects or relations in a table of
 * its own; everything else in a column, whose name is the path from the
 * nearest table, joined with '_' (a relation gets the suffix _id).
 */
static void property_place(struct compiler *compiler, const struct resource *resource,
                           struct property *property)
{
    struct arena *arena = &compiler->contract->arena;
    const struct property *around = enclosing_table(property);
    const char *local = property->path;

    if (property->is_array &&
        (property->kind == PROPERTY_OBJECT || property->kind == PROPERTY_RELATION)) {
        property->table =
            arena_format(arena, "%s_%s", property->is_common ? "record" : resource->table,
                         sql_name(arena, property->path));
        return;
    }
    if (property->kind == PROPERTY_OBJECT)
        return;
    if (around != NULL)
        local = property->path + strlen(around->path) + 1;
    property->column = property->kind == PROPERTY_RELATION
                           ? arena_format(arena, "%s_id", sql_name(arena, local))
                           : sql_name(arena, local);
}

static int properties_compile(struct compiler *compiler, struct resource *resource,
                              const json_t *schema, const struct property *parent, unsigned depth,
                              const struct property **ret_properties, size_t *ret_count);

static const char *relation_of(const struct contract *contract, const json_t *schema,
                               const json_t *items)
{
    const char *target = json_string_value(keyword(contract, schema, "x-relation"));

    if (target == NULL && items != NULL)
        target = json_string_value(keyword(contract, items, "x-relation"));
    return target;
}

/* The schema of a resource, and what x-resource says about it. */
static const json_t *schema_of(const struct contract *contract, const struct resource *resource)
{
    return json_object_get(
        json_object_get(json_object_get(contract->document, "components"), "schemas"),
        resource->schema_name);
}

static const json_t *about(const struct contract *contract, const struct resource *resource)
{
    return json_object_get(schema_of(contract, resource), "x-resource");
}

static bool holds(const json_t *names, const char *name)
{
    const json_t *value;
    size_t i;

    json_array_foreach (names, i, value)
        if (strcmp(json_string_value(value), name) == 0)
            return true;
    return false;
}

/* Does the target list, as related to it, the records that name it by this property? */
static bool is_related(const struct contract *contract, const struct resource *resource,
                       const struct property *property)
{
    const json_t *related = json_object_get(about(contract, property->target), "related");
    const json_t *entry;
    size_t i;

    json_array_foreach (related, i, entry)
        if (strcmp(json_string_value(json_object_get(entry, "resource")), resource->path) == 0 &&
            holds(json_object_get(entry, "through"), property->path))
            return true;
    return false;
}

/* Has every record a value? By the contract, or because the server sets it. */
static bool is_required(const struct contract *contract, const struct resource *resource,
                        const struct property *property)
{
    if (property->parent != NULL)
        return false;
    return holds(json_object_get(about(contract, resource), "required"), property->name) ||
           strcmp(property->name, "slug") == 0 || strcmp(property->name, "language") == 0 ||
           (property->is_common && property->read_only && !property->is_computed);
}

static int property_compile(struct compiler *compiler, struct resource *resource, const char *name,
                            const json_t *schema, const struct property *parent, unsigned depth,
                            struct property *property)
{
    struct contract *contract = compiler->contract;
    const char *weight = json_string_value(keyword(contract, schema, "x-search"));
    const json_t *items = NULL;
    const char *target;
    const char *named;
    int r;

    property->name = name;
    property->path =
        parent == NULL ? name : arena_format(&contract->arena, "%s.%s", parent->path, name);
    if (property->path == NULL)
        return fault_raise(-ENOMEM);
    property->parent = parent;
    property->is_common = parent == NULL ? flag(contract, schema, "x-common") : parent->is_common;
    property->is_computed =
        parent == NULL ? flag(contract, schema, "x-computed") : parent->is_computed;
    property->read_only =
        flag(contract, schema, "readOnly") || (parent != NULL && parent->read_only);
    property->is_timed = parent == NULL ? flag(contract, schema, "x-timed") : parent->is_timed;
    named = json_string_value(keyword(contract, schema, "x-filter"));
    property->filterable = named != NULL || flag(contract, schema, "x-filter");
    property->filter_name = named != NULL ? named : property->path;
    property->sortable = flag(contract, schema, "x-sort");
    property->facet = flag(contract, schema, "x-facet");
    property->translatable = flag(contract, schema, "x-translatable");
    property->detail = flag(contract, schema, "x-detail");
    property->search_weight = weight == NULL ? '\0' : weight[0];
    if (property->is_computed && !property->is_timed)
        return 0;

    property->is_array = strcmp(type_of(contract, schema), "array") == 0;
    if (property->is_array)
        items = keyword(contract, schema, "items");
    property->in_array = property->is_array || (parent != NULL && parent->in_array);

    target = relation_of(contract, schema, items);
    if (target != NULL) {
        property->kind = PROPERTY_RELATION;
        property->target = contract_resource_find(contract, target);
        if (property->target == NULL)
            return compiler_refuse(compiler, property->path, "is a relation to no resource");
        property->related = is_related(contract, resource, property);
        property->includable = json_object_get(items != NULL ? items : schema, "anyOf") != NULL;
    } else {
        r = property_kind(compiler, items != NULL ? items : schema, property->path,
                          &property->kind);
        if (r != 0)
            return r;
        r = property_values(compiler, items != NULL ? items : schema, property);
        if (r != 0)
            return r;
    }
    property_place(compiler, resource, property);

    if (property->kind != PROPERTY_OBJECT)
        return 0;
    if (depth >= NESTING_MAX)
        return compiler_refuse(compiler, property->path, "is nested too deeply");
    return properties_compile(compiler, resource, resolve(contract, items != NULL ? items : schema),
                              property, depth + 1, &property->members, &property->member_count);
}

static int properties_compile(struct compiler *compiler, struct resource *resource,
                              const json_t *schema, const struct property *parent, unsigned depth,
                              const struct property **ret_properties, size_t *ret_count)
{
    const json_t *members = json_object_get(schema, "properties");
    struct property *properties;
    const char *name;
    json_t *member;
    size_t i = 0;

    if (json_object_size(members) == 0)
        return compiler_refuse(compiler, parent == NULL ? resource->path : parent->path,
                               "has no properties");
    properties = arena_alloc_array(&compiler->contract->arena, json_object_size(members),
                                   sizeof(*properties));
    if (properties == NULL)
        return fault_raise(-ENOMEM);
    /* Set before the members are read: a member finds its resource's label through them. */
    *ret_properties = properties;
    json_object_foreach ((json_t *)(uintptr_t)members, name, member) {
        int r = property_compile(compiler, resource, name, member, parent, depth, &properties[i]);

        if (r != 0)
            return r;
        properties[i].required = is_required(compiler->contract, resource, &properties[i]);
        i++;
    }
    *ret_count = i;
    return 0;
}

/* --- what is derived from the properties ----------------------------------------------- */

/* Is it one of the stored, or of the timed ones? */
static bool is_wanted(const struct property *property, bool timed)
{
    return timed ? property->is_timed : !property->is_computed;
}

static size_t count_leaves(const struct property *properties, size_t count, bool timed)
{
    size_t leaves = 0;

    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(&properties[i], timed))
            continue;
        leaves += properties[i].kind == PROPERTY_OBJECT
                      ? count_leaves(properties[i].members, properties[i].member_count, timed)
                      : 1;
    }
    return leaves;
}

static size_t collect_leaves(const struct property *properties, size_t count, bool timed,
                             const struct property **leaves)
{
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(&properties[i], timed))
            continue;
        if (properties[i].kind == PROPERTY_OBJECT)
            at += collect_leaves(properties[i].members, properties[i].member_count, timed,
                                 leaves + at);
        else
            leaves[at++] = &properties[i];
    }
    return at;
}

static bool is_number(enum property_kind kind)
{
    return kind == PROPERTY_INTEGER || kind == PROPERTY_NUMBER || kind == PROPERTY_DOUBLE ||
           kind == PROPERTY_DECIMAL;
}

static bool is_time(enum property_kind kind)
{
    return kind == PROPERTY_DATE || kind == PROPERTY_PARTIAL_DATE || kind == PROPERTY_TIME;
}

static int add_filter(struct arena *arena, struct filter *filters, size_t *count,
                      const struct property *property, enum filter_operator operator,
                      const char * suffix)
{
    const char *name = arena_format(arena, "%s%s", property->filter_name, suffix);

    if (name == NULL)
        return fault_raise(-ENOMEM);
    filters[(*count)++] = (struct filter){name, property, operator};
    return 0;
}

static int add_filters(struct arena *arena, struct filter *filters, size_t *count,
                       const struct property *leaf)
{
    int r;

    if (!leaf->filterable)
        return 0;
    r = add_filter(arena, filters, count, leaf, FILTER_EQUAL, "");
    if (leaf->in_array || leaf->values != NULL || r != 0)
        return r;
    if (is_number(leaf->kind)) {
        r = add_filter(arena, filters, count, leaf, FILTER_MIN, "_min");
        if (r == 0)
            r = add_filter(arena, filters, count, leaf, FILTER_MAX, "_max");
    } else if (is_time(leaf->kind)) {
        r = add_filter(arena, filters, count, leaf, FILTER_AFTER, "_after");
        if (r == 0)
            r = add_filter(arena, filters, count, leaf, FILTER_BEFORE, "_before");
    }
    return r;
}

static int resource_derive(struct compiler *compiler, struct resource *resource)
{
    struct arena *arena = &compiler->contract->arena;
    const struct property **leaves, **timed;
    struct filter *filters;
    size_t filter_count = 0;
    size_t leaf_count = count_leaves(resource->properties, resource->property_count, false);
    size_t timed_count = count_leaves(resource->properties, resource->property_count, true);
    int r = 0;

    leaves = arena_alloc_array(arena, leaf_count, sizeof(*leaves));
    timed = arena_alloc_array(arena, timed_count, sizeof(*timed));
    filters = arena_alloc_array(arena, (leaf_count + timed_count) * 3, sizeof(*filters));
    if (leaves == NULL || timed == NULL || filters == NULL)
        return fault_raise(-ENOMEM);
    (void)collect_leaves(resource->properties, resource->property_count, false, leaves);
    (void)collect_leaves(resource->properties, resource->property_count, true, timed);

    for (size_t i = 0; i < leaf_count && r == 0; i++)
        r = add_filters(arena, filters, &filter_count, leaves[i]);
    for (size_t i = 0; i < timed_count && r == 0; i++)
        r = add_filters(arena, filters, &filter_count, timed[i]);
    resource->leaves = leaves;
    resource->leaf_count = leaf_count;
    resource->timed = timed;
    resource->timed_count = timed_count;
    resource->filters = filters;
    resource->filter_count = filter_count;
    resource->location = resource_property(resource, "location");
    resource->country = resource_leaf(resource, "country");
    return r;
}

/* Has @resource a relation, at any depth, to @target? */
static bool refers_to(const struct resource *resource, const struct resource *target,
                      bool only_related)
{
    for (size_t i = 0; i < resource->leaf_count; i++)
        if (resource->leaves[i]->target == target &&
            (!only_related || resource->leaves[i]->related))
            return true;
    return false;
}

static int referrers_collect(struct compiler *compiler, struct resource *target)
{
    struct contract *contract = compiler->contract;
    const struct resource **holders =
        arena_alloc_array(&contract->arena, contract->resource_count, sizeof(*holders));
    const struct resource **referrers =
        arena_alloc_array(&contract->arena, contract->resource_count, sizeof(*referrers));

    if (holders == NULL || referrers == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < contract->resource_count; i++) {
        const struct resource *resource = &contract->resources[i];

        if (refers_to(resource, target, false))
            holders[target->holder_count++] = resource;
        if (refers_to(resource, target, true))
            referrers[target->referrer_count++] = resource;
    }
    target->holders = holders;
    target->referrers = referrers;
    return 0;
}

/* --- the validators -------------------------------------------------------------------------- */

static int schema_of_component(struct compiler *compiler, struct schema_set *set, const char *name,
                               const struct schema **ret_schema)
{
    const char *pointer = arena_format(&compiler->contract->arena, "/components/schemas/%s", name);
    char *what = NULL;
    int r =
        pointer == NULL ? fault_raise(-ENOMEM) : schema_compile(set, pointer, ret_schema, &what);

    if (r > 0)
        r = compiler_refuse(compiler, pointer, what == NULL ? "cannot be compiled" : what);
    free(what);
    return r;
}

/* Bodies that are no records: each schema that says x-request. */
static int requests_compile(struct compiler *compiler)
{
    struct contract *contract = compiler->contract;
    json_t *schemas = json_object_get(json_object_get(contract->document, "components"), "schemas");
    const char *name;
    json_t *schema;

    json_object_foreach (schemas, name, schema) {
        struct body_schema *request = &contract->requests[contract->request_count];
        int r;

        if (!json_is_true(json_object_get(schema, "x-request")))
            continue;
        if (contract->request_count == REQUESTS_MAX)
            return compiler_refuse(compiler, name, "is one request too many");
        r = schema_of_component(compiler, contract->schemas, name, &request->schema);
        if (r != 0)
            return r;
        request->name = name;
        contract->request_count++;
    }
    return 0;
}

static int schemas_compile(struct compiler *compiler)
{
    struct contract *contract = compiler->contract;
    int r = schema_set_new(contract->document, &contract->schemas);

    if (r != 0)
        return fault_fold(r);
    for (size_t i = 0; i < contract->resource_count && r == 0; i++) {
        struct resource *resource = &contract->resources[i];
        const char *written = arena_format(&contract->arena, "%sWrite", resource->schema_name);

        if (written == NULL)
            return fault_raise(-ENOMEM);
        r = schema_of_component(compiler, contract->schemas, resource->schema_name,
                                &resource->schema);
        if (r == 0)
            r = schema_of_component(compiler, contract->schemas, written, &resource->write_schema);
    }
    return r == 0 ? requests_compile(compiler) : r;
}

/* --- the whole ----------------------------------------------------------------------------- */

static int resources_find(struct compiler *compiler)
{
    struct contract *contract = compiler->contract;
    json_t *schemas = json_object_get(json_object_get(contract->document, "components"), "schemas");
    const char *name;
    json_t *schema;

    json_object_foreach (schemas, name, schema) {
        const json_t *described = json_object_get(schema, "x-resource");
        struct resource *resource = &contract->resources[contract->resource_count];
        json_int_t days;

        if (described == NULL)
            continue;
        if (contract->resource_count == RESOURCES_MAX)
            return compiler_refuse(compiler, name, "is one resource too many");
        resource->path = json_string_value(json_object_get(described, "path"));
        if (resource->path == NULL)
            return compiler_refuse(compiler, name, "has no path in x-resource");
        resource->table = sql_name(&contract->arena, resource->path);
        resource->schema_name = name;
        resource->title = json_string_value(json_object_get(described, "title"));
        if (resource->title == NULL)
            return compiler_refuse(compiler, name, "has no title in x-resource");
        days = json_integer_value(json_object_get(described, "verify_days"));
        if (days < 1 || days > VERIFY_DAYS_MAX)
            return compiler_refuse(compiler, name, "has no number of verify_days in x-resource");
        resource->verify_days = (unsigned)days;
        resource->calendar = json_is_true(json_object_get(described, "calendar"));
        resource->admin_only = json_is_true(json_object_get(described, "admin_only"));
        resource->index = (unsigned)contract->resource_count;
        contract->paths[contract->resource_count++] = resource->path;
    }
    if (contract->resource_count == 0)
        return compiler_refuse(compiler, "components.schemas", "no schema has x-resource");
    return 0;
}

static int compile(struct compiler *compiler)
{
    struct contract *contract = compiler->contract;
    int r;

    contract->version =
        json_string_value(json_object_get(json_object_get(contract->document, "info"), "version"));
    if (contract->version == NULL)
        return compiler_refuse(compiler, "info", "has no version");
    r = resources_find(compiler);
    for (size_t i = 0; i < contract->resource_count && r == 0; i++) {
        struct resource *resource = &contract->resources[i];
        const char *label = json_string_value(json_object_get(about(contract, resource), "label"));

        r = properties_compile(compiler, resource, schema_of(contract, resource), NULL, 0,
                               &resource->properties, &resource->property_count);
        if (r != 0)
            break;
        r = resource_derive(compiler, resource);
        if (r != 0)
            break;
        resource->label = label == NULL ? NULL : resource_property(resource, label);
        if (resource->label == NULL)
            r = compiler_refuse(compiler, resource->path, "x-resource names no label property");
    }
    for (size_t i = 0; i < contract->resource_count && r == 0; i++)
        r = referrers_collect(compiler, &contract->resources[i]);
    if (r == 0)
        r = schemas_compile(compiler);
    if (r == 0 && arena_failed(&contract->arena))
        r = fault_raise(-ENOMEM);
    return r;
}

int contract_new(const char *bytes, size_t size_bytes, struct contract **ret_contract,
                 char **reterr_what)
{
    struct contract *contract = calloc(1, sizeof(*contract));
    struct compiler compiler = {.contract = contract};
    json_error_t error;
    size_t length;
    int r;

    if (contract == NULL)
        return fault_raise(-ENOMEM);
    arena_init(&contract->arena, CONTRACT_BYTES_MAX);
    text_init(&compiler.what, 4096);
    contract->document = json_loadb(bytes, size_bytes, JSON_REJECT_DUPLICATES, &error);
    if (contract->document == NULL)
        r = compiler_refuse(&compiler, "the document", "is not JSON");
    else
        r = compile(&compiler);
    if (r != 0) {
        if (r > 0)
            *reterr_what = text_steal(&compiler.what, &length);
        text_deinit(&compiler.what);
        contract_free(contract);
        return r;
    }
    text_deinit(&compiler.what);
    *ret_contract = contract;
    return 0;
}

void contract_free(struct contract *contract)
{
    if (contract == NULL)
        return;
    schema_set_free(contract->schemas);
    json_decref(contract->document);
    arena_deinit(&contract->arena);
    free(contract);
}

const json_t *contract_document(const struct contract *contract)
{
    return contract->document;
}

const char *contract_version(const struct contract *contract)
{
    return contract->version;
}

size_t contract_resource_count(const struct contract *contract)
{
    return contract->resource_count;
}

const struct resource *contract_resource(const struct contract *contract, size_t index)
{
    return &contract->resources[index];
}

const struct resource *contract_resource_find(const struct contract *contract, const char *path)
{
    for (size_t i = 0; i < contract->resource_count; i++)
        if (strcmp(contract->resources[i].path, path) == 0)
            return &contract->resources[i];
    return NULL;
}

const char *const *contract_resource_paths(const struct contract *contract)
{
    return contract->paths;
}

const struct schema *contract_request(const struct contract *contract, const char *name)
{
    for (size_t i = 0; i < contract->request_count; i++)
        if (strcmp(contract->requests[i].name, name) == 0)
            return contract->requests[i].schema;
    return NULL;
}

const struct property *resource_leaf(const struct resource *resource, const char *path)
{
    for (size_t i = 0; i < resource->leaf_count; i++)
        if (strcmp(resource->leaves[i]->path, path) == 0)
            return resource->leaves[i];
    return NULL;
}

const struct property *resource_sortable(const struct resource *resource, const char *path)
{
    const struct property *leaf = resource_leaf(resource, path);

    for (size_t i = 0; i < resource->timed_count && leaf == NULL; i++)
        if (strcmp(resource->timed[i]->path, path) == 0)
            leaf = resource->timed[i];
    return leaf != NULL && leaf->sortable && !leaf->in_array ? leaf : NULL;
}

const struct property *resource_property(const struct resource *resource, const char *name)
{
    for (size_t i = 0; i < resource->property_count; i++)
        if (strcmp(resource->properties[i].name, name) == 0)
            return &resource->properties[i];
    return NULL;
}

const struct filter *resource_filter(const struct resource *resource, const char *name)
{
    for (size_t i = 0; i < resource->filter_count; i++)
        if (strcmp(resource->filters[i].name, name) == 0)
            return &resource->filters[i];
    return NULL;
}
