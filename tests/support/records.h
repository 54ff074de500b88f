#pragma once
/*
 * Records
 *
 * What the server under test holds: the founding catalogue, and records that a
 * test file brings along in tests/integration/records/<folder>/<resource>.json,
 * in the shape in which they are imported.
 */
#include "support/server.h"

#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <jansson.h>
#include <stdbool.h>

/*
 * records_import() - bring in a folder of records
 * @folder: borrowed; "search"
 *
 * For a hook before the tests, so that lists stay the same while tests read
 * them side by side. What goes wrong there is kept for records_ready().
 */
void records_import(const char *folder);
/* SQL on the server's database, as its superuser; likewise from a hook. */
void records_execute(const char *sql);
/* For .init of a suite: fails the test when an import has failed. */
void records_ready(void);

/* Names of all resources, such as "financing-offers"; borrowed, an array of strings. */
const json_t *records_resources(void);

/*
 * records_of() - all records of a resource, as its list shows them
 * Borrowed, an array; asked for once in a test.
 */
const json_t *records_of(const char *resource);
/* Of an array of records, the one with this slug. A missing one ends the test. */
const json_t *record_find(const json_t *records, const char *slug);
/* The text of a member; "" when there is none. */
const char *record_text(const json_t *record, const char *name);
/* Of an array of strings. */
bool records_contain(const json_t *texts, const char *text);

/*
 * records_walk() - all pages of a list, one after the other
 * @path: borrowed; with a query, without limit and cursor
 *
 * Follows page.next to the last page, then page.previous back to the first, which
 * must show the same; no record may come twice.
 * Return: owned, json_decref(); the records in order.
 */
json_t *records_walk(const char *path, unsigned limit);
/* The values of one member of an array of records; owned, json_decref(). */
json_t *records_pluck(const json_t *records, const char *name);

/* Instead of SERVER_BEFORE_TESTS(): with the records of a folder. */
#define RECORDS_BEFORE_TESTS(folder, ...)                                                          \
    ReportHook(PRE_ALL)(struct criterion_test_set * tests)                                         \
    {                                                                                              \
        (void)tests; /* of no use here: the hook's type is Criterion's */                          \
        test_server_before_all((const char *const[]){__VA_ARGS__, NULL});                          \
        records_import(folder);                                                                    \
    }
