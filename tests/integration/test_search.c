/* Finding records by words: q= on one resource, and /v1/search on all. */
#include "base/text.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/records.h"
#include "support/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES_MAX 4096

RECORDS_BEFORE_TESTS("search", "EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(search, .init = records_ready, .fini = test_ends_without_leaks, .timeout = 120);

/* GET @path?q=@words&@more. */
static struct response *search(const char *path, const char *words, const char *more)
{
    struct response *response;
    struct text text;

    text_init(&text, PATH_BYTES_MAX);
    text_append_format(&text, "%s?q=", path);
    text_append_uri(&text, words);
    text_append_format(&text, "&%s", more);
    response = http_get(text.bytes);
    text_deinit(&text);
    return response;
}

static json_t *slugs_of(struct response *response)
{
    return records_pluck(response_at(response, "/data"), "slug");
}

/* ---- which words find which records ---- */

/* @also: whether other records may be found beside it. @corrected: "" for the words as they are. */
static const struct {
    const char *why;
    const char *words;
    const char *slug;
    bool also;
    const char *corrected;
} FINDS[] = {
    {"accents are folded in what is asked", "liege", "liege-hospitable-city-motion", true, ""},
    {"accents may be typed", "Liège", "liege-hospitable-city-motion", true, ""},
    {"accents may be typed where the text has none", "quökka", "search-in-title", true, ""},
    {"letters have no case", "QUOKKA", "search-in-title", true, ""},
    {"the beginning of a word is enough", "ment", "duo-for-a-job", true, ""},
    {"a beginning with accents", "couturiè", "search-french", false, ""},
    {"a letter too many", "menthoring", "duo-for-a-job", true, "mentoring"},
    {"a wrong letter", "zebrafosh", "search-markup", false, "zebrafish"},
    {"two letters swapped", "quokak", "search-in-title", true, "quokka"},
    {"a wrong first letter", "wuokka", "search-in-title", true, "quokka"},
    {"a wrong word among right ones", "quokka keepars", "search-in-title", true, "quokka keepers"},
    {"a wrong ending with the same stem", "restaurent", "refugee-food-festival", true, ""},
    {"singular finds plural", "zebrafish price", "search-markup", false, ""},
    {"plural finds singular", "zebrafish farms", "search-markup", false, ""},
    {"another form of an English verb", "birds speaking", "search-translated", false, ""},
    {"French: singular finds plural", "couturière", "search-french", false, ""},
    {"French: another form of a verb", "calculant", "search-french", false, ""},
    {"French: accents and endings", "calculés", "search-french", false, ""},
    {"German: singular finds plural with another vowel", "Werkstatt", "search-german", false, ""},
    {"German: another form of a verb", "Mieter", "search-german", false, ""},
    {"Arabic: a word as it stands", "الخياطة", "search-arabic", false, ""},
    {"Arabic: without its article", "خياطة", "search-arabic", false, ""},
    {"Arabic: singular finds plural", "لاجئة", "search-arabic", false, ""},
    {"Tigrinya: a word as it stands", "ስልጠና", "search-tigrinya", false, ""},
    {"Tigrinya: the beginning of a word", "ንስደተ", "search-tigrinya", false, ""},
    {"several words in any order and place", "colonies keepers", "search-in-summary", false, ""},
    {"words that every text has do not matter", "the quokka and a colony", "search-in-summary",
     false, ""},
    {"a compound by its parts", "oriented hand", "search-literal", false, ""},
    {"a compound as it stands", "well-being-oriented", "search-literal", false, ""},
    {"a compound asked for where it is written apart", "zebrafish-farm", "search-markup", false,
     ""},
    {"an apostrophe", "O'Neill", "search-literal", false, ""},
    {"a typographic apostrophe", "O’Neill", "search-literal", false, ""},
    {"a percent sign", "50% wombat", "search-literal", false, ""},
    {"an underscore is no wildcard, but a border of words", "wombat_burrows", "search-literal",
     false, ""},
    {"a backslash", "back\\slash", "search-literal", false, ""},
    {"a translation", "Papageienschule", "search-translated", false, ""},
    {"the beginning of a word of a translation", "papagei", "search-translated", false, ""},
    {"an inflected form of a translation", "Papageienschulen", "search-translated", false, ""},
    {"a machine's translation", "perroquets", "search-translated", false, ""},
    {"words of two translations", "Papageienschule perroquets", "search-translated", false, ""},
};

Test(search, words_find_records_by_accents_beginnings_stems_and_translations)
{
    for (size_t i = 0; i < ARRAY_LENGTH(FINDS); i++) {
        CLEANUP(response_freep)
        struct response *response =
            search("/v1/practices", FINDS[i].words, "limit=100&fields=slug");
        json_auto_t *slugs = slugs_of(response);
        const char *corrected = json_string_value(response_at(response, "/meta/search/corrected"));

        cr_expect(records_contain(slugs, FINDS[i].slug), "%s: '%s' does not find %s: %.300s",
                  FINDS[i].why, FINDS[i].words, FINDS[i].slug, response->body);
        cr_expect(FINDS[i].also || json_array_size(slugs) == 1, "%s: '%s' finds others: %.300s",
                  FINDS[i].why, FINDS[i].words, response->body);
        if (FINDS[i].corrected != NULL)
            cr_expect_str_eq(corrected == NULL ? "" : corrected, FINDS[i].corrected,
                             "%s: '%s' is understood as '%s'", FINDS[i].why, FINDS[i].words,
                             corrected == NULL ? "" : corrected);
    }
}

Test(search, what_is_no_word_of_a_record_does_not_find_it)
{
    static const struct {
        const char *why;
        const char *words;
        const char *never; /* may find others, but not this one; NULL: nothing at all */
    } ROWS[] = {
        {"one of two words is missing", "quokka zebrafish", NULL},
        {"one of three words is missing", "quokka keepers tigrinya", NULL},
        {"a word that is like no other", "xylophonquartett", NULL},
        {"a percent sign alone", "%", NULL},
        {"an underscore alone", "_", NULL},
        {"an underscore does not stand for any letter", "qu_kka", "search-in-title"},
        {"a percent sign does not stand for letters", "qu%ka", "search-in-title"},
        {"a star does not stand for letters", "qu*ka", "search-in-title"},
        {"the end of a word", "okka", "search-in-title"},
        {"an operator does not mean or", "quokka | zebrafish", NULL},
        {"a word does not mean or", "quokka or zebrafish", NULL},
        {"markup is no text", "b", "search-markup"},
        {"a quote closes nothing", "quokka') or 1=1 --", NULL},
        {"a statement is only words", "'; drop table published.practices; --", NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = search("/v1/practices", ROWS[i].words, "limit=100&fields=slug");
        json_auto_t *slugs = slugs_of(response);

        cr_expect_eq(response->status, 200, "%s: %d", ROWS[i].why, response->status);
        if (ROWS[i].never == NULL)
            cr_expect_eq(json_array_size(slugs), 0, "%s: '%s' finds %.300s", ROWS[i].why,
                         ROWS[i].words, response->body);
        else
            cr_expect_not(records_contain(slugs, ROWS[i].never), "%s: '%s' finds %s", ROWS[i].why,
                          ROWS[i].words, ROWS[i].never);
    }
}

Test(search, signs_of_any_kind_around_a_word_change_nothing)
{
    static const char SIGNS[] = " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    char words[16];

    for (size_t i = 0; SIGNS[i] != '\0'; i++) {
        (void)snprintf(words, sizeof(words), "%c quokka %c", SIGNS[i], SIGNS[i]);
        CLEANUP(response_freep)
        struct response *response = search("/v1/practices", words, "fields=slug");

        cr_expect_eq(json_array_size(response_at(response, "/data")), 2, "'%s': %.300s", words,
                     response->body);
    }
}

Test(search, every_pair_of_signs_is_answered)
{
    static const char SIGNS[] = "'\"\\|&!<>():*-%_";
    char words[16];

    for (size_t i = 0; SIGNS[i] != '\0'; i++)
        for (size_t j = 0; SIGNS[j] != '\0'; j++) {
            (void)snprintf(words, sizeof(words), "a%c%cb", SIGNS[i], SIGNS[j]);
            CLEANUP(response_freep)
            struct response *response =
                search("/v1/recommendations", words, "limit=1&highlights=true");

            cr_expect_eq(response->status, 200, "'%s': %.300s", words, response->body);
        }
}

/* ---- how long, and what is refused ---- */

static void fill(char *text, const char *character, size_t count)
{
    size_t length = strlen(character);

    for (size_t i = 0; i < count; i++)
        memcpy(text + i * length, character, length);
    text[count * length] = '\0';
}

Test(search, a_hundred_characters_are_searched_for_and_one_more_is_refused)
{
    static const char *const PATHS[] = {"/v1/practices", "/v1/search"};
    static const char *const CHARACTERS[] = {"a", "é", "ስ", "🐦"};
    char words[512];

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++)
        for (size_t j = 0; j < ARRAY_LENGTH(CHARACTERS); j++) {
            fill(words, CHARACTERS[j], 100);
            CLEANUP(response_freep)
            struct response *good = search(PATHS[i], words, "limit=1");
            fill(words, CHARACTERS[j], 101);
            CLEANUP(response_freep)
            struct response *bad = search(PATHS[i], words, "limit=1");

            cr_expect_eq(good->status, 200, "%s of %s: %.300s", CHARACTERS[j], PATHS[i],
                         good->body);
            cr_expect_eq(bad->status, 400, "%s of %s", CHARACTERS[j], PATHS[i]);
            cr_expect_str_eq(response_text_at(bad, "/errors/0/parameter"), "q");
            cr_expect_str_eq(response_text_at(bad, "/errors/0/code"), "too-long");
        }
}

Test(search, what_cannot_be_searched_is_refused_by_name)
{
    static const struct {
        const char *why;
        const char *path;
        const char *parameter;
        const char *code;
        const char *nearest; /* named in the detail; or NULL */
    } ROWS[] = {
        {"an empty q", "/v1/practices?q=", "q", "empty-value", NULL},
        {"a blank q", "/v1/practices?q=%20%20", "q", "empty-value", NULL},
        {"q twice", "/v1/practices?q=a&q=b", "q", "repeated", NULL},
        {"highlights of nothing", "/v1/practices?highlights=true", "highlights", "needs-search",
         NULL},
        {"highlights that are neither", "/v1/practices?q=a&highlights=yes", "highlights",
         "unknown-value", NULL},
        {"relevance without words", "/v1/practices?sort=relevance", "sort", "needs-search", NULL},
        {"a search without words", "/v1/search", "q", "required", NULL},
        {"an empty search", "/v1/search?q=", "q", "empty-value", NULL},
        {"a resource that is misspelt", "/v1/search?q=a&resource=practises", "resource",
         "unknown-value", "practices"},
        {"a resource among right ones", "/v1/search?q=a&resource=trainings,evnts", "resource",
         "unknown-value", "events"},
        {"no resource", "/v1/search?q=a&resource=", "resource", "unknown-value", NULL},
        {"a filter", "/v1/search?q=a&country=FR", "country", "unknown-parameter", NULL},
        {"an order", "/v1/search?q=a&sort=title", "sort", "unknown-parameter", NULL},
        {"a format", "/v1/search?q=a&format=csv", "format", "unknown-parameter", NULL},
        {"a page of nothing", "/v1/search?q=a&limit=0", "limit", "out-of-range", NULL},
        {"a page too long", "/v1/search?q=a&limit=101", "limit", "out-of-range", NULL},
        {"a language that is none", "/v1/search?q=a&lang=%23", "lang", "unknown-value", NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = http_get(ROWS[i].path);

        cr_expect_eq(response->status, 400, "%s: %d", ROWS[i].why, response->status);
        cr_expect_str_eq(response_text_at(response, "/errors/0/parameter"), ROWS[i].parameter,
                         "%s: %s", ROWS[i].why, response->body);
        cr_expect_str_eq(response_text_at(response, "/errors/0/code"), ROWS[i].code, "%s: %s",
                         ROWS[i].why, response->body);
        cr_expect(ROWS[i].nearest == NULL ||
                      strstr(response_text_at(response, "/errors/0/detail"), ROWS[i].nearest),
                  "%s: %s", ROWS[i].why, response->body);
    }
}

/* ---- order and highlights ---- */

Test(search, a_word_in_the_title_counts_more_than_in_the_summary)
{
    CLEANUP(response_freep) struct response *response = search("/v1/practices", "quokka", "");

    cr_assert_eq(json_array_size(response_at(response, "/data")), 2);
    cr_assert_str_eq(response_text_at(response, "/data/0/slug"), "search-in-title");
    cr_assert_str_eq(response_text_at(response, "/data/1/slug"), "search-in-summary");
}

Test(search, relevance_can_be_turned_round_and_mixed_with_other_keys)
{
    static const struct {
        const char *sort;
        const char *first;
    } ROWS[] = {
        {"sort=relevance", "search-in-title"},      {"sort=-relevance", "search-in-summary"},
        {"sort=title", "search-in-summary"},        {"sort=-title", "search-in-title"},
        {"sort=city,relevance", "search-in-title"}, {"sort=city,-relevance", "search-in-summary"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = search("/v1/practices", "quokka", ROWS[i].sort);

        cr_expect_str_eq(response_text_at(response, "/data/0/slug"), ROWS[i].first, "%s",
                         ROWS[i].sort);
    }
}

Test(search, highlights_mark_the_words_and_escape_all_else)
{
    static const struct {
        const char *why;
        const char *words;
        const char *pointer;
        const char *text;
    } ROWS[] = {
        {"markup of a title", "zebrafish", "/data/0/highlights/title",
         "<mark>Zebrafish</mark> &amp; &lt;b&gt;friends&lt;/b&gt;"},
        {"a script in a summary", "zebrafish", "/data/0/highlights/summary",
         "&lt;script&gt;alert(\"<mark>zebrafish</mark>\")&lt;/script&gt; A <mark>zebrafish</mark> "
         "farm; prices &lt; 5 &amp; &gt; 3, it says &amp;lt;fresh&amp;gt;."},
        {"the beginning of a word", "zebra", "/data/0/highlights/title",
         "<mark>Zebrafish</mark> &amp; &lt;b&gt;friends&lt;/b&gt;"},
        {"a word with another ending", "couturière", "/data/0/highlights/title",
         "Atelier des <mark>couturières</mark>"},
        {"a word that has only its stem in common", "calculant", "/data/0/highlights/summary",
         "Des réfugiées réparent des vêtements usés et apprennent à <mark>calculer</mark> leurs "
         "prix."},
        {"a translation, where the original has not the word", "perroquets",
         "/data/0/highlights/summary", "Les <mark>perroquets</mark> apprennent à parler."},
        {"a misspelt word", "zebrafosh friend", "/data/0/highlights/title",
         "<mark>Zebrafish</mark> &amp; &lt;b&gt;<mark>friends</mark>&lt;/b&gt;"},
        {"a script without spaces", "ስልጠ", "/data/0/highlights/title", "<mark>ስልጠና</mark> ንስደተኛታት"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = search("/v1/practices", ROWS[i].words, "highlights=true");

        cr_expect_str_eq(json_string_value(response_at(response, ROWS[i].pointer)) == NULL
                             ? ""
                             : response_text_at(response, ROWS[i].pointer),
                         ROWS[i].text, "%s: %s", ROWS[i].why, response->body);
    }
}

Test(search, highlights_leave_out_texts_without_the_words)
{
    CLEANUP(response_freep)
    struct response *response = search("/v1/practices", "quokka", "highlights=true&fields=slug");
    CLEANUP(response_freep) struct response *plain = search("/v1/practices", "quokka", "");

    cr_assert_not_null(response_at(response, "/data/0/highlights/title"));
    cr_assert_null(response_at(response, "/data/0/highlights/summary"));
    cr_assert_null(response_at(response, "/data/1/highlights/title"));
    cr_assert_null(response_at(plain, "/data/0/highlights"), "only when asked for");
}

/* ---- with filters, orders and pages ---- */

static bool is_in(const json_t *record, const char *country)
{
    return strcmp(record_text(record, "country"), country) == 0;
}

Test(search, words_and_filters_must_both_hold)
{
    CLEANUP(response_freep)
    struct response *all = search("/v1/practices", "migrants", "limit=100&count=exact");
    CLEANUP(response_freep)
    struct response *some =
        search("/v1/practices", "migrants", "limit=100&country=BE&count=exact&facets=country");
    CLEANUP(response_freep)
    struct response *others = search("/v1/practices", "migrants", "limit=100&country=not.BE");
    const json_t *record;
    json_int_t counted = -1;
    size_t expected = 0, i;

    json_array_foreach (response_at(all, "/data"), i, record)
        expected += is_in(record, "BE") ? 1 : 0;
    cr_assert(expected > 1 && expected < json_array_size(response_at(all, "/data")));
    cr_assert_eq(json_array_size(response_at(some, "/data")), expected);
    cr_assert_eq(json_integer_value(response_at(some, "/page/total")), (json_int_t)expected);
    cr_assert_eq(json_array_size(response_at(others, "/data")),
                 json_array_size(response_at(all, "/data")) - expected);
    json_array_foreach (response_at(some, "/data"), i, record)
        cr_assert(is_in(record, "BE"));
    json_array_foreach (response_at(some, "/facets/country"), i, record)
        if (strcmp(record_text(record, "value"), "BE") == 0)
            counted = json_integer_value(json_object_get(record, "count"));
    cr_assert_eq(counted, (json_int_t)expected, "facets count what is found");
}

Test(search, pages_of_a_search_show_every_match_once_in_every_order)
{
    static const char *const ORDERS[] = {"", "&sort=-relevance", "&sort=title", "&sort=-updated_at",
                                         "&sort=-city,relevance"};
    char path[256];

    for (size_t i = 0; i < ARRAY_LENGTH(ORDERS); i++) {
        (void)snprintf(path, sizeof(path), "/v1/practices?q=migrants&country=BE,FR%s", ORDERS[i]);
        json_auto_t *whole = records_walk(path, 100);
        json_auto_t *pages = records_walk(path, 7);

        cr_assert_gt(json_array_size(whole), 14);
        cr_expect(json_equal(whole, pages), "%s", path);
    }
}

/* ---- /v1/search ---- */

Test(search, the_search_of_all_resources_finds_what_each_of_them_finds)
{
    json_auto_t *found = records_walk("/v1/search?q=mentoring", 100);
    size_t expected = 0, r, i;
    const json_t *resource, *record;
    char path[128];

    json_array_foreach (records_resources(), r, resource) {
        (void)snprintf(path, sizeof(path), "/v1/%s", json_string_value(resource));
        CLEANUP(response_freep)
        struct response *response = search(path, "mentoring", "limit=100");

        expected += json_array_size(response_at(response, "/data"));
        json_array_foreach (response_at(response, "/data"), i, record) {
            const json_t *hit, *match = NULL;
            size_t j;

            json_array_foreach (found, j, hit)
                if (strcmp(record_text(hit, "id"), record_text(record, "id")) == 0)
                    match = hit;
            cr_assert_not_null(match, "%s %s", path, record_text(record, "slug"));
            cr_expect_str_eq(record_text(match, "resource"), json_string_value(resource));
            cr_expect_str_eq(record_text(match, "slug"), record_text(record, "slug"));
            cr_expect(
                json_equal(json_object_get(match, "summary"), json_object_get(record, "summary")));
            cr_expect_str_eq(record_text(json_object_get(match, "links"), "self"),
                             record_text(json_object_get(record, "links"), "self"));
        }
    }
    cr_assert_gt(expected, 10);
    cr_assert_eq(json_array_size(found), expected);
}

Test(search, matches_of_all_resources_come_best_first_on_every_page)
{
    json_auto_t *whole = records_walk("/v1/search?q=migrant%20women", 100);
    json_auto_t *pages = records_walk("/v1/search?q=migrant%20women", 3);
    const json_t *hit;
    double before = 1e9;
    size_t i;

    cr_assert_gt(json_array_size(whole), 9);
    cr_assert(json_equal(whole, pages));
    json_array_foreach (whole, i, hit) {
        double score = json_number_value(json_object_get(hit, "score"));

        cr_assert(score <= before && score >= 0, "%zu: %g after %g", i, score, before);
        before = score;
    }
}

Test(search, the_search_can_be_held_to_some_resources)
{
    json_auto_t *trainings = records_walk("/v1/search?q=quokka&resource=trainings", 10);
    json_auto_t *practices = records_walk("/v1/search?q=quokka&resource=practices", 10);
    json_auto_t *both = records_walk("/v1/search?q=quokka&resource=trainings,practices", 10);
    json_auto_t *twice = records_walk("/v1/search?q=quokka&resource=trainings,trainings", 10);
    json_auto_t *events = records_walk("/v1/search?q=quokka&resource=events", 10);

    cr_assert_eq(json_array_size(trainings), 1);
    cr_assert_eq(json_array_size(practices), 2);
    cr_assert_eq(json_array_size(both), 3);
    cr_assert(json_equal(trainings, twice));
    cr_assert_eq(json_array_size(events), 0);
}

Test(search, the_search_of_all_resources_corrects_and_highlights)
{
    CLEANUP(response_freep)
    struct response *response = search("/v1/search", "quokak", "highlights=true");

    cr_assert_str_eq(response_text_at(response, "/meta/search/corrected"), "quokka");
    cr_assert_eq(json_array_size(response_at(response, "/data")), 3);
    cr_assert_not_null(
        strstr(response_text_at(response, "/data/0/highlights/title"), "<mark>Quokka</mark>"));
}

Test(search, a_translation_is_found_and_shown_in_its_language)
{
    CLEANUP(response_freep)
    struct response *plain = search("/v1/search", "Papageienschule", "");
    CLEANUP(response_freep)
    struct response *german = search("/v1/search", "Papageienschule", "lang=de&highlights=true");

    cr_assert_str_eq(response_text_at(plain, "/data/0/title"), "School of birds");
    cr_assert_gt(json_number_value(response_at(plain, "/data/0/score")), 0,
                 "a translated title counts");
    cr_assert_str_eq(response_text_at(german, "/data/0/title"), "Papageienschule");
    cr_assert_str_eq(response_text_at(german, "/data/0/highlights/title"),
                     "<mark>Papageienschule</mark>");
}

Test(search, cursors_belong_to_their_search)
{
    CLEANUP(response_freep)
    struct response *first = search("/v1/search", "migrants", "limit=2");
    char path[1024];
    struct text text;
    const char *next = response_text_at(first, "/page/next");
    static const struct {
        const char *why;
        const char *query;
        int status;
    } ROWS[] = {
        {"the same", "q=migrants&limit=2", 200},
        {"another limit", "q=migrants&limit=5", 200},
        {"another language", "q=migrants&limit=2&lang=fr", 200},
        {"other words", "q=migrant&limit=2", 400},
        {"other resources", "q=migrants&limit=2&resource=practices", 400},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        (void)snprintf(path, sizeof(path), "/v1/search?%s&cursor=%s", ROWS[i].query, next);
        CLEANUP(response_freep) struct response *response = http_get(path);

        cr_expect_eq(response->status, ROWS[i].status, "%s: %s", ROWS[i].why, response->body);
        if (response->status == 400)
            cr_expect_str_eq(response_text_at(response, "/type"), "/problems/invalid-cursor");
    }
    (void)snprintf(path, sizeof(path), "/v1/practices?q=migrants&cursor=%s", next);
    CLEANUP(response_freep) struct response *of_list = http_get(path);
    cr_expect_eq(of_list->status, 400, "the cursor of a search is none of a list");

    text_init(&text, PATH_BYTES_MAX);
    text_append_format(&text, "/v1/search?q=migrants&cursor=%s", next);
    text.bytes[text.length - 1] = text.bytes[text.length - 1] == 'A' ? 'B' : 'A';
    CLEANUP(response_freep) struct response *tampered = http_get(text.bytes);
    cr_expect_eq(tampered->status, 400, "a changed cursor");
    text_deinit(&text);
}
