/*
 * Records as JSON: the value of a property as an SQL expression over the rows that hold it, as it
 * is shown or as it is written.
 */
#include "record/model_internal.h"

#include "base/text.h"
#include "db/time.h"

#include <string.h>

static void append_members(struct text *sql, const struct property *properties, size_t count,
                           const struct model_row *row);

const char *model_alias(const struct property *property, const struct model_row *row)
{
    return row->depth == 0 && property->is_common ? row->common_alias : row->alias;
}

/* {"id", "slug", "title"} of the target @id, when it is published. */
static void append_reference(struct text *sql, const struct property *property, const char *id,
                             const struct model_row *row)
{
    if (row->shape == MODEL_BY_ID) {
        text_append(sql, id);
        return;
    }
    if (row->shape == MODEL_BY_SLUG) {
        text_append_format(
            sql, "(select target.slug from catalogue.record target where target.id = %s)", id);
        return;
    }
    text_append_format(sql,
                       "(select json_build_object('id', target.id, 'slug', target_record.slug, "
                       "'title', target.%s) from catalogue.%s target join catalogue.record "
                       "target_record on target_record.id = target.id and target_record.status = "
                       "'published' where target.id = %s)",
                       property->target->label->column, property->target->table, id);
}

static void append_references(struct text *sql, const struct property *property,
                              const struct model_row *row)
{
    if (row->shape == MODEL_BY_ID)
        text_append_format(sql,
                           "(select json_agg(link.target_id order by link.position) from "
                           "catalogue.%s link where link.record_id = t.id",
                           property->table);
    else if (row->shape == MODEL_BY_SLUG)
        text_append_format(sql,
                           "(select json_agg(target.slug order by link.position) from "
                           "catalogue.%s link join catalogue.record target on target.id = "
                           "link.target_id where link.record_id = t.id",
                           property->table);
    else
        text_append_format(
            sql,
            "(select json_agg(json_build_object('id', target.id, 'slug', target_record.slug, "
            "'title', target.%s) order by link.position) from catalogue.%s link join "
            "catalogue.%s target on target.id = link.target_id join catalogue.record "
            "target_record on target_record.id = target.id and target_record.status = "
            "'published' where link.record_id = t.id",
            property->target->label->column, property->table, property->target->table);
    if (row->depth > 0)
        text_append_format(sql, " and link.parent_position = %s.position", row->alias);
    text_append_char(sql, ')');
}

static void append_objects(struct text *sql, const struct property *property,
                           const struct model_row *row)
{
    static const char *const ALIASES[] = {"c1", "c2", "c3"};
    const struct model_row inner = {.alias = ALIASES[row->depth % ARRAY_LENGTH(ALIASES)],
                                    .common_alias = row->common_alias,
                                    .depth = row->depth + 1,
                                    .shape = row->shape};

    text_append(sql, "(select json_agg(json_strip_nulls(json_build_object(");
    append_members(sql, property->members, property->member_count, &inner);
    text_append_format(sql,
                       ")) order by %s.position) from catalogue.%s %s where %s.record_id = t.id",
                       inner.alias, property->table, inner.alias, inner.alias);
    if (row->depth > 0)
        text_append_format(sql, " and %s.parent_position = %s.position", inner.alias, row->alias);
    text_append_char(sql, ')');
}

/* The JSON value of a property, as an SQL expression. */
void model_append_json(struct text *sql, const struct property *property,
                       const struct model_row *row)
{
    const char *alias = model_alias(property, row);

    if (property->kind == PROPERTY_OBJECT && property->is_array) {
        append_objects(sql, property, row);
    } else if (property->kind == PROPERTY_OBJECT) {
        /* An object without a value is left out: json_strip_nulls() takes only its members. */
        text_append(sql, "nullif(json_strip_nulls(json_build_object(");
        append_members(sql, property->members, property->member_count, row);
        text_append(sql, "))::text, '{}')::json");
    } else if (property->kind == PROPERTY_RELATION && property->is_array) {
        append_references(sql, property, row);
    } else if (property->kind == PROPERTY_RELATION) {
        struct text id;

        text_init(&id, 256);
        text_append_format(&id, "%s.%s", alias, property->column);
        append_reference(sql, property, id.bytes, row);
        text_deinit(&id);
    } else if (property->kind == PROPERTY_TIME) {
        text_append_format(sql, "to_char(%s.%s" DB_RFC3339, alias, property->column);
    } else if (property->kind == PROPERTY_DECIMAL) {
        text_append_format(sql, "%s.%s::text", alias, property->column);
    } else {
        text_append_format(sql, "%s.%s", alias, property->column);
    }
}

static void append_members(struct text *sql, const struct property *properties, size_t count,
                           const struct model_row *row)
{
    const char *separator = "";

    for (size_t i = 0; i < count; i++) {
        if (properties[i].is_computed || (row->shape != MODEL_SHOWN && properties[i].read_only))
            continue;
        text_append_format(sql, "%s'%s', ", separator, properties[i].name);
        model_append_json(sql, &properties[i], row);
        separator = ", ";
    }
}

bool model_is_below_table(const struct property *leaf)
{
    for (const struct property *at = leaf; at != NULL; at = at->parent)
        if (at->table != NULL)
            return true;
    return false;
}
