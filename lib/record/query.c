/*
 * The grammar is small on purpose: a name is a property or a property with one
 * of four suffixes, a value is a list with an optional "not." in front. All of
 * it can be listed in the contract, and all of it can be answered by an index.
 */
#include "record/query.h"

#include "base/arena.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define RADIUS_KM_MAX 20040.0 /* half way around the earth */
#define VALUE_BYTES_MAX 1200  /* 300 characters, the longest text that can be asked for */
#define NAMES_MAX 512
#define LANGUAGE_BYTES_MAX 35 /* of a tag; RFC 5646 section 4.4.1 */
#define SHOWN_BYTES_MAX 80    /* of what the client sent, in a sentence about it */

struct parser {
    const struct contract *contract;
    struct arena *arena;
    struct problem *problem;
    struct query *query;
    enum query_scope scope;
};

static void refuse(struct parser *parser, const char *parameter, const char *code,
                   const char *detail)
{
    problem_add(parser->problem, parser->arena, NULL, parameter, code, "%s", detail);
}

static void refuse_value(struct parser *parser, const char *parameter, const char *value,
                         const char *expected, const char *nearest)
{
    /* A long value helps nobody, and cutting it could split a character. */
    if (strlen(value) > SHOWN_BYTES_MAX)
        value = "this value";
    if (nearest != NULL)
        problem_add(parser->problem, parser->arena, NULL, parameter, "unknown-value",
                    "'%s' is not %s; did you mean '%s'?", value, expected, nearest);
    else
        problem_add(parser->problem, parser->arena, NULL, parameter, "unknown-value",
                    "'%s' is not %s", value, expected);
}

/* Commas that no backslash stands before. */
static size_t count_commas(const char *value)
{
    size_t count = 0;

    for (; *value != '\0'; value++) {
        if (*value == '\\' && value[1] != '\0')
            value++;
        else if (*value == ',')
            count++;
    }
    return count;
}

/* Ends the item at @item, in place, its backslashes gone. Return: the next one; NULL: it was the
 * last. */
static char *cut_item(char *item)
{
    char *to = item;

    for (; *item != '\0' && *item != ','; item++) {
        if (*item == '\\' && item[1] != '\0')
            item++;
        *to++ = *item;
    }
    item = *item == ',' ? item + 1 : NULL;
    *to = '\0';
    return item;
}

/*
 * Split at commas into the arena; an empty item is refused. A backslash makes the character
 * behind it stand for itself. NULL when refused.
 */
static const char *const *split(struct parser *parser, const char *parameter, const char *value,
                                size_t most, size_t *ret_count)
{
    const size_t count = count_commas(value) + 1;
    const char **items;
    size_t at = 0;
    char *copy;

    if (count > most) {
        problem_add(parser->problem, parser->arena, NULL, parameter, "too-many-values",
                    "at most %zu values are taken at once", most);
        return NULL;
    }
    items = arena_alloc_array(parser->arena, count, sizeof(*items));
    copy = arena_copy(parser->arena, value);
    if (items == NULL || copy == NULL) {
        refuse(parser, parameter, "too-long", "the request is too large");
        return NULL;
    }
    for (char *item = copy; item != NULL; at++) {
        items[at] = item;
        item = cut_item(item);
        if (items[at][0] == '\0') {
            refuse(parser, parameter, "empty-value",
                   "a value is empty; leave the parameter out, or give it a value");
            return NULL;
        }
    }
    *ret_count = count;
    return items;
}

/* --- values of filters -------------------------------------------------------------------- */

static bool is_digits(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

static bool is_partial_date(const char *text)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const size_t length = strlen(text);
    int year;
    int month;
    int day;
    int days;

    if ((length != 4 && length != 7 && length != 10) || !is_digits(text, 4))
        return false;
    year = (int)strtol(text, NULL, 10);
    if (year == 0)
        return false;
    if (length == 4)
        return true;
    if (text[4] != '-' || !is_digits(text + 5, 2))
        return false;
    month = (int)strtol(text + 5, NULL, 10);
    if (month < 1 || month > 12)
        return false;
    if (length == 7)
        return true;
    if (text[7] != '-' || !is_digits(text + 8, 2))
        return false;
    day = (int)strtol(text + 8, NULL, 10);
    days = DAYS[month - 1];
    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
        days++;
    return day >= 1 && day <= days;
}

/* A date, or an RFC 3339 time: checked in shape here; its ranges as a date. */
static bool is_time(const char *text)
{
    static const char SHAPE[] = "dddd-dd-ddTdd:dd:dd";
    char date[11];
    size_t i;

    if (strlen(text) == 10)
        return is_partial_date(text);
    for (i = 0; SHAPE[i] != '\0'; i++)
        if (SHAPE[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != SHAPE[i])
            return false;
    memcpy(date, text, 10);
    date[10] = '\0';
    if (!is_partial_date(date) || strtol(text + 11, NULL, 10) > 23 ||
        strtol(text + 14, NULL, 10) > 59 || strtol(text + 17, NULL, 10) > 59)
        return false;
    if (text[i] == '.') {
        size_t digits = strspn(text + i + 1, "0123456789");

        if (digits == 0 || digits > 6)
            return false;
        i += 1 + digits;
    }
    if (strcmp(text + i, "Z") == 0)
        return true;
    return (text[i] == '+' || text[i] == '-') && strlen(text + i) == 6 &&
           is_digits(text + i + 1, 2) && text[i + 3] == ':' && is_digits(text + i + 4, 2) &&
           strtol(text + i + 1, NULL, 10) <= 14 && strtol(text + i + 4, NULL, 10) <= 59;
}

static bool check_value(struct parser *parser, const struct filter *filter, const char *value)
{
    const struct property *property = filter->property;
    const char *expected = NULL;
    int64_t integer;

    if (strlen(value) > VALUE_BYTES_MAX) {
        refuse(parser, filter->name, "too-long", "the value is too long");
        return false;
    }
    if (property->values != NULL) {
        for (size_t i = 0; i < property->value_count; i++)
            if (strcmp(property->values[i], value) == 0)
                return true;
        refuse_value(parser, filter->name, value, "one of its values",
                     text_nearest(value, property->values, property->value_count));
        return false;
    }
    switch (property->kind) {
    case PROPERTY_BOOLEAN:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            expected = "true or false";
        break;
    case PROPERTY_INTEGER:
        if (!num_parse_i64(value, INT64_MIN, INT64_MAX, &integer))
            expected = "a whole number";
        break;
    case PROPERTY_NUMBER:
    case PROPERTY_DOUBLE:
    case PROPERTY_DECIMAL:
        if (!num_is_decimal(value))
            expected = "a number";
        break;
    case PROPERTY_UUID:
        if (!uuid_is_valid(value))
            expected = "a UUID";
        break;
    case PROPERTY_DATE:
        if (strlen(value) != 10 || !is_partial_date(value))
            expected = "a date such as 2021-09-30";
        break;
    case PROPERTY_PARTIAL_DATE:
        if (!is_partial_date(value))
            expected = "a year, month or day such as 2021, 2021-09 or 2021-09-30";
        break;
    case PROPERTY_TIME:
        if (!is_time(value))
            expected = "a time such as 2021-09-30T12:00:00Z, or a date";
        break;
    case PROPERTY_TEXT:
    case PROPERTY_RELATION:
    case PROPERTY_OBJECT:
        break;
    }
    if (expected == NULL)
        return true;
    refuse_value(parser, filter->name, value, expected, NULL);
    return false;
}

static void parse_filter(struct parser *parser, const struct filter *filter, const char *value)
{
    struct query *query = parser->query;
    struct query_condition *condition = &query->conditions[query->condition_count];
    bool valid = true;

    *condition = (struct query_condition){.filter = filter};
    if (strncmp(value, "not.", 4) == 0) {
        condition->negated = true;
        value += 4;
    }
    if (filter->operator!= FILTER_EQUAL && condition->negated) {
        refuse(parser, filter->name, "not-allowed", "'not.' goes with equality alone");
        return;
    }
    condition->values =
        split(parser, filter->name, value, filter->operator== FILTER_EQUAL ? FILTER_VALUES_MAX : 1,
              &condition->value_count);
    if (condition->values == NULL)
        return;
    for (size_t i = 0; i < condition->value_count; i++)
        valid = check_value(parser, filter, condition->values[i]) && valid;
    if (!valid)
        return;
    if (!filter->property->in_array || filter->operator!= FILTER_EQUAL)
        for (size_t i = 0; i < query->condition_count; i++)
            if (query->conditions[i].filter == filter && !condition->negated &&
                !query->conditions[i].negated) {
                refuse(parser, filter->name, "repeated",
                       "a record has one value of this property, so it cannot have two at once; "
                       "separate values that may be either with a comma");
                return;
            }
    query->condition_count++;
}

/* --- place --------------------------------------------------------------------------------- */

static bool parse_numbers(struct parser *parser, const char *parameter, const char *value,
                          size_t wanted, double *ret_numbers)
{
    size_t count = 0;
    const char *const *items = split(parser, parameter, value, wanted, &count);

    if (items == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!num_parse_double(items[i], -1e9, 1e9, &ret_numbers[i])) {
            refuse_value(parser, parameter, items[i], "a decimal number", NULL);
            return false;
        }
    if (count != wanted) {
        problem_add(parser->problem, parser->arena, NULL, parameter, "wrong-count",
                    "%zu numbers are needed, separated by commas", wanted);
        return false;
    }
    return true;
}

static void parse_near(struct parser *parser, const char *value)
{
    double numbers[2];

    if (!parse_numbers(parser, "near", value, 2, numbers))
        return;
    if (numbers[0] < -90 || numbers[0] > 90 || numbers[1] < -180 || numbers[1] > 180) {
        refuse(parser, "near", "out-of-range",
               "latitude comes first (-90 to 90), then longitude (-180 to 180)");
        return;
    }
    parser->query->has_near = true;
    parser->query->lat = numbers[0];
    parser->query->lon = numbers[1];
}

static void parse_box(struct parser *parser, const char *value)
{
    double numbers[4];

    if (!parse_numbers(parser, "bbox", value, 4, numbers))
        return;
    if (numbers[0] < -180 || numbers[0] > 180 || numbers[2] < -180 || numbers[2] > 180 ||
        numbers[1] < -90 || numbers[3] > 90 || numbers[1] > numbers[3]) {
        refuse(parser, "bbox", "out-of-range",
               "the order is west,south,east,north: longitudes from -180 to 180, latitudes from "
               "-90 to 90, south not above north");
        return;
    }
    parser->query->has_box = true;
    parser->query->west = numbers[0];
    parser->query->south = numbers[1];
    parser->query->east = numbers[2];
    parser->query->north = numbers[3];
}

/* --- lists of names ------------------------------------------------------------------------ */

static const struct query_sort *default_sort(const struct query *query)
{
    static struct query_sort relevance = {.kind = SORT_RELEVANCE, .descending = true};
    static struct query_sort distance = {.kind = SORT_DISTANCE};

    if (query->search != NULL)
        return &relevance;
    return query->has_near ? &distance : NULL;
}

static void parse_sort_key(struct parser *parser, const char *item)
{
    struct query *query = parser->query;
    const struct resource *resource = query->resource;
    struct query_sort sort = {.descending = item[0] == '-'};
    const char *name = item[0] == '-' ? item + 1 : item;
    const char *names[NAMES_MAX];
    size_t name_count = 0;

    sort.property = resource_leaf(resource, name);
    if (strcmp(name, "relevance") == 0 && sort.property == NULL) {
        sort.kind = SORT_RELEVANCE;
        sort.descending = item[0] != '-'; /* the most relevant first, unless turned round */
        if (query->search == NULL)
            refuse(parser, "sort", "needs-search", "sorting by relevance needs q");
    } else if (strcmp(name, "distance") == 0 && sort.property == NULL) {
        sort.kind = SORT_DISTANCE;
        if (!query->has_near)
            refuse(parser, "sort", "needs-place", "sorting by distance needs near");
    } else if (sort.property == NULL || !sort.property->sortable || sort.property->in_array) {
        for (size_t i = 0; i < resource->leaf_count && name_count < NAMES_MAX; i++)
            if (resource->leaves[i]->sortable && !resource->leaves[i]->in_array)
                names[name_count++] = resource->leaves[i]->path;
        refuse_value(parser, "sort", item, "something to sort by",
                     text_nearest(name, names, name_count));
        return;
    }
    for (size_t i = 0; i < query->sort_count; i++)
        if (query->sorts[i].kind == sort.kind && query->sorts[i].property == sort.property) {
            problem_add(parser->problem, parser->arena, NULL, "sort", "repeated",
                        "'%s' is in the order already", name);
            return;
        }
    query->sorts[query->sort_count++] = sort;
}

static void parse_sort(struct parser *parser, const char *value)
{
    size_t count = 0;
    const char *const *items;

    if (value == NULL) {
        const struct query_sort *sort = default_sort(parser->query);

        parser->query->sorts[0] =
            sort != NULL ? *sort
                         : (struct query_sort){
                               .property = resource_leaf(parser->query->resource, "updated_at"),
                               .descending = true};
        parser->query->sort_count = 1;
        return;
    }
    items = split(parser, "sort", value, SORT_KEYS_MAX, &count);
    for (size_t i = 0; items != NULL && i < count; i++)
        parse_sort_key(parser, items[i]);
}

static void parse_fields(struct parser *parser, const char *value)
{
    const struct resource *resource = parser->query->resource;
    size_t count = 0;
    const char *const *items = split(parser, "fields", value, FIELDS_MAX, &count);
    const char *names[NAMES_MAX];
    size_t name_count = 0;

    for (size_t i = 0; i < resource->property_count && name_count < NAMES_MAX; i++)
        names[name_count++] = resource->properties[i].name;
    for (size_t i = 0; items != NULL && i < count; i++) {
        const struct property *property = resource_property(resource, items[i]);

        if (property == NULL)
            refuse_value(parser, "fields", items[i], "a property",
                         text_nearest(items[i], names, name_count));
        else
            parser->query->fields[parser->query->field_count++] = property;
    }
}

static bool is_listed_before(const char *const *items, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(items[i], items[at]) == 0)
            return true;
    return false;
}

static void refuse_repeated(struct parser *parser, const char *parameter, const char *item)
{
    problem_add(parser->problem, parser->arena, NULL, parameter, "repeated",
                "'%s' is in the list already", item);
}

static void parse_include(struct parser *parser, const char *value)
{
    struct query *query = parser->query;
    const struct resource *resource = query->resource;
    size_t count = 0;
    const char *const *items = split(parser, "include", value, INCLUDES_MAX, &count);
    const char *names[NAMES_MAX];
    size_t name_count = 0;

    for (size_t i = 0; i < resource->leaf_count && name_count < NAMES_MAX; i++)
        if (resource->leaves[i]->includable)
            names[name_count++] = resource->leaves[i]->path;
    for (size_t i = 0; i < resource->referrer_count && name_count < NAMES_MAX; i++)
        names[name_count++] = resource->referrers[i]->table;
    for (size_t i = 0; items != NULL && i < count; i++) {
        const struct property *property = resource_leaf(resource, items[i]);
        struct query_include include = {.name = items[i]};

        if (property != NULL && property->includable)
            include.relation = property;
        for (size_t j = 0; include.relation == NULL && j < resource->referrer_count; j++)
            if (strcmp(resource->referrers[j]->table, items[i]) == 0)
                include.referrer = resource->referrers[j];
        if (include.relation == NULL && include.referrer == NULL)
            refuse_value(parser, "include", items[i], "a relation that can be embedded",
                         text_nearest(items[i], names, name_count));
        else if (is_listed_before(items, i))
            refuse_repeated(parser, "include", items[i]);
        else
            query->includes[query->include_count++] = include;
    }
}

static void parse_facets(struct parser *parser, const char *value)
{
    struct query *query = parser->query;
    const struct resource *resource = query->resource;
    size_t count = 0;
    const char *const *items = split(parser, "facets", value, FACETS_MAX, &count);
    const char *names[NAMES_MAX];
    size_t name_count = 0;

    for (size_t i = 0; i < resource->leaf_count && name_count < NAMES_MAX; i++)
        if (resource->leaves[i]->facet)
            names[name_count++] = resource->leaves[i]->path;
    for (size_t i = 0; items != NULL && i < count; i++) {
        const struct property *property = resource_leaf(resource, items[i]);

        if (property == NULL || !property->facet)
            refuse_value(parser, "facets", items[i], "a facet",
                         text_nearest(items[i], names, name_count));
        else if (is_listed_before(items, i))
            refuse_repeated(parser, "facets", items[i]);
        else
            query->facets[query->facet_count++] = property;
    }
}

/* Two or three letters, then parts of two to eight letters or digits, as the contract has it. */
static bool is_language_tag(const char *tag)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char OTHERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    size_t length = strspn(tag, LETTERS);

    if (length < 2 || length > 3 || strlen(tag) > LANGUAGE_BYTES_MAX)
        return false;
    for (tag += length; *tag == '-'; tag += length + 1) {
        length = strspn(tag + 1, OTHERS);
        if (length < 2 || length > 8)
            return false;
    }
    return *tag == '\0';
}

static void parse_languages(struct parser *parser, const char *value)
{
    struct query *query = parser->query;
    size_t count = 0;
    const char *const *items;

    query->language_count = 0;
    if (strcmp(value, "all") == 0) {
        query->all_languages = true;
        return;
    }
    items = split(parser, "lang", value, LANGUAGES_MAX, &count);
    for (size_t i = 0; items != NULL && i < count; i++) {
        if (!is_language_tag(items[i]))
            refuse_value(parser, "lang", items[i], "a language tag such as fr or pt-BR", NULL);
        else
            query->languages[query->language_count++] = items[i];
    }
}

static void parse_ids(struct parser *parser, const char *value)
{
    struct query *query = parser->query;

    const char *const *items = split(parser, "ids", value, IDS_MAX, &query->id_count);
    const char **ids = arena_alloc_array(parser->arena, query->id_count, sizeof(*ids));

    for (size_t i = 0; items != NULL && ids != NULL && i < query->id_count; i++) {
        char id[UUID_TEXT_BYTES];

        if (!uuid_is_valid(items[i])) {
            refuse_value(parser, "ids", items[i], "the id of a record", NULL);
            continue;
        }
        uuid_make_lower(items[i], id);
        ids[i] = arena_copy(parser->arena, id);
    }
    query->ids = ids;
}

/* --- plain parameters ---------------------------------------------------------------------- */

static void parse_limit(struct parser *parser, const char *value)
{
    parser->query->is_page = true;
    if (!num_parse_u32(value, 1, PAGE_ITEMS_MAX, &parser->query->limit))
        problem_add(parser->problem, parser->arena, NULL, "limit", "out-of-range",
                    "limit is a whole number from 1 to %d", PAGE_ITEMS_MAX);
}

static void parse_count(struct parser *parser, const char *value)
{
    static const char *const MODES[] = {"none", "estimated", "exact"};

    for (size_t i = 0; i < ARRAY_LENGTH(MODES); i++)
        if (strcmp(MODES[i], value) == 0) {
            parser->query->count = (enum query_count)i;
            return;
        }
    refuse_value(parser, "count", value, "none, estimated or exact",
                 text_nearest(value, MODES, ARRAY_LENGTH(MODES)));
}

static void parse_search(struct parser *parser, const char *value)
{
    size_t characters = 0;

    for (const char *at = value; *at != '\0'; at++)
        characters += (*at & 0xc0) != 0x80;
    if (characters > SEARCH_CHARACTERS_MAX)
        problem_add(parser->problem, parser->arena, NULL, "q", "too-long",
                    "at most %d characters are searched for", SEARCH_CHARACTERS_MAX);
    else if (value[strspn(value, " \t")] == '\0')
        refuse(parser, "q", "empty-value", "q has no word to search for");
    else
        parser->query->search = value;
}

static void parse_highlights(struct parser *parser, const char *value)
{
    if (strcmp(value, "true") == 0)
        parser->query->highlights = true;
    else if (strcmp(value, "false") != 0)
        refuse_value(parser, "highlights", value, "true or false", NULL);
}

static void parse_radius(struct parser *parser, const char *value)
{
    if (!num_parse_double(value, 0.001, RADIUS_KM_MAX, &parser->query->radius_km))
        refuse(parser, "radius_km", "out-of-range",
               "radius_km is a number of kilometres, from 0.001 to 20040");
}

static void parse_cursor(struct parser *parser, const char *value)
{
    parser->query->is_page = true;
    parser->query->cursor = value;
    if (strlen(value) <= CURSOR_BYTES_MAX)
        return;
    problem_set(parser->problem, "invalid-cursor", NULL);
    refuse(parser, "cursor", "invalid-cursor", "the cursor is not one of this service");
}

struct plain {
    const char *name;
    void (*parse)(struct parser *parser, const char *value);
    bool of_record;      /* also when a single record is read */
    bool needs_location; /* only of resources that have a place */
};

/* In the order in which they must be read: sort looks at q and near. */
static const struct plain PLAIN[] = {
    {"q", parse_search, false, false},      {"highlights", parse_highlights, false, false},
    {"near", parse_near, false, true},      {"radius_km", parse_radius, false, true},
    {"bbox", parse_box, false, true},       {"ids", parse_ids, false, false},
    {"limit", parse_limit, false, false},   {"cursor", parse_cursor, false, false},
    {"count", parse_count, false, false},   {"facets", parse_facets, false, false},
    {"fields", parse_fields, true, false},  {"include", parse_include, true, false},
    {"lang", parse_languages, true, false},
};

static bool is_offered(const struct parser *parser, const struct plain *plain)
{
    if (parser->scope == QUERY_READ && !plain->of_record)
        return false;
    return !plain->needs_location || parser->query->resource->location != NULL;
}

static void refuse_unknown(struct parser *parser, const char *name)
{
    const struct resource *resource = parser->query->resource;
    const char *names[NAMES_MAX];
    size_t count = 0;
    const char *nearest;

    for (size_t i = 0; i < ARRAY_LENGTH(PLAIN); i++)
        if (is_offered(parser, &PLAIN[i]))
            names[count++] = PLAIN[i].name;
    if (parser->scope == QUERY_LIST) {
        names[count++] = "sort";
        names[count++] = "format";
        for (size_t i = 0; i < resource->filter_count && count < NAMES_MAX; i++)
            names[count++] = resource->filters[i].name;
    }
    nearest = text_nearest(name, names, count);
    if (strlen(name) > SHOWN_BYTES_MAX)
        name = "this parameter";
    if (nearest != NULL)
        problem_add(parser->problem, parser->arena, NULL, name, "unknown-parameter",
                    "'%s' is not a parameter here; did you mean '%s'?", name, nearest);
    else
        problem_add(parser->problem, parser->arena, NULL, name, "unknown-parameter",
                    "'%s' is not a parameter here", name);
}

static const struct plain *find_plain(const struct parser *parser, const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(PLAIN); i++)
        if (strcmp(PLAIN[i].name, name) == 0 && is_offered(parser, &PLAIN[i]))
            return &PLAIN[i];
    return NULL;
}

static const char *only_value(struct parser *parser, const struct query_pair *pairs, size_t count,
                              const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].name, name) != 0)
            continue;
        if (value != NULL) {
            refuse(parser, name, "repeated", "the parameter may be there only once");
            return NULL;
        }
        value = pairs[i].value;
    }
    return value;
}

static void check_together(struct parser *parser)
{
    struct query *query = parser->query;

    /* Whoever names the records wants them all. */
    if (query->id_count > 0 && !query->is_page)
        query->limit = (uint32_t)query->id_count;

    if (query->radius_km > 0 && !query->has_near)
        refuse(parser, "radius_km", "needs-place", "radius_km needs near");
    if (query->highlights && query->search == NULL)
        refuse(parser, "highlights", "needs-search", "highlights needs q");
}

bool query_parse(const struct contract *contract, const struct resource *resource,
                 enum query_scope scope, const struct query_pair *pairs, size_t count,
                 const char *const *languages, size_t language_count, struct arena *arena,
                 struct problem *problem, struct query *ret_query)
{
    struct parser parser = {contract, arena, problem, ret_query, scope};

    *ret_query = (struct query){.resource = resource, .limit = PAGE_ITEMS_DEFAULT};
    problem_set(problem, "invalid-parameter", NULL);
    for (size_t i = 0; i < language_count && i < LANGUAGES_MAX; i++)
        ret_query->languages[ret_query->language_count++] = languages[i];

    for (size_t i = 0; i < ARRAY_LENGTH(PLAIN); i++) {
        const char *value = is_offered(&parser, &PLAIN[i])
                                ? only_value(&parser, pairs, count, PLAIN[i].name)
                                : NULL;

        if (value != NULL && value[0] == '\0')
            refuse(&parser, PLAIN[i].name, "empty-value", "the parameter has no value");
        else if (value != NULL)
            PLAIN[i].parse(&parser, value);
    }
    if (scope == QUERY_LIST)
        parse_sort(&parser, only_value(&parser, pairs, count, "sort"));
    for (size_t i = 0; i < count; i++) {
        const struct filter *filter =
            scope == QUERY_LIST ? resource_filter(resource, pairs[i].name) : NULL;

        if (filter != NULL)
            parse_filter(&parser, filter, pairs[i].value);
        else if (find_plain(&parser, pairs[i].name) == NULL &&
                 !(scope == QUERY_LIST &&
                   (strcmp(pairs[i].name, "sort") == 0 || strcmp(pairs[i].name, "format") == 0)))
            refuse_unknown(&parser, pairs[i].name);
    }
    check_together(&parser);
    return problem->error_count == 0;
}

bool query_always_shows(const struct query *query, const struct property *property)
{
    return property == query->resource->label || strcmp(property->path, ID_PROPERTY) == 0 ||
           strcmp(property->path, "slug") == 0;
}

/* --- fingerprint --------------------------------------------------------------------------- */

static void hash_text(crypto_generichash_state *state, const char *text)
{
    (void)crypto_generichash_update(state, (const unsigned char *)text, strlen(text) + 1);
}

static void hash_bytes(crypto_generichash_state *state, const void *bytes, size_t size_bytes)
{
    (void)crypto_generichash_update(state, bytes, size_bytes);
}

void query_fingerprint(const struct query *query, unsigned char ret_hash[QUERY_FINGERPRINT_BYTES])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, QUERY_FINGERPRINT_BYTES);
    hash_text(&state, query->resource->path);
    for (size_t i = 0; i < query->condition_count; i++) {
        const struct query_condition *condition = &query->conditions[i];

        hash_text(&state, condition->filter->name);
        hash_text(&state, condition->negated ? "not" : "");
        for (size_t j = 0; j < condition->value_count; j++)
            hash_text(&state, condition->values[j]);
        hash_text(&state, "");
    }
    hash_text(&state, query->related == NULL ? "" : query->related->path);
    hash_text(&state, query->related == NULL ? "" : query->related_to);
    for (size_t i = 0; i < query->id_count; i++)
        hash_text(&state, query->ids[i]);
    hash_text(&state, query->search == NULL ? "" : query->search);
    if (query->has_near) {
        hash_bytes(&state, &query->lat, sizeof(query->lat));
        hash_bytes(&state, &query->lon, sizeof(query->lon));
        hash_bytes(&state, &query->radius_km, sizeof(query->radius_km));
    }
    if (query->has_box) {
        const double box[] = {query->west, query->south, query->east, query->north};

        hash_bytes(&state, box, sizeof(box));
    }
    for (size_t i = 0; i < query->sort_count; i++) {
        const struct query_sort *sort = &query->sorts[i];
        const unsigned char flags = (unsigned char)(sort->kind << 1 | sort->descending);

        hash_bytes(&state, &flags, 1);
        hash_text(&state, sort->property == NULL ? "" : sort->property->path);
    }
    (void)crypto_generichash_final(&state, ret_hash, QUERY_FINGERPRINT_BYTES);
}
