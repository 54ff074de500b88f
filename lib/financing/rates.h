#pragma once
/*
 * Rates
 *
 * Exchange rates against the euro, each of a day and a source. The operator brings them in; of a
 * day without a rate the last one before it counts.
 */
#include "base/annotate.h"
#include "financing/eligibility.h"

#include <stddef.h>

struct arena;
struct db;
struct problem;

struct rate_shown {
    const char *currency, *rate, *date, *source;
};

struct rates {
    struct rate *rates; /* as eligibility has them */
    struct rate_shown *shown;
    size_t count;
};

#define RATE_TEXT_BYTES_MAX 200 /* of a source */

/*
 * rates_read() - the rates of some currencies
 * @currencies: borrowed; the euro needs none
 * @day:        borrowed; "2026-11-22"; NULL: today
 * @ret_rates:  in @arena; of a currency without a rate there is none
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int rates_read(struct db *db, struct arena *arena, const struct currency *currencies,
                          size_t count, const char *day, struct rates *ret_rates);

/* Hundred-millionths of a decimal number; 0 when it is none above 0, or does not fit. */
int64_t rates_parse(const char *text);

/*
 * rates_import() - bring in a file of rates, all or none; a rate that is there is replaced
 * @csv:     borrowed; RFC 4180, a header with the columns date, currency, rate and source. The rate
 *           says how many of the currency one euro is.
 * @problem: receives what is wrong, each with its line, when RATES_INVALID
 * Return: 0; RATES_INVALID; a db outcome; a fault.
 */
enum rates_outcome { RATES_INVALID = 100 };
MUST_CHECK int rates_import(struct db *db, const char *csv, struct arena *arena,
                            struct problem *problem, size_t *ret_count);
