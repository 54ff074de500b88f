#include "record/read.h"

#include "base/arena.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/text.h"
#include "base/uuid.h"
#include "db/db.h"
#include "db/time.h"
#include "record/history.h"
#include "record/timed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define IDS_BYTES_MAX (64 * 1024)
#define SQL_BYTES_MAX 4096

enum { DOCUMENT_ID, DOCUMENT_SLUG, DOCUMENT_ETAG, DOCUMENT_TIME, DOCUMENT_TEXT, DOCUMENT_OTHERS };

static const struct db_query MOVED = {
    .name = "read_moved",
    .sql = "select id from published.moved where resource = $1 and slug = $2",
    .param_count = 2,
};
/* By id ($3, null where the name is none), by its slug, or by an earlier slug; the latest of them.
 */
static const struct db_query GONE = {
    .name = "read_gone",
    .sql = "select to_char(deleted_at" DB_RFC3339 ", "
           "replaced_by from published.gone where resource = $1 and (slug = $2 or id = $3::uuid or "
           "id = (select m.id from published.moved m where m.resource = $1 and m.slug = $2)) "
           "order by deleted_at desc limit 1",
    .param_count = 3,
};
static const struct db_query GONE_AMONG = {
    .name = "read_gone_among",
    .sql = "select id from published.gone where resource = $1 and id = any($2::uuid[])",
    .param_count = 2,
};

static int select_documents(const struct resource *resource, const char *condition, struct db *db,
                            const char *value, struct db_rows **ret_rows)
{
    struct text sql;
    int r;

    text_init(&sql, SQL_BYTES_MAX);
    text_append(&sql, "select d.id, d.slug, ");
    timed_append_etag(&sql, resource, "d.etag");
    text_append(&sql, ", extract(epoch from d.updated_at)::bigint, ");
    timed_append_document(&sql, resource, "d.document");
    text_append_format(&sql, ", d.translations from published.%s_documents d", resource->table);
    timed_append_join(&sql, resource, "d");
    text_append_format(&sql, " where %s", condition);
    r = text_failed(&sql) ? fault_raise(-ENOMEM)
                          : db_run_text(db, sql.bytes, DB_PLAN_GENERIC, 1, &value, ret_rows);
    text_deinit(&sql);
    return r;
}

static struct view_item item_at(const struct db_rows *rows, size_t row)
{
    return (struct view_item){
        .id = db_rows_text(rows, row, DOCUMENT_ID),
        .etag = db_rows_text(rows, row, DOCUMENT_ETAG),
        .document = {db_rows_text(rows, row, DOCUMENT_TEXT),
                     db_rows_bytes(rows, row, DOCUMENT_TEXT)},
        .translations = db_rows_text(rows, row, DOCUMENT_OTHERS),
    };
}

/* It is not there under this name: was it ever? */
static int explain_absence(const struct resource *resource, const char *name, struct db *db,
                           struct read *read)
{
    int r = db_run(db, &MOVED, (const char *const[]){resource->path, name}, &read->rows);

    if (r != 0)
        return r;
    if (db_rows_count(read->rows) == 1) {
        r = select_documents(resource, "d.id = $1::uuid", db, db_rows_text(read->rows, 0, 0),
                             &read->more_rows);
        if (r == 0 && db_rows_count(read->more_rows) == 1) {
            read->slug = db_rows_text(read->more_rows, 0, DOCUMENT_SLUG);
            return READ_MOVED;
        }
        if (r != 0)
            return r;
    }
    db_rows_free(read->rows);
    read->rows = NULL;
    r = db_run(db, &GONE,
               (const char *const[]){resource->path, name, uuid_is_valid(name) ? name : NULL},
               &read->rows);
    if (r != 0)
        return r;
    if (db_rows_count(read->rows) == 0)
        return READ_NOT_FOUND;
    read->deleted_at = db_rows_text(read->rows, 0, 0);
    read->replaced_by = db_rows_text(read->rows, 0, 1);
    return READ_GONE;
}

int read_fetch(const struct query *query, const char *name, struct db *db, struct arena *arena,
               struct read *ret_read)
{
    const struct resource *resource = query->resource;
    int r;

    if (query->as_of != NULL)
        return history_fetch(query, name, db, arena, ret_read);
    *ret_read = (struct read){0};
    ret_read->view.query = query;
    r = select_documents(resource, uuid_is_valid(name) ? "d.id = $1::uuid" : "d.slug = $1", db,
                         name, &ret_read->rows);
    if (r != 0)
        return r;
    if (db_rows_count(ret_read->rows) == 0) {
        db_rows_free(ret_read->rows);
        ret_read->rows = NULL;
        return explain_absence(resource, name, db, ret_read);
    }
    ret_read->item = item_at(ret_read->rows, 0);
    ret_read->slug = db_rows_text(ret_read->rows, 0, DOCUMENT_SLUG);
    ret_read->updated_at = strtoll(db_rows_text(ret_read->rows, 0, DOCUMENT_TIME), NULL, 10);
    return view_prepare(&ret_read->view, db, query, &ret_read->item, 1);
}

void read_deinit(struct read *read)
{
    view_deinit(&read->view);
    db_rows_free(read->rows);
    db_rows_free(read->more_rows);
    *read = (struct read){0};
}

const char *read_etag(const struct read *read, const char *variant, struct arena *arena)
{
    const struct query *query = read->view.query;
    struct digest digest;
    char text[DIGEST_TEXT_BYTES];

    if (query->field_count == 0 && query->include_count == 0 &&
        (read->item.translations == NULL || (query->language_count == 0 && !query->all_languages)))
        return read->item.etag;

    digest_init(&digest);
    digest_text(&digest, variant);
    digest_text(&digest, read->item.etag);
    view_digest(&read->view, &digest);
    return arena_copy(arena, digest_finish(&digest, text));
}

/* --- batches ---------------------------------------------------------------------------------- */

struct wanted {
    const char *id;
    const char *etag; /* of the copy at hand; NULL: none */
};

/* The value inside "…" or W/"…", without the mark of a content coding: copies are compared by
 * record. */
static const char *bare_etag(struct arena *arena, const char *etag)
{
    size_t length;

    if (etag == NULL)
        return NULL;
    if (strncmp(etag, "W/", 2) == 0)
        etag += 2;
    if (etag[0] == '"')
        etag++;
    length = strcspn(etag, "\"-");
    return arena_copy_bytes(arena, etag, length);
}

static size_t read_wanted(const json_t *request, struct arena *arena, struct wanted *wanted)
{
    const json_t *listed = json_object_get(request, "ids");
    const json_t *item;
    size_t count = 0;
    size_t i;

    if (listed == NULL)
        listed = json_object_get(request, "items");
    json_array_foreach (listed, i, item) {
        if (count == IDS_MAX)
            break;
        wanted[count].id =
            json_string_value(json_is_string(item) ? item : json_object_get(item, "id"));
        wanted[count].etag = bare_etag(arena, json_string_value(json_object_get(item, "etag")));
        count++;
    }
    return count;
}

static size_t row_of(const struct db_rows *rows, int column, const char *id)
{
    size_t row = 0;

    while (row < db_rows_count(rows) && strcasecmp(db_rows_text(rows, row, column), id) != 0)
        row++;
    return row;
}

static void append_list(struct text *text, const char *name, const char *const *ids, size_t count)
{
    text_append_format(text, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++)
        text_append_format(text, "%s\"%s\"", i == 0 ? "" : ",", ids[i]);
    text_append_char(text, ']');
}

int read_batch(const struct query *query, const json_t *request, struct db *db, struct arena *arena,
               struct text *text)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(db_rows_freep) struct db_rows *gone_rows = NULL;
    struct wanted wanted[IDS_MAX];
    const char *unchanged[IDS_MAX];
    const char *missing[IDS_MAX];
    const char *gone[IDS_MAX];
    struct view_item items[IDS_MAX];
    size_t unchanged_count = 0;
    size_t missing_count = 0;
    size_t gone_count = 0;
    size_t item_count = 0;
    const size_t count = read_wanted(request, arena, wanted);
    struct view view = {.query = query};
    struct text ids;
    int r;

    text_init(&ids, IDS_BYTES_MAX);
    for (size_t i = 0; i < count; i++)
        text_append_format(&ids, "%s%s", i == 0 ? "{" : ",", wanted[i].id);
    text_append_char(&ids, '}');
    r = text_failed(&ids)
            ? fault_raise(-ENOMEM)
            : select_documents(query->resource, "d.id = any($1::uuid[])", db, ids.bytes, &rows);
    if (r == 0)
        r = db_run(db, &GONE_AMONG, (const char *const[]){query->resource->path, ids.bytes},
                   &gone_rows);
    text_deinit(&ids);
    if (r != 0)
        return r;

    for (size_t i = 0; i < count; i++) {
        const size_t row = row_of(rows, DOCUMENT_ID, wanted[i].id);

        if (row < db_rows_count(rows)) {
            if (wanted[i].etag != NULL &&
                strcmp(wanted[i].etag, db_rows_text(rows, row, DOCUMENT_ETAG)) == 0)
                unchanged[unchanged_count++] = wanted[i].id;
            else
                items[item_count++] = item_at(rows, row);
        } else if (row_of(gone_rows, 0, wanted[i].id) < db_rows_count(gone_rows)) {
            gone[gone_count++] = wanted[i].id;
        } else {
            missing[missing_count++] = wanted[i].id;
        }
    }
    r = view_prepare(&view, db, query, items, item_count);
    if (r == 0) {
        text_append(text, "{\"data\":[");
        for (size_t i = 0; i < item_count; i++) {
            if (i > 0)
                text_append_char(text, ',');
            view_append(&view, &items[i], arena, text);
        }
        text_append_char(text, ']');
        append_list(text, "unchanged", unchanged, unchanged_count);
        append_list(text, "missing", missing, missing_count);
        append_list(text, "gone", gone, gone_count);
        text_append_char(text, '}');
    }
    view_deinit(&view);
    return r;
}
