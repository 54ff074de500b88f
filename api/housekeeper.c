#include "housekeeper.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include "housekeeping/housekeeping.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

/* Nodes that were started together spread out: 45 to 75 seconds between two rounds. */
#define PAUSE_MS_MIN 45000
#define PAUSE_MS_SPREAD 30000

enum outcome { ROUND_DONE, ROUND_ELSEWHERE, ROUND_FAILED, ROUND_OUTCOMES };
static const char *const OUTCOMES[ROUND_OUTCOMES] = {
    [ROUND_DONE] = "done", [ROUND_ELSEWHERE] = "elsewhere", [ROUND_FAILED] = "failed"};

struct housekeeper {
    struct db_pool *pool; /* borrowed */
    struct housekeeping_settings settings;
    pthread_t thread;
    pthread_mutex_t mutex; /* of @stopping */
    pthread_cond_t woken;
    bool stopping;
    atomic_bool stop; /* the same, for whoever does not hold the mutex */
    atomic_uint_fast64_t removed[HOUSEKEEPING_KINDS];
    atomic_uint_fast64_t due[HOUSEKEEPING_DUES];
    atomic_uint_fast64_t rounds[ROUND_OUTCOMES];
};

/* Return: false when it is time to stop. */
static bool pause_between(struct housekeeper *housekeeper)
{
    unsigned chance = 0;
    struct timespec until;
    uint64_t until_ms;
    bool goes_on;

    if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != (ssize_t)sizeof(chance))
        chance = (unsigned)(clock_monotonic_us() & 0xffffU);
    until_ms = clock_monotonic_ms() + PAUSE_MS_MIN + chance % PAUSE_MS_SPREAD;
    until.tv_sec = (time_t)(until_ms / 1000);
    until.tv_nsec = (long)(until_ms % 1000) * 1000000;
    (void)pthread_mutex_lock(&housekeeper->mutex);
    while (!housekeeper->stopping &&
           pthread_cond_timedwait(&housekeeper->woken, &housekeeper->mutex, &until) == 0)
        continue;
    goes_on = !housekeeper->stopping;
    (void)pthread_mutex_unlock(&housekeeper->mutex);
    return goes_on;
}

static void tell(const struct housekeeping_figures *figures)
{
    uint64_t removed = 0;

    for (size_t i = 0; i < HOUSEKEEPING_KINDS; i++)
        removed += figures->removed[i];
    if (removed > 0)
        log_info("housekeeping.removed",
                 "idempotency_keys=%" PRIu64 " revoked_tokens=%" PRIu64
                 " proposal_contacts=%" PRIu64 " participants=%" PRIu64 " audit_entries=%" PRIu64,
                 figures->removed[HOUSEKEEPING_IDEMPOTENCY_KEYS],
                 figures->removed[HOUSEKEEPING_REVOKED_TOKENS],
                 figures->removed[HOUSEKEEPING_PROPOSAL_CONTACTS],
                 figures->removed[HOUSEKEEPING_PARTICIPANTS],
                 figures->removed[HOUSEKEEPING_AUDIT_ENTRIES]);
    if (figures->due[HOUSEKEEPING_EXPIRED_PAIRS] > 0 ||
        figures->due[HOUSEKEEPING_OVERDUE_MEETINGS] > 0)
        log_info("housekeeping.due", "expired_pairs=%" PRIu64 " overdue_meetings=%" PRIu64,
                 figures->due[HOUSEKEEPING_EXPIRED_PAIRS],
                 figures->due[HOUSEKEEPING_OVERDUE_MEETINGS]);
    if (figures->held > 0)
        log_error("retention.held",
                  "due_at_least=%" PRIu64
                  " effect=\"nobody is erased\" mend=\"look at the clock and "
                  "EXPRESS_RETENTION_DAYS, then run express-api housekeeping --erase-max N\"",
                  figures->held);
    if (figures->missing > 0)
        log_error("housekeeping.held",
                  "missing_erasures=%" PRIu64
                  " effect=\"nobody is erased by age, and no statistics are published\" "
                  "mend=\"run express-api erasures replay\"",
                  figures->missing);
    /* The log is kept elsewhere than the database: this line is what `audit verify --expect` takes.
     */
    if (figures->seal.is_new)
        log_info("audit.sealed", "number=%" PRIu64 " root=%s", figures->seal.number,
                 figures->seal.root);
}

static void do_round(struct housekeeper *housekeeper)
{
    struct housekeeping_figures figures;
    enum outcome outcome = ROUND_DONE;
    int r =
        housekeeping_run(housekeeper->pool, &housekeeper->settings, &housekeeper->stop, &figures);

    for (size_t i = 0; i < HOUSEKEEPING_KINDS; i++)
        atomic_fetch_add(&housekeeper->removed[i], figures.removed[i]);
    for (size_t i = 0; i < HOUSEKEEPING_DUES; i++)
        atomic_fetch_add(&housekeeper->due[i], figures.due[i]);
    tell(&figures);
    if (r != 0) {
        outcome = ROUND_FAILED;
        log_warn("housekeeping.failed", "outcome=%d effect=\"the next round goes on\"", r);
    } else if (figures.is_elsewhere) {
        outcome = ROUND_ELSEWHERE;
    }
    atomic_fetch_add(&housekeeper->rounds[outcome], 1);
}

static void *keep_house(void *data)
{
    struct housekeeper *housekeeper = data;

    while (pause_between(housekeeper))
        do_round(housekeeper);
    return NULL;
}

/* A condition that counts on the monotonic clock. */
static bool init_waiting(struct housekeeper *housekeeper)
{
    pthread_condattr_t attributes;
    bool done;

    if (pthread_condattr_init(&attributes) != 0)
        return false;
    done = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
           pthread_cond_init(&housekeeper->woken, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes);
    if (done && pthread_mutex_init(&housekeeper->mutex, NULL) != 0) {
        (void)pthread_cond_destroy(&housekeeper->woken);
        done = false;
    }
    return done;
}

static void release(struct housekeeper *housekeeper)
{
    (void)pthread_mutex_destroy(&housekeeper->mutex);
    (void)pthread_cond_destroy(&housekeeper->woken);
    free(housekeeper);
}

int housekeeper_start(struct db_pool *pool, const struct housekeeping_settings *settings,
                      struct housekeeper **ret_housekeeper)
{
    struct housekeeper *housekeeper = calloc(1, sizeof(*housekeeper));

    if (housekeeper == NULL)
        return fault_raise(-ENOMEM);
    housekeeper->pool = pool;
    housekeeper->settings = *settings;
    if (!init_waiting(housekeeper)) {
        free(housekeeper);
        return fault_raise(-ENOMEM);
    }
    if (pthread_create(&housekeeper->thread, NULL, keep_house, housekeeper) != 0) {
        release(housekeeper);
        return fault_raise(-EAGAIN);
    }
    *ret_housekeeper = housekeeper;
    return 0;
}

void housekeeper_stop(struct housekeeper *housekeeper)
{
    if (housekeeper == NULL)
        return;
    atomic_store(&housekeeper->stop, true);
    (void)pthread_mutex_lock(&housekeeper->mutex);
    housekeeper->stopping = true;
    (void)pthread_cond_signal(&housekeeper->woken);
    (void)pthread_mutex_unlock(&housekeeper->mutex);
    (void)pthread_join(housekeeper->thread, NULL);
    release(housekeeper);
}

void housekeeper_append_metrics(struct housekeeper *housekeeper, struct text *text)
{
    if (housekeeper == NULL)
        return;
    text_append(text,
                "# HELP express_housekeeping_removed_total Rows that have served their time.\n"
                "# TYPE express_housekeeping_removed_total counter\n");
    for (size_t i = 0; i < HOUSEKEEPING_KINDS; i++)
        text_append_format(text, "express_housekeeping_removed_total{kind=\"%s\"} %" PRIu64 "\n",
                           housekeeping_kind_name((enum housekeeping_kind)i),
                           atomic_load(&housekeeper->removed[i]));
    text_append(text, "# HELP express_housekeeping_due_total What was done because it was due.\n"
                      "# TYPE express_housekeeping_due_total counter\n");
    for (size_t i = 0; i < HOUSEKEEPING_DUES; i++)
        text_append_format(text, "express_housekeeping_due_total{kind=\"%s\"} %" PRIu64 "\n",
                           housekeeping_due_name((enum housekeeping_due)i),
                           atomic_load(&housekeeper->due[i]));
    text_append(text, "# HELP express_housekeeping_rounds_total Rounds, and what became of them.\n"
                      "# TYPE express_housekeeping_rounds_total counter\n");
    for (size_t i = 0; i < ROUND_OUTCOMES; i++)
        text_append_format(text, "express_housekeeping_rounds_total{outcome=\"%s\"} %" PRIu64 "\n",
                           OUTCOMES[i], atomic_load(&housekeeper->rounds[i]));
}
