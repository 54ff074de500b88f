#include "support/server.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"
#include "support/database.h"
#include "support/program.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_MS_MAX 60000 /* a sanitizer build on a busy machine */
#define STOP_MS_MAX 60000
#define READY_LINE "express-api ready "
#define ACCESS_EVENT "event=http.access "
#define CHANGES_MAX 32
#define REQUEST_ID_BYTES 80
#define LINE_BYTES_MAX 4096
#define TEXT_BYTES_MAX 65536

/* The server of SERVER_BEFORE_TESTS(). */
static struct test_server server_of_tests;

static bool fail(char **reterr_what, const char *what, const char *detail)
{
    struct text text;
    size_t length;

    text_init(&text, TEXT_BYTES_MAX);
    text_append_format(&text, "%s: %s", what, detail);
    *reterr_what = text_steal(&text, &length);
    return false;
}

static void sleep_ms(long milliseconds)
{
    struct timespec wait = {milliseconds / 1000, (milliseconds % 1000) * 1000000};

    (void)nanosleep(&wait, NULL); /* a shorter sleep only means one look more */
}

/*
 * The server's line on standard output, or false at its end or after the deadline.
 * The line is short and written at once, so that it comes in one read.
 */
static bool read_ready_line(int fd, char *ret_line, size_t size_bytes)
{
    struct pollfd wait = {fd, POLLIN, 0};
    ssize_t length;

    if (poll(&wait, 1, READY_MS_MAX) != 1)
        return false;
    length = read(fd, ret_line, size_bytes - 1);
    if (length <= 0)
        return false;
    ret_line[length] = '\0';
    ret_line[strcspn(ret_line, "\n")] = '\0';
    return strncmp(ret_line, READY_LINE, strlen(READY_LINE)) == 0;
}

/* The number behind "admin_port=" in the log. */
static bool find_admin_port(const char *log_path, uint32_t *ret_port)
{
    char line[LINE_BYTES_MAX];
    FILE *log = fopen(log_path, "r");
    bool found = false;

    if (log == NULL)
        return false;
    while (!found && fgets(line, sizeof(line), log) != NULL) {
        char *at = strstr(line, "admin_port=");

        if (at == NULL)
            continue;
        at += strlen("admin_port=");
        at[strspn(at, "0123456789")] = '\0';
        found = num_parse_u32(at, 1, UINT16_MAX, ret_port);
    }
    (void)fclose(log); /* only read */
    return found;
}

static void log_tail(const char *log_path, struct text *text)
{
    char bytes[LINE_BYTES_MAX];
    FILE *log = fopen(log_path, "r");
    size_t length;

    if (log == NULL)
        return;
    if (fseek(log, -(long)(sizeof(bytes) - 1), SEEK_END) != 0)
        rewind(log);
    length = fread(bytes, 1, sizeof(bytes) - 1, log);
    (void)fclose(log); /* only read */
    text_append_bytes(text, bytes, length);
}

static bool fail_with_log(const struct test_server *server, char **reterr_what, const char *what)
{
    struct text text;

    text_init(&text, TEXT_BYTES_MAX);
    log_tail(server->log_path, &text);
    (void)fail(reterr_what, what, text.bytes);
    text_deinit(&text);
    return false;
}

static int spawn(struct test_server *server, char *const *environment, int out)
{
    char *words[] = {NULL, NULL, NULL};
    const char *path = program_path(), *serve = "serve";
    posix_spawn_file_actions_t actions;
    int r;

    if (path == NULL)
        return ENOENT;
    memcpy(&words[0], &path, sizeof(path)); /* argv is char **, by history */
    memcpy(&words[1], &serve, sizeof(serve));
    r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return r;
    r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, server->log_path,
                                             O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (r == 0)
        r = posix_spawn(&server->pid, path, &actions, NULL, words, environment);
    (void)posix_spawn_file_actions_destroy(&actions); /* always 0 in glibc */
    return r;
}

/* Names the settings of the server, for test_server_command(). */
static bool note_settings(struct test_server *server, const char *const *settings)
{
    struct text text;
    size_t length;

    text_init(&text, TEXT_BYTES_MAX);
    for (; *settings != NULL; settings++)
        text_append_format(&text, "%s\n", *settings);
    free(server->settings);
    server->settings = text_steal(&text, &length);
    return server->settings != NULL;
}

static bool sets(const char *const *settings, const char *name)
{
    size_t length = strlen(name);

    for (; *settings != NULL; settings++)
        if (strncmp(*settings, name, length) == 0 && strchr("=", (*settings)[length]) != NULL)
            return true;
    return false;
}

/* Starts a process over the database that the server has; waits until it is ready. */
static bool launch(struct test_server *server, const char *const *changes, char **reterr_what)
{
    const char *all[CHANGES_MAX + 8];
    char line[LINE_BYTES_MAX], **environment, *database;
    struct text setting;
    size_t count = 0, length;
    uint32_t admin_port;
    int ends[2], r;

    text_init(&setting, TEXT_BYTES_MAX);
    text_append_format(&setting, "EXPRESS_DATABASE_URL=%s", server->database_url);
    database = text_steal(&setting, &length);
    for (; changes != NULL && changes[count] != NULL && count < CHANGES_MAX; count++)
        all[count] = changes[count];
    all[count++] = database == NULL ? "EXPRESS_DATABASE_URL" : database;
    all[count++] = "EXPRESS_PORT=0";
    all[count++] = "EXPRESS_ADMIN_PORT=0";
    all[count] = NULL;
    /* Several servers share a machine with their tests: who waits is not turned away. */
    if (!sets(all, "EXPRESS_POOL_WAIT_MS")) {
        all[count++] = "EXPRESS_POOL_WAIT_MS=10000";
        all[count] = NULL;
    }
    if (!sets(all, "EXPRESS_SECRET")) {
        all[count++] = "EXPRESS_SECRET=" TEST_SECRET;
        all[count] = NULL;
    }
    environment = program_environment(all);
    if (database == NULL || environment == NULL || !note_settings(server, all) || pipe(ends) != 0) {
        free(environment);
        free(database);
        return fail(reterr_what, "the server was not started", strerror(errno));
    }
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC); /* else the server would keep its own reader */
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    r = spawn(server, environment, ends[1]);
    free(environment);
    free(database);
    (void)close(ends[1]); /* the server's now */
    server->out = ends[0];
    if (r != 0) {
        server->pid = 0;
        return fail(reterr_what, "the server was not started", strerror(r));
    }
    if (!read_ready_line(server->out, line, sizeof(line))) {
        test_server_kill(server);
        return fail_with_log(server, reterr_what, "the server did not become ready; its log ends");
    }
    (void)snprintf(server->url, sizeof(server->url), "%.*s", URL_BYTES_MAX - 1,
                   line + strlen(READY_LINE));
    if (!find_admin_port(server->log_path, &admin_port)) {
        test_server_kill(server);
        return fail_with_log(server, reterr_what, "no admin_port= in the log, which ends");
    }
    (void)snprintf(server->admin_url, sizeof(server->admin_url), "http://127.0.0.1:%u", admin_port);
    return true;
}

static bool make_folder(struct test_server *server)
{
    const char *parent = getenv("EXPRESS_TEST_FOLDER");

    (void)snprintf(server->folder, sizeof(server->folder), "%s/express-test-XXXXXX",
                   parent != NULL ? parent : "/tmp");
    if (mkdtemp(server->folder) == NULL)
        return false;
    (void)snprintf(server->log_path, sizeof(server->log_path), "%s/log", server->folder);
    (void)snprintf(server->tokens_path, sizeof(server->tokens_path), "%s/tokens", server->folder);
    (void)snprintf(server->requests_path, sizeof(server->requests_path), "%s/requests",
                   server->folder);
    return true;
}

bool test_server_start(struct test_server *server, const char *const *changes, char **reterr_what)
{
    static unsigned count;

    memset(server, 0, sizeof(*server));
    if (!make_folder(server))
        return fail(reterr_what, "no folder for the server's log", strerror(errno));
    (void)snprintf(server->database, sizeof(server->database), "test_%ld_%u", (long)getpid(),
                   count++);
    if (!test_database_copy(server->database, reterr_what))
        return false;
    server->database_url = test_database_url(server->database);
    if (server->database_url == NULL)
        return fail(reterr_what, "no URL for the database", server->database);
    return launch(server, changes, reterr_what);
}

bool test_server_start_beside(struct test_server *server, const struct test_server *first,
                              const char *const *changes, char **reterr_what)
{
    memset(server, 0, sizeof(*server));
    if (!make_folder(server))
        return fail(reterr_what, "no folder for the server's log", strerror(errno));
    server->database_url = strdup(first->database_url);
    if (server->database_url == NULL)
        return fail(reterr_what, "no URL for the database", first->database);
    return launch(server, changes, reterr_what);
}

bool test_server_restart(struct test_server *server, const char *const *changes, char **reterr_what)
{
    return launch(server, changes, reterr_what);
}

void test_server_kill(struct test_server *server)
{
    if (server->pid > 0) {
        (void)kill(server->pid, SIGKILL); /* it may have ended by itself */
        while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        (void)close(server->out); /* only read */
    }
    server->pid = 0;
}

size_t test_server_log_lines(const char *text)
{
    const char *path = getenv("API_LOG");
    FILE *log = path == NULL ? NULL : fopen(path, "r");
    char line[LINE_BYTES_MAX];
    size_t count = 0;

    cr_assert_not_null(log, "no log to look into: %s", path);
    while (fgets(line, sizeof(line), log) != NULL)
        count += strstr(line, text) != NULL;
    (void)fclose(log); /* only read */
    return count;
}

/* Request ids, sorted. */
struct ids {
    char (*items)[REQUEST_ID_BYTES];
    size_t count;
};

static bool ids_add(struct ids *ids, const char *id, size_t length)
{
    char(*grown)[REQUEST_ID_BYTES];

    if (length >= REQUEST_ID_BYTES)
        return false;
    if ((ids->count & (ids->count - 1)) == 0) { /* grows at each power of two */
        grown = realloc(ids->items, (ids->count == 0 ? 1 : ids->count * 2) * sizeof(*grown));
        if (grown == NULL)
            return false;
        ids->items = grown;
    }
    memcpy(ids->items[ids->count], id, length);
    ids->items[ids->count++][length] = '\0';
    return true;
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(left, right);
}

/*
 * The ids in a file, one a line: behind @mark where there is one, in lines that contain @event.
 * A missing file has none.
 */
static bool ids_read(const char *path, const char *event, const char *mark, struct ids *ret_ids)
{
    char line[LINE_BYTES_MAX];
    FILE *file = fopen(path, "r");
    bool done = true;

    *ret_ids = (struct ids){0};
    while (done && file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *at = strstr(line, event) == NULL ? NULL : strstr(line, mark);

        if (at == NULL)
            continue;
        at += strlen(mark);
        done = ids_add(ret_ids, at, strcspn(at, " \n"));
    }
    if (file != NULL)
        (void)fclose(file); /* only read */
    if (ret_ids->count > 0)
        qsort(ret_ids->items, ret_ids->count, sizeof(*ret_ids->items), compare_ids);
    return done;
}

/* Every reply that our client was given has its one access line. */
static bool check_access_lines(const struct test_server *server, char **reterr_what)
{
    struct ids replies, lines;
    bool good = ids_read(server->requests_path, "", "", &replies);
    size_t line = 0;

    good = ids_read(server->log_path, ACCESS_EVENT, " request_id=", &lines) && good;
    if (!good)
        (void)fail(reterr_what, "unreadable request ids", server->log_path);
    for (size_t i = 0, next; good && i < replies.count; i = next) {
        const char *id = replies.items[i];
        size_t first;

        for (next = i; next < replies.count && strcmp(replies.items[next], id) == 0;)
            next++;
        /* Lines of requests that another client made are passed over. */
        while (line < lines.count && strcmp(lines.items[line], id) < 0)
            line++;
        for (first = line; line < lines.count && strcmp(lines.items[line], id) == 0;)
            line++;
        if (line - first != next - i)
            good = fail(reterr_what, "not one access line for each reply of request", id);
    }
    free(replies.items);
    free(lines.items);
    return good;
}

bool test_server_end(struct test_server *server, char **reterr_what)
{
    uint64_t deadline = clock_monotonic_ms() + STOP_MS_MAX;
    int status = 0;
    pid_t ended;

    if (server->pid <= 0)
        return fail(reterr_what, "the server is not running", server->url);
    (void)kill(server->pid, SIGTERM); /* it may have crashed: its status tells */
    while ((ended = waitpid(server->pid, &status, WNOHANG)) == 0 && clock_monotonic_ms() < deadline)
        sleep_ms(10);
    if (ended == 0) {
        test_server_kill(server);
        return fail_with_log(server, reterr_what, "the server did not stop; its log ends");
    }
    server->pid = 0;
    (void)close(server->out); /* only read */
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail_with_log(server, reterr_what, "the server did not end well; its log ends");
    return check_access_lines(server, reterr_what);
}

bool test_server_drop(struct test_server *server, char **reterr_what)
{
    bool dropped = server->database[0] == '\0' || test_database_drop(server->database, reterr_what);

    free(server->database_url);
    free(server->settings);
    server->database_url = server->settings = NULL;
    (void)unlink(server->log_path); /* each may be missing, if nothing was asked */
    (void)unlink(server->tokens_path);
    (void)unlink(server->requests_path);
    (void)rmdir(server->folder);
    return dropped;
}

bool test_server_stop(struct test_server *server, char **reterr_what)
{
    return test_server_end(server, reterr_what) && test_server_drop(server, reterr_what);
}

void test_server_use(const struct test_server *server)
{
    const char *const pairs[][2] = {
        {"API_URL", server->url},
        {"API_ADMIN_URL", server->admin_url},
        {"API_DATABASE_URL", server->database_url},
        {"API_LOG", server->log_path},
        {"API_REQUESTS", server->requests_path},
        {"API_SETTINGS", server->settings},
        {"API_TOKENS", server->tokens_path},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(pairs); i++)
        if (setenv(pairs[i][0], pairs[i][1], 1) != 0)
            abort();
}

bool test_server_command(const char *const *arguments, struct program_result *ret_result)
{
    const char *settings[CHANGES_MAX + 8], *noted = getenv("API_SETTINGS");
    char *lines = noted == NULL ? NULL : strdup(noted);
    size_t count = 0;
    bool done;

    for (char *line = lines; line != NULL && *line != '\0';) {
        char *end = line + strcspn(line, "\n");

        if (*end == '\n')
            *end++ = '\0';
        settings[count++] = line;
        line = end;
    }
    settings[count] = NULL;
    done = program_run(arguments, settings, ret_result);
    free(lines);
    return done;
}

/* With --tap Criterion throws standard error away; this line reaches the test runner. */
static void bail_out(const char *what)
{
    printf("Bail out! ");
    for (; *what != '\0'; what++)
        putchar(*what == '\n' ? ' ' : *what);
    putchar('\n');
    (void)fflush(stdout);
    _exit(1);
}

void test_server_before_all(const char *const *changes)
{
    char *what = NULL;

    if (!test_server_start(&server_of_tests, changes, &what))
        bail_out(what);
    test_server_use(&server_of_tests);
}

void test_server_after_all(void)
{
    char *what = NULL;

    if (!test_server_stop(&server_of_tests, &what))
        bail_out(what);
}
