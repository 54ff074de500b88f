#pragma once
/*
 * Profile
 *
 * What somebody tells about herself, out of a body that the contract has found valid. Nothing of it
 * outlives the request.
 */
#include "base/annotate.h"
#include "financing/eligibility.h"

#include <jansson.h>

struct arena;
struct offers;
struct offers_held;

/*
 * profile_read() - @body: borrowed; FinancingProfile
 * @held: offers, of which it is known where their cities lie
 * @ret_profile: without rates and time; its texts live in @arena
 * Return: 0; a fault.
 */
MUST_CHECK int profile_read(const struct offers *offers, const struct offers_held *held,
                            const json_t *body, struct arena *arena, struct profile *ret_profile);
