/*
 * What was written comes back: every record of the founding catalogue, and a sample with every
 * property that there is, from the pages of the list, from its stream, and alone. Then the same
 * through the command line: imported again, exported and imported, and with faults in it.
 */
#include "base/text.h"
#include "support/comparison.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/program.h"
#include "support/samples.h"
#include "support/server.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_TEXT_BYTES_MAX 4096
#define RECORDS_OF_THE_CATALOGUE 729
#define SOURCE "express" /* as which database.c loads the catalogue */

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(catalogue, .init = sample_import_once, .fini = test_ends_without_leaks, .timeout = 120);

/* --- what was written ----------------------------------------------------------------------- */

/* A record that names no source comes from the one that it was imported from, by its slug. */
static void add_source(json_t *record)
{
    json_t *source = json_object_get(record, "source");

    if (json_object_get(source, "name") != NULL)
        return;
    if (source == NULL) {
        source = json_object();
        list_must(json_object_set_new(record, "source", source) == 0);
    }
    list_must(json_object_set_new(source, "name", json_string(SOURCE)) == 0);
    list_must(json_object_set(source, "external_id", json_object_get(record, "slug")) == 0);
}

/* Records by slug, of each resource; samples, too. Borrowed; read once in a process. */
static json_t *written_of(const struct resource *resource)
{
    static json_t *written[RESOURCES_MAX];
    const char *folder = getenv("EXPRESS_CATALOGUE_DIR");
    char path[PATH_TEXT_BYTES_MAX];
    json_t *list, *by_slug, *record;
    json_error_t error;
    size_t i;

    if (written[resource->index] != NULL)
        return written[resource->index];
    cr_assert_not_null(folder, "EXPRESS_CATALOGUE_DIR is not set: run the tests with tools/test");
    (void)snprintf(path, sizeof(path), "%s/%s.json", folder, resource->path);
    list = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (list == NULL)
        cr_assert_fail("%s: %s", path, error.text);
    for (unsigned variant = 0; variant < 2; variant++)
        list_must(json_array_append_new(list, sample_record(resource, variant)) == 0);
    by_slug = json_object();
    json_array_foreach (list, i, record) {
        add_source(record);
        list_must(json_object_set(by_slug, json_string_value(json_object_get(record, "slug")),
                                  record) == 0);
    }
    cr_assert_eq(json_object_size(by_slug), json_array_size(list), "%s: a slug is there twice",
                 path);
    json_decref(list);
    written[resource->index] = by_slug;
    return by_slug;
}

/* --- comparing ------------------------------------------------------------------------------ */

/* Any record may lead to any other. */
static const json_t *target(const struct resource *resource, const char *slug)
{
    return json_object_get(written_of(resource), slug);
}

/* What the server adds: its own properties, and links. */
static void check_added(const struct comparison *comparison, const struct resource *resource,
                        const json_t *shown)
{
    static const char *const NAMES[] = {"id", "status", "version", "created_at", "updated_at"};
    const json_t *links = json_object_get(shown, "links");
    const char *self = json_string_value(json_object_get(links, "self"));

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        if (json_object_get(shown, NAMES[i]) == NULL)
            cr_assert_fail("%s lacks %s", comparison->where, NAMES[i]);
    if (json_object_size(links) != resource->referrer_count + 1 || self == NULL ||
        strstr(self, json_string_value(json_object_get(shown, "slug"))) == NULL)
        cr_assert_fail("%s has other links than its own", comparison->where);
}

/* Of one record: every property as it was written, and nothing else. */
static void compare_record(const struct resource *resource, const json_t *shown, bool is_whole,
                           const char *from)
{
    const char *slug = json_string_value(json_object_get(shown, "slug"));
    const json_t *written = json_object_get(written_of(resource), slug);
    char where[PATH_TEXT_BYTES_MAX];
    const struct comparison comparison = {.where = where, .target = target};

    (void)snprintf(where, sizeof(where), "%.999s: %.999s", from, slug);
    if (written == NULL)
        cr_assert_fail("%s was never written", where);
    for (size_t i = 0; i < resource->property_count; i++) {
        const struct property *property = &resource->properties[i];
        const json_t *before = json_object_get(written, property->name);
        json_auto_t *fallback = NULL;

        if (property->read_only || property->is_computed)
            continue;
        if (strcmp(property->name, "language") == 0 && before == NULL)
            before = fallback = json_string("en");
        if (!is_whole && (property->detail || strcmp(property->name, "translations") == 0))
            before = NULL;
        compare_property(&comparison, property, before, json_object_get(shown, property->name));
    }
    compare_names(&comparison, resource, shown);
    check_added(&comparison, resource, shown);
}

/* --- the records, as they are read ---------------------------------------------------------- */

Test(catalogue, pages_show_every_record_as_it_was_written)
{
    const struct contract *contract = list_contract();
    size_t compared = 0;

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        json_auto_t *records = NULL;
        const json_t *record;
        char path[PATH_TEXT_BYTES_MAX];
        size_t j;

        (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
        records = list_pages(path, "", 20);
        cr_assert_eq(json_array_size(records), json_object_size(written_of(resource)), "%s", path);
        json_array_foreach (records, j, record)
            compare_record(resource, record, false, path);
        compared += json_array_size(records);
    }
    cr_assert_eq(compared, RECORDS_OF_THE_CATALOGUE + 2 * contract_resource_count(contract));
}

Test(catalogue, the_stream_shows_every_record_as_it_was_written)
{
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        CLEANUP(response_freep) struct response *response = NULL;
        char path[PATH_TEXT_BYTES_MAX];
        size_t lines = 0;

        (void)snprintf(path, sizeof(path), "/v1/%s?format=ndjson", resource->path);
        response = http_get(path);
        cr_assert_eq(response->status, 200);
        for (const char *line = response->body; *line != '\0'; lines++) {
            const size_t length = strcspn(line, "\n");
            json_auto_t *record = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);

            if (record == NULL)
                cr_assert_fail("%s: no JSON in line %zu: %.*s", path, lines, (int)length, line);
            compare_record(resource, record, false, path);
            line += length + (line[length] == '\n');
        }
        cr_assert_eq(lines, json_object_size(written_of(resource)), "%s", path);
    }
}

Test(catalogue, each_record_alone_has_everything_that_was_written)
{
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        const char *slug;
        json_t *written;

        json_object_foreach (written_of(resource), slug, written) {
            CLEANUP(response_freep) struct response *by_slug = NULL;
            CLEANUP(response_freep) struct response *by_id = NULL;
            char path[PATH_TEXT_BYTES_MAX];

            (void)snprintf(path, sizeof(path), "/v1/%s/%s?lang=all", resource->path, slug);
            by_slug = http_get(path);
            if (by_slug->status != 200)
                cr_assert_fail("%s answers %d", path, by_slug->status);
            compare_record(resource, response_json(by_slug), true, path);
            if (strncmp(slug, "sample-", 7) != 0)
                continue;
            (void)snprintf(path, sizeof(path), "/v1/%s/%s?lang=all", resource->path,
                           response_text_at(by_slug, "/id"));
            by_id = http_get(path);
            cr_assert_str_eq(by_id->body, by_slug->body, "%s", path);
        }
    }
}

/* --- import and export ---------------------------------------------------------------------- */

/* All that a change would change. Owned. */
static char *state_of_the_catalogue(void)
{
    return test_database_value(
        "select concat_ws(' ', (select count(*) || ' ' || max(seq) from catalogue.change), "
        "(select count(*) || ' ' || sum(version) || ' ' || max(updated_at) from catalogue.record), "
        "(select md5(string_agg(etag, ' ' order by id)) from published.practices_documents), "
        "(select md5(string_agg(etag, ' ' order by id)) from published.organisations_documents))");
}

static void run(const char *const *arguments, struct program_result *ret_result)
{
    char setting[PATH_TEXT_BYTES_MAX];

    (void)snprintf(setting, sizeof(setting), "EXPRESS_DATABASE_URL=%s", getenv("API_DATABASE_URL"));
    if (!program_run(arguments, (const char *const[]){setting, NULL}, ret_result))
        cr_assert_fail("%s: %s", arguments[0], ret_result->error);
}

/* Imports a folder, of which nothing is new. */
static void import_unchanged(const char *folder, size_t record_count)
{
    char *before = state_of_the_catalogue(), *after;
    struct program_result result;
    char summary[128];

    (void)snprintf(summary, sizeof(summary), "0 records created, 0 updated, %zu unchanged",
                   record_count);
    run((const char *const[]){"import", "--source", SOURCE, folder, NULL}, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    cr_assert_not_null(strstr(result.error, summary), "%s", result.error);
    after = state_of_the_catalogue();
    cr_assert_str_eq(after, before);
    program_result_deinit(&result);
    free(before);
    free(after);
}

Test(catalogue, the_same_import_again_changes_nothing)
{
    import_unchanged(getenv("EXPRESS_CATALOGUE_DIR"), RECORDS_OF_THE_CATALOGUE);
}

/* The files of a folder, and the folder. */
static void remove_folder(const char *folder)
{
    char path[PATH_TEXT_BYTES_MAX];
    DIR *entries = opendir(folder);

    cr_assert_not_null(entries);
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            list_must(unlink(path) == 0);
    }
    (void)closedir(entries); /* only read */
    list_must(rmdir(folder) == 0);
}

Test(catalogue, an_export_imported_changes_nothing)
{
    const size_t resource_count = contract_resource_count(list_contract());
    char folder[] = "/tmp/express-export-XXXXXX", exported[64];
    const size_t record_count = RECORDS_OF_THE_CATALOGUE + 2 * resource_count;
    struct program_result result;

    cr_assert_not_null(mkdtemp(folder));
    run((const char *const[]){"export", folder, NULL}, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    (void)snprintf(exported, sizeof(exported), "%zu records exported", record_count);
    cr_assert_not_null(strstr(result.error, exported), "%s", result.error);
    program_result_deinit(&result);
    import_unchanged(folder, record_count);
    remove_folder(folder);
}

/* Good are the first practice, which would change, and the organisation. */
static const char WITH_FAULTS[] =
    "{\"practices\": ["
    "{\"slug\": \"univerbal\", \"title\": \"Changed\", \"summary\": \"Changed.\"},"
    "{\"slug\": \"bad\", \"title\": \"Bad\", \"sumary\": \"Bad.\", \"activity_status\": \"actve\","
    " \"organisations\": [\"univerbal\", \"no-such-body\"], \"started_on\": \"2015-13\","
    " \"ended_on\": \"2015-02-30\", \"languages\": [\"fr\", \"EN_us\"],"
    " \"location\": {\"lat\": 90.5, \"lon\": 0},"
    " \"impact\": [{\"indicator\": \"people\", \"value\": 1}],"
    " \"version\": 7, \"translations\": ["
    " {\"language\": \"fr\", \"property\": \"country\", \"text\": \"x\", \"origin\": \"author\"}]},"
    "{\"slug\": \"bad\", \"title\": \"Twice\", \"summary\": \"Twice.\"},"
    "{\"title\": \"Nameless\", \"summary\": \"Nameless.\"},"
    "{\"slug\": \"Capital\", \"title\": \"Capital\", \"summary\": \"Capital.\"},"
    "\"no record\","
    "{\"slug\": \"astray\", \"title\": \"Astray\", \"summary\": \"Astray.\","
    " \"projects\": [\"no-project\"]}],"
    "\"financing-offers\": ["
    "{\"slug\": \"bad-offer\", \"title\": \"Bad\", \"summary\": \"Bad.\","
    " \"minimum_amount\": {\"amount\": \"12,50\", \"currency\": \"eur\"},"
    " \"maximum_amount\": {\"amount\": \"1\"}}],"
    "\"organisations\": ["
    "{\"slug\": \"new-body\", \"name\": \"New\", \"legal_form\": \"association\","
    " \"summary\": \"New.\","
    " \"source\": {\"document\": \"express-project-page\"}}]}";

Test(catalogue, an_import_with_faults_changes_nothing_and_tells_them_all)
{
    /* Each: where, what, and a word that helps. */
    static const struct {
        const char *where, *code, *help, *why;
    } ROWS[] = {
        {"practices.json/1/sumary", "unknown-member", "\"summary\"?", "a misspelt property"},
        {"practices.json/1/summary", "required", "", "a property that must be there"},
        {"practices.json/1/activity_status", "not-allowed", "\"active\"?", "a misspelt value"},
        {"practices.json/1/organisations/1", "unknown-reference", "organisations",
         "a relation to no record"},
        {"practices.json/1/started_on", "format", "", "a thirteenth month"},
        {"practices.json/1/ended_on", "format", "", "a day that the month has not"},
        {"practices.json/1/languages/1", "format", "", "an underscore in a language tag"},
        {"practices.json/1/location/lat", "too-large", "", "beyond the pole"},
        {"practices.json/1/impact/0/unit", "required", "", "a property of a row"},
        {"practices.json/1/version", "read-only", "leave it out", "what the server sets"},
        {"practices.json/1/translations/0/property", "not-translatable", "'country'",
         "a code is no text"},
        {"practices.json/2/slug", "duplicate-slug", "", "a slug that is there twice"},
        {"practices.json/3/slug", "required", "", "no slug"},
        {"practices.json/4/slug", "pattern", "", "a slug with a capital"},
        {"practices.json/5", "wrong-type", "", "no record at all"},
        {"practices.json/6/projects/0", "unknown-reference", "projects",
         "a relation of a record without another fault"},
        {"financing-offers.json/0/minimum_amount/amount", "format", "1250.50",
         "a comma in a sum of money"},
        {"financing-offers.json/0/minimum_amount/currency", "pattern", "", "a currency in small"},
        {"financing-offers.json/0/maximum_amount/currency", "required", "", "a sum of nothing"},
    };
    json_auto_t *records = json_loads(WITH_FAULTS, JSON_REJECT_DUPLICATES, NULL);
    char *before = state_of_the_catalogue(), *after;
    struct program_result result;

    cr_assert_not_null(records);
    list_import(records, &result);
    cr_assert_neq(result.exit_code, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char line[256];
        const char *found;

        (void)snprintf(line, sizeof(line), "%s: %s", ROWS[i].where, ROWS[i].code);
        found = strstr(result.error, line);
        cr_expect(found != NULL, "%s: no '%s'", ROWS[i].why, line);
        found = found == NULL ? NULL : strstr(found, ROWS[i].help);
        cr_expect(found != NULL && (size_t)(found - strstr(result.error, line)) <
                                       strcspn(strstr(result.error, line), "\n"),
                  "%s: no %s in the line", ROWS[i].why, ROWS[i].help);
    }
    cr_expect_null(strstr(result.error, "practices.json/0"), "a good record is blamed");
    cr_expect_null(strstr(result.error, "organisations.json"), "a good record is blamed");
    after = state_of_the_catalogue();
    cr_expect_str_eq(after, before);
    cr_assert_not_null(strstr(result.error, "nothing was imported"), "%s", result.error);
    program_result_deinit(&result);
    free(before);
    free(after);
}
