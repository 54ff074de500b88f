#include "present.h"

#include "application.h"
#include "base/arena.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/contract.h"
#include "format/format.h"
#include "memo.h"
#include "negotiate.h"
#include "reply.h"
#include "request.h"
#include "settings.h"

#include <errno.h>
#include <string.h>

#define LINK_BYTES_MAX (32 * 1024)
#define TAG_BYTES_MAX 36

static bool is_among(const char *const *names, const char *name)
{
    for (; names != NULL && *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

bool present_takes(struct request *request, const char *const *known, struct reply *reply,
                   int *ret_result)
{
    struct problem *problem;

    if (request->parameter_count == 0)
        return true;
    problem = arena_alloc(request->arena, sizeof(*problem));
    if (problem == NULL) {
        *ret_result = fault_raise(-ENOMEM);
        return false;
    }
    for (size_t i = 0; i < request->parameter_count; i++) {
        const char *name = request->parameters[i].name;

        if (!is_among(known, name))
            problem_add(problem, request->arena, NULL, name, "unknown-parameter",
                        known == NULL ? "this path takes no parameters"
                                      : "this path does not take this parameter");
        else if (request->parameters[i].value != request_parameter(request, name))
            problem_add(problem, request->arena, NULL, name, "repeated",
                        "this parameter can be there only once");
    }
    if (problem->error_count == 0)
        return true;
    problem_set(problem, "invalid-parameter", NULL);
    *ret_result = reply_problem(request, reply, problem);
    return false;
}

/* The tags of Accept-Language with a quality above 0, best first, "*" left out. */
static void read_languages(const struct request *request, struct asked *asked)
{
    const char *header = request_header(request, "Accept-Language");
    int qualities[LANGUAGES_MAX];
    const char *at = header == NULL ? "" : header;

    while (*at != '\0' && asked->language_count < LANGUAGES_MAX) {
        const size_t length = strcspn(at, ",; \t");
        char *tag = length == 0 || length >= TAG_BYTES_MAX || at[0] == '*'
                        ? NULL
                        : arena_copy_bytes(request->arena, at, length);
        const int quality = tag == NULL ? 0 : negotiate_quality(NEGOTIATE_LANGUAGE, header, tag);
        size_t place = asked->language_count;

        if (quality > 0) {
            while (place > 0 && qualities[place - 1] < quality) {
                asked->languages[place] = asked->languages[place - 1];
                qualities[place] = qualities[place - 1];
                place--;
            }
            asked->languages[place] = tag;
            qualities[place] = quality;
            asked->language_count++;
        }
        at += length;
        at += strcspn(at, ",");
        at += strspn(at, ", \t");
    }
}

void present_read(const struct request *request, struct asked *ret_asked)
{
    ret_asked->pair_count = request->parameter_count;
    ret_asked->language_count = 0;
    for (size_t i = 0; i < request->parameter_count; i++)
        ret_asked->pairs[i] =
            (struct query_pair){request->parameters[i].name, request->parameters[i].value};
    read_languages(request, ret_asked);
}

struct memo_key present_key(const struct request *request)
{
    const char *const texts[] = {request->path, request->raw_query,
                                 request_header(request, "Accept"),
                                 request_header(request, "Accept-Language")};

    return memo_key(texts, ARRAY_LENGTH(texts));
}

const char *present_variant(const struct request *request)
{
    const char *accept = request_header(request, "Accept");
    const char *languages = request_header(request, "Accept-Language");

    return arena_format(request->arena, "%s?%s\n%s\n%s", request->path, request->raw_query,
                        accept == NULL ? "" : accept, languages == NULL ? "" : languages);
}

void present_public(struct reply *reply)
{
    reply->cache = REPLY_CACHE_PUBLIC;
    reply->vary_accept = true;
    reply->vary_language = true;
}

bool present_remembered(struct request *request, struct reply *reply, const struct memo_key *key)
{
    char etag[MEMO_ETAG_BYTES];

    if (request_header(request, "If-None-Match") == NULL ||
        !memo_find(request->application->memo, key, etag) || !reply_etag_matches(request, etag))
        return false;
    reply->etag = arena_copy(request->arena, etag);
    reply->not_modified = reply->etag != NULL;
    present_public(reply);
    return reply->not_modified;
}

int present_etag(struct request *request, struct reply *reply, const struct memo_key *key,
                 uint64_t resources, uint64_t generation, const char *etag)
{
    /* Copied: it may lie in rows that go before the answer does. */
    reply->etag = arena_copy(request->arena, etag);
    if (reply->etag == NULL)
        return fault_raise(-ENOMEM);
    if (key != NULL)
        memo_keep(request->application->memo, key, resources, generation, etag);
    return 0;
}

/* --- formats -----------------------------------------------------------------------------------
 */

/* Of a single record there is JSON, and a calendar where it has dates. */
static bool is_offered(const struct format *format, const struct resource *resource, bool of_record)
{
    return format_is_offered(format, resource) &&
           (!of_record || format->record == NULL || format->needs_calendar);
}

static int refuse_format(struct request *request, const struct resource *resource, bool of_record,
                         struct reply *reply, const char *named)
{
    const char *names[8];
    size_t count = 0;
    const char *nearest;
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));
    struct text list;
    int r;

    if (problem == NULL)
        return fault_raise(-ENOMEM);
    text_init(&list, 1024);
    for (size_t i = 0; i < FORMAT_COUNT && count < ARRAY_LENGTH(names); i++) {
        if (!is_offered(&FORMATS[i], resource, of_record))
            continue;
        names[count++] = FORMATS[i].name;
        text_append_format(&list, "%s%s (%s)", count == 1 ? "" : ", ", FORMATS[i].name,
                           FORMATS[i].media_type);
    }
    nearest = named == NULL ? NULL : text_nearest(named, names, count);
    problem_set(problem, "not-acceptable",
                of_record ? "None of the formats of this record was asked for."
                          : "None of the formats of this list was asked for.");
    problem_add(problem, request->arena, NULL, named == NULL ? "Accept" : "format",
                "unknown-format", "there are %s%s%s%s", list.bytes,
                nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                nearest == NULL ? "" : "'?");
    text_deinit(&list);
    r = reply_problem(request, reply, problem);
    reply->vary_accept = true;
    return r;
}

static bool is_repeated(const struct request *request, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < request->parameter_count; i++)
        count += strcmp(request->parameters[i].name, name) == 0 ? 1 : 0;
    return count > 1;
}

static int refuse_repeated(struct request *request, struct reply *reply, const char *name)
{
    struct problem *problem = arena_alloc(request->arena, sizeof(*problem));

    if (problem == NULL)
        return fault_raise(-ENOMEM);
    problem_set(problem, "invalid-parameter", NULL);
    problem_add(problem, request->arena, NULL, name, "repeated",
                "the parameter may be there only once");
    return reply_problem(request, reply, problem);
}

static const struct format *choose_format(struct request *request, const struct resource *resource,
                                          bool of_record, struct reply *reply, int *ret_result)
{
    const char *named = request_parameter(request, "format");
    const char *types[8];
    const struct format *offered[8];
    size_t count = 0;
    int best;

    if (is_repeated(request, "format")) {
        *ret_result = refuse_repeated(request, reply, "format");
        return NULL;
    }
    if (named != NULL) {
        const struct format *format = format_find(named);

        if (format != NULL && is_offered(format, resource, of_record))
            return format;
        *ret_result = refuse_format(request, resource, of_record, reply, named);
        return NULL;
    }
    for (size_t i = 0; i < FORMAT_COUNT && count < ARRAY_LENGTH(types); i++) {
        if (!is_offered(&FORMATS[i], resource, of_record))
            continue;
        offered[count] = &FORMATS[i];
        types[count++] = FORMATS[i].media_type;
    }
    best = negotiate_best(NEGOTIATE_MEDIA, request_header(request, "Accept"), types, count);
    if (best >= 0)
        return offered[best];
    *ret_result = refuse_format(request, resource, of_record, reply, NULL);
    return NULL;
}

const struct format *present_format(struct request *request, const struct resource *resource,
                                    struct reply *reply, int *ret_result)
{
    return choose_format(request, resource, false, reply, ret_result);
}

const struct format *present_record_format(struct request *request, const struct resource *resource,
                                           struct reply *reply, int *ret_result)
{
    return choose_format(request, resource, true, reply, ret_result);
}

bool present_accepts_json(struct request *request, struct reply *reply, int *ret_result)
{
    static const char *const TYPES[] = {"application/json"};

    if (negotiate_best(NEGOTIATE_MEDIA, request_header(request, "Accept"), TYPES, 1) >= 0)
        return true;
    *ret_result = reply_problem_code(request, reply, "not-acceptable",
                                     "This is given as application/json alone.");
    reply->vary_accept = true;
    return false;
}

/* --- links ---------------------------------------------------------------------------------------
 */

static void append_path(struct text *text, const struct request *request)
{
    const char *at = request->path;

    text_append(text, request->application->settings->base_url);
    while (*at != '\0') {
        const size_t length = strcspn(at, "/");
        char *segment = arena_copy_bytes(request->arena, at, length);

        if (segment == NULL)
            return;
        text_append_uri(text, segment);
        at += length;
        if (*at == '/') {
            text_append_char(text, '/');
            at++;
        }
    }
}

/* The address with every parameter kept but @name, ready for another value of it. */
static void append_address(struct text *text, const struct request *request, const char *name)
{
    char separator = '?';

    append_path(text, request);
    for (size_t i = 0; i < request->parameter_count; i++) {
        if (strcmp(request->parameters[i].name, name) == 0)
            continue;
        text_append_char(text, separator);
        text_append_uri(text, request->parameters[i].name);
        text_append_char(text, '=');
        text_append_uri(text, request->parameters[i].value);
        separator = '&';
    }
}

const char *present_address(const struct request *request)
{
    struct text address;
    const char *result;

    text_init(&address, LINK_BYTES_MAX);
    append_address(&address, request, "");
    result = text_failed(&address)
                 ? NULL
                 : arena_copy_bytes(request->arena, address.bytes, address.length);
    text_deinit(&address);
    return result;
}

/* @address: of append_address(); @value: NULL leaves the parameter out. */
static void append_link(struct text *text, const struct text *address, const char *relation,
                        const char *name, const char *value, const char *type)
{
    text_append(text, text->length == 0 ? "<" : ", <");
    text_append_bytes(text, address->bytes, address->length);
    if (value != NULL) {
        text_append_char(text, strchr(address->bytes, '?') == NULL ? '?' : '&');
        text_append(text, name);
        text_append_char(text, '=');
        text_append_uri(text, value);
    }
    text_append(text, ">; rel=\"");
    text_append(text, relation);
    text_append_char(text, '"');
    if (type == NULL)
        return;
    text_append(text, "; type=\"");
    text_append(text, type);
    text_append_char(text, '"');
}

int present_page_links(const struct request *request, const struct resource *resource,
                       const char *next, const char *previous, struct reply *reply)
{
    const bool is_page =
        request_parameter(request, "limit") != NULL || request_parameter(request, "cursor") != NULL;
    struct text address;
    struct text text;
    const char *header;

    text_init(&address, LINK_BYTES_MAX);
    text_init(&text, LINK_BYTES_MAX);
    append_address(&address, request, "cursor");
    append_link(&text, &address, "self", "cursor", request_parameter(request, "cursor"), NULL);
    append_link(&text, &address, "first", "cursor", NULL, NULL);
    if (next != NULL)
        append_link(&text, &address, "next", "cursor", next, NULL);
    if (previous != NULL)
        append_link(&text, &address, "prev", "cursor", previous, NULL);
    text_clear(&address);
    append_address(&address, request, "format");
    /* Long queries leave no room for more in one header; the pages matter most. */
    for (size_t i = 0; resource != NULL && i < FORMAT_COUNT && text.length < LINK_BYTES_MAX / 8;
         i++)
        if (format_is_offered(&FORMATS[i], resource) && !(FORMATS[i].is_whole && is_page))
            append_link(&text, &address, "alternate", "format", FORMATS[i].name,
                        FORMATS[i].media_type);
    header = text_failed(&text) || text_failed(&address)
                 ? NULL
                 : arena_copy_bytes(request->arena, text.bytes, text.length);
    text_deinit(&address);
    text_deinit(&text);
    if (header == NULL)
        return fault_raise(-ENOMEM);
    return reply_header(reply, "Link", header);
}
