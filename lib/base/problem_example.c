/*
 * Apart from the kinds, because most problems need no example: these are the
 * ones whose mending is a request of its own, or several.
 */
#include "base/problem.h"

#include "base/annotate.h"

#include <stddef.h>
#include <string.h>

#define CREDENTIALS                                                                                \
    "# A server signs in as a client that an administrator has registered.\n"                      \
    "TOKEN=$(curl -s \"$API/v1/oauth/token\" -u \"$CLIENT_ID:$CLIENT_SECRET\" \\\n"                \
    "             -d grant_type=client_credentials | jq -r .access_token)\n"
#define OUTSIDE                                                                                    \
    "# An app sends the token that the person's own provider of identities gave it, if this\n"     \
    "# service was told to trust that provider.\n"                                                 \
    "curl -s \"$API/v1/working-copies\" -H \"Authorization: Bearer $ACCESS_TOKEN\"\n"
#define READ_ETAG                                                                                  \
    "ETAG=$(curl -s -D - -o record.json \"$API/v1/practices/$ID/working-copy\" \\\n"               \
    "            -H \"Authorization: Bearer $TOKEN\" |\n"                                          \
    "       tr -d '\\r' | sed -n 's/^ETag: //p')\n"
#define PATCH_WITH_ETAG                                                                            \
    "curl -s -X PATCH \"$API/v1/practices/$ID\" -H \"Authorization: Bearer $TOKEN\" \\\n"          \
    "     -H \"If-Match: $ETAG\" -H 'Content-Type: application/merge-patch+json' \\\n"             \
    "     -d '{\"city\":\"Lyon\"}'\n"

static const struct {
    const char *code;
    const char *text;
} EXAMPLES[] = {
    {"unauthenticated", CREDENTIALS
     "curl -s \"$API/v1/working-copies\" -H \"Authorization: Bearer $TOKEN\"\n\n" OUTSIDE},
    {"invalid-token", CREDENTIALS "\n" OUTSIDE},
    {"invalid-client", "curl -si \"$API/v1/oauth/token\" -u \"$CLIENT_ID:$CLIENT_SECRET\" \\\n"
                       "     -d grant_type=client_credentials\n"},
    {"insufficient-scope",
     "TOKEN=$(curl -s \"$API/v1/oauth/token\" -u \"$CLIENT_ID:$CLIENT_SECRET\" \\\n"
     "             -d grant_type=client_credentials -d scope=read+write | jq -r .access_token)\n"},
    {"precondition-required",
     "# Read the record, and say in the change which state of it you have seen.\n" READ_ETAG
         PATCH_WITH_ETAG},
    {"precondition-failed",
     "# Somebody was faster: read again, look at what they changed, decide anew.\n" READ_ETAG
         PATCH_WITH_ETAG},
    {"validation-failed",
     "# dry_run=true does everything but keep it: the same answer, the same faults.\n"
     "curl -s \"$API/v1/practices?dry_run=true\" -H \"Authorization: Bearer $TOKEN\" \\\n"
     "     -H 'Content-Type: application/json' -d @practice.json | jq .errors\n"},
    {"idempotency-key-reuse",
     "# One key for one thing to be done; the same key for every try to do it.\n"
     "KEY=$(uuidgen)\n"
     "curl -s \"$API/v1/practices\" -H \"Authorization: Bearer $TOKEN\" \\\n"
     "     -H \"Idempotency-Key: $KEY\" -H 'Content-Type: application/json' -d @practice.json\n"},
    {"outcome-unknown",
     "# With the same key nothing is done twice, and the answer is that of the first try.\n"
     "curl -s \"$API/v1/practices\" -H \"Authorization: Bearer $TOKEN\" \\\n"
     "     -H \"Idempotency-Key: $KEY\" -H 'Content-Type: application/json' -d @practice.json\n"},
    {"invalid-transition",
     "# Which step is next is in the status of the working copy, and in its review.\n"
     "curl -s \"$API/v1/practices/$ID/working-copy\" -H \"Authorization: Bearer $TOKEN\" |\n"
     "     jq '.status, .review'\n"},
    {"rate-limited",
     "# Retry-After says when; a conditional request that is answered with 304 costs nothing.\n"
     "curl -si \"$API/v1/practices\" -H \"If-None-Match: $ETAG\" | grep -i '^RateLimit'\n"},
    {"invalid-parameter", "# Every parameter of an operation, from the contract.\n"
                          "curl -s \"$API/openapi.json\" |\n"
                          "  jq -r '.paths[\"/v1/practices\"].get.parameters[].\"$ref\"'\n"},
};

const char *problem_example(const char *code)
{
    for (size_t i = 0; i < ARRAY_LENGTH(EXAMPLES); i++)
        if (strcmp(EXAMPLES[i].code, code) == 0)
            return EXAMPLES[i].text;
    return NULL;
}
