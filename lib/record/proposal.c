/*
 * Who proposes cannot read proposals, so that nothing is asked back from the
 * database when one is stored; how many wait is counted by a trigger there.
 */
#include "record/proposal.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/text.h"
#include "db/db.h"
#include "db/time.h"

#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_RANDOM_BYTES 16
#define HASH_HEX_BYTES (2 * crypto_hash_sha256_BYTES + 1)
#define NUMBER_BYTES 24
#define MOST_CONSTRAINT "proposal_open_most"

static const struct db_query ADD = {
    .name = "proposal_add",
    .sql = "insert into catalogue.proposal "
           "(id, resource, record_id, base_version, patch, message, erasure_hash) "
           "values ($1::uuid, $2, $3::uuid, $4::integer, $5::jsonb, $6, decode($7, 'hex'))",
    .param_count = 7,
};
static const struct db_query ADD_CONTACT = {
    .name = "proposal_add_contact",
    .sql = "insert into catalogue.proposal_contact (proposal_id, name, email) "
           "values ($1::uuid, $2, $3)",
    .param_count = 3,
};
enum {
    COLUMN_ID,
    COLUMN_RESOURCE,
    COLUMN_RECORD_ID,
    COLUMN_BASE_VERSION,
    COLUMN_PATCH,
    COLUMN_MESSAGE,
    COLUMN_STATE,
    COLUMN_REASON,
    COLUMN_CREATED_AT,
    COLUMN_DECIDED_AT,
    COLUMN_NAME,
    COLUMN_EMAIL
};
static const struct db_query FIND = {
    .name = "proposal_find",
    .sql = "select p.id, p.resource, p.record_id, p.base_version, p.patch, p.message, p.state, "
           "p.reason, to_char(p.created_at" DB_RFC3339 ", to_char(p.decided_at" DB_RFC3339
           ", c.name, c.email "
           "from catalogue.proposal p "
           "left join catalogue.proposal_contact c on c.proposal_id = p.id "
           "where p.id = $1::uuid for update of p",
    .param_count = 1,
};
static const struct db_query DECIDE = {
    .name = "proposal_decide",
    .sql = "update catalogue.proposal "
           "set state = $2, reason = $3, decided_at = now(), decided_by = identity.acting_client() "
           "where id = $1::uuid returning to_char(decided_at" DB_RFC3339,
    .param_count = 3,
};
static const struct db_query ERASE_BY_CODE = {
    .name = "proposal_erase_by_code",
    .sql = "select catalogue.erase_proposal_contact($1::uuid, decode($2, 'hex'))",
    .param_count = 2,
};
static const struct db_query ERASE = {
    .name = "proposal_erase",
    .sql = "delete from catalogue.proposal_contact where proposal_id = $1::uuid",
    .param_count = 1,
};

static void hash_of(const char *code, char ret_hex[HASH_HEX_BYTES])
{
    unsigned char hash[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256(hash, (const unsigned char *)code, strlen(code));
    (void)sodium_bin2hex(ret_hex, HASH_HEX_BYTES, hash, sizeof(hash));
}

static void make_code(char ret_code[PROPOSAL_CODE_BYTES])
{
    unsigned char bytes[CODE_RANDOM_BYTES];

    _Static_assert(
        sodium_base64_ENCODED_LEN(CODE_RANDOM_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING) ==
            PROPOSAL_CODE_BYTES,
        "the code fits");
    randombytes_buf(bytes, sizeof(bytes));
    (void)sodium_bin2base64(ret_code, PROPOSAL_CODE_BYTES, bytes, sizeof(bytes),
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static int add(struct db *db, const struct proposal_draft *draft,
               const struct proposal_receipt *receipt)
{
    char version[NUMBER_BYTES], hash[HASH_HEX_BYTES];
    char *patch = json_dumps(draft->patch, JSON_COMPACT);
    int r;

    if (patch == NULL)
        return fault_raise(-ENOMEM);
    (void)snprintf(version, sizeof(version), "%ld", draft->base_version);
    hash_of(receipt->code, hash);
    r = db_run(db, &ADD,
               (const char *const[]){receipt->id, draft->resource, draft->record_id, version, patch,
                                     draft->message, hash},
               NULL);
    free(patch);
    if (r == DB_CHECK_VIOLATION && strcmp(db_constraint(db), MOST_CONSTRAINT) == 0)
        return PROPOSAL_TOO_MANY;
    return r;
}

int proposal_add(struct db *db, const struct proposal_draft *draft,
                 struct proposal_receipt *ret_receipt)
{
    struct proposal_receipt receipt;
    int r;

    uuid_make_v7(receipt.id);
    make_code(receipt.code);
    r = add(db, draft, &receipt);
    if (r == 0 && (draft->name != NULL || draft->email != NULL))
        r = db_run(db, &ADD_CONTACT, (const char *const[]){receipt.id, draft->name, draft->email},
                   NULL);
    if (r != 0)
        return r;
    *ret_receipt = receipt;
    return 0;
}

/* --- reading
 * --------------------------------------------------------------------------------------- */

static int read_proposal(const struct db_rows *rows, struct arena *arena, struct proposal *proposal)
{
    const char **const TEXTS[] = {
        [COLUMN_ID] = &proposal->id,
        [COLUMN_RESOURCE] = &proposal->resource,
        [COLUMN_RECORD_ID] = &proposal->record_id,
        [COLUMN_MESSAGE] = &proposal->message,
        [COLUMN_STATE] = &proposal->state,
        [COLUMN_REASON] = &proposal->reason,
        [COLUMN_CREATED_AT] = &proposal->created_at,
        [COLUMN_DECIDED_AT] = &proposal->decided_at,
        [COLUMN_NAME] = &proposal->name,
        [COLUMN_EMAIL] = &proposal->email,
    };
    int64_t version;

    for (int column = 0; column < (int)ARRAY_LENGTH(TEXTS); column++)
        if (TEXTS[column] != NULL)
            *TEXTS[column] = arena_copy(arena, db_rows_text(rows, 0, column));
    if (!num_parse_i64(db_rows_text(rows, 0, COLUMN_BASE_VERSION), 1, INT32_MAX, &version))
        return fault_raise(-EPROTO);
    proposal->base_version = (long)version;
    proposal->patch = json_loads(db_rows_text(rows, 0, COLUMN_PATCH), 0, NULL);
    if (proposal->patch == NULL || arena_failed(arena))
        return fault_raise(-ENOMEM);
    return 0;
}

int proposal_find(struct db *db, const char *id, struct arena *arena, struct proposal *ret_proposal)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r;

    *ret_proposal = (struct proposal){0};
    if (!uuid_is_valid(id))
        return PROPOSAL_NOT_FOUND;
    r = db_run(db, &FIND, (const char *const[]){id}, &rows);
    if (r != 0)
        return r;
    return db_rows_count(rows) == 0 ? PROPOSAL_NOT_FOUND : read_proposal(rows, arena, ret_proposal);
}

void proposal_deinit(struct proposal *proposal)
{
    json_decref(proposal->patch);
    proposal->patch = NULL;
}

/* --- deciding, forgetting
 * ---------------------------------------------------------------------------- */

int proposal_decide(struct db *db, struct proposal *proposal, bool is_accepted, const char *reason,
                    struct arena *arena)
{
    const char *state = is_accepted ? "accepted" : "declined";
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &DECIDE, (const char *const[]){proposal->id, state, reason}, &rows);

    if (r != 0)
        return r;
    if (db_rows_count(rows) == 0)
        return DB_FORBIDDEN;
    proposal->state = state;
    proposal->reason = arena_copy(arena, reason);
    proposal->decided_at = arena_copy(arena, db_rows_text(rows, 0, 0));
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int proposal_erase(struct db *db, const char *id, const char *code, bool *ret_erased)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char hash[HASH_HEX_BYTES];
    int r;

    *ret_erased = false;
    if (!uuid_is_valid(id))
        return 0;
    if (code == NULL) {
        r = db_run(db, &ERASE, (const char *const[]){id}, &rows);
        if (r == 0)
            *ret_erased = db_rows_affected(rows) > 0;
        return r;
    }
    hash_of(code, hash);
    r = db_run(db, &ERASE_BY_CODE, (const char *const[]){id, hash}, &rows);
    if (r == 0)
        *ret_erased = strcmp(db_rows_text(rows, 0, 0), "t") == 0;
    return r;
}

/* --- showing
 * --------------------------------------------------------------------------------------------- */

static void append_member(struct text *text, const char *name, const char *value)
{
    if (value == NULL)
        return;
    text_append_char(text, ',');
    text_append_json(text, name);
    text_append_char(text, ':');
    text_append_json(text, value);
}

static void append_contact(const struct proposal *proposal, struct text *text)
{
    if (proposal->name == NULL && proposal->email == NULL)
        return;
    text_append(text, ",\"contact\":{");
    if (proposal->name != NULL) {
        text_append(text, "\"name\":");
        text_append_json(text, proposal->name);
    }
    if (proposal->email != NULL) {
        text_append(text, proposal->name != NULL ? ",\"email\":" : "\"email\":");
        text_append_json(text, proposal->email);
    }
    text_append_char(text, '}');
}

static void append_patch(const struct proposal *proposal, struct text *text)
{
    char *patch = json_dumps(proposal->patch, JSON_COMPACT);

    text_append_format(text, ",\"base_version\":%ld,\"patch\":", proposal->base_version);
    if (patch == NULL)
        text->failed = true;
    else
        text_append(text, patch);
    free(patch);
}

void proposal_append_json(const struct proposal *proposal, const char *slug, const char *title,
                          bool dry_run, struct text *text)
{
    text_append(text, "{\"id\":");
    text_append_json(text, proposal->id);
    append_member(text, "resource", proposal->resource);
    text_append(text, ",\"record\":{\"id\":");
    text_append_json(text, proposal->record_id);
    append_member(text, "slug", slug);
    append_member(text, "title", title);
    text_append_char(text, '}');
    append_patch(proposal, text);
    append_member(text, "message", proposal->message);
    append_contact(proposal, text);
    append_member(text, "state", proposal->state);
    append_member(text, "reason", proposal->reason);
    append_member(text, "created_at", proposal->created_at);
    append_member(text, "decided_at", proposal->decided_at);
    text_append_format(text,
                       ",\"links\":{\"self\":\"/v1/proposals/%s\",\"record\":\"/v1/%s/%s\","
                       "\"working_copy\":\"/v1/%s/%s/working-copy\"}",
                       proposal->id, proposal->resource, slug, proposal->resource, slug);
    if (dry_run)
        text_append(text, ",\"meta\":{\"dry_run\":true}");
    text_append_char(text, '}');
}
