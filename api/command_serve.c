/*
 * serve: the server, from start to stop. Signals are taken by this thread
 * alone: the first stops accepting and lets running answers end, a second one
 * stops at once.
 */
#include "application.h"
#include "auth/auth.h"
#include "base/log.h"
#include "base/text.h"
#include "command_data.h"
#include "commands.h"
#include "contract/contract.h"
#include "coverage/profiles.h"
#include "creating.h"
#include "db/db.h"
#include "financing/offers.h"
#include "housekeeper.h"
#include "housekeeping/housekeeping.h"
#include "memo.h"
#include "record/model.h"
#include "restored.h"
#include "safety.h"
#include "server.h"
#include "settings.h"

#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PUBLIC_ROLE "express_public"
#define PRIVATE_ROLE "express_writer"
#define LOCK_MS 500
#define WAITERS_PER_CONNECTION 16
#define STATEMENTS_MAX 300
#define DIFFERENCES_BYTES_MAX (1024 * 1024)

struct serving {
    struct application application;
    struct contract *contract;
    struct model *model;
    struct db_pool *pool;
    struct db_pool *private_pool;
    struct auth *auth;
    struct creating *creating;
    struct memo *memo;
    struct offers *offers;
    struct profiles *profiles;
    struct restored *restored;
    pthread_t listener;
    bool is_listening;
    volatile bool stop;
};

/* --- what tells of changes
 * ------------------------------------------------------------------------ */

static void on_notify(void *data, const char *payload)
{
    const struct serving *serving = data;
    const struct resource *resource = contract_resource_find(serving->contract, payload);

    if (resource != NULL)
        memo_resource_changed(serving->memo, resource->index);
}

static void on_state(void *data, bool connected)
{
    const struct serving *serving = data;

    memo_listening(serving->memo, connected);
    restored_suspect(serving->restored);
}

static void *listen_for_changes(void *data)
{
    struct serving *serving = data;
    const struct db_listener_settings settings = {
        .url = serving->application.settings->public_database_url,
        .role = PUBLIC_ROLE,
        .channel = "express_change",
        .data = serving,
        .on_notify = on_notify,
        .on_state = on_state};

    db_listener_run(&settings, &serving->stop);
    return NULL;
}

/* --- start and stop
 * -------------------------------------------------------------------------------- */

/* Refuse to serve from a database that the contract does not describe. */
static int compare(struct serving *serving)
{
    struct db *db = NULL;
    struct text differences;
    int r = db_lease(serving->pool, &db);

    text_init(&differences, DIFFERENCES_BYTES_MAX);
    if (r == 0)
        r = model_compare(serving->model, db, &differences);
    if (r != 0) {
        (void)fprintf(stderr, "express-api: the database cannot be read%s%s; is it migrated?\n",
                      db == NULL || db_sqlstate(db)[0] == '\0' ? "" : ", SQLSTATE ",
                      db == NULL ? "" : db_sqlstate(db));
    } else if (differences.length > 0) {
        (void)fprintf(stderr, "express-api: contract and database differ:\n%s", differences.bytes);
        r = 1;
    }
    text_deinit(&differences);
    db_release(db);
    return r;
}

static int make_pool(const struct settings *settings, const char *url, const char *role,
                     uint32_t size, struct db_pool **ret_pool)
{
    const struct db_pool_settings pool = {.url = url,
                                          .role = role,
                                          .application = "express-api",
                                          .size = size,
                                          .waiters_max = size * WAITERS_PER_CONNECTION,
                                          .wait_ms = settings->pool_wait_ms,
                                          .statement_ms = settings->statement_timeout_ms,
                                          .lock_ms = LOCK_MS,
                                          .statements_max = STATEMENTS_MAX};

    return db_pool_new(&pool, ret_pool);
}

static int make_auth(struct serving *serving, const struct settings *settings)
{
    const struct auth_settings auth = {.issuer = settings->base_url,
                                       .secret = settings->secret,
                                       .secret_is_random = settings_secret_is_random(settings),
                                       .issuers_file = settings->issuers,
                                       .database_url = settings->database_url,
                                       .pool = serving->private_pool};

    return auth_new(&auth, stderr, &serving->auth);
}

/* Refuse to serve people who were erased, and whom a backup has brought back. */
static int look_for_the_erased(struct serving *serving, const struct settings *settings)
{
    size_t count;
    int r;

    if (settings->erasure_ledger[0] == '\0')
        log_warn(
            "serve.ledger_missing",
            "effect=\"a backup brings back who was erased\" mend=\"set EXPRESS_ERASURE_LEDGER\"");
    r = restored_new(serving->private_pool, settings->erasure_ledger, &serving->restored);
    if (r != 0)
        return r;
    r = restored_compare(serving->restored, &count);
    if (r != 0)
        (void)fprintf(stderr, "express-api: the ledger of erasures cannot be compared with the "
                              "database: see the log\n");
    if (r != 0 || count == 0)
        return r;
    (void)fprintf(stderr,
                  "express-api: %zu erasures are not in this database, as after a backup was "
                  "restored: run 'express-api erasures replay' first\n",
                  count);
    return 1;
}

static int start_housekeeper(struct serving *serving, const struct settings *settings)
{
    const struct housekeeping_settings rounds = {.audit_days = settings->audit_days,
                                                 .retention_days = settings->retention_days,
                                                 .erasure_ledger = settings->erasure_ledger};

    return housekeeper_start(serving->private_pool, &rounds, &serving->application.housekeeper);
}

static int prepare(struct serving *serving, const struct settings *settings)
{
    int r = contract_load(&serving->contract);

    if (r == 0)
        r = model_new(serving->contract, &serving->model);
    if (r == 0)
        r = make_pool(settings, settings->public_database_url, PUBLIC_ROLE, settings->pool_size,
                      &serving->pool);
    if (r == 0)
        r = make_pool(settings, settings->database_url, PRIVATE_ROLE, settings->write_pool_size,
                      &serving->private_pool);
    if (r == 0)
        r = memo_new(&serving->memo);
    if (r == 0)
        r = creating_new(settings->pool_wait_ms, &serving->creating);
    if (r == 0)
        r = offers_new(serving->contract, &serving->offers);
    if (r == 0)
        r = compare(serving);
    if (r == 0)
        r = look_for_the_erased(serving, settings);
    if (r == 0)
        r = profiles_new(serving->private_pool, &serving->profiles);
    if (r == 0)
        r = make_auth(serving, settings);
    if (r != 0)
        return r;
    serving->application = (struct application){.settings = settings,
                                                .contract = serving->contract,
                                                .model = serving->model,
                                                .pool = serving->pool,
                                                .private_pool = serving->private_pool,
                                                .auth = serving->auth,
                                                .creating = serving->creating,
                                                .memo = serving->memo,
                                                .profiles = serving->profiles,
                                                .restored = serving->restored,
                                                .offers = serving->offers};
    cursor_keys_derive(settings->secret, &serving->application.cursor_keys);
    r = start_housekeeper(serving, settings);
    if (r != 0)
        return r;
    serving->is_listening =
        pthread_create(&serving->listener, NULL, listen_for_changes, serving) == 0;
    return serving->is_listening ? 0 : 1;
}

static void finish(struct serving *serving)
{
    __atomic_store_n(&serving->stop, true, __ATOMIC_RELEASE);
    if (serving->is_listening)
        (void)pthread_join(serving->listener, NULL);
    housekeeper_stop(serving->application.housekeeper);
    auth_free(serving->auth);
    profiles_free(serving->profiles);
    memo_free(serving->memo);
    creating_free(serving->creating);
    offers_free(serving->offers);
    restored_free(serving->restored);
    db_pool_free(serving->private_pool);
    db_pool_free(serving->pool);
    model_free(serving->model);
    contract_free(serving->contract);
    sodium_memzero(&serving->application.cursor_keys, sizeof(serving->application.cursor_keys));
}

/* Every thread inherits the mask: signals reach sigwait() below and nothing else. */
static void block_signals(sigset_t *signals)
{
    (void)sigemptyset(signals);
    (void)sigaddset(signals, SIGTERM);
    (void)sigaddset(signals, SIGINT);
    (void)sigaddset(signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* While answers end, another signal ends everything. */
static void *stop_at_once(void *data)
{
    const sigset_t *signals = data;
    int number = 0;

    while (sigwait(signals, &number) == 0)
        if (number != SIGHUP)
            _exit(EXIT_FAILURE);
    return NULL;
}

static void wait_for_stop(const sigset_t *signals)
{
    int number = 0;

    do {
        (void)sigwait(signals, &number);
    } while (number == SIGHUP);
    log_info("serve.stopping", "signal=%d", number);
}

static int run(struct serving *serving, sigset_t *signals)
{
    const struct settings *settings = serving->application.settings;
    struct server *server = NULL;
    pthread_t impatience;
    bool whole;
    int r = server_start(&serving->application, &server);

    if (r == SERVER_PORT_TAKEN)
        (void)fprintf(stderr,
                      "express-api: port %u (or the port for health and metrics) is taken\n",
                      settings->port);
    if (r != 0)
        return EXIT_FAILURE;
    log_info("serve.ready", "port=%u admin_port=%u", server_port(server),
             server_admin_port(server));
    (void)printf("express-api ready http://%s:%u\n",
                 strcmp(settings->bind, "0.0.0.0") == 0 ? "127.0.0.1" : settings->bind,
                 server_port(server));
    (void)fflush(stdout);

    wait_for_stop(signals);
    if (pthread_create(&impatience, NULL, stop_at_once, signals) == 0)
        (void)pthread_detach(impatience);
    server_drain(server);
    whole = server_stop(server);
    log_info("serve.stopped", "answers_cut=%s", whole ? "no" : "yes");
    return whole ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_serve(const struct settings *settings, int count, char **words)
{
    static struct serving serving; /* outlives this call for stop_at_once() */
    static sigset_t signals;
    int code = EXIT_FAILURE;

    (void)words;
    if (count > 0) {
        (void)fprintf(stderr, "express-api serve takes no arguments\n");
        return EXIT_USAGE;
    }
    if (!settings_name_database(settings, stderr))
        return EXIT_FAILURE;
    if (safety_judge(settings, stderr) != 0)
        return EXIT_USAGE;
    if (settings_secret_is_random(settings))
        log_warn("serve.secret_missing",
                 "effect=\"cursors and tokens end with this process\" mend=\"set EXPRESS_SECRET\"");
    block_signals(&signals);
    if (prepare(&serving, settings) == 0)
        code = run(&serving, &signals);
    finish(&serving);
    return code;
}
