/*
 * Finish
 *
 * The order matters: security headers go first, because the framework drops
 * every header after one that it does not like. Conditions are judged before a
 * body is coded, and a body that nobody receives is coded only while its
 * length is not known yet.
 */
#include "finish.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "compress.h"
#include "conditions.h"
#include "exchange.h"
#include "metrics.h"
#include "rate.h"
#include "routes.h"
#include "service.h"
#include "sizes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const CACHE_CONTROL[] = {
    [REPLY_CACHE_NONE] = "no-store",
    [REPLY_CACHE_PUBLIC] = "public, max-age=60, stale-while-revalidate=600",
    [REPLY_CACHE_AGING] = "public, max-age=60",
    [REPLY_CACHE_LONG] = "public, max-age=3600",
};

static void out(struct exchange *exchange, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    if (exchange->out_count == EXCHANGE_HEADERS_OUT_MAX) {
        log_error("http.headers", "dropped=%s", name);
        return;
    }
    exchange->out[exchange->out_count++] = (struct reply_header){.name = name, .value = value};
}

/* What the answer says of itself, known before its body is looked at. */
struct plan {
    enum coding coding;
    bool has_content;
    bool is_stream;
    bool not_modified;
    bool precondition_failed;
};

static bool is_html(const struct reply *reply)
{
    return reply->content_type != NULL && strncmp(reply->content_type, "text/html", 9) == 0;
}

static const char *tag_of(struct exchange *exchange, enum coding coding)
{
    int length = snprintf(exchange->etag, sizeof(exchange->etag), "\"%s%s\"", exchange->reply.etag,
                          coding_etag_suffix(coding));

    return length > 0 && (size_t)length < sizeof(exchange->etag) ? exchange->etag : NULL;
}

static bool is_unchanged_since(const struct exchange *exchange)
{
    const char *since = request_header(&exchange->request, "If-Modified-Since");
    int64_t seconds;

    return since != NULL && exchange->reply.last_modified > 0 && conditions_date(since, &seconds) &&
           exchange->reply.last_modified <= seconds;
}

/* RFC 9110 section 13.2.2, for GET and HEAD. */
static void judge_conditions(struct exchange *exchange, struct plan *plan)
{
    const struct request *request = &exchange->request;
    const struct reply *reply = &exchange->reply;
    const char *list;

    if (request->method != METHOD_GET || reply->status != 200 || plan->is_stream)
        return;
    list = request_header(request, "If-Match");
    if (list != NULL && !conditions_match(list, reply->etag, true, plan->coding, NULL)) {
        plan->precondition_failed = true;
        return;
    }
    list = request_header(request, "If-None-Match");
    if (list != NULL)
        plan->not_modified =
            conditions_match(list, reply->etag, false, plan->coding, &plan->coding);
    else
        plan->not_modified = is_unchanged_since(exchange);
}

/* Coded where that is asked for; the reply's own bytes change hands otherwise. */
static int make_content(struct exchange *exchange, enum coding coding)
{
    struct reply *reply = &exchange->reply;

    if (reply->body.length == 0)
        return 0;
    if (coding != CODING_IDENTITY)
        return coding_compress(coding, reply->body.bytes, reply->body.length, &exchange->out_bytes,
                               &exchange->out_size);
    exchange->out_bytes = text_steal(&reply->body, &exchange->out_size);
    return exchange->out_bytes == NULL ? fault_raise(-ENOMEM) : 0;
}

static void drop_content(struct exchange *exchange)
{
    free(exchange->out_bytes);
    exchange->out_bytes = NULL;
    exchange->out_without_content = true;
}

/* HEAD and 304: only the length counts, which an earlier answer may have told. */
static int make_length(struct exchange *exchange, const struct plan *plan)
{
    const struct request *request = &exchange->request;
    struct sizes *sizes = exchange->listener->service->sizes;
    const char *tag = exchange->reply.etag == NULL ? NULL : tag_of(exchange, plan->coding);
    uint64_t key = tag == NULL ? 0 : sizes_key(sizes, request->path, request->raw_query, tag);
    int r;

    if (plan->coding == CODING_IDENTITY && exchange->reply.body.length > 0) {
        exchange->out_size = exchange->reply.body.length;
        exchange->out_without_content = true;
        if (tag != NULL)
            sizes_put(sizes, key, exchange->out_size);
        return 0;
    }
    if (tag != NULL && sizes_get(sizes, key, &exchange->out_size)) {
        exchange->out_without_content = true;
        return 0;
    }
    if (exchange->reply.body.length == 0)
        return exchange->reply.not_modified ? FINISH_SIZE_UNKNOWN : 0;
    r = make_content(exchange, plan->coding);
    if (r != 0)
        return r;
    if (tag != NULL)
        sizes_put(sizes, key, exchange->out_size);
    drop_content(exchange);
    return 0;
}

static int make_whole(struct exchange *exchange, const struct plan *plan)
{
    const struct request *request = &exchange->request;
    struct sizes *sizes = exchange->listener->service->sizes;
    int r = make_content(exchange, plan->coding);

    if (r == 0 && exchange->reply.etag != NULL && exchange->reply.status == 200 &&
        request->method == METHOD_GET) {
        const char *tag = tag_of(exchange, plan->coding);

        if (tag != NULL)
            sizes_put(sizes, sizes_key(sizes, request->path, request->raw_query, tag),
                      exchange->out_size);
    }
    return r;
}

/*
 * HEAD of a stream: it is run into nothing to learn its length. Without one the
 * library would announce chunks and, for all that HEAD has no content, send
 * the last of them, which the client takes for the next answer.
 */
static int measure_stream(struct exchange *exchange)
{
    char buffer[8192];
    long r;

    while ((r = exchange_read_stream(exchange, buffer, sizeof(buffer))) > 0)
        exchange->out_size += (size_t)r;
    exchange->out_without_content = true;
    return fault_fold((int)r);
}

static const char *vary_of(struct exchange *exchange, const struct plan *plan)
{
    /* The buffers of these lines hold the longest text that their formats can make. */
    (void)snprintf(exchange->vary, sizeof(exchange->vary), "%s%s%sOrigin",
                   plan->has_content || plan->not_modified ? "Accept-Encoding, " : "",
                   exchange->reply.vary_accept ? "Accept, " : "",
                   exchange->reply.vary_language ? "Accept-Language, " : "");
    return exchange->vary;
}

static void out_security(struct exchange *exchange)
{
    out(exchange, "X-Content-Type-Options", "nosniff");
    if (!is_html(&exchange->reply))
        out(exchange, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    out(exchange, "Referrer-Policy", "no-referrer");
    out(exchange, "X-Request-Id", exchange->request.id);
    out(exchange, "traceparent", exchange->trace.parent);
}

static void out_caching(struct exchange *exchange, const struct plan *plan)
{
    const struct reply *reply = &exchange->reply;

    out(exchange, "Cache-Control", CACHE_CONTROL[reply->cache]);
    out(exchange, "Vary", vary_of(exchange, plan));
    if (reply->etag != NULL)
        out(exchange, "ETag", tag_of(exchange, plan->coding));
    if (reply->last_modified > 0)
        out(exchange, "Last-Modified",
            clock_http_date(exchange->last_modified, sizeof(exchange->last_modified),
                            reply->last_modified));
}

static void out_content(struct exchange *exchange, const struct plan *plan)
{
    const struct reply *reply = &exchange->reply;

    if (!plan->has_content)
        return;
    out(exchange, "Content-Type", reply->content_type);
    out(exchange, "Content-Language", reply->content_language);
    if (plan->coding != CODING_IDENTITY)
        out(exchange, "Content-Encoding", coding_name(plan->coding));
}

static void out_public(struct exchange *exchange)
{
    if (!exchange->listener->is_public)
        return;
    out(exchange, "Access-Control-Allow-Origin", "*");
    out(exchange, "Access-Control-Expose-Headers",
        "ETag, Idempotency-Replayed, Link, Last-Modified, Location, RateLimit, RateLimit-Policy, "
        "Retry-After, WWW-Authenticate, X-Request-Id");
    if (exchange->is_limited || exchange->was_refused) {
        (void)snprintf(exchange->rate_policy, sizeof(exchange->rate_policy),
                       "\"default\";q=%u;w=%u", (unsigned)exchange->limit.quota,
                       (unsigned)exchange->limit.window_s);
        (void)snprintf(exchange->rate_limit, sizeof(exchange->rate_limit), "\"default\";r=%u;t=%u",
                       (unsigned)exchange->limit.remaining, (unsigned)exchange->limit.reset_s);
        out(exchange, "RateLimit-Policy", exchange->rate_policy);
        out(exchange, "RateLimit", exchange->rate_limit);
    }
}

/* The handler's own; the framework keeps one header of a name, so repeated ones are joined. */
static int out_own(struct exchange *exchange)
{
    const struct reply *reply = &exchange->reply;

    for (size_t i = 0; i < reply->header_count; i++) {
        const char *name = reply->headers[i].name;
        const char *value = reply->headers[i].value;
        bool is_repeated = false;

        for (size_t j = 0; j < i && !is_repeated; j++)
            is_repeated = strcasecmp(reply->headers[j].name, name) == 0;
        if (is_repeated)
            continue;
        for (size_t j = i + 1; j < reply->header_count; j++) {
            if (strcasecmp(reply->headers[j].name, name) != 0)
                continue;
            value = arena_format(&exchange->arena, "%s, %s", value, reply->headers[j].value);
            if (value == NULL)
                return fault_raise(-ENOMEM);
        }
        out(exchange, name, value);
    }
    return 0;
}

static int out_all(struct exchange *exchange, const struct plan *plan)
{
    out_security(exchange);
    out_caching(exchange, plan);
    out_public(exchange);
    out_content(exchange, plan);
    exchange->close |=
        atomic_load_explicit(&exchange->listener->service->draining, memory_order_relaxed);
    if (exchange->close)
        out(exchange, "Connection", "close");
    return out_own(exchange);
}

static void give_token_back(struct exchange *exchange)
{
    if (exchange->is_limited)
        rate_give_back(exchange->listener->service->rate, &exchange->limit_key, &exchange->limit);
}

/* Set aside what an earlier try left. */
static void start_over(struct exchange *exchange)
{
    free(exchange->out_bytes);
    exchange->out_bytes = NULL;
    exchange->out_size = 0;
    exchange->out_count = 0;
    exchange->out_is_stream = false;
    exchange->out_without_content = false;
}

/* Of the answers to one client alone: their length would tell of their content (BREACH). */
static bool is_private(const struct exchange *exchange)
{
    return exchange->reply.cache == REPLY_CACHE_NONE && exchange->route != NULL &&
           (exchange->request.caller.role != CALLER_ANONYMOUS ||
            exchange->route->access != ACCESS_PUBLIC);
}

int finish_reply(struct exchange *exchange)
{
    struct reply *reply = &exchange->reply;
    struct plan plan = {.is_stream = reply->stream.read != NULL};
    int r;

    start_over(exchange);
    if (text_failed(&reply->body) || (reply->etag != NULL && strlen(reply->etag) > ETAG_BYTES_MAX))
        return fault_raise(-ENOBUFS);
    plan.has_content = plan.is_stream || reply->body.length > 0 || reply->not_modified;
    if (plan.has_content && !exchange->is_last_resort) {
        const char *accepted = request_header(&exchange->request, "Accept-Encoding");
        bool is_plain = plan.is_stream || is_private(exchange);
        bool worthwhile = reply->not_modified || reply->body.length >= COMPRESS_BYTES_MIN;

        r = coding_choose(accepted, worthwhile && !is_plain, &plan.coding);
        if (r != 0 || (is_plain && plan.coding != CODING_IDENTITY))
            return FINISH_NOT_ACCEPTABLE;
    }
    judge_conditions(exchange, &plan);
    if (plan.precondition_failed)
        return FINISH_PRECONDITION_FAILED;
    if (reply->not_modified && !plan.not_modified)
        return FINISH_SIZE_UNKNOWN; /* there is no body to send: the handler must make it */

    exchange->status = plan.not_modified ? 304 : reply->status;
    exchange->out_is_stream = plan.is_stream && !exchange->is_head;
    if (plan.is_stream)
        r = exchange->is_head ? measure_stream(exchange) : 0;
    else if (plan.not_modified || exchange->is_head)
        r = make_length(exchange, &plan);
    else
        r = make_whole(exchange, &plan);
    if (r != 0)
        return r;
    if (plan.not_modified) {
        plan.has_content = false;
        give_token_back(exchange);
    }
    return out_all(exchange, &plan);
}
