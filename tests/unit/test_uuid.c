#include "base/uuid.h"

#include "base/annotate.h"
#include "base/clock.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

TestSuite(uuid, .fini = test_ends_without_leaks);

Test(uuid, only_36_characters_of_the_one_form_are_valid)
{
    static const struct {
        const char *text;
        bool valid;
        const char *why;
    } ROWS[] = {
        {"01a20102-28e0-7051-a78d-40e12e1670b1", true, "lower case"},
        {"01A20102-28E0-7051-A78D-40E12E1670B1", true, "upper case"},
        {"00000000-0000-0000-0000-000000000000", true, "nil"},
        {"", false, "nothing"},
        {"01a20102-28e0-7051-a78d-40e12e1670b", false, "35 characters"},
        {"01a20102-28e0-7051-a78d-40e12e1670b11", false, "37 characters"},
        {"01a20102-28e0-7051-a78d-40e12e1670b1 ", false, "a space behind"},
        {"{01a20102-28e0-7051-a78d-40e12e1670b1}", false, "braces"},
        {"urn:uuid:01a20102-28e0-7051-a78d-40e12e1670b1", false, "a URN"},
        {"01a2010228e07051a78d40e12e1670b1", false, "no hyphens"},
        {"01a20102-28e07-051-a78d-40e12e1670b1", false, "a hyphen elsewhere"},
        {"01a20102-28e0-7051-a78d-40e12e1670g1", false, "a letter that is no digit"},
        {"01a20102-28e0-7051-a78d-40e12e16\xC3\xA4", false, "not ASCII"},
        {"------------------------------------", false, "hyphens alone"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_assert_eq(uuid_is_valid(ROWS[i].text), ROWS[i].valid, "%s", ROWS[i].why);
}

static uint64_t time_of(const char *uuid)
{
    char digits[13];

    memcpy(digits, uuid, 8);
    memcpy(digits + 8, uuid + 9, 4);
    digits[12] = '\0';
    return strtoull(digits, NULL, 16);
}

Test(uuid, one_that_is_made_bears_the_time_the_version_and_the_variant)
{
    uint64_t before = clock_wall_ms();
    char text[UUID_TEXT_BYTES];

    uuid_make_v7(text);
    cr_assert(uuid_is_valid(text), "%s", text);
    cr_assert_eq(text[14], '7', "%s", text);
    cr_assert_not_null(strchr("89ab", text[19]), "%s", text);
    cr_assert_geq(time_of(text), before);
    cr_assert_leq(time_of(text), clock_wall_ms());
}

Test(uuid, those_of_one_thread_come_in_order_however_fast)
{
    char before[UUID_TEXT_BYTES], text[UUID_TEXT_BYTES];

    uuid_make_v7(before);
    for (int i = 0; i < 50000; i++) {
        uuid_make_v7(text);
        cr_assert_lt(strcmp(before, text), 0, "%s does not come before %s", before, text);
        memcpy(before, text, sizeof(before));
    }
}

#define THREADS 4
#define EACH 5000

static char made[THREADS * EACH][UUID_TEXT_BYTES];

static void *make_many(void *data)
{
    char(*texts)[UUID_TEXT_BYTES] = data;

    for (int i = 0; i < EACH; i++)
        uuid_make_v7(texts[i]);
    return NULL;
}

static int compare(const void *left, const void *right)
{
    return strcmp(left, right);
}

Test(uuid, no_two_are_the_same_whichever_thread_makes_them)
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, make_many, made + i * EACH), 0);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    qsort(made, ARRAY_LENGTH(made), sizeof(made[0]), compare);
    for (size_t i = 1; i < ARRAY_LENGTH(made); i++)
        cr_assert_str_neq(made[i - 1], made[i]);
}

Test(uuid, lower_case_is_made_of_any_case)
{
    char id[UUID_TEXT_BYTES];

    uuid_make_lower("01A20102-28e0-7051-A78D-40E12E1670bF", id);
    cr_assert_str_eq(id, "01a20102-28e0-7051-a78d-40e12e1670bf");
}
