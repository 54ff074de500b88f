/*
 * Settings
 *
 * One table holds what the program, its help and the README say of each
 * variable. All faults are reported before giving up, so that a deployment is
 * mended once.
 */
#include "settings.h"

#include "address.h"
#include "base/log.h"
#include "base/num.h"
#include "base/text.h"
#include "environment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define PREFIX "EXPRESS_"
#define SECRET_CHARACTERS_MIN 32

enum setting_kind {
    SETTING_DATABASE, /* a connection string of libpq; may hold a password */
    SETTING_ADDRESS,  /* an IP address */
    SETTING_URL,      /* http or https, without query and slash at the end; "" allowed */
    SETTING_SECRET,
    SETTING_FILE, /* a path; who reads the file says what is wrong with it */
    SETTING_NUMBER,
    SETTING_LEVEL,
    SETTING_NAMES /* of settings, separated by commas; "" and "1" allowed */
};

struct setting {
    const char *name;
    enum setting_kind kind;
    size_t offset; /* in struct settings */
    const char *default_text;
    const char *default_note; /* what --help shows instead, or NULL */
    uint32_t min, max;        /* of SETTING_NUMBER */
    const char *meaning;
};

static const struct setting SETTINGS[] = {
    {PREFIX "DATABASE_URL", SETTING_DATABASE, offsetof(struct settings, database_url), "", "needed",
     0, 0, "PostgreSQL, as libpq's URI or keyword string"},
    {PREFIX "PUBLIC_DATABASE_URL", SETTING_DATABASE, offsetof(struct settings, public_database_url),
     "", "EXPRESS_DATABASE_URL", 0, 0, "the same for public reading, with a login of its own"},
    {PREFIX "BIND", SETTING_ADDRESS, offsetof(struct settings, bind), "127.0.0.1", NULL, 0, 0,
     "address to listen at"},
    {PREFIX "PORT", SETTING_NUMBER, offsetof(struct settings, port), "8080", NULL, 0, 65535,
     "port to listen at; 0: any free one"},
    {PREFIX "ADMIN_BIND", SETTING_ADDRESS, offsetof(struct settings, admin_bind), "127.0.0.1", NULL,
     0, 0, "address of health and metrics"},
    {PREFIX "ADMIN_PORT", SETTING_NUMBER, offsetof(struct settings, admin_port), "0", NULL, 0,
     65535, "port of health and metrics; 0: any free one, told in the log"},
    {PREFIX "BASE_URL", SETTING_URL, offsetof(struct settings, base_url), "", "none", 0, 0,
     "what links begin with, such as https://api.example.org; none: they begin with a slash"},
    {PREFIX "SECRET", SETTING_SECRET, offsetof(struct settings, secret), "", "random", 0, 0,
     "signs cursors and seals the keys of tokens; the same on every node, 32 characters or more"},
    {PREFIX "ISSUERS", SETTING_FILE, offsetof(struct settings, issuers), "", "none", 0, 0,
     "JSON file of the outside issuers whose tokens are taken"},
    {PREFIX "RATE_LIMIT", SETTING_NUMBER, offsetof(struct settings, rate_limit), "50", NULL, 0,
     100000, "requests per second and client; 0: no limit, neither for failed attempts to sign in"},
    {PREFIX "TRUSTED_PROXY", SETTING_ADDRESS, offsetof(struct settings, trusted_proxy), "", "none",
     0, 0, "address whose X-Forwarded-For names the client"},
    {PREFIX "POOL_SIZE", SETTING_NUMBER, offsetof(struct settings, pool_size), "8", NULL, 1, 100,
     "database connections for public reading at most"},
    {PREFIX "WRITE_POOL_SIZE", SETTING_NUMBER, offsetof(struct settings, write_pool_size), "8",
     NULL, 1, 100, "database connections for writing and private reading at most"},
    {PREFIX "POOL_WAIT_MS", SETTING_NUMBER, offsetof(struct settings, pool_wait_ms), "500", NULL, 1,
     60000, "how long a request waits for one, in ms"},
    {PREFIX "STATEMENT_TIMEOUT_MS", SETTING_NUMBER, offsetof(struct settings, statement_timeout_ms),
     "2000", NULL, 10, 600000, "how long a statement may run, in ms"},
    {PREFIX "CONNECTIONS_MAX", SETTING_NUMBER, offsetof(struct settings, connections_max), "1000",
     NULL, 1, 20000, "client connections at once; each has a thread"},
    {PREFIX "CONNECTION_TIMEOUT_S", SETTING_NUMBER, offsetof(struct settings, connection_timeout_s),
     "15", NULL, 1, 3600, "how long a connection may be silent, in seconds"},
    {PREFIX "REQUEST_TIMEOUT_S", SETTING_NUMBER, offsetof(struct settings, request_timeout_s), "30",
     NULL, 1, 3600, "how long a request may take to arrive, in seconds"},
    {PREFIX "DRAIN_S", SETTING_NUMBER, offsetof(struct settings, drain_s), "30", NULL, 0, 3600,
     "how long running requests may go on at a stop, in seconds"},
    {PREFIX "AUDIT_DAYS", SETTING_NUMBER, offsetof(struct settings, audit_days), "365", NULL, 90,
     36500, "how many days entries of the audit log are kept"},
    {PREFIX "RETENTION_DAYS", SETTING_NUMBER, offsetof(struct settings, retention_days), "730",
     NULL, 0, 36500,
     "days after which mentors and mentees without an open pair are erased; 0: never"},
    {PREFIX "ERASURE_LEDGER", SETTING_FILE, offsetof(struct settings, erasure_ledger), "", "none",
     0, 0, "file that remembers erasures beside the database, for the day of a backup"},
    {PREFIX "LOG_LEVEL", SETTING_LEVEL, offsetof(struct settings, log_level), "info", NULL, 0, 0,
     "error, warn, info or debug"},
    {PREFIX "ALLOW_UNSAFE", SETTING_NAMES, offsetof(struct settings, allow_unsafe), "", "none", 0,
     0, "settings that are meant as they are though they are unsafe; 1: all"},
};

static const char *const LEVELS[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

static char random_secret[2 * SECRET_CHARACTERS_MIN + 1];

static void set_text(struct settings *settings, const struct setting *setting, const char *value)
{
    memcpy((char *)settings + setting->offset, &value, sizeof(value));
}

static void set_number(struct settings *settings, const struct setting *setting, uint32_t value)
{
    memcpy((char *)settings + setting->offset, &value, sizeof(value));
}

static const char *get_text(const struct settings *settings, const struct setting *setting)
{
    const char *value;

    memcpy(&value, (const char *)settings + setting->offset, sizeof(value));
    return value;
}

static uint32_t get_number(const struct settings *settings, const struct setting *setting)
{
    uint32_t value;

    memcpy(&value, (const char *)settings + setting->offset, sizeof(value));
    return value;
}

static bool is_url(const char *text)
{
    size_t length = strlen(text);
    const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
                       : strncmp(text, "http://", 7) == 0 ? text + 7
                                                          : NULL;

    if (text[0] == '\0')
        return true;
    return host != NULL && strcspn(host, "/") > 0 && text[length - 1] != '/' &&
           strpbrk(host, "?#@ \\\"<>") == NULL;
}

static const struct setting *find(const char *name, size_t length)
{
    for (size_t i = 0; i < ARRAY_LENGTH(SETTINGS); i++) {
        if (strlen(SETTINGS[i].name) == length && memcmp(SETTINGS[i].name, name, length) == 0)
            return &SETTINGS[i];
    }
    return NULL;
}

static bool are_names(const char *list)
{
    if (list[0] == '\0' || strcmp(list, "1") == 0)
        return true;
    for (;;) {
        size_t length = strcspn(list, ",");

        if (find(list, length) == NULL)
            return false;
        if (list[length] == '\0')
            return true;
        list += length + 1;
    }
}

static bool read_level(const char *text, uint32_t *ret_level)
{
    for (uint32_t i = 0; i < ARRAY_LENGTH(LEVELS); i++) {
        if (strcmp(LEVELS[i], text) == 0) {
            *ret_level = i;
            return true;
        }
    }
    return false;
}

/* Return: NULL; what is wrong with @value, for "NAME: …". */
static const char *read_value(struct settings *settings, const struct setting *setting,
                              const char *value)
{
    struct address address;
    uint32_t number = 0;

    switch (setting->kind) {
    case SETTING_DATABASE:
    case SETTING_FILE:
        break;
    case SETTING_ADDRESS:
        if (value[0] != '\0' && !address_parse(value, &address))
            return "is not an IP address";
        break;
    case SETTING_URL:
        if (!is_url(value))
            return "must be an http or https URL without query, user and slash at the end";
        break;
    case SETTING_SECRET:
        if (value[0] != '\0' && strlen(value) < SECRET_CHARACTERS_MIN)
            return "is too short";
        break;
    case SETTING_NUMBER:
        if (!num_parse_u32(value, setting->min, setting->max, &number))
            return "is not a whole number in the range";
        set_number(settings, setting, number);
        return NULL;
    case SETTING_LEVEL:
        if (!read_level(value, &number))
            return "must be error, warn, info or debug";
        set_number(settings, setting, number);
        return NULL;
    case SETTING_NAMES:
        if (!are_names(value))
            return "must be 1, or names of settings separated by commas";
        break;
    }
    set_text(settings, setting, value);
    return NULL;
}

static void report(FILE *errors, const struct setting *setting, const char *fault)
{
    fprintf(errors, "%s %s", setting->name, fault);
    if (setting->kind == SETTING_NUMBER)
        fprintf(errors, " %u..%u", (unsigned)setting->min, (unsigned)setting->max);
    if (setting->kind == SETTING_SECRET)
        fprintf(errors, ": it needs %d characters or more", SECRET_CHARACTERS_MIN);
    fputc('\n', errors);
}

/* Settings of the scripts around the program, which share their environment with it. */
static bool is_of_tools(const char *name)
{
    static const char *const NAMES[] = {"EXPRESS_BUILD_DIR", "EXPRESS_DATA_DIR",
                                        "EXPRESS_CATALOGUE", "EXPRESS_TEST_DATABASE_URL",
                                        "EXPRESS_API_BINARY"};

    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
        if (strcmp(NAMES[i], name) == 0)
            return true;
    return false;
}

/* A misspelt name would leave a default in force unnoticed; still others may use our prefix. */
static void warn_of_unknown(FILE *errors)
{
    extern char **environ;
    const char *names[ARRAY_LENGTH(SETTINGS)];

    for (size_t i = 0; i < ARRAY_LENGTH(SETTINGS); i++)
        names[i] = SETTINGS[i].name;
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        size_t length = strcspn(*at, "=");
        char name[64];
        const char *nearest;

        if (strncmp(*at, PREFIX, sizeof(PREFIX) - 1) != 0 || length >= sizeof(name) ||
            find(*at, length) != NULL)
            continue;
        memcpy(name, *at, length);
        name[length] = '\0';
        nearest = is_of_tools(name) ? NULL : text_nearest(name, names, ARRAY_LENGTH(names));
        if (nearest != NULL)
            fprintf(errors, "warning: %s is not a setting; did you mean %s?\n", name, nearest);
    }
}

static bool make_secret(void)
{
    static const char DIGITS[] = "0123456789abcdef";
    unsigned char bytes[SECRET_CHARACTERS_MIN];

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        return false;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        random_secret[2 * i] = DIGITS[bytes[i] >> 4];
        random_secret[2 * i + 1] = DIGITS[bytes[i] & 15];
    }
    return true;
}

/* Defaults that depend on other settings, or on chance. */
static bool complete(struct settings *settings, FILE *errors)
{
    if (settings->public_database_url[0] == '\0')
        settings->public_database_url = settings->database_url;
    if (settings->secret[0] != '\0')
        return true;
    if (!make_secret()) {
        fprintf(errors, PREFIX "SECRET cannot be made: no random numbers\n");
        return false;
    }
    settings->secret = random_secret;
    return true;
}

bool settings_secret_is_random(const struct settings *settings)
{
    return settings->secret == random_secret;
}

bool settings_allow_unsafe(const struct settings *settings, const char *name)
{
    const char *list = settings->allow_unsafe;

    if (strcmp(list, "1") == 0)
        return true;
    for (;;) {
        size_t length = strcspn(list, ",");

        if (length == strlen(name) && memcmp(list, name, length) == 0)
            return true;
        if (list[length] == '\0')
            return false;
        list += length + 1;
    }
}

bool settings_name_database(const struct settings *settings, FILE *errors)
{
    if (settings->database_url[0] != '\0')
        return true;
    fprintf(errors, "express-api: " PREFIX "DATABASE_URL says which database to use; tools/serve "
                    "starts one by itself\n");
    return false;
}

/* What somebody has set; NULL: the default is in force. @ret_source: where, for people. */
static const char *given(const struct setting *setting, const char **ret_source)
{
    const char *value = getenv(setting->name);

    /* Set to nothing is not set: that is how compose files and unit files leave one out. */
    *ret_source = "environment";
    if (value == NULL || value[0] == '\0') {
        value = environment_value(setting->name);
        *ret_source = "file";
    }
    if (value == NULL || value[0] == '\0') {
        value = NULL;
        *ret_source = "default";
    }
    return value;
}

int settings_read(struct settings *ret_settings, FILE *errors)
{
    struct settings settings = {0};
    bool good = environment_load(errors) == 0;

    for (size_t i = 0; i < ARRAY_LENGTH(SETTINGS); i++) {
        const struct setting *setting = &SETTINGS[i];
        const char *source;
        const char *value = given(setting, &source);
        const char *fault =
            read_value(&settings, setting, value == NULL ? setting->default_text : value);

        if (fault != NULL) {
            report(errors, setting, fault);
            good = false;
        }
    }
    warn_of_unknown(errors);
    if (!good || !complete(&settings, errors))
        return SETTINGS_INVALID;
    *ret_settings = settings;
    return 0;
}

void settings_print_help(FILE *file)
{
    fprintf(file, "%-29s %-20s %s\n", "Variable", "Default", "Meaning");
    for (size_t i = 0; i < ARRAY_LENGTH(SETTINGS); i++) {
        const struct setting *setting = &SETTINGS[i];

        fprintf(file, "%-29s %-20s %s", setting->name,
                setting->default_note != NULL ? setting->default_note : setting->default_text,
                setting->meaning);
        if (setting->kind == SETTING_NUMBER)
            fprintf(file, " (%u..%u)", (unsigned)setting->min, (unsigned)setting->max);
        fputc('\n', file);
    }
}

/* The text of a connection string without what may be secret in it. */
static void print_database(const char *url, FILE *file)
{
    const char *authority = strstr(url, "://");
    const char *at, *colon;

    if (strstr(url, "pass") != NULL || strstr(url, "sslkey") != NULL || authority == NULL) {
        fputs("(set)", file);
        return;
    }
    authority += 3;
    at = memchr(authority, '@', strcspn(authority, "/?"));
    colon = at == NULL ? NULL : memchr(authority, ':', (size_t)(at - authority));
    if (colon == NULL)
        fputs(url, file);
    else
        fprintf(file, "%.*s:***%s", (int)(colon - url), url, at);
}

static void print_value(const struct settings *settings, const struct setting *setting, FILE *file)
{
    const char *text;

    switch (setting->kind) {
    case SETTING_NUMBER:
        fprintf(file, "%u", (unsigned)get_number(settings, setting));
        return;
    case SETTING_LEVEL:
        fputs(LEVELS[get_number(settings, setting)], file);
        return;
    case SETTING_SECRET:
        fputs(settings_secret_is_random(settings) ? "(random)" : "(set)", file);
        return;
    case SETTING_DATABASE:
        print_database(get_text(settings, setting), file);
        return;
    case SETTING_ADDRESS:
    case SETTING_FILE:
    case SETTING_NAMES:
    case SETTING_URL:
        text = get_text(settings, setting);
        fputs(text[0] == '\0' ? "(none)" : text, file);
        return;
    }
}

void settings_print(const struct settings *settings, FILE *file)
{
    for (size_t i = 0; i < ARRAY_LENGTH(SETTINGS); i++) {
        const char *source;

        (void)given(&SETTINGS[i], &source);
        fprintf(file, "%s=", SETTINGS[i].name);
        print_value(settings, &SETTINGS[i], file);
        fprintf(file, " (%s)\n", source);
    }
}
