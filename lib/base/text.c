#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_CHARACTERS_MAX 64 /* names are short; a longer word is near to nothing */

static const char HEX[] = "0123456789ABCDEF";
static char EMPTY[1]; /* what an unused text points at: never written to */

void text_init(struct text *text, size_t max_bytes)
{
    *text = (struct text){.bytes = EMPTY, .max_bytes = max_bytes};
}

void text_deinit(struct text *text)
{
    if (text->capacity > 0)
        free(text->bytes);
    text_init(text, text->max_bytes);
}

void text_clear(struct text *text)
{
    text->length = 0;
    text->failed = false;
    if (text->capacity > 0)
        text->bytes[0] = '\0';
}

bool text_failed(const struct text *text)
{
    return text->failed;
}

static bool text_reserve(struct text *text, size_t more_bytes)
{
    size_t needed;
    size_t capacity = text->capacity < 256 ? 256 : text->capacity;
    char *grown;

    if (text->failed)
        return false;
    if (__builtin_add_overflow(text->length, more_bytes, &needed) || needed > text->max_bytes) {
        text->failed = true;
        return false;
    }
    needed++; /* the terminating NUL */
    if (needed <= text->capacity)
        return true;
    while (capacity < needed)
        capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
    grown = realloc(text->capacity > 0 ? text->bytes : NULL, capacity);
    if (grown == NULL) {
        text->failed = true;
        return false;
    }
    text->bytes = grown;
    text->capacity = capacity;
    return true;
}

void text_append_bytes(struct text *text, const char *bytes, size_t size_bytes)
{
    if (!text_reserve(text, size_bytes))
        return;
    if (size_bytes > 0)
        memcpy(text->bytes + text->length, bytes, size_bytes);
    text->length += size_bytes;
    text->bytes[text->length] = '\0';
}

void text_append(struct text *text, const char *string)
{
    text_append_bytes(text, string, strlen(string));
}

void text_append_char(struct text *text, char character)
{
    text_append_bytes(text, &character, 1);
}

void text_append_format(struct text *text, const char *format, ...)
{
    const size_t room = text->capacity - text->length; /* 0 before the first byte, and then only */
    va_list arguments;
    int length;

    if (text->failed)
        return;
    /* Most of what is written fits where it belongs: then once is enough. */
    va_start(arguments, format);
    length = vsnprintf(room == 0 ? NULL : text->bytes + text->length, room, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < room && (size_t)length <= text->max_bytes - text->length) {
        text->length += (size_t)length;
        return;
    }
    if (room > 0)
        text->bytes[text->length] = '\0';
    if (length < 0) {
        text->failed = true;
        return;
    }
    if (!text_reserve(text, (size_t)length))
        return;
    va_start(arguments, format);
    (void)vsnprintf(text->bytes + text->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)length;
}

void text_append_json_bytes(struct text *text, const char *bytes, size_t size_bytes)
{
    size_t plain_from = 0;

    text_append_char(text, '"');
    for (size_t i = 0; i < size_bytes; i++) {
        unsigned char byte = (unsigned char)bytes[i];

        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        text_append_bytes(text, bytes + plain_from, i - plain_from);
        plain_from = i + 1;
        if (byte == '"')
            text_append(text, "\\\"");
        else if (byte == '\\')
            text_append(text, "\\\\");
        else if (byte == '\n')
            text_append(text, "\\n");
        else
            text_append_format(text, "\\u%04x", byte);
    }
    text_append_bytes(text, bytes + plain_from, size_bytes - plain_from);
    text_append_char(text, '"');
}

void text_append_json(struct text *text, const char *string)
{
    text_append_json_bytes(text, string, strlen(string));
}

void text_append_uri(struct text *text, const char *string)
{
    static const char UNRESERVED[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-._~";

    while (*string != '\0') {
        const size_t plain = strspn(string, UNRESERVED);
        const unsigned char byte = (unsigned char)string[plain];

        text_append_bytes(text, string, plain);
        string += plain;
        if (byte == '\0')
            break;
        text_append_bytes(text, (const char[]){'%', HEX[byte >> 4], HEX[byte & 15]}, 3);
        string++;
    }
}

char *text_steal(struct text *text, size_t *ret_length)
{
    char *bytes;

    if (!text_reserve(text, 0) || text->failed) {
        text_deinit(text);
        return NULL;
    }
    text->bytes[text->length] = '\0';
    bytes = text->bytes;
    *ret_length = text->length;
    text_init(text, text->max_bytes);
    return bytes;
}

bool text_is_utf8(const char *bytes, size_t size_bytes)
{
    const unsigned char *at = (const unsigned char *)bytes;
    const unsigned char *end = at + size_bytes;

    while (at < end) {
        size_t following;
        uint32_t code;
        uint32_t least;

        if (*at == 0)
            return false;
        if (*at < 0x80) {
            at++;
            continue;
        }
        if ((*at & 0xe0) == 0xc0) {
            following = 1;
            code = *at & 0x1fu;
            least = 0x80;
        } else if ((*at & 0xf0) == 0xe0) {
            following = 2;
            code = *at & 0x0fu;
            least = 0x800;
        } else if ((*at & 0xf8) == 0xf0) {
            following = 3;
            code = *at & 0x07u;
            least = 0x10000;
        } else {
            return false;
        }
        at++;
        if ((size_t)(end - at) < following)
            return false;
        for (size_t i = 0; i < following; i++, at++) {
            if ((*at & 0xc0) != 0x80)
                return false;
            code = code << 6 | (*at & 0x3fu);
        }
        /* Overlong forms, surrogates and what lies beyond Unicode. */
        if (code < least || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
            return false;
    }
    return true;
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment (Boytsov 2011, section 2.2), three rows kept. */
static size_t distance(const char *left, size_t left_length, const char *right, size_t right_length)
{
    size_t rows[3][WORD_CHARACTERS_MAX + 1];

    for (size_t j = 0; j <= right_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= left_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *before = rows[(i - 1) % 3];
        const size_t *before_that = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= right_length; j++) {
            int a = tolower((unsigned char)left[i - 1]);
            int b = tolower((unsigned char)right[j - 1]);

            row[j] = least_of(least_of(before[j] + 1, row[j - 1] + 1), before[j - 1] + (a != b));
            if (i > 1 && j > 1 && a == tolower((unsigned char)right[j - 2]) &&
                b == tolower((unsigned char)left[i - 2]))
                row[j] = least_of(row[j], before_that[j - 2] + 1);
        }
    }
    return rows[left_length % 3][right_length];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t candidate_count)
{
    const size_t word_length = strlen(word);
    const char *nearest = NULL;
    size_t nearest_distance = SIZE_MAX;

    if (word_length == 0 || word_length > WORD_CHARACTERS_MAX)
        return NULL;
    for (size_t i = 0; i < candidate_count; i++) {
        size_t length = strlen(candidates[i]);
        size_t longer = length > word_length ? length : word_length;
        size_t candidate_distance;

        if (length > WORD_CHARACTERS_MAX)
            continue;
        candidate_distance = distance(word, word_length, candidates[i], length);
        if (candidate_distance * 3 <= longer + 1 && candidate_distance < nearest_distance) {
            nearest = candidates[i];
            nearest_distance = candidate_distance;
        }
    }
    return nearest;
}
