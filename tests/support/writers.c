#include "support/writers.h"

#include "base/num.h"
#include "base/text.h"
#include "support/comparison.h"
#include "support/database.h"
#include "support/lists.h"
#include "support/tokens.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 1024
#define PATHS 64
#define HEADER_BYTES 512

const char *writer_partner(void)
{
    return token_for("partner", ORGANISATION);
}

const char *writer_other(void)
{
    return token_for("partner", OTHER_ORGANISATION);
}

const char *writer_editor(void)
{
    return token_for("editor", NULL);
}

const char *writer_admin(void)
{
    return token_for("admin", NULL);
}

const char *writer_of(const struct resource *resource)
{
    return strcmp(resource->path, "vocabularies") == 0 ? writer_admin() : writer_partner();
}

/* --- records
 * ---------------------------------------------------------------------------------------- */

json_t *writer_practice(const char *title)
{
    json_t *record = json_pack("{s:s,s:s}", "title", title, "summary", "Written by a test.");

    cr_assert_not_null(record);
    return record;
}

json_t *writer_record(const struct resource *resource, size_t which)
{
    const char *folder = getenv("EXPRESS_CATALOGUE_DIR");
    char path[PATH_BYTES];
    json_auto_t *list = NULL;
    json_error_t error;
    json_t *record;

    cr_assert_not_null(folder, "EXPRESS_CATALOGUE_DIR is not set: run the tests with tools/test");
    (void)snprintf(path, sizeof(path), "%s/%s.json", folder, resource->path);
    list = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (list == NULL)
        cr_assert_fail("%s: %s", path, error.text);
    record = json_incref(json_array_get(list, which));
    (void)json_object_del(record, "slug");
    (void)json_object_del(record, "source");
    return record;
}

/* --- requests
 * ---------------------------------------------------------------------------------------- */

struct response *write_text(const char *token, const char *method, const char *path,
                            const char *etag, const char *key, const char *body)
{
    char match[HEADER_BYTES], idempotency[HEADER_BYTES];
    const char *headers[3] = {NULL};
    size_t count = 0;

    if (etag != NULL) {
        (void)snprintf(match, sizeof(match), "If-Match: %s", etag);
        headers[count++] = match;
    }
    if (key != NULL) {
        (void)snprintf(idempotency, sizeof(idempotency), "Idempotency-Key: %s", key);
        headers[count++] = idempotency;
    }
    return http_as(token, method, path, headers, body);
}

struct response *write_as(const char *token, const char *method, const char *path, const char *etag,
                          const char *key, const json_t *body)
{
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    struct response *response;

    cr_assert(body == NULL || text != NULL);
    response = write_text(token, method, path, etag, key, text);
    free(text);
    return response;
}

struct response *read_as(const char *token, const char *path)
{
    return http_as(token, "GET", path, NULL, NULL);
}

const char *path_of(const char *format, ...)
{
    static char paths[PATHS][PATH_BYTES];
    static size_t next;
    char *path = paths[next++ % PATHS];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(path, PATH_BYTES, format, arguments);
    va_end(arguments);
    cr_assert(length > 0 && length < PATH_BYTES, "a path that is too long");
    return path;
}

/* --- what comes back
 * ------------------------------------------------------------------------------------ */

void expect_status(const struct response *response, int status, const char *why)
{
    if (response->status != status)
        cr_assert_fail("%s: %d, not %d: %.600s", why, response->status, status, response->body);
}

void expect_problem(struct response *response, int status, const char *code, const char *why)
{
    char type[100];

    expect_status(response, status, why);
    (void)snprintf(type, sizeof(type), "/problems/%s", code);
    if (strcmp(response_text_at(response, "/type"), type) != 0)
        cr_assert_fail("%s: %s, not %s: %.600s", why, response_text_at(response, "/type"), type,
                       response->body);
}

bool has_error(struct response *response, const char *pointer, const char *code)
{
    const json_t *errors = response_at(response, "/errors"), *error;
    size_t i;

    json_array_foreach (errors, i, error) {
        const char *where = json_string_value(json_object_get(error, "pointer"));
        const char *what = json_string_value(json_object_get(error, "code"));

        if (where != NULL && what != NULL && strcmp(where, pointer) == 0 && strcmp(what, code) == 0)
            return true;
    }
    return false;
}

void expect_error(struct response *response, const char *pointer, const char *code, const char *why)
{
    if (!has_error(response, pointer, code))
        cr_assert_fail("%s: no %s at %s: %d %.1000s", why, code, pointer, response->status,
                       response->body);
}

/* --- the way of a record
 * ---------------------------------------------------------------------------------- */

char *draft_practice(const char *token, const char *title)
{
    json_auto_t *body = writer_practice(title);
    CLEANUP(response_freep)
    struct response *response = write_as(token, "POST", "/v1/practices", NULL, NULL, body);

    expect_status(response, 201, title);
    return strdup(response_text_at(response, "/slug"));
}

void take_step(const char *token, const char *slug, const char *step)
{
    CLEANUP(response_freep)
    struct response *response =
        write_text(token, "POST", path_of("/v1/practices/%s/%s", slug, step), NULL, NULL,
                   strcmp(step, "return") == 0 ? "{\"reason\":\"Please mend it.\"}" : NULL);

    expect_status(response, 200, step);
}

char *publish_practice(const char *title)
{
    char *slug = draft_practice(writer_partner(), title);

    take_step(writer_partner(), slug, "submit");
    take_step(writer_editor(), slug, "publish");
    return slug;
}

char *etag_of(const char *token, const char *slug)
{
    CLEANUP(response_freep)
    struct response *response = read_as(token, path_of("/v1/practices/%s/working-copy", slug));

    expect_status(response, 200, slug);
    return strdup(response_header(response, "ETag"));
}

/* --- comparing
 * -------------------------------------------------------------------------------------------- */

/* What the server adds where nothing was said. */
static bool is_added(const char *name)
{
    static const char *const NAMES[] = {"slug", "owner", "language"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        if (strcmp(NAMES[i], name) == 0)
            return true;
    return false;
}

void expect_as_written(const struct resource *resource, const json_t *written, const json_t *shown,
                       const char *where)
{
    const struct comparison comparison = {.where = where};

    for (size_t i = 0; i < resource->property_count; i++) {
        const struct property *property = &resource->properties[i];
        const json_t *before = json_object_get(written, property->name);

        if (!property->read_only && !property->is_computed &&
            (before != NULL || !is_added(property->name)))
            compare_property(&comparison, property, before, json_object_get(shown, property->name));
    }
    compare_names(&comparison, resource, shown);
}

long count_rows(const char *sql)
{
    char *text = test_database_value(sql);
    int64_t count = 0;

    cr_assert(text != NULL && num_parse_i64(text, 0, INT32_MAX, &count), "%s", sql);
    free(text);
    return (long)count;
}
