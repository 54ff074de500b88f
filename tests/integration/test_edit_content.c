/*
 * What records say: creating, replacing and patching them, and every reason to refuse that. Each
 * fault is told by its pointer, all of them at once, and nothing is kept of what was refused.
 */
#include "contract/contract.h"
#include "support/leaks.h"
#include "support/samples.h"
#include "support/workshop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

WORKSHOP_BEFORE_TESTS()
WORKSHOP_AFTER_TESTS()

TestSuite(edit_content, .fini = test_ends_without_leaks, .timeout = 120);

#define PRACTICES "practices"

/* --- creating
 * -------------------------------------------------------------------------------------- */

Test(edit_content, a_partner_creates_a_draft_that_nobody_else_sees)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_create(&session, PRACTICES,
                                  "{\"title\": \"Café für Alle\", \"summary\": \"Coffee.\", "
                                  "\"organisations\": [\"anvita\", {\"slug\": \"adel\"}], "
                                  "\"verified_at\": \"2026-03-01T10:00:00.98765+02:00\", "
                                  "\"location\": {\"lat\": 52.5, \"lon\": 13.25}, "
                                  "\"web_links\": []}"));
    (void)snprintf(id, sizeof(id), "%s", session.record.id);
    cr_expect_str_eq(session_shows(&session, "slug"), "cafe-fur-alle");
    cr_expect_str_eq(session_shows(&session, "status"), "draft");
    cr_expect_str_eq(session_shows(&session, "version"), "1");
    cr_expect_str_eq(session_shows(&session, "organisations.0.slug"), "anvita");
    cr_expect_str_eq(session_shows(&session, "organisations.1.title"),
                     workshop_value("select name from catalogue.organisations o join "
                                    "catalogue.record r using (id) where r.slug = 'adel'"));
    cr_expect_str_eq(session_shows(&session, "owner.id"), workshop.organisations[0]);
    cr_expect_str_eq(session_shows(&session, "language"), "en");
    cr_expect_str_eq(session_shows(&session, "verified_at"), "2026-03-01T08:00:00.987Z");
    cr_expect_str_eq(session_shows(&session, "web_links"), "", "an empty list of rows is none");
    cr_expect_str_eq(session_shows(&session, "links.self") + strlen("/v1/practices/"), id);
    session_commit(&session);

    expect_value("draft 1 1 never",
                 "select concat_ws(' ', status, version, latest, "
                 "coalesce(first_published_at::text, 'never')) from catalogue.record "
                 "where id = '%s'",
                 id);
    expect_value("create partner "
                 "{language,location,organisations,owner,slug,summary,title,verified_at}",
                 "select concat_ws(' ', action, role, changed) from catalogue.version "
                 "where record_id = '%s'",
                 id);
    expect_value("0 0",
                 "select concat_ws(' ', (select count(*) from catalogue.change where record_id = "
                 "'%s'), (select count(*) from published.practices where id = '%s'))",
                 id, id);

    session_begin(&session, &workshop, CALLER_PARTNER, 1);
    cr_expect_eq(session_find(&session, PRACTICES, id), EDIT_NOT_FOUND);
    cr_expect_eq(session_find(&session, PRACTICES, "cafe-fur-alle"), EDIT_NOT_FOUND);
    session_drop(&session);
    session_begin(&session, &workshop, CALLER_ANONYMOUS, -1);
    cr_expect_eq(
        edit_look(&session.edit, session_resource(&session, PRACTICES), id, &session.record),
        EDIT_NOT_FOUND);
    session_drop(&session);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, PRACTICES, id));
    session_drop(&session);
    workshop_close(&workshop);
}

Test(edit_content, who_may_write_what)
{
    static const struct {
        enum caller_role role;
        int organisation;
        const char *path;
        int expected;
    } ROWS[] = {
        {CALLER_ANONYMOUS, -1, PRACTICES, EDIT_FORBIDDEN},
        {CALLER_PARTICIPANT, 0, PRACTICES, EDIT_FORBIDDEN},
        {CALLER_PARTNER, -1, PRACTICES, EDIT_FORBIDDEN},
        {CALLER_PARTNER, 0, PRACTICES, 0},
        {CALLER_COORDINATOR, 0, PRACTICES, 0},
        {CALLER_EDITOR, -1, PRACTICES, 0},
        {CALLER_ADMIN, -1, PRACTICES, 0},
        {CALLER_PARTNER, 0, "vocabularies", EDIT_FORBIDDEN},
        {CALLER_EDITOR, -1, "vocabularies", EDIT_FORBIDDEN},
        {CALLER_ADMIN, -1, "vocabularies", 0},
    };
    struct workshop workshop = workshop_open();

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct session session;
        int r;

        session_begin(&session, &workshop, ROWS[i].role, ROWS[i].organisation);
        r = session_create(&session, ROWS[i].path,
                           "{\"title\": \"By somebody\", \"summary\": \"A test.\"}");
        /* A vocabulary wants terms. */
        if (ROWS[i].expected == 0 && r == EDIT_INVALID)
            r = 0;
        cr_expect_eq(r, ROWS[i].expected, "%s, %s: %d %s", caller_role_name(ROWS[i].role),
                     ROWS[i].path, r, session_told(&session));
        if (r == EDIT_FORBIDDEN)
            cr_expect_str_eq(session.problem.code, "forbidden");
        session_drop(&session);
    }
    workshop_close(&workshop);
}

/* Every property that there is, as the contract's samples have it. */
Test(edit_content, every_property_comes_back_as_it_was_written)
{
    struct workshop workshop = workshop_open();

    for (size_t i = 0; i < contract_resource_count(workshop.contract); i++) {
        const struct resource *resource = contract_resource(workshop.contract, i);
        json_auto_t *sample = sample_record(resource, 0);
        struct session session;
        int r;

        session_begin(&session, &workshop, CALLER_ADMIN, -1);
        r = edit_create(&session.edit, resource, sample, &session.record);
        /* Its relations lead to samples, which are not there: all other faults would be told. */
        cr_expect(r == 0 || r == EDIT_INVALID, "%s: %d", resource->path, r);
        for (size_t j = 0; j < session.problem.error_count && j < FAULTS_MAX; j++)
            cr_expect_str_eq(session.problem.errors[j].code, "unknown-reference", "%s: %s",
                             resource->path, session_told(&session));
        session_drop(&session);
    }
    workshop_close(&workshop);
}

/* Checks V5, V6, Z5. */
Test(edit_content, every_fault_is_told_at_once_by_its_pointer)
{
    static const char *const EXPECTED[][2] = {
        {"/title", "wrong-type"},
        {"/id", "read-only"},
        {"/version", "read-only"},
        {"/status", "read-only"},
        {"/created_at", "read-only"},
        {"/links", "read-only"},
        {"/sumary", "unknown-member"},
        {"/summary", "required"},
        {"/languages_count", "too-large"},
        {"/organisations/0", "unknown-reference"},
        {"/translations/0/property", "not-translatable"},
    };
    struct workshop workshop = workshop_open();
    struct session session;

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    cr_expect_eq(
        session_create(&session, PRACTICES,
                       "{\"title\": 7, \"id\": \"01997b2c-9a40-7c13-8f5e-2b6d1c0e4a71\", "
                       "\"version\": 3, \"status\": \"published\", \"sumary\": \"x\", "
                       "\"links\": {}, \"languages_count\": 3000000000, \"created_at\": null, "
                       "\"organisations\": [\"anvit\"], \"translations\": [{\"language\": \"fr\", "
                       "\"property\": \"country\", \"text\": \"x\", \"origin\": \"author\"}]}"),
        EDIT_INVALID);
    cr_expect_str_eq(session.problem.code, "validation-failed");
    for (size_t i = 0; i < ARRAY_LENGTH(EXPECTED); i++)
        cr_expect(session_has_error(&session, EXPECTED[i][0], EXPECTED[i][1]), "%s %s",
                  EXPECTED[i][0], EXPECTED[i][1]);
    cr_expect_eq(session.problem.error_count, ARRAY_LENGTH(EXPECTED), "%s", session_told(&session));
    cr_expect_not_null(strstr(session_told(&session), "did you mean 'anvita'?"));
    session_drop(&session);
    workshop_close(&workshop);
}

/* Checks V7, V8, V12. */
Test(edit_content, values_that_cannot_be_kept_are_refused)
{
    static const struct {
        const char *member;
        const char *pointer;
        const char *code;
    } ROWS[] = {
        {"\"languages_count\": 9223372036854775807", "/languages_count", "too-large"},
        {"\"languages_count\": 1.0", "/languages_count", "wrong-type"},
        {"\"languages_count\": 1e2", "/languages_count", "wrong-type"},
        {"\"languages_count\": -1", "/languages_count", "too-small"},
        {"\"location\": {\"lat\": 91, \"lon\": 0}", "/location/lat", "too-large"},
        {"\"location\": {\"lat\": 0, \"lon\": -181}", "/location/lon", "too-small"},
        {"\"location\": {\"lat\": 1e308, \"lon\": 0}", "/location/lat", "too-large"},
        {"\"started_on\": \"2026-02-30\"", "/started_on", "format"},
        {"\"started_on\": \"0000\"", "/started_on", "format"},
        {"\"started_on\": \"10000-01-01\"", "/started_on", "format"},
        {"\"verified_at\": \"9999-12-31T23:59:59-01:00\"", "/verified_at", "format"},
        {"\"verified_at\": \"0001-01-01T00:00:00+01:00\"", "/verified_at", "format"},
        {"\"verified_at\": \"2026-01-01\"", "/verified_at", "format"},
        {"\"web_links\": [{\"label\": \"x\", \"url\": \"javascript:alert(1)\"}]",
         "/web_links/0/url", ""},
        {"\"web_links\": [{\"label\": \"x\", \"url\": \"data:text/html,x\"}]", "/web_links/0/url",
         ""},
        {"\"slug\": \"Caps\"", "/slug", "pattern"},
        {"\"slug\": \"01997b2c-9a40-7c13-8f5e-2b6d1c0e4a71\"", "/slug", "format"},
        {"\"slug\": \"batch-get\"", "/slug", "format"},
        {"\"started_on\": \"2020\", \"ended_on\": \"2019\"", "", "not-allowed"},
        {"\"owner\": \"no-such-organisation\"", "/owner", "unknown-reference"},
        {"\"organisations\": [{}]", "/organisations/0", ""},
        {"\"organisations\": [[]]", "/organisations/0", ""},
        {"\"organisations\": {\"0\": \"anvita\"}", "/organisations", "wrong-type"},
    };
    struct workshop workshop = workshop_open();

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct session session;
        char json[512];
        bool found = false;
        int r;

        (void)snprintf(json, sizeof(json), "{\"title\": \"T\", \"summary\": \"S\", %s}",
                       ROWS[i].member);
        session_begin(&session, &workshop, CALLER_EDITOR, -1);
        r = session_create(&session, PRACTICES, json);
        cr_expect_eq(r, EDIT_INVALID, "%s: %d", ROWS[i].member, r);
        for (size_t j = 0; j < session.problem.error_count && j < FAULTS_MAX; j++)
            found = found || (strcmp(session.problem.errors[j].pointer, ROWS[i].pointer) == 0 &&
                              (ROWS[i].code[0] == '\0' ||
                               strcmp(session.problem.errors[j].code, ROWS[i].code) == 0));
        cr_expect(found, "%s: %s", ROWS[i].member, session_told(&session));
        session_drop(&session);
    }
    workshop_close(&workshop);
}

/* Checks V9, V10, V11. */
Test(edit_content, texts_of_all_languages_are_kept_and_tricks_are_not)
{
    static const struct {
        const char *title;
        const char *kept; /* NULL: refused */
        const char *why;
    } ROWS[] = {
        {"مركز الاستقبال", "مركز الاستقبال", "Arabic"},
        {"መቀበያ ማእከል", "መቀበያ ማእከል", "Tigrinya"},
        {"می‌خواهم کار کنم", "می‌خواهم کار کنم",
         "Dari, with the non-joiner that its writing needs"},
        {"Приют «Дом»", "Приют «Дом»", "Ukrainian"},
        {"Coffee ☕ 👩‍👩‍👧 🇪🇺", "Coffee ☕ 👩‍👩‍👧 🇪🇺",
         "pictures"},
        {"Cafe\xCC\x81", "Café", "an accent apart is put on its letter"},
        {"\xE2\x84\xAB", "Å", "the sign of a unit is a letter"},
        {"Co\xC2\xADop", "Co\xC2\xADop", "a soft hyphen"},
        {"a\\u202Eb", NULL, "right to left, overriding"},
        {"a\\u2066b", NULL, "an isolate"},
        {"a\\u0007b", NULL, "a bell"},
        {"a\\u007Fb", NULL, "delete"},
        {"a\\u0085b", NULL, "a control above ASCII"},
        {"a\\nb", NULL, "a name of two lines"},
    };
    struct workshop workshop = workshop_open();
    char longest[4 * 301 + 1];

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct session session;
        char json[512];
        int r;

        (void)snprintf(json, sizeof(json), "{\"title\": \"%s\", \"summary\": \"Two\\nlines\"}",
                       ROWS[i].title);
        session_begin(&session, &workshop, CALLER_PARTNER, 0);
        r = session_create(&session, PRACTICES, json);
        cr_expect_eq(r, ROWS[i].kept == NULL ? EDIT_INVALID : 0, "%s: %d", ROWS[i].why, r);
        if (ROWS[i].kept == NULL)
            cr_expect(session_has_error(&session, "/title", "forbidden-character"), "%s: %s",
                      ROWS[i].why, session_told(&session));
        else if (r == 0)
            cr_expect_str_eq(session_shows(&session, "title"), ROWS[i].kept, "%s", ROWS[i].why);
        session_drop(&session);
    }
    /* A length counts characters. */
    for (size_t count = 300; count <= 301; count++) {
        struct session session;
        struct text json;

        for (size_t i = 0; i < count; i++)
            memcpy(longest + 4 * i, "\xF0\x9F\x8C\x8D", 4);
        longest[4 * count] = '\0';
        text_init(&json, 8192);
        text_append_format(&json, "{\"title\": \"%s\", \"summary\": \"S\"}", longest);
        session_begin(&session, &workshop, CALLER_PARTNER, 0);
        cr_expect_eq(session_create(&session, PRACTICES, json.bytes),
                     count == 300 ? 0 : EDIT_INVALID, "%zu: %s", count, session_told(&session));
        text_deinit(&json);
        session_drop(&session);
    }
    workshop_close(&workshop);
}

/* --- owners, slugs, sources, references
 * ---------------------------------------------------------------- */

/* Checks Z3. */
Test(edit_content, what_others_write_is_as_unknown_as_what_is_not_there)
{
    struct workshop workshop = workshop_open();
    struct session session;
    struct session other;
    char id[UUID_TEXT_BYTES];
    char json[512];

    session_begin(&session, &workshop, CALLER_PARTNER, 1);
    must(&session, session_create(&session, "projects",
                                  "{\"name\": \"Hidden project\", \"summary\": \"Hidden.\"}"));
    (void)snprintf(id, sizeof(id), "%s", session.record.id);
    session_commit(&session);

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    (void)snprintf(json, sizeof(json),
                   "{\"title\": \"T\", \"summary\": \"S\", \"projects\": [\"%s\"]}", id);
    cr_expect_eq(session_create(&session, PRACTICES, json), EDIT_INVALID);
    session_begin(&other, &workshop, CALLER_PARTNER, 0);
    cr_expect_eq(session_create(&other, PRACTICES,
                                "{\"title\": \"T\", \"summary\": \"S\", \"projects\": "
                                "[\"01997b2c-9a40-7c13-8f5e-2b6d1c0e4a71\"]}"),
                 EDIT_INVALID);
    cr_expect_str_eq(session_told(&session), session_told(&other));
    cr_expect_eq(session_create(&session, PRACTICES,
                                "{\"title\": \"T\", \"summary\": \"S\", \"projects\": "
                                "[\"hidden-project\"]}"),
                 EDIT_INVALID);
    cr_expect_null(strstr(session_told(&session), "did you mean"));
    session_drop(&other);
    session_drop(&session);

    /* Who wrote it may refer to it. */
    session_begin(&session, &workshop, CALLER_PARTNER, 1);
    must(&session, session_create(&session, PRACTICES, json));
    session_drop(&session);
    workshop_close(&workshop);
}

Test(edit_content, partners_write_for_their_own_organisation)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char json[512];

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    (void)snprintf(json, sizeof(json), "{\"title\": \"T\", \"summary\": \"S\", \"owner\": \"%s\"}",
                   workshop.organisations[1]);
    cr_expect_eq(session_create(&session, PRACTICES, json), EDIT_INVALID);
    cr_expect(session_has_error(&session, "/owner", "foreign-owner"), "%s", session_told(&session));
    (void)snprintf(json, sizeof(json), "{\"title\": \"T\", \"summary\": \"S\", \"owner\": \"%s\"}",
                   workshop.organisations[0]);
    must(&session, session_create(&session, PRACTICES, json));
    (void)snprintf(json, sizeof(json), "{\"owner\": {\"id\": \"%s\"}}", workshop.organisations[1]);
    cr_expect_eq(session_patch(&session, json), EDIT_INVALID);
    cr_expect(session_has_error(&session, "/owner", "foreign-owner"));
    must(&session, session_patch(&session, "{\"owner\": null}"));
    cr_expect(session.record.is_unchanged, "who owns it is not the partner's to take away");
    session_drop(&session);

    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session,
         session_create(&session, PRACTICES, "{\"title\": \"Nobody's\", \"summary\": \"S\"}"));
    cr_expect_str_eq(session_shows(&session, "owner"), "");
    (void)snprintf(json, sizeof(json), "{\"owner\": \"%s\"}", workshop.organisations[1]);
    must(&session, session_patch(&session, json));
    cr_expect_str_eq(session_shows(&session, "owner.id"), workshop.organisations[1]);
    session_drop(&session);
    workshop_close(&workshop);
}

/* Checks Z21. */
Test(edit_content, a_slug_is_taken_by_what_can_be_seen_alone)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char draft[UUID_TEXT_BYTES];
    char published[UUID_TEXT_BYTES];

    workshop_draft(&workshop, 0, "A slug of mine", "", draft);
    /* Another partner knows nothing of it, and learns nothing. */
    session_begin(&session, &workshop, CALLER_PARTNER, 1);
    must(&session, session_create(&session, PRACTICES,
                                  "{\"title\": \"T\", \"summary\": \"S\", "
                                  "\"slug\": \"a-slug-of-mine\"}"));
    session_commit(&session);
    /* The same partner does: said, it is refused; made, another one is made. */
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    cr_expect_eq(session_create(&session, PRACTICES,
                                "{\"title\": \"T\", \"summary\": \"S\", "
                                "\"slug\": \"a-slug-of-mine\"}"),
                 EDIT_CONFLICT);
    cr_expect_str_eq(session.problem.code, "slug-taken");
    must(&session, session_create(&session, PRACTICES,
                                  "{\"title\": \"A slug of mine\", \"summary\": \"S\"}"));
    cr_expect_str_eq(session.record.slug, "a-slug-of-mine-2");
    session_drop(&session);

    /* The first to be published has it; then it is taken for everybody, for ever. */
    workshop_take(&workshop, CALLER_PARTNER, 0, draft, EDIT_SUBMIT);
    workshop_take(&workshop, CALLER_EDITOR, -1, draft, EDIT_PUBLISH);
    session_begin(&session, &workshop, CALLER_PARTNER, 1);
    must(&session, session_find(&session, PRACTICES, "a-slug-of-mine"));
    must(&session, edit_take(&session.edit, &session.record, EDIT_SUBMIT, NULL));
    (void)snprintf(published, sizeof(published), "%s", session.record.id);
    session_commit(&session);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, PRACTICES, published));
    cr_expect_eq(edit_take(&session.edit, &session.record, EDIT_PUBLISH, NULL), EDIT_CONFLICT);
    cr_expect_str_eq(session.problem.code, "slug-taken");
    session_drop(&session);
    workshop_patch(&workshop, CALLER_EDITOR, -1, draft, "{\"slug\": \"another-slug\"}");
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, PRACTICES, published));
    cr_expect_eq(edit_take(&session.edit, &session.record, EDIT_PUBLISH, NULL), EDIT_CONFLICT,
                 "an earlier address still leads to its record");
    session_drop(&session);
    workshop_close(&workshop);
}

Test(edit_content, a_slug_is_made_of_any_name)
{
    static const struct {
        const char *title;
        const char *slug;
    } ROWS[] = {
        {"Größe & Maß (2026)!", "grosse-mass-2026"},
        {"L'Épicerie  d'Åsa", "l-epicerie-d-asa"},
        {"Batch get", "batch-get-2"},
        {"مركز", "practices"},
        {"---", "practices-2"},
    };
    struct workshop workshop = workshop_open();
    struct session session;

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char json[256];

        (void)snprintf(json, sizeof(json), "{\"title\": \"%s\", \"summary\": \"S\"}",
                       ROWS[i].title);
        must(&session, session_create(&session, PRACTICES, json));
        cr_expect_str_eq(session.record.slug, ROWS[i].slug, "%s: %s", ROWS[i].title,
                         session.record.slug);
    }
    session_drop(&session);
    workshop_close(&workshop);
}

Test(edit_content, a_source_is_that_of_one_record_of_an_owner)
{
    static const char JSON[] = "{\"title\": \"T\", \"summary\": \"S\", \"source\": "
                               "{\"name\": \"directory\", \"external_id\": \"7\"}}";
    struct workshop workshop = workshop_open();
    struct session session;

    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_create(&session, PRACTICES, JSON));
    cr_expect_eq(session_create(&session, PRACTICES, JSON), EDIT_CONFLICT);
    cr_expect_str_eq(session.problem.code, "source-taken");
    session_commit(&session);
    session_begin(&session, &workshop, CALLER_PARTNER, 1);
    must(&session, session_create(&session, PRACTICES, JSON));
    session_drop(&session);
    workshop_close(&workshop);
}

Test(edit_content, the_database_says_no_by_the_pointer_of_its_rule)
{
    struct workshop workshop = workshop_open();
    struct session session;

    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    cr_expect_eq(session_create(&session, "networks",
                                "{\"name\": \"N\", \"summary\": \"S\", \"kind\": \"cities\", "
                                "\"scope\": \"national\", \"members\": [{\"organisation\": "
                                "\"anvita\", \"since\": \"2020\", \"until\": \"2019-12\"}]}"),
                 EDIT_INVALID);
    cr_expect(session_has_error(&session, "/members", "not-allowed"), "%s", session_told(&session));
    cr_expect_not_null(strstr(session_told(&session), "networks_members_dates_in_order"));
    session_drop(&session);
    workshop_close(&workshop);
}

Test(edit_content, a_property_is_translated_once_into_a_language)
{
    struct workshop workshop = workshop_open();
    struct session session;

    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    cr_expect_eq(session_create(&session, PRACTICES,
                                "{\"title\": \"T\", \"summary\": \"S\", \"translations\": ["
                                "{\"language\": \"fr\", \"property\": \"title\", \"text\": \"x\", "
                                "\"origin\": \"author\"}, {\"language\": \"fr\", \"property\": "
                                "\"title\", \"text\": \"y\", \"origin\": \"author\"}]}"),
                 EDIT_INVALID);
    cr_expect(session_has_error(&session, "/translations/1", "duplicate-items"), "%s",
              session_told(&session));
    session_drop(&session);
    workshop_close(&workshop);
}

/* --- replacing and patching
 * -------------------------------------------------------------------------- */

Test(edit_content, replacing_leaves_nothing_of_what_was)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];

    workshop_draft(&workshop, 0, "To be replaced",
                   ", \"countries\": [\"DE\"], \"organisations\": [\"anvita\"], \"web_links\": "
                   "[{\"url\": \"https://example.org/\", \"label\": \"x\"}]",
                   id);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    must(&session, session_replace(&session, "{\"title\": \"Replaced\", \"summary\": \"Anew.\"}"));
    cr_expect_str_eq(session.record.slug, "to-be-replaced", "what is not said of the slug stays");
    cr_expect_str_eq(session_shows(&session, "countries"), "");
    cr_expect_eq(session.record.changed_count, 5);
    session_commit(&session);
    expect_value("0 0 t",
                 "select concat_ws(' ', (select count(*) from catalogue.practices_web_links "
                 "where record_id = '%s'), (select count(*) from catalogue.practices_organisations "
                 "where record_id = '%s'), (select countries is null from catalogue.practices "
                 "where id = '%s'))",
                 id, id, id);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    must(&session, session_replace(&session, "{\"title\": \"Replaced\", \"summary\": \"Anew.\"}"));
    cr_expect(session.record.is_unchanged);
    session_commit(&session);
    expect_value("2", "select max(version) from catalogue.version where record_id = '%s'", id);
    workshop_close(&workshop);
}

/* Checks V21. */
Test(edit_content, a_patch_merges_as_rfc_7396_says)
{
    static const struct {
        const char *patch;
        const char *path;
        const char *expected;
    } ROWS[] = {
        {"{\"city\": \"Berlin\"}", "city", "Berlin"},
        {"{\"city\": null}", "city", ""},
        {"{\"countries\": [\"FR\"]}", "countries", "[\"FR\"]"},
        {"{\"location\": {\"lat\": 48.5}}", "location", "{\"lat\":48.5,\"lon\":2.25}"},
        {"{\"source\": {\"name\": null}}", "source", "{\"section\":\"4\"}"},
        {"{\"source\": null}", "source", ""},
        {"{\"organisations\": [{\"id\": \"%s\"}]}", "organisations.0.id", NULL},
        {"{}", "title", "Patched"},
    };
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];

    workshop_draft(&workshop, 0, "Patched",
                   ", \"countries\": [\"DE\", \"BE\"], \"location\": {\"lat\": 48.25, \"lon\": "
                   "2.25}, \"source\": {\"name\": \"n\", \"section\": \"4\"}",
                   id);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char patch[256];

        (void)snprintf(patch, sizeof(patch), "%s", ROWS[i].patch);
        if (strstr(patch, "%s") != NULL)
            (void)snprintf(patch, sizeof(patch), "{\"organisations\": [{\"id\": \"%s\"}]}",
                           workshop.organisations[2]);
        must(&session, session_patch(&session, patch));
        cr_expect_str_eq(session_shows(&session, ROWS[i].path),
                         ROWS[i].expected == NULL ? workshop.organisations[2] : ROWS[i].expected,
                         "%s: %s", patch, session_shows(&session, ROWS[i].path));
    }
    cr_expect(session.record.is_unchanged);
    session_drop(&session);
    workshop_close(&workshop);
}

/* Checks V21, Z5. */
Test(edit_content, a_patch_that_would_leave_no_record_is_refused)
{
    static const struct {
        const char *patch;
        const char *pointer;
        const char *code;
    } ROWS[] = {
        {"{\"title\": null}", "/title", "required"},
        {"{\"__proto__\": {\"title\": \"x\"}}", "/__proto__", "unknown-member"},
        {"{\"location\": [1, 2]}", "/location", "wrong-type"},
        {"{\"location\": {\"lat\": null}}", "/location/lat", "required"},
        {"{\"organisations\": {\"0\": \"anvita\"}}", "/organisations", "wrong-type"},
        {"[]", "", "wrong-type"},
        {"\"x\"", "", "wrong-type"},
        {"null", "", "wrong-type"},
        {"{\"version\": 1}", "/version", "read-only"},
        {"{\"status\": \"draft\"}", "/status", "read-only"},
        {"{\"status\": null}", "/status", "read-only"},
        {"{\"updated_at\": \"2026-01-01T00:00:00Z\"}", "/updated_at", "read-only"},
        {"{\"verify_due\": \"2036-01-01T00:00:00Z\"}", "/verify_due", "read-only"},
        {"{\"review\": \"in_review\"}", "/review", "read-only"},
    };
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];

    workshop_draft(&workshop, 0, "Not to be broken",
                   ", \"location\": {\"lat\": 48.25, \"lon\": 2.25}", id);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const int r = session_patch(&session, ROWS[i].patch);

        cr_expect_eq(r, EDIT_INVALID, "%s: %d", ROWS[i].patch, r);
        cr_expect(session_has_error(&session, ROWS[i].pointer, ROWS[i].code), "%s: %s",
                  ROWS[i].patch, session_told(&session));
        cr_expect_eq(session.problem.error_count, 1, "%s: %s", ROWS[i].patch,
                     session_told(&session));
    }
    session_commit(&session);
    expect_value("1", "select max(version) from catalogue.version where record_id = '%s'", id);
    workshop_close(&workshop);
}

Test(edit_content, what_is_referred_to_already_may_stay_unseen)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];
    char project[UUID_TEXT_BYTES];
    char json[256];

    session_begin(&session, &workshop, CALLER_PARTNER, 1);
    must(&session,
         session_create(&session, "projects", "{\"name\": \"Unseen\", \"summary\": \"S\"}"));
    (void)snprintf(project, sizeof(project), "%s", session.record.id);
    session_commit(&session);
    workshop_draft(&workshop, 0, "Refers to the unseen", "", id);
    (void)snprintf(json, sizeof(json), "{\"projects\": [\"%s\"]}", project);
    workshop_patch(&workshop, CALLER_EDITOR, -1, id, json);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    must(&session, session_patch(&session, "{\"city\": \"Gent\"}"));
    cr_expect_str_eq(session_shows(&session, "projects"), "", "not shown");
    session_commit(&session);
    expect_value("1", "select count(*) from catalogue.practices_projects where record_id = '%s'",
                 id);
    workshop_close(&workshop);
}

/* --- trying
 * ------------------------------------------------------------------------------------------ */

Test(edit_content, anybody_may_try_a_patch_of_what_is_public)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];
    json_auto_t *good = json_pack("{s:s}", "city", "Rome");
    json_auto_t *bad = json_pack("{s:s, s:i}", "country", "Italy", "version", 2);
    const struct resource *practices;

    workshop_publish(&workshop, 0, "Open to corrections", "", id);
    workshop_patch(&workshop, CALLER_PARTNER, 0, id, "{\"city\": \"Milan\"}");
    session_begin(&session, &workshop, CALLER_ANONYMOUS, -1);
    practices = session_resource(&session, PRACTICES);
    must(&session,
         edit_try_patch(&session.edit, practices, "open-to-corrections", good, &session.record));
    cr_expect_str_eq(session.record.id, id);
    cr_expect_eq(session.record.version, 3, "what waits is not looked at");
    edit_deinit(&session.record);
    cr_expect_eq(edit_try_patch(&session.edit, practices, id, bad, &session.record), EDIT_INVALID);
    cr_expect(session_has_error(&session, "/country", "not-allowed"));
    cr_expect(session_has_error(&session, "/version", "read-only"));
    session_drop(&session);
    workshop_draft(&workshop, 0, "Closed to corrections", "", id);
    session_begin(&session, &workshop, CALLER_ANONYMOUS, -1);
    cr_expect_eq(edit_try_patch(&session.edit, practices, id, good, &session.record),
                 EDIT_NOT_FOUND);
    session_drop(&session);
    workshop_close(&workshop);
}
