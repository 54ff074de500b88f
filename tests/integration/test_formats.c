/*
 * Lists in other forms than JSON: tables, lines and maps, whole or by the page,
 * and how a form is chosen. A long list is put beside the catalogue for streams.
 */
#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"
#include "support/contract.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/records.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATH_BYTES 1024
#define TEXT_BYTES_MAX (4 * 1024 * 1024)
#define LONG_RECORDS 12000
#define WAIT_MS 20000
#define ROWS_COMPARED 500 /* of each resource: all but those of the long list */

/* Copies of one record, long enough that a list of them cannot hide in a buffer. */
static const char LONG_LIST[] =
    "create temporary table copies as select r.id as old_id, r.slug as old_slug, "
    "('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid as id, 'long-' || n as slug, n "
    "from (select id, slug from published.recommendations order by slug limit 1) r, "
    "generate_series(1, 12000) n; "
    "insert into published.recommendations select (jsonb_populate_record(r, jsonb_build_object("
    "'id', c.id, 'slug', c.slug))).* from copies c join published.recommendations r on r.id = "
    "c.old_id; "
    "insert into published.recommendations_documents select (jsonb_populate_record(d, "
    "jsonb_build_object('id', c.id, 'slug', c.slug, 'etag', md5(c.slug), 'document', replace("
    "replace(replace(d.document, c.old_id::text, c.id::text), c.old_slug, c.slug), "
    "'\"summary\":\"', '\"summary\":\"' || repeat('long ', 300))))).* from copies c join "
    "published.recommendations_documents d on d.id = c.old_id; "
    "analyze published.recommendations; analyze published.recommendations_documents";

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    const char *options = getenv("ASAN_OPTIONS");
    char setting[PATH_BYTES];

    (void)tests; /* of no use here: the hook's type is Criterion's */
    /* Else a sanitizer keeps what was freed, and memory seems to grow. */
    (void)snprintf(setting, sizeof(setting), "ASAN_OPTIONS=%s:quarantine_size_mb=1",
                   options == NULL ? "" : options);
    test_server_before_all((const char *const[]){"EXPRESS_RATE_LIMIT=0", setting, NULL});
    records_import("formats");
    records_execute(LONG_LIST);
}
SERVER_AFTER_TESTS()

TestSuite(formats, .init = records_ready, .fini = test_ends_without_leaks, .timeout = 180);

/* ---- tables, read back ---- */

struct table {
    json_t *rows; /* arrays of strings; the first has the names */
};

static void table_deinit(struct table *table)
{
    json_decref(table->rows);
}

/* Criterion reports each assertion that holds, too: here, for every cell, only those that fail. */

/* Is this what may follow a cell? */
static bool is_end_of_cell(const char *at)
{
    return *at == ',' || (at[0] == '\r' && at[1] == '\n');
}

/*
 * One cell of a table (RFC 4180); what follows it. Byte by byte: with strict checks the functions
 * of <string.h> look through the whole rest of the body at every call.
 */
static const char *read_cell(const char *at, struct text *cell)
{
    text_clear(cell);
    if (*at != '"') {
        const char *from = at;

        while (*at != '\0' && *at != ',' && *at != '\r' && *at != '\n' && *at != '"')
            at++;
        text_append_bytes(cell, from, (size_t)(at - from));
        if (!is_end_of_cell(at))
            cr_assert_fail("a cell that needs quotes has none: %.80s", at);
        return at;
    }
    for (at++; *at != '"' || at[1] == '"'; at++) {
        if (*at == '\0')
            cr_assert_fail("a quote without an end");
        at += *at == '"' ? 1 : 0;
        text_append_char(cell, *at);
    }
    at++;
    if (!is_end_of_cell(at))
        cr_assert_fail("text after a quote: %.80s", at);
    return at;
}

static struct table read_table(const char *body)
{
    struct table table = {json_array()};
    struct text cell;

    text_init(&cell, TEXT_BYTES_MAX);
    for (const char *at = body; *at != '\0';) {
        json_t *row = json_array();

        for (;;) {
            at = read_cell(at, &cell);
            if (json_array_append_new(row, json_string(cell.bytes)) != 0)
                cr_assert_fail("no text: %.80s", cell.bytes);
            if (*at != ',')
                break;
            at++;
        }
        at += 2;
        if (json_array_append_new(table.rows, row) != 0 ||
            json_array_size(row) != json_array_size(json_array_get(table.rows, 0)))
            cr_assert_fail("row %zu is longer or shorter than the first",
                           json_array_size(table.rows));
    }
    text_deinit(&cell);
    return table;
}

static const char *cell_of(const struct table *table, size_t row, const char *column)
{
    const json_t *names = json_array_get(table->rows, 0), *name;
    size_t i;

    json_array_foreach (names, i, name)
        if (strcmp(json_string_value(name), column) == 0)
            return json_string_value(json_array_get(json_array_get(table->rows, row), i));
    cr_assert_fail("no column %s", column);
    return NULL;
}

/* ---- the columns that the contract makes ---- */

static json_t *contract(void)
{
    static json_t *document;

    if (document == NULL)
        document = json_load_file(getenv("EXPRESS_CONTRACT_JSON"), 0, NULL);
    cr_assert_not_null(document);
    return document;
}

static json_t *schemas(void)
{
    return json_object_get(json_object_get(contract(), "components"), "schemas");
}

static json_t *schema_of(const char *resource)
{
    const char *name;
    json_t *schema;

    json_object_foreach (schemas(), name, schema)
        if (strcmp(record_text(json_object_get(schema, "x-resource"), "path"), resource) == 0)
            return schema;
    cr_assert_fail("the contract has no schema of %s", resource);
    return NULL;
}

static bool has_place(const char *resource)
{
    return json_object_get(json_object_get(schema_of(resource), "properties"), "location") != NULL;
}

static void append_columns(json_t *columns, json_t *properties, const char *before)
{
    const char *name, *reference;
    json_t *property;

    json_object_foreach (properties, name, property) {
        json_t *schema = property;
        char path[PATH_BYTES];

        if ((json_object_get(property, "x-computed") != NULL &&
             json_object_get(property, "x-timed") == NULL) ||
            json_object_get(property, "x-detail") != NULL || strcmp(name, "translations") == 0)
            continue;
        (void)snprintf(path, sizeof(path), "%s%s", before, name);
        reference = json_string_value(json_object_get(property, "$ref"));
        if (reference != NULL)
            schema = json_object_get(schemas(), strrchr(reference, '/') + 1);
        if (json_object_get(property, "x-relation") == NULL &&
            json_object_get(schema, "properties") != NULL) {
            (void)snprintf(path, sizeof(path), "%s%s.", before, name);
            append_columns(columns, json_object_get(schema, "properties"), path);
        } else {
            cr_assert_eq(json_array_append_new(columns, json_string(path)), 0);
        }
    }
}

/* The value at a dotted path; NULL when there is none. */
static const json_t *value_at(const json_t *record, const char *path)
{
    char name[PATH_BYTES];

    while (record != NULL && *path != '\0') {
        size_t length = strcspn(path, ".");

        (void)snprintf(name, sizeof(name), "%.*s", (int)length, path);
        record = json_object_get(record, name);
        path += length + (path[length] == '.' ? 1 : 0);
    }
    return record;
}

/* ---- what a cell must hold ---- */

static bool is_formula(const char *text)
{
    static const char *const BEGINNINGS[] = {"=",  "+",  "-",  "@",  "\t", "\r",
                                             "\n", "＝", "＋", "－", "＠"};

    for (size_t i = 0; i < ARRAY_LENGTH(BEGINNINGS); i++)
        if (strncmp(text, BEGINNINGS[i], strlen(BEGINNINGS[i])) == 0)
            return true;
    return false;
}

static void append_plain(struct text *cell, const json_t *value)
{
    char *number;

    if (json_is_object(value)) {
        text_append(cell, record_text(value, "slug"));
    } else if (json_is_string(value)) {
        text_append(cell, json_string_value(value));
    } else {
        number = json_dumps(value, JSON_ENCODE_ANY);
        text_append(cell, number);
        free(number);
    }
}

/* A list of references has titles, slugs and ids, and no list of other objects has. */
static bool is_list_of_references(const json_t *value)
{
    const json_t *first = json_array_get(value, 0);

    return json_object_size(first) == 3 && json_object_get(first, "id") != NULL &&
           json_object_get(first, "slug") != NULL;
}

/* The text that a cell must hold when it is neither a number nor JSON. */
static void append_expected(struct text *expected, const json_t *value)
{
    const json_t *item;
    size_t i;

    if (json_is_array(value))
        json_array_foreach (value, i, item) {
            text_append(expected, i == 0 ? "" : "; ");
            append_plain(expected, item);
        }
    else if (value != NULL)
        append_plain(expected, value);
}

static bool is_right(const char *cell, const json_t *value)
{
    struct text expected;
    char *end = NULL;
    bool right;

    if (json_is_number(value)) {
        right = strtod(cell, &end) == json_number_value(value);
        return right && *cell != '\0' && *end == '\0';
    }
    if (json_is_object(json_array_get(value, 0)) && !is_list_of_references(value)) {
        json_auto_t *parsed = json_loads(cell, 0, NULL);

        return json_equal(parsed, value) != 0;
    }
    text_init(&expected, TEXT_BYTES_MAX);
    append_expected(&expected, value);
    if (is_formula(expected.bytes))
        right = cell[0] == '\'' && strcmp(cell + 1, expected.bytes) == 0;
    else
        right = strcmp(cell, expected.bytes) == 0;
    text_deinit(&expected);
    return right;
}

Test(formats, tables_of_every_resource_hold_the_records_of_its_list)
{
    const json_t *resource, *record, *column;
    char path[PATH_BYTES];
    size_t r, i, j;

    json_array_foreach (records_resources(), r, resource) {
        const char *name = json_string_value(resource);
        json_auto_t *columns = json_array();

        append_columns(columns, json_object_get(schema_of(name), "properties"), "");
        (void)snprintf(path, sizeof(path), "/v1/%s?format=csv", name);
        CLEANUP(response_freep) struct response *response = http_get(path);
        CLEANUP(table_deinit) struct table table = read_table(response->body);

        cr_assert_str_eq(response_header(response, "Content-Type"),
                         "text/csv; charset=utf-8; header=present");
        (void)snprintf(path, sizeof(path), "attachment; filename=\"%s.csv\"", name);
        cr_assert_str_eq(response_header(response, "Content-Disposition"), path);
        cr_assert(json_equal(columns, json_array_get(table.rows, 0)), "the columns of %s: %.300s",
                  name, response->body);
        cr_assert_eq(json_array_size(table.rows), json_array_size(records_of(name)) + 1);
        json_array_foreach (records_of(name), i, record) {
            if (i == ROWS_COMPARED)
                break;
            json_array_foreach (columns, j, column) {
                const json_t *cell = json_array_get(json_array_get(table.rows, i + 1), j);

                (void)snprintf(path, sizeof(path), "%s/%s, %s", name, record_text(record, "slug"),
                               json_string_value(column));
                if (!is_right(json_string_value(cell), value_at(record, json_string_value(column))))
                    cr_expect_fail("%s: '%s'", path, json_string_value(cell));
            }
        }
    }
}

static bool is_number(const char *text)
{
    char *end;

    (void)strtod(text, &end);
    return end > text && *end == '\0';
}

Test(formats, nothing_in_a_table_is_a_formula_and_numbers_keep_their_sign)
{
    CLEANUP(response_freep)
    struct response *practices = http_get("/v1/practices?country=MT&sort=slug&format=csv");
    CLEANUP(response_freep)
    struct response *indicators =
        http_get("/v1/context-indicators?indicator=change_of_formats&format=csv");
    CLEANUP(response_freep)
    struct response *places =
        http_get("/v1/practices?country=MT&sort=slug&format=csv&bbox=-1,-90,0,90");
    CLEANUP(table_deinit) struct table table = read_table(practices->body);
    CLEANUP(table_deinit) struct table numbers = read_table(indicators->body);
    CLEANUP(table_deinit) struct table points = read_table(places->body);
    const json_t *row, *cell;
    size_t i, j, guarded = 0;

    cr_assert_eq(json_array_size(table.rows), 15);
    json_array_foreach (table.rows, i, row)
        json_array_foreach (row, j, cell) {
            const char *text = json_string_value(cell);

            cr_expect(!is_formula(text) || is_number(text), "row %zu: '%s'", i, text);
            guarded += text[0] == '\'' && is_formula(text + 1) ? 1 : 0;
        }
    cr_assert_eq(guarded, 16, "titles, summaries, names and sections are guarded: %zu", guarded);
    cr_assert_str_eq(cell_of(&table, 1, "aliases"),
                     "'=2+2; plain; with; semicolon; with \"quotes\"");
    cr_assert_str_eq(cell_of(&table, 1, "source.section"), "'-2.1");
    cr_assert_str_eq(cell_of(&numbers, 1, "value"), "-1.25");
    cr_assert_str_eq(cell_of(&points, 1, "location.lat"), "-33.25");
    cr_assert_str_eq(cell_of(&points, 1, "location.lon"), "-0.5");
}

Test(formats, the_columns_of_a_table_do_not_depend_on_what_is_found)
{
    static const char *const QUERIES[] = {
        "?country=MT",           "?country=AQ",
        "?q=formats&sort=title", "?limit=3",
        "?q=nothingatallfound",  "?include=organisations&country=BE",
        "?lang=all&country=MT",  "?lang=fr&limit=1",
    };
    CLEANUP(response_freep) struct response *whole = http_get("/v1/practices?format=csv");
    CLEANUP(response_freep)
    struct response *fields =
        http_get("/v1/practices?format=csv&country=MT&fields=country,location,description");
    CLEANUP(response_freep)
    struct response *near = http_get("/v1/practices?format=csv&near=0,0&limit=1&fields=country");
    const size_t length = strcspn(whole->body, "\r");
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(QUERIES); i++) {
        (void)snprintf(path, sizeof(path), "/v1/practices%s&format=csv", QUERIES[i]);
        CLEANUP(response_freep) struct response *response = http_get(path);

        cr_expect_eq(strcspn(response->body, "\r"), length, "%s", path);
        cr_expect_eq(strncmp(response->body, whole->body, length), 0, "%s", path);
    }
    cr_assert_eq(strncmp(fields->body,
                         "id,slug,title,description,country,location.lat,location.lon\r\n", 61),
                 0, "%.200s", fields->body);
    cr_assert_eq(strncmp(near->body, "id,slug,title,country,distance_km\r\n", 35), 0, "%.200s",
                 near->body);
}

/* ---- lines ---- */

/* The target of a Link with this relation, without the server's name; owned. NULL: none. */
static char *find_link(const struct response *response, const char *relation)
{
    char wanted[64];
    const char *links = response_header(response, "Link"), *at, *start;

    (void)snprintf(wanted, sizeof(wanted), ">; rel=\"%s\"", relation);
    at = links == NULL ? NULL : strstr(links, wanted);
    if (at == NULL)
        return NULL;
    for (start = at; *start != '<'; start--)
        ;
    return strndup(start + 1, (size_t)(at - start - 1));
}

Test(formats, lines_hold_the_whole_list_in_its_order)
{
    static const char *const QUERIES[] = {
        "practices?",
        "organisations?sort=name",
        "trainings?country=BE,FR&sort=-title",
        "practices?q=migrants",
        "places?near=50.6,5.5",
        "vocabularies?fields=terms",
        "networks?include=members.organisation",
        "organisations/city-of-liege/practices?",
    };
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(QUERIES); i++) {
        (void)snprintf(path, sizeof(path), "/v1/%s", QUERIES[i]);
        json_auto_t *pages = records_walk(path, 30);
        (void)snprintf(path, sizeof(path), "/v1/%s&format=ndjson", QUERIES[i]);
        CLEANUP(response_freep) struct response *response = http_get(path);
        const json_t *record;
        const char *at = response->body;
        size_t j;

        cr_assert_str_eq(response_header(response, "Content-Type"), "application/x-ndjson");
        cr_assert_null(response_header(response, "Content-Disposition"));
        cr_assert_gt(json_array_size(pages), 0, "%s", path);
        json_array_foreach (pages, j, record) {
            const size_t length = strcspn(at, "\n");
            json_auto_t *line = json_loadb(at, length, 0, NULL);

            cr_expect(json_equal(line, record), "%s, line %zu: %.200s", path, j + 1, at);
            cr_assert_eq(at[length], '\n', "%s", path);
            at += length + 1;
        }
        cr_assert_eq(*at, '\0', "%s: more than the pages", path);
    }
}

Test(formats, a_limit_makes_pages_of_every_format_with_links_from_one_to_the_next)
{
    static const char *const FORMATS[] = {"ndjson", "csv"};

    for (size_t i = 0; i < ARRAY_LENGTH(FORMATS); i++) {
        struct text whole, pages;
        char path[PATH_BYTES];
        char *next;
        size_t count = 0;

        text_init(&whole, TEXT_BYTES_MAX);
        text_init(&pages, TEXT_BYTES_MAX);
        (void)snprintf(path, sizeof(path), "/v1/campaigns?format=%s&sort=title", FORMATS[i]);
        CLEANUP(response_freep) struct response *response = http_get(path);
        text_append(&whole, response->body);

        (void)snprintf(path, sizeof(path), "/v1/campaigns?format=%s&sort=title&limit=5",
                       FORMATS[i]);
        for (next = strdup(path); next != NULL; count++) {
            CLEANUP(response_freep) struct response *page = http_get(next);
            const char *body = page->body;

            free(next);
            cr_assert_eq(page->status, 200);
            cr_assert_not_null(response_header(page, "ETag"), "pages have ETags");
            /* Each page of a table has its own line of names. */
            if (count > 0 && strcmp(FORMATS[i], "csv") == 0)
                body = strstr(body, "\r\n") + 2;
            text_append(&pages, body);
            next = find_link(page, "next");
        }
        cr_assert_eq(count, 3);
        cr_assert_str_eq(pages.bytes, whole.bytes);
        text_deinit(&whole);
        text_deinit(&pages);
    }
}

Test(formats, an_empty_list_is_empty_in_every_format)
{
    CLEANUP(response_freep)
    struct response *lines = http_get("/v1/practices?country=AQ&format=ndjson");
    CLEANUP(response_freep)
    struct response *map = http_get("/v1/practices?country=AQ&format=geojson");
    CLEANUP(response_freep)
    struct response *table = http_get("/v1/practices?country=AQ&format=csv");

    cr_assert_eq(lines->status, 200);
    cr_assert_eq(lines->body_bytes, 0);
    cr_assert_eq(json_array_size(response_at(map, "/features")), 0);
    cr_assert_str_eq(strstr(table->body, "\r\n"), "\r\n", "names alone");
}

/* ---- maps ---- */

Test(formats, maps_have_longitude_first_and_every_record_in_place)
{
    const json_t *resource, *record;
    char path[PATH_BYTES];
    size_t r, i, maps = 0, placeless = 0;

    json_array_foreach (records_resources(), r, resource) {
        const char *name = json_string_value(resource);

        (void)snprintf(path, sizeof(path), "/v1/%s?format=geojson", name);
        CLEANUP(response_freep) struct response *response = http_get(path);

        if (!has_place(name)) {
            cr_expect_eq(response->status, 406, "%s", path);
            cr_expect_null(strstr(response_text_at(response, "/errors/0/detail"), "geojson"), "%s",
                           response->body);
            continue;
        }
        maps++;
        cr_assert_str_eq(response_header(response, "Content-Type"), "application/geo+json");
        cr_assert_str_eq(response_text_at(response, "/type"), "FeatureCollection");
        cr_assert_eq(json_array_size(response_at(response, "/features")),
                     json_array_size(records_of(name)));
        json_array_foreach (records_of(name), i, record) {
            const json_t *feature = json_array_get(response_at(response, "/features"), i);
            const json_t *location = json_object_get(record, "location");
            const json_t *geometry = json_object_get(feature, "geometry");
            json_auto_t *shown = json_deep_copy(record);

            cr_expect_str_eq(record_text(feature, "type"), "Feature");
            cr_expect_str_eq(record_text(feature, "id"), record_text(record, "id"));
            placeless += location == NULL ? 1 : 0;
            if (location == NULL) {
                cr_expect(json_is_null(geometry), "%s", record_text(record, "slug"));
            } else {
                const json_t *point = json_object_get(geometry, "coordinates");

                cr_expect_str_eq(record_text(geometry, "type"), "Point");
                cr_expect(json_equal(json_array_get(point, 0), json_object_get(location, "lon")));
                cr_expect(json_equal(json_array_get(point, 1), json_object_get(location, "lat")));
            }
            (void)json_object_del(shown, "id");       /* it is the feature's */
            (void)json_object_del(shown, "location"); /* absent, where there is none */
            cr_expect(json_equal(json_object_get(feature, "properties"), shown), "%s",
                      record_text(record, "slug"));
        }
    }
    cr_assert(maps > 0 && placeless > 0);
}

/* ---- which format ---- */

Test(formats, the_format_is_the_one_asked_for_most)
{
    static const struct {
        const char *why;
        const char *query; /* of /v1/practices?limit=1 */
        const char *accept;
        const char *type; /* NULL: 406 */
    } ROWS[] = {
        {"nothing asked for", "", NULL, "application/json"},
        {"anything", "", "*/*", "application/json"},
        {"JSON", "", "application/json", "application/json"},
        {"a table", "", "text/csv", "text/csv"},
        {"lines", "", "application/x-ndjson", "application/x-ndjson"},
        {"a map", "", "application/geo+json", "application/geo+json"},
        {"capitals", "", "Text/CSV", "text/csv"},
        {"a charset", "", "text/csv; charset=utf-8", "text/csv"},
        {"any text", "", "text/*", "text/csv"},
        {"any application", "", "application/*", "application/json"},
        {"a browser", "", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
         "application/json"},
        {"the higher quality", "", "application/json;q=0.5, text/csv", "text/csv"},
        {"the higher quality, first", "", "text/csv;q=0.8, application/json;q=0.7", "text/csv"},
        {"our order, where both are wanted the same", "", "text/csv, application/json",
         "application/json"},
        {"all but JSON", "", "application/json;q=0, */*;q=0.5", "application/x-ndjson"},
        {"the particular before the general", "", "*/*;q=0.1, application/*;q=0.2, text/csv;q=0.15",
         "application/json"},
        {"one that there is not, then anything", "", "image/png, */*;q=0.01", "application/json"},
        {"nothing at all", "", "*/*;q=0", NULL},
        {"a page for people", "", "text/html", NULL},
        {"one that there is not", "", "application/pdf, image/*", NULL},
        {"only with quality 0", "", "text/csv;q=0", NULL},
        {"garbage", "", "@@@", "application/json"},
        {"an empty header", "", "", "application/json"},
        {"the parameter goes before the header", "&format=csv", "application/json", "text/csv"},
        {"the parameter for JSON, too", "&format=json", "text/csv", "application/json"},
        {"the parameter, whatever the header refuses", "&format=ndjson", "text/html;q=1, */*;q=0",
         "application/x-ndjson"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char path[PATH_BYTES], line[PATH_BYTES];
        const char *type;

        (void)snprintf(path, sizeof(path), "/v1/practices?limit=1%s", ROWS[i].query);
        /* For libcurl "Name:" leaves a header out, and "Name;" sends it empty. */
        (void)snprintf(line, sizeof(line), "Accept%s%s",
                       ROWS[i].accept != NULL && ROWS[i].accept[0] == '\0' ? ";" : ": ",
                       ROWS[i].accept == NULL ? "" : ROWS[i].accept);
        CLEANUP(response_freep)
        struct response *response =
            http_send("GET", path, (const char *const[]){line, NULL}, NULL, 0);

        type = response_header(response, "Content-Type");
        cr_expect_eq(response->status, ROWS[i].type == NULL ? 406 : 200, "%s: %d", ROWS[i].why,
                     response->status);
        cr_expect(ROWS[i].type == NULL ||
                      (type != NULL && strncmp(type, ROWS[i].type, strlen(ROWS[i].type)) == 0),
                  "%s: %s", ROWS[i].why, type);
        cr_expect_not_null(strstr(response_header(response, "Vary"), "Accept,"), "%s: Vary: %s",
                           ROWS[i].why, response_header(response, "Vary"));
        if (ROWS[i].type == NULL)
            cr_expect_not_null(strstr(response_text_at(response, "/errors/0/detail"), "text/csv"),
                               "%s: %s", ROWS[i].why, response->body);
    }
}

Test(formats, a_format_that_does_not_exist_is_refused_with_the_nearest_and_all_there_are)
{
    static const struct {
        const char *path;
        int status;
        const char *detail; /* in it */
    } ROWS[] = {
        {"/v1/practices?format=cvs", 406, "did you mean 'csv'"},
        {"/v1/practices?format=nd-json", 406, "did you mean 'ndjson'"},
        {"/v1/practices?format=CSV", 406, "did you mean 'csv'"},
        {"/v1/practices?format=xlsx", 406, "geojson (application/geo+json)"},
        {"/v1/practices?format=text%2Fcsv", 406, "csv (text/csv)"},
        {"/v1/practices?format=", 406, "json (application/json)"},
        {"/v1/networks?format=geojson", 406, "ndjson (application/x-ndjson)"},
        {"/v1/organisations/city-of-liege/practices?format=cvs", 406, "did you mean 'csv'"},
        {"/v1/practices?format=csv&format=json", 400, "once"},
        {"/v1/practices/magdas-hotel?format=csv", 400, "format"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = http_get(ROWS[i].path);

        cr_expect_eq(response->status, ROWS[i].status, "%s: %d", ROWS[i].path, response->status);
        if (response->status != ROWS[i].status)
            continue;
        cr_expect_str_eq(response_text_at(response, "/errors/0/parameter"), "format", "%s",
                         response->body);
        cr_expect_not_null(strstr(response_text_at(response, "/errors/0/detail"), ROWS[i].detail),
                           "%s: %s", ROWS[i].path, response->body);
    }
}

Test(formats, a_wrong_query_is_a_problem_in_every_format)
{
    static const char *const FORMATS[] = {"json", "ndjson", "csv", "geojson"};
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(FORMATS); i++) {
        (void)snprintf(path, sizeof(path), "/v1/practices?format=%s&contry=BE", FORMATS[i]);
        CLEANUP(response_freep) struct response *unknown = http_get(path);
        (void)snprintf(path, sizeof(path), "/v1/practices?format=%s&organisations=no-such-body",
                       FORMATS[i]);
        CLEANUP(response_freep) struct response *reference = http_get(path);

        cr_expect_eq(unknown->status, 400, "%s", FORMATS[i]);
        cr_expect_eq(reference->status, 400, "%s", FORMATS[i]);
    }
}

Test(formats, a_record_is_given_as_json_alone)
{
    CLEANUP(response_freep)
    struct response *record = http_send("GET", "/v1/practices/magdas-hotel",
                                        (const char *const[]){"Accept: text/csv", NULL}, NULL, 0);
    CLEANUP(response_freep)
    struct response *search = http_send("GET", "/v1/search?q=hotel",
                                        (const char *const[]){"Accept: text/html", NULL}, NULL, 0);

    cr_assert_eq(record->status, 406);
    cr_assert_eq(search->status, 406);
}

Test(formats, head_of_a_stream_tells_what_get_would)
{
    CLEANUP(response_freep) struct response *get = http_get("/v1/campaigns?format=csv");
    CLEANUP(response_freep)
    struct response *head = http_send("HEAD", "/v1/campaigns?format=csv", NULL, NULL, 0);

    cr_assert_eq(head->status, 200);
    cr_assert_eq(head->body_bytes, 0);
    cr_assert_str_eq(response_header(head, "Content-Type"), response_header(get, "Content-Type"));
    cr_assert_str_eq(response_header(head, "Content-Disposition"),
                     response_header(get, "Content-Disposition"));
}

/* ---- long streams ---- */

Test(formats, a_long_list_arrives_whole_in_every_format)
{
    CLEANUP(response_freep)
    struct response *lines = http_get("/v1/recommendations?format=ndjson&fields=title");
    CLEANUP(response_freep)
    struct response *cells = http_get("/v1/recommendations?format=csv&fields=title&sort=title");
    CLEANUP(table_deinit) struct table table = read_table(cells->body);
    json_auto_t *seen = json_object();
    json_auto_t *in_table = json_object();
    size_t count = 0, total = LONG_RECORDS + 24;

    for (const char *at = lines->body; *at != '\0'; at += strcspn(at, "\n") + 1, count++) {
        json_auto_t *line = json_loadb(at, strcspn(at, "\n"), 0, NULL);

        cr_assert_eq(json_object_set_new(seen, record_text(line, "id"), json_true()), 0);
    }
    cr_assert_eq(count, total, "%zu lines", count);
    cr_assert_eq(json_object_size(seen), total, "none comes twice");
    cr_assert_eq(json_array_size(table.rows), total + 1);
    for (size_t i = 1; i <= total; i++)
        cr_assert_eq(json_object_set_new(in_table, cell_of(&table, i, "id"), json_true()), 0);
    cr_assert(json_equal(seen, in_table));
}

/* The value of a metric of the server. */
static double metric(const char *name)
{
    char url[PATH_BYTES];
    const char *at;
    struct text line;

    (void)snprintf(url, sizeof(url), "%s/metrics", getenv("API_ADMIN_URL"));
    CLEANUP(response_freep)
    struct response *response = http_send_unchecked("GET", url, NULL, NULL, 0);

    text_init(&line, PATH_BYTES);
    text_append_format(&line, "\n%s ", name);
    at = strstr(response->body, line.bytes);
    cr_assert_not_null(at, "no metric %s", name);
    at += line.length;
    text_deinit(&line);
    return strtod(at, NULL);
}

/* A connection on which a list was asked for, its first bytes read: the stream runs. */
static int open_stream(const char *path)
{
    static const char END[] = " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0), size_bytes = 16 * 1024;
    uint32_t port = 0;
    char request[PATH_BYTES], bytes[64];
    int length = snprintf(request, sizeof(request), "GET %s%s", path, END);

    cr_assert(num_parse_u32(strrchr(getenv("API_URL"), ':') + 1, 1, UINT16_MAX, &port));
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* Little room here: what we do not read stays with the server. */
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size_bytes, sizeof(size_bytes)), 0);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(send(fd, request, (size_t)length, MSG_NOSIGNAL), length);
    cr_assert_eq(recv(fd, bytes, sizeof(bytes), MSG_WAITALL), (ssize_t)sizeof(bytes));
    cr_assert_eq(strncmp(bytes, "HTTP/1.1 200", 12), 0, "%.64s", bytes);
    return fd;
}

static size_t read_rest(int fd)
{
    char *buffer = malloc(65536);
    size_t total = 0;
    ssize_t length;

    cr_assert_not_null(buffer);
    while ((length = recv(fd, buffer, 65536, 0)) > 0)
        total += (size_t)length;
    cr_assert_eq(length, 0, "the stream was cut");
    free(buffer);
    return total;
}

Test(formats, a_slow_reader_of_a_long_list_costs_neither_memory_nor_a_connection)
{
    const uint64_t deadline = clock_monotonic_ms() + WAIT_MS;
    double before, during, after;
    size_t size_bytes;
    int fd;

    fd = open_stream("/v1/recommendations?format=ndjson");
    size_bytes = read_rest(fd); /* once, so that all buffers have the size they need */
    (void)close(fd);
    cr_assert_gt(size_bytes, 24u * 1024 * 1024);

    before = metric("process_resident_memory_bytes");
    fd = open_stream("/v1/recommendations?format=ndjson");
    during = metric("process_resident_memory_bytes");
    /* Other tests lease connections for a moment; ours would stay leased. */
    while (metric("express_pool_leased") > 0)
        cr_assert_lt(clock_monotonic_ms(), deadline, "a reader who waits holds a connection");
    cr_assert_gt(read_rest(fd), 24u * 1024 * 1024);
    (void)close(fd);
    after = metric("process_resident_memory_bytes");
    cr_expect_lt(during - before, (double)size_bytes / 2, "%.0f bytes more while it runs",
                 during - before);
    cr_expect_lt(after - before, (double)size_bytes / 2, "%.0f bytes more after it",
                 after - before);
}

Test(formats, readers_who_leave_early_hurt_nobody)
{
    const uint64_t deadline = clock_monotonic_ms() + WAIT_MS;
    int fds[10];

    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        fds[i] = open_stream(i % 2 == 0 ? "/v1/recommendations?format=ndjson"
                                        : "/v1/recommendations?format=csv");
    for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
        (void)close(fds[i]);
    CLEANUP(response_freep) struct response *response = http_get("/v1/recommendations?limit=1");
    cr_assert_eq(response->status, 200);
    /* Our own requests of the metrics are on another listener. */
    while (metric("express_pool_leased") > 0 || metric("express_connections") > 8)
        cr_assert_lt(clock_monotonic_ms(), deadline, "connections of those who left stay open");
    cr_assert_eq(test_server_log_lines("level=error"), 0);
}
