#pragma once
/*
 * Program
 *
 * Runs the built express-api with arguments, as a person on the command line
 * would, and keeps what it said. The program is $EXPRESS_TEST_BINARY, or else
 * $EXPRESS_API_BINARY, which the build sets.
 */
#include "base/annotate.h"

#include <stdbool.h>
#include <stddef.h>

struct program_result {
    int exit_code; /* 128 + signal when a signal ended it */
    char *out;     /* standard output, NUL-terminated */
    size_t out_bytes;
    char *error; /* standard error, NUL-terminated */
    size_t error_bytes;
};

/*
 * program_write_file() - a new file for it, or another program, to read
 * @path: "/tmp/express-rates-XXXXXX"; becomes that of the file, which the caller removes
 * @text: borrowed; all that is in it
 *
 * Return: false when it could not be written.
 */
MUST_CHECK bool program_write_file(char *path, const char *text);

/* The path of the program under test; NULL when the environment does not name it. */
const char *program_path(void);

/*
 * program_environment() - our environment without any EXPRESS_… of its own, and with changes
 * @changes: borrowed; NULL-terminated. "NAME=value" sets, "NAME" removes. May be NULL.
 *
 * Return: owned, free() the array alone; its strings are borrowed from @changes and the
 * environment. NULL when out of memory.
 */
char **program_environment(const char *const *changes);

/*
 * program_run() - run it to its end
 * @arguments:  borrowed; NULL-terminated, without the program's own name
 * @changes:    borrowed; see program_environment(). May be NULL.
 * @ret_result: owned by the caller, program_result_deinit()
 *
 * A run longer than two minutes is killed. Return: false, with a message in
 * @ret_result->error, when it could not be started.
 */
MUST_CHECK bool program_run(const char *const *arguments, const char *const *changes,
                            struct program_result *ret_result);
void program_result_deinit(struct program_result *result);
