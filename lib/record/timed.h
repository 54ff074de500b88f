#pragma once
/*
 * Timed properties
 *
 * What a record shows that follows from its facts and from what time it is, such as the days left
 * to a deadline. Nothing of it is stored with the record. The database says what it is, by three
 * functions of schema published that bear the name of the resource's table:
 *
 *   <table>_keep(ids uuid[])         keeps what the others need; rendering ends with it
 *   <table>_timed(at timestamptz)    a row of each record at a time: id, a column for each timed
 *                                    property, and members, all of them as JSON
 *   <table>_timed_then(document text, at timestamptz)
 *                                    the members of a document as it was
 *
 * The functions become part of the statement that names them. Here is the SQL that does; n is the
 * alias of the row. Resources without timed properties get what they would get without this.
 */
#include <stdbool.h>

struct property;
struct resource;
struct text;

bool timed_has(const struct resource *resource);
/* " left join … n on n.id = @alias.id", or nothing. */
void timed_append_join(struct text *sql, const struct resource *resource, const char *alias);
/* The ETag and the document of that row: @etag and @document are SQL over it. */
void timed_append_etag(struct text *sql, const struct resource *resource, const char *etag);
void timed_append_document(struct text *sql, const struct resource *resource, const char *document);
/* The same of a row of the history, at the time @instant, SQL too. */
void timed_append_past_etag(struct text *sql, const struct resource *resource, const char *etag,
                            const char *document, const char *instant);
void timed_append_past_document(struct text *sql, const struct resource *resource,
                                const char *document, const char *instant);
