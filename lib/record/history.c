/*
 * A slug belongs to one record for ever. So a name is first taken for the record
 * that ever had it, and then that record is read as it was.
 */
#include "record/history.h"

#include "base/fault.h"
#include "base/text.h"
#include "base/uuid.h"
#include "db/db.h"
#include "db/time.h"
#include "record/timed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SQL_BYTES_MAX 4096

/* By id ($2, null where the name is none) or by slug. */
static const struct db_query IDENTIFY = {
    .name = "history_identify",
    .sql = "select coalesce("
           "(select h.id from published.history h where h.resource = $1 and h.id = $2::uuid limit "
           "1), "
           "(select h.id from published.history h where h.resource = $1 and h.slug = $3 "
           "order by h.valid_from desc limit 1), "
           "(select m.id from published.moved m where m.resource = $1 and m.slug = $3))",
    .param_count = 3,
};
/* In the order of enum document_column of reading, then what tells of an end. */
enum { FORM_ID, FORM_SLUG, FORM_ETAG, FORM_TIME, FORM_TEXT, FORM_OTHERS };
/* When it ended; the id of what took its place, and the slug that leads there, as of $2. A place
   may have been taken in turn. */
enum { ENDED_AT, ENDED_FOR, ENDED_LEADS_TO };
static const struct db_query ENDED = {
    .name = "history_ended",
    .sql = "with recursive places as ("
           "select $1::uuid as id, null::uuid as taken_by, 0 as steps union all "
           "select g.replaced_by, coalesce(p.taken_by, g.replaced_by), p.steps + 1 "
           "from places p join published.gone g on g.resource = $3 and g.id = p.id "
           "where g.replaced_by is not null and p.steps < 10 and "
           "date_trunc('milliseconds', g.deleted_at) <= $2::timestamptz) "
           "select to_char(max(h.valid_to)" DB_RFC3339 ", "
           "(select p.taken_by from places p where p.steps = 1), "
           "(select f.slug from places p join published.history f on f.id = p.id and "
           "f.valid_from <= $2::timestamptz and (f.valid_to is null or f.valid_to > "
           "$2::timestamptz) order by p.steps limit 1) "
           "from published.history h where h.id = $1::uuid and h.valid_to <= $2::timestamptz",
    .param_count = 3,
};

static int identify(const struct resource *resource, const char *name, struct db *db,
                    struct db_rows **ret_rows)
{
    return db_run(db, &IDENTIFY,
                  (const char *const[]){resource->path, uuid_is_valid(name) ? name : NULL, name},
                  ret_rows);
}

int history_knows(const struct resource *resource, const char *name, struct db *db, bool *ret_known)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = identify(resource, name, db, &rows);

    if (r == 0)
        *ret_known = db_rows_text(rows, 0, 0) != NULL;
    return r;
}

static int explain_absence(const struct query *query, const char *id, struct db *db,
                           struct read *read)
{
    const struct db_rows *rows;
    int r = db_run(db, &ENDED, (const char *const[]){id, query->as_of, query->resource->path},
                   &read->more_rows);

    if (r != 0)
        return r;
    rows = read->more_rows;
    if (db_rows_text(rows, 0, ENDED_AT) == NULL)
        return READ_NOT_FOUND;
    read->slug = db_rows_text(rows, 0, ENDED_LEADS_TO);
    if (read->slug != NULL)
        return READ_MOVED;
    read->deleted_at = db_rows_text(rows, 0, ENDED_AT);
    read->replaced_by = db_rows_text(rows, 0, ENDED_FOR);
    return READ_GONE;
}

static int fetch_form(const struct query *query, const char *id, struct db *db,
                      struct db_rows **ret_rows)
{
    struct text sql;
    int r;

    text_init(&sql, SQL_BYTES_MAX);
    text_append(&sql, "select h.id, h.slug, ");
    timed_append_past_etag(&sql, query->resource, "h.etag", "h.document", "$2::timestamptz");
    text_append(&sql, ", extract(epoch from h.updated_at)::bigint, ");
    timed_append_past_document(&sql, query->resource, "h.document", "$2::timestamptz");
    text_append(&sql, ", h.translations from published.history h where h.id = $1::uuid and "
                      "h.valid_from <= $2::timestamptz and (h.valid_to is null or h.valid_to > "
                      "$2::timestamptz)");
    r = text_failed(&sql) ? fault_raise(-ENOMEM)
                          : db_run_text(db, sql.bytes, DB_PLAN_GENERIC, 2,
                                        (const char *const[]){id, query->as_of}, ret_rows);
    text_deinit(&sql);
    return r;
}

int history_fetch(const struct query *query, const char *name, struct db *db, struct arena *arena,
                  struct read *ret_read)
{
    CLEANUP(db_rows_freep) struct db_rows *identity = NULL;
    const char *id;
    int r;

    (void)arena; /* as of read_fetch() */
    *ret_read = (struct read){0};
    ret_read->view.query = query;
    r = identify(query->resource, name, db, &identity);
    if (r != 0)
        return r;
    id = db_rows_text(identity, 0, 0);
    if (id == NULL)
        return READ_NOT_FOUND;
    r = fetch_form(query, id, db, &ret_read->rows);
    if (r != 0)
        return r;
    if (db_rows_count(ret_read->rows) == 0)
        return explain_absence(query, id, db, ret_read);
    ret_read->slug = db_rows_text(ret_read->rows, 0, FORM_SLUG);
    if (!uuid_is_valid(name) && strcmp(ret_read->slug, name) != 0)
        return READ_MOVED;
    ret_read->item = (struct view_item){
        .id = db_rows_text(ret_read->rows, 0, FORM_ID),
        .etag = db_rows_text(ret_read->rows, 0, FORM_ETAG),
        .document = {db_rows_text(ret_read->rows, 0, FORM_TEXT),
                     db_rows_bytes(ret_read->rows, 0, FORM_TEXT)},
        .translations = db_rows_text(ret_read->rows, 0, FORM_OTHERS),
    };
    ret_read->updated_at = strtoll(db_rows_text(ret_read->rows, 0, FORM_TIME), NULL, 10);
    return view_prepare(&ret_read->view, db, query, &ret_read->item, 1);
}
