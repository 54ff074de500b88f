#pragma once
/*
 * Records
 *
 * What the server under test holds: the founding catalogue, and records that a
 * test file brings along in tests/integration/records/<folder>/<resource>.json,
 * in the shape in which they are imported.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stddef.h>

/*
 * records_import() - bring in a folder of records
 * @folder: borrowed; "search"
 *
 * For a hook before the tests, so that lists stay the same while tests read
 * them side by side. What goes wrong there is kept for records_ready().
 */
void records_import(const char *folder);
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
const char *record_text(const json_t *record, const char *name);
