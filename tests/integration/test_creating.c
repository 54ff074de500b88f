/*
 * Creates that a caller sends at the same time share a transaction, and nothing else: not with
 * another caller, not more than fit, and not what is wrong with one of them.
 *
 * A transaction of the caller is held, so that what it sends meanwhile waits. Each test has a
 * server of its own, whose metrics say how many do, and an organisation of its own.
 */
#include "base/clock.h"
#include "base/text.h"
#include "support/database.h"
#include "support/holds.h"
#include "support/http.h"
#include "support/invariants.h"
#include "support/leaks.h"
#include "support/records.h"
#include "support/server.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS "EXPRESS_RATE_LIMIT=0", "EXPRESS_STATEMENT_TIMEOUT_MS=60000"
#define CREATES_MAX 32
#define WAIT_MS 60000 /* a hang, not a time, fails */

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    (void)tests; /* of no use here: the hook's type is Criterion's */
    test_server_before_all((const char *const[]){SETTINGS, NULL});
    records_execute(HOLDS_SQL);
}
SERVER_AFTER_TESTS()

TestSuite(creating, .init = records_ready, .fini = test_ends_without_leaks, .timeout = 240);

/* --- what waits ----------------------------------------------------------------------------------
 */

static struct test_server server;

static void start(const char *more)
{
    struct test_server first = {.database_url = strdup(getenv("API_DATABASE_URL"))};
    char *what = NULL;

    if (!test_server_start_beside(
            &server, &first,
            (const char *const[]){SETTINGS, more == NULL ? "EXPRESS_POOL_WAIT_MS=60000" : more,
                                  NULL},
            &what))
        cr_assert_fail("%s", what);
    free(first.database_url);
    cr_assert_eq(setenv("API_URL", server.url, 1), 0);
    cr_assert_eq(setenv("API_LOG", server.log_path, 1), 0);
    cr_assert_eq(setenv("API_REQUESTS", server.requests_path, 1), 0);
}

static void stop(void)
{
    char *what = NULL;

    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
}

/* Until so many wait, by the metrics of the server. */
static void wait_for_waiting(long count)
{
    static const char NAME[] = "\nexpress_creates_waiting ";

    const uint64_t deadline = clock_monotonic_ms() + WAIT_MS;

    for (;;) {
        CLEANUP(response_freep)
        struct response *response =
            http_send_unchecked("GET", path_of("%s/metrics", server.admin_url), NULL, NULL, 0);
        const char *line = strstr(response->body, NAME);

        cr_assert_not_null(line);
        if (strtol(line + strlen(NAME), NULL, 10) == count)
            return;
        cr_assert_lt(clock_monotonic_ms(), deadline, "fewer wait, or more");
        (void)poll(NULL, 0, 2);
    }
}

struct create {
    const char *token;
    const char *key; /* and, behind "request-of-", the id of the request */
    const char *body;
};

static struct http_pending *begin(const struct create *create)
{
    return http_begin_as(create->token, "POST", "/v1/practices",
                         (const char *const[]){path_of("Idempotency-Key: %s", create->key),
                                               path_of("X-Request-Id: request-of-%s", create->key),
                                               NULL},
                         create->body);
}

static struct response *again(const struct create *create)
{
    return http_end(begin(create));
}

/* The first goes by itself, and is held; the others wait, and share what comes next. */
static void create_together(const char *organisation, const struct create *creates, size_t count,
                            struct response **ret_responses)
{
    struct http_pending *pending[CREATES_MAX];
    struct hold hold;

    hold_open(&hold, organisation);
    hold_arm(&hold, HOLD_BEFORE_AUDIT);
    for (size_t i = 0; i < count; i++) {
        pending[i] = begin(&creates[i]);
        if (i == 0)
            (void)hold_wait(&hold, HOLD_BEFORE_AUDIT);
    }
    wait_for_waiting((long)count - 1);
    hold_release(&hold, HOLD_BEFORE_AUDIT);
    for (size_t i = 0; i < count; i++)
        ret_responses[i] = http_end(pending[i]);
    hold_close(&hold);
}

static void free_all(struct response **responses, size_t count)
{
    for (size_t i = 0; i < count; i++)
        response_free(responses[i]);
}

static long count_transactions(const char *slugs)
{
    return count_rows(path_of(
        "select count(distinct xmin::text) from catalogue.record where slug like '%s'", slugs));
}

/* --- what they share -----------------------------------------------------------------------------
 */

/* What is shown is what is kept, noted under its own request, and given again for its key. */
static void check_kept(const struct create *create, struct response *response)
{
    const char *id;
    CLEANUP(response_freep) struct response *copy = NULL;
    CLEANUP(response_freep) struct response *replayed = again(create);

    expect_status(response, 201, create->key);
    id = response_text_at(response, "/id");
    copy = read_as(create->token, path_of("/v1/practices/%s/working-copy", id));
    cr_assert_str_eq(copy->body, response->body);
    cr_assert_str_eq(replayed->body, response->body);
    cr_assert_str_eq(response_header(replayed, "Idempotency-Replayed"), "true");
    cr_assert_eq(count_rows(path_of(
                     "select count(*) from audit.entry e join catalogue.version v "
                     "using (record_id, version) where e.record_id = '%s' and "
                     "e.action = 'record.create' and e.request_id = 'request-of-%s' and "
                     "e.properties = v.changed and v.changed = (select array_agg(k order by k "
                     "collate \"C\") from jsonb_object_keys(v.data) as k)",
                     id, create->key)),
                 1, "%s", create->key);
}

/* Checks I2. */
Test(creating, those_of_a_caller_at_once_share_a_transaction_and_nothing_else)
{
    /* Each has members of its own, so that what is taken for another's shows. */
    static const char *const MEMBERS[] = {
        "\"organisations\":[\"univerbal\"],\"city\":\"Mons\"",
        "\"web_links\":[{\"url\":\"https://example.org/its-own\",\"label\":\"Its own\"}]",
        ("\"languages\":[\"fr\",\"ar\"],\"language\":\"en\",\"translations\":[{\"language\":"
         "\"fr\",\"property\":\"title\",\"text\":\"Ensemble\",\"origin\":\"author\"}]"),
    };
    struct create creates[7];
    struct response *responses[ARRAY_LENGTH(creates)];

    start(NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(creates); i++) {
        /* The first has not yet told of its slug. */
        creates[i] = (struct create){
            token_for("partner", "sirius-coop"), path_of("together-%zu", i),
            path_of("{\"title\":\"Created together%s\",\"summary\":\"Number %zu.\",%s}",
                    i == 0 ? " as first" : "", i, MEMBERS[i % 3])};
    }
    create_together("sirius-coop", creates, ARRAY_LENGTH(creates), responses);
    for (size_t i = 0; i < ARRAY_LENGTH(creates); i++) {
        check_kept(&creates[i], responses[i]);
        cr_assert_str_eq(response_text_at(responses[i], "/summary"), path_of("Number %zu.", i));
    }
    cr_assert_eq(count_rows("select count(distinct slug) from catalogue.record where slug like "
                            "'created-together%'"),
                 ARRAY_LENGTH(creates));
    cr_assert_eq(count_transactions("created-together%"), 2);
    free_all(responses, ARRAY_LENGTH(creates));
    stop();
    invariants_check("after creates that shared a transaction");
}

/* Checks Z16. */
Test(creating, no_transaction_is_of_two_callers)
{
    enum { OF_EACH = 3 };
    struct test_client client;
    const char *tokens[3], *owners[3] = {"interra", "live-in-color", "interra"};
    struct create creates[3 * OF_EACH];
    struct http_pending *pending[ARRAY_LENGTH(creates)];
    struct hold holds[2];
    char *made;

    start(NULL);
    client_make("partner", "interra", NULL, &client);
    made = client_token(&client, NULL);
    tokens[0] = token_for("partner", "interra");
    tokens[1] = token_for("partner", "live-in-color");
    tokens[2] = made;
    hold_open(&holds[0], "interra");
    hold_open(&holds[1], "live-in-color");
    hold_arm(&holds[0], HOLD_BEFORE_AUDIT);
    hold_arm(&holds[1], HOLD_BEFORE_AUDIT);
    /* The first of each leads, and the others wait in turns. */
    for (size_t i = 0; i < ARRAY_LENGTH(creates); i++) {
        creates[i] = (struct create){
            tokens[i % 3], path_of("caller-%zu-%zu", i % 3, i / 3),
            path_of("{\"title\":\"Of a caller %zu\",\"summary\":\"Written by a test.\"}", i)};
        pending[i] = begin(&creates[i]);
        if (i == 2) {
            hold_wait_several(&holds[0], HOLD_BEFORE_AUDIT, 2);
            hold_wait_several(&holds[1], HOLD_BEFORE_AUDIT, 1);
        }
    }
    wait_for_waiting(3 * (OF_EACH - 1));
    hold_release(&holds[0], HOLD_BEFORE_AUDIT);
    hold_release(&holds[1], HOLD_BEFORE_AUDIT);
    for (size_t i = 0; i < ARRAY_LENGTH(creates); i++) {
        CLEANUP(response_freep) struct response *response = http_end(pending[i]);

        check_kept(&creates[i], response);
        cr_assert_str_eq(response_text_at(response, "/owner/slug"), owners[i % 3]);
        cr_assert_eq(
            count_rows(path_of("select count(*) from audit.entry where record_id = '%s' and "
                               "action = 'record.create' and client_id = '%s'",
                               response_text_at(response, "/id"), client.id)),
            i % 3 == 2, "%s", creates[i].key);
    }
    cr_assert_eq(count_transactions("of-a-caller-%"), 6);
    cr_assert_eq(count_rows("select count(*) from (select r.xmin::text from catalogue.record r "
                            "join audit.entry e on e.record_id = r.id and e.action = "
                            "'record.create' where r.slug like 'of-a-caller-%' group by 1 "
                            "having count(distinct (r.owner_id, e.client_id)) > 1) mixed"),
                 0);
    free(made);
    hold_close(&holds[0]);
    hold_close(&holds[1]);
    stop();
    invariants_check("after creates of several callers at once");
}

Test(creating, a_transaction_takes_so_many_and_no_more)
{
    /* One is held, then eight, which are enough for another one; then sixteen and four. */
    enum { CREATES = 1 + 8 + 16 + 4 };
    struct create creates[CREATES];
    struct http_pending *pending[CREATES];
    struct hold hold;

    start(NULL);
    hold_open(&hold, "atemos");
    hold_arm(&hold, HOLD_BEFORE_AUDIT);
    for (size_t i = 0; i < CREATES; i++) {
        creates[i] = (struct create){
            token_for("partner", "atemos"), path_of("many-%zu", i),
            path_of("{\"title\":\"One of many %zu\",\"summary\":\"Written by a test.\"}", i)};
        pending[i] = begin(&creates[i]);
        if (i == 0)
            hold_wait_several(&hold, HOLD_BEFORE_AUDIT, 1);
        if (i == 8)
            hold_wait_several(&hold, HOLD_BEFORE_AUDIT, 2);
    }
    wait_for_waiting(16 + 4);
    hold_release(&hold, HOLD_BEFORE_AUDIT);
    for (size_t i = 0; i < CREATES; i++) {
        CLEANUP(response_freep) struct response *response = http_end(pending[i]);

        expect_status(response, 201, creates[i].key);
    }
    cr_assert_eq(count_transactions("one-of-many-%"), 4);
    hold_close(&hold);
    stop();
}

/* --- what is wrong -------------------------------------------------------------------------------
 */

/* Checks I4. */
Test(creating, who_shares_a_transaction_hears_nothing_of_what_is_wrong_with_others)
{
    static const char TAKEN[] =
        "{\"title\":\"Taken\",\"summary\":\"Written by a test.\",\"slug\":\"taken-together\"}";
    static const struct {
        const char *name, *first, *second; /* bodies; of the second at once, or NULL */
        int status;                        /* of the first; of one of the two */
        const char *problem, *pointer, *code;
    } ROWS[] = {
        {"refers",
         "{\"title\":\"Refers\",\"summary\":\"To nothing.\",\"organisations\":[\"no-such-one\"]}",
         NULL, 422, "validation-failed", "/organisations/0", "unknown-reference"},
        {"foreign",
         "{\"title\":\"Foreign\",\"summary\":\"Written by a test.\",\"owner\":\"univerbal\"}", NULL,
         422, "validation-failed", "/owner", "foreign-owner"},
        {"known", "{\"title\":\"Known\",\"summary\":\"Written by a test.\",\"slug\":\"diomcoop\"}",
         NULL, 409, "slug-taken", NULL, NULL},
        {"taken", TAKEN, TAKEN, 409, "slug-taken", NULL, NULL},
    };

    start(NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const char *token = token_for("partner", "cepag");
        const struct create creates[] = {
            {token, path_of("%s-first", ROWS[i].name),
             "{\"title\":\"Comes first\",\"summary\":\"Written by a test.\"}"},
            {token, path_of("%s-right", ROWS[i].name),
             "{\"title\":\"Right\",\"summary\":\"Written by a test.\"}"},
            {token, path_of("%s-a", ROWS[i].name), ROWS[i].first},
            {token, path_of("%s-b", ROWS[i].name), ROWS[i].second},
        };
        const size_t count = ROWS[i].second == NULL ? 3 : 4;
        struct response *responses[ARRAY_LENGTH(creates)];
        size_t refused;

        create_together("cepag", creates, count, responses);
        check_kept(&creates[0], responses[0]);
        check_kept(&creates[1], responses[1]);
        refused = count == 4 && responses[2]->status == 201 ? 3 : 2;
        expect_problem(responses[refused], ROWS[i].status, ROWS[i].problem, ROWS[i].name);
        if (ROWS[i].pointer != NULL)
            expect_error(responses[refused], ROWS[i].pointer, ROWS[i].code, ROWS[i].name);
        if (count == 4)
            check_kept(&creates[5 - refused], responses[5 - refused]);
        free_all(responses, count);
    }
    stop();
    invariants_check("after creates of which some were refused");
}

/* Checks I3, I4. */
Test(creating, one_key_twice_at_once_makes_one_record)
{
    static const char BODY[] = "{\"title\":\"Once\",\"summary\":\"Written by a test.\"}";
    const char *token = NULL;
    struct response *responses[5];

    start(NULL);
    token = token_for("partner", "caips");
    {
        const struct create creates[] = {
            {token, "once-first", "{\"title\":\"Comes first\",\"summary\":\"Written by a test.\"}"},
            {token, "once", BODY},
            {token, "once", BODY},
            {token, "once-other", "{\"title\":\"Right\",\"summary\":\"Written by a test.\"}"},
            {token, "once-other", "{\"title\":\"Not that\",\"summary\":\"Written by a test.\"}"},
        };
        size_t other;

        create_together("caips", creates, ARRAY_LENGTH(creates), responses);
        check_kept(&creates[1], responses[1]);
        check_kept(&creates[2], responses[2]);
        cr_assert_str_eq(responses[1]->body, responses[2]->body);
        other = responses[3]->status == 201 ? 4 : 3;
        check_kept(&creates[7 - other], responses[7 - other]);
        expect_problem(responses[other], 422, "idempotency-key-reuse", "another body");
    }
    cr_assert_eq(count_rows("select count(*) from catalogue.record where slug ~ '^once'"), 1);
    free_all(responses, ARRAY_LENGTH(responses));
    stop();
    invariants_check("after keys that came twice");
}

/* Checks I7, K3. */
Test(creating, who_loses_the_database_together_may_all_try_again)
{
    /* One is held, then eight that share another transaction. */
    struct create creates[1 + 8];
    struct http_pending *pending[ARRAY_LENGTH(creates)];
    struct hold hold;
    int backend = 0;

    start(NULL);
    hold_open(&hold, "calif");
    hold_arm(&hold, HOLD_BEFORE_AUDIT);
    for (size_t i = 0; i < ARRAY_LENGTH(creates); i++) {
        creates[i] = (struct create){
            token_for("partner", "calif"), path_of("lost-%zu", i),
            path_of("{\"title\":\"Lost together %zu\",\"summary\":\"Written by a test.\"}", i)};
        pending[i] = begin(&creates[i]);
        if (i == 0)
            backend = hold_wait(&hold, HOLD_BEFORE_AUDIT);
    }
    hold_wait_several(&hold, HOLD_BEFORE_AUDIT, 2);
    hold_kill_others(&hold, HOLD_BEFORE_AUDIT, backend);
    for (size_t i = ARRAY_LENGTH(creates); i-- > 0;) {
        CLEANUP(response_freep) struct response *response = NULL;

        if (i == 0)
            hold_release(&hold, HOLD_BEFORE_AUDIT);
        response = http_end(pending[i]);
        if (i == 0)
            expect_status(response, 201, creates[i].key);
        else
            expect_problem(response, 503, "database-unavailable", creates[i].key);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(creates); i++) {
        CLEANUP(response_freep) struct response *retried = again(&creates[i]);

        check_kept(&creates[i], retried);
    }
    cr_assert_eq(count_rows("select count(*) from catalogue.record where slug like "
                            "'lost-together-%'"),
                 ARRAY_LENGTH(creates));
    hold_close(&hold);
    stop();
    invariants_check("after a connection was lost under several creates");
}

Test(creating, who_waits_for_too_long_goes_by_itself)
{
    struct create creates[2];
    struct http_pending *pending[ARRAY_LENGTH(creates)];
    struct hold hold;

    start("EXPRESS_POOL_WAIT_MS=100");
    hold_open(&hold, "cltb");
    hold_arm(&hold, HOLD_BEFORE_AUDIT);
    for (size_t i = 0; i < ARRAY_LENGTH(creates); i++) {
        creates[i] = (struct create){
            token_for("partner", "cltb"), path_of("endless-%zu", i),
            path_of("{\"title\":\"Without end %zu\",\"summary\":\"Written by a test.\"}", i)};
        pending[i] = begin(&creates[i]);
        hold_wait_several(&hold, HOLD_BEFORE_AUDIT, (int)i + 1);
    }
    hold_release(&hold, HOLD_BEFORE_AUDIT);
    for (size_t i = 0; i < ARRAY_LENGTH(creates); i++) {
        CLEANUP(response_freep) struct response *response = http_end(pending[i]);

        check_kept(&creates[i], response);
    }
    hold_close(&hold);
    stop();
}
