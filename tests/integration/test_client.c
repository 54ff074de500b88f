/*
 * The contract as partners use it: a client generated from it compiles, and
 * works against the server.
 */
#include "support/leaks.h"
#include "support/server.h"
#include "support/tokens.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(client, .fini = test_ends_without_leaks);

Test(client, a_generated_client_compiles_and_works_against_the_server, .timeout = 300)
{
    const char *sources = getenv("EXPRESS_SOURCE_DIR");
    char command[1024];
    int status;

    cr_assert_not_null(sources);
    cr_assert_eq(setenv("API_TOKEN", token_for("partner", "univerbal"), 1), 0);
    (void)snprintf(command, sizeof(command), "'%s/tests/integration/client/run.sh'", sources);
    status = system(command); /* the command is ours; the shell finds bash */
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the client failed: see above");
}
