#pragma once
/*
 * Editing, shared between
 *
 *   edit.c         finding records, and who may do what
 *   edit_batch.c   new records, several at once
 *   edit_write.c   content: creating, replacing, patching, restoring
 *   edit_steps.c   the state alone: the steps to publication, verifying, deleting
 *   edit_merge.c   two records into one
 *   edit_store.c   what all of them end in: one version, stored and shown
 *   edit_show.c    working copies and versions as JSON
 *   edit_list.c    lists of them
 */
#include "base/annotate.h"
#include "record/edit.h"

struct db_rows;

#define EDIT_NUMBER_BYTES 24

/* --- edit.c --- */

/* May the caller write records of @resource at all? Else EDIT_FORBIDDEN, with the problem set. */
MUST_CHECK int edit_may_write(const struct edit *edit, const struct resource *resource);
/*
 * It is not there, or not for the caller: was it public once?
 * Return: EDIT_NOT_FOUND; EDIT_GONE, with @record filled; a db outcome; a fault.
 */
MUST_CHECK int edit_explain_absence(const struct edit *edit, const struct resource *resource,
                                    const char *name, struct edit_record *record);
/* EDIT_FORBIDDEN for who is no editor. */
MUST_CHECK int edit_may_review(const struct edit *edit);
/* Is it public now? */
bool edit_is_public(const struct edit_record *record);
/* 409 with one of the known codes. Return: EDIT_CONFLICT. */
int edit_conflict(const struct edit *edit, const char *code, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Takes over @data; etag, slug and the rest follow from it. */
void edit_set_data(const struct edit *edit, struct edit_record *record, json_t *data);
void edit_set_version(struct edit_record *record, long version);

/* --- edit_store.c --- */

/*
 * A change on its way to the database. What is not content stays as @record has it, until
 * edit_store() has stored it.
 */
struct edit_change {
    const char *action;
    const char *status; /* from now on */
    const char *review; /* NULL: nothing waits */
    const char *reason; /* NULL: none */
    json_t *data;       /* borrowed; the new content, or NULL: it stays */
    bool is_live;       /* the content goes into the tables of the resource */
};
/*
 * edit_store() - one version more
 * Stores it, and shows or hides the record where the public is concerned.
 * Return: 0; EDIT_INVALID (a check of the database); EDIT_CONFLICT (slug-taken, source-taken); …
 */
MUST_CHECK int edit_store(const struct edit *edit, struct edit_record *record,
                          const struct edit_change *change);
/* Slugs for @record, looked up with the next statement: the one that @data wants, or one that is
 * made of its label. Return: as db_queue(). */
MUST_CHECK int edit_queue_slug(const struct edit *edit, const struct edit_record *record,
                               const json_t *data, struct db_rows **ret_slugs);
/* The same of several: append each to @asked, then queue it. Rows: see enum edit_slug_column. */
enum edit_slug_column { EDIT_SLUG_PLACE, EDIT_SLUG_FREE, EDIT_SLUG_BY_CHANCE };
void edit_append_asked(struct text *asked, size_t place, const struct edit_record *record,
                       const json_t *data);
MUST_CHECK int edit_queue_asked(const struct edit *edit, const struct resource *resource,
                                struct text *asked, struct db_rows **ret_slugs);
/* Has a record of this resource references that the end of the transaction would check? */
bool edit_is_referring(const struct resource *resource);
/* A new record, whose id and data are set: version 1, a draft. Gives it one of @slugs.
 * Return: as edit_store(). */
MUST_CHECK int edit_store_new(const struct edit *edit, struct edit_record *record, json_t *data,
                              const struct db_rows *slugs);
/* Ends the public's view of it: tombstone, change log. @replaced_by: id, or NULL. */
MUST_CHECK int edit_withdraw(const struct edit *edit, const struct edit_record *record,
                             const char *replaced_by);
/* Renders it, and whoever shows it where its slug or its name has changed, and enters it in the
 * change log. */
MUST_CHECK int edit_show_public(const struct edit *edit, const struct edit_record *record,
                                const char *kind, bool is_named_otherwise);
/* What the database said no to, as an answer; faults and other outcomes as they are. */
MUST_CHECK int edit_translate(const struct edit *edit, const struct resource *resource, int r);
/* References that were put off to the end of the transaction, now. Return: 0; an outcome. */
MUST_CHECK int edit_check_references(const struct edit *edit, const struct resource *resource);
/* The same with the next statement. Return: as db_queue(). */
MUST_CHECK int edit_queue_check(const struct edit *edit);
/* Is the slug of @data free for @record? Return: 0; EDIT_CONFLICT (slug-taken); … */
MUST_CHECK int edit_check_slug(const struct edit *edit, const struct edit_record *record,
                               const json_t *data);

/* The same for a record that is to become public: drafts of others do not count. */
MUST_CHECK int edit_check_public_slug(const struct edit *edit, const struct edit_record *record);

/* --- edit_steps.c --- */

/* The content that is public: of a record a change of which waits, not that change. A new
 * reference. */
MUST_CHECK int edit_fetch_live(const struct edit *edit, const struct edit_record *record,
                               json_t **ret_data);

/* Deletes it: its row stays, with a version that says so. What refers to it, and what the public
 * sees, is the caller's to look after. */
MUST_CHECK int edit_remove(const struct edit *edit, struct edit_record *record, const char *action,
                           const char *replaced_by);

/* --- edit_show.c --- */

/* What leads to this record alone: its slug once it was public, else its id. Borrowed. */
const char *edit_name(const struct edit_record *record);

struct edit_draft;
/* The records that those of @drafts refer to, for edit_note_heads(). @rows: one a resource.
 * Return: as db_queue(). */
MUST_CHECK int edit_queue_heads(const struct edit *edit, struct edit_draft *const *drafts,
                                size_t count, struct db_rows **rows);
/* To the draft what concerns it. Return: 0; a fault. */
MUST_CHECK int edit_note_heads(const struct model *model, struct edit_draft *draft,
                               struct db_rows *const *rows);

/* --- edit_write.c --- */

/* Partners write for their own organisation. Faults go to edit->problem. Return: 0; a fault. */
MUST_CHECK int edit_check_owner(const struct edit *edit, const struct edit_record *record,
                                json_t *data);

/*
 * edit_prepare() - @data as it may be stored as content of @record, or all that is wrong with it
 * Composes, checks and completes it; names become ids.
 * @data:   replaced where it must be
 * @record: its resource and id; what its data refers to is accepted, data NULL: nothing
 * Return: 0; EDIT_INVALID; a db outcome; a fault.
 */
MUST_CHECK int edit_prepare(const struct edit *edit, const struct edit_record *record,
                            json_t **data);
