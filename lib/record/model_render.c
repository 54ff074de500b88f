/*
 * Rendering records: $1 is an array of ids. Each record that is published gets
 * its document (the JSON text that is sent, byte for byte), its row of filter
 * and sort values, its terms and its words; a record that is not published
 * loses them. What a document shows of others (their id, slug and label) is
 * shown of published ones alone.
 */
#include "record/model_internal.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "record/timed.h"

#include <string.h>

#define STATEMENT_BYTES_MAX (1024 * 1024)

static const struct model_row RECORD_ROW = {.alias = "t", .common_alias = "r"};

/* Paths of the record itself and of the lists of those that refer to it. */
static void append_links(struct text *sql, const struct resource *resource)
{
    text_append_format(sql, "json_build_object('self', '/v1/%s/' || r.slug", resource->path);
    for (size_t i = 0; i < resource->referrer_count; i++)
        text_append_format(sql, ", '%s', '/v1/%s/' || r.slug || '/%s'",
                           resource->referrers[i]->table, resource->path,
                           resource->referrers[i]->path);
    text_append(sql, ") as links");
}

static void append_document(struct text *sql, const struct resource *resource, bool with_detail)
{
    const char *separator = "";

    text_append(sql, "(select json_strip_nulls(row_to_json(document))::text from (select ");
    for (size_t i = 0; i < resource->property_count; i++) {
        const struct property *property = &resource->properties[i];

        /* Translations are kept beside the document: lang= decides what is shown of them. */
        if (property->is_computed || strcmp(property->name, "translations") == 0 ||
            (property->detail && !with_detail))
            continue;
        text_append(sql, separator);
        model_append_json(sql, property, &RECORD_ROW);
        text_append_format(sql, " as %s", property->name);
        separator = ", ";
    }
    text_append(sql, separator);
    append_links(sql, resource);
    text_append(sql, ") document)");
}

/* from … where: the published ones among $1. */
static void append_source(struct text *sql, const struct resource *resource)
{
    text_append_format(sql,
                       "from catalogue.%s t join catalogue.record r on r.id = t.id\n"
                       "where t.id = any($1::uuid[]) and r.status = 'published'",
                       resource->table);
}

static void compose_documents(struct text *sql, const struct resource *resource)
{
    bool has_detail = false;

    for (size_t i = 0; i < resource->property_count; i++)
        has_detail = has_detail || resource->properties[i].detail;

    text_append_format(sql,
                       "insert into published.%s_documents "
                       "(id, slug, etag, updated_at, document, card, translations)\n"
                       "select id, slug, left(encode(sha256(convert_to(document || "
                       "coalesce(translations, ''), 'UTF8')), 'hex'), 24), updated_at, document, "
                       "card, translations from (\n"
                       "select t.id, r.slug, r.updated_at, ",
                       resource->table);
    append_document(sql, resource, true);
    text_append(sql, " as document, ");
    if (has_detail)
        append_document(sql, resource, false);
    else
        text_append(sql, "null::text");
    text_append(sql,
                " as card, (select json_agg(json_build_object('language', tr.language, "
                "'property', tr.property, 'text', tr.text, 'origin', tr.origin) order by "
                "tr.position)::text from catalogue.record_translations tr where tr.record_id = "
                "t.id) as translations\n");
    append_source(sql, resource);
    text_append(sql, ") rendered");
}

static void compose_row(struct text *sql, struct arena *arena, const struct resource *resource)
{
    struct text values;

    text_init(&values, STATEMENT_BYTES_MAX);
    text_append_format(sql, "insert into published.%s (id", resource->table);
    for (size_t i = 0; i < resource->leaf_count; i++) {
        const struct property *leaf = resource->leaves[i];
        const char *column = model_column(arena, leaf);
        const char *alias = model_alias(leaf, &RECORD_ROW);

        if (!model_keeps(leaf) || strcmp(leaf->path, ID_PROPERTY) == 0 || column == NULL)
            continue;
        text_append_format(sql, ", %s", column);
        text_append_format(&values, ", %s.%s", alias, leaf->column);
        if (leaf->kind == PROPERTY_PARTIAL_DATE) {
            text_append_format(sql, ", %s_first, %s_last", column, column);
            text_append_format(&values, ", published.first_day(%s.%s), published.last_day(%s.%s)",
                               alias, leaf->column, alias, leaf->column);
        }
    }
    if (resource->location != NULL) {
        text_append(sql, ", position");
        text_append(&values, ", catalogue.position_on_earth(t.location_lat, t.location_lon)");
    }
    text_append_format(sql, ")\nselect t.id%s\n", values.bytes);
    text_deinit(&values);
    append_source(sql, resource);
}

/* --- terms ------------------------------------------------------------------------------- */

/* from the tables that hold a leaf below arrays of objects, tied to the record t. */
static void append_child_tables(struct text *sql, const struct property *leaf)
{
    const struct property *tables[3];
    size_t count = 0;

    for (const struct property *at = leaf; at != NULL && count < ARRAY_LENGTH(tables);
         at = at->parent)
        if (at->table != NULL)
            tables[count++] = at;
    for (size_t i = 0; i < count; i++) {
        text_append_format(sql, "%scatalogue.%s h%zu", i == 0 ? " from " : ", ", tables[i]->table,
                           i);
    }
    text_append(sql, " where h0.record_id = t.id");
    for (size_t i = 0; i + 1 < count; i++)
        text_append_format(sql,
                           " and h%zu.record_id = h%zu.record_id and h%zu.position = "
                           "h%zu.parent_position",
                           i + 1, i, i + 1, i);
}

/* select … for each way in which a relation can be asked for: by id, by slug, and from behind. */
static void append_relation_terms(struct text *sql, const struct property *leaf)
{
    const char *column = leaf->table != NULL ? "target_id" : leaf->column;

    text_append(sql, "select unnest(array[");
    if (leaf->filterable)
        text_append_format(sql, "'%s@' || target.id, '%s=' || target.slug", leaf->path, leaf->path);
    if (leaf->related)
        text_append_format(sql, "%s'@%s@' || target.id, '@%s=' || target.slug",
                           leaf->filterable ? ", " : "", leaf->target->path, leaf->target->path);
    text_append(sql, "])");
    if (model_is_below_table(leaf)) {
        text_append(sql, " from (select h0.");
        text_append_format(sql, "%s as target_id", column);
        append_child_tables(sql, leaf);
        text_append(sql, ") held join catalogue.record target on target.id = held.target_id and "
                         "target.status = 'published'");
        return;
    }
    text_append_format(sql,
                       " from catalogue.record target where target.id = %s.%s and target.status = "
                       "'published'",
                       model_alias(leaf, &RECORD_ROW), column);
}

static void append_value_terms(struct text *sql, const struct property *leaf)
{
    const char *alias = model_is_below_table(leaf) ? "h0" : model_alias(leaf, &RECORD_ROW);

    if (leaf->is_array)
        text_append_format(sql, "select '%s=' || unnest(%s.%s)", leaf->path, alias, leaf->column);
    else
        text_append_format(sql, "select '%s=' || %s.%s", leaf->path, alias, leaf->column);
    if (model_is_below_table(leaf))
        append_child_tables(sql, leaf);
}

static void compose_terms(struct text *sql, const struct resource *resource)
{
    const char *country = resource->country == NULL ? "" : ", country";
    const char *separator = "";

    text_append_format(sql,
                       "insert into published.%s_terms (id, term%s, updated_at)\n"
                       "select distinct t.id, found.term%s, r.updated_at\n"
                       "from catalogue.%s t join catalogue.record r on r.id = t.id cross join "
                       "lateral (\n  ",
                       resource->table, country, resource->country == NULL ? "" : ", t.country",
                       resource->table);
    for (size_t i = 0; i < resource->leaf_count; i++) {
        const struct property *leaf = resource->leaves[i];

        if (!(leaf->filterable && model_is_term(leaf)) && !leaf->related)
            continue;
        text_append(sql, separator);
        if (leaf->kind == PROPERTY_RELATION)
            append_relation_terms(sql, leaf);
        else
            append_value_terms(sql, leaf);
        separator = "\n  union all ";
    }
    text_append(sql, ") found(term)\n"
                     "where t.id = any($1::uuid[]) and r.status = 'published' and found.term is "
                     "not null");
}

/* --- words ------------------------------------------------------------------------------- */

/* concat_ws(' ', …) of all texts with this weight. */
static void append_texts(struct text *sql, const struct resource *resource, const char *weights)
{
    text_append(sql, "concat_ws(' ', ''");
    for (size_t i = 0; i < resource->leaf_count; i++) {
        const struct property *leaf = resource->leaves[i];
        const char *alias = model_is_below_table(leaf) ? "h0" : model_alias(leaf, &RECORD_ROW);

        if (leaf->search_weight == '\0' || strchr(weights, leaf->search_weight) == NULL ||
            leaf->kind == PROPERTY_RELATION)
            continue;
        text_append(sql, ", ");
        if (model_is_below_table(leaf)) {
            text_append_format(sql, "(select string_agg(%s%s.%s%s, ' ')",
                               leaf->is_array ? "array_to_string(" : "", alias, leaf->column,
                               leaf->is_array ? ", ' ')" : "");
            append_child_tables(sql, leaf);
            text_append_char(sql, ')');
        } else if (leaf->is_array) {
            text_append_format(sql, "array_to_string(%s.%s, ' ')", alias, leaf->column);
        } else {
            text_append_format(sql, "%s.%s::text", alias, leaf->column);
        }
    }
    text_append_char(sql, ')');
}

static void append_texts_source(struct text *sql, const struct resource *resource)
{
    static const char *const WEIGHTS[] = {"A", "B", "CD"};

    text_append(sql, "(select t.id, r.updated_at, r.language");
    for (size_t i = 0; i < ARRAY_LENGTH(WEIGHTS); i++) {
        text_append(sql, ", ");
        append_texts(sql, resource, WEIGHTS[i]);
        text_append_format(sql, " as text_%zu", i);
    }
    text_append(sql, ", coalesce((select string_agg(tr.text, ' ') from "
                     "catalogue.record_translations tr where tr.record_id = t.id), '') as "
                     "translated\n");
    append_source(sql, resource);
    text_append(sql, ") words");
}

/* The words of the translations, by the stems of their languages. @brief: of label and summary. */
static void append_translated_words(struct text *sql, const struct resource *resource, bool brief)
{
    text_append_format(sql,
                       "(select catalogue.all_words(catalogue.words(tr.language, %s, case "
                       "tr.property when '%s' then 'A' else 'B' end::\"char\")) from "
                       "catalogue.record_translations tr where tr.record_id = found.id",
                       brief ? "left(tr.text, 300)" : "tr.text", resource->label->name);
    if (brief)
        text_append_format(sql, " and tr.property in ('%s', 'summary')", resource->label->name);
    text_append_char(sql, ')');
}

/*
 * One statement, because finding the words of a text is the dearest step of all:
 * each text is read once for its words and once for their stems, and what is
 * found goes into the search table, the list of words and the list of stems. Words come in
 * order, so that two who add the same new ones wait for each other on one side only.
 */
static void compose_search(struct statements *statements, struct text *sql,
                           const struct resource *resource)
{
    text_append(sql, "with found as materialized (\n"
                     "select id, updated_at, language, text_1");
    for (int i = 0; i < 3; i++)
        text_append_format(
            sql,
            ", to_tsvector('published.express', left(text_%d, 20000)) as words_%d, "
            "coalesce(to_tsvector(published.stemmer(language), left(text_%d, 20000)), '') as "
            "stems_%d",
            i, i, i, i);
    text_append(sql, ", to_tsvector('published.express', translated) as translated_words\nfrom ");
    append_texts_source(sql, resource);
    text_append(sql, "),\n"
                     "stored_words as (insert into published.words (word)\n"
                     "select distinct word from found, unnest(tsvector_to_array(words_0 || words_1 "
                     "|| words_2 || translated_words)) as listed(word)\n"
                     "where length(word) between 2 and 60 order by 1\n"
                     "on conflict do nothing),\n"
                     "stored_stems as (insert into published.stems (stem)\n"
                     "select stem from found, unnest(tsvector_to_array(stems_0 || stems_1 || "
                     "stems_2)) as listed(stem)\n"
                     "union select lexeme from catalogue.record_translations tr join "
                     "catalogue.record r on r.id = tr.record_id and r.status = 'published', "
                     "unnest(to_tsvector(published.stemmer(tr.language), tr.text))\n"
                     "where tr.record_id = any($1::uuid[]) order by 1\n"
                     "on conflict do nothing)\n");
    text_append_format(sql,
                       "insert into published.%s_search (id, updated_at, brief, vector)\n"
                       "select id, updated_at, setweight(words_0 || stems_0, 'A') || "
                       "case when length(text_1) <= 300 then setweight(words_1 || stems_1, 'B') "
                       "else catalogue.words(language, left(text_1, 300), 'B') end || ",
                       resource->table);
    append_translated_words(sql, resource, true);
    text_append(sql, ", setweight(words_0 || stems_0, 'A') || setweight(words_1 || stems_1, 'B') "
                     "|| setweight(words_2 || stems_2, 'C') || ");
    append_translated_words(sql, resource, false);
    text_append(sql, "\nfrom found");
    statements_add(statements, sql);

    text_append(sql, "insert into published.search_languages (language)\n"
                     "select r.language ");
    append_source(sql, resource);
    text_append(sql, "\nunion select tr.language from catalogue.record_translations tr join "
                     "catalogue.record r on r.id = tr.record_id and r.status = 'published' where "
                     "tr.record_id = any($1::uuid[])\n"
                     "on conflict do nothing");
    statements_add(statements, sql);
}

int compose_render(struct arena *arena, struct model_resource *of)
{
    struct statements statements = {.arena = arena};
    struct text sql;

    text_init(&sql, STATEMENT_BYTES_MAX);
    text_append_format(&sql, "delete from published.%s where id = any($1::uuid[])",
                       of->resource->table);
    statements_add(&statements, &sql);
    compose_row(&sql, arena, of->resource);
    statements_add(&statements, &sql);
    compose_documents(&sql, of->resource);
    statements_add(&statements, &sql);
    compose_terms(&sql, of->resource);
    statements_add(&statements, &sql);
    compose_search(&statements, &sql, of->resource);
    compose_history(&statements, &sql, of->resource);
    if (timed_has(of->resource)) {
        text_append_format(&sql, "select published.%s_keep($1::uuid[])", of->resource->table);
        statements_add(&statements, &sql);
    }
    text_deinit(&sql);

    return statements_take(&statements, &of->render, &of->render_count);
}
