#pragma once
/*
 * Evidence
 *
 * What speaks for a practice, or against it, beside what it shares with a place: how it went where
 * it was adopted, and whether the legal bases that it rests on hold there. Profiles keep it as
 * text, so that judging a hundred thousand practices takes no walk over the tables of adoptions and
 * laws:
 *
 *   a<id>=<result>                    an adoption
 *   l<id>=<country>/<scope>/<kind>    a legal basis; country and scope may be empty
 *
 * separated by spaces. Here it is judged; what it gives stands in transfer.h.
 */
#include "base/annotate.h"
#include "coverage/transfer.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;
struct place;

#define EVIDENCE_ID_LENGTH 36

/* What evidence is judged by. */
struct evidence_place {
    const char *country;      /* whose law counts; NULL: unknown */
    const char *const *kinds; /* of legal bases that it has */
    size_t kind_count;
    const char *const
        *here; /* ids of adoptions in the place itself, in order: no evidence for it */
    size_t here_count;
};

/*
 * evidence_read_place() - what is known of a place, and of the law of a country
 * @country: borrowed; NULL: unknown
 * @ret:     its texts are in the arena
 * Return: 0; a db outcome; a fault.
 */
MUST_CHECK int evidence_read_place(struct db *db, struct arena *arena, const struct place *place,
                                   const char *country, struct evidence_place *ret);

/* Was the practice adopted in the place itself? @id: EVIDENCE_ID_LENGTH characters. */
bool evidence_is_here(const struct evidence_place *place, const char *id);

/* Does a legal basis hold there? @country, @scope: "" for none. */
enum transfer_law evidence_law(const struct evidence_place *place, const char *country,
                               const char *scope, const char *kind);

/* Of several adoptions the best counts, of several legal bases the worst. */
int evidence_points(const struct evidence_place *place, const char *evidence);

/* The next item of a text, from *@at on: its kind, 'a' or 'l', its id, and what follows until the
 * next space; false: there is none. */
struct evidence_item {
    char kind;
    const char *id;    /* EVIDENCE_ID_LENGTH characters */
    const char *value; /* value_length of them */
    size_t value_length;
};
bool evidence_next(const char **at, struct evidence_item *ret);
