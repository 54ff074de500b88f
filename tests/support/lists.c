#include "support/lists.h"

#include "base/text.h"
#include "support/http.h"
#include "support/program.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define QUERY_BYTES_MAX (64 * 1024)
#define PAGES_MAX 1000 /* a list that does not end is a fault, not a wait */
#define PATH_TEXT_BYTES_MAX 4096

void list_must(bool done)
{
    if (!done)
        cr_assert_fail("out of memory, or no place for a file");
}

static char *take(struct text *text)
{
    size_t length;
    char *bytes = text_steal(text, &length);

    list_must(bytes != NULL);
    return bytes;
}

const struct contract *list_contract(void)
{
    static struct contract *contract;
    const char *path = getenv("EXPRESS_CONTRACT_JSON");
    json_auto_t *document = NULL;
    char *bytes, *what = NULL;

    if (contract != NULL)
        return contract;
    cr_assert_not_null(path, "EXPRESS_CONTRACT_JSON is not set: run the tests with tools/test");
    document = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    bytes = json_dumps(document, JSON_COMPACT);
    cr_assert_not_null(bytes, "%s cannot be read", path);
    if (contract_new(bytes, strlen(bytes), &contract, &what) != 0)
        cr_assert_fail("%s: %s", path, what == NULL ? "out of memory" : what);
    free(bytes);
    return contract;
}

/* --- lists -------------------------------------------------------------------------------- */

static json_t *lists[RESOURCES_MAX];

void list_forget(void)
{
    for (size_t i = 0; i < RESOURCES_MAX; i++) {
        json_decref(lists[i]);
        lists[i] = NULL;
    }
}

void list_query_add(struct text *query, const char *name, const char *value)
{
    if (query->length > 0)
        text_append_char(query, '&');
    text_append_uri(query, name);
    text_append_char(query, '=');
    text_append_uri(query, value);
}

void list_value_add(struct text *values, const char *value)
{
    if (values->length > 0 && strcmp(values->bytes, "not.") != 0)
        text_append_char(values, ',');
    for (; *value != '\0'; value++) {
        if (*value == ',' || *value == '\\')
            text_append_char(values, '\\');
        text_append_char(values, *value);
    }
}

/* One page; @cursor may be NULL. Owned. */
static struct response *fetch(const char *path, const char *query, unsigned limit,
                              const char *cursor)
{
    struct response *response;
    struct text address;

    text_init(&address, QUERY_BYTES_MAX);
    text_append_format(&address, "%s?limit=%u%s%s", path, limit, query[0] == '\0' ? "" : "&",
                       query);
    if (cursor != NULL)
        text_append_format(&address, "&cursor=%s", cursor);
    response = http_get(address.bytes);
    if (response->status != 200)
        cr_assert_fail("%s answers %d: %s", address.bytes, response->status, response->body);
    text_deinit(&address);
    return response;
}

/* Replaces @cursor by the one that the page gives in a direction; NULL at the end. */
static void step(struct response *response, const char *pointer, char **cursor)
{
    free(*cursor);
    *cursor = NULL;
    if (json_is_string(response_at(response, pointer)))
        *cursor = strdup(response_text_at(response, pointer));
}

static void append_records(struct response *response, json_t *list)
{
    const json_t *data = response_at(response, "/data");
    json_t *record;
    size_t i;

    json_array_foreach (data, i, record)
        list_must(json_array_append(list, record) == 0);
}

static void prepend_records(struct response *response, json_t *list)
{
    const json_t *data = response_at(response, "/data");
    json_t *record;
    size_t i;

    json_array_foreach (data, i, record)
        list_must(json_array_insert(list, i, record) == 0);
}

static json_t *walk(const char *path, const char *query, unsigned limit, bool back)
{
    json_t *forward = json_array(), *backward = json_array();
    char *cursor = NULL;

    for (size_t pages = 0; pages == 0 || cursor != NULL; pages++) {
        CLEANUP(response_freep) struct response *response = fetch(path, query, limit, cursor);

        if (pages == PAGES_MAX)
            cr_assert_fail("%s?%s does not end", path, query);
        append_records(response, forward);
        step(response, "/page/next", &cursor);
        if (cursor == NULL && back) {
            step(response, "/page/previous", &cursor);
            append_records(response, backward);
            break;
        }
    }
    for (size_t pages = 0; cursor != NULL; pages++) {
        CLEANUP(response_freep) struct response *response = fetch(path, query, limit, cursor);

        if (pages == PAGES_MAX)
            cr_assert_fail("%s?%s does not begin", path, query);
        prepend_records(response, backward);
        step(response, "/page/previous", &cursor);
    }
    json_decref(back ? forward : backward);
    return back ? backward : forward;
}

json_t *list_pages(const char *path, const char *query, unsigned limit)
{
    return walk(path, query, limit, false);
}

static json_t *ids_of(const char *path, const char *query, unsigned limit, bool back)
{
    json_t *ids = json_array();
    json_auto_t *records = NULL;
    json_t *record;
    struct text shown;
    size_t i;

    /* The shortest records that there are. */
    text_init(&shown, QUERY_BYTES_MAX);
    text_append_format(&shown, "fields=slug%s%s", query[0] == '\0' ? "" : "&", query);
    records = walk(path, shown.bytes, limit, back);
    json_array_foreach (records, i, record)
        list_must(json_array_append(ids, json_object_get(record, "id")) == 0);
    text_deinit(&shown);
    return ids;
}

json_t *list_ids(const char *path, const char *query, unsigned limit)
{
    return ids_of(path, query, limit, false);
}

json_t *list_ids_backward(const char *path, const char *query, unsigned limit)
{
    return ids_of(path, query, limit, true);
}

const json_t *list_records(const struct resource *resource)
{
    struct text query, path;

    if (lists[resource->index] != NULL)
        return lists[resource->index];
    text_init(&query, QUERY_BYTES_MAX);
    text_init(&path, QUERY_BYTES_MAX);
    text_append_format(&path, "/v1/%s", resource->path);
    for (size_t i = 0; i < resource->property_count; i++)
        if (!resource->properties[i].is_computed || resource->properties[i].is_timed)
            text_append_format(&query, "%s%s", query.length == 0 ? "fields=" : ",",
                               resource->properties[i].name);
    lists[resource->index] = walk(path.bytes, query.bytes, 100, false);
    text_deinit(&path);
    text_deinit(&query);
    return lists[resource->index];
}

/* --- values ------------------------------------------------------------------------------- */

static void collect(json_t *value, const char *path, json_t *values)
{
    const size_t length = strcspn(path, ".");
    json_t *item;
    size_t i;

    if (json_is_array(value)) {
        json_array_foreach (value, i, item)
            collect(item, path, values);
    } else if (value != NULL && path[0] == '\0') {
        list_must(json_array_append(values, value) == 0);
    } else if (value != NULL) {
        collect(json_object_getn(value, path, length), path + length + (path[length] == '.'),
                values);
    }
}

json_t *list_values(const json_t *record, const char *path)
{
    const size_t length = strcspn(path, ".");
    json_t *values = json_array();

    collect(json_object_getn(record, path, length), path + length + (path[length] == '.'), values);
    return values;
}

char *list_value_text(const json_t *value)
{
    struct text text;

    text_init(&text, QUERY_BYTES_MAX);
    if (json_is_object(value))
        text_append(&text, json_string_value(json_object_get(value, "slug")));
    else if (json_is_string(value))
        text_append(&text, json_string_value(value));
    else if (json_is_boolean(value))
        text_append(&text, json_is_true(value) ? "true" : "false");
    else if (json_is_integer(value))
        text_append_format(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        text_append_format(&text, "%.15g", json_real_value(value));
    return take(&text);
}

/* --- import ------------------------------------------------------------------------------- */

static char *make_folder(void)
{
    const char *parent = getenv("EXPRESS_TEST_FOLDER");
    struct text path;

    text_init(&path, PATH_TEXT_BYTES_MAX);
    text_append_format(&path, "%s/express-import-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(path.bytes) == NULL)
        cr_assert_fail("no folder for files to import: %s", strerror(errno));
    return take(&path);
}

void list_import(json_t *records, struct program_result *ret_result)
{
    const char *url = getenv("API_DATABASE_URL"), *resource;
    char *folder = make_folder();
    struct text setting, path;
    json_t *list;
    bool ran;

    cr_assert_not_null(url, "no server is running: the test file lacks SERVER_BEFORE_TESTS()");
    text_init(&setting, PATH_TEXT_BYTES_MAX);
    text_init(&path, PATH_TEXT_BYTES_MAX);
    text_append_format(&setting, "EXPRESS_DATABASE_URL=%s", url);
    json_object_foreach (records, resource, list) {
        text_clear(&path);
        text_append_format(&path, "%s/%s.json", folder, resource);
        list_must(json_dump_file(list, path.bytes, 0) == 0);
    }
    ran = program_run((const char *const[]){"import", folder, NULL},
                      (const char *const[]){setting.bytes, NULL}, ret_result);
    json_object_foreach (records, resource, list) {
        text_clear(&path);
        text_append_format(&path, "%s/%s.json", folder, resource);
        list_must(unlink(path.bytes) == 0);
    }
    list_must(rmdir(folder) == 0);
    text_deinit(&path);
    text_deinit(&setting);
    free(folder);
    if (!ran)
        cr_assert_fail("import: %s", ret_result->error);
}

void list_import_well(json_t *records)
{
    struct program_result result;

    list_import(records, &result);
    if (result.exit_code != 0)
        cr_assert_fail("import ends with %d: %s", result.exit_code, result.error);
    program_result_deinit(&result);
}

void list_import_once(const char *path, json_t *(*make)(void))
{
    const char *log_path = getenv("API_LOG");
    const int log = log_path == NULL ? -1 : open(log_path, O_RDONLY | O_CLOEXEC);
    CLEANUP(response_freep) struct response *response = NULL;

    cr_assert(log >= 0 && flock(log, LOCK_EX) == 0, "no server is running");
    response = http_get(path);
    if (response->status == 404) {
        json_auto_t *records = make();

        list_import_well(records);
    }
    (void)close(log); /* and so unlocked */
}
