/*
 * What holds when somebody above has made a mistake, and when two come at once: the
 * policies of the database as a second wall behind the engine, and the order in which changes of
 * one record happen, whoever makes them.
 */
#include "base/clock.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/workshop.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

WORKSHOP_BEFORE_TESTS()
WORKSHOP_AFTER_TESTS()

TestSuite(edit_db, .fini = test_ends_without_leaks, .timeout = 120);

#define PRACTICES "practices"
#define SQL_BYTES 1024

/* --- the second wall
 * ---------------------------------------------------------------------------------- */

/* As the caller of the session, without any condition of ours. */
static int run(struct session *session, const char *sql, struct db_rows **ret_rows)
{
    return db_run_text(session->db, sql, DB_PLAN_CUSTOM, 0, NULL, ret_rows);
}

static long count_of(struct session *session, const char *sql)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;

    must(session, run(session, sql, &rows));
    return strtol(db_rows_text(rows, 0, 0), NULL, 10);
}

/* Checks Z16. */
Test(edit_db, a_statement_without_a_condition_sees_own_rows_alone)
{
    struct workshop workshop = workshop_open();
    struct session session;
    char mine[UUID_TEXT_BYTES];
    char foreign[UUID_TEXT_BYTES];
    char published[UUID_TEXT_BYTES];
    char sql[SQL_BYTES];

    workshop_draft(&workshop, 0, "Mine", "", mine);
    workshop_draft(&workshop, 1, "Foreign", "", foreign);
    workshop_publish(&workshop, 1, "Foreign and public", "", published);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    (void)snprintf(sql, sizeof(sql),
                   "select count(*) from catalogue.record where (status <> 'published' or "
                   "deleted_at is not null) and owner_id is distinct from '%s'",
                   workshop.organisations[0]);
    cr_expect_eq(count_of(&session, sql), 0);
    (void)snprintf(sql, sizeof(sql),
                   "select count(*) from catalogue.version v where not exists (select from "
                   "catalogue.record r where r.id = v.record_id and r.owner_id = '%s')",
                   workshop.organisations[0]);
    cr_expect_eq(count_of(&session, sql), 0);
    (void)snprintf(sql, sizeof(sql), "select count(*) from catalogue.practices where id = '%s'",
                   foreign);
    cr_expect_eq(count_of(&session, sql), 0);
    (void)snprintf(sql, sizeof(sql), "select count(*) from catalogue.practices where id = '%s'",
                   published);
    cr_expect_eq(count_of(&session, sql), 1);
    (void)snprintf(sql, sizeof(sql),
                   "select count(*) from catalogue.version where record_id = '%s'", mine);
    cr_expect_eq(count_of(&session, sql), 1);
    session_drop(&session);
    workshop_close(&workshop);
}

/* @sql with <record> and <owner> filled in. */
static void fill_in(char ret_sql[SQL_BYTES], const char *sql, const char *record, const char *owner)
{
    struct text text;

    text_init(&text, SQL_BYTES - 1);
    while (*sql != '\0') {
        if (strncmp(sql, "<record>", 8) == 0) {
            text_append(&text, record);
            sql += 8;
        } else if (strncmp(sql, "<owner>", 7) == 0) {
            text_append(&text, owner);
            sql += 7;
        } else {
            text_append_char(&text, *sql++);
        }
    }
    cr_assert_not(text_failed(&text));
    (void)snprintf(ret_sql, SQL_BYTES, "%s", text.bytes);
    text_deinit(&text);
}

/* Checks Z17. */
Test(edit_db, no_statement_writes_into_what_is_foreign)
{
    /* <record>: the foreign record, <owner>: its organisation. */
    static const struct {
        const char *sql;
        int expected;
    } ROWS[] = {
        {"insert into catalogue.record (id, resource, slug, status, owner_id, latest, verify_due) "
         "values (gen_random_uuid(), 'practices', 'smuggled', 'draft', '<owner>', 1, now())",
         DB_FORBIDDEN},
        {"insert into catalogue.practices (id, title, summary) values ('<record>', 't', 's') "
         "on conflict (id) do update set title = 'smuggled'",
         DB_FORBIDDEN},
        {"insert into catalogue.practices_web_links (record_id, position, url, label) values "
         "('<record>', 7, 'https://example.org/', 'smuggled')",
         DB_FORBIDDEN},
        {"insert into catalogue.version (record_id, version, action, status, role) values "
         "('<record>', 99, 'update', 'draft', 'partner')",
         DB_FORBIDDEN},
        {"insert into catalogue.slug_history (resource, old_slug, record_id) values "
         "('practices', 'smuggled', '<record>')",
         DB_FORBIDDEN},
        {"update catalogue.record set slug = 'smuggled' where id = '<record>'", 0},
        {"update catalogue.practices set title = 'smuggled' where id = '<record>'", 0},
        {"delete from catalogue.practices where id = '<record>'", 0},
        {"delete from catalogue.record where id = '<record>'", DB_FORBIDDEN},
        {"delete from catalogue.version where record_id = '<record>'", DB_FORBIDDEN},
        {"truncate catalogue.practices cascade", DB_FORBIDDEN},
    };
    struct workshop workshop = workshop_open();
    char published[UUID_TEXT_BYTES];
    char draft[UUID_TEXT_BYTES];

    workshop_publish(&workshop, 1, "Not to be written", "", published);
    workshop_draft(&workshop, 1, "Not to be written either", "", draft);
    for (size_t i = 0; i < 2 * ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
        struct session session;
        char sql[SQL_BYTES];
        int r;

        fill_in(sql, ROWS[i / 2].sql, i % 2 == 0 ? published : draft, workshop.organisations[1]);
        session_begin(&session, &workshop, CALLER_PARTNER, 0);
        r = run(&session, sql, &rows);
        cr_expect_eq(r, ROWS[i / 2].expected, "%s: %d, %s", sql, r, db_sqlstate(session.db));
        if (r == 0)
            cr_expect_eq(db_rows_affected(rows), 0, "%s", sql);
        else
            cr_expect_str_eq(db_sqlstate(session.db), "42501", "%s", sql);
        session_drop(&session);
    }
    workshop_close(&workshop);
}

/* Checks Z16, Z17. */
Test(edit_db, a_record_that_slipped_past_a_handler_is_not_changed)
{
    struct workshop workshop = workshop_open();
    struct session editor;
    struct session partner;
    char ids[2][UUID_TEXT_BYTES];
    json_auto_t *patch = json_pack("{s:s}", "city", "Rome");

    workshop_draft(&workshop, 1, "Slipped past", "", ids[0]);
    workshop_publish(&workshop, 1, "Slipped past in public", "", ids[1]);
    for (int i = 0; i < 2; i++) {
        int r;

        session_begin(&editor, &workshop, CALLER_EDITOR, -1);
        must(&editor,
             edit_look(&editor.edit, session_resource(&editor, PRACTICES), ids[i], &editor.record));
        session_begin(&partner, &workshop, CALLER_PARTNER, 0);
        /* Even with the owner forged. */
        editor.record.owner_id = workshop.organisations[0];
        (void)json_object_set_new(editor.record.data, "owner",
                                  json_string(workshop.organisations[0]));
        r = edit_patch(&partner.edit, &editor.record, patch);
        cr_expect_eq(r, DB_FORBIDDEN, "%d %s", r, session_told(&partner));
        session_drop(&partner);
        session_begin(&partner, &workshop, CALLER_PARTNER, 0);
        r = edit_delete(&partner.edit, &editor.record);
        cr_expect_eq(r, DB_FORBIDDEN, "%d %s", r, session_told(&partner));
        session_drop(&partner);
        session_begin(&partner, &workshop, CALLER_PARTNER, 0);
        r = edit_verify(&partner.edit, &editor.record);
        cr_expect_eq(r, DB_FORBIDDEN, "%d %s", r, session_told(&partner));
        session_drop(&partner);
        session_drop(&editor);
    }
    workshop_close(&workshop);
}

/* Checks Z17, V22. */
Test(edit_db, the_database_holds_partners_to_their_steps)
{
    static const struct {
        const char *sql;
        int expected;
        const char *sqlstate;
    } ROWS[] = {
        {"update catalogue.record set status = 'published', first_published_at = now(), "
         "waiting_since = null where id = '<record>'",
         DB_CHECK_VIOLATION, "23514"},
        {"update catalogue.record set status = 'in_review', waiting_since = now() "
         "where id = '<record>'",
         0, ""},
        {"update catalogue.record set owner_id = null where id = '<record>'", DB_FORBIDDEN,
         "42501"},
        {"update catalogue.record set latest = 0 where id = '<record>'", DB_CHECK_VIOLATION,
         "23514"},
        {"insert into catalogue.version (record_id, version, action, status, role) "
         "values ('<record>', 9, 'publish', 'published', 'partner')",
         DB_FORBIDDEN, "42501"},
        {"insert into catalogue.version (record_id, version, action, status, role) "
         "values ('<record>', 9, 'update', 'draft', 'editor')",
         DB_FORBIDDEN, "42501"},
    };
    struct workshop workshop = workshop_open();
    char id[UUID_TEXT_BYTES];

    workshop_draft(&workshop, 0, "Held to its steps", "", id);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct session session;
        char sql[SQL_BYTES];
        int r;

        fill_in(sql, ROWS[i].sql, id, "");
        session_begin(&session, &workshop, CALLER_PARTNER, 0);
        r = run(&session, sql, NULL);
        cr_expect_eq(r, ROWS[i].expected, "%s: %d", sql, r);
        cr_expect_str_eq(db_sqlstate(session.db), ROWS[i].sqlstate, "%s", sql);
        session_drop(&session);
    }
    workshop_close(&workshop);
}

/* --- two at once
 * ---------------------------------------------------------------------------------------- */

struct worker {
    struct workshop *workshop;
    const char *id;
    const char *title;
    int number;
    int rounds;
    int result;
    char slug[128];
};

/* Reads, adds one, writes; whatever the others do. */
static void *add_one(void *data)
{
    struct worker *worker = data;

    for (int i = 0; i < worker->rounds; i++) {
        struct session session;
        char json[128];
        int r;

        session_begin(&session, worker->workshop, CALLER_PARTNER, 0);
        r = session_find(&session, PRACTICES, worker->id);
        if (r == 0) {
            (void)snprintf(json, sizeof(json), "{\"languages_count\": %lld}",
                           (long long)json_integer_value(
                               json_object_get(session.record.data, "languages_count")) +
                               1);
            r = session_patch(&session, json);
        }
        if (r == 0)
            r = db_commit(session.db);
        session_drop(&session);
        if (r == DB_CONTENTION)
            i--; /* nothing was done: once more */
        else if (r != 0)
            worker->result = r;
    }
    return NULL;
}

static void run_workers(struct worker *workers, size_t count, void *(*work)(void *data))
{
    pthread_t threads[16];

    cr_assert_leq(count, ARRAY_LENGTH(threads));
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (size_t i = 0; i < count; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
}

/* Checks C1, C2. */
Test(edit_db, no_change_is_lost_between_reading_and_writing)
{
    struct workshop workshop = workshop_open();
    struct worker workers[5] = {0};
    char id[UUID_TEXT_BYTES];

    workshop_draft(&workshop, 0, "Counted", ", \"languages_count\": 0", id);
    for (size_t i = 0; i < ARRAY_LENGTH(workers); i++)
        workers[i] = (struct worker){.workshop = &workshop, .id = id, .rounds = 10};
    run_workers(workers, ARRAY_LENGTH(workers), add_one);
    for (size_t i = 0; i < ARRAY_LENGTH(workers); i++)
        cr_expect_eq(workers[i].result, 0, "%d", workers[i].result);
    expect_value("50 51",
                 "select concat_ws(' ', languages_count, latest) from "
                 "catalogue.practices join catalogue.record using (id) where id = '%s'",
                 id);
    workshop_close(&workshop);
}

struct holder {
    struct workshop *workshop;
    const char *id;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool holds;
    bool may_go;
};

/* Holds the lock, with a change behind it, until it is told to commit. */
static void *hold(void *data)
{
    struct holder *holder = data;
    struct session session;

    session_begin(&session, holder->workshop, CALLER_PARTNER, 0);
    must(&session, session_find(&session, PRACTICES, holder->id));
    must(&session, session_patch(&session, "{\"city\": \"First\"}"));
    (void)pthread_mutex_lock(&holder->mutex);
    holder->holds = true;
    (void)pthread_cond_signal(&holder->changed);
    while (!holder->may_go)
        (void)pthread_cond_wait(&holder->changed, &holder->mutex);
    (void)pthread_mutex_unlock(&holder->mutex);
    session_commit(&session);
    return NULL;
}

static pthread_t begin_to_hold(struct holder *holder)
{
    pthread_t thread;

    cr_assert_eq(pthread_create(&thread, NULL, hold, holder), 0);
    (void)pthread_mutex_lock(&holder->mutex);
    while (!holder->holds)
        (void)pthread_cond_wait(&holder->changed, &holder->mutex);
    (void)pthread_mutex_unlock(&holder->mutex);
    return thread;
}

static void let_go(struct holder *holder)
{
    (void)pthread_mutex_lock(&holder->mutex);
    holder->may_go = true;
    (void)pthread_cond_signal(&holder->changed);
    (void)pthread_mutex_unlock(&holder->mutex);
}

/* Lets the holder go as soon as somebody waits for its lock. */
static void *let_go_when_waited_for(void *data)
{
    char *waiting;

    do {
        waiting = test_database_value("select 'yes' from pg_stat_activity where wait_event_type = "
                                      "'Lock' and datname = current_database() limit 1");
        free(waiting);
    } while (waiting == NULL);
    let_go(data);
    return NULL;
}

/* Checks C1. */
Test(edit_db, who_waited_for_the_lock_sees_what_the_other_wrote)
{
    struct workshop workshop = workshop_open();
    struct holder holder = {.workshop = &workshop,
                            .mutex = PTHREAD_MUTEX_INITIALIZER,
                            .changed = PTHREAD_COND_INITIALIZER};
    struct session session;
    char id[UUID_TEXT_BYTES];
    pthread_t threads[2];

    workshop_draft(&workshop, 0, "Waited for", "", id);
    holder.id = id;
    threads[0] = begin_to_hold(&holder);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    cr_assert_eq(pthread_create(&threads[1], NULL, let_go_when_waited_for, &holder), 0);
    must(&session, session_find(&session, PRACTICES, id));
    cr_expect_eq(session.record.version, 2, "an ETag of version 1 is stale now");
    cr_expect_str_eq(session_shows(&session, "city"), "First");
    must(&session, session_patch(&session, "{\"country\": \"IT\"}"));
    session_commit(&session);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    expect_value("First IT",
                 "select concat_ws(' ', city, country) from catalogue.practices "
                 "where id = '%s'",
                 id);
    workshop_close(&workshop);
}

/* Checks C6. */
Test(edit_db, who_waits_too_long_for_a_lock_is_told_so)
{
    struct workshop workshop = workshop_open();
    struct holder holder = {.workshop = &workshop,
                            .mutex = PTHREAD_MUTEX_INITIALIZER,
                            .changed = PTHREAD_COND_INITIALIZER};
    struct session session;
    char id[UUID_TEXT_BYTES];
    pthread_t thread;
    uint64_t start_ms;

    workshop_draft(&workshop, 0, "Held for long", "", id);
    holder.id = id;
    thread = begin_to_hold(&holder);
    session_begin(&session, &workshop, CALLER_PARTNER, 0);
    start_ms = clock_monotonic_ms();
    cr_expect_eq(session_find(&session, PRACTICES, id), DB_CONTENTION);
    cr_expect_lt(clock_monotonic_ms() - start_ms, 1000);
    session_drop(&session);
    let_go(&holder);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    workshop_close(&workshop);
}

static void *create_one(void *data)
{
    struct worker *worker = data;
    struct session session;
    char json[256];

    session_begin(&session, worker->workshop, CALLER_PARTNER, 0);
    (void)snprintf(json, sizeof(json), "{\"title\": \"%s\", \"summary\": \"S\"}", worker->title);
    worker->result = session_create(&session, PRACTICES, json);
    if (worker->result == 0)
        worker->result = db_commit(session.db);
    if (worker->result == 0)
        (void)snprintf(worker->slug, sizeof(worker->slug), "%s", session.record.slug);
    session_drop(&session);
    return NULL;
}

Test(edit_db, records_of_one_name_that_come_at_once_get_a_slug_each)
{
    struct workshop workshop = workshop_open();
    struct worker workers[8] = {0};

    for (size_t i = 0; i < ARRAY_LENGTH(workers); i++)
        workers[i] = (struct worker){.workshop = &workshop, .title = "All at once"};
    run_workers(workers, ARRAY_LENGTH(workers), create_one);
    for (size_t i = 0; i < ARRAY_LENGTH(workers); i++) {
        cr_expect_eq(workers[i].result, 0, "%d", workers[i].result);
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(workers[i].slug, workers[j].slug);
    }
    workshop_close(&workshop);
}

static void *publish_one(void *data)
{
    struct worker *worker = data;
    struct session session;

    session_begin(&session, worker->workshop, CALLER_EDITOR, -1);
    worker->result = session_find(&session, PRACTICES, worker->id);
    if (worker->result == 0)
        worker->result = edit_take(&session.edit, &session.record, EDIT_PUBLISH, NULL);
    if (worker->result == 0)
        worker->result = db_commit(session.db);
    session_drop(&session);
    return NULL;
}

Test(edit_db, one_of_two_is_published_under_a_slug)
{
    struct workshop workshop = workshop_open();
    struct worker workers[2] = {0};
    char ids[2][UUID_TEXT_BYTES];

    for (int i = 0; i < 2; i++) {
        workshop_draft(&workshop, i, "Wanted by two", "", ids[i]);
        workshop_take(&workshop, CALLER_PARTNER, i, ids[i], EDIT_SUBMIT);
        workers[i] = (struct worker){.workshop = &workshop, .id = ids[i]};
    }
    run_workers(workers, 2, publish_one);
    cr_expect(workers[0].result == 0 || workers[1].result == 0);
    /* The other one has learnt so, or has waited too long for the answer. */
    cr_expect(workers[0].result == EDIT_CONFLICT || workers[1].result == EDIT_CONFLICT ||
                  workers[0].result == DB_CONTENTION || workers[1].result == DB_CONTENTION,
              "%d %d", workers[0].result, workers[1].result);
    expect_value("1", "select count(*) from published.practices_documents "
                      "where slug = 'wanted-by-two'");
    workshop_close(&workshop);
}

static void *delete_one(void *data)
{
    struct worker *worker = data;
    struct session session;

    session_begin(&session, worker->workshop, CALLER_PARTNER, 0);
    worker->result = session_find(&session, PRACTICES, worker->id);
    if (worker->result == 0)
        worker->result = edit_delete(&session.edit, &session.record);
    if (worker->result == 0)
        worker->result = db_commit(session.db);
    session_drop(&session);
    return NULL;
}

/* Checks C7. */
Test(edit_db, deleting_and_changing_at_once_happen_one_after_the_other)
{
    struct workshop workshop = workshop_open();

    for (int round = 0; round < 10; round++) {
        struct worker workers[2];
        char id[UUID_TEXT_BYTES];
        pthread_t threads[2];

        workshop_draft(&workshop, 0, "Deleted or changed", ", \"languages_count\": 0", id);
        for (int i = 0; i < 2; i++)
            workers[i] = (struct worker){.workshop = &workshop, .id = id, .rounds = 1};
        cr_assert_eq(pthread_create(&threads[0], NULL, add_one, &workers[0]), 0);
        cr_assert_eq(pthread_create(&threads[1], NULL, delete_one, &workers[1]), 0);
        for (int i = 0; i < 2; i++)
            cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_expect_eq(workers[1].result, 0);
        cr_expect(workers[0].result == 0 || workers[0].result == EDIT_GONE, "%d",
                  workers[0].result);
        expect_value(workers[0].result == 0 ? "create update delete" : "create delete",
                     "select string_agg(action, ' ' order by version) from catalogue.version "
                     "where record_id = '%s'",
                     id);
    }
    workshop_close(&workshop);
}

/* Checks C5. */
Test(edit_db, two_that_wait_for_each_other_are_told_to_try_again)
{
    struct workshop workshop = workshop_open();
    struct session sessions[2];
    char ids[2][UUID_TEXT_BYTES];
    int r;

    for (int i = 0; i < 2; i++)
        workshop_draft(&workshop, 0, "Crosswise", "", ids[i]);
    for (int i = 0; i < 2; i++) {
        session_begin(&sessions[i], &workshop, CALLER_PARTNER, 0);
        must(&sessions[i], session_find(&sessions[i], PRACTICES, ids[i]));
    }
    r = session_find(&sessions[0], PRACTICES, ids[1]);
    cr_expect_eq(r, DB_CONTENTION, "%d", r);
    session_drop(&sessions[0]);
    must(&sessions[1], session_find(&sessions[1], PRACTICES, ids[0]));
    session_commit(&sessions[1]);
    workshop_close(&workshop);
}

Test(edit_db, what_somebody_is_about_to_refer_to_is_not_deleted_under_them)
{
    struct workshop workshop = workshop_open();
    struct session partner;
    struct session editor;
    char project[UUID_TEXT_BYTES];
    char json[256];
    int r;

    session_begin(&editor, &workshop, CALLER_EDITOR, -1);
    must(&editor, session_create(&editor, "projects",
                                 "{\"name\": \"Referred to just now\", \"summary\": \"S\"}"));
    (void)snprintf(project, sizeof(project), "%s", editor.record.id);
    must(&editor, edit_take(&editor.edit, &editor.record, EDIT_SUBMIT, NULL));
    must(&editor, edit_take(&editor.edit, &editor.record, EDIT_PUBLISH, NULL));
    session_commit(&editor);
    session_begin(&partner, &workshop, CALLER_PARTNER, 0);
    (void)snprintf(json, sizeof(json),
                   "{\"title\": \"Just now\", \"summary\": \"S\", \"projects\": [\"%s\"]}",
                   project);
    must(&partner, session_create(&partner, PRACTICES, json));
    session_begin(&editor, &workshop, CALLER_EDITOR, -1);
    must(&editor, session_find(&editor, "projects", project));
    r = edit_delete(&editor.edit, &editor.record);
    cr_expect_eq(r, DB_CONTENTION, "it waits, %d", r);
    session_drop(&editor);
    session_commit(&partner);
    session_begin(&editor, &workshop, CALLER_EDITOR, -1);
    must(&editor, session_find(&editor, "projects", project));
    cr_expect_eq(edit_delete(&editor.edit, &editor.record), EDIT_CONFLICT);
    session_drop(&editor);
    workshop_close(&workshop);
}
