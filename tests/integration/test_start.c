/*
 * What the program does before it serves, and instead of it: it refuses a database that the
 * contract does not describe, names what is wrong, and changes nothing on its own.
 */
#include "base/text.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/program.h"
#include "support/server.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(start, .fini = test_ends_without_leaks, .timeout = 300);

#define NAME_BYTES 64

/* --- databases of a test's own ----------------------------------------------------------- */

struct scratch {
    char name[NAME_BYTES];
    char *url;     /* owned */
    char *setting; /* owned; EXPRESS_DATABASE_URL= */
};

static void execute(const char *url, const char *sql)
{
    char *what = NULL;

    if (!test_database_execute(url, sql, &what))
        cr_assert_fail("%s: %s", sql, what);
}

static void scratch_complete(struct scratch *scratch)
{
    struct text text;
    size_t length;

    scratch->url = test_database_url(scratch->name);
    text_init(&text, 4096);
    text_append_format(&text, "EXPRESS_DATABASE_URL=%s", scratch->url);
    scratch->setting = text_steal(&text, &length);
}

/* With the schema and the founding catalogue. */
static void scratch_copy(struct scratch *scratch, const char *name)
{
    char *what = NULL;

    (void)snprintf(scratch->name, sizeof(scratch->name), "start_%s_%ld", name, (long)getpid());
    if (!test_database_copy(scratch->name, &what))
        cr_assert_fail("%s", what);
    scratch_complete(scratch);
}

/* With nothing at all. */
static void scratch_create(struct scratch *scratch, const char *name)
{
    char *maintenance = test_database_url("postgres");
    char sql[200];

    (void)snprintf(scratch->name, sizeof(scratch->name), "start_%s_%ld", name, (long)getpid());
    (void)snprintf(sql, sizeof(sql), "create database %s", scratch->name);
    execute(maintenance, sql);
    free(maintenance);
    scratch_complete(scratch);
}

static void scratch_drop(struct scratch *scratch)
{
    char *what = NULL;

    if (!test_database_drop(scratch->name, &what))
        cr_assert_fail("%s", what);
    free(scratch->url);
    free(scratch->setting);
}

static void run_with(const char *setting, const char *command, const char *more,
                     struct program_result *result)
{
    const char *const arguments[] = {command, NULL};
    const char *const changes[] = {setting,
                                   "EXPRESS_PORT=0",
                                   "EXPRESS_ADMIN_PORT=0",
                                   "EXPRESS_SECRET=a-secret-of-enough-characters-for-a-test",
                                   more,
                                   NULL};

    cr_assert(program_run(arguments, changes, result), "%s", result->error);
}

/* serve and check both refuse, and name @named. */
static void check_refused(const struct scratch *scratch, const char *named)
{
    static const char *const COMMANDS[] = {"serve", "check"};

    for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++) {
        struct program_result result;

        run_with(scratch->setting, COMMANDS[i], NULL, &result);
        cr_assert_neq(result.exit_code, 0, "%s succeeds", COMMANDS[i]);
        cr_assert_lt(result.exit_code, 128, "%s is ended by a signal", COMMANDS[i]);
        cr_assert_not_null(strstr(result.error, named), "%s does not name %s: %s", COMMANDS[i],
                           named, result.error);
        cr_assert_null(strstr(result.out, "ready"), "%s", result.out);
        program_result_deinit(&result);
    }
}

static void migrate(const struct scratch *scratch, int expected, const char *said)
{
    struct program_result result;

    run_with(scratch->setting, "migrate", NULL, &result);
    cr_assert_eq(result.exit_code, expected, "%d: %s", result.exit_code, result.error);
    cr_assert_not_null(strstr(result.error, said), "%s", result.error);
    program_result_deinit(&result);
}

/* --- the command line --------------------------------------------------------------------- */

Test(start, help_names_every_command_and_setting)
{
    static const char *const NAMES[] = {
        "serve",           "migrate",
        "import",          "export",
        "check",           "health",
        "EXPRESS_PORT",    "EXPRESS_DATABASE_URL",
        "EXPRESS_BIND",    "EXPRESS_RATE_LIMIT",
        "EXPRESS_DRAIN_S", "EXPRESS_TRUSTED_PROXY",
        "EXPRESS_SECRET",  "EXPRESS_WRITE_POOL_SIZE",
        "EXPRESS_ISSUERS",
    };
    struct program_result result;

    cr_assert(program_run((const char *const[]){"--help", NULL}, NULL, &result));
    cr_assert_eq(result.exit_code, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        cr_assert_not_null(strstr(result.out, NAMES[i]), "%s", NAMES[i]);
    cr_assert_str_eq(result.error, "");
    program_result_deinit(&result);
}

Test(start, version_is_that_of_the_contract)
{
    struct program_result result;

    cr_assert(program_run((const char *const[]){"--version", NULL}, NULL, &result));
    cr_assert_eq(result.exit_code, 0);
    cr_assert_eq(strncmp(result.out, "express-api ", 12), 0, "%s", result.out);
    cr_assert_eq(strspn(result.out + 12, "0123456789."), strlen(result.out + 12) - 1, "%s",
                 result.out);
    program_result_deinit(&result);
}

Test(start, words_that_mean_nothing_are_refused_with_the_usage)
{
    static const char *const ROWS[][3] = {
        {NULL},          {"nothing", NULL},       {"--nothing", NULL}, {"serve", "now", NULL},
        {"check", "it"}, {"migrate", "--force"},  {"import", NULL},    {"export", NULL},
        {"Serve", NULL}, {"import", "--nothing"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct program_result result;
        const char *const arguments[] = {ROWS[i][0], ROWS[i][0] == NULL ? NULL : ROWS[i][1], NULL};

        cr_assert(program_run(
            arguments, (const char *const[]){"EXPRESS_DATABASE_URL=host=/nowhere", NULL}, &result));
        cr_assert_eq(result.exit_code, 2, "row %zu: %d %s", i, result.exit_code, result.error);
        cr_assert_neq(result.error[0], '\0', "row %zu", i);
        program_result_deinit(&result);
    }
}

/* Checks M1. Every fault is told at once. */
Test(start, bad_settings_are_named_all_at_once_with_their_ranges)
{
    static const char *const NAMES[] = {
        "EXPRESS_PORT",   "EXPRESS_BIND",      "EXPRESS_BASE_URL",     "EXPRESS_POOL_SIZE",
        "EXPRESS_SECRET", "EXPRESS_LOG_LEVEL", "EXPRESS_TRUSTED_PROXY"};
    struct program_result result;

    cr_assert(program_run(
        (const char *const[]){"serve", NULL},
        (const char *const[]){"EXPRESS_DATABASE_URL=host=/nowhere", "EXPRESS_PORT=99999",
                              "EXPRESS_BIND=localhost", "EXPRESS_BASE_URL=example.org/",
                              "EXPRESS_POOL_SIZE=0", "EXPRESS_SECRET=canary",
                              "EXPRESS_LOG_LEVEL=all", "EXPRESS_TRUSTED_PROXY=proxy.example", NULL},
        &result));
    cr_assert_eq(result.exit_code, 2, "%d", result.exit_code);
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        cr_assert_not_null(strstr(result.error, NAMES[i]), "%s: %s", NAMES[i], result.error);
    cr_assert_not_null(strstr(result.error, "0..65535"), "%s", result.error);
    cr_assert_null(strstr(result.error, "canary"), "a secret is not shown: %s", result.error);
    program_result_deinit(&result);
}

Test(start, a_database_that_is_not_named_or_not_there_is_said)
{
    static const char *const COMMANDS[] = {"serve", "migrate", "check"};
    struct program_result result;

    for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++) {
        run_with("EXPRESS_DATABASE_URL", COMMANDS[i], NULL, &result);
        cr_assert_neq(result.exit_code, 0);
        cr_assert_not_null(strstr(result.error, "EXPRESS_DATABASE_URL"), "%s", result.error);
        program_result_deinit(&result);
        run_with("EXPRESS_DATABASE_URL=postgresql://nobody:canary@localhost:1/none", COMMANDS[i],
                 NULL, &result);
        cr_assert(result.exit_code != 0 && result.exit_code < 128, "%d", result.exit_code);
        cr_assert_not_null(strstr(result.error, "database"), "%s", result.error);
        cr_assert_null(strstr(result.error, "canary"), "%s", result.error);
        cr_assert_null(strstr(result.out, "canary"), "%s", result.out);
        program_result_deinit(&result);
    }
}

/* --- databases that do not fit ----------------------------------------------------------- */

/* Checks M1. */
Test(start, a_database_that_was_never_migrated_is_refused_and_left_alone)
{
    struct scratch scratch;
    struct program_result result;

    scratch_create(&scratch, "empty");
    run_with(scratch.setting, "serve", NULL, &result);
    cr_assert(result.exit_code != 0 && result.exit_code < 128);
    cr_assert_not_null(strstr(result.error, "migrate"), "%s", result.error);
    program_result_deinit(&result);
    execute(scratch.url, "create schema catalogue"); /* fails if serve had made it */
    scratch_drop(&scratch);
}

Test(start, every_difference_between_contract_and_database_is_refused_by_name)
{
    static const struct {
        const char *sql, *named;
    } ROWS[] = {
        {"alter table catalogue.practices drop column city cascade", "practices.city"},
        {"alter table catalogue.networks add column surprise text", "networks.surprise"},
        {"alter table catalogue.networks alter column founded_year type bigint",
         "networks.founded_year"},
        {"drop table catalogue.networks_members cascade", "networks_members"},
        {"alter table catalogue.record drop column language cascade", "record.language"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct scratch scratch;

        scratch_copy(&scratch, "differs");
        execute(scratch.url, ROWS[i].sql);
        check_refused(&scratch, ROWS[i].named);
        scratch_drop(&scratch);
    }
}

Test(start, a_read_model_of_another_contract_is_refused_until_it_is_made_anew)
{
    struct scratch scratch;
    struct program_result result;

    scratch_copy(&scratch, "model");
    execute(scratch.url,
            "update published.model set signature = 'of before' where resource = 'practices'");
    check_refused(&scratch, "practices");
    execute(scratch.url, "delete from published.model where resource = 'networks'");
    check_refused(&scratch, "networks");
    migrate(&scratch, 0, "read model of 2 resources made anew");
    run_with(scratch.setting, "check", NULL, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    cr_assert_not_null(strstr(result.out, "agree"), "%s", result.out);
    program_result_deinit(&result);
    scratch_drop(&scratch);
}

/* --- migrations --------------------------------------------------------------------------- */

Test(start, migrating_twice_does_nothing_the_second_time)
{
    struct scratch scratch;

    scratch_copy(&scratch, "twice");
    migrate(&scratch, 0, " 0 migrations run");
    migrate(&scratch, 0, "read model of 0 resources made anew");
    scratch_drop(&scratch);
}

/* Checks M1. */
Test(start, a_migration_that_was_changed_since_is_refused_by_name)
{
    struct scratch scratch;

    scratch_copy(&scratch, "changed");
    execute(scratch.url, "update catalogue.migration set checksum = 'other' where name = "
                         "(select min(name) from catalogue.migration)");
    migrate(&scratch, 1, "0001_foundation.sql");
    scratch_drop(&scratch);
}

/* Checks M1. */
Test(start, a_database_of_a_newer_program_is_refused)
{
    struct scratch scratch;

    scratch_copy(&scratch, "newer");
    execute(scratch.url, "insert into catalogue.migration values ('9999_future.sql', 'x')");
    migrate(&scratch, 1, "9999_future.sql");
    scratch_drop(&scratch);
}

struct migrator {
    const struct scratch *scratch;
    struct program_result result;
};

static void *run_migrator(void *data)
{
    struct migrator *migrator = data;

    run_with(migrator->scratch->setting, "migrate", NULL, &migrator->result);
    return NULL;
}

/* Checks M2. */
Test(start, two_that_migrate_at_once_take_turns)
{
    struct migrator migrators[2];
    pthread_t threads[2];
    struct scratch scratch;
    struct program_result result;

    scratch_create(&scratch, "both");
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        migrators[i].scratch = &scratch;
        cr_assert_eq(pthread_create(&threads[i], NULL, run_migrator, &migrators[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_assert_eq(migrators[i].result.exit_code, 0, "%s", migrators[i].result.error);
        program_result_deinit(&migrators[i].result);
    }
    run_with(scratch.setting, "check", NULL, &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    program_result_deinit(&result);
    scratch_drop(&scratch);
}

/* --- beside a running server -------------------------------------------------------------- */

Test(start, health_says_whether_a_server_is_ready)
{
    struct test_server server;
    struct program_result result;
    char *what = NULL, port[100];

    if (!test_server_start(&server, NULL, &what))
        cr_assert_fail("%s", what);
    (void)snprintf(port, sizeof(port), "EXPRESS_ADMIN_PORT=%s", strrchr(server.admin_url, ':') + 1);
    cr_assert(program_run((const char *const[]){"health", NULL}, (const char *const[]){port, NULL},
                          &result));
    cr_assert_eq(result.exit_code, 0, "%s%s", result.out, result.error);
    program_result_deinit(&result);
    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
    cr_assert(program_run((const char *const[]){"health", NULL}, (const char *const[]){port, NULL},
                          &result));
    cr_assert(result.exit_code != 0 && result.exit_code < 128, "%d", result.exit_code);
    cr_assert_str_eq(result.out, "no answer\n");
    program_result_deinit(&result);
}

Test(start, a_port_that_is_taken_is_said)
{
    struct test_server server;
    struct program_result result;
    struct scratch scratch;
    char *what = NULL, port[100];
    const char *const arguments[] = {"serve", NULL};

    if (!test_server_start(&server, NULL, &what))
        cr_assert_fail("%s", what);
    scratch_copy(&scratch, "port");
    (void)snprintf(port, sizeof(port), "EXPRESS_PORT=%s", strrchr(server.url, ':') + 1);
    cr_assert(program_run(
        arguments, (const char *const[]){scratch.setting, port, "EXPRESS_ADMIN_PORT=0", NULL},
        &result));
    cr_assert(result.exit_code != 0 && result.exit_code < 128, "%d", result.exit_code);
    cr_assert_not_null(strstr(result.error, strrchr(server.url, ':') + 1), "%s", result.error);
    cr_assert_not_null(strstr(result.error, "taken"), "%s", result.error);
    program_result_deinit(&result);
    scratch_drop(&scratch);
    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
}

Test(start, check_shows_the_settings_and_no_secret)
{
    struct scratch scratch;
    struct program_result result;

    scratch_copy(&scratch, "check");
    run_with(scratch.setting, "check", "EXPRESS_SECRET=canary-of-more-than-32-characters-here",
             &result);
    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    cr_assert_not_null(strstr(result.out, "EXPRESS_RATE_LIMIT=50 (default)"), "%s", result.out);
    cr_assert_not_null(strstr(result.out, "EXPRESS_SECRET=(set)"), "%s", result.out);
    cr_assert_null(strstr(result.out, "canary"), "%s", result.out);
    program_result_deinit(&result);
    scratch_drop(&scratch);
}
