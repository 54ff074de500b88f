#include "auth/issuers.h"

#include "auth/jwks.h"
#include "auth/token.h"
#include "base/text.h"
#include "support/forge.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OURS "https://api.example.org"
#define NAME "https://login.example.org/realms/newcomers"
#define ROLES "\"roles\":{\"claim\":\"roles\",\"map\":{\"express-editors\":\"editor\"}}"
#define GOOD                                                                                       \
    "\"issuer\":\"" NAME "\",\"audience\":\"express\",\"algorithms\":[\"RS256\",\"ES256\"],"
#define FETCHED "\"jwks_uri\":\"https://login.example.org/certs\","

static unsigned char key[BEARER_KEY_BYTES];

static void begin(void)
{
    cr_assert(sodium_init() >= 0);
    bearer_key_derive("a secret of thirty-two characters", key);
}

TestSuite(issuers, .init = begin, .fini = test_ends_without_leaks, .timeout = 60);

/* Writes @text to a file of its own. Owned, free(). */
static char *write_file(const char *text)
{
    char *path = strdup("/tmp/express-test-XXXXXX");
    int fd;

    cr_assert_not_null(path);
    fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd); /* what was written is looked at later */
    return path;
}

/* Return: what issuers_read() says; its lines in @ret_errors, owned, free(). */
static int read_text(const char *text, struct issuers **ret_issuers, char **ret_errors)
{
    char *path = write_file(text);
    size_t length = 0;
    FILE *errors = open_memstream(ret_errors, &length);
    int r;

    cr_assert_not_null(errors);
    r = issuers_read(path, OURS, errors, ret_issuers);
    (void)fclose(errors); /* memory alone */
    (void)unlink(path);
    free(path);
    return r;
}

static void assert_refused(const char *text, const char *line)
{
    struct issuers *issuers = NULL;
    char *errors = NULL;

    cr_assert_eq(read_text(text, &issuers, &errors), ISSUERS_INVALID, "%s", text);
    cr_assert_null(issuers);
    cr_assert_not_null(strstr(errors, line), "%s\nsays: %sand not: %s", text, errors, line);
    free(errors);
}

static struct issuers *read_good(const char *text)
{
    struct issuers *issuers = NULL;
    char *errors = NULL;

    cr_assert_eq(read_text(text, &issuers, &errors), 0, "%s", errors);
    cr_assert_str_empty(errors);
    free(errors);
    return issuers;
}

/* --- the file ---------------------------------------------------------------------------- */

Test(issuers, without_a_file_there_are_none)
{
    struct issuers *issuers = NULL;

    cr_assert_eq(issuers_read("", OURS, stderr, &issuers), 0);
    cr_assert_eq(issuers_count(issuers), 0);
    cr_assert_eq(issuers_start(issuers, &ISSUERS_PACE), 0);
    issuers_free(issuers);
    issuers_free(NULL);
}

Test(issuers, a_file_that_is_not_there_is_told)
{
    struct issuers *issuers = NULL;
    char *errors = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&errors, &length);

    cr_assert_eq(issuers_read("/nowhere/issuers.json", OURS, file, &issuers), ISSUERS_INVALID);
    (void)fclose(file); /* memory alone */
    cr_assert_str_eq(errors, "/nowhere/issuers.json: cannot be read\n");
    free(errors);
}

Test(issuers, each_fault_is_told_with_its_place)
{
    static const struct {
        const char *text, *line;
    } rows[] = {
        {"", "is not JSON"},
        {"{}", "must be a list of 1 to 16 issuers"},
        {"[]", "must be a list of 1 to 16 issuers"},
        {"[1]", "/0 must be an object"},
        {"[{" GOOD FETCHED ROLES ",\"jwks_url\":1}]", "there is not: \"jwks_url\""},
        {"[{" GOOD ROLES "}]", "/0 needs either jwks_uri or jwks_file"},
        {"[{" GOOD FETCHED "\"jwks_file\":\"/keys\"," ROLES "}]",
         "/0 needs either jwks_uri or jwks_file"},
        {"[{" GOOD "\"jwks_uri\":\"http://login.example.org/certs\"," ROLES "}]",
         "/0/jwks_uri must be an https URL"},
        {"[{" GOOD "\"jwks_uri\":\"https://user@login.example.org/certs\"," ROLES "}]",
         "/0/jwks_uri must be an https URL"},
        {"[{" GOOD "\"jwks_uri\":\"http://127.0.0.1.example.org/\"," ROLES "}]",
         "/0/jwks_uri must be an https URL"},
        {"[{" GOOD "\"jwks_uri\":\"http://127.0.0.1@example.org/\"," ROLES "}]",
         "/0/jwks_uri must be an https URL"},
        {"[{" GOOD "\"jwks_uri\":\"https:///certs\"," ROLES "}]",
         "/0/jwks_uri must be an https URL"},
        {"[{" GOOD "\"jwks_uri\":\"https://a/#b\"," ROLES "}]", "/0/jwks_uri must be an https URL"},
        {"[{" GOOD "\"jwks_uri\":\"file:///etc/passwd\"," ROLES "}]",
         "/0/jwks_uri must be an https URL"},
        {"[{" GOOD "\"jwks_uri\":7," ROLES "}]", "/0/jwks_uri must be a text"},
        {"[{\"issuer\":\"" OURS "\",\"audience\":\"a\",\"algorithms\":[\"ES256\"]," FETCHED ROLES
         "}]",
         "/0/issuer is this server itself"},
        {"[{\"issuer\":\"login\",\"audience\":\"a\",\"algorithms\":[\"ES256\"]," FETCHED ROLES "}]",
         "/0/issuer must be an https URL"},
        {"[{\"issuer\":\"" NAME "\",\"algorithms\":[\"ES256\"]," FETCHED ROLES "}]",
         "/0/audience must be a text"},
        {"[{\"issuer\":\"" NAME "\",\"audience\":\"a\",\"algorithms\":[\"HS256\"]," FETCHED ROLES
         "}]",
         "/0/algorithms must be a list of RS256 and ES256"},
        {"[{\"issuer\":\"" NAME "\",\"audience\":\"a\",\"algorithms\":[]," FETCHED ROLES "}]",
         "/0/algorithms must be a list of RS256 and ES256"},
        {"[{" GOOD FETCHED "\"roles\":{\"claim\":\"r\",\"map\":{\"a\":\"king\"}}}]",
         "/0/roles maps \"a\" to no role"},
        {"[{" GOOD FETCHED "\"roles\":{\"claim\":\"r\",\"map\":{\"a\":\"service\"}}}]",
         "/0/roles maps \"a\" to no role"},
        {"[{" GOOD FETCHED "\"roles\":{\"claim\":\"r\",\"map\":{\"a\":\"anonymous\"}}}]",
         "/0/roles maps \"a\" to no role"},
        {"[{" GOOD FETCHED "\"roles\":{\"claim\":\"r\",\"map\":{}}}]", "/0/roles needs a map"},
        {"[{" GOOD FETCHED "\"roles\":{\"claim\":[],\"map\":{\"a\":\"editor\"}}}]",
         "/0/roles needs a claim"},
        {"[{" GOOD FETCHED "\"roles\":{\"map\":{\"a\":\"editor\"}}}]", "/0/roles needs a claim"},
        {"[{" GOOD FETCHED "\"roles\":{\"claim\":\"r\",\"map\":{\"a\":\"editor\"},\"all\":1}}]",
         "there is not: \"all\""},
        {"[{" GOOD FETCHED "\"roles\":[]}]", "/0/roles must be an object"},
        {"[{" GOOD "\"jwks_file\":\"/keys\"}]", "/0/roles must be an object"},
        {"[{" GOOD FETCHED "\"roles\":{\"claim\":\"r\",\"map\":{\"a\":\"partner\"}}}]",
         "/0/organisation is needed"},
        {"[{" GOOD FETCHED ROLES ",\"organisation\":{\"claim\":\"o\",\"map\":{\"a\":7}}}]",
         "/0/organisation maps \"a\" to no slug"},
        {"[{" GOOD FETCHED ROLES "},{" GOOD FETCHED ROLES "}]",
         "/1/issuer is there already, at /0"},
        {"[{" GOOD GOOD FETCHED ROLES "}]", "is not JSON"},
        {"[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]", "is nested too deep"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
        assert_refused(rows[i].text, rows[i].line);
}

Test(issuers, all_faults_are_told_at_once)
{
    struct issuers *issuers = NULL;
    char *errors = NULL;
    size_t lines = 0;

    cr_assert_eq(read_text("[{},{\"issuer\":7}]", &issuers, &errors), ISSUERS_INVALID);
    for (const char *at = errors; *at != '\0'; at++)
        lines += *at == '\n';
    cr_assert_geq(lines, 10, "%s", errors);
    free(errors);
}

Test(issuers, good_ones_are_taken)
{
    static const char *const TEXTS[] = {
        "[{" GOOD FETCHED ROLES "}]",
        "[{" GOOD "\"jwks_uri\":\"http://127.0.0.1:8090/certs\"," ROLES "}]",
        "[{" GOOD "\"jwks_uri\":\"http://[::1]:8090/certs\"," ROLES "}]",
        "[{" GOOD "\"jwks_uri\":\"http://localhost/certs\"," ROLES "}]",
        "[{" GOOD "\"jwks_file\":\"/etc/express/keys.json\"," ROLES "}]",
        "[{" GOOD FETCHED "\"roles\":{\"claim\":[\"realm_access\",\"roles\"],"
        "\"map\":{\"p\":\"partner\",\"a\":\"admin\"}},"
        "\"organisation\":{\"claim\":\"org\",\"map\":{\"idp-1\":\"100pap\"}}}]",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++) {
        struct issuers *issuers = read_good(TEXTS[i]);
        struct token_issuer issuer;

        cr_assert_eq(issuers_count(issuers), 1);
        (void)issuers_get(issuers, 0, &issuer);
        cr_assert_str_eq(issuer.issuer, NAME);
        cr_assert_str_eq(issuer.audience, "express");
        cr_assert_not(issuer.is_ours);
        cr_assert_eq(token_keys_count(issuer.keys), 0);
        token_keys_unref(issuer.keys);
        issuers_free(issuers);
    }
}

/* --- what their tokens come to ----------------------------------------------------------- */

#define MAPPED                                                                                     \
    "[{" GOOD FETCHED "\"roles\":{\"claim\":[\"realm_access\",\"roles\"],\"map\":{"                \
    "\"p\":\"partner\",\"e\":\"editor\",\"m\":\"participant\"}},"                                  \
    "\"organisation\":{\"claim\":\"org\",\"map\":{\"idp-1\":\"100pap\"}}}]"

Test(issuers, what_the_file_does_not_map_nobody_has)
{
    static const struct {
        const char *payload;
        enum caller_role role; /* anonymous: refused */
        const char *organisation, *reason;
    } rows[] = {
        {"{\"realm_access\":{\"roles\":[\"e\"]}}", CALLER_EDITOR, "", ""},
        {"{\"realm_access\":{\"roles\":\"e\"}}", CALLER_EDITOR, "", ""},
        {"{\"realm_access\":{\"roles\":[\"m\",\"e\",\"p\"]},\"org\":\"idp-1\"}", CALLER_EDITOR,
         "100pap", ""},
        {"{\"realm_access\":{\"roles\":[\"p\"]},\"org\":\"idp-1\"}", CALLER_PARTNER, "100pap", ""},
        {"{\"realm_access\":{\"roles\":[\"p\"]},\"org\":[\"x\",\"idp-1\"]}", CALLER_PARTNER,
         "100pap", ""},
        {"{\"realm_access\":{\"roles\":[\"m\"]}}", CALLER_PARTICIPANT, "", ""},
        {"{\"realm_access\":{\"roles\":[\"p\"]}}", CALLER_ANONYMOUS, "", "organisation"},
        {"{\"realm_access\":{\"roles\":[\"p\"]},\"org\":\"100pap\"}", CALLER_ANONYMOUS, "",
         "organisation"},
        {"{\"realm_access\":{\"roles\":[\"p\"]},\"org\":{\"idp-1\":1}}", CALLER_ANONYMOUS, "",
         "organisation"},
        {"{\"realm_access\":{\"roles\":[\"admin\"]}}", CALLER_ANONYMOUS, "", "role"},
        {"{\"realm_access\":{\"roles\":[\"editor\",\"E\",\"\"]}}", CALLER_ANONYMOUS, "", "role"},
        {"{\"realm_access\":{\"roles\":[]}}", CALLER_ANONYMOUS, "", "role"},
        {"{\"realm_access\":{\"roles\":{\"e\":1}}}", CALLER_ANONYMOUS, "", "role"},
        {"{\"realm_access\":{\"roles\":[[\"e\"]]}}", CALLER_ANONYMOUS, "", "role"},
        {"{\"realm_access\":[\"e\"]}", CALLER_ANONYMOUS, "", "role"},
        {"{\"roles\":[\"e\"],\"role\":\"admin\"}", CALLER_ANONYMOUS, "", "role"},
        {"{}", CALLER_ANONYMOUS, "", "role"},
    };
    struct issuers *issuers = read_good(MAPPED);

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct token_claims claims = {.subject = "s", .expires_at = 1};
        struct bearer bearer = {.kind = BEARER_CLIENT};
        const char *reason = "";
        int r;

        claims.payload = json_loads(rows[i].payload, 0, NULL);
        cr_assert_not_null(claims.payload);
        r = issuers_bearer(issuers, 0, &claims, key, &bearer, &reason);
        cr_assert_eq(r, rows[i].role == CALLER_ANONYMOUS ? BEARER_INVALID : 0, "%s",
                     rows[i].payload);
        cr_assert_str_eq(reason, rows[i].reason, "%s", rows[i].payload);
        if (r == 0) {
            cr_assert_eq(bearer.kind, BEARER_OUTSIDE);
            cr_assert_eq(bearer.caller.role, rows[i].role, "%s", rows[i].payload);
            cr_assert_str_eq(bearer.organisation, rows[i].organisation);
            cr_assert_str_eq(bearer.caller.scopes, caller_role_scopes(rows[i].role));
            cr_assert_str_empty(bearer.caller.client_id);
            cr_assert_str_empty(bearer.caller.organisation_id, "the database tells it");
            cr_assert_str_empty(bearer.kid);
        }
        token_claims_deinit(&claims);
    }
    issuers_free(issuers);
}

/* --- their keys -------------------------------------------------------------------------- */

/* Checks A7, A22. */
Test(issuers, keys_in_a_file_are_there_when_the_first_token_comes)
{
    struct forge_key pair = forge_key_make(FORGE_P256);
    json_auto_t *set = json_pack("{s:[o]}", "keys", forge_key_to_jwk(&pair, "k"));
    char *set_text = json_dumps(set, 0);
    char *path = write_file(set_text);
    struct text text;
    struct issuers *issuers;
    struct issuers_figures figures;
    struct token_issuer issuer;
    uint64_t seen;

    text_init(&text, 4096);
    text_append_format(&text, "[{" GOOD "\"jwks_file\":\"%s\"," ROLES "}]", path);
    issuers = read_good(text.bytes);
    cr_assert_eq(issuers_start(issuers, &ISSUERS_PACE), 0);
    cr_assert_eq(issuers_await(issuers, 0, 0), ISSUERS_NEW_KEYS);
    seen = issuers_get(issuers, 0, &issuer);
    cr_assert_not_null(token_keys_find(issuer.keys, "k"));
    token_keys_unref(issuer.keys);
    /* It was tried a moment ago: who asks for another key is not kept waiting. */
    cr_assert_eq(issuers_await(issuers, 0, seen), ISSUERS_NOTHING_NEW);
    issuers_figures(issuers, &figures);
    cr_assert_eq(figures.fetches, 1);
    issuers_free(issuers);
    (void)unlink(path);
    free(path);
    free(set_text);
    text_deinit(&text);
    forge_key_deinit(&pair);
}

/* Checks A21. */
Test(issuers, where_no_keys_can_be_had_that_is_told_apart)
{
    struct issuers *issuers =
        read_good("[{" GOOD "\"jwks_file\":\"/nowhere/keys.json\"," ROLES "}]");
    struct issuers_figures figures;

    cr_assert_eq(issuers_start(issuers, &ISSUERS_PACE), 0);
    cr_assert_eq(issuers_await(issuers, 0, 0), ISSUERS_NO_KEYS);
    issuers_figures(issuers, &figures);
    cr_assert_eq(figures.failures, 1);
    issuers_free(issuers);
}

/* Checks A8, A21. */
Test(issuers, what_is_no_set_of_keys_is_refused)
{
    static const char *const TEXTS[] = {
        "",
        "<!doctype html><title>503</title>",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":null}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[]} x",
        "null",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    };
    char *large = calloc(1, JWKS_BYTES_MAX + 2);
    struct token_keys *keys = NULL;
    struct text many;
    const char *why = "";

    for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++)
        cr_assert_eq(jwks_read(TEXTS[i], strlen(TEXTS[i]), 3, "i", &keys, &why), JWKS_INVALID, "%s",
                     TEXTS[i]);
    memset(large, ' ', JWKS_BYTES_MAX + 1);
    cr_assert_eq(jwks_read(large, JWKS_BYTES_MAX + 1, 3, "i", &keys, &why), JWKS_INVALID);
    cr_assert_str_eq(why, "larger than 256 KiB");
    free(large);
    text_init(&many, 4096);
    text_append(&many, "{\"keys\":[0");
    for (int i = 0; i < 64; i++)
        text_append(&many, ",0");
    text_append(&many, "]}");
    cr_assert_eq(jwks_read(many.bytes, many.length, 3, "i", &keys, &why), JWKS_INVALID);
    cr_assert_str_eq(why, "more than 64 keys");
    text_deinit(&many);
    cr_assert_null(keys);
}

/* Checks A8. */
Test(issuers, of_a_set_what_is_sound_is_used)
{
    struct forge_key good = forge_key_make(FORGE_P256), weak = forge_key_make(FORGE_RSA_1024),
                     curve = forge_key_make(FORGE_P384), rsa = forge_key_make(FORGE_RSA_2048);
    json_t *encrypting = forge_key_to_jwk(&rsa, "encrypting");
    json_auto_t *set = NULL;
    struct token_keys *keys = NULL;
    const char *why = "";
    char *text;

    (void)json_object_set_new(encrypting, "use", json_string("enc"));
    set = json_pack("{s:[o,o,o,o,o,s,n]}", "keys", forge_key_to_jwk(&good, "good"),
                    forge_key_to_jwk(&weak, "weak"), forge_key_to_jwk(&curve, "curve"), encrypting,
                    forge_key_to_jwk(&rsa, "rsa"), "no key");
    text = json_dumps(set, 0);
    cr_assert_eq(
        jwks_read(text, strlen(text), 1U << TOKEN_ES256 | 1U << TOKEN_RS256, "i", &keys, &why), 0,
        "%s", why);
    cr_assert_eq(token_keys_count(keys), 2);
    cr_assert_not_null(token_keys_find(keys, "good"));
    cr_assert_not_null(token_keys_find(keys, "rsa"));
    token_keys_unref(keys);
    cr_assert_eq(jwks_read(text, strlen(text), 1U << TOKEN_ES256, "i", &keys, &why), 0);
    cr_assert_eq(token_keys_count(keys), 1, "an algorithm that the file does not allow");
    token_keys_unref(keys);
    free(text);
    forge_key_deinit(&good);
    forge_key_deinit(&weak);
    forge_key_deinit(&curve);
    forge_key_deinit(&rsa);
}
