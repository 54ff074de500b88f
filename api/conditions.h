#pragma once
/*
 * Conditional requests (RFC 9110 section 13)
 *
 * Our strong ETags bear a suffix for each content coding: "abc", "abc-gz",
 * "abc-br", "abc-zst". They name the same content, so any of them matches.
 */
#include "base/annotate.h"
#include "compress.h"

#include <stdbool.h>
#include <stdint.h>

#define ETAG_BYTES_MAX 200 /* of the opaque value; ours are far shorter */

/*
 * conditions_match() - is @etag among the entity tags of a list?
 * @list:       borrowed; value of If-None-Match or If-Match
 * @etag:       borrowed; opaque value without quotes and suffix; NULL: matches "*" alone
 * @strong:     weak tags ("W/…") do not match (If-Match)
 * @preferred:  the coding asked about first; its tag wins when several match
 * @ret_coding: of the tag that matched; @preferred for "*". May be NULL.
 */
bool conditions_match(const char *list, const char *etag, bool strong, enum coding preferred,
                      enum coding *ret_coding);

/*
 * conditions_date() - seconds since 1970 of an HTTP date in any of its three
 * forms (RFC 9110 section 5.6.7)
 */
MUST_CHECK bool conditions_date(const char *text, int64_t *ret_seconds);
