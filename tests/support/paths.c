#include "support/paths.h"

#include "base/annotate.h"
#include "support/http.h"
#include "support/mentoring.h"
#include "support/scene.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE_BYTES 200
#define ID_BYTES 40
#define NOTHING "01997b2c-9a40-7c13-8f5e-2b6d1c0e4b02"

/* --- things that there are, once a test ---------------------------------------------------------
 */

static void make(const char *token, const char *path, const char *body, const char *pointer,
                 char ret_id[ID_BYTES])
{
    char key[64];
    const char *const headers[] = {key, NULL};
    CLEANUP(response_freep) struct response *response = NULL;
    static unsigned number;

    (void)snprintf(key, sizeof(key), "Idempotency-Key: paths-%ld-%u", (long)getpid(), ++number);
    response = http_as(token, "POST", path, headers, body);
    cr_assert(response->status == 200 || response->status == 201, "POST %s: %d %.300s", path,
              response->status, response->body);
    (void)snprintf(ret_id, ID_BYTES, "%s", response_text_at(response, pointer));
}

static const char *client(void)
{
    static char id[ID_BYTES];

    if (id[0] == '\0')
        make(token_for("admin", "univerbal"), "/v1/clients",
             "{\"name\":\"Paths\",\"organisation\":\"univerbal\",\"role\":\"partner\"}", "/id", id);
    return id;
}

static const char *proposal(void)
{
    static char id[ID_BYTES];

    if (id[0] == '\0')
        make(NULL, "/v1/practices/univerbal/proposals",
             "{\"patch\":{\"summary\":\"Another summary.\"},\"message\":\"As it is.\"}", "/id", id);
    return id;
}

static const char *programme(void)
{
    static char *id;

    if (id == NULL)
        id = mentoring_programme(NULL);
    return id;
}

static void add_contact(const struct test_person *person)
{
    CLEANUP(response_freep) struct response *response = NULL;
    char path[VALUE_BYTES];

    (void)snprintf(path, sizeof(path), "/v1/%s/%s/contact", person->path, person->id);
    response = http_as(mentoring_coordinator(), "PUT", path, NULL,
                       "{\"channel\":\"email\",\"address\":\"somebody@example.org\"}");
    cr_assert_lt(response->status, 300, "%s: %.300s", path, response->body);
}

static const char *person(const char *path)
{
    static struct test_person mentor, mentee;
    struct test_person *person = strcmp(path, "mentors") == 0 ? &mentor : &mentee;

    if (person->id[0] == '\0') {
        mentoring_person(path, programme(), NULL, person);
        add_contact(person);
    }
    return person->id;
}

/* Of a new pair: one of the moves that make it active. */
static void move(const char *pair, const char *name, const char *body)
{
    static const char *const HEADERS[] = {"If-Match: *", NULL};
    CLEANUP(response_freep) struct response *response = NULL;
    char path[VALUE_BYTES];

    (void)snprintf(path, sizeof(path), "/v1/mentoring-pairs/%s/%s", pair, name);
    response = http_as(mentoring_coordinator(), "POST", path, HEADERS, body);
    cr_assert_eq(response->status, 200, "%s: %.300s", path, response->body);
}

static const char *pair(void)
{
    static char id[ID_BYTES];
    char body[VALUE_BYTES];

    if (id[0] != '\0')
        return id;
    (void)snprintf(body, sizeof(body), "{\"mentor\":\"%s\",\"mentee\":\"%s\"}", person("mentors"),
                   person("mentees"));
    make(mentoring_coordinator(), "/v1/mentoring-pairs", body, "/id", id);
    move(id, "accept", "{\"side\":\"mentor\"}");
    move(id, "accept", "{\"side\":\"mentee\"}");
    move(id, "start", NULL);
    return id;
}

static const char *meeting(void)
{
    static char id[ID_BYTES];
    char path[VALUE_BYTES];

    (void)snprintf(path, sizeof(path), "/v1/mentoring-pairs/%s/meetings", pair());
    if (id[0] == '\0')
        make(mentoring_coordinator(), path, path_of("{\"starts_at\":\"%s\"}", scene_in_hours(24)),
             "/id", id);
    return id;
}

static const char *goal(void)
{
    static char id[ID_BYTES];
    char path[VALUE_BYTES];

    (void)snprintf(path, sizeof(path), "/v1/mentoring-pairs/%s/goals", pair());
    if (id[0] == '\0')
        make(mentoring_coordinator(), path, "{\"term\":\"business_plan\"}", "/id", id);
    return id;
}

static const char *receipt(void)
{
    static char id[ID_BYTES];
    char path[VALUE_BYTES];
    struct test_person erased;

    if (id[0] != '\0')
        return id;
    mentoring_person("mentees", programme(), NULL, &erased);
    (void)snprintf(path, sizeof(path), "/v1/mentees/%s/erase", erased.id);
    make(mentoring_coordinator(), path, NULL, "/receipt", id);
    return id;
}

/* The first record of a resource. */
static const char *record(const char *resource, size_t length)
{
    static char slug[VALUE_BYTES];
    CLEANUP(response_freep) struct response *response = NULL;
    char path[VALUE_BYTES];

    (void)snprintf(path, sizeof(path), "/v1/%.*s?limit=1", (int)length, resource);
    response = http_get(path);
    cr_assert_eq(response->status, 200, "%s", path);
    (void)snprintf(slug, sizeof(slug), "%s", response_text_at(response, "/data/0/slug"));
    return slug;
}

/* --- segments ------------------------------------------------------------------------------------
 */

static bool begins(const char *template, const char *with)
{
    return strncmp(template, with, strlen(with)) == 0;
}

static bool is_named(const char *name, size_t length, const char *wanted)
{
    return strlen(wanted) == length && strncmp(wanted, name, length) == 0;
}

static const char *id_for(const char *template)
{
    const char *resource = template + strlen("/v1/");

    if (begins(template, "/v1/clients/"))
        return client();
    if (begins(template, "/v1/proposals/"))
        return proposal();
    if (begins(template, "/v1/mentors/"))
        return person("mentors");
    if (begins(template, "/v1/mentees/"))
        return person("mentees");
    if (begins(template, "/v1/mentoring-pairs/"))
        return pair();
    if (strcmp(template, "/v1/financing-offers/{id}/schedule") == 0)
        return "barcelona-decreasing-subsidy";
    if (resource[0] == '{')
        return record("practices", strlen("practices"));
    return record(resource, strcspn(resource, "/"));
}

/* What a segment in braces stands for: something that there is, or else a name of the right form.
 */
static const char *value_of(const char *template, const char *name, size_t length)
{
    static const struct {
        const char *name, *value;
    } VALUES[] = {{"resource", "practices"}, {"version", "1"},        {"slot", "1"},
                  {"code", "not-found"},     {"purpose", "matching"}, {"move", "withdraw"},
                  {"moment", "end"}};

    if (is_named(name, length, "id"))
        return id_for(template);
    if (is_named(name, length, "receipt"))
        return receipt();
    if (is_named(name, length, "meeting"))
        return meeting();
    if (is_named(name, length, "goal"))
        return goal();
    if (is_named(name, length, "code") && begins(template, "/v1/mentoring-pairs/"))
        return "job";
    for (size_t i = 0; i < ARRAY_LENGTH(VALUES); i++)
        if (is_named(name, length, VALUES[i].name))
            return VALUES[i].value;
    return NOTHING;
}

/* --- whole addresses -----------------------------------------------------------------------------
 */

/* Examples need no escaping but for their spaces. */
static void add_text(const char *text, char path[PATH_FILLED_BYTES])
{
    size_t used = strlen(path);

    for (; *text != '\0' && used < PATH_FILLED_BYTES - 1; text++)
        path[used++] = (char)(*text == ' ' ? '+' : *text);
    path[used] = '\0';
}

/* "?start=2027-01&budget=48000.00" */
static void add_required(const json_t *operation, char path[PATH_FILLED_BYTES])
{
    const json_t *parameter;
    const char *mark = "?";
    size_t i;

    json_array_foreach (json_object_get(operation, "parameters"), i, parameter) {
        const char *name = json_string_value(json_object_get(parameter, "name"));
        const char *in = json_string_value(json_object_get(parameter, "in"));
        const char *example = json_string_value(json_object_get(parameter, "example"));

        if (in == NULL || strcmp(in, "query") != 0 ||
            !json_is_true(json_object_get(parameter, "required")))
            continue;
        cr_assert_not_null(example, "%s needs %s, which has no example", path, name);
        add_text(mark, path);
        add_text(name, path);
        add_text("=", path);
        add_text(example, path);
        mark = "&";
    }
}

void path_fill(const char *template, const json_t *item, char ret_path[PATH_FILLED_BYTES])
{
    size_t used = 0;

    for (const char *at = template; *at != '\0' && used < PATH_FILLED_BYTES - 1;) {
        size_t length;

        if (*at != '{') {
            ret_path[used++] = *at++;
            continue;
        }
        length = strcspn(++at, "}");
        used += (size_t)snprintf(ret_path + used, PATH_FILLED_BYTES - used, "%.200s",
                                 value_of(template, at, length));
        at += length + 1;
    }
    ret_path[used < PATH_FILLED_BYTES ? used : PATH_FILLED_BYTES - 1] = '\0';
    add_required(json_object_get(item, "get"), ret_path);
    /* One of several says where. */
    if (strcmp(template, "/v1/coverage") == 0)
        add_text("?country=BE", ret_path);
}

const char *path_reader(const char *template, const json_t *item)
{
    const json_t *way;
    size_t i;

    json_array_foreach (json_object_get(json_object_get(item, "get"), "security"), i, way)
        if (json_object_size(way) == 0)
            return NULL;
    if (begins(template, "/v1/mentor") && !begins(template, "/v1/mentoring-programmes"))
        return mentoring_coordinator();
    return begins(template, "/v1/mentee") ? mentoring_coordinator()
                                          : token_for("admin", "univerbal");
}
