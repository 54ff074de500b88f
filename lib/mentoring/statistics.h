#pragma once
/*
 * Statistics
 *
 * What the public is told of mentoring: once for each year, and never again.
 * A publication is about the pairs that ended in one calendar year, is made
 * from 1 July of the next one on, when outcomes of six months are known, and
 * is kept as it was made. So no two publications are about the same pairs, and
 * nothing follows from the difference between them, whoever comes, goes or is
 * erased meanwhile; and reading statistics never counts anything.
 *
 * Only pairs are counted in which both sides agree to be counted. A number of
 * people is that of the mentors or of the mentees, whichever is smaller, and a
 * programme is counted where it has enough of them, so that no count tells that
 * few people were in one. Each pair has one country, one sector and one language, so that all
 * tables add up and disclosure.h can look at every sum. Values of few people are put together as
 * all_others, with the smallest of the others where they are too few even so.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct db;
struct text;

/* A pair, as the counting sees it. People are known by numbers that mean nothing elsewhere. */
enum statistics_dimension {
    STATISTICS_COUNTRY,
    STATISTICS_SECTOR,
    STATISTICS_LANGUAGE,
    STATISTICS_DIMENSIONS
};
enum statistics_family {
    STATISTICS_COMPLETION,
    STATISTICS_TIME_TO_MATCH,
    STATISTICS_MEETINGS,
    STATISTICS_OUTCOME,
    STATISTICS_FAMILIES
};
struct statistics_pair {
    uint64_t mentor, mentee, programme;
    const char *values[STATISTICS_DIMENSIONS]; /* borrowed */
    uint8_t categories[STATISTICS_FAMILIES];   /* 0 … statistics_category_count() - 1 */
};

size_t statistics_category_count(enum statistics_family family);

/*
 * statistics_tell() - the publication of these pairs as JSON
 * @pairs: borrowed; their order is changed
 * Return: 0; a fault.
 */
MUST_CHECK int statistics_tell(struct arena *arena, struct statistics_pair *pairs, size_t count,
                               struct text *text);

struct statistics_told { /* texts in an arena */
    const char *year;
    const char *published_at; /* RFC 3339 UTC */
};
/* The years that there are publications of; in an arena. Return: 0; a db outcome; a fault. */
MUST_CHECK int statistics_years(struct db *db, struct arena *arena,
                                struct statistics_told **ret_told, size_t *ret_count);

/*
 * statistics_publish() - make the publication that is due, if one is
 * @db:   in a transaction of caller_begin() for the server itself
 * @told: borrowed; of these years there was one, which the database has forgotten
 * Return: 0; a db outcome; a fault. @ret_done: how many were made, one at most.
 */
MUST_CHECK int statistics_publish(struct db *db, const struct statistics_told *told,
                                  size_t told_count, uint64_t *ret_done);

/*
 * statistics_list() - what was published, the newest year first
 * @db: of the public
 * @year: text; NULL: all
 * Return: 0; a db outcome; a fault. @text: appended to, items of a JSON array.
 */
MUST_CHECK int statistics_list(struct db *db, const char *year, struct text *text);
