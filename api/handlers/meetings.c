/* Meetings of a pair: planned, then held, missed or cancelled. */
#include "handlers/handlers.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "base/uuid.h"
#include "listing.h"
#include "mentoring/meeting.h"
#include "pairing.h"
#include "present.h"
#include "reply.h"
#include "request.h"
#include "writing.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define RESOURCE "meetings"

/* --- showing ------------------------------------------------------------------------------ */

static const char *address_of(const struct writing *writing, const struct pair *pair,
                              const char *id)
{
    return pairing_address(writing, pair->id,
                           arena_format(writing->request->arena, "/" RESOURCE "/%s", id));
}

/* All but its last brace. */
static void append_meeting(const struct writing *writing, const struct pair *pair,
                           const struct meeting *meeting)
{
    struct text *text = &writing->reply->body;

    text_append_format(text, "{\"id\":\"%s\",\"pair\":\"%s\",\"state\":\"%s\",\"version\":%ld",
                       meeting->id, pair->id, meeting->state, meeting->version);
    pairing_append(text, "starts_at", meeting->starts_at);
    pairing_append_raw(text, "duration_minutes", meeting->duration_minutes);
    pairing_append(text, "format", meeting->format);
    pairing_append(text, "reason", meeting->reason);
    if (strcmp(meeting->state, "planned") == 0)
        pairing_append(text, "answer_by", meeting->answer_by);
    pairing_append(text, "overdue_since", meeting->overdue_since);
    pairing_append(text, "updated_at", meeting->updated_at);
    text_append(text, ",\"links\":{\"self\":");
    text_append_json(text, address_of(writing, pair, meeting->id));
    pairing_append(text, "pair", pairing_address(writing, pair->id, ""));
    text_append_char(text, '}');
}

/* Finds it, and shows it. */
static int show(struct writing *writing, const struct pair *pair, const char *id,
                const char *action)
{
    struct meeting meeting;
    int r = meeting_get(writing->db, writing->request->arena, pair->id, id, false, &meeting);

    if (r == MEETING_NOT_FOUND)
        return writing_refuse(writing, "not-found", NULL);
    if (r != 0)
        return r;
    pairing_note(writing, action, RESOURCE, meeting.id, meeting.version);
    append_meeting(writing, pair, &meeting);
    return pairing_end(writing, meeting.version);
}

/* --- reading ------------------------------------------------------------------------------ */

static int read_filter(struct writing *writing, const struct listing *listing,
                       struct meeting_filter *ret_filter)
{
    static const char *const STATES[] = {"planned", "held", "missed", "cancelled"};
    static const char *const TRUE[] = {"true"};
    struct meeting_filter filter = {.limit = listing->limit};
    const char *const *words;
    size_t count;
    int r = listing_words(writing, "state", STATES, ARRAY_LENGTH(STATES), &words, &count);

    if (r == 0)
        r = listing_words(writing, "overdue", TRUE, ARRAY_LENGTH(TRUE), &words, &count);
    filter.states = request_parameter(writing->request, "state");
    filter.is_overdue = count > 0;
    if (r == 0)
        r = listing_read_place(writing, listing, &filter.after_start, &filter.after_id);
    *ret_filter = filter;
    return r;
}

static int append_progress(struct writing *writing, const struct pair *pair)
{
    struct text *text = &writing->reply->body;
    struct meeting_progress progress;
    int r = meeting_progress(writing->db, writing->request->arena, pair->id, &progress);

    if (r != 0)
        return r;
    text_append_format(text, ",\"progress\":{\"held\":%s", progress.held);
    pairing_append_raw(text, "planned", progress.planned);
    pairing_append_raw(text, "missed", progress.missed);
    pairing_append_raw(text, "overdue", progress.overdue);
    pairing_append_raw(text, "expected", progress.expected);
    text_append_char(text, '}');
    return 0;
}

static int append_list(struct writing *writing, const struct pair *pair,
                       const struct listing *listing, const struct meeting_filter *filter)
{
    struct meeting *meetings = NULL;
    size_t count = 0, shown;
    int r = meeting_list(writing->db, writing->request->arena, pair->id, filter, &meetings, &count);

    if (r != 0)
        return r;
    shown = count > filter->limit ? filter->limit : count;
    text_append(&writing->reply->body, "{\"data\":[");
    for (size_t i = 0; i < shown; i++) {
        if (i > 0)
            text_append_char(&writing->reply->body, ',');
        append_meeting(writing, pair, &meetings[i]);
        text_append_char(&writing->reply->body, '}');
    }
    text_append_char(&writing->reply->body, ']');
    r = append_progress(writing, pair);
    if (r != 0)
        return r;
    return listing_end(writing, listing,
                       count > shown ? listing_place(writing, meetings[shown - 1].starts_at,
                                                     meetings[shown - 1].id)
                                     : NULL);
}

static int look_at_list(struct writing *writing)
{
    struct meeting_filter filter;
    struct listing listing;
    struct pair pair;
    int r = listing_read(writing, &listing);

    if (r == 0)
        r = read_filter(writing, &listing, &filter);
    if (r == 0)
        r = pairing_find(writing, PAIR_LOCK_NONE, &pair);
    if (r != 0)
        return r;
    pairing_note(writing, "meeting.list", PAIRING_RESOURCE, pair.id, pair.version);
    return append_list(writing, &pair, &listing, &filter);
}

/* GET /v1/mentoring-pairs/{id}/meetings: 200 a page of meetings; 404 */
int handle_meetings_list(struct request *request, struct reply *reply)
{
    static const char *const KNOWN[] = {"state", "overdue", "limit", "cursor", NULL};
    int r = 0;

    return present_takes(request, KNOWN, reply, &r) ? writing_look(request, reply, look_at_list)
                                                    : r;
}

static int look_at_meeting(struct writing *writing)
{
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_NONE, &pair);

    return r == 0
               ? show(writing, &pair, request_segment(writing->request, "meeting"), "meeting.read")
               : r;
}

/* GET /v1/mentoring-pairs/{id}/meetings/{meeting}: 200 the meeting; 404 */
int handle_meeting_read(struct request *request, struct reply *reply)
{
    int r = 0;

    return present_takes(request, NULL, reply, &r) ? writing_look(request, reply, look_at_meeting)
                                                   : r;
}

/* --- adding ------------------------------------------------------------------------------- */

static int show_new(struct writing *writing, const struct pair *pair, const char *id)
{
    int r = show(writing, pair, id, "meeting.create");

    return r == 0 ? pairing_created(writing, address_of(writing, pair, id)) : r;
}

static int add(struct writing *writing)
{
    struct meeting meeting = {.state = "planned"};
    const char *id = NULL;
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_UPDATE, &pair); /* its meetings are counted */

    if (r == 0)
        r = writing_check_body(writing, "NewMeeting");
    if (r != 0)
        return r;
    if (pairing_body_text(writing, "state") != NULL)
        meeting.state = pairing_body_text(writing, "state");
    meeting.starts_at = pairing_body_text(writing, "starts_at");
    meeting.duration_minutes = pairing_body_raw(writing, "duration_minutes");
    meeting.format = pairing_body_text(writing, "format");
    r = pairing_told(writing,
                     meeting_add(writing->db, writing->request->arena, pair.id, &meeting, &id));
    return r == 0 ? show_new(writing, &pair, id) : r;
}

static int add_again(struct writing *writing)
{
    const char *id = writing->effect.id;
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_NONE, &pair);

    return r == 0 ? show_new(writing, &pair, id) : r;
}

/* POST /v1/mentoring-pairs/{id}/meetings: 201 the meeting; 404; 409 pair-not-active,
 * too-many-meetings; 422 */
int handle_meeting_create(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){add, add_again});
}

/* --- changing ----------------------------------------------------------------------------- */

/* What the patch says, over what is there. */
static void merge(const struct writing *writing, struct meeting *meeting)
{
    const json_t *body = writing->body;

    if (json_object_get(body, "state") != NULL) {
        meeting->state = pairing_body_text(writing, "state");
        meeting->reason = NULL; /* that of another state */
    }
    if (json_object_get(body, "starts_at") != NULL)
        meeting->starts_at = pairing_body_text(writing, "starts_at");
    if (json_object_get(body, "duration_minutes") != NULL)
        meeting->duration_minutes = pairing_body_raw(writing, "duration_minutes");
    if (json_object_get(body, "format") != NULL)
        meeting->format = pairing_body_text(writing, "format");
    if (json_object_get(body, "reason") != NULL)
        meeting->reason = pairing_body_text(writing, "reason");
}

static int note_properties(struct writing *writing)
{
    static const char *const NAMES[] = {"state", "starts_at", "duration_minutes", "format",
                                        "reason"};
    const char **changed =
        arena_alloc_array(writing->request->arena, ARRAY_LENGTH(NAMES), sizeof(*changed));

    if (changed == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        if (json_object_get(writing->body, NAMES[i]) != NULL)
            changed[writing->effect.property_count++] = NAMES[i];
    writing->effect.properties = changed;
    return 0;
}

static int change(struct writing *writing)
{
    struct meeting meeting;
    struct pair pair;
    int r = pairing_find(writing, PAIR_LOCK_SHARE, &pair);

    if (r == 0)
        r = meeting_get(writing->db, writing->request->arena, pair.id,
                        request_segment(writing->request, "meeting"), true, &meeting);
    if (r == MEETING_NOT_FOUND)
        return writing_refuse(writing, "not-found", NULL);
    if (r != 0)
        return r;
    append_meeting(writing, &pair, &meeting);
    r = pairing_match(writing, pairing_take_etag(writing, meeting.version));
    if (r == 0)
        r = writing_check_body(writing, "MeetingChange");
    if (r != 0)
        return r;
    merge(writing, &meeting);
    r = pairing_told(writing, meeting_change(writing->db, &meeting));
    if (r == 0)
        r = show(writing, &pair, meeting.id, "meeting.update");
    return r == 0 ? note_properties(writing) : r;
}

/* PATCH /v1/mentoring-pairs/{id}/meetings/{meeting}: 200 the meeting; 404; 409 pair-not-active,
 * invalid-transition; 412; 422; 428 */
int handle_meeting_change(struct request *request, struct reply *reply)
{
    return writing_run(request, reply, &(struct writing_step){.act = change});
}
