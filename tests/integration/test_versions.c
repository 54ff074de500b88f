/* The history of records: who changed what and when, each version as it was, and going back. */
#include "support/database.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/server.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(versions, .fini = test_ends_without_leaks, .timeout = 120);

static void patch(const char *token, const char *slug, const char *body)
{
    CLEANUP(response_freep)
    struct response *response =
        write_text(token, "PATCH", path_of("/v1/practices/%s", slug), "*", NULL, body);

    expect_status(response, 200, body);
}

static const char *action_at(struct response *versions, size_t place)
{
    return response_text_at(versions, path_of("/data/%zu/action", place));
}

/* A practice that was drafted, changed twice, submitted, published; 5 versions. Owned. */
static char *practice_with_a_past(const char *title)
{
    char *slug = draft_practice(writer_partner(), title);

    patch(writer_partner(), slug, "{\"city\":\"Namur\",\"country\":\"BE\"}");
    patch(writer_partner(), slug, "{\"city\":null,\"summary\":\"Another one.\"}");
    take_step(writer_partner(), slug, "submit");
    take_step(writer_editor(), slug, "publish");
    return slug;
}

Test(versions, each_change_is_a_version_with_who_when_and_what)
{
    static const char *const ACTIONS[] = {"publish", "submit", "update", "update", "create"};
    char *slug = practice_with_a_past("Has a past");
    CLEANUP(response_freep)
    struct response *versions =
        read_as(writer_partner(), path_of("/v1/practices/%s/versions", slug));

    expect_status(versions, 200, "the history");
    cr_assert_str_eq(response_header(versions, "Cache-Control"), "no-store");
    cr_assert_eq(json_array_size(response_at(versions, "/data")), ARRAY_LENGTH(ACTIONS));
    for (size_t i = 0; i < ARRAY_LENGTH(ACTIONS); i++) {
        cr_assert_str_eq(action_at(versions, i), ACTIONS[i]);
        cr_assert_eq(json_integer_value(response_at(versions, path_of("/data/%zu/version", i))),
                     (json_int_t)(ARRAY_LENGTH(ACTIONS) - i));
        cr_assert_str_eq(response_text_at(versions, path_of("/data/%zu/role", i)),
                         i == 0 ? "editor" : "partner");
    }
    cr_assert_eq(json_array_size(response_at(versions, "/data/1/changed")), 0);
    cr_assert_eq(json_array_size(response_at(versions, "/data/2/changed")), 2);
    cr_assert_str_eq(response_text_at(versions, "/data/2/changed/0"), "city");
    cr_assert_str_eq(response_text_at(versions, "/data/2/changed/1"), "summary");
    cr_assert_str_eq(response_text_at(versions, "/data/0/status"), "published");
    free(slug);
}

Test(versions, a_change_that_changes_nothing_is_none)
{
    char *slug = draft_practice(writer_partner(), "Stays as it is");
    CLEANUP(response_freep) struct response *versions = NULL;

    patch(writer_partner(), slug, "{\"title\":\"Stays as it is\"}");
    patch(writer_partner(), slug, "{}");
    versions = read_as(writer_partner(), path_of("/v1/practices/%s/versions", slug));
    cr_assert_eq(json_array_size(response_at(versions, "/data")), 1, "%s", versions->body);
    free(slug);
}

/* Checks Z24. */
Test(versions, the_history_comes_in_pages_and_a_cursor_belongs_to_who_got_it)
{
    char *slug = practice_with_a_past("Has a long past");
    const char *path = path_of("/v1/practices/%s/versions", slug);
    const char *next = path_of("%s?limit=2", path);
    size_t count = 0;

    for (;;) {
        CLEANUP(response_freep) struct response *page = read_as(writer_partner(), next);
        const json_t *cursor;

        expect_status(page, 200, next);
        count += json_array_size(response_at(page, "/data"));
        cursor = response_at(page, "/page/next");
        if (json_is_null(cursor))
            break;
        cr_assert_not_null(strstr(response_header(page, "Link"), "rel=\"next\""));
        next = path_of("%s?limit=2&cursor=%s", path, json_string_value(cursor));
    }
    cr_assert_eq(count, 5);
    {
        CLEANUP(response_freep) struct response *foreign = read_as(writer_editor(), next);
        CLEANUP(response_freep)
        struct response *elsewhere =
            read_as(writer_partner(), path_of("/v1/working-copies?%s", strchr(next, '?') + 1));
        CLEANUP(response_freep)
        struct response *bad = read_as(writer_partner(), path_of("%s?cursor=abc", path));
        CLEANUP(response_freep)
        struct response *none = read_as(writer_partner(), path_of("%s?limit=0", path));
        CLEANUP(response_freep)
        struct response *unknown = read_as(writer_partner(), path_of("%s?before=3", path));

        expect_problem(foreign, 400, "invalid-cursor", "somebody else's");
        expect_problem(elsewhere, 400, "invalid-cursor", "of another list");
        expect_problem(bad, 400, "invalid-cursor", "none at all");
        expect_problem(none, 400, "invalid-parameter", "limit=0");
        expect_problem(unknown, 400, "invalid-parameter", "before=3");
    }
    free(slug);
}

Test(versions, each_version_is_shown_as_it_was)
{
    char *slug = practice_with_a_past("Was this and that");
    const char *path = path_of("/v1/practices/%s/versions", slug);
    CLEANUP(response_freep)
    struct response *first = read_as(writer_partner(), path_of("%s/1", path));
    CLEANUP(response_freep)
    struct response *second = read_as(writer_partner(), path_of("%s/2", path));
    CLEANUP(response_freep)
    struct response *third = read_as(writer_partner(), path_of("%s/3", path));
    CLEANUP(response_freep)
    struct response *fourth = read_as(writer_partner(), path_of("%s/4", path));
    static const char *const NONE[] = {"6", "0", "-1", "x", "99999999999999999999"};

    expect_status(first, 200, "the first");
    cr_assert_null(response_at(first, "/city"));
    cr_assert_str_eq(response_text_at(second, "/city"), "Namur");
    cr_assert_null(response_at(third, "/city"));
    cr_assert_str_eq(response_text_at(third, "/summary"), "Another one.");
    cr_assert_str_eq(response_text_at(third, "/status"), "draft");
    cr_assert_str_eq(response_text_at(fourth, "/status"), "in_review");
    cr_assert_eq(json_integer_value(response_at(second, "/version")), 2);
    cr_assert_not_null(strstr(response_header(second, "Link"), "rel=\"version-history\""));
    for (size_t i = 0; i < ARRAY_LENGTH(NONE); i++) {
        CLEANUP(response_freep)
        struct response *response = read_as(writer_partner(), path_of("%s/%s", path, NONE[i]));

        expect_problem(response, 404, "not-found", NONE[i]);
    }
    free(slug);
}

Test(versions, the_records_of_the_founding_catalogue_have_a_history_too)
{
    CLEANUP(response_freep)
    struct response *versions = read_as(writer_editor(), "/v1/practices/univerbal/versions");
    CLEANUP(response_freep)
    struct response *version = read_as(writer_editor(), "/v1/practices/univerbal/versions/1");
    CLEANUP(response_freep) struct response *shown = read_as(NULL, "/v1/practices/univerbal");

    expect_status(versions, 200, "its versions");
    cr_assert_eq(json_array_size(response_at(versions, "/data")), 1);
    cr_assert_str_eq(action_at(versions, 0), "import");
    expect_status(version, 200, "the one version");
    cr_assert(json_equal(response_at(version, "/impact"), response_at(shown, "/impact")));
}

Test(versions, going_back_is_a_change_like_any_other)
{
    char *slug = practice_with_a_past("Goes back");
    const char *path = path_of("/v1/practices/%s", slug);
    CLEANUP(response_freep)
    struct response *by_partner = write_text(
        writer_partner(), "POST", path_of("%s/versions/2/restore", path), NULL, NULL, NULL);
    CLEANUP(response_freep) struct response *meanwhile = read_as(NULL, path);
    CLEANUP(response_freep)
    struct response *by_editor = NULL, *after = NULL, *versions = NULL, *none = NULL;

    expect_status(by_partner, 200, "a partner's waits");
    cr_assert_str_eq(response_text_at(by_partner, "/city"), "Namur");
    cr_assert_str_eq(response_text_at(by_partner, "/review"), "in_review");
    cr_assert_null(response_at(meanwhile, "/city"), "the public does not see it");

    by_editor = write_text(writer_editor(), "POST", path_of("%s/versions/1/restore", path), NULL,
                           NULL, NULL);
    expect_status(by_editor, 200, "an editor's is public at once");
    after = read_as(NULL, path);
    cr_assert_str_eq(response_text_at(after, "/summary"), "Written by a test.");
    cr_assert_null(response_at(after, "/country"));
    versions = read_as(writer_editor(), path_of("%s/versions", path));
    cr_assert_str_eq(action_at(versions, 0), "restore");
    cr_assert_str_eq(action_at(versions, 1), "restore");
    none = write_text(writer_editor(), "POST", path_of("%s/versions/77/restore", path), NULL, NULL,
                      NULL);
    expect_problem(none, 404, "not-found", "a version that there is not");
    free(slug);
}

Test(versions, what_was_deleted_keeps_its_history_and_comes_back_as_a_draft)
{
    char *slug = practice_with_a_past("Was deleted");
    const char *path = path_of("/v1/practices/%s", slug);
    CLEANUP(response_freep)
    struct response *deleted = write_text(writer_partner(), "DELETE", path, "*", NULL, NULL);
    CLEANUP(response_freep)
    struct response *versions = read_as(writer_partner(), path_of("%s/versions", path));
    CLEANUP(response_freep)
    struct response *version = read_as(writer_partner(), path_of("%s/versions/2", path));
    CLEANUP(response_freep)
    struct response *of_other = read_as(writer_other(), path_of("%s/versions", path));
    CLEANUP(response_freep) struct response *restored = NULL, *copy = NULL, *gone = NULL;

    expect_status(deleted, 204, "deleted");
    expect_status(versions, 200, "its history");
    cr_assert_str_eq(action_at(versions, 0), "delete");
    expect_status(version, 200, "one of its versions");
    cr_assert_eq(of_other->status == 404 || of_other->status == 410, true, "%d", of_other->status);
    restored = write_text(writer_partner(), "POST", path_of("%s/versions/3/restore", path), NULL,
                          NULL, NULL);
    expect_status(restored, 200, "restored");
    cr_assert_str_eq(response_text_at(restored, "/status"), "draft");
    copy = read_as(writer_partner(), path_of("%s/working-copy", path));
    expect_status(copy, 200, "it is there again");
    gone = read_as(NULL, path);
    expect_status(gone, 410, "the public does not see it");
    free(slug);
}

/* Checks Z2. */
Test(versions, the_history_is_for_the_owner_and_editors)
{
    char *slug = practice_with_a_past("Whose past");
    const char *path = path_of("/v1/practices/%s/versions", slug);
    CLEANUP(response_freep) struct response *by_other = read_as(writer_other(), path);
    CLEANUP(response_freep) struct response *by_nobody = read_as(NULL, path);
    CLEANUP(response_freep)
    struct response *one_by_other = read_as(writer_other(), path_of("%s/1", path));

    cr_assert_eq(by_other->status == 403 || by_other->status == 404, true, "%d", by_other->status);
    cr_assert_eq(one_by_other->status == 403 || one_by_other->status == 404, true, "%d",
                 one_by_other->status);
    expect_problem(by_nobody, 401, "unauthenticated", "nobody");
    free(slug);
}
