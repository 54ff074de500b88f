/*
 * The server is killed, or its connection, at every place inside a write; keys grow old while they
 * are in use. Whatever happened, a client that sends its request again with the same
 * Idempotency-Key finds one effect, and the answer that it would have got.
 */
#include "base/text.h"
#include "support/database.h"
#include "support/holds.h"
#include "support/http.h"
#include "support/invariants.h"
#include "support/leaks.h"
#include "support/program.h"
#include "support/records.h"
#include "support/server.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS "EXPRESS_RATE_LIMIT=0", "EXPRESS_STATEMENT_TIMEOUT_MS=60000"

/* Each test writes for an organisation of its own. */
#define KILLED "univerbal"
#define CUT "diomcoop"
#define CUT_EDITOR "magdas-hotel"
#define AGED "programma-integra"

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    (void)tests; /* of no use here: the hook's type is Criterion's */
    test_server_before_all((const char *const[]){SETTINGS, NULL});
    records_execute(HOLDS_SQL);
}
SERVER_AFTER_TESTS()

TestSuite(crashes, .init = records_ready, .fini = test_ends_without_leaks, .timeout = 240);

/* --- one effect, and the same answer ------------------------------------------------------------
 */

static bool is_replayed(const struct response *response)
{
    const char *replayed = response_header(response, "Idempotency-Replayed");

    return replayed != NULL && strcmp(replayed, "true") == 0;
}

/* Without what is of this record alone. */
static json_t *common_of(struct response *response)
{
    static const char *const OWN[] = {"id",         "slug",       "title", "created_at",
                                      "updated_at", "verify_due", "links"};
    json_t *common = json_deep_copy(response_json(response));

    for (size_t i = 0; i < ARRAY_LENGTH(OWN); i++)
        (void)json_object_del(common, OWN[i]); /* some are not in every answer */
    return common;
}

static void expect_same(struct response *response, const json_t *expected, const char *why)
{
    json_auto_t *common = common_of(response);
    char *text = json_dumps(expected, 0);

    cr_assert(json_equal(common, expected), "%s: %.600s instead of %.600s", why, response->body,
              text);
    free(text);
}

static void expect_count(long expected, const char *why, const char *sql)
{
    const long count = count_rows(sql);

    cr_assert_eq(count, expected, "%s: %ld instead of %ld: %s", why, count, expected, sql);
}

/* What a POST leaves: of everything one. */
static void expect_one_effect(const char *id, const char *key, long version, const char *action,
                              const char *why)
{
    expect_count(version, why,
                 path_of("select count(*) from catalogue.version where record_id = '%s'", id));
    expect_count(version, why, path_of("select latest from catalogue.record where id = '%s'", id));
    expect_count(1, why,
                 path_of("select count(*) from audit.entry where record_id = '%s' and "
                         "action = '%s'",
                         id, action));
    expect_count(1, why,
                 path_of("select count(*) from identity.idempotency_key where key = '%s' and "
                         "record_id = '%s'",
                         key, id));
}

static struct http_pending *begin_post(const char *token, const char *path, const char *key,
                                       const char *body)
{
    return http_begin_as(token, "POST", path,
                         (const char *const[]){path_of("Idempotency-Key: %s", key), NULL}, body);
}

/* --- creating ------------------------------------------------------------------------------------
 */

static const char *create_body(const char *why)
{
    return path_of("{\"title\":\"Crashed %s\",\"summary\":\"Written by a test.\",\"city\":"
                   "\"Namur\",\"organisations\":[\"univerbal\"]}",
                   why);
}

static void expect_created_once(struct response *response, const char *key, const char *why)
{
    expect_count(
        1, why,
        path_of("select count(*) from catalogue.practices where title = 'Crashed %s'", why));
    expect_one_effect(response_text_at(response, "/id"), key, 1, "record.create", why);
}

/* What a create answers that nothing happens to; owned. */
static json_t *undisturbed_create(const char *token)
{
    CLEANUP(response_freep)
    struct response *response =
        write_text(token, "POST", "/v1/practices", NULL, "key-undisturbed", create_body("never"));

    expect_status(response, 201, "nothing happens");
    return common_of(response);
}

static void kill_and_restart(struct test_server *server)
{
    static const char *const CHANGES[] = {SETTINGS, NULL};
    char *what = NULL;

    test_server_kill(server);
    if (!test_server_restart(server, CHANGES, &what))
        cr_assert_fail("%s", what);
    test_server_use(server);
}

/*
 * Killed while the transaction is held; or, where it is to be kept, after the database has carried
 * it out and before the server knows.
 */
static void crash(struct test_server *server, struct hold *hold, enum hold_place place,
                  bool is_kept, struct http_pending *pending)
{
    const int backend = hold_wait(hold, place);
    CLEANUP(response_freep) struct response *lost = NULL;

    if (is_kept) {
        cr_assert_eq(kill(server->pid, SIGSTOP), 0);
        hold_release(hold, place);
        hold_wait_gone(hold, backend);
    }
    kill_and_restart(server);
    if (!is_kept) {
        hold_wait_gone(hold, backend); /* who has nobody to answer to ends by itself */
        hold_release(hold, place);
    }
    lost = http_end(pending);
    expect_status(lost, 0, "it was killed");
}

static void crash_create(struct test_server *server, struct hold *hold, enum hold_place place,
                         bool is_kept, const json_t *expected)
{
    const char *why = is_kept ? "after COMMIT" : hold_name(place);
    const char *token = token_for("partner", KILLED);
    const char *key = path_of("key-killed-%d-%d", (int)place, is_kept), *body = create_body(why);
    CLEANUP(response_freep) struct response *again = NULL, *once_more = NULL;

    hold_arm(hold, place);
    crash(server, hold, place, is_kept, begin_post(token, "/v1/practices", key, body));
    again = write_text(token, "POST", "/v1/practices", NULL, key, body);
    expect_status(again, 201, why);
    cr_assert_eq(is_replayed(again), is_kept, "%s: what was not committed is gone", why);
    expect_same(again, expected, why);
    expect_created_once(again, key, why);
    once_more = write_text(token, "POST", "/v1/practices", NULL, key, body);
    expect_status(once_more, 201, why);
    cr_assert(is_replayed(once_more), "%s", why);
    cr_assert_str_eq(once_more->body, again->body, "%s", why);
}

/* Checks I8. */
Test(crashes, a_create_during_which_the_server_is_killed_is_carried_out_once)
{
    static const enum hold_place PLACES[] = {
        HOLD_BEFORE_KEY,    HOLD_AFTER_KEY,    HOLD_BEFORE_RECORD, HOLD_AFTER_RECORD,
        HOLD_AFTER_VERSION, HOLD_BEFORE_AUDIT, HOLD_AFTER_RESULT,  HOLD_AT_COMMIT,
    };
    struct test_server server;
    char *what = NULL;
    struct hold hold;
    json_auto_t *expected = NULL;

    if (!test_server_start(&server, (const char *const[]){SETTINGS, NULL}, &what))
        cr_assert_fail("%s", what);
    test_server_use(&server);
    test_database_run(HOLDS_SQL);
    expected = undisturbed_create(token_for("partner", KILLED));
    hold_open(&hold, KILLED);
    for (size_t i = 0; i < ARRAY_LENGTH(PLACES); i++)
        crash_create(&server, &hold, PLACES[i], false, expected);
    crash_create(&server, &hold, HOLD_AT_COMMIT, true, expected);
    hold_close(&hold);
    invariants_check("after all crashes");
    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
}

/* --- the connection is lost ------------------------------------------------------------------- */

static void cut(struct hold *hold, enum hold_place place, struct http_pending *pending,
                struct response **ret_lost)
{
    const int backend = hold_wait(hold, place);

    test_database_run(path_of("select pg_terminate_backend(%d)", backend));
    hold_wait_gone(hold, backend);
    hold_release(hold, place);
    *ret_lost = http_end(pending);
    /* Whether a COMMIT that was cut came through, nobody can say. */
    expect_problem(*ret_lost, 503,
                   place == HOLD_AT_COMMIT ? "outcome-unknown" : "database-unavailable",
                   hold_name(place));
    cr_assert_not_null(response_header(*ret_lost, "Retry-After"), "%s", hold_name(place));
}

/* Checks I7. */
Test(crashes, a_create_whose_connection_is_lost_is_told_so_and_carried_out_once)
{
    const char *token = token_for("partner", CUT);
    json_auto_t *expected = undisturbed_create(token);
    struct hold hold;

    hold_open(&hold, CUT);
    for (enum hold_place place = HOLD_BEFORE_KEY; place < HOLD_PLACES; place++) {
        const char *why = hold_name(place), *body = create_body(why);
        const char *key = path_of("key-cut-%d", (int)place);
        CLEANUP(response_freep) struct response *lost = NULL, *again = NULL;

        if (place >= HOLD_BEFORE_CHANGE && place <= HOLD_AFTER_HISTORY)
            continue; /* a draft is none of the public's */
        hold_arm(&hold, place);
        cut(&hold, place, begin_post(token, "/v1/practices", key, body), &lost);
        again = write_text(token, "POST", "/v1/practices", NULL, key, body);
        expect_status(again, 201, why);
        cr_assert_not(is_replayed(again), "%s", why);
        expect_same(again, expected, why);
        expect_created_once(again, key, why);
    }
    hold_close(&hold);
    invariants_check("after all losses");
}

/* Nobody sees anything of it before it is whole. */
static void expect_hidden(const char *slug, const char *why)
{
    CLEANUP(response_freep)
    struct response *response = http_get(path_of("/v1/practices/%s", slug));

    expect_problem(response, 404, "not-found", why);
}

/* Checks I7. */
Test(crashes, a_publication_whose_connection_is_lost_is_carried_out_once_and_whole)
{
    const char *token = token_for("editor", CUT_EDITOR);
    struct hold hold;

    hold_open(&hold, CUT_EDITOR);
    for (enum hold_place place = HOLD_BEFORE_KEY; place < HOLD_PLACES; place++) {
        const char *why = hold_name(place), *key = path_of("key-published-%d", (int)place);
        CLEANUP(response_freep) struct response *lost = NULL, *again = NULL, *shown = NULL;
        char *slug = draft_practice(writer_partner(), path_of("Published, cut %s", why));
        const char *path = path_of("/v1/practices/%s/publish", slug);

        take_step(writer_partner(), slug, "submit");
        hold_arm(&hold, place);
        cut(&hold, place, begin_post(token, path, key, NULL), &lost);
        expect_hidden(slug, why);
        again = write_text(token, "POST", path, NULL, key, NULL);
        expect_status(again, 200, why);
        cr_assert_not(is_replayed(again), "%s", why);
        expect_one_effect(response_text_at(again, "/id"), key, 3, "record.publish", why);
        shown = http_get(path_of("/v1/practices/%s", slug));
        expect_status(shown, 200, why);
        free(slug);
    }
    hold_close(&hold);
    invariants_check("after all losses");
}

/* --- keys grow old -------------------------------------------------------------------------------
 */

#define POSTS 8

static void housekeep(void)
{
    struct program_result result;

    cr_assert(test_server_command((const char *const[]){"housekeeping", NULL}, &result), "%s",
              result.error);
    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    program_result_deinit(&result);
}

static void age(const char *key)
{
    test_database_run(path_of("update identity.idempotency_key set created_at = "
                              "now() - interval '25 hours' where key = '%s'",
                              key));
}

/* Checks I10. */
Test(crashes, a_key_that_is_removed_while_it_is_used_is_used_once_more_or_not_at_all)
{
    const char *token = token_for("partner", AGED), *body = create_body("by age");

    for (long round = 1; round <= 4; round++) {
        struct http_pending *pending[POSTS];
        char id[64] = "";
        size_t made = 0;

        age("key-aged");
        for (size_t i = 0; i < POSTS; i++)
            pending[i] = begin_post(token, "/v1/practices", "key-aged", body);
        housekeep();
        for (size_t i = 0; i < POSTS; i++) {
            CLEANUP(response_freep) struct response *response = http_end(pending[i]);

            if (response->status == 409) {
                expect_problem(response, 409, "idempotency-in-progress", "beside others");
                cr_assert_not_null(response_header(response, "Retry-After"));
                continue;
            }
            expect_status(response, 201, "beside others");
            made += !is_replayed(response);
            cr_assert(id[0] == '\0' || strcmp(id, response_text_at(response, "/id")) == 0,
                      "one effect, told to all");
            (void)snprintf(id, sizeof(id), "%s", response_text_at(response, "/id"));
        }
        cr_assert_eq(made, 1, "%zu effects", made);
        expect_count(round, "a new request each day",
                     "select count(*) from catalogue.practices where title = 'Crashed by age'");
        expect_one_effect(id, "key-aged", 1, "record.create", "by age");
    }
    invariants_check("after the keys of four days");
}

/* Checks I10. */
Test(crashes, who_comes_while_the_old_key_is_being_removed_makes_a_new_one)
{
    const char *token = token_for("partner", AGED), *body = create_body("by removal");
    CLEANUP(response_freep) struct response *first = NULL, *second = NULL;
    struct http_pending *pending;
    struct hold hold;
    int backend;

    first = write_text(token, "POST", "/v1/practices", NULL, "key-removed", body);
    expect_status(first, 201, "yesterday");
    age("key-removed");
    hold_open(&hold, AGED);
    backend = hold_begin(&hold, "delete from identity.idempotency_key where key = 'key-removed'");
    pending = begin_post(token, "/v1/practices", "key-removed", body);
    hold_wait_blocked(&hold, backend, pending);
    hold_end(&hold);
    second = http_end(pending);
    /* On a busy machine it may have waited for too long. */
    if (second->status == 409) {
        response_free(second);
        second = write_text(token, "POST", "/v1/practices", NULL, "key-removed", body);
    }
    expect_status(second, 201, "today");
    cr_assert_not(is_replayed(second));
    cr_assert_str_neq(response_text_at(first, "/id"), response_text_at(second, "/id"));
    hold_close(&hold);
    expect_one_effect(response_text_at(second, "/id"), "key-removed", 1, "record.create", "today");
}
