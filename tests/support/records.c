#include "support/records.h"

#include "base/text.h"
#include "support/database.h"
#include "support/http.h"
#include "support/program.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULT "RECORDS_FAULT"
#define TEXT_BYTES_MAX (64 * 1024)
#define URL_BYTES 256

static void note_fault(const char *what)
{
    if (setenv(FAULT, what, 1) != 0)
        abort();
}

void records_import(const char *folder)
{
    const char *source = getenv("EXPRESS_SOURCE_DIR"), *database = getenv("API_DATABASE_URL");
    struct program_result result;
    struct text path, setting;

    if (source == NULL || database == NULL) {
        note_fault("no EXPRESS_SOURCE_DIR, or no server");
        return;
    }
    text_init(&path, TEXT_BYTES_MAX);
    text_init(&setting, TEXT_BYTES_MAX);
    text_append_format(&path, "%s/tests/integration/records/%s", source, folder);
    text_append_format(&setting, "EXPRESS_DATABASE_URL=%s", database);
    if (!program_run((const char *const[]){"import", path.bytes, NULL},
                     (const char *const[]){setting.bytes, NULL}, &result) ||
        result.exit_code != 0)
        note_fault(result.error);
    program_result_deinit(&result);
    text_deinit(&path);
    text_deinit(&setting);
}

void records_execute(const char *sql)
{
    const char *database = getenv("API_DATABASE_URL");
    char *what = NULL;

    if (database == NULL || !test_database_execute(database, sql, &what))
        note_fault(what == NULL ? "no server" : what);
    free(what);
}

void records_ready(void)
{
    const char *fault = getenv(FAULT);

    if (fault != NULL)
        cr_assert_fail("the records of the tests were not imported: %s", fault);
}

const json_t *records_resources(void)
{
    static json_t *names;
    const json_t *resource;
    size_t i;

    if (names != NULL)
        return names;
    CLEANUP(response_freep) struct response *response = http_get("/");

    names = json_array();
    json_array_foreach (response_at(response, "/resources"), i, resource)
        cr_assert_eq(json_array_append(names, json_object_get(resource, "name")), 0);
    cr_assert_gt(json_array_size(names), 0);
    return names;
}

/* The lines of an NDJSON body. */
static json_t *read_lines(const char *body)
{
    json_t *records = json_array();
    size_t length;

    for (const char *at = body; *at != '\0'; at += length + 1) {
        length = strcspn(at, "\n");
        cr_assert_eq(at[length], '\n', "the last line has no end");
        cr_assert_eq(json_array_append_new(records, json_loadb(at, length, 0, NULL)), 0,
                     "no record: %.200s", at);
    }
    return records;
}

const json_t *records_of(const char *resource)
{
    static json_t *lists;
    const json_t *known = json_object_get(lists, resource);
    char path[URL_BYTES];

    if (known != NULL)
        return known;
    if (lists == NULL)
        lists = json_object();
    (void)snprintf(path, sizeof(path), "/v1/%s?format=ndjson", resource);
    CLEANUP(response_freep) struct response *response = http_get(path);

    cr_assert_eq(response->status, 200);
    cr_assert_eq(json_object_set_new(lists, resource, read_lines(response->body)), 0);
    return json_object_get(lists, resource);
}

const json_t *record_find(const json_t *records, const char *slug)
{
    const json_t *record;
    size_t i;

    json_array_foreach (records, i, record)
        if (strcmp(record_text(record, "slug"), slug) == 0)
            return record;
    cr_assert_fail("no record with the slug %s", slug);
    return NULL;
}

const char *record_text(const json_t *record, const char *name)
{
    const char *text = json_string_value(json_object_get(record, name));

    return text == NULL ? "" : text;
}

bool records_contain(const json_t *texts, const char *text)
{
    const json_t *each;
    size_t i;

    json_array_foreach (texts, i, each)
        if (json_is_string(each) && strcmp(json_string_value(each), text) == 0)
            return true;
    return false;
}

json_t *records_pluck(const json_t *records, const char *name)
{
    json_t *values = json_array();
    const json_t *record;
    size_t i;

    json_array_foreach (records, i, record)
        cr_assert_eq(json_array_append(values, json_object_get(record, name)), 0,
                     "a record without %s", name);
    return values;
}

/* One page; @cursor NULL: the first. */
static struct response *get_page(const char *path, unsigned limit, const char *cursor)
{
    struct response *response;
    struct text text;

    text_init(&text, TEXT_BYTES_MAX);
    text_append_format(&text, "%s%climit=%u", path, strchr(path, '?') == NULL ? '?' : '&', limit);
    if (cursor != NULL) {
        text_append(&text, "&cursor=");
        text_append_uri(&text, cursor);
    }
    response = http_get(text.bytes);
    cr_assert_eq(response->status, 200, "%s: %.300s", text.bytes, response->body);
    text_deinit(&text);
    return response;
}

static void check_no_repeats(const json_t *records, const char *path)
{
    json_auto_t *seen = json_object();
    const json_t *record;
    size_t i;

    json_array_foreach (records, i, record)
        cr_assert_eq(json_object_set_new_nocheck(seen, record_text(record, "id"), json_true()), 0);
    cr_assert_eq(json_object_size(seen), json_array_size(records), "%s shows a record twice", path);
}

json_t *records_walk(const char *path, unsigned limit)
{
    json_t *records = json_array();
    struct response *response = get_page(path, limit, NULL);
    size_t end;

    cr_assert(json_is_null(response_at(response, "/page/previous")), "%s", path);
    for (;;) {
        const char *next = json_string_value(response_at(response, "/page/next"));
        struct response *following;

        cr_assert_eq(json_array_extend(records, json_object_get(response_json(response), "data")),
                     0);
        if (next == NULL)
            break;
        cr_assert_eq(json_array_size(response_at(response, "/data")), limit, "%s", path);
        following = get_page(path, limit, next);
        response_free(response);
        response = following;
    }
    check_no_repeats(records, path);

    end = json_array_size(records) - json_array_size(response_at(response, "/data"));
    while (end > 0) {
        struct response *before =
            get_page(path, limit, response_text_at(response, "/page/previous"));
        size_t count = json_array_size(response_at(before, "/data"));

        response_free(response);
        response = before;
        cr_assert(count > 0 && count <= end, "%s: a page too long or empty, backward", path);
        end -= count;
        for (size_t i = 0; i < count; i++)
            cr_assert_str_eq(record_text(json_array_get(response_at(response, "/data"), i), "id"),
                             record_text(json_array_get(records, end + i), "id"), "%s, backward",
                             path);
    }
    cr_assert(json_is_null(response_at(response, "/page/previous")), "%s, backward", path);
    response_free(response);
    return records;
}
