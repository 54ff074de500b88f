#include "auth/caller.h"

#include "db/db.h"

#include <string.h>

#define WRITE "write"
#define WRITE_OF "write:"

static const struct {
    const char *name;
    const char *scopes;
} ROLES[] = {
    [CALLER_ANONYMOUS] = {"anonymous", ""},
    [CALLER_PARTICIPANT] = {"participant", "read write"},
    [CALLER_PARTNER] = {"partner", "read write"},
    [CALLER_COORDINATOR] = {"coordinator", "read write"},
    [CALLER_EDITOR] = {"editor", "read write review"},
    [CALLER_ADMIN] = {"admin", "read write review admin"},
    [CALLER_SERVICE] = {"service", ""},
};

/* Gone with the transaction: what a connection is used for next knows nothing of it. */
static const struct db_query BEGIN = {
    .name = "caller_begin",
    .sql = "select set_config('express.role', $1, true), "
           "set_config('express.organisation', $2, true), "
           "set_config('express.client', $3, true), "
           "set_config('express.subject', $4, true), "
           "set_config('express.caller', $5, true), "
           "set_config('express.request', $6, true)",
    .param_count = 6,
};

const char *caller_role_name(enum caller_role role)
{
    return ROLES[role].name;
}

bool caller_role_of(const char *name, enum caller_role *ret_role)
{
    for (size_t i = CALLER_PARTICIPANT; i <= CALLER_ADMIN; i++) {
        if (strcmp(name, ROLES[i].name) == 0) {
            *ret_role = (enum caller_role)i;
            return true;
        }
    }
    return false;
}

const char *caller_role_scopes(enum caller_role role)
{
    return ROLES[role].scopes;
}

/* Is @scope, of @length bytes, one of @scopes? */
static bool is_among(const char *scopes, const char *scope, size_t length)
{
    while (*scopes != '\0') {
        const size_t word = strcspn(scopes, " ");

        if (word > 0 && word == length && strncmp(scopes, scope, length) == 0)
            return true;
        scopes += word;
        scopes += strspn(scopes, " ");
    }
    return false;
}

static bool is_narrow_write(const char *scope)
{
    const char *resource = scope + strlen(WRITE_OF);

    return strncmp(scope, WRITE_OF, strlen(WRITE_OF)) == 0 && resource[0] != '\0' &&
           resource[0] != '-' && resource[strspn(resource, "abcdefghijklmnopqrstuvwxyz-")] == '\0';
}

bool caller_role_grants(enum caller_role role, const char *scope)
{
    const char *scopes = ROLES[role].scopes;

    return is_among(scopes, scope, strlen(scope)) ||
           (is_narrow_write(scope) && is_among(scopes, WRITE, strlen(WRITE)));
}

struct caller caller_anonymous(void)
{
    return (struct caller){.role = CALLER_ANONYMOUS, .name = "anonymous"};
}

struct caller caller_service(void)
{
    return (struct caller){.role = CALLER_SERVICE, .name = "service"};
}

bool caller_has_scope(const struct caller *caller, const char *scope)
{
    return is_among(caller->scopes, scope, strlen(scope));
}

bool caller_may_write(const struct caller *caller, const char *resource)
{
    const char *scopes = caller->scopes;

    if (caller_has_scope(caller, WRITE))
        return true;
    while (*scopes != '\0') {
        const size_t word = strcspn(scopes, " ");

        if (word == strlen(WRITE_OF) + strlen(resource) &&
            strncmp(scopes, WRITE_OF, strlen(WRITE_OF)) == 0 &&
            strncmp(scopes + strlen(WRITE_OF), resource, strlen(resource)) == 0)
            return true;
        scopes += word;
        scopes += strspn(scopes, " ");
    }
    return false;
}

bool caller_is_partner(const struct caller *caller)
{
    return caller->role == CALLER_PARTNER || caller->role == CALLER_COORDINATOR;
}

bool caller_is_editor(const struct caller *caller)
{
    return caller->role == CALLER_EDITOR || caller->role == CALLER_ADMIN;
}

int caller_queue_begin(struct db *db, const struct caller *caller, const char *request_id)
{
    const char *const values[] = {
        caller_role_name(caller->role),
        caller->organisation_id,
        caller->client_id,
        caller->subject,
        caller->name,
        request_id,
    };
    int r = db_queue_begin(db);

    return r == 0 ? db_queue(db, &BEGIN, values, NULL) : r;
}

static int begin(struct db *db, const struct caller *caller, const char *request_id)
{
    int r = caller_queue_begin(db, caller, request_id);

    if (r == 0)
        r = db_flush(db);
    if (r != 0)
        db_rollback(db);
    return r;
}

int caller_begin(struct db *db, const struct caller *caller, const char *request_id)
{
    int r = begin(db, caller, request_id);

    if (r == DB_UNAVAILABLE && db_may_begin_again(db))
        r = begin(db, caller, request_id);
    return r;
}
