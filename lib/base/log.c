#include "base/log.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES_MAX 2048 /* a longer line is cut: logs hold ids and counts */
#define REQUEST_ID_BYTES 65 /* the longest id that a client may send, and the end */

static atomic_int threshold = LOG_LEVEL_INFO;
static _Thread_local char request_id_of_thread[REQUEST_ID_BYTES];

static const char *const LEVEL_NAMES[] = {"error", "warn", "info", "debug"};

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, (int)level);
}

void log_set_request(const char *request_id)
{
    if (request_id == NULL)
        request_id = "";
    (void)snprintf(request_id_of_thread, sizeof(request_id_of_thread), "%s", request_id);
}

/* snprintf() counts what it would have written: this is what it did write. */
static size_t written(int result, size_t room)
{
    if (result < 0 || room == 0)
        return 0;
    return (size_t)result < room ? (size_t)result : room - 1;
}

void log_write(enum log_level level, const char *event, const char *format, ...)
{
    char line[LINE_BYTES_MAX];
    char now[CLOCK_TEXT_BYTES];
    size_t length;
    va_list arguments;

    if ((int)level > atomic_load_explicit(&threshold, memory_order_relaxed))
        return;

    length = written(snprintf(line, sizeof(line) - 1, "time=%s level=%s event=%s",
                              clock_wall_text(now, sizeof(now)), LEVEL_NAMES[level], event),
                     sizeof(line) - 1);
    if (request_id_of_thread[0] != '\0')
        length += written(snprintf(line + length, sizeof(line) - 1 - length, " request_id=%s",
                                   request_id_of_thread),
                          sizeof(line) - 1 - length);
    if (format[0] != '\0' && length + 2 < sizeof(line)) {
        line[length++] = ' ';
        va_start(arguments, format);
        length += written(vsnprintf(line + length, sizeof(line) - 1 - length, format, arguments),
                          sizeof(line) - 1 - length);
        va_end(arguments);
    }
    line[length++] = '\n';
    /* A full or closed log must never stop a request: the line is lost then. */
    if (write(STDERR_FILENO, line, length) < 0)
        return;
}

const char *log_quote(char *buffer, size_t size_bytes, const char *text)
{
    static const char HEX[] = "0123456789abcdef";
    size_t length = 0;

    buffer[length++] = '"';
    for (const char *at = text == NULL ? "" : text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';

        /* Room for this character, the mark of a cut, the quote and the end. */
        if (length + (plain ? 1 : 4) + 5 > size_bytes) {
            memcpy(buffer + length, "...", 3);
            length += 3;
            break;
        }
        if (plain) {
            buffer[length++] = (char)byte;
            continue;
        }
        buffer[length++] = '\\';
        buffer[length++] = 'x';
        buffer[length++] = HEX[byte >> 4];
        buffer[length++] = HEX[byte & 15];
    }
    buffer[length++] = '"';
    buffer[length] = '\0';
    return buffer;
}
