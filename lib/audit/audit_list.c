#include "audit/audit_list.h"

#include "base/arena.h"
#include "base/fault.h"
#include "base/text.h"
#include "db/db.h"
#include "db/time.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define NUMBER_BYTES 16

enum {
    COLUMN_CHAIN,
    COLUMN_POSITION,
    COLUMN_AT,
    COLUMN_ACTION,
    COLUMN_ROLE,
    COLUMN_CLIENT,
    COLUMN_SUBJECT,
    COLUMN_RESOURCE,
    COLUMN_RECORD,
    COLUMN_VERSION,
    COLUMN_REQUEST,
    COLUMN_PROPERTIES,
    COLUMN_PLACE
};

/* Planned for the values at hand: which index serves depends on which of them are there. */
static const struct db_query LIST = {
    .name = "audit_list",
    .sql = "select chain, position, "
           "to_char(at" DB_RFC3339_EXACT ", action, role, "
           "client_id, subject, resource, record_id, version, request_id, "
           "array_to_json(properties), at "
           "from audit.entry where ($1::uuid is null or client_id = $1::uuid) "
           "and ($2::uuid is null or record_id = $2::uuid) "
           "and ($3::text is null or action = any (string_to_array($3::text, ','))) "
           "and ($4::text is null "
           "or role = any (string_to_array($4::text, ',')::identity.caller_role[])) "
           "and ($5::timestamptz is null or at >= $5::timestamptz) "
           "and ($6::timestamptz is null or at <= $6::timestamptz) "
           "and ($7::timestamptz is null "
           "or (at, chain, position) < ($7::timestamptz, $8::smallint, $9::bigint)) "
           "order by at desc, chain desc, position desc limit $10::integer",
    .param_count = 10,
    .plan = DB_PLAN_CUSTOM,
};

static void append_member(struct text *text, const char *name, const char *value)
{
    if (value == NULL)
        return;
    text_append_format(text, ",\"%s\":", name);
    text_append_json(text, value);
}

/* A number or an array that PostgreSQL has written as JSON. */
static void append_json(struct text *text, const char *name, const char *json)
{
    if (json != NULL)
        text_append_format(text, ",\"%s\":%s", name, json);
}

static void append_entry(struct text *text, const struct db_rows *rows, size_t row)
{
    text_append_format(text, "{\"id\":\"%s-%s\"", db_rows_text(rows, row, COLUMN_CHAIN),
                       db_rows_text(rows, row, COLUMN_POSITION));
    append_member(text, "at", db_rows_text(rows, row, COLUMN_AT));
    append_member(text, "action", db_rows_text(rows, row, COLUMN_ACTION));
    append_member(text, "role", db_rows_text(rows, row, COLUMN_ROLE));
    append_member(text, "client_id", db_rows_text(rows, row, COLUMN_CLIENT));
    append_member(text, "subject", db_rows_text(rows, row, COLUMN_SUBJECT));
    append_member(text, "resource", db_rows_text(rows, row, COLUMN_RESOURCE));
    append_member(text, "record_id", db_rows_text(rows, row, COLUMN_RECORD));
    append_json(text, "version", db_rows_text(rows, row, COLUMN_VERSION));
    append_json(text, "properties", db_rows_text(rows, row, COLUMN_PROPERTIES));
    append_member(text, "request_id", db_rows_text(rows, row, COLUMN_REQUEST));
    text_append_char(text, '}');
}

static int copy_place(const struct db_rows *rows, size_t row, struct arena *arena,
                      struct audit_place *ret_place)
{
    const struct audit_place place = {
        .at = arena_copy(arena, db_rows_text(rows, row, COLUMN_PLACE)),
        .chain = arena_copy(arena, db_rows_text(rows, row, COLUMN_CHAIN)),
        .position = arena_copy(arena, db_rows_text(rows, row, COLUMN_POSITION))};

    if (place.at == NULL || place.chain == NULL || place.position == NULL)
        return fault_raise(-ENOMEM);
    *ret_place = place;
    return 0;
}

int audit_list_append(struct db *db, const struct audit_filter *filter, struct arena *arena,
                      struct text *text, struct audit_place *ret_next, bool *ret_more)
{
    const struct audit_place *place = filter->place;
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char limit[NUMBER_BYTES];
    size_t count;
    int r;

    /* One more than shown tells whether there is another page. */
    (void)snprintf(limit, sizeof(limit), "%" PRIu32, filter->limit + 1);
    r = db_run(db, &LIST,
               (const char *const[]){filter->client_id, filter->record_id, filter->actions,
                                     filter->roles, filter->after, filter->before,
                                     place == NULL ? NULL : place->at,
                                     place == NULL ? NULL : place->chain,
                                     place == NULL ? NULL : place->position, limit},
               &rows);
    if (r != 0)
        return r;
    count = db_rows_count(rows);
    *ret_more = count > filter->limit;
    if (*ret_more)
        count = filter->limit;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_append_char(text, ',');
        append_entry(text, rows, i);
    }
    return *ret_more ? copy_place(rows, count - 1, arena, ret_next) : 0;
}
