/*
 * The private half is sealed by XChaCha20-Poly1305 with the kid as additional
 * data: a row cannot be given the private key of another. The nonce is random
 * and stands before it.
 */
#include "auth/keys.h"

#include "auth/base64url.h"
#include "auth/token.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/num.h"
#include "db/db.h"
#include "db/time.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define PRIVATE_PEM_BYTES_MAX 512 /* of P-256, in PKCS #8: 241 */
#define SEALED_BYTES_MAX (NONCE_BYTES + PRIVATE_PEM_BYTES_MAX + TAG_BYTES)
#define SEALED_TEXT_BYTES (2 * SEALED_BYTES_MAX + 1)
#define KID_RANDOM_BYTES 24

/* Keys made at once on two nodes would be two: whoever comes second finds the first one's. */
static const struct db_query LOCK = {
    .name = "keys_lock",
    .sql = "select pg_advisory_xact_lock(hashtextextended('identity.signing_key', 0))",
};
enum { LOADED_KID, LOADED_PEM, LOADED_SEALED, LOADED_EXPIRES, LOADED_MAY_SIGN };
static const struct db_query LOAD = {
    .name = "keys_load",
    .sql = "select kid, public_pem, encode(private_sealed, 'hex'), "
           "coalesce(extract(epoch from expires_at)::bigint, 0), retired_at is null "
           "from identity.signing_key where expires_at is null or expires_at > now() "
           "order by created_at desc, kid limit 64",
};
static const struct db_query INSERT = {
    .name = "keys_insert",
    .sql = "insert into identity.signing_key (kid, algorithm, public_pem, private_sealed, "
           "created_at) values ($1, 'ES256', $2, decode($3, 'hex'), clock_timestamp())",
    .param_count = 3,
};
static const struct db_query RETIRE = {
    .name = "keys_retire",
    .sql = "update identity.signing_key set retired_at = now(), "
           "expires_at = now() + make_interval(mins => $2::integer) "
           "where kid = $1 and retired_at is null",
    .param_count = 2,
};
enum { LISTED_KID, LISTED_SEALED, LISTED_CREATED, LISTED_RETIRED, LISTED_EXPIRES, LISTED_EXPIRED };
static const struct db_query LIST = {
    .name = "keys_list",
    .sql = "select kid, encode(private_sealed, 'hex'), to_char(created_at" DB_RFC3339_SECONDS
           ", to_char(retired_at" DB_RFC3339_SECONDS ", to_char(expires_at" DB_RFC3339_SECONDS
           ", coalesce(expires_at <= now(), false) "
           "from identity.signing_key order by created_at desc, kid limit 1000",
};

void keys_seal_derive(const char *secret, struct keys_seal *ret_seal)
{
    static const unsigned char PURPOSE[] = "signing key seal";
    unsigned char root[KEYS_SEAL_BYTES];

    (void)crypto_generichash(root, sizeof(root), (const unsigned char *)secret, strlen(secret),
                             NULL, 0);
    (void)crypto_generichash(ret_seal->key, sizeof(ret_seal->key), PURPOSE, sizeof(PURPOSE), root,
                             sizeof(root));
    sodium_memzero(root, sizeof(root));
}

static void erase(char *pem)
{
    if (pem != NULL)
        sodium_memzero(pem, strlen(pem));
    free(pem);
}

void keys_signer_deinit(struct keys_signer *signer)
{
    erase(signer->private_pem);
    *signer = (struct keys_signer){0};
}

/* --- sealing ----------------------------------------------------------------------------- */

static void seal_private(const struct keys_seal *seal, const char *kid, const char *private_pem,
                         char ret_sealed[SEALED_TEXT_BYTES])
{
    unsigned char sealed[SEALED_BYTES_MAX];
    unsigned long long sealed_bytes = 0;

    assert(strlen(private_pem) <= PRIVATE_PEM_BYTES_MAX);
    randombytes_buf(sealed, NONCE_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        sealed + NONCE_BYTES, &sealed_bytes, (const unsigned char *)private_pem,
        strlen(private_pem), (const unsigned char *)kid, strlen(kid), NULL, sealed, seal->key);
    (void)sodium_bin2hex(ret_sealed, SEALED_TEXT_BYTES, sealed, NONCE_BYTES + (size_t)sealed_bytes);
}

/* Owned, erase(); NULL when it was sealed with another secret, or for another kid. */
static char *unseal_private(const struct keys_seal *seal, const char *kid, const char *sealed_hex)
{
    unsigned char sealed[SEALED_BYTES_MAX];
    unsigned long long length = 0;
    size_t sealed_bytes = 0;
    char *pem;

    if (sodium_hex2bin(sealed, sizeof(sealed), sealed_hex, strlen(sealed_hex), NULL, &sealed_bytes,
                       NULL) != 0 ||
        sealed_bytes < NONCE_BYTES + TAG_BYTES)
        return NULL;
    pem = calloc(1, PRIVATE_PEM_BYTES_MAX + 1);
    if (pem == NULL ||
        crypto_aead_xchacha20poly1305_ietf_decrypt(
            (unsigned char *)pem, &length, NULL, sealed + NONCE_BYTES, sealed_bytes - NONCE_BYTES,
            (const unsigned char *)kid, strlen(kid), sealed, seal->key) != 0) {
        free(pem);
        return NULL;
    }
    return pem;
}

/* --- making ------------------------------------------------------------------------------ */

static void make_kid(char ret_kid[KEYS_KID_BYTES])
{
    unsigned char bytes[KID_RANDOM_BYTES];

    randombytes_buf(bytes, sizeof(bytes));
    (void)base64url_encode(ret_kid, KEYS_KID_BYTES, bytes, sizeof(bytes));
}

int keys_make(struct keys_signer *ret_signer, struct token_keys **ret_keys)
{
    struct keys_signer signer = {.private_pem = NULL};
    struct token_keys *keys = token_keys_new(1);
    const char *why = "";
    char *pem = NULL;
    int r;

    if (keys == NULL)
        return fault_raise(-ENOMEM);
    make_kid(signer.kid);
    r = token_make_key_pair(&signer.private_pem, &pem);
    if (r == 0)
        r = fault_fold(token_keys_add_pem(keys, signer.kid, TOKEN_ES256, pem, 0, &why));
    free(pem);
    if (r != 0) {
        keys_signer_deinit(&signer);
        token_keys_unref(keys);
        return r;
    }
    *ret_signer = signer;
    *ret_keys = keys;
    return 0;
}

int keys_add(struct db *db, const struct keys_seal *seal, char ret_kid[KEYS_KID_BYTES])
{
    char sealed[SEALED_TEXT_BYTES];
    char *private_pem = NULL, *public_pem = NULL;
    int r = token_make_key_pair(&private_pem, &public_pem);

    if (r != 0)
        return r;
    make_kid(ret_kid);
    seal_private(seal, ret_kid, private_pem, sealed);
    erase(private_pem);
    r = db_run(db, &INSERT, (const char *const[]){ret_kid, public_pem, sealed}, NULL);
    free(public_pem);
    return r;
}

/* --- loading ----------------------------------------------------------------------------- */

struct loaded {
    struct keys_signer signer;
    struct token_keys *keys;
    size_t foreign_count;
};

static void loaded_deinit(struct loaded *loaded)
{
    keys_signer_deinit(&loaded->signer);
    token_keys_unref(loaded->keys);
    *loaded = (struct loaded){0};
}

static int take_row(const struct db_rows *rows, size_t row, const struct keys_seal *seal,
                    struct loaded *loaded)
{
    const char *kid = db_rows_text(rows, row, LOADED_KID);
    const bool may_sign = strcmp(db_rows_text(rows, row, LOADED_MAY_SIGN), "t") == 0;
    const char *why = "";
    int64_t expires_at = 0;
    char *private_pem;
    int r;

    if (!num_parse_i64(db_rows_text(rows, row, LOADED_EXPIRES), 0, INT64_MAX, &expires_at))
        return fault_raise(-EPROTO);
    r = token_keys_add_pem(loaded->keys, kid, TOKEN_ES256, db_rows_text(rows, row, LOADED_PEM),
                           expires_at, &why);
    if (r == TOKEN_UNUSABLE_KEY) {
        log_error("auth.key", "kid=%s reason=\"%s\"", kid, why);
        return 0;
    }
    if (r != 0 || !may_sign || loaded->signer.kid[0] != '\0')
        return fault_fold(r);
    private_pem = unseal_private(seal, kid, db_rows_text(rows, row, LOADED_SEALED));
    if (private_pem == NULL || strlen(kid) >= sizeof(loaded->signer.kid)) {
        erase(private_pem);
        loaded->foreign_count++;
        return 0;
    }
    memcpy(loaded->signer.kid, kid, strlen(kid) + 1);
    loaded->signer.private_pem = private_pem;
    return 0;
}

static int load(struct db *db, const struct keys_seal *seal, struct loaded *loaded)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &LOAD, NULL, &rows);

    loaded_deinit(loaded);
    if (r != 0)
        return r;
    loaded->keys = token_keys_new(db_rows_count(rows));
    if (loaded->keys == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; r == 0 && i < db_rows_count(rows); i++)
        r = take_row(rows, i, seal, loaded);
    if (r != 0)
        loaded_deinit(loaded);
    return r;
}

/* The first key, unless somebody has made it meanwhile. */
static int begin_with_one(struct db *db, const struct keys_seal *seal, struct loaded *loaded)
{
    char kid[KEYS_KID_BYTES];
    int r = db_run(db, &LOCK, NULL, NULL);

    if (r == 0)
        r = load(db, seal, loaded);
    if (r != 0 || loaded->signer.kid[0] != '\0')
        return r;
    r = keys_add(db, seal, kid);
    if (r == 0)
        r = load(db, seal, loaded);
    return r;
}

int keys_load(struct db *db, const struct keys_seal *seal, bool may_begin,
              struct keys_signer *ret_signer, struct token_keys **ret_keys, size_t *ret_foreign)
{
    struct loaded loaded = {.keys = NULL};
    int r = load(db, seal, &loaded);

    if (r == 0 && may_begin && loaded.signer.kid[0] == '\0')
        r = begin_with_one(db, seal, &loaded);
    if (r != 0) {
        loaded_deinit(&loaded);
        return r;
    }
    *ret_signer = loaded.signer;
    *ret_keys = loaded.keys;
    *ret_foreign = loaded.foreign_count;
    return 0;
}

int keys_retire(struct db *db, const struct keys_seal *seal, const char *kid,
                char ret_new_kid[KEYS_KID_BYTES])
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct loaded loaded = {.keys = NULL};
    char minutes[16];
    bool is_left;
    int r = db_run(db, &LOCK, NULL, NULL);

    (void)snprintf(minutes, sizeof(minutes), "%d", KEYS_OVERLAP_MINUTES);
    if (r == 0)
        r = db_run(db, &RETIRE, (const char *const[]){kid, minutes}, &rows);
    if (r == 0 && db_rows_affected(rows) == 0)
        return KEYS_NOT_FOUND;
    if (r == 0)
        r = load(db, seal, &loaded);
    is_left = loaded.signer.kid[0] != '\0';
    loaded_deinit(&loaded);
    if (r != 0)
        return r;
    ret_new_kid[0] = '\0';
    return is_left ? 0 : keys_add(db, seal, ret_new_kid);
}

int keys_list(struct db *db, const struct keys_seal *seal, struct arena *arena,
              struct keys_row **ret_rows, size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct keys_row *list;
    int r = db_run(db, &LIST, NULL, &rows);

    if (r != 0)
        return r;
    list = arena_alloc_array(arena, db_rows_count(rows) + 1, sizeof(*list));
    for (size_t i = 0; list != NULL && i < db_rows_count(rows); i++) {
        const char *kid = db_rows_text(rows, i, LISTED_KID);
        char *pem = unseal_private(seal, kid, db_rows_text(rows, i, LISTED_SEALED));

        list[i] = (struct keys_row){
            .kid = arena_copy(arena, kid),
            .created_at = arena_copy(arena, db_rows_text(rows, i, LISTED_CREATED)),
            .retired_at = arena_copy(arena, db_rows_text(rows, i, LISTED_RETIRED)),
            .expires_at = arena_copy(arena, db_rows_text(rows, i, LISTED_EXPIRES)),
            .is_expired = strcmp(db_rows_text(rows, i, LISTED_EXPIRED), "t") == 0,
            .can_be_unsealed = pem != NULL,
        };
        erase(pem);
    }
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    *ret_rows = list;
    *ret_count = db_rows_count(rows);
    return 0;
}
