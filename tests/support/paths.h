#pragma once
/*
 * Paths
 *
 * An address for each path of the contract, with things that there are in its segments, made when
 * they are first needed; and somebody who may read what is there. For tests that go through
 * everything that the server offers.
 */
#include <jansson.h>

#define PATH_FILLED_BYTES 512

/*
 * path_fill() - "/v1/practices/{id}" becomes "/v1/practices/univerbal"
 * @template: borrowed; as in the contract
 * @item:     borrowed; what the contract says of it: a parameter of its GET that is required comes
 *            with the example that it has there
 */
void path_fill(const char *template, const json_t *item, char ret_path[PATH_FILLED_BYTES]);
/* A token of whoever may read it; borrowed. NULL where anybody may. */
const char *path_reader(const char *template, const json_t *item);
