#pragma once
/*
 * Finish
 *
 * Turns a handler's reply into what goes out: conditions, content coding,
 * HEAD, and every header.
 */
#include "base/annotate.h"

struct exchange;

/*
 * finish_reply() - fill the outgoing part of the exchange
 * Return: 0; FINISH_SIZE_UNKNOWN: a 304 without a body whose length is not
 * known: ask the handler again, unconditionally; FINISH_NOT_ACCEPTABLE: no
 * content coding that the client takes; FINISH_PRECONDITION_FAILED: If-Match
 * names another ETag; a fault.
 */
enum finish_outcome { FINISH_SIZE_UNKNOWN = 1, FINISH_NOT_ACCEPTABLE, FINISH_PRECONDITION_FAILED };
MUST_CHECK int finish_reply(struct exchange *exchange);
