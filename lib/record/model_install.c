/*
 * Installing the read model, and holding the contract against the database.
 *
 * Expected columns are told apart from present ones in PostgreSQL's own
 * catalogue, which every role may read, so that the server can compare with
 * the little it may do.
 */
#include "record/model_internal.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "db/db.h"
#include "record/render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECTED_BYTES_MAX (4u * 1024 * 1024)

static const struct db_query SIGNATURE_GET = {
    .name = "model_signature_get",
    .sql = "select signature from published.model where resource = $1",
    .param_count = 1,
};
static const struct db_query SIGNATURE_PUT = {
    .name = "model_signature_put",
    .sql = "insert into published.model (resource, signature) values ($1, $2) "
           "on conflict (resource) do update set signature = excluded.signature",
    .param_count = 2,
};
static const struct db_query SIGNATURES = {
    .name = "model_signatures",
    .sql = "select expected.resource, present.signature is null "
           "from jsonb_to_recordset($1::jsonb) as expected(resource text, signature text) "
           "left join published.model present on present.resource = expected.resource "
           "where present.signature is distinct from expected.signature "
           "order by expected.resource",
    .param_count = 1,
};
/* $1: [{"table", "column", "type"}] of schema catalogue. Domains count by their own name. */
static const struct db_query COLUMNS = {
    .name = "model_columns",
    .sql =
        "with expected as (select * from jsonb_to_recordset($1::jsonb) "
        "as listed(\"table\" text, \"column\" text, type text)), "
        "present as (select c.relname::text as \"table\", a.attname::text as \"column\", "
        "pg_catalog.format_type(a.atttypid, null) as type from pg_catalog.pg_class c "
        "join pg_catalog.pg_namespace n on n.oid = c.relnamespace and n.nspname = 'catalogue' "
        "join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 "
        "and not a.attisdropped where c.relkind in ('r', 'p')) "
        "select expected.\"table\", expected.\"column\", expected.type, present.type "
        "from expected left join present using (\"table\", \"column\") "
        "where present.type is distinct from expected.type "
        "union all select present.\"table\", present.\"column\", null, present.type "
        "from present left join expected using (\"table\", \"column\") "
        "where expected.\"column\" is null and present.\"table\" in "
        "(select \"table\" from expected) and present.\"column\" not in "
        "('id', 'resource', 'record_id', 'position', 'parent_position', 'target_id', 'digest') "
        "and not (present.\"table\" = 'record' and present.\"column\" in ('latest', 'latest_at', "
        "'waiting_since', 'review', "
        "'first_published_at', 'deleted_at', 'replaced_by')) "
        "order by 1, 2",
    .param_count = 1,
};

int model_install(const struct model *model, struct db *db, size_t *ret_rebuilt)
{
    const struct contract *contract = model_contract(model);
    size_t rebuilt = 0;
    int r;

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct model_resource *of = model_of(model, contract_resource(contract, i));
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;

        r = db_run(db, &SIGNATURE_GET, (const char *const[]){of->resource->path}, &rows);
        if (r != 0)
            return r;
        if (db_rows_count(rows) == 1 && strcmp(db_rows_text(rows, 0, 0), of->signature) == 0)
            continue;

        r = db_run_script(db, of->tables);
        if (r != 0)
            return r;
        r = render_all(model, db, of->resource);
        if (r != 0)
            return r;
        r = db_run(db, &SIGNATURE_PUT, (const char *const[]){of->resource->path, of->signature},
                   NULL);
        if (r != 0)
            return r;
        rebuilt++;
    }
    *ret_rebuilt = rebuilt;
    return 0;
}

int model_backfill(const struct model *model, struct db *db, size_t *ret_count)
{
    const struct contract *contract = model_contract(model);
    size_t count = 0;

    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct model_resource *of = model_of(model, contract_resource(contract, i));
        size_t more = 1;

        while (more > 0) {
            CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
            int r = db_run_text(db, of->backfill, DB_PLAN_CUSTOM, 0, NULL, &rows);

            if (r != 0)
                return r;
            more = db_rows_affected(rows);
            count += more;
        }
    }
    *ret_count = count;
    return 0;
}

/* --- expected columns ------------------------------------------------------------------- */

/* As pg_catalog.format_type() spells it. */
static const char *catalogue_type(const struct property *property)
{
    switch (property->kind) {
    case PROPERTY_INTEGER:
        return "integer";
    case PROPERTY_PARTIAL_DATE:
        return "catalogue.partial_date";
    case PROPERTY_TIME:
        return "timestamp with time zone";
    case PROPERTY_TEXT:
    case PROPERTY_NUMBER:
    case PROPERTY_DOUBLE:
    case PROPERTY_DECIMAL:
    case PROPERTY_BOOLEAN:
    case PROPERTY_UUID:
    case PROPERTY_DATE:
    case PROPERTY_OBJECT:
    case PROPERTY_RELATION:
        break;
    }
    return model_sql_type(property);
}

static void expect_column(struct text *expected, const char *table, const char *column,
                          const char *type, const char *suffix)
{
    text_append_format(expected, "%s{\"table\":\"%s\",\"column\":\"%s\",\"type\":\"%s%s\"}",
                       expected->length == 1 ? "" : ",", table, column, type, suffix);
}

static void expect_properties(struct text *expected, const char *table,
                              const struct property *properties, size_t count, bool common)
{
    for (size_t i = 0; i < count; i++) {
        const struct property *property = &properties[i];

        if (property->is_computed || property->is_common != common)
            continue;
        if (property->table != NULL && property->kind == PROPERTY_RELATION)
            expect_column(expected, property->table, "target_id", "uuid", "");
        else if (property->kind == PROPERTY_OBJECT)
            expect_properties(expected, property->table != NULL ? property->table : table,
                              property->members, property->member_count, common);
        else if (strcmp(property->path, ID_PROPERTY) != 0)
            expect_column(expected, table, property->column, catalogue_type(property),
                          property->is_array ? "[]" : "");
    }
}

static int compare_columns(const struct model *model, struct db *db, struct text *differences)
{
    const struct contract *contract = model_contract(model);
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct text expected;
    int r;

    text_init(&expected, EXPECTED_BYTES_MAX);
    text_append_char(&expected, '[');
    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct resource *resource = contract_resource(contract, i);

        if (i == 0)
            expect_properties(&expected, "record", resource->properties, resource->property_count,
                              true);
        expect_properties(&expected, resource->table, resource->properties,
                          resource->property_count, false);
    }
    text_append_char(&expected, ']');
    r = text_failed(&expected) ? fault_raise(-ENOMEM)
                               : db_run(db, &COLUMNS, (const char *const[]){expected.bytes}, &rows);
    text_deinit(&expected);
    if (r != 0)
        return r;

    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *table = db_rows_text(rows, i, 0);
        const char *column = db_rows_text(rows, i, 1);
        const char *wanted = db_rows_text(rows, i, 2);
        const char *present = db_rows_text(rows, i, 3);

        if (wanted == NULL)
            text_append_format(differences,
                               "column catalogue.%s.%s is in the database, but no property of the "
                               "contract is stored there\n",
                               table, column);
        else if (present == NULL)
            text_append_format(differences,
                               "column catalogue.%s.%s (%s) is missing from the database\n", table,
                               column, wanted);
        else
            text_append_format(differences,
                               "column catalogue.%s.%s is %s in the database, but %s by the "
                               "contract\n",
                               table, column, present, wanted);
    }
    return 0;
}

static int compare_signatures(const struct model *model, struct db *db, struct text *differences)
{
    const struct contract *contract = model_contract(model);
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct text expected;
    int r;

    text_init(&expected, EXPECTED_BYTES_MAX);
    for (size_t i = 0; i < contract_resource_count(contract); i++) {
        const struct model_resource *of = model_of(model, contract_resource(contract, i));

        text_append_format(&expected, "%s{\"resource\":\"%s\",\"signature\":\"%s\"}",
                           i == 0 ? "[" : ",", of->resource->path, of->signature);
    }
    text_append_char(&expected, ']');
    r = text_failed(&expected)
            ? fault_raise(-ENOMEM)
            : db_run(db, &SIGNATURES, (const char *const[]){expected.bytes}, &rows);
    text_deinit(&expected);
    if (r != 0)
        return r;
    for (size_t i = 0; i < db_rows_count(rows); i++)
        text_append_format(
            differences, "read model of %s %s: run express-api migrate\n", db_rows_text(rows, i, 0),
            db_rows_text(rows, i, 1)[0] == 't' ? "is missing" : "was made from another contract");
    return 0;
}

int model_compare(const struct model *model, struct db *db, struct text *differences)
{
    int r = compare_columns(model, db, differences);

    if (r == 0)
        r = compare_signatures(model, db, differences);
    return r;
}
