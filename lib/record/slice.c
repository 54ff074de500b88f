#include "record/slice.h"

#include "base/text.h"

#include <stdint.h>
#include <string.h>

/*
 * Behind the string that begins at @at. Texts are long and quotes in them rare, so the next quote
 * is looked for at the speed of memory; it ends the string unless backslashes before it, an odd
 * number of them, make it part of the text.
 */
static const char *skip_string(const char *at)
{
    const char *quote = strchr(at + 1, '"');

    for (;;) {
        const char *before = quote - 1;

        while (*before == '\\')
            before--;
        if ((quote - before) % 2 == 1)
            return quote + 1;
        quote = strchr(quote + 1, '"');
    }
}

/* Behind the value that begins at @at. Depth is counted, not recursed into. */
static const char *skip_value(const char *at)
{
    size_t depth = 0;

    do {
        switch (*at) {
        case '"':
            at = skip_string(at);
            break;
        case '{':
        case '[':
            depth++;
            at++;
            break;
        case '}':
        case ']':
            depth--;
            at++;
            break;
        default:
            at++;
            break;
        }
        /* Numbers and names end at what follows them. */
    } while (depth > 0 || (*at != ',' && *at != '}' && *at != ']' && *at != '\0'));
    return at;
}

bool slice_next_member(const char **at, struct slice_member *ret_member)
{
    const char *from = *at;
    const char *end;

    if (*from != '{' && *from != ',')
        return false;
    from++;
    if (*from != '"')
        return false;
    end = skip_string(from);
    ret_member->name = (struct slice){from + 1, (size_t)(end - from) - 2};
    from = end + 1; /* the colon */
    end = skip_value(from);
    ret_member->value = (struct slice){from, (size_t)(end - from)};
    *at = end;
    return true;
}

bool slice_next_item(const char **at, struct slice *ret_item)
{
    const char *from = *at;
    const char *end;

    if (*from != '[' && *from != ',')
        return false;
    from++;
    if (*from == ']')
        return false;
    end = skip_value(from);
    *ret_item = (struct slice){from, (size_t)(end - from)};
    *at = end;
    return true;
}

bool slice_equals(struct slice slice, const char *text)
{
    return strlen(text) == slice.length && memcmp(slice.bytes, text, slice.length) == 0;
}

struct slice slice_member(struct slice object, const char *name)
{
    const char *at = object.bytes;
    struct slice_member member;

    if (object.length == 0)
        return object;
    while (slice_next_member(&at, &member))
        if (slice_equals(member.name, name))
            return member.value;
    return (struct slice){NULL, 0};
}

struct slice slice_unquoted(struct slice value)
{
    if (value.length >= 2 && value.bytes[0] == '"')
        return (struct slice){value.bytes + 1, value.length - 2};
    return value;
}

static unsigned hexadecimal(char digit)
{
    return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)((digit | 0x20) - 'a') + 10;
}

static uint32_t code_unit(const char *digits)
{
    return hexadecimal(digits[0]) << 12 | hexadecimal(digits[1]) << 8 |
           hexadecimal(digits[2]) << 4 | hexadecimal(digits[3]);
}

static void append_code_point(struct text *text, uint32_t code)
{
    if (code < 0x80) {
        text_append_char(text, (char)code);
    } else if (code < 0x800) {
        text_append_char(text, (char)(0xc0 | code >> 6));
        text_append_char(text, (char)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        text_append_char(text, (char)(0xe0 | code >> 12));
        text_append_char(text, (char)(0x80 | (code >> 6 & 0x3f)));
        text_append_char(text, (char)(0x80 | (code & 0x3f)));
    } else {
        text_append_char(text, (char)(0xf0 | code >> 18));
        text_append_char(text, (char)(0x80 | (code >> 12 & 0x3f)));
        text_append_char(text, (char)(0x80 | (code >> 6 & 0x3f)));
        text_append_char(text, (char)(0x80 | (code & 0x3f)));
    }
}

/* Appends what the escape at @at (behind the backslash) means; returns what follows it. */
static const char *append_escape(const char *at, struct text *text)
{
    static const char NAMES[] = "bfnrt";
    static const char MEANINGS[] = "\b\f\n\r\t";
    const char *name = strchr(NAMES, *at);
    uint32_t code;

    if (*at != 'u') {
        text_append_char(text, name == NULL ? *at : MEANINGS[name - NAMES]);
        return at + 1;
    }
    code = code_unit(at + 1);
    at += 5;
    if (code >= 0xd800 && code < 0xdc00 && at[0] == '\\' && at[1] == 'u') {
        code = 0x10000 + ((code - 0xd800) << 10) + (code_unit(at + 2) - 0xdc00);
        at += 6;
    }
    append_code_point(text, code);
    return at;
}

void slice_append_decoded(struct slice value, struct text *text)
{
    const struct slice inner = slice_unquoted(value);
    const char *at = inner.bytes;
    const char *end = inner.bytes + inner.length;

    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));

        if (escape == NULL)
            escape = end;
        text_append_bytes(text, at, (size_t)(escape - at));
        at = escape == end ? end : append_escape(escape + 1, text);
    }
}
