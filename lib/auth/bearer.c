#include "auth/bearer.h"

#include "base/fault.h"
#include "db/db.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define PSEUDONYM_BYTES 16

enum { HELD_REVOKED, HELD_KEY, HELD_ORGANISATION, HELD_ROLE, HELD_SCOPES, HELD_CLIENTS };
/* One row whatever there is. An organisation of which the server knows nothing holds nobody. By
 * its slug only one that was public, since that one's is its own for ever: a draft may be named
 * like an organisation that is gone. */
static const struct db_query CHECK = {
    .name = "bearer_check",
    .sql = "select exists (select from identity.revoked_token t where t.jti = $1), "
           "$2::text is null or exists (select from identity.signing_key k where k.kid = $2 "
           "and (k.expires_at is null or k.expires_at > now())), "
           "coalesce((select r.id from catalogue.record r "
           "where r.id = (select coalesce(c.organisation_id, $4::uuid)) "
           "and r.resource = 'organisations' and r.deleted_at is null), "
           "(select r.id from catalogue.record r where r.resource = 'organisations' "
           "and r.slug = $5 and r.first_published_at is not null and r.deleted_at is null)), "
           "c.role, array_to_string(c.scopes, ' '), c.id is not null "
           "from (values (1)) one (row) "
           "left join identity.client c on c.id = $3::uuid and c.disabled_at is null",
    .param_count = 5,
};

void bearer_key_derive(const char *secret, unsigned char ret_key[BEARER_KEY_BYTES])
{
    static const unsigned char PURPOSE[] = "subject pseudonym";
    unsigned char root[BEARER_KEY_BYTES];

    (void)crypto_generichash(root, sizeof(root), (const unsigned char *)secret, strlen(secret),
                             NULL, 0);
    (void)crypto_generichash(ret_key, BEARER_KEY_BYTES, PURPOSE, sizeof(PURPOSE), root,
                             sizeof(root));
    sodium_memzero(root, sizeof(root));
}

/* --- scopes ------------------------------------------------------------------------------ */

static bool grants(const struct caller *holder, const char *word)
{
    static const char NARROW[] = "write:";

    if (caller_has_scope(holder, word))
        return true;
    return strncmp(word, NARROW, strlen(NARROW)) == 0 && caller_has_scope(holder, "write");
}

static void add_granted(struct caller *result, const char *words, const struct caller *holder)
{
    while (*words != '\0') {
        const size_t length = strcspn(words, " ");
        const size_t used = strlen(result->scopes);
        char word[CALLER_SCOPES_BYTES];

        if (length > 0 && length < sizeof(word)) {
            memcpy(word, words, length);
            word[length] = '\0';
            if (grants(holder, word) && !caller_has_scope(result, word) &&
                used + length + 2 <= sizeof(result->scopes)) {
                char *end = result->scopes + used;

                if (used > 0)
                    *end++ = ' ';
                memcpy(end, word, length + 1);
            }
        }
        words += length;
        words += strspn(words, " ");
    }
}

void bearer_scopes_meet(const char *some, const char *others, char ret_scopes[CALLER_SCOPES_BYTES])
{
    struct caller result = {.role = CALLER_ANONYMOUS}, first = result, second = result;

    (void)snprintf(first.scopes, sizeof(first.scopes), "%s", some);
    (void)snprintf(second.scopes, sizeof(second.scopes), "%s", others);
    add_granted(&result, some, &second);
    add_granted(&result, others, &first);
    memcpy(ret_scopes, result.scopes, CALLER_SCOPES_BYTES);
}

/* --- on paper ---------------------------------------------------------------------------- */

static int refuse(const char *reason, const char **reterr_reason)
{
    *reterr_reason = reason;
    return BEARER_INVALID;
}

/* Return: false when it does not fit, and then nothing was copied. */
static bool copy(char *buffer, size_t size_bytes, const char *text)
{
    if (strlen(text) >= size_bytes)
        return false;
    memcpy(buffer, text, strlen(text) + 1);
    return true;
}

void bearer_pseudonym(const char *issuer, const char *subject,
                      const unsigned char key[BEARER_KEY_BYTES],
                      char ret_pseudonym[CALLER_SUBJECT_BYTES])
{
    unsigned char hash[PSEUDONYM_BYTES];
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, key, BEARER_KEY_BYTES, sizeof(hash));
    /* With its end, so that no two pairs run into one another. */
    (void)crypto_generichash_update(&state, (const unsigned char *)issuer, strlen(issuer) + 1);
    (void)crypto_generichash_update(&state, (const unsigned char *)subject, strlen(subject));
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    (void)sodium_bin2hex(ret_pseudonym, CALLER_SUBJECT_BYTES, hash, sizeof(hash));
}

static void name_subject(struct bearer *bearer, const struct token_claims *claims,
                         const char *issuer, const unsigned char key[BEARER_KEY_BYTES])
{
    bearer_pseudonym(issuer, claims->subject, key, bearer->caller.subject);
    (void)snprintf(bearer->caller.name, sizeof(bearer->caller.name), "subject:%s",
                   bearer->caller.subject);
}

void bearer_name(struct bearer *bearer, const struct token_claims *claims, const char *issuer,
                 const unsigned char key[BEARER_KEY_BYTES])
{
    static const char OUTSIDE[] = "outside:"; /* no id of ours has a colon */
    unsigned char hash[BEARER_KEY_BYTES];
    crypto_generichash_state state;
    size_t prefix = strlen(OUTSIDE);

    name_subject(bearer, claims, issuer, key);
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    (void)crypto_generichash_update(&state, (const unsigned char *)issuer, strlen(issuer) + 1);
    if (claims->id != NULL)
        (void)crypto_generichash_update(&state, (const unsigned char *)claims->id,
                                        strlen(claims->id) + 1);
    else
        (void)crypto_generichash_update(&state, claims->digest, sizeof(claims->digest));
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    memcpy(bearer->revocation_id, OUTSIDE, prefix + 1);
    (void)sodium_bin2hex(bearer->revocation_id + prefix, sizeof(bearer->revocation_id) - prefix,
                         hash, sizeof(hash));
}

/* Return: false when it is there and no text. */
static bool text_claim(const struct token_claims *claims, const char *name, const char **ret_text)
{
    const json_t *claim = json_object_get(claims->payload, name);

    *ret_text = json_string_value(claim);
    return claim == NULL || *ret_text != NULL;
}

/* Role and organisation as the token has them. Return: NULL; what is wrong. */
static const char *read_own_rights(struct bearer *bearer, const char *role,
                                   const char *organisation)
{
    if (role == NULL || !caller_role_of(role, &bearer->caller.role))
        return "role";
    if (organisation == NULL)
        return caller_is_partner(&bearer->caller) ? "organisation" : NULL;
    if (!uuid_is_valid(organisation))
        return "organisation";
    uuid_make_lower(organisation, bearer->caller.organisation_id);
    return NULL;
}

int bearer_of_ours(const struct token_claims *claims, const char *issuer,
                   const unsigned char key[BEARER_KEY_BYTES], struct bearer *ret_bearer,
                   const char **reterr_reason)
{
    struct bearer bearer = {.expires_at = claims->expires_at};
    const char *client, *scope, *role, *organisation;
    const char *why;

    if (!text_claim(claims, "client_id", &client) || !text_claim(claims, "scope", &scope) ||
        !text_claim(claims, "role", &role) || !text_claim(claims, "organisation", &organisation))
        return refuse("claims", reterr_reason);
    if (!copy(bearer.scopes, sizeof(bearer.scopes), scope == NULL ? "" : scope))
        return refuse("scope", reterr_reason);
    if (!copy(bearer.revocation_id, sizeof(bearer.revocation_id), claims->id))
        return refuse("id", reterr_reason);
    if (!copy(bearer.kid, sizeof(bearer.kid), claims->kid))
        return refuse("key", reterr_reason);
    if (client != NULL) {
        if (!uuid_is_valid(client))
            return refuse("client", reterr_reason);
        bearer.kind = BEARER_CLIENT;
        uuid_make_lower(client, bearer.caller.client_id);
        (void)snprintf(bearer.caller.name, sizeof(bearer.caller.name), "client:%s",
                       bearer.caller.client_id);
        *ret_bearer = bearer;
        return 0;
    }
    bearer.kind = BEARER_COMMAND_LINE;
    why = read_own_rights(&bearer, role, organisation);
    if (why != NULL)
        return refuse(why, reterr_reason);
    bearer_scopes_meet(bearer.scopes, caller_role_scopes(bearer.caller.role), bearer.caller.scopes);
    name_subject(&bearer, claims, issuer, key);
    *ret_bearer = bearer;
    return 0;
}

/* --- against the database ---------------------------------------------------------------- */

static bool is_true(const struct db_rows *rows, int column)
{
    const char *text = db_rows_text(rows, 0, column);

    return text != NULL && strcmp(text, "t") == 0;
}

/* Role, organisation and scopes that the client has now. Return: NULL; what is wrong. */
static const char *take_client(const struct db_rows *rows, struct bearer *bearer)
{
    const char *scopes = db_rows_text(rows, 0, HELD_SCOPES);
    struct caller *caller = &bearer->caller;
    char granted[CALLER_SCOPES_BYTES];

    if (!is_true(rows, HELD_CLIENTS))
        return "client";
    if (!caller_role_of(db_rows_text(rows, 0, HELD_ROLE), &caller->role))
        return "role";
    if (!copy(caller->organisation_id, sizeof(caller->organisation_id),
              db_rows_text(rows, 0, HELD_ORGANISATION)))
        return "organisation";
    bearer_scopes_meet(scopes, caller_role_scopes(caller->role), granted);
    if (bearer->scopes[0] == '\0')
        memcpy(caller->scopes, granted, sizeof(caller->scopes));
    else
        bearer_scopes_meet(bearer->scopes, granted, caller->scopes);
    return NULL;
}

int bearer_check(struct db *db, struct bearer *bearer, const char **reterr_reason)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const bool is_client = bearer->kind == BEARER_CLIENT;
    const bool is_outside = bearer->kind == BEARER_OUTSIDE;
    const char *organisation = is_outside ? bearer->organisation : bearer->caller.organisation_id;
    const bool has_organisation = is_client || organisation[0] != '\0';
    const char *why = NULL;
    int r = db_run(
        db, &CHECK,
        (const char *const[]){bearer->revocation_id, bearer->kid[0] == '\0' ? NULL : bearer->kid,
                              is_client ? bearer->caller.client_id : NULL,
                              is_client || is_outside || !has_organisation ? NULL : organisation,
                              is_outside && has_organisation ? organisation : NULL},
        &rows);

    if (r != 0)
        return r;
    if (is_true(rows, HELD_REVOKED))
        why = "revoked";
    else if (!is_true(rows, HELD_KEY))
        why = "key-removed";
    else if (is_client && !is_true(rows, HELD_CLIENTS))
        why = "client";
    else if (has_organisation && db_rows_text(rows, 0, HELD_ORGANISATION) == NULL)
        why = "organisation";
    else if (is_client)
        why = take_client(rows, bearer);
    else if (is_outside && has_organisation &&
             !copy(bearer->caller.organisation_id, sizeof(bearer->caller.organisation_id),
                   db_rows_text(rows, 0, HELD_ORGANISATION)))
        why = "organisation";
    return why == NULL ? 0 : refuse(why, reterr_reason);
}
