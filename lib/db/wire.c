/*
 * libpq without blocking: every wait is our own poll() with our own deadline.
 * PQexec() would wait for ever on a frozen backend, and keepalives do not see
 * one, because its kernel goes on answering.
 */
#include "db/internal.h"

#include "base/clock.h"
#include "db/outcome.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

#include <libpq-fe.h>

int db_wire_poll(int socket, short events, uint64_t deadline_ms, short *ret_revents)
{
    struct pollfd wait = {.fd = socket, .events = events};

    if (socket < 0)
        return DB_UNAVAILABLE;
    for (;;) {
        int timeout_ms = -1;
        int ready;

        if (deadline_ms != 0) {
            uint64_t now_ms = clock_monotonic_ms();

            if (now_ms >= deadline_ms)
                return DB_TIMEOUT;
            timeout_ms = deadline_ms - now_ms > INT_MAX ? INT_MAX : (int)(deadline_ms - now_ms);
        }
        ready = poll(&wait, 1, timeout_ms);
        if (ready > 0) {
            *ret_revents = wait.revents;
            return 0;
        }
        if (ready < 0 && errno != EINTR)
            return DB_UNAVAILABLE;
    }
}

int db_wire_result(struct pg_conn *pg, uint64_t deadline_ms, struct pg_result **ret_result)
{
    for (;;) {
        /* Sending and receiving alternate, or two full buffers would wait for each other. */
        int unsent = PQflush(pg);
        short revents = 0;
        int r;

        if (unsent < 0)
            return DB_UNAVAILABLE;
        if (!PQisBusy(pg)) {
            *ret_result = PQgetResult(pg);
            return 0;
        }

        r = db_wire_poll(PQsocket(pg), unsent > 0 ? POLLIN | POLLOUT : POLLIN, deadline_ms,
                         &revents);
        if (r != 0)
            return r;
        if ((revents & ~POLLOUT) != 0 && PQconsumeInput(pg) == 0)
            return DB_UNAVAILABLE;
    }
}

int db_wire_command(struct pg_conn *pg, const char *sql, uint64_t deadline_ms)
{
    int outcome = 0;

    if (PQsendQuery(pg, sql) != 1)
        return DB_UNAVAILABLE;
    for (;;) {
        PGresult *result;
        ExecStatusType status;
        int r = db_wire_result(pg, deadline_ms, &result);

        if (r != 0)
            return r;
        if (result == NULL)
            return outcome;

        status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
            outcome = db_outcome_of(PQresultErrorField(result, PG_DIAG_SQLSTATE));
        PQclear(result);
        if (outcome == DB_UNAVAILABLE)
            return outcome;
    }
}
