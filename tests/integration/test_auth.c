/*
 * Signing in against a real PostgreSQL: each test has a database of its own, and as many
 * nodes over it as it needs.
 */
#include "auth/auth.h"

#include "auth/clients.h"
#include "auth/issue.h"
#include "auth/keys.h"
#include "auth/token.h"
#include "base/annotate.h"
#include "base/arena.h"
#include "base/clock.h"
#include "db/db.h"
#include "support/database.h"
#include "support/forge.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET "a secret of thirty-two characters"
#define BASE_URL "https://api.example.org"
#define ORGANISATION "100pap"
#define SEEN_MS 5000 /* within which every node obeys a revocation */
#define REQUEST "00000000-0000-7000-8000-000000000001"

static char database[64];
static char *url;
static struct db_pool *system_pool; /* as the command line works */
static struct db *db;               /* of it */
static struct arena arena;

static struct db_pool *open_pool(const char *of, const char *role, const char *session)
{
    const struct db_pool_settings settings = {.url = of,
                                              .role = role,
                                              .session = session,
                                              .application = "express-test",
                                              .size = 8,
                                              .waiters_max = 64,
                                              .wait_ms = 5000,
                                              .statement_ms = 5000,
                                              .lock_ms = 2000,
                                              .statements_max = 50};
    struct db_pool *pool = NULL;

    cr_assert_eq(db_pool_new(&settings, &pool), 0);
    return pool;
}

static void begin(void)
{
    char *what = NULL;

    cr_assert(sodium_init() >= 0);
    (void)snprintf(database, sizeof(database), "auth_%d", (int)getpid());
    if (!test_database_copy(database, &what))
        cr_assert_fail("%s", what);
    url = test_database_url(database);
    system_pool = open_pool(url, "express_owner", "express.role=system");
    cr_assert_eq(db_lease(system_pool, &db), 0);
    arena_init(&arena, (size_t)1024 * 1024);
}

static void end(void)
{
    char *what = NULL;

    db_release(db);
    db_pool_free(system_pool);
    arena_deinit(&arena);
    if (!test_database_drop(database, &what))
        cr_assert_fail("%s", what);
    free(url);
    test_ends_without_leaks();
}

TestSuite(auth, .init = begin, .fini = end, .timeout = 120);

/* --- support ----------------------------------------------------------------------------- */

/* As the superuser: whom no policy binds. */
static void execute(const char *sql)
{
    char *what = NULL;

    if (!test_database_execute(url, sql, &what))
        cr_assert_fail("%s: %s", sql, what);
}

/* As the system. Until the next call. */
static const char *value_of(const char *sql)
{
    static char value[256];
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *text;

    cr_assert_eq(db_run_text(db, sql, DB_PLAN_CUSTOM, 0, NULL, &rows), 0, "%s: %s", sql,
                 db_message(db));
    text = db_rows_count(rows) == 0 ? NULL : db_rows_text(rows, 0, 0);
    (void)snprintf(value, sizeof(value), "%s", text == NULL ? "(null)" : text);
    return value;
}

struct node {
    struct db_pool *pool;
    struct auth *auth;
};

static struct node start_node_with(const char *secret, bool is_random, const char *listens_at)
{
    struct node node = {.pool = open_pool(url, "express_writer", NULL)};
    const struct auth_settings settings = {.issuer = BASE_URL,
                                           .secret = secret,
                                           .secret_is_random = is_random,
                                           .issuers_file = "",
                                           .database_url = listens_at,
                                           .pool = node.pool};

    cr_assert_eq(auth_new(&settings, stderr, &node.auth), 0);
    return node;
}

static struct node start_node(void)
{
    return start_node_with(SECRET, false, url);
}

static void stop_node(struct node *node)
{
    auth_free(node->auth);
    db_pool_free(node->pool);
    *node = (struct node){0};
}

static void wait_until_listening(const struct node *node)
{
    const uint64_t until_ms = clock_monotonic_ms() + 10000;
    struct auth_figures figures = {.is_listening = false};

    while (!figures.is_listening) {
        cr_assert_lt(clock_monotonic_ms(), until_ms, "nobody listens");
        (void)poll(NULL, 0, 10);
        auth_figures(node->auth, &figures);
    }
}

static int identify(const struct node *node, const char *token, struct caller *ret_caller)
{
    const char *reason = "";
    int r = auth_identify(node->auth, token, ret_caller, &reason);

    cr_assert(r != AUTH_INVALID_TOKEN || reason[0] != '\0');
    return r;
}

static struct caller assert_identified(const struct node *node, const char *token)
{
    struct caller caller = {.role = CALLER_ANONYMOUS};
    const char *reason = "";

    cr_assert_eq(auth_identify(node->auth, token, &caller, &reason), 0, "%s", reason);
    return caller;
}

static void assert_refused(const struct node *node, const char *token, const char *expected)
{
    struct caller caller;
    const char *reason = "";

    cr_assert_eq(auth_identify(node->auth, token, &caller, &reason), AUTH_INVALID_TOKEN);
    cr_assert_str_eq(reason, expected);
}

/* Asks until the token is refused. It must be within SEEN_MS of @since_ms. */
static void assert_refused_soon(const struct node *node, const char *token, uint64_t since_ms)
{
    struct caller caller;

    while (identify(node, token, &caller) == 0) {
        cr_assert_lt(clock_monotonic_ms() - since_ms, SEEN_MS, "still taken");
        (void)poll(NULL, 0, 5);
    }
    cr_assert_eq(identify(node, token, &caller), AUTH_INVALID_TOKEN);
}

static struct client make_client(enum caller_role role, const char *scopes,
                                 char ret_secret[CLIENT_SECRET_BYTES])
{
    const struct client_draft draft = {
        .name = "Übung", .organisation = ORGANISATION, .role = role, .scopes = scopes};
    struct client client;

    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(clients_create(db, &arena, &draft, &client, ret_secret), 0, "%s", db_message(db));
    cr_assert_eq(db_commit(db), 0);
    return client;
}

static void disable(const char *id, bool disabled)
{
    const struct client_change change = {.disabled = &disabled};
    struct client client;

    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(clients_change(db, &arena, id, &change, &client), 0);
    cr_assert_eq(db_commit(db), 0);
    cr_assert_eq(client.disabled_at != NULL, disabled);
}

/* Arena. */
static const char *issue(const struct node *node, const char *id, const char *secret,
                         const char *scope)
{
    struct auth_issued issued = {.token = NULL};

    cr_assert_eq(auth_issue_client_token(node->auth, &arena, id, secret, scope, REQUEST, &issued),
                 0);
    cr_assert_eq(issued.expires_in_s, 3600);
    return issued.token;
}

/* As `express-api token` makes one. Owned, free(). */
static char *make_token(const char *role, const char *organisation)
{
    struct keys_signer signer = {.private_pem = NULL};
    struct token_keys *keys = NULL;
    char id[ISSUE_ID_BYTES];
    struct keys_seal seal;
    size_t foreign = 0;
    char *text = NULL;

    keys_seal_derive(SECRET, &seal);
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(keys_load(db, &seal, true, &signer, &keys, &foreign), 0);
    cr_assert_eq(db_commit(db), 0);
    cr_assert_eq(issue_token(&(struct issue){.issuer = BASE_URL,
                                             .role = role,
                                             .organisation = organisation,
                                             .subject = "amal@example.org",
                                             .scope = "read write review admin",
                                             .life_s = 600,
                                             .now = (int64_t)(clock_wall_ms() / 1000)},
                             &signer, &text, id),
                 0);
    keys_signer_deinit(&signer);
    token_keys_unref(keys);
    return text;
}

static const char *organisation_id(void)
{
    return arena_copy(&arena, value_of("select id from catalogue.record where resource = "
                                       "'organisations' and slug = '" ORGANISATION "'"));
}

/* --- tokens of the command line ---------------------------------------------------------- */

Test(auth, a_token_of_the_command_line_is_taken_by_every_node)
{
    struct node first = start_node(), second = start_node();
    char *token = make_token("partner", organisation_id());
    const struct caller caller = assert_identified(&first, token);
    const struct caller elsewhere = assert_identified(&second, token);

    cr_assert_eq(caller.role, CALLER_PARTNER);
    cr_assert_str_eq(caller.organisation_id, organisation_id());
    cr_assert_str_eq(caller.scopes, "read write");
    cr_assert_str_empty(caller.client_id);
    cr_assert_null(strstr(caller.subject, "amal"));
    cr_assert_str_eq(caller.subject, elsewhere.subject);
    cr_assert_str_eq(caller.name, elsewhere.name);
    free(token);
    stop_node(&first);
    stop_node(&second);
}

Test(auth, a_token_is_verified_once_and_remembered)
{
    struct node node = start_node();
    char *token = make_token("editor", NULL);
    struct auth_figures figures;

    wait_until_listening(&node);
    cr_assert_not(auth_remembers(node.auth, token));
    for (int i = 0; i < 100; i++)
        (void)assert_identified(&node, token);
    cr_assert(auth_remembers(node.auth, token));
    auth_figures(node.auth, &figures);
    cr_assert_eq(figures.identified, 100);
    cr_assert_geq(figures.remembered, 90);
    cr_assert_eq(figures.entries, 1);
    free(token);
    stop_node(&node);
}

/* Checks A20. */
Test(auth, an_organisation_that_is_deleted_signs_in_no_more)
{
    struct node node = start_node();
    char *partner = make_token("partner", organisation_id());
    char secret[CLIENT_SECRET_BYTES];
    struct client client = make_client(CALLER_PARTNER, NULL, secret);
    const char *token = issue(&node, client.id, secret, NULL);

    (void)assert_identified(&node, partner);
    (void)assert_identified(&node, token);
    execute("update catalogue.record set status = 'draft' where slug = '" ORGANISATION "'");
    cr_assert_eq(assert_identified(&node, token).role, CALLER_PARTNER, "unpublished is not gone");
    execute("update catalogue.record set deleted_at = now() where slug = '" ORGANISATION "'");
    assert_refused_soon(&node, partner, clock_monotonic_ms());
    assert_refused_soon(&node, token, clock_monotonic_ms());
    assert_refused(&node, token, "organisation");
    free(partner);
    stop_node(&node);
}

/* --- clients ----------------------------------------------------------------------------- */

Test(auth, a_client_gets_a_token_with_what_the_database_grants)
{
    struct node node = start_node();
    char secret[CLIENT_SECRET_BYTES];
    struct client client = make_client(CALLER_PARTNER, NULL, secret);
    struct caller caller = assert_identified(&node, issue(&node, client.id, secret, NULL));

    cr_assert_eq(caller.role, CALLER_PARTNER);
    cr_assert_str_eq(caller.client_id, client.id);
    cr_assert_str_eq(caller.organisation_id, organisation_id());
    cr_assert_str_eq(caller.scopes, "read write");
    cr_assert_str_empty(caller.subject);
    caller = assert_identified(&node, issue(&node, client.id, secret, "read"));
    cr_assert_str_eq(caller.scopes, "read");
    caller = assert_identified(&node, issue(&node, client.id, secret, "write:practices admin"));
    cr_assert_str_eq(caller.scopes, "write:practices");
    cr_assert_str_eq(value_of("select count(*) from audit.entry where action = 'token.issue' and "
                              "client_id is not null and request_id = '" REQUEST "'"),
                     "3");
    cr_assert_str_neq(value_of("select last_used_at from identity.client"), "(null)");
    cr_assert_str_neq(value_of("select last_used_at from identity.client_secret"), "(null)");
    stop_node(&node);
}

/* Checks A23. */
Test(auth, a_secret_that_is_nearly_right_is_wrong)
{
    struct node node = start_node();
    char secret[CLIENT_SECRET_BYTES], others[CLIENT_SECRET_BYTES], changed[CLIENT_SECRET_BYTES];
    struct client client = make_client(CALLER_PARTNER, NULL, secret);
    struct client other = make_client(CALLER_ADMIN, NULL, others);
    const struct {
        const char *id, *secret;
    } rows[] = {
        {client.id, changed},
        {client.id, others},
        {other.id, secret},
        {client.id, ""},
        {client.id, "exs_2"},
        {client.id, "exs_1"},
        {"00000000-0000-4000-8000-000000000000", secret},
        {"' or true --", secret},
        {"", secret},
        {client.id, "\xff\xfe"},
    };
    struct auth_issued issued;

    memcpy(changed, secret, sizeof(changed));
    changed[20] = changed[20] == 'A' ? 'B' : 'A';
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cr_assert_eq(auth_issue_client_token(node.auth, &arena, rows[i].id, rows[i].secret, NULL,
                                             REQUEST, &issued),
                     AUTH_INVALID_CLIENT, "%zu", i);
        cr_assert_eq(auth_authenticate_client(node.auth, rows[i].id, rows[i].secret),
                     AUTH_INVALID_CLIENT, "%zu", i);
    }
    memcpy(changed, secret, sizeof(changed));
    changed[strlen(changed) - 1] = '\0';
    cr_assert_eq(auth_authenticate_client(node.auth, client.id, changed), AUTH_INVALID_CLIENT);
    cr_assert_eq(auth_authenticate_client(node.auth, client.id, secret), 0);
    disable(client.id, true);
    cr_assert_eq(auth_authenticate_client(node.auth, client.id, secret), AUTH_INVALID_CLIENT);
    disable(client.id, false);
    cr_assert_eq(auth_authenticate_client(node.auth, client.id, secret), 0);
    stop_node(&node);
}

Test(auth, a_client_without_any_of_the_scopes_it_asks_for_gets_no_token)
{
    static const char *const SCOPES[] = {"admin", "review", "write", "\"read\"", "read\tread"};
    struct node node = start_node();
    char secret[CLIENT_SECRET_BYTES];
    struct client client = make_client(CALLER_PARTNER, "read", secret);
    struct auth_issued issued;

    for (size_t i = 0; i < ARRAY_LENGTH(SCOPES); i++)
        cr_assert_eq(auth_issue_client_token(node.auth, &arena, client.id, secret, SCOPES[i],
                                             REQUEST, &issued),
                     AUTH_INVALID_SCOPE, "%s", SCOPES[i]);
    cr_assert_str_eq(value_of("select count(*) from audit.entry where action = 'token.issue'"),
                     "0");
    stop_node(&node);
}

Test(auth, a_secret_is_replaced_while_the_other_works)
{
    struct node node = start_node();
    char first[CLIENT_SECRET_BYTES], second[CLIENT_SECRET_BYTES], third[CLIENT_SECRET_BYTES];
    struct client client = make_client(CALLER_PARTNER, "read", first);
    int slot = 0;

    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(clients_add_secret(db, client.id, &slot, second), 0);
    cr_assert_eq(slot, 2);
    cr_assert_eq(clients_add_secret(db, client.id, &slot, third), CLIENTS_SECRETS_FULL);
    cr_assert_eq(db_commit(db), 0);
    cr_assert_eq(auth_authenticate_client(node.auth, client.id, first), 0);
    cr_assert_eq(auth_authenticate_client(node.auth, client.id, second), 0);
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(clients_remove_secret(db, client.id, 1), 0);
    cr_assert_eq(clients_remove_secret(db, client.id, 1), CLIENTS_NOT_FOUND);
    cr_assert_eq(db_commit(db), 0);
    cr_assert_eq(auth_authenticate_client(node.auth, client.id, first), AUTH_INVALID_CLIENT);
    cr_assert_eq(auth_authenticate_client(node.auth, client.id, second), 0);
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(clients_add_secret(db, client.id, &slot, third), 0);
    cr_assert_eq(slot, 1);
    cr_assert_eq(clients_get(db, &arena, client.id, &client), 0);
    cr_assert_eq(db_commit(db), 0);
    cr_assert(client.secrets[0].slot == 1 && client.secrets[1].slot == 2);
    cr_assert_eq(auth_authenticate_client(node.auth, client.id, first), AUTH_INVALID_CLIENT);
    cr_assert_eq(auth_authenticate_client(node.auth, client.id, third), 0);
    stop_node(&node);
}

Test(auth, clients_are_listed_renamed_and_given_other_roles)
{
    char secret[CLIENT_SECRET_BYTES];
    struct client one = make_client(CALLER_PARTNER, "read write:practices", secret);
    struct client two = make_client(CALLER_EDITOR, NULL, secret), changed;
    const enum caller_role participant = CALLER_PARTICIPANT;
    struct client *list = NULL;
    size_t count = 0;

    cr_assert_str_eq(one.name, "Übung");
    cr_assert_str_eq(one.organisation_slug, ORGANISATION);
    cr_assert_str_eq(one.scopes, "read write:practices");
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(clients_list(db, &arena, NULL, 1, &list, &count), 0);
    cr_assert_eq(count, 1);
    cr_assert_eq(clients_list(db, &arena, list[0].id, 10, &list, &count), 0);
    cr_assert_eq(count, 1);
    cr_assert_eq(clients_list(db, &arena, list[0].id, 10, &list, &count), 0);
    cr_assert_eq(count, 0);
    cr_assert_eq(
        clients_change(db, &arena, one.id, &(struct client_change){.name = "Neu"}, &changed), 0);
    cr_assert_str_eq(changed.name, "Neu");
    cr_assert_str_eq(changed.scopes, "read write:practices");
    cr_assert_eq(
        clients_change(db, &arena, two.id, &(struct client_change){.role = &participant}, &changed),
        0);
    cr_assert_eq(changed.role, CALLER_PARTICIPANT);
    cr_assert_str_eq(changed.scopes, "read write");
    cr_assert_eq(
        clients_change(db, &arena, two.id, &(struct client_change){.scopes = "review"}, &changed),
        CLIENTS_INVALID_SCOPE);
    cr_assert_eq(
        clients_change(db, &arena, "nobody", &(struct client_change){.name = "x"}, &changed),
        CLIENTS_NOT_FOUND);
    cr_assert_eq(clients_get(db, &arena, "00000000-0000-4000-8000-000000000000", &changed),
                 CLIENTS_NOT_FOUND);
    db_rollback(db);
}

Test(auth, a_client_belongs_to_an_organisation_and_has_no_more_than_its_role)
{
    const struct {
        struct client_draft draft;
        int expected;
    } rows[] = {
        {{"x", "nobody-at-all", CALLER_PARTNER, NULL}, CLIENTS_UNKNOWN_ORGANISATION},
        {{"x", "00000000-0000-4000-8000-000000000000", CALLER_PARTNER, NULL},
         CLIENTS_UNKNOWN_ORGANISATION},
        {{"x", ORGANISATION, CALLER_PARTNER, "review"}, CLIENTS_INVALID_SCOPE},
        {{"x", ORGANISATION, CALLER_PARTNER, "read  write"}, CLIENTS_INVALID_SCOPE},
        {{"x", ORGANISATION, CALLER_PARTNER, "read "}, CLIENTS_INVALID_SCOPE},
        {{"x", ORGANISATION, CALLER_PARTNER, " read"}, CLIENTS_INVALID_SCOPE},
        {{"x", ORGANISATION, CALLER_PARTNER, "write:Practices"}, CLIENTS_INVALID_SCOPE},
        {{"", ORGANISATION, CALLER_PARTNER, "read"}, DB_CHECK_VIOLATION},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char secret[CLIENT_SECRET_BYTES];
        struct client client;

        cr_assert_eq(db_begin(db), 0);
        cr_assert_eq(clients_create(db, &arena, &rows[i].draft, &client, secret), rows[i].expected,
                     "%zu", i);
        db_rollback(db);
    }
}

struct attempt {
    struct auth *auth;
    int result;
};

static void *try_a_secret(void *data)
{
    struct attempt *attempt = data;

    attempt->result =
        auth_authenticate_client(attempt->auth, "00000000-0000-4000-8000-000000000000", "exs_1");
    return NULL;
}

/* Checks A25. */
Test(auth, secrets_are_checked_by_few_at_a_time)
{
    struct node node = start_node();
    struct attempt attempts[40];
    pthread_t threads[ARRAY_LENGTH(attempts)];
    size_t busy = 0, wrong = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++) {
        attempts[i] = (struct attempt){.auth = node.auth};
        cr_assert_eq(pthread_create(&threads[i], NULL, try_a_secret, &attempts[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(attempts); i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        busy += attempts[i].result == AUTH_BUSY;
        wrong += attempts[i].result == AUTH_INVALID_CLIENT;
    }
    cr_assert_eq(busy + wrong, ARRAY_LENGTH(attempts));
    cr_assert_geq(wrong, 2);
    cr_assert_geq(busy, 1, "forty do not fit into two places and sixteen before them");
    stop_node(&node);
}

/* --- revocation -------------------------------------------------------------------------- */

/* Checks A20. */
Test(auth, what_is_taken_away_is_gone_on_every_node_within_five_seconds)
{
    struct node first = start_node(), second = start_node();
    char secret[CLIENT_SECRET_BYTES];
    struct client client = make_client(CALLER_EDITOR, NULL, secret);
    const char *token = issue(&first, client.id, secret, NULL);
    const enum caller_role participant = CALLER_PARTICIPANT;
    uint64_t since_ms;
    struct client changed;

    wait_until_listening(&first);
    wait_until_listening(&second);
    cr_assert_eq(assert_identified(&first, token).role, CALLER_EDITOR);
    cr_assert_eq(assert_identified(&second, token).role, CALLER_EDITOR);
    since_ms = clock_monotonic_ms();
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(clients_change(db, &arena, client.id,
                                &(struct client_change){.role = &participant}, &changed),
                 0);
    cr_assert_eq(db_commit(db), 0);
    while (assert_identified(&second, token).role != CALLER_PARTICIPANT)
        cr_assert_lt(clock_monotonic_ms() - since_ms, SEEN_MS);
    cr_assert_str_eq(assert_identified(&second, token).scopes, "read write");
    since_ms = clock_monotonic_ms();
    disable(client.id, true);
    assert_refused_soon(&first, token, since_ms);
    assert_refused_soon(&second, token, since_ms);
    assert_refused(&second, token, "client");
    disable(client.id, false);
    cr_assert_eq(assert_identified(&second, token).role, CALLER_PARTICIPANT);
    stop_node(&first);
    stop_node(&second);
}

/* Checks A20. */
Test(auth, a_node_that_hears_nothing_looks_for_itself)
{
    struct node node = start_node_with(SECRET, false, "host=/nowhere dbname=nothing");
    char secret[CLIENT_SECRET_BYTES];
    struct client client = make_client(CALLER_EDITOR, NULL, secret);
    const char *token = issue(&node, client.id, secret, NULL);
    struct auth_figures figures;
    uint64_t since_ms;

    (void)assert_identified(&node, token);
    (void)assert_identified(&node, token);
    auth_figures(node.auth, &figures);
    cr_assert_not(figures.is_listening);
    cr_assert_eq(figures.remembered, 1);
    since_ms = clock_monotonic_ms();
    disable(client.id, true);
    assert_refused_soon(&node, token, since_ms);
    stop_node(&node);
}

/* Checks A20. */
Test(auth, a_revoked_token_is_refused_everywhere_and_no_other)
{
    struct node first = start_node(), second = start_node();
    char secret[CLIENT_SECRET_BYTES];
    struct client client = make_client(CALLER_EDITOR, NULL, secret);
    const char *token = issue(&first, client.id, secret, NULL);
    const char *other = issue(&first, client.id, secret, NULL);
    char *personal = make_token("editor", NULL);
    const char *reason = "";
    struct caller caller;
    uint64_t since_ms;

    wait_until_listening(&second);
    (void)assert_identified(&first, token);
    (void)assert_identified(&second, token);
    (void)assert_identified(&second, other);
    cr_assert_eq(auth_revoke(first.auth, token, "00000000-0000-4000-8000-000000000000", REQUEST),
                 0);
    (void)assert_identified(&first, token); /* it was not that client's to end */
    cr_assert_eq(auth_revoke(first.auth, "no token", NULL, REQUEST), 0);
    since_ms = clock_monotonic_ms();
    cr_assert_eq(auth_revoke(first.auth, token, client.id, REQUEST), 0);
    cr_assert_eq(auth_identify(first.auth, token, &caller, &reason), AUTH_INVALID_TOKEN);
    cr_assert_str_eq(reason, "revoked");
    assert_refused_soon(&second, token, since_ms);
    cr_assert_eq(auth_revoke(first.auth, token, client.id, REQUEST), 0, "again");
    (void)assert_identified(&first, other);
    (void)assert_identified(&second, other);
    /* Of a person it is told who, as everywhere. */
    caller = assert_identified(&first, personal);
    cr_assert_eq(auth_revoke(first.auth, personal, NULL, REQUEST), 0);
    cr_assert_str_eq(value_of("select subject from audit.entry where action = 'token.revoke' "
                              "and client_id is null"),
                     caller.subject);
    free(personal);
    cr_assert_str_eq(value_of("select count(*) from identity.revoked_token where expires_at "
                              "between now() + interval '62 minutes' and now() + interval "
                              "'66 minutes'"),
                     "1", "longer than any node takes the token, whatever its clock says");
    stop_node(&first);
    stop_node(&second);
}

/* --- keys -------------------------------------------------------------------------------- */

static void *start_one_node(void *data)
{
    struct node *node = data;

    *node = start_node();
    return NULL;
}

/* Checks A22. */
Test(auth, nodes_that_start_at_once_make_one_key)
{
    struct node nodes[4];
    pthread_t threads[ARRAY_LENGTH(nodes)];

    execute("delete from identity.signing_key");
    for (size_t i = 0; i < ARRAY_LENGTH(nodes); i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, start_one_node, &nodes[i]), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(nodes); i++)
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
    cr_assert_str_eq(value_of("select count(*) from identity.signing_key"), "1");
    for (size_t i = 0; i < ARRAY_LENGTH(nodes); i++)
        stop_node(&nodes[i]);
}

/* Checks A22. */
Test(auth, keys_are_replaced_without_a_token_refused)
{
    struct node first = start_node(), second = start_node();
    char *old_token = make_token("editor", NULL), *new_token;
    char kid[KEYS_KID_BYTES], made[KEYS_KID_BYTES];
    struct keys_seal seal;
    const char *old_kid =
        arena_copy(&arena, value_of("select kid from identity.signing_key limit 1"));

    keys_seal_derive(SECRET, &seal);
    (void)assert_identified(&second, old_token);
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(keys_add(db, &seal, kid), 0);
    cr_assert_eq(db_commit(db), 0);
    new_token = make_token("admin", NULL);
    cr_assert_eq(assert_identified(&first, new_token).role, CALLER_ADMIN, "at once");
    cr_assert_eq(assert_identified(&second, new_token).role, CALLER_ADMIN);
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(keys_retire(db, &seal, old_kid, made), 0);
    cr_assert_str_empty(made);
    cr_assert_eq(keys_retire(db, &seal, old_kid, made), KEYS_NOT_FOUND);
    cr_assert_eq(db_commit(db), 0);
    (void)assert_identified(&first, old_token);
    (void)assert_identified(&second, old_token);
    cr_assert_not_null(strstr(auth_jwks(first.auth, &arena), old_kid));
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(keys_retire(db, &seal, kid, made), 0);
    cr_assert_str_not_empty(made, "somebody has to sign");
    cr_assert_eq(db_commit(db), 0);
    free(old_token);
    free(new_token);
    stop_node(&first);
    stop_node(&second);
}

/* Checks A22. */
Test(auth, a_key_that_is_removed_or_expired_verifies_nothing)
{
    struct node node = start_node(),
                deaf = start_node_with(SECRET, false, "host=/nowhere dbname=x");
    char *token = make_token("editor", NULL), *other;
    uint64_t since_ms;

    (void)assert_identified(&node, token);
    (void)assert_identified(&deaf, token);
    since_ms = clock_monotonic_ms();
    execute("update identity.signing_key set retired_at = now() - interval '2 hours', "
            "expires_at = now() - interval '1 second'");
    assert_refused_soon(&node, token, since_ms);
    assert_refused_soon(&deaf, token, since_ms);
    other = make_token("editor", NULL);
    (void)assert_identified(&node, other);
    since_ms = clock_monotonic_ms();
    execute("delete from identity.signing_key");
    assert_refused_soon(&node, other, since_ms);
    assert_refused_soon(&deaf, other, since_ms);
    free(token);
    free(other);
    stop_node(&node);
    stop_node(&deaf);
}

Test(auth, a_node_with_another_secret_verifies_and_signs_with_a_key_of_its_own)
{
    struct node node = start_node();
    struct node other = start_node_with("another secret of thirty-two characters", false, url);
    char *token = make_token("editor", NULL);
    char secret[CLIENT_SECRET_BYTES];
    struct client client = make_client(CALLER_EDITOR, NULL, secret);

    (void)assert_identified(&other, token);
    (void)assert_identified(&node, issue(&other, client.id, secret, NULL));
    (void)assert_identified(&other, issue(&node, client.id, secret, NULL));
    cr_assert_str_eq(value_of("select count(*) from identity.signing_key"), "2");
    free(token);
    stop_node(&node);
    stop_node(&other);
}

Test(auth, a_secret_that_ends_with_the_process_leaves_no_key_behind)
{
    struct node node = start_node_with("made up for this process, and gone with it", true, url);
    char secret[CLIENT_SECRET_BYTES];
    struct client client = make_client(CALLER_EDITOR, NULL, secret);
    const char *token = issue(&node, client.id, secret, NULL);
    struct node other;
    struct caller caller;

    (void)assert_identified(&node, token);
    cr_assert_not_null(strstr(auth_jwks(node.auth, &arena), "\"kid\":"));
    cr_assert_str_eq(value_of("select count(*) from identity.signing_key"), "0");
    other = start_node();
    cr_assert_eq(identify(&other, token, &caller), AUTH_INVALID_TOKEN);
    stop_node(&node);
    stop_node(&other);
}

Test(auth, a_copy_of_the_database_cannot_sign)
{
    struct keys_seal seal, other_seal;
    struct keys_signer signer = {.private_pem = NULL};
    struct token_keys *keys = NULL;
    struct keys_row *rows = NULL;
    char kid[KEYS_KID_BYTES], second[KEYS_KID_BYTES];
    size_t count = 0, foreign = 0;

    keys_seal_derive(SECRET, &seal);
    keys_seal_derive(SECRET "!", &other_seal);
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(keys_add(db, &seal, kid), 0);
    cr_assert_eq(keys_add(db, &seal, second), 0);
    cr_assert_eq(db_commit(db), 0);
    cr_assert_str_eq(value_of("select count(*) from identity.signing_key where "
                              "encode(private_sealed, 'escape') like '%PRIVATE%'"),
                     "0");
    cr_assert_eq(keys_load(db, &other_seal, false, &signer, &keys, &foreign), 0);
    cr_assert_str_empty(signer.kid);
    cr_assert_eq(foreign, 2);
    cr_assert_eq(token_keys_count(keys), 2);
    token_keys_unref(keys);
    /* The private half of one key under the name of another is no key. */
    execute("update identity.signing_key k set private_sealed = o.private_sealed "
            "from identity.signing_key o where o.kid <> k.kid");
    cr_assert_eq(keys_load(db, &seal, false, &signer, &keys, &foreign), 0);
    cr_assert_str_empty(signer.kid);
    token_keys_unref(keys);
    cr_assert_eq(keys_list(db, &seal, &arena, &rows, &count), 0);
    cr_assert_eq(count, 2);
    cr_assert_not(rows[0].can_be_unsealed);
}

/* --- outside issuers --------------------------------------------------------------------- */

/* Writes a file of its own. Owned, free(). */
static char *write_file(const char *text)
{
    char *path = strdup("/tmp/express-test-XXXXXX");
    int fd;

    cr_assert_not_null(path);
    fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd); /* what was written is looked at later */
    return path;
}

#define LOGIN "https://login.example.org"

static char *forge_for(const struct forge_key *pair, const char *id, const char *more)
{
    const long long now = (long long)(clock_wall_ms() / 1000);
    char payload[1024];

    (void)snprintf(payload, sizeof(payload),
                   "{\"iss\":\"" LOGIN "\",\"aud\":\"express\",\"sub\":\"amal@example.org\","
                   "\"jti\":\"%s\",\"iat\":%lld,\"exp\":%lld%s}",
                   id, now, now + 300, more);
    return forge_token(pair, "{\"alg\":\"ES256\",\"kid\":\"theirs\"}", payload);
}

/*
 * A node that takes tokens of this key, as of LOGIN.
 * @ret_keys: the file its keys are in. Owned: unlink(), free()
 */
static struct node start_node_for(const struct forge_key *pair, char **ret_keys)
{
    struct node node = {.pool = open_pool(url, "express_writer", NULL)};
    json_auto_t *set = json_pack("{s:[o]}", "keys", forge_key_to_jwk(pair, "theirs"));
    char *set_text = json_dumps(set, 0);
    char *keys = write_file(set_text), *path;
    struct auth_settings settings = {
        .issuer = BASE_URL, .secret = SECRET, .database_url = url, .pool = node.pool};
    const char *reason = "";
    struct caller caller;
    char text[1024];
    char *first;

    (void)snprintf(text, sizeof(text),
                   "[{\"issuer\":\"" LOGIN "\",\"audience\":\"express\",\"jwks_file\":\"%s\","
                   "\"algorithms\":[\"ES256\"],\"roles\":{\"claim\":\"roles\",\"map\":{"
                   "\"e\":\"editor\",\"p\":\"partner\"}},\"organisation\":{\"claim\":\"org\","
                   "\"map\":{\"idp-1\":\"" ORGANISATION "\",\"idp-2\":\"nobody-at-all\"}}}]",
                   keys);
    path = write_file(text);
    settings.issuers_file = path;
    cr_assert_eq(auth_new(&settings, stderr, &node.auth), 0);
    /* The first one waits for the keys. */
    first = forge_for(pair, "first", ",\"roles\":[\"e\"]");
    cr_assert_eq(auth_identify(node.auth, first, &caller, &reason), 0, "%s", reason);
    free(first);
    (void)unlink(path);
    free(path);
    free(set_text);
    *ret_keys = keys;
    return node;
}

/* Checks A7, A15, A20. */
Test(auth, an_outside_token_has_what_its_issuer_is_mapped_to)
{
    struct forge_key pair = forge_key_make(FORGE_P256), strange = forge_key_make(FORGE_P256);
    char *keys = NULL;
    struct node node = start_node_for(&pair, &keys);
    char *editor = forge_for(&pair, "1", ",\"roles\":[\"e\"],\"role\":\"admin\"");
    char *partner = forge_for(&pair, "2", ",\"roles\":[\"p\"],\"org\":\"idp-1\"");
    char *lost = forge_for(&pair, "3", ",\"roles\":[\"p\"],\"org\":\"idp-2\"");
    char *nobody = forge_for(&pair, "4", ",\"client_id\":\"x\",\"role\":\"admin\"");
    char *forged = forge_for(&strange, "5", ",\"roles\":[\"e\"]");
    struct caller caller = assert_identified(&node, editor);
    uint64_t since_ms;

    cr_assert_eq(caller.role, CALLER_EDITOR);
    cr_assert_str_eq(caller.scopes, "read write review");
    cr_assert_str_empty(caller.organisation_id);
    cr_assert_null(strstr(caller.name, "amal"));
    caller = assert_identified(&node, partner);
    cr_assert_eq(caller.role, CALLER_PARTNER);
    cr_assert_str_eq(caller.organisation_id, organisation_id());
    assert_refused(&node, lost, "organisation");
    /* Anybody's draft may be named like that. */
    execute("insert into catalogue.record (id, resource, slug, version, latest, verify_due) values "
            "(gen_random_uuid(), 'organisations', 'nobody-at-all', 1, 1, now())");
    assert_refused(&node, lost, "organisation");
    assert_refused(&node, nobody, "role");
    assert_refused(&node, forged, "signature");
    since_ms = clock_monotonic_ms();
    cr_assert_eq(auth_revoke(node.auth, partner, NULL, REQUEST), 0);
    assert_refused_soon(&node, partner, since_ms);
    (void)assert_identified(&node, editor);
    stop_node(&node);
    free(editor);
    free(partner);
    free(lost);
    free(nobody);
    free(forged);
    forge_key_deinit(&pair);
    forge_key_deinit(&strange);
    (void)unlink(keys);
    free(keys);
}

/* Checks A22. */
Test(auth, a_key_that_an_outside_issuer_takes_back_ends_what_was_known_by_it)
{
    struct forge_key pair = forge_key_make(FORGE_P256);
    const uint64_t until_ms = clock_monotonic_ms() + 60000;
    char *keys = NULL;
    struct node node = start_node_for(&pair, &keys);
    char *known = forge_for(&pair, "1", ",\"roles\":[\"e\"]");
    char *unknown =
        forge_token(&pair, "{\"alg\":\"ES256\",\"kid\":\"newer\"}", "{\"iss\":\"" LOGIN "\"}");
    struct caller caller;
    FILE *file;

    (void)assert_identified(&node, known);
    file = fopen(keys, "w");
    cr_assert_not_null(file);
    cr_assert_geq(fputs("{\"keys\":[]}", file), 0);
    cr_assert_eq(fclose(file), 0);
    /* Half a minute after the last time, for a token that names a key that is not known. */
    while (identify(&node, known, &caller) == 0) {
        cr_assert_eq(identify(&node, unknown, &caller), AUTH_INVALID_TOKEN);
        cr_assert_lt(clock_monotonic_ms(), until_ms, "still taken");
        (void)poll(NULL, 0, 100);
    }
    assert_refused(&node, known, "key");
    stop_node(&node);
    (void)unlink(keys);
    free(keys);
    free(known);
    free(unknown);
    forge_key_deinit(&pair);
}

Test(auth, a_file_of_issuers_that_cannot_be_used_is_told)
{
    char *path = write_file("[{}]");
    const struct auth_settings settings = {.issuer = BASE_URL,
                                           .secret = SECRET,
                                           .issuers_file = path,
                                           .database_url = url,
                                           .pool = system_pool};
    char *errors = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&errors, &length);
    struct auth *auth = NULL;

    cr_assert_eq(auth_new(&settings, file, &auth), AUTH_INVALID_ISSUERS);
    (void)fclose(file); /* memory alone */
    cr_assert_null(auth);
    cr_assert_not_null(strstr(errors, "/0/issuer must be"));
    free(errors);
    (void)unlink(path);
    free(path);
}

/* --- without a database ------------------------------------------------------------------ */

/* Checks A7. */
Test(auth, while_the_database_is_away_nobody_is_told_that_a_good_token_is_bad)
{
    char *token = make_token("editor", NULL);
    struct db_pool *nowhere = open_pool("host=/nowhere dbname=nothing", "express_writer", NULL);
    const struct auth_settings settings = {.issuer = BASE_URL,
                                           .secret = SECRET,
                                           .issuers_file = "",
                                           .database_url = "host=/nowhere dbname=nothing",
                                           .pool = nowhere};
    struct auth *auth = NULL;
    struct caller caller;
    struct auth_issued issued;
    const char *reason = "";

    cr_assert_eq(auth_new(&settings, stderr, &auth), 0);
    cr_assert_eq(auth_identify(auth, token, &caller, &reason), DB_UNAVAILABLE);
    cr_assert_eq(auth_identify(auth, "no.token.atall", &caller, &reason), AUTH_INVALID_TOKEN);
    cr_assert_eq(auth_issue_client_token(auth, &arena, "id", "secret", NULL, REQUEST, &issued),
                 DB_UNAVAILABLE);
    cr_assert_eq(auth_revoke(auth, token, NULL, REQUEST), DB_UNAVAILABLE);
    auth_free(auth);
    db_pool_free(nowhere);
    free(token);
}

/* Checks A18, A19. */
Test(auth, what_is_no_token_is_refused_without_the_database)
{
    struct node node = start_node();
    char *large = calloc(1, 100001);
    struct db_pool_figures before, after;

    memset(large, 'a', 100000);
    db_pool_figures(node.pool, &before);
    assert_refused(&node, "", "form");
    assert_refused(&node, "..", "form");
    assert_refused(&node, "e30.e30.e30", "algorithm");
    assert_refused(&node, large, "form");
    cr_assert_not(auth_remembers(node.auth, large));
    cr_assert_eq(auth_revoke(node.auth, large, NULL, REQUEST), 0);
    db_pool_figures(node.pool, &after);
    cr_assert_leq(after.leases, before.leases + 1, "the keeper of keys may have loaded them");
    free(large);
    stop_node(&node);
}
