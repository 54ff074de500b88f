/*
 * Statements that travel together: what the first failure among them leaves out, and what is kept.
 */
#include "base/annotate.h"
#include "db/db.h"
#include "support/leaks.h"
#include "support/pools.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

TestSuite(db_flights, .fini = test_ends_without_leaks, .timeout = 60);

#define TEXT_BYTES 1024

/* ---- flights ---- */

Test(db_flights, what_is_queued_travels_with_the_next_and_comes_back_in_order)
{
    CLEANUP(db_rows_freep) struct db_rows *first = NULL, *second = NULL;
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);

    pools_make_table(db);
    cr_assert_eq(db_queue_begin(db), 0);
    cr_assert(db_in_transaction(db));
    cr_assert_eq(pools_queue(db, &first,
                             "insert into public.test_db_%d values (1) returning id + 10",
                             getpid()),
                 0);
    cr_assert_eq(pools_queue(db, &second, "select count(*) from public.test_db_%d", getpid()), 0);
    cr_expect_null(first);
    cr_expect_str_eq(pools_value(db, "select 3"), "3");
    cr_assert_not_null(first);
    cr_assert_not_null(second);
    cr_expect_str_eq(db_rows_text(first, 0, 0), "11");
    cr_expect_str_eq(db_rows_text(second, 0, 0), "1");
    cr_assert_eq(db_flush(db), 0, "nothing waits");
    /* The same once more, prepared already, and by chance in the flight of COMMIT. */
    cr_assert_eq(pools_queue(db, NULL, "insert into public.test_db_%d values (2)", getpid()), 0);
    cr_assert_eq(db_commit(db), 0);
    cr_expect_not(db_in_transaction(db));
    cr_assert_eq(db_begin(db), 0);
    db_rows_freep(&second);
    cr_assert_eq(pools_queue(db, &second, "select count(*) from public.test_db_%d", getpid()), 0);
    cr_assert_eq(db_flush(db), 0);
    cr_expect_str_eq(db_rows_text(second, 0, 0), "2");
    db_rollback(db);
    pools_drop_table(db);
    db_release(db);
    db_pool_free(pool);
}

Test(db_flights, a_failure_leaves_out_the_rest_of_its_flight_and_its_commit)
{
    static const struct db_query FAILING = {.name = "failing", .sql = "select 1/0"};
    CLEANUP(db_rows_freep) struct db_rows *before = NULL, *after = NULL;
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);
    char count[TEXT_BYTES];

    pools_make_table(db);
    (void)snprintf(count, sizeof(count), "select count(*) from public.test_db_%d", getpid());
    for (int is_known = 0; is_known < 2; is_known++) {
        cr_assert_eq(db_queue_begin(db), 0);
        cr_assert_eq(pools_queue(db, &before,
                                 "insert into public.test_db_%d values (1) returning id", getpid()),
                     0);
        cr_assert_eq(db_queue(db, &FAILING, NULL, NULL), 0);
        cr_assert_eq(pools_queue(db, &after, "insert into public.test_db_%d values (2)", getpid()),
                     0);
        cr_expect_eq(db_commit(db), DB_CHECK_VIOLATION, "%d", is_known);
        cr_expect_str_eq(db_sqlstate(db), "22012");
        cr_expect_not(db_in_transaction(db));
        cr_expect_null(before, "of a flight that failed there are no rows");
        cr_expect_null(after);
        cr_expect_str_eq(pools_value(db, count), "0",
                         "nothing of it is left, not even its failure");
    }
    /* What was not prepared, because it came too late, is prepared when it comes again. */
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(pools_queue(db, NULL, "insert into public.test_db_%d values (2)", getpid()), 0);
    cr_assert_eq(db_commit(db), 0);
    cr_expect_str_eq(pools_value(db, count), "1");
    pools_drop_table(db);
    db_release(db);
    db_pool_free(pool);
}

Test(db_flights, a_failure_goes_back_to_the_savepoint_and_no_further)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);
    char count[TEXT_BYTES], pid[32];

    pools_make_table(db);
    (void)snprintf(count, sizeof(count), "select count(*) from public.test_db_%d", getpid());
    db_release(db);
    db = pools_lease(pool);
    (void)snprintf(pid, sizeof(pid), "%s", pools_value(db, "select pg_backend_pid()"));
    cr_assert_eq(db_queue_begin(db), 0);
    cr_assert_eq(pools_queue(db, NULL, "insert into public.test_db_%d values (1)", getpid()), 0);
    cr_assert_eq(db_queue_savepoint(db), 0);
    cr_assert_eq(pools_queue(db, NULL, "insert into public.test_db_%d values (2)", getpid()), 0);
    cr_assert_eq(pools_queue(db, NULL, "insert into public.test_db_%d values (1)", getpid()), 0);
    cr_expect_eq(db_flush(db), DB_UNIQUE_VIOLATION);
    cr_expect_str_eq(db_constraint(db), pools_key());
    cr_assert_eq(db_rollback_to_savepoint(db), 0);
    cr_expect_str_eq(pools_value(db, count), "1");
    cr_assert_eq(db_commit(db), 0);
    cr_expect_str_eq(pools_value(db, count), "1");
    db_release(db);
    db = pools_lease(pool);
    cr_expect_str_eq(pools_value(db, "select pg_backend_pid()"), pid, "the session is as it was");
    pools_drop_table(db);
    db_release(db);
    db_pool_free(pool);
}

Test(db_flights, what_waits_is_forgotten_by_a_rollback_and_a_release)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);
    struct db_rows *rows = NULL;

    pools_make_table(db);
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(pools_queue(db, &rows, "insert into public.test_db_%d values (1)", getpid()), 0);
    db_rollback(db);
    cr_expect_null(rows);
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(pools_queue(db, &rows, "insert into public.test_db_%d values (1)", getpid()), 0);
    db_release(db);
    cr_expect_null(rows);
    db = pools_lease(pool);
    cr_expect_eq(pools_run(db, "insert into public.test_db_%d values (1)", getpid()), 0);
    pools_drop_table(db);
    db_release(db);
    db_pool_free(pool);
}

Test(db_flights, more_than_a_flight_holds_and_more_than_is_kept_prepared_passes)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);
    struct db_rows *rows[100] = {NULL};
    char text[32];

    cr_assert_eq(db_begin(db), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        cr_assert_eq(pools_queue(db, &rows[i], "select %zu", i % 70), 0);
    cr_assert_eq(db_commit(db), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        (void)snprintf(text, sizeof(text), "%zu", i % 70);
        cr_expect_str_eq(db_rows_text(rows[i], 0, 0), text);
        db_rows_free(rows[i]);
    }
    /* And one statement more often than a flight holds. */
    cr_assert_eq(db_begin(db), 0);
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(pools_queue(db, NULL, "select 1"), 0);
    cr_assert_eq(db_commit(db), 0);
    db_release(db);
    db_pool_free(pool);
}

Test(db_flights, outside_a_transaction_nothing_waits)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);

    cr_assert_eq(pools_queue(db, &rows, "select 5"), 0);
    cr_assert_not_null(rows);
    cr_expect_str_eq(db_rows_text(rows, 0, 0), "5");
    db_release(db);
    db_pool_free(pool);
}

Test(db_flights, a_transaction_may_begin_again_when_its_connection_was_lost_before_it_began)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);
    struct db *killer = pools_lease(pool);
    char pid[32];

    (void)snprintf(pid, sizeof(pid), "%s", pools_value(db, "select pg_backend_pid()"));
    pools_terminate(killer, pid);
    cr_assert_eq(db_queue_begin(db), 0);
    cr_expect_eq(pools_run(db, "select 1"), DB_UNAVAILABLE);
    cr_expect(db_may_begin_again(db));
    db_rollback(db);
    cr_assert_eq(db_queue_begin(db), 0, "on a fresh connection");
    (void)snprintf(pid, sizeof(pid), "%s", pools_value(db, "select pg_backend_pid()"));
    cr_expect_not(db_may_begin_again(db));
    pools_terminate(killer, pid);
    cr_expect_eq(pools_run(db, "select 1"), DB_UNAVAILABLE);
    cr_expect_not(db_may_begin_again(db), "it had begun");
    cr_expect_eq(db_commit(db), DB_UNAVAILABLE);
    db_release(db);
    db_release(killer);
    db_pool_free(pool);
}
