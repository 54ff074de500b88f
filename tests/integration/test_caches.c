/*
 * A shared cache between us and everybody, which keeps what RFC 9111 lets it keep: whatever was
 * answered in private never comes out of it for somebody else, and what is public comes out as we
 * would have answered. Which addresses are private comes from the contract.
 */
#include "base/text.h"
#include "db/db.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/offers.h"
#include "support/paths.h"
#include "support/samples.h"
#include "support/server.h"
#include "support/sql.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PATH_BYTES 512
#define STORED_MAX 64

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(caches, .init = sample_import_once, .fini = test_ends_without_leaks, .timeout = 120);

/* --- the cache -------------------------------------------------------------------------------- */

struct cache {
    struct {
        char path[PATH_BYTES];
        struct response *response;
    } stored[STORED_MAX];
    size_t count;
};

static bool says(const struct response *response, const char *directive)
{
    const char *control = response_header(response, "Cache-Control");
    const size_t length = strlen(directive);

    for (const char *at = control; at != NULL && *at != '\0';) {
        at += strspn(at, ", ");
        if (strncasecmp(at, directive, length) == 0 && strchr(",= ", at[length]) != NULL)
            return true;
        at += strcspn(at, ",");
    }
    return false;
}

/* RFC 9111 sections 3 and 3.5, and 4.2.2: without a word about it a 404 or 410 is kept, too. */
static bool may_be_stored(const struct response *response, bool was_authorised)
{
    static const int STATUSES[] = {200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501};
    const char *vary = response_header(response, "Vary");
    bool is_cacheable = false;

    for (size_t i = 0; i < ARRAY_LENGTH(STATUSES); i++)
        is_cacheable = is_cacheable || response->status == STATUSES[i];
    if (!is_cacheable || says(response, "no-store") || says(response, "private") ||
        (vary != NULL && strchr(vary, '*') != NULL))
        return false;
    return !was_authorised || says(response, "public") || says(response, "s-maxage") ||
           says(response, "must-revalidate");
}

/* What the cache would answer anybody who asks in the same words; NULL: it asks us. */
static const struct response *cache_find(const struct cache *cache, const char *path)
{
    for (size_t i = 0; i < cache->count; i++)
        if (strcmp(cache->stored[i].path, path) == 0)
            return cache->stored[i].response;
    return NULL;
}

/* Asks through the cache; what is not in it is fetched, and kept if it may be. @response: owned by
 * the caller unless the cache kept it, which the result tells. */
static bool cache_pass(struct cache *cache, const char *token, const char *path,
                       struct response **ret_response)
{
    *ret_response = http_as(token, "GET", path, NULL, NULL);
    if (!may_be_stored(*ret_response, token != NULL))
        return false;
    cr_assert_lt(cache->count, STORED_MAX);
    (void)snprintf(cache->stored[cache->count].path, PATH_BYTES, "%s", path);
    cache->stored[cache->count++].response = *ret_response;
    return true;
}

static void cache_empty(struct cache *cache)
{
    for (size_t i = 0; i < cache->count; i++)
        response_free(cache->stored[i].response);
    cache->count = 0;
}

/* --- what is private -------------------------------------------------------------------------- */

/* Checks H24. */
Test(caches, a_shared_cache_never_serves_what_was_answered_in_private)
{
    const json_t *paths = json_object_get(contract_document(list_contract()), "paths");
    struct cache cache = {.count = 0};
    const char *template;
    json_t *item;
    size_t checked = 0;

    json_object_foreach ((json_t *)(uintptr_t)paths, template, item) {
        const char *token = path_reader(template, item);
        struct response *answer;
        char address[PATH_FILLED_BYTES];

        if (json_object_get(item, "get") == NULL || token == NULL)
            continue;
        path_fill(template, item, address);
        if (cache_pass(&cache, token, address, &answer))
            cr_assert_fail("%s may be kept for others: %s", address,
                           response_header(answer, "Cache-Control"));
        cr_assert_eq(answer->status, 200, "%s answers %d: %.200s", address, answer->status,
                     answer->body);
        cr_assert_str_eq(response_header(answer, "Cache-Control"), "no-store", "%s", address);
        response_free(answer);

        if (cache_pass(&cache, NULL, address, &answer))
            cr_assert_fail("that %s is refused may be kept for who may", address);
        cr_assert_eq(answer->status, 401, "%s answers %d", address, answer->status);
        response_free(answer);
        checked++;
    }
    cr_assert_gt(checked, contract_resource_count(list_contract()));
    cr_assert_eq(cache.count, 0);
}

/* Checks H24. One address that is private first and public then. */
Test(caches, what_becomes_public_is_not_hidden_by_what_was_kept_before)
{
    static const char PATH[] = "/v1/recommendations/cached-by-nobody";
    static const char *const KEY[] = {"Idempotency-Key: caches-3", NULL};
    static const char *const STEPS[] = {"submit", "publish"};
    const char *token = token_for("editor", "univerbal");
    struct cache cache = {.count = 0};
    struct response *answer;
    json_auto_t *record =
        sample_record(contract_resource_find(list_contract(), "recommendations"), 0);
    char *body;

    (void)json_object_del(record, "source");
    list_must(json_object_set_new(record, "slug", json_string("cached-by-nobody")) == 0);
    body = json_dumps(record, 0);
    {
        CLEANUP(response_freep)
        struct response *created = http_as(token, "POST", "/v1/recommendations", KEY, body);

        cr_assert_eq(created->status, 201, "%s", created->body);
    }
    free(body);
    cr_assert_not(cache_pass(&cache, NULL, PATH, &answer), "that there is nothing");
    cr_assert_eq(answer->status, 404);
    response_free(answer);
    cr_assert_not(cache_pass(&cache, token, PATH, &answer), "the draft");
    cr_assert_eq(answer->status, 200);
    response_free(answer);

    for (size_t i = 0; i < ARRAY_LENGTH(STEPS); i++) {
        const char *const headers[] = {"If-Match: *", NULL};
        char path[PATH_BYTES];

        (void)snprintf(path, sizeof(path), "%s/%s", PATH, STEPS[i]);
        {
            CLEANUP(response_freep)
            struct response *step = http_as(token, "POST", path, headers, NULL);

            cr_assert_eq(step->status, 200, "%s", step->body);
        }
    }
    cr_assert_null(cache_find(&cache, PATH));
    cr_assert(cache_pass(&cache, token, PATH, &answer), "what is public");
    cr_assert_eq(answer->status, 200);
    cache_empty(&cache);
}

/* Checks H23, H24. */
Test(caches, what_one_was_answered_in_public_is_what_all_would_be)
{
    static const char *const PATHS[] = {"/",
                                        "/v1/practices?limit=3&facets=country",
                                        "/v1/practices/sample-0",
                                        "/v1/practices/sample-0?as_of=2021-09-30",
                                        "/v1/practices?stale=true&limit=3",
                                        "/v1/search?q=women&limit=3",
                                        "/v1/practices/no-such-practice",
                                        "/problems/gone",
                                        "/.well-known/jwks.json"};
    struct cache cache = {.count = 0};

    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        struct response *answer;

        if (cache_pass(&cache, token_for("editor", "univerbal"), PATHS[i], &answer)) {
            CLEANUP(response_freep) struct response *plain = http_get(PATHS[i]);
            const struct response *kept = cache_find(&cache, PATHS[i]);

            cr_assert_not_null(kept);
            cr_assert_eq(plain->status, kept->status, "%s", PATHS[i]);
            cr_assert_str_eq(plain->body, kept->body, "%s", PATHS[i]);
        } else {
            response_free(answer);
        }
    }
    cr_assert_gt(cache.count, 4, "hardly anything may be kept");
    cache_empty(&cache);
}

/* --- what the server itself keeps --------------------------------------------------------------
 */

#define AT_ONCE 12   /* more than the server has connections for reading */
#define LEASED_MAX 4 /* one reads the offers, and others the tests beside this one */

static struct http_pending *begin_match(void)
{
    return http_begin("POST", "/v1/financing-offers/match",
                      (const char *const[]){"Content-Type: application/json", NULL},
                      "{\"limit\":1}");
}

/* Of those for reading. */
static long leased_connections(void)
{
    static const char NAME[] = "\nexpress_pool_leased ";
    CLEANUP(response_freep) struct response *metrics = NULL;
    const char *found;
    char url[PATH_BYTES];

    (void)snprintf(url, sizeof(url), "%s/metrics", getenv("API_ADMIN_URL"));
    metrics = http_send_unchecked("GET", url, NULL, NULL, 0);
    found = strstr(metrics->body, NAME);
    cr_assert_not_null(found);
    return strtol(found + strlen(NAME), NULL, 10);
}

/* Offers are read anew while a lock is in the way: the others read what they want. */
Test(caches, whoever_waits_for_the_offers_of_now_leaves_the_database_to_others)
{
    struct db_pool *pool = sql_pool(NULL, NULL);
    struct http_pending *pending[AT_ONCE] = {NULL};
    struct db *db = NULL;
    char *slug = offer_draft("Published while others wait", "{}");
    CLEANUP(response_freep) struct response *copy = NULL;
    CLEANUP(response_freep) struct response *published = NULL;

    offer_step(writer_partner(), slug, "submit");
    copy = read_as(writer_editor(), path_of("/v1/financing-offers/%s/working-copy", slug));
    response_free(http_end(begin_match()));
    cr_assert_eq(db_lease(pool, &db), 0);
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(sql_run(db, "lock table published.legal_bases in access exclusive mode"), 0);
    published = write_as(writer_editor(), "POST", path_of("/v1/financing-offers/%s/publish", slug),
                         response_header(copy, "ETag"), NULL, NULL);
    expect_status(published, 200, "published");
    for (unsigned waited = 0; pending[0] == NULL; waited += PAUSE_MS) {
        struct http_pending *first = begin_match();

        cr_assert_lt(waited, WAIT_MS_MAX);
        pause_shortly();
        if (http_is_done(first))
            response_free(http_end(first));
        else
            pending[0] = first;
    }
    for (size_t i = 1; i < AT_ONCE; i++)
        pending[i] = begin_match();
    for (int i = 0; i < 5; i++) {
        CLEANUP(response_freep)
        struct response *other = http_get("/v1/practices?limit=1&fields=id");

        cr_expect_eq(other->status, 200, "%s", other->body);
        cr_expect_leq(leased_connections(), LEASED_MAX);
        pause_shortly();
    }
    db_rollback(db);
    for (size_t i = 0; i < AT_ONCE; i++) {
        CLEANUP(response_freep) struct response *response = http_end(pending[i]);

        /* A lock is waited for half a second at most. */
        cr_expect(response->status == 200 || response->status == 503, "%s", response->body);
    }
    db_release(db);
    db_pool_free(pool);
    free(slug);
}
