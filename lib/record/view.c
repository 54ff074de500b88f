#include "record/view.h"

#include "base/arena.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/text.h"
#include "db/db.h"
#include "record/timed.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SQL_BYTES_MAX 4096
#define IDS_BYTES_MAX (1024 * 1024)
#define LANGUAGE_BYTES_MAX 64
/* Records of one referring resource embedded in one record; links lead to the rest. */
#define REFERRERS_EACH 20

enum { EMBEDDED_PARENT, EMBEDDED_ID, EMBEDDED_ETAG, EMBEDDED_DOCUMENT, EMBEDDED_TRANSLATIONS };

/* --- what is embedded ---------------------------------------------------------------------- */

static void append_id(struct text *ids, struct slice reference)
{
    struct slice id = slice_unquoted(slice_member(reference, "id"));

    if (id.length == 0)
        return;
    text_append_char(ids, ids->length == 0 ? '{' : ',');
    text_append_bytes(ids, id.bytes, id.length);
}

/* The ids in a relation of a document: {"id": …} or an array of such. */
static void append_ids(struct text *ids, struct slice value)
{
    const char *at = value.bytes;
    struct slice item;

    if (value.length == 0)
        return;
    if (value.bytes[0] == '{') {
        append_id(ids, value);
        return;
    }
    while (slice_next_item(&at, &item))
        append_id(ids, item);
}

/*
 * The members of a document that hold a relation: the relation itself, or the
 * objects of the array that it is a member of.
 */
static const struct property *outermost(const struct property *property)
{
    while (property->parent != NULL)
        property = property->parent;
    return property;
}

static void append_ids_of(struct text *ids, const struct property *relation, struct slice document)
{
    const struct property *outer = outermost(relation);
    struct slice value = slice_member(document, outer->name);
    const char *at = value.bytes;
    struct slice item;

    if (outer == relation || value.length == 0 || value.bytes[0] == '{') {
        append_ids(ids, outer == relation ? value : slice_member(value, relation->name));
        return;
    }
    while (slice_next_item(&at, &item))
        append_ids(ids, slice_member(item, relation->name));
}

static void append_document_columns(struct text *sql, const struct resource *resource)
{
    text_append(sql, "d.id, ");
    timed_append_etag(sql, resource, "d.etag");
    text_append(sql, ", ");
    timed_append_document(sql, resource, "coalesce(d.card, d.document)");
    text_append(sql, ", d.translations");
}

static int fetch_targets(struct view_embedded *embedded, struct db *db,
                         const struct view_item *items, size_t count)
{
    const struct property *relation = embedded->include->relation;
    struct text sql;
    struct text ids;
    int r = 0;

    text_init(&sql, SQL_BYTES_MAX);
    text_init(&ids, IDS_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        append_ids_of(&ids, relation, items[i].document);
    if (ids.length > 0) {
        text_append_char(&ids, '}');
        text_append(&sql, "select null, ");
        append_document_columns(&sql, relation->target);
        text_append_format(&sql, " from published.%s_documents d", relation->target->table);
        timed_append_join(&sql, relation->target, "d");
        text_append(&sql, " where d.id = any($1::uuid[]) order by d.id");
        r = text_failed(&sql) || text_failed(&ids)
                ? fault_raise(-ENOMEM)
                : db_run_text(db, sql.bytes, DB_PLAN_GENERIC, 1, (const char *const[]){ids.bytes},
                              &embedded->rows);
    }
    text_deinit(&ids);
    text_deinit(&sql);
    return r;
}

static int fetch_referrers(struct view_embedded *embedded, struct db *db,
                           const struct resource *resource, const struct view_item *items,
                           size_t count)
{
    const struct resource *referrer = embedded->include->referrer;
    struct text sql;
    struct text ids;
    int r = 0;

    if (count == 0)
        return 0;
    text_init(&sql, SQL_BYTES_MAX);
    text_init(&ids, IDS_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        text_append_format(&ids, "%s%s", i == 0 ? "{" : ",", items[i].id);
    text_append_char(&ids, '}');
    text_append(&sql, "select parent, ");
    append_document_columns(&sql, referrer);
    text_append_format(
        &sql,
        " from unnest($1::uuid[]) as "
        "listed(parent) cross join lateral (select t.id, t.updated_at from published.%s_terms t "
        "where t.term = '@%s@' || listed.parent order by t.updated_at desc, t.id desc limit %d) x "
        "join published.%s_documents d on d.id = x.id",
        referrer->table, resource->path, REFERRERS_EACH, referrer->table);
    timed_append_join(&sql, referrer, "d");
    text_append(&sql, " order by parent, x.updated_at desc, x.id desc");
    r = text_failed(&sql) || text_failed(&ids)
            ? fault_raise(-ENOMEM)
            : db_run_text(db, sql.bytes, DB_PLAN_GENERIC, 1, (const char *const[]){ids.bytes},
                          &embedded->rows);
    text_deinit(&ids);
    text_deinit(&sql);
    return r;
}

int view_prepare(struct view *view, struct db *db, const struct query *query,
                 const struct view_item *items, size_t count)
{
    *view = (struct view){.query = query};
    for (size_t i = 0; i < query->include_count; i++) {
        struct view_embedded *embedded = &view->embedded[view->embedded_count++];
        int r;

        embedded->include = &query->includes[i];
        r = embedded->include->relation != NULL
                ? fetch_targets(embedded, db, items, count)
                : fetch_referrers(embedded, db, query->resource, items, count);
        if (r != 0)
            return r;
    }
    return 0;
}

void view_deinit(struct view *view)
{
    for (size_t i = 0; i < view->embedded_count; i++)
        db_rows_free(view->embedded[i].rows);
    view->embedded_count = 0;
}

void view_digest(const struct view *view, struct digest *digest)
{
    for (size_t i = 0; i < view->embedded_count; i++) {
        const struct db_rows *rows = view->embedded[i].rows;

        for (size_t row = 0; rows != NULL && row < db_rows_count(rows); row++) {
            digest_text(digest, db_rows_text(rows, row, EMBEDDED_ID));
            digest_text(digest, db_rows_text(rows, row, EMBEDDED_ETAG));
        }
    }
}

/* --- languages ------------------------------------------------------------------------------- */

struct translated {
    const char *property;
    const char *text;
    const char *language; /* NULL: the record's own */
};

/* Is one tag the beginning of the other, as "fr" is of "fr-BE"? */
static bool is_beginning(const char *one, const char *other)
{
    const size_t length = strlen(one);

    return strncasecmp(one, other, length) == 0 && (other[length] == '\0' || other[length] == '-');
}

/*
 * How early @language is wanted; the most when it is not. For each wanted tag
 * its own language comes first, then a wider or narrower one ("fr" for
 * "fr-BE"), then its kin ("fr-CA"): better near kin than another language.
 */
static size_t rank_of(const struct query *query, const char *language)
{
    enum { EXACT, WIDER_OR_NARROWER, KIN, RANKS_EACH };
    const size_t length = strcspn(language, "-");

    for (size_t i = 0; i < query->language_count; i++) {
        const char *tag = query->languages[i];

        if (strcasecmp(tag, language) == 0)
            return i * RANKS_EACH + EXACT;
        if (is_beginning(tag, language) || is_beginning(language, tag))
            return i * RANKS_EACH + WIDER_OR_NARROWER;
        if (strcspn(tag, "-") == length && strncasecmp(tag, language, length) == 0)
            return i * RANKS_EACH + KIN;
    }
    return query->language_count * RANKS_EACH;
}

/* The translation of a property that is wanted most, when it is wanted more than the original. */
static struct translated translate(const struct query *query, const json_t *translations,
                                   const char *own_language, const char *property)
{
    struct translated best = {property, NULL, NULL};
    size_t best_rank = rank_of(query, own_language);
    const json_t *translation;
    size_t i;

    json_array_foreach (translations, i, translation) {
        const char *language = json_string_value(json_object_get(translation, "language"));
        size_t rank = rank_of(query, language);

        if (strcmp(json_string_value(json_object_get(translation, "property")), property) != 0 ||
            rank >= best_rank)
            continue;
        best_rank = rank;
        best.language = language;
        best.text = json_string_value(json_object_get(translation, "text"));
    }
    return best;
}

static const char *own_language(const struct view_item *item, struct arena *arena)
{
    struct slice language = slice_unquoted(slice_member(item->document, "language"));

    return arena_copy_bytes(arena, language.bytes, language.length);
}

static bool is_translated(const struct view *view, const struct view_item *item)
{
    return item->translations != NULL && view->query->language_count > 0;
}

static bool is_detail(const struct resource *resource, struct slice name)
{
    for (size_t i = 0; i < resource->property_count; i++)
        if (resource->properties[i].detail && slice_equals(name, resource->properties[i].name))
            return true;
    return false;
}

static bool is_wanted(const struct query *query, struct slice name)
{
    if (query->without_detail && is_detail(query->resource, name))
        return false;
    if (query->field_count == 0 || slice_equals(name, ID_PROPERTY) || slice_equals(name, "slug") ||
        slice_equals(name, query->resource->label->name))
        return true;
    for (size_t i = 0; i < query->field_count; i++)
        if (slice_equals(name, query->fields[i]->name))
            return true;
    for (size_t i = 0; i < query->include_count; i++)
        if (query->includes[i].relation != NULL &&
            slice_equals(name, outermost(query->includes[i].relation)->name))
            return true;
    return false;
}

/* Is @language in "fr, fr-BE"? */
static bool is_listed(const char *list, const char *language)
{
    const size_t length = strlen(language);

    for (const char *at = list; *at != '\0';) {
        const size_t each = strcspn(at, ",");

        if (each == length && strncmp(at, language, length) == 0)
            return true;
        at += each;
        at += strspn(at, ", ");
    }
    return false;
}

const char *view_languages(const struct view *view, const struct view_item *item,
                           struct arena *arena)
{
    const struct resource *resource = view->query->resource;
    const char *own = own_language(item, arena);
    json_t *translations;
    struct text list;
    const char *result;

    if (!is_translated(view, item) || own == NULL)
        return own;
    translations = json_loads(item->translations, 0, NULL);
    text_init(&list, LANGUAGE_BYTES_MAX * LANGUAGES_MAX);
    for (size_t i = 0; i < resource->property_count; i++) {
        const struct property *property = &resource->properties[i];
        const struct slice name = {property->name, strlen(property->name)};
        struct translated found;
        const char *language;

        if (!property->translatable || !is_wanted(view->query, name) ||
            slice_member(item->document, property->name).length == 0)
            continue;
        found = translate(view->query, translations, own, property->name);
        language = found.text == NULL ? own : found.language;
        if (!is_listed(list.bytes, language))
            text_append_format(&list, "%s%s", list.length == 0 ? "" : ", ", language);
    }
    result = list.length == 0 ? own : arena_copy_bytes(arena, list.bytes, list.length);
    text_deinit(&list);
    json_decref(translations);
    return result;
}

/* --- showing ------------------------------------------------------------------------------------
 */

static const struct view_embedded *embedded_of(const struct view *view, struct slice name)
{
    for (size_t i = 0; i < view->embedded_count; i++)
        if (view->embedded[i].include->relation != NULL &&
            slice_equals(name, outermost(view->embedded[i].include->relation)->name))
            return &view->embedded[i];
    return NULL;
}

/* The row of the embedded record with this id, by bisection: they are in order of id. */
static bool find_embedded(const struct view_embedded *embedded, struct slice id, size_t *ret_row)
{
    size_t low = 0;
    size_t high = embedded->rows == NULL ? 0 : db_rows_count(embedded->rows);

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order =
            strncmp(id.bytes, db_rows_text(embedded->rows, middle, EMBEDDED_ID), id.length);

        if (order == 0) {
            *ret_row = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* A whole record, in the languages of the answer; nothing is embedded into it in turn. */
static void append_embedded(const struct view *view, const struct view_embedded *embedded,
                            size_t row, struct arena *arena, struct text *text)
{
    const struct db_rows *rows = embedded->rows;
    const struct query *asked = view->query;
    const struct view_item item = {.id = db_rows_text(rows, row, EMBEDDED_ID),
                                   .document = {db_rows_text(rows, row, EMBEDDED_DOCUMENT),
                                                db_rows_bytes(rows, row, EMBEDDED_DOCUMENT)},
                                   .translations = db_rows_text(rows, row, EMBEDDED_TRANSLATIONS)};
    struct query query = {.resource = embedded->include->relation != NULL
                                          ? embedded->include->relation->target
                                          : embedded->include->referrer,
                          .language_count = asked->language_count,
                          .all_languages = asked->all_languages};
    const struct view inner = {.query = &query};

    memcpy(query.languages, asked->languages, sizeof(query.languages));
    view_append(&inner, &item, arena, text);
}

/* A reference, or the whole record in its place. */
static void append_target(const struct view *view, const struct view_embedded *embedded,
                          struct slice reference, struct arena *arena, struct text *text)
{
    struct slice id = slice_unquoted(slice_member(reference, "id"));
    size_t row;

    if (id.length > 0 && find_embedded(embedded, id, &row))
        append_embedded(view, embedded, row, arena, text);
    else
        text_append_bytes(text, reference.bytes, reference.length);
}

/* An object around a relation, or the reference itself. */
static void append_holder(const struct view *view, const struct view_embedded *embedded,
                          struct slice holder, struct arena *arena, struct text *text)
{
    const struct property *relation = embedded->include->relation;
    const char *at = holder.bytes;
    const char *separator = "{";
    struct slice_member member;

    if (relation->parent == NULL) {
        append_target(view, embedded, holder, arena, text);
        return;
    }
    while (slice_next_member(&at, &member)) {
        text_append_format(text, "%s\"", separator);
        text_append_bytes(text, member.name.bytes, member.name.length);
        text_append(text, "\":");
        if (slice_equals(member.name, relation->name))
            append_target(view, embedded, member.value, arena, text);
        else
            text_append_bytes(text, member.value.bytes, member.value.length);
        separator = ",";
    }
    text_append_char(text, '}');
}

static void append_relation(const struct view *view, const struct view_embedded *embedded,
                            struct slice value, struct arena *arena, struct text *text)
{
    const char *at = value.bytes;
    const char *separator = "[";
    struct slice item;

    if (value.bytes[0] == '{') {
        append_holder(view, embedded, value, arena, text);
        return;
    }
    while (slice_next_item(&at, &item)) {
        text_append(text, separator);
        append_holder(view, embedded, item, arena, text);
        separator = ",";
    }
    text_append_char(text, ']');
}

static void append_referrers(const struct view *view, const struct view_item *item,
                             struct arena *arena, struct text *text)
{
    for (size_t i = 0; i < view->embedded_count; i++) {
        const struct view_embedded *embedded = &view->embedded[i];
        const char *separator = "";

        if (embedded->include->referrer == NULL)
            continue;
        text_append_format(text, ",\"%s\":[", embedded->include->name);
        for (size_t row = 0; embedded->rows != NULL && row < db_rows_count(embedded->rows); row++) {
            if (strcmp(db_rows_text(embedded->rows, row, EMBEDDED_PARENT), item->id) != 0)
                continue;
            text_append(text, separator);
            append_embedded(view, embedded, row, arena, text);
            separator = ",";
        }
        text_append_char(text, ']');
    }
}

/* The members of the document, changed where the query says so; @origins notes translations. */
static void append_members(const struct view *view, const struct view_item *item,
                           const json_t *translations, const char *own, struct arena *arena,
                           struct text *origins, struct text *text)
{
    const char *at = item->document.bytes;
    const char *separator = "{";
    struct slice_member member;

    while (slice_next_member(&at, &member)) {
        const struct view_embedded *embedded = embedded_of(view, member.name);
        struct translated translated = {NULL, NULL, NULL};
        char name[LANGUAGE_BYTES_MAX];

        if (!is_wanted(view->query, member.name))
            continue;
        text_append(text, separator);
        separator = ",";
        text_append_char(text, '"');
        text_append_bytes(text, member.name.bytes, member.name.length);
        text_append(text, "\":");
        if (translations != NULL && member.name.length < sizeof(name)) {
            memcpy(name, member.name.bytes, member.name.length);
            name[member.name.length] = '\0';
            translated = translate(view->query, translations, own, name);
        }
        if (translated.text != NULL) {
            text_append_json(text, translated.text);
            text_append_format(origins, "%s\"%s\":\"%s\"", origins->length == 0 ? "" : ",", name,
                               translated.language);
        } else if (embedded != NULL) {
            append_relation(view, embedded, member.value, arena, text);
        } else {
            text_append_bytes(text, member.value.bytes, member.value.length);
        }
    }
}

void view_append(const struct view *view, const struct view_item *item, struct arena *arena,
                 struct text *text)
{
    const struct query *query = view->query;
    const bool translated = is_translated(view, item);
    const char *own = translated ? own_language(item, arena) : NULL;
    json_t *translations = NULL;
    struct text origins;

    if (query->field_count == 0 && !query->without_detail && query->include_count == 0 &&
        !translated && !(query->all_languages && item->translations != NULL) &&
        item->distance_km == NULL && item->highlights == NULL) {
        text_append_bytes(text, item->document.bytes, item->document.length);
        return;
    }
    if (translated && own != NULL)
        translations = json_loads(item->translations, 0, NULL);
    text_init(&origins, SQL_BYTES_MAX);
    append_members(view, item, translations, own, arena, &origins, text);
    append_referrers(view, item, arena, text);
    if (query->all_languages && item->translations != NULL)
        text_append_format(text, ",\"translations\":%s", item->translations);
    if (item->distance_km != NULL)
        text_append_format(text, ",\"distance_km\":%s", item->distance_km);
    if (item->highlights != NULL)
        text_append_format(text, ",\"highlights\":%s", item->highlights);
    if (origins.length > 0)
        text_append_format(text, ",\"meta\":{\"languages\":{%s}}", origins.bytes);
    text_append_char(text, '}');
    text_deinit(&origins);
    json_decref(translations);
}
