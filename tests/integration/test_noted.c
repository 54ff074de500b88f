/*
 * Every write and every reading of what is not public leaves exactly one entry in the audit log:
 * the right one, with nobody's words in it. What the contract has is held against the deeds below,
 * so that a new operation which nobody notes fails.
 */
#include "base/annotate.h"
#include "base/text.h"
#include "support/database.h"
#include "support/http.h"
#include "support/leaks.h"
#include "support/mentoring.h"
#include "support/operations.h"
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

TestSuite(noted, .fini = test_ends_without_leaks, .timeout = 300);

#define PATH_BYTES_MAX 600
#define CANARY "canary-9f31"

/* Whose id the path has, where it says {id}. */
enum subject {
    NOTHING,
    PRACTICE,
    SURVIVOR,
    PROPOSAL,
    SECOND_PROPOSAL,
    CLIENT,
    MENTOR,
    MENTEE,
    SUBJECTS
};
enum who { NOBODY, PARTNER, EDITOR, ADMIN, COORDINATOR };

#define NEW_PERSON                                                                                 \
    "{\"programme\":\"a-programme-of-a-test\",\"languages\":[{\"language\":\"fr\",\"level\":"      \
    "\"A1\"}],\"formats\":[\"remote\"],\"subject\":\"" CANARY "\",\"consents\":[{\"purpose\":"     \
    "\"programme\",\"version\":\"1\"}]}"

/* In the order in which they can be done. */
static const struct deed {
    const char *operation; /* of the contract */
    const char *path;      /* NULL: as the operation says */
    enum who who;
    enum subject subject;
    int status;
    const char *body;
    enum subject made; /* what the answer's id is that of */
    const char *entry; /* action, role, resource, version, properties; ID: that of the subject */
} DEEDS[] = {
    {"POST /v1/{resource}", "/v1/practices", PARTNER, NOTHING, 201,
     "{\"title\":\"" CANARY "\",\"summary\":\"" CANARY "\"}", PRACTICE,
     "record.create partner practices MADE 1 {language,owner,slug,summary,title}"},
    {"GET /v1/{resource}/{id}/working-copy", NULL, PARTNER, PRACTICE, 200, NULL, NOTHING,
     "working-copy.read partner practices ID 1"},
    {"GET /v1/{resource}/{id}", NULL, PARTNER, PRACTICE, 200, NULL, NOTHING,
     "working-copy.read partner practices ID 1"},
    {"PUT /v1/{resource}/{id}", NULL, PARTNER, PRACTICE, 200,
     "{\"title\":\"" CANARY " 2\",\"summary\":\"" CANARY "\",\"city\":\"" CANARY "\"}", NOTHING,
     "record.replace partner practices ID 2 {city,title}"},
    {"PATCH /v1/{resource}/{id}", NULL, PARTNER, PRACTICE, 200,
     "{\"title\":\"" CANARY " 3\",\"city\":null}", NOTHING,
     "record.patch partner practices ID 3 {city,title}"},
    {"POST /v1/{resource}/{id}/submit", NULL, PARTNER, PRACTICE, 200, NULL, NOTHING,
     "record.submit partner practices ID 4"},
    {"POST /v1/{resource}/{id}/return", NULL, EDITOR, PRACTICE, 200, "{\"reason\":\"" CANARY "\"}",
     NOTHING, "record.return editor practices ID 5"},
    {"POST /v1/{resource}/{id}/submit", NULL, PARTNER, PRACTICE, 200, NULL, NOTHING,
     "record.submit partner practices ID 6"},
    {"GET /v1/reviews", NULL, EDITOR, NOTHING, 200, NULL, NOTHING, "reviews.list editor"},
    {"GET /v1/working-copies", NULL, PARTNER, NOTHING, 200, NULL, NOTHING,
     "working-copies.list partner"},
    {"POST /v1/{resource}/{id}/publish", NULL, EDITOR, PRACTICE, 200, NULL, NOTHING,
     "record.publish editor practices ID 7"},
    {"POST /v1/{resource}/{id}/verify", NULL, PARTNER, PRACTICE, 200, NULL, NOTHING,
     "record.verify partner practices ID 8 {verified_at}"},
    {"GET /v1/{resource}/{id}/versions", NULL, PARTNER, PRACTICE, 200, NULL, NOTHING,
     "versions.read partner practices ID 8"},
    {"GET /v1/{resource}/{id}/versions/{version}", NULL, EDITOR, PRACTICE, 200, NULL, NOTHING,
     "version.read editor practices ID 1"},
    {"POST /v1/{resource}/{id}/versions/{version}/restore", NULL, EDITOR, PRACTICE, 200, NULL,
     NOTHING, "record.restore editor practices ID 9 {title,verified_at}"},
    {"POST /v1/{resource}/{id}/proposals", NULL, NOBODY, PRACTICE, 201,
     "{\"patch\":{\"city\":\"" CANARY "\"},\"message\":\"" CANARY "\",\"contact\":{\"name\":"
     "\"" CANARY "\"}}",
     PROPOSAL, "proposal.create anonymous practices MADE"},
    {"POST /v1/{resource}/{id}/proposals", NULL, NOBODY, PRACTICE, 201,
     "{\"patch\":{\"city\":\"" CANARY "\"}}", SECOND_PROPOSAL,
     "proposal.create anonymous practices MADE"},
    {"GET /v1/proposals/{id}", NULL, EDITOR, PROPOSAL, 200, NULL, NOTHING,
     "proposal.read editor practices ID"},
    {"POST /v1/proposals/{id}/erase", NULL, EDITOR, PROPOSAL, 204, NULL, NOTHING,
     "proposal.erase editor ID"},
    {"POST /v1/proposals/{id}/decline", NULL, EDITOR, PROPOSAL, 200, "{\"reason\":\"" CANARY "\"}",
     NOTHING, "proposal.decline editor practices ID"},
    {"POST /v1/proposals/{id}/accept", NULL, EDITOR, SECOND_PROPOSAL, 200, NULL, NOTHING,
     "record.accept editor practices OTHER 10 {city}; proposal.accept editor practices ID"},
    {"POST /v1/{resource}/{id}/merge", NULL, EDITOR, PRACTICE, 200, "{\"into\":\"SURVIVOR\"}",
     NOTHING, "record.merge editor practices OTHER 3"},
    {"POST /v1/{resource}/{id}/archive", NULL, EDITOR, SURVIVOR, 200, NULL, NOTHING,
     "record.archive editor practices ID 4"},
    {"DELETE /v1/{resource}/{id}", NULL, PARTNER, SURVIVOR, 204, NULL, NOTHING,
     "record.delete partner practices ID 5"},
    {"POST /v1/clients", NULL, ADMIN, NOTHING, 201,
     "{\"name\":\"" CANARY "\",\"organisation\":\"" ORGANISATION "\",\"role\":\"partner\"}", CLIENT,
     "client.create admin clients MADE"},
    {"GET /v1/clients", NULL, ADMIN, NOTHING, 200, NULL, NOTHING, "client.list admin clients"},
    {"GET /v1/clients/{id}", NULL, ADMIN, CLIENT, 200, NULL, NOTHING,
     "client.read admin clients ID"},
    {"PATCH /v1/clients/{id}", NULL, ADMIN, CLIENT, 200, "{\"name\":\"" CANARY " 2\"}", NOTHING,
     "client.update admin clients ID {name}"},
    {"POST /v1/clients/{id}/secrets", NULL, ADMIN, CLIENT, 201, NULL, NOTHING,
     "client.secret.create admin clients ID"},
    {"DELETE /v1/clients/{id}/secrets/{slot}", NULL, ADMIN, CLIENT, 204, NULL, NOTHING,
     "client.secret.delete admin clients ID"},
    {"POST /v1/mentors", NULL, COORDINATOR, NOTHING, 201, NEW_PERSON, MENTOR,
     "mentor.create coordinator mentors MADE"},
    {"GET /v1/mentors", NULL, COORDINATOR, NOTHING, 200, NULL, NOTHING,
     "mentor.read coordinator mentors OTHER 1; mentor.list coordinator mentors"},
    {"GET /v1/mentors/{id}", NULL, COORDINATOR, MENTOR, 200, NULL, NOTHING,
     "mentor.read coordinator mentors ID"},
    {"PATCH /v1/mentors/{id}", NULL, COORDINATOR, MENTOR, 200,
     "{\"status\":\"paused\",\"goals\":[\"find_job\"]}", NOTHING,
     "mentor.update coordinator mentors ID 2 {status,goals}"},
    {"PUT /v1/mentors/{id}", NULL, COORDINATOR, MENTOR, 200,
     "{\"languages\":[{\"language\":\"fr\",\"level\":\"A1\"}],\"formats\":[\"remote\"]}", NOTHING,
     "mentor.replace coordinator mentors ID 3 {languages,formats}"},
    {"PUT /v1/mentors/{id}/contact", NULL, COORDINATOR, MENTOR, 200,
     "{\"channel\":\"email\",\"address\":\"" CANARY "@example.org\"}", NOTHING,
     "mentor.contact.set coordinator mentors ID"},
    {"GET /v1/mentors/{id}/contact", NULL, COORDINATOR, MENTOR, 200, NULL, NOTHING,
     "mentor.contact.read coordinator mentors ID"},
    {"DELETE /v1/mentors/{id}/contact", NULL, COORDINATOR, MENTOR, 204, NULL, NOTHING,
     "mentor.contact.remove coordinator mentors ID"},
    {"POST /v1/mentors/{id}/consents", NULL, COORDINATOR, MENTOR, 201,
     "{\"purpose\":\"statistics\",\"version\":\"" CANARY "\"}", NOTHING,
     "mentor.consent.give coordinator mentors ID"},
    {"GET /v1/mentors/{id}/consents", NULL, COORDINATOR, MENTOR, 200, NULL, NOTHING,
     "mentor.consent.read coordinator mentors ID"},
    {"POST /v1/mentors/{id}/consents/{purpose}/withdraw", NULL, COORDINATOR, MENTOR, 200, NULL,
     NOTHING, "mentor.consent.withdraw coordinator mentors ID"},
    {"POST /v1/mentees", NULL, COORDINATOR, NOTHING, 201, NEW_PERSON, MENTEE,
     "mentee.create coordinator mentees MADE"},
    {"GET /v1/mentees", NULL, COORDINATOR, NOTHING, 200, NULL, NOTHING,
     "mentee.read coordinator mentees OTHER 1; mentee.list coordinator mentees"},
    {"GET /v1/mentees/{id}", NULL, COORDINATOR, MENTEE, 200, NULL, NOTHING,
     "mentee.read coordinator mentees ID"},
    {"PATCH /v1/mentees/{id}", NULL, COORDINATOR, MENTEE, 200,
     "{\"status\":\"paused\",\"goals\":[\"find_job\"]}", NOTHING,
     "mentee.update coordinator mentees ID 2 {status,goals}"},
    {"PUT /v1/mentees/{id}", NULL, COORDINATOR, MENTEE, 200,
     "{\"languages\":[{\"language\":\"fr\",\"level\":\"A1\"}],\"formats\":[\"remote\"]}", NOTHING,
     "mentee.replace coordinator mentees ID 3 {languages,formats}"},
    {"PUT /v1/mentees/{id}/contact", NULL, COORDINATOR, MENTEE, 200,
     "{\"channel\":\"email\",\"address\":\"" CANARY "@example.org\"}", NOTHING,
     "mentee.contact.set coordinator mentees ID"},
    {"GET /v1/mentees/{id}/contact", NULL, COORDINATOR, MENTEE, 200, NULL, NOTHING,
     "mentee.contact.read coordinator mentees ID"},
    {"DELETE /v1/mentees/{id}/contact", NULL, COORDINATOR, MENTEE, 204, NULL, NOTHING,
     "mentee.contact.remove coordinator mentees ID"},
    {"POST /v1/mentees/{id}/consents", NULL, COORDINATOR, MENTEE, 201,
     "{\"purpose\":\"statistics\",\"version\":\"" CANARY "\"}", NOTHING,
     "mentee.consent.give coordinator mentees ID"},
    {"GET /v1/mentees/{id}/consents", NULL, COORDINATOR, MENTEE, 200, NULL, NOTHING,
     "mentee.consent.read coordinator mentees ID"},
    {"POST /v1/mentees/{id}/consents/{purpose}/withdraw", NULL, COORDINATOR, MENTEE, 200, NULL,
     NOTHING, "mentee.consent.withdraw coordinator mentees ID"},
    {"GET /v1/mentors/{id}/subject-access", NULL, COORDINATOR, MENTOR, 200, NULL, NOTHING,
     "mentor.subject-access coordinator mentors ID"},
    {"POST /v1/mentors/{id}/erase", NULL, COORDINATOR, MENTOR, 200, NULL, NOTHING,
     "mentor.erase coordinator mentors OTHER"},
    {"GET /v1/mentees/{id}/subject-access", NULL, COORDINATOR, MENTEE, 200, NULL, NOTHING,
     "mentee.subject-access coordinator mentees ID"},
    {"POST /v1/mentees/{id}/erase", NULL, COORDINATOR, MENTEE, 200, NULL, NOTHING,
     "mentee.erase coordinator mentees OTHER"},
    {"GET /v1/audit", NULL, ADMIN, NOTHING, 200, NULL, NOTHING, "audit.read admin"},
};

/* What leaves no entry, or is proved elsewhere, and why. */
static const struct {
    const char *operation;
    const char *why;
} OTHERS[] = {
    {"POST /v1/{resource}/batch-get", "reads what is public"},
    {"POST /v1/{resource}/match", "computes from the body, and keeps nothing"},
    {"POST /v1/{resource}/{id}/score", "computes from the body, and keeps nothing"},
    {"POST /v1/{resource}/{id}/matches", "test_matching.c: an entry for each person shown"},
    {"POST /v1/{resource}/{id}/cohort-match", "test_matching.c: what was read, or proposed"},
    {"GET /v1/mentoring-pairs", "in test_pair_privacy.c"},
    {"POST /v1/mentoring-pairs", "in test_pair_privacy.c"},
    {"GET /v1/mentoring-pairs/{id}", "in test_pair_privacy.c"},
    {"GET /v1/mentoring-pairs/{id}/moves", "in test_pair_privacy.c"},
    {"POST /v1/mentoring-pairs/{id}/accept", "in test_pair_privacy.c"},
    {"POST /v1/mentoring-pairs/{id}/decline", "in test_pair_privacy.c"},
    {"POST /v1/mentoring-pairs/{id}/withdraw", "in test_pair_privacy.c"},
    {"POST /v1/mentoring-pairs/{id}/start", "in test_pair_privacy.c"},
    {"POST /v1/mentoring-pairs/{id}/pause", "in test_pair_privacy.c"},
    {"POST /v1/mentoring-pairs/{id}/resume", "in test_pair_privacy.c"},
    {"POST /v1/mentoring-pairs/{id}/complete", "in test_pair_privacy.c"},
    {"POST /v1/mentoring-pairs/{id}/end", "in test_pair_privacy.c"},
    {"GET /v1/mentoring-pairs/{id}/meetings", "in test_pair_privacy.c"},
    {"POST /v1/mentoring-pairs/{id}/meetings", "in test_pair_privacy.c"},
    {"GET /v1/mentoring-pairs/{id}/meetings/{meeting}", "in test_pair_privacy.c"},
    {"PATCH /v1/mentoring-pairs/{id}/meetings/{meeting}", "in test_pair_privacy.c"},
    {"GET /v1/mentoring-pairs/{id}/goals", "in test_pair_privacy.c"},
    {"POST /v1/mentoring-pairs/{id}/goals", "in test_pair_privacy.c"},
    {"GET /v1/mentoring-pairs/{id}/goals/{goal}", "in test_pair_privacy.c"},
    {"PATCH /v1/mentoring-pairs/{id}/goals/{goal}", "in test_pair_privacy.c"},
    {"GET /v1/mentoring-pairs/{id}/feedback", "in test_pair_privacy.c"},
    {"PUT /v1/mentoring-pairs/{id}/feedback/{moment}", "in test_pair_privacy.c"},
    {"GET /v1/mentoring-pairs/{id}/outcomes", "in test_pair_privacy.c"},
    {"POST /v1/mentoring-pairs/{id}/outcomes", "in test_pair_privacy.c"},
    {"DELETE /v1/mentoring-pairs/{id}/outcomes/{moment}/{code}", "in test_pair_privacy.c"},
    {"POST /v1/oauth/token", "below, with a secret"},
    {"POST /v1/oauth/revoke", "below, with a token"},
};

/* --- every operation ---------------------------------------------------------------------------
 */

static void check_is_noted(const struct operation *operation, void *data)
{
    struct text *faults = data;
    char key[OPERATION_KEY_BYTES];

    if (operation_is_public(operation) && strcmp(operation->method, "get") == 0)
        return;
    operation_key(operation, NULL, key);
    for (size_t i = 0; i < ARRAY_LENGTH(DEEDS); i++)
        if (strcmp(DEEDS[i].operation, key) == 0)
            return;
    for (size_t i = 0; i < ARRAY_LENGTH(OTHERS); i++)
        if (strcmp(OTHERS[i].operation, key) == 0)
            return;
    text_append_format(faults, "%s: nobody says what it leaves in the audit log\n", key);
}

/* Checks P12. */
Test(noted, of_every_write_and_private_read_it_is_said_what_it_leaves)
{
    struct text faults;

    text_init(&faults, 64 * 1024);
    operations_walk(check_is_noted, &faults);
    cr_assert_str_empty(faults.bytes, "%s", faults.bytes);
    text_deinit(&faults);
}

/* --- every deed ----------------------------------------------------------------------------------
 */

static char ids[SUBJECTS][64];

static const char *token_of(enum who who)
{
    switch (who) {
    case NOBODY:
        return NULL;
    case PARTNER:
        return writer_partner();
    case EDITOR:
        return writer_editor();
    case ADMIN:
        return writer_admin();
    case COORDINATOR:
        return mentoring_coordinator();
    }
    cr_assert_fail("there is nobody of number %d", (int)who);
    return NULL;
}

/* The path of a deed, from that of its operation. */
static void make_path(const struct deed *deed, struct text *path)
{
    const char *at = deed->path != NULL ? deed->path : strchr(deed->operation, ' ') + 1;

    while (*at != '\0') {
        size_t length = strcspn(at, "}") + 1;

        if (*at != '{') {
            text_append_char(path, *at++);
            continue;
        }
        if (strncmp(at, "{resource}", length) == 0)
            text_append(path, "practices");
        else if (strncmp(at, "{id}", length) == 0)
            text_append(path, ids[deed->subject]);
        else if (strncmp(at, "{purpose}", length) == 0)
            text_append(path, "statistics");
        else
            text_append_char(path, '1'); /* the first version, the first secret */
        at += length;
    }
}

/* What is in the log under the request: "action role resource ID version properties; …". Owned.
 * People have another name there. */
static char *entries_of(const char *request, const char *subject, const char *made)
{
    char sql[1500];

    cr_assert_lt(
        snprintf(sql, sizeof(sql),
                 "select string_agg(concat_ws(' ', action, role, resource, case coalesce("
                 "(select p.id from mentoring.participant p where p.audit_id = record_id), "
                 "record_id)::text "
                 "when '%s' then 'ID' when '%s' then 'MADE' else case when record_id is not null "
                 "then 'OTHER' end end, version, properties), '; ' order by position) "
                 "from audit.entry where request_id = '%s'",
                 subject, made, request),
        (int)sizeof(sql));
    return test_database_value(sql);
}

/* Somebody who signed in has seen what is not public; nobody in particular has not. */
static bool is_rehearsal_noted(const struct deed *deed, const char *entries)
{
    static const char DRY_RUN[] = "request.dry-run ";

    if (deed->who == NOBODY)
        return entries == NULL;
    return entries != NULL && strncmp(entries, DRY_RUN, sizeof(DRY_RUN) - 1) == 0 &&
           strchr(entries, ';') == NULL && strchr(entries, '{') == NULL;
}

static void do_deed(const struct deed *deed, size_t number, bool is_rehearsal, struct text *faults)
{
    char request[64], header[128], method[16];
    const char *headers[] = {header, "If-Match: *", NULL};
    struct text path, body;
    CLEANUP(response_freep) struct response *response = NULL;
    char *entries;

    (void)snprintf(request, sizeof(request), "noted-%s-%zu", is_rehearsal ? "dry" : "deed", number);
    (void)snprintf(header, sizeof(header), "X-Request-Id: %s", request);
    (void)snprintf(method, sizeof(method), "%.*s", (int)strcspn(deed->operation, " "),
                   deed->operation);
    if (strcmp(method, "GET") == 0)
        headers[1] = NULL;
    text_init(&path, PATH_BYTES_MAX);
    text_init(&body, PATH_BYTES_MAX);
    make_path(deed, &path);
    if (is_rehearsal)
        text_append(&path, "?dry_run=true");
    if (deed->body != NULL)
        text_append(&body, strstr(deed->body, "SURVIVOR") == NULL ? deed->body : "{\"into\":\"");
    if (deed->body != NULL && strstr(deed->body, "SURVIVOR") != NULL)
        text_append_format(&body, "%s\"}", ids[SURVIVOR]);
    response = http_as(token_of(deed->who), method, path.bytes, headers,
                       deed->body == NULL ? NULL : body.bytes);
    expect_status(response, deed->status, deed->operation);
    if (!is_rehearsal && deed->made != NOTHING)
        (void)snprintf(ids[deed->made], sizeof(ids[deed->made]), "%s",
                       response_text_at(response, "/id"));
    entries = entries_of(request, ids[deed->subject], deed->made == NOTHING ? "" : ids[deed->made]);
    if (is_rehearsal ? !is_rehearsal_noted(deed, entries)
                     : strcmp(entries == NULL ? "" : entries, deed->entry) != 0)
        text_append_format(faults, "%s%s: '%s', not '%s'\n", deed->operation,
                           is_rehearsal ? " as a rehearsal" : "", entries == NULL ? "" : entries,
                           is_rehearsal ? "request.dry-run …" : deed->entry);
    free(entries);
    text_deinit(&body);
    text_deinit(&path);
}

static size_t count_of(const char *sql)
{
    char *value = test_database_value(sql);
    size_t count = (size_t)strtoul(value == NULL ? "0" : value, NULL, 10);

    free(value);
    return count;
}

/* Checks P12. */
Test(noted, every_deed_leaves_its_entry_and_a_rehearsal_that_it_was_seen)
{
    char *survivor = publish_practice("What stays"), *programme = mentoring_programme(NULL);
    CLEANUP(response_freep)
    struct response *working =
        read_as(writer_partner(), path_of("/v1/practices/%s/working-copy", survivor));
    struct text faults;

    (void)snprintf(ids[SURVIVOR], sizeof(ids[SURVIVOR]), "%s", response_text_at(working, "/id"));
    text_init(&faults, 64 * 1024);
    for (size_t i = 0; i < ARRAY_LENGTH(DEEDS); i++) {
        if (strncmp(DEEDS[i].operation, "GET ", 4) != 0)
            do_deed(&DEEDS[i], i, true, &faults);
        do_deed(&DEEDS[i], i, false, &faults);
    }
    free(survivor);
    free(programme);
    cr_assert_str_empty(faults.bytes, "%s", faults.bytes);
    text_deinit(&faults);
    cr_assert_eq(count_of("select count(*) from audit.entry e where e::text like '%" CANARY "%'"),
                 0, "words of those who write are not in the log");
}

Test(noted, what_is_refused_or_in_vain_leaves_nothing)
{
    static const struct {
        const char *method, *path, *headers[2], *body;
        int status;
    } ROWS[] = {
        {"POST", "/v1/practices", {NULL}, "{\"title\":\"x\"}", 422},
        {"PATCH", "/v1/practices/diomcoop", {"If-Match: \"1\"", NULL}, "{\"title\":\"x\"}", 403},
        {"PATCH",
         "/v1/practices/no-such-practice",
         {"If-Match: *", NULL},
         "{\"title\":\"x\"}",
         404},
        {"GET", "/v1/practices/no-such-practice/working-copy", {NULL}, NULL, 404},
        {"GET", "/v1/audit", {NULL}, NULL, 403},
        {"POST", "/v1/practices/diomcoop/submit", {NULL}, NULL, 403},
        {"POST",
         "/v1/proposals/01997b2c-9a40-7c13-8f5e-2b6d1c0e0000/erase",
         {NULL},
         "{\"code\":\"a wrong one\"}",
         204},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        char header[64];
        const char *headers[] = {header, ROWS[i].headers[0], NULL};
        CLEANUP(response_freep) struct response *response = NULL;
        char *entries;

        (void)snprintf(header, sizeof(header), "X-Request-Id: noted-refused-%zu", i);
        response = http_as(writer_partner(), ROWS[i].method, ROWS[i].path, headers, ROWS[i].body);
        expect_status(response, ROWS[i].status, ROWS[i].path);
        entries = entries_of(strchr(header, ' ') + 1, "", "");
        cr_assert_null(entries, "%s %s: %s", ROWS[i].method, ROWS[i].path, entries);
    }
}

/* --- programs ------------------------------------------------------------------------------------
 */

Test(noted, what_a_program_does_bears_its_id)
{
    struct test_client client;
    char *token, *entries;
    char sql[300];
    CLEANUP(response_freep) struct response *made = NULL;

    client_make("partner", ORGANISATION, NULL, &client);
    token = client_token(&client, NULL);
    made = http_as(token, "POST", "/v1/practices",
                   (const char *const[]){"X-Request-Id: noted-program", NULL},
                   "{\"title\":\"Of a program\",\"summary\":\"Of a program\"}");
    expect_status(made, 201, "a program writes");
    (void)snprintf(sql, sizeof(sql),
                   "select string_agg(action || ' ' || role, ', ' order by at) from audit.entry "
                   "where client_id = '%s'",
                   client.id);
    entries = test_database_value(sql);
    cr_assert_str_eq(entries, "token.issue service, record.create partner", "%s", entries);
    free(entries);
    free(token);
}
