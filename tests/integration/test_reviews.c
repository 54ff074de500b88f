/* What waits for somebody: the records that one may edit, and the queue of the editors. */
#include "support/database.h"
#include "support/leaks.h"
#include "support/server.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(reviews, .fini = test_ends_without_leaks, .timeout = 120);

/* The entry of a list with this slug, all pages looked through; owned, json_decref(); NULL: none.
 */
static json_t *find_in(const char *token, const char *path, const char *slug)
{
    const char *next = path_of("%s%climit=100", path, strchr(path, '?') == NULL ? '?' : '&');
    const char *first = next;
    json_t *found = NULL;

    while (next != NULL && found == NULL) {
        CLEANUP(response_freep) struct response *page = read_as(token, next);
        const json_t *item, *cursor;
        size_t i;

        expect_status(page, 200, next);
        cr_assert_str_eq(response_header(page, "Cache-Control"), "no-store");
        json_array_foreach (response_at(page, "/data"), i, item)
            if (strcmp(json_string_value(json_object_get(item, "slug")), slug) == 0)
                found = json_incref((json_t *)(uintptr_t)item);
        cursor = response_at(page, "/page/next");
        next =
            json_is_null(cursor) ? NULL : path_of("%s&cursor=%s", first, json_string_value(cursor));
    }
    return found;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void patch(const char *token, const char *slug, const char *body)
{
    CLEANUP(response_freep)
    struct response *response =
        write_text(token, "PATCH", path_of("/v1/practices/%s", slug), "*", NULL, body);

    expect_status(response, 200, body);
}

/* --- working copies
 * ---------------------------------------------------------------------------------- */

Test(reviews, everybody_finds_what_is_theirs_to_edit_and_nothing_else)
{
    char *own = draft_practice(writer_partner(), "Mine to edit");
    char *foreign = draft_practice(writer_other(), "Theirs to edit");
    json_auto_t *mine = find_in(writer_partner(), "/v1/working-copies", own);
    json_auto_t *theirs = find_in(writer_partner(), "/v1/working-copies", foreign);
    json_auto_t *of_catalogue = find_in(writer_partner(), "/v1/working-copies", "diomcoop");
    json_auto_t *by_editor = find_in(writer_editor(), "/v1/working-copies?resource=practices", own);
    json_auto_t *other_by_editor =
        find_in(writer_editor(), "/v1/working-copies?resource=practices", foreign);

    cr_assert_not_null(mine);
    cr_assert_str_eq(text_of(mine, "resource"), "practices");
    cr_assert_str_eq(text_of(mine, "title"), "Mine to edit");
    cr_assert_str_eq(text_of(mine, "status"), "draft");
    cr_assert_str_eq(text_of(json_object_get(mine, "owner"), "slug"), ORGANISATION);
    cr_assert_str_eq(text_of(json_object_get(mine, "links"), "working_copy"),
                     path_of("/v1/practices/%s/working-copy", text_of(mine, "id")));
    cr_assert_null(theirs);
    cr_assert_null(of_catalogue, "what is merely published is not mine to edit");
    cr_assert_not_null(by_editor);
    cr_assert_not_null(other_by_editor);
    free(own);
    free(foreign);
}

Test(reviews, working_copies_are_found_by_resource_state_and_owner)
{
    char *draft = draft_practice(writer_partner(), "A draft to be found");
    char *published = publish_practice("A published one to be found");
    static const struct {
        const char *query;
        bool has_draft, has_published;
    } ROWS[] = {
        {"resource=practices", true, true},          {"resource=practices,places", true, true},
        {"resource=places", false, false},           {"status=draft", true, false},
        {"status=published", false, true},           {"status=draft,published", true, true},
        {"status=archived", false, false},           {"owner=" ORGANISATION, true, true},
        {"owner=" OTHER_ORGANISATION, false, false}, {"owner=no-such-organisation", false, false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const char *path = path_of("/v1/working-copies?%s", ROWS[i].query);
        json_auto_t *first = find_in(writer_editor(), path, draft);
        json_auto_t *second = find_in(writer_editor(), path, published);

        cr_assert_eq(first != NULL, ROWS[i].has_draft, "%s", ROWS[i].query);
        cr_assert_eq(second != NULL, ROWS[i].has_published, "%s", ROWS[i].query);
    }
    free(draft);
    free(published);
}

Test(reviews, lists_take_nothing_but_what_they_know)
{
    static const struct {
        const char *path, *parameter;
    } ROWS[] = {
        {"/v1/working-copies?status=drafts", "status"},
        {"/v1/working-copies?status=", "status"},
        {"/v1/working-copies?resource=practises", "resource"},
        {"/v1/working-copies?resource=practices,", "resource"},
        {"/v1/working-copies?kind=record", "kind"},
        {"/v1/working-copies?limit=101", "limit"},
        {"/v1/working-copies?limit=1&limit=2", "limit"},
        {"/v1/working-copies?owner=", "owner"},
        {"/v1/working-copies?owner=a%27b", "owner"},
        {"/v1/reviews?owner=%C3%A9", "owner"},
        {"/v1/reviews?kind=records", "kind"},
        {"/v1/reviews?status=draft", "status"},
        {"/v1/reviews?limit=x", "limit"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = read_as(writer_editor(), ROWS[i].path);

        expect_problem(response, 400, "invalid-parameter", ROWS[i].path);
        cr_assert_str_eq(response_text_at(response, "/errors/0/parameter"), ROWS[i].parameter);
    }
    {
        CLEANUP(response_freep)
        struct response *near = read_as(writer_editor(), "/v1/working-copies?resource=practises");

        cr_assert_not_null(strstr(near->body, "'practices'"), "%s", near->body);
    }
}

Test(reviews, working_copies_come_in_pages_what_changed_last_first)
{
    char *slugs[5];
    char *found[5] = {NULL};
    size_t count = 0;
    const char *first = "/v1/working-copies?status=draft&limit=2", *next = first;

    for (size_t i = 0; i < ARRAY_LENGTH(slugs); i++)
        slugs[i] = draft_practice(writer_other(), path_of("Page by page %zu", i));
    while (next != NULL) {
        CLEANUP(response_freep) struct response *page = read_as(writer_other(), next);
        const json_t *item, *cursor;
        size_t i;

        expect_status(page, 200, next);
        json_array_foreach (response_at(page, "/data"), i, item) {
            if (strncmp(text_of(item, "slug"), "page-by-page", 12) != 0)
                continue;
            cr_assert_lt(count, ARRAY_LENGTH(found), "one came twice");
            found[count++] = strdup(text_of(item, "slug"));
        }
        cursor = response_at(page, "/page/next");
        next =
            json_is_null(cursor) ? NULL : path_of("%s&cursor=%s", first, json_string_value(cursor));
    }
    cr_assert_eq(count, ARRAY_LENGTH(slugs));
    for (size_t i = 0; i < ARRAY_LENGTH(slugs); i++) {
        cr_assert_str_eq(found[i], slugs[ARRAY_LENGTH(slugs) - 1 - i]);
        free(found[i]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(slugs); i++)
        free(slugs[i]);
}

/* --- the queue
 * ----------------------------------------------------------------------------------------- */

Test(reviews, what_waits_is_in_the_queue_and_what_does_not_is_not)
{
    char *record = draft_practice(writer_partner(), "A new record that waits");
    char *change = publish_practice("A change of it waits");
    char *returned = publish_practice("Its change was returned");
    char *draft = draft_practice(writer_partner(), "A draft that waits for nobody");
    json_auto_t *item = NULL;

    take_step(writer_partner(), record, "submit");
    patch(writer_partner(), change, "{\"city\":\"Namur\",\"country\":\"BE\"}");
    patch(writer_partner(), returned, "{\"city\":\"Namur\"}");
    take_step(writer_editor(), returned, "return");

    item = find_in(writer_editor(), "/v1/reviews", record);
    cr_assert_not_null(item);
    cr_assert_str_eq(text_of(item, "kind"), "record");
    cr_assert_str_eq(text_of(item, "title"), "A new record that waits");
    cr_assert_str_eq(text_of(json_object_get(item, "owner"), "slug"), ORGANISATION);
    cr_assert_not_null(text_of(item, "since"));
    json_decref(item);

    item = find_in(writer_editor(), "/v1/reviews?kind=change", change);
    cr_assert_not_null(item);
    cr_assert_str_eq(text_of(item, "kind"), "change");
    cr_assert_eq(json_array_size(json_object_get(item, "changed")), 2);
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(item, "changed"), 0)),
                     "city");
    cr_assert_str_eq(text_of(json_object_get(item, "links"), "working_copy"),
                     path_of("/v1/practices/%s/working-copy", change));
    json_decref(item);

    item = find_in(writer_editor(), "/v1/reviews?kind=record", change);
    cr_assert_null(item, "of another kind");
    item = find_in(writer_editor(), "/v1/reviews", returned);
    cr_assert_null(item, "it is the partner's turn");
    item = find_in(writer_editor(), "/v1/reviews", draft);
    cr_assert_null(item, "it was not submitted");

    take_step(writer_editor(), change, "publish");
    item = find_in(writer_editor(), "/v1/reviews", change);
    cr_assert_null(item, "it was published");
    free(record);
    free(change);
    free(returned);
    free(draft);
}

Test(reviews, the_queue_is_narrowed_by_resource_and_owner)
{
    char *slug = draft_practice(writer_other(), "Of the others, and waits");
    static const struct {
        const char *query;
        bool has_it;
    } ROWS[] = {
        {"resource=practices", true},
        {"resource=places,networks", false},
        {"owner=" OTHER_ORGANISATION, true},
        {"owner=" ORGANISATION, false},
        {"owner=" OTHER_ORGANISATION "&kind=record&resource=practices", true},
        {"kind=proposal", false},
        {"kind=proposal,record", true},
    };

    take_step(writer_other(), slug, "submit");
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *item =
            find_in(writer_editor(), path_of("/v1/reviews?%s", ROWS[i].query), slug);

        cr_assert_eq(item != NULL, ROWS[i].has_it, "%s", ROWS[i].query);
    }
    free(slug);
}

/* Checks Z7. */
Test(reviews, the_queue_is_for_editors)
{
    CLEANUP(response_freep) struct response *by_partner = read_as(writer_partner(), "/v1/reviews");
    CLEANUP(response_freep) struct response *by_nobody = read_as(NULL, "/v1/reviews");
    CLEANUP(response_freep) struct response *copies = read_as(NULL, "/v1/working-copies");
    CLEANUP(response_freep) struct response *by_admin = read_as(writer_admin(), "/v1/reviews");

    expect_problem(by_partner, 403, "forbidden", "a partner");
    expect_problem(by_nobody, 401, "unauthenticated", "nobody");
    expect_problem(copies, 401, "unauthenticated", "working copies, nobody");
    expect_status(by_admin, 200, "an administrator");
}

/* Checks P12. */
Test(reviews, who_looks_at_what_is_not_public_is_on_record)
{
    char *slug = draft_practice(writer_partner(), "Looked at");
    CLEANUP(response_freep)
    struct response *copy = NULL, *fallback = NULL, *versions = NULL, *version = NULL, *list = NULL,
                    *queue = NULL;
    static const struct {
        const char *action, *role;
        long count;
        bool has_record;
    } ROWS[] = {
        {"working-copy.read", "editor", 2, true},
        {"versions.read", "editor", 1, true},
        {"version.read", "editor", 1, true},
        {"record.create", "partner", 1, true},
    };
    char *id;

    copy = read_as(writer_editor(), path_of("/v1/practices/%s/working-copy", slug));
    fallback = read_as(writer_editor(), path_of("/v1/practices/%s", slug));
    versions = read_as(writer_editor(), path_of("/v1/practices/%s/versions", slug));
    version = read_as(writer_editor(), path_of("/v1/practices/%s/versions/1", slug));
    list = read_as(writer_editor(), "/v1/working-copies");
    queue = read_as(writer_editor(), "/v1/reviews");
    expect_status(list, 200, "the list");
    expect_status(queue, 200, "the queue");
    id = strdup(response_text_at(copy, "/id"));
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_assert_eq(
            count_rows(path_of("select count(*) from audit.entry where record_id = '%s' and "
                               "action = '%s' and role = '%s' and version = 1",
                               id, ROWS[i].action, ROWS[i].role)),
            ROWS[i].count, "%s", ROWS[i].action);
    cr_assert_gt(count_rows("select count(*) from audit.entry where action = "
                            "'working-copies.list' and role = 'editor'"),
                 0);
    cr_assert_gt(count_rows("select count(*) from audit.entry where action = 'reviews.list'"), 0);
    free(id);
    free(slug);
}
