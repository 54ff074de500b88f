#include "record/slice.h"

#include "base/annotate.h"
#include "base/text.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(slice, .fini = test_ends_without_leaks);

static struct slice whole(const char *json)
{
    return (struct slice){json, strlen(json)};
}

Test(slice, the_members_of_an_object_come_in_their_order)
{
    static const char JSON[] = "{\"a\":1,\"b\":\"x,}]\",\"c\":{\"a\":[2,{\"b\":3}]},\"d\":[],"
                               "\"e\":null,\"f\":-1.5e3}";
    static const char *const EXPECTED[][2] = {
        {"a", "1"},  {"b", "\"x,}]\""}, {"c", "{\"a\":[2,{\"b\":3}]}"},
        {"d", "[]"}, {"e", "null"},     {"f", "-1.5e3"},
    };
    struct slice_member member;
    const char *at = JSON;
    size_t count = 0;

    for (; slice_next_member(&at, &member); count++) {
        cr_assert_lt(count, ARRAY_LENGTH(EXPECTED));
        cr_assert(slice_equals(member.name, EXPECTED[count][0]));
        cr_assert(slice_equals(member.value, EXPECTED[count][1]), "%s", EXPECTED[count][0]);
    }
    cr_assert_eq(count, ARRAY_LENGTH(EXPECTED));
    cr_assert_str_eq(at, "}");
}

Test(slice, the_items_of_an_array_come_in_their_order)
{
    static const char JSON[] = "[1,\"]\",[2,3],{\"a\":[4]},true,\"\\\"\\\\\"]";
    static const char *const EXPECTED[] = {"1",           "\"]\"", "[2,3]",
                                           "{\"a\":[4]}", "true",  "\"\\\"\\\\\""};
    struct slice item;
    const char *at = JSON;
    size_t count = 0;

    for (; slice_next_item(&at, &item); count++) {
        cr_assert_lt(count, ARRAY_LENGTH(EXPECTED));
        cr_assert(slice_equals(item, EXPECTED[count]), "%s", EXPECTED[count]);
    }
    cr_assert_eq(count, ARRAY_LENGTH(EXPECTED));
    cr_assert_str_eq(at, "]");
}

Test(slice, what_is_empty_or_of_another_kind_has_no_members_and_no_items)
{
    static const char *const ROWS[] = {"{}", "[]", "\"text\"", "1", "null"};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct slice_member member;
        struct slice item;
        const char *at = ROWS[i];

        cr_assert_not(slice_next_member(&at, &member), "%s", ROWS[i]);
        at = ROWS[i];
        cr_assert_not(slice_next_item(&at, &item), "%s", ROWS[i]);
    }
}

Test(slice, a_member_is_found_by_its_whole_name_at_the_top_alone)
{
    static const char JSON[] = "{\"title\":\"a\",\"titles\":2,\"inner\":{\"deep\":3},\"last\":[4]}";

    cr_assert(slice_equals(slice_member(whole(JSON), "title"), "\"a\""));
    cr_assert(slice_equals(slice_member(whole(JSON), "titles"), "2"));
    cr_assert(slice_equals(slice_member(whole(JSON), "last"), "[4]"));
    cr_assert_eq(slice_member(whole(JSON), "deep").length, 0);
    cr_assert_eq(slice_member(whole(JSON), "titl").length, 0);
    cr_assert_eq(slice_member(whole(JSON), "").length, 0);
    cr_assert_eq(slice_member((struct slice){NULL, 0}, "title").length, 0);
    cr_assert(slice_equals(slice_member(slice_member(whole(JSON), "inner"), "deep"), "3"));
}

Test(slice, quotes_are_taken_off_text_and_nothing_else)
{
    cr_assert(slice_equals(slice_unquoted(whole("\"a\\\"b\"")), "a\\\"b"));
    cr_assert(slice_equals(slice_unquoted(whole("\"\"")), ""));
    cr_assert(slice_equals(slice_unquoted(whole("12")), "12"));
    cr_assert(slice_equals(slice_unquoted(whole("{\"a\":1}")), "{\"a\":1}"));
}

Test(slice, every_escape_of_json_is_resolved)
{
    static const struct {
        const char *json, *text;
    } ROWS[] = {
        {"\"\"", ""},
        {"\"plain\"", "plain"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e4\\u20ac\"", "A\xC3\xA4\xE2\x82\xAC"},
        {"\"\\u00E4\\u20AC\"", "\xC3\xA4\xE2\x82\xAC"},
        {"\"\\u007f\\u0080\\u07ff\\u0800\"", "\x7f\xC2\x80\xDF\xBF\xE0\xA0\x80"},
        {"\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80"},
        {"\"\\uD800\\uDC00\"", "\xF0\x90\x80\x80"},
        {"\"\\udbff\\udfff\"", "\xF4\x8F\xBF\xBF"},
        {"\"a\\ud83d\\ude00b\\n\"", "a\xF0\x9F\x98\x80"
                                    "b\n"},
        {"\"\xC3\xA4 as it is\"", "\xC3\xA4 as it is"},
        {"\"\\\\n is no line break\"", "\\n is no line break"},
        {"12.50", "12.50"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct text text;

        text_init(&text, 1000);
        slice_append_decoded(whole(ROWS[i].json), &text);
        cr_assert_str_eq(text.bytes, ROWS[i].text, "%s", ROWS[i].json);
        text_deinit(&text);
    }
}

static void compare(struct slice slice, const json_t *value);

static void compare_object(struct slice slice, const json_t *object)
{
    void *iterator = json_object_iter((json_t *)(uintptr_t)object);
    struct slice_member member;
    const char *at = slice.bytes;

    while (slice_next_member(&at, &member)) {
        cr_assert_not_null(iterator);
        cr_assert(slice_equals(member.name, json_object_iter_key(iterator)));
        compare(member.value, json_object_iter_value(iterator));
        cr_assert_eq(slice_member(slice, json_object_iter_key(iterator)).bytes, member.value.bytes);
        iterator = json_object_iter_next((json_t *)(uintptr_t)object, iterator);
    }
    cr_assert_null(iterator);
    cr_assert_eq(at, slice.bytes + slice.length - 1 - (json_object_size(object) == 0));
}

static void compare_array(struct slice slice, const json_t *array)
{
    struct slice item;
    const char *at = slice.bytes;
    size_t count = 0;

    for (; slice_next_item(&at, &item); count++)
        compare(item, json_array_get(array, count));
    cr_assert_eq(count, json_array_size(array));
}

/* Recursion over documents of our own, whose depth is known. */
static void compare(struct slice slice, const json_t *value)
{
    struct text text;
    char *dumped;

    if (json_is_object(value)) {
        compare_object(slice, value);
    } else if (json_is_array(value)) {
        compare_array(slice, value);
    } else if (json_is_string(value)) {
        text_init(&text, 1024 * 1024);
        slice_append_decoded(slice, &text);
        cr_assert_str_eq(text.bytes, json_string_value(value));
        text_deinit(&text);
    } else {
        dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        cr_assert(slice_equals(slice, dumped), "%s", dumped);
        free(dumped);
    }
}

Test(slice, all_of_the_founding_catalogue_is_read_as_jansson_reads_it)
{
    /* Once with characters as they are, once with an escape for each that is not ASCII. */
    static const size_t FLAGS[] = {JSON_COMPACT, JSON_COMPACT | JSON_ENSURE_ASCII};
    const char *folder_path = getenv("CATALOGUE_DIR");
    DIR *folder = folder_path == NULL ? NULL : opendir(folder_path);
    struct dirent *entry;
    size_t count = 0;

    cr_assert_not_null(folder, "CATALOGUE_DIR names no folder");
    while ((entry = readdir(folder)) != NULL) {
        json_auto_t *document = NULL;
        char path[4096];

        if (strstr(entry->d_name, ".json") == NULL)
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder_path, entry->d_name);
        document = json_load_file(path, 0, NULL);
        cr_assert_not_null(document, "%s", path);
        for (size_t i = 0; i < ARRAY_LENGTH(FLAGS); i++) {
            char *dumped = json_dumps(document, FLAGS[i]);

            compare(whole(dumped), document);
            free(dumped);
        }
        count++;
    }
    (void)closedir(folder); /* only read */
    cr_assert_geq(count, 17);
}
