#include "auth/bearer.h"

#include "auth/issue.h"
#include "auth/keys.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ISSUER "https://api.example.org"
#define ID "01a201a3-cd3d-7035-99c0-1a2b7ecb25ea"
#define NOW 1800000000

static unsigned char key[BEARER_KEY_BYTES];

static void begin(void)
{
    cr_assert(sodium_init() >= 0);
    bearer_key_derive("a secret of thirty-two characters", key);
}

TestSuite(bearer, .init = begin, .fini = test_ends_without_leaks);

static struct token_claims claims_of(const char *members)
{
    struct token_claims claims = {
        .subject = "somebody", .id = "one", .kid = "k", .expires_at = NOW};

    claims.payload = json_loads(members, 0, NULL);
    cr_assert_not_null(claims.payload, "%s", members);
    return claims;
}

static int read(const char *members, struct bearer *ret_bearer, const char **ret_reason)
{
    struct token_claims claims = claims_of(members);
    int r;

    *ret_reason = "";
    r = bearer_of_ours(&claims, ISSUER, key, ret_bearer, ret_reason);
    token_claims_deinit(&claims);
    return r;
}

Test(bearer, a_client_has_no_rights_but_those_that_the_database_knows)
{
    struct bearer bearer;
    const char *reason;

    cr_assert_eq(read("{\"client_id\":\"01A201A3-CD3D-7035-99C0-1A2B7ECB25EA\","
                      "\"scope\":\"read\",\"role\":\"admin\",\"organisation\":\"" ID "\"}",
                      &bearer, &reason),
                 0);
    cr_assert_eq(bearer.kind, BEARER_CLIENT);
    cr_assert_eq(bearer.caller.role, CALLER_ANONYMOUS);
    cr_assert_str_empty(bearer.caller.organisation_id);
    cr_assert_str_empty(bearer.caller.scopes);
    cr_assert_str_empty(bearer.caller.subject);
    cr_assert_str_eq(bearer.caller.client_id, ID);
    cr_assert_str_eq(bearer.caller.name, "client:" ID);
    cr_assert_str_eq(bearer.scopes, "read");
    cr_assert_str_eq(bearer.revocation_id, "one");
}

Test(bearer, a_token_of_the_command_line_has_the_rights_it_was_signed_with)
{
    struct bearer bearer;
    const char *reason;

    cr_assert_eq(read("{\"role\":\"partner\",\"organisation\":\"" ID
                      "\",\"scope\":\"read write:practices admin\"}",
                      &bearer, &reason),
                 0);
    cr_assert_eq(bearer.kind, BEARER_COMMAND_LINE);
    cr_assert_eq(bearer.caller.role, CALLER_PARTNER);
    cr_assert_str_eq(bearer.caller.organisation_id, ID);
    cr_assert_str_eq(bearer.caller.scopes, "read write:practices", "what the role has of them");
    cr_assert_eq(strlen(bearer.caller.subject), 32);
    cr_assert_eq(strncmp(bearer.caller.name, "subject:", 8), 0);
    cr_assert_null(strstr(bearer.caller.name, "somebody"));
}

Test(bearer, claims_that_do_not_fit_are_refused)
{
    static const struct {
        const char *members, *reason;
    } rows[] = {
        {"{}", "role"},
        {"{\"role\":\"service\"}", "role"},
        {"{\"role\":\"system\"}", "role"},
        {"{\"role\":\"anonymous\"}", "role"},
        {"{\"role\":\"Admin\"}", "role"},
        {"{\"role\":[\"admin\"]}", "claims"},
        {"{\"role\":\"admin\",\"scope\":7}", "claims"},
        {"{\"role\":\"partner\"}", "organisation"},
        {"{\"role\":\"coordinator\",\"organisation\":\"100pap\"}", "organisation"},
        {"{\"role\":\"partner\",\"organisation\":null}", "claims"},
        {"{\"client_id\":\"somebody\"}", "client"},
        {"{\"client_id\":null}", "claims"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct bearer bearer;
        const char *reason;

        cr_assert_eq(read(rows[i].members, &bearer, &reason), BEARER_INVALID, "%s",
                     rows[i].members);
        cr_assert_str_eq(reason, rows[i].reason, "%s: %s", rows[i].members, reason);
    }
}

Test(bearer, a_pseudonym_is_the_same_for_one_person_and_tells_nobody_who)
{
    struct token_claims claims = claims_of("{\"role\":\"editor\"}");
    struct bearer first, again, other_person, other_issuer, other_secret;
    unsigned char other_key[BEARER_KEY_BYTES];
    const char *reason;

    cr_assert_eq(bearer_of_ours(&claims, ISSUER, key, &first, &reason), 0);
    cr_assert_eq(bearer_of_ours(&claims, ISSUER, key, &again, &reason), 0);
    cr_assert_eq(bearer_of_ours(&claims, "https://other.example.org", key, &other_issuer, &reason),
                 0);
    bearer_key_derive("another secret of thirty-two characters", other_key);
    cr_assert_eq(bearer_of_ours(&claims, ISSUER, other_key, &other_secret, &reason), 0);
    claims.subject = "somebody else";
    cr_assert_eq(bearer_of_ours(&claims, ISSUER, key, &other_person, &reason), 0);
    cr_assert_str_eq(first.caller.subject, again.caller.subject);
    cr_assert_str_neq(first.caller.subject, other_person.caller.subject);
    cr_assert_str_neq(first.caller.subject, other_issuer.caller.subject);
    cr_assert_str_neq(first.caller.subject, other_secret.caller.subject);
    token_claims_deinit(&claims);
}

/* Checks A15. */
Test(bearer, revoking_an_outside_token_ends_no_other)
{
    struct token_claims claims = claims_of("{}");
    struct bearer ours = {.kind = BEARER_OUTSIDE}, theirs = ours, without = ours, later = ours;

    bearer_name(&ours, &claims, ISSUER, key);
    bearer_name(&theirs, &claims, "https://other.example.org", key);
    claims.id = NULL;
    bearer_name(&without, &claims, ISSUER, key);
    claims.digest[0] = 1;
    bearer_name(&later, &claims, ISSUER, key);
    cr_assert_str_neq(ours.revocation_id, "one", "an id of ours, which outsiders could choose");
    cr_assert_not_null(strchr(ours.revocation_id, ':'));
    cr_assert_str_neq(ours.revocation_id, theirs.revocation_id);
    cr_assert_str_neq(ours.revocation_id, without.revocation_id);
    cr_assert_str_neq(without.revocation_id, later.revocation_id);
    cr_assert_lt(strlen(ours.revocation_id), 200);
    token_claims_deinit(&claims);
}

/* Checks Z8. */
Test(bearer, scopes_meet_in_what_both_grant)
{
    static const struct {
        const char *some, *others, *both;
    } rows[] = {
        {"read write", "read write review", "read write"},
        {"read", "write", ""},
        {"", "read", ""},
        {"write", "write:practices", "write:practices"},
        {"write:practices", "write", "write:practices"},
        {"write:practices write:networks", "read write:networks", "write:networks"},
        {"read read", "read", "read"},
        {"read  write ", " write read", "read write"},
        {"writer", "write", ""},
        {"write:", "write", "write:"},
        {"admin", "read write", ""},
        {"read \xff\xfe", "read", "read"},
    };
    char long_list[4096];
    char met[CALLER_SCOPES_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        bearer_scopes_meet(rows[i].some, rows[i].others, met);
        cr_assert_str_eq(met, rows[i].both, "\"%s\" and \"%s\": \"%s\"", rows[i].some,
                         rows[i].others, met);
    }
    memset(long_list, 'x', sizeof(long_list) - 1);
    long_list[sizeof(long_list) - 1] = '\0';
    bearer_scopes_meet(long_list, "read", met);
    cr_assert_str_empty(met);
}

Test(bearer, what_is_issued_comes_back)
{
    struct keys_signer signer = {.private_pem = NULL};
    struct token_keys *keys = NULL;
    char id[ISSUE_ID_BYTES];
    const struct issue issue = {
        .issuer = ISSUER, .client_id = ID, .scope = "read write", .life_s = 60, .now = NOW};
    struct token_issuer issuer = {.issuer = ISSUER, .audience = ISSUER, .is_ours = true};
    struct token_claims claims;
    struct bearer bearer;
    const char *reason = "";
    char *text = NULL;
    size_t index;

    cr_assert_eq(keys_make(&signer, &keys), 0);
    issuer.keys = keys;
    cr_assert_eq(issue_token(&issue, &signer, &text, id), 0);
    cr_assert_eq(token_verify(&issuer, 1, NOW + 1, text, &claims, &reason, &index), 0, "%s",
                 reason);
    cr_assert_str_eq(claims.id, id);
    cr_assert_eq(claims.expires_at, NOW + 60);
    cr_assert_eq(bearer_of_ours(&claims, ISSUER, key, &bearer, &reason), 0);
    cr_assert_str_eq(bearer.caller.client_id, ID);
    cr_assert_str_eq(bearer.revocation_id, id);
    cr_assert_str_eq(bearer.kid, signer.kid);
    token_claims_deinit(&claims);
    token_keys_unref(keys);
    keys_signer_deinit(&signer);
    free(text);
}
