#pragma once
/*
 * Commands
 *
 * What the program does when it is called: each is a function of the words
 * behind its name, and returns the exit code.
 */
struct settings;

#define EXIT_USAGE 2

int command_serve(const struct settings *settings, int count, char **words);
int command_migrate(const struct settings *settings, int count, char **words);
int command_import(const struct settings *settings, int count, char **words);
int command_export(const struct settings *settings, int count, char **words);
int command_check(const struct settings *settings, int count, char **words);
int command_client(const struct settings *settings, int count, char **words);
int command_key(const struct settings *settings, int count, char **words);
int command_token(const struct settings *settings, int count, char **words);
int command_audit(const struct settings *settings, int count, char **words);
int command_erasures(const struct settings *settings, int count, char **words);
int command_rates(const struct settings *settings, int count, char **words);
int command_health(const struct settings *settings, int count, char **words);
int command_housekeeping(const struct settings *settings, int count, char **words);
