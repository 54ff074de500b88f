#pragma once
/*
 * HTTP client
 *
 * Asks the server under test (API_URL), one request at a time in each thread. Every reply of
 * http_get(), http_send() is held against the contract: see contract.h. A reply that
 * breaks it, and a server that does not answer, end the test with the reason.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct response_header {
    char *name;
    char *value;
};

struct response {
    int status; /* 0: the connection was closed without an answer (http_raw() alone) */
    struct response_header *headers;
    size_t header_count;
    char *body; /* as sent, in its content coding; NUL-terminated */
    size_t body_bytes;
    bool closed;  /* http_raw(): the server closed the connection within the time */
    json_t *json; /* response_json() keeps it here */
};

/* Owned by the caller: CLEANUP(response_freep) struct response *response = http_get("/v1/…"); */
struct response *http_get(const char *path);
/* The same with one header, "Accept: text/csv". */
struct response *http_get_with(const char *path, const char *header);
/* http_send() without headers of our own and body. */
struct response *http_bare(const char *method, const char *path);
/* Is @word one of those that commas or spaces part in @list? A @list that is NULL has none. */
bool http_has_word(const char *list, const char *word);

/*
 * http_send()
 * @method:     borrowed; "PATCH"
 * @path:       borrowed; with query, sent as it is
 * @headers:    borrowed; NULL-terminated "Name: value" lines, "Name;" for an empty value. May be
 *              NULL.
 * @body:       borrowed; NULL for none
 * @body_bytes: of @body
 */
struct response *http_send(const char *method, const char *path, const char *const *headers,
                           const char *body, size_t body_bytes);
/* POST of a JSON text. */
struct response *http_post(const char *path, const char *json);

/*
 * http_begin() - a request on a connection of its own, while the test goes on
 * Parameters as of http_send(); @body is text. http_end() must follow.
 */
struct http_pending;
struct http_pending *http_begin(const char *method, const char *path, const char *const *headers,
                                const char *body);
/* Has it its answer? */
bool http_is_done(const struct http_pending *pending);
/*
 * http_end() - waits for its answer, which is held against the contract
 * Return: owned by the caller; its status is 0 when the connection ended without an answer.
 */
struct response *http_end(struct http_pending *pending);

/* Any URL, such as that of the admin listener; not held against the contract. */
struct response *http_send_unchecked(const char *method, const char *url,
                                     const char *const *headers, const char *body,
                                     size_t body_bytes);

/*
 * http_raw() - bytes as they are, for what no honest client sends
 *
 * Sends, then reads until the server closes or @wait_ms are over. @ret->body holds
 * everything that came back, headers too; status that of its first line.
 * Not held against the contract.
 */
struct response *http_raw(const char *bytes, size_t size_bytes, unsigned wait_ms);

void response_free(struct response *response);
void response_freep(struct response **response);
/* Borrowed; NULL when absent. Name compared without case; the first one where there are several. */
const char *response_header(const struct response *response, const char *name);
/* Borrowed from the response. A body that is no JSON ends the test. */
const json_t *response_json(struct response *response);
/*
 * The value at a JSON Pointer in the body, borrowed: "/data/0/title". NULL when absent.
 */
const json_t *response_at(struct response *response, const char *pointer);
/* The text there. Anything else than a string ends the test. */
const char *response_text_at(struct response *response, const char *pointer);
