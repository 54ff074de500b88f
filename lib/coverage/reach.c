#include "coverage/reach.h"

#include "base/arena.h"
#include "base/fault.h"
#include "coverage/arrays.h"
#include "db/db.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct db_query NETWORKS = {
    .name = "reach_networks",
    .sql = "with recursive reach(id, distance) as (select $1::uuid, 0 union "
           "select next.id, r.distance + 1 from reach r cross join lateral ("
           "select substr(t.term, 18)::uuid as id from published.networks_terms t "
           "where t.id = r.id and t.term >= 'partner_networks@' and t.term < 'partner_networksA' "
           "union select t.id from published.networks_terms t "
           "where t.term = 'partner_networks@' || r.id "
           "union select o.id from published.networks_documents d "
           "cross join json_array_elements(coalesce(d.document::json->'members', '[]')) m "
           "join published.networks_terms o "
           "on o.term = 'operator@' || (m.value->'organisation'->>'id') "
           "where d.id = r.id and " REACH_IS_MEMBER(
               "m") ") next "
                    "where r.distance < $2::integer) "
                    "select n.id, n.slug, n.name, min(r.distance) from reach r "
                    "join published.networks n on n.id = r.id group by n.id, n.slug, n.name "
                    "order by 4, n.slug limit 201", /* REACH_NETWORKS_MAX, and one more */
    .param_count = 2,
};
static const struct db_query MEMBERS = {
    .name = "reach_members",
    .sql =
        "select m.value->'organisation'->>'id' from published.networks_documents d "
        "cross join json_array_elements(coalesce(d.document::json->'members', '[]')) m "
        "where d.id = any($1::uuid[]) and " REACH_IS_MEMBER(
            "m") " "
                 "union select substr(t.term, 10) from published.networks_terms t "
                 "where t.id = any($1::uuid[]) and t.term >= 'operator@' and t.term < 'operatorA' "
                 "order by 1 limit 1001", /* REACH_ORGANISATIONS_MAX, and one more */
    .param_count = 1,
};

static int take_networks(const struct db_rows *rows, struct arena *arena, struct reach *reach,
                         const char **ret_ids)
{
    size_t count = db_rows_count(rows);
    const char **ids;

    if (count > REACH_NETWORKS_MAX) {
        count = REACH_NETWORKS_MAX;
        reach->is_cut = true;
    }
    ids = arena_alloc_array(arena, count + 1, sizeof(*ids));
    if (ids == NULL || reach->networks == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < count; i++) {
        ids[i] = db_rows_text(rows, i, 0);
        if (json_array_append_new(
                reach->networks,
                json_pack("{s:s, s:s, s:s, s:I}", "id", ids[i], "slug", db_rows_text(rows, i, 1),
                          "title", db_rows_text(rows, i, 2), "distance",
                          (json_int_t)strtol(db_rows_text(rows, i, 3), NULL, 10))) != 0)
            return fault_raise(-ENOMEM);
    }
    *ret_ids = array_of_texts(arena, ids, count);
    return *ret_ids == NULL ? fault_raise(-ENOMEM) : 0;
}

static int take_members(const struct db_rows *rows, struct arena *arena, struct reach *reach)
{
    size_t count = db_rows_count(rows);
    const char **ids;

    if (count > REACH_ORGANISATIONS_MAX) {
        count = REACH_ORGANISATIONS_MAX;
        reach->is_cut = true;
    }
    ids = arena_alloc_array(arena, count + 1, sizeof(*ids));
    if (ids == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < count; i++)
        ids[i] = db_rows_text(rows, i, 0);
    reach->organisations = array_of_texts(arena, ids, count);
    reach->organisation_count = count;
    return reach->organisations == NULL ? fault_raise(-ENOMEM) : 0;
}

int reach_fetch(struct db *db, struct arena *arena, const char *id, unsigned distance,
                struct reach *ret)
{
    CLEANUP(db_rows_freep) struct db_rows *networks = NULL, *members = NULL;
    const char *values[] = {id, arena_format(arena, "%u", distance)};
    const char *ids = NULL;
    int r;

    *ret = (struct reach){.networks = json_array()};
    if (values[1] == NULL)
        return fault_raise(-ENOMEM);
    r = db_run(db, &NETWORKS, values, &networks);
    if (r == 0)
        r = take_networks(networks, arena, ret, &ids);
    if (r == 0)
        r = db_run(db, &MEMBERS, &ids, &members);
    return r == 0 ? take_members(members, arena, ret) : r;
}

void reach_deinit(struct reach *reach)
{
    json_decref(reach->networks);
    reach->networks = NULL;
}
