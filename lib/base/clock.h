#pragma once
/* Time: the monotonic clock for deadlines, the wall clock for what people read. */
#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT_BYTES 32

uint64_t clock_monotonic_us(void);
uint64_t clock_monotonic_ms(void);
/* Milliseconds since 1970, UTC. */
uint64_t clock_wall_ms(void);
/* RFC 3339 UTC with milliseconds into @buffer (CLOCK_TEXT_BYTES). Returns @buffer. */
const char *clock_wall_text(char *buffer, size_t size_bytes);
/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 IMF-fixdate) of seconds since 1970. Returns @buffer. */
const char *clock_http_date(char *buffer, size_t size_bytes, int64_t seconds);
