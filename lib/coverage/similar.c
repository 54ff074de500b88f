#include "coverage/similar.h"

#include "base/arena.h"
#include "base/fault.h"
#include "coverage/arrays.h"
#include "coverage/overlap.h"
#include "coverage/rarity.h"
#include "coverage/reasons.h"
#include "db/db.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct db_query TERMS = {
    .name = "similar_terms",
    .sql = "select t.term from published.practices_terms t where t.id = $1::uuid "
           "and split_part(t.term, '=', 1) in ('value_chain_steps', 'target_groups', 'sectors', "
           "'municipality_roles', 'good_practice_themes') order by t.term",
    .param_count = 1,
};
/* Looked up one by one, in the primary key: there are few of both. */
static const struct db_query SHARED = {
    .name = "similar_shared",
    .sql = "select m.n - 1, a.n - 1 from unnest($1::uuid[]) with ordinality as m(id, n) "
           "cross join unnest($2::text[]) with ordinality as a(term, n) cross join lateral ("
           "select from published.practices_terms t where t.id = m.id and t.term = a.term "
           "offset 0) as found",
    .param_count = 2,
};

static int own_terms(struct db *db, struct arena *arena, const char *id,
                     struct rarity_term **ret_terms, size_t *ret_count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct rarity_term *terms;
    const int r = db_run(db, &TERMS, (const char *const[]){id}, &rows);

    if (r != 0)
        return r;
    terms = arena_alloc_array(arena, db_rows_count(rows) + 1, sizeof(*terms));
    if (terms == NULL)
        return fault_raise(-ENOMEM);
    *ret_count = 0;
    for (size_t i = 0; i < db_rows_count(rows) && *ret_count < OVERLAP_TERMS_MAX; i++)
        if (rarity_share(db_rows_text(rows, i, 0)) > 0)
            terms[(*ret_count)++].term = arena_copy(arena, db_rows_text(rows, i, 0));
    *ret_terms = terms;
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

static int mark_shared(const struct db_rows *rows, size_t match_count, size_t term_count,
                       bool *shared)
{
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const unsigned long match = strtoul(db_rows_text(rows, i, 0), NULL, 10);
        const unsigned long term = strtoul(db_rows_text(rows, i, 1), NULL, 10);

        if (match >= match_count || term >= term_count)
            return fault_raise(-EPROTO);
        shared[match * term_count + term] = true;
    }
    return 0;
}

int similar_shared(struct db *db, struct arena *arena, const struct overlap_match *matches,
                   size_t match_count, const struct rarity_term *terms, size_t term_count,
                   bool **ret_shared)
{
    const char **ids = arena_alloc_array(arena, match_count + 1, sizeof(*ids));
    const char **names = arena_alloc_array(arena, term_count + 1, sizeof(*names));
    bool *shared = arena_alloc_array(arena, match_count * term_count + 1, sizeof(*shared));
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *values[2];
    int r;

    if (ids == NULL || names == NULL || shared == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < match_count; i++)
        ids[i] = matches[i].id;
    for (size_t i = 0; i < term_count; i++)
        names[i] = terms[i].term;
    values[0] = array_of_texts(arena, ids, match_count);
    values[1] = array_of_texts(arena, names, term_count);
    if (values[0] == NULL || values[1] == NULL)
        return fault_raise(-ENOMEM);
    r = db_run(db, &SHARED, values, &rows);
    if (r == 0)
        r = mark_shared(rows, match_count, term_count, shared);
    *ret_shared = shared;
    return r;
}

json_t *similar_match_json(const struct overlap_match *match, double points)
{
    return json_pack("{s:{s:s, s:s, s:s}, s:s*, s:s*, s:f}", "practice", "id", match->id, "slug",
                     match->slug, "title", match->title, "country", match->country, "city",
                     match->city, "points", points);
}

static json_t *terms_json(const struct rarity_term *terms, size_t count)
{
    json_t *json = json_array();

    for (size_t i = 0; i < count && json != NULL; i++) {
        const char *equals = strchr(terms[i].term, '=');

        if (json_array_append_new(json,
                                  json_pack("{s:s%, s:s, s:i, s:I}", "property", terms[i].term,
                                            (size_t)(equals - terms[i].term), "value", equals + 1,
                                            "weight", (int)terms[i].weight, "practices",
                                            (json_int_t)terms[i].frequency)) != 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}

static json_t *match_json(const struct overlap_match *match, const struct rarity_term *terms,
                          size_t count, const bool *shared, int64_t whole)
{
    json_t *json = similar_match_json(match, reason_points(match->weight, whole));
    json_t *reasons = json_array();
    int failed = json == NULL || reasons == NULL ? 1 : 0;

    for (size_t i = 0; i < count && failed == 0; i++)
        if (shared[i])
            failed |= json_array_append_new(
                reasons,
                reason_of_term(terms[i].term, REASON_BOTH, reason_points(terms[i].weight, whole)));
    if (failed == 0)
        failed |= json_object_set(json, "reasons", reasons);
    json_decref(reasons);
    if (failed == 0)
        return json;
    json_decref(json);
    return NULL;
}

static int describe(const struct rarity_term *terms, size_t term_count,
                    const struct overlap_match *matches, size_t match_count, const bool *shared,
                    json_t **ret_json)
{
    json_t *data = json_array();
    int64_t whole = 0;
    int failed = data == NULL ? 1 : 0;

    for (size_t i = 0; i < term_count; i++)
        whole += terms[i].weight;
    for (size_t i = 0; i < match_count && failed == 0; i++)
        failed |= json_array_append_new(
            data, match_json(&matches[i], terms, term_count, shared + i * term_count, whole));
    *ret_json = failed != 0
                    ? NULL
                    : json_pack("{s:o, s:O}", "terms", terms_json(terms, term_count), "data", data);
    json_decref(data);
    return *ret_json == NULL ? fault_raise(-ENOMEM) : 0;
}

int similar_fetch(struct rarity *rarity, uint64_t generation, struct db *db, struct arena *arena,
                  const char *id, uint32_t limit, json_t **ret_json)
{
    struct rarity_term *terms = NULL;
    struct overlap_match *matches = NULL;
    size_t term_count = 0, match_count = 0;
    bool *shared = NULL;
    int r = own_terms(db, arena, id, &terms, &term_count);

    if (r == 0)
        r = rarity_weigh(rarity, db, generation, terms, term_count);
    if (r == 0)
        r = overlap_fetch(
            db, arena,
            &(struct overlap_query){
                .terms = terms, .term_count = term_count, .except = id, .limit = limit},
            &matches, &match_count);
    if (r == 0)
        r = similar_shared(db, arena, matches, match_count, terms, term_count, &shared);
    if (r == 0)
        r = describe(terms, term_count, matches, match_count, shared, ret_json);
    return r;
}
