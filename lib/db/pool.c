/*
 * Leases.
 *
 * The connection used last is leased first: its statements are prepared and
 * its backend's caches warm, and those beyond the need grow old and go. Who
 * has to wait stands in a queue and is handed a connection by name, so nobody
 * is overtaken by a newcomer.
 *
 * When the server is away, one failed attempt sets a time before which nobody
 * tries, and then one thread tries for all. Chance in that time keeps several
 * processes from coming back at once.
 */
#include "db/internal.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POOL_SIZE_MAX 100
#define LIFETIME_MS (30U * 60U * 1000U) /* a backend's memory grows, a host name moves */
#define IDLE_UNCHECKED_MS (30U * 1000U)
/* So long ago a connection was used that the server may have closed it since: looked at first. */
#define IDLE_TRUSTED_MS 100U

struct waiter {
    struct waiter *next;
    struct db *db; /* set by the thread that hands one over */
    pthread_cond_t handed;
};

struct db_pool {
    struct db_pool_settings settings; /* its texts are not ours and not kept */
    struct db_target *target;
    struct db *slots; /* settings.size of them */
    pthread_condattr_t monotonic;

    pthread_mutex_t lock; /* over all that follows */
    struct db *idle;      /* connected, used last first */
    struct db *empty;     /* without a connection */
    struct waiter *first_waiter;
    struct waiter **last_waiter;
    struct db_pool_figures figures;
    unsigned failures; /* to connect, in a row */
    uint64_t retry_ms; /* until then nobody tries */
    bool is_probed;    /* by one thread, after failures */
    unsigned host_turn;
};

static void lock(struct db_pool *pool)
{
    int r = pthread_mutex_lock(&pool->lock);

    assert(r == 0);
}

static void unlock(struct db_pool *pool)
{
    int r = pthread_mutex_unlock(&pool->lock);

    assert(r == 0);
}

int db_pool_new(const struct db_pool_settings *settings, struct db_pool **ret_pool)
{
    struct db_pool *pool;
    int r;

    assert(settings->size >= 1 && settings->size <= POOL_SIZE_MAX && settings->statements_max > 0);
    pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return fault_raise(-ENOMEM);
    pool->last_waiter = &pool->first_waiter;
    pool->settings = *settings;
    pool->settings.url = pool->settings.role = pool->settings.application = NULL;
    r = -(pthread_mutex_init(&pool->lock, NULL) + pthread_condattr_init(&pool->monotonic) +
          pthread_condattr_setclock(&pool->monotonic, CLOCK_MONOTONIC));
    assert(r == 0); /* glibc has no way to fail here */

    pool->slots = calloc(settings->size, sizeof(*pool->slots));
    r = pool->slots == NULL ? fault_raise(-ENOMEM) : db_target_new(settings, &pool->target);
    for (unsigned i = 0; r == 0 && i < settings->size; i++) {
        struct db *db = &pool->slots[i];

        db->pool = pool;
        db->statement_ms = settings->statement_ms;
        r = db_statements_init(&db->statements, settings->statements_max);
        db->next = pool->empty;
        pool->empty = db;
    }
    if (r != 0) {
        db_pool_free(pool);
        return r;
    }
    *ret_pool = pool;
    return 0;
}

void db_pool_free(struct db_pool *pool)
{
    if (pool == NULL)
        return;
    assert(pool->figures.leased == 0 && pool->first_waiter == NULL);
    for (unsigned i = 0; pool->slots != NULL && i < pool->settings.size; i++) {
        db_drop(&pool->slots[i]);
        db_statements_deinit(&pool->slots[i].statements);
    }
    free(pool->slots);
    db_target_free(pool->target);
    (void)pthread_mutex_destroy(&pool->lock); /* nobody holds it: it cannot fail */
    (void)pthread_condattr_destroy(&pool->monotonic);
    free(pool);
}

void db_pool_figures(struct db_pool *pool, struct db_pool_figures *ret_figures)
{
    lock(pool);
    *ret_figures = pool->figures;
    unlock(pool);
}

void db_pool_note_closed(struct db_pool *pool)
{
    lock(pool);
    pool->figures.open--;
    unlock(pool);
}

/* With the lock held: may nobody try to connect now? */
static bool backs_off(const struct db_pool *pool)
{
    return pool->failures > 0 && (pool->is_probed || clock_monotonic_ms() < pool->retry_ms);
}

static uint64_t retirement_ms(void)
{
    /* A tenth of chance, so that connections opened together do not all go together. */
    return clock_monotonic_ms() + LIFETIME_MS - clock_monotonic_us() % (LIFETIME_MS / 10);
}

int db_pool_connect(struct db *db)
{
    struct db_pool *pool = db->pool;
    struct pg_conn *pg = NULL;
    unsigned recovered_after = 0;
    bool probes;
    unsigned turn;
    int r;

    lock(pool);
    if (backs_off(pool)) {
        unlock(pool);
        return DB_UNAVAILABLE;
    }
    probes = pool->failures > 0;
    pool->is_probed = probes;
    turn = pool->host_turn;
    unlock(pool);

    r = db_target_open(pool->target, turn, &pg);

    lock(pool);
    if (probes)
        pool->is_probed = false;
    if (r == 0) {
        recovered_after = pool->failures;
        pool->failures = 0;
        pool->figures.open++;
    } else if (probes || pool->failures == 0) { /* several that failed at once count as one */
        pool->failures++;
        pool->retry_ms = clock_monotonic_ms() + db_backoff_ms(pool->failures);
    }
    if (r == DB_TIMEOUT)
        pool->host_turn = turn + 1;
    unlock(pool);

    if (r != 0)
        return r > 0 ? DB_UNAVAILABLE : r;
    if (recovered_after > 0)
        log_info("db.recovered", "failures=%u", recovered_after);
    db_adopt(db, pg, retirement_ms());
    return 0;
}

/* With the lock held: a connection, or room for one, for whoever asks now; else NULL. */
static struct db *take(struct db_pool *pool)
{
    struct db **list = &pool->idle;
    struct db *db;

    if (pool->idle == NULL && !backs_off(pool))
        list = &pool->empty;
    db = *list;
    if (db != NULL) {
        *list = db->next;
        pool->figures.leased++;
    }
    return db;
}

/* Gives @db to the first who waits, or puts it back. */
static void hand_on(struct db_pool *pool, struct db *db)
{
    struct waiter *waiter;
    struct db **list = db->pg != NULL ? &pool->idle : &pool->empty;

    lock(pool);
    pool->figures.statements += db->statement_count;
    pool->figures.lost += db->lost_count;
    pool->figures.timeouts += db->timeout_count;
    db->statement_count = db->lost_count = db->timeout_count = 0;
    waiter = pool->first_waiter;
    if (waiter != NULL) {
        pool->first_waiter = waiter->next;
        if (pool->first_waiter == NULL)
            pool->last_waiter = &pool->first_waiter;
        waiter->db = db;
        (void)pthread_cond_signal(&waiter->handed); /* cannot fail on an initialised one */
    } else {
        db->next = *list;
        *list = db;
        pool->figures.leased--;
    }
    unlock(pool);
}

static void leave_queue(struct db_pool *pool, const struct waiter *waiter)
{
    struct waiter **link = &pool->first_waiter;

    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
    if (*link == NULL)
        pool->last_waiter = link;
}

/* With the lock held, which waiting lets go. Return: 0; DB_BUSY; a fault. */
static int wait_for_one(struct db_pool *pool, struct db **ret_db)
{
    uint64_t start_us = clock_monotonic_us();
    uint64_t until_us = start_us + (uint64_t)pool->settings.wait_ms * 1000;
    struct timespec until = {.tv_sec = (time_t)(until_us / 1000000),
                             .tv_nsec = (long)(until_us % 1000000) * 1000};
    struct waiter waiter = {0};
    int r = 0;

    if (pool->figures.waiting >= pool->settings.waiters_max || pool->settings.wait_ms == 0) {
        pool->figures.busy++;
        return DB_BUSY;
    }
    if (pthread_cond_init(&waiter.handed, &pool->monotonic) != 0)
        return fault_raise(-ENOMEM);
    *pool->last_waiter = &waiter;
    pool->last_waiter = &waiter.next;
    pool->figures.waiting++;

    while (waiter.db == NULL && r == 0)
        r = pthread_cond_timedwait(&waiter.handed, &pool->lock, &until);
    if (waiter.db == NULL)
        leave_queue(pool, &waiter);
    pool->figures.waiting--;
    pool->figures.waits++;
    pool->figures.wait_us += clock_monotonic_us() - start_us;
    (void)pthread_cond_destroy(&waiter.handed); /* nobody else knows it any more */
    if (waiter.db == NULL) {
        pool->figures.busy++;
        return DB_BUSY;
    }
    *ret_db = waiter.db;
    return 0;
}

/* Connected, and as far as one can know without asking each time, alive. */
static int make_ready(struct db *db)
{
    uint64_t now_ms = clock_monotonic_ms();

    if (db->pg != NULL && now_ms >= db->retire_ms)
        db_drop(db);
    if (db->pg != NULL && now_ms - db->used_ms >= IDLE_TRUSTED_MS &&
        (now_ms - db->used_ms >= IDLE_UNCHECKED_MS || db_has_news(db)))
        db_check(db);
    return db->pg != NULL ? 0 : db_pool_connect(db);
}

int db_lease(struct db_pool *pool, struct db **ret_db)
{
    struct db *db;
    int r = 0;

    lock(pool);
    pool->figures.leases++;
    db = take(pool);
    if (db == NULL)
        r = pool->figures.open == 0 && backs_off(pool) ? DB_UNAVAILABLE : wait_for_one(pool, &db);
    unlock(pool);
    if (db == NULL)
        return r;

    r = make_ready(db);
    if (r != 0) {
        hand_on(pool, db);
        return r;
    }
    db_forget_failure(db);
    *ret_db = db;
    return 0;
}

void db_release(struct db *db)
{
    if (db == NULL)
        return;
    db_rollback(db);
    db->used_ms = clock_monotonic_ms();
    /* What a rollback leaves behind goes with the session. */
    if (db->session_marked || db->used_ms >= db->retire_ms)
        db_drop(db);
    db->session_marked = false;
    hand_on(db->pool, db);
}

void db_releasep(struct db **db)
{
    db_release(*db);
    *db = NULL;
}
