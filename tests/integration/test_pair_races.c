/*
 * Many at once, with the same people and the same pairs: whatever order it comes to, the outcome is
 * that of one after the other, because the database keeps the rules. And time itself as one of
 * them: what is due is done once, by whichever node, also when one is killed in the middle.
 */
#include "base/annotate.h"
#include "base/text.h"
#include "db/db.h"
#include "support/database.h"
#include "support/holds.h"
#include "support/http.h"
#include "support/invariants.h"
#include "support/leaks.h"
#include "support/mentoring.h"
#include "support/program.h"
#include "support/records.h"
#include "support/scene.h"
#include "support/server.h"
#include "support/sql.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

#define SETTINGS "EXPRESS_RATE_LIMIT=0", "EXPRESS_STATEMENT_TIMEOUT_MS=60000"
#define MANY 20
#define SQL_BYTES 4000
/* Of a lock that a test has: what is due with the score 999 stops at it in the middle. */
#define HOLD_NUMBER "470015"

static const char HOLD_SQL[] =
    "create function public.hold_expiry() returns trigger language plpgsql set lock_timeout = 0 as "
    "$$ begin perform pg_advisory_xact_lock_shared(" HOLD_NUMBER "); return new; end $$;"
    "create trigger hold_expiry after update on mentoring.pair for each row "
    "when (new.state = 'expired' and new.score = 999) execute function public.hold_expiry()";

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    (void)tests; /* of no use here: the hook's type is Criterion's */
    test_server_before_all((const char *const[]){SETTINGS, NULL});
    records_execute(HOLD_SQL);
}
SERVER_AFTER_TESTS()

TestSuite(pair_races, .init = records_ready, .fini = test_ends_without_leaks, .timeout = 240);

/* --- many at once -------------------------------------------------------------------------------
 */

struct ask {
    const char *token, *path, *etag, *body;
};

static bool has_problem(struct response *response, int status, const char *code)
{
    return response->status == status &&
           strcmp(response_text_at(response, "/type"), path_of("/problems/%s", code)) == 0;
}

/*
 * All POSTs at once; the answers in their order. On a busy machine one may wait for the others for
 * longer than the server does: it asks again then, as it is told to.
 */
static void ask_all(const struct ask *asks, size_t count, struct response **ret_responses)
{
    struct http_pending *pending[MANY];

    cr_assert_leq(count, (size_t)MANY);
    for (size_t i = 0; i < count; i++) {
        char header[64] = "X-Nothing: of it";
        const char *const headers[] = {header, NULL};

        if (asks[i].etag != NULL)
            (void)snprintf(header, sizeof(header), "If-Match: %s", asks[i].etag);
        pending[i] = http_begin_as(asks[i].token, "POST", asks[i].path, headers, asks[i].body);
    }
    for (size_t i = 0; i < count; i++)
        ret_responses[i] = http_end(pending[i]);
    for (size_t i = 0; i < count; i++) {
        while (has_problem(ret_responses[i], 503, "contention")) {
            response_free(ret_responses[i]);
            ret_responses[i] =
                write_text(asks[i].token, "POST", asks[i].path, asks[i].etag, NULL, asks[i].body);
        }
    }
}

/* How many have this status; the others must have the problem. */
static size_t count_of(struct response **responses, size_t count, int status, int other,
                       const char *code)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        found += responses[i]->status == status;
        if (responses[i]->status != status)
            expect_problem(responses[i], other, code, "somebody was faster");
        response_free(responses[i]);
    }
    return found;
}

/* People by the dozen, straight into the tables: they sign in nowhere. Owned: their ids, each of 36
 * characters and a comma. */
static char *make_people(const char *programme, const char *kind, int count, int capacity)
{
    char sql[SQL_BYTES];

    cr_assert_lt(
        snprintf(
            sql, sizeof(sql),
            "with made as (insert into mentoring.participant (id, kind, programme_id, subject, "
            "formats, availability, capacity) select gen_random_uuid(), '%s', '%s', "
            "md5(random()::text), '{remote}', 1, %s from generate_series(1, %d) returning id), "
            "agreed as (insert into mentoring.consent (participant_id, purpose, version, "
            "given_at) select id, purpose, '1', now() from made, unnest(array['programme', "
            "'matching']) purpose) select string_agg(id::text || ',', '') from made",
            kind, programme, capacity == 0 ? "null" : path_of("%d", capacity), count),
        (int)sizeof(sql));
    return test_database_value(sql);
}

static const char *id_of(const char *people, size_t which)
{
    return path_of("%.36s", people + which * 37);
}

/* Two coordinators of one organisation. */
static const char *coordinator(size_t which)
{
    return which % 2 == 0 ? mentoring_coordinator()
                          : token_with_scopes("coordinator", ORGANISATION, "read write");
}

static void propose_all(const char *mentors, size_t mentor_count, const char *mentees,
                        size_t mentee_count, struct response **ret_responses)
{
    struct ask asks[MANY];

    for (size_t i = 0; i < MANY; i++)
        asks[i] = (struct ask){.token = coordinator(i),
                               .path = "/v1/mentoring-pairs",
                               .body = path_of("{\"mentor\":\"%s\",\"mentee\":\"%s\"}",
                                               id_of(mentors, i % mentor_count),
                                               id_of(mentees, i % mentee_count))};
    ask_all(asks, MANY, ret_responses);
}

/* Checks C3. */
Test(pair_races, of_twenty_who_propose_one_mentor_as_many_succeed_as_there_is_room)
{
    static const int ROOMS[] = {1, 3};

    for (size_t i = 0; i < ARRAY_LENGTH(ROOMS); i++) {
        char *programme = mentoring_programme(path_of("{\"mentor_capacity\":%d}", ROOMS[i]));
        char *mentor = make_people(programme, "mentor", 1, 50);
        char *mentees = make_people(programme, "mentee", MANY, 0);
        struct response *responses[MANY];

        propose_all(mentor, 1, mentees, MANY, responses);
        cr_assert_eq(count_of(responses, MANY, 201, 409, "capacity-exhausted"), (size_t)ROOMS[i]);
        free(programme);
        free(mentor);
        free(mentees);
    }
    invariants_check("after proposals at once");
}

/* Checks C3. */
Test(pair_races, of_twenty_who_propose_one_mentee_one_succeeds)
{
    char *programme = mentoring_programme(NULL);
    char *mentors = make_people(programme, "mentor", MANY, 1);
    char *mentee = make_people(programme, "mentee", 1, 0);
    struct response *responses[MANY];

    propose_all(mentors, MANY, mentee, 1, responses);
    cr_assert_eq(count_of(responses, MANY, 201, 409, "mentee-has-pair"), 1);
    free(programme);
    free(mentors);
    free(mentee);
}

/* Checks C3. */
Test(pair_races, of_twenty_who_plan_a_meeting_as_many_succeed_as_there_is_room)
{
    struct scene scene;
    struct ask asks[MANY];
    struct response *responses[MANY];

    scene_begin(&scene, NULL);
    scene_lead_to(&scene, PAIR_ACTIVE);
    scene_let_pass(
        path_of("insert into mentoring.meeting (id, pair_id, state, starts_at, answer_by) "
                "select gen_random_uuid(), '%s', 'cancelled', now(), now() "
                "from generate_series(1, 993) n",
                scene.pair));
    for (size_t i = 0; i < MANY; i++)
        asks[i] = (struct ask){.token = coordinator(i),
                               .path = scene_path(&scene, "/meetings"),
                               .body = path_of("{\"starts_at\":\"%s\"}", scene_in_hours(24))};
    ask_all(asks, MANY, responses);
    cr_assert_eq(count_of(responses, MANY, 201, 409, "too-many-meetings"), 7);
    scene_end(&scene);
}

/* Each proposal locks two people: in one order, whoever they are. */
Test(pair_races, proposals_that_cross_do_not_wait_for_each_other_in_a_ring)
{
    char *programme = mentoring_programme("{\"mentor_capacity\":2}");
    char *mentors = make_people(programme, "mentor", 4, 2);
    char *mentees = make_people(programme, "mentee", 5, 0);
    struct response *responses[MANY];
    size_t made = 0;

    propose_all(mentors, 4, mentees, 5, responses);
    for (size_t i = 0; i < MANY; i++) {
        made += responses[i]->status == 201;
        cr_assert(responses[i]->status == 201 || responses[i]->status == 409, "%s",
                  responses[i]->body);
        response_free(responses[i]);
    }
    cr_assert_eq(made, 5, "each mentee finds one of eight places");
    free(programme);
    free(mentors);
    free(mentees);
}

/* --- one pair ------------------------------------------------------------------------------------
 */

static long moves_of(const struct scene *scene)
{
    return count_rows(
        path_of("select count(*) from mentoring.pair_move where pair_id = '%s'", scene->pair));
}

static void expect_state(const struct scene *scene, const char *states, const char *why)
{
    char *state = test_database_value(
        path_of("select state from mentoring.pair where id = '%s'", scene->pair));

    cr_assert_not_null(strstr(states, state), "%s: %s is none of %s", why, state, states);
    free(state);
}

Test(pair_races, who_accepts_twenty_times_has_accepted_once)
{
    struct scene scene;
    struct ask asks[MANY];
    struct response *responses[MANY];

    scene_begin(&scene, NULL);
    for (size_t i = 0; i < MANY; i++)
        asks[i] = (struct ask){.token = i % 2 == 0 ? scene.mentor.token : scene.mentee.token,
                               .path = scene_path(&scene, "/accept"),
                               .etag = "*"};
    ask_all(asks, MANY, responses);
    cr_assert_eq(count_of(responses, MANY, 200, 200, "-"), MANY);
    expect_state(&scene, "accepted", "both sides have");
    cr_assert_eq(moves_of(&scene), 3, "the proposal, and one of each side");
    scene_end(&scene);
}

/* Checks C1. */
Test(pair_races, of_twenty_moves_from_one_version_one_is_made)
{
    static const char *const WAYS[][2] = {{"pause", "{\"reason\":\"travel\"}"},
                                          {"pause", "{\"reason\":\"illness\"}"},
                                          {"end", "{\"reason\":\"no_time\"}"},
                                          {"complete", "{\"reason\":\"time_is_up\"}"},
                                          {"end", "{\"reason\":\"other\"}"}};
    struct scene scene;
    struct ask asks[MANY];
    struct response *responses[MANY];
    size_t made = 0, repeated = 0;
    const char *before, *after;

    scene_begin(&scene, NULL);
    scene_move(mentoring_coordinator(), &scene, "accept", "{\"side\":\"mentor\"}");
    scene_move(mentoring_coordinator(), &scene, "accept", "{\"side\":\"mentee\"}");
    scene_move(mentoring_coordinator(), &scene, "start", NULL);
    before = scene_etag(mentoring_coordinator(), scene_path(&scene, ""));
    for (size_t i = 0; i < MANY; i++)
        asks[i] = (struct ask){
            .token = coordinator(i),
            .path = scene_path(&scene, path_of("/%s", WAYS[i % ARRAY_LENGTH(WAYS)][0])),
            .etag = before,
            .body = WAYS[i % ARRAY_LENGTH(WAYS)][1]};
    ask_all(asks, MANY, responses);
    after = scene_etag(mentoring_coordinator(), scene_path(&scene, ""));
    for (size_t i = 0; i < MANY; i++) {
        if (responses[i]->status != 200)
            expect_problem(responses[i], 412, "precondition-failed", "somebody was faster");
        made += responses[i]->status == 200;
        repeated += responses[i]->status == 200 &&
                    strcmp(response_header(responses[i], "ETag"), after) == 0;
        response_free(responses[i]);
    }
    /* The same words four times: the first makes the move, the others are told that it is made. */
    cr_assert_eq(made, MANY / ARRAY_LENGTH(WAYS), "%zu", made);
    cr_assert_eq(repeated, made);
    cr_assert_eq(moves_of(&scene), 5);
    scene_end(&scene);
    invariants_check("after moves at once");
}

/* Checks Z25. */
Test(pair_races, consent_that_is_withdrawn_while_others_accept_and_propose_ends_it_all)
{
    static const char *const PURPOSES[] = {"programme", "matching"};

    for (size_t round = 0; round < 6; round++) {
        struct scene scene;
        char *mentors;
        struct ask asks[9];
        struct response *responses[9];

        scene_begin(&scene, NULL);
        mentors = make_people(scene.programme, "mentor", 6, 1);
        /* In every other round nobody has proposed yet. */
        if (round % 2 == 1)
            scene_move(mentoring_coordinator(), &scene, "withdraw", "{\"reason\":\"mistake\"}");
        for (size_t i = 0; i < 8; i++)
            asks[i] = round % 2 == 0
                          ? (struct ask){.token = mentoring_coordinator(),
                                         .path = scene_path(&scene, "/accept"),
                                         .etag = "*",
                                         .body = i % 2 == 0 ? "{\"side\":\"mentor\"}"
                                                            : "{\"side\":\"mentee\"}"}
                          : (struct ask){.token = coordinator(i),
                                         .path = "/v1/mentoring-pairs",
                                         .body = path_of("{\"mentor\":\"%s\",\"mentee\":\"%s\"}",
                                                         id_of(mentors, i % 6), scene.mentee.id)};
        asks[8] = asks[round];
        asks[round] = (struct ask){.token = scene.mentee.token,
                                   .path = path_of("/v1/mentees/%s/consents/%s/withdraw",
                                                   scene.mentee.id, PURPOSES[round / 2 % 2])};
        ask_all(asks, ARRAY_LENGTH(asks), responses);
        for (size_t i = 0; i < ARRAY_LENGTH(asks); i++) {
            cr_assert_lt(responses[i]->status, 500, "%s", responses[i]->body);
            if (i == round)
                expect_status(responses[i], 200, "consent is withdrawn");
            response_free(responses[i]);
        }
        expect_state(&scene, "withdrawn", "whatever came first");
        cr_assert_eq(
            count_rows(path_of("select count(*) from mentoring.pair where mentee_id = '%s' "
                               "and state in ('proposed', 'accepted', 'active')",
                               scene.mentee.id)),
            0);
        free(mentors);
        scene_end(&scene);
    }
    invariants_check("after consent was withdrawn");
}

/* Checks V22. */
Test(pair_races, an_intake_takes_as_many_mentees_as_it_has_places)
{
    char *programme = mentoring_programme("{\"intakes\":[{\"name\":\"autumn\",\"opens_on\":"
                                          "\"2020-01-01\",\"closes_on\":\"2999-01-01\","
                                          "\"places\":3}]}");
    json_auto_t *draft = mentoring_draft(programme, "{\"intake\":\"autumn\"}");
    char *body = json_dumps(draft, JSON_COMPACT);
    struct response *responses[MANY];
    struct ask asks[MANY];

    for (size_t i = 0; i < MANY; i++)
        asks[i] = (struct ask){coordinator(i), "/v1/mentees", NULL, body};
    ask_all(asks, MANY, responses);
    cr_expect_eq(count_of(responses, MANY, 201, 422, "validation-failed"), 3);
    cr_expect_eq(count_rows(path_of("select count(*) from mentoring.participant where "
                                    "programme_id = '%s'",
                                    programme)),
                 3);
    free(body);
    free(programme);
}

/* Consent is given anew while somebody who withdraws it waits: that one began earlier, and is
 * later. */
Test(pair_races, consent_that_is_withdrawn_while_it_is_given_ends_after_it_began)
{
    char *programme = mentoring_programme(NULL);
    struct test_person mentee;
    struct http_pending *withdrawing;
    CLEANUP(response_freep) struct response *withdrawn = NULL;
    const char *path;
    struct hold hold;
    int backend;

    mentoring_person("mentees", programme, NULL, &mentee);
    path = path_of("/v1/mentees/%s/consents/statistics/withdraw", mentee.id);
    hold_open(&hold, ORGANISATION);
    backend = hold_begin(&hold, path_of("select from mentoring.participant where id = '%s' "
                                        "for update",
                                        mentee.id));
    withdrawing = http_begin_as(mentee.token, "POST", path, NULL, NULL);
    hold_wait_blocked(&hold, backend, withdrawing);
    cr_assert_eq(sql_run(hold.db,
                         "update mentoring.consent set withdrawn_at = clock_timestamp(), replaced "
                         "= true where participant_id = '%s' and purpose = 'statistics'",
                         mentee.id),
                 0, "%s", db_message(hold.db));
    cr_assert_eq(sql_run(hold.db,
                         "insert into mentoring.consent (participant_id, purpose, version, "
                         "given_at) values ('%s', 'statistics', '2', clock_timestamp())",
                         mentee.id),
                 0, "%s", db_message(hold.db));
    hold_end(&hold);
    withdrawn = http_end(withdrawing);
    if (!has_problem(withdrawn, 503, "contention")) /* it has waited for too long */
        expect_status(withdrawn, 200, "consent is withdrawn");
    hold_close(&hold);
    free(programme);
}

/* The proposal is there and not committed, when consent to be matched goes: who withdraws it waits,
 * and then sees what there is to end. */
/* Checks Z25. */
Test(pair_races, a_proposal_that_is_just_being_made_does_not_outlive_consent)
{
    char *programme = mentoring_programme(NULL);
    struct test_person mentor, mentee;
    struct http_pending *withdrawing;
    CLEANUP(response_freep) struct response *withdrawn = NULL, *again = NULL;
    const char *path;
    struct hold hold;
    int backend;

    mentoring_person("mentors", programme, NULL, &mentor);
    mentoring_person("mentees", programme, NULL, &mentee);
    path = path_of("/v1/mentees/%s/consents/matching/withdraw", mentee.id);
    hold_open(&hold, ORGANISATION);
    backend = hold_begin(&hold, "select set_config('express.role', 'admin', true)");
    cr_assert_eq(
        sql_run(hold.db,
                "with made as (insert into mentoring.pair (id, programme_id, mentor_id, "
                "mentee_id, respond_by) values (gen_random_uuid(), '%s', '%s', '%s', now() "
                "+ interval '1 day') returning id) insert into mentoring.pair_move "
                "(pair_id, version, move, to_state, actor, at) select id, 1, 'propose', "
                "'proposed', 'coordinator', now() from made",
                programme, mentor.id, mentee.id),
        0, "%s", db_message(hold.db));
    withdrawing = http_begin_as(mentee.token, "POST", path, NULL, NULL);
    hold_wait_blocked(&hold, backend, withdrawing);
    hold_end(&hold);
    withdrawn = http_end(withdrawing);
    if (has_problem(withdrawn, 503, "contention")) { /* it has waited for too long */
        again = write_text(mentee.token, "POST", path, NULL, NULL, NULL);
        expect_status(again, 200, "consent is withdrawn");
    } else {
        expect_status(withdrawn, 200, "consent is withdrawn");
    }
    cr_assert_eq(
        count_rows(path_of("select count(*) from mentoring.pair where mentee_id = '%s' and "
                           "state = 'withdrawn'",
                           mentee.id)),
        1);
    hold_close(&hold);
    free(programme);
}

/* --- what time does ------------------------------------------------------------------------------
 */

static void *keep_house(void *data)
{
    struct program_result *result = data;

    cr_assert(test_server_command((const char *const[]){"housekeeping", NULL}, result), "%s",
              result->error);
    return NULL;
}

static void accept_while_time_runs_out(void)
{
    for (size_t round = 0; round < 4; round++) {
        struct scene scene;
        struct ask asks[8];
        struct response *responses[8];
        struct program_result result;
        pthread_t thread;
        char *consistent;

        scene_begin(&scene, NULL);
        scene_let_pass(
            path_of("update mentoring.pair set respond_by = now() - interval '1 second' where "
                    "id = '%s'",
                    scene.pair));
        for (size_t i = 0; i < ARRAY_LENGTH(asks); i++)
            asks[i] = (struct ask){.token = i % 2 == 0 ? scene.mentor.token : scene.mentee.token,
                                   .path = scene_path(&scene, "/accept"),
                                   .etag = "*"};
        cr_assert_eq(pthread_create(&thread, NULL, keep_house, &result), 0);
        ask_all(asks, ARRAY_LENGTH(asks), responses);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        program_result_deinit(&result);
        for (size_t i = 0; i < ARRAY_LENGTH(asks); i++) {
            if (responses[i]->status != 200)
                expect_problem(responses[i], 409, "invalid-transition", "too late");
            response_free(responses[i]);
        }
        expect_state(&scene, "proposed accepted expired", "in time or too late");
        consistent = test_database_value(path_of(
            "select ((state = 'expired') = (ended_at is not null) and version = (select count(*) "
            "from mentoring.pair_move where pair_id = p.id))::text from mentoring.pair p "
            "where id = '%s'",
            scene.pair));
        cr_assert_str_eq(consistent, "true");
        free(consistent);
        scene_end(&scene);
    }
}

/* Proposals that are due, without people: @score marks those that are held. */
static void make_due(const char *programme, int count, int score)
{
    char sql[SQL_BYTES];

    cr_assert_lt(
        snprintf(
            sql, sizeof(sql),
            "with made as (insert into mentoring.pair (id, programme_id, respond_by, score, "
            "proposed_at) select gen_random_uuid(), '%s', now() - interval '1 hour', %d, now() - "
            "interval '2 hours' from generate_series(1, %d) returning id, proposed_at) insert "
            "into mentoring.pair_move (pair_id, version, move, to_state, actor, at) select id, 1, "
            "'propose', 'proposed', 'coordinator', proposed_at from made",
            programme, score, count),
        (int)sizeof(sql));
    scene_let_pass(sql);
}

static void expect_expired_once(const char *programme, long count)
{
    static const char *const COUNTS[] = {
        "mentoring.pair p where p.state = 'expired' and p.version = 2",
        "mentoring.pair_move m join mentoring.pair p on p.id = m.pair_id where m.move = 'expire' "
        "and m.actor = 'service' and m.from_state = 'proposed'",
        "audit.entry e join mentoring.pair p on p.id = e.record_id where e.action = 'pair.expire' "
        "and e.role = 'service' and e.version = 2",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(COUNTS); i++)
        cr_assert_eq(count_rows(path_of("select count(*) from %s and p.programme_id = '%s'",
                                        COUNTS[i], programme)),
                     count, "%s", COUNTS[i]);
}

static const struct timespec PAUSE = {.tv_nsec = 50 * 1000 * 1000};

/* Rounds, until one finds nobody else at it: the database needs a moment to notice that the killed
 * one is gone. */
static void do_rounds(void)
{
    bool is_elsewhere = true;

    for (int i = 0; i < 100 && is_elsewhere; i++) {
        struct program_result result;

        (void)keep_house(&result);
        is_elsewhere = strstr(result.out, "another node is at it") != NULL;
        program_result_deinit(&result);
        (void)nanosleep(&PAUSE, NULL); /* likewise */
    }
    cr_assert_not(is_elsewhere);
}

#define NODES 4

static void do_at_many_nodes(void)
{
    char *programme = mentoring_programme(NULL);
    pthread_t threads[NODES];
    struct program_result results[NODES];
    long done = 0;

    do_rounds();                   /* nothing is left over from before */
    make_due(programme, 250, 500); /* more than one transaction takes */
    for (size_t i = 0; i < NODES; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, keep_house, &results[i]), 0);
    for (size_t i = 0; i < NODES; i++) {
        const char *told;

        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_assert_eq(results[i].exit_code, 0, "%s", results[i].error);
        told = strstr(results[i].out, "expired_pairs=");
        done += told == NULL ? 0 : strtol(told + strlen("expired_pairs="), NULL, 10);
        program_result_deinit(&results[i]);
    }
    cr_assert_leq(done, 250, "what is left over was done by the server itself");
    do_rounds();
    expect_expired_once(programme, 250);
    free(programme);
}

/* A node's round in a process that can be killed; with the settings of the server in use. */
static pid_t begin_round(void)
{
    const char *settings[64], *noted = getenv("API_SETTINGS");
    char *const arguments[] = {(char *)(uintptr_t)program_path(),
                               (char *)(uintptr_t) "housekeeping", NULL};
    char *lines = strdup(noted == NULL ? "" : noted), **environment;
    size_t count = 0;
    pid_t pid = -1;

    for (char *line = lines; *line != '\0' && count < ARRAY_LENGTH(settings) - 1;) {
        char *end = line + strcspn(line, "\n");

        if (*end == '\n')
            *end++ = '\0';
        settings[count++] = line;
        line = end;
    }
    settings[count] = NULL;
    environment = program_environment(settings);
    cr_assert_eq(posix_spawn(&pid, program_path(), NULL, NULL, arguments, environment), 0);
    free(environment);
    free(lines);
    return pid;
}

/* Who waits for the test: a backend of a command. */
#define WAITS                                                                                      \
    "from pg_locks l join pg_stat_activity a on a.pid = l.pid where l.locktype = 'advisory' and "  \
    "l.objid = " HOLD_NUMBER " and not l.granted and a.application_name = 'express-api command'"

/* Until the round is held. False: there was none, because the server itself was at it. */
static bool wait_held(pid_t pid)
{
    for (int i = 0; i < 600; i++) {
        if (count_rows("select count(*) " WAITS) > 0)
            return true;
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return false;
        (void)nanosleep(&PAUSE, NULL); /* woken early it is only shorter */
    }
    cr_assert_fail("the round is neither held nor over");
    return false;
}

/* While it is held in the middle of its transaction. */
static void kill_round(pid_t pid)
{
    struct program_result elsewhere;
    int status;

    (void)keep_house(&elsewhere);
    cr_assert_not_null(strstr(elsewhere.out, "another node is at it"), "%s", elsewhere.out);
    program_result_deinit(&elsewhere);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status));
}

static void kill_in_the_middle(void)
{
    char *programme = mentoring_programme(NULL);
    struct db_pool *pool = sql_pool("postgres", NULL);
    struct db *db = NULL;
    bool is_held = false;
    long count = 0;
    pid_t pid = -1;

    cr_assert_eq(db_lease(pool, &db), 0);
    for (int i = 0; i < 5 && !is_held; i++) {
        if (i > 0)
            db_rollback(db);
        cr_assert_eq(db_begin(db), 0);
        (void)sql_value(db, "select pg_advisory_xact_lock(" HOLD_NUMBER ")");
        make_due(programme, 30, 999);
        count += 30;
        pid = begin_round();
        is_held = wait_held(pid);
    }
    cr_assert(is_held);
    kill_round(pid);
    db_rollback(db); /* its statement goes on, and finds nobody to answer to */
    db_release(db);
    db_pool_free(pool);
    do_rounds();
    expect_expired_once(programme, count);
    free(programme);
}

/* One after the other: rounds of one would meet what another one holds. */
Test(pair_races, what_is_due_is_done_once_whoever_moves_or_is_killed_meanwhile)
{
    accept_while_time_runs_out();
    do_at_many_nodes();
    kill_in_the_middle();
    invariants_check("after what time does");
}
