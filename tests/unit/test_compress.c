#include "compress.h"

#include "conditions.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(compress, .fini = test_ends_without_leaks);

#define BODY_BYTES 20000

static void fill(char *body)
{
    for (size_t i = 0; i < BODY_BYTES; i++)
        body[i] = "{\"title\":\"practice\",\"country\":\"de\"},"[i % 37];
}

Test(compress, the_header_chooses_the_coding)
{
    static const struct {
        const char *header;
        enum coding coding;
    } ROWS[] = {
        {NULL, CODING_IDENTITY},
        {"", CODING_IDENTITY},
        {"identity", CODING_IDENTITY},
        {"deflate", CODING_IDENTITY},
        {"gzip", CODING_GZIP},
        {"gzip;q=0.1", CODING_GZIP},
        {"gzip, deflate, br", CODING_GZIP},
        {"gzip, deflate, br, zstd", CODING_ZSTD},
        {"gzip;q=0.5, br", CODING_BROTLI},
        {"gzip;q=0", CODING_IDENTITY},
        {"gzip;q=0.5, identity", CODING_IDENTITY},
        {"*", CODING_ZSTD},
        {"zstd;q=0, *;q=0.5", CODING_GZIP},
        {"identity;q=0, br;q=0.1", CODING_BROTLI},
    };
    enum coding coding;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_assert_eq(coding_choose(ROWS[i].header, true, &coding), 0);
        cr_assert_eq(coding, ROWS[i].coding, "%s: %s", ROWS[i].header == NULL ? "" : ROWS[i].header,
                     coding_name(coding));
    }
}

Test(compress, a_short_body_is_coded_only_when_identity_is_refused)
{
    enum coding coding;

    cr_assert_eq(coding_choose("gzip", false, &coding), 0);
    cr_assert_eq(coding, CODING_IDENTITY);
    cr_assert_eq(coding_choose("gzip, identity;q=0", false, &coding), 0);
    cr_assert_eq(coding, CODING_GZIP);
}

Test(compress, a_header_that_refuses_everything_is_an_outcome)
{
    enum coding coding = CODING_BROTLI;

    cr_assert_eq(coding_choose("identity;q=0", true, &coding), CODING_NONE_ACCEPTABLE);
    cr_assert_eq(coding_choose("*;q=0", false, &coding), CODING_NONE_ACCEPTABLE);
    cr_assert_eq(coding, CODING_BROTLI, "the result stays untouched");
}

Test(compress, every_coding_makes_a_list_smaller_and_begins_as_its_format_says)
{
    static const struct {
        enum coding coding;
        const char *magic;
    } ROWS[] = {
        {CODING_GZIP, "\x1f\x8b"},
        {CODING_ZSTD, "\x28\xb5\x2f\xfd"},
        {CODING_BROTLI, ""},
    };
    char body[BODY_BYTES];

    fill(body);
    /* Twice each: the second time with a state that was used before. */
    for (size_t i = 0; i < 2 * ARRAY_LENGTH(ROWS); i++) {
        enum coding coding = ROWS[i / 2].coding;
        const char *magic = ROWS[i / 2].magic;
        char *bytes;
        size_t size_bytes;

        cr_assert_eq(coding_compress(coding, body, sizeof(body), &bytes, &size_bytes), 0);
        cr_assert_lt(size_bytes, sizeof(body) / 10, "%s", coding_name(coding));
        cr_assert_eq(memcmp(bytes, magic, strlen(magic)), 0, "%s", coding_name(coding));
        free(bytes);
    }
    coding_deinit();
}

Test(compress, bytes_that_do_not_shrink_still_fit)
{
    char body[300];

    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (char)(i * 167 + i * i * 31);
    for (int coding = CODING_GZIP; coding < CODING_COUNT; coding++) {
        char *bytes;
        size_t size_bytes;

        cr_assert_eq(coding_compress((enum coding)coding, body, sizeof(body), &bytes, &size_bytes),
                     0);
        cr_assert_gt(size_bytes, 0);
        free(bytes);
    }
    coding_deinit();
}

Test(compress, an_etag_matches_in_any_coding_and_the_negotiated_one_first)
{
    static const struct {
        const char *list;
        bool strong;
        enum coding preferred;
        bool matches;
        enum coding coding;
    } ROWS[] = {
        {"\"abc\"", false, CODING_GZIP, true, CODING_IDENTITY},
        {"\"abc-gz\"", false, CODING_IDENTITY, true, CODING_GZIP},
        {"\"abc\", \"abc-zst\"", false, CODING_ZSTD, true, CODING_ZSTD},
        {"\"abc-br\", \"abc-zst\"", false, CODING_GZIP, true, CODING_BROTLI},
        {"W/\"abc\"", false, CODING_GZIP, true, CODING_IDENTITY},
        {"W/\"abc\"", true, CODING_GZIP, false, CODING_IDENTITY},
        {"*", true, CODING_GZIP, true, CODING_GZIP},
        {"\"x\" , \"y\",\t\"abc\"", false, CODING_GZIP, true, CODING_IDENTITY},
        {"\"x,\", \"abc\"", false, CODING_GZIP, true, CODING_IDENTITY},
        {"\"ab\"", false, CODING_GZIP, false, CODING_IDENTITY},
        {"\"abc-\"", false, CODING_GZIP, false, CODING_IDENTITY},
        {"\"abcd\"", false, CODING_GZIP, false, CODING_IDENTITY},
        {"abc", false, CODING_GZIP, false, CODING_IDENTITY},
        {"\"abc", false, CODING_GZIP, false, CODING_IDENTITY},
        {"w/\"abc\"", false, CODING_GZIP, false, CODING_IDENTITY},
        {"", false, CODING_GZIP, false, CODING_IDENTITY},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        enum coding coding = CODING_IDENTITY;

        cr_assert_eq(
            conditions_match(ROWS[i].list, "abc", ROWS[i].strong, ROWS[i].preferred, &coding),
            ROWS[i].matches, "%s", ROWS[i].list);
        cr_assert_eq(coding, ROWS[i].coding, "%s", ROWS[i].list);
    }
    cr_assert(conditions_match("*", NULL, false, CODING_IDENTITY, NULL));
    cr_assert_not(conditions_match("\"\"", NULL, false, CODING_IDENTITY, NULL));
}

Test(compress, dates_are_read_in_their_three_forms)
{
    static const char *const GOOD[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    static const char *const BAD[] = {
        "",
        "yesterday",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Non 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "784111777",
        "1994-11-06T08:49:37Z",
    };
    int64_t seconds;

    for (size_t i = 0; i < ARRAY_LENGTH(GOOD); i++) {
        cr_assert(conditions_date(GOOD[i], &seconds), "%s", GOOD[i]);
        cr_assert_eq(seconds, 784111777, "%s", GOOD[i]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++)
        cr_assert_not(conditions_date(BAD[i], &seconds), "%s", BAD[i]);
    cr_assert(conditions_date("Thu, 29 Feb 2024 00:00:00 GMT", &seconds));
    cr_assert_eq(seconds, 1709164800);
}
