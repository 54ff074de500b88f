/*
 * Why in memory, and not in the database: the best of a ranking by many common terms cannot be
 * found without looking at most of what has them. In SQL that is a walk over index entries, ten
 * times slower than here over words of bits, which are exact all the same.
 *
 * A practice keeps its place when it goes (it often comes back), marked as gone; a full load, at
 * the start and when the database turns out to be another one, begins anew.
 */
#include "coverage/profiles.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "base/text.h"
#include "coverage/arrays.h"
#include "coverage/evidence.h"
#include "coverage/steps.h"
#include "db/db.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (PROFILES_TERMS_MAX / 64)
#define TERM_BYTES 96 /* "target_groups=women_far_from_employment" */
#define COUNTRY_BYTES 3
#define ID_BYTES 16
#define BATCH_ITEMS 5000      /* at once: each statement stays far below its time limit */
#define AGE_US_MAX 1000000ull /* changes may not have been heard of */
#define ARENA_BYTES_MAX (16 * 1024 * 1024)
#define PLACES_MIN 1024
#define IDLE_BYTES_MAX 1024
#define TERM_PLACES 1024 /* four times as many as terms, a power of two */

struct profile {
    unsigned char id[ID_BYTES];
    uint64_t terms[WORDS];
    int64_t updated_us, looked_us, due_us, ended_us;
    char *organisations; /* owned */
    char *evidence;      /* owned; NULL: none */
    char *indicators;    /* likewise */
    char country[COUNTRY_BYTES];
    bool is_idle;
    bool is_there;
};

static_assert(sizeof(struct profile) == PROFILES_ITEM_BYTES, "profiles.h says how many");

/* All of them, at one time. */
struct shelf {
    struct profile *items;
    size_t count, capacity;
    size_t there_count;
    uint32_t *places; /* of items by hash of the id, + 1; 0: free */
    size_t place_count;
    char terms[PROFILES_TERMS_MAX][TERM_BYTES];
    uint32_t frequencies[PROFILES_TERMS_MAX];
    size_t term_count;
    uint16_t numbers[TERM_PLACES]; /* of terms by hash, + 1; 0: free */
};

struct profiles {
    struct db_pool *pool;
    bool has_loader; /* a thread that nobody joins: the process may end at any moment */
    sem_t loader_ended;

    atomic_bool is_stopping;

    pthread_mutex_t refreshing; /* one at a time; over the three that follow */
    atomic_bool is_loaded;      /* set by who holds it */
    char *seen;                 /* owned; pg_snapshot: what it shows has been taken over */
    uint64_t generation;
    uint64_t tried_us;          /* the last look, whatever came of it */
    int outcome;                /* what did */
    atomic_ullong refreshed_us; /* the last that succeeded; set by who holds it */

    pthread_rwlock_t lock; /* over the shelf */
    struct shelf *shelf;
};

/* --- ids ---------------------------------------------------------------------------------------
 */

static int digit(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/* Ids come from the database, in its one form. */
static bool read_id(const char *text, unsigned char ret_id[ID_BYTES])
{
    size_t count = 0;

    for (const char *at = text; *at != '\0' && count < ID_BYTES;) {
        if (*at == '-') {
            at++;
            continue;
        }
        if (digit(at[0]) < 0 || digit(at[1]) < 0)
            return false;
        ret_id[count++] = (unsigned char)(digit(at[0]) << 4 | digit(at[1]));
        at += 2;
    }
    return count == ID_BYTES;
}

static void write_id(const unsigned char id[ID_BYTES], char ret_text[PROFILES_ID_BYTES])
{
    static const char DIGITS[] = "0123456789abcdef";
    size_t length = 0;

    for (size_t i = 0; i < ID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            ret_text[length++] = '-';
        ret_text[length++] = DIGITS[id[i] >> 4];
        ret_text[length++] = DIGITS[id[i] & 15];
    }
    ret_text[length] = '\0';
}

/* FNV-1a: ids and terms are ours, nobody can choose them to collide. */
static size_t hash(const void *bytes, size_t size_bytes)
{
    const unsigned char *at = bytes;
    uint64_t value = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < size_bytes; i++)
        value = (value ^ at[i]) * UINT64_C(1099511628211);
    return (size_t)(value ^ value >> 32);
}

/* The place of the id, or the free one where it would be. */
static uint32_t *place_of(const struct shelf *shelf, const unsigned char id[ID_BYTES])
{
    size_t at = hash(id, ID_BYTES) & (shelf->place_count - 1);

    while (shelf->places[at] != 0 &&
           memcmp(shelf->items[shelf->places[at] - 1].id, id, ID_BYTES) != 0)
        at = (at + 1) & (shelf->place_count - 1);
    return &shelf->places[at];
}

static struct profile *find(const struct shelf *shelf, const char *text)
{
    unsigned char id[ID_BYTES];
    uint32_t place;

    if (text == NULL || shelf->place_count == 0 || !read_id(text, id))
        return NULL;
    place = *place_of(shelf, id);
    return place == 0 ? NULL : &shelf->items[place - 1];
}

/* --- keeping -----------------------------------------------------------------------------------
 */

static int grow(struct shelf *shelf)
{
    const size_t capacity = shelf->capacity == 0 ? PLACES_MIN : shelf->capacity * 2;
    struct profile *items = realloc(shelf->items, capacity * sizeof(*items));
    uint32_t *places;

    if (items == NULL)
        return fault_raise(-ENOMEM);
    shelf->items = items;
    places = calloc(capacity * 2, sizeof(*places));
    if (places == NULL)
        return fault_raise(-ENOMEM);
    free(shelf->places);
    shelf->places = places;
    shelf->place_count = capacity * 2;
    shelf->capacity = capacity;
    for (size_t i = 0; i < shelf->count; i++)
        *place_of(shelf, shelf->items[i].id) = (uint32_t)i + 1;
    return 0;
}

/* The number of a term; a new one when @adds. -1: there is none, or no more room. */
static int number_of(struct shelf *shelf, const char *term, size_t length, bool adds)
{
    size_t at = hash(term, length) & (TERM_PLACES - 1);

    for (; shelf->numbers[at] != 0; at = (at + 1) & (TERM_PLACES - 1)) {
        const char *known = shelf->terms[shelf->numbers[at] - 1];

        if (strncmp(known, term, length) == 0 && known[length] == '\0')
            return shelf->numbers[at] - 1;
    }
    if (!adds || shelf->term_count == PROFILES_TERMS_MAX || length >= TERM_BYTES)
        return -1;
    memcpy(shelf->terms[shelf->term_count], term, length);
    shelf->terms[shelf->term_count][length] = '\0';
    shelf->numbers[at] = (uint16_t)++shelf->term_count;
    return (int)shelf->term_count - 1;
}

static void count_terms(struct shelf *shelf, const struct profile *profile, bool adds)
{
    for (size_t i = 0; i < PROFILES_TERMS_MAX; i++)
        if ((profile->terms[i / 64] >> (i % 64) & 1) != 0)
            shelf->frequencies[i] += adds ? 1 : (uint32_t)-1;
}

static void forget(struct shelf *shelf, struct profile *profile)
{
    if (profile == NULL || !profile->is_there)
        return;
    count_terms(shelf, profile, false);
    profile->is_there = false;
    shelf->there_count--;
}

static void set_terms(struct shelf *shelf, struct profile *profile, const char *terms)
{
    memset(profile->terms, 0, sizeof(profile->terms));
    for (const char *at = terms; *at != '\0';) {
        const size_t length = strcspn(at, " ");
        const int number = length == 0 ? -1 : number_of(shelf, at, length, true);

        if (number >= 0)
            profile->terms[number / 64] |= UINT64_C(1) << (number % 64);
        at += length + (at[length] == ' ' ? 1 : 0);
    }
}

static struct profile *add(struct shelf *shelf, const char *id)
{
    struct profile *profile;

    if (shelf->count == shelf->capacity && grow(shelf) != 0)
        return NULL;
    profile = &shelf->items[shelf->count];
    *profile = (struct profile){0};
    if (!read_id(id, profile->id))
        return NULL;
    *place_of(shelf, profile->id) = (uint32_t)shelf->count + 1;
    shelf->count++;
    return profile;
}

/* NULL for nothing: most have none of it. */
static int copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text[0] == '\0' ? NULL : strdup(text);
    return *ret_copy == NULL && text[0] != '\0' ? fault_raise(-ENOMEM) : 0;
}

static void free_texts(struct profile *profile)
{
    free(profile->organisations);
    free(profile->evidence);
    free(profile->indicators);
}

/* Under the lock for writing. */
static int put(struct shelf *shelf, const struct profiles_item *item)
{
    struct profile *profile = find(shelf, item->id);
    struct profile texts = {.organisations = strdup(item->organisations)};
    int r = texts.organisations == NULL ? fault_raise(-ENOMEM) : 0;

    if (r == 0)
        r = copy_text(item->evidence, &texts.evidence);
    if (r == 0)
        r = copy_text(item->indicators, &texts.indicators);
    if (r == 0 && profile == NULL) {
        profile = add(shelf, item->id);
        r = profile == NULL ? fault_raise(-ENOMEM) : 0;
    }
    if (r != 0) {
        free_texts(&texts);
        return r;
    }
    forget(shelf, profile);
    set_terms(shelf, profile, item->terms);
    free_texts(profile);
    profile->organisations = texts.organisations;
    profile->evidence = texts.evidence;
    profile->indicators = texts.indicators;
    profile->updated_us = item->updated_us;
    profile->looked_us = item->looked_us;
    profile->due_us = item->due_us;
    profile->ended_us = item->ended_us;
    profile->is_idle = item->is_idle;
    (void)snprintf(profile->country, sizeof(profile->country), "%s", item->country);
    profile->is_there = true;
    shelf->there_count++;
    count_terms(shelf, profile, true);
    return 0;
}

int profiles_put(struct profiles *profiles, const struct profiles_item *item)
{
    int r;

    (void)pthread_rwlock_wrlock(&profiles->lock);
    r = put(profiles->shelf, item);
    (void)pthread_rwlock_unlock(&profiles->lock);
    return r;
}

void profiles_remove(struct profiles *profiles, const char *id)
{
    (void)pthread_rwlock_wrlock(&profiles->lock);
    forget(profiles->shelf, find(profiles->shelf, id));
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
            r = put(shelf, &item);
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

static void shelf_free(struct shelf *shelf)
{
    if (shelf == NULL)
        return;
    for (size_t i = 0; i < shelf->count; i++)
        free_texts(&shelf->items[i]);
    free(shelf->items);
    free(shelf->places);
    free(shelf);
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
        forget(profiles->shelf, find(profiles->shelf, ids[i]));
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
            write_id(shelf->items[i].id, (*ret_found)[at++].text);
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

/* --- ranking -----------------------------------------------------------------------------------
 */

void profiles_weigh(struct profiles *profiles, struct rarity_term *terms, size_t count)
{
    (void)pthread_rwlock_rdlock(&profiles->lock);
    for (size_t i = 0; i < count; i++) {
        const int number = number_of(profiles->shelf, terms[i].term, strlen(terms[i].term), false);

        terms[i].frequency = number < 0 ? 0 : profiles->shelf->frequencies[number];
        terms[i].weight = rarity_weight(rarity_share(terms[i].term),
                                        (uint32_t)profiles->shelf->there_count, terms[i].frequency);
    }
    (void)pthread_rwlock_unlock(&profiles->lock);
}

struct ranked {
    const struct profile *profile;
    int64_t weight;
};

struct ranking {
    const struct profiles_query *query;
    int64_t weights[PROFILES_TERMS_MAX]; /* by number of the term */
    uint64_t wanted[WORDS];
    int step; /* its number, or -1 */
    const struct profile *except;
    struct ranked best[PROFILES_RANKED_MAX];
    size_t count;
};

static bool comes_before(const struct ranked *left, const struct ranked *right)
{
    if (left->weight != right->weight)
        return left->weight > right->weight;
    if (left->profile->updated_us != right->profile->updated_us)
        return left->profile->updated_us > right->profile->updated_us;
    return memcmp(left->profile->id, right->profile->id, ID_BYTES) > 0;
}

/* Ids of one length in a text of such ids: found is found. */
static bool is_behind(const struct profile *profile, const char *organisation)
{
    return organisation != NULL && strstr(profile->organisations, organisation) != NULL;
}

static void consider(struct ranking *ranking, const struct profile *profile, int64_t weight)
{
    const struct ranked ranked = {.profile = profile, .weight = weight};
    const size_t limit = ranking->query->limit;
    size_t place = ranking->count;

    if (weight <= 0 ||
        (ranking->count == limit && !comes_before(&ranked, &ranking->best[limit - 1])))
        return;
    if (is_behind(profile, ranking->query->others))
        return;
    if (ranking->count == limit)
        place = limit - 1;
    else
        ranking->count++;
    for (; place > 0 && comes_before(&ranked, &ranking->best[place - 1]); place--)
        ranking->best[place] = ranking->best[place - 1];
    ranking->best[place] = ranked;
}

static int64_t weight_of(const struct ranking *ranking, const struct profile *profile)
{
    const struct profiles_query *query = ranking->query;
    int64_t weight = 0;

    for (size_t i = 0; i < WORDS; i++)
        for (uint64_t both = profile->terms[i] & ranking->wanted[i]; both != 0; both &= both - 1)
            weight += ranking->weights[i * 64 + (size_t)__builtin_ctzll(both)];
    if (query->country != NULL && strcmp(query->country, profile->country) == 0)
        weight += query->country_weight;
    return weight;
}

static bool is_asked_for(const struct ranking *ranking, const struct profile *profile)
{
    return profile->is_there && profile != ranking->except &&
           (ranking->query->step == NULL ||
            (ranking->step >= 0 &&
             (profile->terms[ranking->step / 64] >> (ranking->step % 64) & 1) != 0));
}

static void prepare(struct shelf *shelf, const struct profiles_query *query,
                    struct ranking *ranking)
{
    *ranking = (struct ranking){.query = query, .step = -1};
    ranking->except = find(shelf, query->except);
    if (query->step != NULL)
        ranking->step = number_of(shelf, query->step, strlen(query->step), false);
    for (size_t i = 0; i < query->term_count; i++) {
        const char *term = query->terms[i].term;
        const int number = number_of(shelf, term, strlen(term), false);

        if (number < 0)
            continue;
        ranking->weights[number] = query->terms[i].weight;
        ranking->wanted[number / 64] |= UINT64_C(1) << (number % 64);
    }
}

static void walk(const struct shelf *shelf, struct ranking *ranking)
{
    const struct profiles_query *query = ranking->query;

    for (size_t i = 0; i < shelf->count; i++) {
        const struct profile *profile = &shelf->items[i];
        int64_t weight;

        if (!is_asked_for(ranking, profile))
            continue;
        weight = weight_of(ranking, profile);
        if (query->bonus != NULL && profile->evidence != NULL)
            weight += query->bonus(query->data, profile->evidence);
        consider(ranking, profile, weight);
    }
}

static void tell(struct shelf *shelf, const struct ranking *ranking, struct profiles_match *matches)
{
    const struct profiles_query *query = ranking->query;

    for (size_t i = 0; i < ranking->count; i++) {
        const struct profile *profile = ranking->best[i].profile;
        struct profiles_match *match = &matches[i];

        *match = (struct profiles_match){.weight = ranking->best[i].weight};
        write_id(profile->id, match->id);
        match->is_in_country =
            query->country != NULL && strcmp(query->country, profile->country) == 0;
        for (size_t j = 0; j < query->term_count; j++) {
            const char *term = query->terms[j].term;
            const int number = number_of(shelf, term, strlen(term), false);

            match->shared[j] =
                number >= 0 && (profile->terms[number / 64] >> (number % 64) & 1) != 0;
        }
    }
}

size_t profiles_rank(struct profiles *profiles, const struct profiles_query *query,
                     struct profiles_match *ret_matches)
{
    struct ranking ranking;

    (void)pthread_rwlock_rdlock(&profiles->lock);
    prepare(profiles->shelf, query, &ranking);
    walk(profiles->shelf, &ranking);
    tell(profiles->shelf, &ranking, ret_matches);
    (void)pthread_rwlock_unlock(&profiles->lock);
    return ranking.count;
}

/* --- facts -------------------------------------------------------------------------------------
 */

/* Bits of the steps, by the numbers of their terms. */
static void number_steps(struct shelf *shelf, int numbers[STEPS_COUNT])
{
    char term[TERM_BYTES];

    for (size_t i = 0; i < STEPS_COUNT; i++) {
        (void)snprintf(term, sizeof(term), "value_chain_steps=%s", STEPS[i]);
        numbers[i] = number_of(shelf, term, strlen(term), false);
    }
}

void profiles_observe(struct profiles *profiles, const char *const *ids, size_t count,
                      void (*see)(void *data, const struct profiles_fact *fact), void *data)
{
    const int64_t now_us = (int64_t)clock_wall_ms() * 1000;
    int numbers[STEPS_COUNT];

    (void)pthread_rwlock_rdlock(&profiles->lock);
    number_steps(profiles->shelf, numbers);
    for (size_t i = 0; i < count; i++) {
        const struct profile *profile = find(profiles->shelf, ids[i]);
        struct profiles_fact fact = {.id = ids[i], .index = i};

        if (profile == NULL || !profile->is_there)
            continue;
        for (size_t j = 0; j < STEPS_COUNT; j++)
            if (numbers[j] >= 0 && (profile->terms[numbers[j] / 64] >> (numbers[j] % 64) & 1) != 0)
                fact.steps |= 1u << j;
        fact.looked_us = profile->looked_us;
        fact.is_stale = profile->due_us < now_us;
        fact.is_idle = profile->is_idle || (profile->ended_us != 0 && profile->ended_us <= now_us);
        fact.organisations = profile->organisations;
        see(data, &fact);
    }
    (void)pthread_rwlock_unlock(&profiles->lock);
}

size_t profiles_survey(struct profiles *profiles, const char *country,
                       void (*see)(void *data, const char *indicators), void *data)
{
    size_t count = 0;

    (void)pthread_rwlock_rdlock(&profiles->lock);
    for (size_t i = 0; i < profiles->shelf->count; i++) {
        const struct profile *profile = &profiles->shelf->items[i];

        if (!profile->is_there || (country != NULL && strcmp(profile->country, country) != 0))
            continue;
        count++;
        if (see != NULL && profile->indicators != NULL)
            see(data, profile->indicators);
    }
    (void)pthread_rwlock_unlock(&profiles->lock);
    return count;
}
