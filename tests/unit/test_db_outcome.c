#include "base/annotate.h"
#include "db/db.h"
#include "db/outcome.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <errno.h>

TestSuite(db_outcome, .fini = test_ends_without_leaks);

Test(db_outcome, every_sqlstate_has_its_outcome)
{
    static const struct {
        const char *sqlstate;
        int outcome;
        const char *why;
    } ROWS[] = {
        {NULL, DB_UNAVAILABLE, "libpq's own error: the connection is gone"},
        {"", DB_UNAVAILABLE, "the same, copied"},
        {"08000", DB_UNAVAILABLE, "connection exception"},
        {"08006", DB_UNAVAILABLE, "connection failure"},
        {"08P01", DB_UNAVAILABLE, "protocol violation"},
        {"53300", DB_UNAVAILABLE, "too many connections"},
        {"53100", DB_UNAVAILABLE, "disk full"},
        {"57P01", DB_UNAVAILABLE, "admin shutdown"},
        {"57P02", DB_UNAVAILABLE, "crash shutdown"},
        {"57P03", DB_UNAVAILABLE, "cannot connect now"},
        {"57P04", DB_UNAVAILABLE, "database dropped"},
        {"57P05", DB_UNAVAILABLE, "idle session timeout"},
        {"57014", DB_TIMEOUT, "query cancelled"},
        {"25P03", DB_TIMEOUT, "idle in transaction"},
        {"40001", DB_CONTENTION, "serialisation failure"},
        {"40P01", DB_CONTENTION, "deadlock"},
        {"55P03", DB_CONTENTION, "lock not available"},
        {"40003", DB_OUTCOME_UNKNOWN, "completion unknown"},
        {"25006", DB_READ_ONLY, "read-only transaction"},
        {"23505", DB_UNIQUE_VIOLATION, "unique"},
        {"23P01", DB_UNIQUE_VIOLATION, "exclusion"},
        {"23503", DB_FOREIGN_KEY_VIOLATION, "foreign key"},
        {"23001", DB_FOREIGN_KEY_VIOLATION, "restrict"},
        {"23502", DB_CHECK_VIOLATION, "not null"},
        {"23514", DB_CHECK_VIOLATION, "check"},
        {"22003", DB_CHECK_VIOLATION, "number out of range"},
        {"22021", DB_CHECK_VIOLATION, "not UTF-8"},
        {"22P02", DB_CHECK_VIOLATION, "not a uuid"},
        {"22P05", DB_CHECK_VIOLATION, "untranslatable character"},
        {"42501", DB_FORBIDDEN, "insufficient privilege"},
        {"42601", -EPROTO, "a syntax error is our bug"},
        {"42704", -EPROTO, "a setting that was never set is our bug"},
        {"25P02", -EPROTO, "going on in a failed transaction is our bug"},
        {"57000", -EPROTO, "operator intervention of no kind we know"},
        {"58030", -EPROTO, "input or output error of the server"},
        {"XX000", -EPROTO, "internal error"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_expect_eq(db_outcome_of(ROWS[i].sqlstate), ROWS[i].outcome, "%s", ROWS[i].why);
}

Test(db_outcome, a_commit_is_done_only_when_the_server_said_so_without_a_warning)
{
    static const struct {
        int outcome;
        bool dropped;
        bool warned;
        int expected;
        const char *why;
    } ROWS[] = {
        {0, false, false, 0, "done"},
        {0, false, true, DB_OUTCOME_UNKNOWN, "a standby was not waited for"},
        {DB_UNAVAILABLE, true, false, DB_OUTCOME_UNKNOWN, "lost"},
        {DB_TIMEOUT, true, false, DB_OUTCOME_UNKNOWN, "our deadline was missed"},
        {DB_TIMEOUT, false, false, DB_TIMEOUT, "cancelled by the server: rolled back"},
        {DB_FOREIGN_KEY_VIOLATION, false, true, DB_FOREIGN_KEY_VIOLATION, "a deferred check"},
        {DB_READ_ONLY, true, false, DB_READ_ONLY, "refused, then dropped by us"},
        {-EPROTO, true, false, -EPROTO, "a fault stays one"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_expect_eq(db_outcome_at_commit(ROWS[i].outcome, ROWS[i].dropped, ROWS[i].warned),
                     ROWS[i].expected, "%s", ROWS[i].why);
}

Test(db_outcome, only_statements_that_read_may_be_run_twice)
{
    cr_expect(db_text_reads_only("select 1"));
    cr_expect(db_text_reads_only("with page as (select 1) select * from page"));
    cr_expect(db_text_reads_only("with p as (select updated_at from t) select * from p"));
    cr_expect_not(
        db_text_reads_only("with gone as (delete from t returning id) select id from gone"));
    cr_expect_not(db_text_reads_only("with made as (insert into t values (1)) select 1"));
    cr_expect_not(db_text_reads_only("insert into t values (1)"));
    cr_expect_not(db_text_reads_only("SELECT 1"));
    cr_expect_not(db_text_reads_only("begin"));
    cr_expect_not(db_text_reads_only(""));
}

Test(db_outcome, what_outlives_a_transaction_is_recognised)
{
    cr_expect_not(db_text_marks_session("select 1"));
    cr_expect_not(db_text_marks_session("\n  INSERT INTO t VALUES (1)"));
    cr_expect_not(db_text_marks_session("set local statement_timeout = 1"));
    cr_expect_not(db_text_marks_session("select set_config('express.user', $1, true)"));
    cr_expect_not(db_text_marks_session("select pg_advisory_xact_lock(1)"));
    cr_expect(db_text_marks_session("set statement_timeout = 1"));
    cr_expect(db_text_marks_session("select set_config('express.user', $1, false)"));
    cr_expect(
        db_text_marks_session("select set_config('a.b', $1, true), set_config('a.c', $2, $3)"));
    cr_expect(db_text_marks_session("select pg_advisory_lock(1)"));
    cr_expect(db_text_marks_session("select pg_try_advisory_lock_shared(1)"));
    cr_expect(db_text_marks_session("create temporary table t (id int)"));
    cr_expect(db_text_marks_session("listen changes"));
    cr_expect(db_text_marks_session("selection"));
    cr_expect(db_text_marks_session(""));
}
