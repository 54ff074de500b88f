#include "format/format.h"

#include "base/arena.h"
#include "base/embedded.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/contract.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static struct contract *contract;
static struct arena arena;
static struct query query;
static struct text text;

static void begin(void)
{
    struct problem problem = {0};
    char *what = NULL;

    cr_assert_eq(contract_new((const char *)EMBEDDED_OPENAPI_JSON.bytes,
                              EMBEDDED_OPENAPI_JSON.size_bytes, &contract, &what),
                 0);
    arena_init(&arena, 1024 * 1024);
    text_init(&text, 1024 * 1024);
    cr_assert(query_parse(contract, contract_resource_find(contract, "practices"), QUERY_LIST, NULL,
                          0, NULL, 0, &arena, &problem, &query));
}

static void end(void)
{
    text_deinit(&text);
    arena_deinit(&arena);
    contract_free(contract);
    test_ends_without_leaks();
}

TestSuite(geojson, .init = begin, .fini = end);

static json_t *collection_of(const char *const *records, size_t count)
{
    json_t *collection;

    text_clear(&text);
    geojson_begin(&query, &text);
    for (size_t i = 0; i < count; i++)
        geojson_record(&query, (struct slice){records[i], strlen(records[i])}, i == 0, &text);
    geojson_end(&query, &text);
    cr_assert_not(text_failed(&text));
    collection = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(collection, "%s", text.bytes);
    return collection;
}

Test(geojson, no_records_are_an_empty_collection)
{
    json_auto_t *collection = collection_of(NULL, 0);

    cr_assert_str_eq(json_string_value(json_object_get(collection, "type")), "FeatureCollection");
    cr_assert(json_is_array(json_object_get(collection, "features")));
    cr_assert_eq(json_array_size(json_object_get(collection, "features")), 0);
}

Test(geojson, a_record_is_a_feature_with_its_longitude_first)
{
    static const char *const RECORDS[] = {
        "{\"id\":\"1\",\"slug\":\"a\",\"title\":\"A \\\"b\\\"\",\"location\":{\"lat\":48.5,"
        "\"lon\":-2.25},\"tags\":[\"x\",\"y\"],\"source\":{\"name\":\"s\"}}",
        "{\"id\":\"2\",\"slug\":\"b\",\"title\":\"B\"}",
    };
    json_auto_t *collection = collection_of(RECORDS, ARRAY_LENGTH(RECORDS));
    json_auto_t *expected = json_loads(
        "[{\"type\":\"Feature\",\"id\":\"1\",\"geometry\":{\"type\":\"Point\",\"coordinates\":"
        "[-2.25,48.5]},\"properties\":{\"slug\":\"a\",\"title\":\"A \\\"b\\\"\",\"tags\":[\"x\","
        "\"y\"],\"source\":{\"name\":\"s\"}}},{\"type\":\"Feature\",\"id\":\"2\",\"geometry\":"
        "null,\"properties\":{\"slug\":\"b\",\"title\":\"B\"}}]",
        0, NULL);

    cr_assert(json_equal(json_object_get(collection, "features"), expected), "%s", text.bytes);
}

Test(geojson, a_record_of_an_id_alone_has_empty_properties)
{
    static const char *const RECORDS[] = {"{\"id\":\"1\"}"};
    json_auto_t *collection = collection_of(RECORDS, 1);
    const json_t *feature = json_array_get(json_object_get(collection, "features"), 0);

    cr_assert(json_is_object(json_object_get(feature, "properties")));
    cr_assert_eq(json_object_size(json_object_get(feature, "properties")), 0);
}
