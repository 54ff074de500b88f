/*
 * Bodies made to break something: what is no JSON, or too deep, or too much; values of every wrong
 * type for every property; numbers, texts, dates and addresses at the ends of what they may be.
 * What is taken comes back as it was sent.
 */
#include "base/text.h"
#include "contract/contract.h"
#include "support/database.h"
#include "support/leaks.h"
#include "support/lists.h"
#include "support/server.h"
#include "support/writers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_BYTES (1024 * 1024)

SERVER_BEFORE_TESTS("EXPRESS_RATE_LIMIT=0")
SERVER_AFTER_TESTS()

TestSuite(input, .fini = test_ends_without_leaks, .timeout = 300);

static struct response *post(const char *body)
{
    return write_text(writer_partner(), "POST", "/v1/practices", NULL, NULL, body);
}

/* --- what is no JSON
 * ------------------------------------------------------------------------------ */

/* Checks V1, V2, V3. */
Test(input, what_is_no_json_is_refused_with_its_place_and_never_quoted)
{
    static const struct {
        const char *body, *why;
    } ROWS[] = {
        {"", "nothing"},
        {"secret", "no JSON"},
        {"{\"title\":\"secret\"", "cut"},
        {"\xef\xbb\xbf{\"title\":\"secret\"}", "a byte order mark"},
        {"{\"title\":\"secret\"} secret", "something behind it"},
        {"\"secret\"", "a text"},
        {"17", "a number"},
        {"null", "nothing, in JSON"},
        {"{\"title\":\"secret\",\"title\":\"secret\"}", "a member twice"},
        {"{\"title\":\"secret\",\"t\\u0069tle\":\"secret\"}", "the same, disguised"},
        {"{\"title\":\"secret\\u0000\"}", "NUL"},
        {"{\"title\":\"secret\\ud800\"}", "half a surrogate pair"},
        {"{\"title\":\"secret\xc0\x80\"}", "overlong UTF-8"},
        {"{\"title\":\"secret\xff\"}", "no UTF-8"},
        {"{\"title\":NaN}", "no number"},
        {"{\"title\":1e400}", "a number that is too large"},
        {"{\"version\":18446744073709551616}", "an integer that is too large"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = post(ROWS[i].body);

        expect_problem(response, 400, "invalid-json", ROWS[i].why);
        cr_assert_null(strstr(response->body, "secret"), "%s: %s", ROWS[i].why, response->body);
    }
    {
        CLEANUP(response_freep) struct response *array = post("[{\"title\":\"A\"}]");

        expect_problem(array, 422, "validation-failed", "an array is JSON, but no record");
    }
    cr_assert_eq(count_rows("select count(*) from catalogue.record where slug like '%secret%'"), 0);
}

/* A merge patch is an object: RFC 7396 would let anything else replace the whole. */
Test(input, a_patch_is_an_object)
{
    static const char *const BODIES[] = {"[]", "null", "\"x\"", "3", "[{\"title\":\"A\"}]"};
    char *slug = draft_practice(writer_partner(), "Patched by no object");

    for (size_t i = 0; i < ARRAY_LENGTH(BODIES); i++) {
        CLEANUP(response_freep)
        struct response *response = write_text(
            writer_partner(), "PATCH", path_of("/v1/practices/%s", slug), "*", NULL, BODIES[i]);

        expect_problem(response, 400, "invalid-json", BODIES[i]);
    }
    free(slug);
}

/* Checks V4. */
Test(input, what_is_too_deep_or_too_much_is_refused_at_once)
{
    static const size_t DEPTHS[] = {17, 2048, 30000};
    struct text body;

    text_init(&body, BODY_BYTES);
    for (size_t i = 0; i < ARRAY_LENGTH(DEPTHS); i++) {
        CLEANUP(response_freep) struct response *response = NULL;

        text_clear(&body);
        text_append(&body, "{\"title\":");
        for (size_t j = 1; j < DEPTHS[i]; j++)
            text_append_char(&body, '[');
        for (size_t j = 1; j < DEPTHS[i]; j++)
            text_append_char(&body, ']');
        text_append_char(&body, '}');
        response = post(body.bytes);
        expect_problem(response, 400, "invalid-json", "too deep");
    }
    text_clear(&body);
    text_append(&body, "{\"aliases\":[1");
    for (size_t i = 0; i < 5001; i++)
        text_append(&body, ",1");
    text_append(&body, "]}");
    {
        CLEANUP(response_freep) struct response *many = post(body.bytes);
        CLEANUP(response_freep) struct response *large = NULL;

        expect_problem(many, 400, "invalid-json", "5001 values");
        text_clear(&body);
        text_append(&body, "{\"title\":\"");
        for (size_t i = 0; i < 64 * 1024; i++)
            text_append_char(&body, 'x');
        text_append(&body, "\"}");
        large = post(body.bytes);
        expect_problem(large, 413, "content-too-large", "over 64 KiB");
    }
    text_deinit(&body);
}

/* --- every property
 * ------------------------------------------------------------------------------- */

static const json_t *schema_of(const char *reference)
{
    static const char PREFIX[] = "#/components/schemas/";
    const json_t *schemas = json_object_get(
        json_object_get(contract_document(list_contract()), "components"), "schemas");

    return json_object_get(schemas, reference + sizeof(PREFIX) - 1);
}

static const json_t *resolved(const json_t *schema)
{
    const char *reference = json_string_value(json_object_get(schema, "$ref"));

    return reference == NULL ? schema : schema_of(reference);
}

/* Of each type of JSON one value, but of those that the schema takes. */
static json_t *wrong_values(const json_t *schema)
{
    static const struct {
        const char *type, *value;
    } VALUES[] = {
        {"string", "\"\\u00e9\""}, {"integer", "7"},  {"number", "7.5"},
        {"boolean", "true"},       {"array", "[[]]"}, {"object", "{\"nonsense\":1}"},
    };
    const char *type = json_string_value(json_object_get(resolved(schema), "type"));
    json_t *values = json_array();

    for (size_t i = 0; i < ARRAY_LENGTH(VALUES); i++) {
        /* A whole number is a number; a relation has no type, it is a text or an object. */
        if (type != NULL &&
            (strcmp(type, VALUES[i].type) == 0 ||
             (strcmp(type, "number") == 0 && strcmp(VALUES[i].type, "integer") == 0)))
            continue;
        if (type == NULL && strcmp(VALUES[i].type, "string") == 0)
            continue;
        (void)json_array_append_new(values, json_loads(VALUES[i].value, JSON_DECODE_ANY, NULL));
    }
    return values;
}

static void check_wrong_types(const struct resource *resource)
{
    const json_t *schema =
        schema_of(path_of("#/components/schemas/%sWrite", resource->schema_name));
    const char *name;
    json_t *member;

    json_object_foreach ((json_t *)(uintptr_t)json_object_get(schema, "properties"), name, member) {
        json_auto_t *values = wrong_values(member);
        size_t i;
        const json_t *value;

        json_array_foreach (values, i, value) {
            json_auto_t *body = json_object();
            CLEANUP(response_freep) struct response *response = NULL;
            const json_t *error;
            bool is_told = false;
            size_t j;

            (void)json_object_set(body, name, (json_t *)(uintptr_t)value);
            response = write_as(writer_admin(), "POST", path_of("/v1/%s", resource->path), NULL,
                                NULL, body);
            expect_problem(response, 422, "validation-failed", name);
            json_array_foreach (response_at(response, "/errors"), j, error) {
                const char *pointer = json_string_value(json_object_get(error, "pointer"));

                is_told |= pointer != NULL && strncmp(pointer + 1, name, strlen(name)) == 0;
            }
            cr_assert(is_told, "%s.%s: %s", resource->path, name, response->body);
        }
    }
}

/* Checks V6. */
Test(input, a_value_of_a_wrong_type_is_told_for_every_property_of_every_resource)
{
    const struct contract *contract = list_contract();

    for (size_t i = 0; i < contract_resource_count(contract); i++)
        check_wrong_types(contract_resource(contract, i));
}

/* Checks V5. */
Test(input, members_that_are_not_known_are_refused_wherever_they_stand)
{
    static const struct {
        const char *body, *pointer;
    } ROWS[] = {
        {"{\"title\":\"A\",\"summary\":\"B\",\"colour\":1}", "/colour"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"__proto__\":{}}", "/__proto__"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"location\":{\"lat\":1,\"lon\":2,\"alt\":3}}",
         "/location/alt"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"source\":{\"colour\":1}}", "/source/colour"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"labels\":[{\"name\":\"A\"},{\"name\":\"B\","
         "\"x\":1}]}",
         "/labels/1/x"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"a~b/c\":1}", "/a~0b~1c"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep) struct response *response = post(ROWS[i].body);

        expect_problem(response, 422, "validation-failed", ROWS[i].body);
        expect_error(response, ROWS[i].pointer, "unknown-member", ROWS[i].body);
    }
}

/* --- single values
 * --------------------------------------------------------------------------------- */

/* A practice with one member more: taken, and shown as it was sent; or refused at that member. */
static void check_member(const char *name, const char *json, bool is_taken, const char *why)
{
    json_auto_t *body = writer_practice("Has one member more");
    json_auto_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    CLEANUP(response_freep) struct response *response = NULL;
    const json_t *shown;

    cr_assert_not_null(value, "%s: %s", why, json);
    (void)json_object_set(body, name, value);
    response = write_as(writer_partner(), "POST", "/v1/practices", NULL, NULL, body);
    if (!is_taken) {
        expect_problem(response, 422, "validation-failed", why);
        cr_assert_eq(
            strncmp(response_text_at(response, "/errors/0/pointer") + 1, name, strlen(name)), 0,
            "%s: %s", why, response->body);
        return;
    }
    expect_status(response, 201, why);
    shown = json_object_get(response_json(response), name);
    if (json_is_number(value))
        cr_assert_eq(json_number_value(shown), json_number_value(value), "%s", why);
    else
        cr_assert(json_equal(shown, value), "%s: %s", why, response->body);
}

/* Checks V7. */
Test(input, an_integer_is_whole_and_in_its_range)
{
    static const struct {
        const char *value;
        bool is_taken;
    } ROWS[] = {
        {"0", true},
        {"2000000000", true},
        {"2000000001", false},
        {"-1", false},
        {"1.0", false},
        {"1e2", false},
        {"-0", true},
        {"2147483648", false},
        {"9223372036854775807", false},
        {"\"1\"", false},
        {"-9223372036854775808", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        check_member("languages_count", ROWS[i].value, ROWS[i].is_taken, ROWS[i].value);
}

/* Checks V8. */
Test(input, a_place_is_on_earth_and_comes_back_to_the_digit)
{
    static const struct {
        const char *value;
        bool is_taken;
    } ROWS[] = {
        {"{\"lat\":90,\"lon\":180}", true},
        {"{\"lat\":-90,\"lon\":-180}", true},
        {"{\"lat\":50.63325971,\"lon\":5.58000000000001}", true},
        {"{\"lat\":0.1,\"lon\":1e-7}", true},
        {"{\"lat\":90.0000001,\"lon\":0}", false},
        {"{\"lat\":0,\"lon\":-180.0000001}", false},
        {"{\"lat\":1e308,\"lon\":0}", false},
        {"{\"lat\":\"50\",\"lon\":5}", false},
        {"{\"lat\":50}", false},
        {"[50,5]", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *body = writer_practice("Somewhere");
        json_auto_t *value = json_loads(ROWS[i].value, JSON_DECODE_ANY, NULL);
        CLEANUP(response_freep) struct response *response = NULL;

        (void)json_object_set(body, "location", value);
        response = write_as(writer_partner(), "POST", "/v1/practices", NULL, NULL, body);
        if (!ROWS[i].is_taken) {
            expect_problem(response, 422, "validation-failed", ROWS[i].value);
            continue;
        }
        expect_status(response, 201, ROWS[i].value);
        cr_assert_eq(json_number_value(response_at(response, "/location/lat")),
                     json_number_value(json_object_get(value, "lat")), "%s", response->body);
        cr_assert_eq(json_number_value(response_at(response, "/location/lon")),
                     json_number_value(json_object_get(value, "lon")), "%s", response->body);
    }
}

static void check_title(const char *character, size_t count, bool is_taken, const char *why)
{
    struct text text;

    text_init(&text, BODY_BYTES);
    text_append_char(&text, '"');
    for (size_t i = 0; i < count; i++)
        text_append(&text, character);
    text_append_char(&text, '"');
    check_member("title", text.bytes, is_taken, why);
    text_deinit(&text);
}

/* Checks V9. */
Test(input, a_text_is_counted_in_characters)
{
    static const struct {
        const char *character;
        size_t count;
        bool is_taken;
    } ROWS[] = {
        {"", 0, false},   {"x", 1, true},    {"x", 300, true}, {"x", 301, false},
        {"é", 300, true}, {"é", 301, false}, {"ቋ", 300, true}, {"ቋ", 301, false},
        {"𝒳", 300, true}, {"𝒳", 301, false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        check_title(ROWS[i].character, ROWS[i].count, ROWS[i].is_taken,
                    path_of("%zu of %s", ROWS[i].count, ROWS[i].character));
}

/* Checks V10. */
Test(input, characters_that_deceive_or_do_nothing_are_refused)
{
    static const char *const TITLES[] = {
        "\"a\\u202eb\"", "\"a\\u2066b\"", "\"a\\u2069b\"", "\"a\\ufeffb\"",
        "\"a\\u0007b\"", "\"a\\u007fb\"", "\"a\\u0085b\"", "\"a\\ufffeb\"",
        "\"a\\uffffb\"", "\"a\\u2028b\"", "\"a\\u001bb\"", "\"a\\nb\"",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TITLES); i++)
        check_member("title", TITLES[i], false, TITLES[i]);
    check_member("description", "\"two\\nlines and a\\ttab\"", true, "a text of several lines");
}

/* Checks V10, V11. */
Test(input, names_of_every_writing_come_back_as_they_are)
{
    static const char *const TITLES[] = {
        "\"مشروع اللاجئين\"",     "\"ስራ ፈጠራ\"",   "\"پروژه‌ی خودکفایی\"",
        "\"Ғылым және еңбек\"",   "\"移民创业\"", "\"🌍🧵 sewing\"",
        "\"Łódź – Ærø – Œuvre\"", "\"שלום\"",     "\"हिन्दी क्षेत्र\"",
        "\"Việt Nam\"",
    };

    for (size_t i = 0; i < ARRAY_LENGTH(TITLES); i++)
        check_member("title", TITLES[i], true, TITLES[i]);
    {
        json_auto_t *body = writer_practice("Cafe\xcc\x81 decompose\xcc\x81");
        CLEANUP(response_freep)
        struct response *response =
            write_as(writer_partner(), "POST", "/v1/practices", NULL, NULL, body);

        expect_status(response, 201, "decomposed letters");
        cr_assert_str_eq(response_text_at(response, "/title"), "Café decomposé");
    }
}

/* Checks V12. */
Test(input, dates_are_days_that_there_were)
{
    static const struct {
        const char *value;
        bool is_taken;
    } ROWS[] = {
        {"\"2024-02-29\"", true}, {"\"2026-02-29\"", false}, {"\"2026-02-30\"", false},
        {"\"2015\"", true},       {"\"2015-13\"", false},    {"\"2015-00\"", false},
        {"\"0000\"", false},      {"\"0001\"", true},        {"\"9999-12-31\"", true},
        {"\"15-01-01\"", false},  {"\"2015-1\"", false},     {"\"2015-01-01T00:00:00Z\"", false},
        {"\" 2015\"", false},     {"2015", false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        check_member("started_on", ROWS[i].value, ROWS[i].is_taken, ROWS[i].value);
}

/* Checks V12. */
Test(input, addresses_are_those_of_web_pages)
{
    static const struct {
        const char *url;
        bool is_taken;
    } ROWS[] = {
        {"https://example.org/", true},
        {"http://example.org/a?b=c#d", true},
        {"https://xn--bcher-kva.example/", true},
        {"javascript:alert(1)", false},
        {"data:text/html,x", false},
        {"ftp://example.org/", false},
        {"//example.org/", false},
        {"example.org", false},
        {"https://exa mple.org/", false},
        {"https://example.org/\\u0000", false},
        {"https://example.org/<script>", false},
        {"https://", false},
    };
    struct text url;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *body = writer_practice("Has a page");
        CLEANUP(response_freep) struct response *response = NULL;

        (void)json_object_set_new(
            body, "web_links", json_pack("[{s:s,s:s}]", "url", ROWS[i].url, "label", "Its page"));
        response = write_as(writer_partner(), "POST", "/v1/practices", NULL, NULL, body);
        expect_status(response, ROWS[i].is_taken ? 201 : 422, ROWS[i].url);
    }
    text_init(&url, BODY_BYTES);
    text_append(&url, "[{\"label\":\"long\",\"url\":\"https://example.org/");
    for (size_t i = 0; i < 2000; i++)
        text_append_char(&url, 'x');
    text_append(&url, "\"}]");
    check_member("web_links", url.bytes, false, "an address of over 2000 characters");
    text_deinit(&url);
}

/* Checks V13. */
Test(input, the_id_of_another_record_is_a_uuid_in_either_case)
{
    char *id = test_database_value("select id from catalogue.record where slug = 'univerbal' and "
                                   "resource = 'organisations'");
    char *upper = test_database_value("select upper(id::text) from catalogue.record where slug = "
                                      "'univerbal' and resource = 'organisations'");
    const char *const braced = path_of("{%s}", id), *const urn = path_of("urn:uuid:%s", id);
    const struct {
        const char *name;
        bool is_taken;
    } rows[] = {
        {"univerbal", true}, {id, true},
        {upper, true},       {braced, false},
        {urn, false},        {"00000000-0000-0000-0000-000000000000", false},
        {id + 1, false},     {path_of("%s0", id), false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        json_auto_t *body = writer_practice("Of an organisation");
        CLEANUP(response_freep) struct response *response = NULL;

        (void)json_object_set_new(body, "organisations", json_pack("[s]", rows[i].name));
        response = write_as(writer_partner(), "POST", "/v1/practices", NULL, NULL, body);
        expect_status(response, rows[i].is_taken ? 201 : 422, rows[i].name);
        if (rows[i].is_taken)
            cr_assert_str_eq(response_text_at(response, "/organisations/0/id"), id);
    }
    free(id);
    free(upper);
}

/* Checks V21. */
Test(input, a_patch_that_leaves_no_record_is_refused)
{
    static const struct {
        const char *patch, *pointer, *code;
    } ROWS[] = {
        {"{\"title\":null}", "/title", "required"},
        {"{\"__proto__\":{\"title\":\"x\"}}", "/__proto__", "unknown-member"},
        {"{\"constructor\":1}", "/constructor", "unknown-member"},
        {"{\"location\":[1,2]}", "/location", "wrong-type"},
        {"{\"location\":{\"lat\":1}}", "/location/lon", "required"},
        {"{\"organisations\":{\"0\":\"univerbal\"}}", "/organisations", "wrong-type"},
        {"{\"transferability\":\"none\"}", "/transferability", "wrong-type"},
        {"{\"language\":\"EN\"}", "/language", "pattern"},
    };
    char *slug = draft_practice(writer_partner(), "Patched badly");
    char *etag = etag_of(writer_partner(), slug);

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        CLEANUP(response_freep)
        struct response *response =
            write_text(writer_partner(), "PATCH", path_of("/v1/practices/%s", slug), etag, NULL,
                       ROWS[i].patch);

        expect_problem(response, 422, "validation-failed", ROWS[i].patch);
        expect_error(response, ROWS[i].pointer, ROWS[i].code, ROWS[i].patch);
    }
    free(slug);
    free(etag);
}

/* RFC 7396, its appendix A as far as a record can have it. */
Test(input, a_patch_adds_replaces_and_removes)
{
    static const struct {
        const char *patch, *pointer, *expected;
    } ROWS[] = {
        {"{\"city\":\"Namur\"}", "/city", "\"Namur\""},
        {"{\"city\":\"Mons\"}", "/city", "\"Mons\""},
        {"{\"city\":null}", "/city", NULL},
        {"{\"city\":null}", "/city", NULL},
        {"{\"aliases\":[\"a\",\"b\"]}", "/aliases", "[\"a\",\"b\"]"},
        {"{\"aliases\":[\"c\"]}", "/aliases", "[\"c\"]"},
        {"{\"transferability\":{\"conditions\":[\"x\"],\"replicated_in\":[\"y\"]}}",
         "/transferability", "{\"conditions\":[\"x\"],\"replicated_in\":[\"y\"]}"},
        {"{\"transferability\":{\"conditions\":null}}", "/transferability",
         "{\"replicated_in\":[\"y\"]}"},
        {"{\"transferability\":null}", "/transferability", NULL},
        {"{\"location\":{\"lat\":1,\"lon\":2}}", "/location/lon", "2"},
        {"{\"location\":{\"lon\":3}}", "/location/lon", "3"},
        {"{}", "/location/lon", "3"},
    };
    char *slug = draft_practice(writer_partner(), "Patched well");

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *expected =
            ROWS[i].expected == NULL ? NULL : json_loads(ROWS[i].expected, JSON_DECODE_ANY, NULL);
        CLEANUP(response_freep)
        struct response *response = write_text(
            writer_partner(), "PATCH", path_of("/v1/practices/%s", slug), "*", NULL, ROWS[i].patch);
        const json_t *shown;

        expect_status(response, 200, ROWS[i].patch);
        shown = response_at(response, ROWS[i].pointer);
        cr_assert((expected == NULL && shown == NULL) || json_equal(expected, shown) ||
                      (json_is_number(expected) &&
                       json_number_value(expected) == json_number_value(shown)),
                  "%s: %s", ROWS[i].patch, response->body);
    }
    free(slug);
}

Test(input, translations_are_of_texts_that_can_be_translated_each_once)
{
    static const struct {
        const char *translations;
        bool is_taken;
    } ROWS[] = {
        {"[{\"language\":\"fr\",\"property\":\"title\",\"text\":\"Titre\",\"origin\":\"author\"}]",
         true},
        {"[{\"language\":\"fr\",\"property\":\"country\",\"text\":\"BE\",\"origin\":\"author\"}]",
         false},
        {"[{\"language\":\"fr\",\"property\":\"title\",\"text\":\"A\",\"origin\":\"author\"},"
         "{\"language\":\"fr\",\"property\":\"title\",\"text\":\"B\",\"origin\":\"machine\"}]",
         false},
        {"[{\"language\":\"fr\",\"property\":\"title\",\"text\":\"A\",\"origin\":\"guess\"}]",
         false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        check_member("translations", ROWS[i].translations, ROWS[i].is_taken, ROWS[i].translations);
}
