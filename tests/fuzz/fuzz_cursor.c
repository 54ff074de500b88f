#include "base/arena.h"
#include "base/text.h"
#include "record/cursor.h"

#include <assert.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct cursor_keys keys;
static const unsigned char FINGERPRINT[QUERY_FINGERPRINT_BYTES] = "a fingerprint...";

/* The first half is decoded as it is; nobody without our keys can make a text that passes. */
static void decode_as_it_is(const uint8_t *data, size_t size, struct arena *arena)
{
    const char *text = arena_copy_bytes(arena, (const char *)data, size);
    struct cursor cursor;

    if (text != NULL && cursor_decode(&keys, text, FINGERPRINT, arena, &cursor))
        assert(strcmp(cursor_encode(&keys, &cursor, FINGERPRINT, arena), text) == 0);
}

/* What is sealed with our keys is read, whatever it is: a node of another release has them too. */
static void decode_as_sealed(const uint8_t *data, size_t size, struct arena *arena)
{
    enum { NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES };
    unsigned char sealed[NONCE + 2048] = {0};
    unsigned long long sealed_bytes = 0;
    char text[4096];
    struct cursor cursor;

    if (size > 1400)
        return;
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE, &sealed_bytes, data, size,
                                                     NULL, 0, NULL, sealed, keys.seal);
    (void)sodium_bin2base64(text, sizeof(text), sealed, NONCE + (size_t)sealed_bytes,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    if (!cursor_decode(&keys, text, FINGERPRINT, arena, &cursor))
        return;
    assert(cursor.value_count <= SORT_KEYS_MAX && strlen(cursor.id) == 36);
    for (size_t i = 0; i < cursor.value_count; i++)
        assert(cursor.values[i] == NULL || strlen(cursor.values[i]) <= 300);
}

/* The bytes as places: what we make is read back as it was. */
static void encode(const uint8_t *data, size_t size, struct arena *arena)
{
    struct cursor cursor = {.id = "01a20102-28e0-7051-a78d-40e12e1670b1"}, back;
    const char *text;

    cursor.backward = size > 0 && (data[0] & 1) != 0;
    while (cursor.value_count < SORT_KEYS_MAX && size > 0) {
        size_t length = data[0] < size - 1 ? data[0] : size - 1;

        cursor.values[cursor.value_count++] =
            data[0] == 255 ? NULL : arena_copy_bytes(arena, (const char *)data + 1, length);
        data += 1 + length;
        size -= 1 + length;
    }
    text = cursor_encode(&keys, &cursor, FINGERPRINT, arena);
    assert(text != NULL && cursor_decode(&keys, text, FINGERPRINT, arena, &back));
    assert(back.backward == cursor.backward && back.value_count == cursor.value_count);
    for (size_t i = 0; i < back.value_count; i++)
        assert((back.values[i] == NULL) == (cursor.values[i] == NULL) &&
               (back.values[i] == NULL || strcmp(back.values[i], cursor.values[i]) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;

    if (sodium_is_zero(keys.seal, sizeof(keys.seal)) != 0) {
        assert(sodium_init() >= 0);
        cursor_keys_derive("a secret for fuzzing, of 32 characters", &keys);
    }
    arena_init(&arena, 1024 * 1024);
    decode_as_it_is(data, size, &arena);
    decode_as_sealed(data, size, &arena);
    encode(data, size, &arena);
    arena_deinit(&arena);
    return 0;
}
