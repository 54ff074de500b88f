#pragma once
/*
 * What the commands that work on the database have in common: the contract,
 * the model made from it, and one connection.
 */
#include "base/annotate.h"

#include <stdbool.h>

struct contract;
struct db;
struct db_pool;
struct model;
struct settings;

#define WORKBENCH_OWNER_ROLE "express_owner"

struct workbench {
    struct contract *contract;
    struct model *model;
    struct db_pool *pool;
    struct db *db;
};

/*
 * workbench_open() - @role: the role to work as, or NULL for the login role
 * Says on standard error what is wrong. Return: 0; anything else: nothing is open.
 */
MUST_CHECK int workbench_open(const struct settings *settings, const char *role,
                              struct workbench *ret_workbench);
/* Is there a secret that the servers have, too? If not, that is said on standard error. */
MUST_CHECK bool workbench_name_secret(const struct settings *settings);
void workbench_close(struct workbench *workbench);
/* Says on standard error why a database call failed. */
void workbench_tell(const struct workbench *workbench, const char *what);

/* The contract that the program carries. Says on standard error what is wrong with it. */
MUST_CHECK int contract_load(struct contract **ret_contract);
