/*
 * Keys are held as PEM, because that is what libjwt takes; OpenSSL reads them
 * once here, to refuse what is too weak or of another kind than the algorithm
 * says: libjwt would verify ES256 with a P-384 key, and RS256 with 1024 bits.
 */
#include "auth/token.h"

#include "auth/base64url.h"
#include "base/fault.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#define CURVE "prime256v1" /* P-256, as OpenSSL calls it */
#define COORDINATE_BYTES 32
#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192      /* beyond it a verification takes milliseconds */
#define RSA_EXPONENT_MIN 65537 /* FIPS 186-5 */
#define PEM_BYTES_MAX 4096

struct token_keys {
    atomic_uint references;
    size_t count, capacity;
    struct token_key items[];
};

static const char *const ALGORITHMS[] = {[TOKEN_ES256] = "ES256", [TOKEN_RS256] = "RS256"};

const char *token_algorithm_name(enum token_algorithm algorithm)
{
    return ALGORITHMS[algorithm];
}

bool token_algorithm_of(const char *name, enum token_algorithm *ret_algorithm)
{
    for (size_t i = 0; i < ARRAY_LENGTH(ALGORITHMS); i++) {
        if (strcmp(ALGORITHMS[i], name) == 0) {
            *ret_algorithm = (enum token_algorithm)i;
            return true;
        }
    }
    return false;
}

/* --- sets -------------------------------------------------------------------------------- */

struct token_keys *token_keys_new(size_t capacity)
{
    struct token_keys *keys;

    assert(capacity <= TOKEN_KEYS_MAX);
    keys = calloc(1, sizeof(*keys) + capacity * sizeof(keys->items[0]));
    if (keys == NULL)
        return NULL;
    atomic_init(&keys->references, 1);
    keys->capacity = capacity;
    return keys;
}

struct token_keys *token_keys_ref(struct token_keys *keys)
{
    atomic_fetch_add(&keys->references, 1);
    return keys;
}

void token_keys_unref(struct token_keys *keys)
{
    if (keys == NULL || atomic_fetch_sub(&keys->references, 1) != 1)
        return;
    for (size_t i = 0; i < keys->count; i++)
        free(keys->items[i].pem);
    free(keys);
}

size_t token_keys_count(const struct token_keys *keys)
{
    return keys->count;
}

const struct token_key *token_keys_at(const struct token_keys *keys, size_t index)
{
    assert(index < keys->count);
    return &keys->items[index];
}

const struct token_key *token_keys_find(const struct token_keys *keys, const char *kid)
{
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->items[i].kid, kid) == 0)
            return &keys->items[i];
    }
    return NULL;
}

/* --- what OpenSSL makes of a key --------------------------------------------------------- */

static void pkey_freep(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
    ERR_clear_error();
}

static void bio_freep(BIO **bio)
{
    BIO_free_all(*bio);
}

static void bn_freep(BIGNUM **number)
{
    BN_free(*number);
}

/* Never a prompt on the terminal for a key that says it is encrypted. */
static int refuse_password(char *buffer, int size, int rwflag, void *data)
{
    (void)buffer, (void)size, (void)rwflag, (void)data;
    return -1;
}

static bool is_p256(const EVP_PKEY *pkey)
{
    char group[64] = "";
    size_t length = 0;

    return EVP_PKEY_is_a(pkey, "EC") == 1 &&
           EVP_PKEY_get_group_name(pkey, group, sizeof(group), &length) == 1 &&
           strcmp(group, CURVE) == 0;
}

/* Return: NULL; what is wrong with it. */
static const char *judge_rsa(const EVP_PKEY *pkey)
{
    CLEANUP(bn_freep) BIGNUM *exponent = NULL;
    const int bits = EVP_PKEY_get_bits(pkey);

    if (EVP_PKEY_is_a(pkey, "RSA") != 1)
        return "not an RSA key";
    if (bits < RSA_BITS_MIN)
        return "an RSA key of fewer than 2048 bits";
    if (bits > RSA_BITS_MAX)
        return "an RSA key of more than 8192 bits";
    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1 ||
        BN_num_bits(exponent) > 64 || BN_is_odd(exponent) == 0 ||
        BN_get_word(exponent) < RSA_EXPONENT_MIN)
        return "an RSA key with a weak exponent";
    return NULL;
}

static const char *judge(EVP_PKEY *pkey, enum token_algorithm algorithm, size_t *ret_bytes)
{
    const char *why = NULL;

    switch (algorithm) {
    case TOKEN_ES256:
        if (!is_p256(pkey))
            why = "not a key on the curve P-256";
        *ret_bytes = 2 * (size_t)COORDINATE_BYTES;
        break;
    case TOKEN_RS256:
        why = judge_rsa(pkey);
        *ret_bytes = (size_t)EVP_PKEY_get_size(pkey);
        break;
    }
    return why;
}

static char *pem_of_bio(BIO *bio)
{
    char *bytes = NULL;
    const long length = BIO_get_mem_data(bio, &bytes);

    return length <= 0 ? NULL : strndup(bytes, (size_t)length);
}

/* Owned, free(); NULL when out of memory. */
static char *public_pem(EVP_PKEY *pkey)
{
    CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_mem());

    if (bio == NULL || PEM_write_bio_PUBKEY(bio, pkey) != 1)
        return NULL;
    return pem_of_bio(bio);
}

static int unusable(const char *why, const char **reterr_why)
{
    *reterr_why = why;
    return TOKEN_UNUSABLE_KEY;
}

static int foreign(const char *why, const char **reterr_why)
{
    *reterr_why = why;
    return TOKEN_FOREIGN_KEY;
}

static int add(struct token_keys *keys, const char *kid, enum token_algorithm algorithm,
               EVP_PKEY *pkey, int64_t expires_at, const char **reterr_why)
{
    struct token_key key = {.algorithm = algorithm, .expires_at = expires_at};
    const char *why;

    if (kid[0] == '\0' || strlen(kid) >= sizeof(key.kid))
        return unusable("a kid that is empty or longer than 128 bytes", reterr_why);
    if (token_keys_find(keys, kid) != NULL)
        return unusable("a kid that another key has", reterr_why);
    if (keys->count >= keys->capacity)
        return unusable("one key too many", reterr_why);
    why = judge(pkey, algorithm, &key.signature_bytes);
    if (why != NULL)
        return unusable(why, reterr_why);
    key.pem = public_pem(pkey);
    if (key.pem == NULL)
        return fault_raise(-ENOMEM);
    key.pem_bytes = strlen(key.pem);
    memcpy(key.kid, kid, strlen(kid) + 1);
    keys->items[keys->count++] = key;
    return 0;
}

int token_keys_add_pem(struct token_keys *keys, const char *kid, enum token_algorithm algorithm,
                       const char *pem, int64_t expires_at, const char **reterr_why)
{
    CLEANUP(bio_freep) BIO *bio = NULL;
    CLEANUP(pkey_freep) EVP_PKEY *pkey = NULL;
    const size_t length = strlen(pem);

    if (length > PEM_BYTES_MAX)
        return unusable("not a public key in PEM", reterr_why);
    bio = BIO_new_mem_buf(pem, (int)length);
    if (bio == NULL)
        return fault_raise(-ENOMEM);
    pkey = PEM_read_bio_PUBKEY(bio, NULL, refuse_password, NULL);
    if (pkey == NULL)
        return unusable("not a public key in PEM", reterr_why);
    return add(keys, kid, algorithm, pkey, expires_at, reterr_why);
}

/* --- JSON Web Keys ----------------------------------------------------------------------- */

/* A member in base64url, which decodes to 1..@max bytes. Return: their number; 0: not so. */
static size_t decode_member(const json_t *jwk, const char *name, unsigned char *bytes, size_t max)
{
    const json_t *member = json_object_get(jwk, name);
    size_t length = 0;

    if (!json_is_string(member) ||
        !base64url_decode(json_string_value(member), json_string_length(member), bytes, max,
                          &length))
        return 0;
    return length;
}

/* The key that @builder describes; NULL when it is none. */
static EVP_PKEY *build(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY *pkey = NULL;

    if (context == NULL || parameters == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        pkey = NULL;
    OSSL_PARAM_free(parameters);
    EVP_PKEY_CTX_free(context);
    return pkey;
}

/* Is it a point of the curve, and an RSA modulus that can be one? */
static bool is_sound(EVP_PKEY *pkey)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(pkey, NULL);
    const bool sound = context != NULL && EVP_PKEY_public_check(context) == 1;

    EVP_PKEY_CTX_free(context);
    return sound;
}

static EVP_PKEY *ec_of_jwk(const json_t *jwk)
{
    unsigned char point[1 + 2 * COORDINATE_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    OSSL_PARAM_BLD *builder;
    EVP_PKEY *pkey = NULL;

    if (decode_member(jwk, "x", point + 1, COORDINATE_BYTES) != COORDINATE_BYTES ||
        decode_member(jwk, "y", point + 1 + COORDINATE_BYTES, COORDINATE_BYTES) != COORDINATE_BYTES)
        return NULL;
    builder = OSSL_PARAM_BLD_new();
    if (builder != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, CURVE, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) ==
            1)
        pkey = build("EC", builder);
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

static EVP_PKEY *rsa_of_jwk(const json_t *jwk)
{
    unsigned char bytes[RSA_BITS_MAX / 8 + 1];
    const size_t modulus_bytes = decode_member(jwk, "n", bytes, sizeof(bytes));
    CLEANUP(bn_freep) BIGNUM *modulus = BN_bin2bn(bytes, (int)modulus_bytes, NULL);
    const size_t exponent_bytes = decode_member(jwk, "e", bytes, 8);
    CLEANUP(bn_freep) BIGNUM *exponent = BN_bin2bn(bytes, (int)exponent_bytes, NULL);
    OSSL_PARAM_BLD *builder;
    EVP_PKEY *pkey = NULL;

    if (modulus_bytes == 0 || exponent_bytes == 0 || modulus == NULL || exponent == NULL)
        return NULL;
    builder = OSSL_PARAM_BLD_new();
    if (builder != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
        pkey = build("RSA", builder);
    OSSL_PARAM_BLD_free(builder);
    return pkey;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* Is it for verifying signatures, as far as it says? Return: NULL; why not. */
static const char *judge_purpose(const json_t *jwk, enum token_algorithm algorithm)
{
    const json_t *use = json_object_get(jwk, "use");
    const json_t *operations = json_object_get(jwk, "key_ops");
    const json_t *named = json_object_get(jwk, "alg");
    bool verifies = operations == NULL;

    for (size_t i = 0; i < json_array_size(operations); i++) {
        const char *operation = json_string_value(json_array_get(operations, i));

        verifies = verifies || (operation != NULL && strcmp(operation, "verify") == 0);
    }
    if (!verifies || (use != NULL && strcmp(text_of(jwk, "use"), "sig") != 0))
        return "not a key for signatures";
    if (named != NULL && strcmp(text_of(jwk, "alg"), token_algorithm_name(algorithm)) != 0)
        return "a key for another algorithm";
    return NULL;
}

int token_keys_add_jwk(struct token_keys *keys, const json_t *jwk, unsigned algorithms,
                       const char **reterr_why)
{
    CLEANUP(pkey_freep) EVP_PKEY *pkey = NULL;
    const char *type = text_of(jwk, "kty");
    const bool is_ec = strcmp(type, "EC") == 0;
    const enum token_algorithm algorithm = is_ec ? TOKEN_ES256 : TOKEN_RS256;
    const char *why;

    if (!is_ec && strcmp(type, "RSA") != 0)
        return foreign("neither an EC nor an RSA key", reterr_why);
    if ((algorithms & 1U << algorithm) == 0)
        return foreign("a key for an algorithm that this issuer may not use", reterr_why);
    why = judge_purpose(jwk, algorithm);
    if (why != NULL)
        return foreign(why, reterr_why);
    if (json_object_get(jwk, "d") != NULL)
        return unusable("a private key", reterr_why);
    if (is_ec && strcmp(text_of(jwk, "crv"), "P-256") != 0)
        return unusable("not a key on the curve P-256", reterr_why);
    pkey = is_ec ? ec_of_jwk(jwk) : rsa_of_jwk(jwk);
    if (pkey == NULL)
        return unusable("not a key: a number is missing or malformed", reterr_why);
    why = judge(pkey, algorithm, &(size_t){0});
    if (why == NULL && !is_sound(pkey))
        why = "not a key: its numbers do not fit";
    if (why != NULL)
        return unusable(why, reterr_why);
    return add(keys, text_of(jwk, "kid"), algorithm, pkey, 0, reterr_why);
}

/* A number of a key as base64url of at least @size bytes. */
static json_t *number_to_json(const EVP_PKEY *pkey, const char *parameter, size_t size)
{
    CLEANUP(bn_freep) BIGNUM *number = NULL;
    unsigned char bytes[RSA_BITS_MAX / 8];
    char text[BASE64URL_BYTES(sizeof(bytes))];
    size_t length;

    if (EVP_PKEY_get_bn_param(pkey, parameter, &number) != 1)
        return NULL;
    length = (size_t)BN_num_bytes(number) > size ? (size_t)BN_num_bytes(number) : size;
    if (length > sizeof(bytes) || BN_bn2binpad(number, bytes, (int)length) < 0)
        return NULL;
    return json_string(base64url_encode(text, sizeof(text), bytes, length));
}

static json_t *to_jwk(const struct token_key *key)
{
    CLEANUP(bio_freep) BIO *bio = BIO_new_mem_buf(key->pem, (int)key->pem_bytes);
    CLEANUP(pkey_freep)
    EVP_PKEY *pkey = bio == NULL ? NULL : PEM_read_bio_PUBKEY(bio, NULL, refuse_password, NULL);

    if (pkey == NULL)
        return NULL;
    if (key->algorithm == TOKEN_ES256)
        return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "kty", "EC", "crv", "P-256", "alg",
                         "ES256", "use", "sig", "kid", key->kid, "x",
                         number_to_json(pkey, OSSL_PKEY_PARAM_EC_PUB_X, COORDINATE_BYTES), "y",
                         number_to_json(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, COORDINATE_BYTES));
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "kty", "RSA", "alg", "RS256", "use", "sig",
                     "kid", key->kid, "n", number_to_json(pkey, OSSL_PKEY_PARAM_RSA_N, 1), "e",
                     number_to_json(pkey, OSSL_PKEY_PARAM_RSA_E, 1));
}

json_t *token_keys_to_jwks(const struct token_keys *keys, int64_t now)
{
    json_t *list = json_array();

    for (size_t i = 0; i < keys->count; i++) {
        const struct token_key *key = &keys->items[i];

        if (key->expires_at != 0 && key->expires_at <= now)
            continue;
        if (json_array_append_new(list, to_jwk(key)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:o}", "keys", list);
}

/* --- key pairs --------------------------------------------------------------------------- */

int token_make_key_pair(char **ret_private_pem, char **ret_public_pem)
{
    CLEANUP(pkey_freep) EVP_PKEY *pkey = EVP_EC_gen("P-256");
    CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_secmem());
    char *private_pem;
    char *pem;

    if (pkey == NULL || bio == NULL ||
        PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1)
        return fault_raise(-ENOMEM);
    private_pem = pem_of_bio(bio);
    pem = public_pem(pkey);
    if (private_pem == NULL || pem == NULL) {
        free(private_pem);
        free(pem);
        return fault_raise(-ENOMEM);
    }
    *ret_private_pem = private_pem;
    *ret_public_pem = pem;
    return 0;
}
