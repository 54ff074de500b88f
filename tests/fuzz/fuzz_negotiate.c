#include "conditions.h"
#include "negotiate.h"

#include "base/annotate.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void negotiate_all(const char *header)
{
    static const char *const CANDIDATES[] = {"application/json", "text/csv", "de", "de-AT", "gzip",
                                             "identity"};

    for (int kind = NEGOTIATE_MEDIA; kind <= NEGOTIATE_CODING; kind++) {
        int best =
            negotiate_best((enum negotiate_kind)kind, header, CANDIDATES, ARRAY_LENGTH(CANDIDATES));
        int best_quality = 0;

        for (size_t i = 0; i < ARRAY_LENGTH(CANDIDATES); i++) {
            int quality = negotiate_quality((enum negotiate_kind)kind, header, CANDIDATES[i]);

            assert(quality >= 0 && quality <= NEGOTIATE_QUALITY_MAX);
            if (quality > best_quality)
                best_quality = quality;
        }
        assert((best < 0) == (best_quality == 0));
        assert(best < 0 || negotiate_quality((enum negotiate_kind)kind, header, CANDIDATES[best]) ==
                               best_quality);
    }
}

/* The lists and dates of headers: nothing is read past the end, and the best is the best. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *header = malloc(size + 1);
    enum coding coding;
    int64_t seconds;

    if (header == NULL)
        return 0;
    memcpy(header, data, size);
    header[size] = '\0';
    negotiate_all(header);
    if (conditions_match(header, "abc", false, CODING_GZIP, &coding))
        assert(strchr(header, '*') != NULL || strstr(header, "abc") != NULL);
    if (conditions_date(header, &seconds))
        assert(seconds >= 0);
    free(header);
    return 0;
}
