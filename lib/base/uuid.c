#include "base/uuid.h"

#include "base/clock.h"

#include <ctype.h>
#include <sodium.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

bool uuid_is_valid(const char *text)
{
    for (size_t i = 0; i < UUID_TEXT_BYTES - 1; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return false;
        } else if (!isxdigit((unsigned char)text[i])) {
            return false;
        }
    }
    return text[UUID_TEXT_BYTES - 1] == '\0';
}

/* Random bytes, drawn from the system for many ids at once: each request needs one. */
static void take_chance(unsigned char *bytes, size_t size_bytes)
{
    static _Thread_local unsigned char drawn[256];
    static _Thread_local size_t left;

    if (left < size_bytes) {
        randombytes_buf(drawn, sizeof(drawn));
        left = sizeof(drawn);
    }
    left -= size_bytes;
    memcpy(bytes, drawn + left, size_bytes);
}

void uuid_make_lower(const char *text, char ret_text[UUID_TEXT_BYTES])
{
    for (size_t i = 0; i < UUID_TEXT_BYTES; i++)
        ret_text[i] = (char)tolower((unsigned char)text[i]);
}

static void write_text(const unsigned char bytes[16], char ret_text[UUID_TEXT_BYTES])
{
    static const char HEX[] = "0123456789abcdef";
    size_t at = 0;

    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            ret_text[at++] = '-';
        ret_text[at++] = HEX[bytes[i] >> 4];
        ret_text[at++] = HEX[bytes[i] & 15];
    }
    ret_text[at] = '\0';
}

void uuid_make_v4(char ret_text[UUID_TEXT_BYTES])
{
    unsigned char bytes[16];

    take_chance(bytes, sizeof(bytes));
    bytes[6] = (unsigned char)(0x40u | (bytes[6] & 0x0fu));
    bytes[8] = (unsigned char)(0x80u | (bytes[8] & 0x3fu));
    write_text(bytes, ret_text);
}

/*
 * RFC 9562 section 5.7 with method 1 of section 6.2: within one millisecond
 * the 12 bits behind the time count up, so that the records one thread makes
 * keep their order.
 */
void uuid_make_v7(char ret_text[UUID_TEXT_BYTES])
{
    static _Thread_local uint64_t last_ms;
    static _Thread_local unsigned counter;
    unsigned char bytes[16];
    uint64_t now_ms = clock_wall_ms();

    take_chance(bytes, sizeof(bytes));
    if (now_ms > last_ms) {
        last_ms = now_ms;
        counter = bytes[7] & 0x7fu; /* room to count up from */
    } else if (++counter > 0xfff) {
        last_ms++; /* more than a millisecond holds: borrow from the next */
        counter = 0;
    }
    for (unsigned i = 0; i < 6; i++)
        bytes[i] = (unsigned char)(last_ms >> (40 - 8 * i));
    bytes[6] = (unsigned char)(0x70u | counter >> 8);
    bytes[7] = (unsigned char)(counter & 0xffu);
    bytes[8] = (unsigned char)(0x80u | (bytes[8] & 0x3fu));
    write_text(bytes, ret_text);
}
