/*
 * Imports from the command line beside changes through the API: what a file says again changes
 * nothing, what it says anew replaces nothing that somebody has written, and records
 * keep their addresses.
 */
#include "support/database.h"
#include "support/leaks.h"
#include "support/program.h"
#include "support/workshop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

WORKSHOP_BEFORE_TESTS()
WORKSHOP_AFTER_TESTS()

TestSuite(edit_import, .fini = test_ends_without_leaks, .timeout = 120);

#define PRACTICES "practices"
#define JSON_BYTES 2048

/* Imports practices; what the program said, owned, free(). @option: may be NULL. */
static char *import(const char *json, const char *option, int expected)
{
    const char *const arguments[] = {"import", "--source", "file", NULL, NULL, NULL};
    char folder[] = "/tmp/express-import-XXXXXX";
    char path[64], setting[1024];
    const char *words[6];
    struct program_result result;
    FILE *file;
    size_t count = 3;
    char *said;

    memcpy(words, arguments, sizeof(words));
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/practices.json", folder);
    file = fopen(path, "we");
    cr_assert_not_null(file);
    (void)fprintf(file, "[%s]", json);
    cr_assert_eq(fclose(file), 0);
    if (option != NULL)
        words[count++] = option;
    words[count++] = path;
    words[count] = NULL;
    (void)snprintf(setting, sizeof(setting), "EXPRESS_DATABASE_URL=%s", getenv("API_DATABASE_URL"));
    cr_assert(program_run(words, (const char *const[]){setting, NULL}, &result), "%s",
              result.error);
    cr_assert_eq(result.exit_code, expected, "%d: %s", result.exit_code, result.error);
    said = strdup(result.error);
    program_result_deinit(&result);
    (void)unlink(path);
    (void)rmdir(folder);
    return said;
}

static void expect_import(const char *json, const char *option, int expected, const char *said)
{
    char *told = import(json, option, expected);

    cr_expect_not_null(strstr(told, said), "'%s' is not in: %s", said, told);
    free(told);
}

static void slug_id(const char *slug, char ret_id[UUID_TEXT_BYTES])
{
    (void)snprintf(ret_id, UUID_TEXT_BYTES, "%s",
                   workshop_value("select id from catalogue.record where resource = 'practices' "
                                  "and slug = '%s'",
                                  slug));
}

Test(edit_import, what_was_changed_since_is_not_overwritten_in_silence)
{
    static const char FIRST[] = "{\"slug\": \"edited\", \"title\": \"Edited\", "
                                "\"summary\": \"From the file.\"}";
    static const char AGAIN[] = "{\"slug\": \"edited\", \"title\": \"Edited\", "
                                "\"summary\": \"From the file again.\"}";
    struct workshop workshop = workshop_open();
    char id[UUID_TEXT_BYTES];

    expect_import(FIRST, NULL, 0, "1 records created");
    expect_import(AGAIN, NULL, 0, "1 updated");
    expect_import(FIRST, NULL, 0, "1 updated");
    slug_id("edited", id);
    workshop_patch(&workshop, CALLER_EDITOR, -1, id, "{\"city\": \"Rome\"}");
    expect_import(FIRST, NULL, 0, "1 unchanged");
    expect_value("Rome", "select city from catalogue.practices where id = '%s'", id);
    expect_import(AGAIN, NULL, 1, "changed-since-import");
    expect_value("Rome", "select city from catalogue.practices where id = '%s'", id);
    expect_import(AGAIN, "--overwrite", 0, "1 updated");
    expect_value("import system {city,summary}",
                 "select concat_ws(' ', action, role, changed) from catalogue.version "
                 "where record_id = '%s' order by version desc limit 1",
                 id);
    expect_value("import import import update import",
                 "select string_agg(action, ' ' order by version) from catalogue.version "
                 "where record_id = '%s'",
                 id);
    workshop_close(&workshop);
}

Test(edit_import, a_change_that_waits_is_kept_from_an_import_and_in_the_history)
{
    struct workshop workshop = workshop_open();
    char json[JSON_BYTES];
    char id[UUID_TEXT_BYTES];

    (void)snprintf(json, sizeof(json),
                   "{\"slug\": \"waited\", \"title\": \"Waited\", \"summary\": \"S\", "
                   "\"owner\": \"%s\"}",
                   workshop.organisations[0]);
    expect_import(json, NULL, 0, "1 records created");
    slug_id("waited", id);
    workshop_patch(&workshop, CALLER_PARTNER, 0, id, "{\"city\": \"Rome\"}");
    expect_import(json, NULL, 0, "1 unchanged");
    (void)snprintf(json, sizeof(json),
                   "{\"slug\": \"waited\", \"title\": \"Waited\", \"summary\": \"T\", "
                   "\"owner\": \"%s\"}",
                   workshop.organisations[0]);
    expect_import(json, NULL, 1, "changed-since-import");
    expect_value("in_review", "select review from catalogue.record where id = '%s'", id);
    expect_import(json, "--overwrite", 0, "1 updated");
    expect_value("(null) Rome",
                 "select coalesce(r.review, '(null)') || ' ' || (v.data->>'city') from "
                 "catalogue.record r join catalogue.version v on v.record_id = r.id "
                 "and v.version = 2 where r.id = '%s'",
                 id);
    workshop_close(&workshop);
}

Test(edit_import, a_record_is_known_by_an_earlier_slug_and_by_its_source)
{
    static const char FIRST[] = "{\"slug\": \"first-name\", \"title\": \"T\", \"summary\": \"S\", "
                                "\"source\": {\"name\": \"directory\", \"external_id\": \"17\"}}";
    static const char RENAMED[] = "{\"slug\": \"second-name\", \"title\": \"T\", \"summary\": "
                                  "\"S\", \"source\": {\"name\": \"directory\", "
                                  "\"external_id\": \"17\"}}";
    struct workshop workshop = workshop_open();
    char id[UUID_TEXT_BYTES];
    char json[JSON_BYTES];

    expect_import(FIRST, NULL, 0, "1 records created");
    slug_id("first-name", id);
    expect_import(RENAMED, NULL, 0, "1 updated");
    expect_value("second-name", "select slug from published.practices_documents where id = '%s'",
                 id);
    expect_value("first-name first-name",
                 "select m.slug || ' ' || h.old_slug from published.moved m join "
                 "catalogue.slug_history h on h.record_id = m.id where m.id = '%s'",
                 id);
    workshop_patch(&workshop, CALLER_EDITOR, -1, id, "{\"slug\": \"third-name\"}");
    expect_import(RENAMED, NULL, 0, "1 unchanged");
    (void)snprintf(json, sizeof(json), "%s, %s", RENAMED,
                   "{\"slug\": \"third-name\", \"title\": \"T\", \"summary\": \"S\"}");
    expect_import(json, NULL, 1, "duplicate-slug");
    workshop_close(&workshop);
}

Test(edit_import, what_was_deleted_comes_back_on_demand_alone)
{
    static const char FIRST[] = "{\"slug\": \"deleted-once\", \"title\": \"T\", "
                                "\"summary\": \"S\"}";
    static const char AGAIN[] = "{\"slug\": \"deleted-once\", \"title\": \"T\", "
                                "\"summary\": \"Again\"}";
    struct workshop workshop = workshop_open();
    struct session session;
    char id[UUID_TEXT_BYTES];

    expect_import(FIRST, NULL, 0, "1 records created");
    slug_id("deleted-once", id);
    session_begin(&session, &workshop, CALLER_EDITOR, -1);
    must(&session, session_find(&session, PRACTICES, id));
    must(&session, edit_delete(&session.edit, &session.record));
    session_commit(&session);
    expect_import(FIRST, NULL, 0, "1 unchanged");
    expect_value("0", "select count(*) from published.practices where id = '%s'", id);
    expect_import(AGAIN, NULL, 1, "changed-since-import");
    expect_import(AGAIN, "--overwrite", 0, "1 updated");
    expect_value("1 0",
                 "select concat_ws(' ', (select count(*) from published.practices where id = "
                 "'%s'), (select count(*) from published.gone where id = '%s'))",
                 id, id);
    workshop_close(&workshop);
}

Test(edit_import, drafts_of_others_are_left_alone)
{
    struct workshop workshop = workshop_open();
    char json[JSON_BYTES];
    char id[UUID_TEXT_BYTES];

    workshop_draft(&workshop, 0, "Somebodys draft", "", id);
    expect_import("{\"slug\": \"somebodys-draft\", \"title\": \"Not a draft\", "
                  "\"summary\": \"S\"}",
                  NULL, 0, "1 records created");
    expect_value("Somebodys draft", "select title from catalogue.practices where id = '%s'", id);
    /* But for one of the same owner, which would have the same name twice. */
    workshop_draft(&workshop, 0, "Its own draft", "", id);
    (void)snprintf(json, sizeof(json),
                   "{\"slug\": \"its-own-draft\", \"title\": \"T\", \"summary\": \"S\", "
                   "\"owner\": \"%s\"}",
                   workshop.organisations[0]);
    expect_import(json, NULL, 1, "taken");
    workshop_close(&workshop);
}

Test(edit_import, records_without_a_history_get_one_that_says_what_there_is)
{
    struct workshop workshop = workshop_open();
    struct program_result result;
    struct session session;
    char setting[1024], sql[512], before[JSON_BYTES];
    char id[UUID_TEXT_BYTES];

    workshop_publish(&workshop, 0, "Without a history",
                     ", \"organisations\": [\"anvita\", \"adel\"], \"web_links\": [{\"url\": "
                     "\"https://example.org/\", \"label\": \"x\"}], \"location\": {\"lat\": 1.5, "
                     "\"lon\": 2}, \"source\": {\"name\": \"n\", \"external_id\": \"e\"}",
                     id);
    (void)snprintf(before, sizeof(before), "%s",
                   workshop_value("select data from catalogue.version where record_id = '%s' "
                                  "and version = 1",
                                  id));
    (void)snprintf(sql, sizeof(sql), "delete from catalogue.version where record_id = '%s'", id);
    test_database_run(sql);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, id));
    cr_expect_str_eq(session_shows(&session, "organisations.1.slug"), "adel",
                     "the tables tell until then");
    session_drop(&session);

    (void)snprintf(setting, sizeof(setting), "EXPRESS_DATABASE_URL=%s", getenv("API_DATABASE_URL"));
    for (int i = 0; i < 2; i++) {
        cr_assert(program_run((const char *const[]){"migrate", NULL},
                              (const char *const[]){setting, NULL}, &result));
        cr_assert_eq(result.exit_code, 0, "%s", result.error);
        program_result_deinit(&result);
    }
    expect_value("3 import published system",
                 "select concat_ws(' ', version, action, status, role) from catalogue.version "
                 "where record_id = '%s'",
                 id);
    expect_value(before, "select data from catalogue.version where record_id = '%s'", id);
    workshop_patch(&workshop, CALLER_EDITOR, -1, id, "{\"city\": \"Rome\"}");
    workshop_close(&workshop);
}

/* What was written through the API is exported as it would be imported. */
Test(edit_import, what_is_exported_can_be_imported_and_changes_nothing)
{
    char folder[] = "/tmp/express-export-XXXXXX";
    struct workshop workshop = workshop_open();
    char setting[1024], path[128];
    const char *changes[] = {setting, NULL};
    struct program_result result;
    char id[UUID_TEXT_BYTES];

    workshop_publish(&workshop, 1, "Exported",
                     ", \"organisations\": [\"anvita\"], \"location\": {\"lat\": "
                     "52.123456789012345, \"lon\": 1e-7}, \"verified_at\": "
                     "\"2026-02-01T12:00:00.1234+01:00\", \"value_chain_steps\": [], "
                     "\"transferability\": {}, \"impact\": [{\"indicator\": \"x\", \"value\": "
                     "5.0, \"unit\": \"people\"}]",
                     id);
    workshop_draft(&workshop, 1, "Not exported", "", id);
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(setting, sizeof(setting), "EXPRESS_DATABASE_URL=%s", getenv("API_DATABASE_URL"));
    cr_assert(program_run((const char *const[]){"export", folder, NULL}, changes, &result));
    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    program_result_deinit(&result);
    (void)snprintf(path, sizeof(path), "%s/practices.json", folder);
    cr_assert(program_run((const char *const[]){"import", path, NULL}, changes, &result));
    cr_expect_eq(result.exit_code, 0, "%s", result.error);
    cr_expect_not_null(strstr(result.error, " 0 records created, 0 updated"), "%s", result.error);
    program_result_deinit(&result);
    (void)snprintf(setting, sizeof(setting), "rm -rf %s", folder);
    cr_assert_eq(system(setting), 0);
    workshop_close(&workshop);
}
