/*
 * Load
 *
 * Asks a server over many connections for a time and prints what came of it.
 * One thread and one epoll; every connection sends its next request when the
 * last answer is complete. Answers without a body (304) are understood, which
 * other load generators wait for in vain where a length is announced.
 *
 *   load --url http://ADDRESS:PORT --requests FILE [--connections N] [--seconds N]
 *        [--warm SECONDS] [--header 'NAME: VALUE']… [--remember | --create]
 *
 * FILE has one path (with its query) in a line; they are asked in turn.
 * --create: after the path, a space and JSON, which is posted there, each time
 * with an Idempotency-Key that was never used before.
 * --warm: for so long, before the time that counts, answers are not counted.
 * --remember: every request carries the ETag that its path was answered with
 * at first, so that the server answers 304; the first answers do not count.
 *
 * Prints one line: requests, seconds, p50 and p99 in ms, mean bytes of a body,
 * answers by class (2xx, 304, others), connections that failed.
 */
#include "base/annotate.h"
#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define REQUESTS_MAX 65536
#define HEADERS_BYTES_MAX 4096
#define REQUEST_BYTES_MAX 16384
#define HEAD_BYTES_MAX 32768 /* of an answer */
#define READ_BYTES 131072
#define ETAG_BYTES 128
#define TIMES_MAX 4000000 /* answers whose time is kept */
#define PATIENCE_MS 10000 /* a server that is silent so long has failed */
#define EVENTS_MAX 256
#define KEY_DIGITS 16

struct request {
    char *bytes; /* as it is sent */
    size_t length;
    char *key;             /* in @bytes: the digits that change each time; NULL: none */
    char etag[ETAG_BYTES]; /* of the first answer; "": not known */
};

enum state { STATE_HEAD, STATE_BODY, STATE_CHUNK_SIZE, STATE_CHUNK, STATE_CHUNK_END, STATE_LAST };

struct connection {
    int socket;
    size_t request;
    uint64_t sent_us;
    enum state state;
    int status;
    char head[HEAD_BYTES_MAX];
    size_t head_bytes;
    uint64_t left; /* of the body, or of the chunk */
    uint64_t body_bytes;
};

struct load {
    struct sockaddr_in server;
    char host[64];
    char headers[HEADERS_BYTES_MAX];
    struct request *requests;
    size_t request_count;
    uint64_t sent;
    bool remember;
    bool create;
    uint64_t run; /* by chance, so that no two runs use the same keys */
    bool is_counting;
    uint32_t connection_count;
    uint32_t seconds;
    uint32_t warm_seconds;
    struct connection *connections;
    int epoll;
    uint32_t *times_us;
    size_t time_count;
    uint64_t answers, body_bytes, successes, unmodified, others, failures;
};

/* --- requests -------------------------------------------------------------------------------- */

static bool make_request(const struct load *load, struct request *request, const char *path)
{
    struct text text;

    text_init(&text, REQUEST_BYTES_MAX);
    text_append_format(&text, "GET %s HTTP/1.1\r\nHost: %s\r\n%s", path, load->host, load->headers);
    if (request->etag[0] != '\0')
        text_append_format(&text, "If-None-Match: %s\r\n", request->etag);
    text_append(&text, "\r\n");
    free(request->bytes);
    request->bytes = text_steal(&text, &request->length);
    return request->bytes != NULL;
}

/* "PATH JSON" */
static bool make_creation(const struct load *load, struct request *request, char *line)
{
    char *json = strchr(line, ' ');
    struct text text;
    size_t key_at;

    if (json == NULL)
        return false;
    *json++ = '\0';
    text_init(&text, REQUEST_BYTES_MAX);
    text_append_format(&text,
                       "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\nIdempotency-Key: %016llx-",
                       line, load->host, load->headers, strlen(json),
                       (unsigned long long)load->run);
    key_at = text.length;
    text_append_format(&text, "%0*d\r\n\r\n%s", KEY_DIGITS, 0, json);
    request->bytes = text_steal(&text, &request->length);
    request->key = request->bytes == NULL ? NULL : request->bytes + key_at;
    return request->bytes != NULL;
}

static bool read_requests(struct load *load, const char *path)
{
    char line[REQUEST_BYTES_MAX / 2];
    FILE *file = fopen(path, "re");
    bool complete = true;

    if (file == NULL) {
        perror(path);
        return false;
    }
    load->requests = calloc(REQUESTS_MAX, sizeof(*load->requests));
    while (load->requests != NULL && load->request_count < REQUESTS_MAX &&
           fgets(line, sizeof(line), file) != NULL && complete) {
        line[strcspn(line, "\n")] = '\0';
        complete = load->create ? make_creation(load, &load->requests[load->request_count++], line)
                                : make_request(load, &load->requests[load->request_count++], line);
    }
    (void)fclose(file);
    return complete && load->request_count > 0;
}

/* The request again, now with the ETag of its answer. */
static bool add_etag(const struct load *load, struct request *request)
{
    const char *start = request->bytes + strlen("GET ");
    const size_t length = strcspn(start, " ");
    char path[REQUEST_BYTES_MAX / 2];

    if (length >= sizeof(path))
        return false;
    memcpy(path, start, length);
    path[length] = '\0';
    return make_request(load, request, path);
}

/* --- connections --------------------------------------------------------------------------------
 */

static bool send_next(struct load *load, struct connection *connection)
{
    const struct request *request = &load->requests[load->sent % load->request_count];
    size_t sent = 0;

    if (request->key != NULL) {
        char digits[KEY_DIGITS + 1];

        (void)snprintf(digits, sizeof(digits), "%0*llu", KEY_DIGITS,
                       (unsigned long long)(load->sent % 10000000000000000ULL));
        memcpy(request->key, digits, KEY_DIGITS);
    }
    connection->request = load->sent++ % load->request_count;
    connection->state = STATE_HEAD;
    connection->head_bytes = 0;
    connection->body_bytes = 0;
    connection->sent_us = clock_monotonic_us();
    while (sent < request->length) {
        /* A request is smaller than an empty send buffer: this does not block. */
        ssize_t r =
            send(connection->socket, request->bytes + sent, request->length - sent, MSG_NOSIGNAL);

        if (r <= 0)
            return false;
        sent += (size_t)r;
    }
    return true;
}

static bool open_connection(struct load *load, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    const int yes = 1;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    connection->socket = descriptor;
    if (descriptor < 0 ||
        connect(descriptor, (const struct sockaddr *)&load->server, sizeof(load->server)) != 0 ||
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) != 0 ||
        fcntl(descriptor, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0)
        return false;
    return send_next(load, connection);
}

static bool open_again(struct load *load, struct connection *connection)
{
    (void)close(connection->socket);
    return open_connection(load, connection);
}

/* --- answers -------------------------------------------------------------------------------------
 */

/* The value of a header in the head, without spaces around it; NULL: none. */
static const char *header_of(const struct connection *connection, const char *name,
                             size_t *ret_length)
{
    const size_t name_length = strlen(name);
    const char *line = strstr(connection->head, "\r\n");

    for (; line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, name_length) != 0 || line[name_length] != ':')
            continue;
        line += name_length + 1;
        line += strspn(line, " \t");
        *ret_length = strcspn(line, "\r");
        return line;
    }
    return NULL;
}

static bool read_head(struct load *load, struct connection *connection)
{
    struct request *request = &load->requests[connection->request];
    char number[24] = "";
    int64_t length = 0;
    size_t value_length;
    const char *value;
    uint32_t status;

    if (strncmp(connection->head, "HTTP/1.1 ", 9) != 0)
        return false;
    memcpy(number, connection->head + 9, 3);
    if (!num_parse_u32(number, 100, 599, &status))
        return false;
    connection->status = (int)status;
    connection->left = 0;
    connection->state = STATE_BODY;
    if (load->remember && request->etag[0] == '\0' && status == 200) {
        value = header_of(connection, "ETag", &value_length);
        if (value == NULL || value_length >= ETAG_BYTES)
            return false;
        memcpy(request->etag, value, value_length);
        if (!add_etag(load, request))
            return false;
    }
    if (status == 304 || status == 204)
        return true;
    value = header_of(connection, "Content-Length", &value_length);
    if (value != NULL && value_length < sizeof(number)) {
        memcpy(number, value, value_length);
        number[value_length] = '\0';
        if (!num_parse_i64(number, 0, INT64_MAX, &length))
            return false;
        connection->left = (uint64_t)length;
        return true;
    }
    connection->state = STATE_CHUNK_SIZE;
    connection->head_bytes = 0;
    return header_of(connection, "Transfer-Encoding", &value_length) != NULL;
}

/* Bytes up to and with @end into the head; true when @end was reached. */
static bool gather(struct connection *connection, const char *end, const char **bytes, size_t *size)
{
    const size_t end_length = strlen(end);

    while (*size > 0 && connection->head_bytes < sizeof(connection->head) - 1) {
        connection->head[connection->head_bytes++] = *(*bytes)++;
        (*size)--;
        connection->head[connection->head_bytes] = '\0';
        if (connection->head_bytes >= end_length &&
            memcmp(connection->head + connection->head_bytes - end_length, end, end_length) == 0)
            return true;
    }
    return false;
}

static void pass_over(struct connection *connection, const char **bytes, size_t *size)
{
    const size_t now = *size < connection->left ? *size : (size_t)connection->left;

    *bytes += now;
    *size -= now;
    connection->left -= now;
    connection->body_bytes += now;
}

static bool read_chunk_size(struct connection *connection)
{
    char *end;

    connection->left = strtoull(connection->head, &end, 16);
    connection->head_bytes = 0;
    connection->state = connection->left == 0 ? STATE_LAST : STATE_CHUNK;
    return end != connection->head;
}

enum progress { PROGRESS_MORE, PROGRESS_DONE, PROGRESS_BROKEN };

static enum progress read_answer(struct load *load, struct connection *connection,
                                 const char *bytes, size_t size)
{
    for (;;) {
        switch (connection->state) {
        case STATE_HEAD:
            if (!gather(connection, "\r\n\r\n", &bytes, &size))
                return connection->head_bytes == sizeof(connection->head) - 1 ? PROGRESS_BROKEN
                                                                              : PROGRESS_MORE;
            if (!read_head(load, connection))
                return PROGRESS_BROKEN;
            break;
        case STATE_BODY:
            pass_over(connection, &bytes, &size);
            return connection->left == 0 ? PROGRESS_DONE : PROGRESS_MORE;
        case STATE_CHUNK_SIZE:
            if (!gather(connection, "\r\n", &bytes, &size))
                return PROGRESS_MORE;
            if (!read_chunk_size(connection))
                return PROGRESS_BROKEN;
            break;
        case STATE_CHUNK:
            pass_over(connection, &bytes, &size);
            if (connection->left > 0)
                return PROGRESS_MORE;
            connection->state = STATE_CHUNK_END;
            break;
        case STATE_CHUNK_END:
            if (!gather(connection, "\r\n", &bytes, &size))
                return PROGRESS_MORE;
            connection->head_bytes = 0;
            connection->state = STATE_CHUNK_SIZE;
            break;
        case STATE_LAST:
            return gather(connection, "\r\n", &bytes, &size) ? PROGRESS_DONE : PROGRESS_MORE;
        }
    }
}

static void count_answer(struct load *load, const struct connection *connection)
{
    if (!load->is_counting)
        return;
    if (load->time_count < TIMES_MAX)
        load->times_us[load->time_count++] = (uint32_t)(clock_monotonic_us() - connection->sent_us);
    load->answers++;
    load->body_bytes += connection->body_bytes;
    if (connection->status == 304)
        load->unmodified++;
    else if (connection->status >= 200 && connection->status < 300)
        load->successes++;
    else
        load->others++;
}

static bool on_readable(struct load *load, struct connection *connection)
{
    static char buffer[READ_BYTES];
    ssize_t r = recv(connection->socket, buffer, sizeof(buffer), 0);

    if (r < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (r <= 0) {
        load->failures++;
        return open_again(load, connection);
    }
    switch (read_answer(load, connection, buffer, (size_t)r)) {
    case PROGRESS_MORE:
        return true;
    case PROGRESS_BROKEN:
        load->failures++;
        return open_again(load, connection);
    case PROGRESS_DONE:
        break;
    }
    count_answer(load, connection);
    if (send_next(load, connection))
        return true;
    load->failures++;
    return open_again(load, connection);
}

/* Until that time has come and that many requests were sent. */
static bool run(struct load *load, uint64_t until_us, uint64_t sent_at_least)
{
    uint64_t heard_us = clock_monotonic_us();

    while (clock_monotonic_us() < until_us || load->sent < sent_at_least) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(load->epoll, events, EVENTS_MAX, 100);

        for (int i = 0; i < count; i++)
            if (!on_readable(load, events[i].data.ptr))
                return false;
        if (count > 0)
            heard_us = clock_monotonic_us();
        else if (clock_monotonic_us() - heard_us > (uint64_t)PATIENCE_MS * 1000)
            return false;
    }
    return true;
}

/* --- the program
 * ------------------------------------------------------------------------------------ */

static int compare_times(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;

    return a < b ? -1 : a > b;
}

static double time_at(const struct load *load, double share)
{
    return load->time_count == 0
               ? 0
               : load->times_us[(size_t)(share * (double)(load->time_count - 1))] / 1000.0;
}

static bool read_url(struct load *load, const char *url)
{
    const char *address = strncmp(url, "http://", 7) == 0 ? url + 7 : url;
    const size_t length = strcspn(address, ":");
    char name[32];
    uint32_t port;

    if (length >= sizeof(name) || address[length] != ':' || strlen(address) >= sizeof(load->host) ||
        !num_parse_u32(address + length + 1, 1, 65535, &port))
        return false;
    memcpy(name, address, length);
    name[length] = '\0';
    (void)snprintf(load->host, sizeof(load->host), "%s", address);
    load->server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, name, &load->server.sin_addr) == 1;
}

static bool add_header(struct load *load, const char *header)
{
    const size_t length = strlen(load->headers);
    int added = snprintf(load->headers + length, sizeof(load->headers) - length, "%s\r\n", header);

    return added > 0 && (size_t)added < sizeof(load->headers) - length;
}

static bool read_options(struct load *load, int count, char **arguments)
{
    const char *requests = NULL;
    bool valid = true;

    for (int i = 1; i < count && valid; i++) {
        const char *value = i + 1 < count ? arguments[i + 1] : "";

        if (strcmp(arguments[i], "--remember") == 0) {
            load->remember = true;
            continue;
        }
        if (strcmp(arguments[i], "--create") == 0) {
            load->create = true;
            continue;
        }
        if (strcmp(arguments[i], "--url") == 0)
            valid = read_url(load, value);
        else if (strcmp(arguments[i], "--requests") == 0)
            requests = value;
        else if (strcmp(arguments[i], "--connections") == 0)
            valid = num_parse_u32(value, 1, CONNECTIONS_MAX, &load->connection_count);
        else if (strcmp(arguments[i], "--seconds") == 0)
            valid = num_parse_u32(value, 1, 600, &load->seconds);
        else if (strcmp(arguments[i], "--warm") == 0)
            valid = num_parse_u32(value, 0, 600, &load->warm_seconds);
        else if (strcmp(arguments[i], "--header") == 0)
            valid = add_header(load, value);
        else
            valid = false;
        i++;
    }
    valid = valid && getrandom(&load->run, sizeof(load->run), 0) == sizeof(load->run);
    return valid && load->host[0] != '\0' && requests != NULL && read_requests(load, requests);
}

static bool measure(struct load *load)
{
    uint64_t start_us;

    for (uint32_t i = 0; i < load->connection_count; i++)
        if (!open_connection(load, &load->connections[i]))
            return false;
    /* Once through all paths, to learn their ETags. */
    if (load->remember && !run(load, 0, load->request_count + load->connection_count))
        return false;
    if (!run(load, clock_monotonic_us() + (uint64_t)load->warm_seconds * 1000000, 0))
        return false;
    load->is_counting = true;
    start_us = clock_monotonic_us();
    if (!run(load, start_us + (uint64_t)load->seconds * 1000000, 0))
        return false;
    start_us = clock_monotonic_us() - start_us;
    qsort(load->times_us, load->time_count, sizeof(*load->times_us), compare_times);
    (void)printf("requests=%llu seconds=%.3f p50_ms=%.3f p99_ms=%.3f body_bytes=%.0f ok=%llu "
                 "unmodified=%llu other=%llu failed=%llu\n",
                 (unsigned long long)load->answers, (double)start_us / 1e6, time_at(load, 0.5),
                 time_at(load, 0.99),
                 load->answers == 0 ? 0 : (double)load->body_bytes / (double)load->answers,
                 (unsigned long long)load->successes, (unsigned long long)load->unmodified,
                 (unsigned long long)load->others, (unsigned long long)load->failures);
    return true;
}

int main(int count, char **arguments)
{
    static struct load load = {.connection_count = 16, .seconds = 3};
    bool complete;

    if (!read_options(&load, count, arguments)) {
        (void)fprintf(stderr, "usage: load --url http://ADDRESS:PORT --requests FILE "
                              "[--connections N] [--seconds N] [--warm SECONDS] "
                              "[--header 'NAME: VALUE']... [--remember | --create]\n");
        return 2;
    }
    load.connections = calloc(load.connection_count, sizeof(*load.connections));
    load.times_us = calloc(TIMES_MAX, sizeof(*load.times_us));
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    complete =
        load.connections != NULL && load.times_us != NULL && load.epoll >= 0 && measure(&load);
    if (!complete)
        (void)fprintf(stderr, "load: the server does not answer\n");
    for (uint32_t i = 0; load.connections != NULL && i < load.connection_count; i++)
        (void)close(load.connections[i].socket);
    for (size_t i = 0; i < load.request_count; i++)
        free(load.requests[i].bytes);
    free(load.requests);
    free(load.connections);
    free(load.times_us);
    return complete ? 0 : 1;
}
