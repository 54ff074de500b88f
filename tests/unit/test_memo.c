#include "memo.h"

#include "base/annotate.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

TestSuite(memo, .fini = test_ends_without_leaks);

#define PRACTICES 0
#define NETWORKS 3
#define BIT(index) ((uint64_t)1 << (index))

static struct memo_key key_of(const char *path)
{
    return memo_key(&path, 1);
}

static struct memo *open_memo(bool is_listening)
{
    struct memo *memo = NULL;

    cr_assert_eq(memo_new(&memo), 0);
    if (is_listening)
        memo_listening(memo, true);
    return memo;
}

static void keep(struct memo *memo, const char *path, uint64_t resources, const char *etag)
{
    struct memo_key key = key_of(path);

    memo_keep(memo, &key, resources, memo_generation(memo, resources), etag);
}

static bool knows(struct memo *memo, const char *path, const char *etag)
{
    struct memo_key key = key_of(path);
    char found[MEMO_ETAG_BYTES] = "untouched";

    if (!memo_find(memo, &key, found)) {
        cr_assert_str_eq(found, "untouched");
        return false;
    }
    cr_assert_str_eq(found, etag);
    return true;
}

Test(memo, what_was_kept_is_found_while_nothing_changes)
{
    struct memo *memo = open_memo(true);

    cr_assert_not(knows(memo, "/a", "1"));
    keep(memo, "/a", BIT(PRACTICES), "1");
    keep(memo, "/b", BIT(NETWORKS), "2");
    cr_assert(knows(memo, "/a", "1"));
    cr_assert(knows(memo, "/b", "2"));
    cr_assert_not(knows(memo, "/c", ""));
    keep(memo, "/a", BIT(PRACTICES), "3");
    cr_assert(knows(memo, "/a", "3"));
    memo_free(memo);
}

Test(memo, a_change_forgets_what_rests_on_the_resource_and_nothing_else)
{
    struct memo *memo = open_memo(true);

    keep(memo, "/a", BIT(PRACTICES), "1");
    keep(memo, "/b", BIT(NETWORKS), "2");
    keep(memo, "/both", BIT(PRACTICES) | BIT(NETWORKS), "3");
    keep(memo, "/last", BIT(63), "4");
    memo_resource_changed(memo, PRACTICES);
    cr_assert_not(knows(memo, "/a", ""));
    cr_assert(knows(memo, "/b", "2"));
    cr_assert_not(knows(memo, "/both", ""));
    cr_assert(knows(memo, "/last", "4"));
    memo_resource_changed(memo, 63);
    memo_resource_changed(memo, 64); /* there is none */
    cr_assert_not(knows(memo, "/last", ""));
    cr_assert(knows(memo, "/b", "2"));
    memo_free(memo);
}

Test(memo, what_changed_while_it_was_read_is_not_taken_for_current)
{
    struct memo *memo = open_memo(true);
    struct memo_key key = key_of("/a");
    uint64_t generation = memo_generation(memo, BIT(PRACTICES));

    memo_resource_changed(memo, PRACTICES);
    memo_keep(memo, &key, BIT(PRACTICES), generation, "old");
    cr_assert_not(knows(memo, "/a", ""));
    memo_free(memo);
}

Test(memo, while_nothing_is_heard_nothing_is_known_or_kept)
{
    struct memo *memo = open_memo(false);

    keep(memo, "/a", BIT(PRACTICES), "1");
    cr_assert_not(knows(memo, "/a", ""));
    memo_listening(memo, true);
    cr_assert_not(knows(memo, "/a", ""), "it was not kept, either");
    keep(memo, "/a", BIT(PRACTICES), "2");
    cr_assert(knows(memo, "/a", "2"));
    memo_listening(memo, false);
    cr_assert_not(knows(memo, "/a", ""));
    memo_listening(memo, true);
    cr_assert_not(knows(memo, "/a", ""), "what happened meanwhile is unknown");
    memo_free(memo);
}

Test(memo, an_answer_that_was_begun_before_the_connection_came_back_is_not_kept_as_current)
{
    struct memo *memo = open_memo(true);
    struct memo_key key = key_of("/a");
    uint64_t generation = memo_generation(memo, BIT(PRACTICES));

    memo_listening(memo, false);
    memo_listening(memo, true);
    memo_keep(memo, &key, BIT(PRACTICES), generation, "old");
    cr_assert_not(knows(memo, "/a", ""));
    memo_free(memo);
}

Test(memo, an_etag_of_the_greatest_length_is_kept_and_a_longer_one_is_not)
{
    struct memo *memo = open_memo(true);
    char etag[MEMO_ETAG_BYTES + 1];

    memset(etag, 'e', sizeof(etag));
    etag[MEMO_ETAG_BYTES] = '\0';
    keep(memo, "/a", BIT(PRACTICES), etag);
    cr_assert_not(knows(memo, "/a", ""));
    etag[MEMO_ETAG_BYTES - 1] = '\0';
    keep(memo, "/a", BIT(PRACTICES), etag);
    cr_assert(knows(memo, "/a", etag));
    memo_free(memo);
}

Test(memo, a_key_tells_apart_what_is_absent_empty_or_split_elsewhere)
{
    static const char *const ROWS[][4] = {
        {"/a", "", NULL, NULL}, {"/a", "", "", NULL},    {"/a", "", NULL, ""},
        {"/a", "", "", ""},     {"/a", "b", NULL, NULL}, {"/ab", "", NULL, NULL},
        {"", "/a", NULL, NULL}, {"/a", NULL, "", NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(ROWS); j++) {
            struct memo_key left = memo_key(ROWS[i], 4), right = memo_key(ROWS[j], 4);

            cr_assert_eq(memcmp(&left, &right, sizeof(left)) == 0, i == j, "%zu and %zu", i, j);
        }
    }
}

#define THREADS 4
#define ROUNDS 20000

static atomic_bool is_over;

/* Keeps answers whose ETag is the number of the change they were made after. */
static atomic_uint changes;

static void *change_many(void *data)
{
    struct memo *memo = data;

    for (unsigned i = 1; i <= ROUNDS; i++) {
        /* The order of a database: first the change, then the word of it. */
        atomic_store(&changes, i);
        memo_resource_changed(memo, PRACTICES);
    }
    atomic_store(&is_over, true);
    return NULL;
}

static void *ask_many(void *data)
{
    struct memo *memo = data;
    struct memo_key key = key_of("/a");

    while (!atomic_load(&is_over)) {
        uint64_t generation = memo_generation(memo, BIT(PRACTICES));
        char etag[MEMO_ETAG_BYTES];

        (void)snprintf(etag, sizeof(etag), "%u", atomic_load(&changes));
        memo_keep(memo, &key, BIT(PRACTICES), generation, etag);
        if (memo_find(memo, &key, etag))
            cr_assert_eq(strspn(etag, "0123456789"), strlen(etag), "a torn ETag: %s", etag);
    }
    return NULL;
}

Test(memo, threads_that_ask_while_others_change_end_with_the_truth)
{
    struct memo *memo = open_memo(true);
    pthread_t askers[THREADS], changer;
    char last[MEMO_ETAG_BYTES];
    struct memo_key key = key_of("/a");

    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&askers[i], NULL, ask_many, memo), 0);
    cr_assert_eq(pthread_create(&changer, NULL, change_many, memo), 0);
    cr_assert_eq(pthread_join(changer, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_join(askers[i], NULL), 0);
    /* Whoever kept an answer under the last generation had read the last change. */
    if (memo_find(memo, &key, last)) {
        char expected[MEMO_ETAG_BYTES];

        (void)snprintf(expected, sizeof(expected), "%u", (unsigned)ROUNDS);
        cr_assert_str_eq(last, expected);
    }
    memo_free(memo);
}
