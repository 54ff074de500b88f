/*
 * Pairs of mentors and mentees over HTTP: their life, what belongs to them, and who is told of
 * them. What many at once come to is in test_pair_races.c.
 */
#include "base/annotate.h"
#include "base/text.h"
#include "db/db.h"
#include "mentoring/pair.h"
#include "routes.h"
#include "support/contract.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/mentoring.h"
#include "support/program.h"
#include "support/records.h"
#include "support/server.h"
#include "support/sql.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(pairs, .fini = test_ends_without_leaks, .timeout = 240);

#define UNKNOWN_ID "01997b2c-9a40-7c13-8f5e-2b6d1c0e0000"
#define TEXT_BYTES 32768

/* --- a programme with two people ------------------------------------------------------------ */

struct scene {
    char *programme;
    struct test_person mentor, mentee;
    char pair[40];
};

static const char *pair_path(const struct scene *scene, const char *behind)
{
    return path_of("/v1/mentoring-pairs/%s%s", scene->pair, behind);
}

static struct response *propose(const char *mentor, const char *mentee)
{
    return write_text(mentoring_coordinator(), "POST", "/v1/mentoring-pairs", NULL, NULL,
                      path_of("{\"mentor\":\"%s\",\"mentee\":\"%s\"}", mentor, mentee));
}

static void pair_up(struct scene *scene)
{
    CLEANUP(response_freep) struct response *made = propose(scene->mentor.id, scene->mentee.id);

    expect_status(made, 201, "a pair");
    (void)snprintf(scene->pair, sizeof(scene->pair), "%s", response_text_at(made, "/id"));
}

/* @rules: of the programme; NULL: none beside what every one has */
static void begin(struct scene *scene, const char *rules)
{
    scene->programme = mentoring_programme(rules);
    mentoring_person("mentors", scene->programme, "{\"capacity\":2}", &scene->mentor);
    mentoring_person("mentees", scene->programme, NULL, &scene->mentee);
    pair_up(scene);
}

static void end(struct scene *scene)
{
    free(scene->programme);
}

static struct response *move_as(const char *token, const struct scene *scene, const char *move,
                                const char *etag, const char *body)
{
    return write_text(token, "POST", pair_path(scene, path_of("/%s", move)), etag, NULL, body);
}

/* One that must succeed. */
static void move(const char *token, const struct scene *scene, const char *name, const char *body)
{
    CLEANUP(response_freep)
    struct response *moved = move_as(token, scene, name, "*", body);

    expect_status(moved, 200, name);
}

static const char *const WAYS[PAIR_STATES][4][2] = {
    [PAIR_PROPOSED] = {{NULL}},
    [PAIR_ACCEPTED] = {{"accept", "{\"side\":\"mentor\"}"}, {"accept", "{\"side\":\"mentee\"}"}},
    [PAIR_ACTIVE] = {{"start", NULL}},
    [PAIR_PAUSED] = {{"pause", "{\"reason\":\"travel\"}"}},
    [PAIR_COMPLETED] = {{"complete", "{\"reason\":\"time_is_up\"}"}},
    [PAIR_ENDED_EARLY] = {{"end", "{\"reason\":\"no_contact\"}"}},
    [PAIR_DECLINED] = {{"decline", "{\"side\":\"mentee\",\"reason\":\"too_far\"}"}},
    [PAIR_WITHDRAWN] = {{"withdraw", "{\"reason\":\"mistake\"}"}},
};
/* Where each way begins. */
static const enum pair_state BEFORE[PAIR_STATES] = {
    [PAIR_ACTIVE] = PAIR_ACCEPTED,
    [PAIR_PAUSED] = PAIR_ACTIVE,
    [PAIR_COMPLETED] = PAIR_ACTIVE,
    [PAIR_ENDED_EARLY] = PAIR_ACTIVE,
};

/* By the coordinator, from the proposal. */
static void lead_to(const struct scene *scene, enum pair_state state)
{
    if (state == PAIR_PROPOSED)
        return;
    lead_to(scene, BEFORE[state]);
    for (size_t i = 0; i < 4 && WAYS[state][i][0] != NULL; i++)
        move(mentoring_coordinator(), scene, WAYS[state][i][0], WAYS[state][i][1]);
}

/* What time and nobody does: past the rules that it keeps for everybody. */
static void let_pass(const char *sql)
{
    struct text text;

    text_init(&text, TEXT_BYTES);
    text_append_format(&text, "begin; set local session_replication_role = replica; %s; commit",
                       sql);
    test_database_run(text.bytes);
    text_deinit(&text);
}

/* A round of housekeeping, also when the server is at one just now. */
static void keep_house(void)
{
    bool is_elsewhere = true;

    for (int i = 0; i < 100 && is_elsewhere; i++) {
        struct program_result result;

        cr_assert(test_server_command((const char *const[]){"housekeeping", NULL}, &result), "%s",
                  result.error);
        cr_assert_eq(result.exit_code, 0, "%s", result.error);
        is_elsewhere = strstr(result.out, "another node is at it") != NULL;
        program_result_deinit(&result);
    }
    cr_assert_not(is_elsewhere);
}

/* The same two once more, when their pair is over. */
static void begin_again(struct scene *scene)
{
    CLEANUP(response_freep)
    struct response *shown = read_as(mentoring_coordinator(), pair_path(scene, ""));
    const char *state = response_text_at(shown, "/state");

    if (strcmp(state, "proposed") == 0 || strcmp(state, "accepted") == 0)
        move(mentoring_coordinator(), scene, "withdraw", "{\"reason\":\"other\"}");
    else if (strcmp(state, "active") == 0 || strcmp(state, "paused") == 0)
        move(mentoring_coordinator(), scene, "end", "{\"reason\":\"other\"}");
    pair_up(scene);
}

#define expect_text(response, pointer, expected)                                                   \
    cr_assert_str_eq(response_text_at((response), (pointer)), (expected), "%s is %s: %s", pointer, \
                     response_text_at((response), (pointer)), (response)->body)
#define expect_absent(response, pointer)                                                           \
    cr_assert_null(response_at((response), (pointer)), "%s: %s", pointer, (response)->body)

/* --- one table, three times ----------------------------------------------------------------- */

static void append_list(struct text *text, const json_t *list)
{
    const json_t *item;
    size_t i;

    json_array_foreach (list, i, item)
        text_append_format(text, "%s%s", i == 0 ? "" : ",", json_string_value(item));
}

static void of_contract(struct text *text, const json_t *states)
{
    const json_t *row;
    size_t i;

    json_array_foreach (json_object_get(states, "x-transitions"), i, row) {
        text_append_format(text, "%s %s %s ", json_string_value(json_object_get(row, "from")),
                           json_string_value(json_object_get(row, "move")),
                           json_string_value(json_object_get(row, "to")));
        append_list(text, json_object_get(row, "by"));
        text_append_char(text, ' ');
        append_list(text, json_object_get(row, "reasons"));
        text_append_char(text, '\n');
    }
}

static void of_program(struct text *text)
{
    size_t count;
    const struct pair_transition *all = pair_transitions(&count);

    for (size_t i = 0; i < count; i++) {
        const char *before = "";

        text_append_format(text, "%s %s %s ", pair_state_name(all[i].from),
                           pair_move_name(all[i].move), pair_state_name(all[i].to));
        for (enum pair_actor actor = PAIR_MENTOR; actor < PAIR_ACTORS; actor++) {
            if (!pair_transition_is_for(&all[i], actor))
                continue;
            text_append_format(text, "%s%s", before, pair_actor_name(actor));
            before = ",";
        }
        text_append_char(text, ' ');
        for (size_t j = 0; all[i].reasons != NULL && all[i].reasons[j] != NULL; j++)
            text_append_format(text, "%s%s", j == 0 ? "" : ",", all[i].reasons[j]);
        text_append_char(text, '\n');
    }
}

/* The readable table names each move with its reasons, but what the service alone says. */
static void check_description(const char *description, const json_t *row)
{
    const char *name = json_string_value(json_object_get(row, "move"));
    const char *line =
        strstr(description, strcmp(name, "expire") == 0 ? "expires" : path_of("`%s`", name));
    const size_t length = line == NULL ? 0 : strcspn(line, "\n");
    const json_t *reason;
    size_t i;

    cr_assert_not_null(line, "%s", name);
    json_array_foreach (json_object_get(row, "reasons"), i, reason) {
        const char *at = strstr(line, json_string_value(reason));

        if (pair_reason_is_said(json_string_value(reason)))
            cr_assert(at != NULL && at < line + length, "%s: %s", name, json_string_value(reason));
    }
}

/* Checks V22. */
Test(pairs, contract_program_and_database_have_the_same_table_of_moves)
{
    json_auto_t *contract = json_load_file(getenv("EXPRESS_CONTRACT_JSON"), 0, NULL);
    const json_t *states = test_json_at(contract, "/components/schemas/PairState");
    char *database = test_database_value(
        "select string_agg(concat_ws(' ', from_state, move, to_state, "
        "array_to_string(actors, ','), "
        "array_to_string(reasons, ',')) || E'\\n', '' order by array_position('{proposed,accepted,"
        "active,paused}', from_state), array_position('{accept,decline,withdraw,expire,start,pause,"
        "resume,complete,end}', move)) from mentoring.transition");
    const json_t *tag, *row;
    struct text one, other;
    size_t i, j;

    text_init(&one, TEXT_BYTES);
    text_init(&other, TEXT_BYTES);
    of_contract(&one, states);
    of_program(&other);
    cr_assert_str_eq(one.bytes, other.bytes);
    cr_assert_str_eq(one.bytes, database);
    json_array_foreach (json_object_get(contract, "tags"), i, tag)
        if (strcmp(json_string_value(json_object_get(tag, "name")), "Mentoring pairs") == 0)
            json_array_foreach (json_object_get(states, "x-transitions"), j, row)
                check_description(json_string_value(json_object_get(tag, "description")), row);
    text_deinit(&one);
    text_deinit(&other);
    free(database);
}

/* Every move from every state, as the coordinator and both sides: the table decides, and actions
 * says so before. */
static void check_moves(const struct scene *scene, enum pair_state state, enum pair_actor actor,
                        const char *token)
{
    CLEANUP(response_freep) struct response *shown = read_as(token, pair_path(scene, ""));
    const json_t *actions, *action;
    size_t i;

    expect_status(shown, 200, "a pair");
    expect_text(shown, "/state", pair_state_name(state));
    actions = response_at(shown, "/actions");
    for (enum pair_move name = PAIR_ACCEPT; name < PAIR_MOVES; name++) {
        const struct pair_transition *transition = pair_transition(state, name);
        const bool may = transition != NULL && pair_transition_is_for(transition, actor);
        const char *reason = NULL;
        bool is_told = false;

        json_array_foreach (actions, i, action) {
            if (strcmp(json_string_value(json_object_get(action, "move")), pair_move_name(name)) !=
                0)
                continue;
            is_told = true;
            reason = json_string_value(json_array_get(json_object_get(action, "reasons"), 0));
        }
        cr_assert_eq(is_told, may, "%s %s %s: %s", pair_actor_name(actor), pair_state_name(state),
                     pair_move_name(name), shown->body);
        if (reason == NULL)
            reason = name == PAIR_DECLINE || name == PAIR_WITHDRAW || name == PAIR_PAUSE ||
                             name == PAIR_END
                         ? "other"
                     : name == PAIR_COMPLETE ? "time_is_up"
                                             : NULL;
        CLEANUP(response_freep)
        struct response *moved =
            move_as(token, scene, path_of("%s?dry_run=true", pair_move_name(name)), "*",
                    reason != NULL ? path_of("{\"reason\":\"%s\"}", reason)
                    : name == PAIR_ACCEPT && actor == PAIR_COORDINATOR ? "{\"side\":\"mentee\"}"
                                                                       : NULL);
        if (name == PAIR_EXPIRE)
            expect_problem(moved, 405, "method-not-allowed", "nobody's move");
        else if (may)
            expect_status(moved, 200,
                          path_of("%s %s", pair_state_name(state), pair_move_name(name)));
        else if (!pair_move_is_for(name, actor))
            expect_problem(moved, 403, "forbidden", pair_move_name(name));
        else if (moved->status != 200) /* that was just made is made */
            expect_problem(moved, 409, "invalid-transition", pair_move_name(name));
    }
}

/* Checks V22. */
Test(pairs, from_every_state_lead_the_moves_of_the_table_and_no_others)
{
    struct scene scene;

    begin(&scene, NULL);
    for (enum pair_state state = PAIR_PROPOSED; state < PAIR_EXPIRED; state++) {
        if (state != PAIR_PROPOSED)
            begin_again(&scene);
        lead_to(&scene, state);
        check_moves(&scene, state, PAIR_COORDINATOR, mentoring_coordinator());
        if (state != PAIR_ACCEPTED && state != PAIR_COMPLETED)
            check_moves(&scene, state, PAIR_MENTOR, scene.mentor.token);
        if (state == PAIR_PROPOSED || state == PAIR_PAUSED)
            check_moves(&scene, state, PAIR_MENTEE, scene.mentee.token);
    }
    end(&scene);
}

/* --- from the proposal to the end ------------------------------------------------------------- */

static void check_moves_told(const struct scene *scene)
{
    static const char *const MOVES[] = {"propose coordinator", "accept mentor", "accept mentee",
                                        "start coordinator",   "pause mentee",  "resume mentor",
                                        "complete coordinator"};
    CLEANUP(response_freep)
    struct response *first = read_as(mentoring_coordinator(), pair_path(scene, "/moves?limit=4"));
    CLEANUP(response_freep) struct response *second = NULL;

    expect_status(first, 200, "moves");
    second = read_as(mentoring_coordinator(),
                     pair_path(scene, path_of("/moves?limit=4&cursor=%s",
                                              response_text_at(first, "/page/next"))));
    expect_status(second, 200, "moves");
    cr_assert(json_is_null(response_at(second, "/page/next")));
    for (size_t i = 0; i < ARRAY_LENGTH(MOVES); i++) {
        struct response *page = i < 4 ? first : second;
        const char *at = path_of("/data/%zu", i % 4);

        cr_assert_eq(json_integer_value(response_at(page, path_of("%s/version", at))),
                     (json_int_t)i + 1);
        cr_assert_str_eq(path_of("%s %s", response_text_at(page, path_of("%s/move", at)),
                                 response_text_at(page, path_of("%s/actor", at))),
                         MOVES[i]);
    }
}

Test(pairs, a_pair_goes_from_the_proposal_to_its_end)
{
    struct scene scene;
    CLEANUP(response_freep) struct response *accepted = NULL, *done = NULL;
    char *months;

    begin(&scene, "{\"duration_months\":6,\"response_days\":10}");
    accepted = move_as(scene.mentor.token, &scene, "accept", "\"v1\"", NULL);
    expect_status(accepted, 200, "one side");
    expect_text(accepted, "/state", "proposed");
    expect_text(accepted, "/side", "mentor");
    cr_assert_str_eq(response_header(accepted, "ETag"), "\"v2\"");
    move(scene.mentee.token, &scene, "accept", NULL);
    move(mentoring_coordinator(), &scene, "start", NULL);
    move(scene.mentee.token, &scene, "pause", "{\"reason\":\"illness\"}");
    move(scene.mentor.token, &scene, "resume", NULL);
    done = move_as(mentoring_coordinator(), &scene, "complete", "\"v6\"",
                   "{\"reason\":\"goals_reached\"}");
    expect_status(done, 200, "the end");
    expect_text(done, "/state", "completed");
    expect_text(done, "/reason", "goals_reached");
    cr_assert_eq(json_array_size(response_at(done, "/actions")), 0, "%s", done->body);
    months = test_database_value(
        path_of("select (due_at = started_at + interval '6 months' and respond_by = proposed_at + "
                "interval '10 days')::text from mentoring.pair where id = '%s'",
                scene.pair));
    cr_assert_str_eq(months, "true");
    free(months);
    check_moves_told(&scene);
    end(&scene);
}

Test(pairs, what_somebody_gives_as_a_reason_is_between_that_side_and_the_coordinator)
{
    struct scene scene;
    CLEANUP(response_freep) struct response *mine = NULL, *other = NULL, *moves = NULL;
    CLEANUP(response_freep) struct response *coordinators = NULL;

    begin(&scene, NULL);
    lead_to(&scene, PAIR_ACTIVE);
    move(scene.mentee.token, &scene, "pause", "{\"reason\":\"illness\"}");
    mine = read_as(scene.mentee.token, pair_path(&scene, ""));
    expect_text(mine, "/reason", "illness");
    coordinators = read_as(mentoring_coordinator(), pair_path(&scene, ""));
    expect_text(coordinators, "/reason", "illness");
    other = read_as(scene.mentor.token, pair_path(&scene, ""));
    expect_absent(other, "/reason");
    moves = read_as(scene.mentor.token, pair_path(&scene, "/moves"));
    cr_assert_null(strstr(moves->body, "illness"), "%s", moves->body);
    end(&scene);
}

/* --- conditions, and the same once more --------------------------------------------------------
 */

Test(pairs, a_move_is_for_the_version_that_was_read_and_just_made_is_made)
{
    struct scene scene;
    CLEANUP(response_freep)
    struct response *bare = NULL, *stale = NULL, *first = NULL, *again = NULL, *keyed = NULL,
                    *replayed = NULL;

    begin(&scene, NULL);
    bare = move_as(scene.mentor.token, &scene, "accept", NULL, NULL);
    expect_problem(bare, 428, "precondition-required", "no If-Match");
    cr_assert_str_eq(response_header(bare, "ETag"), "\"v1\"");
    stale = move_as(scene.mentor.token, &scene, "accept", "\"v7\"", NULL);
    expect_problem(stale, 412, "precondition-failed", "another version");
    first = move_as(scene.mentor.token, &scene, "accept", "\"v1\"", NULL);
    expect_status(first, 200, "accepted");
    again = move_as(scene.mentor.token, &scene, "accept", "\"v1\"", NULL);
    expect_status(again, 200, "and asked again, as no answer came");
    cr_assert_str_eq(again->body, first->body);
    keyed = write_text(mentoring_coordinator(), "POST", pair_path(&scene, "/accept"), "\"v2\"",
                       "pairs-key-1", "{\"side\":\"mentee\"}");
    expect_status(keyed, 200, "with a key");
    replayed = write_text(mentoring_coordinator(), "POST", pair_path(&scene, "/accept"), "\"v2\"",
                          "pairs-key-1", "{\"side\":\"mentee\"}");
    expect_status(replayed, 200, "with the same key");
    cr_assert_str_eq(response_header(replayed, "Idempotency-Replayed"), "true");
    cr_assert_eq(count_rows(path_of("select count(*) from mentoring.pair_move where pair_id = '%s'",
                                    scene.pair)),
                 3);
    end(&scene);
}

Test(pairs, a_proposal_with_a_key_is_made_once)
{
    struct scene scene;
    struct test_person mentee;
    CLEANUP(response_freep) struct response *made = NULL, *again = NULL;
    const char *body;

    begin(&scene, NULL);
    mentoring_person("mentees", scene.programme, NULL, &mentee);
    body = path_of("{\"mentor\":\"%s\",\"mentee\":\"%s\"}", scene.mentor.id, mentee.id);
    made = write_text(mentoring_coordinator(), "POST", "/v1/mentoring-pairs", NULL, "pairs-key-2",
                      body);
    expect_status(made, 201, "a pair");
    again = write_text(mentoring_coordinator(), "POST", "/v1/mentoring-pairs", NULL, "pairs-key-2",
                       body);
    expect_status(again, 201, "again");
    cr_assert_str_eq(response_header(again, "Idempotency-Replayed"), "true");
    cr_assert_str_eq(response_text_at(again, "/id"), response_text_at(made, "/id"));
    end(&scene);
}

Test(pairs, a_reason_and_a_side_go_with_the_move)
{
    static const struct {
        const char *move, *body, *pointer, *code;
    } ROWS[] = {
        {"accept", NULL, "/side", "required"},
        {"accept", "{\"side\":\"coordinator\"}", "/side", NULL},
        {"accept", "{\"side\":\"mentor\",\"reason\":\"other\"}", "/reason", NULL},
        {"decline", NULL, "/reason", "required"},
        {"decline", "{\"side\":\"mentor\"}", "/reason", "required"},
        {"decline", "{\"reason\":\"illness\"}", "/reason", NULL},
        {"withdraw", "{\"reason\":\"consent_withdrawn\"}", "/reason", NULL},
        {"withdraw", "{\"reason\":\"mistake\",\"side\":\"mentee\"}", "/side", NULL},
        {"withdraw", "{\"reason\":\"mistake\",\"state\":\"active\"}", "/state", NULL},
    };
    struct scene scene;

    begin(&scene, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *refused =
            move_as(mentoring_coordinator(), &scene, ROWS[i].move, "*", ROWS[i].body);

        expect_problem(refused, 422, "validation-failed", ROWS[i].move);
        cr_assert_not_null(strstr(refused->body, ROWS[i].pointer), "%s", refused->body);
        if (ROWS[i].code != NULL) /* others are the schema's */
            expect_error(refused, ROWS[i].pointer, ROWS[i].code, ROWS[i].move);
    }
    CLEANUP(response_freep)
    struct response *other =
        move_as(scene.mentor.token, &scene, "accept", "*", "{\"side\":\"mentee\"}");
    expect_problem(other, 422, "validation-failed", "for the other side");
    expect_error(other, "/side", "not-allowed", "for the other side");
    end(&scene);
}

/* --- who cannot be proposed --------------------------------------------------------------------
 */

/* Checks Z3. */
Test(pairs, people_of_others_are_people_that_there_are_not)
{
    static const char *const IDS[] = {UNKNOWN_ID, NULL};
    struct scene scene, other;
    char *first = NULL;

    begin(&scene, NULL);
    begin(&other, NULL);
    /* The programme of the other scene goes to another organisation. */
    test_database_run(path_of("update catalogue.record set owner_id = (select id from "
                              "catalogue.record where resource = 'organisations' and slug = '%s') "
                              "where id = '%s'",
                              OTHER_ORGANISATION, other.programme));
    for (size_t i = 0; i < ARRAY_LENGTH(IDS); i++) {
        CLEANUP(response_freep)
        struct response *refused =
            propose(scene.mentor.id, IDS[i] == NULL ? other.mentee.id : IDS[i]);
        json_auto_t *errors = NULL;

        expect_problem(refused, 422, "validation-failed", "nobody of ours");
        expect_error(refused, "/mentee", "unknown-record", "nobody of ours");
        errors = json_deep_copy(response_at(refused, "/errors"));
        if (first == NULL) {
            first = json_dumps(errors, JSON_COMPACT);
            continue;
        }
        char *second = json_dumps(errors, JSON_COMPACT);
        cr_assert_str_eq(first, second);
        free(second);
    }
    free(first);
    CLEANUP(response_freep) struct response *swapped = propose(scene.mentee.id, scene.mentor.id);
    expect_error(swapped, "/mentor", "unknown-record", "a mentee is no mentor");
    end(&scene);
    end(&other);
}

Test(pairs, who_has_no_room_or_does_not_agree_is_not_proposed)
{
    struct scene scene;
    struct test_person second, third, paused;
    CLEANUP(response_freep)
    struct response *room = NULL, *full = NULL, *twice = NULL, *pausing = NULL, *unwilling = NULL,
                    *elsewhere = NULL;
    char *programme = mentoring_programme(NULL);

    begin(&scene, "{\"mentor_capacity\":2}");
    mentoring_person("mentees", scene.programme, NULL, &second);
    mentoring_person("mentees", scene.programme, NULL, &third);
    mentoring_person("mentors", scene.programme, "{\"status\":\"paused\",\"capacity\":2}", &paused);
    test_database_run(
        path_of("update mentoring.participant set capacity = 5, version = version + 1 "
                "where id = '%s'",
                scene.mentor.id));
    room = propose(scene.mentor.id, second.id);
    expect_status(room, 201, "two at once, as the programme says");
    full = propose(scene.mentor.id, third.id);
    expect_problem(full, 409, "capacity-exhausted", "no third one, whatever the mentor says");
    pausing = propose(paused.id, third.id);
    expect_problem(pausing, 409, "person-unavailable", "who pauses");
    mentoring_person("mentors", scene.programme, NULL, &paused);
    twice = propose(paused.id, second.id);
    expect_problem(twice, 409, "mentee-has-pair", "one at a time");
    test_database_run(path_of("update mentoring.consent set withdrawn_at = now() where purpose = "
                              "'matching' and participant_id = '%s'",
                              third.id));
    unwilling = propose(paused.id, third.id);
    expect_problem(unwilling, 409, "person-unavailable", "who does not agree to be matched");
    mentoring_person("mentees", programme, NULL, &third);
    elsewhere = propose(paused.id, third.id);
    expect_error(elsewhere, "/mentee", "not-allowed", "of another programme");
    free(programme);
    end(&scene);
}

/* One person in both rôles would be its own mentor. */
Test(pairs, nobody_is_in_a_pair_with_oneself)
{
    char *programme = mentoring_programme(NULL);
    struct test_person mentor, mentee;
    CLEANUP(response_freep) struct response *refused = NULL;

    mentoring_person("mentors", programme, NULL, &mentor);
    mentoring_person("mentees", programme, path_of("{\"subject\":\"%s\"}", mentor.subject),
                     &mentee);
    refused = propose(mentor.id, mentee.id);
    expect_problem(refused, 422, "validation-failed", "oneself");
    expect_error(refused, "/mentee", "not-allowed", "oneself");
    free(programme);
}

/* --- who is told -------------------------------------------------------------------------------
 */

/* Checks Z2, Z4. */
Test(pairs, what_is_not_ones_own_is_what_does_not_exist)
{
    static const char *const BEHIND[] = {
        "", "/moves", "/meetings", "/goals", "/feedback", "/outcomes", ("/meetings/" UNKNOWN_ID)};
    struct scene scene, other;

    begin(&scene, NULL);
    begin(&other, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(BEHIND); i++) {
        const char *const tokens[] = {mentoring_other_coordinator(), other.mentor.token};

        for (size_t j = 0; j < ARRAY_LENGTH(tokens); j++) {
            CLEANUP(response_freep)
            struct response *hidden = read_as(tokens[j], pair_path(&scene, BEHIND[i]));
            CLEANUP(response_freep)
            struct response *unknown =
                read_as(tokens[j], path_of("/v1/mentoring-pairs/" UNKNOWN_ID "%s", BEHIND[i]));

            expect_problem(hidden, 404, "not-found", BEHIND[i]);
            expect_problem(unknown, 404, "not-found", BEHIND[i]);
            cr_assert_eq(strlen(hidden->body), strlen(unknown->body), "%s\n%s", hidden->body,
                         unknown->body);
        }
    }
    CLEANUP(response_freep)
    struct response *moved = move_as(other.mentor.token, &scene, "accept", "\"v1\"", NULL);
    expect_problem(moved, 404, "not-found", "with the right ETag, too");
    end(&scene);
    end(&other);
}

/* Checks Z7. */
Test(pairs, partners_editors_and_administrators_are_refused_before_any_table_is_asked)
{
    static const char *const BEHIND[] = {"",       "/moves",    "/meetings",
                                         "/goals", "/feedback", "/outcomes"};
    const char *const tokens[] = {writer_partner(), writer_editor(), writer_admin()};
    struct scene scene;

    begin(&scene, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(tokens); i++) {
        CLEANUP(response_freep) struct response *list = read_as(tokens[i], "/v1/mentoring-pairs");
        CLEANUP(response_freep)
        struct response *moved = move_as(tokens[i], &scene, "accept", "*", NULL);

        expect_problem(list, 403, "forbidden", "the list");
        expect_problem(moved, 403, "forbidden", "a move");
        for (size_t j = 0; j < ARRAY_LENGTH(BEHIND); j++) {
            CLEANUP(response_freep)
            struct response *read = read_as(tokens[i], pair_path(&scene, BEHIND[j]));

            expect_problem(read, 403, "forbidden", BEHIND[j]);
        }
    }
    /* Who may is decided by the route, before its handler has a connection at all. */
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        if (strncmp(ROUTES[i].pattern, "/v1/mentoring-pairs", 19) == 0)
            cr_assert_geq(ROUTES[i].access, ACCESS_MENTORING, "%s", ROUTES[i].name);
    end(&scene);
}

/* Checks Z25. */
Test(pairs, the_partner_is_gone_when_the_pair_has_ended)
{
    static const struct {
        enum pair_state state;
        int profile, contact;
    } ROWS[] = {
        {PAIR_PROPOSED, 200, 404}, {PAIR_ACTIVE, 200, 200},    {PAIR_PAUSED, 200, 404},
        {PAIR_DECLINED, 404, 404}, {PAIR_COMPLETED, 404, 404}, {PAIR_ENDED_EARLY, 404, 404},
    };

    struct scene scene;

    begin(&scene, NULL);
    test_database_run(path_of("insert into mentoring.contact (participant_id, channel, address) "
                              "values ('%s', 'email', 'someone@example.org')",
                              scene.mentee.id));
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *pair = NULL, *profile = NULL, *contact = NULL;

        if (i > 0)
            begin_again(&scene);
        lead_to(&scene, ROWS[i].state);
        profile = read_as(scene.mentor.token, path_of("/v1/mentees/%s", scene.mentee.id));
        contact = read_as(scene.mentor.token, path_of("/v1/mentees/%s/contact", scene.mentee.id));
        pair = read_as(scene.mentor.token, pair_path(&scene, ""));
        expect_status(pair, 200, "the pair itself stays");
        expect_status(profile, ROWS[i].profile, pair_state_name(ROWS[i].state));
        expect_status(contact, ROWS[i].contact, pair_state_name(ROWS[i].state));
        cr_assert_eq(response_at(pair, "/mentee") != NULL, ROWS[i].profile == 200, "%s",
                     pair->body);
        cr_assert_not_null(response_at(pair, "/mentor"), "oneself");
    }
    end(&scene);
}

/* Checks Z25, P9. */
Test(pairs, a_pair_is_over_when_somebody_withdraws_consent)
{
    struct scene scene;
    CLEANUP(response_freep) struct response *pair = NULL, *profile = NULL, *coordinators = NULL;

    begin(&scene, NULL);
    lead_to(&scene, PAIR_ACTIVE);
    test_database_run(path_of("update mentoring.consent set withdrawn_at = now() where purpose = "
                              "'programme' and participant_id = '%s'",
                              scene.mentee.id));
    pair = read_as(scene.mentor.token, pair_path(&scene, ""));
    expect_text(pair, "/state", "ended_early");
    expect_absent(pair, "/mentee");
    expect_absent(pair, "/reason");
    profile = read_as(scene.mentor.token, path_of("/v1/mentees/%s", scene.mentee.id));
    expect_problem(profile, 404, "not-found", "at once");
    coordinators = read_as(mentoring_coordinator(), pair_path(&scene, ""));
    expect_text(coordinators, "/reason", "consent_withdrawn");
    expect_absent(coordinators, "/mentee");
    end(&scene);
}

/* --- lists -------------------------------------------------------------------------------------
 */

static size_t listed(const char *token, const char *query)
{
    CLEANUP(response_freep)
    struct response *list = read_as(token, path_of("/v1/mentoring-pairs?%s", query));

    expect_status(list, 200, query);
    return json_array_size(response_at(list, "/data"));
}

/* Checks P4. */
Test(pairs, lists_show_ones_own_by_filters_page_by_page_and_without_a_total)
{
    struct scene scene;
    struct test_person mentee;
    CLEANUP(response_freep)
    struct response *made = NULL, *first = NULL, *second = NULL, *foreign = NULL, *typo = NULL;

    begin(&scene, NULL);
    mentoring_person("mentees", scene.programme, NULL, &mentee);
    lead_to(&scene, PAIR_ACTIVE);
    made = propose(scene.mentor.id, mentee.id);
    expect_status(made, 201, "another one");
    cr_assert_eq(listed(mentoring_coordinator(), path_of("programme=%s", scene.programme)), 2);
    cr_assert_eq(listed(mentoring_coordinator(),
                        path_of("programme=%s&state=active,paused", scene.programme)),
                 1);
    cr_assert_eq(listed(mentoring_coordinator(), path_of("mentee=%s", mentee.id)), 1);
    cr_assert_eq(listed(mentoring_coordinator(), path_of("mentor=%s&due=true", scene.mentor.id)),
                 0);
    let_pass(path_of("update mentoring.pair set started_at = started_at - interval '7 months', "
                     "accepted_at = accepted_at - interval '7 months', proposed_at = proposed_at - "
                     "interval '7 months', due_at = due_at - interval '7 months' where id = '%s'",
                     scene.pair));
    cr_assert_eq(listed(mentoring_coordinator(), path_of("mentor=%s&due=true", scene.mentor.id)),
                 1);
    cr_assert_eq(listed(mentoring_other_coordinator(), path_of("mentor=%s", scene.mentor.id)), 0);
    cr_assert_eq(listed(scene.mentor.token, "limit=5"), 2);
    cr_assert_eq(listed(scene.mentee.token, "limit=5"), 1);
    cr_assert_eq(listed(mentee.token, "state=active"), 0);
    first = read_as(mentoring_coordinator(),
                    path_of("/v1/mentoring-pairs?programme=%s&limit=1", scene.programme));
    expect_absent(first, "/page/total");
    expect_text(first, "/data/0/id", response_text_at(made, "/id"));
    second = read_as(mentoring_coordinator(),
                     path_of("/v1/mentoring-pairs?programme=%s&limit=1&cursor=%s", scene.programme,
                             response_text_at(first, "/page/next")));
    expect_text(second, "/data/0/id", scene.pair);
    cr_assert(json_is_null(response_at(second, "/page/next")));
    foreign = read_as(mentoring_coordinator(), path_of("/v1/mentoring-pairs?limit=1&cursor=%s",
                                                       response_text_at(first, "/page/next")));
    expect_problem(foreign, 400, "invalid-cursor", "of another filter");
    typo = read_as(mentoring_coordinator(), "/v1/mentoring-pairs?state=activ");
    expect_problem(typo, 400, "invalid-parameter", "a state that there is not");
    cr_assert_not_null(strstr(typo->body, "did you mean 'active'"), "%s", typo->body);
    end(&scene);
}

/* --- the audit log ------------------------------------------------------------------------------
 */

static char *entries_of(const char *request)
{
    return test_database_value(path_of(
        "select string_agg(concat_ws(' ', action, role, record_id), '; ' order by position) "
        "from audit.entry where request_id = '%s'",
        request));
}

/* Checks P12. */
Test(pairs, who_reads_a_pair_is_on_record_also_in_a_list_or_nobody_reads_it)
{
    struct scene scene;
    const char *const headers[] = {"X-Request-Id: pairs-read-1", NULL};
    const char *const others[] = {"X-Request-Id: pairs-read-2", NULL};
    const char *const failing[] = {"X-Request-Id: pairs-fail-1", NULL};
    CLEANUP(response_freep) struct response *read = NULL, *list = NULL, *failed = NULL;
    char *entries;

    begin(&scene, NULL);
    read = http_as(scene.mentor.token, "GET", pair_path(&scene, ""), headers, NULL);
    expect_status(read, 200, "one's own");
    entries = entries_of("pairs-read-1");
    cr_assert_str_eq(entries, path_of("pair.read participant %s", scene.pair));
    free(entries);
    list = http_as(mentoring_coordinator(), "GET",
                   path_of("/v1/mentoring-pairs?programme=%s", scene.programme), others, NULL);
    expect_status(list, 200, "a list");
    entries = entries_of("pairs-read-2");
    cr_assert_str_eq(entries,
                     path_of("pair.read coordinator %s; pair.list coordinator", scene.pair));
    free(entries);
    test_database_run(
        "create function public.fail_audit() returns trigger language plpgsql as "
        "$$ begin raise exception using errcode = '53100'; end $$;"
        "create trigger fail_audit before insert on audit.entry for each row "
        "when (new.request_id = 'pairs-fail-1') execute function public.fail_audit()");
    failed = http_as(mentoring_coordinator(), "GET", pair_path(&scene, ""), failing, NULL);
    cr_assert_eq(failed->status, 503, "%s", failed->body);
    cr_assert_null(strstr(failed->body, scene.mentor.id), "%s", failed->body);
    test_database_run("drop trigger fail_audit on audit.entry");
    end(&scene);
}

/* In the order in which they can be done; MADE: the id that the answer before had. */
static const struct {
    const char *who, *method, *behind, *body;
    int status;
    const char *entry; /* action, role, resource, ID: of the pair */
} DEEDS[] = {
    {"mentor", "POST", "/accept", NULL, 200, "pair.accept participant mentoring-pairs ID 2"},
    {"mentor", "POST", "/accept", NULL, 200, "pair.read participant mentoring-pairs ID 2"},
    {"mentee", "POST", "/accept", NULL, 200, "pair.accept participant mentoring-pairs ID 3"},
    {"coordinator", "POST", "/start", NULL, 200, "pair.start coordinator mentoring-pairs ID 4"},
    {"mentee", "GET", "/moves", NULL, 200, "pair.moves participant mentoring-pairs ID 4"},
    {"mentor", "POST", "/goals", "{\"term\":\"find_job\"}", 201,
     "goal.create participant goals OTHER 1"},
    {"mentor", "PATCH", "/goals/MADE", "{\"progress\":50}", 200,
     "goal.update participant goals OTHER 2"},
    {"mentor", "GET", "/goals", NULL, 200, "goal.list participant mentoring-pairs ID 4"},
    {"mentor", "POST", "/meetings", "{\"starts_at\":\"2099-03-03T17:00:00Z\"}", 201,
     "meeting.create participant meetings OTHER 1"},
    {"mentee", "PATCH", "/meetings/MADE", "{\"duration_minutes\":30}", 200,
     "meeting.update participant meetings OTHER 2 {duration_minutes}"},
    {"mentee", "GET", "/meetings/MADE", NULL, 200, "meeting.read participant meetings OTHER 2"},
    {"mentee", "GET", "/meetings", NULL, 200, "meeting.list participant mentoring-pairs ID 4"},
    {"mentee", "PUT", "/feedback/middle", "{\"satisfaction\":4}", 200,
     "feedback.give participant mentoring-pairs ID 4"},
    {"coordinator", "GET", "/feedback", NULL, 200,
     "feedback.read coordinator mentoring-pairs ID 4"},
    {"coordinator", "POST", "/complete", "{\"reason\":\"time_is_up\"}", 200,
     "pair.complete coordinator mentoring-pairs ID 5"},
    {"coordinator", "POST", "/outcomes", "{\"moment\":\"end\",\"code\":\"job\"}", 201,
     "outcome.note coordinator mentoring-pairs ID 5"},
    {"coordinator", "GET", "/outcomes", NULL, 200, "outcome.list coordinator mentoring-pairs ID 5"},
    {"coordinator", "DELETE", "/outcomes/end/job", NULL, 204,
     "outcome.remove coordinator mentoring-pairs ID 5"},
    {"mentor", "GET", "/meetings/" UNKNOWN_ID, NULL, 404, ""},
};

static void do_deed(const struct scene *scene, size_t i, char made[40])
{
    const char *who = DEEDS[i].who, *behind = DEEDS[i].behind;
    const char *token = strcmp(who, "mentor") == 0   ? scene->mentor.token
                        : strcmp(who, "mentee") == 0 ? scene->mentee.token
                                                     : mentoring_coordinator();
    const char *const headers[] = {path_of("X-Request-Id: pairs-deed-%zu", i), "If-Match: *", NULL};
    const char *place = strstr(behind, "MADE");
    const char *path =
        place == NULL ? pair_path(scene, behind)
                      : pair_path(scene, path_of("%.*s%s", (int)(place - behind), behind, made));
    CLEANUP(response_freep)
    struct response *response = http_as(token, DEEDS[i].method, path, headers, DEEDS[i].body);
    char *entry;

    expect_status(response, DEEDS[i].status, path);
    if (response->status == 201 && response_at(response, "/id") != NULL)
        (void)snprintf(made, 40, "%s", response_text_at(response, "/id"));
    entry = test_database_value(path_of(
        "select coalesce(string_agg(concat_ws(' ', action, role, resource, case when record_id = "
        "'%s' then 'ID' else 'OTHER' end, version, properties), '; ' order by position), '') from "
        "audit.entry where request_id = 'pairs-deed-%zu'",
        scene->pair, i));
    cr_assert_str_eq(entry, DEEDS[i].entry, "%s: %s", path, entry);
    free(entry);
}

/* Checks P12. */
Test(pairs, every_deed_leaves_its_entry_in_the_audit_log)
{
    struct scene scene;
    char made[40] = "";

    begin(&scene, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(DEEDS); i++)
        do_deed(&scene, i, made);
    end(&scene);
}

/* --- meetings -----------------------------------------------------------------------------------
 */

static struct response *plan(const char *token, const struct scene *scene, const char *body)
{
    return write_text(token, "POST", pair_path(scene, "/meetings"), NULL, NULL, body);
}

/* In hours from now; RFC 3339. Good for the next call. */
static const char *in_hours(int hours)
{
    static char text[64];
    char *value = test_database_value(
        path_of("select to_char(now() at time zone 'UTC' + interval '%d hours', "
                "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
                hours));

    (void)snprintf(text, sizeof(text), "%s", value);
    free(value);
    return text;
}

Test(pairs, meetings_are_those_of_an_active_pair)
{
    static const struct {
        enum pair_state state;
        int status;
    } ROWS[] = {{PAIR_PROPOSED, 409}, {PAIR_ACCEPTED, 409},  {PAIR_ACTIVE, 201},
                {PAIR_PAUSED, 409},   {PAIR_COMPLETED, 409}, {PAIR_DECLINED, 409}};

    struct scene scene;

    begin(&scene, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *planned = NULL, *goal = NULL;
        const char *body = path_of("{\"starts_at\":\"%s\"}", in_hours(24));

        if (i > 0)
            begin_again(&scene);
        lead_to(&scene, ROWS[i].state);
        planned = plan(scene.mentee.token, &scene, body);
        expect_status(planned, ROWS[i].status, pair_state_name(ROWS[i].state));
        if (ROWS[i].status == 409)
            expect_text(planned, "/type", "/problems/pair-not-active");
        goal = write_text(scene.mentee.token, "POST", pair_path(&scene, "/goals"), NULL, NULL,
                          "{\"term\":\"business_plan\"}");
        expect_status(goal, ROWS[i].state == PAIR_PAUSED ? 201 : ROWS[i].status,
                      pair_state_name(ROWS[i].state));
    }
    end(&scene);
}

static struct response *change(const char *token, const char *path, const char *etag,
                               const char *body)
{
    return write_text(token, "PATCH", path, etag, NULL, body);
}

Test(pairs, a_meeting_is_planned_moved_and_told_of)
{
    struct scene scene;
    CLEANUP(response_freep)
    struct response *past = NULL, *made = NULL, *early = NULL, *moved = NULL, *held = NULL,
                    *again = NULL, *corrected = NULL, *list = NULL, *reason = NULL, *bare = NULL;
    const char *path;

    begin(&scene, "{\"meetings_per_month\":2,\"meeting_grace_hours\":48}");
    lead_to(&scene, PAIR_ACTIVE);
    past = plan(scene.mentor.token, &scene, path_of("{\"starts_at\":\"%s\"}", in_hours(-3)));
    expect_problem(past, 422, "validation-failed", "planned for yesterday");
    made = plan(scene.mentor.token, &scene,
                path_of("{\"starts_at\":\"%s\",\"duration_minutes\":90,\"format\":\"remote\"}",
                        in_hours(48)));
    expect_status(made, 201, "planned");
    path = pair_path(&scene, path_of("/meetings/%s", response_text_at(made, "/id")));
    cr_assert_not_null(strstr(response_header(made, "Location"), path));
    bare = change(scene.mentee.token, path, NULL, "{\"state\":\"cancelled\"}");
    expect_problem(bare, 428, "precondition-required", "no If-Match");
    early = change(scene.mentee.token, path, "\"v1\"", "{\"state\":\"held\"}");
    expect_problem(early, 422, "validation-failed", "it has not begun");
    reason = change(scene.mentee.token, path, "\"v1\"", "{\"reason\":\"illness\"}");
    expect_problem(reason, 422, "validation-failed", "a reason for nothing");
    moved = change(scene.mentee.token, path, "\"v1\"",
                   path_of("{\"starts_at\":\"%s\",\"format\":null}", in_hours(24)));
    expect_status(moved, 200, "moved");
    expect_absent(moved, "/format");
    cr_assert_str_eq(response_header(moved, "ETag"), "\"v2\"");
    let_pass(path_of("update mentoring.meeting set starts_at = date_trunc('second', now() - "
                     "interval '2 hours') where "
                     "pair_id = '%s'",
                     scene.pair));
    held = change(scene.mentee.token, path, "\"v2\"", "{\"state\":\"held\"}");
    expect_status(held, 200, "held");
    again = change(scene.mentor.token, path, "\"v3\"",
                   "{\"state\":\"missed\",\"reason\":\"mentee_absent\"}");
    expect_problem(again, 409, "invalid-transition", "it was said");
    corrected = change(mentoring_coordinator(), path, "\"v3\"",
                       "{\"state\":\"missed\",\"reason\":\"mentee_absent\"}");
    expect_status(corrected, 200, "by a coordinator");
    let_pass(path_of("update mentoring.pair set started_at = started_at - interval '61 days', "
                     "accepted_at = accepted_at - interval '61 days', proposed_at = proposed_at - "
                     "interval '61 days' where id = '%s'",
                     scene.pair));
    list = read_as(scene.mentee.token, pair_path(&scene, "/meetings?state=missed"));
    cr_assert_eq(json_array_size(response_at(list, "/data")), 1, "%s", list->body);
    cr_assert_eq(json_integer_value(response_at(list, "/progress/missed")), 1);
    cr_assert_eq(json_integer_value(response_at(list, "/progress/held")), 0);
    cr_assert_eq(json_integer_value(response_at(list, "/progress/expected")), 4, "%s", list->body);
    end(&scene);
}

/* Checks Z4. */
Test(pairs, a_meeting_is_found_under_its_own_pair_alone)
{
    struct scene scene, other;
    CLEANUP(response_freep) struct response *made = NULL, *read = NULL, *changed = NULL;
    const char *path;

    begin(&scene, NULL);
    begin(&other, NULL);
    lead_to(&scene, PAIR_ACTIVE);
    lead_to(&other, PAIR_ACTIVE);
    made = plan(mentoring_coordinator(), &scene, path_of("{\"starts_at\":\"%s\"}", in_hours(24)));
    expect_status(made, 201, "planned");
    path = pair_path(&other, path_of("/meetings/%s", response_text_at(made, "/id")));
    read = read_as(mentoring_coordinator(), path);
    expect_problem(read, 404, "not-found", "under another pair");
    changed = change(mentoring_coordinator(), path, "*", "{\"state\":\"cancelled\"}");
    expect_problem(changed, 404, "not-found", "under another pair");
    end(&scene);
    end(&other);
}

Test(pairs, the_end_of_a_pair_cancels_its_meetings_and_leaves_the_past_to_the_coordinator)
{
    struct scene scene;
    CLEANUP(response_freep)
    struct response *coming = NULL, *past = NULL, *shown = NULL, *mine = NULL, *told = NULL;
    const char *path;

    begin(&scene, NULL);
    lead_to(&scene, PAIR_ACTIVE);
    coming = plan(scene.mentor.token, &scene, path_of("{\"starts_at\":\"%s\"}", in_hours(24)));
    past = plan(scene.mentor.token, &scene, path_of("{\"starts_at\":\"%s\"}", in_hours(1)));
    expect_status(past, 201, "planned");
    let_pass(path_of("update mentoring.meeting set starts_at = date_trunc('second', now() - "
                     "interval '2 hours') where "
                     "id = '%s'",
                     response_text_at(past, "/id")));
    move(scene.mentee.token, &scene, "end", "{\"reason\":\"moved_away\"}");
    shown = read_as(scene.mentor.token,
                    pair_path(&scene, path_of("/meetings/%s", response_text_at(coming, "/id"))));
    expect_text(shown, "/state", "cancelled");
    expect_text(shown, "/reason", "pair_ended");
    path = pair_path(&scene, path_of("/meetings/%s", response_text_at(past, "/id")));
    mine = change(scene.mentor.token, path, "*", "{\"state\":\"held\"}");
    expect_problem(mine, 409, "pair-not-active", "it is over");
    told = change(mentoring_coordinator(), path, "*", "{\"state\":\"held\"}");
    expect_status(told, 200, "by a coordinator");
    end(&scene);
}

/* --- goals, feedback, outcomes ------------------------------------------------------------------
 */

Test(pairs, goals_have_progress_and_each_is_set_once)
{
    struct scene scene;
    CLEANUP(response_freep)
    struct response *made = NULL, *twice = NULL, *changed = NULL, *stale = NULL, *reached = NULL,
                    *half = NULL, *list = NULL;
    const char *path;

    begin(&scene, NULL);
    lead_to(&scene, PAIR_ACTIVE);
    made = write_text(scene.mentee.token, "POST", pair_path(&scene, "/goals"), NULL, NULL,
                      "{\"term\":\"business_plan\",\"progress\":10}");
    expect_status(made, 201, "a goal");
    twice = write_text(scene.mentor.token, "POST", pair_path(&scene, "/goals"), NULL, NULL,
                       "{\"term\":\"business_plan\"}");
    expect_problem(twice, 422, "validation-failed", "the same one");
    expect_error(twice, "/term", "taken", "the same one");
    path = pair_path(&scene, path_of("/goals/%s", response_text_at(made, "/id")));
    changed = change(scene.mentor.token, path, "\"v1\"", "{\"progress\":60}");
    expect_status(changed, 200, "progress");
    stale = change(scene.mentee.token, path, "\"v1\"", "{\"progress\":70}");
    expect_problem(stale, 412, "precondition-failed", "somebody was faster");
    half = change(scene.mentee.token, path, "\"v2\"", "{\"state\":\"reached\",\"progress\":70}");
    expect_error(half, "/progress", "out-of-range", "reached is whole");
    reached = change(scene.mentee.token, path, "\"v2\"", "{\"state\":\"reached\"}");
    expect_status(reached, 200, "reached");
    cr_assert_eq(json_integer_value(response_at(reached, "/progress")), 100);
    list = read_as(mentoring_coordinator(), pair_path(&scene, "/goals"));
    expect_text(list, "/data/0/state", "reached");
    end(&scene);
}

static struct response *say(const char *token, const struct scene *scene, const char *moment,
                            const char *body)
{
    return write_text(token, "PUT", pair_path(scene, path_of("/feedback/%s", moment)), NULL, NULL,
                      body);
}

Test(pairs, feedback_is_between_each_side_and_the_coordinator)
{
    struct scene scene;
    CLEANUP(response_freep)
    struct response *early = NULL, *middle = NULL, *other = NULL, *changed = NULL, *late = NULL,
                    *mine = NULL, *both = NULL, *never = NULL, *wrong = NULL, *forbidden = NULL;

    begin(&scene, NULL);
    early = say(scene.mentee.token, &scene, "middle", "{\"satisfaction\":4}");
    expect_problem(early, 409, "not-due", "nothing has begun");
    lead_to(&scene, PAIR_ACTIVE);
    middle =
        say(scene.mentee.token, &scene, "middle", "{\"satisfaction\":2,\"would_repeat\":false}");
    expect_status(middle, 200, "in the middle");
    other = say(scene.mentor.token, &scene, "middle", "{\"satisfaction\":5,\"usefulness\":5}");
    expect_status(other, 200, "in the middle");
    changed = say(scene.mentee.token, &scene, "middle", "{\"satisfaction\":3}");
    expect_status(changed, 200, "on second thoughts");
    expect_absent(changed, "/would_repeat");
    wrong = say(scene.mentee.token, &scene, "middle", "{\"satisfaction\":6}");
    expect_problem(wrong, 422, "validation-failed", "off the scale");
    late = say(scene.mentee.token, &scene, "end", "{\"satisfaction\":3}");
    expect_problem(late, 409, "not-due", "it lasts");
    never = say(scene.mentee.token, &scene, "sometime", "{\"satisfaction\":3}");
    expect_problem(never, 404, "not-found", "no such moment");
    forbidden = say(mentoring_coordinator(), &scene, "middle", "{\"satisfaction\":3}");
    expect_problem(forbidden, 403, "forbidden", "nobody says it for them");
    mine = read_as(scene.mentee.token, pair_path(&scene, "/feedback"));
    cr_assert_eq(json_array_size(response_at(mine, "/data")), 1, "%s", mine->body);
    expect_text(mine, "/data/0/side", "mentee");
    both = read_as(mentoring_coordinator(), pair_path(&scene, "/feedback"));
    cr_assert_eq(json_array_size(response_at(both, "/data")), 2, "%s", both->body);
    end(&scene);
}

static struct response *note(const struct scene *scene, const char *moment, const char *code)
{
    return write_text(mentoring_coordinator(), "POST", pair_path(scene, "/outcomes"), NULL, NULL,
                      path_of("{\"moment\":\"%s\",\"code\":\"%s\"}", moment, code));
}

Test(pairs, outcomes_are_noted_when_their_time_has_come)
{
    struct scene scene;
    CLEANUP(response_freep)
    struct response *early = NULL, *made = NULL, *again = NULL, *alone = NULL, *months = NULL,
                    *due = NULL, *list = NULL, *removed = NULL, *gone = NULL, *end_said = NULL;

    begin(&scene, NULL);
    lead_to(&scene, PAIR_ACTIVE);
    early = note(&scene, "end", "job");
    expect_problem(early, 409, "not-due", "it lasts");
    move(mentoring_coordinator(), &scene, "complete", "{\"reason\":\"time_is_up\"}");
    made = note(&scene, "end", "job");
    expect_status(made, 201, "at the end");
    again = note(&scene, "end", "job");
    expect_status(again, 200, "noted already");
    alone = note(&scene, "end", "none");
    expect_error(alone, "/code", "not-allowed", "nothing, and a job");
    months = note(&scene, "months_3", "training");
    expect_problem(months, 409, "not-due", "in three months");
    let_pass(
        path_of("update mentoring.pair set ended_at = ended_at - interval '4 months', started_at "
                "= started_at - interval '4 months', accepted_at = accepted_at - interval '4 "
                "months', proposed_at = proposed_at - interval '4 months' where id = '%s'",
                scene.pair));
    due = note(&scene, "months_3", "training");
    expect_status(due, 201, "three months have passed");
    end_said = say(scene.mentee.token, &scene, "end", "{\"satisfaction\":5}");
    expect_status(end_said, 200, "at the end");
    list = read_as(scene.mentee.token, pair_path(&scene, "/outcomes"));
    cr_assert_eq(json_array_size(response_at(list, "/data")), 2, "%s", list->body);
    removed = write_text(mentoring_coordinator(), "DELETE", pair_path(&scene, "/outcomes/end/job"),
                         NULL, NULL, NULL);
    expect_status(removed, 204, "by mistake");
    gone = write_text(mentoring_coordinator(), "DELETE", pair_path(&scene, "/outcomes/end/job"),
                      NULL, NULL, NULL);
    expect_problem(gone, 404, "not-found", "it is gone");
    end(&scene);
}

/* --- what time does -----------------------------------------------------------------------------
 */

Test(pairs, what_nobody_answers_in_time_expires_and_what_nobody_tells_of_is_overdue)
{
    struct scene waiting, accepted, active;
    CLEANUP(response_freep)
    struct response *meeting = NULL, *shown = NULL, *list = NULL, *held = NULL, *still = NULL,
                    *late = NULL;
    char *entries;

    begin(&waiting, NULL);
    begin(&accepted, NULL);
    begin(&active, "{\"meeting_grace_hours\":2}");
    lead_to(&accepted, PAIR_ACCEPTED);
    lead_to(&active, PAIR_ACTIVE);
    meeting = plan(active.mentor.token, &active, path_of("{\"starts_at\":\"%s\"}", in_hours(1)));
    expect_status(meeting, 201, "planned");
    keep_house();
    still = read_as(mentoring_coordinator(), pair_path(&waiting, ""));
    expect_text(still, "/state", "proposed");
    let_pass(
        path_of("update mentoring.pair set respond_by = now() - interval '1 minute' where id in "
                "('%s', '%s', '%s')",
                waiting.pair, accepted.pair, active.pair));
    let_pass(
        path_of("update mentoring.meeting set starts_at = now() - interval '5 hours', answer_by "
                "= now() - interval '1 hour' where pair_id = '%s'",
                active.pair));
    keep_house();
    keep_house(); /* once is enough */
    late = read_as(mentoring_coordinator(), pair_path(&waiting, ""));
    shown = read_as(mentoring_coordinator(), pair_path(&accepted, ""));
    expect_text(shown, "/state", "expired");
    expect_text(shown, "/reason", "no_answer");
    expect_text(late, "/state", "expired");
    entries = test_database_value(path_of(
        "select string_agg(concat_ws(' ', m.from_state, m.actor, e.role, e.version), '; ') from "
        "mentoring.pair_move m join audit.entry e on e.record_id = m.pair_id and e.action = "
        "'pair.expire' where m.move = 'expire' and m.pair_id in ('%s', '%s')",
        accepted.pair, active.pair));
    cr_assert_str_eq(entries, "accepted service service 4");
    free(entries);
    list = read_as(active.mentee.token, pair_path(&active, "/meetings?overdue=true"));
    cr_assert_not_null(response_at(list, "/data/0/overdue_since"), "%s", list->body);
    cr_assert_eq(json_integer_value(response_at(list, "/progress/overdue")), 1);
    held = change(active.mentee.token,
                  pair_path(&active, path_of("/meetings/%s", response_text_at(meeting, "/id"))),
                  "*", "{\"state\":\"held\"}");
    expect_status(held, 200, "late, and told");
    expect_absent(held, "/overdue_since");
    end(&waiting);
    end(&accepted);
    end(&active);
}

/* --- the second wall -----------------------------------------------------------------------------
 */

static struct db_pool *pool;
static struct db *db;

/* A transaction of somebody, as a handler would begin it. */
static void act_as(const char *role, const char *organisation, const char *subject)
{
    cr_assert_eq(db_begin(db), 0);
    (void)sql_value(db,
                    "select set_config('express.role', '%s', true) || "
                    "set_config('express.organisation', '%s', true) || "
                    "set_config('express.subject', '%s', true) || "
                    "set_config('express.caller', 'test', true)",
                    role, organisation, subject);
}

/* The database says no, or finds nothing to do it with. */
static void expect_refused(const char *why, const char *sql)
{
    int r = db_run_script(db, sql);

    if (r == 0)
        r = db_run_script(db, "set constraints all immediate");
    cr_assert(r == DB_CHECK_VIOLATION || r == DB_FORBIDDEN || r == DB_FOREIGN_KEY_VIOLATION ||
                  r == DB_UNIQUE_VIOLATION,
              "%s: %d %s %s", why, r, db_sqlstate(db), db_constraint(db));
}

static char *owner_of(const struct scene *scene)
{
    return test_database_value(
        path_of("select owner_id from catalogue.record where id = '%s'", scene->programme));
}

static char *subject_of(const char *person)
{
    return test_database_value(
        path_of("select subject from mentoring.participant where id = '%s'", person));
}

/* What a handler that has lost its head might write, on an active pair; %s is the pair. */
static const struct {
    const char *why, *role, *sql;
} WRITES[] = {
    {"a pair that begins in the middle", "coordinator",
     "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, respond_by, state, "
     "mentor_accepted_at, mentee_accepted_at, accepted_at, started_at) select gen_random_uuid(), "
     "programme_id, mentor_id, mentee_id, now(), 'active', now(), now(), now(), now() "
     "from mentoring.pair where id = '%s'"},
    {"a second pair of the mentee", "coordinator",
     "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, respond_by) select "
     "gen_random_uuid(), programme_id, mentor_id, mentee_id, now() from mentoring.pair "
     "where id = '%s'"},
    {"a pair of one", "coordinator",
     "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, respond_by) select "
     "gen_random_uuid(), programme_id, mentor_id, mentor_id, now() from mentoring.pair "
     "where id = '%s'"},
    {"a pair of nobody", "coordinator",
     "insert into mentoring.pair (id, programme_id, mentee_id, mentor_subject, respond_by) select "
     "gen_random_uuid(), programme_id, mentee_id, mentor_subject, now() from mentoring.pair "
     "where id = '%s'"},
    {"a proposal by a side", "participant",
     "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, respond_by) select "
     "gen_random_uuid(), programme_id, mentor_id, mentee_id, now() from mentoring.pair "
     "where id = '%s'"},
    {"back to the beginning", "coordinator",
     "update mentoring.pair set state = 'proposed', version = version + 1 where id = '%s'"},
    {"a move without its row in the history", "coordinator",
     "update mentoring.pair set state = 'paused', paused_at = now(), reason = 'other', version = "
     "version + 1 where id = '%s'"},
    {"a reason that there is not", "coordinator",
     "update mentoring.pair set state = 'paused', paused_at = now(), reason = 'because', version = "
     "version + 1 where id = '%s'"},
    {"the service's reason", "coordinator",
     "update mentoring.pair set state = 'ended_early', ended_at = now(), reason = "
     "'consent_withdrawn', version = version + 1 where id = '%s'"},
    {"no end without its time", "coordinator",
     "update mentoring.pair set state = 'completed', reason = 'time_is_up', version = version + 1 "
     "where id = '%s'"},
    {"completed by a side", "participant",
     "update mentoring.pair set state = 'completed', ended_at = now(), reason = 'time_is_up', "
     "version = version + 1 where id = '%s'"},
    {"another partner", "coordinator",
     "update mentoring.pair set mentor_id = (select id from mentoring.participant where kind = "
     "'mentor' and id <> mentor_id limit 1), version = version + 1 where id = '%s'"},
    {"nobody instead of somebody", "coordinator",
     "update mentoring.pair set mentor_id = null where id = '%s'"},
    {"a version left out", "coordinator",
     "update mentoring.pair set state = 'paused', paused_at = now(), reason = 'other', version = "
     "version + 2 where id = '%s'"},
    {"more time to answer", "coordinator",
     "update mentoring.pair set respond_by = now() + interval '1 year', version = version + 1 "
     "where id = '%s'"},
    {"a row of history for nothing", "participant",
     "insert into mentoring.pair_move (pair_id, version, move, to_state, actor, at) select id, "
     "version + 1, 'end', 'ended_early', 'mentor', now() from mentoring.pair where id = '%s'"},
    {"history that somebody else made", "participant",
     "update mentoring.pair set state = 'paused', paused_at = now(), reason = 'other', version = "
     "version + 1 where id = '%s'; insert into mentoring.pair_move (pair_id, version, move, "
     "from_state, to_state, actor, reason, at) select id, version, 'pause', 'active', 'paused', "
     "'mentee', 'other', now() from mentoring.pair where state = 'paused'"},
    {"history rewritten", "coordinator",
     "update mentoring.pair_move set reason = null where pair_id = '%s'"},
    {"a pair deleted", "coordinator", "delete from mentoring.pair where id = '%s'"},
    {"a meeting told of before it began", "coordinator",
     "insert into mentoring.meeting (id, pair_id, state, starts_at) values (gen_random_uuid(), "
     "'%s', 'held', now() + interval '1 day')"},
    {"feedback of the other side", "participant",
     "insert into mentoring.feedback (pair_id, side, moment, satisfaction) values ('%s', 'mentee', "
     "'middle', 5)"},
    {"feedback by a coordinator", "coordinator",
     "insert into mentoring.feedback (pair_id, side, moment, satisfaction) values ('%s', 'mentee', "
     "'middle', 5)"},
    {"an outcome before the end", "coordinator",
     "insert into mentoring.outcome (pair_id, moment, code) values ('%s', 'end', 'job')"},
    {"an outcome by a side", "participant",
     "insert into mentoring.outcome (pair_id, moment, code) values ('%s', 'end', 'job')"},
};

/* Checks Z16, Z17, V22. */
Test(pairs, the_database_itself_keeps_the_rules)
{
    struct scene scene;
    char *organisation, *mentor;

    begin(&scene, NULL);
    lead_to(&scene, PAIR_ACTIVE);
    organisation = owner_of(&scene);
    mentor = subject_of(scene.mentor.id);
    pool = sql_pool("express_writer", NULL);
    cr_assert_eq(db_lease(pool, &db), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(WRITES); i++) {
        const bool is_coordinator = strcmp(WRITES[i].role, "coordinator") == 0;
        struct text sql;

        text_init(&sql, TEXT_BYTES);
        for (const char *at = WRITES[i].sql; *at != '\0'; at++) {
            if (strncmp(at, "%s", 2) == 0)
                text_append(&sql, scene.pair), at++;
            else
                text_append_char(&sql, *at);
        }
        act_as(WRITES[i].role, is_coordinator ? organisation : "", is_coordinator ? "" : mentor);
        expect_refused(WRITES[i].why, sql.bytes);
        db_rollback(db);
        text_deinit(&sql);
    }
    db_release(db);
    db_pool_free(pool);
    free(organisation);
    free(mentor);
    end(&scene);
}

/* Checks Z14, Z16, Z22. */
Test(pairs, whatever_a_statement_asks_others_see_and_change_nothing)
{
    static const char *const TABLES[] = {"pair", "pair_move", "meeting",
                                         "goal", "feedback",  "outcome"};
    struct scene scene, other;
    char *elsewhere, *subject, *organisation;

    begin(&scene, NULL);
    begin(&other, NULL);
    lead_to(&scene, PAIR_ACTIVE);
    CLEANUP(response_freep)
    struct response *meeting =
        plan(scene.mentor.token, &scene, path_of("{\"starts_at\":\"%s\"}", in_hours(24)));
    CLEANUP(response_freep)
    struct response *said = say(scene.mentor.token, &scene, "middle", "{\"satisfaction\":1}");
    expect_status(meeting, 201, "a meeting");
    expect_status(said, 200, "feedback");
    elsewhere = test_database_value("select id from catalogue.record where resource = "
                                    "'organisations' and slug = '" OTHER_ORGANISATION "'");
    subject = subject_of(other.mentor.id);
    organisation = owner_of(&scene);
    pool = sql_pool("express_writer", NULL);
    cr_assert_eq(db_lease(pool, &db), 0);
    {
        const char *const callers[][3] = {
            {"coordinator", elsewhere, ""}, {"participant", "", subject},
            {"partner", organisation, ""},  {"editor", "", ""},
            {"admin", organisation, ""},    {"anonymous", "", ""},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(callers); i++) {
            act_as(callers[i][0], callers[i][1], callers[i][2]);
            for (size_t j = 0; j < ARRAY_LENGTH(TABLES); j++)
                cr_assert_str_eq(sql_value(db, "select count(*) from mentoring.%s where %s = '%s'",
                                           TABLES[j], j == 0 ? "id" : "pair_id", scene.pair),
                                 "0", "%s as %s", TABLES[j], callers[i][0]);
            cr_assert_str_eq(
                sql_value(db,
                          "with changed as (update mentoring.pair set version = version "
                          "+ 1 where id = '%s' returning 1) select count(*) from changed",
                          scene.pair),
                "0", "%s", callers[i][0]);
            db_rollback(db);
        }
        /* The other side of the pair, on what is not its own. */
        free(subject);
        subject = subject_of(scene.mentee.id);
        act_as("participant", "", subject);
        cr_assert_str_eq(sql_value(db, "select count(*) from mentoring.feedback"), "0");
        cr_assert_str_eq(sql_value(db, "select count(*) from mentoring.pair"), "1");
        db_rollback(db);
    }
    db_release(db);
    db_pool_free(pool);
    free(elsewhere);
    free(subject);
    free(organisation);
    end(&scene);
    end(&other);
}
