#pragma once
/*
 * Request
 *
 * One HTTP request as handlers see it: read from the raw bytes by our own
 * decoder (the framework joins, drops and cuts), judged before any handler
 * runs. Everything in it is borrowed and lives until the reply is sent.
 */
#include "auth/caller.h"
#include "base/annotate.h"
#include "base/arena.h"
#include "base/limits.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct application;
struct problem;
struct service;

enum request_method {
    METHOD_GET,
    METHOD_HEAD, /* handlers see METHOD_GET; the reply drops the body */
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_TRACE,
    METHOD_CONNECT,
    METHOD_UNKNOWN
};

struct request_parameter {
    const char *name;  /* decoded UTF-8 */
    const char *value; /* decoded UTF-8 */
};

struct request_segment {
    const char *name; /* of the route's pattern: "resource", "id" */
    const char *value;
};

struct request_header {
    const char *name; /* as sent */
    const char *value;
};

struct request {
    struct application *application; /* borrowed; what lives as long as the process */
    struct arena *arena;
    const char
        *id; /* request id: the client's X-Request-Id if it is 8..64 of [A-Za-z0-9._-], else ours */
    const char *trace_id; /* 32 hex digits, W3C trace context */
    enum request_method method;
    const char *path;      /* decoded and checked; starts with '/' */
    const char *raw_query; /* as sent, "" when none */
    struct request_parameter parameters[QUERY_PARAMETERS_MAX];
    size_t parameter_count;                             /* in the order sent, repeated names kept */
    struct request_segment segments[PATH_SEGMENTS_MAX]; /* what the route's pattern captured */
    size_t segment_count;
    const struct request_header *headers;
    size_t header_count;
    const char *instance;       /* the path as sent, for problems; NULL when it cannot be shown */
    const char *client_address; /* text, "" when unknown */
    struct caller caller;       /* for whom this is done; anonymous when nobody signed in */
    json_t *body;               /* parsed JSON of POST, PUT, PATCH; NULL otherwise */
    size_t body_bytes;          /* as it was sent */
    struct request_parameter form[FORM_PARAMETERS_MAX]; /* of BODY_FORM, each name once */
    size_t form_count;
    struct service
        *service;       /* the HTTP layer's own state, for the handlers of health and metrics */
    bool unconditional; /* the dispatcher wants the whole answer: reply_etag_matches() says no */
};

/* Captured by the route's pattern; NULL when it has no such segment. */
const char *request_segment(const struct request *request, const char *name);
/* The first value of a query parameter; NULL when absent. */
const char *request_parameter(const struct request *request, const char *name);
/* The value of a parameter of the form in the body; NULL when absent. */
const char *request_form(const struct request *request, const char *name);
/*
 * The only value of a header, name compared without case; NULL when absent.
 * Repeated list headers arrive joined by ", " (in the arena; NULL when it is full).
 */
const char *request_header(const struct request *request, const char *name);

/*
 * request_decode_query() - split and decode a raw query string
 * Refuses, each by name: malformed percent-encoding, %00 and other control
 * characters, bytes that are not UTF-8, an empty name, more than
 * QUERY_PARAMETERS_MAX. '+' is a space (WHATWG form encoding, as browsers send).
 * Return: true; false with the faults added to @problem (invalid-parameter).
 */
MUST_CHECK bool request_decode_query(struct request *request, const char *raw,
                                     struct problem *problem);
/* One piece of such a text, in the arena; NULL when it cannot be decoded. */
const char *request_decode_component(struct arena *arena, const char *raw, size_t size_bytes);
/*
 * request_decode_form() - the same for a body of application/x-www-form-urlencoded
 * Refuses also: a NUL byte, a name that is there twice, more than FORM_PARAMETERS_MAX. A
 * parameter without a value is as one that was not sent (RFC 6749 section 3.2).
 * Return: true; false with the fault in @problem (invalid-form), which quotes no value.
 */
MUST_CHECK bool request_decode_form(struct request *request, const char *bytes, size_t size_bytes,
                                    struct problem *problem);
/*
 * request_decode_path() - decode and check a raw path
 * Refuses: malformed encoding, %00, control characters, %2F, backslash,
 * invalid UTF-8, empty segments ("//"), "." and "..", ';', more than
 * PATH_SEGMENTS_MAX segments, over PATH_BYTES_MAX. One slash at the end passes
 * and matches no route, so that it ends in 404. '+' stands for itself.
 * Return: true; false with the fault in @problem (invalid-path).
 */
MUST_CHECK bool request_decode_path(struct request *request, const char *raw,
                                    struct problem *problem);
