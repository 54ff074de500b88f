#include "base/text.h"

#include "base/annotate.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

TestSuite(text, .fini = test_ends_without_leaks);

Test(text, it_is_always_terminated_also_when_nothing_was_appended)
{
    struct text text;
    struct text zeroed = {0};

    text_init(&text, 100);
    cr_assert_str_eq(text.bytes, "");
    text_append(&text, "");
    cr_assert_str_eq(text.bytes, "");
    text_append(&text, "ab");
    text_append_char(&text, 'c');
    text_append_bytes(&text, "defg", 2);
    text_append_format(&text, "%d%s", 6, "f");
    cr_assert_str_eq(text.bytes, "abcde6f");
    cr_assert_eq(text.length, 7);
    text_deinit(&text);
    cr_assert_str_eq(text.bytes, "");
    text_deinit(&zeroed);
}

Test(text, it_takes_its_maximum_and_not_a_byte_more)
{
    struct text text;

    text_init(&text, 10);
    text_append(&text, "0123456789");
    cr_assert_not(text_failed(&text));
    cr_assert_str_eq(text.bytes, "0123456789");
    text_append_char(&text, 'x');
    cr_assert(text_failed(&text));
    cr_assert_str_eq(text.bytes, "0123456789", "what does not fit is not cut");
    text_deinit(&text);
}

Test(text, the_first_failure_sticks_so_that_it_is_checked_once)
{
    struct text text;
    size_t length = 77;

    text_init(&text, 4);
    text_append(&text, "ab");
    text_append(&text, "too long");
    text_append(&text, "c"); /* would fit: a text with a hole in it must not come out */
    text_append_char(&text, 'd');
    text_append_format(&text, "%d", 1);
    text_append_json(&text, "");
    text_append_uri(&text, "e");
    cr_assert(text_failed(&text));
    cr_assert_str_eq(text.bytes, "ab");
    cr_assert_null(text_steal(&text, &length));
    cr_assert_eq(length, 77);
}

Test(text, cleared_it_is_empty_and_its_failure_forgotten)
{
    struct text text;

    text_init(&text, 4);
    text_append(&text, "abc");
    text_append(&text, "def");
    text_clear(&text);
    cr_assert_not(text_failed(&text));
    cr_assert_str_eq(text.bytes, "");
    text_append(&text, "abcd");
    cr_assert_str_eq(text.bytes, "abcd");
    text_deinit(&text);
    text_clear(&text);
    cr_assert_str_eq(text.bytes, "");
}

Test(text, its_content_can_be_handed_over_also_when_it_is_empty)
{
    struct text text;
    size_t length = 77;
    char *bytes;

    text_init(&text, 1000);
    bytes = text_steal(&text, &length);
    cr_assert_str_eq(bytes, "");
    cr_assert_eq(length, 0);
    free(bytes);

    text_append(&text, "again");
    bytes = text_steal(&text, &length);
    cr_assert_str_eq(bytes, "again");
    cr_assert_eq(length, 5);
    cr_assert_str_eq(text.bytes, "");
    free(bytes);
}

Test(text, it_grows_over_many_appends_without_losing_any)
{
    struct text text;

    text_init(&text, 1000000);
    for (int i = 0; i < 20000; i++)
        text_append_format(&text, "%05d,", i);
    cr_assert_not(text_failed(&text));
    cr_assert_eq(text.length, 120000);
    for (int i = 0; i < 20000; i += 777) {
        char expected[16];

        (void)snprintf(expected, sizeof(expected), "%05d,", i);
        cr_assert_eq(memcmp(text.bytes + 6 * i, expected, 6), 0, "%d", i);
    }
    text_deinit(&text);
}

Test(text, a_json_string_is_read_back_by_another_parser_as_it_was)
{
    char every[128];
    const char *const ROWS[] = {
        "",
        "plain",
        "quote \" and backslash \\",
        "a\nb\tc\rd\be\ff",
        "\x01\x02\x1f",
        "\x7f",
        "</script>",
        "\xC3\xA4\xC3\xB6\xC3\xBC",
        "\xD8\xA7\xD9\x84\xD8\xB9\xD8\xB1\xD8\xA8",
        "\xF0\x9F\x92\xA9",
        "\xE2\x80\xA8 line separator",
        "\\u0041 is not A",
        every,
    };

    for (size_t i = 0; i < sizeof(every) - 1; i++)
        every[i] = (char)(i + 1);
    every[sizeof(every) - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *value = NULL;
        struct text text;

        text_init(&text, 10000);
        text_append_json(&text, ROWS[i]);
        value = json_loadb(text.bytes, text.length, JSON_DECODE_ANY, NULL);
        cr_assert_not_null(value, "row %zu: %s", i, text.bytes);
        cr_assert_str_eq(json_string_value(value), ROWS[i], "row %zu", i);
        for (size_t j = 0; j < text.length; j++)
            cr_assert_geq((unsigned char)text.bytes[j], 0x20, "row %zu: raw control byte", i);
        text_deinit(&text);
    }
}

Test(text, a_json_string_may_come_from_the_middle_of_a_text)
{
    struct text text;

    text_init(&text, 100);
    text_append_json_bytes(&text, "a\"bc\"d", 3);
    cr_assert_str_eq(text.bytes, "\"a\\\"b\"");
    text_deinit(&text);
}

Test(text, in_a_uri_only_unreserved_characters_stay_as_they_are)
{
    static const struct {
        const char *text, *encoded;
    } ROWS[] = {
        {"azAZ09-._~", "azAZ09-._~"},
        {"a b", "a%20b"},
        {"a+b", "a%2Bb"},
        {"a&b=c#d?e/f%g", "a%26b%3Dc%23d%3Fe%2Ff%25g"},
        {"\"<>\\^`{|}", "%22%3C%3E%5C%5E%60%7B%7C%7D"},
        {"\r\n\x7f", "%0D%0A%7F"},
        {"\xC3\xA9", "%C3%A9"},
        {"", ""},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct text text;

        text_init(&text, 1000);
        text_append_uri(&text, ROWS[i].text);
        cr_assert_str_eq(text.bytes, ROWS[i].encoded);
        text_deinit(&text);
    }
}

Test(text, utf_8_is_what_rfc_3629_says_and_without_nul)
{
    static const struct {
        const char *bytes;
        size_t size_bytes;
        bool good;
        const char *why;
    } ROWS[] = {
        {"", 0, true, "nothing"},
        {"abc", 3, true, "ASCII"},
        {"\x7f", 1, true, "the last of one byte"},
        {"\xC2\x80", 2, true, "the first of two bytes"},
        {"\xDF\xBF", 2, true, "the last of two bytes"},
        {"\xE0\xA0\x80", 3, true, "the first of three bytes"},
        {"\xED\x9F\xBF", 3, true, "the last before the surrogates"},
        {"\xEE\x80\x80", 3, true, "the first behind them"},
        {"\xEF\xBF\xBF", 3, true, "the last of three bytes"},
        {"\xF0\x90\x80\x80", 4, true, "the first of four bytes"},
        {"\xF4\x8F\xBF\xBF", 4, true, "the last of Unicode"},
        {"a\0b", 3, false, "NUL"},
        {"\x80", 1, false, "a continuation alone"},
        {"\xBF", 1, false, "another one"},
        {"a\x80", 2, false, "a continuation behind ASCII"},
        {"\xC3", 1, false, "cut after one of two"},
        {"\xE2\x82", 2, false, "cut after two of three"},
        {"\xF0\x9F\x92", 3, false, "cut after three of four"},
        {"\xC3\x28", 2, false, "no continuation"},
        {"\xE2\x28\xA1", 3, false, "the second is no continuation"},
        {"\xE2\x82\x28", 3, false, "the third is no continuation"},
        {"\xF0\x9F\x92\x28", 4, false, "the fourth is no continuation"},
        {"\xC0\x80", 2, false, "NUL in two bytes"},
        {"\xC1\xBF", 2, false, "the last overlong form of two bytes"},
        {"\xE0\x9F\xBF", 3, false, "the last overlong form of three bytes"},
        {"\xF0\x8F\xBF\xBF", 4, false, "the last overlong form of four bytes"},
        {"\xED\xA0\x80", 3, false, "the first surrogate"},
        {"\xED\xBF\xBF", 3, false, "the last surrogate"},
        {"\xED\xA0\xBD\xED\xB2\xA9", 6, false, "a pair of surrogates (CESU-8)"},
        {"\xF4\x90\x80\x80", 4, false, "beyond Unicode"},
        {"\xF5\x80\x80\x80", 4, false, "far beyond Unicode"},
        {"\xF8\x88\x80\x80\x80", 5, false, "five bytes"},
        {"\xFE", 1, false, "never a byte of UTF-8"},
        {"\xFF", 1, false, "never a byte of UTF-8"},
        {"\xC3\xA4\xC3", 3, false, "good, then cut"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        /* Exactly as large as the text: a read past its end is seen. */
        char *copy = malloc(ROWS[i].size_bytes == 0 ? 1 : ROWS[i].size_bytes);

        memcpy(copy, ROWS[i].bytes, ROWS[i].size_bytes);
        cr_assert_eq(text_is_utf8(copy, ROWS[i].size_bytes), ROWS[i].good, "%s", ROWS[i].why);
        free(copy);
    }
}

Test(text, every_code_point_is_judged_as_jansson_judges_it)
{
    for (uint32_t code = 1; code <= 0x110000; code += code < 0x3000 ? 1 : 251) {
        json_auto_t *value = NULL;
        char bytes[5] = {0};
        size_t length;

        if (code < 0x80) {
            length = 1;
            bytes[0] = (char)code;
        } else if (code < 0x800) {
            length = 2;
            bytes[0] = (char)(0xc0 | code >> 6);
        } else if (code < 0x10000) {
            length = 3;
            bytes[0] = (char)(0xe0 | code >> 12);
        } else {
            length = 4;
            bytes[0] = (char)(0xf0 | code >> 18);
        }
        for (size_t i = 1; i < length; i++)
            bytes[i] = (char)(0x80 | (code >> 6 * (length - 1 - i) & 0x3f));
        value = json_stringn(bytes, length);
        cr_assert_eq(text_is_utf8(bytes, length), value != NULL, "U+%04X", (unsigned)code);
    }
}

Test(text, the_nearest_word_is_one_that_a_typist_could_have_meant)
{
    static const char *const WORDS[] = {"country", "countries", "city",       "title",    "sectors",
                                        "limit",   "fields",    "started_on", "ended_on", "q"};
    static const struct {
        const char *word, *nearest, *why;
    } ROWS[] = {
        {"contry", "country", "a letter is missing"},
        {"countryy", "country", "a letter too many"},
        {"countri", "country", "another letter"},
        {"coutnry", "country", "two letters changed places"},
        {"COUNTRY", "country", "case counts for nothing"},
        {"countrys", "country", "one edit away, and the other two"},
        {"sector", "sectors", "the plural is meant"},
        {"start_on", "started_on", "two letters are missing"},
        {"limit", "limit", "the word itself"},
        {"tilte", "title", "a swap is one edit"},
        {"xyz", NULL, "nothing is near"},
        {"", NULL, "nothing was said"},
        {"c", NULL, "of one letter nothing is left when it is wrong"},
        {"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
         NULL, "too long to be a name"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const char *nearest = text_nearest(ROWS[i].word, WORDS, ARRAY_LENGTH(WORDS));

        if (ROWS[i].nearest == NULL)
            cr_assert_null(nearest, "%s: %s", ROWS[i].why, nearest == NULL ? "" : nearest);
        else
            cr_assert(nearest != NULL && strcmp(nearest, ROWS[i].nearest) == 0, "%s: %s",
                      ROWS[i].why, nearest == NULL ? "(none)" : nearest);
    }
    cr_assert_null(text_nearest("country", NULL, 0));
}

Test(text, words_at_the_greatest_length_are_compared_within_bounds)
{
    char longest[65], longer[66];
    const char *const words[] = {longer, longest};

    memset(longest, 'a', 64);
    longest[64] = '\0';
    memset(longer, 'a', 65);
    longer[65] = '\0';
    cr_assert_eq(text_nearest(longest, words, 2), longest);
    cr_assert_null(text_nearest(longer, words, 2));
}
