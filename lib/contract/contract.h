#pragma once
/*
 * Contract
 *
 * The OpenAPI document, compiled once at start: what each resource is, which
 * of its properties can be filtered, sorted, counted, searched and translated,
 * where each is stored, and the validators for reading and writing. Nothing
 * here knows HTTP or speaks to a database; everything is constant after
 * contract_new() and may be used by any thread.
 */
#include "base/annotate.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct contract;
struct problem;
struct resource;
struct schema;

#define RESOURCES_MAX 64 /* one bit each in a set of resources */
#define ID_PROPERTY "id"
#define VERIFY_DUE_PROPERTY "verify_due"

enum property_kind {
    PROPERTY_TEXT,
    PROPERTY_INTEGER,
    PROPERTY_NUMBER,  /* a JSON number, kept as numeric */
    PROPERTY_DOUBLE,  /* coordinates */
    PROPERTY_DECIMAL, /* a JSON string of digits, kept as numeric: money */
    PROPERTY_BOOLEAN,
    PROPERTY_UUID,
    PROPERTY_DATE,
    PROPERTY_PARTIAL_DATE, /* 2015, 2015-03 or 2015-03-21 */
    PROPERTY_TIME,
    PROPERTY_OBJECT,
    PROPERTY_RELATION
};

struct property {
    const char *name;              /* "organisation" */
    const char *path;              /* "members.organisation" */
    const struct property *parent; /* the object it is a member of; NULL at the top */
    enum property_kind kind;       /* of the items, when it is an array */
    bool is_array;
    bool in_array;  /* it, or an object around it, is an array: a record may have several values */
    bool is_common; /* every record has it; stored in catalogue.record */
    bool is_computed; /* made while reading: links, distance_km, embedded records */
    bool is_timed;    /* computed, from what is stored and from what time it is: x-timed */
    bool read_only;
    bool required;
    bool filterable;
    const char *filter_name; /* how its filters begin: its path, unless x-filter names another */
    bool sortable;
    bool facet;
    bool translatable;
    bool detail;
    char search_weight;            /* 'A'..'D', or 0 */
    const struct resource *target; /* of a relation */
    bool related;                  /* the target lists the record as related to it */
    bool includable;               /* may be embedded by include= */
    const char *const *values;     /* of an enumeration, as text; NULL when open */
    size_t value_count;
    const char *column; /* SQL column in the table that holds it; NULL for objects and tables */
    const char
        *table; /* SQL table (without schema) of an array of objects or relations; else NULL */
    const struct property *members; /* of an object */
    size_t member_count;
};

enum filter_operator { FILTER_EQUAL, FILTER_MIN, FILTER_MAX, FILTER_AFTER, FILTER_BEFORE };

struct filter {
    const char *name; /* of the query parameter: "started_on_after" */
    const struct property *property;
    enum filter_operator operator;
};

struct resource {
    const char *path;                  /* "financing-offers" */
    const char *table;                 /* "financing_offers" */
    const char *schema_name;           /* "FinancingOffer" */
    const char *title;                 /* "Financing offers" */
    unsigned index;                    /* 0 .. contract_resource_count() - 1 */
    bool admin_only;                   /* written by administrators alone */
    bool calendar;                     /* has dates for a calendar: x-calendar */
    unsigned verify_days;              /* after so many a record should be checked again */
    const struct property *properties; /* in the order of the contract */
    size_t property_count;
    const struct property *label;         /* names the record: title, name … */
    const struct property *location;      /* NULL when it has none */
    const struct property *country;       /* NULL when it has none */
    const struct property *const *leaves; /* every property that holds a value, nested ones too */
    size_t leaf_count;
    const struct property *const *timed; /* those that are timed; not among the leaves */
    size_t timed_count;
    const struct filter *filters;
    size_t filter_count;
    const struct resource *const *holders; /* resources with a relation to this one */
    size_t holder_count;
    const struct resource *const *referrers; /* those of them that it lists as related */
    size_t referrer_count;
    const struct schema *schema;       /* of a record as it is read */
    const struct schema *write_schema; /* of a record as it is written */
};

enum contract_outcome { CONTRACT_INVALID = 1 };

/*
 * contract_new() - compile a bundled OpenAPI document
 * @bytes:        borrowed; JSON
 * @reterr_what:  owned (free()); what is wrong and where, when CONTRACT_INVALID
 *
 * Return: 0; CONTRACT_INVALID; a fault.
 */
MUST_CHECK int contract_new(const char *bytes, size_t size_bytes, struct contract **ret_contract,
                            char **reterr_what);
void contract_free(struct contract *contract);

/* The document itself; borrowed. */
const json_t *contract_document(const struct contract *contract);
const char *contract_version(const struct contract *contract);
size_t contract_resource_count(const struct contract *contract);
const struct resource *contract_resource(const struct contract *contract, size_t index);
/* NULL when there is none. */
const struct resource *contract_resource_find(const struct contract *contract, const char *path);
/* The paths of all resources, for messages; contract_resource_count() strings. */
const char *const *contract_resource_paths(const struct contract *contract);

/* The validator of a body that is no record, such as "BatchRequest": of each schema that says
 * x-request. NULL when there is none. */
const struct schema *contract_request(const struct contract *contract, const char *name);

/* A property that holds a value, by its dotted path; NULL when there is none. */
const struct property *resource_leaf(const struct resource *resource, const char *path);
/* A property that records can be in order of, by its dotted path: a leaf, or one that is timed. */
const struct property *resource_sortable(const struct resource *resource, const char *path);
/* A property at the top of the record; NULL when there is none. */
const struct property *resource_property(const struct resource *resource, const char *name);
const struct filter *resource_filter(const struct resource *resource, const char *name);
