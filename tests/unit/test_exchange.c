#include "exchange.h"

#include "base/limits.h"
#include "base/log.h"
#include "compress.h"
#include "metrics.h"
#include "routes.h"
#include "service.h"
#include "sizes.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LONG_BYTES 5000

static struct service service;
static struct listener listener;
static struct exchange exchange;
static int handled;
static int stream_freed;

static int handle_short(struct request *request, struct reply *reply)
{
    (void)request;
    handled++;
    reply->content_type = "application/json";
    text_append(&reply->body, "{}");
    return 0;
}

static int handle_long(struct request *request, struct reply *reply)
{
    handled++;
    reply->content_type = "application/json";
    reply->cache = REPLY_CACHE_PUBLIC;
    reply->etag = "v1";
    reply->last_modified = 784111777;
    if (reply_etag_matches(request, reply->etag)) {
        reply->not_modified = true;
        return 0;
    }
    for (int i = 0; i < LONG_BYTES / 10; i++)
        text_append(&reply->body, "0123456789");
    return reply_header(reply, "Link", "</a>; rel=\"self\"");
}

static int handle_echo(struct request *request, struct reply *reply)
{
    handled++;
    cr_assert_not_null(request->body);
    reply->content_type = "application/json";
    text_append_format(&reply->body, "{\"members\":%zu}", json_object_size(request->body));
    return 0;
}

static int handle_fault(struct request *request, struct reply *reply)
{
    (void)request;
    text_append(&reply->body, "half an answ");
    return -5;
}

static int handle_full(struct request *request, struct reply *reply)
{
    (void)reply;
    return arena_alloc(request->arena, REQUEST_ARENA_BYTES_MAX + 1) == NULL ? 0 : -5;
}

static long read_stream(void *data, char *buffer, size_t size_bytes)
{
    int *left = data;

    if (*left <= 0)
        return *left;
    (*left)--;
    memset(buffer, 'x', 100);
    return size_bytes < 100 ? -5 : 100;
}

static void free_stream(void *data)
{
    stream_freed++;
    free(data);
}

static int handle_stream(struct request *request, struct reply *reply)
{
    int *left = malloc(sizeof(*left));

    (void)request;
    *left = 3;
    reply->content_type = "application/x-ndjson";
    reply->stream =
        (struct reply_stream){.data = left, .read = read_stream, .free_data = free_stream};
    return 0;
}

const struct route ROUTES[] = {
    {METHOD_GET, "/short", "short", ACCESS_PUBLIC, BODY_NONE, handle_short},
    {METHOD_GET, "/long", "long", ACCESS_PUBLIC, BODY_NONE, handle_long},
    {METHOD_POST, "/echo", "echo", ACCESS_PUBLIC, BODY_JSON, handle_echo},
    {METHOD_GET, "/fault", "fault", ACCESS_PUBLIC, BODY_NONE, handle_fault},
    {METHOD_GET, "/full", "full", ACCESS_PUBLIC, BODY_NONE, handle_full},
    {METHOD_GET, "/stream", "stream", ACCESS_PUBLIC, BODY_NONE, handle_stream},
};
const size_t ROUTE_COUNT = ARRAY_LENGTH(ROUTES);

static void begin(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    service = (struct service){0};
    cr_assert_eq(metrics_new(ROUTES, ROUTE_COUNT, &service.metrics), 0);
    cr_assert_eq(sizes_new(&service.sizes), 0);
    listener = (struct listener){
        .service = &service, .routes = ROUTES, .route_count = ROUTE_COUNT, .is_public = true};
}

static void end(void)
{
    exchange_end(&exchange);
    metrics_free(service.metrics);
    sizes_free(service.sizes);
    rate_free(service.rate);
    coding_deinit();
}

TestSuite(exchange, .init = begin, .fini = test_ends_without_leaks);

static void prepare(const char *method, const char *target)
{
    exchange_end(&exchange);
    exchange = (struct exchange){
        .listener = &listener, .method = method, .target = target, .protocol = "HTTP/1.1"};
    exchange.headers[exchange.header_count++] = (struct request_header){"Host", "example.org"};
    cr_assert(address_parse("192.0.2.7", &exchange.peer));
}

static void with(const char *name, const char *value)
{
    exchange.headers[exchange.header_count++] = (struct request_header){name, value};
}

static const char *header(const char *name)
{
    for (size_t i = 0; i < exchange.out_count; i++) {
        if (strcasecmp(exchange.out[i].name, name) == 0)
            return exchange.out[i].value;
    }
    return NULL;
}

static void check_problem(int status, const char *code)
{
    json_auto_t *body = NULL;
    char type[64];

    exchange_dispatch(&exchange);
    cr_assert_eq(exchange.status, status, "%d, not %d", exchange.status, status);
    cr_assert_str_eq(header("Content-Type"), "application/problem+json");
    cr_assert_str_eq(header("Cache-Control"), "no-store");
    body = json_loadb(exchange.out_bytes, exchange.out_size, 0, NULL);
    cr_assert_not_null(body);
    (void)snprintf(type, sizeof(type), "/problems/%s", code);
    cr_assert_str_eq(json_string_value(json_object_get(body, "type")), type);
    cr_assert_eq(json_integer_value(json_object_get(body, "status")), status);
    cr_assert_str_eq(json_string_value(json_object_get(body, "request_id")),
                     header("X-Request-Id"));
}

Test(exchange, an_answer_bears_the_headers_of_every_answer)
{
    prepare("GET", "/short");
    exchange_dispatch(&exchange);
    cr_assert_eq(exchange.status, 200);
    cr_assert_eq(exchange.out_size, 2);
    cr_assert_str_eq(exchange.out[0].name, "X-Content-Type-Options", "security goes first");
    cr_assert_str_eq(header("X-Content-Type-Options"), "nosniff");
    cr_assert_str_eq(header("Content-Security-Policy"),
                     "default-src 'none'; frame-ancestors 'none'");
    cr_assert_str_eq(header("Referrer-Policy"), "no-referrer");
    cr_assert_eq(strlen(header("X-Request-Id")), 36);
    cr_assert_eq(strlen(header("traceparent")), 55);
    cr_assert_str_eq(header("Cache-Control"), "no-store");
    cr_assert_str_eq(header("Vary"), "Accept-Encoding, Origin");
    cr_assert_str_eq(header("Access-Control-Allow-Origin"), "*");
    cr_assert_null(header("ETag"));
    cr_assert_null(header("Connection"));
    end();
}

Test(exchange, a_good_request_id_and_trace_are_taken_over_and_a_bad_one_is_not)
{
    prepare("GET", "/short");
    with("X-Request-Id", "client-id.1_2");
    with("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    exchange_dispatch(&exchange);
    cr_assert_str_eq(header("X-Request-Id"), "client-id.1_2");
    cr_assert_eq(strncmp(header("traceparent"), "00-4bf92f3577b34da6a3ce929d0e0e4736-", 36), 0);
    cr_assert_eq(strcmp(header("traceparent") + 52, "-01"), 0);

    prepare("GET", "/short");
    with("X-Request-Id", "a b");
    with("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01");
    exchange_dispatch(&exchange);
    cr_assert_eq(strlen(header("X-Request-Id")), 36);
    cr_assert_neq(strncmp(header("traceparent"), "00-0000000000000000", 19), 0);
    end();
}

Test(exchange, what_is_wrong_with_a_request_is_a_problem)
{
    static const struct {
        const char *method, *target, *name, *value;
        int status;
        const char *code;
    } ROWS[] = {
        {"GET", "/nothing", NULL, NULL, 404, "not-found"},
        {"GET", "/short/", NULL, NULL, 404, "not-found"},
        {"GET", "/../short", NULL, NULL, 400, "invalid-path"},
        {"GET", "short", NULL, NULL, 400, "invalid-path"},
        {"GET", "/short#a", NULL, NULL, 400, "invalid-path"},
        {"GET", "*", NULL, NULL, 400, "invalid-path"},
        {"GET", "http://other.org/short", NULL, NULL, 421, "misdirected-request"},
        {"POST", "/short", NULL, NULL, 405, "method-not-allowed"},
        {"TRACE", "/short", NULL, NULL, 405, "method-not-allowed"},
        {"CONNECT", "example.org:80", NULL, NULL, 405, "method-not-allowed"},
        {"get", "/short", NULL, NULL, 501, "not-implemented"},
        {"BREW", "/short", NULL, NULL, 501, "not-implemented"},
        {"GET", "/short", "Host", "example.org", 400, "ambiguous-header"},
        {"GET", "/short", "X y", "1", 400, "invalid-header"},
        {"GET", "/short", "X-Y", "a\rb", 400, "invalid-header"},
        {"GET", "/short", "Authorization", "Bearer \xff", 400, "invalid-header"},
        {"GET", "/short", "Expect", "the unexpected", 417, "expectation-failed"},
        {"GET", "/short", "Transfer-Encoding", "gzip, chunked", 501, "not-implemented"},
        {"GET", "/short", "Content-Encoding", "gzip", 415, "unsupported-media-type"},
        {"GET", "/short?token=x", NULL, NULL, 400, "credentials-in-url"},
        {"GET", "/short?a&Access%5FToke%6e=x", NULL, NULL, 400, "credentials-in-url"},
        {"GET", "/short?a=%00", NULL, NULL, 400, "invalid-parameter"},
        {"GET", "/short", "Accept-Encoding", "identity;q=0", 406, "not-acceptable"},
        {"GET", "/long", "If-Match", "\"other\"", 412, "precondition-failed"},
        {"POST", "/echo", NULL, NULL, 415, "unsupported-media-type"},
        {"POST", "/echo", "Content-Type", "application/json", 400, "invalid-json"},
        {"GET", "/fault", NULL, NULL, 500, "internal-error"},
        {"GET", "/full", NULL, NULL, 503, "overloaded"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        prepare(ROWS[i].method, ROWS[i].target);
        if (ROWS[i].name != NULL)
            with(ROWS[i].name, ROWS[i].value);
        check_problem(ROWS[i].status, ROWS[i].code);
    }
    end();
}

/* Checks H13. */
Test(exchange, no_host_is_refused_but_by_http_1_0)
{
    prepare("GET", "/short");
    exchange.header_count = 0;
    check_problem(400, "invalid-header");
    cr_assert_str_eq(header("Connection"), "close");

    prepare("GET", "/short");
    exchange.header_count = 0;
    exchange.protocol = "HTTP/1.0";
    exchange_dispatch(&exchange);
    cr_assert_eq(exchange.status, 200);
    end();
}

Test(exchange, words_that_look_like_credentials_but_are_not_pass)
{
    prepare("GET", "/short?tokens=1&atoken=2&api_ke=3&x=token");
    exchange_dispatch(&exchange);
    cr_assert_eq(exchange.status, 200);
    end();
}

Test(exchange, a_body_over_the_limit_is_refused_and_ends_the_connection)
{
    char *body = malloc(BODY_BYTES_MAX + 1);

    memset(body, ' ', BODY_BYTES_MAX + 1);
    memcpy(body, "{\"a\":1}", 7);
    prepare("POST", "/echo");
    with("Content-Type", "application/json");
    exchange.content = body;
    exchange.content_bytes = BODY_BYTES_MAX + 1;
    check_problem(413, "content-too-large");
    cr_assert_str_eq(header("Connection"), "close");
    cr_assert_eq(handled, 0);

    prepare("POST", "/echo");
    with("Content-Type", "application/json");
    exchange.content = body;
    exchange.content_bytes = BODY_BYTES_MAX;
    exchange_dispatch(&exchange);
    cr_assert_eq(exchange.status, 200);
    cr_assert_eq(handled, 1);
    free(body);
    end();
}

/* Checks H4. */
Test(exchange, options_tells_the_methods_and_answers_a_preflight)
{
    prepare("OPTIONS", "/echo");
    exchange_dispatch(&exchange);
    cr_assert_eq(exchange.status, 204);
    cr_assert_str_eq(header("Allow"), "POST, OPTIONS");
    cr_assert_null(header("Access-Control-Max-Age"));
    cr_assert_null(exchange.out_bytes);

    prepare("OPTIONS", "/echo");
    with("Origin", "https://example.com");
    with("Access-Control-Request-Method", "POST");
    exchange_dispatch(&exchange);
    cr_assert_str_eq(header("Access-Control-Allow-Methods"), "POST, OPTIONS");
    cr_assert_str_eq(header("Access-Control-Max-Age"), "600");
    cr_assert_str_eq(header("Access-Control-Allow-Origin"), "*");

    prepare("OPTIONS", "*");
    exchange_dispatch(&exchange);
    cr_assert_eq(exchange.status, 204);
    end();
}

/* Checks H20. */
Test(exchange, a_304_announces_the_length_of_the_200_even_when_it_was_never_sent)
{
    static const char *const CODINGS[][2] = {
        {NULL, "\"v1\""}, {"gzip", "\"v1-gz\""}, {"br", "\"v1-br\""}, {"zstd", "\"v1-zst\""}};

    for (size_t i = 0; i < ARRAY_LENGTH(CODINGS); i++) {
        size_t announced[2], sent;

        for (int round = 0; round < 2; round++) {
            handled = 0;
            prepare("GET", "/long");
            with("If-None-Match", CODINGS[i][1]);
            if (CODINGS[i][0] != NULL)
                with("Accept-Encoding", CODINGS[i][0]);
            exchange_dispatch(&exchange);
            cr_assert_eq(exchange.status, 304);
            cr_assert(exchange.out_without_content);
            cr_assert_null(exchange.out_bytes);
            cr_assert_str_eq(header("ETag"), CODINGS[i][1]);
            cr_assert_str_eq(header("Cache-Control"),
                             "public, max-age=60, stale-while-revalidate=600");
            cr_assert_str_eq(header("Vary"), "Accept-Encoding, Origin");
            cr_assert_null(header("Content-Type"));
            cr_assert_null(header("Content-Encoding"));
            cr_assert_eq(handled, round == 0 ? 2 : 1, "the length is learnt once");
            announced[round] = exchange.out_size;
        }
        prepare("GET", "/long");
        if (CODINGS[i][0] != NULL)
            with("Accept-Encoding", CODINGS[i][0]);
        exchange_dispatch(&exchange);
        cr_assert_eq(exchange.status, 200);
        sent = exchange.out_size;
        cr_assert_eq(announced[0], sent);
        cr_assert_eq(announced[1], sent);
    }
    end();
}

Test(exchange, if_modified_since_counts_only_without_if_none_match)
{
    static const struct {
        const char *since, *none_match;
        int status;
    } ROWS[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", NULL, 304},
        {"Sun, 06 Nov 1994 08:49:36 GMT", NULL, 200},
        {"nonsense", NULL, 200},
        {"Sun, 06 Nov 1994 08:49:37 GMT", "\"other\"", 200},
        {"Sun, 06 Nov 1994 08:49:36 GMT", "\"v1\"", 304},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        prepare("GET", "/long");
        with("If-Modified-Since", ROWS[i].since);
        if (ROWS[i].none_match != NULL)
            with("If-None-Match", ROWS[i].none_match);
        exchange_dispatch(&exchange);
        cr_assert_eq(exchange.status, ROWS[i].status, "row %zu", i);
    }
    end();
}

/* Checks H3. */
Test(exchange, head_has_the_headers_of_get_and_no_content)
{
    static const char *const TARGETS[] = {"/short", "/long", "/nothing", "/stream"};

    for (size_t i = 0; i < ARRAY_LENGTH(TARGETS); i++) {
        struct reply_header got[EXCHANGE_HEADERS_OUT_MAX];
        size_t count, size;

        prepare("GET", TARGETS[i]);
        with("X-Request-Id", "the-same-id");
        with("Accept-Encoding", "gzip");
        exchange_dispatch(&exchange);
        count = exchange.out_count;
        size = exchange.out_is_stream ? 300 : exchange.out_size;
        memcpy(got, exchange.out, sizeof(got));

        prepare("HEAD", TARGETS[i]);
        with("X-Request-Id", "the-same-id");
        with("Accept-Encoding", "gzip");
        exchange_dispatch(&exchange);
        cr_assert_eq(exchange.out_count, count, "%s", TARGETS[i]);
        for (size_t j = 0; j < count; j++)
            cr_assert_str_eq(exchange.out[j].name, got[j].name, "%s", TARGETS[i]);
        cr_assert_eq(exchange.out_size, size, "%s: %zu, not %zu", TARGETS[i], exchange.out_size,
                     size);
        cr_assert(exchange.out_without_content, "%s", TARGETS[i]);
        cr_assert_null(exchange.out_bytes, "%s", TARGETS[i]);
        cr_assert_not(exchange.out_is_stream, "%s", TARGETS[i]);
    }
    end();
}

Test(exchange, a_stream_is_read_to_its_end_and_freed_once)
{
    char buffer[256];
    long total = 0;
    long r;

    prepare("GET", "/stream");
    exchange_dispatch(&exchange);
    cr_assert(exchange.out_is_stream);
    while ((r = exchange_read_stream(&exchange, buffer, sizeof(buffer))) > 0)
        total += r;
    cr_assert_eq(r, 0);
    cr_assert_eq(total, 300);
    exchange_end(&exchange);
    exchange_end(&exchange);
    cr_assert_eq(stream_freed, 1);

    prepare("GET", "/stream");
    exchange_dispatch(&exchange);
    cr_assert_lt(exchange_read_stream(&exchange, buffer, 10), 0, "a fault is passed on");
    exchange_end(&exchange);
    cr_assert_eq(stream_freed, 2, "also when the client left early");
    end();
}

Test(exchange, the_rate_limit_refuses_and_a_304_costs_nothing)
{
    cr_assert_eq(rate_new(2, 1, &service.rate), 0);
    for (int i = 0; i < 10; i++) {
        prepare("GET", "/long");
        with("If-None-Match", "*");
        exchange_dispatch(&exchange);
        cr_assert_eq(exchange.status, 304);
        cr_assert_str_eq(header("RateLimit"), "\"default\";r=2;t=1");
    }
    for (int left = 1; left >= 0; left--) {
        prepare("GET", "/short");
        exchange_dispatch(&exchange);
        cr_assert_eq(exchange.status, 200);
        cr_assert_str_eq(header("RateLimit-Policy"), "\"default\";q=2;w=1");
    }
    prepare("GET", "/short");
    check_problem(429, "rate-limited");
    cr_assert_str_eq(header("Retry-After"), "1");
    cr_assert_str_eq(header("RateLimit"), "\"default\";r=0;t=1");
    end();
}

Test(exchange, only_the_trusted_proxy_speaks_for_others)
{
    prepare("GET", "/short");
    with("X-Forwarded-For", "198.51.100.9");
    exchange_dispatch(&exchange);
    cr_assert_str_eq(exchange.request.client_address, "192.0.2.7");

    service.has_trusted_proxy = address_parse("192.0.2.7", &service.trusted_proxy);
    prepare("GET", "/short");
    with("X-Forwarded-For", "203.0.113.1, 198.51.100.9");
    exchange_dispatch(&exchange);
    cr_assert_str_eq(exchange.request.client_address, "198.51.100.9", "what the proxy saw");

    prepare("GET", "/short");
    with("X-Forwarded-For", "198.51.100.9, unknown");
    exchange_dispatch(&exchange);
    cr_assert_str_eq(exchange.request.client_address, "192.0.2.7");
    end();
}

Test(exchange, while_draining_every_answer_closes_its_connection)
{
    atomic_store(&service.draining, true);
    prepare("GET", "/short");
    exchange_dispatch(&exchange);
    cr_assert_eq(exchange.status, 200);
    cr_assert_str_eq(header("Connection"), "close");
    end();
}

/* Checks H26. */
Test(exchange, a_header_that_could_break_the_answer_is_a_fault)
{
    struct reply reply = {0};

    cr_assert_lt(reply_header(&reply, "X-A", "a\r\nSet-Cookie: b"), 0);
    cr_assert_lt(reply_header(&reply, "X-A", "\xC3\xA4"), 0);
    cr_assert_lt(reply_header(&reply, "X-A", ""), 0);
    cr_assert_lt(reply_header(&reply, "X-A", NULL), 0);
    cr_assert_lt(reply_header(&reply, "X A", "a"), 0);
    cr_assert_eq(reply.header_count, 0);
}
