/* A coverage as JSON, as CSV and as a drawing. */
#include "coverage/coverage.h"

#include "base/text.h"
#include "format/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIME_BYTES 32

/* --- JSON --------------------------------------------------------------------------------------
 */

static double stale_percent(const struct coverage_cell *cell)
{
    return cell->count == 0 ? 0 : round(1000.0 * cell->stale / cell->count) / 10;
}

/* RFC 3339 in UTC, to the millisecond. */
static const char *time_text(int64_t time_us, char ret_text[TIME_BYTES])
{
    const time_t seconds = (time_t)(time_us / 1000000);
    struct tm parts;
    size_t length = 0;

    ret_text[0] = '\0';
    if (time_us != 0 && gmtime_r(&seconds, &parts) != NULL)
        length = strftime(ret_text, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
    if (length > 0)
        (void)snprintf(ret_text + length, TIME_BYTES - length, ".%03dZ",
                       (int)(time_us / 1000 % 1000));
    return ret_text;
}

static json_t *examples_json(const struct coverage_cell *cell)
{
    json_t *json = json_array();

    for (size_t i = 0; i < cell->example_count && json != NULL; i++) {
        const struct coverage_example *example = &cell->examples[i];

        if (example->slug != NULL &&
            json_array_append_new(json, json_pack("{s:s, s:s, s:s}", "id", example->id, "slug",
                                                  example->slug, "title", example->title)) != 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

/* The one list that shows exactly the records of the cell, or two that do so together. */
static int add_lists(const struct coverage_cell *cell, const struct step_source *source,
                     coverage_link *link, void *data, json_t *json)
{
    const uint32_t total = cell->count + cell->idle;
    const char *main_place = link(data, source, false), *beside = link(data, source, true);

    if (main_place == NULL || (cell->beside > 0 && cell->beside == total))
        main_place = beside;
    else if (cell->beside > 0 && beside != NULL)
        return json_object_set_new(json, "hrefs", json_pack("[s, s]", main_place, beside));
    return main_place == NULL ? 0 : json_object_set_new(json, "href", json_string(main_place));
}

static json_t *cell_json(const struct coverage_cell *cell, const char *resource,
                         const struct step_source *source, coverage_link *link, void *data)
{
    char newest[TIME_BYTES], oldest[TIME_BYTES];
    json_t *json =
        json_pack("{s:s, s:I, s:I, s:I, s:f, s:s*, s:s*}", "resource", resource, "count",
                  (json_int_t)cell->count, "idle", (json_int_t)cell->idle, "stale",
                  (json_int_t)cell->stale, "stale_percent", stale_percent(cell), "newest",
                  cell->newest_us == 0 ? NULL : time_text(cell->newest_us, newest), "oldest",
                  cell->oldest_us == 0 ? NULL : time_text(cell->oldest_us, oldest));
    int failed = json == NULL ? 1 : 0;

    if (failed == 0 && source != NULL && link != NULL)
        failed |= add_lists(cell, source, link, data, json);
    if (failed != 0 || json_object_set_new(json, "records", examples_json(cell)) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* Columns that can cover the step, also those in which there is nothing. */
static json_t *step_json(const struct coverage *coverage, size_t step, coverage_link *link,
                         void *data)
{
    json_t *resources = json_array(), *json = NULL;
    int failed = resources == NULL ? 1 : 0;

    for (size_t i = 0; i < COLUMNS_COUNT && failed == 0; i++) {
        const struct step_source *source = step_source_of(COLUMN_RESOURCES[i], STEPS[step]);

        if (source != NULL || i == COLUMN_ORGANISATIONS)
            failed |= json_array_append_new(
                resources,
                cell_json(&coverage->cells[step][i], COLUMN_RESOURCES[i], source, link, data));
    }
    if (failed == 0)
        json = json_pack("{s:s, s:s, s:s, s:O}", "step", STEPS[step], "title", STEP_TITLES[step],
                         "state", coverage_state_name(coverage_state(coverage, step)), "resources",
                         resources);
    json_decref(resources);
    return json;
}

json_t *coverage_json(const struct coverage *coverage, coverage_link *link, void *data)
{
    json_t *json = json_array();

    for (size_t i = 0; i < STEPS_COUNT && json != NULL; i++)
        if (json_array_append_new(json, step_json(coverage, i, link, data)) != 0) {
            json_decref(json);
            return NULL;
        }
    return json;
}

/* --- CSV: nothing in it is text that somebody wrote --------------------------------------------
 */

void coverage_csv(const struct coverage *coverage, struct text *csv)
{
    text_append(csv, "step,state,resource,count,idle,stale,newest,oldest\r\n");
    for (size_t i = 0; i < STEPS_COUNT; i++)
        for (size_t j = 0; j < COLUMNS_COUNT; j++) {
            const struct coverage_cell *cell = &coverage->cells[i][j];
            char newest[TIME_BYTES], oldest[TIME_BYTES];

            if (j != COLUMN_ORGANISATIONS && step_source_of(COLUMN_RESOURCES[j], STEPS[i]) == NULL)
                continue;
            text_append_format(csv, "%s,%s,%s,%u,%u,%u,%s,%s\r\n", STEPS[i],
                               coverage_state_name(coverage_state(coverage, i)),
                               COLUMN_RESOURCES[j], cell->count, cell->idle, cell->stale,
                               time_text(cell->newest_us, newest),
                               time_text(cell->oldest_us, oldest));
        }
}

/* --- SVG ---------------------------------------------------------------------------------------
 */

#define NAMES_WIDTH 190.0
#define CELL_WIDTH 74.0
#define CELL_HEIGHT 34.0
#define HEAD_HEIGHT 92.0
#define STATE_WIDTH 80.0
#define WORDS_BYTES_MAX 400

/* A cell that nothing can be in is empty; one in which there is nothing says so. */
static void draw_cell(struct text *svg, const struct coverage_cell *cell, struct svg_point corner,
                      bool is_possible)
{
    static const struct svg_style FULL = {.fill = SVG_PALE, .stroke = SVG_RULE, .width = 0.5};
    static const struct svg_style EMPTY = {
        .fill = SVG_PAPER, .stroke = SVG_RULE, .width = 0.5, .dashed = 1};
    const struct svg_point middle = {corner.x + CELL_WIDTH / 2, corner.y + 21};
    char number[32];

    if (!is_possible)
        return;
    svg_rectangle(svg, corner, CELL_WIDTH, CELL_HEIGHT, cell->count > 0 ? &FULL : &EMPTY);
    (void)snprintf(number, sizeof(number), "%u", cell->count);
    svg_text(svg, middle, 14, SVG_MIDDLE, cell->count > 0 ? 1 : 0, SVG_INK, number);
}

static void draw_row(struct text *svg, const struct coverage *coverage, size_t step)
{
    const enum coverage_state state = coverage_state(coverage, step);
    const double y = HEAD_HEIGHT + CELL_HEIGHT * (double)step;

    svg_group_begin(svg, STEP_TITLES[step]);
    svg_text(svg, (struct svg_point){10, y + 21}, 14, SVG_START, state == COVERAGE_GAP ? 1 : 0,
             SVG_INK, STEP_TITLES[step]);
    for (size_t i = 0; i < COLUMNS_COUNT; i++)
        draw_cell(svg, &coverage->cells[step][i],
                  (struct svg_point){NAMES_WIDTH + CELL_WIDTH * (double)i, y},
                  i == COLUMN_ORGANISATIONS ||
                      step_source_of(COLUMN_RESOURCES[i], STEPS[step]) != NULL);
    svg_text(svg, (struct svg_point){NAMES_WIDTH + CELL_WIDTH * COLUMNS_COUNT + 10, y + 21}, 14,
             SVG_START, state == COVERAGE_GAP ? 1 : 0, SVG_INK, coverage_state_name(state));
    svg_group_end(svg);
}

static void describe(const struct coverage *coverage, char ret_words[WORDS_BYTES_MAX])
{
    size_t length = (size_t)snprintf(ret_words, WORDS_BYTES_MAX, "Steps that nothing covers: ");
    const size_t start = length;

    for (size_t i = 0; i < STEPS_COUNT; i++)
        if (coverage_state(coverage, i) == COVERAGE_GAP)
            length += (size_t)snprintf(ret_words + length, WORDS_BYTES_MAX - length, "%s%s",
                                       length == start ? "" : ", ", STEP_TITLES[i]);
    (void)snprintf(ret_words + length, WORDS_BYTES_MAX - length, "%s",
                   length == start ? "none." : ".");
}

void coverage_svg(const struct coverage *coverage, const char *title, struct text *svg)
{
    char words[WORDS_BYTES_MAX];

    describe(coverage, words);
    svg_begin(svg, NAMES_WIDTH + CELL_WIDTH * COLUMNS_COUNT + STATE_WIDTH,
              HEAD_HEIGHT + CELL_HEIGHT * STEPS_COUNT + 16, title, words);
    svg_text(svg, (struct svg_point){10, 26}, 18, SVG_START, 1, SVG_INK, title);
    svg_text(svg, (struct svg_point){10, 48}, 13, SVG_START, 0, SVG_INK, words);
    for (size_t i = 0; i < COLUMNS_COUNT; i++)
        svg_text(svg,
                 (struct svg_point){NAMES_WIDTH + CELL_WIDTH * ((double)i + 0.5), HEAD_HEIGHT - 12},
                 10, SVG_MIDDLE, 0, SVG_INK, COLUMN_TITLES[i]);
    for (size_t i = 0; i < STEPS_COUNT; i++)
        draw_row(svg, coverage, i);
    svg_end(svg);
}
