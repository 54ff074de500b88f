/*
 * Many write at once, on two nodes: whatever order it comes to, the outcome is that of one after
 * the other, nobody's change is lost, and the rules of the database hold. And one alone, at random,
 * against a model of what must come of each request.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS "EXPRESS_RATE_LIMIT=0", "EXPRESS_STATEMENT_TIMEOUT_MS=60000"
#define LOCK_MS 500           /* that the server waits for a lock */
#define BOUND_MS (5 * 1000)   /* in which another node has heard of a revocation */
#define BUSY_MS 2500          /* more than promised, for a sanitizer on a busy machine */
#define RETRIES_MAX 3         /* of a transaction that another one has beaten */
#define HELD "diomcoop"       /* whose transactions are held */
#define BEATEN "magdas-hotel" /* whose transactions fail as if others had beaten them */

/* Fails the first transactions of an organisation, as PostgreSQL does; a sequence is not rolled
 * back. */
static const char BEATING_SQL[] =
    "create sequence public.tries; grant usage, select on sequence public.tries to public;"
    "create table public.beaten (organisation text, place text, times integer, state text);"
    "grant select on public.beaten to public;"
    "create function public.beat() returns trigger language plpgsql as $$ declare b record; begin "
    "select * into b from public.beaten where place = tg_argv[0] and organisation = "
    "current_setting('express.organisation', true);"
    "if found and nextval('public.tries') <= b.times then "
    "raise exception using errcode = b.state; end if; return new; end $$;"
    "create trigger beat before insert on catalogue.version for each row "
    "execute function public.beat('version');"
    "create trigger beat before insert on audit.entry for each row "
    "execute function public.beat('audit');";

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    (void)tests; /* of no use here: the hook's type is Criterion's */
    test_server_before_all((const char *const[]){SETTINGS, NULL});
    records_execute(HOLDS_SQL);
    records_execute(BEATING_SQL);
}
SERVER_AFTER_TESTS()

TestSuite(races, .init = records_ready, .fini = test_ends_without_leaks, .timeout = 240);

/* --- two at once ---------------------------------------------------------------------------------
 */

static struct http_pending *begin(const char *token, const char *method, const char *path,
                                  const char *etag, const char *body)
{
    const char *const headers[] = {etag == NULL ? NULL : path_of("If-Match: %s", etag), NULL};

    return http_begin_as(token, method, path, headers, body);
}

struct ask {
    const char *token, *method, *path, *etag, *body;
};

static bool has_problem(struct response *response, int status, const char *code)
{
    return response->status == status &&
           strcmp(response_text_at(response, "/type"), path_of("/problems/%s", code)) == 0;
}

/*
 * Both at once; the answers in their order. On a busy machine one may wait for the other for longer
 * than the server does: it asks again then, as it is told to. Return: how many of them did.
 */
static size_t ask_both(const struct ask asks[2], struct response *ret_responses[2])
{
    struct http_pending *pending[2];
    size_t again = 0;

    for (size_t i = 0; i < 2; i++)
        pending[i] = begin(asks[i].token, asks[i].method, asks[i].path, asks[i].etag, asks[i].body);
    for (size_t i = 0; i < 2; i++)
        ret_responses[i] = http_end(pending[i]);
    for (size_t i = 0; i < 2; i++) {
        again += has_problem(ret_responses[i], 503, "contention");
        while (has_problem(ret_responses[i], 503, "contention")) {
            response_free(ret_responses[i]);
            ret_responses[i] = write_text(asks[i].token, asks[i].method, asks[i].path, asks[i].etag,
                                          NULL, asks[i].body);
        }
    }
    return again;
}

static void free_both(struct response *responses[2])
{
    response_free(responses[0]);
    response_free(responses[1]);
}

static long latest_of(const char *slug)
{
    return count_rows(path_of("select latest from catalogue.record where slug = '%s'", slug));
}

static char *id_of(const char *slug)
{
    return test_database_value(path_of("select id from catalogue.record where slug = '%s' and "
                                       "deleted_at is null",
                                       slug));
}

/* --- two nodes --- */

static const char *const NODE[] = {"API_URL", "API_LOG", "API_REQUESTS"};

struct nodes {
    struct test_server second;
    char *first[ARRAY_LENGTH(NODE)]; /* owned */
};

/* @which: 0 or 1: who is asked from now on */
static void ask_node(const struct nodes *nodes, size_t which)
{
    const char *const second[] = {nodes->second.url, nodes->second.log_path,
                                  nodes->second.requests_path};

    for (size_t i = 0; i < ARRAY_LENGTH(NODE); i++)
        cr_assert_eq(setenv(NODE[i], which == 0 ? nodes->first[i] : second[i], 1), 0);
}

static void start_beside(struct nodes *nodes)
{
    struct test_server first = {.database_url = strdup(getenv("API_DATABASE_URL"))};
    char *what = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(NODE); i++)
        nodes->first[i] = strdup(getenv(NODE[i]));
    if (!test_server_start_beside(
            &nodes->second, &first,
            (const char *const[]){SETTINGS, "EXPRESS_POOL_WAIT_MS=60000", NULL}, &what))
        cr_assert_fail("%s", what);
    free(first.database_url);
}

static void stop_beside(struct nodes *nodes)
{
    char *what = NULL;

    ask_node(nodes, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(NODE); i++)
        free(nodes->first[i]);
    if (!test_server_stop(&nodes->second, &what))
        cr_assert_fail("%s", what);
}

/* Checks C1. */
Test(races, of_changes_of_one_version_at_once_one_is_made_and_the_others_hear_so)
{
    static const char *const BODIES[] = {"{\"city\":\"Mons\"}", "{\"city\":\"Ghent\"}"};

    for (size_t round = 0; round < 8; round++) {
        char *slug = draft_practice(writer_partner(), "Changed by four at once");
        char *etag = etag_of(writer_partner(), slug);
        const char *path = path_of("/v1/practices/%s", slug);
        struct http_pending *pending[] = {
            begin(writer_partner(), "PATCH", path, etag, BODIES[round % 2]),
            begin(writer_editor(), "PATCH", path, etag, BODIES[(round + 1) % 2]),
            begin(writer_editor(), "PUT", path, etag,
                  "{\"title\":\"Another\",\"summary\":\"Written by a test.\"}"),
            begin(writer_partner(), "POST", path_of("%s/submit", path), etag, NULL),
        };
        size_t made = 0;

        for (size_t i = 0; i < ARRAY_LENGTH(pending); i++) {
            CLEANUP(response_freep) struct response *response = http_end(pending[i]);

            made += response->status == 200;
            /* On a busy machine it may have waited for too long. */
            if (response->status != 200 && !has_problem(response, 503, "contention"))
                expect_problem(response, 412, "precondition-failed", "somebody was faster");
        }
        cr_assert_eq(made, 1, "%zu of four changes of version 1", made);
        cr_assert_eq(latest_of(slug), 2);
        free(slug);
        free(etag);
    }
    invariants_check("after changes at once");
}

#define CLIENTS 50
#define CLIENTS_AT_ONCE 6

struct counter {
    struct http_pending *pending;
    bool is_writing, is_done;
};

/* One step of a client that reads, counts one up and writes, until nobody was faster. */
static void count_on(struct counter *counter, const char *slug)
{
    CLEANUP(response_freep) struct response *response = http_end(counter->pending);
    const char *path = path_of("/v1/practices/%s", slug);

    if (counter->is_writing && response->status == 200) {
        counter->is_done = true;
        return;
    }
    if (!counter->is_writing && response->status == 200) {
        const long count = (long)json_integer_value(response_at(response, "/languages_count"));

        counter->pending = begin(writer_partner(), "PATCH", path, response_header(response, "ETag"),
                                 path_of("{\"languages_count\":%ld}", count + 1));
        counter->is_writing = true;
        return;
    }
    cr_assert(response->status == 412 || response->status == 503, "%d %s", response->status,
              response->body);
    counter->pending = begin(writer_partner(), "GET", path_of("%s/working-copy", path), NULL, NULL);
    counter->is_writing = false;
}

/* Checks C2. */
Test(races, fifty_clients_of_two_nodes_count_up_to_fifty)
{
    char *slug = draft_practice(writer_partner(), "Counted up on two nodes");
    struct nodes nodes;
    struct counter counters[CLIENTS] = {0};
    CLEANUP(response_freep) struct response *after = NULL;

    start_beside(&nodes);
    for (size_t first = 0, end = 0; first < CLIENTS;) {
        for (; end < CLIENTS && end < first + CLIENTS_AT_ONCE; end++)
            counters[end].pending =
                begin(writer_partner(), "GET", path_of("/v1/practices/%s/working-copy", slug), NULL,
                      NULL);
        for (size_t i = first; i < end; i++) {
            ask_node(&nodes, i % 2);
            if (!counters[i].is_done)
                count_on(&counters[i], slug);
        }
        while (first < end && counters[first].is_done)
            first++;
    }
    ask_node(&nodes, 0);
    after = read_as(writer_partner(), path_of("/v1/practices/%s/working-copy", slug));
    cr_assert_eq(json_integer_value(response_at(after, "/languages_count")), CLIENTS);
    cr_assert_eq(json_integer_value(response_at(after, "/version")), CLIENTS + 1);
    stop_beside(&nodes);
    free(slug);
}

/* --- each would make the other wrong -------------------------------------------------------------
 */

/* Checks C4. */
Test(races, of_two_merges_in_opposite_directions_one_is_made)
{
    for (size_t round = 0; round < 4; round++) {
        char *slugs[] = {publish_practice("The same twice"), publish_practice("Twice the same")};
        const char *bodies[] = {path_of("{\"into\":\"%s\"}", slugs[1]),
                                path_of("{\"into\":\"%s\"}", slugs[0])};
        const char *paths[] = {path_of("/v1/practices/%s/merge", slugs[0]),
                               path_of("/v1/practices/%s/merge", slugs[1])};
        struct response *responses[2];
        size_t made, again;

        again = ask_both((const struct ask[]){{writer_editor(), "POST", paths[0], NULL, bodies[0]},
                                              {writer_editor(), "POST", paths[1], NULL, bodies[1]}},
                         responses);
        cr_assert_lt(again, 2, "each waits for the record that the other has");
        made = (size_t)(responses[0]->status == 200) + (size_t)(responses[1]->status == 200);
        cr_assert_eq(made, 1, "%d %.300s and %d %.300s", responses[0]->status, responses[0]->body,
                     responses[1]->status, responses[1]->body);
        for (size_t i = 0; i < 2; i++) {
            CLEANUP(response_freep)
            struct response *shown = http_get(path_of("/v1/practices/%s", slugs[i]));

            expect_status(shown, responses[i]->status == 200 ? 308 : 200, "one leads to the other");
        }
        free_both(responses);
        free(slugs[0]);
        free(slugs[1]);
    }
    invariants_check("after merges");
}

static char *draft_organisation(const char *name)
{
    CLEANUP(response_freep)
    struct response *response = write_text(
        writer_editor(), "POST", "/v1/organisations", NULL, NULL,
        path_of(
            "{\"name\":\"%s\",\"legal_form\":\"association\",\"summary\":\"Written by a test.\"}",
            name));

    expect_status(response, 201, name);
    return strdup(response_text_at(response, "/id"));
}

static long references_to(const char *id)
{
    return count_rows(path_of("select count(*) from catalogue.practices_organisations where "
                              "target_id = '%s'",
                              id));
}

/* Checks C4. */
Test(races, what_is_being_deleted_is_referred_to_by_nobody)
{
    for (size_t round = 0; round < 6; round++) {
        char *id = draft_organisation(path_of("Deleted at once %zu", round));
        const char *body = path_of("{\"title\":\"Refers to it\",\"summary\":\"Written by a "
                                   "test.\",\"organisations\":[\"%s\"]}",
                                   id);
        struct response *responses[2];

        (void)ask_both((const struct ask[]){{writer_editor(), "DELETE",
                                             path_of("/v1/organisations/%s", id), "*", NULL},
                                            {writer_editor(), "POST", "/v1/practices", NULL, body}},
                       responses);
        if (responses[0]->status == 204)
            expect_problem(responses[1], 422, "validation-failed", "it is not there");
        else
            expect_problem(responses[0], 409, "still-referenced", "it was there first");
        cr_assert_eq(references_to(id), responses[0]->status == 204 ? 0 : 1);
        free_both(responses);
        free(id);
    }
    invariants_check("after deletions");
}

/* The reference is there and not committed, when the deletion looks for references. */
static int delete_beside_reference(struct hold *hold, const char *title)
{
    char *id = draft_organisation(title);
    struct http_pending *referring, *deleting;
    CLEANUP(response_freep) struct response *referred = NULL, *deleted = NULL;
    int backend, status;

    hold_arm(hold, HOLD_BEFORE_AUDIT);
    referring = begin(token_for("editor", HELD), "POST", "/v1/practices", NULL,
                      path_of("{\"title\":\"Refers to it in time\",\"summary\":\"Written by a "
                              "test.\",\"organisations\":[\"%s\"]}",
                              id));
    backend = hold_wait(hold, HOLD_BEFORE_AUDIT);
    deleting = begin(writer_editor(), "DELETE", path_of("/v1/organisations/%s", id), "*", NULL);
    hold_wait_blocked(hold, backend, deleting);
    hold_release(hold, HOLD_BEFORE_AUDIT);
    referred = http_end(referring);
    deleted = http_end(deleting);
    expect_status(referred, 201, "it was there first");
    status = deleted->status;
    if (status != 503)
        expect_problem(deleted, 409, "still-referenced", title);
    cr_assert_eq(references_to(id), 1);
    free(id);
    return status;
}

/* Checks C4. */
Test(races, a_reference_that_comes_while_its_target_is_deleted_keeps_it)
{
    struct hold hold;
    int status = 503;

    hold_open(&hold, HELD);
    /* On a busy machine the deletion may have waited for too long, and been told so. */
    for (size_t i = 0; i < 20 && status == 503; i++)
        status = delete_beside_reference(&hold, path_of("Deleted too late %zu", i));
    cr_assert_eq(status, 409);
    hold_close(&hold);
    invariants_check("after deletions");
}

/* Checks C4. */
Test(races, of_publishing_and_returning_at_once_one_is_done)
{
    for (size_t round = 0; round < 5; round++) {
        char *slug = draft_practice(writer_partner(), "Published or returned");
        const char *path = path_of("/v1/practices/%s", slug);
        CLEANUP(response_freep) struct response *shown = NULL;
        struct response *responses[2];

        take_step(writer_partner(), slug, "submit");
        ask_both(
            (const struct ask[]){{writer_editor(), "POST", path_of("%s/publish", path), NULL, NULL},
                                 {writer_editor(), "POST", path_of("%s/return", path), NULL,
                                  "{\"reason\":\"Not yet.\"}"}},
            responses);
        cr_assert_eq(responses[0]->status + responses[1]->status, 200 + 409, "%d %d",
                     responses[0]->status, responses[1]->status);
        shown = http_get(path);
        expect_status(shown, responses[0]->status == 200 ? 200 : 404, "as it came to");
        cr_assert_eq(latest_of(slug), 3);
        free_both(responses);
        free(slug);
    }
    invariants_check("after steps");
}

/* Checks C4. */
Test(races, of_archiving_and_publishing_a_change_at_once_the_end_is_the_archive)
{
    for (size_t round = 0; round < 5; round++) {
        char *slug = publish_practice("Archived or changed");
        const char *path = path_of("/v1/practices/%s", slug);
        CLEANUP(response_freep) struct response *changed = NULL, *shown = NULL;
        struct response *responses[2];

        changed = write_text(writer_partner(), "PATCH", path, "*", NULL, "{\"city\":\"Namur\"}");
        expect_status(changed, 200, "a change that waits");
        ask_both(
            (const struct ask[]){
                {writer_editor(), "POST", path_of("%s/archive", path), NULL, NULL},
                {writer_editor(), "POST", path_of("%s/publish", path), NULL, NULL}},
            responses);
        expect_status(responses[0], 200, "whatever comes first");
        if (responses[1]->status != 200)
            expect_problem(responses[1], 409, "invalid-transition", "it was archived");
        shown = http_get(path);
        expect_status(shown, 410, "archived");
        free_both(responses);
        free(slug);
    }
    invariants_check("after archiving");
}

/* Each has a draft under the same slug, which is nobody's business until it is public. */
static char *draft_under(const char *token, const char *slug)
{
    CLEANUP(response_freep)
    struct response *response =
        write_text(token, "POST", "/v1/practices", NULL, NULL,
                   path_of("{\"title\":\"One address\",\"slug\":\"%s\",\"summary\":\"Written by "
                           "a test.\"}",
                           slug));
    CLEANUP(response_freep) struct response *submitted = NULL;

    expect_status(response, 201, slug);
    submitted = write_text(token, "POST",
                           path_of("/v1/practices/%s/submit", response_text_at(response, "/id")),
                           NULL, NULL, NULL);
    expect_status(submitted, 200, slug);
    return strdup(response_text_at(response, "/id"));
}

/* Checks C4. */
Test(races, of_two_records_that_are_published_under_one_slug_at_once_one_is)
{
    for (size_t round = 0; round < 4; round++) {
        const char *slug = path_of("one-address-%zu", round);
        char *ids[] = {draft_under(writer_partner(), slug), draft_under(writer_other(), slug)};
        struct response *responses[2];
        size_t refused;

        ask_both(
            (const struct ask[]){
                {writer_editor(), "POST", path_of("/v1/practices/%s/publish", ids[0]), NULL, NULL},
                {writer_editor(), "POST", path_of("/v1/practices/%s/publish", ids[1]), NULL, NULL}},
            responses);
        refused = responses[0]->status == 200 ? 1 : 0;
        expect_status(responses[1 - refused], 200, "one of them");
        expect_problem(responses[refused], 409, "slug-taken", "the other one");
        free_both(responses);
        free(ids[0]);
        free(ids[1]);
    }
    invariants_check("after publications");
}

/* Checks C4. */
Test(races, of_two_records_that_are_created_under_one_slug_at_once_one_is)
{
    for (size_t round = 0; round < 5; round++) {
        const char *body = path_of("{\"title\":\"A\",\"slug\":\"taken-%zu\",\"summary\":\"Written "
                                   "by a test.\"}",
                                   round);
        struct response *responses[2];
        size_t refused;

        (void)ask_both(
            (const struct ask[]){{writer_partner(), "POST", "/v1/practices", NULL, body},
                                 {writer_partner(), "POST", "/v1/practices", NULL, body}},
            responses);
        refused = responses[0]->status == 201 ? 1 : 0;
        expect_status(responses[1 - refused], 201, "one of them");
        expect_problem(responses[refused], 409, "slug-taken", "the other one");
        free_both(responses);
    }
}

/* --- beaten by others ----------------------------------------------------------------------------
 */

static void plan(const char *place, int times, const char *state)
{
    test_database_run(path_of("delete from public.beaten; "
                              "select setval('public.tries', 1, false); "
                              "insert into public.beaten select id, '%s', %d, '%s' "
                              "from catalogue.record where slug = '" BEATEN
                              "' and resource = 'organisations'",
                              place, times, state));
}

static long tries(void)
{
    return count_rows("select case when is_called then last_value else 0 end from public.tries");
}

struct beaten {
    const char *why, *role, *method, *step, *member;
    int status;
    long versions; /* of the record, when it is done */
};

/* @times: how often a transaction for @beaten is beaten */
static void expect_beaten(const struct beaten *beaten, const char *place, int times,
                          const char *state)
{
    const char *token = token_for(beaten->role, BEATEN);
    char *slug = draft_practice(token_for("partner", BEATEN), "Beaten by others");
    char *other =
        strcmp(beaten->step, "/merge") == 0 ? publish_practice("Beaten too") : strdup("Namur");
    char *id = id_of(slug);
    CLEANUP(response_freep) struct response *response = NULL;
    long versions;

    if (strcmp(beaten->role, "editor") == 0)
        take_step(token_for("partner", BEATEN), slug, "submit");
    plan(place, times, state);
    response = write_text(
        token, beaten->method, path_of("/v1/practices/%s%s", slug, beaten->step), "*", NULL,
        beaten->member == NULL ? NULL : path_of("{\"%s\":\"%s\"}", beaten->member, other));
    cr_assert_eq(tries(), times <= RETRIES_MAX ? times + 1 : RETRIES_MAX + 1, "%s: %ld tries",
                 beaten->why, tries());
    plan("nowhere", 0, state);
    versions =
        count_rows(path_of("select count(*) from catalogue.version where record_id = '%s'", id));
    if (times <= RETRIES_MAX) {
        expect_status(response, beaten->status, beaten->why);
        cr_assert_eq(versions, beaten->versions, "%s: %ld versions", beaten->why, versions);
    } else {
        expect_problem(response, 503, "contention", beaten->why);
        cr_assert_not_null(response_header(response, "Retry-After"), "%s", beaten->why);
        cr_assert_eq(versions, beaten->versions - 1, "%s: %ld versions", beaten->why, versions);
    }
    free(slug);
    free(other);
    free(id);
}

/* Checks C5. */
Test(races, a_transaction_that_is_beaten_is_done_again_three_times_at_most)
{
    static const struct beaten ROWS[] = {
        {"a patch", "partner", "PATCH", "", "city", 200, 2},
        {"a step", "partner", "POST", "/submit", NULL, 200, 2},
        {"a deletion", "partner", "DELETE", "", NULL, 204, 2},
        {"a publication", "editor", "POST", "/publish", NULL, 200, 3},
        {"a merge", "editor", "POST", "/merge", "into", 200, 3},
    };
    static const struct {
        const char *place, *state;
        int times;
    } BEATINGS[] = {{"version", "40001", RETRIES_MAX}, {"audit", "40P01", RETRIES_MAX + 1}};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        for (size_t j = 0; j < ARRAY_LENGTH(BEATINGS); j++)
            expect_beaten(&ROWS[i], BEATINGS[j].place, BEATINGS[j].times, BEATINGS[j].state);
    invariants_check("after retries");
}

/* Checks C6. */
Test(races, who_meets_a_lock_that_is_held_on_hears_of_contention_in_time)
{
    char *slug = publish_practice("Held by somebody else");
    const char *path = path_of("/v1/practices/%s", slug);
    const struct ask asks[] = {
        {writer_partner(), "PATCH", path, "*", "{\"city\":\"Namur\"}"},
        {writer_editor(), "PUT", path, "*", "{\"title\":\"A\",\"summary\":\"B\"}"},
        {writer_editor(), "DELETE", path, "*", NULL},
        {writer_partner(), "POST", path_of("%s/verify", path), NULL, NULL},
        {writer_editor(), "POST", path_of("%s/archive", path), NULL, NULL},
        {writer_editor(), "POST", path_of("%s/versions/1/restore", path), NULL, NULL},
    };
    CLEANUP(response_freep) struct response *after = NULL;
    struct hold hold;

    hold_open(&hold, HELD);
    (void)hold_begin(&hold,
                     path_of("select from catalogue.record where slug = '%s' for update", slug));
    for (size_t i = 0; i < ARRAY_LENGTH(asks); i++) {
        const uint64_t began = clock_monotonic_ms();
        CLEANUP(response_freep)
        struct response *response = write_text(asks[i].token, asks[i].method, asks[i].path,
                                               asks[i].etag, NULL, asks[i].body);
        const uint64_t took = clock_monotonic_ms() - began;
        CLEANUP(response_freep) struct response *shown = http_get(path);

        expect_problem(response, 503, "contention", asks[i].path);
        cr_assert_not_null(response_header(response, "Retry-After"));
        cr_assert(took >= LOCK_MS && took < LOCK_MS + BUSY_MS, "%s: %lu ms", asks[i].path,
                  (unsigned long)took);
        expect_status(shown, 200, "who reads waits for nobody");
    }
    hold_end(&hold);
    hold_close(&hold);
    after = write_text(writer_partner(), "PATCH", path, "*", NULL, "{\"city\":\"Namur\"}");
    expect_status(after, 200, "when it is let go");
    free(slug);
}

/* --- what is taken away is away ------------------------------------------------------------------
 */

/* Checks C7. */
Test(races, a_deletion_and_a_change_at_once_come_one_after_the_other)
{
    for (size_t round = 0; round < 8; round++) {
        const bool is_any = round % 2 == 0;
        char *slug = is_any ? draft_practice(writer_partner(), "Deleted or changed")
                            : publish_practice("Deleted or changed");
        char *etag = is_any ? strdup("*") : etag_of(writer_editor(), slug);
        const char *path = path_of("/v1/practices/%s", slug);
        struct response *responses[2];

        ask_both(
            (const struct ask[]){{writer_editor(), "DELETE", path, etag, NULL},
                                 {writer_editor(), "PATCH", path, etag, "{\"city\":\"Namur\"}"}},
            responses);
        if (responses[1]->status == 200)
            expect_status(responses[0], is_any ? 204 : 412, "the change was first");
        else {
            expect_status(responses[0], 204, "the deletion was first");
            cr_assert(responses[1]->status == 410 || responses[1]->status == 404, "%d %s",
                      responses[1]->status, responses[1]->body);
        }
        free_both(responses);
        free(slug);
        free(etag);
    }
    invariants_check("after deletions");
}

#define READERS 12

/* Checks C7. */
Test(races, no_read_begins_after_a_revocation_has_ended_and_succeeds)
{
    char *slug = draft_practice(token_for("partner", ORGANISATION), "Read until the end");
    const char *path = path_of("/v1/practices/%s/working-copy", slug);
    struct nodes nodes;

    start_beside(&nodes);
    for (size_t round = 0; round < 2; round++) {
        struct http_pending *pending[READERS];
        struct test_client client;
        CLEANUP(response_freep) struct response *revoked = NULL;
        uint64_t ended;
        char *token;
        int status = 200;

        client_make("partner", ORGANISATION, NULL, &client);
        token = client_token(&client, NULL);
        for (size_t i = 0; i < READERS; i++) {
            ask_node(&nodes, i % 2);
            pending[i] = begin(token, "GET", path, NULL, NULL);
        }
        ask_node(&nodes, 0);
        revoked = http_form(&client, "/v1/oauth/revoke", path_of("token=%s", token));
        ended = clock_monotonic_ms();
        expect_status(revoked, 200, "revoked");
        for (size_t i = 0; i < 3; i++) {
            CLEANUP(response_freep) struct response *after = read_as(token, path);

            expect_status(after, 401, "on the node that has revoked it");
        }
        ask_node(&nodes, 1);
        while (status == 200) {
            CLEANUP(response_freep) struct response *after = read_as(token, path);

            status = after->status;
            cr_assert_lt(clock_monotonic_ms() - ended, BOUND_MS, "the other node goes on");
        }
        cr_assert_eq(status, 401);
        ask_node(&nodes, 0);
        for (size_t i = 0; i < READERS; i++) {
            CLEANUP(response_freep) struct response *before = http_end(pending[i]);

            cr_assert(before->status == 200 || before->status == 401, "%d", before->status);
        }
        free(token);
    }
    stop_beside(&nodes);
    free(slug);
}

/* Checks C7. */
Test(races, what_is_archived_is_read_by_nobody_after_that)
{
    struct nodes nodes;

    start_beside(&nodes);
    for (size_t round = 0; round < 3; round++) {
        char *slug = publish_practice("Read until it is archived");
        const char *path = path_of("/v1/practices/%s", slug);
        struct http_pending *pending[READERS];

        for (size_t i = 0; i < READERS; i++) {
            ask_node(&nodes, i % 2);
            pending[i] = begin(NULL, "GET", path, NULL, NULL);
        }
        ask_node(&nodes, 0);
        take_step(writer_editor(), slug, "archive");
        for (size_t i = 0; i < 4; i++) {
            CLEANUP(response_freep) struct response *after = NULL;

            ask_node(&nodes, i % 2);
            after = http_get(path);
            expect_status(after, 410, "archived");
        }
        ask_node(&nodes, 0);
        for (size_t i = 0; i < READERS; i++) {
            CLEANUP(response_freep) struct response *before = http_end(pending[i]);

            cr_assert(before->status == 200 || before->status == 410, "%d", before->status);
        }
        free(slug);
    }
    stop_beside(&nodes);
}
