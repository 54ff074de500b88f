#pragma once
/*
 * Caller
 *
 * For whom a request is carried out: what a verified token (or its absence)
 * comes to. The database is told at the beginning of each transaction, and its
 * policies hold every statement to it, whatever the statement says.
 */
#include "base/annotate.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>

struct db;

enum caller_role {
    CALLER_ANONYMOUS,
    CALLER_PARTICIPANT,
    CALLER_PARTNER,
    CALLER_COORDINATOR,
    CALLER_EDITOR,
    CALLER_ADMIN,
    CALLER_SERVICE /* the server itself: signing in, housekeeping */
};

#define CALLER_SCOPES_BYTES 512
#define CALLER_NAME_BYTES 120
#define CALLER_SUBJECT_BYTES 65

struct caller {
    enum caller_role role;
    char organisation_id[UUID_TEXT_BYTES]; /* "": none */
    char client_id[UUID_TEXT_BYTES];       /* "": none, as of a token from the command line */
    char subject[CALLER_SUBJECT_BYTES];    /* pseudonym of the person, hexadecimal; "": none */
    char name[CALLER_NAME_BYTES];          /* whose idempotency keys: "client:…", "subject:…",
                                              "anonymous" */
    char scopes[CALLER_SCOPES_BYTES];      /* separated by spaces: "read write:practices" */
};

/* "partner"; a constant. */
const char *caller_role_name(enum caller_role role);
/* False for names that are none, and for those that no token may bear (anonymous, service). */
MUST_CHECK bool caller_role_of(const char *name, enum caller_role *ret_role);
/* The scopes that a role has when no fewer are asked for; a constant. */
const char *caller_role_scopes(enum caller_role role);
/* Does a role have this scope, also in the narrower form "write:practices"? */
bool caller_role_grants(enum caller_role role, const char *scope);

/* Nobody in particular. */
struct caller caller_anonymous(void);
/* The server on its own behalf. */
struct caller caller_service(void);
bool caller_has_scope(const struct caller *caller, const char *scope);
/* By "write", or by "write:practices". */
bool caller_may_write(const struct caller *caller, const char *resource);
/* Partner or coordinator: what is its organisation's. */
bool caller_is_partner(const struct caller *caller);
/* Editor or administrator: everything of the catalogue. */
bool caller_is_editor(const struct caller *caller);

/*
 * caller_begin() - begin a transaction for @caller
 * @request_id: borrowed; for the audit log; "" when there is none
 * Return: 0; a db outcome; a fault. End it with db_commit() or db_rollback().
 */
MUST_CHECK int caller_begin(struct db *db, const struct caller *caller, const char *request_id);
/* The same, to travel with the next statement: see db_queue_begin(). Return: as db_queue(). */
MUST_CHECK int caller_queue_begin(struct db *db, const struct caller *caller,
                                  const char *request_id);
