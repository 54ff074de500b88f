#include "db/internal.h"

#include "base/fault.h"
#include "base/log.h"
#include "db/outcome.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <libpq-fe.h>

static int begin(struct db *db, const char *sql)
{
    int r;

    assert(!db->in_transaction);
    db_forget_failure(db);
    r = db_command(db, "begin", sql, false, NULL);
    /* Nothing has happened yet: a connection that died while idle may be replaced. */
    if (r == DB_UNAVAILABLE && db_may_reconnect(db)) {
        r = db_pool_connect(db);
        if (r == 0)
            r = db_command(db, "begin", sql, false, NULL);
    }
    if (r != 0)
        return r;

    db->in_transaction = true;
    db->plan_at_begin = db->plan;
    return 0;
}

int db_begin(struct db *db)
{
    return begin(db, "begin isolation level read committed, read write");
}

int db_begin_snapshot(struct db *db)
{
    return begin(db, "begin isolation level repeatable read, read only");
}

/* Out of whatever transaction the server still has open. */
static void leave(struct db *db)
{
    const bool is_open = db->pg != NULL && PQtransactionStatus(db->pg) != PQTRANS_IDLE;

    if (is_open && db_command(db, "rollback", "rollback", false, NULL) != 0)
        db_drop(db);
}

int db_commit(struct db *db)
{
    char tag[DB_STATEMENT_NAME_BYTES] = "";
    int r;

    assert(db->in_transaction);
    db_forget_failure(db);
    db->in_transaction = false;
    /* Lost before COMMIT was sent: nothing of it can have been kept. */
    if (db->pg == NULL)
        return DB_UNAVAILABLE;

    r = db->queue_count > 0 ? db_queue_commit(db, tag)
                            : db_command(db, "commit", "commit", true, tag);
    /* So the server answers when a statement has failed: the caller overlooked its outcome. */
    if (r == 0 && strcmp(tag, "COMMIT") != 0) {
        log_error("db.commit", "tag=%s reason=\"an earlier statement had failed\"", tag);
        r = fault_raise(-EPROTO);
    }
    if (r == 0)
        return 0;
    /* A flight that failed on its way never came to COMMIT: its transaction is still there. */
    leave(db);
    db->plan = db->plan_at_begin;
    return r;
}

void db_rollback(struct db *db)
{
    db_forget_queue(db);
    leave(db);
    if (db->in_transaction)
        db->plan = db->plan_at_begin;
    db->in_transaction = false;
}

bool db_in_transaction(const struct db *db)
{
    return db->in_transaction;
}

int db_run_script(struct db *db, const char *sql)
{
    int r = db_flush(db);

    if (r != 0)
        return r;
    db_forget_failure(db);
    db->session_marked = true;
    return db_command(db, "script", sql, !db->in_transaction, NULL);
}

const char *db_sqlstate(const struct db *db)
{
    return db->sqlstate;
}

const char *db_constraint(const struct db *db)
{
    return db->constraint;
}

const char *db_message(const struct db *db)
{
    return db->message;
}
