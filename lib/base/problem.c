#include "base/problem.h"

#include "base/arena.h"
#include "base/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_BYTES_MAX 512

/* Sorted by status, then code. A code is never renamed: clients compare it. */
static const struct problem_kind KINDS[] = {
    {"ambiguous-header", 400, "A header was sent twice",
     "The request has a header more than once that may be there only once, such as Authorization "
     "or Content-Length. Two readers could understand it differently, so it is not answered.",
     "Send the header once."},
    {"credentials-in-url", 400, "Credentials do not belong in a URL",
     "The query has a parameter that looks like a token or key. URLs end up in logs, histories and "
     "referrers.",
     "Send the token in the Authorization header. Treat the one you sent as known to others and "
     "replace it."},
    {"idempotency-key-invalid", 400, "The Idempotency-Key cannot be used",
     "The key has no character, more than 255, or others than visible ASCII.",
     "Choose a key for each thing to be done, such as a UUID: -H \"Idempotency-Key: "
     "$(uuidgen)\"."},
    {"invalid-cursor", 400, "The cursor does not fit",
     "The cursor was changed, is too old, was made by another server, or belongs to other filters "
     "or another order.",
     "Start again without cursor, and follow the links of the pages unchanged."},
    {"invalid-form", 400, "The form in the body is not valid",
     "The body has malformed percent-encoding, bytes that are not UTF-8, control characters, or a "
     "parameter without a name or twice.",
     "Encode names and values as application/x-www-form-urlencoded, and send each once."},
    {"invalid-header", 400, "A header is malformed",
     "A header of the request cannot be read, or the Host header is missing.",
     "Send the header as its standard says; the answer names it."},
    {"invalid-json", 400, "The body is not valid JSON",
     "The body is empty, is not JSON (RFC 8259), has a member twice, is nested too deeply, or is "
     "neither an object nor an array.",
     "Look at the position that the answer names. Encode as UTF-8 without a byte order mark."},
    {"invalid-parameter", 400, "A query parameter is not valid",
     "A parameter is unknown, is repeated where it must not be, or has a value that does not fit. "
     "Nothing is ignored in silence, because a filter that is not applied would return wrong "
     "records.",
     "The answer names every parameter at fault and, where there is one, the nearest name or "
     "value that exists. The OpenAPI document lists them all."},
    {"invalid-path", 400, "The path is not valid",
     "The path has malformed percent-encoding, bytes that are not UTF-8, control characters, an "
     "encoded slash, an empty segment, or the segments '.' or '..'.",
     "Use the links that the API gives, unchanged."},
    {"invalid-scope", 400, "No such scope for this client",
     "None of the scopes that the form asks for is one that the client has.",
     "Ask for some of the scopes that the client was given, or leave scope out to get them all."},
    {"unsupported-grant-type", 400, "There is no such way to sign in",
     "The form asks for a grant_type that this service does not have.",
     "Use grant_type=client_credentials."},
    {"invalid-client", 401, "The client cannot be signed in",
     "There is no such client, its secret is another one, or an administrator has disabled it. "
     "Which of these it is, is not told.",
     "Send identifier and secret of the client by HTTP Basic, or as client_id and client_secret in "
     "the form, not both. An administrator can give the client a new secret with POST "
     "/v1/clients/{id}/secrets."},
    {"invalid-token", 401, "The token is not valid",
     "The token in the Authorization header has expired, was revoked, is not for this service, or "
     "is none of ours. It is refused also where no token is needed, so that you never take what "
     "everybody sees for what you may see.",
     "Get a new token from POST /v1/oauth/token, or leave the header out to read what is public."},
    {"unauthenticated", 401, "Credentials are missing",
     "The path needs a token, or the Authorization header is not one that can be read.",
     "Get a token from POST /v1/oauth/token with the identifier and the secret of your client "
     "(grant_type=client_credentials), and send it as 'Authorization: Bearer ...'. Administrators "
     "register clients."},
    {"forbidden", 403, "Not allowed",
     "The token is valid, but its role, or the organisation that it belongs to, does not permit "
     "this.",
     "Ask an administrator for the role that the answer names, or the organisation that owns the "
     "record for the change."},
    {"insufficient-scope", 403, "The token lacks a scope",
     "The role of the client would permit this, but the token was made with fewer scopes. The "
     "header WWW-Authenticate names the one that is missing.",
     "Ask POST /v1/oauth/token for a token with that scope, or leave scope out to get all that the "
     "client has."},
    {"no-schedule", 404, "The offer has no schedule to compute",
     "The record does not say how its public share changes, or says it in words that name neither "
     "months nor dates behind the start.",
     "Read the record: schedule and schedule_note tell what is known. Who looks after it can add "
     "from_month to the moments of its schedule."},
    {"not-found", 404, "Not found",
     "There is nothing at this path, or nothing that you may know of.",
     "Check the id or slug. Lists are at the plural path, for example /v1/practices."},
    {"method-not-allowed", 405, "Method not allowed", "The path exists, but not for this method.",
     "Use one of the methods in the Allow header."},
    {"not-acceptable", 406, "No such format",
     "The answer cannot be given in a format that the Accept header or format= asks for.",
     "Choose one of the formats that the answer lists."},
    {"basis-changed", 409, "What the assignment rests on has changed",
     "While the assignment was made, or since you looked at it, somebody came, left, changed a "
     "profile or was paired. Nothing was kept.",
     "Ask for the assignment again, look at it, and apply it with the basis that it has now."},
    {"capacity-exhausted", 409, "The mentor has no room for another pair",
     "A mentor is in as many pairs at once as the mentor and the programme permit, from the "
     "proposal to the end. Somebody else may have been faster.",
     "Choose another mentor, wait until a pair of this one ends, or raise the capacity of the "
     "mentor or mentor_capacity of the programme."},
    {"idempotency-in-progress", 409, "A request with this key is being carried out",
     "Another request with the same Idempotency-Key has not ended yet. Nothing was done twice.",
     "Send the same request again after the time in Retry-After: it is answered as the first one "
     "was."},
    {"invalid-transition", 409, "The record is not in a state for this",
     "A record goes from draft to in_review (submit), from there to published (publish) or back to "
     "draft (return), from published to archived (archive), and from archived to draft (restore). "
     "A mentoring pair goes from proposed to accepted, active, and to one of its ends. The record "
     "is at another place of its way.",
     "Read the record: status and review of its working copy, or state and actions of a pair, tell "
     "where it is and what can be done. The detail tells what is needed for the step."},
    {"mentee-has-pair", 409, "The mentee is in a pair already",
     "A mentee is in one pair at a time, from the proposal to the end.",
     "Look for the pair with GET /v1/mentoring-pairs?mentee=, and end or withdraw it first."},
    {"not-due", 409, "It is not the time for this",
     "What is said of a pair in the middle, at its end, or three and six months after it is said "
     "at that time.",
     "Read the pair: state and ended_at tell how far it is. Send it again when the time has come."},
    {"pair-not-active", 409, "The pair is not active",
     "Meetings are planned and goals are set while a pair is active. While it pauses it can still "
     "be said what became of a meeting, and how far a goal is; after its end a coordinator can say "
     "what became of the meetings.",
     "Read the pair: its state tells where it is, and actions what can be done."},
    {"participant-known", 409, "The person is in the programme already",
     "Somebody who signs in with this subject is a mentor, or a mentee, of the programme already.",
     "Use the person who is there."},
    {"participant-withdrawn", 409, "The person has left the programme",
     "Consent to be in the programme was withdrawn, which ends the stay of this person for good.",
     "Take the person in anew, with new consent, under a new identifier."},
    {"person-unavailable", 409, "One of the two cannot be matched now",
     "The mentor or the mentee pauses, or does not agree to be matched (any more).",
     "Read both: status and consents tell who it is. Ask the person, or choose another one."},
    {"proposal-decided", 409, "The proposal has been decided",
     "Somebody has accepted or declined this proposal already.",
     "Read the proposal: its state says what was decided."},
    {"proposal-outdated", 409, "The proposal does not fit any more",
     "The record has changed since the correction was proposed, so that applying it would not "
     "leave a valid record, or the record is not published any more, or another change of it waits "
     "for review. The errors name what does not fit.",
     "Make the correction by hand with PATCH and decline the proposal, or decide on the change "
     "that waits first."},
    {"slug-taken", 409, "The slug is taken",
     "Another record of this resource has the slug, or had it once: an address that was public "
     "belongs to its record for ever.",
     "Choose another slug, or leave it out: then one is made of the name of the record."},
    {"source-taken", 409, "The source is that of another record",
     "You have another record of this resource with the same source.name and source.external_id.",
     "Change that record, or mend the source of this one."},
    {"still-referenced", 409, "Other records refer to this one",
     "A record that others refer to cannot be deleted: their references would lead nowhere. The "
     "errors name some of those that you may see.",
     "Take the references out first, or merge the record into another one: POST "
     "/v1/{resource}/{id}/merge with {\"into\": \"other-slug\"}."},
    {"too-many-meetings", 409, "The pair has too many meetings",
     "A pair has a thousand meetings at most, those that were cancelled among them.",
     "Change one of those that are there."},
    {"too-many-proposals", 409, "Too many corrections wait for this record",
     "Proposed corrections of this record, 50 of them, wait for an editor; no more are taken.",
     "Try again when the editors have looked at them."},
    {"too-many-secrets", 409, "The client has two secrets",
     "A client has two secrets at most, so that one can be replaced while the other works.",
     "Remove the one that is no longer used with DELETE /v1/clients/{id}/secrets/{slot}."},
    {"gone", 410, "Gone", "The record existed and was deleted.",
     "Remove it from your copy. If the answer names replaced_by, read that record instead."},
    {"precondition-failed", 412, "The record has changed",
     "The ETag in If-Match is not the present one: somebody changed the record since you read it.",
     "Read the record again, apply your change to it, and send the new ETag."},
    {"content-too-large", 413, "The body is too large",
     "The body is larger than this path accepts.",
     "Send less at once; the answer names the limit."},
    {"uri-too-long", 414, "The URL is too long", "The path or the query is longer than the limit.",
     "Ask for fewer things at once, or use batch-get, which takes its ids in the body."},
    {"unsupported-media-type", 415, "Unsupported media type",
     "The body has a Content-Type or Content-Encoding that this path does not take.",
     "Send the type that the header Accept or Accept-Patch of the answer names, not compressed: "
     "JSON as 'Content-Type: application/json', a change as 'application/merge-patch+json'."},
    {"expectation-failed", 417, "Expectation failed",
     "The Expect header asks for something other than 100-continue.", "Leave the header out."},
    {"misdirected-request", 421, "Misdirected request",
     "The Host of the request is not one that this server answers for.",
     "Use the address that the service publishes."},
    {"idempotency-key-reuse", 422, "The Idempotency-Key was used for another request",
     "A request with the same key, but another method, path, query or body was carried out in the "
     "last 24 hours. Nothing was done this time.",
     "Use a new key for each thing to be done, and the same one only to send the same request "
     "again."},
    {"validation-failed", 422, "The record is not valid",
     "The body is JSON, but not a record as the contract describes it.",
     "The answer names each fault with a JSON Pointer; mend them all and send it again."},
    {"cohort-too-large", 422, "Too many people for one assignment",
     "An assignment takes 4 000 mentees and 4 000 mentors at most, and 4 000 000 combinations; for "
     "one mentee 20 000 mentors are looked at. All that their profiles say fits into 32 MiB, what "
     "several say counting once.",
     "Name an intake or some of the mentees, and assign one part after the other."},
    {"precondition-required", 428, "If-Match is missing",
     "A change of a record must say which version it is meant for, so that two who write at once "
     "do not overwrite each other.",
     "Read the working copy and send the ETag that comes with it as the If-Match of the change. "
     "The header ETag of this answer has it, too."},
    {"rate-limited", 429, "Too many requests",
     "You have sent more requests than the RateLimit-Policy header permits.",
     "Wait as long as Retry-After says. Conditional requests that end in 304 do not count."},
    {"too-many-attempts", 429, "Too many failed attempts to sign in",
     "Too many tokens or secrets that were not valid came from your address, or with this client's "
     "identifier. Tokens that were known before go on working.",
     "Wait as long as Retry-After says, and see that the token or secret is the right one before "
     "you try again."},
    {"internal-error", 500, "The server failed",
     "Something went wrong here, and it was noted. Nothing was changed.",
     "Try again later. If it stays, report the request_id."},
    {"not-implemented", 501, "Unknown method or transfer coding",
     "The request uses an HTTP method or transfer coding that this server does not know.",
     "Use GET, HEAD, OPTIONS, POST, PUT, PATCH or DELETE."},
    {"contention", 503, "Too many changes at once",
     "The records were being changed by others for too long.",
     "Try again after the time in Retry-After."},
    {"database-unavailable", 503, "The database cannot be reached",
     "The server runs, but its database does not answer.",
     "Try again after the time in Retry-After. Nothing was changed."},
    {"erasures-missing", 503, "People are not served at the moment",
     "The database was put back to an earlier day, or it cannot be told whether it was: people who "
     "were erased since may be in it. Until they are erased again, nothing about people is shown.",
     "Try again later. Who runs this server calls 'express-api erasures replay'."},
    {"keys-unavailable", 503, "The token cannot be checked",
     "The token is of an outside issuer whose keys could not be fetched, or this server has no key "
     "to sign with at the moment. It may be a good token.",
     "Try again after the time in Retry-After. What is public can be read without a token."},
    {"not-ready", 503, "Not ready", "The server is not ready to answer requests.",
     "The answer lists the parts and their state."},
    {"outcome-unknown", 503, "It is not known whether the change was kept",
     "The connection to the database was lost while the change was being committed.",
     "Send the same request again with the same Idempotency-Key: it is carried out once, whatever "
     "became of the first one. Without a key, read the record first."},
    {"overloaded", 503, "Overloaded", "More requests are waiting than can be answered in time.",
     "Try again after the time in Retry-After."},
    {"read-only", 503, "Nothing can be changed at the moment",
     "The database takes no changes, as during maintenance or while another one takes over. "
     "Reading works.",
     "Try again after the time in Retry-After."},
    {"shutting-down", 503, "Shutting down", "This server is about to stop and takes no new work.",
     "Try again: another server, or this one after its restart, will answer."},
    {"timeout", 503, "The query took too long", "The database did not answer this query in time.",
     "Ask for less: fewer facets, a smaller radius, count=none. Or try again later."},
};

const struct problem_kind *problem_kinds(size_t *ret_count)
{
    *ret_count = ARRAY_LENGTH(KINDS);
    return KINDS;
}

const struct problem_kind *problem_kind_find(const char *code)
{
    for (size_t i = 0; i < ARRAY_LENGTH(KINDS); i++)
        if (strcmp(KINDS[i].code, code) == 0)
            return &KINDS[i];
    return NULL;
}

void problem_set(struct problem *problem, const char *code, const char *detail)
{
    const struct problem_kind *kind = problem_kind_find(code);

    assert(kind != NULL);
    problem->status = kind->status;
    problem->code = kind->code;
    problem->title = kind->title;
    problem->detail = detail;
}

void problem_add(struct problem *problem, struct arena *arena, const char *pointer,
                 const char *parameter, const char *code, const char *format, ...)
{
    char detail[DETAIL_BYTES_MAX];
    struct problem_error *error;
    va_list arguments;

    if (problem->error_count++ >= ARRAY_LENGTH(problem->errors))
        return;
    va_start(arguments, format);
    if (vsnprintf(detail, sizeof(detail), format, arguments) < 0)
        detail[0] = '\0';
    va_end(arguments);

    error = &problem->errors[problem->error_count - 1];
    error->pointer = arena_copy(arena, pointer);
    error->parameter = arena_copy(arena, parameter);
    error->code = code;
    error->detail = arena_copy(arena, detail);
}

bool problem_tells(const struct problem *problem, const char *pointer)
{
    for (size_t i = 0; i < problem->error_count && i < ARRAY_LENGTH(problem->errors); i++)
        if (problem->errors[i].pointer != NULL && strcmp(problem->errors[i].pointer, pointer) == 0)
            return true;
    return false;
}

static void append_member(struct text *text, const char *name, const char *value)
{
    if (value == NULL)
        return;
    if (text->bytes[text->length - 1] != '{')
        text_append_char(text, ',');
    text_append_json(text, name);
    text_append_char(text, ':');
    /* A detail cut in the middle of a character must not make the answer invalid. */
    text_append_json(text, text_is_utf8(value, strlen(value)) ? value : "");
}

void problem_render(const struct problem *problem, const char *instance, const char *request_id,
                    struct text *text)
{
    size_t shown = problem->error_count < ARRAY_LENGTH(problem->errors)
                       ? problem->error_count
                       : ARRAY_LENGTH(problem->errors);

    text_append(text, "{\"type\":\"/problems/");
    text_append(text, problem->code);
    text_append(text, "\",\"title\":");
    text_append_json(text, problem->title);
    text_append_format(text, ",\"status\":%d", problem->status);
    append_member(text, "detail", problem->detail);
    if (problem->oauth_error != NULL) {
        append_member(text, "error", problem->oauth_error);
        append_member(text, "error_description",
                      problem->detail != NULL ? problem->detail : problem->title);
    }
    append_member(text, "instance", instance);
    append_member(text, "request_id", request_id);
    if (shown > 0) {
        text_append(text, ",\"errors\":[");
        for (size_t i = 0; i < shown; i++) {
            const struct problem_error *error = &problem->errors[i];

            text_append(text, i == 0 ? "{" : ",{");
            append_member(text, "pointer", error->pointer);
            append_member(text, "parameter", error->parameter);
            append_member(text, "code", error->code);
            append_member(text, "detail", error->detail);
            text_append_char(text, '}');
        }
        text_append_char(text, ']');
    }
    text_append_char(text, '}');
}
