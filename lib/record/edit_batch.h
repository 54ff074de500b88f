#pragma once
/*
 * New records, several at once
 *
 * What edit_create() does for one record, for several of one caller and one
 * resource in one transaction, with as many statements as one needs. A row more
 * costs a fraction of what a statement does.
 *
 * Nothing is told here of what stands against a record: then it is EDIT_ALONE
 * for all of them, nothing is kept, and each goes through edit_create(), which
 * tells everything.
 *
 *   edit_draft_init()    what needs no database, on the thread that has the record
 *   edit_batch_look()    slugs and references, in one flight with what was queued before
 *   edit_batch_store()   queued, to travel with COMMIT
 *   edit_batch_take()    what came of it, to each draft
 *   edit_append_draft()  as it is shown; edit_draft_deinit()
 */
#include "base/annotate.h"
#include "record/edit.h"

struct db_rows;
struct edit_heads;

struct edit_draft {
    struct edit edit; /* borrowed: arena, problem and caller of who asked for it; no db */
    struct edit_record record;
    json_t *data;             /* owned */
    const char *digest;       /* of the data, when it is complete */
    char *dump;               /* owned; the data as text */
    struct edit_heads *heads; /* names of the records that it refers to; in the arena */
};

/*
 * edit_draft_init() - @data, held against the contract
 * @data: borrowed
 * Return: 0; EDIT_ALONE; a fault. edit_draft_deinit() whatever the result.
 */
MUST_CHECK int edit_draft_init(const struct edit *edit, const struct resource *resource,
                               const json_t *data, struct edit_draft *ret_draft);
void edit_draft_deinit(struct edit_draft *draft);

struct edit_batch {
    struct edit edit;                 /* borrowed: of who carries it out, with the db */
    struct edit_draft *const *drafts; /* borrowed; all of one resource and one caller */
    size_t count;
    struct db_rows *slugs, *stored; /* owned */
    struct db_rows **heads;         /* owned; one a resource */
};

/* Return: 0; EDIT_ALONE; a db outcome; a fault. */
MUST_CHECK int edit_batch_look(struct edit_batch *batch);
/* Return: as db_queue(). */
MUST_CHECK int edit_batch_store(struct edit_batch *batch);
/* Once all has been kept. Return: 0; a fault. */
MUST_CHECK int edit_batch_take(struct edit_batch *batch);
void edit_batch_deinit(struct edit_batch *batch);

/* As edit_append_json() of a record that has just been created. Return: 0; a fault. */
MUST_CHECK int edit_append_draft(const struct edit_draft *draft, struct text *text);
