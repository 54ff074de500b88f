/* Mentors for one mentee, and for a whole intake. */
#include "base/annotate.h"
#include "base/arena.h"
#include "db/db.h"
#include "mentoring/match.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/mentoring.h"
#include "support/server.h"
#include "support/sql.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(matching, .fini = test_ends_without_leaks, .timeout = 300);

#define SQL_BYTES_MAX 4000

PRINTF_LIKE(1, 2) static void run(const char *format, ...)
{
    char sql[SQL_BYTES_MAX];
    va_list arguments;

    va_start(arguments, format);
    cr_assert(vsnprintf(sql, sizeof(sql), format, arguments) < SQL_BYTES_MAX);
    va_end(arguments);
    test_database_run(sql);
}

static const char *coordinator(void)
{
    return token_for("coordinator", ORGANISATION);
}

/* A programme of the founding catalogue, from now on that of our organisation; each test has
 * its own, without anybody in it. */
static void take(const char *programme)
{
    run("update catalogue.record set owner_id = (select id from catalogue.record "
        "where resource = 'organisations' and slug = '" ORGANISATION "') "
        "where resource = 'mentoring-programmes' and slug = '%s';"
        "update catalogue.mentoring_programmes set mentor_capacity = 2, mentor_minimum_age = null, "
        "required_matches = null where id = (select id from catalogue.record "
        "where resource = 'mentoring-programmes' and slug = '%s')",
        programme, programme);
}

/* "…0000000000NN": the id of a person, by a number. */
static const char *id_of(int number)
{
    static char ids[16][40];
    static int next;
    char *id = ids[next++ % 16];

    (void)snprintf(id, sizeof(ids[0]), "00000000-0000-7000-8000-%012x", (unsigned)number);
    return id;
}

/* Numbers @from … @to, who agree to be matched and speak French. */
static void add(const char *programme, const char *kind, int from, int to, const char *intake)
{
    run("set express.role = 'admin'; "
        "insert into catalogue.mentoring_programmes_intakes (record_id, position, name, opens_on, "
        "closes_on) select r.id, 0, '%s', '2020-01-01', '2999-01-01' from catalogue.record r "
        "where r.resource = 'mentoring-programmes' and r.slug = '%s' and '%s' <> '' "
        "on conflict do nothing",
        intake, programme, intake);
    run("set express.role = 'admin'; "
        "insert into mentoring.participant (id, kind, programme_id, subject, formats, "
        "availability, capacity, sectors, intake) "
        "select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, '%s', r.id, "
        "'subject-of-person-' || n, '{in_person,remote}', 7, case '%s' when 'mentor' then 1 end, "
        "'{food}', nullif('%s', '') "
        "from generate_series(%d, %d) n, catalogue.record r "
        "where r.resource = 'mentoring-programmes' and r.slug = '%s';"
        "insert into mentoring.participant_language "
        "select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'fr', 'C1' "
        "from generate_series(%d, %d) n;"
        "insert into mentoring.consent (participant_id, purpose, version, given_at) "
        "select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, x, '1', now() "
        "from generate_series(%d, %d) n, unnest(array['programme', 'matching']) x",
        kind, kind, intake, from, to, programme, from, to, from, to);
}

static struct response *ask(const char *token, const char *programme, const char *what,
                            const char *key, const char *format, ...) PRINTF_LIKE(5, 6);
static struct response *ask(const char *token, const char *programme, const char *what,
                            const char *key, const char *format, ...)
{
    char body[SQL_BYTES_MAX];
    va_list arguments;

    va_start(arguments, format);
    cr_assert(vsnprintf(body, sizeof(body), format, arguments) < SQL_BYTES_MAX);
    va_end(arguments);
    return write_text(token, "POST", path_of("/v1/mentoring-programmes/%s/%s", programme, what),
                      NULL, key, body);
}

static long number_at(struct response *response, const char *path)
{
    return (long)json_integer_value(response_at(response, path));
}

static const char *text_at(struct response *response, const char *path)
{
    const char *text = json_string_value(response_at(response, path));

    return text == NULL ? "" : text;
}

/* --- one mentee ---------------------------------------------------------------------------------
 */

Test(matching, candidates_are_ranked_and_their_scores_taken_apart)
{
    take("kodiko");
    add("kodiko", "mentee", 0x101, 0x101, "");
    add("kodiko", "mentor", 0x111, 0x114, "");
    run("update mentoring.participant set sectors = '{textile}', version = 2 where id = '%s';"
        "update mentoring.participant_language set language = 'ti' where participant_id = '%s'",
        id_of(0x111), id_of(0x112));
    run("update mentoring.consent set withdrawn_at = now() where participant_id = '%s' "
        "and purpose = 'matching'",
        id_of(0x114));

    CLEANUP(response_freep)
    struct response *response =
        ask(coordinator(), "kodiko", "matches", NULL, "{\"mentee\":\"%s\"}", id_of(0x101));

    expect_status(response, 200, "candidates");
    cr_assert_str_eq(response_header(response, "Cache-Control"), "no-store");
    cr_assert_eq(number_at(response, "/mentors"), 3, "who withdrew consent does not take part");
    cr_assert_eq(number_at(response, "/possible"), 2);
    cr_assert_str_eq(text_at(response, "/data/0/mentor"), id_of(0x113));
    cr_assert_str_eq(text_at(response, "/data/1/mentor"), id_of(0x111));
    cr_assert_str_eq(text_at(response, "/data/2/mentor"), id_of(0x112));
    cr_assert_str_eq(text_at(response, "/data/2/failed/0/code"), "no-common-language");
    cr_assert_str_eq(text_at(response, "/data/2/failed/0/possible_if"),
                     "The mentor speaks a language of the mentee: fr.");
    for (size_t i = 0; i < 3; i++) {
        const json_t *parts = response_at(response, path_of("/data/%zu/parts", i));
        const double shown =
            json_number_value(response_at(response, path_of("/data/%zu/score", i)));
        double sum = 0;
        double weights = 0;
        const json_t *part;
        size_t j;

        cr_assert_eq(json_array_size(parts), 8);
        json_array_foreach (parts, j, part) {
            const double weight = json_number_value(json_object_get(part, "weight"));

            sum += weight * json_number_value(json_object_get(part, "value"));
            weights += weight;
        }
        cr_assert(fabs(shown - sum / weights) < 0.001, "the parts make the score");
    }
    cr_assert_null(strstr(response->body, "subject-of-person"));
}

Test(matching, weights_are_the_requests_else_the_programmes)
{
    take("projet-109");
    add("projet-109", "mentee", 0x201, 0x201, "");
    add("projet-109", "mentor", 0x211, 0x211, "");
    CLEANUP(response_freep)
    struct response *weighed =
        http_as(writer_admin(), "PATCH", "/v1/mentoring-programmes/projet-109",
                (const char *const[]){"If-Match: *", NULL},
                "{\"owner\":\"" ORGANISATION
                "\",\"match_weights\":{\"language\":91,\"sector\":90,\"skills\":92,\"goals\":93,"
                "\"availability\":94,\"distance\":95,\"capacity\":96}}");

    expect_status(weighed, 200, "the weights of the programme");
    CLEANUP(response_freep)
    struct response *own =
        ask(coordinator(), "projet-109", "matches", NULL, "{\"mentee\":\"%s\"}", id_of(0x201));
    CLEANUP(response_freep)
    struct response *asked =
        ask(coordinator(), "projet-109", "matches", NULL,
            "{\"mentee\":\"%s\",\"weights\":{\"sector\":0,\"load\":7}}", id_of(0x201));
    CLEANUP(response_freep)
    struct response *none =
        ask(coordinator(), "projet-109", "matches", NULL,
            "{\"mentee\":\"%s\",\"weights\":{\"language\":0,\"sector\":0,\"skills\":0,\"goals\":0,"
            "\"availability\":0,\"distance\":0,\"capacity\":0,\"load\":0}}",
            id_of(0x201));

    cr_assert_eq(number_at(own, "/weights/sector"), 90);
    cr_assert_eq(number_at(own, "/weights/language"), 91);
    cr_assert_eq(number_at(own, "/weights/skills"), 92);
    cr_assert_eq(number_at(own, "/weights/goals"), 93);
    cr_assert_eq(number_at(own, "/weights/availability"), 94);
    cr_assert_eq(number_at(own, "/weights/distance"), 95);
    cr_assert_eq(number_at(own, "/weights/capacity"), 96);
    cr_assert_eq(number_at(own, "/weights/load"), 2, "as the service sets it");
    cr_assert_eq(number_at(asked, "/weights/sector"), 0);
    cr_assert_eq(number_at(asked, "/weights/load"), 7);
    cr_assert_eq(number_at(asked, "/weights/language"), 91);
    expect_error(none, "/weights", "out-of-range", "nothing weighs anything");
}

Test(matching, what_a_programme_requires_rules_out)
{
    take("duo-for-a-job");
    add("duo-for-a-job", "mentee", 0x301, 0x301, "");
    add("duo-for-a-job", "mentor", 0x311, 0x312, "");
    run("update catalogue.mentoring_programmes set mentor_minimum_age = 50, "
        "required_matches = '{skills,availability}' where id = (select id from catalogue.record "
        "where slug = 'duo-for-a-job' and resource = 'mentoring-programmes');"
        "update mentoring.participant set age_band = '50_64', availability = 8, version = 2 "
        "where id = '%s'",
        id_of(0x312));

    CLEANUP(response_freep)
    struct response *response =
        ask(coordinator(), "duo-for-a-job", "matches", NULL, "{\"mentee\":\"%s\"}", id_of(0x301));

    cr_assert_eq(number_at(response, "/possible"), 0);
    cr_assert_str_eq(text_at(response, "/data/0/mentor"), id_of(0x311));
    cr_assert_str_eq(text_at(response, "/data/0/failed/0/code"), "no-common-skill");
    cr_assert_str_eq(text_at(response, "/data/0/failed/1/code"), "mentor-too-young");
    cr_assert_str_eq(text_at(response, "/data/1/failed/0/code"), "no-common-time");
    cr_assert_str_eq(text_at(response, "/data/1/failed/0/possible_if"),
                     "The mentee has time when the mentor has: Tuesday morning.");
}

Test(matching, whoever_is_old_enough_to_come_in_is_old_enough_to_be_matched)
{
    static const struct {
        const char *band;
        int status;
    } ROWS[] = {{"16_17", 422}, {"18_24", 422}, {"25_34", 422},
                {"35_49", 201}, {"50_64", 201}, {"65_and_over", 201}};
    char *programme = mentoring_programme("{\"mentor_minimum_age\":40}");
    struct test_person mentee;
    CLEANUP(response_freep) struct response *response = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *draft =
            mentoring_draft(programme, path_of("{\"age_band\":\"%s\"}", ROWS[i].band));
        CLEANUP(response_freep)
        struct response *made = write_as(coordinator(), "POST", "/v1/mentors", NULL, NULL, draft);

        expect_status(made, ROWS[i].status, ROWS[i].band);
    }
    mentoring_person("mentees", programme, NULL, &mentee);
    response = ask(coordinator(), programme, "matches", NULL, "{\"mentee\":\"%s\"}", mentee.id);
    cr_assert_eq(number_at(response, "/mentors"), 3);
    cr_assert_null(strstr(response->body, "mentor-too-young"), "%s", response->body);
    free(programme);
}

/* Fifty skills of a hundred letters for each of forty mentors; made of @word. */
static void give_skills(const char *word)
{
    run("update mentoring.participant p set skills = s.skills, version = p.version + 1 "
        "from generate_series(%d, %d) n, lateral (select array_agg("
        "'http://data.europa.eu/esco/' || md5(%s) || md5(%s || 'x') || "
        "substr(md5(%s || 'y'), 1, 25)) as skills from generate_series(1, 50) i where n > 0) s "
        "where p.id = ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid",
        0xd01, 0xd28, word, word, word);
}

/* What match_load() says with so much room. @ret_looked: at how many pairs it looks; may be NULL */
static int load_with(size_t bytes, const char *programme, const char *mentee, long *ret_looked)
{
    struct match_selection selection = {.programme = programme, .mentee = mentee};
    struct db_pool *pool = sql_pool("express_writer", NULL);
    struct match_pool people;
    struct db *db = mentoring_lease(pool);
    struct arena arena;
    int r;

    arena_init(&arena, bytes);
    r = match_load(db, &arena, &selection, &people);
    if (ret_looked != NULL)
        *ret_looked = mentoring_pairs_looked_at(db);
    arena_deinit(&arena);
    db_release(db);
    db_pool_free(pool);
    return r;
}

Test(matching, what_many_say_alike_takes_the_room_of_one_and_too_much_is_too_many)
{
    take("chieri-retired-tailors");
    add("chieri-retired-tailors", "mentee", 0xc01, 0xc01, "");
    add("chieri-retired-tailors", "mentor", 0xd01, 0xd28, "");
    give_skills("i::text");
    cr_assert_eq(load_with(128 * 1024, "chieri-retired-tailors", id_of(0xc01), NULL), 0);
    give_skills("i || '-' || n");
    cr_assert_eq(load_with(128 * 1024, "chieri-retired-tailors", id_of(0xc01), NULL),
                 MATCH_TOO_MANY);
    cr_assert_eq(load_with(1024 * 1024, "chieri-retired-tailors", id_of(0xc01), NULL), 0);
}

Test(matching, of_the_past_it_looks_at_what_those_have_tried_who_are_matched)
{
    static const char PROGRAMME[] = "migration-hub-mentoring";
    long looked = 0;

    take(PROGRAMME);
    add(PROGRAMME, "mentee", 0xf01, 0xf02, "");
    add(PROGRAMME, "mentor", 0xf11, 0xf12, "");
    run("begin; set local session_replication_role = replica;"
        "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, state, version, "
        "respond_by, ended_at, reason) select gen_random_uuid(), p.programme_id, '%s', p.id, "
        "'declined', 2, now(), now(), 'too_far' from mentoring.participant p, "
        "generate_series(1, case p.id when '%s' then 1 else 5000 end) "
        "where p.id in ('%s', '%s'); commit; analyze mentoring.pair",
        id_of(0xf11), id_of(0xf01), id_of(0xf01), id_of(0xf02));
    cr_assert_eq(load_with(1024 * 1024, PROGRAMME, id_of(0xf01), &looked), 0);
    cr_assert(looked < 100, "%ld", looked);

    CLEANUP(response_freep)
    struct response *response =
        ask(coordinator(), PROGRAMME, "matches", NULL, "{\"mentee\":\"%s\"}", id_of(0xf01));

    cr_assert_eq(number_at(response, "/possible"), 1, "%s", response->body);
    cr_assert_str_eq(text_at(response, "/data/1/mentor"), id_of(0xf11));
    cr_assert_str_eq(text_at(response, "/data/1/failed/0/code"), "paired-before");
}

/* Checks Z2, Z3. */
Test(matching, nobody_but_the_coordinator_of_the_programme_learns_anything)
{
    static const char *const WHATS[] = {"matches", "cohort-match"};

    take("microstart-coaching");
    add("microstart-coaching", "mentee", 0x401, 0x401, "");
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(response_freep)
        struct response *other =
            ask(token_for("coordinator", OTHER_ORGANISATION), "microstart-coaching", WHATS[i], NULL,
                "{\"mentee\":\"%s\"}", id_of(0x401));
        CLEANUP(response_freep)
        struct response *admin = ask(writer_admin(), "microstart-coaching", WHATS[i], NULL,
                                     "{\"mentee\":\"%s\"}", id_of(0x401));
        CLEANUP(response_freep)
        struct response *nobody =
            ask(NULL, "microstart-coaching", WHATS[i], NULL, "{\"mentee\":\"%s\"}", id_of(0x401));

        expect_status(other, i == 0 ? 404 : 422, "another organisation's coordinator");
        expect_status(admin, 403, "an administrator");
        expect_status(nobody, 401, "nobody");
    }

    CLEANUP(response_freep)
    struct response *hidden = ask(token_for("coordinator", OTHER_ORGANISATION),
                                  "microstart-coaching", "cohort-match", NULL, "{}");
    CLEANUP(response_freep)
    struct response *unknown = ask(coordinator(), "microstart-coaching", "matches", NULL,
                                   "{\"mentee\":\"%s\"}", "01997b2c-9a40-7c13-8f5e-2b6d1c0e4a11");

    expect_problem(hidden, 404, "not-found", "another organisation's coordinator");
    expect_error(unknown, "/mentee", "unknown-record", "no such mentee");
}

Test(matching, who_was_looked_at_is_on_record)
{
    char *entries;

    take("ici-local-sponsor");
    add("ici-local-sponsor", "mentee", 0x501, 0x501, "");
    add("ici-local-sponsor", "mentor", 0x511, 0x512, "");

    CLEANUP(response_freep)
    struct response *response = ask(coordinator(), "ici-local-sponsor", "matches", NULL,
                                    "{\"mentee\":\"%s\",\"limit\":1}", id_of(0x501));

    expect_status(response, 200, "candidates");
    entries = test_database_value(
        "select string_agg(e.action || ' ' || p.id, ', ' order by e.action) "
        "from audit.entry e join mentoring.participant p on p.audit_id = e.record_id "
        "where e.action in ('mentee.match', 'mentor.match') "
        "and p.id in ('00000000-0000-7000-8000-000000000501', "
        "'00000000-0000-7000-8000-000000000511', '00000000-0000-7000-8000-000000000512')");
    cr_assert_str_eq(entries, "mentee.match 00000000-0000-7000-8000-000000000501, "
                              "mentor.match 00000000-0000-7000-8000-000000000511");
    free(entries);
}

/* --- an intake -------------------------------------------------------------------------------- */

static long open_pairs(const char *programme)
{
    char sql[300];

    (void)snprintf(sql, sizeof(sql),
                   "select count(*) from mentoring.pair p join catalogue.record r "
                   "on r.id = p.programme_id where r.slug = '%s' and p.state = 'proposed'",
                   programme);
    return count_rows(sql);
}

/* One entry of a coordinator, with this id. */
static void check_entry(const char *entry, const char *id)
{
    char sql[400];

    (void)snprintf(sql, sizeof(sql),
                   "select count(*) from audit.entry where action || ' ' || resource = '%s' "
                   "and role = 'coordinator'%s%s%s",
                   entry, id == NULL ? "" : " and record_id = '", id == NULL ? "" : id,
                   id == NULL ? "" : "'");
    cr_assert(id == NULL ? count_rows(sql) > 0 : count_rows(sql) == 1, "%s", entry);
}

Test(matching, the_whole_is_best_though_somebody_gets_her_second_best)
{
    take("la-ruche-coaching");
    add("la-ruche-coaching", "mentee", 0x601, 0x603, "spring");
    add("la-ruche-coaching", "mentor", 0x611, 0x612, "");
    /* One mentor suits both in sector, but only he shares the language of the second mentee. */
    run("update mentoring.participant set sectors = '{textile}', version = 2 where id = '%s';"
        "update mentoring.participant_language set language = 'ar' where participant_id = '%s';"
        "insert into mentoring.participant_language values ('%s', 'ar', 'C1');"
        "update mentoring.participant_language set language = 'ti' where participant_id = '%s'",
        id_of(0x612), id_of(0x602), id_of(0x611), id_of(0x603));

    CLEANUP(response_freep)
    struct response *response =
        ask(coordinator(), "la-ruche-coaching", "cohort-match", NULL, "{\"intake\":\"spring\"}");

    expect_status(response, 200, "the assignment");
    cr_assert_eq(number_at(response, "/pairs"), 2);
    cr_assert_eq(number_at(response, "/places"), 2);
    cr_assert_str_eq(text_at(response, "/data/0/mentor"), id_of(0x612));
    cr_assert_str_eq(text_at(response, "/data/0/alternative/mentor"), id_of(0x611));
    cr_assert_eq(number_at(response, "/data/0/alternative/pairs_lost"), 1);
    cr_assert_str_eq(text_at(response, "/data/1/mentor"), id_of(0x611));
    cr_assert_str_eq(text_at(response, "/data/2/reason"), "no-possible-mentor");
    cr_assert_str_eq(text_at(response, "/data/2/failed/0/code"), "no-common-language");
    cr_assert_eq(number_at(response, "/data/2/failed/0/mentors"), 2);
    cr_assert_eq(open_pairs("la-ruche-coaching"), 0, "nothing is kept");

    CLEANUP(response_freep)
    struct response *again =
        ask(coordinator(), "la-ruche-coaching", "cohort-match", NULL, "{\"intake\":\"spring\"}");

    cr_assert_str_eq(again->body, response->body, "the same again");
}

/* Entries about people of the programme, or about its pairs. */
static void check_noted(const char *programme, const char *action, long count)
{
    char sql[600];

    (void)snprintf(sql, sizeof(sql),
                   "select count(*) from audit.entry e where e.action = '%s' and e.record_id in ("
                   "select p.audit_id from mentoring.participant p join catalogue.record r "
                   "on r.id = p.programme_id where r.slug = '%s' union all select p.id "
                   "from mentoring.pair p join catalogue.record r on r.id = p.programme_id "
                   "where r.slug = '%s' and e.version is not distinct from "
                   "case e.action when 'pair.propose' then 1 end)",
                   action, programme, programme);
    cr_assert_eq(count_rows(sql), count, "%s: %ld", action, count_rows(sql));
}

/* Checks P12. */
Test(matching, an_assignment_is_proposed_whole_and_once)
{
    const char *programme = "atemos-peer-learning";
    struct db_pool *pool;
    struct db *busy;
    const char *basis;

    take(programme);
    add(programme, "mentee", 0x701, 0x703, "autumn");
    add(programme, "mentor", 0x711, 0x712, "");

    CLEANUP(response_freep)
    struct response *looked =
        ask(coordinator(), programme, "cohort-match", NULL, "{\"intake\":\"autumn\"}");

    basis = text_at(looked, "/basis");
    check_noted(programme, "mentee.match", 3);
    check_noted(programme, "mentor.match", 2);

    CLEANUP(response_freep)
    struct response *tried =
        write_text(coordinator(), "POST",
                   path_of("/v1/mentoring-programmes/%s/cohort-match?dry_run=true", programme),
                   NULL, NULL, "{\"intake\":\"autumn\",\"apply\":true}");

    expect_status(tried, 201, "a dry run");
    cr_assert_eq(number_at(tried, "/pairs"), 2);
    cr_assert_eq(open_pairs(programme), 0);

    CLEANUP(response_freep)
    struct response *applied =
        ask(coordinator(), programme, "cohort-match", "autumn-1",
            "{\"intake\":\"autumn\",\"apply\":true,\"basis\":\"%s\"}", basis);

    expect_status(applied, 201, "the proposals");
    cr_assert_eq(number_at(applied, "/pairs"), 2);
    check_entry("cohort.match mentoring-programmes", NULL);
    check_entry("cohort.propose cohorts", text_at(applied, "/id"));
    cr_expect_eq(text_at(applied, "/id")[14], '4', "an id that tells when it was made");
    cr_expect_eq(text_at(applied, "/data/0/pair")[14], '4', "an id that tells when it was made");
    cr_assert_str_eq(text_at(applied, "/data/0/state"), "proposed");
    cr_assert_eq(open_pairs(programme), 2);
    check_noted(programme, "pair.propose", 2);
    check_noted(programme, "pair.read", 0);

    /* What the people speak cannot be read now; nor need it be. */
    pool = sql_pool(NULL, NULL);
    cr_assert_eq(db_lease(pool, &busy), 0);
    cr_assert_eq(db_begin(busy), 0);
    cr_assert_eq(sql_run(busy, "lock table mentoring.participant_language "
                               "in access exclusive mode"),
                 0);

    CLEANUP(response_freep)
    struct response *replayed =
        ask(coordinator(), programme, "cohort-match", "autumn-1",
            "{\"intake\":\"autumn\",\"apply\":true,\"basis\":\"%s\"}", basis);
    CLEANUP(response_freep)
    struct response *reused = ask(coordinator(), programme, "cohort-match", "autumn-1",
                                  "{\"intake\":\"autumn\",\"apply\":true}");

    db_release(busy);
    db_pool_free(pool);
    expect_status(replayed, 201, "the same key again");
    cr_assert_str_eq(response_header(replayed, "Idempotency-Replayed"), "true");
    cr_assert_str_eq(replayed->body, applied->body);
    expect_problem(reused, 422, "idempotency-key-reuse", "the same key for something else");
    cr_assert_eq(open_pairs(programme), 2);
    check_noted(programme, "pair.propose", 2);
    check_noted(programme, "pair.read", 2);

    CLEANUP(response_freep)
    struct response *stale = ask(coordinator(), programme, "cohort-match", "autumn-2",
                                 "{\"intake\":\"autumn\",\"apply\":true,\"basis\":\"%s\"}", basis);

    expect_problem(stale, 409, "basis-changed", "who waited is paired now");

    CLEANUP(response_freep)
    struct response *rest =
        ask(coordinator(), programme, "cohort-match", NULL, "{\"intake\":\"autumn\"}");

    cr_assert_eq(number_at(rest, "/mentees"), 1);
    cr_assert_eq(number_at(rest, "/places"), 0);
    cr_assert_str_eq(text_at(rest, "/data/0/failed/0/code"), "no-free-place");

    CLEANUP(response_freep)
    struct response *erased = write_text(
        coordinator(), "POST", path_of("/v1/mentees/%s/erase", text_at(applied, "/data/0/mentee")),
        NULL, NULL, NULL);
    CLEANUP(response_freep)
    struct response *later = ask(coordinator(), programme, "cohort-match", "autumn-1",
                                 "{\"intake\":\"autumn\",\"apply\":true,\"basis\":\"%s\"}", basis);

    expect_status(erased, 200, "somebody leaves for good");
    expect_status(later, 201, "what is left of the proposals");
    cr_assert_null(response_at(later, "/data/0/mentee"), "%s", later->body);
    cr_assert_null(response_at(later, "/data/0/score"), "%s", later->body);
}

Test(matching, named_mentees_are_all_there_or_none_is_assigned)
{
    const char *programme = "elyme-mentoring-networks";

    take(programme);
    add(programme, "mentee", 0x801, 0x802, "");

    CLEANUP(response_freep)
    struct response *both = ask(coordinator(), programme, "cohort-match", NULL,
                                "{\"mentees\":[\"%s\",\"%s\"]}", id_of(0x801), id_of(0x802));
    CLEANUP(response_freep)
    struct response *foreign =
        ask(coordinator(), programme, "cohort-match", NULL,
            "{\"mentees\":[\"%s\",\"%s\"],\"apply\":true}", id_of(0x801), id_of(0x8ff));

    expect_status(both, 200, "both");
    cr_assert_eq(number_at(both, "/mentees"), 2);
    expect_error(foreign, "/mentees", "unknown-record", "one of them is not there");
}

/* Checks C4. Whoever comes second finds that what the first proposed is there. */
Test(matching, of_two_who_apply_at_once_one_proposes)
{
    const char *programme = "stadtteilmuetter";
    const char *path = path_of("/v1/mentoring-programmes/%s/cohort-match", programme);
    struct http_pending *pending[2];
    int made = 0;

    take(programme);
    add(programme, "mentee", 0x901, 0x91e, "");
    add(programme, "mentor", 0x931, 0x94e, "");
    for (size_t i = 0; i < 2; i++)
        pending[i] = http_begin_as(coordinator(), "POST", path, NULL, "{\"apply\":true}");
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(response_freep) struct response *response = http_end(pending[i]);

        made += response->status == 201 && number_at(response, "/pairs") == 30;
        cr_assert(response->status == 201 || response->status == 409 || response->status == 503,
                  "%s", response->body);
    }
    cr_assert_eq(made, 1);
    cr_assert_eq(open_pairs(programme), 30);
    cr_assert_eq(count_rows("select count(*) from (select mentor_id from mentoring.pair "
                            "where state = 'proposed' group by mentor_id having count(*) > 1) x"),
                 0);
}
