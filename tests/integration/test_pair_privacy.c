/*
 * Who is told of a pair, who is on record for having asked, and that the database itself keeps
 * both.
 */
#include "base/annotate.h"
#include "base/text.h"
#include "db/db.h"
#include "mentoring/pair.h"
#include "routes.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/mentoring.h"
#include "support/scene.h"
#include "support/server.h"
#include "support/sql.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(pair_privacy, .fini = test_ends_without_leaks, .timeout = 240);

#define UNKNOWN_ID "01997b2c-9a40-7c13-8f5e-2b6d1c0e0000"
#define TEXT_BYTES 32768

/* --- who is told -------------------------------------------------------------------------------
 */

/* Checks Z2, Z4. */
Test(pair_privacy, what_is_not_ones_own_is_what_does_not_exist)
{
    static const char *const BEHIND[] = {"",
                                         "/moves",
                                         "/meetings",
                                         "/goals",
                                         "/feedback",
                                         "/outcomes",
                                         ("/meetings/" UNKNOWN_ID),
                                         ("/goals/" UNKNOWN_ID)};
    struct scene scene, other;
    const char *etag;

    scene_begin(&scene, NULL);
    scene_begin(&other, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(BEHIND); i++) {
        const char *const tokens[] = {mentoring_other_coordinator(), other.mentor.token};

        for (size_t j = 0; j < ARRAY_LENGTH(tokens); j++) {
            CLEANUP(response_freep)
            struct response *hidden = read_as(tokens[j], scene_path(&scene, BEHIND[i]));
            CLEANUP(response_freep)
            struct response *unknown =
                read_as(tokens[j], path_of("/v1/mentoring-pairs/" UNKNOWN_ID "%s", BEHIND[i]));

            expect_problem(hidden, 404, "not-found", BEHIND[i]);
            expect_problem(unknown, 404, "not-found", BEHIND[i]);
            cr_assert_eq(strlen(hidden->body), strlen(unknown->body), "%s\n%s", hidden->body,
                         unknown->body);
        }
    }
    etag = scene_etag(scene.mentor.token, scene_path(&scene, ""));
    CLEANUP(response_freep)
    struct response *moved = scene_move_as(other.mentor.token, &scene, "accept", etag, NULL);
    expect_problem(moved, 404, "not-found", "with the right ETag, too");
    scene_end(&scene);
    scene_end(&other);
}

/* Checks Z7. */
Test(pair_privacy, partners_editors_and_administrators_are_refused_before_any_table_is_asked)
{
    static const char *const BEHIND[] = {"",       "/moves",    "/meetings",
                                         "/goals", "/feedback", "/outcomes"};
    const char *const tokens[] = {writer_partner(), writer_editor(), writer_admin()};
    struct scene scene;

    scene_begin(&scene, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(tokens); i++) {
        CLEANUP(response_freep) struct response *list = read_as(tokens[i], "/v1/mentoring-pairs");
        CLEANUP(response_freep)
        struct response *moved = scene_move_as(tokens[i], &scene, "accept", "*", NULL);

        expect_problem(list, 403, "forbidden", "the list");
        expect_problem(moved, 403, "forbidden", "a move");
        for (size_t j = 0; j < ARRAY_LENGTH(BEHIND); j++) {
            CLEANUP(response_freep)
            struct response *read = read_as(tokens[i], scene_path(&scene, BEHIND[j]));

            expect_problem(read, 403, "forbidden", BEHIND[j]);
        }
    }
    /* Who may is decided by the route, before its handler has a connection at all. */
    for (size_t i = 0; i < ROUTE_COUNT; i++)
        if (strncmp(ROUTES[i].pattern, "/v1/mentoring-pairs", 19) == 0)
            cr_assert_geq(ROUTES[i].access, ACCESS_MENTORING, "%s", ROUTES[i].name);
    scene_end(&scene);
}

/* How many pairs a list by one person shows. */
static size_t found_by(const char *token, const char *kind, const char *person)
{
    CLEANUP(response_freep)
    struct response *list = read_as(token, path_of("/v1/mentoring-pairs?%s=%s", kind, person));

    expect_status(list, 200, kind);
    return json_array_size(response_at(list, "/data"));
}

/* Checks Z25. */
Test(pair_privacy, the_partner_is_gone_when_the_pair_has_ended)
{
    static const struct {
        enum pair_state state;
        int profile, contact;
    } ROWS[] = {
        {PAIR_PROPOSED, 200, 404}, {PAIR_ACTIVE, 200, 200},    {PAIR_PAUSED, 200, 404},
        {PAIR_DECLINED, 404, 404}, {PAIR_COMPLETED, 404, 404}, {PAIR_ENDED_EARLY, 404, 404},
    };

    struct scene scene;

    scene_begin(&scene, NULL);
    test_database_run(path_of("insert into mentoring.contact (participant_id, channel, address) "
                              "values ('%s', 'email', 'someone@example.org')",
                              scene.mentee.id));
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *pair = NULL, *profile = NULL, *contact = NULL;

        if (i > 0)
            scene_begin_again(&scene);
        scene_lead_to(&scene, ROWS[i].state);
        profile = read_as(scene.mentor.token, path_of("/v1/mentees/%s", scene.mentee.id));
        contact = read_as(scene.mentor.token, path_of("/v1/mentees/%s/contact", scene.mentee.id));
        pair = read_as(scene.mentor.token, scene_path(&scene, ""));
        expect_status(pair, 200, "the pair itself stays");
        expect_status(profile, ROWS[i].profile, pair_state_name(ROWS[i].state));
        expect_status(contact, ROWS[i].contact, pair_state_name(ROWS[i].state));
        cr_assert_eq(response_at(pair, "/mentee") != NULL, ROWS[i].profile == 200, "%s",
                     pair->body);
        cr_assert_not_null(response_at(pair, "/mentor"), "oneself");
        cr_assert_eq(found_by(scene.mentor.token, "mentee", scene.mentee.id),
                     ROWS[i].profile == 200 ? i + 1 : 0, "%s", pair_state_name(ROWS[i].state));
        cr_assert_eq(found_by(scene.mentor.token, "mentor", scene.mentor.id), i + 1);
    }
    scene_end(&scene);
}

/* Checks Z25, P9. */
Test(pair_privacy, a_pair_is_over_when_somebody_withdraws_consent)
{
    struct scene scene;
    CLEANUP(response_freep) struct response *pair = NULL, *profile = NULL, *coordinators = NULL;

    scene_begin(&scene, NULL);
    scene_lead_to(&scene, PAIR_ACTIVE);
    test_database_run(path_of("update mentoring.consent set withdrawn_at = now() where purpose = "
                              "'programme' and participant_id = '%s'",
                              scene.mentee.id));
    pair = read_as(scene.mentor.token, scene_path(&scene, ""));
    expect_text(pair, "/state", "ended_early");
    expect_absent(pair, "/mentee");
    expect_absent(pair, "/reason");
    profile = read_as(scene.mentor.token, path_of("/v1/mentees/%s", scene.mentee.id));
    expect_problem(profile, 404, "not-found", "at once");
    coordinators = read_as(mentoring_coordinator(), scene_path(&scene, ""));
    expect_text(coordinators, "/reason", "consent_withdrawn");
    expect_absent(coordinators, "/mentee");
    cr_assert_eq(found_by(mentoring_coordinator(), "mentee", scene.mentee.id), 0);
    cr_assert_eq(found_by(mentoring_coordinator(), "mentor", scene.mentor.id), 1);
    cr_assert_eq(found_by(scene.mentor.token, "mentee", scene.mentee.id), 0);
    cr_assert_eq(found_by(scene.mentee.token, "mentee", scene.mentee.id), 1, "oneself");
    scene_end(&scene);
}

/* --- the audit log ------------------------------------------------------------------------------
 */

static char *entries_of(const char *request)
{
    return test_database_value(path_of(
        "select string_agg(concat_ws(' ', action, role, record_id), '; ' order by position) "
        "from audit.entry where request_id = '%s'",
        request));
}

/* Checks P12. */
Test(pair_privacy, who_reads_a_pair_is_on_record_also_in_a_list_or_nobody_reads_it)
{
    struct scene scene;
    const char *const headers[] = {"X-Request-Id: pairs-read-1", NULL};
    const char *const others[] = {"X-Request-Id: pairs-read-2", NULL};
    const char *const failing[] = {"X-Request-Id: pairs-fail-1", NULL};
    CLEANUP(response_freep) struct response *read = NULL, *list = NULL, *failed = NULL;
    char *entries;

    scene_begin(&scene, NULL);
    read = http_as(scene.mentor.token, "GET", scene_path(&scene, ""), headers, NULL);
    expect_status(read, 200, "one's own");
    entries = entries_of("pairs-read-1");
    cr_assert_str_eq(entries, path_of("pair.read participant %s", scene.pair));
    free(entries);
    list = http_as(mentoring_coordinator(), "GET",
                   path_of("/v1/mentoring-pairs?programme=%s", scene.programme), others, NULL);
    expect_status(list, 200, "a list");
    entries = entries_of("pairs-read-2");
    cr_assert_str_eq(entries,
                     path_of("pair.read coordinator %s; pair.list coordinator", scene.pair));
    free(entries);
    test_database_run(
        "create function public.fail_audit() returns trigger language plpgsql as "
        "$$ begin raise exception using errcode = '53100'; end $$;"
        "create trigger fail_audit before insert on audit.entry for each row "
        "when (new.request_id = 'pairs-fail-1') execute function public.fail_audit()");
    failed = http_as(mentoring_coordinator(), "GET", scene_path(&scene, ""), failing, NULL);
    cr_assert_eq(failed->status, 503, "%s", failed->body);
    cr_assert_null(strstr(failed->body, scene.mentor.id), "%s", failed->body);
    test_database_run("drop trigger fail_audit on audit.entry");
    scene_end(&scene);
}

#define TOMORROW "a meeting"

/* In the order in which they can be done; MADE: the id that the answer before had. */
static const struct {
    const char *who, *method, *behind, *body;
    int status;
    const char *entry; /* action, role, resource, ID: of the pair */
} DEEDS[] = {
    {"mentor", "POST", "/accept", NULL, 200, "pair.accept participant mentoring-pairs ID 2"},
    {"mentor", "POST", "/accept", NULL, 200, "pair.read participant mentoring-pairs ID 2"},
    {"mentee", "POST", "/accept", NULL, 200, "pair.accept participant mentoring-pairs ID 3"},
    {"coordinator", "POST", "/start", NULL, 200, "pair.start coordinator mentoring-pairs ID 4"},
    {"mentee", "GET", "/moves", NULL, 200, "pair.moves participant mentoring-pairs ID 4"},
    {"mentor", "POST", "/goals", "{\"term\":\"find_job\"}", 201,
     "goal.create participant goals OTHER 1"},
    {"mentor", "PATCH", "/goals/MADE", "{\"progress\":50}", 200,
     "goal.update participant goals OTHER 2"},
    {"mentor", "GET", "/goals/MADE", NULL, 200, "goal.read participant goals OTHER 2"},
    {"mentor", "GET", "/goals", NULL, 200, "goal.list participant mentoring-pairs ID 4"},
    {"mentor", "POST", "/meetings", TOMORROW, 201, "meeting.create participant meetings OTHER 1"},
    {"mentee", "PATCH", "/meetings/MADE", "{\"duration_minutes\":30}", 200,
     "meeting.update participant meetings OTHER 2 {duration_minutes}"},
    {"mentee", "GET", "/meetings/MADE", NULL, 200, "meeting.read participant meetings OTHER 2"},
    {"mentee", "GET", "/meetings", NULL, 200, "meeting.list participant mentoring-pairs ID 4"},
    {"mentee", "PUT", "/feedback/middle", "{\"satisfaction\":4}", 200,
     "feedback.give participant mentoring-pairs ID 4"},
    {"coordinator", "GET", "/feedback", NULL, 200,
     "feedback.read coordinator mentoring-pairs ID 4"},
    {"coordinator", "POST", "/complete", "{\"reason\":\"time_is_up\"}", 200,
     "pair.complete coordinator mentoring-pairs ID 5"},
    {"coordinator", "POST", "/outcomes", "{\"moment\":\"end\",\"code\":\"job\"}", 201,
     "outcome.note coordinator mentoring-pairs ID 5"},
    {"coordinator", "GET", "/outcomes", NULL, 200, "outcome.list coordinator mentoring-pairs ID 5"},
    {"coordinator", "DELETE", "/outcomes/end/job", NULL, 204,
     "outcome.remove coordinator mentoring-pairs ID 5"},
    {"mentor", "GET", "/meetings/" UNKNOWN_ID, NULL, 404, ""},
};

static void do_deed(const struct scene *scene, size_t i, char made[40])
{
    const char *who = DEEDS[i].who, *behind = DEEDS[i].behind;
    const char *token = strcmp(who, "mentor") == 0   ? scene->mentor.token
                        : strcmp(who, "mentee") == 0 ? scene->mentee.token
                                                     : mentoring_coordinator();
    const char *const headers[] = {path_of("X-Request-Id: pairs-deed-%zu", i), "If-Match: *", NULL};
    const char *place = strstr(behind, "MADE");
    const char *path =
        place == NULL ? scene_path(scene, behind)
                      : scene_path(scene, path_of("%.*s%s", (int)(place - behind), behind, made));
    const char *body = DEEDS[i].body;

    if (body != NULL && strcmp(body, TOMORROW) == 0)
        body = path_of("{\"starts_at\":\"%s\"}", scene_in_hours(24));
    CLEANUP(response_freep)
    struct response *response = http_as(token, DEEDS[i].method, path, headers, body);
    char *entry;

    expect_status(response, DEEDS[i].status, path);
    if (response->status == 201 && response_at(response, "/id") != NULL) {
        (void)snprintf(made, 40, "%s", response_text_at(response, "/id"));
        cr_expect_eq(made[14], '4', "%s tells when it was made: %s", path, made);
    }
    entry = test_database_value(path_of(
        "select coalesce(string_agg(concat_ws(' ', action, role, resource, case when record_id = "
        "'%s' then 'ID' else 'OTHER' end, version, properties), '; ' order by position), '') from "
        "audit.entry where request_id = 'pairs-deed-%zu'",
        scene->pair, i));
    cr_assert_str_eq(entry, DEEDS[i].entry, "%s: %s", path, entry);
    free(entry);
}

/* Checks P12, P14. */
Test(pair_privacy, every_deed_leaves_its_entry_in_the_audit_log)
{
    struct scene scene;
    char made[40] = "";

    scene_begin(&scene, NULL);
    cr_expect_eq(scene.pair[14], '4', "an id that tells when it was made: %s", scene.pair);
    for (size_t i = 0; i < ARRAY_LENGTH(DEEDS); i++)
        do_deed(&scene, i, made);
    scene_end(&scene);
}

/* --- the second wall -----------------------------------------------------------------------------
 */

static struct db_pool *pool;
static struct db *db;

/* A transaction of somebody, as a handler would begin it. */
static void act_as(const char *role, const char *organisation, const char *subject)
{
    cr_assert_eq(db_begin(db), 0);
    (void)sql_value(db,
                    "select set_config('express.role', '%s', true) || "
                    "set_config('express.organisation', '%s', true) || "
                    "set_config('express.subject', '%s', true) || "
                    "set_config('express.caller', 'test', true)",
                    role, organisation, subject);
}

/* The database says no, or finds nothing to do it with. */
static void expect_refused(const char *why, const char *sql)
{
    int r = db_run_script(db, sql);

    if (r == 0)
        r = db_run_script(db, "set constraints all immediate");
    cr_assert(r == DB_CHECK_VIOLATION || r == DB_FORBIDDEN || r == DB_FOREIGN_KEY_VIOLATION ||
                  r == DB_UNIQUE_VIOLATION,
              "%s: %d %s %s", why, r, db_sqlstate(db), db_constraint(db));
}

static char *owner_of(const struct scene *scene)
{
    return test_database_value(
        path_of("select owner_id from catalogue.record where id = '%s'", scene->programme));
}

static char *subject_of(const char *person)
{
    return test_database_value(
        path_of("select subject from mentoring.participant where id = '%s'", person));
}

/* What a handler that has lost its head might write, on an active pair; %s is the pair. */
static const struct {
    const char *why, *role, *sql;
} WRITES[] = {
    {"a pair that begins in the middle", "coordinator",
     "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, respond_by, state, "
     "mentor_accepted_at, mentee_accepted_at, accepted_at, started_at) select gen_random_uuid(), "
     "programme_id, mentor_id, mentee_id, now(), 'active', now(), now(), now(), now() "
     "from mentoring.pair where id = '%s'"},
    {"a second pair of the mentee", "coordinator",
     "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, respond_by) select "
     "gen_random_uuid(), programme_id, mentor_id, mentee_id, now() from mentoring.pair "
     "where id = '%s'"},
    {"a pair of one", "coordinator",
     "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, respond_by) select "
     "gen_random_uuid(), programme_id, mentor_id, mentor_id, now() from mentoring.pair "
     "where id = '%s'"},
    {"a pair of nobody", "coordinator",
     "insert into mentoring.pair (id, programme_id, mentee_id, mentor_subject, respond_by) select "
     "gen_random_uuid(), programme_id, mentee_id, mentor_subject, now() from mentoring.pair "
     "where id = '%s'"},
    {"a proposal by a side", "participant",
     "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, respond_by) select "
     "gen_random_uuid(), programme_id, mentor_id, mentee_id, now() from mentoring.pair "
     "where id = '%s'"},
    {"back to the beginning", "coordinator",
     "update mentoring.pair set state = 'proposed', version = version + 1 where id = '%s'"},
    {"a move without its row in the history", "coordinator",
     "update mentoring.pair set state = 'paused', paused_at = now(), reason = 'other', version = "
     "version + 1 where id = '%s'"},
    {"a reason that there is not", "coordinator",
     "update mentoring.pair set state = 'paused', paused_at = now(), reason = 'because', version = "
     "version + 1 where id = '%s'"},
    {"the service's reason", "coordinator",
     "update mentoring.pair set state = 'ended_early', ended_at = now(), reason = "
     "'consent_withdrawn', version = version + 1 where id = '%s'"},
    {"no end without its time", "coordinator",
     "update mentoring.pair set state = 'completed', reason = 'time_is_up', version = version + 1 "
     "where id = '%s'"},
    {"completed by a side", "participant",
     "update mentoring.pair set state = 'completed', ended_at = now(), reason = 'time_is_up', "
     "version = version + 1 where id = '%s'"},
    {"another partner", "coordinator",
     "update mentoring.pair set mentor_id = (select id from mentoring.participant where kind = "
     "'mentor' and id <> mentor_id limit 1), version = version + 1 where id = '%s'"},
    {"nobody instead of somebody", "coordinator",
     "update mentoring.pair set mentor_id = null where id = '%s'"},
    {"a version left out", "coordinator",
     "update mentoring.pair set state = 'paused', paused_at = now(), reason = 'other', version = "
     "version + 2 where id = '%s'"},
    {"more time to answer", "coordinator",
     "update mentoring.pair set respond_by = now() + interval '1 year', version = version + 1 "
     "where id = '%s'"},
    {"a row of history for nothing", "participant",
     "insert into mentoring.pair_move (pair_id, version, move, to_state, actor, at) select id, "
     "version + 1, 'end', 'ended_early', 'mentor', now() from mentoring.pair where id = '%s'"},
    {"history that somebody else made", "participant",
     "update mentoring.pair set state = 'paused', paused_at = now(), reason = 'other', version = "
     "version + 1 where id = '%s'; insert into mentoring.pair_move (pair_id, version, move, "
     "from_state, to_state, actor, reason, at) select id, version, 'pause', 'active', 'paused', "
     "'mentee', 'other', now() from mentoring.pair where state = 'paused'"},
    {"history rewritten", "coordinator",
     "update mentoring.pair_move set reason = null where pair_id = '%s'"},
    {"a pair deleted", "coordinator", "delete from mentoring.pair where id = '%s'"},
    {"a meeting told of before it began", "coordinator",
     "insert into mentoring.meeting (id, pair_id, state, starts_at) values (gen_random_uuid(), "
     "'%s', 'held', now() + interval '1 day')"},
    {"a meeting of long before", "coordinator",
     "insert into mentoring.meeting (id, pair_id, state, starts_at) values (gen_random_uuid(), "
     "'%s', 'held', now() - interval '8 days')"},
    {"a meeting that the end has cancelled, and has not", "participant",
     "insert into mentoring.meeting (id, pair_id, starts_at) values (gen_random_uuid(), '%s', "
     "now() + interval '1 day'); update mentoring.meeting set state = 'cancelled', "
     "reason = 'pair_ended', version = version + 1"},
    {"feedback of the other side", "participant",
     "insert into mentoring.feedback (pair_id, side, moment, satisfaction) values ('%s', 'mentee', "
     "'middle', 5)"},
    {"feedback by a coordinator", "coordinator",
     "insert into mentoring.feedback (pair_id, side, moment, satisfaction) values ('%s', 'mentee', "
     "'middle', 5)"},
    {"an outcome before the end", "coordinator",
     "insert into mentoring.outcome (pair_id, moment, code) values ('%s', 'end', 'job')"},
    {"consent that was withdrawn, taken back", "participant",
     "update mentoring.consent set withdrawn_at = now() where purpose = 'statistics'; "
     "update mentoring.consent set withdrawn_at = null where purpose = 'statistics' "
     "and '%s' is not null"},
    {"consent to other words than there were", "coordinator",
     "update mentoring.consent set version = '0' where participant_id = (select mentor_id from "
     "mentoring.pair where id = '%s')"},
    {"consent that begins earlier", "coordinator",
     "update mentoring.consent set given_at = '2001-01-01', withdrawn_at = now() where "
     "participant_id = (select mentor_id from mentoring.pair where id = '%s')"},
    {"consent that is over as it begins", "coordinator",
     "insert into mentoring.consent (participant_id, purpose, version, given_at, withdrawn_at) "
     "select mentor_id, 'statistics', '0', '2001-01-01', '2001-01-02' from mentoring.pair "
     "where id = '%s'"},
    {"words of one's own among the skills", "participant",
     "update mentoring.participant set skills = array['Speaks well of everybody'], version = "
     "version + 1 where id = (select mentor_id from mentoring.pair where id = '%s')"},
    {"a story as a sector", "participant",
     "update mentoring.participant set sectors = array[repeat('a', 61)], version = version + 1 "
     "where id = (select mentor_id from mentoring.pair where id = '%s')"},
    {"a name among the goals", "participant",
     "update mentoring.participant set goals = array['Fatima'], version = version + 1 "
     "where id = (select mentor_id from mentoring.pair where id = '%s')"},
    {"an address of somewhere else", "participant",
     "update mentoring.participant set skills = array['https://example.org/me'], version = "
     "version + 1 where id = (select mentor_id from mentoring.pair where id = '%s')"},
    {"an intake that there is not", "coordinator",
     "update mentoring.participant set intake = 'a note', version = version + 1 "
     "where id = (select mentor_id from mentoring.pair where id = '%s')"},
    {"somebody who has left without a word", "participant",
     "update mentoring.participant set withdrawn_at = '2001-01-01', version = version + 1 "
     "where id = (select mentor_id from mentoring.pair where id = '%s')"},
    {"an outcome by a side", "participant",
     "insert into mentoring.outcome (pair_id, moment, code) values ('%s', 'end', 'job')"},
};

/* Whatever is written, consent begins and ends by the clock. */
static void expect_no_other_time(const char *mentor)
{
    act_as("participant", "", mentor);
    cr_expect_str_eq(
        sql_value(db, "update mentoring.consent set withdrawn_at = '2999-01-01' where purpose = "
                      "'statistics' returning withdrawn_at between now() and clock_timestamp()"),
        "t");
    cr_expect_str_eq(
        sql_value(db,
                  "insert into mentoring.consent (participant_id, purpose, version, given_at) "
                  "select id, 'statistics', '2', '2001-01-01' from mentoring.participant "
                  "where subject = '%s' "
                  "returning given_at between now() and clock_timestamp()",
                  mentor),
        "t");
    db_rollback(db);
}

/* Checks Z16, Z17, V22. */
Test(pair_privacy, the_database_itself_keeps_the_rules)
{
    struct scene scene;
    char *organisation, *mentor;

    scene_begin(&scene, NULL);
    scene_lead_to(&scene, PAIR_ACTIVE);
    organisation = owner_of(&scene);
    mentor = subject_of(scene.mentor.id);
    pool = sql_pool("express_writer", NULL);
    cr_assert_eq(db_lease(pool, &db), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(WRITES); i++) {
        const bool is_coordinator = strcmp(WRITES[i].role, "coordinator") == 0;
        struct text sql;

        text_init(&sql, TEXT_BYTES);
        for (const char *at = WRITES[i].sql; *at != '\0'; at++) {
            if (strncmp(at, "%s", 2) == 0)
                text_append(&sql, scene.pair), at++;
            else
                text_append_char(&sql, *at);
        }
        act_as(WRITES[i].role, is_coordinator ? organisation : "", is_coordinator ? "" : mentor);
        expect_refused(WRITES[i].why, sql.bytes);
        db_rollback(db);
        text_deinit(&sql);
    }
    expect_no_other_time(mentor);
    db_release(db);
    db_pool_free(pool);
    free(organisation);
    free(mentor);
    scene_end(&scene);
}

/* What counts or looks behind a lock, in a transaction that sees what was before it waited: %s is
 * the pair. */
static const char *const COUNTING[] = {
    "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, respond_by) select "
    "gen_random_uuid(), programme_id, mentor_id, mentee_id, now() + interval '9 days' from "
    "mentoring.pair where id = '%s'",
    "insert into mentoring.meeting (id, pair_id, starts_at) values (gen_random_uuid(), '%s', "
    "now() + interval '1 day')",
    "insert into mentoring.outcome (pair_id, moment, code) values ('%s', 'end', 'job')",
    "update mentoring.consent set withdrawn_at = now() where purpose = 'matching' and "
    "participant_id = (select mentee_id from mentoring.pair where id = '%s')",
    "insert into mentoring.participant (id, kind, programme_id, subject, formats, availability, "
    "intake) select gen_random_uuid(), 'mentee', programme_id, 'somebody of a test', '{remote}', "
    "1, 'spring' from mentoring.pair where id = '%s'",
};

/* Checks C3. */
Test(pair_privacy, the_database_counts_what_is_there_now_whatever_a_transaction_sees)
{
    struct scene scene;
    char *organisation;

    scene_begin(&scene, "{\"intakes\":[{\"name\":\"spring\",\"opens_on\":\"2026-01-01\","
                        "\"closes_on\":\"2099-01-01\"}]}");
    scene_lead_to(&scene, PAIR_ACTIVE);
    organisation = owner_of(&scene);
    pool = sql_pool("express_writer", NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(COUNTING); i++) {
        struct text sql;

        text_init(&sql, TEXT_BYTES);
        text_append_format(&sql,
                           "begin isolation level repeatable read; "
                           "select set_config('express.role', 'coordinator', true), "
                           "set_config('express.organisation', '%s', true); ",
                           organisation);
        for (const char *at = COUNTING[i]; *at != '\0'; at++) {
            if (strncmp(at, "%s", 2) == 0)
                text_append(&sql, scene.pair), at++;
            else
                text_append_char(&sql, *at);
        }
        cr_assert_eq(db_lease(pool, &db), 0);
        cr_assert_neq(db_run_script(db, sql.bytes), 0, "%s", COUNTING[i]);
        cr_assert_str_eq(db_sqlstate(db), "25000", "%s", COUNTING[i]);
        db_release(db);
        text_deinit(&sql);
    }
    db_pool_free(pool);
    free(organisation);
    scene_end(&scene);
}

/* Checks Z14, Z16, Z22. */
Test(pair_privacy, whatever_a_statement_asks_others_see_and_change_nothing)
{
    static const char *const TABLES[] = {"pair", "pair_move", "meeting",
                                         "goal", "feedback",  "outcome"};
    struct scene scene, other;
    char *elsewhere, *subject, *organisation;

    scene_begin(&scene, NULL);
    scene_begin(&other, NULL);
    scene_lead_to(&scene, PAIR_ACTIVE);
    CLEANUP(response_freep)
    struct response *meeting = scene_plan(scene.mentor.token, &scene,
                                          path_of("{\"starts_at\":\"%s\"}", scene_in_hours(24)));
    CLEANUP(response_freep)
    struct response *said = scene_say(scene.mentor.token, &scene, "middle", "{\"satisfaction\":1}");
    expect_status(meeting, 201, "a meeting");
    expect_status(said, 200, "feedback");
    elsewhere = test_database_value("select id from catalogue.record where resource = "
                                    "'organisations' and slug = '" OTHER_ORGANISATION "'");
    subject = subject_of(other.mentor.id);
    organisation = owner_of(&scene);
    pool = sql_pool("express_writer", NULL);
    cr_assert_eq(db_lease(pool, &db), 0);
    {
        const char *const callers[][3] = {
            {"coordinator", elsewhere, ""}, {"participant", "", subject},
            {"partner", organisation, ""},  {"editor", "", ""},
            {"admin", organisation, ""},    {"anonymous", "", ""},
        };

        for (size_t i = 0; i < ARRAY_LENGTH(callers); i++) {
            act_as(callers[i][0], callers[i][1], callers[i][2]);
            for (size_t j = 0; j < ARRAY_LENGTH(TABLES); j++)
                cr_assert_str_eq(sql_value(db, "select count(*) from mentoring.%s where %s = '%s'",
                                           TABLES[j], j == 0 ? "id" : "pair_id", scene.pair),
                                 "0", "%s as %s", TABLES[j], callers[i][0]);
            cr_assert_str_eq(
                sql_value(db,
                          "with changed as (update mentoring.pair set version = version "
                          "+ 1 where id = '%s' returning 1) select count(*) from changed",
                          scene.pair),
                "0", "%s", callers[i][0]);
            db_rollback(db);
        }
        /* The other side of the pair, on what is not its own. */
        free(subject);
        subject = subject_of(scene.mentee.id);
        act_as("participant", "", subject);
        cr_assert_str_eq(sql_value(db, "select count(*) from mentoring.feedback"), "0");
        cr_assert_str_eq(sql_value(db, "select count(*) from mentoring.pair"), "1");
        db_rollback(db);
    }
    db_release(db);
    db_pool_free(pool);
    free(elsewhere);
    free(subject);
    free(organisation);
    scene_end(&scene);
    scene_end(&other);
}
