#include "coverage/similar.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "base/fault.h"
#include "coverage/arrays.h"
#include "coverage/profiles.h"
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
/* Who is gone since the ranking is left out. */
static const struct db_query NAMES = {
    .name = "similar_names",
    .sql = "select a.n - 1, p.slug, p.title, p.country, p.city "
           "from unnest($1::uuid[]) with ordinality as a(id, n) "
           "join published.practices p on p.id = a.id order by a.n",
    .param_count = 1,
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
    for (size_t i = 0; i < db_rows_count(rows) && *ret_count < PROFILES_TERMS_MAX; i++)
        if (rarity_share(db_rows_text(rows, i, 0)) > 0)
            terms[(*ret_count)++].term = arena_copy(arena, db_rows_text(rows, i, 0));
    *ret_terms = terms;
    return arena_failed(arena) ? fault_raise(-ENOMEM) : 0;
}

int similar_matches_json(struct db *db, struct arena *arena, const struct profiles_match *matches,
                         size_t count, const double *points, json_t **ret_array)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char **ids = arena_alloc_array(arena, count + 1, sizeof(*ids));
    const char *literal;
    json_t *array;
    int r;

    if (ids == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < count; i++)
        ids[i] = matches[i].id;
    literal = array_of_texts(arena, ids, count);
    if (literal == NULL)
        return fault_raise(-ENOMEM);
    r = db_run(db, &NAMES, (const char *const[]){literal}, &rows);
    if (r != 0)
        return r;
    array = json_array();
    for (size_t i = 0; i < db_rows_count(rows) && array != NULL; i++) {
        const size_t match = strtoul(db_rows_text(rows, i, 0), NULL, 10);

        if (match >= count ||
            json_array_append_new(
                array, json_pack("{s:I, s:{s:s, s:s, s:s}, s:s*, s:s*, s:f}", SIMILAR_INDEX,
                                 (json_int_t)match, "practice", "id", matches[match].id, "slug",
                                 db_rows_text(rows, i, 1), "title", db_rows_text(rows, i, 2),
                                 "country", db_rows_text(rows, i, 3), "city",
                                 db_rows_text(rows, i, 4), "points", points[match])) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    *ret_array = array;
    return array == NULL ? fault_raise(-ENOMEM) : 0;
}

size_t similar_take_index(json_t *match)
{
    const size_t index = (size_t)json_integer_value(json_object_get(match, SIMILAR_INDEX));

    (void)json_object_del(match, SIMILAR_INDEX); /* it is there */
    return index;
}

json_t *similar_terms_json(const struct rarity_term *terms, size_t count)
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

static int add_reasons(json_t *json, const struct rarity_term *terms, size_t count,
                       const bool *shared, int64_t whole)
{
    json_t *reasons = json_array();
    int failed = reasons == NULL ? 1 : 0;

    for (size_t i = 0; i < count && failed == 0; i++)
        if (shared[i])
            failed |= json_array_append_new(
                reasons,
                reason_of_term(terms[i].term, REASON_BOTH, reason_points(terms[i].weight, whole)));
    if (failed == 0)
        failed |= json_object_set(json, "reasons", reasons);
    json_decref(reasons);
    return failed == 0 ? 0 : fault_raise(-ENOMEM);
}

static int describe(struct db *db, struct arena *arena, const struct rarity_term *terms,
                    size_t term_count, const struct profiles_match *matches, size_t match_count,
                    json_t **ret_json)
{
    double *points = arena_alloc_array(arena, match_count + 1, sizeof(*points));
    json_t *data = NULL, *match;
    int64_t whole = 0;
    size_t i;
    int r;

    if (points == NULL)
        return fault_raise(-ENOMEM);
    for (i = 0; i < term_count; i++)
        whole += terms[i].weight;
    for (i = 0; i < match_count; i++)
        points[i] = reason_points(matches[i].weight, whole);
    r = similar_matches_json(db, arena, matches, match_count, points, &data);
    if (r != 0)
        return r;
    json_array_foreach (data, i, match) {
        const struct profiles_match *of = &matches[similar_take_index(match)];

        if (r == 0)
            r = add_reasons(match, terms, term_count, of->shared, whole);
    }
    if (r == 0) {
        *ret_json =
            json_pack("{s:o, s:O}", "terms", similar_terms_json(terms, term_count), "data", data);
        if (*ret_json == NULL)
            r = fault_raise(-ENOMEM);
    }
    json_decref(data);
    return r;
}

int similar_fetch(struct profiles *profiles, struct db *db, struct arena *arena, const char *id,
                  size_t limit, json_t **ret_json)
{
    struct profiles_match *matches = arena_alloc_array(arena, limit, sizeof(*matches));
    struct rarity_term *terms = NULL;
    size_t term_count = 0, match_count;
    int r = matches == NULL ? fault_raise(-ENOMEM) : own_terms(db, arena, id, &terms, &term_count);

    if (r != 0)
        return r;
    profiles_weigh(profiles, terms, term_count);
    match_count =
        profiles_rank(profiles,
                      &(struct profiles_query){
                          .terms = terms, .term_count = term_count, .except = id, .limit = limit},
                      matches);
    return describe(db, arena, terms, term_count, matches, match_count, ret_json);
}
