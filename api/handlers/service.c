/* What the service says about itself: its description, its contract, its problems. */
#include "handlers/handlers.h"

#include "application.h"
#include "base/arena.h"
#include "base/digest.h"
#include "base/embedded.h"
#include "base/fault.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/contract.h"
#include "negotiate.h"
#include "present.h"
#include "reply.h"
#include "request.h"
#include "settings.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

/* An answer that changes with a release: its ETag is a hash of the bytes. */
static int finish(struct request *request, struct reply *reply, const char *content_type)
{
    struct digest digest;
    char text[DIGEST_TEXT_BYTES];

    digest_init(&digest);
    digest_bytes(&digest, reply->body.bytes, reply->body.length);
    reply->etag = arena_copy(request->arena, digest_finish(&digest, text));
    reply->content_type = content_type;
    reply->cache = REPLY_CACHE_LONG;
    return reply->etag == NULL ? fault_raise(-ENOMEM) : 0;
}

/* The type that is wanted most; NULL: answered with not-acceptable. */
static const char *choose(struct request *request, struct reply *reply, const char *const *types,
                          size_t count, int *ret_result)
{
    const int best =
        negotiate_best(NEGOTIATE_MEDIA, request_header(request, "Accept"), types, count);

    if (best >= 0) {
        reply->vary_accept = true;
        return types[best];
    }
    *ret_result =
        reply_problem_code(request, reply, "not-acceptable",
                           arena_format(request->arena, "There is %s%s%s.", types[0],
                                        count > 1 ? " and " : "", count > 1 ? types[1] : ""));
    reply->vary_accept = true;
    return NULL;
}

/* --- / -------------------------------------------------------------------------------------------
 */

static void append_resources(const struct request *request, struct text *text)
{
    const struct contract *contract = request->application->contract;
    const char *base = request->application->settings->base_url;

    text_append(text, ",\"resources\":[");
    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);

        text_append_format(text, "%s{\"name\":\"%s\",\"title\":", i == 0 ? "" : ",",
                           resource->path);
        text_append_json(text, resource->title);
        text_append_format(text, ",\"href\":\"%s/v1/%s\"}", base, resource->path);
    }
    text_append_char(text, ']');
}

/* GET /: 200 what this is */
int handle_service_describe(struct request *request, struct reply *reply)
{
    static const char *const TYPES[] = {"application/json"};
    static const struct {
        const char *name;
        const char *path;
    } LINKS[] = {{"self", "/"},
                 {"openapi_json", "/openapi.json"},
                 {"openapi_yaml", "/openapi.yaml"},
                 {"problems", "/problems"},
                 {"search", "/v1/search"},
                 {"token", "/v1/oauth/token"},
                 {"oauth_metadata", "/.well-known/oauth-authorization-server"},
                 {"jwks", "/.well-known/jwks.json"},
                 {"api_catalog", "/.well-known/api-catalog"}};
    const struct contract *contract = request->application->contract;
    const json_t *info = json_object_get(contract_document(contract), "info");
    const char *summary = json_string_value(json_object_get(info, "summary"));
    const char *title = json_string_value(json_object_get(info, "title"));
    struct text *text = &reply->body;
    int r = 0;

    if (!present_takes(request, NULL, reply, &r) ||
        choose(request, reply, TYPES, ARRAY_LENGTH(TYPES), &r) == NULL)
        return r;
    text_append(text, "{\"name\":");
    text_append_json(text, title == NULL ? "" : title);
    text_append(text, ",\"description\":");
    text_append_json(text, summary == NULL ? "" : summary);
    text_append(text, ",\"version\":");
    text_append_json(text, contract_version(contract));
    text_append(text, ",\"links\":{");
    for (size_t i = 0; i < ARRAY_LENGTH(LINKS); i++)
        text_append_format(text, "%s\"%s\":\"%s%s\"", i == 0 ? "" : ",", LINKS[i].name,
                           request->application->settings->base_url, LINKS[i].path);
    text_append_char(text, '}');
    append_resources(request, text);
    text_append_char(text, '}');
    r = reply_header(reply, "Link",
                     "</openapi.json>; rel=\"service-desc\"; type=\"application/json\", "
                     "</.well-known/api-catalog>; rel=\"api-catalog\"");
    return r != 0 ? r : finish(request, reply, "application/json");
}

/* --- the contract
 * ---------------------------------------------------------------------------------- */

static int reply_file(struct request *request, struct reply *reply,
                      const struct embedded_file *file, const char *type)
{
    int r = 0;

    if (!present_takes(request, NULL, reply, &r) || choose(request, reply, &type, 1, &r) == NULL)
        return r;
    text_append_bytes(&reply->body, (const char *)file->bytes, file->size_bytes);
    return finish(request, reply, type);
}

/* GET /openapi.json: 200 the contract */
int handle_contract_json(struct request *request, struct reply *reply)
{
    return reply_file(request, reply, &EMBEDDED_OPENAPI_JSON, "application/json");
}

/* GET /openapi.yaml: 200 the contract */
int handle_contract_yaml(struct request *request, struct reply *reply)
{
    return reply_file(request, reply, &EMBEDDED_OPENAPI_YAML, "application/yaml");
}

/* --- problems
 * ---------------------------------------------------------------------------------------- */

static const char *const PROBLEM_TYPES[] = {"application/json", "text/html"};

static void append_kind(struct text *text, const struct problem_kind *kind)
{
    text_append_format(text, "{\"type\":\"/problems/%s\",\"code\":\"%s\",\"status\":%d,\"title\":",
                       kind->code, kind->code, kind->status);
    text_append_json(text, kind->title);
    text_append(text, ",\"explanation\":");
    text_append_json(text, kind->explanation);
    text_append(text, ",\"mend\":");
    text_append_json(text, kind->mend);
    if (problem_example(kind->code) != NULL) {
        text_append(text, ",\"example\":");
        text_append_json(text, problem_example(kind->code));
    }
    text_append_char(text, '}');
}

static void append_html(struct text *text, const char *string)
{
    for (const char *at = string; *at != '\0'; at++) {
        if (*at == '<')
            text_append(text, "&lt;");
        else if (*at == '&')
            text_append(text, "&amp;");
        else
            text_append_char(text, *at);
    }
}

static void append_html_head(struct text *text, const char *title)
{
    text_append(text, "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
                      "<meta name=\"viewport\" content=\"width=device-width\"><title>");
    append_html(text, title);
    text_append(text, "</title></head>\n<body>\n<main>\n<h1>");
    append_html(text, title);
    text_append(text, "</h1>\n");
}

static void append_html_kind(struct text *text, const struct problem_kind *kind)
{
    append_html_head(text, kind->title);
    text_append_format(text,
                       "<p>Status %d, type <code>/problems/%s</code></p>\n<h2>What it "
                       "means</h2>\n<p>",
                       kind->status, kind->code);
    append_html(text, kind->explanation);
    text_append(text, "</p>\n<h2>What to do</h2>\n<p>");
    append_html(text, kind->mend);
    if (problem_example(kind->code) != NULL) {
        text_append(text, "</p>\n<pre><code>");
        append_html(text, problem_example(kind->code));
        text_append(text, "</code></pre>\n<p>");
    }
    text_append(text, "</p>\n<p><a href=\"/problems\">All problems</a></p>\n</main>\n</body>\n"
                      "</html>\n");
}

/* GET /problems: 200 every error that there is */
int handle_problems_list(struct request *request, struct reply *reply)
{
    struct text *text = &reply->body;
    size_t count;
    const struct problem_kind *kinds = problem_kinds(&count);
    const char *type;
    int r = 0;

    if (!present_takes(request, NULL, reply, &r))
        return r;
    type = choose(request, reply, PROBLEM_TYPES, ARRAY_LENGTH(PROBLEM_TYPES), &r);
    if (type == NULL)
        return r;
    if (type == PROBLEM_TYPES[0]) {
        text_append(text, "{\"data\":[");
        for (size_t i = 0; i < count; i++) {
            if (i > 0)
                text_append_char(text, ',');
            append_kind(text, &kinds[i]);
        }
        text_append(text, "]}");
        return finish(request, reply, type);
    }
    append_html_head(text, "Problems");
    text_append(text, "<ul>\n");
    for (size_t i = 0; i < count; i++) {
        text_append_format(text, "<li>%d <a href=\"/problems/%s\">", kinds[i].status,
                           kinds[i].code);
        append_html(text, kinds[i].title);
        text_append(text, "</a></li>\n");
    }
    text_append(text, "</ul>\n</main>\n</body>\n</html>\n");
    return finish(request, reply, "text/html; charset=utf-8");
}

/* GET /problems/{code}: 200 one error; 404 */
int handle_problem_read(struct request *request, struct reply *reply)
{
    const struct problem_kind *kind = problem_kind_find(request_segment(request, "code"));
    const char *type;
    int r = 0;

    if (kind == NULL)
        return reply_problem_code(request, reply, "not-found",
                                  "There is no problem of this name; /problems lists them all.");
    if (!present_takes(request, NULL, reply, &r))
        return r;
    type = choose(request, reply, PROBLEM_TYPES, ARRAY_LENGTH(PROBLEM_TYPES), &r);
    if (type == NULL)
        return r;
    if (type == PROBLEM_TYPES[0]) {
        append_kind(&reply->body, kind);
        return finish(request, reply, type);
    }
    append_html_kind(&reply->body, kind);
    return finish(request, reply, "text/html; charset=utf-8");
}

/* --- RFC 9727
 * ------------------------------------------------------------------------------------------ */

/* RFC 9727 asks for the profile, and for a Link that HEAD shows, too. */
#define API_CATALOG_TYPE                                                                           \
    "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\""

/* GET /.well-known/api-catalog: 200 where everything is, for machines */
int handle_api_catalog(struct request *request, struct reply *reply)
{
    static const char *const TYPES[] = {"application/linkset+json", "application/json"};
    const char *base = request->application->settings->base_url;
    const char *link;
    int r = 0;

    if (!present_takes(request, NULL, reply, &r) ||
        choose(request, reply, TYPES, ARRAY_LENGTH(TYPES), &r) == NULL)
        return r;
    text_append_format(
        &reply->body,
        "{\"linkset\":[{\"anchor\":\"%s/v1\",\"service-desc\":[{\"href\":\"%s/openapi.json\","
        "\"type\":\"application/json\"},{\"href\":\"%s/openapi.yaml\",\"type\":"
        "\"application/yaml\"}],\"service-meta\":[{\"href\":\"%s/\",\"type\":"
        "\"application/json\"},{\"href\":\"%s/.well-known/oauth-authorization-server\","
        "\"type\":\"application/json\"}]}]}",
        base, base, base, base, base);
    link = arena_format(request->arena, "<%s/.well-known/api-catalog>; rel=\"api-catalog\"", base);
    if (link == NULL)
        return fault_raise(-ENOMEM);
    r = reply_header(reply, "Link", link);
    return r != 0 ? r : finish(request, reply, API_CATALOG_TYPE);
}
