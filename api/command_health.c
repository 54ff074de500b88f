/*
 * health: one question to the listener for health and metrics of a server on
 * this machine, for containers and supervisors that have no HTTP client.
 */
#include "commands.h"
#include "settings.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_BYTES 4096
#define TIMEOUT_S 3

static int connect_to(const struct settings *settings)
{
    const struct timeval timeout = {.tv_sec = TIMEOUT_S};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)settings->admin_port)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (inet_pton(AF_INET, settings->admin_bind, &address.sin_addr) != 1 ||
        address.sin_addr.s_addr == htonl(INADDR_ANY))
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* "HTTP/1.1 200 …": is it ready? The answer is put into @answer. */
static bool ask(int fd, char answer[ANSWER_BYTES])
{
    static const char QUESTION[] =
        "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    size_t length = 0;

    if (write(fd, QUESTION, sizeof(QUESTION) - 1) != (ssize_t)sizeof(QUESTION) - 1)
        return false;
    while (length + 1 < ANSWER_BYTES) {
        const ssize_t received = read(fd, answer + length, ANSWER_BYTES - 1 - length);

        if (received <= 0)
            break;
        length += (size_t)received;
    }
    answer[length] = '\0';
    return strncmp(answer, "HTTP/1.1 200 ", 13) == 0;
}

int command_health(const struct settings *settings, int count, char **words)
{
    char answer[ANSWER_BYTES] = "";
    const char *body;
    bool is_ready = false;
    int fd;

    (void)words;
    if (count > 0) {
        (void)fprintf(stderr, "express-api health takes no arguments\n");
        return EXIT_USAGE;
    }
    if (settings->admin_port == 0) {
        (void)fprintf(stderr, "express-api: EXPRESS_ADMIN_PORT says where to ask\n");
        return EXIT_USAGE;
    }
    fd = connect_to(settings);
    if (fd >= 0) {
        is_ready = ask(fd, answer);
        (void)close(fd);
    }
    body = strstr(answer, "\r\n\r\n");
    (void)printf("%s\n", body == NULL ? "no answer" : body + 4);
    return is_ready ? EXIT_SUCCESS : EXIT_FAILURE;
}
