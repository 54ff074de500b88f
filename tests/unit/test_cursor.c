#include "record/cursor.h"

#include "base/arena.h"
#include "base/limits.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define ID "01a20102-28e0-7051-a78d-40e12e1670b1"

static const unsigned char FINGERPRINT[QUERY_FINGERPRINT_BYTES] = "0123456789abcde";
static const unsigned char OTHER_FINGERPRINT[QUERY_FINGERPRINT_BYTES] = "0123456789abcdf";
static struct cursor_keys keys;
static struct arena arena;

static void begin(void)
{
    cursor_keys_derive("a secret of some length for tests", &keys);
    arena_init(&arena, 16 * 1024 * 1024);
}

static void end(void)
{
    arena_deinit(&arena);
    test_ends_without_leaks();
}

TestSuite(cursor, .init = begin, .fini = end);

static const struct cursor PLACE = {
    .values = {"2024-05-06 07:08:09.123456+00", NULL, "", "\xD8\xA7\xD9\x84"},
    .value_count = 4,
    .id = ID,
};

static const char *encode(const struct cursor *cursor)
{
    const char *text = cursor_encode(&keys, cursor, FINGERPRINT, &arena);

    cr_assert_not_null(text);
    return text;
}

Test(cursor, a_place_comes_back_as_it_went)
{
    const struct cursor places[] = {
        PLACE,
        {.backward = true, .values = {"one"}, .value_count = 1, .id = ID},
        {.values = {NULL}, .value_count = 1, .id = ID},
        {.value_count = 0, .id = ID},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        struct cursor back;

        cr_assert(cursor_decode(&keys, encode(&places[i]), FINGERPRINT, &arena, &back));
        cr_assert_eq(back.backward, places[i].backward);
        cr_assert_eq(back.value_count, places[i].value_count);
        cr_assert_str_eq(back.id, ID);
        for (size_t j = 0; j < back.value_count; j++) {
            if (places[i].values[j] == NULL)
                cr_assert_null(back.values[j], "unknown is not empty");
            else
                cr_assert_str_eq(back.values[j], places[i].values[j]);
        }
    }
}

Test(cursor, the_same_place_has_the_same_text_and_another_place_another)
{
    struct cursor other = PLACE;

    cr_assert_str_eq(encode(&PLACE), encode(&PLACE));
    other.backward = true;
    cr_assert_str_neq(encode(&PLACE), encode(&other));
    other = PLACE;
    other.values[2] = NULL;
    cr_assert_str_neq(encode(&PLACE), encode(&other));
    other = PLACE;
    other.id = "01a20102-28e0-7051-a78d-40e12e1670b2";
    cr_assert_str_neq(encode(&PLACE), encode(&other));
}

Test(cursor, its_text_goes_into_a_url_as_it_is_and_tells_nothing)
{
    const struct cursor place = {
        .values = {"a value that must not be seen"}, .value_count = 1, .id = ID};
    const char *text = encode(&place);

    cr_assert_eq(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                 strlen(text), "%s", text);
    cr_assert_null(strstr(text, "seen"));
    cr_assert_leq(strlen(text), CURSOR_BYTES_MAX);
}

/* Checks V15. */
Test(cursor, with_any_bit_flipped_it_is_refused)
{
    const char *text = encode(&PLACE);
    const size_t length = strlen(text);
    char *changed = strdup(text);

    for (size_t i = 0; i < length; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct cursor back;

            changed[i] = (char)(text[i] ^ (char)(1u << bit));
            cr_assert_not(cursor_decode(&keys, changed, FINGERPRINT, &arena, &back),
                          "byte %zu, bit %u", i, bit);
        }
        changed[i] = text[i];
    }
    free(changed);
}

Test(cursor, with_any_character_replaced_it_is_refused)
{
    static const char ALPHABET[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *text = encode(&PLACE);
    char *changed = strdup(text);

    for (size_t i = 0; i < strlen(text); i++) {
        for (const char *digit = ALPHABET; *digit != '\0'; digit++) {
            struct cursor back;

            changed[i] = *digit;
            if (*digit != text[i])
                cr_assert_not(cursor_decode(&keys, changed, FINGERPRINT, &arena, &back),
                              "%c at %zu: one cursor has one spelling", *digit, i);
        }
        changed[i] = text[i];
    }
    free(changed);
}

/* Checks V15. */
Test(cursor, cut_or_lengthened_it_is_refused)
{
    const char *text = encode(&PLACE);
    const size_t length = strlen(text);
    char *changed = malloc(length + 10);
    struct cursor back;

    for (size_t i = 0; i < length; i++) {
        memcpy(changed, text, i);
        changed[i] = '\0';
        cr_assert_not(cursor_decode(&keys, changed, FINGERPRINT, &arena, &back), "%zu", i);
        cr_assert_not(cursor_decode(&keys, text + i + 1, FINGERPRINT, &arena, &back), "%zu", i);
    }
    for (const char *const *more =
             (const char *const[]){"A", "AA", "AAAA", "=", "==", " ", "\n", "%", NULL};
         *more != NULL; more++) {
        (void)snprintf(changed, length + 10, "%s%s", text, *more);
        cr_assert_not(cursor_decode(&keys, changed, FINGERPRINT, &arena, &back), "'%s'", *more);
    }
    free(changed);
}

Test(cursor, what_is_no_cursor_at_all_is_refused)
{
    static const char *const ROWS[] = {"",      "A",          "null", "0",        "-1",
                                       "../..", "eyJhIjoxfQ", "%00",  "\xC3\xA4", "AAAA AAAA"};
    char *huge = malloc(20001);
    struct cursor back;

    memset(huge, 'A', 20000);
    huge[20000] = '\0';
    cr_assert_not(cursor_decode(&keys, huge, FINGERPRINT, &arena, &back));
    free(huge);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_assert_not(cursor_decode(&keys, ROWS[i], FINGERPRINT, &arena, &back), "%s", ROWS[i]);
}

/* Checks V15. */
Test(cursor, under_another_query_or_another_secret_it_is_refused)
{
    const char *text = encode(&PLACE);
    struct cursor_keys others;
    struct cursor back;

    cr_assert_not(cursor_decode(&keys, text, OTHER_FINGERPRINT, &arena, &back));
    cursor_keys_derive("a secret of some length for testS", &others);
    cr_assert_not(cursor_decode(&others, text, FINGERPRINT, &arena, &back));
    cursor_keys_derive("a secret of some length for tests", &others);
    cr_assert(cursor_decode(&others, text, FINGERPRINT, &arena, &back), "nodes share a secret");
}

Test(cursor, the_two_keys_differ_from_each_other)
{
    cr_assert_neq(memcmp(keys.seal, keys.nonce, CURSOR_KEY_BYTES), 0);
}

Test(cursor, values_at_the_greatest_length_pass_and_longer_ones_are_a_bug_that_makes_none)
{
    static char title[1202], city[481], slug[101]; /* 300, 120 and 100 characters at their widest */
    struct cursor place = {.values = {title, city, slug, "2147483647"}, .value_count = 4, .id = ID};
    struct cursor back;
    const char *text;

    memset(title, 'v', 1200);
    memset(city, 'w', 480);
    memset(slug, 'x', 100);
    text = encode(&place);
    cr_assert_leq(strlen(text), CURSOR_BYTES_MAX);
    cr_assert(cursor_decode(&keys, text, FINGERPRINT, &arena, &back));
    cr_assert_str_eq(back.values[0], title);
    cr_assert_str_eq(back.values[1], city);

    title[1200] = 'v';
    cr_assert_null(cursor_encode(&keys, &place, FINGERPRINT, &arena));
}

Test(cursor, a_full_arena_gives_no_cursor_and_reads_none)
{
    const char *text = encode(&PLACE);
    struct arena full = {0};
    struct cursor back = {.id = "untouched"};

    cr_assert_null(cursor_encode(&keys, &PLACE, FINGERPRINT, &full));
    cr_assert_not(cursor_decode(&keys, text, FINGERPRINT, &full, &back));
    cr_assert_str_eq(back.id, "untouched");
}
