#include "safety.h"

#include "address.h"
#include "base/annotate.h"
#include "base/log.h"
#include "db/db.h"
#include "settings.h"

#include <string.h>

static bool listens_here_only(const char *bind)
{
    struct address address;

    return address_parse(bind, &address) && address_is_loopback(&address);
}

static bool secret_is_missing(const struct settings *settings)
{
    return settings_secret_is_random(settings);
}

static bool nothing_limits(const struct settings *settings)
{
    return settings->rate_limit == 0;
}

static bool base_is_open(const struct settings *settings)
{
    return strncmp(settings->base_url, "https://", strlen("https://")) != 0;
}

static bool admin_is_reachable(const struct settings *settings)
{
    return !listens_here_only(settings->admin_bind);
}

static bool log_tells_much(const struct settings *settings)
{
    return settings->log_level == LOG_LEVEL_DEBUG;
}

static bool database_is_open(const struct settings *settings)
{
    return settings->database_url[0] != '\0' && !db_url_is_protected(settings->database_url);
}

static bool public_database_is_open(const struct settings *settings)
{
    return strcmp(settings->public_database_url, settings->database_url) != 0 &&
           !db_url_is_protected(settings->public_database_url);
}

static const struct {
    const char *setting;
    bool (*is_there)(const struct settings *settings);
    const char *danger;
    const char *mend;
} HAZARDS[] = {
    {"EXPRESS_SECRET", secret_is_missing,
     "is not set: at the next start no cursor is good any more, and no key signs tokens",
     "set 32 characters or more, the same on every node"},
    {"EXPRESS_RATE_LIMIT", nothing_limits,
     "is 0: anybody may ask, and try secrets, as often as the network allows",
     "set how many requests a second a client may make"},
    {"EXPRESS_BASE_URL", base_is_open,
     "does not begin with https://: tokens and their issuer bear no name that TLS protects",
     "set the address of the proxy with TLS, such as https://api.example.org"},
    {"EXPRESS_ADMIN_BIND", admin_is_reachable,
     "is not of this machine: others can read the metrics, and see when to strike",
     "leave it at 127.0.0.1, or name an address that no stranger reaches"},
    {"EXPRESS_LOG_LEVEL", log_tells_much, "is debug: the log tells more than who reads it needs",
     "set info"},
    {"EXPRESS_DATABASE_URL", database_is_open,
     "leads to another machine, and its certificate is not held against its name",
     "add sslmode=verify-full and sslrootcert=…"},
    {"EXPRESS_PUBLIC_DATABASE_URL", public_database_is_open,
     "leads to another machine, and its certificate is not held against its name",
     "add sslmode=verify-full and sslrootcert=…"},
};
_Static_assert(ARRAY_LENGTH(HAZARDS) <= HAZARDS_MAX, "room for every hazard");

size_t safety_find(const struct settings *settings, struct hazard ret_hazards[HAZARDS_MAX])
{
    size_t count = 0;

    if (listens_here_only(settings->bind))
        return 0;
    for (size_t i = 0; i < ARRAY_LENGTH(HAZARDS); i++) {
        if (HAZARDS[i].is_there(settings))
            ret_hazards[count++] =
                (struct hazard){.setting = HAZARDS[i].setting,
                                .danger = HAZARDS[i].danger,
                                .mend = HAZARDS[i].mend,
                                .is_allowed = settings_allow_unsafe(settings, HAZARDS[i].setting)};
    }
    return count;
}

int safety_print(const struct settings *settings, FILE *file)
{
    struct hazard hazards[HAZARDS_MAX];
    size_t count = safety_find(settings, hazards);
    int r = 0;

    for (size_t i = 0; i < count; i++) {
        (void)fprintf(file, "unsafe%s: %s %s; %s\n", hazards[i].is_allowed ? ", but allowed" : "",
                      hazards[i].setting, hazards[i].danger, hazards[i].mend);
        if (!hazards[i].is_allowed)
            r = SAFETY_REFUSED;
    }
    if (r != 0)
        (void)fprintf(file,
                      "EXPRESS_BIND=%s lets others in. Mend what is unsafe, or say that it is "
                      "meant: EXPRESS_ALLOW_UNSAFE takes these names, separated by commas, "
                      "or 1 for all\n",
                      settings->bind);
    return r;
}

int safety_judge(const struct settings *settings, FILE *errors)
{
    struct hazard hazards[HAZARDS_MAX];
    size_t count = safety_find(settings, hazards);

    for (size_t i = 0; i < count; i++) {
        if (!hazards[i].is_allowed)
            return safety_print(settings, errors);
    }
    for (size_t i = 0; i < count; i++)
        log_warn("serve.unsafe", "setting=%s danger=\"%s\" mend=\"%s\"", hazards[i].setting,
                 hazards[i].danger, hazards[i].mend);
    return 0;
}
