#include "pairing.h"

#include "application.h"
#include "base/arena.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/text.h"
#include "compress.h"
#include "conditions.h"
#include "db/db.h"
#include "reply.h"
#include "request.h"
#include "settings.h"
#include "writing.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

int pairing_find(struct writing *writing, enum pair_lock lock, struct pair *ret_pair)
{
    struct request *request = writing->request;
    int r =
        pair_store_get(writing->db, request->arena, request_segment(request, "id"), lock, ret_pair);

    return r == PAIR_STORE_NOT_FOUND ? writing_refuse(writing, "not-found", NULL) : r;
}

static const char *etag_of(const struct writing *writing, long version)
{
    const struct text *shown = &writing->reply->body;
    char text[DIGEST_TEXT_BYTES];
    struct digest digest;

    if (text_failed(shown))
        return NULL;
    digest_init(&digest);
    digest_bytes(&digest, shown->bytes, shown->length);
    return arena_format(writing->request->arena, "%ld-%s", version, digest_finish(&digest, text));
}

const char *pairing_take_etag(struct writing *writing, long version)
{
    const char *etag = etag_of(writing, version);

    text_clear(&writing->reply->body);
    return etag;
}

static int refuse_match(struct writing *writing, const char *etag, const char *code)
{
    int r = writing_refuse(writing, code, NULL);

    writing->reply->etag = etag; /* after the refusal, which begins the reply anew */
    return r;
}

int pairing_needs_match(struct writing *writing, const char *etag)
{
    if (etag == NULL)
        return fault_raise(-ENOMEM);
    return request_header(writing->request, "If-Match") != NULL
               ? 0
               : refuse_match(writing, etag, "precondition-required");
}

int pairing_match(struct writing *writing, const char *etag)
{
    int r = pairing_needs_match(writing, etag);

    if (r != 0)
        return r;
    return conditions_match(request_header(writing->request, "If-Match"), etag, true,
                            CODING_IDENTITY, NULL)
               ? 0
               : refuse_match(writing, etag, "precondition-failed");
}

int pairing_end(struct writing *writing, long version)
{
    writing->reply->content_type = "application/json";
    writing->reply->etag = etag_of(writing, version);
    if (writing->reply->etag == NULL)
        return fault_raise(-ENOMEM);
    pairing_append_meta(writing);
    text_append_char(&writing->reply->body, '}');
    return 0;
}

const char *pairing_address(const struct writing *writing, const char *pair_id, const char *behind)
{
    const char *address =
        arena_format(writing->request->arena, "%s/v1/" PAIRING_RESOURCE "/%s%s",
                     writing->request->application->settings->base_url, pair_id, behind);

    return address == NULL ? "" : address;
}

const char *pairing_base_address(const struct writing *writing, const char *resource,
                                 const char *id)
{
    const char *address =
        arena_format(writing->request->arena, "%s/v1/%s/%s",
                     writing->request->application->settings->base_url, resource, id);

    return address == NULL ? "" : address;
}

int pairing_created(struct writing *writing, const char *address)
{
    writing->reply->status = 201;
    return reply_header(writing->reply, "Location", address);
}

void pairing_note(struct writing *writing, const char *action, const char *resource, const char *id,
                  long version)
{
    writing->effect = (struct writing_effect){
        .action = action, .resource = resource, .id = id, .version = version};
}

/* The rules of the database that a request can break. */
static const struct {
    const char *constraint;
    const char *problem; /* NULL: the body is not valid, at @pointer */
    const char *pointer;
    const char *code;
    const char *detail;
} RULES[] = {
    {"meeting_of_active_pair", "pair-not-active", NULL, NULL, NULL},
    {"meeting_transition", "invalid-transition", NULL, NULL,
     "What became of this meeting was said already; a coordinator can correct it."},
    {"meeting_not_yet", NULL, "/state", "out-of-range", "the meeting has not begun yet"},
    {"meeting_past", NULL, "/starts_at", "out-of-range",
     "a meeting is planned for a time to come; one that was held is added as held"},
    {"meeting_before_pair", NULL, "/starts_at", "out-of-range",
     "the pair began later: a meeting is at most a week older than its start"},
    {"meeting_too_far", NULL, "/starts_at", "out-of-range",
     "a meeting is planned at most a year ahead"},
    {"meeting_count", "too-many-meetings", NULL, NULL, NULL},
    {"meeting_reason", NULL, "/reason", "not-allowed",
     "a reason goes with a meeting that was missed or cancelled"},
    {"goal_of_active_pair", "pair-not-active", NULL, NULL, NULL},
    {"goal_pair_id_term_key", NULL, "/term", "taken", "the pair has this goal already"},
    {"goal_reached_is_whole", NULL, "/progress", "out-of-range",
     "a goal that is reached has a progress of 100"},
    {"feedback_moment", "not-due", NULL, NULL,
     "In the middle while the pair is active or paused, at the end when it has ended."},
    {"outcome_moment", "not-due", NULL, NULL,
     "At the end when the pair has ended, then three and six months after that."},
    {"outcome_none_is_alone", NULL, "/code", "not-allowed",
     "none says that there is no other outcome at this moment"},
};

int pairing_told(struct writing *writing, int r)
{
    if (r != DB_CHECK_VIOLATION && r != DB_UNIQUE_VIOLATION)
        return r;
    for (size_t i = 0; i < ARRAY_LENGTH(RULES); i++) {
        if (strcmp(db_constraint(writing->db), RULES[i].constraint) != 0)
            continue;
        return RULES[i].problem != NULL ? writing_refuse(writing, RULES[i].problem, RULES[i].detail)
                                        : pairing_refuse_value(writing, RULES[i].pointer,
                                                               RULES[i].code, RULES[i].detail);
    }
    return r;
}

int pairing_refuse_value(struct writing *writing, const char *pointer, const char *code,
                         const char *detail)
{
    problem_set(writing->problem, "validation-failed", NULL);
    problem_add(writing->problem, writing->request->arena, pointer, NULL, code, "%s", detail);
    return writing_refuse_problem(writing, writing->problem);
}

void pairing_append(struct text *text, const char *name, const char *value)
{
    if (value == NULL)
        return;
    text_append_format(text, ",\"%s\":", name);
    text_append_json(text, value);
}

void pairing_append_raw(struct text *text, const char *name, const char *value)
{
    if (value != NULL)
        text_append_format(text, ",\"%s\":%s", name, value);
}

void pairing_append_meta(const struct writing *writing)
{
    if (writing->dry_run)
        text_append(&writing->reply->body, ",\"meta\":{\"dry_run\":true}");
}

const char *pairing_body_text(const struct writing *writing, const char *name)
{
    return json_string_value(json_object_get(writing->body, name));
}

const char *pairing_body_raw(const struct writing *writing, const char *name)
{
    const json_t *value = json_object_get(writing->body, name);

    if (json_is_integer(value))
        return arena_format(writing->request->arena, "%" JSON_INTEGER_FORMAT,
                            json_integer_value(value));
    return json_is_boolean(value) ? (json_is_true(value) ? "true" : "false") : NULL;
}
