#pragma once
/*
 * Writers
 *
 * What the tests of writing share: who writes, records to be written, and the
 * way of one to the public. Whatever goes wrong in here ends the test.
 */
#include "base/annotate.h"
#include "contract/contract.h"
#include "support/http.h"

#include <jansson.h>
#include <stdbool.h>

/* Organisations of the catalogue that partners work for. */
#define ORGANISATION "univerbal"
#define OTHER_ORGANISATION "diomcoop"

/* Tokens; borrowed. A partner of either organisation, an editor, an administrator. */
const char *writer_partner(void);
const char *writer_other(void);
const char *writer_editor(void);
const char *writer_admin(void);
/* Who may write every record of a resource from the beginning: vocabularies are administrators'. */
const char *writer_of(const struct resource *resource);

/* {"title": …, "summary": "…"}: all that a practice needs. Owned. */
json_t *writer_practice(const char *title);
/*
 * writer_record() - a record of the founding catalogue, as POST takes it
 * @which: of those of the resource
 * Without slug and source, which stay with the record that it is taken from. Owned; NULL: there are
 * no more.
 */
json_t *writer_record(const struct resource *resource, size_t which);

/*
 * write_as() - send what is JSON
 * @token: borrowed; NULL: nobody's
 * @etag:  borrowed; for If-Match, as the header ETag has it; NULL: none
 * @key:   borrowed; Idempotency-Key; NULL: none
 * @body:  borrowed; NULL: none
 */
struct response *write_as(const char *token, const char *method, const char *path, const char *etag,
                          const char *key, const json_t *body);
/* The same with the body as text. */
struct response *write_text(const char *token, const char *method, const char *path,
                            const char *etag, const char *key, const char *body);
/* GET. */
struct response *read_as(const char *token, const char *path);

/* "/v1/practices/<slug>/submit" and the like; good for the next sixty calls. */
const char *path_of(const char *format, ...) PRINTF_LIKE(1, 2);

/* Status and problem, with the body in the message when they are others. */
void expect_status(const struct response *response, int status, const char *why);
void expect_problem(struct response *response, int status, const char *code, const char *why);
/* One of the errors of a problem is this. */
bool has_error(struct response *response, const char *pointer, const char *code);
void expect_error(struct response *response, const char *pointer, const char *code,
                  const char *why);

/* A new draft of a practice. Return: owned, free(); its slug. */
char *draft_practice(const char *token, const char *title);
/* Drafted by the partner, submitted, published by the editor. Owned, free(); its slug. */
char *publish_practice(const char *title);
/* One step, which must succeed. */
void take_step(const char *token, const char *slug, const char *step);
/* Present ETag of the working copy of a practice, with quotes; owned, free(). */
char *etag_of(const char *token, const char *slug);

/*
 * expect_as_written() - a record shows every property as it was written, and no other
 * @written: borrowed; relations by slug
 * @shown:   borrowed; as it is read
 * Properties of the server, slug and owner are not looked at unless they were written.
 */
void expect_as_written(const struct resource *resource, const json_t *written, const json_t *shown,
                       const char *where);

/* How many rows a count finds; "select count(*) …". */
long count_rows(const char *sql);
