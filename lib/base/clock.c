#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;

    /* Cannot fail: both clocks exist on every Linux. */
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t clock_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

uint64_t clock_monotonic_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000u;
}

uint64_t clock_wall_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000u;
}

const char *clock_wall_text(char *buffer, size_t size_bytes)
{
    uint64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000u);
    char whole[CLOCK_TEXT_BYTES];
    struct tm utc;

    (void)gmtime_r(&seconds, &utc);
    (void)strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(buffer, size_bytes, "%s.%03uZ", whole, (unsigned)(now_ms % 1000u));
    return buffer;
}

const char *clock_http_date(char *buffer, size_t size_bytes, int64_t seconds)
{
    /* Not strftime("%a"): that follows the locale, RFC 9110 does not. */
    static const char *const DAYS[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const MONTHS[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t time = (time_t)seconds;
    struct tm utc;

    (void)gmtime_r(&time, &utc);
    (void)snprintf(buffer, size_bytes, "%s, %02d %s %04d %02d:%02d:%02d GMT", DAYS[utc.tm_wday],
                   utc.tm_mday, MONTHS[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                   utc.tm_sec);
    return buffer;
}
