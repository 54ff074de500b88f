/* Why each candidate was chosen: what it shares, how it went elsewhere, what law it needs. */
#include "coverage/transfer_internal.h"

#include "base/arena.h"
#include "base/fault.h"
#include "coverage/arrays.h"
#include "coverage/reasons.h"
#include "db/db.h"

#include <errno.h>
#include <string.h>

#define WORDS_BYTES_MAX 700

/* What a candidate tells of itself, by id; $1: the ids. Its parts are bounded by the contract. */
static const struct db_query FACTS = {
    .name = "transfer_facts",
    .sql =
        "select c.id, d.document::json->>'activity_status', "
        "coalesce(d.document::json->'transferability'->'conditions', '[]'), "
        "coalesce((select json_agg(json_build_object('id', b.id, 'slug', b.slug, 'title', b.title, "
        "'country', b.country, 'scope', b.scope, 'kind', b.kind) order by b.slug) "
        "from published.legal_bases_terms t "
        "join published.legal_bases b on b.id = t.id where t.term = 'practices@' || c.id), '[]'), "
        "coalesce((select json_agg(json_build_object('id', a.id, 'slug', a.slug, 'title', a.title, "
        "'result', a.result) order by a.slug) from published.adoptions_terms t "
        "join published.adoptions a on a.id = t.id where t.term = 'practice@' || c.id), '[]') "
        "from unnest($1::uuid[]) as c(id) join published.practices_documents d on d.id = c.id",
    .param_count = 1,
};
enum { FACT_ID, FACT_STATUS, FACT_CONDITIONS, FACT_BASES, FACT_ADOPTIONS };

const char *transfer_step_term(size_t step)
{
    static const char *const TERMS[STEPS_COUNT] = {"value_chain_steps=competence_assessment",
                                                   "value_chain_steps=training",
                                                   "value_chain_steps=mentoring",
                                                   "value_chain_steps=information_campaign",
                                                   "value_chain_steps=networking",
                                                   "value_chain_steps=financing"};

    return TERMS[step];
}

/* --- reasons -----------------------------------------------------------------------------------
 */

static int add(json_t *reasons, json_t *reason)
{
    return json_array_append_new(reasons, reason) == 0 ? 0 : fault_raise(-ENOMEM);
}

/* Points are told with one decimal; 60 are all of the profile. */
static double points_of(const struct transfer *transfer, int64_t weight)
{
    return reason_points(weight, transfer->point_weight * 100);
}

static int add_shared(const struct transfer *transfer, const struct profiles_match *match,
                      json_t *reasons)
{
    const bool *shared = match->shared;
    int r = 0;

    for (size_t i = 0; i < transfer->term_count && r == 0; i++)
        if (shared[i])
            r = add(reasons, reason_of_term(transfer->terms[i].term, REASON_PLACE,
                                            points_of(transfer, transfer->scaled[i].weight)));
    if (r == 0 && match->is_in_country)
        r = add(reasons,
                reason_of("same_country", TRANSFER_COUNTRY_POINTS, "Is in the same country."));
    return r;
}

static int add_adoption(const json_t *adoptions, json_t *reasons)
{
    const json_t *adoption, *best = NULL;
    char words[WORDS_BYTES_MAX];
    int points = 0;
    size_t i;

    json_array_foreach (adoptions, i, adoption) {
        const char *result = json_string_value(json_object_get(adoption, "result"));

        if (transfer_adoption_points(result) <= points)
            continue;
        points = transfer_adoption_points(result);
        best = adoption;
    }
    if (best == NULL)
        return 0;
    (void)snprintf(words, sizeof(words), "Was taken elsewhere, and the result is '%s'.",
                   json_string_value(json_object_get(best, "result")));
    return add(reasons, reason_of("adopted_elsewhere", points, words));
}

static enum transfer_law law_of(const json_t *basis)
{
    const char *name = json_string_value(json_object_get(basis, "law"));

    for (enum transfer_law law = LAW_UNKNOWN; law <= LAW_MISSING; law++)
        if (name != NULL && strcmp(name, transfer_law_name(law)) == 0)
            return law;
    return LAW_UNKNOWN;
}

/* Of several the worst counts: all of them are needed. */
static int add_law(const json_t *bases, json_t *reasons)
{
    static const char *const WORDS[] = {
        [LAW_UNKNOWN] = "Rests on a legal basis of which it is not known whether it holds here.",
        [LAW_HOLDS] = "The legal basis that it rests on holds here.",
        [LAW_SIMILAR] = "Its legal basis does not hold here, but there is a text of its kind.",
        [LAW_MISSING] = "Its legal basis does not hold here, and no text of its kind is known."};
    static const char *const CODES[] = {[LAW_UNKNOWN] = "legal_basis_unknown",
                                        [LAW_HOLDS] = "legal_basis_holds",
                                        [LAW_SIMILAR] = "legal_basis_similar",
                                        [LAW_MISSING] = "legal_basis_missing"};
    enum transfer_law worst = LAW_UNKNOWN;
    const json_t *basis;
    size_t i;

    json_array_foreach (bases, i, basis) {
        const enum transfer_law law = law_of(basis);

        if (i == 0 || transfer_law_points(law) < transfer_law_points(worst))
            worst = law;
    }
    if (json_array_size(bases) == 0)
        return 0;
    return add(reasons, reason_of(CODES[worst], transfer_law_points(worst), WORDS[worst]));
}

static int add_conditions(const json_t *conditions, json_t *reasons)
{
    if (json_array_size(conditions) == 0)
        return 0;
    return add(reasons,
               reason_of("conditions_stated", 0,
                         "Says what must be given: whether it is here, the place can tell."));
}

/* --- candidates --------------------------------------------------------------------------------
 */

static int find_fact(const struct db_rows *facts, const char *id, size_t *ret_row)
{
    for (size_t i = 0; i < db_rows_count(facts); i++)
        if (strcmp(db_rows_text(facts, i, FACT_ID), id) == 0) {
            *ret_row = i;
            return 0;
        }
    return fault_raise(-EPROTO);
}

static int set_fact(json_t *json, const char *name, const struct db_rows *facts, size_t row,
                    int column)
{
    json_t *fact = json_loads(db_rows_text(facts, row, column), 0, NULL);

    return json_object_set_new(json, name, fact) == 0 ? 0 : fault_raise(-ENOMEM);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* In the place of what each is judged by, what it comes to. */
static int judge_bases(const struct evidence_place *place, json_t *bases)
{
    json_t *basis;
    size_t i;

    json_array_foreach (bases, i, basis) {
        const enum transfer_law law = evidence_law(place, text_of(basis, "country"),
                                                   text_of(basis, "scope"), text_of(basis, "kind"));

        (void)json_object_del(basis, "country"); /* they are there */
        (void)json_object_del(basis, "scope");
        (void)json_object_del(basis, "kind");
        if (json_object_set_new(basis, "law", json_string(transfer_law_name(law))) != 0)
            return fault_raise(-ENOMEM);
    }
    return 0;
}

static void leave_elsewhere(const struct evidence_place *place, json_t *adoptions)
{
    for (size_t i = json_array_size(adoptions); i > 0; i--)
        if (evidence_is_here(place, text_of(json_array_get(adoptions, i - 1), "id")))
            (void)json_array_remove(adoptions, i - 1); /* it is there */
}

static int complete(const struct transfer *transfer, json_t *json, const struct db_rows *facts,
                    size_t row, const struct profiles_match *match)
{
    const char *status = db_rows_text(facts, row, FACT_STATUS);
    json_t *reasons = json_array();
    int r = set_fact(json, "conditions", facts, row, FACT_CONDITIONS);

    if (r == 0)
        r = set_fact(json, "legal_bases", facts, row, FACT_BASES);
    if (r == 0)
        r = judge_bases(&transfer->evidence, json_object_get(json, "legal_bases"));
    if (r == 0)
        r = set_fact(json, "adoptions", facts, row, FACT_ADOPTIONS);
    leave_elsewhere(&transfer->evidence, json_object_get(json, "adoptions"));
    if (r == 0 && status != NULL &&
        json_object_set_new(json, "activity_status", json_string(status)) != 0)
        r = fault_raise(-ENOMEM);
    if (r == 0)
        r = add_shared(transfer, match, reasons);
    if (r == 0)
        r = add_adoption(json_object_get(json, "adoptions"), reasons);
    if (r == 0)
        r = add_law(json_object_get(json, "legal_bases"), reasons);
    if (r == 0)
        r = add_conditions(json_object_get(json, "conditions"), reasons);
    if (r == 0 && json_object_set(json, "reasons", reasons) != 0)
        r = fault_raise(-ENOMEM);
    json_decref(reasons);
    return r;
}

static int fetch_facts(const struct transfer *transfer, const struct transfer_gap *gap,
                       struct db_rows **ret_facts)
{
    const char *ids[TRANSFER_CANDIDATES], *literal;

    for (size_t i = 0; i < gap->count; i++)
        ids[i] = gap->candidates[i].id;
    literal = array_of_texts(transfer->arena, ids, gap->count);
    return literal == NULL ? fault_raise(-ENOMEM)
                           : db_run(transfer->db, &FACTS, &literal, ret_facts);
}

static int complete_all(const struct transfer *transfer, const struct transfer_gap *gap,
                        json_t *candidates)
{
    CLEANUP(db_rows_freep) struct db_rows *facts = NULL;
    json_t *candidate;
    size_t i, row = 0;
    int r = fetch_facts(transfer, gap, &facts);

    json_array_foreach (candidates, i, candidate) {
        const struct profiles_match *match = &gap->candidates[similar_take_index(candidate)];

        if (r == 0)
            r = find_fact(facts, match->id, &row);
        if (r == 0)
            r = complete(transfer, candidate, facts, row, match);
    }
    return r;
}

static int add_gap(const struct transfer *transfer, const struct transfer_gap *gap, json_t *gaps)
{
    double points[TRANSFER_CANDIDATES];
    json_t *candidates = NULL;
    int r;

    for (size_t i = 0; i < gap->count; i++)
        points[i] = points_of(transfer, gap->candidates[i].weight);
    r = similar_matches_json(transfer->db, transfer->arena, gap->candidates, gap->count, points,
                             &candidates);
    if (r == 0)
        r = complete_all(transfer, gap, candidates);
    if (r == 0 && json_array_append_new(gaps, json_pack("{s:s, s:s, s:O}", "step", STEPS[gap->step],
                                                        "title", STEP_TITLES[gap->step],
                                                        "candidates", candidates)) != 0)
        r = fault_raise(-ENOMEM);
    json_decref(candidates);
    return r;
}

int transfer_describe(struct transfer *transfer, json_t **ret_json)
{
    json_t *gaps = json_array();
    int r = gaps == NULL ? fault_raise(-ENOMEM) : 0;

    for (size_t i = 0; i < transfer->gap_count && r == 0; i++)
        r = add_gap(transfer, &transfer->gaps[i], gaps);
    if (r == 0) {
        *ret_json =
            json_pack("{s:o, s:O}", "profile",
                      similar_terms_json(transfer->terms, transfer->term_count), "gaps", gaps);
        if (*ret_json == NULL)
            r = fault_raise(-ENOMEM);
    }
    json_decref(gaps);
    return r;
}
