#pragma once
/*
 * Reply
 *
 * What a handler decided to answer. The dispatcher turns it into HTTP: ETag
 * and 304, HEAD, content coding, CORS, security headers, access line.
 */
#include "base/annotate.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct problem;
struct request;

/* A body made piece by piece while it is sent, in constant memory. */
struct reply_stream {
    void *data; /* owned by the reply; released by free_data once, however the sending ends */
    /*
     * Write up to @size bytes to @buffer. Return: bytes written (> 0); 0 at
     * the clean end; a fault: the connection is cut, so that a client never
     * takes half an answer for the whole.
     */
    long (*read)(void *data, char *buffer, size_t size);
    void (*free_data)(void *data);
};

enum reply_cache {
    REPLY_CACHE_NONE,   /* Cache-Control: no-store */
    REPLY_CACHE_PUBLIC, /* public, max-age=60, stale-while-revalidate=600 */
    REPLY_CACHE_AGING,  /* public, max-age=60: changes with time alone, so nothing stale is shown */
    REPLY_CACHE_LONG    /* public, max-age=3600: documents that change with a release */
};

struct reply_header {
    const char *name;
    const char *value;
};

struct reply {
    int status;                 /* 200 unless set */
    const char *content_type;   /* with charset where it has one; NULL: no body */
    struct text body;           /* initialised by the dispatcher with REPLY_BYTES_MAX */
    struct reply_stream stream; /* instead of body when read is set: no conditions, no coding */
    const char *etag;           /* opaque value without quotes and coding suffix; NULL: none */
    int64_t last_modified;      /* seconds since 1970; 0: none */
    enum reply_cache cache;
    bool vary_language; /* the answer depended on Accept-Language */
    bool vary_accept;   /* the answer depended on Accept */
    bool not_modified;  /* the handler knows the ETag matches without making the body */
    const char *content_language;
    struct reply_header headers[16]; /* further ones: Link, Location, Allow … */
    size_t header_count;
};

/*
 * Return of every function that can fail: 0, so that handlers can `return
 * reply_…`; a fault when the reply is full or memory is out.
 */

/* Visible ASCII and spaces only. A name used twice becomes one header, joined by ", ". */
int reply_header(struct reply *reply, const char *name, const char *value);
/* As new: body and headers emptied, the stream released. */
void reply_reset(struct reply *reply);
/*
 * Replaces all that was said before; headers such as Allow go after it. A 503
 * gets a Retry-After.
 */
int reply_problem(struct request *request, struct reply *reply, const struct problem *problem);
/* One of the known problems, with a detail of its own or NULL. */
int reply_problem_code(struct request *request, struct reply *reply, const char *code,
                       const char *detail);
/* The problem gone, with what a mirror needs to know beside it; @replaced_by: an address, or NULL.
 */
int reply_gone(struct request *request, struct reply *reply, const char *deleted_at,
               const char *replaced_by);
/* A failed database call: outcome > 0 becomes its problem (503 …); a fault is passed on. */
int reply_database(struct request *request, struct reply *reply, int outcome);

/*
 * Conditions (RFC 9110 section 13): is @etag, in any of our content codings,
 * among If-None-Match? Weak comparison; "*" matches.
 */
bool reply_etag_matches(const struct request *request, const char *etag);
