#include "mentoring/age.h"

#include "base/annotate.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned oldest;
} BANDS[] = {{"16_17", 17}, {"18_24", 24}, {"25_34", 34},
             {"35_49", 49}, {"50_64", 64}, {"65_and_over", 200}};

unsigned age_oldest(const char *band)
{
    for (size_t i = 0; band != NULL && i < ARRAY_LENGTH(BANDS); i++)
        if (strcmp(BANDS[i].name, band) == 0)
            return BANDS[i].oldest;
    return 0;
}
