/*
 * Clients that do anything at random. One alone, whose every answer is foretold by a model of the
 * rules; then many at once on a few records, of whom nobody may hear anything else than what the
 * contract says of such moments. The rules of the database hold after both. A failure names its
 * seed; EXPRESS_TEST_SEED repeats it.
 */
#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"
#include "support/database.h"
#include "support/http.h"
#include "support/invariants.h"
#include "support/leaks.h"
#include "support/server.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS 220        /* of the client alone */
#define RECORDS_MAX 8    /* that it plays with at once */
#define VERSIONS_MAX 300 /* of one record */
#define ASKED_MAX 20
#define REQUESTS 240     /* of the many */
#define AT_ONCE 8        /* of them */
#define SHARED_RECORDS 5 /* that the many play with */

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(model, .fini = test_ends_without_leaks, .timeout = 240);

/* --- chance -------------------------------------------------------------------------------------
 */

struct chance {
    uint32_t seed;
    uint32_t state;
};

static struct chance chance_new(void)
{
    const char *wanted = getenv("EXPRESS_TEST_SEED");
    uint32_t seed = (uint32_t)clock_monotonic_ms() * 2654435761U ^ (uint32_t)getpid();

    if (wanted != NULL)
        cr_assert(num_parse_u32(wanted, 0, UINT32_MAX, &seed));
    return (struct chance){seed, seed | 1};
}

/* xorshift32: the same on every machine. */
static uint32_t below(struct chance *chance, uint32_t bound)
{
    chance->state ^= chance->state << 13;
    chance->state ^= chance->state >> 17;
    chance->state ^= chance->state << 5;
    return chance->state % bound;
}

/* --- the model -----------------------------------------------------------------------------------
 */

enum state { DRAFT, IN_REVIEW, PUBLISHED, ARCHIVED };
enum review { NONE, WAITING, RETURNED };
enum role { OWNER, OTHER, EDITOR, NOBODY, ROLES };

struct item {
    char id[40];
    enum state state;
    enum review review;
    bool was_public, is_deleted, is_merged;
    long version;                    /* the last */
    long contents[VERSIONS_MAX + 1]; /* of each version: the same number is the same content */
    char etag[100];                  /* of the working copy */
};

struct play {
    struct chance chance;
    struct item items[RECORDS_MAX];
    size_t item_count;
    long next_content;
    const char *what; /* being done, for messages */
};

static const char *token_of(enum role role)
{
    switch (role) {
    case OWNER:
        return writer_partner();
    case OTHER:
        return writer_other();
    case EDITOR:
        return writer_editor();
    case NOBODY:
    case ROLES:
        break;
    }
    return NULL;
}

static bool is_public(const struct item *item)
{
    return item->state == PUBLISHED && !item->is_deleted;
}

/* What a request for this record is refused with before anything else; 0: it is not. */
static int refusal_of(const struct item *item, enum role role, bool deleted_too)
{
    if (role == NOBODY)
        return 401;
    if (role == OTHER && is_public(item))
        return 403;
    if (role == OTHER)
        return item->was_public ? 410 : 404;
    return item->is_deleted && !deleted_too ? 410 : 0;
}

/* Others write at the same time: who waited for them for too long asks again, as it is told to;
 * nothing has happened yet. */
static struct response *ask(const char *token, const char *method, const char *path,
                            const char *etag, const char *key, const char *body)
{
    struct response *response = write_text(token, method, path, etag, key, body);

    for (int i = 0; i < ASKED_MAX && response->status == 503; i++) {
        expect_problem(response, 503, "contention", path);
        response_free(response);
        response = write_text(token, method, path, etag, key, body);
    }
    return response;
}

static void expect(const struct play *play, const struct item *item, struct response *response,
                   int status)
{
    cr_assert_eq(response->status, status,
                 "seed %u: %s of %s (state %d, review %d, version %ld, deleted %d): %d instead of "
                 "%d: %.500s",
                 play->chance.seed, play->what, item->id, (int)item->state, (int)item->review,
                 item->version, item->is_deleted, response->status, status, response->body);
}

/* One version more, with this content. */
static void advance(struct item *item, long content, struct response *response)
{
    const char *etag = response_header(response, "ETag");

    cr_assert_lt(item->version, VERSIONS_MAX);
    item->contents[++item->version] = content;
    (void)snprintf(item->etag, sizeof(item->etag), "%s", etag == NULL ? "" : etag);
}

static long content_of(const struct item *item)
{
    return item->contents[item->version];
}

/* A change of content by one of those who may: what state it leads to. */
static void change_content(struct item *item, enum role role)
{
    if (item->is_deleted || item->state == ARCHIVED) {
        item->state = DRAFT;
        item->review = NONE;
        item->is_deleted = item->is_merged = false;
    } else if (item->state == PUBLISHED) {
        item->review = role == EDITOR ? NONE : WAITING;
    }
}

/* --- what is done --------------------------------------------------------------------------------
 */

static void play_create(struct play *play, struct item *item)
{
    const long content = play->next_content++;
    CLEANUP(response_freep)
    struct response *response =
        ask(writer_partner(), "POST", "/v1/practices", NULL, NULL,
            path_of("{\"title\":\"Played with %ld\",\"summary\":\"Written by a "
                    "test.\",\"city\":\"Place %ld\"}",
                    content, content));

    *item = (struct item){.id = "a new one"};
    play->what = "create";
    expect(play, item, response, 201);
    (void)snprintf(item->id, sizeof(item->id), "%s", response_text_at(response, "/id"));
    advance(item, content, response);
}

static void play_patch(struct play *play, struct item *item, enum role role)
{
    const long content = play->next_content++;
    const uint32_t match = below(&play->chance, 6);
    const char *etag = match == 0 ? NULL : match == 1 ? "\"1-000000000000\"" : item->etag;
    CLEANUP(response_freep)
    struct response *response = ask(token_of(role), "PATCH", path_of("/v1/practices/%s", item->id),
                                    etag != NULL && etag[0] == '\0' ? "*" : etag, NULL,
                                    path_of("{\"city\":\"Place %ld\"}", content));
    int refused = refusal_of(item, role, false);

    play->what = "patch";
    if (refused == 0 && match < 2)
        refused = match == 0 ? 428 : 412;
    if (refused == 0 && item->state == ARCHIVED)
        refused = 409;
    expect(play, item, response, refused == 0 ? 200 : refused);
    if (refused != 0)
        return;
    change_content(item, role);
    advance(item, content, response);
}

static void play_delete(struct play *play, struct item *item, enum role role)
{
    CLEANUP(response_freep)
    struct response *response =
        ask(token_of(role), "DELETE", path_of("/v1/practices/%s", item->id), "*", NULL, NULL);
    const int refused = refusal_of(item, role, false);

    play->what = "delete";
    expect(play, item, response, refused == 0 ? 204 : refused);
    if (refused != 0)
        return;
    item->state = DRAFT;
    item->review = NONE;
    item->is_deleted = true;
    advance(item, content_of(item), response);
}

static const struct step {
    const char *name;
    bool is_review; /* taken by editors */
} STEPS_OF[] = {{"submit", false}, {"publish", true}, {"return", true}, {"archive", true}};
enum { SUBMIT, PUBLISH, RETURN, ARCHIVE };

/* Takes it. Return: 200 or 409; *ret_same when there is nothing to be done. */
static int take(struct item *item, size_t step, bool *ret_same)
{
    const bool waits = item->state == IN_REVIEW || item->review == WAITING;

    *ret_same = step == SUBMIT && waits;
    if (*ret_same)
        return 200;
    if (step == SUBMIT && item->state == DRAFT)
        item->state = IN_REVIEW;
    else if (step == SUBMIT && item->review == RETURNED)
        item->review = WAITING;
    else if (step == PUBLISH && waits) {
        item->state = PUBLISHED;
        item->review = NONE;
        item->was_public = true;
    } else if (step == RETURN && item->state == IN_REVIEW)
        item->state = DRAFT;
    else if (step == RETURN && waits)
        item->review = RETURNED;
    else if (step == ARCHIVE && item->state == PUBLISHED) {
        item->state = ARCHIVED;
    } else
        return 409;
    return 200;
}

/* What was public before a change began to wait. */
static long live_content(const struct item *item, const long *live)
{
    return item->review == NONE ? content_of(item) : *live;
}

static void play_step(struct play *play, struct item *item, enum role role, long *live)
{
    const size_t step = below(&play->chance, ARRAY_LENGTH(STEPS_OF));
    CLEANUP(response_freep)
    struct response *response =
        ask(token_of(role), "POST", path_of("/v1/practices/%s/%s", item->id, STEPS_OF[step].name),
            NULL, NULL, step == RETURN ? "{\"reason\":\"Please mend it.\"}" : NULL);
    const bool may = role == EDITOR || role == NOBODY || !STEPS_OF[step].is_review;
    int status = may ? refusal_of(item, role, false) : 403;
    long content = content_of(item);
    bool same = false;

    play->what = STEPS_OF[step].name;
    if (status == 0 && step == ARCHIVE)
        content = live_content(item, live);
    if (status == 0)
        status = take(item, step, &same);
    expect(play, item, response, status);
    if (status != 200 || same)
        return;
    if (step == ARCHIVE)
        item->review = NONE;
    advance(item, content, response);
}

static void play_verify(struct play *play, struct item *item, enum role role)
{
    CLEANUP(response_freep)
    struct response *response =
        ask(token_of(role), "POST", path_of("/v1/practices/%s/verify", item->id), NULL, NULL, NULL);
    int refused = refusal_of(item, role, false);

    play->what = "verify";
    if (refused == 0 && item->state == ARCHIVED)
        refused = 409;
    expect(play, item, response, refused == 0 ? 200 : refused);
    if (refused == 0)
        advance(item, play->next_content++, response);
}

static void play_restore(struct play *play, struct item *item, enum role role)
{
    const long version = (long)below(&play->chance, (uint32_t)item->version) + 1;
    CLEANUP(response_freep)
    struct response *response =
        ask(token_of(role), "POST",
            path_of("/v1/practices/%s/versions/%ld/restore", item->id, version), NULL, NULL, NULL);
    int refused = refusal_of(item, role, true);
    bool same;

    play->what = "restore";
    if (refused == 0 && item->is_merged && role != EDITOR)
        refused = 403;
    expect(play, item, response, refused == 0 ? 200 : refused);
    if (refused != 0)
        return;
    same =
        item->contents[version] == content_of(item) && !item->is_deleted && item->state != ARCHIVED;
    if (same)
        return;
    change_content(item, role);
    advance(item, item->contents[version], response);
}

static void play_merge(struct play *play, struct item *item, enum role role)
{
    struct item *into = &play->items[below(&play->chance, (uint32_t)play->item_count)];
    CLEANUP(response_freep)
    struct response *response =
        ask(token_of(role), "POST", path_of("/v1/practices/%s/merge", item->id), NULL, NULL,
            path_of("{\"into\":\"%s\"}", into->id));
    int refused = role == OWNER || role == OTHER ? 403 : refusal_of(item, role, false);

    play->what = "merge";
    if (refused == 0 && (into == item || into->is_deleted))
        refused = 422;
    if (refused == 0 && !is_public(into))
        refused = 409;
    expect(play, item, response, refused == 0 ? 200 : refused);
    if (refused != 0)
        return;
    item->state = DRAFT;
    item->review = NONE;
    item->is_deleted = item->is_merged = true;
    advance(item, content_of(item), response);
    item->etag[0] = '\0'; /* the answer was of the other one */
}

/* What everybody sees of it, and what an editor does. */
static void look(const struct play *play, const struct item *item)
{
    CLEANUP(response_freep)
    struct response *shown = http_get(path_of("/v1/practices/%s", item->id));
    CLEANUP(response_freep)
    struct response *copy =
        read_as(writer_editor(), path_of("/v1/practices/%s/working-copy", item->id));
    const int gone = item->was_public ? 410 : 404;

    if (is_public(item))
        expect(play, item, shown, 200);
    else if (item->is_merged && item->was_public && shown->status == 308)
        expect(play, item, shown, 308);
    else
        expect(play, item, shown, gone);
    expect(play, item, copy, item->is_deleted ? 410 : 200);
    if (!item->is_deleted)
        cr_assert_eq(json_integer_value(response_at(copy, "/version")), item->version,
                     "seed %u: after %s of %s: %.300s instead of version %ld", play->chance.seed,
                     play->what, item->id, copy->body, item->version);
}

static void play_one(struct play *play, size_t index, long *live)
{
    struct item *item = &play->items[index];
    /* Mostly by who may. */
    const uint32_t who = below(&play->chance, 20);
    const enum role role = who < 9 ? EDITOR : who < 17 ? OWNER : who < 19 ? OTHER : NOBODY;
    const uint32_t what = below(&play->chance, 40);

    if (item->review == NONE)
        live[index] = content_of(item);
    if (what < 12)
        play_patch(play, item, role);
    else if (what < 30)
        play_step(play, item, role, &live[index]);
    else if (what < 32)
        play_delete(play, item, role);
    else if (what < 35)
        play_verify(play, item, role);
    else if (what < 38)
        play_restore(play, item, role);
    else
        play_merge(play, item, role);
    look(play, item);
}

Test(model, whatever_one_client_does_comes_out_as_the_rules_say)
{
    struct play *play = calloc(1, sizeof(*play));
    long live[RECORDS_MAX] = {0};

    cr_assert_not_null(play);
    play->chance = chance_new();
    for (size_t i = 0; i < STEPS; i++) {
        if (play->item_count < RECORDS_MAX && below(&play->chance, 6) < 2) {
            play_create(play, &play->items[play->item_count]);
            look(play, &play->items[play->item_count++]);
        } else if (play->item_count > 0) {
            play_one(play, below(&play->chance, (uint32_t)play->item_count), live);
        }
    }
    invariants_check(path_of("seed %u", play->chance.seed));
    free(play);
}

/* --- many
 * ----------------------------------------------------------------------------------------- */

static struct http_pending *begin_any(struct chance *chance, char ids[][40])
{
    static const char *const STEPS_TAKEN[] = {"submit", "publish", "publish",
                                              "return", "archive", "verify"};
    const char *id = ids[below(chance, SHARED_RECORDS)];
    const char *token = below(chance, 3) == 0 ? writer_partner() : writer_editor();
    const char *step = STEPS_TAKEN[below(chance, ARRAY_LENGTH(STEPS_TAKEN))];
    const char *path = path_of("/v1/practices/%s", id);
    static const char *const ANY[] = {"If-Match: *", NULL};

    switch (below(chance, 12)) {
    case 0:
        return http_begin_as(token, "DELETE", path, ANY, NULL);
    case 1:
    case 2:
        return http_begin_as(token, "POST",
                             path_of("%s/versions/%u/restore", path, 1 + below(chance, 3)), NULL,
                             NULL);
    case 3:
        return http_begin_as(writer_editor(), "POST", path_of("%s/merge", path), NULL,
                             path_of("{\"into\":\"%s\"}", ids[below(chance, SHARED_RECORDS)]));
    case 4:
        return http_begin_as(NULL, "GET", path, NULL, NULL);
    case 5:
    case 6:
    case 7:
        return http_begin_as(token, "PATCH", path, ANY,
                             path_of("{\"city\":\"Place %u\"}", below(chance, 1000)));
    default:
        return http_begin_as(token, "POST", path_of("%s/%s", path, step), NULL,
                             strcmp(step, "return") == 0 ? "{\"reason\":\"Not yet.\"}" : NULL);
    }
}

static void end_any(const struct chance *chance, struct http_pending *pending)
{
    static const int STATUSES[] = {200, 204, 308, 403, 404, 409, 410, 422};
    CLEANUP(response_freep) struct response *response = http_end(pending);

    for (size_t i = 0; i < ARRAY_LENGTH(STATUSES); i++)
        if (response->status == STATUSES[i])
            return;
    expect_problem(response, 503, "contention", path_of("seed %u", chance->seed));
}

/* Checks C4, C7. */
Test(model, whatever_many_clients_do_at_once_leaves_the_rules_in_force)
{
    struct chance chance = chance_new();
    struct http_pending *pending[AT_ONCE] = {NULL};
    char ids[SHARED_RECORDS][40];

    for (size_t i = 0; i < SHARED_RECORDS; i++) {
        char *slug = publish_practice(path_of("Everybody's %zu", i));
        char *id =
            test_database_value(path_of("select id from catalogue.record where slug = '%s'", slug));

        (void)snprintf(ids[i], sizeof(ids[i]), "%s", id);
        free(slug);
        free(id);
    }
    for (size_t i = 0; i < REQUESTS + AT_ONCE; i++) {
        struct http_pending **slot = &pending[i % AT_ONCE];

        if (*slot != NULL)
            end_any(&chance, *slot);
        *slot = i < REQUESTS ? begin_any(&chance, ids) : NULL;
    }
    invariants_check(path_of("seed %u", chance.seed));
}
