/*
 * Ways to look at records: parts of them, with others embedded, by what refers
 * to them, many at once, and what is left of those that are gone. What is
 * expected is computed from the lists and the contract.
 */
#include "base/text.h"
#include "support/contract.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/records.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 1024
#define BODY_BYTES_MAX (64 * 1024)
#define REFERRERS_EACH 20

RECORDS_BEFORE_TESTS("views", "EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(views, .init = records_ready, .fini = test_ends_without_leaks, .timeout = 180);

/* ---- what the contract says of a resource ---- */

static const json_t *contract(void)
{
    static json_t *document;

    if (document == NULL)
        document = json_load_file(getenv("EXPRESS_CONTRACT_JSON"), 0, NULL);
    cr_assert_not_null(document);
    return document;
}

/* The schema of a resource's record. */
static json_t *schema_of(const char *resource)
{
    const char *name;
    json_t *schema;
    /* jansson walks objects that it may change, though it does not. */
    json_t *schemas = json_object_get(json_object_get(contract(), "components"), "schemas");

    json_object_foreach (schemas, name, schema)
        if (strcmp(record_text(json_object_get(schema, "x-resource"), "path"), resource) == 0)
            return schema;
    cr_assert_fail("the contract has no schema of %s", resource);
    return NULL;
}

static const char *label_of(const char *resource)
{
    return record_text(json_object_get(schema_of(resource), "x-resource"), "label");
}

/* Lists that its records lead to: an array of {"name", "resource", "through"}. */
static const json_t *related_of(const char *resource)
{
    return json_object_get(json_object_get(schema_of(resource), "x-resource"), "related");
}

/* The values that a parameter of a list may have. */
static const json_t *choices_of(const char *resource, const char *parameter)
{
    char pointer[PATH_BYTES];

    (void)snprintf(pointer, sizeof(pointer), "/components/parameters/%s.%s/schema/items/enum",
                   resource, parameter);
    return test_json_at(contract(), pointer);
}

/* ---- records and what they refer to ---- */

static const json_t *find_by_id(const json_t *records, const char *id)
{
    const json_t *record;
    size_t i;

    json_array_foreach (records, i, record)
        if (strcmp(record_text(record, "id"), id) == 0)
            return record;
    return NULL;
}

/* A record of any resource, as lists show it. */
static const json_t *find_anywhere(const char *id)
{
    const json_t *resource, *found = NULL;
    size_t i;

    json_array_foreach (records_resources(), i, resource) {
        found = find_by_id(records_of(json_string_value(resource)), id);
        if (found != NULL)
            break;
    }
    return found;
}

/* Appends the values at a dotted path, through arrays. */
static void collect(const json_t *value, const char *path, json_t *values)
{
    const json_t *item;
    char name[80];
    size_t length = strcspn(path, "."), i;

    if (json_is_array(value)) {
        json_array_foreach (value, i, item)
            collect(item, path, values);
        return;
    }
    if (value == NULL)
        return;
    if (*path == '\0') {
        json_auto_t *copy = json_deep_copy(value);

        cr_assert_eq(json_array_append(values, copy), 0);
        return;
    }
    cr_assert_lt(length, sizeof(name));
    (void)snprintf(name, sizeof(name), "%.*s", (int)length, path);
    collect(json_object_get(value, name), path + length + (path[length] == '.' ? 1 : 0), values);
}

static bool refers_to(const json_t *record, const json_t *through, const char *id)
{
    const json_t *path;
    bool found = false;
    size_t i;

    json_array_foreach (through, i, path) {
        json_auto_t *values = json_array();

        collect(record, json_string_value(path), values);
        found = found || find_by_id(values, id) != NULL;
    }
    return found;
}

/* Ids of the records that refer to one, sorted by nothing. */
static json_t *referrers_of(const json_t *related, const char *id)
{
    json_t *ids = json_array();
    const json_t *record;
    size_t i;

    json_array_foreach (records_of(record_text(related, "resource")), i, record)
        if (refers_to(record, json_object_get(related, "through"), id))
            cr_assert_eq(json_array_append(ids, json_object_get(record, "id")), 0);
    return ids;
}

/* ---- fields ---- */

Test(views, fields_show_what_is_named_and_what_names_the_record)
{
    const json_t *resource, *field;
    char path[PATH_BYTES];
    size_t r, i;

    json_array_foreach (records_resources(), r, resource) {
        const char *name = json_string_value(resource), *label = label_of(name);
        const char *slug = record_text(json_array_get(records_of(name), 0), "slug");

        (void)snprintf(path, sizeof(path), "/v1/%s/%s", name, slug);
        CLEANUP(response_freep) struct response *whole = http_get(path);
        json_array_foreach (choices_of(name, "fields"), i, field) {
            const char *shown = json_string_value(field), *member;
            size_t expected = 3;
            json_t *value;

            (void)snprintf(path, sizeof(path), "/v1/%s/%s?fields=%s", name, slug, shown);
            CLEANUP(response_freep) struct response *part = http_get(path);

            cr_assert_eq(part->status, 200, "%s: %.300s", path, part->body);
            if (json_object_get(response_json(whole), shown) != NULL && strcmp(shown, "id") != 0 &&
                strcmp(shown, "slug") != 0 && strcmp(shown, label) != 0)
                expected++;
            cr_expect_eq(json_object_size(response_json(part)), expected, "%s: %.300s", path,
                         part->body);
            json_object_foreach (part->json, member, value) {
                cr_expect(strcmp(member, "id") == 0 || strcmp(member, "slug") == 0 ||
                              strcmp(member, label) == 0 || strcmp(member, shown) == 0,
                          "%s shows %s", path, member);
                cr_expect(json_equal(value, json_object_get(response_json(whole), member)),
                          "%s changes %s", path, member);
            }
        }
    }
}

Test(views, long_properties_come_in_lists_when_they_are_named)
{
    CLEANUP(response_freep) struct response *plain = http_get("/v1/vocabularies?limit=1&sort=slug");
    CLEANUP(response_freep)
    struct response *named = http_get("/v1/vocabularies?limit=1&sort=slug&fields=terms,summary");
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof(path), "/v1/vocabularies/%s",
                   response_text_at(plain, "/data/0/slug"));
    CLEANUP(response_freep) struct response *record = http_get(path);

    cr_assert_null(response_at(plain, "/data/0/terms"));
    cr_assert_gt(json_array_size(response_at(record, "/terms")), 0);
    cr_assert(json_equal(response_at(named, "/data/0/terms"), response_at(record, "/terms")));
    cr_assert_eq(json_object_size(response_at(named, "/data/0")), 5);
}

Test(views, fields_and_includes_that_do_not_exist_are_refused_with_the_nearest)
{
    static const struct {
        const char *why;
        const char *query;
        const char *parameter;
        const char *nearest;
    } ROWS[] = {
        {"a misspelt field", "fields=titel", "fields", "title"},
        {"one wrong field of three", "fields=title,sumary,country", "fields", "summary"},
        {"a member of a field", "fields=source.name", "fields", NULL},
        {"a field of another resource", "fields=interest", "fields", NULL},
        {"no field", "fields=", "fields", NULL},
        {"an empty field", "fields=title,,country", "fields", NULL},
        {"fields twice", "fields=title&fields=country", "fields", NULL},
        {"a misspelt relation", "include=organisation", "include", "organisations"},
        {"a property that is no relation", "include=title", "include", NULL},
        {"the source", "include=source.document", "include", NULL},
        {"no relation", "include=", "include", NULL},
        {"a path with hyphens", "include=financing-offers", "include", "financing_offers"},
        {"a relation of a relation", "include=organisations.services", "include", NULL},
        {"include twice", "include=organisations&include=projects", "include", NULL},
        {"a filter of lists", "country=BE", "country", NULL},
        {"a page", "limit=5", "limit", NULL},
        {"a misspelt parameter", "feilds=title", "feilds", "fields"},
    };
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        (void)snprintf(path, sizeof(path), "/v1/practices/views-01?%s", ROWS[i].query);
        CLEANUP(response_freep) struct response *response = http_get(path);

        cr_expect_eq(response->status, 400, "%s: %d", ROWS[i].why, response->status);
        if (response->status != 400)
            continue;
        cr_expect_str_eq(response_text_at(response, "/errors/0/parameter"), ROWS[i].parameter,
                         "%s: %s", ROWS[i].why, response->body);
        cr_expect(ROWS[i].nearest == NULL ||
                      strstr(response_text_at(response, "/errors/0/detail"), ROWS[i].nearest),
                  "%s: %s", ROWS[i].why, response->body);
    }
}

/* ---- include ---- */

/* The entry of a list of records that refer; NULL: @name is a relation of the resource itself. */
static const json_t *find_related(const char *resource, const char *name)
{
    json_t *own = json_object_get(json_object_get(schema_of(resource), "properties"), name);
    const json_t *related;
    size_t i;

    if (json_object_get(own, "x-relation") != NULL)
        return NULL;
    json_array_foreach (related_of(resource), i, related)
        if (strcmp(record_text(related, "name"), name) == 0)
            return related;
    return NULL;
}

/* Whole records stand where references stood, and nothing else is changed. */
static void check_targets(const json_t *plain, const json_t *shown, const char *path,
                          const char *request)
{
    json_auto_t *before = json_array(), *after = json_array();
    const json_t *reference;
    size_t i;

    collect(plain, path, before);
    collect(shown, path, after);
    cr_expect_eq(json_array_size(before), json_array_size(after), "%s", request);
    json_array_foreach (before, i, reference) {
        const json_t *record = find_anywhere(record_text(reference, "id"));

        cr_expect(record != NULL && json_equal(record, json_array_get(after, i)),
                  "%s: not the record %s", request, record_text(reference, "slug"));
    }
    cr_expect_eq(json_object_size(plain), json_object_size(shown), "%s", request);
}

static void check_referrers(const json_t *related, const json_t *shown, const char *request)
{
    json_auto_t *ids = referrers_of(related, record_text(shown, "id"));
    const json_t *embedded = json_object_get(shown, record_text(related, "name")), *record;
    const size_t expected =
        json_array_size(ids) < REFERRERS_EACH ? json_array_size(ids) : REFERRERS_EACH;
    size_t i;

    cr_expect_eq(json_array_size(embedded), expected, "%s: %s has %zu, not %zu", request,
                 record_text(shown, "slug"), json_array_size(embedded), expected);
    json_array_foreach (embedded, i, record) {
        cr_expect(records_contain(ids, record_text(record, "id")), "%s: %s does not refer to %s",
                  request, record_text(record, "slug"), record_text(shown, "slug"));
        cr_expect(json_equal(record, find_by_id(records_of(record_text(related, "resource")),
                                                record_text(record, "id"))),
                  "%s: %s is not shown in full", request, record_text(record, "slug"));
    }
}

static void check_include(const char *resource, const char *name)
{
    const json_t *related = find_related(resource, name), *shown;
    char path[PATH_BYTES];
    size_t i;

    (void)snprintf(path, sizeof(path), "/v1/%s?limit=100&sort=slug&include=%s", resource, name);
    CLEANUP(response_freep) struct response *response = http_get(path);

    cr_assert_gt(json_array_size(response_at(response, "/data")), 0, "%s", path);
    json_array_foreach (response_at(response, "/data"), i, shown) {
        if (related != NULL)
            check_referrers(related, shown, path);
        else
            check_targets(find_by_id(records_of(resource), record_text(shown, "id")), shown, name,
                          path);
    }
}

Test(views, every_include_of_every_resource_embeds_whole_records)
{
    const json_t *resource, *name;
    size_t r, i;

    json_array_foreach (records_resources(), r, resource)
        json_array_foreach (choices_of(json_string_value(resource), "include"), i, name)
            check_include(json_string_value(resource), json_string_value(name));
}

Test(views, the_newest_twenty_of_many_that_refer_are_embedded)
{
    CLEANUP(response_freep)
    struct response *record = http_get("/v1/organisations/views-hub?include=practices");
    CLEANUP(response_freep)
    struct response *list = http_get("/v1/organisations/views-hub/practices?limit=20&count=exact");
    CLEANUP(response_freep)
    struct response *in_list =
        http_get("/v1/organisations?q=views%20hub&include=practices&fields=country");

    cr_assert_eq(json_integer_value(response_at(list, "/page/total")), 25);
    cr_assert_eq(json_array_size(response_at(record, "/practices")), REFERRERS_EACH);
    cr_assert(json_equal(response_at(record, "/practices"), response_at(list, "/data")));
    cr_assert(json_equal(response_at(in_list, "/data/0/practices"), response_at(list, "/data")));
    cr_assert_eq(json_object_size(response_at(in_list, "/data/0")), 5);
}

Test(views, fields_and_includes_go_together)
{
    CLEANUP(response_freep)
    struct response *response =
        http_get("/v1/practices/views-01?fields=country&include=organisations,trainings");

    cr_assert_eq(json_object_size(response_json(response)), 6, "%s", response->body);
    cr_assert_str_eq(response_text_at(response, "/organisations/0/name"), "Views hub");
    cr_assert_str_eq(response_text_at(response, "/country"), "SE");
    cr_assert_eq(json_array_size(response_at(response, "/trainings")), 0);
}

Test(views, an_embedded_record_changes_the_etag_of_the_answer)
{
    CLEANUP(response_freep) struct response *plain = http_get("/v1/practices/views-02");
    CLEANUP(response_freep)
    struct response *included = http_get("/v1/practices/views-02?include=organisations");
    CLEANUP(response_freep) struct response *part = http_get("/v1/practices/views-02?fields=title");

    cr_assert_str_neq(response_header(plain, "ETag"), response_header(included, "ETag"));
    cr_assert_str_neq(response_header(plain, "ETag"), response_header(part, "ETag"));
}

/* ---- links and related lists ---- */

Test(views, the_links_of_a_record_are_those_of_the_contract_and_all_answer)
{
    const json_t *resource, *related;
    char path[PATH_BYTES];
    size_t r, i;

    json_array_foreach (records_resources(), r, resource) {
        const char *name = json_string_value(resource);
        const json_t *record = json_array_get(records_of(name), 0);
        const json_t *links = json_object_get(record, "links");

        CLEANUP(response_freep) struct response *self = http_get(record_text(links, "self"));
        cr_assert_eq(self->status, 200, "%s", record_text(links, "self"));
        cr_assert_str_eq(response_text_at(self, "/id"), record_text(record, "id"));
        cr_expect_eq(json_object_size(links), json_array_size(related_of(name)) + 1, "%s", name);
        json_array_foreach (related_of(name), i, related) {
            (void)snprintf(path, sizeof(path), "/v1/%s/%s/%s", name, record_text(record, "slug"),
                           record_text(related, "resource"));
            cr_expect_str_eq(record_text(links, record_text(related, "name")), path);
            CLEANUP(response_freep) struct response *list = http_get(path);

            cr_expect_eq(list->status, 200, "%s: %.300s", path, list->body);
        }
    }
}

/* All records of a related list, by id; their number is checked against @expected. */
static void check_related(const char *resource, const char *name, const json_t *related,
                          const json_t *expected)
{
    char path[PATH_BYTES];
    const json_t *record;
    size_t i;

    (void)snprintf(path, sizeof(path), "/v1/%s/%s/%s", resource, name,
                   record_text(related, "resource"));
    json_auto_t *found = records_walk(path, 100);

    cr_expect_eq(json_array_size(found), json_array_size(expected), "%s has %zu, not %zu", path,
                 json_array_size(found), json_array_size(expected));
    json_array_foreach (found, i, record) {
        cr_expect(records_contain(expected, record_text(record, "id")), "%s has %s", path,
                  record_text(record, "slug"));
        cr_expect(json_equal(record, find_by_id(records_of(record_text(related, "resource")),
                                                record_text(record, "id"))),
                  "%s shows %s otherwise than its own list", path, record_text(record, "slug"));
    }
}

/* The record of a resource that most refer to. */
static const json_t *find_most_related(const char *resource, const json_t *related)
{
    const json_t *record, *best = NULL;
    size_t most = 0, i;

    json_array_foreach (records_of(resource), i, record) {
        json_auto_t *ids = referrers_of(related, record_text(record, "id"));

        if (best == NULL || json_array_size(ids) > most) {
            best = record;
            most = json_array_size(ids);
        }
    }
    return best;
}

Test(views, related_lists_hold_what_refers_to_the_record_by_slug_and_by_id)
{
    const json_t *resource, *related;
    size_t r, i, lists = 0;

    json_array_foreach (records_resources(), r, resource) {
        const char *name = json_string_value(resource);

        json_array_foreach (related_of(name), i, related) {
            const json_t *records[] = {find_most_related(name, related),
                                       json_array_get(records_of(name), 1)};

            for (size_t j = 0; j < ARRAY_LENGTH(records); j++) {
                json_auto_t *expected = referrers_of(related, record_text(records[j], "id"));

                check_related(name, record_text(records[j], "slug"), related, expected);
                check_related(name, record_text(records[j], "id"), related, expected);
                lists++;
            }
        }
    }
    cr_assert_gt(lists, 40);
}

Test(views, related_lists_take_the_parameters_of_the_whole_list)
{
    CLEANUP(response_freep)
    struct response *pages =
        http_get("/v1/organisations/views-hub/practices?limit=2&sort=-title&count=exact"
                 "&country=SE&q=practice&facets=country&fields=title&include=organisations");
    CLEANUP(response_freep)
    struct response *none = http_get("/v1/organisations/views-hub/practices?country=FR");
    CLEANUP(response_freep)
    struct response *table =
        http_get("/v1/organisations/views-hub/practices?format=csv&fields=slug");
    CLEANUP(response_freep)
    struct response *wrong = http_get("/v1/organisations/views-hub/practices?contry=FR");
    json_auto_t *whole = records_walk("/v1/organisations/views-hub/practices?sort=title", 100);
    json_auto_t *walked = records_walk("/v1/organisations/views-hub/practices?sort=title", 4);
    size_t lines = 0;

    cr_assert_eq(json_integer_value(response_at(pages, "/page/total")), 25);
    cr_assert_eq(json_integer_value(response_at(pages, "/facets/country/0/count")), 25);
    cr_assert_str_eq(response_text_at(pages, "/data/0/title"), "Practice 9");
    cr_assert_str_eq(response_text_at(pages, "/data/0/organisations/0/name"), "Views hub");
    cr_assert_eq(json_array_size(response_at(none, "/data")), 0);
    for (const char *at = table->body; (at = strstr(at, "\r\n")) != NULL; at += 2)
        lines++;
    cr_assert_eq(lines, 26);
    cr_assert_eq(wrong->status, 400);
    cr_assert_eq(json_array_size(whole), 25);
    cr_assert(json_equal(whole, walked));
}

Test(views, lists_of_what_is_not_there_are_not_found)
{
    const json_t *resource, *other;
    char path[PATH_BYTES];
    size_t r, o, i;
    static const char *const PATHS[] = {
        "/v1/organisations/no-such-organisation/practices",
        "/v1/organisations/no-such-organisation/practices?country=FR&limit=5",
        "/v1/organisations/no-such-organisation/practices?format=csv",
        "/v1/organisations/00000000-0000-7000-8000-000000000000/practices",
        "/v1/organisations/views-hub/no-such-list",
        "/v1/no-such-resource/views-hub/practices",
        "/v1/practices/views-01/owner",
        "/v1/practices/no-such-practice",
        "/v1/practices/00000000-0000-7000-8000-000000000000",
        "/v1/practice",
        "/v1/organisations/views-01", /* a slug of another resource */
    };

    for (i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        CLEANUP(response_freep) struct response *response = http_get(PATHS[i]);

        cr_expect_eq(response->status, 404, "%s: %d", PATHS[i], response->status);
    }
    json_array_foreach (records_resources(), r, resource)
        json_array_foreach (records_resources(), o, other) {
            const char *name = json_string_value(resource), *list = json_string_value(other);
            bool expected = false;
            const json_t *related;

            json_array_foreach (related_of(name), i, related)
                expected = expected || strcmp(record_text(related, "resource"), list) == 0;
            if (expected)
                continue;
            (void)snprintf(path, sizeof(path), "/v1/%s/%s/%s", name,
                           record_text(json_array_get(records_of(name), 0), "slug"), list);
            CLEANUP(response_freep) struct response *response = http_get(path);

            cr_expect_eq(response->status, 404, "%s: %d", path, response->status);
        }
}

/* ---- many at once ---- */

/* The ETag of a record as it comes in the header, in a content coding. */
static char *etag_of(const char *slug, const char *coding)
{
    char path[PATH_BYTES], line[80];

    (void)snprintf(path, sizeof(path), "/v1/practices/%s", slug);
    (void)snprintf(line, sizeof(line), "Accept-Encoding: %s", coding);
    CLEANUP(response_freep)
    struct response *response = http_send("GET", path, (const char *const[]){line, NULL}, NULL, 0);
    const char *etag = response_header(response, "ETag");

    cr_assert_not_null(etag);
    return strdup(etag);
}

static struct response *ask_batch(const char *path, const json_t *body)
{
    char *text = json_dumps(body, 0);
    struct response *response = http_post(path, text);

    free(text);
    return response;
}

static const char *id_of(const char *resource, const char *slug)
{
    return record_text(record_find(records_of(resource), slug), "id");
}

Test(views, copies_that_are_current_are_not_sent_again_in_whatever_form_their_etag_is_told)
{
    static const struct {
        const char *why;
        const char *coding;
        const char *before; /* in place of the quotes; NULL: as the header has it */
        const char *after;
    } ROWS[] = {
        {"as the header has it", "identity", NULL, NULL},
        {"of the gzip coding", "gzip", NULL, NULL},
        {"of the br coding", "br", NULL, NULL},
        {"of the zstd coding", "zstd", NULL, NULL},
        {"without quotes", "identity", "", ""},
        {"without quotes, of the gzip coding", "gzip", "", ""},
        {"weak", "identity", "W/\"", "\""},
    };
    const char *id = id_of("practices", "views-03");

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char *etag = etag_of("views-03", ROWS[i].coding), told[128];

        if (ROWS[i].before == NULL)
            (void)snprintf(told, sizeof(told), "%s", etag);
        else
            (void)snprintf(told, sizeof(told), "%s%.*s%s", ROWS[i].before, (int)strlen(etag) - 2,
                           etag + 1, ROWS[i].after);
        free(etag);
        json_auto_t *body = json_pack("{s:[{s:s,s:s}]}", "items", "id", id, "etag", told);
        CLEANUP(response_freep)
        struct response *response = ask_batch("/v1/practices/batch-get", body);

        cr_assert_eq(response->status, 200, "%s: %.300s", ROWS[i].why, response->body);
        cr_expect(records_contain(response_at(response, "/unchanged"), id), "%s, %s: %.300s",
                  ROWS[i].why, told, response->body);
        cr_expect_eq(json_array_size(response_at(response, "/data")), 0, "%s", ROWS[i].why);
    }
}

Test(views, the_etag_of_a_record_is_the_same_alone_and_in_batches_of_every_resource)
{
    const json_t *resource;
    char path[PATH_BYTES];
    size_t r;

    json_array_foreach (records_resources(), r, resource) {
        const char *name = json_string_value(resource);
        const json_t *record = json_array_get(records_of(name), 0);

        (void)snprintf(path, sizeof(path), "/v1/%s/%s", name, record_text(record, "id"));
        CLEANUP(response_freep) struct response *alone = http_get(path);
        json_auto_t *body =
            json_pack("{s:[{s:s,s:s},{s:s,s:s}]}", "items", "id", record_text(record, "id"), "etag",
                      response_header(alone, "ETag"), "id",
                      record_text(json_array_get(records_of(name), 1), "id"), "etag", "\"old\"");

        (void)snprintf(path, sizeof(path), "/v1/%s/batch-get", name);
        CLEANUP(response_freep) struct response *batch = ask_batch(path, body);
        cr_expect(records_contain(response_at(batch, "/unchanged"), record_text(record, "id")),
                  "%s", path);
        cr_expect_eq(json_array_size(response_at(batch, "/data")), 1, "%s", path);
        CLEANUP(response_freep)
        struct response *other =
            http_get(json_string_value(response_at(batch, "/data/0/links/self")));
        cr_expect(json_equal(response_json(other), response_at(batch, "/data/0")),
                  "%s does not send the record in full", path);
        cr_expect_null(response_header(batch, "ETag"));
    }
}

Test(views, a_batch_tells_changed_unchanged_missing_and_gone_apart)
{
    static const char MISSING[] = "00000000-0000-7000-8000-00000000aaaa";
    static const char GONE[] = "00000000-0000-7000-8000-00000000bbbb";
    const char *changed = id_of("practices", "views-04"), *same = id_of("practices", "views-05"),
               *unknown = id_of("practices", "views-06"),
               *foreign = id_of("organisations", "views-hub");
    char *etag = etag_of("views-05", "identity"), upper[40];

    test_database_run("insert into published.gone (resource, id, slug) values ('practices', "
                      "'00000000-0000-7000-8000-00000000bbbb', 'views-batch-gone')");
    for (size_t i = 0; i <= strlen(unknown); i++)
        upper[i] = (char)toupper((unsigned char)unknown[i]);
    json_auto_t *body =
        json_pack("{s:[{s:s,s:s},{s:s,s:s},{s:s},{s:s},{s:s,s:s},{s:s}]}", "items", "id", changed,
                  "etag", "\"0123456789abcdef\"", "id", same, "etag", etag, "id", upper, "id",
                  MISSING, "id", GONE, "etag", etag, "id", foreign);
    CLEANUP(response_freep) struct response *response = ask_batch("/v1/practices/batch-get", body);
    json_auto_t *sent = records_pluck(response_at(response, "/data"), "id");

    free(etag);
    cr_assert_eq(response->status, 200, "%.300s", response->body);
    cr_assert_eq(json_array_size(sent), 2);
    cr_assert(records_contain(sent, changed) && records_contain(sent, unknown));
    cr_assert_eq(json_array_size(response_at(response, "/unchanged")), 1);
    cr_assert(records_contain(response_at(response, "/unchanged"), same));
    cr_assert_eq(json_array_size(response_at(response, "/missing")), 2);
    cr_assert(records_contain(response_at(response, "/missing"), MISSING));
    cr_assert(records_contain(response_at(response, "/missing"), foreign));
    cr_assert_eq(json_array_size(response_at(response, "/gone")), 1);
    cr_assert(records_contain(response_at(response, "/gone"), GONE));
    cr_assert_str_eq(response_header(response, "Cache-Control"), "no-store");
}

Test(views, a_batch_shows_records_as_fields_and_includes_ask)
{
    json_auto_t *body = json_pack("{s:[s,s]}", "ids", id_of("practices", "views-08"),
                                  id_of("practices", "views-07"));
    CLEANUP(response_freep)
    struct response *response =
        ask_batch("/v1/practices/batch-get?fields=country&include=organisations", body);

    cr_assert_eq(json_array_size(response_at(response, "/data")), 2);
    cr_assert_str_eq(response_text_at(response, "/data/0/slug"), "views-08", "as asked for");
    cr_assert_eq(json_object_size(response_at(response, "/data/0")), 5);
    cr_assert_str_eq(response_text_at(response, "/data/1/organisations/0/name"), "Views hub");
}

static json_t *many_ids(size_t count)
{
    json_t *ids = json_array();
    char id[64];

    for (size_t i = 0; i < count; i++) {
        (void)snprintf(id, sizeof(id), "00000000-0000-7000-8000-%012zu", i);
        cr_assert_eq(json_array_append_new(ids, json_string(id)), 0);
    }
    return ids;
}

Test(views, a_hundred_records_can_be_asked_for_at_once_and_no_more)
{
    json_auto_t *good = json_pack("{s:o}", "ids", many_ids(100));
    json_auto_t *bad = json_pack("{s:o}", "ids", many_ids(101));
    CLEANUP(response_freep) struct response *answered = ask_batch("/v1/practices/batch-get", good);
    CLEANUP(response_freep) struct response *refused = ask_batch("/v1/practices/batch-get", bad);

    cr_assert_eq(json_array_size(response_at(answered, "/missing")), 100);
    cr_assert_eq(refused->status, 422);
    cr_assert_str_eq(response_text_at(refused, "/errors/0/pointer"), "/ids");
}

Test(views, a_wrong_batch_is_refused_with_the_place_of_every_fault)
{
#define AN_ID "00000000-0000-7000-8000-000000000000"
    static const struct {
        const char *why;
        const char *body;
        int status;
        const char *pointer; /* of one of the errors; NULL: of no matter */
    } ROWS[] = {
        {"nothing asked for", "{}", 422, ""},
        {"no ids", "{\"ids\":[]}", 422, "/ids"},
        {"ids that are no list", "{\"ids\":\"" AN_ID "\"}", 422, "/ids"},
        {"a slug", "{\"ids\":[\"views-01\"]}", 422, "/ids/0"},
        {"a number", "{\"ids\":[\"" AN_ID "\",7]}", 422, "/ids/1"},
        {"nothing as an id", "{\"ids\":[null]}", 422, "/ids/0"},
        {"a member too many", "{\"ids\":[\"" AN_ID "\"],\"more\":1}", 422, "/more"},
        {"an item without id", "{\"items\":[{\"etag\":\"x\"}]}", 422, "/items/0/id"},
        {"an item that is text", "{\"items\":[\"" AN_ID "\"]}", 422, "/items/0"},
        {"a member of an item too many", "{\"items\":[{\"id\":\"" AN_ID "\",\"tag\":\"x\"}]}", 422,
         "/items/0/tag"},
        {"an empty ETag", "{\"items\":[{\"id\":\"" AN_ID "\",\"etag\":\"\"}]}", 422,
         "/items/0/etag"},
        {"an ETag of a number", "{\"items\":[{\"id\":\"" AN_ID "\",\"etag\":1}]}", 422,
         "/items/0/etag"},
        {"ids and items", "{\"ids\":[\"" AN_ID "\"],\"items\":[{\"id\":\"" AN_ID "\"}]}", 422,
         NULL},
        {"a list", "[\"" AN_ID "\"]", 422, ""},
        {"text", "\"ids\"", 400, NULL},
        {"no JSON", "{\"ids\":", 400, NULL},
        {"ids twice", "{\"ids\":[\"" AN_ID "\"],\"ids\":[\"" AN_ID "\"]}", 400, NULL},
        {"nothing", "", 400, NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = http_post("/v1/practices/batch-get", ROWS[i].body);
        json_auto_t *pointers = json_array();
        const json_t *error;
        size_t j;

        cr_expect_eq(response->status, ROWS[i].status, "%s: %.300s", ROWS[i].why, response->body);
        json_array_foreach (response_at(response, "/errors"), j, error)
            cr_assert_eq(
                json_array_append_new(pointers, json_string(record_text(error, "pointer"))), 0);
        cr_expect(ROWS[i].pointer == NULL || records_contain(pointers, ROWS[i].pointer), "%s: %s",
                  ROWS[i].why, response->body);
    }
#undef AN_ID
}

Test(views, a_batch_of_an_unknown_resource_or_parameter_is_refused)
{
    json_auto_t *body = json_pack("{s:o}", "ids", many_ids(1));
    CLEANUP(response_freep) struct response *resource = ask_batch("/v1/practises/batch-get", body);
    CLEANUP(response_freep)
    struct response *parameter = ask_batch("/v1/practices/batch-get?limit=1", body);

    cr_assert_eq(resource->status, 404);
    cr_assert_not_null(strstr(response_text_at(resource, "/detail"), "practices"));
    cr_assert_eq(parameter->status, 400);
    cr_assert_str_eq(response_text_at(parameter, "/errors/0/parameter"), "limit");
}

/* ---- what is gone, and what has moved ---- */

static void run_sql(const char *format, const char *value)
{
    struct text sql;

    text_init(&sql, BODY_BYTES_MAX);
    text_append_format(&sql, "%s'%s')", format, value);
    test_database_run(sql.bytes);
    text_deinit(&sql);
}

static void check_gone(const char *path)
{
    CLEANUP(response_freep) struct response *response = http_get(path);
    CLEANUP(response_freep) struct response *head = http_send("HEAD", path, NULL, NULL, 0);

    cr_expect_eq(response->status, 410, "%s: %d", path, response->status);
    cr_expect_eq(head->status, 410, "%s", path);
    if (response->status != 410)
        return;
    cr_expect_str_eq(response_text_at(response, "/type"), "/problems/gone");
    cr_expect_str_eq(response_text_at(response, "/deleted_at"), "2026-02-03T04:05:06.789Z", "%s",
                     path);
}

Test(views, what_was_deleted_answers_gone_with_the_time_and_what_took_its_place)
{
    char path[PATH_BYTES];

    run_sql("insert into published.gone (resource, id, slug, deleted_at, replaced_by) values "
            "('practices', '00000000-0000-7000-8000-00000000cccc', 'views-gone', "
            "'2026-02-03T04:05:06.789Z', ",
            id_of("practices", "views-09"));
    check_gone("/v1/practices/views-gone");
    check_gone("/v1/practices/00000000-0000-7000-8000-00000000cccc");
    check_gone("/v1/practices/00000000-0000-7000-8000-00000000CCCC");
    check_gone("/v1/practices/views-gone?fields=title&include=organisations");
    check_gone("/v1/practices/views-gone/trainings");
    check_gone("/v1/practices/views-gone/trainings?format=ndjson");

    CLEANUP(response_freep) struct response *response = http_get("/v1/practices/views-gone");
    (void)snprintf(path, sizeof(path), "/v1/practices/%s", id_of("practices", "views-09"));
    cr_assert_str_eq(response_text_at(response, "/replaced_by"), path);
    CLEANUP(response_freep)
    struct response *replacement = http_get(response_text_at(response, "/replaced_by"));
    cr_assert_str_eq(response_text_at(replacement, "/slug"), "views-09");
    CLEANUP(response_freep) struct response *elsewhere = http_get("/v1/trainings/views-gone");
    cr_assert_eq(elsewhere->status, 404, "the tombstone belongs to its resource");
}

Test(views, a_slug_that_was_used_and_deleted_twice_tells_the_later_time)
{
    test_database_run(
        "insert into published.gone (resource, id, slug, deleted_at) values "
        "('practices', '00000000-0000-7000-8000-0000000d0001', 'views-twice', '2024-01-01'), "
        "('practices', '00000000-0000-7000-8000-0000000d0002', 'views-twice', "
        "'2026-02-03T04:05:06.789Z'), "
        "('practices', '00000000-0000-7000-8000-0000000d0003', 'views-twice', '2025-01-01')");
    check_gone("/v1/practices/views-twice");
}

static void check_moved(const char *path, const char *location)
{
    CLEANUP(response_freep) struct response *response = http_get(path);
    const char *given = response_header(response, "Location");

    cr_expect_eq(response->status, 308, "%s: %d", path, response->status);
    cr_expect_str_eq(given == NULL ? "" : given, location, "%s", path);
}

Test(views, an_old_slug_leads_to_the_new_one_with_everything_that_was_asked)
{
    run_sql("insert into published.moved (resource, slug, id) values ('practices', 'views-old', ",
            id_of("practices", "views-10"));
    run_sql("insert into published.moved (resource, slug, id) values ('organisations', "
            "'views-old-hub', ",
            id_of("organisations", "views-hub"));
    check_moved("/v1/practices/views-old", "/v1/practices/views-10");
    check_moved("/v1/practices/views-old?fields=title&lang=fr",
                "/v1/practices/views-10?fields=title&lang=fr");
    check_moved("/v1/organisations/views-old-hub/practices",
                "/v1/organisations/views-hub/practices");
    check_moved("/v1/organisations/views-old-hub/practices?country=SE&limit=3",
                "/v1/organisations/views-hub/practices?country=SE&limit=3");
    check_moved("/v1/organisations/views-old-hub/practices?format=csv",
                "/v1/organisations/views-hub/practices?format=csv");
    CLEANUP(response_freep) struct response *elsewhere = http_get("/v1/trainings/views-old");
    cr_assert_eq(elsewhere->status, 404, "the old slug belongs to its resource");
}

Test(views, a_slug_in_use_is_neither_gone_nor_moved)
{
    test_database_run("insert into published.gone (resource, id, slug) values ('practices', "
                      "'00000000-0000-7000-8000-00000000dddd', 'views-11')");
    run_sql("insert into published.moved (resource, slug, id) values ('practices', 'views-11', ",
            id_of("practices", "views-12"));
    CLEANUP(response_freep) struct response *response = http_get("/v1/practices/views-11");

    cr_assert_eq(response->status, 200);
    cr_assert_str_eq(response_text_at(response, "/slug"), "views-11");
}

Test(views, an_old_slug_of_a_record_that_is_gone_is_gone)
{
    test_database_run("insert into published.moved (resource, slug, id) values ('practices', "
                      "'views-older', '00000000-0000-7000-8000-00000000eeee'); "
                      "insert into published.gone (resource, id, slug, deleted_at) values "
                      "('practices', '00000000-0000-7000-8000-00000000eeee', 'views-newer', "
                      "'2026-02-03T04:05:06.789Z')");
    check_gone("/v1/practices/views-older");
    check_gone("/v1/practices/views-newer");
}
