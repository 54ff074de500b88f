/*
 * The command line: express-api COMMAND [ARGUMENTS]. Settings come from the
 * environment, read once and checked as a whole.
 */
#include "base/annotate.h"
#include "base/log.h"
#include "command_data.h"
#include "commands.h"
#include "contract/contract.h"
#include "settings.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const char *usage;
    const char *meaning;
    int (*run)(const struct settings *settings, int count, char **words);
} COMMANDS[] = {
    {"serve", "", "answer requests until SIGTERM", command_serve},
    {"migrate", "", "bring the database into the state of this program", command_migrate},
    {"import", "[--source NAME] [--overwrite] FILE_OR_FOLDER...",
     "load records from JSON files, all or none; what is unchanged stays as it is", command_import},
    {"export", "FOLDER", "write all public records to JSON files that import takes",
     command_export},
    {"check", "", "show the settings in force, and compare contract and database", command_check},
    {"client",
     "create --name NAME --organisation SLUG --role ROLE [--scope \"SCOPE ...\"] | list\n"
     "           | disable ID | enable ID | rename ID --name NAME | rotate ID [--drop SLOT]",
     "the programs that may sign in; a secret is shown once, when it is made", command_client},
    {"key", "add | retire KID | list",
     "the keys that sign tokens: a new one signs, a retired one verifies until its tokens end",
     command_key},
    {"token",
     "--role ROLE [--organisation SLUG] [--scope \"SCOPE ...\"] [--subject ID] [--ttl SECONDS]",
     "print a token, for an hour or less", command_token},
    {"audit", "verify [--expect ROOT]... | prune --days N",
     "verify the audit log, also against roots kept elsewhere, or remove its old entries",
     command_audit},
    {"erasures", "list | replay",
     "the people who were erased, by receipt; or do it again after a backup was restored",
     command_erasures},
    {"housekeeping", "[--erase-max N]",
     "remove what has served its time, as servers do once a minute", command_housekeeping},
    {"rates", "import FILE | list",
     "what currencies are worth in euros: a CSV file with date, currency, rate and source",
     command_rates},
    {"health", "", "ask a running server whether it is ready", command_health},
};

static void print_usage(FILE *file)
{
    (void)fprintf(file, "usage: express-api COMMAND [ARGUMENTS]\n\n");
    for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++)
        (void)fprintf(file, "  %-12s %s%s%s\n", COMMANDS[i].name, COMMANDS[i].usage,
                      COMMANDS[i].usage[0] == '\0' ? "" : "\n               ", COMMANDS[i].meaning);
    (void)fprintf(file, "  --help, --version\n\nSettings are environment variables:\n\n");
    settings_print_help(file);
    (void)fprintf(file,
                  "\nWithout EXPRESS_DATABASE_URL, database and secret are those that a running "
                  "tools/serve leaves in\n$EXPRESS_DATA_DIR/environment (var/environment).\n");
}

static int print_version(void)
{
    struct contract *contract = NULL;

    if (contract_load(&contract) != 0)
        return EXIT_FAILURE;
    (void)printf("express-api %s\n", contract_version(contract));
    contract_free(contract);
    return EXIT_SUCCESS;
}

int main(int count, char **words)
{
    struct settings settings;

    if (sodium_init() < 0) {
        (void)fprintf(stderr, "express-api: no source of random numbers\n");
        return EXIT_FAILURE;
    }
    /* Our documents are trusted, but hash collisions are made by bodies: seed from the system. */
    json_object_seed(0);
    if (count < 2) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(words[1], "--help") == 0) {
        print_usage(stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(words[1], "--version") == 0)
        return print_version();
    for (size_t i = 0; i < ARRAY_LENGTH(COMMANDS); i++) {
        if (strcmp(words[1], COMMANDS[i].name) != 0)
            continue;
        if (settings_read(&settings, stderr) != 0)
            return EXIT_USAGE;
        log_set_level((enum log_level)settings.log_level);
        return COMMANDS[i].run(&settings, count - 2, words + 2);
    }
    (void)fprintf(stderr, "express-api: there is no command %s\n\n", words[1]);
    print_usage(stderr);
    return EXIT_USAGE;
}
