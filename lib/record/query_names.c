/*
 * Lists of names: orders, members, what is embedded, facets, languages, ids.
 */
#include "record/query_internal.h"

#include "base/arena.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"

#include <string.h>

#define LANGUAGE_BYTES_MAX 35 /* of a tag; RFC 5646 section 4.4.1 */

static const struct query_sort *default_sort(const struct query *query)
{
    static struct query_sort relevance = {.kind = SORT_RELEVANCE, .descending = true};
    static struct query_sort distance = {.kind = SORT_DISTANCE};

    if (query->search != NULL)
        return &relevance;
    return query->has_near ? &distance : NULL;
}

static void parse_sort_key(struct query_parser *parser, const char *item)
{
    struct query *query = parser->query;
    const struct resource *resource = query->resource;
    struct query_sort sort = {.descending = item[0] == '-'};
    const char *name = item[0] == '-' ? item + 1 : item;
    const char *names[NAMES_MAX];
    size_t name_count = 0;

    sort.property = resource_sortable(resource, name);
    if (strcmp(name, "relevance") == 0 && sort.property == NULL) {
        sort.kind = SORT_RELEVANCE;
        sort.descending = item[0] != '-'; /* the most relevant first, unless turned round */
        if (query->search == NULL)
            query_refuse(parser, "sort", "needs-search", "sorting by relevance needs q");
    } else if (strcmp(name, "distance") == 0 && sort.property == NULL) {
        sort.kind = SORT_DISTANCE;
        if (!query->has_near)
            query_refuse(parser, "sort", "needs-place", "sorting by distance needs near");
    } else if (sort.property == NULL) {
        for (size_t i = 0; i < resource->leaf_count && name_count < NAMES_MAX; i++)
            if (resource->leaves[i]->sortable && !resource->leaves[i]->in_array)
                names[name_count++] = resource->leaves[i]->path;
        for (size_t i = 0; i < resource->timed_count && name_count < NAMES_MAX; i++)
            if (resource->timed[i]->sortable)
                names[name_count++] = resource->timed[i]->path;
        query_refuse_value(parser, "sort", item, "something to sort by",
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

void query_parse_sort(struct query_parser *parser, const char *value)
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
    items = query_split(parser, "sort", value, SORT_KEYS_MAX, &count);
    for (size_t i = 0; items != NULL && i < count; i++)
        parse_sort_key(parser, items[i]);
}

void query_parse_fields(struct query_parser *parser, const char *value)
{
    const struct resource *resource = parser->query->resource;
    size_t count = 0;
    const char *const *items = query_split(parser, "fields", value, FIELDS_MAX, &count);
    const char *names[NAMES_MAX];
    size_t name_count = 0;

    for (size_t i = 0; i < resource->property_count && name_count < NAMES_MAX; i++)
        names[name_count++] = resource->properties[i].name;
    for (size_t i = 0; items != NULL && i < count; i++) {
        const struct property *property = resource_property(resource, items[i]);

        if (property == NULL)
            query_refuse_value(parser, "fields", items[i], "a property",
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

static void refuse_repeated(struct query_parser *parser, const char *parameter, const char *item)
{
    problem_add(parser->problem, parser->arena, NULL, parameter, "repeated",
                "'%s' is in the list already", item);
}

void query_parse_include(struct query_parser *parser, const char *value)
{
    struct query *query = parser->query;
    const struct resource *resource = query->resource;
    size_t count = 0;
    const char *const *items = query_split(parser, "include", value, INCLUDES_MAX, &count);
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
            query_refuse_value(parser, "include", items[i], "a relation that can be embedded",
                               text_nearest(items[i], names, name_count));
        else if (is_listed_before(items, i))
            refuse_repeated(parser, "include", items[i]);
        else
            query->includes[query->include_count++] = include;
    }
}

void query_parse_facets(struct query_parser *parser, const char *value)
{
    struct query *query = parser->query;
    const struct resource *resource = query->resource;
    size_t count = 0;
    const char *const *items = query_split(parser, "facets", value, FACETS_MAX, &count);
    const char *names[NAMES_MAX];
    size_t name_count = 0;

    for (size_t i = 0; i < resource->leaf_count && name_count < NAMES_MAX; i++)
        if (resource->leaves[i]->facet)
            names[name_count++] = resource->leaves[i]->path;
    for (size_t i = 0; items != NULL && i < count; i++) {
        const struct property *property = resource_leaf(resource, items[i]);

        if (property == NULL || !property->facet)
            query_refuse_value(parser, "facets", items[i], "a facet",
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

void query_parse_languages(struct query_parser *parser, const char *value)
{
    struct query *query = parser->query;
    size_t count = 0;
    const char *const *items;

    query->language_count = 0;
    if (strcmp(value, "all") == 0) {
        query->all_languages = true;
        return;
    }
    items = query_split(parser, "lang", value, LANGUAGES_MAX, &count);
    for (size_t i = 0; items != NULL && i < count; i++) {
        if (!is_language_tag(items[i]))
            query_refuse_value(parser, "lang", items[i], "a language tag such as fr or pt-BR",
                               NULL);
        else
            query->languages[query->language_count++] = items[i];
    }
}

void query_parse_ids(struct query_parser *parser, const char *value)
{
    struct query *query = parser->query;

    const char *const *items = query_split(parser, "ids", value, IDS_MAX, &query->id_count);
    const char **ids = arena_alloc_array(parser->arena, query->id_count, sizeof(*ids));

    for (size_t i = 0; items != NULL && ids != NULL && i < query->id_count; i++) {
        char id[UUID_TEXT_BYTES];

        if (!uuid_is_valid(items[i])) {
            query_refuse_value(parser, "ids", items[i], "the id of a record", NULL);
            continue;
        }
        uuid_make_lower(items[i], id);
        ids[i] = arena_copy(parser->arena, id);
    }
    query->ids = ids;
}
