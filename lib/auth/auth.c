/*
 * Two threads keep what is known true: one listens for notifications, one
 * loads keys, so that a database that is slow holds up neither. A request
 * that brings a key nobody has heard of loads them itself, once a second at
 * most: a token may arrive before the notification of the key that signed it.
 */
#include "auth/auth.h"

#include "audit/audit.h"
#include "auth/bearer.h"
#include "auth/clients.h"
#include "auth/issue.h"
#include "auth/issuers.h"
#include "auth/keys.h"
#include "auth/known.h"
#include "auth/token.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "db/db.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHANNEL "express_identity"
#define LISTENER_ROLE "express_writer"
#define KEYS_EVERY_MS 60000 /* without a notification: expired ones go */
#define KEYS_AGAIN_MS 1000  /* after a failure, and for unknown kids */
#define LISTENING_SOFT_MS 3000
#define LISTENING_HARD_MS                                                                          \
    4000 /* a connection that died in silence is noticed after seven seconds */
#define DEAF_MS 1000
/* By so much the clocks of nodes and database may differ: a revocation outlives its token. */
#define CLOCKS_DIFFER_S 240

struct auth {
    const char *issuer;   /* of the settings, borrowed */
    struct db_pool *pool; /* borrowed */
    struct keys_seal seal;
    unsigned char pseudonym_key[BEARER_KEY_BYTES];
    struct known *known;
    struct issuers *issuers; /* outside ones */

    pthread_mutex_t keys_lock; /* over the five that follow */
    struct token_keys *keys;
    struct keys_signer signer;
    struct keys_signer own_signer; /* of this process alone, when its secret is */
    struct token_keys *own_keys;
    size_t foreign_count;

    pthread_mutex_t load_lock; /* held while loading, and over the two that follow */
    uint64_t tried_ms;         /* when loading was tried last; 0: never */
    int load_result;

    struct db_listener_settings listening;
    pthread_t listener, keeper;
    bool has_listener, has_keeper;
    volatile bool stop;
    atomic_bool is_listening;
    pthread_mutex_t wake_lock; /* over @is_stale and @stop */
    pthread_cond_t woken;
    bool is_stale; /* the keys are to be loaded */

    atomic_uint_fast64_t identified, refused, remembered, rechecks, key_loads, key_load_failures;
};

static int64_t now_s(void)
{
    return (int64_t)(clock_wall_ms() / 1000);
}

static void lock(pthread_mutex_t *mutex)
{
    int r = pthread_mutex_lock(mutex);

    assert(r == 0);
}

static void unlock(pthread_mutex_t *mutex)
{
    int r = pthread_mutex_unlock(mutex);

    assert(r == 0);
}

/* --- transactions of the server itself --------------------------------------------------- */

/* Leases and begins as the server itself, on behalf of a client, a person, or nobody. */
static int begin(struct auth *auth, const char *client_id, const char *subject,
                 const char *request_id, struct db **ret_db)
{
    struct caller service = caller_service();
    struct db *db = NULL;
    int r = db_lease(auth->pool, &db);

    if (r != 0)
        return r;
    memcpy(service.client_id, client_id, strlen(client_id) + 1);
    memcpy(service.subject, subject, strlen(subject) + 1);
    r = caller_begin(db, &service, request_id);
    if (r != 0) {
        db_release(db);
        return r;
    }
    *ret_db = db;
    return 0;
}

/* Commits when @r is 0, else rolls back; and releases. */
static int end(struct db *db, int r)
{
    if (r == 0)
        r = db_commit(db);
    db_release(db);
    return r;
}

/* --- keys -------------------------------------------------------------------------------- */

/* All keys of both sets in one. NULL when out of memory. */
static struct token_keys *unite(const struct token_keys *some, const struct token_keys *others)
{
    const struct token_keys *const sets[] = {others, some};
    struct token_keys *all = token_keys_new(TOKEN_KEYS_MAX);
    const char *why;
    int r = 0;

    for (size_t s = 0; all != NULL && s < ARRAY_LENGTH(sets); s++) {
        for (size_t i = 0; r >= 0 && i < token_keys_count(sets[s]); i++) {
            const struct token_key *key = token_keys_at(sets[s], i);

            r = token_keys_add_pem(all, key->kid, key->algorithm, key->pem, key->expires_at, &why);
        }
    }
    if (r < 0) {
        token_keys_unref(all);
        return NULL;
    }
    return all;
}

/* Steals @keys and @signer. */
static int take_keys(struct auth *auth, struct token_keys *keys, struct keys_signer *signer,
                     size_t foreign_count)
{
    if (auth->own_keys != NULL) {
        struct token_keys *all = unite(keys, auth->own_keys);

        token_keys_unref(keys);
        if (all == NULL) {
            keys_signer_deinit(signer);
            return fault_raise(-ENOMEM);
        }
        keys = all;
    }
    lock(&auth->keys_lock);
    token_keys_unref(auth->keys);
    keys_signer_deinit(&auth->signer);
    auth->keys = keys;
    auth->signer = *signer;
    if (foreign_count > auth->foreign_count && auth->own_keys == NULL)
        log_warn("auth.keys_sealed",
                 "count=%zu effect=\"they verify and do not sign\" reason=\"sealed with another "
                 "EXPRESS_SECRET\"",
                 foreign_count);
    auth->foreign_count = foreign_count;
    unlock(&auth->keys_lock);
    return 0;
}

static int load_keys_now(struct auth *auth)
{
    struct keys_signer signer = {.private_pem = NULL};
    struct token_keys *keys = NULL;
    size_t foreign_count = 0;
    struct db *db = NULL;
    int r = begin(auth, "", "", "", &db);

    if (r == 0)
        r = end(db,
                keys_load(db, &auth->seal, auth->own_keys == NULL, &signer, &keys, &foreign_count));
    if (r == 0) {
        r = take_keys(auth, keys, &signer, foreign_count);
    } else {
        keys_signer_deinit(&signer);
        token_keys_unref(keys);
    }
    return r;
}

/* One thread loads at a time. What was tried less than @gap_ms ago is not tried again. */
static int load_keys(struct auth *auth, uint64_t gap_ms)
{
    uint64_t began_ms;
    int r;

    lock(&auth->load_lock);
    began_ms = clock_monotonic_ms();
    if (auth->tried_ms == 0 || began_ms - auth->tried_ms >= gap_ms) {
        auth->load_result = load_keys_now(auth);
        auth->tried_ms = began_ms;
        atomic_fetch_add(auth->load_result == 0 ? &auth->key_loads : &auth->key_load_failures, 1);
    }
    r = auth->load_result;
    unlock(&auth->load_lock);
    return r;
}

/* --- threads ----------------------------------------------------------------------------- */

static void want_keys(struct auth *auth)
{
    lock(&auth->wake_lock);
    auth->is_stale = true;
    (void)pthread_cond_signal(&auth->woken);
    unlock(&auth->wake_lock);
}

static void on_notify(void *data, const char *payload)
{
    struct auth *auth = data;

    known_begin_generation(auth->known);
    if (strcmp(payload, "signing_key") == 0)
        want_keys(auth);
}

static void on_state(void *data, bool connected)
{
    struct auth *auth = data;

    /* What was said while nobody listened is not known: all of it may have changed. */
    known_begin_generation(auth->known);
    atomic_store(&auth->is_listening, connected);
    if (connected)
        want_keys(auth);
}

static void *listen_for_changes(void *data)
{
    struct auth *auth = data;

    db_listener_run(&auth->listening, &auth->stop);
    return NULL;
}

/* Until it is woken, or @until_ms. Return: false when it is time to stop. */
static bool sleep_until(struct auth *auth, uint64_t until_ms)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec = (long)(until_ms % 1000) * 1000000};
    bool goes_on;
    int r = 0;

    lock(&auth->wake_lock);
    while (r == 0 && !auth->stop && !auth->is_stale)
        r = pthread_cond_timedwait(&auth->woken, &auth->wake_lock, &until);
    auth->is_stale = false;
    goes_on = !auth->stop;
    unlock(&auth->wake_lock);
    return goes_on;
}

static void *keep_keys(void *data)
{
    struct auth *auth = data;
    uint64_t pause_ms = KEYS_EVERY_MS;

    while (sleep_until(auth, clock_monotonic_ms() + pause_ms)) {
        const int r = load_keys(auth, 0);

        if (r != 0 && pause_ms == KEYS_EVERY_MS)
            log_warn("auth.keys", "outcome=%d effect=\"going on with those at hand\"", r);
        pause_ms = r == 0 ? KEYS_EVERY_MS : KEYS_AGAIN_MS;
    }
    return NULL;
}

/* --- start and stop ---------------------------------------------------------------------- */

static int start_threads(struct auth *auth)
{
    if (pthread_create(&auth->listener, NULL, listen_for_changes, auth) != 0)
        return fault_raise(-EAGAIN);
    auth->has_listener = true;
    if (pthread_create(&auth->keeper, NULL, keep_keys, auth) != 0)
        return fault_raise(-EAGAIN);
    auth->has_keeper = true;
    return 0;
}

static void init_locks(struct auth *auth)
{
    pthread_condattr_t monotonic;
    int r = pthread_mutex_init(&auth->keys_lock, NULL) +
            pthread_mutex_init(&auth->load_lock, NULL) +
            pthread_mutex_init(&auth->wake_lock, NULL) + pthread_condattr_init(&monotonic) +
            pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) +
            pthread_cond_init(&auth->woken, &monotonic);

    assert(r == 0); /* glibc has no way to fail here */
    (void)pthread_condattr_destroy(&monotonic);
}

int auth_new(const struct auth_settings *settings, FILE *errors, struct auth **ret_auth)
{
    struct auth *auth = calloc(1, sizeof(*auth));
    int r;

    if (auth == NULL)
        return fault_raise(-ENOMEM);
    auth->issuer = settings->issuer[0] == '\0' ? AUTH_ISSUER_DEFAULT : settings->issuer;
    auth->pool = settings->pool;
    keys_seal_derive(settings->secret, &auth->seal);
    bearer_key_derive(settings->secret, auth->pseudonym_key);
    auth->listening = (struct db_listener_settings){.url = settings->database_url,
                                                    .role = LISTENER_ROLE,
                                                    .channel = CHANNEL,
                                                    .data = auth,
                                                    .on_notify = on_notify,
                                                    .on_state = on_state};
    init_locks(auth);
    auth->keys = token_keys_new(0);
    r = auth->keys == NULL ? fault_raise(-ENOMEM) : known_new(&auth->known);
    if (r == 0)
        r = issuers_read(settings->issuers_file, auth->issuer, errors, &auth->issuers);
    if (r == ISSUERS_INVALID)
        r = AUTH_INVALID_ISSUERS;
    if (r == 0 && settings->secret_is_random)
        r = keys_make(&auth->own_signer, &auth->own_keys);
    if (r == 0) {
        /* Without an answer: the keeper goes on trying. */
        if (load_keys(auth, 0) != 0)
            auth->is_stale = true;
        r = issuers_start(auth->issuers, &ISSUERS_PACE);
    }
    if (r == 0)
        r = start_threads(auth);
    if (r != 0) {
        auth_free(auth);
        return r;
    }
    *ret_auth = auth;
    return 0;
}

void auth_free(struct auth *auth)
{
    if (auth == NULL)
        return;
    lock(&auth->wake_lock);
    __atomic_store_n(&auth->stop, true, __ATOMIC_RELEASE);
    (void)pthread_cond_signal(&auth->woken);
    unlock(&auth->wake_lock);
    if (auth->has_keeper)
        (void)pthread_join(auth->keeper, NULL);
    if (auth->has_listener)
        (void)pthread_join(auth->listener, NULL);
    issuers_free(auth->issuers);
    token_keys_unref(auth->keys);
    token_keys_unref(auth->own_keys);
    keys_signer_deinit(&auth->signer);
    keys_signer_deinit(&auth->own_signer);
    known_free(auth->known);
    (void)pthread_cond_destroy(&auth->woken);
    (void)pthread_mutex_destroy(&auth->keys_lock);
    (void)pthread_mutex_destroy(&auth->load_lock);
    (void)pthread_mutex_destroy(&auth->wake_lock);
    sodium_memzero(auth, sizeof(*auth));
    free(auth);
}

/* --- verifying --------------------------------------------------------------------------- */

/* Of ours; none when they were never loaded. Owned, token_keys_unref(). */
static struct token_keys *keys_now(struct auth *auth)
{
    struct token_keys *keys;

    lock(&auth->keys_lock);
    keys = token_keys_ref(auth->keys);
    unlock(&auth->keys_lock);
    return keys;
}

/* Whose token it is, or claims to be; ours is the first. And what was known of its keys then. */
struct claimed {
    size_t index;
    uint64_t seen;
};

static int verify_once(struct auth *auth, const char *token, struct token_claims *ret_claims,
                       const char **reterr_reason, struct claimed *ret_claimed)
{
    struct token_issuer issuers[1 + ISSUERS_MAX];
    uint64_t seen[1 + ISSUERS_MAX] = {0};
    const size_t count = 1 + issuers_count(auth->issuers);
    int r;

    issuers[0] = (struct token_issuer){
        .issuer = auth->issuer, .audience = auth->issuer, .is_ours = true, .keys = keys_now(auth)};
    for (size_t i = 1; i < count; i++)
        seen[i] = issuers_get(auth->issuers, i - 1, &issuers[i]);
    ret_claimed->index = 0;
    r = token_verify(issuers, count, now_s(), token, ret_claims, reterr_reason,
                     &ret_claimed->index);
    ret_claimed->seen = seen[ret_claimed->index];
    for (size_t i = 0; i < count; i++)
        token_keys_unref(issuers[i].keys);
    return r;
}

/* A token names a key that is not known. Return: 0: look again; AUTH_INVALID_TOKEN; a db outcome.
 */
static int find_newer_keys(struct auth *auth, const struct claimed *claimed)
{
    if (claimed->index == 0)
        return load_keys(auth, KEYS_AGAIN_MS);
    switch (issuers_await(auth->issuers, claimed->index - 1, claimed->seen)) {
    case ISSUERS_NEW_KEYS:
        break;
    case ISSUERS_NOTHING_NEW:
        return AUTH_INVALID_TOKEN;
    case ISSUERS_NO_KEYS:
        return AUTH_NO_KEY; /* it may be a good one: not the bearer's fault */
    }
    return 0;
}

/* Return: 0; AUTH_INVALID_TOKEN; a db outcome; a fault. */
static int verify(struct auth *auth, const char *token, struct token_claims *ret_claims,
                  const char **reterr_reason, size_t *ret_index)
{
    struct claimed claimed = {0};
    int r = verify_once(auth, token, ret_claims, reterr_reason, &claimed);

    if (r == TOKEN_UNKNOWN_KEY) {
        r = find_newer_keys(auth, &claimed);
        if (r != 0)
            return r;
        r = verify_once(auth, token, ret_claims, reterr_reason, &claimed);
    }
    *ret_index = claimed.index;
    return r == TOKEN_INVALID || r == TOKEN_UNKNOWN_KEY ? AUTH_INVALID_TOKEN : r;
}

/* A bearer of a token never seen before, on paper. Return: as verify(). */
static int read_bearer(struct auth *auth, const char *token, struct bearer *ret_bearer,
                       const char **reterr_reason)
{
    struct token_claims claims = {0};
    size_t index = 0;
    int r = verify(auth, token, &claims, reterr_reason, &index);

    if (r != 0)
        return r;
    r = index == 0
            ? bearer_of_ours(&claims, auth->issuer, auth->pseudonym_key, ret_bearer, reterr_reason)
            : issuers_bearer(auth->issuers, index - 1, &claims, auth->pseudonym_key, ret_bearer,
                             reterr_reason);
    token_claims_deinit(&claims);
    /* A key that never was in the database cannot have been removed from it. */
    if (r == 0 && auth->own_keys != NULL &&
        token_keys_find(auth->own_keys, ret_bearer->kid) != NULL)
        ret_bearer->kid[0] = '\0';
    return r == BEARER_INVALID ? AUTH_INVALID_TOKEN : r;
}

/* Against the database, and remembered. */
static int check(struct auth *auth, const unsigned char *hash, struct bearer *bearer,
                 const char **reterr_reason)
{
    const uint64_t generation = known_generation(auth->known);
    const uint64_t asked_ms = clock_monotonic_ms();
    struct db *db = NULL;
    int r = begin(auth, "", "", "", &db);

    if (r != 0)
        return r;
    r = bearer_check(db, bearer, reterr_reason);
    if (r == BEARER_INVALID) {
        db_release(db);
        known_forget(auth->known, hash);
        return AUTH_INVALID_TOKEN;
    }
    r = end(db, r);
    if (r == 0)
        known_keep(auth->known, hash, bearer, generation, asked_ms);
    return r;
}

/* The keys of ours are in the database, which check() asks; those of others are not: an issuer may
 * have taken one back since. */
static int verify_again(struct auth *auth, const unsigned char *hash, const char *token,
                        struct bearer *ret_bearer, const char **reterr_reason)
{
    int r = read_bearer(auth, token, ret_bearer, reterr_reason);

    if (r == AUTH_INVALID_TOKEN)
        known_forget(auth->known, hash);
    return r;
}

int auth_identify(struct auth *auth, const char *token, struct caller *ret_caller,
                  const char **reterr_reason)
{
    static const struct known_age LISTENING = {LISTENING_SOFT_MS, LISTENING_HARD_MS};
    static const struct known_age DEAF = {DEAF_MS, DEAF_MS};
    unsigned char hash[KNOWN_HASH_BYTES];
    struct bearer bearer;
    int r = 0;

    *reterr_reason = "form";
    if (strnlen(token, AUTH_TOKEN_BYTES_MAX + 1) > AUTH_TOKEN_BYTES_MAX) {
        atomic_fetch_add(&auth->refused, 1);
        return AUTH_INVALID_TOKEN;
    }
    known_hash(auth->known, token, hash);
    switch (known_find(auth->known, hash, atomic_load(&auth->is_listening) ? &LISTENING : &DEAF,
                       clock_monotonic_ms(), now_s(), &bearer)) {
    case KNOWN_FRESH:
        atomic_fetch_add(&auth->remembered, 1);
        break;
    case KNOWN_STALE:
        atomic_fetch_add(&auth->rechecks, 1);
        r = bearer.kind == BEARER_OUTSIDE ? verify_again(auth, hash, token, &bearer, reterr_reason)
                                          : 0;
        if (r == 0)
            r = check(auth, hash, &bearer, reterr_reason);
        break;
    case KNOWN_NOT:
        r = read_bearer(auth, token, &bearer, reterr_reason);
        if (r == 0)
            r = check(auth, hash, &bearer, reterr_reason);
        break;
    }
    if (r == 0) {
        atomic_fetch_add(&auth->identified, 1);
        *ret_caller = bearer.caller;
    } else if (r == AUTH_INVALID_TOKEN) {
        atomic_fetch_add(&auth->refused, 1);
    }
    return r;
}

void auth_pseudonym(const struct auth *auth, const char *issuer, const char *subject,
                    char ret_pseudonym[CALLER_SUBJECT_BYTES])
{
    bearer_pseudonym(issuer == NULL ? auth->issuer : issuer, subject, auth->pseudonym_key,
                     ret_pseudonym);
}

bool auth_remembers(struct auth *auth, const char *token)
{
    static const struct known_age ANY = {UINT64_MAX, UINT64_MAX};
    unsigned char hash[KNOWN_HASH_BYTES];
    struct bearer bearer;

    if (strnlen(token, AUTH_TOKEN_BYTES_MAX + 1) > AUTH_TOKEN_BYTES_MAX)
        return false;
    known_hash(auth->known, token, hash);
    return known_find(auth->known, hash, &ANY, clock_monotonic_ms(), now_s(), &bearer) != KNOWN_NOT;
}

/* --- clients ----------------------------------------------------------------------------- */

/* Return: 0; AUTH_INVALID_CLIENT; AUTH_BUSY; a db outcome; a fault. */
static int authenticate(struct auth *auth, const char *client_id, const char *secret,
                        struct client_candidate *ret_candidate)
{
    struct db *db = NULL;
    int r = begin(auth, "", "", "", &db);

    if (r == 0)
        r = end(db, clients_look_up(db, client_id, secret, ret_candidate));
    if (r == 0)
        r = clients_check_secret(ret_candidate, secret);
    if (r == CLIENTS_WRONG_SECRET)
        return AUTH_INVALID_CLIENT;
    return r == CLIENTS_BUSY ? AUTH_BUSY : r;
}

int auth_authenticate_client(struct auth *auth, const char *client_id, const char *secret)
{
    struct client_candidate candidate;
    int r = authenticate(auth, client_id, secret, &candidate);

    sodium_memzero(&candidate, sizeof(candidate));
    return r;
}

/* A copy, keys_signer_deinit(). Return: 0; AUTH_NO_KEY; a fault. */
static int borrow_signer(struct auth *auth, struct keys_signer *ret_signer)
{
    const struct keys_signer *signer;
    int r = 0;

    lock(&auth->keys_lock);
    signer = auth->own_keys != NULL ? &auth->own_signer : &auth->signer;
    *ret_signer = *signer;
    if (signer->kid[0] == '\0') {
        r = AUTH_NO_KEY;
    } else {
        ret_signer->private_pem = strdup(signer->private_pem);
        if (ret_signer->private_pem == NULL)
            r = fault_raise(-ENOMEM);
    }
    unlock(&auth->keys_lock);
    return r;
}

/* Noted in the database before it is handed out. */
static int note_issued(struct auth *auth, const struct client_candidate *candidate,
                       const char *request_id)
{
    const struct audit_entry entry = {.action = "token.issue", .record_id = candidate->identity.id};
    struct db *db = NULL;
    int r = begin(auth, candidate->identity.id, "", request_id, &db);

    if (r != 0)
        return r;
    r = clients_note_use(db, candidate);
    if (r == 0)
        r = audit_append(db, &entry);
    return end(db, r);
}

int auth_issue_client_token(struct auth *auth, struct arena *arena, const char *client_id,
                            const char *secret, const char *scope, const char *request_id,
                            struct auth_issued *ret_issued)
{
    struct client_candidate candidate;
    struct keys_signer signer = {.private_pem = NULL};
    char scopes[CALLER_SCOPES_BYTES];
    char id[ISSUE_ID_BYTES];
    char *text = NULL;
    int r = authenticate(auth, client_id, secret, &candidate);

    if (r != 0)
        return r;
    bearer_scopes_meet(candidate.identity.scopes,
                       scope == NULL || scope[0] == '\0' ? candidate.identity.scopes : scope,
                       scopes);
    if (scopes[0] == '\0')
        return AUTH_INVALID_SCOPE;
    r = borrow_signer(auth, &signer);
    if (r == 0)
        r = issue_token(&(struct issue){.issuer = auth->issuer,
                                        .client_id = candidate.identity.id,
                                        .scope = scopes,
                                        .life_s = AUTH_TOKEN_SECONDS_MAX,
                                        .now = now_s()},
                        &signer, &text, id);
    keys_signer_deinit(&signer);
    if (r == 0)
        r = note_issued(auth, &candidate, request_id);
    if (r == 0) {
        *ret_issued = (struct auth_issued){.token = arena_copy(arena, text),
                                           .scope = arena_copy(arena, scopes),
                                           .expires_in_s = AUTH_TOKEN_SECONDS_MAX};
        if (arena_failed(arena))
            r = fault_raise(-ENOMEM);
    }
    sodium_memzero(&candidate, sizeof(candidate));
    free(text);
    return r;
}

/* --- the end of tokens ------------------------------------------------------------------- */

static const struct db_query REVOKE = {
    .name = "auth_revoke",
    .sql = "insert into identity.revoked_token (jti, expires_at) "
           "values ($1, to_timestamp($2::bigint)) on conflict (jti) do nothing",
    .param_count = 2,
};

int auth_revoke(struct auth *auth, const char *token, const char *client_id, const char *request_id)
{
    static const struct audit_entry ENTRY = {.action = "token.revoke"};
    const char *reason = "";
    struct bearer bearer;
    struct db *db = NULL;
    char end_text[24];
    int r;

    if (strnlen(token, AUTH_TOKEN_BYTES_MAX + 1) > AUTH_TOKEN_BYTES_MAX)
        return 0;
    r = read_bearer(auth, token, &bearer, &reason);
    if (r == AUTH_INVALID_TOKEN)
        return 0;
    if (r != 0)
        return r;
    if (client_id != NULL && strcmp(client_id, bearer.caller.client_id) != 0)
        return 0;
    (void)snprintf(end_text, sizeof(end_text), "%lld",
                   (long long)(bearer.expires_at + TOKEN_LEEWAY_S + CLOCKS_DIFFER_S));
    r = begin(auth, bearer.caller.client_id, bearer.caller.subject, request_id, &db);
    if (r != 0)
        return r;
    r = db_run(db, &REVOKE, (const char *const[]){bearer.revocation_id, end_text}, NULL);
    if (r == 0)
        r = audit_append(db, &ENTRY);
    r = end(db, r);
    if (r == 0)
        known_begin_generation(auth->known); /* here at once, elsewhere with the notification */
    return r;
}

/* --- what is told ------------------------------------------------------------------------ */

const char *auth_jwks(struct auth *auth, struct arena *arena)
{
    struct token_keys *keys = keys_now(auth);
    json_auto_t *jwks = NULL;
    const char *copy = NULL;
    char *text;

    jwks = token_keys_to_jwks(keys, now_s());
    token_keys_unref(keys);
    text = jwks == NULL ? NULL : json_dumps(jwks, JSON_COMPACT);
    if (text != NULL)
        copy = arena_copy(arena, text);
    free(text);
    return copy;
}

void auth_figures(struct auth *auth, struct auth_figures *ret_figures)
{
    struct token_keys *keys = keys_now(auth);
    struct issuers_figures issuers;

    issuers_figures(auth->issuers, &issuers);
    *ret_figures = (struct auth_figures){
        .is_listening = atomic_load(&auth->is_listening),
        .identified = atomic_load(&auth->identified),
        .refused = atomic_load(&auth->refused),
        .remembered = atomic_load(&auth->remembered),
        .rechecks = atomic_load(&auth->rechecks),
        .key_loads = atomic_load(&auth->key_loads),
        .key_load_failures = atomic_load(&auth->key_load_failures),
        .keys = (unsigned)token_keys_count(keys),
        .issuers = (unsigned)issuers_count(auth->issuers),
        .fetches = issuers.fetches,
        .fetch_failures = issuers.failures,
        .entries = known_count(auth->known),
    };
    token_keys_unref(keys);
}
