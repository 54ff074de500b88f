#include "support/scene.h"

#include "base/annotate.h"
#include "base/text.h"
#include "support/database.h"
#include "support/http.h"
#include "support/program.h"
#include "support/server.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_BYTES 4000

const char *scene_path(const struct scene *scene, const char *behind)
{
    return path_of("/v1/mentoring-pairs/%s%s", scene->pair, behind);
}

struct response *scene_propose(const char *mentor, const char *mentee)
{
    return write_text(mentoring_coordinator(), "POST", "/v1/mentoring-pairs", NULL, NULL,
                      path_of("{\"mentor\":\"%s\",\"mentee\":\"%s\"}", mentor, mentee));
}

static void pair_up(struct scene *scene)
{
    CLEANUP(response_freep)
    struct response *made = scene_propose(scene->mentor.id, scene->mentee.id);

    expect_status(made, 201, "a pair");
    (void)snprintf(scene->pair, sizeof(scene->pair), "%s", response_text_at(made, "/id"));
}

void scene_begin(struct scene *scene, const char *rules)
{
    scene->programme = mentoring_programme(rules);
    mentoring_person("mentors", scene->programme, "{\"capacity\":2}", &scene->mentor);
    mentoring_person("mentees", scene->programme, NULL, &scene->mentee);
    pair_up(scene);
}

void scene_end(struct scene *scene)
{
    free(scene->programme);
}

struct response *scene_move_as(const char *token, const struct scene *scene, const char *move,
                               const char *etag, const char *body)
{
    return write_text(token, "POST", scene_path(scene, path_of("/%s", move)), etag, NULL, body);
}

void scene_move(const char *token, const struct scene *scene, const char *name, const char *body)
{
    CLEANUP(response_freep)
    struct response *moved = scene_move_as(token, scene, name, "*", body);

    expect_status(moved, 200, name);
}

const char *scene_etag(const char *token, const char *path)
{
    CLEANUP(response_freep) struct response *shown = read_as(token, path);

    expect_status(shown, 200, path);
    return path_of("%s", response_header(shown, "ETag"));
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

void scene_lead_to(const struct scene *scene, enum pair_state state)
{
    if (state == PAIR_PROPOSED)
        return;
    scene_lead_to(scene, BEFORE[state]);
    for (size_t i = 0; i < 4 && WAYS[state][i][0] != NULL; i++)
        scene_move(mentoring_coordinator(), scene, WAYS[state][i][0], WAYS[state][i][1]);
}

void scene_let_pass(const char *sql)
{
    struct text text;

    text_init(&text, SQL_BYTES);
    text_append_format(&text, "begin; set local session_replication_role = replica; %s; commit",
                       sql);
    cr_assert_not(text_failed(&text));
    test_database_run(text.bytes);
    text_deinit(&text);
}

void scene_keep_house(void)
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

void scene_begin_again(struct scene *scene)
{
    CLEANUP(response_freep)
    struct response *shown = read_as(mentoring_coordinator(), scene_path(scene, ""));
    const char *state = response_text_at(shown, "/state");

    if (strcmp(state, "proposed") == 0 || strcmp(state, "accepted") == 0)
        scene_move(mentoring_coordinator(), scene, "withdraw", "{\"reason\":\"other\"}");
    else if (strcmp(state, "active") == 0 || strcmp(state, "paused") == 0)
        scene_move(mentoring_coordinator(), scene, "end", "{\"reason\":\"other\"}");
    pair_up(scene);
}

struct response *scene_plan(const char *token, const struct scene *scene, const char *body)
{
    return write_text(token, "POST", scene_path(scene, "/meetings"), NULL, NULL, body);
}

const char *scene_in_hours(int hours)
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

struct response *scene_say(const char *token, const struct scene *scene, const char *moment,
                           const char *body)
{
    return write_text(token, "PUT", scene_path(scene, path_of("/feedback/%s", moment)), NULL, NULL,
                      body);
}
