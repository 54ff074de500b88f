/*
 * One connection: what a failed result means, and when it must go.
 *
 * A connection is closed, never reused, after a loss, a missed deadline, and
 * whatever breaks the protocol. The lease outlives it, so that a transaction
 * that was lost cannot go on, half of it, on another connection.
 */
#include "db/internal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "db/outcome.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include <libpq-fe.h>

static void remember_warning(void *data, const PGresult *notice)
{
    struct db *db = data;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);

    if (severity != NULL && strcmp(severity, "WARNING") == 0)
        db->warned = true;
}

void db_adopt(struct db *db, struct pg_conn *pg, uint64_t retire_ms)
{
    assert(db->pg == NULL && !db->in_transaction);
    db->pg = pg;
    db->retire_ms = retire_ms;
    db->session_marked = false;
    db->plan = DB_PLAN_GENERIC;
    db_statements_clear(&db->statements);
    (void)PQsetNoticeReceiver(pg, remember_warning, db);
}

void db_drop(struct db *db)
{
    if (db->pg == NULL)
        return;
    PQfinish(db->pg);
    db->pg = NULL;
    db->queue_count = 0;
    db_statements_clear(&db->statements);
    db_pool_note_closed(db->pool);
}

bool db_has_news(const struct db *db)
{
    struct pollfd look = {.fd = PQsocket(db->pg), .events = POLLIN};

    return poll(&look, 1, 0) != 0;
}

bool db_may_reconnect(const struct db *db)
{
    /* The command line's sessions hold locks and settings that a fresh one would lack. */
    return !db->in_transaction && !db->session_marked && db->statement_ms != 0;
}

void db_forget_failure(struct db *db)
{
    db->sqlstate[0] = '\0';
    db->constraint[0] = '\0';
    db->message[0] = '\0';
    db->warned = false;
}

uint64_t db_deadline_ms(const struct db *db)
{
    if (db->statement_ms == 0)
        return 0;
    return clock_monotonic_ms() + db->statement_ms + DB_GRACE_MS;
}

/* Cut where it is too long; every byte of a UTF-8 character goes or stays. */
static void keep(char *buffer, size_t size_bytes, const char *text)
{
    size_t length = text == NULL ? 0 : strnlen(text, size_bytes);

    if (length == size_bytes) {
        length--;
        while (length > 0 && ((unsigned char)text[length] & 0xc0U) == 0x80U)
            length--;
    }
    if (length > 0)
        memcpy(buffer, text, length);
    buffer[length] = '\0';
}

int db_give_up(struct db *db, const char *name, int outcome)
{
    if (outcome == DB_TIMEOUT) {
        db->timeout_count++;
        log_warn("db.deadline", "statement=%s action=\"connection closed\"", name);
    } else {
        db->lost_count++;
        log_warn("db.lost", "statement=%s sqlstate=%s", name, db->sqlstate);
    }
    db_drop(db);
    return outcome;
}

void db_check(struct db *db)
{
    db_forget_failure(db);
    /* An empty query: the server parses nothing and answers at once. */
    if (db_wire_command(db->pg, "", clock_monotonic_ms() + DB_CHECK_MS) != 0)
        (void)db_give_up(db, "check", DB_UNAVAILABLE); /* what is left to do is connect anew */
}

/*
 * A migration may change a table under a prepared statement (0A000, "cached
 * plan must not change result type"), or a script may deallocate it (26000).
 * It did not run, and a fresh connection prepares it anew: as good as a loss.
 */
static bool has_gone_stale(const char *sqlstate)
{
    return strcmp(sqlstate, "0A000") == 0 || strcmp(sqlstate, "26000") == 0;
}

/* What a result that is no success means; keeps its names, writes the log line it deserves. */
static int judge(struct db *db, const PGresult *result, const char *name)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    int outcome;

    keep(db->sqlstate, sizeof(db->sqlstate), PQresultErrorField(result, PG_DIAG_SQLSTATE));
    keep(db->constraint, sizeof(db->constraint),
         PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME));
    if (db->statement_ms == 0)
        keep(db->message, sizeof(db->message), PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));

    outcome = db_outcome_of(db->sqlstate);
    if (db->reuses_statement && has_gone_stale(db->sqlstate))
        outcome = DB_UNAVAILABLE;
    if (outcome == DB_UNAVAILABLE || PQstatus(db->pg) == CONNECTION_BAD)
        return db_give_up(db, name, DB_UNAVAILABLE);
    if (outcome == DB_TIMEOUT)
        db->timeout_count++;
    if (outcome == DB_FORBIDDEN)
        log_warn("security.database", "statement=%s sqlstate=%s action=refused", name,
                 db->sqlstate);
    if (outcome == DB_CHECK_VIOLATION)
        log_warn("db.check", "statement=%s sqlstate=%s constraint=%s action=refused", name,
                 db->sqlstate, db->constraint);
    if (outcome < 0) {
        log_error("db.statement", "statement=%s sqlstate=%s constraint=%s", name, db->sqlstate,
                  db->constraint);
        outcome = fault_raise(outcome);
    }
    if (outcome == DB_READ_ONLY)
        log_warn("db.read_only", "statement=%s action=\"connection closed\"", name);
    /* FATAL: the server has closed its end, idle_in_transaction_session_timeout for one. */
    if (outcome == DB_READ_ONLY || (severity != NULL && strcmp(severity, "ERROR") != 0))
        db_drop(db);
    return outcome;
}

int db_collect(struct db *db, const char *name, uint64_t deadline_ms, struct pg_result **ret_result)
{
    int outcome = 0;

    *ret_result = NULL;
    for (;;) {
        PGresult *result;
        ExecStatusType status;
        int r = db_wire_result(db->pg, deadline_ms, &result);

        if (r != 0)
            return db_give_up(db, name, r);
        if (result == NULL)
            break;
        if (outcome != 0) {
            PQclear(result);
            continue;
        }

        PQclear(*ret_result);
        *ret_result = result;
        status = PQresultStatus(result);
        if (status == PGRES_BAD_RESPONSE || status == PGRES_FATAL_ERROR)
            outcome = judge(db, result, name);
        else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            db_drop(db); /* no statement of ours copies */
            outcome = fault_raise(-EPROTO);
        } else if (status == PGRES_PIPELINE_ABORTED)
            outcome = -EPROTO; /* the step that failed has been judged */
        if (db->pg == NULL)
            return outcome;
    }
    if (*ret_result == NULL) {
        db_drop(db);
        return fault_raise(-EPROTO);
    }
    return outcome;
}

int db_command(struct db *db, const char *name, const char *sql, bool commits,
               char ret_tag[DB_STATEMENT_NAME_BYTES])
{
    PGresult *result = NULL;
    int r;

    if (db->pg == NULL)
        return DB_UNAVAILABLE;
    db->statement_count++;
    db->reuses_statement = false;
    if (PQsendQuery(db->pg, sql) != 1)
        r = db_give_up(db, name, DB_UNAVAILABLE);
    else
        r = db_collect(db, name, db_deadline_ms(db), &result);
    if (r == 0 && ret_tag != NULL)
        keep(ret_tag, DB_STATEMENT_NAME_BYTES, PQcmdStatus(result));
    PQclear(result);
    return commits ? db_outcome_at_commit(r, db->pg == NULL, db->warned) : r;
}
