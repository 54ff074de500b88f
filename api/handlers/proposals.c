/*
 * Corrections that readers propose, and what editors make of them. Whoever
 * proposes is told as much as the public record tells; whether a contact was
 * there to be erased, nobody is told.
 */
#include "handlers/handlers.h"

#include "application.h"
#include "audit/audit.h"
#include "auth/caller.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "editing.h"
#include "present.h"
#include "record/proposal.h"
#include "reply.h"
#include "request.h"
#include "settings.h"
#include "writing.h"

#include <errno.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* --- proposing
 * --------------------------------------------------------------------------------------- */

/* The reply to who proposed; @code: NULL when it was told already. */
static int show_receipt(struct writing *writing, const char *id, const char *code)
{
    struct reply *reply = writing->reply;
    const char *base = writing->request->application->settings->base_url;

    reply->status = 201;
    reply->content_type = "application/json";
    text_append_format(&reply->body, "{\"id\":\"%s\",\"state\":\"open\"", id);
    if (code != NULL)
        text_append_format(&reply->body, ",\"erasure_code\":\"%s\"", code);
    if (writing->dry_run)
        text_append(&reply->body, ",\"meta\":{\"dry_run\":true}");
    text_append_char(&reply->body, '}');
    return reply_header(reply, "Location",
                        arena_format(writing->request->arena, "%s/v1/proposals/%s", base, id));
}

/* What is wrong with the patch is wrong with a part of the body. */
static int refuse_patch(struct writing *writing, const struct edit_record *record, int r)
{
    struct problem *problem = writing->problem;

    for (size_t i = 0; r == EDIT_INVALID && i < problem->error_count && i < FAULTS_MAX; i++)
        if (problem->errors[i].pointer != NULL)
            problem->errors[i].pointer =
                arena_format(writing->request->arena, "/patch%s", problem->errors[i].pointer);
    return editing_told(writing, record, r);
}

static int store(struct writing *writing, const struct edit_record *record)
{
    const json_t *contact = json_object_get(writing->body, "contact");
    const struct proposal_draft draft = {.resource = record->resource->path,
                                         .record_id = record->id,
                                         .base_version = record->version,
                                         .patch = json_object_get(writing->body, "patch"),
                                         .message = text_of(writing->body, "message"),
                                         .name = text_of(contact, "name"),
                                         .email = text_of(contact, "email")};
    struct proposal_receipt receipt;
    int r = proposal_add(writing->db, &draft, &receipt);

    if (r == PROPOSAL_TOO_MANY)
        return writing_refuse(writing, "too-many-proposals", NULL);
    if (r != 0)
        return r;
    writing->effect =
        (struct writing_effect){.action = "proposal.create",
                                .resource = record->resource->path,
                                .id = arena_copy(writing->request->arena, receipt.id)};
    return writing->effect.id == NULL ? fault_raise(-ENOMEM)
                                      : show_receipt(writing, receipt.id, receipt.code);
}

static int propose(struct writing *writing)
{
    const struct caller reader = caller_anonymous(); /* nobody needs to own what is proposed for */
    struct edit edit = editing_edit(writing);
    const struct resource *resource;
    struct edit_record record = {0};
    int r = 0;

    edit.caller = &reader;
    resource = editing_resource(writing, &r);
    if (resource == NULL)
        return r;
    r = writing_check_body(writing, "ProposalRequest");
    if (r != 0)
        return r;
    r = edit_try_patch(&edit, resource, request_segment(writing->request, "id"),
                       json_object_get(writing->body, "patch"), &record);
    r = r == 0 ? store(writing, &record) : refuse_patch(writing, &record, r);
    edit_deinit(&record);
    return r;
}

static int replay_propose(struct writing *writing)
{
    return show_receipt(writing, writing->effect.id, NULL);
}

/* POST /v1/{resource}/{id}/proposals: 201; 404; 409 too-many-proposals; 410; 422 */
int handle_correction_propose(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){propose, replay_propose});
}

/* --- reading
 * ------------------------------------------------------------------------------------------- */

static int find(struct writing *writing, struct proposal *ret_proposal)
{
    int r = proposal_find(writing->db, request_segment(writing->request, "id"),
                          writing->request->arena, ret_proposal);

    return r == PROPOSAL_NOT_FOUND
               ? writing_refuse(writing, "not-found", "There is no proposal with this id.")
               : r;
}

static void note(struct writing *writing, const struct proposal *proposal, const char *action)
{
    writing->effect = (struct writing_effect){
        .action = action, .resource = proposal->resource, .id = proposal->id};
}

/* The name of the record; of a deleted one as it was last. */
static const char *title_of(const struct edit_record *record)
{
    const char *title =
        record->resource == NULL ? NULL : text_of(record->data, record->resource->label->name);

    return title == NULL ? "" : title;
}

static int show(struct writing *writing, const struct proposal *proposal)
{
    const struct edit edit = editing_edit(writing);
    const struct resource *resource =
        contract_resource_find(writing->request->application->contract, proposal->resource);
    struct edit_record record = {0};
    int r = resource == NULL ? fault_raise(-EPROTO)
                             : edit_look(&edit, resource, proposal->record_id, &record);

    if (r == 0 || r == EDIT_GONE) {
        writing->reply->content_type = "application/json";
        proposal_append_json(proposal, record.slug == NULL ? proposal->record_id : record.slug,
                             title_of(&record), writing->dry_run, &writing->reply->body);
        r = 0;
    }
    r = editing_told(writing, &record, r);
    edit_deinit(&record);
    return r;
}

static int look(struct writing *writing)
{
    struct proposal proposal;
    int r = find(writing, &proposal);

    if (r == 0) {
        note(writing, &proposal, "proposal.read");
        r = show(writing, &proposal);
    }
    proposal_deinit(&proposal);
    return r;
}

/* GET /v1/proposals/{id}: 200 the proposal; 404 */
int handle_proposal_read(struct request *request, struct reply *reply)
{
    int r = 0;

    return present_takes(request, NULL, reply, &r) ? writing_look(request, reply, look) : r;
}

/* --- deciding
 * ------------------------------------------------------------------------------------------- */

static int find_open(struct writing *writing, struct proposal *ret_proposal)
{
    int r = find(writing, ret_proposal);

    if (r == 0 && strcmp(ret_proposal->state, "open") != 0)
        return writing_refuse(writing, "proposal-decided", NULL);
    return r;
}

static int refuse_outdated(struct writing *writing, const char *detail)
{
    problem_set(writing->problem, "proposal-outdated", detail);
    return writing_refuse_problem(writing, writing->problem);
}

/* The change of the record has an entry of its own in the audit log. */
static int audit_change(const struct writing *writing, const struct edit_record *record)
{
    return audit_append(writing->db,
                        &(struct audit_entry){.action = "record.accept",
                                              .resource = record->resource->path,
                                              .record_id = record->id,
                                              .version = record->version,
                                              .properties = record->changed,
                                              .property_count = record->changed_count});
}

static int apply_to(struct writing *writing, const struct proposal *proposal,
                    struct edit_record *record)
{
    struct edit edit = editing_edit(writing);
    int r;

    if (strcmp(record->status, "published") != 0)
        return refuse_outdated(writing, "The record is not published any more.");
    if (record->review != NULL)
        return refuse_outdated(writing,
                               "Another change of the record waits; decide on that first.");
    edit.action = "accept";
    r = edit_patch(&edit, record, proposal->patch);
    if (r == EDIT_INVALID)
        return refuse_outdated(writing, NULL);
    r = editing_told(writing, record, r);
    return r == 0 ? audit_change(writing, record) : r;
}

static int apply(struct writing *writing, const struct proposal *proposal)
{
    const struct edit edit = editing_edit(writing);
    const struct resource *resource =
        contract_resource_find(writing->request->application->contract, proposal->resource);
    struct edit_record record = {0};
    int r = resource == NULL ? fault_raise(-EPROTO)
                             : edit_find(&edit, resource, proposal->record_id, &record);

    if (r == EDIT_NOT_FOUND || r == EDIT_GONE)
        r = refuse_outdated(writing, "The record was deleted.");
    else if (r == 0)
        r = apply_to(writing, proposal, &record);
    edit_deinit(&record);
    return r;
}

static int accept(struct writing *writing)
{
    struct proposal proposal;
    int r = find_open(writing, &proposal);

    if (r == 0)
        r = apply(writing, &proposal);
    if (r == 0)
        r = proposal_decide(writing->db, &proposal, true, NULL, writing->request->arena);
    if (r == 0) {
        note(writing, &proposal, "proposal.accept");
        r = show(writing, &proposal);
    }
    proposal_deinit(&proposal);
    return r;
}

static int decline(struct writing *writing)
{
    struct proposal proposal;
    int r = find(writing, &proposal);

    if (r == 0)
        r = writing_check_body(writing, "DeclineRequest");
    if (r == 0 && strcmp(proposal.state, "open") != 0)
        r = writing_refuse(writing, "proposal-decided", NULL);
    if (r == 0)
        r = proposal_decide(writing->db, &proposal, false, text_of(writing->body, "reason"),
                            writing->request->arena);
    if (r == 0) {
        note(writing, &proposal, "proposal.decline");
        r = show(writing, &proposal);
    }
    proposal_deinit(&proposal);
    return r;
}

/* As it is now. */
static int replay(struct writing *writing)
{
    struct proposal proposal;
    int r = find(writing, &proposal);

    if (r == 0)
        r = show(writing, &proposal);
    proposal_deinit(&proposal);
    return r;
}

/* POST /v1/proposals/{id}/accept: 200 the proposal; 404; 409 proposal-decided, proposal-outdated */
int handle_proposal_accept(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){accept, replay});
}

/* POST /v1/proposals/{id}/decline: 200 the proposal; 404; 409 proposal-decided; 422 */
int handle_proposal_decline(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){decline, replay});
}

/* --- erasing
 * --------------------------------------------------------------------------------------------- */

static bool is_reviewer(const struct caller *caller)
{
    return caller_is_editor(caller) && caller_has_scope(caller, "review");
}

static int erase(struct writing *writing)
{
    const char *id = request_segment(writing->request, "id");
    const bool needs_code = writing->body != NULL || !is_reviewer(&writing->request->caller);
    json_auto_t *nothing = json_object();
    bool is_erased = false;
    int r = 0;

    if (nothing == NULL)
        return fault_raise(-ENOMEM);
    if (writing->body == NULL)
        writing->body = nothing;
    if (needs_code)
        r = writing_check_body(writing, "EraseRequest");
    if (r == 0)
        r = proposal_erase(writing->db, id, text_of(writing->body, "code"), &is_erased);
    /* Anybody may try any code, without end: that is nothing that was done. */
    writing->effect = (struct writing_effect){.action = is_erased ? "proposal.erase" : NULL,
                                              .id = uuid_is_valid(id) ? id : NULL};
    if (r == 0)
        writing->reply->status = 204;
    return r;
}

static int replay_erase(struct writing *writing)
{
    writing->reply->status = 204;
    return 0;
}

/* POST /v1/proposals/{id}/erase: 204, whatever there was; 422 without a code */
int handle_proposal_erase(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){erase, replay_erase});
}
