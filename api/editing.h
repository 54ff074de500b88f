#pragma once
/*
 * Editing
 *
 * What the handlers that change records have in common: finding the record of
 * the path, holding If-Match against it, telling what the engine said, and
 * showing the working copy.
 */
#include "base/annotate.h"
#include "record/edit.h"
#include "writing.h"

#include <stdbool.h>

struct edit_draft;

/* Of every function that gives int: 0; WRITING_ANSWERED; a db outcome; a fault. */

/* What the engine works on. */
struct edit editing_edit(const struct writing *writing);

/* The resource that the path names; NULL: answered with not-found, *ret_result says how. */
const struct resource *editing_resource(struct writing *writing, int *ret_result);

/* What becomes of a record that was deleted, and is the caller's to edit. */
enum editing_deleted { EDITING_DELETED_IS_GONE, EDITING_DELETED_TOO };
/* The record that the path names, locked. Release with edit_deinit() whatever the result. */
MUST_CHECK int editing_find(struct writing *writing, enum editing_deleted deleted,
                            struct edit_record *ret_record);
/* Without the lock, to be shown. */
MUST_CHECK int editing_look(struct writing *writing, enum editing_deleted deleted,
                            struct edit_record *ret_record);

enum editing_match { EDITING_MATCH_REQUIRED, EDITING_MATCH_OPTIONAL };
/*
 * editing_match() - is the record the one that If-Match means?
 * By the strong ETag of the working copy or, where that has the same content, of the public record,
 * in any content coding. Answers 428, 412 with the present ETag.
 */
MUST_CHECK int editing_match(struct writing *writing, const struct edit_record *record,
                             enum editing_match match);

/*
 * editing_told() - what the engine said
 * @r:      its result
 * @record: that it said it of; NULL: none yet
 */
MUST_CHECK int editing_told(struct writing *writing, const struct edit_record *record, int r);

/* What was done to @record, for audit log and replay. */
void editing_effect(struct writing *writing, const struct edit_record *record, const char *action);
/* The working copy as the reply, with its ETag; @status 201 brings a Location. */
MUST_CHECK int editing_show(struct writing *writing, const struct edit_record *record, int status);
/* The same of a record that was created together with others: 201. */
MUST_CHECK int editing_show_draft(struct writing *writing, const struct edit_draft *draft);
/* The same once more: writing_step.replay of what answers with a record. */
MUST_CHECK int editing_replay(struct writing *writing);

/* "https://…/v1/practices/diomcoop" and what comes behind it, "" or "/versions"; NULL when the
 * arena is full. */
const char *editing_address(const struct writing *writing, const struct resource *resource,
                            const char *name, const char *behind);
