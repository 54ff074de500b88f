/*
 * It follows the log of changes: whoever asks first, when it is due, looks for all. What is in
 * memory is shown meanwhile, and for a while when the database cannot be asked.
 */
#include "coverage/profiles_internal.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/num.h"
#include "base/text.h"
#include "coverage/arrays.h"
#include "coverage/evidence.h"
#include "coverage/steps.h"
#include "db/db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_ITEMS 5000      /* at once: each statement stays far below its time limit */
#define AGE_US_MAX 1000000ull /* changes may not have been heard of */
#define ARENA_BYTES_MAX (16 * 1024 * 1024)
#define IDLE_BYTES_MAX 1024

/* --- following the database --------------------------------------------------------------------
 */

#define MICROSECONDS(time) "coalesce((extract(epoch from " time ") * 1000000)::bigint, 0), "
#define UPDATED MICROSECONDS("p.updated_at")
#define LOOKED MICROSECONDS("coalesce(p.verified_at, p.updated_at)")
#define DUE MICROSECONDS("p.verify_due")
#define ENDED MICROSECONDS("(p.ended_on_last + 1)::timestamptz")
/* All terms of a practice are fetched once, and told apart. */
#define TERMS_OF_PRACTICE                                                                          \
    "cross join lateral (select coalesce(string_agg(t.term, ' ') filter (where "                   \
    "split_part(t.term, '=', 1) in ('value_chain_steps', 'target_groups', 'sectors', "             \
    "'municipality_roles', 'good_practice_themes')), '') as compared, "                            \
    "coalesce(string_agg(substr(t.term, 15), ' ') filter (where t.term >= 'organisations@' "       \
    "and t.term < 'organisations@g'), '') as organisations, "                                      \
    "coalesce(string_agg(substr(t.term, 18), ' ') filter (where t.term >= 'impact.indicator=' "    \
    "and t.term < 'impact.indicator>'), '') as indicators "                                        \
    "from published.practices_terms t where t.id = p.id) o "
/* Most have neither: records are looked up for terms that are there. */
#define ADOPTIONS                                                                                  \
    "(select string_agg((select 'a' || a.id || '=' || a.result from published.adoptions a "        \
    "where a.id = t.id and a.result in ('works', 'partly', 'trying')), ' ') "                      \
    "from published.adoptions_terms t where t.term = 'practice@' || p.id)"
#define LEGAL_BASES                                                                                \
    "(select string_agg((select 'l' || b.id || '=' || coalesce(b.country, '') || '/' || "          \
    "coalesce(b.scope, '') || '/' || b.kind from published.legal_bases b where b.id = t.id), "     \
    "' ') from published.legal_bases_terms t where t.term = 'practices@' || p.id)"
#define EVIDENCE "concat_ws(' ', " ADOPTIONS ", " LEGAL_BASES "), "
#define TIMES UPDATED LOOKED DUE ENDED
#define IS_IDLE "coalesce(p.activity_status = any($1::text[]), false) "
#define PROFILE                                                                                    \
    "select p.id, coalesce(p.country, ''), o.compared, o.organisations, " EVIDENCE                 \
    "o.indicators, " TIMES IS_IDLE "from published.practices p " TERMS_OF_PRACTICE
enum { ID, COUNTRY, OF_TERMS, BEHIND, OF_EVIDENCE, OF_IMPACT, FIRST_TIME, IDLE = FIRST_TIME + 4 };
static const struct db_query SNAPSHOT = {
    .name = "profiles_snapshot",
    .sql = "select pg_current_snapshot(), coalesce(pg_snapshot_xmin(pg_current_snapshot()) "
           "< pg_snapshot_xmin($1::pg_snapshot), true)",
    .param_count = 1,
};
/*
 * However long a transaction stays open, what others have committed meanwhile comes once. First
 * come adoptions and legal bases, then practices: also those that such a one is about now.
 */
#define OF_CHANGED(table, prefix, end, resource)                                                   \
    "select substr(t.term, length('" prefix "') + 1)::uuid, true from changed c "                  \
    "join published." table "_terms t on t.id = c.record_id and t.term >= '" prefix "' "           \
    "and t.term < '" end "' where c.resource = '" resource "'"
static const struct db_query CHANGED = {
    .name = "profiles_changed",
    .sql = "with changed as materialized (select distinct c.resource, c.record_id "
           "from catalogue.change c where c.resource in ('practices', 'adoptions', 'legal-bases') "
           "and c.xid >= pg_snapshot_xmin($1::pg_snapshot) "
           "and not pg_visible_in_snapshot(c.xid, $1::pg_snapshot)) "
           "select record_id, resource = 'practices' from changed union " OF_CHANGED(
               "adoptions", "practice@", "practiceA",
               "adoptions") " union " OF_CHANGED("legal_bases", "practices@", "practicesA",
                                                 "legal-bases") " order by 2, 1",
    .param_count = 1,
};
static const struct db_query NEXT = {
    .name = "profiles_next",
    .sql = PROFILE "where p.id > $2::uuid order by p.id limit $3::integer",
    .param_count = 3,
};
static const struct db_query THESE = {
    .name = "profiles_these", .sql = PROFILE "where p.id = any($2::uuid[])", .param_count = 2};

static int take(struct shelf *shelf, const struct db_rows *rows)
{
    int r = 0;

    for (size_t i = 0; i < db_rows_count(rows) && r == 0; i++) {
        struct profiles_item item = {.id = db_rows_text(rows, i, ID),
                                     .country = db_rows_text(rows, i, COUNTRY),
                                     .terms = db_rows_text(rows, i, OF_TERMS),
                                     .organisations = db_rows_text(rows, i, BEHIND),
                                     .evidence = db_rows_text(rows, i, OF_EVIDENCE),
                                     .indicators = db_rows_text(rows, i, OF_IMPACT),
                                     .is_idle = db_rows_text(rows, i, IDLE)[0] == 't'};
        int64_t *const times[] = {&item.updated_us, &item.looked_us, &item.due_us, &item.ended_us};

        for (int j = 0; j < 4 && r == 0; j++)
            if (!num_parse_i64(db_rows_text(rows, i, FIRST_TIME + j), INT64_MIN, INT64_MAX,
                               times[j]))
                r = fault_raise(-EPROTO);
        if (r == 0)
            r = shelf_put(shelf, &item);
    }
    return r;
}

/* {proposed,planned,…}: of plain words. */
static void idle_states(struct text *literal)
{
    for (size_t i = 0; i < IDLE_STATE_COUNT; i++)
        array_append(literal, IDLE_STATES[i]);
    text_append_char(literal, '}');
}

static int fill(struct profiles *profiles, struct shelf *shelf, struct db *db, const char *idle)
{
    static const char LIMIT[] = "5000"; /* BATCH_ITEMS */
    char last[PROFILES_ID_BYTES] = "00000000-0000-0000-0000-000000000000";
    size_t count = BATCH_ITEMS;

    while (count == BATCH_ITEMS) {
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
        int r = db_run(db, &NEXT, (const char *const[]){idle, last, LIMIT}, &rows);

        if (r == 0)
            r = take(shelf, rows);
        if (r == 0 && atomic_load(&profiles->is_stopping))
            return -ECANCELED; /* not raised: nobody waits for the answer */
        if (r != 0)
            return r;
        count = db_rows_count(rows);
        if (count > 0)
            (void)snprintf(last, sizeof(last), "%s", db_rows_text(rows, count - 1, 0));
    }
    return 0;
}

/* A new shelf in the place of the old one, once it is full. */
static int load_all(struct profiles *profiles, struct db *db, const char *idle)
{
    struct shelf *shelf = calloc(1, sizeof(*shelf)), *old = shelf;
    const int r = shelf == NULL ? fault_raise(-ENOMEM) : fill(profiles, shelf, db, idle);

    if (r == 0) {
        (void)pthread_rwlock_wrlock(&profiles->lock);
        old = profiles->shelf;
        profiles->shelf = shelf;
        (void)pthread_rwlock_unlock(&profiles->lock);
    }
    shelf_free(old);
    return r;
}

/* What is no longer published is not among the rows, and goes. */
static int load_batch(struct profiles *profiles, struct db *db, const char *idle,
                      const char *const *ids, size_t count)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *literal;
    struct arena arena;
    int r;

    arena_init(&arena, ARENA_BYTES_MAX);
    literal = array_of_texts(&arena, ids, count);
    r = literal == NULL ? fault_raise(-ENOMEM)
                        : db_run(db, &THESE, (const char *const[]){idle, literal}, &rows);
    (void)pthread_rwlock_wrlock(&profiles->lock);
    for (size_t i = 0; i < count && r == 0; i++)
        shelf_forget(profiles->shelf, shelf_find(profiles->shelf, ids[i]));
    if (r == 0)
        r = take(profiles->shelf, rows);
    (void)pthread_rwlock_unlock(&profiles->lock);
    arena_deinit(&arena);
    return r;
}

static int load_these(struct profiles *profiles, struct db *db, const char *idle,
                      const char *const *ids, size_t count)
{
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i += BATCH_ITEMS)
        r = load_batch(profiles, db, idle, ids + i,
                       count - i < BATCH_ITEMS ? count - i : BATCH_ITEMS);
    return r;
}

static int compare_ids(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;

    return strncmp(*a, *b, EVIDENCE_ID_LENGTH);
}

/* Does it know of one of these adoptions and legal bases? */
static bool is_touched(const struct profile *profile, const char *const *ids, size_t count)
{
    const char *at = profile->evidence;
    struct evidence_item item;

    while (at != NULL && evidence_next(&at, &item))
        if (bsearch(&item.id, ids, count, sizeof(*ids), compare_ids) != NULL)
            return true;
    return false;
}

struct id_text {
    char text[PROFILES_ID_BYTES];
};

/* Practices that know of one of these: it was about them, and need not be any more. Nobody else
 * changes the shelf meanwhile. @ret_found: owned, free(). */
static int find_touched(const struct shelf *shelf, const char *const *ids, size_t count,
                        struct id_text **ret_found, size_t *ret_count)
{
    size_t at = 0, most = 0;

    for (size_t i = 0; i < shelf->count; i++)
        most += is_touched(&shelf->items[i], ids, count) ? 1 : 0;
    *ret_found = calloc(most + 1, sizeof(**ret_found));
    if (*ret_found == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < shelf->count; i++)
        if (is_touched(&shelf->items[i], ids, count))
            shelf_write_id(shelf->items[i].id, (*ret_found)[at++].text);
    *ret_count = at;
    return 0;
}

static int load_touched(struct profiles *profiles, struct db *db, const char *idle,
                        const char *const *changed, size_t changed_count)
{
    struct id_text *found = NULL;
    const char **ids = NULL;
    size_t count = 0;
    int r = find_touched(profiles->shelf, changed, changed_count, &found, &count);

    if (r == 0 && count > 0) {
        ids = calloc(count, sizeof(*ids));
        r = ids == NULL ? fault_raise(-ENOMEM) : 0;
    }
    for (size_t i = 0; i < count && r == 0; i++)
        ids[i] = found[i].text;
    if (r == 0)
        r = load_these(profiles, db, idle, ids, count);
    free(ids);
    free(found);
    return r;
}

static int load_changed(struct profiles *profiles, struct db *db, const char *idle)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char **ids;
    size_t count, evidence = 0;
    int r = db_run(db, &CHANGED, (const char *const[]){profiles->seen}, &rows);

    if (r != 0)
        return r;
    count = db_rows_count(rows);
    ids = calloc(count + 1, sizeof(*ids));
    if (ids == NULL)
        return fault_raise(-ENOMEM);
    for (size_t i = 0; i < count; i++) {
        ids[i] = db_rows_text(rows, i, 0);
        evidence += db_rows_text(rows, i, 1)[0] == 'f' ? 1 : 0;
    }
    if (evidence > 0)
        r = load_touched(profiles, db, idle, ids, evidence);
    if (r == 0)
        r = load_these(profiles, db, idle, ids + evidence, count - evidence);
    free(ids);
    return r;
}

/* In one snapshot; what it does not show is what the next look is for. */
static int load(struct profiles *profiles, struct db *db, const char *idle)
{
    CLEANUP(db_rows_freep) struct db_rows *snapshot = NULL;
    const bool is_first = !atomic_load(&profiles->is_loaded);
    char *seen;
    int r = db_begin_snapshot(db);

    if (r == 0)
        r = db_run(db, &SNAPSHOT, (const char *const[]){is_first ? NULL : profiles->seen},
                   &snapshot);
    if (r != 0)
        return r;
    seen = strdup(db_rows_text(snapshot, 0, 0));
    if (seen == NULL)
        return fault_raise(-ENOMEM);
    /* A database whose transactions are behind what was seen is another one. */
    if (is_first || db_rows_text(snapshot, 0, 1)[0] == 't')
        r = load_all(profiles, db, idle);
    else
        r = load_changed(profiles, db, idle);
    if (r != 0) {
        free(seen);
        return r;
    }
    free(profiles->seen);
    profiles->seen = seen;
    return 0;
}

/* Is it of use still? */
static bool may_be_shown(struct profiles *profiles)
{
    const uint64_t refreshed_us = atomic_load(&profiles->refreshed_us); /* before the clock */

    return atomic_load(&profiles->is_loaded) &&
           clock_monotonic_us() - refreshed_us <= PROFILES_AGE_S * UINT64_C(1000000);
}

static bool is_due(struct profiles *profiles, uint64_t generation)
{
    const uint64_t now_us = clock_monotonic_us();

    if (!may_be_shown(profiles))
        return true;
    /* What failed a moment ago would fail again, and take its time for it. */
    if (profiles->tried_us > atomic_load(&profiles->refreshed_us))
        return now_us - profiles->tried_us > AGE_US_MAX;
    return profiles->generation != generation ||
           now_us - atomic_load(&profiles->refreshed_us) > AGE_US_MAX;
}

/* Holding the lock. */
static int look(struct profiles *profiles, uint64_t generation)
{
    struct db *db = NULL;
    struct text idle;
    int r = db_lease(profiles->pool, &db);

    text_init(&idle, IDLE_BYTES_MAX);
    idle_states(&idle);
    if (r == 0)
        r = text_failed(&idle) ? fault_raise(-ENOMEM) : load(profiles, db, idle.bytes);
    db_release(db);
    text_deinit(&idle);
    profiles->tried_us = clock_monotonic_us();
    profiles->outcome = r;
    if (r == 0) {
        atomic_store(&profiles->refreshed_us, profiles->tried_us);
        atomic_store(&profiles->is_loaded, true);
        profiles->generation = generation;
    } else if (r != -ECANCELED && may_be_shown(profiles)) {
        log_warn("profiles.refresh", "outcome=%d action=\"practices as they were\"", r);
        r = 0;
    }
    return r;
}

int profiles_refresh(struct profiles *profiles, uint64_t generation)
{
    const uint64_t came_us = clock_monotonic_us();
    int r = 0;

    if (!may_be_shown(profiles))
        (void)pthread_mutex_lock(&profiles->refreshing);
    else if (pthread_mutex_trylock(&profiles->refreshing) != 0)
        return 0; /* somebody is at it: what there is now is a moment old */
    if (profiles->tried_us > came_us && profiles->outcome != 0 && !may_be_shown(profiles))
        r = profiles->outcome; /* who waited hears what came of it, and does not wait once more */
    else if (is_due(profiles, generation))
        r = look(profiles, generation);
    (void)pthread_mutex_unlock(&profiles->refreshing);
    return r;
}

static void *load_first(void *data)
{
    const uint64_t started_us = clock_monotonic_us();
    struct profiles *profiles = data;
    const int r = profiles_refresh(profiles, 0);

    if (r == 0)
        log_info("profiles.loaded", "practices=%zu duration_us=%llu", profiles_count(profiles),
                 (unsigned long long)(clock_monotonic_us() - started_us));
    else if (!atomic_load(&profiles->is_stopping))
        log_warn("profiles.load", "outcome=%d action=later", r);
    (void)sem_post(&profiles->loader_ended); /* from here on @profiles may be gone */
    return NULL;
}

/* --- its life ----------------------------------------------------------------------------------
 */

int profiles_new_empty(struct profiles **ret_profiles)
{
    struct profiles *profiles = calloc(1, sizeof(*profiles));
    bool has_mutex, has_lock = false;

    if (profiles == NULL)
        return fault_raise(-ENOMEM);
    profiles->shelf = calloc(1, sizeof(*profiles->shelf));
    has_mutex = pthread_mutex_init(&profiles->refreshing, NULL) == 0;
    if (has_mutex)
        has_lock = pthread_rwlock_init(&profiles->lock, NULL) == 0;
    if (profiles->shelf == NULL || !has_lock) {
        if (has_lock)
            (void)pthread_rwlock_destroy(&profiles->lock); /* nobody holds them */
        if (has_mutex)
            (void)pthread_mutex_destroy(&profiles->refreshing);
        free(profiles->shelf);
        free(profiles);
        return fault_raise(-ENOMEM);
    }
    *ret_profiles = profiles;
    return 0;
}

int profiles_new(struct db_pool *pool, struct profiles **ret_profiles)
{
    struct profiles *profiles = NULL;
    const int r = profiles_new_empty(&profiles);
    pthread_t loader;

    if (r != 0)
        return r;
    profiles->pool = pool;
    /* Without the thread the first request loads. */
    profiles->has_loader = sem_init(&profiles->loader_ended, 0, 0) == 0;
    if (profiles->has_loader && pthread_create(&loader, NULL, load_first, profiles) != 0) {
        (void)sem_destroy(&profiles->loader_ended);
        profiles->has_loader = false;
    }
    if (profiles->has_loader)
        (void)pthread_detach(loader);
    *ret_profiles = profiles;
    return 0;
}

void profiles_free(struct profiles *profiles)
{
    if (profiles == NULL)
        return;
    atomic_store(&profiles->is_stopping, true);
    if (profiles->has_loader) {
        while (sem_wait(&profiles->loader_ended) != 0)
            continue; /* a signal came between; it ends by itself */
        (void)sem_destroy(&profiles->loader_ended);
    }
    (void)pthread_rwlock_destroy(&profiles->lock); /* nobody holds them any more */
    (void)pthread_mutex_destroy(&profiles->refreshing);
    shelf_free(profiles->shelf);
    free(profiles->seen);
    free(profiles);
}

int profiles_put(struct profiles *profiles, const struct profiles_item *item)
{
    int r;

    (void)pthread_rwlock_wrlock(&profiles->lock);
    r = shelf_put(profiles->shelf, item);
    (void)pthread_rwlock_unlock(&profiles->lock);
    return r;
}

void profiles_remove(struct profiles *profiles, const char *id)
{
    (void)pthread_rwlock_wrlock(&profiles->lock);
    shelf_forget(profiles->shelf, shelf_find(profiles->shelf, id));
    (void)pthread_rwlock_unlock(&profiles->lock);
}

size_t profiles_count(struct profiles *profiles)
{
    size_t count;

    (void)pthread_rwlock_rdlock(&profiles->lock);
    count = profiles->shelf->there_count;
    (void)pthread_rwlock_unlock(&profiles->lock);
    return count;
}
