/*
 * audit: the log of who did what, verified against itself and against roots
 * that were kept elsewhere, and its old entries removed.
 */
#include "audit/audit.h"
#include "base/num.h"
#include "base/text.h"
#include "command_data.h"
#include "commands.h"
#include "db/db.h"
#include "settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWNER_ROLE "express_owner"
#define ROOTS_MAX 64
#define DAYS_MAX 36500
#define BATCH_ENTRIES 5000 /* a fraction of a second, for which writers may have to wait */
#define FAULTS_BYTES_MAX ((AUDIT_FAULTS_SHOWN + ROOTS_MAX) * 256)

static int usage(void)
{
    (void)fprintf(stderr, "usage: express-api audit verify [--expect ROOT]...\n"
                          "       express-api audit prune --days N\n");
    return EXIT_USAGE;
}

/* In a transaction of its own. */
static int take_seal(struct db *db, struct audit_seal *ret_seal)
{
    int r = db_begin(db);

    if (r != 0)
        return r;
    r = audit_seal(db, 0, ret_seal);
    if (r == 0)
        return db_commit(db);
    db_rollback(db);
    return r;
}

static int report(struct workbench *workbench, const struct audit_verdict *verdict,
                  const char *faults)
{
    struct audit_seal seal;

    if (verdict->faults > 0) {
        (void)fputs(faults, stderr);
        (void)printf("%" PRIu64 " entries in %" PRIu64 " chains, %" PRIu64 " faults\n",
                     verdict->entries, verdict->chains, verdict->faults);
        return EXIT_FAILURE;
    }
    if (take_seal(workbench->db, &seal) != 0) {
        workbench_tell(workbench, "sealing the audit log");
        return EXIT_FAILURE;
    }
    (void)printf("%" PRIu64 " entries in %" PRIu64 " chains, root %s\n", verdict->entries,
                 verdict->chains, seal.root);
    return EXIT_SUCCESS;
}

static int verify(const struct settings *settings, int count, char **words)
{
    const char *roots[ROOTS_MAX];
    size_t root_count = 0;
    struct workbench workbench;
    struct audit_verdict verdict;
    struct text faults;
    int code = EXIT_FAILURE;

    for (int i = 0; i < count; i += 2) {
        if (strcmp(words[i], "--expect") != 0 || i + 1 == count || root_count == ROOTS_MAX)
            return usage();
        if (!audit_is_root(words[i + 1])) {
            (void)fprintf(stderr, "express-api: a root has 64 hexadecimal digits\n");
            return EXIT_USAGE;
        }
        roots[root_count++] = words[i + 1];
    }
    if (workbench_open(settings, OWNER_ROLE, &workbench) != 0)
        return EXIT_FAILURE;
    text_init(&faults, FAULTS_BYTES_MAX);
    if (audit_verify(workbench.db, roots, root_count, &faults, &verdict) == 0)
        code = report(&workbench, &verdict, faults.bytes);
    else
        workbench_tell(&workbench, "verifying the audit log");
    text_deinit(&faults);
    workbench_close(&workbench);
    return code;
}

static int prune_batch(struct db *db, uint32_t days, uint64_t *ret_removed)
{
    int r = db_begin(db);

    if (r != 0)
        return r;
    r = audit_prune(db, days, BATCH_ENTRIES, ret_removed);
    if (r == 0)
        return db_commit(db);
    db_rollback(db);
    return r;
}

static int prune(const struct settings *settings, int count, char **words)
{
    struct workbench workbench;
    uint64_t removed = 0;
    uint64_t part;
    uint32_t days;
    int r;

    if (count != 2 || strcmp(words[0], "--days") != 0)
        return usage();
    if (!num_parse_u32(words[1], AUDIT_DAYS_MIN, DAYS_MAX, &days)) {
        (void)fprintf(stderr, "express-api: entries are kept for %d days or more\n",
                      AUDIT_DAYS_MIN);
        return EXIT_USAGE;
    }
    if (workbench_open(settings, OWNER_ROLE, &workbench) != 0)
        return EXIT_FAILURE;
    do {
        part = 0;
        r = prune_batch(workbench.db, days, &part);
        removed += part;
    } while (r == 0 && part > 0);
    if (r != 0)
        workbench_tell(&workbench, "removing entries of the audit log");
    (void)printf("%" PRIu64 " entries removed\n", removed);
    workbench_close(&workbench);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_audit(const struct settings *settings, int count, char **words)
{
    if (count >= 1 && strcmp(words[0], "verify") == 0)
        return verify(settings, count - 1, words + 1);
    if (count >= 1 && strcmp(words[0], "prune") == 0)
        return prune(settings, count - 1, words + 1);
    return usage();
}
