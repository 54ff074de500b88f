#pragma once
/*
 * Settings
 *
 * Every EXPRESS_* variable: name, default, range and meaning in one table
 * (settings.c), which --help, check and README show. Read once at start.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct settings {
    const char *database_url;        /* required by all but --help */
    const char *public_database_url; /* a login of its own for reading; default: database_url */
    const char *bind;
    uint32_t port;             /* 0: any free one */
    const char *admin_bind;    /* health and metrics */
    uint32_t admin_port;       /* 0: any free one; printed in the log */
    const char *base_url;      /* "": links are path-absolute */
    const char *secret;        /* signs cursors, seals keys; default: random per process, with a
                                  warning */
    const char *issuers;       /* file of the outside issuers of tokens; "": none */
    uint32_t rate_limit;       /* requests per second and client; 0: off */
    const char *trusted_proxy; /* whose X-Forwarded-For counts; "": nobody's */
    uint32_t pool_size;
    uint32_t write_pool_size; /* of the pool for callers: writing, and what is not public */
    uint32_t pool_wait_ms;
    uint32_t statement_timeout_ms;
    uint32_t connections_max;
    uint32_t connection_timeout_s; /* how long a connection may be silent */
    uint32_t request_timeout_s;    /* header and body must have arrived */
    uint32_t drain_s;              /* running requests get this long at stop */
    uint32_t audit_days;           /* how long the audit log is kept */
    uint32_t retention_days;       /* people of mentoring are erased after so long; 0: never */
    const char *erasure_ledger;    /* file that remembers erasures; "": none */
    uint32_t log_level;            /* enum log_level */
    const char *allow_unsafe;      /* "", "1", or names of settings separated by commas */
};

/*
 * settings_read() - from the environment, and where it names no database, from environment.h
 * Strings are borrowed from there. Every bad value is reported on
 * @errors, one line each, naming the variable, the value's fault and the range.
 * Return: 0; SETTINGS_INVALID.
 */
enum settings_outcome { SETTINGS_INVALID = 1 };
MUST_CHECK int settings_read(struct settings *ret_settings, FILE *errors);
/* Was the secret made for this process, because none was given? Its cursors end with it. */
bool settings_secret_is_random(const struct settings *settings);
/* Was it said that the setting of this name may be unsafe? See safety.h. */
bool settings_allow_unsafe(const struct settings *settings, const char *name);
/* Is there a database to work on? If not, that is said on @errors. */
MUST_CHECK bool settings_name_database(const struct settings *settings, FILE *errors);
/* The table, for --help: name, default, meaning. */
void settings_print_help(FILE *file);
/* Name, value in force and where it comes from; secrets and passwords are not shown. */
void settings_print(const struct settings *settings, FILE *file);
