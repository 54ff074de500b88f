/*
 * Router
 *
 * A walk over the table: some twenty rows, each left at the first segment that
 * differs, cost less than the allocation of one header. Of the patterns that
 * fit, the one with a literal furthest to the left is meant.
 */
#include "router.h"

#include "request.h"
#include "routes.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct piece {
    const char *bytes;
    size_t length;
};

struct path_pieces {
    struct piece pieces[PATH_SEGMENTS_MAX];
    size_t count;
};

static bool split(const char *path, struct path_pieces *ret_pieces)
{
    struct path_pieces pieces = {.count = 0};
    const char *at = path + 1;

    if (path[0] != '/')
        return false;
    while (*at != '\0') {
        size_t length = strcspn(at, "/");

        if (length == 0 || pieces.count == PATH_SEGMENTS_MAX)
            return false;
        pieces.pieces[pieces.count++] = (struct piece){.bytes = at, .length = length};
        at += length;
        if (*at == '/' && *++at == '\0')
            return false; /* a slash at the end names nothing of ours */
    }
    *ret_pieces = pieces;
    return true;
}

/* Does the pattern fit? @ret_rank: a bit for each literal, the leftmost the highest. */
static bool fits(const char *pattern, const struct path_pieces *path, uint32_t *ret_rank)
{
    const char *at = pattern + 1;
    uint32_t rank = 1;

    for (size_t i = 0; i < path->count; i++) {
        size_t length = strcspn(at, "/");

        if (length == 0)
            return false;
        if (at[0] == '{') {
            rank <<= 1;
        } else {
            if (length != path->pieces[i].length || memcmp(at, path->pieces[i].bytes, length) != 0)
                return false;
            rank = rank << 1 | 1;
        }
        at += length;
        if (*at == '/')
            at++;
    }
    if (*at != '\0')
        return false;
    *ret_rank = rank;
    return true;
}

static bool serves(const struct route *route, enum request_method method)
{
    return route->method == method || (route->method == METHOD_GET && method == METHOD_HEAD);
}

static bool capture(struct request *request, const char *pattern, const struct path_pieces *path)
{
    const char *at = pattern + 1;

    request->segment_count = 0;
    for (size_t i = 0; i < path->count; i++) {
        size_t length = strcspn(at, "/");

        if (at[0] == '{') {
            struct request_segment *segment = &request->segments[request->segment_count];

            segment->name = arena_copy_bytes(request->arena, at + 1, length - 2);
            segment->value =
                arena_copy_bytes(request->arena, path->pieces[i].bytes, path->pieces[i].length);
            if (segment->name == NULL || segment->value == NULL)
                return false;
            request->segment_count++;
        }
        at += length;
        if (*at == '/')
            at++;
    }
    return true;
}

static const char *allow_of(struct arena *arena, const struct route *routes, size_t route_count,
                            const struct path_pieces *path, uint32_t best_rank)
{
    static const char *const NAMES[] = {
        [METHOD_GET] = "GET, HEAD, ", [METHOD_POST] = "POST, ",     [METHOD_PUT] = "PUT, ",
        [METHOD_PATCH] = "PATCH, ",   [METHOD_DELETE] = "DELETE, ",
    };
    bool allowed[METHOD_DELETE + 1] = {false};
    const char *names[METHOD_DELETE + 1];

    for (size_t i = 0; i < route_count; i++) {
        uint32_t rank;

        if (routes[i].method <= METHOD_DELETE && fits(routes[i].pattern, path, &rank) &&
            rank == best_rank)
            allowed[routes[i].method] = true;
    }
    for (size_t i = 0; i <= METHOD_DELETE; i++)
        names[i] = allowed[i] ? NAMES[i] : "";
    return arena_format(arena, "%s%s%s%s%sOPTIONS", names[METHOD_GET], names[METHOD_POST],
                        names[METHOD_PUT], names[METHOD_PATCH], names[METHOD_DELETE]);
}

const struct route *router_match(const struct route *routes, size_t route_count,
                                 struct request *request, const char **ret_allow)
{
    const struct route *found = NULL;
    struct path_pieces path;
    uint32_t best_rank = 0;

    *ret_allow = NULL;
    request->segment_count = 0;
    if (!split(request->path, &path))
        return NULL;
    for (size_t i = 0; i < route_count; i++) {
        uint32_t rank;

        if (!fits(routes[i].pattern, &path, &rank) || rank < best_rank)
            continue;
        if (rank > best_rank)
            found = NULL;
        best_rank = rank;
        if (serves(&routes[i], request->method))
            found = &routes[i];
    }
    if (best_rank == 0)
        return NULL;
    if (found != NULL && capture(request, found->pattern, &path))
        return found;
    *ret_allow = allow_of(request->arena, routes, route_count, &path, best_rank);
    return NULL;
}

const struct route *routes_match(struct request *request, const char **ret_allow)
{
    return router_match(ROUTES, ROUTE_COUNT, request, ret_allow);
}
