/*
 * token: one token, for a person at the command line or a program without a
 * client: signed with the servers' own key, so that every node takes it.
 */
#include "audit/audit.h"
#include "auth/auth.h"
#include "auth/clients.h"
#include "auth/issue.h"
#include "auth/keys.h"
#include "auth/token.h"
#include "base/clock.h"
#include "base/num.h"
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
    "usage: express-api token --role participant|partner|coordinator|editor|admin\n"               \
    "                         [--organisation SLUG] [--scope \"SCOPE ...\"] [--subject ID]\n"      \
    "                         [--ttl SECONDS]"
#define SUBJECT_BYTES_MAX 200
#define NOT_TOLD 1 /* an outcome that was explained already */

struct wish {
    enum caller_role role;
    const char *organisation; /* slug or id; NULL: none */
    const char *subject;
    char scopes[CALLER_SCOPES_BYTES];
    uint32_t life_s;
};

static bool refuse(const char *what)
{
    (void)fprintf(stderr, "express-api: %s\n" USAGE "\n", what);
    return false;
}

static bool read_wish(int count, char **words, struct wish *ret_wish)
{
    enum { ROLE, ORGANISATION, SCOPE, SUBJECT, LIFE };
    struct option_value options[] = {
        [ROLE] = {.name = "--role", .is_needed = true},
        [ORGANISATION] = {.name = "--organisation"},
        [SCOPE] = {.name = "--scope"},
        [SUBJECT] = {.name = "--subject"},
        [LIFE] = {.name = "--ttl", .text = "3600"},
    };
    struct wish wish;

    if (!options_read(options, ARRAY_LENGTH(options), count, words, USAGE))
        return false;
    if (!caller_role_of(options[ROLE].text, &wish.role))
        return refuse("--role is participant, partner, coordinator, editor or admin");
    wish.organisation = options[ORGANISATION].text;
    wish.subject = options[SUBJECT].text;
    if (wish.organisation == NULL &&
        (wish.role == CALLER_PARTNER || wish.role == CALLER_COORDINATOR))
        return refuse("a partner or coordinator is one of an organisation: --organisation SLUG");
    if (wish.subject != NULL &&
        (wish.subject[0] == '\0' || strlen(wish.subject) > SUBJECT_BYTES_MAX))
        return refuse("--subject has 1 to 200 bytes");
    if (!num_parse_u32(options[LIFE].text, 1, AUTH_TOKEN_SECONDS_MAX, &wish.life_s))
        return refuse("--ttl is a number of seconds from 1 to 3600");
    if (clients_scopes_check(wish.role, options[SCOPE].text, wish.scopes) != 0)
        return refuse("--scope names something that the role may not do, or is malformed");
    *ret_wish = wish;
    return true;
}

static int find_organisation(struct workbench *workbench, const struct wish *wish,
                             char ret_id[UUID_TEXT_BYTES])
{
    int r;

    ret_id[0] = '\0';
    if (wish->organisation == NULL)
        return 0;
    r = clients_find_organisation(workbench->db, wish->organisation, ret_id);
    if (r != CLIENTS_UNKNOWN_ORGANISATION)
        return r;
    (void)fprintf(stderr, "express-api: there is no organisation %s\n", wish->organisation);
    return NOT_TOLD;
}

/* In the transaction of the command. */
static int make(struct workbench *workbench, const struct settings *settings,
                const struct wish *wish, char **ret_text)
{
    static const struct audit_entry ENTRY = {.action = "token.create"};
    const char *issuer = settings->base_url[0] == '\0' ? AUTH_ISSUER_DEFAULT : settings->base_url;
    char organisation[UUID_TEXT_BYTES];
    char id[ISSUE_ID_BYTES];
    struct keys_signer signer = {.private_pem = NULL};
    struct token_keys *keys = NULL;
    struct keys_seal seal;
    size_t foreign_count;
    int r = find_organisation(workbench, wish, organisation);

    keys_seal_derive(settings->secret, &seal);
    if (r == 0)
        r = keys_load(workbench->db, &seal, true, &signer, &keys, &foreign_count);
    if (r == 0)
        r = issue_token(
            &(struct issue){.issuer = issuer,
                            .subject = wish->subject,
                            .role = caller_role_name(wish->role),
                            .organisation = organisation[0] == '\0' ? NULL : organisation,
                            .scope = wish->scopes,
                            .life_s = wish->life_s,
                            .now = (int64_t)(clock_wall_ms() / 1000)},
            &signer, ret_text, id);
    if (r == 0)
        r = audit_append(workbench->db, &ENTRY);
    keys_signer_deinit(&signer);
    token_keys_unref(keys);
    sodium_memzero(&seal, sizeof(seal));
    return r;
}

int command_token(const struct settings *settings, int count, char **words)
{
    struct workbench workbench;
    struct wish wish;
    char *text = NULL;
    int r;

    if (!read_wish(count, words, &wish))
        return EXIT_USAGE;
    if (!workbench_name_secret(settings))
        return EXIT_FAILURE;
    if (workbench_open(settings, WORKBENCH_OWNER_ROLE, &workbench) != 0)
        return EXIT_FAILURE;
    r = db_begin(workbench.db);
    if (r == 0)
        r = make(&workbench, settings, &wish, &text);
    if (r == 0)
        r = db_commit(workbench.db);
    if (r == 0)
        (void)printf("%s\n", text);
    else if (r != NOT_TOLD)
        workbench_tell(&workbench, "making a token");
    free(text);
    workbench_close(&workbench);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
