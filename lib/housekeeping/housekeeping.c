#include "housekeeping/housekeeping.h"

#include "auth/caller.h"
#include "base/annotate.h"
#include "base/arena.h"
#include "db/db.h"
#include "mentoring/due.h"
#include "mentoring/erasure.h"
#include "mentoring/ledger.h"
#include "mentoring/statistics.h"

#include <stdio.h>
#include <string.h>

#define SEAL_HOURS 24
#define NUMBER_BYTES 16
/* Rows removed in one transaction: few enough that whoever waits for one of them waits in vain for
 * milliseconds, and that an audit log of a year is gone through in minutes. */
#define BATCH_ROWS 1000
#define BATCH_PEOPLE 20                            /* each touches all tables of mentoring */
#define LEDGER_ARENA_BYTES_MAX (256 * 1024 * 1024) /* a million erasures */

/* Not a session's lock: it ends with the transaction, whatever becomes of the connection. */
static const struct db_query LOCK = {
    .name = "housekeeping_lock",
    .sql = "select pg_try_advisory_xact_lock(hashtextextended('express.housekeeping', 0))",
};
static const struct db_query REMOVE_KEYS = {
    .name = "housekeeping_keys",
    .sql = "delete from identity.idempotency_key where ctid = any (array("
           "select ctid from identity.idempotency_key "
           "where created_at < now() - interval '24 hours' limit $1::integer))",
    .param_count = 1,
};
static const struct db_query REMOVE_REVOCATIONS = {
    .name = "housekeeping_revocations",
    .sql = "delete from identity.revoked_token where jti = any (array("
           "select jti from identity.revoked_token where expires_at < now() limit $1::integer))",
    .param_count = 1,
};
/* Done in one transaction: people wait for these rows, and each leaves an entry in the audit log.
 */
#define DUE_ROWS 100
/* Nobody asked for these one by one: so each leaves its own entry. */
static const struct db_query REMOVE_CONTACTS = {
    .name = "housekeeping_contacts",
    .sql = "with erased as (delete from catalogue.proposal_contact where proposal_id = any (array("
           "select c.proposal_id from catalogue.proposal_contact c "
           "join catalogue.proposal p on p.id = c.proposal_id "
           "where p.decided_at < now() - interval '30 days' limit $1::integer)) "
           "returning proposal_id) "
           "select audit.append('proposal.erase', null, proposal_id, null, null) from erased",
    .param_count = 1,
};

struct round {
    struct db *db;
    const struct housekeeping_settings *settings;
    struct housekeeping_figures *figures;
    const atomic_bool *stop;
    struct ledger forgotten; /* by the database */
    bool is_in_doubt;        /* whether the people in the database should be there */
};

static int expire_pairs(const struct round *round, uint64_t *ret_done)
{
    return due_expire_pairs(round->db, DUE_ROWS, ret_done);
}

static int mark_meetings(const struct round *round, uint64_t *ret_done)
{
    return due_mark_meetings(round->db, DUE_ROWS, ret_done);
}

static int publish_statistics(const struct round *round, uint64_t *ret_done)
{
    *ret_done = 0;
    return round->is_in_doubt ? 0
                              : statistics_publish(round->db, round->forgotten.told,
                                                   round->forgotten.told_count, ret_done);
}

static const struct {
    const char *name;
    int (*act)(const struct round *round, uint64_t *ret_done);
} DUES[HOUSEKEEPING_DUES] = {
    [HOUSEKEEPING_EXPIRED_PAIRS] = {"expired_pairs", expire_pairs},
    [HOUSEKEEPING_OVERDUE_MEETINGS] = {"overdue_meetings", mark_meetings},
    [HOUSEKEEPING_STATISTICS] = {"statistics", publish_statistics},
};

static int forget_askers(const struct round *round, uint64_t *ret_removed)
{
    return erasure_forget_askers(round->db, BATCH_ROWS, ret_removed);
}

static int erase_people(const struct round *round, uint64_t *ret_removed)
{
    const struct erasure_bounds bounds = {.days = round->settings->retention_days,
                                          .rows_max = BATCH_PEOPLE,
                                          .due_max = round->settings->retention_max};
    struct erasure_figures figures;
    int r;

    *ret_removed = 0;
    if (round->settings->retention_days == 0 || round->is_in_doubt)
        return 0;
    r = erasure_expire(round->db, &bounds, &figures);
    if (r != 0)
        return r;
    *ret_removed = figures.erased;
    if (figures.is_held)
        round->figures->held = figures.due;
    return 0;
}

static int remove_entries(const struct round *round, uint64_t *ret_removed)
{
    return audit_prune(round->db, round->settings->audit_days, BATCH_ROWS, ret_removed);
}

static const struct {
    const char *name;
    const struct db_query *remove; /* NULL: @run does it */
    int (*run)(const struct round *round, uint64_t *ret_removed);
    uint64_t batch;
} KINDS[HOUSEKEEPING_KINDS] = {
    [HOUSEKEEPING_IDEMPOTENCY_KEYS] = {"idempotency_keys", &REMOVE_KEYS, NULL, BATCH_ROWS},
    [HOUSEKEEPING_REVOKED_TOKENS] = {"revoked_tokens", &REMOVE_REVOCATIONS, NULL, BATCH_ROWS},
    [HOUSEKEEPING_PROPOSAL_CONTACTS] = {"proposal_contacts", &REMOVE_CONTACTS, NULL, BATCH_ROWS},
    [HOUSEKEEPING_ERASURE_ASKERS] = {"erasure_askers", NULL, forget_askers, BATCH_ROWS},
    [HOUSEKEEPING_PARTICIPANTS] = {"participants", NULL, erase_people, BATCH_PEOPLE},
    [HOUSEKEEPING_AUDIT_ENTRIES] = {"audit_entries", NULL, remove_entries, BATCH_ROWS},
};

const char *housekeeping_kind_name(enum housekeeping_kind kind)
{
    return KINDS[kind].name;
}

const char *housekeeping_due_name(enum housekeeping_due due)
{
    return DUES[due].name;
}

/* Begins a transaction under the lock; without it there is none, and it is elsewhere. */
static int begin(const struct round *round)
{
    const struct caller service = caller_service();
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = caller_begin(round->db, &service, "");

    if (r != 0)
        return r;
    r = db_run(round->db, &LOCK, NULL, &rows);
    if (r == 0)
        round->figures->is_elsewhere = strcmp(db_rows_text(rows, 0, 0), "t") != 0;
    if (r != 0 || round->figures->is_elsewhere)
        db_rollback(round->db);
    return r;
}

/* One batch, in a transaction; @which is a kind, or something due. */
typedef int batch(const struct round *round, int which, uint64_t *ret_done);

static int remove_batch(const struct round *round, int which, uint64_t *ret_removed)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char limit[NUMBER_BYTES];
    int r;

    if (KINDS[which].remove == NULL)
        return KINDS[which].run(round, ret_removed);
    (void)snprintf(limit, sizeof(limit), "%d", BATCH_ROWS);
    r = db_run(round->db, KINDS[which].remove, (const char *const[]){limit}, &rows);
    if (r == 0)
        *ret_removed =
            which == HOUSEKEEPING_PROPOSAL_CONTACTS ? db_rows_count(rows) : db_rows_affected(rows);
    return r;
}

static int do_batch(const struct round *round, int which, uint64_t *ret_done)
{
    return DUES[which].act(round, ret_done);
}

/* Batch after batch of @rows, until one is not full. @total: of them all, so far. */
static int run_batches(const struct round *round, batch *run, int which, uint64_t rows,
                       uint64_t *total)
{
    uint64_t done = rows;

    while (done >= rows && !atomic_load(round->stop)) {
        int r = begin(round);

        if (r != 0 || round->figures->is_elsewhere)
            return r;
        r = run(round, which, &done);
        if (r == 0)
            r = db_commit(round->db);
        else
            db_rollback(round->db);
        if (r != 0)
            return r;
        *total += done;
    }
    return 0;
}

static int remove_all(const struct round *round, enum housekeeping_kind kind)
{
    return run_batches(round, remove_batch, (int)kind, KINDS[kind].batch,
                       &round->figures->removed[kind]);
}

static int do_due(const struct round *round, enum housekeeping_due due)
{
    return run_batches(round, do_batch, (int)due, DUE_ROWS, &round->figures->due[due]);
}

static int seal(const struct round *round)
{
    struct audit_seal taken;
    int r = begin(round);

    if (r != 0 || round->figures->is_elsewhere)
        return r;
    r = audit_seal(round->db, SEAL_HOURS, &taken);
    if (r == 0)
        r = db_commit(round->db);
    else
        db_rollback(round->db);
    if (r == 0)
        round->figures->seal = taken;
    return r;
}

/* Holds the ledger and the database against each other. Not under the lock: each node has its file,
 * unless they share one. @arena: what is found lives in it */
static int meet_ledger(struct round *round, struct arena *arena)
{
    const struct caller service = caller_service();
    int r = caller_begin(round->db, &service, "");

    if (r != 0)
        return r;
    r = ledger_meet(round->db, round->settings->erasure_ledger, arena, &round->forgotten);
    db_rollback(round->db); /* only read */
    round->is_in_doubt = r != 0 || round->forgotten.erasure_count > 0;
    round->figures->missing = r == 0 ? round->forgotten.erasure_count : 0;
    return r;
}

/* What this round has added to it. */
static int write_ledger(struct round *round, struct arena *arena)
{
    const struct housekeeping_figures *figures = round->figures;

    return figures->removed[HOUSEKEEPING_PARTICIPANTS] + figures->due[HOUSEKEEPING_STATISTICS] == 0
               ? 0
               : meet_ledger(round, arena);
}

static int do_round(struct round *round)
{
    struct housekeeping_figures *figures = round->figures;
    int r = 0;

    for (int due = 0; r == 0 && due < HOUSEKEEPING_DUES && !figures->is_elsewhere; due++)
        r = do_due(round, (enum housekeeping_due)due);
    for (int kind = 0; r == 0 && kind < HOUSEKEEPING_AUDIT_ENTRIES && !figures->is_elsewhere;
         kind++)
        r = remove_all(round, (enum housekeeping_kind)kind);
    if (r == 0 && !figures->is_elsewhere && !atomic_load(round->stop))
        r = seal(round);
    /* Entries go once a day, too: each time leaves an entry of its own. */
    if (r == 0 && figures->seal.number != 0)
        r = remove_all(round, HOUSEKEEPING_AUDIT_ENTRIES);
    return r;
}

int housekeeping_run(struct db_pool *pool, const struct housekeeping_settings *settings,
                     const atomic_bool *stop, struct housekeeping_figures *ret_figures)
{
    struct round round = {.settings = settings, .figures = ret_figures, .stop = stop};
    const bool has_ledger = settings->erasure_ledger[0] != '\0';
    struct arena arena;
    int r, met = 0;

    *ret_figures = (struct housekeeping_figures){0};
    r = db_lease(pool, &round.db);
    if (r != 0)
        return r;
    arena_init(&arena, LEDGER_ARENA_BYTES_MAX);
    if (has_ledger)
        met = meet_ledger(&round, &arena);
    r = do_round(&round); /* all else goes on, whatever is the matter with the file */
    if (r == 0 && has_ledger && met == 0)
        met = write_ledger(&round, &arena);
    arena_deinit(&arena);
    db_release(round.db);
    return r == 0 ? met : r;
}
