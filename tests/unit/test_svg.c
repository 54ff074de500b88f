#include "format/svg.h"

#include "base/text.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(svg, .fini = test_ends_without_leaks);

static void expect_escaped(const char *content, const char *expected)
{
    struct text text;

    text_init(&text, 1024);
    svg_append_escaped(&text, content);
    cr_assert_str_eq(text.bytes, expected);
    text_deinit(&text);
}

Test(svg, nothing_from_outside_is_markup)
{
    expect_escaped("<script>alert('&')</script>",
                   "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;");
    expect_escaped("\" onload=\"x", "&quot; onload=&quot;x");
    expect_escaped("]]>", "]]&gt;");
    expect_escaped("Liège – Ελλάδα", "Liège – Ελλάδα");
}

Test(svg, characters_that_xml_has_no_place_for_are_replaced)
{
    expect_escaped("a\001b\x1f"
                   "c",
                   "a\xef\xbf\xbd"
                   "b\xef\xbf\xbd"
                   "c");
    expect_escaped("a\xef\xbf\xbe\xef\xbf\xbf"
                   "b",
                   "a\xef\xbf\xbd\xef\xbf\xbd"
                   "b");
    expect_escaped("a\tb\nc", "a\tb\nc");
}

Test(svg, numbers_are_short_and_never_anything_else)
{
    static const struct {
        double x;
        const char *expected;
    } ROWS[] = {{0, "x1=\"0\""},           {12.5, "x1=\"12.5\""},    {-0.25, "x1=\"-0.25\""},
                {1.005, "x1=\"1\""},       {3.14159, "x1=\"3.14\""}, {2.05, "x1=\"2.05\""},
                {(double)NAN, "x1=\"0\""}, {1e300, "x1=\"100000\""}, {-1e300, "x1=\"-100000\""}};

    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct text text;

        text_init(&text, 1024);
        svg_line(&text, (struct svg_point){ROWS[i].x, 0}, (struct svg_point){1, 1},
                 &(struct svg_style){.stroke = SVG_RULE, .width = 1});
        cr_assert_not_null(strstr(text.bytes, ROWS[i].expected), "%s: %s", ROWS[i].expected,
                           text.bytes);
        text_deinit(&text);
    }
}

Test(svg, a_drawing_says_what_it_is)
{
    struct text text;

    text_init(&text, 4096);
    svg_begin(&text, 10, 20, "A & B", "What <is> shown");
    svg_end(&text);
    cr_assert_not_null(strstr(text.bytes, "role=\"img\""));
    cr_assert_not_null(strstr(text.bytes, "aria-labelledby=\"title description\""));
    cr_assert_not_null(strstr(text.bytes, "<title id=\"title\">A &amp; B</title>"));
    cr_assert_not_null(strstr(text.bytes, "<desc id=\"description\">What &lt;is&gt; shown</desc>"));
    cr_assert_not_null(strstr(text.bytes, "</svg>"));
    text_deinit(&text);
}

static double channel(const char *hexadecimal)
{
    const char digits[3] = {hexadecimal[0], hexadecimal[1], '\0'};
    const double value = (double)strtol(digits, NULL, 16) / 255;

    return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

static double luminance_of(enum svg_colour colour)
{
    struct text text;
    double luminance;
    const char *at;

    text_init(&text, 1024);
    svg_text(&text, (struct svg_point){0, 0}, 1, SVG_START, 0, colour, "x");
    at = strstr(text.bytes, "fill=\"#");
    cr_assert_not_null(at);
    at += strlen("fill=\"#");
    luminance = 0.2126 * channel(at) + 0.7152 * channel(at + 2) + 0.0722 * channel(at + 4);
    text_deinit(&text);
    return luminance;
}

/* WCAG 2.2, contrast ratio. */
Test(svg, what_is_written_stands_out_from_its_ground)
{
    static const enum svg_colour WRITTEN[] = {SVG_INK, SVG_RULE, SVG_STRONG};
    static const enum svg_colour GROUNDS[] = {SVG_PAPER, SVG_PALE};

    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 2; j++)
            cr_assert_geq((luminance_of(GROUNDS[j]) + 0.05) / (luminance_of(WRITTEN[i]) + 0.05),
                          4.5, "colour %zu on ground %zu", i, j);
}
