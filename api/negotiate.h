#pragma once
/*
 * Content negotiation
 *
 * One reader for Accept, Accept-Language and Accept-Encoding (RFC 9110 section
 * 12.5). A member that is malformed is passed over, and only the first
 * NEGOTIATE_ITEMS_MAX are read: a header full of nonsense costs little and
 * changes nothing. A header without one good member counts as absent.
 */
#include <stddef.h>

enum negotiate_kind { NEGOTIATE_MEDIA, NEGOTIATE_LANGUAGE, NEGOTIATE_CODING };

#define NEGOTIATE_ITEMS_MAX 64
#define NEGOTIATE_QUALITY_MAX 1000

/*
 * negotiate_quality() - how welcome is a candidate?
 * @header:    borrowed; the header's value, NULL when it was not sent
 * @candidate: borrowed; "application/json", "de" or "de-AT", "gzip" or "identity"
 *
 * Media types: the most specific range decides; ranges with parameters other
 * than q and charset fit nothing. Languages: the range itself, a longer range
 * (de-AT asks for de too) and a shorter one (de covers de-AT). Codings: what is
 * not named is refused, but for identity, which is then the last choice (1).
 *
 * Return: thousandths, 0 (not acceptable) to NEGOTIATE_QUALITY_MAX.
 */
int negotiate_quality(enum negotiate_kind kind, const char *header, const char *candidate);

/*
 * negotiate_best() - the most welcome of several
 * @candidates: borrowed; @candidate_count of them, ours in order of preference
 *
 * Among equals the earlier candidate wins; of languages, the one that the
 * header names first.
 *
 * Return: an index into @candidates; -1 when none is acceptable.
 */
int negotiate_best(enum negotiate_kind kind, const char *header, const char *const *candidates,
                   size_t candidate_count);
