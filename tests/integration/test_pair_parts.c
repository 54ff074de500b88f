/*
 * What belongs to a pair: meetings, goals, feedback, outcomes; and what time does to them.
 */
#include "base/annotate.h"
#include "mentoring/pair.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/mentoring.h"
#include "support/scene.h"
#include "support/server.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(pair_parts, .fini = test_ends_without_leaks, .timeout = 240);

/* --- meetings -----------------------------------------------------------------------------------
 */

Test(pair_parts, meetings_are_those_of_an_active_pair)
{
    static const struct {
        enum pair_state state;
        int status;
    } ROWS[] = {{PAIR_PROPOSED, 409}, {PAIR_ACCEPTED, 409},  {PAIR_ACTIVE, 201},
                {PAIR_PAUSED, 409},   {PAIR_COMPLETED, 409}, {PAIR_DECLINED, 409}};

    struct scene scene;

    scene_begin(&scene, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *planned = NULL, *goal = NULL;
        const char *body = path_of("{\"starts_at\":\"%s\"}", scene_in_hours(24));

        if (i > 0)
            scene_begin_again(&scene);
        scene_lead_to(&scene, ROWS[i].state);
        planned = scene_plan(scene.mentee.token, &scene, body);
        expect_status(planned, ROWS[i].status, pair_state_name(ROWS[i].state));
        if (ROWS[i].status == 409)
            expect_text(planned, "/type", "/problems/pair-not-active");
        goal = write_text(scene.mentee.token, "POST", scene_path(&scene, "/goals"), NULL, NULL,
                          "{\"term\":\"business_plan\"}");
        expect_status(goal, ROWS[i].state == PAIR_PAUSED ? 201 : ROWS[i].status,
                      pair_state_name(ROWS[i].state));
    }
    scene_end(&scene);
}

static struct response *change(const char *token, const char *path, const char *etag,
                               const char *body)
{
    return write_text(token, "PATCH", path, etag, NULL, body);
}

Test(pair_parts, a_meeting_is_planned_moved_and_told_of)
{
    struct scene scene;
    CLEANUP(response_freep)
    struct response *past = NULL, *made = NULL, *early = NULL, *moved = NULL, *held = NULL,
                    *again = NULL, *corrected = NULL, *list = NULL, *reason = NULL, *bare = NULL;
    const char *path;

    scene_begin(&scene, "{\"meetings_per_month\":2,\"meeting_grace_hours\":48}");
    scene_lead_to(&scene, PAIR_ACTIVE);
    past = scene_plan(scene.mentor.token, &scene,
                      path_of("{\"starts_at\":\"%s\"}", scene_in_hours(-3)));
    expect_problem(past, 422, "validation-failed", "planned for yesterday");
    made =
        scene_plan(scene.mentor.token, &scene,
                   path_of("{\"starts_at\":\"%s\",\"duration_minutes\":90,\"format\":\"remote\"}",
                           scene_in_hours(48)));
    expect_status(made, 201, "planned");
    path = scene_path(&scene, path_of("/meetings/%s", response_text_at(made, "/id")));
    cr_assert_not_null(strstr(response_header(made, "Location"), path));
    bare = change(scene.mentee.token, path, NULL, "{\"state\":\"cancelled\"}");
    expect_problem(bare, 428, "precondition-required", "no If-Match");
    early = change(scene.mentee.token, path, response_header(made, "ETag"), "{\"state\":\"held\"}");
    expect_problem(early, 422, "validation-failed", "it has not begun");
    reason =
        change(scene.mentee.token, path, response_header(made, "ETag"), "{\"reason\":\"illness\"}");
    expect_problem(reason, 422, "validation-failed", "a reason for nothing");
    moved = change(scene.mentee.token, path, response_header(made, "ETag"),
                   path_of("{\"starts_at\":\"%s\",\"format\":null}", scene_in_hours(24)));
    expect_status(moved, 200, "moved");
    expect_absent(moved, "/format");
    cr_assert_str_eq(response_header(moved, "ETag"), scene_etag(mentoring_coordinator(), path));
    scene_let_pass(path_of("update mentoring.meeting set starts_at = date_trunc('second', now() - "
                           "interval '2 hours') where "
                           "pair_id = '%s'",
                           scene.pair));
    held = change(scene.mentee.token, path, scene_etag(scene.mentee.token, path),
                  "{\"state\":\"held\"}");
    expect_status(held, 200, "held");
    again = change(scene.mentor.token, path, response_header(held, "ETag"),
                   "{\"state\":\"missed\",\"reason\":\"mentee_absent\"}");
    expect_problem(again, 409, "invalid-transition", "it was said");
    corrected = change(mentoring_coordinator(), path, response_header(held, "ETag"),
                       "{\"state\":\"missed\",\"reason\":\"mentee_absent\"}");
    expect_status(corrected, 200, "by a coordinator");
    scene_let_pass(
        path_of("update mentoring.pair set started_at = started_at - interval '61 days', "
                "accepted_at = accepted_at - interval '61 days', proposed_at = proposed_at - "
                "interval '61 days' where id = '%s'",
                scene.pair));
    list = read_as(scene.mentee.token, scene_path(&scene, "/meetings?state=missed"));
    cr_assert_eq(json_array_size(response_at(list, "/data")), 1, "%s", list->body);
    cr_assert_eq(json_integer_value(response_at(list, "/progress/missed")), 1);
    cr_assert_eq(json_integer_value(response_at(list, "/progress/held")), 0);
    cr_assert_eq(json_integer_value(response_at(list, "/progress/expected")), 4, "%s", list->body);
    scene_end(&scene);
}

Test(pair_parts, a_meeting_is_within_a_week_before_the_pair_and_a_year_from_now)
{
    static const struct {
        int hours;
        const char *state;
        int status;
    } ROWS[] = {{-24 * 6, "held", 201},
                {-24 * 8, "held", 422},
                {24 * 364, "planned", 201},
                {24 * 367, "planned", 422},
                {24 * 365 * 7980, "planned", 422}};
    struct scene scene;
    CLEANUP(response_freep) struct response *made = NULL, *moved = NULL, *first = NULL;
    CLEANUP(response_freep) struct response *last = NULL;

    scene_begin(&scene, NULL);
    scene_lead_to(&scene, PAIR_ACTIVE);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *added =
            scene_plan(scene.mentor.token, &scene,
                       path_of("{\"starts_at\":\"%s\",\"state\":\"%s\"}",
                               ROWS[i].hours < 24 * 400 ? scene_in_hours(ROWS[i].hours)
                                                        : "9999-12-31T23:59:59-12:00",
                               ROWS[i].state));

        expect_status(added, ROWS[i].status, path_of("in %d hours", ROWS[i].hours));
        if (ROWS[i].status == 422)
            expect_error(added, "/starts_at", "out-of-range", "too far");
    }
    made = scene_plan(scene.mentor.token, &scene,
                      path_of("{\"starts_at\":\"%s\"}", scene_in_hours(48)));
    moved = change(scene.mentor.token,
                   scene_path(&scene, path_of("/meetings/%s", response_text_at(made, "/id"))), "*",
                   path_of("{\"starts_at\":\"%s\"}", scene_in_hours(24 * 500)));
    expect_problem(moved, 422, "validation-failed", "moved too far");
    scene_let_pass(
        path_of("insert into mentoring.meeting (id, pair_id, state, starts_at, answer_by) "
                "select gen_random_uuid(), '%s', 'cancelled', now(), now() "
                "from generate_series(1, 996) n",
                scene.pair));
    first = scene_plan(mentoring_coordinator(), &scene,
                       path_of("{\"starts_at\":\"%s\"}", scene_in_hours(72)));
    expect_status(first, 201, "the thousandth");
    last = scene_plan(mentoring_coordinator(), &scene,
                      path_of("{\"starts_at\":\"%s\"}", scene_in_hours(73)));
    expect_problem(last, 409, "too-many-meetings", "one more");
    scene_end(&scene);
}

/* Checks Z4. */
Test(pair_parts, a_meeting_is_found_under_its_own_pair_alone)
{
    struct scene scene, other;
    CLEANUP(response_freep) struct response *made = NULL, *read = NULL, *changed = NULL;
    const char *path;

    scene_begin(&scene, NULL);
    scene_begin(&other, NULL);
    scene_lead_to(&scene, PAIR_ACTIVE);
    scene_lead_to(&other, PAIR_ACTIVE);
    made = scene_plan(mentoring_coordinator(), &scene,
                      path_of("{\"starts_at\":\"%s\"}", scene_in_hours(24)));
    expect_status(made, 201, "planned");
    path = scene_path(&other, path_of("/meetings/%s", response_text_at(made, "/id")));
    read = read_as(mentoring_coordinator(), path);
    expect_problem(read, 404, "not-found", "under another pair");
    changed = change(mentoring_coordinator(), path, "*", "{\"state\":\"cancelled\"}");
    expect_problem(changed, 404, "not-found", "under another pair");
    scene_end(&scene);
    scene_end(&other);
}

Test(pair_parts, the_end_of_a_pair_cancels_its_meetings_and_leaves_the_past_to_the_coordinator)
{
    struct scene scene;
    CLEANUP(response_freep)
    struct response *coming = NULL, *past = NULL, *shown = NULL, *mine = NULL, *told = NULL;
    const char *path;

    scene_begin(&scene, NULL);
    scene_lead_to(&scene, PAIR_ACTIVE);
    coming = scene_plan(scene.mentor.token, &scene,
                        path_of("{\"starts_at\":\"%s\"}", scene_in_hours(24)));
    past = scene_plan(scene.mentor.token, &scene,
                      path_of("{\"starts_at\":\"%s\"}", scene_in_hours(1)));
    expect_status(past, 201, "planned");
    scene_let_pass(path_of("update mentoring.meeting set starts_at = date_trunc('second', now() - "
                           "interval '2 hours') where "
                           "id = '%s'",
                           response_text_at(past, "/id")));
    scene_move(scene.mentee.token, &scene, "end", "{\"reason\":\"moved_away\"}");
    shown = read_as(scene.mentor.token,
                    scene_path(&scene, path_of("/meetings/%s", response_text_at(coming, "/id"))));
    expect_text(shown, "/state", "cancelled");
    expect_text(shown, "/reason", "pair_ended");
    path = scene_path(&scene, path_of("/meetings/%s", response_text_at(past, "/id")));
    mine = change(scene.mentor.token, path, "*", "{\"state\":\"held\"}");
    expect_problem(mine, 409, "pair-not-active", "it is over");
    told = change(mentoring_coordinator(), path, "*", "{\"state\":\"held\"}");
    expect_status(told, 200, "by a coordinator");
    scene_end(&scene);
}

/* --- goals, feedback, outcomes ------------------------------------------------------------------
 */

Test(pair_parts, goals_have_progress_and_each_is_set_once)
{
    struct scene scene;
    CLEANUP(response_freep)
    struct response *made = NULL, *twice = NULL, *changed = NULL, *stale = NULL, *reached = NULL,
                    *half = NULL, *list = NULL;
    const char *path;

    scene_begin(&scene, NULL);
    scene_lead_to(&scene, PAIR_ACTIVE);
    made = write_text(scene.mentee.token, "POST", scene_path(&scene, "/goals"), NULL, NULL,
                      "{\"term\":\"business_plan\",\"progress\":10}");
    expect_status(made, 201, "a goal");
    twice = write_text(scene.mentor.token, "POST", scene_path(&scene, "/goals"), NULL, NULL,
                       "{\"term\":\"business_plan\"}");
    expect_problem(twice, 422, "validation-failed", "the same one");
    expect_error(twice, "/term", "taken", "the same one");
    path = scene_path(&scene, path_of("/goals/%s", response_text_at(made, "/id")));
    changed =
        change(scene.mentor.token, path, scene_etag(scene.mentor.token, path), "{\"progress\":60}");
    expect_status(changed, 200, "progress");
    stale = change(scene.mentee.token, path, response_header(made, "ETag"), "{\"progress\":70}");
    expect_problem(stale, 412, "precondition-failed", "somebody was faster");
    half = change(scene.mentee.token, path, response_header(changed, "ETag"),
                  "{\"state\":\"reached\",\"progress\":70}");
    expect_error(half, "/progress", "out-of-range", "reached is whole");
    reached = change(scene.mentee.token, path, response_header(changed, "ETag"),
                     "{\"state\":\"reached\"}");
    expect_status(reached, 200, "reached");
    cr_assert_eq(json_integer_value(response_at(reached, "/progress")), 100);
    cr_assert_not_null(strstr(response_header(made, "Location"), path));
    expect_text(made, "/links/self", response_header(made, "Location"));
    list = read_as(mentoring_coordinator(), scene_path(&scene, "/goals"));
    expect_text(list, "/data/0/state", "reached");
    scene_end(&scene);
}

Test(pair_parts, feedback_is_between_each_side_and_the_coordinator)
{
    struct scene scene;
    CLEANUP(response_freep)
    struct response *early = NULL, *middle = NULL, *other = NULL, *changed = NULL, *late = NULL,
                    *mine = NULL, *both = NULL, *never = NULL, *wrong = NULL, *forbidden = NULL;

    scene_begin(&scene, NULL);
    early = scene_say(scene.mentee.token, &scene, "middle", "{\"satisfaction\":4}");
    expect_problem(early, 409, "not-due", "nothing has begun");
    scene_lead_to(&scene, PAIR_ACTIVE);
    middle = scene_say(scene.mentee.token, &scene, "middle",
                       "{\"satisfaction\":2,\"would_repeat\":false}");
    expect_status(middle, 200, "in the middle");
    other =
        scene_say(scene.mentor.token, &scene, "middle", "{\"satisfaction\":5,\"usefulness\":5}");
    expect_status(other, 200, "in the middle");
    changed = scene_say(scene.mentee.token, &scene, "middle", "{\"satisfaction\":3}");
    expect_status(changed, 200, "on second thoughts");
    expect_absent(changed, "/would_repeat");
    wrong = scene_say(scene.mentee.token, &scene, "middle", "{\"satisfaction\":6}");
    expect_problem(wrong, 422, "validation-failed", "off the scale");
    late = scene_say(scene.mentee.token, &scene, "end", "{\"satisfaction\":3}");
    expect_problem(late, 409, "not-due", "it lasts");
    never = scene_say(scene.mentee.token, &scene, "sometime", "{\"satisfaction\":3}");
    expect_problem(never, 404, "not-found", "no such moment");
    forbidden = scene_say(mentoring_coordinator(), &scene, "middle", "{\"satisfaction\":3}");
    expect_problem(forbidden, 403, "forbidden", "nobody says it for them");
    mine = read_as(scene.mentee.token, scene_path(&scene, "/feedback"));
    cr_assert_eq(json_array_size(response_at(mine, "/data")), 1, "%s", mine->body);
    expect_text(mine, "/data/0/side", "mentee");
    both = read_as(mentoring_coordinator(), scene_path(&scene, "/feedback"));
    cr_assert_eq(json_array_size(response_at(both, "/data")), 2, "%s", both->body);
    scene_end(&scene);
}

static struct response *note(const struct scene *scene, const char *moment, const char *code)
{
    return write_text(mentoring_coordinator(), "POST", scene_path(scene, "/outcomes"), NULL, NULL,
                      path_of("{\"moment\":\"%s\",\"code\":\"%s\"}", moment, code));
}

Test(pair_parts, outcomes_are_noted_when_their_time_has_come)
{
    struct scene scene;
    CLEANUP(response_freep)
    struct response *early = NULL, *made = NULL, *again = NULL, *alone = NULL, *months = NULL,
                    *due = NULL, *list = NULL, *removed = NULL, *gone = NULL, *end_said = NULL;

    scene_begin(&scene, NULL);
    scene_lead_to(&scene, PAIR_ACTIVE);
    early = note(&scene, "end", "job");
    expect_problem(early, 409, "not-due", "it lasts");
    scene_move(mentoring_coordinator(), &scene, "complete", "{\"reason\":\"time_is_up\"}");
    made = note(&scene, "end", "job");
    expect_status(made, 201, "at the end");
    again = note(&scene, "end", "job");
    expect_status(again, 200, "noted already");
    alone = note(&scene, "end", "none");
    expect_error(alone, "/code", "not-allowed", "nothing, and a job");
    months = note(&scene, "months_3", "training");
    expect_problem(months, 409, "not-due", "in three months");
    scene_let_pass(
        path_of("update mentoring.pair set ended_at = ended_at - interval '4 months', started_at "
                "= started_at - interval '4 months', accepted_at = accepted_at - interval '4 "
                "months', proposed_at = proposed_at - interval '4 months' where id = '%s'",
                scene.pair));
    due = note(&scene, "months_3", "training");
    expect_status(due, 201, "three months have passed");
    end_said = scene_say(scene.mentee.token, &scene, "end", "{\"satisfaction\":5}");
    expect_status(end_said, 200, "at the end");
    list = read_as(scene.mentee.token, scene_path(&scene, "/outcomes"));
    cr_assert_eq(json_array_size(response_at(list, "/data")), 2, "%s", list->body);
    removed = write_text(mentoring_coordinator(), "DELETE", scene_path(&scene, "/outcomes/end/job"),
                         NULL, NULL, NULL);
    expect_status(removed, 204, "by mistake");
    gone = write_text(mentoring_coordinator(), "DELETE", scene_path(&scene, "/outcomes/end/job"),
                      NULL, NULL, NULL);
    expect_problem(gone, 404, "not-found", "it is gone");
    scene_end(&scene);
}

/* --- what time does -----------------------------------------------------------------------------
 */

Test(pair_parts, what_nobody_answers_in_time_expires_and_what_nobody_tells_of_is_overdue)
{
    struct scene waiting, accepted, active;
    CLEANUP(response_freep)
    struct response *meeting = NULL, *shown = NULL, *list = NULL, *held = NULL, *still = NULL,
                    *late = NULL;
    char *entries;

    scene_begin(&waiting, NULL);
    scene_begin(&accepted, NULL);
    scene_begin(&active, "{\"meeting_grace_hours\":2}");
    scene_lead_to(&accepted, PAIR_ACCEPTED);
    scene_lead_to(&active, PAIR_ACTIVE);
    meeting = scene_plan(active.mentor.token, &active,
                         path_of("{\"starts_at\":\"%s\"}", scene_in_hours(1)));
    expect_status(meeting, 201, "planned");
    scene_keep_house();
    still = read_as(mentoring_coordinator(), scene_path(&waiting, ""));
    expect_text(still, "/state", "proposed");
    scene_let_pass(
        path_of("update mentoring.pair set respond_by = now() - interval '1 minute' where id in "
                "('%s', '%s', '%s')",
                waiting.pair, accepted.pair, active.pair));
    scene_let_pass(
        path_of("update mentoring.meeting set starts_at = now() - interval '5 hours', answer_by "
                "= now() - interval '1 hour' where pair_id = '%s'",
                active.pair));
    scene_keep_house();
    scene_keep_house(); /* once is enough */
    late = read_as(mentoring_coordinator(), scene_path(&waiting, ""));
    shown = read_as(mentoring_coordinator(), scene_path(&accepted, ""));
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
    list = read_as(active.mentee.token, scene_path(&active, "/meetings?overdue=true"));
    cr_assert_not_null(response_at(list, "/data/0/overdue_since"), "%s", list->body);
    cr_assert_eq(json_integer_value(response_at(list, "/progress/overdue")), 1);
    held = change(active.mentee.token,
                  scene_path(&active, path_of("/meetings/%s", response_text_at(meeting, "/id"))),
                  "*", "{\"state\":\"held\"}");
    expect_status(held, 200, "late, and told");
    expect_absent(held, "/overdue_since");
    scene_end(&waiting);
    scene_end(&accepted);
    scene_end(&active);
}
