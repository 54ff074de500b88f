#include "format/format.h"

#include "base/arena.h"
#include "base/embedded.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/contract.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct contract *contract;
static struct arena arena;
static struct query query;
static struct text text;

static void ask(const char *resource, const char *fields, const char *near)
{
    const struct query_pair pairs[] = {{"fields", fields}, {"near", near}};
    struct problem problem = {0};

    cr_assert(query_parse(contract, contract_resource_find(contract, resource), QUERY_LIST, pairs,
                          near == NULL ? 1 : 2, NULL, 0, &arena, &problem, &query));
    text_clear(&text);
}

static void begin(void)
{
    char *what = NULL;

    cr_assert_eq(contract_new((const char *)EMBEDDED_OPENAPI_JSON.bytes,
                              EMBEDDED_OPENAPI_JSON.size_bytes, &contract, &what),
                 0);
    arena_init(&arena, 1024 * 1024);
    text_init(&text, 1024 * 1024);
}

static void end(void)
{
    text_deinit(&text);
    arena_deinit(&arena);
    contract_free(contract);
    test_ends_without_leaks();
}

TestSuite(csv, .init = begin, .fini = end);

static const char *row_of(const char *record)
{
    text_clear(&text);
    csv_record(&query, (struct slice){record, strlen(record)}, false, &text);
    cr_assert_not(text_failed(&text));
    return text.bytes;
}

Test(csv, the_first_line_names_the_columns_and_every_record_has_as_many)
{
    ask("practices", "title,country,location", NULL);
    csv_begin(&query, &text);
    cr_assert_str_eq(text.bytes, "id,slug,title,country,location.lat,location.lon\r\n");
    cr_assert_str_eq(row_of("{\"id\":\"1\",\"slug\":\"a\",\"title\":\"T\",\"country\":\"FR\","
                            "\"location\":{\"lat\":48.5,\"lon\":-2.25}}"),
                     "1,a,T,FR,48.5,-2.25\r\n");
    cr_assert_str_eq(row_of("{\"id\":\"1\",\"slug\":\"a\",\"title\":\"T\"}"), "1,a,T,,,\r\n");
    cr_assert_str_eq(row_of("{}"), ",,,,,\r\n");
}

Test(csv, with_near_the_distance_is_the_last_column)
{
    ask("practices", "title", "48.5,2.3");
    csv_begin(&query, &text);
    cr_assert_str_eq(text.bytes, "id,slug,title,distance_km\r\n");
    cr_assert_str_eq(row_of("{\"id\":\"1\",\"slug\":\"a\",\"title\":\"T\",\"distance_km\":1.5}"),
                     "1,a,T,1.5\r\n");
    cr_assert_str_eq(row_of("{\"id\":\"1\",\"slug\":\"a\",\"title\":\"T\"}"), "1,a,T,\r\n");
}

Test(csv, what_would_end_a_cell_is_quoted_and_a_formula_is_disarmed)
{
    static const struct {
        const char *json, *cell, *why;
    } ROWS[] = {
        {"plain", "plain", "nothing to do"},
        {"", "", "empty"},
        {"a,b", "\"a,b\"", "the separator"},
        {"a\\\"b", "\"a\"\"b\"", "a quote is doubled"},
        {"a\\nb", "\"a\nb\"", "a line feed"},
        {"a\\rb", "\"a\rb\"", "a carriage return"},
        {"a\\r\\nb", "\"a\r\nb\"", "both"},
        {" a", "\" a\"", "a space in front, which some readers drop"},
        {"'a", "\"'a\"", "an apostrophe in front"},
        {"=1+1", "\"'=1+1\"", "a formula"},
        {"+1", "\"'+1\"", "a formula"},
        {"-1", "\"'-1\"", "a formula"},
        {"@sum(A1)", "\"'@sum(A1)\"", "a formula"},
        {"\\t=1", "\"'\t=1\"", "a tab, which is skipped before a formula"},
        {"\\r=1", "\"'\r=1\"", "a carriage return, likewise"},
        {"=cmd|' /C calc'!\\\"A1\\\"", "\"'=cmd|' /C calc'!\"\"A1\"\"\"", "a formula with quotes"},
        {"\xef\xbc\x9d"
         "1",
         "\"'\xef\xbc\x9d"
         "1\"",
         "the wide equals sign"},
        {"\xef\xbc\x8b"
         "1",
         "\"'\xef\xbc\x8b"
         "1\"",
         "the wide plus sign"},
        {"\xef\xbc\x8d"
         "1",
         "\"'\xef\xbc\x8d"
         "1\"",
         "the wide minus sign"},
        {"\xef\xbc\xa0"
         "a",
         "\"'\xef\xbc\xa0"
         "a\"",
         "the wide at sign"},
        {"a=1", "a=1", "an equals sign within text"},
        {"\\u00e9\\ud83d\\ude00", "\xC3\xA9\xF0\x9F\x98\x80", "escapes are resolved"},
        {"a;b\\tc", "a;b\tc", "other separators are text"},
    };

    ask("practices", "title", NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char record[200], expected[200];

        (void)snprintf(record, sizeof(record), "{\"id\":\"1\",\"slug\":\"a\",\"title\":\"%s\"}",
                       ROWS[i].json);
        (void)snprintf(expected, sizeof(expected), "1,a,%s\r\n", ROWS[i].cell);
        cr_assert_str_eq(row_of(record), expected, "%s", ROWS[i].why);
    }
}

Test(csv, several_values_share_a_cell_and_are_disarmed_together)
{
    ask("practices", "countries,organisations,aliases", NULL);
    csv_begin(&query, &text);
    cr_assert_str_eq(text.bytes, "id,slug,title,aliases,countries,organisations\r\n");
    cr_assert_str_eq(
        row_of("{\"id\":\"1\",\"slug\":\"a\",\"title\":\"T\",\"aliases\":[\"=x\",\"y\"],"
               "\"countries\":[\"FR\",\"DE\"],\"organisations\":[{\"id\":\"2\",\"slug\":\"o\","
               "\"title\":\"O\"},{\"id\":\"3\",\"slug\":\"p\"}]}"),
        "1,a,T,\"'=x; y\",FR; DE,o; p\r\n");
    cr_assert_str_eq(row_of("{\"id\":\"1\",\"slug\":\"a\",\"title\":\"T\",\"aliases\":[],"
                            "\"countries\":[\"FR\"]}"),
                     "1,a,T,,FR,\r\n");
}

Test(csv, a_negative_number_stays_a_number)
{
    ask("practices", "location", NULL);
    cr_assert_str_eq(row_of("{\"id\":\"1\",\"slug\":\"a\",\"title\":\"-T\",\"location\":"
                            "{\"lat\":-1.5,\"lon\":-2}}"),
                     "1,a,\"'-T\",-1.5,-2\r\n");
}

Test(csv, an_array_of_objects_is_json_in_one_cell)
{
    ask("networks", "members", NULL);
    cr_assert_str_eq(row_of("{\"id\":\"1\",\"slug\":\"a\",\"name\":\"N\",\"members\":[{\"role\":"
                            "\"x, \\\"y\\\"\"}]}"),
                     "1,a,N,\"[{\"\"role\"\":\"\"x, \\\"\"y\\\"\"\"\"}]\"\r\n");
}
