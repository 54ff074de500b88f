/*
 * Two records into one: whoever referred to the duplicate refers to the one that stays, whatever
 * state it is in, and the addresses of the duplicate lead there.
 */
#include "support/database.h"
#include "support/leaks.h"
#include "support/workshop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

WORKSHOP_BEFORE_TESTS()
WORKSHOP_AFTER_TESTS()

TestSuite(edit_merge, .fini = test_ends_without_leaks, .timeout = 120);

#define PRACTICES "practices"
#define PROJECTS "projects"
#define ORGANISATIONS "organisations"

/* A public record of an editor's; its id. */
static void publish(struct workshop *workshop, const char *path, const char *json,
                    char ret_id[UUID_TEXT_BYTES])
{
    struct session session;

    session_begin(&session, workshop, CALLER_EDITOR, -1);
    must(&session, session_create(&session, path, json));
    must(&session, edit_take(&session.edit, &session.record, EDIT_SUBMIT, NULL));
    must(&session, edit_take(&session.edit, &session.record, EDIT_PUBLISH, NULL));
    (void)snprintf(ret_id, UUID_TEXT_BYTES, "%s", session.record.id);
    session_commit(&session);
}

/* Result of the merge; committed when it is 0. */
static int merge(struct workshop *workshop, enum caller_role role, const char *path,
                 const char *duplicate, const char *survivor, char ret_code[64])
{
    struct edit_record survivor_record;
    struct session session;
    int r;

    session_begin(&session, workshop, role, 0);
    must(&session, session_find(&session, path, duplicate));
    must(&session,
         edit_find(&session.edit, session_resource(&session, path), survivor, &survivor_record));
    r = edit_merge(&session.edit, &session.record, &survivor_record);
    (void)snprintf(ret_code, 64, "%s", session.problem.code == NULL ? "" : session.problem.code);
    if (r < 0 || (r > 0 && r < EDIT_NOT_FOUND))
        must(&session, r);
    edit_deinit(&survivor_record);
    if (r == 0)
        session_commit(&session);
    else
        session_drop(&session);
    return r;
}

Test(edit_merge, whoever_refers_to_the_duplicate_refers_to_the_one_that_stays)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char duplicate[UUID_TEXT_BYTES];
    char survivor[UUID_TEXT_BYTES];
    char published[UUID_TEXT_BYTES];
    char both[UUID_TEXT_BYTES];
    char draft[UUID_TEXT_BYTES];
    char waiting[UUID_TEXT_BYTES];
    char json[512];
    char code[64];

    publish(&workshop, PROJECTS, "{\"name\": \"Project twice\", \"summary\": \"S\"}", duplicate);
    publish(&workshop, PROJECTS, "{\"name\": \"Project once\", \"summary\": \"S\"}", survivor);
    (void)snprintf(json, sizeof(json),
                   "{\"title\": \"Refers\", \"summary\": \"S\", \"projects\": [\"%s\"]}",
                   duplicate);
    publish(&workshop, PRACTICES, json, published);
    (void)snprintf(json, sizeof(json),
                   "{\"title\": \"Refers to both\", \"summary\": \"S\", \"projects\": [\"%s\", "
                   "\"%s\"]}",
                   survivor, duplicate);
    publish(&workshop, PRACTICES, json, both);
    (void)snprintf(json, sizeof(json), ", \"projects\": [\"%s\"]", duplicate);
    workshop_draft(&workshop, 1, "Refers in a draft", json, draft);
    workshop_publish(&workshop, 0, "Refers in a change that waits", "", waiting);
    (void)snprintf(json, sizeof(json), "{\"projects\": [\"%s\"], \"city\": \"Rome\"}", duplicate);
    workshop_patch(&workshop, CALLER_PARTNER, 0, waiting, json);

    cr_assert_eq(merge(&workshop, CALLER_EDITOR, PROJECTS, duplicate, survivor, code), 0, "%s",
                 code);

    expect_value("project-once",
                 "select string_agg(p->>'slug', ' ') from "
                 "published.practices_documents d, "
                 "json_array_elements(d.document::json->'projects') p "
                 "where d.id = '%s'",
                 published);
    expect_value("project-once",
                 "select string_agg(p->>'slug', ' ') from "
                 "published.practices_documents d, "
                 "json_array_elements(d.document::json->'projects') p "
                 "where d.id = '%s'",
                 both);
    expect_value("created updated",
                 "select string_agg(kind, ' ' order by seq) from "
                 "catalogue.change where record_id = '%s'",
                 published);
    expect_value("redirect editor {projects}",
                 "select concat_ws(' ', action, role, changed) from catalogue.version "
                 "where record_id = '%s' order by version desc limit 1",
                 draft);
    expect_value(survivor,
                 "select target_id from catalogue.practices_projects "
                 "where record_id = '%s'",
                 draft);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, waiting));
    cr_expect_str_eq(session_shows(&session, "review"), "in_review");
    cr_expect_str_eq(session_shows(&session, "projects.0.slug"), "project-once");
    cr_expect_str_eq(session_shows(&session, "city"), "Rome");
    session_drop(&session);
    workshop_take(&workshop, CALLER_EDITOR, -1, waiting, EDIT_PUBLISH);

    /* By both of its names. */
    expect_value("2",
                 "select count(*) from published.moved where id = '%s' and slug in "
                 "('project-twice', '%s')",
                 survivor, duplicate);
    expect_value(survivor, "select replaced_by from published.gone where id = '%s'", duplicate);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    cr_expect_eq(session_find(&session, PROJECTS, "project-twice"), EDIT_GONE);
    cr_expect_str_eq(session.record.replaced_by, "project-once");
    session_drop(&session);
    /* What knew it under its earlier names still finds it. */
    workshop_draft(&workshop, 1, "Refers by an old name", ", \"projects\": [\"project-twice\"]",
                   draft);
    expect_value(survivor,
                 "select target_id from catalogue.practices_projects "
                 "where record_id = '%s'",
                 draft);
    workshop_close(&workshop);
}

Test(edit_merge, a_change_that_waits_keeps_waiting_on_top_of_what_is_public)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char duplicate[UUID_TEXT_BYTES];
    char survivor[UUID_TEXT_BYTES];
    char holder[UUID_TEXT_BYTES];
    char json[256];
    char code[64];

    publish(&workshop, PROJECTS, "{\"name\": \"Held twice\", \"summary\": \"S\"}", duplicate);
    publish(&workshop, PROJECTS, "{\"name\": \"Held once\", \"summary\": \"S\"}", survivor);
    (void)snprintf(json, sizeof(json), ", \"projects\": [\"%s\"]", duplicate);
    workshop_publish(&workshop, 0, "Holds in public and in waiting", json, holder);
    workshop_patch(&workshop, CALLER_PARTNER, 0, holder, "{\"city\": \"Rome\"}");
    cr_assert_eq(merge(&workshop, CALLER_EDITOR, PROJECTS, duplicate, survivor, code), 0);
    expect_value("held-once (null)",
                 "select (document::json->'projects'->0->>'slug') || ' ' || "
                 "coalesce(document::json->>'city', '(null)') from published.practices_documents "
                 "where id = '%s'",
                 holder);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, PRACTICES, holder));
    cr_expect_str_eq(session_shows(&session, "city"), "Rome");
    cr_expect_str_eq(session_shows(&session, "projects.0.slug"), "held-once");
    cr_expect_str_eq(session_shows(&session, "review"), "in_review");
    must(&session, edit_take(&session.edit, &session.record, EDIT_PUBLISH, NULL));
    session_commit(&session);
    workshop_close(&workshop);
}

Test(edit_merge, an_organisation_takes_its_records_and_programs_along)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char duplicate[UUID_TEXT_BYTES];
    char survivor[UUID_TEXT_BYTES];
    char owned[UUID_TEXT_BYTES];
    char deleted[UUID_TEXT_BYTES];
    char sql[512];
    char code[64];

    publish(&workshop, ORGANISATIONS,
            "{\"name\": \"Body twice\", \"legal_form\": \"association\", \"summary\": \"S\"}",
            duplicate);
    publish(&workshop, ORGANISATIONS,
            "{\"name\": \"Body once\", \"legal_form\": \"association\", \"summary\": \"S\"}",
            survivor);
    (void)snprintf(workshop.organisations[1], UUID_TEXT_BYTES, "%s", duplicate);
    workshop_draft(&workshop, 1, "Owned by the duplicate", "", owned);
    workshop_draft(&workshop, 1, "Deleted before", "", deleted);
    session_begin(&session, &workshop, CALLER_PARTNER, 1);
    must(&session, session_find(&session, PRACTICES, deleted));
    must(&session, edit_delete(&session.edit, &session.record));
    session_commit(&session);
    (void)snprintf(sql, sizeof(sql),
                   "insert into identity.client (id, name, organisation_id, role, scopes) "
                   "values (gen_random_uuid(), 'Program', '%s', 'partner', '{read,write}')",
                   duplicate);
    test_database_run(sql);

    cr_assert_eq(merge(&workshop, CALLER_EDITOR, ORGANISATIONS, duplicate, survivor, code), 0, "%s",
                 code);
    expect_value("3",
                 "select (select count(*) from catalogue.record where owner_id = '%s' and id "
                 "in ('%s', '%s')) + (select count(*) from identity.client where "
                 "organisation_id = '%s')",
                 survivor, owned, deleted, survivor);
    (void)snprintf(workshop.organisations[1], UUID_TEXT_BYTES, "%s", survivor);
    session_begin(&session, &workshop, CALLER_PARTNER, 1);
    must(&session, session_find(&session, PRACTICES, owned));
    cr_expect_str_eq(session_shows(&session, "owner.slug"), "body-once");
    session_drop(&session);
    workshop_close(&workshop);
}

Test(edit_merge, what_cannot_be_merged)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char published[UUID_TEXT_BYTES];
    char draft[UUID_TEXT_BYTES];
    char code[64];

    publish(&workshop, PRACTICES, "{\"title\": \"Stays as it is\", \"summary\": \"S\"}", published);
    workshop_draft(&workshop, 0, "A draft that is a duplicate", "", draft);
    cr_expect_eq(merge(&workshop, CALLER_EDITOR, PRACTICES, published, published, code),
                 EDIT_CONFLICT);
    cr_expect_str_eq(code, "invalid-transition");
    cr_expect_eq(merge(&workshop, CALLER_EDITOR, PRACTICES, published, draft, code), EDIT_CONFLICT);
    cr_expect_str_eq(code, "invalid-transition");
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, draft));
    cr_expect_eq(edit_merge(&session.edit, &session.record, &session.record), EDIT_FORBIDDEN);
    session_drop(&session);
    /* What never was public leaves no address. */
    cr_expect_eq(merge(&workshop, CALLER_EDITOR, PRACTICES, draft, published, code), 0);
    expect_value("0 0",
                 "select concat_ws(' ', (select count(*) from published.gone where id = "
                 "'%s'), (select count(*) from published.moved where id = '%s'))",
                 draft, published);
    expect_value("create merge",
                 "select string_agg(action, ' ' order by version) from "
                 "catalogue.version where record_id = '%s'",
                 draft);
    /* Its partner cannot bring back what an editor has merged. */
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    cr_expect_eq(session_find(&session, PRACTICES, draft), EDIT_GONE);
    cr_expect_eq(edit_restore(&session.edit, &session.record, 1), EDIT_FORBIDDEN);
    session_drop(&session);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    cr_expect_eq(session_find(&session, PRACTICES, draft), EDIT_GONE);
    must(&session, edit_restore(&session.edit, &session.record, 1));
    session_drop(&session);
    workshop_close(&workshop);
}
