/*
 * Listening on a connection of its own.
 *
 * Silence is what an idle channel and a lost server have in common, and TCP
 * keepalives see a dead host but not a frozen backend. So the server is asked
 * something every few seconds; whoever caches by our word may trust it for
 * that long and no longer.
 */
#include "db/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <poll.h>
#include <string.h>

#include <libpq-fe.h>

#define STOP_MS 200  /* how often *stop is looked at */
#define PING_MS 5000 /* how long a loss may stay unseen, with PATIENCE_MS on top */
#define PATIENCE_MS 2000

static bool is_stopped(const volatile bool *stop)
{
    return __atomic_load_n(stop, __ATOMIC_ACQUIRE);
}

/* Sleeps, but for no longer than it takes to notice *stop. */
static void stay_away(unsigned sleep_ms, const volatile bool *stop)
{
    uint64_t until_ms = clock_monotonic_ms() + sleep_ms;

    while (!is_stopped(stop)) {
        uint64_t now_ms = clock_monotonic_ms();
        uint64_t left_ms = now_ms < until_ms ? until_ms - now_ms : 0;

        if (left_ms == 0)
            return;
        (void)poll(NULL, 0, left_ms < STOP_MS ? (int)left_ms : STOP_MS); /* EINTR: look again */
    }
}

static bool listen_on(PGconn *pg, const char *channel)
{
    char *name = PQescapeIdentifier(pg, channel, strlen(channel));
    struct text sql;
    int r = DB_UNAVAILABLE;

    text_init(&sql, 256);
    text_append(&sql, "listen ");
    if (name != NULL)
        text_append(&sql, name);
    if (name != NULL && !text_failed(&sql))
        r = db_wire_command(pg, sql.bytes, clock_monotonic_ms() + DB_CONNECT_MS);
    PQfreemem(name);
    text_deinit(&sql);
    return r == 0;
}

static void hand_out(PGconn *pg, const struct db_listener_settings *settings)
{
    PGnotify *notify = PQnotifies(pg);

    while (notify != NULL) {
        settings->on_notify(settings->data, notify->extra);
        PQfreemem(notify);
        notify = PQnotifies(pg);
    }
}

/* Until the connection is lost, or *stop. */
static void follow(PGconn *pg, const struct db_listener_settings *settings,
                   const volatile bool *stop)
{
    uint64_t ping_ms = clock_monotonic_ms() + PING_MS;

    hand_out(pg, settings); /* what came together with the answer to LISTEN */
    while (!is_stopped(stop)) {
        uint64_t now_ms = clock_monotonic_ms();
        short revents = 0;
        int r = db_wire_poll(PQsocket(pg), POLLIN, now_ms + STOP_MS, &revents);

        if (r == DB_UNAVAILABLE || (r == 0 && PQconsumeInput(pg) == 0))
            return;
        if (now_ms >= ping_ms) {
            if (db_wire_command(pg, "", now_ms + PATIENCE_MS) != 0)
                return;
            ping_ms = now_ms + PING_MS;
        }
        hand_out(pg, settings);
    }
}

void db_listener_run(const struct db_listener_settings *settings, const volatile bool *stop)
{
    const struct db_pool_settings session = {
        .url = settings->url,
        .role = settings->role,
        .application = "express-listener",
        .statement_ms = PATIENCE_MS,
    };
    struct db_target *target = NULL;
    unsigned failures = 0;
    unsigned turn = 0;

    if (db_target_new(&session, &target) != 0)
        return; /* logged where it was raised; nothing can be cached without us */
    while (!is_stopped(stop)) {
        PGconn *pg = NULL;
        int r = db_target_open(target, turn, &pg);

        if (r == DB_TIMEOUT)
            turn++;
        if (r == 0 && listen_on(pg, settings->channel)) {
            failures = 0;
            settings->on_state(settings->data, true);
            follow(pg, settings, stop);
            settings->on_state(settings->data, false);
            if (!is_stopped(stop))
                log_warn("db.listener", "state=lost channel=%s", settings->channel);
        }
        PQfinish(pg);
        stay_away(db_backoff_ms(++failures), stop);
    }
    db_target_free(target);
}
