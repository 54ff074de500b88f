#include "support/sql.h"

#include "base/text.h"
#include "db/db.h"
#include "support/records.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SQL_BYTES 8192
#define VALUE_BYTES 1024
#define FILE_BYTES_MAX (256 * 1024)

void sql_prepare(const char *file)
{
    const char *source = getenv("EXPRESS_SOURCE_DIR");
    char block[4096];
    struct text path;
    struct text sql;
    FILE *stream;
    size_t length;

    text_init(&path, SQL_BYTES);
    text_init(&sql, FILE_BYTES_MAX);
    text_append_format(&path, "%s/tests/integration/%s", source == NULL ? "" : source, file);
    stream = fopen(path.bytes, "r");
    while (stream != NULL && (length = fread(block, 1, sizeof(block), stream)) > 0)
        text_append_bytes(&sql, block, length);
    if (stream == NULL || ferror(stream) || text_failed(&sql))
        text_append(&sql, "file that cannot be read"); /* an error of PostgreSQL's, with its text */
    if (stream != NULL)
        (void)fclose(stream); /* only read */
    records_execute(sql.bytes);
    text_deinit(&sql);
    text_deinit(&path);
}

struct db_pool *sql_pool(const char *role, const char *session)
{
    const struct db_pool_settings settings = {.url = getenv("API_DATABASE_URL"),
                                              .role = role,
                                              .session = session,
                                              .application = "express-test",
                                              .size = 2,
                                              .waiters_max = 2,
                                              .wait_ms = 1000,
                                              .statement_ms = 60000,
                                              .lock_ms = 60000,
                                              .statements_max = 200};
    struct db_pool *pool = NULL;

    cr_assert_not_null(settings.url, "no server is running: the test file lacks its hook");
    cr_assert_eq(db_pool_new(&settings, &pool), 0);
    return pool;
}

int sql_run(struct db *db, const char *format, ...)
{
    char sql[SQL_BYTES];
    va_list arguments;

    va_start(arguments, format);
    cr_assert_lt(vsnprintf(sql, sizeof(sql), format, arguments), (int)sizeof(sql));
    va_end(arguments);
    return db_run_text(db, sql, DB_PLAN_CUSTOM, 0, NULL, NULL);
}

static const char *value_of(struct db *db, const char *sql)
{
    static _Thread_local char value[VALUE_BYTES];
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *text;
    int r = db_run_text(db, sql, DB_PLAN_CUSTOM, 0, NULL, &rows);

    cr_assert_eq(r, 0, "%s: %d %s %s", sql, r, db_sqlstate(db), db_message(db));
    cr_assert_eq(db_rows_count(rows), 1, "%s: %zu rows", sql, db_rows_count(rows));
    text = db_rows_text(rows, 0, 0);
    (void)snprintf(value, sizeof(value), "%s", text == NULL ? "(null)" : text);
    return value;
}

const char *sql_value(struct db *db, const char *format, ...)
{
    char sql[SQL_BYTES];
    va_list arguments;

    va_start(arguments, format);
    cr_assert_lt(vsnprintf(sql, sizeof(sql), format, arguments), (int)sizeof(sql));
    va_end(arguments);
    return value_of(db, sql);
}

const char *sql_value_of(struct db *db, const char *head, const char *tail)
{
    char sql[SQL_BYTES];

    cr_assert_lt(snprintf(sql, sizeof(sql), "%s%s", head, tail), (int)sizeof(sql));
    return value_of(db, sql);
}
