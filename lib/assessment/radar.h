#pragma once
/*
 * Radar
 *
 * The scores of an assessment as a drawing: an axis for each of the tool, from the middle (0 %) to
 * the rim (100 %), clockwise from the top, and a table below that says the same in words.
 */
#include "format/svg.h"

struct score;
struct score_tool;
struct text;

/* Where a share lies on an axis. @axis: 0 .. @axis_count - 1; @percent: 0 .. 100 */
struct svg_point radar_point(struct svg_point centre, double radius, size_t axis, size_t axis_count,
                             double percent);

/* @title: borrowed; the name of the tool */
void radar_draw(struct text *svg, const char *title, const struct score_tool *tool,
                const struct score *score);
