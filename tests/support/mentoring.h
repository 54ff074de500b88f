#pragma once
/*
 * Mentoring
 *
 * A programme, its coordinator, and people in it, over HTTP. Whatever goes wrong in here ends the
 * test.
 */
#include <jansson.h>

struct db;
struct db_pool;

/* Tokens; borrowed. The coordinator of ORGANISATION, whose programmes these are, and of another. */
const char *mentoring_coordinator(void);
const char *mentoring_other_coordinator(void);

/*
 * mentoring_programme() - a new one of ORGANISATION, published
 * @members: borrowed; JSON object with what it has beside or instead of what every one has:
 *           "{\"mentor_capacity\":3}". NULL: nothing
 * Return: owned, free(); its id.
 */
char *mentoring_programme(const char *members);

struct test_person {
    char id[40];
    char subject[40];  /* that the person signs in with */
    const char *path;  /* "mentors", "mentees" */
    const char *token; /* of the person; borrowed */
};
/*
 * mentoring_person() - somebody new in a programme, who agrees to everything
 * @path:      borrowed, a constant; "mentors", "mentees"
 * @programme: borrowed; id or slug
 * @members:   borrowed; as above
 */
void mentoring_person(const char *path, const char *programme, const char *members,
                      struct test_person *ret_person);
/* What POST takes of a person: as above, and not sent. Owned. */
json_t *mentoring_draft(const char *programme, const char *members);

/*
 * mentoring_lease() - a transaction of the application's own role, for the coordinator
 * @pool: of sql_pool("express_writer", NULL); borrowed
 * Return: db_release() ends it.
 */
struct db *mentoring_lease(struct db_pool *pool);
/* How many rows of pairs the transaction has looked at so far. */
long mentoring_pairs_looked_at(struct db *db);
