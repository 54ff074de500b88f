/*
 * The database layer against a real PostgreSQL, with a proxy in between where
 * the network has to misbehave. Every test works in objects named after its
 * process, so tests run side by side.
 */
#include "base/annotate.h"
#include "base/clock.h"
#include "db/db.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

TestSuite(db, .fini = test_ends_without_leaks, .timeout = 60);

#define TEXT_BYTES 1024

/* ---- pools and statements ---- */

static const char *server_url(void)
{
    const char *url = getenv("EXPRESS_TEST_DATABASE_URL");

    cr_assert_not_null(url, "EXPRESS_TEST_DATABASE_URL names no PostgreSQL");
    return url;
}

static const struct db_pool_settings SETTINGS = {
    .application = "express-test",
    .size = 2,
    .waiters_max = 8,
    .wait_ms = 200,
    .statement_ms = 1000,
    .lock_ms = 150,
    .statements_max = 16,
};

static struct db_pool *open_pool(struct db_pool_settings settings)
{
    struct db_pool *pool = NULL;

    if (settings.url == NULL)
        settings.url = server_url();
    cr_assert_eq(db_pool_new(&settings, &pool), 0);
    return pool;
}

static struct db *lease(struct db_pool *pool)
{
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    return db;
}

/* One statement made by a format; its text lives until the next call of this thread. */
PRINTF_LIKE(2, 3) static int run(struct db *db, const char *format, ...)
{
    static _Thread_local char sql[TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    cr_assert_lt(vsnprintf(sql, sizeof(sql), format, arguments), (int)sizeof(sql));
    va_end(arguments);
    return db_run_text(db, sql, DB_PLAN_GENERIC, 0, NULL, NULL);
}

/* The same, to travel with the next one. */
PRINTF_LIKE(3, 4)
static int queue(struct db *db, struct db_rows **ret_rows, const char *format, ...)
{
    char sql[TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    cr_assert_lt(vsnprintf(sql, sizeof(sql), format, arguments), (int)sizeof(sql));
    va_end(arguments);
    return db_queue_text(db, sql, DB_PLAN_GENERIC, 0, NULL, ret_rows);
}

/* The first value of a text; until the next call of this thread. */
static const char *value_of(struct db *db, const char *sql)
{
    static _Thread_local char value[TEXT_BYTES];
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *text;

    cr_assert_eq(db_run_text(db, sql, DB_PLAN_GENERIC, 0, NULL, &rows), 0, "%s: %s", sql,
                 db_sqlstate(db));
    cr_assert_eq(db_rows_count(rows), 1);
    text = db_rows_text(rows, 0, 0);
    (void)snprintf(value, sizeof(value), "%s", text == NULL ? "(null)" : text);
    return value;
}

static void terminate(struct db *by, const char *pid)
{
    char sql[TEXT_BYTES];

    (void)snprintf(sql, sizeof(sql), "select pg_terminate_backend(%s, 5000)", pid);
    cr_assert_str_eq(value_of(by, sql), "t");
}

static void make_table(struct db *db)
{
    cr_assert_eq(run(db,
                     "create table public.test_db_%d (id integer constraint test_db_key "
                     "primary key, parent integer constraint test_db_parent references "
                     "public.test_db_%d (id) deferrable, size integer not null default 1 "
                     "constraint test_db_size check (size > 0))",
                     getpid(), getpid()),
                 0);
}

static void drop_table(struct db *db)
{
    cr_assert_eq(run(db, "drop table public.test_db_%d cascade", getpid()), 0);
}

/* ---- leases ---- */

Test(db, a_lease_beyond_the_size_is_refused_in_time)
{
    struct db_pool_settings settings = SETTINGS;
    struct db_pool_figures figures;
    struct db_pool *pool;
    struct db *db, *other = NULL;
    uint64_t start_ms;

    settings.size = 1;
    pool = open_pool(settings);
    db = lease(pool);
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
    db_release(lease(pool));
    db_pool_free(pool);
}

Test(db, nobody_waits_in_a_queue_without_room)
{
    struct db_pool_settings settings = SETTINGS;
    struct db_pool *pool;
    struct db *db, *other = NULL;
    uint64_t start_ms;

    settings.size = 1;
    settings.waiters_max = 0;
    pool = open_pool(settings);
    db = lease(pool);
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
    struct db_pool_settings settings = SETTINGS;
    struct db_pool_figures figures = {0};
    struct db_pool *pool;
    pthread_t threads[3];
    struct db *db;
    void *result;

    settings.size = 1;
    settings.wait_ms = 5000;
    pool = open_pool(settings);
    db = lease(pool);
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
    struct db_pool_settings settings = SETTINGS;
    struct db_pool_figures figures;
    struct db_pool *pool;
    pthread_t threads[8];
    void *result;

    settings.size = 3;
    settings.wait_ms = 10000;
    settings.statement_ms = 10000;
    pool = open_pool(settings);
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
    struct db_pool_settings settings = SETTINGS;
    struct db_pool *pool;
    struct db *db;
    char pid[32];

    settings.size = 1;
    pool = open_pool(settings);
    db = lease(pool);
    make_table(db);
    db_release(db);

    db = lease(pool);
    (void)snprintf(pid, sizeof(pid), "%s", value_of(db, "select pg_backend_pid()"));
    cr_assert_eq(db_begin(db), 0);
    cr_expect(db_in_transaction(db));
    cr_expect_eq(run(db, "insert into public.test_db_%d values (1)", getpid()), 0);
    cr_expect_eq(run(db, "select set_config('express.test', 'left', true)"), 0);
    db_release(db);

    db = lease(pool);
    cr_expect_not(db_in_transaction(db));
    cr_expect_str_eq(value_of(db, "select pg_backend_pid()"), pid, "reused");
    cr_expect_str_eq(value_of(db, "select current_setting('express.test', true)"), "");
    cr_expect_eq(run(db, "select 1 from public.test_db_%d where id = 1", getpid()), 0);
    cr_assert_eq(db_begin(db), 0);
    cr_expect_eq(run(db, "insert into public.test_db_%d values (1)", getpid()), 0,
                 "the first was rolled back");
    cr_expect_eq(run(db, "insert into public.test_db_%d values (1)", getpid()),
                 DB_UNIQUE_VIOLATION);
    db_release(db); /* of a failed transaction */

    db = lease(pool);
    cr_expect_str_eq(value_of(db, "select pg_backend_pid()"), pid, "reused");
    cr_expect_eq(run(db, "set statement_timeout = 7"), 0);
    db_release(db);
    db = lease(pool);
    cr_expect_str_eq(value_of(db, "show statement_timeout"), "1s");
    cr_expect_eq(db_run_script(db, "begin; select pg_advisory_lock(1)"), 0);
    db_release(db);
    db = lease(pool);
    cr_expect_eq(db_begin(db), 0);
    cr_expect_str_eq(value_of(db, "select count(*) from pg_locks where locktype = 'advisory' and "
                                  "pid = pg_backend_pid()"),
                     "0");
    db_rollback(db);
    drop_table(db);
    db_release(db);
    db_pool_free(pool);
}

/* ---- outcomes ---- */

Test(db, a_statement_that_takes_too_long_is_a_timeout_and_the_connection_lives)
{
    struct db_pool_settings settings = SETTINGS;
    struct db_pool_figures figures;
    struct db_pool *pool;
    struct db *db;
    uint64_t start_ms;

    settings.statement_ms = 200;
    pool = open_pool(settings);
    db = lease(pool);
    start_ms = clock_monotonic_ms();
    cr_expect_eq(run(db, "select pg_sleep(10)"), DB_TIMEOUT);
    cr_expect_leq(clock_monotonic_ms() - start_ms, 600);
    cr_expect_str_eq(db_sqlstate(db), "57014");
    cr_expect_eq(run(db, "select 1"), 0);
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
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *holder = lease(pool);
    struct db *other = lease(pool);
    uint64_t start_ms;

    make_table(holder);
    cr_assert_eq(db_begin(holder), 0);
    cr_assert_eq(run(holder, "lock table public.test_db_%d", getpid()), 0);
    start_ms = clock_monotonic_ms();
    cr_expect_eq(run(other, "select 1 from public.test_db_%d", getpid()), DB_CONTENTION);
    cr_expect_leq(clock_monotonic_ms() - start_ms, 600);
    db_rollback(holder);
    drop_table(other);
    db_release(holder);
    db_release(other);
    db_pool_free(pool);
}

Test(db, a_violation_names_its_constraint_and_nothing_else)
{
    static const struct {
        const char *values;
        int outcome;
        const char *constraint;
    } ROWS[] = {
        {"(1)", DB_UNIQUE_VIOLATION, "test_db_key"},
        {"(2, 99)", DB_FOREIGN_KEY_VIOLATION, "test_db_parent"},
        {"(2, null, 0)", DB_CHECK_VIOLATION, "test_db_size"},
        {"(2, null, null)", DB_CHECK_VIOLATION, ""},
        {"(2147483648)", DB_CHECK_VIOLATION, ""},
        {"('secret'::integer)", DB_CHECK_VIOLATION, ""},
        {"(no_such_column)", -EPROTO, ""},
    };
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);

    make_table(db);
    cr_assert_eq(run(db, "insert into public.test_db_%d values (1)", getpid()), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_expect_eq(run(db, "insert into public.test_db_%d values %s", getpid(), ROWS[i].values),
                     ROWS[i].outcome, "%s", ROWS[i].values);
        cr_expect_str_eq(db_constraint(db), ROWS[i].constraint, "%s", ROWS[i].values);
        cr_expect_str_eq(db_message(db), "", "no text of the server at run time");
    }
    drop_table(db);
    cr_expect_str_eq(db_constraint(db), "");
    db_release(db);
    db_pool_free(pool);
}

Test(db, the_command_line_hears_the_message_and_has_no_deadline)
{
    struct db_pool_settings settings = SETTINGS;
    struct db_pool *pool;
    struct db *db;

    settings.statement_ms = 0;
    settings.lock_ms = 0;
    pool = open_pool(settings);
    db = lease(pool);
    cr_expect_str_eq(value_of(db, "show statement_timeout"), "0");
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
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);

    cr_assert_eq(db_begin(db), 0);
    cr_expect_eq(run(db, "select 1/0"), DB_CHECK_VIOLATION);
    cr_expect_eq(run(db, "select 1"), -EPROTO);
    cr_expect_eq(db_commit(db), -EPROTO);
    cr_expect_not(db_in_transaction(db));
    cr_expect_eq(run(db, "select 1"), 0);
    db_release(db);
    db_pool_free(pool);
}

Test(db, a_snapshot_reads_only_and_sees_one_state)
{
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *reader = lease(pool);
    struct db *writer = lease(pool);
    char count[TEXT_BYTES];

    make_table(writer);
    (void)snprintf(count, sizeof(count), "select count(*) from public.test_db_%d", getpid());
    cr_assert_eq(db_begin_snapshot(reader), 0);
    cr_expect_str_eq(value_of(reader, count), "0");
    cr_assert_eq(db_begin(writer), 0);
    cr_assert_eq(run(writer, "insert into public.test_db_%d values (1)", getpid()), 0);
    cr_assert_eq(db_commit(writer), 0);
    cr_expect_str_eq(value_of(reader, count), "0");
    cr_expect_eq(db_commit(reader), 0);
    cr_expect_str_eq(value_of(reader, count), "1");
    cr_assert_eq(db_begin_snapshot(reader), 0);
    cr_expect_eq(run(reader, "delete from public.test_db_%d", getpid()), DB_READ_ONLY);
    db_release(reader);
    drop_table(writer);
    db_release(writer);
    db_pool_free(pool);
}

Test(db, a_warning_at_commit_leaves_the_outcome_unknown)
{
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);

    make_table(db);
    cr_assert_eq(db_run_script(db, "create schema if not exists test_db_warning"), 0);
    cr_assert_eq(run(db,
                     "create function test_db_warning.warn_%d() returns trigger language "
                     "plpgsql as $$begin raise warning 'hm'; return null; end$$",
                     getpid()),
                 0);
    cr_assert_eq(run(db,
                     "create constraint trigger warns after insert on public.test_db_%d "
                     "deferrable initially deferred for each row execute function "
                     "test_db_warning.warn_%d()",
                     getpid(), getpid()),
                 0);
    cr_assert_eq(db_begin(db), 0);
    cr_expect_eq(run(db, "insert into public.test_db_%d values (1)", getpid()), 0);
    cr_expect_eq(db_commit(db), DB_OUTCOME_UNKNOWN);
    drop_table(db);
    cr_expect_eq(run(db, "drop schema test_db_warning cascade"), 0);
    db_release(db);
    db_pool_free(pool);
}

/* ---- flights ---- */

Test(db, what_is_queued_travels_with_the_next_and_comes_back_in_order)
{
    CLEANUP(db_rows_freep) struct db_rows *first = NULL, *second = NULL;
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);

    make_table(db);
    cr_assert_eq(db_queue_begin(db), 0);
    cr_assert(db_in_transaction(db));
    cr_assert_eq(
        queue(db, &first, "insert into public.test_db_%d values (1) returning id + 10", getpid()),
        0);
    cr_assert_eq(queue(db, &second, "select count(*) from public.test_db_%d", getpid()), 0);
    cr_expect_null(first);
    cr_expect_str_eq(value_of(db, "select 3"), "3");
    cr_assert_not_null(first);
    cr_assert_not_null(second);
    cr_expect_str_eq(db_rows_text(first, 0, 0), "11");
    cr_expect_str_eq(db_rows_text(second, 0, 0), "1");
    cr_assert_eq(db_flush(db), 0, "nothing waits");
    /* The same once more, prepared already, and by chance in the flight of COMMIT. */
    cr_assert_eq(queue(db, NULL, "insert into public.test_db_%d values (2)", getpid()), 0);
    cr_assert_eq(db_commit(db), 0);
    cr_expect_not(db_in_transaction(db));
    cr_assert_eq(db_begin(db), 0);
    db_rows_freep(&second);
    cr_assert_eq(queue(db, &second, "select count(*) from public.test_db_%d", getpid()), 0);
    cr_assert_eq(db_flush(db), 0);
    cr_expect_str_eq(db_rows_text(second, 0, 0), "2");
    db_rollback(db);
    drop_table(db);
    db_release(db);
    db_pool_free(pool);
}

Test(db, a_failure_leaves_out_the_rest_of_its_flight_and_its_commit)
{
    static const struct db_query FAILING = {.name = "failing", .sql = "select 1/0"};
    CLEANUP(db_rows_freep) struct db_rows *before = NULL, *after = NULL;
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);
    char count[TEXT_BYTES];

    make_table(db);
    (void)snprintf(count, sizeof(count), "select count(*) from public.test_db_%d", getpid());
    for (int is_known = 0; is_known < 2; is_known++) {
        cr_assert_eq(db_queue_begin(db), 0);
        cr_assert_eq(
            queue(db, &before, "insert into public.test_db_%d values (1) returning id", getpid()),
            0);
        cr_assert_eq(db_queue(db, &FAILING, NULL, NULL), 0);
        cr_assert_eq(queue(db, &after, "insert into public.test_db_%d values (2)", getpid()), 0);
        cr_expect_eq(db_commit(db), DB_CHECK_VIOLATION, "%d", is_known);
        cr_expect_str_eq(db_sqlstate(db), "22012");
        cr_expect_not(db_in_transaction(db));
        cr_expect_null(before, "of a flight that failed there are no rows");
        cr_expect_null(after);
        db_rollback(db);
        cr_expect_str_eq(value_of(db, count), "0");
    }
    /* What was not prepared, because it came too late, is prepared when it comes again. */
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(queue(db, NULL, "insert into public.test_db_%d values (2)", getpid()), 0);
    cr_assert_eq(db_commit(db), 0);
    cr_expect_str_eq(value_of(db, count), "1");
    drop_table(db);
    db_release(db);
    db_pool_free(pool);
}

Test(db, a_failure_goes_back_to_the_savepoint_and_no_further)
{
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);
    char count[TEXT_BYTES], pid[32];

    make_table(db);
    (void)snprintf(count, sizeof(count), "select count(*) from public.test_db_%d", getpid());
    db_release(db);
    db = lease(pool);
    (void)snprintf(pid, sizeof(pid), "%s", value_of(db, "select pg_backend_pid()"));
    cr_assert_eq(db_queue_begin(db), 0);
    cr_assert_eq(queue(db, NULL, "insert into public.test_db_%d values (1)", getpid()), 0);
    cr_assert_eq(db_queue_savepoint(db), 0);
    cr_assert_eq(queue(db, NULL, "insert into public.test_db_%d values (2)", getpid()), 0);
    cr_assert_eq(queue(db, NULL, "insert into public.test_db_%d values (1)", getpid()), 0);
    cr_expect_eq(db_flush(db), DB_UNIQUE_VIOLATION);
    cr_expect_str_eq(db_constraint(db), "test_db_key");
    cr_assert_eq(db_rollback_to_savepoint(db), 0);
    cr_expect_str_eq(value_of(db, count), "1");
    cr_assert_eq(db_commit(db), 0);
    cr_expect_str_eq(value_of(db, count), "1");
    db_release(db);
    db = lease(pool);
    cr_expect_str_eq(value_of(db, "select pg_backend_pid()"), pid, "the session is as it was");
    drop_table(db);
    db_release(db);
    db_pool_free(pool);
}

Test(db, what_waits_is_forgotten_by_a_rollback_and_a_release)
{
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);
    struct db_rows *rows = NULL;

    make_table(db);
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(queue(db, &rows, "insert into public.test_db_%d values (1)", getpid()), 0);
    db_rollback(db);
    cr_expect_null(rows);
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(queue(db, &rows, "insert into public.test_db_%d values (1)", getpid()), 0);
    db_release(db);
    cr_expect_null(rows);
    db = lease(pool);
    cr_expect_eq(run(db, "insert into public.test_db_%d values (1)", getpid()), 0);
    drop_table(db);
    db_release(db);
    db_pool_free(pool);
}

Test(db, more_than_a_flight_holds_and_more_than_is_kept_prepared_passes)
{
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);
    struct db_rows *rows[100] = {NULL};
    char text[32];

    cr_assert_eq(db_begin(db), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        cr_assert_eq(queue(db, &rows[i], "select %zu", i % 70), 0);
    cr_assert_eq(db_commit(db), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        (void)snprintf(text, sizeof(text), "%zu", i % 70);
        cr_expect_str_eq(db_rows_text(rows[i], 0, 0), text);
        db_rows_free(rows[i]);
    }
    /* And one statement more often than a flight holds. */
    cr_assert_eq(db_begin(db), 0);
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(queue(db, NULL, "select 1"), 0);
    cr_assert_eq(db_commit(db), 0);
    db_release(db);
    db_pool_free(pool);
}

Test(db, outside_a_transaction_nothing_waits)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);

    cr_assert_eq(queue(db, &rows, "select 5"), 0);
    cr_assert_not_null(rows);
    cr_expect_str_eq(db_rows_text(rows, 0, 0), "5");
    db_release(db);
    db_pool_free(pool);
}

Test(db, a_transaction_may_begin_again_when_its_connection_was_lost_before_it_began)
{
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);
    struct db *killer = lease(pool);
    char pid[32];

    (void)snprintf(pid, sizeof(pid), "%s", value_of(db, "select pg_backend_pid()"));
    terminate(killer, pid);
    cr_assert_eq(db_queue_begin(db), 0);
    cr_expect_eq(run(db, "select 1"), DB_UNAVAILABLE);
    cr_expect(db_may_begin_again(db));
    db_rollback(db);
    cr_assert_eq(db_queue_begin(db), 0, "on a fresh connection");
    (void)snprintf(pid, sizeof(pid), "%s", value_of(db, "select pg_backend_pid()"));
    cr_expect_not(db_may_begin_again(db));
    terminate(killer, pid);
    cr_expect_eq(run(db, "select 1"), DB_UNAVAILABLE);
    cr_expect_not(db_may_begin_again(db), "it had begun");
    cr_expect_eq(db_commit(db), DB_UNAVAILABLE);
    db_release(db);
    db_release(killer);
    db_pool_free(pool);
}

/* ---- losses ---- */

Test(db, a_killed_backend_is_replaced_for_reads)
{
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);
    struct db *killer = lease(pool);
    struct db_pool_figures figures;
    char pid[32];

    (void)snprintf(pid, sizeof(pid), "%s", value_of(db, "select pg_backend_pid()"));
    terminate(killer, pid);
    cr_expect_str_neq(value_of(db, "select pg_backend_pid()"), pid, "a fresh connection");
    db_release(db);
    db_release(killer);
    db_pool_figures(pool, &figures);
    cr_expect_eq(figures.lost, 1);
    cr_expect_eq(figures.open, 2);
    db_pool_free(pool);
}

Test(db, a_killed_backend_ends_its_transaction_and_the_pool_heals)
{
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);
    struct db *killer = lease(pool);
    char pid[32];

    make_table(killer);
    (void)snprintf(pid, sizeof(pid), "%s", value_of(db, "select pg_backend_pid()"));
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(run(db, "insert into public.test_db_%d values (1)", getpid()), 0);
    terminate(killer, pid);
    cr_expect_eq(run(db, "select 1"), DB_UNAVAILABLE);
    cr_expect_str_eq(db_sqlstate(db), "57P01");
    cr_expect_eq(run(db, "select 1"), DB_UNAVAILABLE, "not half a transaction on another one");
    cr_expect(db_in_transaction(db));
    cr_expect_eq(db_commit(db), DB_UNAVAILABLE);
    cr_expect_eq(run(db, "select 1"), 0, "a new start");
    db_release(db);
    db = lease(pool);
    cr_expect_eq(run(db, "insert into public.test_db_%d values (1)", getpid()), 0);
    drop_table(db);
    db_release(db);
    db_release(killer);
    db_pool_free(pool);
}

Test(db, a_write_that_commits_itself_has_an_unknown_outcome_when_lost)
{
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);
    struct db *killer = lease(pool);
    char pid[32];

    make_table(killer);
    (void)snprintf(pid, sizeof(pid), "%s", value_of(db, "select pg_backend_pid()"));
    terminate(killer, pid);
    cr_expect_eq(run(db, "insert into public.test_db_%d values (1)", getpid()), DB_OUTCOME_UNKNOWN);
    cr_expect_eq(run(db, "insert into public.test_db_%d values (1)", getpid()), DB_UNAVAILABLE,
                 "never sent");
    drop_table(killer);
    db_release(db);
    db_release(killer);
    db_pool_free(pool);
}

Test(db, a_backend_killed_while_idle_is_noticed_before_it_is_leased)
{
    struct db_pool_settings settings = SETTINGS;
    struct db_pool *pool;
    struct db_pool *killers = open_pool(SETTINGS);
    struct db *killer = lease(killers);
    struct db *db;
    char pid[32];

    settings.size = 1;
    pool = open_pool(settings);
    db = lease(pool);
    (void)snprintf(pid, sizeof(pid), "%s", value_of(db, "select pg_backend_pid()"));
    db_release(db);
    terminate(killer, pid);
    db = lease(pool);
    cr_expect_eq(run(db, "create table public.test_db_%d (id integer)", getpid()), 0,
                 "a write, which is never retried");
    drop_table(db);
    db_release(db);
    db_release(killer);
    db_pool_free(pool);
    db_pool_free(killers);
}

Test(db, a_server_that_is_away_is_asked_by_one_thread_at_a_time)
{
    struct db_pool_settings settings = SETTINGS;
    struct db_pool *pool;
    struct db *db = NULL;
    unsigned at_once = 0;

    settings.url = "host=/nonexistent/express port=1 user=nobody";
    pool = open_pool(settings);
    for (int i = 0; i < 1000; i++) {
        uint64_t start_us = clock_monotonic_us();

        cr_assert_eq(db_lease(pool, &db), DB_UNAVAILABLE);
        at_once += clock_monotonic_us() - start_us < 5000;
    }
    cr_expect_geq(at_once, 990);
    db_pool_free(pool);
}

/* ---- a network that misbehaves ---- */

enum proxy_mode {
    PROXY_PASSES,
    PROXY_SWALLOWS,        /* takes everything, delivers nothing: a black hole */
    PROXY_CUTS_COMMIT,     /* delivers the COMMIT, then cuts both lines */
    PROXY_SWALLOWS_ANSWER, /* of the COMMIT and all that follows */
    PROXY_CUTS_ANSWER,     /* delivers half of what the server says next, then cuts */
    PROXY_BABBLES          /* says something else instead */
};

#define PROXY_LINES 8

/* On a Unix socket, between libpq and the real server's Unix socket; one thread. */
struct proxy {
    char directory[64];
    struct sockaddr_un here, server;
    int listener;
    int wakes[2];
    int lines[PROXY_LINES][2]; /* client, server; -1 when free */
    enum proxy_mode mode;
    pthread_t thread;
};

static void proxy_hang_up(int line[2])
{
    for (int side = 0; side < 2; side++) {
        if (line[side] >= 0)
            (void)close(line[side]);
        line[side] = -1;
    }
}

static void proxy_connect(struct proxy *proxy)
{
    int client = accept(proxy->listener, NULL, NULL);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);

    for (size_t i = 0; i < PROXY_LINES; i++) {
        if (proxy->lines[i][0] >= 0)
            continue;
        proxy->lines[i][0] = client;
        proxy->lines[i][1] = server;
        if (connect(server, (const struct sockaddr *)&proxy->server, sizeof(proxy->server)) != 0)
            proxy_hang_up(proxy->lines[i]);
        return;
    }
    (void)close(client);
    (void)close(server);
}

static bool contains(const char *bytes, size_t size_bytes, const char *word)
{
    for (size_t i = 0; i + strlen(word) <= size_bytes; i++)
        if (memcmp(bytes + i, word, strlen(word)) == 0)
            return true;
    return false;
}

static void proxy_forward(struct proxy *proxy, int line[2], int from)
{
    static const char NONSENSE[] = "D\x7f\xff\xff\xf0\xff\xff garbage Z\0\0\0\5I";
    enum proxy_mode mode = __atomic_load_n(&proxy->mode, __ATOMIC_ACQUIRE);
    char bytes[65536];
    ssize_t size = recv(line[from], bytes, sizeof(bytes), 0);
    bool cuts = false;

    if (size <= 0) {
        proxy_hang_up(line);
        return;
    }
    if (mode == PROXY_SWALLOWS)
        return;
    if (from == 0 && mode == PROXY_CUTS_COMMIT)
        cuts = contains(bytes, (size_t)size, "commit");
    if (from == 0 && mode == PROXY_SWALLOWS_ANSWER && contains(bytes, (size_t)size, "commit"))
        __atomic_store_n(&proxy->mode, PROXY_SWALLOWS, __ATOMIC_RELEASE);
    if (from == 1 && mode == PROXY_CUTS_ANSWER) {
        size = size / 2 + 1;
        cuts = true;
    }
    if (from == 1 && mode == PROXY_BABBLES) {
        memcpy(bytes, NONSENSE, sizeof(NONSENSE));
        size = sizeof(NONSENSE);
    }
    if (send(line[1 - from], bytes, (size_t)size, MSG_NOSIGNAL) != size || cuts)
        proxy_hang_up(line);
}

static void *proxy_run(void *data)
{
    struct proxy *proxy = data;

    for (;;) {
        struct pollfd polls[2 + PROXY_LINES * 2] = {{.fd = proxy->listener, .events = POLLIN},
                                                    {.fd = proxy->wakes[0], .events = POLLIN}};

        for (size_t i = 0; i < PROXY_LINES * 2; i++)
            polls[2 + i] = (struct pollfd){.fd = proxy->lines[i / 2][i % 2], .events = POLLIN};
        if (poll(polls, ARRAY_LENGTH(polls), -1) <= 0)
            continue;
        if (polls[1].revents != 0)
            return NULL;
        for (size_t i = 0; i < PROXY_LINES * 2; i++)
            if (polls[2 + i].revents != 0 && proxy->lines[i / 2][i % 2] == polls[2 + i].fd)
                proxy_forward(proxy, proxy->lines[i / 2], (int)(i % 2));
        if (polls[0].revents != 0)
            proxy_connect(proxy);
    }
}

/* The scratch server's address, asked from the server itself. */
static void find_server(char *directory, size_t directory_bytes, char *port, size_t port_bytes)
{
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);

    (void)snprintf(directory, directory_bytes, "%s",
                   value_of(db, "select split_part(current_setting('unix_socket_directories'), "
                                "',', 1)"));
    (void)snprintf(port, port_bytes, "%s", value_of(db, "show port"));
    db_release(db);
    db_pool_free(pool);
    cr_assert_eq(directory[0], '/', "the scratch server has no Unix socket");
}

static void url_with(char *url, size_t size_bytes, const char *hosts, const char *ports)
{
    const char *base = server_url();

    if (strstr(base, "://") != NULL)
        (void)snprintf(url, size_bytes, "%s%chost=%s&port=%s", base,
                       strchr(base, '?') != NULL ? '&' : '?', hosts, ports);
    else
        (void)snprintf(url, size_bytes, "%s host=%s port=%s", base, hosts, ports);
}

static void proxy_start(struct proxy *proxy, char *url, size_t url_bytes)
{
    char directory[80], port[16];

    *proxy = (struct proxy){.here = {.sun_family = AF_UNIX}, .server = {.sun_family = AF_UNIX}};
    memset(proxy->lines, 0xff, sizeof(proxy->lines));
    find_server(directory, sizeof(directory), port, sizeof(port));
    (void)snprintf(proxy->server.sun_path, sizeof(proxy->server.sun_path), "%s/.s.PGSQL.%s",
                   directory, port);
    (void)snprintf(proxy->directory, sizeof(proxy->directory), "/tmp/test_db_XXXXXX");
    cr_assert_not_null(mkdtemp(proxy->directory));
    (void)snprintf(proxy->here.sun_path, sizeof(proxy->here.sun_path), "%s/.s.PGSQL.%s",
                   proxy->directory, port);
    proxy->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(proxy->listener, (const struct sockaddr *)&proxy->here, sizeof(proxy->here)),
                 0);
    cr_assert_eq(listen(proxy->listener, 8), 0);
    cr_assert_eq(pipe(proxy->wakes), 0);
    cr_assert_eq(pthread_create(&proxy->thread, NULL, proxy_run, proxy), 0);
    url_with(url, url_bytes, proxy->directory, port);
}

static void proxy_set(struct proxy *proxy, enum proxy_mode mode)
{
    __atomic_store_n(&proxy->mode, mode, __ATOMIC_RELEASE);
}

static void proxy_stop(struct proxy *proxy)
{
    cr_assert_eq(write(proxy->wakes[1], "", 1), 1);
    cr_assert_eq(pthread_join(proxy->thread, NULL), 0);
    for (size_t i = 0; i < PROXY_LINES; i++)
        proxy_hang_up(proxy->lines[i]);
    (void)close(proxy->listener);
    (void)close(proxy->wakes[0]);
    (void)close(proxy->wakes[1]);
    (void)unlink(proxy->here.sun_path);
    (void)rmdir(proxy->directory);
}

/* Until the back-off is over: at most a second and a bit. */
static struct db *lease_again(struct db_pool *pool)
{
    uint64_t start_ms = clock_monotonic_ms();
    struct db *db = NULL;
    int r = db_lease(pool, &db);

    while (r == DB_UNAVAILABLE && clock_monotonic_ms() - start_ms < 2000) {
        (void)poll(NULL, 0, 5);
        r = db_lease(pool, &db);
    }
    cr_assert_eq(r, 0, "the pool does not heal");
    return db;
}

Test(db, a_black_hole_misses_the_deadline_and_the_connection_is_given_up)
{
    struct db_pool_settings settings = SETTINGS;
    struct db_pool_figures figures;
    struct db_pool *pool;
    struct proxy proxy;
    char url[TEXT_BYTES];
    struct db *db, *other = NULL;
    uint64_t start_ms;

    proxy_start(&proxy, url, sizeof(url));
    settings.url = url;
    settings.size = 1;
    settings.statement_ms = 300;
    pool = open_pool(settings);
    db = lease(pool);
    proxy_set(&proxy, PROXY_SWALLOWS);
    start_ms = clock_monotonic_ms();
    cr_expect_eq(run(db, "select 1"), DB_TIMEOUT);
    cr_expect_leq(clock_monotonic_ms() - start_ms, 1600);
    db_release(db);
    db_pool_figures(pool, &figures);
    cr_expect_eq(figures.open, 0);
    cr_expect_eq(figures.timeouts, 1);

    start_ms = clock_monotonic_ms();
    cr_expect_eq(db_lease(pool, &other), DB_UNAVAILABLE);
    cr_expect_leq(clock_monotonic_ms() - start_ms, 2300);
    start_ms = clock_monotonic_ms();
    cr_expect_eq(db_lease(pool, &other), DB_UNAVAILABLE);
    cr_expect_leq(clock_monotonic_ms() - start_ms, 100, "at once while backing off");

    proxy_set(&proxy, PROXY_PASSES);
    db = lease_again(pool);
    cr_expect_eq(run(db, "select 1"), 0);
    db_release(db);
    db_pool_free(pool);
    proxy_stop(&proxy);
}

Test(db, a_commit_without_an_answer_has_an_unknown_outcome)
{
    static const enum proxy_mode MODES[] = {PROXY_CUTS_COMMIT, PROXY_SWALLOWS_ANSWER,
                                            PROXY_CUTS_ANSWER, PROXY_BABBLES};
    struct db_pool_settings settings = SETTINGS;
    struct db_pool *pool;
    struct proxy proxy;
    char url[TEXT_BYTES];
    struct db *db;

    proxy_start(&proxy, url, sizeof(url));
    settings.url = url;
    settings.statement_ms = 300;
    pool = open_pool(settings);
    db = lease(pool);
    make_table(db);
    db_release(db);
    /* Each by itself, and then as the end of a flight. */
    for (size_t i = 0; i < 2 * ARRAY_LENGTH(MODES); i++) {
        const enum proxy_mode mode = MODES[i / 2];

        db = lease_again(pool);
        cr_assert_eq(db_begin(db), 0);
        cr_assert_eq(run(db, "insert into public.test_db_%d values (%zu)", getpid(), i), 0);
        if (i % 2 == 1)
            cr_assert_eq(
                queue(db, NULL, "insert into public.test_db_%d values (%zu)", getpid(), 100 + i),
                0);
        proxy_set(&proxy, mode);
        cr_expect_eq(db_commit(db), DB_OUTCOME_UNKNOWN, "mode %u, %zu", mode, i);
        proxy_set(&proxy, PROXY_PASSES);
        cr_expect_not(db_in_transaction(db));
        db_release(db);
    }
    db = lease_again(pool);
    drop_table(db);
    db_release(db);
    db_pool_free(pool);
    proxy_stop(&proxy);
}

Test(db, half_an_answer_and_nonsense_are_losses)
{
    static const enum proxy_mode MODES[] = {PROXY_CUTS_ANSWER, PROXY_BABBLES};
    struct db_pool_settings settings = SETTINGS;
    struct db_pool *pool;
    struct proxy proxy;
    char url[TEXT_BYTES];

    proxy_start(&proxy, url, sizeof(url));
    settings.url = url;
    settings.statement_ms = 300;
    pool = open_pool(settings);
    for (size_t i = 0; i < ARRAY_LENGTH(MODES); i++) {
        struct db *db = lease_again(pool);
        int r;

        cr_assert_eq(db_begin(db), 0);
        proxy_set(&proxy, MODES[i]);
        r = run(db, "select repeat('x', 10000)");
        cr_expect(r == DB_UNAVAILABLE || r == DB_TIMEOUT, "mode %u: %d", MODES[i], r);
        proxy_set(&proxy, PROXY_PASSES);
        db_release(db);
    }
    db_release(lease_again(pool));
    db_pool_free(pool);
    proxy_stop(&proxy);
}

Test(db, the_next_host_is_tried_when_the_first_is_a_black_hole)
{
    struct db_pool_settings settings = SETTINGS;
    struct db_pool *pool;
    struct proxy proxy;
    char url[TEXT_BYTES], directory[80], port[16], hosts[200], ports[40];
    struct db *db = NULL;

    proxy_start(&proxy, url, sizeof(url));
    proxy_set(&proxy, PROXY_SWALLOWS);
    find_server(directory, sizeof(directory), port, sizeof(port));
    (void)snprintf(hosts, sizeof(hosts), "%s,%s", proxy.directory, directory);
    (void)snprintf(ports, sizeof(ports), "%s,%s", port, port);
    url_with(url, sizeof(url), hosts, ports);
    settings.url = url;
    pool = open_pool(settings);
    cr_expect_eq(db_lease(pool, &db), DB_UNAVAILABLE);
    db = lease_again(pool);
    cr_expect_eq(run(db, "select 1"), 0);
    db_release(db);
    db_pool_free(pool);
    proxy_stop(&proxy);
}

/* ---- statements ---- */

Test(db, a_statement_is_prepared_once_and_the_least_used_goes)
{
    struct db_pool_settings settings = SETTINGS;
    struct db_pool *pool;
    struct db *db;

    settings.size = 1;
    settings.statements_max = 4;
    pool = open_pool(settings);
    for (int round = 0; round < 3; round++) {
        db = lease(pool);
        for (int i = 0; i < 20; i++) {
            cr_expect_eq(run(db, "select %d", i), 0);
            cr_expect_eq(run(db, "select 'kept'"), 0);
        }
        db_release(db);
    }
    db = lease(pool);
    cr_expect_str_eq(value_of(db, "select count(*) from pg_prepared_statements"), "4");
    cr_expect_str_eq(value_of(db, "select name from pg_prepared_statements where statement = "
                                  "'select ''kept'''"),
                     "s2");
    db_release(db);
    db_pool_free(pool);
}

Test(db, statements_are_told_apart_by_their_whole_text)
{
    static const struct db_query ONE = {.name = "one", .sql = "select 1"};
    static const struct db_query TWO = {.name = "two", .sql = "select 2"};
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);

    for (int i = 0; i < 3; i++) {
        CLEANUP(db_rows_freep) struct db_rows *one = NULL;
        CLEANUP(db_rows_freep) struct db_rows *two = NULL;

        cr_assert_eq(db_run(db, &ONE, NULL, &one), 0);
        cr_assert_eq(db_run(db, &TWO, NULL, &two), 0);
        cr_expect_str_eq(db_rows_text(one, 0, 0), "1");
        cr_expect_str_eq(db_rows_text(two, 0, 0), "2");
        cr_expect_str_eq(value_of(db, "select 'a text of more than eight bytes: x'"),
                         "a text of more than eight bytes: x");
        cr_expect_str_eq(value_of(db, "select 'a text of more than eight bytes: y'"),
                         "a text of more than eight bytes: y");
    }
    db_release(db);
    db_pool_free(pool);
}

Test(db, a_failed_first_use_leaves_the_connection_in_order)
{
    struct db_pool_settings settings = SETTINGS;
    struct db_pool *pool;
    struct db *db;

    settings.statements_max = 2;
    pool = open_pool(settings);
    db = lease(pool);
    for (int i = 0; i < 5; i++) {
        cr_expect_eq(run(db, "select no_such_%d", i), -EPROTO);
        cr_expect_eq(run(db, "select 1/0 as divided_%d", i), DB_CHECK_VIOLATION);
        cr_expect_eq(run(db, "select %d", i), 0);
        cr_assert_eq(db_begin(db), 0);
        cr_expect_eq(run(db, "select 1/0 as inside_%d", i), DB_CHECK_VIOLATION);
        cr_expect_eq(run(db, "select 'aborted'"), -EPROTO);
        db_rollback(db);
        cr_expect_str_eq(value_of(db, "select 'well'"), "well");
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
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);

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
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);
    struct db *changer = lease(pool);

    make_table(changer);
    cr_expect_eq(run(db, "select * from public.test_db_%d", getpid()), 0);
    cr_assert_eq(run(changer, "alter table public.test_db_%d add column more text", getpid()), 0);
    cr_expect_eq(run(db, "select * from public.test_db_%d", getpid()), 0);
    drop_table(changer);
    db_release(db);
    db_release(changer);
    db_pool_free(pool);
}

Test(db, rows_tell_null_from_empty_and_count_what_was_touched)
{
    static const struct db_query QUERY = {
        .name = "test_rows", .sql = "select $1::text, $2::text, 'é'", .param_count = 2};
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(db_rows_freep) struct db_rows *touched = NULL;
    char sql[TEXT_BYTES];

    cr_assert_eq(db_run(db, &QUERY, (const char *const[]){NULL, ""}, &rows), 0);
    cr_expect_eq(db_rows_count(rows), 1);
    cr_expect_null(db_rows_text(rows, 0, 0));
    cr_expect_str_eq(db_rows_text(rows, 0, 1), "");
    cr_expect_eq(db_rows_bytes(rows, 0, 2), 2);

    make_table(db);
    (void)snprintf(sql, sizeof(sql), "insert into public.test_db_%d select generate_series(1, 13)",
                   getpid());
    cr_assert_eq(db_run_text(db, sql, DB_PLAN_GENERIC, 0, NULL, &touched), 0);
    cr_expect_eq(db_rows_affected(touched), 13);
    cr_expect_eq(db_rows_count(touched), 0);
    drop_table(db);
    db_release(db);
    db_pool_free(pool);
}

Test(db, what_is_larger_than_every_buffer_passes)
{
    static const struct db_query ECHO = {
        .name = "test_echo", .sql = "select $1::text || $1::text", .param_count = 1};
    struct db_pool_settings settings = SETTINGS;
    size_t size_bytes = 8 * 1024 * 1024;
    char *value = malloc(size_bytes + 1);
    struct db_pool *pool;
    struct db *db;

    cr_assert_not_null(value);
    memset(value, 'x', size_bytes);
    value[size_bytes] = '\0';
    settings.statement_ms = 20000;
    pool = open_pool(settings);
    db = lease(pool);
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
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char sql[TEXT_BYTES];

        (void)snprintf(sql, sizeof(sql), "select current_setting('%s')", ROWS[i].name);
        cr_expect_str_eq(value_of(db, sql), ROWS[i].value, "%s", ROWS[i].name);
    }
    db_release(db);
    db_pool_free(pool);
}

Test(db, the_role_is_in_force_and_reset_does_not_leave_it)
{
    struct db_pool_settings settings = SETTINGS;
    struct db_pool *owners = open_pool(SETTINGS);
    struct db *owner = lease(owners);
    struct db_pool *pool;
    struct db *db;
    char role[64];

    (void)snprintf(role, sizeof(role), "test_db_%d", getpid());
    make_table(owner);
    cr_assert_eq(run(owner, "create role %s nologin", role), 0);
    settings.role = role;
    pool = open_pool(settings);
    db = lease(pool);
    cr_expect_str_eq(value_of(db, "select current_user"), role);
    cr_expect_eq(run(db, "select 1 from public.test_db_%d", getpid()), DB_FORBIDDEN);
    cr_expect_eq(run(db, "reset role"), 0);
    cr_expect_str_eq(value_of(db, "select current_user"), role);
    cr_expect_eq(run(db, "reset all"), 0);
    cr_expect_str_eq(value_of(db, "select current_user"), role);
    db_release(db);
    db_pool_free(pool);
    drop_table(owner);
    cr_assert_eq(run(owner, "drop role %s", role), 0);
    db_release(owner);
    db_pool_free(owners);
}

Test(db, a_bad_role_or_url_is_refused_before_anything_connects)
{
    static const char *const ROLES[] = {"", "Owner", "a b", "a;b", "1a", "a -c x=y", "a'"};
    struct db_pool_settings settings = SETTINGS;
    struct db_pool *pool = NULL;

    settings.url = server_url();
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
    const struct db_listener_settings settings = {.url = server_url(),
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
    struct db_pool *pool = open_pool(SETTINGS);
    struct db *db = lease(pool);
    pthread_t thread;
    char pid[32], sql[TEXT_BYTES];

    (void)snprintf(heard.channel, sizeof(heard.channel), "Test \"%d\"", getpid());
    (void)snprintf(sql, sizeof(sql),
                   "select pid from pg_stat_activity where application_name = 'express-listener' "
                   "and query = 'listen \"Test \"\"%d\"\"\"'",
                   getpid());
    cr_assert_eq(pthread_create(&thread, NULL, listen_until_stopped, &heard), 0);
    await(&heard, &heard.came, 1);
    cr_expect_eq(run(db, "select pg_notify('Test \"%d\"', 'one')", getpid()), 0);
    await(&heard, &heard.notified, 1);
    cr_expect_str_eq(heard.payload, "one");

    (void)snprintf(pid, sizeof(pid), "%s", value_of(db, sql));
    terminate(db, pid);
    await(&heard, &heard.went, 1);
    await(&heard, &heard.came, 2);
    cr_expect_eq(run(db, "select pg_notify('Test \"%d\"', 'two')", getpid()), 0);
    await(&heard, &heard.notified, 2);
    cr_expect_str_eq(heard.payload, "two");

    __atomic_store_n(&heard.stop, true, __ATOMIC_RELEASE);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_expect_eq(heard.went, 2, "what was cached must be forgotten at the end, too");
    db_release(db);
    db_pool_free(pool);
}
