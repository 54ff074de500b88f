#pragma once
/*
 * Scene
 *
 * A programme of mentoring with a mentor, a mentee and their pair, and what happens to them.
 * Whatever goes wrong in here ends the test.
 */
#include "mentoring/pair.h"
#include "support/mentoring.h"

struct response;

struct scene {
    char *programme; /* owned: scene_end() */
    struct test_person mentor, mentee;
    char pair[40];
};

/* @rules: borrowed; of the programme, as in mentoring_programme(). NULL: none of its own. */
void scene_begin(struct scene *scene, const char *rules);
void scene_end(struct scene *scene);
/* The same two once more: when their pair is not over, it ends. */
void scene_begin_again(struct scene *scene);

/* "/v1/mentoring-pairs/{id}" and @behind; as path_of(). */
const char *scene_path(const struct scene *scene, const char *behind);
/* POST of a pair by the coordinator; owned. */
struct response *scene_propose(const char *mentor, const char *mentee);
/* POST of a move; @etag and @body may be NULL. Owned. */
struct response *scene_move_as(const char *token, const struct scene *scene, const char *move,
                               const char *etag, const char *body);
/* One that must succeed. */
void scene_move(const char *token, const struct scene *scene, const char *move, const char *body);
/* The ETag that somebody is given with a pair or a part of one; as path_of(). */
const char *scene_etag(const char *token, const char *path);
/* By the coordinator, from the proposal. */
void scene_lead_to(const struct scene *scene, enum pair_state state);

/* POST of a meeting; owned. */
struct response *scene_plan(const char *token, const struct scene *scene, const char *body);
/* PUT of feedback; owned. */
struct response *scene_say(const char *token, const struct scene *scene, const char *moment,
                           const char *body);
/* So many hours from now, by RFC 3339; borrowed until the next call. */
const char *scene_in_hours(int hours);

/* What time and nobody does: @sql, past the rules that the database keeps for everybody. */
void scene_let_pass(const char *sql);
/* A round of housekeeping, also when the server is at one just now. */
void scene_keep_house(void);

#define expect_text(response, pointer, expected)                                                   \
    cr_assert_str_eq(response_text_at((response), (pointer)), (expected), "%s is %s: %s", pointer, \
                     response_text_at((response), (pointer)), (response)->body)
#define expect_absent(response, pointer)                                                           \
    cr_assert_null(response_at((response), (pointer)), "%s: %s", pointer, (response)->body)
