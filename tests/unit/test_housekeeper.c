#include "housekeeper.h"

#include "base/clock.h"
#include "base/text.h"
#include "db/db.h"
#include "housekeeping/housekeeping.h"
#include "support/leaks.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <string.h>

#define STOP_MS_MAX 1000 /* of nothing to wait for */

TestSuite(housekeeper, .fini = test_ends_without_leaks, .timeout = 60);

static const struct housekeeping_settings SETTINGS = {.audit_days = 365, .erasure_ledger = ""};

/* Of a database that is not there. */
static struct db_pool *pool_of_nothing(void)
{
    const struct db_pool_settings settings = {.url = "host=/nonexistent",
                                              .role = "express_writer",
                                              .size = 1,
                                              .waiters_max = 1,
                                              .wait_ms = 100,
                                              .statements_max = 10};
    struct db_pool *pool = NULL;

    cr_assert_eq(db_pool_new(&settings, &pool), 0);
    return pool;
}

Test(housekeeper, between_two_rounds_it_stops_at_once)
{
    struct db_pool *pool = pool_of_nothing();
    struct housekeeper *housekeeper = NULL;
    uint64_t began_ms;

    cr_assert_eq(housekeeper_start(pool, &SETTINGS, &housekeeper), 0);
    began_ms = clock_monotonic_ms();
    housekeeper_stop(housekeeper);
    cr_assert_lt(clock_monotonic_ms() - began_ms, STOP_MS_MAX);
    housekeeper_stop(NULL);
    db_pool_free(pool);
}

Test(housekeeper, a_round_without_a_database_is_an_outcome_and_removes_nothing)
{
    struct db_pool *pool = pool_of_nothing();
    struct housekeeping_figures figures;
    atomic_bool stop = false;

    cr_assert_eq(housekeeping_run(pool, &SETTINGS, &stop, &figures), DB_UNAVAILABLE);
    for (size_t i = 0; i < HOUSEKEEPING_KINDS; i++)
        cr_assert_eq(figures.removed[i], 0);
    cr_assert_not(figures.is_elsewhere);
    cr_assert_eq(figures.seal.number, 0);
    db_pool_free(pool);
}

Test(housekeeper, its_metrics_name_every_kind_and_outcome)
{
    static const char *const SERIES[] = {
        "express_housekeeping_removed_total{kind=\"idempotency_keys\"} 0\n",
        "express_housekeeping_removed_total{kind=\"revoked_tokens\"} 0\n",
        "express_housekeeping_removed_total{kind=\"proposal_contacts\"} 0\n",
        "express_housekeeping_due_total{kind=\"expired_pairs\"} 0\n",
        "express_housekeeping_due_total{kind=\"overdue_meetings\"} 0\n",
        "express_housekeeping_removed_total{kind=\"erasure_askers\"} 0\n",
        "express_housekeeping_removed_total{kind=\"participants\"} 0\n",
        "express_housekeeping_removed_total{kind=\"audit_entries\"} 0\n",
        "express_housekeeping_rounds_total{outcome=\"done\"} 0\n",
        "express_housekeeping_rounds_total{outcome=\"elsewhere\"} 0\n",
        "express_housekeeping_rounds_total{outcome=\"failed\"} 0\n",
    };
    struct db_pool *pool = pool_of_nothing();
    struct housekeeper *housekeeper = NULL;
    struct text text;

    text_init(&text, 8192);
    housekeeper_append_metrics(NULL, &text);
    cr_assert_str_empty(text.bytes);
    cr_assert_eq(housekeeper_start(pool, &SETTINGS, &housekeeper), 0);
    housekeeper_append_metrics(housekeeper, &text);
    for (size_t i = 0; i < ARRAY_LENGTH(SERIES); i++)
        cr_assert_not_null(strstr(text.bytes, SERIES[i]), "%s in %s", SERIES[i], text.bytes);
    housekeeper_stop(housekeeper);
    text_deinit(&text);
    db_pool_free(pool);
}
