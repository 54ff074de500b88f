/*
 * Erasing a person, and all that is known of one
 *
 * Erasing takes no Idempotency-Key, which would be kept with who sent it: asked
 * again, it says the same. What was erased is in the ledger outside of the
 * database before the answer is; where that fails, it is told in the log, and
 * housekeeping tries again.
 */
#include "handlers/handlers.h"
#include "handlers/participants.h"

#include "application.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "db/db.h"
#include "mentoring/erasure.h"
#include "mentoring/ledger.h"
#include "mentoring/participant_store.h"
#include "present.h"
#include "reply.h"
#include "request.h"
#include "settings.h"

#include <errno.h>
#include <jansson.h>

static json_t *links_of(const struct writing *writing, const char *receipt)
{
    const char *self = arena_format(writing->request->arena, "%s/v1/erasures/%s",
                                    writing->request->application->settings->base_url, receipt);

    return self == NULL ? NULL : json_pack("{s:s}", "self", self);
}

/* --- erasing -------------------------------------------------------------------------------- */

static int erase(struct writing *writing)
{
    const enum participant_kind kind = participants_kind(writing);
    struct arena *arena = writing->request->arena;
    const char *id = request_segment(writing->request, "id");
    struct erasure *erasure = writing->data;
    int r = erasure_run(writing->db, arena, kind, id, erasure);

    if (r == ERASURE_NOT_FOUND)
        return writing_refuse(writing, "not-found", NULL);
    if (r != 0)
        return r;
    /* Erased before: the entry of then says so. */
    participants_note(writing, &(struct participant){.kind = kind, .audit_id = erasure->audit_id},
                      erasure->audit_id == NULL ? "receipt" : "erase");
    erasure->participant_id = id;
    erasure->kind = participant_kind_name(kind);
    erasure->cause = writing->dry_run ? NULL : "request";
    return participants_append(writing, json_pack("{s:s,s:s,s:o}", "receipt", erasure->receipt,
                                                  "erased_at", erasure->erased_at, "links",
                                                  links_of(writing, erasure->receipt)));
}

/* POST /v1/mentors/{id}/erase: 200 the receipt; 404 */
int handle_participant_erase(struct request *request, struct reply *reply)
{
    static const struct writing_step STEP = {.act = erase};
    const char *path = request->application->settings->erasure_ledger;
    struct erasure erasure = {.receipt = NULL};
    int r = writing_run_with(request, reply, &STEP, &erasure);

    if (r == 0 && reply->status == 200 && erasure.audit_id != NULL && erasure.cause != NULL &&
        path[0] != '\0' &&
        ledger_append(path, &(struct ledger){.erasures = &erasure, .erasure_count = 1}) != 0)
        log_warn("erasure.not_in_ledger", "effect=\"housekeeping tries again\"");
    return r;
}

static int look_at_receipt(struct writing *writing)
{
    const char *receipt = request_segment(writing->request, "receipt");
    struct erasure erasure;
    int r = erasure_receipt(writing->db, writing->request->arena, receipt, &erasure);

    if (r == ERASURE_NOT_FOUND)
        return writing_refuse(writing, "not-found", NULL);
    if (r != 0)
        return r;
    return participants_append(writing, json_pack("{s:s,s:s,s:s,s:s,s:o}", "receipt",
                                                  erasure.receipt, "kind", erasure.kind, "cause",
                                                  erasure.cause, "erased_at", erasure.erased_at,
                                                  "links", links_of(writing, erasure.receipt)));
}

/* GET /v1/erasures/{receipt}: 200 what it is for; 404 */
int handle_erasure_read(struct request *request, struct reply *reply)
{
    int r = 0;

    return present_takes(request, NULL, reply, &r) ? writing_look(request, reply, look_at_receipt)
                                                   : r;
}

/* --- all that is known ---------------------------------------------------------------------- */

static int look_at_everything(struct writing *writing)
{
    struct participant participant;
    const char *document = NULL;
    int r = participants_get(writing, PARTICIPANT_CHANGE, &participant);

    if (r != 0)
        return r;
    r = participant_store_everything(writing->db, writing->request->arena, participant.kind,
                                     participant.id, &document);
    if (r != 0)
        return participants_refuse(writing, r);
    participants_note(writing, &participant, "subject-access");
    text_append(&writing->reply->body, document);
    writing->reply->content_type = "application/json";
    return 0;
}

/* GET /v1/mentors/{id}/subject-access: 200 everything that is held about the person; 403, 404 */
int handle_subject_access(struct request *request, struct reply *reply)
{
    int r = 0;

    return present_takes(request, NULL, reply, &r)
               ? writing_look(request, reply, look_at_everything)
               : r;
}
