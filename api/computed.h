#pragma once
/*
 * Computed
 *
 * What the handlers of computed answers have in common: the record that the address names, the
 * form in which the answer is wanted, and its ETag, which is a hash of its bytes.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct reply;
struct request;
struct resource;

enum computed_form { COMPUTED_JSON, COMPUTED_CSV, COMPUTED_SVG };

/*
 * computed_form() - by format=, else by Accept
 * @forms: borrowed; those that there are, ours in order of preference
 * Return: true; false: answered with not-acceptable or invalid-parameter.
 */
MUST_CHECK bool computed_form(struct request *request, struct reply *reply,
                              const enum computed_form *forms, size_t count,
                              enum computed_form *ret_form, int *ret_result);

/*
 * computed_record() - the record that {id} of the address names, as it is shown
 * @resource:   borrowed; path of its resource, "networks"
 * @ret_record: owned, json_decref()
 * Return: true; false: answered with 308, 404 or 410, or *ret_result is a fault.
 */
MUST_CHECK bool computed_record(struct request *request, struct reply *reply, const char *resource,
                                json_t **ret_record, int *ret_result);

/*
 * computed_refresh() - practices in memory as they are now, with what speaks for them
 * Before a connection is taken: it may wait for one of its own.
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int computed_refresh(const struct request *request);

/* Appends JSON to the body. @json: stolen; NULL: out of memory. Return: 0; a fault. */
MUST_CHECK int computed_json(struct reply *reply, json_t *json);

/* The body is complete, for whoever asks. Return: 0; a fault. */
MUST_CHECK int computed_public(struct request *request, struct reply *reply,
                               enum computed_form form);
/* The body is complete, for who sent the request alone: kept by nobody. */
void computed_private(struct reply *reply, enum computed_form form);
