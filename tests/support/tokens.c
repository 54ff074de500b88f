#include "support/tokens.h"

#include "base/text.h"
#include "support/http.h"
#include "support/program.h"
#include "support/server.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define TOKENS_MAX 512
#define KEY_BYTES_MAX 512
#define LINE_BYTES_MAX 9000 /* a token has 8192 bytes at most */
#define HEADERS_MAX 32
#define TEXT_BYTES_MAX (128 * 1024)

/* Of this test: the texts that token_for() has handed out. */
static struct {
    char *key;
    char *token;
} tokens[TOKENS_MAX];
static size_t token_count;

static const char *keep(const char *key, const char *token)
{
    cr_assert_lt(token_count, TOKENS_MAX, "a test with so many tokens");
    tokens[token_count].key = strdup(key);
    tokens[token_count].token = strdup(token);
    cr_assert(tokens[token_count].key != NULL && tokens[token_count].token != NULL);
    return tokens[token_count++].token;
}

/* What a test before this one has made, from the lines "key token" of the file. */
static const char *find_made(const char *key)
{
    const char *path = getenv("API_TOKENS");
    FILE *file = path == NULL ? NULL : fopen(path, "r");
    size_t length = strlen(key);
    const char *found = NULL;
    char line[LINE_BYTES_MAX];

    while (file != NULL && found == NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, key, length) != 0 || line[length] != ' ')
            continue;
        line[strcspn(line, "\n")] = '\0';
        found = keep(key, line + length + 1);
    }
    if (file != NULL)
        (void)fclose(file); /* only read */
    return found;
}

static void note_made(const char *key, const char *token)
{
    const char *path = getenv("API_TOKENS");
    struct text line;
    int fd;

    if (path == NULL)
        return;
    text_init(&line, TEXT_BYTES_MAX);
    text_append_format(&line, "%s %s\n", key, token);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line.bytes, line.length) != (ssize_t)line.length)
        cr_assert_fail("%s: %s", path, strerror(errno));
    (void)close(fd); /* one write, already checked */
    text_deinit(&line);
}

static const char *make(const char *key, const char *role, const char *organisation,
                        const char *scopes, const char *subject)
{
    const char *arguments[] = {"token", "--role", role, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    struct program_result result;
    size_t count = 3;
    const char *token;

    if (organisation != NULL) {
        arguments[count++] = "--organisation";
        arguments[count++] = organisation;
    }
    if (scopes != NULL) {
        arguments[count++] = "--scope";
        arguments[count++] = scopes;
    }
    if (subject != NULL) {
        arguments[count++] = "--subject";
        arguments[count++] = subject;
    }
    if (!test_server_command(arguments, &result) || result.exit_code != 0)
        cr_assert_fail("no token of role %s: %s", role, result.error);
    result.out[strcspn(result.out, "\n")] = '\0';
    note_made(key, result.out);
    token = keep(key, result.out);
    program_result_deinit(&result);
    return token;
}

const char *token_for(const char *role, const char *organisation)
{
    return token_with_scopes(role, organisation, NULL);
}

const char *token_with_scopes(const char *role, const char *organisation, const char *scopes)
{
    const char *database = getenv("API_DATABASE_URL");
    char key[KEY_BYTES_MAX];
    const char *token;

    /* Several servers may be in use in one test; those over one database share their tokens. */
    (void)snprintf(key, sizeof(key), "%s/%s/%s/%s", role, organisation == NULL ? "" : organisation,
                   scopes == NULL ? "" : scopes,
                   database == NULL ? "" : strrchr(database, '=') + 1);
    for (char *at = key; *at != '\0'; at++) /* a space ends the key in the file */
        *at = *at == ' ' ? '+' : *at;
    for (size_t i = 0; i < token_count; i++)
        if (strcmp(tokens[i].key, key) == 0)
            return tokens[i].token;
    token = find_made(key);
    return token != NULL ? token : make(key, role, organisation, scopes, NULL);
}

const char *token_of_subject(const char *subject)
{
    const char *database = getenv("API_DATABASE_URL");
    char key[KEY_BYTES_MAX];
    const char *token;

    (void)snprintf(key, sizeof(key), "subject/%s/%s", subject,
                   database == NULL ? "" : strrchr(database, '=') + 1);
    token = find_made(key);
    return token != NULL ? token : make(key, "participant", NULL, NULL, subject);
}

static bool names_type(const char *const *headers)
{
    static const char NAME[] = "Content-Type:";

    for (; headers != NULL && *headers != NULL; headers++)
        if (strncasecmp(*headers, NAME, strlen(NAME)) == 0)
            return true;
    return false;
}

/* The lines of a request with its token. @authorization keeps that line; text_deinit() it. */
static void add_lines(const char *token, const char *method, const char *const *headers,
                      bool has_body, struct text *authorization, const char **ret_all)
{
    size_t count = 0;

    text_init(authorization, TEXT_BYTES_MAX);
    for (; headers != NULL && headers[count] != NULL && count < HEADERS_MAX; count++)
        ret_all[count] = headers[count];
    if (has_body && !names_type(headers))
        ret_all[count++] = strcmp(method, "PATCH") == 0
                               ? "Content-Type: application/merge-patch+json"
                               : "Content-Type: application/json";
    if (token != NULL) {
        text_append_format(authorization, "Authorization: Bearer %s", token);
        cr_assert_not(text_failed(authorization));
        ret_all[count++] = authorization->bytes;
    }
    ret_all[count] = NULL;
}

struct response *http_as(const char *token, const char *method, const char *path,
                         const char *const *headers, const char *body)
{
    const char *all[HEADERS_MAX + 3];
    struct response *response;
    struct text authorization;

    add_lines(token, method, headers, body != NULL, &authorization, all);
    response = http_send(method, path, all, body, body == NULL ? 0 : strlen(body));
    text_deinit(&authorization);
    return response;
}

struct http_pending *http_begin_as(const char *token, const char *method, const char *path,
                                   const char *const *headers, const char *body)
{
    const char *all[HEADERS_MAX + 3];
    struct http_pending *pending;
    struct text authorization;

    add_lines(token, method, headers, body != NULL, &authorization, all);
    pending = http_begin(method, path, all, body);
    text_deinit(&authorization);
    return pending;
}

void client_make(const char *role, const char *organisation, const char *scopes,
                 struct test_client *ret_client)
{
    struct response *response;
    struct text body;

    text_init(&body, TEXT_BYTES_MAX);
    text_append_format(&body, "{\"name\":\"A program\",\"organisation\":\"%s\",\"role\":\"%s\"",
                       organisation, role);
    if (scopes != NULL)
        text_append_format(&body, ",\"scopes\":%s", scopes);
    text_append_char(&body, '}');
    response = http_as(token_for("admin", NULL), "POST", "/v1/clients", NULL, body.bytes);
    cr_assert_eq(response->status, 201, "%s", response->body);
    (void)snprintf(ret_client->id, sizeof(ret_client->id), "%s", response_text_at(response, "/id"));
    (void)snprintf(ret_client->secret, sizeof(ret_client->secret), "%s",
                   response_text_at(response, "/secret"));
    response_free(response);
    text_deinit(&body);
}

char *client_token(const struct test_client *client, const char *scope)
{
    struct response *response;
    struct text form;
    char *token;

    text_init(&form, TEXT_BYTES_MAX);
    text_append(&form, "grant_type=client_credentials");
    if (scope != NULL) {
        text_append(&form, "&scope=");
        text_append_uri(&form, scope);
    }
    response = http_form(client, "/v1/oauth/token", form.bytes);
    cr_assert_eq(response->status, 200, "%s", response->body);
    token = strdup(response_text_at(response, "/access_token"));
    response_free(response);
    text_deinit(&form);
    return token;
}

struct response *http_form(const struct test_client *client, const char *path, const char *form)
{
    char pair[160] = "", header[300] = "Authorization: Basic ";
    const char *headers[] = {"Content-Type: application/x-www-form-urlencoded",
                             client == NULL ? NULL : header, NULL};
    size_t used = strlen(header);

    if (client != NULL) {
        (void)snprintf(pair, sizeof(pair), "%s:%s", client->id, client->secret);
        (void)sodium_bin2base64(header + used, sizeof(header) - used, (const unsigned char *)pair,
                                strlen(pair), sodium_base64_VARIANT_ORIGINAL);
    }
    return http_send("POST", path, headers, form, strlen(form));
}
