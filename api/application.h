#pragma once
/*
 * Application
 *
 * What lives as long as the process: settings, contract, pools. Made by the
 * command line, borrowed by every request, unchanged after start but for what
 * its members guard themselves.
 */
#include "record/cursor.h"

struct auth;
struct contract;
struct creating;
struct db_pool;
struct housekeeper;
struct memo;
struct model;
struct offers;
struct profiles;
struct restored;
struct settings;

struct application {
    const struct settings *settings;
    const struct contract *contract;
    const struct model *model;    /* the contract as tables: for writing, and what is not public */
    struct db_pool *pool;         /* public reading, role express_public */
    struct db_pool *private_pool; /* for a caller, role express_writer: begin with caller_begin() */
    struct auth *auth;            /* tokens, keys, clients */
    struct creating *creating;    /* records that are created at the same time */
    struct memo *memo;            /* ETags known to be current */
    struct offers *offers;        /* financing offers, for matching */
    struct profiles *profiles;    /* what practices are compared by */
    struct restored *restored;    /* whether erased people may be back */
    struct housekeeper *housekeeper;
    struct cursor_keys cursor_keys;
};
