#include "reply.h"

#include "base/fault.h"
#include "base/problem.h"
#include "compress.h"
#include "conditions.h"
#include "db/db.h"
#include "request.h"

#include <errno.h>
#include <string.h>

#define RETRY_AFTER_S "1" /* what fails for want of time or room is soon over */

/* Token characters of RFC 9110 section 5.6.2. */
static bool is_name(const char *name)
{
    size_t length = strspn(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    return length > 0 && name[length] == '\0';
}

/* One bad value would make the framework drop every header after it. */
static bool is_value(const char *value)
{
    if (value[0] == '\0')
        return false;
    for (; *value != '\0'; value++) {
        if (*value < 0x20 || *value > 0x7e)
            return false;
    }
    return true;
}

int reply_header(struct reply *reply, const char *name, const char *value)
{
    if (value == NULL)
        return fault_raise(-ENOMEM);
    if (!is_name(name) || !is_value(value))
        return fault_raise(-EINVAL);
    if (reply->header_count == ARRAY_LENGTH(reply->headers))
        return fault_raise(-ENOBUFS);
    reply->headers[reply->header_count++] = (struct reply_header){.name = name, .value = value};
    return 0;
}

void reply_reset(struct reply *reply)
{
    struct text body = reply->body;

    if (reply->stream.free_data != NULL)
        reply->stream.free_data(reply->stream.data);
    text_clear(&body);
    *reply = (struct reply){.status = 200, .body = body};
}

int reply_problem(struct request *request, struct reply *reply, const struct problem *problem)
{
    reply_reset(reply);
    reply->status = problem->status;
    reply->content_type = "application/problem+json";
    problem_render(problem, request->instance, request->id, &reply->body);
    if (text_failed(&reply->body))
        return fault_raise(-ENOMEM);
    if (problem->status == 503)
        return reply_header(reply, "Retry-After", RETRY_AFTER_S);
    return 0;
}

int reply_problem_code(struct request *request, struct reply *reply, const char *code,
                       const char *detail)
{
    struct problem problem = {0};

    problem_set(&problem, code, detail);
    return reply_problem(request, reply, &problem);
}

int reply_gone(struct request *request, struct reply *reply, const char *deleted_at,
               const char *replaced_by)
{
    int r = reply_problem_code(request, reply, "gone", NULL);

    if (r != 0)
        return r;
    reply->body.length--; /* the closing brace */
    text_append(&reply->body, ",\"deleted_at\":");
    text_append_json(&reply->body, deleted_at);
    if (replaced_by != NULL) {
        text_append(&reply->body, ",\"replaced_by\":");
        text_append_json(&reply->body, replaced_by);
    }
    text_append_char(&reply->body, '}');
    return text_failed(&reply->body) ? fault_raise(-ENOMEM) : 0;
}

int reply_database(struct request *request, struct reply *reply, int outcome)
{
    const char *code = NULL;

    switch (outcome) {
    case DB_UNAVAILABLE:
        code = "database-unavailable";
        break;
    case DB_OUTCOME_UNKNOWN:
        code = "outcome-unknown";
        break;
    case DB_READ_ONLY:
        code = "read-only";
        break;
    case DB_BUSY:
        code = "overloaded";
        break;
    case DB_TIMEOUT:
        code = "timeout";
        break;
    case DB_CONTENTION:
        code = "contention";
        break;
    default: /* a fault, or an outcome that the caller should have handled */
        return fault_fold(outcome);
    }
    return reply_problem_code(request, reply, code, NULL);
}

bool reply_etag_matches(const struct request *request, const char *etag)
{
    const char *list;

    if (request->unconditional)
        return false;
    list = request_header(request, "If-None-Match");
    return list != NULL && conditions_match(list, etag, false, CODING_IDENTITY, NULL);
}
