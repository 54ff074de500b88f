#include "contract/schema.h"

#include "base/annotate.h"
#include "base/arena.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/*
 * The public test suite of JSON Schema (Debian: json-schema-test-suite for
 * draft 7, libtest-json-schema-acceptance-perl for 2020-12). Every file, group
 * and test must pass unless the tables below name it and say why not. A file
 * that is neither run nor named, and a row that matches nothing, fail.
 */

#define DEPTH_MAX 4 /* of the suite's directories */
#define PATHS_BYTES_MAX (1024 * 1024)

/* NULL stands for every group of the file, every test of the group. */
struct unclaimed {
    const char *file;
    const char *group;
    const char *test;
    const char *why;
};

#define REMOTE "fetches another document: a contract is one, and nothing is fetched while we run"
#define METASCHEMA "refers to the meta-schema, which is another document"
#define VOCABULARY "picks keywords by a meta-schema of its own; ours are always the same"
#define FORMAT "no column of ours has this format: compiling refuses it by name"
#define USER_NAME "a link of ours bears no user name or password"
#define OLD_ITEMS "items as an array was replaced by prefixItems; compiling refuses it"
#define OLD_DEPENDENCIES "dependencies was replaced by dependentRequired and dependentSchemas"
#define OLD_DEFINITIONS "definitions was replaced by $defs; an $id in it is not looked for"
#define OLD_REFERENCE "$ref no longer switches off the keywords beside it"
#define OLD_CONTENT "content keywords no longer assert anything"

static const struct unclaimed UNCLAIMED_2020[] = {
    {"anchor.json", "invalid anchors", NULL, METASCHEMA},
    {"defs.json", NULL, NULL, METASCHEMA},
    {"dynamicRef.json", "strict-tree schema, guards against misspelled properties", NULL, REMOTE},
    {"dynamicRef.json", "tests for implementation dynamic anchor and reference link", NULL, REMOTE},
    {"dynamicRef.json", "$ref and $dynamicAnchor are independent of order - $defs first", NULL,
     REMOTE},
    {"dynamicRef.json", "$ref and $dynamicAnchor are independent of order - $ref first", NULL,
     REMOTE},
    {"id.json", "Invalid use of fragments in location-independent $id", NULL, METASCHEMA},
    {"id.json", "Valid use of empty fragments in location-independent $id", NULL, METASCHEMA},
    {"id.json", "Unnormalized $ids are allowed but discouraged", NULL, METASCHEMA},
    {"ref.json", "remote ref, containing refs itself", NULL, METASCHEMA},
    {"ref.json", "URN base URI with f-component", NULL, METASCHEMA},
    {"refRemote.json", NULL, NULL, REMOTE},
    {"vocabulary.json", "schema that uses custom metaschema with with no validation vocabulary",
     "no validation: invalid number, but it still validates", VOCABULARY},
    {"optional/cross-draft.json", NULL, NULL, REMOTE},
    {"optional/dependencies-compatibility.json", NULL, NULL, OLD_DEPENDENCIES},
    {"optional/ecmascript-regex.json", "\\a is not an ECMA 262 control escape", NULL, METASCHEMA},
    {"optional/format-assertion.json", NULL, NULL, VOCABULARY},
    {"optional/format/duration.json", NULL, NULL, FORMAT},
    {"optional/format/hostname.json", NULL, NULL, FORMAT},
    {"optional/format/idn-email.json", NULL, NULL, FORMAT},
    {"optional/format/idn-hostname.json", NULL, NULL, FORMAT},
    {"optional/format/ipv4.json", NULL, NULL, FORMAT},
    {"optional/format/ipv6.json", NULL, NULL, FORMAT},
    {"optional/format/iri-reference.json", NULL, NULL, FORMAT},
    {"optional/format/iri.json", NULL, NULL, FORMAT},
    {"optional/format/regex.json", NULL, NULL, FORMAT},
    {"optional/format/relative-json-pointer.json", NULL, NULL, FORMAT},
    {"optional/format/time.json", NULL, NULL, FORMAT},
    {"optional/format/uri-template.json", NULL, NULL, FORMAT},
    {"optional/format/uri.json", "validation of URIs", "a valid URL with many special characters",
     USER_NAME},
};

static const struct unclaimed UNCLAIMED_7[] = {
    {"additionalItems.json", "additionalItems as schema", NULL, OLD_ITEMS},
    {"additionalItems.json", "array of items with no additionalItems", NULL, OLD_ITEMS},
    {"additionalItems.json", "additionalItems are allowed by default", NULL, OLD_ITEMS},
    {"definitions.json", NULL, NULL, METASCHEMA},
    {"dependencies.json", NULL, NULL, OLD_DEPENDENCIES},
    {"items.json", "an array of schemas for items", NULL, OLD_ITEMS},
    {"items.json", "items with boolean schemas", NULL, OLD_ITEMS},
    {"ref.json", "relative pointer ref to array", NULL, OLD_ITEMS},
    {"ref.json", "ref overrides any sibling keywords", "ref valid, maxItems ignored",
     OLD_REFERENCE},
    {"ref.json", "remote ref, containing refs itself", NULL, METASCHEMA},
    {"ref.json", "Recursive references between schemas", NULL, OLD_DEFINITIONS},
    {"refRemote.json", NULL, NULL, REMOTE},
    {"optional/content.json", NULL, NULL, OLD_CONTENT},
    {"optional/ecmascript-regex.json", "ECMA 262 regex non-compliance",
     "ECMA 262 has no support for \\Z anchor from .NET", FORMAT},
    {"optional/format/hostname.json", NULL, NULL, FORMAT},
    {"optional/format/idn-email.json", NULL, NULL, FORMAT},
    {"optional/format/idn-hostname.json", NULL, NULL, FORMAT},
    {"optional/format/ipv4.json", NULL, NULL, FORMAT},
    {"optional/format/ipv6.json", NULL, NULL, FORMAT},
    {"optional/format/iri-reference.json", NULL, NULL, FORMAT},
    {"optional/format/iri.json", NULL, NULL, FORMAT},
    {"optional/format/regex.json", NULL, NULL, FORMAT},
    {"optional/format/relative-json-pointer.json", NULL, NULL, FORMAT},
    {"optional/format/time.json", NULL, NULL, FORMAT},
    {"optional/format/uri-template.json", NULL, NULL, FORMAT},
    {"optional/format/uri.json", "validation of URIs", "a valid URL with many special characters",
     USER_NAME},
};

struct run {
    struct arena paths;
    const struct unclaimed *unclaimed;
    size_t unclaimed_count;
    bool *used; /* the rows that matched */
    unsigned passed_count;
    unsigned failed_count;
};

static bool is_unclaimed(struct run *run, const char *file, const char *group, const char *test)
{
    bool found = false;

    for (size_t i = 0; i < run->unclaimed_count; i++) {
        const struct unclaimed *row = &run->unclaimed[i];

        if (strcmp(row->file, file) != 0 || (row->group != NULL) != (group != NULL) ||
            (row->test != NULL) != (test != NULL))
            continue;
        if ((group == NULL || strcmp(row->group, group) == 0) &&
            (test == NULL || strcmp(row->test, test) == 0)) {
            run->used[i] = true;
            found = true;
        }
    }
    return found;
}

static void fail(struct run *run, const char *file, const char *group, const char *test,
                 const char *what)
{
    run->failed_count++;
    cr_log_error("%s: %s: %s: %s\n", file, group, test, what);
}

static void run_test(struct run *run, const char *file, const char *group,
                     const struct schema *schema, const json_t *test)
{
    const char *description = json_string_value(json_object_get(test, "description"));
    bool expected = json_is_true(json_object_get(test, "valid"));

    if (is_unclaimed(run, file, group, description))
        return;
    if (schema_check(schema, json_object_get(test, "data"), "", NULL, NULL) == expected)
        run->passed_count++;
    else
        fail(run, file, group, description, expected ? "is refused" : "is let pass");
}

static void run_group(struct run *run, const char *file, const json_t *group)
{
    const char *description = json_string_value(json_object_get(group, "description"));
    struct schema_set *set = NULL;
    const struct schema *schema = NULL;
    char *what = NULL;
    json_t *test;
    size_t i;
    int r;

    if (is_unclaimed(run, file, description, NULL))
        return;
    cr_assert_eq(schema_set_new(json_object_get(group, "schema"), &set), 0);
    schema_set_tolerate_unknown(set);
    r = schema_compile(set, "", &schema, &what);
    if (r != 0) {
        fail(run, file, description, "compiling", what != NULL ? what : "a fault");
    } else {
        json_array_foreach (json_object_get(group, "tests"), i, test)
            run_test(run, file, description, schema, test);
    }
    free(what);
    schema_set_free(set);
}

/* Numbers beyond 64 bits are reals to us, as they would be in a body we accept. */
static json_t *load(const char *path)
{
    json_error_t error;
    json_t *groups = json_load_file(path, JSON_ALLOW_NUL, &error);

    if (groups == NULL && json_error_code(&error) == json_error_numeric_overflow)
        groups = json_load_file(path, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    cr_assert_not_null(groups, "%s:%d: %s", path, error.line, error.text);
    return groups;
}

static void run_file(struct run *run, const char *path, const char *file)
{
    json_auto_t *groups = NULL;
    json_t *group;
    size_t i;

    if (is_unclaimed(run, file, NULL, NULL))
        return;
    groups = load(path);
    json_array_foreach (groups, i, group)
        run_group(run, file, group);
}

static void run_directory(struct run *run, const char *root, const char *below, unsigned depth)
{
    const char *directory = arena_format(&run->paths, "%s/%s", root, below);
    struct dirent **entries = NULL;
    int count;

    cr_assert(depth < DEPTH_MAX && directory != NULL);
    count = scandir(directory, &entries, NULL, alphasort);
    cr_assert(count >= 0, "%s cannot be read", directory);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        const char *extension = strrchr(name, '.');
        const char *inner =
            arena_format(&run->paths, "%s%s%s", below, below[0] != '\0' ? "/" : "", name);

        cr_assert_not_null(inner);
        if (extension == NULL)
            run_directory(run, root, inner, depth + 1);
        else if (strcmp(extension, ".json") == 0)
            run_file(run, arena_format(&run->paths, "%s/%s", root, inner), inner);
        free(entries[i]);
    }
    free(entries);
}

static void run_suite(const char *variable, const struct unclaimed *unclaimed,
                      size_t unclaimed_count)
{
    const char *root = getenv(variable);
    struct run run = {.unclaimed = unclaimed, .unclaimed_count = unclaimed_count};

    cr_assert_not_null(root, "%s must name the directory of the suite", variable);
    run.used = calloc(unclaimed_count, sizeof(*run.used));
    cr_assert_not_null(run.used);
    arena_init(&run.paths, PATHS_BYTES_MAX);
    run_directory(&run, root, "", 0);
    arena_deinit(&run.paths);
    for (size_t i = 0; i < unclaimed_count; i++)
        cr_expect(run.used[i], "the row \"%s: %s: %s\" matches nothing", unclaimed[i].file,
                  unclaimed[i].group != NULL ? unclaimed[i].group : "every group",
                  unclaimed[i].test != NULL ? unclaimed[i].test : "every test");
    free(run.used);
    cr_log_info("%s: %u tests passed\n", variable, run.passed_count);
    cr_assert(run.passed_count > 100, "the suite at %s holds next to nothing", root);
    cr_assert_eq(run.failed_count, 0, "%u tests failed", run.failed_count);
}

TestSuite(schema_suite, .fini = test_ends_without_leaks);

Test(schema_suite, the_tests_of_draft_2020_12_pass)
{
    run_suite("JSON_SCHEMA_SUITE_DRAFT2020", UNCLAIMED_2020, ARRAY_LENGTH(UNCLAIMED_2020));
}

Test(schema_suite, the_tests_of_draft_7_that_mean_the_same_in_2020_12_pass)
{
    run_suite("JSON_SCHEMA_SUITE_DRAFT7", UNCLAIMED_7, ARRAY_LENGTH(UNCLAIMED_7));
}
