/* The steps of a record on its way to publication, and the word that it is still true. */
#include "handlers/handlers.h"

#include "editing.h"
#include "reply.h"
#include "request.h"
#include "writing.h"

#include <jansson.h>

/* Finds the record, does @step with it, and shows it. */
static int take(struct writing *writing, const char *action,
                int (*step)(struct writing *writing, struct edit_record *record))
{
    struct edit_record record;
    int r = editing_find(writing, EDITING_DELETED_IS_GONE, &record);

    if (r == 0)
        r = editing_match(writing, &record, EDITING_MATCH_OPTIONAL);
    if (r == 0)
        r = editing_told(writing, &record, step(writing, &record));
    if (r == 0) {
        editing_effect(writing, &record, action);
        r = editing_show(writing, &record, 200);
    }
    edit_deinit(&record);
    return r;
}

static int step_submit(struct writing *writing, struct edit_record *record)
{
    const struct edit edit = editing_edit(writing);

    return edit_take(&edit, record, EDIT_SUBMIT, NULL);
}

static int submit(struct writing *writing)
{
    return take(writing, "record.submit", step_submit);
}

/* POST /v1/{resource}/{id}/submit: 200 in review; 409 invalid-transition */
int handle_record_submit(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){submit, editing_replay});
}

static int step_publish(struct writing *writing, struct edit_record *record)
{
    const struct edit edit = editing_edit(writing);

    return edit_take(&edit, record, EDIT_PUBLISH, NULL);
}

static int publish(struct writing *writing)
{
    return take(writing, "record.publish", step_publish);
}

/* POST /v1/{resource}/{id}/publish: 200 published; 409 invalid-transition */
int handle_record_publish(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){publish, editing_replay});
}

static int step_return(struct writing *writing, struct edit_record *record)
{
    const struct edit edit = editing_edit(writing);
    int r = writing_check_body(writing, "ReturnRequest");

    return r == 0 ? edit_take(&edit, record, EDIT_RETURN,
                              json_string_value(json_object_get(writing->body, "reason")))
                  : r;
}

static int give_back(struct writing *writing)
{
    return take(writing, "record.return", step_return);
}

/* POST /v1/{resource}/{id}/return: 200 a draft again; 409 invalid-transition; 422 */
int handle_record_return(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){give_back, editing_replay});
}

static int step_archive(struct writing *writing, struct edit_record *record)
{
    const struct edit edit = editing_edit(writing);

    return edit_take(&edit, record, EDIT_ARCHIVE, NULL);
}

static int archive(struct writing *writing)
{
    return take(writing, "record.archive", step_archive);
}

/* POST /v1/{resource}/{id}/archive: 200 no longer public; 409 invalid-transition, still-referenced
 */
int handle_record_archive(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){archive, editing_replay});
}

static int step_verify(struct writing *writing, struct edit_record *record)
{
    const struct edit edit = editing_edit(writing);

    return edit_verify(&edit, record);
}

static int verify(struct writing *writing)
{
    return take(writing, "record.verify", step_verify);
}

/* POST /v1/{resource}/{id}/verify: 200 verified_at is now */
int handle_record_verify(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){verify, editing_replay});
}
