#include "negotiate.h"

#include "base/annotate.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(negotiate, .fini = test_ends_without_leaks);

struct row {
    const char *header, *candidate;
    int quality;
};

static void check(enum negotiate_kind kind, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int quality = negotiate_quality(kind, rows[i].header, rows[i].candidate);

        cr_assert_eq(quality, rows[i].quality, "\"%s\" for %s: %d, not %d",
                     rows[i].header == NULL ? "(absent)" : rows[i].header, rows[i].candidate,
                     quality, rows[i].quality);
    }
}

Test(negotiate, the_most_specific_media_range_decides)
{
    static const struct row ROWS[] = {
        {NULL, "application/json", 1000},
        {"", "application/json", 1000},
        {"*/*", "application/json", 1000},
        {"application/json", "application/json", 1000},
        {"APPLICATION/JSON", "application/json", 1000},
        {"application/json;q=0.5", "application/json", 500},
        {"application/json ; Q=0.25", "application/json", 250},
        {"application/json;charset=utf-8;q=0.3", "application/json", 300},
        {"application/json;profile=\"a,b\", */*;q=0.1", "application/json", 100},
        {"text/html", "application/json", 0},
        {"text/*", "text/csv", 1000},
        {"text/*;q=0.4, text/csv;q=0.9, */*;q=0.1", "text/csv", 900},
        {"text/*;q=0.4, text/csv;q=0.9, */*;q=0.1", "text/html", 400},
        {"text/*;q=0.4, text/csv;q=0.9, */*;q=0.1", "application/json", 100},
        {"*/*, application/json;q=0", "application/json", 0},
        {"*/*;q=0", "application/json", 0},
        {"application/jso", "application/json", 0},
        {"application/jsonx", "application/json", 0},
    };

    check(NEGOTIATE_MEDIA, ROWS, ARRAY_LENGTH(ROWS));
}

Test(negotiate, malformed_members_are_passed_over)
{
    static const struct row ROWS[] = {
        {"garbage", "application/json", 1000},
        {",,, ,", "application/json", 1000},
        {"text/html;q=2", "application/json", 1000},
        {"application/json;q=1.5, text/csv", "application/json", 0},
        {"application/json;q=-1, text/csv", "application/json", 0},
        {"application/json;q=0.1234, text/csv", "application/json", 0},
        {"application/json;q=, text/csv", "application/json", 0},
        {"application/json;q, text/csv", "application/json", 0},
        {"application/json;x=\"unclosed, text/csv", "text/csv", 1000},
        {"appl ication/json, text/csv", "text/csv", 1000},
        {"/json, text/csv", "text/csv", 1000},
        {"application/, text/csv;q=0.5", "text/csv", 500},
        {"application/json;q=1.", "application/json", 1000},
        {"application/json;q=1.000", "application/json", 1000},
        {"application/json;q=0.", "application/json", 0},
    };

    check(NEGOTIATE_MEDIA, ROWS, ARRAY_LENGTH(ROWS));
}

Test(negotiate, languages_match_themselves_longer_and_shorter_ranges)
{
    static const struct row ROWS[] = {
        {NULL, "en", 1000},         {"!!!", "en", 1000},
        {"de", "de", 1000},         {"DE", "de", 1000},
        {"de-AT", "de", 1000},      {"de-AT;q=0.3, de;q=0.8", "de", 800},
        {"de;q=0.7", "de-AT", 700}, {"de;q=0.7, de-AT;q=0.2", "de-AT", 200},
        {"den", "de", 0},           {"d", "de", 0},
        {"fr, *;q=0.1", "de", 100}, {"fr", "de", 0},
        {"de;q=0, *", "de", 0},
    };

    check(NEGOTIATE_LANGUAGE, ROWS, ARRAY_LENGTH(ROWS));
}

Test(negotiate, codings_are_refused_unless_named_but_for_identity)
{
    static const struct row ROWS[] = {
        {NULL, "gzip", 0},
        {NULL, "identity", 1},
        {"gzip", "gzip", 1000},
        {"x-gzip", "gzip", 1000},
        {"gzip;q=0", "gzip", 0},
        {"*", "br", 1000},
        {"*;q=0", "identity", 0},
        {"*;q=0, identity;q=0.5", "identity", 500},
        {"identity;q=0", "identity", 0},
        {"gzip", "identity", 1},
        {"", "identity", 1},
    };

    check(NEGOTIATE_CODING, ROWS, ARRAY_LENGTH(ROWS));
}

Test(negotiate, the_best_candidate_wins_and_ours_breaks_ties)
{
    static const char *const MEDIA[] = {"application/json", "text/csv", "text/html"};
    static const char *const LANGUAGES[] = {"en", "de", "ar"};

    cr_assert_eq(negotiate_best(NEGOTIATE_MEDIA, NULL, MEDIA, 3), 0);
    cr_assert_eq(negotiate_best(NEGOTIATE_MEDIA, "text/html, text/csv", MEDIA, 3), 1);
    cr_assert_eq(negotiate_best(NEGOTIATE_MEDIA, "text/html, */*;q=0.8", MEDIA, 3), 2);
    cr_assert_eq(negotiate_best(NEGOTIATE_MEDIA, "image/png", MEDIA, 3), -1);
    cr_assert_eq(negotiate_best(NEGOTIATE_LANGUAGE, "de, en", LANGUAGES, 3), 1,
                 "of equal languages the client's first");
    cr_assert_eq(negotiate_best(NEGOTIATE_LANGUAGE, "de;q=0.5, ar;q=0.9", LANGUAGES, 3), 2);
    cr_assert_eq(negotiate_best(NEGOTIATE_LANGUAGE, "fr", LANGUAGES, 3), -1);
    cr_assert_eq(negotiate_best(NEGOTIATE_LANGUAGE, NULL, LANGUAGES, 3), 0);
    cr_assert_eq(negotiate_best(NEGOTIATE_MEDIA, NULL, MEDIA, 0), -1);
}

Test(negotiate, only_the_first_members_of_a_long_header_count)
{
    char header[4 * (NEGOTIATE_ITEMS_MAX + 4)];
    size_t length = 0;

    for (int i = 0; i < NEGOTIATE_ITEMS_MAX - 1; i++)
        length += (size_t)snprintf(header + length, sizeof(header) - length, "a/b,");
    (void)snprintf(header + length, sizeof(header) - length, "c/d,e/f");
    cr_assert_eq(negotiate_quality(NEGOTIATE_MEDIA, header, "c/d"), 1000);
    cr_assert_eq(negotiate_quality(NEGOTIATE_MEDIA, header, "e/f"), 0);
}
