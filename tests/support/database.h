#pragma once
/*
 * Database
 *
 * The scratch PostgreSQL of a test run, as its superuser: $EXPRESS_TEST_DATABASE_URL,
 * set by tools/test. Every server under test has a database of its own there,
 * copied from a template that is migrated and loaded once.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * test_database_url() - how to reach one database of the scratch cluster
 * @name: borrowed; the database
 * Return: owned, free(); a libpq keyword string. NULL when EXPRESS_TEST_DATABASE_URL is
 * missing or malformed.
 */
char *test_database_url(const char *name);

/*
 * test_database_execute() - run SQL on a database
 * @url:          borrowed
 * @sql:          borrowed; one or more statements
 * @reterr_what:  owned, free(); PostgreSQL's message
 *
 * Return: true when every statement succeeded.
 */
MUST_CHECK bool test_database_execute(const char *url, const char *sql, char **reterr_what);

/*
 * test_database_copy() - a database with the schema and the founding catalogue
 * @name: borrowed; of the new database
 *
 * The first caller of a run makes the template, with the program's own migrate
 * and import; the others wait for it.
 *
 * Return: true; false with a message in @reterr_what (owned, free()).
 */
MUST_CHECK bool test_database_copy(const char *name, char **reterr_what);
MUST_CHECK bool test_database_drop(const char *name, char **reterr_what);

/* For tests, on the database of the running server ($API_DATABASE_URL). A failure ends the test. */
void test_database_run(const char *sql);
/* The first value of the first row, owned, free(); NULL for SQL null or no row. */
char *test_database_value(const char *sql);
