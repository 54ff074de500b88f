/*
 * Pages: how far they go and how they are led to, cursors that were tampered with, lists that
 * change while they are read; and what comes beside a page: totals, facets, missing ids.
 */
#include "base/text.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/samples.h"
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_BYTES_MAX (64 * 1024)
#define FACET_VALUES_MAX 100 /* that one facet shows */

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0", "EXPRESS_SECRET=a secret of some length for tests")
SERVER_AFTER_TESTS()

TestSuite(pages, .init = sample_import_once, .fini = test_ends_without_leaks, .timeout = 120);

static struct response *get_page(const char *path, const char *query)
{
    struct response *response;
    struct text address;

    text_init(&address, QUERY_BYTES_MAX);
    text_append_format(&address, "%s?%s", path, query);
    response = http_get(address.bytes);
    if (response->status != 200)
        cr_assert_fail("%s answers %d: %s", address.bytes, response->status, response->body);
    text_deinit(&address);
    return response;
}

static json_t *ids_on(struct response *response)
{
    const json_t *data = response_at(response, "/data"), *record;
    json_t *ids = json_array();
    size_t i;

    json_array_foreach (data, i, record)
        list_must(json_array_append(ids, json_object_get(record, "id")) == 0);
    return ids;
}

static void expect_same_ids(const json_t *ids, const json_t *expected, const char *why)
{
    cr_assert_eq(json_array_size(ids), json_array_size(expected), "%s: %zu records of %zu", why,
                 json_array_size(ids), json_array_size(expected));
    cr_assert(json_equal(ids, expected), "%s", why);
}

/* --- limits ----------------------------------------------------------------------------------- */

Test(pages, a_page_has_as_many_records_as_its_limit_from_1_to_100)
{
    json_auto_t *all = list_ids("/v1/practices", "", 100);

    for (unsigned limit = 1; limit <= 100; limit++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char query[64];

        (void)snprintf(query, sizeof(query), "fields=slug&limit=%u", limit);
        response = get_page("/v1/practices", query);
        cr_assert_eq(json_array_size(response_at(response, "/data")), limit);
        cr_assert_eq(json_integer_value(response_at(response, "/page/limit")), limit);
        cr_assert(json_is_string(response_at(response, "/page/next")));
        cr_assert(json_is_null(response_at(response, "/page/previous")));
    }
    cr_assert_gt(json_array_size(all), 100);
}

Test(pages, a_page_without_a_limit_has_20_records)
{
    CLEANUP(response_freep) struct response *response = get_page("/v1/practices", "fields=slug");

    cr_assert_eq(json_array_size(response_at(response, "/data")), 20);
    cr_assert_eq(json_integer_value(response_at(response, "/page/limit")), 20);
}

/* Checks V14. */
Test(pages, any_other_limit_is_refused)
{
    static const struct {
        const char *limit, *why;
    } ROWS[] = {
        {"0", "no records"},
        {"-1", "less than none"},
        {"101", "more than a page holds"},
        {"4294967297", "1, modulo 2 to the 32"},
        {"99999999999999999999999999", "more than any number has"},
        {"10abc", "letters behind"},
        {"abc", "letters"},
        {"%2B10", "a sign"},
        {"+10", "a plus, which is a space"},
        {"%2010", "a space before"},
        {"10%20", "a space behind"},
        {"10%0A", "a line end behind"},
        {"1e1", "an exponent"},
        {"0x10", "hexadecimal"},
        {"10.0", "a fraction"},
        {"10,20", "two"},
        {"%D9%A1%D9%A0", "Arabic digits"},
        {"", "nothing"},
        {"10&limit=10", "twice"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char path[128];

        (void)snprintf(path, sizeof(path), "/v1/practices?limit=%s", ROWS[i].limit);
        response = http_get(path);
        cr_assert_eq(response->status, 400, "%s: %d", ROWS[i].why, response->status);
        cr_assert_str_eq(response_text_at(response, "/type"), "/problems/invalid-parameter", "%s",
                         ROWS[i].why);
        cr_assert_str_eq(response_text_at(response, "/errors/0/parameter"), "limit", "%s",
                         ROWS[i].why);
    }
}

/* --- there and back -----------------------------------------------------------------------------
 */

Test(pages, every_list_ends_forward_and_backward_with_the_same_records)
{
    static const unsigned LIMITS[] = {1, 7, 33};
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        char path[128];
        json_auto_t *whole = NULL;

        (void)snprintf(path, sizeof(path), "/v1/%s", contract_resource(contract, i)->path);
        whole = list_ids(path, "", 100);
        for (size_t j = 0; j < ARRAY_LENGTH(LIMITS); j++) {
            json_auto_t *forward = NULL, *backward = NULL;

            if (LIMITS[j] == 1 && json_array_size(whole) > 60)
                continue;
            forward = list_ids(path, "", LIMITS[j]);
            backward = list_ids_backward(path, "", LIMITS[j]);
            expect_same_ids(forward, whole, path);
            expect_same_ids(backward, whole, path);
        }
    }
}

Test(pages, pages_of_searches_places_and_related_records_hang_together)
{
    static const struct {
        const char *path, *query, *why;
    } ROWS[] = {
        {"/v1/practices", "q=migrants", "by relevance"},
        {"/v1/practices", "q=migrants&sort=title", "a search in another order"},
        {"/v1/practices", "near=50.85,4.35", "by distance"},
        {"/v1/practices", "near=50.85,4.35&radius_km=500&sort=-distance", "from far to near"},
        {"/v1/practices", "bbox=-10,35,30,60&sort=city,title", "in a box"},
        {"/v1/projects/express/practices", "", "related"},
        {"/v1/organisations", "country=BE,FR&sort=name", "filtered"},
        {"/v1/organisations", "country=BE", "one term, newest first"},
        {"/v1/practices", "country=BE&value_chain_steps=training", "a term and a country"},
        {"/v1/practices", "country=BE&sort=updated_at", "one term, oldest first"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *whole = NULL, *forward = NULL, *backward = NULL;

        /* An order by what the list does not offer, or a list that is not there, proves nothing. */
        whole = list_ids(ROWS[i].path, ROWS[i].query, 100);
        cr_assert_gt(json_array_size(whole), 5, "%s: %zu records", ROWS[i].why,
                     json_array_size(whole));
        forward = list_ids(ROWS[i].path, ROWS[i].query, 2);
        backward = list_ids_backward(ROWS[i].path, ROWS[i].query, 2);
        expect_same_ids(forward, whole, ROWS[i].why);
        expect_same_ids(backward, whole, ROWS[i].why);
    }
}

/* --- links --------------------------------------------------------------------------------------
 */

/* The path and query of a link of the Link header, owned; NULL when there is none. */
static char *link_of(const struct response *response, const char *relation)
{
    const char *header = response_header(response, "Link"), *at, *start, *end;
    char wanted[64];

    (void)snprintf(wanted, sizeof(wanted), ">; rel=\"%s\"", relation);
    at = header == NULL ? NULL : strstr(header, wanted);
    if (at == NULL)
        return NULL;
    for (start = at; start > header && *start != '<'; start--)
        ;
    end = at;
    start = strstr(start, "/v1/");
    cr_assert(start != NULL && start < end, "no path in %s", header);
    return strndup(start, (size_t)(end - start));
}

/* The parameters but cursor, in a canonical order of their own: as the server listed them. */
static char *without_cursor(const char *address)
{
    const char *at = strchr(address, '?');
    struct text rest;
    size_t length;
    char *result;

    text_init(&rest, QUERY_BYTES_MAX);
    for (at = at == NULL ? "" : at + 1; *at != '\0'; at += length + (at[length] == '&')) {
        length = strcspn(at, "&");
        if (strncmp(at, "cursor=", 7) == 0)
            continue;
        text_append_char(&rest, '&');
        text_append_bytes(&rest, at, length);
    }
    result = text_steal(&rest, &length);
    list_must(result != NULL);
    return result;
}

/* Follows a relation of the Link header to its end; every link keeps the parameters. */
static json_t *follow(const char *address, const char *relation, const char *parameters,
                      char **ret_last)
{
    json_t *pages = json_array();
    char *next = strdup(address);

    *ret_last = NULL;
    while (next != NULL) {
        CLEANUP(response_freep) struct response *response = http_get(next);
        static const char *const RELATIONS[] = {"self", "first", "next", "prev"};

        cr_assert_eq(response->status, 200, "%s answers %d: %s", next, response->status,
                     response->body);
        list_must(json_array_append_new(pages, ids_on(response)) == 0);
        for (size_t i = 0; i < ARRAY_LENGTH(RELATIONS); i++) {
            char *link = link_of(response, RELATIONS[i]);
            char *kept = link == NULL ? NULL : without_cursor(link);

            if (i < 2)
                cr_assert_not_null(link, "%s has no link %s", next, RELATIONS[i]);
            if (i == 1)
                cr_assert_null(strstr(link, "cursor="), "the first page needs no cursor");
            if (i == 2)
                cr_assert_eq(link == NULL, json_is_null(response_at(response, "/page/next")));
            if (i == 3)
                cr_assert_eq(link == NULL, json_is_null(response_at(response, "/page/previous")));
            if (kept != NULL)
                cr_assert_str_eq(kept, parameters, "%s of %s", RELATIONS[i], next);
            free(link);
            free(kept);
        }
        free(*ret_last);
        *ret_last = next;
        next = link_of(response, relation);
    }
    return pages;
}

Test(pages, links_lead_through_all_pages_and_keep_every_parameter)
{
    static const struct {
        const char *path, *query, *kept, *why;
    } ROWS[] = {
        {"/v1/practices", "limit=9&country=BE,FR&sort=-title&fields=title,country&count=exact",
         "&limit=9&country=BE%2CFR&sort=-title&fields=title%2Ccountry&count=exact", "plain ones"},
        {"/v1/practices", "title=not.a%5C%2C+b%26c%3D%C3%A9&limit=40&fields=slug",
         "&title=not.a%5C%2C%20b%26c%3D%C3%A9&limit=40&fields=slug", "characters to encode"},
        {"/v1/practices", "target_groups=migrants&target_groups=not.refugees&limit=5&fields=slug",
         "&target_groups=migrants&target_groups=not.refugees&limit=5&fields=slug",
         "a parameter twice"},
        {"/v1/practices", "q=migrants&highlights=true&lang=fr&facets=country&limit=11",
         "&q=migrants&highlights=true&lang=fr&facets=country&limit=11", "a search"},
        {"/v1/projects/express/practices", "limit=3&fields=slug", "&limit=3&fields=slug",
         "a related list"},
        {"/v1/practices", "near=50.85,4.35&radius_km=900&limit=13&fields=slug",
         "&near=50.85%2C4.35&radius_km=900&limit=13&fields=slug", "a place"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct text address;
        json_auto_t *forward = NULL, *backward = NULL;
        char *last, *first;

        text_init(&address, QUERY_BYTES_MAX);
        text_append_format(&address, "%s?%s", ROWS[i].path, ROWS[i].query);
        forward = follow(address.bytes, "next", ROWS[i].kept, &last);
        cr_assert_gt(json_array_size(forward), 1, "%s: one page", ROWS[i].why);
        backward = follow(last, "prev", ROWS[i].kept, &first);
        cr_assert_eq(json_array_size(forward), json_array_size(backward), "%s", ROWS[i].why);
        for (size_t page = 0; page < json_array_size(forward); page++)
            cr_assert(json_equal(json_array_get(forward, page),
                                 json_array_get(backward, json_array_size(backward) - 1 - page)),
                      "%s: page %zu", ROWS[i].why, page);
        free(last);
        free(first);
        text_deinit(&address);
    }
}

Test(pages, links_keep_the_longest_queries)
{
    json_auto_t *all = list_ids("/v1/organisations", "", 100);
    json_auto_t *forward = NULL, *ids = json_array();
    struct text address, kept;
    char *last;

    text_init(&address, QUERY_BYTES_MAX);
    text_init(&kept, QUERY_BYTES_MAX);
    text_append(&address, "/v1/organisations?limit=30&fields=slug&ids=");
    text_append(&kept, "&limit=30&fields=slug&ids=");
    for (size_t i = 0; i < 100; i++) {
        const json_t *id = json_array_get(all, i);

        text_append_format(&address, "%s%s", i == 0 ? "" : ",", json_string_value(id));
        text_append_format(&kept, "%s%s", i == 0 ? "" : "%2C", json_string_value(id));
    }
    forward = follow(address.bytes, "next", kept.bytes, &last);
    cr_assert_eq(json_array_size(forward), 4);
    for (size_t i = 0; i < json_array_size(forward); i++)
        list_must(json_array_extend(ids, json_array_get(forward, i)) == 0);
    cr_assert_eq(json_array_size(ids), 100);
    free(last);
    text_deinit(&address);
    text_deinit(&kept);
}

/* --- cursors -------------------------------------------------------------------------------------
 */

static char *cursor_of(const char *path, const char *query)
{
    CLEANUP(response_freep) struct response *response = get_page(path, query);

    return strdup(response_text_at(response, "/page/next"));
}

static void expect_cursor_refused(const char *path, const char *query, const char *cursor,
                                  const char *why)
{
    CLEANUP(response_freep) struct response *response = NULL;
    struct text address;

    text_init(&address, QUERY_BYTES_MAX);
    text_append_format(&address, "%s?%s%scursor=%s", path, query, query[0] == '\0' ? "" : "&",
                       cursor);
    response = http_get(address.bytes);
    cr_assert_eq(response->status, 400, "%s answers %d", why, response->status);
    cr_assert_str_eq(response_text_at(response, "/type"), "/problems/invalid-cursor", "%s", why);
    cr_assert_str_eq(response_text_at(response, "/errors/0/parameter"), "cursor", "%s", why);
    cr_assert_str_eq(response_text_at(response, "/errors/0/code"), "invalid-cursor", "%s", why);
    text_deinit(&address);
}

/* Checks V15. */
Test(pages, a_cursor_with_any_character_changed_is_refused)
{
    char *cursor = cursor_of("/v1/practices", "sort=title&limit=2&fields=slug");
    const size_t length = strlen(cursor);

    for (size_t i = 0; i < length; i++) {
        const char was = cursor[i];

        cursor[i] = was == 'A' ? 'B' : 'A';
        expect_cursor_refused("/v1/practices", "sort=title", cursor, "a character changed");
        cursor[i] = was;
    }
    for (size_t i = 1; i < length; i += 7) {
        const char was = cursor[i];

        cursor[i] = '\0';
        expect_cursor_refused("/v1/practices", "sort=title", cursor, "cut");
        cursor[i] = was;
    }
    free(cursor);
}

/* Checks V15. */
Test(pages, a_cursor_of_another_list_or_making_is_refused)
{
    static const struct {
        const char *path, *query, *why;
    } ROWS[] = {
        {"/v1/practices", "", "no order"},
        {"/v1/practices", "sort=-title", "the other direction"},
        {"/v1/practices", "sort=city", "another key"},
        {"/v1/practices", "sort=title,city", "one key more"},
        {"/v1/practices", "sort=title&country=BE", "a filter more"},
        {"/v1/practices", "sort=title&q=migrants", "words"},
        {"/v1/practices", "sort=title&near=50,4", "a place"},
        {"/v1/practices", "sort=title&bbox=-10,35,30,60", "a box"},
        {"/v1/practices", "sort=title&ids=00000000-0000-7000-8000-000000000000", "ids"},
        {"/v1/trainings", "sort=title", "another resource"},
        {"/v1/projects/express/practices", "sort=title", "a list of related records"},
    };
    char *cursor = cursor_of("/v1/practices", "sort=title&limit=2&fields=slug");
    char *filtered = cursor_of("/v1/practices", "sort=title&country=BE&limit=2&fields=slug");
    struct text other;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        expect_cursor_refused(ROWS[i].path, ROWS[i].query, cursor, ROWS[i].why);
    expect_cursor_refused("/v1/practices", "sort=title", filtered, "a filter less");
    expect_cursor_refused("/v1/practices", "sort=title&country=FR", filtered, "another value");
    expect_cursor_refused("/v1/practices", "sort=title&country=not.BE", filtered, "the opposite");
    expect_cursor_refused("/v1/practices", "sort=title&countries=BE", filtered, "another filter");

    text_init(&other, QUERY_BYTES_MAX);
    text_append_format(&other, "%sA", cursor);
    expect_cursor_refused("/v1/practices", "sort=title", other.bytes, "a character behind");
    text_clear(&other);
    text_append_format(&other, "%s=", cursor);
    expect_cursor_refused("/v1/practices", "sort=title", other.bytes, "padding");
    text_clear(&other);
    for (size_t i = 0; i < 5000; i++)
        text_append_char(&other, 'A');
    expect_cursor_refused("/v1/practices", "sort=title", other.bytes, "far too long");
    expect_cursor_refused("/v1/practices", "sort=title", "1", "a number");
    expect_cursor_refused("/v1/practices", "sort=title", "%22%27%3B--", "SQL");
    text_deinit(&other);
    free(cursor);
    free(filtered);
}

Test(pages, a_cursor_goes_on_under_another_limit_view_and_spelling_of_the_same_list)
{
    static const char *const QUERIES[] = {
        "sort=title&country=BE&limit=1",
        "country=BE&sort=title&fields=title,city&count=exact",
        "country=BE&sort=title&facets=city&lang=fr&limit=100",
    };
    char *cursor = cursor_of("/v1/practices", "sort=title&country=BE&limit=2&fields=slug");
    json_auto_t *all = list_ids("/v1/practices", "sort=title&country=BE", 100);

    for (size_t i = 0; i < ARRAY_LENGTH(QUERIES); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        struct text query;

        text_init(&query, QUERY_BYTES_MAX);
        text_append_format(&query, "%s&cursor=%s", QUERIES[i], cursor);
        response = get_page("/v1/practices", query.bytes);
        cr_assert_str_eq(response_text_at(response, "/data/0/id"),
                         json_string_value(json_array_get(all, 2)), "%s", QUERIES[i]);
        text_deinit(&query);
    }
    free(cursor);
}

/* --- lists that change -------------------------------------------------------------------------
 */

/* A server for one test alone, whose records it may change. */
static void own_server(struct test_server *server)
{
    static const char *const CHANGES[] = {"EXPRESS_RATE_LIMIT=0", NULL};
    char *what = NULL;

    if (!test_server_start(server, CHANGES, &what))
        cr_assert_fail("%s", what);
    test_server_use(server);
}

static void stop_server(struct test_server *server)
{
    char *what = NULL;

    if (!test_server_stop(server, &what))
        cr_assert_fail("%s", what);
}

static void import_practice(const char *slug, const char *title, const char *summary)
{
    json_auto_t *records = json_pack("{s:[{s:s,s:s,s:s}]}", "practices", "slug", slug, "title",
                                     title, "summary", summary);

    list_import_well(records);
}

/* Changes the summary of a record of the catalogue, or of one that a test brought in. */
static void change_practice(const char *slug)
{
    char path[4096];
    json_auto_t *written = NULL;
    json_t *record;
    size_t i;

    (void)snprintf(path, sizeof(path), "%s/practices.json", getenv("EXPRESS_CATALOGUE_DIR"));
    written = json_load_file(path, 0, NULL);
    cr_assert_not_null(written, "%s cannot be read", path);
    json_array_foreach (written, i, record) {
        json_auto_t *records = NULL;

        if (strcmp(json_string_value(json_object_get(record, "slug")), slug) != 0)
            continue;
        list_must(json_object_set_new(record, "summary", json_string("Changed.")) == 0);
        records = json_pack("{s:[O]}", "practices", record);
        list_import_well(records);
        return;
    }
    import_practice(slug, slug, "Changed.");
}

static void remove_practice(const char *slug)
{
    struct text sql;

    text_init(&sql, 4096);
    text_append_format(&sql,
                       "with gone as (delete from published.practices where id = (select id from "
                       "catalogue.record where resource = 'practices' and slug = '%s') returning "
                       "id) update catalogue.record r set status = 'archived' from gone where "
                       "r.id = gone.id",
                       slug);
    test_database_run(sql.bytes);
    text_deinit(&sql);
}

/* What happens while a reader is between two pages; @last and @first are of the page just read. */
static void change_the_list(size_t page, const char *first, const char *last, json_t *changed)
{
    char slug[64], title[64];

    switch (page % 4) {
    case 0: /* new ones, before and behind the reader */
        (void)snprintf(slug, sizeof(slug), "new-%zu", page);
        (void)snprintf(title, sizeof(title), "%s new %zu", page % 8 == 0 ? "Aaa" : "Zzz", page);
        import_practice(slug, title, "New.");
        list_must(json_object_set_new(changed, slug, json_true()) == 0);
        break;
    case 1: /* the very record that the cursor stands on is changed, and keeps its place */
        change_practice(last);
        list_must(json_object_set_new(changed, last, json_true()) == 0);
        break;
    case 2: /* it is removed */
        remove_practice(last);
        list_must(json_object_set_new(changed, last, json_true()) == 0);
        break;
    case 3: /* one that was read is removed */
        remove_practice(first);
        list_must(json_object_set_new(changed, first, json_true()) == 0);
        break;
    }
}

/* Reads a list page by page while it changes. Return: owned; the slugs that came. */
static json_t *read_changing(const char *query, json_t *changed)
{
    json_t *slugs = json_array();
    char *cursor = NULL;

    for (size_t page = 0; page == 0 || cursor != NULL; page++) {
        CLEANUP(response_freep) struct response *response = NULL;
        const json_t *data, *record;
        struct text asked;
        size_t i;

        text_init(&asked, QUERY_BYTES_MAX);
        text_append_format(&asked, "%s&limit=10&fields=slug%s%s", query,
                           cursor == NULL ? "" : "&cursor=", cursor == NULL ? "" : cursor);
        response = get_page("/v1/practices", asked.bytes);
        text_deinit(&asked);
        data = response_at(response, "/data");
        json_array_foreach (data, i, record)
            list_must(json_array_append(slugs, json_object_get(record, "slug")) == 0);
        free(cursor);
        cursor = NULL;
        if (!json_is_string(response_at(response, "/page/next")))
            continue;
        cr_assert_eq(json_array_size(data), 10, "a page in the middle is not whole");
        cursor = strdup(response_text_at(response, "/page/next"));
        change_the_list(page, response_text_at(response, "/data/0/slug"),
                        response_text_at(response, "/data/9/slug"), changed);
    }
    return slugs;
}

static void expect_whole_and_once(const json_t *before, const json_t *slugs, const json_t *changed,
                                  const char *query)
{
    json_auto_t *seen = json_object();
    const json_t *slug;
    size_t i;

    json_array_foreach (slugs, i, slug) {
        const char *text = json_string_value(slug);

        if (json_object_get(seen, text) != NULL)
            cr_assert_fail("%s: %s came twice", query, text);
        list_must(json_object_set_new(seen, text, json_true()) == 0);
    }
    json_array_foreach (before, i, slug)
        if (json_object_get(changed, json_string_value(slug)) == NULL &&
            json_object_get(seen, json_string_value(slug)) == NULL)
            cr_assert_fail("%s: %s did not come", query, json_string_value(slug));
}

/* Checks C8. */
Test(pages, pages_stay_whole_and_without_repeats_while_the_list_changes)
{
    /* By slug and by time; each with cursors of another form. */
    static const char *const QUERIES[] = {"sort=slug", "sort=-slug", "sort=-updated_at",
                                          "sort=started_on,slug", "country=not.AQ&sort=title"};
    struct test_server server;

    own_server(&server);
    for (size_t i = 0; i < ARRAY_LENGTH(QUERIES); i++) {
        json_auto_t *records = list_pages("/v1/practices", "fields=slug", 100);
        json_auto_t *before = json_array(), *changed = json_object(), *slugs = NULL;
        const json_t *record;
        size_t j;

        json_array_foreach (records, j, record)
            list_must(json_array_append(before, json_object_get(record, "slug")) == 0);
        slugs = read_changing(QUERIES[i], changed);
        cr_assert_geq(json_object_size(changed), 10, "%s", QUERIES[i]);
        expect_whole_and_once(before, slugs, changed, QUERIES[i]);
    }
    stop_server(&server);
}

Test(pages, a_list_that_has_ended_behind_the_cursor_gives_an_empty_page)
{
    CLEANUP(response_freep) struct response *response = NULL;
    struct test_server server;
    struct text query;
    char *cursor;

    own_server(&server);
    import_practice("only-one", "Only one", "One of two in Andorra.");
    import_practice("only-two", "Only two", "Two of two.");
    cursor = cursor_of("/v1/practices", "slug=only-one,only-two&sort=slug&limit=1");
    remove_practice("only-two");
    text_init(&query, QUERY_BYTES_MAX);
    text_append_format(&query, "slug=only-one,only-two&sort=slug&limit=1&cursor=%s", cursor);
    response = get_page("/v1/practices", query.bytes);
    cr_assert_eq(json_array_size(response_at(response, "/data")), 0);
    cr_assert(json_is_null(response_at(response, "/page/next")));
    text_deinit(&query);
    free(cursor);
    stop_server(&server);
}

/* --- totals --------------------------------------------------------------------------------------
 */

Test(pages, totals_are_what_was_asked_for)
{
    static const char *const QUERIES[] = {
        "",
        "country=BE",
        "country=BE&value_chain_steps=training",
        "q=migrants",
        "near=50.85,4.35&radius_km=300",
        "bbox=-10,35,30,60",
        "country=AQ",
        "started_on_after=2015",
        "value_chain_steps=training,mentoring",
        "sort=title",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(QUERIES); i++) {
        json_auto_t *ids = list_ids("/v1/practices", QUERIES[i], 100);
        const json_int_t total = (json_int_t)json_array_size(ids);
        CLEANUP(response_freep) struct response *none = NULL;
        CLEANUP(response_freep) struct response *estimated = NULL;
        CLEANUP(response_freep) struct response *exact = NULL;
        char query[256];

        (void)snprintf(query, sizeof(query), "limit=1&count=none&%s", QUERIES[i]);
        none = get_page("/v1/practices", query);
        cr_assert_null(response_at(none, "/page/total"), "%s", query);
        cr_assert_null(response_at(none, "/page/total_is_estimate"), "%s", query);
        (void)snprintf(query, sizeof(query), "limit=1&count=exact&%s", QUERIES[i]);
        exact = get_page("/v1/practices", query);
        cr_assert_eq(json_integer_value(response_at(exact, "/page/total")), total, "%s", query);
        cr_assert(json_is_false(response_at(exact, "/page/total_is_estimate")), "%s", query);
        /* So few are counted: it is as quick. */
        (void)snprintf(query, sizeof(query), "limit=1&count=estimated&%s", QUERIES[i]);
        estimated = get_page("/v1/practices", query);
        cr_assert_eq(json_integer_value(response_at(estimated, "/page/total")), total, "%s", query);
    }
}

Test(pages, any_other_count_is_refused_with_the_nearest)
{
    CLEANUP(response_freep) struct response *response = http_get("/v1/practices?count=exakt");

    cr_assert_eq(response->status, 400);
    cr_assert_str_eq(response_text_at(response, "/errors/0/parameter"), "count");
    cr_assert_not_null(strstr(response_text_at(response, "/errors/0/detail"), "'exact'"));
}

/* --- facets --------------------------------------------------------------------------------------
 */

/* {value: {count, title}} of the records whose ids are in @among. Owned. */
static json_t *counts_of(const struct resource *resource, const struct property *property,
                         const json_t *among)
{
    const json_t *records = list_records(resource), *record;
    json_t *counts = json_object();
    size_t i;

    json_array_foreach (records, i, record) {
        json_auto_t *values = NULL, *held = json_object();
        const char *id = json_string_value(json_object_get(record, "id")), *text;
        json_t *value;
        size_t j;

        if (json_object_get(among, id) == NULL)
            continue;
        values = list_values(record, property->path);
        json_array_foreach (values, j, value) {
            char *key = list_value_text(value);

            list_must(json_object_set(held, key, value) == 0); /* a record counts once */
            free(key);
        }
        json_object_foreach (held, text, value) {
            const json_t *known = json_object_get(counts, text);
            const json_int_t count = json_integer_value(json_object_get(known, "count"));

            list_must(json_object_set_new(counts, text,
                                          json_pack("{s:I,s:O*}", "count", count + 1, "title",
                                                    json_is_object(value)
                                                        ? json_object_get(value, "title")
                                                        : NULL)) == 0);
        }
    }
    return counts;
}

static json_t *set_of(const json_t *ids)
{
    json_t *set = json_object();
    const json_t *id;
    size_t i;

    json_array_foreach (ids, i, id)
        list_must(json_object_set_new(set, json_string_value(id), json_true()) == 0);
    return set;
}

static void expect_facet(const struct property *property, const json_t *shown, const json_t *counts,
                         const char *where)
{
    const json_t *entry, *previous = NULL;
    size_t i;

    if (json_array_size(shown) !=
        (json_object_size(counts) < FACET_VALUES_MAX ? json_object_size(counts) : FACET_VALUES_MAX))
        cr_assert_fail("%s: %s has %zu values in place of %zu", where, property->path,
                       json_array_size(shown), json_object_size(counts));
    json_array_foreach (shown, i, entry) {
        const json_t *value = json_object_get(entry, "value");
        char *text = list_value_text(value);
        const json_t *expected = json_object_get(counts, text);
        const json_int_t count = json_integer_value(json_object_get(entry, "count"));

        if (json_integer_value(json_object_get(expected, "count")) != count)
            cr_assert_fail("%s: %s=%s counts %" JSON_INTEGER_FORMAT " in place of "
                           "%" JSON_INTEGER_FORMAT,
                           where, property->path, text, count,
                           json_integer_value(json_object_get(expected, "count")));
        if (json_object_get(expected, "title") != json_object_get(entry, "title") &&
            json_equal(json_object_get(expected, "title"), json_object_get(entry, "title")) == 0)
            cr_assert_fail("%s: %s=%s has another title", where, property->path, text);
        if ((property->kind == PROPERTY_BOOLEAN && !json_is_boolean(value)) ||
            (property->kind == PROPERTY_INTEGER && !json_is_integer(value)))
            cr_assert_fail("%s: %s=%s is text", where, property->path, text);
        if (previous != NULL && json_integer_value(json_object_get(previous, "count")) < count)
            cr_assert_fail("%s: %s does not begin with the most frequent", where, property->path);
        previous = entry;
        free(text);
    }
}

/* Facets of a list under @query; without a facet's own filter, the list is @others. */
static void check_facets(const struct resource *resource, const struct property *const *facets,
                         size_t count, const char *path, const char *query, const char *others)
{
    json_auto_t *ids = list_ids(path, others, 100), *among = set_of(ids);
    CLEANUP(response_freep) struct response *response = NULL;
    struct text asked;

    text_init(&asked, QUERY_BYTES_MAX);
    text_append(&asked, "limit=1&fields=slug&facets=");
    for (size_t i = 0; i < count; i++)
        text_append_format(&asked, "%s%s", i == 0 ? "" : ",", facets[i]->path);
    text_append_format(&asked, "%s%s", query[0] == '\0' ? "" : "&", query);
    response = get_page(path, asked.bytes);
    for (size_t i = 0; i < count; i++) {
        json_auto_t *counts = counts_of(resource, facets[i], among);

        expect_facet(facets[i], json_object_get(response_at(response, "/facets"), facets[i]->path),
                     counts, asked.bytes);
    }
    text_deinit(&asked);
}

#define FACETS_ASKED 10 /* as many as one request may */
#define FACETS_OF_A_RESOURCE 64

static size_t facets_of(const struct resource *resource,
                        const struct property *facets[FACETS_OF_A_RESOURCE])
{
    size_t count = 0;

    for (size_t i = 0; i < resource->leaf_count && count < FACETS_OF_A_RESOURCE; i++)
        if (resource->leaves[i]->facet)
            facets[count++] = resource->leaves[i];
    return count;
}

/* name=value of the value that the most records have; false when none has any. */
static bool frequent_value(const struct resource *resource, const struct property *property,
                           struct text *query)
{
    json_auto_t *ids = NULL, *among = NULL, *counts = NULL;
    const json_t *records = list_records(resource), *record;
    const char *text, *best = NULL;
    json_int_t most = 0;
    struct text value;
    json_t *entry;
    size_t i;

    ids = json_array();
    json_array_foreach (records, i, record)
        list_must(json_array_append(ids, json_object_get(record, "id")) == 0);
    among = set_of(ids);
    counts = counts_of(resource, property, among);
    json_object_foreach (counts, text, entry)
        if (json_integer_value(json_object_get(entry, "count")) > most) {
            most = json_integer_value(json_object_get(entry, "count"));
            best = text;
        }
    text_clear(query);
    if (best == NULL)
        return false;
    text_init(&value, QUERY_BYTES_MAX);
    list_value_add(&value, best);
    list_query_add(query, property->path, value.bytes);
    text_deinit(&value);
    return true;
}

Test(pages, facets_count_what_the_records_say)
{
    const struct contract *contract = list_contract();
    size_t checked = 0;

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        const struct property *facets[FACETS_OF_A_RESOURCE];
        const size_t count = facets_of(resource, facets);
        char path[128];

        (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
        for (size_t j = 0; j < count; j += FACETS_ASKED)
            check_facets(resource, facets + j, count - j < FACETS_ASKED ? count - j : FACETS_ASKED,
                         path, "", "");
        checked += count;
    }
    cr_log_info("%zu facets checked", checked);
}

Test(pages, facets_count_under_the_other_filters_and_without_their_own)
{
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        const struct property *facets[FACETS_OF_A_RESOURCE];
        const size_t count = facets_of(resource, facets);
        struct text own, other, both;
        char path[128];

        (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
        text_init(&own, QUERY_BYTES_MAX);
        text_init(&other, QUERY_BYTES_MAX);
        text_init(&both, QUERY_BYTES_MAX);
        for (size_t j = 0; j < count; j++) {
            if (!frequent_value(resource, facets[j], &own) ||
                !frequent_value(resource, facets[(j + 1) % count], &other))
                continue;
            text_clear(&both);
            text_append_format(&both, "%s&%s", own.bytes, other.bytes);
            check_facets(resource, &facets[j], 1, path, both.bytes, other.bytes);
        }
        text_deinit(&own);
        text_deinit(&other);
        text_deinit(&both);
    }
}

Test(pages, facets_count_under_a_search_a_place_and_in_related_lists)
{
    static const struct {
        const char *path, *query;
    } ROWS[] = {
        {"/v1/practices", "q=migrants"},
        {"/v1/practices", "q=sample"},
        {"/v1/practices", "near=50.85,4.35&radius_km=300"},
        {"/v1/practices", "near=50.85,4.35"},
        {"/v1/practices", "bbox=-10,35,10,60"},
        {"/v1/practices", "started_on_after=2015&started_on_before=2019"},
        {"/v1/organisations/sample-0/practices", ""},
        {"/v1/organisations/sample-0/practices", "country=AD"},
    };
    const struct resource *resource = contract_resource_find(list_contract(), "practices");
    const struct property *facets[FACETS_OF_A_RESOURCE];
    const size_t count = facets_of(resource, facets);

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        /* From the second on: country is the filter of one row. */
        check_facets(resource, facets + 1, count - 1 < FACETS_ASKED ? count - 1 : FACETS_ASKED,
                     ROWS[i].path, ROWS[i].query, ROWS[i].query);
}

Test(pages, a_facet_that_cannot_be_is_refused_with_the_nearest)
{
    static const struct {
        const char *facets, *code, *help;
    } ROWS[] = {
        {"countri", "unknown-value", "'country'"},
        {"title", "unknown-value", "facet"},
        {"country,", "empty-value", ""},
        {"country,city,country", "repeated", "country"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char path[128];

        (void)snprintf(path, sizeof(path), "/v1/practices?facets=%s", ROWS[i].facets);
        response = http_get(path);
        cr_expect_eq(response->status, 400, "%s", ROWS[i].facets);
        if (response->status != 400)
            continue;
        cr_expect_str_eq(response_text_at(response, "/errors/0/parameter"), "facets");
        cr_expect_str_eq(response_text_at(response, "/errors/0/code"), ROWS[i].code);
        cr_expect_not_null(strstr(response_text_at(response, "/errors/0/detail"), ROWS[i].help));
    }
}

/* --- ids
 * ------------------------------------------------------------------------------------------ */

Test(pages, ids_give_exactly_the_records_that_exist_and_name_the_others)
{
    static const char MISSING[] = "00000000-0000-7000-8000-000000000000";
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        char path[128];
        json_auto_t *all = NULL, *shown = NULL;
        CLEANUP(response_freep) struct response *response = NULL;
        struct text query;
        size_t asked;

        (void)snprintf(path, sizeof(path), "/v1/%s", contract_resource(contract, i)->path);
        all = list_ids(path, "", 100);
        asked = json_array_size(all) < 99 ? json_array_size(all) : 99;
        text_init(&query, QUERY_BYTES_MAX);
        text_append_format(&query, "fields=slug&ids=%s", MISSING);
        for (size_t j = 0; j < asked; j++)
            text_append_format(&query, ",%s", json_string_value(json_array_get(all, j)));
        response = get_page(path, query.bytes);
        shown = ids_on(response);
        cr_assert_eq(json_array_size(shown), asked, "%s", path);
        for (size_t j = 0; j < asked; j++)
            cr_assert_eq(strcmp(json_string_value(json_array_get(shown, j)),
                                json_string_value(json_array_get(all, j))),
                         0, "%s in its own order", path);
        cr_assert(json_is_null(response_at(response, "/page/next")), "%s", path);
        cr_assert_eq(json_array_size(response_at(response, "/meta/missing")), 1, "%s", path);
        cr_assert_str_eq(response_text_at(response, "/meta/missing/0"), MISSING, "%s", path);
        text_deinit(&query);
    }
}

Test(pages, ids_that_cannot_be_are_refused)
{
    CLEANUP(response_freep) struct response *slug = http_get("/v1/practices?ids=univerbal");
    CLEANUP(response_freep) struct response *many = NULL;
    CLEANUP(response_freep) struct response *twice = NULL;
    struct text path;

    cr_assert_eq(slug->status, 400, "a slug");
    cr_assert_str_eq(response_text_at(slug, "/errors/0/parameter"), "ids");
    text_init(&path, QUERY_BYTES_MAX);
    text_append(&path, "/v1/practices?ids=");
    for (size_t i = 0; i < 101; i++)
        text_append_format(&path, "%s00000000-0000-7000-8000-%012zu", i == 0 ? "" : ",", i);
    many = http_get(path.bytes);
    cr_assert_eq(many->status, 400, "101 of them");
    cr_assert_str_eq(response_text_at(many, "/errors/0/code"), "too-many-values");
    text_deinit(&path);
    twice = http_get("/v1/practices?ids=00000000-0000-7000-8000-000000000000,"
                     "00000000-0000-7000-8000-000000000000");
    cr_assert_eq(twice->status, 200);
    cr_assert_eq(json_array_size(response_at(twice, "/meta/missing")), 1,
                 "one that is there twice");
}
