#pragma once
/*
 * Migrations
 *
 * Numbered SQL files, run in order, each in a transaction, once for ever:
 * what was run is kept with its checksum, and a file that was changed since
 * is refused, because two databases would then differ in silence.
 */
#include "base/annotate.h"

#include <stddef.h>

struct db;
struct embedded_file;
struct text;

/*
 * The advisory lock of whoever changes the schema, the read model too: two that migrate at
 * once take turns. Any number that nobody else uses: "express" in ASCII.
 */
#define MIGRATE_LOCK_KEY "28560461287486323"

enum migrate_outcome {
    MIGRATE_CHANGED = 200, /* a migration that was run reads otherwise now */
    MIGRATE_NEWER          /* the database has one that this program does not know */
};

/*
 * migrate_run() - bring the schema up to date
 * @db:          of the login role that owns the database; waits for its turn
 *               when somebody else migrates
 * @ret_applied: how many were run now
 * @what:        names the migration when the result is not 0
 * Return: 0; MIGRATE_CHANGED; MIGRATE_NEWER; a db outcome; a fault.
 */
MUST_CHECK int migrate_run(struct db *db, const struct embedded_file *files, size_t count,
                           size_t *ret_applied, struct text *what);
