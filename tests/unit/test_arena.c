#include "base/arena.h"

#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

TestSuite(arena, .fini = test_ends_without_leaks);

Test(arena, memory_is_zeroed_and_aligned_for_any_type)
{
    static const size_t SIZES[] = {0, 1, 2, 7, 8, 15, 16, 17, 100, 16383, 16384, 16385, 100000};
    struct arena arena;

    arena_init(&arena, 1024 * 1024);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_LENGTH(SIZES); i++) {
            unsigned char *bytes = arena_alloc(&arena, SIZES[i]);

            cr_assert_not_null(bytes, "%zu", SIZES[i]);
            cr_assert_eq((uintptr_t)bytes % alignof(max_align_t), 0, "%zu", SIZES[i]);
            for (size_t j = 0; j < SIZES[i]; j++)
                cr_assert_eq(bytes[j], 0, "%zu of %zu", j, SIZES[i]);
            memset(bytes, 0xa5, SIZES[i]); /* a neighbour that overlaps would find it */
        }
    }
    cr_assert_not(arena_failed(&arena));
    arena_deinit(&arena);
}

Test(arena, what_lies_in_it_stays_when_more_is_added)
{
    struct arena arena;
    char *texts[1000];

    arena_init(&arena, 1024 * 1024);
    for (unsigned i = 0; i < ARRAY_LENGTH(texts); i++)
        texts[i] = arena_format(&arena, "text %u of many, long enough to fill blocks", i);
    for (unsigned i = 0; i < ARRAY_LENGTH(texts); i++) {
        char expected[64];

        (void)snprintf(expected, sizeof(expected), "text %u of many, long enough to fill blocks",
                       i);
        cr_assert_str_eq(texts[i], expected);
    }
    arena_deinit(&arena);
}

Test(arena, past_its_maximum_it_fails_and_says_so_from_then_on)
{
    struct arena arena;

    arena_init(&arena, 1000);
    cr_assert_not_null(arena_alloc(&arena, 900));
    cr_assert_not(arena_failed(&arena));
    cr_assert_null(arena_alloc(&arena, 101));
    cr_assert(arena_failed(&arena));
    /* What still fits is given, so that a caller may build several things and check once. */
    cr_assert_not_null(arena_alloc(&arena, 8));
    cr_assert(arena_failed(&arena));
    cr_assert_leq(arena.used_bytes, 1000);
    arena_deinit(&arena);
}

Test(arena, a_wish_that_no_memory_can_hold_is_refused)
{
    static const struct {
        size_t count, item_bytes;
        const char *why;
    } ROWS[] = {
        {SIZE_MAX, 1, "rounding it up overflows"},
        {SIZE_MAX / 2, 3, "the product overflows"},
        {SIZE_MAX / 16 + 1, 16, "the product is 0 when it has wrapped round"},
        {1024, 1024, "a mebibyte, in an arena of a kibibyte"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct arena arena;

        arena_init(&arena, 1024);
        cr_assert_null(arena_alloc_array(&arena, ROWS[i].count, ROWS[i].item_bytes), "%s",
                       ROWS[i].why);
        cr_assert(arena_failed(&arena), "%s", ROWS[i].why);
        arena_deinit(&arena);
    }
}

Test(arena, a_zeroed_one_is_empty_and_full)
{
    struct arena arena = {0};

    cr_assert_not(arena_failed(&arena));
    cr_assert_null(arena_alloc(&arena, 1));
    cr_assert_null(arena_copy(&arena, ""));
    cr_assert_null(arena_format(&arena, "%s", ""));
    cr_assert(arena_failed(&arena));
    arena_deinit(&arena);
}

Test(arena, after_deinit_it_can_be_used_again_with_the_same_maximum)
{
    struct arena arena;

    arena_init(&arena, 100);
    cr_assert_null(arena_alloc(&arena, 200));
    arena_deinit(&arena);
    cr_assert_not(arena_failed(&arena));
    cr_assert_not_null(arena_alloc(&arena, 50));
    cr_assert_null(arena_alloc(&arena, 200));
    arena_deinit(&arena);
    arena_deinit(&arena);
}

Test(arena, copies_are_terminated_and_of_their_own)
{
    char source[] = "some text";
    struct arena arena;
    char *copy, *part, *empty;

    arena_init(&arena, 1000);
    copy = arena_copy(&arena, source);
    part = arena_copy_bytes(&arena, source, 4);
    empty = arena_copy_bytes(&arena, NULL, 0);
    source[0] = 'X';
    cr_assert_str_eq(copy, "some text");
    cr_assert_str_eq(part, "some");
    cr_assert_str_eq(empty, "");
    cr_assert_null(arena_copy_bytes(&arena, source, SIZE_MAX));
    arena_deinit(&arena);
}

Test(arena, copying_nothing_gives_nothing_and_is_no_failure)
{
    struct arena arena;

    arena_init(&arena, 1000);
    cr_assert_null(arena_copy(&arena, NULL));
    cr_assert_not(arena_failed(&arena));
    arena_deinit(&arena);
}
