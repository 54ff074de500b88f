/*
 * A secret has 256 random bits, which need no slow hash; but a copy of the
 * database shall be worth as little as can be, so the hash is Argon2id all the
 * same. It takes 64 MiB for the time of a computation: two at once are what
 * a small machine bears, and whoever waits longer than two seconds is sent
 * away. The slot stands in the secret, so that one computation decides.
 */
#include "auth/clients.h"

#include "auth/base64url.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "db/db.h"
#include "db/time.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECRET_PREFIX "exs_"
#define SECRET_RANDOM_BYTES 32
#define HASHING_MAX 2  /* at once */
#define WAITERS_MAX 16 /* more are sent away at once */
#define WAIT_S 2
#define SECRET_BYTES_MAX 256 /* longer ones are none of ours, and not hashed whole */

enum {
    CLIENT_ID,
    CLIENT_NAME,
    CLIENT_ORGANISATION,
    CLIENT_ORGANISATION_SLUG,
    CLIENT_ROLE,
    CLIENT_SCOPES,
    CLIENT_CREATED,
    CLIENT_DISABLED,
    CLIENT_USED,
    CLIENT_FIRST_CREATED, /* of the secret in slot 1; in slot 2 they follow */
    CLIENT_FIRST_USED,
    CLIENT_SECOND_CREATED,
    CLIENT_SECOND_USED
};
#define COLUMNS                                                                                    \
    "c.id, c.name, c.organisation_id, o.slug, c.role, array_to_string(c.scopes, ' '), "            \
    "to_char(c.created_at" DB_RFC3339_SECONDS ", to_char(c.disabled_at" DB_RFC3339_SECONDS         \
    ", to_char(c.last_used_at" DB_RFC3339_SECONDS ", to_char(s1.created_at" DB_RFC3339_SECONDS     \
    ", to_char(s1.last_used_at" DB_RFC3339_SECONDS ", to_char(s2.created_at" DB_RFC3339_SECONDS    \
    ", to_char(s2.last_used_at" DB_RFC3339_SECONDS
#define TABLES                                                                                     \
    " from identity.client c left join catalogue.record o on o.id = c.organisation_id "            \
    "left join identity.client_secret s1 on s1.client_id = c.id and s1.slot = 1 "                  \
    "left join identity.client_secret s2 on s2.client_id = c.id and s2.slot = 2 "
static const struct db_query GET = {
    .name = "clients_get",
    .sql = "select " COLUMNS TABLES "where c.id = $1::uuid",
    .param_count = 1,
};
static const struct db_query LIST = {
    .name = "clients_list",
    .sql = "select " COLUMNS TABLES "where $1::uuid is null or c.id > $1::uuid "
           "order by c.id limit $2::integer",
    .param_count = 2,
};
/* A draft's slug may be somebody else's, too: the one that was published counts, or the oldest. */
static const struct db_query FIND_ORGANISATION = {
    .name = "clients_find_organisation",
    .sql = "select r.id from catalogue.record r "
           "where r.resource = 'organisations' and r.deleted_at is null "
           "and (r.id = $1::uuid or r.slug = $2) "
           "order by r.first_published_at is null, r.created_at, r.id limit 1",
    .param_count = 2,
};
static const struct db_query INSERT = {
    .name = "clients_insert",
    .sql = "insert into identity.client (id, name, organisation_id, role, scopes) "
           "values (gen_random_uuid(), $1, $2::uuid, $3::identity.caller_role, "
           "string_to_array($4, ' ')) returning id",
    .param_count = 4,
};
static const struct db_query LOCK = {
    .name = "clients_lock",
    .sql = "select role from identity.client where id = $1::uuid for update",
    .param_count = 1,
};
static const struct db_query CHANGE = {
    .name = "clients_change",
    .sql = "update identity.client set name = coalesce($2, name), "
           "disabled_at = case when $3::boolean then coalesce(disabled_at, now()) "
           "when not $3::boolean then null else disabled_at end, "
           "role = coalesce($4::identity.caller_role, role), "
           "scopes = coalesce(string_to_array($5, ' '), scopes) where id = $1::uuid",
    .param_count = 5,
};
static const struct db_query FREE_SLOT = {
    .name = "clients_free_slot",
    .sql = "select min(slot) from (values (1), (2)) slots (slot) "
           "where slot not in (select s.slot from identity.client_secret s "
           "where s.client_id = $1::uuid)",
    .param_count = 1,
};
static const struct db_query INSERT_SECRET = {
    .name = "clients_insert_secret",
    .sql = "insert into identity.client_secret (client_id, slot, hash) "
           "values ($1::uuid, $2::smallint, $3)",
    .param_count = 3,
};
static const struct db_query DELETE_SECRET = {
    .name = "clients_delete_secret",
    .sql = "delete from identity.client_secret where client_id = $1::uuid and slot = $2::smallint",
    .param_count = 2,
};
enum { FOUND_ROLE, FOUND_ORGANISATION, FOUND_SCOPES, FOUND_HASH };
static const struct db_query LOOK_UP = {
    .name = "clients_look_up",
    .sql = "select c.role, c.organisation_id, array_to_string(c.scopes, ' '), s.hash "
           "from identity.client c join identity.client_secret s on s.client_id = c.id "
           "where c.id = $1::uuid and s.slot = $2::smallint and c.disabled_at is null",
    .param_count = 2,
};
static const struct db_query NOTE_CLIENT = {
    .name = "clients_note_client",
    .sql = "update identity.client set last_used_at = now() where id = $1::uuid "
           "and coalesce(last_used_at < now() - interval '1 minute', true)",
    .param_count = 1,
};
static const struct db_query NOTE_SECRET = {
    .name = "clients_note_secret",
    .sql = "update identity.client_secret set last_used_at = now() where client_id = $1::uuid "
           "and slot = $2::smallint and coalesce(last_used_at < now() - interval '1 minute', true)",
    .param_count = 2,
};

/* --- hashing ----------------------------------------------------------------------------- */

/* Of the process, because the memory is. */
static struct {
    pthread_once_t once;
    pthread_mutex_t lock;
    pthread_cond_t free;
    unsigned running, waiting;
    char nobodys_hash[CLIENT_HASH_BYTES]; /* of what nobody knows; compared for unknown clients */
} gate = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static int hash(const char *secret, char ret_hash[CLIENT_HASH_BYTES])
{
    static_assert(CLIENT_HASH_BYTES >= crypto_pwhash_STRBYTES, "a hash fits");
    return crypto_pwhash_str(ret_hash, secret, strlen(secret), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                             crypto_pwhash_MEMLIMIT_INTERACTIVE);
}

static void prepare_gate(void)
{
    pthread_condattr_t monotonic;
    char unknown[CLIENT_SECRET_BYTES];
    int r = pthread_condattr_init(&monotonic) +
            pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) +
            pthread_cond_init(&gate.free, &monotonic);

    assert(r == 0); /* glibc has no way to fail here */
    randombytes_buf(unknown, sizeof(unknown) - 1);
    unknown[sizeof(unknown) - 1] = '\0';
    if (hash(unknown, gate.nobodys_hash) != 0)
        gate.nobodys_hash[0] = '\0'; /* no memory: then it is tried again at each use */
}

static int enter(void)
{
    struct timespec until;
    int r = pthread_once(&gate.once, prepare_gate);

    assert(r == 0);
    if (clock_gettime(CLOCK_MONOTONIC, &until) != 0)
        return fault_raise(-errno);
    until.tv_sec += WAIT_S;
    (void)pthread_mutex_lock(&gate.lock);
    if (gate.running >= HASHING_MAX && gate.waiting >= WAITERS_MAX)
        r = ETIMEDOUT;
    gate.waiting++;
    while (r == 0 && gate.running >= HASHING_MAX)
        r = pthread_cond_timedwait(&gate.free, &gate.lock, &until);
    gate.waiting--;
    if (r == 0)
        gate.running++;
    (void)pthread_mutex_unlock(&gate.lock);
    return r == 0 ? 0 : CLIENTS_BUSY;
}

static void leave(void)
{
    (void)pthread_mutex_lock(&gate.lock);
    gate.running--;
    (void)pthread_cond_signal(&gate.free);
    (void)pthread_mutex_unlock(&gate.lock);
}

/* The number behind the prefix; 1 where there is none, so that a slot is looked for anyway. */
static int slot_of(const char *secret)
{
    const size_t prefix = strlen(SECRET_PREFIX);

    return strncmp(secret, SECRET_PREFIX, prefix) == 0 && secret[prefix] == '2' ? 2 : 1;
}

static int make_secret(int slot, char ret_secret[CLIENT_SECRET_BYTES],
                       char ret_hash[CLIENT_HASH_BYTES])
{
    unsigned char bytes[SECRET_RANDOM_BYTES];
    char text[BASE64URL_BYTES(SECRET_RANDOM_BYTES)];
    int r = enter();

    if (r != 0)
        return r;
    randombytes_buf(bytes, sizeof(bytes));
    (void)snprintf(ret_secret, CLIENT_SECRET_BYTES, SECRET_PREFIX "%d%s", slot,
                   base64url_encode(text, sizeof(text), bytes, sizeof(bytes)));
    sodium_memzero(bytes, sizeof(bytes));
    sodium_memzero(text, sizeof(text));
    r = hash(ret_secret, ret_hash);
    leave();
    return r == 0 ? 0 : fault_raise(-ENOMEM);
}

int clients_check_secret(const struct client_candidate *candidate, const char *secret)
{
    const bool is_known = candidate->slot != 0 && strlen(secret) <= SECRET_BYTES_MAX;
    int r = enter();
    bool matches;

    if (r != 0)
        return r;
    matches = crypto_pwhash_str_verify(is_known ? candidate->hash : gate.nobodys_hash, secret,
                                       strnlen(secret, SECRET_BYTES_MAX)) == 0;
    leave();
    return is_known && matches ? 0 : CLIENTS_WRONG_SECRET;
}

/* --- scopes ------------------------------------------------------------------------------ */

static bool has_word(const char *words, const char *word)
{
    struct caller holder = {.role = CALLER_ANONYMOUS};

    memcpy(holder.scopes, words, strlen(words) + 1);
    return caller_has_scope(&holder, word);
}

int clients_scopes_check(enum caller_role role, const char *scopes,
                         char ret_scopes[CALLER_SCOPES_BYTES])
{
    char taken[CALLER_SCOPES_BYTES] = "";
    size_t length = 0;

    if (scopes == NULL || scopes[0] == '\0')
        scopes = caller_role_scopes(role);
    while (*scopes != '\0') {
        const size_t word_bytes = strcspn(scopes, " ");
        char word[64];

        if (word_bytes == 0 || word_bytes >= sizeof(word))
            return CLIENTS_INVALID_SCOPE;
        memcpy(word, scopes, word_bytes);
        word[word_bytes] = '\0';
        if (!caller_role_grants(role, word))
            return CLIENTS_INVALID_SCOPE;
        if (!has_word(taken, word)) {
            if (length + word_bytes + 2 > sizeof(taken))
                return CLIENTS_INVALID_SCOPE;
            if (length > 0)
                taken[length++] = ' ';
            memcpy(taken + length, word, word_bytes + 1);
            length += word_bytes;
        }
        scopes += word_bytes;
        if (*scopes == ' ' && *++scopes == '\0')
            return CLIENTS_INVALID_SCOPE;
    }
    memcpy(ret_scopes, taken, sizeof(taken));
    return 0;
}

/* --- reading ----------------------------------------------------------------------------- */

static struct client_secret secret_of(const struct db_rows *rows, size_t row, int slot,
                                      struct arena *arena)
{
    const int column = slot == 1 ? CLIENT_FIRST_CREATED : CLIENT_SECOND_CREATED;
    const char *created_at = db_rows_text(rows, row, column);

    if (created_at == NULL)
        return (struct client_secret){.slot = 0};
    return (struct client_secret){
        .slot = slot,
        .created_at = arena_copy(arena, created_at),
        .last_used_at = arena_copy(arena, db_rows_text(rows, row, column + 1)),
    };
}

/* Only roles that tokens may bear are in the table, by its own check. */
static enum caller_role role_of(const char *name)
{
    enum caller_role role = CALLER_ANONYMOUS;
    const bool known = caller_role_of(name, &role);

    assert(known);
    return role;
}

static struct client client_of(const struct db_rows *rows, size_t row, struct arena *arena)
{
    struct client client = {
        .id = arena_copy(arena, db_rows_text(rows, row, CLIENT_ID)),
        .name = arena_copy(arena, db_rows_text(rows, row, CLIENT_NAME)),
        .organisation_id = arena_copy(arena, db_rows_text(rows, row, CLIENT_ORGANISATION)),
        .organisation_slug = arena_copy(arena, db_rows_text(rows, row, CLIENT_ORGANISATION_SLUG)),
        .role = role_of(db_rows_text(rows, row, CLIENT_ROLE)),
        .scopes = arena_copy(arena, db_rows_text(rows, row, CLIENT_SCOPES)),
        .created_at = arena_copy(arena, db_rows_text(rows, row, CLIENT_CREATED)),
        .disabled_at = arena_copy(arena, db_rows_text(rows, row, CLIENT_DISABLED)),
        .last_used_at = arena_copy(arena, db_rows_text(rows, row, CLIENT_USED)),
    };
    size_t count = 0;

    for (int slot = 1; slot <= CLIENT_SECRETS_MAX; slot++) {
        const struct client_secret secret = secret_of(rows, row, slot, arena);

        if (secret.slot != 0)
            client.secrets[count++] = secret;
    }
    return client;
}

int clients_get(struct db *db, struct arena *arena, const char *id, struct client *ret_client)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct client client;
    int r;

    if (!uuid_is_valid(id))
        return CLIENTS_NOT_FOUND;
    r = db_run(db, &GET, (const char *const[]){id}, &rows);
    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return CLIENTS_NOT_FOUND;
    client = client_of(rows, 0, arena);
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    *ret_client = client;
    return 0;
}

int clients_list(struct db *db, struct arena *arena, const char *after, size_t limit,
                 struct client **ret_clients, size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct client *clients;
    char limit_text[16];
    int r;

    assert(limit >= 1 && limit <= CLIENTS_PAGE_MAX + 1 && (after == NULL || uuid_is_valid(after)));
    (void)snprintf(limit_text, sizeof(limit_text), "%zu", limit);
    r = db_run(db, &LIST, (const char *const[]){after, limit_text}, &rows);
    if (r != 0)
        return r;
    clients = arena_alloc_array(arena, limit, sizeof(*clients));
    for (size_t i = 0; clients != NULL && i < db_rows_count(rows); i++)
        clients[i] = client_of(rows, i, arena);
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    *ret_clients = clients;
    *ret_count = db_rows_count(rows);
    return 0;
}

/* --- changing ---------------------------------------------------------------------------- */

static int insert_secret(struct db *db, const char *id, int slot,
                         char ret_secret[CLIENT_SECRET_BYTES])
{
    char made[CLIENT_HASH_BYTES];
    char slot_text[16];
    int r = make_secret(slot, ret_secret, made);

    if (r != 0)
        return r;
    (void)snprintf(slot_text, sizeof(slot_text), "%d", slot);
    return db_run(db, &INSERT_SECRET, (const char *const[]){id, slot_text, made}, NULL);
}

int clients_find_organisation(struct db *db, const char *organisation, char ret_id[UUID_TEXT_BYTES])
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const bool by_id = uuid_is_valid(organisation);
    int r = db_run(db, &FIND_ORGANISATION,
                   (const char *const[]){by_id ? organisation : NULL, by_id ? NULL : organisation},
                   &rows);

    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return CLIENTS_UNKNOWN_ORGANISATION;
    memcpy(ret_id, db_rows_text(rows, 0, 0), UUID_TEXT_BYTES);
    return 0;
}

int clients_create(struct db *db, struct arena *arena, const struct client_draft *draft,
                   struct client *ret_client, char ret_secret[CLIENT_SECRET_BYTES])
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char organisation[UUID_TEXT_BYTES];
    char scopes[CALLER_SCOPES_BYTES];
    int r = clients_scopes_check(draft->role, draft->scopes, scopes);

    if (r == 0)
        r = clients_find_organisation(db, draft->organisation, organisation);
    if (r == 0)
        r = db_run(
            db, &INSERT,
            (const char *const[]){draft->name, organisation, caller_role_name(draft->role), scopes},
            &rows);
    if (r == 0)
        r = insert_secret(db, db_rows_text(rows, 0, 0), 1, ret_secret);
    if (r == 0)
        r = clients_get(db, arena, db_rows_text(rows, 0, 0), ret_client);
    return r;
}

/* Nobody else changes the client until the transaction ends. */
static int lock(struct db *db, const char *id, enum caller_role *ret_role)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r;

    if (!uuid_is_valid(id))
        return CLIENTS_NOT_FOUND;
    r = db_run(db, &LOCK, (const char *const[]){id}, &rows);
    if (r == 0 && db_rows_count(rows) == 0)
        return CLIENTS_NOT_FOUND;
    if (r == 0)
        *ret_role = role_of(db_rows_text(rows, 0, 0));
    return r;
}

int clients_change(struct db *db, struct arena *arena, const char *id,
                   const struct client_change *change, struct client *ret_client)
{
    const bool changes_scopes = change->role != NULL || change->scopes != NULL;
    char scopes[CALLER_SCOPES_BYTES];
    enum caller_role role;
    int r = lock(db, id, &role);

    if (r != 0)
        return r;
    if (change->role != NULL)
        role = *change->role;
    if (changes_scopes)
        r = clients_scopes_check(role, change->scopes, scopes);
    if (r == 0)
        r = db_run(db, &CHANGE,
                   (const char *const[]){
                       id, change->name,
                       change->disabled == NULL ? NULL : (*change->disabled ? "true" : "false"),
                       change->role == NULL ? NULL : caller_role_name(role),
                       changes_scopes ? scopes : NULL},
                   NULL);
    if (r == 0)
        r = clients_get(db, arena, id, ret_client);
    return r;
}

int clients_add_secret(struct db *db, const char *id, int *ret_slot,
                       char ret_secret[CLIENT_SECRET_BYTES])
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    enum caller_role role;
    uint32_t slot = 0;
    int r = lock(db, id, &role);

    if (r == 0)
        r = db_run(db, &FREE_SLOT, (const char *const[]){id}, &rows);
    if (r != 0)
        return r;
    if (db_rows_text(rows, 0, 0) == NULL)
        return CLIENTS_SECRETS_FULL;
    if (!num_parse_u32(db_rows_text(rows, 0, 0), 1, CLIENT_SECRETS_MAX, &slot))
        return fault_raise(-EPROTO);
    r = insert_secret(db, id, (int)slot, ret_secret);
    if (r == 0)
        *ret_slot = (int)slot;
    return r;
}

int clients_remove_secret(struct db *db, const char *id, int slot)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char slot_text[16];
    int r;

    if (!uuid_is_valid(id) || slot < 1 || slot > CLIENT_SECRETS_MAX)
        return CLIENTS_NOT_FOUND;
    (void)snprintf(slot_text, sizeof(slot_text), "%d", slot);
    r = db_run(db, &DELETE_SECRET, (const char *const[]){id, slot_text}, &rows);
    if (r == 0 && db_rows_affected(rows) == 0)
        return CLIENTS_NOT_FOUND;
    return r;
}

/* --- signing in -------------------------------------------------------------------------- */

/* Return: false when it does not fit, and then nothing was copied. */
static bool copy(char *buffer, size_t size_bytes, const char *text)
{
    if (strlen(text) >= size_bytes)
        return false;
    memcpy(buffer, text, strlen(text) + 1);
    return true;
}

int clients_look_up(struct db *db, const char *id, const char *secret,
                    struct client_candidate *ret_candidate)
{
    static const char NOBODY[] = "00000000-0000-0000-0000-000000000000";
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct client_candidate found = {.slot = slot_of(secret)};
    char slot_text[16];
    int r;

    (void)snprintf(slot_text, sizeof(slot_text), "%d", found.slot);
    r = db_run(db, &LOOK_UP, (const char *const[]){uuid_is_valid(id) ? id : NOBODY, slot_text},
               &rows);
    if (r != 0)
        return r;
    *ret_candidate = (struct client_candidate){.slot = 0};
    if (db_rows_count(rows) == 0)
        return 0;
    found.identity.role = role_of(db_rows_text(rows, 0, FOUND_ROLE));
    uuid_make_lower(id, found.identity.id);
    if (!copy(found.identity.organisation_id, sizeof(found.identity.organisation_id),
              db_rows_text(rows, 0, FOUND_ORGANISATION)) ||
        !copy(found.identity.scopes, sizeof(found.identity.scopes),
              db_rows_text(rows, 0, FOUND_SCOPES)) ||
        !copy(found.hash, sizeof(found.hash), db_rows_text(rows, 0, FOUND_HASH)))
        return fault_raise(-EPROTO);
    *ret_candidate = found;
    return 0;
}

int clients_note_use(struct db *db, const struct client_candidate *candidate)
{
    char slot_text[16];
    int r;

    (void)snprintf(slot_text, sizeof(slot_text), "%d", candidate->slot);
    r = db_run(db, &NOTE_CLIENT, (const char *const[]){candidate->identity.id}, NULL);
    if (r == 0)
        r = db_run(db, &NOTE_SECRET, (const char *const[]){candidate->identity.id, slot_text},
                   NULL);
    return r;
}
