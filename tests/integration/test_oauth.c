/* How a program signs in: the token endpoint, revocation, and what others read of our keys. */
#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/server.h"
#include "support/tokens.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN "/v1/oauth/token"
#define REVOKE "/v1/oauth/revoke"
#define GRANT "grant_type=client_credentials"
#define TEXT_BYTES_MAX (16 * 1024)
#define REVOKED_MS_MAX 5000

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0", "EXPRESS_BASE_URL=https://api.example.org")
SERVER_AFTER_TESTS()

TestSuite(oauth, .fini = test_ends_without_leaks, .timeout = 300);

static struct test_client partner;

static void begin(void)
{
    client_make("partner", "univerbal", NULL, &partner);
}

static void check_error(struct response *response, int status, const char *error, const char *why)
{
    cr_assert_eq(response->status, status, "%s: %d %s", why, response->status, response->body);
    cr_assert_str_eq(response_text_at(response, "/error"), error, "%s", why);
    cr_assert_not_null(response_text_at(response, "/error_description"), "%s", why);
    cr_assert_str_eq(response_header(response, "Cache-Control"), "no-store", "%s", why);
    if (status == 401)
        cr_assert_eq(strncmp(response_header(response, "WWW-Authenticate"), "Basic ", 6), 0, "%s",
                     why);
}

static int status_with(const char *token, const char *path)
{
    struct response *response = http_as(token, "GET", path, NULL, NULL);
    int status = response->status;

    response_free(response);
    return status;
}

/* --- tokens ------------------------------------------------------------------------------- */

Test(oauth, a_client_gets_a_token_by_basic_or_by_the_form, .init = begin)
{
    const struct test_client *const BY[] = {&partner, NULL};

    for (size_t i = 0; i < ARRAY_LENGTH(BY); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char form[400];

        (void)snprintf(form, sizeof(form), "client_id=%s&" GRANT "&client_secret=%s", partner.id,
                       partner.secret);
        response = http_form(BY[i], TOKEN, BY[i] == NULL ? form : GRANT);
        cr_assert_eq(response->status, 200, "%s", response->body);
        cr_assert_str_eq(response_text_at(response, "/token_type"), "Bearer");
        cr_assert_str_eq(response_text_at(response, "/scope"), "read write");
        cr_assert_leq(json_integer_value(response_at(response, "/expires_in")), 3600);
        cr_assert_str_eq(response_header(response, "Cache-Control"), "no-store");
        cr_assert_str_eq(response_header(response, "Pragma"), "no-cache");
        cr_assert_eq(status_with(response_text_at(response, "/access_token"), "/v1/practices"),
                     200);
        cr_assert_eq(test_server_log_lines(response_text_at(response, "/access_token")), 0);
    }
    cr_assert_eq(test_server_log_lines(partner.secret), 0);
}

Test(oauth, a_token_has_the_scopes_that_were_asked_for_and_no_others, .init = begin)
{
    static const struct {
        const char *asked, *got, *why;
    } ROWS[] = {
        {"read", "read", "one of two"},
        {"write%3Apractices", "write:practices", "narrower than what it has"},
        {"read+admin", "read", "what it does not have is left out"},
        {"", "read write", "nothing is everything"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char form[200];

        (void)snprintf(form, sizeof(form), GRANT "&scope=%s", ROWS[i].asked);
        response = http_form(&partner, TOKEN, form);
        cr_assert_eq(response->status, 200, "%s: %s", ROWS[i].why, response->body);
        cr_assert_str_eq(response_text_at(response, "/scope"), ROWS[i].got, "%s", ROWS[i].why);
    }
}

Test(oauth, what_cannot_be_answered_is_told_in_the_words_of_rfc_6749, .init = begin)
{
    static const struct {
        const char *form;
        bool signs_in;
        int status;
        const char *error, *why;
    } ROWS[] = {
        {"", true, 400, "invalid_request", "nothing"},
        {"scope=read", true, 400, "invalid_request", "no grant_type"},
        {GRANT "&" GRANT, true, 400, "invalid_request", "a parameter twice"},
        {GRANT "&scope=%zz", true, 400, "invalid_request", "malformed encoding"},
        {"grant_type=password", true, 400, "unsupported_grant_type", "another grant"},
        {"grant_type=Client_Credentials", true, 400, "unsupported_grant_type", "another case"},
        {GRANT "&scope=admin", true, 400, "invalid_scope", "no scope of its own"},
        {GRANT "&scope=read%22", true, 400, "invalid_scope", "no scope at all"},
        {GRANT "&client_secret=x", true, 400, "invalid_request", "two secrets"},
        {GRANT "&client_id=x", true, 400, "invalid_request", "two clients"},
        {GRANT, false, 401, "invalid_client", "nobody"},
        {GRANT "&client_id=x", false, 401, "invalid_client", "no secret"},
        {GRANT "&client_id=x&client_secret=y", false, 401, "invalid_client", "nobody we know"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response =
            http_form(ROWS[i].signs_in ? &partner : NULL, TOKEN, ROWS[i].form);

        check_error(response, ROWS[i].status, ROWS[i].error, ROWS[i].why);
    }
}

Test(oauth, a_body_that_is_no_form_is_refused_with_the_type_that_is_taken)
{
    static const char *const TYPES[] = {"application/json", "text/plain",
                                        "application/x-www-form-urlencoded; charset=utf-16",
                                        "multipart/form-data; boundary=x"};

    for (size_t i = 0; i < ARRAY_LENGTH(TYPES); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char header[100];

        (void)snprintf(header, sizeof(header), "Content-Type: %s", TYPES[i]);
        response =
            http_send("POST", TOKEN, (const char *const[]){header, NULL}, GRANT, strlen(GRANT));
        check_error(response, 415, "invalid_request", TYPES[i]);
        cr_assert_str_eq(response_header(response, "Accept"), "application/x-www-form-urlencoded");
    }
}

/* Who sends this header, with the right grant? */
static void check_basic(const char *value, int status, const char *error, const char *why)
{
    CLEANUP(response_freep) struct response *response = NULL;
    char header[400];

    (void)snprintf(header, sizeof(header), "Authorization: %s", value);
    response = http_send(
        "POST", TOKEN,
        (const char *const[]){"Content-Type: application/x-www-form-urlencoded", header, NULL},
        GRANT, strlen(GRANT));
    cr_assert_eq(response->status, status, "%s: %d %s", why, response->status, response->body);
    if (error != NULL)
        check_error(response, status, error, why);
}

static void check_pair(const char *id, const char *between, const char *secret, int status,
                       const char *why)
{
    char pair[500], value[1000] = "Basic ";

    (void)snprintf(pair, sizeof(pair), "%s%s%s", id, between, secret);
    (void)sodium_bin2base64(value + 6, sizeof(value) - 6, (const unsigned char *)pair, strlen(pair),
                            sodium_base64_VARIANT_ORIGINAL);
    check_basic(value, status, status == 401 ? "invalid_client" : NULL, why);
}

Test(oauth, basic_credentials_are_read_as_rfc_6749_writes_them, .init = begin)
{
    char encoded[200], more[200];

    (void)snprintf(encoded, sizeof(encoded), "%%%02x%s", (unsigned)partner.id[0], partner.id + 1);
    (void)snprintf(more, sizeof(more), "%s ", partner.secret);
    check_pair(partner.id, ":", partner.secret, 200, "as they are");
    check_pair(encoded, ":", partner.secret, 200, "encoded");
    check_pair(partner.id, "", partner.secret, 401, "without a colon");
    check_pair(partner.id, "::", partner.secret, 401, "a colon too many");
    check_pair(partner.id, ":%", partner.secret, 401, "malformed encoding");
    check_pair(partner.id, ":", more, 401, "a space at the end");
    check_basic("Basic", 401, NULL, "nothing behind the scheme");
    check_basic("Basic ====", 401, "invalid_client", "no base64");
    check_basic("Basic !!!!", 401, "invalid_client", "no base64 either");
    check_basic("Digest abc", 401, NULL, "another scheme");
}

/* Checks A23. */
Test(oauth, a_secret_that_is_not_the_whole_right_one_is_refused, .init = begin)
{
    struct test_client other, wrong;

    client_make("partner", "univerbal", NULL, &other);
    for (size_t i = 0; i < 5; i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        const size_t length = strlen(partner.secret);

        wrong = partner;
        if (i == 0)
            wrong.secret[length - 1] = wrong.secret[length - 1] == 'A' ? 'B' : 'A';
        else if (i == 1)
            wrong.secret[length - 1] = '\0';
        else if (i == 2)
            (void)snprintf(wrong.secret, sizeof(wrong.secret), "%s", other.secret);
        else if (i == 3)
            wrong.secret[4] = wrong.secret[4] == '1' ? '2' : '1'; /* the number of its slot */
        else
            (void)snprintf(wrong.id, sizeof(wrong.id), "%s", other.id);
        response = http_form(&wrong, TOKEN, GRANT);
        check_error(response, 401, "invalid_client", "a wrong secret");
    }
}

/* Checks A23. */
Test(oauth, a_secret_that_was_removed_opens_nothing, .init = begin)
{
    CLEANUP(response_freep)
    struct response *second = NULL, *removed = NULL, *refused = NULL, *taken = NULL;
    struct test_client renewed = partner;
    char path[100];

    (void)snprintf(path, sizeof(path), "/v1/clients/%s/secrets", partner.id);
    second = http_as(token_for("admin", NULL), "POST", path, NULL, NULL);
    cr_assert_eq(second->status, 201, "%s", second->body);
    (void)snprintf(renewed.secret, sizeof(renewed.secret), "%s",
                   response_text_at(second, "/secret"));
    taken = http_form(&partner, TOKEN, GRANT);
    cr_assert_eq(taken->status, 200, "both work: %s", taken->body);
    (void)snprintf(path, sizeof(path), "/v1/clients/%s/secrets/1", partner.id);
    removed = http_as(token_for("admin", NULL), "DELETE", path, NULL, NULL);
    cr_assert_eq(removed->status, 204, "%s", removed->body);
    refused = http_form(&partner, TOKEN, GRANT);
    check_error(refused, 401, "invalid_client", "the old one");
    free(client_token(&renewed, NULL));
}

Test(oauth, the_path_takes_no_parameters_and_no_credentials_in_them)
{
    CLEANUP(response_freep) struct response *unknown = http_form(NULL, TOKEN "?scope=read", GRANT);
    CLEANUP(response_freep)
    struct response *secret = http_form(NULL, TOKEN "?client_secret=canary-secret-9", GRANT);

    cr_assert_str_eq(response_text_at(unknown, "/type"), "/problems/invalid-parameter");
    cr_assert_str_eq(response_text_at(secret, "/type"), "/problems/credentials-in-url");
    cr_assert_eq(test_server_log_lines("canary-secret"), 0);
}

/* --- scopes ------------------------------------------------------------------------------- */

/* Checks Z8. */
Test(oauth, a_token_without_the_scope_is_told_which_one_is_missing, .init = begin)
{
    static const struct {
        const char *role, *scope, *method, *path, *missing;
    } ROWS[] = {
        {"admin", "read", "GET", "/v1/clients", "admin"},
        {"admin", "write", "POST", "/v1/clients", "admin"},
        {"partner", "read", "POST", "/v1/practices", "write:practices"},
        {"partner", "write:networks", "POST", "/v1/practices", "write:practices"},
        {"partner", "read", "DELETE", "/v1/practices/projet-109", "write:practices"},
        {"partner", "write:practices", "GET", "/v1/working-copies", "read"},
        {"editor", "read", "GET", "/v1/reviews", "review"},
        {"editor", "write", "POST", "/v1/practices/projet-109/publish", "review"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const char *token = token_with_scopes(ROWS[i].role, "univerbal", ROWS[i].scope);
        const char *body = strcmp(ROWS[i].method, "POST") == 0 ? "{}" : NULL;
        CLEANUP(response_freep)
        struct response *response = http_as(token, ROWS[i].method, ROWS[i].path, NULL, body);
        char challenge[200];

        cr_assert_eq(response->status, 403, "%s %s: %s", ROWS[i].method, ROWS[i].path,
                     response->body);
        cr_assert_str_eq(response_text_at(response, "/type"), "/problems/insufficient-scope");
        (void)snprintf(challenge, sizeof(challenge),
                       "Bearer error=\"insufficient_scope\", scope=\"%s\"", ROWS[i].missing);
        cr_assert_str_eq(response_header(response, "WWW-Authenticate"), challenge, "%s %s",
                         ROWS[i].method, ROWS[i].path);
    }
}

/* --- revocation --------------------------------------------------------------------------- */

/* Asks until the token is refused: every node forgets it within five seconds. */
static void check_ends(const char *token)
{
    uint64_t deadline = clock_monotonic_ms() + REVOKED_MS_MAX;

    while (status_with(token, "/v1/practices?limit=1") != 401)
        cr_assert_lt(clock_monotonic_ms(), deadline, "the token goes on working");
}

static struct response *revoke(const struct test_client *client, const char *token)
{
    struct response *response;
    struct text form;

    text_init(&form, TEXT_BYTES_MAX);
    text_append(&form, "token=");
    text_append_uri(&form, token);
    response = http_form(client, REVOKE, form.bytes);
    text_deinit(&form);
    return response;
}

Test(oauth, a_client_ends_its_token_before_its_time, .init = begin)
{
    char *token = client_token(&partner, NULL), *another = client_token(&partner, NULL);
    CLEANUP(response_freep) struct response *response = revoke(&partner, token);

    cr_assert_eq(response->status, 200, "%s", response->body);
    cr_assert_eq(response->body_bytes, 0);
    check_ends(token);
    cr_assert_eq(status_with(another, "/v1/practices?limit=1"), 200, "the other one goes on");
    free(another);
    free(token);
}

Test(oauth, a_client_ends_its_token_however_it_spells_its_id, .init = begin)
{
    struct test_client loud = partner;
    char *token = client_token(&partner, NULL);
    CLEANUP(response_freep) struct response *response = NULL;

    for (char *at = loud.id; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    response = revoke(&loud, token);
    cr_assert_eq(response->status, 200, "%s", response->body);
    check_ends(token);
    free(token);
}

Test(oauth, nobody_ends_the_token_of_another_client, .init = begin)
{
    char *token = client_token(&partner, NULL);
    CLEANUP(response_freep) struct response *response = NULL;
    struct test_client other;

    client_make("partner", "univerbal", NULL, &other);
    response = revoke(&other, token);
    cr_assert_eq(response->status, 200, "as if it were nothing: %s", response->body);
    cr_assert_eq(status_with(token, "/v1/practices?limit=1"), 200);
    free(token);
}

Test(oauth, what_is_no_token_is_revoked_without_a_word, .init = begin)
{
    static const char *const TEXTS[] = {"x", "a.b.c", "..", "eyJhbGciOiJub25lIn0.e30."};

    for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++) {
        CLEANUP(response_freep) struct response *response = revoke(&partner, TEXTS[i]);

        cr_assert_eq(response->status, 200, "%s", TEXTS[i]);
        cr_assert_eq(response->body_bytes, 0);
    }
}

Test(oauth, who_has_but_a_token_ends_it_alone, .init = begin)
{
    static const char *const TYPE = "Content-Type: application/x-www-form-urlencoded";
    char *token = client_token(&partner, NULL), *another = client_token(&partner, NULL);
    CLEANUP(response_freep) struct response *foreign = NULL, *own = NULL;
    struct text form;

    text_init(&form, TEXT_BYTES_MAX);
    text_append_format(&form, "token=%s", another);
    foreign = http_as(token, "POST", REVOKE, (const char *const[]){TYPE, NULL}, form.bytes);
    check_error(foreign, 400, "invalid_request", "the token of somebody else");
    text_clear(&form);
    text_append_format(&form, "token=%s", token);
    own = http_as(token, "POST", REVOKE, (const char *const[]){TYPE, NULL}, form.bytes);
    cr_assert_eq(own->status, 200, "%s", own->body);
    check_ends(token);
    cr_assert_eq(status_with(another, "/v1/practices?limit=1"), 200);
    text_deinit(&form);
    free(another);
    free(token);
}

Test(oauth, revoking_needs_to_know_who_asks_and_what_is_meant, .init = begin)
{
    CLEANUP(response_freep) struct response *nobody = http_form(NULL, REVOKE, "token=a.b.c");
    CLEANUP(response_freep) struct response *nothing = http_form(&partner, REVOKE, "x=y");
    struct test_client wrong = partner;

    wrong.secret[8] = wrong.secret[8] == 'A' ? 'B' : 'A';
    CLEANUP(response_freep) struct response *refused = http_form(&wrong, REVOKE, "token=a.b.c");

    check_error(nobody, 401, "invalid_client", "nobody");
    check_error(nothing, 400, "invalid_request", "no token");
    check_error(refused, 401, "invalid_client", "a wrong secret");
}

/* --- what others read --------------------------------------------------------------------- */

Test(oauth, the_public_keys_are_for_everybody_and_the_private_halves_for_nobody)
{
    CLEANUP(response_freep) struct response *keys = http_get("/.well-known/jwks.json");
    static const char *const PRIVATE[] = {"d", "p", "q", "dp", "dq", "qi", "k"};
    CLEANUP(response_freep) struct response *again = NULL;
    char header[300];

    cr_assert_eq(keys->status, 200, "%s", keys->body);
    cr_assert_geq(json_array_size(response_at(keys, "/keys")), 1);
    for (size_t i = 0; i < ARRAY_LENGTH(PRIVATE); i++)
        cr_assert_null(json_object_get(response_at(keys, "/keys/0"), PRIVATE[i]), "%s", PRIVATE[i]);
    cr_assert_not_null(strstr(response_header(keys, "Cache-Control"), "public"));
    (void)snprintf(header, sizeof(header), "If-None-Match: %s", response_header(keys, "ETag"));
    again =
        http_send("GET", "/.well-known/jwks.json", (const char *const[]){header, NULL}, NULL, 0);
    cr_assert_eq(again->status, 304);
}

Test(oauth, the_metadata_lead_to_every_endpoint)
{
    static const char *const LINKS[][2] = {
        {"/token_endpoint", "https://api.example.org/v1/oauth/token"},
        {"/revocation_endpoint", "https://api.example.org/v1/oauth/revoke"},
        {"/jwks_uri", "https://api.example.org/.well-known/jwks.json"},
        {"/issuer", "https://api.example.org"},
        {"/grant_types_supported/0", "client_credentials"},
        {"/token_endpoint_auth_methods_supported/0", "client_secret_basic"},
    };
    CLEANUP(response_freep)
    struct response *response = http_get("/.well-known/oauth-authorization-server");

    cr_assert_eq(response->status, 200);
    for (size_t i = 0; i < ARRAY_LENGTH(LINKS); i++)
        cr_assert_str_eq(response_text_at(response, LINKS[i][0]), LINKS[i][1]);
    cr_assert_gt(json_array_size(response_at(response, "/scopes_supported")), 17);
}
