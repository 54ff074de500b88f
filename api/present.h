#pragma once
/*
 * Present
 *
 * What the handlers of records have in common: reading the parameters of a
 * request, choosing language and format, and the links between pages.
 */
#include "base/annotate.h"
#include "record/query.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct format;
struct memo_key;
struct reply;
struct request;

struct asked {
    struct query_pair pairs[QUERY_PARAMETERS_MAX];
    size_t pair_count;
    const char *languages[LANGUAGES_MAX]; /* of Accept-Language, best first */
    size_t language_count;
};

/* Everything is borrowed from the request or made in its arena. */
void present_read(const struct request *request, struct asked *ret_asked);

/* All that decides the bytes of the answer to a GET of records. */
struct memo_key present_key(const struct request *request);
/* The same as text, for ETags. NULL when the arena is full. */
const char *present_variant(const struct request *request);

/*
 * present_takes() - does the query have nothing but these parameters, each once?
 * @known: borrowed; NULL-terminated; NULL: the path takes none
 * Return: true; false: answered with invalid-parameter.
 */
MUST_CHECK bool present_takes(struct request *request, const char *const *known,
                              struct reply *reply, int *ret_result);

/* A public answer: the same bytes for everyone who asks the same in the same words. */
void present_public(struct reply *reply);
/* True: the copy that the client has is known to be current, and that is the answer. */
MUST_CHECK bool present_remembered(struct request *request, struct reply *reply,
                                   const struct memo_key *key);
/*
 * present_etag() - give the answer its ETag, and remember it
 * @key: NULL when the answer is not to be remembered: it changes with time alone
 * @resources, @generation: as in memo_keep()
 * @etag: in the arena; NULL when it is full
 */
MUST_CHECK int present_etag(struct request *request, struct reply *reply,
                            const struct memo_key *key, uint64_t resources, uint64_t generation,
                            const char *etag);

/*
 * present_format() - by format=, else by Accept
 * Return: the format; NULL: answered with not-acceptable or invalid-parameter.
 */
const struct format *present_format(struct request *request, const struct resource *resource,
                                    struct reply *reply, int *ret_result);

/* The same of a single record: JSON, or one of those that need a calendar. */
const struct format *present_record_format(struct request *request, const struct resource *resource,
                                           struct reply *reply, int *ret_result);

/* Where there is JSON alone: false when it is not wanted, and answered with not-acceptable. */
MUST_CHECK bool present_accepts_json(struct request *request, struct reply *reply, int *ret_result);

/* The address that was asked for, with its parameters; in the arena. NULL when it is full. */
const char *present_address(const struct request *request);
/* Link: self, first, next, prev, and the other formats; @next and @previous may be NULL.
   @resource: NULL where there is only JSON. */
MUST_CHECK int present_page_links(const struct request *request, const struct resource *resource,
                                  const char *next, const char *previous, struct reply *reply);
