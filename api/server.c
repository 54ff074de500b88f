/*
 * Server
 *
 * Ulfius carries, we decide. Its routing, URL maps, body parsers, default
 * answers and logger are out of the way: one default endpoint hands the raw
 * request, which the library's own callbacks let us see, to the dispatcher.
 * One thread serves one connection, so a slow answer holds up nobody else.
 *
 * We open the listening socket ourselves: only so can a taken port be told
 * from any other failure, and port 0 be read back.
 */
#include "server.h"

#include "application.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "compress.h"
#include "connections.h"
#include "handlers/health.h"
#include "metrics.h"
#include "rate.h"
#include "routes.h"
#include "service.h"
#include "settings.h"
#include "sizes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <ulfius.h>
#include <unistd.h>

#define CONNECTION_MEMORY_BYTES (32 * 1024) /* bounds a request's headers, and a stream's chunk */
#define THREAD_STACK_BYTES (512 * 1024)
#define STREAM_BLOCK_BYTES (32 * 1024)
#define LISTEN_BACKLOG 511
#define ADMIN_CONNECTIONS_MAX 32
#define OTHER_FILES 128 /* besides client connections: database, log, libraries */

struct port {
    struct listener listener;
    struct connections *connections;
    struct _u_instance instance;
    bool is_initialised, is_running;
    uint32_t number;
};

struct server {
    struct application *application;
    struct service service;
    struct port main, admin;
};

/* The connection that this thread serves. */
static _Thread_local struct connection *current;

static struct connection *connection_of(struct MHD_Connection *handle)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(handle, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info == NULL ? NULL : info->socket_context;
}

/*
 * The library's messages can hold a request's path, so only the constant
 * format goes into a line that everybody sees.
 */
PRINTF_LIKE(2, 0)
static void on_message(void *data, const char *format, va_list arguments)
{
    struct server *server = data;
    char message[256];
    char quoted[512];

    metrics_library_message(server->service.metrics);
    if (format == NULL)
        return;
    if (vsnprintf(message, sizeof(message), format, arguments) < 0)
        message[0] = '\0';
    log_debug("http.library", "message=%s", log_quote(quoted, sizeof(quoted), message));
    if (strstr(format, "accept") != NULL || strstr(format, "thread") != NULL)
        log_warn("http.library", "message=%s", log_quote(quoted, sizeof(quoted), format));
}

static void on_connection(void *data, struct MHD_Connection *handle, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct port *port = data;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *socket =
            MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CONNECTION_FD);
        const union MHD_ConnectionInfo *client =
            MHD_get_connection_info(handle, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
        struct address peer = address_from_socket(client == NULL ? NULL : client->client_addr);

        *socket_context =
            socket == NULL ? NULL : connections_add(port->connections, socket->connect_fd, &peer);
    } else if (*socket_context != NULL) {
        struct connection *connection = *socket_context;

        /*
         * A query with more parameters than the connection has memory for ends it, and
         * nobody says that the request is over: what the framework made would leak.
         */
        if (connection->request_context != NULL)
            mhd_request_completed(NULL, handle, &connection->request_context,
                                  MHD_REQUEST_TERMINATED_WITH_ERROR);
        connections_remove(connection);
        *socket_context = NULL;
    }
}

/* The first we hear of a request, in the thread that serves its connection. */
static void *on_uri(void *data, const char *uri, struct MHD_Connection *handle)
{
    struct connection *connection = connection_of(handle);
    void *request_context = ulfius_uri_logger(data, uri);

    current = connection;
    if (connection != NULL) {
        connection->handle = handle;
        connection->request_context = request_context;
        connection_receives(connection);
    }
    return request_context;
}

/* The last we hear of it: everything was sent, or the connection is lost. */
static void on_completed(void *data, struct MHD_Connection *handle, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    struct connection *connection = connection_of(handle);

    if (connection != NULL) {
        exchange_end(&connection->exchange);
        connection->request_context = NULL;
        connection_rests(connection);
    }
    mhd_request_completed(data, handle, request_context, code);
}

static enum MHD_Result on_header(void *data, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    struct exchange *exchange = data;

    (void)kind; /* we asked for headers alone */
    if (exchange->header_count < EXCHANGE_HEADERS_IN_MAX)
        exchange->headers[exchange->header_count] = (struct request_header){
            .name = name == NULL ? "" : name, .value = value == NULL ? "" : value};
    exchange->header_count++;
    return MHD_YES;
}

static ssize_t on_stream(void *data, uint64_t offset, char *buffer, size_t size_bytes)
{
    struct connection *connection = data;
    long r = exchange_read_stream(&connection->exchange, buffer, size_bytes);

    (void)offset; /* a stream goes forward only */
    if (r == 0)
        return U_STREAM_END;
    return r > 0 ? r : U_STREAM_ERROR;
}

/* Of an answer whose length is announced and whose content is never sent. */
static ssize_t on_no_content(void *data, uint64_t offset, char *buffer, size_t size_bytes)
{
    (void)data;
    (void)offset;
    (void)buffer;
    (void)size_bytes;
    return U_STREAM_ERROR;
}

/*
 * Into the framework's map, whose arrays we make ourselves: u_map_put() grows
 * three of them and compares all names for each header.
 */
static bool put_headers(struct _u_map *map, const struct exchange *exchange)
{
    size_t count = exchange->out_count;
    char **names = calloc(count + 1, sizeof(char *));
    char **values = calloc(count + 1, sizeof(char *));
    size_t *lengths = calloc(count + 1, sizeof(size_t));

    if (names == NULL || values == NULL || lengths == NULL) {
        free(names);
        free(values);
        free(lengths);
        return false;
    }
    u_map_clean(map);
    map->keys = names;
    map->values = values;
    map->lengths = lengths;
    map->nb_values = 0;
    for (size_t i = 0; i < count; i++) {
        names[i] = strdup(exchange->out[i].name);
        values[i] = strdup(exchange->out[i].value);
        if (names[i] == NULL || values[i] == NULL) {
            free(names[i]);
            free(values[i]);
            names[i] = values[i] = NULL;
            return false;
        }
        lengths[i] = strlen(values[i]) + 1;
        map->nb_values++;
    }
    return true;
}

static int on_request(const struct _u_request *request, struct _u_response *response, void *data)
{
    const struct port *port = data;
    struct connection *connection = current;
    struct exchange *exchange;

    if (connection == NULL)
        return U_CALLBACK_ERROR;
    connection_answers(connection);
    exchange = &connection->exchange;
    memset(exchange, 0, sizeof(*exchange));
    exchange->listener = &port->listener;
    exchange->method = request->http_verb == NULL ? "" : request->http_verb;
    exchange->target = request->http_url == NULL ? "" : request->http_url;
    exchange->protocol = request->http_protocol == NULL ? "" : request->http_protocol;
    exchange->peer = connection->peer;
    exchange->content = request->binary_body;
    exchange->content_bytes = request->binary_body_length;
    MHD_get_connection_values(connection->handle, MHD_HEADER_KIND, on_header, exchange);

    exchange_dispatch(exchange);

    if (!put_headers(response->map_header, exchange))
        return U_CALLBACK_ERROR;
    response->status = exchange->status;
    if (exchange->out_is_stream) {
        if (ulfius_set_stream_response(response, (unsigned)exchange->status, on_stream, NULL,
                                       U_STREAM_SIZE_UNKNOWN, STREAM_BLOCK_BYTES,
                                       connection) != U_OK)
            return U_CALLBACK_ERROR;
    } else if (exchange->out_without_content && exchange->out_size > 0) {
        if (ulfius_set_stream_response(response, (unsigned)exchange->status, on_no_content, NULL,
                                       exchange->out_size, 1, NULL) != U_OK)
            return U_CALLBACK_ERROR;
    } else if (exchange->out_bytes != NULL) {
        response->binary_body = exchange->out_bytes; /* stolen: freed with the response */
        response->binary_body_length = exchange->out_size;
        exchange->out_bytes = NULL;
    }
    return U_CALLBACK_COMPLETE;
}

struct endpoint {
    struct sockaddr_storage address;
    socklen_t size;
};

/* @text was checked with the settings. */
static bool endpoint_of(const char *text, uint32_t number, struct endpoint *ret_endpoint)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number)};

    memset(ret_endpoint, 0, sizeof(*ret_endpoint));
    if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1) {
        memcpy(&ret_endpoint->address, &ipv4, sizeof(ipv4));
        ret_endpoint->size = sizeof(ipv4);
        return true;
    }
    if (inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1) {
        memcpy(&ret_endpoint->address, &ipv6, sizeof(ipv6));
        ret_endpoint->size = sizeof(ipv6);
        return true;
    }
    return false;
}

static uint32_t bound_number(int listening)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
    socklen_t size = sizeof(address);

    if (getsockname(listening, (struct sockaddr *)&address, &size) != 0)
        return 0;
    memcpy(&ipv4, &address, sizeof(ipv4));
    memcpy(&ipv6, &address, sizeof(ipv6));
    return ntohs(address.ss_family == AF_INET ? ipv4.sin_port : ipv6.sin6_port);
}

/* Return: 0; SERVER_PORT_TAKEN; a fault. */
static int listen_at(const char *bind_text, uint32_t number, int *ret_listening,
                     uint32_t *ret_number)
{
    struct endpoint endpoint;
    const int yes = 1, no = 0;
    int listening;
    int error;

    if (!endpoint_of(bind_text, number, &endpoint))
        return fault_raise(-EINVAL);
    listening = socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listening < 0)
        return fault_raise(-errno);
    /* Without it a restart fails while old connections linger in TIME_WAIT. */
    (void)setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (endpoint.address.ss_family == AF_INET6)
        (void)setsockopt(listening, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)); /* "::" is all */
    if (bind(listening, (const struct sockaddr *)&endpoint.address, endpoint.size) != 0 ||
        listen(listening, LISTEN_BACKLOG) != 0) {
        error = errno;
        (void)close(listening); /* never used */
        return error == EADDRINUSE ? SERVER_PORT_TAKEN : fault_raise(-error);
    }
    *ret_number = bound_number(listening);
    *ret_listening = listening;
    return 0;
}

static int start_library(struct server *server, struct port *port, int listening,
                         uint32_t connections_max)
{
    const struct settings *settings = server->application->settings;
    struct MHD_OptionItem options[] = {
        /* First: what the ones after it have to say must not go through the framework's. */
        {MHD_OPTION_EXTERNAL_LOGGER, (intptr_t)on_message, server},
        {MHD_OPTION_LISTEN_SOCKET, listening, NULL},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, port},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_uri, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)connections_max, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)settings->connection_timeout_s, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY_BYTES, NULL},
        {MHD_OPTION_THREAD_STACK_SIZE, THREAD_STACK_BYTES, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    const unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                           MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG;

    if (ulfius_init_instance(&port->instance, port->number, NULL, NULL) != U_OK)
        return fault_raise(-ENOMEM);
    port->is_initialised = true;
    port->instance.max_post_body_size = BODY_BYTES_MAX + 1; /* one more, so that a cut is seen */
    port->instance.allowed_post_processor = U_POST_PROCESS_NONE;
    port->instance.check_utf8 = 0;
    if (ulfius_set_default_endpoint(&port->instance, on_request, port) != U_OK)
        return fault_raise(-ENOMEM);
    if (ulfius_start_framework_with_mhd_options(&port->instance, flags, options) != U_OK)
        return fault_raise(-EIO);
    port->is_running = true;
    return 0;
}

static int start_port(struct server *server, struct port *port, const char *bind_text,
                      uint32_t number, uint32_t connections_max)
{
    const struct settings *settings = server->application->settings;
    const struct connections_settings connections_settings = {
        .idle_ms = settings->connection_timeout_s * 1000,
        .request_ms = settings->request_timeout_s * 1000,
        .metrics = server->service.metrics,
    };
    int listening = -1;
    int r;

    r = connections_new(&connections_settings, &port->connections);
    if (r != 0)
        return fault_fold(r);
    r = listen_at(bind_text, number, &listening, &port->number);
    if (r != 0)
        return r;
    /* From here on the socket is the library's, which closes it. */
    return fault_fold(start_library(server, port, listening, connections_max));
}

/* The soft limit of many systems, 1024, is below what we promise to serve. */
static void raise_file_limit(uint32_t connections_max)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections_max + ADMIN_CONNECTIONS_MAX + OTHER_FILES;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_warn("server.files", "wanted=%ju allowed=%ju", (uintmax_t)wanted,
                 (uintmax_t)limit.rlim_cur);
}

static int start_limits(struct service *service, uint32_t per_second)
{
    int r = rate_new(per_second, 1, &service->rate);

    if (r == 0)
        r = rate_new(FAILURES_OF_ADDRESS_MAX, FAILURES_WINDOW_S, &service->token_failures);
    if (r == 0)
        r = rate_new(FAILURES_OF_ADDRESS_MAX, FAILURES_WINDOW_S, &service->secret_failures);
    if (r == 0)
        r = rate_new(FAILURES_OF_CLIENT_MAX, FAILURES_WINDOW_S, &service->client_failures);
    return r;
}

static int start_service(struct server *server)
{
    const struct settings *settings = server->application->settings;
    struct service *service = &server->service;
    int r;

    service->application = server->application;
    r = metrics_new(ROUTES, ROUTE_COUNT, &service->metrics);
    if (r == 0)
        r = sizes_new(&service->sizes);
    if (r == 0 && settings->rate_limit > 0)
        r = start_limits(service, settings->rate_limit);
    if (r == 0 && settings->trusted_proxy != NULL && settings->trusted_proxy[0] != '\0')
        service->has_trusted_proxy =
            address_parse(settings->trusted_proxy, &service->trusted_proxy);
    return fault_fold(r);
}

/* Cuts what still runs. */
static void stop_port(struct port *port)
{
    if (port->is_running && ulfius_stop_framework(&port->instance) != U_OK)
        log_error("server.stop", "port=%u", (unsigned)port->number);
    if (port->is_initialised)
        ulfius_clean_instance(&port->instance);
    connections_free(port->connections);
}

static void server_free(struct server *server)
{
    stop_port(&server->main);
    stop_port(&server->admin);
    rate_free(server->service.rate);
    rate_free(server->service.token_failures);
    rate_free(server->service.secret_failures);
    rate_free(server->service.client_failures);
    sizes_free(server->service.sizes);
    metrics_free(server->service.metrics);
    coding_deinit();
    free(server);
}

int server_start(struct application *application, struct server **ret_server)
{
    const struct settings *settings = application->settings;
    struct server *server = calloc(1, sizeof(*server));
    int r;

    if (server == NULL)
        return fault_raise(-ENOMEM);
    server->application = application;
    server->main.listener = (struct listener){.service = &server->service,
                                              .routes = ROUTES,
                                              .route_count = ROUTE_COUNT,
                                              .is_public = true};
    server->admin.listener = (struct listener){
        .service = &server->service, .routes = HEALTH_ROUTES, .route_count = HEALTH_ROUTE_COUNT};
    raise_file_limit(settings->connections_max);
    r = start_service(server);
    /* Health first: whoever watches the start can ask. */
    if (r == 0)
        r = start_port(server, &server->admin, settings->admin_bind, settings->admin_port,
                       ADMIN_CONNECTIONS_MAX);
    if (r == 0)
        r = start_port(server, &server->main, settings->bind, settings->port,
                       settings->connections_max);
    if (r != 0) {
        server_free(server);
        return r;
    }
    log_info("server.start", "bind=%s port=%u admin_bind=%s admin_port=%u", settings->bind,
             (unsigned)server->main.number, settings->admin_bind, (unsigned)server->admin.number);
    *ret_server = server;
    return 0;
}

uint32_t server_port(const struct server *server)
{
    return server->main.number;
}

uint32_t server_admin_port(const struct server *server)
{
    return server->admin.number;
}

void server_drain(struct server *server)
{
    atomic_store(&server->service.draining, true);
}

bool server_stop(struct server *server)
{
    uint64_t wait_ms = (uint64_t)server->application->settings->drain_s * 1000;
    MHD_socket listening;
    bool all_ended;

    server_drain(server);
    listening = MHD_quiesce_daemon(server->main.instance.mhd_daemon);
    if (listening != MHD_INVALID_SOCKET)
        (void)close(listening); /* from now on clients are refused, and go to another server */
    all_ended = connections_drain(server->main.connections, wait_ms);
    log_info("server.stop", "all_ended=%s", all_ended ? "true" : "false");
    server_free(server);
    return all_ended;
}
