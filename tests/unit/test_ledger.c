#include "mentoring/ledger.h"

#include "base/arena.h"
#include "mentoring/statistics.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(ledger_file, .fini = test_ends_without_leaks, .timeout = 60);

#define ONE                                                                                        \
    "11111111-1111-4111-8111-111111111111 aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa mentor request "    \
    "2026-03-02T09:30:00.000Z\n"
#define TWO                                                                                        \
    "22222222-2222-4222-8222-222222222222 bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb mentee retention "  \
    "2026-03-03T09:30:00.000Z\n"
#define ARENA_BYTES (1024 * 1024)
#define CONTENT_BYTES 4096

static const struct erasure FIRST = {.receipt = "11111111-1111-4111-8111-111111111111",
                                     .participant_id = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
                                     .kind = "mentor",
                                     .cause = "request",
                                     .erased_at = "2026-03-02T09:30:00.000Z"};
static const struct erasure SECOND = {.receipt = "22222222-2222-4222-8222-222222222222",
                                      .participant_id = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb",
                                      .kind = "mentee",
                                      .cause = "retention",
                                      .erased_at = "2026-03-03T09:30:00.000Z"};

static char path[] = "/tmp/test-ledger-XXXXXX";

static void write_file(const char *content)
{
    int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    cr_assert_not_null(file);
    cr_assert(fputs(content, file) >= 0);
    cr_assert_eq(fclose(file), 0);
}

static void expect_file(const char *content)
{
    char read[CONTENT_BYTES];
    FILE *file = fopen(path, "r");
    size_t length;

    cr_assert_not_null(file);
    length = fread(read, 1, sizeof(read) - 1, file);
    read[length] = '\0';
    (void)fclose(file); /* only read */
    cr_assert_str_eq(read, content);
}

/* Reads it; @expected: how many, or below 0: an outcome instead. */
static void expect_read(int expected_result, size_t expected_count)
{
    struct ledger ledger;
    struct arena arena;

    arena_init(&arena, ARENA_BYTES);
    cr_assert_eq(ledger_read(path, &arena, &ledger), expected_result);
    if (expected_result == 0) {
        cr_assert_eq(ledger.erasure_count, expected_count);
        if (expected_count > 0) {
            cr_assert_str_eq(ledger.erasures[0].receipt, FIRST.receipt);
            cr_assert_str_eq(ledger.erasures[0].participant_id, FIRST.participant_id);
            cr_assert_str_eq(ledger.erasures[0].erased_at, FIRST.erased_at);
        }
    }
    arena_deinit(&arena);
}

static int append(const struct erasure *erasure)
{
    struct erasure copy = *erasure;

    return ledger_append(path, &(struct ledger){.erasures = &copy, .erasure_count = 1});
}

Test(ledger_file, a_file_that_there_is_not_is_an_empty_one)
{
    (void)snprintf(path, sizeof(path), "/tmp/no-such-ledger");
    expect_read(0, 0);
}

Test(ledger_file, what_was_added_is_read_each_once)
{
    write_file("");
    expect_read(0, 0);
    cr_assert_eq(append(&SECOND), 0);
    cr_assert_eq(append(&FIRST), 0);
    expect_file(TWO ONE);
    expect_read(0, 2);
    cr_assert_eq(append(&FIRST), 0);
    expect_read(0, 2);
    (void)unlink(path);
}

Test(ledger_file, the_beginning_of_a_line_is_passed_over_and_cut_off_by_the_next)
{
    write_file(ONE "22222222-2222-4222-8222-2222");
    expect_read(0, 1);
    cr_assert_eq(append(&SECOND), 0);
    expect_file(ONE TWO);
    (void)unlink(path);
}

Test(ledger_file, a_line_that_is_none_is_damage_and_not_passed_over)
{
    static const char *const LINES[] = {
        "\n",
        "who knows\n",
        "11111111-1111-4111-8111-111111111111 x mentor request 2026-03-02T09:30:00.000Z\n",
        "11111111-1111-4111-8111-111111111111 aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa editor request "
        "2026-03-02T09:30:00.000Z\n",
        "11111111-1111-4111-8111-111111111111 aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa mentor request "
        "yesterday\n",
        "11111111-1111-4111-8111-111111111111 aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa mentor request "
        "2026-03-02T09:30:00.000Z more\n",
        "statistics 202 2026-07-01T00:00:45.120Z\n",
        "statistics 2025 today\n",
        "statistic 2025 2026-07-01T00:00:45.120Z\n",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(LINES); i++) {
        char content[CONTENT_BYTES];

        (void)snprintf(path, sizeof(path), "/tmp/test-ledger-XXXXXX");
        (void)snprintf(content, sizeof(content), "%s%s%s", ONE, LINES[i], TWO);
        write_file(content);
        expect_read(LEDGER_DAMAGED, 0);
        (void)unlink(path);
    }
}

Test(ledger_file, years_of_statistics_are_remembered_each_once)
{
    static struct statistics_told told = {"2025", "2026-07-01T00:00:45.120Z"};
    const struct ledger one = {.told = &told, .told_count = 1};
    struct ledger ledger;
    struct arena arena;

    (void)snprintf(path, sizeof(path), "/tmp/test-ledger-XXXXXX");
    write_file(ONE);
    cr_assert_eq(ledger_append(path, &one), 0);
    cr_assert_eq(ledger_append(path, &one), 0);
    expect_file(ONE "statistics 2025 2026-07-01T00:00:45.120Z\n"
                    "statistics 2025 2026-07-01T00:00:45.120Z\n");
    expect_read(0, 1);
    arena_init(&arena, ARENA_BYTES);
    cr_assert_eq(ledger_read(path, &arena, &ledger), 0);
    cr_assert_eq(ledger.told_count, 1);
    cr_assert_str_eq(ledger.told[0].year, told.year);
    cr_assert_str_eq(ledger.told[0].published_at, told.published_at);
    arena_deinit(&arena);
    (void)unlink(path);
}

Test(ledger_file, a_folder_is_no_ledger)
{
    (void)snprintf(path, sizeof(path), "/tmp");
    cr_assert_eq(append(&FIRST), LEDGER_UNUSABLE);
}
