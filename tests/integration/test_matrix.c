/*
 * Who may do what: every operation of the contract, as every kind of caller, on a record in every
 * state, against the table in matrix_rows.h. The operations are read from the contract, so that a
 * new one without a row fails. Nothing is changed: all that would is sent with dry_run=true.
 */
#include "base/annotate.h"
#include "base/text.h"
#include "contract/contract.h"
#include "integration/matrix_rows.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/mentoring.h"
#include "support/operations.h"
#include "support/scene.h"
#include "support/server.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(matrix, .fini = test_ends_without_leaks, .timeout = 900);

#define KEY_BYTES OPERATION_KEY_BYTES
#define FAULTS_BYTES_MAX (1024 * 1024)
#define FAULTS_SHOWN_BYTES 6000
#define UNKNOWN_ID "01997b2c-9a40-7c13-8f5e-2b6d1c0e0000"

/* --- who asks -------------------------------------------------------------------------------- */

enum who {
    NOBODY,
    PARTICIPANT,
    OWNER,
    OWNER_READS,
    OWNER_ELSEWHERE,
    OTHER,
    COORDINATOR,
    EDITOR,
    ADMIN,
    WHO
};

static const char *const WHO_NAMES[WHO] = {
    [NOBODY] = "nobody",
    [PARTICIPANT] = "a participant of the owner",
    [OWNER] = "a partner of the owner",
    [OWNER_READS] = "one with the scope read alone",
    [OWNER_ELSEWHERE] = "one with the scope to write another resource alone",
    [OTHER] = "a partner of another organisation",
    [COORDINATOR] = "a coordinator of the owner",
    [EDITOR] = "an editor",
    [ADMIN] = "an administrator",
};

static const char *token_of(enum who who, const char *resource)
{
    switch (who) {
    case NOBODY:
        return NULL;
    case PARTICIPANT:
        return token_for("participant", ORGANISATION);
    case OWNER:
        return token_for("partner", ORGANISATION);
    case OWNER_READS:
        return token_with_scopes("partner", ORGANISATION, "read");
    case OWNER_ELSEWHERE:
        return token_with_scopes("partner", ORGANISATION,
                                 resource != NULL && strcmp(resource, "networks") == 0
                                     ? "write:services"
                                     : "write:networks");
    case OTHER:
        return token_for("partner", OTHER_ORGANISATION);
    case COORDINATOR:
        return token_for("coordinator", ORGANISATION);
    case EDITOR:
        return token_for("editor", NULL);
    case ADMIN:
        return token_for("admin", NULL);
    case WHO:
        break;
    }
    cr_assert_fail("there is nobody of number %d", (int)who);
    return NULL;
}

/* --- the table ---------------------------------------------------------------------------------
 */

static const struct matrix_row *find_row(const char *key, const char *state)
{
    for (size_t i = 0; i < ARRAY_LENGTH(MATRIX); i++)
        if (strcmp(MATRIX[i].key, key) == 0 && strcmp(MATRIX[i].state, state) == 0)
            return &MATRIX[i];
    return NULL;
}

static bool has_rows(const char *key)
{
    for (size_t i = 0; i < ARRAY_LENGTH(MATRIX); i++)
        if (strcmp(MATRIX[i].key, key) == 0)
            return true;
    return false;
}

/* "401 403 200 …": the one at @who */
static int status_of(const struct matrix_row *row, enum who who)
{
    return (int)strtol(row->statuses + 4 * (size_t)who, NULL, 10);
}

static void check_has_rows(const struct operation *operation, void *data)
{
    struct text *faults = data;
    char key[KEY_BYTES];

    operation_key(operation, NULL, key);
    if (!has_rows(key))
        text_append_format(faults, "%s has no row in matrix_rows.h\n", key);
}

static bool row_is_of(const struct matrix_row *row, const struct operation *operation)
{
    char key[KEY_BYTES];

    operation_key(operation, NULL, key);
    if (strcmp(key, row->key) == 0)
        return true;
    for (size_t i = 0; i < contract_resource_count(list_contract()); i++) {
        const struct resource *resource = contract_resource(list_contract(), i);

        operation_key(operation, resource, key);
        if (strcmp(key, row->key) == 0)
            return true;
    }
    return false;
}

static bool used[ARRAY_LENGTH(MATRIX)];

static void note_rows(const struct operation *operation, void *data)
{
    (void)data;
    for (size_t i = 0; i < ARRAY_LENGTH(MATRIX); i++)
        used[i] = used[i] || row_is_of(&MATRIX[i], operation);
}

/* Checks Z1. */
Test(matrix, every_operation_has_rows_and_every_row_an_operation)
{
    struct text faults;

    text_init(&faults, FAULTS_BYTES_MAX);
    operations_walk(check_has_rows, &faults);
    operations_walk(note_rows, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(MATRIX); i++) {
        if (!used[i])
            text_append_format(&faults, "%s: the contract has no such operation\n", MATRIX[i].key);
        if (strlen(MATRIX[i].statuses) != 4 * WHO - 1)
            text_append_format(&faults, "%s %s: %d statuses are needed\n", MATRIX[i].key,
                               MATRIX[i].state, WHO);
    }
    cr_assert_str_empty(faults.bytes, "%s", faults.bytes);
    text_deinit(&faults);
}

/* --- records in every state --------------------------------------------------------------------
 */

enum state { DRAFT, IN_REVIEW, PUBLISHED, WAITING, ARCHIVED, DELETED, UNKNOWN, STATES };
static const char *const STATE_NAMES[STATES] = {
    [DRAFT] = "draft",     [IN_REVIEW] = "in_review", [PUBLISHED] = "published",
    [WAITING] = "waiting", [ARCHIVED] = "archived",   [DELETED] = "deleted",
    [UNKNOWN] = "unknown"};

/* A record of a resource in each state, and one more that is published. */
struct records {
    const struct resource *resource;
    char *ids[STATES];
    char *survivor;
};

static void step(const struct records *records, const char *token, const char *id, const char *name)
{
    CLEANUP(response_freep)
    struct response *response =
        write_as(token, "POST", path_of("/v1/%s/%s/%s", records->resource->path, id, name), NULL,
                 NULL, NULL);

    expect_status(response, 200, path_of("%s of %s", name, records->resource->path));
}

static json_t *patch_of(const struct resource *resource)
{
    return json_pack("{s:s}", resource->label->name, "another_name_of_it");
}

/* Owned: the id of a new record, brought into @state by those who may. */
static char *make_record(const struct records *records, enum state state)
{
    const struct resource *resource = records->resource;
    const char *writer = writer_of(resource), *admin = token_for("admin", NULL);
    json_auto_t *body = writer_record(resource, 0), *patch = patch_of(resource);
    CLEANUP(response_freep)
    struct response *made =
        write_as(writer, "POST", path_of("/v1/%s", resource->path), NULL, NULL, body);
    CLEANUP(response_freep) struct response *last = NULL;
    char *id;

    expect_status(made, 201, resource->path);
    id = strdup(response_text_at(made, "/id"));
    cr_assert_not_null(id);
    if (state == DRAFT)
        return id;
    step(records, writer, id, "submit");
    if (state == IN_REVIEW)
        return id;
    step(records, admin, id, "publish");
    if (state == WAITING)
        last =
            write_as(writer, "PATCH", path_of("/v1/%s/%s", resource->path, id), "*", NULL, patch);
    if (state == DELETED)
        last =
            write_as(writer, "DELETE", path_of("/v1/%s/%s", resource->path, id), "*", NULL, NULL);
    if (last != NULL)
        expect_status(last, state == DELETED ? 204 : 200, resource->path);
    if (state == ARCHIVED)
        step(records, admin, id, "archive");
    return id;
}

static void make_records(const struct resource *resource, struct records *ret_records)
{
    *ret_records = (struct records){.resource = resource};
    for (enum state state = DRAFT; state < UNKNOWN; state++)
        ret_records->ids[state] = make_record(ret_records, state);
    ret_records->ids[UNKNOWN] = strdup(UNKNOWN_ID);
    ret_records->survivor = make_record(ret_records, PUBLISHED);
}

static void free_records(struct records *records)
{
    for (enum state state = DRAFT; state < STATES; state++)
        free(records->ids[state]);
    free(records->survivor);
}

/* --- asking --------------------------------------------------------------------------------------
 */

struct asking {
    const struct records *records;
    bool is_thorough; /* related lists in every state; otherwise published ones alone */
    struct text *faults;
};

static bool ends_in(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* What the operation wants to be sent; owned, NULL for none. */
static json_t *body_of(const struct operation *operation, const struct records *records,
                       const char *id)
{
    const char *template = operation->template;

    if (strcmp(operation->method, "get") == 0 || strcmp(operation->method, "delete") == 0)
        return NULL;
    if (strcmp(operation->method, "patch") == 0)
        return patch_of(records->resource);
    if (ends_in(template, "/batch-get"))
        return json_pack("{s:[s]}", "ids", id);
    if (ends_in(template, "/return"))
        return json_pack("{s:s}", "reason", "Please name the year.");
    if (ends_in(template, "/merge"))
        return json_pack("{s:s}", "into", records->survivor);
    if (ends_in(template, "/proposals"))
        return json_pack("{s:o}", "patch", patch_of(records->resource));
    if (ends_in(template, "/matches"))
        return json_pack("{ss}", "mentee", UNKNOWN_ID);
    if (ends_in(template, "/cohort-match"))
        return json_object();
    if (ends_in(template, "/score"))
        return json_pack("{s:{s:i},s:{s:i,s:i}}", "answers", "life_course", 1, "scale", "minimum",
                         0, "maximum", 5);
    if (ends_in(template, "/match"))
        return json_object();
    if (operation->resource != NULL)
        return writer_record(operation->resource, 0);
    return NULL;
}

/* The template with everything filled in. */
static void make_path(const struct operation *operation, const struct records *records,
                      const char *id, struct text *path)
{
    static const char ID[] = "{id}", RESOURCE[] = "{resource}", VERSION[] = "{version}";

    for (const char *at = operation->template; *at != '\0';) {
        if (strncmp(at, ID, sizeof(ID) - 1) == 0) {
            text_append(path, id);
            at += sizeof(ID) - 1;
        } else if (strncmp(at, RESOURCE, sizeof(RESOURCE) - 1) == 0) {
            text_append(path, records->resource->path);
            at += sizeof(RESOURCE) - 1;
        } else if (strncmp(at, VERSION, sizeof(VERSION) - 1) == 0) {
            text_append(path, "1");
            at += sizeof(VERSION) - 1;
        } else {
            text_append_char(path, *at++);
        }
    }
    if (operation_takes(operation, "dryRun"))
        text_append(path, "?dry_run=true");
    if (ends_in(operation->template, "/network-paths"))
        text_append(path, "?to=" ORGANISATION);
}

static void ask(const struct asking *asking, const struct operation *operation, enum state state,
                enum who who, int expected)
{
    const struct records *records = asking->records;
    const char *id = records->ids[state];
    json_auto_t *body = body_of(operation, records, id);
    char method[KEY_BYTES] = "";
    struct text path;

    for (size_t i = 0; operation->method[i] != '\0'; i++)
        method[i] = (char)(operation->method[i] - 'a' + 'A');
    text_init(&path, KEY_BYTES * 4);
    make_path(operation, records, id, &path);
    CLEANUP(response_freep)
    struct response *response = write_as(token_of(who, records->resource->path), method, path.bytes,
                                         strcmp(method, "GET") == 0 ? NULL : "*", NULL, body);

    if (response->status != expected)
        text_append_format(asking->faults, "%s %s (%s), %s: %d, not %d\n", method, path.bytes,
                           STATE_NAMES[state], WHO_NAMES[who], response->status, expected);
    text_deinit(&path);
}

static const struct matrix_row *row_of(const struct operation *operation,
                                       const struct resource *resource, const char *state)
{
    const struct matrix_row *row;
    char key[KEY_BYTES];

    operation_key(operation, resource, key);
    row = find_row(key, state);
    if (row != NULL || has_rows(key))
        return row;
    operation_key(operation, NULL, key);
    return find_row(key, state);
}

/* What the others may does not hang on the resource, and is asked of three of them. */
static bool tells_resources_apart(enum who who)
{
    return who == NOBODY || who == OWNER || who == OWNER_ELSEWHERE || who == OTHER || who == EDITOR;
}

/* Every state that the operation has rows for, as everybody. */
static void ask_all(const struct operation *operation, void *data)
{
    const struct asking *asking = data;
    const struct resource *resource = asking->records->resource;
    const bool is_generic = strncmp(operation->template, "/v1/{resource}", 14) == 0;
    const bool is_of_record = strstr(operation->template, "{id}") != NULL;

    if (operation->resource != resource && !(is_generic && asking->is_thorough))
        return;
    for (enum state state = DRAFT; state < STATES; state++) {
        const struct matrix_row *row =
            row_of(operation, resource, is_of_record ? STATE_NAMES[state] : "-");

        if (row == NULL || (!is_of_record && state != PUBLISHED))
            continue;
        if (!asking->is_thorough && state != PUBLISHED && state != DRAFT &&
            strstr(row->key, "{related}") != NULL)
            continue;
        for (enum who who = NOBODY; who < WHO; who++)
            if (asking->is_thorough || tells_resources_apart(who))
                ask(asking, operation, state, who, status_of(row, who));
    }
}

static void check_resource(const struct resource *resource, bool is_thorough, struct text *faults)
{
    struct records records;
    struct asking asking = {.records = &records, .is_thorough = is_thorough, .faults = faults};

    make_records(resource, &records);
    operations_walk(ask_all, &asking);
    free_records(&records);
}

static void end_with(struct text *faults)
{
    cr_assert_not(text_failed(faults));
    cr_assert_str_empty(faults->bytes, "%.*s", FAULTS_SHOWN_BYTES, faults->bytes);
    text_deinit(faults);
}

/* Every @step-th resource, so that tests share the work. */
static void check_resources(size_t first, size_t stride)
{
    const struct contract *contract = list_contract();
    struct text faults;

    text_init(&faults, FAULTS_BYTES_MAX);
    for (size_t i = first; i < contract_resource_count(contract); i += stride)
        check_resource(contract_resource(contract, i), false, &faults);
    end_with(&faults);
}

static void check_thoroughly(const char *name)
{
    struct text faults;

    text_init(&faults, FAULTS_BYTES_MAX);
    check_resource(contract_resource_find(list_contract(), name), true, &faults);
    end_with(&faults);
}

/* Checks Z1, Z8. */
Test(matrix, records_of_a_quarter_of_the_resources)
{
    check_resources(0, 4);
}

/* Checks Z1, Z8. */
Test(matrix, records_of_another_quarter_of_the_resources)
{
    check_resources(1, 4);
}

/* Checks Z1, Z8. */
Test(matrix, records_of_a_third_quarter_of_the_resources)
{
    check_resources(2, 4);
}

/* Checks Z1, Z8. */
Test(matrix, records_of_the_last_quarter_of_the_resources)
{
    check_resources(3, 4);
}

/* Checks Z1, Z8. */
Test(matrix, practices_with_every_step_and_version)
{
    check_thoroughly("practices");
}

/* Checks Z1, Z8. */
Test(matrix, networks_with_every_step_and_version)
{
    check_thoroughly("networks");
}

/* Checks Z1, Z8. */
Test(matrix, vocabularies_with_every_step_and_version)
{
    check_thoroughly("vocabularies");
}

/* --- what is of no record ------------------------------------------------------------------------
 */

/* Where the path has an id: of a client, of a proposal, of a person. */
struct service_asking {
    char *client;
    char *proposal;
    struct test_person mentor, mentee;
    char pair[40], meeting[40], goal[40];
    struct text *faults;
};

#define NEW_PERSON                                                                                 \
    "{\"programme\":\"a-programme-of-a-test\",\"languages\":[{\"language\":\"fr\",\"level\":"      \
    "\"A1\"}],\"formats\":[\"remote\"],\"consents\":[{\"purpose\":\"programme\",\"version\":"      \
    "\"1\"}]}"
#define A_PROFILE                                                                                  \
    "{\"languages\":[{\"language\":\"fr\",\"level\":\"A1\"}],\"formats\":[\"remote\"]}"
#define A_CONTACT "{\"channel\":\"email\",\"address\":\"matrix@example.org\"}"
#define A_MEETING "{\"starts_at\":\"tomorrow\"}"
#define A_CONSENT "{\"purpose\":\"statistics\",\"version\":\"2\"}"

/* What the operation wants to be sent. */
static const struct {
    const char *key;
    const char *type; /* Content-Type; NULL: that of JSON */
    const char *body;
} SERVICE_BODIES[] = {
    {"POST /v1/oauth/token", "Content-Type: application/x-www-form-urlencoded",
     "grant_type=client_credentials"},
    {"POST /v1/oauth/revoke", "Content-Type: application/x-www-form-urlencoded", "token=x"},
    {"POST /v1/clients", NULL,
     "{\"name\":\"Matrix\",\"organisation\":\"" ORGANISATION "\",\"role\":\"partner\"}"},
    {"PATCH /v1/clients/{id}", NULL, "{\"name\":\"Matrix\"}"},
    {"POST /v1/mentors", NULL, NEW_PERSON},
    {"POST /v1/mentees", NULL, NEW_PERSON},
    {"PUT /v1/mentors/{id}", NULL, A_PROFILE},
    {"PUT /v1/mentees/{id}", NULL, A_PROFILE},
    {"PATCH /v1/mentors/{id}", NULL, "{\"status\":\"paused\"}"},
    {"PATCH /v1/mentees/{id}", NULL, "{\"status\":\"paused\"}"},
    {"PUT /v1/mentors/{id}/contact", NULL, A_CONTACT},
    {"PUT /v1/mentees/{id}/contact", NULL, A_CONTACT},
    {"POST /v1/mentors/{id}/consents", NULL, A_CONSENT},
    {"POST /v1/mentees/{id}/consents", NULL, A_CONSENT},
    {"POST /v1/mentoring-pairs", NULL,
     "{\"mentor\":\"" UNKNOWN_ID "\",\"mentee\":\"" UNKNOWN_ID "\"}"},
    {"POST /v1/mentoring-pairs/{id}/accept", NULL, "{\"side\":\"mentor\"}"},
    {"POST /v1/mentoring-pairs/{id}/decline", NULL, "{\"reason\":\"other\"}"},
    {"POST /v1/mentoring-pairs/{id}/withdraw", NULL, "{\"reason\":\"other\"}"},
    {"POST /v1/mentoring-pairs/{id}/pause", NULL, "{\"reason\":\"travel\"}"},
    {"POST /v1/mentoring-pairs/{id}/complete", NULL, "{\"reason\":\"time_is_up\"}"},
    {"POST /v1/mentoring-pairs/{id}/end", NULL, "{\"reason\":\"other\"}"},
    {"POST /v1/mentoring-pairs/{id}/meetings", NULL, A_MEETING},
    {"PATCH /v1/mentoring-pairs/{id}/meetings/{meeting}", NULL, "{\"state\":\"cancelled\"}"},
    {"POST /v1/mentoring-pairs/{id}/goals", NULL, "{\"term\":\"find_job\"}"},
    {"PATCH /v1/mentoring-pairs/{id}/goals/{goal}", NULL, "{\"progress\":50}"},
    {"PUT /v1/mentoring-pairs/{id}/feedback/{moment}", NULL, "{\"satisfaction\":3}"},
    {"POST /v1/mentoring-pairs/{id}/outcomes", NULL, "{\"moment\":\"end\",\"code\":\"job\"}"},
    {"POST /v1/proposals/{id}/decline", NULL, "{\"reason\":\"It is true as it is.\"}"},
    {"POST /v1/proposals/{id}/erase", NULL, "{\"code\":\"of another\"}"},
};

static const char *a_meeting(void)
{
    return path_of("{\"starts_at\":\"%s\"}", scene_in_hours(24));
}

/* The id of what is there, at an address that begins like this. */
static const char *id_at(const struct service_asking *asking, const char *template)
{
    if (strncmp(template, "/v1/clients", 11) == 0)
        return asking->client;
    if (strncmp(template, "/v1/mentors", 11) == 0)
        return asking->mentor.id;
    if (strncmp(template, "/v1/mentees", 11) == 0)
        return asking->mentee.id;
    if (strncmp(template, "/v1/mentoring-pairs", 19) == 0)
        return asking->pair;
    return asking->proposal;
}

/* What stands for another parameter of a path, at @at. */
static const char *value_at(const struct service_asking *asking, const char *at)
{
    const char *const VALUES[][2] = {{"{purpose}", "statistics"},
                                     {"{slot}", "1"},
                                     {"{meeting}", asking->meeting},
                                     {"{goal}", asking->goal},
                                     {"{moment}", "middle"}};

    for (size_t i = 0; i < ARRAY_LENGTH(VALUES); i++)
        if (strncmp(at, VALUES[i][0], strlen(VALUES[i][0])) == 0)
            return VALUES[i][1];
    return "not-found";
}

static void ask_service(const struct service_asking *asking, const struct operation *operation,
                        const char *key, bool is_known, enum who who, int expected)
{
    const char *headers[4] = {NULL};
    const char *body = NULL;
    struct text path;
    size_t count = 0;
    CLEANUP(response_freep) struct response *response = NULL;
    char method[KEY_BYTES];

    (void)snprintf(method, sizeof(method), "%.*s", (int)strcspn(key, " "), key);
    text_init(&path, KEY_BYTES * 4);
    for (const char *at = operation->template; *at != '\0';) {
        if (*at != '{') {
            text_append_char(&path, *at++);
            continue;
        }
        if (strncmp(at, "{id}", 4) == 0)
            text_append(&path, is_known ? id_at(asking, operation->template) : UNKNOWN_ID);
        else
            text_append(&path, value_at(asking, at));
        at += strcspn(at, "}") + 1;
    }
    if (strcmp(method, "GET") != 0 && strstr(key, "/oauth/") == NULL)
        text_append(&path, "?dry_run=true");
    else if (strcmp(key, "GET /v1/search") == 0)
        text_append(&path, "?q=mentoring");
    else if (strcmp(key, "GET /v1/coverage") == 0)
        text_append(&path, "?country=BE");
    for (size_t i = 0; i < ARRAY_LENGTH(SERVICE_BODIES); i++) {
        if (strcmp(SERVICE_BODIES[i].key, key) != 0)
            continue;
        body =
            strcmp(SERVICE_BODIES[i].body, A_MEETING) == 0 ? a_meeting() : SERVICE_BODIES[i].body;
        if (SERVICE_BODIES[i].type != NULL)
            headers[count++] = SERVICE_BODIES[i].type;
    }
    if (strcmp(method, "PATCH") == 0 || strcmp(method, "PUT") == 0 ||
        strncmp(key, "POST /v1/mentoring-pairs/{id}/", 30) == 0)
        headers[count++] = "If-Match: *";
    response = http_as(token_of(who, NULL), method, path.bytes, headers, body);
    if (response->status != expected)
        text_append_format(asking->faults, "%s %s, %s: %d, not %d\n", method, path.bytes,
                           WHO_NAMES[who], response->status, expected);
    text_deinit(&path);
}

static void ask_service_all(const struct operation *operation, void *data)
{
    const struct service_asking *asking = data;
    char key[KEY_BYTES];

    operation_key(operation, NULL, key);
    if (strstr(key, "/v1/{resource}") != NULL)
        return;
    for (int is_known = 1; is_known >= 0; is_known--) {
        const struct matrix_row *row = find_row(key, is_known ? "-" : "unknown");

        for (enum who who = NOBODY; row != NULL && who < WHO; who++)
            ask_service(asking, operation, key, is_known, who, status_of(row, who));
    }
}

static void make_people(struct service_asking *asking)
{
    char *programme = mentoring_programme(NULL);
    struct test_person *const people[] = {&asking->mentor, &asking->mentee};

    mentoring_person("mentors", programme, NULL, &asking->mentor);
    mentoring_person("mentees", programme, NULL, &asking->mentee);
    for (size_t i = 0; i < ARRAY_LENGTH(people); i++) {
        CLEANUP(response_freep)
        struct response *contact =
            http_as(people[i]->token, "PUT",
                    path_of("/v1/%s/%s/contact", people[i]->path, people[i]->id), NULL, A_CONTACT);

        expect_status(contact, 200, "how to reach a person");
    }
    free(programme);
}

/* Of what is made at an address, the id. */
static void make(const char *path, const char *body, char ret_id[40])
{
    CLEANUP(response_freep)
    struct response *made = http_as(mentoring_coordinator(), "POST", path, NULL, body);

    expect_status(made, 201, path);
    (void)snprintf(ret_id, 40, "%s", response_text_at(made, "/id"));
}

/* An active one, with a meeting and a goal. */
static void make_pair(struct service_asking *asking)
{
    static const char *const MOVES[][2] = {
        {"accept", "{\"side\":\"mentor\"}"}, {"accept", "{\"side\":\"mentee\"}"}, {"start", NULL}};
    const char *const headers[] = {"If-Match: *", NULL};

    make("/v1/mentoring-pairs",
         path_of("{\"mentor\":\"%s\",\"mentee\":\"%s\"}", asking->mentor.id, asking->mentee.id),
         asking->pair);
    for (size_t i = 0; i < ARRAY_LENGTH(MOVES); i++) {
        CLEANUP(response_freep)
        struct response *moved = http_as(
            mentoring_coordinator(), "POST",
            path_of("/v1/mentoring-pairs/%s/%s", asking->pair, MOVES[i][0]), headers, MOVES[i][1]);

        expect_status(moved, 200, MOVES[i][0]);
    }
    make(path_of("/v1/mentoring-pairs/%s/meetings", asking->pair), a_meeting(), asking->meeting);
    make(path_of("/v1/mentoring-pairs/%s/goals", asking->pair), "{\"term\":\"business_plan\"}",
         asking->goal);
}

/* Checks Z1, A1. */
Test(matrix, what_is_of_no_record)
{
    const char *admin = token_for("admin", NULL);
    CLEANUP(response_freep)
    struct response *client = http_as(admin, "POST", "/v1/clients", NULL, SERVICE_BODIES[2].body);
    CLEANUP(response_freep) struct response *proposal = NULL;
    char *slug = publish_practice("What somebody wants to correct");
    struct service_asking asking;
    struct text faults;

    proposal = http_as(NULL, "POST", path_of("/v1/practices/%s/proposals", slug), NULL,
                       "{\"patch\":{\"title\":\"What is right\"}}");
    expect_status(client, 201, "a client");
    expect_status(proposal, 201, "a proposal");
    text_init(&faults, FAULTS_BYTES_MAX);
    asking = (struct service_asking){.client = strdup(response_text_at(client, "/id")),
                                     .proposal = strdup(response_text_at(proposal, "/id")),
                                     .faults = &faults};
    make_people(&asking);
    make_pair(&asking);
    operations_walk(ask_service_all, &asking);
    free(asking.client);
    free(asking.proposal);
    free(slug);
    end_with(&faults);
}
