/*
 * The audit log as a ledger: chains that hold under many writers, and that tell when somebody with
 * all rights has changed, cut or forged them. And what is removed by age. Without a server: each
 * test has a database of its own, and asks the command line.
 */
#include "audit/audit.h"
#include "auth/caller.h"
#include "base/annotate.h"
#include "base/text.h"
#include "db/db.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/program.h"
#include "support/sql.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD "01997b2c-9a40-7c13-8f5e-2b6d1c0e4a11"
#define CLIENT "01997b2c-9a40-7c13-8f5e-2b6d1c0e4a99"
#define ROOT_MARK ", root "
#define WRITERS 20
#define ENTRIES_EACH 25
#define WORDS_MAX 8

static char database[64];
static char *setting;

static void open_ledger(void)
{
    struct text text;
    char *what = NULL;
    char *url;
    size_t length;

    (void)snprintf(database, sizeof(database), "ledger_%ld", (long)getpid());
    cr_assert(test_database_copy(database, &what), "%s", what);
    url = test_database_url(database);
    cr_assert_not_null(url);
    cr_assert_eq(setenv("API_DATABASE_URL", url, 1), 0);
    text_init(&text, 4096);
    text_append_format(&text, "EXPRESS_DATABASE_URL=%s", url);
    setting = text_steal(&text, &length);
    cr_assert_not_null(setting);
    free(url);
    /* The import of the catalogue has left an entry. */
    test_database_run("delete from audit.entry; delete from audit.seal; update audit.chain "
                      "set entries = 0, head = '\\x', anchor_position = 0, anchor = '\\x'");
}

static void close_ledger(void)
{
    char *what = NULL;

    cr_assert(test_database_drop(database, &what), "%s", what);
    free(setting);
    setting = NULL;
    test_ends_without_leaks();
}

TestSuite(ledger, .init = open_ledger, .fini = close_ledger, .timeout = 300);

/* --- the command line ---------------------------------------------------------------------- */

/* The words behind express-api, NULL-terminated; what it said is in @ret_result. */
static int command(const char *const *words, struct program_result *ret_result)
{
    cr_assert(program_run(words, (const char *const[]){setting, NULL}, ret_result), "%s",
              ret_result->error);
    return ret_result->exit_code;
}

/* Verified, and expected to be whole. Owned, free(): the root. */
static char *root_of_whole(void)
{
    struct program_result result;
    char *root;

    cr_assert_eq(command((const char *const[]){"audit", "verify", NULL}, &result), 0, "%s%s",
                 result.out, result.error);
    root = strstr(result.out, ROOT_MARK);
    cr_assert_not_null(root, "%s", result.out);
    root = strndup(root + strlen(ROOT_MARK), AUDIT_ROOT_BYTES - 1);
    cr_assert(audit_is_root(root), "%s", result.out);
    program_result_deinit(&result);
    return root;
}

/* Verified, against @root unless that is NULL, and expected to be broken as @said. */
static void check_broken(const char *root, const char *said, const char *why)
{
    const char *words[] = {"audit", "verify", root == NULL ? NULL : "--expect", root, NULL};
    struct program_result result;

    cr_assert_eq(command(words, &result), 1, "%s: %s%s", why, result.out, result.error);
    cr_assert_not_null(strstr(result.error, said), "%s: %s%s", why, result.out, result.error);
    cr_assert_null(strstr(result.out, ROOT_MARK), "%s: %s", why, result.out);
    program_result_deinit(&result);
}

/* --- writing --------------------------------------------------------------------------------- */

static const struct caller EDITOR = {
    .role = CALLER_EDITOR, .client_id = CLIENT, .name = "client:editor"};

/* One transaction of its own, kept or not. */
static void append_one(struct db *db, long version, bool kept)
{
    static const char *const PROPERTIES[] = {"title", "summary"};
    const struct audit_entry entry = {.action = "record.update",
                                      .resource = "practices",
                                      .record_id = RECORD,
                                      .version = version,
                                      .properties = PROPERTIES,
                                      .property_count = ARRAY_LENGTH(PROPERTIES)};

    cr_assert_eq(caller_begin(db, &EDITOR, "ledger-request"), 0);
    cr_assert_eq(audit_append(db, &entry), 0, "%s", db_sqlstate(db));
    if (kept)
        cr_assert_eq(db_commit(db), 0);
    else
        db_rollback(db);
}

static void append_many(long count)
{
    struct db_pool *pool = sql_pool("express_writer", NULL);
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    for (long i = 1; i <= count; i++)
        append_one(db, i, true);
    db_release(db);
    db_pool_free(pool);
}

static void append_all(const char *ids, const char *versions)
{
    struct db_pool *pool = sql_pool("express_writer", NULL);
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    cr_assert_eq(caller_begin(db, &EDITOR, "all"), 0);
    cr_assert_eq(audit_append_all(db, "record.read", "practices", ids, versions), 0, "%s",
                 db_message(db));
    cr_assert_eq(db_commit(db), 0);
    db_release(db);
    db_pool_free(pool);
}

/* Entries as they would be, had they been written so many days ago, in a chain of their own. */
static void append_old(int chain, int days, int count)
{
    char sql[2048];

    cr_assert_lt(
        snprintf(
            sql, sizeof(sql),
            "do $$ declare h bytea := (select head from audit.chain where id = %d); e bytea; "
            "p bigint := (select entries from audit.chain where id = %d); t timestamptz; begin "
            "for i in 1..%d loop t := now() - interval '%d days' + i * interval '1 second'; "
            "p := p + 1; e := audit.entry_hash(h, %d::smallint, p, t, null, 'editor', null, "
            "'record.update', 'practices', '" RECORD "', i, 'old', null); "
            "insert into audit.entry values (%d, p, t, null, 'editor', null, 'record.update', "
            "'practices', '" RECORD "', i, 'old', null, e); h := e; end loop; "
            "update audit.chain set entries = p, head = h where id = %d; end $$",
            chain, chain, count, days, chain, chain, chain),
        (int)sizeof(sql));
    test_database_run(sql);
}

static size_t count_of(const char *sql)
{
    char *value = test_database_value(sql);
    size_t count = (size_t)strtoul(value == NULL ? "0" : value, NULL, 10);

    free(value);
    return count;
}

Test(ledger, entries_are_chained_and_bear_who_and_what)
{
    char *first, *second, *line;

    append_many(3);
    line = test_database_value(
        "select string_agg(concat_ws(' ', position, role, client_id, action, resource, record_id, "
        "version, request_id, properties), '; ' order by position) from audit.entry");
    cr_assert_str_eq(
        line,
        "1 editor " CLIENT " record.update practices " RECORD " 1 ledger-request {title,summary}; "
        "2 editor " CLIENT " record.update practices " RECORD " 2 ledger-request {title,summary}; "
        "3 editor " CLIENT " record.update practices " RECORD " 3 ledger-request {title,summary}");
    free(line);
    first = root_of_whole();
    second = root_of_whole();
    cr_assert_str_eq(first, second, "nothing has happened between");
    free(second);
    append_many(1);
    second = root_of_whole();
    cr_assert_str_neq(first, second);
    free(first);
    free(second);
}

Test(ledger, entries_of_requests_that_share_a_transaction_are_chained_one_by_one)
{
    static const char *const PROPERTIES[] = {"title", "summary"};
    static const char *const REQUESTS[] = {"request-1", "a \"quoted\" one", "request-3"};
    struct audit_entry entries[ARRAY_LENGTH(REQUESTS)];
    struct db_pool *pool = sql_pool("express_writer", NULL);
    struct db *db = NULL;
    char *line;

    for (size_t i = 0; i < ARRAY_LENGTH(entries); i++)
        entries[i] = (struct audit_entry){.action = "record.create",
                                          .resource = "practices",
                                          .record_id = RECORD,
                                          .version = (long)i,
                                          .properties = PROPERTIES,
                                          .property_count = i};
    append_many(1);
    cr_assert_eq(db_lease(pool, &db), 0);
    cr_assert_eq(caller_begin(db, &EDITOR, "ledger-request"), 0);
    cr_assert_eq(audit_queue_all(db, entries, REQUESTS, ARRAY_LENGTH(entries)), 0);
    cr_assert_eq(db_commit(db), 0, "%s", db_sqlstate(db));
    append_one(db, 7, true);
    line = test_database_value(
        "select string_agg(concat_ws(' ', position, action, version, request_id, properties), '; ' "
        "order by position) from audit.entry e where chain = (select chain from audit.entry "
        "where request_id = 'request-1') and client_id = '" CLIENT "'");
    cr_assert_str_eq(line, "1 record.create request-1; "
                           "2 record.create 1 a \"quoted\" one {title}; "
                           "3 record.create 2 request-3 {title,summary}; "
                           "4 record.update 7 ledger-request {title,summary}");
    free(line);
    free(root_of_whole());
    db_release(db);
    db_pool_free(pool);
}

Test(ledger, what_the_command_line_imports_is_noted_once)
{
    const char *source = getenv("EXPRESS_SOURCE_DIR");
    struct text folder;

    text_init(&folder, 4096);
    text_append_format(&folder, "%s/tests/integration/records/search", source);
    for (int i = 0; i < 2; i++) {
        struct program_result result;

        cr_assert_eq(command((const char *const[]){"import", folder.bytes, NULL}, &result), 0, "%s",
                     result.error);
        program_result_deinit(&result);
        cr_assert_eq(count_of("select count(*) from audit.entry where action = 'record.import' "
                              "and role = 'system'"),
                     1, "nothing was changed by the second time");
    }
    text_deinit(&folder);
    free(root_of_whole());
}

Test(ledger, an_empty_log_is_whole)
{
    free(root_of_whole());
}

static void *write_some(void *data)
{
    struct db_pool *pool = data;
    struct db *db = NULL;

    /* More writers than connections of one pool: chains are shared, and waited for. */
    cr_assert_eq(db_lease(pool, &db), 0);
    for (long i = 1; i <= ENTRIES_EACH; i++)
        append_one(db, i, i % 5 != 0);
    db_release(db);
    return NULL;
}

/* Checks P13. */
Test(ledger, many_writers_at_once_leave_whole_chains_and_no_entry_too_many)
{
    pthread_t threads[WRITERS];
    struct db_pool *pools[WRITERS];

    for (size_t i = 0; i < WRITERS; i++) {
        pools[i] = sql_pool("express_writer", NULL);
        cr_assert_eq(pthread_create(&threads[i], NULL, write_some, pools[i]), 0);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        db_pool_free(pools[i]);
    }
    cr_assert_eq(count_of("select count(*) from audit.entry"),
                 WRITERS * (ENTRIES_EACH - ENTRIES_EACH / 5), "what was rolled back left nothing");
    cr_assert_eq(count_of("select count(*) from (select chain, max(position) - count(*) as gap "
                          "from audit.entry group by chain) c where gap <> 0"),
                 0);
    free(root_of_whole());
}

/* Another session whose number leaves the same remainder: this one holds all chains. */
Test(ledger, who_waits_for_a_chain_too_long_fails_and_with_it_the_transaction)
{
    static const struct audit_entry ENTRY = {.action = "record.read"};
    struct db_pool *writers = sql_pool("express_writer", NULL), *holders = sql_pool(NULL, NULL);
    struct db *writer = NULL, *holder = NULL;

    cr_assert_eq(db_lease(writers, &writer), 0);
    cr_assert_eq(db_lease(holders, &holder), 0);
    cr_assert_eq(db_begin(holder), 0);
    cr_assert_eq(sql_run(holder, "select from audit.chain for update"), 0);
    cr_assert_eq(caller_begin(writer, &EDITOR, "waits"), 0);
    cr_assert_eq(sql_run(writer, "select set_config('lock_timeout', '50ms', true)"), 0);
    cr_assert_eq(audit_append(writer, &ENTRY), DB_CONTENTION);
    cr_assert_neq(db_commit(writer), 0, "nothing of it is kept");
    db_rollback(holder);
    append_one(writer, 1, true);
    db_release(writer);
    db_release(holder);
    db_pool_free(writers);
    db_pool_free(holders);
    cr_assert_eq(count_of("select count(*) from audit.entry"), 1);
}

/* --- tampering ---------------------------------------------------------------------------------
 */

#define LONGEST "(select id from audit.chain order by entries desc, id limit 1)"
#define OF_LONGEST "chain = " LONGEST
#define FORGED_HASH                                                                                \
    "audit.entry_hash(e.hash, e.chain, e.position + 1, e.at, e.client_id, e.role, e.subject, "     \
    "'record.forged', e.resource, e.record_id, e.version, e.request_id, e.properties)"

/* By a superuser, whom nothing stops; and what verify says of it. */
static const struct {
    const char *sql, *said, *why;
} TAMPERINGS[] = {
    {"update audit.entry set action = 'record.read' where " OF_LONGEST " and position = 5",
     "entry 5: it is not what was written", "another action"},
    {"update audit.entry set client_id = null where " OF_LONGEST " and position = 5",
     "entry 5: it is not what was written", "somebody else"},
    {"update audit.entry set subject = '' where " OF_LONGEST " and position = 5",
     "entry 5: it is not what was written", "an empty text where there was none"},
    {"update audit.entry set at = at + interval '1 microsecond' where " OF_LONGEST
     " and position = 5",
     "entry 5: it is not what was written", "another time"},
    {"update audit.entry set properties = '{title}' where " OF_LONGEST " and position = 5",
     "entry 5: it is not what was written", "fewer properties"},
    {"update audit.entry set request_id = 'record', action = 'x' where " OF_LONGEST
     " and position = 5",
     "entry 5: it is not what was written", "words moved from one column to the next"},
    {"update audit.entry set action = 'record.read', hash = audit.entry_hash((select hash from "
     "audit.entry b where b." OF_LONGEST " and b.position = 4), chain, position, at, client_id, "
     "role, subject, 'record.read', resource, record_id, version, request_id, properties) "
     "where " OF_LONGEST " and position = 5",
     "entry 6: it is not what was written", "with a hash to match: then the next does not"},
    {"delete from audit.entry where " OF_LONGEST " and position = 5",
     "entry 6: entries before it are missing", "one from the middle"},
    {"delete from audit.entry where " OF_LONGEST " and position = 1",
     "entry 2: entries before it are missing", "the first"},
    {"delete from audit.entry where " OF_LONGEST " and position = 10",
     "entry 10: entries at the end are missing", "the last"},
    {"delete from audit.entry", "entries at the end are missing", "all of them"},
    {"insert into audit.entry select chain, position + 1, at, client_id, role, subject, "
     "'record.forged', resource, record_id, version, request_id, properties, " FORGED_HASH
     " from audit.entry e where " OF_LONGEST " and position = 10",
     "entries at the end are missing", "one more, of which the chain knows nothing"},
    {"update audit.entry set position = 100 where " OF_LONGEST " and position = 5; "
     "update audit.entry set position = 5 where " OF_LONGEST " and position = 6; "
     "update audit.entry set position = 6 where " OF_LONGEST " and position = 100",
     "entry 5: it is not what was written", "two in the wrong order"},
    {"update audit.chain set entries = 11 where id = " LONGEST,
     "entry 11: entries at the end are missing", "a chain that claims more"},
    {"delete from audit.entry where " OF_LONGEST " and position > 7; "
     "update audit.chain set entries = 7, head = (select hash from audit.entry where " OF_LONGEST
     " and position = 7) where id = " LONGEST,
     "entry 10: it is not what seal", "the end, and the head moved back: the seal knows"},
    {"delete from audit.entry where " OF_LONGEST " and position <= 3; "
     "update audit.chain set anchor_position = 3, anchor = '\\x00' where id = " LONGEST,
     "entry 4: it is not what was written", "the beginning, with an anchor of one's own"},
    {"update audit.seal set positions[1] = 77", "the seal is not what was written", "a seal"},
    {"update audit.seal set number = number + 1", "the seal is not what was written",
     "the number of a seal"},
};

static void save(void)
{
    test_database_run("create table public.saved_entry as table audit.entry; "
                      "create table public.saved_chain as table audit.chain; "
                      "create table public.saved_seal as table audit.seal");
}

static void restore(void)
{
    test_database_run("delete from audit.entry; delete from audit.seal; "
                      "update audit.chain c set entries = s.entries, head = s.head, "
                      "anchor = s.anchor, anchor_position = s.anchor_position "
                      "from public.saved_chain s where s.id = c.id; "
                      "insert into audit.entry select * from public.saved_entry; "
                      "insert into audit.seal select * from public.saved_seal");
}

#define ONE_ID "00000000-0000-4000-8000-000000000001"
#define OTHER_ID "00000000-0000-4000-8000-000000000002"

Test(ledger, many_entries_at_once_are_links_of_the_chain_like_any_others)
{
    append_many(2);
    append_all("{" ONE_ID "," OTHER_ID "," ONE_ID "}", "{1,2,3}");
    append_all("{" OTHER_ID "}", NULL);
    append_all("{}", NULL);
    append_many(1);
    free(root_of_whole());
    cr_assert_eq(count_of("select count(*) from audit.entry"), 7);
    cr_assert_eq(count_of("select count(*) from audit.entry where request_id = 'all' and action = "
                          "'record.read' and role = 'editor' and version is not null"),
                 3);
    test_database_run("update audit.entry set record_id = '" OTHER_ID "' where version = 1 and "
                      "request_id = 'all'");
    check_broken(NULL, "it is not what was written", "one of many");
}

/* Checks P13. */
Test(ledger, whatever_is_changed_afterwards_is_found)
{
    append_many(10);
    free(root_of_whole());
    save();
    for (size_t i = 0; i < ARRAY_LENGTH(TAMPERINGS); i++) {
        test_database_run(TAMPERINGS[i].sql);
        check_broken(NULL, TAMPERINGS[i].said, TAMPERINGS[i].why);
        restore();
    }
    free(root_of_whole());
}

/* Checks P13. */
Test(ledger, an_end_that_was_cut_together_with_its_seals_is_found_by_a_root_kept_elsewhere)
{
    char *root, *later;

    append_many(10);
    root = root_of_whole();
    append_many(1);
    later = root_of_whole();
    cr_assert_str_neq(root, later);
    test_database_run("delete from audit.entry where " OF_LONGEST " and position > 7; "
                      "update audit.chain set entries = 7, head = (select hash from audit.entry "
                      "where " OF_LONGEST " and position = 7) where id = " LONGEST
                      "; delete from audit.seal");
    free(root_of_whole()); /* for itself it is whole */
    check_broken(root, root, "the first root");
    check_broken(later, later, "the later root");
    free(root);
    free(later);
}

Test(ledger, roots_that_were_kept_are_found_again_as_the_log_grows)
{
    struct program_result result;
    char *first, *second;

    append_many(3);
    first = root_of_whole();
    append_many(3);
    second = root_of_whole();
    append_many(3);
    cr_assert_eq(command((const char *const[]){"audit", "verify", "--expect", first, "--expect",
                                               second, NULL},
                         &result),
                 0, "%s%s", result.out, result.error);
    program_result_deinit(&result);
    second[0] = second[0] == '0' ? '1' : '0';
    check_broken(second, second, "a root that was never given");
    free(first);
    free(second);
}

Test(ledger, entries_that_age_cannot_have_removed_are_missed)
{
    free(root_of_whole());
    append_many(10);
    test_database_run("update audit.chain set anchor_position = entries, anchor = head; "
                      "delete from audit.entry");
    check_broken(NULL, "and are younger than seal 1", "removed as if they had aged");
}

Test(ledger, words_that_mean_nothing_are_refused)
{
    static const char *const ROWS[][WORDS_MAX] = {
        {"audit", NULL},
        {"audit", "read", NULL},
        {"audit", "verify", "--expect", NULL},
        {"audit", "verify", "--expect", "abc", NULL},
        {"audit", "verify", "--root", "x", NULL},
        {"audit", "prune", NULL},
        {"audit", "prune", "--days", "89", NULL},
        {"audit", "prune", "--days", "-1", NULL},
        {"audit", "prune", "--days", "x", NULL},
        {"housekeeping", "now", NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct program_result result;

        cr_assert_eq(command(ROWS[i], &result), 2, "row %zu: %s", i, result.error);
        cr_assert_neq(result.error[0], '\0', "row %zu", i);
        program_result_deinit(&result);
    }
}

/* --- age ----------------------------------------------------------------------------------- */

Test(ledger, age_removes_beginnings_and_leaves_whole_chains)
{
    struct program_result result;

    append_old(0, 400, 20);
    append_old(0, 100, 20);
    append_old(0, 80, 20);
    append_old(1, 400, 5);
    append_old(2, 10, 5);
    free(root_of_whole());
    cr_assert_eq(command((const char *const[]){"audit", "prune", "--days", "365", NULL}, &result),
                 0, "%s", result.error);
    cr_assert_str_eq(result.out, "25 entries removed\n");
    program_result_deinit(&result);
    cr_assert_eq(count_of("select count(*) from audit.entry where at < now() - interval "
                          "'365 days'"),
                 0);
    free(root_of_whole());
    cr_assert_eq(command((const char *const[]){"audit", "prune", "--days", "90", NULL}, &result), 0,
                 "%s", result.error);
    cr_assert_str_eq(result.out, "20 entries removed\n");
    program_result_deinit(&result);
    cr_assert_eq(count_of("select count(*) from audit.entry where chain in (0, 2) and "
                          "request_id = 'old'"),
                 25, "what is younger than 90 days stays");
    cr_assert_eq(count_of("select count(*) from audit.entry where action = 'audit.prune' and "
                          "role = 'system'"),
                 2, "each time leaves an entry");
    free(root_of_whole());
    append_old(0, 1, 3);
    append_old(1, 1, 3);
    free(root_of_whole());
}

Test(ledger, more_than_a_batch_is_removed_too)
{
    struct program_result result;

    append_old(7, 200, 6000);
    cr_assert_eq(command((const char *const[]){"audit", "prune", "--days", "90", NULL}, &result), 0,
                 "%s", result.error);
    cr_assert_str_eq(result.out, "6000 entries removed\n");
    program_result_deinit(&result);
    free(root_of_whole());
}

/* --- housekeeping ---------------------------------------------------------------------------- */

static const char WHAT_IS_DUE[] =
    "set express.role = 'admin'; "
    "insert into identity.idempotency_key (caller, key, fingerprint, created_at) "
    "select 'client:x', 'old-' || i, '\\x01', now() - interval '25 hours' "
    "from generate_series(1, 1500) i; "
    "insert into identity.idempotency_key (caller, key, fingerprint, created_at) values "
    "('client:x', 'young', '\\x01', now() - interval '23 hours'); "
    "insert into identity.revoked_token (jti, expires_at) values "
    "('old', now() - interval '1 minute'), ('young', now() + interval '1 minute'); "
    "insert into catalogue.proposal (id, resource, record_id, base_version, patch, erasure_hash, "
    "state, decided_at) select gen_random_uuid(), resource, id, 1, '{}', '\\x01', 'accepted', "
    "now() - day * interval '1 day' from (select * from catalogue.record order by id limit 1) r, "
    "(values (29), (31), (400)) days (day); "
    "insert into catalogue.proposal (id, resource, record_id, base_version, patch, erasure_hash, "
    "created_at) select gen_random_uuid(), resource, id, 1, '{}', '\\x01', "
    "now() - interval '60 days' from catalogue.record order by id limit 1; "
    "insert into catalogue.proposal_contact (proposal_id, name) select id, 'canary' "
    "from catalogue.proposal";

/* Checks I10. */
Test(ledger, housekeeping_removes_what_has_served_its_time_and_nothing_else)
{
    static const char *const WORDS[] = {"housekeeping", NULL};
    struct program_result result;

    test_database_run(WHAT_IS_DUE);
    append_old(0, 400, 1200);
    append_old(1, 300, 10);
    cr_assert_eq(command(WORDS, &result), 0, "%s", result.error);
    cr_assert_not_null(strstr(result.out, "removed idempotency_keys=1500 revoked_tokens=1 "
                                          "proposal_contacts=2 erasure_askers=0 "
                                          "participants=0 audit_entries=1200\n"),
                       "%s", result.out);
    cr_assert_not_null(strstr(result.out, "sealed number=1 root="), "%s", result.out);
    program_result_deinit(&result);
    cr_assert_eq(count_of("select count(*) from identity.idempotency_key"), 1);
    cr_assert_eq(count_of("select count(*) from identity.revoked_token"), 1);
    cr_assert_eq(count_of("select count(*) from catalogue.proposal_contact"), 2,
                 "of an open proposal, and of one decided 29 days ago");
    cr_assert_eq(count_of("select count(*) from audit.entry where action = 'proposal.erase' and "
                          "role = 'service' and record_id in (select id from catalogue.proposal)"),
                 2, "each contact that was erased left an entry");
    free(root_of_whole());
    cr_assert_eq(command(WORDS, &result), 0, "%s", result.error);
    cr_assert_str_eq(result.out, "removed idempotency_keys=0 revoked_tokens=0 "
                                 "proposal_contacts=0 erasure_askers=0 participants=0 "
                                 "audit_entries=0\n");
    program_result_deinit(&result);
}

Test(ledger, housekeeping_leaves_it_to_the_node_that_is_at_it)
{
    struct db_pool *pool = sql_pool("express_writer", NULL);
    struct program_result result;
    struct db *other = NULL;

    test_database_run(WHAT_IS_DUE);
    cr_assert_eq(db_lease(pool, &other), 0);
    cr_assert_eq(db_begin(other), 0);
    cr_assert_str_eq(sql_value(other, "select pg_try_advisory_xact_lock("
                                      "hashtextextended('express.housekeeping', 0))"),
                     "t");
    cr_assert_eq(command((const char *const[]){"housekeeping", NULL}, &result), 0, "%s",
                 result.error);
    cr_assert_not_null(strstr(result.out, "another node is at it"), "%s", result.out);
    program_result_deinit(&result);
    cr_assert_eq(count_of("select count(*) from identity.idempotency_key"), 1501);
    db_rollback(other);
    db_release(other);
    db_pool_free(pool);
    cr_assert_eq(command((const char *const[]){"housekeeping", NULL}, &result), 0, "%s",
                 result.error);
    program_result_deinit(&result);
    cr_assert_eq(count_of("select count(*) from identity.idempotency_key"), 1);
}

Test(ledger, housekeeping_without_a_database_fails_with_a_sentence)
{
    struct program_result result;

    cr_assert(program_run((const char *const[]){"housekeeping", NULL},
                          (const char *const[]){"EXPRESS_DATABASE_URL=host=/nowhere", NULL},
                          &result));
    cr_assert_eq(result.exit_code, 1);
    cr_assert_not_null(strstr(result.error, "the round ended early"), "%s", result.error);
    program_result_deinit(&result);
}
