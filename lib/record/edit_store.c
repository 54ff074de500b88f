/*
 * What every change ends in. A change of content goes into the tables of the
 * resource when it is live: always, but for the change of a published record that waits for
 * an editor. The policies of those tables look at the row of catalogue.record, so
 * that is written first, by a statement of its own.
 */
#include "record/edit_internal.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/problem.h"
#include "base/text.h"
#include "base/uuid.h"
#include "contract/contract.h"
#include "db/db.h"
#include "db/time.h"
#include "record/addresses.h"
#include "record/content.h"
#include "record/model.h"
#include "record/render.h"
#include "record/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEM_BYTES_MAX (8u * BODY_BYTES_MAX) /* a body, escaped and with names made ids */
#define RANDOM_DIGITS_FROM 28                /* of a UUID: the last eight */
#define NOW "date_trunc('milliseconds', now())"

/* Columns of STATE, and of the statements of model_store that have the last one, too. */
enum { STORED_ID, STORED_AT, STORED_VERIFY_DUE };

/* Everything but the tables of the resource: the state, and a version. */
static const struct db_query STATE = {
    .name = "edit_state",
    .sql = "with changed as (update catalogue.record r set status = $2, review = $3, "
           "latest = $4::integer, latest_at = " NOW ", waiting_since = case when $2 = 'in_review' "
           "or $3 = 'in_review' then coalesce(r.waiting_since, " NOW ") end, "
           "version = case when $5::boolean then $4::integer "
           "else r.version end, updated_at = case when $5::boolean then " NOW
           " else r.updated_at end, first_published_at = coalesce(r.first_published_at, "
           "case $2 when 'published' then " NOW " end) where r.id = $1::uuid)\n"
           "insert into catalogue.version as v (record_id, version, action, status, review, data, "
           "digest, changed, reason, client_id, role, at) values ($1::uuid, $4::integer, $6, $2, "
           "$3, $7::jsonb, $8, $9::text[], $10, "
           "identity.acting_client(), identity.acting_role(), " NOW
           ") returning v.record_id, to_char(v.at" DB_RFC3339,
    .param_count = 10,
};
/* A version of a record whose row says what it is already. */
static const struct db_query VERSION_ADD = {
    .name = "edit_version_add",
    .sql = "insert into catalogue.version (record_id, version, action, status, data, digest, "
           "changed, reason, client_id, role, at) values ($1::uuid, $2::integer, $3, $4, "
           "$5::jsonb, $6, $7::text[], $8, "
           "identity.acting_client(), identity.acting_role(), " NOW ")",
    .param_count = 8,
};
static const struct db_query CHANGE_ADD = {
    .name = "edit_change_add",
    .sql = "insert into catalogue.change (resource, record_id, version, kind) "
           "values ($1, $2::uuid, $3::integer, $4)",
    .param_count = 4,
};
/*
 * The first free slug of each that is asked: the one that is wanted, or those made of the label
 * (accents and case folded, what is no letter or digit a hyphen), with a number behind it, or with
 * chance; and that one. Taken is what the caller can see, and what was public once, whoever's it
 * is. Candidates are looked at one by one, in their order: nearly always the first is free.
 */
static const struct db_query FREE_SLUGS = {
    .name = "edit_free_slugs",
    .sql = "select asked.place, found.slug, found.base || '-' || asked.chance "
           "from jsonb_to_recordset($2::jsonb) as "
           "asked(place integer, id uuid, wanted text, label text, chance text)\n"
           "cross join lateral (with base as (select coalesce(asked.wanted, nullif(trim(both '-' "
           "from left(trim(both '-' from regexp_replace(lower(extensions.unaccent(asked.label)), "
           "'[^a-z0-9]+', '-', 'g')), 80)), ''), $1) as slug),\n"
           "candidate as (select slug, 1 as place from base union all "
           "select slug || '-' || n, n from base, generate_series(2, 9) n where asked.wanted is "
           "null union all select slug || '-' || asked.chance, 10 from base "
           "where asked.wanted is null)\n"
           "select c.slug, (select slug from base) as base "
           "from (select slug from candidate order by place offset 0) c "
           "where c.slug <> '" RESERVED_SLUG "' and (exists (select from catalogue.record r "
           "where r.resource = $1 and r.slug = c.slug and r.id <> asked.id "
           "and (r.deleted_at is null or r.first_published_at is not null))) is false "
           "and (exists (select from published.gone g where g.resource = $1 "
           "and g.slug = c.slug and g.id <> asked.id)) is false "
           "and (exists (select from published.moved m where m.resource = $1 "
           "and m.slug = c.slug and m.id <> asked.id)) is false limit 1) found",
    .param_count = 2,
};
/* Is or was another record public under it? */
static const struct db_query PUBLIC_SLUG = {
    .name = "edit_public_slug",
    .sql = "select exists (select from catalogue.record r where r.resource = $1 and r.slug = $2 "
           "and r.id <> $3::uuid and r.first_published_at is not null) "
           "or exists (select from published.gone g where g.resource = $1 and g.slug = $2 "
           "and g.id <> $3::uuid) "
           "or exists (select from published.moved m where m.resource = $1 and m.slug = $2 "
           "and m.id <> $3::uuid)",
    .param_count = 3,
};
static const char CHECK_REFERENCES[] = "set constraints all immediate";

/* --- what the database says no to ---------------------------------------------------------------
 */

/* Does the name of a constraint go on with these names? Return: how much of it they are; 0: no. */
static size_t match_name(const char *constraint, const char *table, const char *column)
{
    size_t length = strlen(table);

    if (strncmp(constraint, table, length) != 0)
        return 0;
    if (column != NULL) {
        if (constraint[length] != '_' ||
            strncmp(constraint + length + 1, column, strlen(column)) != 0)
            return 0;
        length += 1 + strlen(column);
    }
    return constraint[length] == '_' || constraint[length] == '\0' ? length : 0;
}

/* The list around a property that is in a table of its own; NULL: it is in that of the record. */
static const struct property *list_around(const struct property *property)
{
    while (property != NULL && property->table == NULL)
        property = property->parent;
    return property;
}

/*
 * "practices_started_on_check" is /started_on: the property whose table and column the name begins
 * with, for as long as possible. Below a list nobody knows which item it was.
 */
static const char *pointer_of(const struct edit *edit, const struct resource *resource,
                              const char *constraint)
{
    const struct property *found = NULL;
    size_t longest = 0;
    char *pointer;

    for (size_t i = 0; i < resource->leaf_count; i++) {
        const struct property *leaf = resource->leaves[i];
        const struct property *list = list_around(leaf);
        const char *table = list != NULL      ? list->table
                            : leaf->is_common ? "record"
                                              : resource->table;
        size_t length = leaf->column == NULL ? 0 : match_name(constraint, table, leaf->column);

        if (length == 0 && list != NULL)
            length = match_name(constraint, table, NULL);
        if (length > longest) {
            longest = length;
            found = list != NULL ? list : leaf;
        }
    }
    if (found == NULL)
        return "";
    for (const struct property *list = found; list != NULL; list = list_around(list->parent))
        found = list;
    pointer = arena_format(edit->arena, "/%s", found->path);
    for (char *at = pointer; at != NULL && *at != '\0'; at++)
        if (*at == '.')
            *at = '/';
    return pointer == NULL ? "" : pointer;
}

static int refuse_value(const struct edit *edit, const struct resource *resource, const char *code,
                        const char *detail)
{
    const char *constraint = db_constraint(edit->db);

    problem_set(edit->problem, "validation-failed", NULL);
    problem_add(edit->problem, edit->arena, pointer_of(edit, resource, constraint), NULL, code,
                "%s%s%s%s", detail, constraint[0] == '\0' ? "" : " (", constraint,
                constraint[0] == '\0' ? "" : ")");
    return EDIT_INVALID;
}

static int tell_slug_taken(const struct edit *edit)
{
    return edit_conflict(edit, "slug-taken",
                         "Another record of this resource has this slug, or had it once.");
}

static int tell_source_taken(const struct edit *edit)
{
    return edit_conflict(edit, "source-taken",
                         "Another record of this owner has the same source.name and "
                         "source.external_id.");
}

static bool is_about_slug(const struct edit *edit)
{
    return strcmp(db_constraint(edit->db), "record_public_slug") == 0 ||
           strcmp(db_constraint(edit->db), "record_owned_slug") == 0;
}

int edit_translate(const struct edit *edit, const struct resource *resource, int r)
{
    if (r == DB_UNIQUE_VIOLATION && is_about_slug(edit))
        return tell_slug_taken(edit);
    if (r == DB_UNIQUE_VIOLATION && strcmp(db_constraint(edit->db), "record_owned_source") == 0)
        return tell_source_taken(edit);
    if (r == DB_UNIQUE_VIOLATION)
        return refuse_value(edit, resource, "duplicate-items", "something is in it twice");
    if (r == DB_FOREIGN_KEY_VIOLATION)
        return refuse_value(edit, resource, "unknown-reference",
                            "a record that it refers to is not there any more");
    if (r == DB_CHECK_VIOLATION)
        return refuse_value(edit, resource, "not-allowed",
                            "the value breaks a rule that every record obeys");
    return r;
}

int edit_check_references(const struct edit *edit, const struct resource *resource)
{
    return edit_translate(edit, resource,
                          db_run_text(edit->db, CHECK_REFERENCES, DB_PLAN_GENERIC, 0, NULL, NULL));
}

int edit_queue_check(const struct edit *edit)
{
    return db_queue_text(edit->db, CHECK_REFERENCES, DB_PLAN_GENERIC, 0, NULL, NULL);
}

/* --- slugs ---------------------------------------------------------------------------------------
 */

static void append_text(struct text *json, const char *name, const char *value)
{
    if (value == NULL)
        return;
    text_append_format(json, ",\"%s\":", name);
    text_append_json(json, value);
}

void edit_append_asked(struct text *asked, size_t place, const struct edit_record *record,
                       const json_t *data)
{
    const char *label = json_string_value(json_object_get(data, record->resource->label->name));
    char chance[UUID_TEXT_BYTES];

    uuid_make_v7(chance);
    text_append_format(asked, "%s{\"place\":%zu", asked->length == 0 ? "[" : ",", place);
    append_text(asked, "id", record->id);
    append_text(asked, "wanted", json_string_value(json_object_get(data, "slug")));
    append_text(asked, "label", label);
    append_text(asked, "chance", chance + RANDOM_DIGITS_FROM);
    text_append_char(asked, '}');
}

int edit_queue_asked(const struct edit *edit, const struct resource *resource, struct text *asked,
                     struct db_rows **ret_slugs)
{
    text_append_char(asked, ']');
    if (text_failed(asked))
        return fault_raise(-ENOMEM);
    return db_queue(edit->db, &FREE_SLUGS, (const char *const[]){resource->path, asked->bytes},
                    ret_slugs);
}

int edit_queue_slug(const struct edit *edit, const struct edit_record *record, const json_t *data,
                    struct db_rows **ret_slugs)
{
    struct text asked;
    int r;

    text_init(&asked, ITEM_BYTES_MAX);
    edit_append_asked(&asked, 0, record, data);
    r = edit_queue_asked(edit, record->resource, &asked, ret_slugs);
    text_deinit(&asked);
    return r;
}

int edit_check_slug(const struct edit *edit, const struct edit_record *record, const json_t *data)
{
    const char *wanted = json_string_value(json_object_get(data, "slug"));
    CLEANUP(db_rows_freep) struct db_rows *slugs = NULL;
    int r;

    if (wanted == NULL || strcmp(wanted, record->live_slug) == 0)
        return 0;
    r = edit_queue_slug(edit, record, data, &slugs);
    if (r == 0)
        r = db_flush(edit->db);
    return r == 0 && db_rows_count(slugs) == 0 ? tell_slug_taken(edit) : r;
}

int edit_check_public_slug(const struct edit *edit, const struct edit_record *record)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(edit->db, &PUBLIC_SLUG,
                   (const char *const[]){record->resource->path, record->slug, record->id}, &rows);

    return r == 0 && db_rows_text(rows, 0, 0)[0] == 't' ? tell_slug_taken(edit) : r;
}

/* --- what the public sees ------------------------------------------------------------------------
 */

static int add_change(const struct edit *edit, const struct edit_record *record, const char *kind)
{
    char version[EDIT_NUMBER_BYTES];

    (void)snprintf(version, sizeof(version), "%ld", record->live_version);
    return db_run(edit->db, &CHANGE_ADD,
                  (const char *const[]){record->resource->path, record->id, version, kind}, NULL);
}

int edit_show_public(const struct edit *edit, const struct edit_record *record, const char *kind,
                     bool is_named_otherwise)
{
    int r = add_change(edit, record, kind);

    if (r == 0)
        r = render_records(edit->model, edit->db, record->resource, &record->id, 1);
    if (r == 0 && is_named_otherwise)
        r = render_holders_of(edit->model, edit->db, record->resource, record->id);
    return r;
}

int edit_withdraw(const struct edit *edit, const struct edit_record *record,
                  const char *replaced_by)
{
    int r = addresses_close(edit->db, record->resource, record->id, record->live_slug, replaced_by);

    return r == 0 ? edit_show_public(edit, record, "deleted", true) : r;
}

/* --- storing
 * --------------------------------------------------------------------------------------- */

/* As an array of PostgreSQL, where quotes and backslashes are escaped as in JSON. */
static void append_names(struct text *text, const char *const *names, size_t count)
{
    text_append_char(text, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_append_char(text, ',');
        text_append_json(text, names[i]);
    }
    text_append_char(text, '}');
}

/* The new content of a record, on its way. */
struct content {
    const json_t *data;
    char *dump; /* owned */
    const char *digest;
    const char *slug;
};

static int content_init(const struct edit *edit, const struct edit_record *record,
                        const json_t *data, struct content *content)
{
    const char *slug = json_string_value(json_object_get(data, "slug"));

    content->data = data;
    content->slug = slug == NULL ? record->live_slug : slug;
    content->dump = content_dump(data);
    content->digest = content->dump == NULL ? NULL : content_digest(edit->arena, content->dump);
    return content->digest == NULL ? fault_raise(-ENOMEM) : 0;
}

static void content_deinit(struct content *content)
{
    free(content->dump);
}

/* What the statements of model_store take. */
static void append_item(struct text *item, const struct edit_record *record, const char *status,
                        const struct content *content)
{
    text_append_format(item,
                       "[{\"id\":\"%s\",\"new\":%s,\"slug\":\"%s\",\"version\":%ld,"
                       "\"status\":\"%s\",\"digest\":\"%s\",\"data\":",
                       record->id, record->version == 0 ? "true" : "false", content->slug,
                       record->version + 1, status, content->digest);
    text_append(item, content->dump);
    text_append(item, "}]");
}

static int queue_version(const struct edit *edit, const struct edit_record *record,
                         const struct edit_change *change, const struct content *content)
{
    char version[EDIT_NUMBER_BYTES];
    struct text changed;
    int r;

    (void)snprintf(version, sizeof(version), "%ld", record->version + 1);
    text_init(&changed, BODY_BYTES_MAX);
    append_names(&changed, record->changed, record->changed_count);
    r = text_failed(&changed)
            ? fault_raise(-ENOMEM)
            : db_queue(edit->db, &VERSION_ADD,
                       (const char *const[]){record->id, version, change->action, change->status,
                                             content->dump, content->digest, changed.bytes,
                                             change->reason},
                       NULL);
    text_deinit(&changed);
    return r;
}

bool edit_is_referring(const struct resource *resource)
{
    for (size_t i = 0; i < resource->leaf_count; i++)
        if (resource->leaves[i]->kind == PROPERTY_RELATION)
            return true;
    return false;
}

/*
 * Into catalogue.record, the tables of the resource, and the history, in one flight. A new record
 * whose slug or source is taken is a unique violation.
 */
static int store_content(const struct edit *edit, const struct edit_record *record,
                         const struct edit_change *change, const struct content *content,
                         struct db_rows **ret_rows)
{
    const struct model_store *store = &model_of(edit->model, record->resource)->store;
    const bool is_new = record->version == 0;
    struct text item;
    int r;

    text_init(&item, ITEM_BYTES_MAX);
    append_item(&item, record, change->status, content);
    if (text_failed(&item)) {
        r = fault_raise(-ENOMEM);
    } else {
        const char *const values[] = {item.bytes};

        r = is_new ? db_queue_savepoint(edit->db) : 0;
        if (r == 0)
            r = db_queue_text(edit->db, is_new ? store->create : store->change, DB_PLAN_GENERIC, 1,
                              values, ret_rows);
    }
    if (r == 0)
        r = store_fill(store, edit->db, item.bytes, is_new, content->data);
    if (r == 0)
        r = queue_version(edit, record, change, content);
    if (r == 0 && is_new && edit_is_referring(record->resource))
        r = edit_queue_check(edit);
    text_deinit(&item);
    return r == 0 ? db_flush(edit->db) : r;
}

/* Into catalogue.record and the history alone. @content: empty when it stays. */
static int store_state(const struct edit *edit, const struct edit_record *record,
                       const struct edit_change *change, const struct content *content,
                       struct db_rows **ret_rows)
{
    char version[EDIT_NUMBER_BYTES];
    struct text changed;
    int r;

    (void)snprintf(version, sizeof(version), "%ld", record->version + 1);
    text_init(&changed, BODY_BYTES_MAX);
    append_names(&changed, record->changed, record->changed_count);
    r = text_failed(&changed)
            ? fault_raise(-ENOMEM)
            : db_run(edit->db, &STATE,
                     (const char *const[]){record->id, change->status, change->review, version,
                                           change->is_live ? "true" : "false", change->action,
                                           content->dump, content->digest, changed.bytes,
                                           change->reason},
                     ret_rows);
    text_deinit(&changed);
    return r;
}

/* One of both. The tables hold the content already when nothing waits and nothing is new. */
static int store_change(const struct edit *edit, const struct edit_record *record,
                        const struct edit_change *change, struct db_rows **ret_rows)
{
    const bool is_filled = change->data == NULL && record->version == record->live_version;
    struct content content = {0};
    int r = 0;

    if (is_filled || (change->data == NULL && !change->is_live))
        return store_state(edit, record, change, &content, ret_rows);
    r = content_init(edit, record, change->data == NULL ? record->data : change->data, &content);
    if (r == 0)
        r = change->is_live ? store_content(edit, record, change, &content, ret_rows)
                            : store_state(edit, record, change, &content, ret_rows);
    /* Seen and locked before, and not changed now: a policy hides it. */
    if (r == 0 && db_rows_count(*ret_rows) == 0)
        r = DB_FORBIDDEN;
    content_deinit(&content);
    return r;
}

/* Others show its slug and its name. What @before said is known when nothing waited. */
static bool is_named_otherwise(const struct edit_record *before, const struct edit_record *record)
{
    if (!edit_is_public(before) || before->version != before->live_version ||
        strcmp(before->live_slug, record->live_slug) != 0)
        return true;
    for (size_t i = 0; i < record->changed_count; i++)
        if (strcmp(record->changed[i], record->resource->label->name) == 0)
            return true;
    return false;
}

/* What the public sees of a change from @before to @record. */
static int tell_public(const struct edit *edit, const struct edit_record *before,
                       const struct edit_record *record, bool is_live)
{
    const bool was_public = edit_is_public(before);
    const bool is_public = edit_is_public(record);
    int r = 0;

    if (record->first_published_at != NULL && strcmp(before->live_slug, record->live_slug) != 0)
        r = addresses_move(edit->db, record->resource, record->id, before->live_slug,
                           record->live_slug);
    if (r == 0 && is_public && !was_public)
        r = addresses_open(edit->db, record->resource, record->id, record->live_slug);
    if (r == 0 && is_public && is_live)
        r = edit_show_public(edit, record, was_public ? "updated" : "created",
                             is_named_otherwise(before, record));
    if (r == 0 && was_public && !is_public)
        r = edit_withdraw(edit, record, NULL);
    return r;
}

static int note_change(const struct edit *edit, struct edit_record *record,
                       const struct edit_change *change)
{
    record->changed = NULL;
    record->changed_count = 0;
    if (change->data == NULL)
        return 0;
    return content_changed(record->data, change->data, edit->arena, &record->changed,
                           &record->changed_count);
}

int edit_store(const struct edit *edit, struct edit_record *record,
               const struct edit_change *change)
{
    const struct edit_record before = *record;
    const bool is_filled = change->data == NULL && record->version == record->live_version;
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = note_change(edit, record, change);

    if (r == 0)
        r = store_change(edit, record, change, &rows);
    if (r != 0)
        return edit_translate(edit, record->resource, r);

    edit_set_version(record, record->version + 1);
    record->updated_at = arena_copy(edit->arena, db_rows_text(rows, 0, STORED_AT));
    record->status = change->status;
    record->review = change->review;
    record->reason = strcmp(change->action, "return") == 0 ? change->reason : NULL;
    record->public_etag = NULL;
    if (change->data != NULL)
        edit_set_data(edit, record, json_incref(change->data));
    if (change->is_live) {
        const char *owner = json_string_value(json_object_get(record->data, "owner"));

        record->live_version = record->version;
        record->live_slug = record->slug;
        if (!is_filled)
            record->verify_due = arena_copy(edit->arena, db_rows_text(rows, 0, STORED_VERIFY_DUE));
        record->owner_id = arena_copy(edit->arena, owner);
        record->deleted_at = NULL;
        record->replaced_by = NULL;
        if (edit_is_public(record) && record->first_published_at == NULL)
            record->first_published_at = record->updated_at;
    }
    if (arena_failed(edit->arena))
        return fault_raise(-ENOMEM);
    r = tell_public(edit, &before, record, change->is_live);
    if (r == 0 && change->is_live && !is_filled && edit_is_referring(record->resource))
        r = edit_check_references(edit, record->resource);
    return edit_translate(edit, record->resource, r);
}

/* --- a new record
 * ------------------------------------------------------------------------------------ */

static int store_new(const struct edit *edit, struct edit_record *record, json_t *data,
                     const char *slug)
{
    const struct edit_change change = {.action = "create", .status = "draft"};
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct content content = {0};
    int r;

    if (json_object_set_new(data, "slug", json_string(slug)) != 0)
        return fault_raise(-ENOMEM);
    r = content_changed(NULL, data, edit->arena, &record->changed, &record->changed_count);
    if (r == 0)
        r = content_init(edit, record, data, &content);
    if (r == 0)
        r = store_content(edit, record, &change, &content, &rows);
    content_deinit(&content);
    if (r != 0)
        return r;
    record->created_at = arena_copy(edit->arena, db_rows_text(rows, 0, STORED_AT));
    record->updated_at = record->created_at;
    record->verify_due = arena_copy(edit->arena, db_rows_text(rows, 0, STORED_VERIFY_DUE));
    return arena_failed(edit->arena) ? fault_raise(-ENOMEM) : 0;
}

/* Back to where it was tried. Return: 0: try again, by chance; what it came to. */
static int give_back(const struct edit *edit, const struct resource *resource, bool is_wanted)
{
    /* Those who come at the same moment with the same name go on by chance. */
    const bool goes_on = is_about_slug(edit) && !is_wanted;
    const int told = goes_on ? 0 : edit_translate(edit, resource, DB_UNIQUE_VIOLATION);
    int r = db_rollback_to_savepoint(edit->db);

    return r != 0 ? r : told;
}

int edit_store_new(const struct edit *edit, struct edit_record *record, json_t *data,
                   const struct db_rows *slugs)
{
    const bool is_wanted = json_object_get(data, "slug") != NULL;
    const char *slug;
    int r;

    if (db_rows_count(slugs) == 0)
        return tell_slug_taken(edit);
    slug = arena_copy(edit->arena, db_rows_text(slugs, 0, EDIT_SLUG_FREE));
    r = slug == NULL ? fault_raise(-ENOMEM) : store_new(edit, record, data, slug);
    if (r == DB_UNIQUE_VIOLATION) {
        r = give_back(edit, record->resource, is_wanted);
        if (r != 0)
            return r;
        slug = arena_copy(edit->arena, db_rows_text(slugs, 0, EDIT_SLUG_BY_CHANCE));
        r = slug == NULL ? fault_raise(-ENOMEM) : store_new(edit, record, data, slug);
    }
    if (r != 0)
        return edit_translate(edit, record->resource, r);
    record->live_slug = slug;
    record->live_version = 1;
    record->status = "draft";
    edit_set_version(record, 1);
    edit_set_data(edit, record, json_incref(data));
    return 0;
}
