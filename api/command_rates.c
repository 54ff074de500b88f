/*
 * rates: what currencies are worth, as the operator knows it.
 *
 *   rates import FILE   a CSV file with the columns date, currency, rate and source; all or none
 *   rates list          the last rate of each currency
 */
#include "base/arena.h"
#include "base/limits.h"
#include "base/problem.h"
#include "base/text.h"
#include "command_data.h"
#include "commands.h"
#include "db/db.h"
#include "financing/rates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_BYTES 65536
#define ARENA_BYTES (1024 * 1024)

static const struct db_query LIST = {
    .name = "rates_list",
    .sql = "select distinct on (currency) currency, date, rate, source "
           "from published.exchange_rate order by currency, date desc",
    .param_count = 0,
};

static bool read_file(const char *name, struct text *content)
{
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "rb");
    char bytes[READ_BYTES];
    size_t length;
    bool is_read = file != NULL;

    while (is_read && (length = fread(bytes, 1, sizeof(bytes), file)) > 0)
        text_append_bytes(content, bytes, length);
    is_read = is_read && ferror(file) == 0 && !text_failed(content) &&
              strlen(content->bytes) == content->length;
    if (file != NULL && file != stdin)
        (void)fclose(file);
    return is_read;
}

static int import(struct db *db, const char *name)
{
    struct problem problem = {0};
    struct arena arena;
    struct text csv;
    size_t count = 0;
    int r;

    arena_init(&arena, ARENA_BYTES);
    text_init(&csv, IMPORT_FILE_BYTES_MAX);
    if (!read_file(name, &csv)) {
        (void)fprintf(stderr, "express-api: %s cannot be read, is too long, or no text\n", name);
        r = 1;
    } else {
        r = rates_import(db, csv.bytes, &arena, &problem, &count);
        for (size_t i = 0; i < problem.error_count && i < FAULTS_MAX; i++)
            (void)fprintf(stderr, "%s: %s: %s\n", name, problem.errors[i].pointer,
                          problem.errors[i].detail);
        if (r == RATES_INVALID)
            (void)fprintf(stderr, "express-api: nothing was imported\n");
        else if (r != 0)
            (void)fprintf(stderr, "express-api: the database failed, SQLSTATE %s\n",
                          db_sqlstate(db));
        else
            (void)printf("express-api: %zu rates read\n", count);
    }
    text_deinit(&csv);
    arena_deinit(&arena);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int list(struct db *db)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = db_run(db, &LIST, NULL, &rows);

    for (size_t row = 0; r == 0 && row < db_rows_count(rows); row++)
        (void)printf("%s %s %s %s\n", db_rows_text(rows, row, 0), db_rows_text(rows, row, 1),
                     db_rows_text(rows, row, 2), db_rows_text(rows, row, 3));
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_rates(const struct settings *settings, int count, char **words)
{
    const bool imports = count == 2 && strcmp(words[0], "import") == 0;
    struct workbench workbench;
    int code;

    if (!imports && !(count == 1 && strcmp(words[0], "list") == 0)) {
        (void)fprintf(stderr, "usage: express-api rates import FILE | list\n");
        return EXIT_USAGE;
    }
    if (workbench_open(settings, WORKBENCH_OWNER_ROLE, &workbench) != 0)
        return EXIT_FAILURE;
    code = imports ? import(workbench.db, words[1]) : list(workbench.db);
    workbench_close(&workbench);
    return code;
}
