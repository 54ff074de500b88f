#include "support/proxy.h"

#include "base/annotate.h"
#include "support/pools.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void proxy_hang_up(int line[2])
{
    for (int side = 0; side < 2; side++) {
        if (line[side] >= 0)
            (void)close(line[side]);
        line[side] = -1;
    }
}

static void proxy_connect(struct proxy *proxy)
{
    int client = accept(proxy->listener, NULL, NULL);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);

    for (size_t i = 0; i < PROXY_LINES; i++) {
        if (proxy->lines[i][0] >= 0)
            continue;
        proxy->lines[i][0] = client;
        proxy->lines[i][1] = server;
        if (connect(server, (const struct sockaddr *)&proxy->server, sizeof(proxy->server)) != 0)
            proxy_hang_up(proxy->lines[i]);
        return;
    }
    (void)close(client);
    (void)close(server);
}

static bool contains(const char *bytes, size_t size_bytes, const char *word)
{
    for (size_t i = 0; i + strlen(word) <= size_bytes; i++)
        if (memcmp(bytes + i, word, strlen(word)) == 0)
            return true;
    return false;
}

static void proxy_forward(struct proxy *proxy, int line[2], int from)
{
    static const char NONSENSE[] = "D\x7f\xff\xff\xf0\xff\xff garbage Z\0\0\0\5I";
    enum proxy_mode mode = __atomic_load_n(&proxy->mode, __ATOMIC_ACQUIRE);
    char bytes[65536];
    ssize_t size = recv(line[from], bytes, sizeof(bytes), 0);
    bool cuts = false;

    if (size <= 0) {
        proxy_hang_up(line);
        return;
    }
    if (mode == PROXY_SWALLOWS)
        return;
    if (from == 0 && mode == PROXY_CUTS_COMMIT)
        cuts = contains(bytes, (size_t)size, "commit");
    if (from == 0 && mode == PROXY_SWALLOWS_ANSWER && contains(bytes, (size_t)size, "commit"))
        __atomic_store_n(&proxy->mode, PROXY_SWALLOWS, __ATOMIC_RELEASE);
    if (from == 1 && mode == PROXY_CUTS_ANSWER) {
        size = size / 2 + 1;
        cuts = true;
    }
    if (from == 1 && mode == PROXY_BABBLES) {
        memcpy(bytes, NONSENSE, sizeof(NONSENSE));
        size = sizeof(NONSENSE);
    }
    if (send(line[1 - from], bytes, (size_t)size, MSG_NOSIGNAL) != size || cuts)
        proxy_hang_up(line);
}

static void *proxy_run(void *data)
{
    struct proxy *proxy = data;

    for (;;) {
        struct pollfd polls[2 + PROXY_LINES * 2] = {{.fd = proxy->listener, .events = POLLIN},
                                                    {.fd = proxy->wakes[0], .events = POLLIN}};

        for (size_t i = 0; i < PROXY_LINES * 2; i++)
            polls[2 + i] = (struct pollfd){.fd = proxy->lines[i / 2][i % 2], .events = POLLIN};
        if (poll(polls, ARRAY_LENGTH(polls), -1) <= 0)
            continue;
        if (polls[1].revents != 0)
            return NULL;
        for (size_t i = 0; i < PROXY_LINES * 2; i++)
            if (polls[2 + i].revents != 0 && proxy->lines[i / 2][i % 2] == polls[2 + i].fd)
                proxy_forward(proxy, proxy->lines[i / 2], (int)(i % 2));
        if (polls[0].revents != 0)
            proxy_connect(proxy);
    }
}

void proxy_find_server(char *directory, size_t directory_bytes, char *port, size_t port_bytes)
{
    struct db_pool *pool = pools_open(POOLS_SETTINGS);
    struct db *db = pools_lease(pool);

    (void)snprintf(directory, directory_bytes, "%s",
                   pools_value(db, "select split_part(current_setting('unix_socket_directories'), "
                                   "',', 1)"));
    (void)snprintf(port, port_bytes, "%s", pools_value(db, "show port"));
    db_release(db);
    db_pool_free(pool);
    cr_assert_eq(directory[0], '/', "the scratch server has no Unix socket");
}

void proxy_url(char *url, size_t size_bytes, const char *hosts, const char *ports)
{
    const char *base = pools_url();

    if (strstr(base, "://") != NULL)
        (void)snprintf(url, size_bytes, "%s%chost=%s&port=%s", base,
                       strchr(base, '?') != NULL ? '&' : '?', hosts, ports);
    else
        (void)snprintf(url, size_bytes, "%s host=%s port=%s", base, hosts, ports);
}

void proxy_start(struct proxy *proxy, char *url, size_t url_bytes)
{
    char directory[80], port[16];

    *proxy = (struct proxy){.here = {.sun_family = AF_UNIX}, .server = {.sun_family = AF_UNIX}};
    memset(proxy->lines, 0xff, sizeof(proxy->lines));
    proxy_find_server(directory, sizeof(directory), port, sizeof(port));
    (void)snprintf(proxy->server.sun_path, sizeof(proxy->server.sun_path), "%s/.s.PGSQL.%s",
                   directory, port);
    (void)snprintf(proxy->directory, sizeof(proxy->directory), "/tmp/test_db_XXXXXX");
    cr_assert_not_null(mkdtemp(proxy->directory));
    (void)snprintf(proxy->here.sun_path, sizeof(proxy->here.sun_path), "%s/.s.PGSQL.%s",
                   proxy->directory, port);
    proxy->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(proxy->listener, (const struct sockaddr *)&proxy->here, sizeof(proxy->here)),
                 0);
    cr_assert_eq(listen(proxy->listener, 8), 0);
    cr_assert_eq(pipe(proxy->wakes), 0);
    cr_assert_eq(pthread_create(&proxy->thread, NULL, proxy_run, proxy), 0);
    proxy_url(url, url_bytes, proxy->directory, port);
}

void proxy_set(struct proxy *proxy, enum proxy_mode mode)
{
    __atomic_store_n(&proxy->mode, mode, __ATOMIC_RELEASE);
}

void proxy_stop(struct proxy *proxy)
{
    cr_assert_eq(write(proxy->wakes[1], "", 1), 1);
    cr_assert_eq(pthread_join(proxy->thread, NULL), 0);
    for (size_t i = 0; i < PROXY_LINES; i++)
        proxy_hang_up(proxy->lines[i]);
    (void)close(proxy->listener);
    (void)close(proxy->wakes[0]);
    (void)close(proxy->wakes[1]);
    (void)unlink(proxy->here.sun_path);
    (void)rmdir(proxy->directory);
}
