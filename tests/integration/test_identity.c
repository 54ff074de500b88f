/*
 * Who asks: what the Authorization header may be, which tokens are taken, and how soon all
 * nodes know that one is not any more.
 */
#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/program.h"
#include "support/server.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRIVATE "/v1/clients?limit=1" /* for administrators */
#define PUBLIC "/v1/practices?limit=1"
#define SEEN_MS_MAX 5000 /* how long a node may go on with what is not so any more */
#define TOKEN_BYTES_MAX 8192
#define TEXT_BYTES_MAX (64 * 1024)
#define URL_SAFE sodium_base64_VARIANT_URLSAFE_NO_PADDING

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(identity, .fini = test_ends_without_leaks, .timeout = 600);

/* A token that is none is refused on every path, and nobody is taken for anonymous. */
static void check_refused(const char *token, const char *why)
{
    static const char *const PATHS[] = {PRIVATE, PUBLIC};

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        CLEANUP(response_freep)
        struct response *response = http_as(token, "GET", PATHS[i], NULL, NULL);

        expect_problem(response, 401, "invalid-token", why);
        cr_assert_str_eq(response_header(response, "WWW-Authenticate"),
                         "Bearer error=\"invalid_token\"", "%s", why);
    }
}

static int status_of(const char *token, const char *path)
{
    struct response *response = http_as(token, "GET", path, NULL, NULL);
    int status = response->status;

    response_free(response);
    return status;
}

/* --- the header --------------------------------------------------------------------------- */

/* Checks A1. */
Test(identity, a_private_path_asks_for_a_token)
{
    static const char *const ROWS[][2] = {
        {"GET", PRIVATE},
        {"GET", "/v1/audit"},
        {"GET", "/v1/reviews"},
        {"GET", "/v1/working-copies"},
        {"POST", "/v1/practices"},
        {"GET", "/v1/practices/projet-109/working-copy"},
        {"DELETE", "/v1/practices/projet-109"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response = http_as(NULL, ROWS[i][0], ROWS[i][1], NULL, NULL);

        expect_problem(response, 401, "unauthenticated", ROWS[i][1]);
        cr_assert_str_eq(response_header(response, "WWW-Authenticate"), "Bearer", "%s", ROWS[i][1]);
    }
}

/* Checks A2. */
Test(identity, a_header_that_is_not_one_bearer_token_is_refused_on_public_paths_too)
{
    static const char *const HEADERS[] = {
        "Authorization;",
        "Authorization: Bearer",
        "Authorization: Basic dXNlcjpwYXNz",
        "Authorization: Digest username=\"a\"",
        "Authorization: Bearer a.b.c, Basic dXNlcjpwYXNz",
        "Authorization: Bearer a.b.c Bearer a.b.c",
        "Authorization: Bearera.b.c",
        "Authorization: a.b.c",
        "Authorization: Bearer \"a.b.c\"",
        "Authorization: Bearer =",
        "Authorization: Bearer a=b",
    };
    static const char *const PATHS[] = {PRIVATE, PUBLIC, "/", "/openapi.json"};

    for (size_t i = 0; i < ARRAY_LENGTH(HEADERS); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(PATHS); j++) {
            CLEANUP(response_freep) struct response *response = http_get_with(PATHS[j], HEADERS[i]);

            expect_problem(response, 401, "unauthenticated", HEADERS[i]);
            cr_assert_str_eq(response_header(response, "WWW-Authenticate"),
                             "Bearer error=\"invalid_request\"", "%s", HEADERS[i]);
        }
    }
}

Test(identity, the_scheme_is_read_in_any_case)
{
    static const char *const SCHEMES[] = {"Bearer", "bearer", "BEARER", "bEaReR", "Bearer  "};
    const char *token = token_for("admin", NULL);

    for (size_t i = 0; i < ARRAY_LENGTH(SCHEMES); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        struct text header;

        text_init(&header, TEXT_BYTES_MAX);
        text_append_format(&header, "Authorization: %s %s", SCHEMES[i], token);
        response = http_get_with(PRIVATE, header.bytes);
        cr_assert_eq(response->status, 200, "%s: %s", SCHEMES[i], response->body);
        text_deinit(&header);
    }
}

/* Checks A3. */
Test(identity, two_headers_are_refused_however_they_are_written)
{
    static const char *const NAMES[][2] = {{"Authorization", "Authorization"},
                                           {"Authorization", "authorization"},
                                           {"AUTHORIZATION", "authorization"}};
    const char *token = token_for("admin", NULL);

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        for (size_t j = 0; j < 2; j++) {
            CLEANUP(response_freep) struct response *response = NULL;
            struct text request;

            text_init(&request, TEXT_BYTES_MAX);
            text_append_format(&request,
                               "GET " PRIVATE " HTTP/1.1\r\nHost: a\r\n%s: Bearer %s\r\n"
                               "%s: Bearer %s\r\nConnection: close\r\n\r\n",
                               NAMES[i][0], token, NAMES[i][1], j == 0 ? token : "a.b.c");
            response = http_raw(request.bytes, request.length, 10000);
            cr_assert_eq(response->status, 400, "%s", response->body);
            cr_assert_not_null(strstr(response->body, "/problems/ambiguous-header"), "%s",
                               response->body);
            text_deinit(&request);
        }
    }
}

/* Checks A4. */
Test(identity, bytes_that_no_token_has_are_refused_and_nobody_is_taken_for_anonymous)
{
    static const char *const VALUES[] = {"Bearer a.b.c\x01", "Bearer \x7f.b.c",
                                         "Bearer a.\xff.c",  "Bearer \xc3\xa4.b.c",
                                         "\x1b[0m",          "Bearer a\x08.b.c"};
    static const char *const PATHS[] = {PRIVATE, PUBLIC};

    for (size_t i = 0; i < ARRAY_LENGTH(VALUES); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(PATHS); j++) {
            CLEANUP(response_freep) struct response *response = NULL;
            char request[300];
            int length = snprintf(request, sizeof(request),
                                  "GET %s HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\n"
                                  "Connection: close\r\n\r\n",
                                  PATHS[j], VALUES[i]);

            response = http_raw(request, (size_t)length, 10000);
            cr_assert_eq(response->status, 400, "%zu: %s", i, response->body);
        }
    }
}

/* Checks A24. */
Test(identity, a_token_in_the_query_is_refused_and_written_down_nowhere)
{
    const char *token = token_for("admin", NULL);
    static const char *const NAMES[] = {"access_token", "token", "api_key", "client_secret"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        struct text path;

        text_init(&path, TEXT_BYTES_MAX);
        text_append_format(&path, "/v1/clients?%s=%s", NAMES[i], token);
        response = http_get(path.bytes);
        expect_problem(response, 400, "credentials-in-url", NAMES[i]);
        cr_assert_null(strstr(response->body, token));
        text_deinit(&path);
    }
    cr_assert_eq(test_server_log_lines(token), 0);
}

Test(identity, what_is_wrong_is_told_in_the_order_of_the_checks)
{
    static const struct {
        const char *token, *method, *path, *type, *body;
        int status;
        const char *why;
    } ROWS[] = {
        {"a.b.c", "GET", "/v1/a%00", NULL, NULL, 400, "the path before the token"},
        {"a.b.c", "GET", "/nothing", NULL, NULL, 404, "the route before the token"},
        {"a.b.c", "DELETE", "/v1/clients", NULL, NULL, 405, "the method before the token"},
        {"a.b.c", "POST", "/v1/clients", "Content-Type: text/plain", "x", 401,
         "the token before the type of the body"},
        {"a.b.c", "GET", "/v1/practices?nonsense=1", NULL, NULL, 401, "the token before the query"},
        {"partner", "POST", "/v1/clients", "Content-Type: text/plain", "x", 403,
         "the right before the type of the body"},
        {"partner", "GET", "/v1/clients?nonsense=1", NULL, NULL, 403, "the right before the query"},
        {"admin", "POST", "/v1/clients", "Content-Type: text/plain", "x", 415,
         "the type of the body before its syntax"},
        {"admin", "POST", "/v1/clients", "Content-Type: application/json", "x", 400,
         "the syntax of the body"},
        {"admin", "POST", "/v1/clients", "Content-Type: application/json", "{}", 422, "its sense"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const char *token =
            ROWS[i].token[1] == '.' ? ROWS[i].token : token_for(ROWS[i].token, "univerbal");
        CLEANUP(response_freep)
        struct response *response =
            http_as(token, ROWS[i].method, ROWS[i].path, (const char *const[]){ROWS[i].type, NULL},
                    ROWS[i].body);

        cr_assert_eq(response->status, ROWS[i].status, "%s: %d %.300s", ROWS[i].why,
                     response->status, response->body);
    }
}

/* --- tokens ------------------------------------------------------------------------------- */

/* A token in its three parts; owned. */
struct parts {
    char *whole;
    char *header, *payload, *signature; /* within whole */
};

static struct parts take_apart(const char *token)
{
    struct parts parts = {.whole = strdup(token)};

    parts.header = parts.whole;
    parts.payload = strchr(parts.header, '.');
    *parts.payload++ = '\0';
    parts.signature = strchr(parts.payload, '.');
    *parts.signature++ = '\0';
    return parts;
}

static void append_base64url(struct text *text, const void *bytes, size_t size_bytes)
{
    char encoded[16 * 1024];

    cr_assert_lt(sodium_base64_encoded_len(size_bytes, URL_SAFE), sizeof(encoded));
    (void)sodium_bin2base64(encoded, sizeof(encoded), bytes, size_bytes, URL_SAFE);
    text_append(text, encoded);
}

/* The header of a good token, with other things said in it: JSON of which %s is its kid. */
static char *with_header(const struct parts *parts, const char *format, const char *signature)
{
    char header[1024], decoded[1024];
    json_auto_t *old = NULL;
    struct text token;
    size_t length;

    cr_assert_eq(sodium_base642bin((unsigned char *)decoded, sizeof(decoded), parts->header,
                                   strlen(parts->header), NULL, &length, NULL, URL_SAFE),
                 0);
    old = json_loadb(decoded, length, 0, NULL);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* of the tables below */
    (void)snprintf(header, sizeof(header), format, json_string_value(json_object_get(old, "kid")));
#pragma GCC diagnostic pop
    text_init(&token, TEXT_BYTES_MAX);
    append_base64url(&token, header, strlen(header));
    text_append_format(&token, ".%s.%s", parts->payload,
                       signature == NULL ? parts->signature : signature);
    return text_steal(&token, &length);
}

/* Checks A5, A10, A11. */
Test(identity, a_token_does_not_choose_how_it_is_checked)
{
    static const struct {
        const char *header, *signature, *why;
    } ROWS[] = {
        {"{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"%s\"}", "", "no algorithm"},
        {"{\"alg\":\"None\",\"typ\":\"JWT\",\"kid\":\"%s\"}", "", "in other letters"},
        {"{\"alg\":\"NONE\",\"typ\":\"JWT\",\"kid\":\"%s\"}", NULL, "with a signature"},
        {"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", "", "an empty signature"},
        {"{\"alg\":\"es256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", NULL, "in small letters"},
        {"{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", NULL, "of another key"},
        {"{\"alg\":\"ES384\",\"typ\":\"JWT\",\"kid\":\"%s\"}", NULL, "of another curve"},
        {"{\"typ\":\"JWT\",\"kid\":\"%s\"}", NULL, "not told"},
        {"{\"alg\":\"ES256\",\"typ\":\"JWT\"}", NULL, "of no key"},
        {"{\"alg\":\"ES256\",\"crit\":[\"x\"],\"kid\":\"%s\"}", NULL, "crit"},
        {"{\"alg\":\"ES256\",\"b64\":false,\"crit\":[\"b64\"],\"kid\":\"%s\"}", NULL, "b64"},
        {"{\"alg\":\"ES256\",\"jku\":\"http://127.0.0.1:1/\",\"kid\":\"%s\"}", NULL, "jku"},
        {"{\"alg\":\"ES256\",\"x5u\":\"http://127.0.0.1:1/\",\"kid\":\"%s\"}", NULL, "x5u"},
        {"{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\"},\"kid\":\"%s\"}", NULL, "jwk"},
        {"{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"%s\"}", NULL, "alg twice"},
        {"{\"alg\":\"ES256\",\"kid\":\"x\",\"kid\":\"%s\"}", NULL, "kid twice"},
        {"{\"alg\":\"ES256\",\"kid\":\"../../../etc/passwd\"}", NULL, "a path"},
        {"{\"alg\":\"ES256\",\"kid\":\"' or 1=1 --\"}", NULL, "SQL"},
        {"[]", NULL, "a list"},
        {"x", NULL, "no JSON"},
    };
    struct parts parts = take_apart(token_for("admin", NULL));

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char *token = with_header(&parts, ROWS[i].header, ROWS[i].signature);

        check_refused(token, ROWS[i].why);
        free(token);
    }
    free(parts.whole);
}

/* SubjectPublicKeyInfo of a P-256 key before its two coordinates (RFC 5480). */
static const unsigned char P256_PREFIX[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                            0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                            0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};

static void read_coordinate(const char *text, unsigned char *ret_bytes)
{
    size_t length;

    cr_assert_eq(
        sodium_base642bin(ret_bytes, 32, text, strlen(text), NULL, &length, NULL, URL_SAFE), 0);
    cr_assert_eq(length, 32);
}

/* The token signed by HMAC with what everybody can know. */
static void check_hmac(const struct parts *parts, const void *key, size_t key_bytes,
                       const char *why)
{
    char *unsigned_token =
        with_header(parts, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", "");
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    struct text token;

    text_init(&token, TEXT_BYTES_MAX);
    (void)crypto_auth_hmacsha256_init(&state, key, key_bytes);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)unsigned_token,
                                        strlen(unsigned_token) - 1);
    (void)crypto_auth_hmacsha256_final(&state, mac);
    text_append(&token, unsigned_token);
    append_base64url(&token, mac, sizeof(mac));
    check_refused(token.bytes, why);
    text_deinit(&token);
    free(unsigned_token);
}

/* Checks A6. */
Test(identity, a_public_key_is_no_secret_to_sign_with)
{
    CLEANUP(response_freep) struct response *keys = http_get("/.well-known/jwks.json");
    struct parts parts = take_apart(token_for("admin", NULL));
    const json_t *key = response_at(keys, "/keys/0");
    unsigned char der[sizeof(P256_PREFIX) + 64];
    char body[200], pem[300], *jwk = json_dumps(key, JSON_COMPACT);
    size_t length;

    memcpy(der, P256_PREFIX, sizeof(P256_PREFIX));
    read_coordinate(json_string_value(json_object_get(key, "x")), der + sizeof(P256_PREFIX));
    read_coordinate(json_string_value(json_object_get(key, "y")), der + sizeof(P256_PREFIX) + 32);
    (void)sodium_bin2base64(body, sizeof(body), der, sizeof(der), sodium_base64_VARIANT_ORIGINAL);
    length = (size_t)snprintf(pem, sizeof(pem),
                              "-----BEGIN PUBLIC KEY-----\n%.64s\n%s\n-----END PUBLIC KEY-----\n",
                              body, body + 64);
    check_hmac(&parts, pem, length, "its PEM");
    check_hmac(&parts, pem, length - 1, "its PEM without the last line end");
    check_hmac(&parts, der, sizeof(der), "its DER");
    check_hmac(&parts, jwk, strlen(jwk), "its JWK");
    check_hmac(&parts, "", 0, "nothing");
    free(jwk);
    free(parts.whole);
}

/* Checks A9. */
Test(identity, a_token_changed_in_any_place_is_refused)
{
    const char *good = token_for("admin", NULL);
    size_t length = strlen(good);
    char *token = strdup(good);

    for (size_t i = 0; i < length; i++) {
        CLEANUP(response_freep) struct response *response = NULL;

        /* Also where only bits change that belong to no byte: one token has one spelling. */
        token[i] = good[i] == 'A' ? 'z' : 'A';
        response = http_as(token, "GET", PRIVATE, NULL, NULL);
        cr_assert_eq(response->status, 401, "byte %zu: %d", i, response->status);
        token[i] = good[i];
    }
    cr_assert_eq(status_of(token, PRIVATE), 200);
    free(token);
}

/* Checks A18, A19. */
Test(identity, what_has_not_the_form_of_a_token_is_refused)
{
    static const char *const TOKENS[] = {
        ".",    "..",   "...",    "a",         "a.b",   "a.b.c.d.e",   "a..c",
        ".b.c", "a.b.", "a.b.c=", "a+b.c/d.e", "-.-.-", "e30.e30.e30",
    };
    struct text text;

    for (size_t i = 0; i < ARRAY_LENGTH(TOKENS); i++)
        check_refused(TOKENS[i], TOKENS[i]);
    text_init(&text, TEXT_BYTES_MAX);
    text_append(&text, token_for("admin", NULL));
    text_append_char(&text, '=');
    check_refused(text.bytes, "padding");
    text_clear(&text);
    for (size_t i = 0; i < TOKEN_BYTES_MAX + 1; i++)
        text_append_char(&text, i == 10 || i == 20 ? '.' : 'a');
    check_refused(text.bytes, "8193 bytes");
    for (size_t i = text.length; i < 30000; i++)
        text_append_char(&text, 'a');
    CLEANUP(response_freep)
    struct response *response = http_as(text.bytes, "GET", PUBLIC, NULL, NULL);

    cr_assert(response->status == 401 || response->status == 431, "%d", response->status);
    text_deinit(&text);
}

/* Checks A12, A17. */
Test(identity, a_token_of_the_command_line_ends_in_time)
{
    static const char *const TIMES[][2] = {{"3600", "0"}, {"3601", "2"}, {"0", "2"}, {"-1", "2"}};

    for (size_t i = 0; i < ARRAY_LENGTH(TIMES); i++) {
        struct program_result result;

        cr_assert(test_server_command(
            (const char *const[]){"token", "--role", "editor", "--ttl", TIMES[i][0], NULL},
            &result));
        cr_assert_eq(result.exit_code, TIMES[i][1][0] - '0', "%s: %s", TIMES[i][0], result.error);
        program_result_deinit(&result);
    }
}

/* --- what is not so any more -------------------------------------------------------------- */

struct nodes {
    struct test_server first, second;
};

static void start_nodes(struct nodes *nodes)
{
    static const char *const CHANGES[] = {"EXPRESS_RATE_LIMIT=0", NULL};
    char *what = NULL;

    if (!test_server_start(&nodes->first, CHANGES, &what) ||
        !test_server_start_beside(&nodes->second, &nodes->first, CHANGES, &what))
        cr_assert_fail("%s", what);
    test_server_use(&nodes->first);
}

static void stop_nodes(struct nodes *nodes)
{
    char *what = NULL;

    if (!test_server_stop(&nodes->second, &what) || !test_server_stop(&nodes->first, &what))
        cr_assert_fail("%s", what);
}

/* Both nodes come to answer with this status, within five seconds from now. */
static void check_becomes(const struct nodes *nodes, const char *token, const char *path,
                          int status, const char *why)
{
    const struct test_server *const servers[] = {&nodes->first, &nodes->second};
    uint64_t deadline = clock_monotonic_ms() + SEEN_MS_MAX;

    for (size_t i = 0; i < ARRAY_LENGTH(servers); i++) {
        test_server_use(servers[i]);
        while (status_of(token, path) != status)
            cr_assert_lt(clock_monotonic_ms(), deadline, "%s: node %zu does not notice", why, i);
    }
    test_server_use(&nodes->first);
}

static void change_client(const struct test_client *client, const char *change)
{
    CLEANUP(response_freep) struct response *response = NULL;
    char path[100];

    (void)snprintf(path, sizeof(path), "/v1/clients/%s", client->id);
    response = http_as(token_for("admin", NULL), "PATCH", path, NULL, change);
    cr_assert_eq(response->status, 200, "%s", response->body);
}

/* Checks A20. */
Test(identity, every_node_learns_within_seconds_what_a_client_may_not_do_any_more)
{
    struct test_client client;
    struct nodes nodes;
    char *token;

    start_nodes(&nodes);
    client_make("admin", "univerbal", NULL, &client);
    token = client_token(&client, NULL);
    check_becomes(&nodes, token, PRIVATE, 200, "at the beginning");
    change_client(&client, "{\"role\":\"editor\"}");
    check_becomes(&nodes, token, PRIVATE, 403, "no administrator any more");
    check_becomes(&nodes, token, PUBLIC, 200, "an editor still");
    change_client(&client, "{\"role\":\"admin\"}");
    check_becomes(&nodes, token, PRIVATE, 200, "an administrator again");
    change_client(&client, "{\"scopes\":[\"read\"]}");
    check_becomes(&nodes, token, PRIVATE, 403, "fewer scopes");
    change_client(&client, "{\"scopes\":null,\"disabled\":true}");
    check_becomes(&nodes, token, PUBLIC, 401, "disabled");
    change_client(&client, "{\"disabled\":false}");
    check_becomes(&nodes, token, PRIVATE, 200, "enabled");
    stop_nodes(&nodes);
    free(token);
}

/* Checks A20. */
Test(identity, every_node_learns_within_seconds_that_a_token_was_revoked)
{
    struct test_client client;
    struct nodes nodes;
    char *token, *other;
    struct text form;

    start_nodes(&nodes);
    client_make("admin", "univerbal", NULL, &client);
    token = client_token(&client, NULL);
    other = client_token(&client, NULL);
    check_becomes(&nodes, token, PRIVATE, 200, "at the beginning");
    text_init(&form, TEXT_BYTES_MAX);
    text_append_format(&form, "token=%s", token);
    CLEANUP(response_freep)
    struct response *response = http_form(&client, "/v1/oauth/revoke", form.bytes);

    cr_assert_eq(response->status, 200, "%s", response->body);
    check_becomes(&nodes, token, PUBLIC, 401, "revoked");
    check_becomes(&nodes, other, PRIVATE, 200, "the other token");
    text_deinit(&form);
    stop_nodes(&nodes);
    free(other);
    free(token);
}

/* --- keys --------------------------------------------------------------------------------- */

/* What the command prints, without the line's end; owned. */
static char *key_command(const char *verb, const char *kid)
{
    struct program_result result;
    char *out;

    cr_assert(test_server_command((const char *const[]){"key", verb, kid, NULL}, &result));
    cr_assert_eq(result.exit_code, 0, "key %s: %s", verb, result.error);
    out = strdup(result.out);
    out[strcspn(out, "\n")] = '\0';
    program_result_deinit(&result);
    return out;
}

static char *kid_of(const char *token)
{
    struct parts parts = take_apart(token);
    json_auto_t *header = NULL;
    char decoded[1024], *kid;
    size_t length;

    cr_assert_eq(sodium_base642bin((unsigned char *)decoded, sizeof(decoded), parts.header,
                                   strlen(parts.header), NULL, &length, NULL, URL_SAFE),
                 0);
    header = json_loadb(decoded, length, 0, NULL);
    kid = strdup(json_string_value(json_object_get(header, "kid")));
    free(parts.whole);
    return kid;
}

/* Until both nodes sign with another key than @old. */
static char *token_of_another_key(const struct nodes *nodes, const struct test_client *client,
                                  const char *old)
{
    const struct test_server *const servers[] = {&nodes->first, &nodes->second};
    uint64_t deadline = clock_monotonic_ms() + SEEN_MS_MAX;
    char *token = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(servers); i++) {
        bool is_new = false;

        test_server_use(servers[i]);
        while (!is_new) {
            char *kid;

            free(token);
            token = client_token(client, NULL);
            kid = kid_of(token);
            is_new = strcmp(kid, old) != 0;
            free(kid);
            cr_assert_lt(clock_monotonic_ms(), deadline, "node %zu signs with the old key", i);
        }
    }
    test_server_use(&nodes->first);
    return token;
}

/* Checks A22. */
Test(identity, keys_are_exchanged_without_a_token_that_is_refused)
{
    struct test_client client;
    struct nodes nodes;
    char *old_token, *new_token, *old_kid, *new_kid, sql[300];

    start_nodes(&nodes);
    client_make("admin", "univerbal", NULL, &client);
    old_token = client_token(&client, NULL);
    old_kid = kid_of(old_token);
    free(key_command("add", NULL));
    new_token = token_of_another_key(&nodes, &client, old_kid);
    new_kid = kid_of(new_token);
    check_becomes(&nodes, new_token, PRIVATE, 200, "of the new key");
    check_becomes(&nodes, old_token, PRIVATE, 200, "of the old key");
    free(key_command("retire", old_kid));
    check_becomes(&nodes, old_token, PRIVATE, 200, "of the retired key");

    CLEANUP(response_freep) struct response *keys = http_get("/.well-known/jwks.json");

    cr_assert_not_null(strstr(keys->body, old_kid), "others still check tokens with it");
    cr_assert_not_null(strstr(keys->body, new_kid));
    /* The end of the overlap, an hour later. */
    (void)snprintf(sql, sizeof(sql),
                   "update identity.signing_key set retired_at = now() - interval '2 hours', "
                   "expires_at = now() - interval '1 second' where kid = '%s'",
                   old_kid);
    test_database_run(sql);
    check_becomes(&nodes, old_token, PUBLIC, 401, "of the key that has ended");
    check_becomes(&nodes, new_token, PRIVATE, 200, "of the new key");
    stop_nodes(&nodes);
    free(new_kid);
    free(old_kid);
    free(new_token);
    free(old_token);
}

Test(identity, a_node_without_its_own_secret_does_not_sign_with_the_keys_of_others)
{
    static const char *const CHANGES[] = {
        "EXPRESS_RATE_LIMIT=0", "EXPRESS_SECRET=a secret that is not that of the others", NULL};
    struct test_client client;
    struct test_server other;
    char *token, *what = NULL;
    struct nodes nodes;

    start_nodes(&nodes);
    client_make("admin", "univerbal", NULL, &client);
    token = client_token(&client, NULL);
    if (!test_server_start_beside(&other, &nodes.first, CHANGES, &what))
        cr_assert_fail("%s", what);
    test_server_use(&other);
    cr_assert_eq(status_of(token, PRIVATE), 200, "the public halves are enough to check");
    if (!test_server_stop(&other, &what))
        cr_assert_fail("%s", what);
    stop_nodes(&nodes);
    free(token);
}

/* --- limits ------------------------------------------------------------------------------- */

static struct response *get_from(const char *address, const char *token, const char *path)
{
    char header[100];

    (void)snprintf(header, sizeof(header), "X-Forwarded-For: %s", address);
    return http_as(token, "GET", path, (const char *const[]){header, NULL}, NULL);
}

static void check_status_from(const char *address, const char *token, const char *path, int status,
                              const char *why)
{
    CLEANUP(response_freep) struct response *response = get_from(address, token, path);

    cr_assert_eq(response->status, status, "%s: %d %s", why, response->status, response->body);
}

/* Bad tokens until they are no longer looked at. Return: how many were. */
static unsigned exhaust(const char *address)
{
    unsigned count = 0;

    for (int status = 401; status == 401; count++) {
        char token[40];

        (void)snprintf(token, sizeof(token), "a.b.c%u", count);
        CLEANUP(response_freep) struct response *response = get_from(address, token, PUBLIC);

        status = response->status;
        if (status == 401)
            continue;
        expect_problem(response, 429, "too-many-attempts", "a guess too many");
        cr_assert_not_null(response_header(response, "Retry-After"));
        cr_assert_geq(strtol(response_header(response, "Retry-After"), NULL, 10), 1);
        cr_assert_leq(strtol(response_header(response, "Retry-After"), NULL, 10), 6);
    }
    return count - 1;
}

/* Checks A25. */
Test(identity, who_guesses_tokens_has_to_wait_and_nobody_else)
{
    static const char *const CHANGES[] = {"EXPRESS_RATE_LIMIT=1000",
                                          "EXPRESS_TRUSTED_PROXY=127.0.0.1", NULL};
    struct test_server server;
    char *what = NULL, *unknown;
    struct test_client client;
    const char *known;
    unsigned guesses;

    if (!test_server_start(&server, CHANGES, &what))
        cr_assert_fail("%s", what);
    test_server_use(&server);
    client_make("admin", "univerbal", NULL, &client);
    unknown = client_token(&client, NULL);
    known = token_for("admin", NULL);
    guesses = exhaust("192.0.2.1");
    cr_assert(guesses >= 10 && guesses <= 60, "%u", guesses);
    check_status_from("192.0.2.1", known, PRIVATE, 200, "who is known, from there");
    check_status_from("192.0.2.1", NULL, PUBLIC, 200, "nobody in particular, from there");
    check_status_from("192.0.2.2", unknown, PRIVATE, 200, "who is not known, from elsewhere");
    check_status_from("192.0.2.1", unknown, PRIVATE, 200, "who has come to be known");
    check_status_from("192.0.2.3", "a.b.c", PUBLIC, 401, "a first guess, from elsewhere");
    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
    free(unknown);
}

/* Checks A25. */
Test(identity, who_guesses_secrets_has_to_wait_and_the_client_itself_does_not)
{
    static const char *const CHANGES[] = {"EXPRESS_RATE_LIMIT=1000",
                                          "EXPRESS_TRUSTED_PROXY=127.0.0.1", NULL};
    static const char TYPE[] = "Content-Type: application/x-www-form-urlencoded";
    struct test_server server;
    struct test_client client;
    unsigned guesses = 0;
    char *what = NULL;
    char form[300];

    if (!test_server_start(&server, CHANGES, &what))
        cr_assert_fail("%s", what);
    test_server_use(&server);
    client_make("partner", "univerbal", NULL, &client);
    for (int status = 401; status == 401; guesses++) {
        (void)snprintf(form, sizeof(form),
                       "grant_type=client_credentials&client_id=%s&client_secret=guess-%u",
                       client.id, guesses);
        CLEANUP(response_freep)
        struct response *response =
            http_as(NULL, "POST", "/v1/oauth/token",
                    (const char *const[]){TYPE, "X-Forwarded-For: 192.0.2.9", NULL}, form);

        status = response->status;
        cr_assert(status == 401 || status == 429, "%d %s", status, response->body);
    }
    cr_assert(guesses > 10 && guesses < 60, "%u", guesses);
    free(client_token(&client, NULL)); /* from another address */
    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
}

Test(identity, each_client_has_a_limit_of_its_own_wherever_it_asks_from)
{
    static const char *const CHANGES[] = {"EXPRESS_RATE_LIMIT=3", "EXPRESS_TRUSTED_PROXY=127.0.0.1",
                                          NULL};
    const char *const tokens[] = {"editor", "admin"};
    struct test_server server;
    char *what = NULL;

    if (!test_server_start(&server, CHANGES, &what))
        cr_assert_fail("%s", what);
    test_server_use(&server);
    for (size_t i = 0; i < ARRAY_LENGTH(tokens); i++) {
        const char *token = token_for(tokens[i], NULL);
        unsigned refused = 0;

        /* The same from many addresses: one bucket of three. */
        for (unsigned j = 0; j < 60; j++) {
            char address[40];

            (void)snprintf(address, sizeof(address), "198.51.100.%u", j);
            CLEANUP(response_freep) struct response *response = get_from(address, token, "/");

            refused += response->status == 429;
            if (response->status != 429)
                continue;
            cr_assert_str_eq(response_text_at(response, "/type"), "/problems/rate-limited");
            cr_assert_not_null(response_header(response, "RateLimit"));
        }
        cr_assert_gt(refused, 0, "%s", tokens[i]);
    }
    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
}

Test(identity, the_log_names_the_client_and_no_person_and_no_token)
{
    struct program_result result;
    struct test_client client;
    char *token, line[100];

    client_make("admin", "univerbal", NULL, &client);
    token = client_token(&client, NULL);
    cr_assert_eq(status_of(token, PRIVATE), 200);
    (void)snprintf(line, sizeof(line), "client_id=%s", client.id);
    cr_assert_geq(test_server_log_lines(line), 1);
    cr_assert_eq(test_server_log_lines(token), 0);
    cr_assert(test_server_command(
        (const char *const[]){"token", "--role", "admin", "--subject", "canary-of-a-person", NULL},
        &result));
    result.out[strcspn(result.out, "\n")] = '\0';
    cr_assert_eq(status_of(result.out, PRIVATE), 200);
    cr_assert_eq(test_server_log_lines("canary-of-a-person"), 0);
    program_result_deinit(&result);
    free(token);
}
