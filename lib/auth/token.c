/*
 * The guard in front of libjwt 1.10, and what each check is for:
 *
 * It takes the algorithm from the token, so ours comes with the key and is
 * compared before and after. It verifies nothing when the key is NULL. It skips
 * foreign bytes in base64, writes past empty segments and decodes on the stack, so
 * form and size are checked first. It reads neither times nor issuer nor
 * audience nor crit, takes the last of two members of one name, and gives 0 for
 * numbers of another type, so header and payload are parsed here.
 */
#include "auth/token.h"

#include "auth/base64url.h"
#include "auth/shallow.h"
#include "base/fault.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include <jwt.h>
#include <openssl/err.h>

#define SEGMENTS 3
#define DECODED_BYTES_MAX (TOKEN_BYTES_MAX / 4 * 3)
#define TIME_MAX INT64_C(253402300799) /* the end of year 9999 */
#define SUBJECT_BYTES_MAX 255          /* OpenID Connect */
#define ID_BYTES_MAX 128

enum { HEADER, PAYLOAD, SIGNATURE };

struct segment {
    const char *text;
    size_t length;
};

static const jwt_alg_t LIBRARY_ALGORITHMS[] = {
    [TOKEN_ES256] = JWT_ALG_ES256,
    [TOKEN_RS256] = JWT_ALG_RS256,
};

static int refuse(const char *reason, const char **reterr_reason)
{
    *reterr_reason = reason;
    return TOKEN_INVALID;
}

/* --- form -------------------------------------------------------------------------------- */

/* Exactly three segments, none empty. */
static bool split(const char *text, struct segment ret_segments[SEGMENTS])
{
    for (size_t i = 0; i < SEGMENTS; i++) {
        const size_t length = strcspn(text, ".");

        if (length == 0 || text[length] != (i + 1 < SEGMENTS ? '.' : '\0'))
            return false;
        ret_segments[i] = (struct segment){text, length};
        text += length + 1;
    }
    return true;
}

/* A JSON object; NULL when the segment holds anything else. Owned, json_decref(). */
static json_t *parse(const struct segment *segment)
{
    unsigned char bytes[DECODED_BYTES_MAX];
    size_t length = 0;
    json_t *value;

    if (!base64url_decode(segment->text, segment->length, bytes, sizeof(bytes), &length) ||
        !shallow_check((const char *)bytes, length))
        return NULL;
    value = json_loadb((const char *)bytes, length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(value)) {
        json_decref(value);
        return NULL;
    }
    return value;
}

/* --- header ------------------------------------------------------------------------------ */

struct header {
    enum token_algorithm algorithm;
    char kid[TOKEN_KID_BYTES];
};

/* Return: 0; TOKEN_INVALID. */
static int read_header(const struct segment *segment, struct header *ret_header,
                       const char **reterr_reason)
{
    /* Keys and addresses of keys that the token brings along, and what we would have to heed. */
    static const char *const REFUSED[] = {"crit", "b64", "jku", "jwk", "x5u",
                                          "x5c",  "zip", "enc", "cty"};
    json_auto_t *header = parse(segment);
    const json_t *kid = json_object_get(header, "kid");
    const json_t *type = json_object_get(header, "typ");
    const char *algorithm = json_string_value(json_object_get(header, "alg"));

    if (header == NULL)
        return refuse("header", reterr_reason);
    for (size_t i = 0; i < ARRAY_LENGTH(REFUSED); i++) {
        if (json_object_get(header, REFUSED[i]) != NULL)
            return refuse("header-member", reterr_reason);
    }
    if (type != NULL && (!json_is_string(type) || strcmp(json_string_value(type), "JWT") != 0))
        return refuse("type", reterr_reason);
    if (algorithm == NULL || !token_algorithm_of(algorithm, &ret_header->algorithm))
        return refuse("algorithm", reterr_reason);
    if (!json_is_string(kid) || json_string_length(kid) == 0 ||
        json_string_length(kid) >= sizeof(ret_header->kid))
        return refuse("key", reterr_reason);
    memcpy(ret_header->kid, json_string_value(kid), json_string_length(kid) + 1);
    return 0;
}

/* --- signature --------------------------------------------------------------------------- */

/* Return: 0; TOKEN_INVALID; a fault. */
static int check_signature(const char *text, const struct segment *signature,
                           const struct token_key *key, const char **reterr_reason)
{
    unsigned char bytes[DECODED_BYTES_MAX];
    size_t length = 0;
    jwt_t *jwt = NULL;
    jwt_alg_t algorithm;
    int r;

    /* A number with more zeros before it would be the same number: one spelling alone. */
    if (!base64url_decode(signature->text, signature->length, bytes, sizeof(bytes), &length) ||
        length != key->signature_bytes)
        return refuse("signature", reterr_reason);

    assert(key->pem != NULL && key->pem_bytes > 0); /* with no key it would verify nothing */
    r = jwt_decode(&jwt, text, (const unsigned char *)key->pem, (int)key->pem_bytes);
    ERR_clear_error();
    if (r == ENOMEM)
        return fault_raise(-ENOMEM);
    if (r != 0)
        return refuse("signature", reterr_reason);
    algorithm = jwt_get_alg(jwt);
    jwt_free(jwt);
    if (algorithm != LIBRARY_ALGORITHMS[key->algorithm])
        return refuse("signature", reterr_reason);
    return 0;
}

/* --- claims ------------------------------------------------------------------------------ */

/* NumericDate: an integer or a finite real, floored. */
static bool read_time(const json_t *value, int64_t *ret_time)
{
    if (json_is_integer(value)) {
        const json_int_t time = json_integer_value(value);

        if (time < 0 || time > TIME_MAX)
            return false;
        *ret_time = time;
        return true;
    }
    if (json_is_real(value)) {
        const double time = floor(json_real_value(value));

        if (!(time >= 0 && time <= (double)TIME_MAX))
            return false;
        *ret_time = (int64_t)time;
        return true;
    }
    return false;
}

static const char *judge_times(const json_t *payload, int64_t now, struct token_claims *claims)
{
    const json_t *not_before = json_object_get(payload, "nbf");
    int64_t begin = 0;

    if (!read_time(json_object_get(payload, "exp"), &claims->expires_at) ||
        !read_time(json_object_get(payload, "iat"), &claims->issued_at) ||
        (not_before != NULL && !read_time(not_before, &begin)))
        return "times";
    if (claims->expires_at + TOKEN_LEEWAY_S <= now)
        return "expired";
    if (begin > now + TOKEN_LEEWAY_S || claims->issued_at > now + TOKEN_LEEWAY_S)
        return "not-yet-valid";
    if (claims->expires_at <= claims->issued_at ||
        claims->expires_at - claims->issued_at > TOKEN_LIFE_S_MAX)
        return "life";
    return NULL;
}

static bool is_text(const json_t *value, const char *expected)
{
    return json_is_string(value) && strcmp(json_string_value(value), expected) == 0;
}

static bool is_for(const json_t *audience, const char *us)
{
    bool found = false;

    if (json_is_string(audience))
        return is_text(audience, us);
    if (!json_is_array(audience) || json_array_size(audience) > TOKEN_AUDIENCES_MAX)
        return false;
    for (size_t i = 0; i < json_array_size(audience); i++) {
        const json_t *item = json_array_get(audience, i);

        if (!json_is_string(item))
            return false;
        found = found || is_text(item, us);
    }
    return found;
}

/*
 * A token for another purpose, above all one that tells a client who signed in
 * (OpenID Connect): it names what only such a one has, or its audience is the
 * client that asked for it.
 */
static bool has_other_purpose(const json_t *payload, const char *audience)
{
    static const char *const MARKS[] = {"nonce", "at_hash", "c_hash", "s_hash", "events"};
    const json_t *type = json_object_get(payload, "typ");

    for (size_t i = 0; i < ARRAY_LENGTH(MARKS); i++) {
        if (json_object_get(payload, MARKS[i]) != NULL)
            return true;
    }
    if (type != NULL && !is_text(type, "Bearer"))
        return true;
    return is_text(json_object_get(payload, "azp"), audience) ||
           is_text(json_object_get(payload, "client_id"), audience);
}

/* Text of 1..@max bytes, without control characters. */
static bool is_name(const json_t *value, size_t max)
{
    const char *text = json_string_value(value);

    if (text == NULL || json_string_length(value) == 0 || json_string_length(value) > max)
        return false;
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    }
    return true;
}

/* Return: NULL; what is wrong. */
static const char *judge_claims(const json_t *payload, const struct token_issuer *issuer,
                                int64_t now, struct token_claims *claims)
{
    const json_t *subject = json_object_get(payload, "sub");
    const json_t *id = json_object_get(payload, "jti");
    const char *why = judge_times(payload, now, claims);

    if (why != NULL)
        return why;
    if (!is_for(json_object_get(payload, "aud"), issuer->audience))
        return "audience";
    if (has_other_purpose(payload, issuer->audience))
        return "purpose";
    if (!is_name(subject, SUBJECT_BYTES_MAX))
        return "subject";
    if (id == NULL ? issuer->is_ours : !is_name(id, ID_BYTES_MAX))
        return "id";
    claims->subject = json_string_value(subject);
    claims->id = json_string_value(id);
    return NULL;
}

/* --- the guard --------------------------------------------------------------------------- */

void token_claims_deinit(struct token_claims *claims)
{
    json_decref(claims->payload);
    *claims = (struct token_claims){0};
}

static const struct token_issuer *find_issuer(const struct token_issuer *issuers, size_t count,
                                              const json_t *name)
{
    for (size_t i = 0; i < count; i++) {
        if (is_text(name, issuers[i].issuer))
            return &issuers[i];
    }
    return NULL;
}

/* The key that the issuer has under this kid now. Return: 0; TOKEN_INVALID; TOKEN_UNKNOWN_KEY. */
static int choose_key(const struct token_issuer *issuer, const struct header *header, int64_t now,
                      const struct token_key **ret_key, const char **reterr_reason)
{
    const struct token_key *key = token_keys_find(issuer->keys, header->kid);

    if (key == NULL) {
        *reterr_reason = "key";
        return TOKEN_UNKNOWN_KEY;
    }
    if (key->expires_at != 0 && key->expires_at <= now)
        return refuse("key-expired", reterr_reason);
    if (header->algorithm != key->algorithm)
        return refuse("algorithm", reterr_reason);
    *ret_key = key;
    return 0;
}

int token_verify(const struct token_issuer *issuers, size_t issuer_count, int64_t now,
                 const char *text, struct token_claims *ret_claims, const char **reterr_reason,
                 size_t *reterr_issuer)
{
    struct segment segments[SEGMENTS];
    struct header header;
    struct token_claims claims = {0};
    const struct token_issuer *issuer;
    const struct token_key *key = NULL;
    json_auto_t *payload = NULL;
    const char *why;
    int r;

    if (strnlen(text, TOKEN_BYTES_MAX + 1) > TOKEN_BYTES_MAX || !split(text, segments))
        return refuse("form", reterr_reason);
    r = read_header(&segments[HEADER], &header, reterr_reason);
    if (r != 0)
        return r;
    payload = parse(&segments[PAYLOAD]);
    if (payload == NULL)
        return refuse("payload", reterr_reason);
    /* Not verified yet: it chooses among keys that are ours to choose from, and no more. */
    issuer = find_issuer(issuers, issuer_count, json_object_get(payload, "iss"));
    if (issuer == NULL)
        return refuse("issuer", reterr_reason);
    *reterr_issuer = (size_t)(issuer - issuers);
    r = choose_key(issuer, &header, now, &key, reterr_reason);
    if (r == 0)
        r = check_signature(text, &segments[SIGNATURE], key, reterr_reason);
    if (r != 0)
        return r;

    why = judge_claims(payload, issuer, now, &claims);
    if (why != NULL)
        return refuse(why, reterr_reason);
    (void)crypto_generichash(claims.digest, sizeof(claims.digest),
                             (const unsigned char *)segments[PAYLOAD].text,
                             segments[PAYLOAD].length, NULL, 0);
    claims.issuer = (size_t)(issuer - issuers);
    memcpy(claims.kid, header.kid, sizeof(claims.kid));
    claims.payload = json_incref(payload);
    *ret_claims = claims;
    return 0;
}

/* --- signing ----------------------------------------------------------------------------- */

int token_sign(const char *kid, const char *private_pem, const json_t *claims, char **ret_text)
{
    char *payload = json_dumps(claims, JSON_COMPACT);
    char *text = NULL;
    jwt_t *jwt = NULL;
    int r = payload == NULL ? ENOMEM : jwt_new(&jwt);

    if (r == 0)
        r = jwt_add_header(jwt, "kid", kid);
    if (r == 0)
        r = jwt_add_grants_json(jwt, payload);
    if (r == 0)
        r = jwt_set_alg(jwt, JWT_ALG_ES256, (const unsigned char *)private_pem,
                        (int)strlen(private_pem));
    if (r == 0) {
        text = jwt_encode_str(jwt);
        r = text == NULL ? errno : 0;
    }
    jwt_free(jwt);
    free(payload);
    ERR_clear_error();
    if (text == NULL)
        return fault_raise(r > 0 ? -r : -ENOMEM);
    *ret_text = text;
    return 0;
}
