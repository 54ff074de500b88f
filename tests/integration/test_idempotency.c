/*
 * A request that is sent again with its Idempotency-Key is carried out once, whatever became of the
 * first answer.
 */
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

#define AT_ONCE "{\"title\":\"At once and once\",\"summary\":\"Written by a test.\"}"
#define BODY "{\"title\":\"Once and no more\",\"summary\":\"Written by a test.\"}"

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(idempotency, .fini = test_ends_without_leaks, .timeout = 120);

static struct response *post(const char *token, const char *key, const char *body)
{
    return write_text(token, "POST", "/v1/practices", NULL, key, body);
}

static bool is_replayed(const struct response *response)
{
    const char *replayed = response_header(response, "Idempotency-Replayed");

    return replayed != NULL && strcmp(replayed, "true") == 0;
}

static long keys_like(const char *key)
{
    return count_rows(
        path_of("select count(*) from identity.idempotency_key where key = '%s'", key));
}

/* --- the key
 * --------------------------------------------------------------------------------------- */

/* Checks I1. */
Test(idempotency, a_key_is_up_to_255_visible_characters)
{
    char longest[300];
    static const char *const BAD[] = {"with space", "with\ttab", "not-ascii-é", ""};

    memset(longest, 'k', sizeof(longest));
    longest[256] = '\0';
    for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++) {
        char line[300];
        const char *const headers[] = {line, NULL};
        CLEANUP(response_freep) struct response *response = NULL;

        (void)snprintf(line, sizeof(line),
                       BAD[i][0] == '\0' ? "Idempotency-Key;%s" : "Idempotency-Key: %s", BAD[i]);
        response = http_as(writer_partner(), "POST", "/v1/practices", headers, BODY);
        expect_problem(response, 400, "idempotency-key-invalid", BAD[i]);
    }
    {
        CLEANUP(response_freep) struct response *too_long = post(writer_partner(), longest, BODY);
        CLEANUP(response_freep) struct response *right = NULL, *marks = NULL;

        expect_problem(too_long, 400, "idempotency-key-invalid", "256 characters");
        longest[255] = '\0';
        right = post(writer_partner(), longest, BODY);
        expect_status(right, 201, "255 characters");
        marks = post(writer_partner(), "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", BODY);
        expect_status(marks, 201, "marks");
    }
}

/* Checks I1. */
Test(idempotency, two_keys_are_none)
{
    static const char *const HEADERS[] = {"Idempotency-Key: one-key",
                                          "Idempotency-Key: another-key", NULL};
    CLEANUP(response_freep)
    struct response *response = http_as(writer_partner(), "POST", "/v1/practices", HEADERS, BODY);

    expect_status(response, 400, "two keys");
}

/* --- again
 * ------------------------------------------------------------------------------------------- */

/* Checks I2. */
Test(idempotency, the_same_request_again_is_answered_as_before_and_does_nothing)
{
    CLEANUP(response_freep) struct response *first = post(writer_partner(), "key-again", BODY);
    CLEANUP(response_freep) struct response *second = post(writer_partner(), "key-again", BODY);
    CLEANUP(response_freep)
    struct response *spaced = post(writer_partner(), "key-again",
                                   "{ \"summary\": \"Written by a test.\",\n \"title\": "
                                   "\"Once and no more\" }");
    const char *id = response_text_at(first, "/id");

    expect_status(first, 201, "first");
    cr_assert_not(is_replayed(first));
    expect_status(second, 201, "second");
    cr_assert(is_replayed(second));
    cr_assert_str_eq(second->body, first->body);
    cr_assert_str_eq(response_header(second, "Location"), response_header(first, "Location"));
    cr_assert_str_eq(response_header(second, "ETag"), response_header(first, "ETag"));
    expect_status(spaced, 201, "the same JSON in another spelling");
    cr_assert(is_replayed(spaced));
    cr_assert_eq(
        count_rows(path_of("select count(*) from catalogue.version where record_id = '%s'", id)),
        1);
    cr_assert_eq(count_rows(path_of("select count(*) from audit.entry where record_id = '%s' and "
                                    "action = 'record.create'",
                                    id)),
                 1);
    /* To see the answer again is to read what is not public. */
    cr_assert_eq(count_rows(path_of("select count(*) from audit.entry where record_id = '%s' and "
                                    "action = 'request.replay'",
                                    id)),
                 2);
    cr_assert_eq(keys_like("key-again"), 1);
}

Test(idempotency, what_is_replayed_is_the_version_of_then)
{
    CLEANUP(response_freep) struct response *first = post(writer_partner(), "key-then", BODY);
    const char *slug = response_text_at(first, "/slug");
    CLEANUP(response_freep)
    struct response *changed =
        write_text(writer_partner(), "PATCH", path_of("/v1/practices/%s", slug), "*", NULL,
                   "{\"city\":\"Namur\"}");
    CLEANUP(response_freep) struct response *again = NULL;

    expect_status(changed, 200, "changed");
    again = post(writer_partner(), "key-then", BODY);
    expect_status(again, 201, "again");
    cr_assert(is_replayed(again));
    cr_assert_null(response_at(again, "/city"), "%s", again->body);
    cr_assert_eq(json_integer_value(response_at(again, "/version")), 1);
    cr_assert_str_eq(response_header(again, "ETag"), response_header(first, "ETag"));
}

/* Checks I2. */
Test(idempotency, every_step_is_taken_once)
{
    char *slug = draft_practice(writer_partner(), "Stepped once");
    static const struct {
        const char *step, *body;
        bool by_editor;
    } ROWS[] = {
        {"submit", NULL, false}, {"return", "{\"reason\":\"x\"}", true},
        {"submit", NULL, false}, {"publish", NULL, true},
        {"verify", NULL, false}, {"versions/1/restore", NULL, true},
        {"archive", NULL, true},
    };
    long versions = 1;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const char *token = ROWS[i].by_editor ? writer_editor() : writer_partner();
        const char *path = path_of("/v1/practices/%s/%s", slug, ROWS[i].step);
        const char *key = path_of("key-step-%zu", i);
        CLEANUP(response_freep)
        struct response *first = write_text(token, "POST", path, NULL, key, ROWS[i].body);
        CLEANUP(response_freep)
        struct response *second = write_text(token, "POST", path, NULL, key, ROWS[i].body);

        expect_status(first, 200, path);
        expect_status(second, 200, path);
        cr_assert(is_replayed(second), "%s", path);
        cr_assert_str_eq(first->body, second->body, "%s: %s", first->body, second->body);
        versions++;
        cr_assert_eq(json_integer_value(response_at(first, "/version")), versions, "%s", path);
    }
    free(slug);
}

/* The same request twice with one key: done, and answered as before. */
static void expect_once(const char *token, const char *path, const char *body, int status)
{
    CLEANUP(response_freep)
    struct response *first = write_text(token, "POST", path, NULL, path, body);
    CLEANUP(response_freep)
    struct response *second = write_text(token, "POST", path, NULL, path, body);

    expect_status(first, status, path);
    cr_assert_not(is_replayed(first), "%s", path);
    expect_status(second, status, path);
    cr_assert(is_replayed(second), "%s", path);
    cr_assert_str_eq(first->body, second->body, "%s: %s", first->body, second->body);
}

/* Checks I2. */
Test(idempotency, what_cannot_be_done_twice_is_not_tried_twice)
{
    char *duplicate = publish_practice("Merged once"), *survivor = publish_practice("Merged into");
    json_auto_t *into = json_pack("{s:s}", "into", survivor);
    char *body = json_dumps(into, 0);
    char *ids[3];

    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++) {
        CLEANUP(response_freep)
        struct response *proposed = write_text(
            NULL, "POST", path_of("/v1/practices/%s/proposals", survivor), NULL, NULL,
            i == 0 ? "{\"patch\":{\"city\":\"Namur\"}}" : "{\"patch\":{\"city\":\"Mons\"}}");

        expect_status(proposed, 201, "proposed");
        ids[i] = strdup(response_text_at(proposed, "/id"));
    }
    expect_once(writer_editor(), path_of("/v1/proposals/%s/accept", ids[0]), NULL, 200);
    expect_once(writer_editor(), path_of("/v1/proposals/%s/decline", ids[1]),
                "{\"reason\":\"It is in Namur.\"}", 200);
    expect_once(writer_editor(), path_of("/v1/proposals/%s/erase", ids[2]), NULL, 204);
    expect_once(writer_editor(), path_of("/v1/practices/%s/merge", duplicate), body, 200);
    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++)
        free(ids[i]);
    free(body);
    free(duplicate);
    free(survivor);
}

/* Checks I3. */
Test(idempotency, a_key_that_was_used_for_another_request_is_refused)
{
    char *slug = draft_practice(writer_partner(), "Another path");
    CLEANUP(response_freep) struct response *first = post(writer_partner(), "key-other", BODY);
    CLEANUP(response_freep)
    struct response *body =
        post(writer_partner(), "key-other", "{\"title\":\"Another one\",\"summary\":\"x\"}");
    CLEANUP(response_freep)
    struct response *path =
        write_text(writer_partner(), "POST", path_of("/v1/practices/%s/submit", slug), NULL,
                   "key-other", NULL);
    CLEANUP(response_freep)
    struct response *query = write_text(writer_partner(), "POST", "/v1/practices?dry_run=false",
                                        NULL, "key-other", BODY);

    expect_status(first, 201, "first");
    expect_problem(body, 422, "idempotency-key-reuse", "another body");
    expect_problem(path, 422, "idempotency-key-reuse", "another path");
    expect_problem(query, 422, "idempotency-key-reuse", "another query");
    free(slug);
}

/* --- at once
 * -------------------------------------------------------------------------------------------- */

struct sending {
    const char *authorization, *key;
    int status;
    bool replayed;
    char location[200];
};

static void *send_at_once(void *data)
{
    struct sending *sending = data;
    const char *const headers[] = {"Content-Type: application/json", sending->authorization,
                                   sending->key, NULL};
    const char *location;
    char url[200];
    struct response *response;

    (void)snprintf(url, sizeof(url), "%s/v1/practices", getenv("API_URL"));
    response = http_send_unchecked("POST", url, headers, AT_ONCE, strlen(AT_ONCE));
    location = response_header(response, "Location");
    sending->status = response->status;
    sending->replayed = is_replayed(response);
    (void)snprintf(sending->location, sizeof(sending->location), "%s",
                   location == NULL ? "" : location);
    if (sending->status == 409 && response_header(response, "Retry-After") == NULL)
        sending->status = 0;
    response_free(response);
    return NULL;
}

/* Checks I4. */
Test(idempotency, twenty_at_once_have_one_effect)
{
    enum { SENDERS = 20 };
    pthread_t threads[SENDERS];
    struct sending sendings[SENDERS];
    char authorization[9000];
    const char *location = NULL;
    size_t done = 0;

    (void)snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s",
                   writer_partner());
    for (size_t i = 0; i < SENDERS; i++) {
        sendings[i] =
            (struct sending){.authorization = authorization, .key = "Idempotency-Key: key-at-once"};
        cr_assert_eq(pthread_create(&threads[i], NULL, send_at_once, &sendings[i]), 0);
    }
    for (size_t i = 0; i < SENDERS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_assert(sendings[i].status == 201 || sendings[i].status == 409 ||
                      sendings[i].status == 503,
                  "%d", sendings[i].status);
        if (sendings[i].status != 201)
            continue;
        done += !sendings[i].replayed;
        if (location == NULL)
            location = sendings[i].location;
        cr_assert_str_eq(sendings[i].location, location);
    }
    cr_assert_eq(done, 1);
    cr_assert_eq(count_rows("select count(*) from catalogue.record where slug like 'at-once-and%'"),
                 1);
}

static void *hold_key(void *data)
{
    (void)data; /* there is one key to hold */
    test_database_run(
        "begin; insert into identity.idempotency_key (caller, key, fingerprint) "
        "select caller, 'key-held', '\\x00' from identity.idempotency_key where key = "
        "'key-before-held'; select pg_sleep(3); rollback");
    return NULL;
}

static bool is_held(void)
{
    return count_rows("select count(*) from pg_stat_activity where query like '%key-held%' and "
                      "wait_event = 'PgSleep'") > 0;
}

/* Checks I4. */
Test(idempotency, who_comes_while_the_first_is_under_way_is_told_so_within_a_second)
{
    CLEANUP(response_freep)
    struct response *known = post(writer_partner(), "key-before-held", BODY);
    CLEANUP(response_freep) struct response *meanwhile = NULL, *beside = NULL, *after = NULL;
    struct http_pending *pending;
    pthread_t holder;

    expect_status(known, 201, "so that the caller's name is known");
    cr_assert_eq(pthread_create(&holder, NULL, hold_key, NULL), 0);
    while (!is_held())
        ;
    pending = http_begin_as(writer_partner(), "POST", "/v1/practices",
                            (const char *const[]){"Idempotency-Key: key-held", NULL}, BODY);
    beside = post(writer_partner(), "key-beside-held", BODY);
    expect_status(beside, 201, "what has another key is not held up for long");
    meanwhile = http_end(pending);
    expect_problem(meanwhile, 409, "idempotency-in-progress", "meanwhile");
    cr_assert_str_eq(response_header(meanwhile, "Retry-After"), "1");
    cr_assert_eq(pthread_join(holder, NULL), 0);
    after = post(writer_partner(), "key-held", BODY);
    expect_status(after, 201, "the first was not carried out after all");
    cr_assert_not(is_replayed(after));
}

/* --- whose key
 * ------------------------------------------------------------------------------------------- */

/* Checks I5, Z24. */
Test(idempotency, a_key_belongs_to_who_sent_it)
{
    CLEANUP(response_freep) struct response *first = post(writer_partner(), "key-of-each", BODY);
    CLEANUP(response_freep) struct response *other = post(writer_other(), "key-of-each", BODY);
    CLEANUP(response_freep) struct response *editor = post(writer_editor(), "key-of-each", BODY);

    expect_status(first, 201, "a partner");
    expect_status(other, 201, "another partner");
    expect_status(editor, 201, "an editor");
    cr_assert_not(is_replayed(other));
    cr_assert_not(is_replayed(editor));
    cr_assert_str_neq(response_text_at(first, "/id"), response_text_at(other, "/id"));
    cr_assert_eq(keys_like("key-of-each"), 3);
}

/* Checks I2, Z24. */
Test(idempotency, a_proposal_is_made_once_and_its_code_told_once)
{
    char *slug = publish_practice("Corrected once");
    const char *path = path_of("/v1/practices/%s/proposals", slug);
    static const char PATCH[] = "{\"patch\":{\"city\":\"Namur\"}}";
    CLEANUP(response_freep)
    struct response *first = write_text(NULL, "POST", path, NULL, "key-proposal", PATCH);
    CLEANUP(response_freep)
    struct response *second = write_text(NULL, "POST", path, NULL, "key-proposal", PATCH);
    CLEANUP(response_freep)
    struct response *signed_in =
        write_text(writer_partner(), "POST", path, NULL, "key-proposal", PATCH);

    expect_status(first, 201, "first");
    expect_status(second, 201, "second");
    cr_assert(is_replayed(second));
    cr_assert_str_eq(response_text_at(first, "/id"), response_text_at(second, "/id"));
    cr_assert_not_null(response_at(first, "/erasure_code"));
    cr_assert_null(response_at(second, "/erasure_code"));
    expect_status(signed_in, 201, "who is somebody has keys of its own");
    cr_assert_not(is_replayed(signed_in));
    free(slug);
}

/* --- what is not stored
 * ------------------------------------------------------------------------------------ */

/* Checks I6. */
Test(idempotency, of_what_was_refused_nothing_is_stored)
{
    char *slug = draft_practice(writer_partner(), "Refused at first");
    const char *publish = path_of("/v1/practices/%s/publish", slug);
    CLEANUP(response_freep)
    struct response *invalid = post(writer_partner(), "key-mended", "{\"title\":\"A\"}");
    CLEANUP(response_freep) struct response *mended = post(writer_partner(), "key-mended", BODY);
    CLEANUP(response_freep) struct response *nobody = post(NULL, "key-signed-in", BODY);
    CLEANUP(response_freep)
    struct response *signed_in = post(writer_partner(), "key-signed-in", BODY);
    CLEANUP(response_freep)
    struct response *forbidden =
        write_text(writer_partner(), "POST", publish, NULL, "key-permitted", NULL);
    CLEANUP(response_freep)
    struct response *conflict =
        write_text(writer_editor(), "POST", publish, NULL, "key-permitted", NULL);
    CLEANUP(response_freep) struct response *permitted = NULL;

    expect_problem(invalid, 422, "validation-failed", "invalid");
    expect_status(mended, 201, "mended");
    cr_assert_not(is_replayed(mended));
    expect_problem(nobody, 401, "unauthenticated", "nobody");
    expect_status(signed_in, 201, "signed in");
    expect_problem(forbidden, 403, "forbidden", "not permitted");
    expect_problem(conflict, 409, "invalid-transition", "a draft");
    cr_assert_eq(keys_like("key-permitted"), 0);
    take_step(writer_partner(), slug, "submit");
    permitted = write_text(writer_editor(), "POST", publish, NULL, "key-permitted", NULL);
    expect_status(permitted, 200, "in a state for it by now");
    cr_assert_not(is_replayed(permitted));
    free(slug);
}

/* Checks I7. */
Test(idempotency, of_what_failed_here_nothing_is_stored)
{
    static const char FAILING[] = "{\"title\":\"Failing here\",\"summary\":\"x\"}";
    static const struct {
        const char *state, *problem;
        int status;
    } ROWS[] = {
        {"53200", "database-unavailable", 503}, /* the database has no memory left */
        {"57014", "timeout", 503},              /* it takes too long */
        {"25006", "read-only", 503},            /* it is a copy by now */
        {"40003", "outcome-unknown", 503},      /* nobody knows */
    };
    CLEANUP(response_freep) struct response *again = NULL, *replayed = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *failed = NULL;

        test_database_run(path_of(
            "create or replace function public.fail_here() returns trigger language plpgsql as $$ "
            "begin if new.slug like 'failing-here%%' then raise exception using errcode = '%s'; "
            "end if; return new; end $$; drop trigger if exists fail_here on catalogue.record; "
            "create trigger fail_here before insert on catalogue.record for each row execute "
            "function public.fail_here()",
            ROWS[i].state));
        failed = post(writer_partner(), "key-failed", FAILING);
        expect_problem(failed, ROWS[i].status, ROWS[i].problem, ROWS[i].state);
        cr_assert_not_null(response_header(failed, "Retry-After"), "%s", ROWS[i].state);
        cr_assert_eq(keys_like("key-failed"), 0);
    }
    test_database_run("drop trigger fail_here on catalogue.record; drop function public.fail_here");
    again = post(writer_partner(), "key-failed", FAILING);
    expect_status(again, 201, "again");
    cr_assert_not(is_replayed(again));
    replayed = post(writer_partner(), "key-failed", FAILING);
    cr_assert(is_replayed(replayed));
    cr_assert_eq(
        count_rows("select count(*) from catalogue.record where slug like 'failing-here%'"), 1);
}

/* Checks I9. */
Test(idempotency, an_answer_is_given_again_only_to_who_may_see_it_still)
{
    CLEANUP(response_freep) struct response *deleted = post(writer_partner(), "key-gone", BODY);
    CLEANUP(response_freep) struct response *lost = post(writer_partner(), "key-lost", BODY);
    const char *path = path_of("/v1/practices/%s", response_text_at(deleted, "/slug"));
    CLEANUP(response_freep)
    struct response *removed = write_text(writer_partner(), "DELETE", path, "*", NULL, NULL);
    CLEANUP(response_freep)
    struct response *given = write_text(
        writer_editor(), "PATCH", path_of("/v1/practices/%s", response_text_at(lost, "/slug")), "*",
        NULL, "{\"owner\":\"" OTHER_ORGANISATION "\"}");
    CLEANUP(response_freep)
    struct response *gone_again = post(writer_partner(), "key-gone", BODY);
    CLEANUP(response_freep)
    struct response *lost_again = post(writer_partner(), "key-lost", BODY);

    expect_status(removed, 204, "deleted");
    expect_status(given, 200, "given to somebody else");
    expect_problem(gone_again, 410, "gone", "it was deleted");
    expect_problem(lost_again, 404, "not-found", "it is somebody else's");
    cr_assert_eq(count_rows("select count(*) from information_schema.columns where table_schema = "
                            "'identity' and table_name = 'idempotency_key' and data_type in "
                            "('json', 'jsonb')"),
                 0, "no answer is stored");
}

/* Checks I10. */
Test(idempotency, a_key_is_free_again_after_a_day)
{
    CLEANUP(response_freep)
    struct response *first = post(writer_partner(), "key-of-yesterday", BODY);
    CLEANUP(response_freep) struct response *almost = NULL, *again = NULL, *other = NULL;

    expect_status(first, 201, "first");
    test_database_run(
        "update identity.idempotency_key set created_at = now() - interval '23 hours' "
        "where key = 'key-of-yesterday'");
    almost = post(writer_partner(), "key-of-yesterday", BODY);
    cr_assert(is_replayed(almost));
    test_database_run(
        "update identity.idempotency_key set created_at = now() - interval '25 hours' "
        "where key = 'key-of-yesterday'");
    other = post(writer_partner(), "key-of-yesterday",
                 "{\"title\":\"Something else\",\"summary\":\"x\"}");
    expect_status(other, 201, "for something else");
    cr_assert_not(is_replayed(other));
    again = post(writer_partner(), "key-of-yesterday",
                 "{\"title\":\"Something else\",\"summary\":\"x\"}");
    expect_status(again, 201, "and that is replayed");
    cr_assert(is_replayed(again));
    cr_assert_eq(keys_like("key-of-yesterday"), 1);
}
