/*
 * Request
 *
 * The decoders work on the raw bytes and refuse what is not clean, rather than
 * mend it: two readers that mend differently are how a check is got round.
 */
#include "request.h"

#include "base/problem.h"
#include "base/text.h"

#include <string.h>
#include <strings.h>

enum decode_fault {
    DECODE_OK,
    DECODE_ENCODING,
    DECODE_CONTROL,
    DECODE_UTF8,
    DECODE_SLASH,
    DECODE_BACKSLASH,
    DECODE_SEMICOLON,
    DECODE_NO_MEMORY
};

static const struct {
    const char *code;
    const char *detail;
} DECODE_FAULTS[] = {
    [DECODE_ENCODING] = {"malformed-encoding",
                         "A percent sign must be followed by two hexadecimal digits."},
    [DECODE_CONTROL] = {"control-character", "Control characters and raw spaces are not allowed."},
    [DECODE_UTF8] = {"invalid-utf-8", "The decoded bytes must be UTF-8."},
    [DECODE_SLASH] = {"encoded-slash", "A segment of the path cannot contain a slash."},
    [DECODE_BACKSLASH] = {"backslash", "A path cannot contain a backslash."},
    [DECODE_SEMICOLON] = {"semicolon", "A path cannot contain a semicolon."},
    [DECODE_NO_MEMORY] = {"too-long", "The text is too long."},
};

const char *request_segment(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->segment_count; i++) {
        if (strcmp(request->segments[i].name, name) == 0)
            return request->segments[i].value;
    }
    return NULL;
}

const char *request_parameter(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->parameter_count; i++) {
        if (strcmp(request->parameters[i].name, name) == 0)
            return request->parameters[i].value;
    }
    return NULL;
}

const char *request_form(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->form_count; i++) {
        if (strcmp(request->form[i].name, name) == 0)
            return request->form[i].value;
    }
    return NULL;
}

const char *request_header(const struct request *request, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < request->header_count; i++) {
        const struct request_header *header = &request->headers[i];

        if (strcasecmp(header->name, name) != 0)
            continue;
        if (value == NULL) {
            value = header->value;
            continue;
        }
        value = arena_format(request->arena, "%s, %s", value, header->value);
        if (value == NULL)
            return NULL;
    }
    return value;
}

static int hexadecimal(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* One raw character or percent-encoded byte at *@at, which moves past it. -1: malformed. */
static int decode_byte(const char **at, const char *end)
{
    int high, low;

    if (**at != '%')
        return (unsigned char)*(*at)++;
    if (end - *at < 3)
        return -1;
    high = hexadecimal((*at)[1]);
    low = hexadecimal((*at)[2]);
    if (high < 0 || low < 0)
        return -1;
    *at += 3;
    return high * 16 + low;
}

/* A name or value of the query; *@ret_text is set unless the result is a fault. */
static enum decode_fault decode_component(struct arena *arena, const char *raw, size_t length,
                                          const char **ret_text)
{
    const char *end = raw + length;
    char *text;
    size_t used = 0;

    /* What needs no decoding is the usual case; it still must be copied to be terminated. */
    text = arena_alloc(arena, length + 1);
    if (text == NULL)
        return DECODE_NO_MEMORY;
    for (const char *at = raw; at < end;) {
        int byte;

        if ((unsigned char)*at <= 0x20 || *at == 0x7f)
            return DECODE_CONTROL;
        byte = *at == '+' ? (at++, ' ') : decode_byte(&at, end);
        if (byte < 0)
            return DECODE_ENCODING;
        if (byte < 0x20 || byte == 0x7f)
            return DECODE_CONTROL;
        text[used++] = (char)byte;
    }
    text[used] = '\0';
    if (!text_is_utf8(text, used))
        return DECODE_UTF8;
    *ret_text = text;
    return DECODE_OK;
}

const char *request_decode_component(struct arena *arena, const char *raw, size_t size_bytes)
{
    const char *text;

    return decode_component(arena, raw, size_bytes, &text) == DECODE_OK ? text : NULL;
}

static bool decode_parameter(struct request *request, const char *raw, size_t length,
                             struct problem *problem)
{
    const char *equals = memchr(raw, '=', length);
    size_t name_length = equals == NULL ? length : (size_t)(equals - raw);
    const char *name = NULL;
    const char *value = "";
    enum decode_fault fault;

    fault = decode_component(request->arena, raw, name_length, &name);
    if (fault == DECODE_OK && equals != NULL)
        fault = decode_component(request->arena, equals + 1, length - name_length - 1, &value);
    if (fault != DECODE_OK) {
        problem_add(problem, request->arena, NULL, name, DECODE_FAULTS[fault].code, "%s",
                    DECODE_FAULTS[fault].detail);
        return false;
    }
    if (name == NULL || name[0] == '\0') {
        problem_add(problem, request->arena, NULL, NULL, "empty-name",
                    "A parameter of the query has no name.");
        return false;
    }
    if (request->parameter_count == QUERY_PARAMETERS_MAX) {
        problem_add(problem, request->arena, NULL, name, "too-many-parameters",
                    "A query has at most %d parameters.", QUERY_PARAMETERS_MAX);
        return false;
    }
    request->parameters[request->parameter_count++] =
        (struct request_parameter){.name = name, .value = value};
    return true;
}

bool request_decode_query(struct request *request, const char *raw, struct problem *problem)
{
    bool good = true;

    request->parameter_count = 0;
    while (*raw != '\0') {
        size_t length = strcspn(raw, "&");

        /* "a=1&&b=2": an empty piece says nothing, and browsers send it. */
        if (length > 0 && !decode_parameter(request, raw, length, problem)) {
            good = false;
            if (request->parameter_count == QUERY_PARAMETERS_MAX ||
                problem->error_count >= FAULTS_MAX)
                break;
        }
        raw += length;
        if (*raw == '&')
            raw++;
    }
    if (!good)
        problem_set(problem, "invalid-parameter", NULL);
    return good;
}

/* NULL when the piece of a form was taken, else what is wrong with it. */
static const char *decode_form_piece(struct request *request, const char *raw, size_t length)
{
    const char *equals = memchr(raw, '=', length);
    size_t name_length = equals == NULL ? length : (size_t)(equals - raw);
    const char *name = NULL;
    const char *value = "";
    enum decode_fault fault = decode_component(request->arena, raw, name_length, &name);

    if (fault == DECODE_OK && equals != NULL)
        fault = decode_component(request->arena, equals + 1, length - name_length - 1, &value);
    if (fault != DECODE_OK)
        return DECODE_FAULTS[fault].detail;
    if (name == NULL || name[0] == '\0')
        return "A parameter has no name.";
    if (value[0] == '\0')
        return NULL;
    if (request_form(request, name) != NULL)
        return "A parameter is there twice.";
    if (request->form_count == FORM_PARAMETERS_MAX)
        return "There are too many parameters.";
    request->form[request->form_count++] = (struct request_parameter){.name = name, .value = value};
    return NULL;
}

bool request_decode_form(struct request *request, const char *bytes, size_t size_bytes,
                         struct problem *problem)
{
    const char *end = bytes + size_bytes;
    const char *fault = NULL;

    request->form_count = 0;
    for (const char *at = bytes; at < end && fault == NULL;) {
        const char *next = memchr(at, '&', (size_t)(end - at));
        size_t length = (size_t)((next == NULL ? end : next) - at);

        if (length > 0)
            fault = decode_form_piece(request, at, length);
        at += length + (next == NULL ? 0 : 1);
    }
    if (fault != NULL)
        problem_set(problem, "invalid-form", fault);
    return fault == NULL;
}

static enum decode_fault decode_path_byte(const char **at, const char *end, char *ret_byte)
{
    bool encoded = **at == '%';
    int byte = decode_byte(at, end);

    if (byte < 0)
        return DECODE_ENCODING;
    if (byte < 0x20 || byte == 0x7f || (byte == ' ' && !encoded))
        return DECODE_CONTROL;
    if (byte == '/' && encoded)
        return DECODE_SLASH;
    if (byte == '\\')
        return DECODE_BACKSLASH;
    if (byte == ';')
        return DECODE_SEMICOLON;
    *ret_byte = (char)byte;
    return DECODE_OK;
}

/* NULL when the segments of a decoded path are good, else what is wrong. */
static const char *bad_segments(const char *path)
{
    size_t count = 0;

    if (path[0] != '/')
        return "A path starts with a slash.";
    for (const char *at = path + 1; *at != '\0';) {
        size_t length = strcspn(at, "/");

        if (length == 0)
            return "A path has no empty segments.";
        if ((length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.'))
            return "A path has no segments '.' and '..'.";
        if (++count > PATH_SEGMENTS_MAX)
            return "The path has too many segments.";
        at += length;
        if (*at == '/')
            at++;
    }
    return NULL;
}

bool request_decode_path(struct request *request, const char *raw, struct problem *problem)
{
    size_t raw_length = strlen(raw);
    const char *end = raw + raw_length;
    char *path = arena_alloc(request->arena, raw_length + 1);
    size_t used = 0;
    const char *bad;

    request->path = NULL;
    if (path == NULL) {
        problem_set(problem, "invalid-path", DECODE_FAULTS[DECODE_NO_MEMORY].detail);
        return false;
    }
    for (const char *at = raw; at < end;) {
        enum decode_fault fault = decode_path_byte(&at, end, &path[used]);

        if (fault != DECODE_OK) {
            problem_set(problem, "invalid-path", DECODE_FAULTS[fault].detail);
            return false;
        }
        used++;
    }
    path[used] = '\0';
    if (used > PATH_BYTES_MAX)
        bad = "The path is too long.";
    else if (!text_is_utf8(path, used))
        bad = DECODE_FAULTS[DECODE_UTF8].detail;
    else
        bad = bad_segments(path);
    if (bad != NULL) {
        problem_set(problem, "invalid-path", bad);
        return false;
    }
    request->path = path;
    return true;
}
