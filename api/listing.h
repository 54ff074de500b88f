#pragma once
/*
 * Listing
 *
 * The pages of lists that are not the catalogue's: limit, cursor, and the
 * links between them. They go forward only. A cursor is sealed, and belongs to
 * who asked, and to the filters that it was made under.
 */
#include "base/annotate.h"

#include <stddef.h>

struct writing;

#define LISTING_WORDS_MAX 32

struct listing {
    unsigned limit;
    const char *after; /* where to go on, as listing_end() was told; NULL: at the beginning */
};

/* Of every function that gives int: 0; WRITING_ANSWERED; a fault. */

/* Limit and cursor of the request. */
MUST_CHECK int listing_read(struct writing *writing, struct listing *ret_listing);

/*
 * listing_words() - a parameter that is a list of words with commas
 * @known:     borrowed; @known_count words
 * @ret_words: borrowed, from @known; NULL when the parameter is absent
 * Answers 400 for other words, with the nearest.
 */
MUST_CHECK int listing_words(struct writing *writing, const char *name, const char *const *known,
                             size_t known_count, const char *const **ret_words, size_t *ret_count);

/* A place that is a time and an id, as listing_end() takes it. Arena; NULL: that is full. */
const char *listing_place(const struct writing *writing, const char *at, const char *id);
/* The other way round. Both are NULL at the beginning. */
MUST_CHECK int listing_read_place(struct writing *writing, const struct listing *listing,
                                  const char **ret_at, const char **ret_id);

/* Behind {"data": […]: the page, the end of the object, and the links. @next: NULL at the end. */
MUST_CHECK int listing_end(struct writing *writing, const struct listing *listing,
                           const char *next);
