#include "command_data.h"

#include "base/embedded.h"
#include "base/text.h"
#include "commands.h"
#include "contract/contract.h"
#include "db/db.h"
#include "db/migrate.h"
#include "record/import.h"
#include "record/model.h"
#include "record/put.h"
#include "safety.h"
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWNER_ROLE "express_owner"
/* For whom the command line acts: who works as the owner may be the system. */
#define SYSTEM_SESSION "express.role=system"
#define DIFFERENCES_BYTES_MAX (1024 * 1024)

int contract_load(struct contract **ret_contract)
{
    char *what = NULL;
    int r = contract_new((const char *)EMBEDDED_OPENAPI_JSON.bytes,
                         EMBEDDED_OPENAPI_JSON.size_bytes, ret_contract, &what);

    if (r != 0)
        (void)fprintf(stderr, "express-api: the contract cannot be used: %s\n",
                      what == NULL ? "out of memory" : what);
    free(what);
    return r;
}

int workbench_open(const struct settings *settings, const char *role,
                   struct workbench *ret_workbench)
{
    const struct db_pool_settings pool = {.url = settings->database_url,
                                          .role = role,
                                          .session = SYSTEM_SESSION,
                                          .application = "express-api command",
                                          .size = 1,
                                          .waiters_max = 1,
                                          .wait_ms = 1000,
                                          .statements_max = 100};
    int r;

    *ret_workbench = (struct workbench){0};
    if (!settings_name_database(settings, stderr))
        return 1;
    r = contract_load(&ret_workbench->contract);
    if (r == 0)
        r = model_new(ret_workbench->contract, &ret_workbench->model);
    if (r == 0)
        r = db_pool_new(&pool, &ret_workbench->pool);
    if (r == 0) {
        r = db_lease(ret_workbench->pool, &ret_workbench->db);
        if (r != 0)
            (void)fprintf(stderr, "express-api: the database cannot be reached\n");
    }
    if (r != 0)
        workbench_close(ret_workbench);
    return r;
}

bool workbench_name_secret(const struct settings *settings)
{
    if (!settings_secret_is_random(settings))
        return true;
    (void)fprintf(stderr,
                  "express-api: EXPRESS_SECRET is needed, the same that the servers have\n");
    return false;
}

void workbench_close(struct workbench *workbench)
{
    db_release(workbench->db);
    db_pool_free(workbench->pool);
    model_free(workbench->model);
    contract_free(workbench->contract);
    *workbench = (struct workbench){0};
}

void workbench_tell(const struct workbench *workbench, const char *what)
{
    const char *message = db_message(workbench->db);
    const char *sqlstate = db_sqlstate(workbench->db);

    (void)fprintf(stderr, "express-api: %s failed: %s%s%s\n", what,
                  message[0] == '\0' ? "see the log" : message,
                  sqlstate[0] == '\0' ? "" : ", SQLSTATE ", sqlstate);
}

/* --- migrate ------------------------------------------------------------------------------------
 */

static int run_migrations(struct workbench *workbench)
{
    struct text what;
    size_t applied = 0;
    int r;

    text_init(&what, 4096);
    r = migrate_run(workbench->db, EMBEDDED_MIGRATIONS, EMBEDDED_MIGRATIONS_COUNT, &applied, &what);
    if (r == MIGRATE_CHANGED)
        (void)fprintf(stderr,
                      "express-api: migration %s was run in this database, but reads otherwise "
                      "now; a change is a new migration\n",
                      what.bytes);
    else if (r == MIGRATE_NEWER)
        (void)fprintf(stderr,
                      "express-api: the database has the migration %s, which this program does "
                      "not know: it belongs to a newer one\n",
                      what.bytes);
    else if (r != 0)
        workbench_tell(workbench, what.bytes);
    else
        (void)fprintf(stderr, "express-api: %zu migrations run, %zu in all\n", applied,
                      EMBEDDED_MIGRATIONS_COUNT);
    text_deinit(&what);
    return r;
}

static int install_model(struct workbench *workbench)
{
    size_t rebuilt = 0;
    int r = db_begin(workbench->db);

    if (r == 0)
        r = db_run_script(workbench->db, "select pg_advisory_xact_lock(" MIGRATE_LOCK_KEY ");"
                                         "set local role " OWNER_ROLE);
    if (r == 0)
        r = model_install(workbench->model, workbench->db, &rebuilt);
    if (r == 0)
        r = db_commit(workbench->db);
    if (r != 0)
        workbench_tell(workbench, "making the read model");
    else
        (void)fprintf(stderr, "express-api: read model of %zu resources made anew\n", rebuilt);
    return r;
}

/* As the owner, which alone may be the system. */
static int fill_history(struct workbench *workbench)
{
    size_t count = 0;
    int r = db_run_script(workbench->db, "set role " OWNER_ROLE);

    if (r == 0)
        r = model_backfill(workbench->model, workbench->db, &count);
    if (r == 0)
        r = db_run_script(workbench->db, "reset role");
    if (r != 0)
        workbench_tell(workbench, "giving records a history");
    else if (count > 0)
        (void)fprintf(stderr, "express-api: %zu records have a history now\n", count);
    return r;
}

/* Says every difference on standard error, a line each. Return: 0 when there is none. */
static int compare_model(struct workbench *workbench)
{
    struct text differences;
    int r;

    text_init(&differences, DIFFERENCES_BYTES_MAX);
    r = model_compare(workbench->model, workbench->db, &differences);
    if (r != 0) {
        workbench_tell(workbench, "comparing contract and database");
    } else if (differences.length > 0) {
        (void)fprintf(stderr, "express-api: contract and database differ:\n%s", differences.bytes);
        r = 1;
    }
    text_deinit(&differences);
    return r;
}

int command_migrate(const struct settings *settings, int count, char **words)
{
    struct workbench workbench;
    int r;

    (void)words;
    if (count > 0) {
        (void)fprintf(stderr, "express-api migrate takes no arguments\n");
        return EXIT_USAGE;
    }
    if (workbench_open(settings, NULL, &workbench) != 0)
        return EXIT_FAILURE;
    r = run_migrations(&workbench);
    if (r == 0)
        r = install_model(&workbench);
    if (r == 0)
        r = fill_history(&workbench);
    if (r == 0)
        r = compare_model(&workbench);
    workbench_close(&workbench);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- import, export
 * -------------------------------------------------------------------------------- */

int command_import(const struct settings *settings, int count, char **words)
{
    struct workbench workbench;
    struct put_summary summary = {0};
    struct put_options options = {0};
    int r;

    while (count > 0 && words[0][0] == '-') {
        if (strcmp(words[0], "--overwrite") == 0) {
            options.overwrite = true;
        } else if (count >= 2 && strcmp(words[0], "--source") == 0) {
            options.source = *++words;
            count--;
        } else {
            break;
        }
        words++;
        count--;
    }
    if (count == 0 || words[0][0] == '-') {
        (void)fprintf(
            stderr, "usage: express-api import [--source NAME] [--overwrite] FILE_OR_FOLDER...\n");
        return EXIT_USAGE;
    }
    if (workbench_open(settings, OWNER_ROLE, &workbench) != 0)
        return EXIT_FAILURE;
    r = import_files(workbench.model, workbench.db, (const char *const *)words, (size_t)count,
                     &options, stderr, &summary);
    if (r == 0)
        (void)fprintf(stderr, "express-api: %zu records created, %zu updated, %zu unchanged\n",
                      summary.created, summary.updated, summary.unchanged);
    else if (r != IMPORT_INVALID && r != IMPORT_UNREADABLE)
        workbench_tell(&workbench, "the import");
    workbench_close(&workbench);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_export(const struct settings *settings, int count, char **words)
{
    struct workbench workbench;
    size_t exported = 0;
    int r;

    if (count != 1) {
        (void)fprintf(stderr, "usage: express-api export FOLDER\n");
        return EXIT_USAGE;
    }
    if (workbench_open(settings, OWNER_ROLE, &workbench) != 0)
        return EXIT_FAILURE;
    r = export_files(workbench.model, workbench.db, words[0], stderr, &exported);
    if (r == 0)
        (void)fprintf(stderr, "express-api: %zu records exported\n", exported);
    else if (r != IMPORT_UNREADABLE)
        workbench_tell(&workbench, "the export");
    workbench_close(&workbench);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- check
 * ------------------------------------------------------------------------------------------- */

int command_check(const struct settings *settings, int count, char **words)
{
    struct workbench workbench;
    int unsafe;
    int r;

    (void)words;
    if (count > 0) {
        (void)fprintf(stderr, "express-api check takes no arguments\n");
        return EXIT_USAGE;
    }
    settings_print(settings, stdout);
    unsafe = safety_print(settings, stdout);
    if (workbench_open(settings, NULL, &workbench) != 0)
        return EXIT_FAILURE;
    r = compare_model(&workbench);
    if (r == 0)
        (void)printf("contract %s and database agree\n", contract_version(workbench.contract));
    workbench_close(&workbench);
    return r == 0 && unsafe == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
