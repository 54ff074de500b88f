/*
 * erasures: the people who were erased, by receipt; and doing it again after a
 * backup has brought them back, which servers wait for before they serve.
 */
#include "auth/caller.h"
#include "base/arena.h"
#include "command_data.h"
#include "commands.h"
#include "db/db.h"
#include "mentoring/erasure.h"
#include "mentoring/ledger.h"
#include "mentoring/statistics.h"
#include "settings.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES_MAX (256 * 1024 * 1024) /* a million erasures */

static int usage(void)
{
    (void)fprintf(stderr, "usage: express-api erasures list\n"
                          "       express-api erasures replay\n");
    return EXIT_USAGE;
}

static int list(const struct workbench *workbench, struct arena *arena)
{
    struct erasure *erasures;
    size_t count;
    int r = erasure_list(workbench->db, arena, "-infinity", &erasures, &count);

    for (size_t i = 0; r == 0 && i < count; i++)
        (void)printf("%s %s %s %s\n", erasures[i].receipt, erasures[i].kind, erasures[i].cause,
                     erasures[i].erased_at);
    return r;
}

/* One after the other, each in a transaction of its own: what is done is done. */
static int replay(const struct workbench *workbench, const char *path, struct arena *arena)
{
    struct ledger missing = {0};
    size_t found = 0;
    int r = db_begin(workbench->db);

    if (r == 0)
        r = ledger_meet(workbench->db, path, arena, &missing);
    db_rollback(workbench->db); /* only read */
    for (size_t i = 0; r == 0 && i < missing.erasure_count; i++) {
        bool is_found = false;

        r = db_begin(workbench->db);
        if (r == 0)
            r = erasure_again(workbench->db, &missing.erasures[i], &is_found);
        if (r == 0)
            r = db_commit(workbench->db);
        else
            db_rollback(workbench->db);
        if (r == 0 && is_found)
            found++;
    }
    if (r == 0)
        (void)printf("replayed=%zu people=%zu\n", missing.erasure_count, found);
    for (size_t i = 0; r == 0 && i < missing.told_count; i++)
        (void)printf("statistics=%s were published, and are not made again\n",
                     missing.told[i].year);
    return r;
}

int command_erasures(const struct settings *settings, int count, char **words)
{
    const bool is_replay = count == 1 && strcmp(words[0], "replay") == 0;
    struct workbench workbench;
    struct arena arena;
    int r;

    if (!is_replay && (count != 1 || strcmp(words[0], "list") != 0))
        return usage();
    if (is_replay && settings->erasure_ledger[0] == '\0') {
        (void)fprintf(stderr, "express-api: set EXPRESS_ERASURE_LEDGER to the file that remembers "
                              "erasures\n");
        return EXIT_FAILURE;
    }
    if (workbench_open(settings, WORKBENCH_OWNER_ROLE, &workbench) != 0)
        return EXIT_FAILURE;
    arena_init(&arena, ARENA_BYTES_MAX);
    r = is_replay ? replay(&workbench, settings->erasure_ledger, &arena) : list(&workbench, &arena);
    if (r == LEDGER_UNUSABLE || r == LEDGER_DAMAGED)
        (void)fprintf(stderr, "express-api: %s: see the log\n", settings->erasure_ledger);
    else if (r != 0)
        workbench_tell(&workbench, is_replay ? "erasing again" : "reading the ledger");
    arena_deinit(&arena);
    workbench_close(&workbench);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
