#pragma once
/*
 * Samples
 *
 * Records with a value in every property, made from the contract, so that a
 * new property is in them from its first day.
 */
#include "contract/contract.h"

#include <jansson.h>

/*
 * sample_record() - a record with a value in every property that may be written
 * @variant: 0 or 1: other values, with some in common where a property has several
 *
 * Its slug is sample-<variant>. A relation leads to the sample of its resource with the same
 * variant: import all of them together. Texts hold commas, quotes, backslashes, percent signs.
 *
 * Return: owned, json_decref().
 */
json_t *sample_record(const struct resource *resource, unsigned variant);
/* {"practices": [variant 0, variant 1], …} of all resources; owned, json_decref(). */
json_t *sample_records(void);

/*
 * For .init of a suite: both variants of all resources are in the database of the server. The
 * first test brings them in, the others wait for it.
 */
void sample_import_once(void);
