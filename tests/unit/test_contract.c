#include "contract/contract.h"

#include "base/arena.h"
#include "base/embedded.h"
#include "base/problem.h"
#include "base/text.h"
#include "contract/schema.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct contract *contract;

static void begin(void)
{
    char *what = NULL;

    cr_assert_eq(contract_new((const char *)EMBEDDED_OPENAPI_JSON.bytes,
                              EMBEDDED_OPENAPI_JSON.size_bytes, &contract, &what),
                 0);
}

static void end(void)
{
    contract_free(contract);
    contract = NULL;
    test_ends_without_leaks();
}

TestSuite(contract, .init = begin, .fini = end);

static const struct resource *resource_of(const char *path)
{
    const struct resource *resource = contract_resource_find(contract, path);

    cr_assert_not_null(resource, "%s", path);
    return resource;
}

Test(contract, every_resource_says_when_to_look_again_a_year_unless_it_says_otherwise)
{
    for (size_t i = 0; i < contract_resource_count(contract); i++)
        cr_assert(contract_resource(contract, i)->verify_days >= 1, "%s",
                  contract_resource(contract, i)->path);
    cr_assert_eq(resource_of("practices")->verify_days, 365);
    cr_assert_eq(resource_of("financing-offers")->verify_days, 180);
    cr_assert_eq(resource_of("events")->verify_days, 90);
}

Test(contract, there_are_nineteen_resources_each_with_its_names)
{
    cr_assert_eq(contract_resource_count(contract), 19);
    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);

        cr_assert_eq(resource->index, i);
        cr_assert_eq(contract_resource_find(contract, resource->path), resource);
        cr_assert_str_eq(contract_resource_paths(contract)[i], resource->path);
        cr_assert_eq(strspn(resource->path, "abcdefghijklmnopqrstuvwxyz-"), strlen(resource->path));
        cr_assert_eq(strspn(resource->table, "abcdefghijklmnopqrstuvwxyz_"),
                     strlen(resource->table));
        cr_assert_neq(resource->title[0], '\0');
        cr_assert_not_null(resource->label, "%s", resource->path);
        cr_assert(resource->label->required, "%s", resource->path);
        cr_assert_not_null(resource->schema);
        cr_assert_not_null(resource->write_schema);
        cr_assert_not_null(resource_property(resource, "id"));
        cr_assert_not_null(resource_leaf(resource, "updated_at"));
    }
    cr_assert_null(contract_resource_find(contract, "nowhere"));
    cr_assert_null(contract_resource_find(contract, ""));
    cr_assert_null(contract_resource_find(contract, "Practices"));
}

Test(contract, where_a_property_is_stored_follows_from_its_type)
{
    static const struct {
        const char *resource, *path, *column, *table, *why;
    } ROWS[] = {
        {"practices", "title", "title", NULL, "a scalar is a column"},
        {"practices", "countries", "countries", NULL, "an array of scalars is an array column"},
        {"practices", "started_on", "started_on", NULL, "a date is a column"},
        {"practices", "location.lat", "location_lat", NULL, "an object is columns"},
        {"practices", "assessment_tool", "assessment_tool_id", NULL, "a relation is a key"},
        {"practices", "organisations", NULL, "practices_organisations",
         "an array of relations is a table of links"},
        {"practices", "impact.indicator", "indicator", NULL, "a member of an object in an array"},
        {"practices", "source.document", "source_document_id", NULL, "a relation in an object"},
        {"practices", "source.other_documents", NULL, "record_source_other_documents",
         "an array of relations that every record has"},
        {"practices", "owner", "owner_id", NULL, "a relation that every record has"},
        {"networks", "members.organisation", "organisation_id", NULL,
         "a relation in an array of objects"},
        {"networks", "members.since", "since", NULL, "a date in an array of objects"},
        {"financing-offers", "minimum_amount.amount", "minimum_amount_amount", NULL, "money"},
        {"financing-offers", "minimum_amount.currency", "minimum_amount_currency", NULL, "money"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const struct property *property =
            resource_leaf(resource_of(ROWS[i].resource), ROWS[i].path);

        cr_assert_not_null(property, "%s.%s", ROWS[i].resource, ROWS[i].path);
        if (ROWS[i].column == NULL)
            cr_assert_null(property->column, "%s", ROWS[i].why);
        else
            cr_assert_str_eq(property->column, ROWS[i].column, "%s", ROWS[i].why);
        if (ROWS[i].table == NULL)
            cr_assert_null(property->table, "%s", ROWS[i].why);
        else
            cr_assert_str_eq(property->table, ROWS[i].table, "%s", ROWS[i].why);
    }
    cr_assert_str_eq(resource_property(resource_of("networks"), "members")->table,
                     "networks_members");
    cr_assert_str_eq(resource_of("financing-offers")->table, "financing_offers");
}

Test(contract, every_leaf_has_one_place)
{
    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);

        for (size_t j = 0; j < resource->leaf_count; j++) {
            const struct property *leaf = resource->leaves[j];
            const char *name = leaf->column != NULL ? leaf->column : leaf->table;

            cr_assert((leaf->column == NULL) != (leaf->table == NULL), "%s.%s", resource->path,
                      leaf->path);
            cr_assert_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name), "%s",
                         name);
            cr_assert_leq(strlen(name), 63, "PostgreSQL would cut %s", name);
            cr_assert_eq(resource_leaf(resource, leaf->path), leaf);
            cr_assert_eq(leaf->kind == PROPERTY_RELATION, leaf->target != NULL);
            cr_assert_neq(leaf->kind, PROPERTY_OBJECT);
            cr_assert_not(leaf->is_computed);
        }
    }
}

Test(contract, kinds_follow_type_and_format)
{
    static const struct {
        const char *resource, *path;
        enum property_kind kind;
        bool is_array, in_array;
    } ROWS[] = {
        {"practices", "id", PROPERTY_UUID, false, false},
        {"practices", "title", PROPERTY_TEXT, false, false},
        {"practices", "countries", PROPERTY_TEXT, true, true},
        {"practices", "languages_count", PROPERTY_INTEGER, false, false},
        {"practices", "initiated_by_migrants", PROPERTY_BOOLEAN, false, false},
        {"practices", "started_on", PROPERTY_PARTIAL_DATE, false, false},
        {"practices", "updated_at", PROPERTY_TIME, false, false},
        {"practices", "location.lat", PROPERTY_DOUBLE, false, false},
        {"practices", "organisations", PROPERTY_RELATION, true, true},
        {"practices", "assessment_tool", PROPERTY_RELATION, false, false},
        {"networks", "members.organisation", PROPERTY_RELATION, false, true},
        {"financing-offers", "minimum_amount.amount", PROPERTY_DECIMAL, false, false},
        {"mentoring-programmes", "meetings_per_month", PROPERTY_NUMBER, false, false},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        const struct property *property =
            resource_leaf(resource_of(ROWS[i].resource), ROWS[i].path);

        cr_assert_not_null(property, "%s", ROWS[i].path);
        cr_assert_eq(property->kind, ROWS[i].kind, "%s", ROWS[i].path);
        cr_assert_eq(property->is_array, ROWS[i].is_array, "%s", ROWS[i].path);
        cr_assert_eq(property->in_array, ROWS[i].in_array, "%s", ROWS[i].path);
    }
    cr_assert_eq(resource_leaf(resource_of("practices"), "organisations")->target,
                 resource_of("organisations"));
    cr_assert_eq(resource_of("practices")->location,
                 resource_property(resource_of("practices"), "location"));
    cr_assert_null(resource_of("networks")->location);
}

static const json_t *follow(const json_t *value)
{
    static const char PREFIX[] = "#/components/parameters/";
    const char *reference = json_string_value(json_object_get(value, "$ref"));

    if (reference == NULL)
        return value;
    cr_assert_eq(strncmp(reference, PREFIX, sizeof(PREFIX) - 1), 0, "%s", reference);
    return json_object_get(
        json_object_get(json_object_get(contract_document(contract), "components"), "parameters"),
        reference + sizeof(PREFIX) - 1);
}

static const char *operator_name(enum filter_operator operator)
{
    switch (operator) {
    case FILTER_EQUAL:
        return "eq";
    case FILTER_MIN:
        return "min";
    case FILTER_MAX:
        return "max";
    case FILTER_AFTER:
        return "after";
    case FILTER_BEFORE:
        return "before";
    }
    return "";
}

Test(contract, the_filters_of_every_resource_are_the_parameters_that_are_documented)
{
    const json_t *paths = json_object_get(contract_document(contract), "paths");

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        const json_t *parameters, *entry;
        size_t at, documented = 0;
        char path[100];

        (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
        parameters =
            json_object_get(json_object_get(json_object_get(paths, path), "get"), "parameters");
        cr_assert_not_null(parameters, "%s", path);
        json_array_foreach (parameters, at, entry) {
            const json_t *parameter = follow(entry);
            const json_t *described = json_object_get(parameter, "x-filter");
            const char *name = json_string_value(json_object_get(parameter, "name"));
            const struct filter *filter;

            if (described == NULL)
                continue;
            documented++;
            filter = resource_filter(resource, name);
            cr_assert_not_null(filter, "%s: %s is documented and does nothing", path, name);
            cr_assert_str_eq(filter->property->path,
                             json_string_value(json_object_get(described, "property")));
            cr_assert_str_eq(operator_name(filter->operator),
                             json_string_value(json_object_get(described, "operator")), "%s", name);
        }
        cr_assert_eq(documented, resource->filter_count, "%s: %zu documented, %zu there", path,
                     documented, resource->filter_count);
        cr_assert_gt(documented, 5);
    }
}

static bool offers(const char *path, const char *parameter_name, const char *value)
{
    const json_t *operation = json_object_get(
        json_object_get(json_object_get(contract_document(contract), "paths"), path), "get");
    const json_t *entry, *allowed;
    size_t i, j;

    json_array_foreach (json_object_get(operation, "parameters"), i, entry) {
        const json_t *parameter = follow(entry);
        const char *name = json_string_value(json_object_get(parameter, "name"));

        if (strcmp(name, parameter_name) != 0)
            continue;
        json_array_foreach (
            json_object_get(json_object_get(json_object_get(parameter, "schema"), "items"), "enum"),
            j, allowed)
            if (strcmp(json_string_value(allowed), value) == 0)
                return true;
    }
    return false;
}

Test(contract, what_can_be_sorted_and_counted_is_documented_and_nothing_else)
{
    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        char path[100];

        (void)snprintf(path, sizeof(path), "/v1/%s", resource->path);
        for (size_t j = 0; j < resource->leaf_count; j++) {
            const struct property *leaf = resource->leaves[j];

            cr_assert_eq(offers(path, "sort", leaf->path), leaf->sortable && !leaf->in_array,
                         "sort=%s of %s", leaf->path, path);
            cr_assert_eq(offers(path, "facets", leaf->path), leaf->facet, "facets=%s of %s",
                         leaf->path, path);
            cr_assert(!leaf->facet || leaf->filterable, "%s of %s is counted, but cannot be chosen",
                      leaf->path, path);
        }
        for (size_t j = 0; j < resource->property_count; j++)
            cr_assert(resource->properties[j].is_computed ||
                          offers(path, "fields", resource->properties[j].name),
                      "fields=%s of %s", resource->properties[j].name, path);
    }
}

Test(contract, a_resource_knows_those_that_refer_to_it)
{
    const struct resource *practices = resource_of("practices");
    bool found = false;

    for (size_t i = 0; i < practices->referrer_count; i++) {
        bool is_holder = false;

        found = found || practices->referrers[i] == resource_of("services");
        for (size_t j = 0; j < practices->holder_count; j++)
            is_holder = is_holder || practices->holders[j] == practices->referrers[i];
        cr_assert(is_holder, "%s", practices->referrers[i]->path);
    }
    cr_assert(found);
}

static bool is_valid(const struct schema *schema, const char *json, struct problem *problem)
{
    json_auto_t *value = json_loads(json, 0, NULL);
    struct arena arena;
    bool valid;

    cr_assert_not_null(value, "%s", json);
    arena_init(&arena, 1024 * 1024);
    *problem = (struct problem){0};
    valid = schema_check(schema, value, "", &arena, problem);
    arena_deinit(&arena);
    return valid;
}

Test(contract, a_record_is_written_without_what_the_server_sets_and_with_slugs_for_relations)
{
    static const struct {
        const char *json;
        bool valid;
        const char *why;
    } ROWS[] = {
        {"{\"title\":\"A\",\"summary\":\"B\"}", true, "what is required"},
        {"{\"title\":\"A\"}", false, "the summary is missing"},
        {"{\"title\":\"\",\"summary\":\"B\"}", false, "an empty title"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"id\":\"01a20102-28e0-7051-a78d-40e12e1670b1\"}",
         false, "the server gives ids"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"version\":3}", false, "and counts versions"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"links\":{}}", false, "and makes links"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"unknown\":1}", false, "an unknown member"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"__proto__\":{}}", false, "another one"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"organisations\":[\"a-slug\"]}", true, "a slug"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"organisations\":[{\"slug\":\"a-slug\"}]}", true,
         "an object with a slug"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"organisations\":[{\"title\":\"T\"}]}", false,
         "an object with neither slug nor id"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"organisations\":[{\"id\":\"x\"}]}", false,
         "an id that is none"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"organisations\":\"a-slug\"}", false, "no array"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"country\":\"XX\"}", false, "no country"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"started_on\":\"2021-02-29\"}", false, "no date"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"location\":{\"lat\":91,\"lon\":0}}", false,
         "beyond the pole"},
        {"{\"title\":\"A\",\"summary\":\"B\",\"languages_count\":1.5}", false, "no whole number"},
        {"[]", false, "no object"},
    };
    struct problem problem;

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++)
        cr_assert_eq(is_valid(resource_of("practices")->write_schema, ROWS[i].json, &problem),
                     ROWS[i].valid, "%s: %s", ROWS[i].why,
                     problem.error_count > 0 ? problem.errors[0].code : "nothing found");
}

static const json_t *written_members(const char *schema)
{
    char name[100];

    (void)snprintf(name, sizeof(name), "%sWrite", schema);
    return json_object_get(
        json_object_get(
            json_object_get(json_object_get(contract_document(contract), "components"), "schemas"),
            name),
        "properties");
}

Test(contract, what_may_be_written_is_documented_and_nothing_else)
{
    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);
        const json_t *members = written_members(resource->schema_name);
        size_t written = 0;

        for (size_t j = 0; j < resource->property_count; j++) {
            const struct property *property = &resource->properties[j];
            bool is_written = !property->read_only && !property->is_computed;

            cr_assert_eq(json_object_get(members, property->name) != NULL, is_written, "%s.%s",
                         resource->path, property->name);
            written += is_written;
        }
        cr_assert_eq(json_object_size(members), written, "%s", resource->path);
    }
}

Test(contract, the_bodies_that_are_no_records_have_validators)
{
    cr_assert_not_null(contract_request(contract, "BatchRequest"));
    cr_assert_not_null(contract_request(contract, "ReturnRequest"));
    cr_assert_null(contract_request(contract, "Practice"));
}

/* --- what is broken is refused, by name ------------------------------------------------ */

static json_t *schema_in(json_t *document, const char *name)
{
    return json_object_get(json_object_get(json_object_get(document, "components"), "schemas"),
                           name);
}

static json_t *property_in(json_t *document, const char *schema, const char *name)
{
    return json_object_get(json_object_get(schema_in(document, schema), "properties"), name);
}

static void break_label(json_t *document)
{
    (void)json_object_del(json_object_get(schema_in(document, "Network"), "x-resource"), "label");
}

static void break_label_name(json_t *document)
{
    (void)json_object_set_new(json_object_get(schema_in(document, "Network"), "x-resource"),
                              "label", json_string("nothing"));
}

static void break_path(json_t *document)
{
    (void)json_object_del(json_object_get(schema_in(document, "Network"), "x-resource"), "path");
}

static void break_title(json_t *document)
{
    (void)json_object_del(json_object_get(schema_in(document, "Network"), "x-resource"), "title");
}

static void break_verify_days(json_t *document)
{
    (void)json_object_set_new(json_object_get(schema_in(document, "Network"), "x-resource"),
                              "verify_days", json_integer(0));
}

static void break_relation(json_t *document)
{
    (void)json_object_set_new(property_in(document, "Network", "operator"), "x-relation",
                              json_string("nowhere"));
}

static void break_format(json_t *document)
{
    (void)json_object_set_new(property_in(document, "Network", "slug"), "format",
                              json_string("base64"));
}

static void break_type(json_t *document)
{
    (void)json_object_set_new(property_in(document, "Network", "founded_year"), "type",
                              json_string("null"));
}

static void break_properties(json_t *document)
{
    (void)json_object_set_new(schema_in(document, "Network"), "properties", json_object());
}

static void break_version(json_t *document)
{
    (void)json_object_del(json_object_get(document, "info"), "version");
}

static void break_schemas(json_t *document)
{
    (void)json_object_set_new(json_object_get(document, "components"), "schemas", json_object());
}

static void break_pattern(json_t *document)
{
    (void)json_object_set_new(property_in(document, "Network", "name"), "pattern",
                              json_string("(unclosed"));
}

static void break_reference(json_t *document)
{
    (void)json_object_set_new(property_in(document, "Network", "name"), "not",
                              json_pack("{s:s}", "$ref", "#/components/schemas/Nothing"));
}

static void break_request(json_t *document)
{
    (void)json_object_set_new(schema_in(document, "BatchRequest"), "type", json_string("nothing"));
}

static void break_write(json_t *document)
{
    (void)json_object_del(json_object_get(json_object_get(document, "components"), "schemas"),
                          "NetworkWrite");
}

Test(contract, a_broken_document_is_refused_and_the_fault_named)
{
    static const struct {
        void (*make_broken)(json_t *document);
        const char *named, *why;
    } ROWS[] = {
        {break_label, "networks", "no label"},
        {break_label_name, "networks", "a label that is no property"},
        {break_path, "Network", "no path"},
        {break_title, "Network", "no title"},
        {break_verify_days, "verify_days", "never to be looked at again"},
        {break_relation, "operator", "a relation to nowhere"},
        {break_format, "slug", "an unknown format"},
        {break_type, "founded_year", "a type that cannot be stored"},
        {break_properties, "networks", "no properties"},
        {break_version, "info", "no version"},
        {break_schemas, "components.schemas", "no resources"},
        {break_pattern, "Network", "a pattern that is none"},
        {break_reference, "Network", "a reference to nothing"},
        {break_request, "BatchRequest", "the schema of a body has no type that there is"},
        {break_write, "NetworkWrite", "no schema for writing"},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        json_auto_t *document = json_deep_copy(contract_document(contract));
        struct contract *broken = NULL;
        char *bytes, *what = NULL;

        ROWS[i].make_broken(document);
        bytes = json_dumps(document, JSON_COMPACT);
        cr_assert_eq(contract_new(bytes, strlen(bytes), &broken, &what), CONTRACT_INVALID, "%s",
                     ROWS[i].why);
        cr_assert_null(broken);
        cr_assert_not_null(what, "%s", ROWS[i].why);
        cr_assert_not_null(strstr(what, ROWS[i].named), "%s: %s", ROWS[i].why, what);
        free(what);
        free(bytes);
    }
}

Test(contract, what_is_no_document_at_all_is_refused)
{
    static const char *const ROWS[] = {
        "", "{", "[]", "{}", "null", "{\"a\":1,\"a\":2}", "{\"info\":{\"version\":\"1\"}}"};

    for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
        struct contract *broken = NULL;
        char *what = NULL;

        cr_assert_eq(contract_new(ROWS[i], strlen(ROWS[i]), &broken, &what), CONTRACT_INVALID,
                     "'%s'", ROWS[i]);
        cr_assert_not_null(what);
        free(what);
    }
}
