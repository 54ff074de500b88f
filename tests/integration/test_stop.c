/*
 * How the server ends: what was begun is answered, nothing new is begun, the exit code says
 * whether anything was cut. A request counts as begun when its header has arrived, so the
 * tests hold requests open by their bodies, and need no time to tell.
 */
#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 60000 /* a hang, not a time, fails */
#define REQUESTS 20
#define BODY_FIRST "{\"ids\":[\"01a20102-28e0-7051"
#define BODY_REST "-a78d-40e12e1670b1\"]}"
#define CHANGES                                                                                    \
    "EXPRESS_RATE_LIMIT=0", "EXPRESS_CONNECTION_TIMEOUT_S=60", "EXPRESS_REQUEST_TIMEOUT_S=60"

TestSuite(stop, .fini = test_ends_without_leaks, .timeout = 300);

static void start(struct test_server *server, const char *const *changes)
{
    char *what = NULL;

    if (!test_server_start(server, changes, &what))
        cr_assert_fail("%s", what);
    test_server_use(server);
}

static void drop(struct test_server *server)
{
    char *what = NULL;

    if (!test_server_drop(server, &what))
        cr_assert_fail("%s", what);
}

/* The exit code; 128 + signal when a signal ended it. */
static int wait_for_end(struct test_server *server)
{
    uint64_t deadline = clock_monotonic_ms() + WAIT_MS;
    int status = 0;
    pid_t ended;

    while ((ended = waitpid(server->pid, &status, WNOHANG)) == 0) {
        (void)poll(NULL, 0, 5); /* only not to spin */
        cr_assert_lt(clock_monotonic_ms(), deadline, "the server does not end");
    }
    cr_assert_eq(ended, server->pid);
    server->pid = 0;
    (void)close(server->out); /* only read */
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Return: a connection; -1 when it is refused. */
static int try_connection(const struct test_server *server, int receive_bytes)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    uint32_t number = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert(num_parse_u32(strrchr(server->url, ':') + 1, 1, UINT16_MAX, &number));
    address.sin_port = htons((uint16_t)number);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_geq(fd, 0);
    if (receive_bytes > 0)
        cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)),
                     0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    (void)close(fd); /* never connected */
    return -1;
}

static int open_connection(const struct test_server *server, int receive_bytes)
{
    int fd = try_connection(server, receive_bytes);

    cr_assert_geq(fd, 0);
    return fd;
}

static void say(int fd, const char *bytes)
{
    cr_assert_eq(send(fd, bytes, strlen(bytes), MSG_NOSIGNAL), (ssize_t)strlen(bytes), "%s",
                 strerror(errno));
}

/* Everything until the server closes. */
static void hear(int fd, struct text *text)
{
    char buffer[65536];
    ssize_t length;

    for (;;) {
        struct pollfd wait = {fd, POLLIN, 0};

        cr_assert_eq(poll(&wait, 1, WAIT_MS), 1, "the connection hangs");
        length = recv(fd, buffer, sizeof(buffer), 0);
        if (length <= 0)
            break;
        text_append_bytes(text, buffer, (size_t)length);
    }
    cr_assert_not(text_failed(text));
    (void)close(fd); /* the server has */
}

/* Once the server says 100, it has read the header and waits for the body. */
static int begin_request(const struct test_server *server)
{
    static const char CONTINUE[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char request[400], answer[sizeof(CONTINUE)] = "";
    int fd = open_connection(server, 0);

    (void)snprintf(request, sizeof(request),
                   "POST /v1/practices/batch-get HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                   strlen(BODY_FIRST BODY_REST));
    say(fd, request);
    cr_assert_eq(recv(fd, answer, sizeof(CONTINUE) - 1, MSG_WAITALL), sizeof(CONTINUE) - 1);
    cr_assert_str_eq(answer, CONTINUE);
    say(fd, BODY_FIRST);
    return fd;
}

/* Not ready any more, at once. */
static void wait_for_draining(void)
{
    uint64_t deadline = clock_monotonic_ms() + WAIT_MS;
    char url[200];

    (void)snprintf(url, sizeof(url), "%s/readyz", getenv("API_ADMIN_URL"));
    for (;;) {
        CLEANUP(response_freep)
        struct response *response = http_send_unchecked("GET", url, NULL, NULL, 0);

        if (response->status == 503) {
            cr_assert_str_eq(response_text_at(response, "/type"), "/problems/shutting-down");
            cr_assert_not_null(response_header(response, "Retry-After"));
            return;
        }
        cr_assert_lt(clock_monotonic_ms(), deadline, "it stays ready");
    }
}

/* A list of several megabytes, far more than sockets hold. */
static void make_lists_long(void)
{
    test_database_run(
        "update published.practices_documents set "
        "document = replace(document, '\"summary\":\"', '\"summary\":\"' || repeat('x', 60000)), "
        "card = replace(card, '\"summary\":\"', '\"summary\":\"' || repeat('x', 60000))");
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; (text = strchr(text, '\n')) != NULL; text++)
        count++;
    return count;
}

/* The length of the chunks of an answer; ends the test when the last one is missing. */
static size_t whole_length(const char *answer)
{
    const char *at = strstr(answer, "\r\n\r\n");
    size_t length = 0;

    cr_assert_not_null(at, "no header: %.100s", answer);
    for (at += 4;;) {
        char *end;
        unsigned long chunk = strtoul(at, &end, 16);

        cr_assert_neq(end, at, "no chunk where one should be");
        if (chunk == 0)
            break;
        length += chunk;
        at = end + 2 + chunk + 2;
    }
    return length;
}

/* Checks S1, S2. */
Test(stop, what_runs_at_sigterm_is_answered_in_full_and_the_exit_code_is_zero)
{
    struct test_server server;
    int requests[REQUESTS], stream, idle;
    struct text text;
    char first[100];
    uint64_t deadline;

    start(&server, (const char *const[]){CHANGES, NULL});
    make_lists_long();
    for (size_t i = 0; i < REQUESTS; i++)
        requests[i] = begin_request(&server);
    idle = open_connection(&server, 0);
    say(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert_gt(recv(idle, first, sizeof(first), 0), 0);
    stream = open_connection(&server, 4096);
    say(stream, "GET /v1/practices?format=ndjson HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert_eq(recv(stream, first, 1, 0), 1);

    cr_assert_eq(kill(server.pid, SIGTERM), 0);
    wait_for_draining();
    deadline = clock_monotonic_ms() + WAIT_MS;
    for (int fd; (fd = try_connection(&server, 0)) >= 0; (void)close(fd))
        cr_assert_lt(clock_monotonic_ms(), deadline, "it still takes connections");

    text_init(&text, 64 * 1024 * 1024);
    hear(idle, &text); /* one that rests is let go */
    for (size_t i = 0; i < REQUESTS; i++) {
        text_clear(&text);
        say(requests[i], BODY_REST);
        hear(requests[i], &text);
        cr_assert_eq(strncmp(text.bytes, "HTTP/1.1 200 ", 13), 0, "%s", text.bytes);
        cr_assert_not_null(strstr(text.bytes, "Connection: close"), "%s", text.bytes);
        cr_assert_not_null(strstr(text.bytes, "\"missing\":"), "%s", text.bytes);
    }
    text_clear(&text);
    text_append_bytes(&text, first, 1);
    hear(stream, &text);
    cr_assert_gt(whole_length(text.bytes), 5000000, "the stream was not longer than sockets hold");
    cr_assert_geq(count_lines(text.bytes), 122);
    text_deinit(&text);
    cr_assert_eq(wait_for_end(&server), 0);
    drop(&server);
}

/* Checks S3. */
Test(stop, what_takes_longer_than_the_limit_is_cut_and_the_exit_code_says_so)
{
    struct test_server server;
    struct text text;
    int request;

    start(&server, (const char *const[]){CHANGES, "EXPRESS_DRAIN_S=1", NULL});
    request = begin_request(&server);
    cr_assert_eq(kill(server.pid, SIGTERM), 0);
    text_init(&text, 10000);
    hear(request, &text);
    cr_assert_str_eq(text.bytes, "");
    text_deinit(&text);
    cr_assert_eq(wait_for_end(&server), 1);
    cr_assert_eq(test_server_log_lines("answers_cut=yes"), 1);
    drop(&server);
}

/* Checks S4. */
Test(stop, a_second_signal_ends_it_at_once)
{
    static const int SIGNALS[] = {SIGTERM, SIGINT};

    for (size_t i = 0; i < ARRAY_LENGTH(SIGNALS); i++) {
        struct test_server server;
        int request;

        start(&server, (const char *const[]){CHANGES, "EXPRESS_DRAIN_S=600", NULL});
        request = begin_request(&server);
        cr_assert_eq(kill(server.pid, SIGTERM), 0);
        wait_for_draining();
        cr_assert_eq(kill(server.pid, SIGHUP), 0); /* says nothing here, either */
        wait_for_draining();
        cr_assert_eq(kill(server.pid, SIGNALS[i]), 0);
        cr_assert_eq(wait_for_end(&server), 1);
        (void)close(request); /* the server has */
        drop(&server);
    }
}

/* Checks S4. */
Test(stop, sighup_and_sigpipe_change_nothing_and_sigint_is_as_good_as_sigterm)
{
    struct test_server server;

    start(&server, (const char *const[]){CHANGES, NULL});
    for (int i = 0; i < 3; i++) {
        CLEANUP(response_freep) struct response *response = NULL;

        cr_assert_eq(kill(server.pid, SIGHUP), 0);
        cr_assert_eq(kill(server.pid, SIGPIPE), 0);
        response = http_get("/v1/practices?limit=1");
        cr_assert_eq(response->status, 200);
    }
    cr_assert_eq(kill(server.pid, SIGINT), 0);
    cr_assert_eq(wait_for_end(&server), 0);
    cr_assert_eq(test_server_log_lines("answers_cut=no"), 1);
    drop(&server);
}

/* Checks S1. Nobody is there. */
Test(stop, with_nothing_to_do_it_ends_by_itself)
{
    struct test_server server;
    char *what = NULL;

    start(&server, (const char *const[]){"EXPRESS_DRAIN_S=600", NULL});
    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
}

/* Checks S1. A client that does not read holds the stop up no longer than the limit. */
Test(stop, a_stream_that_nobody_reads_is_cut_at_the_limit)
{
    struct test_server server;
    char first[1];
    int stream;

    start(&server, (const char *const[]){CHANGES, "EXPRESS_DRAIN_S=1", NULL});
    make_lists_long();
    stream = open_connection(&server, 4096);
    say(stream, "GET /v1/practices?format=csv HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert_eq(recv(stream, first, 1, 0), 1);
    cr_assert_eq(kill(server.pid, SIGTERM), 0);
    cr_assert_eq(wait_for_end(&server), 1);
    cr_assert_eq(test_server_log_lines("cut=true"), 1);
    (void)close(stream); /* the server has */
    drop(&server);
}

/* Checks K1. */
Test(stop, after_a_power_cut_it_starts_again_with_everything)
{
    struct test_server server;
    char *what = NULL;

    start(&server, (const char *const[]){CHANGES, NULL});
    for (int i = 0; i < 3; i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        int request = begin_request(&server);

        test_server_kill(&server);
        (void)close(request); /* the server is gone */
        if (!test_server_restart(&server, (const char *const[]){CHANGES, NULL}, &what))
            cr_assert_fail("%s", what);
        test_server_use(&server);
        response = http_get("/v1/practices?count=exact&limit=1");
        cr_assert_eq(response->status, 200);
        cr_assert_eq(json_integer_value(response_at(response, "/page/total")), 122);
    }
    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
}
