#include "auth/token.h"

#include "base/text.h"
#include "support/forge.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1800000000
#define ISSUER "https://api.example.org"
#define OTHER "https://login.example.org/realms/newcomers"
#define EC_KID "our-key"
#define RSA_KID "their-key"
#define EC_HEADER "{\"alg\":\"ES256\",\"kid\":\"" EC_KID "\",\"typ\":\"JWT\"}"
#define RSA_HEADER "{\"alg\":\"RS256\",\"kid\":\"" RSA_KID "\",\"typ\":\"JWT\"}"
/* A payload with a place for one more member. */
#define CLAIMS(more)                                                                               \
    "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"sub\":\"somebody\",\"jti\":\"one\","         \
    "\"iat\":1800000000,\"exp\":1800003600" more "}"
#define RSA_CLAIMS                                                                                 \
    "{\"iss\":\"" OTHER "\",\"aud\":[\"account\",\"express\"],\"sub\":\"f:1:somebody\","           \
    "\"azp\":\"portal\",\"iat\":1800000000,\"exp\":1800000300}"

static struct forge_key ec, rsa;
static struct token_issuer issuers[2];

static void begin(void)
{
    const char *why = "";

    cr_assert(sodium_init() >= 0);
    ec = forge_key_make(FORGE_P256);
    rsa = forge_key_make(FORGE_RSA_2048);
    issuers[0] = (struct token_issuer){
        .issuer = ISSUER, .audience = ISSUER, .is_ours = true, .keys = token_keys_new(2)};
    issuers[1] =
        (struct token_issuer){.issuer = OTHER, .audience = "express", .keys = token_keys_new(2)};
    cr_assert_eq(token_keys_add_pem(issuers[0].keys, EC_KID, TOKEN_ES256, ec.public_pem, 0, &why),
                 0, "%s", why);
    cr_assert_eq(token_keys_add_pem(issuers[1].keys, RSA_KID, TOKEN_RS256, rsa.public_pem, 0, &why),
                 0, "%s", why);
}

static void end(void)
{
    token_keys_unref(issuers[0].keys);
    token_keys_unref(issuers[1].keys);
    forge_key_deinit(&ec);
    forge_key_deinit(&rsa);
    test_ends_without_leaks();
}

TestSuite(token, .init = begin, .fini = end);

/* Return: what the guard says; the reason in @ret_reason. */
static int verify_at(int64_t now, const char *text, const char **ret_reason)
{
    struct token_claims claims = {0};
    size_t issuer = 0;
    int r;

    *ret_reason = "";
    r = token_verify(issuers, ARRAY_LENGTH(issuers), now, text, &claims, ret_reason, &issuer);
    if (r == 0)
        token_claims_deinit(&claims);
    else
        cr_assert_null(claims.payload);
    return r;
}

static void assert_refused(const char *text, const char *reason, const char *why)
{
    const char *said;
    const int r = verify_at(NOW, text, &said);

    cr_assert(r == TOKEN_INVALID || r == TOKEN_UNKNOWN_KEY, "%s: %d", why, r);
    if (reason != NULL)
        cr_assert_str_eq(said, reason, "%s: %s", why, said);
}

static void assert_taken(const char *text, const char *why)
{
    const char *said;
    const int r = verify_at(NOW, text, &said);

    cr_assert_eq(r, 0, "%s: %d %s", why, r, said);
}

/* --- what is taken ----------------------------------------------------------------------- */

Test(token, one_of_ours_tells_its_claims)
{
    char *text = forge_token(&ec, EC_HEADER, CLAIMS(",\"scope\":\"read write\""));
    struct token_claims claims;
    const char *reason;
    size_t issuer = 7;

    cr_assert_eq(token_verify(issuers, 2, NOW, text, &claims, &reason, &issuer), 0);
    cr_assert_eq(claims.issuer, 0);
    cr_assert_str_eq(claims.subject, "somebody");
    cr_assert_str_eq(claims.id, "one");
    cr_assert_str_eq(claims.kid, EC_KID);
    cr_assert_eq(claims.issued_at, NOW);
    cr_assert_eq(claims.expires_at, NOW + 3600);
    cr_assert_str_eq(json_string_value(json_object_get(claims.payload, "scope")), "read write");
    token_claims_deinit(&claims);
    free(text);
}

Test(token, one_of_an_outside_issuer_needs_no_id_of_its_own)
{
    char *text = forge_token(&rsa, RSA_HEADER, RSA_CLAIMS);
    struct token_claims claims;
    const char *reason;
    size_t issuer = 7;

    cr_assert_eq(token_verify(issuers, 2, NOW, text, &claims, &reason, &issuer), 0);
    cr_assert_eq(claims.issuer, 1);
    cr_assert_null(claims.id);
    token_claims_deinit(&claims);
    free(text);
}

Test(token, what_we_sign_we_verify)
{
    json_auto_t *claims = json_loads(CLAIMS(",\"role\":\"editor\""), 0, NULL);
    char *private_pem = NULL, *public_pem = NULL, *text = NULL;
    const char *why = "";

    cr_assert_eq(token_make_key_pair(&private_pem, &public_pem), 0);
    cr_assert_eq(token_keys_add_pem(issuers[0].keys, "made", TOKEN_ES256, public_pem, 0, &why), 0,
                 "%s", why);
    cr_assert_eq(token_sign("made", private_pem, claims, &text), 0);
    assert_taken(text, "signed by us");
    free(text);
    cr_assert(token_sign("made", "no key", claims, &text) < 0);
    free(private_pem);
    free(public_pem);
}

/* --- A5 to A11: headers ------------------------------------------------------------------ */

/* Checks A5. */
Test(token, no_algorithm_is_no_signature)
{
    const char *const names[] = {"none",  "None",  "NONE",  "nOnE",  "",     "es256",
                                 "HS256", "ES384", "PS256", "EdDSA", "RS512"};

    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        char header[128], unsigned_text[1024];
        char *text, *head, *payload = forge_encode(CLAIMS(""));

        (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"" EC_KID "\"}", names[i]);
        text = forge_token(&ec, header, CLAIMS(""));
        assert_refused(text, "algorithm", names[i]);
        free(text);
        head = forge_encode(header);
        (void)snprintf(unsigned_text, sizeof(unsigned_text), "%s.%s.", head, payload);
        assert_refused(unsigned_text, "form", "an empty signature");
        (void)snprintf(unsigned_text, sizeof(unsigned_text), "%s.%s", head, payload);
        assert_refused(unsigned_text, "form", "no signature");
        (void)snprintf(unsigned_text, sizeof(unsigned_text), "%s.%s.AA", head, payload);
        assert_refused(unsigned_text, "algorithm", "a short signature");
        free(head);
        free(payload);
    }
}

/* Checks A6. */
Test(token, our_public_keys_are_no_secrets_to_sign_with)
{
    static const char *const HEADERS[] = {
        "{\"alg\":\"HS256\",\"kid\":\"" EC_KID "\"}", "{\"alg\":\"HS256\",\"kid\":\"" RSA_KID "\"}",
        "{\"alg\":\"ES256\",\"kid\":\"" EC_KID "\"}", "{\"alg\":\"RS256\",\"kid\":\"" RSA_KID "\"}",
        "{\"alg\":\"hs256\",\"kid\":\"" EC_KID "\"}",
    };
    const struct forge_key *const keys[] = {&ec, &rsa};

    for (size_t k = 0; k < ARRAY_LENGTH(keys); k++) {
        json_auto_t *jwk = forge_key_to_jwk(keys[k], k == 0 ? EC_KID : RSA_KID);
        char *jwk_text = json_dumps(jwk, JSON_COMPACT);
        const struct {
            const void *bytes;
            size_t length;
        } secrets[] = {
            {keys[k]->public_pem, strlen(keys[k]->public_pem)},
            {keys[k]->public_pem, strlen(keys[k]->public_pem) - 1},
            {keys[k]->public_der, keys[k]->public_der_bytes},
            {jwk_text, strlen(jwk_text)},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(secrets) * ARRAY_LENGTH(HEADERS); i++) {
            char *text = forge_token_hmac(secrets[i % 4].bytes, secrets[i % 4].length,
                                          HEADERS[i / 4], k == 0 ? CLAIMS("") : RSA_CLAIMS);

            assert_refused(text, NULL, HEADERS[i / 4]);
            free(text);
        }
        free(jwk_text);
    }
}

/* Checks A7. */
Test(token, a_kid_that_the_issuer_does_not_have_is_unknown)
{
    static const char *const KIDS[] = {RSA_KID,   "../../etc/passwd", "' or 1=1 --",   "our-key ",
                                       "OUR-KEY", "our-ke",           "our-key\\u0001"};
    char long_header[5000], kid[4097];
    const char *reason;
    char *text;

    for (size_t i = 0; i < ARRAY_LENGTH(KIDS); i++) {
        char header[128];

        (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", KIDS[i]);
        text = forge_token(&ec, header, CLAIMS(""));
        cr_assert_eq(verify_at(NOW, text, &reason), TOKEN_UNKNOWN_KEY, "%s", KIDS[i]);
        cr_assert_str_eq(reason, "key");
        free(text);
    }
    memset(kid, 'k', sizeof(kid) - 1);
    kid[sizeof(kid) - 1] = '\0';
    (void)snprintf(long_header, sizeof(long_header), "{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid);
    text = forge_token(&ec, long_header, CLAIMS(""));
    assert_refused(text, "key", "a kid of 4 kB");
    free(text);
}

/* Checks A7. */
Test(token, a_key_is_named_always_and_by_text)
{
    static const char *const HEADERS[] = {
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\",\"kid\":null}",
        "{\"alg\":\"ES256\",\"kid\":\"\"}",
        "{\"alg\":\"ES256\",\"kid\":1}",
        "{\"alg\":\"ES256\",\"kid\":[\"" EC_KID "\"]}",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(HEADERS); i++) {
        char *text = forge_token(&ec, HEADERS[i], CLAIMS(""));

        assert_refused(text, "key", HEADERS[i]);
        free(text);
    }
}

/* Checks A7. */
Test(token, without_keys_nothing_is_verified)
{
    char *text = forge_token(&ec, EC_HEADER, CLAIMS(""));
    const struct token_issuer bare = {
        .issuer = ISSUER, .audience = ISSUER, .is_ours = true, .keys = token_keys_new(0)};
    struct token_claims claims = {0};
    const char *reason = "";
    size_t issuer = 7;

    cr_assert_eq(token_verify(&bare, 1, NOW, text, &claims, &reason, &issuer), TOKEN_UNKNOWN_KEY);
    cr_assert_eq(issuer, 0);
    cr_assert_eq(token_verify(&bare, 0, NOW, text, &claims, &reason, &issuer), TOKEN_INVALID);
    cr_assert_str_eq(reason, "issuer");
    token_keys_unref(bare.keys);
    free(text);
}

/* Checks A22. */
Test(token, a_key_that_has_expired_verifies_no_more)
{
    char *text = forge_token(&ec, EC_HEADER, CLAIMS(""));
    struct token_issuer issuer = issuers[0];
    struct token_claims claims;
    const char *why = "";
    size_t index;

    issuer.keys = token_keys_new(1);
    cr_assert_eq(
        token_keys_add_pem(issuer.keys, EC_KID, TOKEN_ES256, ec.public_pem, NOW + 10, &why), 0);
    cr_assert_eq(token_verify(&issuer, 1, NOW + 9, text, &claims, &why, &index), 0);
    token_claims_deinit(&claims);
    cr_assert_eq(token_verify(&issuer, 1, NOW + 10, text, &claims, &why, &index), TOKEN_INVALID);
    cr_assert_str_eq(why, "key-expired");
    token_keys_unref(issuer.keys);
    free(text);
}

/* Checks A8. */
Test(token, the_algorithm_is_the_one_of_the_key)
{
    static const struct {
        const char *header, *payload;
        bool by_rsa;
    } rows[] = {
        {"{\"alg\":\"RS256\",\"kid\":\"" EC_KID "\"}", CLAIMS(""), true},
        {"{\"alg\":\"RS256\",\"kid\":\"" EC_KID "\"}", CLAIMS(""), false},
        {"{\"alg\":\"ES256\",\"kid\":\"" RSA_KID "\"}", RSA_CLAIMS, false},
        {"{\"alg\":\"ES256\",\"kid\":\"" RSA_KID "\"}", RSA_CLAIMS, true},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char *text = forge_token(rows[i].by_rsa ? &rsa : &ec, rows[i].header, rows[i].payload);

        assert_refused(text, "algorithm", rows[i].header);
        free(text);
    }
}

/* Checks A8. */
Test(token, weak_and_foreign_keys_are_refused_when_they_are_loaded)
{
    const struct {
        enum forge_kind kind;
        enum token_algorithm algorithm;
        const char *why;
    } rows[] = {
        {FORGE_P384, TOKEN_ES256, "not a key on the curve P-256"},
        {FORGE_RSA_2048, TOKEN_ES256, "not a key on the curve P-256"},
        {FORGE_RSA_1024, TOKEN_RS256, "an RSA key of fewer than 2048 bits"},
        {FORGE_RSA_EXPONENT_3, TOKEN_RS256, "an RSA key with a weak exponent"},
        {FORGE_P256, TOKEN_RS256, "not an RSA key"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct forge_key key = forge_key_make(rows[i].kind);
        json_auto_t *jwk = forge_key_to_jwk(&key, "weak");
        struct token_keys *keys = token_keys_new(1);
        const char *why = "";
        int r;

        cr_assert_eq(token_keys_add_pem(keys, "weak", rows[i].algorithm, key.public_pem, 0, &why),
                     TOKEN_UNUSABLE_KEY);
        cr_assert_str_eq(why, rows[i].why);
        r = token_keys_add_jwk(keys, jwk, 1U << rows[i].algorithm, &why);
        cr_assert(r == TOKEN_UNUSABLE_KEY || r == TOKEN_FOREIGN_KEY, "%s: %d", rows[i].why, r);
        cr_assert_eq(token_keys_count(keys), 0);
        token_keys_unref(keys);
        forge_key_deinit(&key);
    }
}

/* Checks A8. */
Test(token, a_signature_by_p384_is_none_by_p256)
{
    struct forge_key key = forge_key_make(FORGE_P384);
    char *text = forge_token(&key, EC_HEADER, CLAIMS(""));

    assert_refused(text, "signature", "P-384");
    free(text);
    forge_key_deinit(&key);
}

/* Checks A9. */
Test(token, a_change_of_any_byte_is_seen, .timeout = 120)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static const char OTHERS[] = {'.', '=', '+', '/', ' ', '\n', '\x01', '\x7f', '\x80', '\xff'};
    char *const texts[] = {forge_token(&ec, EC_HEADER, CLAIMS("")),
                           forge_token(&rsa, RSA_HEADER, RSA_CLAIMS)};

    for (size_t t = 0; t < ARRAY_LENGTH(texts); t++) {
        char *text = texts[t];

        for (size_t i = 0; text[i] != '\0'; i++) {
            const char was = text[i];
            const char *digit = strchr(DIGITS, was);

            for (size_t k = 0; k < ARRAY_LENGTH(OTHERS); k++) {
                text[i] = OTHERS[k];
                if (OTHERS[k] != was)
                    assert_refused(text, NULL, "a foreign byte");
            }
            /* The neighbours differ in the last bits alone, which a lax decoder drops. */
            for (size_t k = 1; digit != NULL && k < 64; k *= 2) {
                text[i] = DIGITS[(size_t)(digit - DIGITS) ^ k];
                assert_refused(text, NULL, "another digit");
            }
            text[i] = was;
        }
        assert_taken(text, "as it was");
        free(text);
    }
}

/* Checks A9. */
Test(token, one_cut_short_or_made_longer_is_none)
{
    char *text = forge_token(&ec, EC_HEADER, CLAIMS(""));
    const size_t length = strlen(text);
    char longer[2048];

    (void)snprintf(longer, sizeof(longer), "%sA", text);
    assert_refused(longer, NULL, "a digit more");
    (void)snprintf(longer, sizeof(longer), "%sAAAA", text);
    assert_refused(longer, "signature", "three bytes more");
    for (size_t i = 0; i < length; i++) {
        (void)snprintf(longer, sizeof(longer), "%.*s", (int)i, text);
        assert_refused(longer, NULL, "cut");
    }
    free(text);
}

/* Checks A10. */
Test(token, headers_that_bring_keys_or_demands_along_are_refused)
{
    static const char *const MEMBERS[] = {
        "\"crit\":[\"exp\"]",
        "\"crit\":[]",
        "\"b64\":false",
        "\"b64\":true",
        "\"jku\":\"https://evil.example/jwks.json\"",
        "\"x5u\":\"https://evil.example/key.pem\"",
        "\"x5c\":[\"AAAA\"]",
        "\"jwk\":{\"kty\":\"EC\"}",
        "\"jwk\":null",
        "\"zip\":\"DEF\"",
        "\"cty\":\"JWT\"",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(MEMBERS); i++) {
        char header[256];
        char *text;

        (void)snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"" EC_KID "\",%s}",
                       MEMBERS[i]);
        text = forge_token(&ec, header, CLAIMS(""));
        assert_refused(text, "header-member", MEMBERS[i]);
        free(text);
    }
}

/* Checks A11. */
Test(token, a_member_named_twice_is_refused)
{
    static const struct {
        const char *header, *payload, *reason;
    } rows[] = {
        {"{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"" EC_KID "\"}", CLAIMS(""), "header"},
        {"{\"alg\":\"ES256\",\"kid\":\"x\",\"kid\":\"" EC_KID "\"}", CLAIMS(""), "header"},
        {"{\"alg\":\"ES256\",\"\\u0061lg\":\"ES256\",\"kid\":\"" EC_KID "\"}", CLAIMS(""),
         "header"},
        {EC_HEADER, CLAIMS(",\"sub\":\"somebody else\""), "payload"},
        {EC_HEADER, CLAIMS(",\"aud\":\"" ISSUER "\""), "payload"},
        {EC_HEADER, CLAIMS(",\"\\u0065xp\":1800003600"), "payload"},
        {EC_HEADER, CLAIMS(",\"deep\":{\"a\":1,\"a\":2}"), "payload"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char *text = forge_token(&ec, rows[i].header, rows[i].payload);

        assert_refused(text, rows[i].reason, rows[i].payload);
        free(text);
    }
}

/* --- A12 to A17: claims ------------------------------------------------------------------ */

/* Checks A12. */
Test(token, clocks_may_differ_by_a_minute)
{
    static const struct {
        const char *times;
        int expected;
        const char *reason;
    } rows[] = {
        {"\"iat\":1799999900,\"exp\":1799999941", 0, ""},
        {"\"iat\":1799999900,\"exp\":1799999939", TOKEN_INVALID, "expired"},
        {"\"iat\":1800000000,\"exp\":1800000300,\"nbf\":1800000059", 0, ""},
        {"\"iat\":1800000000,\"exp\":1800000300,\"nbf\":1800000061", TOKEN_INVALID,
         "not-yet-valid"},
        {"\"iat\":1800000059,\"exp\":1800000300", 0, ""},
        {"\"iat\":1800000061,\"exp\":1800000300", TOKEN_INVALID, "not-yet-valid"},
        {"\"iat\":1800000300,\"exp\":1800000600,\"nbf\":0", TOKEN_INVALID, "not-yet-valid"},
        {"\"iat\":1800000000,\"exp\":1800000300,\"nbf\":\"0\"", TOKEN_INVALID, "times"},
        {"\"iat\":1800000000,\"exp\":1800000300,\"nbf\":null", TOKEN_INVALID, "times"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char payload[512];
        const char *reason;
        char *text;

        (void)snprintf(payload, sizeof(payload),
                       "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"sub\":\"s\","
                       "\"jti\":\"j\",%s}",
                       rows[i].times);
        text = forge_token(&ec, EC_HEADER, payload);
        cr_assert_eq(verify_at(NOW, text, &reason), rows[i].expected, "%s", rows[i].times);
        cr_assert_str_eq(reason, rows[i].reason, "%s", rows[i].times);
        free(text);
    }
}

/* Checks A13. */
Test(token, its_end_is_a_number_of_seconds)
{
    static const struct {
        const char *exp;
        bool taken;
    } rows[] = {
        {"", false},
        {",\"exp\":\"1800003600\"", false},
        {",\"exp\":null", false},
        {",\"exp\":true", false},
        {",\"exp\":[1800003600]", false},
        {",\"exp\":-1", false},
        {",\"exp\":-1800003600.0", false},
        {",\"exp\":9223372036854775807", false},
        {",\"exp\":9223372036854775808", false},
        {",\"exp\":1e400", false},
        {",\"exp\":1e300", false},
        {",\"exp\":1e19", false},
        {",\"exp\":0", false},
        {",\"exp\":1800000300", true},
        {",\"exp\":1800000300.5", true},
        {",\"exp\":1.8000003e9", true},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char payload[512];
        const char *reason;
        char *text;
        int r;

        (void)snprintf(payload, sizeof(payload),
                       "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"sub\":\"s\","
                       "\"jti\":\"j\",\"iat\":1800000000%s}",
                       rows[i].exp);
        text = forge_token(&ec, EC_HEADER, payload);
        r = verify_at(NOW, text, &reason);
        cr_assert_eq(r == 0, rows[i].taken, "%s: %d %s", rows[i].exp, r, reason);
        free(text);
    }
}

/* Checks A13. */
Test(token, a_real_time_is_floored)
{
    char *text = forge_token(&ec, EC_HEADER,
                             "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"sub\":\"s\","
                             "\"jti\":\"j\",\"iat\":1799999999.9,\"exp\":1800000300.999}");
    struct token_claims claims;
    const char *reason = "";
    size_t issuer;

    cr_assert_eq(token_verify(issuers, 2, NOW, text, &claims, &reason, &issuer), 0, "%s", reason);
    cr_assert_eq(claims.issued_at, 1799999999);
    cr_assert_eq(claims.expires_at, 1800000300);
    token_claims_deinit(&claims);
    free(text);
}

/* Writes a thousand names, ours among them. */
static void make_long_audience(struct text *audience)
{
    text_append(audience, "[\"" ISSUER "\"");
    for (int i = 0; i < 999; i++)
        text_append(audience, ",\"a\"");
    text_append(audience, "]");
}

/* Checks A14. */
Test(token, it_is_for_us_or_for_nobody)
{
    static const struct {
        const char *aud;
        bool taken;
    } rows[] = {
        {NULL, false},
        {"null", false},
        {"\"\"", false},
        {"\"https://other.example.org\"", false},
        {"\"" ISSUER "/\"", false},
        {"[]", false},
        {"[\"https://other.example.org\"]", false},
        {"[\"https://other.example.org\",\"" ISSUER "\"]", true},
        {"[\"" ISSUER "\",1]", false},
        {"[[\"" ISSUER "\"]]", false},
        {"{\"" ISSUER "\":true}", false},
        {"1", false},
        {"\"" ISSUER "\"", true},
        {"[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\",\"13\","
         "\"14\",\"15\",\"" ISSUER "\"]",
         true},
        {"[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\",\"13\","
         "\"14\",\"15\",\"16\",\"" ISSUER "\"]",
         false},
        {"a thousand", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct text payload;
        const char *reason;
        char *text;

        text_init(&payload, 16384);
        text_append(&payload, "{\"iss\":\"" ISSUER "\",\"sub\":\"s\",\"jti\":\"j\","
                              "\"iat\":1800000000,\"exp\":1800000300");
        if (rows[i].aud != NULL)
            text_append(&payload, ",\"aud\":");
        if (rows[i].aud != NULL && strcmp(rows[i].aud, "a thousand") == 0)
            make_long_audience(&payload);
        else if (rows[i].aud != NULL)
            text_append(&payload, rows[i].aud);
        text_append(&payload, "}");
        text = forge_token(&ec, EC_HEADER, payload.bytes);
        cr_assert_eq(verify_at(NOW, text, &reason) == 0, rows[i].taken, "%s: %s", rows[i].aud,
                     reason);
        if (!rows[i].taken)
            cr_assert_str_eq(reason, "audience");
        free(text);
        text_deinit(&payload);
    }
}

/* Checks A15. */
Test(token, its_issuer_is_spelled_exactly)
{
    static const char *const ISSUERS[] = {
        "\"aud\":\"" ISSUER "\"",
        "\"iss\":\"\",\"aud\":\"" ISSUER "\"",
        "\"iss\":null,\"aud\":\"" ISSUER "\"",
        "\"iss\":[\"" ISSUER "\"],\"aud\":\"" ISSUER "\"",
        "\"iss\":\"https://other.example.org\",\"aud\":\"" ISSUER "\"",
        "\"iss\":\"" ISSUER "/\",\"aud\":\"" ISSUER "\"",
        "\"iss\":\"https://API.example.org\",\"aud\":\"" ISSUER "\"",
        "\"iss\":\"http://api.example.org\",\"aud\":\"" ISSUER "\"",
        "\"iss\":\" " ISSUER "\",\"aud\":\"" ISSUER "\"",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ISSUERS); i++) {
        char payload[512];
        char *text;

        (void)snprintf(payload, sizeof(payload),
                       "{%s,\"sub\":\"s\",\"jti\":\"j\",\"iat\":1800000000,\"exp\":1800000300}",
                       ISSUERS[i]);
        text = forge_token(&ec, EC_HEADER, payload);
        assert_refused(text, "issuer", ISSUERS[i]);
        free(text);
    }
}

/* Checks A15. */
Test(token, one_issuer_cannot_speak_for_another)
{
    /* Signed rightly by the outside issuer's key, and naming us; and the other way round. */
    char *theirs = forge_token(&rsa, RSA_HEADER, CLAIMS(""));
    char *ours = forge_token(&ec, EC_HEADER, RSA_CLAIMS);

    assert_refused(theirs, "key", "theirs");
    assert_refused(ours, "key", "ours");
    free(theirs);
    free(ours);
}

/* Checks A16. */
Test(token, what_tells_a_client_who_signed_in_is_not_for_us)
{
    static const char *const MEMBERS[] = {
        ",\"nonce\":\"n\"",
        ",\"at_hash\":\"h\"",
        ",\"c_hash\":\"h\"",
        ",\"azp\":\"" ISSUER "\"",
        ",\"client_id\":\"" ISSUER "\"",
        ",\"typ\":\"ID\"",
        ",\"typ\":\"Refresh\"",
        ",\"events\":{}",
        ",\"nonce\":null",
    };
    static const char *const TYPES[] = {"at+jwt", "jwt", "JOSE", "", "dpop+jwt", "logout+jwt"};

    for (size_t i = 0; i < ARRAY_LENGTH(MEMBERS); i++) {
        char payload[512];
        char *text;

        (void)snprintf(payload, sizeof(payload),
                       "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"sub\":\"s\","
                       "\"jti\":\"j\",\"iat\":1800000000,\"exp\":1800000300%s}",
                       MEMBERS[i]);
        text = forge_token(&ec, EC_HEADER, payload);
        assert_refused(text, "purpose", MEMBERS[i]);
        free(text);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(TYPES); i++) {
        char header[128];
        char *text;

        (void)snprintf(header, sizeof(header),
                       "{\"alg\":\"ES256\",\"kid\":\"" EC_KID "\",\"typ\":\"%s\"}", TYPES[i]);
        text = forge_token(&ec, header, CLAIMS(""));
        assert_refused(text, "type", TYPES[i]);
        free(text);
    }
}

/* Checks A17. */
Test(token, none_lives_longer_than_an_hour)
{
    static const struct {
        const char *times, *reason;
    } rows[] = {
        {"\"iat\":1800000000,\"exp\":1800003600", NULL},
        {"\"iat\":1800000000,\"exp\":1800003601", "life"},
        {"\"iat\":1799999999,\"exp\":1800003600", "life"},
        {"\"iat\":0,\"exp\":1800003600", "life"},
        {"\"iat\":1800000010,\"exp\":1800000010", "life"},
        {"\"iat\":1800000020,\"exp\":1800000010", "life"},
        {"\"exp\":1800003600", "times"},
        {"\"iat\":\"1800000000\",\"exp\":1800003600", "times"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char payload[512];
        char *text;

        (void)snprintf(payload, sizeof(payload),
                       "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"sub\":\"s\","
                       "\"jti\":\"j\",%s}",
                       rows[i].times);
        text = forge_token(&ec, EC_HEADER, payload);
        if (rows[i].reason == NULL)
            assert_taken(text, rows[i].times);
        else
            assert_refused(text, rows[i].reason, rows[i].times);
        free(text);
    }
}

Test(token, it_names_somebody_and_itself)
{
    static const struct {
        const char *members, *reason;
    } rows[] = {
        {"\"jti\":\"j\"", "subject"},
        {"\"sub\":\"\",\"jti\":\"j\"", "subject"},
        {"\"sub\":1,\"jti\":\"j\"", "subject"},
        {"\"sub\":\"a\\nb\",\"jti\":\"j\"", "subject"},
        {"\"sub\":\"s\"", "id"},
        {"\"sub\":\"s\",\"jti\":\"\"", "id"},
        {"\"sub\":\"s\",\"jti\":7", "id"},
        {"\"sub\":\"s\",\"jti\":null", "id"},
        {"\"sub\":\"s\",\"jti\":\"\\u007f\"", "id"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char payload[512];
        char *text;

        (void)snprintf(payload, sizeof(payload),
                       "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"iat\":1800000000,"
                       "\"exp\":1800000300,%s}",
                       rows[i].members);
        text = forge_token(&ec, EC_HEADER, payload);
        assert_refused(text, rows[i].reason, rows[i].members);
        free(text);
    }
}

/* --- A18, A19: form ---------------------------------------------------------------------- */

/* A token of exactly this size, well signed. */
static char *sized_token(size_t size_bytes)
{
    for (size_t filling = size_bytes / 4 * 3 - 500; filling < size_bytes; filling++) {
        struct text payload;
        char *text;
        size_t length;

        text_init(&payload, size_bytes + 1024);
        text_append(&payload, "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"sub\":\"s\","
                              "\"jti\":\"j\",\"iat\":1800000000,\"exp\":1800000300,\"more\":\"");
        for (size_t i = 0; i < filling; i++)
            text_append_char(&payload, 'x');
        text_append(&payload, "\"}");
        text = forge_token(&ec, EC_HEADER, payload.bytes);
        length = strlen(text);
        text_deinit(&payload);
        if (length >= size_bytes)
            return text;
        free(text);
    }
    cr_assert_fail("no token of %zu bytes", size_bytes);
    return NULL;
}

static void *verify_on_a_small_stack(void *data)
{
    const char *reason;

    (void)verify_at(NOW, data, &reason);
    return NULL;
}

/* Checks A18. */
Test(token, its_size_is_bounded_before_it_is_looked_at)
{
    const size_t sizes[] = {8193, 30000, 100000, 500000};
    char *largest = sized_token(8188);
    pthread_attr_t attributes;
    pthread_t thread;

    cr_assert_leq(strlen(largest), 8192);
    assert_taken(largest, "nearly 8 KiB");
    cr_assert_eq(pthread_attr_init(&attributes), 0);
    cr_assert_eq(pthread_attr_setstacksize(&attributes, (size_t)512 * 1024), 0);
    cr_assert_eq(pthread_create(&thread, &attributes, verify_on_a_small_stack, largest), 0);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    free(largest);
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        char *text = sized_token(sizes[i]);

        assert_refused(text, "form", "too large");
        cr_assert_eq(pthread_create(&thread, &attributes, verify_on_a_small_stack, text), 0);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        free(text);
    }
    (void)pthread_attr_destroy(&attributes);
}

/* Checks A18. */
Test(token, deep_nesting_does_not_reach_the_parser)
{
    static const char OPENERS[] = {'[', '{'};

    for (size_t i = 0; i < ARRAY_LENGTH(OPENERS); i++) {
        char deep[4096];
        char *text;

        memset(deep, OPENERS[i], sizeof(deep) - 1);
        deep[0] = '{';
        deep[sizeof(deep) - 1] = '\0';
        text = forge_token(&ec, EC_HEADER, deep);
        assert_refused(text, "payload", "deep");
        free(text);
        text = forge_token(&ec, deep, CLAIMS(""));
        assert_refused(text, "header", "deep");
        free(text);
    }
}

/* Checks A19. */
Test(token, three_segments_of_digits_and_nothing_else)
{
    static const char *const TEXTS[] = {
        "",
        ".",
        "..",
        "...",
        "....",
        "a",
        "a.b",
        "a.b.c",
        "a..c",
        ".b.c",
        "a.b.",
        "a.b.c.d",
        "a.b.c.d.e",
        "a.b.c.",
        "e30.e30.e30",
        "e30..e30",
        " e30.e30.e30",
        "e30.e30.e30 ",
        "e30\n.e30.e30",
        "e30=.e30.e30",
        "e3+.e3/.e30",
        "e30.e30.\xff\xfe",
        "bnVsbA.bnVsbA.bnVsbA",
        "W10.W10.W10",
        "IiI.IiI.IiI",
    };
    char *good = forge_token(&ec, EC_HEADER, CLAIMS(""));
    char changed[2048];

    for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++)
        assert_refused(TEXTS[i], NULL, TEXTS[i]);
    (void)snprintf(changed, sizeof(changed), "%s=", good);
    assert_refused(changed, NULL, "padding");
    (void)snprintf(changed, sizeof(changed), "%s ", good);
    assert_refused(changed, NULL, "a space behind it");
    (void)snprintf(changed, sizeof(changed), " %s", good);
    assert_refused(changed, NULL, "a space before it");
    (void)snprintf(changed, sizeof(changed), "%s.e30.e30", good);
    assert_refused(changed, "form", "five segments");
    free(good);
}

/* Checks A19. */
Test(token, payloads_that_are_no_objects_are_refused)
{
    static const char *const PAYLOADS[] = {
        "[]", "null", "1",    "\"text\"",           "",
        "{",  "{} ",  "{}{}", "{\"iss\":\"\xff\"}", "\xEF\xBB\xBF{}"};

    for (size_t i = 0; i < ARRAY_LENGTH(PAYLOADS); i++) {
        char *text = forge_token(&ec, EC_HEADER, PAYLOADS[i]);

        assert_refused(text, NULL, PAYLOADS[i]);
        free(text);
    }
}

/* --- JSON Web Keys ----------------------------------------------------------------------- */

#define ANY (1U << TOKEN_ES256 | 1U << TOKEN_RS256)

Test(token, a_key_goes_to_json_and_comes_back)
{
    const struct forge_key *const pairs[] = {&ec, &rsa};
    const enum token_algorithm algorithms[] = {TOKEN_ES256, TOKEN_RS256};

    for (size_t i = 0; i < 2; i++) {
        struct token_keys *keys = token_keys_new(1), *back = token_keys_new(1);
        json_auto_t *jwks = NULL;
        const json_t *jwk;
        const char *why = "";

        cr_assert_eq(
            token_keys_add_pem(keys, "k", algorithms[i], pairs[i]->public_pem, NOW + 1, &why), 0);
        jwks = token_keys_to_jwks(keys, NOW);
        jwk = json_array_get(json_object_get(jwks, "keys"), 0);
        cr_assert_str_eq(json_string_value(json_object_get(jwk, "use")), "sig");
        cr_assert_null(json_object_get(jwk, "d"));
        cr_assert_eq(token_keys_add_jwk(back, jwk, ANY, &why), 0, "%s", why);
        cr_assert_str_eq(token_keys_at(back, 0)->pem, pairs[i]->public_pem);
        cr_assert_eq(token_keys_at(back, 0)->algorithm, algorithms[i]);
        json_decref(jwks);
        jwks = token_keys_to_jwks(keys, NOW + 1);
        cr_assert_eq(json_array_size(json_object_get(jwks, "keys")), 0);
        token_keys_unref(keys);
        token_keys_unref(back);
    }
}

/* Adds one member to a sound key, or replaces it; null removes it. */
static int add_changed(struct token_keys *keys, const struct forge_key *key, const char *name,
                       const char *value, const char **ret_why)
{
    json_auto_t *jwk = forge_key_to_jwk(key, "k");
    json_t *member = json_loads(value, JSON_DECODE_ANY, NULL);

    *ret_why = "";
    if (json_is_null(member)) {
        (void)json_object_del(jwk, name);
        json_decref(member);
    } else {
        (void)json_object_set_new(jwk, name, member);
    }
    return token_keys_add_jwk(keys, jwk, ANY, ret_why);
}

/* Checks A8. */
Test(token, keys_for_other_purposes_and_malformed_ones_are_refused)
{
    const struct {
        const struct forge_key *key;
        const char *name, *value, *why;
        bool is_foreign;
    } rows[] = {
        {&ec, "use", "\"enc\"", "not a key for signatures", true},
        {&ec, "use", "1", "not a key for signatures", true},
        {&ec, "key_ops", "[\"encrypt\"]", "not a key for signatures", true},
        {&ec, "key_ops", "\"verify\"", "not a key for signatures", true},
        {&ec, "alg", "\"ES384\"", "a key for another algorithm", true},
        {&rsa, "alg", "\"RSA-OAEP\"", "a key for another algorithm", true},
        {&rsa, "alg", "\"PS256\"", "a key for another algorithm", true},
        {&ec, "d", "\"AAAA\"", "a private key", false},
        {&ec, "kty", "\"oct\"", "neither an EC nor an RSA key", true},
        {&ec, "kty", "null", "neither an EC nor an RSA key", true},
        {&ec, "kid", "null", "a kid that is empty or longer than 128 bytes", false},
        {&ec, "kid", "7", "a kid that is empty or longer than 128 bytes", false},
        {&ec, "crv", "\"P-384\"", "not a key on the curve P-256", false},
        {&ec, "x", "\"AAAA\"", "not a key: a number is missing or malformed", false},
        {&ec, "y", "null", "not a key: a number is missing or malformed", false},
        {&ec, "x", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
         "not a key: a number is missing or malformed", false},
        {&ec, "x", "\"!\"", "not a key: a number is missing or malformed", false},
        {&rsa, "n", "\"\"", "not a key: a number is missing or malformed", false},
        {&rsa, "e", "null", "not a key: a number is missing or malformed", false},
        {&rsa, "e", "\"AQ\"", "an RSA key with a weak exponent", false},
        {&rsa, "e", "\"AAAA\"", NULL, false},
        {&rsa, "n", "\"AQAB\"", NULL, false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct token_keys *keys = token_keys_new(1);
        const char *why;

        cr_assert_eq(add_changed(keys, rows[i].key, rows[i].name, rows[i].value, &why),
                     rows[i].is_foreign ? TOKEN_FOREIGN_KEY : TOKEN_UNUSABLE_KEY, "%s: %s",
                     rows[i].name, rows[i].value);
        if (rows[i].why != NULL)
            cr_assert_str_eq(why, rows[i].why, "%s: %s: %s", rows[i].name, rows[i].value, why);
        token_keys_unref(keys);
    }
}

Test(token, members_of_keys_that_change_nothing_are_passed_over)
{
    const struct {
        const struct forge_key *key;
        const char *name, *value;
    } rows[] = {
        {&ec, "use", "\"sig\""},
        {&ec, "alg", "\"ES256\""},
        {&rsa, "alg", "\"RS256\""},
        {&rsa, "key_ops", "[\"verify\"]"},
        {&rsa, "x5c", "[\"certificate\"]"},
        {&ec, "issued", "\"2026-01-01\""},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct token_keys *keys = token_keys_new(1);
        const char *why;

        cr_assert_eq(add_changed(keys, rows[i].key, rows[i].name, rows[i].value, &why), 0, "%s: %s",
                     rows[i].name, why);
        token_keys_unref(keys);
    }
}

Test(token, a_set_holds_each_kid_once_and_no_more_than_it_was_made_for)
{
    struct token_keys *keys = token_keys_new(1);
    const char *why = "";

    cr_assert_eq(token_keys_add_pem(keys, "a", TOKEN_ES256, ec.public_pem, 0, &why), 0);
    cr_assert_eq(token_keys_add_pem(keys, "a", TOKEN_ES256, ec.public_pem, 0, &why),
                 TOKEN_UNUSABLE_KEY);
    cr_assert_str_eq(why, "a kid that another key has");
    cr_assert_eq(token_keys_add_pem(keys, "b", TOKEN_ES256, ec.public_pem, 0, &why),
                 TOKEN_UNUSABLE_KEY);
    cr_assert_str_eq(why, "one key too many");
    cr_assert_eq(token_keys_count(keys), 1);
    token_keys_unref(keys);
}

Test(token, what_is_no_public_key_is_no_key)
{
    struct token_keys *keys = token_keys_new(1);
    const char *const texts[] = {
        "", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
        "00000000000000000000000000000000\n\nAAAA\n-----END PUBLIC KEY-----\n",
        ec.private_pem};

    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        const char *why = "";

        cr_assert_eq(token_keys_add_pem(keys, "k", TOKEN_ES256, texts[i], 0, &why),
                     TOKEN_UNUSABLE_KEY, "%s", texts[i]);
        cr_assert_str_eq(why, "not a public key in PEM");
    }
    token_keys_unref(keys);
}
