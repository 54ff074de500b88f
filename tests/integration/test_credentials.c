/*
 * Clients, keys and tokens as the person who runs a server makes them on the command line, and
 * what the running server makes of that.
 */
#include "base/annotate.h"
#include "base/clock.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/program.h"
#include "support/server.h"
#include "support/tokens.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORGANISATION "100pap"
#define SEEN_MS_MAX 5000
#define ANY_PATH "/v1/practices?limit=1" /* open to all, but not to a token that is refused */
#define WORDS_MAX 16

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(credentials, .fini = test_ends_without_leaks, .timeout = 300);

/* Ended by NULL. Owned, program_result_deinit(). */
static struct program_result command(const char *const *words)
{
    struct program_result result;

    cr_assert(test_server_command(words, &result), "%s", result.error);
    return result;
}
#define COMMAND(...) command((const char *const[]){__VA_ARGS__, NULL})

static void assert_succeeds(const char *const *words)
{
    struct program_result result = command(words);

    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    program_result_deinit(&result);
}
#define SUCCEEDS(...) assert_succeeds((const char *const[]){__VA_ARGS__, NULL})

/* What stands behind this name in the output, until the end of its line. */
static void take(const struct program_result *result, const char *name, char *value,
                 size_t value_bytes)
{
    const char *line = strstr(result->out, name);

    cr_assert(result->exit_code == 0 && line != NULL, "%s%s", result->out, result->error);
    line += strlen(name);
    (void)snprintf(value, value_bytes, "%.*s", (int)strcspn(line, "\n"), line);
}

static struct test_client make_client(const char *role, const char *scopes)
{
    struct program_result result =
        scopes == NULL ? COMMAND("client", "create", "--name", "Übung", "--organisation",
                                 ORGANISATION, "--role", role)
                       : COMMAND("client", "create", "--name", "Übung", "--organisation",
                                 ORGANISATION, "--role", role, "--scope", scopes);
    struct test_client client;

    take(&result, "client_id ", client.id, sizeof(client.id));
    take(&result, "client_secret ", client.secret, sizeof(client.secret));
    program_result_deinit(&result);
    return client;
}

static int status_for(const char *token)
{
    CLEANUP(response_freep) struct response *response = http_as(token, "GET", ANY_PATH, NULL, NULL);

    return response->status;
}

static void assert_status_soon(const char *token, int status)
{
    const uint64_t until_ms = clock_monotonic_ms() + SEEN_MS_MAX;

    while (status_for(token) != status) {
        cr_assert_lt(clock_monotonic_ms(), until_ms, "not %d", status);
        (void)poll(NULL, 0, 10);
    }
}

static unsigned long count_of(const char *sql)
{
    char *value = test_database_value(sql);
    const unsigned long count = strtoul(value == NULL ? "0" : value, NULL, 10);

    free(value);
    return count;
}

Test(credentials, a_client_made_on_the_command_line_signs_in)
{
    const struct test_client client = make_client("editor", NULL);
    char *token = client_token(&client, NULL);
    struct program_result result = COMMAND("client", "list");

    cr_assert_eq(status_for(token), 200);
    cr_assert_not_null(strstr(result.out, client.id));
    cr_assert_not_null(strstr(result.out, "Übung"));
    cr_assert_null(strstr(result.out, client.secret), "a secret is shown once");
    program_result_deinit(&result);
    free(token);
}

/* Checks A20. */
Test(credentials, a_client_that_is_disabled_is_out_within_five_seconds)
{
    const struct test_client client = make_client("partner", NULL);
    char *token = client_token(&client, NULL);

    cr_assert_eq(status_for(token), 200);
    SUCCEEDS("client", "disable", client.id);
    assert_status_soon(token, 401);
    SUCCEEDS("client", "enable", client.id);
    assert_status_soon(token, 200);
    free(token);
}

Test(credentials, a_secret_is_rotated_without_an_hour_between)
{
    const struct test_client client = make_client("partner", "read");
    struct test_client renewed = client;
    struct program_result result = COMMAND("client", "rotate", client.id);
    CLEANUP(response_freep) struct response *refused = NULL;

    take(&result, "client_secret ", renewed.secret, sizeof(renewed.secret));
    program_result_deinit(&result);
    free(client_token(&client, NULL));
    free(client_token(&renewed, NULL));
    result = COMMAND("client", "rotate", client.id);
    cr_assert_eq(result.exit_code, 1);
    cr_assert_not_null(strstr(result.error, "--drop"), "%s", result.error);
    program_result_deinit(&result);
    result = COMMAND("client", "rotate", client.id, "--drop", "1");
    take(&result, "client_secret ", renewed.secret, sizeof(renewed.secret));
    program_result_deinit(&result);
    free(client_token(&renewed, NULL));
    refused = http_form(&client, "/v1/oauth/token", "grant_type=client_credentials");
    cr_assert_eq(refused->status, 401);
}

/* Checks A22. */
Test(credentials, keys_are_replaced_while_the_server_runs)
{
    const char *old_token = token_for("editor", NULL);
    struct program_result result = COMMAND("key", "add");
    char kid[64], old_kid[64];
    char *new_token;

    take(&result, "", kid, sizeof(kid));
    program_result_deinit(&result);
    result = COMMAND("token", "--role", "admin");
    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    result.out[strcspn(result.out, "\n")] = '\0';
    new_token = strdup(result.out);
    program_result_deinit(&result);
    cr_assert_eq(status_for(new_token), 200, "the key is a moment old");
    result = COMMAND("key", "list");
    cr_assert_not_null(strstr(result.out, kid));
    /* The oldest is the last; the tokens that other tests share were signed with it. */
    result.out[result.out_bytes - 1] = '\0';
    (void)snprintf(old_kid, sizeof(old_kid), "%.32s", strrchr(result.out, '\n') + 1);
    cr_assert_str_neq(old_kid, kid);
    program_result_deinit(&result);
    result = COMMAND("key", "retire", old_kid);
    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    cr_assert_not_null(strstr(result.error, "65 minutes"));
    program_result_deinit(&result);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(status_for(old_token), 200, "no burst of refusals");
    result = COMMAND("key", "retire", old_kid);
    cr_assert_eq(result.exit_code, 1);
    cr_assert_not_null(strstr(result.error, "there is no key"));
    program_result_deinit(&result);
    free(new_token);
}

Test(credentials, a_token_has_the_scopes_it_was_made_with_and_no_more)
{
    struct program_result result = COMMAND("token", "--role", "admin", "--scope", "read",
                                           "--subject", "amal@example.org", "--ttl", "60");
    CLEANUP(response_freep) struct response *response = NULL;

    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    cr_assert_eq(strspn(result.out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                    "-_.") +
                     1,
                 result.out_bytes, "a token, the end of the line, and nothing else");
    result.out[strcspn(result.out, "\n")] = '\0';
    cr_assert_eq(status_for(result.out), 200);
    response = http_as(result.out, "GET", "/v1/clients", NULL, NULL);
    cr_assert_eq(response->status, 403);
    program_result_deinit(&result);
}

Test(credentials, every_act_leaves_an_entry)
{
    static const char *const ACTIONS[] = {"client.create", "client.disable", "client.rename",
                                          "client.rotate", "client.list",    "key.add",
                                          "key.list",      "token.create"};
    const struct test_client client = make_client("partner", NULL);

    SUCCEEDS("client", "rename", client.id, "--name", "Neu");
    SUCCEEDS("client", "rotate", client.id);
    SUCCEEDS("client", "disable", client.id);
    SUCCEEDS("client", "list");
    SUCCEEDS("key", "add");
    SUCCEEDS("key", "list");
    SUCCEEDS("token", "--role", "editor");
    for (size_t i = 0; i < ARRAY_LENGTH(ACTIONS); i++) {
        char sql[256];

        (void)snprintf(sql, sizeof(sql),
                       "select count(*) from audit.entry where action = '%s' and role = 'system'",
                       ACTIONS[i]);
        cr_assert_geq(count_of(sql), 1, "%s", ACTIONS[i]);
    }
}

Test(credentials, what_is_asked_wrongly_is_explained)
{
    static const struct {
        const char *words[WORDS_MAX];
        int exit_code;
        const char *said;
    } ROWS[] = {
        {{"token"}, 2, "--role is missing"},
        {{"token", "--role"}, 2, "--role needs a value"},
        {{"token", "--role", "king"}, 2, "participant, partner, coordinator, editor or admin"},
        {{"token", "--role", "service"}, 2, "participant, partner, coordinator, editor or admin"},
        {{"token", "--role", "editor", "--role", "admin"}, 2, "--role is given twice"},
        {{"token", "--rolle", "editor"}, 2, "did you mean --role"},
        {{"token", "--role", "partner"}, 2, "--organisation SLUG"},
        {{"token", "--role", "coordinator"}, 2, "--organisation SLUG"},
        {{"token", "--role", "partner", "--organisation", "no-such-one"},
         1,
         "there is no organisation no-such-one"},
        {{"token", "--role", "editor", "--ttl", "3601"}, 2, "from 1 to 3600"},
        {{"token", "--role", "editor", "--ttl", "0"}, 2, "from 1 to 3600"},
        {{"token", "--role", "editor", "--ttl", "1h"}, 2, "from 1 to 3600"},
        {{"token", "--role", "editor", "--scope", "admin"}, 2, "may not do"},
        {{"token", "--role", "editor", "--subject", ""}, 2, "1 to 200 bytes"},
        {{"client"}, 2, "usage: express-api client"},
        {{"client", "make"}, 2, "usage: express-api client"},
        {{"client", "create", "--name", "x", "--role", "editor"}, 2, "--organisation is missing"},
        {{"client", "create", "--name", "", "--role", "editor", "--organisation", ORGANISATION},
         2,
         "--name has 1 to 120 characters"},
        {{"client", "create", "--name", "a\nb", "--role", "editor", "--organisation", ORGANISATION},
         2,
         "--name has 1 to 120 characters"},
        {{"client", "create", "--name", "\xff", "--role", "editor", "--organisation", ORGANISATION},
         2,
         "--name has 1 to 120 characters"},
        {{"client", "create", "--name", "x", "--role", "editor", "--organisation", "no-such-one"},
         1,
         "there is no organisation no-such-one"},
        {{"client", "create", "--name", "x", "--role", "partner", "--organisation", ORGANISATION,
          "--scope", "review"},
         1,
         "--scope names something that the role may not do"},
        {{"client", "disable"}, 2, "usage: express-api client"},
        {{"client", "disable", "nobody"}, 1, "there is no client nobody"},
        {{"client", "rename", "nobody"}, 2, "--name is missing"},
        {{"client", "rotate", "00000000-0000-4000-8000-000000000000", "--drop", "3"},
         2,
         "--drop is 1 or 2"},
        {{"client", "rotate", "00000000-0000-4000-8000-000000000000"}, 1, "there is no client"},
        {{"client", "list", "all"}, 2, "usage: express-api client"},
        {{"key"}, 2, "usage: express-api key"},
        {{"key", "retire"}, 2, "usage: express-api key"},
        {{"key", "retire", "no-such-key"}, 1, "there is no key no-such-key"},
        {{"key", "add", "one"}, 2, "usage: express-api key"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct program_result result = command(ROWS[i].words);

        cr_assert_eq(result.exit_code, ROWS[i].exit_code, "%zu %s: %d %s", i, ROWS[i].words[0],
                     result.exit_code, result.error);
        cr_assert_not_null(strstr(result.error, ROWS[i].said), "%zu: %s", i, result.error);
        cr_assert_eq(result.out_bytes, 0, "%s", result.out);
        program_result_deinit(&result);
    }
}

Test(credentials, without_a_secret_that_lasts_nothing_is_made)
{
    static const char *const COMMANDS[][4] = {{"token", "--role", "editor"}, {"key", "add"}};

    for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++) {
        char url[1024];
        const char *changes[] = {url, NULL};
        struct program_result result;

        (void)snprintf(url, sizeof(url), "EXPRESS_DATABASE_URL=%s", getenv("API_DATABASE_URL"));
        cr_assert(program_run(COMMANDS[i], changes, &result));
        cr_assert_eq(result.exit_code, 1);
        cr_assert_not_null(strstr(result.error, "EXPRESS_SECRET is needed"), "%s", result.error);
        program_result_deinit(&result);
    }
}

Test(credentials, a_server_does_not_start_with_issuers_that_are_faulty)
{
    static const char *const WORDS[] = {"serve", NULL};
    const char *changes[] = {"", "EXPRESS_ISSUERS=/nowhere/issuers.json", "EXPRESS_PORT=0", NULL};
    struct program_result result;
    char url[1024];

    (void)snprintf(url, sizeof(url), "EXPRESS_DATABASE_URL=%s", getenv("API_DATABASE_URL"));
    changes[0] = url;
    cr_assert(program_run(WORDS, changes, &result));
    cr_assert_eq(result.exit_code, 1);
    cr_assert_not_null(strstr(result.error, "/nowhere/issuers.json: cannot be read"), "%s",
                       result.error);
    program_result_deinit(&result);
}
