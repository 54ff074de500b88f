#include "base/clock.h"

#include "base/annotate.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

TestSuite(clock, .fini = test_ends_without_leaks);

Test(clock, the_monotonic_clock_never_goes_back)
{
    uint64_t before = clock_monotonic_us();

    for (int i = 0; i < 100000; i++) {
        uint64_t now = clock_monotonic_us();

        cr_assert_geq(now, before);
        before = now;
    }
    cr_assert_geq(clock_monotonic_ms(), before / 1000);
}

Test(clock, the_wall_clock_counts_milliseconds_since_1970)
{
    uint64_t before = (uint64_t)time(NULL);
    uint64_t now = clock_wall_ms() / 1000;
    uint64_t after = (uint64_t)time(NULL);

    /* time() may lag behind by one tick of the kernel's clock. */
    cr_assert_geq(now, before);
    cr_assert_leq(now, after + 1);
}

Test(clock, the_wall_clock_is_written_as_rfc_3339_in_utc)
{
    char buffer[CLOCK_TEXT_BYTES];

    (void)setenv("TZ", "Asia/Kathmandu", 1); /* a zone must not show */
    tzset();
    cr_assert_eq(clock_wall_text(buffer, sizeof(buffer)), buffer);
    cr_assert_eq(strlen(buffer), 24, "%s", buffer);
    for (size_t i = 0; i < 24; i++) {
        char expected = "dddd-dd-ddTdd:dd:dd.dddZ"[i];

        if (expected == 'd')
            cr_assert(buffer[i] >= '0' && buffer[i] <= '9', "%s", buffer);
        else
            cr_assert_eq(buffer[i], expected, "%s", buffer);
    }
}

Test(clock, an_http_date_is_an_imf_fixdate_whatever_the_locale)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } ROWS[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {1709164800, "Thu, 29 Feb 2024 00:00:00 GMT"},
        {1735689599, "Tue, 31 Dec 2024 23:59:59 GMT"},
        {2147483648, "Tue, 19 Jan 2038 03:14:08 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    char buffer[CLOCK_TEXT_BYTES];

    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed, it must not show */
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_assert_str_eq(clock_http_date(buffer, sizeof(buffer), ROWS[i].seconds), ROWS[i].text);
}
