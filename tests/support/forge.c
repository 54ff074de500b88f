#include "support/forge.h"

#include "base/text.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define SIGNATURE_BYTES_MAX 1024
#define TOKEN_BYTES_MAX (1024 * 1024)

static char *encode(const void *bytes, size_t length)
{
    char *text = calloc(1, (length + 2) / 3 * 4 + 1);
    int written;

    assert(text != NULL);
    written = EVP_EncodeBlock((unsigned char *)text, bytes, (int)length);
    for (int i = 0; i < written; i++) {
        if (text[i] == '+')
            text[i] = '-';
        else if (text[i] == '/')
            text[i] = '_';
    }
    text[strcspn(text, "=")] = '\0';
    return text;
}

static char *text_of_bio(BIO *bio)
{
    char *bytes = NULL;
    const long length = BIO_get_mem_data(bio, &bytes);
    char *text = strndup(bytes, (size_t)length);

    assert(text != NULL);
    BIO_free(bio);
    return text;
}

static EVP_PKEY *make(enum forge_kind kind)
{
    EVP_PKEY_CTX *context;
    EVP_PKEY *pkey = NULL;
    BIGNUM *exponent;
    int r;

    if (kind == FORGE_P256 || kind == FORGE_P384)
        return EVP_EC_gen(kind == FORGE_P256 ? "P-256" : "P-384");
    context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    exponent = BN_new();
    assert(context != NULL && exponent != NULL);
    r = EVP_PKEY_keygen_init(context);
    assert(r == 1);
    r = EVP_PKEY_CTX_set_rsa_keygen_bits(context, kind == FORGE_RSA_1024 ? 1024 : 2048);
    assert(r == 1);
    r = BN_set_word(exponent, kind == FORGE_RSA_EXPONENT_3 ? 3 : 65537);
    assert(r == 1);
    r = EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent);
    assert(r == 1);
    r = EVP_PKEY_generate(context, &pkey);
    assert(r == 1);
    BN_free(exponent);
    EVP_PKEY_CTX_free(context);
    return pkey;
}

struct forge_key forge_key_make(enum forge_kind kind)
{
    struct forge_key key = {.kind = kind, .pkey = make(kind)};
    BIO *bio = BIO_new(BIO_s_mem());
    int r;

    assert(key.pkey != NULL && bio != NULL);
    r = PEM_write_bio_PrivateKey(bio, key.pkey, NULL, NULL, 0, NULL, NULL);
    assert(r == 1);
    key.private_pem = text_of_bio(bio);
    bio = BIO_new(BIO_s_mem());
    assert(bio != NULL);
    r = PEM_write_bio_PUBKEY(bio, key.pkey);
    assert(r == 1);
    key.public_pem = text_of_bio(bio);
    r = i2d_PUBKEY(key.pkey, &key.public_der);
    assert(r > 0);
    key.public_der_bytes = (size_t)r;
    return key;
}

void forge_key_deinit(struct forge_key *key)
{
    EVP_PKEY_free(key->pkey);
    free(key->private_pem);
    free(key->public_pem);
    OPENSSL_free(key->public_der);
    *key = (struct forge_key){0};
}

static void add_number(json_t *jwk, const char *name, const struct forge_key *key,
                       const char *parameter, size_t size_bytes)
{
    unsigned char bytes[SIGNATURE_BYTES_MAX];
    BIGNUM *number = NULL;
    char *text;
    int r = EVP_PKEY_get_bn_param(key->pkey, parameter, &number);

    assert(r == 1);
    if (size_bytes == 0)
        size_bytes = (size_t)BN_num_bytes(number);
    r = BN_bn2binpad(number, bytes, (int)size_bytes);
    assert(r > 0);
    text = encode(bytes, size_bytes);
    r = json_object_set_new(jwk, name, json_string(text));
    assert(r == 0);
    free(text);
    BN_free(number);
}

json_t *forge_key_to_jwk(const struct forge_key *key, const char *kid)
{
    const bool is_ec = key->kind == FORGE_P256 || key->kind == FORGE_P384;
    const size_t coordinate = key->kind == FORGE_P256 ? 32 : 48;
    json_t *jwk = json_pack("{s:s, s:s}", "kty", is_ec ? "EC" : "RSA", "kid", kid);

    assert(jwk != NULL);
    if (is_ec) {
        (void)json_object_set_new(jwk, "crv",
                                  json_string(key->kind == FORGE_P256 ? "P-256" : "P-384"));
        add_number(jwk, "x", key, OSSL_PKEY_PARAM_EC_PUB_X, coordinate);
        add_number(jwk, "y", key, OSSL_PKEY_PARAM_EC_PUB_Y, coordinate);
    } else {
        add_number(jwk, "n", key, OSSL_PKEY_PARAM_RSA_N, 0);
        add_number(jwk, "e", key, OSSL_PKEY_PARAM_RSA_E, 0);
    }
    return jwk;
}

char *forge_encode(const char *text)
{
    return encode(text, strlen(text));
}

/* DER to the two numbers side by side. Return: the bytes written. */
static size_t flatten(const unsigned char *der, size_t der_bytes, size_t coordinate,
                      unsigned char *bytes)
{
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)der_bytes);
    int r;

    assert(signature != NULL);
    r = BN_bn2binpad(ECDSA_SIG_get0_r(signature), bytes, (int)coordinate);
    assert(r > 0);
    r = BN_bn2binpad(ECDSA_SIG_get0_s(signature), bytes + coordinate, (int)coordinate);
    assert(r > 0);
    ECDSA_SIG_free(signature);
    return 2 * coordinate;
}

static size_t sign(const struct forge_key *key, const char *text, unsigned char *bytes)
{
    unsigned char raw[SIGNATURE_BYTES_MAX];
    size_t raw_bytes = sizeof(raw);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int r;

    assert(context != NULL);
    r = EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pkey);
    assert(r == 1);
    r = EVP_DigestSign(context, raw, &raw_bytes, (const unsigned char *)text, strlen(text));
    assert(r == 1);
    EVP_MD_CTX_free(context);
    if (key->kind == FORGE_P256 || key->kind == FORGE_P384)
        return flatten(raw, raw_bytes, key->kind == FORGE_P256 ? 32 : 48, bytes);
    memcpy(bytes, raw, raw_bytes);
    return raw_bytes;
}

static void append_encoded(struct text *text, const void *bytes, size_t length)
{
    char *encoded = encode(bytes, length);

    text_append(text, encoded);
    free(encoded);
}

static void begin(struct text *text, const char *header, const char *payload)
{
    text_init(text, TOKEN_BYTES_MAX);
    append_encoded(text, header, strlen(header));
    text_append_char(text, '.');
    append_encoded(text, payload, strlen(payload));
}

static char *end(struct text *text, const unsigned char *signature, size_t length)
{
    size_t token_bytes;
    char *token;

    text_append_char(text, '.');
    append_encoded(text, signature, length);
    token = text_steal(text, &token_bytes);
    assert(token != NULL);
    return token;
}

char *forge_token(const struct forge_key *key, const char *header, const char *payload)
{
    unsigned char signature[SIGNATURE_BYTES_MAX];
    struct text text;

    begin(&text, header, payload);
    return end(&text, signature, sign(key, text.bytes, signature));
}

char *forge_token_hmac(const void *secret, size_t secret_bytes, const char *header,
                       const char *payload)
{
    unsigned char signature[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    struct text text;
    const unsigned char *made;

    begin(&text, header, payload);
    made = HMAC(EVP_sha256(), secret, (int)secret_bytes, (const unsigned char *)text.bytes,
                text.length, signature, &length);
    assert(made != NULL);
    return end(&text, signature, length);
}
