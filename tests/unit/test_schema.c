#include "contract/schema.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "base/problem.h"
#include "base/text.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES_MAX (4 * 1024 * 1024)

/* One schema, compiled, and what checking a value with it left behind. */
struct fixture {
    json_t *root;
    struct schema_set *set;
    const struct schema *schema;
    struct arena arena;
    struct problem problem;
};

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    cr_assert_not_null(value, "%s: %s", error.text, text);
    return value;
}

static void fixture_init(struct fixture *fixture, const char *schema)
{
    char *what = NULL;
    int r;

    *fixture = (struct fixture){.root = parse(schema)};
    arena_init(&fixture->arena, ARENA_BYTES_MAX);
    cr_assert_eq(schema_set_new(fixture->root, &fixture->set), 0);
    r = schema_compile(fixture->set, "", &fixture->schema, &what);
    cr_assert_eq(r, 0, "%s: %s", schema, what);
}

static void fixture_deinit(struct fixture *fixture)
{
    schema_set_free(fixture->set);
    json_decref(fixture->root);
    arena_deinit(&fixture->arena);
}

static bool fixture_check(struct fixture *fixture, const char *value_text)
{
    json_auto_t *value = parse(value_text);

    fixture->problem = (struct problem){0};
    return schema_check(fixture->schema, value, "", &fixture->arena, &fixture->problem);
}

TestSuite(schema, .fini = test_ends_without_leaks);

/* --- One keyword, one fault ------------------------------------------------------ */

static const struct fault_row {
    const char *why;
    const char *schema;
    const char *value;
    const char *code;
    const char *pointer;
    const char *detail; /* a part of it */
} FAULTS[] = {
    {"type", "{\"type\":\"string\"}", "7", "wrong-type", "",
     "must be a string, not a whole number"},
    {"types are listed", "{\"type\":[\"string\",\"integer\",\"null\"]}", "true", "wrong-type", "",
     "a string, a whole number or null, not true"},
    {"a fraction is no integer", "{\"type\":\"integer\"}", "1.5", "wrong-type", "",
     "a number with a fraction"},
    {"a wrong type is the only fault", "{\"type\":\"string\",\"enum\":[\"a\"],\"minLength\":3}",
     "7", "wrong-type", "", ""},
    {"enum lists few values", "{\"enum\":[\"red\",7,null]}", "\"xyz\"", "not-allowed", "",
     "one of \"red\", 7, null."},
    {"enum names the nearest", "{\"enum\":[\"wholesale\",\"retail\"]}", "\"retial\"", "not-allowed",
     "", "did you mean \"retail\"?"},
    {"a long enum is counted", "{\"enum\":[1,2,3,4,5,6,7,8,9,10,11,12,13]}", "0", "not-allowed", "",
     "one of the 13 values"},
    {"const", "{\"const\":{\"a\":1}}", "{\"a\":2}", "not-allowed", "", "must be {\"a\":1}."},
    {"required points to what is missing", "{\"required\":[\"title\"]}", "{}", "required", "/title",
     "\"title\" is required"},
    {"additionalProperties",
     "{\"properties\":{\"title\":true,\"summary\":true},\"additionalProperties\":false}",
     "{\"titel\":1}", "unknown-member", "/titel", "did you mean \"title\"?"},
    {"an unknown member like no other",
     "{\"properties\":{\"title\":true},\"additionalProperties\":false}", "{\"zzzzzz\":1}",
     "unknown-member", "/zzzzzz", "leave it out"},
    {"additionalProperties with a schema", "{\"additionalProperties\":{\"type\":\"null\"}}",
     "{\"a\":1}", "wrong-type", "/a", ""},
    {"patternProperties", "{\"patternProperties\":{\"^n_\":{\"type\":\"integer\"}}}",
     "{\"n_a\":\"x\",\"m\":\"x\"}", "wrong-type", "/n_a", ""},
    {"propertyNames", "{\"propertyNames\":{\"maxLength\":2}}", "{\"abc\":1}", "too-long", "/abc",
     ""},
    {"minProperties", "{\"minProperties\":1}", "{}", "too-few-members", "", "at least 1"},
    {"maxProperties", "{\"maxProperties\":1}", "{\"a\":1,\"b\":1}", "too-many-members", "",
     "at most 1"},
    {"dependentRequired", "{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}", "required", "/b",
     ""},
    {"dependentSchemas", "{\"dependentSchemas\":{\"a\":{\"properties\":{\"b\":false}}}}",
     "{\"a\":1,\"b\":2}", "not-allowed", "/b", ""},
    {"unevaluatedProperties sees into allOf",
     "{\"allOf\":[{\"properties\":{\"a\":true}}],\"properties\":{\"b\":true},"
     "\"unevaluatedProperties\":false}",
     "{\"a\":1,\"b\":1,\"c\":1}", "unknown-member", "/c", ""},
    {"items", "{\"items\":{\"type\":\"string\"}}", "[\"a\",1]", "wrong-type", "/1", ""},
    {"prefixItems", "{\"prefixItems\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "[\"a\",1]",
     "wrong-type", "/1", ""},
    {"contains", "{\"contains\":{\"const\":1}}", "[2]", "too-few-items", "", "at least 1"},
    {"maxContains", "{\"contains\":{\"const\":1},\"maxContains\":1}", "[1,1]", "too-many-items", "",
     "at most 1"},
    {"minItems", "{\"minItems\":2}", "[1]", "too-few-items", "", "at least 2"},
    {"maxItems", "{\"maxItems\":1}", "[1,2]", "too-many-items", "", "at most 1"},
    {"uniqueItems points to the second", "{\"uniqueItems\":true}", "[3,{\"a\":1},{\"a\":1.0}]",
     "duplicate-items", "/2", "equals the one at 1"},
    {"unevaluatedItems", "{\"prefixItems\":[true],\"unevaluatedItems\":false}", "[1,2]",
     "too-many-items", "/1", ""},
    {"minimum", "{\"minimum\":3}", "2.5", "too-small", "", "at least 3"},
    {"maximum", "{\"maximum\":0.5}", "1", "too-large", "", "at most 0.5"},
    {"exclusiveMinimum", "{\"exclusiveMinimum\":3}", "3.0", "too-small", "", "above 3"},
    {"exclusiveMaximum", "{\"exclusiveMaximum\":3}", "3", "too-large", "", "below 3"},
    {"integers beyond the exactness of a double", "{\"maximum\":9007199254740992}",
     "9007199254740993", "too-large", "", ""},
    {"an integer against a real of the same double", "{\"exclusiveMaximum\":9007199254740992.0}",
     "9007199254740993", "too-large", "", ""},
    {"multipleOf", "{\"multipleOf\":0.01}", "1.005", "not-a-multiple", "", "multiple of 0.01"},
    {"minLength counts characters", "{\"minLength\":3}", "\"\xc3\xa9\xc3\xa9\"", "too-short", "",
     "has 2 characters"},
    {"maxLength counts characters", "{\"maxLength\":1}", "\"\xf0\x9f\x8c\xbe!\"", "too-long", "",
     "has 2 characters"},
    {"pattern", "{\"pattern\":\"^[a-z]+$\"}", "\"Ab\"", "pattern", "", "^[a-z]+$"},
    {"a line feed at the end is no end", "{\"pattern\":\"^a$\"}", "\"a\\n\"", "pattern", "", ""},
    {"format", "{\"format\":\"date\"}", "\"2023-02-29\"", "format", "", "2024-05-31"},
    {"a NUL does not end a text", "{\"format\":\"date\"}", "\"2024-02-29\\u0000x\"", "format", "",
     ""},
    {"not", "{\"not\":{\"type\":\"null\"}}", "null", "not-matched", "", "excluded"},
    {"anyOf, none can be meant", "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "1",
     "not-matched", "", "none of the 2 forms"},
    {"anyOf, one can be meant by its type",
     "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"object\",\"required\":[\"id\"]}]}", "{}",
     "required", "/id", ""},
    {"oneOf, one can be meant by a member",
     "{\"oneOf\":[{\"properties\":{\"kind\":{\"const\":\"a\"},\"n\":{\"type\":\"string\"}}},"
     "{\"properties\":{\"kind\":{\"const\":\"b\"},\"n\":{\"type\":\"integer\"}}}]}",
     "{\"kind\":\"b\",\"n\":\"x\"}", "wrong-type", "/n", "a whole number"},
    {"oneOf, two fit", "{\"oneOf\":[true,{\"type\":\"string\"}]}", "\"a\"", "not-matched", "",
     "fits 2 of the 2"},
    {"if and then", "{\"if\":{\"required\":[\"a\"]},\"then\":{\"required\":[\"b\"]}}", "{\"a\":1}",
     "required", "/b", ""},
    {"if and else", "{\"if\":{\"required\":[\"a\"]},\"else\":{\"required\":[\"b\"]}}", "{}",
     "required", "/b", ""},
    {"$ref", "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"type\":\"null\"}}}", "1", "wrong-type",
     "", ""},
    {"$ref and its neighbour", "{\"$ref\":\"#/$defs/a\",\"maximum\":1,\"$defs\":{\"a\":true}}", "2",
     "too-large", "", ""},
    {"$anchor", "{\"$ref\":\"#here\",\"$defs\":{\"a\":{\"$anchor\":\"here\",\"type\":\"null\"}}}",
     "1", "wrong-type", "", ""},
    {"a schema of itself", "{\"properties\":{\"next\":{\"$ref\":\"#\"}},\"required\":[\"id\"]}",
     "{\"id\":1,\"next\":{\"id\":1,\"next\":{}}}", "required", "/next/next/id", ""},
    {"false", "false", "1", "not-allowed", "", ""},
    {"a pointer is escaped", "{\"additionalProperties\":{\"items\":{\"type\":\"null\"}}}",
     "{\"a/b~c\":[null,1]}", "wrong-type", "/a~1b~0c/1", ""},
};

Test(schema, each_fault_has_its_code_its_pointer_and_a_sentence)
{
    for (size_t i = 0; i < ARRAY_LENGTH(FAULTS); i++) {
        const struct fault_row *row = &FAULTS[i];
        struct fixture fixture;
        const struct problem_error *error;

        fixture_init(&fixture, row->schema);
        cr_expect_not(fixture_check(&fixture, row->value), "%s", row->why);
        error = &fixture.problem.errors[0];
        cr_assert_eq(fixture.problem.error_count, 1, "%s: %zu faults, the second %s", row->why,
                     fixture.problem.error_count,
                     fixture.problem.error_count > 1 ? fixture.problem.errors[1].detail : "none");
        cr_expect_str_eq(error->code, row->code, "%s: %s", row->why, error->code);
        cr_expect_str_eq(error->pointer, row->pointer, "%s: %s", row->why, error->pointer);
        cr_expect_not_null(strstr(error->detail, row->detail), "%s: %s", row->why, error->detail);
        cr_expect_null(error->parameter, "%s", row->why);
        fixture_deinit(&fixture);
    }
}

static const struct valid_row {
    const char *why;
    const char *schema;
    const char *value;
} VALID[] = {
    {"1.0 is an integer", "{\"type\":\"integer\"}", "1.0"},
    {"an integer is a number", "{\"type\":\"number\"}", "1"},
    {"1 equals 1.0", "{\"const\":1}", "1.0"},
    {"members have no order", "{\"const\":{\"a\":1,\"b\":[2]}}", "{\"b\":[2.0],\"a\":1}"},
    {"false is not 0", "{\"uniqueItems\":true}", "[0,false,\"\",null,[],{},[0],[false]]"},
    {"a decimal multiple", "{\"multipleOf\":0.0001}", "0.0075"},
    {"a multiple of cents", "{\"multipleOf\":0.01}", "19.99"},
    {"keywords of other types say nothing", "{\"minLength\":3,\"minItems\":3,\"required\":[\"a\"]}",
     "7"},
    {"minContains 0", "{\"contains\":{\"const\":1},\"minContains\":0}", "[]"},
    {"unevaluated sees the branch that fits",
     "{\"anyOf\":[{\"required\":[\"a\"],\"properties\":{\"a\":true}},"
     "{\"required\":[\"b\"],\"properties\":{\"b\":true}}],\"unevaluatedProperties\":false}",
     "{\"a\":1,\"b\":2}"},
    {"annotations and extensions are let be",
     "{\"title\":\"t\",\"x-filter\":true,\"readOnly\":true,\"example\":{\"$ref\":\"#/nowhere\"},"
     "\"format\":\"int32\",\"discriminator\":{},\"externalDocs\":{}}",
     "1"},
    {"\\s is ECMA's", "{\"pattern\":\"^\\\\s[\\\\s]$\"}", "\"\\ufeff\\u2003\""},
    {"a dot is one character, not one byte", "{\"pattern\":\"^.$\"}", "\"\\ud83c\\udf3e\""},
    {"long names of categories", "{\"pattern\":\"^\\\\p{Uppercase_Letter}\\\\p{L}$\"}",
     "\"\\u00c9\\u00e9\""},
};

Test(schema, what_obeys_is_valid_and_leaves_no_fault)
{
    for (size_t i = 0; i < ARRAY_LENGTH(VALID); i++) {
        struct fixture fixture;

        fixture_init(&fixture, VALID[i].schema);
        cr_expect(fixture_check(&fixture, VALID[i].value), "%s: %s", VALID[i].why,
                  fixture.problem.error_count > 0 ? fixture.problem.errors[0].detail : "");
        cr_expect_eq(fixture.problem.error_count, 0, "%s", VALID[i].why);
        fixture_deinit(&fixture);
    }
}

/* --- Formats ------------------------------------------------------------------------- */

static const struct format_row {
    const char *format;
    const char *value;
    bool valid;
    const char *why;
} FORMATS[] = {
    {"date", "2024-02-29", true, "a leap year"},
    {"date", "1900-02-29", false, "a century is none"},
    {"date", "2000-02-29", true, "a fourth century is one"},
    {"date", "0000-01-01", false, "there was no year 0"},
    {"date", "2024-00-10", false, "month 0"},
    {"date", "2024-05-31 ", false, "a space behind"},
    {"date", "2024-05", false, "a month is no date"},
    {"partial-date", "2024", true, "a year"},
    {"partial-date", "2024-05", true, "a month"},
    {"partial-date", "2024-05-31", true, "a date"},
    {"partial-date", "2024-13", false, "month 13"},
    {"partial-date", "2024-04-31", false, "April has 30 days"},
    {"partial-date", "24", false, "two digits"},
    {"partial-date", "2024-", false, "a hyphen at the end"},
    {"partial-date", "", false, "nothing"},
    {"date-time", "2024-05-31T14:30:00Z", true, "UTC"},
    {"date-time", "2024-05-31T14:30:00.123456+05:30", true, "fraction and offset"},
    {"date-time", "2024-05-31T14:30:00", false, "no offset"},
    {"date-time", "2024-05-31 14:30:00Z", false, "a space for the T"},
    {"date-time", "2024-05-31T24:00:00Z", false, "hour 24"},
    {"date-time", "2024-05-31T14:30:00.Z", false, "a fraction of nothing"},
    {"date-time", "2016-12-31T23:59:60Z", true, "a leap second"},
    {"date-time", "2017-01-01T05:29:60+05:30", true, "the same one in India"},
    {"date-time", "2016-12-31T22:59:60Z", false, "no leap second at that hour"},
    {"uuid", "01890a5d-ac96-774b-bcce-b302099a8057", true, "version 7"},
    {"uuid", "01890a5dac96774bbcceb302099a8057", false, "without hyphens"},
    {"uri", "https://example.org/a?b=c#d", true, "http"},
    {"uri", "HTTP://example.org", true, "case of the scheme"},
    {"uri", "mailto:info@example.org", true, "mailto"},
    {"uri", "tel:+999-20-1234567", true, "tel"},
    {"uri", "https://[2001:db8::7]:8080/", true, "IPv6 and a port"},
    {"uri", "https://user:secret@example.org/", false, "user information"},
    {"uri", "example.org/a", false, "no scheme"},
    {"uri", "https:/example.org", false, "no host"},
    {"uri", "https://", false, "an empty host"},
    {"uri", "https://:80/", false, "a port without a host"},
    {"uri", "https://example.org/a b", false, "a space"},
    {"uri", "https://example.org/%zz", false, "half a percent code"},
    {"uri", "https://example.org/\xc3\xa9", false, "an IRI is no URI"},
    {"uri", "mailto:", false, "nothing behind the scheme"},
    {"uri-reference", "/a/b?c", true, "a path"},
    {"uri-reference", "", true, "the document itself"},
    {"uri-reference", "a\\b", false, "a backslash"},
    {"decimal", "-1250.50", true, "cents"},
    {"decimal", "1e3", false, "an exponent"},
    {"decimal", ".5", false, "no digit before the point"},
    {"decimal", "12 ", false, "a space"},
    {"language-tag", "en", true, "a language"},
    {"language-tag", "pt-BR", true, "with a region"},
    {"language-tag", "zh-Hant-TW", true, "with a script"},
    {"language-tag", "es-419", true, "a region by number"},
    {"language-tag", "zh-cmn-Hans-CN", true, "an extended language"},
    {"language-tag", "sl-rozaj-biske-1994", true, "variants"},
    {"language-tag", "de-DE-u-co-phonebk", true, "an extension"},
    {"language-tag", "x-internal", true, "private use"},
    {"language-tag", "en_GB", false, "an underscore"},
    {"language-tag", "e", false, "one letter"},
    {"language-tag", "en-", false, "a hyphen at the end"},
    {"language-tag", "en-GB-oed-x", false, "private use of nothing"},
    {"language-tag", "en-u", false, "an extension of nothing"},
    {"language-tag", "englishlanguage", false, "too long"},
    {"language-tag", "", false, "nothing"},
    {"email", "info@example.org", true, "ordinary"},
    {"email", "\"a b\"@example.org", true, "quoted"},
    {"email", "a@[192.0.2.1]", true, "an address literal"},
    {"email", "a@b@example.org", false, "two at signs"},
    {"email", "a@-example.org", false, "a hyphen begins a label"},
    {"email", "a@example..org", false, "an empty label"},
    {"email", "\"a\\", false, "a quoted text without an end"},
    {"email", "a@", false, "no domain"},
    {"json-pointer", "/a~1b", true, "escaped"},
    {"json-pointer", "a", false, "no slash"},
    {"json-pointer", "/~", false, "a tilde alone"},
};

Test(schema, formats_are_asserted)
{
    for (size_t i = 0; i < ARRAY_LENGTH(FORMATS); i++) {
        const struct format_row *row = &FORMATS[i];
        json_auto_t *root = json_pack("{s:s}", "format", row->format);
        json_auto_t *value = json_string(row->value);
        struct schema_set *set = NULL;
        const struct schema *schema = NULL;
        char *what = NULL;

        cr_assert_eq(schema_set_new(root, &set), 0);
        cr_assert_eq(schema_compile(set, "", &schema, &what), 0);
        cr_expect_eq(schema_check(schema, value, "", NULL, NULL), row->valid, "%s %s: %s",
                     row->format, row->value, row->why);
        schema_set_free(set);
    }
}

/* --- Several faults -------------------------------------------------------------------- */

Test(schema, all_faults_are_reported_at_once_below_the_prefix)
{
    static const struct {
        const char *pointer;
        const char *code;
    } EXPECTED[] = {
        {"/records/3/summary", "required"},    {"/records/3/title", "too-short"},
        {"/records/3/country", "not-allowed"}, {"/records/3/tags/1", "wrong-type"},
        {"/records/3/tags/2", "wrong-type"},   {"/records/3/colour", "unknown-member"},
    };
    struct fixture fixture;
    json_auto_t *value =
        parse("{\"title\":\"\",\"country\":\"Kenia\",\"tags\":[\"a\",1,2],\"colour\":\"red\"}");

    fixture_init(
        &fixture,
        "{\"type\":\"object\",\"required\":[\"title\",\"summary\"],\"properties\":{"
        "\"title\":{\"type\":\"string\",\"minLength\":1},\"summary\":{\"type\":\"string\"},"
        "\"country\":{\"enum\":[\"Kenya\",\"Ghana\"]},"
        "\"tags\":{\"items\":{\"type\":\"string\"}}},\"additionalProperties\":false}");
    cr_assert_not(
        schema_check(fixture.schema, value, "/records/3", &fixture.arena, &fixture.problem));
    cr_assert_eq(fixture.problem.error_count, ARRAY_LENGTH(EXPECTED));
    for (size_t i = 0; i < ARRAY_LENGTH(EXPECTED); i++) {
        cr_expect_str_eq(fixture.problem.errors[i].pointer, EXPECTED[i].pointer);
        cr_expect_str_eq(fixture.problem.errors[i].code, EXPECTED[i].code);
    }
    fixture_deinit(&fixture);
}

Test(schema, a_long_name_of_a_client_is_cut_between_characters)
{
    struct fixture fixture;
    json_auto_t *value = json_object();
    char name[400] = "a";

    for (size_t i = 1; i + 2 < sizeof(name); i += 2)
        memcpy(name + i, "\xc3\xa9", 3);
    cr_assert_eq(json_object_set_new(value, name, json_null()), 0);
    fixture_init(&fixture, "{\"additionalProperties\":false}");
    cr_assert_not(schema_check(fixture.schema, value, "", &fixture.arena, &fixture.problem));
    cr_expect(
        text_is_utf8(fixture.problem.errors[0].detail, strlen(fixture.problem.errors[0].detail)));
    cr_expect_lt(strlen(fixture.problem.errors[0].detail), 120);
    cr_expect_eq(strlen(fixture.problem.errors[0].pointer), strlen(name) + 1);
    fixture_deinit(&fixture);
}

Test(schema, the_answer_alone_needs_neither_problem_nor_arena)
{
    struct fixture fixture;
    json_auto_t *value = parse("{\"a\":[1,1]}");

    fixture_init(&fixture, "{\"properties\":{\"a\":{\"uniqueItems\":true}}}");
    cr_expect_not(schema_check(fixture.schema, value, "", NULL, NULL));
    fixture_deinit(&fixture);
}

/* --- Limits ------------------------------------------------------------------------------ */

static const struct limit_row {
    const char *why;
    const char *schema;
    const char *value;
} LIMITS[] = {
    {"a reference to itself", "{\"$ref\":\"#\"}", "1"},
    {"a circle of two",
     "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},"
     "\"b\":{\"$ref\":\"#/$defs/a\"}}}",
     "1"},
    {"a circle that doubles", "{\"allOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}", "1"},
    {"a circle within not, which would turn the answer", "{\"not\":{\"$ref\":\"#\"}}", "1"},
};

Test(schema, a_schema_in_a_circle_ends_and_fails_closed)
{
    for (size_t i = 0; i < ARRAY_LENGTH(LIMITS); i++) {
        struct fixture fixture;

        fixture_init(&fixture, LIMITS[i].schema);
        cr_expect_not(fixture_check(&fixture, LIMITS[i].value), "%s", LIMITS[i].why);
        cr_assert_eq(fixture.problem.error_count, 1, "%s", LIMITS[i].why);
        cr_expect_str_eq(fixture.problem.errors[0].code, "too-deep", "%s", LIMITS[i].why);
        fixture_deinit(&fixture);
    }
}

Test(schema, a_value_nested_too_deeply_is_refused_whatever_the_schema_says)
{
    struct fixture fixture;
    json_t *value = json_array();

    for (unsigned i = 0; i < 64; i++)
        value = json_pack("[o]", value);
    fixture_init(&fixture, "true");
    cr_expect_not(schema_check(fixture.schema, value, "/x", &fixture.arena, &fixture.problem));
    cr_expect_str_eq(fixture.problem.errors[0].code, "too-deep");
    cr_expect_str_eq(fixture.problem.errors[0].pointer, "/x");
    cr_expect(schema_check(fixture.schema, json_array_get(value, 0), "", NULL, NULL),
              "one level less is let pass");
    json_decref(value);
    fixture_deinit(&fixture);
}

Test(schema, a_pattern_that_explodes_does_not_match_instead)
{
    struct fixture fixture;
    json_auto_t *value = json_string("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!");

    fixture_init(&fixture, "{\"pattern\":\"^(a+)+$\"}");
    cr_expect_not(schema_check(fixture.schema, value, "", &fixture.arena, &fixture.problem));
    cr_expect_str_eq(fixture.problem.errors[0].code, "pattern");
    fixture_deinit(&fixture);
}

Test(schema, a_deep_value_beside_a_schema_of_itself_is_walked_to_its_end)
{
    struct fixture fixture;
    json_t *value = json_pack("{s:s}", "id", "x");

    for (unsigned i = 0; i < 60; i++)
        value = json_pack("{s:i,s:o}", "id", 1, "next", value);
    fixture_init(&fixture, "{\"properties\":{\"id\":{\"type\":\"integer\"},\"next\":{\"anyOf\":["
                           "{\"type\":\"null\"},{\"$ref\":\"#\"}]}}}");
    cr_expect_not(schema_check(fixture.schema, value, "", &fixture.arena, &fixture.problem));
    cr_assert_eq(fixture.problem.error_count, 1);
    cr_expect_str_eq(fixture.problem.errors[0].code, "wrong-type");
    cr_expect_eq(strlen(fixture.problem.errors[0].pointer), 60 * strlen("/next") + strlen("/id"));
    json_decref(value);
    fixture_deinit(&fixture);
}

/* --- Compiling ------------------------------------------------------------------------------ */

static const struct refusal_row {
    const char *why;
    const char *schema;
    int outcome;
    const char *what; /* a part of it */
} REFUSALS[] = {
    {"a keyword misspelt", "{\"properties\":{\"a\":{\"maxLenght\":3}}}", SCHEMA_UNSUPPORTED,
     "#/properties/a: the keyword \"maxLenght\""},
    {"a keyword of OpenAPI 3.0", "{\"nullable\":true}", SCHEMA_UNSUPPORTED, "\"nullable\""},
    {"a keyword of draft 7", "{\"definitions\":{}}", SCHEMA_UNSUPPORTED, "\"definitions\""},
    {"an unknown format", "{\"format\":\"hostname\"}", SCHEMA_UNSUPPORTED,
     "#/format: the format \"hostname\""},
    {"another dialect", "{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}",
     SCHEMA_UNSUPPORTED, "draft-07"},
    {"a dead reference", "{\"items\":{\"$ref\":\"#/$defs/none\"}}", SCHEMA_INVALID,
     "#/items/$ref: \"#/$defs/none\" leads to nothing"},
    {"a reference outside", "{\"$ref\":\"https://example.org/other.json\"}", SCHEMA_INVALID,
     "leads to nothing"},
    {"a dead anchor", "{\"$ref\":\"#nowhere\"}", SCHEMA_INVALID, "no anchor"},
    {"a reference to no schema", "{\"$ref\":\"#/$defs\",\"$defs\":{\"type\":7}}", SCHEMA_INVALID,
     "a schema is an object or a boolean"},
    {"a reference that is no text", "{\"$ref\":7}", SCHEMA_INVALID, "#/$ref"},
    {"a fault behind a reference", "{\"$ref\":\"#/x-a\",\"x-a\":{\"minLength\":-1}}",
     SCHEMA_INVALID, "#/x-a/minLength"},
    {"a schema is a number", "7", SCHEMA_INVALID, "a schema is"},
    {"an unknown type", "{\"type\":\"text\"}", SCHEMA_INVALID, "#/type"},
    {"no type at all", "{\"type\":[]}", SCHEMA_INVALID, "#/type"},
    {"enum is no array", "{\"enum\":\"a\"}", SCHEMA_INVALID, "#/enum"},
    {"required names a number", "{\"required\":[7]}", SCHEMA_INVALID, "#/required"},
    {"properties is an array", "{\"properties\":[]}", SCHEMA_INVALID, "#/properties"},
    {"a property is a text", "{\"properties\":{\"a/b\":\"string\"}}", SCHEMA_INVALID,
     "#/properties/a~1b"},
    {"a size with a fraction", "{\"maxItems\":1.5}", SCHEMA_INVALID, "#/maxItems"},
    {"a bound is a text", "{\"minimum\":\"1\"}", SCHEMA_INVALID, "#/minimum"},
    {"a multiple of nothing", "{\"multipleOf\":0}", SCHEMA_INVALID, "#/multipleOf"},
    {"no branch", "{\"anyOf\":[]}", SCHEMA_INVALID, "#/anyOf"},
    {"uniqueItems is a text", "{\"uniqueItems\":\"yes\"}", SCHEMA_INVALID, "#/uniqueItems"},
    {"items of draft 7", "{\"items\":[true]}", SCHEMA_INVALID, "#/items"},
    {"a bracket left open", "{\"pattern\":\"[a\"}", SCHEMA_INVALID, "#/pattern"},
    {"a pattern of Perl, anchor", "{\"pattern\":\"a\\\\Z\"}", SCHEMA_INVALID, "ECMA-262"},
    {"a pattern of Perl, group", "{\"pattern\":\"(?i)a\"}", SCHEMA_INVALID, "ECMA-262"},
    {"a pattern of Perl, verb", "{\"pattern\":\"(*ACCEPT)a\"}", SCHEMA_INVALID, "ECMA-262"},
    {"a pattern of Perl, quantifier", "{\"pattern\":\"a++\"}", SCHEMA_INVALID, "ECMA-262"},
    {"a pattern that ends in a backslash", "{\"pattern\":\"a\\\\\"}", SCHEMA_INVALID, "backslash"},
    {"patternProperties", "{\"patternProperties\":{\"(\":true}}", SCHEMA_INVALID,
     "#/patternProperties"},
    {"two schemas of one address", "{\"$defs\":{\"a\":{\"$id\":\"/x\"},\"b\":{\"$id\":\"/x\"}}}",
     SCHEMA_INVALID, "$id"},
    {"two anchors of one name", "{\"$defs\":{\"a\":{\"$anchor\":\"x\"},\"b\":{\"$anchor\":\"x\"}}}",
     SCHEMA_INVALID, "$anchor"},
    {"an address with a fragment", "{\"$id\":\"https://example.org/a#b\"}", SCHEMA_INVALID,
     "fragment"},
};

Test(schema, what_is_unknown_or_malformed_is_refused_by_name_and_place)
{
    for (size_t i = 0; i < ARRAY_LENGTH(REFUSALS); i++) {
        const struct refusal_row *row = &REFUSALS[i];
        json_auto_t *root = parse(row->schema);
        struct schema_set *set = NULL;
        const struct schema *schema = NULL;
        char *what = NULL;
        int r;

        cr_assert_eq(schema_set_new(root, &set), 0);
        r = schema_compile(set, "", &schema, &what);
        cr_expect_eq(r, row->outcome, "%s: %d", row->why, r);
        cr_assert_not_null(what, "%s", row->why);
        cr_expect_not_null(strstr(what, row->what), "%s: %s", row->why, what);
        cr_expect_null(schema, "%s", row->why);
        free(what);
        schema_set_free(set);
    }
}

Test(schema, a_failed_compile_leaves_the_set_and_its_schemas_as_they_were)
{
    json_auto_t *root = parse("{\"components\":{\"schemas\":{"
                              "\"Good\":{\"type\":\"string\"},"
                              "\"Bad\":{\"$id\":\"urn:bad\",\"items\":{\"$anchor\":\"a\","
                              "\"$ref\":\"#/nowhere\"}},"
                              "\"Later\":{\"$ref\":\"#/components/schemas/Good\"}}}}");
    json_auto_t *number = json_integer(1);
    struct schema_set *set = NULL;
    const struct schema *good = NULL;
    const struct schema *later = NULL;
    const struct schema *again = NULL;
    char *what = NULL;

    cr_assert_eq(schema_set_new(root, &set), 0);
    cr_assert_eq(schema_compile(set, "/components/schemas/Good", &good, &what), 0);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert_eq(schema_compile(set, "/components/schemas/Bad", &later, &what), SCHEMA_INVALID);
        cr_expect_str_eq(what, "#/components/schemas/Bad/items/$ref: \"#/nowhere\" leads to "
                               "nothing in this document");
        free(what);
        cr_assert_eq(schema_compile(set, "/components/schemas/None", &later, &what),
                     SCHEMA_INVALID);
        free(what);
    }
    cr_assert_eq(schema_compile(set, "/components/schemas/Later", &later, &what), 0);
    cr_expect_not(schema_check(later, number, "", NULL, NULL));
    cr_expect_not(schema_check(good, number, "", NULL, NULL));
    cr_assert_eq(schema_compile(set, "/components/schemas/Good", &again, &what), 0);
    cr_expect_eq(again, good, "a schema is compiled once");
    schema_set_free(set);
}

Test(schema, unknown_keywords_and_formats_are_notes_to_a_tolerant_set)
{
    json_auto_t *root = parse("{\"nullable\":true,\"format\":\"hostname\",\"minLength\":2}");
    json_auto_t *value = json_string("a");
    struct schema_set *set = NULL;
    const struct schema *schema = NULL;
    char *what = NULL;

    cr_assert_eq(schema_set_new(root, &set), 0);
    schema_set_tolerate_unknown(set);
    cr_assert_eq(schema_compile(set, "", &schema, &what), 0);
    cr_expect_not(schema_check(schema, value, "", NULL, NULL));
    schema_set_free(set);
}

Test(schema, freeing_no_set_is_nothing)
{
    schema_set_free(NULL);
}
