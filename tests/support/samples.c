#include "support/samples.h"

#include "base/annotate.h"
#include "support/lists.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

#define TEXT_CHARACTERS 30 /* of the sample of a text without a pattern */

/* Texts that fit a pattern of the contract, one for each variant. */
static const struct {
    const char *pattern;
    const char *texts[2];
} PATTERNS[] = {
    {"^[a-z0-9]+(_[a-z0-9]+)*$", {"sample_one", "sample_two"}},
    {"^[a-z]$", {"x", "y"}},
    {"^[a-z][a-z0-9_.]*$", {"title", "title"}},
    {"^[a-z0-9]+(-[a-z0-9]+)*$", {"sample-0", "sample-1"}},
    {"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$", {"2019", "2021-05"}},
    {"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", {"pt-BR", "ti"}},
    {"^https?://[^\\s<>\"]+$",
     {"https://sample.example/a?b=c,d", "http://sample.example/%C3%A9#e"}},
    {"^[0-9]{1,15}(\\.[0-9]{1,4})?$", {"1250.50", "999999999999.9"}},
    {"^[A-Z]{3}$", {"EUR", "SEK"}},
    {"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$", {"17:00", "23:59:30"}},
};

static const struct {
    const char *format;
    const char *texts[2];
} FORMATS[] = {
    {"date", {"2019-02-28", "2121-05-31"}},
    {"date-time", {"2023-03-04T05:06:07.089Z", "2024-02-29T23:59:59.999Z"}},
};

static json_t *sample_value(json_t *schema, const char *name, unsigned variant);

static json_t *schemas(void)
{
    return json_object_get(json_object_get(contract_document(list_contract()), "components"),
                           "schemas");
}

/* What the schema refers to, or else itself. */
static json_t *resolved(json_t *schema)
{
    static const char PREFIX[] = "#/components/schemas/";
    const char *reference = json_string_value(json_object_get(schema, "$ref"));

    return reference == NULL ? schema : json_object_get(schemas(), reference + sizeof(PREFIX) - 1);
}

static json_t *sample_text(json_t *schema, const char *name, unsigned variant)
{
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    const char *format = json_string_value(json_object_get(schema, "format"));
    const json_int_t most = json_integer_value(json_object_get(schema, "maxLength"));

    for (size_t i = 0; pattern != NULL && i < ARRAY_LENGTH(PATTERNS); i++)
        if (strcmp(PATTERNS[i].pattern, pattern) == 0)
            return json_string(PATTERNS[i].texts[variant]);
    for (size_t i = 0; format != NULL && i < ARRAY_LENGTH(FORMATS); i++)
        if (strcmp(FORMATS[i].format, format) == 0)
            return json_string(FORMATS[i].texts[variant]);
    if (pattern != NULL || format != NULL)
        cr_assert_fail("a sample of %s is needed: pattern %s, format %s", name,
                       pattern == NULL ? "none" : pattern, format == NULL ? "none" : format);
    if (most > 0 && most < TEXT_CHARACTERS)
        return json_sprintf("%u, \\ é", variant);
    return json_sprintf("Sample %u: \"a, b\" \\ 100 %% é", variant);
}

static json_t *sample_number(json_t *schema, bool whole, unsigned variant)
{
    const double least = json_number_value(json_object_get(schema, "minimum"));
    const json_t *most = json_object_get(schema, "maximum");
    double value = (least > 0 ? least : 0) + 3 + (double)variant + (whole ? 0 : 0.25);

    if (most != NULL && value > json_number_value(most))
        value = json_number_value(most);
    return whole ? json_integer((json_int_t)value) : json_real(value);
}

/* Variant 0 has two items, variant 1 the second of them alone. */
static json_t *sample_array(json_t *schema, const char *name, unsigned variant)
{
    json_t *items = json_object_get(schema, "items"), *array = json_array();

    for (unsigned i = variant; i < 2; i++) {
        json_auto_t *item = sample_value(items, name, i);

        if (json_equal(json_array_get(array, 0), item) == 0)
            list_must(json_array_append(array, item) == 0);
    }
    return array;
}

static json_t *sample_object(json_t *schema, unsigned variant)
{
    json_t *object = json_object(), *member;
    const char *name;

    json_object_foreach (json_object_get(schema, "properties"), name, member) {
        if (json_is_true(json_object_get(member, "readOnly")) ||
            json_is_true(json_object_get(resolved(member), "readOnly")) ||
            json_is_true(json_object_get(member, "x-computed")))
            continue;
        list_must(json_object_set_new(object, name, sample_value(member, name, variant)) == 0);
    }
    return object;
}

static json_t *sample_value(json_t *schema, const char *name, unsigned variant)
{
    json_t *full = resolved(schema);
    json_t *values = json_object_get(full, "enum");
    const char *type = json_string_value(json_object_get(full, "type"));

    /* A reference, or that and the whole record in its place. */
    if (type == NULL || full == json_object_get(schemas(), "Reference"))
        return json_sprintf("sample-%u", variant);
    if (values != NULL)
        return json_incref(json_array_get(values, variant % json_array_size(values)));
    if (strcmp(type, "array") == 0)
        return sample_array(full, name, variant);
    if (strcmp(type, "object") == 0)
        return sample_object(full, variant);
    if (strcmp(type, "boolean") == 0)
        return json_boolean(variant == 0);
    if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
        return sample_number(full, type[0] == 'i', variant);
    return sample_text(full, name, variant);
}

/* A translation is of a property that can be translated. */
static json_t *sample_translations(const struct resource *resource, unsigned variant)
{
    for (size_t i = 0; i < resource->property_count; i++)
        if (resource->properties[i].translatable)
            return json_pack("[{s:s,s:s,s:s,s:s}]", "language", "fr", "property",
                             resource->properties[i].name, "text",
                             variant == 0 ? "Échantillon" : "Exemple", "origin", "machine");
    return json_array();
}

json_t *sample_record(const struct resource *resource, unsigned variant)
{
    json_t *sample = sample_object(json_object_get(schemas(), resource->schema_name), variant);

    list_must(json_object_set_new(sample, "translations", sample_translations(resource, variant)) ==
              0);
    return sample;
}

json_t *sample_records(void)
{
    const struct contract *contract = list_contract();
    json_t *samples = json_object();

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);

        list_must(json_object_set_new(samples, resource->path,
                                      json_pack("[o,o]", sample_record(resource, 0),
                                                sample_record(resource, 1))) == 0);
    }
    return samples;
}

void sample_import_once(void)
{
    list_import_once("/v1/practices/sample-0", sample_records);
}
