/*
 * What practices and organisations have in common, and the ways from one organisation to another.
 */
#include "base/annotate.h"
#include "base/text.h"
#include "db/db.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/sql.h"
#include "support/territory.h"

#include <stdio.h>
#include <stdlib.h>

RECORDS_BEFORE_TESTS("territory", "EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(territory_similar, .init = territory_ready, .fini = test_ends_without_leaks,
          .timeout = 120);

#define JSON_BYTES 4096

/* --- similar practices -------------------------------------------------------------------------
 */

/* A scan over all terms in SQL, with the weights that the answer states. */
static void append_scan(struct text *sql, json_t *terms)
{
    json_t *term;
    size_t i;

    text_append(sql,
                "select string_agg(slug, ' ' order by weight desc, updated_at desc, id desc) "
                "from (select p.slug, p.id, p.updated_at, sum(a.weight) as weight from (values ");
    json_array_foreach (terms, i, term)
        text_append_format(sql, "%s('%s=%s', %d)", i == 0 ? "" : ", ", text_at(term, "property"),
                           text_at(term, "value"), (int)number_at(term, "weight"));
    text_append(sql, ") a(term, weight) join published.practices_terms t on t.term = a.term "
                     "join published.practices p on p.id = t.id where p.slug <> '");
}

Test(territory_similar, similar_practices_are_exactly_those_of_a_scan_over_all)
{
    static const char *const SLUGS[] = {"univerbal", "diomcoop", "magdas-hotel", "kodiko",
                                        "green-cantine"};
    struct db_pool *pool = sql_pool("express_public", NULL);
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(SLUGS); i++) {
        char path[128];
        json_t *answer, *match;
        struct text sql, found;
        size_t j;

        (void)snprintf(path, sizeof(path), "/v1/practices/%s/similar?limit=15", SLUGS[i]);
        answer = get(path);
        text_init(&sql, JSON_BYTES * 4);
        text_init(&found, JSON_BYTES);
        append_scan(&sql, at(answer, "terms"));
        text_append_format(&sql, "%s' group by 1, 2, 3 order by 4 desc, 3 desc, 2 desc limit 15) f",
                           SLUGS[i]);
        json_array_foreach (at(answer, "data"), j, match) {
            text_append_format(&found, "%s%s", j == 0 ? "" : " ",
                               text_at(at(match, "practice"), "slug"));
            territory_check_points(match);
            cr_assert_leq(number_at(match, "points"), 100);
        }
        cr_assert_str_eq(found.bytes, sql_value_of(db, sql.bytes, ""), "%s", SLUGS[i]);
        text_deinit(&sql);
        text_deinit(&found);
        json_decref(answer);
    }
    db_release(db);
    db_pool_free(pool);
}

/* --- partners and ways -------------------------------------------------------------------------
 */

Test(territory_similar, partners_are_others_that_do_the_like)
{
    json_t *answer = get("/v1/organisations/t-town/partners?limit=20"), *partner;
    double before = 101;
    size_t i;

    cr_assert_not_null(
        with(at(json_array_get(at(answer, "data"), 0), "reasons"), "value", "street_vendors"));
    json_array_foreach (at(answer, "data"), i, partner) {
        cr_assert_str_neq(text_at(at(partner, "organisation"), "slug"), "t-town");
        cr_assert_leq(number_at(partner, "points"), before);
        before = number_at(partner, "points");
        territory_check_points(partner);
    }
    json_decref(answer);
}

/* Of one network, and of none any more. */
Test(territory_similar, partners_share_the_networks_of_today)
{
    json_t *answer = get("/v1/organisations/t-town/partners?limit=100"), *partner;
    unsigned found = 0;
    size_t i;

    json_array_foreach (at(answer, "data"), i, partner) {
        const char *slug = text_at(at(partner, "organisation"), "slug");
        const bool is_fellow = strcmp(slug, "t-fellow") == 0;

        if (!is_fellow && strcmp(slug, "t-alone") != 0)
            continue;
        found++;
        cr_assert_eq(json_is_true(at(partner, "shares_network")), is_fellow, "%s", slug);
    }
    cr_assert_eq(found, 2);
    json_decref(answer);
}

static double length_of(const char *from, const char *to, const char *more)
{
    char path[256];
    json_t *answer;
    double length;

    (void)snprintf(path, sizeof(path), "/v1/organisations/%s/network-paths?to=%s%s", from, to,
                   more);
    answer = get(path);
    length = json_object_get(answer, "length") == NULL ? -1 : number_at(answer, "length");
    cr_assert_eq(json_array_size(at(answer, "paths")) == 0, length < 0, "%s", path);
    json_decref(answer);
    return length;
}

Test(territory_similar, ways_lead_through_networks_that_work_together_and_back_again)
{
    static const struct {
        const char *from, *to, *more;
        double length;
    } ROWS[] = {{"t-town", "t-elsewhere", "", 3},
                {"t-elsewhere", "t-town", "", 3},
                {"t-town", "t-third", "&through=networks", 3},
                {"t-town", "t-town", "", 0},
                {"t-town", "t-third", "&through=projects", -1},
                {"t-town", "univerbal", "", -1},
                {"etuc", "citub", "&through=networks", 2},
                {"citub", "etuc", "&through=networks,projects&limit=10", 2}};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_assert_float_eq(length_of(ROWS[i].from, ROWS[i].to, ROWS[i].more), ROWS[i].length, 0.1,
                           "%s to %s%s", ROWS[i].from, ROWS[i].to, ROWS[i].more);
}

static bool is_cut(const char *path, const char *etag_of)
{
    CLEANUP(response_freep) struct response *response = http_get(path), *other = NULL;
    bool cut = json_is_true(response_at(response, "/is_cut"));

    cr_assert_eq(response->status, 200, "%s", response->body);
    other = http_get(etag_of);
    cr_assert_str_eq(response_header(response, "ETag"), response_header(other, "ETag"));
    return cut;
}

/* One practice of the hub has more organisations behind it than are followed. */
Test(territory_similar, ways_say_when_connections_were_left_out_and_are_the_same_each_time)
{
    static const char WAY[] = "/v1/organisations/t-hub/network-paths?to=t-elsewhere";
    char *id = test_database_value("select upper(id::text) from catalogue.record "
                                   "where slug = 't-elsewhere'");
    char by_id[128];

    (void)snprintf(by_id, sizeof(by_id), "/v1/organisations/t-hub/network-paths?to=%s", id);
    free(id);
    cr_assert_not(is_cut(WAY, by_id));
    test_database_run(
        "insert into published.practices_terms "
        "select p.id, 'organisations@' || md5(n::text)::uuid, p.country, p.updated_at "
        "from published.practices p cross join generate_series(1, 1000) n "
        "where p.slug = 't-hub-does'");
    cr_assert(is_cut(WAY, by_id));
    cr_assert_not(is_cut("/v1/organisations/t-hub/network-paths?to=t-elsewhere&through=networks",
                         "/v1/organisations/t-hub/network-paths?through=networks&to=t-elsewhere"));
}
