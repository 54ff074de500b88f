/*
 * The way of a record to the public and back: which step leads where, who may take it, and what the
 * public sees meanwhile.
 */
#include "base/text.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/server.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(workflow, .fini = test_ends_without_leaks, .timeout = 120);

static struct response *step(const char *token, const char *slug, const char *name)
{
    return write_text(token, "POST", path_of("/v1/practices/%s/%s", slug, name), NULL, NULL,
                      strcmp(name, "return") == 0 ? "{\"reason\":\"Please mend it.\"}" : NULL);
}

static struct response *patch(const char *token, const char *slug, const char *body)
{
    return write_text(token, "PATCH", path_of("/v1/practices/%s", slug), "*", NULL, body);
}

/* A practice in one of the states that there are; owned. */
static char *practice_in(const char *state)
{
    char *slug = draft_practice(writer_partner(), path_of("A practice that is %s", state));

    if (strcmp(state, "draft") == 0)
        return slug;
    take_step(writer_partner(), slug, "submit");
    if (strcmp(state, "in_review") == 0)
        return slug;
    take_step(writer_editor(), slug, "publish");
    if (strcmp(state, "archived") == 0)
        take_step(writer_editor(), slug, "archive");
    if (strcmp(state, "changed") == 0 || strcmp(state, "returned") == 0) {
        CLEANUP(response_freep)
        struct response *response = patch(writer_partner(), slug, "{\"city\":\"Namur\"}");

        expect_status(response, 200, state);
    }
    if (strcmp(state, "returned") == 0)
        take_step(writer_editor(), slug, "return");
    return slug;
}

/* --- the states
 * ------------------------------------------------------------------------------------- */

/* Checks V22. */
Test(workflow, each_step_leads_from_its_states_alone)
{
    static const struct {
        const char *state, *step, *status, *review; /* NULL: 409; then it stays */
    } ROWS[] = {
        {"draft", "submit", "in_review", NULL},
        {"draft", "publish", NULL, NULL},
        {"draft", "return", NULL, NULL},
        {"draft", "archive", NULL, NULL},
        {"draft", "verify", "draft", NULL},
        {"in_review", "submit", "in_review", NULL},
        {"in_review", "publish", "published", NULL},
        {"in_review", "return", "draft", NULL},
        {"in_review", "archive", NULL, NULL},
        {"published", "submit", NULL, NULL},
        {"published", "publish", NULL, NULL},
        {"published", "return", NULL, NULL},
        {"published", "archive", "archived", NULL},
        {"published", "verify", "published", NULL},
        {"changed", "submit", "published", "in_review"},
        {"changed", "publish", "published", NULL},
        {"changed", "return", "published", "returned"},
        {"returned", "submit", "published", "in_review"},
        {"returned", "return", NULL, NULL},
        {"returned", "publish", NULL, NULL},
        {"archived", "submit", NULL, NULL},
        {"archived", "publish", NULL, NULL},
        {"archived", "return", NULL, NULL},
        {"archived", "archive", NULL, NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char *slug = practice_in(ROWS[i].state);
        const char *why = path_of("%s of what is %s", ROWS[i].step, ROWS[i].state);
        CLEANUP(response_freep)
        struct response *before =
            read_as(writer_editor(), path_of("/v1/practices/%s/working-copy", slug));
        CLEANUP(response_freep)
        struct response *response = step(writer_editor(), slug, ROWS[i].step);
        CLEANUP(response_freep) struct response *after = NULL;

        if (ROWS[i].status == NULL) {
            expect_problem(response, 409, "invalid-transition", why);
            cr_assert_not_null(response_at(response, "/detail"), "%s", why);
            after = read_as(writer_editor(), path_of("/v1/practices/%s/working-copy", slug));
            cr_assert_str_eq(after->body, before->body, "%s: nothing has changed", why);
        } else {
            const json_t *review;

            expect_status(response, 200, why);
            cr_assert_str_eq(response_text_at(response, "/status"), ROWS[i].status, "%s", why);
            review = response_at(response, "/review");
            cr_assert_eq(review != NULL, ROWS[i].review != NULL, "%s: %s", why, response->body);
            if (review != NULL)
                cr_assert_str_eq(json_string_value(review), ROWS[i].review, "%s", why);
        }
        free(slug);
    }
}

/* Checks Z8. */
Test(workflow, steps_are_taken_by_those_who_may)
{
    static const struct {
        const char *state, *step, *body;
    } ROWS[] = {
        {"in_review", "publish", NULL},
        {"in_review", "return", "{\"reason\":\"x\"}"},
        {"published", "archive", NULL},
        {"published", "merge", "{\"into\":\"univerbal\"}"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char *slug = practice_in(ROWS[i].state);
        const char *path = path_of("/v1/practices/%s/%s", slug, ROWS[i].step);
        CLEANUP(response_freep)
        struct response *own = write_text(writer_partner(), "POST", path, NULL, NULL, ROWS[i].body);
        CLEANUP(response_freep)
        struct response *other = write_text(writer_other(), "POST", path, NULL, NULL, ROWS[i].body);
        CLEANUP(response_freep)
        struct response *nobody = write_text(NULL, "POST", path, NULL, NULL, ROWS[i].body);
        CLEANUP(response_freep)
        struct response *narrow = write_text(token_with_scopes("editor", NULL, "read write"),
                                             "POST", path, NULL, NULL, ROWS[i].body);

        expect_problem(own, 403, "forbidden", ROWS[i].step);
        expect_problem(other, 403, "forbidden", ROWS[i].step);
        expect_problem(nobody, 401, "unauthenticated", ROWS[i].step);
        expect_problem(narrow, 403, "insufficient-scope", ROWS[i].step);
        free(slug);
    }
}

Test(workflow, what_is_published_is_changed_deleted_and_verified_by_its_owner_alone_and_by_editors)
{
    char *slug = practice_in("published");
    CLEANUP(response_freep)
    struct response *patched = patch(writer_other(), slug, "{\"city\":\"Namur\"}");
    CLEANUP(response_freep)
    struct response *deleted =
        write_text(writer_other(), "DELETE", path_of("/v1/practices/%s", slug), "*", NULL, NULL);
    CLEANUP(response_freep) struct response *verified = step(writer_other(), slug, "verify");
    CLEANUP(response_freep) struct response *by_owner = step(writer_partner(), slug, "verify");

    expect_problem(patched, 403, "forbidden", "patched by others: they see it, it is not theirs");
    expect_problem(deleted, 403, "forbidden", "deleted by others");
    expect_problem(verified, 403, "forbidden", "verified by others");
    expect_status(by_owner, 200, "verified by its owner");
    free(slug);
}

/* --- the way to the public
 * ------------------------------------------------------------------------- */

Test(workflow, a_draft_becomes_public_by_an_editors_word)
{
    char *slug = draft_practice(writer_partner(), "On its way");
    const char *path = path_of("/v1/practices/%s", slug);
    CLEANUP(response_freep)
    struct response *unseen = NULL, *seen = NULL, *listed = NULL, *archived = NULL, *own = NULL,
                    *restored = NULL;

    take_step(writer_partner(), slug, "submit");
    unseen = read_as(NULL, path);
    expect_status(unseen, 404, "in review");
    take_step(writer_editor(), slug, "publish");
    seen = read_as(NULL, path);
    expect_status(seen, 200, "published");
    cr_assert_str_eq(response_text_at(seen, "/status"), "published");
    listed = read_as(NULL, path_of("/v1/practices?slug=%s", slug));
    cr_assert_eq(json_array_size(response_at(listed, "/data")), 1);

    take_step(writer_editor(), slug, "archive");
    archived = read_as(NULL, path);
    expect_problem(archived, 410, "gone", "archived");
    own = read_as(writer_partner(), path);
    expect_status(own, 200, "its owner sees it still");
    cr_assert_str_eq(response_text_at(own, "/status"), "archived");
    restored = write_text(writer_editor(), "POST", path_of("%s/versions/1/restore", path), NULL,
                          NULL, NULL);
    expect_status(restored, 200, "restored");
    cr_assert_str_eq(response_text_at(restored, "/status"), "draft");
    free(slug);
}

/* Checks H23. */
Test(workflow, a_partners_change_waits_while_the_public_keeps_reading_what_was_published)
{
    char *slug = practice_in("published");
    const char *path = path_of("/v1/practices/%s", slug);
    CLEANUP(response_freep) struct response *before = read_as(NULL, path);
    CLEANUP(response_freep)
    struct response *changed = patch(writer_partner(), slug, "{\"city\":\"Namur\"}");
    CLEANUP(response_freep)
    struct response *again = patch(writer_partner(), slug, "{\"country\":\"BE\"}");
    CLEANUP(response_freep) struct response *meanwhile = read_as(NULL, path);
    CLEANUP(response_freep) struct response *signed_in = read_as(writer_partner(), path);
    CLEANUP(response_freep) struct response *published = NULL, *after = NULL;

    expect_status(changed, 200, "changed");
    cr_assert_str_eq(response_text_at(changed, "/review"), "in_review");
    cr_assert_str_eq(response_text_at(again, "/city"), "Namur", "one change goes on to the next");
    cr_assert_str_eq(meanwhile->body, before->body, "the public sees what was published");
    cr_assert_str_eq(signed_in->body, before->body, "the same bytes for everybody");
    cr_assert_str_eq(response_header(meanwhile, "ETag"), response_header(before, "ETag"));

    published = step(writer_editor(), slug, "publish");
    expect_status(published, 200, "published");
    after = read_as(NULL, path);
    cr_assert_str_eq(response_text_at(after, "/city"), "Namur");
    cr_assert_str_eq(response_text_at(after, "/country"), "BE");
    cr_assert_null(response_at(after, "/review"));
    free(slug);
}

Test(workflow, what_is_returned_says_why_and_waits_again_after_the_next_change)
{
    char *slug = practice_in("changed");
    const char *path = path_of("/v1/practices/%s", slug);
    CLEANUP(response_freep)
    struct response *without =
        write_text(writer_editor(), "POST", path_of("%s/return", path), NULL, NULL, "{}");
    CLEANUP(response_freep)
    struct response *empty = write_text(writer_editor(), "POST", path_of("%s/return", path), NULL,
                                        NULL, "{\"reason\":\"\"}");
    CLEANUP(response_freep)
    struct response *returned = write_text(writer_editor(), "POST", path_of("%s/return", path),
                                           NULL, NULL, "{\"reason\":\"Which Namur is meant?\"}");
    CLEANUP(response_freep)
    struct response *copy = read_as(writer_partner(), path_of("%s/working-copy", path));
    CLEANUP(response_freep)
    struct response *versions = read_as(writer_partner(), path_of("%s/versions", path));
    CLEANUP(response_freep) struct response *mended = NULL;

    expect_problem(without, 422, "validation-failed", "no reason");
    expect_error(without, "/reason", "required", "no reason");
    expect_problem(empty, 422, "validation-failed", "an empty reason");
    expect_status(returned, 200, "returned");
    expect_status(copy, 200, "the partner reads it");
    cr_assert_str_eq(response_text_at(copy, "/review"), "returned");
    cr_assert_str_eq(response_text_at(copy, "/review_reason"), "Which Namur is meant?");
    cr_assert_str_eq(response_text_at(versions, "/data/0/action"), "return");
    cr_assert_str_eq(response_text_at(versions, "/data/0/reason"), "Which Namur is meant?");
    cr_assert_str_eq(response_text_at(versions, "/data/0/role"), "editor");

    mended = patch(writer_partner(), slug, "{\"country\":\"BE\"}");
    expect_status(mended, 200, "mended");
    cr_assert_str_eq(response_text_at(mended, "/review"), "in_review");
    cr_assert_null(response_at(mended, "/review_reason"));
    free(slug);
}

Test(workflow, a_draft_that_is_returned_says_why_too)
{
    char *slug = practice_in("in_review");
    CLEANUP(response_freep) struct response *copy = NULL;

    take_step(writer_editor(), slug, "return");
    copy = read_as(writer_partner(), path_of("/v1/practices/%s/working-copy", slug));
    cr_assert_str_eq(response_text_at(copy, "/status"), "draft");
    cr_assert_str_eq(response_text_at(copy, "/review_reason"), "Please mend it.");
    take_step(writer_partner(), slug, "submit");
    free(slug);
}

Test(workflow, an_editors_change_of_what_is_published_is_public_at_once)
{
    char *slug = practice_in("published");
    CLEANUP(response_freep)
    struct response *changed = patch(writer_editor(), slug, "{\"city\":\"Mons\"}");
    CLEANUP(response_freep) struct response *shown = NULL;

    expect_status(changed, 200, "changed");
    cr_assert_null(response_at(changed, "/review"));
    shown = read_as(NULL, path_of("/v1/practices/%s", slug));
    cr_assert_str_eq(response_text_at(shown, "/city"), "Mons");
    free(slug);
}

Test(workflow, who_verifies_says_that_it_is_true_today)
{
    char *slug = practice_in("published");
    CLEANUP(response_freep)
    struct response *before = read_as(NULL, path_of("/v1/practices/%s", slug));
    CLEANUP(response_freep) struct response *verified = step(writer_partner(), slug, "verify");
    CLEANUP(response_freep)
    struct response *after = read_as(NULL, path_of("/v1/practices/%s", slug));

    cr_assert_null(response_at(before, "/verified_at"));
    expect_status(verified, 200, "verified");
    cr_assert_str_eq(response_text_at(after, "/verified_at"),
                     response_text_at(verified, "/verified_at"));
    free(slug);
}

Test(workflow, a_step_can_say_which_version_it_is_meant_for)
{
    char *slug = practice_in("in_review"), *etag = etag_of(writer_editor(), slug);
    const char *path = path_of("/v1/practices/%s/publish", slug);
    CLEANUP(response_freep)
    struct response *changed = patch(writer_partner(), slug, "{\"city\":\"Namur\"}");
    CLEANUP(response_freep)
    struct response *stale = write_text(writer_editor(), "POST", path, etag, NULL, NULL);
    CLEANUP(response_freep) struct response *fresh = NULL;

    expect_status(changed, 200, "changed while it was being looked at");
    expect_problem(stale, 412, "precondition-failed", "what was looked at is not what is there");
    cr_assert_str_eq(response_header(stale, "ETag"), response_header(changed, "ETag"));
    fresh = write_text(writer_editor(), "POST", path, response_header(stale, "ETag"), NULL, NULL);
    expect_status(fresh, 200, "the present one");
    free(slug);
    free(etag);
}

/* --- merging
 * ------------------------------------------------------------------------------------------ */

Test(workflow, what_referred_to_a_duplicate_refers_to_the_record_that_stays)
{
    char *duplicate = practice_in("published"), *survivor = practice_in("published");
    json_auto_t *place = json_pack("{s:s,s:s,s:s,s:s}", "name", "A place of the duplicate", "kind",
                                   "hub", "summary", "A place.", "practice", duplicate);
    json_auto_t *into = json_pack("{s:s}", "into", survivor);
    CLEANUP(response_freep)
    struct response *created = write_as(writer_partner(), "POST", "/v1/places", NULL, NULL, place);
    const char *slug = response_text_at(created, "/slug");
    CLEANUP(response_freep)
    struct response *merged = write_as(
        writer_editor(), "POST", path_of("/v1/practices/%s/merge", duplicate), NULL, NULL, into);
    CLEANUP(response_freep)
    struct response *after = read_as(writer_partner(), path_of("/v1/places/%s/working-copy", slug));
    CLEANUP(response_freep)
    struct response *versions = read_as(writer_partner(), path_of("/v1/places/%s/versions", slug));

    expect_status(merged, 200, "merged");
    cr_assert_str_eq(response_text_at(after, "/practice/slug"), survivor);
    cr_assert_str_eq(response_text_at(versions, "/data/0/action"), "redirect");
    free(duplicate);
    free(survivor);
}

Test(workflow, a_record_is_merged_into_another_of_its_resource_that_is_there)
{
    char *slug = practice_in("published");
    static const struct {
        const char *body, *code;
    } ROWS[] = {
        {"{\"into\":\"no-such-practice\"}", "unknown-reference"},
        {"{\"into\":\"glossary\"}", "unknown-reference"},
        {"{}", "required"},
        {"{\"into\":7}", "wrong-type"},
    };
    json_auto_t *itself = json_pack("{s:s}", "into", slug);
    const char *path = path_of("/v1/practices/%s/merge", slug);
    CLEANUP(response_freep)
    struct response *same = write_as(writer_editor(), "POST", path, NULL, NULL, itself);

    expect_problem(same, 422, "validation-failed", "into itself");
    expect_error(same, "/into", "not-allowed", "into itself");
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response =
            write_text(writer_editor(), "POST", path, NULL, NULL, ROWS[i].body);

        expect_problem(response, 422, "validation-failed", ROWS[i].body);
        expect_error(response, "/into", ROWS[i].code, ROWS[i].body);
    }
    free(slug);
}
