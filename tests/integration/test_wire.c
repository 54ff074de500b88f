/*
 * Bytes that no honest client sends: framing in which two readers would see different
 * requests, headers without end, requests that never arrive, connections that break off.
 * Where the HTTP library answers before we see the request, its plain status counts.
 */
#include "base/clock.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAIT_MS 30000 /* far more than any answer takes: a hang, not a time, fails */

/* Short, so that a test of what never arrives is short. */
SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0", "EXPRESS_CONNECTION_TIMEOUT_S=3",
                    "EXPRESS_REQUEST_TIMEOUT_S=4")
SERVER_AFTER_TESTS()

TestSuite(wire, .fini = test_ends_without_leaks, .timeout = 300);

#define HOST "Host: example.org\r\n"
#define CLOSE "Connection: close\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST CLOSE
#define POST                                                                                       \
    "POST /v1/practices/batch-get HTTP/1.1\r\n" HOST CLOSE "Content-Type: application/json\r\n"
#define BODY "{\"ids\":[\"01a20102-28e0-7051-a78d-40e12e1670b1\"]}" /* 48 bytes */
#define CHUNKED_BODY "30\r\n" BODY "\r\n0\r\n\r\n"

static size_t count_answers(const char *bytes)
{
    size_t count = 0;

    for (const char *at = bytes; (at = strstr(at, "HTTP/1.1 ")) != NULL; at++)
        count += at == bytes || at[-1] == '\n' || at[-1] == '}' || at[-1] == '>';
    return count;
}

static void check_next_request_works(const char *why)
{
    CLEANUP(response_freep) struct response *response = http_get("/");

    cr_assert_eq(response->status, 200, "after %s: %d", why, response->status);
}

/* The log is lines of ours, whatever clients sent. */
static void check_log_is_clean(void)
{
    FILE *log = fopen(getenv("API_LOG"), "r");
    char line[4096];

    cr_assert_not_null(log);
    while (fgets(line, sizeof(line), log) != NULL) {
        size_t length = strcspn(line, "\n");

        cr_assert_eq(strncmp(line, "time=", 5), 0, "a line that is not ours: %s", line);
        cr_assert_eq(line[length], '\n', "a line without end: %s", line);
        for (size_t i = 0; i < length; i++)
            cr_assert(line[i] >= 0x20 && line[i] < 0x7f, "a byte that is not plain: %s", line);
    }
    (void)fclose(log); /* only read */
}

struct row {
    const char *bytes;
    size_t size_bytes;
    int status;       /* 0: closed without an answer */
    const char *code; /* of our problem; NULL: not ours */
    size_t answers;
    const char *why;
};
#define ROW(bytes, status, code, answers, why)                                                     \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, status, code, answers, why                                       \
    }

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(response_freep)
        struct response *response = http_raw(rows[i].bytes, rows[i].size_bytes, WAIT_MS);
        char type[100];

        cr_assert_eq(response->status, rows[i].status, "%s: %d %.300s", rows[i].why,
                     response->status, response->body);
        cr_assert(response->closed, "%s: the connection hangs", rows[i].why);
        if (rows[i].answers > 0)
            cr_assert_eq(count_answers(response->body), rows[i].answers, "%s: %s", rows[i].why,
                         response->body);
        if (rows[i].code == NULL)
            continue;
        (void)snprintf(type, sizeof(type), "\"type\":\"/problems/%s\"", rows[i].code);
        cr_assert_not_null(strstr(response->body, type), "%s: %s", rows[i].why, response->body);
    }
    check_next_request_works(rows[0].why);
    check_log_is_clean();
}

/* Checks H10, H11. */
Test(wire, a_length_that_can_be_read_in_two_ways_is_refused_and_ends_the_connection)
{
    static const struct row ROWS[] = {
        ROW(POST "Content-Length: 48\r\n\r\n" BODY, 200, NULL, 1, "a good one"),
        ROW(POST "Transfer-Encoding: chunked\r\n\r\n" CHUNKED_BODY, 200, NULL, 1, "chunks"),
        ROW(POST "Transfer-Encoding: CHUNKED\r\n\r\n" CHUNKED_BODY, 200, NULL, 1, "in any case"),
        ROW(POST "Transfer-Encoding: chunked\r\n\r\n30;a=\"b\"\r\n" BODY "\r\n0\r\n\r\n", 200, NULL,
            1, "an extension of a chunk"),
        ROW(POST "Content-Length: 48\r\nContent-Length: 48\r\n\r\n" BODY, 400, "ambiguous-header",
            1, "the length twice, the same"),
        ROW(POST "Content-Length: 48\r\nContent-Length: 5\r\n\r\n" BODY, 400, "ambiguous-header", 1,
            "the length twice, a shorter one"),
        ROW(POST "Content-Length: 5\r\ncontent-length: 48\r\n\r\n" BODY, 400, "ambiguous-header", 1,
            "the length twice, in another case"),
        ROW(POST "Content-Length: 48\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNKED_BODY, 400,
            "ambiguous-header", 1, "a length and chunks"),
        ROW(POST "Transfer-Encoding: chunked\r\nContent-Length: 48\r\n\r\n" CHUNKED_BODY, 400,
            "ambiguous-header", 1, "chunks and a length"),
        ROW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNKED_BODY,
            400, "ambiguous-header", 1, "chunks twice"),
        ROW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" CHUNKED_BODY,
            400, "ambiguous-header", 1, "chunks and none"),
        ROW(POST "Content-Length : 48\r\n\r\n" BODY, 400, "invalid-header", 1,
            "a space before the colon"),
        ROW(POST "Content-Length: +48\r\n\r\n" BODY, 400, NULL, 0, "a sign"),
        ROW(POST "Content-Length: -1\r\n\r\n" BODY, 400, NULL, 0, "negative"),
        ROW(POST "Content-Length: 48, 48\r\n\r\n" BODY, 400, NULL, 0, "a list"),
        ROW(POST "Content-Length: 0x30\r\n\r\n" BODY, 400, NULL, 0, "hexadecimal"),
        ROW(POST "Content-Length: many\r\n\r\n" BODY, 400, NULL, 0, "a word"),
        ROW(POST "Content-Length:\r\n\r\n" BODY, 400, NULL, 0, "nothing"),
        ROW(POST "Content-Length: 99999999999999999999\r\n\r\n" BODY, 413, NULL, 0, "20 digits"),
        ROW(POST "Transfer-Encoding: chunked\r\n\r\nzz\r\n" BODY "\r\n0\r\n\r\n", 400, NULL, 1,
            "a chunk without a size"),
        ROW(POST "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" BODY, 413, NULL, 1,
            "a chunk beyond 64 bits"),
        ROW(POST "Transfer-Encoding: chunked\r\n\r\n5\r\n" BODY "\r\n0\r\n\r\n", 400, NULL, 1,
            "a chunk longer than it says"),
        ROW(POST "Transfer-Encoding: chunked\r\n\r\n-30\r\n" BODY "\r\n0\r\n\r\n", 400, NULL, 1,
            "a negative chunk"),
    };

    check_rows(ROWS, ARRAY_LENGTH(ROWS));
}

/*
 * Checks H10, R5. The library reads such a body to the end of the connection, so that alone is the
 * limit.
 */
Test(wire, a_transfer_coding_that_is_none_never_hangs)
{
    static const struct row ROWS[] = {
        ROW(POST "Transfer-Encoding: xchunked\r\n\r\n" CHUNKED_BODY, 0, NULL, 0, "an unknown one"),
        ROW(POST "Transfer-Encoding: gzip, chunked\r\n\r\n" CHUNKED_BODY, 0, NULL, 0, "two"),
        ROW(POST "Transfer-Encoding: \x0b"
                 "chunked\r\n\r\n" CHUNKED_BODY,
            0, NULL, 0, "a control byte in front"),
    };

    check_rows(ROWS, ARRAY_LENGTH(ROWS));
}

/* Checks H12, H19. */
Test(wire, a_request_within_a_body_is_never_read_as_the_next_one)
{
    static const struct row ROWS[] = {
        ROW("GET / HTTP/1.1\r\n" HOST "Content-Length: 42\r\n\r\n"
            "GET /problems HTTP/1.1\r\nHost: example.org\r\n" GET "\r\n",
            200, NULL, 2, "a body of GET"),
        ROW("POST /v1/practices/batch-get HTTP/1.1\r\n" HOST
            "Content-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n"
            "\r\n0\r\n\r\nGET /problems HTTP/1.1\r\nHost: example.org\r\n\r\n",
            400, "ambiguous-header", 1, "a length before chunks"),
        ROW("POST /v1/practices/batch-get HTTP/1.1\r\n" HOST
            "Content-Length: 0\r\nContent-Length: 44\r\n\r\n"
            "GET /problems HTTP/1.1\r\nHost: example.org\r\n\r\n",
            400, "ambiguous-header", 1, "two lengths"),
        ROW("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nGET /problems HTTP/1.1\r\n" HOST "\r\n",
            400, "ambiguous-header", 1, "two hosts"),
    };

    check_rows(ROWS, ARRAY_LENGTH(ROWS));
}

/* Checks H13. */
Test(wire, a_request_names_one_host)
{
    static const struct row ROWS[] = {
        ROW("GET / HTTP/1.1\r\n" CLOSE "\r\n", 400, NULL, 0, "none"),
        ROW("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "ambiguous-header", 1, "two"),
        ROW("GET / HTTP/1.1\r\nHost: a\r\nHOST: a\r\n\r\n", 400, "ambiguous-header", 1, "twice"),
        ROW("GET / HTTP/1.1\r\nHost: user@example.org\r\n\r\n", 400, "invalid-header", 1, "a user"),
        ROW("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "invalid-header", 1, "an empty one"),
        ROW("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "invalid-header", 1, "a space"),
        ROW("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "invalid-header", 1, "a path"),
        ROW("GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", 400, "invalid-header", 1, "not ASCII"),
        ROW("GET http://example.org/ HTTP/1.1\r\n" HOST CLOSE "\r\n", 200, NULL, 1,
            "the whole URL"),
        ROW("GET http://evil.example/ HTTP/1.1\r\n" HOST CLOSE "\r\n", 421, "misdirected-request",
            1, "another host in the URL"),
        ROW("GET http://user@example.org/ HTTP/1.1\r\n" HOST CLOSE "\r\n", 421,
            "misdirected-request", 1, "a user in the URL"),
        ROW("GET http://example.org HTTP/1.1\r\n" HOST CLOSE "\r\n", 200, NULL, 1,
            "a URL without a path"),
        ROW("GET ftp://example.org/ HTTP/1.1\r\n" HOST CLOSE "\r\n", 400, "invalid-path", 1,
            "another scheme"),
    };

    check_rows(ROWS, ARRAY_LENGTH(ROWS));
}

/* Checks H14. What can lose a header at most. */
Test(wire, line_ends_and_bytes_that_are_none_forge_no_header)
{
    static const struct row ROWS[] = {
        ROW("GET / HTTP/1.1\nHost: example.org\nConnection: close\n\n", 200, NULL, 1, "bare LF"),
        ROW(GET "X-A: a\rX-B: b\r\n\r\n", 400, "invalid-header", 1, "a bare CR in a value"),
        ROW(GET "X-A: a\x1b[31m\r\n\r\n", 400, "invalid-header", 1, "ESC in a value"),
        ROW(GET "X-A: a\x7f\r\n\r\n", 400, "invalid-header", 1, "DEL in a value"),
        ROW(GET "X A: a\r\n\r\n", 400, "invalid-header", 1, "a space in a name"),
        ROW(GET "X-A : a\r\n\r\n", 400, "invalid-header", 1, "a space before the colon"),
        ROW(GET "X(A): a\r\n\r\n", 400, "invalid-header", 1, "a bracket in a name"),
        ROW(GET "X\xC3\xA4: a\r\n\r\n", 400, "invalid-header", 1, "a name that is not ASCII"),
        ROW(GET ": a\r\n\r\n", 200, NULL, 1, "no name"),
        ROW(GET "Authorization: Bearer \xff\r\n\r\n", 400, "invalid-header", 1,
            "credentials that are no text (A4)"),
        ROW(GET "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400,
            "ambiguous-header", 1, "credentials twice (A3)"),
        ROW(GET "Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n", 400,
            "ambiguous-header", 1, "credentials twice, in another case (A3)"),
        ROW(GET "X-A: a\0b\r\n\r\n", 200, NULL, 1, "NUL in a value"),
        ROW(GET "X-A: a\r\n b\r\n\r\n", 200, NULL, 1, "a folded line"),
        ROW(GET "X-A: a\r\n X-B: b\r\n\r\n", 400, "invalid-header", 1, "a header in a fold"),
        ROW(GET "nonsense\r\n\r\n", 400, NULL, 0, "no colon"),
    };

    check_rows(ROWS, ARRAY_LENGTH(ROWS));
}

/* Checks H2, H4, H17. */
Test(wire, request_lines_of_all_kinds_are_answered_or_closed)
{
    static const struct row ROWS[] = {
        ROW("GET / HTTP/1.0\r\n\r\n", 200, NULL, 1, "HTTP/1.0 needs no host, and closes"),
        ROW("GET /\r\n\r\n", 400, NULL, 0, "HTTP/0.9"),
        ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, NULL, 0, "the preface of HTTP/2"),
        ROW("GET / HTTP/3.0\r\n" HOST "\r\n", 505, NULL, 0, "HTTP/3.0"),
        ROW("GET / HTTP/1.1junk\r\n" HOST CLOSE "\r\n", 400, NULL, 0, "junk behind the version"),
        ROW("GET / FTP/1.1\r\n" HOST "\r\n", 400, NULL, 0, "another protocol"),
        ROW("get / HTTP/1.1\r\n" HOST CLOSE "\r\n", 501, "not-implemented", 1, "a small method"),
        ROW("FOO / HTTP/1.1\r\n" HOST CLOSE "\r\n", 501, "not-implemented", 1, "a new method"),
        ROW("%s%n / HTTP/1.1\r\n" HOST CLOSE "\r\n", 501, "not-implemented", 1,
            "directives of a format"),
        ROW("TRACE / HTTP/1.1\r\n" HOST CLOSE "X-A: b\r\n\r\n", 405, "method-not-allowed", 1,
            "TRACE echoes nothing"),
        ROW("CONNECT example.org:443 HTTP/1.1\r\n" HOST CLOSE "\r\n", 405, "method-not-allowed", 1,
            "CONNECT tunnels nothing"),
        ROW("OPTIONS * HTTP/1.1\r\n" HOST CLOSE "\r\n", 204, NULL, 1, "OPTIONS of the server"),
        ROW("GET * HTTP/1.1\r\n" HOST CLOSE "\r\n", 400, "invalid-path", 1, "GET of the server"),
        ROW("GET /#a HTTP/1.1\r\n" HOST CLOSE "\r\n", 400, "invalid-path", 1, "a fragment"),
        ROW("GET v1/practices HTTP/1.1\r\n" HOST CLOSE "\r\n", 400, "invalid-path", 1, "no slash"),
        ROW("GET /v1/a\tb HTTP/1.1\r\n" HOST CLOSE "\r\n", 400, "invalid-path", 1, "a tab"),
        ROW("GET /v1/\xC3\xA4 HTTP/1.1\r\n" HOST CLOSE "\r\n", 404, "not-found", 1,
            "raw UTF-8 is a path"),
        ROW("GET /v1/\xff HTTP/1.1\r\n" HOST CLOSE "\r\n", 400, "invalid-path", 1, "raw bytes"),
        ROW("GET /v1/pra\0ctices HTTP/1.1\r\n" HOST CLOSE "\r\n", 404, "not-found", 1, "NUL"),
        ROW("GET /v1/prac tices HTTP/1.1\r\n" HOST CLOSE "\r\n", 0, NULL, 0, "a space"),
        ROW("\r\n\r\n" GET "\r\n", 200, NULL, 1, "empty lines in front"),
    };

    check_rows(ROWS, ARRAY_LENGTH(ROWS));
}

/* Checks H16. */
Test(wire, expect_is_obeyed_or_refused)
{
    static const struct row ROWS[] = {
        ROW(POST "Content-Length: 48\r\nExpect: 100-continue\r\n\r\n" BODY, 100, NULL, 2, "good"),
        ROW(POST "Content-Length: 48\r\nExpect: the unexpected\r\n\r\n" BODY, 417,
            "expectation-failed", 1, "unknown"),
        ROW(GET "Expect: %s\r\n\r\n", 417, "expectation-failed", 1, "directives of a format"),
    };

    check_rows(ROWS, ARRAY_LENGTH(ROWS));
}

static void check_text(struct text *request, int status, const char *code, const char *why)
{
    const struct row row = {request->bytes, request->length, status, code, 0, why};

    cr_assert_not(text_failed(request));
    check_rows(&row, 1);
}

/* Checks H14, H15. */
Test(wire, what_is_too_long_is_refused_at_each_length)
{
    static const struct {
        const char *before, *item, *behind;
        size_t count;
        int status;
        const char *code, *why;
    } ROWS[] = {
        {"GET /v1/practices?city=", "a", " HTTP/1.1\r\n" HOST CLOSE "\r\n", 400, 200, NULL,
         "a long query"},
        {"GET /v1/practices?city=", "a", " HTTP/1.1\r\n" HOST CLOSE "\r\n", QUERY_BYTES_MAX, 414,
         "uri-too-long", "a query over the limit"},
        {"GET /", "a", " HTTP/1.1\r\n" HOST CLOSE "\r\n", PATH_BYTES_MAX - 1, 404, "not-found",
         "a path at the limit"},
        {"GET /", "a", " HTTP/1.1\r\n" HOST CLOSE "\r\n", PATH_BYTES_MAX, 400, "invalid-path",
         "a path over the limit"},
        {"GET /", "a", " HTTP/1.1\r\n" HOST CLOSE "\r\n", 4 * PATH_BYTES_MAX, 414, "uri-too-long",
         "a path far over the limit"},
        {"GET /?a=", "a", " HTTP/1.1\r\n" HOST CLOSE "\r\n", 40000, 414, NULL, "40 kB of URL"},
        {GET "X-A: ", "a", "\r\n\r\n", 16000, 200, NULL, "a long header"},
        {GET "X-A: ", "a", "\r\n\r\n", 1000000, 431, NULL, "a header of a megabyte"},
        {GET, "X-A: a\r\n", "\r\n", 97, 200, NULL, "as many headers as are taken"},
        {GET, "X-A: a\r\n", "\r\n", 99, 400, "invalid-header", "one header too many"},
        {GET, "X-A: a\r\n", "\r\n", 5000, 431, NULL, "5000 headers"},
        {GET "X-", "a", ": b\r\n\r\n", 100000, 431, NULL, "a name of 100 kB"},
        {"GET", "T", " / HTTP/1.1\r\n" HOST CLOSE "\r\n", 10000, 501, "not-implemented",
         "a method of 10 kB"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct text request;

        text_init(&request, 2 * 1024 * 1024);
        text_append(&request, ROWS[i].before);
        for (size_t j = 0; j < ROWS[i].count; j++)
            text_append(&request, ROWS[i].item);
        text_append(&request, ROWS[i].behind);
        check_text(&request, ROWS[i].status, ROWS[i].code, ROWS[i].why);
        text_deinit(&request);
    }
}

/* Checks R1, R2, R3. */
Test(wire, a_body_without_end_is_refused_and_not_kept)
{
    struct text request;

    text_init(&request, 8 * 1024 * 1024);
    text_append(&request, POST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 64; i++) {
        text_append(&request, "10000\r\n");
        for (int j = 0; j < 0x10000 / 16; j++)
            text_append(&request, "{},{},{},{},{},{");
        text_append(&request, "\r\n");
    }
    text_append(&request, "0\r\n\r\n");
    check_text(&request, 413, "content-too-large", "4 MiB in chunks");
    text_deinit(&request);
}

/* Checks H18. */
Test(wire, requests_sent_at_once_are_answered_in_their_order)
{
    CLEANUP(response_freep) struct response *response = NULL;
    struct text request;
    const char *at;

    text_init(&request, 64 * 1024);
    for (int i = 0; i < 10; i++)
        text_append_format(&request, "GET /nothing-%d HTTP/1.1\r\n" HOST "%s\r\n", i,
                           i == 9 ? CLOSE : "");
    response = http_raw(request.bytes, request.length, WAIT_MS);
    cr_assert(response->closed);
    cr_assert_eq(count_answers(response->body), 10);
    at = response->body;
    for (int i = 0; i < 10; i++) {
        char instance[40];

        (void)snprintf(instance, sizeof(instance), "\"instance\":\"/nothing-%d\"", i);
        at = strstr(at, instance);
        cr_assert_not_null(at, "%s is missing or too late", instance);
    }
    text_deinit(&request);
}

/* Checks H18. */
Test(wire, behind_a_request_that_is_bad_nothing_is_answered)
{
    static const char REQUESTS[] = "GET /nothing HTTP/1.1\r\n" HOST "\r\n"
                                   "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
                                   "GET /problems HTTP/1.1\r\n" HOST "\r\n";
    CLEANUP(response_freep)
    struct response *response = http_raw(REQUESTS, sizeof(REQUESTS) - 1, WAIT_MS);

    cr_assert(response->closed);
    cr_assert_eq(count_answers(response->body), 2, "%s", response->body);
}

/* --- connections that break off ------------------------------------------------------- */

static int open_connection(void)
{
    const char *url = getenv("API_URL");
    struct sockaddr_in address = {.sin_family = AF_INET};
    uint32_t number = 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert(url != NULL && num_parse_u32(strrchr(url, ':') + 1, 1, UINT16_MAX, &number));
    address.sin_port = htons((uint16_t)number);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_geq(fd, 0);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void send_and_reset(const char *bytes)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    int fd = open_connection();

    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    (void)send(fd, bytes, strlen(bytes), MSG_NOSIGNAL); /* a server may have closed */
    (void)close(fd);                                    /* with RST, whatever is on its way */
}

/* Checks V19. */
Test(wire, directives_of_a_format_in_connections_that_break_are_only_text)
{
    static const char *const REQUESTS[] = {
        "GET /%s%s%s%n%n%p HTTP/1.1\r\n" HOST "\r\n",
        "GET /%25s%25n?a=%25n HTTP/1.1\r\n" HOST "\r\n",
        "GET / HTTP/1.1\r\n" HOST "X-%s: %n%n%n\r\n\r\n",
        "GET /v1/practices?q=%n%n%s HTTP/1.1\r\n" HOST "User-Agent: %s%n\r\n\r\n",
        "POST /v1/practices/batch-get HTTP/1.1\r\n" HOST
        "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"%n%n\":1",
        "POST /%n%s/batch-get HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n%s%n",
        "GET /openapi.json HTTP/1.1\r\n" HOST "X-Request-Id: %s%n%p%x\r\n\r\n",
        "%s%n %s%n HTTP/1.1\r\n" HOST "\r\n",
        "%n",
        "GET /%n",
    };

    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < ARRAY_LENGTH(REQUESTS); i++)
            send_and_reset(REQUESTS[i]);
    check_next_request_works("200 resets");
    check_log_is_clean();
}

Test(wire, answers_that_nobody_reads_to_the_end_disturb_nobody)
{
    for (int round = 0; round < 50; round++) {
        int fd = open_connection();
        static const char REQUEST[] = "GET /v1/practices?format=ndjson HTTP/1.1\r\n" HOST "\r\n";
        char first[1];

        cr_assert_eq(send(fd, REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL), sizeof(REQUEST) - 1);
        cr_assert_eq(recv(fd, first, sizeof(first), 0), 1);
        (void)close(fd); /* with most of the answer unread: the kernel resets */
    }
    check_next_request_works("50 answers cut");
    check_log_is_clean();
}

/* Sends @bytes one by one, until the server closes. Return: false when it does not. */
static bool drip(const char *bytes)
{
    uint64_t deadline = clock_monotonic_ms() + WAIT_MS;
    int fd = open_connection();
    bool closed = false;

    while (!closed && clock_monotonic_ms() < deadline) {
        struct pollfd wait = {fd, POLLIN, 0};
        char answer[4096];

        /* A byte each tenth of a second: never silent for long. */
        if (poll(&wait, 1, 100) > 0 && (wait.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            closed = recv(fd, answer, sizeof(answer), 0) <= 0;
        else if (send(fd, bytes, 1, MSG_NOSIGNAL) != 1)
            closed = true;
        bytes += bytes[1] != '\0';
    }
    (void)close(fd); /* nothing more to say */
    return closed;
}

/* Checks R5. */
Test(wire, a_header_that_never_ends_is_cut)
{
    cr_assert(
        drip("GET / HTTP/1.1\r\nHost: example.org\r\nX-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
    check_next_request_works("a drip");
}

/* Checks R5. */
Test(wire, a_body_that_never_ends_is_cut)
{
    cr_assert(drip("POST /v1/practices/batch-get HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n"
                   "                                             "));
    check_next_request_works("a drip");
}

/* Checks R5. */
Test(wire, a_connection_on_which_nothing_is_said_is_cut)
{
    CLEANUP(response_freep) struct response *response = http_raw("", 0, WAIT_MS);

    cr_assert(response->closed);
    cr_assert_eq(response->body_bytes, 0);
}

Test(wire, bytes_of_another_protocol_are_cut)
{
    static const struct row ROWS[] = {
        ROW("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 0, NULL, 0, "a TLS client hello"),
        ROW("\0\xff\xfe\r\n\r\n", 0, NULL, 0, "random bytes"),
        ROW("*1\r\n$4\r\nPING\r\n", 0, NULL, 0, "Redis"),
        ROW("SSH-2.0-OpenSSH_9.2\r\n", 0, NULL, 0, "SSH"),
    };

    check_rows(ROWS, ARRAY_LENGTH(ROWS));
}

/* Checks R7. On a server of its own, whose few places are taken. */
Test(wire, when_all_connections_are_taken_health_answers_and_it_recovers)
{
    struct test_server server;
    char *what = NULL;
    char url[200];
    int connections[40];

    if (!test_server_start(
            &server,
            (const char *const[]){"EXPRESS_CONNECTIONS_MAX=8", "EXPRESS_RATE_LIMIT=0", NULL},
            &what))
        cr_assert_fail("%s", what);
    test_server_use(&server);
    for (int round = 0; round < 3; round++) {
        CLEANUP(response_freep) struct response *health = NULL;
        uint64_t deadline;

        for (size_t i = 0; i < ARRAY_LENGTH(connections); i++)
            connections[i] = open_connection();
        (void)snprintf(url, sizeof(url), "%s/healthz", getenv("API_ADMIN_URL"));
        health = http_send_unchecked("GET", url, NULL, NULL, 0);
        cr_assert_eq(health->status, 200);
        for (size_t i = 0; i < ARRAY_LENGTH(connections); i++)
            (void)close(connections[i]); /* free again, as soon as the server notices */
        deadline = clock_monotonic_ms() + WAIT_MS;
        for (int status = 0; status != 200;) {
            static const char REQUEST[] = GET "\r\n";
            CLEANUP(response_freep)
            struct response *response = http_raw(REQUEST, sizeof(REQUEST) - 1, WAIT_MS);

            status = response->status;
            cr_assert_lt(clock_monotonic_ms(), deadline, "it does not recover");
        }
    }
    if (!test_server_stop(&server, &what))
        cr_assert_fail("%s", what);
}

/* Checks G4, V20. */
Test(wire, every_request_that_is_read_has_one_line_in_the_log)
{
    static const struct {
        const char *line, *header;
        size_t lines;
    } ROWS[] = {
        {"GET / HTTP/1.1\r\n" HOST, "", 1},
        {"GET /%0d%0aevent=http.access HTTP/1.1\r\n" HOST, "", 1},
        {"GET /\xE2\x80\xA8 HTTP/1.1\r\n" HOST, "", 1},
        {"GET /v1/practices?q=a%0ab HTTP/1.1\r\n" HOST, "", 1},
        {"GET /v1/practices/a%20b HTTP/1.1\r\n" HOST, "", 1},
        {"FOO / HTTP/1.1\r\n" HOST, "", 1},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", "", 1},
        {"GET / HTTP/1.1\r\n" HOST, "X-A: a\rlevel=error\r\n", 1},
        {"GET / HTTP/1.1\r\n" HOST, "User-Agent: a\x1b[31m\r\n", 1},
        {"OPTIONS * HTTP/1.1\r\n" HOST, "", 1},
        {"GET /v1/practices?format=csv HTTP/1.1\r\n" HOST, "", 1},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;
        char request[500], mark[100];

        (void)snprintf(request, sizeof(request), "%s%sX-Request-Id: the-line-of-row-%zu\r\n%s\r\n",
                       ROWS[i].line, CLOSE, i, ROWS[i].header);
        response = http_raw(request, strlen(request), WAIT_MS);
        cr_assert(response->closed);
        (void)snprintf(mark, sizeof(mark), "event=http.access request_id=the-line-of-row-%zu ", i);
        /* That of a stream is written when the connection is done with it. */
        for (uint64_t deadline = clock_monotonic_ms() + WAIT_MS;
             test_server_log_lines(mark) < ROWS[i].lines && clock_monotonic_ms() < deadline;)
            ;
        cr_assert_eq(test_server_log_lines(mark), ROWS[i].lines, "row %zu: %s", i, response->body);
    }
    check_log_is_clean();
}
