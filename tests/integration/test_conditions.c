/*
 * If-Match and what it protects from: changes that overwrite each other unseen, also when many come
 * at once; and how long who writes waits for somebody else.
 */
#include "base/clock.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/server.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(conditions, .fini = test_ends_without_leaks, .timeout = 120);

static struct response *patch(const char *token, const char *slug, const char *etag,
                              const char *body)
{
    return write_text(token, "PATCH", path_of("/v1/practices/%s", slug), etag, NULL, body);
}

/* --- If-Match
 * --------------------------------------------------------------------------------------- */

/* Checks H21. */
Test(conditions, a_change_says_which_version_it_is_meant_for)
{
    char *slug = draft_practice(writer_partner(), "Meant for this version");
    char *etag = etag_of(writer_partner(), slug);
    static const struct {
        const char *method, *body;
    } METHODS[] = {
        {"PUT", "{\"title\":\"A\",\"summary\":\"B\"}"},
        {"PATCH", "{\"city\":\"Namur\"}"},
        {"DELETE", NULL},
    };
    const char *weak = path_of("W/%s", etag), *in_list = path_of("\"x\", W/%s, \"y\"", etag);

    for (size_t i = 0; i < ARRAY_LENGTH(METHODS); i++) {
        const struct {
            const char *etag, *code;
            int status;
        } rows[] = {
            {NULL, "precondition-required", 428},
            {"\"1-000000000000\"", "precondition-failed", 412},
            {weak, "precondition-failed", 412},
            {in_list, "precondition-failed", 412},
            {"no-quotes", "precondition-failed", 412},
            {"\"\"", "precondition-failed", 412},
        };

        for (size_t j = 0; j < ARRAY_LENGTH(rows); j++) {
            CLEANUP(response_freep)
            struct response *response =
                write_text(writer_partner(), METHODS[i].method, path_of("/v1/practices/%s", slug),
                           rows[j].etag, NULL, METHODS[i].body);

            expect_problem(response, rows[j].status, rows[j].code, rows[j].etag);
            cr_assert_str_eq(response_header(response, "ETag"), etag, "the present one is told");
        }
    }
    {
        CLEANUP(response_freep)
        struct response *listed =
            patch(writer_partner(), slug, path_of("\"x\", %s", etag), "{\"city\":\"Namur\"}");
        CLEANUP(response_freep)
        struct response *again = patch(writer_partner(), slug, etag, "{\"city\":\"Mons\"}");
        CLEANUP(response_freep)
        struct response *any = patch(writer_partner(), slug, "*", "{\"city\":\"Mons\"}");
        CLEANUP(response_freep)
        struct response *nothing =
            patch(writer_partner(), "not-there-at-all", "*", "{\"city\":\"Mons\"}");

        expect_status(listed, 200, "one of a list");
        cr_assert_str_neq(response_header(listed, "ETag"), etag);
        expect_problem(again, 412, "precondition-failed", "it is another one by now");
        expect_status(any, 200, "whatever is there");
        expect_problem(nothing, 404, "not-found", "nothing is there");
    }
    free(slug);
    free(etag);
}

/* Checks H22. */
Test(conditions, what_is_stale_is_told_before_what_is_wrong_with_the_body)
{
    char *slug = draft_practice(writer_partner(), "Stale before wrong");
    CLEANUP(response_freep)
    struct response *stale = patch(writer_partner(), slug, "\"stale\"", "{\"nonsense\":1}");
    CLEANUP(response_freep)
    struct response *missing = patch(writer_partner(), slug, NULL, "{\"nonsense\":1}");
    CLEANUP(response_freep)
    struct response *foreign = patch(writer_other(), slug, "\"stale\"", "{\"nonsense\":1}");
    CLEANUP(response_freep)
    struct response *no_json = patch(writer_partner(), slug, "\"stale\"", "{");

    expect_problem(stale, 412, "precondition-failed", "stale and wrong");
    expect_problem(missing, 428, "precondition-required", "missing and wrong");
    expect_problem(foreign, 404, "not-found", "somebody else's");
    expect_problem(no_json, 400, "invalid-json", "no JSON at all");
    free(slug);
}

/* Checks H20, H21. */
Test(conditions, the_etag_of_the_public_record_serves_as_long_as_nothing_waits)
{
    static const char *const CODINGS[] = {"Accept-Encoding: identity", "Accept-Encoding: gzip",
                                          "Accept-Encoding: br", "Accept-Encoding: zstd"};
    char *slug = publish_practice("Read in public, changed from there");
    CLEANUP(response_freep) struct response *waits = NULL, *refused = NULL, *by_copy = NULL;
    char *old = NULL, *etag;

    for (size_t i = 0; i < ARRAY_LENGTH(CODINGS); i++) {
        const char *const headers[] = {CODINGS[i], NULL};
        char *summary = malloc(2000);
        CLEANUP(response_freep)
        struct response *shown =
            http_as(NULL, "GET", path_of("/v1/practices/%s", slug), headers, NULL);
        CLEANUP(response_freep) struct response *changed = NULL;

        /* Long enough to be compressed. */
        (void)snprintf(summary, 2000, "{\"summary\":\"%01500zu\"}", i);
        free(old);
        old = strdup(response_header(shown, "ETag"));
        changed = patch(writer_editor(), slug, old, summary);
        expect_status(changed, 200, old);
        free(summary);
    }
    {
        CLEANUP(response_freep)
        struct response *stale = patch(writer_editor(), slug, old, "{\"city\":\"Mons\"}");

        expect_problem(stale, 412, "precondition-failed", "of a version before");
    }
    {
        CLEANUP(response_freep)
        struct response *shown = read_as(NULL, path_of("/v1/practices/%s", slug));

        etag = strdup(response_header(shown, "ETag"));
    }
    waits = patch(writer_partner(), slug, etag, "{\"city\":\"Namur\"}");
    expect_status(waits, 200, "a partner's change, which waits");
    refused = patch(writer_partner(), slug, etag, "{\"city\":\"Mons\"}");
    expect_problem(refused, 412, "precondition-failed", "the public one is not what is edited now");
    by_copy = patch(writer_partner(), slug, response_header(waits, "ETag"), "{\"city\":\"Mons\"}");
    expect_status(by_copy, 200, "the working copy is");
    free(slug);
    free(old);
    free(etag);
}

/* Checks H20, Z23. */
Test(conditions, a_working_copy_that_is_current_is_not_sent_again)
{
    char *slug = draft_practice(writer_partner(), "Looked at twice");
    char *etag = etag_of(writer_partner(), slug);
    char line[200];
    const char *const headers[] = {line, NULL};
    const char *path = path_of("/v1/practices/%s/working-copy", slug);
    CLEANUP(response_freep)
    struct response *same = NULL, *changed = NULL, *another = NULL, *foreign = NULL;

    (void)snprintf(line, sizeof(line), "If-None-Match: %s", etag);
    same = http_as(writer_partner(), "GET", path, headers, NULL);
    expect_status(same, 304, "the same");
    cr_assert_str_eq(response_header(same, "ETag"), etag);
    cr_assert_str_eq(response_header(same, "Cache-Control"), "no-store");
    foreign = http_as(writer_other(), "GET", path, headers, NULL);
    expect_problem(foreign, 404, "not-found", "the right ETag in the wrong hands");
    changed = patch(writer_partner(), slug, etag, "{\"city\":\"Namur\"}");
    expect_status(changed, 200, "changed");
    another = http_as(writer_partner(), "GET", path, headers, NULL);
    expect_status(another, 200, "another one");
    free(slug);
    free(etag);
}

/* Checks H9, H24. */
Test(conditions, what_is_private_is_neither_kept_nor_compressed)
{
    static const char *const HEADERS[] = {"Accept-Encoding: gzip, br, zstd", NULL};
    const char *const paths[] = {
        "/v1/practices/univerbal/working-copy", "/v1/practices/univerbal/versions",
        "/v1/practices/univerbal/versions/1", "/v1/working-copies", "/v1/reviews"};

    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        CLEANUP(response_freep)
        struct response *response = http_as(writer_editor(), "GET", paths[i], HEADERS, NULL);

        expect_status(response, 200, paths[i]);
        cr_assert_null(response_header(response, "Content-Encoding"), "%s", paths[i]);
        cr_assert_str_eq(response_header(response, "Cache-Control"), "no-store", "%s", paths[i]);
        cr_assert_null(response_header(response, "Last-Modified"), "%s", paths[i]);
    }
}

/* Checks H3. */
Test(conditions, head_of_what_is_private_is_get_without_the_body)
{
    const char *const paths[] = {"/v1/practices/univerbal/working-copy",
                                 "/v1/practices/univerbal/versions"};

    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        CLEANUP(response_freep)
        struct response *head = http_as(writer_editor(), "HEAD", paths[i], NULL, NULL);
        CLEANUP(response_freep) struct response *whole = read_as(writer_editor(), paths[i]);

        expect_status(head, 200, paths[i]);
        cr_assert_eq(head->body_bytes, 0);
        cr_assert_eq(strtoul(response_header(head, "Content-Length"), NULL, 10), whole->body_bytes);
    }
}

/* --- at once
 * ---------------------------------------------------------------------------------------------- */

struct sending {
    const char *authorization, *path;
    char etag[200];
    const char *body;
    int status;
    bool succeeded;
};

static struct response *send_raw(const struct sending *sending, const char *method)
{
    char match[300];
    const char *const headers[] = {"Content-Type: application/merge-patch+json",
                                   sending->authorization, match, NULL};
    char url[400];

    (void)snprintf(match, sizeof(match), "If-Match: %s", sending->etag);
    (void)snprintf(url, sizeof(url), "%s%s", getenv("API_URL"), sending->path);
    return http_send_unchecked(method, url, headers,
                               strcmp(method, "GET") == 0 ? NULL : sending->body,
                               strcmp(method, "GET") == 0 ? 0 : strlen(sending->body));
}

static void *patch_at_once(void *data)
{
    struct sending *sending = data;
    struct response *response = send_raw(sending, "PATCH");

    sending->status = response->status;
    response_free(response);
    return NULL;
}

static const char *authorization_of(const char *token)
{
    static char line[9000];

    (void)snprintf(line, sizeof(line), "Authorization: Bearer %s", token);
    return line;
}

/* Checks C1. */
Test(conditions, of_two_changes_of_one_version_one_is_made)
{
    for (size_t round = 0; round < 5; round++) {
        char *slug = draft_practice(writer_partner(), "Changed by two at once");
        char *etag = etag_of(writer_partner(), slug);
        const char *path = path_of("/v1/practices/%s", slug);
        struct sending sendings[2];
        pthread_t threads[2];
        CLEANUP(response_freep) struct response *after = NULL;

        for (size_t i = 0; i < 2; i++) {
            sendings[i] =
                (struct sending){.authorization = authorization_of(writer_partner()),
                                 .path = path,
                                 .body = i == 0 ? "{\"city\":\"Namur\"}" : "{\"city\":\"Mons\"}"};
            (void)snprintf(sendings[i].etag, sizeof(sendings[i].etag), "%s", etag);
            cr_assert_eq(pthread_create(&threads[i], NULL, patch_at_once, &sendings[i]), 0);
        }
        for (size_t i = 0; i < 2; i++)
            cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_assert_eq(sendings[0].status + sendings[1].status, 200 + 412, "%d %d",
                     sendings[0].status, sendings[1].status);
        after = read_as(writer_partner(), path_of("%s/working-copy", path));
        cr_assert_eq(json_integer_value(response_at(after, "/version")), 2);
        cr_assert_str_eq(response_text_at(after, "/city"),
                         sendings[0].status == 200 ? "Namur" : "Mons");
        free(slug);
        free(etag);
    }
}

/* Reads, counts one up, writes; until nobody was faster. */
static void *count_up(void *data)
{
    struct sending *sending = data;
    char copy[300], body[100];

    (void)snprintf(copy, sizeof(copy), "%s/working-copy", sending->path);
    while (!sending->succeeded) {
        struct sending reading = *sending;
        struct response *shown, *written;
        json_t *value;

        reading.path = copy;
        (void)snprintf(reading.etag, sizeof(reading.etag), "*");
        shown = send_raw(&reading, "GET");
        if (shown->status == 200) {
            value = json_loads(shown->body, 0, NULL);
            (void)snprintf(body, sizeof(body), "{\"languages_count\":%d}",
                           (int)json_integer_value(json_object_get(value, "languages_count")) + 1);
            (void)snprintf(sending->etag, sizeof(sending->etag), "%s",
                           response_header(shown, "ETag"));
            sending->body = body;
            written = send_raw(sending, "PATCH");
            sending->succeeded = written->status == 200;
            sending->status = written->status;
            json_decref(value);
            response_free(written);
        }
        response_free(shown);
    }
    return NULL;
}

/* Checks C2. */
Test(conditions, fifty_who_count_up_at_once_come_to_fifty)
{
    enum { CLIENTS = 50 };
    char *slug = draft_practice(writer_partner(), "Counted up by many");
    const char *path = path_of("/v1/practices/%s", slug);
    struct sending sendings[CLIENTS];
    pthread_t threads[CLIENTS];
    CLEANUP(response_freep) struct response *after = NULL;

    for (size_t i = 0; i < CLIENTS; i++) {
        sendings[i] =
            (struct sending){.authorization = authorization_of(writer_partner()), .path = path};
        cr_assert_eq(pthread_create(&threads[i], NULL, count_up, &sendings[i]), 0);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    after = read_as(writer_partner(), path_of("%s/working-copy", path));
    cr_assert_eq(json_integer_value(response_at(after, "/languages_count")), CLIENTS);
    cr_assert_eq(json_integer_value(response_at(after, "/version")), CLIENTS + 1);
    free(slug);
}

static void *hold_record(void *slug)
{
    char sql[500];

    (void)snprintf(sql, sizeof(sql),
                   "begin; select from catalogue.record where slug = '%s' for update; "
                   "select pg_sleep(4) /* held */; rollback",
                   (const char *)slug);
    test_database_run(sql);
    return NULL;
}

/* Checks C6. */
Test(conditions, who_waits_for_somebody_elses_lock_is_told_in_time)
{
    char *slug = draft_practice(writer_partner(), "Held by somebody");
    CLEANUP(response_freep) struct response *response = NULL, *after = NULL;
    pthread_t holder;
    uint64_t began;

    cr_assert_eq(pthread_create(&holder, NULL, hold_record, slug), 0);
    while (count_rows("select count(*) from pg_stat_activity where query like '%/* held */%' and "
                      "wait_event = 'PgSleep'") == 0)
        ;
    began = clock_monotonic_ms();
    response = patch(writer_partner(), slug, "*", "{\"city\":\"Namur\"}");
    expect_problem(response, 503, "contention", "held");
    cr_assert_lt(clock_monotonic_ms() - began, 2000,
                 "it waits as long as a lock may be waited for");
    cr_assert_not_null(response_header(response, "Retry-After"));
    cr_assert_eq(pthread_join(holder, NULL), 0);
    after = patch(writer_partner(), slug, "*", "{\"city\":\"Namur\"}");
    expect_status(after, 200, "after that");
    free(slug);
}

/* Checks C5. */
Test(conditions, a_transaction_that_another_one_has_beaten_is_done_again)
{
    char *slug = draft_practice(writer_partner(), "Beaten twice");
    CLEANUP(response_freep) struct response *response = NULL, *always = NULL;

    /* A sequence is not rolled back: the first two tries fail, the third goes through. */
    test_database_run(
        "create sequence public.tries; grant usage on sequence public.tries to public;"
        "create function public.fail_at_first() returns trigger language plpgsql as $$ begin "
        "if new.slug like 'beaten%' and nextval('public.tries') < 3 then raise exception using "
        "errcode = '40001'; end if; return new; end $$;"
        "create trigger fail_at_first before update on catalogue.record for each row execute "
        "function public.fail_at_first()");
    response = patch(writer_partner(), slug, "*", "{\"city\":\"Namur\"}");
    test_database_run("create or replace function public.fail_at_first() returns trigger language "
                      "plpgsql as $$ begin if new.slug like 'beaten%' then raise exception using "
                      "errcode = '40P01'; end if; return new; end $$");
    always = patch(writer_partner(), slug, "*", "{\"city\":\"Mons\"}");
    test_database_run("drop trigger fail_at_first on catalogue.record; "
                      "drop function public.fail_at_first; drop sequence public.tries");
    expect_status(response, 200, "beaten twice");
    cr_assert_eq(json_integer_value(response_at(response, "/version")), 2, "it was done once");
    expect_problem(always, 503, "contention", "beaten always");
    free(slug);
}
