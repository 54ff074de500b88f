/*
 * The audit log, for administrators. Who reads it is in it: the entry that the
 * reading leaves is made in the same transaction, after what it reads.
 */
#include "handlers/handlers.h"

#include "application.h"
#include "audit/audit.h"
#include "audit/audit_list.h"
#include "auth/caller.h"
#include "base/arena.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"
#include "contract/schema.h"
#include "db/db.h"
#include "present.h"
#include "record/cursor.h"
#include "reply.h"
#include "request.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define ACTIONS_BYTES_MAX 1000 /* a dozen, separated by commas */
#define DAY_BYTES 10           /* 2026-01-31 */
/* Cursors bear the id of a record; an entry has none of that form. */
#define NO_ID "00000000-0000-0000-0000-000000000000"
enum { PLACE_AT, PLACE_CHAIN, PLACE_POSITION, PLACE_VALUES };

struct listing {
    struct request *request;
    struct reply *reply;
    struct problem problem;
    struct audit_filter filter;
    struct audit_place place;
    bool has_no_such_time;
    unsigned char fingerprint[QUERY_FINGERPRINT_BYTES];
};

static const char *const KNOWN[] = {"client", "record", "action", "role", "after",
                                    "before", "limit",  "cursor", NULL};

static const char *refuse(struct listing *listing, const char *name, const char *expected)
{
    problem_add(&listing->problem, listing->request->arena, NULL, name, "invalid-value",
                "this is %s", expected);
    return NULL;
}

static const char *read_id(struct listing *listing, const char *name)
{
    const char *value = request_parameter(listing->request, name);

    if (value == NULL || uuid_is_valid(value))
        return value;
    return refuse(listing, name, "the id of one, a UUID");
}

/* Lower-case words with dots and hyphens between, separated by commas. */
static bool are_actions(const char *list)
{
    static const char BETWEEN[] = "-.,";
    bool is_between = true;

    if (strlen(list) > ACTIONS_BYTES_MAX)
        return false;
    for (; *list != '\0'; list++) {
        bool is_letter = *list >= 'a' && *list <= 'z';

        if (!is_letter && (is_between || strchr(BETWEEN, *list) == NULL))
            return false;
        is_between = !is_letter;
    }
    return !is_between;
}

static const char *read_actions(struct listing *listing)
{
    const char *value = request_parameter(listing->request, "action");

    if (value == NULL || are_actions(value))
        return value;
    return refuse(listing, "action",
                  "an action such as record.publish, or several separated by "
                  "commas");
}

static bool are_roles(const char *list)
{
    static const char *const ROLES[] = {"anonymous", "participant", "partner", "coordinator",
                                        "editor",    "admin",       "service", "system"};

    for (;;) {
        size_t length = strcspn(list, ",");
        bool is_known = false;

        for (size_t i = 0; i < ARRAY_LENGTH(ROLES) && !is_known; i++)
            is_known = strlen(ROLES[i]) == length && memcmp(ROLES[i], list, length) == 0;
        if (!is_known)
            return false;
        if (list[length] == '\0')
            return true;
        list += length + 1;
    }
}

static const char *read_roles(struct listing *listing)
{
    const char *value = request_parameter(listing->request, "role");

    if (value == NULL || are_roles(value))
        return value;
    return refuse(listing, "role", "a role such as editor, or several separated by commas");
}

/* @of_day: what makes a time of a day */
static const char *read_time(struct listing *listing, const char *name, const char *of_day)
{
    const char *value = request_parameter(listing->request, name);

    if (value == NULL || schema_format_is("date-time", value))
        return value;
    if (strlen(value) == DAY_BYTES && schema_format_is("date", value))
        return arena_format(listing->request->arena, "%s%s", value, of_day);
    return refuse(listing, name, "a time such as 2026-01-31T12:00:00Z, or a day");
}

/* A cursor fits who got it, and the filters it was got with. */
static void make_fingerprint(struct listing *listing)
{
    char text[DIGEST_TEXT_BYTES];
    struct digest digest;

    digest_init(&digest);
    digest_text(&digest, "audit");
    digest_text(&digest, listing->request->caller.name);
    digest_text(&digest, listing->filter.client_id);
    digest_text(&digest, listing->filter.record_id);
    digest_text(&digest, listing->filter.actions);
    digest_text(&digest, listing->filter.roles);
    digest_text(&digest, listing->filter.after);
    digest_text(&digest, listing->filter.before);
    (void)digest_finish(&digest, text);
    _Static_assert(DIGEST_TEXT_BYTES > QUERY_FINGERPRINT_BYTES, "a fingerprint of the digest");
    memcpy(listing->fingerprint, text, QUERY_FINGERPRINT_BYTES);
}

static bool read_cursor(struct listing *listing)
{
    const struct request *request = listing->request;
    const char *text = request_parameter(request, "cursor");
    struct cursor cursor;

    if (text == NULL)
        return true;
    if (!cursor_decode(&request->application->cursor_keys, text, listing->fingerprint,
                       request->arena, &cursor) ||
        cursor.value_count != PLACE_VALUES)
        return false;
    listing->place = (struct audit_place){.at = cursor.values[PLACE_AT],
                                          .chain = cursor.values[PLACE_CHAIN],
                                          .position = cursor.values[PLACE_POSITION]};
    listing->filter.place = &listing->place;
    return true;
}

/* False: answered. */
static bool read_filter(struct listing *listing, int *ret_result)
{
    const char *limit = request_parameter(listing->request, "limit");
    struct audit_filter *filter = &listing->filter;

    filter->client_id = read_id(listing, "client");
    filter->record_id = read_id(listing, "record");
    filter->actions = read_actions(listing);
    filter->roles = read_roles(listing);
    filter->after = read_time(listing, "after", "T00:00:00Z");
    filter->before = read_time(listing, "before", "T23:59:59.999999Z");
    filter->limit = PAGE_ITEMS_DEFAULT;
    if (limit != NULL && !num_parse_u32(limit, 1, PAGE_ITEMS_MAX, &filter->limit))
        problem_add(&listing->problem, listing->request->arena, NULL, "limit", "out-of-range",
                    "this is a whole number from 1 to %d", PAGE_ITEMS_MAX);
    if (listing->problem.error_count > 0) {
        problem_set(&listing->problem, "invalid-parameter", NULL);
        *ret_result = reply_problem(listing->request, listing->reply, &listing->problem);
        return false;
    }
    make_fingerprint(listing);
    if (!read_cursor(listing)) {
        *ret_result = reply_problem_code(listing->request, listing->reply, "invalid-cursor", NULL);
        return false;
    }
    return true;
}

static int append_page(struct listing *listing, const struct audit_place *next, bool more)
{
    const struct request *request = listing->request;
    struct text *text = &listing->reply->body;
    const char *cursor = NULL;

    if (more) {
        const struct cursor place = {.values = {[PLACE_AT] = next->at,
                                                [PLACE_CHAIN] = next->chain,
                                                [PLACE_POSITION] = next->position},
                                     .value_count = PLACE_VALUES,
                                     .id = NO_ID};

        cursor = cursor_encode(&request->application->cursor_keys, &place, listing->fingerprint,
                               request->arena);
        if (cursor == NULL)
            return fault_raise(-ENOMEM);
    }
    text_append_format(text, "],\"page\":{\"limit\":%u,\"next\":", (unsigned)listing->filter.limit);
    if (cursor == NULL)
        text_append(text, "null");
    else
        text_append_json(text, cursor);
    text_append(text, ",\"previous\":null}}");
    listing->reply->content_type = "application/json";
    return present_page_links(request, NULL, cursor, NULL, listing->reply);
}

static int list_in_transaction(struct listing *listing, struct db *db)
{
    const struct audit_entry reading = {.action = "audit.read"};
    struct text *text = &listing->reply->body;
    struct audit_place next;
    bool more = false;
    int r;

    text_append(text, "{\"data\":[");
    r = audit_list_append(db, &listing->filter, listing->request->arena, text, &next, &more);
    listing->has_no_such_time = r == DB_CHECK_VIOLATION;
    if (r == 0)
        r = append_page(listing, &next, more);
    if (r == 0)
        r = audit_append(db, &reading);
    return r;
}

/* Times that are well formed and still none: of the year 0, a day ahead of Greenwich. */
static int refuse_times(struct listing *listing)
{
    if (listing->filter.after != NULL)
        (void)refuse(listing, "after", "a time in the range that can be compared");
    if (listing->filter.before != NULL)
        (void)refuse(listing, "before", "a time in the range that can be compared");
    problem_set(&listing->problem, "invalid-parameter", NULL);
    return reply_problem(listing->request, listing->reply, &listing->problem);
}

/* GET /v1/audit: 200 a page of the audit log; 400 invalid-parameter, invalid-cursor */
int handle_audit_list(struct request *request, struct reply *reply)
{
    struct listing *listing = arena_alloc(request->arena, sizeof(*listing));
    struct db *db = NULL;
    int r = 0;

    if (listing == NULL)
        return fault_raise(-ENOMEM);
    listing->request = request;
    listing->reply = reply;
    if (!present_accepts_json(request, reply, &r) || !present_takes(request, KNOWN, reply, &r) ||
        !read_filter(listing, &r))
        return r;
    r = db_lease(request->application->private_pool, &db);
    if (r != 0)
        return r > 0 ? reply_database(request, reply, r) : r;
    r = caller_begin(db, &request->caller, request->id);
    if (r == 0) {
        r = list_in_transaction(listing, db);
        if (r == 0)
            r = db_commit(db);
        else
            db_rollback(db);
    }
    db_release(db);
    if (listing->has_no_such_time)
        return refuse_times(listing);
    return r > 0 ? reply_database(request, reply, r) : r;
}
