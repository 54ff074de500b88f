/*
 * The database layer against a real PostgreSQL: leases, outcomes, statements, sessions, listening.
 * What travels together is in test_db_flights.c, what is lost on the way in test_db_losses.c.
 */
#include "base/annotate.h"
#include "base/clock.h"
#include "db/db.h"
#include "support/leaks.h"
#include "support/pools.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(db, .fini = test_ends_without_leaks, .timeout = 60);

#define TEXT_BYTES 1024

/* ---- leases ---- */

Test(db, a_lease_beyond_the_size_is_refused_in_time)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool_figures figures;
    struct db_pool *pool;
    struct db *db, *other = NULL;
    uint64_t start_ms;

    settings.size = 1;
    pool = pools_open(settings);
    db = pools_lease(pool);
    start_ms = clock_monotonic_ms();
    cr_expect_eq(db_lease(pool, &other), DB_BUSY);
    cr_expect_geq(clock_monotonic_ms() - start_ms, 199);
    cr_expect_leq(clock_monotonic_ms() - start_ms, 300);
    cr_expect_null(other);

    db_pool_figures(pool, &figures);
    cr_expect_eq(figures.busy, 1);
    cr_expect_eq(figures.leased, 1);
    cr_expect_eq(figures.open, 1);
    cr_expect_eq(figures.waiting, 0);
    cr_expect_geq(figures.wait_us, 199000);
    db_release(db);
    db_release(pools_lease(pool));
    db_pool_free(pool);
}

Test(db, nobody_waits_in_a_queue_without_room)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool *pool;
    struct db *db, *other = NULL;
    uint64_t start_ms;

    settings.size = 1;
    settings.waiters_max = 0;
    pool = pools_open(settings);
    db = pools_lease(pool);
    start_ms = clock_monotonic_ms();
    cr_expect_eq(db_lease(pool, &other), DB_BUSY);
    cr_expect_leq(clock_monotonic_ms() - start_ms, 50);
    db_release(db);
    db_pool_free(pool);
}

static void *lease_and_release(void *data)
{
    struct db *db = NULL;
    int r = db_lease(data, &db);

    if (r == 0)
        r = db_run_text(db, "select 1", DB_PLAN_GENERIC, 0, NULL, NULL);
    db_release(db);
    return r == 0 ? data : NULL;
}

Test(db, a_waiting_thread_gets_what_is_given_back)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool_figures figures = {0};
    struct db_pool *pool;
    pthread_t threads[3];
    struct db *db;
    void *result;

    settings.size = 1;
    settings.wait_ms = 5000;
    pool = pools_open(settings);
    db = pools_lease(pool);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, lease_and_release, pool), 0);
    while (figures.waiting < ARRAY_LENGTH(threads))
        db_pool_figures(pool, &figures);
    db_release(db);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        cr_assert_eq(pthread_join(threads[i], &result), 0);
        cr_expect_not_null(result);
    }
    db_pool_figures(pool, &figures);
    cr_expect_eq(figures.waits, ARRAY_LENGTH(threads));
    cr_expect_eq(figures.leased, 0);
    db_pool_free(pool);
}

static void *use_much(void *data)
{
    static const struct db_query TWICE = {
        .name = "test_twice", .sql = "select $1::integer * 2", .param_count = 1};
    static const struct db_query CUSTOM = {.name = "test_custom",
                                           .sql = "select $1::integer + 1",
                                           .param_count = 1,
                                           .plan = DB_PLAN_CUSTOM};
    size_t done = 0;

    for (int i = 0; i < 200; i++) {
        CLEANUP(db_releasep) struct db *db = NULL;
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
        bool in_transaction = i % 3 == 0;

        if (db_lease(data, &db) != 0)
            continue;
        if (in_transaction && db_begin_snapshot(db) != 0)
            continue;
        if (db_run(db, i % 2 == 0 ? &TWICE : &CUSTOM, (const char *const[]){"21"}, &rows) != 0)
            continue;
        if (strcmp(db_rows_text(rows, 0, 0), i % 2 == 0 ? "42" : "22") == 0)
            done++;
    }
    return done == 200 ? data : NULL;
}

Test(db, many_threads_share_few_connections)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool_figures figures;
    struct db_pool *pool;
    pthread_t threads[8];
    void *result;

    settings.size = 3;
    settings.wait_ms = 10000;
    settings.statement_ms = 10000;
    pool = pools_open(settings);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, use_much, pool), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        cr_assert_eq(pthread_join(threads[i], &result), 0);
        cr_expect_not_null(result);
    }
    db_pool_figures(pool, &figures);
    cr_expect_eq(figures.leases, 1600);
    cr_expect_leq(figures.open, 3);
    cr_expect_eq(figures.leased, 0);
    cr_expect_eq(figures.busy, 0);
    cr_expect_eq(figures.lost, 0);
    db_pool_free(pool);
}

Test(db, a_lease_leaves_nothing_behind)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool *pool;
    struct db *db;
    char pid[32];

    settings.size = 1;
    pool = pools_open(settings);
    db = pools_lease(pool);
    pools_make_table(db);
    db_release(db);

    db = pools_lease(pool);
    (void)snprintf(pid, sizeof(pid), "%s", pools_value(db, "select pg_backend_pid()"));
    cr_assert_eq(db_begin(db), 0);
    cr_expect(db_in_transaction(db));
    cr_expect_eq(pools_run(db, "insert into public.test_db_%d values (1)", getpid()), 0);
    cr_expect_eq(pools_run(db, "select set_config('express.test', 'left', true)"), 0);
    db_release(db);

    db = pools_lease(pool);
    cr_expect_not(db_in_transaction(db));
    cr_expect_str_eq(pools_value(db, "select pg_backend_pid()"), pid, "reused");
    cr_expect_str_eq(pools_value(db, "select current_setting('express.test', true)"), "");
    cr_expect_eq(pools_run(db, "select 1 from public.test_db_%d where id = 1", getpid()), 0);
    cr_assert_eq(db_begin(db), 0);
    cr_expect_eq(pools_run(db, "insert into public.test_db_%d values (1)", getpid()), 0,
                 "the first was rolled back");
    cr_expect_eq(pools_run(db, "insert into public.test_db_%d values (1)", getpid()),
                 DB_UNIQUE_VIOLATION);
    db_release(db); /* of a failed transaction */

    db = pools_lease(pool);
    cr_expect_str_eq(pools_value(db, "select pg_backend_pid()"), pid, "reused");
    cr_expect_eq(pools_run(db, "set statement_timeout = 7"), 0);
    db_release(db);
    db = pools_lease(pool);
    cr_expect_str_eq(pools_value(db, "show statement_timeout"), "1s");
    cr_expect_eq(db_run_script(db, "begin; select pg_advisory_lock(1)"), 0);
    db_release(db);
    db = pools_lease(pool);
    cr_expect_eq(db_begin(db), 0);
    cr_expect_str_eq(pools_value(db,
                                 "select count(*) from pg_locks where locktype = 'advisory' and "
                                 "pid = pg_backend_pid()"),
                     "0");
    db_rollback(db);
    pools_drop_table(db);
    db_release(db);
    db_pool_free(pool);
}

/* ---- outcomes ---- */

Test(db, a_statement_that_takes_too_long_is_a_timeout_and_the_connection_lives)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool_figures figures;
    struct db_pool *pool;
    struct db *db;
    uint64_t start_ms;

    settings.statement_ms = 200;
    pool = pools_open(settings);
    db = pools_lease(pool);
    start_ms = clock_monotonic_ms();
    cr_expect_eq(pools_run(db, "select pg_sleep(10)"), DB_TIMEOUT);
    cr_expect_leq(clock_monotonic_ms() - start_ms, 600);
    cr_expect_str_eq(db_sqlstate(db), "57014");
    cr_expect_eq(pools_run(db, "select 1"), 0);
    cr_expect_str_eq(db_sqlstate(db), "");
    db_release(db);
    db_pool_figures(pool, &figures);
    cr_expect_eq(figures.timeouts, 1);
    cr_expect_eq(figures.lost, 0);
    cr_expect_eq(figures.open, 1);
    db_pool_free(pool);
}

Test(db, waiting_for_a_lock_is_contention)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *holder = pools_lease(pool);
    struct db *other = pools_lease(pool);
    uint64_t start_ms;

    pools_make_table(holder);
    cr_assert_eq(db_begin(holder), 0);
    cr_assert_eq(pools_run(holder, "lock table public.test_db_%d", getpid()), 0);
    start_ms = clock_monotonic_ms();
    cr_expect_eq(pools_run(other, "select 1 from public.test_db_%d", getpid()), DB_CONTENTION);
    cr_expect_leq(clock_monotonic_ms() - start_ms, 600);
    db_rollback(holder);
    pools_drop_table(other);
    db_release(holder);
    db_release(other);
    db_pool_free(pool);
}

Test(db, a_violation_names_its_constraint_and_nothing_else)
{
    const struct {
        const char *values;
        int outcome;
        const char *constraint;
    } ROWS[] = {
        {"(1)", DB_UNIQUE_VIOLATION, pools_key()},
        {"(2, 99)", DB_FOREIGN_KEY_VIOLATION, "test_db_parent"},
        {"(2, null, 0)", DB_CHECK_VIOLATION, "test_db_size"},
        {"(2, null, null)", DB_CHECK_VIOLATION, ""},
        {"(2147483648)", DB_CHECK_VIOLATION, ""},
        {"('secret'::integer)", DB_CHECK_VIOLATION, ""},
        {"(no_such_column)", -EPROTO, ""},
    };
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);

    pools_make_table(db);
    cr_assert_eq(pools_run(db, "insert into public.test_db_%d values (1)", getpid()), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_expect_eq(
            pools_run(db, "insert into public.test_db_%d values %s", getpid(), ROWS[i].values),
            ROWS[i].outcome, "%s", ROWS[i].values);
        cr_expect_str_eq(db_constraint(db), ROWS[i].constraint, "%s", ROWS[i].values);
        cr_expect_str_eq(db_message(db), "", "no text of the server at run time");
    }
    pools_drop_table(db);
    cr_expect_str_eq(db_constraint(db), "");
    db_release(db);
    db_pool_free(pool);
}

Test(db, the_command_line_hears_the_message_and_has_no_deadline)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool *pool;
    struct db *db;

    settings.statement_ms = 0;
    settings.lock_ms = 0;
    pool = pools_open(settings);
    db = pools_lease(pool);
    cr_expect_str_eq(pools_value(db, "show statement_timeout"), "0");
    cr_expect_eq(db_run_script(db, "select 1; select no_such; select 2"), -EPROTO);
    cr_expect_str_eq(db_message(db), "column \"no_such\" does not exist");
    cr_expect_str_eq(db_sqlstate(db), "42703");
    cr_expect_eq(db_run_script(db, "select 1; select 2;"), 0);
    cr_expect_str_eq(db_message(db), "");
    cr_expect_lt(db_run_script(db, "copy (select 1) to stdout"), 0);
    cr_expect_eq(db_run_script(db, "select 1"), DB_UNAVAILABLE, "a session is not replaced");
    db_release(db);
    db_pool_free(pool);
}

Test(db, a_commit_of_a_failed_transaction_is_a_fault)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);

    cr_assert_eq(db_begin(db), 0);
    cr_expect_eq(pools_run(db, "select 1/0"), DB_CHECK_VIOLATION);
    cr_expect_eq(pools_run(db, "select 1"), -EPROTO);
    cr_expect_eq(db_commit(db), -EPROTO);
    cr_expect_not(db_in_transaction(db));
    cr_expect_eq(pools_run(db, "select 1"), 0);
    db_release(db);
    db_pool_free(pool);
}

Test(db, a_snapshot_reads_only_and_sees_one_state)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *reader = pools_lease(pool);
    struct db *writer = pools_lease(pool);
    char count[TEXT_BYTES];

    pools_make_table(writer);
    (void)snprintf(count, sizeof(count), "select count(*) from public.test_db_%d", getpid());
    cr_assert_eq(db_begin_snapshot(reader), 0);
    cr_expect_str_eq(pools_value(reader, count), "0");
    cr_assert_eq(db_begin(writer), 0);
    cr_assert_eq(pools_run(writer, "insert into public.test_db_%d values (1)", getpid()), 0);
    cr_assert_eq(db_commit(writer), 0);
    cr_expect_str_eq(pools_value(reader, count), "0");
    cr_expect_eq(db_commit(reader), 0);
    cr_expect_str_eq(pools_value(reader, count), "1");
    cr_assert_eq(db_begin_snapshot(reader), 0);
    cr_expect_eq(pools_run(reader, "delete from public.test_db_%d", getpid()), DB_READ_ONLY);
    db_release(reader);
    pools_drop_table(writer);
    db_release(writer);
    db_pool_free(pool);
}

Test(db, a_warning_at_commit_leaves_the_outcome_unknown)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);

    pools_make_table(db);
    cr_assert_eq(db_run_script(db, "create schema if not exists test_db_warning"), 0);
    cr_assert_eq(pools_run(db,
                           "create function test_db_warning.warn_%d() returns trigger language "
                           "plpgsql as $$begin raise warning 'hm'; return null; end$$",
                           getpid()),
                 0);
    cr_assert_eq(pools_run(db,
                           "create constraint trigger warns after insert on public.test_db_%d "
                           "deferrable initially deferred for each row execute function "
                           "test_db_warning.warn_%d()",
                           getpid(), getpid()),
                 0);
    cr_assert_eq(db_begin(db), 0);
    cr_expect_eq(pools_run(db, "insert into public.test_db_%d values (1)", getpid()), 0);
    cr_expect_eq(db_commit(db), DB_OUTCOME_UNKNOWN);
    pools_drop_table(db);
    cr_expect_eq(pools_run(db, "drop schema test_db_warning cascade"), 0);
    db_release(db);
    db_pool_free(pool);
}

/* ---- statements ---- */

Test(db, a_statement_is_prepared_once_and_the_least_used_goes)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool *pool;
    struct db *db;

    settings.size = 1;
    settings.statements_max = 4;
    pool = pools_open(settings);
    for (int round = 0; round < 3; round++) {
        db = pools_lease(pool);
        for (int i = 0; i < 20; i++) {
            cr_expect_eq(pools_run(db, "select %d", i), 0);
            cr_expect_eq(pools_run(db, "select 'kept'"), 0);
        }
        db_release(db);
    }
    db = pools_lease(pool);
    cr_expect_str_eq(pools_value(db, "select count(*) from pg_prepared_statements"), "4");
    cr_expect_str_eq(pools_value(db, "select name from pg_prepared_statements where statement = "
                                     "'select ''kept'''"),
                     "s2");
    db_release(db);
    db_pool_free(pool);
}

Test(db, statements_are_told_apart_by_their_whole_text)
{
    static const struct db_query ONE = {.name = "one", .sql = "select 1"};
    static const struct db_query TWO = {.name = "two", .sql = "select 2"};
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);

    for (int i = 0; i < 3; i++) {
        CLEANUP(db_rows_freep) struct db_rows *one = NULL;
        CLEANUP(db_rows_freep) struct db_rows *two = NULL;

        cr_assert_eq(db_run(db, &ONE, NULL, &one), 0);
        cr_assert_eq(db_run(db, &TWO, NULL, &two), 0);
        cr_expect_str_eq(db_rows_text(one, 0, 0), "1");
        cr_expect_str_eq(db_rows_text(two, 0, 0), "2");
        cr_expect_str_eq(pools_value(db, "select 'a text of more than eight bytes: x'"),
                         "a text of more than eight bytes: x");
        cr_expect_str_eq(pools_value(db, "select 'a text of more than eight bytes: y'"),
                         "a text of more than eight bytes: y");
    }
    db_release(db);
    db_pool_free(pool);
}

Test(db, a_failed_first_use_leaves_the_connection_in_order)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool *pool;
    struct db *db;

    settings.statements_max = 2;
    pool = pools_open(settings);
    db = pools_lease(pool);
    for (int i = 0; i < 5; i++) {
        cr_expect_eq(pools_run(db, "select no_such_%d", i), -EPROTO);
        cr_expect_eq(pools_run(db, "select 1/0 as divided_%d", i), DB_CHECK_VIOLATION);
        cr_expect_eq(pools_run(db, "select %d", i), 0);
        cr_assert_eq(db_begin(db), 0);
        cr_expect_eq(pools_run(db, "select 1/0 as inside_%d", i), DB_CHECK_VIOLATION);
        cr_expect_eq(pools_run(db, "select 'aborted'"), -EPROTO);
        db_rollback(db);
        cr_expect_str_eq(pools_value(db, "select 'well'"), "well");
    }
    db_release(db);
    db_pool_free(pool);
}

Test(db, the_plan_mode_follows_each_statement_through_failures)
{
    static const char MODE[] = "select current_setting('plan_cache_mode')";
    static const struct {
        enum db_plan plan;
        const char *mode;
    } ROWS[] = {{DB_PLAN_CUSTOM, "force_custom_plan"}, {DB_PLAN_GENERIC, "force_generic_plan"}};
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);

    for (int round = 0; round < 12; round++) {
        int failure = round % 4;
        enum db_plan failing = round < 6 ? DB_PLAN_CUSTOM : DB_PLAN_GENERIC;

        if (failure == 1) /* takes its own SET back */
            cr_expect_eq(db_run_text(db, "select 1/0", failing, 0, NULL, NULL), DB_CHECK_VIOLATION);
        if (failure >= 2) { /* takes back the SET of a statement before it, or a good one's */
            cr_assert_eq(db_begin(db), 0);
            cr_expect_eq(db_run_text(db, "select 1", failing, 0, NULL, NULL), 0);
            if (failure == 3)
                cr_expect_eq(db_run_text(db, "select 1/0", DB_PLAN_GENERIC, 0, NULL, NULL),
                             DB_CHECK_VIOLATION);
            db_rollback(db);
        }
        for (size_t i = 0; i < 3; i++) {
            CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
            size_t row = ((size_t)round + i) % 2;

            cr_assert_eq(db_run_text(db, MODE, ROWS[row].plan, 0, NULL, &rows), 0);
            cr_expect_str_eq(db_rows_text(rows, 0, 0), ROWS[row].mode, "round %d", round);
        }
    }
    db_release(db);
    db_pool_free(pool);
}

Test(db, a_table_changed_under_a_prepared_statement_is_read_anew)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);
    struct db *changer = pools_lease(pool);

    pools_make_table(changer);
    cr_expect_eq(pools_run(db, "select * from public.test_db_%d", getpid()), 0);
    cr_assert_eq(pools_run(changer, "alter table public.test_db_%d add column more text", getpid()),
                 0);
    cr_expect_eq(pools_run(db, "select * from public.test_db_%d", getpid()), 0);
    pools_drop_table(changer);
    db_release(db);
    db_release(changer);
    db_pool_free(pool);
}

Test(db, rows_tell_null_from_empty_and_count_what_was_touched)
{
    static const struct db_query QUERY = {
        .name = "test_rows", .sql = "select $1::text, $2::text, 'é'", .param_count = 2};
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(db_rows_freep) struct db_rows *touched = NULL;
    char sql[TEXT_BYTES];

    cr_assert_eq(db_run(db, &QUERY, (const char *const[]){NULL, ""}, &rows), 0);
    cr_expect_eq(db_rows_count(rows), 1);
    cr_expect_null(db_rows_text(rows, 0, 0));
    cr_expect_str_eq(db_rows_text(rows, 0, 1), "");
    cr_expect_eq(db_rows_bytes(rows, 0, 2), 2);

    pools_make_table(db);
    (void)snprintf(sql, sizeof(sql), "insert into public.test_db_%d select generate_series(1, 13)",
                   getpid());
    cr_assert_eq(db_run_text(db, sql, DB_PLAN_GENERIC, 0, NULL, &touched), 0);
    cr_expect_eq(db_rows_affected(touched), 13);
    cr_expect_eq(db_rows_count(touched), 0);
    pools_drop_table(db);
    db_release(db);
    db_pool_free(pool);
}

Test(db, what_is_larger_than_every_buffer_passes)
{
    static const struct db_query ECHO = {
        .name = "test_echo", .sql = "select $1::text || $1::text", .param_count = 1};
    struct db_pool_settings settings = POOLS_SETTINGS;
    size_t size_bytes = 8 * 1024 * 1024;
    char *value = malloc(size_bytes + 1);
    struct db_pool *pool;
    struct db *db;

    cr_assert_not_null(value);
    memset(value, 'x', size_bytes);
    value[size_bytes] = '\0';
    settings.statement_ms = 20000;
    pool = pools_open(settings);
    db = pools_lease(pool);
    for (int i = 0; i < 2; i++) { /* with its PREPARE, and alone */
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;

        cr_assert_eq(db_run(db, &ECHO, (const char *const[]){value}, &rows), 0);
        cr_expect_eq(db_rows_bytes(rows, 0, 0), 2 * size_bytes);
    }
    db_release(db);
    db_pool_free(pool);
    free(value);
}

/* ---- the session ---- */

Test(db, every_session_has_our_settings)
{
    static const struct {
        const char *name;
        const char *value;
    } ROWS[] = {
        {"statement_timeout", "1s"},
        {"lock_timeout", "150ms"},
        {"idle_in_transaction_session_timeout", "5s"},
        {"client_connection_check_interval", "1s"},
        {"plan_cache_mode", "force_generic_plan"},
        {"jit", "off"},
        {"TimeZone", "UTC"},
        {"DateStyle", "ISO, MDY"},
        {"default_text_search_config", "pg_catalog.simple"},
        {"search_path", "pg_catalog,extensions"},
        {"client_encoding", "UTF8"},
        {"application_name", "express-test"},
    };
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char sql[TEXT_BYTES];

        (void)snprintf(sql, sizeof(sql), "select current_setting('%s')", ROWS[i].name);
        cr_expect_str_eq(pools_value(db, sql), ROWS[i].value, "%s", ROWS[i].name);
    }
    db_release(db);
    db_pool_free(pool);
}

Test(db, the_role_is_in_force_and_reset_does_not_leave_it)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool *owners = pools_open(POOLS_SETTINGS);
    struct db *owner = pools_lease(owners);
    struct db_pool *pool;
    struct db *db;
    char role[64];

    (void)snprintf(role, sizeof(role), "test_db_%d", getpid());
    pools_make_table(owner);
    cr_assert_eq(pools_run(owner, "create role %s nologin", role), 0);
    settings.role = role;
    pool = pools_open(settings);
    db = pools_lease(pool);
    cr_expect_str_eq(pools_value(db, "select current_user"), role);
    cr_expect_eq(pools_run(db, "select 1 from public.test_db_%d", getpid()), DB_FORBIDDEN);
    cr_expect_eq(pools_run(db, "reset role"), 0);
    cr_expect_str_eq(pools_value(db, "select current_user"), role);
    cr_expect_eq(pools_run(db, "reset all"), 0);
    cr_expect_str_eq(pools_value(db, "select current_user"), role);
    db_release(db);
    db_pool_free(pool);
    pools_drop_table(owner);
    cr_assert_eq(pools_run(owner, "drop role %s", role), 0);
    db_release(owner);
    db_pool_free(owners);
}

Test(db, a_bad_role_or_url_is_refused_before_anything_connects)
{
    static const char *const ROLES[] = {"", "Owner", "a b", "a;b", "1a", "a -c x=y", "a'"};
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool *pool = NULL;

    settings.url = pools_url();
    for (size_t i = 0; i < ARRAY_LENGTH(ROLES); i++) {
        settings.role = ROLES[i];
        cr_expect_eq(db_pool_new(&settings, &pool), -EINVAL, "%s", ROLES[i]);
    }
    settings.role = NULL;
    settings.url = "postgresql://[::1";
    cr_expect_eq(db_pool_new(&settings, &pool), -EINVAL);
    cr_expect_null(pool);
}

/* ---- listening ---- */

struct heard {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned came, went, notified;
    char payload[32];
    bool stop;
    char channel[32];
};

static void hear_notify(void *data, const char *payload)
{
    struct heard *heard = data;

    (void)pthread_mutex_lock(&heard->lock);
    heard->notified++;
    (void)snprintf(heard->payload, sizeof(heard->payload), "%s", payload);
    (void)pthread_cond_signal(&heard->changed);
    (void)pthread_mutex_unlock(&heard->lock);
}

static void hear_state(void *data, bool connected)
{
    struct heard *heard = data;

    (void)pthread_mutex_lock(&heard->lock);
    heard->came += connected;
    heard->went += !connected;
    (void)pthread_cond_signal(&heard->changed);
    (void)pthread_mutex_unlock(&heard->lock);
}

static void *listen_until_stopped(void *data)
{
    struct heard *heard = data;
    const struct db_listener_settings settings = {.url = pools_url(),
                                                  .channel = heard->channel,
                                                  .data = heard,
                                                  .on_notify = hear_notify,
                                                  .on_state = hear_state};

    db_listener_run(&settings, &heard->stop);
    return NULL;
}

static void await(struct heard *heard, const unsigned *count, unsigned wanted)
{
    (void)pthread_mutex_lock(&heard->lock);
    while (*count < wanted)
        (void)pthread_cond_wait(&heard->changed, &heard->lock);
    (void)pthread_mutex_unlock(&heard->lock);
}

Test(db, a_listener_hears_notifications_and_tells_of_a_loss)
{
    struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);
    pthread_t thread;
    char pid[32], sql[TEXT_BYTES];

    (void)snprintf(heard.channel, sizeof(heard.channel), "Test \"%d\"", getpid());
    (void)snprintf(sql, sizeof(sql),
                   "select pid from pg_stat_activity where application_name = 'express-listener' "
                   "and query = 'listen \"Test \"\"%d\"\"\"'",
                   getpid());
    cr_assert_eq(pthread_create(&thread, NULL, listen_until_stopped, &heard), 0);
    await(&heard, &heard.came, 1);
    cr_expect_eq(pools_run(db, "select pg_notify('Test \"%d\"', 'one')", getpid()), 0);
    await(&heard, &heard.notified, 1);
    cr_expect_str_eq(heard.payload, "one");

    (void)snprintf(pid, sizeof(pid), "%s", pools_value(db, sql));
    pools_terminate(db, pid);
    await(&heard, &heard.went, 1);
    await(&heard, &heard.came, 2);
    cr_expect_eq(pools_run(db, "select pg_notify('Test \"%d\"', 'two')", getpid()), 0);
    await(&heard, &heard.notified, 2);
    cr_expect_str_eq(heard.payload, "two");

    __atomic_store_n(&heard.stop, true, __ATOMIC_RELEASE);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_expect_eq(heard.went, 2, "what was cached must be forgotten at the end, too");
    db_release(db);
    db_pool_free(pool);
}
