#include "checks.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/problem.h"
#include "body.h"
#include "exchange.h"
#include "metrics.h"
#include "routes.h"
#include "service.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Twice one of these, and two readers may disagree about the request. */
static const char *const SINGLE_HEADERS[] = {
    "Authorization", "Content-Encoding",  "Content-Length",   "Content-Type",
    "Host",          "If-Modified-Since", "Transfer-Encoding"};

static const char *const CREDENTIAL_PARAMETERS[] = {"access_token", "token", "api_key",
                                                    "client_secret"};

/* Of the server as a whole: "OPTIONS *". */
static const char EVERY_METHOD[] = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

static int answered(int r)
{
    return r == 0 ? CHECK_ANSWERED : fault_fold(r);
}

static int refuse(struct exchange *exchange, const char *code, const char *detail)
{
    return answered(reply_problem_code(&exchange->request, &exchange->reply, code, detail));
}

static int refuse_header(struct exchange *exchange, const char *code, const char *name,
                         const char *detail)
{
    struct problem problem = {0};

    problem_set(&problem, code, NULL);
    problem_add(&problem, &exchange->arena, NULL, name, code, "%s", detail);
    return answered(reply_problem(&exchange->request, &exchange->reply, &problem));
}

static bool is_token(const char *text)
{
    size_t length = strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    return length > 0 && text[length] == '\0';
}

static bool is_clean_value(const char *value)
{
    for (; *value != '\0'; value++) {
        unsigned char byte = (unsigned char)*value;

        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text > 0x7e)
            return false;
    }
    return true;
}

static int check_form(struct exchange *exchange)
{
    if (exchange->header_count > EXCHANGE_HEADERS_IN_MAX)
        return refuse(exchange, "invalid-header", "The request has too many headers.");
    for (size_t i = 0; i < exchange->header_count; i++) {
        if (!is_token(exchange->headers[i].name))
            return refuse(exchange, "invalid-header", "A header has a malformed name.");
        if (!is_clean_value(exchange->headers[i].value))
            return refuse_header(exchange, "invalid-header", exchange->headers[i].name,
                                 "The value has control characters.");
    }
    return 0;
}

static size_t count_header(const struct exchange *exchange, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < exchange->header_count; i++)
        count += strcasecmp(exchange->headers[i].name, name) == 0;
    return count;
}

static int check_single(struct exchange *exchange)
{
    for (size_t i = 0; i < ARRAY_LENGTH(SINGLE_HEADERS); i++) {
        if (count_header(exchange, SINGLE_HEADERS[i]) > 1)
            return refuse_header(exchange, "ambiguous-header", SINGLE_HEADERS[i],
                                 "The header must be there only once.");
    }
    return 0;
}

static int check_framing(struct exchange *exchange)
{
    const char *coding = request_header(&exchange->request, "Transfer-Encoding");
    const char *expect = request_header(&exchange->request, "Expect");

    if (coding != NULL && request_header(&exchange->request, "Content-Length") != NULL)
        return refuse_header(exchange, "ambiguous-header", "Transfer-Encoding",
                             "A request has Content-Length or Transfer-Encoding, not both.");
    if (coding != NULL && strcasecmp(coding, "chunked") != 0)
        return refuse(exchange, "not-implemented", "The only transfer coding is chunked.");
    if (expect != NULL && strcasecmp(expect, "100-continue") != 0)
        return refuse(exchange, "expectation-failed", NULL);
    return 0;
}

static int check_host(struct exchange *exchange)
{
    const char *host = request_header(&exchange->request, "Host");
    const char *authorization = request_header(&exchange->request, "Authorization");

    if (host == NULL && strcasecmp(exchange->protocol, "HTTP/1.0") != 0)
        return refuse_header(exchange, "invalid-header", "Host", "The header is missing.");
    if (host != NULL && (host[0] == '\0' || !is_ascii(host) || strpbrk(host, "@/\\?#\"<> ,\t")))
        return refuse_header(exchange, "invalid-header", "Host", "The value is not a host.");
    if (authorization != NULL && !is_ascii(authorization))
        return refuse_header(exchange, "invalid-header", "Authorization",
                             "The value has characters that are not ASCII.");
    return 0;
}

int check_headers(struct exchange *exchange)
{
    int r = check_form(exchange);

    if (r == 0)
        r = check_single(exchange);
    if (r == 0)
        r = check_framing(exchange);
    if (r == 0)
        r = check_host(exchange);
    /* What follows a request that is understood in two ways must not be read as the next one. */
    if (r != 0)
        exchange->close = true;
    return r;
}

/* Behind "http://host" of a target in absolute form; NULL when it is not one, or of another host.
 */
static const char *skip_authority(struct exchange *exchange, const char *target, bool *ret_foreign)
{
    const char *host = request_header(&exchange->request, "Host");
    size_t length;

    *ret_foreign = false;
    if (strncasecmp(target, "http://", 7) == 0)
        target += 7;
    else if (strncasecmp(target, "https://", 8) == 0)
        target += 8;
    else
        return NULL;
    length = strcspn(target, "/?");
    if (host != NULL && (strlen(host) != length || strncasecmp(host, target, length) != 0)) {
        *ret_foreign = true;
        return NULL;
    }
    return target + length;
}

static int split_target(struct exchange *exchange, const char *target)
{
    struct request *request = &exchange->request;
    struct problem problem = {0};
    size_t path_length = strcspn(target, "?");
    const char *path;

    request->raw_query = target[path_length] == '?' ? target + path_length + 1 : "";
    if (path_length > 3 * PATH_BYTES_MAX || strlen(request->raw_query) > QUERY_BYTES_MAX)
        return refuse(exchange, "uri-too-long", NULL);
    path = path_length == 0 ? "/" : arena_copy_bytes(&exchange->arena, target, path_length);
    if (path == NULL)
        return fault_raise(-ENOMEM);
    if (strchr(target, '#') != NULL)
        return refuse(exchange, "invalid-path", "A request has no fragment.");
    if (!request_decode_path(request, path, &problem))
        return answered(reply_problem(request, &exchange->reply, &problem));
    if (is_ascii(path))
        request->instance = path;
    return 0;
}

int check_target(struct exchange *exchange)
{
    const char *target = exchange->target;
    bool is_foreign = false;
    int r;

    if (strcmp(target, "*") == 0 && exchange->request.method == METHOD_OPTIONS) {
        exchange->reply.status = 204;
        r = reply_header(&exchange->reply, "Allow", EVERY_METHOD);
        return answered(r);
    }
    if (target[0] != '/' && exchange->request.method == METHOD_CONNECT) {
        r = reply_problem_code(&exchange->request, &exchange->reply, "method-not-allowed", NULL);
        if (r == 0)
            r = reply_header(&exchange->reply, "Allow", EVERY_METHOD);
        return answered(r);
    }
    if (target[0] != '/')
        target = skip_authority(exchange, target, &is_foreign);
    if (is_foreign)
        return refuse(exchange, "misdirected-request", NULL);
    if (target == NULL)
        return refuse(exchange, "invalid-path", "A path starts with a slash.");
    return split_target(exchange, target);
}

int check_coding(struct exchange *exchange)
{
    const char *coding = request_header(&exchange->request, "Content-Encoding");
    int r;

    if (coding == NULL || strcasecmp(coding, "identity") == 0)
        return 0;
    r = reply_problem_code(&exchange->request, &exchange->reply, "unsupported-media-type",
                           "Bodies are taken without content coding.");
    if (r == 0)
        r = reply_header(&exchange->reply, "Accept-Encoding", "identity");
    return answered(r);
}

/* Is [raw, raw + length), decoded and in lower case, @name? */
static bool is_parameter(const char *raw, size_t length, const char *name)
{
    static const char DIGITS[] = "0123456789abcdef";
    const char *end = raw + length;

    for (; raw < end && *name != '\0'; name++) {
        /* Both cases of a letter differ in one bit, the digits of %5f do not come in between. */
        char upper = *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;

        if (*raw == '%' && end - raw >= 3) {
            const char encoded[] = {*name, upper};
            bool matched = false;

            for (size_t i = 0; i < sizeof(encoded) && !matched; i++) {
                char digits[2] = {DIGITS[encoded[i] >> 4], DIGITS[encoded[i] & 15]};

                matched = strncasecmp(raw + 1, digits, 2) == 0;
            }
            if (!matched)
                return false;
            raw += 3;
        } else if (*raw == *name || *raw == upper) {
            raw++;
        } else {
            return false;
        }
    }
    return raw == end && *name == '\0';
}

int check_credentials(struct exchange *exchange)
{
    const char *at = exchange->request.raw_query;

    while (*at != '\0') {
        size_t length = strcspn(at, "&");
        size_t name_length = strcspn(at, "=&");

        for (size_t i = 0; i < ARRAY_LENGTH(CREDENTIAL_PARAMETERS); i++) {
            if (is_parameter(at, name_length, CREDENTIAL_PARAMETERS[i]))
                return refuse_header(exchange, "credentials-in-url", CREDENTIAL_PARAMETERS[i],
                                     "Credentials go into the Authorization header.");
        }
        at += length;
        if (*at == '&')
            at++;
    }
    return 0;
}

int check_rate(struct exchange *exchange)
{
    struct service *service = exchange->listener->service;
    int r;

    if (service->rate == NULL || !exchange->listener->is_public)
        return 0;
    exchange->limit_key = exchange->request.caller.role == CALLER_ANONYMOUS
                              ? rate_key_of_address(&exchange->client)
                              : rate_key_of_text(exchange->request.caller.name);
    if (rate_take(service->rate, &exchange->limit_key, exchange->started_us, &exchange->limit)) {
        exchange->is_limited = true;
        return 0;
    }
    exchange->was_refused = true;
    metrics_limited(service->metrics);
    r = reply_problem_code(&exchange->request, &exchange->reply, "rate-limited", NULL);
    if (r == 0)
        r = reply_header(
            &exchange->reply, "Retry-After",
            arena_format(&exchange->arena, "%u", (unsigned)exchange->limit.retry_after_s));
    return answered(r);
}

int check_query(struct exchange *exchange)
{
    struct problem problem = {0};

    if (exchange->request.raw_query[0] == '\0' ||
        request_decode_query(&exchange->request, exchange->request.raw_query, &problem))
        return 0;
    return answered(reply_problem(&exchange->request, &exchange->reply, &problem));
}

static bool is_too_large(const struct exchange *exchange)
{
    const char *announced = request_header(&exchange->request, "Content-Length");
    uint32_t length;

    return exchange->content_bytes > BODY_BYTES_MAX ||
           (announced != NULL && !num_parse_u32(announced, 0, BODY_BYTES_MAX, &length));
}

/* What a route takes, and the header in which it says so when it got something else. */
static const struct {
    const char *type;
    const char *header;
    const char *detail; /* NULL: as the problem's page says */
} BODY_TYPES[] = {
    [BODY_JSON] = {"application/json", "Accept", NULL},
    [BODY_MERGE_PATCH] = {"application/merge-patch+json", "Accept-Patch",
                          "Send a merge patch (RFC 7396) as 'Content-Type: "
                          "application/merge-patch+json'."},
    [BODY_FORM] = {"application/x-www-form-urlencoded", "Accept",
                   "Send a form as 'Content-Type: application/x-www-form-urlencoded'."},
    [BODY_JSON_OPTIONAL] = {"application/json", "Accept", NULL},
};

static int read_body(struct exchange *exchange, struct problem *problem)
{
    struct request *request = &exchange->request;
    int r;

    request->body_bytes = exchange->content_bytes;
    if (exchange->route->body == BODY_FORM)
        return request_decode_form(request, exchange->content, exchange->content_bytes, problem)
                   ? 0
                   : BODY_INVALID;
    r = body_parse(&exchange->arena, exchange->content, exchange->content_bytes, &request->body,
                   problem);
    if (r == 0 && exchange->route->body == BODY_MERGE_PATCH && !json_is_object(request->body)) {
        problem_set(problem, "invalid-json", "A merge patch is an object.");
        return BODY_INVALID;
    }
    return r;
}

int check_body(struct exchange *exchange)
{
    const enum route_body body = exchange->route->body;
    struct request *request = &exchange->request;
    struct problem problem = {0};
    int r;

    if (body == BODY_NONE || (body == BODY_JSON_OPTIONAL && exchange->content_bytes == 0))
        return 0;
    if (body == BODY_FORM)
        problem.oauth_error = "invalid_request";
    if (is_too_large(exchange)) {
        exchange->close = true;
        problem_set(&problem, "content-too-large",
                    arena_format(&exchange->arena, "A body has at most %d bytes.", BODY_BYTES_MAX));
        return answered(reply_problem(request, &exchange->reply, &problem));
    }
    if (!body_is_type(request_header(request, "Content-Type"), BODY_TYPES[body].type)) {
        problem_set(&problem, "unsupported-media-type", BODY_TYPES[body].detail);
        r = reply_problem(request, &exchange->reply, &problem);
        if (r == 0)
            r = reply_header(&exchange->reply, BODY_TYPES[body].header, BODY_TYPES[body].type);
        return answered(r);
    }
    r = read_body(exchange, &problem);
    if (r == BODY_INVALID)
        return answered(reply_problem(request, &exchange->reply, &problem));
    return fault_fold(r);
}
