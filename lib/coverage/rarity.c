#include "coverage/rarity.h"

#include "base/annotate.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* What two practices are compared by, and how much it counts. */
static const struct {
    const char *prefix;
    unsigned share;
} SHARES[] = {{"value_chain_steps=", 3},
              {"target_groups=", 3},
              {"sectors=", 2},
              {"municipality_roles=", 2},
              {"good_practice_themes=", 1}};

unsigned rarity_share(const char *term)
{
    /* That a source is silent is nothing in common. */
    if (strcmp(term, "municipality_roles=none_stated") == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LENGTH(SHARES); i++)
        if (strncmp(term, SHARES[i].prefix, strlen(SHARES[i].prefix)) == 0)
            return SHARES[i].share;
    return 0;
}

int32_t rarity_weight(unsigned share, uint32_t practice_count, uint32_t frequency)
{
    if (frequency == 0)
        return 0;
    return (int32_t)lround(100.0 * share * log2(1 + (double)practice_count / (double)frequency));
}
