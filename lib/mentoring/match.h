#pragma once
/*
 * Matching
 *
 * The people of one programme as the pure parts of this folder want them: read in one go, so that
 * what follows needs no connection, however long it takes. Only who agreed to be matched and is
 * available takes part, mentors as long as they have a free place, and of the mentees of a cohort
 * those who are in no pair that goes on; that the caller coordinates the programme is seen to by
 * the policies of the tables.
 */
#include "base/annotate.h"
#include "base/digest.h"
#include "mentoring/assignment.h"
#include "mentoring/compatibility.h"
#include "mentoring/terms.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct db;

/* Beyond those of the database. */
enum match_outcome {
    MATCH_NOT_FOUND = 500, /* no such programme among those that the caller coordinates */
    MATCH_UNKNOWN_MENTEE,  /* or one who does not take part: which of these is not told */
    MATCH_TOO_MANY,        /* more people than one assignment takes, or the arena */
    MATCH_CHANGED          /* what the assignment rests on is not as it was */
};

struct match_person {
    struct person person;
    const char *id;
    const char *audit_id; /* what the audit log calls the person */
    uint32_t subject;     /* term of the pseudonym: who is both mentor and mentee */
    bool has_pair;        /* a mentee with a pair that goes on, or is proposed */
};

/* Two who have tried it: indexes into the pool. */
struct match_barred {
    uint32_t mentee, mentor;
};

struct match_pool {
    struct arena *arena; /* borrowed, of MATCH_ARENA_BYTES_MAX; all of this lives in it */
    struct terms terms;
    const char *programme_id;
    const char *response_days;
    struct compatibility_rules rules; /* of the programme; the caller may change the weights */
    struct match_person *mentors, *mentees; /* in the order of their ids */
    uint32_t mentor_count, mentee_count;
    struct match_barred *barred; /* ascending */
    size_t barred_count;
    uint32_t people_max;  /* of each kind */
    struct digest digest; /* of all that was read */
};

/* Which mentees. All members are borrowed and may be NULL. */
struct match_selection {
    const char *programme; /* id or slug; not NULL */
    const char *mentee;    /* this one, also when she has a pair */
    const char *mentees;   /* these, as an array of PostgreSQL: "{id,id}" */
    size_t mentee_count;   /* how many these are */
    const char *intake;    /* those of this intake of the programme */
};

/*
 * match_load() - read mentors and mentees
 * @db:    in a transaction of caller_begin()
 * @arena: of its own, so that there is an answer left when the people fill it
 * Return: 0; MATCH_NOT_FOUND; MATCH_UNKNOWN_MENTEE; MATCH_TOO_MANY; a db outcome; a fault.
 */
MUST_CHECK int match_load(struct db *db, struct arena *arena,
                          const struct match_selection *selection, struct match_pool *ret_pool);

/* What a result rests on, as a short text: people, pairs, rules and what was asked for. */
const char *match_basis(const struct match_pool *pool, enum assignment_objective objective,
                        char ret_text[DIGEST_TEXT_BYTES]);

/* One mentor and one mentee, by their indexes. */
void match_judge(const struct match_pool *pool, uint32_t mentor, uint32_t mentee,
                 struct compatibility *ret_judged);

struct match_candidate {
    uint32_t mentor;
    struct compatibility judged;
};

/*
 * match_rank() - mentors for one mentee
 * Possible ones first, then by score, then by id. @ret_candidates: in the pool's arena, all
 * mentors. Return: 0; MATCH_TOO_MANY.
 */
MUST_CHECK int match_rank(const struct match_pool *pool, uint32_t mentee,
                          struct match_candidate **ret_candidates);

/* Everybody at once. Owned: match_cohort_deinit(). The pool must outlive it. */
struct match_cohort {
    const struct match_pool *pool;
    struct assignment_task task;
    struct assignment assignment;
    int32_t *scores;
    struct assignment_id *mentee_ids, *mentor_ids;
    uint32_t *places;
};
/* Return: 0; MATCH_TOO_MANY; a fault. */
MUST_CHECK int match_cohort_solve(const struct match_pool *pool,
                                  enum assignment_objective objective,
                                  struct match_cohort *ret_cohort);
/* Takes a zeroed one, too. */
void match_cohort_deinit(struct match_cohort *cohort);

/*
 * match_propose() - make the pairs of a cohort, all of them
 * @db:        in a transaction of caller_begin(), which need not be that of match_load()
 * @selection: that of the cohort's pool
 * @cohort_id: new; what these pairs have in common
 *
 * Locks who is to be in a pair, reads everything again, and compares: what was computed meanwhile
 * rests on what is so now, and stays so until the end of the transaction.
 *
 * Return: 0; MATCH_CHANGED; those of match_load(); a db outcome; a fault.
 */
MUST_CHECK int match_propose(struct db *db, const struct match_cohort *cohort,
                             const struct match_selection *selection, const char *cohort_id);

/* Notes in the audit log that these mentors were shown as candidates; "{audit_id,…}". */
MUST_CHECK int match_note_shown(struct db *db, const char *audit_ids);
/* The same of everybody whom an assignment tells of: an entry for each. */
MUST_CHECK int match_note_pool(struct db *db, const struct match_pool *pool);

/* A pair that came of a cohort, as it is now. */
struct match_proposal {
    const char *id, *state, *respond_by;
    const char *mentee_id, *mentor_id; /* NULL: erased, or not to be seen any more */
    const char *score;                 /* NULL: somebody was erased */
};
/* Return: 0; a db outcome; a fault. @ret_proposals: in @arena. */
MUST_CHECK int match_proposals(struct db *db, struct arena *arena, const char *cohort_id,
                               struct match_proposal **ret_proposals, size_t *ret_count);
/* Notes in the audit log what was done with each of them: @action. */
MUST_CHECK int match_note_proposals(struct db *db, const char *action,
                                    const struct match_proposal *proposals, size_t count);
