#include "router.h"

#include "base/arena.h"
#include "reply.h"
#include "routes.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(router, .fini = test_ends_without_leaks);

static int handle_nothing(struct request *request, struct reply *reply)
{
    (void)request;
    (void)reply;
    return 0;
}

const struct route ROUTES[] = {
    {METHOD_GET, "/", "index", ACCESS_PUBLIC, BODY_NONE, handle_nothing},
    {METHOD_GET, "/v1/{resource}", "list", ACCESS_PUBLIC, BODY_NONE, handle_nothing},
    {METHOD_GET, "/v1/search", "search", ACCESS_PUBLIC, BODY_NONE, handle_nothing},
    {METHOD_GET, "/v1/{resource}/{id}", "record", ACCESS_PUBLIC, BODY_NONE, handle_nothing},
    {METHOD_DELETE, "/v1/{resource}/{id}", "delete", ACCESS_PUBLIC, BODY_NONE, handle_nothing},
    {METHOD_POST, "/v1/{resource}/batch-get", "batch-get", ACCESS_PUBLIC, BODY_JSON,
     handle_nothing},
    {METHOD_GET, "/v1/{target}/{id}/{resource}", "related", ACCESS_PUBLIC, BODY_NONE,
     handle_nothing},
};
const size_t ROUTE_COUNT = ARRAY_LENGTH(ROUTES);

static struct arena arena;

static void begin(void)
{
    arena_init(&arena, 65536);
}

static void end(void)
{
    arena_deinit(&arena);
}

static const struct route *match(struct request *request, enum request_method method,
                                 const char *path, const char **ret_allow)
{
    *request = (struct request){.arena = &arena, .method = method, .path = path};
    return routes_match(request, ret_allow);
}

Test(router, a_path_finds_its_route, .init = begin, .fini = end)
{
    static const struct {
        enum request_method method;
        const char *path, *name;
    } ROWS[] = {
        {METHOD_GET, "/", "index"},
        {METHOD_HEAD, "/", "index"},
        {METHOD_GET, "/v1/practices", "list"},
        {METHOD_GET, "/v1/search", "search"},
        {METHOD_GET, "/v1/searches", "list"},
        {METHOD_GET, "/v1/practices/x", "record"},
        {METHOD_DELETE, "/v1/practices/x", "delete"},
        {METHOD_POST, "/v1/practices/batch-get", "batch-get"},
        {METHOD_GET, "/v1/networks/x/practices", "related"},
    };
    struct request request;
    const char *allow;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const struct route *route = match(&request, ROWS[i].method, ROWS[i].path, &allow);

        cr_assert_not_null(route, "%s", ROWS[i].path);
        cr_assert_str_eq(route->name, ROWS[i].name, "%s", ROWS[i].path);
    }
}

Test(router, captured_segments_have_the_names_of_the_pattern, .init = begin, .fini = end)
{
    struct request request;
    const char *allow;

    cr_assert_not_null(match(&request, METHOD_GET, "/v1/networks/x y/practices", &allow));
    cr_assert_eq(request.segment_count, 3);
    cr_assert_str_eq(request_segment(&request, "target"), "networks");
    cr_assert_str_eq(request_segment(&request, "id"), "x y");
    cr_assert_str_eq(request_segment(&request, "resource"), "practices");
    cr_assert_null(request_segment(&request, "slug"));
}

Test(router, an_unknown_path_has_no_methods, .init = begin, .fini = end)
{
    static const char *const PATHS[] = {"/v2",        "/v1",         "/v1/practices/",
                                        "/V1/search", "/v1/a/b/c/d", "/v1/a/b/c/d/e/f/g/h"};
    struct request request;
    const char *allow = "";

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        cr_assert_null(match(&request, METHOD_GET, PATHS[i], &allow), "%s", PATHS[i]);
        cr_assert_null(allow, "%s", PATHS[i]);
    }
}

Test(router, another_method_is_told_which_ones_there_are, .init = begin, .fini = end)
{
    static const struct {
        enum request_method method;
        const char *path, *allow, *why;
    } ROWS[] = {
        {METHOD_POST, "/v1/search", "GET, HEAD, OPTIONS", "a literal hides the captured one"},
        {METHOD_PUT, "/v1/practices/x", "GET, HEAD, DELETE, OPTIONS", "two rows, one pattern"},
        {METHOD_GET, "/v1/practices/batch-get", "POST, OPTIONS", "HEAD comes with GET alone"},
        {METHOD_OPTIONS, "/", "GET, HEAD, OPTIONS", "OPTIONS is answered from Allow"},
        {METHOD_TRACE, "/", "GET, HEAD, OPTIONS", "TRACE is known, and not allowed"},
    };
    struct request request;
    const char *allow;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_assert_null(match(&request, ROWS[i].method, ROWS[i].path, &allow), "%s", ROWS[i].why);
        cr_assert_str_eq(allow, ROWS[i].allow, "%s", ROWS[i].why);
        cr_assert_eq(request.segment_count, 0, "%s", ROWS[i].why);
    }
}

Test(router, a_full_arena_matches_nothing)
{
    struct arena full = {0};
    struct request request = {.arena = &full, .method = METHOD_GET, .path = "/v1/practices"};
    const char *allow;

    cr_assert_null(routes_match(&request, &allow));
    cr_assert(arena_failed(&full));
}
