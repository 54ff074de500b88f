/*
 * A key that is older than its 24 hours is taken over by the statement that
 * claims it, so that housekeeping may come late.
 */
#include "idempotency.h"

#include "base/fault.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "db/db.h"
#include "request.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCK_TIMEOUT "55P03"
#define NUMBER_BYTES 24
#define CLAIMS_BYTES_MAX (1024u * CREATES_TOGETHER_MAX) /* a key twice as long, and the rest */

_Static_assert(IDEMPOTENCY_FINGERPRINT_BYTES == crypto_hash_sha256_BYTES,
               "the fingerprint is a SHA-256");

static const struct db_query CLAIM = {
    .name = "idempotency_claim",
    .sql = "insert into identity.idempotency_key as known (caller, key, fingerprint) "
           "values (identity.acting_caller(), $1, decode($2, 'hex')) "
           "on conflict (caller, key) do update "
           "set fingerprint = excluded.fingerprint, status = null, record_id = null, "
           "version = null, created_at = now() "
           "where known.created_at < now() - interval '24 hours' "
           "returning true",
    .param_count = 2,
};
static const struct db_query FIND = {
    .name = "idempotency_find",
    .sql = "select fingerprint = decode($2, 'hex'), status, record_id, version "
           "from identity.idempotency_key "
           "where caller = identity.acting_caller() and key = $1",
    .param_count = 2,
};
static const struct db_query IS_KNOWN = {
    .name = "idempotency_is_known",
    .sql = "select from identity.idempotency_key where caller = identity.acting_caller() "
           "and key = $1 and created_at >= now() - interval '24 hours'",
    .param_count = 1,
};
static const struct db_query KEEP = {
    .name = "idempotency_keep",
    .sql = "update identity.idempotency_key "
           "set status = $2::integer, record_id = nullif($3, '')::uuid, "
           "version = nullif($4::integer, 0) "
           "where caller = identity.acting_caller() and key = $1",
    .param_count = 4,
};
/* In an order, so that no two of these wait for each other. */
static const struct db_query CLAIM_ALL = {
    .name = "idempotency_claim_all",
    .sql = "insert into identity.idempotency_key "
           "(caller, key, fingerprint, status, record_id, version) "
           "select identity.acting_caller(), claim.key, decode(claim.fingerprint, 'hex'), 201, "
           "claim.id, 1 from jsonb_to_recordset($1::jsonb) as "
           "claim(key text, fingerprint text, id uuid) order by claim.key "
           "on conflict (caller, key) do nothing",
    .param_count = 1,
};

static bool is_key(const char *text)
{
    size_t length = 0;

    for (; text[length] != '\0'; length++)
        if (text[length] <= ' ' || text[length] > '~')
            return false;
    return length >= 1 && length <= IDEMPOTENCY_KEY_CHARACTERS_MAX;
}

/* Each text with its end, so that none can be taken for part of its neighbour. */
static void add(crypto_hash_sha256_state *state, const char *text)
{
    (void)crypto_hash_sha256_update(state, (const unsigned char *)text, strlen(text) + 1);
}

static int add_body(crypto_hash_sha256_state *state, const json_t *body)
{
    char *text;

    if (body == NULL)
        return 0;
    text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (text == NULL)
        return fault_raise(-ENOMEM);
    add(state, text);
    free(text);
    return 0;
}

int idempotency_read(const struct request *request, struct idempotency_key *ret_key)
{
    static const char *const METHODS[] = {
        [METHOD_POST] = "POST", [METHOD_PUT] = "PUT", [METHOD_PATCH] = "PATCH"};
    struct idempotency_key key = {.text = request_header(request, "Idempotency-Key")};
    unsigned char hash[IDEMPOTENCY_FINGERPRINT_BYTES];
    crypto_hash_sha256_state state;
    int r;

    if (key.text != NULL && !is_key(key.text))
        return IDEMPOTENCY_INVALID;
    if (key.text != NULL) {
        (void)crypto_hash_sha256_init(&state);
        add(&state, METHODS[request->method]);
        add(&state, request->path);
        add(&state, request->raw_query);
        r = add_body(&state, request->body);
        if (r != 0)
            return r;
        (void)crypto_hash_sha256_final(&state, hash);
        (void)sodium_bin2hex(key.fingerprint, sizeof(key.fingerprint), hash, sizeof(hash));
    }
    *ret_key = key;
    return 0;
}

static int read_result(const struct db_rows *rows, struct idempotency_result *ret_result)
{
    struct idempotency_result result = {0};
    const char *status = db_rows_text(rows, 0, 1);
    const char *record_id = db_rows_text(rows, 0, 2);
    const char *version = db_rows_text(rows, 0, 3);
    int64_t number = 0;

    /* A key is committed with its result or not at all. */
    if (status == NULL || !num_parse_i64(status, 100, 599, &number))
        return fault_raise(-EPROTO);
    result.status = (int)number;
    if (record_id != NULL)
        (void)snprintf(result.record_id, sizeof(result.record_id), "%s", record_id);
    number = 0;
    if (version != NULL && !num_parse_i64(version, 1, INT32_MAX, &number))
        return fault_raise(-EPROTO);
    result.version = (long)number;
    *ret_result = result;
    return 0;
}

int idempotency_claim(struct db *db, const struct idempotency_key *key,
                      struct idempotency_result *ret_result)
{
    const char *const values[] = {key->text, key->fingerprint};
    CLEANUP(db_rows_freep) struct db_rows *claimed = NULL;
    CLEANUP(db_rows_freep) struct db_rows *known = NULL;
    int r = db_run(db, &CLAIM, values, &claimed);

    if (r == DB_CONTENTION && strcmp(db_sqlstate(db), LOCK_TIMEOUT) == 0)
        return IDEMPOTENCY_IN_PROGRESS;
    if (r != 0 || db_rows_count(claimed) > 0)
        return r;
    r = db_run(db, &FIND, values, &known);
    if (r != 0)
        return r;
    /* Housekeeping has removed it in this moment: the next try claims it. */
    if (db_rows_count(known) == 0)
        return IDEMPOTENCY_IN_PROGRESS;
    if (strcmp(db_rows_text(known, 0, 0), "t") != 0)
        return IDEMPOTENCY_REUSED;
    r = read_result(known, ret_result);
    return r == 0 ? IDEMPOTENCY_KNOWN : r;
}

int idempotency_is_known(struct db *db, const struct idempotency_key *key, bool *ret_known)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &IS_KNOWN, (const char *const[]){key->text}, &rows);

    if (r == 0)
        *ret_known = db_rows_count(rows) > 0;
    return r;
}

int idempotency_keep(struct db *db, const struct idempotency_key *key,
                     const struct idempotency_result *result)
{
    char status[NUMBER_BYTES], version[NUMBER_BYTES];

    (void)snprintf(status, sizeof(status), "%d", result->status);
    (void)snprintf(version, sizeof(version), "%ld", result->version);
    return db_queue(db, &KEEP, (const char *const[]){key->text, status, result->record_id, version},
                    NULL);
}

int idempotency_claim_all(struct db *db, const struct idempotency_key *const *keys,
                          const char *const *ids, size_t count, struct db_rows **ret_rows)
{
    struct text claims;
    int r;

    text_init(&claims, CLAIMS_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (keys[i]->text == NULL)
            continue;
        text_append(&claims, claims.length == 0 ? "[{\"key\":" : ",{\"key\":");
        text_append_json(&claims, keys[i]->text);
        text_append_format(&claims, ",\"fingerprint\":\"%s\",\"id\":\"%s\"}", keys[i]->fingerprint,
                           ids[i]);
    }
    text_append(&claims, claims.length == 0 ? "[]" : "]");
    r = text_failed(&claims)
            ? fault_raise(-ENOMEM)
            : db_queue(db, &CLAIM_ALL, (const char *const[]){claims.bytes}, ret_rows);
    text_deinit(&claims);
    return r;
}
