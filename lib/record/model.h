#pragma once
/*
 * Record model
 *
 * Everything the record engine says in SQL, composed once at start from the
 * contract: how a record is stored (schema catalogue), how it is rendered, and
 * the read model (schema published) that public reading works on.
 *
 * The read model is derived, so migrations never touch it: model_install()
 * makes the tables of a resource anew, and renders its records again, when
 * the contract says something else than the signature kept in the database.
 * Per resource, named after its table:
 *
 *   published.<table>            one narrow row a record: what filters and orders
 *   published.<table>_documents  its JSON text, as it is sent, and its ETag
 *   published.<table>_terms      one row for each value that it can be found by
 *   published.<table>_search     its words
 *
 * They hold published records alone, so a draft cannot be read by mistake.
 */
#include "base/annotate.h"
#include "contract/contract.h"

struct arena;
struct db;
struct model;
struct text;

/* A list of a record that is in a table of its own. */
struct model_list {
    const struct property *property;
    const char *insert; /* its rows */
};
/*
 * Statements that store the records of $1, a jsonb array, to be run in this order; see
 * model_put.c for its members. Apart, because the policies of the tables look for the row in
 * catalogue.record, and a statement does not see what it adds itself; and because
 * most records have few of the lists that they could have.
 */
struct model_store {
    const char *create; /* row of a new record in catalogue.record */
    const char *add;    /* the same of several, where "new" is true, but of those whose slug or
                           source is taken */
    const char *change; /* those of records that are there: "new" is false. Both give the ids, the
                           time, and the one when it is to be verified again */
    const char *remove; /* empties what holds lists of records that are there; NULL: nothing does */
    const char *insert; /* rows of the resource's own table, of records that are all new */
    const char *put;    /* the same, whether they are there or not */
    const struct model_list *lists; /* an inner one behind the one around it */
    size_t list_count;
    const char *erase; /* the row $1 (uuid), with all lists of its own */
};

/* SQL of one resource; constant after model_new(). */
struct model_resource {
    const struct resource *resource;
    const char *tables;    /* DDL of its read model */
    const char *signature; /* hexadecimal hash of what the read model was made from */
    struct model_store store;
    const char *const *render; /* statements that render the records $1 (uuid[]), in order */
    size_t render_count;
    /* (resource, id) of those that show the records $1 (uuid[]) and are not changed by this
       transaction; NULL: no resource can */
    const char *dependents;
    /* who refers to the records $1 (uuid[]) and is not deleted: resource, id, slug, status, last
       version, path of the property, id of the target; NULL: no resource can */
    const char *holders;
    /* the next public records behind the slug $1, at most 500, as JSON in the shape for writing */
    const char *export_batch;
    const char *content;  /* what the tables hold of the record $1, in that shape, by ids */
    const char *backfill; /* gives a history to at most 1000 records that have none */
    const char *heads;    /* (id, slug, label) of the records $1 (uuid[]) */
    const char *look;     /* the record with the id $1, or the slug $2: see edit.c */
    const char *find;     /* the same, locked */
};

/* model_new() - @contract: borrowed, must outlive the model. Return: 0; a fault. */
MUST_CHECK int model_new(const struct contract *contract, struct model **ret_model);
void model_free(struct model *model);
const struct contract *model_contract(const struct model *model);
const struct model_resource *model_of(const struct model *model, const struct resource *resource);

/*
 * model_install() - bring the read model into the state of the contract
 * Runs in the caller's transaction as the owner of both schemas.
 * @ret_rebuilt: number of resources whose tables were made anew
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int model_install(const struct model *model, struct db *db, size_t *ret_rebuilt);

/*
 * model_backfill() - a history for records that have none, which begins with what there is
 * Runs as the owner of both schemas, outside a transaction: each step is one of its own, so that
 * it can be broken off and called again.
 * @ret_count: number of records that got one
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int model_backfill(const struct model *model, struct db *db, size_t *ret_count);

/*
 * model_compare() - contract and database, side by side
 * @differences: receives one line for each difference, naming table and column
 * Return: 0 also when there are differences; a db outcome; a fault.
 */
MUST_CHECK int model_compare(const struct model *model, struct db *db, struct text *differences);

/* The name of a property in the read model: "eligibility.target_groups" is
 * eligibility_target_groups. */
const char *model_column(struct arena *arena, const struct property *property);
/* Is equality on this property answered by the terms table (else by its column)? */
bool model_is_term(const struct property *property);
/* The read model's column holds text in a language's order, so comparisons name no collation. */
const char *model_sql_type(const struct property *property);
