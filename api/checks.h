#pragma once
/*
 * Checks
 *
 * What is judged before any handler runs, from the raw request. Each check
 * leaves a problem in the exchange's reply where it says no.
 */
#include "base/annotate.h"

struct exchange;

/* Of every check: 0: go on; CHECK_ANSWERED: the reply is made; a fault. */
enum check_outcome { CHECK_ANSWERED = 1 };

/* Framing and headers: names, repeated ones, Host, transfer coding, Expect. */
MUST_CHECK int check_headers(struct exchange *exchange);
/* The request target, in any of its forms, into path and raw query; "OPTIONS *" is answered. */
MUST_CHECK int check_target(struct exchange *exchange);
/* Content-Encoding: nothing is ever inflated. */
MUST_CHECK int check_coding(struct exchange *exchange);
/* A token in the query is refused before anything could write it down. */
MUST_CHECK int check_credentials(struct exchange *exchange);
/* The bucket of who signed in, or of the address. */
MUST_CHECK int check_rate(struct exchange *exchange);
/* The query, decoded. */
MUST_CHECK int check_query(struct exchange *exchange);
/* The body, as far as the route takes one. */
MUST_CHECK int check_body(struct exchange *exchange);
