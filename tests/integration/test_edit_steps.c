/*
 * The way of a record to the public and back: each step where it may be taken and by whom, what the
 * public sees of it, what the history tells, and how records are deleted and brought back.
 */
#include "contract/contract.h"
#include "support/leaks.h"
#include "support/workshop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

WORKSHOP_BEFORE_TESTS()
WORKSHOP_AFTER_TESTS()

TestSuite(edit_steps, .fini = test_ends_without_leaks, .timeout = 120);

#define PRACTICES "practices"

/* What the public sees of a property. */
#define expect_public(expected, id, property)                                                      \
    expect_value(expected,                                                                         \
                 "select document::json->>'%s' from published.practices_documents "                \
                 "where id = '%s'",                                                                \
                 property, id)
#define HISTORY                                                                                    \
    "select string_agg(action, ' ' order by version) from catalogue.version "                      \
    "where record_id = '%s'"
#define CHANGES                                                                                    \
    "select string_agg(kind || ' ' || version, ', ' order by seq) from catalogue.change "          \
    "where record_id = '%s'"

/* --- the way to the public
 * ---------------------------------------------------------------------------- */

Test(edit_steps, a_record_goes_its_way_to_the_public_and_its_history_tells)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];

    workshop_publish(&workshop, 0, "On its way", "", id);
    expect_value("published 3 3",
                 "select concat_ws(' ', status, version, latest) from catalogue.record "
                 "where id = '%s'",
                 id);
    expect_value("create submit publish", HISTORY, id);
    expect_value("created 3", CHANGES, id);
    expect_public("on-its-way", id, "slug");
    expect_public("3", id, "version");

    /* An editor's change is public at once. */
    workshop_patch(&workshop, CALLER_EDITOR, -1, "on-its-way",
                   "{\"summary\": \"By an editor.\", \"slug\": \"its-way\"}");
    expect_public("By an editor.", id, "summary");
    expect_public("4", id, "version");
    expect_value("on-its-way", "select slug from published.moved where id = '%s'", id);

    /* A partner's waits, and everybody else goes on reading what is published. */
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, "on-its-way"));
    cr_expect_not_null(session.record.public_etag);
    must(&session, session_patch(&session, "{\"summary\": \"By a partner.\"}"));
    cr_expect_str_eq(session.record.status, "published");
    cr_expect_str_eq(session_shows(&session, "review"), "in_review");
    cr_expect_eq(session.record.version, 5);
    cr_expect_eq(session.record.live_version, 4);
    session_commit(&session);
    expect_public("By an editor.", id, "summary");
    expect_value("created 3, updated 4", CHANGES, id);

    workshop_take(&workshop, CALLER_EDITOR, -1, id, EDIT_RETURN);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    cr_expect_str_eq(session_shows(&session, "review"), "returned");
    cr_expect_str_eq(session_shows(&session, "review_reason"), "Because.");
    cr_expect_str_eq(session_shows(&session, "summary"), "By a partner.");
    cr_expect_null(session.record.public_etag, "it is the ETag of something else");
    session_commit(&session);
    workshop_take(&workshop, CALLER_PARTNER, 0, id, EDIT_SUBMIT);
    workshop_take(&workshop, CALLER_EDITOR, -1, id, EDIT_PUBLISH);
    expect_public("By a partner.", id, "summary");
    expect_public("8", id, "version");

    workshop_take(&workshop, CALLER_EDITOR, -1, id, EDIT_ARCHIVE);
    expect_value("0", "select count(*) from published.practices where id = '%s'", id);
    expect_value("its-way", "select slug from published.gone where id = '%s'", id);
    expect_value("created 3, updated 4, updated 8, deleted 9", CHANGES, id);
    expect_value("create submit publish update update return submit publish archive", HISTORY, id);
    workshop_close(&workshop);
}

Test(edit_steps, a_returned_draft_tells_its_partner_why)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];

    workshop_draft(&workshop, 0, "Returned", "", id);
    workshop_take(&workshop, CALLER_PARTNER, 0, id, EDIT_SUBMIT);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, PRACTICES, id));
    cr_expect_eq(edit_take(&session.edit, &session.record, EDIT_RETURN, NULL), EDIT_INVALID);
    cr_expect(session_has_error(&session, "/reason", "required"));
    cr_expect_eq(edit_take(&session.edit, &session.record, EDIT_RETURN, ""), EDIT_INVALID);
    session_drop(&session);
    workshop_take(&workshop, CALLER_EDITOR, -1, id, EDIT_RETURN);
    workshop_patch(&workshop, CALLER_PARTNER, 0, id, "{\"city\": \"Turin\"}");
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    cr_expect_str_eq(session_shows(&session, "status"), "draft");
    cr_expect_str_eq(session_shows(&session, "review"), "");
    cr_expect_str_eq(session_shows(&session, "review_reason"), "Because.",
                     "until it is submitted again");
    must(&session, edit_take(&session.edit, &session.record, EDIT_SUBMIT, NULL));
    cr_expect_str_eq(session_shows(&session, "review_reason"), "");
    session_commit(&session);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    cr_expect_str_eq(session_shows(&session, "review_reason"), "");
    session_drop(&session);
    workshop_close(&workshop);
}

static void lead_to(struct workshop *workshop, const char *state, char id[UUID_TEXT_BYTES])
{
    char title[64];

    (void)snprintf(title, sizeof(title), "In the state %s", state);
    workshop_draft(workshop, 0, title, "", id);
    if (strcmp(state, "draft") == 0)
        return;
    workshop_take(workshop, CALLER_PARTNER, 0, id, EDIT_SUBMIT);
    if (strcmp(state, "in_review") == 0)
        return;
    workshop_take(workshop, CALLER_EDITOR, -1, id, EDIT_PUBLISH);
    if (strcmp(state, "published") == 0)
        return;
    if (strcmp(state, "archived") == 0) {
        workshop_take(workshop, CALLER_EDITOR, -1, id, EDIT_ARCHIVE);
        return;
    }
    workshop_patch(workshop, CALLER_PARTNER, 0, id, "{\"city\": \"Rome\"}");
    if (strcmp(state, "returned change") == 0)
        workshop_take(workshop, CALLER_EDITOR, -1, id, EDIT_RETURN);
}

/* Checks V22. */
Test(edit_steps, each_step_is_taken_from_where_it_leads_on)
{
    /* What submit, publish, return and archive lead to; "-": a conflict; "=": it is there. */
    static const struct {
        const char *state;
        const char *to[4];
    } ROWS[] = {
        {"draft", {"in_review", "-", "-", "-"}},
        {"in_review", {"=", "published", "draft", "-"}},
        {"published", {"-", "-", "-", "archived"}},
        {"waiting change", {"=", "published", "published returned", "archived"}},
        {"returned change", {"published in_review", "-", "-", "archived"}},
        {"archived", {"-", "-", "-", "-"}},
    };
    struct workshop workshop = workshop_open();

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char id[UUID_TEXT_BYTES];

        lead_to(&workshop, ROWS[i].state, id);
        for (int step = EDIT_SUBMIT; step <= EDIT_ARCHIVE; step++) {
            const char *to = ROWS[i].to[step];
            struct session session;
            char reached[64];
            int r;

            session_begin(&session, &workshop, CALLER_EDITOR, -1);
            must(&session, session_find(&session, PRACTICES, id));
            r = edit_take(&session.edit, &session.record, (enum edit_step)step, "Because.");
            (void)snprintf(reached, sizeof(reached), "%s%s%s", session.record.status,
                           session.record.review == NULL ? "" : " ",
                           session.record.review == NULL ? "" : session.record.review);
            if (strcmp(to, "-") == 0) {
                cr_expect_eq(r, EDIT_CONFLICT, "%s, step %d: %d", ROWS[i].state, step, r);
                cr_expect_str_eq(session.problem.code, "invalid-transition");
            } else if (strcmp(to, "=") == 0) {
                cr_expect_eq(r, 0);
                cr_expect(session.record.is_unchanged, "%s, step %d", ROWS[i].state, step);
            } else {
                must(&session, r);
                cr_expect_str_eq(reached, to, "%s, step %d: %s", ROWS[i].state, step, reached);
            }
            session_drop(&session);
        }
    }
    workshop_close(&workshop);
}

Test(edit_steps, partners_take_no_step_of_editors)
{
    struct workshop workshop = workshop_open();
    char id[UUID_TEXT_BYTES];

    lead_to(&workshop, "in_review", id);
    for (int step = EDIT_PUBLISH; step <= EDIT_ARCHIVE; step++) {
        struct session session;

        session_begin(&session, &workshop, CALLER_PARTNER, 0);
        must(&session, session_find(&session, PRACTICES, id));
        cr_expect_eq(edit_take(&session.edit, &session.record, (enum edit_step)step, "Because."),
                     EDIT_FORBIDDEN);
        cr_expect_str_eq(session.problem.code, "forbidden");
        session_drop(&session);
    }
    workshop_close(&workshop);
}

Test(edit_steps, what_is_public_of_others_can_be_read_and_not_touched)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];

    lead_to(&workshop, "published", id);
    session_begin(&session, &workshop, CALLER_PARTNER, 1);
    cr_expect_eq(session_find(&session, PRACTICES, id), EDIT_FORBIDDEN);
    edit_deinit(&session.record);
    cr_expect_eq(
        edit_look(&session.edit, session_resource(&session, PRACTICES), id, &session.record),
        EDIT_FORBIDDEN, "nor its working copy");
    session_drop(&session);
    workshop_close(&workshop);
}

Test(edit_steps, what_is_archived_is_what_was_public_and_not_what_waited)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];

    lead_to(&workshop, "waiting change", id);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, PRACTICES, id));
    cr_expect_str_eq(session_shows(&session, "city"), "Rome");
    must(&session, edit_take(&session.edit, &session.record, EDIT_ARCHIVE, NULL));
    cr_expect_str_eq(session_shows(&session, "city"), "");
    cr_expect_eq(session_patch(&session, "{\"city\": \"Rome\"}"), EDIT_CONFLICT);
    cr_expect_str_eq(session.problem.code, "invalid-transition");
    session_commit(&session);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, PRACTICES, id));
    cr_expect_str_eq(session_shows(&session, "city"), "");
    session_drop(&session);
    workshop_close(&workshop);
}

Test(edit_steps, what_has_become_invalid_is_not_published)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];
    char project[UUID_TEXT_BYTES];
    char json[128];

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session,
         session_create(&session, "projects", "{\"name\": \"Short-lived\", \"summary\": \"S\"}"));
    (void)snprintf(project, sizeof(project), "%s", session.record.id);
    session_commit(&session);
    lead_to(&workshop, "published", id);
    (void)snprintf(json, sizeof(json), "{\"projects\": [\"%s\"]}", project);
    workshop_patch(&workshop, CALLER_PARTNER, 0, id, json);
    /* The change that waits does not keep it from being deleted. */
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, "projects", project));
    must(&session, edit_delete(&session.edit, &session.record));
    session_commit(&session);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, PRACTICES, id));
    cr_expect_eq(edit_take(&session.edit, &session.record, EDIT_PUBLISH, NULL), EDIT_INVALID);
    cr_expect(session_has_error(&session, "/projects/0", "unknown-reference"), "%s",
              session_told(&session));
    session_drop(&session);
    workshop_close(&workshop);
}

/* --- what others show
 * -------------------------------------------------------------------------------- */

Test(edit_steps, who_shows_a_record_shows_its_new_name_and_no_drafts)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char project[UUID_TEXT_BYTES];
    char id[UUID_TEXT_BYTES];
    char json[128];

    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session,
         session_create(&session, "projects", "{\"name\": \"To be shown\", \"summary\": \"S\"}"));
    (void)snprintf(project, sizeof(project), "%s", session.record.id);
    must(&session, edit_take(&session.edit, &session.record, EDIT_SUBMIT, NULL));
    session_commit(&session);
    (void)snprintf(json, sizeof(json), ", \"projects\": [\"%s\"]", project);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    (void)snprintf(json, sizeof(json),
                   "{\"title\": \"Shows\", \"summary\": \"S\", \"projects\": [\"%s\"]}", project);
    must(&session, session_create(&session, PRACTICES, json));
    (void)snprintf(id, sizeof(id), "%s", session.record.id);
    must(&session, edit_take(&session.edit, &session.record, EDIT_SUBMIT, NULL));
    must(&session, edit_take(&session.edit, &session.record, EDIT_PUBLISH, NULL));
    session_commit(&session);
    expect_value("(null)",
                 "select document::json->'projects'->0->>'title' from "
                 "published.practices_documents where id = '%s'",
                 id);

    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, "projects", project));
    must(&session, edit_take(&session.edit, &session.record, EDIT_PUBLISH, NULL));
    session_commit(&session);
    expect_value("To be shown",
                 "select document::json->'projects'->0->>'title' from "
                 "published.practices_documents where id = '%s'",
                 id);
    expect_value("created 3, rendered 3", CHANGES, id);

    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, "projects", project));
    must(&session, session_patch(&session, "{\"summary\": \"Nobody else shows this.\"}"));
    session_commit(&session);
    expect_value("created 3, rendered 3", CHANGES, id);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, "projects", project));
    must(&session, session_patch(&session, "{\"name\": \"Shown\"}"));
    must(&session, edit_take(&session.edit, &session.record, EDIT_ARCHIVE, NULL));
    session_commit(&session);
    expect_value("(null)",
                 "select document::json->'projects'->0->>'title' from "
                 "published.practices_documents where id = '%s'",
                 id);
    workshop_close(&workshop);
}

/* --- verifying
 * ----------------------------------------------------------------------------------------- */

Test(edit_steps, a_partner_says_that_its_record_is_still_true)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];

    workshop_publish(&workshop, 0, "Still true", ", \"organisations\": [\"anvita\", \"adel\"]", id);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    must(&session, edit_verify(&session.edit, &session.record));
    cr_expect_eq(session.record.version, 4);
    cr_expect_eq(session.record.changed_count, 1);
    cr_expect_str_neq(session_shows(&session, "verified_at"), "");
    session_commit(&session);
    expect_value("t t t adel 4",
                 "select concat_ws(' ', r.verified_at > now() - interval '1 minute', "
                 "r.verify_due = r.verified_at + interval '365 days', "
                 "(d.document::json->>'verified_at')::timestamptz = r.verified_at, "
                 "d.document::json->'organisations'->1->>'slug', d.document::json->>'version') "
                 "from catalogue.record r join published.practices_documents d using (id) "
                 "where id = '%s'",
                 id);

    /* A change that waits goes on waiting. */
    workshop_patch(&workshop, CALLER_PARTNER, 0, id, "{\"city\": \"Rome\"}");
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    must(&session, edit_verify(&session.edit, &session.record));
    cr_expect_str_eq(session_shows(&session, "review"), "in_review");
    cr_expect_str_eq(session_shows(&session, "city"), "Rome");
    session_commit(&session);
    expect_public("(null)", id, "city");
    expect_public("4", id, "version");
    workshop_take(&workshop, CALLER_EDITOR, -1, id, EDIT_PUBLISH);
    expect_public("Rome", id, "city");
    workshop_take(&workshop, CALLER_EDITOR, -1, id, EDIT_ARCHIVE);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    cr_expect_eq(edit_verify(&session.edit, &session.record), EDIT_CONFLICT);
    session_drop(&session);
    workshop_close(&workshop);
}

/* --- deleting and restoring
 * ---------------------------------------------------------------------------- */

Test(edit_steps, what_is_deleted_leaves_a_tombstone_and_a_history)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];
    long next;

    workshop_publish(&workshop, 0, "To be deleted",
                     ", \"web_links\": [{\"url\": \"https://example.org/\", \"label\": \"x\"}]",
                     id);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    must(&session, edit_delete(&session.edit, &session.record));
    cr_expect_not_null(session.record.deleted_at);
    session_commit(&session);
    expect_value("0 0 1 1",
                 "select concat_ws(' ', (select count(*) from catalogue.practices where id = "
                 "'%s'), (select count(*) from published.practices where id = '%s'), "
                 "(select count(*) from published.gone where id = '%s'), "
                 "(select count(*) from catalogue.record where id = '%s'))",
                 id, id, id, id);
    expect_value("created 3, deleted 4", CHANGES, id);

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    cr_expect_eq(session_find(&session, PRACTICES, "to-be-deleted"), EDIT_GONE);
    cr_expect_not_null(session.record.deleted_at);
    text_clear(&session.json);
    must(&session,
         edit_append_versions(&session.edit, &session.record, 0, 2, &session.json, &next));
    cr_expect_eq(next, 3);
    cr_expect_not_null(strstr(session.json.bytes, "\"action\":\"delete\""));
    session_drop(&session);
    session_begin(&session, &workshop, CALLER_PARTNER, 1);
    cr_expect_eq(session_find(&session, PRACTICES, "to-be-deleted"), EDIT_GONE,
                 "what was public is known to be gone");
    session_drop(&session);

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    cr_expect_eq(session_find(&session, PRACTICES, id), EDIT_GONE);
    cr_expect_eq(edit_restore(&session.edit, &session.record, 9), EDIT_NOT_FOUND);
    must(&session, edit_restore(&session.edit, &session.record, 2));
    cr_expect_str_eq(session_shows(&session, "status"), "draft");
    cr_expect_str_eq(session_shows(&session, "web_links.0.label"), "x");
    session_commit(&session);
    expect_value("1", "select count(*) from published.gone where id = '%s'", id);
    workshop_take(&workshop, CALLER_PARTNER, 0, id, EDIT_SUBMIT);
    workshop_take(&workshop, CALLER_EDITOR, -1, id, EDIT_PUBLISH);
    expect_value("0", "select count(*) from published.gone where id = '%s'", id);
    expect_public("To be deleted", id, "title");
    expect_value("create submit publish delete restore submit publish", HISTORY, id);
    workshop_close(&workshop);
}

Test(edit_steps, what_is_referred_to_is_not_deleted)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char project[UUID_TEXT_BYTES];
    char id[UUID_TEXT_BYTES];
    char json[128];

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session,
         session_create(&session, "projects", "{\"name\": \"Held\", \"summary\": \"S\"}"));
    (void)snprintf(project, sizeof(project), "%s", session.record.id);
    session_commit(&session);
    (void)snprintf(json, sizeof(json), ", \"projects\": [\"%s\"]", project);
    workshop_draft(&workshop, 0, "Holds", json, id);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, "projects", project));
    cr_expect_eq(edit_delete(&session.edit, &session.record), EDIT_CONFLICT);
    cr_expect_str_eq(session.problem.code, "still-referenced");
    cr_expect(session_has_error(&session, NULL, "referenced-by"));
    cr_expect_not_null(strstr(session_told(&session), id));
    session_drop(&session);

    /* A reference that the caller does not see holds as well; whose it is is not told. */
    workshop_patch(&workshop, CALLER_PARTNER, 0, id, "{\"projects\": null}");
    workshop_draft(&workshop, 1, "Holds unseen", "", id);
    (void)snprintf(json, sizeof(json), "{\"projects\": [\"%s\"]}", project);
    workshop_patch(&workshop, CALLER_EDITOR, -1, id, json);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, "projects", project));
    cr_expect_eq(edit_delete(&session.edit, &session.record), EDIT_CONFLICT);
    cr_expect_str_eq(session.problem.code, "still-referenced");
    cr_expect_null(strstr(session_told(&session), id));
    session_drop(&session);
    workshop_close(&workshop);
}

Test(edit_steps, restoring_is_a_change_like_any_other)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];

    workshop_publish(&workshop, 0, "Restored", ", \"city\": \"Lille\"", id);
    workshop_patch(&workshop, CALLER_EDITOR, -1, id, "{\"city\": \"Lyon\"}");
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    must(&session, edit_restore(&session.edit, &session.record, 3));
    cr_expect_str_eq(session_shows(&session, "city"), "Lille");
    cr_expect_str_eq(session_shows(&session, "review"), "in_review");
    session_commit(&session);
    expect_public("Lyon", id, "city");
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, PRACTICES, id));
    must(&session, edit_restore(&session.edit, &session.record, 1));
    cr_expect(session.record.is_unchanged, "it says so already");
    must(&session, edit_take(&session.edit, &session.record, EDIT_PUBLISH, NULL));
    must(&session, edit_take(&session.edit, &session.record, EDIT_ARCHIVE, NULL));
    must(&session, edit_restore(&session.edit, &session.record, 4));
    cr_expect_str_eq(session_shows(&session, "status"), "draft");
    cr_expect_str_eq(session_shows(&session, "city"), "Lyon");
    session_commit(&session);
    expect_value("(null)", "select city from published.practices where id = '%s'", id);
    workshop_close(&workshop);
}

/* --- the history
 * ----------------------------------------------------------------------------------------- */

Test(edit_steps, every_version_can_be_read_again)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];
    json_auto_t *versions = NULL;
    long next;

    workshop_publish(&workshop, 0, "Read again", ", \"city\": \"Lille\"", id);
    workshop_patch(&workshop, CALLER_PARTNER, 0, id, "{\"city\": \"Lyon\"}");
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session,
         edit_look(&session.edit, session_resource(&session, PRACTICES), id, &session.record));
    must(&session, edit_append_version(&session.edit, &session.record, 2, &session.json));
    cr_expect_not_null(strstr(session.json.bytes, "\"Lille\""), "%s", session.json.bytes);
    cr_expect_not_null(strstr(session.json.bytes, "\"version\":2"));
    cr_expect_not_null(strstr(session.json.bytes, "\"status\":\"in_review\""));
    cr_expect_eq(edit_append_version(&session.edit, &session.record, 5, &session.json),
                 EDIT_NOT_FOUND);
    text_clear(&session.json);
    must(&session,
         edit_append_versions(&session.edit, &session.record, 0, 100, &session.json, &next));
    cr_expect_eq(next, 0);
    versions = json_loads(session.json.bytes, 0, NULL);
    cr_assert_eq(json_array_size(versions), 4);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(versions, 0), "review")),
                     "in_review");
    cr_expect_str_eq(json_string_value(json_array_get(
                         json_object_get(json_array_get(versions, 0), "changed"), 0)),
                     "city");
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(versions, 1), "role")),
                     "editor");
    session_drop(&session);
    workshop_close(&workshop);
}

/* --- lists
 * ------------------------------------------------------------------------------------------------
 */

static size_t count_list(struct session *session, struct edit_list *list, bool is_queue)
{
    size_t count = 0;

    list->limit = 2;
    list->after = NULL;
    do {
        json_auto_t *page = NULL;

        text_clear(&session->json);
        must(session,
             is_queue
                 ? edit_append_reviews(&session->edit, list, &session->json, &list->after)
                 : edit_append_working_copies(&session->edit, list, &session->json, &list->after));
        page = json_loads(session->json.bytes, 0, NULL);
        cr_assert_not_null(page, "%s", session->json.bytes);
        cr_assert_leq(json_array_size(page), 2);
        count += json_array_size(page);
    } while (list->after != NULL);
    return count;
}

Test(edit_steps, lists_show_what_the_caller_may_edit_and_what_waits)
{
    static const char *const DRAFTS[] = {"draft"};
    static const char *const CHANGED[] = {"change"};
    static const char *const RECORDS[] = {PRACTICES};
    struct workshop workshop = workshop_open();
    struct session session;
    struct edit_list list = {.resources = RECORDS, .resource_count = 1};
    char ids[5][UUID_TEXT_BYTES];

    /* The organisation C is this test's alone. */
    for (int i = 0; i < 3; i++)
        workshop_draft(&workshop, 2, "Listed", "", ids[i]);
    workshop_publish(&workshop, 2, "Listed and public", "", ids[3]);
    workshop_draft(&workshop, 2, "Listed and waiting", "", ids[4]);
    workshop_take(&workshop, CALLER_PARTNER, 2, ids[4], EDIT_SUBMIT);
    workshop_patch(&workshop, CALLER_PARTNER, 2, ids[3], "{\"city\": \"Rome\"}");

    session_begin(&session, &workshop, CALLER_PARTNER, 2);
    cr_expect_eq(count_list(&session, &list, false), 5);
    list.statuses = DRAFTS;
    list.status_count = 1;
    cr_expect_eq(count_list(&session, &list, false), 3);
    session_drop(&session);
    list.statuses = NULL;
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    list.owner = workshop.organisations[2];
    cr_expect_eq(count_list(&session, &list, false), 5);
    cr_expect_eq(count_list(&session, &list, true), 2);
    list.owner = "no-such-organisation";
    cr_expect_eq(count_list(&session, &list, true), 0);
    list.kinds = CHANGED;
    list.kind_count = 1;
    list.owner = workshop.organisations[2];
    list.limit = 1;
    text_clear(&session.json);
    must(&session, edit_append_reviews(&session.edit, &list, &session.json, &list.after));
    cr_expect_not_null(strstr(session.json.bytes, "\"kind\":\"change\""), "%s", session.json.bytes);
    cr_expect_not_null(strstr(session.json.bytes, "\"changed\":[\"city\"]"), "%s",
                       session.json.bytes);
    cr_expect_not_null(strstr(session.json.bytes, "\"title\":\"Listed and public\""));
    list.after = "x";
    cr_expect_eq(edit_append_reviews(&session.edit, &list, &session.json, &list.after),
                 EDIT_NOT_FOUND);
    session_drop(&session);
    workshop_close(&workshop);
}
