#include "editing.h"

#include "application.h"
#include "auth/caller.h"
#include "base/arena.h"
#include "base/fault.h"
#include "conditions.h"
#include "contract/contract.h"
#include "record/edit_batch.h"
#include "reply.h"
#include "request.h"
#include "settings.h"

#include <errno.h>
#include <string.h>

struct edit editing_edit(const struct writing *writing)
{
    const struct request *request = writing->request;

    return (struct edit){.model = request->application->model,
                         .db = writing->db,
                         .arena = request->arena,
                         .caller = &request->caller,
                         .problem = writing->problem};
}

const char *editing_address(const struct writing *writing, const struct resource *resource,
                            const char *name, const char *behind)
{
    const struct request *request = writing->request;

    return arena_format(request->arena, "%s/v1/%s/%s%s", request->application->settings->base_url,
                        resource->path, name, behind);
}

const struct resource *editing_resource(struct writing *writing, int *ret_result)
{
    const struct contract *contract = writing->request->application->contract;
    const char *name = request_segment(writing->request, "resource");
    const struct resource *resource = contract_resource_find(contract, name);

    if (resource == NULL)
        *ret_result =
            writing_refuse(writing, "not-found", "There is no such resource; / lists them all.");
    return resource;
}

/* --- what the engine says -------------------------------------------------------------------- */

static int refuse_gone(struct writing *writing, const struct edit_record *record)
{
    const char *replaced_by =
        record->replaced_by == NULL
            ? NULL
            : editing_address(writing, record->resource, record->replaced_by, "");

    return reply_gone(writing->request, writing->reply, record->deleted_at, replaced_by) == 0
               ? WRITING_ANSWERED
               : fault_raise(-ENOMEM);
}

int editing_told(struct writing *writing, const struct edit_record *record, int r)
{
    struct problem *problem = writing->problem;

    switch (r) {
    case EDIT_NOT_FOUND:
        return writing_refuse(writing, "not-found", "There is no record with this id or slug.");
    case EDIT_GONE:
        return record == NULL ? writing_refuse(writing, "gone", NULL)
                              : refuse_gone(writing, record);
    case EDIT_FORBIDDEN:
        return problem->code != NULL ? writing_refuse_problem(writing, problem)
                                     : writing_refuse(writing, "forbidden", NULL);
    case EDIT_INVALID:
        if (problem->code == NULL)
            problem_set(problem, "validation-failed", NULL);
        return writing_refuse_problem(writing, problem);
    case EDIT_CONFLICT:
        return writing_refuse_problem(writing, problem);
    default:
        return r;
    }
}

/* --- finding -----------------------------------------------------------------------------------
 */

typedef int (*find_function)(const struct edit *edit, const struct resource *resource,
                             const char *name, struct edit_record *ret_record);

/* May the caller edit it? Of what others have deleted everybody knows that it was there. */
static bool is_callers(const struct caller *caller, const struct edit_record *record)
{
    return caller_is_editor(caller) || (caller_is_partner(caller) && record->owner_id != NULL &&
                                        strcmp(record->owner_id, caller->organisation_id) == 0);
}

static int find(struct writing *writing, find_function look, enum editing_deleted deleted,
                struct edit_record *record)
{
    const struct edit edit = editing_edit(writing);
    const struct resource *resource;
    int r = 0;

    *record = (struct edit_record){0};
    resource = editing_resource(writing, &r);
    if (resource == NULL)
        return r;
    r = look(&edit, resource, request_segment(writing->request, "id"), record);
    if (r == EDIT_GONE && deleted == EDITING_DELETED_TOO && is_callers(edit.caller, record))
        return 0;
    return editing_told(writing, record, r);
}

int editing_find(struct writing *writing, enum editing_deleted deleted,
                 struct edit_record *ret_record)
{
    return find(writing, edit_find, deleted, ret_record);
}

int editing_look(struct writing *writing, enum editing_deleted deleted,
                 struct edit_record *ret_record)
{
    return find(writing, edit_look, deleted, ret_record);
}

/* --- If-Match ----------------------------------------------------------------------------------
 */

static int refuse_match(struct writing *writing, const struct edit_record *record, const char *code)
{
    int r = writing_refuse(writing, code, NULL);

    /* After the refusal, which begins the reply anew. */
    writing->reply->etag = arena_copy(writing->request->arena, record->etag);
    return writing->reply->etag == NULL ? fault_raise(-ENOMEM) : r;
}

int editing_match(struct writing *writing, const struct edit_record *record,
                  enum editing_match match)
{
    const char *list = request_header(writing->request, "If-Match");

    if (list == NULL && match == EDITING_MATCH_OPTIONAL)
        return 0;
    if (list == NULL)
        return refuse_match(writing, record, "precondition-required");
    if (conditions_match(list, record->etag, true, CODING_IDENTITY, NULL) ||
        (record->public_etag != NULL &&
         conditions_match(list, record->public_etag, true, CODING_IDENTITY, NULL)))
        return 0;
    return refuse_match(writing, record, "precondition-failed");
}

/* --- showing ------------------------------------------------------------------------------------
 */

void editing_effect(struct writing *writing, const struct edit_record *record, const char *action)
{
    writing->effect = (struct writing_effect){.action = action,
                                              .resource = record->resource->path,
                                              .id = record->id,
                                              .version = record->version,
                                              .properties = record->changed,
                                              .property_count = record->changed_count};
}

static int add_links(struct writing *writing, const struct edit_record *record)
{
    const struct resource *resource = record->resource;
    const char *copy = editing_address(writing, resource, record->slug, "/working-copy");
    const char *versions = editing_address(writing, resource, record->slug, "/versions");

    return reply_header(
        writing->reply, "Link",
        copy == NULL || versions == NULL
            ? NULL
            : arena_format(writing->request->arena,
                           "<%s>; rel=\"working-copy\", <%s>; rel=\"version-history\"", copy,
                           versions));
}

static int show(struct writing *writing, const struct edit_record *record, int status,
                const char *etag)
{
    struct reply *reply = writing->reply;
    int r;

    reply->content_type = "application/json";
    reply->status = status;
    reply->etag = arena_copy(writing->request->arena, etag);
    if (reply->etag == NULL)
        return fault_raise(-ENOMEM);
    r = add_links(writing, record);
    if (r == 0 && status == 201)
        r = reply_header(reply, "Location",
                         editing_address(writing, record->resource, record->slug, ""));
    return r;
}

int editing_show(struct writing *writing, const struct edit_record *record, int status)
{
    const struct edit edit = editing_edit(writing);
    int r = show(writing, record, status, record->etag);

    return r == 0 ? edit_append_json(&edit, record, writing->dry_run, &writing->reply->body) : r;
}

int editing_show_draft(struct writing *writing, const struct edit_draft *draft)
{
    int r = show(writing, &draft->record, 201, draft->record.etag);

    return r == 0 ? edit_append_draft(draft, &writing->reply->body) : r;
}

/* The version that it was, as it was then. */
static int show_earlier(struct writing *writing, const struct edit_record *record, int status,
                        long version)
{
    const struct edit edit = editing_edit(writing);
    char etag[EDIT_ETAG_BYTES];
    int r;

    edit_etag(record->id, version, etag);
    r = show(writing, record, status, etag);
    if (r == 0)
        r = editing_told(writing, record,
                         edit_append_version(&edit, record, version, &writing->reply->body));
    return r;
}

int editing_replay(struct writing *writing)
{
    const struct edit edit = editing_edit(writing);
    const int status = writing->reply->status;
    const long version = writing->effect.version;
    const struct resource *resource;
    struct edit_record record = {0};
    int r = 0;

    resource = editing_resource(writing, &r);
    if (resource == NULL)
        return r;
    r = editing_told(writing, &record, edit_look(&edit, resource, writing->effect.id, &record));
    if (r == 0)
        r = record.version == version ? editing_show(writing, &record, status)
                                      : show_earlier(writing, &record, status, version);
    edit_deinit(&record);
    return r;
}
