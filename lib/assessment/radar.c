#include "assessment/radar.h"

#include "assessment/score.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PI 3.14159265358979323846
#define WIDTH 960.0
#define RADIUS 180.0
#define MIDDLE_Y 250.0
#define TABLE_Y 500.0
#define LINE_HEIGHT 20.0
#define LABEL_BYTES_MAX 44  /* on the rim; whole in the table */
#define LINE_BYTES_MAX 1024 /* a label has 200 characters at most */

struct svg_point radar_point(struct svg_point centre, double radius, size_t axis, size_t axis_count,
                             double percent)
{
    const double angle = 2 * PI * (double)axis / (double)axis_count;
    const double distance = radius * percent / 100;

    return (struct svg_point){centre.x + distance * sin(angle), centre.y - distance * cos(angle)};
}

/* The first characters of a label, whole ones. */
static void shorten(const char *label, char ret[LABEL_BYTES_MAX])
{
    size_t length = strlen(label);

    if (length < LABEL_BYTES_MAX) {
        memcpy(ret, label, length + 1);
        return;
    }
    length = LABEL_BYTES_MAX - 4;
    while (length > 0 && ((unsigned char)label[length] & 0xC0) == 0x80)
        length--;
    memcpy(ret, label, length);
    memcpy(ret + length, "\xe2\x80\xa6", 4); /* … */
}

static void draw_web(struct text *svg, const struct score_tool *tool, struct svg_point centre)
{
    static const struct svg_style RULE = {.fill = SVG_NONE, .stroke = SVG_RULE, .width = 0.5};
    struct svg_point points[SCORE_AXES_MAX];

    for (unsigned percent = 25; percent <= 100; percent += 25) {
        for (size_t i = 0; i < tool->axis_count; i++)
            points[i] = radar_point(centre, RADIUS, i, tool->axis_count, percent);
        svg_polygon(svg, points, tool->axis_count, &RULE);
    }
    for (size_t i = 0; i < tool->axis_count; i++) {
        const struct svg_point rim = radar_point(centre, RADIUS, i, tool->axis_count, 100);
        const struct svg_point at = radar_point(centre, RADIUS, i, tool->axis_count, 110);
        const double side = at.x - centre.x;
        char label[LABEL_BYTES_MAX];

        shorten(tool->axes[i].label, label);
        svg_line(svg, centre, rim, &RULE);
        svg_text(svg, (struct svg_point){at.x, at.y + 4}, 12,
                 fabs(side) < 20 ? SVG_MIDDLE
                 : side > 0      ? SVG_START
                                 : SVG_END,
                 0, SVG_INK, label);
    }
}

static void draw_scores(struct text *svg, const struct score_tool *tool, const struct score *score,
                        struct svg_point centre)
{
    static const struct svg_style AREA = {
        .fill = SVG_STRONG, .stroke = SVG_STRONG, .width = 2, .see_through = 1};
    static const struct svg_style DOT = {.fill = SVG_STRONG};
    struct svg_point points[SCORE_AXES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < tool->axis_count; i++)
        if (score->axes[i].is_scored)
            points[count++] =
                radar_point(centre, RADIUS, i, tool->axis_count, score->axes[i].percent);
    if (count > 1)
        svg_polygon(svg, points, count, &AREA);
    for (size_t i = 0; i < count; i++)
        svg_circle(svg, points[i], 4, &DOT);
}

static void draw_line(struct text *svg, const struct score_axis *axis,
                      const struct score_of_axis *of, double y)
{
    char line[LINE_BYTES_MAX];

    if (of->is_scored)
        (void)snprintf(line, sizeof(line), "%.1f of %g to %g (%.0f %%)%s%s", of->score,
                       axis->minimum, axis->maximum, of->percent, of->level == NULL ? "" : ", ",
                       of->level == NULL ? "" : of->level->label);
    else
        (void)snprintf(line, sizeof(line), "not answered");
    svg_text(svg, (struct svg_point){20, y}, 13, SVG_START, 0, SVG_INK, axis->label);
    svg_text(svg, (struct svg_point){WIDTH - 20, y}, 13, SVG_END, 0, SVG_INK, line);
}

void radar_draw(struct text *svg, const char *title, const struct score_tool *tool,
                const struct score *score)
{
    const struct svg_point centre = {WIDTH / 2, MIDDLE_Y};
    char overall[LINE_BYTES_MAX];

    if (score->is_scored)
        (void)snprintf(overall, sizeof(overall), "Over all: %.0f %%%s%s%s", score->percent,
                       score->level == NULL ? "" : ", ",
                       score->level == NULL ? "" : score->level->label,
                       score->is_complete ? "" : " (not everything was answered)");
    else
        (void)snprintf(overall, sizeof(overall), "Nothing was answered that counts.");
    svg_begin(svg, WIDTH, TABLE_Y + LINE_HEIGHT * (double)(tool->axis_count + 1), title, overall);
    svg_text(svg, (struct svg_point){20, 30}, 18, SVG_START, 1, SVG_INK, title);
    draw_web(svg, tool, centre);
    draw_scores(svg, tool, score, centre);
    svg_text(svg, (struct svg_point){20, TABLE_Y - LINE_HEIGHT}, 14, SVG_START, 1, SVG_INK,
             overall);
    for (size_t i = 0; i < tool->axis_count; i++)
        draw_line(svg, &tool->axes[i], &score->axes[i], TABLE_Y + LINE_HEIGHT * (double)i);
    svg_end(svg);
}
