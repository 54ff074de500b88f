#include "connections.h"

#include "base/clock.h"
#include "base/fault.h"
#include "metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define REAPER_PERIOD_MS 1000 /* as fine as whole seconds of time-out need */
/*
 * At a stop, connections at rest are left alone for this long: the next request
 * of a busy client may be on its way, and is answered with "Connection: close"
 * instead of a reset.
 */
#define GRACE_MS 500

struct connections {
    struct connections_settings settings;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a connection ended, or the reaper is to end */
    struct connection *first;
    size_t count;
    atomic_bool is_draining;
    bool is_ending;
    pthread_t reaper;
};

static struct timespec in_ms(uint64_t wait_ms)
{
    struct timespec when;

    clock_gettime(CLOCK_MONOTONIC, &when);
    when.tv_sec += (time_t)(wait_ms / 1000);
    when.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (when.tv_nsec >= 1000000000) {
        when.tv_sec++;
        when.tv_nsec -= 1000000000;
    }
    return when;
}

/* The lock is held, so no socket here can be closed and its number used anew. */
static void cut_late(struct connections *connections, uint64_t now_ms)
{
    for (struct connection *at = connections->first; at != NULL; at = at->next) {
        uint64_t deadline_ms = atomic_load(&at->deadline_ms);

        if (deadline_ms == 0 || now_ms < deadline_ms)
            continue;
        if (atomic_compare_exchange_strong(&at->deadline_ms, &deadline_ms, 0)) {
            (void)shutdown(at->socket, SHUT_RDWR); /* it may have ended by itself */
            metrics_cut(connections->settings.metrics);
        }
    }
}

static void *reap(void *data)
{
    struct connections *connections = data;

    pthread_mutex_lock(&connections->lock);
    while (!connections->is_ending) {
        struct timespec when = in_ms(REAPER_PERIOD_MS);

        cut_late(connections, clock_monotonic_ms());
        pthread_cond_timedwait(&connections->changed, &connections->lock, &when);
    }
    pthread_mutex_unlock(&connections->lock);
    return NULL;
}

int connections_new(const struct connections_settings *settings,
                    struct connections **ret_connections)
{
    struct connections *connections = calloc(1, sizeof(*connections));
    pthread_condattr_t attributes;
    int r;

    if (connections == NULL)
        return fault_raise(-ENOMEM);
    connections->settings = *settings;
    pthread_mutex_init(&connections->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&connections->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    r = pthread_create(&connections->reaper, NULL, reap, connections);
    if (r != 0) {
        pthread_cond_destroy(&connections->changed);
        pthread_mutex_destroy(&connections->lock);
        free(connections);
        return fault_raise(-r);
    }
    *ret_connections = connections;
    return 0;
}

void connections_free(struct connections *connections)
{
    if (connections == NULL)
        return;
    pthread_mutex_lock(&connections->lock);
    connections->is_ending = true;
    pthread_cond_broadcast(&connections->changed);
    pthread_mutex_unlock(&connections->lock);
    pthread_join(connections->reaper, NULL);
    pthread_cond_destroy(&connections->changed);
    pthread_mutex_destroy(&connections->lock);
    free(connections);
}

struct connection *connections_add(struct connections *connections, int socket,
                                   const struct address *peer)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (connection == NULL)
        return NULL;
    connection->owner = connections;
    connection->socket = socket;
    connection->peer = *peer;
    atomic_store(&connection->deadline_ms, clock_monotonic_ms() + connections->settings.request_ms);
    pthread_mutex_lock(&connections->lock);
    connection->next = connections->first;
    if (connection->next != NULL)
        connection->next->previous = connection;
    connections->first = connection;
    connections->count++;
    pthread_mutex_unlock(&connections->lock);
    metrics_connection(connections->settings.metrics, 1);
    return connection;
}

void connections_remove(struct connection *connection)
{
    struct connections *connections = connection->owner;

    pthread_mutex_lock(&connections->lock);
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        connections->first = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    connections->count--;
    if (connections->count == 0)
        pthread_cond_broadcast(&connections->changed);
    pthread_mutex_unlock(&connections->lock);
    metrics_connection(connections->settings.metrics, -1);
    free(connection);
}

void connection_receives(struct connection *connection)
{
    uint64_t deadline_ms = clock_monotonic_ms() + connection->owner->settings.request_ms;
    uint64_t before_ms = atomic_load(&connection->deadline_ms);

    atomic_store(&connection->is_busy, true);
    /* A request line that came late does not buy time for the rest. */
    if (before_ms == 0 || deadline_ms < before_ms)
        atomic_store(&connection->deadline_ms, deadline_ms);
}

void connection_answers(struct connection *connection)
{
    atomic_store(&connection->deadline_ms, 0);
}

/*
 * Only reading is ended: what the kernel already holds of a next request is
 * still read and answered, and no byte of an answer is lost.
 */
static void end_reading(struct connection *connection)
{
    (void)shutdown(connection->socket, SHUT_RD); /* it may have ended by itself */
}

void connection_rests(struct connection *connection)
{
    struct connections *connections = connection->owner;

    atomic_store(&connection->deadline_ms, clock_monotonic_ms() + connections->settings.idle_ms +
                                               connections->settings.request_ms);
    atomic_store(&connection->is_busy, false);
    if (atomic_load(&connections->is_draining))
        end_reading(connection);
}

/* The lock is held. */
static bool wait_for_all(struct connections *connections, const struct timespec *when)
{
    int r = 0;

    while (connections->count > 0 && r != ETIMEDOUT)
        r = pthread_cond_timedwait(&connections->changed, &connections->lock, when);
    return connections->count == 0;
}

bool connections_drain(struct connections *connections, uint64_t wait_ms)
{
    struct timespec grace_end = in_ms(wait_ms < GRACE_MS ? wait_ms : GRACE_MS);
    struct timespec end = in_ms(wait_ms);
    bool all_ended;

    pthread_mutex_lock(&connections->lock);
    if (wait_for_all(connections, &grace_end)) {
        pthread_mutex_unlock(&connections->lock);
        return true;
    }
    atomic_store(&connections->is_draining, true);
    for (struct connection *at = connections->first; at != NULL; at = at->next) {
        if (!atomic_load(&at->is_busy))
            end_reading(at);
    }
    all_ended = wait_for_all(connections, &end);
    pthread_mutex_unlock(&connections->lock);
    return all_ended;
}
