#include "audit/audit.h"

#include "base/fault.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "db/db.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_BYTES 24

static const struct db_query APPEND = {
    .name = "audit_append",
    .sql = "select audit.append($1, $2, $3::uuid, $4::integer, $5::text[])",
    .param_count = 5,
};
static const struct db_query APPEND_ALL = {
    .name = "audit_append_all",
    .sql = "select audit.append_all($1, $2, $3::uuid[], $4::integer[], $5::text[], $6::text[])",
    .param_count = 6,
};

static const struct db_query PRUNE = {
    .name = "audit_prune",
    .sql = "select audit.prune($1::integer * interval '1 day', $2::integer)",
    .param_count = 2,
};
static const struct db_query SEAL = {
    .name = "audit_seal",
    .sql = "select seal_number, seal_root, is_new::integer "
           "from audit.take_seal($1::integer * interval '1 hour')",
    .param_count = 1,
};
static const struct db_query COUNT = {
    .name = "audit_count",
    .sql = "select (select count(*) from audit.entry), "
           "(select count(*) from audit.chain where entries > 0)",
};
static const struct db_query FAULTS = {
    .name = "audit_faults",
    .sql = "select coalesce('chain ' || chain || ', entry ', 'seal ') || place || ': ' || fault, "
           "count(*) over () from audit.faults() limit $1::integer",
    .param_count = 1,
};
static const struct db_query FIND_SEAL = {
    .name = "audit_find_seal",
    .sql = "select from audit.seal where root = decode($1, 'hex')",
    .param_count = 1,
};

/* As an array of PostgreSQL, where quotes and backslashes are escaped as in JSON. */
static void append_names(struct text *names, const struct audit_entry *entry)
{
    text_append_char(names, '{');
    for (size_t i = 0; i < entry->property_count; i++) {
        if (i > 0)
            text_append_char(names, ',');
        text_append_json(names, entry->properties[i]);
    }
    text_append_char(names, '}');
}

int audit_queue(struct db *db, const struct audit_entry *entry)
{
    char version[NUMBER_BYTES];
    struct text names;
    int r;

    text_init(&names, AUDIT_PROPERTIES_BYTES_MAX);
    append_names(&names, entry);
    if (text_failed(&names)) {
        text_deinit(&names);
        return fault_raise(-ENOMEM);
    }
    (void)snprintf(version, sizeof(version), "%ld", entry->version);
    r = db_queue(db, &APPEND,
                 (const char *const[]){entry->action, entry->resource, entry->record_id,
                                       entry->version == 0 ? NULL : version,
                                       entry->property_count == 0 ? NULL : names.bytes},
                 NULL);
    text_deinit(&names);
    return r;
}

/* Columns of the entries, each as an array. The names of an entry are an array in a text. */
struct columns {
    struct text ids, versions, requests, properties;
};

static void add_item(struct text *column, const char *value)
{
    text_append_char(column, column->length == 0 ? '{' : ',');
    if (value == NULL)
        text_append(column, "null");
    else
        text_append_json(column, value);
}

/* False: it has too many names, or memory is out. */
static bool add_entry(struct columns *columns, const struct audit_entry *entry, const char *request)
{
    bool is_whole;
    char version[NUMBER_BYTES];
    struct text names;

    (void)snprintf(version, sizeof(version), "%ld", entry->version);
    text_init(&names, AUDIT_PROPERTIES_BYTES_MAX);
    append_names(&names, entry);
    add_item(&columns->ids, entry->record_id);
    add_item(&columns->versions, entry->version == 0 ? NULL : version);
    add_item(&columns->requests, request);
    add_item(&columns->properties, entry->property_count == 0 ? NULL : names.bytes);
    is_whole = !text_failed(&names);
    text_deinit(&names);
    return is_whole;
}

int audit_queue_all(struct db *db, const struct audit_entry *entries, const char *const *requests,
                    size_t count)
{
    struct columns columns;
    struct text *const list[] = {&columns.ids, &columns.versions, &columns.requests,
                                 &columns.properties};
    int r = 0;

    for (size_t i = 0; i < ARRAY_LENGTH(list); i++)
        text_init(list[i], 4 * AUDIT_PROPERTIES_BYTES_MAX * CREATES_TOGETHER_MAX);
    for (size_t i = 0; i < count; i++)
        if (!add_entry(&columns, &entries[i], requests[i]))
            r = fault_raise(-ENOMEM);
    for (size_t i = 0; i < ARRAY_LENGTH(list); i++) {
        text_append_char(list[i], '}');
        if (text_failed(list[i]))
            r = fault_raise(-ENOMEM);
    }
    if (r == 0)
        r = db_queue(db, &APPEND_ALL,
                     (const char *const[]){entries[0].action, entries[0].resource,
                                           columns.ids.bytes, columns.versions.bytes,
                                           columns.requests.bytes, columns.properties.bytes},
                     NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(list); i++)
        text_deinit(list[i]);
    return r;
}

int audit_append(struct db *db, const struct audit_entry *entry)
{
    int r = audit_queue(db, entry);

    return r == 0 ? db_flush(db) : r;
}

int audit_append_all(struct db *db, const char *action, const char *resource, const char *ids,
                     const char *versions)
{
    return db_run(db, &APPEND_ALL,
                  (const char *const[]){action, resource, ids, versions, NULL, NULL}, NULL);
}

/* ---- upkeep ---- */

/* What the database says of itself: anything but a number is a bug. */
static uint64_t number_at(const struct db_rows *rows, int column)
{
    const char *text = db_rows_text(rows, 0, column);
    int64_t number = 0;
    bool is_number = text != NULL && num_parse_i64(text, 0, INT64_MAX, &number);

    assert(is_number);
    return is_number ? (uint64_t)number : 0;
}

int audit_prune(struct db *db, uint32_t days, uint32_t entries_max, uint64_t *ret_removed)
{
    static const struct audit_entry PRUNED = {.action = "audit.prune"};
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char days_text[NUMBER_BYTES];
    char entries_text[NUMBER_BYTES];
    uint64_t removed;
    int r;

    (void)snprintf(days_text, sizeof(days_text), "%" PRIu32, days);
    (void)snprintf(entries_text, sizeof(entries_text), "%" PRIu32, entries_max);
    r = db_run(db, &PRUNE, (const char *const[]){days_text, entries_text}, &rows);
    if (r != 0)
        return r;
    removed = number_at(rows, 0);
    if (removed > 0)
        r = audit_append(db, &PRUNED);
    if (r == 0)
        *ret_removed = removed;
    return r;
}

int audit_seal(struct db *db, uint32_t older_than_hours, struct audit_seal *ret_seal)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char hours[NUMBER_BYTES];
    const char *root;
    int r;

    (void)snprintf(hours, sizeof(hours), "%" PRIu32, older_than_hours);
    r = db_run(db, &SEAL, (const char *const[]){hours}, &rows);
    if (r != 0)
        return r;
    *ret_seal = (struct audit_seal){0};
    root = db_rows_text(rows, 0, 1);
    if (root == NULL)
        return 0;
    assert(strlen(root) < AUDIT_ROOT_BYTES);
    memcpy(ret_seal->root, root, strlen(root));
    ret_seal->number = number_at(rows, 0);
    ret_seal->is_new = number_at(rows, 2) == 1;
    return 0;
}

bool audit_is_root(const char *text)
{
    return strlen(text) == AUDIT_ROOT_BYTES - 1 &&
           text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
}

static int count_entries(struct db *db, struct audit_verdict *verdict)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &COUNT, NULL, &rows);

    if (r != 0)
        return r;
    verdict->entries = number_at(rows, 0);
    verdict->chains = number_at(rows, 1);
    return 0;
}

static int find_faults(struct db *db, struct text *faults, struct audit_verdict *verdict)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char shown[NUMBER_BYTES];
    int r;

    (void)snprintf(shown, sizeof(shown), "%d", AUDIT_FAULTS_SHOWN);
    r = db_run(db, &FAULTS, (const char *const[]){shown}, &rows);
    if (r != 0)
        return r;
    for (size_t i = 0; i < db_rows_count(rows); i++)
        text_append_format(faults, "%s\n", db_rows_text(rows, i, 0));
    if (db_rows_count(rows) > 0)
        verdict->faults = number_at(rows, 1);
    return 0;
}

static int find_seal(struct db *db, const char *root, struct text *faults,
                     struct audit_verdict *verdict)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &FIND_SEAL, (const char *const[]){root}, &rows);

    if (r != 0 || db_rows_count(rows) > 0)
        return r;
    text_append_format(faults,
                       "root %s: there is no such seal; what it sealed has been lost or rewritten, "
                       "or age has removed it\n",
                       root);
    verdict->faults++;
    return 0;
}

int audit_verify(struct db *db, const char *const *roots, size_t root_count, struct text *faults,
                 struct audit_verdict *ret_verdict)
{
    struct audit_verdict verdict = {0};
    int r = db_begin_snapshot(db);

    if (r != 0)
        return r;
    r = count_entries(db, &verdict);
    if (r == 0)
        r = find_faults(db, faults, &verdict);
    for (size_t i = 0; r == 0 && i < root_count; i++)
        r = find_seal(db, roots[i], faults, &verdict);
    db_rollback(db); /* it only read */
    if (r == 0 && text_failed(faults))
        r = fault_raise(-ENOMEM);
    if (r == 0)
        *ret_verdict = verdict;
    return r;
}
