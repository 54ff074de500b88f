#pragma once
/*
 * Clients
 *
 * Programs that may sign in, each of one organisation, and their secrets: two
 * at most, so that one can be replaced while the other works. The only module
 * that knows the columns of tables identity.client and identity.client_secret.
 * It works in the transaction the caller holds (caller_begin(); on the command
 * line the session's role), never commits and writes no audit entry: that
 * is the caller's, too.
 *
 * A secret is "exs_", the number of its slot, and 32 random bytes in base64url.
 * The database has its Argon2id hash alone.
 */
#include "auth/caller.h"
#include "base/annotate.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct db;

#define CLIENT_NAME_CHARACTERS_MAX 120
#define CLIENT_SECRETS_MAX 2
#define CLIENT_SECRET_BYTES 64 /* buffer of one secret in the clear */
#define CLIENT_HASH_BYTES 128
#define CLIENTS_PAGE_MAX 100

/* Beyond the outcomes of the database. */
enum clients_outcome {
    CLIENTS_NOT_FOUND = 120, /* or not the caller's to see */
    CLIENTS_UNKNOWN_ORGANISATION,
    CLIENTS_INVALID_SCOPE, /* malformed, or more than the role has */
    CLIENTS_SECRETS_FULL,  /* both slots are used */
    CLIENTS_BUSY,          /* too many secrets are being hashed: 503 */
    CLIENTS_WRONG_SECRET   /* or no such client, or a disabled one */
};

struct client_secret {
    int slot; /* 1 or 2; 0: none in this place */
    const char *created_at;
    const char *last_used_at; /* NULL: never */
};
struct client { /* all texts in the arena */
    const char *id;
    const char *name;
    const char *organisation_id;
    const char *organisation_slug; /* NULL when the caller may not see that organisation */
    enum caller_role role;
    const char *scopes;                               /* separated by spaces */
    const char *created_at;                           /* RFC 3339 UTC, as all times here */
    const char *disabled_at;                          /* NULL: it may sign in */
    const char *last_used_at;                         /* NULL: never */
    struct client_secret secrets[CLIENT_SECRETS_MAX]; /* by slot; the used ones first */
};

/*
 * clients_find_organisation() - its id, from slug or id, when the caller may see it
 * Return: 0; CLIENTS_UNKNOWN_ORGANISATION; a db outcome; a fault.
 */
MUST_CHECK int clients_find_organisation(struct db *db, const char *organisation,
                                         char ret_id[UUID_TEXT_BYTES]);

struct client_draft {
    const char *name;         /* 1..120 characters, checked by the caller and the schema */
    const char *organisation; /* id or slug */
    enum caller_role role;    /* participant..admin */
    const char *scopes;       /* NULL or "": all of the role */
};

/*
 * clients_create() - a client with one secret
 * @ret_client: set only when the result is 0
 * @ret_secret: CLIENT_SECRET_BYTES; the secret, to be shown once
 * Return: 0; CLIENTS_UNKNOWN_ORGANISATION, _INVALID_SCOPE, _BUSY; a db outcome; a fault.
 */
MUST_CHECK int clients_create(struct db *db, struct arena *arena, const struct client_draft *draft,
                              struct client *ret_client, char ret_secret[CLIENT_SECRET_BYTES]);
/* @id: any text. Return: 0; CLIENTS_NOT_FOUND; a db outcome; a fault. */
MUST_CHECK int clients_get(struct db *db, struct arena *arena, const char *id,
                           struct client *ret_client);
/*
 * clients_list() - in the order of their ids
 * @after:       borrowed; id of the last client of the page before; NULL: from the beginning
 * @limit:       1..CLIENTS_PAGE_MAX + 1
 * @ret_clients: arena
 */
MUST_CHECK int clients_list(struct db *db, struct arena *arena, const char *after, size_t limit,
                            struct client **ret_clients, size_t *ret_count);

struct client_change { /* what stays as it is: NULL */
    const char *name;
    const bool *disabled;
    const enum caller_role *role; /* with other scopes than before: all of the new role */
    const char *scopes;           /* checked against the role it has then; "": all of it */
};
/* Return: 0; CLIENTS_NOT_FOUND, _INVALID_SCOPE; a db outcome; a fault. */
MUST_CHECK int clients_change(struct db *db, struct arena *arena, const char *id,
                              const struct client_change *change, struct client *ret_client);

/* Into the free slot. Return: 0; CLIENTS_NOT_FOUND, _SECRETS_FULL, _BUSY; a db outcome; a fault. */
MUST_CHECK int clients_add_secret(struct db *db, const char *id, int *ret_slot,
                                  char ret_secret[CLIENT_SECRET_BYTES]);
/* Return: 0; CLIENTS_NOT_FOUND: no such client, or nothing in that slot; a db outcome; a fault. */
MUST_CHECK int clients_remove_secret(struct db *db, const char *id, int slot);

/* What signing in needs to know of a client. */
struct client_identity {
    char id[UUID_TEXT_BYTES];
    enum caller_role role;
    char organisation_id[UUID_TEXT_BYTES];
    char scopes[CALLER_SCOPES_BYTES];
};
/*
 * Signing in has three steps, so that no connection is held while a secret is hashed:
 * clients_look_up(), clients_check_secret(), clients_note_use().
 */
struct client_candidate {
    struct client_identity identity;
    int slot;                     /* 0: there is no such client, or nothing in that slot */
    char hash[CLIENT_HASH_BYTES]; /* "": as above */
};
/*
 * clients_look_up() - in a transaction of caller_service()
 * @id, @secret: borrowed; anything
 * Return: 0, also when there is no such client; a db outcome; a fault.
 */
MUST_CHECK int clients_look_up(struct db *db, const char *id, const char *secret,
                               struct client_candidate *ret_candidate);
/*
 * clients_check_secret() - without the database
 *
 * One Argon2id computation whatever the candidate is; at most two at once in the process.
 * Return: 0; CLIENTS_WRONG_SECRET; CLIENTS_BUSY; a fault.
 */
MUST_CHECK int clients_check_secret(const struct client_candidate *candidate, const char *secret);
/* In a transaction of caller_service(); written once a minute at most. */
MUST_CHECK int clients_note_use(struct db *db, const struct client_candidate *candidate);

/*
 * clients_scopes_check() - the scopes of @scopes that @role grants
 * @scopes:      borrowed; words separated by single spaces; NULL or "": all of the role
 * @ret_scopes:  each once, in order
 * Return: 0; CLIENTS_INVALID_SCOPE: malformed, too long, or one that the role does not grant.
 */
MUST_CHECK int clients_scopes_check(enum caller_role role, const char *scopes,
                                    char ret_scopes[CALLER_SCOPES_BYTES]);
