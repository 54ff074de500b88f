#include "auth/issuers_internal.h"

#include "auth/shallow.h"
#include "base/fault.h"
#include "base/text.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES_MAX 512
#define CLAIM_STEPS_MAX 8
#define MAP_ENTRIES_MAX 200
#define CLAIM_VALUES_MAX 200 /* groups of one person, in one token */

/* --- the file ---------------------------------------------------------------------------- */

/* Where we are in it, and what is wrong there. */
struct check {
    const char *path;
    FILE *errors;
    size_t item;
    size_t fault_count;
};

PRINTF_LIKE(3, 4)
static void fault(struct check *check, const char *member, const char *format, ...)
{
    va_list arguments;

    check->fault_count++;
    (void)fprintf(check->errors, "%s: /%zu%s%s ", check->path, check->item,
                  member[0] == '\0' ? "" : "/", member);
    va_start(arguments, format);
    (void)vfprintf(check->errors, format, arguments);
    va_end(arguments);
    (void)fputc('\n', check->errors);
}

static bool is_line(const char *text, size_t max)
{
    if (text == NULL || text[0] == '\0' || strlen(text) > max)
        return false;
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    }
    return true;
}

static void check_members(struct check *check, const char *where, json_t *object,
                          const char *const *names, size_t count)
{
    const char *name;
    json_t *value;

    json_object_foreach (object, name, value) {
        bool known = false;

        for (size_t i = 0; i < count; i++)
            known = known || strcmp(names[i], name) == 0;
        if (!known)
            fault(check, where, "has a member that there is not: \"%s\"", name);
    }
}

static const char *read_line(struct check *check, const json_t *item, const char *name)
{
    const char *text = json_string_value(json_object_get(item, name));

    if (!is_line(text, NAME_BYTES_MAX)) {
        fault(check, name, "must be a text of 1 to %d bytes", NAME_BYTES_MAX);
        return "";
    }
    return text;
}

bool issuers_is_fetchable(const char *uri)
{
    static const char *const HERE[] = {"127.0.0.1", "[::1]", "localhost"};
    const bool is_secure = strncmp(uri, "https://", 8) == 0;
    const char *host;
    size_t authority;

    if (!is_secure && strncmp(uri, "http://", 7) != 0)
        return false;
    host = uri + (is_secure ? 8 : 7);
    authority = strcspn(host, "/?#");
    if (authority == 0 || host[0] == ':' || memchr(host, '@', authority) != NULL ||
        strpbrk(uri, " #\"\\<>") != NULL)
        return false;
    for (size_t i = 0; !is_secure && i < ARRAY_LENGTH(HERE); i++) {
        const size_t length = strlen(HERE[i]);

        if (strncmp(host, HERE[i], length) == 0 &&
            (length == authority || (length < authority && host[length] == ':')))
            return true;
    }
    return is_secure;
}

static void read_source(struct check *check, const json_t *item, struct issuer *issuer)
{
    const json_t *uri = json_object_get(item, "jwks_uri");
    const json_t *file = json_object_get(item, "jwks_file");

    if ((uri == NULL) == (file == NULL)) {
        fault(check, "", "needs either jwks_uri or jwks_file");
        return;
    }
    if (file != NULL) {
        issuer->file = read_line(check, item, "jwks_file");
        return;
    }
    issuer->uri = read_line(check, item, "jwks_uri");
    if (issuer->uri[0] != '\0' && !issuers_is_fetchable(issuer->uri))
        fault(check, "jwks_uri",
              "must be an https URL without user and fragment; http is for "
              "this machine alone");
}

static void read_algorithms(struct check *check, const json_t *item, struct issuer *issuer)
{
    const json_t *list = json_object_get(item, "algorithms");

    if (json_array_size(list) == 0)
        fault(check, "algorithms", "must be a list of RS256 and ES256");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        enum token_algorithm algorithm;

        if (name == NULL || !token_algorithm_of(name, &algorithm))
            fault(check, "algorithms", "must be a list of RS256 and ES256");
        else
            issuer->algorithms |= 1U << algorithm;
    }
}

/* A name, or the names from the outside inwards. */
static const json_t *read_claim(struct check *check, const char *where, const json_t *object)
{
    const json_t *claim = json_object_get(object, "claim");
    bool good = json_is_string(claim) ||
                (json_array_size(claim) >= 1 && json_array_size(claim) <= CLAIM_STEPS_MAX);

    if (json_is_string(claim))
        good = is_line(json_string_value(claim), NAME_BYTES_MAX);
    for (size_t i = 0; good && i < json_array_size(claim); i++)
        good = is_line(json_string_value(json_array_get(claim, i)), NAME_BYTES_MAX);
    if (!good)
        fault(check, where, "needs a claim: its name, or a list of names from the outside inwards");
    return claim;
}

static json_t *read_map(struct check *check, const char *where, const json_t *object,
                        bool is_of_roles)
{
    json_t *map = json_object_get(object, "map");
    const char *theirs;
    json_t *ours;

    if (json_object_size(map) == 0 || json_object_size(map) > MAP_ENTRIES_MAX)
        fault(check, where, "needs a map of 1 to %d entries", MAP_ENTRIES_MAX);
    json_object_foreach (map, theirs, ours) {
        const char *text = json_string_value(ours);
        enum caller_role role;

        if (theirs[0] == '\0')
            fault(check, where, "maps a name without letters");
        if (is_of_roles && (text == NULL || !caller_role_of(text, &role)))
            fault(check, where,
                  "maps \"%s\" to no role: participant, partner, coordinator, editor, admin",
                  theirs);
        if (!is_of_roles && !is_line(text, BEARER_ORGANISATION_BYTES - 1))
            fault(check, where, "maps \"%s\" to no slug of an organisation", theirs);
    }
    return map;
}

static void read_mapping(struct check *check, const json_t *item, const char *name,
                         bool is_of_roles, const json_t **ret_claim, json_t **ret_map)
{
    static const char *const MEMBERS[] = {"claim", "map"};
    json_t *object = json_object_get(item, name);

    if (object == NULL && !is_of_roles)
        return;
    if (!json_is_object(object)) {
        fault(check, name, "must be an object with claim and map");
        return;
    }
    check_members(check, name, object, MEMBERS, ARRAY_LENGTH(MEMBERS));
    *ret_claim = read_claim(check, name, object);
    *ret_map = read_map(check, name, object, is_of_roles);
}

/* Does the map give rights that are an organisation's? */
static bool grants_partnership(json_t *map)
{
    const char *theirs;
    json_t *ours;

    json_object_foreach (map, theirs, ours) {
        const char *text = json_string_value(ours);

        if (text != NULL && (strcmp(text, "partner") == 0 || strcmp(text, "coordinator") == 0))
            return true;
    }
    return false;
}

static void read_issuer(struct check *check, json_t *item, const char *our_name,
                        struct issuers *issuers)
{
    static const char *const MEMBERS[] = {"issuer",     "audience", "jwks_uri",    "jwks_file",
                                          "algorithms", "roles",    "organisation"};
    struct issuer *issuer = &issuers->items[issuers->count];

    if (!json_is_object(item)) {
        fault(check, "", "must be an object");
        return;
    }
    check_members(check, "", item, MEMBERS, ARRAY_LENGTH(MEMBERS));
    issuer->name = read_line(check, item, "issuer");
    issuer->audience = read_line(check, item, "audience");
    if (issuer->name[0] != '\0' && !issuers_is_fetchable(issuer->name))
        fault(check, "issuer", "must be an https URL; http is for this machine alone");
    if (strcmp(issuer->name, our_name) == 0)
        fault(check, "issuer", "is this server itself (EXPRESS_BASE_URL)");
    for (size_t i = 0; i < issuers->count; i++) {
        if (issuer->name[0] != '\0' && strcmp(issuer->name, issuers->items[i].name) == 0)
            fault(check, "issuer", "is there already, at /%zu", i);
    }
    read_source(check, item, issuer);
    read_algorithms(check, item, issuer);
    read_mapping(check, item, "roles", true, &issuer->role_claim, &issuer->role_map);
    read_mapping(check, item, "organisation", false, &issuer->organisation_claim,
                 &issuer->organisation_map);
    if (issuer->organisation_map == NULL && grants_partnership(issuer->role_map))
        fault(check, "organisation",
              "is needed: a partner or coordinator is one of an organisation");
    issuers->count++;
}

static bool read_list(struct check *check, const char *our_name, struct issuers *issuers)
{
    const size_t count = json_array_size(issuers->file);

    if (count == 0 || count > ISSUERS_MAX) {
        (void)fprintf(check->errors, "%s: must be a list of 1 to %d issuers\n", check->path,
                      ISSUERS_MAX);
        return false;
    }
    for (check->item = 0; check->item < count; check->item++)
        read_issuer(check, json_array_get(issuers->file, check->item), our_name, issuers);
    return check->fault_count == 0;
}

static json_t *parse_file(const char *path, FILE *errors)
{
    const char *why = "";
    json_error_t error = {.line = 0};
    json_t *file = NULL;
    struct text text;

    text_init(&text, ISSUERS_FILE_BYTES_MAX + 1);
    if (!issuers_read_file(path, ISSUERS_FILE_BYTES_MAX, &text, &why))
        (void)fprintf(errors, "%s: %s\n", path, why);
    else if (!shallow_check(text.bytes, text.length))
        (void)fprintf(errors, "%s: is nested too deep\n", path);
    else if ((file = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, &error)) == NULL)
        (void)fprintf(errors, "%s: is not JSON: line %d, column %d: %s\n", path, error.line,
                      error.column, error.text);
    text_deinit(&text);
    return file;
}

int issuers_read(const char *path, const char *ours, FILE *errors, struct issuers **ret_issuers)
{
    struct check check = {.path = path, .errors = errors};
    struct issuers *issuers = calloc(1, sizeof(*issuers));
    bool good = true;

    if (issuers == NULL)
        return fault_raise(-ENOMEM);
    issuers_init_keys(issuers);
    if (path[0] != '\0') {
        issuers->file = parse_file(path, errors);
        good = issuers->file != NULL && read_list(&check, ours, issuers);
    }
    for (size_t i = 0; good && i < issuers->count; i++) {
        issuers->items[i].known.keys = token_keys_new(0);
        if (issuers->items[i].known.keys == NULL) {
            issuers_free(issuers);
            return fault_raise(-ENOMEM);
        }
    }
    if (!good) {
        issuers_free(issuers);
        return ISSUERS_INVALID;
    }
    *ret_issuers = issuers;
    return 0;
}

void issuers_free(struct issuers *issuers)
{
    if (issuers == NULL)
        return;
    issuers_stop(issuers);
    for (size_t i = 0; i < issuers->count; i++)
        token_keys_unref(issuers->items[i].known.keys);
    json_decref(issuers->file);
    free(issuers);
}

size_t issuers_count(const struct issuers *issuers)
{
    return issuers->count;
}

/* --- what their tokens come to ----------------------------------------------------------- */

/* The claim of this name, or at the end of these names. Borrowed; NULL when it is not there. */
static const json_t *find_claim(const json_t *payload, const json_t *claim)
{
    if (json_is_string(claim))
        return json_object_get(payload, json_string_value(claim));
    for (size_t i = 0; i < json_array_size(claim); i++)
        payload = json_object_get(payload, json_string_value(json_array_get(claim, i)));
    return payload;
}

/* What the map has for the @index-th value of a claim: of a text, or a list of texts. */
static const char *map_value(const json_t *map, const json_t *claim, size_t index)
{
    const json_t *value = json_is_array(claim) ? json_array_get(claim, index) : claim;

    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
        return NULL;
    return json_string_value(json_object_get(map, json_string_value(value)));
}

static size_t value_count(const json_t *claim)
{
    const size_t count = json_is_array(claim) ? json_array_size(claim) : 1;

    return count > CLAIM_VALUES_MAX ? 0 : count;
}

/* The highest of the roles that the token's are mapped to. */
static bool find_role(const struct issuer *issuer, const json_t *payload,
                      enum caller_role *ret_role)
{
    const json_t *claim = find_claim(payload, issuer->role_claim);
    bool found = false;

    *ret_role = CALLER_ANONYMOUS;
    for (size_t i = 0; i < value_count(claim); i++) {
        const char *name = map_value(issuer->role_map, claim, i);
        enum caller_role role;

        if (name == NULL || !caller_role_of(name, &role))
            continue;
        found = true;
        if (role > *ret_role)
            *ret_role = role;
    }
    return found;
}

static const char *find_organisation(const struct issuer *issuer, const json_t *payload)
{
    const json_t *claim = find_claim(payload, issuer->organisation_claim);

    for (size_t i = 0; issuer->organisation_map != NULL && i < value_count(claim); i++) {
        const char *slug = map_value(issuer->organisation_map, claim, i);

        if (slug != NULL)
            return slug;
    }
    return NULL;
}

static int refuse(const char *reason, const char **reterr_reason)
{
    *reterr_reason = reason;
    return BEARER_INVALID;
}

int issuers_bearer(const struct issuers *issuers, size_t index, const struct token_claims *claims,
                   const unsigned char key[BEARER_KEY_BYTES], struct bearer *ret_bearer,
                   const char **reterr_reason)
{
    const struct issuer *issuer = &issuers->items[index];
    struct bearer bearer = {.kind = BEARER_OUTSIDE, .expires_at = claims->expires_at};
    const char *organisation;

    if (!find_role(issuer, claims->payload, &bearer.caller.role))
        return refuse("role", reterr_reason);
    organisation = find_organisation(issuer, claims->payload);
    if (organisation == NULL && caller_is_partner(&bearer.caller))
        return refuse("organisation", reterr_reason);
    if (organisation != NULL)
        (void)snprintf(bearer.organisation, sizeof(bearer.organisation), "%s", organisation);
    (void)snprintf(bearer.caller.scopes, sizeof(bearer.caller.scopes), "%s",
                   caller_role_scopes(bearer.caller.role));
    bearer_name(&bearer, claims, issuer->name, key);
    *ret_bearer = bearer;
    return 0;
}
