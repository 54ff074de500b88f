/*
 * The second wall: what the database itself lets a caller see and change, whatever a handler
 * asks of it. Statements here are those of a handler that has forgotten to ask who is there.
 * Each runs in a transaction of its own that is rolled back, so tests run side by side.
 */
#include "auth/caller.h"
#include "base/annotate.h"
#include "db/db.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/records.h"
#include "support/sql.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    (void)tests; /* of no use here: the hook's type is Criterion's */
    test_server_before_all(NULL);
    sql_prepare("second_wall.sql");
}
SERVER_AFTER_TESTS()

TestSuite(second_wall, .init = records_ready, .fini = test_ends_without_leaks, .timeout = 120);

#define A "00000000-0000-4000-8000-00000000000a"
#define B "00000000-0000-4000-8000-00000000000b"
#define DRAFT_A "00000000-0000-4000-8000-0000000000a1"
#define REVIEW_A "00000000-0000-4000-8000-0000000000a2"
#define PUBLISHED_A "00000000-0000-4000-8000-0000000000a3"
#define ARCHIVED_A "00000000-0000-4000-8000-0000000000a4"
#define DELETED_A "00000000-0000-4000-8000-0000000000a5"
#define DRAFT_B "00000000-0000-4000-8000-0000000000b1"
#define PUBLISHED_B "00000000-0000-4000-8000-0000000000b3"
#define OPEN_PROPOSAL "00000000-0000-4000-8000-0000000000d1"
#define OLD_PROPOSAL "00000000-0000-4000-8000-0000000000d3"
#define CLIENT_A "00000000-0000-4000-8000-0000000000ca"

enum who { NOBODY, PARTICIPANT, PARTNER_A, COORDINATOR_A, PARTNER_B, EDITOR, ADMIN, SERVICE, WHO };

static const struct {
    const char *name;
    struct caller caller;
} CALLERS[WHO] = {
    [NOBODY] = {"nobody", {.role = CALLER_ANONYMOUS, .name = "anonymous"}},
    [PARTICIPANT] = {"participant of A",
                     {.role = CALLER_PARTICIPANT, .organisation_id = A, .name = "subject:a"}},
    [PARTNER_A] =
        {"partner of A",
         {.role = CALLER_PARTNER, .organisation_id = A, .client_id = CLIENT_A, .name = "client:a"}},
    [COORDINATOR_A] = {"coordinator of A",
                       {.role = CALLER_COORDINATOR, .organisation_id = A, .name = "subject:c"}},
    [PARTNER_B] = {"partner of B",
                   {.role = CALLER_PARTNER, .organisation_id = B, .name = "client:b"}},
    [EDITOR] = {"editor", {.role = CALLER_EDITOR, .name = "subject:e"}},
    [ADMIN] = {"administrator", {.role = CALLER_ADMIN, .name = "subject:f"}},
    [SERVICE] = {"the server itself", {.role = CALLER_SERVICE, .name = "service"}},
};

static struct db_pool *pool;
static struct db *db;

static void open_as(const char *role)
{
    pool = sql_pool(role, NULL);
    cr_assert_eq(db_lease(pool, &db), 0);
}

static void close_all(void)
{
    db_release(db);
    db_pool_free(pool);
    db = NULL;
    pool = NULL;
}

static void begin_as(enum who who)
{
    cr_assert_eq(caller_begin(db, &CALLERS[who].caller, "wall"), 0, "%s", CALLERS[who].name);
}

/* --- without saying for whom -------------------------------------------------------------- */

/* Everything private that the role may ask for at all. */
static const char *const PRIVATE[] = {
    "catalogue.record",
    "catalogue.practices",
    "catalogue.organisations",
    "catalogue.record_translations",
    "catalogue.vocabularies_terms",
    "catalogue.version",
    "catalogue.slug_history",
    "catalogue.proposal",
    "catalogue.proposal_contact",
    "identity.client",
    "identity.client_secret",
    "identity.signing_key",
    "identity.revoked_token",
    "identity.idempotency_key",
    "audit.entry",
    "mentoring.participant",
    "mentoring.participant_language",
    "mentoring.contact",
    "mentoring.consent",
    "mentoring.pair",
    "mentoring.pair_move",
    "mentoring.meeting",
    "mentoring.goal",
    "mentoring.feedback",
    "mentoring.outcome",
};

/* Checks Z14. */
Test(second_wall, a_transaction_that_does_not_say_for_whom_fails_and_sees_nothing)
{
    for (size_t i = 0; i < ARRAY_LENGTH(PRIVATE); i++) {
        /* A session of its own: in one that has had the setting, it is empty and not missing. */
        open_as("express_writer");
        cr_assert_neq(sql_run(db, "select from %s", PRIVATE[i]), 0, "%s", PRIVATE[i]);
        cr_assert_str_eq(db_sqlstate(db), "42704", "%s: %s", PRIVATE[i], db_sqlstate(db));
        close_all();
    }
}

/* Checks Z14. */
Test(second_wall, a_transaction_that_says_nothing_of_it_fails_and_sees_nothing)
{
    open_as("express_writer");
    for (size_t i = 0; i < ARRAY_LENGTH(PRIVATE); i++) {
        cr_assert_eq(db_begin(db), 0);
        cr_assert_eq(sql_run(db, "select set_config('express.role', '', true), "
                                 "set_config('express.caller', '', true)"),
                     0);
        cr_assert_neq(sql_run(db, "select from %s", PRIVATE[i]), 0, "%s", PRIVATE[i]);
        cr_assert_str_eq(db_sqlstate(db), "22P02", "%s: %s", PRIVATE[i], db_sqlstate(db));
        db_rollback(db);
    }
    close_all();
}

/* Checks Z14. */
Test(second_wall, a_role_that_is_none_fails)
{
    static const char *const ROLES[] = {"owner", "Admin", "admin ", "superuser"};

    open_as("express_writer");
    for (size_t i = 0; i < ARRAY_LENGTH(ROLES); i++) {
        cr_assert_eq(db_begin(db), 0);
        cr_assert_eq(sql_run(db, "select set_config('express.role', '%s', true)", ROLES[i]), 0);
        cr_assert_neq(sql_run(db, "select from catalogue.record"), 0, "%s", ROLES[i]);
        cr_assert_str_eq(db_sqlstate(db), "22P02", "%s", ROLES[i]);
        db_rollback(db);
    }
    close_all();
}

Test(second_wall, the_server_cannot_be_the_system)
{
    static const struct {
        const char *sql, *sqlstate;
    } ROWS[] = {
        {"select audit.prune('400 days', 10)", "42501"},
        {"select audit.take_seal('0')", "42501"},
        {"select audit.append('record.create', null, null, null, null)", "23502"},
        {"select audit.append_all('record.create', null, '{}', '{}', '{}', '{}')", "42501"},
    };

    open_as("express_writer");
    for (size_t i = 0; i < ARRAY_LENGTH(PRIVATE); i++) {
        cr_assert_eq(db_begin(db), 0);
        cr_assert_eq(sql_run(db, "select set_config('express.role', 'system', true), "
                                 "set_config('express.caller', 'system', true)"),
                     0);
        cr_assert_str_eq(sql_value(db, "select count(*) from %s", PRIVATE[i]), "0", "%s",
                         PRIVATE[i]);
        db_rollback(db);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        cr_assert_eq(db_begin(db), 0);
        cr_assert_eq(sql_run(db, "select set_config('express.role', 'system', true)"), 0);
        cr_assert_neq(sql_run(db, "%s", ROWS[i].sql), 0, "%s", ROWS[i].sql);
        cr_assert_str_eq(db_sqlstate(db), ROWS[i].sqlstate, "%s: %s", ROWS[i].sql, db_sqlstate(db));
        db_rollback(db);
    }
    close_all();
}

/* Checks Z15. */
Test(second_wall, what_a_transaction_said_is_gone_with_it)
{
    static const char *const ENDS[] = {"commit", "rollback", "failure"};
    static const char *const SETTINGS[] = {"role",    "organisation", "client",
                                           "subject", "caller",       "request"};

    open_as("express_writer");
    for (size_t i = 0; i < ARRAY_LENGTH(ENDS); i++) {
        begin_as(PARTNER_A);
        cr_assert_str_eq(sql_value(db, "select current_setting('express.organisation')"), A);
        if (strcmp(ENDS[i], "commit") == 0) {
            cr_assert_eq(db_commit(db), 0);
        } else {
            if (strcmp(ENDS[i], "failure") == 0)
                cr_assert_neq(sql_run(db, "select 1 / 0"), 0);
            db_rollback(db);
        }
        for (size_t j = 0; j < ARRAY_LENGTH(SETTINGS); j++)
            cr_assert_str_eq(sql_value(db,
                                       "select coalesce(current_setting('express.%s', true), '')",
                                       SETTINGS[j]),
                             "", "%s after %s", SETTINGS[j], ENDS[i]);
    }
    /* Nor does it come with a lease: this is the same connection. */
    db_release(db);
    cr_assert_eq(db_lease(pool, &db), 0);
    cr_assert_neq(sql_run(db, "select from catalogue.record"), 0);
    close_all();
}

/* --- seeing --------------------------------------------------------------------------------- */

#define RECORD(id) "catalogue.record where id = '" id "'"

/* How many rows there are for whom, in the order of enum who. */
static const struct {
    const char *from;
    int counts[WHO];
} SIGHTS[] = {
    {RECORD(DRAFT_A), {0, 0, 1, 1, 0, 1, 1, 0}},
    {RECORD(REVIEW_A), {0, 0, 1, 1, 0, 1, 1, 0}},
    {RECORD(PUBLISHED_A), {1, 1, 1, 1, 1, 1, 1, 1}},
    {RECORD(ARCHIVED_A), {0, 0, 1, 1, 0, 1, 1, 0}},
    {RECORD(DELETED_A), {0, 0, 1, 1, 0, 1, 1, 0}},
    {RECORD(DRAFT_B), {0, 0, 0, 0, 1, 1, 1, 0}},
    {"catalogue.record where slug = 'wall-draft-of-nobody'", {0, 0, 0, 0, 0, 1, 1, 0}},
    {"catalogue.practices where id = '" DRAFT_A "'", {0, 0, 1, 1, 0, 1, 1, 0}},
    {"catalogue.practices where id = '" PUBLISHED_A "'", {1, 1, 1, 1, 1, 1, 1, 1}},
    {"catalogue.practices where id = '" ARCHIVED_A "'", {0, 0, 1, 1, 0, 1, 1, 0}},
    {"catalogue.record_translations where record_id = '" DRAFT_A "'", {0, 0, 1, 1, 0, 1, 1, 0}},
    {"catalogue.version where record_id = '" DRAFT_A "'", {0, 0, 1, 1, 0, 1, 1, 0}},
    {"catalogue.version where record_id = '" PUBLISHED_A "'", {0, 0, 1, 1, 0, 1, 1, 0}},
    {"catalogue.version where record_id = '" PUBLISHED_B "'", {0, 0, 0, 0, 1, 1, 1, 0}},
    {"catalogue.slug_history where old_slug = 'wall-was-draft-a'", {0, 0, 1, 1, 0, 1, 1, 0}},
    {"catalogue.slug_history where old_slug = 'wall-was-published-a'", {1, 1, 1, 1, 1, 1, 1, 1}},
    {"catalogue.proposal", {0, 0, 0, 0, 0, 3, 3, 1}},
    {"catalogue.proposal_contact", {0, 0, 0, 0, 0, 3, 3, 1}},
    {"identity.client where name in ('of A', 'of B')", {0, 0, 1, 0, 0, 0, 2, 2}},
    {"identity.client_secret where hash = '$argon2id$canary'", {0, 0, 0, 0, 0, 0, 2, 2}},
    {"identity.signing_key where kid = 'wall'", {0, 0, 0, 0, 0, 0, 0, 1}},
    {"identity.revoked_token where jti like 'wall%'", {0, 0, 0, 0, 0, 0, 0, 2}},
    {"identity.idempotency_key where key like 'wall%'", {0, 0, 2, 0, 1, 0, 0, 1}},
    {"audit.entry where record_id = '" DRAFT_A "'", {0, 0, 0, 0, 0, 0, 1, 0}},
};

/* Checks Z16. */
Test(second_wall, a_statement_without_a_condition_shows_what_the_caller_may_see)
{
    open_as("express_writer");
    for (size_t i = 0; i < ARRAY_LENGTH(SIGHTS); i++) {
        for (enum who who = 0; who < WHO; who++) {
            char expected[16];

            (void)snprintf(expected, sizeof(expected), "%d", SIGHTS[i].counts[who]);
            begin_as(who);
            cr_assert_str_eq(sql_value_of(db, "select count(*) from ", SIGHTS[i].from), expected,
                             "%s, %s", SIGHTS[i].from, CALLERS[who].name);
            db_rollback(db);
        }
    }
    close_all();
}

/* Checks Z16. */
Test(second_wall, nothing_of_another_partner_is_in_a_whole_table)
{
    open_as("express_writer");
    begin_as(PARTNER_A);
    cr_assert_str_eq(sql_value(db, "select count(*) from catalogue.record where status <> "
                                   "'published' and owner_id is distinct from '" A "'"),
                     "0");
    cr_assert_str_eq(sql_value(db, "select count(*) from catalogue.version v join "
                                   "catalogue.record r on r.id = v.record_id "
                                   "where r.owner_id is distinct from '" A "'"),
                     "0");
    cr_assert_str_eq(sql_value(db, "select count(*) from identity.client where organisation_id "
                                   "is distinct from '" A "'"),
                     "0");
    db_rollback(db);
    close_all();
}

/* --- changing ------------------------------------------------------------------------------- */

#define NEW_RECORD                                                                                 \
    "insert into catalogue.record (id, resource, slug, status, owner_id, version, latest, "        \
    "first_published_at, deleted_at, replaced_by, verify_due) values "                             \
    "(gen_random_uuid(), "
#define NEW_VERSION                                                                                \
    "insert into catalogue.version (record_id, version, action, status, role, client_id) values ("
#define NEW_PROPOSAL                                                                               \
    "insert into catalogue.proposal (id, resource, record_id, base_version, patch, erasure_hash, " \
    "reason, decided_by) values (gen_random_uuid(), "

/* What a caller tries, and what becomes of it: "" and so many rows, or an SQLSTATE. */
static const struct {
    enum who who;
    const char *sql;
    const char *sqlstate;
    size_t rows;
    const char *why;
} TRIES[] = {
    /* Records of others */
    {PARTNER_A, "update catalogue.record set verified_at = now() where id = '" DRAFT_B "'", "", 0,
     "what cannot be seen cannot be changed"},
    {PARTNER_A, "update catalogue.record set verified_at = now() where id = '" PUBLISHED_B "'", "",
     0, "what everybody sees is still another's"},
    {PARTNER_A, "update catalogue.record set verified_at = now()", "", 5, "own ones alone"},
    {PARTNER_A, "update catalogue.record set owner_id = '" B "' where id = '" DRAFT_A "'", "42501",
     0, "nothing is given away"},
    {PARTNER_B, "update catalogue.record set owner_id = '" B "' where id = '" DRAFT_A "'", "", 0,
     "nor taken"},
    {PARTNER_A, NEW_RECORD "'practices', 'x', 'draft', '" B "', 1, 1, null, null, null, now())",
     "42501", 0, "in another's name"},
    {PARTNER_A, NEW_RECORD "'practices', 'x', 'draft', null, 1, 1, null, null, null, now())",
     "42501", 0, "in nobody's name"},
    {NOBODY, NEW_RECORD "'practices', 'x', 'draft', null, 1, 1, null, null, null, now())", "42501",
     0, "nobody writes"},
    {PARTICIPANT, NEW_RECORD "'practices', 'x', 'draft', '" A "', 1, 1, null, null, null, now())",
     "42501", 0, "a participant reads"},
    {SERVICE, NEW_RECORD "'practices', 'x', 'draft', null, 1, 1, null, null, null, now())", "42501",
     0, "the server writes no records"},
    {COORDINATOR_A, NEW_RECORD "'practices', 'x', 'draft', '" A "', 1, 1, null, null, null, now())",
     "", 1, "a coordinator writes as a partner"},
    {PARTICIPANT, "update catalogue.record set verified_at = now()", "", 0, "a participant reads"},
    {SERVICE, "update catalogue.record set verified_at = now()", "", 0, "as above"},
    {EDITOR, "delete from catalogue.record where id = '" DRAFT_A "'", "42501", 0,
     "rows of records stay, whoever asks"},

    /* Publication */
    {PARTNER_A,
     NEW_RECORD "'practices', 'x', 'published', '" A "', 1, 1, now(), null, null, now())", "42501",
     0, "a partner begins with a draft"},
    {PARTNER_A, NEW_RECORD "'practices', 'x', 'draft', '" A "', 1, 1, now(), null, null, now())",
     "42501", 0, "an address is public by an editor's word"},
    {PARTNER_A, "update catalogue.record set first_published_at = now() where id = '" DRAFT_A "'",
     "42501", 0, "as above"},
    {PARTNER_A,
     "update catalogue.record set status = 'in_review', waiting_since = now() where id = '" DRAFT_A
     "'",
     "", 1, "submit"},
    {PARTNER_A,
     "update catalogue.record set status = 'published', first_published_at = now() "
     "where id = '" REVIEW_A "'",
     "42501", 0, "a partner does not publish"},
    {PARTNER_A, "update catalogue.record set status = 'archived' where id = '" PUBLISHED_A "'",
     "42501", 0, "nor archive"},
    {EDITOR,
     "update catalogue.record set status = 'published', first_published_at = now(), "
     "waiting_since = null "
     "where id = '" REVIEW_A "'",
     "", 1, "an editor publishes"},
    {EDITOR,
     "update catalogue.record set status = 'published', first_published_at = now() "
     "where id = '" DRAFT_A "'",
     "23514", 0, "not without a review"},
    {ADMIN, "update catalogue.record set status = 'draft' where id = '" PUBLISHED_A "'", "23514", 0,
     "what is public is archived first"},
    {EDITOR, "update catalogue.record set status = 'draft' where id = '" ARCHIVED_A "'", "", 1,
     "an archived record becomes a draft"},
    {EDITOR, "update catalogue.record set status = 'published' where id = '" ARCHIVED_A "'",
     "23514", 0, "and not public at once"},
    {PARTNER_A, "update catalogue.record set slug = 'y' where id = '" PUBLISHED_A "'", "42501", 0,
     "what is public of the row changes by an editor's word"},
    {PARTNER_A, "update catalogue.record set source_url = 'https://x' where id = '" PUBLISHED_A "'",
     "42501", 0, "as above"},
    {PARTNER_A, "update catalogue.record set language = 'fr' where id = '" PUBLISHED_A "'", "42501",
     0, "as above"},
    {PARTNER_A, "update catalogue.practices set title = 'y' where id = '" PUBLISHED_A "'", "", 0,
     "as above"},
    {PARTNER_A, "delete from catalogue.record_translations where record_id = '" PUBLISHED_A "'", "",
     0, "as above"},
    {PARTNER_A, "update catalogue.practices set title = 'y' where id = '" DRAFT_A "'", "", 1,
     "a draft is free"},
    {PARTNER_B, "update catalogue.practices set title = 'y' where id = '" DRAFT_A "'", "", 0,
     "to its owner"},
    {EDITOR, "update catalogue.practices set title = 'y' where id = '" PUBLISHED_A "'", "", 1,
     "editors edit"},
    {PARTNER_A,
     "insert into catalogue.record_translations (record_id, position, language, property, text, "
     "origin) values ('" DRAFT_B "', 1, 'de', 'title', 'x', 'author')",
     "42501", 0, "a part of another's record"},
    {PARTNER_A, "update catalogue.record set deleted_at = now() where id = '" PUBLISHED_A "'", "",
     1, "a partner deletes own records"},
    {PARTNER_A, "update catalogue.record set deleted_at = null where id = '" DELETED_A "'", "23514",
     0, "what was deleted is not public again at once"},
    {PARTNER_A,
     "update catalogue.record set deleted_at = null, status = 'draft' where id = '" DELETED_A "'",
     "", 1, "but a draft"},
    {PARTNER_A,
     "update catalogue.record set replaced_by = '" PUBLISHED_B "' where id = '" DELETED_A "'",
     "42501", 0, "where an old address leads is for editors"},
    {EDITOR, "update catalogue.record set latest = 0 where id = '" DRAFT_A "'", "23514", 0,
     "versions only go up"},
    {EDITOR, "update catalogue.record set resource = 'networks' where id = '" DRAFT_A "'", "23514",
     0, "a record stays what it is"},

    /* Vocabularies */
    {EDITOR, "update catalogue.record set verified_at = now() where resource = 'vocabularies'", "",
     0, "what all share is for administrators"},
    {EDITOR, NEW_RECORD "'vocabularies', 'x', 'draft', null, 1, 1, null, null, null, now())",
     "42501", 0, "as above"},
    {PARTNER_A, NEW_RECORD "'vocabularies', 'x', 'draft', '" A "', 1, 1, null, null, null, now())",
     "42501", 0, "as above"},
    {EDITOR, "update catalogue.vocabularies_terms set position = position + 100", "", 0,
     "as above"},
    {EDITOR,
     "delete from catalogue.record_translations "
     "where record_id = '00000000-0000-4000-8000-0000000000f1'",
     "", 0, "as above"},
    {ADMIN, NEW_RECORD "'vocabularies', 'x', 'draft', null, 1, 1, null, null, null, now())", "", 1,
     "as above"},

    /* History */
    {PARTNER_A, NEW_VERSION "'" DRAFT_A "', 2, 'update', 'draft', 'partner', '" CLIENT_A "')", "",
     1, "what was done"},
    {PARTNER_A, NEW_VERSION "'" DRAFT_A "', 2, 'update', 'draft', 'editor', '" CLIENT_A "')",
     "42501", 0, "in another role"},
    {PARTNER_A, NEW_VERSION "'" DRAFT_A "', 2, 'update', 'draft', 'partner', null)", "42501", 0,
     "as another client"},
    {PARTNER_A, NEW_VERSION "'" DRAFT_A "', 2, 'publish', 'draft', 'partner', '" CLIENT_A "')",
     "42501", 0, "what only an editor does"},
    {PARTNER_A, NEW_VERSION "'" DRAFT_B "', 2, 'update', 'draft', 'partner', '" CLIENT_A "')",
     "42501", 0, "of another's record"},
    {ADMIN, "update catalogue.version set reason = 'x'", "42501", 0, "history is only added to"},
    {ADMIN, "delete from catalogue.version", "42501", 0, "as above"},
    {PARTNER_B, "delete from catalogue.slug_history where old_slug = 'wall-was-published-a'", "", 0,
     "another's addresses"},

    /* Proposals */
    {NOBODY, NEW_PROPOSAL "'practices', '" PUBLISHED_A "', 1, '{}', '\\x0a', null, null)", "", 1,
     "anybody may propose"},
    {NOBODY, NEW_PROPOSAL "'practices', '" DRAFT_A "', 1, '{}', '\\x0a', null, null)", "42501", 0,
     "not for what they cannot see"},
    {NOBODY, NEW_PROPOSAL "'networks', '" PUBLISHED_A "', 1, '{}', '\\x0a', null, null)", "42501",
     0, "nor for another resource"},
    {NOBODY, NEW_PROPOSAL "'practices', '" DELETED_A "', 1, '{}', '\\x0a', null, null)", "42501", 0,
     "nor for what is gone"},
    {NOBODY, NEW_PROPOSAL "'practices', '" PUBLISHED_A "', 1, '{}', '\\x0a', 'x', null)", "42501",
     0, "nor with a decision"},
    {PARTNER_A, "update catalogue.proposal set state = 'accepted', decided_at = now()", "", 0,
     "editors decide"},
    {SERVICE, "update catalogue.proposal set message = 'x'", "", 0, "as above"},
    {EDITOR, "delete from catalogue.proposal", "42501", 0, "proposals stay"},
    {PARTNER_A, "delete from catalogue.proposal_contact", "", 0, "contacts are for editors"},
    {SERVICE, "delete from catalogue.proposal_contact", "", 1, "the server forgets those in time"},

    /* Clients, keys, tokens */
    {EDITOR, "update identity.client set role = 'admin'", "", 0, "administrators administer"},
    {PARTNER_A, "update identity.client set role = 'admin'", "", 0, "nobody raises themselves"},
    {PARTNER_A, "update identity.client set disabled_at = null", "", 0, "as above"},
    {ADMIN, "update identity.client set name = 'x' where id = '" CLIENT_A "'", "", 1, "as above"},
    {ADMIN, "delete from identity.client", "42501", 0, "clients are disabled, not deleted"},
    {SERVICE, "update identity.client set last_used_at = now() where id = '" CLIENT_A "'", "", 1,
     "the server notes that it was used"},
    {SERVICE, "update identity.client set role = 'admin'", "42501", 0, "and nothing else"},
    {SERVICE, "update identity.client set disabled_at = now(), last_used_at = now()", "42501", 0,
     "as above"},
    {SERVICE, "update identity.client_secret set hash = '$argon2id$x'", "42501", 0,
     "and nothing else"},
    {SERVICE, "delete from identity.client_secret", "", 0, "as above"},
    {ADMIN, "update identity.signing_key set retired_at = null", "42501", 0,
     "keys change on the command line"},
    {ADMIN,
     "insert into identity.signing_key (kid, algorithm, public_pem, private_sealed) "
     "values ('x', 'ES256', 'x', 'x')",
     "42501", 0, "as above"},
    {NOBODY, "insert into identity.revoked_token values ('x', now())", "42501", 0,
     "nobody revokes"},
    {PARTNER_A, "insert into identity.revoked_token values ('x', now())", "42501", 0,
     "the server does it, when it has seen the token"},
    {SERVICE, "insert into identity.revoked_token values ('x', now())", "", 1, "as it has"},
    {SERVICE, "delete from identity.revoked_token where jti like 'wall%'", "", 1,
     "what would have expired"},
    {ADMIN, "delete from identity.revoked_token", "", 0, "nothing comes back to life"},
    {PARTNER_B, "delete from identity.idempotency_key where key like 'wall%'", "", 1,
     "own keys alone"},
    {PARTNER_B,
     "insert into identity.idempotency_key (caller, key, fingerprint) "
     "values ('client:a', 'x', '\\x01')",
     "42501", 0, "in another's name"},
    {SERVICE, "delete from identity.idempotency_key where key like 'wall%'", "", 1,
     "those of yesterday"},

    /* Audit */
    {ADMIN, "insert into audit.entry select * from audit.entry limit 1", "42501", 0,
     "there is one way in"},
    {ADMIN, "update audit.entry set action = 'x'", "42501", 0, "nothing is changed"},
    {ADMIN, "delete from audit.entry", "42501", 0, "nor removed"},
    {SERVICE, "delete from audit.entry", "42501", 0, "not by the server either"},
    {ADMIN, "select from audit.chain", "42501", 0, "nor its heads moved"},
    {ADMIN, "update audit.chain set entries = 0", "42501", 0, "as above"},
    {ADMIN, "select from audit.seal", "42501", 0, "as above"},
    {ADMIN, "select audit.prune('400 days', 1)", "42501", 0, "age is the server's business"},
    {PARTNER_A, "select audit.take_seal('0')", "42501", 0, "as above"},
    {ADMIN, "select * from audit.faults()", "42501", 0, "as above"},
    {PARTNER_A, "truncate catalogue.record cascade", "42501", 0, "tables stay"},
    {PARTNER_A, "select published.history.id from published.history, catalogue.migration", "42501",
     0, "the list of migrations is of who runs them"},
};

/* Checks Z5, Z17, P13. */
Test(second_wall, each_change_is_held_to_what_the_caller_may_do)
{
    open_as("express_writer");
    for (size_t i = 0; i < ARRAY_LENGTH(TRIES); i++) {
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
        int r;

        begin_as(TRIES[i].who);
        r = db_run_text(db, TRIES[i].sql, DB_PLAN_CUSTOM, 0, NULL, &rows);
        cr_assert_str_eq(r == 0 ? "" : db_sqlstate(db), TRIES[i].sqlstate, "%s: %s: '%s' (%s)",
                         CALLERS[TRIES[i].who].name, TRIES[i].sql, db_sqlstate(db), TRIES[i].why);
        if (r == 0)
            cr_assert_eq(db_rows_affected(rows), TRIES[i].rows, "%s: %s: %zu rows (%s)",
                         CALLERS[TRIES[i].who].name, TRIES[i].sql, db_rows_affected(rows),
                         TRIES[i].why);
        db_rollback(db);
    }
    close_all();
}

/* Checks Z17. */
Test(second_wall, what_the_database_forbids_is_an_outcome_of_its_own)
{
    open_as("express_writer");
    begin_as(PARTNER_A);
    cr_assert_eq(
        sql_run(db, "update catalogue.record set owner_id = '" B "' where id = '" DRAFT_A "'"),
        DB_FORBIDDEN);
    db_rollback(db);
    close_all();
}

/* Checks Z21. */
Test(second_wall, what_another_has_as_a_draft_is_free_for_all)
{
    open_as("express_writer");
    begin_as(PARTNER_A);
    cr_assert_eq(sql_run(db, NEW_RECORD "'practices', 'wall-draft-b', 'draft', '" A
                                        "', 1, 1, null, null, "
                                        "null, now())"),
                 0, "a slug of another's draft: %s", db_sqlstate(db));
    cr_assert_eq(sql_run(db, "update catalogue.record set source_name = 'wall', "
                             "source_external_id = '1' where id = '" DRAFT_A "'"),
                 0, "a source of another's draft: %s", db_sqlstate(db));
    db_rollback(db);
    close_all();
}

/* --- functions of the owner ------------------------------------------------------------------ */

Test(second_wall, nobody_appends_to_the_audit_log_in_anothers_name)
{
    open_as("express_writer");
    begin_as(PARTNER_A);
    cr_assert_eq(sql_run(db, "select audit.append('record.update', 'practices', '" DRAFT_A
                             "', 2, array['title'])"),
                 0);
    cr_assert_eq(db_commit(db), 0);
    begin_as(ADMIN);
    cr_assert_str_eq(sql_value(db, "select role || ' ' || client_id || ' ' || request_id from "
                                   "audit.entry where action = 'record.update' and record_id = "
                                   "'" DRAFT_A "'"),
                     "partner " CLIENT_A " wall");
    db_rollback(db);
    close_all();
}

Test(second_wall, a_contact_is_erased_by_whoever_has_the_code_and_nobody_else)
{
    open_as("express_writer");
    begin_as(NOBODY);
    cr_assert_str_eq(
        sql_value(db, "select catalogue.erase_proposal_contact('" OPEN_PROPOSAL "', '\\x02')"), "f",
        "the code of another proposal");
    cr_assert_str_eq(
        sql_value(db, "select catalogue.erase_proposal_contact(gen_random_uuid(), '\\x01')"), "f",
        "a proposal that there is not");
    cr_assert_str_eq(
        sql_value(db, "select catalogue.erase_proposal_contact('" OPEN_PROPOSAL "', '\\x01')"),
        "t");
    cr_assert_str_eq(
        sql_value(db, "select catalogue.erase_proposal_contact('" OPEN_PROPOSAL "', '\\x01')"), "f",
        "what is erased stays so");
    cr_assert_eq(sql_run(db, "select set_config('express.role', 'editor', true)"), 0);
    cr_assert_str_eq(sql_value(db, "select count(*) from catalogue.proposal_contact"), "2");
    db_rollback(db);
    close_all();
}

/* A type that is made in one's own schema for temporary things must not be what they see. */
Test(second_wall, functions_of_the_owner_see_nothing_that_their_callers_make)
{
    open_as("express_writer");
    cr_assert_eq(db_begin(db), 0);
    if (sql_run(db, "create domain pg_temp.text as pg_catalog.text check (current_user <> "
                    "'express_owner')") == 0) {
        cr_assert_eq(sql_run(db, "select set_config('express.role', 'partner', true)"), 0);
        cr_assert_eq(sql_run(db, "select audit.append('record.read', null, null, null, null)"), 0,
                     "%s", db_sqlstate(db));
    }
    db_rollback(db);
    close_all();
}

/* --- public reading --------------------------------------------------------------------------- */

/* Checks Z7, Z22. */
Test(second_wall, public_reading_cannot_reach_anything_private)
{
    static const char *const CALLS[] = {
        "select audit.append('x', null, null, null, null)",
        "select audit.prune('400 days', 1)",
        "select catalogue.erase_proposal_contact('" OPEN_PROPOSAL "', '\\x01')",
        "select identity.acting_role()",
        "set role express_writer",
        "set role express_owner",
        "create table published.x ()",
        "insert into published.gone (resource, id, slug) values ('x', gen_random_uuid(), 'x')",
        "delete from published.practices",
    };

    open_as("express_public");
    for (size_t i = 0; i < ARRAY_LENGTH(PRIVATE); i++) {
        cr_assert_eq(sql_run(db, "select from %s", PRIVATE[i]), DB_FORBIDDEN, "%s", PRIVATE[i]);
        cr_assert_str_eq(db_sqlstate(db), "42501");
    }
    cr_assert_eq(sql_run(db, "select from catalogue.change"), DB_FORBIDDEN);
    cr_assert_eq(sql_run(db, "select from audit.chain"), DB_FORBIDDEN);
    for (size_t i = 0; i < ARRAY_LENGTH(CALLS); i++) {
        /* The tests' own login is a superuser, which may take on any role: that of a server is not.
         */
        if (strncmp(CALLS[i], "set role", 8) == 0)
            continue;
        cr_assert_neq(sql_run(db, "%s", CALLS[i]), 0, "%s", CALLS[i]);
        cr_assert_str_eq(db_sqlstate(db), "42501", "%s: %s", CALLS[i], db_sqlstate(db));
    }
    cr_assert_eq(sql_run(db, "select from published.practices"), 0, "what is public is there");
    close_all();
}

/* --- the command line --------------------------------------------------------------------------
 */

Test(second_wall, the_owner_of_the_tables_is_bound_by_them_too)
{
    open_as("express_owner");
    cr_assert_eq(db_begin(db), 0);
    cr_assert_eq(sql_run(db, "select set_config('express.role', 'partner', true), "
                             "set_config('express.organisation', '" A "', true)"),
                 0);
    cr_assert_str_eq(sql_value(db, "select count(*) from " RECORD(DRAFT_B)), "0");
    cr_assert_eq(sql_run(db, "select set_config('express.role', 'system', true)"), 0);
    cr_assert_str_eq(sql_value(db, "select count(*) from " RECORD(DRAFT_B)), "1");
    db_rollback(db);
    close_all();
}

/* Checks P13. */
Test(second_wall, not_even_the_owner_changes_an_entry_of_the_audit_log)
{
    static const char *const TABLES[] = {"audit.entry set action = 'x'",
                                         "audit.seal set number = 7"};

    open_as("express_owner");
    for (size_t i = 0; i < ARRAY_LENGTH(TABLES); i++) {
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
        char sql[128];

        (void)snprintf(sql, sizeof(sql), "update %s", TABLES[i]);
        cr_assert_eq(db_begin(db), 0);
        cr_assert_eq(sql_run(db, "select set_config('express.role', 'system', true)"), 0);
        cr_assert_eq(db_run_text(db, sql, DB_PLAN_CUSTOM, 0, NULL, &rows), 0);
        cr_assert_eq(db_rows_affected(rows), 0);
        db_rollback(db);
    }
    close_all();
}
