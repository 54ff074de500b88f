#pragma once
/*
 * Contract check
 *
 * Holds a reply against the bundled OpenAPI document (contract_parts.h), and against what holds for
 * every reply:
 * G1 from 400 on, a complete problem body whose status is that of the reply;
 * G2 Cache-Control: no-store, unless it is the good reply to a GET of public data;
 * G3 nosniff, and no header that names the software;
 * G4 X-Request-Id (the access line to it is counted when the server stops: server.h).
 *
 * Each operation that answered well is noted in $EXPRESS_COVERAGE_DIR; at the end of a run
 * operations_called.py names those that nobody called.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>

struct response;
struct text;

/*
 * test_contract_check()
 * @method: borrowed; of the request
 * @path:   borrowed; of the request, with its query
 * @faults: borrowed; one line is appended for each thing wrong
 *
 * Return: true when nothing is.
 */
MUST_CHECK bool test_contract_check(const char *method, const char *path, struct response *response,
                                    struct text *faults);

/* Borrowed: the value at a JSON Pointer; NULL when there is none. */
const json_t *test_json_at(const json_t *root, const char *pointer);
