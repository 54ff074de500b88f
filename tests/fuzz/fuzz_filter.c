#include "base/embedded.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/contract.h"
#include "record/query.h"
#include "request.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct contract *contract;

static void check_values(const struct query *query)
{
    assert(query->condition_count <= CONDITIONS_MAX);
    for (size_t i = 0; i < query->condition_count; i++) {
        const struct query_condition *condition = &query->conditions[i];

        assert(condition->value_count > 0 && condition->value_count <= FILTER_VALUES_MAX);
        for (size_t j = 0; j < condition->value_count; j++)
            assert(condition->values[j][0] != '\0' &&
                   text_is_utf8(condition->values[j], strlen(condition->values[j])));
    }
    assert(query->sort_count >= 1 && query->sort_count <= SORT_KEYS_MAX);
    assert(query->limit >= 1 && query->limit <= PAGE_ITEMS_MAX);
    assert(query->id_count <= IDS_MAX && query->include_count <= INCLUDES_MAX);
    assert(query->facet_count <= FACETS_MAX && query->field_count <= FIELDS_MAX);
    assert(query->language_count <= LANGUAGES_MAX);
    assert(!query->has_near || (query->lat >= -90 && query->lat <= 90));
}

/*
 * The first byte picks a resource and whether it is a list; the rest is the query as it is
 * sent. What passes keeps to its bounds, and the same query has the same fingerprint.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct problem problem;
    static struct query query, again;
    unsigned char hash[QUERY_FINGERPRINT_BYTES], other[QUERY_FINGERPRINT_BYTES];
    struct query_pair pairs[QUERY_PARAMETERS_MAX];
    const struct resource *resource;
    enum query_scope scope;
    struct arena arena;
    struct request request = {.arena = &arena};
    char *what = NULL;

    if (contract == NULL)
        assert(contract_new((const char *)EMBEDDED_OPENAPI_JSON.bytes,
                            EMBEDDED_OPENAPI_JSON.size_bytes, &contract, &what) == 0);
    if (size < 1)
        return 0;
    resource = contract_resource(contract, (data[0] >> 1) % contract_resource_count(contract));
    scope = (data[0] & 1) != 0 ? QUERY_READ : QUERY_LIST;
    arena_init(&arena, 4 * 1024 * 1024);
    problem = (struct problem){0};
    if (request_decode_query(&request, arena_copy_bytes(&arena, (const char *)data + 1, size - 1),
                             &problem)) {
        for (size_t i = 0; i < request.parameter_count; i++)
            pairs[i] = (struct query_pair){request.parameters[i].name, request.parameters[i].value};
        if (query_parse(contract, resource, scope, pairs, request.parameter_count, NULL, 0, &arena,
                        &problem, &query)) {
            if (scope == QUERY_LIST) {
                check_values(&query);
                query_fingerprint(&query, hash);
                assert(query_parse(contract, resource, scope, pairs, request.parameter_count, NULL,
                                   0, &arena, &problem, &again));
                query_fingerprint(&again, other);
                assert(memcmp(hash, other, sizeof(hash)) == 0);
            }
        } else {
            assert(problem.error_count > 0 && problem.errors[0].code != NULL);
        }
    }
    arena_deinit(&arena);
    return 0;
}
