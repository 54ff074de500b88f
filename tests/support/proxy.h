#pragma once
/*
 * Proxy
 *
 * A network that misbehaves: on a Unix socket, between libpq and the scratch PostgreSQL's own; one
 * thread.
 */
#include <pthread.h>
#include <stddef.h>
#include <sys/un.h>

#define PROXY_LINES 8

enum proxy_mode {
    PROXY_PASSES,
    PROXY_SWALLOWS,        /* takes everything, delivers nothing: a black hole */
    PROXY_CUTS_COMMIT,     /* delivers the COMMIT, then cuts both lines */
    PROXY_SWALLOWS_ANSWER, /* of the COMMIT and all that follows */
    PROXY_CUTS_ANSWER,     /* delivers half of what the server says next, then cuts */
    PROXY_BABBLES          /* says something else instead */
};

struct proxy {
    char directory[64];
    struct sockaddr_un here, server;
    int listener;
    int wakes[2];
    int lines[PROXY_LINES][2]; /* client, server; -1 when free */
    enum proxy_mode mode;
    pthread_t thread;
};

/* @url: of the database by way of the proxy, of @url_bytes at most */
void proxy_start(struct proxy *proxy, char *url, size_t url_bytes);
void proxy_set(struct proxy *proxy, enum proxy_mode mode);
void proxy_stop(struct proxy *proxy);

/* The scratch server's folder of sockets, and its port. */
void proxy_find_server(char *directory, size_t directory_bytes, char *port, size_t port_bytes);
/* The database at other hosts: "a,b" and "5432,5432". */
void proxy_url(char *url, size_t size_bytes, const char *hosts, const char *ports);
