#include "format/svg.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"
#define COORDINATE_MAX 100000.0

static const char *const COLOURS[] = {
    [SVG_NONE] = "none",    [SVG_PAPER] = "#ffffff",  [SVG_INK] = "#1b1b1b",
    [SVG_RULE] = "#5f6368", [SVG_STRONG] = "#0b4f8a", [SVG_PALE] = "#dbe9f6",
};

void svg_append_escaped(struct text *svg, const char *content)
{
    for (const char *at = content; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;

        if (byte == '&')
            text_append(svg, "&amp;");
        else if (byte == '<')
            text_append(svg, "&lt;");
        else if (byte == '>')
            text_append(svg, "&gt;");
        else if (byte == '"')
            text_append(svg, "&quot;");
        else if (byte == '\'')
            text_append(svg, "&#39;");
        else if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r')
            text_append(svg, REPLACEMENT);
        else if (strncmp(at, "\xef\xbf\xbe", 3) == 0 || strncmp(at, "\xef\xbf\xbf", 3) == 0) {
            text_append(svg, REPLACEMENT); /* U+FFFE, U+FFFF */
            at += 2;
        } else
            text_append_char(svg, *at);
    }
}

/* In hundredths of a pixel, with a point whatever the locale. */
static void append_number(struct text *svg, double value)
{
    const double bounded = fmax(-COORDINATE_MAX, fmin(COORDINATE_MAX, isnan(value) ? 0 : value));
    const long hundredths = lround(bounded * 100);
    const long whole = labs(hundredths) / 100, rest = labs(hundredths) % 100;

    text_append_format(svg, "%s%ld", hundredths < 0 ? "-" : "", whole);
    if (rest % 10 != 0)
        text_append_format(svg, ".%02ld", rest);
    else if (rest != 0)
        text_append_format(svg, ".%ld", rest / 10);
}

static void append_attribute(struct text *svg, const char *name, double value)
{
    text_append_format(svg, " %s=\"", name);
    append_number(svg, value);
    text_append_char(svg, '"');
}

static void append_style(struct text *svg, const struct svg_style *style)
{
    text_append_format(svg, " fill=\"%s\"", COLOURS[style->fill]);
    if (style->see_through)
        text_append(svg, " fill-opacity=\"0.25\"");
    if (style->stroke != SVG_NONE) {
        text_append_format(svg, " stroke=\"%s\"", COLOURS[style->stroke]);
        append_attribute(svg, "stroke-width", style->width);
        if (style->dashed)
            text_append(svg, " stroke-dasharray=\"4 3\"");
    }
    text_append(svg, "/>");
}

static void append_element(struct text *svg, const char *name, const char *attribute,
                           const char *content)
{
    text_append_format(svg, "<%s%s>", name, attribute);
    svg_append_escaped(svg, content);
    text_append_format(svg, "</%s>", name);
}

void svg_begin(struct text *svg, double width, double height, const char *title,
               const char *description)
{
    text_append(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" "
                     "aria-labelledby=\"title description\" viewBox=\"0 0 ");
    append_number(svg, width);
    text_append_char(svg, ' ');
    append_number(svg, height);
    text_append_char(svg, '"');
    append_attribute(svg, "width", width);
    append_attribute(svg, "height", height);
    text_append(svg, " font-family=\"system-ui, sans-serif\">");
    append_element(svg, "title", " id=\"title\"", title);
    append_element(svg, "desc", " id=\"description\"", description);
    svg_rectangle(svg, (struct svg_point){0, 0}, width, height,
                  &(struct svg_style){.fill = SVG_PAPER});
}

void svg_end(struct text *svg)
{
    text_append(svg, "</svg>\n");
}

void svg_group_begin(struct text *svg, const char *title)
{
    text_append(svg, "<g>");
    append_element(svg, "title", "", title);
}

void svg_group_end(struct text *svg)
{
    text_append(svg, "</g>");
}

void svg_line(struct text *svg, struct svg_point from, struct svg_point to,
              const struct svg_style *style)
{
    text_append(svg, "<line");
    append_attribute(svg, "x1", from.x);
    append_attribute(svg, "y1", from.y);
    append_attribute(svg, "x2", to.x);
    append_attribute(svg, "y2", to.y);
    append_style(svg, style);
}

void svg_rectangle(struct text *svg, struct svg_point corner, double width, double height,
                   const struct svg_style *style)
{
    text_append(svg, "<rect");
    append_attribute(svg, "x", corner.x);
    append_attribute(svg, "y", corner.y);
    append_attribute(svg, "width", width);
    append_attribute(svg, "height", height);
    append_style(svg, style);
}

void svg_circle(struct text *svg, struct svg_point centre, double radius,
                const struct svg_style *style)
{
    text_append(svg, "<circle");
    append_attribute(svg, "cx", centre.x);
    append_attribute(svg, "cy", centre.y);
    append_attribute(svg, "r", radius);
    append_style(svg, style);
}

void svg_polygon(struct text *svg, const struct svg_point *points, size_t count,
                 const struct svg_style *style)
{
    text_append(svg, "<polygon points=\"");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_append_char(svg, ' ');
        append_number(svg, points[i].x);
        text_append_char(svg, ',');
        append_number(svg, points[i].y);
    }
    text_append_char(svg, '"');
    append_style(svg, style);
}

void svg_text(struct text *svg, struct svg_point at, double size, enum svg_anchor anchor, int bold,
              enum svg_colour colour, const char *content)
{
    static const char *const ANCHORS[] = {
        [SVG_START] = "start", [SVG_MIDDLE] = "middle", [SVG_END] = "end"};

    text_append(svg, "<text");
    append_attribute(svg, "x", at.x);
    append_attribute(svg, "y", at.y);
    append_attribute(svg, "font-size", size);
    text_append_format(svg, " text-anchor=\"%s\" fill=\"%s\"%s>", ANCHORS[anchor], COLOURS[colour],
                       bold ? " font-weight=\"bold\"" : "");
    svg_append_escaped(svg, content);
    text_append(svg, "</text>");
}
