#pragma once
/*
 * Log
 *
 * logfmt on standard error: time, level, event first, then the pairs of the
 * caller's format. A line is written with one write(), so threads never mix.
 * Nothing personal goes in: ids, counts, durations. Text that came from a
 * client passes through log_quote().
 */
#include "base/annotate.h"

#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above @level are dropped. Call before the first thread starts. */
void log_set_level(enum log_level level);

/* The request id that every line of this thread bears; NULL removes it. Copied, cut at 64 bytes. */
void log_set_request(const char *request_id);

void log_write(enum log_level level, const char *event, const char *format, ...) PRINTF_LIKE(3, 4);

/*
 * log_quote() - client text, made safe for one log line
 * @buffer:     borrowed; receives the quoted text, always terminated
 * @size_bytes: size of @buffer, at least 8
 * @text:       borrowed; may be NULL
 *
 * Control bytes, quotes, backslashes and bytes above 0x7e become \xNN; what
 * does not fit is cut and marked with "...".
 *
 * Return: @buffer.
 */
const char *log_quote(char *buffer, size_t size_bytes, const char *text);

#define log_error(event, ...) log_write(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) log_write(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_info(event, ...) log_write(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_write(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
