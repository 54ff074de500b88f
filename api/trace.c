/*
 * Trace
 *
 * The ids need to be unique, not secret, and each request needs one: every
 * thread draws from a generator of its own (SplitMix64), seeded by the kernel.
 */
#include "trace.h"

#include "base/clock.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

static _Thread_local uint64_t generator;
static _Thread_local bool seeded;

static uint64_t draw(void)
{
    uint64_t value;

    if (!seeded) {
        /* Without the kernel's help the time must do: two ids that are equal harm nobody. */
        if (getrandom(&generator, sizeof(generator), 0) != sizeof(generator))
            generator = clock_monotonic_us() ^ (uint64_t)(uintptr_t)&generator;
        seeded = true;
    }
    generator += 0x9e3779b97f4a7c15U;
    value = generator;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9U;
    value = (value ^ value >> 27) * 0x94d049bb133111ebU;
    return value ^ value >> 31;
}

bool trace_is_request_id(const char *text)
{
    size_t length;

    if (text == NULL)
        return false;
    length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return text[length] == '\0' && length >= 8 && length < REQUEST_ID_BYTES;
}

static void write_hexadecimal(char *buffer, uint64_t value)
{
    static const char DIGITS[] = "0123456789abcdef";

    for (int i = 15; i >= 0; i--, value >>= 4)
        buffer[i] = DIGITS[value & 15];
}

static bool is_hexadecimal(const char *text, size_t length)
{
    return strspn(text, "0123456789abcdef") >= length;
}

/* "00-<32 hex>-<16 hex>-<2 hex>", neither id all zero (W3C Trace Context, version 00). */
static bool is_traceparent(const char *text)
{
    return text != NULL && strlen(text) == TRACEPARENT_BYTES - 1 && memcmp(text, "00-", 3) == 0 &&
           is_hexadecimal(text + 3, 32) && text[35] == '-' && is_hexadecimal(text + 36, 16) &&
           text[52] == '-' && is_hexadecimal(text + 53, 2) && strspn(text + 3, "0") < 32 &&
           strspn(text + 36, "0") < 16;
}

void trace_make(const char *traceparent, struct trace *ret_trace)
{
    char *parent = ret_trace->parent;

    memcpy(parent, "00-00000000000000000000000000000000-0000000000000000-00", TRACEPARENT_BYTES);
    if (is_traceparent(traceparent)) {
        memcpy(parent, traceparent, 35);
        memcpy(parent + 53, traceparent + 53, 2);
    } else {
        write_hexadecimal(parent + 3, draw());
        write_hexadecimal(parent + 19, draw() | 1);
    }
    write_hexadecimal(parent + 36, draw() | 1);
    memcpy(ret_trace->id, parent + 3, 32);
    ret_trace->id[32] = '\0';
}
