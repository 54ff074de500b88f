/*
 * key: the keys that sign our tokens. A new one signs from the moment the
 * servers hear of it; a retired one verifies for as long as its tokens live.
 */
#include "audit/audit.h"
#include "auth/keys.h"
#include "base/arena.h"
#include "base/limits.h"
#include "command_data.h"
#include "commands.h"
#include "db/db.h"
#include "settings.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE                                                                                      \
    "usage: express-api key add\n"                                                                 \
    "       express-api key retire KID\n"                                                          \
    "       express-api key list"

static int usage(void)
{
    (void)fprintf(stderr, USAGE "\n");
    return EXIT_USAGE;
}

static int note(struct db *db, const char *action)
{
    const struct audit_entry entry = {.action = action};

    return audit_append(db, &entry);
}

static int add(struct workbench *workbench, const struct keys_seal *seal, const char *kid)
{
    char made[KEYS_KID_BYTES];
    int r = keys_add(workbench->db, seal, made);

    (void)kid;
    if (r == 0)
        r = note(workbench->db, "key.add");
    if (r == 0)
        r = db_commit(workbench->db);
    if (r == 0)
        (void)printf("%s\n", made);
    return r;
}

static int retire(struct workbench *workbench, const struct keys_seal *seal, const char *kid)
{
    char made[KEYS_KID_BYTES];
    int r = keys_retire(workbench->db, seal, kid, made);

    if (r == KEYS_NOT_FOUND) {
        (void)fprintf(
            stderr, "express-api: there is no key %s that signs; see express-api key list\n", kid);
        return r;
    }
    if (r == 0)
        r = note(workbench->db, "key.retire");
    if (r == 0)
        r = db_commit(workbench->db);
    if (r != 0)
        return r;
    (void)fprintf(stderr, "express-api: key %s signs no more, and verifies for %d minutes yet\n",
                  kid, KEYS_OVERLAP_MINUTES);
    if (made[0] != '\0')
        (void)fprintf(stderr, "express-api: it was the last one; key %s was made in its place\n",
                      made);
    return 0;
}

static const char *state_of(const struct keys_row *key)
{
    if (key->is_expired)
        return "expired";
    if (key->retired_at != NULL)
        return "verifies";
    return key->can_be_unsealed ? "signs" : "verifies; sealed with another EXPRESS_SECRET";
}

static int list(struct workbench *workbench, const struct keys_seal *seal, const char *kid)
{
    struct keys_row *keys = NULL;
    struct arena arena;
    size_t count = 0;
    int r;

    (void)kid;
    arena_init(&arena, REQUEST_ARENA_BYTES_MAX);
    r = keys_list(workbench->db, seal, &arena, &keys, &count);
    if (r == 0)
        r = note(workbench->db, "key.list");
    if (r == 0)
        r = db_commit(workbench->db);
    for (size_t i = 0; r == 0 && i < count; i++)
        (void)printf("%s\tcreated %s%s%s\t%s\n", keys[i].kid, keys[i].created_at,
                     keys[i].expires_at == NULL ? "" : "\texpires ",
                     keys[i].expires_at == NULL ? "" : keys[i].expires_at, state_of(&keys[i]));
    arena_deinit(&arena);
    return r;
}

static const struct {
    const char *name;
    int word_count;
    const char *what;
    int (*run)(struct workbench *workbench, const struct keys_seal *seal, const char *kid);
} ACTIONS[] = {
    {"add", 0, "adding a key", add},
    {"retire", 1, "retiring a key", retire},
    {"list", 0, "listing the keys", list},
};

static int act(const struct settings *settings, size_t action, const char *kid)
{
    struct workbench workbench;
    struct keys_seal seal;
    int r;

    if (!workbench_name_secret(settings))
        return EXIT_FAILURE;
    if (workbench_open(settings, WORKBENCH_OWNER_ROLE, &workbench) != 0)
        return EXIT_FAILURE;
    keys_seal_derive(settings->secret, &seal);
    r = db_begin(workbench.db);
    if (r == 0)
        r = ACTIONS[action].run(&workbench, &seal, kid);
    if (r != 0 && r != KEYS_NOT_FOUND)
        workbench_tell(&workbench, ACTIONS[action].what);
    sodium_memzero(&seal, sizeof(seal));
    workbench_close(&workbench);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int command_key(const struct settings *settings, int count, char **words)
{
    for (size_t i = 0; count >= 1 && i < ARRAY_LENGTH(ACTIONS); i++) {
        if (strcmp(words[0], ACTIONS[i].name) != 0)
            continue;
        if (count - 1 != ACTIONS[i].word_count)
            return usage();
        return act(settings, i, count > 1 ? words[1] : NULL);
    }
    return usage();
}
