/*
 * client: the programs that may sign in. A secret is shown once, when it is
 * made; a second one can be added before the first is dropped, so that a client
 * is never without.
 */
#include "audit/audit.h"
#include "auth/clients.h"
#include "base/arena.h"
#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "command_data.h"
#include "commands.h"
#include "db/db.h"
#include "options.h"
#include "settings.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE                                                                                      \
    "usage: express-api client create --name NAME --organisation SLUG --role ROLE\n"               \
    "                                 [--scope \"SCOPE ...\"]\n"                                   \
    "       express-api client list\n"                                                             \
    "       express-api client disable|enable ID\n"                                                \
    "       express-api client rename ID --name NAME\n"                                            \
    "       express-api client rotate ID [--drop SLOT]"

static int refuse(const char *what)
{
    if (what != NULL)
        (void)fprintf(stderr, "express-api: %s\n", what);
    (void)fprintf(stderr, USAGE "\n");
    return EXIT_USAGE;
}

static int note(struct db *db, const char *action, const char *id)
{
    const struct audit_entry entry = {.action = action, .record_id = id};

    return audit_append(db, &entry);
}

/* 1 to 120 characters of UTF-8, none of them a control character. */
static bool is_name(const char *name)
{
    size_t characters = 0;

    if (!text_is_utf8(name, strlen(name)))
        return false;
    for (; *name != '\0'; name++) {
        if ((unsigned char)*name < 0x20 || *name == 0x7f)
            return false;
        characters += ((unsigned char)*name & 0xc0) != 0x80;
    }
    return characters >= 1 && characters <= CLIENT_NAME_CHARACTERS_MAX;
}

/* --- what is done in the transaction ----------------------------------------------------- */

struct work {
    struct workbench workbench;
    struct arena arena;
    struct client_draft draft;   /* of create */
    const char *id;              /* of all others */
    int dropped;                 /* of rotate: the slot to empty before; 0: none */
    struct client_change change; /* of disable, enable, rename */
    struct client client;        /* what came of it */
    struct client *clients;      /* of list */
    size_t client_count;
    int slot;
    char secret[CLIENT_SECRET_BYTES];
};

static int create(struct work *work)
{
    return clients_create(work->workbench.db, &work->arena, &work->draft, &work->client,
                          work->secret);
}

static int change(struct work *work)
{
    return clients_change(work->workbench.db, &work->arena, work->id, &work->change, &work->client);
}

static int rotate(struct work *work)
{
    struct db *db = work->workbench.db;
    int r = clients_get(db, &work->arena, work->id, &work->client);

    if (r == 0 && work->dropped != 0)
        r = clients_remove_secret(db, work->id, work->dropped);
    if (r == 0)
        r = clients_add_secret(db, work->id, &work->slot, work->secret);
    return r;
}

static int list(struct work *work)
{
    return clients_list(work->workbench.db, &work->arena,
                        work->client_count == 0 ? NULL : work->clients[work->client_count - 1].id,
                        CLIENTS_PAGE_MAX, &work->clients, &work->client_count);
}

static void tell_failure(const struct work *work, int r)
{
    switch (r) {
    case CLIENTS_NOT_FOUND:
        (void)fprintf(stderr, "express-api: there is no client %s%s\n", work->id,
                      work->dropped != 0 ? ", or it has no secret in that slot" : "");
        break;
    case CLIENTS_UNKNOWN_ORGANISATION:
        (void)fprintf(stderr, "express-api: there is no organisation %s\n",
                      work->draft.organisation);
        break;
    case CLIENTS_INVALID_SCOPE:
        (void)fprintf(stderr, "express-api: --scope names something that the role may not do, or "
                              "is malformed\n");
        break;
    case CLIENTS_SECRETS_FULL:
        (void)fprintf(stderr,
                      "express-api: client %s has two secrets; drop one of them: "
                      "express-api client rotate %s --drop 1|2\n",
                      work->id, work->id);
        break;
    default:
        workbench_tell(&work->workbench, "working on clients");
        break;
    }
}

/* Runs @step with an entry in the audit log, all or nothing. Return: 0; a failure, told. */
static int work_run(struct work *work, const struct settings *settings,
                    int (*step)(struct work *work), const char *action)
{
    struct db *db;
    int r;

    if (workbench_open(settings, WORKBENCH_OWNER_ROLE, &work->workbench) != 0)
        return 1;
    arena_init(&work->arena, REQUEST_ARENA_BYTES_MAX);
    db = work->workbench.db;
    r = db_begin(db);
    if (r == 0)
        r = step(work);
    if (r == 0)
        r = note(db, action, work->client.id);
    if (r == 0)
        r = db_commit(db);
    if (r != 0)
        tell_failure(work, r);
    return r;
}

static int work_end(struct work *work, int r)
{
    sodium_memzero(work->secret, sizeof(work->secret));
    arena_deinit(&work->arena);
    workbench_close(&work->workbench);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- actions ----------------------------------------------------------------------------- */

static int act_create(const struct settings *settings, int count, char **words)
{
    enum { NAME, ORGANISATION, ROLE, SCOPE };
    struct option_value options[] = {
        [NAME] = {.name = "--name", .is_needed = true},
        [ORGANISATION] = {.name = "--organisation", .is_needed = true},
        [ROLE] = {.name = "--role", .is_needed = true},
        [SCOPE] = {.name = "--scope"},
    };
    struct work work = {.id = NULL};
    int r;

    if (!options_read(options, ARRAY_LENGTH(options), count, words, USAGE))
        return EXIT_USAGE;
    if (!is_name(options[NAME].text))
        return refuse("--name has 1 to 120 characters, in one line");
    if (!caller_role_of(options[ROLE].text, &work.draft.role))
        return refuse("--role is participant, partner, coordinator, editor or admin");
    work.draft.name = options[NAME].text;
    work.draft.organisation = options[ORGANISATION].text;
    work.draft.scopes = options[SCOPE].text;
    r = work_run(&work, settings, create, "client.create");
    if (r == 0)
        (void)printf("client_id %s\nclient_secret %s\n", work.client.id, work.secret);
    return work_end(&work, r);
}

static int act_change(const struct settings *settings, const char *id,
                      const struct client_change *wanted, const char *action)
{
    struct work work = {.id = id, .change = *wanted};
    int r = work_run(&work, settings, change, action);

    if (r == 0)
        (void)fprintf(stderr, "express-api: client %s (%s) is %s\n", work.client.id,
                      work.client.name, work.client.disabled_at == NULL ? "enabled" : "disabled");
    return work_end(&work, r);
}

static int act_disable(const struct settings *settings, int count, char **words)
{
    static const bool YES = true;

    return count != 1 ? refuse(NULL)
                      : act_change(settings, words[0], &(struct client_change){.disabled = &YES},
                                   "client.disable");
}

static int act_enable(const struct settings *settings, int count, char **words)
{
    static const bool NO = false;

    return count != 1 ? refuse(NULL)
                      : act_change(settings, words[0], &(struct client_change){.disabled = &NO},
                                   "client.enable");
}

static int act_rename(const struct settings *settings, int count, char **words)
{
    struct option_value name = {.name = "--name", .is_needed = true};

    if (count < 1)
        return refuse(NULL);
    if (!options_read(&name, 1, count - 1, words + 1, USAGE))
        return EXIT_USAGE;
    if (!is_name(name.text))
        return refuse("--name has 1 to 120 characters, in one line");
    return act_change(settings, words[0], &(struct client_change){.name = name.text},
                      "client.rename");
}

static int act_rotate(const struct settings *settings, int count, char **words)
{
    struct option_value drop = {.name = "--drop"};
    struct work work = {.id = NULL};
    uint32_t slot = 0;
    int r;

    if (count < 1)
        return refuse(NULL);
    if (!options_read(&drop, 1, count - 1, words + 1, USAGE))
        return EXIT_USAGE;
    if (drop.text != NULL && !num_parse_u32(drop.text, 1, CLIENT_SECRETS_MAX, &slot))
        return refuse("--drop is 1 or 2");
    work.id = words[0];
    work.dropped = (int)slot;
    r = work_run(&work, settings, rotate, "client.rotate");
    if (r == 0)
        (void)printf("client_id %s\nclient_secret %s\n", work.client.id, work.secret);
    return work_end(&work, r);
}

static void print_client(const struct client *client)
{
    (void)printf("%s\t%s\t%s\t%s\t\"%s\"\tcreated %s\tused %s\tsecrets", client->id,
                 caller_role_name(client->role),
                 client->organisation_slug == NULL ? client->organisation_id
                                                   : client->organisation_slug,
                 client->scopes, client->name, client->created_at,
                 client->last_used_at == NULL ? "never" : client->last_used_at);
    for (size_t i = 0; i < CLIENT_SECRETS_MAX && client->secrets[i].slot != 0; i++)
        (void)printf(" %d", client->secrets[i].slot);
    (void)printf("%s%s\n", client->disabled_at == NULL ? "" : "\tdisabled ",
                 client->disabled_at == NULL ? "" : client->disabled_at);
}

static int act_list(const struct settings *settings, int count, char **words)
{
    struct work work = {.id = NULL};
    int r;

    (void)words;
    if (count != 0)
        return refuse(NULL);
    r = work_run(&work, settings, list, "client.list");
    while (r == 0 && work.client_count > 0) {
        for (size_t i = 0; i < work.client_count; i++)
            print_client(&work.clients[i]);
        r = list(&work);
        if (r != 0)
            tell_failure(&work, r);
    }
    return work_end(&work, r);
}

static const struct {
    const char *name;
    int (*run)(const struct settings *settings, int count, char **words);
} ACTIONS[] = {
    {"create", act_create}, {"list", act_list},     {"disable", act_disable},
    {"enable", act_enable}, {"rename", act_rename}, {"rotate", act_rotate},
};

int command_client(const struct settings *settings, int count, char **words)
{
    for (size_t i = 0; count >= 1 && i < ARRAY_LENGTH(ACTIONS); i++) {
        if (strcmp(words[0], ACTIONS[i].name) == 0)
            return ACTIONS[i].run(settings, count - 1, words + 1);
    }
    return refuse(NULL);
}
