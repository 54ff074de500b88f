#include "support/http.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/text.h"
#include "support/contract.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MS_MAX 60000L
#define RAW_READ_BYTES 65536
#define TEXT_BYTES_MAX (64 * 1024)

/* One connection a thread, kept between requests as a good client does. */
static _Thread_local CURL *client;
static pthread_once_t clients_once = PTHREAD_ONCE_INIT;
static pthread_key_t clients; /* closes the connection of a thread that ends */
static bool is_ready;

static const char *base_url(void)
{
    const char *url = getenv("API_URL");

    if (url == NULL)
        cr_assert_fail("no server is running: the test file lacks SERVER_BEFORE_TESTS()");
    return url;
}

/* The room that a body of so many bytes has: doubled, so that a long one is not copied again and
 * again. */
static size_t room_of(size_t size_bytes)
{
    size_t room = 1;

    while (room < size_bytes + 1)
        room *= 2;
    return room;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
    struct response *response = data;
    const size_t grown_bytes = response->body_bytes + size * count;

    if (room_of(grown_bytes) > room_of(response->body_bytes)) {
        char *grown = realloc(response->body, room_of(grown_bytes));

        if (grown == NULL)
            return 0;
        response->body = grown;
    }
    memcpy(response->body + response->body_bytes, bytes, size * count);
    response->body_bytes = grown_bytes;
    response->body[grown_bytes] = '\0';
    return size * count;
}

static void drop_headers(struct response *response)
{
    for (size_t i = 0; i < response->header_count; i++) {
        free(response->headers[i].name);
        free(response->headers[i].value);
    }
    free(response->headers);
    response->headers = NULL;
    response->header_count = 0;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *data)
{
    struct response *response = data;
    size_t length = size * count, name_bytes, start, end = length;
    struct response_header *grown;
    const char *colon;

    if (length >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        drop_headers(response); /* those of an interim answer */
        return length;
    }
    colon = memchr(bytes, ':', length);
    if (colon == NULL)
        return length;
    name_bytes = (size_t)(colon - bytes);
    start = name_bytes + 1;
    while (start < end && (bytes[start] == ' ' || bytes[start] == '\t'))
        start++;
    while (end > start && strchr(" \t\r\n", bytes[end - 1]) != NULL)
        end--;
    grown = realloc(response->headers, (response->header_count + 1) * sizeof(*grown));
    if (grown == NULL)
        return 0;
    response->headers = grown;
    grown[response->header_count].name = strndup(bytes, name_bytes);
    grown[response->header_count].value = strndup(bytes + start, end - start);
    response->header_count++;
    return length;
}

static void clients_begin(void)
{
    is_ready = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK &&
               pthread_key_create(&clients, curl_easy_cleanup) == 0;
}

static CURL *client_get(void)
{
    (void)pthread_once(&clients_once, clients_begin); /* fails only for a bad argument */
    if (client == NULL && (!is_ready || (client = curl_easy_init()) == NULL ||
                           pthread_setspecific(clients, client) != 0))
        cr_assert_fail("libcurl does not start");
    curl_easy_reset(client);
    return client;
}

/* The lines of a request, each a copy. Owned, curl_slist_free_all(). */
static struct curl_slist *lines_of(const char *const *headers, bool has_body)
{
    /* No header that the caller did not ask for, and no waiting for 100 Continue. */
    struct curl_slist *lines = curl_slist_append(NULL, "Expect:");

    if (has_body)
        lines = curl_slist_append(lines, "Content-Type:");
    for (size_t i = 0; headers != NULL && headers[i] != NULL; i++)
        lines = curl_slist_append(lines, headers[i]);
    return lines;
}

/* For any thread: what goes wrong is the result. */
static CURLcode perform(CURL *curl, const char *method, const char *url, struct curl_slist *lines,
                        const char *body, size_t body_bytes, struct response *response)
{
    CURLcode code;
    long status = 0;

    (void)curl_easy_setopt(curl, CURLOPT_URL, url); /* these fail only for want of memory */
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, REQUEST_MS_MAX);
    (void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, response);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, response);
    if (strcmp(method, "HEAD") == 0)
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    if (body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_bytes);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    code = curl_easy_perform(curl);
    if (code == CURLE_OK)
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status); /* known after a success */
    response->status = (int)status;
    return code;
}

struct response *http_send_unchecked(const char *method, const char *url,
                                     const char *const *headers, const char *body,
                                     size_t body_bytes)
{
    struct response *response = calloc(1, sizeof(*response));
    struct curl_slist *lines = lines_of(headers, body != NULL);
    CURLcode code;

    cr_assert_not_null(response);
    response->body = calloc(1, 1);
    code = perform(client_get(), method, url, lines, body, body_bytes, response);
    curl_slist_free_all(lines);
    if (code != CURLE_OK)
        cr_assert_fail("%s %s: %s", method, url, curl_easy_strerror(code));
    return response;
}

/* For server.c, which counts the access lines of what we were given. */
static void note_request(const char *path, const struct response *response)
{
    const char *id = response_header(response, "X-Request-Id");
    struct text line;
    int fd;

    if (path == NULL || id == NULL)
        return;
    text_init(&line, TEXT_BYTES_MAX);
    text_append_format(&line, "%s\n", id);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line.bytes, line.length) != (ssize_t)line.length)
        cr_assert_fail("%s: %s", path, strerror(errno));
    (void)close(fd); /* one write, already checked */
    text_deinit(&line);
}

/* An answer as it came: noted in the file @requests, and held against the contract. */
static void check(const char *requests, const char *method, const char *path,
                  struct response *response)
{
    struct text faults;

    text_init(&faults, TEXT_BYTES_MAX);
    note_request(requests, response);
    if (!test_contract_check(method, path, response, &faults))
        cr_assert_fail("%s %.300s answers %d against the contract:\n%s", method, path,
                       response->status, faults.bytes);
    text_deinit(&faults);
}

struct response *http_send(const char *method, const char *path, const char *const *headers,
                           const char *body, size_t body_bytes)
{
    struct response *response;
    struct text url;

    text_init(&url, TEXT_BYTES_MAX);
    text_append_format(&url, "%s%s", base_url(), path);
    response = http_send_unchecked(method, url.bytes, headers, body, body_bytes);
    check(getenv("API_REQUESTS"), method, path, response);
    text_deinit(&url);
    return response;
}

/* --- while the test goes on --- */

struct http_pending {
    pthread_t thread;
    char *method, *path, *url, *body;
    char *requests; /* of the server that is asked; NULL: not counted */
    struct curl_slist *lines;
    CURL *curl;
    struct response *response;
    CURLcode code;
    atomic_bool is_done;
};

static void *carry_out(void *data)
{
    struct http_pending *pending = data;

    pending->code =
        perform(pending->curl, pending->method, pending->url, pending->lines, pending->body,
                pending->body == NULL ? 0 : strlen(pending->body), pending->response);
    pending->is_done = true;
    return NULL;
}

bool http_is_done(const struct http_pending *pending)
{
    return pending->is_done;
}

struct http_pending *http_begin(const char *method, const char *path, const char *const *headers,
                                const char *body)
{
    struct http_pending *pending = calloc(1, sizeof(*pending));
    struct text url;
    size_t length;

    (void)client_get(); /* libcurl has started before the first thread */
    cr_assert_not_null(pending);
    text_init(&url, TEXT_BYTES_MAX);
    text_append_format(&url, "%s%s", base_url(), path);
    pending->url = text_steal(&url, &length);
    pending->method = strdup(method);
    pending->path = strdup(path);
    pending->body = body == NULL ? NULL : strdup(body);
    pending->requests = getenv("API_REQUESTS") == NULL ? NULL : strdup(getenv("API_REQUESTS"));
    pending->lines = lines_of(headers, body != NULL);
    pending->curl = curl_easy_init();
    pending->response = calloc(1, sizeof(*pending->response));
    cr_assert(pending->url != NULL && pending->method != NULL && pending->path != NULL &&
              (body == NULL || pending->body != NULL) && pending->lines != NULL &&
              pending->curl != NULL && pending->response != NULL);
    pending->response->body = calloc(1, 1);
    cr_assert_eq(pthread_create(&pending->thread, NULL, carry_out, pending), 0);
    return pending;
}

struct response *http_end(struct http_pending *pending)
{
    struct response *response = pending->response;

    cr_assert_eq(pthread_join(pending->thread, NULL), 0);
    if (pending->code == CURLE_OK)
        check(pending->requests, pending->method, pending->path, response);
    else if (pending->code != CURLE_COULDNT_CONNECT && pending->code != CURLE_GOT_NOTHING &&
             pending->code != CURLE_RECV_ERROR && pending->code != CURLE_SEND_ERROR &&
             pending->code != CURLE_PARTIAL_FILE)
        cr_assert_fail("%s %s: %s", pending->method, pending->url,
                       curl_easy_strerror(pending->code));
    curl_easy_cleanup(pending->curl);
    curl_slist_free_all(pending->lines);
    free(pending->method);
    free(pending->path);
    free(pending->url);
    free(pending->body);
    free(pending->requests);
    free(pending);
    return response;
}

struct response *http_get(const char *path)
{
    return http_send("GET", path, NULL, NULL, 0);
}

struct response *http_get_with(const char *path, const char *header)
{
    return http_send("GET", path, (const char *const[]){header, NULL}, NULL, 0);
}

struct response *http_bare(const char *method, const char *path)
{
    return http_send(method, path, NULL, NULL, 0);
}

bool http_has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; at != NULL && *at != '\0';) {
        size_t piece = strcspn(at, ", ");

        if (piece == length && strncmp(at, word, length) == 0)
            return true;
        at += piece;
        at += strspn(at, ", ");
    }
    return false;
}

struct response *http_post(const char *path, const char *json)
{
    return http_send("POST", path, (const char *const[]){"Content-Type: application/json", NULL},
                     json, strlen(json));
}

static int connect_raw(void)
{
    const char *port = strrchr(base_url(), ':') + 1;
    struct sockaddr_in address = {.sin_family = AF_INET};
    uint32_t number = 0;
    int fd;

    if (!num_parse_u32(port, 1, UINT16_MAX, &number))
        cr_assert_fail("API_URL has no port: %s", base_url());
    address.sin_port = htons((uint16_t)number);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        cr_assert_fail("no connection to %s: %s", base_url(), strerror(errno));
    return fd;
}

struct response *http_raw(const char *bytes, size_t size_bytes, unsigned wait_ms)
{
    struct response *response = calloc(1, sizeof(*response));
    uint64_t deadline = clock_monotonic_ms() + wait_ms;
    char *buffer = malloc(RAW_READ_BYTES);
    int fd = connect_raw();
    size_t sent = 0;

    cr_assert(response != NULL && buffer != NULL);
    response->body = calloc(1, 1);
    while (!response->closed) {
        struct pollfd wait = {fd, POLLIN, 0};
        uint64_t now = clock_monotonic_ms();
        ssize_t length;

        if (now >= deadline)
            break;
        if (sent < size_bytes)
            wait.events = POLLIN | POLLOUT;
        if (poll(&wait, 1, (int)(deadline - now)) < 0 && errno != EINTR)
            cr_assert_fail("poll: %s", strerror(errno));
        if ((wait.revents & POLLOUT) != 0) {
            length = send(fd, bytes + sent, size_bytes - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
            /* A server that has heard enough closes: what it said is still to be read. */
            sent = length < 0 ? size_bytes : sent + (size_t)length;
        }
        if ((wait.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            length = recv(fd, buffer, RAW_READ_BYTES, 0);
            if (length <= 0)
                response->closed = true;
            else
                (void)take_body(buffer, 1, (size_t)length, response);
        }
    }
    (void)close(fd); /* nothing more to say */
    free(buffer);
    if (response->body_bytes >= 12 && memcmp(response->body, "HTTP/1.", 7) == 0)
        response->status = (response->body[9] - '0') * 100 + (response->body[10] - '0') * 10 +
                           (response->body[11] - '0');
    return response;
}

void response_free(struct response *response)
{
    if (response == NULL)
        return;
    drop_headers(response);
    free(response->body);
    json_decref(response->json);
    free(response);
}

void response_freep(struct response **response)
{
    response_free(*response);
}

const char *response_header(const struct response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++)
        if (strcasecmp(response->headers[i].name, name) == 0)
            return response->headers[i].value;
    return NULL;
}

const json_t *response_json(struct response *response)
{
    json_error_t error;

    if (response->json == NULL) {
        response->json = json_loadb(response->body, response->body_bytes,
                                    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
        if (response->json == NULL)
            cr_assert_fail("the body is not JSON: %s at byte %d: %.300s", error.text,
                           error.position, response->body);
    }
    return response->json;
}

const json_t *response_at(struct response *response, const char *pointer)
{
    return test_json_at(response_json(response), pointer);
}

const char *response_text_at(struct response *response, const char *pointer)
{
    const json_t *value = response_at(response, pointer);

    if (!json_is_string(value))
        cr_assert_fail("no text at %s in %.300s", pointer, response->body);
    return json_string_value(value);
}
