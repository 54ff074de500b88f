#pragma once
/*
 * Application
 *
 * What lives as long as the process: settings, contract, pools. Made by the
 * command line, borrowed by every request, unchanged after start but for what
 * its members guard themselves.
 */
#include "record/cursor.h"

struct contract;
struct db_pool;
struct memo;
struct settings;

struct application {
    const struct settings *settings;
    const struct contract *contract;
    struct db_pool *pool; /* public reading, role express_public */
    struct memo *memo;    /* ETags known to be current */
    struct cursor_keys cursor_keys;
};
