#pragma once
/*
 * SVG
 *
 * Small drawings that any browser shows and any reader of screens reads: a title and a
 * description, text that stays text, colours that can be told from paper (at least 4.5 : 1, WCAG
 * 2.2, 1.4.3), and nothing that is said by colour alone. Everything that comes from outside is
 * escaped here, and no other way leads into the drawing.
 */
#include <stddef.h>

struct text;

enum svg_colour {
    SVG_NONE,
    SVG_PAPER,  /* white */
    SVG_INK,    /* for text: 16 : 1 on paper, 13 : 1 on pale */
    SVG_RULE,   /* for lines, and text of less weight: 6 : 1 on paper */
    SVG_STRONG, /* what is shown: 8 : 1 on paper */
    SVG_PALE    /* a ground for ink, never text */
};

enum svg_anchor { SVG_START, SVG_MIDDLE, SVG_END };

struct svg_point {
    double x, y; /* in pixels, from the top left */
};

struct svg_style {
    enum svg_colour fill;
    enum svg_colour stroke;
    double width; /* of the stroke */
    int dashed;
    int see_through; /* the fill lets what is below shine through */
};

/* Opens the drawing; svg_end() closes it. @title and @description: borrowed, any valid UTF-8. */
void svg_begin(struct text *svg, double width, double height, const char *title,
               const char *description);
void svg_end(struct text *svg);

/* What belongs together, with a title that is told beside it. */
void svg_group_begin(struct text *svg, const char *title);
void svg_group_end(struct text *svg);

void svg_line(struct text *svg, struct svg_point from, struct svg_point to,
              const struct svg_style *style);
void svg_rectangle(struct text *svg, struct svg_point corner, double width, double height,
                   const struct svg_style *style);
void svg_circle(struct text *svg, struct svg_point centre, double radius,
                const struct svg_style *style);
void svg_polygon(struct text *svg, const struct svg_point *points, size_t count,
                 const struct svg_style *style);
/* @size: of the letters; @bold: or plain */
void svg_text(struct text *svg, struct svg_point at, double size, enum svg_anchor anchor, int bold,
              enum svg_colour colour, const char *content);

/*
 * svg_append_escaped() - text between tags or in an attribute
 * Characters that XML 1.0 (section 2.2) has no place for become U+FFFD.
 */
void svg_append_escaped(struct text *svg, const char *content);
