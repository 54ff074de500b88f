#pragma once
/*
 * Exchange
 *
 * One request and its answer, as the server and the dispatcher hand it to each
 * other: raw bytes in, status, headers and content out. It lives until the
 * last byte is sent, and with it the arena, the parsed body and the stream.
 */
#include "address.h"
#include "base/arena.h"
#include "rate.h"
#include "reply.h"
#include "request.h"
#include "trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXCHANGE_HEADERS_IN_MAX 100
#define EXCHANGE_HEADERS_OUT_MAX 40

struct route;
struct service;

/* A listener: what is served there, and by which rules. */
struct listener {
    struct service *service; /* borrowed */
    const struct route *routes;
    size_t route_count;
    bool is_public; /* limits, CORS, and an info line for each request */
};

struct exchange {
    const struct listener *listener;

    /* In, borrowed from the server. */
    const char *method;
    const char *target;   /* as sent: path and query, "*", or a whole URL */
    const char *protocol; /* "HTTP/1.1" */
    struct request_header headers[EXCHANGE_HEADERS_IN_MAX];
    size_t header_count; /* more than the maximum: some were left out */
    struct address peer; /* of the connection */
    const char *content;
    size_t content_bytes;

    /* In work. */
    struct arena arena;
    struct request request;
    struct reply reply;
    struct trace trace;
    char request_id[REQUEST_ID_BYTES];
    char client_text[ADDRESS_TEXT_BYTES];
    struct address client; /* the peer, or whom the trusted proxy speaks for */
    const struct route *route;
    bool is_head;
    bool is_limited;     /* one token was taken */
    bool was_refused;    /* by the rate limit */
    bool is_last_resort; /* the answer goes out whatever the client accepts */
    struct rate_key limit_key;
    struct rate_state limit;
    uint64_t started_us;
    size_t series; /* of the metrics */
    char etag[224], last_modified[32], vary[80], rate_limit[64], rate_policy[64];

    /* Out. */
    int status;
    struct reply_header out[EXCHANGE_HEADERS_OUT_MAX];
    size_t out_count;
    char *out_bytes; /* owned; NULL when there is none, or only its length is sent */
    size_t out_size; /* of the content that is sent, or would be */
    bool out_is_stream;
    bool out_without_content; /* HEAD and 304: out_size is announced, nothing follows */
    bool close;

    /* The end: who is last to need it says so. */
    uint64_t streamed_bytes;
    bool is_stream_complete, is_stream_cut;
    bool is_open; /* between exchange_dispatch() and exchange_end() */
};

/* exchange_dispatch() - judge, route, handle, finish. Always leaves an answer. */
void exchange_dispatch(struct exchange *exchange);
/*
 * exchange_read_stream() - the next piece of a streamed answer
 * Return: bytes written; 0 at the end; a fault: cut the connection.
 */
long exchange_read_stream(struct exchange *exchange, char *buffer, size_t size_bytes);
/* Everything was sent, or nobody listens any more: access line, metrics, release. May be called
 * twice. */
void exchange_end(struct exchange *exchange);
