#include "support/holds.h"

#include "base/clock.h"
#include "base/num.h"
#include "db/db.h"
#include "support/http.h"
#include "support/sql.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define WAIT_MS 60000 /* a hang, not a time, fails */

/*
 * An event that is put off to the end of the transaction would be drawn forward by SET CONSTRAINTS
 * ALL IMMEDIATE: so it is put off anew right before it comes.
 */
const char HOLDS_SQL[] =
    "create function public.hold() returns trigger language plpgsql set lock_timeout = 0 as $$ "
    "begin perform pg_advisory_xact_lock_shared(hashtext(coalesce("
    "current_setting('express.organisation', true), '')), tg_argv[0]::integer); "
    "return new; end $$;"
    "create function public.put_off() returns trigger language plpgsql as $$ "
    "begin set constraints audit.hold_at_commit deferred; return new; end $$;"
    "create trigger hold_1 before insert on identity.idempotency_key for each row "
    "execute function public.hold(1);"
    "create trigger hold_2 after insert on identity.idempotency_key for each row "
    "execute function public.hold(2);"
    "create trigger hold_3 before insert or update on catalogue.record for each row "
    "execute function public.hold(3);"
    "create trigger hold_4 after insert or update on catalogue.record for each row "
    "execute function public.hold(4);"
    "create trigger hold_5 before insert on catalogue.version for each row "
    "execute function public.hold(5);"
    "create trigger hold_6 after insert on catalogue.version for each row "
    "execute function public.hold(6);"
    "create trigger hold_7 before insert on catalogue.change for each row "
    "execute function public.hold(7);"
    "create trigger hold_8 after insert on catalogue.change for each row "
    "execute function public.hold(8);"
    "create trigger hold_9 before insert on published.history for each row "
    "execute function public.hold(9);"
    "create trigger hold_10 after insert on published.history for each row "
    "execute function public.hold(10);"
    "create trigger hold_11 before insert on audit.entry for each row "
    "execute function public.hold(11);"
    "create trigger hold_12 after insert on audit.entry for each row "
    "execute function public.hold(12);"
    "create trigger hold_13 before insert or update on identity.idempotency_key for each row "
    "when (new.status is not null) execute function public.hold(13);"
    "create trigger hold_14 after insert or update on identity.idempotency_key for each row "
    "when (new.status is not null) execute function public.hold(14);"
    "create trigger put_off before insert on audit.entry for each row "
    "execute function public.put_off();"
    "create constraint trigger hold_at_commit after insert on audit.entry "
    "deferrable for each row execute function public.hold(15)";

const char *hold_name(enum hold_place place)
{
    static const char *const NAMES[] = {
        [HOLD_BEFORE_KEY] = "before the key",
        [HOLD_AFTER_KEY] = "after the key",
        [HOLD_BEFORE_RECORD] = "before the record",
        [HOLD_AFTER_RECORD] = "after the record",
        [HOLD_BEFORE_VERSION] = "before the version",
        [HOLD_AFTER_VERSION] = "after the version",
        [HOLD_BEFORE_CHANGE] = "before the change log",
        [HOLD_AFTER_CHANGE] = "after the change log",
        [HOLD_BEFORE_HISTORY] = "before the public history",
        [HOLD_AFTER_HISTORY] = "after the public history",
        [HOLD_BEFORE_AUDIT] = "before the audit log",
        [HOLD_AFTER_AUDIT] = "after the audit log",
        [HOLD_BEFORE_RESULT] = "before the result",
        [HOLD_AFTER_RESULT] = "after the result",
        [HOLD_AT_COMMIT] = "at COMMIT",
    };

    return NAMES[place];
}

static int number(const char *text)
{
    int64_t value = 0;

    cr_assert(num_parse_i64(text, INT32_MIN, INT32_MAX, &value), "%s", text);
    return (int)value;
}

void hold_open(struct hold *hold, const char *organisation)
{
    hold->pool = sql_pool(NULL, NULL);
    cr_assert_eq(db_lease(hold->pool, &hold->db), 0);
    hold->family = number(sql_value(hold->db,
                                    "select hashtext(id::text) from catalogue.record where "
                                    "resource = 'organisations' and slug = '%s'",
                                    organisation));
}

void hold_close(struct hold *hold)
{
    db_release(hold->db);
    db_pool_free(hold->pool);
}

void hold_arm(struct hold *hold, enum hold_place place)
{
    cr_assert_eq(sql_run(hold->db, "select pg_advisory_lock(%d, %d)", hold->family, (int)place), 0);
}

void hold_release(struct hold *hold, enum hold_place place)
{
    cr_assert_str_eq(
        sql_value(hold->db, "select pg_advisory_unlock(%d, %d)", hold->family, (int)place), "t");
}

int hold_begin(struct hold *hold, const char *sql)
{
    cr_assert_eq(db_begin(hold->db), 0);
    cr_assert_eq(sql_run(hold->db, "%s", sql), 0, "%s: %s", sql, db_message(hold->db));
    return number(sql_value(hold->db, "select pg_backend_pid()"));
}

void hold_end(struct hold *hold)
{
    cr_assert_eq(db_commit(hold->db), 0);
}

/* Asks until the answer is another one than "0". */
static int wait_for(struct hold *hold, const char *sql, const char *what)
{
    const uint64_t deadline = clock_monotonic_ms() + WAIT_MS;

    for (;;) {
        const char *value = sql_value(hold->db, "%s", sql);

        if (strcmp(value, "0") != 0)
            return number(value);
        cr_assert_lt(clock_monotonic_ms(), deadline, "nothing came %s", what);
        (void)poll(NULL, 0, 2); /* only not to spin */
    }
}

/* What has stopped at a place, for a format with the family and the place. */
#define STOPPED                                                                                    \
    "from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where " \
    "datname = current_database()) and not granted and "                                           \
    "classid::bigint = (%d)::bigint & 4294967295 and objid = %d and objsubid = 2"

int hold_wait(struct hold *hold, enum hold_place place)
{
    char sql[500];

    (void)snprintf(sql, sizeof(sql), "select coalesce(min(pid), 0) " STOPPED, hold->family,
                   (int)place);
    return wait_for(hold, sql, hold_name(place));
}

void hold_wait_several(struct hold *hold, enum hold_place place, int count)
{
    char sql[500];

    (void)snprintf(sql, sizeof(sql), "select (count(*) >= %d)::integer " STOPPED, count,
                   hold->family, (int)place);
    (void)wait_for(hold, sql, hold_name(place));
}

void hold_kill_others(struct hold *hold, enum hold_place place, int backend)
{
    cr_assert_str_neq(sql_value(hold->db,
                                "select count(pg_terminate_backend(pid)) " STOPPED " and pid <> %d",
                                hold->family, (int)place, backend),
                      "0");
}

void hold_wait_blocked(struct hold *hold, int backend, const struct http_pending *pending)
{
    while (!http_is_done(pending) && strcmp(sql_value(hold->db,
                                                      "select count(*) from pg_stat_activity "
                                                      "where %d = any (pg_blocking_pids(pid))",
                                                      backend),
                                            "0") == 0)
        (void)poll(NULL, 0, 2); /* only not to spin; a request has its end */
}

void hold_wait_gone(struct hold *hold, int backend)
{
    char sql[300];

    (void)snprintf(sql, sizeof(sql),
                   "select count(*) from (values (1)) one where not exists (select from "
                   "pg_stat_activity where pid = %d and state <> 'idle')",
                   backend);
    (void)wait_for(hold, sql, "to its end");
}
