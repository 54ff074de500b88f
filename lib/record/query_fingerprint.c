#include "record/query.h"

#include <sodium.h>
#include <string.h>

static void hash_text(crypto_generichash_state *state, const char *text)
{
    (void)crypto_generichash_update(state, (const unsigned char *)text, strlen(text) + 1);
}

static void hash_bytes(crypto_generichash_state *state, const void *bytes, size_t size_bytes)
{
    (void)crypto_generichash_update(state, bytes, size_bytes);
}

void query_fingerprint(const struct query *query, unsigned char ret_hash[QUERY_FINGERPRINT_BYTES])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, QUERY_FINGERPRINT_BYTES);
    hash_text(&state, query->resource->path);
    for (size_t i = 0; i < query->condition_count; i++) {
        const struct query_condition *condition = &query->conditions[i];

        hash_text(&state, condition->filter->name);
        hash_text(&state, condition->negated ? "not" : "");
        for (size_t j = 0; j < condition->value_count; j++)
            hash_text(&state, condition->values[j]);
        hash_text(&state, "");
    }
    hash_text(&state, query->related == NULL ? "" : query->related->path);
    hash_text(&state, query->related == NULL ? "" : query->related_to);
    for (size_t i = 0; i < query->id_count; i++)
        hash_text(&state, query->ids[i]);
    hash_text(&state, query->search == NULL ? "" : query->search);
    if (query->has_near) {
        hash_bytes(&state, &query->lat, sizeof(query->lat));
        hash_bytes(&state, &query->lon, sizeof(query->lon));
        hash_bytes(&state, &query->radius_km, sizeof(query->radius_km));
    }
    if (query->has_box) {
        const double box[] = {query->west, query->south, query->east, query->north};

        hash_bytes(&state, box, sizeof(box));
    }
    hash_text(&state, query->as_of == NULL ? "" : query->as_of);
    hash_text(&state, query->freshness == FRESHNESS_ANY     ? ""
                      : query->freshness == FRESHNESS_STALE ? "stale"
                                                            : "fresh");
    for (size_t i = 0; i < query->sort_count; i++) {
        const struct query_sort *sort = &query->sorts[i];
        const unsigned char flags = (unsigned char)(sort->kind << 1 | sort->descending);

        hash_bytes(&state, &flags, 1);
        hash_text(&state, sort->property == NULL ? "" : sort->property->path);
    }
    (void)crypto_generichash_final(&state, ret_hash, QUERY_FINGERPRINT_BYTES);
}
