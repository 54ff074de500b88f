#pragma once
/*
 * Connections
 *
 * The sockets of one listener, each with its exchange. A reaper cuts those
 * whose request does not arrive in time: the library's own time-out starts
 * anew with each byte, so a drip would hold its thread for ever.
 */
#include "address.h"
#include "base/annotate.h"
#include "exchange.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct connections;
struct metrics;

struct connection {
    struct connections *owner;
    struct connection *previous, *next;
    int socket;            /* borrowed: open for as long as the connection is registered */
    void *handle;          /* the library's, of the request that is going on */
    void *request_context; /* the framework's, until it is told that the request is over */
    struct address peer;
    _Atomic uint64_t deadline_ms; /* the request must have arrived; 0: it has */
    atomic_bool is_busy;          /* from the request line to the end of the answer */
    struct exchange exchange;
};

struct connections_settings {
    uint32_t idle_ms;    /* how long the library lets a connection be silent */
    uint32_t request_ms; /* a request has this long to arrive */
    struct metrics *metrics;
};

/* connections_new() - starts the reaper. Return: 0; a fault. */
MUST_CHECK int connections_new(const struct connections_settings *settings,
                               struct connections **ret_connections);
/* No connection may be registered any more. Takes NULL. */
void connections_free(struct connections *connections);

/* NULL when memory is out. */
struct connection *connections_add(struct connections *connections, int socket,
                                   const struct address *peer);
void connections_remove(struct connection *connection);

/* The three states of a connection, in their order. */
void connection_receives(struct connection *connection);
void connection_answers(struct connection *connection);
void connection_rests(struct connection *connection);

/*
 * connections_drain() - end every connection as soon as it rests
 * What was received before is still answered. Return: true when all ended
 * within @wait_ms.
 */
bool connections_drain(struct connections *connections, uint64_t wait_ms);
