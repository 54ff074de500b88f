#include "coverage/paths.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(paths, .fini = test_ends_without_leaks);

static struct arena arena;
static struct paths paths;

static void begin(void)
{
    arena_init(&arena, 4 * 1024 * 1024);
    cr_assert_eq(paths_init(&paths, &arena, "a"), 0);
}

/* Everything touches everything that is named beside it, walked from the beginning. */
static void walk(const char *const (*pairs)[2], size_t count)
{
    for (unsigned level = 0; level < PATHS_STEPS_MAX; level++)
        for (uint32_t node = 0; node < paths.node_count; node++)
            for (size_t i = 0; i < count && paths.nodes[node].level == level; i++)
                for (size_t j = 0; j < 2; j++)
                    if (strcmp(paths.nodes[node].id, pairs[i][j]) == 0)
                        paths_see(&paths, node, PATHS_MEMBER, PATHS_ORGANISATION, pairs[i][1 - j]);
}

static void expect_way(const struct path *path, const char *expected)
{
    char way[64] = "";

    for (size_t i = 0; i <= path->length; i++)
        (void)snprintf(way + strlen(way), sizeof(way) - strlen(way), "%s",
                       paths.nodes[path->nodes[i]].id);
    cr_assert_str_eq(way, expected);
}

Test(paths, all_shortest_ways_are_found_and_no_longer_ones)
{
    static const char *const PAIRS[][2] = {{"a", "b"}, {"a", "c"}, {"b", "d"}, {"c", "d"},
                                           {"d", "e"}, {"a", "f"}, {"f", "g"}, {"g", "e"},
                                           {"g", "h"}, {"h", "e"}};
    struct path ways[PATHS_SHOWN_MAX];
    uint32_t target;

    begin();
    walk(PAIRS, ARRAY_LENGTH(PAIRS));
    target = paths_find(&paths, PATHS_ORGANISATION, "e");
    cr_assert_eq(paths_list(&paths, target, ways, PATHS_SHOWN_MAX), 3);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(ways[i].length, 3);
        cr_assert_eq(ways[i].nodes[0], 0);
        cr_assert_eq(ways[i].nodes[3], target);
    }
    cr_assert_eq(paths_list(&paths, target, ways, 2), 2);
    arena_deinit(&arena);
}

Test(paths, circles_end_and_the_beginning_is_reached_without_a_step)
{
    static const char *const PAIRS[][2] = {{"a", "b"}, {"b", "c"}, {"c", "a"}, {"b", "b"}};
    struct path ways[PATHS_SHOWN_MAX];

    begin();
    walk(PAIRS, ARRAY_LENGTH(PAIRS));
    cr_assert_eq(paths.node_count, 3);
    cr_assert_eq(paths_list(&paths, paths_find(&paths, PATHS_ORGANISATION, "c"), ways, 10), 1);
    expect_way(&ways[0], "ac");
    cr_assert_eq(paths_list(&paths, 0, ways, 10), 1);
    expect_way(&ways[0], "a");
    cr_assert_eq(paths_find(&paths, PATHS_ORGANISATION, "z"), UINT32_MAX);
    cr_assert_eq(paths_find(&paths, PATHS_NETWORK, "b"), UINT32_MAX);
    arena_deinit(&arena);
}

Test(paths, a_way_back_is_as_long_as_the_way_there)
{
    static const char *const PAIRS[][2] = {{"a", "b"}, {"b", "c"}, {"c", "d"}, {"a", "d"}};
    struct path ways[PATHS_SHOWN_MAX];
    size_t there;

    begin();
    walk(PAIRS, ARRAY_LENGTH(PAIRS));
    there = paths_list(&paths, paths_find(&paths, PATHS_ORGANISATION, "c"), ways, 10);
    cr_assert_eq(there, 2);
    cr_assert_eq(ways[0].length, 2);
    arena_deinit(&arena);
    arena_init(&arena, 4 * 1024 * 1024);
    cr_assert_eq(paths_init(&paths, &arena, "c"), 0);
    walk(PAIRS, ARRAY_LENGTH(PAIRS));
    cr_assert_eq(paths_list(&paths, paths_find(&paths, PATHS_ORGANISATION, "a"), ways, 10), there);
    arena_deinit(&arena);
}

Test(paths, a_hub_that_is_too_big_is_cut_and_says_so)
{
    char id[16];

    begin();
    for (unsigned i = 0; i < PATHS_NODES_MAX + 10; i++) {
        (void)snprintf(id, sizeof(id), "n%u", i);
        paths_see(&paths, 0, PATHS_MEMBER, PATHS_NETWORK, id);
    }
    cr_assert(paths.is_cut);
    cr_assert_eq(paths.node_count, PATHS_NODES_MAX);
    arena_deinit(&arena);
}
