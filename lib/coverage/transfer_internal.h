#pragma once
/* Transfer, shared between transfer.c (ranking) and transfer_describe.c (telling why). */
#include "base/annotate.h"
#include "coverage/profiles.h"
#include "coverage/similar.h"
#include "coverage/steps.h"
#include "coverage/transfer.h"

#include <stdbool.h>

/* Does the legal basis b hold in the country $1, which is in the European Union or not ($2)? */
#define LAW_OF_BASIS                                                                               \
    "case when $1::text is null then 'unknown' "                                                   \
    "when b.country = $1 or b.scope in ('international', 'intercontinental') "                     \
    "or (b.scope = 'european' and $2::boolean) then 'holds' "                                      \
    "when b.country is null then 'unknown' "                                                       \
    "when exists (select from published.legal_bases o where o.country = $1 and o.kind = b.kind) "  \
    "then 'similar' else 'missing' end"

struct transfer_gap {
    size_t step;
    struct profiles_match candidates[TRANSFER_CANDIDATES];
    size_t count;
};

struct transfer {
    struct profiles *profiles;
    struct db *db;
    struct arena *arena;
    const struct place *place;
    const char *country;
    struct rarity_term *terms; /* of the place */
    size_t term_count;
    int64_t point_weight; /* of one point */
    struct profiles_bonus *bonuses;
    size_t bonus_count;
    struct transfer_gap gaps[STEPS_COUNT];
    size_t gap_count;
};

bool transfer_is_in_union(const char *country);
const char *transfer_step_term(size_t step);
MUST_CHECK int transfer_describe(struct transfer *transfer, json_t **ret_json);
