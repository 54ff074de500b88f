#pragma once
/*
 * Restored
 *
 * A backup brings back people who were erased since. The ledger of erasures
 * tells (mentoring/ledger.h): held against the database at the start, and again
 * whenever the connection to it was lost, since nobody puts a database back without
 * cutting it. Until that is done, what is about the people of mentoring is not served.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

struct db_pool;
struct restored;

/*
 * restored_new()
 * @pool:   borrowed; of role express_writer
 * @ledger: borrowed; path of the file; "": there is none, and nothing is ever missing
 * Return: 0; a fault.
 */
MUST_CHECK int restored_new(struct db_pool *pool, const char *ledger,
                            struct restored **ret_restored);
void restored_free(struct restored *restored);

/*
 * restored_compare() - hold the ledger against the database
 * @ret_missing: erasures that the database does not know
 * Return: 0; an outcome of the ledger or the database; a fault.
 */
MUST_CHECK int restored_compare(struct restored *restored, size_t *ret_missing);

/* The database was away, or has come back: from any thread. */
void restored_suspect(struct restored *restored);
/* May people be served? Where that is in doubt, looks, once a second at most. */
bool restored_is_clear(struct restored *restored);
