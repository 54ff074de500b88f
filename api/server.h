#pragma once
/*
 * Server
 *
 * The only module that includes <ulfius.h>: two listeners (public; health and
 * metrics), one thread per connection within limits, our own logger, one
 * catch-all that hands every request to dispatch(), and a stop that lets
 * running answers end.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stdint.h>

struct application;
struct server;

enum server_outcome { SERVER_PORT_TAKEN = 1 };

/* server_start(): Return: 0; SERVER_PORT_TAKEN; a fault. */
MUST_CHECK int server_start(struct application *application, struct server **ret_server);
uint32_t server_port(const struct server *server);
uint32_t server_admin_port(const struct server *server);
/* From now on /readyz answers 503 and every answer closes its connection. */
void server_drain(struct server *server);
/*
 * Stops accepting, waits until every answer is sent or settings->drain_s is
 * over, stops. Return: true when no answer was cut.
 */
bool server_stop(struct server *server);
