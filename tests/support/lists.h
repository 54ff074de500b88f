#pragma once
/*
 * Lists
 *
 * What the tests of filters, orders and pages share: the contract as the
 * program compiles it, all records of a resource in full, the ids that a list
 * answers with, and the program's own import. Whatever goes wrong in here ends
 * the test, with the reason.
 */
#include "base/annotate.h"
#include "contract/contract.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct program_result;
struct text;

/* Ends the test when something that cannot fail has failed. A cr_assert() speaks to the runner
 * each time, also when all is well: too slow for what is done a million times. */
void list_must(bool done);

/* Borrowed; compiled once in a process. */
const struct contract *list_contract(void);

/*
 * list_records() - every record of a resource, in the order of its list, with the properties
 * that lists leave out
 *
 * Return: borrowed; an array, fetched once in a process. list_forget() after a change.
 */
const json_t *list_records(const struct resource *resource);
void list_forget(void);

/*
 * list_pages() - the records of a whole list as its pages show them
 * See list_ids(). Return: owned, json_decref(); an array.
 */
json_t *list_pages(const char *path, const char *query, unsigned limit);

/*
 * list_ids() - the ids of a whole list, page after page
 * @path:  borrowed; "/v1/practices"
 * @query: borrowed; "country=BE&sort=title", already encoded; may be empty
 * @limit: records a page
 *
 * Return: owned, json_decref(); an array of texts in the order of the list.
 */
json_t *list_ids(const char *path, const char *query, unsigned limit);
/* The same from the last page back to the first, by page.previous; in the order of the list. */
json_t *list_ids_backward(const char *path, const char *query, unsigned limit);

/*
 * list_values() - what a record holds at a dotted path, the items of lists one by one
 * Return: owned, json_decref(); an array.
 */
json_t *list_values(const json_t *record, const char *path);

/* A value as a filter is given it; a relation by its slug. Owned, free(). */
char *list_value_text(const json_t *value);

/* name=value for a query, with '&' in front unless @query is empty; @value is encoded. */
void list_query_add(struct text *query, const char *name, const char *value);
/* A value among several: its commas and backslashes stand for themselves. */
void list_value_add(struct text *values, const char *value);

/*
 * list_import() - the program's import of some records into the database of the server
 * @records:    borrowed; {"practices": [record, …], …} in the shape for writing
 * @ret_result: owned by the caller, program_result_deinit()
 */
void list_import(json_t *records, struct program_result *ret_result);
/* The same, and it must succeed. */
void list_import_well(json_t *records);
/*
 * list_import_once() - records that all tests of a file share
 * @path: borrowed; of one of them
 * @make: makes them, owned by the caller
 *
 * For .init of a suite: the first test brings them in, the others wait for it.
 */
void list_import_once(const char *path, json_t *(*make)(void));
