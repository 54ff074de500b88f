/* Merging a record that is there twice into the one that stays. */
#include "handlers/handlers.h"

#include "base/problem.h"
#include "editing.h"
#include "reply.h"
#include "request.h"
#include "writing.h"

#include <jansson.h>
#include <string.h>

static int refuse_survivor(struct writing *writing, const char *code, const char *detail)
{
    problem_set(writing->problem, "validation-failed", NULL);
    problem_add(writing->problem, writing->request->arena, "/into", NULL, code, "%s", detail);
    return writing_refuse_problem(writing, writing->problem);
}

/* The survivor is named in the body: what is wrong with it is a fault of the body. */
static int find_survivor(struct writing *writing, const struct edit_record *duplicate,
                         struct edit_record *ret_survivor)
{
    const struct edit edit = editing_edit(writing);
    const char *name = json_string_value(json_object_get(writing->body, "into"));
    int r = edit_find(&edit, duplicate->resource, name, ret_survivor);

    if (r == EDIT_NOT_FOUND || r == EDIT_GONE)
        return refuse_survivor(writing, "unknown-reference",
                               "There is no record of this resource with this id or slug.");
    if (r == 0 && strcmp(duplicate->id, ret_survivor->id) == 0)
        return refuse_survivor(writing, "not-allowed", "A record cannot be merged into itself.");
    return r;
}

static int merge_into(struct writing *writing, struct edit_record *duplicate)
{
    const struct edit edit = editing_edit(writing);
    struct edit_record survivor = {0};
    int r = find_survivor(writing, duplicate, &survivor);

    if (r == 0)
        r = editing_told(writing, duplicate, edit_merge(&edit, duplicate, &survivor));
    if (r == 0) {
        editing_effect(writing, &survivor, "record.merge");
        r = editing_show(writing, &survivor, 200);
    }
    edit_deinit(&survivor);
    return r;
}

static int merge(struct writing *writing)
{
    const struct edit edit = editing_edit(writing);
    struct edit_record duplicate = {0};
    int r = edit_merge_begin(&edit);

    if (r == 0)
        r = editing_find(writing, EDITING_DELETED_IS_GONE, &duplicate);
    if (r == 0)
        r = editing_match(writing, &duplicate, EDITING_MATCH_OPTIONAL);
    if (r == 0)
        r = writing_check_body(writing, "MergeRequest");
    if (r == 0)
        r = merge_into(writing, &duplicate);
    edit_deinit(&duplicate);
    return r;
}

/* POST /v1/{resource}/{id}/merge: 200 the record that stays; 409; 422 */
int handle_record_merge(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){merge, editing_replay});
}
