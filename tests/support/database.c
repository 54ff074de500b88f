#include "support/database.h"

#include "base/text.h"
#include "support/program.h"

#include <criterion/criterion.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#define TEMPLATE_NAME "express_template"
#define TEMPLATE_LOCK "7237001"
#define TEXT_BYTES_MAX 16384

static char *text_result(struct text *text)
{
    size_t length;

    return text_steal(text, &length);
}

static void connection_freep(PGconn **connection)
{
    PQfinish(*connection);
}

static void result_freep(PGresult **result)
{
    PQclear(*result);
}

/* 'value', with the escapes of libpq's keyword strings. */
static void append_quoted(struct text *text, const char *value)
{
    text_append_char(text, '\'');
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\')
            text_append_char(text, '\\');
        text_append_char(text, *value);
    }
    text_append_char(text, '\'');
}

char *test_database_url(const char *name)
{
    const char *base = getenv("EXPRESS_TEST_DATABASE_URL");
    PQconninfoOption *options;
    struct text text;

    options = base == NULL ? NULL : PQconninfoParse(base, NULL);
    if (options == NULL)
        return NULL;
    text_init(&text, TEXT_BYTES_MAX);
    for (PQconninfoOption *option = options; option->keyword != NULL; option++) {
        if (option->val == NULL || strcmp(option->keyword, "dbname") == 0)
            continue;
        text_append(&text, option->keyword);
        text_append_char(&text, '=');
        append_quoted(&text, option->val);
        text_append_char(&text, ' ');
    }
    text_append(&text, "dbname=");
    append_quoted(&text, name);
    PQconninfoFree(options);
    return text_result(&text);
}

static void describe(char **reterr_what, const char *what, const char *detail)
{
    struct text text;

    text_init(&text, TEXT_BYTES_MAX);
    text_append_format(&text, "%s: %s", what, detail);
    *reterr_what = text_result(&text);
}

static PGconn *open_database(const char *url, char **reterr_what)
{
    PGconn *connection = PQconnectdb(url);

    if (PQstatus(connection) == CONNECTION_OK)
        return connection;
    describe(reterr_what, "no connection to the test database", PQerrorMessage(connection));
    PQfinish(connection);
    return NULL;
}

static bool execute(PGconn *connection, const char *sql, char **reterr_what)
{
    CLEANUP(result_freep) PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return true;
    describe(reterr_what, sql, PQerrorMessage(connection));
    return false;
}

bool test_database_execute(const char *url, const char *sql, char **reterr_what)
{
    CLEANUP(connection_freep) PGconn *connection = open_database(url, reterr_what);

    return connection != NULL && execute(connection, sql, reterr_what);
}

static PGconn *open_maintenance(char **reterr_what)
{
    PGconn *connection;
    char *url = test_database_url("postgres");

    if (url == NULL) {
        describe(reterr_what, "EXPRESS_TEST_DATABASE_URL is missing or malformed",
                 "run the tests with tools/test");
        return NULL;
    }
    connection = open_database(url, reterr_what);
    free(url);
    return connection;
}

static bool run_step(const char *const *arguments, const char *setting, char **reterr_what)
{
    struct program_result result;
    bool done;

    done = program_run(arguments, (const char *const[]){setting, NULL}, &result) &&
           result.exit_code == 0;
    if (!done)
        describe(reterr_what, arguments[0], result.error);
    program_result_deinit(&result);
    return done;
}

/* Migrates and fills the database that is to become the template. */
static bool template_fill(char **reterr_what)
{
    const char *catalogue = getenv("EXPRESS_CATALOGUE_DIR");
    char *url = test_database_url(TEMPLATE_NAME), *setting;
    struct text text;
    bool done;

    text_init(&text, TEXT_BYTES_MAX);
    text_append_format(&text, "EXPRESS_DATABASE_URL=%s", url == NULL ? "" : url);
    free(url);
    setting = text_result(&text);
    if (setting == NULL || catalogue == NULL) {
        describe(reterr_what, "EXPRESS_CATALOGUE_DIR is not set", "run the tests with tools/test");
        free(setting);
        return false;
    }
    done = run_step((const char *const[]){"migrate", NULL}, setting, reterr_what) &&
           run_step((const char *const[]){"import", "--source", "express", catalogue, NULL},
                    setting, reterr_what);
    free(setting);
    return done;
}

static bool template_ensure(PGconn *maintenance, char **reterr_what)
{
    CLEANUP(result_freep)
    PGresult *ready = PQexec(maintenance, "select from pg_database where datistemplate and "
                                          "datname = '" TEMPLATE_NAME "'");

    if (PQntuples(ready) == 1)
        return true;
    /* What an interrupted run left is not a template yet: made anew. */
    return execute(maintenance, "drop database if exists " TEMPLATE_NAME, reterr_what) &&
           execute(maintenance, "create database " TEMPLATE_NAME, reterr_what) &&
           template_fill(reterr_what) &&
           execute(maintenance, "alter database " TEMPLATE_NAME " is_template true", reterr_what);
}

bool test_database_copy(const char *name, char **reterr_what)
{
    CLEANUP(connection_freep) PGconn *maintenance = open_maintenance(reterr_what);
    struct text text;
    char *statement;
    bool done;

    if (maintenance == NULL)
        return false;
    text_init(&text, TEXT_BYTES_MAX);
    text_append_format(&text, "create database %s template " TEMPLATE_NAME, name);
    statement = text_result(&text);
    /* The lock goes with the connection. */
    done = statement != NULL &&
           execute(maintenance, "select pg_advisory_lock(" TEMPLATE_LOCK ")", reterr_what) &&
           template_ensure(maintenance, reterr_what) &&
           execute(maintenance, statement, reterr_what);
    free(statement);
    return done;
}

bool test_database_drop(const char *name, char **reterr_what)
{
    CLEANUP(connection_freep) PGconn *maintenance = open_maintenance(reterr_what);
    struct text text;
    char *statement;
    bool done;

    if (maintenance == NULL)
        return false;
    text_init(&text, TEXT_BYTES_MAX);
    text_append_format(&text, "drop database if exists %s with (force)", name);
    statement = text_result(&text);
    done = statement != NULL && execute(maintenance, statement, reterr_what);
    free(statement);
    return done;
}

static PGconn *open_of_server(void)
{
    const char *url = getenv("API_DATABASE_URL");
    PGconn *connection;
    char *what = NULL;

    if (url == NULL)
        cr_assert_fail("no server is running: the test file lacks SERVER_BEFORE_TESTS()");
    connection = open_database(url, &what);
    if (connection == NULL)
        cr_assert_fail("%s", what);
    return connection;
}

void test_database_run(const char *sql)
{
    CLEANUP(connection_freep) PGconn *connection = open_of_server();
    char *what = NULL;

    if (!execute(connection, sql, &what))
        cr_assert_fail("%s", what);
}

char *test_database_value(const char *sql)
{
    CLEANUP(connection_freep) PGconn *connection = open_of_server();
    CLEANUP(result_freep) PGresult *result = PQexec(connection, sql);

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        cr_assert_fail("%s: %s", sql, PQerrorMessage(connection));
    if (PQntuples(result) == 0 || PQgetisnull(result, 0, 0) != 0)
        return NULL;
    return strdup(PQgetvalue(result, 0, 0));
}
