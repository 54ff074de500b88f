#pragma once
/*
 * Numbers from outside: the whole text must be the number, nothing before or
 * after it, and it must lie in the range given.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stdint.h>

MUST_CHECK bool num_parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret);
MUST_CHECK bool num_parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret);
/* Decimal notation only (no exponent, hexadecimal, infinity or NaN). */
MUST_CHECK bool num_parse_double(const char *text, double min, double max, double *ret);
/* [-]digits[.digits], at most 30 digits: what PostgreSQL's numeric takes unchanged. */
MUST_CHECK bool num_is_decimal(const char *text);
