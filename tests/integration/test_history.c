/*
 * Lists and records as they were. The catalogue is changed at random, several times, and what it
 * showed each time is kept here; afterwards each of those times is asked about, with every filter
 * that there is. Withdrawals and changes of slugs come from a history that is written by hand.
 */
#include "base/text.h"
#include "support/conditions.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/program.h"
#include "support/samples.h"
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 3
#define CHANGED_EACH 5 /* records of a resource that a round may change */
#define QUERY_BYTES_MAX (64 * 1024)
#define PATH_BYTES 256

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0", "EXPRESS_STATEMENT_TIMEOUT_MS=60000")
SERVER_AFTER_TESTS()

/* --- a history by hand ------------------------------------------------------------------------ */

#define HAND "/v1/practices/diomcoop"
#define OLD "/v1/practices/history-old-name"
#define MERGED_ID "00000000-0000-7000-8000-00000000aaaa"
#define ODD_ID "00000000-0000-7000-8000-00000000bbbb"

#define ADD_FORM                                                                                   \
    "insert into published.history (resource, id, valid_from, valid_to, slug, etag, updated_at, "  \
    "document) "
#define OF_DIOMCOOP                                                                                \
    " from published.practices_documents d where d.slug = 'diomcoop' on conflict do nothing"

/*
 * diomcoop was public in 2020 by another name, in 2021 by its own, and in 2022 not at all; another
 * record was until the middle of 2021, and made way for it then. A third has values in 2015 that
 * its properties do not take.
 */
static void write_history(void)
{
    static const char *const SQL[] = {
        ADD_FORM "select 'practices', d.id, '2020-01-01Z', '2021-01-01Z', 'history-old-name', 'a', "
                 "'2020-01-01Z', regexp_replace(replace(d.document, '\"slug\":\"diomcoop\"', "
                 "'\"slug\":\"history-old-name\"'), '\"verify_due\":\"[^\"]*\"', "
                 "'\"verify_due\":\"2020-03-01T00:00:00.000Z\"')" OF_DIOMCOOP,

        ADD_FORM "select 'practices', d.id, '2021-01-01Z', '2022-01-01Z', 'diomcoop', 'b', "
                 "'2021-01-01Z', d.document" OF_DIOMCOOP,

        ADD_FORM "select 'practices', '" MERGED_ID "', '2020-06-01Z', '2021-06-01Z', "
                 "'history-merged', 'c', '2020-06-01Z', replace(replace(d.document, d.id::text, "
                 "'" MERGED_ID
                 "'), '\"slug\":\"diomcoop\"', '\"slug\":\"history-merged\"')" OF_DIOMCOOP,

        "insert into published.gone (resource, id, slug, deleted_at, replaced_by) select "
        "'practices', '" MERGED_ID "', 'history-merged', '2021-06-01Z', d.id" OF_DIOMCOOP,

        ADD_FORM
        "values ('practices', '" ODD_ID "', '2015-01-01Z', '2016-01-01Z', 'history-odd', 'd', "
        "'2015-01-01Z', '{\"id\":\"" ODD_ID "\",\"slug\":\"history-odd\",\"title\":\"Odd\","
        "\"started_on\":5,\"ended_on\":\"soon\",\"languages_count\":\"many\","
        "\"verify_due\":\"soon\",\"updated_at\":[\"then\"],\"verified_at\":{},"
        "\"country\":{\"a\":\"BE\"},\"organisations\":\"univerbal\",\"owner\":[7],"
        "\"sectors\":{\"a\":null},\"source\":\"x\"}') on conflict do nothing",
    };

    sample_import_once();
    for (size_t i = 0; i < ARRAY_LENGTH(SQL); i++)
        test_database_run(SQL[i]);
}

TestSuite(history, .init = write_history, .fini = test_ends_without_leaks, .timeout = 600);

static struct response *get(const char *path, const char *query)
{
    struct response *response;
    struct text address;

    text_init(&address, QUERY_BYTES_MAX);
    text_append_format(&address, "%s?%s", path, query);
    response = http_get(address.bytes);
    text_deinit(&address);
    return response;
}

/* --- changes at random ------------------------------------------------------------------------ */

/* xorshift64*: the same changes in every run. */
static uint64_t random_state = 20260131;

static unsigned random_below(unsigned bound)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (unsigned)((random_state * 0x2545F4914F6CDD1DULL >> 33) % bound);
}

/* One of the samples, without some of its properties. */
static json_t *random_record(const struct resource *resource, unsigned number)
{
    json_t *record = sample_record(resource, random_below(2));
    char slug[64];

    for (size_t i = 0; i < resource->property_count; i++)
        if (!resource->properties[i].required && random_below(5) == 0)
            (void)json_object_del(record, resource->properties[i].name);
    /* A source names one record alone. */
    (void)json_object_del(record, "source");
    (void)snprintf(slug, sizeof(slug), "history-%u", number);
    list_must(json_object_set_new(record, "slug", json_string(slug)) == 0);
    return record;
}

static void change_some(void)
{
    const struct contract *contract = list_contract();
    json_auto_t *records = json_object();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        json_t *list = json_array();

        for (unsigned number = 0; number < CHANGED_EACH; number++)
            if (random_below(2) == 0)
                list_must(json_array_append_new(list, random_record(resource, number)) == 0);
        /* What the others show of it changes with it. */
        if (random_below(2) == 0) {
            json_t *sample = sample_record(resource, 0);
            char title[64];

            (void)snprintf(title, sizeof(title), "sample_changed_%u", random_below(1000));
            list_must(json_object_set_new(sample, resource->label->name, json_string(title)) == 0);
            list_must(json_array_append_new(list, sample) == 0);
        }
        list_must(json_object_set_new(records, resource->path, list) == 0);
    }
    list_import_well(records);
}

/* What was shown after each round of changes. */
struct memory {
    char instant[64];
    const json_t *records[RESOURCES_MAX]; /* in full, in the order of the list */
    json_t *shown[RESOURCES_MAX];         /* as the list shows them by itself */
};

static void remember(struct memory *memory)
{
    const struct contract *contract = list_contract();
    char *instant =
        test_database_value("select to_char(max(updated_at) at time zone 'UTC', "
                            "'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') from catalogue.record");

    (void)snprintf(memory->instant, sizeof(memory->instant), "%s", instant);
    free(instant);
    list_forget();
    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
        memory->records[i] = json_incref((json_t *)(uintptr_t)list_records(resource));
        memory->shown[i] = list_pages(path, "", 100);
    }
}

static void forget(struct memory *memory)
{
    for (size_t i = 0; i < RESOURCES_MAX; i++) {
        json_decref((json_t *)(uintptr_t)memory->records[i]);
        json_decref(memory->shown[i]);
    }
}

/* --- asking about a time -------------------------------------------------------------------- */

static void start_query(struct text *query, const struct memory *memory)
{
    text_init(query, QUERY_BYTES_MAX);
    list_query_add(query, "as_of", memory->instant);
}

/* The list has the records that all conditions hold for, in its order. */
static void expect(const struct memory *memory, const struct resource *resource,
                   const struct condition *conditions, size_t count)
{
    const json_t *record;
    json_auto_t *expected = json_array();
    json_auto_t *ids = NULL;
    struct text query;
    char path[PATH_BYTES];
    size_t i;

    start_query(&query, memory);
    (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
    for (size_t j = 0; j < count; j++)
        condition_add(&query, &conditions[j]);
    json_array_foreach (memory->records[resource->index], i, record) {
        bool wanted = true;

        for (size_t j = 0; j < count && wanted; j++)
            wanted = condition_holds(&conditions[j], record);
        if (wanted)
            list_must(json_array_append(expected, json_object_get(record, "id")) == 0);
    }
    ids = list_ids(path, query.bytes, 100);
    if (json_equal(ids, expected) == 0)
        cr_assert_fail("%s?%s gives %zu records in place of %zu, or others, or in another order",
                       path, query.bytes, json_array_size(ids), json_array_size(expected));
    text_deinit(&query);
}

static void check_filter(const struct memory *memory, const struct resource *resource,
                         const struct filter *filter)
{
    json_auto_t *values = condition_values(memory->records[resource->index], filter->property);
    const size_t last = json_array_size(values) - 1;
    const char *frequent, *rare, *id;

    if (json_array_size(values) == 0)
        return;
    frequent = json_string_value(json_array_get(json_array_get(values, 0), 0));
    rare = json_string_value(json_array_get(json_array_get(values, last), 0));
    id = json_string_value(json_array_get(json_array_get(values, last), 1));
    expect(memory, resource,
           &(struct condition){.filter = filter, .values = {frequent}, .value_count = 1}, 1);
    if (filter->operator!= FILTER_EQUAL) {
        expect(memory, resource,
               &(struct condition){.filter = filter, .values = {rare}, .value_count = 1}, 1);
        return;
    }
    if (id != NULL)
        expect(memory, resource,
               &(struct condition){.filter = filter, .values = {id}, .value_count = 1}, 1);
    expect(memory, resource,
           &(struct condition){.filter = filter,
                               .values = {frequent, rare},
                               .value_count = 2,
                               .negated = random_below(2) == 0},
           1);
    if (filter->property->in_array)
        expect(memory, resource,
               (const struct condition[]){
                   {.filter = filter, .values = {frequent}, .value_count = 1},
                   {.filter = filter, .values = {id == NULL ? rare : id}, .value_count = 1}},
               2);
}

/* Every member, as it was; and the members that a list shows by itself. */
static void check_whole(const struct memory *memory, const struct resource *resource)
{
    const json_t *records = memory->records[resource->index];
    json_auto_t *backward = NULL;
    json_auto_t *pages = NULL;
    json_auto_t *shown = NULL;
    json_auto_t *ids = json_array();
    json_t *record;
    struct text query;
    char path[PATH_BYTES];
    size_t i;

    (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
    start_query(&query, memory);
    shown = list_pages(path, query.bytes, 100);
    cr_assert(json_equal(shown, memory->shown[resource->index]), "%s?%s", path, query.bytes);
    backward = list_ids_backward(path, query.bytes, 30);
    json_array_foreach (records, i, record)
        list_must(json_array_append(ids, json_object_get(record, "id")) == 0);
    cr_assert(json_equal(backward, ids), "%s?%s, backward", path, query.bytes);

    for (i = 0; i < resource->property_count; i++)
        if (!resource->properties[i].is_computed || resource->properties[i].is_timed)
            text_append_format(&query, "%s%s",
                               strstr(query.bytes, "fields=") == NULL ? "&fields=" : ",",
                               resource->properties[i].name);
    pages = list_pages(path, query.bytes, 33);
    cr_assert(json_equal(pages, records), "%s?%s", path, query.bytes);
    text_deinit(&query);
}

static void check_count(const struct memory *memory, const struct resource *resource)
{
    CLEANUP(response_freep) struct response *response = NULL;
    struct text query;
    char path[PATH_BYTES];

    start_query(&query, memory);
    text_append(&query, "&count=exact&limit=3");
    (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
    response = get(path, query.bytes);
    text_deinit(&query);
    cr_assert_eq(response->status, 200);
    cr_assert_eq((size_t)json_integer_value(response_at(response, "/page/total")),
                 json_array_size(memory->records[resource->index]));
}

/* Does @record refer to the record with this id, by a property that makes it related? */
static bool refers(const struct resource *resource, const json_t *record,
                   const struct resource *target, const char *id)
{
    for (size_t i = 0; i < resource->leaf_count; i++) {
        json_auto_t *values = NULL;
        const json_t *value;
        size_t j;

        if (resource->leaves[i]->target != target || !resource->leaves[i]->related)
            continue;
        values = list_values(record, resource->leaves[i]->path);
        json_array_foreach (values, j, value)
            if (strcmp(json_string_value(json_object_get(value, "id")), id) == 0)
                return true;
    }
    return false;
}

/* The lists of those that refer to a record, by its id and by its slug. */
static void check_related(const struct memory *memory, const struct resource *target)
{
    const json_t *targets = memory->records[target->index];

    for (size_t i = 0; i < target->referrer_count; i++) {
        const struct resource *resource = target->referrers[i];
        const json_t *parent =
            json_array_get(targets, random_below((unsigned)json_array_size(targets)) / 4);
        const char *id = json_string_value(json_object_get(parent, "id"));
        const char *slug = json_string_value(json_object_get(parent, "slug"));
        json_auto_t *expected = json_array();
        json_auto_t *ids = NULL;
        const json_t *record;
        struct text query;
        char path[PATH_BYTES];
        size_t j;

        json_array_foreach (memory->records[resource->index], j, record)
            if (refers(resource, record, target, id))
                list_must(json_array_append(expected, json_object_get(record, "id")) == 0);
        start_query(&query, memory);
        (void)snprintf(path, sizeof(path), "/v1/%s/%s/%s", target->path, i % 2 == 0 ? id : slug,
                       resource->path);
        ids = list_ids(path, query.bytes, 100);
        cr_assert(json_equal(ids, expected), "%s?%s", path, query.bytes);
        text_deinit(&query);
    }
}

/* By id and by slug, each record is what it was; before it was there it was not. */
static void check_records(const struct memory *memory, const struct memory *before,
                          const struct resource *resource)
{
    const json_t *record;
    size_t i;

    json_array_foreach (memory->records[resource->index], i, record) {
        const char *id = json_string_value(json_object_get(record, "id"));
        const char *slug = json_string_value(json_object_get(record, "slug"));
        json_auto_t *read = NULL;
        const json_t *earlier;
        bool was_there = false;
        size_t j;
        char path[PATH_BYTES], query[PATH_BYTES];

        if (strncmp(slug, "history-", 8) != 0 && strncmp(slug, "sample-", 7) != 0 && i % 10 != 0)
            continue;
        (void)snprintf(path, sizeof(path), "/v1/%s/%s", resource->path, i % 2 == 0 ? id : slug);
        (void)snprintf(query, sizeof(query), "as_of=%s", memory->instant);
        {
            CLEANUP(response_freep) struct response *response = get(path, query);

            cr_assert_eq(response->status, 200, "%s?%s answers %d", path, query, response->status);
            read = json_deep_copy(response_json(response));
        }
        (void)json_object_del(read, "links");
        cr_assert(json_equal(read, record), "%s?%s", path, query);
        if (before == NULL)
            continue;
        json_array_foreach (before->records[resource->index], j, earlier)
            was_there =
                was_there || strcmp(id, json_string_value(json_object_get(earlier, "id"))) == 0;
        (void)snprintf(query, sizeof(query), "as_of=%s", before->instant);
        {
            CLEANUP(response_freep) struct response *response = get(path, query);

            cr_assert_eq(response->status, was_there ? 200 : 404, "%s?%s answers %d", path, query,
                         response->status);
        }
    }
}

/* For each record one present row, the document that is shown; and rows that follow one another. */
static void check_rows(void)
{
    static const char *const NONE[] = {
        "select count(*) from published.history h join published.history o on o.id = h.id and "
        "o.valid_from > h.valid_from and o.valid_from < coalesce(h.valid_to, 'infinity')",
        "select count(*) from published.history where valid_to <= valid_from",
        "select count(*) from published.history h join published.history n on n.id = h.id and "
        "n.valid_from = h.valid_to and n.etag = h.etag where h.slug like 'sample-%' or h.slug like "
        "'history-%'",
    };
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < ARRAY_LENGTH(NONE); i++) {
        char *count = test_database_value(NONE[i]);

        cr_assert_str_eq(count, "0", "%s", NONE[i]);
        free(count);
    }
    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        struct text sql;
        char *count;

        text_init(&sql, QUERY_BYTES_MAX);
        text_append_format(&sql,
                           "select count(*) from published.%s_documents d full join (select * from "
                           "published.history where resource = '%s' and valid_to is null) h on "
                           "h.id = d.id where (h.slug, h.etag, h.updated_at, h.document) is "
                           "distinct from (d.slug, d.etag, d.updated_at, d.document) or "
                           "h.translations is distinct from d.translations",
                           resource->table, resource->path);
        count = test_database_value(sql.bytes);
        cr_assert_str_eq(count, "0", "%s", resource->path);
        free(count);
        text_deinit(&sql);
    }
}

/* Every filter of every resource, each at two of the times. */
static void check_filters(const struct memory *memories)
{
    const struct contract *contract = list_contract();
    size_t checked = 0;

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);

        for (size_t j = 0; j < resource->filter_count; j++, checked++) {
            check_filter(&memories[j % (ROUNDS - 1)], resource, &resource->filters[j]);
            check_filter(&memories[ROUNDS - 1], resource, &resource->filters[j]);
        }
    }
    cr_log_info("%zu filters checked at two of %d times", checked, ROUNDS);
}

Test(history, every_list_and_filter_gives_at_any_time_what_it_gave_then)
{
    const struct contract *contract = list_contract();
    struct memory *memories = calloc(ROUNDS, sizeof(*memories));

    list_must(memories != NULL);
    for (size_t round = 0; round < ROUNDS; round++) {
        change_some();
        remember(&memories[round]);
    }
    list_forget();
    change_some();
    check_rows();
    for (size_t round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < contract_resource_count(contract); i++) {
            const struct resource *resource = contract_resource(contract, i);

            check_whole(&memories[round], resource);
            check_count(&memories[round], resource);
            check_related(&memories[round], resource);
            check_records(&memories[round], round == 0 ? NULL : &memories[round - 1], resource);
        }
    check_filters(memories);
    for (size_t round = 0; round < ROUNDS; round++)
        forget(&memories[round]);
    free(memories);
    list_forget();
}

/* --- records that moved and went ------------------------------------------------------------- */

Test(history, a_record_is_read_as_it_was_by_its_id_and_the_slugs_that_it_had)
{
    static const struct {
        const char *path, *as_of;
        int status;
        const char *where; /* of a Location, deleted_at, or the slug shown */
    } ROWS[] = {
        {OLD, "2020-06-01", 200, "history-old-name"},
        {OLD, "2020-01-01T00:00:00Z", 200, "history-old-name"},
        {OLD, "2019-12-31T23:59:59.999999Z", 404, NULL},
        {OLD, "2019-12-31", 404, NULL},
        {OLD, "0001-01-01", 404, NULL},
        {OLD, "2020-12-31", 200, "history-old-name"},
        {OLD, "2021-01-01T01:59:59%2B02:00", 200, "history-old-name"},
        {OLD, "2021-01-01T00:00:00Z", 308, "/v1/practices/diomcoop?as_of=2021-01-01T00:00:00Z"},
        {HAND, "2021-01-01T00:00:00Z", 200, "diomcoop"},
        {HAND, "2020-12-31T22:00:00-02:00", 200, "diomcoop"},
        {HAND, "2020-12-31", 308, "/v1/practices/history-old-name?as_of=2020-12-31"},
        {HAND, "2021-12-31T23:59:59.999Z", 200, "diomcoop"},
        {HAND, "2022-01-01T00:00:00Z", 410, "2022-01-01T00:00:00.000Z"},
        {OLD, "2022-06-01", 410, "2022-01-01T00:00:00.000Z"},
        {HAND, "2019-06-01", 404, NULL},
        {"/v1/practices/history-merged", "2021-05-31", 200, "history-merged"},
        {"/v1/practices/history-merged", "2021-06-01", 308,
         "/v1/practices/diomcoop?as_of=2021-06-01"},
        {"/v1/practices/" MERGED_ID, "2021-06-01T00:00:00Z", 308,
         "/v1/practices/diomcoop?as_of=2021-06-01T00:00:00Z"},
        {"/v1/practices/history-merged", "2022-06-01", 410, "2021-06-01T00:00:00.000Z"},
        {"/v1/practices/no-such-record", "2021-06-01", 404, NULL},
        {"/v1/networks/diomcoop", "2021-06-01", 404, NULL},
        {"/v1/networks/" MERGED_ID, "2021-05-01", 404, NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char query[PATH_BYTES];

        (void)snprintf(query, sizeof(query), "as_of=%s", ROWS[i].as_of);
        response = get(ROWS[i].path, query);
        cr_assert_eq(response->status, ROWS[i].status, "%s?%s answers %d: %s", ROWS[i].path, query,
                     response->status, response->body);
        if (response->status == 200)
            cr_assert_str_eq(response_text_at(response, "/slug"), ROWS[i].where);
        else if (response->status == 308)
            cr_assert_str_eq(response_header(response, "Location"), ROWS[i].where);
        else if (response->status == 410)
            cr_assert_str_eq(response_text_at(response, "/deleted_at"), ROWS[i].where);
    }
}

Test(history, who_made_way_for_another_is_told_from_then_on)
{
    CLEANUP(response_freep)
    struct response *gone = get("/v1/practices/history-merged", "as_of=2022-06-01");
    CLEANUP(response_freep) struct response *left = get(HAND, "as_of=2022-06-01");
    char *id = test_database_value("select id from published.practices_documents where slug = "
                                   "'diomcoop'");
    char address[PATH_BYTES];

    (void)snprintf(address, sizeof(address), "/v1/practices/%s", id);
    free(id);
    cr_assert_str_eq(response_text_at(gone, "/replaced_by"), address);
    cr_assert_null(response_at(left, "/replaced_by"));
}

Test(history, a_list_has_what_was_public_then)
{
    static const struct {
        const char *query, *slugs;
    } ROWS[] = {
        {"as_of=2019-12-31", ""},
        {"as_of=2020-01-01", "history-old-name"},
        {"as_of=2020-06-01", "history-merged history-old-name"},
        {"as_of=2021-01-01", "diomcoop history-merged"},
        {"as_of=2021-06-01", "diomcoop"},
        {"as_of=2021-06-01T01:59:59%2B02:00", "diomcoop history-merged"},
        {"as_of=2022-01-01", ""},
        {"as_of=2021-01-01T00:00:00Z", "diomcoop history-merged"},
        {"as_of=2020-12-31T23:59:59.999Z", "history-merged history-old-name"},
        {"as_of=2021-06-01T00:00:00Z", "diomcoop"},
        {"as_of=2022-01-01T00:00:00Z", ""},
        {"as_of=2020-06-01&slug=history-merged", "history-merged"},
        {"as_of=2020-06-01&slug=not.history-merged", "history-old-name"},
        {"as_of=2020-06-01&ids=" MERGED_ID, "history-merged"},
        {"as_of=2022-06-01&ids=" MERGED_ID, ""},
        {"as_of=2020-02-29T23:59:59Z&stale=true", ""},
        {"as_of=2020-02-29T23:59:59Z&stale=false", "history-old-name"},
        {"as_of=2020-03-02&stale=true", "history-old-name"},
        {"as_of=2020-03-02&stale=false", ""},
        {"as_of=2020-06-01&sort=-updated_at&limit=1", "history-merged"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = get("/v1/practices", ROWS[i].query);
        const json_t *data = response_at(response, "/data"), *record;
        struct text slugs;
        size_t j;

        cr_assert_eq(response->status, 200, "%s: %s", ROWS[i].query, response->body);
        text_init(&slugs, QUERY_BYTES_MAX);
        json_array_foreach (data, j, record)
            text_append_format(&slugs, "%s%s", j == 0 ? "" : " ",
                               json_string_value(json_object_get(record, "slug")));
        cr_assert_str_eq(slugs.bytes, ROWS[i].slugs, "%s", ROWS[i].query);
        text_deinit(&slugs);
    }
}

Test(history, what_was_asked_for_and_was_not_there_is_named)
{
    CLEANUP(response_freep)
    struct response *response = get("/v1/practices", "as_of=2022-06-01&ids=" MERGED_ID);

    cr_assert_str_eq(response_text_at(response, "/meta/missing/0"), MERGED_ID);
}

Test(history, a_list_of_related_records_follows_the_record_that_it_belongs_to)
{
    static const struct {
        const char *path, *as_of;
        int status;
        const char *location;
    } ROWS[] = {
        {OLD "/trainings", "2020-06-01", 200, NULL},
        {HAND "/trainings", "2020-06-01", 308,
         "/v1/practices/history-old-name/trainings?as_of=2020-06-01"},
        {HAND "/trainings", "2022-06-01", 410, NULL},
        {HAND "/trainings", "2019-06-01", 404, NULL},
        {"/v1/practices/no-such-record/trainings", "2020-06-01", 404, NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char query[PATH_BYTES];

        (void)snprintf(query, sizeof(query), "as_of=%s", ROWS[i].as_of);
        response = get(ROWS[i].path, query);
        cr_assert_eq(response->status, ROWS[i].status, "%s?%s answers %d", ROWS[i].path, query,
                     response->status);
        if (ROWS[i].location != NULL)
            cr_assert_str_eq(response_header(response, "Location"), ROWS[i].location);
    }
}

Test(history, a_relation_to_a_record_that_was_there_once_is_no_mistake)
{
    CLEANUP(response_freep)
    struct response *was = get("/v1/trainings", "as_of=2020-06-01&practice=history-old-name");
    CLEANUP(response_freep)
    struct response *id = get("/v1/trainings", "as_of=2020-06-01&practice=" MERGED_ID);
    CLEANUP(response_freep)
    struct response *never = get("/v1/trainings", "as_of=2020-06-01&practice=diomcop");

    cr_assert_eq(was->status, 200);
    cr_assert_eq(id->status, 200);
    cr_assert_eq(never->status, 400);
    cr_assert_not_null(strstr(response_text_at(never, "/errors/0/detail"), "'diomcoop'"));
}

/* A property may have had another type then: no filter fails because of it. */
Test(history, what_does_not_fit_the_contract_of_today_matches_nothing_and_fails_nothing)
{
    const struct resource *resource = contract_resource_find(list_contract(), "practices");
    const json_t *records = list_records(resource);
    json_auto_t *all = list_ids("/v1/practices", "as_of=2015-06-01", 100);

    cr_assert_eq(json_array_size(all), 1);
    for (size_t i = 0; i < resource->filter_count; i++) {
        const struct filter *filter = &resource->filters[i];
        json_auto_t *values = condition_values(records, filter->property);
        const char *text = json_string_value(json_array_get(json_array_get(values, 0), 0));

        /* Kept beside the document, these are what they were. */
        if (strcmp(filter->property->path, "slug") == 0 ||
            strcmp(filter->property->path, "updated_at") == 0)
            continue;
        for (int negated = 0; negated < (filter->operator== FILTER_EQUAL ? 2 : 1); negated++) {
            json_auto_t *ids = NULL;
            struct text query;

            text_init(&query, QUERY_BYTES_MAX);
            text_append(&query, "as_of=2015-06-01");
            condition_add(&query, &(struct condition){.filter = filter,
                                                      .values = {text},
                                                      .value_count = 1,
                                                      .negated = negated == 1});
            ids = list_ids("/v1/practices", query.bytes, 100);
            cr_assert_eq(json_array_size(ids), (size_t)negated, "%s", query.bytes);
            text_deinit(&query);
        }
    }
    list_forget();
}

Test(history, it_is_shown_like_any_record_and_kept_like_any_answer)
{
    static const char *const PATHS[] = {OLD, "/v1/practices"};

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        CLEANUP(response_freep)
        struct response *response = get(PATHS[i], "as_of=2020-06-01&fields=title,country&lang=fr");
        CLEANUP(response_freep) struct response *again = NULL;
        CLEANUP(response_freep) struct response *head = NULL;
        char address[PATH_BYTES], condition[PATH_BYTES];

        cr_assert_eq(response->status, 200);
        cr_assert_str_eq(response_header(response, "Cache-Control"),
                         "public, max-age=60, stale-while-revalidate=600");
        cr_assert_not_null(strstr(response_header(response, "Link"), "as_of=2020-06-01"));
        cr_assert_null(strstr(response_header(response, "Link"), "alternate"));
        (void)snprintf(address, sizeof(address), "%s?as_of=2020-06-01&fields=title,country&lang=fr",
                       PATHS[i]);
        (void)snprintf(condition, sizeof(condition), "If-None-Match: %s",
                       response_header(response, "ETag"));
        again = http_send("GET", address, (const char *const[]){condition, NULL}, NULL, 0);
        cr_assert_eq(again->status, 304);
        head = http_send("HEAD", address, NULL, NULL, 0);
        cr_assert_eq(head->status, 200);
        cr_assert_str_eq(response_header(head, "ETag"), response_header(response, "ETag"));
    }
    {
        CLEANUP(response_freep)
        struct response *response = get(OLD, "as_of=2020-06-01&fields=country");

        cr_assert_eq(json_object_size(response_json(response)), 4, "id, slug, title, country");
        cr_assert_not_null(strstr(response_header(response, "Link"), "rel=\"latest-version\""));
    }
}

Test(history, a_translation_of_then_is_shown_to_who_reads_its_language)
{
    char *instant = test_database_value(
        "select to_char(valid_from at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') from "
        "published.history where resource = 'networks' and slug = 'sample-1' order by valid_from "
        "limit 1");
    char query[PATH_BYTES];

    (void)snprintf(query, sizeof(query), "as_of=%s&lang=fr", instant);
    {
        CLEANUP(response_freep) struct response *record = get("/v1/networks/sample-1", query);
        CLEANUP(response_freep)
        struct response *list = get("/v1/networks?slug=sample-1&limit=1", query);

        cr_assert_str_eq(response_text_at(record, "/name"), "Exemple");
        cr_assert_str_eq(response_text_at(record, "/meta/languages/name"), "fr");
        (void)list;
    }
    (void)snprintf(query, sizeof(query), "as_of=%s&lang=all", instant);
    {
        CLEANUP(response_freep) struct response *record = get("/v1/networks/sample-1", query);

        cr_assert_str_eq(response_text_at(record, "/translations/0/text"), "Exemple");
    }
    free(instant);
}

/* --- what is refused -------------------------------------------------------------------------- */

static void check_refused(const char *address, const char *parameter, const char *code)
{
    CLEANUP(response_freep) struct response *response = http_get(address);

    cr_assert_eq(response->status, 400, "%s answers %d", address, response->status);
    cr_assert_str_eq(response_text_at(response, "/errors/0/parameter"), parameter, "%s", address);
    cr_assert_str_eq(response_text_at(response, "/errors/0/code"), code, "%s", address);
}

/* Checks V12, V17. */
Test(history, a_time_that_is_none_or_has_not_come_is_refused)
{
    static const char *const NONE[] = {"yesterday",
                                       "now",
                                       "infinity",
                                       "-infinity",
                                       "epoch",
                                       "2020",
                                       "2020-13-01",
                                       "2020-02-30",
                                       "2020-01-01T25:00:00Z",
                                       "2020-01-01T00:00:00",
                                       "2020-01-01T00:00:00%2B99:00",
                                       "0000-01-01",
                                       "10000-01-01",
                                       "2020-01-01%27",
                                       "2020-01-01%20BC",
                                       "%27%27",
                                       "1;select%201",
                                       "$1",
                                       "%25s",
                                       "%F0%9F%98%80",
                                       "2020-01-01,2021-01-01",
                                       "not.2020-01-01"};
    static const char *const PATHS[] = {"/v1/practices", HAND, HAND "/trainings"};
    char address[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(NONE); j++) {
            (void)snprintf(address, sizeof(address), "%s?as_of=%s", PATHS[i], NONE[j]);
            check_refused(address, "as_of", "unknown-value");
        }
        (void)snprintf(address, sizeof(address), "%s?as_of=9999-12-31T23:59:59Z", PATHS[i]);
        check_refused(address, "as_of", "in-the-future");
        (void)snprintf(address, sizeof(address), "%s?as_of=", PATHS[i]);
        check_refused(address, "as_of", "empty-value");
        (void)snprintf(address, sizeof(address), "%s?as_of=2020-01-01&as_of=2020-01-01", PATHS[i]);
        check_refused(address, "as_of", "repeated");
        (void)snprintf(address, sizeof(address), "%s?as_of=2020-01-01&include=organisations",
                       PATHS[i]);
        if (i != 2)
            check_refused(address, "include", "not-with-as-of");
    }
}

Test(history, a_list_of_the_past_is_json_alone)
{
    static const char *const ACCEPT_CSV[] = {"Accept: text/csv", NULL};
    static const char *const RATHER_CSV[] = {"Accept: text/csv, application/json;q=0.5", NULL};
    CLEANUP(response_freep)
    struct response *csv = http_send("GET", "/v1/practices?as_of=2020-06-01", ACCEPT_CSV, NULL, 0);
    CLEANUP(response_freep)
    struct response *json = http_send("GET", "/v1/practices?as_of=2020-06-01", RATHER_CSV, NULL, 0);

    check_refused("/v1/practices?as_of=2020-06-01&format=ndjson", "format", "not-with-as-of");
    check_refused("/v1/practices?as_of=2020-06-01&format=csv&limit=5", "format", "not-with-as-of");
    cr_assert_eq(csv->status, 406);
    cr_assert_eq(json->status, 200);
    cr_assert_str_eq(response_header(json, "Content-Type"), "application/json");
}

/* Checks V15. */
Test(history, a_cursor_belongs_to_its_time)
{
    CLEANUP(response_freep)
    struct response *page = get("/v1/practices", "as_of=2020-06-01&limit=1");
    const char *cursor = response_text_at(page, "/page/next");
    char address[4096];

    (void)snprintf(address, sizeof(address), "/v1/practices?as_of=2020-06-01&limit=1&cursor=%s",
                   cursor);
    {
        CLEANUP(response_freep) struct response *next = http_get(address);

        cr_assert_str_eq(response_text_at(next, "/data/0/slug"), "history-old-name");
        cr_assert(json_is_null(response_at(next, "/page/next")));
    }
    (void)snprintf(address, sizeof(address), "/v1/practices?as_of=2020-06-02&limit=1&cursor=%s",
                   cursor);
    check_refused(address, "cursor", "invalid-cursor");
    (void)snprintf(address, sizeof(address), "/v1/practices?limit=1&cursor=%s", cursor);
    check_refused(address, "cursor", "invalid-cursor");
}

Test(history, nothing_else_takes_a_time)
{
    CLEANUP(response_freep)
    struct response *batch =
        http_post("/v1/practices/batch-get?as_of=2020-06-01", "{\"ids\":[\"" MERGED_ID "\"]}");

    cr_assert_eq(batch->status, 400);
    cr_assert_str_eq(response_text_at(batch, "/errors/0/code"), "unknown-parameter");
    check_refused("/v1/search?q=a&as_of=2020-06-01", "as_of", "unknown-parameter");
}
