/*
 * Why a table of terms: "filter by a value, newest first" is then one range of
 * one index, (term, updated_at desc, id desc), whatever the property and
 * however many values it has. Measured on 100 000 records that is several
 * times faster than array operators or sorting what a filter leaves.
 *
 * Why the documents apart: rows that filters walk stay narrow, and a page is
 * twenty look-ups by primary key.
 */
#include "record/model.h"

#include "record/model_internal.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "db/db.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_BYTES_MAX (32u * 1024 * 1024)
#define SIGNATURE_BYTES 16

/* Part of every signature: raised when rendering itself changes. */
#define RENDERING_VERSION "1"

struct model {
    struct arena arena;
    const struct contract *contract;
    struct model_resource resources[RESOURCES_MAX];
};

const char *model_column(struct arena *arena, const struct property *property)
{
    char *name = arena_copy(arena, property->path);

    for (char *at = name; at != NULL && *at != '\0'; at++)
        if (*at == '.')
            *at = '_';
    return name;
}

bool model_is_term(const struct property *property)
{
    if (property->in_array || property->values != NULL)
        return true;
    /* Open text that can be sorted by has an index of its own, and nearly as many values as rows.
     */
    if (property->kind == PROPERTY_TEXT)
        return property->facet || !property->sortable;
    return property->kind == PROPERTY_BOOLEAN || property->kind == PROPERTY_RELATION;
}

const char *model_sql_type(const struct property *property)
{
    switch (property->kind) {
    case PROPERTY_TEXT:
        return "text";
    case PROPERTY_INTEGER:
        return "bigint";
    case PROPERTY_NUMBER:
    case PROPERTY_DECIMAL:
        return "numeric";
    case PROPERTY_DOUBLE:
        return "double precision";
    case PROPERTY_BOOLEAN:
        return "boolean";
    case PROPERTY_UUID:
    case PROPERTY_RELATION:
        return "uuid";
    case PROPERTY_DATE:
        return "date";
    case PROPERTY_PARTIAL_DATE:
        return "text";
    case PROPERTY_TIME:
        return "timestamptz";
    case PROPERTY_OBJECT:
        break;
    }
    return "text";
}

/* Does the narrow row keep this property? */
bool model_keeps(const struct property *property)
{
    if (property->in_array || property->kind == PROPERTY_RELATION)
        return false;
    return property->sortable || property->filterable || property->kind == PROPERTY_DOUBLE ||
           strcmp(property->path, "updated_at") == 0;
}

/* --- tables of the read model ------------------------------------------------------------ */

static void append_columns(struct text *sql, struct arena *arena, const struct resource *resource)
{
    for (size_t i = 0; i < resource->leaf_count; i++) {
        const struct property *leaf = resource->leaves[i];
        const char *column;

        if (!model_keeps(leaf) || strcmp(leaf->path, ID_PROPERTY) == 0)
            continue;
        column = model_column(arena, leaf);
        if (column == NULL)
            return;
        text_append_format(sql, ",\n  %s %s", column, model_sql_type(leaf));
        if (leaf->kind == PROPERTY_PARTIAL_DATE)
            text_append_format(sql, " collate \"C\",\n  %s_first date,\n  %s_last date", column,
                               column);
        else if (leaf->kind == PROPERTY_TEXT && leaf->sortable)
            text_append(sql, " collate \"und-x-icu\"");
        if (leaf->required)
            text_append(sql, " not null");
    }
    if (resource->location != NULL)
        text_append(sql, ",\n  position extensions.cube");
}

static void append_sort_indexes(struct text *sql, struct arena *arena,
                                const struct resource *resource)
{
    const char *table = resource->table;

    for (size_t i = 0; i < resource->leaf_count; i++) {
        const struct property *leaf = resource->leaves[i];
        const char *column;

        if (!leaf->sortable || leaf->in_array || strcmp(leaf->path, "updated_at") == 0)
            continue;
        column = model_column(arena, leaf);
        text_append_format(sql, "create index on published.%s (%s, id);\n", table, column);
        /* Unknown values come last in both directions, so one index cannot serve both. */
        if (!leaf->required)
            text_append_format(sql, "create index on published.%s (%s desc nulls last, id desc);\n",
                               table, column);
    }
    text_append_format(sql, "create index on published.%s (updated_at desc, id desc);\n", table);
    if (resource->country != NULL)
        text_append_format(
            sql, "create index on published.%s (country, updated_at desc, id desc);\n", table);
    if (resource->location != NULL)
        text_append_format(sql,
                           "create index on published.%s using gist (position);\n"
                           "create index on published.%s (location_lat, location_lon);\n",
                           table, table);
}

static char *compose_tables(struct arena *arena, const struct resource *resource)
{
    const char *table = resource->table;
    const bool has_country = resource->country != NULL;
    struct text sql;
    char *result;

    text_init(&sql, MODEL_BYTES_MAX);
    text_append_format(&sql,
                       "drop table if exists published.%s, published.%s_documents, "
                       "published.%s_terms, published.%s_search;\n",
                       table, table, table, table);
    text_append_format(&sql, "create table published.%s (\n  id uuid primary key", table);
    append_columns(&sql, arena, resource);
    text_append(&sql, ");\n");
    append_sort_indexes(&sql, arena, resource);

    text_append_format(&sql,
                       "create table published.%s_documents (\n"
                       "  id uuid primary key references published.%s on delete cascade,\n"
                       "  slug text not null unique,\n"
                       "  etag text not null,\n"
                       "  updated_at timestamptz not null,\n"
                       "  document text not null,\n"
                       "  card text,\n"
                       "  translations text)\n"
                       "  with (toast_tuple_target = 8160);\n",
                       table, table);
    text_append_format(&sql,
                       "create table published.%s_terms (\n"
                       "  id uuid not null references published.%s on delete cascade,\n"
                       "  term text collate \"C\" not null,\n%s"
                       "  updated_at timestamptz not null,\n"
                       "  primary key (id, term));\n"
                       "create index on published.%s_terms (term, updated_at desc, id desc);\n",
                       table, table, has_country ? "  country text,\n" : "", table);
    if (has_country)
        text_append_format(&sql,
                           "create index on published.%s_terms "
                           "(term, country, updated_at desc, id desc);\n",
                           table);
    text_append_format(&sql, "alter table published.%s_terms alter term set statistics 1000;\n",
                       table);
    text_append_format(&sql,
                       "create table published.%s_search (\n"
                       "  id uuid primary key references published.%s on delete cascade,\n"
                       "  updated_at timestamptz not null,\n"
                       "  brief tsvector not null,\n"
                       "  vector tsvector not null)\n"
                       "  with (toast_tuple_target = 128);\n"
                       "alter table published.%s_search alter vector set storage external,\n"
                       "  alter brief set storage main;\n"
                       "create index on published.%s_search using gin (vector);\n"
                       "create index on published.%s_search using gin (brief);\n",
                       table, table, table, table, table);
    text_append_format(&sql,
                       "grant select on published.%s, published.%s_documents, "
                       "published.%s_terms, published.%s_search to express_public;\n"
                       "grant select, insert, update, delete on published.%s, "
                       "published.%s_documents, published.%s_terms, published.%s_search to "
                       "express_writer;\n",
                       table, table, table, table, table, table, table, table);
    result = text_failed(&sql) ? NULL : arena_copy_bytes(arena, sql.bytes, sql.length);
    text_deinit(&sql);
    return result;
}

/* What the read model of a resource depends on: its tables, and how it is rendered. */
static char *compose_signature(struct arena *arena, const struct model_resource *of)
{
    unsigned char hash[SIGNATURE_BYTES];
    char hexadecimal[SIGNATURE_BYTES * 2 + 1];
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    (void)crypto_generichash_update(&state, (const unsigned char *)RENDERING_VERSION,
                                    sizeof(RENDERING_VERSION));
    (void)crypto_generichash_update(&state, (const unsigned char *)of->tables, strlen(of->tables));
    for (size_t i = 0; i < of->render_count; i++)
        (void)crypto_generichash_update(&state, (const unsigned char *)of->render[i],
                                        strlen(of->render[i]));
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    return arena_copy(arena, sodium_bin2hex(hexadecimal, sizeof(hexadecimal), hash, sizeof(hash)));
}

int model_new(const struct contract *contract, struct model **ret_model)
{
    struct model *model = calloc(1, sizeof(*model));
    int r = 0;

    if (model == NULL)
        return fault_raise(-ENOMEM);
    arena_init(&model->arena, MODEL_BYTES_MAX);
    model->contract = contract;
    for (size_t i = 0; i < contract_resource_count(contract) && r == 0; i++) {
        struct model_resource *of = &model->resources[i];

        of->resource = contract_resource(contract, i);
        of->tables = compose_tables(&model->arena, of->resource);
        r = compose_store(&model->arena, of);
        if (r == 0)
            r = compose_render(&model->arena, of);
        if (r == 0)
            r = compose_lookups(&model->arena, of);
        if (r == 0 && (of->tables == NULL || arena_failed(&model->arena)))
            r = fault_raise(-ENOMEM);
        if (r == 0)
            of->signature = compose_signature(&model->arena, of);
    }
    if (r != 0) {
        model_free(model);
        return fault_fold(r);
    }
    *ret_model = model;
    return 0;
}

void model_free(struct model *model)
{
    if (model == NULL)
        return;
    arena_deinit(&model->arena);
    free(model);
}

const struct contract *model_contract(const struct model *model)
{
    return model->contract;
}

const struct model_resource *model_of(const struct model *model, const struct resource *resource)
{
    return &model->resources[resource->index];
}
