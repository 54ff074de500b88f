/*
 * How to reach a mentor or mentee, and what they agreed to
 *
 * Both apart from the profile, since few may see them: a partner reads the
 * contact while the database says so, and never the consents. There is no
 * If-Match: a contact is one value, and a consent only ever begins or ends.
 */
#include "handlers/handlers.h"
#include "handlers/participants.h"

#include "base/fault.h"
#include "mentoring/participant_store.h"
#include "present.h"
#include "reply.h"
#include "request.h"

#include <errno.h>
#include <jansson.h>

static const char *body_text(const struct writing *writing, const char *name)
{
    return json_string_value(json_object_get(writing->body, name));
}

/* --- contact -------------------------------------------------------------------------------- */

static int answer_contact(struct writing *writing, const struct participant_contact *contact)
{
    return participants_append(writing,
                               json_pack("{s:s,s:s,s:s}", "channel", contact->channel, "address",
                                         contact->address, "updated_at", contact->updated_at));
}

static int look_at_contact(struct writing *writing)
{
    struct participant_contact contact;
    struct participant participant;
    int r = participants_get(writing, PARTICIPANT_LOOK, &participant);

    if (r != 0)
        return r;
    r = participant_store_contact(writing->db, writing->request->arena, participant.id, &contact);
    if (r != 0)
        return participants_refuse(writing, r);
    participants_note(writing, &participant, "contact.read");
    return answer_contact(writing, &contact);
}

/* GET /v1/mentors/{id}/contact: 200 how to reach the person; 404 */
int handle_contact_read(struct request *request, struct reply *reply)
{
    int r = 0;

    return present_takes(request, NULL, reply, &r) ? writing_look(request, reply, look_at_contact)
                                                   : r;
}

static int set_contact(struct writing *writing)
{
    struct participant_contact contact;
    struct participant participant;
    int r = participants_get(writing, PARTICIPANT_CHANGE, &participant);

    if (r == 0)
        r = writing_check_body(writing, "ParticipantContactWrite");
    if (r != 0)
        return r;
    if (participant.withdrawn_at != NULL)
        return participants_refuse(writing, PARTICIPANT_WITHDRAWN);
    r = participant_store_set_contact(writing->db, writing->request->arena, participant.id,
                                      body_text(writing, "channel"), body_text(writing, "address"),
                                      &contact);
    if (r != 0)
        return r;
    participants_note(writing, &participant, "contact.set");
    return answer_contact(writing, &contact);
}

/* PUT /v1/mentors/{id}/contact: 200 how to reach the person; 403, 404, 409 participant-withdrawn,
 * 422
 */
int handle_contact_set(struct request *request, struct reply *reply)
{
    static const struct writing_step STEP = {.act = set_contact};

    return writing_run(request, reply, &STEP);
}

static int remove_contact(struct writing *writing)
{
    struct participant participant;
    int r = participants_get(writing, PARTICIPANT_CHANGE, &participant);

    if (r != 0)
        return r;
    r = participant_store_remove_contact(writing->db, participant.id);
    if (r != 0)
        return participants_refuse(writing, r);
    participants_note(writing, &participant, "contact.remove");
    writing->reply->status = 204;
    return 0;
}

/* DELETE /v1/mentors/{id}/contact: 204; 403, 404 */
int handle_contact_remove(struct request *request, struct reply *reply)
{
    static const struct writing_step STEP = {.act = remove_contact};

    return writing_run(request, reply, &STEP);
}

/* --- consents ------------------------------------------------------------------------------- */

static int append_consents(struct writing *writing, const struct participant_consent *consents,
                           size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(list, participant_consent_to_json(&consents[i])) != 0) {
            json_decref(list);
            return fault_raise(-ENOMEM);
        }
    return participants_append(writing, list == NULL ? NULL : json_pack("{s:o}", "data", list));
}

/* Held as for a change, which a partner may not: what somebody agreed to is not the partner's. */
static int look_at_consents(struct writing *writing)
{
    struct participant_consent *consents;
    struct participant participant;
    size_t count;
    int r = participants_get(writing, PARTICIPANT_CHANGE, &participant);

    if (r == 0)
        r = participant_store_consents(writing->db, writing->request->arena, participant.id,
                                       &consents, &count);
    if (r != 0)
        return r;
    participants_note(writing, &participant, "consent.read");
    return append_consents(writing, consents, count);
}

/* GET /v1/mentors/{id}/consents: 200 all consents; 403, 404 */
int handle_consents_read(struct request *request, struct reply *reply)
{
    int r = 0;

    return present_takes(request, NULL, reply, &r) ? writing_look(request, reply, look_at_consents)
                                                   : r;
}

static int give(struct writing *writing)
{
    struct participant_consent consent;
    struct participant participant;
    int r = participants_get(writing, PARTICIPANT_CHANGE, &participant);

    if (r == 0)
        r = writing_check_body(writing, "ConsentWrite");
    if (r != 0)
        return r;
    if (participant.withdrawn_at != NULL)
        return participants_refuse(writing, PARTICIPANT_WITHDRAWN);
    r = participant_store_give(writing->db, writing->request->arena, participant.id,
                               body_text(writing, "purpose"), body_text(writing, "version"),
                               &consent);
    if (r != 0)
        return r;
    participants_note(writing, &participant, "consent.give");
    writing->reply->status = 201;
    return participants_append(writing, participant_consent_to_json(&consent));
}

/* As it is now: it may have ended since. */
static int give_again(struct writing *writing)
{
    const int status = writing->reply->status;
    const char *purpose = json_string_value(json_object_get(writing->request->body, "purpose"));
    struct participant_consent consent;
    struct participant participant;
    int r = participants_get(writing, PARTICIPANT_LOOK, &participant);

    if (r != 0)
        return r;
    if (purpose == NULL)
        purpose = request_segment(writing->request, "purpose");
    r = participant_store_last_consent(writing->db, writing->request->arena, participant.id,
                                       purpose, &consent);
    if (r != 0)
        return participants_refuse(writing, r);
    writing->effect.audit_id = participant.audit_id;
    writing->effect.resource = participant_kind_path(participant.kind);
    writing->reply->status = status;
    return participants_append(writing, participant_consent_to_json(&consent));
}

/* POST /v1/mentors/{id}/consents: 201 the consent; 403, 404, 409 participant-withdrawn, 422 */
int handle_consent_give(struct request *request, struct reply *reply)
{
    static const struct writing_step STEP = {.act = give, .replay = give_again};

    return writing_run(request, reply, &STEP);
}

static int withdraw(struct writing *writing)
{
    struct participant_consent consent;
    struct participant participant;
    int r = participants_get(writing, PARTICIPANT_CHANGE, &participant);

    if (r != 0)
        return r;
    r = participant_store_withdraw(writing->db, writing->request->arena, participant.id,
                                   request_segment(writing->request, "purpose"), &consent);
    if (r != 0)
        return participants_refuse(writing, r);
    participants_note(writing, &participant, "consent.withdraw");
    return participants_append(writing, participant_consent_to_json(&consent));
}

/* POST /v1/mentors/{id}/consents/{purpose}/withdraw: 200 the consent; 403, 404 */
int handle_consent_withdraw(struct request *request, struct reply *reply)
{
    static const struct writing_step STEP = {.act = withdraw, .replay = give_again};

    return writing_run(request, reply, &STEP);
}
