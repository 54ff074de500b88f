#include "db/internal.h"

#include "base/fault.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <libpq-fe.h>

/* The rows stay where libpq put them: reading a value costs no copy. */
struct db_rows {
    PGresult *result; /* owned */
    size_t count;
    int column_count;
};

int db_rows_new(struct pg_result *result, struct db_rows **ret_rows)
{
    struct db_rows *rows = malloc(sizeof(*rows));

    if (rows == NULL) {
        PQclear(result);
        return fault_raise(-ENOMEM);
    }
    *rows = (struct db_rows){
        .result = result,
        .count = (size_t)PQntuples(result),
        .column_count = PQnfields(result),
    };
    *ret_rows = rows;
    return 0;
}

void db_rows_free(struct db_rows *rows)
{
    if (rows == NULL)
        return;
    PQclear(rows->result);
    free(rows);
}

void db_rows_freep(struct db_rows **rows)
{
    db_rows_free(*rows);
    *rows = NULL;
}

size_t db_rows_count(const struct db_rows *rows)
{
    return rows->count;
}

const char *db_rows_text(const struct db_rows *rows, size_t row, int column)
{
    assert(row < rows->count && column >= 0 && column < rows->column_count);
    if (PQgetisnull(rows->result, (int)row, column))
        return NULL;
    return PQgetvalue(rows->result, (int)row, column);
}

size_t db_rows_bytes(const struct db_rows *rows, size_t row, int column)
{
    assert(row < rows->count && column >= 0 && column < rows->column_count);
    return (size_t)PQgetlength(rows->result, (int)row, column);
}

size_t db_rows_affected(const struct db_rows *rows)
{
    /* The count stands in the command tag; libpq hands it out as text, "" when there is none. */
    const char *digits = PQcmdTuples(rows->result);
    size_t affected = 0;

    for (; *digits >= '0' && *digits <= '9'; digits++)
        if (__builtin_mul_overflow(affected, (size_t)10, &affected) ||
            __builtin_add_overflow(affected, (size_t)(*digits - '0'), &affected))
            return SIZE_MAX;
    return affected;
}
