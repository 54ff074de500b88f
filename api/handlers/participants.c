/*
 * Mentors and mentees
 *
 * One implementation behind both. Who may see whom is the database's to say:
 * what it does not show is not there, and the answer for it is that for an
 * id that nobody has. In the audit log a person has another name than here.
 */
#include "handlers/participants.h"

#include "application.h"
#include "audit/audit.h"
#include "auth/auth.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/problem.h"
#include "base/text.h"
#include "conditions.h"
#include "db/db.h"
#include "handlers/handlers.h"
#include "listing.h"
#include "mentoring/erasure.h"
#include "mentoring/participant_store.h"
#include "present.h"
#include "record/content.h"
#include "reply.h"
#include "request.h"
#include "settings.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A latitude or longitude with one decimal has four digits at most. */
#define JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(4))

enum participant_kind participants_kind(const struct writing *writing)
{
    static const char MENTORS[] = "/v1/mentors";

    return strncmp(writing->request->path, MENTORS, sizeof(MENTORS) - 1) == 0 ? PARTICIPANT_MENTOR
                                                                              : PARTICIPANT_MENTEE;
}

static const char *address_of(const struct writing *writing, const struct participant *participant)
{
    return arena_format(writing->request->arena, "%s/v1/%s/%s",
                        writing->request->application->settings->base_url,
                        participant_kind_path(participant->kind), participant->id);
}

/* --- answering ------------------------------------------------------------------------------ */

void participants_note(struct writing *writing, const struct participant *participant,
                       const char *verb)
{
    writing->effect = (struct writing_effect){
        .action = arena_format(writing->request->arena, "%s.%s",
                               participant_kind_name(participant->kind), verb),
        .resource = participant_kind_path(participant->kind),
        .id = participant->id,
        .audit_id = participant->audit_id,
    };
}

int participants_refuse(struct writing *writing, int outcome)
{
    switch (outcome) {
    case PARTICIPANT_NOT_FOUND:
        return writing_refuse(writing, "not-found", NULL);
    case PARTICIPANT_NOT_YOURS:
        return writing_refuse(writing, "forbidden", "This is for the coordinator and the person.");
    case PARTICIPANT_SUBJECT_TAKEN:
        return writing_refuse(writing, "participant-known", NULL);
    case PARTICIPANT_WITHDRAWN:
        return writing_refuse(writing, "participant-withdrawn", NULL);
    case PARTICIPANT_INTAKE_FULL:
        problem_set(writing->problem, "validation-failed", NULL);
        participant_tell_intake_full(writing->request->arena, writing->problem);
        return writing_refuse_problem(writing, writing->problem);
    case PARTICIPANT_INTAKE_UNKNOWN:
        problem_set(writing->problem, "validation-failed", NULL);
        participant_tell_intake_unknown(writing->request->arena, writing->problem);
        return writing_refuse_problem(writing, writing->problem);
    default:
        return outcome;
    }
}

int participants_append(struct writing *writing, json_t *shown)
{
    char *text;

    if (shown != NULL && writing->dry_run &&
        json_object_set_new(shown, "meta", json_pack("{s:b}", "dry_run", 1)) != 0) {
        json_decref(shown);
        shown = NULL;
    }
    text = shown == NULL ? NULL : json_dumps(shown, JSON_FLAGS);
    json_decref(shown);
    if (text == NULL)
        return fault_raise(-ENOMEM);
    text_append(&writing->reply->body, text);
    free(text);
    writing->reply->content_type = "application/json";
    return 0;
}

static int append_person(struct writing *writing, const struct participant *participant)
{
    const char *self = address_of(writing, participant);
    struct arena *arena = writing->request->arena;
    const char *contact = self == NULL ? NULL : arena_format(arena, "%s/contact", self);
    const char *consents = self == NULL ? NULL : arena_format(arena, "%s/consents", self);
    json_t *shown = consents == NULL || contact == NULL ? NULL : participant_to_json(participant);

    if (shown != NULL && json_object_set_new(shown, "links",
                                             json_pack("{s:s,s:s,s:s}", "self", self, "contact",
                                                       contact, "consents", consents)) != 0) {
        json_decref(shown);
        shown = NULL;
    }
    return participants_append(writing, shown);
}

/* Of one version of one person, and nothing that could be guessed at. */
static int give_etag(struct writing *writing, const struct participant *participant)
{
    writing->reply->etag =
        arena_format(writing->request->arena, "%ld-%.13s", participant->version, participant->id);
    return writing->reply->etag == NULL ? fault_raise(-ENOMEM) : 0;
}

static int answer(struct writing *writing, const struct participant *participant)
{
    int r = append_person(writing, participant);

    return r == 0 ? give_etag(writing, participant) : r;
}

static int answer_created(struct writing *writing, const struct participant *participant)
{
    int r;

    writing->reply->status = 201;
    r = answer(writing, participant);
    return r == 0 ? reply_header(writing->reply, "Location", address_of(writing, participant)) : r;
}

/* Not there; or gone, to whoever has had it erased. */
static int refuse_absent(struct writing *writing)
{
    struct erasure erasure;
    int r = erasure_gone(writing->db, writing->request->arena, participants_kind(writing),
                         request_segment(writing->request, "id"), &erasure);

    if (r == ERASURE_NOT_FOUND)
        return writing_refuse(writing, "not-found", NULL);
    if (r != 0)
        return r;
    r = reply_gone(writing->request, writing->reply, erasure.erased_at, NULL);
    return r == 0 ? WRITING_ANSWERED : r;
}

int participants_get(struct writing *writing, enum participant_hold hold,
                     struct participant *ret_participant)
{
    int r = participant_store_get(writing->db, writing->request->arena, participants_kind(writing),
                                  request_segment(writing->request, "id"), hold, ret_participant);

    if (r == PARTICIPANT_NOT_FOUND)
        return refuse_absent(writing);
    return r == 0 ? 0 : participants_refuse(writing, r);
}

/* --- reading -------------------------------------------------------------------------------- */

static int look_at_person(struct writing *writing)
{
    struct participant participant;
    int r = participants_get(writing, PARTICIPANT_LOOK, &participant);

    if (r != 0)
        return r;
    participants_note(writing, &participant, "read");
    return answer(writing, &participant);
}

/* GET /v1/mentors/{id}: 200 the person; 404 */
int handle_participant_read(struct request *request, struct reply *reply)
{
    int r = 0;

    return present_takes(request, NULL, reply, &r) ? writing_look(request, reply, look_at_person)
                                                   : r;
}

static int refuse_parameter(struct writing *writing, const char *name, const char *detail)
{
    problem_set(writing->problem, "invalid-parameter", NULL);
    problem_add(writing->problem, writing->request->arena, NULL, name, "unknown-value", "%s",
                detail);
    return writing_refuse_problem(writing, writing->problem);
}

/* The programme by its id; one that the caller has nothing to do with is one that there is not. */
static int read_filter(struct writing *writing, struct participant_rules *rules,
                       struct participant_filter *filter)
{
    static const char *const STATUSES[] = {"available", "paused"};
    const char *programme = request_parameter(writing->request, "programme");
    const char *const *statuses;
    json_auto_t *intakes = NULL;
    size_t count;
    int r = listing_words(writing, "status", STATUSES, ARRAY_LENGTH(STATUSES), &statuses, &count);

    if (r != 0)
        return r;
    filter->status = count == 1 ? statuses[0] : NULL; /* both are all that there are */
    filter->intake = request_parameter(writing->request, "intake");
    if (programme == NULL)
        return 0;
    r = participant_store_rules(writing->db, writing->request->arena, programme, rules, &intakes);
    if (r == PARTICIPANT_NOT_FOUND)
        return refuse_parameter(writing, "programme", "you have no programme of this id or slug");
    filter->programme_id = rules->programme_id;
    return r;
}

static int append_page(struct writing *writing, const struct participant *list, size_t count)
{
    int r = 0;

    text_append(&writing->reply->body, "{\"data\":[");
    for (size_t i = 0; i < count && r == 0; i++) {
        if (i > 0)
            text_append_char(&writing->reply->body, ',');
        r = append_person(writing, &list[i]);
    }
    text_append_char(&writing->reply->body, ']');
    return r;
}

/* Whoever is on a page was read, each of them. */
static int note_page(struct writing *writing, enum participant_kind kind,
                     const struct participant *list, size_t count)
{
    struct arena *arena = writing->request->arena;
    const char *ids = "{", *versions = "{";

    for (size_t i = 0; i < count && ids != NULL && versions != NULL; i++) {
        ids = arena_format(arena, "%s%s%s", ids, i == 0 ? "" : ",", list[i].audit_id);
        versions = arena_format(arena, "%s%s%ld", versions, i == 0 ? "" : ",", list[i].version);
    }
    ids = ids == NULL ? NULL : arena_format(arena, "%s}", ids);
    versions = versions == NULL ? NULL : arena_format(arena, "%s}", versions);
    if (ids == NULL || versions == NULL)
        return fault_raise(-ENOMEM);
    return audit_append_all(writing->db,
                            arena_format(arena, "%s.read", participant_kind_name(kind)),
                            participant_kind_path(kind), ids, versions);
}

static int look_at_list(struct writing *writing)
{
    const enum participant_kind kind = participants_kind(writing);
    struct request *request = writing->request;
    struct participant_filter filter = {.programme_id = NULL};
    struct participant_rules rules;
    struct participant *list;
    struct listing listing;
    size_t count, shown;
    int r = listing_read(writing, &listing);

    if (r == 0)
        r = read_filter(writing, &rules, &filter);
    if (r != 0)
        return r;
    filter.after = listing.after;
    filter.limit = listing.limit + 1;
    r = participant_store_list(writing->db, request->arena, kind,
                               request->caller.role == CALLER_PARTICIPANT, &filter, &list, &count);
    if (r != 0)
        return r;
    shown = count > listing.limit ? listing.limit : count;
    r = append_page(writing, list, shown);
    if (r == 0)
        r = note_page(writing, kind, list, shown);
    if (r != 0)
        return r;
    participants_note(writing, &(struct participant){.kind = kind}, "list");
    return listing_end(writing, &listing, count > shown ? list[shown - 1].id : NULL);
}

/* GET /v1/mentors: 200 a page of people; 400 */
int handle_participants_list(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"limit", "cursor", "programme", "status", "intake", NULL};
    int r = 0;

    return present_takes(request, KNOWN, reply, &r) ? writing_look(request, reply, look_at_list)
                                                    : r;
}

/* --- coming --------------------------------------------------------------------------------- */

static int refuse_invalid(struct writing *writing)
{
    problem_set(writing->problem, "validation-failed", NULL);
    return writing_refuse_problem(writing, writing->problem);
}

/* Of who signs in as this person. */
static void pseudonym_of(const struct writing *writing, const char *id,
                         char ret_subject[CALLER_SUBJECT_BYTES])
{
    const char *subject = json_string_value(json_object_get(writing->body, "subject"));
    const char *issuer = json_string_value(json_object_get(writing->body, "issuer"));

    auth_pseudonym(writing->request->application->auth, issuer, subject == NULL ? id : subject,
                   ret_subject);
}

/* The rules of the programme that the body names; none, and a fault, where there is none. */
static int read_programme(struct writing *writing, struct participant_rules *rules,
                          json_t **ret_intakes)
{
    const char *programme = json_string_value(json_object_get(writing->body, "programme"));
    int r = PARTICIPANT_NOT_FOUND;

    *rules = (struct participant_rules){.programme_slug = NULL};
    if (programme != NULL)
        r = participant_store_rules(writing->db, writing->request->arena, programme, rules,
                                    ret_intakes);
    if (r == PARTICIPANT_NOT_FOUND && !problem_tells(writing->problem, "/programme"))
        problem_add(writing->problem, writing->request->arena, "/programme", NULL, "unknown-record",
                    "you have no programme of this id or slug");
    return r == PARTICIPANT_NOT_FOUND ? 0 : r;
}

/* Everything that is wrong with it at once: by the contract, by itself, and for the programme. */
static int read_new(struct writing *writing, struct participant *participant,
                    struct participant_consent consents[PARTICIPANT_CONSENTS_MAX],
                    size_t *ret_count)
{
    const json_t *list = json_object_get(writing->body, "consents");
    struct arena *arena = writing->request->arena;
    struct participant_rules rules;
    json_auto_t *intakes = NULL;
    int r;

    writing_tell_faults(writing,
                        participant->kind == PARTICIPANT_MENTOR ? "NewMentor" : "NewMentee");
    r = read_programme(writing, &rules, &intakes);
    if (r == 0)
        r = participant_from_json(writing->body, arena, participant, writing->problem);
    if (r == 0 || r == PARTICIPANT_INVALID)
        r = participant_read_consents(list, arena, consents, ret_count, writing->problem);
    if (r != 0 && r != PARTICIPANT_INVALID)
        return r;
    if (intakes != NULL && !participant_obeys(participant, NULL, &rules, arena, writing->problem))
        r = PARTICIPANT_INVALID;
    if (r != 0 || writing->problem->error_count > 0)
        return refuse_invalid(writing);
    participant->programme_id = arena_copy(arena, rules.programme_id);
    return participant->programme_id == NULL ? fault_raise(-ENOMEM) : 0;
}

static int create(struct writing *writing)
{
    const enum participant_kind kind = participants_kind(writing);
    struct participant_consent consents[PARTICIPANT_CONSENTS_MAX];
    struct participant participant = {.kind = kind};
    struct arena *arena = writing->request->arena;
    char subject[CALLER_SUBJECT_BYTES];
    size_t consent_count = 0;
    int r = read_new(writing, &participant, consents, &consent_count);

    if (r != 0)
        return r;
    r = participant_store_new_id(arena, &participant.id);
    if (r != 0)
        return r;
    pseudonym_of(writing, participant.id, subject);
    r = participant_store_insert(writing->db, arena, &participant, subject, consents,
                                 consent_count);
    if (r == 0)
        r = participant_store_get(writing->db, arena, kind, participant.id, PARTICIPANT_LOOK,
                                  &participant);
    if (r != 0)
        return participants_refuse(writing, r);
    participants_note(writing, &participant, "create");
    return answer_created(writing, &participant);
}

static int create_again(struct writing *writing)
{
    struct participant participant;
    int r = participant_store_get(writing->db, writing->request->arena, participants_kind(writing),
                                  writing->effect.id, PARTICIPANT_LOOK, &participant);

    if (r != 0)
        return participants_refuse(writing, r);
    writing->effect.audit_id = participant.audit_id;
    writing->effect.resource = participant_kind_path(participant.kind);
    return answer_created(writing, &participant);
}

/* POST /v1/mentors: 201 the person; 409 participant-known; 422 validation-failed */
int handle_participant_create(struct request *request, struct reply *reply)
{
    static const struct writing_step STEP = {.act = create, .replay = create_again};

    return writing_run(request, reply, &STEP);
}

/* --- changing ------------------------------------------------------------------------------- */

static int check_match(struct writing *writing, const struct participant *participant)
{
    const char *list = request_header(writing->request, "If-Match");
    int r = give_etag(writing, participant);
    const char *etag = writing->reply->etag;

    if (r != 0)
        return r;
    if (list != NULL && conditions_match(list, etag, true, CODING_IDENTITY, NULL))
        return 0;
    r = writing_refuse(writing, list == NULL ? "precondition-required" : "precondition-failed",
                       NULL);
    writing->reply->etag = etag; /* after the refusal, which begins the reply anew */
    return r;
}

/* With the names of what the body names, in the arena. */
static int note_change(struct writing *writing, const struct participant *participant,
                       const char *verb)
{
    const json_t *patch = writing->body;
    const char **names =
        arena_alloc_array(writing->request->arena, json_object_size(patch) + 1, sizeof(*names));
    const char *name;
    json_t *value;

    participants_note(writing, participant, verb);
    if (names == NULL)
        return fault_raise(-ENOMEM);
    writing->effect.properties = names;
    json_object_foreach ((json_t *)(uintptr_t)patch, name, value)
        names[writing->effect.property_count++] = arena_copy(writing->request->arena, name);
    return arena_failed(writing->request->arena) ? fault_raise(-ENOMEM) : 0;
}

/* The profile that comes of a patch, in place of the patch. */
static int merge(struct writing *writing, const struct participant *before)
{
    json_auto_t *profile = participant_profile(before), *merged = NULL;

    merged = profile == NULL ? NULL : content_patched(profile, writing->body);
    if (merged == NULL || json_object_clear(writing->body) != 0 ||
        json_object_update(writing->body, merged) != 0)
        return fault_raise(-ENOMEM);
    return 0;
}

/* The profile in the body, held against contract and programme; with the faults that there are. */
static int read_profile(struct writing *writing, const struct participant *before,
                        struct participant *participant)
{
    struct arena *arena = writing->request->arena;
    struct participant_rules rules;
    json_auto_t *intakes = NULL;
    int r;

    writing_tell_faults(writing,
                        before->kind == PARTICIPANT_MENTOR ? "MentorProfile" : "MenteeProfile");
    *participant = *before;
    r = participant_from_json(writing->body, arena, participant, writing->problem);
    if (r != 0 && r != PARTICIPANT_INVALID)
        return r;
    r = participant_store_rules(writing->db, arena, before->programme_id, &rules, &intakes);
    if (r != 0 && r != PARTICIPANT_NOT_FOUND) /* the programme is gone, and its rules with it */
        return r;
    if ((intakes != NULL &&
         !participant_obeys(participant, before, &rules, arena, writing->problem)) ||
        writing->problem->error_count > 0)
        return refuse_invalid(writing);
    return 0;
}

static int keep(struct writing *writing, struct participant *participant)
{
    int r = participant_store_update(writing->db, writing->request->arena, participant);

    if (r == PARTICIPANT_INTAKE_FULL || r == PARTICIPANT_INTAKE_UNKNOWN)
        return participants_refuse(writing, r);
    if (r == 0)
        r = participants_get(writing, PARTICIPANT_LOOK, participant);
    if (r != 0)
        return r;
    writing->effect.version = participant->version;
    return answer(writing, participant);
}

static int change(struct writing *writing)
{
    const enum participant_kind kind = participants_kind(writing);
    struct participant before, participant;
    int r = participants_get(writing, PARTICIPANT_CHANGE, &before);

    if (r == 0)
        r = check_match(writing, &before);
    if (r == 0)
        r = note_change(writing, &before, "update");
    if (r != 0)
        return r;
    writing_tell_faults(writing, kind == PARTICIPANT_MENTOR ? "MentorPatch" : "MenteePatch");
    r = json_is_object(writing->body) ? merge(writing, &before) : refuse_invalid(writing);
    if (r == 0)
        r = read_profile(writing, &before, &participant);
    return r == 0 ? keep(writing, &participant) : r;
}

/* PATCH /v1/mentors/{id}: 200 the person as it is now; 404, 412, 422, 428 */
int handle_participant_change(struct request *request, struct reply *reply)
{
    static const struct writing_step STEP = {.act = change};

    return writing_run(request, reply, &STEP);
}

static int replace(struct writing *writing)
{
    struct participant before, participant;
    int r = participants_get(writing, PARTICIPANT_CHANGE, &before);

    if (r == 0)
        r = check_match(writing, &before);
    if (r == 0)
        r = note_change(writing, &before, "replace");
    if (r == 0)
        r = read_profile(writing, &before, &participant);
    return r == 0 ? keep(writing, &participant) : r;
}

/* PUT /v1/mentors/{id}: 200 the person as it is now; 404, 412, 422, 428 */
int handle_participant_replace(struct request *request, struct reply *reply)
{
    static const struct writing_step STEP = {.act = replace};

    return writing_run(request, reply, &STEP);
}
