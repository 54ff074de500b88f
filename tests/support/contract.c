/*
 * In each test's process only the operations that it asks for are read, and only the schemas of
 * the replies that it gets are compiled: a test asks for few operations, the document has hundreds.
 */
#include "support/contract.h"

#include "base/arena.h"
#include "base/num.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/schema.h"
#include "support/contract_parts.h"
#include "support/http.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define POINTER_BYTES_MAX 4096
#define ARENA_BYTES_MAX (4 * 1024 * 1024)
#define MEDIA_TYPE_BYTES_MAX 128

static const json_t *document;
static struct schema_set *schemas;

static bool load(struct text *faults)
{
    if (schemas != NULL)
        return true;
    if (!contract_parts_open(faults, &document))
        return false;
    if (schema_set_new(document, &schemas) == 0)
        return true;
    text_append(faults, "the schemas of the contract cannot be set up\n");
    return false;
}

/* One reference token of a JSON Pointer, unescaped. Return: what follows it. */
static const char *next_token(const char *pointer, struct text *token)
{
    text_clear(token);
    for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
        if (*pointer != '~') {
            text_append_char(token, *pointer);
            continue;
        }
        pointer++;
        text_append_char(token, *pointer == '1' ? '/' : '~');
    }
    return pointer;
}

const json_t *test_json_at(const json_t *root, const char *pointer)
{
    const json_t *value = root;
    struct text token;

    text_init(&token, POINTER_BYTES_MAX);
    while (value != NULL && *pointer != '\0') {
        uint32_t index;

        pointer = next_token(pointer, &token);
        if (!json_is_array(value))
            value = json_object_get(value, token.bytes);
        else if (num_parse_u32(token.bytes, 0, UINT32_MAX, &index))
            value = json_array_get(value, index);
        else
            value = NULL;
    }
    text_deinit(&token);
    return value;
}

static void append_token(struct text *pointer, const char *token)
{
    text_append_char(pointer, '/');
    for (; *token != '\0'; token++) {
        if (*token == '~')
            text_append(pointer, "~0");
        else if (*token == '/')
            text_append(pointer, "~1");
        else
            text_append_char(pointer, *token);
    }
}

/* Steps from @pointer to a member, and over a reference that stands there. */
static const json_t *step(struct text *pointer, const char *member)
{
    const json_t *value;
    const char *reference;

    append_token(pointer, member);
    value = test_json_at(document, pointer->bytes);
    reference = json_string_value(json_object_get(value, "$ref"));
    if (reference == NULL || reference[0] != '#')
        return value;
    text_clear(pointer);
    text_append(pointer, reference + 1);
    return test_json_at(document, pointer->bytes);
}

/*
 * How well a path fits a template: 0 not at all, else more for literal segments
 * further to the left, as the router prefers them.
 */
static unsigned template_fit(const char *template, const char *path)
{
    unsigned fit = 1;

    while (*template == '/' && *path == '/') {
        size_t expected = strcspn(template + 1, "/"), given = strcspn(path + 1, "/?");

        fit <<= 1;
        if (template[1] != '{') {
            if (expected != given || strncmp(template + 1, path + 1, given) != 0)
                return 0;
            fit |= 1;
        } else if (given == 0) {
            return 0;
        }
        template += expected + 1;
        path += given + 1;
    }
    return *template == '\0' && (*path == '\0' || *path == '?') ? fit : 0;
}

static const char *find_template(const char *path)
{
    const char *template, *best = NULL;
    unsigned fit, best_fit = 0;
    json_t *paths = json_object_get(document, "paths"), *item;

    json_object_foreach (paths, template, item) {
        fit = template_fit(template, path);
        if (fit > best_fit) {
            best_fit = fit;
            best = template;
        }
    }
    return best;
}

static void note_operation(const char *operation_id, int status)
{
    const char *folder = getenv("EXPRESS_COVERAGE_DIR");
    struct text path, line;
    int fd;

    /* A refusal alone does not show that an operation works. */
    if (folder == NULL || status >= 400)
        return;
    text_init(&path, POINTER_BYTES_MAX);
    text_init(&line, POINTER_BYTES_MAX);
    text_append_format(&path, "%s/operations", folder);
    text_append_format(&line, "%s\n", operation_id);
    fd = open(path.bytes, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line.bytes, line.length) != (ssize_t)line.length)
        abort();     /* else an operation would count as never called */
    (void)close(fd); /* one write, already checked */
    text_deinit(&path);
    text_deinit(&line);
}

/* --- What holds for every reply --------------------------------------- */

static bool contains(const char *value, const char *word)
{
    return value != NULL && strstr(value, word) != NULL;
}

/* "application/json; charset=utf-8" becomes "application/json". */
static void media_type(const struct response *response, char ret_type[MEDIA_TYPE_BYTES_MAX])
{
    const char *value = response_header(response, "Content-Type");
    size_t length = value == NULL ? 0 : strcspn(value, "; ");

    if (length >= MEDIA_TYPE_BYTES_MAX)
        length = 0;
    for (size_t i = 0; i < length; i++)
        ret_type[i] = (char)tolower((unsigned char)value[i]);
    ret_type[length] = '\0';
}

/* libmicrohttpd itself answers what it cannot parse, in HTML, and nothing of ours can run then. */
static bool is_of_microhttpd(const struct response *response)
{
    static const int STATUSES[] = {400, 413, 414, 431, 505};
    const char *type = response_header(response, "Content-Type");

    for (size_t i = 0; i < ARRAY_LENGTH(STATUSES); i++)
        if (response->status == STATUSES[i])
            return (type == NULL || contains(type, "text/html")) &&
                   response_header(response, "X-Request-Id") == NULL;
    return false;
}

static void check_problem(struct response *response, struct text *faults)
{
    static const char *const MEMBERS[] = {"type", "title", "status", "request_id"};
    char type[MEDIA_TYPE_BYTES_MAX];
    json_auto_t *problem = NULL;

    media_type(response, type);
    if (strcmp(type, "application/problem+json") != 0) {
        text_append_format(faults, "G1: the Content-Type of an error is '%s'\n", type);
        return;
    }
    problem = json_loadb(response->body, response->body_bytes, JSON_REJECT_DUPLICATES, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(MEMBERS); i++)
        if (json_object_get(problem, MEMBERS[i]) == NULL)
            text_append_format(faults, "G1: the problem lacks '%s'\n", MEMBERS[i]);
    if (json_integer_value(json_object_get(problem, "status")) != response->status)
        text_append(faults, "G1: the problem's status is not that of the reply\n");
}

static void check_invariants(const char *method, struct response *response, struct text *faults)
{
    static const char *const TELLTALES[] = {"Server", "X-Powered-By", "X-Version"};
    bool head = strcmp(method, "HEAD") == 0, reading = head || strcmp(method, "GET") == 0;
    const char *cache = response_header(response, "Cache-Control");
    const char *sniffing = response_header(response, "X-Content-Type-Options");

    if (is_of_microhttpd(response))
        return;
    if (response->status >= 400 && !head)
        check_problem(response, faults);
    if (!contains(cache, "no-store") &&
        !(reading && response->status < 400 && contains(cache, "public")))
        text_append_format(faults, "G2: Cache-Control is '%s'\n", cache == NULL ? "" : cache);
    if (sniffing == NULL || strcmp(sniffing, "nosniff") != 0)
        text_append(faults, "G3: X-Content-Type-Options is not nosniff\n");
    for (size_t i = 0; i < ARRAY_LENGTH(TELLTALES); i++)
        if (response_header(response, TELLTALES[i]) != NULL)
            text_append_format(faults, "G3: the header %s is there\n", TELLTALES[i]);
    if (response_header(response, "X-Request-Id") == NULL)
        text_append(faults, "G4: X-Request-Id is missing\n");
    if ((head || response->status == 204 || response->status == 304) && response->body_bytes > 0)
        text_append(faults, "a reply that has no body has one\n");
}

/* --- What the contract says ---------------------------------------------- */

static void check_value(const char *pointer, const json_t *value, const char *what,
                        struct text *faults)
{
    const struct schema *schema;
    struct problem problem = {0};
    struct arena arena;
    char *why = NULL;

    if (schema_compile(schemas, pointer, &schema, &why) != 0) {
        text_append_format(faults, "%s: the schema at %s does not compile: %s\n", what, pointer,
                           why == NULL ? "" : why);
        free(why);
        return;
    }
    arena_init(&arena, ARENA_BYTES_MAX);
    if (!schema_check(schema, value, "", &arena, &problem)) {
        text_append_format(faults, "%s does not obey its schema:\n", what);
        for (size_t i = 0; i < problem.error_count && i < FAULTS_MAX; i++)
            text_append_format(faults, "  %s: %s (%s)\n",
                               problem.errors[i].pointer == NULL ? "" : problem.errors[i].pointer,
                               problem.errors[i].detail, problem.errors[i].code);
    }
    arena_deinit(&arena);
}

/* A header's text as the type that its schema gives it; owned. */
static json_t *header_value(const char *pointer, const char *text)
{
    const char *type = json_string_value(json_object_get(test_json_at(document, pointer), "type"));
    int64_t number;

    if (type != NULL && strcmp(type, "integer") == 0 &&
        num_parse_i64(text, INT64_MIN, INT64_MAX, &number))
        return json_integer(number);
    if (type != NULL && strcmp(type, "boolean") == 0 && strcmp(text, "true") == 0)
        return json_true();
    if (type != NULL && strcmp(type, "boolean") == 0 && strcmp(text, "false") == 0)
        return json_false();
    return json_string(text);
}

static void check_headers(const char *reply_pointer, const json_t *reply,
                          const struct response *response, struct text *faults)
{
    const char *name;
    json_t *declared;

    json_object_foreach (json_object_get(reply, "headers"), name, declared) {
        const char *given = response_header(response, name);
        struct text pointer;
        const json_t *header;

        text_init(&pointer, POINTER_BYTES_MAX);
        text_append(&pointer, reply_pointer);
        (void)step(&pointer, "headers"); /* there, as the loop shows */
        header = step(&pointer, name);
        if (given == NULL && json_is_true(json_object_get(header, "required")))
            text_append_format(faults, "the header %s is missing\n", name);
        if (given != NULL && json_object_get(header, "schema") != NULL) {
            json_auto_t *value = NULL;

            (void)step(&pointer, "schema"); /* there */
            value = header_value(pointer.bytes, given);
            check_value(pointer.bytes, value, name, faults);
        }
        text_deinit(&pointer);
    }
}

static bool is_json(const char *type)
{
    size_t length = strlen(type);

    return strcmp(type, "application/json") == 0 ||
           (length > 5 && strcmp(type + length - 5, "+json") == 0);
}

/* The key of "content" for a media type; its parameters do not count. NULL when undeclared. */
static const char *find_content(const json_t *reply, const char *type)
{
    json_t *content = json_object_get(reply, "content"), *entry;
    size_t length = strlen(type);
    const char *key;

    json_object_foreach (content, key, entry)
        if (strncasecmp(key, type, length) == 0 && strchr("; ", key[length]) != NULL)
            return key;
    return NULL;
}

static void check_body(const char *reply_pointer, const json_t *reply, struct response *response,
                       struct text *faults)
{
    char type[MEDIA_TYPE_BYTES_MAX];
    json_auto_t *body = NULL;
    struct text pointer;
    json_error_t error;
    const char *key;

    media_type(response, type);
    key = find_content(reply, type);
    if (key == NULL) {
        if (response->body_bytes > 0 || type[0] != '\0' || json_object_get(reply, "content"))
            text_append_format(faults, "the Content-Type '%s' is not declared\n", type);
        return;
    }
    /* Other formats have tests of their own; a coded body is compared with the plain one there. */
    if (!is_json(type) || response_header(response, "Content-Encoding") != NULL)
        return;
    body = json_loadb(response->body, response->body_bytes,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (body == NULL) {
        text_append_format(faults, "the body is not JSON: %s at byte %d\n", error.text,
                           error.position);
        return;
    }
    text_init(&pointer, POINTER_BYTES_MAX);
    text_append(&pointer, reply_pointer);
    (void)step(&pointer, "content"); /* there: find_content() found it */
    (void)step(&pointer, key);
    append_token(&pointer, "schema");
    if (test_json_at(document, pointer.bytes) != NULL)
        check_value(pointer.bytes, body, "the body", faults);
    text_deinit(&pointer);
}

/* The declaration of a status: itself, its class, or the default; steps @pointer to it. */
static const json_t *find_reply(struct text *pointer, const json_t *responses, int status)
{
    char exact[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                    (char)('0' + status % 10), '\0'};
    char class[] = {exact[0], 'X', 'X', '\0'};
    const char *const keys[] = {exact, class, "default"};

    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++)
        if (json_object_get(responses, keys[i]) != NULL)
            return step(pointer, keys[i]);
    return NULL;
}

static void lower_case(const char *method, char ret_method[16])
{
    size_t i;

    for (i = 0; i < 15 && method[i] != '\0'; i++)
        ret_method[i] = (char)tolower((unsigned char)method[i]);
    ret_method[i] = '\0';
}

static void check_operation(const char *template, const char *method, struct response *response,
                            struct text *faults)
{
    bool head = strcmp(method, "HEAD") == 0;
    const json_t *path, *operation, *reply;
    const char *operation_id;
    struct text pointer;
    char verb[16];

    text_init(&pointer, POINTER_BYTES_MAX);
    (void)step(&pointer, "paths"); /* there: it has the template */
    lower_case(method, verb);
    contract_parts_read("paths", template, verb);
    if (head)
        contract_parts_read("paths", template, "get");
    path = step(&pointer, template);
    if (head && json_object_get(path, verb) == NULL)
        lower_case("GET", verb); /* HEAD is GET without the body */
    operation = json_object_get(path, verb) == NULL ? NULL : step(&pointer, verb);
    if (operation == NULL) {
        if (response->status < 400 && strcmp(method, "OPTIONS") != 0)
            text_append_format(faults, "the contract has no %s at %s\n", method, template);
        text_deinit(&pointer);
        return;
    }
    operation_id = json_string_value(json_object_get(operation, "operationId"));
    if (operation_id == NULL)
        text_append(faults, "the operation has no operationId\n");
    else if (!head || strcmp(verb, "head") == 0)
        note_operation(operation_id, response->status);

    reply = find_reply(&pointer, step(&pointer, "responses"), response->status);
    if (reply == NULL) {
        text_append_format(faults, "the status %d is not declared\n", response->status);
    } else {
        check_headers(pointer.bytes, reply, response, faults);
        if (!head && response->status != 304)
            check_body(pointer.bytes, reply, response, faults);
    }
    text_deinit(&pointer);
}

bool test_contract_check(const char *method, const char *path, struct response *response,
                         struct text *faults)
{
    const char *template;

    if (!load(faults))
        return false;
    check_invariants(method, response, faults);
    template = find_template(path);
    if (template != NULL && !is_of_microhttpd(response))
        check_operation(template, method, response, faults);
    else if (response->status < 400 && strcmp(method, "OPTIONS") != 0)
        text_append(faults, "the contract has no such path\n");
    return faults->length == 0 && !text_failed(faults);
}
