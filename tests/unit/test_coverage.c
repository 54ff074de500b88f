#include "coverage/coverage.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "base/text.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(coverage, .fini = test_ends_without_leaks);

#define ORGANISATION_1 "01a20000-0000-7000-8000-000000000001"
#define ORGANISATION_2 "01a20000-0000-7000-8000-000000000002"
#define DAY_US INT64_C(86400000000)

static struct arena arena;
static struct coverage coverage;

static void count_some(void)
{
    static const struct coverage_record RECORDS[] = {
        {COLUMN_PRACTICES, "p1", 1u << 1 | 1u << 2, 10 * DAY_US, false, false,
         ORGANISATION_1 " " ORGANISATION_2, false},
        {COLUMN_PRACTICES, "p2", 1u << 1, 30 * DAY_US, true, false, ORGANISATION_1, true},
        {COLUMN_PRACTICES, "p3", 1u << 1, 40 * DAY_US, false, true, ORGANISATION_2, false},
        {COLUMN_TRAININGS, "t1", 1u << 1, 20 * DAY_US, true, false, "", true},
        {COLUMN_SERVICES, "s1", 0, 20 * DAY_US, true, false, ORGANISATION_2, false},
        {COLUMN_CAMPAIGNS, "c1", 1u << 3, 20 * DAY_US, true, false, ORGANISATION_2, false},
        {COLUMN_EVENTS, "e1", 1u << 4, 20 * DAY_US, false, true, ORGANISATION_2, false},
    };
    struct coverage_count *count = NULL;

    arena_init(&arena, 4 * 1024 * 1024);
    cr_assert_eq(coverage_begin(&arena, &count), 0);
    for (size_t i = 0; i < sizeof(RECORDS) / sizeof(RECORDS[0]); i++)
        coverage_add(count, &RECORDS[i]);
    cr_assert_eq(coverage_end(count, &coverage), 0);
}

Test(coverage, each_record_counts_once_for_each_of_its_steps)
{
    const struct coverage_cell *cell;

    count_some();
    cell = &coverage.cells[1][COLUMN_PRACTICES];
    cr_assert_eq(cell->count, 2);
    cr_assert_eq(cell->idle, 1);
    cr_assert_eq(cell->stale, 1);
    cr_assert_eq(cell->newest_us, 30 * DAY_US);
    cr_assert_eq(cell->oldest_us, 10 * DAY_US);
    cr_assert_eq(cell->example_count, 2);
    cr_assert_str_eq(cell->examples[0].id, "p2");
    cr_assert_eq(coverage.cells[2][COLUMN_PRACTICES].count, 1);
    cell = &coverage.cells[1][COLUMN_ORGANISATIONS];
    cr_assert_eq(cell->count, 2);
    cr_assert_eq(cell->stale, 0, "one record of each is fresh");
    cr_assert_str_eq(cell->examples[0].id, ORGANISATION_1, "it has more records");
    cr_assert_eq(coverage.cells[3][COLUMN_ORGANISATIONS].stale, 1);
    arena_deinit(&arena);
}

static const char *name_of_list(void *data, const struct step_source *source, bool beside)
{
    (void)data; /* no place at all */
    return strcmp(source->resource, "campaigns") == 0 ? NULL : beside ? "beside" : "main";
}

/* One list where it says all; two where it takes two; none where there is none. */
Test(coverage, lists_show_what_was_counted_and_nothing_else)
{
    static const struct {
        const char *step, *resource, *href;
        size_t hrefs;
    } ROWS[] = {{"training", "practices", NULL, 2},
                {"training", "trainings", "beside", 0},
                {"mentoring", "practices", "main", 0},
                {"financing", "financing-offers", "main", 0},
                {"information_campaign", "campaigns", NULL, 0},
                {"training", "organisations", NULL, 0}};
    json_t *json;

    count_some();
    json = coverage_json(&coverage, name_of_list, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_t *cells =
            json_object_get(json_array_get(json, (size_t)step_index(ROWS[i].step)), "resources");
        json_t *cell = NULL, *href;
        size_t at;

        json_array_foreach (cells, at, cell)
            if (strcmp(json_string_value(json_object_get(cell, "resource")), ROWS[i].resource) == 0)
                break;
        href = json_object_get(cell, "href");
        cr_assert_eq(href == NULL, ROWS[i].href == NULL, "%s", ROWS[i].resource);
        if (href != NULL)
            cr_assert_str_eq(json_string_value(href), ROWS[i].href, "%s", ROWS[i].resource);
        cr_assert_eq(json_array_size(json_object_get(cell, "hrefs")), ROWS[i].hrefs);
    }
    json_decref(json);
    arena_deinit(&arena);
}

Test(coverage, idle_records_and_organisations_do_not_fill_a_gap)
{
    static const enum coverage_state STATES[STEPS_COUNT] = {COVERAGE_GAP,     COVERAGE_COVERED,
                                                            COVERAGE_COVERED, COVERAGE_STALE,
                                                            COVERAGE_GAP,     COVERAGE_GAP};

    count_some();
    for (size_t i = 0; i < STEPS_COUNT; i++)
        cr_assert_eq(coverage_state(&coverage, i), STATES[i], "%s", STEPS[i]);
    arena_deinit(&arena);
}

Test(coverage, thousands_of_organisations_are_counted_once_each)
{
    struct coverage_count *count = NULL;
    char organisations[80], id[16];

    arena_init(&arena, 32 * 1024 * 1024);
    cr_assert_eq(coverage_begin(&arena, &count), 0);
    for (unsigned i = 0; i < 20000; i++) {
        (void)snprintf(id, sizeof(id), "p%u", i);
        (void)snprintf(organisations, sizeof(organisations),
                       "01a20000-0000-7000-8000-%012u 01a20000-0000-7000-9000-%012u", i % 9000,
                       i % 7);
        coverage_add(count, &(struct coverage_record){.column = COLUMN_PRACTICES,
                                                      .id = id,
                                                      .steps = 1,
                                                      .looked_us = i + 1,
                                                      .organisations = organisations});
    }
    cr_assert_eq(coverage_end(count, &coverage), 0);
    cr_assert_eq(coverage.cells[0][COLUMN_ORGANISATIONS].count, 9007);
    cr_assert_eq(coverage.cells[0][COLUMN_PRACTICES].count, 20000);
    cr_assert_str_eq(coverage.cells[0][COLUMN_PRACTICES].examples[0].id, "p19999");
    arena_deinit(&arena);
}

Test(coverage, a_table_and_a_drawing_say_the_same_as_the_numbers)
{
    struct text text;

    count_some();
    text_init(&text, 256 * 1024);
    coverage_csv(&coverage, &text);
    cr_assert_not_null(strstr(text.bytes,
                              "training,covered,practices,2,1,1,1970-01-31T00:00:00.000Z,"
                              "1970-01-11T00:00:00.000Z\r\n"));
    cr_assert_not_null(strstr(text.bytes, "networking,gap,events,0,1,0,,\r\n"));
    text_clear(&text);
    coverage_svg(&coverage, "A <place> & more", &text);
    cr_assert_not(text_failed(&text));
    cr_assert_not_null(strstr(text.bytes, "A &lt;place&gt; &amp; more"));
    cr_assert_not_null(strstr(
        text.bytes, "Steps that nothing covers: Competence assessment, Networking, Financing."));
    text_deinit(&text);
    arena_deinit(&arena);
}

Test(coverage, every_source_of_the_table_names_a_column_and_a_step)
{
    for (size_t i = 0; i < STEP_SOURCE_COUNT; i++) {
        cr_assert_geq(step_column_of(STEP_SOURCES[i].resource), 0);
        cr_assert_geq(step_index(STEP_SOURCES[i].step), 0);
        cr_assert_eq(STEP_SOURCES[i].property == NULL, STEP_SOURCES[i].value == NULL);
        for (size_t j = 0; j < i; j++)
            cr_assert_not(strcmp(STEP_SOURCES[i].resource, STEP_SOURCES[j].resource) == 0 &&
                              STEP_SOURCES[i].value != NULL && STEP_SOURCES[j].value != NULL &&
                              strcmp(STEP_SOURCES[i].value, STEP_SOURCES[j].value) == 0,
                          "one value leads to one step");
    }
}
