/*
 * The database goes away, freezes, is locked, is busy: what clients hear, and how soon all is
 * well again. On a PostgreSQL of this file's own, so that other tests keep theirs; one test at
 * a time, because they share it.
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
#include <criterion/hooks.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS 60000      /* a hang, not a time, fails */
#define ANSWER_MS_MAX 3000 /* of our promise, with room for a sanitizer on a busy machine */
#define POOL_SIZE 4

/* --- the cluster ----------------------------------------------------------------------------- */

static char folder[64];

/* cluster.sh; what it printed, owned, free(); NULL when it failed. */
static char *cluster(const char *command, const char *how)
{
    const char *source = getenv("EXPRESS_SOURCE_DIR"), *place = getenv("FAILURE_FOLDER");
    char line[1024] = "";
    struct text text;
    FILE *pipe;

    text_init(&text, 4096);
    text_append_format(&text, "exec bash '%s/tests/support/cluster.sh' %s '%s/postgres' %s",
                       source == NULL ? "" : source, command, place == NULL ? "" : place, how);
    pipe = popen(text.bytes, "r");
    text_deinit(&text);
    if (pipe == NULL)
        return NULL;
    if (fgets(line, sizeof(line), pipe) != NULL)
        line[strcspn(line, "\n")] = '\0';
    return pclose(pipe) == 0 ? strdup(line) : NULL;
}

static void stop_database(const char *how)
{
    char *said = cluster("stop", how);

    cr_assert_not_null(said, "the database does not stop");
    free(said);
}

static void start_database(void)
{
    char *said = cluster("start", "");

    cr_assert_not_null(said, "the database does not start");
    free(said);
}

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    char *url;

    (void)tests; /* of no use here: the hook's type is Criterion's */
    (void)snprintf(folder, sizeof(folder), "/tmp/express-failure-XXXXXX");
    /* The database's own user passes through. */
    if (mkdtemp(folder) == NULL || chmod(folder, 0711) != 0)
        abort();
    (void)setenv("FAILURE_FOLDER", folder, 1);
    url = cluster("start", "");
    if (url == NULL)
        abort();
    (void)setenv("EXPRESS_TEST_DATABASE_URL", url, 1);
    free(url);
    test_server_before_all((const char *const[]){"EXPRESS_RATE_LIMIT=0", "EXPRESS_POOL_SIZE=4",
                                                 "EXPRESS_POOL_WAIT_MS=500",
                                                 "EXPRESS_STATEMENT_TIMEOUT_MS=1000", NULL});
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    char path[100];

    (void)stats; /* likewise */
    test_server_after_all();
    free(cluster("remove", ""));
    (void)snprintf(path, sizeof(path), "%s/turn", folder);
    (void)unlink(path); /* what fails here leaves an empty folder in /tmp */
    (void)rmdir(folder);
}

/* Criterion runs tests side by side; the lock goes with the test's process. */
static void take_turn(void)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char path[100];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/turn", getenv("FAILURE_FOLDER"));
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    while (fcntl(fd, F_SETLKW, &whole) != 0)
        cr_assert_eq(errno, EINTR);
}

TestSuite(failure, .init = take_turn, .fini = test_ends_without_leaks, .timeout = 300);

/* --- asking ------------------------------------------------------------------------------ */

static struct response *ask_admin(const char *path)
{
    char url[200];

    (void)snprintf(url, sizeof(url), "%s%s", getenv("API_ADMIN_URL"), path);
    return http_send_unchecked("GET", url, NULL, NULL, 0);
}

static void check_problem(struct response *response, const char *code, const char *why)
{
    char type[100];

    cr_assert_eq(response->status, 503, "%s: %d %.200s", why, response->status, response->body);
    (void)snprintf(type, sizeof(type), "/problems/%s", code);
    cr_assert_str_eq(response_text_at(response, "/type"), type, "%s", why);
    cr_assert_not_null(response_header(response, "Retry-After"), "%s", why);
    cr_assert_str_eq(response_header(response, "Cache-Control"), "no-store", "%s", why);
}

/* Until all is well again; nothing but 200 and 503 on the way there. Return: after how long. */
static uint64_t wait_until_well(const char *path)
{
    uint64_t start = clock_monotonic_ms();

    for (;;) {
        CLEANUP(response_freep) struct response *response = http_get(path);

        if (response->status == 200)
            return clock_monotonic_ms() - start;
        cr_assert_eq(response->status, 503, "%d: %.300s", response->status, response->body);
        cr_assert_lt(clock_monotonic_ms(), start + WAIT_MS, "it does not heal");
        (void)poll(NULL, 0, 20); /* only not to spin */
    }
}

static bool is_remembered(const char *path)
{
    CLEANUP(response_freep) struct response *whole = http_get(path);
    CLEANUP(response_freep) struct response *again = NULL;
    char header[300];

    if (whole->status != 200)
        return false;
    (void)snprintf(header, sizeof(header), "If-None-Match: %s", response_header(whole, "ETag"));
    again = http_send("GET", path, (const char *const[]){header, NULL}, NULL, 0);
    return again->status == 304;
}

/* --- the database is away ---------------------------------------------------------------- */

/* Checks K4, K5, D1, D2, D4. */
Test(failure, while_the_database_is_away_readers_hear_so_at_once_and_health_goes_on)
{
    static const char *const PATHS[] = {
        "/v1/practices",
        "/v1/practices/magdas-hotel",
        "/v1/practices/magdas-hotel/services",
        "/v1/search?q=women",
        "/v1/practices?format=csv",
        "/v1/networks?limit=1&count=exact",
        "/v1/practices?limit=10",
    };
    static const char *const DOCUMENTS[] = {"/", "/openapi.json", "/problems",
                                            "/.well-known/api-catalog"};
    CLEANUP(response_freep) struct response *batch = NULL, *health = NULL, *ready = NULL;
    CLEANUP(response_freep) struct response *ready_again = NULL;

    (void)wait_until_well("/v1/practices");
    stop_database("immediate");
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < ARRAY_LENGTH(PATHS); i++) {
            uint64_t start = clock_monotonic_ms();
            CLEANUP(response_freep) struct response *response = http_get(PATHS[i]);

            check_problem(response, "database-unavailable", PATHS[i]);
            cr_assert_lt(clock_monotonic_ms() - start, ANSWER_MS_MAX, "%s takes too long",
                         PATHS[i]);
            cr_assert_null(strstr(response->body, "/tmp"), "%s", response->body);
        }
    }
    batch = http_post("/v1/practices/batch-get",
                      "{\"ids\":[\"01a20102-28e0-7051-a78d-40e12e1670b1\"]}");
    check_problem(batch, "database-unavailable", "batch-get");
    for (size_t i = 0; i < ARRAY_LENGTH(DOCUMENTS); i++) {
        CLEANUP(response_freep) struct response *response = http_get(DOCUMENTS[i]);

        cr_assert_eq(response->status, 200, "%s needs no database", DOCUMENTS[i]);
    }
    health = ask_admin("/healthz");
    cr_assert_eq(health->status, 200);
    ready = ask_admin("/readyz");
    check_problem(ready, "not-ready", "/readyz");
    cr_assert_str_eq(response_text_at(ready, "/errors/0/code"), "database-unavailable");
    cr_assert_null(strstr(ready->body, "/tmp"), "no hosts, no versions: %s", ready->body);
    cr_assert_null(strstr(ready->body, "PostgreSQL"), "%s", ready->body);

    start_database();
    cr_assert_lt(wait_until_well("/v1/practices"), 2 * ANSWER_MS_MAX);
    ready_again = ask_admin("/readyz");
    cr_assert_eq(ready_again->status, 200);
}

/* What was known while the database could be heard is not taken for current afterwards. */
Test(failure, no_copy_is_called_current_while_nothing_is_heard_from_the_database)
{
    char header[300] = "";
    uint64_t deadline = clock_monotonic_ms() + WAIT_MS;

    (void)wait_until_well("/v1/practices?limit=3");
    {
        CLEANUP(response_freep) struct response *whole = http_get("/v1/practices?limit=3");

        (void)snprintf(header, sizeof(header), "If-None-Match: %s", response_header(whole, "ETag"));
    }
    stop_database("fast");
    for (int status = 304; status != 503;) {
        CLEANUP(response_freep)
        struct response *response =
            http_send("GET", "/v1/practices?limit=3", (const char *const[]){header, NULL}, NULL, 0);

        status = response->status;
        cr_assert(status == 304 || status == 503, "%d", status);
        cr_assert_lt(clock_monotonic_ms(), deadline, "it does not notice");
    }
    start_database();
    (void)wait_until_well("/v1/practices?limit=3");
    while (!is_remembered("/v1/practices?limit=3"))
        cr_assert_lt(clock_monotonic_ms(), deadline + WAIT_MS, "it does not listen again");
}

static void check_connections(void)
{
    char *count = test_database_value(
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and pid <> pg_backend_pid() and backend_type = 'client backend'");
    uint32_t number = 0;

    cr_assert(num_parse_u32(count, 0, UINT32_MAX, &number));
    cr_assert_leq(number, POOL_SIZE + 1, "%s connections: some were leaked", count);
    free(count);
}

/* Checks K5. */
Test(failure, restarts_in_a_row_leave_nothing_behind)
{
    static const char *const MODES[] = {"fast", "immediate", "fast"};

    for (size_t i = 0; i < ARRAY_LENGTH(MODES); i++) {
        stop_database(MODES[i]);
        for (int j = 0; j < 3; j++) {
            CLEANUP(response_freep) struct response *response = http_get("/v1/practices?limit=1");

            check_problem(response, "database-unavailable", MODES[i]);
        }
        start_database();
        (void)wait_until_well("/v1/practices?limit=1");
    }
    for (int i = 0; i < 50; i++) {
        CLEANUP(response_freep) struct response *response = http_get("/v1/networks?limit=1");

        cr_assert_eq(response->status, 200);
    }
    check_connections();
}

/* --- single backends --------------------------------------------------------------------- */

/* Checks K3. */
Test(failure, connections_that_are_closed_under_it_are_made_anew)
{
    for (int round = 0; round < 5; round++) {
        (void)wait_until_well("/v1/practices?limit=2");
        test_database_run("select pg_terminate_backend(pid) from pg_stat_activity where datname = "
                          "current_database() and pid <> pg_backend_pid()");
        (void)wait_until_well("/v1/practices?limit=2");
    }
    check_connections();
}

static pid_t pooled_backend(void)
{
    char *pid = test_database_value(
        "select pid from pg_stat_activity where datname = current_database() and "
        "pid <> pg_backend_pid() and backend_type = 'client backend' and query !~* '^listen' "
        "order by state_change desc limit 1");
    int64_t number = 0;

    cr_assert(pid != NULL && num_parse_i64(pid, 2, INT32_MAX, &number));
    free(pid);
    return (pid_t)number;
}

/* Checks K3. */
Test(failure, a_backend_that_is_killed_takes_all_with_it_and_all_come_back)
{
    (void)wait_until_well("/v1/practices?limit=2");
    cr_assert_eq(kill(pooled_backend(), SIGKILL), 0);
    (void)wait_until_well("/v1/practices?limit=2");
    (void)wait_until_well("/v1/networks?limit=2");
}

/* Checks K9. */
Test(failure, a_backend_that_freezes_is_given_up_at_the_deadline)
{
    pid_t frozen;
    size_t refused = 0;

    (void)wait_until_well("/v1/practices?limit=2");
    frozen = pooled_backend();
    cr_assert_eq(kill(frozen, SIGSTOP), 0);
    for (int i = 0; i < 20; i++) {
        uint64_t start = clock_monotonic_ms();
        CLEANUP(response_freep) struct response *response = http_get("/v1/practices?limit=2");

        cr_assert(response->status == 200 || response->status == 503, "%d", response->status);
        refused += response->status == 503;
        cr_assert_lt(clock_monotonic_ms() - start, 2 * ANSWER_MS_MAX, "no deadline");
    }
    cr_assert_leq(refused, 2, "it is given up once, not each time: %zu", refused);
    cr_assert_eq(kill(frozen, SIGCONT), 0);
    (void)wait_until_well("/v1/practices?limit=2");
}

/* --- locks, and too many at once ------------------------------------------------------- */

struct holder {
    pthread_t thread;
    char *url; /* owned */
};

/* Holds tables of the read model until it is told to let go. */
static void *hold(void *data)
{
    const struct holder *holder = data;
    char *what = NULL;

    /* It ends by being terminated, which is a failure to the client. */
    if (test_database_execute(holder->url,
                              "begin; lock table published.practices, published.history in access "
                              "exclusive mode; "
                              "select pg_sleep(600)",
                              &what))
        abort();
    free(what);
    return NULL;
}

static void holder_start(struct holder *holder)
{
    uint64_t deadline = clock_monotonic_ms() + WAIT_MS;

    holder->url = strdup(getenv("API_DATABASE_URL"));
    cr_assert_eq(pthread_create(&holder->thread, NULL, hold, holder), 0);
    for (bool held = false; !held;) {
        char *count = test_database_value(
            "select count(*) from pg_locks where relation = 'published.practices'::regclass and "
            "mode = 'AccessExclusiveLock' and granted");

        held = strcmp(count, "1") == 0;
        free(count);
        cr_assert_lt(clock_monotonic_ms(), deadline);
    }
}

static void holder_stop(struct holder *holder)
{
    test_database_run("select pg_terminate_backend(pid) from pg_stat_activity where "
                      "query like '%pg_sleep(600)%' and pid <> pg_backend_pid()");
    cr_assert_eq(pthread_join(holder->thread, NULL), 0);
    free(holder->url);
}

/* Checks C6. */
Test(failure, who_waits_for_a_lock_too_long_hears_of_contention_and_others_go_on)
{
    struct holder holder;

    (void)wait_until_well("/v1/practices?limit=1");
    holder_start(&holder);
    for (int i = 0; i < 3; i++) {
        uint64_t start = clock_monotonic_ms();
        CLEANUP(response_freep) struct response *locked = http_get("/v1/practices?limit=1");
        CLEANUP(response_freep) struct response *free_one = http_get("/v1/networks?limit=1");
        CLEANUP(response_freep)
        struct response *past = http_get("/v1/networks?limit=1&as_of=2021-09-30");

        check_problem(locked, "contention", "the locked list");
        check_problem(past, "contention", "a list of the past");
        cr_assert_eq(free_one->status, 200);
        cr_assert_lt(clock_monotonic_ms() - start, 2 * ANSWER_MS_MAX);
    }
    holder_stop(&holder);
    (void)wait_until_well("/v1/practices?limit=1");
}

static void start_server(struct test_server *server, const char *const *changes)
{
    char *what = NULL;

    if (!test_server_start(server, changes, &what))
        cr_assert_fail("%s", what);
    test_server_use(server);
}

static void stop_server(struct test_server *server)
{
    char *what = NULL;

    if (!test_server_stop(server, &what))
        cr_assert_fail("%s", what);
}

/* Checks R10. A statement that takes longer than it may, as one that waits does. */
Test(failure, a_statement_that_takes_too_long_is_ended_and_said)
{
    struct test_server server;
    struct holder holder;

    start_server(&server, (const char *const[]){"EXPRESS_RATE_LIMIT=0",
                                                "EXPRESS_STATEMENT_TIMEOUT_MS=200", NULL});
    (void)wait_until_well("/v1/practices?limit=1");
    holder_start(&holder);
    for (int i = 0; i < 3; i++) {
        CLEANUP(response_freep)
        struct response *response =
            http_get(i == 0 ? "/v1/practices?limit=1&as_of=2021-09-30" : "/v1/practices?limit=1");

        check_problem(response, "timeout", "the locked list");
    }
    holder_stop(&holder);
    (void)wait_until_well("/v1/practices?limit=1");
    {
        CLEANUP(response_freep) struct response *metrics = ask_admin("/metrics");

        cr_assert_not_null(strstr(metrics->body, "\nexpress_database_timeouts_total 3\n"), "%s",
                           strstr(metrics->body, "\nexpress_database_timeouts_total"));
    }
    stop_server(&server);
}

static int open_connection(void)
{
    const char *url = getenv("API_URL");
    struct sockaddr_in address = {.sin_family = AF_INET};
    uint32_t number = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert(url != NULL && num_parse_u32(strrchr(url, ':') + 1, 1, UINT16_MAX, &number));
    address.sin_port = htons((uint16_t)number);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_geq(fd, 0);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void hear(int fd, struct text *text)
{
    char buffer[4096];

    for (;;) {
        struct pollfd wait = {fd, POLLIN, 0};
        ssize_t length;

        cr_assert_eq(poll(&wait, 1, WAIT_MS), 1, "the connection hangs");
        length = recv(fd, buffer, sizeof(buffer), 0);
        if (length <= 0)
            break;
        text_append_bytes(text, buffer, (size_t)length);
    }
    (void)close(fd); /* the server has */
}

/* Checks R9, D12. */
Test(failure, more_readers_than_connections_are_turned_away_and_health_goes_on)
{
    static const char REQUEST[] =
        "GET /v1/practices?limit=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    struct test_server server;
    struct holder holder;
    int connections[40];
    size_t overloaded = 0, contention = 0;

    start_server(&server, (const char *const[]){"EXPRESS_RATE_LIMIT=0", "EXPRESS_POOL_SIZE=1",
                                                "EXPRESS_POOL_WAIT_MS=50", NULL});
    (void)wait_until_well("/v1/practices?limit=1");
    holder_start(&holder);
    for (size_t i = 0; i < ARRAY_LENGTH(connections); i++) {
        connections[i] = open_connection();
        cr_assert_eq(send(connections[i], REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL),
                     sizeof(REQUEST) - 1);
    }
    {
        CLEANUP(response_freep) struct response *health = ask_admin("/healthz");
        CLEANUP(response_freep) struct response *ready = ask_admin("/readyz");

        cr_assert_eq(health->status, 200);
        cr_assert_eq(ready->status, 200, "a pool that is busy has a database");
    }
    for (size_t i = 0; i < ARRAY_LENGTH(connections); i++) {
        struct text text;

        text_init(&text, 100000);
        hear(connections[i], &text);
        cr_assert_eq(strncmp(text.bytes, "HTTP/1.1 503 ", 13), 0, "%s", text.bytes);
        cr_assert_not_null(strstr(text.bytes, "Retry-After: "), "%s", text.bytes);
        overloaded += strstr(text.bytes, "/problems/overloaded") != NULL;
        contention += strstr(text.bytes, "/problems/contention") != NULL;
        text_deinit(&text);
    }
    cr_assert_geq(contention, 1);
    cr_assert_geq(overloaded, 20, "%zu", overloaded);
    cr_assert_eq(overloaded + contention, ARRAY_LENGTH(connections));
    holder_stop(&holder);
    (void)wait_until_well("/v1/practices?limit=1");
    stop_server(&server);
}
