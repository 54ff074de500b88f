/*
 * Layout of the plain text: version, flags, fingerprint, number of values, then
 * each value as one byte "known", two bytes of length and its bytes, then the
 * id. The nonce is a keyed hash of the plain text: with XChaCha's 192 bits that
 * is as safe as a random one, and deterministic.
 */
#include "record/cursor.h"

#include "base/arena.h"
#include "base/uuid.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>

#define VERSION 1
#define PLAIN_BYTES_MAX                                                                            \
    2400 /* the longest values of four different keys: title, city, slug, a number */
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define SEALED_BYTES_MAX (NONCE_BYTES + PLAIN_BYTES_MAX + TAG_BYTES)
#define ID_BYTES (UUID_TEXT_BYTES - 1)
#define BASE64_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define VALUE_BYTES_MAX 1200 /* 300 characters, the longest text that can be sorted by */

void cursor_keys_derive(const char *secret, struct cursor_keys *ret_keys)
{
    static const unsigned char SEAL[] = "cursor seal";
    static const unsigned char NONCE[] = "cursor nonce";
    unsigned char root[CURSOR_KEY_BYTES];

    (void)crypto_generichash(root, sizeof(root), (const unsigned char *)secret, strlen(secret),
                             NULL, 0);
    (void)crypto_generichash(ret_keys->seal, CURSOR_KEY_BYTES, SEAL, sizeof(SEAL), root,
                             sizeof(root));
    (void)crypto_generichash(ret_keys->nonce, CURSOR_KEY_BYTES, NONCE, sizeof(NONCE), root,
                             sizeof(root));
    sodium_memzero(root, sizeof(root));
}

struct writer {
    unsigned char bytes[PLAIN_BYTES_MAX];
    size_t length;
    bool failed;
};

static void write_bytes(struct writer *writer, const void *bytes, size_t size_bytes)
{
    if (size_bytes > sizeof(writer->bytes) - writer->length) {
        writer->failed = true;
        return;
    }
    memcpy(writer->bytes + writer->length, bytes, size_bytes);
    writer->length += size_bytes;
}

static void write_byte(struct writer *writer, unsigned value)
{
    const unsigned char byte = (unsigned char)value;

    write_bytes(writer, &byte, 1);
}

const char *cursor_encode(const struct cursor_keys *keys, const struct cursor *cursor,
                          const unsigned char fingerprint[QUERY_FINGERPRINT_BYTES],
                          struct arena *arena)
{
    struct writer plain = {.length = 0};
    unsigned char sealed[SEALED_BYTES_MAX];
    unsigned long long sealed_bytes = 0;
    size_t text_bytes;
    char *text;

    write_byte(&plain, VERSION);
    write_byte(&plain, cursor->backward);
    write_bytes(&plain, fingerprint, QUERY_FINGERPRINT_BYTES);
    write_byte(&plain, (unsigned)cursor->value_count);
    for (size_t i = 0; i < cursor->value_count; i++) {
        const char *value = cursor->values[i];
        const size_t length = value == NULL ? 0 : strlen(value);

        if (length > VALUE_BYTES_MAX)
            return NULL;
        write_byte(&plain, value != NULL);
        write_byte(&plain, (unsigned)(length >> 8));
        write_byte(&plain, (unsigned)(length & 0xff));
        write_bytes(&plain, value == NULL ? "" : value, length);
    }
    write_bytes(&plain, cursor->id, ID_BYTES);
    if (plain.failed)
        return NULL;

    (void)crypto_generichash(sealed, NONCE_BYTES, plain.bytes, plain.length, keys->nonce,
                             sizeof(keys->nonce));
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE_BYTES, &sealed_bytes,
                                                     plain.bytes, plain.length, NULL, 0, NULL,
                                                     sealed, keys->seal);
    text_bytes = sodium_base64_ENCODED_LEN(NONCE_BYTES + (size_t)sealed_bytes,
                                           sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    text = arena_alloc(arena, text_bytes);
    if (text == NULL)
        return NULL;
    return sodium_bin2base64(text, text_bytes, sealed, NONCE_BYTES + (size_t)sealed_bytes,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

struct reader_of_bytes {
    const unsigned char *at;
    size_t left;
    bool failed;
};

static const unsigned char *take(struct reader_of_bytes *reader, size_t size_bytes)
{
    static const unsigned char NOTHING[VALUE_BYTES_MAX];
    const unsigned char *bytes = reader->at;

    if (size_bytes > reader->left) {
        reader->failed = true;
        return NOTHING;
    }
    reader->at += size_bytes;
    reader->left -= size_bytes;
    return bytes;
}

static void read_plain(struct reader_of_bytes *reader, const unsigned char *fingerprint,
                       struct arena *arena, struct cursor *cursor)
{
    if (take(reader, 1)[0] != VERSION)
        reader->failed = true;
    cursor->backward = take(reader, 1)[0] != 0;
    if (memcmp(take(reader, QUERY_FINGERPRINT_BYTES), fingerprint, QUERY_FINGERPRINT_BYTES) != 0)
        reader->failed = true;
    cursor->value_count = take(reader, 1)[0];
    if (cursor->value_count > SORT_KEYS_MAX) {
        reader->failed = true;
        return;
    }
    for (size_t i = 0; i < cursor->value_count && !reader->failed; i++) {
        const bool known = take(reader, 1)[0] != 0;
        const unsigned char *length = take(reader, 2);
        const size_t value_bytes = (size_t)length[0] << 8 | length[1];

        if (value_bytes > VALUE_BYTES_MAX) {
            reader->failed = true;
            return;
        }
        cursor->values[i] =
            arena_copy_bytes(arena, (const char *)take(reader, value_bytes), value_bytes);
        if (!known)
            cursor->values[i] = NULL;
    }
    cursor->id = arena_copy_bytes(arena, (const char *)take(reader, ID_BYTES), ID_BYTES);
    if (cursor->id == NULL || !uuid_is_valid(cursor->id) || reader->left != 0)
        reader->failed = true;
}

bool cursor_decode(const struct cursor_keys *keys, const char *text,
                   const unsigned char fingerprint[QUERY_FINGERPRINT_BYTES], struct arena *arena,
                   struct cursor *ret_cursor)
{
    unsigned char sealed[SEALED_BYTES_MAX];
    unsigned char plain[PLAIN_BYTES_MAX];
    unsigned long long plain_bytes = 0;
    size_t sealed_bytes = 0;
    struct reader_of_bytes reader;
    struct cursor cursor = {0};

    /* libsodium takes some bytes above 127 for digits; a cursor has one spelling alone. */
    if (text[strspn(text, BASE64_DIGITS)] != '\0')
        return false;
    if (sodium_base642bin(sealed, sizeof(sealed), text, strlen(text), NULL, &sealed_bytes, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        sealed_bytes < NONCE_BYTES + TAG_BYTES)
        return false;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &plain_bytes, NULL, sealed + NONCE_BYTES,
                                                   sealed_bytes - NONCE_BYTES, NULL, 0, sealed,
                                                   keys->seal) != 0)
        return false;
    reader = (struct reader_of_bytes){plain, (size_t)plain_bytes, false};
    read_plain(&reader, fingerprint, arena, &cursor);
    if (reader.failed)
        return false;
    *ret_cursor = cursor;
    return true;
}
