#pragma once
/*
 * Trace
 *
 * The names by which one request is found again: the request id, and the trace
 * context of the W3C, taken over from the client where it is well-formed.
 */
#include <stdbool.h>

#define TRACE_ID_BYTES 33
#define TRACEPARENT_BYTES 56
#define REQUEST_ID_BYTES 65

/* 8..64 of [A-Za-z0-9._-]. @text may be NULL. */
bool trace_is_request_id(const char *text);

struct trace {
    char id[TRACE_ID_BYTES];        /* 32 hexadecimal digits */
    char parent[TRACEPARENT_BYTES]; /* for our answer: our span in that trace */
};

/* @traceparent: borrowed; the request's header, NULL or malformed: a trace of our own is made. */
void trace_make(const char *traceparent, struct trace *ret_trace);
