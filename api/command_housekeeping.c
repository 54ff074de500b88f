/*
 * housekeeping: one round now, as servers do it about once a minute. For
 * databases without a server, and for whoever will not wait. Servers erase
 * nobody when more people are due than can be meant; here somebody may say that
 * so many are.
 */
#include "base/num.h"
#include "commands.h"
#include "db/db.h"
#include "housekeeping/housekeeping.h"
#include "options.h"
#include "settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PRIVATE_ROLE "express_writer"
#define STATEMENTS_MAX 20
#define PEOPLE_MAX 10000000
#define USAGE "usage: express-api housekeeping [--erase-max N]"

static void tell(const struct housekeeping_figures *figures)
{
    (void)printf("removed");
    for (size_t i = 0; i < HOUSEKEEPING_KINDS; i++)
        (void)printf(" %s=%" PRIu64, housekeeping_kind_name((enum housekeeping_kind)i),
                     figures->removed[i]);
    (void)printf("\n");
    if (figures->due[HOUSEKEEPING_EXPIRED_PAIRS] > 0 ||
        figures->due[HOUSEKEEPING_OVERDUE_MEETINGS] > 0 ||
        figures->due[HOUSEKEEPING_STATISTICS] > 0) {
        (void)printf("due");
        for (size_t i = 0; i < HOUSEKEEPING_DUES; i++)
            (void)printf(" %s=%" PRIu64, housekeeping_due_name((enum housekeeping_due)i),
                         figures->due[i]);
        (void)printf("\n");
    }
    if (figures->seal.is_new)
        (void)printf("sealed number=%" PRIu64 " root=%s\n", figures->seal.number,
                     figures->seal.root);
    if (figures->held > 0)
        (void)printf("held participants=%" PRIu64 " or more: nobody was erased, see --erase-max\n",
                     figures->held);
    if (figures->missing > 0)
        (void)printf("held erasures=%" PRIu64 " of the ledger are missing: nobody was erased, see "
                     "express-api erasures replay\n",
                     figures->missing);
    if (figures->is_elsewhere)
        (void)printf("another node is at it\n");
}

int command_housekeeping(const struct settings *settings, int count, char **words)
{
    static const atomic_bool NEVER = false;
    const struct db_pool_settings pool_settings = {.url = settings->database_url,
                                                   .role = PRIVATE_ROLE,
                                                   .application = "express-api command",
                                                   .size = 1,
                                                   .waiters_max = 1,
                                                   .wait_ms = 1000,
                                                   .statements_max = STATEMENTS_MAX};
    struct housekeeping_settings round = {.audit_days = settings->audit_days,
                                          .retention_days = settings->retention_days,
                                          .erasure_ledger = settings->erasure_ledger};
    struct option_value options[] = {{.name = "--erase-max"}};
    struct housekeeping_figures figures;
    struct db_pool *pool = NULL;
    int r;

    if (!options_read(options, ARRAY_LENGTH(options), count, words, USAGE))
        return EXIT_USAGE;
    if (options[0].text != NULL &&
        !num_parse_u32(options[0].text, 1, PEOPLE_MAX, &round.retention_max)) {
        (void)fprintf(stderr, "express-api: --erase-max is a number from 1 to %d\n" USAGE "\n",
                      PEOPLE_MAX);
        return EXIT_USAGE;
    }
    if (!settings_name_database(settings, stderr) || db_pool_new(&pool_settings, &pool) != 0)
        return EXIT_FAILURE;
    r = housekeeping_run(pool, &round, &NEVER, &figures);
    db_pool_free(pool);
    tell(&figures);
    if (r != 0)
        (void)fprintf(stderr, "express-api: the round ended early; see the log\n");
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
