/*
 * How the history of what is public comes about: a record takes every step that there is, and is
 * read as of each; and records are rendered here as the program renders them, in transactions that
 * are made to meet.
 */
#include "db/db.h"
#include "record/model.h"
#include "record/render.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/server.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_BYTES 1024

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(history_rows, .fini = test_ends_without_leaks, .timeout = 60);

/* Two connections that may write, as the command line has them. */
struct workshop {
    struct db_pool *pool;
    struct db *one;
    struct db *other;
    struct model *model;
};

static void workshop_open(struct workshop *workshop)
{
    const struct db_pool_settings settings = {.url = getenv("API_DATABASE_URL"),
                                              .role = "express_owner",
                                              .session = "express.role=system",
                                              .application = "express-test",
                                              .size = 2,
                                              .waiters_max = 1,
                                              .wait_ms = 1000,
                                              .statements_max = 16};

    cr_assert_eq(db_pool_new(&settings, &workshop->pool), 0);
    cr_assert_eq(db_lease(workshop->pool, &workshop->one), 0);
    cr_assert_eq(db_lease(workshop->pool, &workshop->other), 0);
    cr_assert_eq(model_new(list_contract(), &workshop->model), 0);
}

static void workshop_close(struct workshop *workshop)
{
    model_free(workshop->model);
    db_release(workshop->one);
    db_release(workshop->other);
    db_pool_free(workshop->pool);
}

static char *id_of(const char *slug)
{
    char sql[SQL_BYTES];

    (void)snprintf(sql, sizeof(sql),
                   "select id from catalogue.record where resource = 'recommendations' and slug = "
                   "'%s'",
                   slug);
    return test_database_value(sql);
}

/* A recommendation gets a title, and is rendered. */
static void entitle(const struct workshop *workshop, struct db *db, const char *id,
                    const char *title)
{
    const struct resource *resource = contract_resource_find(list_contract(), "recommendations");

    cr_assert_eq(db_run_text(db, "update catalogue.recommendations set title = $2 where id = $1",
                             DB_PLAN_GENERIC, 2, (const char *const[]){id, title}, NULL),
                 0);
    cr_assert_eq(render_records(workshop->model, db, resource, &id, 1), 0);
}

static void set_status(const struct workshop *workshop, struct db *db, const char *id,
                       const char *status)
{
    const struct resource *resource = contract_resource_find(list_contract(), "recommendations");

    cr_assert_eq(db_run_text(db, "update catalogue.record set status = $2 where id = $1",
                             DB_PLAN_GENERIC, 2, (const char *const[]){id, status}, NULL),
                 0);
    cr_assert_eq(render_records(workshop->model, db, resource, &id, 1), 0);
}

/* The titles that it had, in order, and whether it has one now: "First, Second." */
static char *titles_of(const char *id)
{
    char sql[SQL_BYTES];

    (void)snprintf(
        sql, sizeof(sql),
        "select string_agg(document::json->>'title', ', ' order by valid_from) || case when "
        "bool_or(valid_to is null) then '' else '.' end || case when bool_or(valid_to <= "
        "valid_from) then ' (a row without time)' else '' end || case when exists (select from "
        "published.history a join published.history b on a.id = '%s' and b.id = a.id and "
        "b.valid_from > a.valid_from and b.valid_from < coalesce(a.valid_to, 'infinity')) then ' "
        "(rows that overlap)' else '' end from published.history where id = '%s'",
        id, id);
    return test_database_value(sql);
}

static void expect_titles(const char *id, const char *expected)
{
    char *titles = titles_of(id);

    cr_assert_str_eq(titles, expected);
    free(titles);
}

/* Each test has a record of its own: tests run side by side. */
static void start_titles(struct workshop *workshop, const char *slug, char **ret_id)
{
    workshop_open(workshop);
    *ret_id = id_of(slug);
    cr_assert_not_null(*ret_id);
    cr_assert_eq(db_begin(workshop->one), 0);
    entitle(workshop, workshop->one, *ret_id, "First");
    cr_assert_eq(db_commit(workshop->one), 0);
    /* What it was before the tests is of no interest to them. */
    {
        char sql[SQL_BYTES];

        (void)snprintf(sql, sizeof(sql),
                       "delete from published.history where id = '%s' and valid_to is not null",
                       *ret_id);
        test_database_run(sql);
    }
    expect_titles(*ret_id, "First");
}

Test(history_rows, of_several_renderings_in_one_transaction_the_last_counts)
{
    struct workshop workshop;
    char *id;

    start_titles(&workshop, "join-welcoming-city-networks", &id);
    cr_assert_eq(db_begin(workshop.one), 0);
    entitle(&workshop, workshop.one, id, "Passing");
    entitle(&workshop, workshop.one, id, "Passing, too");
    entitle(&workshop, workshop.one, id, "Second");
    entitle(&workshop, workshop.one, id, "Second");
    cr_assert_eq(db_commit(workshop.one), 0);
    expect_titles(id, "First, Second");
    free(id);
    workshop_close(&workshop);
}

Test(history_rows, what_is_undone_was_never_there)
{
    struct workshop workshop;
    char *id;

    start_titles(&workshop, "secure-basic-needs", &id);
    cr_assert_eq(db_begin(workshop.one), 0);
    entitle(&workshop, workshop.one, id, "Never");
    db_rollback(workshop.one);
    expect_titles(id, "First");
    free(id);
    workshop_close(&workshop);
}

Test(history_rows, rendering_again_what_is_the_same_adds_nothing)
{
    struct workshop workshop;
    char *id;

    start_titles(&workshop, "name-a-contact-person", &id);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(db_begin(workshop.one), 0);
        entitle(&workshop, workshop.one, id, "First");
        cr_assert_eq(db_commit(workshop.one), 0);
    }
    expect_titles(id, "First");
    free(id);
    workshop_close(&workshop);
}

Test(history_rows, what_is_withdrawn_has_an_end_and_may_begin_anew)
{
    struct workshop workshop;
    char *id;

    start_titles(&workshop, "support-social-economy-creation", &id);
    cr_assert_eq(db_begin(workshop.one), 0);
    entitle(&workshop, workshop.one, id, "Passing");
    set_status(&workshop, workshop.one, id, "archived");
    cr_assert_eq(db_commit(workshop.one), 0);
    expect_titles(id, "First.");

    cr_assert_eq(db_begin(workshop.one), 0);
    entitle(&workshop, workshop.one, id, "Second");
    set_status(&workshop, workshop.one, id, "published");
    cr_assert_eq(db_commit(workshop.one), 0);
    expect_titles(id, "First, Second");

    cr_assert_eq(db_begin(workshop.one), 0);
    set_status(&workshop, workshop.one, id, "archived");
    set_status(&workshop, workshop.one, id, "published");
    entitle(&workshop, workshop.one, id, "Third");
    cr_assert_eq(db_commit(workshop.one), 0);
    expect_titles(id, "First, Second, Third");
    free(id);
    workshop_close(&workshop);
}

/* Until whoever begins now begins later, to the millisecond. */
static void let_time_pass(struct db *db)
{
    for (bool has_passed = false; !has_passed;) {
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;

        cr_assert_eq(db_run_text(db, "select clock_timestamp() > now() + interval '2 milliseconds'",
                                 DB_PLAN_GENERIC, 0, NULL, &rows),
                     0);
        has_passed = db_rows_text(rows, 0, 0)[0] == 't';
    }
}

/* now() is when a transaction began: who began first may end last. */
Test(history_rows, of_two_transactions_the_one_that_ends_last_comes_last)
{
    struct workshop workshop;
    char *id;

    start_titles(&workshop, "involve-migrants-in-policy", &id);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(db_begin(workshop.one), 0);
        let_time_pass(workshop.one);
        cr_assert_eq(db_begin(workshop.other), 0);
        entitle(&workshop, workshop.other, id, i == 0 ? "Second" : "Fourth");
        cr_assert_eq(db_commit(workshop.other), 0);
        entitle(&workshop, workshop.one, id, "Passing");
        entitle(&workshop, workshop.one, id, i == 0 ? "Third" : "Fifth");
        cr_assert_eq(db_commit(workshop.one), 0);
    }
    expect_titles(id, "First, Second, Third, Fourth, Fifth");
    free(id);
    workshop_close(&workshop);
}

/* --- by steps --------------------------------------------------------------------------------- */

#define MOMENT_BYTES 40

/* Now; whatever is written after this is written later. */
static void note_moment(char ret_moment[MOMENT_BYTES])
{
    char *moment = test_database_value(
        "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') "
        "from pg_sleep(0.002)");

    (void)snprintf(ret_moment, MOMENT_BYTES, "%s", moment);
    free(moment);
    test_database_run("select pg_sleep(0.002)");
}

static void change(const char *token, const char *slug, const char *patch)
{
    CLEANUP(response_freep)
    struct response *response =
        write_text(token, "PATCH", path_of("/v1/practices/%s", slug), "*", NULL, patch);

    expect_status(response, 200, patch);
}

/* As of a moment: the title under this slug, 308 to another, or nothing. */
static void expect_then(const char *name, const char *moment, int status, const char *expected)
{
    CLEANUP(response_freep)
    struct response *response = read_as(NULL, path_of("/v1/practices/%s?as_of=%s", name, moment));

    cr_assert_eq(response->status, status, "%s as of %s: %d %s", name, moment, response->status,
                 response->body);
    if (status == 200)
        cr_assert_str_eq(response_text_at(response, "/title"), expected);
    else if (status == 308)
        cr_assert_str_eq(response_header(response, "Location"),
                         path_of("/v1/practices/%s?as_of=%s", expected, moment));
}

/* The list of both slugs has the record under @slug; NULL: it is empty. */
static void expect_listed(const char *slugs, const char *moment, const char *slug)
{
    CLEANUP(response_freep)
    struct response *response =
        read_as(NULL, path_of("/v1/practices?slug=%s&as_of=%s", slugs, moment));

    expect_status(response, 200, moment);
    cr_assert_eq(json_array_size(response_at(response, "/data")), slug == NULL ? 0 : 1, "%s",
                 moment);
    if (slug != NULL)
        cr_assert_str_eq(response_text_at(response, "/data/0/slug"), slug);
}

enum { BEFORE, DRAFTED, PUBLISHED, CHANGED, WAITING, MOVED, ARCHIVED, RESTORED, DELETED, MOMENTS };

/* A practice goes all the way; a moment is noted after each step. */
static char *live_through(char moments[MOMENTS][MOMENT_BYTES], const char *new_slug)
{
    char *slug;

    note_moment(moments[BEFORE]);
    slug = draft_practice(writer_partner(), "One");
    note_moment(moments[DRAFTED]);
    take_step(writer_partner(), slug, "submit");
    take_step(writer_editor(), slug, "publish");
    note_moment(moments[PUBLISHED]);
    change(writer_editor(), slug, "{\"title\":\"Two\"}");
    note_moment(moments[CHANGED]);
    change(writer_partner(), slug, "{\"title\":\"Three\"}");
    note_moment(moments[WAITING]);
    take_step(writer_editor(), slug, "publish");
    change(writer_editor(), slug, path_of("{\"slug\":\"%s\"}", new_slug));
    note_moment(moments[MOVED]);
    take_step(writer_editor(), new_slug, "archive");
    note_moment(moments[ARCHIVED]);
    {
        CLEANUP(response_freep)
        struct response *restored =
            write_text(writer_editor(), "POST",
                       path_of("/v1/practices/%s/versions/1/restore", new_slug), NULL, NULL, NULL);

        expect_status(restored, 200, "restored");
        cr_assert_str_eq(response_text_at(restored, "/title"), "One");
    }
    return slug;
}

Test(history_rows, every_step_of_a_record_is_read_as_it_was_then)
{
    static const char NEW_SLUG[] = "history-rows-moved";
    char moments[MOMENTS][MOMENT_BYTES];
    char *slug = live_through(moments, NEW_SLUG);
    CLEANUP(response_freep)
    struct response *copy =
        read_as(writer_editor(), path_of("/v1/practices/%s/working-copy", NEW_SLUG));
    char *back = strdup(response_text_at(copy, "/slug"));
    char *slugs = strdup(path_of("%s,%s", slug, NEW_SLUG));

    take_step(writer_editor(), back, "submit");
    take_step(writer_editor(), back, "publish");
    note_moment(moments[RESTORED]);
    {
        CLEANUP(response_freep)
        struct response *deleted = write_text(writer_editor(), "DELETE",
                                              path_of("/v1/practices/%s", back), "*", NULL, NULL);

        expect_status(deleted, 204, "deleted");
    }
    note_moment(moments[DELETED]);

    expect_then(slug, moments[BEFORE], 404, NULL);
    expect_then(slug, moments[DRAFTED], 404, NULL);
    expect_then(slug, moments[PUBLISHED], 200, "One");
    expect_then(slug, moments[CHANGED], 200, "Two");
    expect_then(slug, moments[WAITING], 200, "Two");
    expect_then(NEW_SLUG, moments[CHANGED], 308, slug);
    expect_then(slug, moments[MOVED], 308, NEW_SLUG);
    expect_then(NEW_SLUG, moments[MOVED], 200, "Three");
    expect_then(NEW_SLUG, moments[ARCHIVED], 410, NULL);
    expect_then(slug, moments[ARCHIVED], 410, NULL);
    expect_then(back, moments[RESTORED], 200, "One");
    expect_then(back, moments[DELETED], 410, NULL);
    expect_listed(slugs, moments[DRAFTED], NULL);
    expect_listed(slugs, moments[PUBLISHED], slug);
    expect_listed(slugs, moments[WAITING], slug);
    expect_listed(slugs, moments[MOVED], NEW_SLUG);
    expect_listed(slugs, moments[ARCHIVED], NULL);
    expect_listed(slugs, moments[RESTORED], back);
    expect_listed(slugs, moments[DELETED], NULL);
    free(slugs);
    free(back);
    free(slug);
}

Test(history_rows, before_a_merge_both_records_are_there_and_after_it_one_leads_to_the_other)
{
    char *survivor = publish_practice("Who stays"), *duplicate = publish_practice("Who goes");
    json_auto_t *into = json_pack("{s:s}", "into", survivor);
    char before[MOMENT_BYTES], after[MOMENT_BYTES];

    note_moment(before);
    {
        CLEANUP(response_freep)
        struct response *merged =
            write_as(writer_editor(), "POST", path_of("/v1/practices/%s/merge", duplicate), NULL,
                     NULL, into);

        expect_status(merged, 200, "merged");
    }
    note_moment(after);
    expect_then(duplicate, before, 200, "Who goes");
    expect_then(survivor, before, 200, "Who stays");
    expect_then(duplicate, after, 308, survivor);
    expect_then(survivor, after, 200, "Who stays");
    free(survivor);
    free(duplicate);
}

Test(history_rows, a_dry_run_leaves_no_trace_in_the_past)
{
    char *slug = publish_practice("As it is");
    char moment[MOMENT_BYTES];
    CLEANUP(response_freep)
    struct response *tried =
        write_text(writer_editor(), "PATCH", path_of("/v1/practices/%s?dry_run=true", slug), "*",
                   NULL, "{\"title\":\"As it might be\"}");

    expect_status(tried, 200, "tried");
    note_moment(moment);
    expect_then(slug, moment, 200, "As it is");
    cr_assert_eq(
        count_rows(path_of("select count(*) from published.history where slug = '%s'", slug)), 1);
    free(slug);
}
