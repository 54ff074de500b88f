#include "support/program.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RUN_MS_MAX 120000
#define ARGUMENTS_MAX 32
#define READ_BYTES 65536

extern char **environ;

bool program_write_file(char *path, const char *text)
{
    const int descriptor = mkstemp(path);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    bool is_written;

    if (file == NULL)
        return false;
    is_written = fputs(text, file) >= 0;
    return fclose(file) == 0 && is_written;
}

const char *program_path(void)
{
    const char *path = getenv("EXPRESS_TEST_BINARY");

    return path != NULL ? path : getenv("EXPRESS_API_BINARY");
}

static size_t name_length(const char *entry)
{
    return strcspn(entry, "=");
}

/* Settings of the program, and what the harness tells the tests under like names. */
static bool is_of_express(const char *entry)
{
    return strncmp(entry, "EXPRESS_", strlen("EXPRESS_")) == 0;
}

static bool is_changed(const char *entry, const char *const *changes)
{
    size_t length = name_length(entry);

    for (; changes != NULL && *changes != NULL; changes++)
        if (name_length(*changes) == length && strncmp(entry, *changes, length) == 0)
            return true;
    return false;
}

char **program_environment(const char *const *changes)
{
    size_t count = 0, used = 0;
    char **result;

    for (char **entry = environ; *entry != NULL; entry++)
        count++;
    for (const char *const *change = changes; change != NULL && *change != NULL; change++)
        count++;
    result = calloc(count + 1, sizeof(*result));
    if (result == NULL)
        return NULL;
    for (char **entry = environ; *entry != NULL; entry++)
        if (!is_of_express(*entry) && !is_changed(*entry, changes))
            result[used++] = *entry;
    for (const char *const *change = changes; change != NULL && *change != NULL; change++)
        if (strchr(*change, '=') != NULL)
            memcpy(&result[used++], change, sizeof(*result)); /* envp is char **, by history */
    return result;
}

struct stream {
    int fd; /* -1 after its end */
    char *bytes;
    size_t size;
};

/* Reads what is there. Return: false when out of memory. */
static bool stream_read(struct stream *stream)
{
    char buffer[READ_BYTES];
    ssize_t length = read(stream->fd, buffer, sizeof(buffer));
    char *grown;

    if (length < 0 && errno == EINTR)
        return true;
    if (length <= 0) {
        (void)close(stream->fd); /* we only read from it */
        stream->fd = -1;
        return true;
    }
    grown = realloc(stream->bytes, stream->size + (size_t)length + 1);
    if (grown == NULL)
        return false;
    memcpy(grown + stream->size, buffer, (size_t)length);
    stream->bytes = grown;
    stream->size += (size_t)length;
    grown[stream->size] = '\0';
    return true;
}

/* Until both streams end. Return: false when time ran out. */
static bool collect(struct stream streams[2])
{
    uint64_t deadline = clock_monotonic_ms() + RUN_MS_MAX;

    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
        struct pollfd waits[2] = {{streams[0].fd, POLLIN, 0}, {streams[1].fd, POLLIN, 0}};
        uint64_t now = clock_monotonic_ms();

        if (now >= deadline)
            return false;
        if (poll(waits, 2, (int)(deadline - now)) < 0 && errno != EINTR)
            return false;
        for (size_t i = 0; i < 2; i++)
            if (streams[i].fd >= 0 && waits[i].revents != 0 && !stream_read(&streams[i]))
                return false;
    }
    return true;
}

static int start(char *const *arguments, char *const *environment, int out, int error, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    int r;

    r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return r;
    r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO);
    if (r == 0)
        r = posix_spawn(ret, arguments[0], &actions, NULL, arguments, environment);
    (void)posix_spawn_file_actions_destroy(&actions); /* always 0 in glibc */
    return r;
}

/* A pipe whose ends no other child inherits; dup2() hands its end on all the same. */
static bool pipe_open(int ends[2])
{
    if (pipe(ends) != 0)
        return false;
    return fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0;
}

static bool fail(struct program_result *result, const char *message)
{
    free(result->error);
    result->error = strdup(message);
    result->error_bytes = result->error == NULL ? 0 : strlen(result->error);
    return false;
}

bool program_run(const char *const *arguments, const char *const *changes,
                 struct program_result *ret_result)
{
    char *words[ARGUMENTS_MAX + 2] = {NULL};
    const char *path = program_path();
    int out[2], error[2];
    struct stream streams[2];
    char **environment;
    int r, status = 0;
    bool in_time;
    pid_t pid;

    memset(ret_result, 0, sizeof(*ret_result));
    if (path == NULL)
        return fail(ret_result, "EXPRESS_API_BINARY is not set: run the tests with tools/test");
    memcpy(&words[0], &path, sizeof(path)); /* argv is char **, by history */
    for (size_t i = 0; arguments[i] != NULL; i++) {
        if (i == ARGUMENTS_MAX)
            return fail(ret_result, "too many arguments");
        memcpy(&words[i + 1], &arguments[i], sizeof(arguments[i]));
    }
    environment = program_environment(changes);
    if (environment == NULL || !pipe_open(out) || !pipe_open(error)) {
        free(environment);
        return fail(ret_result, "no memory or no pipe for another program");
    }
    r = start(words, environment, out[1], error[1], &pid);
    free(environment);
    (void)close(out[1]); /* the program's ends now */
    (void)close(error[1]);
    if (r != 0) {
        (void)close(out[0]);
        (void)close(error[0]);
        return fail(ret_result, strerror(r));
    }

    streams[0] = (struct stream){.fd = out[0], .bytes = calloc(1, 1)};
    streams[1] = (struct stream){.fd = error[0], .bytes = calloc(1, 1)};
    in_time = collect(streams);
    if (!in_time)
        (void)kill(pid, SIGKILL); /* waited for below, whether it lived or not */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    for (size_t i = 0; i < 2; i++)
        if (streams[i].fd >= 0)
            (void)close(streams[i].fd);
    ret_result->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    ret_result->out = streams[0].bytes;
    ret_result->out_bytes = streams[0].size;
    ret_result->error = streams[1].bytes;
    ret_result->error_bytes = streams[1].size;
    return in_time ? true : fail(ret_result, "the program did not end in two minutes");
}

void program_result_deinit(struct program_result *result)
{
    free(result->out);
    free(result->error);
    memset(result, 0, sizeof(*result));
}
