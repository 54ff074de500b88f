/*
 * Corrections that readers propose: checked like any change, kept without a trace of who sent them
 * unless they wish it, decided by editors, and forgotten on the sender's word.
 */
#include "support/database.h"
#include "support/leaks.h"
#include "support/server.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(proposals, .fini = test_ends_without_leaks, .timeout = 120);

static struct response *propose(const char *token, const char *slug, const char *body)
{
    return write_text(token, "POST", path_of("/v1/practices/%s/proposals", slug), NULL, NULL, body);
}

/* Proposed by nobody in particular; owned, its id. */
static char *proposal_of(const char *slug, const char *body)
{
    CLEANUP(response_freep) struct response *response = propose(NULL, slug, body);

    expect_status(response, 201, body);
    return strdup(response_text_at(response, "/id"));
}

static struct response *decide(const char *token, const char *id, const char *word,
                               const char *body)
{
    return write_text(token, "POST", path_of("/v1/proposals/%s/%s", id, word), NULL, NULL, body);
}

static struct response *read_proposal(const char *token, const char *id)
{
    return read_as(token, path_of("/v1/proposals/%s", id));
}

/* --- proposing
 * -------------------------------------------------------------------------------------- */

Test(proposals, anybody_proposes_a_correction_and_is_told_how_to_be_forgotten)
{
    char *slug = publish_practice("To be corrected");
    CLEANUP(response_freep)
    struct response *response = propose(NULL, slug,
                                        "{\"patch\":{\"started_on\":\"2016\"},\"message\":"
                                        "\"Their own website says so.\"}");
    CLEANUP(response_freep) struct response *shown = NULL, *there = NULL;
    const char *id;

    expect_status(response, 201, "proposed");
    id = response_text_at(response, "/id");
    cr_assert_str_eq(response_text_at(response, "/state"), "open");
    cr_assert_eq(strlen(response_text_at(response, "/erasure_code")), 22);
    cr_assert_str_eq(response_header(response, "Location"), path_of("/v1/proposals/%s", id));
    cr_assert_str_eq(response_header(response, "Cache-Control"), "no-store");

    shown = read_proposal(writer_editor(), id);
    expect_status(shown, 200, "an editor reads it");
    cr_assert_str_eq(response_text_at(shown, "/patch/started_on"), "2016");
    cr_assert_str_eq(response_text_at(shown, "/message"), "Their own website says so.");
    cr_assert_str_eq(response_text_at(shown, "/record/slug"), slug);
    cr_assert_str_eq(response_text_at(shown, "/record/title"), "To be corrected");
    cr_assert_null(response_at(shown, "/contact"));
    there = read_as(NULL, path_of("/v1/practices/%s", slug));
    cr_assert_null(response_at(there, "/started_on"), "nothing has changed");
    free(slug);
}

Test(proposals, a_correction_is_checked_like_any_change)
{
    char *slug = publish_practice("Corrected badly");
    static const struct {
        const char *body, *pointer, *code;
    } ROWS[] = {
        {"{}", "/patch", "required"},
        {"{\"patch\":{}}", "/patch", "too-few-members"},
        {"{\"patch\":[]}", "/patch", "wrong-type"},
        {"{\"patch\":{\"titel\":\"x\"}}", "/patch/titel", "unknown-member"},
        {"{\"patch\":{\"title\":null}}", "/patch/title", "required"},
        {"{\"patch\":{\"version\":3}}", "/patch/version", "read-only"},
        {"{\"patch\":{\"country\":\"XX\"}}", "/patch/country", "not-allowed"},
        {"{\"patch\":{\"organisations\":[\"no-such-one\"]}}", "/patch/organisations/0",
         "unknown-reference"},
        {"{\"patch\":{\"city\":\"x\"},\"message\":\"\"}", "/message", "too-short"},
        {"{\"patch\":{\"city\":\"x\"},\"contact\":{\"email\":\"no address\"}}", "/contact/email",
         "format"},
        {"{\"patch\":{\"city\":\"x\"},\"contact\":{\"phone\":\"1\"}}", "/contact/phone",
         "unknown-member"},
        {"{\"patch\":{\"city\":\"x\"},\"state\":\"accepted\"}", "/state", "unknown-member"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = propose(NULL, slug, ROWS[i].body);

        expect_problem(response, 422, "validation-failed", ROWS[i].body);
        expect_error(response, ROWS[i].pointer, ROWS[i].code, ROWS[i].body);
    }
    cr_assert_eq(count_rows(path_of("select count(*) from catalogue.proposal p join "
                                    "catalogue.record r on r.id = p.record_id where r.slug = '%s'",
                                    slug)),
                 0);
    free(slug);
}

Test(proposals, only_what_everybody_reads_can_be_corrected)
{
    static const char BODY[] = "{\"patch\":{\"city\":\"Namur\"}}";
    char *draft = draft_practice(writer_partner(), "Not to be corrected");
    char *deleted = publish_practice("Deleted, not to be corrected");
    CLEANUP(response_freep) struct response *of_draft = propose(NULL, draft, BODY);
    CLEANUP(response_freep) struct response *of_own_draft = propose(writer_partner(), draft, BODY);
    CLEANUP(response_freep) struct response *of_nothing = propose(NULL, "no-such-practice", BODY);
    CLEANUP(response_freep) struct response *of_deleted = NULL, *removed = NULL;

    expect_problem(of_draft, 404, "not-found", "a draft");
    expect_problem(of_own_draft, 404, "not-found", "an own draft is simply changed");
    expect_problem(of_nothing, 404, "not-found", "nothing");
    removed = write_text(writer_editor(), "DELETE", path_of("/v1/practices/%s", deleted), "*", NULL,
                         NULL);
    expect_status(removed, 204, "deleted");
    of_deleted = propose(NULL, deleted, BODY);
    expect_problem(of_deleted, 410, "gone", "a deleted record");
    free(draft);
    free(deleted);
}

Test(proposals, a_partner_proposes_for_the_records_of_others)
{
    char *slug = publish_practice("Corrected by others");
    CLEANUP(response_freep)
    struct response *response = propose(writer_other(), slug, "{\"patch\":{\"city\":\"Namur\"}}");

    expect_status(response, 201, "by another partner");
    free(slug);
}

static void *propose_at_once(void *path)
{
    static const char *const HEADERS[] = {"Content-Type: application/json", NULL};
    static const char BODY[] = "{\"patch\":{\"city\":\"Namur\"}}";
    char url[600];
    struct response *response;
    long *status = malloc(sizeof(*status));

    (void)snprintf(url, sizeof(url), "%s%s", getenv("API_URL"), (const char *)path);
    response = http_send_unchecked("POST", url, HEADERS, BODY, strlen(BODY));
    *status = response->status;
    response_free(response);
    return status;
}

Test(proposals, fifty_wait_for_one_record_and_no_more_also_when_many_come_at_once)
{
    enum { THREADS = 8 };
    char *slug = publish_practice("Corrected too often");
    char path[300];
    pthread_t threads[THREADS];
    CLEANUP(response_freep) struct response *declined = NULL, *again = NULL, *refused = NULL;
    long taken = 0;
    char *id;

    (void)snprintf(path, sizeof(path), "/v1/practices/%s/proposals", slug);
    for (size_t i = 0; i < 46; i++)
        free(proposal_of(slug, "{\"patch\":{\"city\":\"Namur\"}}"));
    for (size_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, propose_at_once, path), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *status;

        cr_assert_eq(pthread_join(threads[i], &status), 0);
        cr_assert(*(long *)status == 201 || *(long *)status == 409, "%ld", *(long *)status);
        taken += *(long *)status == 201;
        free(status);
    }
    cr_assert_eq(taken, 4);
    refused = propose(NULL, slug, "{\"patch\":{\"city\":\"Namur\"}}");
    expect_problem(refused, 409, "too-many-proposals", "one more");
    id =
        test_database_value(path_of("select p.id from catalogue.proposal p join catalogue.record r "
                                    "on r.id = p.record_id where r.slug = '%s' limit 1",
                                    slug));
    declined = decide(writer_editor(), id, "decline", "{\"reason\":\"It is in Liège.\"}");
    expect_status(declined, 200, "declined");
    again = propose(NULL, slug, "{\"patch\":{\"city\":\"Namur\"}}");
    expect_status(again, 201, "there is room again");
    free(id);
    free(slug);
}

/* --- personal data
 * ------------------------------------------------------------------------------------ */

/* Checks G5. */
Test(proposals, nothing_is_kept_of_the_sender_but_what_the_sender_wished)
{
    char *slug = publish_practice("Corrected by somebody");
    CLEANUP(response_freep)
    struct response *anonymous = propose(NULL, slug, "{\"patch\":{\"city\":\"Namur\"}}");
    CLEANUP(response_freep)
    struct response *named =
        propose(NULL, slug,
                "{\"patch\":{\"city\":\"Namur\"},\"contact\":{\"name\":\"Amal\","
                "\"email\":\"amal@example.org\"}}");
    CLEANUP(response_freep) struct response *shown = NULL;
    const char *id = response_text_at(named, "/id"), *other = response_text_at(anonymous, "/id");
    static const char *const TABLES[] = {"audit.entry", "identity.idempotency_key",
                                         "catalogue.proposal", "catalogue.version"};

    cr_assert_eq(
        count_rows(path_of(
            "select count(*) from catalogue.proposal_contact where proposal_id = '%s'", other)),
        0);
    shown = read_proposal(writer_editor(), id);
    cr_assert_str_eq(response_text_at(shown, "/contact/name"), "Amal");
    cr_assert_str_eq(response_text_at(shown, "/contact/email"), "amal@example.org");
    for (size_t i = 0; i < ARRAY_LENGTH(TABLES); i++)
        cr_assert_eq(count_rows(path_of("select count(*) from %s t where t::text like '%%amal@%%'",
                                        TABLES[i])),
                     0, "%s", TABLES[i]);
    cr_assert_eq(test_server_log_lines("amal@"), 0);
    cr_assert_eq(test_server_log_lines(response_text_at(named, "/erasure_code")), 0);
    cr_assert_eq(count_rows(path_of("select count(*) from catalogue.proposal t where t::text like "
                                    "'%%%s%%'",
                                    response_text_at(named, "/erasure_code"))),
                 0, "the code itself is not kept");
    free(slug);
}

static long contacts_of(const char *id)
{
    return count_rows(
        path_of("select count(*) from catalogue.proposal_contact where proposal_id = '%s'", id));
}

Test(proposals, the_contact_is_erased_by_its_code_and_nobody_is_told_whether_there_was_one)
{
    static const char BODY[] =
        "{\"patch\":{\"city\":\"Namur\"},\"contact\":{\"email\":\"amal@example.org\"}}";
    char *slug = publish_practice("Corrected and forgotten");
    CLEANUP(response_freep) struct response *named = propose(NULL, slug, BODY);
    const char *id = response_text_at(named, "/id");
    json_auto_t *code = json_pack("{s:s}", "code", response_text_at(named, "/erasure_code"));
    const struct {
        const char *id, *body, *why;
    } wrong[] = {
        {id, "{\"code\":\"AAAAAAAAAAAAAAAAAAAAAA\"}", "another code"},
        {"01997b2c-9a40-7c13-8f5e-2b6d1c0e4a55", "{\"code\":\"AAAAAAAAAAAAAAAAAAAAAA\"}",
         "a proposal that there is not"},
        {"no-id-at-all", "{\"code\":\"AAAAAAAAAAAAAAAAAAAAAA\"}", "no id"},
    };
    CLEANUP(response_freep) struct response *right = NULL, *again = NULL, *without = NULL;

    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        CLEANUP(response_freep)
        struct response *response = decide(NULL, wrong[i].id, "erase", wrong[i].body);

        expect_status(response, 204, wrong[i].why);
        cr_assert_eq(contacts_of(id), 1, "%s", wrong[i].why);
    }
    without = decide(NULL, id, "erase", NULL);
    expect_problem(without, 422, "validation-failed", "no code");
    right = write_as(NULL, "POST", path_of("/v1/proposals/%s/erase", id), NULL, NULL, code);
    expect_status(right, 204, "the code");
    cr_assert_eq(contacts_of(id), 0);
    again = write_as(NULL, "POST", path_of("/v1/proposals/%s/erase", id), NULL, NULL, code);
    expect_status(again, 204, "once more");
    cr_assert_eq(again->header_count, right->header_count);
    free(slug);
}

Test(proposals, an_editor_erases_a_contact_without_a_code_and_a_partner_does_not)
{
    static const char BODY[] = "{\"patch\":{\"city\":\"Namur\"},\"contact\":{\"name\":\"Amal\"}}";
    char *slug = publish_practice("Forgotten by an editor"), *id = proposal_of(slug, BODY);
    CLEANUP(response_freep)
    struct response *by_partner = decide(writer_partner(), id, "erase", NULL);
    CLEANUP(response_freep)
    struct response *guess = decide(writer_partner(), id, "erase", "{\"code\":\"x\"}");
    CLEANUP(response_freep) struct response *by_editor = NULL;

    expect_problem(by_partner, 422, "validation-failed", "a partner without a code");
    expect_status(guess, 204, "a partner with a guess");
    cr_assert_eq(contacts_of(id), 1);
    by_editor = decide(writer_editor(), id, "erase", NULL);
    expect_status(by_editor, 204, "an editor");
    cr_assert_eq(contacts_of(id), 0);
    free(slug);
    free(id);
}

/* --- deciding
 * ------------------------------------------------------------------------------------------- */

Test(proposals, what_is_accepted_is_public_at_once_and_in_the_history)
{
    char *slug = publish_practice("Corrected well");
    char *id = proposal_of(slug, "{\"patch\":{\"started_on\":\"2016\",\"city\":\"Namur\"}}");
    CLEANUP(response_freep) struct response *accepted = decide(writer_editor(), id, "accept", NULL);
    CLEANUP(response_freep)
    struct response *shown = read_as(NULL, path_of("/v1/practices/%s", slug));
    CLEANUP(response_freep)
    struct response *versions =
        read_as(writer_partner(), path_of("/v1/practices/%s/versions", slug));
    CLEANUP(response_freep) struct response *again = NULL, *declined = NULL;

    expect_status(accepted, 200, "accepted");
    cr_assert_str_eq(response_text_at(accepted, "/state"), "accepted");
    cr_assert_not_null(response_at(accepted, "/decided_at"));
    cr_assert_str_eq(response_text_at(shown, "/started_on"), "2016");
    cr_assert_str_eq(response_text_at(shown, "/city"), "Namur");
    cr_assert_str_eq(response_text_at(versions, "/data/0/action"), "accept");
    cr_assert_eq(count_rows(path_of("select count(*) from audit.entry where action in "
                                    "('proposal.accept', 'record.accept') and record_id in ('%s', "
                                    "'%s')",
                                    id, response_text_at(shown, "/id"))),
                 2);

    again = decide(writer_editor(), id, "accept", NULL);
    expect_problem(again, 409, "proposal-decided", "once more");
    declined = decide(writer_editor(), id, "decline", "{\"reason\":\"x\"}");
    expect_problem(declined, 409, "proposal-decided", "declined after all");
    free(slug);
    free(id);
}

Test(proposals, what_is_declined_says_why_and_changes_nothing)
{
    char *slug = publish_practice("Corrected wrongly");
    char *id = proposal_of(slug, "{\"patch\":{\"city\":\"Namur\"}}");
    CLEANUP(response_freep)
    struct response *without = decide(writer_editor(), id, "decline", "{}");
    CLEANUP(response_freep)
    struct response *declined =
        decide(writer_editor(), id, "decline", "{\"reason\":\"It is in Liège.\"}");
    CLEANUP(response_freep)
    struct response *shown = read_as(NULL, path_of("/v1/practices/%s", slug));

    expect_problem(without, 422, "validation-failed", "no reason");
    expect_status(declined, 200, "declined");
    cr_assert_str_eq(response_text_at(declined, "/state"), "declined");
    cr_assert_str_eq(response_text_at(declined, "/reason"), "It is in Liège.");
    cr_assert_null(response_at(shown, "/city"));
    free(slug);
    free(id);
}

Test(proposals, what_does_not_fit_any_more_is_not_accepted)
{
    char *archived = publish_practice("Archived meanwhile");
    char *changed = publish_practice("Changed meanwhile");
    char *deleted = publish_practice("Deleted meanwhile");
    char *organisation_gone = publish_practice("Its organisation is gone");
    static const char ORGANISATION_BODY[] =
        "{\"name\":\"Soon gone\",\"summary\":\"x\",\"kind\":\"association\"}";
    static const char BODY[] = "{\"patch\":{\"city\":\"Namur\"}}";
    char *ids[] = {proposal_of(archived, BODY), proposal_of(changed, BODY),
                   proposal_of(deleted, BODY)};
    CLEANUP(response_freep) struct response *patched = NULL, *removed = NULL;

    (void)ORGANISATION_BODY;
    take_step(writer_editor(), archived, "archive");
    patched = write_text(writer_partner(), "PATCH", path_of("/v1/practices/%s", changed), "*", NULL,
                         "{\"country\":\"BE\"}");
    expect_status(patched, 200, "a change waits");
    removed = write_text(writer_editor(), "DELETE", path_of("/v1/practices/%s", deleted), "*", NULL,
                         NULL);
    expect_status(removed, 204, "deleted");
    for (size_t i = 0; i < ARRAY_LENGTH(ids); i++) {
        CLEANUP(response_freep)
        struct response *response = decide(writer_editor(), ids[i], "accept", NULL);
        CLEANUP(response_freep) struct response *shown = read_proposal(writer_editor(), ids[i]);
        CLEANUP(response_freep) struct response *declined = NULL;

        expect_problem(response, 409, "proposal-outdated", ids[i]);
        cr_assert_str_eq(response_text_at(shown, "/state"), "open", "it waits still");
        declined = decide(writer_editor(), ids[i], "decline", "{\"reason\":\"Too late.\"}");
        expect_status(declined, 200, "it can be declined");
        free(ids[i]);
    }
    free(archived);
    free(changed);
    free(deleted);
    free(organisation_gone);
}

Test(proposals, a_dry_run_of_accepting_decides_nothing)
{
    char *slug = publish_practice("Accepted in rehearsal");
    char *id = proposal_of(slug, "{\"patch\":{\"city\":\"Namur\"}}");
    CLEANUP(response_freep)
    struct response *response = decide(writer_editor(), id, "accept?dry_run=true", NULL);
    CLEANUP(response_freep) struct response *shown = read_proposal(writer_editor(), id);
    CLEANUP(response_freep)
    struct response *rehearsed =
        write_text(NULL, "POST", path_of("/v1/practices/%s/proposals?dry_run=true", slug), NULL,
                   NULL, "{\"patch\":{\"city\":\"Mons\"}}");

    expect_status(response, 200, "rehearsed");
    cr_assert_str_eq(response_text_at(response, "/state"), "accepted");
    cr_assert(json_is_true(response_at(response, "/meta/dry_run")));
    cr_assert_str_eq(response_text_at(shown, "/state"), "open");
    expect_status(rehearsed, 201, "proposed in rehearsal");
    cr_assert(json_is_true(response_at(rehearsed, "/meta/dry_run")));
    cr_assert_eq(count_rows(path_of("select count(*) from catalogue.proposal where id = '%s'",
                                    response_text_at(rehearsed, "/id"))),
                 0);
    free(slug);
    free(id);
}

/* Checks Z7. */
Test(proposals, proposals_are_read_and_decided_by_editors)
{
    char *slug = publish_practice("Whose proposal");
    char *id = proposal_of(slug, "{\"patch\":{\"city\":\"Namur\"}}");
    static const struct {
        const char *method, *behind, *body;
    } ROWS[] = {
        {"GET", "", NULL},
        {"POST", "/accept", NULL},
        {"POST", "/decline", "{\"reason\":\"x\"}"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const char *path = path_of("/v1/proposals/%s%s", id, ROWS[i].behind);
        const char *none =
            path_of("/v1/proposals/01997b2c-9a40-7c13-8f5e-2b6d1c0e4a55%s", ROWS[i].behind);
        CLEANUP(response_freep)
        struct response *by_owner =
            write_text(writer_partner(), ROWS[i].method, path, NULL, NULL, ROWS[i].body);
        CLEANUP(response_freep)
        struct response *by_nobody =
            write_text(NULL, ROWS[i].method, path, NULL, NULL, ROWS[i].body);
        CLEANUP(response_freep)
        struct response *of_nothing =
            write_text(writer_editor(), ROWS[i].method, none, NULL, NULL, ROWS[i].body);

        expect_problem(by_owner, 403, "forbidden", path);
        expect_problem(by_nobody, 401, "unauthenticated", path);
        expect_problem(of_nothing, 404, "not-found", none);
    }
    free(slug);
    free(id);
}

Test(proposals, proposals_wait_in_the_queue_of_reviews)
{
    char *slug = publish_practice("Corrected, in the queue");
    char *id = proposal_of(slug, "{\"patch\":{\"city\":\"Namur\",\"country\":\"BE\"}}");
    const char *path = "/v1/reviews?kind=proposal&limit=100";
    CLEANUP(response_freep) struct response *queue = read_as(writer_editor(), path);
    CLEANUP(response_freep) struct response *accepted = NULL, *after = NULL;
    const json_t *item;
    bool is_there = false;
    size_t i;

    json_array_foreach (response_at(queue, "/data"), i, item) {
        if (strcmp(json_string_value(json_object_get(item, "proposal")), id) != 0)
            continue;
        is_there = true;
        cr_assert_str_eq(json_string_value(json_object_get(item, "slug")), slug);
        cr_assert_eq(json_array_size(json_object_get(item, "changed")), 2);
        cr_assert_str_eq(
            json_string_value(json_object_get(json_object_get(item, "links"), "proposal")),
            path_of("/v1/proposals/%s", id));
    }
    cr_assert(is_there, "%s", queue->body);
    accepted = decide(writer_editor(), id, "accept", NULL);
    expect_status(accepted, 200, "accepted");
    after = read_as(writer_editor(), path);
    cr_assert_null(strstr(after->body, id));
    free(slug);
    free(id);
}
