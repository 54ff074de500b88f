#include "contract/schema_internal.h"

#include "base/text.h"

#include <string.h>

static const char UNRESERVED[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
static const char SUB_DELIMITERS[] = "!$&'()*+,;=";
static const char HEXADECIMAL[] = "0123456789ABCDEFabcdef";
static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char DIGITS[] = "0123456789";

static bool is_one_of(const char *set, char character)
{
    return character != '\0' && strchr(set, character) != NULL;
}

static bool is_scheme(struct schema_uri_span span)
{
    if (span.length == 0 || !is_one_of(LETTERS, span.start[0]))
        return false;
    for (size_t i = 1; i < span.length; i++) {
        if (!is_one_of(LETTERS, span.start[i]) && !is_one_of(DIGITS, span.start[i]) &&
            !is_one_of("+-.", span.start[i]))
            return false;
    }
    return true;
}

void schema_uri_split(const char *text, struct schema_uri *ret_uri)
{
    size_t length = strcspn(text, ":/?#");

    *ret_uri = (struct schema_uri){0};
    if (length > 0 && text[length] == ':') {
        ret_uri->scheme = (struct schema_uri_span){text, length};
        text += length + 1;
    }
    if (strncmp(text, "//", 2) == 0) {
        text += 2;
        length = strcspn(text, "/?#");
        ret_uri->authority = (struct schema_uri_span){text, length};
        text += length;
    }
    length = strcspn(text, "?#");
    ret_uri->path = (struct schema_uri_span){text, length};
    text += length;
    if (*text == '?') {
        text++;
        length = strcspn(text, "#");
        ret_uri->query = (struct schema_uri_span){text, length};
        text += length;
    }
    if (*text == '#')
        ret_uri->fragment = (struct schema_uri_span){text + 1, strlen(text + 1)};
}

/* Unreserved, percent-encoded, sub-delimiters, and what @more allows. */
static bool has_characters(struct schema_uri_span span, const char *more)
{
    for (size_t i = 0; i < span.length; i++) {
        char character = span.start[i];

        if (character == '%') {
            if (span.length - i < 3 || !is_one_of(HEXADECIMAL, span.start[i + 1]) ||
                !is_one_of(HEXADECIMAL, span.start[i + 2]))
                return false;
            i += 2;
        } else if (!is_one_of(UNRESERVED, character) && !is_one_of(SUB_DELIMITERS, character) &&
                   !is_one_of(more, character)) {
            return false;
        }
    }
    return true;
}

/* host [":" port]; an "@" is no host character, so user information is refused with it. */
static bool is_authority(struct schema_uri_span span)
{
    struct schema_uri_span host = span;
    size_t port = span.length;

    while (port > 0 && is_one_of(DIGITS, span.start[port - 1]))
        port--;
    if (port > 0 && span.start[port - 1] == ':')
        host.length = port - 1;
    if (host.length > 0 && host.start[0] == '[') {
        if (host.length < 4 || host.start[host.length - 1] != ']')
            return false;
        host = (struct schema_uri_span){host.start + 1, host.length - 2};
        for (size_t i = 0; i < host.length; i++) {
            if (!is_one_of(HEXADECIMAL, host.start[i]) && !is_one_of(":.", host.start[i]))
                return false;
        }
        return true;
    }
    return has_characters(host, "");
}

static bool is_web_scheme(struct schema_uri_span scheme)
{
    char lower[6] = "";

    if (scheme.length >= sizeof(lower))
        return false;
    for (size_t i = 0; i < scheme.length; i++)
        lower[i] = (char)(scheme.start[i] | 0x20);
    return strcmp(lower, "http") == 0 || strcmp(lower, "https") == 0;
}

bool schema_uri_is_valid(const char *text, bool absolute)
{
    struct schema_uri uri;

    schema_uri_split(text, &uri);
    if (uri.scheme.start == NULL && absolute)
        return false;
    if (uri.scheme.start != NULL && !is_scheme(uri.scheme))
        return false;
    if (uri.authority.start != NULL && !is_authority(uri.authority))
        return false;
    /* http://host is an address, http:something is a typing error. */
    if (uri.scheme.start != NULL && is_web_scheme(uri.scheme) &&
        (uri.authority.length == 0 || uri.authority.start[0] == ':'))
        return false;
    if (uri.scheme.start != NULL && uri.authority.start == NULL && uri.path.length == 0)
        return false;
    return has_characters(uri.path, ":@/") && has_characters(uri.query, ":@/?") &&
           has_characters(uri.fragment, ":@/?");
}

static void append_span(struct text *text, const char *before, struct schema_uri_span span,
                        const char *after)
{
    if (span.start == NULL)
        return;
    text_append(text, before);
    text_append_bytes(text, span.start, span.length);
    text_append(text, after);
}

/* RFC 3986 section 5.2.4, segment by segment; @path is overwritten. */
static void remove_dot_segments(char *path)
{
    char *from = path;
    char *to = path;

    while (*from != '\0') {
        size_t length = strcspn(from + (*from == '/'), "/") + (*from == '/');
        const char *segment = from + (*from == '/');
        size_t segment_length = length - (*from == '/');
        bool is_last = from[length] == '\0';
        bool is_dot = segment_length == 1 && segment[0] == '.';
        bool is_up = segment_length == 2 && segment[0] == '.' && segment[1] == '.';

        if (!is_dot && !is_up) {
            memmove(to, from, length);
            to += length;
            from += length;
            continue;
        }
        if (is_up) {
            while (to > path && to[-1] != '/')
                to--;
            if (to > path)
                to--;
        }
        from += length;
        if (is_last)
            *to++ = '/';
    }
    *to = '\0';
}

const char *schema_uri_resolve(struct arena *arena, const char *base, const char *reference)
{
    CLEANUP(text_deinit) struct text path = {0};
    CLEANUP(text_deinit) struct text result = {0};
    struct schema_uri from;
    struct schema_uri to;
    size_t kept;

    text_init(&path, SCHEMA_URI_BYTES_MAX);
    text_init(&result, SCHEMA_URI_BYTES_MAX);
    schema_uri_split(base, &from);
    schema_uri_split(reference, &to);
    if (to.scheme.start == NULL) {
        to.scheme = from.scheme;
        if (to.authority.start == NULL) {
            to.authority = from.authority;
            if (to.path.length == 0) {
                to.path = from.path;
                if (to.query.start == NULL)
                    to.query = from.query;
            } else if (to.path.start[0] != '/') {
                kept = from.path.length;
                while (kept > 0 && from.path.start[kept - 1] != '/')
                    kept--;
                if (kept == 0 && from.authority.start != NULL)
                    text_append(&path, "/");
                text_append_bytes(&path, from.path.start, kept);
            }
        }
    }
    text_append_bytes(&path, to.path.start, to.path.length);
    if (text_failed(&path))
        return NULL;
    remove_dot_segments(path.bytes);

    append_span(&result, "", to.scheme, ":");
    append_span(&result, "//", to.authority, "");
    text_append(&result, path.bytes);
    append_span(&result, "?", to.query, "");
    append_span(&result, "#", to.fragment, "");
    if (text_failed(&result))
        return NULL;
    return arena_copy(arena, result.bytes);
}
