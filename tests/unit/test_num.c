#include "base/num.h"

#include "base/annotate.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(num, .fini = test_ends_without_leaks);

Test(num, an_unsigned_number_is_digits_in_the_range_and_nothing_else)
{
    static const struct {
        const char *text;
        uint32_t min, max;
        bool good;
        uint32_t value;
        const char *why;
    } ROWS[] = {
        {"0", 0, 100, true, 0, "the least"},
        {"100", 0, 100, true, 100, "the most"},
        {"101", 0, 100, false, 0, "one too many"},
        {"0", 1, 100, false, 0, "one too few"},
        {"007", 0, 100, true, 7, "zeros in front say nothing"},
        {"4294967295", 0, UINT32_MAX, true, UINT32_MAX, "32 bits"},
        {"4294967296", 0, UINT32_MAX, false, 0, "33 bits"},
        {"99999999999999999999999999", 0, UINT32_MAX, false, 0, "beyond 64 bits"},
        {"", 0, 100, false, 0, "nothing"},
        {"-1", 0, 100, false, 0, "negative"},
        {"-0", 0, 100, false, 0, "a sign"},
        {"+1", 0, 100, false, 0, "a sign"},
        {" 1", 0, 100, false, 0, "a space in front"},
        {"1 ", 0, 100, false, 0, "a space behind"},
        {"1\n", 0, 100, false, 0, "a line break behind"},
        {"10abc", 0, 100, false, 0, "letters behind"},
        {"0x10", 0, 100, false, 0, "hexadecimal"},
        {"1e2", 0, 100, false, 0, "an exponent"},
        {"1.0", 0, 100, false, 0, "a fraction"},
        {"1,0", 0, 100, false, 0, "a comma"},
        {"\xD9\xA1", 0, 100, false, 0, "an Arabic digit"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        uint32_t value = 4711;

        cr_assert_eq(num_parse_u32(ROWS[i].text, ROWS[i].min, ROWS[i].max, &value), ROWS[i].good,
                     "%s", ROWS[i].why);
        cr_assert_eq(value, ROWS[i].good ? ROWS[i].value : 4711, "%s", ROWS[i].why);
    }
}

Test(num, a_signed_number_reaches_both_ends_of_64_bits)
{
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } ROWS[] = {
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"-0", true, 0},
        {"-", false, 0},
        {"--1", false, 0},
        {"-+1", false, 0},
        {"- 1", false, 0},
        {"", false, 0},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        int64_t value = 4711;

        cr_assert_eq(num_parse_i64(ROWS[i].text, INT64_MIN, INT64_MAX, &value), ROWS[i].good, "%s",
                     ROWS[i].text);
        cr_assert_eq(value, ROWS[i].good ? ROWS[i].value : 4711, "%s", ROWS[i].text);
    }
}

Test(num, a_decimal_is_what_the_database_takes_unchanged)
{
    static const struct {
        const char *text;
        bool good;
    } ROWS[] = {
        {"0", true},
        {"-0", true},
        {"12.50", true},
        {"-12.5", true},
        {"000000000000000000000000000001", true}, /* 30 digits */
        {"0000000000000000000000000000001", false},
        {"123456789012345.123456789012345", true},
        {"123456789012345.1234567890123456", false},
        {"", false},
        {"-", false},
        {".", false},
        {".5", false},
        {"5.", false},
        {"1.2.3", false},
        {"1e3", false},
        {"NaN", false},
        {"inf", false},
        {"Infinity", false},
        {"0x1p3", false},
        {"+1", false},
        {" 1", false},
        {"1 ", false},
        {"1,5", false},
        {"1_000", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_assert_eq(num_is_decimal(ROWS[i].text), ROWS[i].good, "'%s'", ROWS[i].text);
}

Test(num, a_double_is_a_decimal_in_the_range)
{
    static const struct {
        const char *text;
        bool good;
        double value;
    } ROWS[] = {
        {"48.8566", true, 48.8566}, {"-90", true, -90}, {"90", true, 90},  {"90.0000001", false, 0},
        {"-90.1", false, 0},        {"nan", false, 0},  {"1e1", false, 0}, {"0x1", false, 0},
        {"inf", false, 0},          {"", false, 0},     {"12 ", false, 0},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        double value = 4711;

        cr_assert_eq(num_parse_double(ROWS[i].text, -90, 90, &value), ROWS[i].good, "%s",
                     ROWS[i].text);
        cr_assert_float_eq(value, ROWS[i].good ? ROWS[i].value : 4711, 0, "%s", ROWS[i].text);
    }
}
