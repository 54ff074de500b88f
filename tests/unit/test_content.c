/*
 * What records say: letters, times, merge patches and differences, as they are kept.
 */
#include "record/content.h"

#include "base/arena.h"
#include "record/content_internal.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(content, .fini = test_ends_without_leaks);

static json_t *json_of(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);

    cr_assert_not_null(json, "%s", text);
    return json;
}

Test(content, times_are_kept_in_utc_to_the_millisecond)
{
    static const struct {
        const char *given;
        const char *kept; /* NULL: beyond the calendar; "": none */
    } ROWS[] = {
        {"2026-02-01T10:00:00Z", "2026-02-01T10:00:00.000Z"},
        {"2026-02-01t10:00:00z", "2026-02-01T10:00:00.000Z"},
        {"2026-02-01T10:00:00.9999999Z", "2026-02-01T10:00:00.999Z"},
        {"2026-02-01T10:00:00.5+02:00", "2026-02-01T08:00:00.500Z"},
        {"2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000Z"},
        {"2024-02-28T23:30:00-01:00", "2024-02-29T00:30:00.000Z"},
        {"2100-02-28T23:30:00-01:00", "2100-03-01T00:30:00.000Z"},
        {"2000-02-28T23:30:00-01:00", "2000-02-29T00:30:00.000Z"},
        {"1999-12-31T23:59:60Z", "2000-01-01T00:00:00.000Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"},
        {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"},
        {"0001-01-01T00:00:00+00:01", NULL},
        {"9999-12-31T23:59:59-00:01", NULL},
        {"2026-02-01", ""},
        {"2026-02-01T10:00:00", ""},
        {"", ""},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char time[CONTENT_TIME_BYTES] = "untouched";
        const int r = content_time_in_utc(ROWS[i].given, time);

        if (ROWS[i].kept == NULL)
            cr_expect_eq(r, CONTENT_TIME_BEYOND, "%s: %d %s", ROWS[i].given, r, time);
        else if (ROWS[i].kept[0] == '\0')
            cr_expect_eq(r, CONTENT_TIME_NONE, "%s: %d %s", ROWS[i].given, r, time);
        else
            cr_expect(r == 0 && strcmp(time, ROWS[i].kept) == 0, "%s: %d %s", ROWS[i].given, r,
                      time);
    }
}

/* Every day of some centuries, against the rule of the calendar. */
Test(content, no_day_is_lost_between_calendars)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    for (int year = 1; year <= 2401; year += year == 1 ? 398 : 1) {
        const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        for (int month = 1; month <= 12; month++) {
            const int days = DAYS[month - 1] + (month == 2 && is_leap);
            char given[64], expected[64], kept[CONTENT_TIME_BYTES];

            (void)snprintf(given, sizeof(given), "%04d-%02d-%02dT23:59:59-00:01", year, month,
                           days);
            (void)snprintf(expected, sizeof(expected), "%04d-%02d-01T00:00:59.000Z",
                           month == 12 ? year + 1 : year, month % 12 + 1);
            if (content_time_in_utc(given, kept) != 0 || strcmp(kept, expected) != 0)
                cr_assert_fail("%s: %s", given, kept);
        }
    }
}

Test(content, characters_that_no_text_may_have)
{
    static const struct {
        const char *text;
        bool is_name;
        uint32_t found; /* 0: none */
    } ROWS[] = {
        {"", true, 0},
        {"plain", true, 0},
        {"two\nlines\tand a tab\r\n", false, 0},
        {"two\nlines", true, '\n'},
        {"\x7F", false, 0x7F},
        {"\xC2\x9F", false, 0x9F},
        {"\xC2\xA0", false, 0},
        {"a\xE2\x80\xAE"
         "b",
         false, 0x202E},
        {"\xE2\x81\xA9", false, 0x2069},
        {"\xE2\x80\x8F", false, 0},
        {"\xE2\x80\x8D", false, 0},
        {"\xF0\x9F\x8C\x8D", false, 0},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        uint32_t found = 0;
        const bool has = content_has_forbidden(ROWS[i].text, ROWS[i].is_name, &found);

        cr_expect_eq(has, ROWS[i].found != 0, "row %zu", i);
        cr_expect_eq(found, ROWS[i].found, "row %zu: %x", i, found);
    }
}

/* Checks V21. The examples of RFC 7396, appendix A. */
Test(content, merge_patches_do_what_the_rfc_says)
{
    static const char *const ROWS[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"a\":1,\"e\":null}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"{\"a\":1}", "{\"__proto__\":{\"b\":2}}", "{\"__proto__\":{\"b\":2},\"a\":1}"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *target = json_of(ROWS[i][0]);
        json_auto_t *before = json_deep_copy(target);
        json_auto_t *patch = json_of(ROWS[i][1]);
        json_auto_t *patched = content_patched(target, patch);
        char *dump = content_dump(patched);

        cr_expect_str_eq(dump, ROWS[i][2], "%s with %s: %s", ROWS[i][0], ROWS[i][1], dump);
        cr_expect(json_equal(target, before), "the target has changed");
        free(dump);
    }
}

/* Checks V4. */
Test(content, a_patch_that_is_too_deep_comes_to_an_end)
{
    json_auto_t *target = json_object();
    json_t *patch = json_integer(1);

    for (int i = 0; i < 40; i++)
        patch = json_pack("{s:o}", "a", patch);
    cr_expect_null(content_patched(target, patch));
    json_decref(patch);
}

Test(content, what_differs_is_told_by_name)
{
    static const struct {
        const char *before; /* NULL: nothing */
        const char *after;
        const char *names;
    } ROWS[] = {
        {"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}", ""},
        {"{\"b\":1,\"a\":2,\"d\":1}", "{\"a\":3,\"c\":[],\"b\":1}", "a c d "},
        {NULL, "{\"b\":1,\"a\":2}", "a b "},
        {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"y\":2,\"x\":1}}", ""},
        {"{\"a\":[1,2]}", "{\"a\":[2,1]}", "a "},
        {"{\"a\":52.123456789012345}", "{\"a\":52.1234567890123}", ""},
        {"{\"a\":1}", "{\"a\":\"1\"}", "a "},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *before = ROWS[i].before == NULL ? NULL : json_of(ROWS[i].before);
        json_auto_t *after = json_of(ROWS[i].after);
        struct arena arena;
        const char *const *names = NULL;
        size_t count = 0;
        char text[100] = "";

        arena_init(&arena, 65536);
        cr_assert_eq(content_changed(before, after, &arena, &names, &count), 0);
        for (size_t j = 0; j < count; j++)
            (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", names[j]);
        cr_expect_str_eq(text, ROWS[i].names, "row %zu: %s", i, text);
        arena_deinit(&arena);
    }
}
