/* Organisations that do the like: those behind the practices that share most with one's own. */
#include "coverage/connect.h"

#include "base/arena.h"
#include "base/fault.h"
#include "coverage/arrays.h"
#include "coverage/profiles.h"
#include "coverage/reach.h"
#include "coverage/reasons.h"
#include "coverage/similar.h"
#include "db/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct db_query PROFILE = {
    .name = "partners_profile",
    .sql = "select distinct t.term from published.practices_terms o "
           "join published.practices_terms t on t.id = o.id "
           "where o.term = 'organisations@' || $1 and split_part(t.term, '=', 1) in "
           "('value_chain_steps', 'good_practice_themes', 'target_groups', 'sectors', "
           "'municipality_roles') order by 1 limit 200",
    .param_count = 1,
};
/* Who is behind the matches: the first organisation of a practice carries it, but terms have no
 * order; all are shown. */
#define NETWORKS                                                                                   \
    "networks as materialized (select d.document::json->'members' as members "                     \
    "from published.networks_terms t join published.networks_documents d on d.id = t.id "          \
    "where t.term = 'members.organisation@' || $2)"
#define FELLOWS                                                                                    \
    "fellows as materialized (select distinct m.value->'organisation'->>'id' as id "               \
    "from networks n cross join json_array_elements(n.members) m where " REACH_IS_MEMBER(          \
        "m") " "                                                                                   \
             "and exists (select from json_array_elements(n.members) own "                         \
             "where own.value->'organisation'->>'id' = $2 and " REACH_IS_MEMBER("own") "))"
static const struct db_query BEHIND = {
    .name = "partners_behind",
    .sql = "with " NETWORKS ", " FELLOWS " "
           "select m.n - 1, o.id, o.slug, o.name, o.country, o.city, p.id, p.slug, p.title, "
           "exists (select from fellows f where f.id = o.id::text) "
           "from unnest($1::uuid[]) with ordinality as m(id, n) "
           "join published.practices p on p.id = m.id "
           "cross join lateral (select substr(t.term, 15)::uuid as id "
           "from published.practices_terms t where t.id = m.id and t.term >= 'organisations@' "
           "and t.term < 'organisations@g') b join published.organisations o on o.id = b.id "
           "where o.id <> $2::uuid and not exists (select from published.practices_terms own "
           "where own.id = m.id and own.term = 'organisations@' || $2) order by m.n, o.slug",
    .param_count = 2,
};
enum {
    INDEX,
    ID,
    SLUG,
    NAME,
    COUNTRY,
    CITY,
    PRACTICE_ID,
    PRACTICE_SLUG,
    PRACTICE_TITLE,
    NETWORKED
};

struct finding {
    const struct rarity_term *terms;
    size_t term_count;
    int64_t whole;
    const struct profiles_match *matches;
    size_t match_count;
};

static json_t *partner_json(const struct finding *finding, const struct db_rows *rows, size_t row)
{
    const size_t index = strtoul(db_rows_text(rows, row, INDEX), NULL, 10);
    const struct profiles_match *match = &finding->matches[index];
    json_t *reasons = json_array(), *json = NULL;
    int failed = reasons == NULL ? 1 : 0;

    for (size_t i = 0; i < finding->term_count && failed == 0; i++)
        if (match->shared[i])
            failed |= json_array_append_new(
                reasons, reason_of_term(finding->terms[i].term, REASON_BOTH,
                                        reason_points(finding->terms[i].weight, finding->whole)));
    if (failed == 0)
        json = json_pack(
            "{s:{s:s, s:s, s:s}, s:s*, s:s*, s:f, s:{s:s, s:s, s:s}, s:b, s:O}", "organisation",
            "id", db_rows_text(rows, row, ID), "slug", db_rows_text(rows, row, SLUG), "title",
            db_rows_text(rows, row, NAME), "country", db_rows_text(rows, row, COUNTRY), "city",
            db_rows_text(rows, row, CITY), "points", reason_points(match->weight, finding->whole),
            "practice", "id", db_rows_text(rows, row, PRACTICE_ID), "slug",
            db_rows_text(rows, row, PRACTICE_SLUG), "title",
            db_rows_text(rows, row, PRACTICE_TITLE), "shares_network",
            db_rows_text(rows, row, NETWORKED)[0] == 't' ? 1 : 0, "reasons", reasons);
    json_decref(reasons);
    return json;
}

static bool is_named(const struct db_rows *rows, size_t row)
{
    for (size_t i = 0; i < row; i++)
        if (strcmp(db_rows_text(rows, i, ID), db_rows_text(rows, row, ID)) == 0)
            return true;
    return false;
}

static int describe(const struct finding *finding, const struct db_rows *rows, size_t limit,
                    json_t **ret_json)
{
    json_t *data = json_array();
    int failed = data == NULL ? 1 : 0;

    for (size_t i = 0; failed == 0 && i < db_rows_count(rows) && json_array_size(data) < limit; i++)
        if (!is_named(rows, i))
            failed |= json_array_append_new(data, partner_json(finding, rows, i));
    *ret_json = failed != 0 ? NULL
                            : json_pack("{s:o, s:O}", "terms",
                                        similar_terms_json(finding->terms, finding->term_count),
                                        "data", data);
    json_decref(data);
    return *ret_json == NULL ? fault_raise(-ENOMEM) : 0;
}

static int fetch_behind(struct db *db, struct arena *arena, const struct finding *finding,
                        const char *id, struct db_rows **ret_rows)
{
    const char **ids = arena_alloc_array(arena, finding->match_count + 1, sizeof(*ids));
    const char *values[] = {NULL, id};

    if (ids == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < finding->match_count; i++)
        ids[i] = finding->matches[i].id;
    values[0] = array_of_texts(arena, ids, finding->match_count);
    return values[0] == NULL ? fault_raise(-ENOMEM) : db_run(db, &BEHIND, values, ret_rows);
}

int connect_partners(struct profiles *profiles, struct db *db, struct arena *arena, const char *id,
                     size_t limit, json_t **ret_json)
{
    struct profiles_match *matches =
        arena_alloc_array(arena, PROFILES_RANKED_MAX, sizeof(*matches));
    CLEANUP(db_rows_freep) struct db_rows *own = NULL, *behind = NULL;
    struct finding finding = {.matches = matches};
    struct rarity_term *terms;
    int r = matches == NULL ? fault_raise(-ENOMEM) : db_run(db, &PROFILE, &id, &own);

    if (r != 0)
        return r;
    terms = arena_alloc_array(arena, db_rows_count(own) + 1, sizeof(*terms));
    for (size_t i = 0; i < db_rows_count(own) && terms != NULL; i++)
        if (rarity_share(db_rows_text(own, i, 0)) > 0)
            terms[finding.term_count++].term = arena_copy(arena, db_rows_text(own, i, 0));
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    profiles_weigh(profiles, terms, finding.term_count);
    finding.terms = terms;
    for (size_t i = 0; i < finding.term_count; i++)
        finding.whole += terms[i].weight;
    finding.match_count = profiles_rank(profiles,
                                        &(struct profiles_query){.terms = terms,
                                                                 .term_count = finding.term_count,
                                                                 .others = id,
                                                                 .limit = PROFILES_RANKED_MAX},
                                        matches);
    r = fetch_behind(db, arena, &finding, id, &behind);
    return r == 0 ? describe(&finding, behind, limit, ret_json) : r;
}
