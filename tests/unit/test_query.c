#include "record/query.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "base/embedded.h"
#include "base/limits.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/contract.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAIRS_MAX QUERY_PARAMETERS_MAX
#define VALUE_BYTES 1200 /* of one value of a filter */

static struct contract *contract;
static struct arena arena;
static struct problem problem;
static struct query query;

static void begin(void)
{
    char *what = NULL;

    cr_assert_eq(contract_new((const char *)EMBEDDED_OPENAPI_JSON.bytes,
                              EMBEDDED_OPENAPI_JSON.size_bytes, &contract, &what),
                 0);
    arena_init(&arena, 64 * 1024 * 1024);
}

static void end(void)
{
    arena_deinit(&arena);
    contract_free(contract);
    test_ends_without_leaks();
}

TestSuite(query, .init = begin, .fini = end);

/* @text is "name=value&name=value", as after decoding. */
static bool parse_as(enum query_scope scope, const char *resource, const char *text)
{
    struct query_pair pairs[PAIRS_MAX];
    char *copy = arena_copy(&arena, text);
    size_t count = 0;

    for (char *pair = copy, *end; pair != NULL && *pair != '\0'; pair = end) {
        char *equals = strchr(pair, '=');

        end = strchr(pair, '&');
        if (end != NULL)
            *end++ = '\0';
        cr_assert(equals != NULL && count < PAIRS_MAX, "%s", text);
        *equals = '\0';
        pairs[count++] = (struct query_pair){pair, equals + 1};
    }
    problem = (struct problem){0};
    return query_parse(contract, contract_resource_find(contract, resource), scope, pairs, count,
                       NULL, 0, &arena, &problem, &query);
}

static bool parse(const char *resource, const char *text)
{
    return parse_as(QUERY_LIST, resource, text);
}

static const char *found(void)
{
    return problem.error_count == 0 ? "(nothing)" : problem.errors[0].detail;
}

/* count times @item, separated by commas, behind "name=". */
static const char *many(const char *name, const char *item, size_t count)
{
    struct text text;
    const char *copy;

    text_init(&text, 1024 * 1024);
    text_append_format(&text, "%s=", name);
    for (size_t i = 0; i < count; i++)
        text_append_format(&text, "%s%s", i == 0 ? "" : ",", item);
    copy = arena_copy(&arena, text.bytes);
    text_deinit(&text);
    return copy;
}

Test(query, nothing_asked_is_the_first_page_of_what_changed_last)
{
    cr_assert(parse("practices", ""));
    cr_assert_eq(query.limit, PAGE_ITEMS_DEFAULT);
    cr_assert_not(query.is_page);
    cr_assert_eq(query.condition_count, 0);
    cr_assert_eq(query.sort_count, 1);
    cr_assert_str_eq(query.sorts[0].property->path, "updated_at");
    cr_assert(query.sorts[0].descending);
    cr_assert_eq(query.count, COUNT_NONE);
}

Test(query, every_parameter_of_a_list_is_understood)
{
    cr_assert(parse("practices",
                    "country=not.FR,DE&sectors=a&q=women&highlights=true&near=48.5,-2.25&"
                    "radius_km=50&bbox=-5,40,10,55&limit=7&cursor=abc&count=exact&facets=country,"
                    "city&fields=title,summary&include=organisations&lang=fr,de-AT&sort=-title,"
                    "distance,relevance&format=csv") == false,
              "sectors has no value 'a'");
    cr_assert_eq(problem.error_count, 1);
    cr_assert(parse("practices",
                    "country=not.FR,DE&q=women&highlights=true&near=48.5,-2.25&radius_km=50&"
                    "bbox=-5,40,10,55&limit=7&cursor=abc&count=exact&facets=country,city&"
                    "fields=title,summary&include=organisations&lang=fr,de-AT&sort=-title,distance,"
                    "relevance&format=csv"),
              "%s", found());
    cr_assert_eq(query.condition_count, 1);
    cr_assert_str_eq(query.conditions[0].filter->name, "country");
    cr_assert(query.conditions[0].negated);
    cr_assert_eq(query.conditions[0].value_count, 2);
    cr_assert_str_eq(query.conditions[0].values[0], "FR");
    cr_assert_str_eq(query.conditions[0].values[1], "DE");
    cr_assert_str_eq(query.search, "women");
    cr_assert(query.highlights);
    cr_assert_float_eq(query.lat, 48.5, 0);
    cr_assert_float_eq(query.lon, -2.25, 0);
    cr_assert_float_eq(query.radius_km, 50, 0);
    cr_assert_float_eq(query.west, -5, 0);
    cr_assert_float_eq(query.north, 55, 0);
    cr_assert_eq(query.limit, 7);
    cr_assert(query.is_page);
    cr_assert_str_eq(query.cursor, "abc");
    cr_assert_eq(query.count, COUNT_EXACT);
    cr_assert_eq(query.facet_count, 2);
    cr_assert_eq(query.field_count, 2);
    cr_assert_eq(query.include_count, 1);
    cr_assert_eq(query.language_count, 2);
    cr_assert_str_eq(query.languages[1], "de-AT");
    cr_assert_eq(query.sort_count, 3);
    cr_assert(query.sorts[0].descending);
    cr_assert_eq(query.sorts[1].kind, SORT_DISTANCE);
    cr_assert_eq(query.sorts[2].kind, SORT_RELEVANCE);
    cr_assert(query.sorts[2].descending, "the most relevant first");
}

Test(query, without_sort_what_is_searched_or_near_decides_the_order)
{
    cr_assert(parse("practices", "q=women&near=1,2"));
    cr_assert_eq(query.sorts[0].kind, SORT_RELEVANCE);
    cr_assert(parse("practices", "near=1,2"));
    cr_assert_eq(query.sorts[0].kind, SORT_DISTANCE);
    cr_assert_not(query.sorts[0].descending);
}

/* Checks Z12, Z13. */
Test(query, what_is_not_understood_is_refused_by_name_with_the_nearest_that_exists)
{
    static const struct {
        const char *resource, *text, *code, *parameter, *nearest, *why;
    } ROWS[] = {
        /* names */
        {"practices", "contry=FR", "unknown-parameter", "contry", "'country'", "misspelt"},
        {"practices", "Country=FR", "unknown-parameter", "Country", "'country'", "another case"},
        {"practices", "xyzzy=1", "unknown-parameter", "xyzzy", NULL, "near to nothing"},
        {"practices", "started_on_afer=2020", "unknown-parameter", "started_on_afer",
         "'started_on_after'", "a misspelt suffix"},
        {"practices", "country_after=2020", "unknown-parameter", "country_after", NULL,
         "a suffix that does not go with the type"},
        {"practices", "title_min=3", "unknown-parameter", "title_min", NULL, "likewise"},
        {"practices", "summary=x", "unknown-parameter", "summary", NULL,
         "a property that is no filter"},
        {"practices", "id=x", "unknown-parameter", "id", "'ids'", "the name of a path parameter"},
        {"practices", "filter[country]=FR", "unknown-parameter", "filter[country]", NULL,
         "another grammar"},
        {"practices", "country[]=FR", "unknown-parameter", "country[]", "'country'", "likewise"},
        {"practices", "offset=10", "unknown-parameter", "offset", NULL, "there are cursors"},
        {"networks", "near=1,2", "unknown-parameter", "near", NULL, "a network has no place"},
        {"networks", "bbox=1,2,3,4", "unknown-parameter", "bbox", NULL, "likewise"},
        {"networks", "radius_km=5", "unknown-parameter", "radius_km", NULL, "likewise"},
        /* emptiness */
        {"practices", "country=", "empty-value", "country", NULL, "no value"},
        {"practices", "country=FR,", "empty-value", "country", NULL, "an empty one at the end"},
        {"practices", "country=,FR", "empty-value", "country", NULL, "at the beginning"},
        {"practices", "country=FR,,DE", "empty-value", "country", NULL, "in between"},
        {"practices", "country=not.", "empty-value", "country", NULL, "negation of nothing"},
        {"practices", "limit=", "empty-value", "limit", NULL, "no value"},
        {"practices", "sort=", "empty-value", "sort", NULL, "no value"},
        {"practices", "fields=", "empty-value", "fields", NULL, "no value"},
        {"practices", "cursor=", "empty-value", "cursor", NULL, "no value"},
        {"practices", "q=", "empty-value", "q", NULL, "no value"},
        {"practices", "q=  ", "empty-value", "q", NULL, "no word"},
        {"practices", "lang=", "empty-value", "lang", NULL, "no value"},
        /* values */
        {"practices", "country=99", "unknown-value", "country", NULL, "no country"},
        {"practices", "country=fr", "unknown-value", "country", "'FR'", "another case"},
        {"practices", "country=FR,fr", "unknown-value", "country", "'FR'", "one of them is good"},
        {"practices", "country=not.fr", "unknown-value", "country", "'FR'", "negated"},
        {"practices", "country=FR;DE", "unknown-value", "country", NULL, "a semicolon"},
        {"practices", "country=FR DE", "unknown-value", "country", NULL, "a space"},
        {"practices", "target_groups=refugee", "unknown-value", "target_groups", "'refugees'",
         "the singular"},
        {"practices", "initiated_by_migrants=yes", "unknown-value", "initiated_by_migrants", NULL,
         "booleans are true or false"},
        {"practices", "initiated_by_migrants=TRUE", "unknown-value", "initiated_by_migrants", NULL,
         "in lower case"},
        {"practices", "languages_count=1.0", "unknown-value", "languages_count", NULL,
         "no whole number"},
        {"practices", "languages_count_min=many", "unknown-value", "languages_count_min", NULL,
         "no number"},
        {"practices", "languages_count=9223372036854775808", "unknown-value", "languages_count",
         NULL, "more than 64 bits"},
        {"financing-offers", "minimum_amount.amount_min=1e6", "unknown-value",
         "minimum_amount.amount_min", NULL, "an exponent"},
        {"mentoring-programmes", "meetings_per_month=0x2", "unknown-value", "meetings_per_month",
         NULL, "hexadecimal"},
        {"mentoring-programmes", "meetings_per_month=NaN", "unknown-value", "meetings_per_month",
         NULL, "not a number"},
        {"practices", "count=exactly", "unknown-value", "count", "'exact'", "misspelt"},
        {"practices", "count=true", "unknown-value", "count", NULL, "near to nothing"},
        {"practices", "highlights=1&q=a", "unknown-value", "highlights", NULL, "no boolean"},
        {"practices", "lang=f", "unknown-value", "lang", NULL, "too short"},
        {"practices", "lang=fr_FR", "unknown-value", "lang", NULL, "an underscore"},
        {"practices", "lang=-fr", "unknown-value", "lang", NULL, "a hyphen in front"},
        {"practices", "lang=fr,all", NULL, NULL, NULL, "a language of three letters"},
        {"practices", "ids=a-slug", "unknown-value", "ids", NULL, "no UUID"},
        {"practices", "ids={01a20102-28e0-7051-a78d-40e12e1670b1}", "unknown-value", "ids", NULL,
         "braces"},
        /* combinations */
        {"practices", "country=FR&country=DE", "repeated", "country", NULL,
         "no record has two countries"},
        {"practices", "limit=1&limit=2", "repeated", "limit", NULL, "which one?"},
        {"practices", "sort=title&sort=city", "repeated", "sort", NULL, "which one?"},
        {"practices", "sort=title,-title", "repeated", "sort", NULL, "the second changes nothing"},
        {"practices", "q=a&q=b", "repeated", "q", NULL, "which one?"},
        {"practices", "started_on_after=2019&started_on_after=2020", "repeated", "started_on_after",
         NULL, "which one?"},
        {"practices", "started_on_after=not.2020", "not-allowed", "started_on_after", NULL,
         "_before says that"},
        {"practices", "started_on_after=2020,2021", "too-many-values", "started_on_after", NULL,
         "one bound"},
        {"practices", "highlights=true", "needs-search", "highlights", NULL, "nothing to show"},
        {"practices", "radius_km=5", "needs-place", "radius_km", NULL, "around what?"},
        {"practices", "sort=relevance", "needs-search", "sort", NULL, "relevant to what?"},
        {"practices", "sort=distance", "needs-place", "sort", NULL, "from where?"},
        /* numbers of a page */
        {"practices", "limit=0", "out-of-range", "limit", NULL, "none"},
        {"practices", "limit=-1", "out-of-range", "limit", NULL, "negative"},
        {"practices", "limit=101", "out-of-range", "limit", NULL, "one too many"},
        {"practices", "limit=1000000000", "out-of-range", "limit", NULL, "far too many"},
        {"practices", "limit=10abc", "out-of-range", "limit", NULL, "letters behind"},
        {"practices", "limit= 10", "out-of-range", "limit", NULL, "a space"},
        {"practices", "limit=+10", "out-of-range", "limit", NULL, "a sign"},
        {"practices", "limit=1e1", "out-of-range", "limit", NULL, "an exponent"},
        /* names of properties */
        {"practices", "sort=titel", "unknown-value", "sort", "'title'", "misspelt"},
        {"practices", "sort=-titel", "unknown-value", "sort", "'title'", "misspelt, descending"},
        {"practices", "sort=+title", "unknown-value", "sort", "'title'", "a plus sign"},
        {"practices", "sort=title desc", "unknown-value", "sort", NULL, "SQL"},
        {"practices", "sort=title:desc", "unknown-value", "sort", NULL, "another grammar"},
        {"practices", "sort=aliases", "unknown-value", "sort", NULL, "several values"},
        {"practices", "sort=owner_id", "unknown-value", "sort", NULL, "a column"},
        {"practices", "sort=--title", "unknown-value", "sort", "'title'", "two signs"},
        {"practices", "sort=-", "unknown-value", "sort", NULL, "a sign alone"},
        {"practices", "sort=slug,title,city,created_at,updated_at", "too-many-values", "sort", NULL,
         "five keys"},
        {"practices", "fields=tilte", "unknown-value", "fields", "'title'", "misspelt"},
        {"practices", "fields=source.name", "unknown-value", "fields", NULL,
         "whole properties alone"},
        {"practices", "facets=contry", "unknown-value", "facets", "'country'", "misspelt"},
        {"practices", "facets=title", "unknown-value", "facets", NULL, "no facet"},
        {"practices", "include=organisation", "unknown-value", "include", "'organisations'",
         "the singular"},
        {"practices", "include=title", "unknown-value", "include", NULL, "no relation"},
        /* places */
        {"practices", "near=48.5", "wrong-count", "near", NULL, "one number"},
        {"practices", "near=48.5,2.3,1", "too-many-values", "near", NULL, "three numbers"},
        {"practices", "near=91,0", "out-of-range", "near", NULL, "beyond the pole"},
        {"practices", "near=0,180.1", "out-of-range", "near", NULL, "beyond the antimeridian"},
        {"practices", "near=2.3;48.5", "unknown-value", "near", NULL, "a semicolon"},
        {"practices", "near=nan,0", "unknown-value", "near", NULL, "not a number"},
        {"practices", "near=1e1,0", "unknown-value", "near", NULL, "an exponent"},
        {"practices", "near=48.5,", "empty-value", "near", NULL, "an empty one"},
        {"practices", "bbox=1,2,3", "wrong-count", "bbox", NULL, "three numbers"},
        {"practices", "bbox=1,2,3,4,5", "too-many-values", "bbox", NULL, "five numbers"},
        {"practices", "bbox=1,3,2,2", "out-of-range", "bbox", NULL, "south above north"},
        {"practices", "bbox=-181,0,0,1", "out-of-range", "bbox", NULL, "too far west"},
        {"practices", "bbox=0,-91,1,0", "out-of-range", "bbox", NULL, "too far south"},
        {"practices", "bbox=0,0,1,91", "out-of-range", "bbox", NULL, "too far north"},
        {"practices", "near=1,2&radius_km=0", "out-of-range", "radius_km", NULL, "no circle"},
        {"practices", "near=1,2&radius_km=-1", "out-of-range", "radius_km", NULL, "negative"},
        {"practices", "near=1,2&radius_km=20041", "out-of-range", "radius_km", NULL,
         "more than the earth has"},
        {"practices", "near=1,2&radius_km=1e4", "out-of-range", "radius_km", NULL, "an exponent"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        bool good = parse(ROWS[i].resource, ROWS[i].text);

        cr_assert_eq(good, ROWS[i].code == NULL, "%s (%s): %s", ROWS[i].text, ROWS[i].why, found());
        if (good)
            continue;
        cr_assert_eq(problem.status, 400);
        cr_assert_str_eq(problem.code, "invalid-parameter");
        cr_assert_eq(problem.error_count, 1, "%s: %zu errors", ROWS[i].text, problem.error_count);
        cr_assert_str_eq(problem.errors[0].code, ROWS[i].code, "%s (%s): %s", ROWS[i].text,
                         ROWS[i].why, problem.errors[0].code);
        cr_assert_str_eq(problem.errors[0].parameter, ROWS[i].parameter, "%s", ROWS[i].text);
        if (ROWS[i].nearest != NULL)
            cr_assert(strstr(found(), "did you mean") != NULL &&
                          strstr(found(), ROWS[i].nearest) != NULL,
                      "%s (%s): %s", ROWS[i].text, ROWS[i].why, found());
        else
            cr_assert_null(strstr(found(), "did you mean"), "%s (%s): %s", ROWS[i].text,
                           ROWS[i].why, found());
    }
}

Test(query, all_faults_are_told_at_once)
{
    cr_assert_not(parse("practices", "contry=FR&limit=0&country=fr,xx&sort=titel&near=1&q="));
    cr_assert_eq(problem.error_count, 7);
}

Test(query, an_array_may_be_asked_for_several_values_at_once)
{
    cr_assert(parse("practices", "countries=FR&countries=DE&countries=not.IT,ES"), "%s", found());
    cr_assert_eq(query.condition_count, 3);
    cr_assert(parse("practices", "country=FR,DE&country=not.DE"), "%s", found());
    cr_assert(parse("practices", "started_on_after=2019&started_on_before=2020"), "%s", found());
}

Test(query, a_backslash_makes_the_next_character_stand_for_itself)
{
    static const struct {
        const char *text, *first;
        size_t count;
    } ROWS[] = {
        {"city=a\\,b", "a,b", 1}, {"city=a\\\\,b", "a\\", 2}, {"city=a\\b", "ab", 1},
        {"city=a\\", "a\\", 1},   {"city=\\", "\\", 1},       {"city=\\,", ",", 1},
        {"city=\\,,b", ",", 2},   {"city=\\\\", "\\", 1},     {"city=\\n", "n", 1},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_assert(parse("practices", ROWS[i].text), "%s: %s", ROWS[i].text, found());
        cr_assert_eq(query.conditions[0].value_count, ROWS[i].count, "%s", ROWS[i].text);
        cr_assert_str_eq(query.conditions[0].values[0], ROWS[i].first, "%s", ROWS[i].text);
    }
    cr_assert_not(parse("practices", "city=\\,,"));
}

Test(query, a_box_may_cross_the_antimeridian_and_be_a_point)
{
    cr_assert(parse("practices", "bbox=170,-50,-170,-30"), "%s", found());
    cr_assert_gt(query.west, query.east);
    cr_assert(parse("practices", "bbox=2,48,2,48"), "%s", found());
    cr_assert(parse("practices", "bbox=-180,-90,180,90"), "%s", found());
    cr_assert(parse("practices", "near=-90,-180&radius_km=0.001"), "%s", found());
    cr_assert(parse("practices", "near=90,180&radius_km=20040"), "%s", found());
}

Test(query, a_backslash_makes_a_comma_part_of_a_value)
{
    static const struct {
        const char *pairs;
        size_t count;
        const char *first, *why;
    } ROWS[] = {
        {"city=a\\,b", 1, "a,b", "an escaped comma"},
        {"city=a\\\\,b", 2, "a\\", "an escaped backslash, and a comma"},
        {"city=\\n\\o", 1, "no", "letters stand for themselves"},
        {"city=\\not.a", 1, "not.a", "a value that begins like a negation"},
        {"city=a\\", 1, "a\\", "a backslash at the end"},
        {"city=\\,", 1, ",", "a comma alone"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_assert(parse("practices", ROWS[i].pairs), "%s: %s", ROWS[i].why, found());
        cr_assert_eq(query.conditions[0].value_count, ROWS[i].count, "%s", ROWS[i].why);
        cr_assert_str_eq(query.conditions[0].values[0], ROWS[i].first, "%s", ROWS[i].why);
        cr_assert_not(query.conditions[0].negated, "%s", ROWS[i].why);
    }
    cr_assert_not(parse("practices", "city=a\\,b,,c"), "an empty one among them");
}

Test(query, what_would_be_shown_twice_is_refused)
{
    static const char *const ROWS[] = {"sort=title,-title", "facets=country,city,country",
                                       "include=organisations,organisations"};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_assert_not(parse("practices", ROWS[i]), "%s", ROWS[i]);
        cr_assert_str_eq(problem.errors[0].code, "repeated", "%s", ROWS[i]);
    }
}

Test(query, what_is_at_its_limit_passes_and_one_more_does_not)
{
    char text[2 * CURSOR_BYTES_MAX];
    const struct {
        const char *at_limit, *over_limit, *code;
    } ROWS[] = {
        {many("country", "FR", FILTER_VALUES_MAX), many("country", "FR", FILTER_VALUES_MAX + 1),
         "too-many-values"},
        {many("ids", "01a20102-28e0-7051-a78d-40e12e1670b1", IDS_MAX),
         many("ids", "01a20102-28e0-7051-a78d-40e12e1670b1", IDS_MAX + 1), "too-many-values"},
        {many("fields", "title", FIELDS_MAX), many("fields", "title", FIELDS_MAX + 1),
         "too-many-values"},
        {"facets=country,countries,city,cities,organisations,value_chain_steps,"
         "good_practice_themes,sectors,target_groups,languages",
         many("facets", "country", FACETS_MAX + 1), "too-many-values"},
        {"include=organisations,projects,assessment_tool,financing_offers,mentoring_programmes,"
         "trainings,campaigns,services,places,events",
         many("include", "organisations", INCLUDES_MAX + 1), "too-many-values"},
        {many("lang", "fr", LANGUAGES_MAX), many("lang", "fr", LANGUAGES_MAX + 1),
         "too-many-values"},
        {"sort=slug,title,city,created_at", "sort=slug,title,city,created_at,updated_at",
         "too-many-values"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_assert(parse("practices", ROWS[i].at_limit), "%s", found());
        cr_assert_not(parse("practices", ROWS[i].over_limit), "%s", ROWS[i].over_limit);
        cr_assert_str_eq(problem.errors[0].code, ROWS[i].code);
    }

    memset(text, 'v', sizeof(text));
    memcpy(text, "city=", 5);
    text[5 + VALUE_BYTES] = '\0';
    cr_assert(parse("practices", text), "%s", found());
    text[5 + VALUE_BYTES] = 'v';
    text[6 + VALUE_BYTES] = '\0';
    cr_assert_not(parse("practices", text));
    cr_assert_str_eq(problem.errors[0].code, "too-long");

    memset(text, 'v', sizeof(text));
    memcpy(text, "cursor=", 7);
    text[7 + CURSOR_BYTES_MAX] = '\0';
    cr_assert(parse("practices", text), "%s", found());
    text[7 + CURSOR_BYTES_MAX] = 'v';
    text[8 + CURSOR_BYTES_MAX] = '\0';
    cr_assert_not(parse("practices", text));
    cr_assert_str_eq(problem.errors[0].code, "invalid-cursor");
}

Test(query, a_search_has_at_most_100_characters_however_many_bytes_they_take)
{
    struct text text;

    text_init(&text, 10000);
    text_append(&text, "q=");
    for (int i = 0; i < SEARCH_CHARACTERS_MAX; i++)
        text_append(&text, "\xF0\x9F\x98\x80");
    cr_assert(parse("practices", text.bytes), "%s", found());
    text_append(&text, "x");
    cr_assert_not(parse("practices", text.bytes));
    cr_assert_str_eq(problem.errors[0].code, "too-long");
    text_deinit(&text);
}

Test(query, whoever_names_records_gets_them_all_unless_a_page_is_asked_for)
{
    cr_assert(parse("practices", many("ids", "01a20102-28e0-7051-a78d-40e12e1670b1", 70)));
    cr_assert_eq(query.limit, 70);
    cr_assert(parse("practices", "ids=01A20102-28E0-7051-A78D-40E12E1670B1&limit=5"));
    cr_assert_eq(query.limit, 5);
}

/* Checks V12. */
Test(query, dates_exist_in_the_calendar_or_are_refused)
{
    static const struct {
        const char *value;
        bool partial, time; /* good as a partial date; as a time */
        const char *why;
    } ROWS[] = {
        {"2021", true, false, "a year"},
        {"2021-09", true, false, "a month"},
        {"2021-09-30", true, true, "a day"},
        {"0001", true, false, "the first year"},
        {"9999-12-31", true, true, "the last day"},
        {"0000", false, false, "there was no year 0"},
        {"0000-01-01", false, false, "nor a day of it"},
        {"2021-00", false, false, "no month"},
        {"2021-13", false, false, "a month too many"},
        {"2021-01-00", false, false, "no day"},
        {"2021-01-32", false, false, "a day too many"},
        {"2021-04-31", false, false, "April has 30"},
        {"2021-02-29", false, false, "no leap year"},
        {"2020-02-29", true, true, "a leap year"},
        {"1900-02-29", false, false, "a century is none"},
        {"2000-02-29", true, true, "a fourth century is one"},
        {"2100-02-29", false, false, "the next is none"},
        {"2020-02-30", false, false, "not even then"},
        {"21", false, false, "two digits"},
        {"202", false, false, "three digits"},
        {"20210", false, false, "five digits"},
        {"2021-9", false, false, "one digit of a month"},
        {"2021-9-3", false, false, "one digit each"},
        {"2021/09/30", false, false, "slashes"},
        {"30-09-2021", false, false, "the other way round"},
        {"20210930", false, false, "no hyphens"},
        {"-001", false, false, "before our era"},
        {"today", false, false, "a word that PostgreSQL would take"},
        {"infinity", false, false, "another one"},
        {"2021-09-30T12:00:00Z", false, true, "a time in UTC"},
        {"2021-09-30T12:00:00.123456Z", false, true, "microseconds"},
        {"2021-09-30T12:00:00.1234567Z", false, false, "more than PostgreSQL keeps"},
        {"2021-09-30T12:00:00.Z", false, false, "a dot without digits"},
        {"2021-09-30T12:00:00+02:00", false, true, "an offset"},
        {"2021-09-30T12:00:00-12:30", false, true, "another one"},
        {"2021-09-30T12:00:00+24:00", false, false, "a day of offset"},
        {"2021-09-30T12:00:00+02:60", false, false, "60 minutes of offset"},
        {"2021-09-30T12:00:00+0200", false, false, "an offset without a colon"},
        {"2021-09-30T12:00:00 02:00", false, false, "a plus sign that became a space"},
        {"2021-09-30T12:00:00", false, false, "no offset"},
        {"2021-09-30T12:00Z", false, false, "no seconds"},
        {"2021-09-30 12:00:00Z", false, false, "a space"},
        {"2021-09-30T24:00:00Z", false, false, "hour 24"},
        {"2021-09-30T23:60:00Z", false, false, "minute 60"},
        {"2021-09-30T23:59:60Z", false, false, "second 60"},
        {"2021-02-29T12:00:00Z", false, false, "a day that is not"},
        {"2021-09-30T12:00:00Zx", false, false, "something behind"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        static const char *const PARTIAL[] = {"started_on", "started_on_after",
                                              "started_on_before"};
        static const char *const TIMES[] = {"updated_at", "updated_at_after", "updated_at_before",
                                            "as_of"};

        for (size_t j = 0; j < ARRAY_LENGTH(PARTIAL); j++) {
            char text[100];

            (void)snprintf(text, sizeof(text), "%s=%s", PARTIAL[j], ROWS[i].value);
            cr_assert_eq(parse("practices", text), ROWS[i].partial, "%s (%s)", text, ROWS[i].why);
            if (!ROWS[i].partial)
                cr_assert_str_eq(problem.errors[0].code, "unknown-value");
            (void)snprintf(text, sizeof(text), "%s=%s", TIMES[j], ROWS[i].value);
            cr_assert_eq(parse("practices", text), ROWS[i].time, "%s (%s)", text, ROWS[i].why);
        }
    }
}

Test(query, a_single_record_takes_only_what_shapes_it)
{
    static const char *const GOOD[] = {"",
                                       "fields=title",
                                       "include=organisations",
                                       "lang=fr",
                                       "lang=all",
                                       "fields=title&include=organisations&lang=de",
                                       "as_of=2021-09-30"};
    static const char *const BAD[] = {"limit=1",        "cursor=a",    "q=a",         "country=FR",
                                      "sort=title",     "count=exact", "format=json", "near=1,2",
                                      "facets=country", "ids=a",       "stale=true"};

    for (size_t i = 0; i < ARRAY_LENGTH(GOOD); i++)
        cr_assert(parse_as(QUERY_READ, "practices", GOOD[i]), "%s: %s", GOOD[i], found());
    for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++) {
        cr_assert_not(parse_as(QUERY_READ, "practices", BAD[i]), "%s", BAD[i]);
        cr_assert_str_eq(problem.errors[0].code, "unknown-parameter", "%s", BAD[i]);
    }
}

Test(query, records_by_their_ids_take_what_shapes_them_and_no_time)
{
    cr_assert(parse_as(QUERY_BATCH, "practices", "fields=title&include=organisations&lang=de"),
              "%s", found());
    cr_assert_not(parse_as(QUERY_BATCH, "practices", "as_of=2021-09-30"));
    cr_assert_str_eq(problem.errors[0].code, "unknown-parameter");
}

/* "as_of=" and the wall clock some seconds on, as read in a place some hours ahead of UTC. */
static const char *as_of(int64_t seconds_on, int hours_ahead)
{
    const time_t moment = (time_t)((int64_t)time(NULL) + seconds_on + hours_ahead * 3600);
    struct tm parts;
    char text[64];

    cr_assert_not_null(gmtime_r(&moment, &parts));
    cr_assert_gt(strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts), 0);
    return arena_format(&arena, "as_of=%s%c%02d:00", text, hours_ahead < 0 ? '-' : '+',
                        abs(hours_ahead));
}

Test(query, an_earlier_time_is_any_that_has_passed_wherever_it_was_written)
{
    static const struct {
        const char *text, *instant;
    } ROWS[] = {
        {"2021-09-30", "2021-09-30T23:59:59.999Z"},
        {"2021-09-30T12:00:00Z", "2021-09-30T12:00:00Z"},
        {"0001-01-01", "0001-01-01T23:59:59.999Z"},
        {"0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"},
        {"2024-02-29T23:59:59.999999-12:00", "2024-02-29T23:59:59.999999-12:00"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char text[100];

        (void)snprintf(text, sizeof(text), "as_of=%s", ROWS[i].text);
        cr_assert(parse("practices", text), "%s: %s", text, found());
        cr_assert_str_eq(query.as_of, ROWS[i].instant);
    }
    for (int hours = -14; hours <= 14; hours++) {
        cr_assert(parse("practices", as_of(-60, hours)), "%s", as_of(-60, hours));
        cr_assert_not(parse("practices", as_of(60, hours)), "%s", as_of(60, hours));
        cr_assert_str_eq(problem.errors[0].code, "in-the-future");
    }
}

Test(query, a_day_counts_when_it_has_ended)
{
    const time_t moments[] = {time(NULL) - 24 * 3600, time(NULL), time(NULL) + 24 * 3600};

    for (size_t i = 0; i < ARRAY_LENGTH(moments); i++) {
        struct tm parts;
        char text[64];

        cr_assert_not_null(gmtime_r(&moments[i], &parts));
        cr_assert_gt(strftime(text, sizeof(text), "as_of=%Y-%m-%d", &parts), 0);
        /* Midnight may pass between the two clocks: then today is yesterday. */
        if (i != 1 || time(NULL) % (24 * 3600) > 1)
            cr_assert_eq(parse("practices", text), i == 0, "%s", text);
    }
}

Test(query, what_does_not_go_with_an_earlier_time_is_refused_by_its_name)
{
    static const char *const GOOD[] = {
        "country=FR",
        "started_on_after=2020",
        "ids=01a20102-28e0-7051-a78d-40e12e1670b1",
        "limit=5&cursor=abc",
        "count=exact",
        "count=none",
        "fields=title,description",
        "lang=fr",
        "sort=-updated_at",
        "stale=true",
    };
    static const char *const BAD[][2] = {
        {"q=women", "q"},
        {"near=1,2", "near"},
        {"bbox=1,2,3,4", "bbox"},
        {"facets=country", "facets"},
        {"include=organisations", "include"},
        {"count=estimated", "count"},
        {"sort=updated_at", "sort"},
        {"sort=title", "sort"},
        {"sort=-updated_at,title", "sort"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(GOOD); i++)
        cr_assert(parse("practices", arena_format(&arena, "as_of=2021-09-30&%s", GOOD[i])),
                  "%s: %s", GOOD[i], found());
    for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++) {
        cr_assert_not(parse("practices", arena_format(&arena, "%s&as_of=2021-09-30", BAD[i][0])),
                      "%s", BAD[i][0]);
        cr_assert_eq(problem.error_count, 1, "%s", BAD[i][0]);
        cr_assert_str_eq(problem.errors[0].parameter, BAD[i][1]);
        cr_assert_str_eq(problem.errors[0].code, "not-with-as-of");
    }
    cr_assert_not(parse_as(QUERY_READ, "practices", "include=organisations&as_of=2021-09-30"));
}

Test(query, records_are_stale_as_of_the_time_that_is_asked_about)
{
    cr_assert(parse("practices", "stale=true"));
    cr_assert_eq(query.freshness, FRESHNESS_STALE);
    cr_assert(query_ages(&query), "what is fresh now is stale some day");
    cr_assert_eq(strlen(query.stale_at), strlen("2021-09-30T12:00:00.000Z"));

    cr_assert(parse("practices", "stale=false&as_of=2021-09-30"));
    cr_assert_eq(query.freshness, FRESHNESS_FRESH);
    cr_assert_not(query_ages(&query), "the past stays");
    cr_assert_str_eq(query.stale_at, "2021-09-30T23:59:59.999Z");

    cr_assert(parse("practices", "country=FR"));
    cr_assert_not(query_ages(&query));
    cr_assert_not(parse("practices", "stale=1"));
}

Test(query, the_languages_of_the_reader_count_until_lang_names_others)
{
    static const char *const LANGUAGES[] = {"fr", "de"};
    const struct query_pair pair = {"lang", "it"};
    const struct resource *resource = contract_resource_find(contract, "practices");

    cr_assert(query_parse(contract, resource, QUERY_LIST, NULL, 0, LANGUAGES, 2, &arena, &problem,
                          &query));
    cr_assert_eq(query.language_count, 2);
    cr_assert_str_eq(query.languages[0], "fr");
    cr_assert(query_parse(contract, resource, QUERY_LIST, &pair, 1, LANGUAGES, 2, &arena, &problem,
                          &query));
    cr_assert_eq(query.language_count, 1);
    cr_assert_str_eq(query.languages[0], "it");
}

Test(query, a_long_value_is_not_shown_again)
{
    const char *text = many("country", "a-value-that-is-not-a-country", 1);
    char long_text[300];

    cr_assert_not(parse("practices", text));
    cr_assert_not_null(strstr(found(), "a-value-that-is-not-a-country"));
    memset(long_text, 'x', sizeof(long_text));
    memcpy(long_text, "country=", 8);
    long_text[sizeof(long_text) - 1] = '\0';
    cr_assert_not(parse("practices", long_text));
    cr_assert_null(strstr(found(), "xxx"));
    long_text[7] = 'y';
    long_text[200] = '=';
    cr_assert_not(parse("practices", long_text));
    cr_assert_null(strstr(found(), "xxx"));
}

/* Checks V17. */
Test(query, every_filter_of_every_resource_refuses_hostile_values_or_takes_them_as_they_are)
{
    static const char *const VALUES[] = {
        "' or 1=1 --",
        "\"; drop table practices; --",
        "$1",
        "%s%n",
        "\\",
        "%",
        "_",
        "{}",
        "null",
        "NULL",
        "../../etc/passwd",
        "\xE2\x80\xAE",
        "a'b",
        "(select 1)",
    };

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);

        for (size_t j = 0; j < resource->filter_count; j++) {
            const struct filter *filter = &resource->filters[j];
            enum property_kind kind = filter->property->kind;
            bool is_open = filter->property->values == NULL &&
                           (kind == PROPERTY_TEXT || kind == PROPERTY_RELATION);

            for (size_t k = 0; k < ARRAY_LENGTH(VALUES); k++) {
                const struct query_pair pair = {filter->name, VALUES[k]};

                problem = (struct problem){0};
                cr_assert_eq(query_parse(contract, resource, QUERY_LIST, &pair, 1, NULL, 0, &arena,
                                         &problem, &query),
                             is_open, "%s.%s=%s", resource->path, filter->name, VALUES[k]);
                if (is_open)
                    cr_assert_str_eq(query.conditions[0].values[0], VALUES[k]);
                else
                    cr_assert_str_eq(problem.errors[0].parameter, filter->name);
                arena_deinit(&arena);
            }
        }
    }
}

static void fingerprint(const char *resource, const char *text,
                        unsigned char ret_hash[QUERY_FINGERPRINT_BYTES])
{
    cr_assert(parse(resource, text), "%s: %s", text, found());
    query_fingerprint(&query, ret_hash);
}

Test(query, the_fingerprint_changes_with_each_part_that_decides_which_records_come_in_which_order)
{
    static const char *const ROWS[][2] = {
        {"practices", ""},
        {"networks", ""},
        {"practices", "country=FR"},
        {"practices", "country=DE"},
        {"practices", "country=FR,DE"},
        {"practices", "country=not.FR"},
        {"practices", "countries=FR"},
        {"practices", "countries=FR,DE"},
        {"practices", "countries=FR&countries=DE"},
        {"practices", "started_on=2020"},
        {"practices", "started_on_after=2020"},
        {"practices", "started_on_before=2020"},
        {"practices", "city=a"},
        {"practices", "title=a"},
        {"practices", "title=a,b"},
        {"practices", "q=a"},
        {"practices", "q=b"},
        {"practices", "q=a&sort=title"},
        {"practices", "ids=01a20102-28e0-7051-a78d-40e12e1670b1"},
        {"practices", "ids=01a20102-28e0-7051-a78d-40e12e1670b2"},
        {"practices", "near=1,2"},
        {"practices", "near=2,1"},
        {"practices", "near=1,2&radius_km=5"},
        {"practices", "near=1,2&radius_km=6"},
        {"practices", "near=1,2&sort=title"},
        {"practices", "bbox=1,2,3,4"},
        {"practices", "bbox=1,2,3,5"},
        {"practices", "sort=title"},
        {"practices", "sort=-title"},
        {"practices", "sort=city"},
        {"practices", "sort=title,city"},
        {"practices", "sort=city,title"},
        {"practices", "sort=updated_at"},
        {"practices", "as_of=2021-09-30"},
        {"practices", "as_of=2021-09-30T00:00:00Z"},
        {"practices", "stale=true"},
        {"practices", "stale=false"},
    };
    unsigned char hashes[ARRAY_LENGTH(ROWS)][QUERY_FINGERPRINT_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        fingerprint(ROWS[i][0], ROWS[i][1], hashes[i]);
        for (size_t j = 0; j < i; j++)
            cr_assert_neq(memcmp(hashes[i], hashes[j], sizeof(hashes[i])), 0, "'%s' and '%s'",
                          ROWS[i][1], ROWS[j][1]);
    }
}

Test(query, the_fingerprint_changes_with_the_record_that_a_list_belongs_to)
{
    const struct resource *organisations = contract_resource_find(contract, "organisations");
    const struct resource *projects = contract_resource_find(contract, "projects");
    unsigned char none[QUERY_FINGERPRINT_BYTES], one[QUERY_FINGERPRINT_BYTES];
    unsigned char other[QUERY_FINGERPRINT_BYTES], elsewhere[QUERY_FINGERPRINT_BYTES];

    fingerprint("practices", "", none);
    query.related = organisations;
    query.related_to = "one";
    query_fingerprint(&query, one);
    query.related_to = "other";
    query_fingerprint(&query, other);
    query.related = projects;
    query_fingerprint(&query, elsewhere);
    cr_assert_neq(memcmp(none, one, sizeof(one)), 0);
    cr_assert_neq(memcmp(one, other, sizeof(one)), 0);
    cr_assert_neq(memcmp(other, elsewhere, sizeof(one)), 0);
}

Test(query, the_fingerprint_stays_with_what_only_shapes_the_answer)
{
    static const char *const ROWS[] = {
        "country=FR&limit=5",      "country=FR&cursor=abc",     "country=FR&count=exact",
        "country=FR&fields=title", "country=FR&lang=fr",        "country=FR&include=organisations",
        "country=FR&format=csv",   "country=FR&facets=country", "country=FR&sort=-updated_at",
    };
    unsigned char plain[QUERY_FINGERPRINT_BYTES], hash[QUERY_FINGERPRINT_BYTES];

    fingerprint("practices", "country=FR", plain);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        fingerprint("practices", ROWS[i], hash);
        cr_assert_eq(memcmp(hash, plain, sizeof(hash)), 0, "%s", ROWS[i]);
    }
}

Test(query, id_slug_and_name_are_always_shown)
{
    const struct resource *resource;

    cr_assert(parse("networks", "fields=kind"));
    resource = query.resource;
    cr_assert(query_always_shows(&query, resource_property(resource, "id")));
    cr_assert(query_always_shows(&query, resource_property(resource, "slug")));
    cr_assert(query_always_shows(&query, resource->label));
    cr_assert_not(query_always_shows(&query, resource_property(resource, "kind")));
}
