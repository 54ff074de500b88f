/*
 * Pairs of mentors and mentees over HTTP: their life, from the proposal to the end, and their
 * lists. What belongs to them is in test_pair_parts.c, who is told of them in test_pair_privacy.c,
 * what many at once come to in test_pair_races.c.
 */
#include "base/annotate.h"
#include "base/arena.h"
#include "base/text.h"
#include "db/db.h"
#include "mentoring/pair.h"
#include "mentoring/pair_store.h"
#include "support/contract.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/mentoring.h"
#include "support/scene.h"
#include "support/server.h"
#include "support/sql.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(pairs, .fini = test_ends_without_leaks, .timeout = 240);

#define UNKNOWN_ID "01997b2c-9a40-7c13-8f5e-2b6d1c0e0000"
#define TEXT_BYTES 32768

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
    CLEANUP(response_freep) struct response *shown = read_as(token, scene_path(scene, ""));
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
        struct response *moved = scene_move_as(
            token, scene, path_of("%s?dry_run=true", pair_move_name(name)), "*",
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

    scene_begin(&scene, NULL);
    for (enum pair_state state = PAIR_PROPOSED; state < PAIR_EXPIRED; state++) {
        if (state != PAIR_PROPOSED)
            scene_begin_again(&scene);
        scene_lead_to(&scene, state);
        check_moves(&scene, state, PAIR_COORDINATOR, mentoring_coordinator());
        if (state != PAIR_ACCEPTED && state != PAIR_COMPLETED)
            check_moves(&scene, state, PAIR_MENTOR, scene.mentor.token);
        if (state == PAIR_PROPOSED || state == PAIR_PAUSED)
            check_moves(&scene, state, PAIR_MENTEE, scene.mentee.token);
    }
    scene_end(&scene);
}

/* --- from the proposal to the end ------------------------------------------------------------- */

static void check_moves_told(const struct scene *scene)
{
    static const char *const MOVES[] = {"propose coordinator", "accept mentor", "accept mentee",
                                        "start coordinator",   "pause mentee",  "resume mentor",
                                        "complete coordinator"};
    CLEANUP(response_freep)
    struct response *first = read_as(mentoring_coordinator(), scene_path(scene, "/moves?limit=4"));
    CLEANUP(response_freep) struct response *second = NULL;

    expect_status(first, 200, "moves");
    second = read_as(mentoring_coordinator(),
                     scene_path(scene, path_of("/moves?limit=4&cursor=%s",
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

    scene_begin(&scene, "{\"duration_months\":6,\"response_days\":10}");
    accepted = scene_move_as(scene.mentor.token, &scene, "accept",
                             scene_etag(scene.mentor.token, scene_path(&scene, "")), NULL);
    expect_status(accepted, 200, "one side");
    expect_text(accepted, "/state", "proposed");
    expect_text(accepted, "/side", "mentor");
    cr_assert_str_eq(response_header(accepted, "ETag"),
                     scene_etag(scene.mentor.token, scene_path(&scene, "")));
    scene_move(scene.mentee.token, &scene, "accept", NULL);
    scene_move(mentoring_coordinator(), &scene, "start", NULL);
    scene_move(scene.mentee.token, &scene, "pause", "{\"reason\":\"illness\"}");
    scene_move(scene.mentor.token, &scene, "resume", NULL);
    done = scene_move_as(mentoring_coordinator(), &scene, "complete",
                         scene_etag(mentoring_coordinator(), scene_path(&scene, "")),
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
    scene_end(&scene);
}

Test(pairs, what_somebody_gives_as_a_reason_is_between_that_side_and_the_coordinator)
{
    struct scene scene;
    CLEANUP(response_freep) struct response *mine = NULL, *other = NULL, *moves = NULL;
    CLEANUP(response_freep) struct response *coordinators = NULL;

    scene_begin(&scene, NULL);
    scene_lead_to(&scene, PAIR_ACTIVE);
    scene_move(scene.mentee.token, &scene, "pause", "{\"reason\":\"illness\"}");
    mine = read_as(scene.mentee.token, scene_path(&scene, ""));
    expect_text(mine, "/reason", "illness");
    coordinators = read_as(mentoring_coordinator(), scene_path(&scene, ""));
    expect_text(coordinators, "/reason", "illness");
    other = read_as(scene.mentor.token, scene_path(&scene, ""));
    expect_absent(other, "/reason");
    moves = read_as(scene.mentor.token, scene_path(&scene, "/moves"));
    cr_assert_null(strstr(moves->body, "illness"), "%s", moves->body);
    scene_end(&scene);
}

/* --- conditions, and the same once more --------------------------------------------------------
 */

Test(pairs, a_move_is_for_the_version_that_was_read_and_just_made_is_made)
{
    struct scene scene;
    CLEANUP(response_freep)
    struct response *bare = NULL, *stale = NULL, *first = NULL, *again = NULL, *keyed = NULL,
                    *replayed = NULL;
    const char *etag, *coordinators;

    scene_begin(&scene, NULL);
    etag = scene_etag(scene.mentor.token, scene_path(&scene, ""));
    bare = scene_move_as(scene.mentor.token, &scene, "accept", NULL, NULL);
    expect_problem(bare, 428, "precondition-required", "no If-Match");
    cr_assert_str_eq(response_header(bare, "ETag"), etag);
    stale = scene_move_as(scene.mentor.token, &scene, "accept", "\"7-of-another-version\"", NULL);
    expect_problem(stale, 412, "precondition-failed", "another version");
    cr_assert_str_eq(response_header(stale, "ETag"), etag);
    first = scene_move_as(scene.mentor.token, &scene, "accept", etag, NULL);
    expect_status(first, 200, "accepted");
    again = scene_move_as(scene.mentor.token, &scene, "accept", etag, NULL);
    expect_status(again, 200, "and asked again, as no answer came");
    cr_assert_str_eq(again->body, first->body);
    coordinators = scene_etag(mentoring_coordinator(), scene_path(&scene, ""));
    keyed = write_text(mentoring_coordinator(), "POST", scene_path(&scene, "/accept"), coordinators,
                       "pairs-key-1", "{\"side\":\"mentee\"}");
    expect_status(keyed, 200, "with a key");
    replayed = write_text(mentoring_coordinator(), "POST", scene_path(&scene, "/accept"),
                          coordinators, "pairs-key-1", "{\"side\":\"mentee\"}");
    expect_status(replayed, 200, "with the same key");
    cr_assert_str_eq(response_header(replayed, "Idempotency-Replayed"), "true");
    cr_assert_eq(count_rows(path_of("select count(*) from mentoring.pair_move where pair_id = '%s'",
                                    scene.pair)),
                 3);
    scene_end(&scene);
}

/* Of the pair, a meeting and a goal of it: what each has for whoever reads it. */
static void collect_etags(const struct scene *scene, const char *meeting, const char *goal,
                          const char *etags[5])
{
    etags[0] = scene_etag(mentoring_coordinator(), scene_path(scene, ""));
    etags[1] = scene_etag(scene->mentor.token, scene_path(scene, ""));
    etags[2] = scene_etag(scene->mentee.token, scene_path(scene, ""));
    etags[3] = scene_etag(scene->mentee.token, scene_path(scene, path_of("/meetings/%s", meeting)));
    etags[4] = scene_etag(scene->mentee.token, scene_path(scene, path_of("/goals/%s", goal)));
}

Test(pairs, an_etag_is_that_of_what_one_viewer_is_shown_of_one_pair)
{
    struct scene scenes[2];
    const char *etags[11];
    CLEANUP(response_freep) struct response *taken = NULL, *erased = NULL, *shown = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(scenes); i++) {
        CLEANUP(response_freep) struct response *meeting = NULL, *goal = NULL;

        scene_begin(&scenes[i], NULL);
        scene_lead_to(&scenes[i], PAIR_ACTIVE);
        meeting = scene_plan(scenes[i].mentee.token, &scenes[i],
                             path_of("{\"starts_at\":\"%s\"}", scene_in_hours(24)));
        goal = write_text(scenes[i].mentee.token, "POST", scene_path(&scenes[i], "/goals"), NULL,
                          NULL, "{\"term\":\"business_plan\"}");
        collect_etags(&scenes[i], response_text_at(meeting, "/id"), response_text_at(goal, "/id"),
                      etags + i * 5);
    }
    taken = scene_move_as(scenes[0].mentor.token, &scenes[0], "pause", etags[0],
                          "{\"reason\":\"travel\"}");
    expect_problem(taken, 412, "precondition-failed", "what somebody else is shown");
    scene_move(mentoring_coordinator(), &scenes[0], "end", "{\"reason\":\"other\"}");
    etags[10] = scene_etag(mentoring_coordinator(), scene_path(&scenes[0], ""));
    for (size_t i = 0; i < ARRAY_LENGTH(etags); i++)
        for (size_t j = 0; j < i; j++)
            cr_assert_str_neq(etags[i], etags[j], "%zu and %zu", i, j);
    /* The version stays; what is shown does not, and is not kept by whoever asks again. */
    erased = write_text(mentoring_coordinator(), "POST",
                        path_of("/v1/mentees/%s/erase", scenes[0].mentee.id), NULL, NULL, NULL);
    expect_status(erased, 200, "erased");
    shown = http_as(mentoring_coordinator(), "GET", scene_path(&scenes[0], ""),
                    (const char *const[]){path_of("If-None-Match: %s", etags[10]), NULL}, NULL);
    expect_status(shown, 200, "without the mentee");
    expect_absent(shown, "/mentee");
    scene_end(&scenes[0]);
    scene_end(&scenes[1]);
}

Test(pairs, a_proposal_with_a_key_is_made_once)
{
    struct scene scene;
    struct test_person mentee;
    CLEANUP(response_freep) struct response *made = NULL, *again = NULL;
    const char *body;

    scene_begin(&scene, NULL);
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
    scene_end(&scene);
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

    scene_begin(&scene, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *refused =
            scene_move_as(mentoring_coordinator(), &scene, ROWS[i].move, "*", ROWS[i].body);

        expect_problem(refused, 422, "validation-failed", ROWS[i].move);
        cr_assert_not_null(strstr(refused->body, ROWS[i].pointer), "%s", refused->body);
        if (ROWS[i].code != NULL) /* others are the schema's */
            expect_error(refused, ROWS[i].pointer, ROWS[i].code, ROWS[i].move);
    }
    CLEANUP(response_freep)
    struct response *other =
        scene_move_as(scene.mentor.token, &scene, "accept", "*", "{\"side\":\"mentee\"}");
    expect_problem(other, 422, "validation-failed", "for the other side");
    expect_error(other, "/side", "not-allowed", "for the other side");
    CLEANUP(response_freep)
    struct response *many = scene_move_as(scene.mentor.token, &scene, "decline", "*",
                                          "{\"side\":\"mentee\",\"state\":\"declined\"}");
    expect_error(many, "/side", "not-allowed", "all at once");
    expect_error(many, "/reason", "required", "all at once");
    cr_assert_not_null(strstr(many->body, "/state"), "%s", many->body);
    scene_end(&scene);
}

/* As of all records: there is none, no If-Match, another one, the body, the state. */
Test(pairs, what_is_wrong_with_a_move_is_told_in_the_order_of_all_changes)
{
    static const char WRONG[] = "{\"reason\":\"none\"}";
    struct scene scene;
    CLEANUP(response_freep)
    struct response *nowhere = NULL, *bare = NULL, *stale = NULL, *wrong = NULL, *late = NULL;
    const char *etag;

    scene_begin(&scene, NULL);
    etag = scene_etag(scene.mentor.token, scene_path(&scene, ""));
    nowhere = write_text(scene.mentor.token, "POST", "/v1/mentoring-pairs/" UNKNOWN_ID "/pause",
                         NULL, NULL, WRONG);
    expect_problem(nowhere, 404, "not-found", "of no pair");
    bare = scene_move_as(scene.mentor.token, &scene, "pause", NULL, WRONG);
    expect_problem(bare, 428, "precondition-required", "though the body is wrong");
    stale = scene_move_as(scene.mentor.token, &scene, "pause", "\"1-another\"", WRONG);
    expect_problem(stale, 412, "precondition-failed", "though the body is wrong");
    cr_assert_str_eq(response_header(stale, "ETag"), etag);
    wrong = scene_move_as(scene.mentor.token, &scene, "pause", etag, WRONG);
    expect_problem(wrong, 422, "validation-failed", "though it cannot pause");
    late = scene_move_as(scene.mentor.token, &scene, "pause", etag, "{\"reason\":\"travel\"}");
    expect_problem(late, 409, "invalid-transition", "it cannot pause");
    scene_end(&scene);
}

/* --- who cannot be proposed --------------------------------------------------------------------
 */

/* Checks Z3. */
Test(pairs, people_of_others_are_people_that_there_are_not)
{
    static const char *const IDS[] = {UNKNOWN_ID, NULL};
    struct scene scene, other;
    char *first = NULL;

    scene_begin(&scene, NULL);
    scene_begin(&other, NULL);
    /* The programme of the other scene goes to another organisation. */
    test_database_run(path_of("update catalogue.record set owner_id = (select id from "
                              "catalogue.record where resource = 'organisations' and slug = '%s') "
                              "where id = '%s'",
                              OTHER_ORGANISATION, other.programme));
    for (size_t i = 0; i < ARRAY_LENGTH(IDS); i++) {
        CLEANUP(response_freep)
        struct response *refused =
            scene_propose(scene.mentor.id, IDS[i] == NULL ? other.mentee.id : IDS[i]);
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
    CLEANUP(response_freep)
    struct response *swapped = scene_propose(scene.mentee.id, scene.mentor.id);
    expect_error(swapped, "/mentor", "unknown-record", "a mentee is no mentor");
    scene_end(&scene);
    scene_end(&other);
}

Test(pairs, who_has_no_room_or_does_not_agree_is_not_proposed)
{
    struct scene scene;
    struct test_person second, third, paused;
    CLEANUP(response_freep)
    struct response *room = NULL, *full = NULL, *twice = NULL, *pausing = NULL, *unwilling = NULL,
                    *elsewhere = NULL;
    char *programme = mentoring_programme(NULL);

    scene_begin(&scene, "{\"mentor_capacity\":2}");
    mentoring_person("mentees", scene.programme, NULL, &second);
    mentoring_person("mentees", scene.programme, NULL, &third);
    mentoring_person("mentors", scene.programme, "{\"status\":\"paused\",\"capacity\":2}", &paused);
    test_database_run(
        path_of("update mentoring.participant set capacity = 5, version = version + 1 "
                "where id = '%s'",
                scene.mentor.id));
    room = scene_propose(scene.mentor.id, second.id);
    expect_status(room, 201, "two at once, as the programme says");
    full = scene_propose(scene.mentor.id, third.id);
    expect_problem(full, 409, "capacity-exhausted", "no third one, whatever the mentor says");
    pausing = scene_propose(paused.id, third.id);
    expect_problem(pausing, 409, "person-unavailable", "who pauses");
    mentoring_person("mentors", scene.programme, NULL, &paused);
    twice = scene_propose(paused.id, second.id);
    expect_problem(twice, 409, "mentee-has-pair", "one at a time");
    test_database_run(path_of("update mentoring.consent set withdrawn_at = now() where purpose = "
                              "'matching' and participant_id = '%s'",
                              third.id));
    unwilling = scene_propose(paused.id, third.id);
    expect_problem(unwilling, 409, "person-unavailable", "who does not agree to be matched");
    mentoring_person("mentees", programme, NULL, &third);
    elsewhere = scene_propose(paused.id, third.id);
    expect_error(elsewhere, "/mentee", "not-allowed", "of another programme");
    free(programme);
    scene_end(&scene);
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
    refused = scene_propose(mentor.id, mentee.id);
    expect_problem(refused, 422, "validation-failed", "oneself");
    expect_error(refused, "/mentee", "not-allowed", "oneself");
    free(programme);
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

    scene_begin(&scene, NULL);
    mentoring_person("mentees", scene.programme, NULL, &mentee);
    scene_lead_to(&scene, PAIR_ACTIVE);
    made = scene_propose(scene.mentor.id, mentee.id);
    expect_status(made, 201, "another one");
    cr_assert_eq(listed(mentoring_coordinator(), path_of("programme=%s", scene.programme)), 2);
    cr_assert_eq(listed(mentoring_coordinator(),
                        path_of("programme=%s&state=active,paused", scene.programme)),
                 1);
    cr_assert_eq(listed(mentoring_coordinator(), path_of("mentee=%s", mentee.id)), 1);
    cr_assert_eq(listed(mentoring_coordinator(), path_of("mentor=%s&due=true", scene.mentor.id)),
                 0);
    scene_let_pass(
        path_of("update mentoring.pair set started_at = started_at - interval '7 months', "
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
    scene_end(&scene);
}

/* As many pairs of the scene's two that are over, a minute between them. */
static void add_past(const struct scene *scene, int count)
{
    scene_let_pass(path_of(
        "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, mentor_subject, "
        "mentee_subject, state, version, proposed_at, respond_by, ended_at, reason) "
        "select gen_random_uuid(), p.programme_id, p.mentor_id, p.mentee_id, p.mentor_subject, "
        "p.mentee_subject, 'declined', 2, p.proposed_at - n * interval '1 minute', p.respond_by, "
        "p.proposed_at, 'too_far' from mentoring.pair p, generate_series(1, %d) n "
        "where p.id = '%s'",
        count, scene->pair));
    test_database_run("analyze mentoring.pair");
}

/* How many pairs are looked at for a page of those in @states, from the place of @after on. */
static long looked_at(const char *states, const struct pair *after, size_t *ret_count)
{
    struct pair_filter filter = {.states = states,
                                 .after_at = after == NULL ? NULL : after->proposed_at,
                                 .after_id = after == NULL ? NULL : after->id,
                                 .limit = 20};
    struct db_pool *pool = sql_pool("express_writer", NULL);
    struct db *db = mentoring_lease(pool);
    struct pair *pairs;
    struct arena arena;
    long looked;

    arena_init(&arena, 1024 * 1024);
    cr_assert_eq(pair_store_list(db, &arena, &filter, true, &pairs, ret_count), 0);
    looked = mentoring_pairs_looked_at(db);
    arena_deinit(&arena);
    db_release(db);
    db_pool_free(pool);
    return looked;
}

Test(pairs, a_page_by_state_looks_at_no_more_of_the_past_than_it_shows)
{
    const struct pair after = {.proposed_at = "2026-01-01T00:00:00.000Z",
                               .id = "ffffffff-ffff-ffff-ffff-ffffffffffff"};
    static const struct {
        const char *states;
        bool is_far;
        long most;
    } ROWS[] = {{"paused", false, 100},
                {"accepted,paused", false, 100},
                {"declined,declined", false, 400},
                {"declined", true, 400},
                {NULL, true, 400}};
    struct scene scene;

    scene_begin(&scene, NULL);
    scene_lead_to(&scene, PAIR_ACTIVE);
    add_past(&scene, 5000);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        size_t count = 0;
        const long looked = looked_at(ROWS[i].states, ROWS[i].is_far ? &after : NULL, &count);

        cr_assert(looked <= ROWS[i].most, "%zu: %ld", i, looked);
    }
    scene_end(&scene);
}

/* A pair that somebody is erased from goes to the beginning of its month, and no other is left out
 * or comes twice for it. */
Test(pairs, pages_by_state_go_on_where_they_were_though_somebody_is_erased)
{
    struct scene scene;
    struct text path;
    const char *seen[8];
    size_t count = 0, distinct = 0;

    scene_begin(&scene, NULL);
    scene_move(mentoring_coordinator(), &scene, "decline",
               "{\"side\":\"mentee\",\"reason\":\"too_far\"}");
    add_past(&scene, 6);
    text_init(&path, TEXT_BYTES);
    text_append_format(&path, "/v1/mentoring-pairs?programme=%s&state=declined,expired&limit=1",
                       scene.programme);
    for (bool is_last = false; !is_last;) {
        CLEANUP(response_freep)
        struct response *page = read_as(mentoring_coordinator(), path.bytes);
        const char *next = json_string_value(response_at(page, "/page/next"));

        expect_status(page, 200, path.bytes);
        cr_assert(count < ARRAY_LENGTH(seen));
        seen[count++] = path_of("%s", response_text_at(page, "/data/0/id"));
        is_last = next == NULL;
        text_clear(&path);
        text_append_format(
            &path, "/v1/mentoring-pairs?programme=%s&state=declined,expired&limit=1&cursor=%s",
            scene.programme, is_last ? "" : next);
        if (count == 3)
            test_database_run(path_of(
                "begin; set local session_replication_role = replica; update mentoring.pair set "
                "mentee_id = null, mentee_subject = null, "
                "proposed_at = date_trunc('month', proposed_at) where id = '%s'; commit",
                seen[2]));
    }
    /* Each of the seven; the erased one perhaps once more, where it is now. */
    for (size_t i = 0; i < count; i++) {
        distinct++;
        for (size_t j = 0; j < i; j++)
            if (strcmp(seen[i], seen[j]) == 0) {
                cr_assert_str_eq(seen[i], seen[2]);
                distinct--;
            }
    }
    cr_assert_eq(distinct, 7, "%zu", distinct);
    text_deinit(&path);
    scene_end(&scene);
}
