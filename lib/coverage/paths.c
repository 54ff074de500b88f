#include "coverage/paths.h"

#include "base/arena.h"
#include "base/fault.h"

#include <errno.h>
#include <string.h>

#define NONE UINT32_MAX
#define PLACES 16384 /* three times as many as nodes, a power of two */

static size_t place_of(const struct paths *paths, enum paths_kind kind, const char *id)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)kind;
    size_t at;

    for (const char *character = id; *character != '\0'; character++)
        hash = (hash ^ (unsigned char)*character) * UINT64_C(1099511628211);
    for (at = hash & (PLACES - 1); paths->places[at] != 0; at = (at + 1) & (PLACES - 1)) {
        const struct paths_node *node = &paths->nodes[paths->places[at] - 1];

        if (node->kind == kind && strcmp(node->id, id) == 0)
            break;
    }
    return at;
}

static uint32_t add_node(struct paths *paths, size_t place, enum paths_kind kind, const char *id,
                         unsigned level)
{
    const char *copy = arena_copy(paths->arena, id);

    if (copy == NULL || paths->node_count == PATHS_NODES_MAX) {
        paths->is_full = paths->is_cut = true;
        return NONE;
    }
    paths->nodes[paths->node_count] =
        (struct paths_node){.id = copy, .kind = kind, .level = level, .first_edge = NONE};
    paths->places[place] = (uint32_t)++paths->node_count;
    return (uint32_t)paths->node_count - 1;
}

int paths_init(struct paths *paths, struct arena *arena, const char *id)
{
    *paths = (struct paths){.arena = arena};
    paths->nodes = arena_alloc_array(arena, PATHS_NODES_MAX, sizeof(*paths->nodes));
    paths->edges = arena_alloc_array(arena, PATHS_EDGES_MAX, sizeof(*paths->edges));
    paths->places = arena_alloc_array(arena, PLACES, sizeof(*paths->places));
    if (paths->nodes == NULL || paths->edges == NULL || paths->places == NULL)
        return fault_raise(-ENOMEM);
    return add_node(paths, place_of(paths, PATHS_ORGANISATION, id), PATHS_ORGANISATION, id, 0) == 0
               ? 0
               : fault_raise(-ENOMEM);
}

void paths_see(struct paths *paths, uint32_t from, enum paths_edge_kind edge, enum paths_kind kind,
               const char *id)
{
    const unsigned level = paths->nodes[from].level + 1;
    const size_t place = place_of(paths, kind, id);
    const uint32_t node = paths->places[place] != 0 ? paths->places[place] - 1
                                                    : add_node(paths, place, kind, id, level);

    /* What was reached by a shorter way is reached; that is also how circles end. */
    if (node == NONE || paths->nodes[node].level != level)
        return;
    if (paths->edge_count == PATHS_EDGES_MAX) {
        paths->is_full = paths->is_cut = true;
        return;
    }
    paths->edges[paths->edge_count] =
        (struct paths_edge){.from = from, .next = paths->nodes[node].first_edge, .kind = edge};
    paths->nodes[node].first_edge = (uint32_t)paths->edge_count++;
}

uint32_t paths_find(const struct paths *paths, enum paths_kind kind, const char *id)
{
    const uint32_t found = paths->places[place_of(paths, kind, id)];

    return found == 0 ? NONE : found - 1;
}

size_t paths_list(const struct paths *paths, uint32_t target, struct path *ret_paths, size_t limit)
{
    const size_t length = paths->nodes[target].level;
    uint32_t edges[PATHS_STEPS_MAX]; /* on the way back that is being walked */
    uint32_t at[PATHS_STEPS_MAX + 1] = {0};
    size_t depth = 0, count = 0;

    if (length > PATHS_STEPS_MAX || limit == 0)
        return 0;
    at[0] = target;
    if (length > 0)
        edges[0] = paths->nodes[target].first_edge;
    while (count < limit) {
        if (depth == length) {
            struct path *path = &ret_paths[count++];

            path->length = length;
            path->nodes[length] = target;
            for (size_t i = 0; i < length; i++) {
                path->nodes[length - i - 1] = at[i + 1];
                path->edges[length - i - 1] = paths->edges[edges[i]].kind;
            }
            if (length == 0)
                break;
            depth--;
            edges[depth] = paths->edges[edges[depth]].next;
        } else if (edges[depth] == NONE) {
            if (depth == 0)
                break;
            depth--;
            edges[depth] = paths->edges[edges[depth]].next;
        } else {
            at[depth + 1] = paths->edges[edges[depth]].from;
            depth++;
            if (depth < length)
                edges[depth] = paths->nodes[at[depth]].first_edge;
        }
    }
    return count;
}
