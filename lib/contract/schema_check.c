#include "contract/schema.h"
#include "contract/schema_internal.h"

#include "base/problem.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The walk beside a value. It recurses, but neither a value nor a schema can
 * drive it deep: a value nested beyond SCHEMA_DEPTH_MAX is refused first, and
 * frames and steps are counted, so a schema that refers to itself in a circle,
 * or branches without end, makes the check fail closed with one fault.
 *
 * A branch that may fail without failing the whole (anyOf, oneOf, not, if) is
 * tried in silence. Only when one branch alone can have been meant is it walked
 * again, aloud; so the cost of a second walk is met once for each level.
 */

#define QUOTED_BYTES_MAX 60 /* of a client's name within a sentence */
#define TOO_DEEP "too-deep"

/* Where we are in the value: turned into a JSON Pointer only when there is a fault. */
struct place {
    const struct place *parent;
    const char *key; /* NULL: an item */
    size_t index;
};

/* Which members or items some keyword has looked at, for unevaluatedProperties and …Items. */
struct evaluated {
    bool *marks;
    size_t count;
};

/* The schemas we are within, for $dynamicRef. */
struct frame {
    const struct frame *parent;
    const struct schema_resource *resource;
};

struct check {
    const char *prefix;
    struct arena *arena;
    struct problem *problem; /* NULL while a branch is tried */
    struct arena scratch;
    pcre2_match_data *match_data;
    unsigned frame_count;
    unsigned step_count;
    bool exhausted; /* a limit was met: the answer is no */
};

static bool check_schema(struct check *check, const struct schema *schema, const json_t *value,
                         const struct place *place, const struct frame *parent,
                         struct evaluated *evaluated);

/* --- Faults ----------------------------------------------------------------------- */

static void append_place(struct text *text, const struct place *place)
{
    const struct place *steps[SCHEMA_DEPTH_MAX + 2];
    size_t count = 0;

    for (; place != NULL && place->parent != NULL && count < ARRAY_LENGTH(steps);
         place = place->parent)
        steps[count++] = place;
    while (count > 0) {
        const struct place *step = steps[--count];

        text_append_char(text, '/');
        if (step->key == NULL) {
            text_append_format(text, "%zu", step->index);
            continue;
        }
        for (const char *at = step->key; *at != '\0'; at++) {
            if (*at == '~')
                text_append(text, "~0");
            else if (*at == '/')
                text_append(text, "~1");
            else
                text_append_char(text, *at);
        }
    }
}

/* Always false, so that a check can end with it. */
PRINTF_LIKE(4, 5)
static bool report(struct check *check, const struct place *place, const char *code,
                   const char *format, ...)
{
    CLEANUP(text_deinit) struct text pointer = {0};
    char detail[512];
    va_list arguments;

    /* Past a limit a fault may be only what was not looked at: schema_check() says the rest. */
    if (check->problem == NULL || check->exhausted)
        return false;
    va_start(arguments, format);
    if (vsnprintf(detail, sizeof(detail), format, arguments) < 0)
        detail[0] = '\0';
    va_end(arguments);
    text_init(&pointer, REPLY_BYTES_MAX);
    text_append(&pointer, check->prefix);
    append_place(&pointer, place);
    problem_add(check->problem, check->arena, pointer.bytes, NULL, code, "%s", detail);
    return false;
}

/* How many bytes of a client's name fit into a sentence without cutting a character. */
static int quoted_length(const char *name)
{
    size_t length = strlen(name);

    if (length <= QUOTED_BYTES_MAX)
        return (int)length;
    length = QUOTED_BYTES_MAX;
    while (length > 0 && ((unsigned char)name[length] & 0xc0u) == 0x80u)
        length--;
    return (int)length;
}

static const char *nearest(const char *word, const struct schema_names *names)
{
    if (word == NULL || names->count == 0)
        return NULL;
    return text_nearest(word, names->items, names->count);
}

static bool report_unknown(struct check *check, const struct schema_object *object,
                           const struct place *place)
{
    const char *name = check->problem != NULL ? nearest(place->key, &object->property_names) : NULL;

    if (name != NULL)
        return report(check, place, "unknown-member",
                      "There is no member \"%.*s\" here; did you mean \"%s\"?",
                      quoted_length(place->key), place->key, name);
    return report(check, place, "unknown-member", "There is no member \"%.*s\" here; leave it out.",
                  quoted_length(place->key), place->key);
}

static bool report_missing(struct check *check, const struct place *place, const char *name)
{
    const struct place missing = {.parent = place, .key = name};

    return report(check, &missing, "required", "The member \"%s\" is required.", name);
}

/* --- Which members and items were looked at ----------------------------------------- */

static void mark(struct evaluated *evaluated, size_t index)
{
    if (evaluated != NULL && index < evaluated->count)
        evaluated->marks[index] = true;
}

static void mark_all(struct evaluated *target, const struct evaluated *source)
{
    for (size_t i = 0; target != NULL && i < source->count; i++)
        target->marks[i] = target->marks[i] || source->marks[i];
}

/* Nothing marked yet. False when the scratch arena is full. */
static bool evaluated_init(struct check *check, const json_t *value, struct evaluated *ret)
{
    ret->count = json_is_object(value) ? json_object_size(value) : json_array_size(value);
    ret->marks = arena_alloc_array(&check->scratch, ret->count, sizeof(*ret->marks));
    if (ret->marks == NULL)
        check->exhausted = true;
    return ret->marks != NULL;
}

/* --- Branches ------------------------------------------------------------------------ */

/* In silence; what the branch looked at counts only when it fits. */
static bool fits(struct check *check, const struct schema *schema, const json_t *value,
                 const struct place *place, const struct frame *frame, struct evaluated *evaluated)
{
    struct problem *problem = check->problem;
    struct evaluated own = {0};
    bool valid;

    if (evaluated != NULL && !evaluated_init(check, value, &own))
        return false;
    check->problem = NULL;
    valid = check_schema(check, schema, value, place, frame, evaluated != NULL ? &own : NULL);
    check->problem = problem;
    if (valid && evaluated != NULL)
        mark_all(evaluated, &own);
    return valid;
}

/* Could @value have been meant for @schema: its type, and its members with a fixed value? */
static bool could_be(const struct schema *schema, const json_t *value)
{
    for (unsigned i = 0; i < 8; i++) {
        const struct schema_object *object = schema->object;

        if (schema->never ||
            (schema->types != 0 && (schema->types & schema_value_types(value)) == 0))
            return false;
        for (size_t j = 0; object != NULL && j < object->property_count; j++) {
            const json_t *constant = object->properties[j].schema->constant;
            const json_t *member = json_object_get(value, object->properties[j].name);

            if (constant != NULL && member != NULL && !schema_value_equal(constant, member))
                return false;
        }
        if (schema->logic == NULL || schema->logic->reference == NULL)
            return true;
        schema = schema->logic->reference;
    }
    return true;
}

/* None of the branches fits: report the faults of the one that was meant, if it is one. */
static bool report_branches(struct check *check, const struct schema_list *branches,
                            const json_t *value, const struct place *place,
                            const struct frame *frame)
{
    const struct schema *meant = NULL;
    size_t count = 0;

    if (check->problem == NULL)
        return false;
    for (size_t i = 0; i < branches->count; i++) {
        if (could_be(branches->items[i], value)) {
            meant = branches->items[i];
            count++;
        }
    }
    if (count == 1)
        return check_schema(check, meant, value, place, frame, NULL);
    return report(check, place, "not-matched", "The value fits none of the %zu forms it may have.",
                  branches->count);
}

static bool check_any(struct check *check, const struct schema_list *branches, const json_t *value,
                      const struct place *place, const struct frame *frame,
                      struct evaluated *evaluated)
{
    bool valid = false;

    /* With marks to collect every branch counts, otherwise the first that fits is enough. */
    for (size_t i = 0; i < branches->count && (!valid || evaluated != NULL); i++)
        valid = fits(check, branches->items[i], value, place, frame, evaluated) || valid;
    return valid || report_branches(check, branches, value, place, frame);
}

static bool check_one(struct check *check, const struct schema_list *branches, const json_t *value,
                      const struct place *place, const struct frame *frame,
                      struct evaluated *evaluated)
{
    size_t count = 0;

    for (size_t i = 0; i < branches->count; i++)
        count += fits(check, branches->items[i], value, place, frame, evaluated) ? 1u : 0u;
    if (count == 1)
        return true;
    if (count == 0)
        return report_branches(check, branches, value, place, frame);
    return report(check, place, "not-matched",
                  "The value fits %zu of the %zu forms it may have; it must fit only one.", count,
                  branches->count);
}

/* The outermost schema of that name among those we are within. */
static const struct schema *dynamic_target(const struct schema_logic *logic,
                                           const struct frame *frame)
{
    const struct schema *target = logic->dynamic_reference;

    if (logic->dynamic_name == NULL)
        return target;
    for (; frame != NULL; frame = frame->parent) {
        const struct schema_anchor *anchor = frame->resource->anchors;

        for (; anchor != NULL; anchor = anchor->next) {
            if (anchor->is_dynamic && strcmp(anchor->name, logic->dynamic_name) == 0)
                target = anchor->schema;
        }
    }
    return target;
}

static bool check_condition(struct check *check, const struct schema_logic *logic,
                            const json_t *value, const struct place *place,
                            const struct frame *frame, struct evaluated *evaluated)
{
    const struct schema *next = logic->alternative;

    if (fits(check, logic->condition, value, place, frame, evaluated))
        next = logic->consequence;
    return next == NULL || check_schema(check, next, value, place, frame, evaluated);
}

static bool check_logic(struct check *check, const struct schema_logic *logic, const json_t *value,
                        const struct place *place, const struct frame *frame,
                        struct evaluated *evaluated)
{
    bool valid = true;

    if (logic->reference != NULL)
        valid &= check_schema(check, logic->reference, value, place, frame, evaluated);
    if (logic->dynamic_reference != NULL)
        valid &= check_schema(check, dynamic_target(logic, frame), value, place, frame, evaluated);
    for (size_t i = 0; i < logic->all.count; i++)
        valid &= check_schema(check, logic->all.items[i], value, place, frame, evaluated);
    if (logic->any.count > 0)
        valid &= check_any(check, &logic->any, value, place, frame, evaluated);
    if (logic->one.count > 0)
        valid &= check_one(check, &logic->one, value, place, frame, evaluated);
    if (logic->negated != NULL && fits(check, logic->negated, value, place, frame, NULL))
        valid = report(check, place, "not-matched", "The value has a form that is excluded here.");
    if (logic->condition != NULL)
        valid &= check_condition(check, logic, value, place, frame, evaluated);
    return valid;
}

/* --- Scalars ---------------------------------------------------------------------------- */

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_NULL:
        return "null";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_INTEGER:
    case JSON_REAL:
        return schema_value_is_integer(value) ? "a whole number" : "a number with a fraction";
    case JSON_STRING:
        return "a string";
    case JSON_ARRAY:
        return "an array";
    case JSON_OBJECT:
        return "an object";
    }
    return "something else";
}

static bool check_values(struct check *check, const struct schema *schema, const json_t *value,
                         const struct place *place)
{
    const char *name;
    json_t *item;
    size_t i;

    json_array_foreach (schema->values, i, item) {
        if (schema_value_equal(item, value))
            return true;
    }
    name = check->problem != NULL ? nearest(json_string_value(value), &schema->value_names) : NULL;
    if (name != NULL)
        return report(check, place, "not-allowed", "The value must be %s; did you mean \"%.100s\"?",
                      schema->value_text, name);
    return report(check, place, "not-allowed", "The value must be %s.", schema->value_text);
}

/* @code is reported when @value and @bound do not stand in the order that @is_ordered says. */
static bool check_bound(struct check *check, bool is_within, const json_t *bound,
                        const struct place *place, const char *code, const char *relation)
{
    if (is_within)
        return true;
    if (json_is_integer(bound))
        return report(check, place, code, "The number must be %s %" JSON_INTEGER_FORMAT ".",
                      relation, json_integer_value(bound));
    return report(check, place, code, "The number must be %s %.15g.", relation,
                  json_real_value(bound));
}

static bool check_number(struct check *check, const struct schema_number *number,
                         const json_t *value, const struct place *place)
{
    bool valid = true;

    if (number->min != NULL)
        valid &= check_bound(check, schema_value_compare(value, number->min) >= 0, number->min,
                             place, "too-small", "at least");
    if (number->above != NULL)
        valid &= check_bound(check, schema_value_compare(value, number->above) > 0, number->above,
                             place, "too-small", "above");
    if (number->max != NULL)
        valid &= check_bound(check, schema_value_compare(value, number->max) <= 0, number->max,
                             place, "too-large", "at most");
    if (number->below != NULL)
        valid &= check_bound(check, schema_value_compare(value, number->below) < 0, number->below,
                             place, "too-large", "below");
    if (number->multiple_of != NULL)
        valid &= check_bound(check, schema_value_is_multiple(value, number->multiple_of),
                             number->multiple_of, place, "not-a-multiple", "a multiple of");
    return valid;
}

/* A match that meets a limit has not matched. */
static bool matches(struct check *check, const struct schema_pattern *pattern, const char *text,
                    size_t size_bytes)
{
    if (check->match_data == NULL)
        check->match_data = pcre2_match_data_create(1, NULL);
    if (check->match_data == NULL) {
        check->exhausted = true;
        return false;
    }
    /* 0: more groups than the one place we gave, which is a match, too. */
    return pcre2_match(pattern->code, (PCRE2_SPTR)text, size_bytes, 0, 0, check->match_data,
                       pattern->limits) >= 0;
}

static bool check_string(struct check *check, const struct schema_string *string,
                         const json_t *value, const struct place *place)
{
    const struct schema_format *format = string->format;
    const char *text = json_string_value(value);
    size_t size_bytes = json_string_length(value);
    bool valid = true;
    size_t count;

    if (string->min > 0 || string->max < size_bytes) {
        count = schema_value_characters(value);
        if (count < string->min)
            valid = report(check, place, "too-short",
                           "The text has %zu characters; it must have at least %zu.", count,
                           string->min);
        else if (count > string->max)
            valid =
                report(check, place, "too-long",
                       "The text has %zu characters; it may have at most %zu.", count, string->max);
    }
    if (string->pattern != NULL && !matches(check, string->pattern, text, size_bytes))
        valid = report(check, place, "pattern", "The text must match the pattern %.200s",
                       string->pattern->text);
    /* A NUL would hide from the format what comes behind it. */
    if (format != NULL && format->fits != NULL &&
        (strlen(text) != size_bytes || !format->fits(text)))
        valid = report(check, place, "format", "The text must be %s.", format->expected);
    return valid;
}

/* --- Arrays ------------------------------------------------------------------------------- */

struct hashed_item {
    uint64_t hash;
    size_t index;
};

static int compare_hashed_items(const void *left, const void *right)
{
    const struct hashed_item *a = left;
    const struct hashed_item *b = right;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* Sorted by hash, so that only items with the same hash are compared with each other. */
static bool check_unique(struct check *check, const json_t *value, const struct place *place)
{
    const size_t count = json_array_size(value);
    struct hashed_item *items = arena_alloc_array(&check->scratch, count, sizeof(*items));
    json_t *item;
    size_t i;

    if (items == NULL) {
        check->exhausted = true;
        return false;
    }
    json_array_foreach (value, i, item)
        items[i] = (struct hashed_item){.hash = schema_value_hash(item), .index = i};
    qsort(items, count, sizeof(*items), compare_hashed_items);
    for (i = 1; i < count; i++) {
        for (size_t j = i; j > 0 && items[j - 1].hash == items[i].hash; j--) {
            if (++check->step_count > SCHEMA_STEPS_MAX) {
                check->exhausted = true;
                return false;
            }
            if (schema_value_equal(json_array_get(value, items[i].index),
                                   json_array_get(value, items[j - 1].index))) {
                const struct place second = {.parent = place, .index = items[i].index};

                return report(check, &second, "duplicate-items",
                              "The item equals the one at %zu; each may stand here only once.",
                              items[j - 1].index);
            }
        }
    }
    return true;
}

static bool check_contains(struct check *check, const struct schema_array *array,
                           const json_t *value, const struct place *place,
                           const struct frame *frame, struct evaluated *evaluated)
{
    size_t count = 0;
    json_t *item;
    size_t i;

    json_array_foreach (value, i, item) {
        const struct place here = {.parent = place, .index = i};

        if (fits(check, array->contains, item, &here, frame, NULL)) {
            count++;
            mark(evaluated, i);
        }
    }
    if (count < array->min_contains)
        return report(check, place, "too-few-items",
                      "%zu of the items are of the kind asked for; at least %zu must be.", count,
                      array->min_contains);
    if (count > array->max_contains)
        return report(check, place, "too-many-items",
                      "%zu of the items are of a kind of which at most %zu may be.", count,
                      array->max_contains);
    return true;
}

static bool check_array(struct check *check, const struct schema_array *array, const json_t *value,
                        const struct place *place, const struct frame *frame,
                        struct evaluated *evaluated)
{
    const size_t count = json_array_size(value);
    bool valid = true;
    json_t *item;
    size_t i;

    if (count < array->min)
        valid = report(check, place, "too-few-items",
                       "The array has %zu items; it must have at least %zu.", count, array->min);
    if (count > array->max)
        valid = report(check, place, "too-many-items",
                       "The array has %zu items; it may have at most %zu.", count, array->max);
    json_array_foreach (value, i, item) {
        const struct place here = {.parent = place, .index = i};
        const struct schema *schema = array->items;

        if (i < array->prefix.count)
            schema = array->prefix.items[i];
        if (schema == NULL)
            break;
        valid &= check_schema(check, schema, item, &here, frame, NULL);
        mark(evaluated, i);
    }
    if (array->contains != NULL)
        valid &= check_contains(check, array, value, place, frame, evaluated);
    if (array->unique)
        valid &= check_unique(check, value, place);
    return valid;
}

static bool check_unevaluated_items(struct check *check, const struct schema_array *array,
                                    const json_t *value, const struct place *place,
                                    const struct frame *frame, struct evaluated *evaluated)
{
    bool valid = true;
    json_t *item;
    size_t i;

    json_array_foreach (value, i, item) {
        const struct place here = {.parent = place, .index = i};

        if (evaluated->marks[i])
            continue;
        if (array->unevaluated->never)
            valid = report(check, &here, "too-many-items", "There is no place for this item.");
        else
            valid &= check_schema(check, array->unevaluated, item, &here, frame, NULL);
        mark(evaluated, i);
    }
    return valid;
}

/* --- Objects -------------------------------------------------------------------------------- */

static int compare_name(const void *name, const void *member)
{
    return strcmp(name, ((const struct schema_member *)member)->name);
}

static bool check_name(struct check *check, const struct schema *schema, const struct place *place,
                       const struct frame *frame)
{
    json_auto_t *name = json_string(place->key);

    if (name == NULL) {
        check->exhausted = true;
        return false;
    }
    return check_schema(check, schema, name, place, frame, NULL);
}

static bool check_member(struct check *check, const struct schema_object *object,
                         const json_t *value, const struct place *place, const struct frame *frame,
                         bool *ret_evaluated)
{
    const struct schema_member *member = NULL;
    bool valid = true;

    *ret_evaluated = false;
    if (object->names != NULL)
        valid &= check_name(check, object->names, place, frame);
    if (object->property_count > 0)
        member = bsearch(place->key, object->properties, object->property_count,
                         sizeof(*object->properties), compare_name);
    if (member != NULL) {
        *ret_evaluated = true;
        valid &= check_schema(check, member->schema, value, place, frame, NULL);
    }
    for (size_t i = 0; i < object->pattern_count; i++) {
        const struct schema_member *pattern = &object->patterns[i];

        if (matches(check, pattern->pattern, place->key, strlen(place->key))) {
            *ret_evaluated = true;
            valid &= check_schema(check, pattern->schema, value, place, frame, NULL);
        }
    }
    if (*ret_evaluated || object->additional == NULL)
        return valid;
    *ret_evaluated = true;
    if (object->additional->never)
        return report_unknown(check, object, place);
    return valid & check_schema(check, object->additional, value, place, frame, NULL);
}

static bool check_required(struct check *check, const struct schema_names *names,
                           const json_t *value, const struct place *place)
{
    bool valid = true;

    for (size_t i = 0; i < names->count; i++) {
        if (json_object_get(value, names->items[i]) == NULL)
            valid = report_missing(check, place, names->items[i]);
    }
    return valid;
}

static bool check_object(struct check *check, const struct schema_object *object,
                         const json_t *value, const struct place *place, const struct frame *frame,
                         struct evaluated *evaluated)
{
    const size_t count = json_object_size(value);
    bool valid = check_required(check, &object->required, value, place);
    size_t i = 0;
    const char *key;
    json_t *item;

    if (count < object->min)
        valid =
            report(check, place, "too-few-members",
                   "The object has %zu members; it must have at least %zu.", count, object->min);
    if (count > object->max)
        valid = report(check, place, "too-many-members",
                       "The object has %zu members; it may have at most %zu.", count, object->max);
    json_object_foreach (schema_value_mutable(value), key, item) {
        const struct place here = {.parent = place, .key = key};
        bool is_evaluated;

        valid &= check_member(check, object, item, &here, frame, &is_evaluated);
        if (is_evaluated)
            mark(evaluated, i);
        i++;
    }
    for (i = 0; i < object->required_with_count; i++) {
        if (json_object_get(value, object->required_with[i].name) != NULL)
            valid &= check_required(check, &object->required_with[i].required, value, place);
    }
    for (i = 0; i < object->schemas_with_count; i++) {
        if (json_object_get(value, object->schemas_with[i].name) != NULL)
            valid &=
                check_schema(check, object->schemas_with[i].schema, value, place, frame, evaluated);
    }
    return valid;
}

static bool check_unevaluated_members(struct check *check, const struct schema_object *object,
                                      const json_t *value, const struct place *place,
                                      const struct frame *frame, struct evaluated *evaluated)
{
    bool valid = true;
    size_t i = 0;
    const char *key;
    json_t *item;

    json_object_foreach (schema_value_mutable(value), key, item) {
        const struct place here = {.parent = place, .key = key};
        bool is_evaluated = evaluated->marks[i];

        mark(evaluated, i++);
        if (is_evaluated)
            continue;
        if (object->unevaluated->never)
            valid = report_unknown(check, object, &here);
        else
            valid &= check_schema(check, object->unevaluated, item, &here, frame, NULL);
    }
    return valid;
}

/* --- One schema --------------------------------------------------------------------------------
 */

static bool check_parts(struct check *check, const struct schema *schema, const json_t *value,
                        const struct place *place, const struct frame *frame,
                        struct evaluated *evaluated)
{
    bool valid = true;

    if (schema->never)
        return report(check, place, "not-allowed", "Nothing may stand here.");
    /* Of a value of the wrong type nothing else is worth saying. */
    if (schema->types != 0 && (schema->types & schema_value_types(value)) == 0)
        return report(check, place, "wrong-type", "The value must be %s, not %s.",
                      schema->type_text, type_name(value));
    if (schema->values != NULL)
        valid &= check_values(check, schema, value, place);
    if (schema->constant != NULL && !schema_value_equal(schema->constant, value))
        valid = report(check, place, "not-allowed", "The value must be %s.", schema->constant_text);
    if (schema->number != NULL && json_is_number(value))
        valid &= check_number(check, schema->number, value, place);
    if (schema->string != NULL && json_is_string(value))
        valid &= check_string(check, schema->string, value, place);
    if (schema->array != NULL && json_is_array(value))
        valid &= check_array(check, schema->array, value, place, frame, evaluated);
    if (schema->object != NULL && json_is_object(value))
        valid &= check_object(check, schema->object, value, place, frame, evaluated);
    return valid;
}

static bool check_within_frame(struct check *check, const struct schema *schema,
                               const json_t *value, const struct place *place,
                               const struct frame *parent, struct evaluated *evaluated)
{
    const struct frame frame = {.parent = parent, .resource = schema->resource};
    bool closes_object =
        schema->object != NULL && schema->object->unevaluated != NULL && json_is_object(value);
    bool closes_array =
        schema->array != NULL && schema->array->unevaluated != NULL && json_is_array(value);
    struct evaluated own = {0};
    struct evaluated *marks = evaluated;
    bool valid;
    bool logic_valid = true;

    /* "Unevaluated" is about this schema and those within it, not about its neighbours. */
    if (closes_object || closes_array) {
        if (!evaluated_init(check, value, &own))
            return false;
        marks = &own;
    }
    valid = check_parts(check, schema, value, place, &frame, marks);
    if (schema->logic != NULL)
        logic_valid = check_logic(check, schema->logic, value, place, &frame, marks);
    /* What a failed branch would have looked at is not known, so say nothing of the rest. */
    if (closes_object && logic_valid)
        valid &= check_unevaluated_members(check, schema->object, value, place, &frame, marks);
    if (closes_array && logic_valid)
        valid &= check_unevaluated_items(check, schema->array, value, place, &frame, marks);
    if (marks == &own)
        mark_all(evaluated, &own);
    return valid && logic_valid;
}

static bool check_schema(struct check *check, const struct schema *schema, const json_t *value,
                         const struct place *place, const struct frame *parent,
                         struct evaluated *evaluated)
{
    bool valid;

    if (check->exhausted)
        return false;
    if (check->frame_count >= SCHEMA_FRAMES_MAX || ++check->step_count > SCHEMA_STEPS_MAX) {
        check->exhausted = true;
        return false;
    }
    check->frame_count++;
    valid = check_within_frame(check, schema, value, place, parent, evaluated);
    check->frame_count--;
    return valid;
}

bool schema_check(const struct schema *schema, const json_t *value, const char *prefix,
                  struct arena *arena, struct problem *problem)
{
    const struct place root = {0};
    struct check check = {
        .prefix = prefix != NULL ? prefix : "", .arena = arena, .problem = problem};
    bool valid;

    if (!schema_value_within_depth(value, SCHEMA_DEPTH_MAX))
        return report(&check, &root, TOO_DEEP, "The value is nested deeper than %d levels.",
                      SCHEMA_DEPTH_MAX);
    arena_init(&check.scratch, SCHEMA_SCRATCH_BYTES_MAX);
    valid = check_schema(&check, schema, value, &root, NULL, NULL);
    if (check.exhausted) {
        check.exhausted = false;
        valid = report(&check, &root, TOO_DEEP, "The value is too large to be checked.");
    }
    pcre2_match_data_free(check.match_data);
    arena_deinit(&check.scratch);
    return valid;
}
