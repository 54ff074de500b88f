/*
 * Creating, replacing, patching and deleting records, and reading what is
 * being edited. The engine does it (record/edit.h), the frame keeps it
 * (writing.h); here is what HTTP says of each.
 */
#include "handlers/handlers.h"

#include "creating.h"
#include "editing.h"
#include "present.h"
#include "reply.h"
#include "request.h"
#include "writing.h"

#include <stddef.h>

static int create(struct writing *writing)
{
    const struct edit edit = editing_edit(writing);
    const struct resource *resource;
    struct edit_record record = {0};
    int r = 0;

    resource = editing_resource(writing, &r);
    if (resource == NULL)
        return r;
    r = editing_told(writing, &record, edit_create(&edit, resource, writing->body, &record));
    if (r == 0) {
        editing_effect(writing, &record, "record.create");
        r = editing_show(writing, &record, 201);
    }
    edit_deinit(&record);
    return r;
}

/* POST /v1/{resource}: 201 the draft; 409 slug-taken, source-taken; 422 validation-failed */
int handle_record_create(struct request *request, struct reply *reply)
{
    const int r = creating_try(request, reply);

    return r == CREATING_ALONE
               ? writing_run(request, reply, &(struct writing_step){create, editing_replay})
               : r;
}

typedef int (*edit_function)(const struct edit *edit, struct edit_record *record, json_t *body);

/* What is found, still is what the client saw, and is changed. */
static int change(struct writing *writing, const char *action, edit_function apply, int status)
{
    const struct edit edit = editing_edit(writing);
    struct edit_record record;
    int r = editing_find(writing, EDITING_DELETED_IS_GONE, &record);

    if (r == 0)
        r = editing_match(writing, &record, EDITING_MATCH_REQUIRED);
    if (r == 0)
        r = editing_told(writing, &record, apply(&edit, &record, writing->body));
    if (r == 0) {
        editing_effect(writing, &record, action);
        writing->reply->status = status;
        if (status == 200)
            r = editing_show(writing, &record, status);
    }
    edit_deinit(&record);
    return r;
}

static int apply_replace(const struct edit *edit, struct edit_record *record, json_t *body)
{
    return edit_replace(edit, record, body);
}

static int apply_patch(const struct edit *edit, struct edit_record *record, json_t *body)
{
    return edit_patch(edit, record, body);
}

static int apply_delete(const struct edit *edit, struct edit_record *record, json_t *body)
{
    (void)body; /* a deletion has none; the type is that of all changes */
    return edit_delete(edit, record);
}

static int replace(struct writing *writing)
{
    return change(writing, "record.replace", apply_replace, 200);
}

/* PUT /v1/{resource}/{id}: 200 the working copy; 409; 412 precondition-failed; 422; 428 */
int handle_record_replace(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){replace, NULL});
}

static int patch(struct writing *writing)
{
    return change(writing, "record.patch", apply_patch, 200);
}

/* PATCH /v1/{resource}/{id}: 200 the working copy; 409; 412 precondition-failed; 422; 428 */
int handle_record_patch(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){patch, NULL});
}

static int delete (struct writing *writing)
{
    return change(writing, "record.delete", apply_delete, 204);
}

/* DELETE /v1/{resource}/{id}: 204; 409 still-referenced; 412 precondition-failed; 428 */
int handle_record_delete(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){delete, NULL});
}

static int look(struct writing *writing)
{
    struct edit_record record;
    int r = editing_look(writing, EDITING_DELETED_IS_GONE, &record);

    if (r == 0) {
        editing_effect(writing, &record, "working-copy.read");
        r = editing_show(writing, &record, 200);
    }
    edit_deinit(&record);
    return r;
}

/* GET /v1/{resource}/{id}/working-copy: 200 what is being edited; 304; 404; 410 */
int handle_working_copy_read(struct request *request, struct reply *reply)
{
    int r = 0;

    return present_takes(request, NULL, reply, &r) ? writing_look(request, reply, look) : r;
}
