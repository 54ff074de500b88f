#include "coverage/connect.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/uuid.h"
#include "coverage/arrays.h"
#include "coverage/paths.h"
#include "db/db.h"

#include <errno.h>
#include <string.h>

/* --- neighbours --------------------------------------------------------------------------------
 */

/* The number of an edge, the kind of the node at its other end, and the ids of both. What changed
 * last comes first: that is an order which an index has. */
#define BY_TERM(edge, kind, table, prefix, ids)                                                    \
    "select " edge " as edge, " kind " as kind, a.id as near, t.id::text as far "                  \
    "from unnest(" ids "::text[]) as a(id) cross join lateral (select t.id "                       \
    "from published." table "_terms t where t.term = '" prefix "' || a.id "                        \
    "order by t.updated_at desc, t.id desc limit 1001) t"
#define OF_RECORD(edge, kind, table, prefix, ids)                                                  \
    "select " edge ", " kind ", a.id, t.far from unnest(" ids "::text[]) as a(id) "                \
    "cross join lateral (select substr(t.term, length('" prefix "') + 1) as far "                  \
    "from published." table "_terms t where t.id = a.id::uuid and t.term >= '" prefix "' "         \
    "and t.term < '" prefix "g' order by t.term limit 1001) t"
#define MEMBERSHIPS BY_TERM("0", "1", "networks", "members.organisation@", "$1")
#define RUN BY_TERM("1", "1", "networks", "operator@", "$1")
#define PRACTICES_OF BY_TERM("5", "2", "practices", "organisations@", "$1")
#define PROJECTS_OF BY_TERM("3", "3", "projects", "partners.organisation@", "$1")
#define MEMBERS_OF OF_RECORD("0", "0", "networks", "members.organisation@", "$2")
#define RUN_BY OF_RECORD("1", "0", "networks", "operator@", "$2")
#define WORKS_WITH OF_RECORD("2", "1", "networks", "partner_networks@", "$2")
#define IS_NAMED_BY BY_TERM("2", "1", "networks", "partner_networks@", "$2")
#define PROJECTS_IN BY_TERM("4", "3", "projects", "networks@", "$2")
#define BEHIND OF_RECORD("5", "0", "practices", "organisations@", "$3")
#define PARTNERS_OF OF_RECORD("3", "0", "projects", "partners.organisation@", "$4")
#define NETWORKS_OF OF_RECORD("4", "1", "projects", "networks@", "$4")
#define ALSO " union all "
#define OF_ORGANISATIONS                                                                           \
    MEMBERSHIPS " where $5::boolean" ALSO RUN " where $5::boolean" ALSO PRACTICES_OF               \
                " where $7::boolean" ALSO PROJECTS_OF " where $6::boolean"
#define OF_NETWORKS                                                                                \
    MEMBERS_OF ALSO RUN_BY ALSO WORKS_WITH ALSO IS_NAMED_BY ALSO PROJECTS_IN " where $6::boolean"
#define OF_OTHERS BEHIND ALSO PARTNERS_OF ALSO NETWORKS_OF " where $5::boolean"
/* $1 organisations, $2 networks, $3 practices, $4 projects; $5 to $7: what may be gone through. Of
 * each kind PATHS_FAN_OUT_MAX and one more, of all PATHS_EDGES_MAX and one more */
static const struct db_query NEIGHBOURS = {
    .name = "connect_neighbours",
    .sql = "select * from (" OF_ORGANISATIONS ALSO OF_NETWORKS ALSO OF_OTHERS
           ") n order by near, edge, far limit 20001",
    .param_count = 7,
};

static void take_edge(struct paths *paths, const struct db_rows *rows, size_t row)
{
    static const enum paths_kind NEAR[][2] = {
        {PATHS_ORGANISATION, PATHS_NETWORK}, {PATHS_ORGANISATION, PATHS_NETWORK},
        {PATHS_NETWORK, PATHS_NETWORK},      {PATHS_ORGANISATION, PATHS_PROJECT},
        {PATHS_NETWORK, PATHS_PROJECT},      {PATHS_ORGANISATION, PATHS_PRACTICE}};
    const unsigned edge = (unsigned)(db_rows_text(rows, row, 0)[0] - '0');
    const enum paths_kind far = (enum paths_kind)(db_rows_text(rows, row, 1)[0] - '0');
    const enum paths_kind near = NEAR[edge][0] == far ? NEAR[edge][1] : NEAR[edge][0];

    paths_see(paths, paths_find(paths, near, db_rows_text(rows, row, 2)),
              (enum paths_edge_kind)edge, far, db_rows_text(rows, row, 3));
}

/* Rows of one record and one kind follow each other. */
static bool is_same_run(const struct db_rows *rows, size_t row)
{
    return row > 0 && strcmp(db_rows_text(rows, row, 2), db_rows_text(rows, row - 1, 2)) == 0 &&
           strcmp(db_rows_text(rows, row, 0), db_rows_text(rows, row - 1, 0)) == 0;
}

static void take_edges(struct paths *paths, const struct db_rows *rows)
{
    size_t run = 0;

    for (size_t i = 0; i < db_rows_count(rows); i++) {
        run = is_same_run(rows, i) ? run + 1 : 1;
        if (run > PATHS_FAN_OUT_MAX)
            paths->is_cut = true;
        take_edge(paths, rows, i);
    }
    if (db_rows_count(rows) > PATHS_EDGES_MAX)
        paths->is_cut = true;
}

static int look_around(struct db *db, struct arena *arena, const struct connect_query *query,
                       struct paths *paths, unsigned level)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *values[7], **ids[PATHS_KINDS];
    size_t counts[PATHS_KINDS] = {0};
    int r;

    for (size_t i = 0; i < PATHS_KINDS; i++) {
        ids[i] = arena_alloc_array(arena, paths->node_count + 1, sizeof(*ids[i]));
        if (ids[i] == NULL)
            return fault_raise(-ENOMEM);
    }
    for (size_t i = 0; i < paths->node_count; i++)
        if (paths->nodes[i].level == level)
            ids[paths->nodes[i].kind][counts[paths->nodes[i].kind]++] = paths->nodes[i].id;
    for (size_t i = 0; i < PATHS_KINDS; i++)
        values[i] = array_of_texts(arena, ids[i], counts[i]);
    values[4] = query->by_networks ? "t" : "f";
    values[5] = query->by_projects ? "t" : "f";
    values[6] = query->by_practices ? "t" : "f";
    if (arena_failed(arena))
        return fault_raise(-ENOMEM);
    r = db_run(db, &NEIGHBOURS, values, &rows);
    if (r == 0)
        take_edges(paths, rows);
    return r;
}

/* --- telling -----------------------------------------------------------------------------------
 */

static const struct db_query NAMES = {
    .name = "connect_names",
    .sql = "select id, slug, name from published.organisations where id = any($1::uuid[]) "
           "union all select id, slug, name from published.networks where id = any($1::uuid[]) "
           "union all select id, slug, title from published.practices where id = any($1::uuid[]) "
           "union all select id, slug, name from published.projects where id = any($1::uuid[])",
    .param_count = 1,
};
static const char *const RESOURCES[PATHS_KINDS] = {"organisations", "networks", "practices",
                                                   "projects"};

static json_t *node_json(const struct paths_node *node, const struct db_rows *names)
{
    for (size_t i = 0; i < db_rows_count(names); i++)
        if (strcmp(db_rows_text(names, i, 0), node->id) == 0)
            return json_pack("{s:s, s:s, s:s, s:s}", "resource", RESOURCES[node->kind], "id",
                             node->id, "slug", db_rows_text(names, i, 1), "title",
                             db_rows_text(names, i, 2));
    return NULL;
}

static json_t *edge_json(enum paths_edge_kind kind)
{
    static const struct {
        const char *code, *words;
    } EDGES[] = {
        [PATHS_MEMBER] = {"member", "member of the network"},
        [PATHS_OPERATOR] = {"operator", "runs the network"},
        [PATHS_PARTNER_NETWORK] = {"partner_network", "networks that work together"},
        [PATHS_PROJECT_PARTNER] = {"project_partner", "partner in the project"},
        [PATHS_PROJECT_NETWORK] = {"project_network", "the project belongs to the network"},
        [PATHS_PRACTICE_BEHIND] = {"practice", "behind the practice"},
    };

    return json_pack("{s:s, s:s}", "code", EDGES[kind].code, "words", EDGES[kind].words);
}

static json_t *path_json(const struct paths *paths, const struct path *path,
                         const struct db_rows *names)
{
    json_t *nodes = json_array(), *edges = json_array(), *json = NULL;
    int failed = nodes == NULL || edges == NULL ? 1 : 0;

    for (size_t i = 0; i <= path->length && failed == 0; i++)
        failed |= json_array_append_new(nodes, node_json(&paths->nodes[path->nodes[i]], names));
    for (size_t i = 0; i < path->length && failed == 0; i++)
        failed |= json_array_append_new(edges, edge_json(path->edges[i]));
    if (failed == 0)
        json = json_pack("{s:O, s:O}", "nodes", nodes, "edges", edges);
    json_decref(nodes);
    json_decref(edges);
    return json;
}

static int fetch_names(struct db *db, struct arena *arena, const struct paths *paths,
                       const struct path *found, size_t count, struct db_rows **ret_names)
{
    const char *ids[PATHS_SHOWN_MAX * (PATHS_STEPS_MAX + 1)];
    const char *literal;
    size_t id_count = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j <= found[i].length; j++)
            ids[id_count++] = paths->nodes[found[i].nodes[j]].id;
    literal = array_of_texts(arena, ids, id_count);
    if (literal == NULL)
        return fault_raise(-ENOMEM);
    return db_run(db, &NAMES, &literal, ret_names);
}

static int tell(struct db *db, struct arena *arena, const struct paths *paths, uint32_t target,
                size_t limit, json_t **ret_json)
{
    struct path *found = arena_alloc_array(arena, limit, sizeof(*found));
    CLEANUP(db_rows_freep) struct db_rows *names = NULL;
    json_t *list = json_array();
    size_t count = 0;
    int r = found == NULL || list == NULL ? fault_raise(-ENOMEM) : 0;

    if (r == 0 && target != UINT32_MAX) {
        count = paths_list(paths, target, found, limit);
        r = fetch_names(db, arena, paths, found, count, &names);
    }
    for (size_t i = 0; i < count && r == 0; i++)
        if (json_array_append_new(list, path_json(paths, &found[i], names)) != 0)
            r = fault_raise(-ENOMEM);
    if (r == 0) {
        *ret_json = json_pack("{s:O, s:b}", "paths", list, "is_cut", paths->is_cut ? 1 : 0);
        if (*ret_json == NULL ||
            (target != UINT32_MAX &&
             json_object_set_new(*ret_json, "length",
                                 json_integer((json_int_t)paths->nodes[target].level)) != 0))
            r = fault_raise(-ENOMEM);
    }
    json_decref(list);
    return r;
}

int connect_paths(struct db *db, struct arena *arena, const struct connect_query *query,
                  json_t **ret_json)
{
    struct paths paths;
    uint32_t target = UINT32_MAX;
    int r = paths_init(&paths, arena, query->from);

    for (unsigned level = 0; r == 0; level++) {
        target = paths_find(&paths, PATHS_ORGANISATION, query->to);
        if (target != UINT32_MAX || level == PATHS_STEPS_MAX || paths.is_full)
            break;
        r = look_around(db, arena, query, &paths, level);
    }
    return r == 0 ? tell(db, arena, &paths, target, query->limit, ret_json) : r;
}

/* Two statements, each of which an index answers; one with "or" walks over all. */
static const struct db_query FIND_BY_SLUG = {
    .name = "connect_find_by_slug",
    .sql = "select d.id from published.organisations_documents d where d.slug = $1",
    .param_count = 1,
};
static const struct db_query FIND_BY_ID = {
    .name = "connect_find_by_id",
    .sql = "select d.id from published.organisations_documents d where d.id = $1::uuid",
    .param_count = 1,
};

int connect_find(struct db *db, struct arena *arena, const char *name, const char **ret_id)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const int r = db_run(db, uuid_is_valid(name) ? &FIND_BY_ID : &FIND_BY_SLUG, &name, &rows);

    *ret_id = NULL;
    if (r != 0 || db_rows_count(rows) == 0)
        return r;
    *ret_id = arena_copy(arena, db_rows_text(rows, 0, 0));
    return *ret_id == NULL ? fault_raise(-ENOMEM) : 0;
}
