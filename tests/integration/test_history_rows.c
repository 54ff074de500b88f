/*
 * How the history of what is public comes about: records are rendered here as the program
 * renders them, in transactions that are made to meet.
 */
#include "db/db.h"
#include "record/model.h"
#include "record/render.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/server.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

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
