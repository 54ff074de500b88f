#include "restored.h"

#include "auth/caller.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "db/db.h"
#include "mentoring/ledger.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define ARENA_BYTES_MAX (256 * 1024 * 1024) /* a million erasures */
#define LOOK_MS 1000

struct restored {
    struct db_pool *pool; /* borrowed */
    const char *ledger;   /* borrowed */
    /* Counts what gave reason to doubt; and up to which of that all is well. */
    atomic_uint_fast64_t doubts, cleared;
    pthread_mutex_t mutex; /* of whoever looks */
    uint64_t looked_ms;    /* under the mutex; 0: never */
};

int restored_new(struct db_pool *pool, const char *ledger, struct restored **ret_restored)
{
    struct restored *restored = calloc(1, sizeof(*restored));

    if (restored == NULL)
        return fault_raise(-ENOMEM);
    restored->pool = pool;
    restored->ledger = ledger;
    if (pthread_mutex_init(&restored->mutex, NULL) != 0) {
        free(restored);
        return fault_raise(-ENOMEM);
    }
    *ret_restored = restored;
    return 0;
}

void restored_free(struct restored *restored)
{
    if (restored == NULL)
        return;
    (void)pthread_mutex_destroy(&restored->mutex);
    free(restored);
}

int restored_compare(struct restored *restored, size_t *ret_missing)
{
    const struct caller service = caller_service();
    struct ledger missing;
    struct arena arena;
    struct db *db = NULL;
    int r;

    *ret_missing = 0;
    if (restored->ledger[0] == '\0')
        return 0;
    r = db_lease(restored->pool, &db);
    if (r != 0)
        return r;
    arena_init(&arena, ARENA_BYTES_MAX);
    r = caller_begin(db, &service, "");
    if (r == 0)
        r = ledger_meet(db, restored->ledger, &arena, &missing);
    if (r == 0)
        *ret_missing = missing.erasure_count;
    arena_deinit(&arena);
    db_release(db);
    return r;
}

void restored_suspect(struct restored *restored)
{
    atomic_fetch_add(&restored->doubts, 1);
}

/* What comes up while this looks is a new doubt. */
static void look(struct restored *restored)
{
    const uint64_t doubts = atomic_load(&restored->doubts);
    size_t missing;
    int r = restored_compare(restored, &missing);

    if (r != 0) {
        log_warn("erasures.not_compared", "outcome=%d effect=\"nobody of mentoring is served\"", r);
    } else if (missing > 0) {
        log_error("erasures.missing",
                  "count=%zu effect=\"nobody of mentoring is served\" "
                  "mend=\"run express-api erasures replay\"",
                  missing);
    } else {
        atomic_store(&restored->cleared, doubts);
    }
}

bool restored_is_clear(struct restored *restored)
{
    if (atomic_load(&restored->cleared) == atomic_load(&restored->doubts))
        return true;
    (void)pthread_mutex_lock(&restored->mutex);
    if (atomic_load(&restored->cleared) != atomic_load(&restored->doubts) &&
        (restored->looked_ms == 0 || clock_monotonic_ms() - restored->looked_ms >= LOOK_MS)) {
        look(restored);
        restored->looked_ms = clock_monotonic_ms();
    }
    (void)pthread_mutex_unlock(&restored->mutex);
    return atomic_load(&restored->cleared) == atomic_load(&restored->doubts);
}
