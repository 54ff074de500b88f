/*
 * Exchange
 *
 * The one way of a request through the HTTP layer: checks in a fixed order,
 * the handler, the finish. Whatever goes wrong on it ends in a problem, and at
 * the very worst in an answer without a body.
 */
#include "exchange.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/uuid.h"
#include "checks.h"
#include "finish.h"
#include "identity.h"
#include "metrics.h"
#include "router.h"
#include "routes.h"
#include "service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const METHOD_NAMES[] = {
    [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
    [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
    [METHOD_OPTIONS] = "OPTIONS", [METHOD_TRACE] = "TRACE", [METHOD_CONNECT] = "CONNECT",
    [METHOD_UNKNOWN] = "UNKNOWN",
};

/* Methods are told apart by case (RFC 9110 section 9.1): "get" is none of ours. */
static enum request_method method_of(const char *text)
{
    for (int method = METHOD_GET; method < METHOD_UNKNOWN; method++) {
        if (strcmp(text, METHOD_NAMES[method]) == 0)
            return (enum request_method)method;
    }
    return METHOD_UNKNOWN;
}

static const char *single_header(const struct exchange *exchange, const char *name)
{
    const char *value = NULL;

    for (size_t i = 0; i < exchange->header_count && i < EXCHANGE_HEADERS_IN_MAX; i++) {
        if (strcasecmp(exchange->headers[i].name, name) != 0)
            continue;
        if (value != NULL)
            return NULL;
        value = exchange->headers[i].value;
    }
    return value;
}

/* The last entry is what the trusted proxy itself has seen; the ones before it anybody can send. */
static struct address client_of(struct exchange *exchange)
{
    const struct service *service = exchange->listener->service;
    struct address client = exchange->peer;
    const char *forwarded;
    const char *comma;

    if (!service->has_trusted_proxy || !address_equal(&exchange->peer, &service->trusted_proxy))
        return client;
    forwarded = request_header(&exchange->request, "X-Forwarded-For");
    if (forwarded == NULL)
        return client;
    comma = strrchr(forwarded, ',');
    if (comma != NULL)
        forwarded = comma + 1;
    forwarded += strspn(forwarded, " \t");
    if (!address_parse(forwarded, &client))
        return exchange->peer;
    return client;
}

static void begin(struct exchange *exchange)
{
    struct request *request = &exchange->request;
    struct service *service = exchange->listener->service;
    const char *id = single_header(exchange, "X-Request-Id");

    exchange->started_us = clock_monotonic_us();
    exchange->is_open = true;
    arena_init(&exchange->arena, REQUEST_ARENA_BYTES_MAX);
    text_init(&exchange->reply.body, REPLY_BYTES_MAX);
    exchange->reply.status = 200;
    exchange->series = metrics_series_other(service->metrics, METRICS_UNMATCHED);
    if (exchange->listener->is_public)
        metrics_request_begins(service->metrics);

    if (trace_is_request_id(id))
        memcpy(exchange->request_id, id, strlen(id) + 1);
    else
        uuid_make_v7(exchange->request_id);
    trace_make(single_header(exchange, "traceparent"), &exchange->trace);
    log_set_request(exchange->request_id);

    request->application = service->application;
    request->service = service;
    request->arena = &exchange->arena;
    request->id = exchange->request_id;
    request->trace_id = exchange->trace.id;
    request->method = method_of(exchange->method);
    exchange->is_head = request->method == METHOD_HEAD;
    request->path = "";
    request->raw_query = "";
    request->caller = caller_anonymous();
    request->headers = exchange->headers;
    request->header_count = exchange->header_count < EXCHANGE_HEADERS_IN_MAX
                                ? exchange->header_count
                                : EXCHANGE_HEADERS_IN_MAX;
    exchange->client = client_of(exchange);
    request->client_address =
        address_text(&exchange->client, exchange->client_text, sizeof(exchange->client_text));
}

static int answered(int r)
{
    return r == 0 ? CHECK_ANSWERED : fault_fold(r);
}

/* RFC 9110 section 9.3.7, and the preflight of CORS: the same for every path. */
static int answer_options(struct exchange *exchange, const char *allow)
{
    struct reply *reply = &exchange->reply;
    int r;

    exchange->series = metrics_series_other(exchange->listener->service->metrics, METRICS_OPTIONS);
    reply->status = 204;
    r = reply_header(reply, "Allow", allow);
    if (r == 0 && exchange->listener->is_public &&
        request_header(&exchange->request, "Access-Control-Request-Method") != NULL) {
        r = reply_header(reply, "Access-Control-Allow-Methods", allow);
        if (r == 0)
            r = reply_header(reply, "Access-Control-Allow-Headers",
                             "Accept, Accept-Language, Authorization, Content-Type, "
                             "Idempotency-Key, If-Match, If-Modified-Since, If-None-Match, "
                             "X-Request-Id, traceparent");
        if (r == 0)
            r = reply_header(reply, "Access-Control-Max-Age", "600");
    }
    return answered(r);
}

static int find_route(struct exchange *exchange)
{
    const struct listener *listener = exchange->listener;
    struct request *request = &exchange->request;
    const char *allow;
    int r;

    if (request->method == METHOD_UNKNOWN)
        return answered(reply_problem_code(request, &exchange->reply, "not-implemented", NULL));
    exchange->route = router_match(listener->routes, listener->route_count, request, &allow);
    if (arena_failed(&exchange->arena))
        return fault_raise(-ENOMEM);
    if (exchange->route != NULL) {
        if (listener->is_public)
            exchange->series = metrics_series(listener->service->metrics, exchange->route);
        if (exchange->is_head)
            request->method = METHOD_GET;
        return 0;
    }
    if (allow == NULL)
        return answered(reply_problem_code(request, &exchange->reply, "not-found", NULL));
    if (request->method == METHOD_OPTIONS)
        return answer_options(exchange, allow);
    r = reply_problem_code(request, &exchange->reply, "method-not-allowed", NULL);
    if (r == 0)
        r = reply_header(&exchange->reply, "Allow", allow);
    return answered(r);
}

static int handle(struct exchange *exchange)
{
    int r = exchange->route->handle(&exchange->request, &exchange->reply);

    if (r != 0)
        return fault_fold(r);
    if (arena_failed(&exchange->arena) || text_failed(&exchange->reply.body))
        return fault_raise(-ENOMEM);
    return 0;
}

/* Leaves a reply, unless the result is a fault. */
static int judge_and_handle(struct exchange *exchange)
{
    static int (*const STEPS[])(struct exchange *) = {
        check_headers, check_target, find_route,  check_credentials, check_identity, check_rate,
        check_right,   check_coding, check_query, check_body,        handle,
    };
    int r = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(STEPS) && r == 0; i++)
        r = STEPS[i](exchange);
    return r == CHECK_ANSWERED ? 0 : r;
}

static int finish(struct exchange *exchange)
{
    int r = finish_reply(exchange);

    if (r == FINISH_SIZE_UNKNOWN && !exchange->request.unconditional) {
        exchange->request.unconditional = true;
        reply_reset(&exchange->reply);
        r = handle(exchange);
        if (r == 0)
            r = finish_reply(exchange);
    }
    if (r == FINISH_NOT_ACCEPTABLE || r == FINISH_PRECONDITION_FAILED) {
        exchange->is_last_resort = true;
        r = reply_problem_code(
            &exchange->request, &exchange->reply,
            r == FINISH_NOT_ACCEPTABLE ? "not-acceptable" : "precondition-failed",
            r == FINISH_NOT_ACCEPTABLE ? "Accept-Encoding refuses every coding there is." : NULL);
        if (r == 0)
            r = finish_reply(exchange);
    }
    return fault_fold(r);
}

/* After a fault: 503 when memory ran out, 500 otherwise; without a body if that fails, too. */
static void answer_fault(struct exchange *exchange, int fault)
{
    const char *code = fault == -ENOMEM ? "overloaded" : "internal-error";
    int r;

    exchange->is_last_resort = true;
    r = reply_problem_code(&exchange->request, &exchange->reply, code, NULL);
    if (r == 0)
        r = finish_reply(exchange);
    if (r == 0)
        return;
    reply_reset(&exchange->reply);
    exchange->reply.status = 500;
    if (finish_reply(exchange) != 0)
        exchange->status = 500;
}

static const char *resource_of(const struct exchange *exchange)
{
    const char *resource = request_segment(&exchange->request, "resource");

    /* Unless the handler knew it, it is a client's word and stays out of the log. */
    if (resource == NULL || exchange->status >= 400 ||
        resource[strspn(resource, "abcdefghijklmnopqrstuvwxyz-")] != '\0')
        return "";
    return resource;
}

static void report(struct exchange *exchange, uint64_t bytes)
{
    uint64_t duration_us = clock_monotonic_us() - exchange->started_us;
    enum log_level level = exchange->listener->is_public ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
    const char *resource = resource_of(exchange);
    enum request_method method = exchange->is_head ? METHOD_HEAD : exchange->request.method;
    const char *client_id = exchange->request.caller.client_id; /* of a program, not a person */
    char client[ADDRESS_TEXT_BYTES];

    log_write(level, "http.access",
              "method=%s route=%s%s%s status=%d bytes=%" PRIu64 " duration_us=%" PRIu64
              " client=%s%s%s trace_id=%s%s",
              METHOD_NAMES[method], resource, resource[0] == '\0' ? "" : ".",
              exchange->route == NULL ? "-" : exchange->route->name, exchange->status, bytes,
              duration_us, address_text_short(&exchange->client, client, sizeof(client)),
              client_id[0] == '\0' ? "" : " client_id=", client_id, exchange->trace.id,
              exchange->is_stream_cut ? " cut=true" : "");
    if (exchange->listener->is_public)
        metrics_request_ends(exchange->listener->service->metrics, exchange->series,
                             exchange->status, bytes, duration_us);
}

void exchange_dispatch(struct exchange *exchange)
{
    int r;

    begin(exchange);
    r = judge_and_handle(exchange);
    if (r == 0)
        r = finish(exchange);
    if (r != 0)
        answer_fault(exchange, r);
    if (!exchange->out_is_stream)
        report(exchange, exchange->out_without_content ? 0 : exchange->out_size);
}

long exchange_read_stream(struct exchange *exchange, char *buffer, size_t size_bytes)
{
    struct reply_stream *stream = &exchange->reply.stream;
    long r;

    if (stream->read == NULL)
        return fault_raise(-EINVAL);
    r = stream->read(stream->data, buffer, size_bytes);
    if (r > 0)
        exchange->streamed_bytes += (uint64_t)r;
    else if (r == 0)
        exchange->is_stream_complete = true;
    else
        log_warn("http.stream", "error=%ld action=cut", r);
    return r;
}

void exchange_end(struct exchange *exchange)
{
    if (!exchange->is_open)
        return;
    exchange->is_open = false;
    if (exchange->out_is_stream) {
        exchange->is_stream_cut = !exchange->is_stream_complete;
        report(exchange, exchange->streamed_bytes);
    }
    reply_reset(&exchange->reply);
    text_deinit(&exchange->reply.body);
    free(exchange->out_bytes);
    exchange->out_bytes = NULL;
    json_decref(exchange->request.body);
    exchange->request.body = NULL;
    arena_deinit(&exchange->arena);
    log_set_request(NULL);
}
