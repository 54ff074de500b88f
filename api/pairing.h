#pragma once
/*
 * Pairing
 *
 * What the handlers of pairs and of what belongs to them have in common: finding
 * the pair of the path, holding If-Match against a version, and the pieces of
 * their answers.
 */
#include "base/annotate.h"
#include "mentoring/pair.h"
#include "mentoring/pair_store.h"

#include <stdbool.h>

struct text;
struct writing;

#define PAIRING_RESOURCE "mentoring-pairs"

/* Of every function that gives int: 0; WRITING_ANSWERED; a db outcome; a fault. */

/* The pair that the path names, where it is the caller's to know of; else answers 404. */
MUST_CHECK int pairing_find(struct writing *writing, enum pair_lock lock, struct pair *ret_pair);

/*
 * pairing_take_etag() - the ETag that the caller has for a record as it is now
 * The reply's body has the record, all but its last brace, and is empty afterwards. The version is
 * for who reads along; what counts is the digest of what this caller is shown, so that no two
 * records, viewers or states have one ETag, also where an erasure changes what the version stands
 * for.
 * Return: in the arena; NULL: it is full.
 */
const char *pairing_take_etag(struct writing *writing, long version);
/*
 * pairing_match() - is @etag the one that If-Match means?
 * Answers 428 without it, 412 with @etag when it is another one. NULL is a fault.
 */
MUST_CHECK int pairing_match(struct writing *writing, const char *etag);
/* Answers 428 without If-Match. */
MUST_CHECK int pairing_needs_match(struct writing *writing, const char *etag);

/* The record in the reply's body, all but its last brace, is the answer: its ETag, that it is a
 * rehearsal, the end. */
MUST_CHECK int pairing_end(struct writing *writing, long version);
/* "https://…/v1/mentoring-pairs/<id>" and @behind; "" when the arena is full, which fails the whole
 * answer. */
const char *pairing_address(const struct writing *writing, const char *pair_id, const char *behind);
/* "https://…/v1/<resource>/<id>"; likewise. */
const char *pairing_base_address(const struct writing *writing, const char *resource,
                                 const char *id);
/* Status 201 and where it is. */
MUST_CHECK int pairing_created(struct writing *writing, const char *address);

/* What was done, for the audit log. */
void pairing_note(struct writing *writing, const char *action, const char *resource, const char *id,
                  long version);

/* What the database said of a change of what belongs to a pair: its rules by their names. */
MUST_CHECK int pairing_told(struct writing *writing, int r);

/* 422 validation-failed at one place of the body. */
MUST_CHECK int pairing_refuse_value(struct writing *writing, const char *pointer, const char *code,
                                    const char *detail);

/* ,"name":"value" – or nothing for NULL. */
void pairing_append(struct text *text, const char *name, const char *value);
/* ,"name":value as it is, a number or true. */
void pairing_append_raw(struct text *text, const char *name, const char *value);
/* ,"meta":{"dry_run":true} where it is a rehearsal; for what has no ETag. */
void pairing_append_meta(const struct writing *writing);
/* A text member of the body; NULL: absent. */
const char *pairing_body_text(const struct writing *writing, const char *name);
/* A member of the body that is no text, as its JSON; NULL: absent or null. Arena. */
const char *pairing_body_raw(const struct writing *writing, const char *name);
