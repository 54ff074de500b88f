#pragma once
/*
 * Profiles, inside
 *
 *   profiles.c        following the database, and the life of it all
 *   profiles_read.c   what is asked about them: rankings and facts
 *   profiles_shelf.c  the practices themselves: kept and found, by whoever holds the lock
 */
#include "base/annotate.h"
#include "coverage/profiles.h"

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#define WORDS (PROFILES_TERMS_MAX / 64)
#define TERM_BYTES 96 /* "target_groups=women_far_from_employment" */
#define COUNTRY_BYTES 3
#define ID_BYTES 16
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

/* --- the shelf: without a lock of its own; one that is shown changes under that for writing --- */

void shelf_write_id(const unsigned char id[ID_BYTES], char ret_text[PROFILES_ID_BYTES]);
/* NULL: there has never been one. Borrowed, until one is put; also one that is gone. */
struct profile *shelf_find(const struct shelf *shelf, const char *text);
/* The number of a term; a new one when @adds. -1: there is none, or no more room. */
int shelf_number_of(struct shelf *shelf, const char *term, size_t length, bool adds);
/* @profile: may be NULL, or gone */
void shelf_forget(struct shelf *shelf, struct profile *profile);
/* Return: 0; a fault. */
MUST_CHECK int shelf_put(struct shelf *shelf, const struct profiles_item *item);
/* @shelf: stolen; may be NULL */
void shelf_free(struct shelf *shelf);
