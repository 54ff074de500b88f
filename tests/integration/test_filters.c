/*
 * Every filter of every list, asked with values that the records have, against what the records
 * themselves say. Which filters there are comes from the contract; two samples of each resource
 * make sure that each property has values.
 */
#include "base/text.h"
#include "support/conditions.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/samples.h"
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUES_ASKED 3
#define CONDITIONS_MAX 8
#define QUERY_BYTES_MAX (64 * 1024)

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(filters, .init = sample_import_once, .fini = test_ends_without_leaks, .timeout = 300);

/* --- asking ------------------------------------------------------------------------------- */

static bool is_in(const json_t *ids, const json_t *id)
{
    const json_t *item;
    size_t i;

    json_array_foreach (ids, i, item)
        if (strcmp(json_string_value(item), json_string_value(id)) == 0)
            return true;
    return false;
}

/*
 * The list under some conditions has exactly the records that they hold for, among those that
 * are in @among (ids; NULL: all).
 */
static void expect_list(const struct resource *resource, const char *path, const char *query,
                        const struct condition *conditions, size_t count, const json_t *among)
{
    const json_t *records = list_records(resource), *record;
    json_auto_t *ids = NULL;
    size_t expected = 0, i;
    struct text asked;

    text_init(&asked, QUERY_BYTES_MAX);
    text_append(&asked, query);
    for (size_t j = 0; j < count; j++)
        condition_add(&asked, &conditions[j]);
    ids = list_ids(path, asked.bytes, 100);
    json_array_foreach (records, i, record) {
        const json_t *id = json_object_get(record, "id");
        bool wanted = among == NULL || is_in(among, id);

        for (size_t j = 0; j < count && wanted; j++)
            wanted = condition_holds(&conditions[j], record);
        expected += wanted;
        if (wanted != is_in(ids, id))
            cr_assert_fail("%s?%s %s %s", path, asked.bytes, wanted ? "lacks" : "should not have",
                           json_string_value(json_object_get(record, "slug")));
    }
    cr_assert_eq(json_array_size(ids), expected, "%s?%s: %zu records in place of %zu", path,
                 asked.bytes, json_array_size(ids), expected);
    text_deinit(&asked);
}

static void expect(const struct resource *resource, const struct condition *conditions,
                   size_t count)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
    expect_list(resource, path, "", conditions, count, NULL);
}

/* 400 that names the parameter, with this code among its errors. */
static void expect_refusal(const char *path, const char *query, const char *parameter,
                           const char *code)
{
    CLEANUP(response_freep) struct response *response = NULL;
    const json_t *errors, *error;
    struct text address;
    bool found = false;
    size_t i;

    text_init(&address, QUERY_BYTES_MAX);
    text_append_format(&address, "%s?%s", path, query);
    response = http_get(address.bytes);
    cr_assert_eq(response->status, 400, "%s answers %d", address.bytes, response->status);
    errors = response_at(response, "/errors");
    json_array_foreach (errors, i, error)
        found = found ||
                (strcmp(json_string_value(json_object_get(error, "parameter")), parameter) == 0 &&
                 strcmp(json_string_value(json_object_get(error, "code")), code) == 0);
    cr_assert(found, "%s: no error %s of %s in %s", address.bytes, code, parameter, response->body);
    text_deinit(&address);
}

static void expect_refused(const struct filter *filter, const struct resource *resource,
                           const char *value, const char *code)
{
    struct text query;
    char path[128];

    (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
    text_init(&query, QUERY_BYTES_MAX);
    list_query_add(&query, filter->name, value);
    expect_refusal(path, query.bytes, filter->name, code);
    text_deinit(&query);
}

/* --- values that the records have ----------------------------------------------------------- */

static const char *text_of(const json_t *values, size_t i)
{
    return json_string_value(json_array_get(json_array_get(values, i), 0));
}

static const char *id_of(const json_t *values, size_t i)
{
    return json_string_value(json_array_get(json_array_get(values, i), 1));
}

/* --- equality --------------------------------------------------------------------------------- */

/* Two values of one record, in [0] and [1] of @condition. Return: false when no record has two. */
static bool find_two(const struct resource *resource, const struct property *property,
                     struct condition *condition, json_t **ret_held)
{
    const json_t *records = list_records(resource), *record;
    size_t i;

    json_array_foreach (records, i, record) {
        json_auto_t *values = list_values(record, property->path);
        json_t *held = json_array();
        json_t *value;
        size_t j;

        json_array_foreach (values, j, value) {
            char *text = list_value_text(value);

            if (json_array_size(held) == 0 ||
                (json_array_size(held) == 1 &&
                 strcmp(json_string_value(json_array_get(held, 0)), text) != 0))
                list_must(json_array_append_new(held, json_string(text)) == 0);
            free(text);
        }
        if (json_array_size(held) == 2) {
            condition->values[0] = json_string_value(json_array_get(held, 0));
            condition->values[1] = json_string_value(json_array_get(held, 1));
            *ret_held = held;
            return true;
        }
        json_decref(held);
    }
    return false;
}

/* Repeated: all of. A property with one value cannot have two. */
static void check_repeated(const struct resource *resource, const struct filter *filter,
                           const json_t *values)
{
    struct condition two = {.filter = filter};
    json_auto_t *held = NULL;
    struct text query;
    char path[128];

    if (filter->property->in_array) {
        if (!find_two(resource, filter->property, &two, &held))
            return; /* each record has one, though it might have more */
        expect(resource,
               (const struct condition[]){
                   {.filter = filter, .values = {two.values[0]}, .value_count = 1},
                   {.filter = filter, .values = {two.values[1]}, .value_count = 1}},
               2);
        expect(
            resource,
            (const struct condition[]){
                {.filter = filter, .values = {two.values[0]}, .value_count = 1},
                {.filter = filter, .values = {two.values[1]}, .value_count = 1, .negated = true}},
            2);
        return;
    }
    text_init(&query, QUERY_BYTES_MAX);
    for (size_t i = 0; i < 2; i++)
        condition_add(&query, &(struct condition){.filter = filter,
                                                  .values = {text_of(values, 0)},
                                                  .value_count = 1});
    (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
    expect_refusal(path, query.bytes, filter->name, "repeated");
    text_deinit(&query);
}

static void check_equality(const struct resource *resource, const struct filter *filter)
{
    json_auto_t *values = condition_values(list_records(resource), filter->property);
    const size_t count = json_array_size(values);
    const size_t last = count - 1;

    cr_assert_gt(count, 0, "no record of %s has a value of %s, not even the samples",
                 resource->path, filter->property->path);
    for (size_t i = 0; i < VALUES_ASKED && i < count; i++) {
        const size_t at = i * last / (VALUES_ASKED - 1); /* frequent ones and rare ones */

        expect(resource,
               &(struct condition){
                   .filter = filter, .values = {text_of(values, at)}, .value_count = 1},
               1);
        if (filter->property->kind == PROPERTY_RELATION)
            expect(resource,
                   &(struct condition){
                       .filter = filter, .values = {id_of(values, at)}, .value_count = 1},
                   1);
    }
    expect(resource,
           &(struct condition){
               .filter = filter, .values = {text_of(values, 0)}, .value_count = 1, .negated = true},
           1);
    if (count > 1) {
        struct condition several = {.filter = filter,
                                    .values = {text_of(values, 0), text_of(values, last)},
                                    .value_count = 2};

        if (filter->property->kind == PROPERTY_RELATION)
            several.values[1] = id_of(values, last);
        expect(resource, &several, 1);
        several.negated = true;
        expect(resource, &several, 1);
    }
    check_repeated(resource, filter, values);
}

/* --- bounds ----------------------------------------------------------------------------------- */

static int compare_texts(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;

    return strcmp(*a, *b);
}

static int compare_numbers(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;
    const double first = strtod(*a, NULL), second = strtod(*b, NULL);

    return (first > second) - (first < second);
}

static void check_bound(const struct resource *resource, const struct filter *filter,
                        const char *value)
{
    expect(resource, &(struct condition){.filter = filter, .values = {value}, .value_count = 1}, 1);
}

/* The same bound, known less and more exactly. */
static void check_bound_of_date(const struct resource *resource, const struct filter *filter,
                                const char *value)
{
    char other[32];

    (void)snprintf(other, sizeof(other), "%.4s", value);
    if (filter->property->kind == PROPERTY_TIME) {
        (void)snprintf(other, sizeof(other), "%.10s", value);
        check_bound(resource, filter, other);
        return;
    }
    if (filter->property->kind != PROPERTY_PARTIAL_DATE)
        return;
    check_bound(resource, filter, other);
    (void)snprintf(other, sizeof(other), "%.4s-06", value);
    check_bound(resource, filter, other);
    (void)snprintf(other, sizeof(other), "%.4s-02-28", value);
    check_bound(resource, filter, other);
}

static void check_bounds(const struct resource *resource, const struct filter *filter)
{
    const bool is_number = filter->operator== FILTER_MIN || filter->operator== FILTER_MAX;
    json_auto_t *values = condition_values(list_records(resource), filter->property);
    const size_t count = json_array_size(values);
    const char **texts = calloc(count + 1, sizeof(char *));

    cr_assert_gt(count, 0, "no record of %s has a value of %s, not even the samples",
                 resource->path, filter->property->path);
    cr_assert_not_null(texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = text_of(values, i);
    qsort(texts, count, sizeof(char *), is_number ? compare_numbers : compare_texts);
    for (size_t i = 0; i < VALUES_ASKED && i < count; i++) {
        const char *value = texts[i * (count - 1) / (VALUES_ASKED - 1)];

        check_bound(resource, filter, value);
        if (!is_number)
            check_bound_of_date(resource, filter, value);
    }
    if (is_number && filter->property->kind != PROPERTY_INTEGER)
        check_bound(resource, filter, "2.5");
    free(texts);
}

/* Both bounds of a property at once: exactly what lies between. */
static void check_between(const struct resource *resource, const struct filter *lower)
{
    json_auto_t *values = condition_values(list_records(resource), lower->property);
    const struct filter *upper = NULL;

    for (size_t i = 0; i < resource->filter_count; i++)
        if (resource->filters[i].property == lower->property &&
            (resource->filters[i].operator== FILTER_MAX || resource->filters[i].operator==
             FILTER_BEFORE))
            upper = &resource->filters[i];
    cr_assert_not_null(upper, "%s has a lower bound alone", lower->name);
    expect(resource,
           (const struct condition[]){
               {.filter = lower, .values = {text_of(values, 0)}, .value_count = 1},
               {.filter = upper, .values = {text_of(values, 0)}, .value_count = 1}},
           2);
}

/* --- which filters there are ------------------------------------------------------------------ */

static const json_t *parameters_of(const struct resource *resource)
{
    const json_t *paths = json_object_get(contract_document(list_contract()), "paths");
    char path[128];

    (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
    return json_object_get(json_object_get(json_object_get(paths, path), "get"), "parameters");
}

static const json_t *parameter_at(const json_t *parameters, size_t i)
{
    static const char PREFIX[] = "#/components/parameters/";
    const json_t *parameter = json_array_get(parameters, i);
    const char *reference = json_string_value(json_object_get(parameter, "$ref"));
    const json_t *shared = json_object_get(
        json_object_get(contract_document(list_contract()), "components"), "parameters");

    return reference == NULL ? parameter : json_object_get(shared, reference + sizeof(PREFIX) - 1);
}

/* Checks every filter that the contract lists, and returns how many that were. */
static size_t check_filters(const struct resource *resource, bool equality)
{
    const json_t *parameters = parameters_of(resource);
    size_t documented = 0, checked = 0;

    for (size_t i = 0; i < json_array_size(parameters); i++) {
        const json_t *parameter = parameter_at(parameters, i);
        const char *name = json_string_value(json_object_get(parameter, "name"));
        const struct filter *filter = resource_filter(resource, name);

        if (json_object_get(parameter, "x-filter") == NULL)
            continue;
        documented++;
        cr_assert_not_null(filter, "%s documents the filter %s and does not know it",
                           resource->path, name);
        if ((filter->operator== FILTER_EQUAL) != equality)
            continue;
        if (equality) {
            check_equality(resource, filter);
        } else {
            check_bounds(resource, filter);
            if (filter->operator== FILTER_MIN || filter->operator== FILTER_AFTER)
                check_between(resource, filter);
        }
        checked++;
    }
    cr_assert_eq(documented, resource->filter_count, "%s: %zu filters are documented, %zu known",
                 resource->path, documented, resource->filter_count);
    return checked;
}

static void check_all(bool equality, const char *what)
{
    const struct contract *contract = list_contract();
    size_t checked = 0;

    for (size_t i = 0; i < contract_resource_count(contract); i++)
        checked += check_filters(contract_resource(contract, i), equality);
    cr_log_info("%zu %s filters of %zu resources checked", checked, what,
                contract_resource_count(contract));
}

Test(filters, every_documented_value_filter_gives_exactly_the_records_that_have_the_value)
{
    check_all(true, "value");
}

Test(filters, every_documented_bound_gives_exactly_the_records_within_it)
{
    check_all(false, "bound");
}

/* --- several at once ---------------------------------------------------------------------------
 */

/* A value of @filter's property that @record has, as a condition. Return: false when it has none.
 */
static bool take_condition(const struct filter *filter, const json_t *record,
                           struct condition *condition, json_t *texts)
{
    json_auto_t *values = list_values(record, filter->property->path);
    char *text;

    if (json_array_size(values) == 0)
        return false;
    text = list_value_text(json_array_get(values, json_array_size(values) - 1));
    list_must(json_array_append_new(texts, json_string(text)) == 0);
    free(text);
    *condition = (struct condition){
        .filter = filter,
        .values = {json_string_value(json_array_get(texts, json_array_size(texts) - 1))},
        .value_count = 1};
    return true;
}

/* Each filter together with the ones behind it, by values that one record has. */
static void check_together(const struct resource *resource, size_t count)
{
    const json_t *records = list_records(resource);

    for (size_t first = 0; first < resource->filter_count; first += count - 1) {
        /* The first record is a sample with all properties; the others come in turn. */
        const json_t *record =
            json_array_get(records, first % 2 == 0 ? first % json_array_size(records) : 0);
        struct condition conditions[CONDITIONS_MAX];
        json_auto_t *texts = json_array();
        size_t found = 0;

        for (size_t i = first; i < resource->filter_count && found < count; i++)
            found += take_condition(&resource->filters[i], record, &conditions[found], texts);
        if (found > 1)
            expect(resource, conditions, found);
    }
}

Test(filters, several_filters_at_once_must_all_hold)
{
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++)
        for (size_t count = 2; count <= 3; count++)
            check_together(contract_resource(contract, i), count);
}

Test(filters, a_search_and_a_filter_at_once_must_both_hold)
{
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        json_auto_t *found = NULL;
        char path[128];

        (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
        found = list_ids(path, "q=sample", 100);
        cr_assert_geq(json_array_size(found), 2, "%s?q=sample finds no samples", path);
        for (size_t j = 0; j < resource->filter_count; j += 3) {
            json_auto_t *values =
                condition_values(list_records(resource), resource->filters[j].property);
            const struct condition condition = {
                .filter = &resource->filters[j], .values = {text_of(values, 0)}, .value_count = 1};

            expect_list(resource, path, "q=sample", &condition, 1, found);
        }
    }
}

/* --- lists of related records ------------------------------------------------------------------
 */

/* Does @record refer to the record with this id, by a property that makes it related? */
static bool refers(const struct resource *resource, const json_t *record,
                   const struct resource *target, const char *id)
{
    for (size_t i = 0; i < resource->leaf_count; i++) {
        json_auto_t *values = NULL;
        const json_t *value;
        size_t j;

        if (resource->leaves[i]->target != target || !resource->leaves[i]->related)
            continue;
        values = list_values(record, resource->leaves[i]->path);
        json_array_foreach (values, j, value)
            if (strcmp(json_string_value(json_object_get(value, "id")), id) == 0)
                return true;
    }
    return false;
}

static json_t *related_ids(const struct resource *resource, const struct resource *target,
                           const char *id)
{
    const json_t *records = list_records(resource);
    json_t *ids = json_array();
    json_t *record;
    size_t i;

    json_array_foreach (records, i, record)
        if (refers(resource, record, target, id))
            list_must(json_array_append(ids, json_object_get(record, "id")) == 0);
    return ids;
}

static void check_related(const struct resource *target, const struct resource *resource)
{
    const json_t *targets = list_records(target);
    const size_t count = json_array_size(targets);

    /* The samples come first: they refer to each other by every property. */
    for (size_t i = 0; i < 6; i++) {
        const json_t *record = json_array_get(targets, i < 3 ? i : i * (count - 1) / 5);
        const char *id = json_string_value(json_object_get(record, "id"));
        const char *slug = json_string_value(json_object_get(record, "slug"));
        json_auto_t *ids = related_ids(resource, target, id);
        char path[256];

        (void)snprintf(path, sizeof(path), "/v1/%s/%s/%s", target->path, i % 2 == 0 ? slug : id,
                       resource->path);
        cr_assert(strncmp(slug, "sample-", 7) != 0 || json_array_size(ids) > 0, "%s is empty",
                  path);
        expect_list(resource, path, "", NULL, 0, ids);
        for (size_t j = i; j < resource->filter_count && json_array_size(ids) > 0; j += 9) {
            json_auto_t *values =
                condition_values(list_records(resource), resource->filters[j].property);
            const struct condition condition = {
                .filter = &resource->filters[j], .values = {text_of(values, 0)}, .value_count = 1};

            expect_list(resource, path, "", &condition, 1, ids);
        }
    }
}

Test(filters, a_list_of_related_records_has_those_that_refer_and_takes_filters)
{
    const struct contract *contract = list_contract();
    size_t checked = 0;

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *target = contract_resource(contract, i);

        for (size_t j = 0; j < target->referrer_count; j++, checked++)
            check_related(target, target->referrers[j]);
    }
    cr_log_info("%zu lists of related records checked", checked);
}

/* --- what is refused ---------------------------------------------------------------------------
 */

/* Checks V7, V12. */
Test(filters, a_value_that_the_property_cannot_have_is_refused_by_name)
{
    static const struct {
        enum property_kind kind;
        const char *value, *why;
    } ROWS[] = {
        {PROPERTY_INTEGER, "many", "a word for a number"},
        {PROPERTY_INTEGER, "1.5", "a fraction"},
        {PROPERTY_INTEGER, "99999999999999999999", "more than fits"},
        {PROPERTY_NUMBER, "1e3", "an exponent"},
        {PROPERTY_DECIMAL, "1,5 EUR", "a unit"},
        {PROPERTY_DECIMAL, "NaN", "no number"},
        {PROPERTY_BOOLEAN, "yes", "a word for a boolean"},
        {PROPERTY_PARTIAL_DATE, "15", "two digits of a year"},
        {PROPERTY_PARTIAL_DATE, "2015-13", "a thirteenth month"},
        {PROPERTY_PARTIAL_DATE, "2015-02-29", "a leap day of no leap year"},
        {PROPERTY_TIME, "2015-02-29T00:00:00Z", "the same in a time"},
        {PROPERTY_TIME, "2015-02-28T24:00:00Z", "the hour 24"},
        {PROPERTY_TIME, "yesterday", "a word for a time"},
    };
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);

        for (size_t j = 0; j < resource->filter_count; j++) {
            const struct filter *filter = &resource->filters[j];

            if (filter->property->values != NULL) {
                expect_refused(filter, resource, "surely_no_value", "unknown-value");
                continue;
            }
            for (size_t row = 0; row < ARRAY_LENGTH(ROWS); row++)
                if (ROWS[row].kind == filter->property->kind && (row + j) % 3 == 0)
                    expect_refused(filter, resource, ROWS[row].value,
                                   strchr(ROWS[row].value, ',') != NULL &&
                                           filter->operator!= FILTER_EQUAL
                                       ? "too-many-values"
                                       : "unknown-value");
            if (filter->operator!= FILTER_EQUAL)
                expect_refused(filter, resource, "not.2015", "not-allowed");
            if (filter->operator!= FILTER_EQUAL)
                expect_refused(filter, resource, "2015,2016", "too-many-values");
            expect_refused(filter, resource, "", "empty-value");
        }
    }
}

Test(filters, a_reference_to_no_record_is_refused_with_the_nearest_slug)
{
    CLEANUP(response_freep)
    struct response *response = http_get("/v1/practices?organisations=univerball");

    cr_assert_eq(response->status, 400);
    cr_assert_str_eq(response_text_at(response, "/errors/0/parameter"), "organisations");
    cr_assert_not_null(strstr(response_text_at(response, "/errors/0/detail"), "'univerbal'"));
}

Test(filters, an_id_in_capitals_is_the_same_id)
{
    const struct resource *resource = contract_resource_find(list_contract(), "practices");
    const struct resource *target = contract_resource_find(list_contract(), "organisations");
    const struct filter *filter = resource_filter(resource, "organisations");
    json_auto_t *values = condition_values(list_records(resource), filter->property);
    json_auto_t *expected = related_ids(resource, target, id_of(values, 0));
    char *id = strdup(id_of(values, 0));
    json_auto_t *by_filter = NULL, *as_related = NULL;
    CLEANUP(response_freep) struct response *response = NULL;
    char path[128];

    for (char *at = id; *at != '\0'; at++)
        if (*at >= 'a' && *at <= 'f')
            *at = (char)(*at - 'a' + 'A');
    (void)snprintf(path, sizeof(path), "organisations=%s", id);
    by_filter = list_ids("/v1/practices", path, 100);
    cr_expect_eq(json_array_size(by_filter), json_array_size(expected), "as a filter");
    (void)snprintf(path, sizeof(path), "/v1/organisations/%s/practices", id);
    as_related = list_ids(path, "", 100);
    cr_expect_eq(json_array_size(as_related), json_array_size(expected), "in the path");
    (void)snprintf(path, sizeof(path), "/v1/organisations?ids=%s", id);
    response = http_get(path);
    cr_expect_eq(json_array_size(response_at(response, "/data")), 1, "in ids");
    cr_expect_eq(json_array_size(response_at(response, "/meta/missing")), 0, "in ids");
    free(id);
}

/* --- parameters ---------------------------------------------------------------------------------
 */

/* A value that a documented parameter takes, encoded, and what it needs beside it. */
static void sample_query(const struct resource *resource, const json_t *parameter,
                         struct text *query)
{
    static const struct {
        const char *name, *query;
    } ROWS[] = {
        {"limit", "limit=1"},
        {"count", "count=exact"},
        {"q", "q=sample"},
        {"highlights", "highlights=true&q=sample"},
        {"near", "near=50.8,4.4"},
        {"radius_km", "radius_km=10.5&near=50.8,4.4"},
        {"bbox", "bbox=-10,35,30,60"},
        {"ids", "ids=00000000-0000-7000-8000-000000000000"},
        {"lang", "lang=fr,de"},
        {"stale", "stale=false"},
        {"as_of", "as_of=2021-09-30"},
        {"format", "format=ndjson"},
    };
    const char *name = json_string_value(json_object_get(parameter, "name"));
    const struct filter *filter = resource_filter(resource, name);
    const json_t *values =
        json_object_get(json_object_get(json_object_get(parameter, "schema"), "items"), "enum");

    if (filter != NULL) {
        json_auto_t *found = condition_values(list_records(resource), filter->property);

        condition_add(
            query,
            &(struct condition){.filter = filter, .values = {text_of(found, 0)}, .value_count = 1});
        return;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        if (strcmp(ROWS[i].name, name) == 0) {
            text_append(query, ROWS[i].query);
            return;
        }
    if (values == NULL)
        cr_assert_fail("%s documents the parameter %s, which has no sample here", resource->path,
                       name);
    list_query_add(query, name, json_string_value(json_array_get(values, 0)));
}

/* Every value of a parameter that has a list of them. */
static void check_listed_values(const struct resource *resource, const json_t *parameter)
{
    const char *name = json_string_value(json_object_get(parameter, "name"));
    const json_t *schema = json_object_get(parameter, "schema");
    const json_t *values = json_object_get(json_object_get(schema, "items"), "enum");

    for (size_t i = 0; i < json_array_size(values); i++) {
        const char *value = json_string_value(json_array_get(values, i));
        CLEANUP(response_freep) struct response *response = NULL;
        char path[256];

        if (resource_filter(resource, name) != NULL)
            return;
        (void)snprintf(path, sizeof(path), "/v1/%s?limit=1&%s=%s%s", resource->path, name, value,
                       strstr(value, "relevance") != NULL  ? "&q=sample"
                       : strstr(value, "distance") != NULL ? "&near=50.8,4.4"
                                                           : "");
        response = http_get(path);
        cr_assert_eq(response->status, 200, "%s answers %d: %s", path, response->status,
                     response->body);
    }
}

Test(filters, every_documented_parameter_is_accepted)
{
    const struct contract *contract = list_contract();
    size_t checked = 0;

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        const json_t *parameters = parameters_of(resource);

        for (size_t j = 0; j < json_array_size(parameters); j++) {
            const json_t *parameter = parameter_at(parameters, j);
            const char *name = json_string_value(json_object_get(parameter, "name"));
            CLEANUP(response_freep) struct response *response = NULL;
            struct text path, query;

            if (strcmp(json_string_value(json_object_get(parameter, "in")), "query") != 0 ||
                strcmp(name, "cursor") == 0) /* test_pages.c has those */
                continue;
            text_init(&path, QUERY_BYTES_MAX);
            text_init(&query, QUERY_BYTES_MAX);
            sample_query(resource, parameter, &query);
            text_append_format(&path, "/v1/%s?%s", resource->path, query.bytes);
            response = http_get(path.bytes);
            cr_assert_eq(response->status, 200, "%s answers %d: %s", path.bytes, response->status,
                         response->body);
            check_listed_values(resource, parameter);
            text_deinit(&path);
            text_deinit(&query);
            checked++;
        }
    }
    cr_log_info("%zu parameters accepted", checked);
}

/* As many unknown parameters as one request may have, each refused with the name it resembles. */
static void check_unknown(const struct resource *resource, const json_t *parameters, size_t from,
                          size_t to)
{
    CLEANUP(response_freep) struct response *response = NULL;
    const json_t *errors;
    struct text path;

    text_init(&path, QUERY_BYTES_MAX);
    text_append_format(&path, "/v1/%s", resource->path);
    for (size_t i = from; i < to; i++)
        text_append_format(&path, "%c%sz=1", i == from ? '?' : '&',
                           json_string_value(json_object_get(parameter_at(parameters, i), "name")));
    response = http_get(path.bytes);
    cr_assert_eq(response->status, 400, "%s answers %d", path.bytes, response->status);
    errors = response_at(response, "/errors");
    cr_assert_eq(json_array_size(errors), to - from, "%s: %s", path.bytes, response->body);
    for (size_t i = from; i < to; i++) {
        const json_t *error = json_array_get(errors, i - from);
        const char *name = json_string_value(json_object_get(parameter_at(parameters, i), "name"));
        const char *named = json_string_value(json_object_get(error, "parameter"));
        const char *detail = json_string_value(json_object_get(error, "detail"));

        if (strcmp(json_string_value(json_object_get(error, "code")), "unknown-parameter") != 0 ||
            strncmp(named, name, strlen(name)) != 0 || strcmp(named + strlen(name), "z") != 0)
            cr_assert_fail("%sz: %s", name, response->body);
        /* There may be several that are as near. */
        if (strlen(name) > 2 && strstr(detail, "did you mean '") == NULL)
            cr_assert_fail("%sz: %s", name, detail);
    }
    text_deinit(&path);
}

/* Checks Z12. */
Test(filters, every_other_parameter_is_refused_with_the_nearest_that_exists)
{
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        const json_t *parameters = parameters_of(resource);
        size_t from = 0, to;

        /* Headers are among the parameters, too: they are no part of the query. */
        for (size_t j = 0; j <= json_array_size(parameters); j++) {
            const char *in = json_string_value(json_object_get(parameter_at(parameters, j), "in"));

            to = j;
            if (to > from && (in == NULL || strcmp(in, "query") != 0 || to - from == 40))
                check_unknown(resource, parameters, from, to);
            if (in == NULL || strcmp(in, "query") != 0)
                from = j + 1;
            else if (to - from == 40)
                from = j;
        }
    }
}

Test(filters, what_belongs_to_places_is_refused_where_there_are_none)
{
    static const char *const NAMES[] = {"near", "radius_km", "bbox"};
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);

        for (size_t j = 0; j < ARRAY_LENGTH(NAMES) && resource->location == NULL; j++) {
            char path[128], query[64];

            (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
            (void)snprintf(query, sizeof(query), "%s=1,2,3,4", NAMES[j]);
            expect_refusal(path, query, NAMES[j], "unknown-parameter");
        }
    }
}
