/*
 * What is published, withdrawn and adopted is seen in what is kept in memory; who asks meanwhile,
 * and while nobody can look for changes, is answered.
 */
#include "base/annotate.h"
#include "coverage/profiles.h"
#include "db/db.h"
#include "support/database.h"
#include "support/holds.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/sql.h"
#include "support/territory.h"

#include <stdlib.h>

RECORDS_BEFORE_TESTS("territory", "EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(territory_changes, .init = territory_ready, .fini = test_ends_without_leaks,
          .timeout = 120);

/* No longer published; the log of changes tells of it. */
static void withdraw(const char *resource, const char *slug)
{
    struct db_pool *pool = sql_pool("express_writer", "express.role=system");
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    cr_assert_eq(sql_run(db, "delete from published.%s where slug = '%s'", resource, slug), 0);
    cr_assert_eq(sql_run(db,
                         "insert into catalogue.change (resource, record_id, version, kind) "
                         "select '%s', id, 2, 'deleted' from catalogue.record where slug = '%s'",
                         resource, slug),
                 0);
    db_release(db);
    db_pool_free(pool);
}

Test(territory_changes, what_is_published_or_withdrawn_is_seen_in_a_moment)
{
    json_auto_t *records =
        json_pack("{s:[{s:s,s:s,s:s,s:[s],s:[s]}]}", "practices", "slug", "t-late", "title",
                  "What came later", "summary", "Of the tests.", "target_groups", "street_vendors",
                  "sectors", "textile");

    list_import_well(records);
    territory_wait_until(territory_is_similar, "t-late", true);
    withdraw("practices", "t-late");
    territory_wait_until(territory_is_similar, "t-late", false);
}

/* For a gap there, with an adoption among the reasons. */
static bool is_recommended_for(const char *place, const char *step, const char *slug)
{
    json_t *answer = get(place), *candidate;
    bool found = false;
    size_t i;

    json_array_foreach (at(with(at(answer, "gaps"), "step", step), "candidates"), i, candidate) {
        const bool is_told = json_array_size(at(candidate, "adoptions")) > 0;

        if (strcmp(text_at(at(candidate, "practice"), "slug"), slug) != 0)
            continue;
        found = with(at(candidate, "reasons"), "code", "adopted_elsewhere") != NULL;
        cr_assert_eq(is_told, found);
    }
    json_decref(answer);
    return found;
}

static bool is_recommended(const char *slug)
{
    return is_recommended_for("/v1/coverage?city=Pastville", "financing", slug);
}

/* It was taken to the town, by the town: elsewhere that speaks for it, there it says nothing. */
Test(territory_changes, an_adoption_in_the_place_itself_is_no_evidence_from_elsewhere)
{
    cr_assert(is_recommended_for("/v1/coverage?city=Pastville", "mentoring", "t-home"));
    cr_assert_not(is_recommended_for(TOWN, "mentoring", "t-home"));
    cr_assert_not(is_recommended_for("/v1/coverage?near=35.9,14.4", "mentoring", "t-home"));
    cr_assert_not(
        is_recommended_for("/v1/networks/t-ring-a/coverage?distance=0", "mentoring", "t-home"));
}

/* Nothing but an adoption speaks for it, as long as there is one. */
Test(territory_changes, what_speaks_for_a_practice_is_seen_to_come_and_go)
{
    json_auto_t *records =
        json_pack("{s:[{s:s,s:s,s:s,s:[s],s:s}], s:[{s:s,s:s,s:s,s:s,s:s}]}", "practices", "slug",
                  "t-funds", "title", "What others took over", "summary", "Of the tests.",
                  "value_chain_steps", "financing", "country", "IS", "adoptions", "slug", "t-taken",
                  "title", "Taken over", "practice", "t-funds", "country", "SE", "result", "works");

    list_import_well(records);
    territory_wait_until(is_recommended, "t-funds", true);
    withdraw("adoptions", "t-taken");
    territory_wait_until(is_recommended, "t-funds", false);
}

/* No look for changes comes to its end from now on. */
static int hold_changes(struct hold *hold)
{
    return hold_begin(hold, "lock table catalogue.change in access exclusive mode");
}

/* Asks for @path until the look for what has changed waits for the lock of @backend. */
static struct http_pending *ask_until_blocked(struct hold *hold, int backend, const char *path)
{
    struct http_pending *pending = NULL;

    /* Without news from the database it looks once a second. */
    while (pending == NULL || http_is_done(pending)) {
        if (pending != NULL)
            response_free(http_end(pending));
        pending = http_begin("GET", path, NULL, NULL);
        hold_wait_blocked(hold, backend, pending);
    }
    return pending;
}

/* Which readers have a connection while @pending waits? Others have an end, it has none. NULL:
 * it had waited for too long before anybody could look. */
static char *readers_beside(const struct http_pending *pending)
{
    static const char READERS[] =
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and application_name like 'express-api%' and state = 'idle in transaction'";
    char *readers = NULL;

    while (readers == NULL || strcmp(readers, "0") != 0) {
        char *now = test_database_value(READERS);

        if (http_is_done(pending)) {
            free(now);
            break; /* it was asked too late */
        }
        free(readers);
        readers = now;
    }
    return readers;
}

Test(territory_changes, who_waits_for_what_has_changed_keeps_no_connection_from_readers)
{
    static const char *const PATHS[] = {"/v1/practices/t-here/similar",
                                        "/v1/organisations/t-town/partners", TOWN};
    struct hold hold;

    hold_open(&hold, "t-town");
    for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
        char *readers = NULL;

        while (readers == NULL) {
            const int backend = hold_changes(&hold);
            struct http_pending *pending = ask_until_blocked(&hold, backend, PATHS[i]);

            readers = readers_beside(pending);
            hold_end(&hold);
            response_free(http_end(pending));
        }
        cr_assert_str_eq(readers, "0", "%s", PATHS[i]);
        free(readers);
    }
    hold_close(&hold);
}

/* The log of changes cannot be read for longer than the server waits: what is known still helps. */
Test(territory_changes, what_is_in_memory_is_served_while_changes_cannot_be_asked_for)
{
    static const char *const PATHS[] = {"/v1/practices/t-here/similar",
                                        "/v1/organisations/t-town/partners", TOWN};
    const size_t before = test_server_log_lines("event=profiles.refresh ");
    struct hold hold;

    hold_open(&hold, "t-town");
    (void)hold_changes(&hold);
    for (size_t i = 0; test_server_log_lines("event=profiles.refresh ") < before + 2; i++) {
        CLEANUP(response_freep)
        struct response *response = http_get(PATHS[i % ARRAY_LENGTH(PATHS)]);

        cr_assert_eq(response->status, 200, "%s", response->body);
    }
    hold_end(&hold);
    hold_close(&hold);
}

/* How many statements it takes to look for what has changed. */
static uint64_t statements_of_a_look(struct db_pool *pool, struct profiles *profiles,
                                     uint64_t generation)
{
    struct db_pool_figures before, after;

    db_pool_figures(pool, &before);
    cr_assert_eq(profiles_refresh(profiles, generation), 0);
    db_pool_figures(pool, &after);
    return after.statements - before.statements;
}

/* Somebody writes for a long time; what others have changed meanwhile is not fetched again and
 * again. */
Test(territory_changes, what_was_taken_over_beside_an_open_transaction_is_not_taken_over_again)
{
    struct db_pool *pool = sql_pool("express_writer", "express.role=system");
    struct profiles *profiles = NULL;
    uint64_t generation = 1, with_changes, least = UINT64_MAX;
    struct hold hold;

    cr_assert_eq(profiles_new(pool, &profiles), 0);
    cr_assert_eq(profiles_refresh(profiles, generation++), 0);
    hold_open(&hold, "t-town");
    (void)hold_begin(&hold, "select pg_current_xact_id()");
    test_database_run("insert into catalogue.change (resource, record_id, version, kind) "
                      "select 'practices', id, 1, 'rendered' from catalogue.record "
                      "where slug = 't-here'");
    with_changes = statements_of_a_look(pool, profiles, generation++);
    /* Tests beside this one change practices, too, now and then. */
    for (unsigned i = 0; i < 100 && least >= with_changes; i++) {
        const uint64_t count = statements_of_a_look(pool, profiles, generation++);

        least = count < least ? count : least;
    }
    cr_assert_lt(least, with_changes);
    hold_end(&hold);
    hold_close(&hold);
    profiles_free(profiles);
    db_pool_free(pool);
}
