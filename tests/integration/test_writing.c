/*
 * Creating, replacing, patching and deleting records of every resource, with bodies taken from the
 * founding catalogue, and with a sample that has every property there is; what the caller may not
 * set, whose records these are, and what becomes of their addresses.
 */
#include "base/text.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/samples.h"
#include "support/server.h"
#include "support/tokens.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_OF_EACH 6 /* of the catalogue's records of a resource, spread over all of them */

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(writing, .init = sample_import_once, .fini = test_ends_without_leaks, .timeout = 300);

static size_t records_of(const struct resource *resource)
{
    size_t count = 0;

    for (json_t *record = writer_record(resource, count); record != NULL;
         record = writer_record(resource, ++count))
        json_decref(record);
    return count;
}

/* --- every resource ------------------------------------------------------------------------------
 */

static char *create(const struct resource *resource, const json_t *body, const char *where)
{
    CLEANUP(response_freep)
    struct response *response =
        write_as(writer_of(resource), "POST", path_of("/v1/%s", resource->path), NULL, NULL, body);
    const char *location;

    expect_status(response, 201, where);
    expect_as_written(resource, body, response_json(response), where);
    cr_assert_str_eq(response_text_at(response, "/status"), "draft", "%s", where);
    cr_assert_eq(json_integer_value(response_at(response, "/version")), 1, "%s", where);
    location = response_header(response, "Location");
    cr_assert_str_eq(location,
                     path_of("/v1/%s/%s", resource->path, response_text_at(response, "/slug")));
    cr_assert_str_eq(response_header(response, "Cache-Control"), "no-store");
    cr_assert_not_null(response_header(response, "ETag"), "%s", where);
    return strdup(response_text_at(response, "/slug"));
}

static void replace(const struct resource *resource, const char *slug, const json_t *body,
                    const char *where)
{
    const char *token = writer_of(resource);
    const char *path = path_of("/v1/%s/%s", resource->path, slug);
    CLEANUP(response_freep)
    struct response *copy = read_as(token, path_of("%s/working-copy", path));
    CLEANUP(response_freep) struct response *replaced = NULL, *again = NULL;

    expect_status(copy, 200, where);
    replaced = write_as(token, "PUT", path, response_header(copy, "ETag"), NULL, body);
    expect_status(replaced, 200, where);
    expect_as_written(resource, body, response_json(replaced), where);
    cr_assert_eq(json_integer_value(response_at(replaced, "/version")), 2, "%s", where);
    again = read_as(token, path_of("%s/working-copy", path));
    cr_assert_str_eq(again->body, replaced->body, "%s: it is what was answered", where);
    cr_assert_str_eq(response_header(again, "ETag"), response_header(replaced, "ETag"));
}

/* Its name, and nothing else, is another one. */
static void rename_by_patch(const struct resource *resource, const char *slug, const json_t *body,
                            const char *where)
{
    const char *token = writer_of(resource), *path = path_of("/v1/%s/%s", resource->path, slug);
    json_auto_t *patch = json_pack("{s:s}", resource->label->name, "another_name_of_it");
    json_auto_t *expected = json_copy((json_t *)(uintptr_t)body);
    CLEANUP(response_freep)
    struct response *copy = read_as(token, path_of("%s/working-copy", path));
    CLEANUP(response_freep) struct response *patched = NULL;

    (void)json_object_update(expected, patch);
    patched = write_as(token, "PATCH", path, response_header(copy, "ETag"), NULL, patch);
    expect_status(patched, 200, where);
    expect_as_written(resource, expected, response_json(patched), where);
    cr_assert_eq(json_integer_value(response_at(patched, "/version")), 3, "%s", where);
}

static void remove_it(const struct resource *resource, const char *slug, const char *where)
{
    const char *token = writer_of(resource), *path = path_of("/v1/%s/%s", resource->path, slug);
    CLEANUP(response_freep) struct response *deleted = NULL, *gone = NULL, *nothing = NULL;

    deleted = write_as(token, "DELETE", path, "*", NULL, NULL);
    expect_status(deleted, 204, where);
    gone = read_as(token, path_of("%s/working-copy", path));
    expect_problem(gone, 410, "gone", where);
    cr_assert_not_null(response_at(gone, "/deleted_at"));
    nothing = read_as(NULL, path);
    expect_problem(nothing, 404, "not-found", "what was never public leaves no trace there");
}

/* Checks Z6. */
Test(writing, records_of_every_resource_are_created_replaced_patched_and_deleted)
{
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        const size_t count = records_of(resource);
        const size_t step = count < RECORDS_OF_EACH ? 1 : count / RECORDS_OF_EACH;

        for (size_t j = 0; j < count; j += step) {
            json_auto_t *body = writer_record(resource, j);
            json_auto_t *other = writer_record(resource, (j + 1) % count);
            const char *where = path_of("%s %zu of the catalogue", resource->path, j);
            char *slug = create(resource, body, where);

            replace(resource, slug, other, where);
            rename_by_patch(resource, slug, other, where);
            remove_it(resource, slug, where);
            free(slug);
        }
    }
}

Test(writing, every_property_that_there_is_can_be_written_read_and_written_back)
{
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);

        for (unsigned variant = 0; variant < 2; variant++) {
            json_auto_t *body = sample_record(resource, variant);
            json_auto_t *other = sample_record(resource, 1 - variant);
            const char *where = path_of("sample %u of %s", variant, resource->path);
            char *slug;

            (void)json_object_set_new(body, "owner", json_string(ORGANISATION));
            (void)json_object_set_new(other, "owner", json_string(ORGANISATION));
            (void)json_object_set_new(
                body, "slug", json_sprintf("written-sample-%u-%s", variant, resource->path));
            (void)json_object_del(other, "slug");
            slug = create(resource, body, where);
            replace(resource, slug, other, where);
            remove_it(resource, slug, where);
            free(slug);
        }
    }
}

/* --- what the caller may not set
 * ------------------------------------------------------------------- */

static struct response *post_practice(const char *token, const json_t *body)
{
    return write_as(token, "POST", "/v1/practices", NULL, NULL, body);
}

/* Checks Z5. */
Test(writing, what_the_server_sets_is_refused_by_pointer_and_nothing_is_written)
{
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        CLEANUP(response_freep)
        struct response *shown = read_as(NULL, path_of("/v1/%s/sample-0", resource->path));
        json_auto_t *body = json_deep_copy(response_json(shown));
        CLEANUP(response_freep) struct response *response = NULL;

        /* As it is read: a client that sends back what it got hears what to leave out. */
        response =
            write_as(writer_admin(), "POST", path_of("/v1/%s", resource->path), NULL, NULL, body);
        expect_problem(response, 422, "validation-failed", resource->path);
        for (size_t j = 0; j < resource->property_count; j++) {
            const struct property *property = &resource->properties[j];
            const char *pointer = path_of("/%s", property->name);

            if (json_object_get(body, property->name) == NULL)
                continue;
            cr_assert_eq(has_error(response, pointer, "read-only"),
                         property->read_only || property->is_computed, "%s%s: %s", resource->path,
                         pointer, response->body);
        }
    }
    cr_assert_eq(count_rows("select count(*) from catalogue.record where slug like 'sample-0%'"),
                 (long)contract_resource_count(contract));
}

/* Checks Z5. */
Test(writing, a_patch_of_what_the_server_sets_is_refused_even_with_the_present_value)
{
    char *slug = draft_practice(writer_partner(), "Nothing to be set");
    static const char *const PATCHES[] = {
        "{\"id\":null}",         "{\"version\":1}",          "{\"status\":\"draft\"}",
        "{\"created_at\":null}", "{\"links\":{\"self\":1}}", "{\"review\":null}"};

    for (size_t i = 0; i < ARRAY_LENGTH(PATCHES); i++) {
        CLEANUP(response_freep)
        struct response *response = write_text(
            writer_partner(), "PATCH", path_of("/v1/practices/%s", slug), "*", NULL, PATCHES[i]);
        json_auto_t *patch = json_loads(PATCHES[i], 0, NULL);

        expect_problem(response, 422, "validation-failed", PATCHES[i]);
        expect_error(response, path_of("/%s", json_object_iter_key(json_object_iter(patch))),
                     "read-only", PATCHES[i]);
    }
    free(slug);
}

/* Checks Z3. */
Test(writing, a_record_belongs_to_the_organisation_of_its_writer_and_to_no_other)
{
    json_auto_t *body = writer_practice("Whose is this");
    CLEANUP(response_freep) struct response *own = post_practice(writer_partner(), body);
    CLEANUP(response_freep)
    struct response *named = NULL, *foreign = NULL, *unknown = NULL, *by_editor = NULL,
                    *moved = NULL, *moved_by_editor;

    expect_status(own, 201, "without an owner");
    cr_assert_str_eq(response_text_at(own, "/owner/slug"), ORGANISATION);

    (void)json_object_set_new(body, "owner", json_string(ORGANISATION));
    named = post_practice(writer_partner(), body);
    expect_status(named, 201, "the own organisation, by name");

    (void)json_object_set_new(body, "owner", json_string(OTHER_ORGANISATION));
    foreign = post_practice(writer_partner(), body);
    expect_problem(foreign, 422, "validation-failed", "another organisation");
    expect_error(foreign, "/owner", "foreign-owner", "another organisation");
    by_editor = post_practice(writer_editor(), body);
    expect_status(by_editor, 201, "an editor may");
    cr_assert_str_eq(response_text_at(by_editor, "/owner/slug"), OTHER_ORGANISATION);

    (void)json_object_set_new(body, "owner", json_string("no-such-organisation"));
    unknown = post_practice(writer_partner(), body);
    expect_problem(unknown, 422, "validation-failed", "an organisation that is none");

    moved = write_text(writer_partner(), "PATCH",
                       path_of("/v1/practices/%s", response_text_at(own, "/slug")), "*", NULL,
                       "{\"owner\":\"" OTHER_ORGANISATION "\"}");
    expect_problem(moved, 422, "validation-failed", "given away");
    expect_error(moved, "/owner", "foreign-owner", "given away");
    moved_by_editor = write_text(writer_editor(), "PATCH",
                                 path_of("/v1/practices/%s", response_text_at(own, "/slug")), "*",
                                 NULL, "{\"owner\":\"" OTHER_ORGANISATION "\"}");
    expect_status(moved_by_editor, 200, "given away by an editor");
}

/* Checks Z3. */
Test(writing, a_reference_to_what_is_not_there_and_to_what_nobody_may_know_of_is_the_same_fault)
{
    char *foreign = draft_practice(writer_other(), "A draft of somebody else");
    CLEANUP(response_freep)
    struct response *copy =
        read_as(writer_other(), path_of("/v1/practices/%s/working-copy", foreign));
    const char *names[] = {"no-such-practice", foreign, "018f0000-0000-7000-8000-000000000000",
                           response_text_at(copy, "/id")};

    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        json_auto_t *body = json_pack("{s:s,s:s,s:s,s:s}", "name", "A place of theirs", "kind",
                                      "hub", "summary", "A place.", "practice", names[i]);
        CLEANUP(response_freep)
        struct response *response =
            write_as(writer_partner(), "POST", "/v1/places", NULL, NULL, body);
        const json_t *errors;

        expect_problem(response, 422, "validation-failed", names[i]);
        expect_error(response, "/practice", "unknown-reference", names[i]);
        errors = response_at(response, "/errors");
        cr_assert_eq(json_array_size(errors), 1, "%s: %s", names[i], response->body);
    }
    free(foreign);
}

/* --- all at once
 * ---------------------------------------------------------------------------------- */

/* Checks V5, V6. */
Test(writing, all_faults_of_a_body_are_told_at_once)
{
    static const char BODY[] =
        "{\"titel\":\"misspelt\",\"summary\":\"\",\"country\":\"XX\",\"version\":7,"
        "\"location\":{\"lat\":91,\"lon\":\"east\"},\"organisations\":[\"nobody-knows\",7],"
        "\"languages_count\":1.5,\"started_on\":\"2026-02-30\",\"web_links\":[{\"url\":"
        "\"javascript:alert(1)\",\"label\":\"x\"}],\"owner\":\"" OTHER_ORGANISATION "\"}";
    static const struct {
        const char *pointer, *code;
    } FAULTS[] = {
        {"/titel", "unknown-member"},    {"/title", "required"},
        {"/summary", "too-short"},       {"/country", "not-allowed"},
        {"/version", "read-only"},       {"/location/lat", "too-large"},
        {"/location/lon", "wrong-type"}, {"/languages_count", "wrong-type"},
    };
    CLEANUP(response_freep)
    struct response *response =
        write_text(writer_partner(), "POST", "/v1/practices", NULL, NULL, BODY);

    expect_problem(response, 422, "validation-failed", BODY);
    for (size_t i = 0; i < ARRAY_LENGTH(FAULTS); i++)
        expect_error(response, FAULTS[i].pointer, FAULTS[i].code, "one of all");
    cr_assert_geq(json_array_size(response_at(response, "/errors")), 11, "%s", response->body);
}

/* --- slugs
 * ------------------------------------------------------------------------------------------ */

Test(writing, a_slug_is_made_of_the_name_or_chosen_and_is_one_records_alone)
{
    json_auto_t *body = writer_practice("Über Brücken – Straße & Œuvre!");
    CLEANUP(response_freep) struct response *first = post_practice(writer_partner(), body);
    CLEANUP(response_freep) struct response *second = post_practice(writer_partner(), body);
    CLEANUP(response_freep) struct response *chosen = NULL, *taken = NULL, *bad = NULL;

    expect_status(first, 201, "of the name");
    expect_status(second, 201, "of the same name");
    cr_assert_eq(strncmp(response_text_at(first, "/slug"), "uber-brucken", 12), 0, "%s",
                 response_text_at(first, "/slug"));
    cr_assert_str_neq(response_text_at(first, "/slug"), response_text_at(second, "/slug"));

    (void)json_object_set_new(body, "slug", json_string("a-slug-of-choice"));
    chosen = post_practice(writer_partner(), body);
    expect_status(chosen, 201, "chosen");
    cr_assert_str_eq(response_text_at(chosen, "/slug"), "a-slug-of-choice");
    taken = post_practice(writer_partner(), body);
    expect_problem(taken, 409, "slug-taken", "twice");

    (void)json_object_set_new(body, "slug", json_string("Not A Slug"));
    bad = post_practice(writer_partner(), body);
    expect_problem(bad, 422, "validation-failed", "no slug");
    expect_error(bad, "/slug", "pattern", "no slug");
}

/* Checks Z21. */
Test(writing, a_slug_that_was_public_is_never_free_again_and_a_draft_tells_nobody_of_its_own)
{
    char *published = publish_practice("Once public, never free");
    char *draft = draft_practice(writer_other(), "A secret draft of others");
    json_auto_t *body = writer_practice("Wants a slug");
    CLEANUP(response_freep)
    struct response *taken = NULL, *unseen = NULL, *renamed = NULL, *old = NULL,
                    *still_taken = NULL;

    (void)json_object_set_new(body, "slug", json_string(published));
    taken = post_practice(writer_other(), body);
    expect_problem(taken, 409, "slug-taken", "public");

    (void)json_object_set_new(body, "slug", json_string(draft));
    unseen = post_practice(writer_partner(), body);
    expect_status(unseen, 201, "no refusal tells what others are writing");

    renamed = write_text(writer_editor(), "PATCH", path_of("/v1/practices/%s", published), "*",
                         NULL, "{\"slug\":\"another-address-of-it\"}");
    expect_status(renamed, 200, "an editor may move it");
    old = read_as(NULL, path_of("/v1/practices/%s", published));
    expect_status(old, 308, "the old address leads on");
    cr_assert_str_eq(response_header(old, "Location"), "/v1/practices/another-address-of-it");
    (void)json_object_set_new(body, "slug", json_string(published));
    still_taken = post_practice(writer_other(), body);
    expect_problem(still_taken, 409, "slug-taken", "an address that was public");
    free(published);
    free(draft);
}

Test(writing, one_source_is_one_record_of_an_owner)
{
    json_auto_t *body = writer_practice("From another directory");
    CLEANUP(response_freep) struct response *first = NULL, *second = NULL, *of_other = NULL;

    (void)json_object_set_new(
        body, "source", json_pack("{s:s,s:s}", "name", "city-directory", "external_id", "4711"));
    first = post_practice(writer_partner(), body);
    expect_status(first, 201, "the first");
    second = post_practice(writer_partner(), body);
    expect_problem(second, 409, "source-taken", "the second");
    of_other = post_practice(writer_other(), body);
    expect_status(of_other, 201, "somebody else's");
}

/* --- who sees what
 * ------------------------------------------------------------------------------------- */

/* Checks Z2, H24. */
Test(writing, a_draft_is_seen_by_its_organisation_and_by_editors_and_by_nobody_else)
{
    char *slug = draft_practice(writer_partner(), "Not for everybody");
    const char *path = path_of("/v1/practices/%s", slug);
    CLEANUP(response_freep) struct response *own = read_as(writer_partner(), path);
    CLEANUP(response_freep) struct response *by_editor = read_as(writer_editor(), path);
    CLEANUP(response_freep) struct response *by_other = read_as(writer_other(), path);
    CLEANUP(response_freep) struct response *by_nobody = read_as(NULL, path);
    CLEANUP(response_freep)
    struct response *no_such = read_as(writer_other(), "/v1/practices/no-such-practice");
    CLEANUP(response_freep)
    struct response *by_id =
        read_as(writer_partner(), path_of("/v1/practices/%s", response_text_at(own, "/id")));
    CLEANUP(response_freep)
    struct response *list = read_as(writer_partner(), "/v1/practices?slug=x");
    CLEANUP(response_freep)
    struct response *list_with_draft =
        read_as(writer_partner(), path_of("/v1/practices?slug=%s", slug));
    CLEANUP(response_freep)
    struct response *copy_of_other = read_as(writer_other(), path_of("%s/working-copy", path));
    CLEANUP(response_freep)
    struct response *copy_of_nobody = read_as(NULL, path_of("%s/working-copy", path));

    expect_status(own, 200, "its own");
    cr_assert_str_eq(response_header(own, "Cache-Control"), "no-store");
    cr_assert_null(response_header(own, "Content-Encoding"));
    expect_status(by_editor, 200, "an editor");
    expect_status(by_id, 200, "by id");
    expect_problem(by_other, 404, "not-found", "another partner");
    expect_problem(by_nobody, 404, "not-found", "nobody");
    cr_assert_str_eq(response_text_at(by_other, "/detail"), response_text_at(no_such, "/detail"));
    expect_problem(copy_of_other, 404, "not-found", "the working copy, another partner");
    expect_problem(copy_of_nobody, 401, "unauthenticated", "the working copy, nobody");
    /* A list is public, whoever asks. */
    cr_assert_eq(json_array_size(response_at(list_with_draft, "/data")), 0);
    cr_assert_eq(json_array_size(response_at(list, "/data")), 0);
    free(slug);
}

/* Checks Z2, Z23, H22. */
Test(writing, what_a_partner_may_not_know_of_is_not_found_whatever_it_does_with_it)
{
    char *slug = draft_practice(writer_other(), "Of the others");
    char *etag = etag_of(writer_other(), slug);
    static const struct {
        const char *method, *behind, *body;
    } ROWS[] = {
        {"PUT", "", "{\"title\":\"A\",\"summary\":\"B\"}"},
        {"PUT", "", "{\"nonsense\":1}"},
        {"PATCH", "", "{\"title\":\"A\"}"},
        {"DELETE", "", NULL},
        {"POST", "/submit", NULL},
        {"POST", "/verify", NULL},
        {"GET", "/working-copy", NULL},
        {"GET", "/versions", NULL},
        {"GET", "/versions/1", NULL},
        {"POST", "/versions/1/restore", NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const char *const etags[] = {NULL, "\"0-stale\"", etag, "*"};

        for (size_t j = 0; j < ARRAY_LENGTH(etags); j++) {
            CLEANUP(response_freep)
            struct response *response = write_text(
                writer_partner(), ROWS[i].method,
                path_of("/v1/practices/%s%s", slug, ROWS[i].behind), etags[j], NULL, ROWS[i].body);
            CLEANUP(response_freep)
            struct response *random =
                write_text(writer_partner(), ROWS[i].method,
                           path_of("/v1/practices/not-any-practice%s", ROWS[i].behind), etags[j],
                           NULL, ROWS[i].body);

            expect_problem(response, 404, "not-found", ROWS[i].behind);
            expect_problem(random, 404, "not-found", ROWS[i].behind);
            cr_assert_str_eq(response_text_at(response, "/detail"),
                             response_text_at(random, "/detail"));
            cr_assert_eq(response->header_count, random->header_count);
            cr_assert_null(response_header(response, "ETag"));
        }
    }
    free(slug);
    free(etag);
}

/* Checks Z2, Z23. */
Test(writing, of_what_others_have_published_nobody_learns_what_they_are_doing_with_it)
{
    char *slug = publish_practice("Published by others");
    char *etag;
    static const struct {
        const char *method, *behind, *body;
    } ROWS[] = {
        {"PUT", "", "{\"title\":\"A\",\"summary\":\"B\"}"},
        {"PATCH", "", "{\"title\":\"A\"}"},
        {"PATCH", "", "{\"nonsense\":1}"},
        {"DELETE", "", NULL},
        {"POST", "/submit", NULL},
        {"POST", "/verify", NULL},
        {"GET", "/working-copy", NULL},
        {"GET", "/versions", NULL},
        {"GET", "/versions/1", NULL},
        {"POST", "/versions/1/restore", NULL},
    };
    CLEANUP(response_freep)
    struct response *waits =
        write_text(writer_partner(), "PATCH", path_of("/v1/practices/%s", slug), "*", NULL,
                   "{\"city\":\"Namur\"}");

    expect_status(waits, 200, "a change that waits");
    etag = etag_of(writer_partner(), slug);
    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const char *const etags[] = {NULL, "\"0-stale\"", etag, "*"};

        for (size_t j = 0; j < ARRAY_LENGTH(etags); j++) {
            CLEANUP(response_freep)
            struct response *response = write_text(
                writer_other(), ROWS[i].method, path_of("/v1/practices/%s%s", slug, ROWS[i].behind),
                etags[j], NULL, ROWS[i].body);

            expect_problem(response, 403, "forbidden",
                           path_of("%s %s", ROWS[i].method, ROWS[i].behind));
            cr_assert_null(response_header(response, "ETag"));
        }
    }
    free(slug);
    free(etag);
}

Test(writing, vocabularies_are_written_by_administrators_alone)
{
    CLEANUP(response_freep)
    struct response *by_partner = write_text(writer_partner(), "POST", "/v1/vocabularies", NULL,
                                             NULL, "{\"title\":\"Words of ours\"}");
    CLEANUP(response_freep)
    struct response *by_editor = write_text(writer_editor(), "POST", "/v1/vocabularies", NULL, NULL,
                                            "{\"title\":\"Words of ours\"}");
    CLEANUP(response_freep)
    struct response *patched = write_text(writer_editor(), "PATCH", "/v1/vocabularies/glossary",
                                          "*", NULL, "{\"title\":\"Words of ours\"}");
    CLEANUP(response_freep)
    struct response *without = write_text(writer_editor(), "PATCH", "/v1/vocabularies/glossary",
                                          NULL, NULL, "{\"title\":\"Words of ours\"}");
    CLEANUP(response_freep)
    struct response *by_admin = write_text(writer_admin(), "POST", "/v1/vocabularies", NULL, NULL,
                                           "{\"title\":\"Words of ours\"}");

    expect_problem(by_partner, 403, "forbidden", "a partner");
    expect_problem(by_editor, 403, "forbidden", "an editor");
    expect_problem(patched, 403, "forbidden", "an editor's patch");
    expect_problem(without, 403, "forbidden", "the right comes before the condition");
    expect_status(by_admin, 201, "an administrator");
}

/* --- dry runs
 * -------------------------------------------------------------------------------------------- */

/* What there is of two records, of a name that nothing bears, and of a key. */
static long traces_of(const char *draft, const char *published)
{
    return count_rows(path_of(
        "select (select count(*) from catalogue.record where slug like 'rehearsed%%') * 1000000 + "
        "(select count(*) from catalogue.version v join catalogue.record r on r.id = v.record_id "
        "where r.slug in ('%s', '%s')) * 1000 + "
        "(select count(*) from audit.entry e join catalogue.record r on r.id = e.record_id "
        "where r.slug in ('%s', '%s') and e.action <> 'request.dry-run') + "
        "(select count(*) from identity.idempotency_key where key = 'a-key-of-a-rehearsal')",
        draft, published, draft, published));
}

Test(writing, a_dry_run_answers_the_same_and_changes_nothing)
{
    char *draft = draft_practice(writer_partner(), "To be rehearsed");
    char *published = publish_practice("To be rehearsed in public");
    const char *of_draft = path_of("/v1/practices/%s", draft);
    const char *of_published = path_of("/v1/practices/%s", published);
    const struct {
        const char *token, *method, *path, *body;
        int status;
    } rows[] = {
        {writer_partner(), "POST", "/v1/practices?dry_run=true",
         "{\"title\":\"Rehearsed\",\"summary\":\"B\"}", 201},
        {writer_partner(), "PUT", path_of("%s?dry_run=true", of_draft),
         "{\"title\":\"A\",\"summary\":\"B\"}", 200},
        {writer_editor(), "PATCH", path_of("%s?dry_run=true", of_published), "{\"city\":\"Namur\"}",
         200},
    };
    const char *const steps[] = {"submit", "verify"};
    const long before = traces_of(draft, published);

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        CLEANUP(response_freep)
        struct response *response =
            write_text(rows[i].token, rows[i].method, rows[i].path,
                       strcmp(rows[i].method, "POST") == 0 ? NULL : "*", NULL, rows[i].body);

        expect_status(response, rows[i].status, rows[i].path);
        cr_assert(json_is_true(response_at(response, "/meta/dry_run")), "%s", response->body);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
        CLEANUP(response_freep)
        struct response *response = write_text(
            writer_partner(), "POST", path_of("/v1/practices/%s/%s?dry_run=true", draft, steps[i]),
            NULL, "a-key-of-a-rehearsal", NULL);

        expect_status(response, 200, steps[i]);
        cr_assert(json_is_true(response_at(response, "/meta/dry_run")));
    }
    {
        CLEANUP(response_freep)
        struct response *deleted =
            write_text(writer_editor(), "DELETE",
                       path_of("/v1/practices/%s?dry_run=true", published), "*", NULL, NULL);
        CLEANUP(response_freep)
        struct response *there = read_as(NULL, path_of("/v1/practices/%s", published));
        CLEANUP(response_freep)
        struct response *bad = write_text(writer_partner(), "POST", "/v1/practices?dry_run=true",
                                          NULL, NULL, "{\"title\":\"A\"}");
        CLEANUP(response_freep)
        struct response *maybe =
            write_text(writer_partner(), "POST", "/v1/practices?dry_run=maybe", NULL, NULL, "{}");
        CLEANUP(response_freep)
        struct response *unknown =
            write_text(writer_partner(), "POST", "/v1/practices?dryrun=true", NULL, NULL, "{}");

        expect_status(deleted, 204, "deleted");
        expect_status(there, 200, "it is there still");
        cr_assert_null(response_at(there, "/city"));
        expect_problem(bad, 422, "validation-failed", "faults are told");
        expect_problem(maybe, 400, "invalid-parameter", "dry_run=maybe");
        expect_problem(unknown, 400, "invalid-parameter", "dryrun");
    }
    cr_assert_eq(traces_of(draft, published), before);
    free(draft);
    free(published);
}

/* --- what is gone
 * --------------------------------------------------------------------------------------- */

Test(writing, a_deleted_record_is_gone_and_tells_when_and_a_merged_one_leads_on)
{
    char *deleted = publish_practice("To be deleted"), *duplicate = publish_practice("Twice there");
    char *survivor = publish_practice("Once there");
    const char *path = path_of("/v1/practices/%s", deleted);
    CLEANUP(response_freep) struct response *shown = read_as(NULL, path);
    CLEANUP(response_freep)
    struct response *twice = read_as(NULL, path_of("/v1/practices/%s", duplicate));
    CLEANUP(response_freep)
    struct response *done = write_text(writer_editor(), "DELETE", path, "*", NULL, NULL);
    CLEANUP(response_freep) struct response *gone = read_as(NULL, path);
    CLEANUP(response_freep)
    struct response *again = write_text(writer_editor(), "DELETE", path, "*", NULL, NULL);
    CLEANUP(response_freep)
    struct response *by_id =
        read_as(NULL, path_of("/v1/practices/%s", response_text_at(shown, "/id")));
    CLEANUP(response_freep)
    struct response *merged = NULL, *moved = NULL, *moved_id = NULL, *written = NULL;
    json_auto_t *into = json_pack("{s:s}", "into", survivor);

    expect_status(done, 204, "deleted");
    expect_problem(gone, 410, "gone", "read");
    cr_assert_not_null(response_at(gone, "/deleted_at"));
    expect_problem(by_id, 410, "gone", "read by id");
    expect_problem(again, 410, "gone", "deleted once more");

    merged = write_as(writer_editor(), "POST", path_of("/v1/practices/%s/merge", duplicate), NULL,
                      NULL, into);
    expect_status(merged, 200, "merged");
    cr_assert_str_eq(response_text_at(merged, "/slug"), survivor);
    moved = read_as(NULL, path_of("/v1/practices/%s", duplicate));
    expect_status(moved, 308, "by slug");
    cr_assert_str_eq(response_header(moved, "Location"), path_of("/v1/practices/%s", survivor));
    moved_id = read_as(NULL, path_of("/v1/practices/%s", response_text_at(twice, "/id")));
    expect_status(moved_id, 308, "by id");
    written = write_text(writer_editor(), "PATCH", path_of("/v1/practices/%s", duplicate), "*",
                         NULL, "{\"city\":\"Namur\"}");
    expect_problem(written, 410, "gone", "what was merged away is not written");
    cr_assert_str_eq(response_text_at(written, "/replaced_by"),
                     path_of("/v1/practices/%s", survivor));
    free(deleted);
    free(duplicate);
    free(survivor);
}

Test(writing, what_published_records_refer_to_cannot_be_deleted)
{
    char *referred = publish_practice("Referred to");
    json_auto_t *place = json_pack("{s:s,s:s,s:s,s:s}", "name", "A place that refers", "kind",
                                   "hub", "summary", "A place.", "practice", referred);
    CLEANUP(response_freep)
    struct response *created = write_as(writer_editor(), "POST", "/v1/places", NULL, NULL, place);
    CLEANUP(response_freep) struct response *refused = NULL, *published = NULL, *submitted = NULL;

    expect_status(created, 201, "a place");
    submitted = write_text(writer_editor(), "POST",
                           path_of("/v1/places/%s/submit", response_text_at(created, "/slug")),
                           NULL, NULL, NULL);
    published = write_text(writer_editor(), "POST",
                           path_of("/v1/places/%s/publish", response_text_at(created, "/slug")),
                           NULL, NULL, NULL);
    expect_status(submitted, 200, "submitted");
    expect_status(published, 200, "published");
    refused = write_text(writer_editor(), "DELETE", path_of("/v1/practices/%s", referred), "*",
                         NULL, NULL);
    expect_problem(refused, 409, "still-referenced", "a place refers to it");
    free(referred);
}

/* --- methods, types, scopes
 * -------------------------------------------------------------------------------- */

/* Checks H5, H6. */
Test(writing, bodies_are_taken_by_their_type_alone)
{
    char *slug = draft_practice(writer_partner(), "Of what type");
    static const struct {
        const char *method, *type;
        int status;
        const char *header;
    } ROWS[] = {
        {"POST", "Content-Type: text/plain", 415, "Accept"},
        {"POST", "Content-Type: text/plain; application/json", 415, "Accept"},
        {"POST", "Content-Type: application/merge-patch+json", 415, "Accept"},
        {"POST", "Content-Type: APPLICATION/JSON", 201, NULL},
        {"POST", "Content-Type: application/json; charset=utf-8", 201, NULL},
        {"POST", "Content-Type: application/json; charset=utf-16", 415, "Accept"},
        {"POST", "Content-Type: application/json;;", 415, "Accept"},
        {"PUT", "Content-Type: application/merge-patch+json", 415, "Accept"},
        {"PUT", "Content-Type: application/json", 200, NULL},
        {"PATCH", "Content-Type: application/json", 415, "Accept-Patch"},
        {"PATCH", "Content-Type: application/json-patch+json", 415, "Accept-Patch"},
        {"PATCH", "Content-Type: application/merge-patch+json", 200, NULL},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const bool is_new = strcmp(ROWS[i].method, "POST") == 0;
        const char *const headers[] = {ROWS[i].type, is_new ? NULL : "If-Match: *", NULL};
        CLEANUP(response_freep)
        struct response *response =
            http_as(writer_partner(), ROWS[i].method,
                    is_new ? "/v1/practices" : path_of("/v1/practices/%s", slug), headers,
                    "{\"title\":\"Of this type\",\"summary\":\"B\"}");

        expect_status(response, ROWS[i].status, ROWS[i].type);
        if (ROWS[i].header != NULL)
            cr_assert_not_null(response_header(response, ROWS[i].header), "%s", ROWS[i].type);
    }
    free(slug);
}

/* Checks Z8. */
Test(writing, a_token_writes_what_its_scopes_say_and_no_more)
{
    const char *reading = token_with_scopes("partner", ORGANISATION, "read");
    const char *narrow = token_with_scopes("partner", ORGANISATION, "read write:practices");
    CLEANUP(response_freep)
    struct response *refused = write_text(reading, "POST", "/v1/practices", NULL, NULL,
                                          "{\"title\":\"A\",\"summary\":\"B\"}");
    CLEANUP(response_freep)
    struct response *taken = write_text(narrow, "POST", "/v1/practices", NULL, NULL,
                                        "{\"title\":\"A\",\"summary\":\"B\"}");
    CLEANUP(response_freep)
    struct response *elsewhere = write_text(narrow, "POST", "/v1/places", NULL, NULL,
                                            "{\"name\":\"A\",\"kind\":\"hub\",\"summary\":\"B\"}");
    CLEANUP(response_freep)
    struct response *nobody = write_text(NULL, "POST", "/v1/practices", NULL, NULL, "{}");

    expect_problem(refused, 403, "insufficient-scope", "reading alone");
    cr_assert_not_null(strstr(response_header(refused, "WWW-Authenticate"), "write"));
    expect_status(taken, 201, "practices alone");
    expect_problem(elsewhere, 403, "insufficient-scope", "another resource");
    expect_problem(nobody, 401, "unauthenticated", "nobody");
}

Test(writing, an_address_that_is_no_resource_takes_no_record)
{
    CLEANUP(response_freep)
    struct response *response =
        write_text(writer_partner(), "POST", "/v1/practises", NULL, NULL, "{}");

    expect_problem(response, 404, "not-found", "misspelt");
}

/* Checks H7. */
Test(writing, who_accepts_no_json_is_told_so_before_anything_is_done)
{
    static const char *const HEADERS[] = {"Accept: text/html", NULL};
    CLEANUP(response_freep)
    struct response *response = http_as(writer_partner(), "POST", "/v1/practices", HEADERS,
                                        "{\"title\":\"Accepted by nobody\",\"summary\":\"B\"}");

    expect_problem(response, 406, "not-acceptable", "HTML");
    cr_assert_eq(count_rows("select count(*) from catalogue.record where slug like 'accepted-by%'"),
                 0);
}
