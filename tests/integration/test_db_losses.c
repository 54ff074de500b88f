/*
 * Connections that are lost, and a network that misbehaves: what is tried again, and what is not
 * known.
 */
#include "base/annotate.h"
#include "base/clock.h"
#include "db/db.h"
#include "support/leaks.h"
#include "support/pools.h"
#include "support/proxy.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

TestSuite(db_losses, .fini = test_ends_without_leaks, .timeout = 60);

#define TEXT_BYTES 1024
/* A connection used less long ago than this is leased without a look (lib/db/pool.c). */
#define UNTRUSTED_MS 120

/* ---- losses ---- */

Test(db_losses, a_killed_backend_is_replaced_for_reads)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);
    struct db *killer = pools_lease(pool);
    struct db_pool_figures figures;
    char pid[32];

    (void)snprintf(pid, sizeof(pid), "%s", pools_value(db, "select pg_backend_pid()"));
    pools_terminate(killer, pid);
    cr_expect_str_neq(pools_value(db, "select pg_backend_pid()"), pid, "a fresh connection");
    db_release(db);
    db_release(killer);
    db_pool_figures(pool, &figures);
    cr_expect_eq(figures.lost, 1);
    cr_expect_eq(figures.open, 2);
    db_pool_free(pool);
}

Test(db_losses, a_killed_backend_ends_its_transaction_and_the_pool_heals)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);
    struct db *killer = pools_lease(pool);

    pools_make_table(killer);
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(pools_run(db, "insert into public.test_db_%d values (1)", getpid()), 0);
    pools_kill(killer, db);
    cr_expect_eq(pools_run(db, "select 1"), DB_UNAVAILABLE);
    cr_expect_str_eq(db_sqlstate(db), "57P01");
    cr_expect_eq(pools_run(db, "select 1"), DB_UNAVAILABLE,
                 "not half a transaction on another one");
    cr_expect(db_in_transaction(db));
    cr_expect_eq(db_commit(db), DB_UNAVAILABLE);
    cr_expect_eq(pools_run(db, "select 1"), 0, "a new start");
    db_release(db);
    db = pools_lease(pool);
    cr_expect_eq(pools_run(db, "insert into public.test_db_%d values (1)", getpid()), 0);
    pools_drop_table(db);
    db_release(db);
    db_release(killer);
    db_pool_free(pool);
}

Test(db_losses, a_write_that_commits_itself_has_an_unknown_outcome_when_lost)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);
    struct db *killer = pools_lease(pool);

    pools_make_table(killer);
    pools_kill(killer, db);
    cr_expect_eq(pools_run(db, "insert into public.test_db_%d values (1)", getpid()),
                 DB_OUTCOME_UNKNOWN);
    cr_expect_eq(pools_run(db, "insert into public.test_db_%d values (1)", getpid()),
                 DB_UNAVAILABLE, "never sent");
    pools_drop_table(killer);
    db_release(db);
    db_release(killer);
    db_pool_free(pool);
}

Test(db_losses, a_backend_killed_while_idle_is_noticed_before_it_is_leased)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool *pool;
    struct db_pool *killers = pools_open(POOLS_SETTINGS);
    struct db *killer = pools_lease(killers);
    struct db *db;
    char pid[32];

    settings.size = 1;
    pool = pools_open(settings);
    db = pools_lease(pool);
    (void)snprintf(pid, sizeof(pid), "%s", pools_value(db, "select pg_backend_pid()"));
    db_release(db);
    pools_terminate(killer, pid);
    (void)poll(NULL, 0, UNTRUSTED_MS);
    db = pools_lease(pool);
    cr_expect_eq(pools_run(db, "create table public.test_db_%d (id integer)", getpid()), 0,
                 "a write, which is never retried: %s", db_sqlstate(db));
    pools_drop_table(db);
    db_release(db);
    db_release(killer);
    db_pool_free(pool);
    db_pool_free(killers);
}

Test(db_losses, a_server_that_is_away_is_asked_by_one_thread_at_a_time)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool *pool;
    struct db *db = NULL;
    unsigned at_once = 0;

    settings.url = "host=/nonexistent/express port=1 user=nobody";
    pool = pools_open(settings);
    for (int i = 0; i < 1000; i++) {
        uint64_t start_us = clock_monotonic_us();

        cr_assert_eq(db_lease(pool, &db), DB_UNAVAILABLE);
        at_once += clock_monotonic_us() - start_us < 5000;
    }
    cr_expect_geq(at_once, 990);
    db_pool_free(pool);
}

/* ---- a network that misbehaves ---- */

Test(db_losses, a_black_hole_misses_the_deadline_and_the_connection_is_given_up)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
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
    pool = pools_open(settings);
    db = pools_lease(pool);
    proxy_set(&proxy, PROXY_SWALLOWS);
    start_ms = clock_monotonic_ms();
    cr_expect_eq(pools_run(db, "select 1"), DB_TIMEOUT);
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
    db = pools_lease_again(pool);
    cr_expect_eq(pools_run(db, "select 1"), 0);
    db_release(db);
    db_pool_free(pool);
    proxy_stop(&proxy);
}

Test(db_losses, a_commit_without_an_answer_has_an_unknown_outcome)
{
    static const enum proxy_mode MODES[] = {PROXY_CUTS_COMMIT, PROXY_SWALLOWS_ANSWER,
                                            PROXY_CUTS_ANSWER, PROXY_BABBLES};
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool *pool;
    struct proxy proxy;
    char url[TEXT_BYTES];
    struct db *db;

    proxy_start(&proxy, url, sizeof(url));
    settings.url = url;
    settings.statement_ms = 300;
    pool = pools_open(settings);
    db = pools_lease(pool);
    pools_make_table(db);
    db_release(db);
    /* Each by itself, and then as the end of a flight. */
    for (size_t i = 0; i < 2 * ARRAY_LENGTH(MODES); i++) {
        const enum proxy_mode mode = MODES[i / 2];

        db = pools_lease_again(pool);
        cr_assert_eq(db_begin(db), 0);
        cr_assert_eq(pools_run(db, "insert into public.test_db_%d values (%zu)", getpid(), i), 0);
        if (i % 2 == 1)
            cr_assert_eq(pools_queue(db, NULL, "insert into public.test_db_%d values (%zu)",
                                     getpid(), 100 + i),
                         0);
        proxy_set(&proxy, mode);
        cr_expect_eq(db_commit(db), DB_OUTCOME_UNKNOWN, "mode %u, %zu", mode, i);
        proxy_set(&proxy, PROXY_PASSES);
        cr_expect_not(db_in_transaction(db));
        db_release(db);
    }
    db = pools_lease_again(pool);
    pools_drop_table(db);
    db_release(db);
    db_pool_free(pool);
    proxy_stop(&proxy);
}

Test(db_losses, half_an_answer_and_nonsense_are_losses)
{
    static const enum proxy_mode MODES[] = {PROXY_CUTS_ANSWER, PROXY_BABBLES};
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool *pool;
    struct proxy proxy;
    char url[TEXT_BYTES];

    proxy_start(&proxy, url, sizeof(url));
    settings.url = url;
    settings.statement_ms = 300;
    pool = pools_open(settings);
    for (size_t i = 0; i < ARRAY_LENGTH(MODES); i++) {
        struct db *db = pools_lease_again(pool);
        int r;

        cr_assert_eq(db_begin(db), 0);
        proxy_set(&proxy, MODES[i]);
        r = pools_run(db, "select repeat('x', 10000)");
        cr_expect(r == DB_UNAVAILABLE || r == DB_TIMEOUT, "mode %u: %d", MODES[i], r);
        proxy_set(&proxy, PROXY_PASSES);
        db_release(db);
    }
    db_release(pools_lease_again(pool));
    db_pool_free(pool);
    proxy_stop(&proxy);
}

Test(db_losses, the_next_host_is_tried_when_the_first_is_a_black_hole)
{
    struct db_pool_settings settings = POOLS_SETTINGS;
    struct db_pool *pool;
    struct proxy proxy;
    char url[TEXT_BYTES], directory[80], port[16], hosts[200], ports[40];
    struct db *db = NULL;

    proxy_start(&proxy, url, sizeof(url));
    proxy_set(&proxy, PROXY_SWALLOWS);
    proxy_find_server(directory, sizeof(directory), port, sizeof(port));
    (void)snprintf(hosts, sizeof(hosts), "%s,%s", proxy.directory, directory);
    (void)snprintf(ports, sizeof(ports), "%s,%s", port, port);
    proxy_url(url, sizeof(url), hosts, ports);
    settings.url = url;
    pool = pools_open(settings);
    cr_expect_eq(db_lease(pool, &db), DB_UNAVAILABLE);
    db = pools_lease_again(pool);
    cr_expect_eq(pools_run(db, "select 1"), 0);
    db_release(db);
    db_pool_free(pool);
    proxy_stop(&proxy);
}
