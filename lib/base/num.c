#include "base/num.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 30

bool num_parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    long long value;

    if (digits[0] == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return false;
    errno = 0;
    value = strtoll(text, NULL, 10);
    if (errno != 0 || value < min || value > max)
        return false;
    *ret = value;
    return true;
}

bool num_parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret)
{
    int64_t value;

    if (text[0] == '-' || !num_parse_i64(text, min, max, &value))
        return false;
    *ret = (uint32_t)value;
    return true;
}

bool num_is_decimal(const char *text)
{
    const char *at = text[0] == '-' ? text + 1 : text;
    size_t whole = strspn(at, "0123456789");
    size_t fraction = 0;

    if (whole == 0)
        return false;
    at += whole;
    if (*at == '.') {
        at++;
        fraction = strspn(at, "0123456789");
        if (fraction == 0)
            return false;
        at += fraction;
    }
    return *at == '\0' && whole + fraction <= DIGITS_MAX;
}

bool num_parse_double(const char *text, double min, double max, double *ret)
{
    double value;

    if (!num_is_decimal(text))
        return false;
    value = strtod(text, NULL);
    /* Written so that a NaN would be refused, too. */
    if (!(value >= min && value <= max))
        return false;
    *ret = value;
    return true;
}
