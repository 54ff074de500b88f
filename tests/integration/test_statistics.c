/* What the public is told of mentoring. */
#include "base/annotate.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/program.h"
#include "support/server.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(statistics, .fini = test_ends_without_leaks, .timeout = 120);

#define PATH "/v1/statistics/mentoring"

/* Pairs of the programme, numbers @from … @to, that ended in the last year that can be told of.
 * As if they had gone all the way: the triggers of today are for today's pairs. */
static void add_pairs(const char *programme, int from, int to)
{
    char sql[4000];

    (void)snprintf(
        sql, sizeof(sql),
        "set session_replication_role = replica;"
        "create temporary table made as select n, r.id as programme, gen_random_uuid() as mentor, "
        "gen_random_uuid() as mentee, gen_random_uuid() as pair, make_timestamptz("
        "extract(year from now() - interval '18 months')::integer, 1 + n %% 12, 10, 0, 0, 0) as at "
        "from generate_series(%d, %d) n, catalogue.record r "
        "where r.resource = 'mentoring-programmes' and r.slug = '%s';"
        "insert into mentoring.participant (id, kind, programme_id, subject, formats, "
        "availability, capacity, sectors, created_at) "
        "select m.mentor, 'mentor'::mentoring.participant_kind, m.programme, "
        "'mentor-of-statistics-' || n, array['remote'], 1, 1, array['food'], "
        "at - interval '300 days' from made m union all "
        "select m.mentee, 'mentee', m.programme, 'mentee-of-statistics-' || n, array['remote'], 1, "
        "null, array['food'], at - interval '200 days' - n * interval '2 days' from made m;"
        "insert into mentoring.participant_language select mentee, 'fr', 'C1' from made;"
        "insert into mentoring.consent (participant_id, purpose, version, given_at) "
        "select x, 'statistics', '1', at from made, unnest(array[mentor, mentee]) x;"
        "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, mentor_subject, "
        "mentee_subject, state, version, proposed_at, respond_by, mentor_accepted_at, "
        "mentee_accepted_at, accepted_at, started_at, ended_at, reason) "
        "select pair, programme, mentor, mentee, 'mentor-of-statistics-' || n, "
        "'mentee-of-statistics-' || n, "
        "case when n %% 2 = 0 then 'completed' else 'ended_early' end, 5, "
        "at - interval '190 days', at, at - interval '189 days', at - interval '189 days', "
        "at - interval '189 days', at - interval '180 days', at, "
        "case when n %% 2 = 0 then 'time_is_up' else 'other' end from made;"
        "drop table made",
        from, to, programme);
    test_database_run(sql);
}

static void publish(void)
{
    struct program_result result;

    cr_assert(test_server_command((const char *const[]){"housekeeping", NULL}, &result), "%s",
              result.error);
    cr_assert_eq(result.exit_code, 0, "%s", result.error);
    program_result_deinit(&result);
}

static const json_t *member(const json_t *json, const char *name)
{
    return json_object_get(json, name);
}

static const json_t *row_of(const json_t *rows, const char *value)
{
    size_t i;
    const json_t *row;

    json_array_foreach (rows, i, row)
        if (strcmp(json_string_value(member(row, "value")), value) == 0)
            return row;
    return NULL;
}

static void check_publication(const json_t *publication)
{
    const json_t *countries = member(member(publication, "by"), "country");
    const json_t *france = row_of(countries, "FR");

    cr_assert_eq(json_integer_value(member(publication, "pairs")), 90);
    cr_assert_eq(json_integer_value(member(publication, "programmes")), 2, "one is too small");
    cr_assert_eq(json_integer_value(member(france, "programmes")), 1);
    cr_assert_eq(json_integer_value(member(member(publication, "completion"), "completed")), 45);
    cr_assert_null(row_of(countries, "IT"), "too few");
    cr_assert_eq(json_integer_value(member(france, "pairs")), 50);
    cr_assert_eq(json_integer_value(member(member(france, "completion"), "ended_early")), 25);
    cr_assert_eq(json_integer_value(member(row_of(countries, "all_others"), "pairs")), 40);
    cr_assert_str_eq(json_string_value(member(member(france, "outcomes"), "suppressed")),
                     "fewer-than-10");
    cr_assert_eq(json_array_size(member(member(publication, "by"), "language")), 1);
}

/* Checks P3, P4. */
Test(statistics, a_publication_is_made_once_whoever_comes_or_goes)
{
    char *year =
        test_database_value("select extract(year from now() - interval '18 months')::integer");
    const char *path = path_of(PATH "?year=%s", year);
    char *kept;

    /* What the server has published when it started, and there was nobody yet. */
    test_database_run("alter table published.mentoring_statistics disable trigger keep;"
                      "delete from published.mentoring_statistics where year > 2001;"
                      "alter table published.mentoring_statistics enable trigger keep");
    add_pairs("kodiko", 1, 48);
    add_pairs("duo-for-a-job", 101, 136);
    add_pairs("chieri-retired-tailors", 201, 204);
    publish();

    CLEANUP(response_freep) struct response *first = read_as(NULL, path);

    expect_status(first, 200, "the publication");
    cr_assert_eq(json_array_size(response_at(first, "/data")), 1);
    check_publication(response_at(first, "/data/0"));
    cr_assert_str_eq(response_header(first, "Cache-Control"),
                     "public, max-age=60, stale-while-revalidate=600");

    cr_assert(count_rows("select count(*) from audit.entry where action = 'statistics.publish' "
                         "and role = 'service'") >= 1);
    kept = strdup(response_header(first, "ETag"));
    test_database_run("set session_replication_role = replica;"
                      "delete from mentoring.participant where subject = 'mentee-of-statistics-7';"
                      "delete from mentoring.pair where mentee_subject = 'mentee-of-statistics-8'");
    add_pairs("chieri-retired-tailors", 205, 260);
    publish();

    CLEANUP(response_freep) struct response *second = read_as(NULL, path);

    cr_assert_str_eq(second->body, first->body);
    cr_assert_str_eq(response_header(second, "ETag"), kept);
    free(kept);
    free(year);
}

Test(statistics, what_was_published_cannot_be_changed)
{
    static const char *const CHANGES[] = {
        "update published.mentoring_statistics set document = '{}'",
        "delete from published.mentoring_statistics"};
    char *url = getenv("API_DATABASE_URL");

    test_database_run("insert into published.mentoring_statistics (year, document) "
                      "values (2001, '{\"suppressed\":\"fewer-than-10\"}')");
    for (size_t i = 0; i < ARRAY_LENGTH(CHANGES); i++) {
        char *what = NULL;

        cr_assert_not(test_database_execute(url, CHANGES[i], &what));
        free(what);
    }

    CLEANUP(response_freep) struct response *one = read_as(NULL, PATH "?year=2001");
    CLEANUP(response_freep) struct response *none = read_as(NULL, PATH "?year=2002");
    CLEANUP(response_freep) struct response *wrong = read_as(NULL, PATH "?year=1999");

    cr_assert_str_eq(json_string_value(response_at(one, "/data/0/suppressed")), "fewer-than-10");
    cr_assert_eq(json_array_size(response_at(none, "/data")), 0);
    expect_problem(wrong, 400, "invalid-parameter", "before there was anything");
}
