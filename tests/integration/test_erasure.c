/*
 * What becomes of people: erased on somebody's word or by age, and again after a backup; and what
 * is known of them until then. The pairs here are written by SQL, so that nothing but the database
 * is between them and what is to be proved.
 */
#include "base/annotate.h"
#include "base/clock.h"
#include "base/text.h"
#include "support/database.h"
#include "support/holds.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/mentoring.h"
#include "support/program.h"
#include "support/server.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(erasure, .fini = test_ends_without_leaks, .timeout = 300);

#define RESTORED_MS 20000
#define CANARY "canary-5d17"
#define CONTACT "{\"channel\":\"email\",\"address\":\"" CANARY "@example.org\"}"
#define UNKNOWN_ID "9d2f3c70-5f2e-4b7a-8f0e-2f4b1c0e0000"
#define SQL_BYTES (16 * 1024)

static const char *address_of(const struct test_person *person, const char *behind)
{
    return path_of("/v1/%s/%s%s", person->path, person->id, behind);
}

static PRINTF_LIKE(1, 2) char *value_of(const char *format, ...)
{
    struct text sql;
    va_list arguments;
    char buffer[SQL_BYTES];
    char *value;

    va_start(arguments, format);
    text_init(&sql, SQL_BYTES);
    cr_assert_lt(vsnprintf(buffer, sizeof(buffer), format, arguments), (int)sizeof(buffer));
    va_end(arguments);
    value = test_database_value(buffer);
    text_deinit(&sql);
    return value == NULL ? strdup("") : value;
}

#define expect_value(expected, ...)                                                                \
    do {                                                                                           \
        char *value_ = value_of(__VA_ARGS__);                                                      \
        cr_expect_str_eq(value_, expected, "%s instead of %s", value_, expected);                  \
        free(value_);                                                                              \
    } while (0)

/* Tables in which some row has @text, in their order; owned. */
static char *tables_with(const char *text)
{
    return value_of(
        "select coalesce(string_agg(t.table_name, ' ' order by t.table_name), '') "
        "from information_schema.tables t where t.table_type = 'BASE TABLE' and t.table_schema in "
        "('mentoring', 'identity', 'audit', 'catalogue', 'published') and query_to_xml(format("
        "'select 1 from %%I.%%I x where x::text like %%L limit 1', t.table_schema, t.table_name, "
        "'%%%s%%'), false, true, '')::text like '%%<row%%'",
        text);
}

static void expect_tables(const char *text, const char *expected, const char *why)
{
    char *tables = tables_with(text);

    cr_expect_str_eq(tables, expected, "%s: %s is in '%s'", why, text, tables);
    free(tables);
}

/* --- a programme with a pair that is over, and one that is not
 * ------------------------------------
 */

struct stage {
    char *programme;
    struct test_person mentor, mentee;
    char *mentor_subject, *mentee_subject; /* pseudonyms */
    char *mentor_name, *mentee_name;       /* in the log */
};

/* A move, as the coordinator makes it. */
#define MOVE(version, change, move, before, after, side, reason)                                   \
    "update mentoring.pair set version = " #version ", " change " where id = pair_id; "            \
    "insert into mentoring.pair_move (pair_id, version, move, from_state, to_state, actor, side, " \
    "reason, at) values (pair_id, " #version ", '" move "', '" before "', '" after                 \
    "', 'coordinator', " side ", " reason ", now()); "
#define NOW "date_trunc('milliseconds', now())"

static void make_pair(const struct stage *stage, bool is_over)
{
    char sql[SQL_BYTES];

    cr_assert_lt(
        snprintf(
            sql, sizeof(sql),
            "do $$ declare pair_id uuid := gen_random_uuid(); begin "
            "perform set_config('express.role', 'coordinator', true); "
            "insert into mentoring.pair (id, programme_id, mentor_id, mentee_id, score, "
            "respond_by) values (pair_id, '%s', '%s', '%s', 777, now() + interval '9 days'); "
            "insert into mentoring.pair_move (pair_id, version, move, to_state, actor, at) "
            "values (pair_id, 1, 'propose', 'proposed', 'coordinator', now()); " MOVE(
                2, "mentor_accepted_at = " NOW, "accept", "proposed", "proposed", "'mentor'",
                "null") MOVE(3,
                             "state = 'accepted', accepted_at = " NOW ", mentee_accepted_at = " NOW,
                             "accept", "proposed", "accepted", "'mentee'", "null")
                MOVE(4, "state = 'active', started_at = " NOW, "start", "accepted", "active",
                     "null",
                     "null") "insert into mentoring.meeting (id, pair_id, state, starts_at, "
                             "answer_by, format) values (gen_random_uuid(), pair_id, 'held', "
                             "now() - interval '1 day', now(), 'in_person'), (gen_random_uuid(), "
                             "pair_id, 'planned', now() + interval '9 days', now(), 'remote'); "
                             "insert into mentoring.meeting (id, pair_id, state, starts_at, "
                             "answer_by, reason) values (gen_random_uuid(), pair_id, 'missed', "
                             "now() - interval '2 days', now(), 'mentor_prevented'); "
                             "insert into mentoring.goal (id, pair_id, term) values "
                             "(gen_random_uuid(), pair_id, 'find_job'); "
                             "insert into mentoring.feedback (pair_id, side, moment, satisfaction) "
                             "values (pair_id, 'mentor', 'middle', 4), "
                             "(pair_id, 'mentee', 'middle', 5); "
                             "%s end $$",
            stage->programme, stage->mentor.id, stage->mentee.id,
            is_over ? MOVE(5, "state = 'completed', reason = 'goals_reached', ended_at = " NOW,
                           "complete", "active", "completed", "null",
                           "'goals_reached'") "insert into mentoring.outcome (pair_id, moment, "
                                              "code) values (pair_id, 'end', 'job'); "
                    : MOVE(5, "state = 'paused', reason = 'illness', paused_at = " NOW, "pause",
                           "active", "paused", "'mentor'", "'illness'")),
        (int)sizeof(sql));
    test_database_run(sql);
}

static void set_contact(const struct test_person *person)
{
    CLEANUP(response_freep)
    struct response *response =
        write_text(person->token, "PUT", address_of(person, "/contact"), NULL, NULL, CONTACT);

    expect_status(response, 200, "how to reach somebody");
}

static void stage_set(struct stage *stage)
{
    const struct test_person *const people[] = {&stage->mentor, &stage->mentee};
    char **const subjects[] = {&stage->mentor_subject, &stage->mentee_subject};
    char **const names[] = {&stage->mentor_name, &stage->mentee_name};

    stage->programme = mentoring_programme(NULL);
    mentoring_person("mentors", stage->programme, NULL, &stage->mentor);
    mentoring_person("mentees", stage->programme, NULL, &stage->mentee);
    for (size_t i = 0; i < ARRAY_LENGTH(people); i++) {
        set_contact(people[i]);
        *subjects[i] =
            value_of("select subject from mentoring.participant where id = '%s'", people[i]->id);
        *names[i] =
            value_of("select audit_id from mentoring.participant where id = '%s'", people[i]->id);
    }
    make_pair(stage, true);
    make_pair(stage, false);
}

static void stage_strike(struct stage *stage)
{
    free(stage->programme);
    free(stage->mentor_subject);
    free(stage->mentee_subject);
    free(stage->mentor_name);
    free(stage->mentee_name);
}

static struct response *erase(const char *token, const struct test_person *person)
{
    return write_as(token, "POST", address_of(person, "/erase"), NULL, NULL, NULL);
}

/* --- erasing ------------------------------------------------------------------------------------
 */

/* Checks P1, P5, P6. */
Test(erasure, a_person_is_gone_from_every_table_and_the_log_leads_to_nobody)
{
    struct program_result verified;
    struct stage stage;
    CLEANUP(response_freep) struct response *keyed = NULL, *own = NULL, *done = NULL;
    static const char *const VERIFY[] = {"audit", "verify", NULL};

    stage_set(&stage);
    keyed = write_text(stage.mentee.token, "POST", address_of(&stage.mentee, "/consents"), NULL,
                       "a-key-of-the-mentee", "{\"purpose\":\"contact\",\"version\":\"2\"}");
    own = read_as(stage.mentee.token, address_of(&stage.mentee, ""));
    expect_status(keyed, 201, "a request with a key");
    expect_status(own, 200, "the mentee reads what is known of it");
    expect_tables(CANARY, "contact", "before");
    expect_tables(stage.mentee.subject, "", "what somebody signs in with is kept nowhere");
    expect_tables(stage.mentee_subject, "idempotency_key pair participant", "before");
    done = erase(mentoring_coordinator(), &stage.mentee);
    expect_status(done, 200, "the coordinator erases the mentee");
    expect_tables(stage.mentee.id, "erasure", "the ledger alone knows the id");
    expect_tables(stage.mentee_subject, "", "nobody knows the pseudonym");
    expect_tables(stage.mentee_name, "entry", "the log alone knows its name");
    expect_value("1",
                 "select count(*) from mentoring.contact where address like '" CANARY "%%' "
                 "and participant_id = '%s'",
                 stage.mentor.id);
    expect_value(
        "mentee.create, mentee.contact.set, mentee.consent.give, mentee.read, mentee.erase",
        "select string_agg(action, ', ' order by at) from audit.entry "
        "where record_id = '%s'",
        stage.mentee_name);
    cr_assert(test_server_command(VERIFY, &verified));
    cr_expect_eq(verified.exit_code, 0, "%s%s", verified.out, verified.error);
    program_result_deinit(&verified);
    cr_expect_eq(test_server_log_lines(CANARY), 0);
    cr_expect_eq(test_server_log_lines(stage.mentee.subject), 0);
    stage_strike(&stage);
}

/* Checks C7, P5. */
Test(erasure, what_is_said_while_somebody_is_erased_goes_with_them)
{
    struct stage stage;
    struct hold hold;
    struct http_pending *pending;
    CLEANUP(response_freep) struct response *done = NULL;
    int backend;

    stage_set(&stage);
    hold_open(&hold, "diomcoop");
    backend = hold_begin(
        &hold, path_of("with pair as (select id from mentoring.pair where mentee_id = '%s' and "
                       "state = 'completed' for share) insert into mentoring.feedback (pair_id, "
                       "side, moment, satisfaction) select id, 'mentee', 'end', 1 from pair",
                       stage.mentee.id));
    pending = http_begin_as(mentoring_coordinator(), "POST", address_of(&stage.mentee, "/erase"),
                            NULL, NULL);
    hold_wait_blocked(&hold, backend, pending);
    hold_end(&hold);
    done = http_end(pending);
    while (done->status == 503) { /* on a busy machine it waited for too long */
        response_free(done);
        done = erase(mentoring_coordinator(), &stage.mentee);
    }
    expect_status(done, 200, "erased");
    expect_value("2",
                 "select count(*) from mentoring.feedback f join mentoring.pair p on p.id = "
                 "f.pair_id where p.programme_id = '%s' and f.side = 'mentor'",
                 stage.programme);
    expect_value("0",
                 "select count(*) from mentoring.feedback f join mentoring.pair p on p.id = "
                 "f.pair_id where p.programme_id = '%s' and f.side = 'mentee'",
                 stage.programme);
    hold_close(&hold);
    stage_strike(&stage);
}

/* Checks P5. */
Test(erasure, who_asked_hears_gone_all_others_nothing_and_a_receipt_can_be_checked)
{
    struct stage stage;
    CLEANUP(response_freep)
    struct response *done = NULL, *again = NULL, *gone = NULL, *contact = NULL, *other = NULL,
                    *self = NULL, *receipt = NULL, *unknown = NULL, *no_id = NULL, *later = NULL;

    stage_set(&stage);
    done = erase(mentoring_coordinator(), &stage.mentee);
    again = erase(mentoring_coordinator(), &stage.mentee);
    gone = read_as(mentoring_coordinator(), address_of(&stage.mentee, ""));
    contact = read_as(mentoring_coordinator(), address_of(&stage.mentee, "/contact"));
    other = read_as(mentoring_other_coordinator(), address_of(&stage.mentee, ""));
    self = read_as(stage.mentee.token, address_of(&stage.mentee, ""));
    receipt = http_get(path_of("/v1/erasures/%s", response_text_at(done, "/receipt")));
    unknown = http_get("/v1/erasures/" UNKNOWN_ID);
    no_id = http_get(path_of("/v1/erasures/%s", stage.mentee.id));
    expect_status(done, 200, "erased");
    expect_status(again, 200, "once more");
    cr_expect_str_eq(done->body, again->body);
    expect_problem(gone, 410, "gone", "who has asked");
    cr_expect_str_eq(response_text_at(gone, "/deleted_at"), response_text_at(done, "/erased_at"));
    expect_problem(contact, 410, "gone", "what belonged to it, too");
    expect_problem(other, 404, "not-found", "another coordinator");
    expect_problem(self, 404, "not-found", "the person, who has not asked");
    expect_status(receipt, 200, "whoever has the receipt");
    cr_expect_str_eq(response_text_at(receipt, "/kind"), "mentee");
    cr_expect_str_eq(response_text_at(receipt, "/cause"), "request");
    cr_expect_str_eq(response_header(receipt, "Cache-Control"), "no-store");
    cr_expect_null(strstr(receipt->body, stage.mentee.id));
    expect_problem(unknown, 404, "not-found", "no receipt");
    expect_problem(no_id, 404, "not-found", "the id of a person is no receipt");
    test_database_run(path_of("update mentoring.erasure set erased_at = erased_at - interval "
                              "'25 hours' where participant_id = '%s'",
                              stage.mentee.id));
    later = read_as(mentoring_coordinator(), address_of(&stage.mentee, ""));
    expect_problem(later, 404, "not-found", "who has asked, after a day");
    stage_strike(&stage);
}

/* Checks Z2, Z7. */
Test(erasure, the_person_its_coordinator_and_administrators_erase_and_nobody_else)
{
    struct stage stage;
    const char *const forbidden[] = {writer_partner(), writer_editor()};
    CLEANUP(response_freep)
    struct response *nobody = NULL, *other = NULL, *partner = NULL, *rehearsal = NULL, *own = NULL,
                    *admin = NULL, *read = NULL;

    stage_set(&stage);
    for (size_t i = 0; i < ARRAY_LENGTH(forbidden); i++) {
        CLEANUP(response_freep) struct response *response = erase(forbidden[i], &stage.mentor);

        expect_problem(response, 403, "forbidden", "a role that has nothing to do with people");
    }
    nobody = erase(NULL, &stage.mentor);
    other = erase(mentoring_other_coordinator(), &stage.mentor);
    partner = erase(stage.mentee.token, &stage.mentor);
    rehearsal = write_as(stage.mentor.token, "POST",
                         address_of(&stage.mentor, "/erase?dry_run=true"), NULL, NULL, NULL);
    own = erase(stage.mentor.token, &stage.mentor);
    read = read_as(stage.mentor.token, address_of(&stage.mentor, ""));
    admin = erase(writer_admin(), &stage.mentee);
    expect_status(nobody, 401, "nobody");
    expect_problem(other, 404, "not-found", "another coordinator");
    expect_problem(partner, 404, "not-found", "the other one of the pair");
    expect_status(rehearsal, 200, "a rehearsal");
    expect_status(own, 200, "the person, who was still there after the rehearsal");
    expect_problem(read, 410, "gone", "the person has asked");
    expect_status(admin, 200, "an administrator");
    expect_value("0", "select count(*) from mentoring.participant where programme_id = '%s'",
                 stage.programme);
    stage_strike(&stage);
}

/* All that is left of the pairs of a programme is told by months, and how well the two fitted is
 * not. */
static void expect_months(const struct stage *stage)
{
    expect_value("",
                 "select string_agg(distinct t.part || '.' || v.key, ', ') from ("
                 "select 'pair' as part, p.id as pair, to_jsonb(p) as row from mentoring.pair p "
                 "union all select 'move', pair_id, to_jsonb(m) from mentoring.pair_move m "
                 "union all select 'meeting', pair_id, to_jsonb(m) from mentoring.meeting m "
                 "union all select 'goal', pair_id, to_jsonb(g) from mentoring.goal g "
                 "union all select 'feedback', pair_id, to_jsonb(f) from mentoring.feedback f "
                 "union all select 'outcome', pair_id, to_jsonb(o) from mentoring.outcome o) t "
                 "join mentoring.pair p on p.id = t.pair, jsonb_each_text(t.row) v "
                 "where p.programme_id = '%s' and v.value is not null "
                 "and case when v.key ~ '_at$|^at$|_by$|_since$' then v.value::timestamptz "
                 "<> date_trunc('month', v.value::timestamptz, 'UTC') else v.key = 'score' end",
                 stage->programme);
}

/* Checks P5. */
Test(erasure, a_mentor_leaves_what_tells_of_nobody_too)
{
    struct stage stage;
    CLEANUP(response_freep) struct response *done = NULL;

    stage_set(&stage);
    done = erase(stage.mentor.token, &stage.mentor);
    expect_status(done, 200, "the mentor");
    expect_months(&stage);
    expect_value("find_job, find_job",
                 "select string_agg(g.term, ', ') from mentoring.goal g join mentoring.pair p "
                 "on p.id = g.pair_id where p.programme_id = '%s'",
                 stage.programme);
    stage_strike(&stage);
}

/* Checks P5. */
Test(erasure, pairs_keep_what_tells_of_nobody)
{
    struct stage stage;
    CLEANUP(response_freep) struct response *mentee = NULL, *mentor = NULL;

    stage_set(&stage);
    mentee = erase(stage.mentee.token, &stage.mentee);
    expect_status(mentee, 200, "the mentee");
    expect_value("completed goals_reached, ended_early consent_withdrawn",
                 "select string_agg(state || ' ' || reason, ', ' order by state) "
                 "from mentoring.pair where mentee_id is null and mentee_subject is null "
                 "and mentor_id = '%s'",
                 stage.mentor.id);
    expect_value("0",
                 "select count(*) from mentoring.pair p, jsonb_each_text(to_jsonb(p)) t "
                 "where t.key like '%%\\_at' and t.value is not null "
                 "and t.value::timestamptz <> date_trunc('month', t.value::timestamptz, 'UTC') "
                 "and p.mentor_id = '%s'",
                 stage.mentor.id);
    expect_value("cancelled, cancelled, held, held, missed, missed",
                 "select string_agg(m.state, ', ' order by m.state) from mentoring.meeting m "
                 "join mentoring.pair p on p.id = m.pair_id where p.mentor_id = '%s' "
                 "and m.starts_at = date_trunc('month', m.starts_at, 'UTC') and m.reason is null",
                 stage.mentor.id);
    expect_value("mentor, mentor",
                 "select string_agg(f.side, ', ') from mentoring.feedback f "
                 "join mentoring.pair p on p.id = f.pair_id where p.mentor_id = '%s'",
                 stage.mentor.id);
    expect_value("0",
                 "select count(*) from mentoring.goal g join mentoring.pair p "
                 "on p.id = g.pair_id where p.mentor_id = '%s'",
                 stage.mentor.id);
    expect_value("illness",
                 "select string_agg(m.reason, ', ') from mentoring.pair_move m "
                 "join mentoring.pair p on p.id = m.pair_id where m.side is not null "
                 "and p.mentor_id = '%s'",
                 stage.mentor.id);
    expect_value("job",
                 "select string_agg(o.code, ', ') from mentoring.outcome o "
                 "join mentoring.pair p on p.id = o.pair_id where p.mentor_id = '%s'",
                 stage.mentor.id);
    expect_months(&stage);
    mentor = erase(mentoring_coordinator(), &stage.mentor);
    expect_status(mentor, 200, "and then the mentor");
    expect_months(&stage);
    expect_value("",
                 "select string_agg(m.reason, ', ') from mentoring.pair_move m "
                 "join mentoring.pair p on p.id = m.pair_id where m.side is not null "
                 "and p.programme_id = '%s'",
                 stage.programme);
    expect_value("2",
                 "select count(*) from mentoring.pair where mentor_id is null "
                 "and mentee_id is null and programme_id = '%s'",
                 stage.programme);
    stage_strike(&stage);
}

Test(erasure, several_at_once_come_to_one_receipt)
{
    struct http_pending *pending[4];
    char receipt[40] = "";
    struct stage stage;

    stage_set(&stage);
    for (size_t i = 0; i < ARRAY_LENGTH(pending); i++)
        pending[i] = http_begin_as(mentoring_coordinator(), "POST",
                                   address_of(&stage.mentee, "/erase"), NULL, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(pending); i++) {
        CLEANUP(response_freep) struct response *done = http_end(pending[i]);

        expect_status(done, 200, "one of several");
        if (receipt[0] == '\0')
            (void)snprintf(receipt, sizeof(receipt), "%s", response_text_at(done, "/receipt"));
        cr_expect_str_eq(response_text_at(done, "/receipt"), receipt);
    }
    expect_value("1", "select count(*) from mentoring.erasure where participant_id = '%s'",
                 stage.mentee.id);
    stage_strike(&stage);
}

/* --- everything about a person ------------------------------------------------------------------
 */

/* Where the document has each column; "" and a reason: it is nothing about this person. */
static const struct {
    const char *column;
    const char *place;
} DATA_MAP[] = {
    {"participant.id", "person"},
    {"participant.kind", "person"},
    {"participant.programme_id", "person"},
    {"participant.subject", "person"},
    {"participant.audit_id", "person"},
    {"participant.status", "person"},
    {"participant.sectors", "person"},
    {"participant.skills", "person"},
    {"participant.goals", "person"},
    {"participant.formats", "person"},
    {"participant.availability", "person"},
    {"participant.area_country", "person"},
    {"participant.area_lat", "person"},
    {"participant.area_lon", "person"},
    {"participant.age_band", "person"},
    {"participant.capacity", "person"},
    {"participant.intake", "person"},
    {"participant.version", "person"},
    {"participant.created_at", "person"},
    {"participant.updated_at", "person"},
    {"participant.withdrawn_at", "person"},
    {"participant.active_at", "person"},
    {"participant_language.participant_id", ""}, /* person.id */
    {"participant_language.language", "person/languages/0"},
    {"participant_language.level", "person/languages/0"},
    {"contact.participant_id", ""}, /* person.id */
    {"contact.channel", "contact"},
    {"contact.address", "contact"},
    {"contact.updated_at", "contact"},
    {"consent.participant_id", ""}, /* person.id */
    {"consent.purpose", "consents/0"},
    {"consent.version", "consents/0"},
    {"consent.given_at", "consents/0"},
    {"consent.withdrawn_at", "consents/0"},
    {"consent.replaced", "consents/0"},
    {"transition.from_state", ""}, /* the same for everybody, as the five that follow */
    {"transition.move", ""},
    {"transition.to_state", ""},
    {"transition.actors", ""},
    {"transition.reasons", ""},
    {"transition.position", ""},
    {"pair.id", "pairs/0"},
    {"pair.programme_id", "pairs/0"},
    {"pair.cohort_id", "pairs/0"},
    {"pair.mentor_id", ""}, /* the other one's, as the two that follow */
    {"pair.mentor_subject", ""},
    {"pair.mentor_kind", ""},
    {"pair.mentee_id", "pairs/0"},
    {"pair.mentee_subject", "pairs/0"},
    {"pair.mentee_kind", "pairs/0"},
    {"pair.state", "pairs/0"},
    {"pair.version", "pairs/0"},
    {"pair.score", ""}, /* of both */
    {"pair.proposed_at", "pairs/0"},
    {"pair.respond_by", "pairs/0"},
    {"pair.mentor_accepted_at", "pairs/0"},
    {"pair.mentee_accepted_at", "pairs/0"},
    {"pair.accepted_at", "pairs/0"},
    {"pair.started_at", "pairs/0"},
    {"pair.due_at", "pairs/0"},
    {"pair.paused_at", "pairs/0"},
    {"pair.ended_at", "pairs/0"},
    {"pair.reason", "pairs/0"},
    {"pair.updated_at", "pairs/0"},
    {"pair_move.pair_id", ""}, /* the pair's id */
    {"pair_move.version", "pairs/0/moves/0"},
    {"pair_move.move", "pairs/0/moves/0"},
    {"pair_move.from_state", "pairs/0/moves/0"},
    {"pair_move.to_state", "pairs/0/moves/0"},
    {"pair_move.actor", "pairs/0/moves/0"},
    {"pair_move.side", "pairs/0/moves/0"},
    {"pair_move.reason", "pairs/0/moves/0"},
    {"pair_move.at", "pairs/0/moves/0"},
    {"meeting.pair_id", ""}, /* the pair's id */
    {"meeting.id", "pairs/0/meetings/0"},
    {"meeting.state", "pairs/0/meetings/0"},
    {"meeting.starts_at", "pairs/0/meetings/0"},
    {"meeting.duration_minutes", "pairs/0/meetings/0"},
    {"meeting.format", "pairs/0/meetings/0"},
    {"meeting.reason", "pairs/0/meetings/0"},
    {"meeting.answer_by", "pairs/0/meetings/0"},
    {"meeting.overdue_since", "pairs/0/meetings/0"},
    {"meeting.version", "pairs/0/meetings/0"},
    {"meeting.updated_at", "pairs/0/meetings/0"},
    {"goal.pair_id", ""}, /* the pair's id */
    {"goal.id", "pairs/0/goals/0"},
    {"goal.term", "pairs/0/goals/0"},
    {"goal.progress", "pairs/0/goals/0"},
    {"goal.state", "pairs/0/goals/0"},
    {"goal.version", "pairs/0/goals/0"},
    {"goal.created_at", "pairs/0/goals/0"},
    {"goal.updated_at", "pairs/0/goals/0"},
    {"feedback.pair_id", ""}, /* the pair's id */
    {"feedback.side", "pairs/0/feedback/0"},
    {"feedback.moment", "pairs/0/feedback/0"},
    {"feedback.satisfaction", "pairs/0/feedback/0"},
    {"feedback.usefulness", "pairs/0/feedback/0"},
    {"feedback.relationship", "pairs/0/feedback/0"},
    {"feedback.would_repeat", "pairs/0/feedback/0"},
    {"feedback.given_at", "pairs/0/feedback/0"},
    {"outcome.pair_id", ""}, /* the pair's id */
    {"outcome.moment", "pairs/0/outcomes/0"},
    {"outcome.code", "pairs/0/outcomes/0"},
    {"outcome.noted_at", "pairs/0/outcomes/0"},
    {"erasure.receipt", ""}, /* of who is here no more, as the five that follow */
    {"erasure.participant_id", ""},
    {"erasure.kind", ""},
    {"erasure.cause", ""},
    {"erasure.erased_at", ""},
    {"erasure.asked_by", ""},
};

/* Each once, a name a line. */
static void expect_classified(const char *columns)
{
    for (const char *at = columns; *at != '\0';) {
        const size_t length = strcspn(at, "\n");
        bool is_there = false;

        for (size_t i = 0; i < ARRAY_LENGTH(DATA_MAP) && !is_there; i++)
            is_there = strlen(DATA_MAP[i].column) == length &&
                       strncmp(DATA_MAP[i].column, at, length) == 0;
        cr_expect(is_there, "nobody says whether %.*s is about a person", (int)length, at);
        at += length;
        at += strspn(at, "\n");
    }
}

/* Why the mentor paused, and missed a meeting, is not the mentee's to know. */
static void expect_own_words_only(struct response *told, const struct stage *stage)
{
    static const char *const OTHERS[] = {"illness", "mentor_prevented", "score"};
    const json_t *entry;
    size_t entry_number;
    CLEANUP(response_freep)
    struct response *mentor =
        read_as(stage->mentor.token, address_of(&stage->mentor, "/subject-access"));

    for (size_t i = 0; i < ARRAY_LENGTH(OTHERS); i++)
        cr_expect_null(strstr(told->body, OTHERS[i]), "%s: %s", OTHERS[i], told->body);
    cr_expect_not_null(strstr(told->body, "goals_reached"), "why both were done: %s", told->body);
    expect_status(mentor, 200, "the mentor asks");
    json_array_foreach (response_at(mentor, "/log"), entry_number, entry)
        cr_expect(json_is_true(json_object_get(entry, "by_person")) ||
                      strcmp(json_string_value(json_object_get(entry, "role")), "participant") != 0,
                  "what the mentee did, and when: %s", mentor->body);
    cr_expect_not_null(strstr(mentor->body, "illness"), "what the mentor said: %s", mentor->body);
    cr_expect_not_null(strstr(mentor->body, "mentor_prevented"), "%s", mentor->body);
    cr_expect_null(strstr(mentor->body, "score"), "%s", mentor->body);
    cr_expect_null(strstr(mentor->body, "find_job"), "what the mentee wants: %s", mentor->body);
    cr_expect_null(strstr(mentor->body, "\"code\""), "what became of it: %s", mentor->body);
    cr_expect_null(strstr(mentor->body, stage->mentee.id), "%s", mentor->body);
    cr_expect_null(strstr(mentor->body, stage->mentee_name), "%s", mentor->body);
}

/* The entries about somebody, and what somebody did elsewhere: here, to look at the mentor and at
 * the pairs. */
static void expect_own_deeds(struct response *told)
{
    static const char *const DEEDS[] = {"mentee.contact.set", "mentor.read", "pair.list"};
    const json_t *entry;
    size_t i;

    for (size_t deed = 0; deed < ARRAY_LENGTH(DEEDS); deed++) {
        bool is_told = false;

        json_array_foreach (response_at(told, "/log"), i, entry)
            is_told = is_told || (strcmp(json_string_value(json_object_get(entry, "action")),
                                         DEEDS[deed]) == 0 &&
                                  json_is_true(json_object_get(entry, "by_person")));
        cr_expect(is_told, "%s: %s", DEEDS[deed], told->body);
    }
    json_array_foreach (response_at(told, "/log"), i, entry)
        cr_expect_str_neq(json_string_value(json_object_get(entry, "action")), "mentee.read",
                          "nobody has read the mentee yet");
}

/* Checks P11. */
Test(erasure, everything_about_a_person_is_told_to_the_person_and_nothing_of_others)
{
    struct stage stage;
    char *columns = value_of("select string_agg(table_name || '.' || column_name, e'\\n') from "
                             "information_schema.columns where table_schema = 'mentoring'");
    CLEANUP(response_freep)
    struct response *seen = NULL, *listed = NULL, *told = NULL, *other = NULL, *partner = NULL;

    expect_classified(columns);
    stage_set(&stage);
    seen = read_as(stage.mentee.token, address_of(&stage.mentor, ""));
    listed = read_as(stage.mentee.token, "/v1/mentoring-pairs");
    expect_status(seen, 200, "the mentee looks at the mentor");
    expect_status(listed, 200, "the mentee looks at the pairs");
    told = read_as(stage.mentee.token, address_of(&stage.mentee, "/subject-access"));
    other = read_as(mentoring_other_coordinator(), address_of(&stage.mentee, "/subject-access"));
    partner = read_as(stage.mentor.token, address_of(&stage.mentee, "/subject-access"));
    expect_status(told, 200, "the mentee asks");
    expect_problem(other, 404, "not-found", "another coordinator");
    expect_problem(partner, 403, "forbidden", "the other one of the pair, who sees the profile");
    for (size_t i = 0; i < ARRAY_LENGTH(DATA_MAP); i++)
        if (DATA_MAP[i].place[0] != '\0')
            cr_expect_not_null(response_at(told, path_of("/%s/%s", DATA_MAP[i].place,
                                                         strchr(DATA_MAP[i].column, '.') + 1)),
                               "%s is not at %s", DATA_MAP[i].column, DATA_MAP[i].place);
    cr_expect_eq(json_array_size(response_at(told, "/pairs")), 2);
    cr_expect_eq(json_array_size(response_at(told, "/pairs/0/feedback")), 1);
    cr_expect_str_eq(response_text_at(told, "/pairs/0/feedback/0/side"), "mentee");
    expect_own_words_only(told, &stage);
    expect_own_deeds(told);
    cr_expect_null(strstr(told->body, stage.mentor.id), "who the other one is");
    cr_expect_null(strstr(told->body, stage.mentor_subject));
    stage_strike(&stage);
    free(columns);
}

/* Checks P15. */
Test(erasure, there_is_no_place_for_nationality_religion_or_residence_status)
{
    expect_value(
        "", "select string_agg(table_schema || '.' || table_name || '.' || column_name, ' ') "
            "from information_schema.columns where table_schema in ('mentoring', 'identity', "
            "'audit') and column_name ~ "
            "'national|citizen|relig|faith|resid|permit|ethnic|asylum|birth|name$|note|comment'"
            " and column_name <> 'name' and column_name <> 'noted_at'");
}

/* --- age ----------------------------------------------------------------------------------------
 */

static void last_active(const struct test_person *person, int days)
{
    char sql[300];

    (void)snprintf(sql, sizeof(sql),
                   "update mentoring.participant set active_at = now() - interval '%d days' "
                   "where id = '%s'",
                   days, person->id);
    test_database_run(sql);
}

static void keep_house(const char *limit, const char *expected)
{
    const char *arguments[] = {"housekeeping", limit == NULL ? NULL : "--erase-max", limit, NULL};
    struct program_result result;

    cr_assert(test_server_command(arguments, &result));
    cr_expect_eq(result.exit_code, 0, "%s", result.error);
    cr_expect_not_null(strstr(result.out, expected), "%s, not %s", result.out, expected);
    program_result_deinit(&result);
}

static bool is_there(const struct test_person *person)
{
    char *count =
        value_of("select count(*) from mentoring.participant where id = '%s'", person->id);
    const bool result = strcmp(count, "1") == 0;

    free(count);
    return result;
}

/* A clock that is wrong, or a setting. In one test with the other: tests run at once. */
static void expect_held(const struct stage *stage)
{
    char sql[600];

    (void)snprintf(sql, sizeof(sql),
                   "insert into mentoring.participant (id, kind, programme_id, subject, formats, "
                   "availability, active_at) select gen_random_uuid(), 'mentee', '%s', "
                   "md5(n::text), '{remote}', 0, now() - interval '3000 days' "
                   "from generate_series(1, 45) n",
                   stage->programme);
    test_database_run(sql);
    keep_house(NULL, "held participants=");
    expect_value("45",
                 "select count(*) from mentoring.participant "
                 "where active_at < now() - interval '2500 days' and programme_id = '%s'",
                 stage->programme);
    keep_house("50", "participants=45");
    expect_value("0",
                 "select count(*) from mentoring.participant "
                 "where active_at < now() - interval '2500 days' and programme_id = '%s'",
                 stage->programme);
}

/* Checks P10. */
Test(erasure, people_are_kept_for_so_long_and_no_longer_and_nobody_goes_when_too_many_are_due)
{
    struct stage stage;
    struct test_person young, old, paired;
    char *cause;

    stage_set(&stage);
    paired = stage.mentee;
    mentoring_person("mentees", stage.programme, NULL, &young);
    mentoring_person("mentors", stage.programme, NULL, &old);
    last_active(&young, 729);
    last_active(&old, 731);
    last_active(&paired, 2000);
    keep_house(NULL, "participants=1");
    cr_expect(is_there(&young), "a day early");
    cr_expect_not(is_there(&old), "a day late");
    cr_expect(is_there(&paired), "a pair that is open");
    cause = value_of("select cause || asked_by::text from mentoring.erasure "
                     "where participant_id = '%s'",
                     old.id);
    cr_expect_str_eq(cause, "", "nobody has asked");
    free(cause);
    expect_value("retention", "select cause from mentoring.erasure where participant_id = '%s'",
                 old.id);
    expect_value("mentor.erase service", "select action || ' ' || role from audit.entry "
                                         "where action = 'mentor.erase' and role = 'service' "
                                         "order by at desc limit 1");
    expect_held(&stage);
    stage_strike(&stage);
}

/* --- after a backup -----------------------------------------------------------------------------
 */

static void shell(const char *format, const char *url, const char *file)
{
    char command[2000];
    int status;

    cr_assert_lt(snprintf(command, sizeof(command), "%s --dbname='%s' %s '%s'", format, url,
                          strstr(format, "pg_dump") != NULL ? "--file" : "", file),
                 (int)sizeof(command));
    status = system(command);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", command);
}

/* The database as it was, in place of the one that there is. */
static void restore(const struct test_server *server, const char *file)
{
    char *what = NULL, *maintenance = test_database_url("postgres");
    char sql[200];

    (void)snprintf(sql, sizeof(sql), "drop database %s with (force)", server->database);
    if (!test_database_execute(maintenance, sql, &what))
        cr_assert_fail("%s", what);
    (void)snprintf(sql, sizeof(sql), "create database %s", server->database);
    if (!test_database_execute(maintenance, sql, &what))
        cr_assert_fail("%s", what);
    free(maintenance);
    shell("pg_restore --exit-on-error --single-transaction", server->database_url, file);
}

/* Of somebody who was erased, from a server whose database is put back under it: whatever it
 * answers meanwhile, it shows nobody. */
static void wait_for(const struct test_person *person, int status, const char *code)
{
    const uint64_t since_ms = clock_monotonic_ms();
    bool is_there = false;

    while (!is_there) {
        CLEANUP(response_freep)
        struct response *read = read_as(mentoring_coordinator(), address_of(person, ""));

        cr_assert_neq(read->status, 200, "somebody is back: %.200s", read->body);
        is_there = read->status == status &&
                   strcmp(strrchr(response_text_at(read, "/type"), '/') + 1, code) == 0;
        cr_assert_lt(clock_monotonic_ms() - since_ms, RESTORED_MS, "%d %.200s", read->status,
                     read->body);
        (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
}

static void command(const char *word, const char *expected)
{
    struct program_result result;

    cr_assert(test_server_command((const char *const[]){"erasures", word, NULL}, &result));
    cr_expect_eq(result.exit_code, 0, "%s", result.error);
    cr_expect_not_null(strstr(result.out, expected), "%s, not %s", result.out, expected);
    program_result_deinit(&result);
}

static void expect_publications(const char *count)
{
    expect_value(count, "select count(*) from published.mentoring_statistics where year > 2001");
}

/* Keeping house on a backup: nobody is erased under another receipt, and nothing is published once
 * more; and where that happened all the same, by somebody without the ledger, replaying ends. */
static void keep_house_on_a_backup(const struct test_person *old)
{
    last_active(old, 731);
    keep_house(NULL, "held erasures=2 ");
    cr_expect(is_there(old), "who is to be erased again is not erased anew");
    expect_publications("0");
    test_database_run("set express.role = 'service'; "
                      "select mentoring.expire('730 days', 20, 50)");
    cr_expect_not(is_there(old), "erased under another receipt");
    command("replay", "replayed=2 people=1");
    command("replay", "statistics=");
    expect_value("2", "select count(*) from mentoring.erasure where participant_id = '%s'",
                 old->id);
    keep_house(NULL, "removed ");
    expect_publications("0");
}

static void write_ledger(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    cr_assert(fputs(content, file) >= 0);
    cr_assert_eq(fclose(file), 0);
}

/* The file that was lost is whole again after a round, with what is older than a day, too; and as
 * long as it cannot be read, nobody is erased by age. */
static void keep_house_with_the_ledger(const char *path, const struct test_person *old,
                                       const char *receipt)
{
    static const char *const HOUSEKEEPING[] = {"housekeeping", NULL};
    struct program_result result;
    char line[200] = "";
    bool is_told = false;
    FILE *file;

    test_database_run("update mentoring.erasure set erased_at = erased_at - interval '9 days'");
    cr_assert_eq(unlink(path), 0);
    keep_house(NULL, "removed ");
    file = fopen(path, "r");
    cr_assert_not_null(file, "it is made anew");
    while (fgets(line, sizeof(line), file) != NULL)
        is_told = is_told || strncmp(line, receipt, strlen(receipt)) == 0;
    (void)fclose(file); /* only read */
    cr_expect(is_told, "%s is missing", receipt);
    write_ledger(path, "who knows\n");
    last_active(old, 731);
    cr_assert(test_server_command(HOUSEKEEPING, &result));
    cr_expect_eq(result.exit_code, 1, "%s%s", result.out, result.error);
    program_result_deinit(&result);
    cr_expect(is_there(old), "nobody is erased in doubt");
    write_ledger(path, "");
    keep_house(NULL, "removed ");
    cr_expect_not(is_there(old), "the time is over");
}

/* Checks P3, P8, P10. */
Test(erasure, a_backup_brings_nobody_back)
{
    char setting[300], backup[300];
    const char *const changes[] = {"EXPRESS_RATE_LIMIT=0", setting, NULL};
    struct test_server server;
    struct test_person old, late;
    struct stage stage;
    char *what = NULL;
    CLEANUP(response_freep)
    struct response *done = NULL, *other = NULL, *read = NULL, *receipt = NULL;

    (void)snprintf(setting, sizeof(setting), "EXPRESS_ERASURE_LEDGER=/tmp/erasures-%ld",
                   (long)getpid());
    (void)snprintf(backup, sizeof(backup), "/tmp/erasures-%ld.dump", (long)getpid());
    if (!test_server_start(&server, changes, &what))
        cr_assert_fail("%s", what);
    test_server_use(&server);
    stage_set(&stage);
    mentoring_person("mentees", stage.programme, NULL, &old);
    test_database_run("alter table published.mentoring_statistics disable trigger keep; "
                      "delete from published.mentoring_statistics; "
                      "alter table published.mentoring_statistics enable trigger keep");
    shell("pg_dump --format=custom", server.database_url, backup);
    done = erase(mentoring_coordinator(), &stage.mentee);
    expect_status(done, 200, "erased after the backup");
    other = erase(mentoring_coordinator(), &old);
    expect_status(other, 200, "another one");
    keep_house(NULL, "removed ");
    expect_publications("1");
    restore(&server, backup);
    wait_for(&stage.mentee, 503, "erasures-missing");
    if (!test_server_end(&server, &what))
        cr_assert_fail("%s", what);
    cr_expect(is_there(&stage.mentee), "the backup brings the mentee back");
    cr_assert_not(test_server_restart(&server, changes, &what), "it serves who was erased");
    cr_expect_not_null(strstr(what, "express-api erasures replay"), "%s", what);
    free(what);
    command("replay", "replayed=2 people=2");
    command("list", response_text_at(done, "/receipt"));
    command("replay", "replayed=0 people=0");
    expect_tables(stage.mentee.id, "erasure", "gone again");
    expect_tables(stage.mentee_subject, "", "gone again");
    if (!test_server_restart(&server, changes, &what))
        cr_assert_fail("%s", what);
    test_server_use(&server);
    read = read_as(mentoring_coordinator(), address_of(&stage.mentee, ""));
    receipt = http_get(path_of("/v1/erasures/%s", response_text_at(done, "/receipt")));
    expect_problem(read, 404, "not-found", "it is not there");
    expect_status(receipt, 200, "the receipt holds");
    cr_expect_str_eq(response_text_at(receipt, "/erased_at"), response_text_at(done, "/erased_at"));
    restore(&server, backup);
    wait_for(&stage.mentee, 503, "erasures-missing");
    keep_house_on_a_backup(&old);
    wait_for(&stage.mentee, 404, "not-found");
    mentoring_person("mentees", stage.programme, NULL, &late);
    keep_house_with_the_ledger(strchr(setting, '=') + 1, &late, response_text_at(done, "/receipt"));
    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
    (void)unlink(backup);
    (void)unlink(strchr(setting, '=') + 1);
    stage_strike(&stage);
}
