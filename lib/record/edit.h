#pragma once
/*
 * Editing records
 *
 * Every change of a record through the API: creating, replacing, patching,
 * deleting, the steps to publication, restoring and merging. One call is one
 * new version in the history. Nothing here commits: the transaction is the
 * caller's, begun with caller_begin(), so that row-level security holds each
 * statement to what the caller may do.
 *
 * What is being edited is the working copy: the content of the last version. For a
 * draft the tables of the resource hold it as well; for a published record they
 * hold what is published, and the working copy of a partner waits for an editor
 * (struct edit_record.review).
 */
#include "base/annotate.h"
#include "base/uuid.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct arena;
struct caller;
struct db;
struct model;
struct problem;
struct resource;
struct text;

#define EDIT_ETAG_BYTES 64

enum edit_outcome {
    EDIT_NOT_FOUND = 100, /* or nothing that the caller may know of */
    EDIT_GONE,            /* deleted: record->deleted_at, record->replaced_by */
    EDIT_INVALID,         /* 422: every fault is in @problem */
    EDIT_CONFLICT,        /* 409: @problem says which (invalid-transition, slug-taken, …) */
    EDIT_FORBIDDEN,       /* 403: the caller may see the record, but not do this with it */
    EDIT_ALONE            /* not together with others: see edit_batch.h */
};

/* What every change needs; all borrowed. */
struct edit {
    const struct model *model;
    struct db *db; /* in a transaction of caller_begin() */
    struct arena *arena;
    const struct caller *caller;
    struct problem *problem;
    const char *action; /* of the version: "accept" when a proposal is taken over; NULL: what the
                           function called is named after */
};

/* A record as somebody who may edit it sees it; texts in the arena. */
struct edit_record {
    const struct resource *resource;
    const char *id;
    const char *slug;           /* of the working copy */
    const char *live_slug;      /* under which it is stored, and public if it is */
    const char *status;         /* draft, in_review, published, archived */
    const char *review;         /* in_review, returned; NULL: no change waits */
    const char *owner_id;       /* NULL: none */
    long version;               /* of the working copy: the last one */
    long live_version;          /* what the tables of the resource hold */
    char etag[EDIT_ETAG_BYTES]; /* of the working copy: from id and version */
    const char *public_etag;    /* of the public document; NULL: not published, or another content
                                   than the working copy */
    const char *reason;         /* what the editor said on returning it last, while it is returned;
                                   NULL: nothing */
    const char *created_at;     /* RFC 3339 */
    const char *updated_at;     /* when the last version was made */
    const char *first_published_at; /* NULL: never */
    const char *verify_due;
    const char *deleted_at;  /* NULL: is not */
    const char *replaced_by; /* slug of the record that it was merged into, or NULL */
    json_t *data; /* borrowed, lives until edit_deinit(); as it is written, relations by id */
    const char *const *changed; /* after a change: names of the properties that it changed */
    size_t changed_count;
    bool is_unchanged; /* the change made no difference: there is no new version */
};

/*
 * edit_find() - a record by id or slug, locked until the transaction ends
 * An own draft goes before a published record of the same slug. Earlier slugs lead to the record.
 * Return: 0; EDIT_NOT_FOUND; EDIT_GONE (with @ret_record filled); a db outcome; a fault.
 * Release with edit_deinit() whatever the result.
 */
MUST_CHECK int edit_find(const struct edit *edit, const struct resource *resource, const char *name,
                         struct edit_record *ret_record);
/* The same without the lock, for reading. After EDIT_GONE the history of a record that the caller
 * may edit can be shown still. */
MUST_CHECK int edit_look(const struct edit *edit, const struct resource *resource, const char *name,
                         struct edit_record *ret_record);
void edit_deinit(struct edit_record *record);
/* The ETag of one version of a working copy: what edit_record.etag is for the last one. */
void edit_etag(const char *id, long version, char ret_etag[EDIT_ETAG_BYTES]);

/*
 * edit_create() - a new draft
 * @data: borrowed, changed: completed, relations by id. Without a slug one is made of its label;
 *        without an owner it belongs to the caller's organisation.
 * Return: 0; EDIT_INVALID; EDIT_CONFLICT (slug-taken, source-taken); EDIT_FORBIDDEN; …
 */
MUST_CHECK int edit_create(const struct edit *edit, const struct resource *resource, json_t *data,
                           struct edit_record *ret_record);
/*
 * edit_replace() - the whole content anew
 * An editor's change of a published record is published at once; a partner's waits for review.
 * A slug that is not said stays.
 * Return: as edit_create(); EDIT_CONFLICT also for what is archived (invalid-transition).
 */
MUST_CHECK int edit_replace(const struct edit *edit, struct edit_record *record, json_t *data);
/* RFC 7396. Read-only properties in @patch are refused by pointer, even with their present value.
 */
MUST_CHECK int edit_patch(const struct edit *edit, struct edit_record *record, const json_t *patch);
/*
 * edit_try_patch() - would this be a valid change of what is published?
 * For whoever may read it: nothing is written, and the working copy is not looked at.
 * @ret_record: filled with id, slug, version (of what is published) and data (patched)
 * Return: 0; EDIT_NOT_FOUND; EDIT_GONE; EDIT_INVALID; …
 */
MUST_CHECK int edit_try_patch(const struct edit *edit, const struct resource *resource,
                              const char *name, const json_t *patch,
                              struct edit_record *ret_record);
/* EDIT_CONFLICT (still-referenced) names records that refer to it. */
MUST_CHECK int edit_delete(const struct edit *edit, struct edit_record *record);

enum edit_step { EDIT_SUBMIT, EDIT_PUBLISH, EDIT_RETURN, EDIT_ARCHIVE };
/*
 * edit_take() - one step on the way to publication
 *   submit   draft -> in_review; a returned change of a published record -> in_review
 *   publish  in_review -> published; a waiting change takes the place of what is published
 *   return   in_review -> draft, or the waiting change -> returned, with a @reason
 *   archive  published -> archived: no longer public, kept
 * Return: 0; EDIT_CONFLICT (invalid-transition); EDIT_FORBIDDEN; …
 */
MUST_CHECK int edit_take(const struct edit *edit, struct edit_record *record, enum edit_step step,
                         const char *reason);
/* It is still true, as of now. Counts as a version; public at once. */
MUST_CHECK int edit_verify(const struct edit *edit, struct edit_record *record);
/* The content of version @number again, as a change like any other; revives archived and deleted
 * records as drafts. */
MUST_CHECK int edit_restore(const struct edit *edit, struct edit_record *record, long number);
/*
 * edit_merge_begin() - before the records of a merge are found
 * Merges come one after the other: each of two in opposite directions would wait for the record
 * that the other has, for longer than anybody waits.
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int edit_merge_begin(const struct edit *edit);
/*
 * edit_merge() - @duplicate goes into @survivor
 * Whatever refers to the duplicate refers to the survivor from now on, each with a new version;
 * the duplicate is deleted, and its id and slug lead to the survivor.
 */
MUST_CHECK int edit_merge(const struct edit *edit, struct edit_record *duplicate,
                          struct edit_record *survivor);

/*
 * edit_append_json() - the working copy, in the shape in which records are read
 * Relations as {id, slug, title}, times, status, version, links; "review" when a change waits,
 * "review_reason" when it was returned.
 * @dry_run: adds meta.dry_run
 */
MUST_CHECK int edit_append_json(const struct edit *edit, const struct edit_record *record,
                                bool dry_run, struct text *text);
/*
 * edit_append_versions() - an array of the versions, newest first
 * [{version, action, status, review, at, client, role, changed, reason}]
 * @before:   0, or the version to go on below
 * @ret_next: what to go on below; 0 at the end
 */
MUST_CHECK int edit_append_versions(const struct edit *edit, const struct edit_record *record,
                                    long before, unsigned limit, struct text *text, long *ret_next);
/* One version in the shape in which records are read. Return: 0; EDIT_NOT_FOUND; … */
MUST_CHECK int edit_append_version(const struct edit *edit, const struct edit_record *record,
                                   long number, struct text *text);

struct edit_list {
    const char *const *resources; /* paths; NULL: all */
    size_t resource_count;
    const char *const *statuses; /* of working copies: draft, …; NULL: all */
    size_t status_count;
    const char *const *kinds; /* of reviews: record, change, proposal; NULL: all */
    size_t kind_count;
    const char *owner; /* id or slug of an organisation; NULL: all that the caller may edit */
    const char *after; /* where to go on: opaque, from the page before; NULL: at the beginning */
    unsigned limit;
};
/*
 * edit_append_working_copies() - an array of what the caller may edit, what changed last first
 * The heads of the records: {resource, id, slug, title, status, review, owner, version,
 * updated_at, links}.
 * @ret_next: in the arena; NULL at the end
 * Return: 0; EDIT_NOT_FOUND: @list->after is none of ours; …
 */
MUST_CHECK int edit_append_working_copies(const struct edit *edit, const struct edit_list *list,
                                          struct text *text, const char **ret_next);
/* The same for what waits for an editor, what has waited longest first: {kind, resource, id, slug,
 * title, owner, version, changed, client, since, proposal, links}. */
MUST_CHECK int edit_append_reviews(const struct edit *edit, const struct edit_list *list,
                                   struct text *text, const char **ret_next);
