#pragma once
/*
 * Server under test
 *
 * Starts the built express-api on free ports, over a database of its own that
 * holds the founding catalogue, and stops it again. Stopping checks what must
 * hold of every run: the server ends by itself with exit code 0, and the
 * log has exactly one access line for each reply that our client was given.
 *
 * A test file has one server for all its tests, with settings of its own:
 *
 *     SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
 *     SERVER_AFTER_TESTS()
 *
 * Tests find it through the functions of http.h and database.h: Criterion runs
 * each test in a process of its own, so what they need travels in the
 * environment (API_URL, API_ADMIN_URL, API_DATABASE_URL, API_LOG, API_REQUESTS, API_SETTINGS,
 * API_TOKENS).
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct program_result;

#define URL_BYTES_MAX 64
#define TEST_SECRET "a secret that every server under test has"

struct test_server {
    pid_t pid;
    int out;                 /* the reading end of its standard output */
    char url[URL_BYTES_MAX]; /* "http://127.0.0.1:PORT" */
    char admin_url[URL_BYTES_MAX];
    char folder[256]; /* a temporary one of its own */
    char log_path[300];
    char requests_path[300]; /* http.c adds a line with the request id of every reply */
    char tokens_path[300];   /* tokens.c keeps there what the tests of one server share */
    char database[64];       /* "": that of another server */
    char *database_url;      /* owned */
    char *settings;          /* owned; what it was started with, "NAME=value" each on a line */
};

/*
 * test_server_start()
 * @server:  filled; test_server_stop() must follow a true result
 * @changes: borrowed; NULL-terminated "NAME=value" and "NAME", see program.h. May be NULL.
 *           Without an EXPRESS_SECRET among them it is TEST_SECRET.
 *
 * Return: true when it is ready; false with a message in @reterr_what (owned, free()).
 */
MUST_CHECK bool test_server_start(struct test_server *server, const char *const *changes,
                                  char **reterr_what);
/* The same database, new process and ports: what a restart keeps. For a stopped or killed server.
 */
MUST_CHECK bool test_server_restart(struct test_server *server, const char *const *changes,
                                    char **reterr_what);
/* One more over the database of @first: two nodes. Stop it before @first, with test_server_stop().
 */
MUST_CHECK bool test_server_start_beside(struct test_server *server,
                                         const struct test_server *first,
                                         const char *const *changes, char **reterr_what);
/* Kills without a word, as a power cut would. test_server_restart() or test_server_drop() follows.
 */
void test_server_kill(struct test_server *server);
/* SIGTERM, exit code 0, then the log: see above. The database stays. */
MUST_CHECK bool test_server_end(struct test_server *server, char **reterr_what);
/* Drops the folder, and the database unless it is that of another server. */
MUST_CHECK bool test_server_drop(struct test_server *server, char **reterr_what);
/* Both: end and drop. */
MUST_CHECK bool test_server_stop(struct test_server *server, char **reterr_what);

/* Sets API_URL and its companions, so that http.h and database.h speak to @server. */
void test_server_use(const struct test_server *server);

/* Lines of the running server's log (API_LOG) that contain @text. */
size_t test_server_log_lines(const char *text);

/*
 * test_server_command() - the program on the command line, with the settings of the server in use
 * @arguments: borrowed; NULL-terminated: {"token", "--role", "editor", NULL}
 * As program_run(): the result is owned by the caller, program_result_deinit().
 */
MUST_CHECK bool test_server_command(const char *const *arguments,
                                    struct program_result *ret_result);

/* What the macros below run. A failure ends the whole run, with the reason. */
void test_server_before_all(const char *const *changes);
void test_server_after_all(void);

/* Two macros on two lines: Criterion names a hook after its line. */
#define SERVER_BEFORE_TESTS(...)                                                                   \
    ReportHook(PRE_ALL)(struct criterion_test_set * tests)                                         \
    {                                                                                              \
        (void)tests; /* of no use here: the hook's type is Criterion's */                          \
        test_server_before_all((const char *const[]){__VA_ARGS__, NULL});                          \
    }
#define SERVER_AFTER_TESTS()                                                                       \
    ReportHook(POST_ALL)(struct criterion_global_stats * stats)                                    \
    {                                                                                              \
        (void)stats; /* likewise */                                                                \
        test_server_after_all();                                                                   \
    }
