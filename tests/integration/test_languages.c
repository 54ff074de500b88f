/* Texts in the languages that a reader asks for, one by one, and what says which they are. */
#include "support/http.h"
#include "support/leaks.h"
#include "support/records.h"

#include <stdio.h>
#include <string.h>

#define PATH_BYTES 512
#define LINE_BYTES 512

RECORDS_BEFORE_TESTS("languages", "EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(languages, .init = records_ready, .fini = test_ends_without_leaks, .timeout = 120);

#define ENGLISH "House of tools"
#define FRENCH "Maison des outils"
#define CANADIAN "Maison à outils"
#define GERMAN "Haus der Werkzeuge"
#define PORTUGUESE "Casa das ferramentas"
#define BRAZILIAN "Casa de ferramentas"
#define ARABIC "بيت \"الأدوات\""
#define SUMMARY "Tools are lent for a day."
#define SUMMARY_FRENCH "Des outils sont prêtés pour un jour."
#define SUMMARY_DUTCH "Gereedschap wordt een dag lang geleend."

static struct response *ask(const char *path, const char *accepted)
{
    char line[LINE_BYTES];

    if (accepted == NULL)
        return http_get(path);
    (void)snprintf(line, sizeof(line),
                   accepted[0] == '\0' ? "Accept-Language;" : "Accept-Language: %s", accepted);
    return http_send("GET", path, (const char *const[]){line, NULL}, NULL, 0);
}

/* @languages: of title and summary where they are translated; NULL: the original. */
struct shown {
    const char *why;
    const char *lang;     /* of lang=, or NULL */
    const char *accepted; /* Accept-Language, or NULL */
    const char *title;
    const char *summary;
    const char *title_language;
    const char *summary_language;
    const char *content_language;
};

static const struct shown SHOWN[] = {
    {"nothing asked for", NULL, NULL, ENGLISH, SUMMARY, NULL, NULL, "en"},
    {"the header", NULL, "fr", FRENCH, SUMMARY_FRENCH, "fr", "fr", "fr, en"},
    {"the parameter", "fr", NULL, FRENCH, SUMMARY_FRENCH, "fr", "fr", "fr, en"},
    {"the parameter goes before the header", "de", "fr", GERMAN, SUMMARY, "de", NULL, "de, en"},
    {"the parameter for the original goes before the header", "en", "fr", ENGLISH, SUMMARY, NULL,
     NULL, "en"},
    {"the higher quality first", NULL, "de;q=0.5, fr;q=0.9", FRENCH, SUMMARY_FRENCH, "fr", "fr",
     "fr, en"},
    {"the first of two with the same quality", NULL, "de, fr", GERMAN, SUMMARY_FRENCH, "de", "fr",
     "de, fr, en"},
    {"a quality of 0 is no wish", NULL, "fr;q=0, de;q=0.1", GERMAN, SUMMARY, "de", NULL, "de, en"},
    {"the original wanted less than a translation", NULL, "en;q=0.4, fr;q=0.6", FRENCH,
     SUMMARY_FRENCH, "fr", "fr", "fr, en"},
    {"the original wanted more than a translation", NULL, "en;q=0.8, fr;q=0.6", ENGLISH, SUMMARY,
     NULL, NULL, "en"},
    {"text by text along the chain", "nl,de,fr", NULL, GERMAN, SUMMARY_DUTCH, "de", "nl",
     "de, nl, en"},
    {"the chain of the header", NULL, "nl, de;q=0.9, fr;q=0.8", GERMAN, SUMMARY_DUTCH, "de", "nl",
     "de, nl, en"},
    {"the original within the chain", "nl,en,fr", NULL, ENGLISH, SUMMARY_DUTCH, NULL, "nl",
     "en, nl"},
    {"a region falls to the language", "fr-BE", NULL, FRENCH, SUMMARY_FRENCH, "fr", "fr", "fr, en"},
    {"a region of the header falls to the language", NULL, "fr-BE,fr;q=0.5", FRENCH, SUMMARY_FRENCH,
     "fr", "fr", "fr, en"},
    {"a region that there is", "fr-CA", NULL, CANADIAN, SUMMARY_FRENCH, "fr-CA", "fr",
     "fr-CA, fr, en"},
    {"the region that was asked for, not the first", "pt-BR", NULL, BRAZILIAN, SUMMARY, "pt-BR",
     NULL, "pt-BR, en"},
    {"the other region", "pt-PT", NULL, PORTUGUESE, SUMMARY, "pt-PT", NULL, "pt-PT, en"},
    {"a language takes one of its regions", "pt", NULL, PORTUGUESE, SUMMARY, "pt-PT", NULL,
     "pt-PT, en"},
    {"a third region takes a kin", "pt-AO", NULL, PORTUGUESE, SUMMARY, "pt-PT", NULL, "pt-PT, en"},
    {"a region of the original is the original", "en-GB,fr", NULL, ENGLISH, SUMMARY, NULL, NULL,
     "en"},
    {"tags have no case", "FR-be", NULL, FRENCH, SUMMARY_FRENCH, "fr", "fr", "fr, en"},
    {"tags of the header have no case", NULL, "PT-br", BRAZILIAN, SUMMARY, "pt-BR", NULL,
     "pt-BR, en"},
    {"a text that needs escapes", "ar", NULL, ARABIC, SUMMARY, "ar", NULL, "ar, en"},
    {"a language that there is not", "fi", NULL, ENGLISH, SUMMARY, NULL, NULL, "en"},
    {"a language that begins like another", "fro", NULL, ENGLISH, SUMMARY, NULL, NULL, "en"},
    {"any language", NULL, "*", ENGLISH, SUMMARY, NULL, NULL, "en"},
    {"one language, then any", NULL, "de, *;q=0.1", GERMAN, SUMMARY, "de", NULL, "de, en"},
    {"an empty header", NULL, "", ENGLISH, SUMMARY, NULL, NULL, "en"},
    {"garbage", NULL, "@@@, ;;;q=, (fr)", ENGLISH, SUMMARY, NULL, NULL, "en"},
    {"garbage around a wish", NULL, "@@@;q=1, fr;q=0.5, ,,", FRENCH, SUMMARY_FRENCH, "fr", "fr",
     "fr, en"},
    {"bytes that are no text", NULL, "fr\xff\xfe", ENGLISH, SUMMARY, NULL, NULL, "en"},
};

static void check_text(const struct shown *shown, struct response *response, const char *pointer,
                       const char *expected)
{
    const char *given = json_string_value(response_at(response, pointer));

    cr_expect_str_eq(given == NULL ? "" : given, expected == NULL ? "" : expected,
                     "%s: %s is '%s', not '%s'", shown->why, pointer, given == NULL ? "" : given,
                     expected == NULL ? "" : expected);
}

Test(languages, texts_come_one_by_one_in_the_language_wanted_most)
{
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(SHOWN); i++) {
        const struct shown *shown = &SHOWN[i];

        (void)snprintf(path, sizeof(path), "/v1/practices/languages-many%s%s",
                       shown->lang == NULL ? "" : "?lang=", shown->lang == NULL ? "" : shown->lang);
        CLEANUP(response_freep) struct response *response = ask(path, shown->accepted);
        const char *languages = response_header(response, "Content-Language");

        if (response->status == 400 && shown->accepted != NULL && strchr(shown->accepted, '\xff'))
            continue; /* a header that is no text may be refused as a whole */
        cr_assert_eq(response->status, 200, "%s: %.300s", shown->why, response->body);
        check_text(shown, response, "/title", shown->title);
        check_text(shown, response, "/summary", shown->summary);
        check_text(shown, response, "/meta/languages/title", shown->title_language);
        check_text(shown, response, "/meta/languages/summary", shown->summary_language);
        cr_expect_null(response_at(response, "/meta/languages/description"), "%s", shown->why);
        cr_expect_str_eq(response_text_at(response, "/language"), "en", "%s", shown->why);
        cr_expect_null(response_at(response, "/translations"), "%s", shown->why);
        cr_expect_str_eq(languages == NULL ? "" : languages, shown->content_language,
                         "%s: Content-Language is '%s'", shown->why,
                         languages == NULL ? "" : languages);
        cr_expect_not_null(strstr(response_header(response, "Vary"), "Accept-Language"), "%s",
                           shown->why);
    }
}

Test(languages, records_of_lists_and_batches_are_shown_as_the_record_is)
{
    char path[PATH_BYTES], line[LINE_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(SHOWN); i++) {
        const struct shown *shown = &SHOWN[i];
        const char *const separator = shown->lang == NULL ? "" : "lang=";
        const char *const lang = shown->lang == NULL ? "" : shown->lang;

        if (shown->accepted != NULL && strchr(shown->accepted, '\xff') != NULL)
            continue;
        (void)snprintf(path, sizeof(path), "/v1/practices/languages-many?fields=title,summary&%s%s",
                       separator, lang);
        CLEANUP(response_freep) struct response *record = ask(path, shown->accepted);
        (void)snprintf(path, sizeof(path),
                       "/v1/practices?q=tools%%20lent&country=IS&fields=title,summary&%s%s",
                       separator, lang);
        CLEANUP(response_freep) struct response *list = ask(path, shown->accepted);
        json_auto_t *body = json_pack("{s:[s]}", "ids", response_text_at(record, "/id"));
        char *text = json_dumps(body, 0);

        (void)snprintf(path, sizeof(path), "/v1/practices/batch-get?fields=title,summary&%s%s",
                       separator, lang);
        (void)snprintf(line, sizeof(line), "Accept-Language: %s",
                       shown->accepted == NULL ? "*" : shown->accepted);
        CLEANUP(response_freep)
        struct response *batch = http_send(
            "POST", path, (const char *const[]){"Content-Type: application/json", line, NULL}, text,
            strlen(text));

        free(text);
        cr_expect(json_equal(response_at(list, "/data/0"), response_json(record)), "%s: %s",
                  shown->why, list->body);
        cr_expect(json_equal(response_at(batch, "/data/0"), response_json(record)), "%s: %s",
                  shown->why, batch->body);
    }
}

Test(languages, a_record_without_translations_is_the_same_in_every_language)
{
    CLEANUP(response_freep) struct response *plain = http_get("/v1/practices/languages-plain");
    CLEANUP(response_freep)
    struct response *french = http_get("/v1/practices/languages-plain?lang=fr");
    CLEANUP(response_freep)
    struct response *all = http_get("/v1/practices/languages-plain?lang=all");

    cr_assert_str_eq(plain->body, french->body);
    cr_assert_str_eq(plain->body, all->body);
    cr_assert_str_eq(response_header(plain, "ETag"), response_header(french, "ETag"));
    cr_assert_str_eq(response_header(french, "Content-Language"), "en");
}

Test(languages, each_language_of_a_record_has_an_etag_of_its_own)
{
    static const char *const QUERIES[] = {"", "?lang=fr", "?lang=de", "?lang=all"};
    char path[PATH_BYTES], etags[ARRAY_LENGTH(QUERIES)][80], line[LINE_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(QUERIES); i++) {
        (void)snprintf(path, sizeof(path), "/v1/practices/languages-many%s", QUERIES[i]);
        CLEANUP(response_freep) struct response *response = http_get(path);

        (void)snprintf(etags[i], sizeof(etags[i]), "%s", response_header(response, "ETag"));
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(etags[i], etags[j], "'%s' and '%s'", QUERIES[i], QUERIES[j]);
        (void)snprintf(line, sizeof(line), "If-None-Match: %s", etags[i]);
        CLEANUP(response_freep)
        struct response *again = http_send("GET", path, (const char *const[]){line, NULL}, NULL, 0);
        cr_expect_eq(again->status, 304, "%s", path);
    }
    (void)snprintf(line, sizeof(line), "If-None-Match: %s", etags[0]);
    CLEANUP(response_freep)
    struct response *other =
        http_send("GET", "/v1/practices/languages-many",
                  (const char *const[]){line, "Accept-Language: fr", NULL}, NULL, 0);
    cr_assert_eq(other->status, 200, "the copy is in another language");
}

Test(languages, all_languages_come_with_their_origin_beside_the_original)
{
    static const struct {
        const char *language;
        const char *property;
        const char *text;
        const char *origin;
    } EXPECTED[] = {
        {"pt-PT", "title", PORTUGUESE, "author"},      {"fr", "title", FRENCH, "author"},
        {"fr", "summary", SUMMARY_FRENCH, "reviewed"}, {"de", "title", GERMAN, "machine"},
        {"pt-BR", "title", BRAZILIAN, "machine"},      {"nl", "summary", SUMMARY_DUTCH, "machine"},
        {"fr-CA", "title", CANADIAN, "author"},        {"ar", "title", ARABIC, "machine"},
    };
    CLEANUP(response_freep)
    struct response *record = http_get("/v1/practices/languages-many?lang=all");
    CLEANUP(response_freep)
    struct response *list = http_get("/v1/practices?q=tools%20lent&country=IS&lang=all");
    CLEANUP(response_freep)
    struct response *ignored = ask("/v1/practices/languages-many?lang=all", "fr");
    const json_t *translations = response_at(record, "/translations");

    cr_assert_str_eq(response_text_at(record, "/title"), ENGLISH);
    cr_assert_str_eq(response_header(record, "Content-Language"), "en");
    cr_assert_null(response_at(record, "/meta"));
    cr_assert_eq(json_array_size(translations), ARRAY_LENGTH(EXPECTED));
    for (size_t i = 0; i < ARRAY_LENGTH(EXPECTED); i++) {
        const json_t *translation = json_array_get(translations, i);

        cr_expect_str_eq(record_text(translation, "language"), EXPECTED[i].language);
        cr_expect_str_eq(record_text(translation, "property"), EXPECTED[i].property);
        cr_expect_str_eq(record_text(translation, "text"), EXPECTED[i].text);
        cr_expect_str_eq(record_text(translation, "origin"), EXPECTED[i].origin);
    }
    cr_assert(json_equal(response_at(list, "/data/0/translations"), translations));
    cr_assert_str_eq(ignored->body, record->body, "the parameter goes before the header");
}

Test(languages, a_list_mixes_languages_and_says_so)
{
    CLEANUP(response_freep)
    struct response *list = http_get("/v1/practices?country=IS&sort=slug&lang=fr");
    static const struct {
        const char *slug;
        const char *title;
        const char *language; /* in meta; NULL: the original */
    } EXPECTED[] = {
        {"languages-french", "Cuisine de rue", NULL},
        {"languages-german", "Garten der Nachbarn", NULL},
        {"languages-many", FRENCH, "fr"},
        {"languages-plain", "Bicycles for all", NULL},
    };
    const char *languages = response_header(list, "Content-Language");

    cr_assert_eq(json_array_size(response_at(list, "/data")), ARRAY_LENGTH(EXPECTED));
    for (size_t i = 0; i < ARRAY_LENGTH(EXPECTED); i++) {
        const json_t *record = json_array_get(response_at(list, "/data"), i);
        const json_t *meta = json_object_get(json_object_get(record, "meta"), "languages");

        cr_expect_str_eq(record_text(record, "slug"), EXPECTED[i].slug);
        cr_expect_str_eq(record_text(record, "title"), EXPECTED[i].title);
        cr_expect_str_eq(record_text(meta, "title"),
                         EXPECTED[i].language == NULL ? "" : EXPECTED[i].language);
    }
    cr_assert_eq(strncmp(languages, "fr", 2), 0, "the most frequent first: %s", languages);
    cr_assert_not_null(strstr(languages, "de"));
    cr_assert_not_null(strstr(languages, "en"));
    cr_assert_not_null(strstr(response_header(list, "Vary"), "Accept-Language"));
}

Test(languages, every_format_speaks_the_language)
{
    CLEANUP(response_freep)
    struct response *lines = http_get("/v1/practices?country=IS&format=ndjson&lang=fr");
    CLEANUP(response_freep)
    struct response *table = ask("/v1/practices?country=IS&format=csv&sort=slug", "fr");
    CLEANUP(response_freep)
    struct response *map = http_get("/v1/practices?country=IS&format=geojson&sort=slug&lang=de");

    cr_assert_not_null(strstr(lines->body, "\"title\":\"" FRENCH "\""));
    cr_assert_not_null(strstr(table->body, "," FRENCH ","));
    cr_assert_str_eq(response_text_at(map, "/features/2/properties/title"), GERMAN);
    cr_assert_not_null(strstr(response_header(lines, "Vary"), "Accept-Language"));
    cr_assert_not_null(strstr(response_header(table, "Vary"), "Accept-Language"));
}

Test(languages, what_is_shown_decides_the_languages_told)
{
    CLEANUP(response_freep)
    struct response *title = http_get("/v1/practices/languages-many?lang=fr&fields=title");
    CLEANUP(response_freep)
    struct response *both = http_get("/v1/practices/languages-many?lang=fr&fields=description");

    cr_assert_str_eq(response_header(title, "Content-Language"), "fr");
    cr_assert_str_eq(response_header(both, "Content-Language"), "fr, en");
    cr_assert_null(response_at(title, "/meta/languages/summary"));
}

Test(languages, embedded_records_are_translated_too)
{
    CLEANUP(response_freep)
    struct response *target =
        http_get("/v1/practices/languages-many?lang=fr&include=organisations");
    CLEANUP(response_freep)
    struct response *referrer =
        http_get("/v1/organisations/languages-owner?lang=de&include=practices");

    cr_assert_str_eq(response_text_at(target, "/organisations/0/name"), "Société des prêteurs");
    cr_assert_str_eq(response_text_at(target, "/organisations/0/meta/languages/name"), "fr");
    cr_assert_str_eq(response_text_at(referrer, "/name"), "Society of lenders");
    cr_assert_str_eq(response_text_at(referrer, "/practices/0/title"), GERMAN);
}

Test(languages, words_are_found_in_every_language_and_shown_in_the_one_wanted)
{
    static const struct {
        const char *words;
        const char *lang;
        const char *title;
    } ROWS[] = {
        {"Werkzeuge", "de", GERMAN},
        {"Werkzeug", "fr", FRENCH},
        {"outil", "en", ENGLISH},
        {"geleend", "nl", ENGLISH},
        {"ferramenta", "pt-BR", BRAZILIAN},
        {"tools", "ar", ARABIC},
        {"Werkzeuge%20tools", "de", GERMAN},
    };
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        (void)snprintf(path, sizeof(path), "/v1/practices?country=IS&q=%s&lang=%s", ROWS[i].words,
                       ROWS[i].lang);
        CLEANUP(response_freep) struct response *list = http_get(path);

        cr_expect_eq(json_array_size(response_at(list, "/data")), 1, "%s: %.300s", path,
                     list->body);
        cr_expect_str_eq(record_text(response_at(list, "/data/0"), "title"), ROWS[i].title, "%s",
                         path);
    }
}

Test(languages, a_language_that_is_none_is_refused)
{
    static const char *const QUERIES[] = {
        "lang=",       "lang=e",   "lang=english",      "lang=%2A",
        "lang=fr,,de", "lang=fr,", "lang=fr;q=0.5",     "lang=fr_BE",
        "lang=fr-",    "lang=-fr", "lang=f%20r",        "lang=fr&lang=de",
        "lang=fr-B",   "lang=12",  "lang=fr-abcdefghi", "lang=aa,bb,cc,dd,ee,ff,gg,hh,ii,jj,kk",
    };
    static const char *const PATHS[] = {"/v1/practices/languages-many", "/v1/practices",
                                        "/v1/search?q=tools"};
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(QUERIES); i++)
        for (size_t j = 0; j < ARRAY_LENGTH(PATHS); j++) {
            (void)snprintf(path, sizeof(path), "%s%c%s", PATHS[j],
                           strchr(PATHS[j], '?') == NULL ? '?' : '&', QUERIES[i]);
            CLEANUP(response_freep) struct response *response = http_get(path);

            cr_expect_eq(response->status, 400, "%s: %d", path, response->status);
            if (response->status == 400)
                cr_expect_str_eq(response_text_at(response, "/errors/0/parameter"), "lang", "%s",
                                 path);
        }
}

Test(languages, the_original_may_be_any_language)
{
    CLEANUP(response_freep) struct response *plain = http_get("/v1/practices/languages-german");
    CLEANUP(response_freep) struct response *english = ask("/v1/practices/languages-german", "en");
    CLEANUP(response_freep)
    struct response *german = ask("/v1/practices/languages-german", "de,en");

    cr_assert_str_eq(response_text_at(plain, "/title"), "Garten der Nachbarn");
    cr_assert_str_eq(response_header(plain, "Content-Language"), "de");
    cr_assert_str_eq(response_text_at(english, "/title"), "Garden of neighbours");
    cr_assert_str_eq(response_text_at(english, "/summary"), "Ein Garten für alle.");
    cr_assert_str_eq(response_header(english, "Content-Language"), "en, de");
    cr_assert_str_eq(response_text_at(german, "/title"), "Garten der Nachbarn");
}
