#include "support/pools.h"

#include "base/annotate.h"
#include "base/clock.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_BYTES 1024

const char *pools_url(void)
{
    const char *url = getenv("EXPRESS_TEST_DATABASE_URL");

    cr_assert_not_null(url, "EXPRESS_TEST_DATABASE_URL names no PostgreSQL");
    return url;
}

const struct db_pool_settings POOLS_SETTINGS = {
    .application = "express-test",
    .size = 2,
    .waiters_max = 8,
    .wait_ms = 200,
    .statement_ms = 1000,
    .lock_ms = 150,
    .statements_max = 16,
};

struct db_pool *pools_open(struct db_pool_settings settings)
{
    struct db_pool *pool = NULL;

    if (settings.url == NULL)
        settings.url = pools_url();
    cr_assert_eq(db_pool_new(&settings, &pool), 0);
    return pool;
}

struct db *pools_lease(struct db_pool *pool)
{
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    return db;
}

int pools_run(struct db *db, const char *format, ...)
{
    static _Thread_local char sql[TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    cr_assert_lt(vsnprintf(sql, sizeof(sql), format, arguments), (int)sizeof(sql));
    va_end(arguments);
    return db_run_text(db, sql, DB_PLAN_GENERIC, 0, NULL, NULL);
}

int pools_queue(struct db *db, struct db_rows **ret_rows, const char *format, ...)
{
    char sql[TEXT_BYTES];
    va_list arguments;

    va_start(arguments, format);
    cr_assert_lt(vsnprintf(sql, sizeof(sql), format, arguments), (int)sizeof(sql));
    va_end(arguments);
    return db_queue_text(db, sql, DB_PLAN_GENERIC, 0, NULL, ret_rows);
}

const char *pools_value(struct db *db, const char *sql)
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

void pools_terminate(struct db *by, const char *pid)
{
    char sql[TEXT_BYTES];

    (void)snprintf(sql, sizeof(sql), "select pg_terminate_backend(%s, 5000)", pid);
    cr_assert_str_eq(pools_value(by, sql), "t");
}

void pools_kill(struct db *by, struct db *db)
{
    char pid[32];

    (void)snprintf(pid, sizeof(pid), "%s", pools_value(db, "select pg_backend_pid()"));
    pools_terminate(by, pid);
}

void pools_make_table(struct db *db)
{
    const int r = pools_run(db,
                            "create table public.test_db_%d (id integer primary key, "
                            "parent integer constraint test_db_parent "
                            "references public.test_db_%d (id) deferrable, "
                            "size integer not null default 1 "
                            "constraint test_db_size check (size > 0))",
                            getpid(), getpid());

    cr_assert_eq(r, 0, "%s", db_sqlstate(db));
}

const char *pools_key(void)
{
    static char name[64];

    (void)snprintf(name, sizeof(name), "test_db_%d_pkey", getpid());
    return name;
}

void pools_drop_table(struct db *db)
{
    cr_assert_eq(pools_run(db, "drop table public.test_db_%d cascade", getpid()), 0, "%s",
                 db_sqlstate(db));
}

struct db *pools_lease_again(struct db_pool *pool)
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
