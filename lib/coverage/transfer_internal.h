#pragma once
/* Transfer, shared between transfer.c (ranking) and transfer_describe.c (telling why). */
#include "base/annotate.h"
#include "coverage/evidence.h"
#include "coverage/profiles.h"
#include "coverage/similar.h"
#include "coverage/steps.h"
#include "coverage/transfer.h"

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
    struct evidence_place evidence;
    struct rarity_term *terms; /* of the place */
    size_t term_count;
    struct rarity_term *scaled; /* the same, as they are ranked by */
    int64_t point_weight;       /* of one point, beside scaled */
    struct transfer_gap gaps[STEPS_COUNT];
    size_t gap_count;
};

const char *transfer_step_term(size_t step);
MUST_CHECK int transfer_describe(struct transfer *transfer, json_t **ret_json);
