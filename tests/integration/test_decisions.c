/*
 * Every table has a decision here: is it private, by which rule, and who may do what with it. What
 * the database says of itself is held against that, so that a table without a decision, a policy
 * that is missing or a privilege too many fails this test.
 */
#include "base/annotate.h"
#include "base/text.h"
#include "db/db.h"
#include "support/leaks.h"
#include "support/records.h"
#include "support/sql.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(decisions, .fini = test_ends_without_leaks, .timeout = 120);

#define ALL "delete,insert,select,update"
#define OUR_SCHEMAS "('catalogue', 'published', 'identity', 'audit', 'mentoring', 'public')"
#define NAME_BYTES 128
#define FAULTS_BYTES_MAX (256 * 1024)

enum kind {
    PRIVATE,   /* policies, forced, for each command that express_writer has */
    OF_RECORD, /* the same, those of catalogue.protect_resource() */
    FACTS,     /* of what is public: no policies, and not for express_public */
    PUBLISHED, /* express_public reads all of it */
    OF_OTHERS  /* of who runs migrations: none of our roles has anything to do with it */
};

/* Resource tables and their children follow from the contract: see decision_of(). */
static const struct decision {
    const char *table;
    enum kind kind;
    const char *writer; /* privileges of express_writer, sorted */
    const char *why;
} DECISIONS[] = {
    {"catalogue.record", PRIVATE, "insert,select,update", "drafts; rows stay for ever"},
    {"catalogue.record_translations", OF_RECORD, ALL, ""},
    {"catalogue.record_source_other_documents", OF_RECORD, ALL, ""},
    {"catalogue.version", PRIVATE, "insert,select", "drafts, and who wrote them; only added to"},
    {"catalogue.slug_history", PRIVATE, ALL, "addresses of drafts"},
    {"catalogue.change", FACTS, "insert,select", "ids of what was published; only added to"},
    {"catalogue.proposal", PRIVATE, "insert,select,update", "words of readers"},
    {"catalogue.proposal_contact", PRIVATE, "delete,insert,select", "persons"},
    {"catalogue.migration", OF_OTHERS, "", "made by the login role"},
    {"identity.client", PRIVATE, "insert,select,update", "who may sign in; disabled, not deleted"},
    {"identity.client_secret", PRIVATE, ALL, "hashes of secrets"},
    {"identity.signing_key", PRIVATE, "insert,select", "retired on the command line"},
    {"identity.revoked_token", PRIVATE, "delete,insert,select", "a token does not come back"},
    {"identity.idempotency_key", PRIVATE, ALL, "what somebody has just done"},
    {"audit.entry", PRIVATE, "select", "written by audit.append() alone"},
    {"audit.chain", PRIVATE, "", "as above"},
    {"audit.seal", PRIVATE, "", "written by audit.take_seal() alone"},
    {"mentoring.participant", PRIVATE, "insert,select,update", "persons; erased by a function"},
    {"mentoring.participant_language", PRIVATE, ALL, "of persons"},
    {"mentoring.contact", PRIVATE, ALL, "how to reach a person"},
    {"mentoring.consent", PRIVATE, "insert,select,update", "withdrawn, not deleted"},
    {"mentoring.transition", FACTS, "select", "the moves that there are, as in the contract"},
    {"mentoring.pair", PRIVATE, "insert,select,update", "who is with whom"},
    {"mentoring.pair_move", PRIVATE, "insert,select", "what happened; only added to"},
    {"mentoring.meeting", PRIVATE, "insert,select,update", "when two people meet"},
    {"mentoring.goal", PRIVATE, "insert,select,update", "what a pair works towards"},
    {"mentoring.feedback", PRIVATE, "insert,select,update", "one side's word"},
    {"mentoring.outcome", PRIVATE, "delete,insert,select", "what became of a mentee"},
    {"mentoring.erasure", PRIVATE, "", "written by functions alone"},
    {"published.model", PUBLISHED, "select", "made by migrate"},
    {"published.words", PUBLISHED, ALL, ""},
    {"published.stems", PUBLISHED, ALL, ""},
    {"published.search_languages", PUBLISHED, ALL, ""},
    {"published.gone", PUBLISHED, ALL, ""},
    {"published.moved", PUBLISHED, ALL, ""},
    {"published.history", PUBLISHED, ALL, ""},
    {"published.mentoring_statistics", PUBLISHED, "select",
     "added by a function, and never changed"},
    {"published.financing_moment", PUBLISHED, ALL, "dates of what is public"},
    {"published.exchange_rate", PUBLISHED, "select", "imported on the command line"},
};

/* Functions that act as the owner, and who may call them beside it. */
static const struct {
    const char *function;
    const char *callers;
    const char *why;
} DEFINERS[] = {
    {"audit.append(text,text,uuid,integer,text[])", "express_writer",
     "says of the transaction what cannot be said otherwise"},
    {"audit.append_all(text,text,uuid[],integer[],text[],text[])", "express_writer",
     "as above, of many at once"},
    {"audit.faults()", "", "the command line verifies"},
    {"audit.prune(interval,integer)", "express_writer", "asks for the role; 90 days at least"},
    {"audit.take_seal(interval)", "express_writer", "asks for the role; adds, and shows a hash"},
    {"catalogue.erase_proposal_contact(uuid,bytea)", "express_writer",
     "asks for the code that was told to the sender"},
    {"catalogue.limit_proposals()", "", "a trigger; counts what who proposes may not see"},
    {"identity.move_clients(uuid,uuid)", "express_writer",
     "asks for an editor and a merge; along with it only"},
    {"mentoring.cancel_meetings()", "", "a trigger; of a pair that is over"},
    {"mentoring.erase(uuid,mentoring.participant_kind)", "express_writer",
     "asks for the person, the coordinator or an administrator"},
    {"mentoring.erase_again(uuid,uuid,mentoring.participant_kind,text,timestamp with time zone)",
     "", "the command line erases again"},
    {"mentoring.erasures_since(timestamp with time zone)", "express_writer",
     "asks for the role; ids that lead to nobody"},
    {"mentoring.expire(interval,integer,integer)", "express_writer",
     "asks for the role, and a bound"},
    {"mentoring.forget_askers(integer)", "express_writer", "asks for the role"},
    {"mentoring.gone(uuid,mentoring.participant_kind)", "express_writer",
     "asks for the caller of the erasure"},
    {"mentoring.is_erasing(uuid)", "", "asked by a trigger; true in the erasing transaction alone"},
    {"mentoring.people()", "express_writer", "a count, for the bound of retention"},
    {"mentoring.receipt(uuid)", "express_writer", "asks for a receipt"},
    {"mentoring.subject_access(uuid,mentoring.participant_kind)", "express_writer",
     "asks for the person or the coordinator"},
    {"mentoring.check_moved()", "", "a trigger; asks for the move in the history"},
    {"mentoring.guard_feedback()", "", "a trigger; asks for the moment"},
    {"mentoring.guard_goal()", "", "a trigger; locks the pair"},
    {"mentoring.guard_meeting()", "", "a trigger; locks the pair, sets when it is overdue"},
    {"mentoring.guard_outcome()", "", "a trigger; asks for the moment, locks the pair"},
    {"mentoring.guard_proposal()", "", "a trigger; counts pairs, and locks both persons"},
    {"mentoring.name_in_log(text,uuid)", "", "what the audit log calls a participant"},
    {"mentoring.programme_rules(uuid,text)", "express_writer",
     "rules of a programme, for who coordinates it or is in it"},
    {"mentoring.publish_statistics(integer,json)", "express_writer",
     "asks for the server and the date; adds one row a year"},
    {"mentoring.statistics_rows(integer,integer,bigint)", "express_writer",
     "asks for the server and the date; nothing leads to a person"},
    {"mentoring.guard_intake()", "", "a trigger; counts who is in the intake"},
    {"mentoring.guard_consent()", "",
     "a trigger; consent of who has left is not the caller's to see"},
    {"mentoring.heed_withdrawal()", "", "a trigger; ends the pairs of who withdraws"},
};

/* Keys but the primary ones: whoever meets a taken value learns that it is taken. */
static const struct {
    const char *index;
    const char *why;
} KEYS[] = {
    {"catalogue.record_public_slug", "addresses that were public, which everybody knows"},
    {"catalogue.record_owned_slug", "one owner's"},
    {"catalogue.record_owned_source", "one owner's"},
    {"catalogue.record_translations_record_id_language_property_key", "one record's"},
    {"audit.seal_root_key", "nobody chooses a hash"},
    {"mentoring.participant_audit_id_key", "nobody chooses it"},
    {"mentoring.participant_present", "one programme's"},
    {"mentoring.participant_id_programme_id_kind_key", "nobody chooses an id"},
    {"mentoring.consent_present", "one person's"},
    {"mentoring.pair_mentee_open", "one programme's"},
    {"mentoring.goal_pair_id_term_key", "one pair's"},
};

/* --- what was decided ------------------------------------------------------------------------ */

/* Is @name the table of a resource, or of that with one of @ends (NULL: with any) behind it? */
static bool is_of_resource(const char *name, const char *const *ends)
{
    const json_t *resource;
    size_t i;

    json_array_foreach (records_resources(), i, resource) {
        char table[NAME_BYTES];
        size_t length;

        (void)snprintf(table, sizeof(table), "%s", json_string_value(resource));
        for (char *at = table; *at != '\0'; at++)
            if (*at == '-')
                *at = '_';
        length = strlen(table);
        if (strncmp(name, table, length) != 0)
            continue;
        if (name[length] == '\0' || (ends == NULL && name[length] == '_'))
            return true;
        for (size_t j = 0; ends != NULL && ends[j] != NULL; j++)
            if (strcmp(name + length, ends[j]) == 0)
                return true;
    }
    return false;
}

static bool decision_of(const char *table, struct decision *ret_decision)
{
    static const char *const ENDS[] = {"_documents", "_terms", "_search", NULL};

    for (size_t i = 0; i < ARRAY_LENGTH(DECISIONS); i++) {
        if (strcmp(DECISIONS[i].table, table) == 0) {
            *ret_decision = DECISIONS[i];
            return true;
        }
    }
    *ret_decision = (struct decision){.table = table, .writer = ALL, .why = "of a resource"};
    if (strncmp(table, "catalogue.", 10) == 0 && is_of_resource(table + 10, NULL)) {
        ret_decision->kind = OF_RECORD;
        return true;
    }
    if (strncmp(table, "published.", 10) == 0 && is_of_resource(table + 10, ENDS)) {
        ret_decision->kind = PUBLISHED;
        return true;
    }
    return false;
}

/* --- what the database says of itself ----------------------------------------------------------
 */

static struct db_rows *ask(struct db *db, const char *sql)
{
    struct db_rows *rows = NULL;

    cr_assert_eq(db_run_text(db, sql, DB_PLAN_CUSTOM, 0, NULL, &rows), 0, "%s: %s", sql,
                 db_sqlstate(db));
    return rows;
}

static void check_equal(struct text *faults, const char *what, const char *name, const char *is,
                        const char *expected)
{
    if (strcmp(is, expected) != 0)
        text_append_format(faults, "%s: %s is '%s', not '%s'\n", name, what, is, expected);
}

enum {
    TABLE_NAME,
    TABLE_KIND,
    TABLE_FORCED,
    TABLE_OWNER,
    TABLE_WRITER,
    TABLE_PUBLIC,
    TABLE_OTHERS,
    TABLE_COMMANDS,
    TABLE_INVOKER
};
static const char TABLES[] =
    "select n.nspname || '.' || c.relname, c.relkind, "
    "(c.relrowsecurity and c.relforcerowsecurity)::text, c.relowner::regrole::text, "
    "g.writer, g.public, g.others || coalesce((select ',' || string_agg(attname, ',') "
    "from pg_attribute where attrelid = c.oid and attacl is not null), ''), "
    "coalesce((select string_agg(distinct p.polcmd::text, '') from pg_policy p "
    "where p.polrelid = c.oid and p.polpermissive and (p.polroles = '{0}' "
    "or 'express_writer'::regrole = any (p.polroles))), ''), "
    "coalesce(array_to_string(c.reloptions, ','), '') "
    "from pg_class c join pg_namespace n on n.oid = c.relnamespace cross join lateral (select "
    "coalesce(string_agg(lower(a.privilege_type), ',' order by a.privilege_type) "
    "filter (where a.grantee = 'express_writer'::regrole), '') as writer, "
    "coalesce(string_agg(lower(a.privilege_type), ',' order by a.privilege_type) "
    "filter (where a.grantee = 'express_public'::regrole), '') as public, "
    "coalesce(string_agg(distinct coalesce(nullif(a.grantee, 0)::regrole::text, 'everybody'), "
    "',') filter (where a.grantee not in (c.relowner, 'express_writer'::regrole, "
    "'express_public'::regrole)), '') as others from aclexplode(c.relacl) a) g "
    "where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname in " OUR_SCHEMAS " order by 1";

/* Each command that @writer names must have a policy: "r" select, "a" insert, "w" update, "d". */
static void check_policies(struct text *faults, const char *table, const char *writer,
                           const char *commands)
{
    static const char *const COMMANDS_OF[][2] = {
        {"select", "r"}, {"insert", "a"}, {"update", "w"}, {"delete", "d"}};

    for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS_OF); i++)
        if (strstr(writer, COMMANDS_OF[i][0]) != NULL && strpbrk(commands, "*") == NULL &&
            strstr(commands, COMMANDS_OF[i][1]) == NULL)
            text_append_format(faults, "%s: no policy for %s\n", table, COMMANDS_OF[i][0]);
}

static void check_table(struct text *faults, const struct db_rows *rows, size_t row)
{
    const char *name = db_rows_text(rows, row, TABLE_NAME);
    const char *kind = db_rows_text(rows, row, TABLE_KIND);
    struct decision decision;
    bool is_private;

    if (strcmp(kind, "v") == 0 &&
        strstr(db_rows_text(rows, row, TABLE_INVOKER), "security_invoker=true") == NULL)
        text_append_format(faults, "%s: a view that sees what its owner sees\n", name);
    if (strcmp(kind, "m") == 0)
        text_append_format(faults, "%s: a materialised view, which no policy reaches\n", name);
    if (!decision_of(name, &decision)) {
        text_append_format(faults, "%s: nobody has decided whether it is private\n", name);
        return;
    }
    is_private = decision.kind == PRIVATE || decision.kind == OF_RECORD;
    if (decision.kind != OF_OTHERS)
        check_equal(faults, "owner", name, db_rows_text(rows, row, TABLE_OWNER), "express_owner");
    check_equal(faults, "forced row-level security", name, db_rows_text(rows, row, TABLE_FORCED),
                is_private ? "true" : "false");
    check_equal(faults, "express_writer's", name, db_rows_text(rows, row, TABLE_WRITER),
                decision.writer);
    check_equal(faults, "express_public's", name, db_rows_text(rows, row, TABLE_PUBLIC),
                decision.kind == PUBLISHED ? "select" : "");
    check_equal(faults, "others who have privileges", name, db_rows_text(rows, row, TABLE_OTHERS),
                "");
    if (is_private)
        check_policies(faults, name, decision.writer, db_rows_text(rows, row, TABLE_COMMANDS));
}

static void check_tables(struct db *db, struct text *faults)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = ask(db, TABLES);

    for (size_t i = 0; i < db_rows_count(rows); i++)
        check_table(faults, rows, i);
    /* A decision about nothing is one that somebody forgot to take back. */
    for (size_t i = 0; i < ARRAY_LENGTH(DECISIONS); i++) {
        bool is_there = false;

        for (size_t j = 0; j < db_rows_count(rows) && !is_there; j++)
            is_there = strcmp(db_rows_text(rows, j, TABLE_NAME), DECISIONS[i].table) == 0;
        if (!is_there)
            text_append_format(faults, "%s: there is no such table\n", DECISIONS[i].table);
    }
}

static const char FUNCTIONS[] =
    "select p.oid::regprocedure::text, coalesce(array_to_string(p.proconfig, ';'), ''), "
    "coalesce((select string_agg(coalesce(nullif(g.grantee, 0)::regrole::text, 'everybody'), ',') "
    "from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g "
    "where g.grantee <> p.proowner), ''), p.proowner::regrole::text "
    "from pg_proc p join pg_namespace n on n.oid = p.pronamespace "
    "where n.nspname in " OUR_SCHEMAS " and p.prosecdef order by 1";

static void check_functions(struct db *db, struct text *faults)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = ask(db, FUNCTIONS);

    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *name = db_rows_text(rows, i, 0);
        size_t j = 0;

        while (j < ARRAY_LENGTH(DEFINERS) && strcmp(DEFINERS[j].function, name) != 0)
            j++;
        if (j == ARRAY_LENGTH(DEFINERS)) {
            text_append_format(faults, "%s: acts as its owner, and nobody has looked at it\n",
                               name);
            continue;
        }
        check_equal(faults, "configuration", name, db_rows_text(rows, i, 1),
                    "search_path=pg_catalog, pg_temp");
        check_equal(faults, "who may call it", name, db_rows_text(rows, i, 2), DEFINERS[j].callers);
        check_equal(faults, "owner", name, db_rows_text(rows, i, 3), "express_owner");
    }
    if (db_rows_count(rows) < ARRAY_LENGTH(DEFINERS))
        text_append(faults, "a function of the list is not there\n");
}

static const char UNIQUE_KEYS[] =
    "select n.nspname || '.' || c.relname from pg_index i join pg_class c on c.oid = i.indexrelid "
    "join pg_class t on t.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace "
    "where i.indisunique and not i.indisprimary and t.relrowsecurity order by 1";

static void check_keys(struct db *db, struct text *faults)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = ask(db, UNIQUE_KEYS);

    for (size_t i = 0; i < db_rows_count(rows); i++) {
        bool is_known = false;

        for (size_t j = 0; j < ARRAY_LENGTH(KEYS) && !is_known; j++)
            is_known = strcmp(KEYS[j].index, db_rows_text(rows, i, 0)) == 0;
        if (!is_known)
            text_append_format(faults, "%s: a key that may tell of what others have\n",
                               db_rows_text(rows, i, 0));
    }
}

/* Each gives a name for everything that is wrong. */
static const struct {
    const char *sql, *fault;
} RULES[] = {
    {"select rolname from pg_roles where rolname in ('express_owner', 'express_public', "
     "'express_writer') and (rolsuper or rolbypassrls or rolcanlogin or rolcreaterole or "
     "rolcreatedb or rolreplication)",
     "may do more than its work"},
    {"select member::regrole::text || ' in ' || roleid::regrole::text from pg_auth_members "
     "where member in ('express_owner'::regrole, 'express_public'::regrole, "
     "'express_writer'::regrole)",
     "is a member of another role"},
    {"select n.nspname || ' for ' || coalesce(nullif(g.grantee, 0)::regrole::text, 'everybody') "
     "|| ' ' || g.privilege_type from pg_namespace n, aclexplode(n.nspacl) g "
     "where n.nspname in ('catalogue', 'published', 'identity', 'audit') "
     "and g.grantee <> n.nspowner and (g.privilege_type <> 'USAGE' "
     "or g.grantee not in ('express_writer'::regrole, 'express_public'::regrole) "
     "or (g.grantee = 'express_public'::regrole and n.nspname <> 'published'))",
     "a schema is open"},
    {"select defaclobjtype::text from pg_default_acl", "privileges that come by themselves"},
    {"select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
     "where c.relkind = 'S' and n.nspname in " OUR_SCHEMAS " and exists (select from "
     "aclexplode(c.relacl) g where g.grantee <> c.relowner)",
     "a sequence is open"},
    {"select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = "
     "p.pronamespace where n.nspname in " OUR_SCHEMAS " and p.proowner::regrole::text <> "
     "'express_owner'",
     "a function of somebody else"},
    {"select polrelid::regclass::text || ' ' || polname from pg_policy "
     "where polroles <> '{0}' and not polroles <@ array['express_writer'::regrole::oid, "
     "'express_owner'::regrole::oid]",
     "a policy for somebody else"},
    {"select polrelid::regclass::text || ' ' || polname from pg_policy "
     "where pg_get_expr(polqual, polrelid) = 'true' and 'express_owner'::regrole <> all (polroles)",
     "a policy that asks nothing"},
};

static void check_rules(struct db *db, struct text *faults)
{
    for (size_t i = 0; i < ARRAY_LENGTH(RULES); i++) {
        CLEANUP(db_rows_freep) struct db_rows *rows = ask(db, RULES[i].sql);

        for (size_t j = 0; j < db_rows_count(rows); j++)
            text_append_format(faults, "%s: %s\n", db_rows_text(rows, j, 0), RULES[i].fault);
    }
}

static void judge(struct db *db, struct text *faults)
{
    text_init(faults, FAULTS_BYTES_MAX);
    check_tables(db, faults);
    check_functions(db, faults);
    check_keys(db, faults);
    check_rules(db, faults);
    cr_assert_not(text_failed(faults));
}

/* Checks Z18, Z19, Z20, M7. */
Test(decisions, the_database_is_as_was_decided)
{
    struct db_pool *pool = sql_pool(NULL, NULL);
    struct db *db = NULL;
    struct text faults;

    cr_assert_eq(db_lease(pool, &db), 0);
    judge(db, &faults);
    cr_assert_str_empty(faults.bytes, "%s", faults.bytes);
    text_deinit(&faults);
    db_release(db);
    db_pool_free(pool);
}

/* What somebody might do, and how it must be named. */
static const struct {
    const char *sql, *named;
} PLANTED[] = {
    {"create table catalogue.secrets (id uuid)", "catalogue.secrets: nobody has decided"},
    {"create table identity.person (name text)", "identity.person: nobody has decided"},
    {"create table public.scratch ()", "public.scratch: nobody has decided"},
    {"create table published.drafts ()", "published.drafts: nobody has decided"},
    {"create table catalogue.practices_notes (record_id uuid); alter table "
     "catalogue.practices_notes owner to express_owner; grant select, insert, update, delete on "
     "catalogue.practices_notes to express_writer",
     "catalogue.practices_notes: forced row-level security is 'false'"},
    {"create table catalogue.practices_notes (record_id uuid); alter table "
     "catalogue.practices_notes enable row level security",
     "catalogue.practices_notes: forced row-level security is 'false'"},
    {"alter table catalogue.version no force row level security",
     "catalogue.version: forced row-level security is 'false'"},
    {"alter table catalogue.record disable row level security",
     "catalogue.record: forced row-level security is 'false'"},
    {"alter table identity.client owner to current_user", "identity.client: owner is"},
    {"drop policy remove on catalogue.practices", "catalogue.practices: no policy for delete"},
    {"grant truncate on catalogue.record to express_writer",
     "catalogue.record: express_writer's is 'insert,select,truncate,update'"},
    {"grant references, trigger on identity.client to express_writer",
     "identity.client: express_writer's is 'insert,references,select,trigger,update'"},
    {"grant update (hash) on audit.entry to express_writer",
     "audit.entry: others who have privileges is ',hash'"},
    {"grant select on catalogue.version to public",
     "catalogue.version: others who have privileges is 'everybody'"},
    {"grant select on catalogue.record to express_public",
     "catalogue.record: express_public's is 'select'"},
    {"grant insert on published.practices to express_public",
     "published.practices: express_public's is 'insert,select'"},
    {"create view catalogue.all_records as select * from catalogue.record",
     "catalogue.all_records: a view that sees what its owner sees"},
    {"create materialized view published.copy as select * from catalogue.record",
     "published.copy: a materialised view"},
    {"create function catalogue.peek() returns bigint language sql security definer as "
     "'select count(*) from catalogue.record'",
     "catalogue.peek(): acts as its owner"},
    {"alter function audit.append reset search_path",
     "audit.append(text,text,uuid,integer,text[]): configuration is ''"},
    {"grant execute on function audit.faults to public",
     "audit.faults(): who may call it is 'everybody'"},
    {"create unique index on catalogue.record (resource, source_external_id)",
     "catalogue.record_resource_source_external_id_idx: a key that may tell"},
    {"alter role express_writer bypassrls", "express_writer: may do more than its work"},
    {"alter role express_owner login", "express_owner: may do more than its work"},
    {"grant express_owner to express_writer",
     "express_writer in express_owner: is a member of another role"},
    {"grant usage on schema identity to express_public",
     "identity for express_public USAGE: a schema is open"},
    {"grant create on schema catalogue to express_writer",
     "catalogue for express_writer CREATE: a schema is open"},
    {"alter default privileges in schema catalogue grant select on tables to express_public",
     "r: privileges that come by themselves"},
    {"create policy all_of_it on identity.client for select using (true)",
     "identity.client all_of_it: a policy that asks nothing"},
    {"drop table identity.revoked_token", "identity.revoked_token: there is no such table"},
};

/* Each in a transaction that is rolled back; one after the other, for they lock one another out. */
Test(decisions, what_nobody_decided_is_named)
{
    struct db_pool *pool = sql_pool(NULL, NULL);
    struct db *db = NULL;

    cr_assert_eq(db_lease(pool, &db), 0);
    for (size_t i = 0; i < ARRAY_LENGTH(PLANTED); i++) {
        struct text faults;

        cr_assert_eq(db_begin(db), 0);
        cr_assert_eq(db_run_script(db, PLANTED[i].sql), 0, "%s: %s", PLANTED[i].sql,
                     db_message(db));
        judge(db, &faults);
        cr_assert_not_null(strstr(faults.bytes, PLANTED[i].named), "%s:\n%s", PLANTED[i].sql,
                           faults.bytes);
        text_deinit(&faults);
        db_rollback(db);
    }
    db_release(db);
    db_pool_free(pool);
}
