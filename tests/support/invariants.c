#include "support/invariants.h"

#include "base/text.h"
#include "support/database.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define SQL_BYTES_MAX (256 * 1024)

void invariants_check(const char *why)
{
    const char *source = getenv("EXPRESS_SOURCE_DIR");
    char block[4096], path[1024];
    struct text sql;
    FILE *file;
    size_t length;
    char *faults;

    (void)snprintf(path, sizeof(path), "%s/tests/support/invariants.sql",
                   source == NULL ? "" : source);
    text_init(&sql, SQL_BYTES_MAX);
    file = fopen(path, "r");
    cr_assert_not_null(file, "%s cannot be read", path);
    while ((length = fread(block, 1, sizeof(block), file)) > 0)
        text_append_bytes(&sql, block, length);
    (void)fclose(file); /* only read */
    cr_assert_not(text_failed(&sql));
    faults = test_database_value(sql.bytes);
    cr_assert_null(faults, "%s:\n%s", why, faults);
    text_deinit(&sql);
}
