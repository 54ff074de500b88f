/*
 * Every order of every list, against the order of the values that the records show: unknown ones
 * last in both directions, ties by id in the direction of the first key. How texts are ordered
 * is asked of PostgreSQL itself.
 */
#include "base/text.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/samples.h"
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 4
#define SQL_BYTES_MAX (1024 * 1024)
#define SMALL_PAGE 3

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

/* A text as long as the contract allows, of the widest characters. */
static json_t *long_text(unsigned characters, const char *first)
{
    struct text text;
    json_t *value;

    text_init(&text, 4096);
    text_append(&text, first);
    for (unsigned i = 1; i < characters; i++)
        text_append(&text, "𝔸");
    value = json_string(text.bytes);
    text_deinit(&text);
    return value;
}

/* Names that orders differ about, and the longest that there may be. */
static json_t *make_names(void)
{
    static const char *const NAMES[] = {
        "Zebra", "zebra", "Älg",   "alg",   "älg",  "Ölfarm", "olfarm",  "Øst",    "ost",
        "Łódź",  "lodz",  "école", "Ecole", "(a)",  "«b»",    "10 ways", "2 ways", "co-op",
        "coop",  "co op", "ωμέγα", "Ямал",  "日本", "ß",      "ss"};
    json_t *records = json_object(), *list = json_array();

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES) + 6; i++) {
        char first[] = {(char)('a' + i % 3), '\0'};
        json_t *title = i < ARRAY_LENGTH(NAMES) ? json_string(NAMES[i]) : long_text(300, first);
        json_t *record = json_pack("{s:o,s:o,s:s}", "slug", json_sprintf("named-%02zu", i), "title",
                                   title, "summary", "A name.");

        if (i >= ARRAY_LENGTH(NAMES))
            list_must(json_object_set_new(record, "city", long_text(120, "c")) == 0);
        list_must(json_array_append_new(list, record) == 0);
    }
    list_must(json_object_set_new(records, "practices", list) == 0);
    return records;
}

static void prepare(void)
{
    sample_import_once();
    list_import_once("/v1/practices/named-00", make_names);
}

TestSuite(sorts, .init = prepare, .fini = test_ends_without_leaks, .timeout = 300);

/* --- the order that must be --------------------------------------------------------------------
 */

struct key {
    const struct property *property;
    bool descending;
};

/* What orders a record: a rank for each key (-1: unknown), and its id. */
struct place {
    double values[KEYS_MAX];
    bool known[KEYS_MAX];
    const char *id;
};

static const struct key *keys_in_use;
static size_t key_count_in_use;

static int compare_places(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    int order;

    for (size_t i = 0; i < key_count_in_use; i++) {
        if (a->known[i] != b->known[i])
            return a->known[i] ? -1 : 1;
        order = !a->known[i] ? 0 : (a->values[i] > b->values[i]) - (a->values[i] < b->values[i]);
        if (order != 0)
            return keys_in_use[i].descending ? -order : order;
    }
    order = strcmp(a->id, b->id);
    return keys_in_use[0].descending ? -order : order;
}

/* {text: its place among all texts of the property}, as PostgreSQL orders them. Owned. */
static json_t *ranks_of_texts(const struct resource *resource, const struct property *property)
{
    const json_t *records = list_records(resource), *record;
    json_auto_t *texts = json_array(), *sorted = NULL;
    json_t *ranks = json_object();
    char *dump, *result;
    struct text sql;
    const json_t *text;
    size_t i;

    json_array_foreach (records, i, record) {
        json_auto_t *values = list_values(record, property->path);

        list_must(json_array_extend(texts, values) == 0);
    }
    dump = json_dumps(texts, JSON_COMPACT);
    text_init(&sql, SQL_BYTES_MAX);
    text_append(&sql, "select json_agg(v order by v) from (select distinct v collate \"und-x-icu\" "
                      "as v from json_array_elements_text('");
    for (const char *at = dump; *at != '\0'; at++)
        text_append(&sql, *at == '\'' ? "''" : (const char[]){*at, '\0'});
    text_append(&sql, "') as listed(v)) texts");
    result = test_database_value(sql.bytes);
    sorted = result == NULL ? json_array() : json_loads(result, 0, NULL);
    json_array_foreach (sorted, i, text)
        list_must(
            json_object_set_new(ranks, json_string_value(text), json_integer((json_int_t)i)) == 0);
    text_deinit(&sql);
    free(dump);
    free(result);
    return ranks;
}

/* Times and dates by their digits: 2015 goes before 2015-03. */
static double number_of_date(const char *text)
{
    double number = 0;
    size_t digits = 0;

    for (; *text != '\0'; text++)
        if (*text >= '0' && *text <= '9') {
            number = number * 10 + (*text - '0' + 1);
            digits++;
        }
    for (; digits < 17; digits++)
        number *= 10;
    return number;
}

static void place_records(const struct resource *resource, const struct key *key, size_t at,
                          struct place *places)
{
    const json_t *records = list_records(resource), *record;
    json_auto_t *ranks =
        key->property->kind == PROPERTY_TEXT ? ranks_of_texts(resource, key->property) : NULL;
    size_t i;

    json_array_foreach (records, i, record) {
        json_auto_t *values = list_values(record, key->property->path);
        const json_t *value = json_array_get(values, 0);
        char *text = value == NULL ? NULL : list_value_text(value);

        places[i].id = json_string_value(json_object_get(record, "id"));
        places[i].known[at] = value != NULL;
        if (text == NULL)
            places[i].values[at] = 0;
        else if (ranks != NULL)
            places[i].values[at] = json_number_value(json_object_get(ranks, text));
        else if (key->property->kind == PROPERTY_TIME ||
                 key->property->kind == PROPERTY_PARTIAL_DATE)
            places[i].values[at] = number_of_date(text);
        else
            places[i].values[at] = strtod(text, NULL);
        free(text);
    }
}

/* The ids in the order that the keys say. Owned. */
static json_t *expected_ids(const struct resource *resource, const struct key *keys, size_t count)
{
    const size_t record_count = json_array_size(list_records(resource));
    struct place *places = calloc(record_count + 1, sizeof(*places));
    json_t *ids = json_array();

    list_must(places != NULL);
    for (size_t i = 0; i < count; i++)
        place_records(resource, &keys[i], i, places);
    keys_in_use = keys;
    key_count_in_use = count;
    qsort(places, record_count, sizeof(*places), compare_places);
    for (size_t i = 0; i < record_count; i++)
        list_must(json_array_append_new(ids, json_string(places[i].id)) == 0);
    free(places);
    return ids;
}

/* --- asking -------------------------------------------------------------------------------------
 */

static void expect_same(const char *path, const char *query, const json_t *ids,
                        const json_t *expected, const char *how)
{
    cr_assert_eq(json_array_size(ids), json_array_size(expected), "%s?%s %s: %zu records of %zu",
                 path, query, how, json_array_size(ids), json_array_size(expected));
    for (size_t i = 0; i < json_array_size(expected); i++)
        if (strcmp(json_string_value(json_array_get(ids, i)),
                   json_string_value(json_array_get(expected, i))) != 0)
            cr_assert_fail("%s?%s %s: %s at %zu in place of %s", path, query, how,
                           json_string_value(json_array_get(ids, i)), i,
                           json_string_value(json_array_get(expected, i)));
}

static void check_order(const struct resource *resource, const struct key *keys, size_t count,
                        unsigned forward_limit, unsigned backward_limit)
{
    json_auto_t *expected = expected_ids(resource, keys, count);
    json_auto_t *whole = NULL, *forward = NULL, *backward = NULL;
    struct text query;
    char path[128];

    (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
    text_init(&query, 1024);
    for (size_t i = 0; i < count; i++)
        text_append_format(&query, "%s%s%s", i == 0 ? "sort=" : ",", keys[i].descending ? "-" : "",
                           keys[i].property->path);
    whole = list_ids(path, query.bytes, 100);
    expect_same(path, query.bytes, whole, expected, "in large pages");
    if (forward_limit > 0) {
        forward = list_ids(path, query.bytes, forward_limit);
        expect_same(path, query.bytes, forward, expected, "in small pages forward");
    }
    if (backward_limit > 0) {
        backward = list_ids_backward(path, query.bytes, backward_limit);
        expect_same(path, query.bytes, backward, expected, "in small pages backward");
    }
    text_deinit(&query);
}

/* The sortable properties of a resource, as the contract lists them for sort=. */
static size_t sortable(const struct resource *resource, const struct property **properties,
                       size_t most)
{
    size_t count = 0;

    for (size_t i = 0; i < resource->leaf_count && count < most; i++)
        if (resource->leaves[i]->sortable && !resource->leaves[i]->in_array)
            properties[count++] = resource->leaves[i];
    return count;
}

#define SORTABLE_MAX 64

static size_t check_orders_of(const struct resource *resource)
{
    const struct property *properties[SORTABLE_MAX];
    const size_t count = sortable(resource, properties, SORTABLE_MAX);

    for (size_t i = 0; i < count; i++) {
        check_order(resource, &(struct key){properties[i], false}, 1, SMALL_PAGE, 0);
        check_order(resource, &(struct key){properties[i], true}, 1, 0, SMALL_PAGE);
    }
    return count;
}

/* Halves of all resources, side by side. */
static void check_orders(size_t half)
{
    const struct contract *contract = list_contract();
    size_t checked = 0;

    for (size_t i = half; i < contract_resource_count(contract); i += 2)
        checked += check_orders_of(contract_resource(contract, i));
    cr_log_info("%zu orders checked, up and down", checked);
}

Test(sorts, every_property_to_sort_by_orders_pages_of_any_size)
{
    check_orders(0);
}

Test(sorts, every_property_to_sort_by_orders_pages_of_any_size_in_the_other_resources)
{
    check_orders(1);
}

Test(sorts, a_second_key_orders_what_the_first_leaves_equal)
{
    static const bool DIRECTIONS[][2] = {{false, true}, {true, false}};
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        const struct property *properties[SORTABLE_MAX];
        const size_t count = sortable(resource, properties, SORTABLE_MAX);

        for (size_t j = 0; j < count; j++) {
            const bool *direction = DIRECTIONS[j % 2];
            const struct key keys[] = {{properties[(j + 1) % count], direction[0]},
                                       {properties[j], direction[1]}};

            check_order(resource, keys, 2, 17, j % 2 == 0 ? 17 : 0);
        }
    }
}

Test(sorts, four_keys_of_full_length_make_cursors_that_work)
{
    const struct resource *resource = contract_resource_find(list_contract(), "practices");
    const struct key keys[] = {{resource_leaf(resource, "city"), true},
                               {resource_leaf(resource, "title"), false},
                               {resource_leaf(resource, "started_on"), true},
                               {resource_leaf(resource, "slug"), false}};

    check_order(resource, keys, 4, 2, 2);
}

Test(sorts, an_order_that_cannot_be_is_refused_with_the_nearest)
{
    static const struct {
        const char *sort, *code, *help, *why;
    } ROWS[] = {
        {"titel", "unknown-value", "'title'", "a misspelt property"},
        {"-titel", "unknown-value", "'title'", "the same downwards"},
        {"summary", "unknown-value", "", "a property that orders nothing"},
        {"organisations", "unknown-value", "", "a relation"},
        {"--title", "unknown-value", "", "down twice"},
        {"title,title", "repeated", "title", "a key twice"},
        {"title,-title", "repeated", "title", "a key in both directions"},
        {"title,city,slug,started_on,ended_on", "too-many-values", "4", "five keys"},
        {"title,", "empty-value", "", "an empty key"},
        {"", "empty-value", "", "nothing at all"},
        {"relevance", "needs-search", "q", "relevance to no words"},
        {"distance", "needs-place", "near", "the distance from nowhere"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char path[256];

        (void)snprintf(path, sizeof(path), "/v1/practices?sort=%s", ROWS[i].sort);
        response = http_get(path);
        cr_expect_eq(response->status, 400, "%s", ROWS[i].why);
        if (response->status != 400)
            continue;
        cr_expect_str_eq(response_text_at(response, "/errors/0/parameter"), "sort", "%s",
                         ROWS[i].why);
        cr_expect_str_eq(response_text_at(response, "/errors/0/code"), ROWS[i].code, "%s",
                         ROWS[i].why);
        cr_expect_not_null(strstr(response_text_at(response, "/errors/0/detail"), ROWS[i].help),
                           "%s", ROWS[i].why);
    }
}

Test(sorts, what_changed_last_comes_first_where_no_order_is_asked_for)
{
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        const struct key key = {resource_leaf(resource, "updated_at"), true};
        json_auto_t *expected = expected_ids(resource, &key, 1);
        json_auto_t *ids = NULL;
        char path[128];

        (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
        ids = list_ids(path, "", 100);
        expect_same(path, "", ids, expected, "without an order");
    }
}
