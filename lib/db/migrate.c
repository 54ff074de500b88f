#include "db/migrate.h"

#include "base/embedded.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "db/db.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define CHECKSUM_BYTES 32

static const struct db_query LOCK = {.name = "migrate_lock",
                                     .sql = "select pg_advisory_lock(" MIGRATE_LOCK_KEY ")",
                                     .param_count = 0};
static const struct db_query UNLOCK = {.name = "migrate_unlock",
                                       .sql = "select pg_advisory_unlock(" MIGRATE_LOCK_KEY ")",
                                       .param_count = 0};
static const struct db_query PRESENT = {.name = "migrate_present",
                                        .sql =
                                            "select to_regclass('catalogue.migration') is not null",
                                        .param_count = 0};
static const struct db_query APPLIED = {
    .name = "migrate_applied",
    .sql = "select name, checksum from catalogue.migration order by name",
    .param_count = 0};
static const struct db_query NOTE = {
    .name = "migrate_note",
    .sql = "insert into catalogue.migration (name, checksum) values ($1, $2)",
    .param_count = 2};
static const char TABLE[] =
    "create schema if not exists catalogue;"
    "create table catalogue.migration (name text primary key, checksum text not null, "
    "applied_at timestamptz not null default now());"
    "comment on table catalogue.migration is 'migrations that were run, and what they read'";

static void checksum_of(const struct embedded_file *file, char ret_text[CHECKSUM_BYTES * 2 + 1])
{
    unsigned char hash[CHECKSUM_BYTES];

    (void)crypto_generichash(hash, sizeof(hash), file->bytes, file->size_bytes, NULL, 0);
    (void)sodium_bin2hex(ret_text, CHECKSUM_BYTES * 2 + 1, hash, sizeof(hash));
}

static int make_table(struct db *db)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &PRESENT, NULL, &rows);

    if (r != 0 || db_rows_text(rows, 0, 0)[0] == 't')
        return r;
    return db_run_script(db, TABLE);
}

/* The file has a terminating NUL behind it: embedded text always does. */
static int apply(struct db *db, const struct embedded_file *file, const char *checksum)
{
    int r = db_begin(db);

    if (r == 0)
        r = db_run_script(db, (const char *)file->bytes);
    if (r == 0)
        r = db_run(db, &NOTE, (const char *const[]){file->name, checksum}, NULL);
    if (r == 0)
        return db_commit(db);
    return r;
}

static int apply_missing(struct db *db, const struct embedded_file *files, size_t count,
                         size_t *applied, struct text *what)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &APPLIED, NULL, &rows);

    if (r != 0)
        return r;
    for (size_t row = 0; row < db_rows_count(rows); row++) {
        const char *name = db_rows_text(rows, row, 0);

        if (row >= count || strcmp(files[row].name, name) != 0) {
            text_append(what, name);
            return MIGRATE_NEWER;
        }
    }
    for (size_t i = 0; i < count; i++) {
        char checksum[CHECKSUM_BYTES * 2 + 1];

        checksum_of(&files[i], checksum);
        text_clear(what);
        text_append(what, files[i].name);
        if (i < db_rows_count(rows)) {
            if (strcmp(checksum, db_rows_text(rows, i, 1)) != 0)
                return MIGRATE_CHANGED;
            continue;
        }
        r = apply(db, &files[i], checksum);
        if (r != 0)
            return r;
        log_info("migrate.applied", "name=%s", files[i].name);
        (*applied)++;
    }
    text_clear(what);
    return 0;
}

int migrate_run(struct db *db, const struct embedded_file *files, size_t count, size_t *ret_applied,
                struct text *what)
{
    size_t applied = 0;
    int r = db_run(db, &LOCK, NULL, NULL);

    if (r != 0)
        return r;
    r = make_table(db);
    if (r == 0)
        r = apply_missing(db, files, count, &applied, what);
    if (r != 0)
        return r; /* the lock ends with the connection, which is not used again */
    *ret_applied = applied;
    return db_run(db, &UNLOCK, NULL, NULL);
}
