#pragma once
/*
 * Environment file
 *
 * tools/serve leaves the database and the secret that it runs the server with in
 * $EXPRESS_DATA_DIR/environment (var/environment without that), so that a
 * command in another shell works on the same. NAME=value, a line each. It says
 * something only where EXPRESS_DATABASE_URL is not set.
 */
#include "base/annotate.h"

#include <stdio.h>

enum environment_outcome { ENVIRONMENT_REFUSED = 1 };

/*
 * environment_load() - read the file, if there is one and it is to be asked
 * Refused, with the reason on @errors: a file that others may write or that is another's, and one
 * that is not made of such lines.
 * Return: 0, also when there is none; ENVIRONMENT_REFUSED.
 */
MUST_CHECK int environment_load(FILE *errors);

/* What the file says of @name; NULL when it says nothing. Lives until the next load. */
const char *environment_value(const char *name);
