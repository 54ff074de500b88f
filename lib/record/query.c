/*
 * The grammar is small on purpose: a name is a property or a property with one
 * of four suffixes, a value is a list with an optional "not." in front. All of
 * it can be listed in the contract, and all of it can be answered by an index.
 */
#include "record/query_internal.h"

#include "base/arena.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "record/timed.h"

#include <string.h>

static void parse_limit(struct query_parser *parser, const char *value)
{
    parser->query->is_page = true;
    if (!num_parse_u32(value, 1, PAGE_ITEMS_MAX, &parser->query->limit))
        problem_add(parser->problem, parser->arena, NULL, "limit", "out-of-range",
                    "limit is a whole number from 1 to %d", PAGE_ITEMS_MAX);
}

static void parse_count(struct query_parser *parser, const char *value)
{
    static const char *const MODES[] = {"none", "estimated", "exact"};

    for (size_t i = 0; i < ARRAY_LENGTH(MODES); i++)
        if (strcmp(MODES[i], value) == 0) {
            parser->query->count = (enum query_count)i;
            return;
        }
    query_refuse_value(parser, "count", value, "none, estimated or exact",
                       text_nearest(value, MODES, ARRAY_LENGTH(MODES)));
}

static void parse_search(struct query_parser *parser, const char *value)
{
    size_t characters = 0;

    for (const char *at = value; *at != '\0'; at++)
        characters += (*at & 0xc0) != 0x80;
    if (characters > SEARCH_CHARACTERS_MAX)
        problem_add(parser->problem, parser->arena, NULL, "q", "too-long",
                    "at most %d characters are searched for", SEARCH_CHARACTERS_MAX);
    else if (value[strspn(value, " \t")] == '\0')
        query_refuse(parser, "q", "empty-value", "q has no word to search for");
    else
        parser->query->search = value;
}

static void parse_highlights(struct query_parser *parser, const char *value)
{
    if (strcmp(value, "true") == 0)
        parser->query->highlights = true;
    else if (strcmp(value, "false") != 0)
        query_refuse_value(parser, "highlights", value, "true or false", NULL);
}

static void parse_cursor(struct query_parser *parser, const char *value)
{
    parser->query->is_page = true;
    parser->query->cursor = value;
    if (strlen(value) <= CURSOR_BYTES_MAX)
        return;
    problem_set(parser->problem, "invalid-cursor", NULL);
    query_refuse(parser, "cursor", "invalid-cursor", "the cursor is not one of this service");
}

struct plain {
    const char *name;
    void (*parse)(struct query_parser *parser, const char *value);
    bool of_record;      /* also when a single record is read */
    bool of_batch;       /* also when records are read by their ids */
    bool needs_location; /* only of resources that have a place */
};

/* In the order in which they must be read: sort looks at q and near, stale at as_of. */
static const struct plain PLAIN[] = {
    {.name = "q", .parse = parse_search},
    {.name = "highlights", .parse = parse_highlights},
    {.name = "near", .parse = query_parse_near, .needs_location = true},
    {.name = "radius_km", .parse = query_parse_radius, .needs_location = true},
    {.name = "bbox", .parse = query_parse_box, .needs_location = true},
    {.name = "ids", .parse = query_parse_ids},
    {.name = "limit", .parse = parse_limit},
    {.name = "cursor", .parse = parse_cursor},
    {.name = "count", .parse = parse_count},
    {.name = "facets", .parse = query_parse_facets},
    {.name = "as_of", .parse = query_parse_as_of, .of_record = true},
    {.name = "stale", .parse = query_parse_stale},
    {.name = "fields", .parse = query_parse_fields, .of_record = true, .of_batch = true},
    {.name = "include", .parse = query_parse_include, .of_record = true, .of_batch = true},
    {.name = "lang", .parse = query_parse_languages, .of_record = true, .of_batch = true},
};

static bool is_offered(const struct query_parser *parser, const struct plain *plain)
{
    if ((parser->scope == QUERY_READ && !plain->of_record) ||
        (parser->scope == QUERY_BATCH && !plain->of_batch))
        return false;
    return !plain->needs_location || parser->query->resource->location != NULL;
}

static void refuse_unknown(struct query_parser *parser, const char *name)
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

static const struct plain *find_plain(const struct query_parser *parser, const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(PLAIN); i++)
        if (strcmp(PLAIN[i].name, name) == 0 && is_offered(parser, &PLAIN[i]))
            return &PLAIN[i];
    return NULL;
}

static const char *only_value(struct query_parser *parser, const struct query_pair *pairs,
                              size_t count, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].name, name) != 0)
            continue;
        if (value != NULL) {
            query_refuse(parser, name, "repeated", "the parameter may be there only once");
            return NULL;
        }
        value = pairs[i].value;
    }
    return value;
}

static void check_together(struct query_parser *parser)
{
    struct query *query = parser->query;

    /* Whoever names the records wants them all. */
    if (query->id_count > 0 && !query->is_page)
        query->limit = (uint32_t)query->id_count;

    if (query->radius_km > 0 && !query->has_near)
        query_refuse(parser, "radius_km", "needs-place", "radius_km needs near");
    if (query->highlights && query->search == NULL)
        query_refuse(parser, "highlights", "needs-search", "highlights needs q");
    query_check_as_of(parser);
}

bool query_parse(const struct contract *contract, const struct resource *resource,
                 enum query_scope scope, const struct query_pair *pairs, size_t count,
                 const char *const *languages, size_t language_count, struct arena *arena,
                 struct problem *problem, struct query *ret_query)
{
    struct query_parser parser = {contract, arena, problem, ret_query, scope};

    *ret_query = (struct query){.resource = resource, .limit = PAGE_ITEMS_DEFAULT};
    problem_set(problem, "invalid-parameter", NULL);
    for (size_t i = 0; i < language_count && i < LANGUAGES_MAX; i++)
        ret_query->languages[ret_query->language_count++] = languages[i];

    for (size_t i = 0; i < ARRAY_LENGTH(PLAIN); i++) {
        const char *value = is_offered(&parser, &PLAIN[i])
                                ? only_value(&parser, pairs, count, PLAIN[i].name)
                                : NULL;

        if (value != NULL && value[0] == '\0')
            query_refuse(&parser, PLAIN[i].name, "empty-value", "the parameter has no value");
        else if (value != NULL)
            PLAIN[i].parse(&parser, value);
    }
    if (scope == QUERY_LIST)
        query_parse_sort(&parser, only_value(&parser, pairs, count, "sort"));
    for (size_t i = 0; i < count; i++) {
        const struct filter *filter =
            scope == QUERY_LIST ? resource_filter(resource, pairs[i].name) : NULL;

        if (filter != NULL)
            query_parse_filter(&parser, filter, pairs[i].value);
        else if (find_plain(&parser, pairs[i].name) == NULL &&
                 !(scope == QUERY_LIST &&
                   (strcmp(pairs[i].name, "sort") == 0 || strcmp(pairs[i].name, "format") == 0)))
            refuse_unknown(&parser, pairs[i].name);
    }
    check_together(&parser);
    return problem->error_count == 0;
}

bool query_ages(const struct query *query)
{
    bool ages = timed_has(query->resource);

    for (size_t i = 0; i < query->include_count; i++)
        ages = ages ||
               timed_has(query->includes[i].relation != NULL ? query->includes[i].relation->target
                                                             : query->includes[i].referrer);
    return ages || (query->freshness != FRESHNESS_ANY && query->as_of == NULL);
}

bool query_always_shows(const struct query *query, const struct property *property)
{
    return property == query->resource->label || strcmp(property->path, ID_PROPERTY) == 0 ||
           strcmp(property->path, "slug") == 0;
}
